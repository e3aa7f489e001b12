/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon: sets up what it is made of (driver, dispatch, server) in an order in which each part
 * may rely on the ones before, runs the main loop, and takes it all down again.
 *
 * Its end: sockets close on the main loop, then a helper thread waits for running calls and stops
 * the driver while the loop goes on, because the calls that are waited for need the loop to hear
 * from QEMU. A call that hangs does not keep the daemon from ending.
 */
#include "config.h"
#include <errno.h>
#include <glib-unix.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "qemu_driver.h"
#include "remote_dispatch.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"
#include "virlog.h"
#include "virmainloop.h"
#include "virtqemud_config.h"
#include "virtqemud_detach.h"

#define VIR_FROM_THIS VIR_FROM_NONE

/* How long the end waits for running calls. */
#define DRAIN_TIMEOUT_MS 10000
/* Arenas of malloc: each of them keeps memory that some thread once needed. */
#define MALLOC_ARENAS 4

typedef struct _daemonState {
    daemonConfig config;
    virNetServer *server;
    GMainLoop *loop;
    GThread *ending;         /* waits for running calls */
    GSource *idleTimer;
    unsigned int idleSec;
    bool clean;              /* no call was left behind */
} daemonState;

static const virNetServerProgram *const programs[] = {
    &remoteDispatchProgram,
    &remoteDispatchQemuProgram,
    NULL,
};

/* ---- end ---- */

static gboolean
postQuit(gpointer opaque)
{
    daemonState *state = opaque;

    g_main_loop_quit(state->loop);
    return G_SOURCE_REMOVE;
}

static gpointer
endThread(gpointer opaque)
{
    daemonState *state = opaque;

    state->clean = virNetServerDrain(state->server, DRAIN_TIMEOUT_MS);
    if (state->clean)
        qemuDriverStop();
    else
        VIR_WARN("calls are still running after %d s, leaving them", DRAIN_TIMEOUT_MS / 1000);
    virMainLoopPost(postQuit, state);
    return NULL;
}

static void
beginEnd(daemonState *state)
{
    if (state->ending)
        return;
    virNetServerClose(state->server);
    unlink(state->config.socketPath);
    if (state->config.readonlyPath)
        unlink(state->config.readonlyPath);
    state->ending = g_thread_new("end", endThread, state);
}

static gboolean
onTerminate(gpointer opaque)
{
    VIR_INFO("asked to end");
    beginEnd(opaque);
    return G_SOURCE_CONTINUE;
}

/* Once a second, when the daemon shall end by itself. */
static gboolean
onIdleTick(gpointer opaque)
{
    daemonState *state = opaque;

    if (virNetServerCountClients(state->server) > 0 || qemuDriverBusy())
        state->idleSec = 0;
    else if (++state->idleSec >= state->config.timeoutSec)
        beginEnd(state);
    return state->ending ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/* ---- reload ---- */

static gpointer
reloadThread(gpointer opaque)
{
    if (qemuDriverReload() < 0)
        VIR_WARN("cannot reload the driver's configuration: %s", virErrorLastMessage());
    return NULL;
}

static gboolean
onHangup(gpointer opaque)
{
    daemonState *state = opaque;

    VIR_INFO("reloading the configuration");
    if (daemonConfigLoad(&state->config) < 0)
        VIR_WARN("keeping the old settings: %s", virErrorLastMessage());
    else
        virNetServerSetLimits(state->server, &state->config.limits);
    g_thread_unref(g_thread_new("reload", reloadThread, NULL));
    return G_SOURCE_CONTINUE;
}

/* ---- start ---- */

static int
setupLog(const daemonConfig *config)
{
    const char *file = config->logFile;

    if (!file && config->daemonize) {
        g_autofree char *dir = g_path_get_dirname(config->defaultLogFile);

        if (virFileMakeDirs(dir, 0700) < 0)
            return -1;
        file = config->defaultLogFile;
    }
    if (virLogSetup(config->logLevel, file) < 0)
        return -1;
    virLogSetupFromEnv();
    return 0;
}

static void
setupProcess(void)
{
    struct rlimit files = { 0 };

    signal(SIGPIPE, SIG_IGN);
    umask(022);
    mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Let the configured group use the socket. */
static int
grantGroup(const char *path, const char *groupName)
{
    const struct group *group = getgrnam(groupName);

    if (!group) {
        virReportError(VIR_ERR_CONF_SYNTAX, "unix_sock_group: there is no group '%s'", groupName);
        return -1;
    }
    if (chown(path, (uid_t)-1, group->gr_gid) < 0) {
        virReportSystemError(errno, "cannot give socket '%s' to group '%s'", path, groupName);
        return -1;
    }
    return 0;
}

static int
listenOn(daemonState *state)
{
    const daemonConfig *config = &state->config;
    const char *group = config->privileged ? config->socketGroup : NULL;
    int fd = virFileListenUnix(config->socketPath, group ? 0770 : 0700);

    if (fd < 0)
        return -1;
    virNetServerListen(state->server, fd, false, group != NULL);
    if (group && grantGroup(config->socketPath, group) < 0)
        return -1;
    if (!config->readonlyPath)
        return 0;
    fd = virFileListenUnix(config->readonlyPath, 0777);
    if (fd < 0)
        return -1;
    virNetServerListen(state->server, fd, true, true);
    return 0;
}

static int
startDriver(const daemonConfig *config)
{
    const qemuDriverOptions driver = { .root = config->root, .privileged = config->privileged };
    const remoteDispatchOptions dispatch = { .driver = &qemuDriverTable,
                                             .privileged = config->privileged };

    if (qemuDriverStart(&driver) < 0)
        return -1;
    remoteDispatchSetup(&dispatch);
    return 0;
}

/* Directory, lock, configuration, log: what comes before there are threads. */
static int
prepare(daemonConfig *config)
{
    if (config->daemonize && daemonDetach() < 0)
        return -1;
    setupProcess();
    virFaultSetup();
    daemonConfigSetPlaces(config);
    if (daemonConfigLoad(config) < 0 ||
        virFileMakeDirs(config->socketDir, config->privileged ? 0755 : 0700) < 0 ||
        daemonLock(config->pidFile) < 0 || setupLog(config) < 0)
        return -1;
    if (config->extraPidFile && daemonWritePid(config->extraPidFile) < 0)
        return -1;
    return 0;
}

static int
start(daemonState *state)
{
    state->server = virNetServerNew(&state->config.limits, programs, &remoteDispatchHooks);
    state->loop = g_main_loop_new(NULL, FALSE);
    if (startDriver(&state->config) < 0 || listenOn(state) < 0)
        return -1;
    g_unix_signal_add(SIGTERM, onTerminate, state);
    g_unix_signal_add(SIGINT, onTerminate, state);
    g_unix_signal_add(SIGHUP, onHangup, state);
    if (state->config.timeoutSec > 0)
        state->idleTimer = virMainLoopTimer(1000, onIdleTick, state);
    return 0;
}

static void
cleanUp(daemonState *state)
{
    if (state->ending)
        g_thread_join(state->ending);
    if (state->idleTimer) {
        g_source_destroy(state->idleTimer);
        g_source_unref(state->idleTimer);
    }
    if (state->clean)
        virNetServerFree(state->server);
    if (state->config.extraPidFile)
        unlink(state->config.extraPidFile);
    unlink(state->config.pidFile);
    g_main_loop_unref(state->loop);
    daemonConfigClear(&state->config);
}

static int
fail(daemonConfig *config)
{
    fprintf(stderr, "virtqemud: %s\n", virErrorLastMessage());
    daemonConfigClear(config);
    return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    daemonState state = { 0 };
    int status = daemonConfigParseArgs(&state.config, argc, argv);

    if (status >= 0)
        return status;
    if (prepare(&state.config) < 0)
        return fail(&state.config);
    if (start(&state) < 0) {
        unlink(state.config.pidFile);
        return fail(&state.config);
    }
    VIR_INFO("listening on %s", state.config.socketPath);
    daemonReady();
    g_main_loop_run(state.loop);
    cleanUp(&state);
    return EXIT_SUCCESS;
}
