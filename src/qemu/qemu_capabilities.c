/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cache of what QEMU binaries can do.
 *
 * A record is good as long as the file at the emulator's path, and the program that really ran
 * behind it when that is a wrapper script, have the same inode, size and time. It is kept in memory
 * and, to save the next daemon the question, in CACHEDIR/capabilities/SHA256-OF-PATH.json; that
 * file may be removed or damaged at any time and costs a new probe only, so it is not written
 * durably.
 *
 * Whether KVM works is the host's property as much as the binary's, so that answer also carries the
 * boot it was found in and the access to /dev/kvm at that time.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "qemu_capabilities.h"
#include "qemu_capabilities_probe.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

#define CAPS_RECORD_VERSION 1
#define CAPS_RECORD_MAX (4 * 1024 * 1024)

typedef enum { CAPS_UNKNOWN, CAPS_NO, CAPS_YES } capsAnswer;

struct _qemuCaps {
    gint refs;
    char *emulator;
    char *stamp;          /* of the emulator's file */
    char *exe, *exeStamp; /* program behind a wrapper; NULL if it is the emulator itself */
    qemuCapsFacts *facts;
    char *recordPath; /* NULL: not kept on disk */
    uid_t user;
    gid_t group;

    GMutex lock; /* held while trying, so that it is tried once; guards what follows */
    capsAnswer iothreadExport;
    capsAnswer cbwTimeout;
    capsAnswer kvm;
    char *kvmHost; /* conditions @kvm was found under */
};

struct _qemuCapsCache {
    char *recordDir;
    uid_t user;
    gid_t group;
    GMutex lock; /* never held while probing */
    GCond changed;
    GHashTable *caps;    /* emulator -> qemuCaps * */
    GHashTable *probing; /* set of emulators somebody is asking now */
};

qemuCaps *
qemuCapsRef(qemuCaps *caps)
{
    g_atomic_int_inc(&caps->refs);
    return caps;
}

void
qemuCapsUnref(qemuCaps *caps)
{
    if (!caps || !g_atomic_int_dec_and_test(&caps->refs))
        return;
    g_free(caps->emulator);
    g_free(caps->stamp);
    g_free(caps->exe);
    g_free(caps->exeStamp);
    g_free(caps->recordPath);
    g_free(caps->kvmHost);
    qemuCapsFactsFree(caps->facts);
    g_mutex_clear(&caps->lock);
    g_free(caps);
}

const qemuCapsFacts *
qemuCapsGetFacts(const qemuCaps *caps)
{
    return caps->facts;
}

const char *
qemuCapsEmulator(const qemuCaps *caps)
{
    return caps->emulator;
}

/* (owned) what tells one content of a file from another; NULL with errno. */
static char *
qemuCapsStamp(const char *path)
{
    struct stat st = {0};

    if (stat(path, &st) < 0)
        return NULL;
    return g_strdup_printf("%llu:%llu:%lld:%lld.%09ld", (unsigned long long)st.st_dev,
                           (unsigned long long)st.st_ino, (long long)st.st_size,
                           (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static bool
qemuCapsFresh(const qemuCaps *caps, const char *stamp)
{
    g_autofree char *exeStamp = NULL;

    if (g_strcmp0(caps->stamp, stamp) != 0)
        return false;
    if (!caps->exe)
        return true;
    exeStamp = qemuCapsStamp(caps->exe);
    return g_strcmp0(caps->exeStamp, exeStamp) == 0;
}

static const char *
qemuCapsAnswerText(capsAnswer answer)
{
    return answer == CAPS_UNKNOWN ? NULL : answer == CAPS_YES ? "yes" : "no";
}

static capsAnswer
qemuCapsAnswerOf(const char *text)
{
    return g_strcmp0(text, "yes") == 0  ? CAPS_YES
           : g_strcmp0(text, "no") == 0 ? CAPS_NO
                                        : CAPS_UNKNOWN;
}

/* A record that cannot be written is only a slower next start. */
static void
qemuCapsSave(const qemuCaps *caps)
{
    g_autoptr(virJSONValue) json = NULL;
    g_autofree char *text = NULL;

    if (!caps->recordPath)
        return;
    json = virJSONBuild("{'record':%d,'emulator':%s,'stamp':%s,'exe':%s,'exeStamp':%s,"
                        "'iothreadExport':%s,'cbwTimeout':%s,'kvm':%s,'kvmHost':%s,'facts':%v}",
                        CAPS_RECORD_VERSION, caps->emulator, caps->stamp, caps->exe, caps->exeStamp,
                        qemuCapsAnswerText(caps->iothreadExport), qemuCapsAnswerText(caps->cbwTimeout),
                        qemuCapsAnswerText(caps->kvm), caps->kvmHost, qemuCapsFactsToJSON(caps->facts));
    text = virJSONFormat(json, true);
    if (virFileReplaceVolatile(caps->recordPath, text, strlen(text), 0644) < 0) {
        VIR_WARN("cannot keep the capabilities of '%s': %s", caps->emulator, virErrorLastMessage());
        virErrorReset();
    }
}

static qemuCaps *
qemuCapsNew(const qemuCapsCache *cache, const char *emulator, const char *stamp)
{
    qemuCaps *caps = g_new0(qemuCaps, 1);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, emulator, -1);

    caps->refs = 1;
    caps->emulator = g_strdup(emulator);
    caps->stamp = g_strdup(stamp);
    caps->user = cache->user;
    caps->group = cache->group;
    if (cache->recordDir)
        caps->recordPath = g_strdup_printf("%s/%s.json", cache->recordDir, sum);
    g_mutex_init(&caps->lock);
    return caps;
}

/* NULL without an error when there is no record or it is of no use. */
static qemuCaps *
qemuCapsLoad(const qemuCapsCache *cache, const char *emulator, const char *stamp)
{
    g_autoptr(qemuCaps) caps = qemuCapsNew(cache, emulator, stamp);
    g_autofree char *text = NULL;
    g_autoptr(virJSONValue) json = NULL;
    long long version = 0;

    if (!caps->recordPath || !virFileExists(caps->recordPath))
        return NULL;
    if (virFileReadAll(caps->recordPath, CAPS_RECORD_MAX, &text) < 0 ||
        !(json = virJSONParse(text, -1)) || virJSONObjectGetInt(json, "record", &version) < 0 ||
        version != CAPS_RECORD_VERSION ||
        g_strcmp0(virJSONObjectLookupString(json, "emulator"), emulator) != 0 ||
        g_strcmp0(virJSONObjectLookupString(json, "stamp"), stamp) != 0 ||
        !(caps->facts = qemuCapsFactsFromJSON(virJSONObjectLookupObject(json, "facts")))) {
        virErrorReset();
        return NULL;
    }
    caps->exe = g_strdup(virJSONObjectLookupString(json, "exe"));
    caps->exeStamp = g_strdup(virJSONObjectLookupString(json, "exeStamp"));
    caps->iothreadExport = qemuCapsAnswerOf(virJSONObjectLookupString(json, "iothreadExport"));
    caps->cbwTimeout = qemuCapsAnswerOf(virJSONObjectLookupString(json, "cbwTimeout"));
    caps->kvm = qemuCapsAnswerOf(virJSONObjectLookupString(json, "kvm"));
    caps->kvmHost = g_strdup(virJSONObjectLookupString(json, "kvmHost"));
    return qemuCapsFresh(caps, stamp) ? g_steal_pointer(&caps) : NULL;
}

static qemuCaps *
qemuCapsProbe(const qemuCapsCache *cache, const char *emulator, const char *stamp)
{
    g_autoptr(qemuCaps) caps = qemuCapsNew(cache, emulator, stamp);
    qemuProbeTarget target = {emulator, cache->user, cache->group};
    g_autofree char *exe = NULL;

    if (!(caps->facts = qemuProbeFacts(&target, &exe)))
        return NULL;
    if (exe && !g_str_equal(exe, emulator)) {
        caps->exeStamp = qemuCapsStamp(exe);
        caps->exe = caps->exeStamp ? g_steal_pointer(&exe) : NULL;
    }
    qemuCapsSave(caps);
    return g_steal_pointer(&caps);
}

qemuCapsCache *
qemuCapsCacheNew(const char *cacheDir, uid_t user, gid_t group)
{
    qemuCapsCache *cache = g_new0(qemuCapsCache, 1);

    cache->user = user;
    cache->group = group;
    g_mutex_init(&cache->lock);
    g_cond_init(&cache->changed);
    cache->caps =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)qemuCapsUnref);
    cache->probing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (cacheDir) {
        cache->recordDir = g_build_filename(cacheDir, "capabilities", NULL);
        if (virFileMakeDirs(cache->recordDir, 0755) < 0) {
            VIR_WARN("capabilities are not kept on disk: %s", virErrorLastMessage());
            virErrorReset();
            g_clear_pointer(&cache->recordDir, g_free);
        }
    }
    return cache;
}

void
qemuCapsCacheFree(qemuCapsCache *cache)
{
    if (!cache)
        return;
    g_hash_table_unref(cache->caps);
    g_hash_table_unref(cache->probing);
    g_mutex_clear(&cache->lock);
    g_cond_clear(&cache->changed);
    g_free(cache->recordDir);
    g_free(cache);
}

/* (owned reference) if known and fresh. Otherwise NULL, and the caller is the one to probe. */
static qemuCaps *
qemuCapsCacheClaim(qemuCapsCache *cache, const char *emulator, const char *stamp)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);
    qemuCaps *caps = NULL;

    while (g_hash_table_contains(cache->probing, emulator))
        g_cond_wait(&cache->changed, &cache->lock);
    caps = g_hash_table_lookup(cache->caps, emulator);
    if (caps && qemuCapsFresh(caps, stamp))
        return qemuCapsRef(caps);
    g_hash_table_add(cache->probing, g_strdup(emulator));
    return NULL;
}

static void
qemuCapsCachePublish(qemuCapsCache *cache, const char *emulator, qemuCaps *caps)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);

    g_hash_table_remove(cache->probing, emulator);
    if (caps)
        g_hash_table_replace(cache->caps, g_strdup(emulator), qemuCapsRef(caps));
    g_cond_broadcast(&cache->changed);
}

qemuCaps *
qemuCapsCacheLookup(qemuCapsCache *cache, const char *emulator)
{
    g_autofree char *stamp = qemuCapsStamp(emulator);
    qemuCaps *caps = NULL;

    if (!stamp || access(emulator, X_OK) < 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "emulator '%s' cannot be run: %s", emulator,
                       g_strerror(errno));
        return NULL;
    }
    if (!g_path_is_absolute(emulator) || !g_file_test(emulator, G_FILE_TEST_IS_REGULAR)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "emulator '%s' is not the absolute path of a program", emulator);
        return NULL;
    }
    if ((caps = qemuCapsCacheClaim(cache, emulator, stamp)))
        return caps;
    if (!(caps = qemuCapsLoad(cache, emulator, stamp)))
        caps = qemuCapsProbe(cache, emulator, stamp);
    qemuCapsCachePublish(cache, emulator, caps);
    return caps;
}

/* (owned) what else a KVM answer depends on. */
static char *
qemuCapsKVMHost(const qemuCaps *caps)
{
    g_autofree char *boot = NULL;
    bool usable = access("/dev/kvm", R_OK | W_OK) == 0;

    if (virFileReadAll("/proc/sys/kernel/random/boot_id", 128, &boot) < 0) {
        virErrorReset();
        boot = g_strdup("?");
    }
    return g_strdup_printf("%s %s user %lld", g_strchomp(boot), usable ? "kvm" : "no-kvm",
                           (long long)(caps->user == (uid_t)-1 ? geteuid() : caps->user));
}

/* What could not be tried is answered with the safe "no" now, and tried again next time. */
static capsAnswer
qemuCapsTried(int result, const char *what)
{
    if (result >= 0)
        return result ? CAPS_YES : CAPS_NO;
    VIR_WARN("%s could not be tried: %s", what, virErrorLastMessage());
    virErrorReset();
    return CAPS_UNKNOWN;
}

bool
qemuCapsKVMWorks(qemuCaps *caps)
{
    qemuProbeTarget target = {caps->emulator, caps->user, caps->group};
    g_autofree char *host = qemuCapsKVMHost(caps);
    g_autoptr(GMutexLocker) locker = NULL;

    if (!caps->facts->kvmBuilt || !strstr(host, " kvm "))
        return false;
    locker = g_mutex_locker_new(&caps->lock);
    if (caps->kvm == CAPS_UNKNOWN || g_strcmp0(caps->kvmHost, host) != 0) {
        caps->kvm = qemuCapsTried(qemuProbeKVM(&target), "KVM");
        g_free(caps->kvmHost);
        caps->kvmHost = g_steal_pointer(&host);
        qemuCapsSave(caps);
    }
    return caps->kvm == CAPS_YES;
}

bool
qemuCapsIothreadExportSafe(qemuCaps *caps)
{
    qemuProbeTarget target = {caps->emulator, caps->user, caps->group};
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&caps->lock);

    if (caps->iothreadExport == CAPS_UNKNOWN) {
        caps->iothreadExport =
            qemuCapsTried(qemuProbeIothreadExport(&target), "an NBD export on an iothread");
        qemuCapsSave(caps);
    }
    return caps->iothreadExport == CAPS_YES;
}

unsigned int
qemuCapsCbwTimeoutMax(qemuCaps *caps)
{
    qemuProbeTarget target = {caps->emulator, caps->user, caps->group};
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&caps->lock);

    if (caps->cbwTimeout == CAPS_UNKNOWN) {
        caps->cbwTimeout = qemuCapsTried(qemuProbeCbwTimeout(&target), "a long cbw-timeout");
        qemuCapsSave(caps);
    }
    return caps->cbwTimeout == CAPS_YES ? G_MAXUINT : QEMU_CAPS_CBW_TIMEOUT_SAFE;
}

bool
qemuCapsAreOf(const qemuCaps *caps, pid_t pid)
{
    g_autofree char *link = g_strdup_printf("/proc/%lld/exe", (long long)pid);
    g_autofree char *stamp = qemuCapsStamp(link);

    return stamp && g_str_equal(stamp, caps->exe ? caps->exeStamp : caps->stamp);
}
