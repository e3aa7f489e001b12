/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The status file: what the domain object knows of its run and could not learn from QEMU, around
 * the running definition.
 *
 *   <domstatus state='1' reason='1' pid='4711' start='123456' since='1700000000' starting='no'>
 *     <monitor path='...'/> <rundir path='...'/> <nodes last='3'/>
 *     <flags .../> <lent path= user= group=/>...
 *     <domain id='1'> ... </domain>
 *   </domstatus>
 */
#include "qemu_status.h"
#include <glib/gstdio.h>
#include <string.h>
#include "qemu_lend.h"
#include "qemu_nodes.h"
#include "virbuffer.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static const char *
qemuStatusYesNo(bool value)
{
    return value ? "yes" : "no";
}

static void
qemuStatusFormatLent(const char *path, bool writable G_GNUC_UNUSED, void *opaque)
{
    virBuffer *buf = opaque;
    uid_t user = 0;
    gid_t group = 0;

    if (!qemuLendOwner(path, &user, &group))
        return;
    virBufferEscapeString(buf, "<lent path='%s'", path);
    virBufferAsprintf(buf, " user='%u' group='%u'/>\n", (unsigned int)user, (unsigned int)group);
}

char *
qemuStatusFormat(const qemuVM *vm)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;

    virBufferAsprintf(&buf, "<domstatus state='%d' reason='%d' pid='%d' start='%llu' since='%llu' "
                            "starting='%s'>\n",
                      vm->state, vm->stateReason, (int)vm->pid, vm->pidStart,
                      (unsigned long long)vm->startedAt, qemuStatusYesNo(vm->starting));
    virBufferAdjustIndent(&buf, 2);
    virBufferEscapeString(&buf, "<monitor path='%s'/>\n", vm->monitorPath);
    virBufferEscapeString(&buf, "<rundir path='%s'/>\n", vm->privateDir);
    virBufferAsprintf(&buf, "<nodes last='%u'/>\n", vm->nodeCounter);
    virBufferAsprintf(&buf, "<flags shutdown='%s' reboot='%s' agent='%s' iothreadexport='%s'",
                      qemuStatusYesNo(vm->shutdownSeen), qemuStatusYesNo(vm->fakeReboot),
                      qemuStatusYesNo(vm->agentConnected), qemuStatusYesNo(vm->iothreadExportSafe));
    if (vm->ending)
        virBufferAsprintf(&buf, " ending='yes' destroyed='%s'", qemuStatusYesNo(vm->destroyed));
    if (vm->preserved)
        virBufferAdd(&buf, " preserved='yes'");
    virBufferAdd(&buf, "/>\n");
    qemuLendForEach(vm->def, qemuStatusFormatLent, &buf);
    virDomainDefFormatBuf(&buf, vm->def, VIR_DOMAIN_FORMAT_LIVE | VIR_DOMAIN_FORMAT_SECURE);
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</domstatus>\n");
    return virBufferContentAndReset(&buf);
}

static char *
qemuStatusPath(const char *name, const char *suffix)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();

    return g_strdup_printf("%s/%s.%s", config->stateDir, name, suffix);
}

int
qemuStatusSave(qemuVM *vm)
{
    g_autofree char *path = qemuStatusPath(vm->name, "xml");
    g_autofree char *text = NULL;
    int ret = 0;

    /* Two writers must not overtake each other between taking the state and writing it. */
    g_mutex_lock(&vm->statusLock);
    g_mutex_lock(&vm->lock);
    if (qemuVMIsActive(vm))
        text = qemuStatusFormat(vm);
    g_mutex_unlock(&vm->lock);
    if (text)
        ret = virFileReplaceVolatile(path, text, strlen(text), 0600);
    g_mutex_unlock(&vm->statusLock);
    return ret;
}

void
qemuStatusRemove(qemuVM *vm)
{
    g_autofree char *path = qemuStatusPath(vm->name, "xml");

    g_mutex_lock(&vm->statusLock);
    g_unlink(path);
    g_mutex_unlock(&vm->statusLock);
}

/* Borrowed nodes of one file, read into a VM that belongs to nobody yet. */
static int
qemuStatusParseRun(xmlNodePtr root, qemuVM *vm)
{
    unsigned int state = 0;
    unsigned int reason = 0;
    unsigned int pid = 0;
    unsigned long long since = 0;

    if (virXMLPropUInt(root, "state", &state) != 1 || virXMLPropUInt(root, "reason", &reason) != 1 ||
        virXMLPropUInt(root, "pid", &pid) != 1 || virXMLPropULL(root, "start", &vm->pidStart) != 1 ||
        virXMLPropULL(root, "since", &since) != 1 ||
        virXMLPropYesNo(root, "starting", &vm->starting) != 1 || state > VIR_DOMAIN_PMSUSPENDED ||
        pid <= 1 || pid > G_MAXINT) {
        virReportError(VIR_ERR_XML_ERROR, "%s", "status of a domain lacks state, reason, pid, start, "
                                                "since or starting, or they are out of range");
        return -1;
    }
    vm->state = (int)state;
    vm->stateReason = (int)reason;
    vm->pid = (pid_t)pid;
    vm->startedAt = (long long)since;
    return 0;
}

static int
qemuStatusParsePlaces(xmlNodePtr root, qemuVM *vm)
{
    xmlNodePtr flags = virXMLChild(root, "flags");
    xmlNodePtr monitor = virXMLChild(root, "monitor");
    xmlNodePtr rundir = virXMLChild(root, "rundir");
    xmlNodePtr nodes = virXMLChild(root, "nodes");

    vm->monitorPath = monitor ? virXMLProp(monitor, "path") : NULL;
    vm->privateDir = rundir ? virXMLProp(rundir, "path") : NULL;
    if (!vm->monitorPath || !vm->privateDir || !nodes || !flags ||
        virXMLPropUInt(nodes, "last", &vm->nodeCounter) != 1) {
        virReportError(VIR_ERR_XML_ERROR, "%s",
                       "status of a domain lacks its monitor, run directory, nodes or flags");
        return -1;
    }
    if (virXMLPropYesNo(flags, "shutdown", &vm->shutdownSeen) < 0 ||
        virXMLPropYesNo(flags, "reboot", &vm->fakeReboot) < 0 ||
        virXMLPropYesNo(flags, "agent", &vm->agentConnected) < 0 ||
        virXMLPropYesNo(flags, "ending", &vm->ending) < 0 ||
        virXMLPropYesNo(flags, "destroyed", &vm->destroyed) < 0 ||
        virXMLPropYesNo(flags, "preserved", &vm->preserved) < 0 ||
        virXMLPropYesNo(flags, "iothreadexport", &vm->iothreadExportSafe) < 0)
        return -1;
    return 0;
}

static int
qemuStatusParseLent(xmlNodePtr root)
{
    xmlNodePtr node = virXMLChild(root, "lent");

    for (; node; node = virXMLNext(node)) {
        g_autofree char *path = virXMLProp(node, "path");
        unsigned int user = 0;
        unsigned int group = 0;

        if (!path || virXMLPropUInt(node, "user", &user) != 1 ||
            virXMLPropUInt(node, "group", &group) != 1) {
            virReportError(VIR_ERR_XML_ERROR, "%s", "status of a domain has an incomplete <lent>");
            return -1;
        }
        qemuLendNote(path, (uid_t)user, (gid_t)group);
    }
    return 0;
}

qemuVM *
qemuStatusParse(const char *xml)
{
    g_autoptr(xmlDoc) doc = virXMLParse(xml, "(domain_status)", "domstatus");
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;
    xmlNodePtr domain = root ? virXMLChild(root, "domain") : NULL;
    virDomainDef *def = NULL;
    g_autoptr(qemuVM) vm = NULL;

    if (!root)
        return NULL;
    if (!domain) {
        virReportError(VIR_ERR_XML_ERROR, "%s", "status of a domain lacks its <domain>");
        return NULL;
    }
    def = virDomainDefParseNode(domain, VIR_DOMAIN_PARSE_LIVE);
    if (!def)
        return NULL;
    vm = qemuVMNew(def);
    if (qemuStatusParseRun(root, vm) < 0 || qemuStatusParsePlaces(root, vm) < 0 ||
        qemuStatusParseLent(root) < 0)
        return NULL;
    qemuVMSetTargetDisks(vm, qemuNodesTargetDisks(vm->def));
    return g_steal_pointer(&vm);
}
