#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Push backups to NBD servers and block devices; and what happens when these are bad ones."""
import os
import socket
import subprocess

import libvirt

import images
import livetest
from daemon import accepts, wait_until
from processes import free_port

MIB = 1 << 20
SIZE = 32 * MIB


class Targets(livetest.LiveTest):
    def nbd_path(self, target):
        return os.path.join(self.tmp, "nbd-" + target)

    def serve_file(self, target, path, export=""):
        """qemu-nbd with the bytes of @path."""
        where = self.nbd_path(target)
        return self.serve(["qemu-nbd", "-t", "-f", "raw", "-k", where, "-x", export, path],
                          lambda: os.path.exists(where) and accepts(where))

    def raw(self, name, size=SIZE):
        path = os.path.join(self.out, name)
        with open(path, "wb") as f:
            f.truncate(size)
        return path

    def row(self, target, host=None, export="", driver="", attributes=""):
        host = host or "transport='unix' socket='%s'" % self.nbd_path(target)
        return ("<disk name='%s' type='network' %s><target protocol='nbd'%s><host %s/></target>%s</disk>"
                % (target, attributes, export and " name='%s'" % export, host,
                   driver and "<driver type='%s'/>" % driver))

    def xml(self, *rows, incremental=None):
        since = "<incremental>%s</incremental>" % incremental if incremental else ""
        return "<domainbackup>%s<disks>%s</disks></domainbackup>" % (since, "".join(rows))

    def result(self, m):
        self.wait_no_job(m)
        return self.completed(m)["type"]

    def run_push(self, m, xml, checkpoint=None):
        self.begin(m, xml, checkpoint)
        self.assertEqual(self.result(m), libvirt.VIR_DOMAIN_JOB_COMPLETED)

    def test_full_and_incremental_into_the_same_exports(self):
        """Raw exports are brought up to date in place, while the guest runs."""
        m = self.machine()
        paths = {t: self.raw(t) for t in m.targets}
        port = free_port()
        self.serve_file("vda", paths["vda"], export="web/a & b")
        self.serve(["nbdkit", "-f", "-p", str(port), "-i", "127.0.0.1", "file", paths["vdb"]],
                   lambda: self.connects(port))
        m.write("vda", 0, 4 * MIB)
        m.write("vdb", 9 * MIB, MIB)
        rows = (self.row("vda", export="web/a &amp; b"),
                self.row("vdb", host="name='127.0.0.1' port='%d'" % port))
        self.run_push(m, self.xml(*rows), "a")
        for t in m.targets:
            self.assertSame(m[t].model.data, self.bytes_of(paths[t]), t + " in full")
        m.write("vda", MIB, 65536)
        m.write("vdb", 20 * MIB, 3 * 4096)
        self.begin(m, self.xml(*rows, incremental="a"), "b")
        self.assertEqual(self.result(m), libvirt.VIR_DOMAIN_JOB_COMPLETED)
        for t in m.targets:
            self.assertSame(m[t].model.data, self.bytes_of(paths[t]), t + " incremental")

    def connects(self, port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def bytes_of(self, path):
        with open(path, "rb") as f:
            return f.read()

    def test_qcow2_in_an_export(self):
        m = self.machine(boots=False, disks=1)
        path = os.path.join(self.out, "q")
        images.create(path, SIZE)
        os.truncate(path, 64 * MIB)
        self.serve_file("vda", path, export="x")
        self.begin(m, self.xml(self.row("vda", export="x", driver="qcow2")))
        self.assertEqual(self.result(m), libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.assertSame(m["vda"].model.data, images.content(path), "vda in a qcow2 behind NBD")

    def test_stopped_domain(self):
        m = self.machine(boots=False, disks=1, start=False)
        images.run(["qemu-io", "-c", "write -P 7 1M 64k", m["vda"].path])
        path = self.raw("vda")
        self.serve_file("vda", path)
        events = livetest.Events(self.conn)
        self.begin(m, self.xml(self.row("vda")))
        job = events.wait("end", lambda e: e[0] == "job")
        self.assertEqual(job[2]["success"], 1)
        events.close()
        self.assertSame(images.content(m["vda"].path), self.bytes_of(path), "vda")

    def test_server_dies_and_guest_does_not(self):
        m = self.machine(disks=1)
        m.write("vda", 0, 16 * MIB)
        where = self.nbd_path("vda")
        server = self.serve(["nbdkit", "-f", "-U", where, "--filter=rate", "memory", str(SIZE), "rate=8M"],
                            lambda: os.path.exists(where) and accepts(where))
        self.begin(m, self.xml(self.row("vda")), "a")
        self.assertIn("<host transport='unix' socket='%s'/>" % where, m.dom.backupGetXMLDesc())
        self.assertIn("type='network'", m.dom.backupGetXMLDesc())
        server.kill()
        self.assertEqual(self.result(m), libvirt.VIR_DOMAIN_JOB_FAILED)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        m.write("vda", MIB, MIB)
        self.assertNoNodes(m)
        os.unlink(where)
        path = self.raw("vda")
        self.serve_file("vda", path)
        self.run_push(m, self.xml(self.row("vda")))
        self.assertSame(m["vda"].model.data, self.bytes_of(path), "vda, afterwards")

    def test_bad_servers_are_found_before_anything_happens(self):
        m = self.machine(disks=1)
        message = "disk 'vda' of domain 'vm' to the NBD server at '%s': %s"
        where = self.nbd_path("vda")
        xml = self.xml(self.row("vda"))
        uri = "nbd\\+unix:///\\?socket=" + where
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, message % (uri, "No such file"),
                         self.begin, m, xml, "a")
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(where)
            silent.listen(1)
            self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, message % (uri, "it says nothing"),
                             self.begin, m, xml, "a")
        os.unlink(where)
        port = free_port()
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED,
                         message % ("nbd://127.0.0.1:%d/x" % port, "Connection refused"), self.begin, m,
                         self.xml(self.row("vda", "name='127.0.0.1' port='%d'" % port, "x")), "a")
        self.serve_file("vda", self.raw("small", 4 * MIB), export="small")
        for export, why in (("small", "different sizes|Source and target"), ("other", "not (present|found)|export")):
            self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, why, self.begin, m,
                             self.xml(self.row("vda", export=export)), "a")
        self.assertEqual(m.dom.listAllCheckpoints(), [])
        m.write("vda", 0, MIB)
        self.assertNoNodes(m)

    def test_block_device(self):
        if os.geteuid() != 0:
            self.skipTest("loop devices need root")
        m = self.machine(boots=False, disks=1)
        path = self.raw("device")
        device = images.run(["losetup", "--show", "-f", path]).stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", device])
        self.run_push(m, self.xml("<disk name='vda' type='block'><target dev='%s'/>"
                                  "<driver type='raw'/></disk>" % device))
        os.sync()
        self.assertSame(m["vda"].model.data, self.bytes_of(device), "vda on a block device")


if __name__ == "__main__":
    livetest.main()
