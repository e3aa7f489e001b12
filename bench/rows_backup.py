# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows: checkpoints and backups of running domains.

Each function is a generator: what stands before its loop is not measured, each turn of the loop
yields {metric: value}, what stands behind (finally) cleans up.
"""
import contextlib
import os
import threading
import time

import libvirt
import libvirt_qemu

from sides import BenchError

SIZE_FLAG = libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE


def ms(begin, end=None):
    return ((time.perf_counter() if end is None else end) - begin) * 1000


def add_chain(side, m, chain):
    for i in range(chain):
        m.dom.checkpointCreateXML(side.checkpoint_xml("chain%d" % i))


@contextlib.contextmanager
def machine_with_chain(side, disks, chain, **kwargs):
    m = side.machine("m%d" % side.serial(), disks=disks, **kwargs)
    try:
        add_chain(side, m, chain)
        yield m
    finally:
        side.drop(m)


def checkpoint(side, disks, chain):
    """Create at the end of the chain, and delete that one again."""
    with machine_with_chain(side, disks, chain) as m:
        while True:
            xml = side.checkpoint_xml("c%d" % side.serial())
            begin = time.perf_counter()
            made = m.dom.checkpointCreateXML(xml)
            created = time.perf_counter()
            made.delete()
            yield {"create": ms(begin, created), "delete": ms(created)}


def delete_middle(side, disks, chain):
    """Delete inside the chain: two bitmaps are merged, a child gets another parent."""
    with machine_with_chain(side, disks, chain) as m:
        while True:
            one, two = "c%d" % side.serial(), "c%d" % side.serial()
            middle = m.dom.checkpointCreateXML(side.checkpoint_xml(one))
            last = m.dom.checkpointCreateXML(side.checkpoint_xml(two))
            begin = time.perf_counter()
            middle.delete()
            elapsed = ms(begin)
            last.delete()
            yield {"delete, middle": elapsed}


def checkpoint_size(side, disks, chain):
    with machine_with_chain(side, disks, chain) as m:
        made = m.dom.checkpointLookupByName("chain%d" % (chain - 1))
        while True:
            begin = time.perf_counter()
            made.getXMLDesc(SIZE_FLAG)
            yield {"dumpxml --size": ms(begin)}


def pull(side, disks, with_checkpoint):
    with machine_with_chain(side, disks, 0) as m:
        while True:
            name = "c%d" % side.serial()
            xml = side.checkpoint_xml(name) if with_checkpoint else None
            side.completed.reset()
            begin = time.perf_counter()
            m.dom.backupBegin(side.pull_xml(m), xml)
            begun = time.perf_counter()
            time.sleep(0.05)
            aborted = time.perf_counter()
            m.dom.abortJob()
            ended = side.completed.wait()[0]
            if with_checkpoint:
                m.dom.checkpointLookupByName(name).delete()
            wait_idle(m.dom)
            yield {"begin": ms(begin, begun), "abort to event": ms(aborted, ended)}


def wait_idle(dom):
    """The event may come before the job slot is free."""
    end = time.monotonic() + 30
    while dom.jobStats().get("type", 0) != libvirt.VIR_DOMAIN_JOB_NONE:
        if time.monotonic() > end:
            raise BenchError("the job does not end")
        time.sleep(0.002)


class LastJob:
    """Wall clock of the newest 'concluded' that QEMU has told of any job."""

    def __init__(self, conn):
        self.lock, self.newest = threading.Lock(), 0.0
        self.conn = conn
        self.id = libvirt_qemu.qemuMonitorEventRegister(conn, None, "JOB_STATUS_CHANGE", self.event, None)

    def event(self, conn, dom, name, seconds, micros, details, opaque):
        if '"concluded"' in details:
            with self.lock:
                self.newest = max(self.newest, seconds + micros / 1e6)

    def close(self):
        libvirt_qemu.qemuMonitorEventDeregister(self.conn, self.id)


def push(side, disks):
    """Empty disks: what is left is the driver's own work."""
    with machine_with_chain(side, disks, 0) as m:
        jobs = LastJob(side.conn)
        try:
            while True:
                yield push_once(side, m, jobs)
        finally:
            jobs.close()


def push_once(side, m, jobs):
    tag = str(side.serial())
    side.completed.reset()
    begin = time.perf_counter()
    m.dom.backupBegin(side.push_xml(m, tag), None)
    ended, wall = side.completed.wait()
    wait_idle(m.dom)
    time.sleep(0.02)                        # the monitor's events take another way to us
    for d in m.disks:
        os.unlink(side.target(m, d, tag))
    with jobs.lock:
        return {"begin to event": ms(begin, ended), "last job done to event": (wall - jobs.newest) * 1000}
