#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What 'meson install' puts down runs from there, with nothing of the build tree."""
import os
import subprocess
import tempfile

import daemon as daemons
import images
import livetest


class Install(livetest.LiveTest):
    """Into a prefix in a directory of the test; the daemon and virsh of this test are those."""

    def setUp(self):
        if daemons.KIND == "stock":
            self.skipTest("about our build")
        self.place = tempfile.mkdtemp(prefix="fl-install-")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.place])
        images.run(["meson", "install", "-C", daemons.BUILD, "--no-rebuild", "--quiet",
                    "--destdir", self.place])
        self.programs = {}
        for top, _, names in os.walk(self.place):
            for name in ("virtqemud", "virsh", "libvirt.so.0"):
                if name in names:
                    self.programs[name] = os.path.join(top, name)
        self.assertEqual(sorted(self.programs), ["libvirt.so.0", "virsh", "virtqemud"])
        os.environ["LD_LIBRARY_PATH"] = os.path.dirname(self.programs["libvirt.so.0"])
        self.addCleanup(os.environ.pop, "LD_LIBRARY_PATH", None)
        self.saved = (daemons.OurDaemon.program, daemons.OurDaemon.virsh)
        daemons.OurDaemon.program = self.programs["virtqemud"]
        daemons.OurDaemon.virsh = [self.programs["virsh"]]
        self.addCleanup(self.restore)
        super().setUp()

    def restore(self):
        daemons.OurDaemon.program, daemons.OurDaemon.virsh = self.saved

    def installed_virsh(self, *args):
        return self.virsh(*args, ours=True)

    def test_installed_daemon_and_virsh(self):
        m = self.machine(start=False, boots=False)
        self.installed_virsh("start", "vm")
        self.installed_virsh("checkpoint-create-as", "vm", "a")
        path = os.path.join(self.tmp, "b.xml")
        with open(path, "w") as f:
            f.write(self.pull_xml(m, incremental="a"))
        self.installed_virsh("backup-begin", "vm", path)
        for t, (data, _) in self.read_exports(m, incremental=True).items():
            self.assertSame(m[t].model.data, data, t)
        self.installed_virsh("domjobabort", "vm")
        self.assertIn("running", self.installed_virsh("domstate", "vm").stdout)

    def test_nothing_points_back_to_the_build(self):
        for name, path in self.programs.items():
            done = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True)
            for line in done.stdout.splitlines():
                if "RPATH" in line or "RUNPATH" in line:
                    self.assertNotIn(daemons.BUILD, line, name)
        done = subprocess.run(["ldd", self.programs["virsh"]], capture_output=True, text=True, check=True)
        self.assertIn(self.place, done.stdout)
        self.assertNotIn(daemons.BUILD, done.stdout)

    def test_version_and_help(self):
        for name in ("virtqemud", "virsh"):
            for option in ("--version", "--help"):
                done = subprocess.run([self.programs[name], option], capture_output=True, text=True, timeout=20)
                self.assertEqual((done.returncode, bool(done.stdout)), (0, True), "%s %s" % (name, option))


if __name__ == "__main__":
    livetest.main()
