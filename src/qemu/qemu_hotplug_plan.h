/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans that change the disks of a running QEMU: one is added, one is gone, one has another size.
 * Pure.
 */
#pragma once
#include <stdbool.h>
#include "domain_def.h"
#include "qemu_graph.h"
#include "qemu_plan.h"

/** Nodes of @disk's chain, the lowest first, then its device. @device: consumed arguments of
 * device_add. */
qemuPlan *qemuHotplugPlanAttach(const virDomainDiskDef *disk, virJSONValue *device);
/** The nodes of the medium of @drive, which may have none. */
qemuPlan *qemuHotplugPlanMedium(const virDomainDiskDef *drive);
/** They get into the drive; one that @holds a medium loses that. In one write, so that a daemon that dies
 * leaves no open drive. Nothing is undone: look what is in the drive. */
qemuPlan *qemuHotplugPlanTray(const virDomainDiskDef *drive, bool holds, bool force);
/** The device of @disk is gone: its nodes go, the highest first. Closing the top one brings the
 * bitmaps of a qcow2 image into it. Every step goes on after a failure, and may be repeated. */
qemuPlan *qemuHotplugPlanRemoved(const virDomainDiskDef *disk);

/*
 * A disk that grows: QEMU grows the bitmaps of its image along, and calls the new part unchanged.
 * So it is marked as changed in each bitmap that records. The marks come from the bitmap of a node
 * that holds no data ("fleece-marks-DISK"), and on which just that part was written.
 */
#define QEMU_HOTPLUG_MARKS "marks"
#define QEMU_HOTPLUG_MARKS_PREFIX "fleece-marks-"
/** (owned) */
char *qemuHotplugMarksNode(const char *disk);
/** Does @node grow, and have bitmaps that must know of it? */
bool qemuHotplugResizeNeedsMarks(const qemuGraphNode *node, unsigned long long size);
/** Make that node and its bitmap. The monitor's qemu-io does not fail when it fails: look at the
 * bitmap. */
qemuPlan *qemuHotplugPlanMarks(const char *disk, unsigned long long from, unsigned long long size);
/** Inconsistent bitmaps go first, because QEMU resizes no image that has some: what the death of a QEMU has
 * left. Then the new size, and the marks in the same write: both happen even if we do not live to see it. If
 * QEMU refuses the size, it refuses the marks, too, for they are of another size. */
qemuPlan *qemuHotplugPlanResize(const char *disk, const qemuGraphNode *node,
                                unsigned long long size);
