/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting a daemon that is not there: how it is started, once, and what fails with which error. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include <libvirt/virterror.h>
#include "remote_spawn.h"
#include "virerror_report.h"
#include "virfile.h"

static char *dir;

static void
quiet(void *data, virErrorPtr error)
{
}

/* Notes how it was started, then listens, says hello to one client and ends. */
static const char *const daemonScript = "#!/bin/sh\n"
                                        "echo \"$@\" >> %s/args\n"
                                        "pwd > %s/cwd\n"
                                        "env | sort > %s/env\n"
                                        "ls -l /proc/self/fd | grep -c socket: > %s/sockets\n"
                                        "sleep 0.2\n"
                                        "exec python3 -c \"\n"
                                        "import socket\n"
                                        "s = socket.socket(socket.AF_UNIX)\n"
                                        "s.bind('%s/sock')\n"
                                        "s.listen()\n"
                                        "s.settimeout(10)\n"
                                        "c, _ = s.accept()\n"
                                        "c.sendall(b'hello')\n"
                                        "\"\n";

static char *
contentOf(const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return g_strstrip(text);
}

static void
testStart(void)
{
    g_autofree char *script = g_build_filename(dir, "fakedaemon", NULL);
    g_autofree char *lock = g_build_filename(dir, "run", "fakedaemon.lock", NULL);
    g_autofree char *args = NULL, *cwd = NULL, *env = NULL, *sockets = NULL;
    g_auto(remoteAddress) address = {0};
    g_auto(GStrv) pieces = g_strsplit(daemonScript, "%s", -1);
    g_autofree char *text = g_strjoinv(dir, pieces);
    char hello[6] = "";
    VIR_AUTOCLOSE leaked = socket(AF_UNIX, SOCK_STREAM, 0); /* not close-on-exec ... */
    VIR_AUTOCLOSE leakedToo = dup(leaked);                  /* ... and one with a number above 3 */
    VIR_AUTOCLOSE fd = -1;

    g_assert_true(g_file_set_contents(script, text, -1, NULL));
    g_assert_cmpint(chmod(script, 0700), ==, 0);
    address.path = g_build_filename(dir, "sock", NULL);
    address.daemon = g_strdup(script);
    address.runtimeDir = g_build_filename(dir, "run", NULL);
    g_setenv("FLEECE_TEST_SECRET", "1", TRUE);

    fd = remoteSpawnConnect(&address);
    g_assert_cmpint(leakedToo, >, 3);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(recv(fd, hello, 5, MSG_WAITALL), ==, 5);
    g_assert_cmpstr(hello, ==, "hello");
    args = contentOf("args");
    g_assert_cmpstr(args, ==, "--timeout=120"); /* one line: started once */
    cwd = contentOf("cwd");
    g_assert_cmpstr(cwd, ==, "/");
    env = contentOf("env");
    g_assert_nonnull(strstr(env, "LC_ALL=C"));
    g_assert_nonnull(strstr(env, "PATH="));
    g_assert_null(strstr(env, "FLEECE_TEST_SECRET"));
    sockets = contentOf("sockets");
    g_assert_cmpstr(sockets, ==, "0");
    g_assert_false(virFileExists(lock));
    g_unlink(address.path);
    g_rmdir(address.runtimeDir);
}

static void
testNobody(void)
{
    g_auto(remoteAddress) address = {.path = g_build_filename(dir, "nobody", NULL)};
    g_autofree char *wanted = g_strdup_printf(
        "Failed to connect socket to '%s': No such file or directory", address.path);

    g_assert_cmpint(remoteSpawnConnect(&address), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpint(virGetLastErrorDomain(), ==, VIR_FROM_RPC);
    g_assert_cmpstr(virErrorLastMessage(), ==, wanted);
}

static void
testNoProgram(void)
{
    g_auto(remoteAddress) address = {
        .path = g_build_filename(dir, "nobody", NULL),
        .daemon = g_build_filename(dir, "missing", NULL),
        .runtimeDir = g_build_filename(dir, "run", NULL),
    };
    g_autofree char *wanted =
        g_strdup_printf("cannot start the daemon '%s': No such file or directory", address.daemon);

    g_assert_cmpint(remoteSpawnConnect(&address), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpstr(virErrorLastMessage(), ==, wanted);
    g_rmdir(address.runtimeDir);
}

int
main(int argc, char **argv)
{
    static const char *const leftovers[] = {"args", "cwd", "env", "sockets", "fakedaemon"};
    int rc;

    dir = g_dir_make_tmp("fleece-spawntest-XXXXXX", NULL);
    g_assert_nonnull(dir);
    virSetErrorFunc(NULL, quiet);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/spawn/start", testStart);
    g_test_add_func("/api/spawn/nobody", testNobody);
    g_test_add_func("/api/spawn/no-program", testNoProgram);
    rc = g_test_run();
    for (size_t i = 0; i < G_N_ELEMENTS(leftovers); i++) {
        g_autofree char *path = g_build_filename(dir, leftovers[i], NULL);

        g_unlink(path);
    }
    g_rmdir(dir);
    g_free(dir);
    return rc;
}
