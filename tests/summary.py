# SPDX-License-Identifier: LGPL-2.1-or-later
"""The last words of ./check, counted from what meson recorded.

    summary.py ALLOWED_SKIPS (BUILD_DIR TESTLOG_JSON)...
    summary.py --failed TESTLOG_JSON      names of live tests to run again, alone

A test program that speaks TAP counts by its cases, any other one as one case. A program that died,
timed out or promised more cases than it ran counts as one failure more. A run without results is a
failure too: nothing was shown.

A live test shares the processors with another one, and its machines are emulated. So one that failed
is run once more with nothing beside it (TESTLOG-again.json), and that result counts; what had failed
is printed all the same. More than a few failures are not chance, and are not tried again.
"""
import json
import os
import re
import sys

CASE = re.compile(r"^(ok|not ok)\b(?:\s+\d+)?(?:\s+-)?\s*([^#\n]*)(?:#\s*(SKIP)\b\s*(.*))?", re.I | re.M)
PLAN = re.compile(r"^1\.\.(\d+)", re.M)


AGAIN_AT_MOST = 6      # programs


class Counts:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []


def count_tap(name, entry, counts):
    out = entry.get("stdout") or ""
    cases = CASE.findall(out)
    bad = 0
    for word, title, directive, reason in cases:
        case = "%s: %s" % (name, title.strip())
        if directive.upper() == "SKIP":
            counts.skipped.append((case, reason.strip()))
        elif word == "ok":
            counts.passed += 1
        else:
            bad += 1
            counts.failed.append(case)
    plan = PLAN.search(out)
    complete = plan is not None and int(plan.group(1)) == len(cases)
    if not bad and (entry["result"] not in ("OK", "SKIP") or not complete):
        counts.failed.append("%s: the program itself (%s, status %s, %d cases of %s)" % (
            name, entry["result"], entry.get("returncode"), len(cases), plan.group(1) if plan else "?"))


def count_entry(label, entry, counts):
    name = "%s%s" % (label, entry["name"])
    if PLAN.search(entry.get("stdout") or ""):
        count_tap(name, entry, counts)
    elif entry["result"] in ("OK", "EXPECTEDFAIL"):
        counts.passed += 1
    elif entry["result"] == "SKIP":
        counts.skipped.append((name, "whole program"))
    else:
        counts.failed.append("%s (%s)" % (name, entry["result"]))


def read_entries(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def second_tries(path, entries, label):
    """@entries, with the second result of each program that was run again in place of the first."""
    again_path = path.replace(".json", "-again.json")
    again = {e["name"]: e for e in read_entries(again_path)} if os.path.exists(again_path) else {}
    for entry in entries:
        if entry["name"] in again:
            first = Counts()
            count_entry(label, entry, first)
            for case in first.failed:
                print("AGAIN   failed at first, run again alone: %s" % case)
    return [again.get(e["name"], e) for e in entries]


def read_log(build, path, counts):
    label = "" if not os.path.basename(build).endswith("-asan") else "asan "
    try:
        entries = second_tries(path, read_entries(path), label)
    except OSError as e:
        entries = []
        print("no results: %s" % e)
    if not entries:
        counts.failed.append("%s: no test ran" % build)
    for entry in entries:
        count_entry(label, entry, counts)


def print_failed(path):
    failed = []
    for entry in read_entries(path):
        counts = Counts()
        count_entry("", entry, counts)
        suite, _, name = entry["name"].rpartition(" / ")
        if counts.failed and re.search(r"\b(live|fault)\b", suite):
            failed.append(name)
    if len(failed) <= AGAIN_AT_MOST:
        print(" ".join(failed))


def main():
    if sys.argv[1] == "--failed":
        print_failed(sys.argv[2])
        return 0
    with open(sys.argv[1]) as f:
        allowed = [re.compile(line.strip()) for line in f if line.strip() and not line.startswith("#")]
    counts = Counts()
    for build, path in zip(sys.argv[2::2], sys.argv[3::2]):
        read_log(build, path, counts)
    unexpected = [s for s in counts.skipped if not any(p.search(s[0]) for p in allowed)]
    for case in counts.failed:
        print("FAILED  %s" % case)
    for case, reason in counts.skipped:
        print("SKIPPED %s: %s%s" % (case, reason, " (not allowed)" if (case, reason) in unexpected else ""))
    print("%d passed, %d failed, %d skipped" % (counts.passed, len(counts.failed), len(counts.skipped)))
    return 1 if counts.failed or unexpected else 0


sys.exit(main())
