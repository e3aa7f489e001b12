/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our headers have the values, layouts and field names of libvirt 9.0, as recorded in
 * tests/apidata. Signatures are checked when this is compiled.
 */
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include "abitest.h"

static void
testNumbers(void)
{
    size_t n = 0;

    for (const abiNumber *row = abiNumbers; row->name; row++, n++) {
        if (row->ours != row->expected)
            g_test_message("%s is %lld, expected %lld", row->name, row->ours, row->expected);
        g_assert_cmpint(row->ours, ==, row->expected);
    }
    g_assert_cmpuint(n, >, 700);
}

static void
testStrings(void)
{
    size_t n = 0;

    for (const abiString *row = abiStrings; row->name; row++, n++)
        g_assert_cmpstr(row->ours, ==, row->expected);
    g_assert_cmpuint(n, >, 70);
}

/* What is newer than the recorded version: its numbers are public, too. */
static void
testNewer(void)
{
    g_assert_cmpint(VIR_DOMAIN_BACKUP_BEGIN_PRESERVE_SHUTDOWN_DOMAIN, ==, 2);
    g_assert_cmpint(VIR_DOMAIN_EVENT_SUSPENDED_GUEST_SHUTDOWN, ==, 9);
    g_assert_cmpint(VIR_ERR_NO_NETWORK_METADATA, ==, 111);
    g_assert_cmpint(VIR_ERR_AGENT_COMMAND_TIMEOUT, ==, 112);
    g_assert_cmpint(VIR_ERR_AGENT_COMMAND_FAILED, ==, 113);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/abi/numbers", testNumbers);
    g_test_add_func("/api/abi/strings", testStrings);
    g_test_add_func("/api/abi/newer", testNewer);
    return g_test_run();
}
