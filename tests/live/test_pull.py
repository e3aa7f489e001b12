#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pull backups read by libnbd: full and incremental, unix and TCP, one disk and several."""
import os
import subprocess
import xml.etree.ElementTree as ET

import libvirt

import images
import livetest
import model
from processes import free_port

MIB = 1 << 20


class Pull(livetest.LiveTest):
    def filled(self, **kwargs):
        m = self.machine(**kwargs)
        for target in m.targets:
            m.write(target, 0, 3 * MIB)
            m.write(target, 10 * MIB + 512, 7 * 512)
            m.write(target, m[target].size - MIB, MIB)
        return m

    def assert_now(self, m, read, want=None):
        for target, (data, _) in read.items():
            self.assertSame((want or m.models())[target].data, data, target)

    def test_full_over_unix(self):
        m = self.filled()
        self.begin(m, self.pull_xml(m))
        self.assert_now(m, self.read_exports(m))
        self.end_pull(m)

    def test_full_over_tcp(self):
        m = self.filled()
        port = free_port()
        self.begin(m, self.pull_xml(m, port=port))
        self.assert_now(m, self.read_exports(m, port=port))
        self.end_pull(m)

    def test_tcp_port_is_chosen_and_reported(self):
        m = self.machine(boots=False)
        xml = self.pull_xml(m, port=0).replace(" port='0'", "")
        self.begin(m, xml)
        port = ET.fromstring(m.dom.backupGetXMLDesc()).find("server").get("port")
        self.assertGreater(int(port), 0)
        self.assert_now(m, self.read_exports(m, port=int(port)))
        self.end_pull(m)

    def test_incremental_has_exactly_the_changes(self):
        m = self.filled()
        self.begin(m, self.pull_xml(m), checkpoint="a")
        full = self.read_exports(m)
        self.assert_now(m, full)
        self.end_pull(m)
        m.write("vda", 5 * MIB, 65536)
        m.write("vda", 6 * MIB + 4096, 512)
        m.write("vdb", 65536, 65536)
        self.begin(m, self.pull_xml(m, incremental="a"), checkpoint="b")
        read = self.read_exports(m, incremental=True)
        self.assert_now(m, read)
        self.assertEqual(read["vda"][1], [(5 * MIB, 65536), (6 * MIB, 65536)])
        self.assertEqual(read["vdb"][1], [(65536, 65536)])
        for target in m.targets:
            self.assertSame(m[target].model.data,
                            model.apply_extents(full[target][0], *read[target]), target)
        self.end_pull(m)
        self.assertEqual(sorted(c.getName() for c in m.dom.listAllCheckpoints()), ["a", "b"])

    def test_incremental_of_nothing_is_empty(self):
        m = self.machine(boots=False)
        self.checkpoint(m, "a")
        self.begin(m, self.pull_xml(m, incremental="a"))
        self.assertEqual([dirty for _, dirty in self.read_exports(m, incremental=True).values()], [[], []])
        self.end_pull(m)

    def test_one_disk_of_two(self):
        m = self.filled()
        self.begin(m, self.pull_xml(m, disks={"vda": "", "vdb": "backup='no'"}))
        self.assert_now(m, self.read_exports(m, targets=["vda"]))
        with self.assertRaises(Exception):
            images.connect("vdb", self.socket_path())
        self.end_pull(m)

    def test_full_and_incremental_disks_in_one_backup(self):
        m = self.filled()
        self.checkpoint(m, "a")
        m.write("vda", 8 * MIB, 65536)
        disks = {"vda": "backupmode='incremental' incremental='a'", "vdb": "backupmode='full'"}
        self.begin(m, self.pull_xml(m, disks=disks))
        data, dirty = images.pull("vda", "backup-vda", self.socket_path())
        self.assertSame(m["vda"].model.data, data, "vda")
        self.assertEqual(dirty, [(8 * MIB, 65536)])
        self.assertSame(m["vdb"].model.data, images.pull("vdb", None, self.socket_path())[0], "vdb")
        self.end_pull(m)

    def test_disks_without_a_past_are_done_in_full_if_wanted(self):
        m = self.machine(boots=False)
        self.checkpoint(m, "a", {"vda": "bitmap", "vdb": "no"})
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT, "vdb", self.begin, m,
                         self.pull_xml(m, incremental="a"))
        option = "<f:options xmlns:f='urn:fleece:1' onmissing='%s' cbw-timeout='7'/>"
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT, "vdb", self.begin, m,
                         self.pull_xml(m, incremental="a", extra=option % "error"))
        self.begin(m, self.pull_xml(m, incremental="a", extra=option % "full"))
        tree = ET.fromstring(m.dom.backupGetXMLDesc())
        self.assertEqual([(d.get("backupmode"), d.get("incremental")) for d in tree.findall("disks/disk")],
                         [("incremental", "a"), ("full", None)])
        self.assertEqual(images.pull("vda", "backup-vda", self.socket_path())[1], [])
        h = images.connect("vdb", self.socket_path(), contexts=["qemu:dirty-bitmap:backup-vdb"])
        self.assertFalse(h.can_meta_context("qemu:dirty-bitmap:backup-vdb"))
        self.assertSame(m["vdb"].model.data, images.read_all(h), "vdb")
        h.shutdown()
        self.end_pull(m)

    def test_own_export_and_bitmap_names(self):
        m = self.machine(boots=False)
        self.checkpoint(m, "a")
        self.begin(m, self.pull_xml(m, incremental="a", disks={
            "vda": "exportname='first' exportbitmap='changes'"}))
        data, dirty = images.pull("first", "changes", self.socket_path())
        self.assertSame(m["vda"].model.data, data, "vda")
        self.assertEqual(dirty, [])
        self.end_pull(m)

    def test_nbd_tools_read_it(self):
        m = self.filled(disks=1)
        self.begin(m, self.pull_xml(m))
        uri = "nbd+unix:///vda?socket=" + self.socket_path()
        info = subprocess.run(["nbdinfo", "--size", uri], capture_output=True, text=True, check=True)
        self.assertEqual(int(info.stdout), m["vda"].size)
        out = os.path.join(self.out, "copy")
        subprocess.run(["nbdcopy", uri, out], check=True, capture_output=True)
        with open(out, "rb") as f:
            self.assertSame(m["vda"].model.data, f.read(), "vda by nbdcopy")
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "raw", uri, out], check=True,
                       capture_output=True)
        with open(out, "rb") as f:
            self.assertSame(m["vda"].model.data, f.read(), "vda by qemu-img")
        self.end_pull(m)

    def test_export_cannot_be_written(self):
        m = self.machine(boots=False, disks=1)
        self.begin(m, self.pull_xml(m))
        h = images.connect("vda", self.socket_path())
        self.assertTrue(h.is_read_only())
        h.shutdown()
        self.end_pull(m)

    def test_backup_dumpxml_and_job_statistics(self):
        m = self.filled()
        self.checkpoint(m, "a")
        self.begin(m, self.pull_xml(m, incremental="a"))
        tree = ET.fromstring(m.dom.backupGetXMLDesc())
        self.assertEqual((tree.get("mode"), tree.findtext("incremental")), ("pull", "a"))
        rows = [(d.get("name"), d.get("backup"), d.get("backupmode"), d.get("incremental"),
                 d.get("exportbitmap"), d.find("scratch").get("file")) for d in tree.findall("disks/disk")]
        self.assertEqual(rows, [(t, "yes", "incremental", "a", "backup-" + t,
                                 os.path.join(self.scratch, "vm-" + t)) for t in m.targets])
        info = m.dom.jobStats()
        self.assertEqual((info["type"], info["operation"]),
                         (libvirt.VIR_DOMAIN_JOB_UNBOUNDED, libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP))
        self.end_pull(m)
        done = self.completed(m)
        self.assertEqual(done["operation"], libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP)
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_BACKUP, "", m.dom.backupGetXMLDesc)

    def test_job_completed_event(self):
        m = self.machine(boots=False)
        events = livetest.Events(self.conn)
        self.begin(m, self.pull_xml(m))
        self.end_pull(m)
        event = events.wait("job completed", lambda e: e[0] == "job")
        self.assertEqual(event[2]["operation"], libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP)
        seen = [e for e in events.seen if e[0] == "lifecycle"]
        self.assertEqual(seen, [], "a backup's pause is nobody's business")
        events.close()

    def test_paused_domain_stays_paused(self):
        m = self.filled()
        m.dom.suspend()
        self.begin(m, self.pull_xml(m), checkpoint="a")
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_PAUSED)
        self.assert_now(m, self.read_exports(m))
        self.end_pull(m)
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER])
        m.dom.resume()
        m.write("vda", MIB, 4096)

    def test_eight_backups_after_one_another(self):
        m = self.machine()
        whole = {t: bytes(m[t].size) for t in m.targets}
        for i in range(8):
            m.write("vda", i * MIB, 65536)
            m.write("vdb", (8 - i) * MIB, 4096)
            self.begin(m, self.pull_xml(m, incremental="c%d" % (i - 1) if i else None), checkpoint="c%d" % i)
            read = self.read_exports(m, incremental=i > 0)
            for t in m.targets:
                data, dirty = read[t]
                whole[t] = model.apply_extents(whole[t], data, dirty if i else [(0, m[t].size)])
                self.assertSame(m[t].model.data, whole[t], "%s after backup %d" % (t, i))
            self.end_pull(m)

    def test_scsi_and_ide_disks(self):
        m = self.machine(disks=3, buses=["virtio", "scsi", "ide"], boots=False)
        for d in m.disks:
            self.virsh("qemu-monitor-command", "vm", "--hmp",
                       'qemu-io -d %s "write -P %d 1M 64k"' % (self.device_of(m, d), 0x11))
            d.model.data[MIB:MIB + 65536] = b"\x11" * 65536
        self.begin(m, self.pull_xml(m))
        self.assert_now(m, self.read_exports(m))
        self.end_pull(m)

    def device_of(self, m, disk):
        for row in self.qmp(m.dom, "query-block"):
            if row.get("inserted", {}).get("file") == disk.path or \
                    row.get("inserted", {}).get("image", {}).get("filename") == disk.path:
                return row["qdev"]
        self.fail("no device has %s" % disk.path)


if __name__ == "__main__":
    livetest.main()
