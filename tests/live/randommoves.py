# SPDX-License-Identifier: LGPL-2.1-or-later
"""Moves of a random sequence that change more than a disk's content or its checkpoints."""
import json
import os
import xml.etree.ElementTree as ET

import libvirt
import libvirt_qemu

import images
from randomdisk import MIB, SECTOR, padded
from randomvm import Wrong

BOTH = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
CAPACITY = 2            # VIR_DOMAIN_BLOCK_RESIZE_CAPACITY, not in all bindings
# what libvirt's own daemon writes of a domain, and ours does not ask for
STOCK = """<domain><resource><partition>/machine</partition></resource><clock offset='utc'/>
<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
<pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>
<devices><input type='mouse' bus='ps2'/><input type='keyboard' bus='ps2'/><audio id='1' type='none'/></devices>
<seclabel type='dynamic' model='dac' relabel='yes'><label>+0:+0</label><imagelabel>+0:+0</imagelabel></seclabel>
</domain>"""


def as_stock_writes(text):
    """A checkpoint's XML, with all that libvirt's daemon has in its domain."""
    tree = ET.fromstring(text)
    domain = tree.find("domain")
    for element in ET.fromstring(STOCK):
        if element.tag == "devices":
            domain.find("devices").extend(element)
        elif domain.find(element.tag) is None:
            domain.append(element)
    return ET.tostring(tree, encoding="unicode")


class Moves:
    def __init__(self, worker, vm, chance):
        self.worker, self.vm, self.chance = worker, vm, chance

    def define(self):
        self.vm.place.conn.defineXML(self.vm.xml(self.vm.dom.UUIDString()))

    # Disks that leave and come

    def whole(self):
        """Nothing has happened that leaves doubts about the order of bitmaps."""
        vm = self.vm
        return (not vm.branched and vm.precise and not vm.strays and not vm.away and not vm.limbo and
                all(m.serves(d) for m in vm.marks for d in vm.disks if d.target in m.content) and
                all(vm.disk_at(t) for m in vm.marks for t in m.content))

    def can_leave(self):
        """SCSI disks can without a guest's help, and any while the machine is stopped. Not while a BIOS looks
        for something to boot: QEMU 7.2 may never let a SCSI disk go that had a request under way at a reset."""
        disks = self.vm.disks
        if self.vm.active():
            disks = [d for d in disks if d.bus == "scsi" and self.vm.paused]
        return disks if len(self.vm.disks) > 1 else []

    def can_come(self):
        """Images that are away, and whose place nobody has."""
        return [d for d in self.vm.away if not self.vm.disk_at(d.target) and
                (d.bus == "scsi" or not self.vm.active())]

    def disk_leaves_or_comes(self):
        if self.can_come():
            self.come(self.chance.choice(self.can_come()))
        elif self.can_leave():
            self.leave(self.chance.choice(self.can_leave()))

    def leave(self, disk):
        """Its image has all, at once."""
        self.vm.say("%s leaves" % disk.target)
        if self.vm.active():
            self.vm.dom.detachDeviceFlags(disk.xml(), BOTH)
            self.vm.check_content([disk])
        self.left(disk)
        if not self.vm.active():
            self.define()

    def left(self, disk):
        self.vm.disks.remove(disk)
        self.vm.away.append(disk)
        self.vm.precise = self.vm.precise and not self.vm.limbo     # its bitmap of one that is undone stays
        self.vm.paths.clear()

    def come(self, disk):
        """Back, or a copy of it with all its bitmaps, or an image of its own: which is not what there was."""
        vm = self.vm
        how = self.chance.choices(("it", "copy", "other"), (6, 2, 2))[0]
        if how == "copy":
            disk = disk.twin(vm.stem(disk.target))
            vm.precise = False
        elif how == "other":
            disk = vm.new_disk(disk.target)
        vm.say("%s comes: %s%s" % (disk.target, {"it": "the same", "copy": "a copy"}.get(how, "another, "),
                                   "" if how != "other" else "%s, %d bytes" % (disk.kind, disk.size)))
        if vm.active():
            vm.dom.attachDeviceFlags(disk.xml(), BOTH)
        self.came(disk)
        if not vm.active():
            self.define()

    def came(self, disk):
        vm = self.vm
        vm.away = [d for d in vm.away if d is not disk]
        vm.disks = sorted(vm.disks + [disk], key=lambda d: d.number)
        vm.excuse("another image took its place",
                  [d for d in vm.away if d.target == disk.target and not d.holds_bitmaps])
        vm.paths.clear()

    # Disks that change

    def resize_call(self, disk, size):
        """The guest's disk grows; what is new in it has changed since each checkpoint."""
        self.vm.say("%s grows by %d" % (disk.target, size - disk.size))
        disk.make_room(size)
        flags = libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES | (CAPACITY if disk.kind == "block" else 0)
        dom = self.vm.dom
        return lambda: dom.blockResize(disk.target, size, flags)

    def grow(self, disk, size):
        """It has."""
        if size > disk.size:
            self.vm.touch(disk, disk.size, size - disk.size)
            disk.content += bytes(size - disk.size)
            disk.size = size

    def choose_growth(self):
        disk = self.chance.choice(self.vm.disks)
        return disk, disk.size + self.chance.choice((SECTOR, 4096, 65536, 3 * SECTOR + 65536, MIB))

    def resize(self):
        disk, size = self.choose_growth()
        self.resize_call(disk, size)()
        self.grow(disk, size)

    # Restores

    def source(self, disk, content):
        """An image that has @content."""
        raw, path = self.vm.data_file(content), os.path.join(self.vm.place.out, "%s.old" % disk.target)
        images.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path])
        return path

    def choose_restore(self):
        """{disk: its content as at a checkpoint}; nothing if none can have that."""
        vm = self.vm
        mark = self.chance.choice(vm.marks)
        fit = [d for d in vm.disks if len(mark.content.get(d.target, bytes(d.size + 1))) <= d.size]
        disks = vm.some_disks(fit) if fit else []
        if disks:
            vm.say("restore of %s as at %s" % (" ".join(d.target for d in disks), mark.name))
        return {d: padded(mark.content[d.target], d.size) for d in disks}

    def restore_call(self, wanted):
        rows = "".join("<disk name='%s'><source file='%s'/></disk>" % (d.target, self.source(d, content))
                       for d, content in wanted.items())
        xml = "<f:domainrestore xmlns:f='urn:fleece:1' mode='push'><disks>%s</disks></f:domainrestore>" % rows
        vm, dom = self.vm, self.vm.dom

        def call():
            dom.backupBegin(xml, None, 0)
            vm.wait_job_gone()
        return call

    def restored(self, wanted):
        """From then on, no checkpoint from before serves for them."""
        vm = self.vm
        for d, content in wanted.items():
            vm.disks[vm.disks.index(d)] = d.renewed(content)

    def drop_sources(self, wanted):
        for d in wanted:
            os.unlink(os.path.join(self.vm.place.out, "%s.old" % d.target))

    def restore(self):
        wanted = self.choose_restore()
        if not wanted:
            return
        self.restore_call(wanted)()
        self.restored(wanted)
        self.vm.check_content()
        self.drop_sources(wanted)

    # Records that are lost, or kept by a client

    def lose_records(self, adopt=None):
        """Records of checkpoints are removed while no daemon runs, and adopted from the images. All come
        back, if nothing happened to any. @adopt: other than by a call of self.adopt()."""
        vm = self.vm
        lost = list(vm.marks) if self.chance.random() < 0.5 else [self.chance.choice(vm.marks)]
        vm.say("loss of the records of %s" % " ".join(m.name for m in lost))
        whole = self.whole()
        texts = {m: vm.dom.checkpointLookupByName(m.name).getXMLDesc() for m in lost}
        self.worker.end_daemon(self.chance.random() < 0.5)
        for m in lost:
            os.unlink(self.worker.daemon.path("var", "lib", "libvirt", "qemu", "checkpoint", vm.name,
                                              m.name + ".xml"))
        self.worker.start_daemon()
        (adopt or self.adopt)()
        names = vm.names()
        adopted = [m.name for m in lost + [m for m, _ in vm.strays] if m.name in names]
        vm.say("adopted: %s" % " ".join(adopted))
        if whole and sorted(adopted) != sorted(m.name for m in lost):
            raise Wrong("%s are adopted, and %s were lost" % (adopted, [m.name for m in lost]))
        self.sort_out(lost, texts, adopted)
        vm.branched = True          # where disks have nothing in common, the order may be another one
        if not whole:
            vm.precise = False
            vm.excuse("records were lost", vm.disks + vm.away)

    def adopt(self):
        libvirt_qemu.qemuMonitorCommand(self.vm.dom, json.dumps({"execute": "fleece-strays-adopt"}), 0)

    def take_disks(self, mark):
        """An adopted checkpoint is of the disks that hold its bitmap, and of the images that they are now."""
        text = self.vm.dom.checkpointLookupByName(mark.name).getXMLDesc(libvirt.VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN)
        held = {d.get("name") for d in ET.fromstring(text).findall("disks/disk") if d.get("checkpoint") == "bitmap"}
        mark.drop_disks_but(held)
        for target in mark.images:
            if mark.doomed(self.vm.disk_at(target)):
                mark.images[target] = self.vm.disk_at(target)
                mark.excuse(mark.images[target], "records were lost")

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

    def redefine_all(self):
        """A client keeps the XML of all checkpoints, and brings them all back, as they were: into a domain
        that has none, or that was undefined and defined."""
        vm, whole = self.vm, self.whole()
        anew = not vm.active() and self.chance.random() < 0.4
        vm.say("all checkpoints are dropped%s, and redefined" % (", the domain too" if anew else ""))
        texts = [vm.dom.checkpointLookupByName(m.name).getXMLDesc(libvirt.VIR_DOMAIN_CHECKPOINT_XML_SECURE)
                 for m in vm.marks]
        if anew:
            xml = vm.xml(vm.dom.UUIDString())
            vm.dom.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
            vm.place.conn.defineXML(xml)
            vm.excuse("the domain was undefined", [d for d in vm.disks if not d.holds_bitmaps])
        else:
            for m in reversed(vm.marks):
                vm.dom.checkpointLookupByName(m.name).delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)
        self.between_drop_and_return()
        flags = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE
        for m, text in zip(vm.marks, texts):
            usable = whole and all(m.serves(vm.disk_at(t)) for t in m.content)
            validate = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE if usable else 0
            vm.dom.checkpointCreateXML(as_stock_writes(text), flags | validate)

    def between_drop_and_return(self):
        vm, what = self.vm, self.chance.random()
        if what < 0.2:
            self.worker.restart_daemon(self.chance.random() < 0.5, vm.say)
        elif what < 0.4 and vm.active():
            vm.stop()
        elif what < 0.5 and not vm.active():
            vm.start()
        if vm.active():
            vm.guest_write()
