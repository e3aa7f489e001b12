#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Options of backups: what qemu.conf says for requests that do not, and what becomes of it."""
import json
import os
import socket
import xml.etree.ElementTree as ET

import libvirt

import images
import livetest
from daemon import wait_until

MIB = 1 << 20
OPTIONS = "{urn:fleece:1}options"


class Options(livetest.LiveTest):
    def configure(self, text):
        with open(self.daemon.path("etc", "libvirt", "qemu.conf"), "w") as f:
            f.write(text)
        self.restart_daemon()

    def options(self, m):
        """What the running backup shows of them."""
        found = ET.fromstring(m.dom.backupGetXMLDesc()).find(OPTIONS)
        return found.attrib if found is not None else {}

    def extra(self, attributes):
        return "<f:options xmlns:f='urn:fleece:1' %s/>" % attributes

    def filters(self, m):
        return [n for n in self.qmp(m.dom, "query-named-block-nodes", flat=True)
                if n["drv"] == "copy-before-write"]

    def test_defaults_of_a_pull(self):
        m = self.machine(boots=False, disks=1)
        self.begin(m, self.pull_xml(m))
        self.assertEqual(self.options(m), {})
        self.end_pull(m)
        self.configure('backup_scope = "changed"\nbackup_onmissing = "full"\ncbw_timeout = 3\n'
                       "backup_workers = 2\nbackup_scratch_limit = 5000000\n")
        given = {"scope": "changed", "onmissing": "full", "cbw-timeout": "3", "scratch-limit": "5000000"}
        self.begin(m, self.pull_xml(m, incremental="never"))
        self.assertEqual(self.options(m), given)
        self.assertIn("backupmode='full'", m.dom.backupGetXMLDesc())
        self.restart_daemon(kill=True)
        self.configure("")
        self.assertEqual(self.options(m), given, "after a restart with another qemu.conf")
        self.end_pull(m)

    def test_request_goes_before_the_file(self):
        m = self.machine(boots=False, disks=1)
        self.configure('backup_quiesce = 1\nbackup_bandwidth = 1\nbackup_workers = 3\n')
        self.assertError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, "guest agent", self.begin, m, self.push_xml(m, "a"))
        self.begin(m, self.push_xml(m, "b", extra=self.extra("quiesce='no'")))
        self.assertEqual(self.options(m), {"quiesce": "no", "bandwidth": "1", "workers": "3"})
        job = self.qmp(m.dom, "query-block-jobs")[0]
        self.assertEqual(job["speed"], 1)
        m.dom.abortJob()
        self.wait_no_job(m)
        self.begin(m, self.push_xml(m, "c", extra=self.extra("quiesce='no' bandwidth='0'")))
        self.wait_no_job(m)

    def test_bad_values_keep_the_daemon_from_starting(self):
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        path = self.daemon.path("etc", "libvirt", "qemu.conf")
        for line in ('backup_scope = "all"', "backup_onmissing = 1", "backup_quiesce = 2", "cbw_timeout = 0",
                     "backup_bandwidth = -1", "backup_workers = 65", "backup_wrokers = 1"):
            with self.subTest(line):
                with open(path, "w") as f:
                    f.write("# first\n\n%s\n" % line)
                with self.assertRaises(AssertionError) as context:
                    self.daemon.start()
                self.daemon.process = None
                self.assertIn("status 1", str(context.exception))
                self.assertIn("%s:3: " % path, str(context.exception))
                self.assertIn(line.split()[0], str(context.exception))
        with open(path, "w"):
            self.start_daemon()

    # Compression

    def stored(self, m, tag):
        """Bytes that the targets take on the disk."""
        return sum(os.stat(self.target_path(m, t, tag)).st_blocks * 512 for t in m.targets)

    def compressed(self, m, tag, target="vda"):
        """Of @target's clusters, are those with data compressed?"""
        check = json.loads(images.run(["qemu-img", "check", "-U", "--output=json",
                                       self.target_path(m, target, tag)]).stdout)
        return check.get("compressed-clusters", 0)

    def assert_chain(self, m, want, *tags):
        for t in m.targets:
            paths = [self.target_path(m, t, tag) for tag in tags]
            for lower, upper in zip(paths, paths[1:]):
                images.rebase(upper, lower)
            self.assertSame(want[t].data, images.content(paths[-1]), "%s from %s" % (t, "+".join(tags)))

    def compress_while_guest_writes(self, m, tag, incremental, checkpoint):
        """A push that stands nearly still until the guest has overwritten what is to be copied, some of it
        twice."""
        want = m.models()
        extra = self.extra("compress='yes' bandwidth='1024'")
        self.begin(m, self.push_xml(m, tag, incremental, extra=extra), checkpoint)
        for t in m.targets:
            m.write(t, 0, 3 * MIB)
            m.write(t, MIB + 4096, 300 * 1024)
            m.write(t, 20 * MIB, 3 * 4096)
        for t in m.targets:
            self.qmp(m.dom, "block-job-set-speed", device="fleece-push-" + t, speed=0)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        return want

    def test_compressed_while_the_guest_writes(self):
        m = self.machine()
        for t in m.targets:
            m.write(t, 0, 8 * MIB)
        self.push(m, "plain")
        want = self.compress_while_guest_writes(m, "full", None, "a")
        self.assert_chain(m, want, "full")
        self.assertLess(self.stored(m, "full"), self.stored(m, "plain") * 0.6)
        self.assertGreater(self.compressed(m, "full"), 100)
        want = self.compress_while_guest_writes(m, "inc", "a", "b")
        self.assert_chain(m, want, "full", "inc")
        self.assertGreater(self.compressed(m, "inc"), 30)
        want = m.models()
        self.begin(m, self.push_xml(m, "inc2", "b", extra=self.extra("compress='yes'")))
        self.wait_no_job(m)
        self.assert_chain(m, want, "full", "inc", "inc2")

    def test_compressed_while_stopped(self):
        m = self.machine(boots=False, disks=1, start=False)
        images.run(["qemu-io", "-c", "write -P 7 1M 8M", m["vda"].path])
        events = livetest.Events(self.conn)
        self.begin(m, self.push_xml(m, "full", extra=self.extra("compress='yes'")), "a")
        self.assertEqual(events.wait("end", lambda e: e[0] == "job")[2]["success"], 1)
        events.close()
        self.assertSame(images.content(m["vda"].path), images.content(self.target_path(m, "vda", "full")), "vda")
        self.assertLess(self.stored(m, "full"), MIB)

    def test_targets_that_cannot_be_compressed(self):
        m = self.machine(boots=False)
        xml = self.push_xml(m, "t", extra=self.extra("compress='yes'"))
        message = "compress the backup of disk 'v%s': its target is "
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, message % "da" + "not in format qcow2", self.begin, m,
                         xml.replace("type='qcow2'", "type='raw'"))
        for t in m.targets:
            images.create(self.target_path(m, t, "t"), m[t].size)
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, message % "da" + "a file that exists already",
                         self.begin, m, xml, flags=libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
        self.configure("backup_compress = 1\n")
        images.run(["qemu-io", "-c", "write -P 7 1M 8M", self.target_path(m, "vda", "t")])
        self.begin(m, self.push_xml(m, "t"), flags=libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.assert_chain(m, m.models(), "t")

    # Scratches that are made up

    def fleeced(self, m, xml, flags=0):
        """The scratches of a push that stands nearly still until the guest has written; its data are right."""
        want = m.models()
        self.begin(m, xml.replace("bandwidth=''", "bandwidth='1024'"), flags=flags)
        found = {d.get("name"): d.find("{urn:fleece:1}scratch")
                 for d in ET.fromstring(m.dom.backupGetXMLDesc()).iter("disk") if d.get("backup") == "yes"}
        for t in m.targets:
            m.write(t, 4 * MIB, 2 * MIB)
        paths = {t: s.get("file") for t, s in found.items() if s is not None}
        for path in paths.values():
            self.assertGreater(os.stat(path).st_blocks * 512, 1 << 20, path)
        for t in m.targets:
            self.qmp(m.dom, "block-job-set-speed", device="fleece-push-" + t, speed=0)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.assertEqual([p for p in paths.values() if os.path.exists(p)], [])
        return want, paths

    def test_scratch_is_made_up_beside_the_image(self):
        m = self.machine(disks=2)
        for t in m.targets:
            m.write(t, 0, 12 * MIB)
        want, paths = self.fleeced(m, self.push_xml(m, "a", extra=self.extra("fleece='yes' bandwidth=''")))
        self.assertEqual(sorted(paths), sorted(m.targets))
        for t, path in paths.items():
            self.assertTrue(path.startswith(m[t].path + ".") and path.endswith(".scratch"), path)
        self.assert_chain(m, want, "a")

    def test_scratch_by_qemu_conf(self):
        m = self.machine(disks=1)
        self.configure("backup_fleece = 1\n")
        m.write("vda", 0, 12 * MIB)
        xml = self.push_xml(m, "a", extra=self.extra("bandwidth=''"))
        want, paths = self.fleeced(m, xml)
        self.assertEqual(len(paths), 1)
        self.assert_chain(m, want, "a")
        reuse = libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL
        self.assertEqual(self.fleeced(m, xml, reuse)[1], {}, "nothing is made up beside what exists")
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "cannot make up a scratch for the backup of disk 'vda'",
                         self.begin, m, self.push_xml(m, "a", extra=self.extra("fleece='yes'")), flags=reuse)

    # Formats

    FORMATS = {"vmdk": "vmdk", "vdi": "vdi", "vpc": "vpc", "vhd": "vhdx", "qcow": "qcow",
               "ploop": "parallels"}

    def format_xml(self, m, word, incremental=None):
        return self.push_xml(m, word, incremental).replace("type='qcow2'", "type='%s'" % word)

    def assert_copy(self, m, word, want):
        path = self.target_path(m, "vda", word)
        self.assertEqual(images.info(path)["format"], self.FORMATS[word])
        self.assertSame(want, images.content(path, self.FORMATS[word]), word)

    def push_while_guest_writes(self, m, xml, flags=0):
        """The bytes of vda that the push has to hold: it stands nearly still until the guest has written."""
        want = m["vda"].model.data.copy()
        self.begin(m, xml.replace("</disks>", "</disks>" + self.extra("bandwidth='1024'")), flags=flags)
        m.write("vda", MIB - 4096, 2 * MIB)
        m.write("vda", 8 * MIB, 3 * 4096)
        self.qmp(m.dom, "block-job-set-speed", device="fleece-push-vda", speed=0)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        return want

    def test_formats_of_other_hypervisors(self):
        """In full, and the same file brought up to date."""
        m = self.machine(disks=1, size=12 * MIB + 3 * 512)
        m.write("vda", 0, 6 * MIB)
        for word in self.FORMATS:
            with self.subTest(word):
                self.checkpoint(m, word)
                want = self.push_while_guest_writes(m, self.format_xml(m, word))
                self.assert_copy(m, word, want)
                want = self.push_while_guest_writes(m, self.format_xml(m, word, word),
                                                    libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
                self.assert_copy(m, word, want)
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "increment of disk 'vda' .*'vmdk'", self.begin, m,
                         self.format_xml(m, "vmdk", "vmdk").replace(".vmdk", ".new"))

    def test_format_of_a_stopped_domain(self):
        m = self.machine(boots=False, disks=1, start=False)
        images.run(["qemu-io", "-c", "write -P 7 1M 8M", m["vda"].path])
        events = livetest.Events(self.conn)
        self.begin(m, self.format_xml(m, "vmdk"))
        self.assertEqual(events.wait("end", lambda e: e[0] == "job")[2]["success"], 1)
        events.close()
        self.assertSame(images.content(m["vda"].path), images.content(self.target_path(m, "vda", "vmdk"), "vmdk"), "vda")

    def test_format_job_fails_or_the_daemon_dies(self):
        m = self.machine(boots=False, disks=1)
        for point in ("backup.begin.format.vda.done", "backup.begin.open.vda"):
            with self.subTest(point):
                self.restart_daemon(fault=point + ":kill")
                with self.assertRaises(libvirt.libvirtError):
                    self.begin(m, self.format_xml(m, "vmdk"))
                self.daemon.wait_end()
                self.disconnect()
                self.start_daemon()
                wait_until("the begin to be undone", lambda: not os.listdir(self.out))
                self.assertEqual(self.qmp(m.dom, "query-jobs"), [])
        self.begin(m, self.format_xml(m, "vmdk"))
        self.wait_no_job(m)
        self.assert_copy(m, "vmdk", m["vda"].model.data)

    def test_format_job_of_an_earlier_backup(self):
        """One that took too long for its backup stays with QEMU until somebody dismisses it."""
        m = self.machine(boots=False, disks=1)
        path = self.target_path(m, "vda", "old")
        with open(path, "wb"):
            pass
        self.qmp(m.dom, "blockdev-create", **{"job-id": "fleece-format-vda", "options": {
            "driver": "vmdk", "size": MIB, "file": {"driver": "file", "filename": path}}})
        wait_until("the job's end", lambda: [j["status"] for j in self.qmp(m.dom, "query-jobs")] == ["concluded"])
        self.begin(m, self.format_xml(m, "vmdk"))
        self.wait_no_job(m)
        self.assert_copy(m, "vmdk", m["vda"].model.data)
        self.assertEqual(self.qmp(m.dom, "query-jobs"), [])

    def test_owner_stays(self):
        """<seclabel relabel='no'/>: QEMU's user does not get the file."""
        if os.geteuid() != 0:
            self.skipTest("only root has other users run QEMU")
        m = self.machine(boots=False, disks=1, start=False)
        self.configure('user = "nobody"\ngroup = "nogroup"\n')
        m.dom.create()
        path = self.target_path(m, "vda", "t")
        images.create(path, m["vda"].size)
        slow = self.push_xml(m, "t", extra=self.extra("bandwidth='1'"))
        kept = slow.replace("<target file='%s'/>" % path,
                            "<target file='%s'><seclabel model='dac' relabel='no'/></target>" % path)
        reuse = libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL
        os.chmod(path, 0o600)
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "Permission denied", self.begin, m, kept, flags=reuse)
        os.chmod(path, 0o666)
        for xml, mine in ((kept, True), (slow, False)):
            self.begin(m, xml, flags=reuse)
            self.assertEqual("relabel='no'" in m.dom.backupGetXMLDesc(), mine)
            self.assertEqual(os.stat(path).st_uid == 0, mine)
            m.dom.abortJob()
            self.wait_no_job(m)
            self.assertEqual(os.stat(path).st_uid, 0)
        os.unlink(path)
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "Permission denied", self.begin, m, kept)
        self.assertFalse(os.path.exists(path))

    # Ports

    def tcp_xml(self, m, port=""):
        return self.pull_xml(m, port=1).replace("port='1'", port and "port='%s'" % port)

    def port(self, m):
        return int(ET.fromstring(m.dom.backupGetXMLDesc()).find("server").get("port"))

    def occupied(self):
        """A port at which somebody else listens, with room for more above it."""
        while True:
            s = socket.create_server(("127.0.0.1", 0))
            self.addCleanup(s.close)
            if s.getsockname()[1] < 65000:
                return s.getsockname()[1]

    def test_ports_are_chosen(self):
        first = self.machine(boots=False, disks=1, name="vm")
        second = self.machine(boots=False, disks=1, name="vm2")
        low = self.occupied()
        self.configure("backup_port_min = %d\nbackup_port_max = %d\n" % (low, low + 40))
        self.begin(first, self.tcp_xml(first, "0"))
        self.begin(second, self.tcp_xml(second))
        ports = {m: self.port(m) for m in (first, second)}
        self.assertEqual(sorted(ports.values()), sorted(set(ports.values()) - {low}), "foreign or common port")
        for m, port in ports.items():
            self.assertTrue(low < port <= low + 40, ports)
            data = self.read_exports(m, port=port)["vda"][0]
            self.assertSame(m["vda"].model.data, data, m.name)
        self.end_pull(second)
        self.begin(second, self.tcp_xml(second))
        self.assertEqual(self.port(second), ports[second], "port not free again")
        for m in (first, second):
            self.end_pull(m)

    def test_no_port_is_free(self):
        m = self.machine(boots=False, disks=1)
        port = self.occupied()
        self.configure("backup_port_min = %d\nbackup_port_max = %d\n" % (port, port))
        message = "domain 'vm' at 'localhost', with a port from %d to %d .*in use" % (port, port)
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, message, self.begin, m, self.tcp_xml(m), "a")
        message = "domain 'vm' at port %d of 'localhost': Address already in use; name" % port
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, message, self.begin, m, self.tcp_xml(m, port), "a")
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "at '192.0.2.1', .*Cannot assign", self.begin, m,
                         self.tcp_xml(m).replace("localhost", "192.0.2.1"))
        self.assertEqual(m.dom.listAllCheckpoints(), [])


if __name__ == "__main__":
    livetest.main()
