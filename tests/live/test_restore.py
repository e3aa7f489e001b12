#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Restoring the disks of a stopped domain: all or none, and the old content until then."""
import os
import signal
import struct
import subprocess
import threading
import time

import libvirt
import nbd

import images
import livetest
from daemon import wait_until
from processes import processes_with

MIB = 1 << 20
SIZE = 16 * MIB
NEW = ".fleece-restore"


class Restore(livetest.LiveTest):
    def spoil(self, path):
        """An image that can be opened and not read: a table of it is not aligned."""
        with open(path, "r+b") as f:
            f.seek(40)
            f.seek(struct.unpack(">Q", f.read(8))[0])
            f.write(struct.pack(">Q", (1 << 63) + 65536 + 512))

    def setUp(self):
        super().setUp()
        self.number = 0

    # Disks, written by others

    def write(self, m, target, offset, length):
        """What the guest of a stopped machine would have written; the model follows."""
        self.number += 1
        disk, source = m[target], os.path.join(self.tmp, "stamps")
        disk.model.write(offset, length, self.number)
        with open(source, "wb") as f:
            f.write(disk.model.data[offset:offset + length])
        images.run(["qemu-io", "-f", disk.format, "-c", "write -s %s %d %d" % (source, offset, length),
                    disk.path])

    def fill(self, m):
        for i, t in enumerate(m.targets):
            self.write(m, t, i * MIB, 2 * MIB)
            self.write(m, t, SIZE - 65536, 65536)

    def stopped(self, disks=2, **kwargs):
        m = self.machine(start=False, boots=False, disks=disks, size=SIZE, **kwargs)
        self.fill(m)
        return m

    def contents(self, m):
        return {d.target: images.content(d.path, d.format) for d in m.disks}

    def assert_disks(self, m, want, what):
        for target, data in self.contents(m).items():
            self.assertSame(want[target].data, data, "%s, %s" % (target, what))

    # Backups and restores

    def push_stopped(self, m, tag, incremental=None, checkpoint=None):
        events = livetest.Events(self.conn)
        self.begin(m, self.push_xml(m, tag, incremental), checkpoint)
        job = events.wait("end of the backup", lambda e: e[0] == "job")
        events.close()
        self.assertEqual(job[2]["success"], 1)

    def restore_xml(self, m, *tags, targets=None, sources=None):
        rows = ""
        for t in targets or m.targets:
            paths = sources if sources is not None else [self.target_path(m, t, tag) for tag in tags]
            rows += "<disk name='%s'>%s</disk>" % (
                t, "".join(p if p.startswith("<") else "<source file='%s'/>" % p for p in paths))
        return ("<f:domainrestore xmlns:f='urn:fleece:1' mode='push'><disks>%s</disks></f:domainrestore>"
                % rows)

    def pull_restore_xml(self, m, targets=None):
        rows = "".join("<disk name='%s'/>" % t for t in targets or m.targets)
        return ("<f:domainrestore xmlns:f='urn:fleece:1' mode='pull'><server transport='unix' socket='%s'/>"
                "<disks>%s</disks></f:domainrestore>" % (self.socket_path(), rows))

    COMMIT = "<f:domainrestore xmlns:f='urn:fleece:1' mode='commit'/>"

    def restore(self, m, xml):
        """The parameters of its end."""
        events = livetest.Events(self.conn)
        m.dom.backupBegin(xml, None, 0)
        job = events.wait("end of the restore", lambda e: e[0] == "job")
        events.close()
        return job[2]

    def put(self, export, data):
        """The connection over which it was written."""
        h = nbd.NBD()
        h.set_export_name(export)
        h.connect_unix(self.socket_path())
        self.put_on(h, data, 0, len(data))
        return h

    def put_on(self, h, data, begin, end):
        for at in range(begin, end, MIB):
            h.pwrite(bytes(data[at:min(at + MIB, end)]), at)
        h.flush()

    # A disk for which there is no second place

    def device(self, format):
        if os.geteuid() != 0:
            self.skipTest("loop devices need root")
        path = os.path.join(self.tmp, "dev")
        with open(path, "wb") as f:
            f.truncate(2 * SIZE if format == "qcow2" else SIZE)
        device = images.run(["losetup", "--show", "-f", path]).stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", device])
        return device

    def block_machine(self, format="raw"):
        """vda is a file, vdb a device."""
        m = self.stopped()
        device = self.device(format)
        m.dom.undefine()
        xml = m.xml().replace("<disk type='file' device='disk'>\n      <driver name='qemu' type='qcow2'/>\n"
                              "      <source file='%s'/>" % m["vdb"].path,
                              "<disk type='block' device='disk'>\n      <driver name='qemu' type='%s'/>\n"
                              "      <source dev='%s'/>" % (format, device))
        self.assertIn("type='block'", xml)
        if format == "qcow2":
            images.create(device, SIZE)
        images.run(["qemu-img", "convert", "-n", "-O", format, m["vdb"].path, device])
        m["vdb"].path, m["vdb"].format = device, format
        m.dom = self.conn.defineXML(xml)
        return m

    def committed(self, m):
        try:
            m.dom.backupBegin(self.COMMIT, None, 0)
            return True
        except libvirt.libvirtError as e:
            self.assertIn("still connected", str(e))
            return False

    def left(self):
        return [p for p in livetest.files_below(self.images) if p.endswith(NEW)] + \
            livetest.files_below(self.daemon.path("var", "lib", "libvirt", "qemu", "restore"))

    def helpers(self):
        return [pid for pid, line in processes_with(self.tmp).items() if "qemu-storage-daemon" in line]

    def tearDown(self):
        if not any(test is self for test, _ in self._outcome.result.failures + self._outcome.result.errors):
            self.assertEqual(self.left(), [], "left of a restore")
        super().tearDown()


class Push(Restore):
    def test_full_and_chains_of_two_disks(self):
        m = self.stopped()
        self.push_stopped(m, "full", checkpoint="a")
        states = [m.models()]
        for i, (since, name) in enumerate((("a", "b"), ("b", "c"))):
            for t in m.targets:
                self.write(m, t, (4 + i) * MIB, 3 * 65536)
                self.write(m, t, 0, 4096)
            self.push_stopped(m, "inc%d" % (i + 1), incremental=since, checkpoint=name)
            states.append(m.models())
        self.write(m, "vda", 0, 8 * MIB)
        self.write(m, "vdb", 0, 8 * MIB)
        for tags, want in ((("full",), states[0]), (("full", "inc1"), states[1]),
                           (("full", "inc1", "inc2"), states[2])):
            os.chmod(m["vda"].path, 0o640)
            end = self.restore(m, self.restore_xml(m, *tags))
            self.assertEqual((end["operation"], end["success"]),
                             (libvirt.VIR_DOMAIN_JOB_OPERATION_RESTORE, 1))
            self.assert_disks(m, want, "restored from " + "+".join(tags))
            self.assertEqual(os.stat(m["vda"].path).st_mode & 0o777, 0o640)
            self.assertEqual((self.left(), self.helpers()), ([], []))
        # rebased ones, which name what they lie on, and raw
        images.rebase(self.target_path(m, "vda", "inc1"), self.target_path(m, "vda", "full"))
        self.restore(m, self.restore_xml(m, "full", "inc1", targets=["vda"]))
        self.assertSame(states[1]["vda"].data, self.contents(m)["vda"], "vda from a rebased image")
        raw = os.path.join(self.out, "raw")
        images.run(["qemu-img", "convert", "-O", "raw", self.target_path(m, "vda", "full"), raw])
        sources = ["<source file='%s' format='raw'/>" % raw, self.target_path(m, "vda", "inc1")]
        images.run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "", sources[1]])
        self.restore(m, self.restore_xml(m, targets=["vda"], sources=sources))
        self.assertSame(states[1]["vda"].data, self.contents(m)["vda"], "vda from raw and qcow2")

    def test_checkpoints_afterwards(self):
        """None is usable on a restored disk, and it says so; the other disk's are untouched."""
        m = self.stopped()
        self.push_stopped(m, "full", checkpoint="a")
        want = m.models()
        self.write(m, "vda", 8 * MIB, MIB)
        self.restore(m, self.restore_xml(m, "full", targets=["vda"]))
        self.assertSame(want["vda"].data, self.contents(m)["vda"], "vda")
        m["vda"].model = want["vda"].copy()
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "'vda'.*missing", self.begin, m,
                         self.push_xml(m, "no", incremental="a"))
        self.write(m, "vdb", 9 * MIB, MIB)
        events = livetest.Events(self.conn)
        self.begin(m, self.push_xml(m, "inc", incremental="a", disks={"vdb": ""}))
        self.assertEqual(events.wait("end", lambda e: e[0] == "job")[2]["success"], 1)
        events.close()
        self.restore(m, self.restore_xml(m, "full", "inc", targets=["vdb"]))
        self.assert_disks(m, m.models(), "as they were")
        self.push_stopped(m, "full2", checkpoint="b")
        self.write(m, "vda", 10 * MIB, 65536)
        self.push_stopped(m, "inc2", "b", checkpoint="c")
        want = m.models()
        self.write(m, "vda", 11 * MIB, 65536)
        self.restore(m, self.restore_xml(m, "full2", "inc2"))
        self.assert_disks(m, want, "restored from what came after a restore")
        for c in m.dom.listAllCheckpoints():
            c.delete()

    def test_lost_and_damaged_images(self):
        m = self.stopped()
        self.push_stopped(m, "full")
        os.unlink(m["vda"].path)
        with open(m["vdb"].path, "r+b") as f:
            f.write(b"x" * 65536)
        self.restore(m, self.restore_xml(m, "full"))
        self.assert_disks(m, m.models(), "restored from nothing")

    def test_raw_disk_behind_a_symbolic_link(self):
        m = self.stopped(disks=1, formats=["raw"])
        self.push_stopped(m, "full")
        want = m.models()
        real = os.path.join(self.tmp, "real.raw")
        os.rename(m["vda"].path, real)
        os.symlink(real, m["vda"].path)
        self.write(m, "vda", 0, MIB)
        self.restore(m, self.restore_xml(m, "full"))
        self.assertTrue(os.path.islink(m["vda"].path))
        self.assertSame(want["vda"].data, images.content(real, "raw"), "vda")

    def test_refused_before_anything_is_touched(self):
        m = self.stopped()
        self.push_stopped(m, "full")
        full = self.target_path(m, "vda", "full")
        small, other = os.path.join(self.out, "small"), os.path.join(self.out, "other")
        images.create(small, MIB)
        images.create(other, SIZE)
        over = os.path.join(self.out, "over")
        images.create(over, SIZE, backing=other)
        before = self.contents(m)
        inodes = {d.target: os.stat(d.path).st_ino for d in m.disks}
        bad = libvirt.VIR_ERR_INVALID_ARG
        for code, message, sources in (
                (libvirt.VIR_ERR_SYSTEM_ERROR, "'%s/none'.*No such file" % self.out, [self.out + "/none"]),
                (bad, "disk 'vdb': it has %d bytes, and its backup has %d" % (SIZE, MIB), [small]),
                (bad, "list the oldest first", [full, small]),
                (bad, "lies on '%s'.*list every image" % other, [over]),
                (bad, "lies on '%s'" % other, [full, over]),
                (bad, "only the first <source> can be raw", [full, "<source file='%s' format='raw'/>" % other]),
                (bad, "image of disk 'vda' of the domain", [m["vda"].path]),
                (libvirt.VIR_ERR_OPERATION_FAILED, "does not begin like one", [self.daemon.log])):
            with self.subTest(message):
                self.assertError(code, message, m.dom.backupBegin, self.restore_xml(m, "full").replace(
                    "</disks>", "").replace("<disk name='vdb'><source file='%s'/></disk>"
                                            % self.target_path(m, "vdb", "full"),
                                            self.restore_xml(m, targets=["vdb"], sources=sources).partition(
                                                "<disks>")[2].partition("</f:")[0]), None, 0)
        with open(full, "r+b") as f:        # a version of qcow2 that QEMU does not know
            f.seek(4)
            f.write(struct.pack(">I", 99))
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "restore.begin.*qcow2 version", m.dom.backupBegin,
                         self.restore_xml(m, "full", targets=["vda"]), None, 0)
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "disk 'vdz'", m.dom.backupBegin,
                         self.restore_xml(m, "full", targets=["vdz"]), None, 0)
        self.assertEqual((self.left(), self.helpers()), ([], []))
        for d in m.disks:
            self.assertSame(before[d.target], images.content(d.path), d.target + " as before")
            self.assertEqual(os.stat(d.path).st_ino, inodes[d.target])
        m.dom.create()
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "while it runs; stop it", m.dom.backupBegin,
                         self.restore_xml(m, "full", targets=["vdb"]), None, 0)
        m.dom.destroy()

    def test_image_used_by_another_domain(self):
        m = self.stopped(disks=1)
        self.push_stopped(m, "full")
        other = self.conn.defineXML(m.xml().replace("<name>vm<", "<name>other<").replace(
            m.console_path, m.console_path + "2"))
        other.create()
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "'%s' is in use by another" % m["vda"].path,
                         m.dom.backupBegin, self.restore_xml(m, "full"), None, 0)
        other.destroy()
        self.restore(m, self.restore_xml(m, "full"))

    def test_source_that_cannot_be_read(self):
        """The restore fails, and the domain has what it had."""
        m = self.stopped(disks=1)
        self.push_stopped(m, "full")
        self.spoil(self.target_path(m, "vda", "full"))
        before = self.contents(m)
        end = self.restore(m, self.restore_xml(m, "full"))
        self.assertEqual((end["success"], end["errmsg"][:12]), (0, "disk 'vda': "), end)
        self.assertEqual(m.dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)["type"],
                         libvirt.VIR_DOMAIN_JOB_FAILED)
        self.assertEqual(self.contents(m), before)


class Pull(Restore):
    def test_written_over_nbd_and_committed(self):
        m = self.stopped()
        want = m.models()
        self.write(m, "vda", 0, 4 * MIB)
        self.write(m, "vdb", 0, 4 * MIB)
        before = self.contents(m)
        m.dom.backupBegin(self.pull_restore_xml(m), None, 0)
        self.assertIn("domainrestore", m.dom.backupGetXMLDesc())
        self.assertEqual(m.dom.jobStats()["operation"], libvirt.VIR_DOMAIN_JOB_OPERATION_RESTORE)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "being restored", m.dom.create)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "being restored", self.checkpoint, m, "x")
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "being restored", self.begin, m, self.pull_xml(m))
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "restore uses", m.dom.undefine)
        h = self.put("vda", want["vda"].data)
        self.put("vdb", want["vdb"].data).shutdown()
        self.assertEqual(self.contents(m), before)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "still connected", m.dom.backupBegin, self.COMMIT,
                         None, 0)
        h.shutdown()
        wait_until("the client to be gone", lambda: self.committed(m))
        self.assert_disks(m, want, "restored")
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "there is none", m.dom.backupBegin, self.COMMIT,
                         None, 0)
        m.dom.create()
        m.dom.destroy()

    def test_abort_and_death_of_the_helper(self):
        m = self.stopped()
        before, inode = self.contents(m), os.stat(m["vda"].path).st_ino
        m.dom.backupBegin(self.pull_restore_xml(m), None, 0)
        self.put("vda", bytes(SIZE)).shutdown()
        m.dom.abortJob()
        self.assertEqual((self.contents(m), os.stat(m["vda"].path).st_ino), (before, inode))
        events = livetest.Events(self.conn)
        m.dom.backupBegin(self.pull_restore_xml(m), None, 0)
        for pid in self.helpers():
            os.kill(pid, signal.SIGKILL)
        end = events.wait("end", lambda e: e[0] == "job")[2]
        events.close()
        self.assertEqual((end["success"], "helper" in end["errmsg"]), (0, True), end)
        self.assertEqual((self.contents(m), self.left()), (before, []))


class InPlace(Restore):
    def test_device_is_unusable_until_it_is_restored(self):
        m = self.block_machine()
        self.push_stopped(m, "full")
        want = m.models()
        self.write(m, "vda", 0, MIB)
        self.write(m, "vdb", 0, MIB)
        self.restore(m, self.restore_xml(m, "full"))
        self.assert_disks(m, want, "restored")
        m.dom.backupBegin(self.pull_restore_xml(m, ["vdb"]), None, 0)
        m.dom.abortJob()
        message = "cannot %s domain 'vm': its disk 'vdb' is half restored.*restore it again"
        for what in range(2):
            self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, message % "start", m.dom.create)
            self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, message % "use the disks of", self.begin, m,
                             self.pull_xml(m))
            self.restart_daemon(kill=True)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "without its disk 'vdb'", m.dom.backupBegin,
                         self.restore_xml(m, "full", targets=["vda"]), None, 0)
        self.restore(m, self.restore_xml(m, "full"))
        self.assert_disks(m, want, "restored again")
        m.dom.create()
        m.dom.destroy()


    def test_qcow2_on_a_device_keeps_its_bitmaps(self):
        """They count the restore, so the next increment lies on the last backup."""
        m = self.block_machine("qcow2")
        self.push_stopped(m, "full", checkpoint="a")
        self.write(m, "vdb", 0, 4096)
        self.restore(m, self.restore_xml(m, "full", targets=["vdb"]))
        self.write(m, "vdb", 5 * MIB, 4096)
        self.write(m, "vda", 5 * MIB, 4096)
        self.push_stopped(m, "inc", incremental="a")
        want = self.contents(m)
        self.restore(m, self.restore_xml(m, "full", "inc"))
        for target, data in self.contents(m).items():
            self.assertSame(want[target], data, target)
        for c in m.dom.listAllCheckpoints():
            c.delete()


class Restarts(Restore):
    """The daemon ends or dies, and the restore goes on without it."""

    def end_of(self, m, do):
        events = livetest.Events(self.conn)
        do()
        job = events.wait("end of the restore", lambda e: e[0] == "job")
        events.close()
        return job[2]

    def pulled_over_a_restart(self, kill):
        m = self.stopped()
        want = m.models()
        self.write(m, "vda", 0, 4 * MIB)
        self.write(m, "vdb", 0, 4 * MIB)
        before, (mode, helper) = self.contents(m), (0o640, None)
        os.chmod(m["vda"].path, mode)
        m.dom.backupBegin(self.pull_restore_xml(m), None, 0)
        begun = time.monotonic()
        helper, xml = self.helpers(), m.dom.backupGetXMLDesc()
        self.put("vdb", want["vdb"].data).shutdown()
        h = self.put("vda", want["vda"].data[:5 * MIB])
        for _ in range(2):
            self.restart_daemon(kill=kill)
            elapsed = (time.monotonic() - begun) * 1000
            stats = m.dom.jobStats()
            self.assertGreaterEqual(stats["time_elapsed"] + 1, int(elapsed))
            self.assertEqual((stats["type"], stats["operation"]), (libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
                                                                   libvirt.VIR_DOMAIN_JOB_OPERATION_RESTORE))
            self.assertEqual(stats["disk_total"], 2 * SIZE)
            self.assertGreaterEqual(stats["disk_processed"], 5 * MIB)
            self.assertEqual((self.helpers(), m.dom.backupGetXMLDesc()), (helper, xml))
            self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "being restored", m.dom.create)
            self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "restore uses", m.dom.undefine)
            self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "another restore uses them", m.dom.backupBegin,
                             self.pull_restore_xml(m), None, 0)
        self.put_on(h, want["vda"].data, 5 * MIB, SIZE)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "still connected", m.dom.backupBegin, self.COMMIT,
                         None, 0)
        h.shutdown()
        self.assertEqual(self.contents(m), before)
        end = self.end_of(m, lambda: wait_until("the commit", lambda: self.committed(m)))
        self.assertEqual((end["operation"], end["success"]), (libvirt.VIR_DOMAIN_JOB_OPERATION_RESTORE, 1))
        self.assert_disks(m, want, "restored")
        self.assertEqual((self.left(), self.helpers()), ([], []))
        self.assertEqual(os.stat(m["vda"].path).st_mode & 0o777, mode)
        m.dom.create()
        m.dom.destroy()

    def test_pull_goes_on_after_sigkill(self):
        self.pulled_over_a_restart(True)

    def test_pull_goes_on_after_a_clean_restart(self):
        self.pulled_over_a_restart(False)

    def test_abort_after_a_restart(self):
        m = self.stopped()
        before, inode = self.contents(m), os.stat(m["vda"].path).st_ino
        m.dom.backupBegin(self.pull_restore_xml(m), None, 0)
        self.put("vda", bytes(SIZE)).shutdown()
        self.restart_daemon(kill=True)
        end = self.end_of(m, m.dom.abortJob)
        self.assertEqual((end["success"], m.dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)["type"]),
                         (0, libvirt.VIR_DOMAIN_JOB_CANCELLED))
        self.assertEqual((self.contents(m), os.stat(m["vda"].path).st_ino), (before, inode))
        self.assertEqual((self.left(), self.helpers()), ([], []))

    def test_helper_that_died_with_the_daemon(self):
        """The restore has failed, and says so to who asks later; or it dies under the new daemon."""
        m = self.stopped()
        before = self.contents(m)
        for early in (True, False):
            m.dom.backupBegin(self.pull_restore_xml(m), None, 0)
            self.put("vda", bytes(SIZE)).shutdown()
            self.daemon.kill()
            self.disconnect()
            if early:
                self.end_helpers()
            self.start_daemon()
            if not early:
                self.assertEqual(self.end_of(m, self.end_helpers)["success"], 0)
            self.wait_no_job(m)
            last = m.dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
            self.assertEqual((last["type"], "helper" in last["errmsg"]), (libvirt.VIR_DOMAIN_JOB_FAILED, True))
            self.assertEqual((self.contents(m), self.left()), (before, []))

    def end_helpers(self):
        for pid in self.helpers():
            os.kill(pid, signal.SIGKILL)

    def raw_source(self, size):
        path = os.path.join(self.out, "raw")
        block = os.urandom(MIB)
        with open(path, "wb") as f:
            for at in range(0, size, MIB):
                f.write(struct.pack(">Q", at) + block[8:])
        return path

    def begin_slow(self, m, source):
        """Returns while the copy is under way: the helper is stopped."""
        m.dom.backupBegin(self.restore_xml(m, sources=["<source file='%s' format='raw'/>" % source]), None, 0)
        for pid in self.helpers():
            os.kill(pid, signal.SIGSTOP)
        self.assertLess(os.stat(m["vda"].path + NEW).st_blocks * 512, os.stat(source).st_size, "over already")

    def go_on(self):
        for pid in self.helpers():
            os.kill(pid, signal.SIGCONT)

    def test_push_goes_on(self):
        m = self.machine(start=False, boots=False, disks=1, size=512 * MIB)
        source = self.raw_source(512 * MIB)
        self.begin_slow(m, source)
        self.daemon.kill()
        self.disconnect()
        self.go_on()
        self.start_daemon()
        self.wait_no_job(m)
        last = m.dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
        self.assertEqual((last["type"], last["operation"]), (libvirt.VIR_DOMAIN_JOB_COMPLETED,
                                                             libvirt.VIR_DOMAIN_JOB_OPERATION_RESTORE))
        self.assertEqual((last["disk_processed"], last["disk_total"]), (512 * MIB, 512 * MIB))
        images.run(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", source, m["vda"].path])
        self.assertEqual((self.left(), self.helpers()), ([], []))

    def test_push_is_aborted_by_the_next_daemon(self):
        m = self.machine(start=False, boots=False, disks=1, size=512 * MIB)
        before = os.stat(m["vda"].path).st_ino
        self.begin_slow(m, self.raw_source(512 * MIB))
        self.daemon.kill()
        self.disconnect()
        threading.Timer(0.5, self.go_on).start()
        self.start_daemon()
        m.dom.abortJob()
        self.assertEqual(m.dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)["type"],
                         libvirt.VIR_DOMAIN_JOB_CANCELLED)
        self.assertEqual((os.stat(m["vda"].path).st_ino, self.left(), self.helpers()), (before, [], []))

    def test_copy_that_failed_while_no_daemon_ran(self):
        m = self.stopped(disks=1)
        self.push_stopped(m, "full")
        self.spoil(self.target_path(m, "vda", "full"))
        before = self.contents(m)
        self.restart_daemon(fault="restore.begin.copy.done:kill")
        self.assertRaises(libvirt.libvirtError, m.dom.backupBegin, self.restore_xml(m, "full"), None, 0)
        self.daemon.wait_end()
        self.disconnect()
        self.start_daemon()
        self.wait_no_job(m)
        last = m.dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
        self.assertEqual((last["type"], last["errmsg"][:12]), (libvirt.VIR_DOMAIN_JOB_FAILED, "disk 'vda': "))
        self.assertEqual((self.contents(m), self.left()), (before, []))

    def test_device_goes_on_being_written(self):
        m = self.block_machine()
        want = m.models()
        m.dom.backupBegin(self.pull_restore_xml(m, ["vdb"]), None, 0)
        h = self.put("vdb", want["vdb"].data[:5 * MIB])
        self.restart_daemon(kill=True)
        self.put_on(h, want["vdb"].data, 5 * MIB, SIZE)
        h.shutdown()
        wait_until("the commit", lambda: self.committed(m))
        self.assert_disks(m, want, "restored")
        m.dom.create()
        m.dom.destroy()


class Crashes(Restore):
    def points(self, m, xml):
        """The fault points that a restore passes, in order."""
        log = os.path.join(self.tmp, "points")
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start(env={"VIR_TEST_FAULT_LOG": log})
        self.conn = self.connect()
        m.dom = self.conn.lookupByName(m.name)
        self.assertEqual(self.restore(m, xml)["success"], 1)
        with open(log) as f:
            points = list(dict.fromkeys(f.read().split()))
        points = [p for p in points if p.startswith(("restore.", "helper."))]
        self.assertEqual(points[-1], "restore.journal.remove.unlinked")
        for wanted in ("restore.journal.preparing.written", "restore.begin.copy", "restore.journal.ending.renamed",
                       "restore.end.store.done", "restore.commit.vdb.renamed"):
            self.assertIn(wanted, points)
        return points

    def interrupt(self, m, xml, point):
        """The daemon dies there, and another one comes; what that goes on with is over."""
        self.restart_daemon(fault=point + ":kill")
        try:
            m.dom.backupBegin(xml, None, 0)
        except libvirt.libvirtError:
            pass
        self.daemon.wait_end()
        self.disconnect()
        self.start_daemon()
        self.wait_no_job(m)
        wait_until("the earlier helper to be gone", lambda: not self.helpers())

    def test_daemon_dies_at_each_step(self):
        """Old or new, both disks the same, nothing left, and the next restore works. From the copies on it is
        new: the helper goes on, and only behind its end the images have no claim to be complete."""
        m = self.stopped()
        self.push_stopped(m, "full")
        full, xml = m.models(), self.restore_xml(m, "full")
        points = self.points(m, xml)
        copies = points.index("restore.begin.copy.done")
        for i, point in enumerate(points):
            new = i >= copies and point != "restore.journal.committing.written"
            with self.subTest(point):
                self.write(m, "vda", 0, MIB)
                self.write(m, "vdb", 5 * MIB, MIB)
                self.interrupt(m, xml, point)
                wait_until("the restore to be settled", lambda: not self.left())
                if i >= points.index("restore.journal.writing.renamed") and point != points[-1]:
                    self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED if new
                                     else libvirt.VIR_DOMAIN_JOB_FAILED)
                self.assert_disks(m, full if new else m.models(), "after death at " + point)
                for d in m.disks if new else ():
                    d.model = full[d.target].copy()
        self.restore(m, xml)
        self.assert_disks(m, full, "at last")

    def test_each_step_fails(self):
        m = self.stopped()
        self.push_stopped(m, "full")
        full, xml = m.models(), self.restore_xml(m, "full")
        points = self.points(m, xml)
        for point in points[:points.index("restore.journal.committing.renamed") + 1]:
            if point == "helper.stop":
                continue          # that it cannot be ended nicely is no failure
            with self.subTest(point):
                self.write(m, "vda", 0, MIB)
                self.restart_daemon(fault=point + ":fail")
                try:
                    end = self.restore(m, xml)
                    self.assertEqual((end["success"], "fault point" in end["errmsg"]), (0, True), end)
                except libvirt.libvirtError as e:
                    self.assertIn("fault point", str(e))
                self.assertEqual((self.left(), self.helpers()), ([], []))
                self.assert_disks(m, m.models(), "after failure at " + point)
        self.restart_daemon(fault="restore.commit.vda.renamed:fail")
        self.assertEqual(self.restore(m, xml)["success"], 0)
        m.dom.create()            # goes on with it first
        m.dom.destroy()
        self.assert_disks(m, full, "finished by the start")

    def test_daemon_dies_while_a_device_is_written(self):
        m = self.block_machine()
        self.push_stopped(m, "full")
        full, xml = m.models(), self.restore_xml(m, "full")
        for point, half in (("restore.begin.new.vdb.done", False), ("restore.journal.writing.renamed", True),
                            ("restore.begin.copy.done", False), ("restore.end.store.done", False),
                            ("restore.journal.committing.written", True)):
            with self.subTest(point):
                self.interrupt(m, xml, point)
                if half:
                    self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "'vdb' is half restored", m.dom.create)
                else:
                    if not point.startswith("restore.begin.new"):
                        self.assert_disks(m, full, "after death at " + point)
                    m.dom.create()
                    m.dom.destroy()
                self.write(m, "vdb", 0, MIB)
                self.restore(m, xml)
                self.assert_disks(m, full, "restored after death at " + point)
        self.interrupt(m, xml, "restore.journal.writing.renamed")
        m.dom.undefine()
        m.dom = None
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    livetest.main()
