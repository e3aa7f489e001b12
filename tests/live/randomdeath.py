# SPDX-License-Identifier: LGPL-2.1-or-later
"""Operations of a random sequence in the middle of which the daemon, or QEMU, or both die.

When: at a random moment, or at the Nth fault point that the daemon passes, which may be before the operation
or never. Each operation says what may be true afterwards; what is true is looked up, and the model
follows. Nothing else may have changed.
"""
import contextlib
import os
import signal
import threading
import time
import traceback

import libvirt

from daemon import wait_until
from livetest import files_below
from randombackup import Request
from randommark import Mark
from randommoves import BOTH
from randomvm import Wrong

RUNNING = {"checkpoint": 3, "delete": 3, "pull": 3, "push": 3, "resize": 1, "plug": 2, "stop": 1, "adopt": 1}
STOPPED = {"checkpoint": 3, "delete": 3, "pull": 2, "push": 2, "restore": 3, "start": 2, "adopt": 1}


class Interrupted:
    """@call: what is interrupted. @settle: looks up what has become of it, once all is over. @new, @gone: the
    mark that may be there, and those that may not be."""

    def __init__(self, call, settle=lambda: None, new=None, gone=()):
        self.call, self.settle, self.new, self.gone = call, settle, new, gone


class Death:
    """When: at fault point number @point; or, if that is 0, after @delay seconds."""

    def __init__(self, chance):
        self.point = chance.choice((1, 2, 3, 5, 8, 13, 21, 34)) + chance.randrange(5)
        self.delay = chance.choice((0, 1)) * chance.uniform(0, 0.04)

    def words(self):
        return "at fault point %d" % self.point if self.point else "after %.1f ms" % (self.delay * 1000)


class Deaths:
    def __init__(self, worker, vm, backups, moves, chance):
        self.worker, self.vm, self.backups, self.moves, self.chance = worker, vm, backups, moves, chance
        self.say = vm.say

    def interrupt(self):
        vm = self.vm
        table = dict(RUNNING if vm.active() else STOPPED)
        if not vm.marks:
            del table["delete"], table["adopt"]
            table.pop("restore", None)
        if not (self.moves.can_leave() or self.moves.can_come()):
            table.pop("plug", None)
        operation = self.chance.choices(list(table), list(table.values()))[0]
        victims = self.choose_victims(operation)
        if operation == "adopt":
            self.moves.lose_records(lambda: self.interrupted_adopt(victims))
            return
        death = self.choose_death(victims)
        try:
            plan = getattr(self, "interrupted_" + operation)()
        except libvirt.libvirtError:
            if self.worker.daemon.running():
                raise
            plan = None
        if plan:
            self.carry_out(operation, plan, victims, death)
        elif death.point:
            self.say("death of the daemon before that")
            self.daemon_dies()

    def choose_victims(self, operation):
        if operation in ("start", "stop", "adopt"):
            return "daemon"
        if operation == "restore":
            return self.chance.choice(("daemon", "daemon", "helper", "both"))
        return self.chance.choice(("daemon", "daemon", "QEMU", "both") if self.vm.active() else ("daemon",))

    def carry_out(self, operation, plan, victims, death):
        vm, had = self.vm, list(self.vm.disks)
        self.die_meanwhile(plan.call, victims, death)
        killed = victims in ("QEMU", "both") and operation != "restore"
        if killed:
            vm.wait_stopped()
            vm.adopt_content()
        if plan.new and killed:
            # if it can be used at all, it was made after that death
            plan.new.take_content([d for d in vm.disks if d.target in plan.new.content])
        plan.settle()
        vm.settle(plan.new, plan.gone)
        if killed:
            vm.excuse("QEMU was killed", had)
        if operation == "pull" and not vm.job_gone():
            self.say("the backup goes on")
            vm.dom.abortJob()
        vm.wait_job_gone()
        for path in files_below(self.worker.out):
            with contextlib.suppress(FileNotFoundError):    # the new daemon removes what the old one began
                os.unlink(path)

    # Death

    def choose_death(self, victims):
        """The daemon knows at which point, if at any; what asks it has to do so on a new connection."""
        death = Death(self.chance)
        if victims not in ("daemon", "both") or self.chance.random() < 0.5 or not self.arm(death.point):
            death.point = 0
        return death

    def die_meanwhile(self, call, victims, death):
        """An error of the call is no news: its server dies."""
        program = {"QEMU": "qemu-system", "helper": "qemu-storage-daemon",
                   "both": "qemu-system" if self.vm.active() else "qemu-storage-daemon"}.get(victims)
        self.say("... and %s the death of %s" % (death.words(), victims))
        failure = []

        def run():
            try:
                call()
            except libvirt.libvirtError:
                pass
            except Exception:
                failure.append(traceback.format_exc())

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        if death.point:
            wait_until("call or daemon to end", lambda: not thread.is_alive() or not self.worker.daemon.running(), 60)
            if self.worker.daemon.running():
                self.say("... which it does not reach")
        else:
            time.sleep(death.delay)
        for pid in self.vm.pids(program) if program else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if victims in ("daemon", "both"):
            self.daemon_dies(thread)
        thread.join(60)
        if thread.is_alive():
            raise Wrong("the call does not end")
        if failure:
            raise Wrong(failure[0])

    def arm(self, number):
        """The daemon shall die at the fault point it passes as the @number-th; False: that was too early."""
        self.worker.end_daemon(kill=True)
        try:
            self.worker.start_daemon("*:kill:%d" % number)
            return True
        except AssertionError:
            self.say("death of the daemon at its start, fault point %d" % number)
            self.worker.forget_daemon()
            self.worker.start_daemon()
            return False

    def daemon_dies(self, thread=None):
        if self.worker.daemon.running():
            self.worker.daemon.kill()
        else:
            self.worker.forget_daemon()
        if thread:
            thread.join(60)
        self.worker.end_connection()
        self.worker.start_daemon()

    # Operations

    def interrupted_checkpoint(self):
        vm = self.vm
        mark = Mark(vm.new_name(), vm.some_disks())
        self.say("checkpoint %s of %s" % (mark.name, " ".join(mark.content)))
        xml = vm.checkpoint_xml(mark.name, [d for d in vm.disks if d.target in mark.content])
        dom = vm.dom
        return Interrupted(lambda: dom.checkpointCreateXML(xml, 0), new=mark)

    def interrupted_delete(self):
        mark, flags, gone = self.vm.choose_deletion()
        self.say("delete %s, flags %d" % (mark.name, flags))
        checkpoint = self.vm.dom.checkpointLookupByName(mark.name)
        self.vm.missed()
        return Interrupted(lambda: checkpoint.delete(flags), gone=gone)

    def interrupted_pull(self):
        request = Request(self.vm, self.chance)
        self.say("pull %s" % request.words())
        return self.begin_call(request, self.backups.pull_xml(request))

    def interrupted_push(self):
        request = Request(self.vm, self.chance)
        self.say("push %s" % request.words(push=True))
        return self.begin_call(request, self.backups.push_xml(request))

    def begin_call(self, request, xml):
        dom, checkpoint = self.vm.dom, self.backups.checkpoint_xml(request)
        return Interrupted(lambda: dom.backupBegin(xml, checkpoint, 0), new=request.new)

    def interrupted_resize(self):
        """The disk has the one size or the other."""
        vm = self.vm
        disk, size = self.moves.choose_growth()
        if disk.kind == "block":                # its size is that of the device, whatever QEMU knows
            return None

        def settle():
            now = vm.dom.blockInfo(disk.target)[0] if vm.active() else disk.size
            if now not in (disk.size, size):
                raise Wrong("%s has %d bytes, neither %d nor %d" % (disk.target, now, disk.size, size))
            self.moves.grow(disk, now)
        call = self.moves.resize_call(disk, size)
        vm.touch(disk, disk.size, size - disk.size)
        return Interrupted(call, settle)

    def interrupted_restore(self):
        """All disks are old, or all new; but for devices, which are written in place: these are new when the
        restore is done again."""
        vm, moves = self.vm, self.moves
        wanted = moves.choose_restore()
        if not wanted:
            return None

        inode = lambda d: os.stat(d.path).st_ino
        files = [d for d in wanted if d.kind != "block"]
        before = {d: inode(d) for d in files}

        def settle():
            vm.wait_job_gone()
            new = {inode(d) != before[d] for d in files}
            if len(new) > 1:
                raise Wrong("some of %s are restored, and some are not" % [d.target for d in files])
            if len(files) < len(wanted):
                self.say("the restore is done again")
                moves.restore_call(wanted)()
                new = {True}
            if new == {True}:
                self.vm.say("restored")
                moves.restored(wanted)
            vm.check_content()
            moves.drop_sources(wanted)
        return Interrupted(moves.restore_call(wanted), settle)

    def interrupted_plug(self):
        """The disk is there or not, and daemon and QEMU agree. What the definition says is put right by the
        next one."""
        vm, moves, dom = self.vm, self.moves, self.vm.dom
        comes = bool(moves.can_come())
        disk = self.chance.choice(moves.can_come() or moves.can_leave())
        self.say("%s %s" % (disk.target, "comes: the same" if comes else "leaves"))

        def settle():
            there = comes           # of a stopped machine that is what is defined below
            if vm.active():
                wait_until("daemon and QEMU to agree about %s" % disk.target,
                           lambda: vm.knows(disk.target) == vm.has_device(disk))
                there = vm.knows(disk.target)
            self.say("%s is %s" % (disk.target, "there" if there else "away"))
            if there and disk in vm.away:
                moves.came(disk)
            elif not there and disk in vm.disks:
                moves.left(disk)
            if not disk.holds_bitmaps:
                vm.excuse("a disk was half plugged", [disk])
            moves.define()
        call = dom.attachDeviceFlags if comes else dom.detachDeviceFlags
        return Interrupted(lambda: call(disk.xml(), BOTH), settle)

    def interrupted_start(self):
        vm, dom = self.vm, self.vm.dom
        self.say("start")
        vm.paths.clear()
        flags = libvirt.VIR_DOMAIN_START_PAUSED if vm.paused else 0

        def settle():
            wait_until("the start to be over", lambda: not vm.active() or vm.dom.state() != [
                libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP], 60)
            if vm.active():
                return
            vm.wait_stopped()
            vm.excuse("a start was undone", [d for d in vm.disks if not d.holds_bitmaps])
        return Interrupted(lambda: dom.createWithFlags(flags), settle)

    def interrupted_stop(self):
        """No checkpoint has an excuse after it, whoever finishes it: the daemon that died, the next one, or a
        second call."""
        dom, vm = self.vm.dom, self.vm
        self.say("stop (destroy)")

        def settle():
            with contextlib.suppress(libvirt.libvirtError):
                vm.dom.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL)
            vm.wait_stopped()
        return Interrupted(lambda: dom.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL), settle)

    def interrupted_adopt(self, victims):
        """What is not adopted is once it is tried again."""
        self.die_meanwhile(self.moves.adopt, victims, self.choose_death(victims))
        self.moves.adopt()
