#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virsh backup-begin --wait and --progress: it returns when the backup is over and says how it ended;
Ctrl-C ends the backup."""
import os
import re
import signal
import subprocess

import libvirt

import daemon as daemons
import images
import livetest
from daemon import wait_until

MIB = 1 << 20
SIZE = 16 * MIB


class Wait(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("options of our virsh")
        self.waiting = []

    def data_machine(self):
        m = self.machine(start=False, boots=False, disks=1, size=SIZE)
        images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 0 16M", m["vda"].path])
        m["vda"].model.data[:] = b"\x5a" * SIZE
        self.start_machine(m)
        return m

    def document(self, xml):
        path = os.path.join(self.tmp, "backup.xml")
        with open(path, "w") as f:
            f.write(xml)
        return path

    def begin_waiting(self, xml, *options):
        """virsh in the background, once the backup has begun."""
        argv = [*daemons.OurDaemon.virsh, "-c", self.daemon.uri, "backup-begin", "vm", self.document(xml),
                *options]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.reap, process)
        self.assertEqual(process.stdout.readline(), "Backup started\n")
        return process

    def reap(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def result(self, process):
        out, err = process.communicate(timeout=60)
        return process.returncode, out.strip(), err.strip()

    def test_push(self):
        m = self.data_machine()
        done = self.virsh("backup-begin", "vm", self.document(self.push_xml(m, "a")), "--wait", ours=True)
        self.assertEqual(done.stdout.split("\n")[:2], ["Backup started", "Backup completed"])
        self.assertEqual(done.stderr, "")
        self.assertEqual(m.dom.jobStats().get("type", 0), libvirt.VIR_DOMAIN_JOB_NONE)
        self.assertSame(m["vda"].model.data, images.content(self.target_path(m, "vda", "a")), "vda")

    def test_interrupted_pull_is_over(self):
        m = self.data_machine()
        process = self.begin_waiting(self.pull_xml(m), "--progress")
        self.assertSame(m["vda"].model.data, self.read_exports(m)["vda"][0], "vda")
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        status, out, err = self.result(process)
        self.assertEqual((status, out), (0, "Backup completed"), err)
        self.assertRegex(err, r"Backup: \[\d+\.\d{3} \w+ of scratch\]")

    def test_domain_that_ends(self):
        m = self.data_machine()
        process = self.begin_waiting(self.pull_xml(m), "--wait")
        m.dom.destroy()
        status, out, err = self.result(process)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("error: Backup failed: the domain's QEMU process ended", err)

    def test_interrupted_push_is_cancelled(self):
        """Into a server that takes an eighth of a MiB a second: two minutes."""
        m = self.data_machine()
        where = os.path.join(self.tmp, "slow")
        server = subprocess.Popen(["nbdkit", "-f", "-U", where, "--filter=rate", "memory", str(SIZE),
                                   "rate=1M"], stderr=subprocess.DEVNULL)
        self.own.append(server.pid)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        wait_until("nbdkit", lambda: os.path.exists(where))
        xml = ("<domainbackup><disks><disk name='vda' type='network'><target protocol='nbd'>"
               "<host transport='unix' socket='%s'/></target><driver type='raw'/></disk></disks>"
               "</domainbackup>" % where)
        process = self.begin_waiting(xml, "--wait", "--progress")
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()       # QEMU, once in a while, waits for what is under way all the same
        status, out, err = self.result(process)
        self.assertEqual((status, out), (1, ""))
        self.assertTrue(re.search(r"Backup: \[ *\d+\.\d\d %\]", err), err)
        self.assertIn("error: Backup cancelled", err)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_CANCELLED)


if __name__ == "__main__":
    livetest.main()
