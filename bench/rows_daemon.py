# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows: the daemon itself: calls, statistics, memory, start-up, starting a domain."""
import os
import subprocess
import time

import libvirt
import libvirt_qemu

from daemon import wait_until
from rows_backup import machine_with_chain, ms, wait_idle
from sides import SOURCE, Arrivals, Side

CALL_SECONDS = 1.0
SETTLE_SECONDS = 0.3


def domain_start(side):
    m = side.machine("s%d" % side.serial(), start=False, disks=2)
    try:
        while True:
            begin = time.perf_counter()
            m.dom.create()
            elapsed = ms(begin)
            m.dom.destroy()
            yield {"start": elapsed}
    finally:
        side.drop(m)


def calls_program(side):
    program = side.path("calls")
    subprocess.run(["gcc", "-O2", "-Wall", "-pthread", "-I", os.path.join(SOURCE, "include"), "-o", program,
                    os.path.join(SOURCE, "bench", "calls.c"), "-l:libvirt.so.0"], check=True)
    return program


def calls(side, connections):
    """The client is the same C program on Debian's libvirt.so for both."""
    program = calls_program(side)
    m = side.machine("s%d" % side.serial(), start=False, disks=1)
    try:
        while True:
            done = subprocess.run([program, side.daemon.uri, str(connections), str(CALL_SECONDS), m.name],
                                  capture_output=True, text=True, check=True)
            yield {"calls": float(done.stdout)}
    finally:
        side.drop(m)


def all_stats(side, domains):
    machines = [side.machine("a%d" % side.serial(), disks=1) for _ in range(domains)]
    try:
        while True:
            begin = time.perf_counter()
            found = side.conn.getAllDomainStats(0, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE)
            elapsed = ms(begin)
            assert len(found) >= domains
            yield {"all": elapsed}
    finally:
        for m in machines:
            side.drop(m)


def stop_event(side):
    """From QEMU's STOP, by its own clock, to the callback of a client that waits for lifecycle events."""
    m = side.machine("e%d" % side.serial(), disks=1)
    stops, callbacks = [], Arrivals()
    raw = libvirt_qemu.qemuMonitorEventRegister(
        side.conn, m.dom, "STOP", lambda c, d, event, s, us, details, o: stops.append(s + us / 1e6), None)
    life = side.conn.domainEventRegisterAny(m.dom, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                            callbacks.arrived, None)
    try:
        while True:
            stops.clear()
            callbacks.reset()
            libvirt_qemu.qemuMonitorCommand(m.dom, '{"execute":"stop"}', 0)
            arrived = callbacks.wait()[1]
            wait_until("QEMU's own event", lambda: stops)
            libvirt_qemu.qemuMonitorCommand(m.dom, '{"execute":"cont"}', 0)
            callbacks.wait(2)
            yield {"to lifecycle callback": (arrived - stops[0]) * 1000}
    finally:
        libvirt_qemu.qemuMonitorEventDeregister(side.conn, raw)
        side.conn.domainEventDeregisterAny(life)
        side.drop(m)


def startup(side, domains):
    """A daemon of its own, started again and again; RSS is read once it is quiet."""
    own = Side(side.kind)
    try:
        own.start()
        for i in range(domains):
            m = own.machine("d%d" % i, start=False, disks=0)
            m.dom = None
        own.stop()
        while True:
            elapsed = own.timed_start() * 1000
            time.sleep(SETTLE_SECONDS)
            rss = own.daemon.rss_kib() / 1024
            own.stop()
            yield {"start-up": elapsed, "RSS": rss}
    finally:
        own.sweep()


def rss_after(side, backups):
    """Pull backups with a checkpoint each, the checkpoint deleted, on a daemon of their own."""
    while True:
        own = Side(side.kind)
        try:
            own.start()
            with machine_with_chain(own, 2, 0) as m:
                for _ in range(backups):
                    name = "c%d" % own.serial()
                    own.completed.reset()
                    m.dom.backupBegin(own.pull_xml(m), own.checkpoint_xml(name))
                    m.dom.abortJob()
                    own.completed.wait()
                    wait_idle(m.dom)
                    m.dom.checkpointLookupByName(name).delete()
                rss = own.daemon.rss_kib() / 1024
            yield {"RSS": rss}
        finally:
            own.sweep()
