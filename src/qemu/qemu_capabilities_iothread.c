/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does this QEMU survive an NBD client that leaves the export of a node on an iothread? QEMU 7.2 as
 * Debian builds it dies of an assertion (nbd_blockdev_client_closed is called in the iothread), and
 * with it would die the guest. Versions do not tell, since fixes are backported; so it is tried: an
 * empty node on an iothread, exported on a private socket; one client says goodbye, one just goes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "qemu_capabilities_probe.h"
#include "qemu_capabilities_process.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

#define NBD_WAIT_MS 10000
/* Time a dying QEMU has to be noticed; (m) it is gone within 5 ms. */
#define NBD_SETTLE_MS 300
#define NBD_EXPORT "probe"

/* @length bytes or -1. */
static int
nbdRead(int fd, void *buf, size_t length)
{
    size_t done = 0;

    while (done < length) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        gssize n = 0;

        if (poll(&ready, 1, NBD_WAIT_MS) == 0)
            return -1;
        n = recv(fd, (char *)buf + done, length - done, 0);
        if (n == 0 || (n < 0 && errno != EINTR))
            return -1;
        done += MAX(n, 0);
    }
    return 0;
}

static int
nbdWrite(int fd, const void *buf, size_t length)
{
    return send(fd, buf, length, MSG_NOSIGNAL) == (gssize)length ? 0 : -1;
}

static uint32_t
nbdBE32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Newstyle handshake, NBD_OPT_GO for the export; the protocol: nbd.git doc/proto.md. */
static int
nbdHandshake(int fd)
{
    static const unsigned char clientFlags[] = {0, 0, 0, 3}; /* fixed newstyle, no zeroes */
    static const unsigned char go[] = {'I', 'H', 'A', 'V', 'E', 'O', 'P',       'T', 0,
                                       0,   0,   7,   0,   0,   0,   4 + 5 + 2, 0,   0,
                                       0,   5,   'p', 'r', 'o', 'b', 'e',       0,   0};
    unsigned char greeting[18] = {0};
    unsigned char header[20] = {0};
    unsigned char info[256] = {0};

    G_STATIC_ASSERT(sizeof(NBD_EXPORT) - 1 == 5);
    if (nbdRead(fd, greeting, sizeof(greeting)) < 0 ||
        memcmp(greeting, "NBDMAGICIHAVEOPT", 16) != 0 ||
        nbdWrite(fd, clientFlags, sizeof(clientFlags)) < 0 || nbdWrite(fd, go, sizeof(go)) < 0)
        return -1;
    for (;;) {
        uint32_t type = 0;
        uint32_t length = 0;

        if (nbdRead(fd, header, sizeof(header)) < 0)
            return -1;
        type = nbdBE32(header + 12);
        length = nbdBE32(header + 16);
        if (length > sizeof(info) || nbdRead(fd, info, length) < 0 || (type & 0x80000000u))
            return -1;
        if (type == 1) /* NBD_REP_ACK */
            return 0;
    }
}

/* One client's visit; -1: it could not even talk to the server. */
static int
nbdVisit(const char *path, bool polite)
{
    static const unsigned char disconnect[28] = {0x25, 0x60, 0x95, 0x13, 0, 0, 0, 2};
    VIR_AUTOCLOSE fd = virFileConnectUnix(path);

    if (fd < 0 || nbdHandshake(fd) < 0)
        return -1;
    return polite ? nbdWrite(fd, disconnect, sizeof(disconnect)) : 0;
}

static int
qemuProbeExportSetup(qemuMonitor *mon, const char *path)
{
    virJSONValue *commands[] = {
        virJSONBuild("{'execute':'object-add','arguments':{'qom-type':'iothread','id':'io'}}"),
        virJSONBuild("{'execute':'blockdev-add','arguments':{'driver':'null-co',"
                     "'node-name':'node','size':%d,'read-zeroes':%b}}",
                     1024 * 1024, true),
        virJSONBuild("{'execute':'x-blockdev-set-iothread','arguments':{'node-name':'node',"
                     "'iothread':'io'}}"),
        virJSONBuild("{'execute':'nbd-server-start','arguments':{'addr':{'type':'unix',"
                     "'data':{'path':%s}}}}",
                     path),
        virJSONBuild("{'execute':'block-export-add','arguments':{'type':'nbd','id':'export',"
                     "'node-name':'node','name':'" NBD_EXPORT "'}}"),
    };
    int ret = 0;
    size_t i = 0;

    for (i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (ret == 0)
            ret = qemuMonitorCommand(mon, commands[i], NULL);
        virJSONValueFree(commands[i]);
    }
    return ret;
}

static int
qemuProbeExportTry(qemuProbeProcess *process, const char *path)
{
    int visit = 0;

    if (qemuProbeExportSetup(process->mon, path) < 0)
        return -1;
    for (visit = 0; visit < 2; visit++) {
        int status = 0;
        int talked = nbdVisit(path, visit == 0);

        if (qemuProbeProcessWait(process, NBD_SETTLE_MS, &status, NULL)) {
            VIR_INFO("this QEMU dies when a client leaves an export on an iothread (status %d)",
                     status);
            return 0;
        }
        if (talked < 0) {
            virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                           "the NBD server of a scratch QEMU did not complete a handshake");
            return -1;
        }
    }
    return 1;
}

int
qemuProbeIothreadExport(const qemuProbeTarget *target)
{
    g_auto(qemuProbeProcess) process = QEMU_PROBE_PROCESS_INIT;
    g_autofree char *dir = g_dir_make_tmp("fleece-probe-XXXXXX", NULL);
    g_autofree char *path = NULL;
    int ret = -1;

    if (!dir || (target->user != (uid_t)-1 && chown(dir, target->user, target->group) < 0)) {
        virReportSystemError(errno, "cannot make a private directory to try '%s'",
                             target->emulator);
        return -1;
    }
    path = g_build_filename(dir, "nbd.sock", NULL);
    if (qemuProbeProcessStartMonitor(&process, target) == 0)
        ret = qemuProbeExportTry(&process, path);
    g_unlink(path);
    g_rmdir(dir);
    return ret;
}
