/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages to bytes and back, bounds first: whatever a peer sends, a message that leaves this file
 * is well-formed or an error.
 */
#include "config.h"
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "virnetmessage.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_RPC

/* Most messages are small; the buffer grows fourfold while the encoder runs out of it. */
#define ENCODE_INITIAL 1024
/* A text of an error quotes what a client sent, which may be as long as a message; the rest of it
 * tells nobody anything, and a longer one than a string of the protocol could not be sent at all. */
#define ERROR_TEXT_MAX (16U * 1024)

void
virNetMessageFree(virNetMessage *msg)
{
    if (!msg)
        return;
    for (unsigned int i = 0; i < msg->nfds; i++)
        close(msg->fds[i]);
    g_free(msg->buffer);
    g_free(msg);
}

bool
virNetMessageLengthIsLegal(unsigned int length)
{
    return length >= VIR_NET_MESSAGE_MIN && length <= VIR_NET_MESSAGE_MAX;
}

unsigned int
virNetMessageWord(const char *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return ntohl(word);
}

static void
putWord(char *bytes, unsigned int value)
{
    uint32_t word = htonl(value);

    memcpy(bytes, &word, sizeof(word));
}

static bool
carriesFds(int type)
{
    return type == VIR_NET_CALL_WITH_FDS || type == VIR_NET_REPLY_WITH_FDS;
}

virNetMessage *
virNetMessageFromBytes(char *buffer, size_t length, unsigned int *nfds)
{
    g_autoptr(virNetMessage) msg = g_new0(virNetMessage, 1);

    msg->buffer = buffer;
    msg->length = length;
    msg->body = VIR_NET_MESSAGE_MIN;
    if (length < VIR_NET_MESSAGE_MIN || virNetMessageWord(buffer) != length) {
        virReportError(VIR_ERR_RPC, "message of %zu bytes does not agree with its length word",
                       length);
        return NULL;
    }
    msg->header.prog = virNetMessageWord(buffer + 4);
    msg->header.vers = virNetMessageWord(buffer + 8);
    msg->header.proc = (int)virNetMessageWord(buffer + 12);
    msg->header.type = (int)virNetMessageWord(buffer + 16);
    msg->header.serial = virNetMessageWord(buffer + 20);
    msg->header.status = (int)virNetMessageWord(buffer + 24);

    *nfds = 0;
    if (!carriesFds(msg->header.type))
        return g_steal_pointer(&msg);
    if (length < VIR_NET_MESSAGE_MIN + 4) {
        virReportError(VIR_ERR_RPC, "message that carries descriptors does not say how many");
        return NULL;
    }
    *nfds = virNetMessageWord(buffer + VIR_NET_MESSAGE_MIN);
    if (*nfds > VIR_NET_MESSAGE_FDS_MAX) {
        virReportError(VIR_ERR_RPC, "message announces %u descriptors, at most %d are allowed",
                       *nfds, VIR_NET_MESSAGE_FDS_MAX);
        return NULL;
    }
    msg->body += 4;
    return g_steal_pointer(&msg);
}

int
virNetMessagePassFD(int sock, int fd)
{
    char byte = 0;
    struct iovec iov = { &byte, 1 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
    return (int)sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
putHeader(virNetMessage *msg)
{
    putWord(msg->buffer, (unsigned int)msg->length);
    putWord(msg->buffer + 4, msg->header.prog);
    putWord(msg->buffer + 8, msg->header.vers);
    putWord(msg->buffer + 12, (unsigned int)msg->header.proc);
    putWord(msg->buffer + 16, (unsigned int)msg->header.type);
    putWord(msg->buffer + 20, msg->header.serial);
    putWord(msg->buffer + 24, (unsigned int)msg->header.status);
}

/* Encode the body into buffer[body..capacity). Returns its length, or -1 if it does not fit. */
static gssize
putBody(virNetMessage *msg, size_t capacity, xdrproc_t proc, void *data)
{
    XDR xdr;
    gssize length = -1;

    xdrmem_create(&xdr, msg->buffer + msg->body, (u_int)(capacity - msg->body), XDR_ENCODE);
    if (proc(&xdr, data))
        length = xdr_getpos(&xdr);
    xdr_destroy(&xdr);
    return length;
}

virNetMessage *
virNetMessageEncode(const remote_header *header, xdrproc_t proc, void *data, unsigned int nfds)
{
    g_autoptr(virNetMessage) msg = g_new0(virNetMessage, 1);
    size_t capacity = proc ? ENCODE_INITIAL : VIR_NET_MESSAGE_MIN + 4;
    gssize bodyLength = 0;

    msg->header = *header;
    msg->body = VIR_NET_MESSAGE_MIN + (carriesFds(header->type) ? 4 : 0);
    msg->buffer = g_malloc(capacity);
    while (proc && (bodyLength = putBody(msg, capacity, proc, data)) < 0) {
        if (capacity == VIR_NET_MESSAGE_MAX) {
            virReportError(VIR_ERR_RPC, "Unable to encode message payload");
            return NULL;
        }
        capacity = MIN(capacity * 4, VIR_NET_MESSAGE_MAX);
        g_free(msg->buffer);
        msg->buffer = g_malloc(capacity);
    }
    msg->length = msg->body + (size_t)bodyLength;
    putHeader(msg);
    if (carriesFds(header->type))
        putWord(msg->buffer + VIR_NET_MESSAGE_MIN, nfds);
    return g_steal_pointer(&msg);
}

int
virNetMessageDecode(const virNetMessage *msg, xdrproc_t proc, void *data)
{
    XDR xdr;
    bool ok;

    xdrmem_create(&xdr, msg->buffer + msg->body, (u_int)(msg->length - msg->body), XDR_DECODE);
    ok = proc(&xdr, data);
    xdr_destroy(&xdr);
    if (!ok) {
        xdr_free(proc, data);
        virReportError(VIR_ERR_RPC, "Unable to decode message payload");
        return -1;
    }
    return 0;
}

/* (owned) @text for an error on the wire, cut at a character's border if it is too long. */
static remote_string *
errorText(const char *text)
{
    remote_string *out = NULL;
    size_t cut = ERROR_TEXT_MAX;

    if (!text)
        return NULL;
    out = g_new0(remote_string, 1);
    if (strlen(text) <= ERROR_TEXT_MAX) {
        *out = g_strdup(text);
        return out;
    }
    while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
        cut--;
    *out = g_strdup_printf("%.*s...", (int)cut, text);
    return out;
}

virNetMessage *
virNetMessageEncodeError(const remote_header *header)
{
    virNetMessage *msg = NULL;
    remote_header reply = *header;
    remote_error body = { .code = VIR_ERR_INTERNAL_ERROR, .domain = VIR_FROM_RPC,
                          .level = VIR_ERR_ERROR };
    const virError *err = virGetLastError();

    if (err) {
        body.code = err->code;
        body.domain = err->domain;
        body.level = err->level;
        body.message = errorText(err->message);
        body.str1 = errorText(err->str1);
        body.str2 = errorText(err->str2);
        body.str3 = errorText(err->str3);
        body.int1 = err->int1;
        body.int2 = err->int2;
    }
    /* One client library reads the message without looking whether it is there. */
    if (!body.message)
        body.message = errorText("Library function returned error but did not set virError");
    reply.status = VIR_NET_ERROR;
    msg = virNetMessageEncode(&reply, (xdrproc_t)xdr_remote_error, &body, 0);
    xdr_free((xdrproc_t)xdr_remote_error, (char *)&body);
    return msg;
}

static char *
optional(remote_string *text)
{
    return text ? *text : NULL;
}

void
virNetMessageRaiseError(const virNetMessage *msg)
{
    remote_error body = { 0 };
    virError err = { 0 };

    if (virNetMessageDecode(msg, (xdrproc_t)xdr_remote_error, &body) < 0)
        return;
    err.code = body.code;
    err.domain = body.domain;
    err.message = optional(body.message);
    err.level = (virErrorLevel)body.level;
    err.str1 = optional(body.str1);
    err.str2 = optional(body.str2);
    err.str3 = optional(body.str3);
    err.int1 = body.int1;
    err.int2 = body.int2;
    virErrorSetCopy(&err);
    xdr_free((xdrproc_t)xdr_remote_error, &body);
}
