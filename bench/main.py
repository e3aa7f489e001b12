# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our daemon and Debian's libvirtd side by side: the same calls, in turns, in one run.

Every round of every row is done on both, the first of them changing from round to round, so that
whatever else the machine does hits both alike. Believe the ratio of the medians; the absolute
figures are this machine's.
"""
import argparse
import gc
import json
import re
import signal
import statistics
import subprocess
import sys

import libvirt

import qmp
import sides
from sides import BenchError
from table import METRIC_UNITS, ROWS


def options():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", metavar="PATTERN", default="", help="regular expression on the titles")
    parser.add_argument("--rounds", type=int, default=15, metavar="N",
                        help="measured rounds a row (one more is thrown away); default 15")
    parser.add_argument("--long", action="store_true", help="also chains of 300 and 1000, 50 domains ...")
    parser.add_argument("--side", choices=sides.KINDS, help="only this daemon: no ratio; for profiling")
    parser.add_argument("--list", action="store_true", help="print the titles and end")
    parser.add_argument("--qmp", action="store_true", help="count QMP commands instead of measuring time")
    parser.add_argument("--verbose", action="store_true", help="with --qmp: name the commands")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def measure(row, running, rounds):
    """({metric: {kind: [values]}}, {kind: why it failed}), the sides taking turns. What one side cannot do
    leaves the other's figures."""
    generators = {side.kind: row.function(side, *row.arguments) for side in running if side.kind in row.sides}
    values = {metric: {kind: [] for kind in generators} for metric in row.targets}
    failed = {}
    try:
        for number in range(rounds if rounds == 1 else rounds + 1):
            for kind in list(generators)[:: 1 if number % 2 else -1]:
                if kind not in failed:
                    take_turn(generators[kind], kind, values if number > 0 or rounds == 1 else None, failed)
    finally:
        for generator in generators.values():
            generator.close()
    return values, failed


def take_turn(generator, kind, values, failed):
    """@values: None in the round that is thrown away."""
    try:
        turn = next(generator)
    except (BenchError, AssertionError, OSError, libvirt.libvirtError, subprocess.SubprocessError) as e:
        failed[kind] = "%s: %s" % (type(e).__name__, e)
        return
    for metric, value in turn.items() if values else ():
        values[metric][kind].append(value)


def summary(title, unit, target, by_kind):
    result = {"title": title, "unit": unit, "target": target}
    for kind, values in by_kind.items():
        if values:
            result[kind] = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    if "ours" in result and result.get("stock", {}).get("median"):
        result["ratio"] = result["ours"]["median"] / result["stock"]["median"]
    return result


def cell(numbers):
    return "/".join("%.0f" % n if n >= 1000 else "%.2f" % n if n < 100 else "%.1f" % n
                    for n in (numbers["min"], numbers["median"], numbers["max"])) if numbers else ""


def print_head():
    print("%-50s %-4s %-22s %-22s %6s %6s" % ("min/median/max", "", "stock", "ours", "ratio", "target"))


def print_line(r):
    print("%-50s %-4s %-22s %-22s %6s %6s" % (
        r["title"], r["unit"], cell(r.get("stock")), cell(r.get("ours")),
        "%.2f" % r["ratio"] if "ratio" in r else "", r["target"] or ""), flush=True)


def row_results(row, values):
    results = {metric: summary("%s: %s" % (row.title, metric), METRIC_UNITS.get(metric, row.unit),
                               row.targets[metric], by_kind) for metric, by_kind in values.items()}
    for metric, other in row.versus.items():
        ours, versus = results[metric].get("ours"), results[other].get("ours")
        if ours and versus and versus["median"]:
            results[metric]["ratio"] = ours["median"] / versus["median"]
    return results.values()


def run_rows(chosen, args, running):
    results = []
    if not args.json:
        print_head()
    for row in chosen:
        rounds = min(args.rounds, row.rounds or args.rounds)
        values, failed = measure(row, running, rounds)
        for kind, why in failed.items():
            print("bench/run: %s, %s: %s" % (row.title, kind, why), file=sys.stderr)
        for result in row_results(row, values):
            results.append(result)
            if not args.json:
                print_line(result)
    return results


def count_qmp(kinds, args):
    counts = {kind: qmp.count(kind) for kind in kinds}
    if args.json:
        print(json.dumps(counts, indent=1))
    else:
        qmp.show(counts, args.verbose)


def measure_chosen(kinds, chosen, args):
    running = [sides.Side(kind) for kind in kinds]
    gc.disable()                            # no pauses of our own in the figures
    try:
        for side in running:
            side.start()
        results = run_rows(chosen, args, running)
    finally:
        for side in running:
            side.sweep()
    if args.json:
        print(json.dumps(results, indent=1))


def main():
    args = options()
    kinds = [args.side] if args.side else list(sides.KINDS)
    chosen = [row for row in ROWS if (args.long or not row.long) and set(kinds) & set(row.sides)
              and any(re.search(args.rows, title) for title in row.metric_titles())]
    if args.list:
        print("\n".join(title for row in chosen for title in row.metric_titles()))
        return
    if not chosen:
        sys.exit("bench/run: no row matches '%s'; see --list" % args.rows)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sides.start_event_loop()
    if args.qmp:
        count_qmp(kinds, args)
    else:
        measure_chosen(kinds, chosen, args)
    sides.leave()


main()
