/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UUIDs: 16 bytes in printed order, and their text form. */
#pragma once
#include <libvirt/libvirt.h>

void
virUUIDGenerate(unsigned char uuid[VIR_UUID_BUFLEN]);
/** Accepts 32 hex digits with or without dashes and surrounding blanks. Returns -1 without error object. */
int
virUUIDParse(const char *text, unsigned char uuid[VIR_UUID_BUFLEN]);
/** @text: at least VIR_UUID_STRING_BUFLEN bytes. Returns @text. */
const char *
virUUIDFormat(const unsigned char uuid[VIR_UUID_BUFLEN], char *text);
