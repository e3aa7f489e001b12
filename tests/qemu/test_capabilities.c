/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking and trying a real QEMU, the cache, the XML made of it; and qemu.conf. */
#include <string.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include "qemu_capabilities.h"
#include "qemu_conf.h"
#include "qmp_peer.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virxml.h"

#define EMULATOR "/usr/bin/qemu-system-x86_64"

static char *dir;

static bool
haveEmulator(void)
{
    if (access(EMULATOR, X_OK) == 0)
        return true;
    g_test_skip(EMULATOR " is not installed");
    return false;
}

static char *
writeFile(const char *name, const char *text, int mode)
{
    char *path = g_build_filename(dir, name, NULL);

    g_assert_true(
        g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, mode, NULL));
    return path;
}

static void
assertError(int code, const char *part)
{
    if (virErrorLastCode() != code || !strstr(virErrorLastMessage(), part))
        g_error("unexpected error %d: %s", virErrorLastCode(), virErrorLastMessage());
}

static void
testFacts(void)
{
    g_autoptr(qemuCapsCache) cache = qemuCapsCacheNew(NULL, -1, -1);
    g_autoptr(qemuCaps) caps = NULL;
    g_autoptr(qemuCaps) again = NULL;
    const qemuCapsFacts *facts = NULL;
    const qemuCapsMachine *pc = NULL;

    if (!haveEmulator())
        return;
    caps = qemuCapsCacheLookup(cache, EMULATOR);
    g_assert_nonnull(caps);
    facts = qemuCapsGetFacts(caps);
    g_assert_cmpuint(facts->version, >=, 7002000);
    g_assert_cmpstr(facts->arch, ==, "x86_64");
    g_assert_true(facts->snapshotAccess);
    g_assert_true(facts->cbwErrorPolicy);
    g_assert_true(facts->sandbox);
    g_assert_true(facts->messageTimestamp);
    pc = qemuCapsFactsMachine(facts, "pc");
    g_assert_nonnull(pc);
    g_assert_true(g_str_has_prefix(pc->name, "pc-i440fx-"));
    g_assert_true(qemuCapsFactsMachine(facts, pc->name) == pc);
    g_assert_null(qemuCapsFactsMachine(facts, "toaster"));
    g_assert_true(g_strv_contains((const char *const *)facts->cpuModels, "qemu64"));
    again = qemuCapsCacheLookup(cache, EMULATOR);
    g_assert_true(again == caps);
}

/* A wrapper that counts its calls: who asks how often. */
static char *
makeWrapper(const char *name)
{
    g_autofree char *text = g_strdup_printf(
        "#!/bin/sh\necho run >>'%s/%s.calls'\nexec " EMULATOR " \"$@\"\n", dir, name);

    return writeFile(name, text, 0755);
}

static size_t
countCalls(const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/%s.calls", dir, name);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    lines = g_strsplit(g_strchomp(text), "\n", -1);
    return g_strv_length(lines);
}

typedef struct _concurrent {
    qemuCapsCache *cache;
    const char *emulator;
} concurrent;

static gpointer
lookupThread(gpointer opaque)
{
    concurrent *c = opaque;

    return qemuCapsCacheLookup(c->cache, c->emulator);
}

static void
testCache(void)
{
    g_autofree char *wrapper = makeWrapper("counted");
    g_autofree char *cacheDir = g_build_filename(dir, "cache", NULL);
    qemuCapsCache *cache = qemuCapsCacheNew(cacheDir, -1, -1);
    concurrent c = {cache, wrapper};
    GThread *threads[4] = {NULL};
    g_autoptr(qemuCaps) caps = NULL;
    size_t i = 0;

    if (!haveEmulator())
        return;
    for (i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("lookup", lookupThread, &c);
    for (i = 0; i < G_N_ELEMENTS(threads); i++) {
        qemuCaps *found = g_thread_join(threads[i]);

        g_assert_nonnull(found);
        qemuCapsUnref(found);
    }
    g_assert_cmpuint(countCalls("counted"), ==, 1);

    /* another daemon: from disk */
    qemuCapsCacheFree(cache);
    cache = qemuCapsCacheNew(cacheDir, -1, -1);
    caps = qemuCapsCacheLookup(cache, wrapper);
    g_assert_nonnull(caps);
    g_assert_cmpuint(qemuCapsGetFacts(caps)->machines->len, >, 10);
    g_assert_cmpuint(countCalls("counted"), ==, 1);
    g_clear_pointer(&caps, qemuCapsUnref);

    /* the file changed: asked again */
    g_free(wrapper);
    wrapper = makeWrapper("counted");
    caps = qemuCapsCacheLookup(cache, wrapper);
    g_assert_nonnull(caps);
    g_assert_cmpuint(countCalls("counted"), ==, 2);
    qemuCapsCacheFree(cache);
}

static void
testDamagedRecord(void)
{
    g_autofree char *wrapper = makeWrapper("damaged");
    g_autofree char *cacheDir = g_build_filename(dir, "cache2", NULL);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, wrapper, -1);
    g_autofree char *record = g_strdup_printf("%s/capabilities/%s.json", cacheDir, sum);
    qemuCapsCache *cache = qemuCapsCacheNew(cacheDir, -1, -1);
    g_autoptr(qemuCaps) caps = NULL;

    if (!haveEmulator())
        return;
    caps = qemuCapsCacheLookup(cache, wrapper);
    g_assert_nonnull(caps);
    g_clear_pointer(&caps, qemuCapsUnref);
    qemuCapsCacheFree(cache);
    g_assert_cmpint(truncate(record, 700), ==, 0);
    cache = qemuCapsCacheNew(cacheDir, -1, -1);
    caps = qemuCapsCacheLookup(cache, wrapper);
    g_assert_nonnull(caps);
    g_assert_cmpuint(countCalls("damaged"), ==, 2);
    qemuCapsCacheFree(cache);
}

static void
testNoEmulator(void)
{
    g_autoptr(qemuCapsCache) cache = qemuCapsCacheNew(NULL, -1, -1);
    g_autofree char *plain = writeFile("plain", "x", 0644);
    g_autofree char *broken =
        writeFile("broken", "#!/bin/sh\necho no such luck >&2\nexit 3\n", 0755);

    g_assert_null(qemuCapsCacheLookup(cache, "/nowhere/qemu"));
    assertError(VIR_ERR_CONFIG_UNSUPPORTED, "'/nowhere/qemu'");
    if (geteuid() != 0) { /* root's access(X_OK) needs any x bit, which is missing too */
        g_assert_null(qemuCapsCacheLookup(cache, plain));
        assertError(VIR_ERR_CONFIG_UNSUPPORTED, "cannot be run");
    }
    g_assert_null(qemuCapsCacheLookup(cache, dir));
    assertError(VIR_ERR_CONFIG_UNSUPPORTED, "is not the absolute path of a program");
    g_assert_null(qemuCapsCacheLookup(cache, broken));
    assertError(VIR_ERR_INTERNAL_ERROR, "no such luck");
}

/* QEMU 7.2 dies; whatever the answer, it is given once and kept. */
static void
testIothread(void)
{
    g_autofree char *wrapper = makeWrapper("iothread");
    g_autofree char *cacheDir = g_build_filename(dir, "cache3", NULL);
    qemuCapsCache *cache = qemuCapsCacheNew(cacheDir, -1, -1);
    g_autoptr(qemuCaps) caps = NULL;
    bool safe = false;

    if (!haveEmulator())
        return;
    caps = qemuCapsCacheLookup(cache, wrapper);
    g_assert_nonnull(caps);
    safe = qemuCapsIothreadExportSafe(caps);
    g_test_message("export of a disk on an iothread: %s", safe ? "safe" : "kills this QEMU");
    if (qemuCapsGetFacts(caps)->version / 1000 == 7002)
        g_assert_false(safe);
    g_assert_cmpuint(countCalls("iothread"), ==, 2);
    g_assert_true(qemuCapsIothreadExportSafe(caps) == safe);
    g_clear_pointer(&caps, qemuCapsUnref);
    qemuCapsCacheFree(cache);

    cache = qemuCapsCacheNew(cacheDir, -1, -1);
    caps = qemuCapsCacheLookup(cache, wrapper);
    g_assert_true(qemuCapsIothreadExportSafe(caps) == safe);
    g_assert_cmpuint(countCalls("iothread"), ==, 2);
    qemuCapsCacheFree(cache);
}

/* The only record below @cacheDir says @answer about cbw-timeout. */
static void
rewriteRecord(const char *cacheDir, const char *answer)
{
    g_autofree char *records = g_build_filename(cacheDir, "capabilities", NULL);
    g_autoptr(GDir) found = g_dir_open(records, 0, NULL);
    g_autofree char *path = g_build_filename(records, g_dir_read_name(found), NULL);
    g_autoptr(GRegex) old = g_regex_new("\"cbwTimeout\": *\"[a-z]*\"", 0, 0, NULL);
    g_autofree char *text = NULL;
    g_autofree char *changed = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_true(g_regex_match(old, text, 0, NULL));
    changed = g_regex_replace_literal(old, text, -1, 0, answer, 0, NULL);
    g_assert_true(g_file_set_contents(path, changed, -1, NULL));
}

/* QEMU 7.2 cannot count that far; kept as the other answers are. */
static void
testCbwTimeout(void)
{
    g_autofree char *wrapper = makeWrapper("timeout");
    g_autofree char *cacheDir = g_build_filename(dir, "cache4", NULL);
    qemuCapsCache *cache = qemuCapsCacheNew(cacheDir, -1, -1);
    g_autoptr(qemuCaps) caps = NULL;
    unsigned int max = 0;

    if (!haveEmulator())
        return;
    caps = qemuCapsCacheLookup(cache, wrapper);
    g_assert_nonnull(caps);
    max = qemuCapsCbwTimeoutMax(caps);
    g_test_message("longest cbw-timeout: %u s", max);
    g_assert_true(max == QEMU_CAPS_CBW_TIMEOUT_SAFE || max == G_MAXUINT);
    if (qemuCapsGetFacts(caps)->version / 1000 == 7002)
        g_assert_cmpuint(max, ==, QEMU_CAPS_CBW_TIMEOUT_SAFE);
    if (qemuCapsGetFacts(caps)->version >= 9001000)
        g_assert_cmpuint(max, ==, G_MAXUINT);
    g_assert_cmpuint(countCalls("timeout"), ==, 2);
    g_clear_pointer(&caps, qemuCapsUnref);
    qemuCapsCacheFree(cache);

    cache = qemuCapsCacheNew(cacheDir, -1, -1);
    caps = qemuCapsCacheLookup(cache, wrapper);
    g_assert_cmpuint(qemuCapsCbwTimeoutMax(caps), ==, max);
    g_clear_pointer(&caps, qemuCapsUnref);
    qemuCapsCacheFree(cache);

    /* one that can, or cannot, as its record says */
    for (int can = 0; can < 2; can++) {
        cache = qemuCapsCacheNew(cacheDir, -1, -1);
        rewriteRecord(cacheDir, can ? "\"cbwTimeout\": \"yes\"" : "\"cbwTimeout\": \"no\"");
        caps = qemuCapsCacheLookup(cache, wrapper);
        g_assert_cmpuint(qemuCapsCbwTimeoutMax(caps), ==, can ? G_MAXUINT : QEMU_CAPS_CBW_TIMEOUT_SAFE);
        g_clear_pointer(&caps, qemuCapsUnref);
        qemuCapsCacheFree(cache);
    }
    g_assert_cmpuint(countCalls("timeout"), ==, 2);
}

/* Whose answers they are: not of another program that is there now. */
static void
testCapsAreOf(void)
{
    g_autoptr(qemuCapsCache) cache = qemuCapsCacheNew(NULL, -1, -1);
    g_autofree char *wrapper = makeWrapper("whose");
    g_autoptr(qemuCaps) caps = NULL;
    g_autoptr(qemuCaps) wrapped = NULL;
    g_autoptr(GSubprocess) process = NULL;
    pid_t pid = 0;

    if (!haveEmulator())
        return;
    caps = qemuCapsCacheLookup(cache, EMULATOR);
    wrapped = qemuCapsCacheLookup(cache, wrapper);
    process = g_subprocess_new(G_SUBPROCESS_FLAGS_NONE, NULL, EMULATOR, "-machine", "none", "-nodefaults",
                               "-display", "none", "-S", NULL);
    pid = (pid_t)g_ascii_strtoll(g_subprocess_get_identifier(process), NULL, 10);
    g_assert_true(qemuCapsAreOf(caps, pid));
    g_assert_true(qemuCapsAreOf(wrapped, pid));
    g_assert_false(qemuCapsAreOf(caps, getpid()));
    g_subprocess_force_exit(process);
    g_assert_true(g_subprocess_wait(process, NULL, NULL));
    g_assert_false(qemuCapsAreOf(caps, pid));
}

static void
testKVM(void)
{
    g_autoptr(qemuCapsCache) cache = qemuCapsCacheNew(NULL, -1, -1);
    g_autoptr(qemuCaps) caps = NULL;
    gint64 begun = 0;
    bool works = false;

    if (!haveEmulator())
        return;
    caps = qemuCapsCacheLookup(cache, EMULATOR);
    works = qemuCapsKVMWorks(caps);
    g_test_message("KVM: %s", works ? "works" : "does not work");
    if (access("/dev/kvm", R_OK | W_OK) < 0)
        g_assert_false(works);
    begun = g_get_monotonic_time();
    g_assert_true(qemuCapsKVMWorks(caps) == works);
    g_assert_cmpint(g_get_monotonic_time() - begun, <, 20 * 1000);
}

/* The firmware of the KVM probe ends under TCG: a wrapper turns "-accel kvm" into TCG. */
static void
testKVMFirmware(void)
{
    g_autofree char *wrapper =
        writeFile("tcg",
                  "#!/bin/sh\nn=$#\nwhile [ $n -gt 0 ]; do\n"
                  "a=$1; shift; [ \"$a\" = kvm ] && a=tcg\nset -- \"$@\" \"$a\"; n=$((n-1))\ndone\n"
                  "exec " EMULATOR " \"$@\"\n",
                  0755);
    g_autoptr(qemuCapsCache) cache = qemuCapsCacheNew(NULL, -1, -1);
    g_autoptr(qemuCaps) caps = NULL;

    if (!haveEmulator())
        return;
    if (access("/dev/kvm", R_OK | W_OK) < 0) {
        g_test_skip("without /dev/kvm the probe is not run at all");
        return;
    }
    caps = qemuCapsCacheLookup(cache, wrapper);
    g_assert_nonnull(caps);
    g_assert_true(qemuCapsKVMWorks(caps));
}

static void
testXML(void)
{
    g_autoptr(qemuCapsCache) cache = qemuCapsCacheNew(NULL, -1, -1);
    g_autoptr(qemuCaps) caps = NULL;
    g_autofree char *host = NULL;
    g_autofree char *none = qemuCapsFormatHostXML(NULL);
    g_autofree char *domain = NULL;
    g_autoptr(xmlDoc) doc = NULL;

    g_assert_nonnull(strstr(none, "</capabilities>"));
    g_assert_null(strstr(none, "<guest>"));
    if (!haveEmulator())
        return;
    caps = qemuCapsCacheLookup(cache, EMULATOR);
    host = qemuCapsFormatHostXML(caps);
    g_assert_nonnull(strstr(host, "<emulator>" EMULATOR "</emulator>"));
    g_assert_nonnull(strstr(host, "<domain type='qemu'/>"));
    domain = qemuCapsFormatDomainXML(caps, NULL, "q35", "qemu");
    g_assert_nonnull(strstr(domain, "<machine>pc-q35-"));
    g_assert_nonnull(strstr(domain, "<backup supported='yes'/>"));
    doc = virXMLParse(domain, "(domain capabilities)", "domainCapabilities");
    g_assert_nonnull(doc);
    g_assert_null(qemuCapsFormatDomainXML(caps, "s390x", NULL, NULL));
    assertError(VIR_ERR_INVALID_ARG, "s390x");
    g_assert_null(qemuCapsFormatDomainXML(caps, NULL, "toaster", "qemu"));
    assertError(VIR_ERR_INVALID_ARG, "toaster");
    g_assert_null(qemuCapsFormatDomainXML(caps, NULL, NULL, "xen"));
    assertError(VIR_ERR_INVALID_ARG, "xen");
}

static void
testConfig(void)
{
    static const struct {
        const char *text;
        int code;
        const char *part;
    } refused[] = {
        {"nested = 1\n", VIR_ERR_CONF_SYNTAX, "nested"},
        {"security_driver = \"selinux\"\n", VIR_ERR_CONFIG_UNSUPPORTED, "security_driver"},
        {"stdio_handler = \"logd\"\n", VIR_ERR_CONFIG_UNSUPPORTED, "stdio_handler"},
        {"remember_owner = 1\n", VIR_ERR_CONFIG_UNSUPPORTED, "remember_owner"},
        {"user = \"no-such-user\"\n", VIR_ERR_CONF_SYNTAX, "no-such-user"},
        {"backup_port_min = 20000\n", VIR_ERR_CONF_SYNTAX, "20000"},
        {"emulator = \"qemu\"\n", VIR_ERR_CONF_SYNTAX, "emulator"},
        {"backup_tls_x509_cert_dir = \"/nowhere/pki\"\n", VIR_ERR_CONF_SYNTAX, "/nowhere/pki"},
        {"default_tls_x509_cert_dir = \"pki\"\n", VIR_ERR_CONF_SYNTAX, "absolute"},
        {"backup_tls_x509_verify = \"x\"\n", VIR_ERR_CONF_SYNTAX, "backup_tls_x509_verify"},
        {"nbd_tls_x509_cert_dir = \"/nowhere/nbd\"\n", VIR_ERR_CONF_SYNTAX, "/nowhere/nbd"},
        {"nbd_tls_x509_secret_uuid = \"1\"\n", VIR_ERR_CONFIG_UNSUPPORTED, "nbd_tls_x509_secret"},
        {"default_tls_x509_secret_uuid = \"1\"\n", VIR_ERR_CONFIG_UNSUPPORTED, "default_tls_x509_secret"},
        {"backup_tls_x509_secret_uuid = \"1\"\n", VIR_ERR_CONFIG_UNSUPPORTED, "backup_tls_x509_secret"},
        {"cbw_timeout = \"x\"\n", VIR_ERR_CONF_SYNTAX, "cbw_timeout"},
        {"freeze_timeout = 0\n", VIR_ERR_CONF_SYNTAX, "bad.conf:1: setting 'freeze_timeout' is 0; it must lie between 1 and 3600"},
        {"\nbackup_port_max = 65536\n", VIR_ERR_CONF_SYNTAX, "bad.conf:2: setting 'backup_port_max'"},
        {"cbw_timeout = 0\n", VIR_ERR_CONF_SYNTAX,
         "bad.conf:1: setting 'cbw_timeout' is 0; it must lie between 1 and 3600"},
        {"\n\nbackup_scope = \"all\"\n", VIR_ERR_CONF_SYNTAX,
         "bad.conf:3: setting 'backup_scope' is \"all\"; it must be \"disk\" or \"changed\""},
        {"backup_scope = 1\n", VIR_ERR_CONF_SYNTAX, "bad.conf:1: setting 'backup_scope' must be a string"},
        {"backup_onmissing = \"\"\n", VIR_ERR_CONF_SYNTAX, "it must be \"error\" or \"full\""},
        {"backup_quiesce = 2\n", VIR_ERR_CONF_SYNTAX, "bad.conf:1: setting 'backup_quiesce' is 2"},
        {"backup_bandwidth = 9223372036854775808\n", VIR_ERR_CONF_SYNTAX, "'backup_bandwidth' is 92"},
        {"backup_workers = 65\n", VIR_ERR_CONF_SYNTAX, "it must lie between 1 and 64"},
    };
    g_autoptr(qemuConfig) config = qemuConfigNew("/r", true);
    g_autoptr(qemuConfig) session = qemuConfigNew("/r", false);
    g_autofree char *good =
        writeFile("good.conf",
                  "user = \"root\"\ngroup = \"+7\"\n"
                  "security_driver = \"none\"\nremember_owner = 0\nstdio_handler = "
                  "\"file\"\ncbw_timeout = 3\n"
                  "backup_port_min = 20000\nbackup_port_max = 20010\nemulator = \"/opt/qemu\"\n",
                  0600);
    size_t i = 0;

    g_assert_cmpstr(config->configDir, ==, "/r/etc/libvirt/qemu");
    g_assert_cmpstr(config->stateDir, ==, "/r/run/libvirt/qemu");
    g_assert_cmpstr(config->checkpointDir, ==, "/r/var/lib/libvirt/qemu/checkpoint");
    g_assert_cmpuint(config->backup.of[VIR_BACKUP_OPTION_CBW_TIMEOUT].value, ==, 45);
    g_assert_true(config->user == (uid_t)-1);

    g_assert_cmpint(qemuConfigLoad(config, "/nowhere/qemu.conf", false), ==, 0);
    g_assert_cmpint(qemuConfigLoad(config, "/nowhere/qemu.conf", true), ==, -1);
    g_assert_cmpint(qemuConfigLoad(config, good, true), ==, 0);
    g_assert_cmpuint(config->user, ==, 0);
    g_assert_cmpuint(config->group, ==, 7);
    g_assert_cmpuint(config->backup.of[VIR_BACKUP_OPTION_CBW_TIMEOUT].value, ==, 3);
    g_assert_cmpuint(config->backupPortMin, ==, 20000);
    g_assert_cmpstr(config->defaultEmulator, ==, "/opt/qemu");
    g_assert_cmpint(qemuConfigLoad(session, good, true), ==, -1);
    assertError(VIR_ERR_CONFIG_UNSUPPORTED, "system daemon only");

    for (i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(qemuConfig) fresh = qemuConfigNew("/r", true);
        g_autofree char *path = writeFile("bad.conf", refused[i].text, 0600);

        g_assert_cmpint(qemuConfigLoad(fresh, path, true), ==, -1);
        assertError(refused[i].code, refused[i].part);
    }
}

/* The sample names exactly what is known and shows the real defaults. */
static void
testConfigSample(void)
{
    g_autoptr(qemuConfig) config = qemuConfigNew("/r", true);
    g_autofree char *path = g_build_filename(g_getenv("abs_top_srcdir"), "docs", "qemu.conf", NULL);
    g_autofree char *text = NULL;
    g_autofree char *active = NULL;
    g_autoptr(GRegex) comment = g_regex_new("^#(?=[a-z_]+ =)", G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GRegex) user = g_regex_new("\"libvirt-qemu\"", 0, 0, NULL);
    g_autofree char *known = NULL;
    g_autofree char *sample = NULL;
    virBackupOptions fallback;

    g_assert_cmpint(qemuConfigLoad(config, path, true), ==, 0);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    active = g_regex_replace_literal(comment, text, -1, 0, "", 0, NULL);
    known = g_regex_replace_literal(user, active, -1, 0, "\"root\"", 0, NULL);
    sample = writeFile("sample.conf", known, 0600);
    g_assert_cmpint(qemuConfigLoad(config, sample, true), ==, 0);
    g_assert_cmpuint(config->backup.of[VIR_BACKUP_OPTION_CBW_TIMEOUT].value, ==, 45);
    g_assert_cmpuint(config->backupPortMin, ==, 10809);
    g_assert_cmpuint(config->backupPortMax, ==, 10872);
    virBackupOptionsInit(&fallback);
    for (virBackupOption option = 0; option < VIR_BACKUP_OPTION_LAST; option++) {
        g_test_message("%s", virBackupOptionKey(option));
        g_assert_true(config->backup.of[option].given);
        g_assert_cmpuint(config->backup.of[option].value, ==, fallback.of[option].value);
    }
    g_assert_cmpstr(config->defaultEmulator, ==, EMULATOR);
}

static void
removeTree(const char *path)
{
    g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
    const char *name = NULL;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        removeTree(child);
    }
    g_remove(path);
}

int
main(int argc, char **argv)
{
    int ret = 0;

    g_test_init(&argc, &argv, NULL);
    qmpPeerStartMainLoop();
    dir = g_dir_make_tmp("caps-XXXXXX", NULL);
    g_assert_nonnull(dir);
    g_test_add_func("/capabilities/facts", testFacts);
    g_test_add_func("/capabilities/cache", testCache);
    g_test_add_func("/capabilities/damaged-record", testDamagedRecord);
    g_test_add_func("/capabilities/no-emulator", testNoEmulator);
    g_test_add_func("/capabilities/iothread-export", testIothread);
    g_test_add_func("/capabilities/cbw-timeout", testCbwTimeout);
    g_test_add_func("/capabilities/are-of", testCapsAreOf);
    g_test_add_func("/capabilities/kvm", testKVM);
    g_test_add_func("/capabilities/kvm-firmware", testKVMFirmware);
    g_test_add_func("/capabilities/xml", testXML);
    g_test_add_func("/config/keys", testConfig);
    g_test_add_func("/config/sample", testConfigSample);
    ret = g_test_run();
    removeTree(dir);
    g_free(dir);
    return ret;
}
