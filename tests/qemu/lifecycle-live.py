#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Life of domains under a real daemon and real QEMU (TCG), driven by libvirt's own Python binding.

Usage: lifecycle-live.py VIRTQEMUD. Exit status 77: something it needs is not installed.
"""
import os, shutil, signal, subprocess, sys, tempfile, threading, time
from xml.etree import ElementTree

try:
    import libvirt
except ImportError:
    print("SKIP: python3-libvirt is not installed")
    sys.exit(77)
if not shutil.which("qemu-system-x86_64"):
    print("SKIP: qemu-system-x86_64 is not installed")
    sys.exit(77)

DAEMON = sys.argv[1]
ROOT = tempfile.mkdtemp(prefix="fleece-life-")
SOCK = ROOT + "/run/libvirt/virtqemud-sock"
URI = "qemu+unix:///system?socket=" + SOCK
EVENTS = []
# Boot sector: power off by ACPI at once; and one that waits for ever.
POWEROFF = bytes.fromhex("ba0406b80020eff4ebfd")
HALT = bytes.fromhex("f4ebfd")


class Daemon:
    def __init__(self):
        self.log = open(ROOT + "/daemon.log", "ab")
        self.process = None

    def start(self, fault=""):
        env = dict(os.environ, LIBVIRT_DEBUG="2", VIR_TEST_FAULT=fault)
        self.process = subprocess.Popen([DAEMON, "--root", ROOT], stdout=self.log,
                                        stderr=self.log, env=env)
        until(lambda: connects(), "the daemon to listen")

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        code = self.process.wait(timeout=30)
        if sig == signal.SIGTERM:
            equal(code, 0, "exit status of the daemon")


def connects():
    try:
        libvirt.open(URI).close()
        return True
    except libvirt.libvirtError:
        return False


def until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("timed out waiting for " + what)
        time.sleep(0.02)


def equal(got, wanted, what):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (what, got, wanted))


def refused(code, text, func, *args):
    try:
        func(*args)
    except libvirt.libvirtError as error:
        equal(error.get_error_code(), code, "error code of " + str(error))
        if text not in str(error):
            raise AssertionError("message %r does not contain %r" % (str(error), text))
        return
    raise AssertionError("%s was not refused" % func.__name__)


def image(name, code):
    path = "%s/%s.img" % (ROOT, name)
    with open(path, "wb") as out:
        out.write(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
    return path


def xml(name, code=HALT, extra=""):
    return """<domain type='qemu'><name>%s</name><memory unit='MiB'>16</memory>
      <os><type arch='x86_64' machine='pc'>hvm</type></os>
      <features><acpi/></features>%s
      <devices><disk type='file' device='disk'><driver name='qemu' type='raw'/>
      <source file='%s'/><target dev='vda' bus='virtio'/></disk>
      <serial type='pty'/></devices></domain>""" % (name, extra, image(name, code))


def qemu_pid(name):
    with open("%s/run/libvirt/qemu/%s.xml" % (ROOT, name)) as status:
        return int(status.read().split(" pid='")[1].split("'")[0])


def qemus_of(name):
    """Those that run, known or not."""
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout.splitlines()
    return [line for line in lines if "guest=%s," % name in line and ROOT in line]


def state(domain):
    return tuple(domain.state())


def lifecycle(name):
    return [(event, detail) for who, event, detail in EVENTS if who == name]


def test_basic(conn):
    dom = conn.defineXML(xml("basic"))
    refused(libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running", dom.suspend)
    refused(libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running", dom.destroy)
    dom.create()
    refused(libvirt.VIR_ERR_OPERATION_INVALID, "already running", dom.create)
    equal(state(dom), (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED), "state")
    dom.suspend()
    equal(state(dom), (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER), "state")
    dom.resume()
    refused(libvirt.VIR_ERR_OPERATION_INVALID, "already running", dom.resume)
    assert "/dev/pts/" in dom.XMLDesc() and "/dev/pts/" not in dom.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    dom.destroy()
    equal(state(dom), (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED), "state")
    dom.undefine()
    refused(libvirt.VIR_ERR_NO_DOMAIN, "no domain with matching name 'basic'", conn.lookupByName, "basic")
    # defined; resumed, started; suspended; resumed; shutdown by host, stopped destroyed; undefined
    wanted = [(0, 0), (4, 0), (2, 0), (3, 0), (4, 0), (6, 2), (5, 1), (1, 0)]
    until(lambda: len(lifecycle("basic")) >= len(wanted), "events")
    equal(lifecycle("basic"), wanted, "lifecycle events")


def test_poweroff(conn):
    dom = conn.createXML(xml("off", POWEROFF))
    wanted = [(4, 0), (2, 0), (6, 1), (5, 0)]
    until(lambda: len(lifecycle("off")) >= len(wanted), "the guest to power off")
    equal(lifecycle("off"), wanted, "lifecycle events")
    refused(libvirt.VIR_ERR_NO_DOMAIN, "no domain", dom.info)


def test_restart_on_poweroff(conn):
    dom = conn.createXML(xml("again", POWEROFF, "<on_poweroff>restart</on_poweroff>"))
    until(lambda: lifecycle("again").count((6, 1)) >= 2, "two power-offs")
    dom.destroy()
    until(lambda: (5, 1) in lifecycle("again"), "the end")


def test_crash(conn):
    dom = conn.defineXML(xml("crash"))
    dom.create()
    os.kill(qemu_pid("crash"), signal.SIGKILL)
    until(lambda: not dom.isActive(), "the death to be noticed", 5)
    equal(state(dom), (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED), "state")
    until(lambda: (5, 2) in lifecycle("crash"), "the event")
    dom.create()
    dom.destroy()
    dom.undefine()


def test_failed_start(conn):
    dom = conn.defineXML(xml("bad"))
    os.unlink(ROOT + "/bad.img")
    refused(libvirt.VIR_ERR_INTERNAL_ERROR, "bad.img", dom.create)
    equal(dom.isActive(), 0, "active")
    image("bad", HALT)
    dom.create()
    dom.destroy()
    dom.undefine()


def test_autodestroy(conn):
    other = libvirt.open(URI)
    other.createXML(xml("leash"), libvirt.VIR_DOMAIN_START_AUTODESTROY)
    equal(conn.lookupByName("leash").isActive(), 1, "active")
    other.close()
    until(lambda: "leash" not in [d.name() for d in conn.listAllDomains()], "autodestroy", 15)


def test_threads(conn):
    errors = []

    def work(i):
        try:
            mine = libvirt.open(URI)
            for _ in range(3):
                dom = mine.createXML(xml("t%d" % i))
                for _ in range(20):
                    dom.info(), dom.state(), mine.listAllDomains()
                dom.suspend(), dom.resume()
                mine.getAllDomainStats()
                dom.destroy()
            mine.close()
        except Exception as error:  # reported by the main thread
            errors.append("thread %d: %s" % (i, error))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(errors, [], "errors of threads")
    equal(conn.numOfDomains(), 0, "domains left")


def test_destroy_during_start(conn):
    dom = conn.defineXML(xml("race"))
    for _ in range(6):
        starter = threading.Thread(target=lambda: quiet(dom.create))
        starter.start()
        time.sleep(0.02)
        quiet(conn.lookupByName("race").destroy)
        starter.join()
        quiet(dom.destroy)
        equal(dom.isActive(), 0, "active")
    dom.undefine()


def quiet(func):
    try:
        func()
    except libvirt.libvirtError:
        pass


def prepare_restart(conn):
    for name in ("stay", "pause", "gone", "down"):
        conn.defineXML(xml(name)).create()
    conn.lookupByName("stay").setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "kept", None, None,
                                          libvirt.VIR_DOMAIN_AFFECT_LIVE)
    conn.createXML(xml("transient"))
    return {name: qemu_pid(name) for name in ("stay", "pause", "gone", "down", "transient")}


def while_away(pids):
    """The daemon is not there: the world changes behind its back."""
    os.kill(pids["gone"], signal.SIGKILL)
    monitor(pids["pause"], "stop")
    with open(ROOT + "/run/libvirt/qemu/half.xml", "w") as out:
        out.write("<domstatus state='1'")
    with open(ROOT + "/etc/libvirt/qemu/wrong.xml", "w") as out:
        out.write("<domain><nonsense/></domain>")


def monitor(pid, command):
    import glob, json, socket
    for path in glob.glob(ROOT + "/var/lib/libvirt/qemu/domain-*-pause/monitor.sock"):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        stream = sock.makefile("rw")
        stream.readline()
        for word in ("qmp_capabilities", command):
            stream.write(json.dumps({"execute": word}) + "\n")
            stream.flush()
            while "return" not in stream.readline():
                pass
        sock.close()


def check_restart(conn, pids):
    until(lambda: state(conn.lookupByName("pause"))[0] == libvirt.VIR_DOMAIN_PAUSED, "pause to be seen")
    equal(state(conn.lookupByName("stay")), (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED),
          "state of stay")
    equal(qemu_pid("stay"), pids["stay"], "process of stay")
    assert "<title>kept</title>" in conn.lookupByName("stay").XMLDesc()
    equal(conn.lookupByName("transient").isPersistent(), 0, "persistence of transient")
    until(lambda: not conn.lookupByName("gone").isActive(), "gone to be seen")
    conn.lookupByName("stay").suspend()
    conn.lookupByName("pause").resume()
    assert os.path.exists(ROOT + "/run/libvirt/qemu/half.xml.broken")
    for name in ("stay", "pause", "down"):
        conn.lookupByName(name).destroy()
    conn.lookupByName("transient").destroy()
    for name in ("stay", "pause", "gone", "down"):
        conn.lookupByName(name).undefine()
    equal(conn.listAllDomains(), [], "domains left")


def walk_start_faults(daemon):
    """Whatever step of a start fails or dies: no QEMU is left, and the next start succeeds."""
    conn = libvirt.open(URI)
    conn.defineXML(xml("fault"))
    conn.close()
    for point in ("start.spawn", "start.held", "start.spawned", "start.cont"):
        for action in ("fail", "kill"):
            daemon.stop()
            daemon.start("%s:%s" % (point, action))
            conn = libvirt.open(URI)
            dom = conn.lookupByName("fault")
            if action == "fail":
                refused(libvirt.VIR_ERR_OPERATION_FAILED, point, dom.create)
            else:
                quiet(dom.create)
                daemon.process.wait(timeout=10)
                daemon.start()
                conn = libvirt.open(URI)
                dom = conn.lookupByName("fault")
            until(lambda: not dom.isActive(), "the half start to be undone")
            equal(os.listdir(ROOT + "/run/libvirt/qemu"), [], "status files left")
            equal([d for d in os.listdir(ROOT + "/var/lib/libvirt/qemu") if d.startswith("domain-")], [], "run directories left")
            until(lambda: not qemus_of("fault"), "its QEMU to be gone")
            dom.create()
            dom.destroy()
            conn.close()
            print("ok %s:%s" % (point, action), flush=True)


def test_metadata_stays_readable(conn):
    """What would make the definition's file unreadable, and the domain vanish at the next start."""
    dom = conn.defineXML(xml("meta"))
    element, config = libvirt.VIR_DOMAIN_METADATA_ELEMENT, libvirt.VIR_DOMAIN_AFFECT_CONFIG
    bad = libvirt.VIR_ERR_INVALID_ARG
    for key in ("a b", "", "1", "k:l", 'k="1"/><b'):
        refused(bad, "metadata", dom.setMetadata, element, "<foo/>", key, "urn:x", config)
    refused(bad, "metadata", dom.setMetadata, element, "<foo/>", "k", "", config)
    refused(bad, "metadata", dom.setMetadata, element, "<foo/>", "k", "urn:\x01", config)
    refused(bad, "metadata", dom.setMetadata, element, "<foo xmlns:k='urn:other'/>", "k", "urn:x", config)
    refused(bad, "metadata", dom.setMetadata, libvirt.VIR_DOMAIN_METADATA_TITLE, "a\x02b", None, None, config)
    dom.setMetadata(element, "<k:foo xmlns:k='urn:x'><bar/></k:foo>", "k", "urn:x", config)
    dom.setMetadata(element, "<foo n='2'/>", "k", "urn:x", config)
    assert "n='2'" in dom.metadata(element, "urn:x", config).replace('"', "'")
    text = open(ROOT + "/etc/libvirt/qemu/meta.xml").read()
    assert text.count("<k:foo") == 1, text
    ElementTree.fromstring(text)
    dom.undefine()


def listen():
    """A connection whose lifecycle events are collected by a thread of its own."""
    conn = libvirt.open(URI)
    conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                lambda c, d, event, detail, o: EVENTS.append((d.name(), event, detail)), None)
    return conn


def run_events():
    while True:
        libvirt.virEventRunDefaultImpl()


def main():
    libvirt.registerErrorHandler(lambda ctx, error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=run_events, daemon=True).start()
    daemon = Daemon()
    daemon.start()
    try:
        conn = listen()
        for test in (test_basic, test_metadata_stays_readable, test_poweroff, test_restart_on_poweroff,
                     test_crash, test_failed_start, test_autodestroy, test_destroy_during_start,
                     test_threads):
            begun = time.monotonic()
            test(conn)
            print("ok %s (%.2f s)" % (test.__name__, time.monotonic() - begun), flush=True)
        for sig in (signal.SIGTERM, signal.SIGKILL):
            pids = prepare_restart(conn)
            daemon.stop(sig)
            quiet(conn.close)
            while_away(pids)
            daemon.start()
            conn = listen()
            check_restart(conn, pids)
            print("ok restart after %s" % sig.name, flush=True)
        os.unlink(ROOT + "/run/libvirt/qemu/half.xml.broken")
        quiet(conn.close)
        walk_start_faults(daemon)
        daemon.stop()
    except BaseException:
        subprocess.call(["tail", "-n", "40", ROOT + "/daemon.log"])
        daemon.process.kill()
        raise
    finally:
        for name in os.listdir(ROOT + "/run/libvirt/qemu"):
            if name.endswith(".xml"):
                try:
                    os.kill(qemu_pid(name[:-4]), signal.SIGKILL)
                except (OSError, IndexError):
                    pass
        shutil.rmtree(ROOT, ignore_errors=True)


main()
