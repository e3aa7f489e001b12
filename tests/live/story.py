# SPDX-License-Identifier: LGPL-2.1-or-later
"""./quickstart's second half: back up a running machine, rebuild it, compare byte for byte.

The judge is the guest's own numbered writes (model.py), not anything the daemon says. Runs the
project's daemon and virsh from FLEECE_BUILD on a root in a temporary directory. That directory and
every process go away at the end, on a failure, and on Ctrl-C or SIGTERM alike.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import daemon as daemons
import guest
import images
import model
from machine import Machine, TickWatch
from processes import processes_with

MIB = 1 << 20
SIZE = 128 * MIB


class StoryError(Exception):
    pass


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM; the number is the signal's."""


def on_signal(number, frame):
    # once is enough: the clean-up that follows is short and must not be interrupted itself
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, signal.SIG_IGN)
    raise Interrupted(number)


def say(text=""):
    print(text, flush=True)


def mib(count):
    return "%.1f MiB" % (count / MIB)


class Story:
    def __init__(self):
        self.tmp = tempfile.mkdtemp(prefix="fl-")
        os.chmod(self.tmp, 0o755)
        self.daemon = daemons.OurDaemon(os.path.join(self.tmp, "root"))
        self.machine = Machine(self.tmp, "demo", disks=2, size=SIZE, tick=True)
        self.nbd = os.path.join(self.tmp, "nbd.sock")
        self.ticks = None
        self.base = None
        self.storm = model.Storm(self.machine.targets, 8 * MIB, 4096, int(time.time()), 2, 500)
        self.pauses = []
        self.rebuilt = {}

    # Tools

    def virsh(self, *args, quiet=True):
        argv = daemons.OurDaemon.virsh + ["-c", self.daemon.uri, *args]
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise StoryError("virsh %s: %s" % (" ".join(args), done.stderr.strip()))
        if not quiet:
            say("    " + done.stdout.strip().replace("\n", "\n    "))
        return done.stdout

    def file(self, name, text):
        path = os.path.join(self.tmp, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def begin(self, xml, checkpoint):
        """backup-begin with a checkpoint; the writes that the guest surely had done, and may have."""
        backup = self.file("backup.xml", xml)
        check = self.file("checkpoint.xml",
                          "<domaincheckpoint><name>%s</name></domaincheckpoint>" % checkpoint)
        low = self.machine.stat().counts
        self.ticks.reset()
        self.virsh("backup-begin", "demo", backup, check)
        time.sleep(0.1)
        self.pauses.append(self.ticks.read()[0])
        return low, self.machine.stat().counts

    def judge(self, contents, possible, what):
        """Both disks are what the guest had written at one instant within begin."""
        counts = self.storm.newest(contents)
        low, high = possible
        # one write a worker may be on the disk whose acknowledgement the guest has not seen yet
        if not all(a <= k <= b + 1 for a, k, b in zip(low, counts, high)):
            raise StoryError("%s: shows guest writes %s, possible were %s to %s" % (what, counts, low, high))
        want = {t: m.copy() for t, m in self.base.items()}
        self.storm.replay(want, counts)
        for t, data in contents.items():
            difference = model.describe_difference(bytes(want[t].data), bytes(data))
            if difference:
                raise StoryError("%s, disk %s is NOT what the guest had written: %s" % (what, t, difference))
        say("    identical: %s on both disks, byte for byte as of guest write %d" % (what, sum(counts)))

    def pull_xml(self, incremental=None):
        rows = "".join("<disk name='%s'><scratch file='%s'/></disk>" % (t, os.path.join(self.tmp, t + ".scratch"))
                       for t in self.machine.targets)
        return ("<domainbackup mode='pull'>%s<server transport='unix' socket='%s'/><disks>%s</disks></domainbackup>"
                % ("<incremental>%s</incremental>" % incremental if incremental else "", self.nbd, rows))

    def push_xml(self, incremental):
        rows = "".join("<disk name='%s' type='file'><driver type='qcow2'/><target file='%s'/></disk>"
                       % (t, self.push_path(t)) for t in self.machine.targets)
        return ("<domainbackup mode='push'><incremental>%s</incremental><disks>%s</disks></domainbackup>"
                % (incremental, rows))

    def push_path(self, target):
        return os.path.join(self.tmp, target + ".push.qcow2")

    # Chapters

    def boot(self):
        say("1. a machine: Debian's kernel, 2 disks of %s (qcow2), run by %s" % (mib(SIZE), daemons.OurDaemon.program))
        guest.build(os.path.join(daemons.BUILD, "guest"), say=lambda text: say("    " + text))
        self.daemon.start()
        self.machine.create_images()
        start = time.monotonic()
        self.virsh("define", self.file("demo.xml", self.machine.xml()))
        self.virsh("start", "demo")
        self.machine.wait_boot()
        say("    booted in %.1f s" % (time.monotonic() - start))
        for t in self.machine.targets:
            self.machine.write(t, 0, 40 * MIB)
            self.machine.write(t, 100 * MIB, 4 * MIB)
        self.ticks = TickWatch(self.machine.tick_path)
        self.base = self.machine.models()
        self.machine.storm(self.storm)
        say("    the guest wrote %s and keeps writing 4 KiB blocks to both disks until the end" % mib(88 * MIB))
        time.sleep(1)

    def full_pull(self):
        say("2. full pull backup with checkpoint 'monday'")
        start = time.monotonic()
        possible = self.begin(self.pull_xml(), "monday")
        for t in self.machine.targets:
            self.rebuilt[t], _ = images.pull(t, None, self.nbd)
        self.virsh("domjobabort", "demo")
        say("    read %s over NBD in %.1f s while the guest wrote on"
            % (mib(sum(map(len, self.rebuilt.values()))), time.monotonic() - start))
        self.judge(self.rebuilt, possible, "full")

    def incremental_pull(self):
        time.sleep(1)
        say("3. incremental pull since 'monday' with checkpoint 'tuesday'")
        start, moved = time.monotonic(), 0
        possible = self.begin(self.pull_xml("monday"), "tuesday")
        for t in self.machine.targets:
            h = images.connect(t, self.nbd, contexts=["base:allocation", "qemu:dirty-bitmap:backup-" + t])
            changed = images.dirty(h, "backup-" + t)
            whole = bytearray(self.rebuilt[t])
            for offset, length in changed:
                for at in range(offset, offset + length, MIB):
                    n = min(MIB, offset + length - at)
                    whole[at:at + n] = h.pread(n, at)
            moved += sum(length for _, length in changed)
            self.rebuilt[t] = bytes(whole)
            h.shutdown()
        self.virsh("domjobabort", "demo")
        say("    read only what changed, %s, in %.1f s" % (mib(moved), time.monotonic() - start))
        self.judge(self.rebuilt, possible, "full + incremental")

    def incremental_push(self):
        time.sleep(1)
        say("4. incremental push since 'tuesday' with checkpoint 'wednesday'")
        start = time.monotonic()
        possible = self.begin(self.push_xml("tuesday"), "wednesday")
        while "None" not in self.virsh("domjobinfo", "demo"):
            time.sleep(0.05)
        if "Completed" not in self.virsh("domjobinfo", "demo", "--completed"):
            raise StoryError("the push did not complete")
        elapsed = time.monotonic() - start
        moved, contents = 0, {}
        for t in self.machine.targets:
            moved += os.stat(self.push_path(t)).st_blocks * 512
            below = os.path.join(self.tmp, t + ".rebuilt")
            with open(below + ".raw", "wb") as f:
                f.write(self.rebuilt[t])
            images.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", below + ".raw", below])
            images.rebase(self.push_path(t), below)
            contents[t] = images.content(self.push_path(t))
        say("    QEMU wrote %s of target files in %.1f s" % (mib(moved), elapsed))
        self.judge(contents, possible, "full + incremental pull + incremental push")

    def epilogue(self):
        report = self.machine.calm()
        if report.errno:
            raise StoryError("guest write %d failed: %s" % (report.failed, os.strerror(report.errno)))
        say("5. the guest, meanwhile: %d writes, none failed; longest wait for one around a begin: %s ms"
            % (sum(report.counts), ", ".join("%.0f" % p for p in self.pauses)))
        self.virsh("checkpoint-list", "demo", quiet=False)
        self.virsh("destroy", "demo")

    def tell(self):
        start = time.monotonic()
        self.boot()
        self.full_pull()
        self.incremental_pull()
        self.incremental_push()
        self.epilogue()
        say("done in %.0f s; nothing is left behind" % (time.monotonic() - start))

    def close(self):
        """Whatever happened: no process, no file."""
        self.machine.channel.close()
        if self.daemon.running():
            try:
                self.daemon.stop()
            except AssertionError as e:
                say(str(e))
        for pid in processes_with(self.tmp):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        daemons.wait_until("the processes of the story to end", lambda: not processes_with(self.tmp), 10)
        shutil.rmtree(self.tmp, ignore_errors=True)


def main():
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, on_signal)
    story, status = None, 0
    try:
        story = Story()
        story.tell()
    except Interrupted as e:
        say("interrupted; cleaning up")
        status = 128 + e.args[0]
    except Exception as e:
        say("FAILED: %s" % e)
        if story and os.path.exists(story.daemon.log):
            say("the daemon's last words:\n" + story.daemon.log_tail())
        status = 1
    if story:
        story.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
