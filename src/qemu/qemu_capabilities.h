/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one QEMU binary can do. Facts come from asking it once; behaviour (does KVM really run, does
 * an export on an iothread survive its client) comes from trying it once, when first needed.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>
#include "virjson.h"

typedef struct _qemuCapsMachine {
    char *name;  /* canonical: "pc-i440fx-7.2" */
    char *alias; /* "pc", or NULL */
    unsigned int maxCpus;
    bool isDefault;
    bool deprecated;
} qemuCapsMachine;

/* Plain data; tests make it by hand or from JSON. Immutable once made. */
typedef struct _qemuCapsFacts {
    unsigned int version; /* 7002022 = 7.2.22 */
    char *package;
    char *arch;          /* "x86_64" */
    GPtrArray *machines; /* qemuCapsMachine * */
    char **cpuModels;
    bool kvmBuilt;         /* the binary knows KVM; says nothing about the host */
    bool sandbox;          /* -sandbox */
    bool messageTimestamp; /* -msg timestamp=on */
    bool aioUring;
    bool snapshotAccess; /* fleecing: snapshot-access driver */
    bool cbwErrorPolicy; /* copy-before-write: on-cbw-error and cbw-timeout */
} qemuCapsFacts;
/** Empty array of machines that owns them; for who fills facts in. */
GPtrArray *qemuCapsMachineArrayNew(void);
void qemuCapsFactsFree(qemuCapsFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuCapsFacts, qemuCapsFactsFree)
virJSONValue *qemuCapsFactsToJSON(const qemuCapsFacts *facts);
/** (owned), or NULL with VIR_ERR_INTERNAL_ERROR when a member is missing or of another type. */
qemuCapsFacts *qemuCapsFactsFromJSON(const virJSONValue *json);
/** Canonical entry for a machine's name or alias; borrowed, NULL if this QEMU has none. */
const qemuCapsMachine *qemuCapsFactsMachine(const qemuCapsFacts *facts, const char *nameOrAlias);

typedef struct _qemuCaps qemuCaps;
qemuCaps *qemuCapsRef(qemuCaps *caps);
void qemuCapsUnref(qemuCaps *caps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuCaps, qemuCapsUnref)
/** Borrowed, as long as the caps. */
const qemuCapsFacts *qemuCapsGetFacts(const qemuCaps *caps);
const char *qemuCapsEmulator(const qemuCaps *caps);
/** True if a guest's code really runs, and at a useful speed, under KVM here. First call: runs a
 * vCPU for some milliseconds (5 s where it hangs); later calls remember. */
bool qemuCapsKVMWorks(qemuCaps *caps);
/** True if a disk on an iothread may be exported over NBD: this QEMU survives the client leaving.
 * First call tries it in a scratch process (some 100 ms). */
bool qemuCapsIothreadExportSafe(qemuCaps *caps);
/** Seconds that a copy-before-write of every QEMU can be told to wait for a copy. */
#define QEMU_CAPS_CBW_TIMEOUT_SAFE 4
/** The most that one of this QEMU can: that, or G_MAXUINT. First call tries it in a scratch process (0.3 s). */
unsigned int qemuCapsCbwTimeoutMax(qemuCaps *caps);
/** True if process @pid runs this binary, and not one that was there before it. */
bool qemuCapsAreOf(const qemuCaps *caps, pid_t pid);

typedef struct _qemuCapsCache qemuCapsCache;
/** @cacheDir: remembers across daemons in @cacheDir/capabilities/, or NULL.
 * @user, @group: the scratch processes run as; -1 = as we. */
qemuCapsCache *qemuCapsCacheNew(const char *cacheDir, uid_t user, gid_t group);
void qemuCapsCacheFree(qemuCapsCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuCapsCache, qemuCapsCacheFree)
/**
 * qemuCapsCacheLookup: what is known of @emulator, asked of it now if the file is new or changed.
 * One probe of a binary at a time; others wait for its result. Blocks; needs the main loop running.
 * Returns: (owned reference), or NULL with VIR_ERR_CONFIG_UNSUPPORTED (no such program, or not
 * executable) or VIR_ERR_INTERNAL_ERROR with what the program said.
 */
qemuCaps *qemuCapsCacheLookup(qemuCapsCache *cache, const char *emulator);

/** <capabilities> of the host; @caps: of the default emulator, or NULL when there is none. (owned)
 */
char *qemuCapsFormatHostXML(qemuCaps *caps);
/** <domainCapabilities>. @machine: name or alias, NULL = default; @virttype: "kvm", "qemu" or NULL
 * = best that works. NULL with VIR_ERR_INVALID_ARG when the emulator has no such arch, machine or
 * type. */
char *qemuCapsFormatDomainXML(qemuCaps *caps, const char *arch, const char *machine,
                              const char *virttype);
