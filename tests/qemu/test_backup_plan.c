/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans that begin and end backups; the wanted texts are in backupplandata. */
#include "engine_golden.h"
#include "qemu_backup_plan.h"
#include "qemu_capabilities.h"
#include "qemu_checkpoint_plan.h"

#define MAX_DISKS 3

typedef struct _planCase {
    const char *name;
    virBackupMode mode;
    size_t ndisks;
    const char *since[MAX_DISKS];   /* "A B"; NULL = full */
    bool tcp, fd, tls, checkpoint, paused, helper, reuse, block, nbd, quiesce, changed, limits, owner, compress, luks;
    unsigned long long scratchLimit;
    unsigned int cbwTimeout;   /* 0: of a QEMU that cannot count further */
    bool fleeced, iothread, failed, slow, exportHelper;
    virStorageFormat format;
    virBackupFormat foreign;
} planCase;

#define PULL .mode = VIR_BACKUP_MODE_PULL, .format = VIR_STORAGE_FORMAT_QCOW2
#define PUSH .mode = VIR_BACKUP_MODE_PUSH, .format = VIR_STORAGE_FORMAT_QCOW2
#define PUSH_RAW .mode = VIR_BACKUP_MODE_PUSH, .format = VIR_STORAGE_FORMAT_RAW

static const planCase cases[] = {
    { "pull-full", PULL, .ndisks = 1 },
    { "pull-long-timeout", PULL, .ndisks = 1, .cbwTimeout = 45 },
    { "pull-full-checkpoint-tcp", PULL, .ndisks = 1, .checkpoint = true, .tcp = true },
    { "pull-tls", PULL, .ndisks = 1, .tcp = true, .tls = true },
    { "pull-fd", PULL, .ndisks = 1, .fd = true, .tls = true },
    { "pull-incremental-checkpoint", PULL, .ndisks = 1, .since = { "A B" }, .checkpoint = true },
    { "pull-mixed-3", PULL, .ndisks = 3, .since = { "A B", NULL, "B" }, .checkpoint = true },
    { "pull-paused", PULL, .ndisks = 2, .since = { "B", "B" }, .paused = true },
    { "pull-reuse", PULL, .ndisks = 1, .reuse = true },
    { "pull-helper", PULL, .ndisks = 2, .since = { "A B", NULL }, .helper = true, .paused = true },
    { "pull-export-helper", PULL, .ndisks = 2, .since = { "A B", NULL }, .tcp = true, .tls = true,
      .exportHelper = true },
    { "pull-export-helper-stopped", PULL, .ndisks = 1, .since = { "A B" }, .tcp = true, .helper = true,
      .paused = true, .exportHelper = true },
    { "pull-changed", PULL, .ndisks = 2, .since = { "A B", NULL }, .changed = true },
    { "pull-changed-limit", PULL, .ndisks = 1, .since = { "A B" }, .changed = true, .scratchLimit = 1073741999 },
    { "pull-quiesce", PULL, .ndisks = 1, .checkpoint = true, .quiesce = true },
    { "pull-luks", PULL, .ndisks = 2, .since = { "A B", NULL }, .changed = true, .luks = true },
    { "push-luks", PUSH, .ndisks = 1, .luks = true, .helper = true },
    { "push-luks-fleeced", PUSH, .ndisks = 1, .luks = true, .fleeced = true },
    { "push-luks-raw", PUSH_RAW, .ndisks = 1, .luks = true },
    { "push-full", PUSH, .ndisks = 1 },
    { "push-incremental-checkpoint-2", PUSH, .ndisks = 2, .since = { "A B", NULL },
      .checkpoint = true },
    { "push-raw", PUSH_RAW, .ndisks = 1, .since = { "A B" } },
    { "push-reuse", PUSH, .ndisks = 1, .reuse = true },
    { "push-nbd", PUSH_RAW, .ndisks = 1, .since = { "A" }, .nbd = true },
    { "push-nbd-tls", PUSH_RAW, .ndisks = 1, .nbd = true, .tls = true },
    { "push-quiesce", PUSH, .ndisks = 1, .quiesce = true },
    { "push-limits", PUSH, .ndisks = 2, .since = { "A", NULL }, .limits = true },
    { "push-block", PUSH_RAW, .ndisks = 1, .block = true, .slow = true },
    { "push-nbd-failed", PUSH_RAW, .ndisks = 2, .nbd = true, .failed = true },
    { "push-fleeced", PUSH, .ndisks = 2, .since = { "A B", NULL }, .fleeced = true, .slow = true },
    { "push-helper", PUSH, .ndisks = 2, .since = { "A B", NULL }, .helper = true, .paused = true,
      .fleeced = true },
    { "push-iothread", PUSH, .ndisks = 1, .iothread = true },
    { "pull-iothread", PULL, .ndisks = 1, .iothread = true },
    { "push-compress", PUSH, .ndisks = 2, .since = { "A", NULL }, .compress = true, .fleeced = true },
    { "push-vmdk", .mode = VIR_BACKUP_MODE_PUSH, .ndisks = 2, .foreign = VIR_BACKUP_FORMAT_VMDK },
    { "push-vpc", .mode = VIR_BACKUP_MODE_PUSH, .ndisks = 1, .foreign = VIR_BACKUP_FORMAT_VPC },
    { "push-vmdk-reuse", .mode = VIR_BACKUP_MODE_PUSH, .ndisks = 1, .reuse = true, .since = { "A" },
      .foreign = VIR_BACKUP_FORMAT_VMDK },
    { "push-owner", PUSH, .ndisks = 1, .owner = true },
    { "push-owner-reuse", PUSH, .ndisks = 1, .owner = true, .reuse = true },
    { "push-compress-reuse", PUSH, .ndisks = 1, .compress = true, .reuse = true },
    { "push-compress-raw", PUSH_RAW, .ndisks = 1, .compress = true },
};

typedef struct _planState {
    qemuTargetDisk targets[MAX_DISKS];
    virDomainBackupDiskDef defs[MAX_DISKS];
    virStorageSource stores[MAX_DISKS];
    virStorageSource scratches[MAX_DISKS];
    qemuBackupPlanDisk disks[MAX_DISKS];
    qemuBackupPlanEndDisk ends[MAX_DISKS];
    virDomainBackupDef def;
    GPtrArray *since[MAX_DISKS];
    virJSONValue *actions;
} planState;

static const char *const diskNames[] = { "vda", "vdb", "vdc" };
static const char *const qdevs[] = { "virtio-disk0", "virtio-disk1", "virtio-disk2" };
static const char *const nodes[] = { "libvirt-3-format", "libvirt-2-format", "libvirt-1-format" };
static const virStorageSource images[] = { { .path = (char *)"/img/a.qcow2" },
                                           { .path = (char *)"/img/b.qcow2" },
                                           { .path = (char *)"/img/c.qcow2" } };
static const char *const scratches[] = { "/scratch/vda.2", "/scratch/vdb.2", "/scratch/vdc.2" };
static const char *const stores[] = { "/scratch/vda.1", "/scratch/vdb.1", "/scratch/vdc.1" };

static virStorageEncryption encryption = { .usage = (char *)"/scratch" };
static virStorageNbd nbdTarget = { .host = (char *)"::1", .port = 10809, .exportName = (char *)"x" };

static virStorageNbd nbdTLSTarget = { .host = (char *)"backup", .port = 10809, .exportName = (char *)"", .tls = true };

static char *keptModels[] = { (char *)"selinux", (char *)"dac", NULL };

static GPtrArray *
sinceNew(const char *words)
{
    GPtrArray *since = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) names = g_strsplit(words, " ", -1);

    for (size_t i = 0; names[i]; i++)
        g_ptr_array_add(since, g_strdup(names[i]));
    return since;
}

static void
fillDisk(planState *s, const planCase *c, size_t i)
{
    s->targets[i] = (qemuTargetDisk){
        .name = diskNames[i], .qdev = c->helper ? NULL : qdevs[i], .node = nodes[i],
        .source = &images[i], .format = VIR_STORAGE_FORMAT_QCOW2, .iothread = c->iothread,
    };
    s->stores[i] = (virStorageSource){
        .type = c->block ? VIR_STORAGE_TYPE_BLOCK : VIR_STORAGE_TYPE_FILE,
        .format = c->format, .path = (char *)stores[i],
    };
    s->defs[i] = (virDomainBackupDiskDef){
        .name = (char *)diskNames[i], .backup = true, .exportName = (char *)diskNames[i],
        .store = &s->stores[i], .keptModels = c->owner ? keptModels : NULL,
        .format = c->foreign, .incremental = (char *)(c->since[i] ? "A" : NULL),
    };
    s->scratches[i] = (virStorageSource){
        .type = VIR_STORAGE_TYPE_FILE, .format = VIR_STORAGE_FORMAT_QCOW2, .path = (char *)scratches[i],
    };
    if (c->fleeced)
        s->defs[i].scratch = &s->scratches[i];
    if (c->luks)
        s->stores[i].encryption = s->scratches[i].encryption = &encryption;
    if (c->nbd) {
        s->stores[i].type = VIR_STORAGE_TYPE_NETWORK;
        s->stores[i].nbd = c->tls ? &nbdTLSTarget : &nbdTarget;
        s->stores[i].path = NULL;
    }
    if (c->since[i])
        s->since[i] = sinceNew(c->since[i]);
    s->disks[i] = (qemuBackupPlanDisk){
        .disk = &s->targets[i], .def = &s->defs[i], .size = 64 << 20, .since = s->since[i],
    };
    s->ends[i] = (qemuBackupPlanEndDisk){
        .disk = &s->targets[i], .def = &s->defs[i], .under = nodes[i],
        .size = 64 << 20, .hasUnion = c->since[i] != NULL,
        .removeStore = (c->failed || c->mode == VIR_BACKUP_MODE_PULL) && !c->reuse && !c->block,
        .removeScratch = c->fleeced,
    };
}

static void
fillCheckpoint(planState *s, const planCase *c)
{
    const char *chain[] = { "A", "B", NULL };

    s->actions = virJSONNewArray();
    for (size_t i = 0; i < c->ndisks; i++) {
        g_autoptr(qemuGraphNode) node = engineNode(nodes[i], "A B*");
        qemuCheckpointPlanDisk disk = { .name = diskNames[i], .node = node, .bitmap = "C",
                                        .checkpoints = chain };

        g_assert_cmpint(qemuCheckpointPlanCreateActions(s->actions, &disk, 1), ==, 0);
    }
}

static void
planStateClear(planState *s)
{
    for (size_t i = 0; i < MAX_DISKS; i++)
        g_clear_pointer(&s->since[i], g_ptr_array_unref);
    virJSONValueFree(s->actions);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(planState, planStateClear)

static void
checkPlan(const planCase *c, const char *phase, const qemuPlan *plan)
{
    g_autofree char *text = qemuPlanFormat(plan);
    g_autofree char *file = g_strdup_printf("%s.%s.out", c->name, phase);

    engineGolden("backupplandata", file, text);
}

static void
setLimits(virBackupOptions *options)
{
    options->of[VIR_BACKUP_OPTION_BANDWIDTH].value = 5000000000;
    options->of[VIR_BACKUP_OPTION_WORKERS].value = 4;
    options->of[VIR_BACKUP_OPTION_WORKERS].given = true;
}

static void
testPlan(gconstpointer data)
{
    const planCase *c = data;
    g_auto(planState) s = { 0 };
    g_autoptr(qemuPlan) begin = NULL;
    g_autoptr(qemuPlan) end = NULL;
    qemuBackupPlanInput input = { 0 };

    for (size_t i = 0; i < c->ndisks; i++)
        fillDisk(&s, c, i);
    if (c->checkpoint)
        fillCheckpoint(&s, c);
    s.def.mode = c->mode;
    virBackupOptionsInit(&s.def.options);
    VIR_BACKUP_OPTION(&s.def, QUIESCE) = c->quiesce;
    VIR_BACKUP_OPTION(&s.def, COMPRESS) = c->compress;
    VIR_BACKUP_OPTION(&s.def, EXPORT_HELPER) = c->exportHelper;
    VIR_BACKUP_OPTION(&s.def, SCOPE) = c->changed ? VIR_BACKUP_SCOPE_CHANGED : VIR_BACKUP_SCOPE_DISK;
    VIR_BACKUP_OPTION(&s.def, SCRATCH_LIMIT) = c->scratchLimit;
    if (c->limits)
        setLimits(&s.def.options);
    s.def.server.transport = c->tcp  ? VIR_BACKUP_SERVER_TCP
                             : c->fd ? VIR_BACKUP_SERVER_FD
                                     : VIR_BACKUP_SERVER_UNIX;
    s.def.server.tls = c->tls;
    s.def.server.socket = (char *)"/run/backup.sock";
    s.def.server.port = 10809;
    input = (qemuBackupPlanInput){
        .def = &s.def, .disks = s.disks, .ndisks = c->ndisks, .checkpointActions = s.actions,
        .guestRuns = !c->paused, .reuseExternal = c->reuse,
        .tlsDir = "/etc/pki/qemu", .tlsVerify = true,
        .privateDir = c->helper ? NULL : "/lib/domain-1-vm",
        .cbwTimeout = c->cbwTimeout ? c->cbwTimeout : QEMU_CAPS_CBW_TIMEOUT_SAFE,
    };
    begin = qemuBackupPlanBegin(&input);
    end = qemuBackupPlanEnd(&(qemuBackupPlanEnding){
        .def = &s.def, .disks = s.ends, .ndisks = c->ndisks,
        .privateDir = c->helper ? NULL : "/lib/domain-1-vm",
        .failed = c->failed, .flushed = !c->failed && !c->slow, .flushServers = true, .checkCopies = c->slow,
    });
    checkPlan(c, "begin", begin);
    checkPlan(c, "end", end);
    if (c->mode == VIR_BACKUP_MODE_PULL) {
        g_autoptr(qemuPlan) stop = qemuBackupPlanServerStop(&s.def, c->helper ? NULL : "/lib/domain-1-vm");

        checkPlan(c, "server-stop", stop);
    }
}

static void
testNames(void)
{
    virDomainBackupDef def = { .mode = VIR_BACKUP_MODE_PULL };
    virDomainBackupDiskDef disk = { .name = (char *)"vda" };
    virDomainBackupDiskDef named = { .name = (char *)"vda", .exportBitmap = (char *)"mine" };
    g_autofree char *byDefault = qemuBackupUnionName(&def, &disk);
    g_autofree char *given = qemuBackupUnionName(&def, &named);
    g_autofree char *push = NULL;

    def.mode = VIR_BACKUP_MODE_PUSH;
    push = qemuBackupUnionName(&def, &named);
    g_assert_cmpstr(byDefault, ==, "backup-vda");
    g_assert_cmpstr(given, ==, "mine");
    g_assert_cmpstr(push, ==, "backup-vda");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/backup-plan/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], testPlan);
    }
    g_test_add_func("/backup-plan/names", testNames);
    return g_test_run();
}
