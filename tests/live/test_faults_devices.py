#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks that come, go and change, restores, and the rarer forms of a backup, interrupted at every fault
point (see faultwalk.py)."""
import os
import shutil
import socket
import subprocess
import xml.etree.ElementTree as ET

import libvirt

import faultrun
import images
import livetest
import test_luks
import test_tls
from daemon import wait_until
from faultwalk import BLOCK, SIZE, Problem, Scenario
from machine import Disk
from processes import free_port, open_files
from test_faults import PullIncremental, PushFullCheckpoint

LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
INCONSISTENT = libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT


class HotDisk(Scenario):
    """A SCSI disk, sdb, beside the disks of the walk: it has changed since checkpoint "a"."""

    must = after = ("a",)
    format = "qcow2"
    kept = False             # its bitmaps are, beside it
    block = 3                # that has changed
    place = "/machine/peripheral/scsi0-0-0-1"

    def devices(self, w):
        return "<controller type='scsi' index='0' model='virtio-scsi'/>"

    def prepare(self, w):
        self.disk = Disk("sdb", os.path.join(w.t.images, "sdb." + self.format), SIZE, "scsi", self.format)
        if os.path.exists(self.disk.path):
            os.unlink(self.disk.path)
        self.make(w)
        self.attach(w)
        w.chain("a")
        answer = w.t.qmp(w.m.dom, "human-monitor-command", **{
            "command-line": 'qemu-io -d %s "write -P 77 %d %d"' % (self.place, self.block * BLOCK, BLOCK)})
        if answer.strip():
            raise Problem("writing to sdb: " + answer)

    def make(self, w):
        images.create(self.disk.path, SIZE, self.format)

    def attach(self, w):
        w.m.dom.attachDeviceFlags(self.disk.xml(), LIVE)

    def detach(self, w):
        w.m.dom.detachDeviceFlags(self.disk.xml(), LIVE)

    def there(self, w):
        """Definition and QEMU must agree."""
        said = "dev='sdb'" in w.m.dom.XMLDesc()
        devices = [e["name"] for e in w.t.qmp(w.m.dom, "qom-list", path="/machine/peripheral")]
        nodes = [n["node-name"] for n in w.t.qmp(w.m.dom, "query-named-block-nodes", flat=True)
                 if n.get("file") == self.disk.path]
        if (os.path.basename(self.place) in devices, len(nodes) > 0) != (said, said):
            raise Problem("sdb is in the definition: %s; devices %s, nodes %s" % (said, devices, nodes))
        return said

    def changed(self, w):
        """{block} since "a" by its bitmap, and the content; None where that is refused."""
        t = w.t
        try:
            t.begin(w.m, t.pull_xml(w.m, "a", {"sdb": ""}))
        except libvirt.libvirtError as e:
            if e.get_error_code() != INCONSISTENT:
                raise
            return None, None
        try:
            data, dirty = t.read_exports(w.m, True, ["sdb"])["sdb"]
        finally:
            t.end_pull(w.m)
        return {b for o, n in dirty for b in range(o // BLOCK, (o + n + BLOCK - 1) // BLOCK)}, data

    def may_lose(self):
        """What is kept beside the disk may be lost when keeping it fails, never silently."""
        return self.kept and self.name_of_point is not None

    def assert_changes(self, w):
        blocks, data = self.changed(w)
        if blocks is None:
            if not self.may_lose():
                raise Problem("sdb has lost what changed since 'a'")
        elif not blocks >= {self.block}:
            raise Problem("sdb: changed since 'a' are %s" % sorted(blocks))
        elif data[self.block * BLOCK:(self.block + 1) * BLOCK] != b"\x4d" * BLOCK:
            raise Problem("sdb: the changed block is exported wrong")

    def check(self, w, done):
        if not w.m.dom.isActive():
            return
        there = self.there(w)
        if done and there != self.there_after:
            raise Problem("it succeeded, and sdb is there: %s" % there)
        if there:
            self.assert_changes(w)
            self.detach(w)
        if self.there(w):
            raise Problem("sdb stays")
        self.attach(w)
        self.assert_changes(w)
        self.detach(w)


class Attach(HotDisk):
    there_after = True

    def prepare(self, w):
        super().prepare(w)
        self.detach(w)

    def operate(self, w):
        self.attach(w)


class Detach(HotDisk):
    there_after = False

    def operate(self, w):
        self.detach(w)


class AttachRaw(Attach):
    format, kept = "raw", True


class DetachRaw(Detach):
    format, kept = "raw", True


class AttachOld(Attach):
    """A qcow2 that cannot hold bitmaps."""
    points, kept = ("attach.bitmaps", "store."), True

    def make(self, w):
        images.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", self.disk.path, str(SIZE)])


class AttachData(Attach):
    """A qcow2 whose data is in another file."""
    points, kept = ("attach.data",), True

    def make(self, w):
        data = self.disk.path + ".data"
        if os.path.exists(data):
            os.unlink(data)
        images.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=" + data, self.disk.path, str(SIZE)])


class DetachData(Detach):
    points, kept = ("removed.data",), True
    make = AttachData.make


class AttachLuks(Attach):
    points = ("attach.secret",)

    def make(self, w):
        w.t.key = os.path.join(w.t.tmp, "passphrase")
        with open(w.t.key, "wb") as f:
            f.write(test_luks.PASSPHRASE)
        test_luks.LuksTest.secrets(w.t)
        self.disk.extra = test_luks.encryption(test_luks.BY_UUID)
        test_luks.LuksTest.create(w.t, self.disk)

    def check(self, w, done):
        HotDisk.check(self, w, done)
        if not w.m.dom.isActive():
            return
        left = test_luks.LuksTest.objects(w.t, w.m)
        if left:
            raise Problem("QEMU still has %s" % left)


class DetachLuks(Detach):
    points = ("removed.secret",)
    make = AttachLuks.make
    check = AttachLuks.check


class Resize(HotDisk):
    there_after = True

    def operate(self, w):
        w.m.dom.blockResize("sdb", 2 * SIZE, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    def check(self, w, done):
        if not w.m.dom.isActive():
            return
        self.there(w)
        size = w.m.dom.blockInfo("sdb")[0]
        if size not in (SIZE, 2 * SIZE) or (done and size == SIZE):
            raise Problem("sdb has %d bytes" % size)
        blocks, _ = self.changed(w)
        if blocks is None and done:
            raise Problem("it succeeded, and the changes are lost")
        wanted = {self.block} | set(range(SIZE // BLOCK, size // BLOCK))
        if blocks is not None and not blocks >= wanted:
            raise Problem("sdb, of %d bytes: changed since 'a' are only %s" % (size, sorted(blocks)))
        self.operate(w)
        if w.m.dom.blockInfo("sdb")[0] != 2 * SIZE:
            raise Problem("it cannot be resized any more")
        self.detach(w)


class ResizeUseless(Resize):
    """Of an image with a bitmap that was lost with the program that had it open."""
    points, strays = ("resize.useless",), ("lost",)

    def make(self, w):
        images.create(self.disk.path, SIZE)
        images.run(["qemu-img", "bitmap", "--add", self.disk.path, "lost"])
        with subprocess.Popen(["qemu-io", self.disk.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
            owner.stdin.write(b"write 0 512\n")
            owner.stdin.flush()
            owner.stdout.readline()
            owner.kill()
        bitmaps = images.info(self.disk.path)["format-specific"]["data"]["bitmaps"]
        if bitmaps[0]["flags"] != ["in-use", "auto"]:
            raise Problem("the bitmap is not inconsistent: %s" % bitmaps)


class ChangeMedium(Scenario):
    after = ()
    new = "second.iso"

    def medium(self, w, name):
        path = os.path.join(w.t.images, name)
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.truncate(1 << 20)
        return path

    def drive(self, path):
        return ("<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>%s<target dev='hda' bus='ide'/>"
                "</disk>" % ("<source file='%s'/>" % path if path else ""))

    def devices(self, w):
        return self.drive(self.medium(w, "first.iso"))

    def change(self, w, name):
        w.m.dom.updateDeviceFlags(self.drive(name and self.medium(w, name)), LIVE)

    def prepare(self, w):
        if self.inside(w) != "first.iso":
            self.change(w, "first.iso")

    def operate(self, w):
        self.change(w, self.new)

    def inside(self, w):
        """What definition and drive agree on, in a closed tray, and nothing else is open."""
        name = lambda path: os.path.basename(path) if path else None
        said, = [name(d.find("source").get("file") if d.find("source") is not None else None)
                 for d in ET.fromstring(w.m.dom.XMLDesc()).iter("disk") if d.get("device") == "cdrom"]
        drive, = [b for b in w.t.qmp(w.m.dom, "query-block") if b.get("qdev") == "ide0-0-0"]
        found = name(drive["inserted"]["file"] if "inserted" in drive else None)
        nodes = [name(n["file"]) for n in w.t.qmp(w.m.dom, "query-named-block-nodes", flat=True)
                 if n["drv"] == "file" and n["file"].endswith(".iso")]
        if (found, nodes, drive["tray_open"]) != (said, [said] if said else [], False):
            raise Problem("definition has %s, drive %s, tray open: %s, QEMU has open %s"
                          % (said, found, drive["tray_open"], nodes))
        return said

    def check(self, w, done):
        if not w.m.dom.isActive():
            return
        found = self.inside(w)
        if found not in ("first.iso", self.new) or (done and found != self.new):
            raise Problem("in the drive is %s" % found)
        for name in ("first.iso", None, self.new):
            self.change(w, name)
            if self.inside(w) != name:
                raise Problem("%s does not get into the drive" % name)


class Eject(ChangeMedium):
    new = None


class Restore(Scenario):
    """Of a stopped domain's disks: all old or all new, and what is new matches no checkpoint."""

    disks, stopped, must, after = 2, True, ("a",), ("a",)
    points = ("restore.",)

    def source(self, w, target):
        return os.path.join(w.t.tmp, "src-" + target)

    def prepare(self, w):
        w.write()
        self.new = {t: bytes(content) for t, content in w.content.items()}
        w.t.push(w.m, "full")
        for target in w.m.targets:
            os.replace(w.t.target_path(w.m, target, "full"), self.source(w, target))
        w.chain("a")
        w.m.dom.destroy()
        self.restored = False

    def document(self, mode, body):
        return "<f:domainrestore xmlns:f='urn:fleece:1' mode='%s'>%s</f:domainrestore>" % (mode, body)

    def operate(self, w):
        rows = "".join("<disk name='%s'><source file='%s'/></disk>" % (t, self.source(w, t)) for t in w.m.targets)
        w.m.dom.backupBegin(self.document("push", "<disks>%s</disks>" % rows), None, 0)
        w.t.wait_no_job(w.m)
        if w.t.completed(w.m)["type"] != libvirt.VIR_DOMAIN_JOB_COMPLETED:
            raise libvirt.libvirtError("the restore failed")

    def left(self, w):
        directory = w.t.daemon.path("var", "lib", "libvirt", "qemu", "restore")
        return livetest.files_below(directory) + \
            [p for p in livetest.files_below(w.t.images) if p.endswith(".fleece-restore")]

    def check(self, w, done):
        if not w.t.has_no_job(w.m):
            self.survive(w)
        w.m.dom.create()        # settles what could not be
        w.m.dom.destroy()
        if self.left(w):
            raise Problem("left of the restore: %s" % self.left(w))
        blocks = lambda content: b"".join(bytes([p]) * BLOCK for p in content)
        now = {d.target: images.content(d.path) for d in w.m.disks}
        self.restored = all(now[t] == blocks(self.new[t]) for t in now)
        if not self.restored and not all(now[t] == blocks(w.content[t]) for t in now):
            raise Problem("the disks are neither all old nor all new")
        if done is not None and done != self.restored:
            self.disagree(done)
        if self.restored:
            w.content = {t: bytearray(content) for t, content in self.new.items()}

    def survive(self, w):
        """It goes on under the next daemon."""
        w.t.wait_no_job(w.m, 20)

    def disagree(self, done):
        if done:
            raise Problem("it succeeded, and the disks are old")

    def verdict(self, effect):
        return "broken" if self.restored else "good"


class RestoreOverNBD(Restore):
    disks, points = 1, ("restore.begin.", "restore.end.", "restore.commit.")

    def operate(self, w):
        w.m.dom.backupBegin(self.document("pull", "<server transport='unix' socket='%s'/><disks><disk name='vda'/>"
                                          "</disks>" % w.t.socket_path()), None, 0)
        self.survive(w)

    def survive(self, w):
        """As far as that may have come: a client that lost nothing writes all of it again."""
        h = images.connect("vda", w.t.socket_path())
        h.pwrite(b"".join(bytes([p]) * BLOCK for p in self.new["vda"]), 0)
        h.flush()
        h.shutdown()
        del h
        self.end(w)

    def end(self, w):
        try:
            wait_until("the commit", lambda: self.commit(w))
        except libvirt.libvirtError:
            if w.t.daemon.running() and not w.t.has_no_job(w.m):
                w.m.dom.abortJob()
            raise

    def commit(self, w):
        try:
            w.m.dom.backupBegin(self.document("commit", ""), None, 0)
            return True
        except libvirt.libvirtError as e:
            if "a client is still connected" not in str(e):
                raise
            return False


class AbortRestore(RestoreOverNBD):
    points = ("restore.undo.", "restore.journal.remove", "restore.end.", "helper.")

    def end(self, w):
        w.m.dom.abortJob()

    def disagree(self, done):
        if self.restored:
            raise Problem("it was aborted, and the disk is new")

    def check(self, w, done):
        super().check(w, False)


class PullChanged(PullIncremental):
    """A union bitmap that the filter takes over in the pause."""
    disks, points = 1, ("backup.begin.",)
    OPTIONS = "<f:options xmlns:f='urn:fleece:1' scope='changed'/>"

    def operate(self, w):
        w.expect(self.checkpoint)
        w.t.begin(w.m, w.t.pull_xml(w.m, incremental=self.incremental, extra=self.OPTIONS), self.checkpoint)
        self.read(w)
        w.t.end_pull(w.m)

    def read(self, w):
        """What has changed is read; the rest is what it was."""
        bitmap = "backup-vda"
        h = images.connect("vda", w.t.socket_path(), contexts=["qemu:dirty-bitmap:" + bitmap])
        data, dirty = bytearray(w.at_begin["vda"]), images.dirty(h, bitmap)
        for offset, length in dirty:
            data[offset:offset + length] = h.pread(length, offset)
        h.shutdown()
        if not dirty:
            raise Problem("nothing has changed since " + self.incremental)
        return {"vda": (bytes(data), dirty)}


class PullTLS(PullIncremental):
    disks, points = 1, ("backup.begin.tls", "backup.begin.server", "backup.end.server", "backup.end.tls",
                        "backup.end.clients", "backup.journal.server")

    def operate(self, w):
        self.client = os.path.join(w.t.tmp, "client")
        directory = w.t.daemon.path("etc", "pki", "qemu")
        if not os.path.exists(directory):
            test_tls.TLS.make_certificates(w.t, directory)
            shutil.copytree(directory, self.client, dirs_exist_ok=True)
        w.expect(self.checkpoint)
        xml = w.t.pull_xml(w.m, incremental=self.incremental).replace("<server ", "<server tls='yes' ")
        w.t.begin(w.m, xml, self.checkpoint)
        self.read(w)
        w.t.end_pull(w.m)

    def read(self, w):
        return {"vda": test_tls.TLS.read(w.t, "vda", self.client)}


class PullExportHelper(PullIncremental):
    """With QEMU and the daemon it does not die: the next daemon ends it."""
    points = ("backup.begin.server", "backup.begin.bitmap", "backup.begin.helper", "export-helper.",
              "backup.end.helper", "backup.end.export", "backup.end.bitmap", "backup.end.server",
              "backup.end.clients", "backup.journal.")
    OPTIONS = "<f:options xmlns:f='urn:fleece:1' export-helper='yes'/>"

    def operate(self, w):
        w.expect(self.checkpoint)
        self.port = free_port()
        w.t.begin(w.m, w.t.pull_xml(w.m, incremental=self.incremental, port=self.port, extra=self.OPTIONS),
                  self.checkpoint)
        self.read(w)
        w.t.end_pull(w.m)

    def read(self, w):
        return w.t.read_exports(w.m, incremental=True, port=self.port)


class PullOnPassedSocket(PullIncremental):
    """Which is the client's own again, in QEMU no copy of it is left."""
    disks, points = 1, ("backup.begin.pass", "backup.begin.server", "backup.begin.export", "backup.end.server",
                        "backup.end.clients", "backup.journal.")

    def operate(self, w):
        self.server = socket.create_server(("127.0.0.1", 0))
        w.t.associate(w.m, self.server)
        w.expect(self.checkpoint)
        w.t.begin(w.m, w.t.fd_xml(w.m, incremental=self.incremental), self.checkpoint)
        self.read(w)
        w.t.end_pull(w.m)

    def read(self, w):
        return w.t.read_exports(w.m, port=self.server.getsockname()[1])

    def check(self, w, done):
        if not w.t.has_no_job(w.m):
            return
        link = "socket:[%d]" % os.fstat(self.server.fileno()).st_ino
        wait_until("QEMU to let go of the socket",
                   lambda: not any(link in open_files(pid) for pid in w.qemu_pids()))
        with socket.create_connection(self.server.getsockname()):
            self.server.accept()[0].close()
        self.server.close()


class PushIntoTargets(PushFullCheckpoint):
    """That are there already, and are the client's to remove."""
    disks, points = 1, ("backup.begin.lend", "backup.end.return")

    def operate(self, w):
        path = w.t.target_path(w.m, "vda", "x")
        images.create(path, SIZE)
        w.expect(self.checkpoint)
        w.pushed = None
        try:
            w.t.begin(w.m, w.t.push_xml(w.m, "x"), self.checkpoint,
                      libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
        except libvirt.libvirtError:
            if w.t.daemon.running():
                os.unlink(path)
            raise
        w.t.wait_no_job(w.m)

    def check(self, w, done):
        path = w.t.target_path(w.m, "vda", "x")
        if w.t.has_no_job(w.m) and not done and os.path.exists(path):
            os.unlink(path)


WALKED = (Attach, Detach, AttachRaw, DetachRaw, AttachOld, AttachData, DetachData, AttachLuks, DetachLuks, Resize,
          ResizeUseless, ChangeMedium, Eject, Restore, RestoreOverNBD, AbortRestore, PullChanged, PullTLS, PullExportHelper, PullOnPassedSocket,
          PushIntoTargets)


# Restores that the second daemon goes on with
REPAIRED = (
    (Restore, "restore.begin.copy.done"), (Restore, "restore.end.store.done"),
    (RestoreOverNBD, "restore.end.export.vda"), (RestoreOverNBD, "restore.journal.committing.renamed"),
)


class Faults(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("fault points of our daemon")


if __name__ == "__main__":
    faultrun.add_walks(Faults, WALKED)
    faultrun.add_repairs(Faults, REPAIRED)
    # A restore into a device: test_restore.py, of encrypted disks: test_luks.py; over TLS it differs from a
    # backup in nothing.
    faultrun.main(Faults, __file__, ("attach", "hotplug", "medium", "removed", "resize", "restore",
                                     "backup.begin.tls", "backup.end.tls", "backup.begin.lend", "backup.begin.pass",
                                     "backup.begin.bitmap[a-z-]*", "backup.end.bitmap", "export-helper.spawned"),
                  ("restore.begin.lend", "restore.begin.tls", "restore.begin.key", "restore.begin.secret"))
