# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine of a random sequence, and the model that judges it.

Nothing is booted: what a guest would write goes through the device's own block backend (QEMU's
``qemu-io -d``), hence through whatever filter a backup has put below it. The model knows the content
of every disk now and at every checkpoint, which blocks were touched since, and what excuses a
checkpoint that does not serve (randommark.py).
"""
import os
import shutil
import signal
import xml.etree.ElementTree as ET

import libvirt
import libvirt_qemu

from daemon import wait_until
from model import changed_blocks, describe_difference, stamp
from processes import processes_with
from randomdisk import BLOCK, MIB, SECTOR, new_disk, padded
from randommark import Mark

REDEFINE_REFUSED = (libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, libvirt.VIR_ERR_INVALID_ARG,
                    libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT)


class Wrong(AssertionError):
    """The product has not done what it must."""


class Vm:
    def __init__(self, place, name, chance, say):
        """@place: directories, connection and daemon (see randomwalk.Worker); @say: told each step."""
        self.place, self.name, self.chance, self.say = place, name, chance, say
        self.disks, self.marks, self.number, self.filtered = [], [], 0, None
        self.filtered_disks = []
        # @filtered: "pull" or "push" while its filter is below some devices: that ignores discards
        self.away = []           # disks that are not the machine's now
        self.limbo = []          # marks whose making was interrupted, and that may turn up yet
        self.strays = []         # (mark, its XML): the record was dropped, bitmaps are left
        self.precise = True      # no bitmap without a record has been, which every incremental counts in
        self.branched = False    # a record came back, and its place in the tree is its parent's business
        self.paused = chance.random() < 0.8
        self.images_made, self.paths = 0, {}
        for letter in "abc"[:chance.choice((1, 1, 2, 2, 3))]:
            self.disks.append(self.new_disk(chance.choice(("vd", "sd")) + letter))
        self.say("machine with %s%s" % (", ".join("%s: %s, %d bytes" % (d.target, d.kind, d.size)
                                                  for d in self.disks), ", paused" if self.paused else ""))
        self.place.conn.defineXML(self.xml())

    def stem(self, target):
        """Where another image for @target can be made."""
        self.images_made += 1
        return os.path.join(self.place.images, "%s-%s-%d" % (self.name, target, self.images_made))

    def new_disk(self, target):
        return new_disk(self.place, self.chance, target, self.stem(target))

    def disk_at(self, target):
        """None if there is none."""
        return next((d for d in self.disks if d.target == target), None)

    def xml(self, uuid=None):
        return ("<domain type='qemu'><name>%s</name>%s<memory unit='MiB'>16</memory>"
                "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"
                "<emulator>/usr/bin/qemu-system-x86_64</emulator>%s<serial type='file'><source path='%s'/></serial>"
                "<controller type='usb' model='none'/><controller type='scsi' index='0' model='virtio-scsi'/>"
                "<memballoon model='none'/></devices></domain>"
                % (self.name, "<uuid>%s</uuid>" % uuid if uuid else "", "".join(d.xml() for d in self.disks),
                   os.path.join(self.place.tmp, "console")))     # which tells pids() whose QEMU it is

    # The product, as its clients see it

    @property
    def dom(self):
        return self.place.conn.lookupByName(self.name)

    def active(self):
        return bool(self.dom.isActive())

    def names(self):
        """In the order of their making."""
        return [c.getName() for c in
                self.dom.listAllCheckpoints(libvirt.VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL)]

    def hmp(self, command):
        return libvirt_qemu.qemuMonitorCommand(
            self.dom, command, libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)

    def job_gone(self):
        try:
            return self.dom.jobStats().get("type", 0) == libvirt.VIR_DOMAIN_JOB_NONE
        except libvirt.libvirtError as e:
            if "not running" in str(e):
                return True
            if e.get_error_code() in (libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_OPERATION_INVALID):
                return False        # QEMU is just ending
            raise

    def wait_job_gone(self):
        wait_until("the job of %s to end" % self.name, self.job_gone, 60)

    def pids(self, program):
        return [pid for pid, line in processes_with(self.place.tmp).items() if program in line]

    # Start and stop

    def start(self):
        self.say("start")
        self.paths.clear()
        self.dom.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if self.paused else 0)

    def stop(self):
        how = self.chance.choice(("destroy", "graceful", "quit"))
        self.say("stop (%s)" % how)
        if how == "quit":
            try:
                self.hmp("quit")
            except libvirt.libvirtError:
                pass                # it may end before it has answered
            self.excuse("QEMU was ended from its monitor", [d for d in self.disks if not d.holds_bitmaps])
        else:
            self.dom.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL if how == "graceful" else 0)
        self.wait_stopped()

    def wait_stopped(self):
        wait_until("%s to be stopped" % self.name, lambda: not self.active(), 60)
        wait_until("QEMU to be gone", lambda: not self.pids("qemu-system"), 60)

    def kill(self):
        """SIGKILL of QEMU: what it had not stored is lost, and no bitmap is to be believed."""
        for pid in self.pids("qemu-system"):
            os.kill(pid, signal.SIGKILL)
        self.wait_stopped()
        self.excuse("QEMU was killed")
        self.adopt_content()

    def known(self):
        return self.marks + self.limbo + [mark for mark, _ in self.strays]

    def excuse(self, reason, disks=None):
        for mark in self.known():
            for d in self.disks if disks is None else disks:
                mark.excuse(d, reason)

    def missed(self):
        """Disks that are away have no part in what is done to checkpoints now."""
        self.excuse("missed a checkpoint", self.away)
        self.precise = self.precise and not self.away

    def adopt_content(self):
        """The content after a crash is what QEMU says; which acknowledged writes were lost is not our
        subject."""
        for d in self.disks:
            d.content = bytearray(d.read())
            d.size = len(d.content)

    def check_content(self, disks=None):
        for d in self.disks if disks is None else disks:
            self.same(d.content, d.read(), "%s, read from the image that nobody uses" % d.target)

    # The guest

    def touch(self, disk, offset, length):
        blocks = range(offset // BLOCK, (offset + length - 1) // BLOCK + 1)
        for mark in self.known():
            if mark.is_of(disk):
                mark.touched[disk.target].update(blocks)

    def span(self, disk, unit, chance):
        """(offset, length), multiples of @unit but for the disk's end; often at the same few places."""
        units = -(-disk.size // unit)
        few = min(units, 4 * BLOCK // unit or 1)
        where = chance.random()
        if where < 0.4:
            first = chance.randrange(few)
        elif where < 0.55:
            first = units - 1 - chance.randrange(few)
        else:
            first = chance.randrange(units)
        count = chance.choice((1, 1, 1, 2, 3, 7, 8, 127, 128, 129, 200))
        while count * unit > MIB:
            count = count // 2 or 1
        offset = first * unit
        return offset, min(count * unit, disk.size - offset)

    def data_file(self, data):
        path = os.path.join(self.place.tmp, "data")
        with open(path, "wb") as f:
            f.write(data)
        return path

    def next_write(self, disks, chance):
        """(disk, words, qemu-io command); the model has it already."""
        disk = chance.choice(disks)
        kinds = ["write", "write", "write", "zero", "unmap"]
        # whether the filter of a push is still there nobody can know
        kind = chance.choice(kinds if self.filtered == "push" else kinds + ["discard"])
        unit = disk.cluster if kind == "discard" else chance.choice((SECTOR, SECTOR, 4096, disk.cluster))
        offset, length = self.span(disk, unit, chance)
        if kind == "write":
            return disk, *self.write_command(disk, offset, length)
        command = {"zero": "write -z", "unmap": "write -z -u", "discard": "discard"}[kind]
        if kind != "discard" or disk not in self.filtered_disks:
            disk.content[offset:offset + length] = bytes(length)
        self.touch(disk, offset, length)
        return (disk, "%s %s %d+%d" % (kind, disk.target, offset, length),
                "%s %d %d" % (command, offset, length))

    def write_command(self, disk, offset, length):
        self.number += 1
        data = stamp(offset, length, self.number, disk.number)
        disk.content[offset:offset + length] = data
        self.touch(disk, offset, length)
        return ("write %s %d+%d" % (disk.target, offset, length),
                "write -s %s %d %d" % (self.data_file(data), offset, length))

    def device_path(self, disk):
        """In QEMU's tree of objects."""
        if disk.target not in self.paths:
            for row in ET.fromstring(self.dom.XMLDesc()).iter("disk"):
                path = "/machine/peripheral/" + row.find("alias").get("name")
                if row.find("target").get("bus") == "virtio":
                    path += "/virtio-backend"
                self.paths[row.find("target").get("dev")] = path
        return self.paths[disk.target]

    def knows(self, target):
        """Is there such a disk, says the daemon?"""
        return any(row.get("dev") == target for row in ET.fromstring(self.dom.XMLDesc()).iter("target"))

    def has_device(self, disk):
        """Is there, says QEMU? @disk: on SCSI."""
        return 'id "scsi0-0-0-%d"' % disk.number in self.hmp("info qtree")

    def in_guest(self, disk, words, command):
        self.say(words)
        answer = self.hmp('qemu-io -d %s "%s"' % (self.device_path(disk), command))
        if answer.strip():
            raise Wrong("the guest's %s: %s" % (words, answer))

    def guest_write(self, chance=None):
        self.in_guest(*self.next_write(self.disks, chance or self.chance))

    def write_at(self, disk, offset, length):
        self.in_guest(disk, *self.write_command(disk, offset, length))

    def outside_write(self, disks):
        """By a program that knows of bitmaps, while no machine has the disk; but not of those that we keep."""
        wait_until("helpers of a dead daemon to be gone", lambda: not self.pids("qemu-storage-daemon"), 60)
        disk, words, command = self.next_write(disks, self.chance)
        self.say("outside: " + words)
        disk.io(command)
        if not disk.holds_bitmaps:
            self.excuse("written behind the back", [disk])

    # Checkpoints

    def new_name(self):
        self.number += 1
        return "c%d" % self.number

    def some_disks(self, disks=None):
        disks = list(disks or self.disks)
        if len(disks) > 1 and self.chance.random() < 0.3:
            return sorted(self.chance.sample(disks, self.chance.randrange(1, len(disks))),
                          key=lambda d: d.target)
        return disks

    def checkpoint_xml(self, name, disks):
        rows = "".join("<disk name='%s' checkpoint='%s'/>" % (d.target, "bitmap" if d in disks else "no")
                       for d in self.disks)
        return "<domaincheckpoint><name>%s</name><disks>%s</disks></domaincheckpoint>" % (name, rows)

    def checkpoint(self, disks=None):
        name, disks = self.new_name(), disks or self.some_disks()
        self.say("checkpoint %s of %s" % (name, " ".join(d.target for d in disks)))
        self.dom.checkpointCreateXML(self.checkpoint_xml(name, disks), 0)
        self.made(Mark(name, disks))

    def made(self, mark):
        """A checkpoint was."""
        self.missed()
        self.marks.append(mark)

    def choose_deletion(self):
        """(mark, flags, marks that go)"""
        at = self.chance.randrange(len(self.marks))
        mark, later = self.marks[at], self.marks[at + 1:]
        how = 1 if self.branched else self.chance.random()
        if how < 0.1:
            return mark, libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN, [mark] + later
        if how < 0.2:
            return mark, libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY, later
        return mark, 0, [mark]

    def delete(self, deletion=None):
        mark, flags, gone = deletion or self.choose_deletion()
        self.say("delete %s, flags %d" % (mark.name, flags))
        self.dom.checkpointLookupByName(mark.name).delete(flags)
        self.marks = [m for m in self.marks if m not in gone]
        self.missed()

    def forget(self):
        """Its record goes and its bitmaps stay: what is left may be refused, and may not be wrong. Without the
        newest of a disk, no checkpoint of it has a bitmap that records."""
        mark = self.chance.choice(self.marks)
        self.say("forget %s" % mark.name)
        checkpoint = self.dom.checkpointLookupByName(mark.name)
        self.strays.append((mark, checkpoint.getXMLDesc()))
        checkpoint.delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)
        later = self.marks[self.marks.index(mark) + 1:]
        self.marks.remove(mark)
        self.precise = False
        for d in self.disks + self.away:
            newest = self.branched or not any(m.is_of(d) for m in later)
            for known in self.known() if newest and mark.is_of(d) else [mark]:
                known.excuse(d, "its record was dropped")

    def redefine(self):
        mark, xml = self.chance.choice(self.strays)
        flags = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE
        if self.chance.random() < 0.5:
            flags |= libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE
        self.say("redefine %s, flags %d" % (mark.name, flags))
        try:
            self.dom.checkpointCreateXML(xml, flags)
        except libvirt.libvirtError as e:
            if e.get_error_code() not in REDEFINE_REFUSED:
                raise
            self.say("refused: %s" % e.get_error_message())
            return
        self.strays.remove((mark, xml))
        self.marks.append(mark)
        self.branched = True
        self.excuse("a record came back")    # what does not descend from the one before the newest is refused
        self.missed()

    def check_size(self, mark):
        """What an incremental since @mark would have, by the checkpoint's own words."""
        self.say("size of %s" % mark.name)
        xml = self.dom.checkpointLookupByName(mark.name).getXMLDesc(libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE)
        for row in ET.fromstring(xml).findall("disks/disk"):
            if row.get("checkpoint") != "bitmap":
                continue
            disk = self.disk_at(row.get("name"))
            if not disk or not mark.serves(disk):
                continue
            if not row.get("size"):
                raise Wrong("%s has no size on %s" % (mark.name, disk.target))
            before = padded(mark.content[disk.target], disk.size)
            changed = len(changed_blocks(before, disk.content)) * BLOCK
            touched = len(mark.touched[disk.target]) * BLOCK
            if not changed <= int(row.get("size")) or int(row.get("size")) > touched and self.precise:
                raise Wrong("size of %s on %s is %s; %d bytes have changed and %d were touched"
                            % (mark.name, disk.target, row.get("size"), changed, touched))

    def check_names(self):
        self.find_limbo()
        want, got = [m.name for m in self.marks], self.names()
        if self.branched:
            want, got = sorted(want), sorted(got)
        if want != got:
            raise Wrong("checkpoints %s are listed, %s should be" % (got, want))

    def find_limbo(self):
        """What is left of a checkpoint whose making was interrupted is looked at when the images are next
        open, and is then a checkpoint or nothing."""
        names = self.names()
        for mark in self.limbo:
            if mark.name in names:
                self.say("%s was made" % mark.name)
                self.made(mark)
                self.marks.sort(key=lambda m: names.index(m.name) if m.name in names else -1)
        self.limbo = [m for m in self.limbo if m.name not in names and not self.active()]

    def settle(self, new=None, gone=()):
        """After an operation that was interrupted: it has happened, or it has not.
        @new: the Mark that may be there; @gone: marks that may not be there any more."""
        if new:
            self.limbo.append(new)
        names = self.names()
        self.marks = [m for m in self.marks if m not in gone or m.name in names]
        self.find_limbo()

    # Judgement

    def same(self, want, got, what):
        difference = describe_difference(bytes(want), bytes(got))
        if difference:
            raise Wrong("%s: %s" % (what, difference))

    def remove(self):
        """The machine and all its files go; nothing of a backup may be left, not even beside the images."""
        if self.active():
            self.dom.destroy()
        self.dom.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
        for name in ("scratch", "nbd"):
            directory = getattr(self.place, name)
            wait_until("%s to be empty, but %s" % (directory, os.listdir(directory)),
                       lambda d=directory: not os.listdir(d), 20)
        for d in self.disks + self.away:
            d.close()
        left = [name for name in os.listdir(self.place.images) if not name.startswith(self.name + "-") or
                ".scratch" in name or ".fleece" in name]
        if left:
            raise Wrong("left beside the images: %s" % left)
        for directory in (self.place.images, self.place.out):
            shutil.rmtree(directory)
            os.mkdir(directory)
