# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be measured. A new row is one line here and a generator that yields {metric: value}."""
import rows_backup as backup
import rows_bare as bare
import rows_chain as chain
import rows_daemon as daemon
import rows_guest as guest
import rows_throughput as throughput
from sides import KINDS


class Row:
    """@title: the first words of the printed line, the metric's name follows. @targets: per metric,
    the ratio ours/stock that docs/internals/speed.rst promises, None = no promise. @rounds: at most
    that many, for what takes long. @long: only with --long. @sides: the daemons that can do it. @versus:
    {metric: metric}, the ratio printed is that of two metrics of ours."""

    def __init__(self, title, function, arguments, targets, unit="ms", rounds=None, long=False, sides=KINDS,
                 versus=None):
        self.title, self.function, self.arguments = title, function, arguments
        self.targets, self.unit, self.rounds, self.long = targets, unit, rounds, long
        self.sides, self.versus = sides, versus or {}

    def metric_titles(self):
        return ["%s: %s" % (self.title, metric) for metric in self.targets]


def disks_rows(title, function, extra, targets, **kwargs):
    """The same for one disk and for eight; a target is a pair then."""
    return [Row("%s, %d disk%s" % (title, n, "s" if n > 1 else ""), function, (n, *extra),
                {metric: pair[i] for metric, pair in targets.items()}, **kwargs)
            for i, n in enumerate((1, 8))]


def bare_rows(title, function, extra, versus):
    """What ours takes, as a multiple of what its QMP takes without it."""
    targets = {metric: None for pair in versus.items() for metric in pair}
    return [Row("ours to bare QMP, %d disk%s, %s" % (n, "s" if n > 1 else "", title), function, (n, *extra), targets,
                sides=("ours",), versus=versus) for n in (1, 8)]


def flat_rows(short, long):
    """A chain of @long checkpoints beside one of @short."""
    operations = {"create": 1.3, "list, a checkpoint": 1.3, "delete, middle": 1.3, "delete, last": 1.3,
                  "QEMU's memory": None}
    targets = {"%s, chain %d" % (metric, n): target if n == long else None
               for n in (short, long) for metric, target in operations.items()}
    versus = {"%s, chain %d" % (metric, long): "%s, chain %d" % (metric, short) for metric in operations}
    return [Row("%d beside %d checkpoints, %d disk%s" % (long, short, n, "s" if n > 1 else ""), chain.flat,
                (n, short, long), targets, long=True, sides=("ours",), versus=versus) for n in (1, 8)]


SHARE = {"guest's share": None, "longest write": None}


def options_xml(attributes):
    return "<f:options xmlns:f='urn:fleece:1' %s/>" % attributes


SCOPE_CHANGED = options_xml("scope='changed'")

ROWS = [
    *disks_rows("checkpoint, chain 10", backup.checkpoint, (10,),
                {"create": (0.2, 0.35), "delete": (0.6, 0.5)}),
    *disks_rows("checkpoint, chain 300", backup.checkpoint, (300,),
                {"create": (0.2, 0.35), "delete": (0.6, 0.5)}, long=True, rounds=5),
    *disks_rows("checkpoint, chain 1000", backup.checkpoint, (1000,),
                {"create": (0.2, 0.35), "delete": (0.6, 0.5)}, long=True, rounds=5),
    *disks_rows("checkpoint in the middle, chain 10", backup.delete_middle, (10,),
                {"delete, middle": (0.6, 0.5)}),
    *disks_rows("checkpoint, chain 10", backup.checkpoint_size, (10,), {"dumpxml --size": (0.5, 0.5)}),
    *disks_rows("pull", backup.pull, (False,), {"begin": (0.25, 0.25), "abort to event": (0.9, 0.2)}),
    *disks_rows("pull with checkpoint", backup.pull, (True,),
                {"begin": (0.25, 0.25), "abort to event": (0.9, 0.2)}),
    *disks_rows("push of nothing", backup.push, (),
                {"begin to event": (0.2, 0.2), "last job done to event": (0.85, 0.15)}),
    *bare_rows("checkpoint", bare.checkpoint, (10,),
               {m: "bare " + m for m in ("create", "delete", "delete, middle")}),
    *bare_rows("pull", bare.pull, (), {"begin": "bare begin", "abort to event": "bare abort"}),
    Row("domain", daemon.domain_start, (), {"start": 0.3}, rounds=5),
    Row("lookup+state, 1 connection", daemon.calls, (1,), {"calls": 1.5}, unit="/s", rounds=5),
    Row("lookup+state, 8 connections", daemon.calls, (8,), {"calls": 1.5}, unit="/s", rounds=5),
    Row("statistics of 10 domains", daemon.all_stats, (10,), {"all": 0.4}),
    Row("statistics of 50 domains", daemon.all_stats, (50,), {"all": 0.4}, long=True),
    Row("daemon, 0 domains", daemon.startup, (0,), {"start-up": 0.3, "RSS": 0.5}, rounds=5),
    Row("daemon, 300 domains", daemon.startup, (300,), {"start-up": 0.3, "RSS": 0.5}, rounds=5),
    Row("daemon, 1000 domains", daemon.startup, (1000,), {"start-up": 0.3, "RSS": 0.5}, rounds=5,
        long=True),
    Row("daemon after 200 backups", daemon.rss_after, (200,), {"RSS": 0.5}, rounds=1),
    *disks_rows("guest's longest write", guest.writes, (),
                {"idle": (None, None), "around checkpoint create": (None, None),
                 "around pull begin": (None, None), "around pull end": (None, None)}, rounds=5),
    *flat_rows(10, 1000),
    Row("full pull", throughput.pull_share, (False,), dict(SHARE, scratch=None), rounds=3),
    Row("incremental pull, 2 % dirty", throughput.pull_share, (True,), dict(SHARE, scratch=None), rounds=3),
    Row("incremental pull, 2 % dirty, scope changed", throughput.pull_share, (True, SCOPE_CHANGED),
        dict(SHARE, scratch=None), rounds=3, sides=("ours",)),
    Row("copy-before-write by hand", throughput.bare_share, (), dict(SHARE, scratch=None), rounds=3,
        sides=("ours",)),
    Row("full push to 20 MB/s", throughput.push_share, (False, 20), SHARE, rounds=3, sides=("ours",)),
    Row("full fleeced push to 20 MB/s", throughput.push_share, (True, 20), SHARE, rounds=3, sides=("ours",)),
    Row("full fleeced push to 5 MB/s", throughput.push_share, (True, 5), SHARE, rounds=3, sides=("ours",)),
    Row("incremental fleeced push to 5 MB/s, 2 % dirty", throughput.push_share, (True, 5, True), SHARE, rounds=3,
        sides=("ours",)),
    Row("full push to a file", throughput.push_local, (), dict(SHARE, duration=None), rounds=3),
    *[Row("full push to a file, " + title, throughput.push_local, (options_xml(options),),
          dict(SHARE, duration=None), rounds=3, sides=("ours",))
      for title, options in (("1 worker", "workers='1'"), ("2 workers", "workers='2'"),
                             ("fleeced", "fleece='yes'"), ("fleeced, 2 workers", "fleece='yes' workers='2'"))],
    Row("bulk, pull by nbdcopy", throughput.bulk_pull, (), {"throughput": 0.95}, unit="MiB/s", rounds=5),
    Row("bulk, pull by nbdcopy over TCP", throughput.bulk_pull_tcp, (), {"direct": None, "through the helper": None},
        unit="MiB/s", rounds=5, sides=("ours",), versus={"through the helper": "direct"}),
    Row("bulk, push to a file", throughput.bulk_push, (), {"throughput": 0.95}, unit="MiB/s", rounds=5),
    Row("QEMU's STOP", daemon.stop_event, (), {"to lifecycle callback": 0.4}),
]

# The unit of these metrics, whatever that of their row.
METRIC_UNITS = {"RSS": "MiB", "scratch": "MiB", "guest's share": "", "QEMU's memory, chain 10": "MiB",
                "QEMU's memory, chain 1000": "MiB"}
