# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of pushes to targets that fail, stand still or are slow have in common: the backup may suffer, the
guest may not. It writes all the while, no write of it fails or takes much longer than cbw-timeout, the domain stays
running, and what the guest has written is what its disk holds."""
import os
import signal
import subprocess
import time

import libvirt

import images
import livetest
import model
from daemon import accepts, wait_until

MIB = 1 << 20
SIZE = 32 * MIB
SPAN = 8 * MIB
TIMEOUT = 2                    # cbw-timeout, seconds
SLACK = 2                      # of a machine that does other things besides
ANSWER = 2                     # an abort is answered within that


class PushFrame(livetest.LiveTest):
    events = None

    def stormy_machine(self, size=SIZE, **kwargs):
        m = self.machine(disks=1, size=size, **kwargs)
        m.write("vda", 0, 16 * MIB)
        return m

    def start_storm(self, m):
        m.running = model.Storm(m.targets, SPAN, 4096, 1, 2, 2000)
        m.before, m.longest = m.models(), 0
        m.storm(m.running)
        wait_until("the guest to write", lambda: self.writes(m) > 50)

    def writes(self, m):
        """So far."""
        report = m.stat()
        self.assertEqual(report.errno, 0)
        m.longest = max(m.longest, report.max_us / 1e6)
        return sum(report.counts)

    def assert_guest_writes(self, m, seconds=10):
        """It goes on, and is not paused."""
        before = self.writes(m)
        wait_until("the guest to write on", lambda: self.writes(m) > before + 50, seconds, 0.05)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)

    def end_storm(self, m, longest=TIMEOUT + SLACK):
        """No write has failed or taken long, and they have all arrived."""
        report = m.calm()
        self.assertEqual(report.errno, 0)
        self.assertLess(max(m.longest, report.max_us / 1e6), longest, "longest write, s")
        m.running.replay({d.target: d.model for d in m.disks}, report.counts)
        self.assertNoNodes(m)
        self.push(m, "after")
        self.assertSame(m["vda"].model.data, images.content(self.target_path(m, "vda", "after")), "vda, afterwards")

    def serve(self, *arguments, size=SIZE, name="server"):
        """nbdkit, gone with the test; its socket."""
        where = os.path.join(self.tmp, name)
        if os.path.exists(where):
            os.unlink(where)
        self.server = subprocess.Popen(["nbdkit", "-f", "-U", where] + [a % {"size": size} for a in arguments],
                                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.own.append(self.server.pid)
        self.addCleanup(self.end_server, self.server)
        wait_until("nbdkit to listen", lambda: os.path.exists(where) and accepts(where))
        return where

    def end_server(self, process):
        process.kill()
        process.wait()

    def stalled(self, process):
        """The server answers nobody until the test ends or sends SIGCONT."""
        process.send_signal(signal.SIGSTOP)

    def nbd_xml(self, where, extra="", timeout=TIMEOUT, incremental=None, scratch=None):
        return ("<domainbackup xmlns:f='urn:fleece:1'>%s<disks><disk name='vda' type='network'>"
                "<target protocol='nbd'><host transport='unix' socket='%s'/></target>%s</disk></disks>"
                "<f:options cbw-timeout='%d'%s/></domainbackup>"
                % ("<incremental>%s</incremental>" % incremental if incremental else "", where,
                   "<f:scratch file='%s'/>" % scratch if scratch else "", timeout, extra))

    def begin_watched(self, m, xml, checkpoint=None, flags=0):
        if self.events:
            self.events.close()
        self.events = livetest.Events(self.conn)
        self.begin(m, xml, checkpoint, flags)

    def assert_failed(self, m, pattern, seconds=60):
        job = self.events.wait("job completed", lambda e: e[0] == "job", seconds)
        self.assertEqual(job[2].get("success", 0), 0)
        self.assertRegex(job[2].get("errmsg", ""), pattern)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_FAILED)
        self.assert_no_lifecycle(m)

    def assert_no_lifecycle(self, m):
        self.assert_guest_writes(m)
        self.assertEqual([e for e in self.events.seen if e[0] == "lifecycle"], [])

    def abort(self, m):
        begin = time.monotonic()
        m.dom.abortJob()
        self.assertLess(time.monotonic() - begin, ANSWER, "s until the abort was answered")

    def small_directory(self, name, size):
        path = os.path.join(self.tmp, name)
        os.mkdir(path)
        images.run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "none", path])
        self.addCleanup(images.run, ["umount", "-l", path], check=False)
        return path

    def raw(self, name, size=SIZE):
        """A file for a server to serve; its path."""
        path = os.path.join(self.out, name)
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.truncate(size)
        return path

    def snapshot(self, m, data):
        """What the disk must have held at the instant, by what @data shows of the storm."""
        counts = m.running.newest({"vda": data})
        models = {t: d.copy() for t, d in m.before.items()}
        m.running.replay(models, counts)
        return models["vda"].data
