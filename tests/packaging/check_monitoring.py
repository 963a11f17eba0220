#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds alert rules and dashboard of packaging/monitoring against promtool, the runbook, and what an engine really exports.

    check_monitoring.py ENGINE DIRECTORY RUNBOOK              prints what is wrong; 0: nothing
    check_monitoring.py ENGINE DIRECTORY RUNBOOK --self-test  then breaks copies of them, each in one way: all must be found out
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

from busy import busy

HISTOGRAM = ("_bucket", "_sum", "_count")
TARGET_LABELS = {"instance", "job"}  # Prometheus adds them


# ---- what is exported ------------------------------------------------------------------------------------------------------
def exported(program):
    """Name -> label -> values, after a call in which a provider failed, so that what is counted by who did it is there."""
    with busy(program) as served:
        text = served.metrics()
    series = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.M):
        of = series.setdefault(name, {})
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            of.setdefault(label, set()).add(value)
    # Which stage a failover was in is as open as the stages are.
    if "kav_failovers_total" in series:
        series["kav_failovers_total"]["stage"] |= series["kav_provider_state"]["stage"]
    return series


# ---- expressions -----------------------------------------------------------------------------------------------------------
def check_expression(where, expression, series, wrong):
    """Every metric is exported, with these labels; a value that is asked for is one that can be."""
    names = re.findall(r"\b(?:kav|process)_\w+", expression)
    if not names and "up{" not in expression:
        wrong.append(f"{where}: names no metric: {expression}")
    known_labels = set(TARGET_LABELS)
    for name in names:
        if name not in series:
            wrong.append(f"{where}: the engine exports no {name}")
        known_labels |= series.get(name, {}).keys()
    for name in re.findall(r"\bprocess_\w+\b(?!\{(?:job|instance)=)", expression):
        wrong.append(f"{where}: {name} is every program's: it needs a job")
    for name, matchers in re.findall(r"\b((?:kav|process)_\w+)\{([^}]*)\}", expression):
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', matchers):
            of = series.get(name, {})
            if label in TARGET_LABELS or not of:
                continue
            if label not in of:
                wrong.append(f"{where}: {name} has no label {label}")
            for each in value.split("|") if "~" in operator else [value]:
                if label in of and each not in of[label]:
                    wrong.append(f"{where}: {name} has no {label}={each}")
    for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
        for label in re.split(r",\s*", grouping):
            if label not in known_labels:
                wrong.append(f"{where}: groups by {label}, which is no label there")
    if "histogram_quantile" in expression and not re.search(r"by \([^)]*\ble\b", expression):
        wrong.append(f"{where}: a quantile without le")


def promtool(*args):
    done = subprocess.run(["promtool", *args], capture_output=True, text=True, timeout=60)
    return done.returncode, (done.stdout + done.stderr).strip().replace("\n", " ")


def check_rules(directory, series, wrong):
    rules, tests = directory / "kav.rules.yml", directory / "kav.rules.test.yml"
    for args in (("check", "rules", str(rules)), ("test", "rules", str(tests))):
        code, said = promtool(*args)
        if code != 0:
            wrong.append(f"promtool {' '.join(args[:2])}: {said}")
    try:
        groups = yaml.safe_load(rules.read_text())["groups"]
        cases = yaml.safe_load(tests.read_text())["tests"]
    except yaml.YAMLError as error:
        wrong.append(f"{rules.name}: {error}")
        return
    fires, stays = set(), set()
    for case in cases:
        for each in case["alert_rule_test"]:
            (fires if each["exp_alerts"] else stays).add(each["alertname"])
        for each in case["input_series"]:
            name, _, labels = each["series"].partition("{")
            for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
                if name.startswith("kav_") and label not in TARGET_LABELS | {"le", "provider", "from", "to"}:
                    if value not in series.get(name, {}).get(label, ()):
                        wrong.append(f"{tests.name}: the engine exports no {name} with {label}={value}")
            if name.startswith("kav_") and name not in series:
                wrong.append(f"{tests.name}: the engine exports no {name}")
    for rule in (rule for group in groups for rule in group["rules"]):
        where = f"{rules.name}: {rule['alert']}"
        check_expression(where, rule["expr"], series, wrong)
        if rule.get("labels", {}).get("severity") not in ("page", "ticket"):
            wrong.append(f"{where}: no severity")
        for text in ("summary", "runbook"):
            if not rule.get("annotations", {}).get(text):
                wrong.append(f"{where}: no {text}")
        if rule["alert"] not in fires:
            wrong.append(f"{where}: no case in which it fires")
        if rule["alert"] not in stays:
            wrong.append(f"{where}: no case in which it does not")


def check_runbook(directory, page, wrong):
    """Each alert has its row, and no row is left of one that is gone."""
    alerts = set(re.findall(r"^ +- alert: (\w+)", (directory / "kav.rules.yml").read_text(), re.M))
    rows = re.findall(r"^\| `(Kav\w+)` \|", page, re.M)
    wrong += [f"the runbook does not know {each}" for each in sorted(alerts - set(rows))]
    wrong += [f"the runbook has {each}, which is no alert" for each in sorted(set(rows) - alerts)]
    wrong += [f"the runbook has {each} twice" for each in sorted(set(rows)) if rows.count(each) > 1]


def check_dashboard(directory, series, wrong):
    file = directory / "kav-dashboard.json"
    try:
        board = json.loads(file.read_text())
    except ValueError as error:
        wrong.append(f"{file.name}: {error}")
        return
    variables = {each["name"] for each in board["templating"]["list"]}
    expressions, seen, places = [], set(), []
    for panel in board["panels"]:
        where = f"{file.name}: {panel['title']}"
        if panel["id"] in seen:
            wrong.append(f"{where}: its id is another panel's")
        seen.add(panel["id"])
        place = panel["gridPos"]
        x, y, w, h = place["x"], place["y"], place["w"], place["h"]
        if x + w > 24 or any(x < a + c and a < x + w and y < b + d and b < y + h for a, b, c, d in places):
            wrong.append(f"{where}: does not lie free")
        places.append((x, y, w, h))
        if panel["type"] == "row":
            continue
        if len({target["refId"] for target in panel["targets"]}) != len(panel["targets"]) or not panel["targets"]:
            wrong.append(f"{where}: its queries are not told apart")
        for target in panel["targets"]:
            expressions.append((where, target["expr"]))
            grouped = [set(re.split(r",\s*", each)) for each in re.findall(r"\bby \(([^)]*)\)", target["expr"])]
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                if grouped and not any(label in each for each in grouped):
                    wrong.append(f"{where}: its legend names {label}, which the query drops")
    expressions += [(f"{file.name}: annotation {each['name']}", each["expr"]) for each in board["annotations"]["list"]]
    for each in board["templating"]["list"]:
        if match := re.match(r"label_values\((\w+),", each.get("definition", "")):
            expressions.append((f"{file.name}: variable {each['name']}", match[1]))
    groups = []
    for where, expression in expressions:
        for name in re.findall(r"\$(?!__rate_interval)(\w+)", expression):
            if name not in variables:
                wrong.append(f"{where}: there is no variable {name}")
        check_expression(where, expression.replace('"$instance"', '".*"'), series, wrong)
        groups.append({"name": f"{len(groups)} {where}", "rules": [
            {"record": "check:one", "expr": expression.replace("$__rate_interval", "5m").replace("$instance", ".*")}]})
    with tempfile.TemporaryDirectory() as scratch:
        rules = pathlib.Path(scratch) / "dashboard.yml"
        rules.write_text(yaml.safe_dump({"groups": groups}))
        code, said = promtool("check", "rules", str(rules))
        if code != 0:
            wrong.append(f"{file.name}: {said}")


def check_all(directory, page, series):
    wrong = []
    check_rules(directory, series, wrong)
    check_runbook(directory, page, wrong)
    check_dashboard(directory, series, wrong)
    return wrong


# ---- the check, checked ------------------------------------------------------------------------------------------------
RULES, CASES, BOARD = "kav.rules.yml", "kav.rules.test.yml", "kav-dashboard.json"
BREAKS = [  # file, what stands there, what is put in its place, what must be said of it
    (RULES, "kav_calls_active > 0.8", "kav_calls_live > 0.8", "exports no kav_calls_live"),
    (RULES, 'state="failed"', 'state="fail"', "has no state=fail"),
    (RULES, 'reason="full"', 'reson="full"', "has no label reson"),
    (RULES, "stream-lost|", "stream-los|", "has no end_reason=stream-los"),
    (RULES, "by (instance, stage, from)", "by (instance, stage, provider)", "groups by provider"),
    (RULES, "alert: KavStalls", "alert: KavStops", "the runbook does not know KavStops"),
    (RULES, "alert: KavStalls", "alert: KavStops", "the runbook has KavStalls, which is no alert"),
    (RULES, 'changes(process_start_time_seconds{job="kav"}[30m])', "changes(process_start_time_seconds[30m])", "it needs a job"),
    (RULES, "by (instance, le)", "by (instance)", "promtool test rules"),
    (RULES, "> 0.8 * kav_capacity", "> 0.8 * * kav_capacity", "promtool check rules"),
    (RULES, "> 0.8 *", "> 0.9 *", "promtool test rules"),
    (RULES, "kav_calllog_database_up == 0", "kav_calllog_database_up == 1", "promtool test rules"),
    (RULES, "        labels: {severity: ticket}\n", "", "no severity"),
    (CASES, "alertname: KavJournalGrows", "alertname: KavJournalGrow", "promtool test rules"),
    (CASES, 'reason="full"', 'reason="ful"', "with reason=ful"),
    (BOARD, "kav_consoles_connected", "kav_consoles", "exports no kav_consoles"),
    (BOARD, "sum by (part)", "sum by (parts)", "groups by parts"),
    (BOARD, '"{{end_reason}}"', '"{{reason}}"', "which the query drops"),
    (BOARD, "$instance", "$engine", "there is no variable engine"),
    (BOARD, "[$__rate_interval]", "[$__rate_interval", "dashboard.yml"),
    (BOARD, '"id": 3,', '"id": 2,', "another panel's"),
    (BOARD, '"x": 4,', '"x": 3,', "does not lie free"),
    (BOARD, '"panels": [', '"panels": {', "kav-dashboard.json"),
]


def self_test(directory, page, series):
    failed = 0
    for file, old, new, saying in BREAKS:
        with tempfile.TemporaryDirectory() as scratch:
            copy = pathlib.Path(scratch) / "monitoring"
            shutil.copytree(directory, copy)
            text = (copy / file).read_text()
            if old not in text:
                print(f"FAILED: {file} has no longer: {old!r}")
                failed += 1
                continue
            (copy / file).write_text(text.replace(old, new, 1))
            wrong = check_all(copy, page, series)
            if not any(saying in each for each in wrong):
                print(f"FAILED: {file} with {new!r} was let pass; said: {wrong}")
                failed += 1
    print(f"{len(BREAKS)} broken copies, {failed} not found out")
    return failed


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    series = exported(program)
    page = pathlib.Path(sys.argv[3]).read_text(encoding="utf-8")
    wrong = check_all(directory, page, series)
    print("\n".join(wrong) or "nothing is wrong")
    failed = self_test(directory, page, series) if sys.argv[4:] == ["--self-test"] else 0
    sys.exit(1 if wrong or failed else 0)


main()
