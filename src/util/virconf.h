/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Daemon configuration files: lines "key = value", value a "string", a number or [ "list", ... ]; # comments. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct _virConf virConf;
void
virConfFree(virConf *conf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virConf, virConfFree)
/** Returns NULL with VIR_ERR_CONF_SYNTAX "PATH:LINE: what", or VIR_ERR_SYSTEM_ERROR. */
virConf *
virConfReadFile(const char *path);
virConf *
virConfParse(const char *text, const char *path);
/** Getters: 1 found, 0 absent, -1 wrong type with VIR_ERR_CONF_SYNTAX. */
int
virConfGetString(const virConf *conf, const char *key, char **out);
int
virConfGetUInt(const virConf *conf, const char *key, unsigned int *out);
int
virConfGetULL(const virConf *conf, const char *key, unsigned long long *out);
int
virConfGetBool(const virConf *conf, const char *key, bool *out);
int
virConfGetStringList(const virConf *conf, const char *key, char ***out);
/** A number in @min..@max. */
int
virConfGetRange(const virConf *conf, const char *key, unsigned long long min, unsigned long long max,
                unsigned long long *out);
/** A string out of @words, which are separated by blanks: its place among them. */
int
virConfGetWord(const virConf *conf, const char *key, const char *words, unsigned long long *out);
/** Refuse keys that are in nobody's list @known (NULL-terminated). */
int
virConfCheckKnown(const virConf *conf, const char *const *known);
