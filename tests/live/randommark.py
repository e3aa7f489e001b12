# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints of a random sequence, and what may be held against them.

A checkpoint has to serve, exactly, until something happens that excuses it: then it may be refused, as
long as it is not wrong when it serves. After some things it has to be refused. This is the table of
both (and docs/internals/checkpoint-states.rst); a refusal without an excuse is a failure.
"""

# what has happened: why that may break a checkpoint
EXCUSES = {
    "QEMU was killed": "bitmaps reach the images when QEMU closes them; what was open then is inconsistent",
    "QEMU was ended from its monitor": "bitmaps that the image does not hold could not be fetched",
    "written behind the back": "an image that does not hold its bitmaps was written to while no QEMU had it",
    "another image took its place": "there is one store a target, for images that do not hold their bitmaps",
    "missed a checkpoint": "it was not the machine's disk when one was made, whose bitmap it lacks, or deleted",
    "its record was dropped": "nobody vouches for bitmaps without a record; without the newest none records",
    "a record came back": "times are whole seconds: the place of one that comes back alone may not be known",
    "records were lost": "after other doings, the order of bitmaps need not be known",
    "the domain was undefined": "bitmaps that the image does not hold are removed with it",
    "a start was undone": "bitmaps that the image does not hold are in use from before the guest runs",
    "a disk was half plugged": "the daemon died between the device and the store of its bitmaps",
}
# what has happened: has to be refused from then on
DOOMED = "the disk is another one: restored, or of another image"


class Mark:
    """A checkpoint as the model has it."""

    def __init__(self, name, disks):
        self.name = name
        self.take_content(disks)
        self.images = {d.target: d for d in disks}
        self.touched = {d.target: set() for d in disks}
        self.excuses = {d.target: set() for d in disks}

    def take_content(self, disks):
        self.content = {d.target: bytes(d.content) for d in disks}

    def is_of(self, disk):
        return self.images.get(disk.target) is disk

    def doomed(self, disk):
        return disk.target in self.images and self.images[disk.target] is not disk

    def serves(self, disk):
        """No excuse is left for refusing it."""
        return self.is_of(disk) and not self.excuses[disk.target]

    def excuse(self, disk, reason):
        assert reason in EXCUSES, reason
        if self.is_of(disk):
            self.excuses[disk.target].add(reason)

    def drop_disks_but(self, targets):
        for table in (self.content, self.images, self.touched, self.excuses):
            for target in set(table) - set(targets):
                del table[target]
