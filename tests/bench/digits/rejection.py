#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads bench_wishes' scores; for each score chooses the threshold that costs at most 3 % false rejects on one half of the
sayings, and reports false accepts and false rejects on the other half.   rejection.py scores"""
import collections
import sys

MEASURES = {
    "words": lambda r: float(r[6]),
    "whole": lambda r: float(r[9]),
    "confidence": lambda r: float(r[7]),
}
rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
rows = [r for r in rows if len(r) == 10]
for grammar in ("wishes", "digits"):
    mine = [r for r in rows if r[0] == grammar]
    foreign = [r for r in mine if r[1] == "foreign"]
    print(grammar, "foreign taken for words:", "%.0f %%" % (100 * sum(r[5] != "" for r in foreign) / max(1, len(foreign))), "of", len(foreign))
    for name, measure in MEASURES.items():
        right = sorted(measure(r) for r in mine if r[1] != "foreign" and r[2] == "dev" and r[4] == r[5])
        if not right:
            continue
        threshold = right[int(len(right) * 0.03)]
        accepted = collections.Counter()
        total = collections.Counter()
        for r in mine:
            if r[2] != "test":
                continue
            kind = "foreign" if r[1] == "foreign" else "right" if r[4] == r[5] else "wrong"
            total[kind] += 1
            accepted[kind] += r[5] != "" and measure(r) >= threshold
        print("  %-12s threshold %9.5f " % (name, threshold), ", ".join("%s accepted %.0f %% of %d" % (k, 100 * accepted[k] / total[k], total[k]) for k in sorted(total)))
