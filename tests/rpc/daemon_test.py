#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon as a peer of the wire protocol sees it, honest peers and others.

Usage: daemon_test.py WIREDAEMON
"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from wire_daemon import BINARY, SANITIZED, Daemon, probe, wait_for

REMOTE = 0x20008086
QEMU = 0x20008087
KEEPALIVE = 0x6b656570
MAX_LENGTH = 32 * 1024 * 1024 + 4


def error_of(header, body):
    assert header.status == probe.ERROR, "no error: status %d" % header.status
    error = probe.decode("error", body)
    return error["code"], error["domain"], error["message"]


class WithDaemon(unittest.TestCase):
    conf = ""
    args = ()

    def setUp(self):
        self.daemon = Daemon(self.conf, self.args)

    def tearDown(self):
        self.assertEqual(self.daemon.end(), 0)

    def raw_error(self, conn, number, body=b"", **options):
        return error_of(*conn.call_raw(number, body, **options))

    def assert_grown_less(self, before, kib):
        if not SANITIZED:
            self.assertLess(self.daemon.rss_kib() - before, kib)

    def assert_usable(self, conn):
        self.assertEqual(conn.call("CONNECT_GET_TYPE"), {"type": "QEMU"})

    def assert_dropped(self, sock):
        sock.settimeout(5)
        self.assertEqual(sock.recv(1), b"")


class Opening(WithDaemon):
    def test_sequence_and_features(self):
        with self.daemon.connect() as c:
            answers = [c.call("CONNECT_SUPPORTS_FEATURE", {"feature": n})["supported"]
                       for n in range(18)]
            self.assertEqual(answers, [0] * 8 + [1, 1, 1, 0, 0, 0, 1, 1, 1, 0])

    def test_names(self):
        accepted = ["qemu:///system", "qemu:///session", "", "qemu:///system?x=y"]
        refused = {"qemu:///": (1, 0, "internal error: unexpected qemu URI path '/', "
                                "try qemu:///system"),
                   "QEMU:///system": (5, 0, "no connection driver available for QEMU:///system"),
                   "xen:///": (5, 0, "no connection driver available for xen:///"),
                   "test:///default": (5, 0, "no connection driver available for test:///default"),
                   "qemu+unix:///system": (5, 0, "no connection driver available for "
                                           "qemu+unix:///system")}
        for name in accepted:
            with self.daemon.connect(uri=name, flags=0xfffffffe) as c:
                self.assert_usable(c)
        for name, wanted in refused.items():
            with self.daemon.connect(open=False) as c:
                body = probe.encode("connect_open_args", {"name": name, "flags": 0})
                self.assertEqual(self.raw_error(c, 1, body), wanted)

    def test_order(self):
        with self.daemon.connect(open=False) as c:
            self.assertEqual(self.raw_error(c, 3),
                             (1, 7, "internal error: hypervisor connection not open"))
            self.assertEqual(self.raw_error(c, 1, b"\0" * 8),
                             (1, 7, "internal error: connection not open"))
            c.open()
            body = probe.encode("connect_open_args", {"name": "qemu:///system", "flags": 0})
            self.assertEqual(self.raw_error(c, 1, body),
                             (1, 7, "internal error: connection already open"))
            self.assert_usable(c)

    def test_close_before_open(self):
        with self.daemon.connect(open=False) as c:
            self.assertIsNone(c.call("CONNECT_CLOSE"))
            self.assert_dropped(c.sock)

    def test_presence_word_of_another_library(self):
        with self.daemon.connect(open=False) as c:
            name = probe.encode("string", "qemu:///system")
            header, body = c.call_raw(1, b"\1\0\0\0" + name + b"\0\0\0\0")
            self.assertEqual((header.status, body), (probe.OK, b""))
            self.assert_usable(c)


class Calls(WithDaemon):
    def test_unknown(self):
        with self.daemon.connect() as c:
            for number in (0, -1, 107, 318, 444, 1 << 30):
                self.assertEqual(self.raw_error(c, number),
                                 (39, 7, "unknown procedure: %d" % number))
            for number in (0, 6, 8):
                self.assertEqual(self.raw_error(c, number, program=QEMU),
                                 (39, 7, "unknown procedure: %d" % number))
            self.assertEqual(self.raw_error(c, 3, program=77),
                             (39, 7, "Cannot find program 77 version 1"))
            self.assertEqual(self.raw_error(c, 3, version=2),
                             (39, 7, "Cannot find program %d version 2" % REMOTE))
            self.assertEqual(self.raw_error(c, 1, program=KEEPALIVE),
                             (39, 7, "Cannot find program %d version 1" % KEEPALIVE))
            self.assertEqual(self.raw_error(c, 3, status=2),
                             (39, 7, "Unexpected message status 2"))
            self.assert_usable(c)

    def test_known_but_not_carried_out(self):
        with self.daemon.connect() as c:
            with self.assertRaises(probe.RpcError) as caught:
                c.call("DOMAIN_MIGRATE_GET_MAX_DOWNTIME", {"dom": "alpha"})
            self.assertEqual((caught.exception.code, caught.exception.domain,
                              caught.exception.message),
                             (3, 20, "this function is not supported by the connection driver: "
                              "virDomainMigrateGetMaxDowntime"))

    def test_undecodable(self):
        with self.daemon.connect() as c:
            for body in (b"", b"\0\0\0", b"\0\0\0\5alp", b"\xff\xff\xff\xff" * 4,
                         b"\0\x40\0\1" + b"x" * 4100):
                self.assertEqual(self.raw_error(c, 23, body),
                                 (39, 7, "Unable to decode message payload"))
            self.assert_usable(c)

    def test_left_over_bytes_are_ignored(self):
        with self.daemon.connect() as c:
            body = probe.encode("domain_lookup_by_name_args", {"name": "alpha"})
            header, _ = c.call_raw(23, body + b"left over")
            self.assertEqual(header.status, probe.OK)

    def test_lists(self):
        with self.daemon.connect() as c:
            full = c.call("CONNECT_LIST_ALL_DOMAINS", {"need_results": 1, "flags": 3})
            self.assertEqual(([d["name"] for d in full["domains"]], full["ret"]),
                             (["alpha", "beta"], 2))
            self.assertEqual(c.call("CONNECT_LIST_ALL_DOMAINS", {"need_results": 0, "flags": 3}),
                             {"domains": [], "ret": 2})
            self.assertEqual(c.call("CONNECT_LIST_DOMAINS", {"maxids": 1}), {"ids": [1]})
            self.assertEqual(c.call("CONNECT_LIST_DOMAINS", {"maxids": 0}), {"ids": []})
            for maxids, text in ((16385, "maxids > REMOTE_DOMAIN_LIST_MAX"),
                                 (-1, "maxids must be non-negative")):
                body = struct.pack(">i", maxids)
                self.assertEqual(self.raw_error(c, 37, body), (39, 7, text))

    def test_header_is_echoed(self):
        with self.daemon.connect() as c:
            for serial in (0, 77, 0xffffffff, 77):
                header, _ = c.call_raw(3, serial=serial)
                self.assertEqual(header, (REMOTE, 1, 3, probe.REPLY, serial, probe.OK))

    def test_pipelining(self):
        with self.daemon.connect() as c:
            dom = c.call("DOMAIN_LOOKUP_BY_NAME", {"name": "beta"})["dom"]
            wanted = {}
            for i in range(50):
                name = ("DOMAIN_GET_STATE", "CONNECT_LIST_ALL_DOMAINS", "DOMAIN_GET_XML_DESC")[i % 3]
                args = {"need_results": 1, "flags": 3} if i % 3 == 1 else {"dom": dom}
                serial, row = c.send_call(name, args)
                wanted[serial] = row
            for serial, row in wanted.items():
                self.assertIsNotNone(c.wait_reply(serial, row))

    def test_messages_that_are_no_calls(self):
        with self.daemon.connect() as c:
            for kind in (probe.REPLY, probe.MESSAGE, probe.STREAM, probe.REPLY_FDS,
                         probe.STREAM_HOLE, 99, -1):
                body = b"\0\0\0\0" if kind == probe.REPLY_FDS else b""
                header = probe.Header(REMOTE, 1, 3, kind, 4711, probe.OK)
                c.sock.sendall(probe.frame(header, body))
            self.assert_usable(c)
            self.assertNotIn(4711, c.replies)

    def test_big_reply(self):
        with self.daemon.connect() as c:
            for size in (1 << 16, 4194304):
                args = {"dom": "alpha", "cmd": "size %d" % size, "flags": 0}
                reply = c.call("DOMAIN_MONITOR_COMMAND", args, "qemu")
                self.assertEqual(len(reply["result"]), size)
            args["cmd"] = "size 4194305"
            with self.assertRaises(probe.RpcError) as caught:
                c.call("DOMAIN_MONITOR_COMMAND", args, "qemu")
            self.assertEqual((caught.exception.code, caught.exception.message),
                             (39, "result of 4194305 bytes is longer than "
                              "the 4194304 of the protocol"))
            self.assert_usable(c)


class Framing(WithDaemon):
    def test_impossible_lengths(self):
        for length in (0, 3, 4, 27, MAX_LENGTH + 1, 0xffffffff):
            with self.daemon.connect() as c:
                c.sock.sendall(struct.pack(">I", length))
                self.assert_dropped(c.sock)
                c.opened = False
        self.daemon.expect_fds_back()

    def test_longest_message(self):
        with self.daemon.connect() as c:
            header, _ = c.call_raw(3, b"\0" * (MAX_LENGTH - 28))
            self.assertEqual(header.status, probe.OK)
            self.assert_usable(c)

    def test_announced_length_costs_nothing(self):
        before = self.daemon.rss_kib()
        silent = [self.daemon.connect() for _ in range(20)]
        for c in silent:
            c.sock.sendall(struct.pack(">I", MAX_LENGTH) + b"\0" * 24)
        time.sleep(0.3)
        self.assert_grown_less(before, 8192)
        for c in silent:
            c.sock.close()
            c.sock = None
        self.daemon.expect_fds_back()

    def test_error_longer_than_a_string(self):
        """what an error quotes is cut, so that every call has an answer"""
        with self.daemon.connect() as c:
            for filler in ("a", "\u00e9"):
                name = filler * (4194304 // len(filler.encode()))
                with self.assertRaises(probe.RpcError) as caught:
                    c.call("DOMAIN_LOOKUP_BY_NAME", {"name": name})
                self.assertEqual(caught.exception.code, 42)
                self.assertRegex(caught.exception.message, "^Domain not found: .*%s[.]{3}$" % filler)
                self.assertLess(len(caught.exception.message), 20000)
            self.assert_usable(c)

    def test_byte_by_byte(self):
        with self.daemon.connect() as c:
            message = probe.frame(probe.Header(REMOTE, 1, 3, probe.CALL, 99, 0), b"")
            for i in range(len(message)):
                c.sock.sendall(message[i:i + 1])
                time.sleep(0.001)
            wait_for(lambda: c._pump(time.monotonic() + 0.1) and 99 in c.replies, "the reply")

    def test_descriptors(self):
        with self.daemon.connect() as c:
            null = os.open("/dev/null", os.O_RDONLY)
            for count in (0, 1, 32):
                header = probe.Header(REMOTE, 1, 3, probe.CALL_FDS, 1000 + count, 0)
                c.sock.sendall(probe.frame(header, struct.pack(">I", count)))
                for _ in range(count):
                    socket.send_fds(c.sock, [b"\0"], [null])
                self.assert_usable(c)
                wait_for(lambda: 1000 + count in c.replies or c._pump(time.monotonic() + 0.1), "the reply")
            wait_for(lambda: self.daemon.count_fds() == self.daemon.fds_at_start + 1, "its own descriptors")
            os.close(null)

    def test_more_descriptors_than_announced(self):
        null = os.open("/dev/null", os.O_RDONLY)
        for several in (2, 3, 30):
            with self.daemon.connect() as c:
                header = probe.Header(REMOTE, 1, 3, probe.CALL_FDS, 2000, 0)
                c.sock.sendall(probe.frame(header, struct.pack(">I", 4)))
                socket.send_fds(c.sock, [b"\0"], [null] * several)
                self.assert_dropped(c.sock)
                c.opened = False
        os.close(null)
        self.daemon.expect_fds_back()

    def test_too_many_or_missing_descriptors(self):
        for count, after in ((33, b""), (0xffffffff, b""), (1, b"\0")):
            with self.daemon.connect() as c:
                header = probe.Header(REMOTE, 1, 3, probe.CALL_FDS, 1, 0)
                c.sock.sendall(probe.frame(header, struct.pack(">I", count)) + after)
                self.assert_dropped(c.sock)
                c.opened = False
        with self.daemon.connect() as c:
            c.sock.sendall(probe.frame(probe.Header(REMOTE, 1, 3, probe.CALL_FDS, 1, 0), b""))
            self.assert_dropped(c.sock)
            c.opened = False


class Associate(WithDaemon):
    """virDomainFDAssociate: the descriptors of a call reach its driver, and nothing of them stays"""
    NAME = "DOMAIN_FD_ASSOCIATE"
    NUMBER = 443

    def arguments(self, c, **more):
        dom = c.call("DOMAIN_LOOKUP_BY_NAME", {"name": "alpha"})["dom"]
        return dict({"dom": dom, "name": "group", "flags": 0}, **more)

    def files(self, count):
        files = [tempfile.TemporaryFile() for _ in range(count)]
        for f in files:
            self.addCleanup(f.close)
        return files

    def written(self, files):
        for f in files:
            f.seek(0)
        return [f.read().decode() for f in files]

    def test_they_arrive_in_their_order(self):
        for count in (1, 2, 32):
            files = self.files(count)
            with self.daemon.connect() as c:
                self.assertIsNone(c.call(self.NAME, self.arguments(c, flags=3),
                                         fds=[f.fileno() for f in files]))
            self.assertEqual(self.written(files), ["alpha group %d\n" % i for i in range(count)])
        self.daemon.expect_fds_back()

    def test_many_calls_at_once(self):
        files = self.files(40)
        with self.daemon.connect() as c:
            args = self.arguments(c)
            calls = [c.send_call(self.NAME, args, fds=[f.fileno()]) for f in files]
            for serial, row in calls:
                self.assertIsNone(c.wait_reply(serial, row))
        self.assertEqual(self.written(files), ["alpha group 0\n"] * len(files))
        self.daemon.expect_fds_back()

    def test_refusals(self):
        null = os.open("/dev/null", os.O_WRONLY)
        self.addCleanup(os.close, null)
        without = (8, 20, "nfds in virDomainFDAssociate must not be zero")
        with self.daemon.connect() as c:
            for flags in (0, 4):
                body = probe.encode("domain_fd_associate_args", self.arguments(c, flags=flags))
                self.assertEqual(self.raw_error(c, self.NUMBER, body), without)
                self.assertEqual(self.raw_error(c, self.NUMBER, struct.pack(">I", 0) + body,
                                                mtype=probe.CALL_FDS), without)
            for args, wanted in (({"flags": 4}, (8, 10)),
                                 ({"dom": {"name": "gamma", "uuid": "0" * 32, "id": 9}}, (42, 10))):
                with self.assertRaises(probe.RpcError) as caught:
                    c.call(self.NAME, self.arguments(c, **args), fds=[null])
                self.assertEqual((caught.exception.code, caught.exception.domain), wanted)
            self.assert_usable(c)
        self.daemon.expect_fds_back()

    def half_passed(self, c, announced=5, passed=3):
        """a call of which the rest of the descriptors is still to come"""
        body = probe.encode("domain_fd_associate_args", self.arguments(c))
        header = probe.Header(REMOTE, 1, self.NUMBER, probe.CALL_FDS, 77, 0)
        c.sock.sendall(probe.frame(header, struct.pack(">I", announced) + body))
        with open(os.devnull) as null:
            for _ in range(passed):
                socket.send_fds(c.sock, [b"\0"], [null.fileno()])

    def test_closed_in_the_middle(self):
        for passed in range(5):
            c = self.daemon.connect()
            self.half_passed(c, passed=passed)
            c.sock.close()
            self.daemon.expect_fds_back()

    def test_rest_never_comes(self):
        slow = [self.daemon.connect() for _ in range(3)]
        for c in slow:
            self.half_passed(c)
        with self.daemon.connect() as c:
            self.assert_usable(c)
        for c in slow:
            self.assertFalse(c._pump(time.monotonic() + 0.1))
            c.sock.close()
        self.daemon.expect_fds_back()

    def test_messages_that_take_none(self):
        null = os.open(os.devnull, os.O_RDONLY)
        self.addCleanup(os.close, null)
        dom = probe.encode("domain", {"name": "alpha"})
        for header, answered in (
                (probe.Header(REMOTE, 1, 3, probe.CALL_FDS, 5000, 0), True),      # on the main loop
                (probe.Header(REMOTE, 1, 23, probe.CALL_FDS, 5000, 0), True),     # by a worker
                (probe.Header(REMOTE, 1, 98765, probe.CALL_FDS, 5000, 0), True),  # no such procedure
                (probe.Header(0x12345678, 1, 3, probe.CALL_FDS, 5000, 0), True),  # ... nor program
                (probe.Header(REMOTE, 1, 3, probe.CALL_FDS, 5000, 2), True),      # status of a stream
                (probe.Header(REMOTE, 1, 3, probe.REPLY_FDS, 5000, 0), False)):
            with self.daemon.connect() as c:
                c.sock.sendall(probe.frame(header, struct.pack(">I", 8) + dom))
                for _ in range(8):
                    socket.send_fds(c.sock, [b"\0"], [null])
                self.assert_usable(c)
                if answered:
                    wait_for(lambda: header.serial in c.replies or c._pump(time.monotonic() + 0.1), "reply")
            self.daemon.expect_fds_back()

    def lingering_socket(self, seconds):
        """close() of the last descriptor of it waits @seconds for a peer that does not read"""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sock = socket.create_connection(listener.getsockname())
            peer, _ = listener.accept()
        self.addCleanup(peer.close)
        sock.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                sock.send(b"x" * 65536)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))
        return sock

    def hand_over(self, c, sock):
        """the daemon's is the last descriptor of @sock when it begins to read"""
        self.daemon.process.send_signal(signal.SIGSTOP)
        try:
            socket.send_fds(c.sock, [b"\0"], [sock.fileno()])
            sock.close()
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)

    def assert_serves(self, c, what):
        begun = time.monotonic()
        for _ in range(3):
            time.sleep(0.1)
            self.assert_usable(c)
        self.assertLess(time.monotonic() - begun, 3, what)

    def test_descriptor_that_cannot_be_closed_at_once(self):
        for header in (probe.Header(REMOTE, 1, 3, probe.CALL_FDS, 5000, 0),
                       probe.Header(REMOTE, 1, 98765, probe.CALL_FDS, 5000, 0),
                       probe.Header(0x12345678, 1, 3, probe.CALL_FDS, 5000, 0),
                       probe.Header(REMOTE, 1, 3, probe.CALL_FDS, 5000, 2),
                       probe.Header(REMOTE, 1, 3, probe.REPLY_FDS, 5000, 0)):
            with self.daemon.connect() as c, self.daemon.connect() as other:
                c.sock.sendall(probe.frame(header, struct.pack(">I", 1)))
                self.hand_over(c, self.lingering_socket(6))
                self.assert_serves(other, header)

    def test_connection_closed_that_has_passed_such_a_descriptor(self):
        with self.daemon.connect() as other:
            c = self.daemon.connect()
            self.half_passed(c, passed=0)
            self.hand_over(c, self.lingering_socket(6))
            wait_for(lambda: self.daemon.count_fds() == self.daemon.fds_at_start + 3, "it to arrive")
            c.sock.close()
            self.assert_serves(other, "after the end of the connection")

    @unittest.skipIf(os.geteuid() != 0, "the instance of a user has no read-only socket")
    def test_readonly_client_cannot_make_the_daemon_hold_any(self):
        slow = [probe.Connection(self.daemon.readonly, timeout=10) for _ in range(3)]
        for c in slow:
            self.half_passed(c)
        time.sleep(0.3)
        self.assertEqual(self.daemon.count_fds(), self.daemon.fds_at_start + len(slow))
        for c in slow:
            c.sock.close()
        with probe.Connection(self.daemon.readonly, timeout=10) as c:
            self.half_passed(c, announced=1, passed=0)
            c.sock.sendall(b"\0")      # without
            self.assert_dropped(c.sock)
            c.opened = False
        self.daemon.expect_fds_back()

    @unittest.skipIf(os.geteuid() != 0, "the instance of a user has no read-only socket")
    def test_readonly(self):
        files = self.files(1)
        for where, flags in ((self.daemon.readonly, 0), (self.daemon.socket, 1)):
            with probe.Connection(where, flags=flags, timeout=10) as c:
                with self.assertRaises(probe.RpcError) as caught:
                    c.call(self.NAME, self.arguments(c), fds=[files[0].fileno()])
                self.assertEqual((caught.exception.code, caught.exception.domain,
                                  caught.exception.message),
                                 (29, 20, "operation forbidden: read only access prevents "
                                  "virDomainFDAssociate"))
                self.assert_usable(c)
        self.assertEqual(self.written(files), [""])
        self.daemon.expect_fds_back()


def argument_sets(row):
    """arguments that the rule of the row refuses, and arguments that it lets pass"""
    if isinstance(row["ro"], list):
        name, value = row["ro"]
        return [{name: value}], [{}]
    return ([{}], []) if row["ro"] == "deny" else ([], [{}])


@unittest.skipIf(os.geteuid() != 0, "the instance of a user has no read-only socket")
class Readonly(WithDaemon):
    secure = " with secure flag"

    def check_table(self, connect):
        refused = 0
        for program in ("remote", "qemu"):
            for row in probe.TABLES["procedures"][program]:
                # The table's own rows would end the connection, or need more than empty arguments.
                if row.get("event") or row["name"] in ("CONNECT_CLOSE", "CONNECT_OPEN"):
                    continue
                number = probe.PROGRAMS[program][0]
                deny, allow = argument_sets(row)
                for args in deny:
                    body = probe.encode(row["args"], args)
                    code, _, text = self.raw_error(connect, row["n"], body, program=number)
                    self.assertEqual(code, 29, row["name"])
                    self.assertTrue(text.startswith("operation forbidden: "), text)
                    self.assertIn("vir", text)
                    refused += 1
                for args in allow:
                    header, body = connect.call_raw(row["n"], probe.encode(row["args"], args),
                                                    program=number)
                    if header.status == probe.ERROR:
                        self.assertNotEqual(error_of(header, body)[0], 29, row["name"])
        self.assertEqual(refused, 209)

    def test_table_on_the_readonly_socket(self):
        with probe.Connection(self.daemon.readonly, timeout=10) as c:
            self.check_table(c)
            self.assert_usable(c)

    def test_table_with_the_open_flag(self):
        with self.daemon.connect(flags=1) as c:
            self.check_table(c)

    def test_texts(self):
        wanted = {
            "DOMAIN_SUSPEND": (20, "read only access prevents virDomainSuspend"),
            "NETWORK_CREATE": (19, "read only access prevents virNetworkCreate"),
            "STORAGE_POOL_BUILD": (18, "read only access prevents virStoragePoolBuild"),
            "DOMAIN_CHECKPOINT_DELETE": (69, "read only access prevents virDomainCheckpointDelete"),
            "DOMAIN_SNAPSHOT_DELETE": (35, "read only access prevents virDomainSnapshotDelete"),
            "NODE_DEVICE_RESET": (22, "read only access prevents virNodeDeviceReset"),
            "SECRET_GET_VALUE": (30, "read only access prevents virSecretGetValue"),
            "NODE_GET_SEV_INFO": (20, "read only access prevents virNodeGetSEVInfo"),
        }
        with probe.Connection(self.daemon.readonly, timeout=10) as c:
            for name, (domain, text) in wanted.items():
                row = probe.BY_NAME[("remote", name)]
                answer = self.raw_error(c, row["n"], probe.encode(row["args"], {}))
                self.assertEqual(answer, (29, domain, "operation forbidden: " + text))
            answer = self.raw_error(c, 1, probe.encode("qemu_domain_monitor_command_args", {}),
                                    program=QEMU)
            self.assertEqual(answer, (29, 0, "operation forbidden: read only access prevents "
                                      "virDomainQemuMonitorCommand"))
            for number, kind, domain, api in ((14, "domain_get_xml_desc_args", 20,
                                               "virDomainGetXMLDesc"),
                                              (412, "domain_checkpoint_get_xml_desc_args", 69,
                                               "virDomainCheckpointGetXMLDesc")):
                answer = self.raw_error(c, number, probe.encode(kind, {"flags": 1}))
                self.assertEqual(answer, (29, domain, "operation forbidden: %s with secure flag"
                                          % api))

    def test_nothing_happens(self):
        with self.daemon.connect() as c, probe.Connection(self.daemon.readonly, timeout=10) as r:
            with self.assertRaises(probe.RpcError):
                r.call("DOMAIN_SUSPEND", {"dom": "alpha"})
            self.assertEqual(c.call("DOMAIN_GET_STATE", {"dom": "alpha"})["state"], 1)


class Events(WithDaemon):
    def register(self, c, event, dom=None):
        return c.call("CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY",
                      {"eventID": event, "dom": dom})["callbackID"]

    def events(self, c, count):
        wait_for(lambda: len(c.events) >= count or c._pump(time.monotonic() + 0.1), "events")
        wait_for(lambda: len(c.events) >= count or not c._pump(time.monotonic() + 0.3), "events")
        return [c.events.popleft() for _ in range(len(c.events))]

    def test_all_ids(self):
        with self.daemon.connect() as c:
            ids = [self.register(c, event) for event in range(27)]
            self.assertEqual(ids, sorted(set(ids)))
            for bad in (27, -1):
                body = probe.encode("connect_domain_event_callback_register_any_args",
                                    {"eventID": bad})
                self.assertEqual(self.raw_error(c, 316, body),
                                 (1, 7, "internal error: unsupported event ID %d" % bad))
            for i in ids:
                c.call("CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY", {"callbackID": i})
            self.assertEqual(self.raw_error(c, 317, struct.pack(">i", ids[0])),
                             (1, 7, "internal error: domain event callback %d not registered"
                              % ids[0]))

    def test_callback_form(self):
        with self.daemon.connect() as c:
            anywhere = self.register(c, 0)
            alpha = self.register(c, 0, "alpha")
            beta = self.register(c, 0, "beta")
            body = probe.encode("connect_domain_event_callback_register_any_args", {"eventID": 0})
            self.assertEqual(self.raw_error(c, 316, body),
                             (8, 0, "invalid argument: event callback already tracked"))
            c.call("DOMAIN_SUSPEND", {"dom": "alpha"})
            got = self.events(c, 2)
            self.assertEqual([(e["proc"], e["serial"]) for e in got], [(318, 1)] * 2)
            self.assertEqual({e["msg"]["callbackID"] for e in got}, {anywhere, alpha})
            self.assertEqual((got[0]["msg"]["msg"]["dom"]["name"], got[0]["msg"]["msg"]["event"]),
                             ("alpha", 3))
            self.assertNotIn(beta, [e["msg"]["callbackID"] for e in got])

    def test_legacy_forms(self):
        with self.daemon.connect() as c:
            c.call("CONNECT_DOMAIN_EVENT_REGISTER_ANY", {"eventID": 0})
            body = probe.encode("connect_domain_event_callback_register_any_args", {"eventID": 0})
            self.assertEqual(self.raw_error(c, 316, body)[:2], (8, 0))
            self.assertEqual(self.raw_error(c, 167, struct.pack(">i", 16)),
                             (1, 7, "internal error: unsupported event ID 16"))
            c.call("DOMAIN_RESUME", {"dom": "beta"})
            got = self.events(c, 1)
            self.assertEqual([(e["proc"], e["msg"]["event"], e["msg"]["dom"]["id"]) for e in got],
                             [(107, 4, 2)])
            c.call("CONNECT_DOMAIN_EVENT_DEREGISTER_ANY", {"eventID": 0})
            c.call("CONNECT_DOMAIN_EVENT_REGISTER")
            c.call("CONNECT_DOMAIN_EVENT_DEREGISTER")
            c.call("DOMAIN_RESUME", {"dom": "beta"})
            self.assert_usable(c)
            self.assertFalse(c.events)

    def test_order(self):
        with self.daemon.connect() as c:
            self.register(c, 0)
            for i in range(40):
                c.call("DOMAIN_RESUME" if i % 2 else "DOMAIN_SUSPEND", {"dom": "alpha"})
            got = [e["msg"]["msg"]["event"] for e in self.events(c, 40)]
            self.assertEqual(got, [3, 4] * 20)

    def test_one_counter_for_both_programs(self):
        with self.daemon.connect() as c:
            first = self.register(c, 0)
            second = c.call("CONNECT_DOMAIN_MONITOR_EVENT_REGISTER",
                            {"dom": None, "event": "FLOOD", "flags": 0}, "qemu")["callbackID"]
            self.assertNotEqual(first, second)
            args = {"dom": "alpha", "cmd": "flood 2", "flags": 0}
            c.call("DOMAIN_MONITOR_COMMAND", args, "qemu")
            got = self.events(c, 2)
            self.assertEqual([(e["program"], e["proc"], e["msg"]["callbackID"], e["msg"]["event"],
                               e["msg"]["seconds"], len(e["msg"]["details"])) for e in got],
                             [("qemu", 6, second, "FLOOD", n, 65536) for n in (1, 0)])
            c.call("CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER", {"callbackID": second}, "qemu")
            self.assertEqual(self.raw_error(c, 5, struct.pack(">i", second), program=QEMU),
                             (1, 7, "internal error: qemu monitor event callback %d not registered"
                              % second))

    def test_who_does_not_read_is_dropped(self):
        before = self.daemon.rss_kib()
        sleeper = self.daemon.connect()
        sleeper.call("CONNECT_DOMAIN_MONITOR_EVENT_REGISTER",
                     {"dom": None, "event": None, "flags": 0}, "qemu")
        with self.daemon.connect() as c:
            c.call("DOMAIN_MONITOR_COMMAND",
                   {"dom": "alpha", "cmd": "flood 1000", "flags": 0}, "qemu")
            wait_for(lambda: self.daemon.count_fds() == self.daemon.fds_at_start + 1,
                     "the sleeper to be dropped")
            self.assert_usable(c)
        self.assert_grown_less(before, 32768)
        sleeper.sock.close()

    def test_who_leaves_takes_its_callbacks_along(self):
        for _ in range(30):
            c = self.daemon.connect()
            self.register(c, 0)
            c.send_call("DOMAIN_SUSPEND", {"dom": c.call("DOMAIN_LOOKUP_BY_NAME",
                                                         {"name": "alpha"})["dom"]})
            c.sock.close()
        self.daemon.expect_fds_back()


class Load(WithDaemon):
    def test_many_clients(self):
        clients = [self.daemon.connect() for _ in range(300)]
        for c in clients:
            self.assert_usable(c)
        for c in clients[:150]:
            c.close()
        for c in clients[150:]:
            c.sock.close()
        self.daemon.expect_fds_back()

    def test_disconnect_in_the_middle_of_a_call(self):
        for _ in range(10):
            c = self.daemon.connect()
            dom = c.call("DOMAIN_LOOKUP_BY_NAME", {"name": "alpha"})["dom"]
            for _ in range(7):
                c.send_call("DOMAIN_RESET", {"dom": dom, "flags": 0})
            c.sock.close()
        with self.daemon.connect() as c:
            self.assert_usable(c)
        self.daemon.expect_fds_back()

    def test_reserved_workers(self):
        stuck = [self.daemon.connect() for _ in range(6)]
        for c in stuck:
            dom = c.call("DOMAIN_LOOKUP_BY_NAME", {"name": "alpha"})["dom"]
            for _ in range(5):
                c.send_call("DOMAIN_RESET", {"dom": dom, "flags": 0})
        begun = time.monotonic()
        with self.daemon.connect() as c:
            c.call("CONNECT_LIST_ALL_DOMAINS", {"need_results": 1, "flags": 0})
            self.assertLess(time.monotonic() - begun, 0.5)
        for c in stuck:
            c.close()

    def test_unread_replies_are_bounded(self):
        with self.daemon.connect() as c:
            dom = c.call("DOMAIN_LOOKUP_BY_NAME", {"name": "alpha"})["dom"]
            before = self.daemon.rss_kib()
            calls = [c.send_call("DOMAIN_MONITOR_COMMAND",
                                 {"dom": dom, "cmd": "size 4000000", "flags": 0}, "qemu")
                     for _ in range(40)]
            time.sleep(1)
            self.assert_grown_less(before, 80 * 1024)
            for serial, row in calls:
                self.assertEqual(len(c.wait_reply(serial, row, "qemu")["result"]), 4000000)


class Keepalive(WithDaemon):
    conf = "keepalive_interval = 1\nkeepalive_count = 2\n"

    def quiet(self, c, seconds):
        """messages that arrive unasked, as (seconds since the call, header), None at the end"""
        got = []
        begun = time.monotonic()
        c.sock.settimeout(seconds)
        while time.monotonic() - begun < seconds:
            try:
                data = c.sock.recv(28)
            except TimeoutError:
                break
            at = time.monotonic() - begun
            if not data:
                return got + [(at, None)]
            got.append((at, probe._HDR.unpack(data[4:])))
        return got

    def test_silent_client_is_pinged_and_dropped(self):
        with self.daemon.connect() as c:
            c.opened = False
            got = self.quiet(c, 5)
            ping = (KEEPALIVE, 1, 1, probe.MESSAGE, 0, probe.OK)
            self.assertEqual([header for _, header in got], [ping, ping, None])
            for (at, _), wanted in zip(got, (1, 2, 3)):
                self.assertAlmostEqual(at, wanted, delta=0.4)

    def test_who_never_promised_is_not_pinged(self):
        with self.daemon.connect(open=False) as c:
            c.call("AUTH_LIST")
            self.assertEqual(self.quiet(c, 2.5), [])

    def test_any_message_counts(self):
        with self.daemon.connect() as c:
            for _ in range(8):
                time.sleep(0.5)
                self.assert_usable(c)
            self.assertEqual(c.pings, 0)

    def test_ping_is_answered(self):
        with self.daemon.connect(open=False) as c:
            c.sock.sendall(probe.frame(probe.Header(KEEPALIVE, 1, 1, probe.MESSAGE, 0, 0), b""))
            c.sock.sendall(probe.frame(probe.Header(KEEPALIVE, 1, 2, probe.MESSAGE, 0, 0), b""))
            c.sock.sendall(probe.frame(probe.Header(KEEPALIVE, 1, 9, probe.MESSAGE, 0, 0), b""))
            got = self.quiet(c, 0.5)
            self.assertEqual([header for _, header in got],
                             [(KEEPALIVE, 1, 2, probe.MESSAGE, 0, probe.OK)])


class Anonymous(WithDaemon):
    conf = "max_anonymous_clients = 3\nmax_clients = 5\n"

    def test_places(self):
        silent = []
        for _ in range(3):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.daemon.socket)
            silent.append(s)
        late = self.daemon.connect(open=False, timeout=0.5)
        with self.assertRaises(probe.WireError):
            late.call("AUTH_LIST")
        silent.pop().close()
        late.timeout = 5
        wait_for(lambda: late._pump(time.monotonic() + 1), "the late client's turn")
        known = [self.daemon.connect() for _ in range(2)]
        full = self.daemon.connect(open=False, timeout=0.5)
        with self.assertRaises(probe.WireError):
            full.call("AUTH_LIST")
        known[0].close()
        wait_for(lambda: full._pump(time.monotonic() + 1), "a place")
        for s in silent:
            s.close()


class Process(unittest.TestCase):
    def run_daemon(self, *args):
        return subprocess.run([BINARY] + list(args), capture_output=True, text=True, timeout=20)

    def test_help_version_and_bad_arguments(self):
        self.assertIn("--timeout", self.run_daemon("--help").stdout)
        self.assertRegex(self.run_daemon("--version").stdout, r"^virtqemud .*\d")
        for args in (["--nonsense"], ["stray"], ["--timeout", "soon"]):
            self.assertEqual(self.run_daemon(*args).returncode, 1, args)

    def test_only_one(self):
        daemon = Daemon()
        second = self.run_daemon("--root", daemon.root)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another virtqemud (process %d) holds" % daemon.process.pid, second.stderr)
        with daemon.connect() as c:
            self.assertEqual(c.call("CONNECT_GET_TYPE"), {"type": "QEMU"})
        self.assertEqual(daemon.end(), 0)

    def test_clean_end_and_stale_files(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            daemon = Daemon()
            client = daemon.connect()
            extra = os.path.join(daemon.root, "run/libvirt")
            daemon.process.send_signal(sig)
            self.assertEqual(daemon.process.wait(10), 0)
            self.assertEqual(os.listdir(extra), [])
            client.sock.close()
            daemon.end()
        daemon = Daemon()
        daemon.process.kill()
        daemon.process.wait()
        again = subprocess.Popen([BINARY, "--root", daemon.root])
        wait_for(lambda: self.answers(daemon.socket), "a daemon over the remains of another")
        again.terminate()
        self.assertEqual(again.wait(10), 0)
        daemon.end()

    def answers(self, path):
        try:
            with probe.Connection(path, timeout=2):
                return True
        except OSError:
            return False

    def test_end_waits_for_calls(self):
        daemon = Daemon()
        c = daemon.connect()
        c.send_call("DOMAIN_RESET", {"dom": c.call("DOMAIN_LOOKUP_BY_NAME",
                                                   {"name": "alpha"})["dom"], "flags": 0})
        time.sleep(0.2)
        begun = time.monotonic()
        self.assertEqual(daemon.end(), 0)
        self.assertGreater(time.monotonic() - begun, 0.4)
        c.sock.close()

    def test_idle_exit(self):
        daemon = Daemon(args=["--timeout", "1"])
        with daemon.connect():
            time.sleep(2.5)
            self.assertIsNone(daemon.process.poll())
        self.assertEqual(daemon.process.wait(10), 0)
        daemon.end()

    def test_background(self):
        daemon = Daemon()
        daemon.process.terminate()
        daemon.process.wait()
        extra = os.path.join(daemon.root, "extra.pid")
        done = self.run_daemon("--daemon", "--root", daemon.root, "-p", extra)
        self.assertEqual(done.returncode, 0, done.stderr)
        with probe.Connection(daemon.socket, timeout=2):
            pass
        with open(extra) as text:
            pid = int(text.read())
        second = self.run_daemon("--daemon", "--root", daemon.root)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another virtqemud", second.stderr)
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not os.path.exists(extra), "the end of the background daemon")
        daemon.end()

    def test_configuration(self):
        for text, wanted in (("max_clientz = 1\n", "max_clientz"),
                             ("max_workers = 0\n", "max_workers = 0 is out of range"),
                             ("min_workers = 30\n", "min_workers is greater than max_workers")):
            with self.assertRaises(AssertionError) as caught:
                Daemon(text)
            self.assertIn(wanted, str(caught.exception))
        with tempfile.TemporaryDirectory(prefix="wire-") as root:
            missing = self.run_daemon("--root", root, "-f", os.path.join(root, "none.conf"))
        self.assertEqual(missing.returncode, 1)

    def test_reload(self):
        daemon = Daemon("max_clients = 1\n")
        with daemon.connect():
            late = daemon.connect(open=False, timeout=0.3)
            with self.assertRaises(probe.WireError):
                late.call("AUTH_LIST")
            with open(daemon.conf, "w") as out:
                out.write("max_clients = 2\n")
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: late._pump(time.monotonic() + 1), "the new limit")
            late.close()
        self.assertEqual(daemon.end(), 0)

    @unittest.skipIf(SANITIZED, "built with a sanitizer")
    def test_idle_memory(self):
        daemon = Daemon()
        with daemon.connect() as c:
            c.call("CONNECT_LIST_ALL_DOMAINS", {"need_results": 1, "flags": 0})
        rss = daemon.rss_kib()
        print("idle memory: %d KiB" % rss)
        self.assertLess(rss, 12 * 1024)
        self.assertEqual(daemon.end(), 0)


@unittest.skipIf(shutil.which("virsh") is None, "no stock virsh on this machine")
class StockVirsh(WithDaemon):
    def virsh(self, *args, readonly=False):
        path = self.daemon.readonly if readonly else self.daemon.socket
        return subprocess.run(["virsh"] + (["-r"] if readonly else []) +
                              ["-c", "qemu+unix:///system?socket=" + path] + list(args),
                              capture_output=True, text=True, timeout=20)

    def test_commands(self):
        self.assertEqual(self.virsh("list", "--name").stdout.split(), ["alpha", "beta"])
        self.assertRegex(self.virsh("list").stdout, r"1 +alpha +running")
        self.assertEqual(self.virsh("suspend", "alpha").returncode, 0)
        self.assertEqual(self.virsh("domstate", "alpha").stdout.strip(), "paused")
        self.assertIn("failed to get domain 'gamma'", self.virsh("suspend", "gamma").stderr)
        refused = self.virsh("resume", "alpha", readonly=True)
        self.assertIn("read only access prevents virDomainResume", refused.stderr)

    def test_events(self):
        watch = subprocess.Popen(["virsh", "-c", "qemu+unix:///system?socket=" + self.daemon.socket,
                                  "event", "--all", "--loop", "--timeout", "2"],
                                 stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        self.virsh("suspend", "beta")
        out, _ = watch.communicate(timeout=20)
        self.assertIn("event 'lifecycle' for domain 'beta': Suspended", out)
        self.assertIn("events received: 1", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
