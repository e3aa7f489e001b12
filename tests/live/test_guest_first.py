#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A backup may fail; the guest may not. It writes all the while, each write is counted, and the domain
stays running whatever clients, scratch files and targets do."""
import os
import socket

import libvirt
import nbd

import images
import livetest
import model
from daemon import wait_until

MIB = 1 << 20
SPAN = 4 * MIB


class GuestFirst(livetest.LiveTest):
    def stormy_machine(self, **kwargs):
        m = self.machine(**kwargs)
        for t in m.targets:
            m.write(t, 0, 16 * MIB)
        m.storm(model.Storm(m.targets, SPAN, 4096, 1, 1, 2000))
        self.assert_guest_writes(m)
        return m

    def assert_guest_writes(self, m, seconds=10):
        """It goes on, it has not been paused, and nothing has failed."""
        before = sum(m.stat().counts)
        wait_until("the guest to write on", lambda: sum(m.stat().counts) > before + 50, seconds, 0.05)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.assertEqual(m.stat().errno, 0)

    def hang_in_read(self):
        """A client that has asked for much more than a socket holds, and reads none of it."""
        h = images.connect("vda", self.socket_path())
        h.buffers = [nbd.Buffer(8 * MIB) for _ in range(8)]
        for b in h.buffers:
            h.aio_pread(b, 0)
        while h.aio_get_direction() & nbd.AIO_DIRECTION_WRITE:
            h.aio_notify_write()
        return h

    def test_clients_that_hang(self):
        """In the middle of a reply, without a word, and after a word; the end comes all the same."""
        m = self.stormy_machine()
        for rounds in range(2):
            self.begin(m, self.pull_xml(m))
            hanging = [self.hang_in_read() for _ in range(2)]
            silent = [socket.socket(socket.AF_UNIX) for _ in range(2)]
            for s in silent:
                s.connect(self.socket_path())
            self.assert_guest_writes(m)
            m.dom.abortJob()
            self.assert_guest_writes(m)
            self.wait_no_job(m)
            wait_until("the NBD socket to be gone", lambda: not os.listdir(self.nbd), 20)
            self.assert_guest_writes(m)
            self.assertNoNodes(m)
            del hanging, silent
        self.assertEqual(m.calm().errno, 0)

    def test_a_client_that_hangs_holds_up_no_other_work(self):
        """A checkpoint, a pause: QEMU waits for the client's reply, and the guest for QEMU, until the
        client is cut off. One that reads goes on."""
        m = self.stormy_machine(disks=1, size=32 * MIB)
        self.begin(m, self.pull_xml(m))
        reader = images.connect("vda", self.socket_path())
        for work in (lambda: self.checkpoint(m, "a"), lambda: (m.dom.suspend(), m.dom.resume())):
            hanging = self.hang_in_read()
            work()
            self.assert_guest_writes(m)
            self.assertEqual(len(reader.pread(MIB, 0)), MIB)
            del hanging
        reader.shutdown()
        self.end_pull(m)
        self.assertEqual(m.calm().errno, 0)


if __name__ == "__main__":
    livetest.main()
