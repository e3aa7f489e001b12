# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon under test: ours on a private root, or Debian's libvirtd as an oracle.

Debian's libvirtd has no --root. It gets a mount namespace of its own in which its five directories
are bind mounts of ours, so the machine's own configuration is neither read nor written.
"""
import os
import signal
import socket
import subprocess
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("FLEECE_BUILD", os.path.join(SOURCE, "build"))
KIND = os.environ.get("LIVE_DAEMON", "ours")
START_SECONDS = 20
STOP_SECONDS = 20


def wait_until(what, condition, seconds=20.0, step=0.01):
    """Poll until @condition() is true; its value. AssertionError names @what."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %.0f s in vain for: %s" % (seconds, what))
        time.sleep(step)


def accepts(path):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
            return True
        except OSError:
            return False


class Daemon:
    """One daemon on @root. start() and stop() as often as a test likes; nothing outlives it except
    the QEMUs, which are the test's to end."""

    kind = None
    socket_name = None

    def __init__(self, root):
        self.root = root
        self.process = None
        self.log = os.path.join(root, "daemon.log")
        self.socket = os.path.join(root, "run", "libvirt", self.socket_name)
        self.uri = "qemu+unix:///system?socket=" + self.socket
        os.makedirs(root, exist_ok=True)

    def argv(self):
        raise NotImplementedError

    def prepare(self):
        pass

    def start(self, fault=None, env=None):
        assert self.process is None, "daemon already started"
        self.prepare()
        environment = dict(os.environ, **(env or {}))
        environment.pop("VIR_TEST_FAULT", None)
        if fault:
            environment["VIR_TEST_FAULT"] = fault
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment, start_new_session=True)
        try:
            wait_until("socket %s" % self.socket, self.answers, START_SECONDS)
        except AssertionError as e:
            raise AssertionError("%s\n%s" % (e, self.log_tail()))
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("daemon ended at start, status %d\n%s"
                                 % (self.process.returncode, self.log_tail()))
        return accepts(self.socket)

    def log_tail(self, lines=30):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM; returns the exit status. A daemon that does not go is killed and that is an error."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.process = None
            raise AssertionError("daemon did not end within %d s of SIGTERM\n%s"
                                 % (STOP_SECONDS, self.log_tail()))
        self.process = None
        return status

    def kill(self):
        """SIGKILL, as in a crash."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def wait_end(self, seconds=STOP_SECONDS):
        """It ends by itself (a fault, --timeout); the exit status."""
        status = self.process.wait(seconds)
        self.process = None
        return status

    def rss_kib(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0


class OurDaemon(Daemon):
    kind = "ours"
    socket_name = "virtqemud-sock"
    virsh = [os.environ.get("FLEECE_VIRSH", os.path.join(BUILD, "tools", "virsh", "virsh"))]
    program = os.environ.get("FLEECE_DAEMON", os.path.join(BUILD, "src", "virtqemud"))
    arguments = ()

    def argv(self):
        return [self.program, "--root", self.root, *self.arguments]

    def path(self, *parts):
        return os.path.join(self.root, *parts)


STOCK_CONF = """\
user = "root"
group = "root"
security_driver = "none"
remember_owner = 0
stdio_handler = "file"
cgroup_controllers = []
namespaces = []
"""
STOCK_DAEMON_CONF = """\
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_rw_perms = "0700"
"""
# Private copies of the directories first, then the daemon takes the shell's place (and its pid).
STOCK_SCRIPT = """\
root=$1; shift
for d in etc/libvirt var/lib/libvirt run/libvirt var/log/libvirt var/cache/libvirt; do
    mount --bind "$root/$d" "/$d" || exit 1
done
exec "$@"
"""
STOCK_DIRECTORIES = ("etc/libvirt/qemu", "var/lib/libvirt", "run/libvirt", "var/log/libvirt",
                     "var/cache/libvirt")


class StockDaemon(Daemon):
    kind = "stock"
    socket_name = "libvirt-sock"
    virsh = ["/usr/bin/virsh"]

    def prepare(self):
        for d in STOCK_DIRECTORIES:
            os.makedirs(os.path.join(self.root, d), exist_ok=True)
        for d in ("/etc/libvirt", "/var/lib/libvirt", "/run/libvirt", "/var/cache/libvirt",
                  "/var/log/libvirt"):
            os.makedirs(d, exist_ok=True)
        for name, text in (("qemu.conf", STOCK_CONF), ("libvirtd.conf", STOCK_DAEMON_CONF)):
            with open(os.path.join(self.root, "etc", "libvirt", name), "w") as f:
                f.write(text)

    def argv(self):
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", STOCK_SCRIPT, "sh", self.root,
                "/usr/sbin/libvirtd", "-f", "/etc/libvirt/libvirtd.conf",
                "-p", os.path.join(self.root, "libvirtd.pid")]

    def path(self, *parts):
        return os.path.join(self.root, *parts)


def new_daemon(root, kind=None):
    return {"ours": OurDaemon, "stock": StockDaemon}[kind or KIND](root)
