/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files backup_*.c need of each other; nobody else includes this. */
#pragma once
#include "backup_def.h"
#include "xml_grammar.h"

/** An entry for disk @name that takes no part yet. */
virDomainBackupDiskDef *virDomainBackupDiskDefNew(const char *name);
void virDomainBackupDiskDefFree(virDomainBackupDiskDef *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainBackupDiskDef, virDomainBackupDiskDefFree)

/** The whole document against libvirt's grammar: 0, or -1 with VIR_ERR_XML_INVALID_SCHEMA or, for
 * what libvirt has and we do not, VIR_ERR_CONFIG_UNSUPPORTED. */
int virDomainBackupGrammarCheck(xmlNodePtr root);

/* <server>, which a restore has as well, without transport='fd': its grammar, and a Def of which only server counts. */
extern const virXMLAttrRule virDomainBackupServerAttrs[];
int virDomainBackupServerCheck(xmlNodePtr node);
virDomainBackupDef *virDomainBackupServerParse(xmlNodePtr node);
void virDomainBackupServerFormat(virBuffer *buf, const virDomainBackupDef *def);
