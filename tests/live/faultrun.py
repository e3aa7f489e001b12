# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs fault walks (faultwalk.py): a test for each scenario, a process for each test, and a last test that
finds fault points in the sources that no scenario comes by.

    FAULT_JOBS=N    so many at a time, default 3
"""
import glob
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import daemon as daemons
import livetest
from faultwalk import Walk

JOBS = int(os.environ.get("FAULT_JOBS", "3"))


def add_walks(tests, scenarios):
    def walk(scenario):
        return lambda self: Walk(self, scenario()).run()
    for scenario in scenarios:
        setattr(tests, "test_walk_%s" % scenario.__name__, walk(scenario))


def add_repairs(tests, rows):
    """@rows: (scenario, point where a daemon dies for a repair of which each step is walked)"""
    def repair(scenario, point):
        return lambda self: Walk(self, scenario()).run_repair(point)
    for scenario, point in rows:
        setattr(tests, "test_repair_%s_%s" % (scenario.__name__, point.replace(".", "_")),
                repair(scenario, point))


def points_in_sources(families, elsewhere):
    """Literals that name fault points: 'checkpoint.create.record', 'backup.begin.open.%s'."""
    found = set()
    for path in glob.glob(os.path.join(daemons.SOURCE, "src", "qemu", "*.c")):
        with open(path) as f:
            found.update(re.findall(r'"((?:%s)(?:\.[a-z%%]+)+)"' % "|".join(families), f.read()))
    return {name for name in found if not name.startswith(elsewhere)}


def never_passed(points, passed):
    missing = []
    for name in sorted(points):
        pattern = re.escape(name).replace("%s", "[a-z0-9-]*") + r"(\.[a-z]+)?"
        if not any(re.fullmatch(pattern, p) for p in passed):
            missing.append(name)
    return missing


def run_child(path, name):
    done = subprocess.run([sys.executable, path, name], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)
    return done.returncode, [line for line in done.stdout.splitlines() if not line.startswith("1..")]


def run_all(path, points):
    """Every test in a process of its own, a few at a time; their TAP in one piece."""
    listed = subprocess.run([sys.executable, path, "--list"], capture_output=True,
                            text=True, check=True)
    names = listed.stdout.split()
    failed = walks = 0
    passed = set()
    print("1..%d" % (len(names) + 1), flush=True)
    with ThreadPoolExecutor(JOBS) as pool:
        for number, (name, (status, lines)) in enumerate(zip(names, pool.map(run_child, [path] * len(names), names)), 1):
            verdict = [line for line in lines if line.startswith(("ok ", "not ok "))]
            good = status == 0 and len(verdict) == 1
            skip = verdict[0].partition(" # ")[2] if good else ""
            failed += not good
            print("%s %d - %s%s" % ("ok" if good else "not ok", number, name, skip and " # " + skip))
            for line in lines:
                if line.startswith("# passed: "):
                    passed.update(line[len("# passed: "):].split())
                elif line.startswith("#"):
                    print(line)
                walked = re.match(r"# .*: (\d+) points walked", line)
                walks += int(walked.group(1)) if walked else 0
            sys.stdout.flush()
    missing = never_passed(points, passed)
    print("%s %d - every point of the sources is passed" % ("not ok" if missing else "ok", len(names) + 1))
    for name in missing:
        print("#   no scenario passes %s" % name)
    print("# %d points walked in all, of %d names" % (walks, len(passed)))
    return failed + len(missing)


def keep_only(tests, name):
    """An exact name runs alone, also where it is the beginning of another."""
    if hasattr(tests, name):
        for other in [n for n in vars(tests) if n.startswith("test_") and n != name]:
            delattr(tests, other)


def main(tests, path, families, elsewhere=()):
    """@families: what the names of the points begin with that the tests have to pass, but for those that begin
    as in @elsewhere."""
    if len(sys.argv) > 1:
        keep_only(tests, sys.argv[-1].rpartition(".")[2])
        livetest.main()
    else:
        failed = run_all(os.path.abspath(path), points_in_sources(families, tuple(elsewhere)))
        sys.exit(1 if failed else 0)
