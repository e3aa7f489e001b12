#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client reads does not depend on how it cuts its reads, nor on what the guest did to the blocks
since the instant. QEMU 7.2 alone gets this wrong (see docs/internals/backup-engine.rst)."""
import os
import re
import subprocess

import libvirt_qemu

import images
import livetest

CLUSTER = 65536
MIB = 1 << 20
LENGTHS = (512, 4096, 60 << 10, CLUSTER, 96 << 10, MIB)
SPAN = 2 * MIB              # read at every page of this

# What happens to a cluster after the instant, by its number. Neighbours differ, and gaps stay as they are.
DEEDS = (None, "write -P 255 %d 64k", None, "write -z -u %d 64k", "discard %d 64k", None,
         "write -P 254 %d 4k", "write -z %d 64k")


class Window(livetest.LiveTest):
    QDEV = "/machine/peripheral/virtio-disk%d/virtio-backend"

    def qemu_io(self, m, qdev, command):
        """What the guest's device would do."""
        text = 'qemu-io -d %s "%s"' % (qdev, command)
        answer = libvirt_qemu.qemuMonitorCommand(
            m.dom, text, libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
        self.assertNotRegex(answer, "(?i)error|failed|invalid", text)

    def machine_with_data(self):
        """No two clusters alike, none of them zero. The raw disk ends in the middle of a cluster."""
        m = self.machine(start=False, boots=False, formats=["qcow2", "raw"], size=4 * MIB + 5 * 512)
        for disk in m.disks:
            disk.model.data = self.pattern(disk.size)
            raw = os.path.join(self.out, "pattern")
            with open(raw, "wb") as f:
                f.write(disk.model.data)
            images.run(["qemu-img", "convert", "-n", "-f", "raw", "-O", disk.format, raw, disk.path])
        m.dom = self.conn.defineXML(re.sub("(type='(qcow2|raw)')/>", r"\1 discard='unmap'/>",
                                           m.xml(m.dom.UUIDString())))
        self.start_machine(m)
        return m

    @staticmethod
    def pattern(size):
        return bytearray(b"".join(bytes([i % 250 + 1]) * CLUSTER
                                  for i in range(size // CLUSTER + 1))[:size])

    def disturb(self, m):
        for i, disk in enumerate(m.disks):
            qdev = self.QDEV % i
            for number in range(disk.size // CLUSTER):
                deed = DEEDS[number % len(DEEDS)]
                if deed:
                    self.qemu_io(m, qdev, deed % (number * CLUSTER))

    def compare_reads(self, h, want, what):
        for offset in range(0, SPAN, 4096):
            for length in LENGTHS:
                if h.pread(length, offset) != want[offset:offset + length]:
                    self.fail("%s: %d bytes at %d are not those of the instant" % (what, length, offset))

    def compare_allocation(self, h, what):
        """A hole, or a zero, would keep the client from reading what is there."""
        for offset in range(0, SPAN, 4096):
            for length in LENGTHS[1:]:
                found = []
                h.block_status(length, offset, lambda context, at, entries, error:
                               found.extend(entries[1::2]) if context == "base:allocation" else 0)
                self.assertEqual(set(found), {0}, "%s: %d bytes at %d" % (what, length, offset))

    def assert_tools(self, m, disk):
        uri = "nbd+unix:///%s?socket=%s" % (disk.target, self.socket_path())
        out = os.path.join(self.out, "copy")
        for argv in (["nbdcopy", uri, out], ["nbdcopy", "--request-size=%d" % MIB, uri, out],
                     ["qemu-img", "convert", "-f", "raw", "-O", "raw", uri, out]):
            subprocess.run(argv, check=True, capture_output=True)
            with open(out, "rb") as f:
                self.assertEqual(f.read(), bytes(disk.model.data), "%s by %s" % (disk.target, argv[0]))
            os.unlink(out)

    def test_reads_of_any_shape_give_the_instant(self):
        m = self.machine_with_data()
        self.checkpoint(m, "a", {"vda": "bitmap", "vdb": "no"})
        self.qemu_io(m, self.QDEV % 0, "write -P 77 3M 512")
        m["vda"].model.data[3 * MIB:3 * MIB + 512] = b"M" * 512
        self.begin(m, self.pull_xml(m, disks={"vda": "backupmode='incremental' incremental='a'",
                                              "vdb": "backupmode='full'"}))
        self.disturb(m)
        for disk in m.disks:
            h = images.connect(disk.target, self.socket_path(), contexts=["base:allocation"])
            self.assertEqual(h.get_size(), disk.size)
            self.compare_reads(h, bytes(disk.model.data), disk.target)
            self.compare_allocation(h, disk.target)
            self.assertSame(disk.model.data, images.read_all(h), disk.target)
            h.shutdown()
            self.assert_tools(m, disk)
        self.assertEqual(images.pull("vda", "backup-vda", self.socket_path())[1], [(3 * MIB, CLUSTER)])
        self.end_pull(m)


if __name__ == "__main__":
    livetest.main()
