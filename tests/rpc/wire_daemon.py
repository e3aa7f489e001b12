# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon of our own for one test: private root, ended by its process id."""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
import probe  # noqa: E402

BINARY = os.path.abspath(sys.argv.pop(1))

with open(BINARY, "rb") as _program:
    # A sanitizer keeps freed memory for a while, so its figures say nothing about ours.
    SANITIZED = b"__asan_init" in _program.read()


def wait_for(condition, what, timeout=30):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited %g s in vain: %s" % (timeout, what))
        time.sleep(0.01)


class Daemon:
    def __init__(self, conf="", args=()):
        self.root = tempfile.mkdtemp(prefix="wire-")
        self.conf = os.path.join(self.root, "virtqemud.conf")
        with open(self.conf, "w") as out:
            out.write(conf)
        self.socket = os.path.join(self.root, "run/libvirt/virtqemud-sock")
        self.readonly = self.socket + "-ro"
        self.pidfile = os.path.join(self.root, "run/libvirt/virtqemud.pid")
        self.log = open(os.path.join(self.root, "log"), "w+")
        self.process = subprocess.Popen(
            [BINARY, "--root", self.root, "-f", self.conf] + list(args), stderr=self.log)
        atexit.register(self.discard)
        wait_for(lambda: self.listening() or self.process.poll() is not None, "sockets")
        if self.process.poll() is not None:
            raise AssertionError("the daemon ended: " + self.log_text())
        # Its sockets have names before it has all it opens: it has when it answers.
        with self.connect(open=False) as c:
            c.call("AUTH_LIST")
        self.fds_at_start = self.steady_fds()

    def listening(self):
        """A socket has a name before anybody listens on it."""
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.readonly if os.geteuid() == 0 else self.socket) == 0

    def log_text(self):
        self.log.flush()
        with open(self.log.name) as text:
            return text.read()

    def connect(self, **options):
        options.setdefault("timeout", 10)
        return probe.Connection(self.socket, **options)

    def count_fds(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def rss_kib(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def steady_fds(self):
        """The count that stays the same for a while: that client, and what looked for us, are gone."""
        counts = []

        def steady():
            counts.append(self.count_fds())
            return len(counts) > 15 and len(set(counts[-15:])) == 1
        wait_for(steady, "the descriptors at the start to be all there")
        return counts[-1]

    def expect_fds_back(self):
        wait_for(lambda: self.count_fds() == self.fds_at_start,
                 "descriptors back to %d" % self.fds_at_start)

    def discard(self):
        """leave nothing behind when a test failed before its end"""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def end(self, sig=signal.SIGTERM):
        """its exit status"""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        status = self.process.wait(20)
        if status > 0:
            print(self.log_text())
        self.log.close()
        shutil.rmtree(self.root)
        return status
