/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A document's grammar as tables, checked by hand. libvirt validates <domaincheckpoint> and
 * <domainbackup> against a schema before it reads them and answers a fault with
 * VIR_ERR_XML_INVALID_SCHEMA; it compiles that schema on every call, which costs it 12 ms. These
 * tables say the same in microseconds and name the fault. docs/schemas has them as RELAX NG.
 */
#pragma once
#include "virxml.h"

typedef enum {
    VIR_XML_RULE_REQUIRED = 1 << 0,
    VIR_XML_RULE_MANY = 1 << 1,      /* element: may be given more than once */
    VIR_XML_RULE_FOREIGN = 1 << 2,   /* libvirt has it, we do not: VIR_ERR_CONFIG_UNSUPPORTED */
    VIR_XML_RULE_FORBIDDEN = 1 << 3, /* belongs elsewhere; the note says where */
    VIR_XML_RULE_OPAQUE = 1 << 4,    /* element: what is inside is somebody else's to check */
} virXMLRuleFlags;

/** Is the value fine? NULL, or what is wanted instead ("an absolute path"). */
typedef const char *(*virXMLValueCheck)(const char *value);

typedef struct {
    const char *name;
    unsigned int flags;
    const char *words;      /* the values there are, separated by blanks; NULL = any */
    const char *foreign;    /* values libvirt has and we do not */
    virXMLValueCheck check; /* instead of words */
    guint64 min, max;       /* instead of words: a decimal number, if max is not 0 */
    const char *note;       /* whole sentence for missing, forbidden or foreign */
} virXMLAttrRule;

typedef struct _virXMLElementRule virXMLElementRule;
struct _virXMLElementRule {
    const char *name; /* "f:x" is x in our namespace */
    unsigned int flags;
    const virXMLAttrRule *attrs;       /* up to one without name; NULL = none */
    const virXMLElementRule *children; /* up to one without name; NULL = none */
    virXMLValueCheck text;             /* content is text; NULL = elements and blanks only */
    int (*extra)(xmlNodePtr node);     /* last: what tables cannot say; reports itself */
    const char *note;                  /* whole sentence for missing or forbidden */
};

/**
 * virXMLGrammarCheck: @node with all below it against @rule (whose own name and flags do not count).
 * Returns: 0, or -1 with VIR_ERR_XML_INVALID_SCHEMA or VIR_ERR_CONFIG_UNSUPPORTED.
 */
int virXMLGrammarCheck(xmlNodePtr node, const virXMLElementRule *rule);

/* Checks of values that more than one grammar has. */
const char *virXMLAnyText(const char *value);
/** Decimal, up to 2^32-1. */
const char *virXMLUnsignedInt(const char *value);
/** Decimal, up to 2^63-1: sizes and times. */
const char *virXMLUnsignedLong(const char *value);
/** Absolute, not "/" alone, without control characters. */
const char *virXMLAbsolutePath(const char *value);
/** A word libvirt's grammar allows as the target of a disk: vda, sdb, hdc1. */
const char *virXMLDiskTarget(const char *value);
