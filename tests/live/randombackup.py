# SPDX-License-Identifier: LGPL-2.1-or-later
"""Backups within a random sequence, and what must be true of them.

A pull is read while the guest goes on writing, in pieces that fit no cluster. Whatever it gives must
be the disk as it was when the backup began; what it calls changed must be all that differs from the
disk at the checkpoint, and no more than was touched since.
"""
import json
import os
import random
import signal
import subprocess
import threading
import traceback
import xml.etree.ElementTree as ET

import libvirt
import nbd

import images
from model import apply_extents, changed_blocks
from daemon import accepts, wait_until
from randomdisk import BLOCK, padded
from randommark import DOOMED, Mark
from randomvm import Wrong

NBD_HOLE_IS_ZERO = 2


class Request:
    """What a backup asks for. @since: {target: Mark or None for a full one}."""

    def __init__(self, vm, chance, since=None):
        """@since: a Mark for all of its disks, instead of chosen ones."""
        self.vm, self.chance = vm, chance
        self.disks = vm.some_disks()
        self.since = {}
        whole = chance.random() < 0.3
        for d in self.disks:
            usable = [m for m in vm.marks if d.target in m.content]
            self.since[d.target] = chance.choice(usable) if usable and not whole else None
        self.new = Mark(vm.new_name(), vm.some_disks()) if chance.random() < 0.5 else None
        if since:
            self.disks = [d for d in vm.disks if d.target in since.content]
            self.since, self.new = {d.target: since for d in self.disks}, None
        self.tag = vm.number
        self.changed = all(self.since.values()) and chance.random() < 0.3 and vm.active()
        self.missing_full = chance.random() < 0.2
        self.choose_push()

    def choose_push(self):
        """How it is pushed, if it is."""
        chance = self.chance
        self.nbd = chance.random() < 0.15        # to servers of NBD
        # which disks are the target's business: a scratch the request names, one made up, or none
        self.fleece = chance.choices(("", "named", "made up"), (5, 3, 2))[0]
        if self.fleece == "made up" and any(d.kind == "block" for d in self.disks):
            self.fleece = "named"                # there is no place beside a device
        self.compress = not self.nbd and chance.random() < 0.15
        if self.compress and not self.fleece and any(d.kind == "block" for d in self.disks):
            self.fleece = "named"
        self.bandwidth = 6 << 20 if chance.random() < 0.06 else 0    # something of the disks is left then

    def excused(self):
        """May it be refused?"""
        return not self.missing_full and any(m and not m.serves(d) for d, m in self.rows())

    def doomed(self):
        """Must it be refused?"""
        return not self.missing_full and any(m and m.doomed(d) for d, m in self.rows())

    def unknown(self):
        """A disk may be done in full or not: who is told only afterwards cannot know."""
        return self.missing_full and any(m and not m.serves(d) and not m.doomed(d) for d, m in self.rows())

    def rows(self):
        return [(d, self.since[d.target]) for d in self.disks]

    def base(self, disk):
        """The checkpoint that a backup of @disk continues, after all; None: none."""
        mark = self.since[disk.target]
        return None if mark and self.missing_full and not mark.serves(disk) else mark

    @property
    def alike(self):
        """All disks since the same checkpoint: said once for all of them."""
        return len(set(self.since.values())) == 1

    def options(self, push):
        chosen = {"onmissing": self.missing_full and "full"}
        if push:
            chosen.update(fleece=self.fleece == "made up" and "yes", compress=self.compress and "yes",
                          bandwidth=self.bandwidth)
        else:
            chosen.update(scope=self.changed and "changed")
        words = "".join(" %s='%s'" % row for row in chosen.items() if row[1])
        return "<f:options xmlns:f='urn:fleece:1'%s/>" % words if words else ""

    def words(self, push=False):
        words = " ".join("%s:%s" % (t, m.name if m else "full") for t, m in self.since.items())
        words += " ".join([""] + self.options(push).split()[2:]).rstrip("/>")
        words += ", scratches" if push and self.fleece == "named" else ""
        return words + (", checkpoint %s of %s" % (self.new.name, " ".join(self.new.content))
                        if self.new else "")


class Writer(threading.Thread):
    """The guest writes @count times while a backup is read or copied. What it writes does not depend on when."""

    def __init__(self, vm, count):
        super().__init__(daemon=True)
        self.vm, self.count, self.own, self.failure = vm, count, random.Random(vm.chance.random()), None
        self.start()

    def run(self):
        try:
            for _ in range(self.count):
                self.vm.guest_write(self.own)
        except Exception as e:
            self.failure = str(e) if isinstance(e, Wrong) else traceback.format_exc()

    def finish(self):
        self.join(60)
        if self.failure or self.is_alive():
            raise Wrong(self.failure or "a write of the guest does not end")


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
        return ("<domainbackup mode='pull'><server transport='unix' socket='%s'/>%s%s</domainbackup>"
                % (self.socket, request.options(push=False), rows))

    def push_xml(self, request):
        return self.any_push_xml(request, lambda d: "<target file='%s'/><driver type='%s'/>" % (
            self.target_path(request, d), self.target_format(request, d)))

    def any_push_xml(self, request, target, kind="file"):
        scratch = lambda d: ("<f:scratch xmlns:f='urn:fleece:1' file='%s'/>" % os.path.join(
            self.place.scratch, d.target) if request.fleece == "named" else "")
        rows = self.rows(request, lambda d: target(d) + scratch(d), kind)
        return "<domainbackup mode='push'>%s%s</domainbackup>" % (request.options(push=True), rows)

    @property
    def socket(self):
        return os.path.join(self.place.nbd, "s")

    def target_path(self, request, disk):
        return os.path.join(self.place.out, "%s.%d" % (disk.target, request.tag))

    @staticmethod
    def target_format(request, disk):
        return "qcow2" if request.since[disk.target] or disk.number or request.compress else "raw"

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
            if not request.excused() or e.get_error_code() != libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT:
                raise
            self.vm.say("refused")
            if not self.vm.job_gone():
                raise Wrong("a backup that was refused has left a job")
            self.vm.check_names()
            return False
        if request.doomed():
            raise Wrong("an incremental backup since a checkpoint of before is not refused, though %s" % DOOMED)
        if request.new:
            self.vm.made(request.new)
        return True

    def kill_in_mid_backup(self):
        """QEMU dies; the backup with it, and whatever it has made."""
        self.vm.say("death of QEMU in the middle")
        self.vm.kill()
        self.vm.wait_job_gone()
        wait_until("what the backup made to go, but %s" % os.listdir(self.place.scratch),
                   lambda: not os.listdir(self.place.scratch), 20)

    # Pull

    def pull(self, request=None):
        request = request or Request(self.vm, self.chance)
        self.vm.say("pull %s" % request.words())
        then = {d.target: bytes(d.content) for d in request.disks}
        if not self.begin(request, self.pull_xml(request)):
            return
        bases = self.told_bases(request)
        readers = [(ChangesReader if request.changed and bases[d.target] else Reader)(
            self, d, bases[d.target], then[d.target]) for d in request.disks]
        self.vm.filtered, self.vm.filtered_disks = "pull", request.disks
        self.meanwhile(request, readers)
        self.vm.filtered, self.vm.filtered_disks = None, []

    def told_bases(self, request):
        """{target: Mark or None}: with onmissing='full' the backup's own XML says which disks are done in full."""
        if not request.missing_full:
            return request.since
        bases = dict(request.since)
        for row in ET.fromstring(self.vm.dom.backupGetXMLDesc()).iter("disk"):
            disk, mark = self.vm.disk_at(row.get("name")), request.since.get(row.get("name"))
            if not mark:
                continue
            full = row.get("backupmode") == "full"
            if full and mark.serves(disk):
                raise Wrong("%s is done in full, and %s is whole" % (disk.target, mark.name))
            if not full and mark.doomed(disk):
                raise Wrong("%s is not done in full, though %s" % (disk.target, DOOMED))
            bases[disk.target] = None if full else mark
        return bases

    def meanwhile(self, request, readers):
        """The guest writes, clients read, one may die."""
        for _ in range(self.chance.choice((0, 1, 3, 6))):
            if self.vm.active():
                self.vm.guest_write()
            self.chance.choice(readers).random_piece()
        fate = self.chance.random()
        if fate < 0.1 and self.vm.active():
            self.place.restart_daemon(kill=self.chance.random() < 0.5, say=self.vm.say)
        elif fate < 0.14 and self.vm.active():
            self.kill_in_mid_backup()
            return
        elif fate < 0.2 and self.vm.active():
            self.cannot_go(request)
        writer = Writer(self.vm, self.chance.choice((0, 0, 5, 20))) if self.vm.active() else None
        for reader in readers:
            reader.finish()
        if writer:
            writer.finish()
        self.vm.say("end of the pull")
        self.vm.dom.abortJob()
        self.vm.wait_job_gone()

    def cannot_go(self, request):
        """A disk that is being read is not taken away."""
        disk = self.chance.choice(request.disks)
        self.vm.say("%s shall go" % disk.target)
        try:
            self.vm.dom.detachDeviceFlags(disk.xml(), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        except libvirt.libvirtError as e:
            if e.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                raise
            return
        raise Wrong("%s goes in the middle of its backup" % disk.target)

    def pull_every_mark(self):
        """Of the running or stopped machine, since each checkpoint there is."""
        for mark in list(self.vm.marks):
            request = Request(self.vm, self.chance, mark)
            if request.disks:
                self.pull(request)

    # Push

    def push(self):
        request = Request(self.vm, self.chance)
        if request.unknown():
            request.missing_full = False
        if request.nbd:
            self.push_to_servers(request)
            return
        self.vm.say("push %s" % request.words(push=True))
        then = {d.target: bytes(d.content) for d in request.disks}
        if not self.begin(request, self.push_xml(request)) or not self.await_push(request):
            return
        for d in request.disks:
            what = "%s pushed since %s" % (d.target, getattr(request.base(d), "name", "ever"))
            self.vm.same(then[d.target], self.pushed(request, d), what)
            os.unlink(self.target_path(request, d))

    def await_push(self, request):
        """The guest writes meanwhile. False: QEMU has died, and the targets are gone."""
        self.vm.filtered, self.vm.filtered_disks = "push", request.disks
        whole = True
        if self.vm.active() and request.bandwidth and not request.nbd and self.chance.random() < 0.3:
            self.kill_in_mid_backup()
            whole = self.vm.dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED).get("success", False)
            self.check_targets(request, whole)
        elif self.vm.active():
            Writer(self.vm, self.chance.choice((0, 0, 1, 3, 15))).finish()
        self.vm.wait_job_gone()
        self.vm.filtered, self.vm.filtered_disks = None, []
        return whole

    def check_targets(self, request, whole):
        left = [os.path.exists(self.target_path(request, d)) for d in request.disks]
        if left != [whole] * len(left):
            raise Wrong("a push has ended %s, and targets are there: %s" % ("well" if whole else "badly", left))

    def pushed(self, request, disk):
        """All bytes of the target; those it does not have come from the disk at the checkpoint."""
        path, mark = self.target_path(request, disk), request.base(disk)
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
        self.vm.say("push to NBD %s" % request.words(push=True))
        then = {d.target: bytes(d.content) for d in request.disks}
        servers = [Server(self.place.out, d, request.base(d)) for d in request.disks]
        by_target = {s.disk.target: s for s in servers}
        try:
            if not self.begin(request, self.any_push_xml(request, lambda d: by_target[d.target].xml(), "network")):
                return
            self.await_push(request)
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
        wait_until("qemu-nbd to listen", lambda: accepts(self.socket))

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
        changed.update(range(len(self.mark.content[target]) // BLOCK, -(-self.disk.size // BLOCK))
                       if self.disk.size > len(self.mark.content[target]) else ())     # it has grown
        if changed - blocks:
            raise Wrong("%s: blocks %s have changed since %s, and the incremental does not have them"
                        % (target, sorted(changed - blocks), self.mark.name))
        self.vm.same(self.then, apply_extents(before, self.then, dirty),
                     "%s restored over %s" % (target, self.mark.name))
        extra = blocks - self.touched
        if extra and self.mark.serves(self.disk) and self.vm.precise:
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
