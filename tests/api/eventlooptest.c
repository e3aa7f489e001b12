/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The built-in event loop: watches, timers, removal from inside callbacks, waking from a thread. */
#include <glib.h>
#include <unistd.h>
#include <libvirt/libvirt.h>

static int handled;
static int ticks;
static int freed;

static void
countFree(void *data)
{
    freed++;
}

static void
onReadable(int watch, int fd, int events, void *data)
{
    char byte;

    g_assert_cmpint(events & VIR_EVENT_HANDLE_READABLE, !=, 0);
    g_assert_cmpint(read(fd, &byte, 1), ==, 1);
    handled++;
    if (data)
        virEventRemoveHandle(watch);
}

static void
onHangup(int watch, int fd, int events, void *data)
{
    g_assert_cmpint(events & VIR_EVENT_HANDLE_HANGUP, !=, 0);
    handled++;
    virEventRemoveHandle(watch);
}

static void
onTimer(int timer, void *data)
{
    ticks++;
    if (data)
        virEventRemoveTimeout(timer);
}

static void
testWatch(void)
{
    int pipefd[2];
    int watch;

    handled = freed = 0;
    g_assert_cmpint(pipe(pipefd), ==, 0);
    watch = virEventAddHandle(pipefd[0], 0, onReadable, NULL, countFree);
    g_assert_cmpint(watch, >=, 0);
    g_assert_cmpint(write(pipefd[1], "ab", 2), ==, 2);
    /* Paused: a timer ends the round instead. */
    g_assert_cmpint(virEventAddTimeout(1, onTimer, GINT_TO_POINTER(1), NULL), >=, 0);
    virEventRunDefaultImpl();
    g_assert_cmpint(handled, ==, 0);
    virEventUpdateHandle(watch, VIR_EVENT_HANDLE_READABLE);
    virEventRunDefaultImpl();
    g_assert_cmpint(handled, ==, 1);
    g_assert_cmpint(virEventRemoveHandle(watch), ==, 0);
    g_assert_cmpint(virEventRemoveHandle(watch), ==, -1);
    g_assert_cmpint(freed, ==, 0); /* only by the loop */
    virEventAddTimeout(0, onTimer, GINT_TO_POINTER(1), NULL);
    virEventRunDefaultImpl();
    g_assert_cmpint(handled, ==, 1);
    g_assert_cmpint(freed, ==, 1);

    watch = virEventAddHandle(pipefd[0], VIR_EVENT_HANDLE_READABLE, onReadable, GINT_TO_POINTER(1),
                              countFree);
    virEventRunDefaultImpl();
    g_assert_cmpint(handled, ==, 2);
    g_assert_cmpint(freed, ==, 2);
    virEventAddHandle(pipefd[0], VIR_EVENT_HANDLE_READABLE, onHangup, NULL, NULL);
    close(pipefd[1]);
    virEventRunDefaultImpl();
    g_assert_cmpint(handled, ==, 3);
    close(pipefd[0]);
}

static void
testTimer(void)
{
    int timer = virEventAddTimeout(-1, onTimer, NULL, countFree);
    gint64 start;

    ticks = freed = 0;
    virEventUpdateTimeout(timer, 20);
    start = g_get_monotonic_time();
    virEventRunDefaultImpl();
    g_assert_cmpint(ticks, ==, 1);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 19000);
    virEventUpdateTimeout(timer, 0);
    virEventRunDefaultImpl();
    virEventRunDefaultImpl();
    g_assert_cmpint(ticks, ==, 3);
    g_assert_cmpint(virEventRemoveTimeout(timer), ==, 0);
    g_assert_cmpint(virEventRemoveTimeout(timer), ==, -1);
}

static gpointer
removeLater(gpointer data)
{
    g_usleep(30000);
    virEventAddTimeout(0, onTimer, GINT_TO_POINTER(1), NULL);
    return NULL;
}

/* A round that waits for nothing at all begins to wait for what another thread adds. */
static void
testWake(void)
{
    GThread *thread;

    ticks = 0;
    thread = g_thread_new("adder", removeLater, NULL);
    while (ticks == 0)
        virEventRunDefaultImpl();
    g_thread_join(thread);
    g_assert_cmpint(ticks, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(virEventAddTimeout(0, onTimer, NULL, NULL), ==, -1); /* none registered */
    g_assert_cmpint(virEventRegisterDefaultImpl(), ==, 0);
    g_test_add_func("/api/eventloop/watch", testWatch);
    g_test_add_func("/api/eventloop/timer", testTimer);
    g_test_add_func("/api/eventloop/wake", testWake);
    return g_test_run();
}
