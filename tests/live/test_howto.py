#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The scripts of docs/howto.rst, as they stand there."""
import os
import shutil
import subprocess
import time

import daemon
import howto
import images
import livetest
from processes import free_port

MIB = 1 << 20
SIZE = 16 * MIB


class HowTo(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        self.number = 0

    def script(self, page, name, *args, cwd=None, **variables):
        environment = dict(os.environ, LIBVIRT_DEFAULT_URI=self.daemon.uri, BACKUP=self.out, **variables)
        environment["PATH"] = os.path.dirname(daemon.OurDaemon.virsh[0]) + ":" + environment["PATH"]
        done = subprocess.run(["sh", "-ec", howto.example(page, name), "sh", *args], env=environment,
                              cwd=cwd or self.tmp, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=120)
        self.assertEqual(done.returncode, 0, "%s: %s%s" % (name, done.stdout, done.stderr))

    def write(self, m, target, offset, length):
        self.number += 1
        disk, source = m[target], os.path.join(self.tmp, "stamps")
        disk.model.write(offset, length, self.number)
        with open(source, "wb") as f:
            f.write(disk.model.data[offset:offset + length])
        images.run(["qemu-io", "-f", disk.format, "-c", "write -s %s %d %d" % (source, offset, length),
                    disk.path])

    def nightly(self, m):
        self.script("howto.rst", "nightly", "vm")
        second = int(time.time())
        daemon.wait_until("another second", lambda: int(time.time()) != second)

    def test_nightly_and_restore(self):
        """A guest that writes, then a stopped domain."""
        m = self.machine(disks=2, size=SIZE, formats=["qcow2", "raw"])
        m.write("vda", 0, 2 * MIB)
        m.write("vdb", MIB, 2 * MIB)
        self.nightly(m)
        m.write("vda", 4 * MIB, 65536)
        m.write("vdb", 5 * MIB, 65536)
        self.nightly(m)
        m.write("vda", 0, 4096)
        self.nightly(m)
        m.tell("poweroff")
        daemon.wait_until("shut off", lambda: not m.dom.isActive())
        m.channel.close()
        self.nightly(m)
        self.assertEqual(sorted(n.rpartition("-")[2][7:] for n in os.listdir(os.path.join(self.out, "vm"))
                                if n.endswith(".qcow2")), ["full.qcow2"] * 2 + ["inc.qcow2"] * 6)
        self.assertEqual(len(m.dom.listAllCheckpoints()), 1)
        want = m.models()
        for t in m.targets:
            self.write(m, t, 0, 8 * MIB)
        self.script("howto.rst", "restore", "vm")
        for d in m.disks:
            self.assertSame(want[d.target].data, images.content(d.path, d.format), d.target)
        self.assertFalse(os.path.exists(os.path.join(self.out, "vm", "last")))
        self.nightly(m)

    def test_pulled_over_tls(self):
        m = self.machine(boots=False, disks=1, size=SIZE)
        pki, client = self.daemon.path("etc", "pki", "qemu"), os.path.join(self.tmp, "client")
        os.makedirs(pki)
        os.mkdir(client)
        self.script("formatbackup.rst", "certificates", cwd=pki)
        for name in ("ca-cert.pem", "client-cert.pem", "client-key.pem"):
            shutil.copy(os.path.join(pki, name), client)
        where = dict(ADDRESS="localhost", PORT=str(free_port()))
        self.script("howto.rst", "tls-host", VM="vm", **where)
        self.script("howto.rst", "tls-client", cwd=self.out, CERTIFICATES=client, **where)
        with open(os.path.join(self.out, "vda.img"), "rb") as f:
            self.assertSame(m["vda"].model.data, f.read(), "vda")
        self.end_pull(m)


if __name__ == "__main__":
    livetest.main()
