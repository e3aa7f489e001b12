# SPDX-License-Identifier: LGPL-2.1-or-later
"""Backups within a random sequence, and what must be true of them.

A pull is read while the guest goes on writing, in pieces that fit no cluster. Whatever it gives must
be the disk as it was when the backup began; what it calls changed must be all that differs from the
disk at the checkpoint, and no more than was touched since.
"""
import json
import os
import subprocess

import libvirt
import nbd

import images
from model import apply_extents, changed_blocks
from daemon import wait_until
from randomvm import BLOCK, Mark, Wrong, padded

NBD_HOLE_IS_ZERO = 2


class Request:
    """What a backup asks for. @since: {target: Mark or None for a full one}."""

    def __init__(self, vm, chance):
        self.disks = vm.some_disks()
        self.since = {}
        whole = vm.chance.random() < 0.3
        for d in self.disks:
            usable = [m for m in vm.marks if d.target in m.content]
            self.since[d.target] = chance.choice(usable) if usable and not whole else None
        self.new = Mark(vm.new_name(), vm.some_disks()) if chance.random() < 0.5 else None
        self.tag = vm.number
        self.nbd = chance.random() < 0.15        # push to servers of NBD
        self.choose_scope(vm, chance)
        self.excuse = any(m and not m.trusted[t] for t, m in self.since.items())

    def choose_scope(self, vm, chance):
        """@changed: only what has changed can be read."""
        self.changed = all(self.since.values()) and chance.random() < 0.3 and vm.active()

    @property
    def doomed(self):
        """Since a checkpoint of a disk that was restored afterwards."""
        return any(m and t in m.dead for t, m in self.since.items())

    @property
    def alike(self):
        """All disks since the same checkpoint: said once for all of them."""
        return len(set(self.since.values())) == 1

    def words(self):
        words = " ".join("%s:%s" % (t, m.name if m else "full") for t, m in self.since.items())
        words += " of the changes alone" if self.changed else ""
        return words + (", checkpoint %s of %s" % (self.new.name, " ".join(self.new.content))
                        if self.new else "")


class Backups:
    """Backups of @vm."""

    def __init__(self, vm):
        self.vm, self.chance, self.place = vm, vm.chance, vm.place

    # The request as XML

    def rows(self, request, element, kind="file"):
        rows = ""
        for d in self.vm.disks:
            if d not in request.disks:
                rows += "<disk name='%s' backup='no'/>" % d.target
                continue
            mark = request.since[d.target]
            if request.alike:
                rows += "<disk name='%s' backup='yes' type='%s'>%s</disk>" % (d.target, kind, element(d))
                continue
            mode = "backupmode='incremental' incremental='%s'" % mark.name if mark else "backupmode='full'"
            rows += "<disk name='%s' backup='yes' type='%s' %s>%s</disk>" % (d.target, kind, mode, element(d))
        since = list(request.since.values())[0]
        incremental = "<incremental>%s</incremental>" % since.name if request.alike and since else ""
        return "%s<disks>%s</disks>" % (incremental, rows)

    def pull_xml(self, request):
        rows = self.rows(request, lambda d: "<scratch file='%s'/>" % os.path.join(
            self.place.scratch, d.target))
        options = "<f:options xmlns:f='urn:fleece:1' scope='changed'/>" if request.changed else ""
        return ("<domainbackup mode='pull'><server transport='unix' socket='%s'/>%s%s</domainbackup>"
                % (self.socket, rows, options))

    def push_xml(self, request):
        rows = self.rows(request, lambda d: "<target file='%s'/><driver type='%s'/>" % (
            self.target_path(request, d), self.target_format(request, d)))
        return "<domainbackup mode='push'>%s</domainbackup>" % rows

    @property
    def socket(self):
        return os.path.join(self.place.nbd, "s")

    def target_path(self, request, disk):
        return os.path.join(self.place.out, "%s.%d" % (disk.target, request.tag))

    @staticmethod
    def target_format(request, disk):
        return "qcow2" if request.since[disk.target] or disk.number else "raw"

    def checkpoint_xml(self, request):
        if not request.new:
            return None
        disks = [d for d in self.vm.disks if d.target in request.new.content]
        return self.vm.checkpoint_xml(request.new.name, disks)

    def begin(self, request, xml):
        """False if it was refused, and might be."""
        try:
            self.vm.dom.backupBegin(xml, self.checkpoint_xml(request), 0)
        except libvirt.libvirtError as e:
            if not request.excuse or e.get_error_code() != libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT:
                raise
            self.vm.say("refused")
            if not self.vm.job_gone():
                raise Wrong("a backup that was refused has left a job")
            self.vm.check_names()
            return False
        if request.doomed:
            raise Wrong("an incremental backup of a restored disk, since a checkpoint of before, is not refused")
        if request.new:
            self.vm.marks.append(request.new)
        return True

    # Pull

    def pull(self, request=None):
        request = request or Request(self.vm, self.chance)
        self.vm.say("pull %s" % request.words())
        then = {d.target: bytes(d.content) for d in request.disks}
        if not self.begin(request, self.pull_xml(request)):
            return
        readers = [(ChangesReader if request.changed else Reader)(self, d, request.since[d.target],
                                                                  then[d.target]) for d in request.disks]
        self.vm.filtered, self.vm.filtered_disks = "pull", request.disks
        for _ in range(self.chance.choice((0, 1, 3, 6))):
            if self.vm.active():
                self.vm.guest_write()
            self.chance.choice(readers).random_piece()
        if self.chance.random() < 0.1 and self.vm.active():
            self.place.restart_daemon(kill=self.chance.random() < 0.5, say=self.vm.say)
        for reader in readers:
            reader.finish()
        self.vm.say("end of the pull")
        self.vm.dom.abortJob()
        self.vm.wait_job_gone()
        self.vm.filtered, self.vm.filtered_disks = None, []

    def pull_every_mark(self):
        """Of the running or stopped machine, since each checkpoint there is."""
        for mark in list(self.vm.marks):
            request = Request(self.vm, self.chance)
            request.disks = [d for d in self.vm.disks if d.target in mark.content]
            request.since = {d.target: mark for d in request.disks}
            request.new, request.excuse = None, not all(mark.trusted.values())
            request.choose_scope(self.vm, self.chance)
            if request.disks:
                self.pull(request)

    # Push

    def push(self):
        request = Request(self.vm, self.chance)
        if request.nbd:
            self.push_to_servers(request)
            return
        self.vm.say("push %s" % request.words())
        then = {d.target: bytes(d.content) for d in request.disks}
        if not self.begin(request, self.push_xml(request)):
            return
        self.vm.filtered, self.vm.filtered_disks = "push", request.disks
        for _ in range(self.chance.choice((0, 0, 1, 3))):
            if self.vm.active():
                self.vm.guest_write()
        self.vm.wait_job_gone()
        self.vm.filtered, self.vm.filtered_disks = None, []
        for d in request.disks:
            what = "%s pushed since %s" % (d.target, getattr(request.since[d.target], "name", "ever"))
            self.vm.same(then[d.target], self.pushed(request, d), what)
            os.unlink(self.target_path(request, d))

    def pushed(self, request, disk):
        """All bytes of the target; those it does not have come from the disk at the checkpoint."""
        path, mark = self.target_path(request, disk), request.since[disk.target]
        if self.target_format(request, disk) == "raw":
            with open(path, "rb") as f:
                return f.read()
        if not mark:
            return images.content(path)
        base, raw = path + ".base", path + ".raw"
        with open(base, "wb") as f:
            f.write(padded(mark.content[disk.target], disk.size))
        image = {"driver": "qcow2", "file": {"driver": "file", "filename": path},
                 "backing": {"driver": "raw", "file": {"driver": "file", "filename": base}}}
        images.run(["qemu-img", "convert", "-O", "raw", "json:" + json.dumps(image), raw])
        with open(raw, "rb") as f:
            data = f.read()
        os.unlink(base)
        os.unlink(raw)
        return data


    def push_to_servers(self, request):
        """What is written over the disk as it was at the checkpoint must make it what it is."""
        self.vm.say("push to NBD %s" % request.words())
        then = {d.target: bytes(d.content) for d in request.disks}
        servers = [Server(self.place.out, d, request.since[d.target]) for d in request.disks]
        by_target = {s.disk.target: s for s in servers}
        try:
            rows = self.rows(request, lambda d: by_target[d.target].xml(), "network")
            if not self.begin(request, "<domainbackup mode='push'>%s</domainbackup>" % rows):
                return
            self.vm.filtered, self.vm.filtered_disks = "push", request.disks
            if self.vm.active() and self.chance.random() < 0.5:
                self.vm.guest_write()
            self.vm.wait_job_gone()
            self.vm.filtered, self.vm.filtered_disks = None, []
        finally:
            for s in servers:
                s.stop()
        for d in request.disks:
            with open(by_target[d.target].path, "rb") as f:
                self.vm.same(then[d.target], f.read(), "%s pushed to NBD" % d.target)
            os.unlink(by_target[d.target].path)


class Server:
    """A qemu-nbd with the disk as it was at @mark, or with zeros."""

    def __init__(self, directory, disk, mark):
        self.disk, self.path = disk, os.path.join(directory, "nbd-%s" % disk.target)
        self.socket = os.path.join(directory, "n%d" % disk.number)
        with open(self.path, "wb") as f:
            f.write(padded(mark.content[disk.target] if mark else b"", disk.size))
        self.process = subprocess.Popen(["qemu-nbd", "-t", "-k", self.socket, "-f", "raw", "-x", "", self.path],
                                        stderr=subprocess.DEVNULL)       # a probe that leaves is no news
        wait_until("qemu-nbd to listen", lambda: os.path.exists(self.socket))

    def xml(self):
        return "<target protocol='nbd'><host transport='unix' socket='%s'/></target>" % self.socket

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        if os.path.exists(self.socket):
            os.unlink(self.socket)


class Reader:
    """A client of one export. @then: the disk when the backup began."""
    CONTEXTS = ["base:allocation"]

    def __init__(self, backups, disk, mark, then):
        self.vm, self.chance = backups.vm, backups.chance
        self.disk, self.mark, self.then = disk, mark, then
        self.touched = set(mark.touched[disk.target]) if mark else None
        self.bitmap = "backup-" + disk.target if mark else None
        contexts = self.CONTEXTS + (["qemu:dirty-bitmap:" + self.bitmap] if mark else [])
        self.nbd = images.connect(disk.target, backups.socket, contexts=contexts)
        self.unit = max(1, self.nbd.get_block_size(nbd.SIZE_MINIMUM))
        if self.nbd.get_size() != disk.size:
            raise Wrong("export of %s has %d bytes, %d expected" % (disk.target, self.nbd.get_size(), disk.size))

    def piece(self, offset, length):
        data = self.nbd.pread(length, offset)
        if data != self.then[offset:offset + length]:
            bad = next(i for i in range(length) if data[i] != self.then[offset + i])
            raise Wrong("%s read at %d+%d through the export: first wrong byte at %d"
                        % (self.disk.target, offset, length, offset + bad))

    def random_piece(self):
        if self.chance.random() < 0.2:
            self.check_holes()
            return
        unit = self.chance.choice((self.unit, self.unit, BLOCK))
        length = min(self.chance.choice((1, 511, 4096, 65535, 65536, 65537, 200000)), self.disk.size)
        offset = self.chance.randrange(self.disk.size - length + 1)
        offset, length = offset - offset % unit, length + -length % self.unit
        length = min(length, self.disk.size - offset)
        self.vm.say("read %s %d+%d" % (self.disk.target, offset, length))
        self.piece(offset, length)

    def check_holes(self):
        """What a client may leave out as zeros."""
        self.vm.say("ask for the holes of %s" % self.disk.target)
        for offset, length, flags in images.extents(self.nbd, "base:allocation"):
            if flags & NBD_HOLE_IS_ZERO and self.then[offset:offset + length].count(0) != length:
                raise Wrong("%s at %d+%d is called zeros by the export, and was not"
                            % (self.disk.target, offset, length))

    def finish(self):
        self.check_holes()
        step = self.chance.choice((BLOCK, 100001 + -100001 % self.unit, 1 << 20))
        for offset in range(0, self.disk.size, step):
            self.piece(offset, min(step, self.disk.size - offset))
        if self.mark:
            self.check_changes()
        self.nbd.shutdown()

    def check_changes(self):
        target = self.disk.target
        before = padded(self.mark.content[target], self.disk.size)
        dirty = images.dirty(self.nbd, self.bitmap)
        blocks = {at // BLOCK for offset, length in dirty for at in range(offset, offset + length, BLOCK)}
        changed = {at // BLOCK for at in changed_blocks(before, self.then)}
        if changed - blocks:
            raise Wrong("%s: blocks %s have changed since %s, and the incremental does not have them"
                        % (target, sorted(changed - blocks), self.mark.name))
        self.vm.same(self.then, apply_extents(before, self.then, dirty),
                     "%s restored over %s" % (target, self.mark.name))
        extra = blocks - self.touched
        if extra and self.mark.trusted[target] and self.vm.precise:
            raise Wrong("%s: the incremental since %s has blocks %s, which nobody has touched"
                        % (target, self.mark.name, sorted(extra)))


class ChangesReader(Reader):
    """Of a backup of the changes alone: nothing else may be asked for."""
    CONTEXTS = []

    def random_piece(self):
        extents = images.dirty(self.nbd, self.bitmap)
        if not extents:
            return
        start, length = self.chance.choice(extents)
        units = -(-length // self.unit)
        first = self.chance.randrange(units)
        offset = start + first * self.unit
        length = min(self.chance.randrange(1, units - first + 1) * self.unit, start + length - offset)
        self.vm.say("read %s %d+%d" % (self.disk.target, offset, length))
        self.piece(offset, length)

    def finish(self):
        for offset, length in images.dirty(self.nbd, self.bitmap):
            self.piece(offset, length)
        self.check_changes()
        self.nbd.shutdown()
