/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files domain_*.c need of each other; nobody else includes this. */
#pragma once
#include "domain_def.h"

extern const char *const virDomainTypeNames[VIR_DOMAIN_TYPE_LAST];
extern const char *const virDomainBootNames[VIR_DOMAIN_BOOT_LAST];
extern const char *const virDomainActionNames[VIR_DOMAIN_ACTION_LAST];
extern const char *const virDomainCPUModeNames[VIR_DOMAIN_CPU_LAST];
extern const char *const virDomainCPUMatchNames[VIR_DOMAIN_CPU_MATCH_LAST];
extern const char *const virDomainCPUCheckNames[VIR_DOMAIN_CPU_CHECK_LAST];
extern const char *const virDomainCPUFallbackNames[VIR_DOMAIN_CPU_FALLBACK_LAST];
extern const char *const virDomainClockNames[VIR_DOMAIN_CLOCK_LAST];
extern const char *const virDomainTimerNames[VIR_DOMAIN_TIMER_LAST];
extern const char *const virDomainTickPolicyNames[VIR_DOMAIN_TICKPOLICY_LAST];
extern const char *const virControllerTypeNames[VIR_CONTROLLER_LAST];
extern const char *const virChardevKindNames[VIR_CHARDEV_LAST];
extern const char *const virChardevTypeNames[VIR_CHARDEV_TYPE_LAST];
extern const char *const virInputTypeNames[VIR_INPUT_LAST];
extern const char *const virInputBusNames[VIR_INPUT_BUS_LAST];

/** Empty definition: id -1, no devices, libvirt's default actions. */
virDomainDef *virDomainDefNew(void);
void virDomainControllerDefFree(virDomainControllerDef *controller);
void virDomainChardevDefFree(virDomainChardevDef *chardev);
void virDomainNetDefFree(virDomainNetDef *net);
void virDomainRngDefFree(virDomainRngDef *rng);
void virDomainInputDefFree(virDomainInputDef *input);

/** Position a target name stands for: vda 0, vdz 25, vdaa 26. */
unsigned int virDomainDiskPosition(const char *dst);
/** Put @disk (consumed) after the disks of its bus that come before it, as dumpxml lists them. */
void virDomainDefInsertDisk(virDomainDef *def, virDomainDiskDef *disk);
/** First controller of that type and index, borrowed, or NULL. */
virDomainControllerDef *virDomainDefController(const virDomainDef *def, virControllerType type,
                                               int index);

typedef void (*virDomainDeviceIter)(char **alias, virDeviceAddress *addr, void *opaque);
/** Every device's alias and address, in the order of dumpxml. */
void virDomainDefForeachDevice(virDomainDef *def, virDomainDeviceIter iter, void *opaque);

/* domain_metadata.c: @node -> compact text (owned); text -> @buf, indented like the rest. */
char *virDomainMetadataParse(xmlNodePtr node);
void virDomainMetadataFormat(virBuffer *buf, const char *metadata);

/* domain_parse_devices.c */
int virDomainDevicesParse(xmlNodePtr devices, virDomainDef *def);
/* domain_format_devices.c */
void virDomainDevicesFormat(virBuffer *buf, const virDomainDef *def, bool live);

/* domain_defaults.c. DropLive forgets what only a running domain has. */
void virDomainDefDropLive(virDomainDef *def);
void virDomainDefFillDefaults(virDomainDef *def);
/* domain_validate.c */
int virDomainDefValidate(const virDomainDef *def);
