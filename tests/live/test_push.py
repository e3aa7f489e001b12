#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Push backups to files: full, incremental from any checkpoint, progress, abort, events."""
import os
import time

import libvirt

import images
import livetest
from daemon import wait_until

MIB = 1 << 20


class Push(livetest.LiveTest):
    def round(self, m, i):
        m.write("vda", (3 * i) * MIB, 200 * 1024)
        m.write("vdb", (3 * i + 1) * MIB + 8192, 4096)

    def assert_chain(self, m, *tags, want=None):
        """The target images, the first full and each next on top of it, hold what the model says."""
        for target in m.targets:
            paths = [self.target_path(m, target, tag) for tag in tags]
            for lower, upper in zip(paths, paths[1:]):
                images.rebase(upper, lower)
            model_ = (want or m.models())[target]
            self.assertSame(model_.data, images.content(paths[-1]), "%s from %s" % (target, "+".join(tags)))

    def test_full_and_two_incrementals(self):
        m = self.machine()
        self.round(m, 0)
        self.push(m, "full", checkpoint="a")
        self.assert_chain(m, "full")
        self.round(m, 1)
        self.push(m, "inc1", incremental="a", checkpoint="b")
        self.assert_chain(m, "full", "inc1")
        self.round(m, 2)
        self.push(m, "inc2", incremental="b", checkpoint="c")
        self.assert_chain(m, "full", "inc1", "inc2")

    def test_bandwidth_and_workers(self):
        m = self.machine()
        for target in m.targets:
            m.write(target, 0, 16 * MIB)
        want = m.models()
        option = "<f:options xmlns:f='urn:fleece:1' bandwidth='%d' workers='2'/>"
        self.begin(m, self.push_xml(m, "slow", extra=option % 1024))
        self.assertEqual({j["device"]: j["speed"] for j in self.qmp(m.dom, "query-block-jobs")},
                         {"fleece-push-vda": 1024, "fleece-push-vdb": 1024})
        for target in m.targets:       # the guest is not held to it: this would take hours
            m.write(target, 0, 12 * MIB)
            self.qmp(m.dom, "block-job-set-speed", device="fleece-push-" + target, speed=0)
        self.wait_no_job(m, 120)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.assert_chain(m, "slow", want=want)

    def test_incremental_from_any_checkpoint(self):
        m = self.machine()
        for i, name in enumerate("abc"):
            self.round(m, i)
            self.push(m, "full-" + name, checkpoint=name)
        self.round(m, 3)
        for name in "abc":
            self.push(m, "since-" + name, incremental=name)
            self.assert_chain(m, "full-" + name, "since-" + name)

    def test_incremental_target_holds_only_changes(self):
        m = self.machine(disks=1)
        m.write("vda", 0, 8 * MIB)
        self.push(m, "full", checkpoint="a")
        m.write("vda", 2 * MIB, 65536)
        self.push(m, "inc", incremental="a")
        data = images.content(self.target_path(m, "vda", "inc"))
        self.assertEqual(data.count(0), len(data) - (65536 - m["vda"].model.data[2 * MIB:2 * MIB + 65536].count(0)))

    def test_one_disk_and_no_checkpoint(self):
        m = self.machine()
        self.round(m, 0)
        self.push(m, "t", disks={"vdb": ""})
        self.assertSame(m["vdb"].model.data, images.content(self.target_path(m, "vdb", "t")), "vdb")
        self.assertFalse(os.path.exists(self.target_path(m, "vda", "t")))
        self.assertEqual(m.dom.listAllCheckpoints(), [])

    def test_raw_target(self):
        m = self.machine(disks=1)
        self.round_one(m)
        xml = self.push_xml(m, "raw").replace("type='qcow2'", "type='raw'")
        self.begin(m, xml)
        self.wait_no_job(m)
        self.assertSame(m["vda"].model.data, images.content(self.target_path(m, "vda", "raw"), "raw"), "vda")

    def round_one(self, m):
        m.write("vda", MIB, MIB)

    def big_machine(self, disks=1, boots=False):
        """With enough data that a push takes long enough to be slowed down."""
        m = self.machine(start=False, boots=boots, disks=disks, size=256 * MIB)
        for t in m.targets:
            images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 0 200M", m[t].path])
            m[t].model.data[:200 * MIB] = b"\x5a" * (200 * MIB)
        self.start_machine(m)
        return m

    def test_progress_moves_and_ends_at_the_end(self):
        m = self.big_machine()
        events = livetest.Events(self.conn)
        self.begin_slow_push(m, "p", rate=64 * MIB, events=events)
        seen = []
        while True:
            info = m.dom.jobStats()
            if info.get("type", 0) == libvirt.VIR_DOMAIN_JOB_NONE:
                break
            seen.append((info["disk_processed"], info["disk_total"], info["time_elapsed"]))
            time.sleep(0.3)
        self.assertGreater(len({p for p, _, _ in seen}), 2, "progress did not move: %s" % seen)
        self.assertEqual([s[0] for s in seen], sorted(s[0] for s in seen), "progress went backwards")
        self.assertTrue(all(p <= t for p, t, _ in seen), seen)
        done = self.completed(m)
        self.assertEqual(done["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.assertEqual(done["disk_processed"], done["disk_total"])
        self.assertEqual(done["success"], 1)
        job = events.wait("job completed", lambda e: e[0] == "job")
        self.assertEqual((job[2]["operation"], job[2]["success"]),
                         (libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP, 1))
        block = events.wait("block job", lambda e: e[0] == "blockjob")
        self.assertEqual((block[2], block[3], block[4]), (
            "vda", libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP, libvirt.VIR_DOMAIN_BLOCK_JOB_COMPLETED))
        events.close()
        self.assert_chain(m, "p")

    def test_abort(self):
        m = self.big_machine()
        events = livetest.Events(self.conn)
        self.begin_slow_push(m, "x", "a", events=events)
        m.dom.abortJob()
        self.wait_no_job(m)
        job = events.wait("job completed", lambda e: e[0] == "job")
        self.assertEqual(job[2].get("success", 0), 0)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_CANCELLED)
        events.close()
        self.assertNoNodes(m)
        self.push(m, "again")
        self.assert_chain(m, "again")

    def test_instant_is_the_begin(self):
        m = self.big_machine(disks=2, boots=True)
        m.write("vda", 0, 16 * MIB)
        m.write("vdb", 0, 16 * MIB)
        want = m.models()
        self.begin_slow_push(m, "t", "a", 64 * MIB)
        for i in range(16):
            m.write("vda", i * MIB, 65536)
            m.write("vdb", (15 - i) * MIB, 65536)
        self.wait_no_job(m, 120)
        self.assert_chain(m, "t", want=want)
        self.push(m, "inc", incremental="a")
        self.assert_chain(m, "t", "inc")

    def test_existing_target_reused(self):
        m = self.machine(disks=1)
        self.round_one(m)
        path = self.target_path(m, "vda", "r")
        images.create(path, m["vda"].size)
        self.begin(m, self.push_xml(m, "r"), flags=libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
        self.wait_no_job(m)
        self.assert_chain(m, "r")

    def test_default_target_is_beside_the_disk(self):
        m = self.machine(disks=1)
        self.round_one(m)
        before = set(os.listdir(self.images))
        self.begin(m, "<domainbackup mode='push'/>")
        self.wait_no_job(m)
        new = sorted(set(os.listdir(self.images)) - before)
        self.assertEqual(len(new), 1, new)
        self.assertTrue(new[0].startswith(os.path.basename(m["vda"].path) + "."), new)
        self.assertSame(m["vda"].model.data, images.content(os.path.join(self.images, new[0])), "vda")

    def test_failed_target_fails_the_job_not_the_guest(self):
        if self.daemon.kind == "stock":
            self.skipTest("kept for our daemon")
        m = self.machine(disks=1)
        m.write("vda", 0, 16 * MIB)
        small = os.path.join(self.out, "full")
        os.mkdir(small)
        images.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small])
        self.addCleanup(images.run, ["umount", "-l", small], check=False)
        path = os.path.join(small, "target")
        xml = self.push_xml(m, "t").replace(self.target_path(m, "vda", "t"), path)
        events = livetest.Events(self.conn)
        self.begin(m, xml)
        job = events.wait("job completed", lambda e: e[0] == "job", 60)
        self.assertEqual(job[2].get("success", 0), 0)
        self.assertRegex(job[2].get("errmsg", ""), "(?i)space")
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        m.write("vda", 20 * MIB, 65536)
        events.close()
        wait_until("the failed job to be gone", lambda: not self.qmp(m.dom, "query-block-jobs"))
        self.assertNoNodes(m)
        self.push(m, "next")
        self.assert_chain(m, "next")


if __name__ == "__main__":
    livetest.main()
