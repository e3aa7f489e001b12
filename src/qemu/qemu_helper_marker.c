/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the next daemon finds of a block helper: the marker STATEDIR/NAME.helper, written before the
 * process is there, and the process itself.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "qemu_helper_priv.h"
#include "qemu_lend.h"
#include "qemu_process_spawn.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "viruuid.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define MARKER_MAX_BYTES VIR_XML_MAX_BYTES
#define PID_MS 10000       /* from fork to a written pid, on a busy host */
#define PID_STEP_MS 10

char *
qemuHelperRunDir(const qemuConfig *config, const unsigned char *uuid)
{
    char text[VIR_UUID_STRING_BUFLEN] = "";

    return g_strdup_printf("%s/helper-%s", config->libDir, virUUIDFormat(uuid, text));
}

static char *
markerPath(const qemuConfig *config, const char *domain)
{
    return g_strdup_printf("%s/%s" QEMU_HELPER_MARKER_SUFFIX, config->stateDir, domain);
}

static void
markerAddLoan(const char *path, bool writable G_GNUC_UNUSED, void *opaque)
{
    uid_t user = (uid_t)-1;
    gid_t group = (gid_t)-1;

    if (qemuLendOwner(path, &user, &group))
        virJSONArrayAppend(opaque, virJSONBuild("{'path':%s,'user':%u,'group':%u}", path,
                                                (unsigned int)user, (unsigned int)group));
}

int
qemuHelperMarkerSave(const qemuHelper *helper)
{
    g_autofree char *path = markerPath(helper->config, helper->def->name);
    g_autofree char *def = virDomainDefFormat(helper->def, VIR_DOMAIN_FORMAT_LIVE | VIR_DOMAIN_FORMAT_SECURE);
    virJSONValue *lent = virJSONNewArray();
    g_autoptr(virJSONValue) marker = NULL;
    g_autofree char *text = NULL;

    qemuLendForEach(helper->def, markerAddLoan, lent);
    marker = virJSONBuild("{'domain':%s,'lent':%v}", def, lent);
    text = virJSONFormat(marker, true);
    return virFileReplaceVolatile(path, text, strlen(text), 0600);
}

virJSONValue *
qemuHelperMarkerLoad(const qemuConfig *config, const char *domain)
{
    g_autofree char *path = markerPath(config, domain);
    g_autofree char *text = NULL;

    return virFileReadAll(path, MARKER_MAX_BYTES, &text) < 0 ? NULL : virJSONParse(text, -1);
}

void
qemuHelperMarkerRemove(const qemuConfig *config, const char *domain)
{
    g_autofree char *path = markerPath(config, domain);

    if (unlink(path) < 0 && errno != ENOENT)
        VIR_WARN("cannot remove '%s': %s", path, g_strerror(errno));
}

/* The helper that wrote @dir/pid, if it lives: its command line names that file. 0 if there is none. */
static pid_t
helperPid(const char *dir, int *pidfd)
{
    g_autofree char *pidFile = g_build_filename(dir, "pid", NULL);
    g_autofree char *text = NULL;
    g_autofree char *proc = NULL;
    g_autofree char *line = NULL;
    gsize length = 0;
    long pid = 0;

    if (!g_file_get_contents(pidFile, &text, NULL, NULL) || (pid = strtol(text, NULL, 10)) <= 1)
        return 0;
    /* In this order: the descriptor is of the process whose command line is then read. */
    *pidfd = qemuPidfdOpen((pid_t)pid);
    proc = g_strdup_printf("/proc/%ld/cmdline", pid);
    if (*pidfd < 0 || !g_file_get_contents(proc, &line, &length, NULL) ||
        !memmem(line, length, pidFile, strlen(pidFile))) {
        virFileAutoClose(pidfd);
        return 0;
    }
    return (pid_t)pid;
}

/* One that was just being started when the daemon died has not written its pid yet, but it
 * has the monitor's listening socket: while our connection to that stands, there is a pid to come. */
pid_t
qemuHelperFindProcess(const char *dir, int *pidfd)
{
    g_autofree char *path = g_build_filename(dir, "monitor.sock", NULL);
    pid_t pid = helperPid(dir, pidfd);
    VIR_AUTOCLOSE fd = pid == 0 ? virFileConnectUnix(path) : -1;
    struct pollfd gone = { .fd = fd };
    int waited = 0;

    for (waited = 0; pid == 0 && fd >= 0 && waited < PID_MS; waited += PID_STEP_MS) {
        if (TEMP_FAILURE_RETRY(poll(&gone, 1, PID_STEP_MS)) > 0)
            break;
        pid = helperPid(dir, pidfd);
    }
    return pid;
}
