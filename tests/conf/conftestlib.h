/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of the definitions share: golden files and expected refusals. */
#pragma once
#include <glib.h>
#include <libvirt/virterror.h>

/* The codes refusals mostly have. */
#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED
#define BAD VIR_ERR_XML_ERROR
#define GRAMMAR VIR_ERR_XML_INVALID_SCHEMA

/* A document that is refused, by the parser or when it is settled against a domain. */
typedef struct {
    const char *name;
    int code;
    const char *reason;
    const char *xml;
    unsigned int flags; /* of the parser */
} confRefusal;

/** Text of tests/@dir/@file, (owned); the test fails if it cannot be read. */
char *confTestRead(const char *dir, const char *file);
/** Compare with tests/@dir/@file, or write it there under VIR_TEST_REGENERATE_OUTPUT=1. */
void confTestGolden(const char *dir, const char *file, const char *actual);
/** The thread's error has this code and @reason is in its message; it is reset. @what: the case. */
void confTestError(const char *what, int code, const char *reason);
