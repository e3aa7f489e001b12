#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Point in time: a backup is the state of all disks at one instant, however much the guest writes.

The guest's storm numbers its writes and sends them to two disks in turn, one after the other a
worker, so the only contents that ever existed at once are "writes 1..k". The test finds k in the
backup, replays 1..k in the model and compares every byte of both disks. k must also lie
between what was acknowledged before the begin and what was when begin had returned.
"""
import os
import random
import zlib

import nbd

import images
import livetest
import model
from daemon import wait_until

MIB = 1 << 20
SEED = int(os.environ.get("LIVE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)


class Instant(livetest.LiveTest):
    def start_storm(self, workers=3, block=4096, span=8 * MIB, seed_offset=0, targets=None):
        print("# LIVE_SEED=%d" % SEED)
        m = self.machine()
        for target in m.targets:
            m.write(target, 0, 12 * MIB)
        storm = model.Storm(targets or m.targets, span, block, SEED + seed_offset, workers)
        m.storm(storm)
        return m, storm

    def assert_instant(self, m, storm, base, pieces, before, after, what):
        """@pieces {target: bytes} is one of the states that the storm went through."""
        counts = storm.newest(pieces)
        for worker, (low, k, high) in enumerate(zip(before, counts, after)):
            # one write may be on the disk whose acknowledgement the guest has not seen yet
            self.assertTrue(low <= k <= high + 1, "%s, worker %d: state after write %d; %d..%d were possible"
                            % (what, worker, k, low, high + 1))
        want = {t: base[t].copy() for t in base}
        storm.replay(want, counts)
        for target in pieces:
            self.assertSame(want[target].data, pieces[target], "%s, %s" % (what, target))
        return counts

    def wait_writes(self, m, more=300):
        start = sum(m.stat().counts)
        wait_until("guest writes to go on", lambda: sum(m.stat().counts) >= start + more, 30, 0.05)

    def pull_in_storm(self, m, storm, base, incremental=None, checkpoint=None, what="full"):
        before = m.stat().counts
        self.begin(m, self.pull_xml(m, incremental=incremental), checkpoint)
        after = m.stat().counts
        self.wait_writes(m)          # blocks are overwritten before anybody has read them
        read = self.read_exports(m, incremental=bool(incremental))
        again = self.read_exports(m)
        for target in m.targets:
            self.assertSame(read[target][0], again[target][0], "%s %s read twice" % (what, target))
        counts = self.assert_instant(m, storm, base, {t: read[t][0] for t in read}, before, after, what)
        self.assertGreater(sum(m.stat().counts), sum(counts), "the guest wrote while we read")
        self.end_pull(m)
        return read

    def test_pull_while_the_guest_writes(self):
        m, storm = self.start_storm()
        base = m.models()
        self.wait_writes(m)
        full = self.pull_in_storm(m, storm, base, checkpoint="a")
        self.wait_writes(m)
        inc = self.pull_in_storm(m, storm, base, "a", "b", "incremental 1")
        whole = {}
        for t in m.targets:
            whole[t] = model.apply_extents(full[t][0], *inc[t])
            self.assertSame(inc[t][0], whole[t], "%s: full and incremental 1" % t)
        self.wait_writes(m)
        inc = self.pull_in_storm(m, storm, base, "b", "c", "incremental 2")
        for t in m.targets:
            self.assertSame(inc[t][0], model.apply_extents(whole[t], *inc[t]), "%s: and incremental 2" % t)
        inc = self.pull_in_storm(m, storm, base, "a", None, "incremental from the first")
        for t in m.targets:
            self.assertSame(inc[t][0], model.apply_extents(full[t][0], *inc[t]), "%s: a to now" % t)
        self.end_storm(m, storm, base)

    def read_changes(self, base):
        """(@base with what has changed of vda on top, the changes), nothing else being read."""
        h = images.connect("vda", self.socket_path(), contexts=["qemu:dirty-bitmap:backup-vda"])
        dirty, data = images.dirty(h, "backup-vda"), bytearray(base)
        for offset, length in dirty:
            for at in range(offset, offset + length, 160 << 10):
                piece = min(160 << 10, offset + length - at)
                data[at:at + piece] = h.pread(piece, at)
        h.shutdown()
        return bytes(data), dirty

    def assert_only_changes(self, dirty):
        """No old content but that of @dirty is kept, and nothing else can be read."""
        scratch = os.path.join(self.scratch, "vm-vda")
        kept = images.allocation(scratch)
        for row in kept:
            self.assertTrue(any(o <= row["start"] and row["start"] + row["length"] <= o + n for o, n in dirty), row)
        self.assertLessEqual(os.stat(scratch).st_blocks * 512, sum(n for _, n in dirty) * 3 // 2 + MIB)
        h = images.connect("vda", self.socket_path(), contexts=["base:allocation"])
        for offset in (9 * MIB, 11 * MIB, 20 * MIB):       # overwritten, old and never written
            self.assertRaises(nbd.Error, h.pread, 4096, offset)
            self.assertRaises(nbd.Error, h.block_status, 4096, offset, lambda *args: 0)
        for offset, length in dirty:
            h.block_status(length, offset, lambda *args: 0)
        self.assertRaises(nbd.Error, h.pread, MIB, dirty[-1][0] + dirty[-1][1] - 4096)
        h.shutdown()

    def test_pull_of_nothing_but_changes_while_the_guest_writes(self):
        print("# LIVE_SEED=%d" % SEED)
        m = self.machine()
        for target in m.targets:
            m.write(target, 0, 12 * MIB)
        self.checkpoint(m, "a")
        base = m.models()
        storm = model.Storm(m.targets, 8 * MIB, 4096, SEED + 3, 3)
        m.storm(storm)
        self.wait_writes(m, 20)     # there must be changes
        before = m.stat().counts
        self.begin(m, self.pull_xml(m, disks={"vda": "backupmode='incremental' incremental='a'",
                                              "vdb": "backupmode='full'"},
                                    extra="<f:options xmlns:f='urn:fleece:1' scope='changed'/>"))
        after = m.stat().counts
        self.wait_writes(m)
        changed, dirty = self.read_changes(base["vda"].data)
        pieces = {"vda": changed, "vdb": images.pull("vdb", None, self.socket_path())[0]}
        self.assert_instant(m, storm, base, pieces, before, after, "changes")
        report = m.calm()
        self.assertEqual((report.failed, report.errno), (0, 0), "failed guest writes")
        for target in m.targets:
            m.write(target, 0, 10 * MIB)
        self.assert_only_changes(dirty)
        self.restart_daemon(kill=True)
        self.assertEqual(self.read_changes(base["vda"].data), (changed, dirty))
        self.end_pull(m)
        for t in m.targets:
            self.assertEqual(int(m.tell("sum %s 0 %d" % (t, m[t].size)), 16), zlib.crc32(m[t].model.data), t)

    def end_storm(self, m, storm, base):
        """The guest's own disks are still what it wrote: a backup broke nothing."""
        report = m.calm()
        self.assertEqual((report.failed, report.errno), (0, 0), "failed guest writes")
        m.tell("sync")
        want = {t: base[t].copy() for t in base}
        storm.replay(want, report.counts)
        for t in m.targets:
            self.assertEqual(int(m.tell("sum %s 0 %d" % (t, m[t].size)), 16),
                             zlib.crc32(want[t].data), "%s as the guest reads it" % t)

    def test_push_while_the_guest_writes(self):
        m, storm = self.start_storm(seed_offset=1)
        base = m.models()
        self.wait_writes(m)
        images_of = {}
        for tag, incremental, checkpoint in (("full", None, "a"), ("inc", "a", "b")):
            before = m.stat().counts
            self.begin(m, self.push_xml(m, tag, incremental), checkpoint)
            after = m.stat().counts
            self.wait_no_job(m, 120)
            for t in m.targets:
                path = self.target_path(m, t, tag)
                if incremental:
                    images.rebase(path, self.target_path(m, t, "full"))
                images_of[t] = images.content(path)
            self.assert_instant(m, storm, base, images_of, before, after, tag)
            self.wait_writes(m)
        self.end_storm(m, storm, base)

    def test_checkpoint_and_backup_are_the_same_instant(self):
        """Full push with checkpoint, then an incremental pull: nothing between the two is lost."""
        m, storm = self.start_storm(workers=4, seed_offset=2)
        base = m.models()
        for i in range(3):
            name = "c%d" % i
            self.push(m, name, checkpoint=name)
            old = {t: images.content(self.target_path(m, t, name)) for t in m.targets}
            read = self.pull_in_storm(m, storm, base, name, None, "since " + name)
            for t in m.targets:
                self.assertSame(read[t][0], model.apply_extents(old[t], *read[t]), "%s since %s" % (t, name))
        self.end_storm(m, storm, base)

    def test_writes_before_and_after_a_block_was_read(self):
        m = self.machine()
        for target in m.targets:
            m.write(target, 0, 8 * MIB)
        want = m.models()
        self.begin(m, self.pull_xml(m))
        h = {t: images.connect(t, self.socket_path()) for t in m.targets}
        for i in range(16):
            at = i * 512 * 1024
            for t in m.targets:
                first = i % 2 == 0
                if first:
                    m.write(t, at, 65536)
                one = h[t].pread(65536, at)
                m.write(t, at, 4096)
                two = h[t].pread(65536, at)
                self.assertSame(want[t].data[at:at + 65536], one, "%s at %d" % (t, at))
                self.assertSame(want[t].data[at:at + 65536], two, "%s at %d after a write" % (t, at))
        for t in m.targets:
            m.tell("zero %s %d %d" % (t, 4 * MIB, MIB))
            m[t].model.zero(4 * MIB, MIB)
            m.tell("discard %s %d %d" % (t, 6 * MIB, MIB))
            self.assertSame(want[t].data, images.read_all(h[t]), "%s at the end" % t)
            h[t].shutdown()
        self.end_pull(m)

    def test_discard_and_zero_are_in_the_next_incremental(self):
        m = self.machine(disks=1)
        m.write("vda", 0, 16 * MIB)
        self.begin(m, self.pull_xml(m), checkpoint="a")
        full = self.read_exports(m)["vda"][0]
        self.end_pull(m)
        m.tell("zero vda %d %d" % (2 * MIB, MIB))
        m["vda"].model.zero(2 * MIB, MIB)
        m.tell("discard vda %d %d" % (8 * MIB, 2 * MIB))
        self.begin(m, self.pull_xml(m, incremental="a"))
        data, dirty = self.read_exports(m, incremental=True)["vda"]
        guest = int(m.tell("sum vda 0 %d" % m["vda"].size), 16)
        self.end_pull(m)
        self.assertEqual(zlib.crc32(bytes(model.apply_extents(full, data, dirty))), guest)


if __name__ == "__main__":
    livetest.main()
