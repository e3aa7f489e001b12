# SPDX-License-Identifier: LGPL-2.1-or-later
"""bench/run's second half: the rows, and the alternating measurement.

A row is a function that measures one thing once on one side and returns a number. The two sides
take turns within each round, and each round changes who goes first, so that a slow moment of the
machine hits both. A ratio is ours / stock of the same round: below 1 is better.
"""
import argparse
import os
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "live"))

import libvirt

import daemon as daemons
import model
from machine import Machine, TickWatch
from processes import processes_with

MIB = 1 << 20
libvirt.registerErrorHandler(lambda context, error: None, None)


class Side:
    """One daemon with a machine of one disk, one of eight, and one with a writing guest."""

    def __init__(self, kind, tmp):
        self.kind, self.tmp = kind, os.path.join(tmp, kind)
        os.makedirs(self.tmp)
        os.chmod(self.tmp, 0o755)
        self.daemon = daemons.new_daemon(os.path.join(self.tmp, "root"), kind)
        self.daemon.start()
        time.sleep(2)
        self.idle_rss = self.daemon.rss_kib() / 1024
        self.conn = libvirt.open(self.daemon.uri)
        self.done = threading.Event()
        self.conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
                                         lambda *args: self.done.set(), None)
        self.number, self.machines, self.ticks = 0, {}, None

    def machine(self, disks):
        if disks not in self.machines:
            m = Machine(self.tmp, "d%d" % disks, disks=disks, boots=False)
            m.create_images()
            m.dom = self.conn.defineXML(m.xml())
            m.dom.create()
            self.machines[disks] = m
        return self.machines[disks]

    def writer(self):
        if "writer" not in self.machines:
            m = Machine(self.tmp, "writer", disks=2, tick=True)
            m.create_images()
            m.dom = self.conn.defineXML(m.xml())
            m.dom.create()
            m.wait_boot()
            for t in m.targets:
                m.write(t, 0, 16 * MIB)
            self.ticks = TickWatch(m.tick_path)
            self.machines["writer"] = m
        return self.machines["writer"]

    def name(self):
        self.number += 1
        return "c%d" % self.number

    def pull_xml(self, m):
        rows = "".join("<disk name='%s'><scratch file='%s'/></disk>" % (t, os.path.join(self.tmp, "s-" + t))
                       for t in m.targets)
        return ("<domainbackup mode='pull'><server transport='unix' socket='%s'/><disks>%s</disks></domainbackup>"
                % (os.path.join(self.tmp, "nbd"), rows))

    def end(self, m):
        """Abort; ms until the job-completed event is here."""
        self.done.clear()
        start = time.monotonic()
        m.dom.abortJob()
        if not self.done.wait(30):
            raise AssertionError("%s: no job-completed event" % self.kind)
        elapsed = (time.monotonic() - start) * 1000
        while m.dom.jobStats().get("type", 0) != libvirt.VIR_DOMAIN_JOB_NONE:
            time.sleep(0.001)
        return elapsed

    def close(self):
        try:
            self.conn.close()
        except libvirt.libvirtError:
            pass
        if self.daemon.running():
            self.daemon.stop()


def checkpoint_xml(name):
    return "<domaincheckpoint><name>%s</name></domaincheckpoint>" % name


def timed(function, *args):
    start = time.monotonic()
    function(*args)
    return (time.monotonic() - start) * 1000


def checkpoint_create(disks):
    def measure(side):
        m, name = side.machine(disks), side.name()
        elapsed = timed(m.dom.checkpointCreateXML, checkpoint_xml(name), 0)
        m.dom.checkpointLookupByName(name).delete()
        return elapsed
    return measure


def checkpoint_delete(disks, chain=10):
    def measure(side):
        m = side.machine(disks)
        names = [side.name() for _ in range(chain)]
        checkpoints = [m.dom.checkpointCreateXML(checkpoint_xml(name), 0) for name in names]
        elapsed = timed(checkpoints[chain // 2].delete)
        for c in checkpoints[:chain // 2] + checkpoints[chain // 2 + 1:]:
            c.delete()
        return elapsed
    return measure


def pull_begin(disks, checkpoint=False):
    def measure(side):
        m, name = side.machine(disks), side.name()
        elapsed = timed(m.dom.backupBegin, side.pull_xml(m), checkpoint_xml(name) if checkpoint else None, 0)
        side.end(m)
        if checkpoint:
            m.dom.checkpointLookupByName(name).delete()
        return elapsed
    return measure


def pull_abort(disks):
    def measure(side):
        m = side.machine(disks)
        m.dom.backupBegin(side.pull_xml(m), None, 0)
        return side.end(m)
    return measure


def longest_write(what):
    """The guest's longest wait for a write, by the host's clock, in the half second around @what."""
    def measure(side):
        m = side.writer()
        storm = model.Storm(m.targets, 8 * MIB, 4096, side.number + 1, 1)
        m.storm(storm)
        time.sleep(0.3)
        side.ticks.reset()
        name = side.name()
        if what == "begin":
            m.dom.backupBegin(side.pull_xml(m), None, 0)
        elif what == "create":
            m.dom.checkpointCreateXML(checkpoint_xml(name), 0)
        time.sleep(0.2)
        longest, _ = side.ticks.read()
        m.calm()
        if what == "begin":
            side.end(m)
        elif what == "create":
            m.dom.checkpointLookupByName(name).delete()
        return longest
    return measure


# name, unit, goal for the ratio (or what is wanted at all), function of a side
ROWS = [
    ("checkpoint create, 1 disk", "ms", "0.2", checkpoint_create(1)),
    ("checkpoint create, 8 disks", "ms", "0.35", checkpoint_create(8)),
    ("checkpoint delete in a chain of 10, 1 disk", "ms", "0.6", checkpoint_delete(1)),
    ("checkpoint delete in a chain of 10, 8 disks", "ms", "0.5", checkpoint_delete(8)),
    ("pull begin, 1 disk", "ms", "0.25", pull_begin(1)),
    ("pull begin, 8 disks", "ms", "0.25", pull_begin(8)),
    ("pull begin with checkpoint, 1 disk", "ms", "0.25", pull_begin(1, True)),
    ("pull begin with checkpoint, 8 disks", "ms", "0.25", pull_begin(8, True)),
    ("abort to job completed, 1 disk", "ms", "0.9", pull_abort(1)),
    ("abort to job completed, 8 disks", "ms", "0.2", pull_abort(8)),
    ("longest guest write, nothing going on", "ms", "-", longest_write("nothing")),
    ("longest guest write around pull begin", "ms", "<= 10 ms", longest_write("begin")),
    ("longest guest write around checkpoint create", "ms", "<= 10 ms", longest_write("create")),
    ("daemon memory at rest (RSS)", "MiB", "0.5", lambda side: side.idle_rss),
]


def measure_row(sides, measure, rounds):
    """[(stock, ours)] of every round. The first of each side warms up and does not count."""
    values = []
    for n in range(-1, rounds):
        order = sides if n % 2 else sides[::-1]
        got = {side.kind: measure(side) for side in order}
        if n >= 0:
            values.append((got["stock"], got["ours"]))
    return values


def three(values, form):
    return " / ".join(form % v for v in (min(values), statistics.median(values), max(values)))


def print_row(name, unit, goal, values):
    stock, ours = [v[0] for v in values], [v[1] for v in values]
    ratios = [o / s for s, o in values]
    print("%-50s %-22s %-22s %-20s %s" % (name, three(stock, "%.1f"), three(ours, "%.1f"),
                                         three(ratios, "%.2f"), goal), flush=True)


def clean(tmp, sides):
    for side in sides:
        try:
            side.close()
        except AssertionError as e:
            print(e)
    for pid in processes_with(tmp):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    shutil.rmtree(tmp, ignore_errors=True)


def event_loop():
    while True:
        libvirt.virEventRunDefaultImpl()


def main():
    parser = argparse.ArgumentParser(prog="bench/run")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("row", nargs="*")
    options = parser.parse_args()
    rows = [r for r in ROWS if not options.row or any(part in r[0] for part in options.row)]
    if options.list:
        print("\n".join(r[0] for r in rows))
        return 0
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=event_loop, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(143))
    tmp, sides = tempfile.mkdtemp(prefix="fl-bench-"), []
    os.chmod(tmp, 0o755)
    try:
        for kind in ("stock", "ours"):
            sides.append(Side(kind, tmp))
        print("%d rounds, TCG guests, %d processors; each cell is min / median / max" % (options.rounds, os.cpu_count()))
        print("%-50s %-22s %-22s %-20s %s" % ("", "libvirtd", "ours", "ours / libvirtd", "goal"))
        for name, unit, goal, measure in rows:
            print_row("%s [%s]" % (name, unit), unit, goal, measure_row(sides, measure, options.rounds))
    finally:
        clean(tmp, sides)
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)            # the event loop thread would hold up a normal exit
