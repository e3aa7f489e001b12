#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every kind of storage a disk can lie on, in every situation its bitmaps have to come through. A row of
KINDS is a kind; what it says under a situation's name is what becomes of its checkpoints there:

    KEPT      they serve as before
    RIGHT     they serve, and know what was written behind the domain's back
    a text    they are broken, for this reason (a regular expression)
    None      does not apply

Whatever the result: an incremental backup is right, byte for byte, or it is refused."""
import os
import signal

import libvirt
import libvirt_qemu
import nbd

import images
import livetest
import model
from daemon import accepts, wait_until
from machine import Disk, Machine
from test_store import BLOCK, MIB, StoreTest

ACPI_OFF = "o /h 0x604 0x2000"       # what a guest writes to power off
KEPT, RIGHT = "kept", "right"
KILLED = "bitmap 'a' is missing: QEMU ended without saving"
CHANGED = "bitmap 'a' is missing: the disk was changed while the domain was stopped: "
UNKNOWN = "bitmap 'a' is missing: .*nothing tells whether the NBD export '.*' is changed"


class FileDisk(Disk):
    """A file; @options: of qemu-img create."""
    options = ()
    type = "file"

    def prepare(self, test):
        images.run(["qemu-img", "create", "-q", "-f", self.format, *self.options, self.path, str(self.size)])

    def source(self):
        return "<source file='%s'/>" % self.path

    def xml(self):
        return ("<disk type='%s' device='disk'><driver name='qemu' type='%s'/>%s<target dev='%s' bus='%s'/></disk>"
                % (self.type, self.format, self.source(), self.target, self.bus))

    def change(self, test):
        """Somebody writes to it while the domain does not have it. The model follows."""
        self.overwrite(self.path)

    def overwrite(self, path):
        with open(path, "r+b") as f:
            f.seek(5 * MIB)
            f.write(b"x" * BLOCK)
        self.model.data[5 * MIB:5 * MIB + BLOCK] = b"x" * BLOCK


class OldQcow2Disk(FileDisk):
    options = ("-o", "compat=0.10")

    def change(self, test):
        images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 120 5M 64k", self.path])
        self.model.data[5 * MIB:5 * MIB + BLOCK] = b"x" * BLOCK


class DataFileDisk(FileDisk):
    """A qcow2 that has its data in a raw file, to which anybody can write without the qcow2's knowing."""

    def prepare(self, test):
        self.options = ("-o", "data_file=%s.data,data_file_raw=on" % self.path)
        super().prepare(test)

    def change(self, test):
        self.overwrite(self.path + ".data")


class LoopDisk(FileDisk):
    type = "block"

    def prepare(self, test):
        if os.geteuid() != 0 or not os.path.exists("/dev/loop-control"):
            test.skipTest("only root makes loop devices")
        super().prepare(test)
        self.device = images.run(["losetup", "--find", "--show", self.path]).stdout.strip()
        test.addCleanup(images.run, ["losetup", "--detach", self.device])

    def source(self):
        return "<source dev='%s'/>" % self.device

    def change(self, test):
        self.overwrite(self.device)


class NbdDisk(FileDisk):
    """An export of a server that has the file."""
    type = "network"
    attributes = ""
    room = 0

    def prepare(self, test):
        super().prepare(test)
        os.truncate(self.path, self.size + self.room)
        self.socket = os.path.join(test.tmp, "storage.sock")
        self.server = test.serve(["qemu-nbd", "--persistent", "--shared", "8", "-f", "raw", "-x", "x", "-k",
                                  self.socket, self.path], lambda: accepts(self.socket))

    def source(self):
        return ("<source protocol='nbd' name='x' %s><host transport='unix' socket='%s'/></source>"
                % (self.attributes, self.socket))


class ExclusiveNbdDisk(NbdDisk):
    attributes = "xmlns:f='urn:fleece:1' f:exclusive='yes'"


class NbdQcow2Disk(NbdDisk):
    """An export does not grow, and a qcow2 needs room for itself and for its bitmaps."""
    room = 8 * MIB

    def change(self, test):
        """Whoever writes to a qcow2 as such keeps its bitmaps."""
        images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 120 5M 64k",
                    "nbd+unix:///x?socket=" + self.socket])
        self.model.data[5 * MIB:5 * MIB + BLOCK] = b"x" * BLOCK


KINDS = {
    "raw_file": dict(disk=FileDisk, format="raw", stop=KEPT, poweroff=KEPT, replug=KEPT, kill=KILLED,
                     change=CHANGED + "it was written to"),
    "block_device": dict(disk=LoopDisk, format="raw", stop=KEPT, poweroff=KEPT, replug=KEPT, kill=KILLED,
                         change=CHANGED + "it, or a device below it, was written to"),
    "nbd_raw": dict(disk=NbdDisk, format="raw", stop=UNKNOWN, poweroff=UNKNOWN, replug=UNKNOWN, kill=UNKNOWN,
                    change=UNKNOWN),
    "nbd_raw_exclusive": dict(disk=ExclusiveNbdDisk, format="raw", stop=KEPT, poweroff=KEPT, replug=KEPT,
                              kill=KILLED, change=None),
    "nbd_qcow2": dict(disk=NbdQcow2Disk, format="qcow2", stop=KEPT, poweroff=KEPT, replug=KEPT,
                      kill="bitmap 'a' is inconsistent", change=RIGHT),
    "qcow2_data_file": dict(disk=DataFileDisk, format="qcow2", stop=KEPT, poweroff=KEPT, replug=KEPT, kill=KILLED,
                            change=CHANGED + "of its data file: it was written to"),
    "old_qcow2": dict(disk=OldQcow2Disk, format="qcow2", stop=KEPT, poweroff=KEPT, replug=KEPT, kill=KILLED,
                      change=CHANGED + "its size is another|" + CHANGED + "it was written to"),
}


class Storage(StoreTest):
    """A test a row: one machine goes through the situations, with a new checkpoint 'a' for each."""

    # A machine whose one disk is of the kind

    def storage_machine(self, kind):
        m = Machine(self.images, name="vm", disks=1, buses=["scsi"], boots=False)
        m.disks = [kind["disk"]("sda", os.path.join(self.images, "disk"), 32 * MIB, "scsi", kind["format"])]
        m.disks[0].prepare(self)
        self.machines.append(m)
        m.dom = self.conn.defineXML(m.xml())
        self.start_machine(m)
        return m

    def anew(self, m):
        """A checkpoint 'a' of now, and the disk as it is."""
        for checkpoint in m.dom.listAllCheckpoints():
            checkpoint.delete()
        self.checkpoint(m, "a")
        self.before = m.models()
        self.poke(m, "sda", MIB)

    # What an incremental backup since 'a' gives

    def pushed(self, m):
        """The disk put together from the model at 'a' and an incremental push."""
        path, base = self.target_path(m, "sda", "inc"), self.target_path(m, "sda", "base")
        for name in (path, base, base + ".raw"):
            if os.path.exists(name):
                os.unlink(name)
        self.begin(m, self.push_xml(m, "inc", "a"))
        self.wait_no_job(m)
        with open(base + ".raw", "wb") as f:
            f.write(self.before["sda"].data)
        images.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", base + ".raw", base])
        images.rebase(path, base)
        return images.content(path)

    def assert_kept(self, m):
        self.assert_since(m, "a", self.before)
        self.assertSame(m["sda"].model.data, self.pushed(m), "pushed since 'a'")

    def assert_outcome(self, m, outcome):
        if outcome in (KEPT, RIGHT):
            self.assert_kept(m)
        else:
            self.assert_broken(m, "a", outcome)

    # Situations

    def running(self, m, outcome=KEPT):
        self.assert_outcome(m, outcome)
        self.restart_daemon(kill=True)
        self.poke(m, "sda", 3 * MIB)
        self.assert_outcome(m, outcome)

    def stop(self, m, outcome):
        m.dom.destroy()
        self.assert_outcome(m, outcome)
        self.start_machine(m)
        self.poke(m, "sda", 7 * MIB)
        self.assert_outcome(m, outcome)

    def poweroff(self, m, outcome):
        """The guest ends, and there is no daemon to save anything: the next one does."""
        self.restart_daemon(fault="settle.stop:kill")

        def gone():
            try:
                libvirt_qemu.qemuMonitorCommand(m.dom, ACPI_OFF,
                                                libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
            except libvirt.libvirtError:
                pass
            return self.daemon.process.poll() is not None
        wait_until("the guest to power off", gone, step=0.05)
        self.daemon.wait_end()
        self.disconnect()
        self.start_daemon()
        self.wait_off(m)
        self.start_machine(m)
        self.assert_outcome(m, outcome)

    def replug(self, m, outcome):
        xml = m["sda"].xml()
        m.dom.detachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        wait_until("sda to be gone", lambda: "'sda'" not in m.dom.XMLDesc())
        m.dom.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self.assert_outcome(m, outcome)

    def kill(self, m, outcome):
        m.dom.destroy()
        self.start_machine(m)
        self.poke(m, "sda", 9 * MIB)
        self.device_io(m, "sda", "flush")
        os.kill(self.qemu_pid(), signal.SIGKILL)
        self.wait_off(m)
        self.start_machine(m)
        self.assert_outcome(m, outcome)

    def change(self, m, outcome):
        m.dom.destroy()
        m["sda"].change(self)
        self.start_machine(m)
        self.assert_outcome(m, outcome)

    SITUATIONS = ("running", "stop", "poweroff", "replug", "kill", "change")

    def row(self, name):
        kind = KINDS[name]
        m = self.storage_machine(kind)
        for situation in self.SITUATIONS:
            outcome = kind.get(situation, KEPT)
            if outcome is None:
                continue
            with self.subTest(situation=situation):
                self.anew(m)
                getattr(self, situation)(m, outcome)


class NbdServer(StoreTest):
    """What a disk on an NBD server needs besides, and what a server that is dead or silent does."""

    def nbd_machine(self, disk=NbdDisk, format="raw", start=True):
        m = Machine(self.images, name="vm", disks=2, buses=["scsi", "scsi"], formats=["qcow2", "raw"], boots=False)
        m.disks[1] = disk("sdb", os.path.join(self.images, "disk"), 32 * MIB, "scsi", format)
        images.create(m["sda"].path, m["sda"].size)
        m["sdb"].prepare(self)
        self.machines.append(m)
        m.dom = self.conn.defineXML(m.xml())
        if start:
            self.start_machine(m)
        return m

    def test_stopped_domain(self):
        """Full backups; a checkpoint would be lost at once, and is refused."""
        m = self.nbd_machine(start=False)
        self.assertError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, "NBD export '.*' is changed .* exclusive='yes'",
                         self.checkpoint, m, "a")
        self.assertEqual(self.names(m), [])
        self.begin(m, self.pull_xml(m))
        self.assertSame(m["sdb"].model.data, self.read_exports(m)["sdb"][0], "full")
        self.end_pull(m)
        self.assertError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, "is known while a running domain has it open",
                         m.dom.blockInfo, "sdb")
        self.start_machine(m)
        self.assertEqual(m.dom.blockInfo("sdb"), [32 * MIB] * 3)
        xml = ("<f:domainrestore xmlns:f='urn:fleece:1' mode='push'><disks><disk name='sdb'><source file='%s'/>"
               "</disk></disks></f:domainrestore>" % m["sda"].path)
        m.dom.destroy()
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "'sdb' of domain 'vm': it is an NBD export", self.begin,
                         m, xml)

    def test_server_that_takes_another_client_only_later(self):
        """It says nothing to a second one, so it cannot be told from one that hangs: found out before QEMU
        waits for it. Checkpoints change no bitmap meanwhile, and nothing is left."""
        m = self.nbd_machine()
        m.dom.suspend()
        os.kill(m["sdb"].server.pid, signal.SIGSTOP)
        uri = "NBD server at 'nbd\\+unix:///x\\?socket=.*': it says nothing; .* takes more than one client"
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, uri, self.begin, m, self.pull_xml(m), "a")
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, uri, m.dom.attachDeviceFlags,
                         m["sdb"].xml().replace("sdb", "sdc"), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self.poke(m, "sda", MIB)
        os.kill(m["sdb"].server.pid, signal.SIGCONT)
        self.assertEqual(self.names(m), [])
        self.checkpoint(m, "a")
        before = m.models()
        self.poke(m, "sdb", MIB)
        self.assert_since(m, "a", before)

    def test_server_that_dies(self):
        m = self.nbd_machine()
        self.checkpoint(m, "a")
        before = m.models()
        self.poke(m, "sda", MIB)
        self.end_process(m["sdb"].server)
        uri = "cannot back up disk 'sdb' of domain 'vm' from the NBD server at '.*': Connection refused"
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, uri, self.begin, m, self.pull_xml(m), "b")
        self.assertEqual(self.names(m), ["a"])
        self.assertNoNodes(m)
        self.begin(m, self.pull_xml(m, disks={"sda": "incremental='a'", "sdb": "backup='no'"}))
        data, dirty = self.read_exports(m, incremental=True, targets=["sda"])["sda"]
        self.assertSame(m["sda"].model.data, model.apply_extents(before["sda"].data, data, dirty), "sda")
        self.end_pull(m)
        m.dom.checkpointLookupByName("a").delete()
        m.dom.destroy()
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "Connection refused", m.dom.create)
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "open disk 'sdb' of the stopped domain 'vm' on .*refused",
                         self.begin, m, self.pull_xml(m))

    def test_server_that_hangs_during_a_pull(self):
        """With a client's read under way, the backup cannot be taken apart without QEMU's standing still. So it
        is not, until the server answers again; meanwhile QEMU and the other disks go on. The guest is paused: its
        firmware would wait for the disk itself."""
        m = self.nbd_machine()
        m.dom.suspend()
        self.poke(m, "sdb", MIB)
        self.begin(m, self.pull_xml(m))
        os.kill(m["sdb"].server.pid, signal.SIGSTOP)
        client = images.connect("sdb", self.socket_path())
        client.aio_pread(nbd.Buffer(BLOCK), 0)
        client.poll(100)
        m.dom.abortJob()
        self.wait_no_job(m)
        self.poke(m, "sda", MIB)
        os.kill(m["sdb"].server.pid, signal.SIGCONT)
        self.begin(m, self.pull_xml(m), "a")
        self.assertSame(m["sdb"].model.data, self.read_exports(m)["sdb"][0], "the next backup")
        self.end_pull(m)
        self.assertNoNodes(m)

    def test_server_that_dies_during_a_backup(self):
        m = self.nbd_machine()
        self.poke(m, "sdb", MIB)
        self.begin(m, self.pull_xml(m), "a")
        self.end_process(m["sdb"].server)
        with self.assertRaises(nbd.Error):
            self.read_exports(m, targets=["sdb"])
        self.poke(m, "sda", MIB)
        self.end_pull(m)
        self.assertNoNodes(m)


class DataFile(StoreTest):
    """What a qcow2 with an external data file needs besides."""

    def data_machine(self, options, start=True, **kwargs):
        m = self.machine(start=False, boots=False, disks=1, **kwargs)
        os.unlink(m["vda"].path)
        images.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, m["vda"].path, str(m["vda"].size)])
        if start:
            self.start_machine(m)
        return m

    def test_file_is_lent_with_the_image(self):
        if os.geteuid() != 0:
            self.skipTest("only root has other users run QEMU")
        with open(self.daemon.path("etc", "libvirt", "qemu.conf"), "w") as f:
            f.write('user = "nobody"\ngroup = "nogroup"\n')
        data = os.path.join(self.images, "data")
        m = self.data_machine("data_file=%s" % data, start=False)
        os.chmod(data, 0o600)
        self.restart_daemon()
        self.checkpoint(m, "a")
        a = m.models()
        self.start_machine(m)
        self.assertNotEqual(os.stat(data).st_uid, 0)
        self.assertIn("<source file='%s' index=" % data, m.dom.XMLDesc())
        self.assertNotIn("dataStore", m.dom.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        self.poke(m, "vda", MIB)
        self.assertError(libvirt.VIR_ERR_INVALID_ARG, "in use as an image of disk 'vda'", self.begin, m,
                         "<domainbackup><disks><disk name='vda' type='file'><target file='%s'/></disk></disks>"
                         "</domainbackup>" % data)
        m.dom.destroy()
        self.assertEqual(os.stat(data).st_uid, 0)
        self.assert_since(m, "a", a)
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "the data of its image is in another file", self.begin, m,
                         "<f:domainrestore xmlns:f='urn:fleece:1' mode='push'><disks><disk name='vda'><source "
                         "file='%s'/></disk></disks></f:domainrestore>" % data)
        os.utime(data)
        self.assert_broken(m, "a", "bitmap .a. is missing: the disk was changed while the domain was stopped")

    def test_relative_name_and_bitmaps_of_others(self):
        """The name in the image is QEMU's to take from anywhere; the XML's is plain. A bitmap that somebody
        else made knows nothing of the data file."""
        relative = os.path.relpath(os.path.join(self.images, "data"))
        m = self.data_machine("data_file=%s,data_file_raw=on" % relative, start=False)
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "calls that '.*/images/data', which is no absolute path",
                         m.dom.create)
        data = os.path.join(self.images, "data")
        for name in ("a", "stray"):
            images.run(["qemu-img", "bitmap", "--add", "--image-opts", "driver=qcow2,file.filename=%s,data-file.driver="
                        "file,data-file.filename=%s" % (m["vda"].path, data), name])
        m.dom = self.conn.defineXML(m.xml(m.dom.UUIDString()).replace(
            "<source file='%s'/>" % m["vda"].path, "<source file='%s'><dataStore type='file'><format type='raw'/>"
            "<source file='%s'/></dataStore></source>" % (m["vda"].path, data)))
        m.dom.checkpointCreateXML(
            "<domaincheckpoint><name>a</name><creationTime>1</creationTime><disks><disk name='vda' "
            "checkpoint='bitmap' bitmap='a'/></disks></domaincheckpoint>", libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE)
        self.start_machine(m)
        self.assert_broken(m, "a", "bitmap 'a' was made by another program, in an image whose data is in another file")
        m.dom.checkpointLookupByName("a").delete()
        self.checkpoint(m, "b")
        before = m.models()
        self.poke(m, "vda", MIB)
        m.dom.destroy()
        with open(data, "rb") as f:
            self.assertSame(m["vda"].model.data, f.read(), "data file")
        self.start_machine(m)
        self.assert_broken(m, "b", CHANGED.replace("'a'", "'b'"))       # QEMU has written the stray one
        self.qmp(m.dom, "block-dirty-bitmap-remove", node="libvirt-1-format", name="stray")
        self.checkpoint(m, "c")
        m.dom.destroy()
        self.start_machine(m)
        self.poke(m, "vda", 2 * MIB)
        before["vda"].data[MIB:MIB + BLOCK] = m["vda"].model.data[MIB:MIB + BLOCK]
        self.assert_since(m, "c", before)


def add_row(name):
    setattr(Storage, "test_" + name, lambda self: self.row(name))


for kind_name in KINDS:
    add_row(kind_name)


if __name__ == "__main__":
    livetest.main()
