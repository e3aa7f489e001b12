#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scratch whose storage does not answer. The guest writes all the while and says itself how long its writes
take: none takes longer than cbw-timeout, whatever becomes of the backup."""
import os
import threading
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
ANSWER_SECONDS = 2        # an abort is answered within that
LONGEST_FREEZE = 20
MANY = 100                # writes at a time: more than QEMU has threads by itself


class Watch:
    """Of each of the guest's writers, the longest time that it has not come to the next write, by the host's
    clock: that of an emulated guest jumps at times. What the guest says of it goes along."""

    def __init__(self, m):
        self.m, self.longest, self.own = m, 0, 0
        self.counts = m.stat().counts
        self.last = [time.monotonic()] * len(self.counts)

    def look(self):
        report = self.m.stat()
        now = time.monotonic()
        for i, count in enumerate(report.counts):
            if count != self.counts[i]:
                self.last[i] = now
            self.longest = max(self.longest, now - self.last[i])
        self.counts, self.own = report.counts, max(self.own, report.max_us / 1e6)

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
        """Not for ever: who waits for it all the same is seen by the time that takes."""
        images.run(["fsfreeze", "-f", self.slow])
        self.frozen = True
        timer = threading.Timer(LONGEST_FREEZE, self.thaw)
        timer.start()
        self.addCleanup(timer.cancel)

    def thaw(self):
        if self.frozen:
            images.run(["fsfreeze", "-u", self.slow])
        self.frozen = False

    def start_storm(self, m, workers):
        m.storm(model.Storm(m.targets, SPAN, 4096, 1, workers, 2000))

    def stalled_machine(self, workers, calm=False):
        """Its backup runs, and the scratch stands still. @calm: the guest writes only afterwards."""
        self.slow = self.slow_directory()
        self.addCleanup(self.thaw)
        m = self.machine(disks=1, size=SIZE)
        m.write("vda", 0, SPAN)
        self.start_storm(m, workers)
        wait_until("the guest to write", lambda: sum(m.stat().counts) > 500)
        self.events = livetest.Events(self.conn)
        images.run(["sync", "-f", self.slow])
        self.begin(m, self.xml(m, self.slow))
        if calm:
            wait_until("the guest to write", lambda: sum(m.stat().counts) > 1000)
            m.calm()
        self.freeze()
        self.watch = None if calm else Watch(m)
        return m

    def xml(self, m, scratch):
        extra = "<f:options xmlns:f='urn:fleece:1' cbw-timeout='%d'/>" % CBW_SECONDS
        return self.pull_xml(m, extra=extra).replace(self.scratch, scratch)

    def assert_undisturbed(self, m):
        """It writes, it has never left running, and none of its writes has failed or taken too long."""
        self.watch.follow(1)
        report = m.calm()
        print("# longest write by the guest's clock %.2f s, by the host's %.2f s" % (self.watch.own, self.watch.longest))
        self.assertEqual(report.errno, 0)
        self.assertLess(self.watch.longest, CBW_SECONDS + SLACK)
        self.assertEqual([e for e in self.events.seen if e[0] == "lifecycle"], [])
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)

    def test_many_writes_at_a_time(self):
        """Each waits in a thread of QEMU's, and so does each copy."""
        m = self.stalled_machine(MANY)
        self.watch.follow(CBW_SECONDS + 4)
        self.thaw()
        self.end_pull(m)
        self.assert_undisturbed(m)

    def abort(self, m):
        begin = time.monotonic()
        m.dom.abortJob()
        self.assertLess(time.monotonic() - begin, ANSWER_SECONDS, "s until the abort was answered")
        self.events.wait("job completed", lambda e: e[0] == "job", 1)
        self.wait_no_job(m, 1)

    def assert_next_waits(self, m):
        """Another backup is refused as long as QEMU has the first one's nodes, and says so soon."""
        begin = time.monotonic()
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "what its last backup has left.*storage of '%s/" % self.slow,
                         self.begin, m, self.xml(m, self.scratch))
        self.assertLess(time.monotonic() - begin, ANSWER_SECONDS)
        self.assertEqual(os.listdir(self.scratch), [])

    def assert_taken_apart(self, m):
        """By itself, when the storage answers again."""
        wait_until("the scratch to be gone", lambda: not os.listdir(self.slow), 40)
        wait_until("the NBD socket to be gone", lambda: not os.listdir(self.nbd), 20)
        self.assertNoNodes(m)
        self.begin(m, self.xml(m, self.scratch))
        self.end_pull(m)

    def play_abort(self, m, before):
        self.watch.follow(before)
        self.abort(m)
        self.watch.follow(5)
        self.assert_next_waits(m)
        self.watch.follow(0.5)
        self.thaw()
        self.assert_taken_apart(m)
        self.assert_undisturbed(m)

    def test_abort_while_copies_wait(self):
        """Before their time is over."""
        self.play_abort(self.stalled_machine(4), 1)

    def test_abort_with_a_copy_that_came_too_late(self):
        """The guest has gone on, and the copy has not come to its end."""
        self.play_abort(self.stalled_machine(MANY), CBW_SECONDS + 2)

    def test_abort_and_nothing_under_way(self):
        """QEMU would write the scratch's tables when it closes it."""
        m = self.stalled_machine(4, calm=True)
        self.abort(m)
        self.start_storm(m, 4)
        self.watch = Watch(m)
        self.watch.follow(CBW_SECONDS + 3)
        self.assert_next_waits(m)
        self.thaw()
        self.assert_taken_apart(m)
        self.assert_undisturbed(m)

    def test_daemon_that_comes_back(self):
        """The next one goes on with it."""
        m = self.stalled_machine(4)
        self.watch.follow(1)
        self.abort(m)
        self.events.close()
        self.watch.follow(CBW_SECONDS)
        threading.Timer(3, self.thaw).start()
        self.restart_daemon(kill=True)
        self.events = livetest.Events(self.conn)
        self.assert_taken_apart(m)
        self.assert_undisturbed(m)


if __name__ == "__main__":
    livetest.main()
