# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows: what is left of an operation without a daemon.

The very commands that ours sends are taken from its debug log; then that daemon ends, and they are sent again,
straight to the monitor of the QEMU it leaves behind, in the same writes, behind one durable write of a
file. Nothing that keeps a record and asks QEMU can be faster. A second machine, of a daemon that
runs, takes turns with it.

Not in it, and so for the daemon to pay: the call itself, what must be asked before it is known what
to send, a second record, the files of scratches.
"""
import contextlib
import glob
import json
import os
import socket
import time

from qmp import COMMANDS, ENVIRONMENTS
from rows_backup import add_chain, machine_with_chain, ms, wait_idle
from sides import BenchError, Side

RECORD = b"x" * 2000
RECORDED = "bare"                   # the checkpoint whose commands are taken


def durable_write(directory):
    """As virFileReplaceDurable() writes a new file."""
    temporary, path = os.path.join(directory, "record.new"), os.path.join(directory, "record")
    with open(temporary, "wb", buffering=0) as f:
        f.write(RECORD)
        os.fsync(f.fileno())
    os.rename(temporary, path)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


class Log:
    """The commands in the log of a daemon: a list of writes, each a list of texts."""

    def __init__(self, side):
        self.side, self.at = side, 0
        self.take()

    def take(self):
        """Those since the last call."""
        time.sleep(0.2)
        with open(self.side.daemon.log, errors="replace") as log:
            log.seek(self.at)
            text = log.read()
            self.at = log.tell()
        writes = {}
        for number, command in (m.groups() for m in COMMANDS["ours"].finditer(text)):
            writes.setdefault(number, []).append(command)
        return list(writes.values())


class Monitor:
    def __init__(self, side):
        path, = glob.glob(os.path.join(side.daemon.root, "var/lib/libvirt/qemu/domain-*/monitor.sock"))
        self.directory = os.path.dirname(path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")
        self.stream.readline()
        self.run([['{"execute":"qmp_capabilities"}']])

    def run(self, writes):
        for commands in writes:
            self.socket.sendall("".join(command + "\n" for command in commands).encode())
            missing = len(commands)
            while missing:
                reply = self.stream.readline()
                if b'"error"' in reply or not reply:
                    raise BenchError("bare QMP: %s" % (reply.decode() or "QEMU is gone"))
                missing -= b'"return"' in reply

    def timed(self, writes):
        begin = time.perf_counter()
        durable_write(self.directory)
        self.run(writes)
        return ms(begin)


@contextlib.contextmanager
def recorded(disks, chain, record):
    """What @record(side, machine, log) gave, and the monitor of that machine, whose daemon has ended."""
    side = Side("ours", ENVIRONMENTS["ours"])
    try:
        side.start()
        m = side.machine("bare", disks=disks)
        add_chain(side, m, chain)
        script = record(side, m, Log(side))
        side.stop()
        yield script, Monitor(side)
    finally:
        side.sweep()


def record_checkpoints(side, m, log):
    """{operation: writes}. "behind" is what makes the first one a checkpoint in the middle."""
    script = {}
    first = m.dom.checkpointCreateXML(side.checkpoint_xml(RECORDED))
    script["create"] = log.take()
    first.delete()
    script["delete"] = log.take()
    first = m.dom.checkpointCreateXML(side.checkpoint_xml(RECORDED))
    behind = m.dom.checkpointCreateXML(side.checkpoint_xml(RECORDED + "-2"))
    script["create behind"] = log.take()[1:]
    first.delete()
    script["delete, middle"] = log.take()
    behind.delete()
    script["delete behind"] = log.take()
    return script


def checkpoint_ours(side, m):
    one, two = "c%d" % side.serial(), "c%d" % side.serial()
    begin = time.perf_counter()
    made = m.dom.checkpointCreateXML(side.checkpoint_xml(one))
    created = time.perf_counter()
    made.delete()
    deleted = time.perf_counter()
    middle = m.dom.checkpointCreateXML(side.checkpoint_xml(one))
    behind = m.dom.checkpointCreateXML(side.checkpoint_xml(two))
    again = time.perf_counter()
    middle.delete()
    values = {"create": ms(begin, created), "delete": ms(created, deleted), "delete, middle": ms(again)}
    behind.delete()
    return values


def checkpoint_bare(monitor, script):
    values = {"bare create": monitor.timed(script["create"]), "bare delete": monitor.timed(script["delete"])}
    monitor.run(script["create"] + script["create behind"])
    values["bare delete, middle"] = monitor.timed(script["delete, middle"])
    monitor.run(script["delete behind"])
    return values


def checkpoint(side, disks, chain):
    with recorded(disks, chain, record_checkpoints) as (script, monitor), \
            machine_with_chain(side, disks, chain) as m:
        while True:
            yield dict(checkpoint_ours(side, m), **checkpoint_bare(monitor, script))


def filenames(value):
    """All that commands open."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "filename":
                yield member
            else:
                yield from filenames(member)
    elif isinstance(value, list):
        for member in value:
            yield from filenames(member)


def contents(writes):
    """{path: bytes} of the files that @writes open."""
    found = {}
    for command in (json.loads(text) for commands in writes for text in commands):
        for path in filenames(command):
            with open(path, "rb") as f:
                found[path] = f.read()
    return found


def stops_server(commands):
    """Only behind the event: no part of what the user waits for."""
    return any('"nbd-server-stop"' in command for command in commands)


def record_pull(side, m, log):
    script = {}
    for _ in range(2):                          # the second time nothing has to be found out any more
        side.completed.reset()
        log.take()
        m.dom.backupBegin(side.pull_xml(m), None)
        script["begin"] = log.take()
        script["files"] = contents(script["begin"])
        m.dom.abortJob()
        side.completed.wait()
        wait_idle(m.dom)
        end = log.take()
        script["end"] = [commands for commands in end if not stops_server(commands)]
        script["server"] = [commands for commands in end if stops_server(commands)]
    return script


def pull_ours(side, m):
    side.completed.reset()
    begin = time.perf_counter()
    m.dom.backupBegin(side.pull_xml(m), None)
    begun = time.perf_counter()
    time.sleep(0.05)
    aborted = time.perf_counter()
    m.dom.abortJob()
    ended = side.completed.wait()[0]
    wait_idle(m.dom)
    return {"begin": ms(begin, begun), "abort to event": ms(aborted, ended)}


def pull_bare(monitor, script):
    for path, content in script["files"].items():
        with open(path, "wb") as f:
            f.write(content)
    begun = monitor.timed(script["begin"])
    time.sleep(0.05)
    ended = monitor.timed(script["end"])
    monitor.run(script["server"])
    for path in script["files"]:
        os.unlink(path)
    return {"bare begin": begun, "bare abort": ended}


def pull(side, disks):
    with recorded(disks, 0, record_pull) as (script, monitor), machine_with_chain(side, disks, 0) as m:
        while True:
            yield dict(pull_ours(side, m), **pull_bare(monitor, script))
