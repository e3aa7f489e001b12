# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of what may happen to a machine with checkpoints: chosen by a seed, run by workers
that have a daemon of their own, and told step by step when one fails."""
import os
import queue
import random
import shutil
import signal
import threading
import time
import traceback

import libvirt

import daemon as daemons
import images
from daemon import wait_until
from livetest import LiveTest, files_below
from processes import processes_with
from randombackup import Backups, Request
from randomdeath import Deaths
from randomdisk import PASSPHRASE, SECRET
from randommoves import Moves
from randomvm import Vm, Wrong

# operation: weight while the machine runs, weight while it is stopped
WEIGHTS = {
    "write": (30, 12),
    "checkpoint": (14, 8),
    "delete": (8, 6),
    "pull": (14, 8),
    "push": (9, 6),
    "size": (3, 3),
    "forget": (1, 1),
    "start": (0, 26),
    "stop": (6, 0),
    "kill_qemu": (2, 0),
    "restart_daemon": (3, 3),
    "suspend": (2, 0),
    "reset": (1, 0),
    "resize": (2, 0),
    "restore": (0, 2),
    "plug": (8, 4),
    "lose": (1, 1),
    "redefine_all": (1, 1),
    "interrupt": (6, 5),
}
STUCK_SECONDS = 240


class Worker:
    """A directory, a daemon on it, one machine at a time."""

    def __init__(self, tmp):
        self.tmp = tmp
        for name in ("images", "scratch", "nbd", "out"):
            setattr(self, name, os.path.join(tmp, name))
            os.makedirs(getattr(self, name))
        self.daemon = daemons.new_daemon(os.path.join(tmp, "root"))
        self.conn = None
        self.loops = set()              # devices of ours
        self.key = os.path.join(tmp, "key")
        with open(self.key, "wb") as f:
            f.write(PASSPHRASE)
        self.start_daemon()
        self.conn.secretDefineXML("<secret private='yes'><uuid>%s</uuid></secret>" % SECRET).setValue(PASSPHRASE)

    def start_daemon(self, fault=None):
        """@fault: see VIR_TEST_FAULT; it may strike at once."""
        self.daemon.start(fault)
        self.conn = wait_until("the daemon to answer", self.open)

    def open(self):
        """None: what took the connection was a child that the daemon had forked when it died."""
        try:
            return libvirt.open(self.daemon.uri)
        except libvirt.libvirtError:
            return None

    def end_connection(self):
        try:
            self.conn.close()
        except libvirt.libvirtError:
            pass

    def end_daemon(self, kill):
        if kill:
            self.daemon.kill()
        self.end_connection()
        if not kill and self.daemon.stop() != 0:
            raise Wrong("the daemon's exit status is not 0")

    def restart_daemon(self, kill, say):
        say("%s of the daemon" % ("death" if kill else "restart"))
        self.end_daemon(kill)
        self.start_daemon()

    def forget_daemon(self):
        """It has died by itself."""
        self.daemon.process.wait(60)
        self.daemon.process = None

    def close(self):
        """Orderly, after sequences that passed."""
        self.end_daemon(kill=False)
        left = files_below(os.path.join(self.tmp, "root"), LiveTest.is_leftover)
        if left:
            raise Wrong("files left by the daemon: %s" % left)

    def sweep(self):
        if self.daemon.running():
            self.daemon.kill()
        for pid in processes_with(self.tmp + "/"):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for device in self.loops:
            images.run(["losetup", "-d", device], check=False)
        shutil.rmtree(self.tmp, ignore_errors=True)


class Sequence:
    """The sequence of one seed."""

    def __init__(self, seed, steps, plant=None):
        self.seed, self.steps, self.plant = seed, steps, plant
        self.chance = random.Random(seed)
        self.told, self.begun = [], time.monotonic()
        self.vm = self.backups = None

    def say(self, words):
        self.told.append(words)

    def run(self, worker):
        self.worker = worker
        self.vm = Vm(worker, "r%d" % self.seed, self.chance, self.say)
        self.backups = Backups(self.vm)
        self.moves = Moves(worker, self.vm, self.chance)
        self.deaths = Deaths(worker, self.vm, self.backups, self.moves, self.chance)
        for _ in range(self.steps):
            self.step()
        self.end()

    def step(self):
        vm = self.vm
        column = 0 if vm.active() else 1
        name = self.chance.choices(list(WEIGHTS), [w[column] for w in WEIGHTS.values()])[0]
        if name == "forget" and vm.strays:
            name = "redefine"
        if name == "plug" and not (self.moves.can_come() or self.moves.can_leave()):
            name = "write"
        if name == "redefine_all" and (vm.strays or vm.branched or vm.limbo):
            name = "redefine" if vm.strays else "pull"
        if name in ("delete", "size", "forget", "restore", "lose", "redefine_all") and not vm.marks:
            name = "checkpoint"
        getattr(self, "do_" + name)()
        vm.check_names()

    def end(self):
        """Each checkpoint is asked once more, and the guest's own data is whole."""
        self.say("the end")
        if self.plant:
            self.plant(self)
        if self.moves.can_come():
            self.moves.disk_leaves_or_comes()
        self.backups.pull_every_mark()
        self.prove_usable()
        if self.vm.active():
            self.vm.stop()
        self.vm.check_content(self.vm.disks + self.vm.away)
        self.vm.remove()

    def prove_usable(self):
        """Whatever has happened: a new checkpoint can be made and serves, and all can be deleted."""
        vm = self.vm
        if not vm.active() and self.chance.random() < 0.5:
            vm.start()
        vm.checkpoint(vm.disks)
        self.do_write()
        self.backups.pull(Request(vm, self.chance, vm.marks[-1]))
        if not vm.branched and self.chance.random() < 0.5:
            first = vm.marks[0]
            vm.delete((first, libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN, list(vm.marks)))
        self.chance.shuffle(vm.marks)
        for mark in list(vm.marks):
            vm.delete((mark, 0, [mark]))
        vm.check_names()

    # Operations

    def do_write(self):
        if not self.vm.active() or self.vm.away and self.chance.random() < 0.2:
            self.vm.outside_write(self.vm.away if self.vm.active() else self.vm.disks + self.vm.away)
            return
        for _ in range(self.chance.choice((1, 2, 5))):
            self.vm.guest_write()

    def do_checkpoint(self):
        self.vm.checkpoint()

    def do_delete(self):
        self.vm.delete()

    def do_pull(self):
        self.backups.pull()

    def do_push(self):
        self.backups.push()

    def do_size(self):
        self.vm.check_size(self.chance.choice(self.vm.marks))

    def do_forget(self):
        self.vm.forget()

    def do_redefine(self):
        self.vm.redefine()

    def do_start(self):
        self.vm.start()

    def do_stop(self):
        self.vm.stop()

    def do_kill_qemu(self):
        self.say("death of QEMU")
        self.vm.kill()

    def do_restart_daemon(self):
        self.worker.restart_daemon(self.chance.random() < 0.5, self.say)

    def do_suspend(self):
        self.say("suspend and resume")
        if not self.vm.paused:
            self.vm.dom.suspend()
            self.vm.guest_write()
            self.vm.dom.resume()

    def do_reset(self):
        self.say("reset")
        self.vm.dom.reset()

    def do_resize(self):
        self.moves.resize()

    def do_restore(self):
        self.moves.restore()

    def do_plug(self):
        self.moves.disk_leaves_or_comes()

    def do_lose(self):
        self.moves.lose_records()

    def do_redefine_all(self):
        self.moves.redefine_all()

    def do_interrupt(self):
        self.deaths.interrupt()


class Walk:
    """Runs @seeds on @workers threads; failures are words for a person."""

    MAX_FAILURES = 4

    def __init__(self, tmp, seeds, workers, steps, plant=None):
        self.tmp, self.steps, self.plant = tmp, steps, plant
        self.seeds = queue.Queue()
        for seed in seeds:
            self.seeds.put(seed)
        self.failures, self.passed, self.number = [], 0, 0
        self.lock, self.running = threading.Lock(), {}
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(workers)]

    def run(self):
        for t in self.threads:
            t.start()
        while any(t.is_alive() for t in self.threads):
            time.sleep(0.1)
            with self.lock:
                stuck = [s for s in self.running.values() if time.monotonic() - s.begun > STUCK_SECONDS]
            for sequence in stuck:
                self.fail(sequence, "it does not end")
            if stuck:
                return
        return

    def new_worker(self):
        with self.lock:
            self.number += 1
            return Worker(os.path.join(self.tmp, "w%d" % self.number))

    def work(self):
        worker = None
        while len(self.failures) < self.MAX_FAILURES:
            try:
                seed = self.seeds.get_nowait()
            except queue.Empty:
                break
            worker = self.run_one(worker or self.new_worker(), Sequence(seed, self.steps, self.plant))
        if worker:
            try:
                worker.close()
            except Exception:
                self.fail(Sequence(0, 0), traceback.format_exc())
            worker.sweep()

    def run_one(self, worker, sequence):
        """The worker, or None if it has to be replaced."""
        with self.lock:
            self.running[threading.get_ident()] = sequence
        try:
            sequence.run(worker)
        except Exception as e:
            text = str(e) if isinstance(e, Wrong) else traceback.format_exc()
            self.fail(sequence, "%s\ndaemon's log:\n%s" % (text, worker.daemon.log_tail()))
            worker.sweep()
            return None
        finally:
            sequence.vm = sequence.backups = sequence.moves = sequence.deaths = None       # megabytes, in a ring
        with self.lock:
            self.passed += 1
            del self.running[threading.get_ident()]
        return worker

    def fail(self, sequence, text):
        steps = "".join("  %3d %s\n" % row for row in enumerate(sequence.told, 1))
        with self.lock:
            self.failures.append("seed %d failed: %s\nsteps of seed %d:\n%srerun: RANDOM_SEEDS=%d-%d ./run "
                                 "tests/live/test_random.py Sequences" % (sequence.seed, text, sequence.seed, steps,
                                                                sequence.seed, sequence.seed))
