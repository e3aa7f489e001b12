#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon ends, by wish or by SIGKILL, and comes back: what it still knows."""
import fcntl
import glob
import os
import select
import signal
import socket
import subprocess
import threading
import time

import libvirt

import images
import livetest
from daemon import wait_until

MIB = 1 << 20


class BadMonitor:
    """Stands before the monitor of a QEMU: says @greeting to the first client and hangs up, and lets the second
    one speak to QEMU."""

    def __init__(self, path, greeting):
        self.path, self.greeting, self.clients = path, greeting, 0
        os.rename(path, path + ".real")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with self.listener.accept()[0] as client:
            self.clients += 1
            client.sendall(self.greeting)
        with self.listener.accept()[0] as client, socket.socket(socket.AF_UNIX) as qemu:
            self.clients += 1
            qemu.connect(self.path + ".real")
            peers = {client: qemu, qemu: client}
            while True:
                for end in select.select(list(peers), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    peers[end].sendall(data)

    def close(self):
        """QEMU's own name is back; the connection there is stays."""
        os.rename(self.path + ".real", self.path)
        self.listener.close()


class Restart(livetest.LiveTest):
    def restart_with_running_machine(self, kill):
        m = self.machine()
        m.write("vda", 0, MIB)
        self.checkpoint(m, "a")
        m.write("vda", 4 * MIB, 65536)
        pid, ident, xml = self.qemu_pid(), m.dom.ID(), m.dom.XMLDesc()
        records = m.dom.checkpointLookupByName("a").getXMLDesc()
        self.restart_daemon(kill=kill)
        self.assertEqual((self.qemu_pid(), m.dom.ID()), (pid, ident))
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.assertEqual(m.dom.XMLDesc(), xml)
        self.assertEqual(m.dom.checkpointLookupByName("a").getXMLDesc(), records)
        m.write("vdb", 8 * MIB, 65536)
        self.begin(m, self.pull_xml(m, incremental="a"), "b")
        read = self.read_exports(m, incremental=True)
        self.assertEqual(read["vda"][1], [(4 * MIB, 65536)])
        self.assertEqual(read["vdb"][1], [(8 * MIB, 65536)])
        for t in m.targets:
            self.assertSame(m[t].model.data, read[t][0], t)
        self.end_pull(m)

    def test_clean_restart_finds_the_machine(self):
        self.restart_with_running_machine(False)

    def test_restart_after_sigkill_finds_the_machine(self):
        self.restart_with_running_machine(True)

    def test_paused_machine_stays_paused(self):
        m = self.machine(boots=False)
        m.dom.suspend()
        self.restart_daemon()
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER])
        m.dom.resume()
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)

    def test_monitor_that_breaks_the_protocol_is_tried_again(self):
        """The rest of a line that was for somebody else comes before the greeting; or nothing but an end."""
        m = self.machine(boots=False)
        pid = self.qemu_pid()
        for greeting in (b'"meta-type": "object"}]}\r\n', b""):
            self.daemon.kill()
            self.disconnect()
            path, = glob.glob(os.path.join(self.daemon.root, "var/lib/libvirt/qemu/domain-*/monitor.sock"))
            peer = BadMonitor(path, greeting)
            self.start_daemon()
            self.assertEqual((self.qemu_pid(), m.dom.state()[0]), (pid, libvirt.VIR_DOMAIN_RUNNING))
            self.qmp(m.dom, "query-status")
            self.assertEqual(peer.clients, 2)
            peer.close()
            self.assertEqual(self.qemu_pid(), pid)
            self.daemon.kill()
            self.disconnect()
            self.start_daemon()

    def test_run_after_one_that_was_destroyed_twice_at_once(self):
        """The second waited, and found nothing left to end. The next run is not its business, nor that of a
        restarted daemon."""
        m = self.machine(boots=False)
        self.checkpoint(m, "a")
        os.kill(self.qemu_pid(), signal.SIGSTOP)
        threads = [threading.Thread(target=self.connect().lookupByName("vm").destroy) for _ in range(2)]
        for t in threads:
            t.start()
        time.sleep(0.5)
        os.kill(self.qemu_pid(), signal.SIGCONT)
        for t in threads:
            t.join(30)
        self.start_machine(m)
        pid = self.qemu_pid()
        with open(self.daemon.path("run", "libvirt", "qemu", "vm.xml")) as f:
            self.assertNotIn("ending=", f.read())
        self.restart_daemon(kill=True)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        m.dom.suspend()                             # which waits until the daemon has found it
        m.dom.resume()
        time.sleep(1)
        self.assertEqual((m.dom.state()[0], self.qemu_pid()), (libvirt.VIR_DOMAIN_RUNNING, pid))

    def test_machine_that_died_meanwhile_is_off(self):
        m = self.machine(boots=False)
        pid = self.qemu_pid()
        self.daemon.kill()
        self.disconnect()
        os.kill(pid, signal.SIGKILL)
        self.start_daemon()
        wait_until("shut off", lambda: not m.dom.isActive())
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_SHUTOFF)
        m.dom.create()

    def test_new_life_has_no_old_transient(self):
        m = self.machine(start=False, boots=False)
        xml = m.xml(m.dom.UUIDString())
        m.dom.undefine()
        m.dom = self.conn.createXML(xml)
        pid = self.qemu_pid()
        self.restart_daemon()
        self.assertFalse(m.dom.isPersistent())
        self.assertTrue(m.dom.isActive())
        self.daemon.kill()
        self.disconnect()
        os.kill(pid, signal.SIGKILL)
        self.start_daemon()
        wait_until("the transient domain to be forgotten", lambda: not self.conn.listAllDomains())
        self.machines = []

    def test_many_domains_and_autostart(self):
        m = self.machine(start=False, boots=False)
        for i in range(20):
            xml = m.xml().replace("<name>vm</name>", "<name>other%02d</name>" % i)
            self.conn.defineXML(xml.replace("%s" % m.console_path, m.console_path + str(i)))
        m.dom.setAutostart(1)
        self.restart_daemon()
        self.assertEqual(len(self.conn.listAllDomains()), 21)
        wait_until("autostart", lambda: self.conn.lookupByName("vm").isActive())
        self.assertEqual(m.dom.autostart(), 1)

    def test_reload_on_sighup(self):
        m = self.machine(boots=False)
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_until("an answer after SIGHUP", lambda: m.dom.isActive())
        self.assertTrue(self.daemon.running())

    def test_sigterm_during_a_pull_leaves_it_running(self):
        m = self.machine(boots=False)
        self.begin(m, self.pull_xml(m))
        self.restart_daemon()
        self.assertEqual(m.dom.jobStats()["operation"], libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP)
        for t in m.targets:
            self.assertSame(m[t].model.data, images.pull(t, None, self.socket_path())[0], t)
        self.end_pull(m)

    def test_abort_while_the_daemon_reconnects(self):
        """QEMU is slow to answer the new daemon, which then must not say that there is no job."""
        m = self.machine(boots=False)
        self.begin(m, self.pull_xml(m), "a")
        pid = self.qemu_pid()
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        os.kill(pid, signal.SIGSTOP)
        self.start_daemon()
        threading.Timer(0.5, os.kill, (pid, signal.SIGCONT)).start()
        m.dom.abortJob()
        self.wait_no_job(m)
        self.assertEqual([c.getName() for c in m.dom.listAllCheckpoints()], ["a"])


class Idle(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("options of our daemon")

    def test_timeout_ends_an_idle_daemon(self):
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.arguments = ("--timeout", "2")
        self.daemon.start()
        self.conn = self.connect()
        dom = self.conn.listAllDomains()
        self.assertEqual(dom, [])
        self.disconnect()
        self.assertEqual(self.daemon.wait_end(20), 0)

    def test_timeout_waits_for_running_machines(self):
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.arguments = ("--timeout", "1")
        self.daemon.start()
        self.conn = self.connect()
        m = self.machine(boots=False)
        self.disconnect()
        time.sleep(3)
        self.assertTrue(self.daemon.running())
        self.conn = self.connect()
        m.dom = self.conn.lookupByName("vm")
        m.dom.destroy()
        m.dom = None
        self.disconnect()
        self.assertEqual(self.daemon.wait_end(20), 0)

    def test_lock_that_outlives_a_dead_daemon_is_waited_for(self):
        """A child that it had forked has the lock until it executes its program."""
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        gone = subprocess.Popen(["true"])
        gone.wait()
        lock = open(self.daemon.path("run", "libvirt", "virtqemud.pid"), "w")
        lock.write("%d\n" % gone.pid)
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(0.5, lock.close).start()
        self.start_daemon()
        self.assertEqual(self.conn.listAllDomains(), [])

    def test_second_daemon_on_the_same_root_refuses(self):
        done = subprocess.run(self.daemon.argv(), capture_output=True, text=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, "(?i)already|another|in use|lock")
        self.assertEqual(self.conn.listAllDomains(), [])


if __name__ == "__main__":
    livetest.main()
