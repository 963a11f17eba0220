#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds /metrics of a busy engine against the text format, Prometheus' conventions, promtool, and the table in docs/metrics.md.

    check_metrics.py ENGINE PAGE              prints what is wrong; 0: nothing
    check_metrics.py ENGINE PAGE --self-test  then breaks copies of both, each in one way: all must be found out
    check_metrics.py ENGINE --rows            prints the table's rows, to be put into the page
"""
import math
import pathlib
import re
import subprocess
import sys

from busy import busy

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
VALUE = re.compile(r"\+Inf|-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?")
PARTS = {"_bucket", "_sum", "_count"}
UNITS = {"ms", "msec", "millis", "milliseconds", "us", "ns", "minutes", "hours", "kb", "mb", "kilobytes", "megabytes", "percent"}
MOST_SERIES = 80  # of one family, histograms by their label sets: labels come from closed sets
# Labels whose values depend on who configured what, or on what happened; of the others the page says all there are.
OPEN = {"provider", "from", "to", "code", "route", "version", "commit", "qt", "deploy_id", "stt", "llm", "tts", "database",
        "signatures", "rest", "without_stream", "outbound", "kind@kav_provider_errors_total", "stage@kav_provider_errors_total",
        "stage@kav_failovers_total"}


DONE = [  # of what busy() does, how it must be told
    'kav_calls_total{end_reason="caller-hung-up"} 1', "kav_calls_active 0", 'kav_config_reloads_total{result="taken"} 1',
    'kav_refusals_total{request="webhook",reason="stranger"} 1', 'kav_refusals_total{request="stream",reason="bad_token"} 1',
    'kav_refusals_total{request="console",reason="origin"} 1', 'kav_refusals_total{request="port",reason="other_upgrade"} 0',
    'kav_http_requests_total{code="404",route="other"} 1', "kav_http_upgrades_total 1", "kav_ready 1", "kav_draining 0",
    'kav_queue_limit{queue="recording_pipe"} 256', "kav_config_last_reload_successful 1"]
DONE_AT_LEAST_ONCE = ["kav_answer_seconds_count", 'kav_turn_gap_seconds_count{part="end_of_utterance"}',
                      'kav_provider_errors_total{kind="unavailable",provider="openai",stage="llm"}']


class Family:
    def __init__(self):
        self.help = self.type = None
        self.samples = {}  # (suffix, labels) -> value
        self.labels = {}  # label -> values


# ---- the text format ---------------------------------------------------------------------------------------------------
def parse(text, wrong):
    families, open_family, closed = {}, None, set()
    if not text.endswith("\n"):
        wrong.append("the last line has no end")
    for line in text[:-1].split("\n"):
        if match := re.fullmatch(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)", line):
            word, name, rest = match.groups()
            if name != open_family:
                if open_family:
                    closed.add(open_family)
                if name in closed:
                    wrong.append(f"{name} begins a second time")
                open_family = name
            family = families.setdefault(name, Family())
            if word == "HELP":
                if family.help is not None or family.type is not None:
                    wrong.append(f"{name}: HELP does not come first, or twice")
                if re.search(r"\\(?![\\n])", rest):
                    wrong.append(f"{name}: HELP is not escaped")
                family.help = rest
            else:
                if family.type is not None or family.samples:
                    wrong.append(f"{name}: TYPE twice, or after a sample")
                if rest not in ("counter", "gauge", "histogram"):
                    wrong.append(f"{name}: no type of ours: {rest}")
                family.type = rest
            continue
        match = SAMPLE.fullmatch(line)
        if not match:
            wrong.append(f"no line of the format: {line!r}")
            continue
        name, inside, value = match.groups()
        family, suffix = families.get(open_family), name.removeprefix(open_family or "")
        if family is None or not name.startswith(open_family) or suffix not in (PARTS if family.type == "histogram" else {""}):
            wrong.append(f"{name} is no sample of {open_family}")
            continue
        labels, at = {}, 0
        while inside and at < len(inside):
            found = LABEL.match(inside, at)
            if not found or found[1] in labels:
                wrong.append(f"labels are not of the format: {line!r}")
                break
            labels[found[1]] = found[2]
            at = found.end()
        if not VALUE.fullmatch(value):
            wrong.append(f"no value: {line!r}")
            continue
        key = (suffix, tuple(sorted(labels.items())))
        if key in family.samples:
            wrong.append(f"a series twice: {line!r}")
        family.samples[key] = math.inf if value == "+Inf" else float(value)
        for label, each in labels.items():
            if label != "le":
                family.labels.setdefault(label, set()).add(each)
    return families


# ---- conventions -------------------------------------------------------------------------------------------------------
def check_conventions(families, wrong):
    for name, family in families.items():
        if not NAME.fullmatch(name) or not name.startswith(("kav_", "process_")):
            wrong.append(f"{name}: no name of ours")
        if not family.help or not family.type:
            wrong.append(f"{name}: HELP or TYPE is missing")
        if not family.samples:
            wrong.append(f"{name}: has no series")
        if (family.type == "counter") != name.endswith("_total"):
            wrong.append(f"{name}: a counter ends in _total, and nothing else does")
        if any(name.endswith(part) for part in PARTS) and not name.endswith("timestamp_seconds"):
            wrong.append(f"{name}: ends like a part of a histogram")
        if UNITS & set(name.split("_")):
            wrong.append(f"{name}: not in base units")
        if family.type == "histogram" and not name.endswith(("_seconds", "_bytes")):
            wrong.append(f"{name}: a histogram without a unit")
        sets = {tuple(pair for pair in labels if pair[0] != "le") for _, labels in family.samples}
        if len(sets) > MOST_SERIES:
            wrong.append(f"{name}: {len(sets)} series")
        if len({tuple(label for label, _ in each) for each in sets}) > 1:
            wrong.append(f"{name}: not all of its series have the same labels")
        for (suffix, labels), value in family.samples.items():
            if math.isinf(value) or (value < 0 and suffix != ""):
                wrong.append(f"{name}{suffix}: is {value}")
            if value < 0 or value > 1e15:  # none of ours can be; garbage would
                wrong.append(f"{name}{suffix} {dict(labels)}: cannot be {value}")
        if family.type == "histogram":
            check_histogram(name, family, sets, wrong)


def check_histogram(name, family, sets, wrong):
    for each in sets:
        buckets = sorted((float(dict(labels)["le"].replace("+Inf", "inf")), value) for (suffix, labels), value
                         in family.samples.items() if suffix == "_bucket" and set(each) <= set(labels))
        count = family.samples.get(("_count", each))
        if not buckets or not math.isinf(buckets[-1][0]) or ("_sum", each) not in family.samples:
            wrong.append(f"{name} {dict(each)}: lacks +Inf or the sum")
        elif buckets[-1][1] != count:
            wrong.append(f"{name} {dict(each)}: +Inf is not the count")
        elif any(a[1] > b[1] for a, b in zip(buckets, buckets[1:])):
            wrong.append(f"{name} {dict(each)}: is not cumulative")


def check_promtool(text, wrong):
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    if done.returncode != 0 or done.stderr.strip():
        wrong.append(f"promtool check metrics: {done.stderr.strip()}")


# ---- the page ----------------------------------------------------------------------------------------------------------
def row(name, family):
    labels = []
    for label in sorted(family.labels):
        values = "" if {label, f"{label}@{name}"} & OPEN else " (" + ", ".join(sorted(family.labels[label])) + ")"
        labels.append(f"`{label}`{values}")
    return f"| `{name}` | {family.type} | {'; '.join(labels)} | {family.help} |"


def check_page(page, families, wrong):
    documented = {}
    for line in page.split("\n"):
        if match := re.match(r"\| `((?:kav|process)_\w+)` \| ", line):
            if match[1] in documented:
                wrong.append(f"docs/metrics.md: {match[1]} stands there twice")
            documented[match[1]] = line
    for name in sorted(documented.keys() - families.keys()):
        wrong.append(f"docs/metrics.md: {name} is not exported")
    for name in sorted(families.keys() - documented.keys()):
        wrong.append(f"docs/metrics.md: {name} is missing: {row(name, families[name])}")
    for name in sorted(families.keys() & documented.keys()):
        if documented[name] != row(name, families[name]):
            wrong.append(f"docs/metrics.md: {name} is now\n{row(name, families[name])}\nand not\n{documented[name]}")


def check_all(text, page):
    wrong = [f"what was done is not counted: {each}" for each in DONE if f"\n{each}\n" not in text]
    wrong += [f"what was done is not counted: {each}" for each in DONE_AT_LEAST_ONCE
              if not re.search(rf"^{re.escape(each)} [1-9]", text, re.M)]
    families = parse(text, wrong)
    check_conventions(families, wrong)
    check_promtool(text, wrong)
    check_page(page, families, wrong)
    return wrong


# ---- the check, checked ------------------------------------------------------------------------------------------------
TEXT, PAGE = "text", "page"
BREAKS = [  # which of them, what stands there, what is put in its place, what must be said of it
    (TEXT, "# TYPE kav_ready gauge\n", "", "kav_ready"),
    (TEXT, "# HELP kav_ready ", "# HELP kav_ready2 ", "kav_ready"),
    (TEXT, "# TYPE kav_ready gauge", "# TYPE kav_ready counter", "a counter ends in _total"),
    (TEXT, "\nkav_ready 1\n", "\nkav_ready 1\nkav_ready 1\n", "a series twice"),
    (TEXT, "\nkav_ready 1\n", "\nkav_ready one\n", "no value"),
    (TEXT, "\nkav_ready 1\n", "\nkav_ready -1\n", "cannot be -1"),
    (TEXT, "\nkav_ready 1\n", "\nkav_ready 1 1700000000\n", "no line of the format"),
    (TEXT, "\nkav_ready 1\n", "\n", "has no series"),
    (TEXT, "\nkav_ready 1\n", "\nkav_ready 0\n", "is not counted: kav_ready 1"),
    (TEXT, '{queue="media_inbox"}', '{queue="media"inbox"}', "not of the format"),
    (TEXT, '{queue="media_inbox"}', '{kind="media_inbox"}', "the same labels"),
    (TEXT, "process_open_fds", "process_open_fds_ms", "base units"),
    (TEXT, 'kav_answer_seconds_bucket{le="+Inf"} ', 'kav_answer_seconds_bucket{le="+Inf"} 9', "+Inf is not the count"),
    (TEXT, 'kav_answer_seconds_bucket{le="0.1"} ', 'kav_answer_seconds_bucket{le="0.1"} 9', "is not cumulative"),
    (TEXT, "\nkav_answer_seconds_count ", "\nkav_answer_seconds_count 0", "is not counted: kav_answer_seconds_count"),
    (TEXT, "\nkav_answer_seconds_sum", "\nkav_answer_seconds_total", "is no sample of"),
    (TEXT, "\nkav_draining 0\n", "\n" + "".join(f'kav_draining{{call="{i}"}} 0\n' for i in range(99)), "99 series"),
    (PAGE, "| `kav_ready` |", "| `kav_steady` |", "kav_steady is not exported"),
    (PAGE, "| `kav_ready` |", "| `kav_steady` |", "kav_ready is missing"),
    (PAGE, "| `kav_ready` | gauge |", "| `kav_ready` | counter |", "kav_ready is now"),
    (PAGE, "`queue` (calllog_database, ", "`queue` (", "kav_queue_length is now"),
    (PAGE, "| `kav_draining` |", "| `kav_ready` |", "stands there twice"),
]


def self_test(text, page):
    failed = 0
    for which, old, new, saying in BREAKS:
        if old not in (text if which == TEXT else page):
            print(f"FAILED: the {which} has no longer: {old!r}")
            failed += 1
            continue
        broken = (text.replace(old, new, 1), page) if which == TEXT else (text, page.replace(old, new, 1))
        wrong = check_all(*broken)
        if not any(saying in each for each in wrong):
            print(f"FAILED: the {which} with {new!r} was let pass; said: {wrong}")
            failed += 1
    print(f"{len(BREAKS)} broken copies, {failed} not found out")
    return failed


def main():
    with busy(sys.argv[1]) as served:
        text = served.metrics()
    if sys.argv[2] == "--rows":
        for name, family in parse(text, []).items():
            print(row(name, family))
        return
    page = pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")
    wrong = check_all(text, page)
    print("\n".join(wrong) or f"{text.count(chr(10))} lines, nothing is wrong")
    failed = self_test(text, page) if sys.argv[3:] == ["--self-test"] else 0
    sys.exit(1 if wrong or failed else 0)


main()
