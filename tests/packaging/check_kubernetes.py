#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds packaging/kubernetes against Kubernetes' API, against itself, and against the engine.

    check_kubernetes.py ENGINE DIRECTORY            prints what is wrong; 0: nothing
    check_kubernetes.py ENGINE DIRECTORY --self-test  then breaks copies of it, each in one way: all must be found out
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

import yaml

from served import Served, environment

# ---- what the API's objects may have -----------------------------------------------------------------------------------
# A dict: an object with these fields and no others, those with "!" must be there. A list: a list of such. A type: a value
# of it. ANY: text to text. A set: one of. Only what these manifests have use for: a field that is not here is first looked up, then
# added.
ANY = {"*": str}
QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
META = {"name!": NAME, "namespace": NAME, "labels": ANY, "annotations": ANY}
SELECTOR = {"matchLabels!": ANY}
PROBE = {"httpGet!": {"path!": str, "port!": (int, str)}, "periodSeconds": int, "timeoutSeconds": int,
         "failureThreshold": int, "successThreshold": int, "initialDelaySeconds": int}
ITEMS = [{"key!": str, "path!": str, "mode": int}]
KEYREF = {"name!": NAME, "key!": str, "optional": bool}
ENV = [{"name!": re.compile(r"[A-Z][A-Z0-9_]*"), "value": str, "valueFrom": {
    "secretKeyRef": KEYREF, "configMapKeyRef": KEYREF, "fieldRef": {"fieldPath!": {"metadata.name", "metadata.namespace", "status.podIP"}}}}]
CONTAINER = {
    "name!": NAME, "image!": str, "imagePullPolicy": {"Always", "IfNotPresent", "Never"}, "args": [str], "command": [str],
    "ports!": [{"name!": re.compile(r"(?=.*[a-z])[a-z0-9-]{1,15}"), "containerPort!": int, "protocol": {"TCP", "UDP", "SCTP"}}],
    "env": ENV, "resources!": {"requests!": {"cpu!": QUANTITY, "memory!": QUANTITY}, "limits!": {"cpu": QUANTITY, "memory!": QUANTITY}},
    "startupProbe": PROBE, "livenessProbe!": PROBE, "readinessProbe!": PROBE,
    "lifecycle!": {"preStop!": {"sleep!": {"seconds!": int}}},
    "securityContext!": {"allowPrivilegeEscalation!": bool, "readOnlyRootFilesystem!": bool,
                         "capabilities!": {"drop!": [str]}},
    "volumeMounts": [{"name!": NAME, "mountPath!": str, "readOnly": bool}]}
VOLUME = {"name!": NAME, "configMap": {"name!": NAME, "items": ITEMS, "defaultMode": int},
          "secret": {"secretName!": NAME, "items!": ITEMS, "defaultMode": int, "optional": bool},
          "emptyDir": {"medium": {"", "Memory"}, "sizeLimit": QUANTITY}, "persistentVolumeClaim": {"claimName!": NAME}}
POD = {"automountServiceAccountToken!": bool, "enableServiceLinks!": bool, "terminationGracePeriodSeconds!": int,
       "securityContext!": {"runAsNonRoot!": bool, "runAsUser!": int, "runAsGroup!": int, "fsGroup!": int,
                            "fsGroupChangePolicy": {"Always", "OnRootMismatch"}, "seccompProfile!": {"type!": {"RuntimeDefault"}}},
       "topologySpreadConstraints": [{"maxSkew!": int, "topologyKey!": str, "whenUnsatisfiable!": {"DoNotSchedule", "ScheduleAnyway"},
                                      "labelSelector!": SELECTOR}],
       "containers!": [CONTAINER], "volumes": [VOLUME]}
PEERS = [{"namespaceSelector": SELECTOR, "podSelector": SELECTOR, "ipBlock": {"cidr!": str, "except": [str]}}]
POLICY_PORTS = [{"protocol!": {"TCP", "UDP"}, "port!": (int, str)}]
SCALING = {"stabilizationWindowSeconds": int, "policies": [{"type!": {"Pods", "Percent"}, "value!": int, "periodSeconds!": int}],
           "selectPolicy": {"Min", "Max", "Disabled"}}
BACKEND = {"service!": {"name!": NAME, "port!": {"name": str, "number": int}}}
KINDS = {
    ("apps/v1", "Deployment"): {"spec!": {
        "replicas": int, "revisionHistoryLimit": int, "selector!": SELECTOR,
        "strategy": {"type!": {"RollingUpdate", "Recreate"}, "rollingUpdate": {"maxSurge": int, "maxUnavailable": int}},
        "template!": {"metadata!": {"labels!": ANY, "annotations": ANY}, "spec!": POD}}},
    ("v1", "Service"): {"spec!": {"type": {"ClusterIP", "NodePort", "LoadBalancer"}, "selector!": ANY, "ports!": [
        {"name!": str, "port!": int, "targetPort!": (int, str), "protocol": {"TCP"}}]}},
    ("v1", "ConfigMap"): {"data!": ANY},
    ("v1", "PersistentVolumeClaim"): {"spec!": {
        "accessModes!": [{"ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"}], "storageClassName": str,
        "resources!": {"requests!": {"storage!": QUANTITY}}}},
    ("policy/v1", "PodDisruptionBudget"): {"spec!": {
        "maxUnavailable": int, "minAvailable": int, "unhealthyPodEvictionPolicy": {"AlwaysAllow", "IfHealthyBudget"}, "selector!": SELECTOR}},
    ("networking.k8s.io/v1", "NetworkPolicy"): {"spec!": {
        "podSelector!": SELECTOR, "policyTypes!": [{"Ingress", "Egress"}],
        "ingress!": [{"from!": PEERS, "ports!": POLICY_PORTS}], "egress!": [{"to!": PEERS, "ports!": POLICY_PORTS}]}},
    ("networking.k8s.io/v1", "Ingress"): {"spec!": {
        "ingressClassName!": str, "tls!": [{"hosts!": [str], "secretName!": NAME}],
        "rules!": [{"host!": str, "http!": {"paths!": [{"path!": str, "pathType!": {"Prefix", "Exact"}, "backend!": BACKEND}]}}]}},
    ("autoscaling/v2", "HorizontalPodAutoscaler"): {"spec!": {
        "scaleTargetRef!": {"apiVersion!": str, "kind!": str, "name!": NAME}, "minReplicas!": int, "maxReplicas!": int,
        "metrics!": [{"type!": {"Pods"}, "pods!": {"metric!": {"name!": str}, "target!": {"type!": {"AverageValue"}, "averageValue!": QUANTITY}}}],
        "behavior": {"scaleUp": SCALING, "scaleDown": SCALING}}}}
KUSTOMIZATION = {"apiVersion!": {"kustomize.config.k8s.io/v1beta1"}, "kind!": {"Kustomization"}, "namespace": NAME, "resources!": [str],
                 "images": [{"name!": str, "newName": str, "newTag": str, "digest": str}], "patches": [{"path!": str}],
                 "configMapGenerator": [{"name!": NAME, "files!": [str]}]}
# Of the variables that are no settings of the engine.
OTHER_VARIABLES = {"POD_NAME", "KAV_CONFIG"}
# By what Kubernetes tells the elements of a list apart when it merges a patch into it; any other list is replaced.
MERGE_KEYS = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath", "ports": "containerPort"}


def fits(value, schema, where, wrong):
    """Adds to `wrong` in what `value` is not as `schema` has it."""
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            wrong.append(f"{where}: not an object")
        elif "*" in schema:
            for key, each in value.items():
                fits(each, schema["*"], f"{where}.{key}", wrong)
        else:
            fields = {key.rstrip("!"): each for key, each in schema.items()}
            for key in value:
                if key not in fields:
                    wrong.append(f"{where}: unknown field {key}")
                else:
                    fits(value[key], fields[key], f"{where}.{key}", wrong)
            for key in schema:
                if key.endswith("!") and key[:-1] not in value:
                    wrong.append(f"{where}: no {key[:-1]}")
    elif isinstance(schema, list):
        if not isinstance(value, list) or not value:
            wrong.append(f"{where}: not a list with something in it")
            return
        for i, each in enumerate(value):
            fits(each, schema[0], f"{where}[{each['name'] if isinstance(each, dict) and 'name' in each else i}]", wrong)
    elif isinstance(schema, set):
        if value not in schema:
            wrong.append(f"{where}: {value!r} is none of {', '.join(sorted(schema))}")
    elif isinstance(schema, re.Pattern):
        if not isinstance(value, str) or not schema.fullmatch(value):
            wrong.append(f"{where}: {value!r} has not the form of its kind")
    elif not isinstance(value, schema) or (isinstance(value, bool) and schema is not bool):
        wrong.append(f"{where}: {value!r} is of the wrong type")


# ---- as kustomize does it ------------------------------------------------------------------------------------------------
class UniqueLoader(yaml.SafeLoader):
    """YAML lets the second of two equal keys win in silence."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{node.start_mark}: {key} twice")
        return super().construct_mapping(node, deep)


def documents(path):
    return [each for each in yaml.load_all(path.read_text(), UniqueLoader) if each is not None]


def merged(base, patch, key=""):
    if isinstance(base, dict) and isinstance(patch, dict):
        result = {k: v for k, v in base.items() if patch.get(k, v) is not None}
        result.update({k: merged(base.get(k), v, k) for k, v in patch.items() if v is not None})
        return result
    name = MERGE_KEYS.get(key)
    if isinstance(base, list) and isinstance(patch, list) and name:
        old = {each[name]: each for each in base}
        new = [merged(old.pop(each[name], None), each) for each in patch]
        return new + list(old.values())
    if isinstance(patch, dict):
        return {k: merged(None, v, k) for k, v in patch.items() if v is not None}
    return patch


def identity(each):
    return each.get("apiVersion"), each.get("kind"), (each.get("metadata") or {}).get("name")


def check_form(each, where, wrong):
    version, kind, name = identity(each)
    schema = KINDS.get((version, kind))
    if schema is None:
        wrong.append(f"{where}: {version} {kind} is not known here")
    else:
        fits(each, {"apiVersion!": str, "kind!": str, "metadata!": META, **schema}, f"{where}: {kind}/{name}", wrong)


def render(directory, wrong):
    """What `kubectl apply -k` would apply, by identity."""
    file = directory / "kustomization.yaml"
    if not file.exists():
        wrong.append(f"{directory}: no kustomization.yaml")
        return {}
    (kustomization,) = documents(file)
    fits(kustomization, KUSTOMIZATION, str(file), wrong)
    objects = {}
    before = len(wrong)

    def add(each):
        check_form(each, directory.name, wrong)
        if identity(each) in objects:
            wrong.append(f"{file}: {identity(each)} twice")
        objects[identity(each)] = each

    used = {file.name}
    for resource in kustomization.get("resources", []):
        path = directory / resource
        used.add(resource)
        if path.is_dir():
            for each in render(path.resolve(), wrong).values():
                add(each)
        elif path.exists():
            for each in documents(path):
                add(each)
        else:
            wrong.append(f"{file}: there is no {resource}")
    for generator in kustomization.get("configMapGenerator", []):
        used.update(generator["files"])
        add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]},
             "data": {name: (directory / name).read_text() for name in generator["files"]}})
    if len(wrong) > before:
        return objects
    for patch in kustomization.get("patches", []):
        used.add(patch["path"])
        for each in documents(directory / patch["path"]):
            if identity(each) not in objects:
                wrong.append(f"{directory / patch['path']}: changes {identity(each)}, which the base has not")
                continue
            for name in [c.get("name") for c in each.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])]:
                known = [c["name"] for c in objects[identity(each)]["spec"]["template"]["spec"]["containers"]]
                if name not in known:
                    wrong.append(f"{directory / patch['path']}: changes container {name}, which the base has not")
            objects[identity(each)] = merged(objects[identity(each)], each)
    for image in kustomization.get("images", []):
        hits = [c for each in objects.values() if each["kind"] == "Deployment"
                for c in each["spec"]["template"]["spec"]["containers"] if c.get("image") == image["name"]]
        if not hits:
            wrong.append(f"{file}: no container has the image {image['name']}")
        for container in hits:
            container["image"] = image.get("newName", image["name"]) + ":" + image.get("newTag", "latest")
    for each in objects.values():
        if "namespace" in kustomization:
            each["metadata"]["namespace"] = kustomization["namespace"]
    for path in directory.iterdir():
        if path.name not in used:
            wrong.append(f"{path}: nobody names it")
    return objects


# ---- the engine ------------------------------------------------------------------------------------------------------------
class Engine:
    def __init__(self, program):
        self.program = program
        text = self.run("--help").stdout
        self.variables, self.secrets, self.keys = set(), set(), set()
        entry = re.compile(r"^  ((?:--[a-z-]+, )?)([a-z_]+\.[a-z_]+), ([A-Z0-9_, ]+)\n      .*\n      (.*)$", re.M)
        for _, key, names, kind in entry.findall(text):
            self.keys.add(key)
            self.variables.update(names.split(", "))
            if kind.startswith("secret"):
                self.secrets.update(names.split(", "))
        example = set()
        section = ""
        for line in self.run("example-config").stdout.splitlines():
            if match := re.fullmatch(r"\[(\w+)\]", line):
                section = match[1]
            elif (match := re.match(r"#(\w+) = ", line)) and section:
                example.add(f"{section}.{match[1]}")
        if not self.keys or not self.secrets or self.keys != example:
            sys.exit(f"--help and example-config were not understood: {sorted(self.keys ^ example)}")

    def run(self, *args, **more):
        return subprocess.run([self.program, *args], env=environment(**more), capture_output=True, text=True, timeout=60)


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)?", str(text)).groups()
    return int(number) * {"ms": 0.001, None: 0.001, "s": 1, "m": 60, "h": 3600}[unit]


# ---- one rendered folder -----------------------------------------------------------------------------------------------
def check(directory, engine, wrong):
    before = len(wrong)
    objects = render(directory, wrong)
    for each in objects.values():
        check_form(each, directory.name, wrong)
    if len(wrong) > before:
        return  # what follows takes the forms for granted

    def of(kind):
        return [each for each in objects.values() if each["kind"] == kind]

    def say(each, what):
        wrong.append(f"{directory.name}: {each['kind']}/{each['metadata']['name']}: {what}")

    def named(kind, name):
        return any(each["metadata"]["name"] == name for each in of(kind))

    namespaces = {each["metadata"].get("namespace") for each in objects.values()}
    if len(namespaces) != 1:
        wrong.append(f"{directory.name}: more than one namespace: {namespaces}")
    for each in objects.values():
        if each["kind"] != "ConfigMap" and "app.kubernetes.io/name" not in each["metadata"].get("labels", {}):
            say(each, "has no label app.kubernetes.io/name")
    for kind in ("Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"):
        if not of(kind):
            wrong.append(f"{directory.name}: no {kind}")
            return

    deployments = of("Deployment")
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in deployments]

    def selects(each, selector, what):
        if not selector or not any(selector.items() <= pod.items() for pod in labels):
            say(each, f"{what} selects no pod: {selector}")

    ports = {port["name"]: port["containerPort"] for each in deployments for c in each["spec"]["template"]["spec"]["containers"] for port in c["ports"]}

    def is_port(port):
        return port in ports or port in ports.values()

    for each in deployments:
        check_deployment(each, objects, engine, say, named, selects, is_port)
    for each in of("Service"):
        selects(each, each["spec"]["selector"], "its selector")
        for port in each["spec"]["ports"]:
            if not is_port(port["targetPort"]):
                say(each, f"no container has port {port['targetPort']}")
    for each in of("PodDisruptionBudget"):
        selects(each, each["spec"]["selector"]["matchLabels"], "its selector")
        if ("maxUnavailable" in each["spec"]) == ("minAvailable" in each["spec"]):
            say(each, "one of maxUnavailable and minAvailable, not both")
        if each["spec"].get("maxUnavailable") == 0:
            say(each, "no node could ever be emptied")
    for each in of("NetworkPolicy"):
        selects(each, each["spec"]["podSelector"]["matchLabels"], "its podSelector")
        if sorted(each["spec"]["policyTypes"]) != ["Egress", "Ingress"]:
            say(each, "does not hold both ways")
        for rule in each["spec"]["ingress"]:
            for port in rule["ports"]:
                if not is_port(port["port"]):
                    say(each, f"lets in to port {port['port']}, which no container has")
    services = {each["metadata"]["name"]: {p[k] for p in each["spec"]["ports"] for k in ("name", "port")} for each in of("Service")}
    public = [v["value"] for each in deployments for c in each["spec"]["template"]["spec"]["containers"] for v in c.get("env", []) if v["name"] == "KAV_PUBLIC_URL"]
    for each in of("Ingress"):
        secure = {host for tls in each["spec"]["tls"] for host in tls["hosts"]}
        for rule in each["spec"]["rules"]:
            if rule["host"] not in secure:
                say(each, f"{rule['host']} has no certificate")
            if f"https://{rule['host']}" not in public:
                say(each, f"{rule['host']} is not KAV_PUBLIC_URL {public}: every signature would be wrong")
            for path in rule["http"]["paths"]:
                target = path["backend"]["service"]
                if not {*target["port"].values()} <= services.get(target["name"], set()):
                    say(each, f"leads to {target}, which there is not")
            paths = {path["path"] for path in rule["http"]["paths"]}
            if not {"/webhook/", "/media/", "/console"} <= paths:
                say(each, f"leaves out what must be reached: {sorted(paths)}")
            if paths & {"/", "/metrics", "/readyz"}:
                say(each, "shows the world what is not for it")
    for each in of("HorizontalPodAutoscaler"):
        target = each["spec"]["scaleTargetRef"]
        if (target["apiVersion"], target["kind"], target["name"]) not in objects:
            say(each, f"scales {target}, which there is not")
        elif "replicas" in objects[target["apiVersion"], target["kind"], target["name"]]["spec"]:
            say(each, "its Deployment says replicas, too: each apply would undo it")
        if each["spec"]["minReplicas"] > each["spec"]["maxReplicas"]:
            say(each, "minReplicas above maxReplicas")
        for metric in each["spec"]["metrics"]:
            if metric["pods"]["metric"]["name"] not in engine.metrics:
                say(each, f"the engine exports no {metric['pods']['metric']['name']}")
            capacity = settings_of(objects).get("server.capacity")
            if not isinstance(capacity, int) or not 0 < int(metric["pods"]["target"]["averageValue"]) < capacity:
                say(each, f"asks for more pods at a load that none reaches: server.capacity is {capacity}")


def settings_of(objects):
    return {f"{section}.{key}": value for each in objects.values() if each["kind"] == "ConfigMap"
            for section, table in tomllib.loads(each["data"]["kav.toml"]).items() for key, value in table.items()}


def check_deployment(each, objects, engine, say, named, selects, is_port):
    spec = each["spec"]
    pod = spec["template"]["spec"]
    selects(each, spec["selector"]["matchLabels"], "its selector")
    if pod["enableServiceLinks"] or pod["automountServiceAccountToken"]:
        say(each, "service links and the service account's token are of no use to it")
    security = pod["securityContext"]
    if not security["runAsNonRoot"] or min(security["runAsUser"], security["runAsGroup"]) == 0:
        say(each, "runs as root")
    for constraint in pod.get("topologySpreadConstraints", []):
        selects(each, constraint["labelSelector"]["matchLabels"], "its topologySpreadConstraint")
    annotations = spec["template"]["metadata"].get("annotations", {})
    if "prometheus.io/port" in annotations and not is_port(int(annotations["prometheus.io/port"])):
        say(each, "is scraped at a port that it has not")
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    for volume in volumes.values():
        if len(volume) != 2:
            say(each, f"volume {volume['name']} must come from one source: {sorted(volume)}")
        if "configMap" in volume and not named("ConfigMap", volume["configMap"]["name"]):
            say(each, f"there is no ConfigMap {volume['configMap']['name']}")
        if "persistentVolumeClaim" in volume and not named("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]):
            say(each, f"there is no PersistentVolumeClaim {volume['persistentVolumeClaim']['claimName']}")
    settings = settings_of(objects)
    for key in settings:
        if key not in engine.keys:
            say(each, f"kav.toml: {key} is no setting")
    for container in pod["containers"]:
        check_container(each, container, volumes, objects, engine, say, is_port)
        stop = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        needed = stop + seconds(settings.get("server.drain", "30m")) + 20 + 30
        if pod["terminationGracePeriodSeconds"] < needed:
            say(each, f"is killed after {pod['terminationGracePeriodSeconds']} s, but may need {needed:g} s: preStop, server.drain, goodbye, log")


def check_container(each, container, volumes, objects, engine, say, is_port):
    security = container["securityContext"]
    if security["allowPrivilegeEscalation"] or not security["readOnlyRootFilesystem"] or security["capabilities"]["drop"] != ["ALL"]:
        say(each, "may more than it needs")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        get = container.get(probe, {}).get("httpGet")
        if get and not is_port(get["port"]):
            say(each, f"{probe}: no port {get['port']}")
        # /readyz is 503 for an engine that is full or ends: it must not be killed for that.
        if get and get["path"] not in (("/healthz", "/readyz") if probe == "readinessProbe" else ("/healthz",)):
            say(each, f"{probe}: asks {get['path']}")
    mounts = {}
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in volumes:
            say(each, f"there is no volume {mount['name']}")
        mounts[mount["mountPath"]] = mount
    for name in volumes.keys() - {mount["name"] for mount in mounts.values()}:
        say(each, f"nobody mounts volume {name}")

    def volume_at(path):
        best = max((m for m in mounts if path == m or path.startswith(m + "/")), key=len, default=None)
        return (best, mounts[best], volumes.get(mounts[best]["name"], {})) if best else (None, {}, {})

    known = {}
    for variable in container.get("env", []):
        name = variable["name"]
        if name in known:
            say(each, f"{name} twice")
        if ("value" in variable) == ("valueFrom" in variable):
            say(each, f"{name}: a value or valueFrom")
        value = variable.get("value", "pod" if "fieldRef" in variable.get("valueFrom", {}) else "AC" + "0" * 32)
        for other in re.findall(r"\$\(([^)]*)\)", value):
            if other not in known:
                say(each, f"{name}: {other} does not stand before it")
            value = value.replace(f"$({other})", known.get(other, ""))
        known[name] = value
        plain = name.removesuffix("_FILE") if name.endswith("_FILE") and name not in engine.variables else None
        if plain is not None and plain not in engine.secrets:
            say(each, f"{name}: {plain} is no secret setting of the engine")
        elif plain is None and name not in engine.variables | OTHER_VARIABLES:
            say(each, f"{name} is no variable of the engine")
        if plain is None and name in engine.secrets and "secretKeyRef" not in variable.get("valueFrom", {}):
            say(each, f"{name}: a secret, in the manifest")
        if plain is not None:
            at, _, volume = volume_at(value)
            if "secret" not in volume or value.removeprefix(f"{at}/") not in {i["path"] for i in volume["secret"]["items"]}:
                say(each, f"{name}: no secret is mounted as {value}")
    for path in ([known["KAV_CONFIG"]] if "KAV_CONFIG" in known else []):
        at, _, volume = volume_at(path)
        data = next((o["data"] for o in objects.values() if o["kind"] == "ConfigMap" and o["metadata"]["name"] == volume.get("configMap", {}).get("name")), {})
        if path.removeprefix(f"{at}/") not in data:
            say(each, f"KAV_CONFIG: no ConfigMap has {path}")
    at, mount, volume = volume_at(known.get("KAV_DATA_DIR", ""))
    if at is None or mount.get("readOnly") or not {"emptyDir", "persistentVolumeClaim"} & volume.keys():
        say(each, f"the data directory {known.get('KAV_DATA_DIR')} cannot be written")
    if "persistentVolumeClaim" in volume and known.get("POD_NAME", "?") not in known["KAV_DATA_DIR"]:
        say(each, "two pods of an update would have one data directory, and the engine locks it")
    for name, mount in ((m["name"], m) for m in mounts.values()):
        if {"secret", "configMap"} & volumes.get(name, {}).keys() and not mount.get("readOnly"):
            say(each, f"volume {name} is not mounted readOnly")
    read_as_engine_does(each, known, objects, engine, say)


def read_as_engine_does(each, known, objects, engine, say):
    """The engine itself reads file and variables; secrets are of this test."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / "secret").write_text("operator:0123456789abcdef0123456789abcdef\n")
        for other in objects.values():
            if other["kind"] == "ConfigMap":
                (folder / "kav.toml").write_text(other["data"]["kav.toml"])
        given = {k: v for k, v in known.items() if k not in OTHER_VARIABLES}
        given.update({k: str(folder / "secret") for k in given if k.endswith("_FILE")})
        given.update(KAV_CONFIG=str(folder / "kav.toml"), KAV_DATA_DIR=str(folder))
        done = engine.run("recordings", "--json", **given)
        if done.returncode != 0:
            say(each, f"the engine refuses these settings: {(done.stderr or done.stdout).strip()}")


def check_secrets(directory, wrong):
    """The Secret is nobody's manifest: the README's command makes it, with the keys that the manifests name."""
    made = set(re.findall(r"--from-(?:file|literal)=([a-z-]+)", (directory / "README.md").read_text()))
    wanted = set()

    def walk(each):
        if isinstance(each, dict):
            secret = each.get("secret")
            if isinstance(secret, dict):
                wanted.update(item["key"] for item in secret.get("items", []))
            if isinstance(each.get("secretKeyRef"), dict):
                wanted.add(each["secretKeyRef"]["key"])
        for more in each.values() if isinstance(each, dict) else each if isinstance(each, list) else ():
            walk(more)

    for path in directory.rglob("*.yaml"):
        for each in documents(path):
            walk(each)
    for key in sorted(wanted ^ made):
        wrong.append(f"secret {key}: " + ("no manifest names it" if key in made else "README.md does not make it"))


def check_all(directory, engine):
    wrong = []
    try:
        folders = sorted(path.parent for path in directory.rglob("kustomization.yaml"))
        if len(folders) < 2:
            wrong.append(f"{directory}: no base with an overlay")
        for folder in folders:
            check(folder.resolve(), engine, wrong)
        check_secrets(directory, wrong)
    except (yaml.YAMLError, tomllib.TOMLDecodeError, ValueError) as error:
        wrong.append(str(error).replace("\n", " "))
    return list(dict.fromkeys(wrong))


# ---- the check, checked ------------------------------------------------------------------------------------------------
BREAKS = [  # file, what stands there, what is put in its place, what must be said of it
    ("base/deployment.yaml", "          image: kav-engine", "          imagge: kav-engine", "unknown field imagge"),
    ("base/deployment.yaml", "          image: kav-engine", "          image: kav-engine\n          image: twice", "image twice"),
    ("base/deployment.yaml", "containerPort: 5000", 'containerPort: "5000"', "wrong type"),
    ("base/deployment.yaml", "  replicas: 1", "  replicas: [", "expected"),
    ("base/deployment.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "runs as root"),
    ("base/deployment.yaml", "type: RuntimeDefault", "type: Unconfined", "none of RuntimeDefault"),
    ("base/deployment.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "more than it needs"),
    ("base/deployment.yaml", "                - ALL", "                - CHOWN", "more than it needs"),
    ("base/deployment.yaml", "terminationGracePeriodSeconds: 1920", "terminationGracePeriodSeconds: 1800", "is killed after"),
    ("base/deployment.yaml", "KAV_MEDIA_KEY_FILE", "KAV_MEDIA_KEYS_FILE", "KAV_MEDIA_KEYS is no secret setting"),
    ("base/deployment.yaml", "DB_BOOTSTRAP", "DB_BOOTSTRP", "DB_BOOTSTRP is no variable"),
    ("base/deployment.yaml", "name: KAV_MEDIA_KEY_FILE", "name: KAV_MEDIA_KEY", "a secret, in the manifest"),
    ("base/deployment.yaml", "value: /run/secrets/kav/media-key", "value: /run/secrets/kav/mediakey", "no secret is mounted as"),
    ("base/deployment.yaml", "secretName: kav-secrets", "secretName: kav_secrets", "has not the form"),
    ("base/deployment.yaml", "            name: kav-config", "            name: kav-confg", "there is no ConfigMap"),
    ("base/deployment.yaml", "            - name: tmp\n", "            - name: temp\n", "there is no volume temp"),
    ("base/deployment.yaml", "              path: /healthz", "              path: /readyz", "startupProbe: asks /readyz"),
    ("base/deployment.yaml", "              port: http", "              port: web", "no port web"),
    ("base/deployment.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "service links"),
    ("base/deployment.yaml", "              value: /var/lib/kav", "              value: /var/lib/other", "cannot be written"),
    ("base/deployment.yaml", "        app.kubernetes.io/component: engine\n      annotations", "        app.kubernetes.io/component: console\n      annotations", "selects no pod"),
    ("base/deployment.yaml", 'prometheus.io/port: "5000"', 'prometheus.io/port: "5001"', "scraped at a port"),
    ("base/kav.toml", "media_workers", "media_worker", "server.media_worker is no setting"),
    ("base/kav.toml", "capacity = 400", 'capacity = "many"', "the engine refuses these settings"),
    ("base/kav.toml", "capacity = 400", "capacity = 200", "load that none reaches"),
    ("base/kav.toml", '"30m"', '"2h"', "is killed after"),
    ("base/service.yaml", "    app.kubernetes.io/component: engine\n  ports", "    app.kubernetes.io/component: web\n  ports", "selects no pod"),
    ("base/service.yaml", "targetPort: http", "targetPort: https", "no container has port"),
    ("base/service.yaml", "kind: Service", "kind: Servise", "is not known here"),
    ("base/poddisruptionbudget.yaml", "maxUnavailable: 1", "maxUnavailable: 0", "ever be emptied"),
    ("base/poddisruptionbudget.yaml", "policy/v1\n", "policy/v1beta1\n", "is not known here"),
    ("base/networkpolicy.yaml", "          port: http", "          port: 5001", "which no container has"),
    ("base/networkpolicy.yaml", "    - Egress\n", "", "both ways"),
    ("base/kustomization.yaml", "  - service.yaml\n", "", "nobody names it"),
    ("overlays/example/deployment.yaml", "  name: kav\n", "  name: kav-engine\n", "which the base has not"),
    ("overlays/example/deployment.yaml", "        - name: engine", "        - name: engines", "which the base has not"),
    ("overlays/example/deployment.yaml", "/var/lib/kav/$(POD_NAME)", "/var/lib/kav", "engine locks it"),
    ("overlays/example/deployment.yaml", "$(POD_NAME)", "$(POD)", "does not stand before it"),
    ("overlays/example/deployment.yaml", "claimName: kav-state", "claimName: kav-data", "there is no PersistentVolumeClaim"),
    ("overlays/example/deployment.yaml", "          emptyDir: null\n", "", "from one source"),
    ("overlays/example/deployment.yaml", "value: https://kav.example.com", "value: https://kav.example.org", "every signature"),
    ("overlays/example/ingress.yaml", "                name: kav\n", "                name: kaw\n", "which there is not"),
    ("overlays/example/ingress.yaml", "path: /webhook/", "path: /", "shows the world"),
    ("overlays/example/kustomization.yaml", "  - name: kav-engine", "  - name: engine", "no container has the image"),
    ("overlays/example/kustomization.yaml", "patches:", "patchesJson:", "unknown field patchesJson"),
    ("overlays/fleet/horizontalpodautoscaler.yaml", "name: kav_calls_active", "name: kav_calls_live", "exports no kav_calls_live"),
    ("overlays/fleet/horizontalpodautoscaler.yaml", "    kind: Deployment", "    kind: StatefulSet", "which there is not"),
    ("overlays/example/deployment.yaml", "key: twilio-account-sid", "key: twilio-sid", "secret twilio-sid: README.md does not make it"),
    ("README.md", "--from-file=openai-api-key", "", "secret openai-api-key: README.md does not make it"),
    ("overlays/fleet/deployment.yaml", "  replicas: null # the autoscaler's\n", "", "each apply would undo it"),
]


def self_test(directory, engine):
    failed = 0
    for file, old, new, saying in BREAKS:
        with tempfile.TemporaryDirectory() as scratch:
            copy = pathlib.Path(scratch) / "kubernetes"
            shutil.copytree(directory, copy)
            text = (copy / file).read_text()
            if old not in text:
                print(f"FAILED: {file} has no longer: {old!r}")
                failed += 1
                continue
            (copy / file).write_text(text.replace(old, new, 1))
            wrong = check_all(copy, engine)
            if not any(saying in each for each in wrong):
                print(f"FAILED: {file} with {new!r} was let pass; said: {wrong}")
                failed += 1
    print(f"{len(BREAKS)} broken copies, {failed} not found out")
    return failed


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    engine = Engine(program)
    with Served(program) as served:
        engine.metrics = served.metric_names()
    wrong = check_all(directory, engine)
    print("\n".join(wrong) or "nothing is wrong")
    failed = self_test(directory, engine) if sys.argv[3:] == ["--self-test"] else 0
    sys.exit(1 if wrong or failed else 0)


main()
