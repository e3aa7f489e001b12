# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows: what an operation costs on a long chain of checkpoints, beside what it costs on a short one.

Two machines run at once and take turns, so that whatever else the host does hits both alike.
"""
import contextlib
import time

from processes import processes_with
from rows_backup import machine_with_chain, ms


def qemu_rss_mib(side, m):
    for pid, line in processes_with(side.tmp).items():
        if "guest=%s," % m.name in line and "qemu-system" in line:
            with open("/proc/%d/status" % pid) as f:
                return next(int(row.split()[1]) for row in f if row.startswith("VmRSS:")) / 1024
    return 0.0


def once(side, m, chain):
    """Create at the end, list, delete in the middle (two bitmaps are merged), delete at the end."""
    names = ["c%d" % side.serial() for _ in range(2)]
    start = time.perf_counter()
    middle = m.dom.checkpointCreateXML(side.checkpoint_xml(names[0]))
    created = time.perf_counter()
    last = m.dom.checkpointCreateXML(side.checkpoint_xml(names[1]))
    begin = time.perf_counter()
    found = m.dom.listAllCheckpoints()
    listed = time.perf_counter()
    assert len(found) == chain + 2
    middle.delete()
    deleted = time.perf_counter()
    last.delete()
    return {"create": ms(start, created), "list, a checkpoint": ms(begin, listed) / len(found),
            "delete, middle": ms(listed, deleted), "delete, last": ms(deleted)}


def flat(side, disks, short, long):
    with contextlib.ExitStack() as stack:
        machines = {chain: stack.enter_context(machine_with_chain(side, disks, chain))
                    for chain in (short, long)}
        while True:
            values = {}
            for chain, m in machines.items():
                for metric, value in once(side, m, chain).items():
                    values["%s, chain %d" % (metric, chain)] = value
                values["QEMU's memory, chain %d" % chain] = qemu_rss_mib(side, m)
            yield values
