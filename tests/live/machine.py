# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual machine of a test: its images, its XML, its guest and the models of its disks."""
import os
import re
import socket
import time

import guest
import images
from daemon import BUILD, wait_until
from model import DiskModel

COMMAND_LINE = ("console=ttyS0 quiet loglevel=4 mitigations=off random.trust_cpu=on nokaslr "
                "no_timer_check tsc=reliable cryptomgr.notests")
BOOT_SECONDS = 120
SILENT_SECONDS = 30
# With one, QEMU 7.2's TCG leaves out the guest's memory barriers although devices run on another thread:
# once in some ten thousand writes the guest waits for an interrupt that QEMU saw no need to send.
VCPUS = 2
MIB = 1 << 20


class Disk:
    def __init__(self, target, path, size, bus="virtio", format="qcow2", extra=""):
        self.target, self.path, self.size = target, path, size
        self.bus, self.format, self.extra = bus, format, extra
        self.model = DiskModel(target, size)

    def xml(self):
        return ("    <disk type='file' device='disk'>\n"
                "      <driver name='qemu' type='%s'/>\n"
                "      <source file='%s'/>\n"
                "      <target dev='%s' bus='%s'/>\n%s"
                "    </disk>\n" % (self.format, self.path, self.target, self.bus, self.extra))


class GuestError(AssertionError):
    pass


class Channel:
    """The command line of guestd at the other end of a unix socket."""

    def __init__(self, path):
        self.path, self.socket, self.buffer = path, None, b""

    def connect(self):
        self.close()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.path)

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def line(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise GuestError("guest said nothing for %.1f s" % seconds)
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise GuestError("guest channel %s closed" % self.path)
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def wait_ready(self, seconds=BOOT_SECONDS):
        """Until guestd answers: pings with a fresh token, old answers are ignored."""
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            number += 1
            token = "t%d-%d" % (os.getpid(), number)
            try:
                if self.socket is None:
                    self.connect()
                self.socket.sendall(b"ping %s\n" % token.encode())
                while self.line(0.5) != "ok " + token:
                    pass
                return
            except (GuestError, OSError) as e:
                if not isinstance(e, GuestError) or "closed" in str(e):
                    self.close()
                    time.sleep(0.1)
        raise GuestError("guest did not answer within %.0f s" % seconds)

    def command(self, text, seconds=60):
        """The answer without its 'ok'."""
        self.socket.sendall(text.encode() + b"\n")
        answer = self.line(seconds)
        if answer != "ok" and not answer.startswith("ok "):
            raise GuestError("guest: '%s': %s" % (text, answer))
        return answer[3:]


class StormReport:
    def __init__(self, answer):
        m = re.fullmatch(r"([\d,]+) error (\d+)/(\d+) writes (\d+) p50 (\d+) p99 (\d+) max (\d+)", answer)
        if not m:
            raise GuestError("bad storm report: " + answer)
        self.counts = [int(n) for n in m.group(1).split(",")]
        self.failed, self.errno = int(m.group(2)), int(m.group(3))
        self.writes, self.p50_us, self.p99_us, self.max_us = (int(m.group(i)) for i in range(4, 8))


class Machine:
    """@boots: with a Linux guest that obeys; else a machine with nothing to boot, which is up at
    once and never writes. @agent: "real": Debian's guest agent is in the guest; "fake": the guest passes
    on to agent_path what is said to it, and back."""

    def __init__(self, directory, name="vm", disks=2, size=32 * MIB, boots=True, buses=None,
                 tick=False, extra="", formats=None, agent=None):
        self.directory, self.name, self.boots, self.extra, self.tick = directory, name, boots, extra, tick
        self.agent = agent
        self.disks = []
        letters = {"virtio": iter("abcdefgh"), "scsi": iter("abcdefgh"), "ide": iter("abcd"),
                   "sata": iter("abcd")}
        prefix = {"virtio": "vd", "scsi": "sd", "ide": "hd", "sata": "sd"}
        for i in range(disks):
            bus = buses[i] if buses else "virtio"
            format = formats[i] if formats else "qcow2"
            target = prefix[bus] + next(letters[bus])
            path = os.path.join(directory, "%s-%s.%s" % (name, target, format))
            self.disks.append(Disk(target, path, size, bus, format))
        self.command_path = os.path.join(directory, name + ".guest")
        self.tick_path = os.path.join(directory, name + ".tick")
        self.console_path = os.path.join(directory, name + ".console")
        self.agent_path = os.path.join(directory, name + ".agent")
        self.channel = Channel(self.command_path)
        self.number = 0                  # of the last write

    def __getitem__(self, target):
        return next(d for d in self.disks if d.target == target)

    @property
    def targets(self):
        return [d.target for d in self.disks]

    def create_images(self):
        for d in self.disks:
            images.create(d.path, d.size, d.format)

    def os_xml(self):
        if not self.boots:
            return "    <boot dev='hd'/>\n"
        build = guest.build_agent if self.agent == "real" else guest.build
        kernel, initrd = build(os.path.join(BUILD, "guest"))
        return ("    <kernel>%s</kernel>\n    <initrd>%s</initrd>\n    <cmdline>%s</cmdline>\n"
                % (kernel, initrd, COMMAND_LINE))

    def channel_xml(self, path, name):
        return ("    <channel type='unix'>\n      <source mode='bind' path='%s'/>\n"
                "      <target type='virtio' name='%s'/>\n    </channel>\n" % (path, name))

    def xml(self, uuid=None):
        devices = "".join(d.xml() for d in self.disks)
        devices += "    <controller type='usb' model='none'/>\n"
        if any(d.bus == "scsi" for d in self.disks):
            devices += "    <controller type='scsi' index='0' model='virtio-scsi'/>\n"
        if self.boots:
            devices += self.channel_xml(self.command_path, "org.fleece.guest")
            if self.agent:
                devices += ("    <channel type='unix'>\n      <target type='virtio' "
                            "name='org.qemu.guest_agent.0'/>\n    </channel>\n")
            if self.agent == "fake":
                devices += self.channel_xml(self.agent_path, "org.fleece.agent")
            if self.tick:
                devices += self.channel_xml(self.tick_path, "org.fleece.tick")
        return ("<domain type='qemu'>\n  <name>%s</name>\n%s"
                "  <memory unit='MiB'>%d</memory>\n  <vcpu>%d</vcpu>\n"
                "  <os>\n    <type arch='x86_64' machine='pc'>hvm</type>\n%s  </os>\n"
                "  <features><acpi/></features>\n"
                "  <devices>\n    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n%s"
                "    <serial type='file'><source path='%s'/><target port='0'/></serial>\n"
                "    <memballoon model='none'/>\n%s  </devices>\n</domain>\n"
                % (self.name, "  <uuid>%s</uuid>\n" % uuid if uuid else "",
                   256 if self.boots else 64, VCPUS if self.boots else 1, self.os_xml(), devices,
                   self.console_path, self.extra))

    # The guest

    def console(self):
        if not os.path.exists(self.console_path):
            return ""
        with open(self.console_path, errors="replace") as f:
            return f.read()

    def never_began(self):
        """After the first start: the guest says nothing, and its console is still empty. With several vCPUs
        TCG does, very rarely, not get through the start of a kernel."""
        try:
            self.channel.wait_ready(SILENT_SECONDS)
            return False
        except GuestError:
            return not self.console()

    def wait_boot(self):
        try:
            self.channel.wait_ready()
        except GuestError as e:
            raise GuestError("%s; console: %s" % (e, self.console()[-2000:]))

    def tell(self, text, seconds=60):
        return self.channel.command(text, seconds)

    def write(self, target, offset, length, number=None):
        """The guest writes; the model follows once the guest's disk has acknowledged it."""
        if number is None:
            self.number += 1
            number = self.number
        self.tell("write %s %d %d %d" % (self.in_guest(target), offset, length, number))
        self[target].model.write(offset, length, number)

    def in_guest(self, target):
        """hda of the XML is sda in a Linux guest."""
        return re.sub("^hd", "sd", target)

    def storm(self, storm):
        self.tell(storm.command())

    def stat(self):
        return StormReport(self.tell("stat"))

    def calm(self):
        return StormReport(self.tell("calm"))

    def models(self):
        return {d.target: d.model.copy() for d in self.disks}


class TickWatch:
    """The longest time between two acknowledged guest writes by the host's clock, which goes on while
    the guest is stopped. Reads the tick channel on a thread."""

    def __init__(self, path):
        import threading
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lock = threading.Lock()
        self.longest, self.count, self.last = 0.0, 0, None
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while True:
            try:
                data = self.socket.recv(4096)
            except OSError:
                return
            if not data:
                return
            now = time.monotonic()
            with self.lock:
                if self.last is not None:
                    self.longest = max(self.longest, now - self.last)
                self.last = now
                self.count += len(data)

    def reset(self):
        with self.lock:
            self.longest, self.count, self.last = 0.0, 0, time.monotonic()

    def read(self):
        """(longest gap in ms, writes) since reset, an unfinished gap included."""
        with self.lock:
            open_gap = time.monotonic() - self.last if self.last is not None else 0.0
            return max(self.longest, open_gap) * 1000, self.count

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


def wait_file_gone(path, seconds=20):
    wait_until("%s to be gone" % path, lambda: not os.path.exists(path), seconds)
