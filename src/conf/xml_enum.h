/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words of a closed set in XML. The set of a Def's enum is smaller than libvirt's: a word that
 * libvirt knows and we do not is refused as unsupported, a word nobody knows as an error in the
 * XML.
 */
#pragma once
#include "virxml.h"

/**
 * virXMLEnumLookup: @word: as found; @what: what the message calls it ("type of <disk>").
 * @table: @count words, entries may be NULL. @foreign: words of libvirt that we do not do,
 * separated by blanks, "*" for all others, or NULL for none.
 * Returns: the index, or -1 with VIR_ERR_CONFIG_UNSUPPORTED or VIR_ERR_XML_ERROR.
 */
int virXMLEnumLookup(const char *word, const char *what, const char *const *table, int count,
                     const char *foreign);
/** virXMLEnumProp: 1 found, 0 attribute absent (@out untouched), -1 refused as above. @out may be
 * NULL when only the check matters. */
int virXMLEnumProp(xmlNodePtr node, const char *attr, const char *const *table, int count,
                   const char *foreign, int *out);
/** virXMLEnumProp into an lvalue of any enum type; @table is an array. */
#define VIR_XML_ENUM_PROP(node, attr, table, foreign, lvalue)                                      \
    ({                                                                                             \
        int vxep_value = 0;                                                                        \
        int vxep_rc =                                                                              \
            virXMLEnumProp(node, attr, table, G_N_ELEMENTS(table), foreign, &vxep_value);          \
        if (vxep_rc > 0)                                                                           \
            (lvalue) = vxep_value;                                                                 \
        vxep_rc;                                                                                   \
    })
#define VIR_XML_ENUM_CHECK(node, attr, table, foreign)                                             \
    virXMLEnumProp(node, attr, table, G_N_ELEMENTS(table), foreign, NULL)
/** Attribute as (owned) text, not empty; NULL with VIR_ERR_XML_ERROR naming attribute and element.
 */
char *virXMLPropRequired(xmlNodePtr node, const char *attr);
/** Refuse a second child of the name: "element <x> given twice in <y>", VIR_ERR_XML_ERROR. */
int virXMLCheckOnce(xmlNodePtr node, const char *children);
