/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The timing rules of keepalive, without waiting: pings after 5, 10 ... 25 s, the end after 30. */
#include "config.h"
#include "virnetkeepalive.h"

static void
testSilence(void)
{
    virNetKeepalive ka = { .intervalMs = 5000, .count = 5 };
    unsigned int waitMs = 0;

    virNetKeepaliveReceived(&ka, 1000);
    g_assert_cmpint(virNetKeepaliveStep(&ka, 1000, &waitMs), ==, VIR_NET_KEEPALIVE_WAIT);
    g_assert_cmpuint(waitMs, ==, 5000);
    g_assert_cmpint(virNetKeepaliveStep(&ka, 5999, &waitMs), ==, VIR_NET_KEEPALIVE_WAIT);
    g_assert_cmpuint(waitMs, ==, 1);
    for (int ping = 1; ping <= 5; ping++) {
        g_assert_cmpint(virNetKeepaliveStep(&ka, 1000 + ping * 5000, &waitMs), ==,
                        VIR_NET_KEEPALIVE_SEND_PING);
        g_assert_cmpuint(waitMs, ==, 5000);
    }
    g_assert_cmpint(virNetKeepaliveStep(&ka, 30999, &waitMs), ==, VIR_NET_KEEPALIVE_WAIT);
    g_assert_cmpint(virNetKeepaliveStep(&ka, 31000, &waitMs), ==, VIR_NET_KEEPALIVE_DEAD);
}

static void
testAnyMessageStartsAnew(void)
{
    virNetKeepalive ka = { .intervalMs = 1000, .count = 1 };
    unsigned int waitMs = 0;

    for (gint64 now = 0; now < 20000; now += 1500) {
        virNetKeepaliveReceived(&ka, now);
        g_assert_cmpint(virNetKeepaliveStep(&ka, now + 1000, &waitMs), ==,
                        VIR_NET_KEEPALIVE_SEND_PING);
    }
    g_assert_cmpint(virNetKeepaliveStep(&ka, 100000, &waitMs), ==, VIR_NET_KEEPALIVE_DEAD);
}

static void
testNoPingsAllowed(void)
{
    virNetKeepalive ka = { .intervalMs = 1000, .count = 0 };
    unsigned int waitMs = 0;

    virNetKeepaliveReceived(&ka, 0);
    g_assert_cmpint(virNetKeepaliveStep(&ka, 1000, &waitMs), ==, VIR_NET_KEEPALIVE_DEAD);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keepalive/silence", testSilence);
    g_test_add_func("/keepalive/any-message", testAnyMessageStartsAnew);
    g_test_add_func("/keepalive/no-pings", testNoPingsAllowed);
    return g_test_run();
}
