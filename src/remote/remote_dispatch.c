/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way of every call through the daemon, once: look up, decode, is the connection open, may it
 * do that, call the handler, encode. What differs from call to call is a row of the table.
 */
#include "config.h"
#include <stddef.h>
#include "remote_dispatch.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_RPC

typedef enum {
    RULE_ALLOW,
    RULE_DENY,
    RULE_DENY_FLAGS,    /* if the word at ruleOffset has one of ruleValue's bits */
    RULE_DENY_SECURE,   /* same, with another text */
    RULE_DENY_SOURCE,   /* if the word at ruleOffset equals ruleValue */
} procedureRule;

typedef int (*procedureHandler)(remoteCall *call, void *args, void *ret);

typedef struct _procedureRow {
    const char *api;    /* NULL: no such procedure */
    procedureHandler handler;
    xdrproc_t argsXdr, retXdr;
    unsigned short argsSize, retSize;
    unsigned char lane;
    unsigned char rule;
    unsigned char domain;
    unsigned int ruleValue;
    unsigned short ruleOffset;
} procedureRow;

#define LOW VIR_NET_SERVER_LANE_LOW
#define HIGH VIR_NET_SERVER_LANE_HIGH
#define INLINE VIR_NET_SERVER_LANE_INLINE
#define RO_ALLOW .rule = RULE_ALLOW
#define RO_DENY .rule = RULE_DENY
#define RO_DENY_ARG(ruleName, args, field, value) \
    .rule = ruleName, .ruleValue = value, .ruleOffset = offsetof(remote_##args, field)
#define RO_DENY_FLAGS(args, bits) RO_DENY_ARG(RULE_DENY_FLAGS, args, flags, bits)
#define RO_DENY_SECURE(args, bits) RO_DENY_ARG(RULE_DENY_SECURE, args, flags, bits)
#define RO_DENY_SOURCE(args, value) RO_DENY_ARG(RULE_DENY_SOURCE, args, source, value)

#define ROW(prefix, number, args, ret, laneName, domainName, apiName, handlerFunc, ...) \
    [number] = { .api = apiName, .handler = (procedureHandler)handlerFunc, \
                 .argsXdr = (xdrproc_t)xdr_##prefix##_##args, \
                 .retXdr = (xdrproc_t)xdr_##prefix##_##ret, \
                 .argsSize = sizeof(prefix##_##args), .retSize = sizeof(prefix##_##ret), \
                 .lane = laneName, .domain = VIR_FROM_##domainName, __VA_ARGS__ },
#define EVENT(...)

#define KNOWN(number, NAME, args, ret, lane, rule, domain, api) \
    ROW(remote, number, args, ret, lane, domain, api, NULL, rule)
#define CALL(number, NAME, args, ret, lane, rule, domain, api, handler) \
    ROW(remote, number, args, ret, lane, domain, api, handler, rule)
static const procedureRow remoteRows[REMOTE_PROC_LAST] = {
#include "remote_procedures.def"
};
#undef KNOWN
#undef CALL

#define KNOWN(number, NAME, args, ret, lane, rule, domain, api) \
    ROW(qemu, number, args, ret, lane, domain, api, NULL, rule)
#define CALL(number, NAME, args, ret, lane, rule, domain, api, handler) \
    ROW(qemu, number, args, ret, lane, domain, api, handler, rule)
static const procedureRow qemuRows[QEMU_PROC_LAST] = {
#include "qemu_procedures.def"
};
#undef KNOWN
#undef CALL

static remoteDispatchOptions dispatchOptions;

void
remoteDispatchSetup(const remoteDispatchOptions *options)
{
    dispatchOptions = *options;
}

const remoteDispatchOptions *
remoteDispatchGetOptions(void)
{
    return &dispatchOptions;
}

/* ---- clients ---- */

static void
clientFree(gpointer opaque)
{
    remoteClient *priv = opaque;

    g_mutex_clear(&priv->lock);
    g_ptr_array_unref(priv->callbacks);
    g_free(priv);
}

static void
clientNew(virNetServerClient *client)
{
    remoteClient *priv = g_new0(remoteClient, 1);

    g_mutex_init(&priv->lock);
    priv->callbacks = g_ptr_array_new();
    virNetServerClientSetData(client, priv, clientFree);
}

static void
clientClosed(virNetServerClient *client)
{
    remoteClient *priv = virNetServerClientData(client);
    GPtrArray *callbacks;
    virConnectPtr conn;

    g_mutex_lock(&priv->lock);
    priv->closed = true;
    conn = g_steal_pointer(&priv->conn);
    callbacks = priv->callbacks;
    priv->callbacks = g_ptr_array_new();
    g_mutex_unlock(&priv->lock);

    remoteEventDropAll(conn, callbacks);
    virObjectConnectUnref(conn);
}

const virNetServerHooks remoteDispatchHooks = {
    .clientNew = clientNew,
    .clientClosed = clientClosed,
};

/* ---- calls ---- */

static bool
isDenied(const procedureRow *row, const void *args)
{
    unsigned int word = 0;

    if (row->rule >= RULE_DENY_FLAGS)
        word = *(const unsigned int *)((const char *)args + row->ruleOffset);
    switch ((procedureRule)row->rule) {
    case RULE_ALLOW:
        return false;
    case RULE_DENY:
        return true;
    case RULE_DENY_FLAGS:
    case RULE_DENY_SECURE:
        return (word & row->ruleValue) != 0;
    case RULE_DENY_SOURCE:
        return word == row->ruleValue;
    }
    return true;
}

static int
checkAccess(const procedureRow *row, virConnectPtr conn, const void *args)
{
    if (!conn || !conn->readonly || !isDenied(row, args))
        return 0;
    if (row->rule == RULE_DENY_SECURE)
        virReportErrorFull(row->domain, VIR_ERR_OPERATION_DENIED, __FILE__, __func__, __LINE__,
                           "%s with secure flag", row->api);
    else
        virReportErrorFull(row->domain, VIR_ERR_OPERATION_DENIED, __FILE__, __func__, __LINE__,
                           "read only access prevents %s", row->api);
    return -1;
}

static bool
worksBeforeOpen(const procedureRow *row)
{
    return row == &remoteRows[REMOTE_PROC_CONNECT_OPEN] ||
           row == &remoteRows[REMOTE_PROC_CONNECT_CLOSE] ||
           row == &remoteRows[REMOTE_PROC_CONNECT_SUPPORTS_FEATURE] ||
           row == &remoteRows[REMOTE_PROC_AUTH_LIST];
}

static int
runHandler(const procedureRow *row, remoteCall *call, void *args, void *ret)
{
    if (!call->conn && !worksBeforeOpen(row)) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "hypervisor connection not open");
        return -1;
    }
    if (checkAccess(row, call->conn, args) < 0)
        return -1;
    if (!row->handler) {
        virReportErrorFull(row->domain, VIR_ERR_NO_SUPPORT, __FILE__, __func__, __LINE__, "%s",
                           row->api);
        return -1;
    }
    return row->handler(call, args, ret);
}

static virConnectPtr
refConnection(remoteClient *priv)
{
    virConnectPtr conn;

    g_mutex_lock(&priv->lock);
    conn = priv->conn;
    if (conn)
        virConnectRef(conn);
    g_mutex_unlock(&priv->lock);
    return conn;
}

/* Returns: (owned) the encoded result, or NULL with an error set. */
static virNetMessage *
runRow(const procedureRow *row, virNetServerClient *client, const virNetMessage *msg,
       const remote_header *replyHeader)
{
    g_autofree void *args = g_malloc0(row->argsSize);
    g_autofree void *ret = g_malloc0(row->retSize);
    remoteCall call = { .client = client, .priv = virNetServerClientData(client),
                        .fds = msg->fds, .nfds = msg->nfds };
    virNetMessage *reply = NULL;

    if (virNetMessageDecode(msg, row->argsXdr, args) < 0)
        return NULL;
    call.conn = refConnection(call.priv);
    if (runHandler(row, &call, args, ret) == 0)
        reply = virNetMessageEncode(replyHeader, row->retXdr, ret, 0);
    xdr_free(row->retXdr, ret);
    xdr_free(row->argsXdr, args);
    virObjectConnectUnref(call.conn);
    return reply;
}

static virNetMessage *
dispatchRow(const procedureRow *row, virNetServerClient *client, const virNetMessage *msg)
{
    remote_header header = msg->header;
    virNetMessage *reply = NULL;

    header.type = VIR_NET_REPLY;
    if (!row) {
        virReportError(VIR_ERR_RPC, "unknown procedure: %d", msg->header.proc);
    } else {
        VIR_DEBUG("client %p calls %s, serial %u", (void *)client, row->api, msg->header.serial);
        reply = runRow(row, client, msg, &header);
    }
    return reply ? reply : virNetMessageEncodeError(&header);
}

static const procedureRow *
findRow(const procedureRow *rows, int count, int proc)
{
    return proc > 0 && proc < count && rows[proc].api ? &rows[proc] : NULL;
}

static virNetServerLane
laneOf(const procedureRow *row)
{
    return row ? (virNetServerLane)row->lane : VIR_NET_SERVER_LANE_INLINE;
}

static virNetServerLane
remoteLane(int proc)
{
    return laneOf(findRow(remoteRows, G_N_ELEMENTS(remoteRows), proc));
}

static virNetServerLane
qemuLane(int proc)
{
    return laneOf(findRow(qemuRows, G_N_ELEMENTS(qemuRows), proc));
}

static virNetMessage *
remoteDispatch(virNetServerClient *client, const virNetMessage *call)
{
    return dispatchRow(findRow(remoteRows, G_N_ELEMENTS(remoteRows), call->header.proc), client,
                       call);
}

static virNetMessage *
qemuDispatch(virNetServerClient *client, const virNetMessage *call)
{
    return dispatchRow(findRow(qemuRows, G_N_ELEMENTS(qemuRows), call->header.proc), client, call);
}

const virNetServerProgram remoteDispatchProgram = {
    .number = REMOTE_PROGRAM,
    .version = REMOTE_PROGRAM_VERSION,
    .lane = remoteLane,
    .dispatch = remoteDispatch,
};

const virNetServerProgram remoteDispatchQemuProgram = {
    .number = QEMU_PROGRAM,
    .version = QEMU_PROGRAM_VERSION,
    .lane = qemuLane,
    .dispatch = qemuDispatch,
};
