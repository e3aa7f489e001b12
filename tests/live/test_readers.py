#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Restores by readers that share no code agree byte for byte, with each other and with the model: of a
full backup and of two incremental ones on top of it.

    pull   qemu-img and qemu-io (copy on read of what has changed, then rebase), nbdcopy and libnbd,
           virtnbdbackup and virtnbdrestore
    push   qemu-img (rebase, convert), nbdcopy from qemu-nbd, a reader of qcow2 of our own
"""
import json
import os
import shutil
import subprocess

import libvirt

import images
import livetest
import qcow2
from daemon import wait_until

KIB, MIB = 1024, 1 << 20


class Readers(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        self.restored = os.path.join(self.tmp, "restored")
        os.mkdir(self.restored)

    # What a guest would write

    def write(self, m, target, offset, length):
        """Of the running machine through the device, of the stopped one into the image."""
        m.number += 1
        disk, source = m[target], os.path.join(self.tmp, "stamps")
        disk.model.write(offset, length, m.number)
        with open(source, "wb") as f:
            f.write(disk.model.data[offset:offset + length])
        self.change(m, disk, "write -s %s %d %d" % (source, offset, length))

    def zero(self, m, target, offset, length):
        m[target].model.zero(offset, length)
        self.change(m, m[target], "write -z -u %d %d" % (offset, length))

    def change(self, m, disk, command):
        if not m.dom.isActive():
            images.run(["qemu-io", "-f", disk.format, "-c", command, disk.path])
            return
        device = "/machine/peripheral/virtio-disk%d/virtio-backend" % m.disks.index(disk)
        self.qmp(m.dom, "human-monitor-command", **{"command-line": 'qemu-io -d %s "%s"' % (device, command)})

    def first_writes(self, m):
        for i, target in enumerate(m.targets):
            self.write(m, target, 0, MIB)
            self.write(m, target, (3 + i) * MIB + 4 * KIB, 300 * KIB)
            self.write(m, target, m[target].size - 64 * KIB, 64 * KIB)

    def more_writes(self, m, generation):
        for i, target in enumerate(m.targets):
            self.write(m, target, generation * 128 * KIB + 512, 64 * KIB + 512)     # over older data
            self.write(m, target, (5 + i) * MIB + generation * MIB, 4 * KIB)         # where nothing was
            self.zero(m, target, 512 * KIB + generation * 64 * KIB, 64 * KIB)

    # Judgement

    def file(self, reader, target, generation, suffix="qcow2"):
        return os.path.join(self.restored, "%s-%s-%d.%s" % (reader, target, generation, suffix))

    def assert_agreed(self, want, got):
        """@want: [models of each generation]; @got: {reader: {(generation, target): bytes}}"""
        for reader, contents in got.items():
            for (generation, target), data in contents.items():
                self.assertSame(want[generation][target].data, data,
                                "%s of generation %d by %s" % (target, generation, reader))


class Pull(Readers):
    def uri(self, target):
        return "nbd+unix:///%s?socket=%s" % (target, self.socket_path())

    # qemu-img

    def qemu_full(self, target):
        images.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", self.uri(target),
                    self.file("qemu", target, 0)])

    def qemu_incremental(self, target, generation):
        """An overlay of the export, into which what has changed is copied by reading it, and which is
        then said to lie on the backup before."""
        path = self.file("qemu", target, generation)
        images.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", self.uri(target), "-F", "raw", path])
        options = ("driver=nbd,export=%s,server.type=unix,server.path=%s,x-dirty-bitmap="
                   "qemu:dirty-bitmap:backup-%s" % (target, self.socket_path(), target))
        # qemu-img shows a dirty bitmap as if it were allocation: what is dirty is no data
        extents = json.loads(images.run(["qemu-img", "map", "--output=json", "--image-opts", options]).stdout)
        reads = [a for e in extents if not e["data"] for a in ("-c", "read %d %d" % (e["start"], e["length"]))]
        self.assertTrue(reads, extents)
        images.run(["qemu-io", "-C", "-f", "qcow2", *reads, path])
        images.rebase(path, self.file("qemu", target, generation - 1))

    def qemu_contents(self, m):
        return {(g, t): images.content(self.file("qemu", t, g)) for g in range(3) for t in m.targets}

    # libnbd

    def nbd_full(self, target):
        images.run(["nbdcopy", self.uri(target), self.file("nbd", target, 0, "raw")])

    def nbd_incremental(self, target, generation):
        path = self.file("nbd", target, generation, "raw")
        shutil.copyfile(self.file("nbd", target, generation - 1, "raw"), path)
        h = images.connect(target, self.socket_path(), contexts=["qemu:dirty-bitmap:backup-" + target])
        with open(path, "r+b") as f:
            for offset, length in images.dirty(h, "backup-" + target):
                f.seek(offset)
                f.write(h.pread(length, offset))
        h.shutdown()

    def nbd_contents(self, m):
        contents = {}
        for generation in range(3):
            for target in m.targets:
                with open(self.file("nbd", target, generation, "raw"), "rb") as f:
                    contents[generation, target] = f.read()
        return contents

    # virtnbdbackup

    def tool(self, name, *args):
        argv = [name, "-U", self.daemon.uri, "--user", "nobody", "--password", "nothing", *args]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, "%s\n%s\n%s" % (" ".join(argv), done.stdout, done.stderr[-4000:]))

    def virtnbd_backup(self, generation):
        self.tool("virtnbdbackup", "-d", "vm", "-l", "inc" if generation else "full",
                  "-o", os.path.join(self.out, "set"), "-S", self.scratch, "-f", self.socket_path("v"))

    def virtnbd_contents(self, m):
        out = os.path.join(self.tmp, "virtnbd")
        self.tool("virtnbdrestore", "-i", os.path.join(self.out, "set"), "-o", out,
                  "-f", self.socket_path("r"))
        return {(2, d.target): images.content(os.path.join(out, os.path.basename(d.path))) for d in m.disks}

    # Together

    def pull(self, m, generation, since, checkpoint=None):
        """One job for those who read exports; the guest writes on before they have. What was to be read."""
        self.begin(m, self.pull_xml(m, incremental=since), checkpoint)
        want = m.models()
        if m.dom.isActive():
            self.write(m, "vda", 64 * KIB, 4 * KIB)
            self.write(m, "vdb", 9 * MIB + 512, 2 * KIB)
        for target in m.targets:
            if generation == 0:
                self.qemu_full(target)
                self.nbd_full(target)
            else:
                self.qemu_incremental(target, generation)
                self.nbd_incremental(target, generation)
        m.dom.abortJob()
        return want

    def test_running(self):
        """virtnbdbackup takes no other checkpoints than its own, so these are everybody's."""
        m = self.machine(boots=False, size=16 * MIB)
        self.first_writes(m)
        want = []
        for generation in range(3):
            self.virtnbd_backup(generation)
            want.append(self.pull(m, generation, "virtnbdbackup.%d" % (generation - 1) if generation else None))
            self.wait_no_job(m)
            self.more_writes(m, generation)
        self.assert_agreed(want, {"qemu-img": self.qemu_contents(m), "libnbd": self.nbd_contents(m),
                                  "virtnbdrestore": self.virtnbd_contents(m)})

    def test_stopped(self):
        m = self.machine(boots=False, size=16 * MIB, start=False)
        self.first_writes(m)
        want = []
        for generation in range(3):
            want.append(self.pull(m, generation, "c%d" % (generation - 1) if generation else None,
                                  "c%d" % generation))
            self.wait_stopped_job(m)
            self.more_writes(m, generation)
        self.assert_agreed(want, {"qemu-img": self.qemu_contents(m), "libnbd": self.nbd_contents(m)})

    def wait_stopped_job(self, m):
        def gone():
            try:
                return m.dom.jobStats()["type"] == libvirt.VIR_DOMAIN_JOB_NONE
            except libvirt.libvirtError as e:
                self.assertRegex(str(e), "domain is not running")
                return True
        wait_until("the end of the job", gone)


class Push(Readers):
    def backup(self, m, generation):
        since = "c%d" % (generation - 1) if generation else None
        self.begin(m, self.push_xml(m, str(generation), since), "c%d" % generation)
        want = m.models()
        self.write(m, "vda", 64 * KIB, 4 * KIB)
        self.wait_no_job(m, 120)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        return want

    def contents(self, m, read):
        return {(g, t): read(t, g) for g in range(3) for t in m.targets}

    def by_nbdcopy(self, m, target, generation):
        raw = self.file("nbd", target, generation, "raw")
        images.run(["nbdcopy", "--", "[", "qemu-nbd", "-r", "-f", "qcow2", self.target_path(m, target, generation),
                    "]", raw])
        with open(raw, "rb") as f:
            return f.read()

    def by_our_own(self, m, target, generation):
        below = None
        for g in range(generation + 1):
            below = qcow2.content(self.target_path(m, target, g), below)
        return below

    def test_running(self):
        m = self.machine(boots=False, size=16 * MIB)
        self.first_writes(m)
        want = []
        for generation in range(3):
            want.append(self.backup(m, generation))
            self.more_writes(m, generation)
        own = self.contents(m, lambda t, g: self.by_our_own(m, t, g))
        for target in m.targets:
            for generation in (1, 2):
                images.rebase(self.target_path(m, target, generation), self.target_path(m, target, generation - 1))
        self.assert_agreed(want, {
            "our own reader": own,
            "qemu-img": self.contents(m, lambda t, g: images.content(self.target_path(m, t, g))),
            "nbdcopy": self.contents(m, lambda t, g: self.by_nbdcopy(m, t, g))})
        for target in m.targets:
            self.assertSame(want[2][target].data, self.committed(m, target), "%s committed" % target)

    def committed(self, m, target):
        """The increments merged into the full image, as who keeps only one generation does."""
        for generation in (2, 1):
            images.run(["qemu-img", "commit", "-q", "-d", "-f", "qcow2", self.target_path(m, target, generation)])
        return images.content(self.target_path(m, target, 0))


if __name__ == "__main__":
    livetest.main()
