/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts about a QEMU binary as plain data, and as JSON for the cache file. */
#include "qemu_capabilities.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static void
qemuCapsMachineFree(qemuCapsMachine *machine)
{
    g_free(machine->name);
    g_free(machine->alias);
    g_free(machine);
}

GPtrArray *
qemuCapsMachineArrayNew(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)qemuCapsMachineFree);
}

void
qemuCapsFactsFree(qemuCapsFacts *facts)
{
    if (!facts)
        return;
    g_free(facts->package);
    g_free(facts->arch);
    g_clear_pointer(&facts->machines, g_ptr_array_unref);
    g_strfreev(facts->cpuModels);
    g_free(facts);
}

const qemuCapsMachine *
qemuCapsFactsMachine(const qemuCapsFacts *facts, const char *nameOrAlias)
{
    guint i = 0;

    for (i = 0; i < facts->machines->len; i++) {
        const qemuCapsMachine *machine = g_ptr_array_index(facts->machines, i);

        if (g_strcmp0(machine->name, nameOrAlias) == 0 ||
            (machine->alias && g_strcmp0(machine->alias, nameOrAlias) == 0))
            return machine;
    }
    return NULL;
}

virJSONValue *
qemuCapsFactsToJSON(const qemuCapsFacts *facts)
{
    virJSONValue *machines = virJSONNewArray();
    virJSONValue *cpus = virJSONNewArray();
    guint i = 0;

    for (i = 0; i < facts->machines->len; i++) {
        const qemuCapsMachine *m = g_ptr_array_index(facts->machines, i);

        virJSONArrayAppend(
            machines,
            virJSONBuild("{'name':%s,'alias':%s,'maxCpus':%u,'default':%b,'deprecated':%b}",
                         m->name, m->alias, m->maxCpus, m->isDefault, m->deprecated));
    }
    for (i = 0; facts->cpuModels[i]; i++)
        virJSONArrayAppend(cpus, virJSONNewString(facts->cpuModels[i]));
    return virJSONBuild("{'version':%u,'package':%s,'arch':%s,'kvmBuilt':%b,'sandbox':%b,"
                        "'messageTimestamp':%b,'aioUring':%b,'snapshotAccess':%b,"
                        "'cbwErrorPolicy':%b,'machines':%v,'cpuModels':%v}",
                        facts->version, facts->package, facts->arch, facts->kvmBuilt,
                        facts->sandbox, facts->messageTimestamp, facts->aioUring,
                        facts->snapshotAccess, facts->cbwErrorPolicy, machines, cpus);
}

static int
qemuCapsMachineFromJSON(qemuCapsFacts *facts, const virJSONValue *entry)
{
    unsigned long long maxCpus = 0;
    qemuCapsMachine *machine = g_new0(qemuCapsMachine, 1);

    g_ptr_array_add(facts->machines, machine);
    machine->name = g_strdup(virJSONObjectLookupString(entry, "name"));
    machine->alias = g_strdup(virJSONObjectLookupString(entry, "alias"));
    if (!machine->name || virJSONObjectGetUInt(entry, "maxCpus", &maxCpus) < 0 ||
        virJSONObjectGetBool(entry, "default", &machine->isDefault) < 0 ||
        virJSONObjectGetBool(entry, "deprecated", &machine->deprecated) < 0)
        return -1;
    machine->maxCpus = (unsigned int)maxCpus;
    return 0;
}

static int
qemuCapsFactsFill(qemuCapsFacts *facts, const virJSONValue *json)
{
    const virJSONValue *machines = virJSONObjectLookupArray(json, "machines");
    const virJSONValue *cpus = virJSONObjectLookupArray(json, "cpuModels");
    unsigned long long version = 0;
    size_t i = 0;

    facts->package = g_strdup(virJSONObjectLookupString(json, "package"));
    facts->arch = g_strdup(virJSONObjectLookupString(json, "arch"));
    if (!facts->arch || !machines || !cpus || virJSONObjectGetUInt(json, "version", &version) < 0 ||
        virJSONObjectGetBool(json, "kvmBuilt", &facts->kvmBuilt) < 0 ||
        virJSONObjectGetBool(json, "sandbox", &facts->sandbox) < 0 ||
        virJSONObjectGetBool(json, "messageTimestamp", &facts->messageTimestamp) < 0 ||
        virJSONObjectGetBool(json, "aioUring", &facts->aioUring) < 0 ||
        virJSONObjectGetBool(json, "snapshotAccess", &facts->snapshotAccess) < 0 ||
        virJSONObjectGetBool(json, "cbwErrorPolicy", &facts->cbwErrorPolicy) < 0)
        return -1;
    facts->version = (unsigned int)version;
    for (i = 0; i < virJSONArraySize(machines); i++) {
        if (qemuCapsMachineFromJSON(facts, virJSONArrayAt(machines, i)) < 0)
            return -1;
    }
    facts->cpuModels = g_new0(char *, virJSONArraySize(cpus) + 1);
    for (i = 0; i < virJSONArraySize(cpus); i++) {
        if (!virJSONStringOf(virJSONArrayAt(cpus, i)))
            return -1;
        facts->cpuModels[i] = g_strdup(virJSONStringOf(virJSONArrayAt(cpus, i)));
    }
    return 0;
}

qemuCapsFacts *
qemuCapsFactsFromJSON(const virJSONValue *json)
{
    g_autoptr(qemuCapsFacts) facts = g_new0(qemuCapsFacts, 1);

    facts->machines = qemuCapsMachineArrayNew();
    if (qemuCapsFactsFill(facts, json) == 0)
        return g_steal_pointer(&facts);
    virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                   "a record of a QEMU's capabilities lacks a member or has one of a wrong type");
    return NULL;
}
