#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A backup seen from beside: the block job of each disk, its speed and its end; write thresholds of images and
of what a backup writes; statistics of the latter. The same answers as Debian's daemon gives."""
import os
import re
import shlex
import subprocess
import xml.etree.ElementTree as ET

import libvirt
import libvirt_qemu

import daemon as daemons
import livetest
from daemon import wait_until
from test_stock import UUID, StockTest

MIB = 1 << 20
SIZE = 32 * MIB
BYTES = libvirt.VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES
BACKUP = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP
STATS = libvirt.VIR_DOMAIN_STATS_BLOCK
BACKING = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING


def fill(m):
    """Something to copy in every disk."""
    for d in m.disks:
        subprocess.run(["qemu-io", "-f", d.format, "-c", "write -P 7 0 %d" % d.size, d.path], check=True,
                       stdout=subprocess.DEVNULL)


class JobTest(livetest.LiveTest):
    def full_machine(self, start=True, disks=2):
        m = self.machine(boots=False, start=False, disks=disks)
        fill(m)
        if start:
            m.dom.create()
        return m

    def begin_limited(self, m, tag, speed=1024):
        self.begin(m, self.push_xml(m, tag, extra="<f:options xmlns:f='urn:fleece:1' bandwidth='%d'/>" % speed))

    def guest_writes(self, m, i, length):
        answer = self.hmp(m, "write -P 9 0 %d" % length, i)
        self.assertEqual(answer.strip(), "")

    def hmp(self, m, command, i):
        return libvirt_qemu.qemuMonitorCommand(
            m.dom, 'qemu-io -d /machine/peripheral/virtio-disk%d/virtio-backend "%s"' % (i, command),
            libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)

    def stats(self, m, flags=BACKING):
        return self.conn.domainListGetStats([m.dom], STATS, flags)[0][1]

    def indexes(self, m):
        """{target: index of its store} as the running backup's XML has them."""
        root = ET.fromstring(m.dom.backupGetXMLDesc())
        return {d.get("name"): int(d.get("index")) for d in root.iter("disk")}

    def assertNoJob(self, m, disk):
        self.assertEqual(m.dom.blockJobInfo(disk, 0), {})
        for call, *args in ((m.dom.blockJobSetSpeed, disk, 1, 0), (m.dom.blockJobAbort, disk, 0)):
            self.assertError(libvirt.VIR_ERR_INVALID_ARG, "does not have an active block job", call, *args)


class BlockJobs(JobTest):
    def speed(self, m, disk):
        return {j["device"]: j["speed"] for j in self.qmp(m.dom, "query-block-jobs")}["fleece-push-" + disk]

    def test_push(self):
        m = self.full_machine()
        events = livetest.Events(self.conn)
        self.assertNoJob(m, "vda")
        self.begin_limited(m, "t")
        info = m.dom.blockJobInfo("vda", BYTES)
        self.assertEqual((info["type"], info["bandwidth"], info["end"]), (BACKUP, 1024, SIZE))
        self.assertLess(info["cur"], SIZE)
        self.assertEqual(m.dom.blockJobInfo(m["vda"].path, 0)["bandwidth"], 1)
        m.dom.blockJobSetSpeed("vda", 3, 0)
        self.assertEqual(self.speed(m, "vda"), 3 * MIB)
        m.dom.blockJobSetSpeed(m["vdb"].path, 4096, BYTES)
        self.assertEqual((self.speed(m, "vda"), self.speed(m, "vdb")), (3 * MIB, 4096))
        for code, pattern, *call in (
                (libvirt.VIR_ERR_INVALID_ARG, "'vdz' not found", m.dom.blockJobInfo, "vdz", 0),
                (libvirt.VIR_ERR_INVALID_ARG, "'' not found", m.dom.blockJobSetSpeed, "", 0, 0),
                (libvirt.VIR_ERR_INVALID_ARG, "'vda.1.' not found", m.dom.blockJobAbort, "vda[1]", 0),
                (libvirt.VIR_ERR_OVERFLOW, "less than", m.dom.blockJobSetSpeed, "vda", 1 << 43, 0),
                (libvirt.VIR_ERR_INVALID_ARG, "flags", m.dom.blockJobSetSpeed, "vda", 1, 2),
                (libvirt.VIR_ERR_BLOCK_COPY_ACTIVE, "pivot", m.dom.blockJobAbort, "vda",
                 libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)):
            self.assertError(code, pattern, *call)
        # one disk is done, the other one goes on
        m.dom.blockJobSetSpeed("vda", 0, 0)
        wait_until("vda to be done", lambda: m.dom.blockJobInfo("vda", 0) == {})
        self.assertNoJob(m, "vda")
        self.assertEqual(m.dom.blockJobInfo("vdb", 0)["type"], BACKUP)
        self.assertEqual(m.dom.jobStats()["type"], libvirt.VIR_DOMAIN_JOB_UNBOUNDED)
        # without vdb it is no backup
        m.dom.blockJobAbort("vdb", 0)
        self.wait_no_job(m)
        ended = events.wait("end", lambda e: e[0] == "job")[2]
        self.assertEqual((ended["success"], ended["errmsg"]), (False, "Operation canceled"))
        events.wait("end of vdb", lambda e: e[0] == "blockjob" and e[2:] == (
            "vdb", BACKUP, libvirt.VIR_DOMAIN_BLOCK_JOB_CANCELED))
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_CANCELLED)
        self.assertEqual(os.listdir(self.out), [])
        self.assertNoJob(m, "vdb")
        events.close()

    def test_push_is_let_go(self):
        """Without a limit it comes to its end."""
        m = self.full_machine(disks=1)
        self.begin_limited(m, "t")
        self.virsh("blockjob", "vm", "vda", "--bandwidth", "0", ours=True)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)

    def test_stopped_domain(self):
        m = self.full_machine(start=False, disks=1)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "not running", m.dom.blockJobInfo, "vda", 0)
        self.begin_limited(m, "t")
        self.assertEqual(m.dom.blockJobInfo("vda", BYTES)["bandwidth"], 1024)
        m.dom.blockJobSetSpeed("vda", 2048, BYTES)
        self.assertEqual(m.dom.blockJobInfo("vda", BYTES)["bandwidth"], 2048)
        self.virsh("blockjob", "vm", "vda", "--async", ours=True)
        wait_until("its end", lambda: m.dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED |
                                                     libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED)["type"])
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_CANCELLED)

    def test_pull(self):
        m = self.full_machine()
        self.begin(m, self.pull_xml(m))
        before = m.dom.blockJobInfo("vda", 0)
        self.guest_writes(m, 0, 8 * MIB)
        after = m.dom.blockJobInfo("vda", 0)
        self.assertEqual((after["type"], after["bandwidth"], after["end"]), (BACKUP, 0, SIZE))
        self.assertGreaterEqual(after["cur"], before["cur"] + 8 * MIB)
        m.dom.blockJobSetSpeed("vda", 0, 0)
        self.assertError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, "the client that reads", m.dom.blockJobSetSpeed,
                         "vda", 1, 0)
        m.dom.blockJobAbort("vda", libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)

    def test_virsh_like_stock(self):
        """Both say the same about the same job, to the byte, but for how far it is."""
        m = self.full_machine(disks=1)
        self.begin_limited(m, "t", 1500000)
        m.dom.blockJobSetSpeed("vda", 1500, BYTES)
        for options in ("", "--info", "--raw", "--bytes", "--raw --bytes", "--info --raw", "--raw --bandwidth 3",
                        "--info --abort", "--bytes --pivot --async", "--bandwidth x", "--bandwidth 1.5"):
            said = []
            for ours in (False, True):
                done = self.virsh("blockjob", "vm", "vda", *options.split(), ours=ours, check=False)
                said.append((done.returncode, re.sub("cur=[0-9]+", "cur=N", done.stdout),
                             re.sub(r"\[ *[0-9]+ %", "[N %", done.stderr)))
            self.assertEqual(said[0], said[1], options)
        self.assertEqual(said[0][0], 1)
        # stock takes less than a MiB for no limit, and --abort beside --bandwidth for nothing
        self.virsh("blockjob", "vm", "vda", "--bandwidth", "3k", ours=True)
        self.assertEqual(self.speed(m, "vda"), 3072)
        self.assertIn("exclusive", self.virsh("blockjob", "vm", "vda", "--bandwidth", "3", "--abort", ours=True,
                                              check=False).stderr)
        self.virsh("blockjob", "vm", "vda", "--abort", ours=True)
        self.wait_no_job(m)
        self.assertIn("No current block job for vda\n", self.virsh("blockjob", "vm", "vda", ours=True).stdout)


class Begin(JobTest):
    def test_what_must_exist(self):
        """A device, or a file to be used as it is; and a begin that is refused uses up no number."""
        m = self.full_machine()
        reuse = libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL
        missing = os.path.join(self.out, "missing")
        block = ("<domainbackup><disks><disk name='vda' type='block'><target dev='%s'/></disk></disks></domainbackup>"
                 % missing)
        for xml, flags in ((block, 0), (self.push_xml(m, "t"), reuse), (self.pull_xml(m), reuse)):
            self.assertError(libvirt.VIR_ERR_SYSTEM_ERROR, "cannot use '%s/.*has to exist already.*: No such file"
                             % self.tmp, self.begin, m, xml, None, flags)
        self.assertEqual(os.listdir(self.out), [])
        self.begin(m, self.pull_xml(m))
        first = self.indexes(m)
        self.end_pull(m)
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT, "nope", self.begin, m, self.pull_xml(m, "nope"))
        self.begin(m, self.pull_xml(m))
        self.assertEqual(self.indexes(m), {t: n + 2 for t, n in first.items()})
        self.end_pull(m)


class Thresholds(JobTest):
    def setUp(self):
        super().setUp()
        self.seen = []

    def listen(self):
        self.conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD,
                                         lambda c, d, *what: self.seen.append(what[:-1]), None)

    def wait_seen(self, wanted):
        """Exactly @wanted: (device, path, threshold), in any order."""
        wait_until("thresholds %s, seen %s" % (wanted, self.seen), lambda: len(self.seen) >= len(wanted))
        self.assertEqual(sorted(s[:3] for s in self.seen), sorted(wanted))
        self.assertTrue(all(s[3] > 0 for s in self.seen), self.seen)
        self.seen.clear()

    def test_image(self):
        m = self.full_machine()
        self.listen()
        m.dom.setBlockThreshold("vda", MIB, 0)
        m.dom.setBlockThreshold("vdb[2]", 2 * MIB, 0)
        self.assertEqual([self.stats(m)["block.%d.threshold" % i] for i in (0, 1)], [MIB, 2 * MIB])
        for i in (0, 1):
            self.guest_writes(m, i, 8 * MIB)
        paths = [d.path for d in m.disks]
        self.wait_seen([("vda", paths[0], MIB), ("vda[1]", paths[0], MIB), ("vdb", paths[1], 2 * MIB),
                        ("vdb[2]", paths[1], 2 * MIB)])
        stats = self.stats(m)
        self.assertNotIn("block.0.threshold", stats)
        self.assertGreater(stats["block.0.allocation"], 8 * MIB)
        m.dom.setBlockThreshold("vda", 1 << 40, 0)
        m.dom.setBlockThreshold("vda", 0, 0)
        self.assertNotIn("block.0.threshold", self.stats(m))
        for device, pattern in (("vdz", "failed to find disk 'vdz'"), ("vda[3]", "failed to find"), ("vda[2]", "failed"),
                                ("", "failed to parse"), ("vda[", "parse"), ("vda[x]", "parse"), ("[1]", "parse"),
                                ("vda[1]x", "parse"), ("vda[99999999999]", "parse"), (paths[0], "failed to find")):
            self.assertError(libvirt.VIR_ERR_INVALID_ARG, pattern, m.dom.setBlockThreshold, device, 1, 0)

    def test_scratch(self):
        """Also when the daemon was restarted between."""
        m = self.full_machine()
        self.begin(m, self.pull_xml(m))
        index = self.indexes(m)
        device = {t: "%s[%d]" % (t, index[t]) for t in m.targets}
        scratch = {t: os.path.join(self.scratch, "vm-" + t) for t in m.targets}
        self.assertEqual(len(set(index.values()) | {1, 2}), 4)
        self.virsh("domblkthreshold", "vm", device["vda"], "1M", ours=True)
        m.dom.setBlockThreshold(device["vdb"], 2 * MIB, 0)
        self.assertError(libvirt.VIR_ERR_INVALID_ARG, "failed to find", m.dom.setBlockThreshold,
                         "vda[%d]" % index["vdb"], 1, 0)
        stats = self.stats(m)
        self.assertEqual(stats["block.count"], 4)
        self.assertEqual([stats["block.1." + k] for k in ("name", "path", "backingIndex", "capacity", "threshold")],
                         ["vda", scratch["vda"], index["vda"], SIZE, MIB])
        self.assertEqual([stats["block.3." + k] for k in ("name", "backingIndex", "threshold")],
                         ["vdb", index["vdb"], 2 * MIB])
        self.assertEqual(self.stats(m, 0)["block.count"], 2)
        self.restart_daemon(kill=True)
        self.listen()
        self.assertEqual(self.indexes(m), index)
        for i in (0, 1):
            self.guest_writes(m, i, 8 * MIB)
        self.wait_seen([(device["vda"], scratch["vda"], MIB), (device["vdb"], scratch["vdb"], 2 * MIB)])
        stats = self.stats(m)
        self.assertGreater(stats["block.1.allocation"], 8 * MIB)
        self.assertGreater(stats["block.1.physical"], 8 * MIB)
        self.assertNotIn("block.1.threshold", stats)
        self.end_pull(m)
        self.assertEqual(self.stats(m)["block.count"], 2)
        self.assertError(libvirt.VIR_ERR_INVALID_ARG, "failed to find", m.dom.setBlockThreshold, device["vda"], 1, 0)

    def test_as_documented(self):
        """The commands of formatbackup.rst."""
        page = os.path.join(daemons.SOURCE, "docs", "formatbackup.rst")
        with open(page) as f:
            shown = re.findall(r"(?m)^   virsh (.*)", f.read().split("While it runs\n====", 1)[1].split("\n\n\n")[0])
        index, threshold, event = (re.sub(r"\bweb\b", "vm", line.split("#")[0]) for line in shown[:3])
        m = self.full_machine()
        self.begin(m, self.pull_xml(m))
        found = self.virsh(*shlex.split(index), ours=True).stdout
        self.assertEqual(found.strip(), 'index="%d"' % self.indexes(m)["vda"])
        threshold = re.sub(r"vda\[\d+\]' \S+", "vda[%d]' 4M" % self.indexes(m)["vda"], threshold)
        self.virsh(*shlex.split(threshold), ours=True)
        self.assertEqual(self.stats(m)["block.1.threshold"], 4 * MIB)
        waiting = subprocess.Popen(daemons.OurDaemon.virsh + ["-c", self.daemon.uri, *shlex.split(event), "--timeout",
                                                              "60"], stdout=subprocess.PIPE, text=True)
        self.own.append(waiting.pid)
        try:
            while waiting.poll() is None:      # it says nothing when it listens
                self.virsh(*shlex.split(threshold), ours=True)
                self.guest_writes(m, 0, 8 * MIB)
                self.end_pull(m)
                self.begin(m, self.pull_xml(m))
                threshold = re.sub(r"\[\d+\]", "[%d]" % self.indexes(m)["vda"], threshold)
            said = waiting.communicate()[0]
        finally:
            waiting.kill()
            waiting.wait()
        self.end_pull(m)
        self.assertRegex(said, r"event 'block-threshold' for domain 'vm': dev: vda\[\d+\]\(%s/vm-vda\) %d \d+\n"
                         % (self.scratch, 4 * MIB))

    def test_push_target(self):
        m = self.full_machine(disks=1)
        self.listen()
        self.begin_limited(m, "t")
        device = "vda[%d]" % self.indexes(m)["vda"]
        m.dom.setBlockThreshold(device, 8 * MIB, 0)
        m.dom.blockJobSetSpeed("vda", 0, 0)
        self.wait_no_job(m)
        self.wait_seen([(device, self.target_path(m, "vda", "t"), 8 * MIB)])


IDLE = """
blockjob vm vda
blockjob vm vda --info
blockjob vm vda --raw
blockjob vm vda --abort
blockjob vm vda --bandwidth 3
blockjob vm nope
blockjob vm nope --abort
blockjob vm PATH
domblkthreshold vm vda 1M
domblkthreshold vm vda[0] 1M
domblkthreshold vm vda[9] 1M
domblkthreshold vm vda[ 1M
domblkthreshold vm vda 2x
domblkthreshold vm nope 1
domblkthreshold vm vda 0
domjobinfo vm
domjobinfo vm --rawstats
domjobinfo vm --anystats
domjobinfo vm --completed
domjobinfo vm --keep-completed
domjobabort vm
backup-dumpxml vm
""".strip().splitlines()
PULL = """
backup-dumpxml vm
backup-dumpxml vm --xpath //disk
backup-dumpxml vm --xpath //disk/@index --wrap
blockjob vm vda
blockjob vm PATH --raw
blockjob vm vda --bandwidth 0
blockjob vm vda --raw --bytes
blockjob vm nope --info
domblkthreshold vm vda[2] 1M
domblkthreshold vm vda[3] 1M
domjobinfo vm
domjobinfo vm --rawstats
domstats vm --block --backing
blockjob vm vda --async
domjobinfo vm --completed --keep-completed
domjobinfo vm --completed --rawstats
domjobinfo vm --completed
""".strip().splitlines()
# What differs rightly: how much time and room something took so far.
VARYING = (r"(?m)(Time elapsed: +|time_elapsed: )\d+ *", r"(Temporary disk space use: +)[\d.]+ \w+",
           r"(disk_temp_used: )\d+", r"((?:rd|wr|fl)\.\w+=)\d+", r"(allocation=)\d+", r"(physical=)\d+", r"( cur=)\d+")


class SameAnswers(StockTest, JobTest):
    """The same commands with both daemons, seen by Debian's virsh."""

    def answers(self, m, lines):
        said = []
        for line in lines:
            words = line.replace("PATH", m["vda"].path).split()
            done = self.virsh(*words, check=False)
            text = "%s\nstatus %d\n%s%s" % (line, done.returncode, done.stdout, done.stderr)
            for pattern in VARYING:
                text = re.sub(pattern, r"\1N", text)
            said.append(text)
        return said

    def transcript(self, m):
        said = self.answers(m, IDLE)
        self.begin(m, self.pull_xml(m))
        said += self.answers(m, PULL)
        wait_until("the backup to end", lambda: m.dom.jobStats()["type"] == 0)
        return said

    def test_same_answers(self):
        m = self.machine(boots=False, start=False, disks=1)
        m.dom.undefine()
        m.dom, said = None, []
        for daemon in (self.stock, self.ours):
            self.under(m, daemon)
            said.append(self.transcript(m))
        self.assertEqual([], [(stock, ours) for stock, ours in zip(*said) if stock != ours])


if __name__ == "__main__":
    livetest.main()
