#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of others, unchanged: python3-libvirt with all its events, virtnbdbackup and its restore."""
import os
import subprocess

import libvirt

import daemon as daemons
import images
import livetest

MIB = 1 << 20


class PythonLibvirt(livetest.LiveTest):
    def test_the_whole_way_with_events(self):
        m = self.machine(start=False)
        events = livetest.Events(self.conn)
        self.start_machine(m)
        m.write("vda", 0, MIB)
        m.write("vdb", MIB, MIB)
        self.checkpoint(m, "first")
        m.write("vda", 2 * MIB, MIB)
        self.begin(m, self.pull_xml(m, incremental="first"), "second")
        read = self.read_exports(m, incremental=True)
        self.assertEqual(read["vda"][1], [(2 * MIB, MIB)])
        m.dom.abortJob()
        self.wait_no_job(m)
        self.push(m, "full")
        m.dom.destroy()
        events.wait("end", lambda e: e[:3] == ("lifecycle", "vm", libvirt.VIR_DOMAIN_EVENT_STOPPED))
        seen = [e[0] for e in events.seen]
        self.assertEqual((seen.count("job"), seen.count("blockjob") >= 2), (2, True), events.seen)
        lifecycle = [e[2] for e in events.seen if e[0] == "lifecycle"]
        self.assertIn(libvirt.VIR_DOMAIN_EVENT_STARTED, lifecycle)
        self.assertNotIn(libvirt.VIR_DOMAIN_EVENT_SUSPENDED, lifecycle)
        events.close()

    def test_two_connections_see_the_same(self):
        m = self.machine(boots=False)
        other = self.connect()
        dom = other.lookupByUUIDString(m.dom.UUIDString())
        self.checkpoint(m, "a")
        self.assertEqual([c.getName() for c in dom.listAllCheckpoints()], ["a"])
        self.begin(m, self.pull_xml(m))
        self.assertIn("domainbackup", dom.backupGetXMLDesc())
        dom.abortJob()
        self.wait_no_job(m)

    def daemon_files(self):
        return len(os.listdir("/proc/%d/fd" % self.daemon.process.pid))

    def expect_daemon_files(self, count):
        daemons.wait_until("the daemon to have %d descriptors" % count, lambda: self.daemon_files() == count)

    def assert_associate_fails(self, code, domain, dom, *args):
        with self.assertRaises(libvirt.libvirtError) as caught:
            dom.FDAssociate(*args)
        self.assertEqual((caught.exception.get_error_code(), caught.exception.get_error_domain()),
                         (code, domain), caught.exception)
        return caught.exception.get_error_message()

    def test_descriptors_live_as_long_as_their_connection(self):
        m = self.machine(boots=False, start=False)
        other = self.connect()
        dom = other.lookupByName("vm")
        with open(os.devnull) as null:
            fd = null.fileno()
            before = self.daemon_files()
            dom.FDAssociate("g", [fd] * 3, 0)
            m.dom.FDAssociate("mine", [fd], 0)
            dom.FDAssociate("h", [fd] * 32, libvirt.VIR_DOMAIN_FD_ASSOCIATE_SECLABEL_RESTORE |
                            libvirt.VIR_DOMAIN_FD_ASSOCIATE_SECLABEL_WRITABLE)
            self.expect_daemon_files(before + 36)
            dom.FDAssociate("g", [fd], 0)
            self.expect_daemon_files(before + 34)
            self.assertIn("nfds", self.assert_associate_fails(8, 20, dom, "g", [], 0))
            self.assertIn("0x4", self.assert_associate_fails(8, 10, dom, "g", [fd], 4))
            self.assertIn("33", self.assert_associate_fails(39, 7, dom, "g", [fd] * 33, 0))
            self.assertIn("4096", self.assert_associate_fails(38, 7, dom, "g", [fd, 4096], 0))
            reader = self.connect(self.daemon.uri + "-ro", read_only=True)
            self.assertIn("virDomainFDAssociate",
                          self.assert_associate_fails(29, 20, reader.lookupByName("vm"), "g", [fd], 0))
            reader.close()
            self.expect_daemon_files(before + 34)
            del dom
            other.close()
            self.expect_daemon_files(before)      # less its socket, and the one that is m's
            gone, m.dom = m.dom, None
            gone.undefine()
            self.assertIn("vm", self.assert_associate_fails(42, 10, gone, "mine", [fd], 0))


# python3-libvirt as Debian has it, on the libvirt.so.0 and libvirt-qemu.so.0 of this tree.
ON_OUR_LIBRARY = r"""
import sys, libvirt, libvirt_qemu
libvirt.registerErrorHandler(lambda context, error: None, None)
build, uri = sys.argv[1:]
with open("/proc/self/maps") as f:
    maps = f.read()
for name in ("libvirt.so.0", "libvirt-qemu.so.0"):
    if "%s/src/%s" % (build, name) not in maps:
        sys.exit(name + " is not ours")
conn = libvirt.open(uri)
dom, = conn.listAllDomains()
dom.checkpointCreateXML("<domaincheckpoint><name>by-python</name></domaincheckpoint>", 0)
print(dom.name(), dom.isActive(), [c.getName() for c in dom.listAllCheckpoints()])
print(libvirt_qemu.qemuMonitorCommand(dom, "info status", 1).strip())
for refused in (conn.listAllNetworks, lambda: conn.storagePoolLookupByName("x"),
                lambda: conn.interfaceLookupByName("x"), lambda: libvirt_qemu.qemuAttach(conn, 1, 0)):
    try:
        refused()
        print("not refused")
    except libvirt.libvirtError as e:
        print(e.get_error_code(), e.get_error_message())
"""
WANTED = """\
vm 1 ['by-python']
VM status: running
3 this function is not supported by the connection driver: virConnectListAllNetworks
3 this function is not supported by the connection driver: virStoragePoolLookupByName
3 this function is not supported by the connection driver: virInterfaceLookupByName
3 this function is not supported by the connection driver: virDomainQemuAttach
"""


class PythonOnOurLibrary(livetest.LiveTest):
    def python(self, *argv):
        env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(daemons.BUILD, "src"))
        done = subprocess.run(["/usr/bin/python3", *argv], env=env, capture_output=True, text=True, timeout=200,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_open_list_checkpoint_and_refusals(self):
        self.machine(boots=False)
        build = os.path.realpath(daemons.BUILD)
        self.assertEqual(self.python("-c", ON_OUR_LIBRARY, build, self.daemon.uri), WANTED)

    def test_the_tests_above(self):
        self.assertIn("ok 3 - ", self.python(__file__, "PythonLibvirt."))


class VirtNbdBackup(livetest.LiveTest):
    def tool(self, name, *args):
        # it asks for a user and a password whenever the URI names a transport; nobody looks at them
        argv = [name, "-U", self.daemon.uri, "--user", "nobody", "--password", "nothing", *args]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, "%s\n%s\n%s" % (" ".join(argv), done.stdout, done.stderr[-4000:]))
        return done

    def backup(self, level, target, *args):
        self.tool("virtnbdbackup", "-d", "vm", "-l", level, "-o", target, "-S", self.scratch,
                  "-f", self.socket_path("v"), *args)

    def restore(self, source):
        out = os.path.join(self.tmp, "restored")
        self.tool("virtnbdrestore", "-i", source, "-o", out, "-f", self.socket_path("r"))
        return out

    def assert_restored(self, m, out, want):
        for d in m.disks:
            path = os.path.join(out, os.path.basename(d.path))
            self.assertTrue(os.path.exists(path), os.listdir(out))
            self.assertSame(want[d.target].data, images.content(path), d.target)

    def test_full_inc_inc_restore(self):
        m = self.machine()
        target = os.path.join(self.out, "set")
        for t in m.targets:
            m.write(t, 0, 4 * MIB)
        self.backup("full", target)
        m.write("vda", MIB, 128 * 1024)
        self.backup("inc", target)
        m.write("vdb", 3 * MIB + 4096, 4096)
        m.write("vda", 20 * MIB, 65536)
        self.backup("inc", target)
        want = m.models()
        m.write("vda", 0, MIB)
        names = sorted(c.getName() for c in m.dom.listAllCheckpoints())
        self.assertEqual(names, ["virtnbdbackup.0", "virtnbdbackup.1", "virtnbdbackup.2"])
        self.assert_restored(m, self.restore(target), want)

    def test_copy_and_diff(self):
        m = self.machine()
        m.write("vda", 0, 2 * MIB)
        copy = os.path.join(self.out, "copy")
        self.backup("copy", copy)
        self.assertEqual(m.dom.listAllCheckpoints(), [])
        self.assert_restored(m, self.restore(copy), m.models())
        target = os.path.join(self.out, "set")
        self.backup("full", target)
        m.write("vdb", 5 * MIB, 65536)
        self.backup("diff", target)
        self.assertEqual([c.getName() for c in m.dom.listAllCheckpoints()], ["virtnbdbackup.0"])


if __name__ == "__main__":
    livetest.main()
