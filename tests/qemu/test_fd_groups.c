/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups of descriptors: copies in and out, by domain and name, bounded, and none left open. */
#include "qemu_fd_groups.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const unsigned char alpha[VIR_UUID_BUFLEN] = "alpha-alpha-alp";
static const unsigned char beta[VIR_UUID_BUFLEN] = "beta-beta-beta-";

/* Error reports go through this. */
static void
quiet(void *opaque, virErrorPtr err)
{
}

static guint
openDescriptors(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void
assertRefused(int rc, int code, const char *text)
{
    g_assert_cmpint(rc, ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, code);
    if (!strstr(virGetLastErrorMessage(), text))
        g_error("'%s' does not say '%s'", virGetLastErrorMessage(), text);
    virResetLastError();
}

static int
fileNew(const char *content)
{
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("fdgroupsXXXXXX", &name, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_unlink(name);
    g_assert_cmpint(write(fd, content, strlen(content)), ==, strlen(content));
    return fd;
}

static void
assertSameFile(int a, int b)
{
    struct stat sa = { 0 };
    struct stat sb = { 0 };

    g_assert_cmpint(fstat(a, &sa), ==, 0);
    g_assert_cmpint(fstat(b, &sb), ==, 0);
    g_assert_cmpuint(sa.st_ino, ==, sb.st_ino);
    g_assert_cmpuint(sa.st_dev, ==, sb.st_dev);
}

/* The group is @wanted, in this order; its copies are closed at exec. */
static void
assertGroup(qemuFDGroups *groups, const unsigned char *uuid, const char *name, const int *wanted, size_t nwanted)
{
    g_autofree int *fds = NULL;
    size_t n = 0;

    g_assert_cmpint(qemuFDGroupsDup(groups, uuid, name, &fds, &n), ==, 0);
    g_assert_cmpuint(n, ==, nwanted);
    for (size_t i = 0; i < n; i++) {
        assertSameFile(fds[i], wanted[i]);
        g_assert_cmpint(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
        close(fds[i]);
    }
}

static void
testByDomainAndName(void)
{
    guint before = openDescriptors();
    g_autoptr(qemuFDGroups) groups = qemuFDGroupsNew();
    int fds[3] = { fileNew("0"), fileNew("1"), fileNew("2") };
    const int swapped[2] = { fds[1], fds[0] };
    int *untouched = NULL;
    size_t n = 77;

    g_assert_cmpint(qemuFDGroupsAssociate(groups, alpha, "g", fds, 2), ==, 0);
    g_assert_cmpint(qemuFDGroupsAssociate(groups, alpha, "", fds + 2, 1), ==, 0);
    g_assert_cmpint(qemuFDGroupsAssociate(groups, beta, "g", fds + 1, 1), ==, 0);
    assertGroup(groups, alpha, "g", fds, 2);
    assertGroup(groups, alpha, "g", fds, 2);
    assertGroup(groups, alpha, "", fds + 2, 1);
    assertGroup(groups, beta, "g", fds + 1, 1);
    assertRefused(qemuFDGroupsDup(groups, beta, "other", &untouched, &n), VIR_ERR_INVALID_ARG,
                  "file descriptor group 'other' was not associated with the domain");
    g_assert_null(untouched);
    g_assert_cmpuint(n, ==, 77);
    g_assert_cmpuint(openDescriptors(), ==, before + 3 + 4);

    g_assert_cmpint(qemuFDGroupsAssociate(groups, alpha, "g", swapped, 2), ==, 0);
    assertGroup(groups, alpha, "g", swapped, 2);
    assertGroup(groups, beta, "g", fds + 1, 1);
    g_assert_cmpuint(openDescriptors(), ==, before + 3 + 4);

    g_clear_pointer(&groups, qemuFDGroupsFree);
    g_assert_cmpuint(openDescriptors(), ==, before + 3);
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
}

static void
testBadDescriptor(void)
{
    guint before = openDescriptors();
    g_autoptr(qemuFDGroups) groups = qemuFDGroupsNew();
    int good = fileNew("x");
    const int mixed[3] = { good, good, 4096 };

    g_assert_cmpint(qemuFDGroupsAssociate(groups, alpha, "g", &good, 1), ==, 0);
    assertRefused(qemuFDGroupsAssociate(groups, alpha, "g", mixed, 3), VIR_ERR_SYSTEM_ERROR,
                  "cannot copy descriptor 2 of the file descriptor group 'g'");
    g_assert_cmpuint(openDescriptors(), ==, before + 2);
    assertGroup(groups, alpha, "g", &good, 1);
    close(good);
}

static void
testBounds(void)
{
    guint before = openDescriptors();
    g_autoptr(qemuFDGroups) groups = qemuFDGroupsNew();
    g_autofree char *longest = g_strnfill(QEMU_FD_GROUPS_NAME_MAX, 'n');
    g_autofree char *tooLong = g_strconcat(longest, "n", NULL);
    g_autofree int *many = g_new(int, QEMU_FD_GROUPS_DESCRIPTORS_MAX);
    int fd = fileNew("x");

    for (int i = 0; i < QEMU_FD_GROUPS_DESCRIPTORS_MAX; i++)
        many[i] = fd;
    assertRefused(qemuFDGroupsAssociate(groups, alpha, tooLong, &fd, 1), VIR_ERR_INVALID_ARG, "1025 bytes");
    g_assert_cmpint(qemuFDGroupsAssociate(groups, alpha, longest, &fd, 1), ==, 0);
    for (int i = 1; i < QEMU_FD_GROUPS_DOMAIN_MAX; i++) {
        g_autofree char *name = g_strdup_printf("%d", i);

        g_assert_cmpint(qemuFDGroupsAssociate(groups, alpha, name, &fd, 1), ==, 0);
    }
    assertRefused(qemuFDGroupsAssociate(groups, alpha, "more", &fd, 1), VIR_ERR_OPERATION_INVALID, "64 groups");
    g_assert_cmpint(qemuFDGroupsAssociate(groups, alpha, "1", &fd, 1), ==, 0);

    assertRefused(qemuFDGroupsAssociate(groups, beta, "all", many, 1024 - 63), VIR_ERR_OPERATION_INVALID,
                  "has associated 64, at most 1024");
    g_assert_cmpint(qemuFDGroupsAssociate(groups, beta, "all", many, 1024 - 64), ==, 0);
    g_assert_cmpuint(openDescriptors(), ==, before + 1 + 1024);
    /* The group that goes makes room for the one that comes. */
    g_assert_cmpint(qemuFDGroupsAssociate(groups, beta, "all", many, 1024 - 64), ==, 0);
    g_assert_cmpuint(openDescriptors(), ==, before + 1 + 1024);
    close(fd);
}

static bool
onlyBeta(const unsigned char *uuid)
{
    return memcmp(uuid, beta, VIR_UUID_BUFLEN) == 0;
}

static void
testSweep(void)
{
    guint before = openDescriptors();
    g_autoptr(qemuFDGroups) groups = qemuFDGroupsNew();
    int fd = fileNew("x");
    int *fds = NULL;
    size_t n = 0;

    g_assert_cmpint(qemuFDGroupsAssociate(groups, alpha, "a", &fd, 1), ==, 0);
    g_assert_cmpint(qemuFDGroupsAssociate(groups, alpha, "b", &fd, 1), ==, 0);
    g_assert_cmpint(qemuFDGroupsAssociate(groups, beta, "a", &fd, 1), ==, 0);
    qemuFDGroupsSweep(groups, onlyBeta);
    g_assert_cmpuint(openDescriptors(), ==, before + 2);
    assertRefused(qemuFDGroupsDup(groups, alpha, "a", &fds, &n), VIR_ERR_INVALID_ARG, "'a' was not associated");
    assertGroup(groups, beta, "a", &fd, 1);
    close(fd);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    virSetErrorFunc(NULL, quiet);
    g_test_add_func("/fd-groups/by-domain-and-name", testByDomainAndName);
    g_test_add_func("/fd-groups/bad-descriptor", testBadDescriptor);
    g_test_add_func("/fd-groups/bounds", testBounds);
    g_test_add_func("/fd-groups/sweep", testSweep);
    return g_test_run();
}
