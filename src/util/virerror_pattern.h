/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fixed texts of errors: the pattern of each code, the name of each domain. */
#pragma once

/** Pattern with one %s for the detail; "%s" for codes without words of their own. Static text. */
const char *
virErrorPattern(int code);
/** Name of an error domain as printed by the default handler ("QEMU Driver"). Static text. */
const char *
virErrorDomainName(int domain);
/** @pattern with its one %s replaced by @detail. Returns: (owned). */
char *
virErrorFill(const char *pattern, const char *detail);
