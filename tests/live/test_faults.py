#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints, backups and domains interrupted at every fault point (see faultwalk.py)."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import libvirt

import livetest
from faultwalk import Scenario, Walk

JOBS = int(os.environ.get("FAULT_JOBS", "3"))


class CreateFirst(Scenario):
    may = after = ("a",)

    def prepare(self, w):
        w.write()

    def operate(self, w):
        w.checkpoint("a")


class Create(Scenario):
    disks = 2
    must, may, after = ("a", "b"), ("c",), ("a", "b", "c")

    def prepare(self, w):
        w.chain("a", "b")

    def operate(self, w):
        w.checkpoint("c")


class Delete(Scenario):
    disks = 2
    name, flags = None, 0

    def prepare(self, w):
        w.chain("a", "b", "c", "d")

    def operate(self, w):
        w.lookup(self.name).delete(self.flags)


class DeleteOldest(Delete):
    name, must, may, after = "a", ("b", "c", "d"), ("a",), ("b", "c", "d")


class DeleteMiddle(Delete):
    name, must, may, after = "b", ("a", "c", "d"), ("b",), ("a", "c", "d")


class DeleteActive(Delete):
    name, must, may, after = "d", ("a", "b", "c"), ("d",), ("a", "b", "c")


class DeleteChildren(Delete):
    disks = 1
    name, flags = "b", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN
    must, may, after = ("a",), ("b", "c", "d"), ("a",)


class DeleteChildrenOnly(Delete):
    disks = 1
    name, flags = "b", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY
    must, may, after = ("a", "b"), ("c", "d"), ("a", "b")


class DeleteFirstWithAll(Delete):
    disks = 1
    name, flags = "a", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN
    must, may, after = (), ("a", "b", "c", "d"), ()


class Pull(Scenario):
    incremental, checkpoint = None, None

    def prepare(self, w):
        if self.must:
            w.chain(*self.must)

    def operate(self, w):
        if self.checkpoint:
            w.expect(self.checkpoint)
        w.t.begin(w.m, w.t.pull_xml(w.m, incremental=self.incremental), self.checkpoint)
        w.t.read_exports(w.m)
        w.t.end_pull(w.m)


class PullFull(Pull):
    after = ()


class PullFullCheckpoint(Pull):
    checkpoint, may, after = "a", ("a",), ("a",)


class PullIncremental(Pull):
    disks, incremental, checkpoint = 2, "a", "c"
    must, may, after = ("a", "b"), ("c",), ("a", "b", "c")


class Push(Pull):
    def operate(self, w):
        if self.checkpoint:
            w.expect(self.checkpoint)
        w.pushed = set(w.since[self.incremental]) if self.incremental else None
        w.t.begin(w.m, w.t.push_xml(w.m, "x", self.incremental), self.checkpoint)
        w.t.wait_no_job(w.m)


class PushFull(Push):
    after = ()


class PushFullCheckpoint(Push):
    disks, checkpoint, may, after = 2, "a", ("a",), ("a",)


class PushIncremental(Push):
    disks, incremental, checkpoint = 2, "a", "c"
    must, may, after = ("a", "b"), ("c",), ("a", "b", "c")


class Faults(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("fault points of our daemon")


def add_tests():
    def method(scenario):
        return lambda self: Walk(self, scenario()).run()
    for scenario in (CreateFirst, Create, DeleteOldest, DeleteMiddle, DeleteActive, DeleteChildren,
                     DeleteChildrenOnly, DeleteFirstWithAll, PullFull, PullFullCheckpoint,
                     PullIncremental, PushFull, PushFullCheckpoint, PushIncremental):
        setattr(Faults, "test_%s" % scenario.__name__, method(scenario))


add_tests()

if __name__ == "__main__":
    livetest.main()
