#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes a real engine that takes calls, with the rules of packaging/monitoring loaded.

    check_prometheus.py ENGINE DIRECTORY            prints what is wrong; 0: nothing
"""
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

from busy import broken_model, call, until
from served import Served

SCRAPE = 1  # s
# Long enough for a machine on which everything takes ten times as long.
START, SEEN = 120, 240
# What a machine may fire by being slow.
BY_LOAD = {"KavAnswersSlow", "KavFallbacks", "KavFramesLate", "KavStalls"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """On loopback, with a store that goes with it."""

    def __init__(self, target, rules):
        self.directory = tempfile.TemporaryDirectory()
        self.home = pathlib.Path(self.directory.name)
        shutil.copy(rules, self.home / "kav.rules.yml")
        (self.home / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": f"{SCRAPE}s", "scrape_timeout": f"{SCRAPE}s", "evaluation_interval": f"{SCRAPE}s"},
            "rule_files": ["kav.rules.yml"],
            "scrape_configs": [{"job_name": "kav", "static_configs": [{"targets": [target]}]}]}))

    def __enter__(self):
        for _ in range(5):  # a port that was free may be taken before it is used
            if self.start(free_port()):
                return self
        self.__exit__()
        sys.exit("Prometheus does not start: " + (self.home / "log").read_text()[-2000:])

    def start(self, port):
        self.url = f"http://127.0.0.1:{port}"
        with open(self.home / "log", "w") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.home}/prometheus.yml", f"--storage.tsdb.path={self.home}/data",
                 f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], stdout=log, stderr=log)
        end = time.monotonic() + START
        while self.process.poll() is None and time.monotonic() < end:
            try:  # it is this one that answers, not another that was faster to the port
                if self.api("status/flags")["storage.tsdb.path"] == f"{self.home}/data":
                    return True
            except (OSError, ValueError, KeyError):
                pass
            time.sleep(0.2)
        self.stop()
        return False

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __exit__(self, *_):
        self.stop()
        self.directory.cleanup()

    def api(self, path, **query):
        address = f"{self.url}/api/v1/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it is starting
                raise
            sys.exit(f"{address}: {error.read().decode()}")
        if said["status"] != "success":
            sys.exit(f"{address}: {said}")
        return said["data"]

    def value(self, expression):
        """Of one series; nothing where there is none."""
        found = self.api("query", query=expression)["result"]
        if len(found) > 1:
            sys.exit(f"{expression}: {len(found)} series")
        return float(found[0]["value"][1]) if found else None

    def history(self, series):
        found = self.api("query", query=f"{series}[1h]")["result"]
        return [float(value) for _, value in found[0]["values"]] if found else []


def goes_up_and_down(values):
    """0, then 1, then 0."""
    shape = [value for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    return shape[:3] == [0, 1, 0] if len(shape) >= 3 else False


def watch_calls(prometheus, served, wrong):
    until("a first scrape, without a call", lambda: prometheus.value("kav_calls_active") == 0, SEEN)
    done = threading.Event()

    def caller():
        call(served)
        done.set()

    thread = threading.Thread(target=caller, daemon=True)
    thread.start()
    # A machine that stands still may miss one; calls come until one was seen. Never two at a time.
    while True:
        thread.join(0.3)
        if max(prometheus.history("kav_calls_active"), default=0) >= 1:
            break
        if not thread.is_alive():
            if not done.is_set():
                sys.exit("the call failed")
            done.clear()
            thread = threading.Thread(target=caller, daemon=True)
            thread.start()
    thread.join()
    if not done.is_set():
        sys.exit("the call failed")
    until("no call any more", lambda: prometheus.value("kav_calls_active") == 0
          and prometheus.value('sum(kav_calls_total{end_reason="caller-hung-up"})'), SEEN)
    if not goes_up_and_down(prometheus.history("kav_calls_active")):
        wrong.append(f"kav_calls_active went {prometheus.history('kav_calls_active')}")


def check_series(prometheus, served, wrong):
    """What a call leaves behind, as expressions that people would write."""
    for expression, least in (
        ('sum(kav_turn_gap_seconds_count{part="end_of_utterance"})', 1),
        ("sum(kav_turn_gap_seconds_sum) / sum(kav_answer_seconds_count)", 0.01),
        ("histogram_quantile(0.95, sum by (le) (kav_answer_seconds_bucket))", 0.01),
        ("sum(kav_media_frames_total) ", 100),
        ("sum(kav_pacing_lateness_seconds_count)", 100),
        ('sum(kav_provider_errors_total{provider="openai",stage="llm"})', 1),
        ('sum(kav_http_requests_total{route="metrics",code="200"})', 2),
        ('process_resident_memory_bytes{job="kav"}', 1e6),
        ('process_cpu_seconds_total{job="kav"}', 0.01),
        ('process_open_fds{job="kav"}', 5),
        ('sum(kav_calllog_entries_total{state="appended"})', 5),
        ('count(kav_queue_length)', 10),
        ("kav_build_info * 1", 1),
        ("kav_config_info", 1),
        ("kav_ready", 1),
        ("kav_media_workers_alive / kav_media_workers", 1),
        ('up{job="kav"}', 1),
        ('scrape_samples_scraped{job="kav"}', 300),
    ):
        until(f"{expression} >= {least}", lambda e=expression, n=least: (prometheus.value(e) or 0) >= n, SEEN)
    for expression in ('sum(kav_watchdog_firings_total{watch=~"silent_stream|longest_call|overdue_call"})',
                       'sum(kav_calllog_entries_total{state=~"refused|damaged"})', "kav_draining"):
        if prometheus.value(expression) != 0:
            wrong.append(f"{expression} is {prometheus.value(expression)}")
    # Whatever the engine says of its types Prometheus has understood, and nothing of it was thrown away.
    known = prometheus.api("metadata")
    said = dict(line.split(" ")[2:4] for line in served.metrics().split("\n") if line.startswith("# TYPE "))
    for name, kind in said.items():
        if [each["type"] for each in known.get(name, [])] != [kind]:
            wrong.append(f"{name} is no {kind} to Prometheus but {known.get(name)}")


def check_rules(prometheus, rules, wrong):
    """All are loaded, evaluated without a fault, and none fires for an engine that is well."""
    names = {rule["alert"] for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]}

    def evaluated():
        found = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
        return found if found and all(rule["health"] != "unknown" for rule in found) else None

    found = until("all rules evaluated", evaluated, SEEN)
    for rule in found:
        if rule["health"] != "ok" or rule.get("lastError"):
            wrong.append(f"{rule['name']}: {rule.get('lastError')}")
        if rule["state"] == "firing" and rule["name"] not in BY_LOAD:
            wrong.append(f"{rule['name']} fires: {rule['alerts']}")
    if {rule["name"] for rule in found} != names:
        wrong.append(f"loaded are {sorted(rule['name'] for rule in found)}, not {sorted(names)}")


def main():
    program, rules = sys.argv[1], pathlib.Path(sys.argv[2]) / "kav.rules.yml"
    wrong = []
    with broken_model() as model, Served(program, KAV_LLM="openai,embedded", OPENAI_BASE_URL=model) as served, \
            Prometheus(served.url.removeprefix("http://"), rules) as prometheus:
        watch_calls(prometheus, served, wrong)
        check_series(prometheus, served, wrong)
        check_rules(prometheus, rules, wrong)
        targets = prometheus.api("targets")["activeTargets"]
        if len(targets) != 1 or targets[0]["scrapePool"] != "kav":
            wrong.append(f"targets: {targets}")
        print(f"scraped {len(prometheus.history('kav_ready'))} times; a scrape took",
              f"{prometheus.value('quantile_over_time(0.5, scrape_duration_seconds[1h])') * 1000:.1f} ms in the middle,",
              f"{prometheus.value('max_over_time(scrape_duration_seconds[1h])') * 1000:.1f} ms at most")
        # An engine that is gone is noticed, by the rule that is there for it.
        served.process.terminate()
        until("KavDown", lambda: any(alert["labels"]["alertname"] == "KavDown" for alert in prometheus.api("alerts")["alerts"]),
              SEEN)
        log = (prometheus.home / "log").read_text()
        if "ingesting" in log:  # "Error on ingesting samples that are out of order", "with different value", ...
            wrong.append(f"Prometheus complains: {log[-2000:]}")
    print("\n".join(wrong) or "nothing is wrong")
    sys.exit(1 if wrong else 0)


main()
