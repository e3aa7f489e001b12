#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""qemu:///session of an ordinary user: the client starts the daemon, everything is in the user's own
directories and belongs to the user, and the machine outlives the daemon. Programs and libraries are copied
to where the user may read them."""
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

import daemon as daemons
import livetest
from daemon import BUILD, wait_until
from processes import processes_with

MIB = 1 << 20
NOBODY = 65534
PROGRAMS = ("src/virtqemud", "tools/virsh/virsh", "src/libvirt.so.0", "src/libvirt-qemu.so.0")
DOMAIN = """\
<domain type='qemu'>
  <name>mine</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='%s'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""
PUSH = """\
<domainbackup mode='push'>
  <disks><disk name='vda' type='file'><target file='%s'/><driver type='qcow2'/></disk></disks>
</domainbackup>
"""


class User(unittest.TestCase):
    def setUp(self):
        self.uid = os.getuid() or NOBODY
        self.tmp = tempfile.mkdtemp(prefix="fu-")
        os.chmod(self.tmp, 0o755)
        self.addCleanup(self.sweep)
        self.bin, self.home, self.runtime = (os.path.join(self.tmp, n) for n in ("bin", "home", "run"))
        for path in (self.bin, self.home, self.runtime):
            os.mkdir(path)
        for program in PROGRAMS:
            shutil.copy(os.path.join(BUILD, program), self.bin)
        for path in (self.home, self.runtime):
            os.chmod(path, 0o700)
            os.chown(path, self.uid, -1)

    def sweep(self):
        """Nothing survives: the daemon has no argument with our directory, so it is found by its file."""
        for pid in [*self.daemons(), *processes_with(self.tmp)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.tmp, ignore_errors=True)

    # What a user does

    def run_as_user(self, *argv, check=True, **more):
        env = {"PATH": "/usr/bin:/bin", "HOME": self.home, "XDG_RUNTIME_DIR": self.runtime, "LC_ALL": "C.UTF-8",
               "LD_LIBRARY_PATH": self.bin, "VIRTD_PATH": self.bin, **more}
        identity = {} if os.getuid() else {"user": self.uid, "group": pwd.getpwuid(self.uid).pw_gid,
                                           "extra_groups": []}
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=env, cwd="/",
                              stdin=subprocess.DEVNULL, **identity)
        if check and done.returncode:
            self.fail("%s: status %d: %s" % (" ".join(argv), done.returncode, done.stderr))
        return done

    def virsh(self, *args, check=True, **more):
        return self.run_as_user(os.path.join(self.bin, "virsh"), "-q", *args, check=check, **more)

    def at_home(self, name, text=None):
        path = os.path.join(self.home, name)
        if text is not None:
            with open(path, "w") as f:
                f.write(text)
            os.chmod(path, 0o644)
        return path

    # What there is

    def daemons(self):
        """Processes that run our copy of the daemon."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/exe" % pid) == os.path.join(self.bin, "virtqemud"):
                    found.append(int(pid))
            except OSError:
                continue
        return found

    def daemon(self):
        found = self.daemons()
        self.assertEqual(len(found), 1, "daemons of the user")
        return found[0]

    def qemu(self):
        found = [p for p, line in processes_with(self.tmp).items() if "guest=mine," in line]
        self.assertEqual(len(found), 1, "QEMUs of the user")
        return found[0]

    def end_daemon(self):
        pid = self.daemon()
        os.kill(pid, signal.SIGTERM)
        wait_until("the daemon to end", lambda: not self.daemons(), daemons.STOP_SECONDS)

    def define(self):
        image = self.at_home("disk.qcow2")
        self.run_as_user("qemu-img", "create", "-q", "-f", "qcow2", image, str(8 * MIB))
        self.run_as_user("qemu-io", "-c", "write -P 7 1M 1M", image)
        self.virsh("define", self.at_home("mine.xml", DOMAIN % image))
        return image

    def assertBelongsToUser(self, path, kind=stat.S_ISREG, others=0):
        mode = os.lstat(path)
        self.assertTrue(kind(mode.st_mode), path)
        self.assertEqual((mode.st_uid, mode.st_mode & 0o007), (self.uid, others), path)

    # Tests

    def test_daemon_is_started_and_stays_at_home(self):
        self.assertEqual(self.virsh("uri").stdout.strip(), "qemu:///session")
        first = self.daemon()
        self.define()
        self.assertEqual(self.virsh("list", "--all", "--name").stdout.split(), ["mine"])
        self.assertEqual(self.daemon(), first, "one daemon serves all")
        self.virsh("start", "mine")
        for pid in (first, self.qemu()):
            self.assertEqual(os.stat("/proc/%d" % pid).st_uid, self.uid)
        self.assertBelongsToUser(os.path.join(self.runtime, "libvirt", "virtqemud-sock"), stat.S_ISSOCK)
        self.assertFalse(os.path.exists(os.path.join(self.runtime, "libvirt", "virtqemud-sock-ro")))
        self.assertBelongsToUser(self.at_home(".config/libvirt/qemu/mine.xml"))
        self.assertBelongsToUser(self.at_home(".cache/libvirt/qemu/log/mine.log"))
        outside = [line for line in processes_with("guest=mine,").values() if "/var/lib/libvirt" in line]
        self.assertEqual(outside, [])
        self.virsh("destroy", "mine")
        self.virsh("undefine", "mine")
        self.end_daemon()

    def test_backup_and_restart_of_the_daemon(self):
        image, target = self.define(), self.at_home("backup.qcow2")
        self.virsh("start", "mine")
        self.virsh("checkpoint-create-as", "mine", "one")
        pid = self.qemu()
        self.end_daemon()
        # the next client starts a daemon, which finds the machine
        self.assertEqual(self.virsh("domstate", "mine").stdout.strip(), "running")
        self.assertEqual(self.qemu(), pid)
        self.assertEqual(self.virsh("checkpoint-list", "mine", "--name").stdout.split(), ["one"])
        self.virsh("backup-begin", "mine", self.at_home("push.xml", PUSH % target))
        wait_until("the backup to end",
                   lambda: "None" in self.virsh("domjobinfo", "mine").stdout, 60, 0.1)
        self.assertIn("Completed", self.virsh("domjobinfo", "mine", "--completed").stdout)
        self.virsh("destroy", "mine")
        self.run_as_user("qemu-img", "compare", "-q", image, target)
        self.virsh("undefine", "mine", "--checkpoints-metadata")
        self.end_daemon()
        self.assertEqual(processes_with(self.tmp), {})

    def test_no_daemon_without_autostart(self):
        done = self.virsh("list", check=False, LIBVIRT_AUTOSTART="0")
        self.assertEqual((done.returncode, self.daemons()), (1, []))
        self.assertIn("Failed to connect socket to '%s/libvirt/virtqemud-sock'" % self.runtime, done.stderr)

    def test_no_file_of_others(self):
        """The user's rights are all the daemon has."""
        secret = os.path.join(self.tmp, "secret.qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", secret, "1M"], check=True, timeout=60)
        os.chmod(secret, 0o600)
        if os.stat(secret).st_uid == self.uid:
            self.skipTest("only root can make a file of somebody else")
        self.virsh("define", self.at_home("mine.xml", DOMAIN % secret))
        done = self.virsh("start", "mine", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Permission denied", done.stderr)
        self.assertEqual(self.virsh("domstate", "mine").stdout.strip(), "shut off")
        self.end_daemon()


if __name__ == "__main__":
    livetest.main()
