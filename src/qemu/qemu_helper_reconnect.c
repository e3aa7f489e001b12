/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Helpers outlive a daemon that ends or dies, with the images still open. One that only reads, for a
 * backup, is taken over, and one that writes a restore's new images. Any other one is ended: SIGTERM lets it store its bitmaps and go, and what it was
 * doing is then told by records and images alone, as after any other crash.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "qemu_bitmap_store_disks.h"
#include "qemu_driver_state.h"
#include "qemu_helper_priv.h"
#include "qemu_lend.h"
#include "qemu_run_dir.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define END_TERM_MS 20000      /* it may have bitmaps to store */
#define END_TERM_STEP_MS 250
#define END_KILL_MS 5000
#define GREETING_MS 30000

typedef void loanFunc(const char *path, uid_t user, gid_t group);

static void
forEachLoan(const virJSONValue *marker, loanFunc *func)
{
    const virJSONValue *lent = virJSONObjectLookupArray(marker, "lent");

    for (size_t i = 0; i < virJSONArraySize(lent); i++) {
        const virJSONValue *loan = virJSONArrayAt(lent, i);
        const char *path = virJSONObjectLookupString(loan, "path");
        unsigned long long user = 0;
        unsigned long long group = 0;

        if (path && virJSONObjectGetUInt(loan, "user", &user) == 0 &&
            virJSONObjectGetUInt(loan, "group", &group) == 0)
            func(path, (uid_t)user, (gid_t)group);
    }
}

static void
giveBack(const char *path, uid_t user, gid_t group)
{
    qemuLendNote(path, user, group);
    qemuLendReturn(path);
}

/* As it was when the helper was started: the domain may have been defined anew since. */
static qemuHelper *
helperOfMarker(const virJSONValue *marker, const char *domain, qemuHelperMode mode)
{
    const char *xml = virJSONObjectLookupString(marker, "domain");
    g_autoptr(virDomainDef) def = xml ? virDomainDefParse(xml, VIR_DOMAIN_PARSE_LIVE) : NULL;

    if (def)
        return qemuHelperNew(def, mode);
    if (!xml)
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       "the marker of the block helper of domain '%s' does not describe the domain", domain);
    return NULL;
}

static int
connectTo(qemuHelper *helper, const qemuMonitorCallbacks *callbacks, void *opaque)
{
    g_autofree char *path = g_build_filename(helper->runDir, "monitor.sock", NULL);
    int fd = -1;

    helper->pid = qemuHelperFindProcess(helper->runDir, &helper->pidfd);
    if (helper->pid == 0) {
        virReportError(VIR_ERR_OPERATION_FAILED, "the block helper of the stopped domain '%s' has ended",
                       helper->def->name);
        return -1;
    }
    if ((fd = virFileConnectUnix(path)) < 0) {
        virReportSystemError(errno, "cannot connect to the monitor socket '%s'", path);
        return -1;
    }
    helper->mon = qemuMonitorOpen(fd, helper->def->name, callbacks, opaque, GREETING_MS);
    return helper->mon ? 0 : -1;
}

qemuHelper *
qemuHelperReconnect(const char *domain, qemuHelperMode mode, const qemuMonitorCallbacks *callbacks, void *opaque)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(virJSONValue) marker = qemuHelperMarkerLoad(config, domain);
    g_autoptr(qemuHelper) helper = marker ? helperOfMarker(marker, domain, mode) : NULL;

    if (!helper || connectTo(helper, callbacks, opaque) < 0)
        return NULL;
    if (mode != QEMU_HELPER_BARE) {
        forEachLoan(marker, qemuLendNote);
        helper->lent = true;
    }
    VIR_INFO("domain '%s': block helper is process %d, as before", domain, (int)helper->pid);
    return g_steal_pointer(&helper);
}

static bool
signalAndWait(int pidfd, int sig, int timeoutMs)
{
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };

    syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0U);
    return TEMP_FAILURE_RETRY(poll(&ended, 1, timeoutMs)) > 0;
}

static void
endProcess(const char *domain, const char *dir)
{
    VIR_AUTOCLOSE pidfd = -1;
    pid_t pid = qemuHelperFindProcess(dir, &pidfd);
    bool gone = false;
    int waited = 0;

    if (pid == 0)
        return;
    VIR_WARN("domain '%s': ending the block helper (process %d) of an earlier daemon", domain, (int)pid);
    /* asked again and again, as in qemu_helper.c */
    for (waited = 0; waited < END_TERM_MS && !gone; waited += END_TERM_STEP_MS)
        gone = signalAndWait(pidfd, SIGTERM, END_TERM_STEP_MS);
    if (!gone && !signalAndWait(pidfd, SIGKILL, END_KILL_MS))
        VIR_ERROR("domain '%s': its block helper (process %d) cannot be ended", domain, (int)pid);
}

void
qemuHelperEndLeft(const virDomainDef *domain)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *dir = qemuHelperRunDir(config, domain->uuid);
    g_autoptr(virJSONValue) marker = NULL;
    GPtrArray *stores = NULL;

    endProcess(domain->name, dir);
    stores = qemuBitmapStoreBeforeChown(domain);
    if ((marker = qemuHelperMarkerLoad(config, domain->name)))
        forEachLoan(marker, giveBack);
    qemuBitmapStoreAfterChown(stores);
    qemuRunDirRemove(dir);
    virErrorReset();
}
