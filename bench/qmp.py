# SPDX-License-Identifier: LGPL-2.1-or-later
"""How many QMP commands, and bytes of them, an operation costs, counted in the daemons' debug logs.

Bytes are time: QEMU 7.2 reads its monitor socket one byte at a time, some seven system calls each
(5 to 10 us on an idle machine). Ours also says which commands went out in one write, so that round
trips can be told from commands.
"""
import re
import time

import libvirt

from rows_backup import wait_idle
from sides import Side

ENVIRONMENTS = {
    "ours": {"LIBVIRT_DEBUG": "1"},
    "stock": {"LIBVIRT_LOG_FILTERS": "1:qemu.qemu_monitor", "LIBVIRT_LOG_OUTPUTS": "1:stderr"},
}
# One match a command. The group of ours is the number of the write.
COMMANDS = {
    "ours": re.compile(r"monitor of '[^']*': write (\d+): (\{.*)"),
    "stock": re.compile(r"QEMU_MONITOR_SEND_MSG: mon=(\S+) msg=(\{.*)"),
}
NAME = re.compile(r'"execute":\s*"([^"]*)"')


class Counter:
    def __init__(self, side):
        self.side, self.at = side, 0

    def reset(self):
        self.take()

    def take(self):
        """(commands, their bytes, round trips or None, names) since the last call."""
        time.sleep(0.2)
        with open(self.side.daemon.log, errors="replace") as log:
            log.seek(self.at)
            text = log.read()
            self.at = log.tell()
        found = [m.groups() for m in COMMANDS[self.side.kind].finditer(text)]
        names = [NAME.search(command).group(1) for _, command in found if NAME.search(command)]
        trips = len({number for number, _ in found}) if self.side.kind == "ours" else None
        return len(names), sum(len(command) for _, command in found), trips, names


def count_checkpoint(side, m, counter, results, suffix):
    counter.reset()
    made = m.dom.checkpointCreateXML(side.checkpoint_xml("k"))
    results["checkpoint create" + suffix] = counter.take()
    made.getXMLDesc(libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE)
    results["checkpoint dumpxml --size" + suffix] = counter.take()
    made.delete()
    results["checkpoint delete" + suffix] = counter.take()


def count_backup(side, m, counter, results, suffix):
    counter.reset()
    side.completed.reset()
    m.dom.backupBegin(side.pull_xml(m), None)
    results["pull begin" + suffix] = counter.take()
    m.dom.abortJob()
    side.completed.wait()
    time.sleep(0.2)
    results["pull end" + suffix] = counter.take()
    wait_idle(m.dom)
    counter.reset()
    side.completed.reset()
    m.dom.backupBegin(side.push_xml(m, "q"), None)
    side.completed.wait()
    results["push" + suffix] = counter.take()


def warm_up(side):
    """The first of these calls asks the binary for its capabilities, in a process of its own."""
    m = side.machine("warm", disks=1)
    side.conn.domainListGetStats([m.dom])
    m.dom.backupBegin(side.pull_xml(m), None)
    m.dom.abortJob()
    wait_idle(m.dom)
    side.drop(m)


def count(kind):
    """{operation: what Counter.take() gave}"""
    side, results = Side(kind, ENVIRONMENTS[kind]), {}
    try:
        side.start()
        warm_up(side)
        for disks in (1, 8):
            m = side.machine("q%d" % disks, start=False, disks=disks)
            suffix = ", %d disk%s" % (disks, "s" if disks > 1 else "")
            counter = Counter(side)
            counter.reset()
            m.dom.create()
            results["domain start" + suffix] = counter.take()
            for i in range(10):
                m.dom.checkpointCreateXML(side.checkpoint_xml("chain%d" % i))
            count_checkpoint(side, m, counter, results, suffix)
            count_backup(side, m, counter, results, suffix)
            counter.reset()
            side.conn.domainListGetStats([m.dom])
            results["all stats of a domain" + suffix] = counter.take()
            side.drop(m)
    finally:
        side.sweep()
    return results


def show(counts, verbose):
    """@counts: {kind: what count() gave}"""
    print("%-34s %16s %16s %18s" % ("QMP commands (bytes)", "stock", "ours", "ours, round trips"))
    for operation in next(iter(counts.values())):
        row = {kind: counts[kind][operation] for kind in counts}
        cells = ["%d (%d)" % row[kind][:2] if kind in row else "" for kind in ("stock", "ours")]
        print("%-34s %16s %16s %18s" % (operation, *cells, row["ours"][2] if "ours" in row else ""))
        for kind in counts if verbose else ():
            print("    %s: %s" % (kind, " ".join(row[kind][3])))
