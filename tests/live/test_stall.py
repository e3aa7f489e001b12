#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scratch whose storage does not answer. The guest writes all the while and says itself how long its writes
take: none takes longer than cbw-timeout, whatever becomes of the backup."""
import os
import time

import libvirt

import images
import livetest
import model
from daemon import wait_until

MIB = 1 << 20
SIZE, SPAN = 64 * MIB, 48 * MIB
CBW_SECONDS = 4
SLACK = 1.5               # of a machine that does other things besides
MANY = 100                # writes at a time: more than QEMU has threads by itself


class Watch:
    """The longest time that the guest has not written for, by the host's clock, and its own longest write."""

    def __init__(self, m):
        self.m, self.longest, self.own, self.last = m, 0, 0, time.monotonic()

    def look(self, writes=0):
        report = self.m.stat()
        now = time.monotonic()
        if report.writes:
            self.longest, self.last = max(self.longest, now - self.last), now
        self.longest = max(self.longest, now - self.last)
        self.own = max(self.own, report.max_us / 1e6)
        return report

    def follow(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(0.1)


class Stall(livetest.LiveTest):
    frozen = False

    def slow_directory(self):
        """A file system that can be frozen."""
        path = os.path.join(self.tmp, "slow")
        os.mkdir(path)
        images.run(["truncate", "-s", str(3 * SIZE), path + ".img"])
        images.run(["mkfs.ext4", "-q", "-O", "^has_journal", "-m", "0", path + ".img"])
        images.run(["mount", "-o", "loop", path + ".img", path])
        self.addCleanup(images.run, ["umount", "-l", path], check=False)
        os.rmdir(os.path.join(path, "lost+found"))
        os.chmod(path, 0o777)
        return path

    def freeze(self):
        images.run(["fsfreeze", "-f", self.slow])
        self.frozen = True

    def thaw(self):
        if self.frozen:
            images.run(["fsfreeze", "-u", self.slow])
        self.frozen = False

    def stalled_machine(self, workers):
        """Its backup runs, and the scratch stands still."""
        self.slow = self.slow_directory()
        self.addCleanup(self.thaw)
        m = self.machine(disks=1, size=SIZE)
        m.write("vda", 0, SPAN)
        m.storm(model.Storm(m.targets, SPAN, 4096, 1, workers, 2000))
        wait_until("the guest to write", lambda: sum(m.stat().counts) > 500)
        self.events = livetest.Events(self.conn)
        images.run(["sync", "-f", self.slow])
        self.begin(m, self.xml(m, self.slow))
        self.freeze()
        self.watch = Watch(m)
        return m

    def xml(self, m, scratch):
        extra = "<f:options xmlns:f='urn:fleece:1' cbw-timeout='%d'/>" % CBW_SECONDS
        return self.pull_xml(m, extra=extra).replace(self.scratch, scratch)

    def assert_undisturbed(self, m):
        """It writes, it has never left running, and none of its writes has failed or taken too long."""
        self.watch.follow(1)
        report = m.calm()
        print("# longest write %.2f s, longest time without one %.2f s" % (self.watch.own, self.watch.longest))
        self.assertEqual(report.errno, 0)
        self.assertLess(self.watch.longest, CBW_SECONDS + SLACK)
        self.assertLess(max(self.watch.own, report.max_us / 1e6), CBW_SECONDS + SLACK)
        self.assertEqual([e for e in self.events.seen if e[0] == "lifecycle"], [])
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)

    def test_many_writes_at_a_time(self):
        """Each waits in a thread of QEMU's, and so does each copy."""
        m = self.stalled_machine(MANY)
        self.watch.follow(CBW_SECONDS + 4)
        self.thaw()
        self.end_pull(m)
        self.assert_undisturbed(m)


if __name__ == "__main__":
    livetest.main()
