# SPDX-License-Identifier: LGPL-2.1-or-later
"""A reader of qcow2 images that shares no line with QEMU: as much of the format as backups use."""
import struct

MAGIC = 0x514649fb
OFFSET_MASK = 0x00fffffffffffe00
COMPRESSED, ZERO = 1 << 62, 1


class Qcow2:
    """@backing: (offset, length) -> bytes of what lies below, None: zeros."""

    def __init__(self, path, backing=None):
        with open(path, "rb") as f:
            self.file = f.read()
        (magic, self.version, self.backing_offset, self.backing_length, cluster_bits, self.size, crypt,
         self.l1_size, self.l1_offset) = struct.unpack_from(">IIQIIQIIQ", self.file)
        incompatible = struct.unpack_from(">Q", self.file, 72)[0] if self.version >= 3 else 0
        if magic != MAGIC or crypt or incompatible:
            raise AssertionError("%s: a kind of image not read here: magic %x, encryption %d, features %x"
                                 % (path, magic, crypt, incompatible))
        self.cluster, self.entries = 1 << cluster_bits, (1 << cluster_bits) // 8
        self.backing = backing

    def cluster_bytes(self, number):
        length = min(self.cluster, self.size - number * self.cluster)
        entry = self.entry(number)
        if entry & COMPRESSED:
            raise AssertionError("a compressed cluster")
        offset = entry & OFFSET_MASK
        if entry & ZERO or not offset:
            below = self.backing if not entry & ZERO else None
            return below(number * self.cluster, length) if below else bytes(length)
        data = self.file[offset:offset + length]
        return data + bytes(length - len(data))         # the file may end within its last cluster

    def entry(self, number):
        l1, l2 = divmod(number, self.entries)
        table = struct.unpack_from(">Q", self.file, self.l1_offset + 8 * l1)[0] & OFFSET_MASK
        return struct.unpack_from(">Q", self.file, table + 8 * l2)[0] if table else 0

    def content(self):
        return b"".join(self.cluster_bytes(n) for n in range(-(-self.size // self.cluster)))


def content(path, below=None):
    """All bytes of image @path; what it does not have is taken from the bytes @below."""
    return Qcow2(path, (lambda offset, length: below[offset:offset + length]) if below else None).content()
