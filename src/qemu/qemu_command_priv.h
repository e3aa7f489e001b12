/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files that make a command line, one a kind of device; nobody else includes it. */
#pragma once
#include "qemu_command.h"

typedef struct _qemuCommandBuilder {
    const qemuCommandInput *in;
    const virDomainDef *def;
    GPtrArray *argv;
    bool q35;
    bool placePCI;     /* some device has a PCI address, so we choose all others too */
    guint32 usedSlots; /* of bus 0 */
    size_t secrets;    /* of encrypted images, so far */
} qemuCommandBuilder;

/** Append an option and its value (copied; NULL = none). */
void qemuCommandAdd(qemuCommandBuilder *b, const char *option, const char *value);
/** Append -OPTION and take the text over. */
void qemuCommandAddString(qemuCommandBuilder *b, const char *option, GString *value);
/** KEY=VALUE for comma-separated options: commas in @value are doubled. Nothing when it is NULL. */
void qemuCommandOpt(GString *text, const char *key, const char *value);

/** Find out which slots of bus 0 the XML takes. */
int qemuCommandPCIScan(qemuCommandBuilder *b);
/** ",bus=..,addr=.." of a PCI device; nothing while QEMU places all devices. @what: for messages.
 */
int qemuCommandPCIPlace(qemuCommandBuilder *b, GString *dev, const virDeviceAddress *addr,
                        const char *what);

int qemuCommandControllers(qemuCommandBuilder *b);
/** Name of the bus a controller of the Def offers, e.g. its alias; NULL if there is none
 * (borrowed). */
const virDomainControllerDef *qemuCommandController(const virDomainDef *def, virControllerType type,
                                                    unsigned int index);
/** The SCSI controller is an LSI one, whose targets are numbered by unit. */
bool qemuCommandSCSIIsLSI(const virDomainControllerDef *ctrl);
int qemuCommandDisks(qemuCommandBuilder *b);
int qemuCommandChardevs(qemuCommandBuilder *b);
int qemuCommandNets(qemuCommandBuilder *b);
int qemuCommandInputs(qemuCommandBuilder *b);
int qemuCommandRngs(qemuCommandBuilder *b);
int qemuCommandBalloon(qemuCommandBuilder *b);
/** Boot index of the first device of a kind from <os><boot>; 0 = none. */
unsigned int qemuCommandBootIndex(const virDomainDef *def, virDomainBootDev dev);
