# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows: what a guest that writes all the time feels. Its writes are counted by the host's clock (the
tick channel of the test guest), so that time in which the guest is stopped counts too."""
import time

from machine import TickWatch
from model import Storm
from rows_backup import wait_idle

BLOCK = 4096
PAUSE_US = 500
SETTLE_SECONDS = 0.4


def longest(ticks, action):
    """The longest gap in ms around @action, and from an equally long calm time before it."""
    time.sleep(SETTLE_SECONDS)
    ticks.reset()
    time.sleep(SETTLE_SECONDS)
    before = ticks.read()[0]
    ticks.reset()
    action()
    time.sleep(SETTLE_SECONDS / 2)
    return ticks.read()[0], before


def writes(side, disks):
    """One guest at a time: the other side's is calm meanwhile."""
    m = side.machine("g%d" % side.serial(), disks=disks, boots=True, tick=True)
    ticks = TickWatch(m.tick_path)
    storm = Storm(m.targets, 8 << 20, BLOCK, 1, 2, PAUSE_US)
    try:
        while True:
            yield writes_once(side, m, ticks, storm)
    finally:
        ticks.close()
        side.drop(m)


def writes_once(side, m, ticks, storm):
    name = "c%d" % side.serial()
    m.storm(storm)
    try:
        made = []
        create, idle = longest(ticks, lambda: made.append(
            m.dom.checkpointCreateXML(side.checkpoint_xml(name))))
        begin, _ = longest(ticks, lambda: m.dom.backupBegin(side.pull_xml(m), None))
        end, _ = longest(ticks, m.dom.abortJob)
        wait_idle(m.dom)
        made[0].delete()
    finally:
        m.calm()
    return {"idle": idle, "around checkpoint create": create, "around pull begin": begin,
            "around pull end": end}
