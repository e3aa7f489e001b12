#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains: define, start, look at, stop, and what is on disk meanwhile."""
import os
import signal

import libvirt
import libvirt_qemu

import images
import livetest
import model
from daemon import wait_until


class Lifecycle(livetest.LiveTest):
    def test_define_start_destroy_undefine(self):
        m = self.machine(start=False, boots=False)
        self.assertFalse(m.dom.isActive())
        self.assertTrue(m.dom.isPersistent())
        self.assertEqual([d.name() for d in self.conn.listAllDomains()], ["vm"])
        config = self.daemon.path("etc", "libvirt", "qemu", "vm.xml")
        self.assertTrue(os.path.exists(config), config)
        m.dom.create()
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED])
        self.assertGreater(m.dom.ID(), 0)
        self.assertEqual(self.conn.lookupByID(m.dom.ID()).UUIDString(), m.dom.UUIDString())
        m.dom.destroy()
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED])
        m.dom.undefine()
        self.assertFalse(os.path.exists(config))
        self.assertEqual(self.conn.listAllDomains(), [])
        self.machines = []

    def test_suspend_resume_and_events(self):
        m = self.machine(start=False, boots=False)
        events = livetest.Events(self.conn)
        m.dom.create()
        m.dom.suspend()
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER])
        m.dom.resume()
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        m.dom.destroy()
        stopped = libvirt.VIR_DOMAIN_EVENT_STOPPED
        events.wait("stopped", lambda e: e[0] == "lifecycle" and e[2] == stopped)
        seen = [(e[2], e[3]) for e in events.seen if e[0] == "lifecycle"]
        want = [(libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_BOOTED),
                (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED),
                (libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED),
                (stopped, libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED)]
        # a start may also say RESUMED before it says STARTED
        self.assertEqual([e for e in seen[seen.index(want[0]):] if e in want], want)
        events.close()

    def test_guest_boots_writes_and_shuts_down_by_itself(self):
        m = self.machine(disks=1)
        m.write("vda", 1 << 20, 65536)
        m.tell("sync")
        m.tell("poweroff")
        wait_until("shut off", lambda: not m.dom.isActive())
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN])
        self.assertSame(m["vda"].model.data, images.content(m["vda"].path), "vda")

    def test_shutdown_presses_the_power_button(self):
        m = self.machine(disks=1)
        m.dom.shutdown()
        wait_until("shut off", lambda: not m.dom.isActive(), 30)
        self.assertEqual(m.dom.state()[1], libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN)

    def test_guest_reboots(self):
        m = self.machine(disks=1)
        pid = self.qemu_pid()
        m.tell("reboot")
        m.channel.close()
        m.wait_boot()
        self.assertEqual(self.qemu_pid(), pid)
        self.assertTrue(m.dom.isActive())

    def test_disks_on_virtio_scsi_and_ide(self):
        m = self.machine(disks=3, buses=["virtio", "scsi", "ide"])
        guest = m.tell("disks").split()
        self.assertEqual(len(guest), 3, guest)
        # the guest numbers sda, sdb by time of probing: tell by a mark that only one image gets
        for name in guest:
            m.tell("write %s 0 4096 %d" % (name, 100 + guest.index(name)))
        m.tell("sync")
        m.dom.destroy()
        marks = sorted(model.stamp_of(images.content(d.path), 0)[0] for d in m.disks)
        self.assertEqual(marks, [100, 101, 102])

    def test_raw_disk_and_backing_chain(self):
        m = self.machine(start=False, disks=2, formats=["qcow2", "raw"])
        base = os.path.join(self.images, "base.qcow2")
        images.create(base, m["vda"].size)
        images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0xab 8M 1M", base])
        os.unlink(m["vda"].path)
        images.create(m["vda"].path, m["vda"].size, backing=base)
        m["vda"].model.data[8 << 20:9 << 20] = b"\xab" * (1 << 20)
        self.start_machine(m)
        m.write("vda", (8 << 20) + 4096, 4096)
        m.write("vdb", 12345 * 512, 8192)
        m.tell("sync")
        m.dom.destroy()
        self.assertSame(m["vda"].model.data, images.content(m["vda"].path), "vda")
        self.assertSame(m["vdb"].model.data, images.content(m["vdb"].path, "raw"), "vdb")

    def test_transient_domain_vanishes(self):
        m = self.machine(start=False, boots=False)
        xml = m.xml(m.dom.UUIDString())
        m.dom.undefine()
        m.dom = self.conn.createXML(xml)
        self.assertFalse(m.dom.isPersistent())
        m.dom.destroy()
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN, "vm", self.conn.lookupByName, "vm")
        self.machines = []

    def test_killed_qemu_is_noticed_at_once(self):
        m = self.machine(boots=False)
        events = livetest.Events(self.conn)
        os.kill(self.qemu_pid(), signal.SIGKILL)
        events.wait("stopped", lambda e: e[0] == "lifecycle" and e[2] == libvirt.VIR_DOMAIN_EVENT_STOPPED, 5)
        self.assertFalse(m.dom.isActive())
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_SHUTOFF)
        events.close()
        m.dom.create()
        self.assertTrue(m.dom.isActive())

    def test_wrapper_emulator_and_log_file(self):
        m = self.machine(start=False, boots=False)
        wrapper = os.path.join(self.images, "wrapped-qemu")
        with open(wrapper, "w") as f:
            f.write("#!/bin/sh\necho wrapped >&2\nexec /usr/bin/qemu-system-x86_64 \"$@\"\n")
        os.chmod(wrapper, 0o755)
        xml = m.xml(m.dom.UUIDString()).replace("/usr/bin/qemu-system-x86_64", wrapper)
        m.dom = self.conn.defineXML(xml)
        m.dom.create()
        with open("/proc/%d/cmdline" % self.qemu_pid(), "rb") as f:
            argv = f.read().split(b"\0")
        name = argv[argv.index(b"-name") + 1].decode()
        self.assertTrue(name.startswith("guest=vm,"), name)
        with open(self.daemon.path("var", "log", "libvirt", "qemu", "vm.log")) as f:
            self.assertIn("wrapped", f.read())

    def test_destroy_removes_the_log_if_asked(self):
        m = self.machine(boots=False)
        log = self.daemon.path("var", "log", "libvirt", "qemu", "vm.log")
        m.dom.destroy()
        self.assertTrue(os.path.exists(log))
        m.dom.create()
        m.dom.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_REMOVE_LOGS)
        self.assertFalse(os.path.exists(log))

    def test_monitor_command(self):
        m = self.machine(boots=False)
        self.assertEqual(self.qmp(m.dom, "query-status")["status"], "running")
        hmp = libvirt_qemu.qemuMonitorCommand(m.dom, "info status",
                                              libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
        self.assertIn("VM status: running", hmp)

    def test_errors_of_domains(self):
        m = self.machine(start=False, boots=False)
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN, "nobody", self.conn.lookupByName, "nobody")
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "not running", m.dom.destroy)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "not running", m.dom.suspend)
        m.dom.create()
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "already running", m.dom.create)

    def test_read_only_connection_changes_nothing(self):
        m = self.machine(boots=False)
        uri = "qemu+unix:///system?socket=" + self.daemon.socket + "-ro"
        dom = self.connect(uri, read_only=True).lookupByName("vm")
        self.assertEqual(dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.assertError(libvirt.VIR_ERR_OPERATION_DENIED, "", dom.destroy)
        self.assertTrue(m.dom.isActive())


if __name__ == "__main__":
    livetest.main()
