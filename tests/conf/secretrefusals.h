/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <secret> documents that are refused. */
#pragma once
#include "conftestlib.h"

#define SECRET(rest) "<secret>" rest "</secret>"

static const confRefusal secretRefusals[] = {
    {"malformed", VIR_ERR_XML_DETAIL, "(definition_of_secret):1", "<secret"},
    {"root", BAD, "expecting root element", "<domain/>"},
    {"ephemeral", GRAMMAR, "'maybe' of attribute 'ephemeral'", "<secret ephemeral='maybe'/>"},
    {"uuid", GRAMMAR, "'xx' in element <uuid>", SECRET("<uuid>xx</uuid>")},
    {"value", GRAMMAR, "unknown element <value>", SECRET("<value>x</value>")},
    {"usage-type", GRAMMAR, "missing attribute 'type'", SECRET("<usage/>")},
    {"usage-unknown", GRAMMAR, "'x' of attribute 'type'",
     SECRET("<usage type='x'><name>n</name></usage>")},
    {"usage-none", GRAMMAR, "'none' of attribute 'type'", SECRET("<usage type='none'/>")},
    {"volume-missing", GRAMMAR, "missing element <volume>", SECRET("<usage type='volume'/>")},
    {"volume-relative", GRAMMAR, "'v' in element <volume>",
     SECRET("<usage type='volume'><volume>v</volume></usage>")},
    {"volume-name", GRAMMAR, "unknown element <name>",
     SECRET("<usage type='volume'><name>n</name></usage>")},
    {"name-missing", GRAMMAR, "missing element <name>", SECRET("<usage type='tls'/>")},
    {"name-slash", GRAMMAR, "'a/b' in element <name>",
     SECRET("<usage type='ceph'><name>a/b</name></usage>")},
    {"target-missing", GRAMMAR, "missing element <target>",
     SECRET("<usage type='iscsi'/>")},
    {"usage-twice", GRAMMAR, "given more than once",
     SECRET("<usage type='tls'><name>a</name></usage><usage type='tls'><name>b</name></usage>")},
};
