# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks of a random sequence: images of every kind, and what they must contain.

A Disk is one image and its history. What takes its place in the machine, be it a copy with all of its
bitmaps or what a restore has put there, is another Disk: no checkpoint from before is of that one.
"""
import copy
import os
import shutil

import images
from daemon import wait_until
from model import disk_number, stamp

SECTOR, BLOCK, MIB = 512, 65536, 1 << 20
# kind: how often, arguments for qemu-img create
KINDS = {
    "qcow2": (4, []),
    "small": (3, ["-o", "cluster_size=4096"]),
    "subclusters": (3, ["-o", "cluster_size=131072,extended_l2=on"]),
    "overlay": (3, []),                         # on top of an image with content
    "raw": (3, []),                             # these three cannot hold bitmaps
    "old": (2, ["-o", "compat=0.10"]),
    "block": (2, []),                           # raw, on a loop device
    "luks": (0.2, []),                          # rare: keys take a while
}
SIZES = (2 * MIB, 2 * MIB + 37 * SECTOR, 3 * MIB + SECTOR, 4 * MIB, 5 * MIB + 4096)
LUKS_SIZE = 2 * MIB                             # one size, so that one image is made and then copied
SECRET = "11111111-2222-4333-8444-555555555555"
PASSPHRASE = b"open sesame\n"


def padded(content, size):
    """@content of a disk that has grown since."""
    return bytes(content) + bytes(size - len(content))


def can_loop():
    return os.geteuid() == 0 and os.path.exists("/dev/loop-control")


class Disk:
    """A file. @place: see randomwalk.Worker; @stem: path of the image, but for what the kind adds."""

    made = {}               # empty images by kind and size: to copy one is quicker than to make one

    def __init__(self, place, target, stem, kind, size):
        self.place, self.target, self.kind, self.size = place, target, kind, size
        self.path = stem
        self.cluster = {"small": 4096, "subclusters": 131072}.get(kind, BLOCK)
        self.content = bytearray(size)

    @property
    def number(self):
        return disk_number(self.target)

    @property
    def bus(self):
        return "scsi" if self.target.startswith("sd") else "virtio"

    @property
    def format(self):
        return "raw" if self.kind in ("raw", "block") else "qcow2"

    @property
    def holds_bitmaps(self):
        return self.kind not in ("raw", "old", "block")

    def create(self):
        if self.kind == "overlay":
            base = self.path + ".base"
            self.content[:MIB] = stamp(0, MIB, 0, self.number)
            with open(base, "wb") as f:
                f.write(self.content)
            self.make_image(["-b", base, "-F", "raw"])
            return
        key = (self.kind, self.size)
        if key not in Disk.made:
            self.make_image(KINDS[self.kind][1])
            with open(self.path, "rb") as f:
                Disk.made[key] = f.read()
        with open(self.path, "wb") as f:
            f.write(Disk.made[key])

    def make_image(self, options):
        images.run(["qemu-img", "create", "-q", "-f", self.format, *options, self.path, str(self.size)])

    def source(self):
        return "<source file='%s'/>" % self.path

    def xml(self):
        return ("<disk type='%s' device='disk'><driver name='qemu' type='%s' discard='unmap'/>%s"
                "<target dev='%s' bus='%s'/></disk>"
                % ("block" if self.kind == "block" else "file", self.format, self.source(), self.target, self.bus))

    def read(self):
        """All bytes, while no machine has it open."""
        if self.format == "raw":
            with open(self.path, "rb") as f:
                return f.read()
        return images.content(self.path, "qcow2")

    def io(self, command):
        """As a program that knows of bitmaps, but not of those that we keep."""
        images.run(["qemu-io", "-f", self.format, "-d", "unmap", "-c", command, self.path])

    def make_room(self, size):
        """What is below it has to grow first."""

    def renewed(self, content):
        """What a restore has made of it."""
        new = copy.copy(self)
        new.content = bytearray(content)
        if self.format == "qcow2":
            info = images.info(self.path)
            new.cluster = info["cluster-size"]
            if self.kind == "old" and info["format-specific"]["data"]["compat"] != "0.10":
                new.kind = "qcow2"
        return new

    def twin(self, stem):
        """A copy of the image with all that is in it, elsewhere."""
        new = copy.copy(self)
        new.path, new.content = stem, bytearray(self.content)
        shutil.copyfile(self.path, new.path)
        return new

    def close(self):
        """The machine is gone."""


class BlockDisk(Disk):
    def __init__(self, place, target, stem, kind, size):
        super().__init__(place, target, stem, kind, size)
        self.below = stem

    def create(self):
        with open(self.below, "wb") as f:
            f.truncate(self.size)
        self.attach()

    def attach(self):
        self.path = images.run(["losetup", "--find", "--show", self.below]).stdout.strip()
        self.place.loops.add(self.path)

    def source(self):
        return "<source dev='%s'/>" % self.path

    def make_room(self, size):
        os.truncate(self.below, size)
        images.run(["losetup", "-c", self.path])

    def twin(self, stem):
        new = copy.copy(self)
        new.below, new.content = stem, bytearray(self.content)
        shutil.copyfile(self.path, new.below)
        new.attach()
        return new

    def close(self):
        if self.path in self.place.loops:
            images.run(["losetup", "-d", self.path])
            self.place.loops.remove(self.path)


class LuksDisk(Disk):
    """A qcow2 image whose data are encrypted."""

    def make_image(self, options):
        argv = ["qemu-img", "create", "-q", *self.secret(), "-f", "qcow2", "-o",
                "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", self.path, str(self.size)]
        # it measures how fast the host is, and fails now and then on one that is busy
        wait_until("image %s" % self.path, lambda: images.run(argv, check=False).returncode == 0, 60)

    def secret(self):
        return ["--object", "secret,id=s,file=" + self.place.key]

    def options(self):
        return "driver=qcow2,encrypt.key-secret=s,file.filename=" + self.path

    def xml(self):
        encryption = "<encryption format='luks'><secret type='passphrase' uuid='%s'/></encryption>" % SECRET
        return super().xml().replace("</disk>", encryption + "</disk>")

    def read(self):
        raw = self.path + ".raw"
        images.run(["qemu-img", "convert", "-U", *self.secret(), "-O", "raw", "--image-opts", self.options(), raw])
        with open(raw, "rb") as f:
            data = f.read()
        os.unlink(raw)
        return data

    def io(self, command):
        images.run(["qemu-io", *self.secret(), "-d", "unmap", "-c", command, "--image-opts", self.options()])


def new_disk(place, chance, target, stem):
    kind = chance.choices(list(KINDS), [often for often, _ in KINDS.values()])[0]
    size = chance.choice(SIZES)
    if kind == "block" and not can_loop():
        kind = "raw"
    make = {"block": BlockDisk, "luks": LuksDisk}.get(kind, Disk)
    disk = make(place, target, stem, kind, LUKS_SIZE if kind == "luks" else size)
    disk.create()
    return disk
