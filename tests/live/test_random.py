#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of writes, checkpoints, deletions, restarts, deaths, backups, restores, and of disks that
grow, leave and come back, on running and stopped machines with one to three disks: whatever happens, an incremental
backup since any checkpoint has all that has changed, or it is refused with good reason (randommark.py). Never is it wrong,
and never is a machine stuck: in the end a new checkpoint is made and serves, and all are deleted.

    RANDOM_SEEDS=FROM-TO    sequences to run (default 1-300)
    RANDOM_STEPS=N          operations a sequence (default 8)
    RANDOM_WORKERS=N        sequences at a time, each with a daemon (default: processors + 1)

What a seed does is the same each time, but for when a process is killed in the middle of an operation.
"""
import os

import daemon as daemons
import livetest
from randommark import EXCUSES
from randomwalk import Walk

SEEDS = os.environ.get("RANDOM_SEEDS", "1-300")
STEPS = int(os.environ.get("RANDOM_STEPS", "8"))
WORKERS = int(os.environ.get("RANDOM_WORKERS", str((os.cpu_count() or 1) + 1)))
BLOCK = 65536


class Sequences(livetest.LiveTest):
    def test_random_sequences(self):
        first, _, last = SEEDS.partition("-")
        seeds = range(int(first), int(last or first) + 1)
        walk = Walk(self.tmp, seeds, WORKERS, STEPS)
        walk.run()
        if walk.failures:
            self.fail("\n\n".join(walk.failures))
        self.assertEqual(walk.passed, len(seeds))


class Documented(livetest.LiveTest):
    def test_excuses(self):
        with open(os.path.join(daemons.SOURCE, "docs", "internals", "checkpoint-states.rst")) as f:
            rows = [line.split("  ")[0] for line in f]
        for reason in EXCUSES:
            self.assertIn(reason, rows)


class PlantedFaults(livetest.LiveTest):
    """The same judge, and a product that is made to be wrong: it must notice."""

    def assert_noticed(self, plant, pattern):
        walk = Walk(self.tmp, [1], 1, 0, plant)
        walk.run()
        self.assertEqual(len(walk.failures), 1)
        self.assertRegex(walk.failures[0], "seed 1 failed: " + pattern)
        self.assertIn("rerun: RANDOM_SEEDS=1-1 ", walk.failures[0])

    @staticmethod
    def two_checkpoints(vm):
        """A running machine with checkpoints c1 and c2 of all disks, and one write between them."""
        vm.some_disks = lambda disks=None: list(vm.disks)
        vm.start()
        vm.checkpoint()
        disk = vm.disks[0]
        vm.write_at(disk, 3 * BLOCK, BLOCK)
        vm.checkpoint()
        return disk

    def test_a_period_left_out_of_the_union(self):
        def plant(sequence):
            vm = sequence.vm
            disk = self.two_checkpoints(vm)
            nodes = self.qmp(vm.dom, "query-named-block-nodes", flat=True)
            node = next(n["node-name"] for n in nodes if n.get("file") == disk.path and n["drv"] == disk.format)
            self.qmp(vm.dom, "block-dirty-bitmap-clear", node=node, name=vm.marks[0].name)

        self.assert_noticed(plant, r"[vs]da: blocks \[3\] have changed since c\d, and the incremental")

    def test_data_of_another_moment(self):
        def plant(sequence):
            vm = sequence.vm
            disk = self.two_checkpoints(vm)
            then = bytes(disk.content)
            vm.write_at(disk, 5 * BLOCK, 512)
            disk.content[:] = then

        self.assert_noticed(plant, "[vs]da read at .* through the export: first wrong byte at %d" % (5 * BLOCK))

    def test_whole_checkpoint_that_is_refused(self):
        def plant(sequence):
            vm = sequence.vm
            self.two_checkpoints(vm)
            vm.kill()
            for mark in vm.marks:
                mark.excuses = {target: set() for target in mark.excuses}

        self.assert_noticed(plant, r"(.*\n)*.*checkpoint inconsistent: cannot start incremental backup")

    def test_checkpoint_that_serves_after_a_restore(self):
        def plant(sequence):
            disk = self.two_checkpoints(sequence.vm)
            sequence.vm.marks[0].images[disk.target] = None

        self.assert_noticed(plant, ".* not (refused|done in full), though the disk is another one")


if __name__ == "__main__":
    livetest.main()
