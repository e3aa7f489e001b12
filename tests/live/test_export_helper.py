#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pull backups through an export helper: the same bytes and bitmaps as from QEMU itself, and clients meet the
helper alone. It goes with its backup, and its backup with it, whoever dies."""
import glob
import os
import shutil
import signal
import socket
import subprocess
import time
import xml.etree.ElementTree as ET

import libvirt
import nbd

import howto
import images
import livetest
import model
import nbdbytes
from daemon import wait_until
from processes import free_port, processes_with

MIB = 1 << 20
SPAN = 4 * MIB
HELPER = "<f:options xmlns:f='urn:fleece:1' export-helper='yes'%s/>"


class ExportHelper(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()

    def helper_xml(self, m, more="", **kwargs):
        return self.pull_xml(m, port=self.port, extra=HELPER % more, **kwargs)

    def helpers(self):
        return [pid for pid, line in processes_with(self.tmp).items() if "qemu-storage-daemon" in line]

    def helper(self):
        pids = self.helpers()
        self.assertEqual(len(pids), 1, "export helpers")
        return pids[0]

    def peers(self, m):
        """TCP sockets that QEMU itself has."""
        pid = self.qemu_pid(m.name)
        links = [os.readlink(p) for p in glob.glob("/proc/%d/fd/*" % pid) if os.path.lexists(p)]
        with open("/proc/%d/net/tcp" % pid) as f, open("/proc/%d/net/tcp6" % pid) as g:
            inodes = [line.split()[9] for line in f.readlines()[1:] + g.readlines()[1:]]
        return [i for i in inodes if "socket:[%s]" % i in links]

    def left(self):
        return [p for p in glob.glob(self.daemon.path("var/lib/libvirt/qemu/domain-*/*"))
                if os.path.basename(p).startswith(("export", "bitmap-", "window-"))]

    def assert_gone(self):
        """The process as soon as the backup is over, QEMU's server with its socket and the journal behind that."""
        self.assertEqual(self.helpers(), [])
        journals = self.daemon.path("run/libvirt/qemu/*.backup*")
        wait_until("the files to be gone", lambda: not self.left() and not glob.glob(journals), 5)

    def assert_freed(self):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", self.port))

    def filled(self, **kwargs):
        m = self.machine(**kwargs)
        for t in m.targets:
            m.write(t, 0, 3 * MIB)
            m.write(t, 10 * MIB + 512, 7 * 512)
        return m

    # Content

    def test_full_and_incremental(self):
        m = self.filled()
        self.begin(m, self.helper_xml(m), checkpoint="a")
        options = ET.fromstring(m.dom.backupGetXMLDesc()).find("{urn:fleece:1}options")
        self.assertEqual(options.get("export-helper"), "yes")
        want = m.models()
        m.write("vda", 0, MIB)
        full = self.read_exports(m, port=self.port)
        self.assertEqual(self.peers(m), [])
        for t in m.targets:
            self.assertSame(want[t].data, full[t][0], t)
        self.end_pull(m)
        self.assert_gone()
        m.write("vda", 5 * MIB, 65536)
        m.write("vdb", 6 * MIB + 4096, 512)
        want = m.models()
        self.begin(m, self.helper_xml(m, incremental="a"), checkpoint="b")
        m.write("vda", 12 * MIB, MIB)
        m.write("vdb", 6 * MIB, 65536)
        read = self.read_exports(m, incremental=True, port=self.port)
        self.assertEqual(read["vda"][1], [(0, MIB), (5 * MIB, 65536)])
        self.assertEqual(read["vdb"][1], [(6 * MIB, 65536)])
        for t in m.targets:
            self.assertSame(want[t].data, read[t][0], t)
            self.assertSame(want[t].data, model.apply_extents(full[t][0], *read[t]), t + " restored")
        self.end_pull(m)
        self.assert_gone()
        self.assert_freed()
        self.assertEqual(sorted(c.getName() for c in m.dom.listAllCheckpoints()), ["a", "b"])


    def map(self, name, context):
        h = images.connect(name, None, self.port, [context])
        out = []

        def extents(_, offset, entries, error):
            for length, flags in zip(entries[::2], entries[1::2]):
                if out and out[-1][2] == flags:
                    out[-1] = (out[-1][0], out[-1][1] + length, flags)
                else:
                    out.append((offset, length, flags))
                offset += length

        at = 0
        while at < h.get_size():
            h.block_status(h.get_size() - at, at, extents)
            at = sum(n for _, n, _ in out)
        h.shutdown()
        return out

    def test_status_and_scope_are_those_of_qemu(self):
        """What is allocated, at byte offsets that suit nobody, and only what has changed."""
        m = self.machine(disks=1)
        for i in range(0, 40, 3):
            m.write("vda", i * 65536 + 512, 4096)
        self.checkpoint(m, "a")
        m.write("vda", 20 * MIB, 65536)
        found = []
        for xml in (self.pull_xml(m, port=self.port, incremental="a"), self.helper_xml(m, incremental="a")):
            self.begin(m, xml)
            found.append([self.map("vda", "base:allocation"), self.map("vda", "qemu:dirty-bitmap:backup-vda")])
            self.end_pull(m)
            wait_until("the port to be free", lambda: not self.peers(m), 5)
        self.assertEqual(found[0], found[1])
        self.assertGreater(len(found[0][0]), 20)
        self.begin(m, self.helper_xml(m, incremental="a", more=" scope='changed'"))
        h = images.connect("vda", None, self.port, ["qemu:dirty-bitmap:backup-vda"])
        self.assertEqual(images.dirty(h, "backup-vda"), [(20 * MIB, 65536)])
        self.assertSame(m["vda"].model.data[20 * MIB:20 * MIB + 65536], h.pread(65536, 20 * MIB), "the change")
        with self.assertRaises(nbd.Error):
            h.pread(65536, 0)
        h.shutdown()
        self.end_pull(m)

    def test_nbd_tools(self):
        m = self.filled(disks=1)
        self.begin(m, self.helper_xml(m))
        uri = "nbd://localhost:%d/vda" % self.port
        self.assertEqual(int(images.run(["nbdinfo", "--size", uri]).stdout), m["vda"].size)
        out = os.path.join(self.out, "copy")
        for argv in (["nbdcopy", uri, out], ["qemu-img", "convert", "-f", "raw", "-O", "raw", uri, out]):
            images.run(argv)
            with open(out, "rb") as f:
                self.assertSame(m["vda"].model.data, f.read(), argv[0])
        os.unlink(out)
        self.end_pull(m)

    def test_tls(self):
        m = self.filled(disks=1)
        self.checkpoint(m, "a")
        m.write("vda", 20 * MIB, 65536)
        server, client = self.daemon.path("etc", "pki", "qemu"), os.path.join(self.tmp, "client")
        xml = self.helper_xml(m, incremental="a").replace("<server ", "<server tls='yes' ")
        os.makedirs(server)
        subprocess.run(["sh", "-ec", howto.example("formatbackup.rst", "certificates")], cwd=server,
                       check=True, stdin=subprocess.DEVNULL, capture_output=True)
        os.makedirs(client)
        for name in ("ca-cert.pem", "client-cert.pem", "client-key.pem"):
            shutil.copy(os.path.join(server, name), client)
        self.begin(m, xml)
        want = m["vda"].model.data.copy()
        m.write("vda", 0, MIB)
        h = nbd.NBD()
        h.set_tls(nbd.TLS_REQUIRE)
        h.set_tls_certificates(client)
        h.set_export_name("vda")
        h.add_meta_context("qemu:dirty-bitmap:backup-vda")
        h.connect_tcp("localhost", str(self.port))
        self.assertEqual(images.dirty(h, "backup-vda"), [(20 * MIB, 65536)])
        data = images.read_all(h)
        h.shutdown()
        self.assertSame(want, data, "vda")
        self.assertNotIn("fleece-tls", [o["name"] for o in self.qmp(m.dom, "qom-list", path="/objects")])
        plain = images.run(["nbdinfo", "--list", "nbd://localhost:%d" % self.port], check=False)
        self.assertNotEqual(plain.returncode, 0)
        self.assertNotIn("vda", plain.stdout)
        self.end_pull(m)
        self.assert_gone()
        with open(os.path.join(server, "server-key.pem"), "w") as f:
            f.write("no key\n")
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "export helper of domain 'vm' has ended with.*server-key.pem",
                         self.begin, m, xml)
        self.assert_gone()
        self.assertNoNodes(m)

    def test_another_user(self):
        """It is QEMU's, as all that it opens."""
        m = self.machine(disks=1, boots=False, start=False)
        with open(self.daemon.path("etc", "libvirt", "qemu.conf"), "w") as f:
            f.write('user = "nobody"\ngroup = "nogroup"\n')
        self.restart_daemon()
        m.dom.create()
        self.checkpoint(m, "a")
        self.begin(m, self.helper_xml(m, incremental="a"))
        process = "/proc/%d/" % self.helper()
        self.assertEqual(os.stat(process).st_uid, os.stat("/proc/%d" % self.qemu_pid()).st_uid)
        self.assertNotEqual(os.stat(process).st_uid, os.getuid())
        with open(process + "oom_score_adj") as f:
            self.assertEqual(f.read().strip(), "1000")
        self.assertEqual(self.read_exports(m, incremental=True, port=self.port)["vda"], (bytes(m["vda"].size), []))
        self.end_pull(m)
        self.assert_gone()

    def test_snapshot_breaks(self):
        m = self.machine(disks=1)
        m.write("vda", 0, 8 * MIB)
        events = livetest.Events(self.conn)
        self.begin(m, self.helper_xml(m, more=" scratch-limit='1048576'"))
        m.write("vda", 0, 8 * MIB)
        self.assert_failed(m, events, "has reached the scratch-limit")
        self.assert_gone()
        events.close()

    # Clients

    def stormy(self):
        m = self.machine(disks=1, size=32 * MIB)
        m.write("vda", 0, 16 * MIB)
        m.storm(model.Storm(m.targets, SPAN, 4096, 1, 1, 2000))
        self.assert_guest_writes(m)
        return m

    def assert_guest_writes(self, m, seconds=10):
        before = sum(m.stat().counts)
        wait_until("the guest to write on", lambda: sum(m.stat().counts) > before + 50, seconds, 0.05)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.assertEqual(m.stat().errno, 0)

    def hang_in_read(self):
        """Has asked for much more than a socket holds, and reads none of it."""
        h = images.connect("vda", None, self.port)
        h.buffers = [nbd.Buffer(8 * MIB) for _ in range(8)]
        for b in h.buffers:
            h.aio_pread(b, 0)
        while h.aio_get_direction() & nbd.AIO_DIRECTION_WRITE:
            h.aio_notify_write()
        return h

    def silent(self):
        s = socket.socket()
        s.connect(("localhost", self.port))
        return s

    def abort_in_time(self, m):
        start = time.monotonic()
        m.dom.abortJob()
        self.assertLess(time.monotonic() - start, 2)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.assert_gone()
        self.assertNoNodes(m)
        self.assert_freed()

    def test_clients_that_hang_and_a_hundred(self):
        m = self.stormy()
        self.begin(m, self.helper_xml(m))
        hanging = [self.hang_in_read() for _ in range(3)]
        silent = [self.silent() for _ in range(3)]
        self.assert_guest_writes(m)
        m.dom.suspend()
        m.dom.resume()
        self.checkpoint(m, "a")
        self.assert_guest_writes(m)
        reader = images.connect("vda", None, self.port)
        self.assertEqual(len(reader.pread(MIB, 0)), MIB)
        reader.shutdown()
        self.abort_in_time(m)
        self.assert_guest_writes(m)
        del hanging, silent
        self.begin(m, self.helper_xml(m))
        many = [images.connect("vda", None, self.port) for _ in range(100)]
        self.assertEqual([len(h.pread(65536, 0)) for h in many], [65536] * 100)
        self.assert_guest_writes(m)
        self.abort_in_time(m)
        self.assertEqual(m.calm().errno, 0)

    def test_clients_that_leave_at_any_byte(self):
        m = self.machine(disks=1, boots=False)
        self.begin(m, self.helper_xml(m))
        whole = nbdbytes.Client(self.port, "vda")
        self.assertTrue(whole.run())
        for n in range(1, whole.sent, 7):
            nbdbytes.Client(self.port, "vda", sends=n).run()
        for n in list(range(1, 400, 17)) + list(range(400, whole.received, 16381)):
            nbdbytes.Client(self.port, "vda", receives=n).run()
        self.assertTrue(nbdbytes.Client(self.port, "vda").run())
        self.end_pull(m)
        self.assert_gone()

    # Deaths

    def assert_failed(self, m, events, pattern):
        job = events.wait("job completed", lambda e: e[0] == "job")
        self.assertFalse(job[2]["success"])
        self.assertRegex(job[2]["errmsg"], pattern)
        self.wait_no_job(m)

    def test_helper_dies(self):
        m = self.stormy()
        events = livetest.Events(self.conn)
        self.begin(m, self.helper_xml(m))
        reader = images.connect("vda", None, self.port)
        os.kill(self.helper(), signal.SIGSEGV)
        self.assert_failed(m, events, "export helper, .*, was ended by signal 11 ")
        with self.assertRaises(nbd.Error):
            reader.pread(512, 0)
        self.assert_guest_writes(m)
        self.assert_gone()
        self.assertNoNodes(m)
        events.close()
        self.begin(m, self.helper_xml(m))
        self.abort_in_time(m)

    def test_helper_stands_still(self):
        """With replies for it under way: QEMU waits for it once something drains the disk."""
        m = self.stormy()
        events = livetest.Events(self.conn)
        self.begin(m, self.helper_xml(m))
        readers = [images.connect("vda", None, self.port) for _ in range(8)]
        for h in readers:
            h.buffers = [nbd.Buffer(8 * MIB) for _ in range(4)]
            for b in h.buffers:
                h.aio_pread(b, 0)
        os.kill(self.helper(), signal.SIGSTOP)
        m.dom.suspend()
        m.dom.resume()
        self.assert_guest_writes(m)
        self.assert_failed(m, events, "export helper, .*, was ended by signal 9 ")
        self.assert_gone()
        events.close()
        self.begin(m, self.helper_xml(m))
        os.kill(self.helper(), signal.SIGSTOP)
        self.abort_in_time(m)

    def test_qemu_dies(self):
        m = self.machine(disks=1, boots=False)
        events = livetest.Events(self.conn)
        self.begin(m, self.helper_xml(m))
        os.kill(self.qemu_pid(), signal.SIGKILL)
        self.assert_failed(m, events, "QEMU process ended")
        self.assert_gone()
        events.close()
        m.dom.create()
        self.begin(m, self.helper_xml(m))
        m.dom.destroy()
        self.assert_gone()

    def test_daemon_restarts(self):
        m = self.filled(disks=1)
        self.checkpoint(m, "a")
        self.begin(m, self.helper_xml(m, incremental="a"))
        want = m["vda"].model.data.copy()
        m.write("vda", 0, MIB)
        pid = self.helper()
        for kill in (False, True):
            self.restart_daemon(kill=kill)
            self.assertEqual(self.helper(), pid)
            data, dirty = self.read_exports(m, incremental=True, port=self.port)["vda"]
            self.assertSame(want, data, "vda")
            self.assertEqual(dirty, [])
        self.abort_in_time(m)

    def test_deaths_while_no_daemon_runs(self):
        m = self.machine(disks=1, boots=False)
        self.begin(m, self.helper_xml(m))
        self.disconnect()
        self.daemon.kill()
        os.kill(self.helper(), signal.SIGKILL)
        self.start_daemon()
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_FAILED)
        self.assertRegex(self.completed(m)["errmsg"], "export helper.*has ended")
        self.assert_gone()
        self.assertNoNodes(m)
        self.begin(m, self.helper_xml(m))
        self.disconnect()
        self.daemon.kill()
        os.kill(self.qemu_pid(), signal.SIGKILL)
        self.start_daemon()
        wait_until("the helper to be gone", lambda: not self.helpers(), 10)
        self.assert_gone()

    # Where there is none

    def test_refusals_and_defaults(self):
        m = self.machine(disks=1, boots=False)
        unix = self.pull_xml(m, extra=HELPER % "")
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "export-helper is for transport='tcp'", self.begin, m, unix)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.port))
            taken.listen()
            self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "port %d" % self.port, self.begin, m, self.helper_xml(m))
        self.assertNoNodes(m)
        with open(self.daemon.path("etc", "libvirt", "qemu.conf"), "w") as f:
            f.write("backup_export_helper = 1\n")
        self.restart_daemon()
        self.begin(m, self.pull_xml(m))
        self.assertNotIn("export-helper", m.dom.backupGetXMLDesc())
        self.assertEqual(self.helpers(), [])
        self.end_pull(m)
        self.begin(m, self.pull_xml(m, port=self.port))
        self.assertIn("export-helper='yes'", m.dom.backupGetXMLDesc())
        self.helper()
        self.abort_in_time(m)
        self.begin(m, self.pull_xml(m, port=self.port, extra=(HELPER % "").replace("yes", "no")))
        self.assertEqual(self.helpers(), [])
        self.end_pull(m)
        m.dom.destroy()
        self.begin(m, self.helper_xml(m))       # has its block helper
        self.assertSame(m["vda"].model.data, self.read_exports(m, port=self.port)["vda"][0], "of the stopped domain")
        self.end_pull(m)
        self.assert_gone()


if __name__ == "__main__":
    livetest.main()
