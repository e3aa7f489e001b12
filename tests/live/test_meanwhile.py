#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of a backup when its guest powers off, reboots, crashes, is paused, destroyed, killed or to be
migrated meanwhile: the job's result, events in order, nothing left, and the next backup works. The table is in
docs/internals/backup-engine.rst.

A pull lasts until it is ended. A push is throttled until it is let go.
"""
import os
import signal

import libvirt

import images
import livetest
from daemon import wait_until

MIB = 1 << 20
SIZE = 256 * MIB
DATA = 224 * MIB      # QEMU has up to 64 MiB of it under way before the throttle takes hold
SLOW = 256 << 10
PRESERVE = 1 << 1       # VIR_DOMAIN_BACKUP_BEGIN_PRESERVE_SHUTDOWN_DOMAIN
GUEST_SHUTDOWN = 9      # VIR_DOMAIN_EVENT_SUSPENDED_GUEST_SHUTDOWN
COMPLETED, FAILED = libvirt.VIR_DOMAIN_JOB_COMPLETED, libvirt.VIR_DOMAIN_JOB_FAILED
STARTED, SUSPENDED = libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED
RESUMED, STOPPED = libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_STOPPED
SHUTDOWN = libvirt.VIR_DOMAIN_EVENT_SHUTDOWN


class Meanwhile(livetest.LiveTest):
    def connect(self, *args, **kwargs):
        conn = super().connect(*args, **kwargs)
        self.events = livetest.Events(conn)
        return conn

    def fresh(self, **kwargs):
        m = self.machine(start=False, disks=1, size=SIZE, **kwargs)
        images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 0 %d" % DATA, m["vda"].path])
        m["vda"].model.data[:DATA] = b"\x5a" * DATA
        self.start(m)
        return m

    def start(self, m):
        self.start_machine(m)
        self.events.wait("start", lambda e: e[0] == "lifecycle" and e[2] == STARTED)
        self.events.clear()

    def seen(self, *wanted):
        """Wait for the last of @wanted, then all that was seen of lifecycle and jobs must be it, in order.
        A job is ("job", success)."""
        def key(event):
            return ("job", event[2].get("success")) if event[0] == "job" else event[2:]
        self.events.wait(wanted[-1], lambda e: e[0] in ("lifecycle", "job") and key(e) == wanted[-1], 60)
        with self.events.condition:
            got = [key(e) for e in self.events.seen if e[0] in ("lifecycle", "job")]
        self.assertEqual(got, list(wanted))
        self.events.clear()

    def ended(self, m, reason):
        """The domain is off for @reason, its backup has failed and left nothing; now it is backed up again."""
        wait_until("the end of the domain", lambda: not m.dom.isActive())
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_SHUTOFF, reason])
        stats = self.completed(m)
        self.assertEqual(stats["type"], FAILED)
        self.assertRegex(stats["errmsg"], "QEMU process ended")
        self.assertEqual(livetest.files_below(self.scratch) + livetest.files_below(self.nbd), [])
        self.assertEqual([p for p in livetest.files_below(self.out) if p.endswith(".x")], [])
        self.next_backup(m)

    def next_backup(self, m):
        self.events.clear()
        self.begin(m, self.push_xml(m, "next"))
        self.events.wait("the next backup", lambda e: e[0] == "job" and e[2]["success"])
        self.assertTrue(os.path.exists(self.target_path(m, "vda", "next")))
        os.unlink(self.target_path(m, "vda", "next"))
        self.events.clear()

    def pull(self, m, flags=0):
        self.begin(m, self.pull_xml(m), flags=flags)

    def slow_push(self, m, flags=0):
        self.begin_slow_push(m, "x", rate=SLOW, events=self.events, flags=flags)
        self.events.clear()

    def let_go(self, m):
        self.qmp(m.dom, "block-job-set-speed", device="fleece-push-vda", speed=0)


class Ends(Meanwhile):
    def test_guest_powers_off(self):
        for begin in (self.pull, self.slow_push):
            if not self.machines:
                m = self.fresh()
            else:
                self.start(m)
            begin(m)
            m.tell("poweroff")
            self.seen((SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_GUEST), ("job", False),
                      (STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN))
            self.ended(m, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN)
            m.channel.close()

    def test_destroyed_and_killed(self):
        m = self.fresh(boots=False)
        for begin in (self.pull, self.slow_push):
            begin(m)
            m.dom.destroy()
            self.seen((SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST), ("job", False),
                      (STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED))
            self.ended(m, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED)
            self.start(m)
            begin(m)
            os.kill(self.qemu_pid(), signal.SIGKILL)
            self.seen(("job", False), (STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED))
            self.ended(m, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED)
            self.start(m)


class GoesOn(Meanwhile):
    def completes_pull(self, m):
        for t, (data, _) in self.read_exports(m).items():
            self.assertSame(self.frozen[t].data, data, t)
        self.end_pull(m)

    def test_paused_and_resumed(self):
        m = self.fresh(boots=False)
        self.frozen = m.models()
        self.pull(m)
        m.dom.suspend()
        self.completes_pull(m)
        self.pull(m)
        m.dom.resume()
        self.completes_pull(m)
        self.seen((SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED), ("job", True),
                  (RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED), ("job", True))
        self.slow_push(m)
        m.dom.suspend()
        self.let_go(m)
        self.seen((SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED), ("job", True))
        m.dom.resume()
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.next_backup(m)

    def test_rebooted_reset_and_panicked(self):
        m = self.fresh()
        m.write("vda", 0, 4 * MIB)
        self.frozen = m.models()
        self.pull(m)
        m.tell("reboot")
        m.channel.close()
        m.wait_boot()
        m.write("vda", MIB, 4 * MIB)
        self.completes_pull(m)
        self.seen(("job", True))
        self.slow_push(m)
        m.dom.reset()
        m.channel.close()
        m.wait_boot()
        self.let_go(m)
        self.seen(("job", True))
        self.frozen = m.models()
        self.pull(m)
        with self.assertRaises(AssertionError):
            m.tell("sh echo c >/proc/sysrq-trigger", 2)      # no panic device: the host sees nothing
        self.completes_pull(m)
        self.seen(("job", True))
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.next_backup(m)


    def test_not_migrated(self):
        """Migration is refused as by any driver that has none, and neither guest nor backup notices."""
        if self.daemon.kind == "stock":
            self.skipTest("stock can migrate")
        m = self.fresh(boots=False)
        self.frozen = m.models()
        self.pull(m)
        self.assertError(libvirt.VIR_ERR_NO_SUPPORT, "virDomainMigrate3", m.dom.migrate3, self.conn, {},
                         libvirt.VIR_MIGRATE_LIVE)
        done = self.virsh("migrate", "--live", m.name, self.daemon.uri, check=False)
        self.assertIn("this function is not supported by the connection driver", done.stderr)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.completes_pull(m)
        self.seen(("job", True))


class Preserved(Meanwhile):
    """PRESERVE_SHUTDOWN_DOMAIN: the guest is down, QEMU stays for the backup."""

    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("newer than Debian's libvirt")

    def power_off(self, m):
        m.tell("poweroff")
        m.channel.close()
        self.seen((SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_GUEST), (SUSPENDED, GUEST_SHUTDOWN))
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_SHUTTING_DOWN])

    def off(self, m):
        self.seen(("job", True), (STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN))
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN])

    def test_pull_can_be_read_to_its_end(self):
        m = self.fresh()
        m.write("vda", 0, 2 * MIB)
        want = m.models()["vda"].data
        self.pull(m, PRESERVE)
        m.write("vda", MIB, 2 * MIB)
        self.power_off(m)
        self.assertSame(want, self.read_exports(m)["vda"][0], "read after the power-off")
        m.dom.abortJob()
        self.off(m)
        self.next_backup(m)

        # resumed meanwhile, it is a machine like any other
        self.start(m)
        self.pull(m, PRESERVE)
        self.power_off(m)
        m.dom.resume()
        m.wait_boot()
        self.end_pull(m)
        m.write("vda", 0, MIB)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.next_backup(m)

    def test_push_and_a_restart_of_the_daemon(self):
        m = self.fresh()
        self.slow_push(m, PRESERVE)
        self.power_off(m)
        self.restart_daemon(kill=True)
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_SHUTTING_DOWN])
        self.let_go(m)
        self.off(m)
        self.assertTrue(os.path.exists(self.target_path(m, "vda", "x")))
        self.next_backup(m)


if __name__ == "__main__":
    livetest.main()
