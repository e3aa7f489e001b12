#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pull backups served on a socket of the client's: read, refused, shared, interrupted; and the socket is the
client's afterwards."""
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET

import libvirt
import nbd

import howto
import images
import livetest
from daemon import wait_until
from processes import open_files

MIB = 1 << 20
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def listener(family=socket.AF_INET):
    return socket.create_server(("127.0.0.1" if family == socket.AF_INET else "::1", 0), family=family)


def port_of(s):
    return s.getsockname()[1]


def sockets_elsewhere(connections):
    """A listener in a network namespace of its own, and connections to it."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
                os._exit(1)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
            server = listener()
            clients = [socket.create_connection(server.getsockname()) for _ in range(connections)]
            socket.send_fds(theirs, [b"x"], [s.fileno() for s in [server] + clients])
        finally:
            os._exit(0)
    theirs.close()
    data, fds, _, _ = socket.recv_fds(ours, 1, 1 + connections)
    ours.close()
    os.waitpid(pid, 0)
    return [socket.socket(fileno=fd) for fd in fds] if data else None


class FD(livetest.LiveTest):
    def assert_exports(self, m, server, want=None):
        for target, (data, _) in self.read_exports(m, port=port_of(server)).items():
            self.assertSame((want or m.models())[target].data, data, target)

    def held(self, m, s):
        """Has the QEMU of @m the socket?"""
        return "socket:[%d]" % os.fstat(s.fileno()).st_ino in open_files(self.qemu_pid(m.name))

    def assert_ours_again(self, m, s):
        """QEMU has let go of it, and who connects now is accepted here."""
        wait_until("QEMU to let go of the socket", lambda: not self.held(m, s), 15)
        with socket.create_connection(s.getsockname()[:2]) as there:
            self.assertTrue(select.select([s], [], [], 5)[0])
            here, peer = s.accept()
            self.assertEqual(peer, there.getsockname())
            here.close()

    def assert_answers(self, m, server, *silent):
        """QEMU answers all the time until it lets go of @server, in spite of clients who say nothing: they hang up
        before a QEMU that waits for them is one that never goes on."""
        end, longest = time.monotonic() + 20, 0
        alarm = threading.Timer(5, lambda: [s.shutdown(socket.SHUT_RDWR) for s in silent])
        alarm.start()
        while self.held(m, server):
            self.assertLess(time.monotonic(), end, "QEMU does not let go of the socket")
            asked = time.monotonic()
            self.qmp(m.dom, "query-status")
            longest = max(longest, time.monotonic() - asked)
            time.sleep(0.01)
        alarm.cancel()
        self.assertLess(longest, 0.5)

    def test_full_and_incremental(self):
        m, server = self.machine(), listener()
        m.write("vda", 0, MIB)
        self.associate(m, server)
        self.begin(m, self.fd_xml(m), checkpoint="a")
        shown = ET.fromstring(m.dom.backupGetXMLDesc()).find("server")
        self.assertEqual(shown.attrib, {"transport": "fd", "fdgroup": "nbd"})
        want = m.models()
        m.write("vda", 5 * MIB, 65536)
        self.assert_exports(m, server, want)
        self.end_pull(m)
        self.assert_ours_again(m, server)
        self.begin(m, self.fd_xml(m, incremental="a"))
        read = self.read_exports(m, incremental=True, port=port_of(server))
        self.assertEqual([read[t][1] for t in m.targets], [[(5 * MIB, 65536)], []])
        self.assert_exports(m, server)
        self.end_pull(m)
        self.assert_ours_again(m, server)

    def test_example_of_the_documentation(self):
        m = self.machine(boots=False, disks=1)
        text = howto.example("formatbackup.rst", "socket", "python").replace('"web"', repr(m.name))
        text = text.replace('"qemu:///system"', repr(self.daemon.uri))
        done = subprocess.run([sys.executable, "-c", text],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        out = os.path.join(self.out, "copy")
        images.run(["nbdcopy", done.stdout.strip(), out])
        with open(out, "rb") as f:
            self.assertSame(m["vda"].model.data, f.read(), "vda by nbdcopy")
        self.end_pull(m)

    def test_ipv6(self):
        m, server = self.machine(boots=False, disks=1), listener(socket.AF_INET6)
        self.associate(m, server)
        self.begin(m, self.fd_xml(m))
        h = nbd.NBD()
        h.set_export_name("vda")
        h.connect_tcp("::1", str(port_of(server)))
        self.assertSame(m["vda"].model.data, images.read_all(h), "vda")
        h.shutdown()
        self.end_pull(m)
        self.assert_ours_again(m, server)

    def test_silent_and_stuck_clients(self):
        m, server = self.machine(boots=False, disks=1), listener()
        early = socket.create_connection(server.getsockname())     # before anybody serves it
        self.associate(m, server)
        self.begin(m, self.fd_xml(m))
        late = socket.create_connection(server.getsockname())
        stuck = images.connect("vda", port=port_of(server))
        for i in range(4):
            stuck.aio_pread(nbd.Buffer(8 * MIB), 0)
        started = time.monotonic()
        m.dom.abortJob()
        self.assertLess(time.monotonic() - started, 2)
        self.assert_answers(m, server, early, late)
        self.assert_ours_again(m, server)
        self.begin(m, self.fd_xml(m))
        self.assert_exports(m, server)
        self.end_pull(m)
        del stuck

    def test_socket_of_another_network(self):
        """A container's: its connections are not in the tables of our network."""
        sockets = sockets_elsewhere(connections=2)
        if not sockets:
            self.skipTest("no network namespaces")
        server, silent, reader = sockets
        m = self.machine(boots=False, disks=1)
        self.associate(m, server)
        self.begin(m, self.fd_xml(m))
        h = nbd.NBD()
        h.set_export_name("vda")
        h.connect_socket(reader.detach())
        self.assertSame(m["vda"].model.data, images.read_all(h), "vda")
        h.shutdown()
        m.dom.abortJob()
        self.assert_answers(m, server, silent)

    def test_one_socket_for_two_domains(self):
        m, other, server = self.machine(boots=False, disks=1), self.machine(boots=False, disks=1, name="other"), listener()
        self.associate(m, server)
        self.associate(other, server)
        self.begin(m, self.fd_xml(m))
        used = "socket that was passed: a backup of domain 'vm' uses it"
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, used, self.begin, other, self.fd_xml(other))
        self.restart_daemon()
        self.associate(other, server)
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, used, self.begin, other, self.fd_xml(other))
        self.assert_exports(m, server)
        second = listener()
        self.associate(other, second)
        self.begin(other, self.fd_xml(other))
        self.assert_exports(other, second)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "", self.begin, other, self.fd_xml(other))
        self.end_pull(m)
        self.end_pull(other)
        wait_until("QEMU to let go of the socket", lambda: not self.held(m, server), 15)
        self.associate(other, server)
        self.begin(other, self.fd_xml(other))
        self.assert_exports(other, server)
        self.end_pull(other)

    def test_daemon_restart(self):
        for kill in (False, True):
            m = self.machines[0] if self.machines else self.machine(boots=False, disks=1)
            with self.subTest(kill=kill), listener() as server:
                self.associate(m, server)
                self.begin(m, self.fd_xml(m))
                self.restart_daemon(kill=kill)
                self.assertIn("fdgroup='nbd'", m.dom.backupGetXMLDesc())
                silent = socket.create_connection(server.getsockname())
                self.assert_exports(m, server)
                m.dom.abortJob()
                self.assert_answers(m, server, silent)
                self.assert_ours_again(m, server)
                self.assertError(libvirt.VIR_ERR_INVALID_ARG, "nbd", self.begin, m, self.fd_xml(m))
                silent.close()

    def test_connection_that_passed_it_is_closed(self):
        m, server = self.machine(boots=False, disks=1), listener()
        self.associate(m, server)
        self.begin(m, self.fd_xml(m))
        self.disconnect()
        self.conn = self.connect()
        m.dom = self.conn.lookupByName(m.name)
        self.assert_exports(m, server)
        self.end_pull(m)
        self.assert_ours_again(m, server)

    def test_domain_ends_meanwhile(self):
        m, server = self.machine(boots=False, disks=1), listener()
        self.associate(m, server)
        self.begin(m, self.fd_xml(m))
        m.dom.destroy()
        with socket.create_connection(server.getsockname()):
            server.accept()[0].close()
        m.dom.create()
        self.begin(m, self.fd_xml(m))
        os.kill(self.qemu_pid(), signal.SIGKILL)
        wait_until("the end of the domain", lambda: not m.dom.isActive())
        with socket.create_connection(server.getsockname()):
            server.accept()[0].close()

    def test_what_is_not_served_on(self):
        m, server = self.machine(boots=False, disks=1), listener()
        path = os.path.join(self.tmp, "unix")
        named = socket.socket(socket.AF_UNIX)
        named.bind(path)
        named.listen()
        unbound = socket.socket()
        connected = socket.create_connection(server.getsockname())
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        file = open(os.path.join(self.tmp, "file"), "w")
        invalid, unsupported = libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_CONFIG_UNSUPPORTED
        for files, code, why in (
                ((server, unbound), invalid, "group 'g': they are 2, and it must be one"),
                ((unbound,), invalid, "'vm' on the descriptor of group 'g': it is not a stream socket that listens"),
                ((connected,), invalid, "not a stream socket that listens"),
                ((datagrams,), invalid, "not a stream socket that listens"),
                ((file,), invalid, "not a stream socket that listens"),
                ((named,), unsupported, "UNIX socket of group 'g': only TCP.*use transport='unix'")):
            with self.subTest(why):
                self.associate(m, *files, group="g")
                self.assertError(code, why, self.begin, m, self.fd_xml(m, "g"), "c")
                self.assertEqual(m.dom.listAllCheckpoints(), [])
        self.assertError(invalid, "unknown", self.begin, m, self.fd_xml(m, "unknown"))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        self.associate(m, server)
        m.dom.destroy()
        self.assertError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, "group 'nbd': the domain is not running.*'unix' or 'tcp'",
                         self.begin, m, self.fd_xml(m))
        m.dom.create()
        self.begin(m, self.fd_xml(m))
        self.end_pull(m)
        self.assert_ours_again(m, server)


if __name__ == "__main__":
    livetest.main()
