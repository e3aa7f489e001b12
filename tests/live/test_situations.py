#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can befall a pull, one row a situation. In each of them the guest writes all the time and counts how
long that takes. It never leaves running, no write fails or takes as long as the cbw-timeout, the
backup ends within two seconds of being told to, nothing stays, and the next one works.

    test_situations.py Situations.test_NAME      one row
"""
import os
import socket
import threading
import time
from concurrent import futures

import libvirt
import nbd

import images
import livetest
import model
import nbdbytes
from daemon import wait_until

MIB = 1 << 20
SIZE, FILLED, SPAN = 32 * MIB, 16 * MIB, 8 * MIB
CBW_SECONDS = 5
END_SECONDS = 2
LIMIT = 2 * MIB
OPTIONS = "<f:options xmlns:f='urn:fleece:1' cbw-timeout='%d' %s/>"


class Row:
    """@act(test, machine): brings the situation about; what it returns is kept until the end.
    @fails: what the error of the backup says; None if it does not fail. @options: of the request.
    @room: bytes of a scratch file system of its own. @stall: seconds that a write may take."""

    def __init__(self, name, act, fails=None, options="", incremental=False, room=0, stall=CBW_SECONDS):
        self.name, self.act, self.fails, self.options = name, act, fails, options
        self.incremental, self.room, self.stall = incremental, room, stall


def nothing(test, m):
    """The guest's writes are all that happens."""


def silent_clients(test, m):
    """Connected, and not a word, or one."""
    clients = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    for i, client in enumerate(clients):
        client.connect(test.socket_path())
        if i % 2:
            client.sendall(b"\0\0\0\3IHAVE")
    return clients


def hang_in_read(test):
    """A client that has asked for much more than a socket holds, and reads none of it."""
    h = images.connect("vda", test.socket_path())
    h.buffers = [nbd.Buffer(8 * MIB) for _ in range(4)]
    for b in h.buffers:
        h.aio_pread(b, 0)
    while h.aio_get_direction() & nbd.AIO_DIRECTION_WRITE:
        h.aio_notify_write()
    return h


def hanging_clients(test, m):
    return [hang_in_read(test) for _ in range(3)]


def hundred_clients(test, m):
    """All connected at once, and each reads; a third of them stop in the middle, a third leave."""
    clients = [images.connect("vda", test.socket_path()) for _ in range(100)]
    for i, h in enumerate(clients):
        test.assertEqual(len(h.pread(65536, i * 65536)), 65536)
    for h in clients[::3]:
        h.aio_pread(nbd.Buffer(8 * MIB), 0)
    del clients[1::3]
    return clients


def client_gone(test, m):
    """Without a goodbye, in the middle of a reply; nobody comes back."""
    del hang_in_read(test).buffers


def end_while_reading(test, m):
    """Reads are under way all the time until the server is gone."""
    h = images.connect("vda", test.socket_path())
    read = [0]

    def run():
        try:
            while True:
                read[0] += len(h.pread(MIB, read[0] % FILLED))
        except nbd.Error:
            pass
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    wait_until("the client to read", lambda: read[0] > MIB, 30, 0.01)
    test.addCleanup(thread.join, 30)
    return h


def leave_at_any_byte(test, m):
    """After each byte that a client sends, and after each that it gets, but in the middle of the data."""
    path, contexts = test.socket_path(), ("base:allocation", "qemu:dirty-bitmap:backup-vda")
    whole = nbdbytes.Client(path, "vda", contexts)
    test.assertTrue(whole.run())
    for n in range(1, whole.sent):
        test.assertFalse(nbdbytes.Client(path, "vda", contexts, sends=n).run(), "sent %d" % n)
    for n in [*range(whole.received - 65536), *range(whole.received - 65536, whole.received, 2111)]:
        test.assertFalse(nbdbytes.Client(path, "vda", contexts, receives=n).run(), "received %d" % n)


def scratch_stalls(test, m):
    """Its file system does not answer. One write of the guest waits for as long as it may; then a reader learns
    of it, the backup fails, and the guest goes on while it cannot be taken apart yet."""
    mount = os.path.join(test.tmp, "small")
    images.run(["fsfreeze", "-f", mount])
    try:
        before = time.monotonic()
        m.write("vda", SPAN, 4096)      # where nothing is copied yet
        took = time.monotonic() - before
        test.assertTrue(3 < took < CBW_SECONDS + 2, "%.2f s for a write" % took)
        h = images.connect("vda", test.socket_path())
        with test.assertRaises(nbd.Error):
            h.pread(65536, 0)
        for _ in range(3):
            test.assert_guest_writes(m)
        test.wait_no_job(m, 5)
    finally:
        images.run(["fsfreeze", "-u", mount])


ROWS = [
    Row("nothing_special", nothing),
    Row("scratch_file_system_full", nothing, "vda.*broken.*vm-vda'.*No space left", room=2 * MIB),
    Row("scratch_limit", nothing, "vda.*broken.*vm-vda'.*scratch-limit of 2097152", "scratch-limit='%d'" % LIMIT),
    Row("scratch_limit_of_changes", nothing, "vda.*broken.*scratch-limit of 2097152",
        "scope='changed' scratch-limit='%d'" % LIMIT, incremental=True),
    Row("scratch_stalls", scratch_stalls, "vda.*broken.*vm-vda' within 4 s", room=64 * MIB,
        stall=CBW_SECONDS + 2),
    Row("silent_clients", silent_clients),
    Row("hanging_clients", hanging_clients),
    Row("hundred_clients", hundred_clients),
    Row("client_gone", client_gone),
    Row("end_while_reading", end_while_reading),
    Row("leave_at_any_byte", leave_at_any_byte, incremental=True),
]


class Situations(livetest.LiveTest):
    def assert_guest_writes(self, m, writes=50):
        before = sum(m.stat().counts)
        wait_until("the guest to write on", lambda: sum(m.stat().counts) >= before + writes, 20, 0.05)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)

    def small_directory(self, size):
        path = os.path.join(self.tmp, "small")
        os.mkdir(path)
        images.run(["truncate", "-s", str(size), path + ".img"])
        images.run(["mkfs.ext4", "-q", "-O", "^has_journal", "-m", "0", path + ".img"])
        images.run(["mount", "-o", "loop", path + ".img", path])
        self.addCleanup(images.run, ["umount", "-l", path], check=False)
        os.rmdir(os.path.join(path, "lost+found"))
        os.chmod(path, 0o777)
        return path

    def begin_row(self, m, row, scratch):
        extra = OPTIONS % (CBW_SECONDS, row.options)
        xml = self.pull_xml(m, incremental="a" if row.incremental else None, extra=extra)
        self.begin(m, xml.replace(self.scratch, scratch))

    def assert_fails(self, m, row, events):
        """By itself, and says why; who tries to end it learns that there is none."""
        job = events.wait("job completed", lambda e: e[0] == "job", 60)
        self.assertEqual(job[2].get("success", 0), 0)
        self.assertRegex(job[2].get("errmsg", ""), row.fails)
        self.assertRegex(self.completed(m)["errmsg"], row.fails)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_FAILED)
        if "limit" in row.name:
            used = job[2]["disk_temp_used"]
            self.assertTrue(LIMIT - 262144 <= used <= LIMIT, "%d bytes of scratch" % used)
        self.wait_no_job(m)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "no job is active", m.dom.abortJob)

    def assert_exact(self, m, storm):
        """The export is the disk after the first so many writes of the guest."""
        data, _ = images.pull("vda", None, self.socket_path())
        wanted = m.models()
        storm.replay(wanted, storm.newest({"vda": data}))
        self.assertSame(wanted["vda"].data, data, "vda as of the instant")

    def assert_ends(self, m):
        before = time.monotonic()
        m.dom.abortJob()
        self.assertLess(time.monotonic() - before, END_SECONDS, "seconds until the end was answered")
        self.wait_no_job(m)

    def assert_all_gone(self, m, scratch):
        wait_until("the NBD socket to be gone", lambda: not os.listdir(self.nbd), 20)
        self.assertNoNodes(m)
        self.assertEqual(os.listdir(scratch), [])

    def play(self, row):
        m = self.machine(disks=1, size=SIZE)
        m.write("vda", 0, FILLED)
        if row.incremental:
            self.checkpoint(m, "a")
            m.write("vda", 0, SPAN)
        storm = model.Storm(m.targets, SPAN, 4096, 1, 1, 500)
        m.storm(storm)
        self.assert_guest_writes(m)
        scratch = self.small_directory(row.room) if row.room else self.scratch
        events = livetest.Events(self.conn)
        self.begin_row(m, row, scratch)
        kept = row.act(self, m)
        self.assert_guest_writes(m)
        if row.fails:
            self.assert_fails(m, row, events)
        else:
            self.assert_exact(m, storm)
            self.assert_ends(m)
        self.assert_guest_writes(m)
        self.assert_all_gone(m, scratch)
        del kept
        self.begin_row(m, Row("next", nothing), self.scratch)
        self.assert_exact(m, storm)
        self.assert_ends(m)
        report = m.calm()
        print("# %s: %d writes, median %d us, 99 %% %d us, longest %d us"
              % (row.name, report.writes, report.p50_us, report.p99_us, report.max_us))
        self.assertEqual((report.failed, report.errno), (0, 0), "writes of the guest that failed")
        self.assertLess(report.max_us, row.stall * 1000000, "the guest's longest write")
        self.assertEqual([e for e in events.seen if e[0] == "lifecycle"], [])
        events.close()

    def test_scratch_limit_of_a_scratch_that_exists(self):
        m = self.machine(disks=1, boots=False)
        xml = self.pull_xml(m, extra=OPTIONS % (CBW_SECONDS, "scratch-limit='%d'" % LIMIT))
        images.create(os.path.join(self.scratch, "vm-vda"), SIZE)
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "limit the scratch of disk .vda.*scratch-limit is for", self.begin, m, xml,
                         flags=libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
        os.unlink(os.path.join(self.scratch, "vm-vda"))

    def hang_as_soon_as_possible(self, over):
        """A client that reads from the first export of a begin that is about to fail, and takes none of it."""
        while not over.is_set():
            try:
                client = nbdbytes.Client(self.socket_path(), "vda")
                client.hang([8 * MIB] * 4)
                return client
            except (OSError, nbdbytes.Server):
                pass
        return None

    def test_client_of_a_begin_that_fails(self):
        """The last of many exports is refused, when a client reads from the first one already."""
        m = self.machine(disks=6, size=8 * MIB)
        m.storm(model.Storm(m.targets, 4 * MIB, 4096, 1, 1, 500))
        self.assert_guest_writes(m)
        disks = {t: "" for t in m.targets[:-1]}
        disks[m.targets[-1]] = "exportname='%s'" % ("x" * 4097)
        caught, tries = None, 0
        while not caught and tries < 50:
            over = threading.Event()
            with futures.ThreadPoolExecutor(1) as pool:
                client = pool.submit(self.hang_as_soon_as_possible, over)
                before = time.monotonic()
                self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "block-export-add", self.begin, m,
                                 self.pull_xml(m, disks=disks))
                took = time.monotonic() - before
                over.set()
                caught, tries = client.result(), tries + 1
        self.assertIsNotNone(caught, "a client in %d failed begins" % tries)
        print("# %d tries, %.2f s" % (tries, took))
        self.assertLess(took, END_SECONDS, "seconds until the begin had failed")
        self.assert_all_gone(m, self.scratch)
        report = m.calm()
        self.assertEqual((report.failed, report.errno), (0, 0))
        self.assertLess(report.max_us, CBW_SECONDS * 1000000)


for _row in ROWS:
    setattr(Situations, "test_" + _row.name, lambda self, row=_row: self.play(row))


if __name__ == "__main__":
    livetest.main()
