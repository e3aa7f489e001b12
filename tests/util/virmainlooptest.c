/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event loop: posted calls in order and once, watches and timers until destroyed. */
#include <unistd.h>

#include "virfile.h"
#include "virmainloop.h"

static GString *trace;

static gboolean
note(gpointer data)
{
    g_string_append(trace, data);
    return G_SOURCE_CONTINUE; /* posted calls run once all the same */
}

static void
drain(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        continue;
}

static gpointer
postFromThread(gpointer data)
{
    virMainLoopPost(note, (gpointer) "c");
    return NULL;
}

static void
testPost(void)
{
    trace = g_string_new(NULL);
    virMainLoopPost(note, (gpointer) "a");
    virMainLoopPost(note, (gpointer) "b");
    g_thread_join(g_thread_new("post", postFromThread, NULL));
    g_assert_cmpstr(trace->str, ==, "");
    drain();
    drain();
    g_assert_cmpstr(trace->str, ==, "abc");
    g_string_free(trace, TRUE);
}

static gboolean
readByte(gint fd, GIOCondition condition, gpointer data)
{
    char byte[2] = "";

    g_assert_cmpint(condition, ==, G_IO_IN);
    g_assert_cmpint(read(fd, byte, 1), ==, 1);
    g_string_append(data, byte);
    return G_SOURCE_CONTINUE;
}

static void
testWatch(void)
{
    int fds[2] = { -1, -1 };
    g_autoptr(GSource) source = NULL;
    GString *seen = g_string_new(NULL);

    g_assert_cmpint(pipe(fds), ==, 0);
    source = virMainLoopWatch(fds[0], G_IO_IN, readByte, seen);
    drain();
    g_assert_cmpint(write(fds[1], "xy", 2), ==, 2);
    drain();
    g_assert_cmpstr(seen->str, ==, "xy");
    g_source_destroy(source);
    g_assert_cmpint(write(fds[1], "z", 1), ==, 1);
    drain();
    g_assert_cmpstr(seen->str, ==, "xy");
    g_string_free(seen, TRUE);
    close(fds[0]);
    close(fds[1]);
}

static gboolean
count(gpointer data)
{
    return ++*(int *)data < 3;
}

static void
testTimer(void)
{
    int ticks = 0;
    g_autoptr(GSource) source = virMainLoopTimer(1, count, &ticks);

    while (!g_source_is_destroyed(source))
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpint(ticks, ==, 3);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/main-loop/post", testPost);
    g_test_add_func("/main-loop/watch", testWatch);
    g_test_add_func("/main-loop/timer", testTimer);
    return g_test_run();
}
