/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts about a QEMU binary, asked over QMP in one round trip. */
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "qemu_capabilities_probe.h"
#include "qemu_capabilities_process.h"
#include "qemu_qmp_run.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

typedef struct _qemuSchema {
    GHashTable *byName; /* name -> const virJSONValue * entity */
} qemuSchema;

static void
qemuSchemaClear(qemuSchema *schema)
{
    g_clear_pointer(&schema->byName, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(qemuSchema, qemuSchemaClear)

static qemuSchema
qemuSchemaIndex(const virJSONValue *list)
{
    qemuSchema schema = {g_hash_table_new(g_str_hash, g_str_equal)};
    size_t i = 0;

    for (i = 0; i < virJSONArraySize(list); i++) {
        const virJSONValue *entity = virJSONArrayAt(list, i);
        const char *name = virJSONObjectLookupString(entity, "name");

        if (name)
            g_hash_table_insert(schema.byName, (char *)name, (void *)entity);
    }
    return schema;
}

/* Entity a member (or variant) of @entity is of; NULL if there is none. Lists: key
 * "members"/"name", "variants"/"case". */
static const virJSONValue *
qemuSchemaStep(const qemuSchema *schema, const virJSONValue *entity, const char *list,
               const char *key, const char *wanted)
{
    const virJSONValue *entries = virJSONObjectLookupArray(entity, list);
    size_t i = 0;

    for (i = 0; entries && i < virJSONArraySize(entries); i++) {
        const virJSONValue *entry = virJSONArrayAt(entries, i);
        const char *type = virJSONObjectLookupString(entry, "type");

        if (type && g_strcmp0(virJSONObjectLookupString(entry, key), wanted) == 0)
            return g_hash_table_lookup(schema->byName, type);
    }
    return NULL;
}

/* Options object of a block driver for blockdev-add. */
static const virJSONValue *
qemuSchemaBlockDriver(const qemuSchema *schema, const char *driver)
{
    const virJSONValue *command = g_hash_table_lookup(schema->byName, "blockdev-add");
    const char *type = virJSONObjectLookupString(command, "arg-type");

    if (!type)
        return NULL;
    return qemuSchemaStep(schema, g_hash_table_lookup(schema->byName, type), "variants", "case",
                          driver);
}

static bool
qemuSchemaEnumHas(const virJSONValue *entity, const char *wanted)
{
    const virJSONValue *values = virJSONObjectLookupArray(entity, "values");
    size_t i = 0;

    for (i = 0; values && i < virJSONArraySize(values); i++) {
        if (g_strcmp0(virJSONStringOf(virJSONArrayAt(values, i)), wanted) == 0)
            return true;
    }
    return false;
}

static void
qemuFactsFromSchema(qemuCapsFacts *facts, const virJSONValue *list)
{
    g_auto(qemuSchema) schema = qemuSchemaIndex(list);
    const virJSONValue *cbw = qemuSchemaBlockDriver(&schema, "copy-before-write");
    const virJSONValue *file = qemuSchemaBlockDriver(&schema, "file");

    facts->snapshotAccess = qemuSchemaBlockDriver(&schema, "snapshot-access") != NULL;
    facts->cbwErrorPolicy =
        qemuSchemaStep(&schema, cbw, "members", "name", "on-cbw-error") != NULL &&
        qemuSchemaStep(&schema, cbw, "members", "name", "cbw-timeout") != NULL;
    facts->aioUring =
        qemuSchemaEnumHas(qemuSchemaStep(&schema, file, "members", "name", "aio"), "io_uring");
}

static bool
qemuOptionsHave(const virJSONValue *options, const char *option, const char *parameter)
{
    size_t i = 0;
    size_t k = 0;

    for (i = 0; i < virJSONArraySize(options); i++) {
        const virJSONValue *entry = virJSONArrayAt(options, i);
        const virJSONValue *params = virJSONObjectLookupArray(entry, "parameters");

        if (g_strcmp0(virJSONObjectLookupString(entry, "option"), option) != 0)
            continue;
        for (k = 0; params && k < virJSONArraySize(params); k++) {
            if (g_strcmp0(virJSONObjectLookupString(virJSONArrayAt(params, k), "name"),
                          parameter) == 0)
                return true;
        }
    }
    return false;
}

static int
qemuFactsMachines(qemuCapsFacts *facts, const virJSONValue *list)
{
    size_t i = 0;

    for (i = 0; i < virJSONArraySize(list); i++) {
        const virJSONValue *entry = virJSONArrayAt(list, i);
        const char *name = virJSONObjectLookupString(entry, "name");
        unsigned long long cpuMax = 1;
        qemuCapsMachine *machine = NULL;

        if (!name)
            return -1;
        machine = g_new0(qemuCapsMachine, 1);
        g_ptr_array_add(facts->machines, machine);
        virJSONObjectGetUInt(entry, "cpu-max", &cpuMax);
        machine->name = g_strdup(name);
        machine->alias = g_strdup(virJSONObjectLookupString(entry, "alias"));
        machine->maxCpus = (unsigned int)cpuMax;
        machine->isDefault = virJSONObjectIsTrue(entry, "is-default");
        machine->deprecated = virJSONObjectIsTrue(entry, "deprecated");
    }
    return 0;
}

static int
qemuFactsCPUs(qemuCapsFacts *facts, const virJSONValue *list)
{
    size_t n = virJSONArraySize(list);
    size_t i = 0;

    facts->cpuModels = g_new0(char *, n + 1);
    for (i = 0; i < n; i++) {
        const char *name = virJSONObjectLookupString(virJSONArrayAt(list, i), "name");

        if (!name)
            return -1;
        facts->cpuModels[i] = g_strdup(name);
    }
    return 0;
}

static int
qemuFactsVersion(qemuCapsFacts *facts, const virJSONValue *version)
{
    const virJSONValue *qemu = virJSONObjectLookupObject(version, "qemu");
    unsigned long long major = 0;
    unsigned long long minor = 0;
    unsigned long long micro = 0;

    if (virJSONObjectGetUInt(qemu, "major", &major) < 0 ||
        virJSONObjectGetUInt(qemu, "minor", &minor) < 0 ||
        virJSONObjectGetUInt(qemu, "micro", &micro) < 0)
        return -1;
    facts->version = (unsigned int)(major * 1000000 + minor * 1000 + micro);
    facts->package = g_strdup(virJSONObjectLookupString(version, "package"));
    return 0;
}

qemuCapsFacts *
qemuProbeFactsParse(const virJSONValue *version, const virJSONValue *target,
                    const virJSONValue *kvm, const virJSONValue *machines, const virJSONValue *cpus,
                    const virJSONValue *options, const virJSONValue *schema)
{
    g_autoptr(qemuCapsFacts) facts = g_new0(qemuCapsFacts, 1);

    facts->machines = qemuCapsMachineArrayNew();
    facts->arch = g_strdup(virJSONObjectLookupString(target, "arch"));
    if (!facts->arch || qemuFactsVersion(facts, version) < 0 ||
        qemuFactsMachines(facts, machines) < 0 || qemuFactsCPUs(facts, cpus) < 0) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       "QEMU's description of its version, machines or CPUs is malformed");
        return NULL;
    }
    facts->kvmBuilt = virJSONObjectIsTrue(kvm, "present");
    facts->sandbox = qemuOptionsHave(options, "sandbox", "elevateprivileges");
    facts->messageTimestamp = qemuOptionsHave(options, "msg", "timestamp");
    qemuFactsFromSchema(facts, schema);
    return g_steal_pointer(&facts);
}

static const char *const probeCommands[] = {
    "query-version",    "query-target",          "query-kvm",
    "query-machines",   "query-cpu-definitions", "query-command-line-options",
    "query-qmp-schema",
};
#define N_PROBES G_N_ELEMENTS(probeCommands)

static int
qemuProbeAsk(qemuMonitor *mon, const char *emulator, virJSONValue **replies)
{
    virJSONValue *commands[N_PROBES] = {NULL};
    int ret = 0;
    size_t i = 0;

    for (i = 0; i < N_PROBES; i++)
        commands[i] = virJSONBuild("{'execute':%s}", probeCommands[i]);
    ret = qemuMonitorBatch(mon, commands, N_PROBES, replies);
    for (i = 0; i < N_PROBES && ret == 0; i++) {
        if (!qemuMonitorReplyError(replies[i], NULL, NULL))
            continue;
        qemuMonitorReportReplyError(commands[i], replies[i]);
        virErrorPrefix("cannot ask emulator '%s' for its capabilities", emulator);
        ret = -1;
    }
    for (i = 0; i < N_PROBES; i++)
        virJSONValueFree(commands[i]);
    return ret;
}

static char *
qemuProbeExePath(pid_t pid)
{
    g_autofree char *link = g_strdup_printf("/proc/%lld/exe", (long long)pid);

    return g_file_read_link(link, NULL);
}

qemuCapsFacts *
qemuProbeFacts(const qemuProbeTarget *target, char **exePath)
{
    g_auto(qemuProbeProcess) process = QEMU_PROBE_PROCESS_INIT;
    virJSONValue *replies[N_PROBES] = {NULL};
    qemuCapsFacts *facts = NULL;
    size_t i = 0;

    if (qemuProbeProcessStartMonitor(&process, target) < 0)
        return NULL;
    *exePath = qemuProbeExePath(process.pid);
    if (qemuProbeAsk(process.mon, target->emulator, replies) == 0) {
        const virJSONValue *r[N_PROBES] = {NULL};

        for (i = 0; i < N_PROBES; i++)
            r[i] = virJSONObjectLookup(replies[i], "return");
        facts = qemuProbeFactsParse(r[0], r[1], r[2], r[3], r[4], r[5], r[6]);
    }
    for (i = 0; i < N_PROBES; i++)
        virJSONValueFree(replies[i]);
    return facts;
}
