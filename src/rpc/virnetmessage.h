/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One message of the RPC protocol: a length word, six header words and a body, as bytes. Client and
 * server build and take apart messages here; how the bytes travel is, but for descriptors, their own
 * affair.
 *
 *     | length | prog | vers | proc | type | serial | status | [fd count] | body ... |
 *       4        4      4      4      4      4        4          4 (types 4, 5)
 *
 * The length counts the whole message, itself included. Descriptors follow *after* the message,
 * one zero byte each with one SCM_RIGHTS control message; these bytes are counted nowhere.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "virnetprotocol.h"

#define VIR_NET_MESSAGE_LENGTH_LEN 4
#define VIR_NET_MESSAGE_HEADER_LEN 24
/* Length word and header: the smallest legal message. */
#define VIR_NET_MESSAGE_MIN (VIR_NET_MESSAGE_LENGTH_LEN + VIR_NET_MESSAGE_HEADER_LEN)
/* Largest legal length word: 32 MiB and the word itself. */
#define VIR_NET_MESSAGE_MAX (32U * 1024 * 1024 + VIR_NET_MESSAGE_LENGTH_LEN)
#define VIR_NET_MESSAGE_FDS_MAX 32

typedef enum {
    VIR_NET_CALL = 0,
    VIR_NET_REPLY = 1,
    VIR_NET_MESSAGE = 2,
    VIR_NET_STREAM = 3,
    VIR_NET_CALL_WITH_FDS = 4,
    VIR_NET_REPLY_WITH_FDS = 5,
    VIR_NET_STREAM_HOLE = 6,
} virNetMessageType;

typedef enum {
    VIR_NET_OK = 0,
    VIR_NET_ERROR = 1,
    VIR_NET_CONTINUE = 2,
} virNetMessageStatus;

/* Both ends ping each other in this program, always as VIR_NET_MESSAGE with serial 0. */
#define VIR_NET_KEEPALIVE_PROGRAM 0x6b656570U
#define VIR_NET_KEEPALIVE_VERSION 1
#define VIR_NET_KEEPALIVE_PING 1
#define VIR_NET_KEEPALIVE_PONG 2

typedef struct _virNetMessage {
    remote_header header;
    char *buffer;        /* the whole message, length word first (owned) */
    size_t length;       /* bytes in buffer */
    size_t body;         /* where the body begins in buffer */
    int fds[VIR_NET_MESSAGE_FDS_MAX];   /* (owned) closed with the message */
    unsigned int nfds;
} virNetMessage;

void
virNetMessageFree(virNetMessage *msg);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virNetMessage, virNetMessageFree)

/** True if @length, the first word of a message, is one a peer may send. */
bool
virNetMessageLengthIsLegal(unsigned int length);
/** The big-endian word at @bytes. */
unsigned int
virNetMessageWord(const char *bytes);

/**
 * virNetMessageFromBytes: @buffer: a whole message of @length bytes; (consumed) in every case.
 * @nfds: set to the number of descriptors that follow the message.
 * Returns: (owned) the message with its header decoded, or NULL with VIR_ERR_RPC when the length
 * word lies or a descriptor count is missing or above the bound. Then the stream is out of step
 * and the connection must be dropped.
 */
virNetMessage *
virNetMessageFromBytes(char *buffer, size_t length, unsigned int *nfds);

/** Send a descriptor the way it follows its message, without blocking. @fd: borrowed. Returns: 1, or
 * -1 with errno; then nothing was sent. */
int
virNetMessagePassFD(int sock, int fd);

/**
 * virNetMessageEncode: a complete message.
 * @proc: encoder of the body, NULL for an empty body.  @data: what it encodes (borrowed).
 * @nfds: descriptors to announce; used only by the two types that carry them. The caller puts them
 * into msg->fds.
 * Returns: (owned), or NULL with VIR_ERR_RPC when the body breaks a bound of the protocol.
 */
virNetMessage *
virNetMessageEncode(const remote_header *header, xdrproc_t proc, void *data, unsigned int nfds);

/**
 * virNetMessageDecode: the body into @data, zeroed by the caller. Bytes left over are ignored.
 * Returns: 0 (free the content with xdr_free(@proc, @data)), or -1 with VIR_ERR_RPC "Unable to
 * decode message payload"; then nothing is left in @data to be freed.
 */
int
virNetMessageDecode(const virNetMessage *msg, xdrproc_t proc, void *data);

/**
 * virNetMessageEncodeError: the thread's last error (or an internal one if there is none) as a
 * message with status ERROR. @header: as for the message; its status is ignored. Long texts are
 * cut, so that there is no error that cannot be sent. Returns: (owned), never NULL.
 */
virNetMessage *
virNetMessageEncodeError(const remote_header *header);
/** Put the error in the body of @msg as the thread's error; an unreadable one is VIR_ERR_RPC. */
void
virNetMessageRaiseError(const virNetMessage *msg);
