/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fake QMP server in a thread of the test. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "qmp_peer.h"

static gpointer
mainLoopThread(gpointer loop)
{
    g_main_loop_run(loop);
    return NULL;
}

void
qmpPeerStartMainLoop(void)
{
    g_thread_unref(g_thread_new("main-loop", mainLoopThread, g_main_loop_new(NULL, FALSE)));
}

static gpointer
qmpPeerThread(gpointer opaque)
{
    qmpPeer *peer = opaque;

    peer->script(peer);
    return NULL;
}

void
qmpPeerStart(qmpPeer *peer, void (*script)(qmpPeer *peer))
{
    int pair[2] = {-1, -1};

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    peer->fd = pair[0];
    peer->clientFd = pair[1];
    peer->input = g_string_new(NULL);
    peer->script = script;
    peer->thread = g_thread_new("qmp-peer", qmpPeerThread, peer);
}

void
qmpPeerJoin(qmpPeer *peer)
{
    g_thread_join(peer->thread);
    qmpPeerHangUp(peer);
    g_string_free(peer->input, TRUE);
}

void
qmpPeerHangUp(qmpPeer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
}

void
qmpPeerSendRaw(qmpPeer *peer, const char *data, gsize length)
{
    while (length > 0) {
        gssize n = send(peer->fd, data, length, MSG_NOSIGNAL);

        if (n < 0)
            return; /* the client is gone; the test looks at the client */
        data += n;
        length -= n;
    }
}

void
qmpPeerSend(qmpPeer *peer, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_strdelimit(text, "'", '"');
    qmpPeerSendRaw(peer, text, strlen(text));
    qmpPeerSendRaw(peer, "\r\n", 2);
}

virJSONValue *
qmpPeerRead(qmpPeer *peer)
{
    char buf[4096] = "";

    for (;;) {
        char *end = strchr(peer->input->str, '\n');
        gssize n = 0;

        if (end) {
            virJSONValue *command = virJSONParse(peer->input->str, end - peer->input->str);

            g_assert_nonnull(command);
            g_string_erase(peer->input, 0, end + 1 - peer->input->str);
            return command;
        }
        n = recv(peer->fd, buf, sizeof(buf), 0);
        if (n <= 0)
            return NULL;
        g_string_append_len(peer->input, buf, n);
    }
}

void
qmpPeerGreet(qmpPeer *peer)
{
    g_autoptr(virJSONValue) command = NULL;

    qmpPeerSend(peer,
                "{'QMP':{'version':{'qemu':{'major':7,'minor':2,'micro':22}},'capabilities':[]}}");
    command = qmpPeerRead(peer);
    g_assert_cmpstr(virJSONObjectLookupString(command, "execute"), ==, "qmp_capabilities");
    qmpPeerSend(peer, "{'return':{},'id':'%s'}", virJSONObjectLookupString(command, "id"));
}
