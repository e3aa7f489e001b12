#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints and backups of stopped domains: the same results as of running ones, and never two
writers."""
import os
import signal
import subprocess
import threading
import xml.etree.ElementTree as ET

import libvirt

import images
import livetest
import model
from daemon import wait_until
from processes import processes_with

MIB = 1 << 20
POINTS = ("helper.spawn", "helper.spawned", "checkpoint.create.record.written",
          "checkpoint.create.record.renamed", "helper.store", "helper.stored", "helper.stop")


class Offline(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("stock has no checkpoints of stopped domains")

    def names(self, m):
        return sorted(c.getName() for c in m.dom.listAllCheckpoints())

    def delete(self, m, name, flags=0):
        m.dom.checkpointLookupByName(name).delete(flags)

    def sizes(self, m, name):
        tree = ET.fromstring(m.dom.checkpointLookupByName(name).getXMLDesc(
            libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE))
        return {d.get("name"): int(d.get("size")) for d in tree.findall("disks/disk") if d.get("size")}

    def stored(self, m):
        return {d.target: images.bitmaps(d.path) for d in m.disks}

    def helpers(self):
        return [pid for pid, line in processes_with(self.tmp).items() if "qemu-storage-daemon" in line]

    def shut_down(self, m):
        m.tell("poweroff")
        wait_until("shut off", lambda: not m.dom.isActive())
        m.channel.close()

    def assert_since(self, m, name, before):
        """Export of the running domain: whole disk right, and every changed block is in the bitmap."""
        self.begin(m, self.pull_xml(m, incremental=name))
        for target, (data, dirty) in self.read_exports(m, incremental=True).items():
            now = m[target].model.data
            self.assertSame(now, data, "%s as exported" % target)
            self.assertSame(now, model.apply_extents(before[target].data, data, dirty),
                            "%s rebuilt from %s" % (target, name))
        self.end_pull(m)


class Checkpoints(Offline):
    def test_create_list_delete(self):
        m = self.machine(start=False, boots=False)
        for name in "abc":
            self.checkpoint(m, name)
        self.assertEqual(self.names(m), ["a", "b", "c"])
        want = {"a": [], "b": [], "c": ["auto"]}
        self.assertEqual(self.stored(m), {"vda": want, "vdb": want})
        self.assertEqual(self.sizes(m, "a"), {"vda": 0, "vdb": 0})
        self.delete(m, "c")
        want = {"a": [], "b": ["auto"]}
        self.assertEqual(self.stored(m), {"vda": want, "vdb": want})
        self.delete(m, "a", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN)
        self.assertEqual(self.stored(m), {"vda": {}, "vdb": {}})
        self.assertEqual((self.names(m), self.helpers()), ([], []))

    def test_bitmaps_count_what_the_guest_then_writes(self):
        m = self.machine()
        m.write("vda", 0, MIB)
        self.shut_down(m)
        self.checkpoint(m, "a")
        a = m.models()
        self.start_machine(m)
        m.write("vda", 4 * MIB, 65536)
        m.write("vdb", 8 * MIB, 3 * 65536)
        self.assert_since(m, "a", a)
        self.shut_down(m)
        self.assertEqual(self.sizes(m, "a"), {"vda": 65536, "vdb": 3 * 65536})
        self.checkpoint(m, "b")
        b = m.models()
        self.assertEqual(self.sizes(m, "a"), {"vda": 65536, "vdb": 3 * 65536})
        self.assertEqual(self.sizes(m, "b"), {"vda": 0, "vdb": 0})
        self.start_machine(m)
        m.write("vdb", 16 * MIB, 65536)
        self.shut_down(m)
        self.checkpoint(m, "c")
        self.delete(m, "b")
        self.start_machine(m)
        m.write("vda", 20 * MIB, 65536)
        self.assert_since(m, "a", a)
        self.delete(m, "c")
        self.assert_since(m, "a", a)

    def test_redefine_is_validated(self):
        m = self.machine(start=False, boots=False)
        self.checkpoint(m, "a")
        xml = m.dom.checkpointLookupByName("a").getXMLDesc()
        self.delete(m, "a", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)
        flags = (libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE |
                 libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE)
        m.dom.checkpointCreateXML(xml, flags)
        self.assertEqual(self.names(m), ["a"])
        self.delete(m, "a")
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "bitmap 'a' on disk 'vda' is missing",
                         m.dom.checkpointCreateXML, xml, flags)

    def test_image_with_a_lost_base(self):
        """Bitmaps belong to the image itself."""
        m = self.machine(start=False, boots=False, disks=1)
        path, base = m["vda"].path, os.path.join(self.images, "base.qcow2")
        images.create(base, m["vda"].size)
        images.rebase(path, base)
        os.unlink(base)
        self.checkpoint(m, "a")
        self.assertEqual(self.stored(m), {"vda": {"a": ["auto"]}})

    def test_image_used_by_somebody_else(self):
        m = self.machine(start=False, boots=False, disks=1)
        self.checkpoint(m, "a")
        other = self.conn.defineXML(m.xml().replace("<name>vm<", "<name>other<").replace(
            m.console_path, m.console_path + "2"))
        other.create()
        path = m["vda"].path
        for function, arguments in ((m.dom.checkpointCreateXML, (self.checkpoint_xml("b"),)),
                                    (self.delete, (m, "a")), (self.sizes, (m, "a"))):
            self.assertError(libvirt.VIR_ERR_OPERATION_FAILED,
                             "cannot open image '%s' of disk 'vda' .*lock" % path, function, *arguments)
        self.assertEqual(self.names(m), ["a"])
        other.destroy()
        self.checkpoint(m, "b")
        self.delete(m, "a")
        self.assertEqual(self.stored(m), {"vda": {"b": ["auto"]}})

    def test_helper_runs_as_the_configured_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root has other users run QEMU")
        with open(self.daemon.path("etc", "libvirt", "qemu.conf"), "w") as f:
            f.write('user = "nobody"\ngroup = "nogroup"\n')
        m = self.machine(start=False, boots=False, disks=1)
        os.chmod(m["vda"].path, 0o600)
        self.restart_daemon()
        self.checkpoint(m, "a")
        self.assertEqual(self.stored(m), {"vda": {"a": ["auto"]}})
        self.assertEqual((os.stat(m["vda"].path).st_uid, os.stat(m["vda"].path).st_mode & 0o777), (0, 0o600))
        self.begin(m, self.pull_xml(m))
        nobody = os.stat(m["vda"].path).st_uid
        self.assertNotEqual(nobody, 0)
        self.assertEqual([os.stat("/proc/%d" % pid).st_uid for pid in self.helpers()], [nobody])
        self.restart_daemon(kill=True)
        self.assertEqual(os.stat(m["vda"].path).st_uid, nobody)
        m.dom.abortJob()
        self.assertEqual(os.stat(m["vda"].path).st_uid, 0, "owner of a file the dead daemon had lent")
        self.begin(m, self.push_xml(m, "x", extra="<f:options xmlns:f='urn:fleece:1' bandwidth='%d'/>"
                                    % (32 * MIB)))
        self.restart_daemon(kill=True)
        m.dom.create()        # waits for it
        m.dom.destroy()
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        owners = [os.stat(path).st_uid for path in (m["vda"].path, self.target_path(m, "vda", "x"))]
        self.assertEqual(owners, [0, 0], "owners of image and target")

    def test_missing_image(self):
        m = self.machine(start=False, boots=False, disks=1)
        os.rename(m["vda"].path, m["vda"].path + ".away")
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "'%s'.*No such file" % m["vda"].path,
                         self.checkpoint, m, "a")
        self.assertEqual(self.names(m), [])
        os.rename(m["vda"].path + ".away", m["vda"].path)
        self.checkpoint(m, "a")

    def test_full_file_system(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        mount = os.path.join(self.tmp, "small")
        os.mkdir(mount)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M,mode=777", "none", mount], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", mount])
        self.images = mount
        m = self.machine(start=False, boots=False, disks=1)
        filler = os.path.join(mount, "filler")
        with open(filler, "wb") as f:
            try:
                while True:
                    os.write(f.fileno(), b"x" * 4096)
            except OSError:
                pass
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "cannot store .* in doubt: .*No space left",
                         self.checkpoint, m, "b")
        os.unlink(filler)
        self.checkpoint(m, "c")
        self.assertEqual(self.names(m), ["c"])
        self.assertEqual(self.stored(m), {"vda": {"c": ["auto"]}})


class Concurrency(Offline):
    def test_start_and_checkpoints_at_once(self):
        """The job slot orders them: every checkpoint is made, before the start or after it."""
        m = self.machine(start=False, boots=False)
        errors = []

        def attempt(function, *arguments):
            try:
                function(*arguments)
            except libvirt.libvirtError as e:
                errors.append(str(e))

        def create(name):
            dom = self.connect().lookupByName("vm")
            dom.checkpointCreateXML(self.checkpoint_xml(name), 0)

        threads = [threading.Thread(target=attempt, args=(create, "c%d" % i)) for i in range(6)]
        threads.insert(3, threading.Thread(target=attempt, args=(m.dom.create,)))
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(errors, [])
        self.assertTrue(m.dom.isActive())
        names = ["c%d" % i for i in range(6)]
        self.assertEqual((self.names(m), self.helpers()), (names, []))
        for target, bitmaps in self.bitmaps(m).items():
            self.assertEqual(sorted(bitmaps), names, target)
            self.assertEqual([b["recording"] for b in bitmaps.values()].count(True), 1)


class Crashes(Offline):
    def usable(self, m, broken=()):
        """Create, size and delete work, stopped and running, and nothing is left."""
        self.checkpoint(m, "later")
        self.assertEqual(self.sizes(m, "later"), {"vda": 0, "vdb": 0})
        m.dom.create()
        self.checkpoint(m, "running")
        for bitmaps in self.bitmaps(m).values():
            self.assertEqual(sorted(bitmaps), [n for n in self.names(m) if n not in broken])
        m.dom.destroy()
        for name in self.names(m):
            self.delete(m, name)
        self.assertEqual(self.stored(m), {"vda": {}, "vdb": {}})
        self.assertEqual(self.helpers(), [])

    def interrupt(self, point, operate, also_helper=False):
        m = self.machine(start=False, boots=False)
        self.checkpoint(m, "old")
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        self.start_daemon("%s:kill" % point)
        with self.assertRaises(libvirt.libvirtError):
            operate(m)
        self.daemon.wait_end()
        if also_helper:
            for pid in self.helpers():
                os.kill(pid, signal.SIGKILL)
        self.disconnect()
        self.start_daemon()
        return m

    def test_daemon_dies_while_it_creates(self):
        for point in POINTS:
            with self.subTest(point):
                m = self.interrupt(point, lambda m: self.checkpoint(m, "new"))
                self.usable(m)
                m.dom.undefine()
                self.machines.clear()
                for path in livetest.files_below(self.images):
                    os.unlink(path)

    def test_daemon_dies_while_it_deletes(self):
        for point in ("helper.spawned", "checkpoint.delete.record.overwritten", "helper.store",
                      "helper.stored", "checkpoint.delete.unlink.unlinked", "helper.stop"):
            with self.subTest(point):
                m = self.interrupt(point, lambda m: self.delete(m, "old"))
                self.usable(m)
                m.dom.undefine()
                self.machines.clear()
                for path in livetest.files_below(self.images):
                    os.unlink(path)

    def test_helper_dies_with_the_daemon(self):
        """Bitmaps that were not stored are lost: the checkpoints are broken, and can be deleted."""
        m = self.interrupt("helper.store", lambda m: self.checkpoint(m, "new"), also_helper=True)
        self.assertEqual(self.names(m), ["old"])
        self.usable(m, broken=("old",))

    def test_daemon_dies_while_its_helper_is_still_starting(self):
        """The helper has not said yet which process it is; the next daemon ends it all the same."""
        bin, go = os.path.join(self.tmp, "bin"), os.path.join(self.tmp, "go")
        os.mkdir(bin)
        os.symlink("/usr/bin/qemu-system-x86_64", os.path.join(bin, "qemu-system-x86_64"))
        helper = os.path.join(bin, "qemu-storage-daemon")
        with open(helper, "w") as f:
            f.write("#!/bin/sh\nuntil [ -e %s ]; do sleep 0.01; done\n"
                    "exec /usr/bin/qemu-storage-daemon \"$@\"\n" % go)
        os.chmod(helper, 0o755)
        m = self.machine(start=False, boots=False, disks=1)
        m.dom = self.conn.defineXML(m.xml(m.dom.UUIDString()).replace("/usr/bin/", bin + "/"))
        thread = threading.Thread(target=self.assertRaises,
                                  args=(libvirt.libvirtError, self.checkpoint, m, "a"))
        thread.start()
        wait_until("the helper", self.helpers)
        self.daemon.kill()
        thread.join()
        self.disconnect()
        self.start_daemon()
        threading.Timer(0.5, open, (go, "w")).start()
        self.checkpoint(m, "b")
        self.assertEqual((self.names(m), self.helpers()), (["b"], []))

    def test_failure_at_each_point(self):
        for point in POINTS[:-1]:
            with self.subTest(point):
                m = self.machine(start=False, boots=False)
                self.checkpoint(m, "old")
                self.restart_daemon(fault=point + ":fail")
                self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "fault point '%s'" % point,
                                 self.checkpoint, m, "new")
                self.assertEqual((self.names(m), self.helpers()), (["old"], []))
                self.usable(m)
                m.dom.undefine()
                self.machines.clear()
                for path in livetest.files_below(self.images):
                    os.unlink(path)


class Backups(Offline):
    def setUp(self):
        super().setUp()
        self.number = 1000

    def write(self, m, target, offset, length):
        """What a guest wrote before it was stopped."""
        disk, source = m[target], os.path.join(self.tmp, "stamps")
        self.number += 1
        disk.model.write(offset, length, self.number)
        with open(source, "wb") as f:
            f.write(disk.model.data[offset:offset + length])
        images.run(["qemu-io", "-f", disk.format, "-c", "write -s %s %d %d" % (source, offset, length),
                    disk.path])

    def filled(self, **kwargs):
        m = self.machine(start=False, boots=False, **kwargs)
        for i, target in enumerate(m.targets):
            self.write(m, target, (2 * i + 1) * MIB, MIB)
        return m

    def no_job(self, m):
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running", m.dom.jobStats)
        return True

    def assert_clean(self, m):
        wait_until("the helper to be gone", lambda: not self.helpers(), 5)
        self.assertEqual(livetest.files_below(self.scratch) + livetest.files_below(self.nbd), [])

    def test_full_pull(self):
        m = self.filled()
        self.begin(m, self.pull_xml(m))
        self.assertEqual(m.dom.jobStats()["operation"], libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP)
        self.assertIn("mode='pull'", m.dom.backupGetXMLDesc())
        for target, (data, _) in self.read_exports(m).items():
            self.assertSame(m[target].model.data, data, target)
        self.end_pull(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.assert_clean(m)

    def test_scratch_of_that_name_is_not_ours(self):
        m = self.filled()
        path = os.path.join(self.scratch, "vm-vda")
        with open(path, "w") as f:
            f.write("precious")
        self.begin(m, self.pull_xml(m))
        os.kill(self.helpers()[0], signal.SIGKILL)
        self.wait_no_job(m)
        with open(path) as f:
            self.assertEqual(f.read(), "precious")
        os.unlink(path)
        self.assert_clean(m)

    def test_full_push_with_chain_and_raw(self):
        m = self.machine(start=False, boots=False, formats=["qcow2", "raw"])
        self.write(m, "vda", 0, MIB)
        base = os.path.join(self.images, "base.qcow2")
        os.rename(m["vda"].path, base)
        images.create(m["vda"].path, m["vda"].size, backing=base)
        self.write(m, "vda", 2 * MIB, MIB)
        self.write(m, "vdb", 5 * MIB, MIB)
        self.push(m, "full")
        for target in m.targets:
            self.assertSame(m[target].model.data, images.content(self.target_path(m, target, "full")), target)
        self.assert_clean(m)

    def incremental(self, m, read):
        """Two generations; @read backs up since a checkpoint: {target: content rebuilt}."""
        self.push(m, "full", checkpoint="a")
        self.assertEqual(self.stored(m), {"vda": {"a": ["auto"]}, "vdb": {"a": ["auto"]}})
        before = m.models()
        m.dom.create()
        for i, target in enumerate(m.targets):
            m[target].model.write(10 * MIB + 65536 * i, 65536, 7)
            source = os.path.join(self.tmp, "stamps")
            with open(source, "wb") as f:
                f.write(m[target].model.data[10 * MIB + 65536 * i:][:65536])
            device = self.qmp(m.dom, "query-block")[i]["qdev"]
            self.qmp(m.dom, "human-monitor-command", **{
                "command-line": 'qemu-io -d %s "write -s %s %d 65536"'
                                % (device, source, 10 * MIB + 65536 * i)})
        self.checkpoint(m, "b")
        m.dom.destroy()
        self.assertEqual(self.sizes(m, "a"), {"vda": 65536, "vdb": 65536})
        for target, data in read(before).items():
            self.assertSame(m[target].model.data, data, target)
        self.assert_clean(m)
        self.assertEqual(self.names(m), ["a", "b", "c"])
        want = {"a": [], "b": [], "c": ["auto"]}
        self.assertEqual(self.stored(m), {"vda": want, "vdb": want})

    def test_incremental_push(self):
        m = self.filled()

        def read(before):
            self.push(m, "inc", incremental="a", checkpoint="c")
            for target in m.targets:
                images.rebase(self.target_path(m, target, "inc"), self.target_path(m, target, "full"))
            return {t: images.content(self.target_path(m, t, "inc")) for t in m.targets}

        self.incremental(m, read)

    def test_incremental_pull(self):
        m = self.filled()

        def read(before):
            self.begin(m, self.pull_xml(m, incremental="a"), "c")
            got = {}
            for i, (target, (data, dirty)) in enumerate(self.read_exports(m, incremental=True).items()):
                self.assertEqual(dirty, [(10 * MIB + 65536 * i, 65536)], target)
                got[target] = model.apply_extents(before[target].data, data, dirty)
            self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "while a backup reads", self.checkpoint, m, "x")
            self.assertEqual(self.sizes(m, "a"), {"vda": 65536, "vdb": 65536})
            self.end_pull(m)
            return got

        self.incremental(m, read)

    def test_begin_that_fails_leaves_no_checkpoint(self):
        m = self.filled()
        self.checkpoint(m, "a")
        taken = os.path.join(self.out, "vm-vdb.x")
        xml = self.push_xml(m, "x")
        with open(taken, "w") as f:
            f.write("precious")
        self.assertError(libvirt.VIR_ERR_INVALID_ARG, "'%s'.*exists already" % taken, self.begin, m, xml, "b")
        os.unlink(taken)
        with open(os.path.join(self.nbd, "file"), "w"):
            pass
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "nbd-server-start.*No such file", self.begin, m,
                         self.pull_xml(m, socket=os.path.join(self.nbd, "none", "s")), "b")
        os.unlink(os.path.join(self.nbd, "file"))
        self.assertEqual((self.names(m), self.stored(m)["vda"]), (["a"], {"a": ["auto"]}))
        self.push(m, "x", checkpoint="b")
        self.assert_clean(m)

    def test_broken_checkpoint_is_refused(self):
        m = self.filled()
        self.checkpoint(m, "a")
        m.dom.create()
        os.kill(self.qemu_pid(), signal.SIGKILL)
        wait_until("shut off", lambda: not m.dom.isActive())
        for xml in (self.pull_xml(m, incremental="a"), self.push_xml(m, "x", incremental="a")):
            self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "since checkpoint 'a': .* was killed",
                             self.begin, m, xml, "b")
        self.assertEqual(self.names(m), ["a"])
        self.assert_clean(m)

    def test_start_cancels_a_pull(self):
        m = self.filled()
        events = livetest.Events(self.conn)
        self.begin(m, self.pull_xml(m))
        client = images.connect("vda", self.socket_path())
        m.dom.create()
        self.assertTrue(m.dom.isActive())
        job = events.wait("of the job", lambda e: e[0] == "job")
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_CANCELLED)
        self.assertRegex(job[2].get("errmsg", ""), "being started")
        events.close()
        del client
        self.assert_clean(m)

    def test_start_waits_for_a_push(self):
        m = self.machine(start=False, boots=False, disks=1, size=512 * MIB)
        images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 5 0 300M", m["vda"].path])
        self.begin(m, self.push_xml(m, "x"))
        helper = self.helpers()[0]
        os.kill(helper, signal.SIGSTOP)
        start = threading.Thread(target=m.dom.create)
        start.start()
        start.join(1.5)
        self.assertTrue(start.is_alive(), "start did not wait")
        self.assertFalse(self.connect().lookupByName("vm").isActive())
        os.kill(helper, signal.SIGCONT)
        start.join(60)
        self.assertTrue(m.dom.isActive())
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        images.run(["qemu-img", "compare", "-U", m["vda"].path, self.target_path(m, "vda", "x")])
        self.assert_clean(m)

    def test_helper_dies(self):
        m = self.filled()
        self.checkpoint(m, "a")
        for xml in (self.pull_xml(m), self.pull_xml(m, incremental="a")):
            events = livetest.Events(self.conn)
            self.begin(m, xml)
            os.kill(self.helpers()[0], signal.SIGKILL)
            job = events.wait("of the job", lambda e: e[0] == "job")
            self.assertRegex(job[2]["errmsg"], "block helper of the stopped domain ended")
            self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_FAILED)
            events.close()
            self.wait_no_job(m)
            self.assert_clean(m)
        self.assertEqual(self.stored(m)["vda"], {"a": ["auto"]})
        m.dom.create()

    def test_push_target_of_a_dead_helper_goes(self):
        m = self.machine(start=False, boots=False, disks=1, size=512 * MIB)
        images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 5 0 300M", m["vda"].path])
        self.begin(m, self.push_xml(m, "x"))
        os.kill(self.helpers()[0], signal.SIGKILL)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_FAILED)
        self.assertEqual(livetest.files_below(self.out), [])
        self.assert_clean(m)

    def result(self, m):
        """The job is over: (type, message)."""
        self.wait_no_job(m)
        stats = self.completed(m)
        return stats["type"], stats.get("errmsg")

    def test_pull_goes_on_with_the_next_daemon(self):
        m = self.filled()
        self.checkpoint(m, "a")
        self.begin(m, self.pull_xml(m, incremental="a"), "b")
        helpers, xml = self.helpers(), m.dom.backupGetXMLDesc()
        started = m.dom.jobStats()["time_elapsed"]
        client = images.connect("vda", self.socket_path())
        for kill in (False, True):
            self.restart_daemon(kill=kill)
            self.assertEqual((self.helpers(), m.dom.backupGetXMLDesc()), (helpers, xml))
            self.assertGreater(m.dom.jobStats()["time_elapsed"], started)
            for target, (data, dirty) in self.read_exports(m, incremental=True).items():
                self.assertEqual((self.assertSame(m[target].model.data, data, target), dirty), (None, []))
            self.assertSame(client.pread(MIB, MIB), m["vda"].model.data[MIB:2 * MIB], "the same connection")
            self.assertEqual(self.names(m), ["a", "b"])
            self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "while a backup reads", self.checkpoint, m, "x")
            self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "uses its disks", m.dom.undefine)
        del client
        events = livetest.Events(self.conn)
        self.end_pull(m)
        job = events.wait("of the job", lambda e: e[0] == "job")
        self.assertEqual(job[2]["success"], 1)
        events.close()
        self.assertEqual(self.result(m)[0], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.assert_clean(m)
        self.assertEqual(self.stored(m)["vda"], {"a": [], "b": ["auto"]})

    def test_start_cancels_a_pull_of_the_daemon_before(self):
        m = self.filled()
        self.begin(m, self.pull_xml(m))
        m.dom = self.conn.defineXML(m.xml(m.dom.UUIDString()).replace("'vda'", "'vdc'"))
        self.restart_daemon(kill=True)
        m.dom.create()
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_CANCELLED)
        m.dom.destroy()
        self.assert_clean(m)

    def slow_push(self, m, rate=8 * MIB, checkpoint="a"):
        self.begin(m, self.push_xml(m, "x", extra="<f:options xmlns:f='urn:fleece:1' bandwidth='%d'/>" % rate),
                   checkpoint)

    def big(self):
        m = self.machine(start=False, boots=False, disks=1, size=24 * MIB)
        self.write(m, "vda", MIB, 16 * MIB)
        return m

    def assert_pushed(self, m):
        self.assertEqual(self.result(m), (libvirt.VIR_DOMAIN_JOB_COMPLETED, None))
        self.assertSame(m["vda"].model.data, images.content(self.target_path(m, "vda", "x")), "the target")
        self.assert_clean(m)
        self.assertEqual(self.stored(m)["vda"], {"a": ["auto"]})

    def test_push_goes_on_with_the_next_daemon(self):
        m = self.big()
        self.slow_push(m, rate=1024, checkpoint=None)
        for kill in (False, True):
            self.restart_daemon(kill=kill)
            stats = m.dom.jobStats()
            self.assertEqual((stats["operation"], stats["disk_total"] > stats["disk_processed"]),
                             (libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP, True))
        m.dom.abortJob()
        self.assertEqual(self.result(m)[0], libvirt.VIR_DOMAIN_JOB_CANCELLED)
        self.assertEqual(livetest.files_below(self.out), [])
        self.slow_push(m)
        self.restart_daemon(kill=True)
        m.dom.create()      # waits for it
        m.dom.destroy()
        self.assert_pushed(m)

    def test_push_that_concludes_while_no_daemon_runs(self):
        m = self.big()
        self.slow_push(m)
        self.disconnect()
        self.daemon.kill()
        helper, = self.helpers()
        target = self.target_path(m, "vda", "x")
        wait_until("the whole target", lambda: os.stat(target).st_blocks * 512 > 16 * MIB)
        self.assertEqual(self.helpers(), [helper])
        self.start_daemon()
        self.assert_pushed(m)

    def test_helper_dies_while_no_daemon_runs(self):
        m = self.big()
        for begin in (lambda: self.begin(m, self.pull_xml(m), "a"), lambda: self.slow_push(m)):
            begin()
            self.disconnect()
            self.daemon.kill()
            helper, = self.helpers()
            os.kill(helper, signal.SIGKILL)
            self.start_daemon()
            kind, why = self.result(m)
            self.assertEqual(kind, libvirt.VIR_DOMAIN_JOB_FAILED)
            self.assertIn("was lost while no daemon ran", why)
            self.assertEqual(livetest.files_below(self.out), [])
            self.assert_clean(m)
            self.delete(m, "a")
            m.dom.create()
            m.dom.destroy()

    def test_abort_and_refusals(self):
        m = self.machine(start=False, boots=False, disks=1, size=512 * MIB)
        images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 5 0 300M", m["vda"].path])
        self.begin(m, self.push_xml(m, "x"))
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "another job", self.begin, m, self.push_xml(m, "y"))
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "a backup or restore uses its disks", m.dom.undefine)
        m.dom.abortJob()
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_CANCELLED)
        self.assertEqual(livetest.files_below(self.out), [])
        self.assert_clean(m)
        self.assertTrue(self.no_job(m))
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running", m.dom.abortJob)


if __name__ == "__main__":
    livetest.main()
