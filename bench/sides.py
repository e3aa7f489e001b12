# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two things that are compared, and what a row may ask of either.

A Side is one running daemon (ours or Debian's libvirtd, started as tests/live/daemon.py does), one
connection to it, its domains and its events. Both sides get the same XML through the same client
library.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import libvirt

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "tests", "live"))

import daemon as daemons                                        # noqa: E402
from machine import Machine                                     # noqa: E402
from processes import processes_with                            # noqa: E402

MIB = 1 << 20
EVENT_SECONDS = 60
KINDS = ("stock", "ours")


class BenchError(Exception):
    pass


def start_event_loop():
    """Before the first connection, or that connection gets no events."""
    def loop():
        while True:
            libvirt.virEventRunDefaultImpl()

    libvirt.registerErrorHandler(lambda context, error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=loop, daemon=True).start()


def leave():
    """The event loop thread would hold up a normal exit."""
    sys.stdout.flush()
    os._exit(0)


class Arrivals:
    """When the events of a kind came: (perf_counter, wall clock) each. The callback does nothing else."""

    def __init__(self):
        self.condition, self.times = threading.Condition(), []

    def arrived(self, *ignored):
        now = time.perf_counter(), time.time()
        with self.condition:
            self.times.append(now)
            self.condition.notify_all()

    def reset(self):
        with self.condition:
            self.times.clear()

    def wait(self, count=1):
        """Both clocks at the @count-th event since reset()."""
        with self.condition:
            if not self.condition.wait_for(lambda: len(self.times) >= count, EVENT_SECONDS):
                raise BenchError("no event within %d s" % EVENT_SECONDS)
            return self.times[count - 1]


class BenchMachine(Machine):
    """A machine and its handle."""

    dom = None


class Side:
    def __init__(self, kind, environment=None):
        self.kind, self.environment = kind, environment or {}
        self.tmp = tempfile.mkdtemp(prefix="fl-bench-")
        os.chmod(self.tmp, 0o755)
        self.daemon = daemons.new_daemon(os.path.join(self.tmp, "root"), kind)
        self.conn, self.machines, self.number = None, [], 0
        self.completed = Arrivals()

    # The daemon

    def start(self):
        self.daemon.start(env=self.environment)
        self.connect()

    def connect(self):
        self.conn = libvirt.open(self.daemon.uri)
        self.conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
                                         self.completed.arrived, None)

    def stop(self):
        if self.conn:
            self.conn.close()
            self.conn = None
        self.daemon.stop()

    def timed_start(self):
        """Start the daemon; seconds from fork to a connection that has counted the domains. Both
        kinds go through the same wrapper, which Debian's needs for its mount namespace."""
        argv = self.daemon.argv()
        if self.kind == "ours":
            argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", 'exec "$@"', "sh"] + argv
        self.daemon.prepare()
        with open(self.daemon.log, "ab") as log:
            begin = time.perf_counter()
            self.daemon.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                   start_new_session=True)
        while not daemons.accepts(self.daemon.socket):
            if time.perf_counter() - begin > EVENT_SECONDS:
                raise BenchError("%s does not start: %s" % (self.kind, self.daemon.log_tail()))
            time.sleep(0.0005)
        conn = libvirt.open(self.daemon.uri)
        conn.numOfDefinedDomains()
        elapsed = time.perf_counter() - begin
        conn.close()
        return elapsed

    # Domains

    def machine(self, name, start=True, **kwargs):
        """A fresh domain with its own images. Without boots=True its guest idles in the BIOS."""
        m = BenchMachine(self.tmp, name, **dict({"boots": False, "size": 64 * MIB}, **kwargs))
        m.create_images()
        m.dom = self.conn.defineXML(m.xml())
        self.machines.append(m)
        if start:
            m.dom.create()
            if m.boots:
                m.wait_boot()
        return m

    def drop(self, m):
        m.channel.close()
        if m.dom.isActive():
            m.dom.destroy()
        m.dom.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
        for d in m.disks:
            os.unlink(d.path)
        self.machines.remove(m)

    def serial(self):
        self.number += 1
        return self.number

    def path(self, name):
        return os.path.join(self.tmp, name)

    # Documents

    @staticmethod
    def checkpoint_xml(name):
        return "<domaincheckpoint><name>%s</name></domaincheckpoint>" % name

    def pull_xml(self, m, incremental=None):
        rows = "".join("<disk name='%s'><scratch file='%s'/></disk>"
                       % (d.target, self.path("scratch-%s-%s" % (m.name, d.target))) for d in m.disks)
        return ("<domainbackup mode='pull'>%s<server transport='unix' socket='%s'/><disks>%s</disks>"
                "</domainbackup>" % ("<incremental>%s</incremental>" % incremental if incremental else "",
                                     self.path("nbd-" + m.name), rows))

    def push_xml(self, m, tag):
        rows = "".join("<disk name='%s' type='file'><target file='%s'/><driver type='qcow2'/></disk>"
                       % (d.target, self.target(m, d, tag)) for d in m.disks)
        return "<domainbackup mode='push'><disks>%s</disks></domainbackup>" % rows

    def target(self, m, disk, tag):
        return self.path("out-%s-%s.%s" % (m.name, disk.target, tag))

    # The end

    def sweep(self):
        """Whatever happened: nothing of this side survives."""
        for m in self.machines:
            m.channel.close()
        if self.conn:
            try:
                self.conn.close()
            except libvirt.libvirtError:
                pass
        if self.daemon.running():
            self.daemon.kill()
        for pid in processes_with(self.tmp):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.tmp, ignore_errors=True)
