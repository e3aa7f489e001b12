/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qemu-img gets the file and the passphrase as descriptors, so it sees neither a name that somebody
 * may have replaced nor a copy of the passphrase on disk.
 */
#include "qemu_image_luks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "qemu_process_spawn.h"
#include "qemu_secret.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define PROGRAM "qemu-img"
#define TIMEOUT_MS 60000
/* QEMU that opens the image derives the key on its main loop, and the guest stands still as long. */
#define ITER_TIME_MS 10
/* It measures its own CPU time, and gives up when the kernel has not counted any. */
#define MEASURE_WORDS "accurate CPU usage"
#define MEASURE_TRIES 20

/* (owned) what it printed. */
static char *
outputRead(int fd)
{
    char *text = g_malloc0(1024);
    ssize_t n = pread(fd, text, 1023, 0);

    text[MAX(n, 0)] = '\0';
    return g_strstrip(text);
}

/* Wait status of the process, or -1 after it was killed. */
static int
waitEnd(pid_t pid, int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    bool late = TEMP_FAILURE_RETRY(poll(&ended, 1, TIMEOUT_MS)) <= 0;
    int status = 0;

    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return late ? -1 : status;
}

/* 0; 1: once more; -1 with an error. */
static int
runOnce(const char *const *argv, const int *fds, size_t nfds, const char *path)
{
    g_auto(GStrv) env = qemuSpawnEnv();
    VIR_AUTOCLOSE output = memfd_create("output", MFD_CLOEXEC);
    VIR_AUTOCLOSE pidfd = -1;
    g_autofree char *said = NULL;
    qemuSpawn spawn = {
        .argv = argv,
        .env = (const char *const *)env,
        .output = output,
        .fds = fds,
        .nfds = nfds,
        .user = (uid_t)-1,
    };
    pid_t pid = 0;
    int status = 0;

    if (output < 0) {
        virReportSystemError(errno, "cannot prepare to run '%s'", argv[0]);
        return -1;
    }
    if (qemuSpawnRun(&spawn, &pid, &pidfd) < 0)
        return -1;
    status = waitEnd(pid, pidfd);
    if (status == 0)
        return 0;
    said = outputRead(output);
    if (strstr(said, MEASURE_WORDS))
        return 1;
    virReportError(VIR_ERR_OPERATION_FAILED, "cannot make the encrypted image '%s': '%s' %s", path,
                   argv[0], status < 0 ? "did not end" : *said ? said : "failed and said nothing");
    return -1;
}

int
qemuImageLuksCreate(int fd, const char *path, virStorageFormat format, unsigned long long size,
                    const virStorageEncryption *encryption)
{
    bool isQcow2 = format == VIR_STORAGE_FORMAT_QCOW2;
    g_autoptr(GBytes) passphrase = qemuSecretFetch(encryption);
    VIR_AUTOCLOSE key = passphrase ? qemuSecretDescriptor(passphrase) : -1;
    g_autofree char *program = g_find_program_in_path(PROGRAM);
    g_autofree char *keyPath = key >= 0 ? qemuSecretDescriptorPath(key) : NULL;
    g_autofree char *filePath = qemuSecretDescriptorPath(fd);
    g_autofree char *object = g_strdup_printf("secret,id=key,format=raw,file=%s", keyPath);
    g_autofree char *options = g_strdup_printf("%skey-secret=key,%siter-time=%d",
                                               isQcow2 ? "encrypt.format=luks,encrypt." : "",
                                               isQcow2 ? "encrypt." : "", ITER_TIME_MS);
    g_autofree char *bytes = g_strdup_printf("%llu", size);
    const char *const argv[] = {program, "create", "-q",    "--object", object, "-f",
                                isQcow2 ? "qcow2" : "luks", "-o", options, filePath, bytes, NULL};
    const int fds[] = {fd, key};
    int rc = 1;

    if (key < 0)
        return -1;
    if (!program) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       "cannot make the encrypted image '%s': there is no '" PROGRAM "' in PATH", path);
        return -1;
    }
    for (int i = 0; rc > 0 && i < MEASURE_TRIES; i++)
        rc = runOnce(argv, fds, G_N_ELEMENTS(fds), path);
    if (rc > 0)
        virReportError(VIR_ERR_OPERATION_FAILED,
                       "cannot make the encrypted image '%s': '" PROGRAM "' cannot measure how fast this "
                       "host is; try again",
                       path);
    return rc == 0 ? 0 : -1;
}
