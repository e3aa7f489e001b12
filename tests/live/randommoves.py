# SPDX-License-Identifier: LGPL-2.1-or-later
"""Moves of a random sequence that change more than a disk's content or its checkpoints."""
import json
import os
import xml.etree.ElementTree as ET

import libvirt
import libvirt_qemu

import images
from randomvm import MIB, SECTOR, Wrong, padded


class Moves:
    def __init__(self, worker, vm, chance):
        self.worker, self.vm, self.chance = worker, vm, chance

    def define(self):
        self.vm.place.conn.defineXML(self.vm.xml(self.vm.dom.UUIDString()))

    def disk_leaves_or_comes(self):
        """What happens to the checkpoints meanwhile, its bitmaps have no part in. They may be refused then."""
        vm = self.vm
        if vm.away:
            disk = vm.away.pop()
            vm.say("%s comes back" % disk.target)
            vm.disks = sorted(vm.disks + [disk], key=lambda d: d.target)
        elif len(vm.disks) > 1:
            disk = self.chance.choice(vm.disks)
            vm.say("%s leaves" % disk.target)
            vm.distrust([disk])
            vm.precise = False
            vm.disks.remove(disk)
            vm.away.append(disk)
        self.define()

    def resize(self):
        """The guest's disk grows; what is new in it has changed since each checkpoint."""
        vm = self.vm
        disk = self.chance.choice(vm.disks)
        growth = self.chance.choice((SECTOR, 4096, 65536, 3 * SECTOR + 65536, MIB))
        vm.say("%s grows by %d" % (disk.target, growth))
        vm.dom.blockResize(disk.target, disk.size + growth, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
        vm.touch(disk, disk.size, growth)
        disk.size += growth
        disk.content += bytes(growth)

    def source(self, disk, content):
        """An image that has @content."""
        raw, path = self.vm.data_file(content), os.path.join(self.vm.place.out, "%s.old" % disk.target)
        images.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path])
        return path

    def restore(self):
        """The stopped machine gets disks as they were at a checkpoint. From then on, no checkpoint from
        before serves for them."""
        vm = self.vm
        mark = self.chance.choice(vm.marks)
        disks = vm.some_disks([d for d in vm.disks if d.target in mark.content])
        if not disks:
            return
        vm.say("restore of %s as at %s" % (" ".join(d.target for d in disks), mark.name))
        rows = ""
        for d in disks:
            d.content = bytearray(padded(mark.content[d.target], d.size))
            rows += "<disk name='%s'><source file='%s'/></disk>" % (d.target, self.source(d, d.content))
            vm.touch(d, 0, d.size)
        vm.dom.backupBegin("<f:domainrestore xmlns:f='urn:fleece:1' mode='push'><disks>%s</disks>"
                           "</f:domainrestore>" % rows, None, 0)
        vm.wait_job_gone()
        vm.check_content()
        vm.distrust(disks)
        for known in vm.known():
            known.dead.update(d.target for d in disks if d.target in known.trusted)
        for d in disks:
            os.unlink(os.path.join(vm.place.out, "%s.old" % d.target))

    def lose_records(self):
        """Records of checkpoints are removed while no daemon runs, and adopted from the images. All come
        back, if nothing happened to any."""
        vm = self.vm
        lost = list(vm.marks) if self.chance.random() < 0.5 else [self.chance.choice(vm.marks)]
        vm.say("loss of the records of %s" % " ".join(m.name for m in lost))
        whole = not vm.branched and vm.precise and all(all(m.trusted.values()) for m in vm.marks)
        texts = {m: vm.dom.checkpointLookupByName(m.name).getXMLDesc() for m in lost}
        self.worker.end_daemon(self.chance.random() < 0.5)
        for m in lost:
            os.unlink(self.worker.daemon.path("var", "lib", "libvirt", "qemu", "checkpoint", vm.name,
                                              m.name + ".xml"))
        self.worker.start_daemon()
        adopted = json.loads(libvirt_qemu.qemuMonitorCommand(
            vm.dom, json.dumps({"execute": "fleece-strays-adopt"}), 0))["return"]
        vm.say("adopted: %s" % " ".join(adopted))
        if whole and sorted(adopted) != sorted(m.name for m in lost):
            raise Wrong("%s are adopted, and %s were lost" % (adopted, [m.name for m in lost]))
        self.sort_out(lost, texts, adopted)
        vm.branched = True          # where disks have nothing in common, the order may be another one
        if not whole:
            vm.precise = False
            vm.distrust()

    def take_disks(self, mark):
        """An adopted checkpoint is of the disks that hold its bitmap."""
        text = self.vm.dom.checkpointLookupByName(mark.name).getXMLDesc(libvirt.VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN)
        held = {d.get("name") for d in ET.fromstring(text).findall("disks/disk") if d.get("checkpoint") == "bitmap"}
        for table in (mark.content, mark.touched, mark.trusted):
            for target in set(table) - held:
                del table[target]

    def sort_out(self, lost, texts, adopted):
        vm = self.vm
        for mark, text in [(m, texts[m]) for m in lost if m.name not in adopted]:
            vm.marks.remove(mark)
            vm.strays.append((mark, text))
        for mark, text in [row for row in vm.strays if row[0].name in adopted]:
            vm.strays.remove((mark, text))
            vm.marks.append(mark)
        for mark in [m for m in vm.marks if m.name in adopted]:
            self.take_disks(mark)
        names = vm.names()
        vm.marks.sort(key=lambda m: names.index(m.name) if m.name in names else -1)
