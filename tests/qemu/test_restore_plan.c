/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans of restores; the wanted texts are in restoreplandata. */
#include "engine_golden.h"
#include "qemu_restore_plan.h"
#include "virerror_report.h"

#define ROOT(mode, rest) "<f:domainrestore xmlns:f='urn:fleece:1' mode='" mode "'>" rest "</f:domainrestore>"

static const struct {
    const char *name;
    const char *xml;
} cases[] = {
    { "push", ROOT("push", "<disks><disk name='vda'><source file='/b/full' format='raw'/>"
                           "<source file='/b/inc'/></disk>"
                           "<disk name='vdb'><source file='/b/b'/></disk></disks>") },
    { "pull", ROOT("pull", "<server transport='unix' socket='/run/s'/><disks><disk name='vda'/></disks>") },
    { "pull-tls", ROOT("pull", "<server tls='yes' name='h' port='1'/><disks>"
                               "<disk name='vdb' exportname='x'/></disks>") },
};

static qemuRestoreJob *
jobNew(const char *xml)
{
    g_autoptr(qemuRestoreJob) job = qemuRestoreJobNew();

    job->def = virDomainRestoreDefParse(xml);
    if (!job->def)
        g_error("%s", virErrorLastMessage());
    for (guint i = 0; i < job->def->disks->len; i++) {
        const virDomainRestoreDiskDef *def = g_ptr_array_index(job->def->disks, i);
        bool device = g_str_equal(def->name, "vdb");
        qemuRestoreDisk *disk = qemuRestoreJobAddDisk(job, def->name);

        disk->def = def;
        disk->size = 1 << 20;
        disk->format = device ? VIR_STORAGE_FORMAT_RAW : VIR_STORAGE_FORMAT_QCOW2;
        disk->path = g_strdup(device ? "/dev/vg/b" : "/img/a.qcow2");
        disk->newPath = device ? NULL : g_strdup("/img/a.qcow2.fleece-restore");
    }
    return g_steal_pointer(&job);
}

static void
check(const char *name, const char *phase, qemuPlan *plan)
{
    g_autoptr(qemuPlan) owned = plan;
    g_autofree char *text = qemuPlanFormat(owned);
    g_autofree char *file = g_strdup_printf("%s.%s.out", name, phase);

    engineGolden("restoreplandata", file, text);
}

static void
testPlan(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(qemuRestoreJob) job = jobNew(cases[i].xml);
    qemuRestorePlanInput input = { .job = job, .tlsDir = "/etc/pki/qemu", .tlsVerify = true };

    check(cases[i].name, "open", qemuRestorePlanOpen(&input));
    check(cases[i].name, "write", qemuRestorePlanWrite(&input));
    check(cases[i].name, "close", qemuRestorePlanClose(&input));
    /* gone on with by another daemon */
    ((qemuRestoreDisk *)g_ptr_array_index(job->disks, 0))->closed = true;
    check(cases[i].name, "goon", qemuRestorePlanClose(&input));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/restore-plan/%s", cases[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testPlan);
    }
    return g_test_run();
}
