# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows: how much of its writes a guest keeps during a backup, and how fast a backup reads.

The guest rewrites its whole disk at random, 4 KiB at a time, as fast as it can. Its share is writes a
second during the backup over writes a second before it.
"""
import contextlib
import json
import os
import re
import subprocess
import time

import libvirt_qemu

from model import Storm
from rows_backup import wait_idle
from sides import MIB, BenchError

SIZE = 1024 * MIB            # more clusters than the guest can touch meanwhile
DIRTY = SIZE // 50 // 65536 * 65536
DIRTY_AT = 40 * MIB
BLOCK = 4096
WINDOW_SECONDS = 3.0
STORM = Storm(["vda"], SIZE, BLOCK, 1, 2, 0)


@contextlib.contextmanager
def filled_machine(side, boots=True):
    """One whose disk is written all over."""
    m = side.machine("t%d" % side.serial(), start=False, disks=1, size=SIZE, boots=boots)
    try:
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 5 0 %d" % SIZE, m["vda"].path], check=True,
                       stdout=subprocess.DEVNULL)
        m.dom.create()
        if boots:
            m.wait_boot()
            rate(m)                         # the translator's cache is warm then
        yield m
    finally:
        side.drop(m)


def rate(m):
    """Writes a second of a storm that lasts a while; (rate, longest write in ms)"""
    m.storm(STORM)
    time.sleep(WINDOW_SECONDS)
    report = m.calm()
    return report.writes / WINDOW_SECONDS, report.max_us / 1000


def pull_share(side, incremental, options=""):
    """@incremental: since a checkpoint after which a fiftieth of the disk was written."""
    with filled_machine(side) as m:
        while True:
            idle, _ = rate(m)
            name = "c%d" % side.serial() if incremental else None
            if name:
                made = m.dom.checkpointCreateXML(side.checkpoint_xml(name))
                m.write("vda", DIRTY_AT, DIRTY)
            m.dom.backupBegin(with_options(side.pull_xml(m, name), options), None)
            during, longest = rate(m)
            scratch = os.stat(side.path("scratch-%s-vda" % m.name)).st_blocks * 512 / MIB
            m.dom.abortJob()
            wait_idle(m.dom)
            if name:
                made.delete()
            yield {"guest's share": during / idle, "longest write": longest, "scratch": scratch}


def with_options(xml, options):
    return xml.replace("</domainbackup>", options + "</domainbackup>")


def qmp(m, command, **arguments):
    reply = json.loads(libvirt_qemu.qemuMonitorCommand(
        m.dom, json.dumps({"execute": command, "arguments": arguments}), 0))
    if "error" in reply:
        raise BenchError("%s: %s" % (command, reply["error"]["desc"]))
    return reply["return"]


def bare_share(side):
    """What QEMU's copy-before-write alone takes: no daemon, no reader, no window, no quorum."""
    with filled_machine(side) as m:
        scratch = side.path("bare-" + m.name)
        device = next(d for d in qmp(m, "query-block") if d["inserted"]["image"]["filename"] == m["vda"].path)
        drive = {"path": device["qdev"].removesuffix("/virtio-backend"), "property": "drive"}
        while True:
            idle, _ = rate(m)
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", scratch, str(SIZE)], check=True)
            qmp(m, "blockdev-add", **{
                "driver": "copy-before-write", "node-name": "bare-cbw", "file": device["inserted"]["node-name"],
                "target": {"driver": "qcow2", "file": {"driver": "file", "filename": scratch}}})
            qmp(m, "qom-set", **drive, value="bare-cbw")
            during, longest = rate(m)
            used = os.stat(scratch).st_blocks * 512 / MIB
            qmp(m, "qom-set", **drive, value=device["inserted"]["node-name"])
            qmp(m, "blockdev-del", **{"node-name": "bare-cbw"})
            os.unlink(scratch)
            yield {"guest's share": during / idle, "longest write": longest, "scratch": used}


@contextlib.contextmanager
def slow_target(side, name, rate_mb):
    """An NBD server that takes @rate_mb MB a second."""
    path = side.path("nbd-target-" + name)
    server = subprocess.Popen(["nbdkit", "-f", "-U", path, "--filter=rate", "memory", str(SIZE),
                               "rate=%d" % (rate_mb * 1000 * 1000 * 8), "burstiness=0.1"], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while not os.path.exists(path):
            if server.poll() is not None or time.monotonic() > end:
                raise BenchError("nbdkit does not start")
            time.sleep(0.01)
        yield path
    finally:
        server.terminate()
        server.wait()
        if os.path.exists(path):
            os.unlink(path)


def push_share(side, fleeced, rate_mb, incremental=False):
    """A push to a slow NBD server, plainly or, @fleeced, out of a snapshot with a scratch. @incremental: as
    pull_share."""
    with filled_machine(side) as m:
        while True:
            idle, _ = rate(m)
            since = ""
            if incremental:
                name = "c%d" % side.serial()
                made = m.dom.checkpointCreateXML(side.checkpoint_xml(name))
                m.write("vda", DIRTY_AT, DIRTY)
                since = "<incremental>%s</incremental>" % name
            with slow_target(side, m.name, rate_mb) as path:
                scratch = ("<f:scratch xmlns:f='urn:fleece:1' file='%s'/>" % side.path("scratch-" + m.name)
                           if fleeced else "")
                m.dom.backupBegin(
                    "<domainbackup mode='push'>%s<disks><disk name='vda' type='network'>"
                    "<target protocol='nbd' name=''><host transport='unix' socket='%s'/></target>"
                    "<driver type='raw'/>%s</disk></disks></domainbackup>" % (since, path, scratch), None)
                during, longest = rate(m)
                m.dom.abortJob()
                wait_idle(m.dom)
            if incremental:
                made.delete()
            yield {"guest's share": during / idle, "longest write": longest}


def push_local(side, options=""):
    """A full push to a file on the same disk, from its begin to its end."""
    with filled_machine(side) as m:
        while True:
            idle, _ = rate(m)
            tag = str(side.serial())
            side.completed.reset()
            m.storm(STORM)
            begin = time.perf_counter()
            m.dom.backupBegin(with_options(side.push_xml(m, tag), options), None)
            ended, _ = side.completed.wait()
            report = m.calm()
            wait_idle(m.dom)
            os.unlink(side.target(m, m["vda"], tag))
            yield {"guest's share": report.writes / (ended - begin) / idle, "longest write": report.max_us / 1000,
                   "duration": (ended - begin) * 1000}


def bulk_pull(side):
    """nbdcopy of a whole export to nowhere."""
    with filled_machine(side, boots=False) as m:
        m.dom.suspend()
        while True:
            m.dom.backupBegin(side.pull_xml(m), None)
            begin = time.perf_counter()
            subprocess.run(["nbdcopy", "nbd+unix:///vda?socket=" + side.path("nbd-" + m.name), "null:"],
                           check=True)
            elapsed = time.perf_counter() - begin
            m.dom.abortJob()
            wait_idle(m.dom)
            yield {"throughput": SIZE / MIB / elapsed}


def tcp_turn(side, m, helper):
    """MiB/s of nbdcopy from a port that the daemon has chosen."""
    xml = re.sub("<server .*?/>", "<server name='localhost'/>", side.pull_xml(m))
    m.dom.backupBegin(with_options(xml, "<f:options xmlns:f='urn:fleece:1' export-helper='%s'/>" % helper), None)
    port = re.search(r"<server [^>]*port='(\d+)'", m.dom.backupGetXMLDesc()).group(1)
    begin = time.perf_counter()
    subprocess.run(["nbdcopy", "nbd://localhost:%s/vda" % port, "null:"], check=True)
    elapsed = time.perf_counter() - begin
    m.dom.abortJob()
    wait_idle(m.dom)
    return SIZE / MIB / elapsed


def bulk_pull_tcp(side):
    """The same from QEMU itself and through an export helper."""
    with filled_machine(side, boots=False) as m:
        m.dom.suspend()
        while True:
            yield {"direct": tcp_turn(side, m, "no"), "through the helper": tcp_turn(side, m, "yes")}


def bulk_push(side):
    with filled_machine(side, boots=False) as m:
        m.dom.suspend()
        while True:
            tag = str(side.serial())
            side.completed.reset()
            begin = time.perf_counter()
            m.dom.backupBegin(side.push_xml(m, tag), None)
            ended, _ = side.completed.wait()
            wait_idle(m.dom)
            os.unlink(side.target(m, m["vda"], tag))
            yield {"throughput": SIZE / MIB / (ended - begin)}
