#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients at once, who do not wait for each other, and a host that kills things.

The guests are empty; what counts is that the daemon lives, tells no nonsense and leaves nothing
behind. STRESS_SEED chooses another course of events, STRESS_SECONDS another length of it.
"""
import os
import random
import signal
import socket
import subprocess
import threading
import time

import libvirt
import libvirt_qemu

import livetest
from daemon import wait_until

SEED = int(os.environ.get("STRESS_SEED", "20240607"))
SECONDS = float(os.environ.get("STRESS_SECONDS", "8"))
END_SECONDS = 45

DOMAIN = """\
<domain type='qemu'><name>%(name)s</name><uuid>%(uuid)s</uuid><memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='%(image)s'/><target dev='vda' bus='virtio'/></disk>
    <memballoon model='none'/>
  </devices>
</domain>"""
PULL = """\
<domainbackup mode='pull'><server transport='unix' socket='%s'/>
  <disks><disk name='vda' backup='yes' type='file'><scratch file='%s'/></disk></disks></domainbackup>"""
PUSH = """\
<domainbackup mode='push'>
  <disks><disk name='vda' backup='yes' type='file'><target file='%s'/><driver type='qcow2'/></disk>
  </disks></domainbackup>"""
CHECKPOINT = "<domaincheckpoint><name>%s</name></domaincheckpoint>"

# What a client may be told when others work on the same domain; anything else is a defect.
FINE = {getattr(libvirt, "VIR_ERR_" + name) for name in (
    "NO_DOMAIN", "OPERATION_INVALID", "OPERATION_FAILED", "NO_DOMAIN_CHECKPOINT", "NO_DOMAIN_BACKUP",
    "OPERATION_TIMEOUT", "OPERATION_UNSUPPORTED", "OPERATION_ABORTED", "CHECKPOINT_INCONSISTENT",
    "DOM_EXIST", "RESOURCE_BUSY")}
# QEMU was killed in the middle of it.
DIED = {libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_SYSTEM_ERROR}


class Vm:
    def __init__(self, directories, number):
        self.name = "s%d" % number
        self.images, self.scratch, self.nbd, self.out = (os.path.join(d, self.name) for d in directories)
        image = self.images + ".qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "4M"], check=True)
        self.xml = DOMAIN % {"name": self.name, "image": image,
                             "uuid": "0b5e55ed-0000-4000-8000-%012x" % number}


class Client(threading.Thread):
    """One connection, one source of chance, any operation on any domain."""

    def __init__(self, test, vms, number, end):
        super().__init__(daemon=True)
        self.test, self.vms, self.number, self.end = test, vms, number, end
        self.chance = random.Random(SEED * 1000 + number)
        self.conn, self.callbacks, self.wrong = None, {}, []
        self.done = {}

    def open(self):
        if self.conn:
            try:
                self.conn.close()
            except libvirt.libvirtError:
                pass
        self.callbacks = {}
        self.conn = libvirt.open(self.test.daemon.uri)

    def domain(self, vm):
        return self.conn.lookupByName(vm.name)

    def op_define(self, vm):
        self.conn.defineXML(vm.xml)

    def op_create_xml(self, vm):
        flags = self.chance.choice([0, 0, libvirt.VIR_DOMAIN_START_AUTODESTROY])
        self.conn.createXML(vm.xml, flags)

    def op_start(self, vm):
        self.domain(vm).create()

    def op_start_again(self, vm):
        self.domain(vm).create()

    def op_destroy(self, vm):
        self.domain(vm).destroy()

    def op_undefine(self, vm):
        self.domain(vm).undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)

    def op_pause(self, vm):
        dom = self.domain(vm)
        dom.suspend()
        dom.resume()

    def op_look(self, vm):
        dom = self.domain(vm)
        dom.XMLDesc(self.chance.choice([0, libvirt.VIR_DOMAIN_XML_INACTIVE]))
        dom.info()
        dom.state()
        dom.controlInfo()

    def op_lists(self, vm):
        for dom in self.conn.listAllDomains():
            dom.name()
        self.conn.getAllDomainStats()

    def op_checkpoint(self, vm):
        name = "c%d" % self.chance.randrange(1 << 30)
        self.domain(vm).checkpointCreateXML(CHECKPOINT % name)

    def op_checkpoint_delete(self, vm):
        all_of_it = self.domain(vm).listAllCheckpoints()
        if all_of_it:
            self.chance.choice(all_of_it).delete()

    def op_pull(self, vm):
        dom = self.domain(vm)
        dom.backupBegin(PULL % ("%s-%d" % (vm.nbd, self.number), "%s-%d" % (vm.scratch, self.number)),
                        self.chance.choice([None, CHECKPOINT % ("p%d" % self.chance.randrange(1 << 30))]))
        dom.backupGetXMLDesc()
        dom.jobStats()
        if self.chance.random() < 0.7:
            dom.abortJob()

    def op_push(self, vm):
        target = "%s-%d.%d" % (vm.out, self.number, self.chance.randrange(1 << 30))
        self.domain(vm).backupBegin(PUSH % target, None)

    def op_abort(self, vm):
        self.domain(vm).abortJob()

    def op_job(self, vm):
        dom = self.domain(vm)
        dom.jobStats()
        dom.jobInfo()
        dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)

    def op_monitor(self, vm):
        libvirt_qemu.qemuMonitorCommand(self.domain(vm), '{"execute":"query-block"}', 0)

    def op_metadata(self, vm):
        self.domain(vm).setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "t%d" % self.number, None, None)

    def op_events(self, vm):
        kind = self.chance.choice([libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                   libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED])
        if kind in self.callbacks:
            self.conn.domainEventDeregisterAny(self.callbacks.pop(kind))
        else:
            self.callbacks[kind] = self.conn.domainEventRegisterAny(None, kind, lambda *a: None, None)

    def op_reopen(self, vm):
        self.open()

    def step(self):
        op = self.chance.choice(self.OPS)
        vm = self.chance.choice(self.vms)
        try:
            getattr(self, op)(vm)
            self.done[op] = self.done.get(op, 0) + 1
        except libvirt.libvirtError as e:
            code = e.get_error_code()
            if code in FINE or (code in DIED and "query" not in op):
                return
            if self.test.stopping:
                raise
            self.wrong.append("%s %s: %d %s" % (op, vm.name, code, e))

    def run(self):
        try:
            self.open()
            while time.monotonic() < self.end and not self.test.stopping:
                self.step()
            self.conn.close()
        except libvirt.libvirtError as e:
            if not self.test.stopping:
                self.wrong.append("connection: %s" % e)


Client.OPS = sorted(name for name in dir(Client) if name.startswith("op_"))


class Host(threading.Thread):
    """SIGKILLs QEMUs, and drops connections with a call under way."""

    def __init__(self, test, vms, end):
        super().__init__(daemon=True)
        self.test, self.end, self.killed = test, end, 0
        self.names = [vm.name for vm in vms]
        self.chance = random.Random(SEED)

    def kill_one(self):
        pids = self.test.qemus(self.names)
        if pids:
            os.kill(self.chance.choice(pids), signal.SIGKILL)
            self.killed += 1

    def drop_connections(self):
        for _ in range(5):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.test.daemon.socket)
                s.sendall(self.chance.choice([b"\0\0\0\x1c" + b"\x20\0\x80\x86" + b"\0\0\0\1" * 5,
                                              b"\0\0\0\x30", b"\xff" * 64, b""]))

    def run(self):
        while time.monotonic() < self.end and not self.test.stopping:
            time.sleep(0.3)
            try:
                self.chance.choice([self.kill_one, self.drop_connections])()
            except OSError:
                pass


class Stress(livetest.LiveTest):
    stopping = False

    def qemus(self, names=None):
        """process numbers from the status files of this root, all or those of @names"""
        pids = []
        directory = self.daemon.path("run", "libvirt", "qemu")
        for name in os.listdir(directory):
            try:
                with open(os.path.join(directory, name)) as f:
                    text = f.read()
            except OSError:
                continue
            wanted = names is None or name[:-len(".xml")] in names
            if wanted and name.endswith(".xml") and "<domstatus" in text:
                pids.append(int(text.split("pid='")[1].split("'")[0]))
        return pids

    def make_vms(self, n):
        return [Vm((self.images, self.scratch, self.nbd, self.out), i) for i in range(n)]

    def end_all(self):
        """abort, destroy, undefine; a stopped domain may have a backup, too"""
        conn = libvirt.open(self.daemon.uri)
        for dom in conn.listAllDomains():
            said = []
            for call in (dom.abortJob, dom.destroy, lambda: dom.undefineFlags(
                    libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)):
                try:
                    call()
                except libvirt.libvirtError as e:
                    said.append(e.get_error_message())
            wait_until("%s to be gone after: %s" % (dom.name(), said),
                       lambda: dom.name() not in [d.name() for d in conn.listAllDomains()])
        conn.close()

    def run_clients(self, vms, n, seconds):
        end = time.monotonic() + seconds
        threads = [Client(self, vms, i, end) for i in range(n)]
        host = Host(self, vms, end)
        for t in threads + [host]:
            t.start()
        return threads, host

    def test_everything_at_once(self):
        vms = self.make_vms(5)
        threads, host = self.run_clients(vms, 7, SECONDS)
        for t in threads + [host]:
            t.join(SECONDS + END_SECONDS)
            self.assertFalse(t.is_alive(), "a client hangs (seed %d)" % SEED)
        wrong = [w for t in threads for w in t.wrong]
        self.assertEqual(wrong, [], "seed %d" % SEED)
        done = {op for t in threads for op in t.done}
        print("# seed %d, killed %d, done %s" % (SEED, host.killed, {
            op[3:]: sum(t.done.get(op, 0) for t in threads) for op in Client.OPS}))
        self.assertIn("op_start", done)
        self.end_all()
        self.assertEqual(self.qemus(), [])
        self.assertEqual([d for d in os.listdir(self.daemon.path("var", "lib", "libvirt", "qemu"))
                          if d.startswith("domain-")], [])

    def test_daemon_ends_under_load_and_domains_stay(self):
        vms = self.make_vms(6)
        conn = libvirt.open(self.daemon.uri)
        stay = vms[:4]
        for vm in stay:
            conn.defineXML(vm.xml).create()
        pids = sorted(self.qemus())
        threads, host = self.run_clients(vms[4:], 6, SECONDS)
        readers = [Client(self, stay, 90 + i, time.monotonic() + SECONDS) for i in range(2)]
        for r in readers:
            r.OPS = ["op_look", "op_lists", "op_events", "op_job", "op_monitor"]
            r.start()
        time.sleep(min(3, SECONDS / 2))
        self.stopping = True
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        for t in threads + readers + [host]:
            t.join(END_SECONDS)
            self.assertFalse(t.is_alive(), "a client hangs (seed %d)" % SEED)
        for pid in pids:
            os.kill(pid, 0)
        self.start_daemon()
        conn = self.conn
        for vm in stay:
            wait_until("%s is running" % vm.name,
                       lambda: conn.lookupByName(vm.name).state()[0] == libvirt.VIR_DOMAIN_RUNNING)
        self.assertLessEqual(set(pids), set(self.qemus()))
        self.stopping = False
        self.end_all()

    def test_domains_made_twice_at_once(self):
        """Two clients make the same transient domain: one gets it, and it stays in the list."""
        vms = self.make_vms(2)
        for vm in vms * 3:
            results = []

            def make():
                conn = libvirt.open(self.daemon.uri)
                try:
                    conn.createXML(vm.xml)
                    results.append("made")
                except libvirt.libvirtError as e:
                    results.append(e.get_error_code())
                conn.close()

            threads = [threading.Thread(target=make) for _ in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join(END_SECONDS)
            self.assertEqual(results.count("made"), 1, results)
            self.assertEqual(set(results), {"made", libvirt.VIR_ERR_OPERATION_INVALID})
            conn = libvirt.open(self.daemon.uri)
            self.assertTrue(conn.lookupByName(vm.name).isActive())
            conn.lookupByName(vm.name).destroy()
            conn.close()

    def test_ten_domains_are_found_again_at_once(self):
        vms = self.make_vms(10)
        conn = libvirt.open(self.daemon.uri)
        for vm in vms:
            conn.defineXML(vm.xml).create()
        conn.close()
        pids = sorted(self.qemus())
        self.disconnect()
        self.daemon.kill()
        os.kill(pids[3], signal.SIGKILL)
        self.start_daemon()
        conn = self.conn
        # destroyed before it may have been reconnected: its QEMU must be gone all the same
        victim = conn.lookupByName(vms[7].name)
        victim.destroy()
        wait_until("the rest runs", lambda: sum(d.isActive() for d in conn.listAllDomains()) == 8)
        self.assertEqual(len(self.qemus()), 8)
        gone = [pid for pid in pids if pid not in self.qemus()]
        self.assertEqual(len(gone), 2)
        for pid in gone:
            wait_until("process %d is gone" % pid, lambda: not alive(pid))
        self.end_all()


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    livetest.main()
