#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does bench/run still run? One round of three rows and a look at its JSON; no figure is judged."""
import json
import os
import subprocess
import sys

BARE = "ours to bare QMP, 1 disk, checkpoint"
ROWS = "checkpoint, chain 10, 1 disk|pull, 1 disk|" + BARE
METRICS = 11
RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run")


def main():
    done = subprocess.run([RUN, "--rows", ROWS, "--rounds", "1", "--json"], capture_output=True, text=True)
    problem = None
    if done.returncode != 0:
        problem = "status %d: %s" % (done.returncode, done.stderr.strip())
    else:
        results = json.loads(done.stdout)
        titles = [r["title"] for r in results]
        if len(results) != METRICS:
            problem = "%d results wanted: %s" % (METRICS, titles)
        elif not all((r.get("ratio", 0) > 0 or r["title"].startswith(BARE + ": bare")) and r["ours"]["min"] > 0
                     for r in results):
            problem = "a figure is missing: %s" % results
    print("1..1\n%s 1 - bench/run measures both sides" % ("not ok" if problem else "ok"))
    if problem:
        print("".join("# %s\n" % line for line in problem.splitlines()), end="")
    return 1 if problem else 0


sys.exit(main())
