# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a disk must contain, worked out from what the guest was told to write (see guestd.c).

Nothing here asks QEMU or the daemon: the model is the only judge of a backup.
"""
import struct

SECTOR = 512
MAGIC = b"FLCSTAMP"
MASK = (1 << 64) - 1


def stamp(offset, length, number, disk):
    """The bytes that write @number puts at @offset of disk @disk (0 = vda)."""
    return b"".join(struct.pack("<8sQQQ", MAGIC, at, number, disk) * 16
                    for at in range(offset, offset + length, SECTOR))


def stamp_of(data, offset):
    """(number, disk) of the write that filled the sector at @offset, or None if nobody did."""
    magic, at, number, disk = struct.unpack_from("<8sQQQ", data, offset)
    return (number, disk) if magic == MAGIC and at == offset else None


def disk_number(target):
    return ord(target[-1]) - ord("a")


class DiskModel:
    """The content of one disk. @target names it in stamps."""

    def __init__(self, target, size):
        self.target, self.size = target, size
        self.data = bytearray(size)

    def write(self, offset, length, number):
        self.data[offset:offset + length] = stamp(offset, length, number, disk_number(self.target))

    def zero(self, offset, length):
        self.data[offset:offset + length] = bytes(length)

    def copy(self):
        other = DiskModel(self.target, 0)
        other.size, other.data = self.size, bytearray(self.data)
        return other


def describe_difference(want, got):
    """None if equal, else words about where and who."""
    if want == got:
        return None
    if len(want) != len(got):
        return "length %d wanted, %d found" % (len(want), len(got))
    different, first = 0, None
    for at in range(0, len(want), SECTOR):
        if want[at:at + SECTOR] != got[at:at + SECTOR]:
            different += 1
            if first is None:
                first = at
    return ("%d sectors differ, first at offset %d: written by (number, disk) %s, should be %s"
            % (different, first, stamp_of(got, first), stamp_of(want, first)))


def changed_blocks(before, after, block=65536):
    """Offsets of blocks whose content differs."""
    return [at for at in range(0, len(after), block)
            if before[at:at + block] != after[at:at + block]]


def mix(x):
    x = (x + 0x9e3779b97f4a7c15) & MASK
    x = ((x ^ (x >> 30)) * 0xbf58476d1ce4e5b9) & MASK
    x = ((x ^ (x >> 27)) * 0x94d049bb133111eb) & MASK
    return x ^ (x >> 31)


class Storm:
    """The writer of guestd that never stops. Write n of worker w depends on (seed, w, n) alone, and
    each worker waits for write n before it starts n + 1: the disks at one instant are, for some k a
    worker, exactly its writes 1..k."""

    def __init__(self, targets, span, block, seed, workers, pause_us=0):
        self.targets, self.span, self.block = list(targets), span, block
        self.seed, self.workers, self.pause_us = seed, workers, pause_us

    def command(self):
        return "storm %s %d %d %d %d %d" % (",".join(self.targets), self.span, self.block,
                                            self.seed, self.workers, self.pause_us)

    def place(self, worker, n):
        blocks = self.span // self.block // self.workers
        k = mix(self.seed ^ mix(worker ^ mix(n))) % blocks
        return (k * self.workers + worker) * self.block

    def target(self, n):
        return self.targets[n % len(self.targets)]

    def replay(self, models, counts):
        """Apply the writes 1..counts[w] of every worker w to @models (by target)."""
        last = {}
        for worker, count in enumerate(counts):
            for n in range(1, count + 1):
                last[(self.target(n), self.place(worker, n))] = n
        for (target, place), n in last.items():
            models[target].write(place, self.block, n)

    def newest(self, images):
        """The highest write of each worker that is seen in @images (bytes by target)."""
        found = [0] * self.workers
        for target in self.targets:
            data = images[target]
            for at in range(0, self.span, self.block):
                seen = stamp_of(data, at)
                if seen:
                    worker = at // self.block % self.workers
                    found[worker] = max(found[worker], seen[0])
        return found


def apply_extents(base, image, extents):
    """@base with the dirty parts (offset, length) of @image on top."""
    out = bytearray(base)
    for offset, length in extents:
        out[offset:offset + length] = image[offset:offset + length]
    return out
