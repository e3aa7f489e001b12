/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Help: the program's, a group's, a command's, all from the command tables.
 */
#include "virsh-shell.h"

#include <stdio.h>

#include "config.h"

void
virshHelpUsage(const char *program)
{
    printf("\n%s [options]... [<command_string>]"
           "\n%s [options]... <command> [args...]\n\n"
           "  options:\n"
           "    -c | --connect=URI      hypervisor connection URI\n"
           "    -d | --debug=NUM        debug level [0-4]\n"
           "    -h | --help             this help\n"
           "    -k | --keepalive-interval=NUM\n"
           "                            keepalive interval in seconds, 0 for disable\n"
           "    -K | --keepalive-count=NUM\n"
           "                            number of possible missed keepalive messages\n"
           "    -l | --log=FILE         output logging to file\n"
           "    -q | --quiet            quiet mode\n"
           "    -r | --readonly         connect readonly\n"
           "    -t | --timing           print timing information\n"
           "    -v                      short version\n"
           "    -V                      long version\n"
           "         --version[=TYPE]   version, TYPE is short or long (default short)\n"
           "  commands (non interactive mode):\n\n",
           program, program);
    for (const virshGroup *g = virshGroups; g->title; g++) {
        printf(" %s (help keyword '%s')\n", g->title, g->keyword);
        for (const virshCommand *c = g->commands; c->name; c++) {
            if (!c->hidden)
                printf("    %-30s %s\n", c->name, c->help);
        }
        printf("\n");
    }
    printf("\n  (specify help <group> for details about the commands in the group)\n"
           "\n  (specify help <command> for details about the command)\n\n");
}

void
virshHelpVersion(virshShell *sh, bool longForm)
{
    if (!longForm) {
        virshPrint(sh, "%s\n", LIBVIRT_COMPAT_VERSION);
        return;
    }
    virshPrint(sh,
               "Virsh command line tool of Fleece %s, speaking the protocol of libvirt %s\n\n"
               "Compiled with support for:\n Hypervisors: QEMU/KVM\n"
               " Miscellaneous: Remote Daemon Checkpoint Backup Readline\n",
               FLEECE_VERSION, LIBVIRT_COMPAT_VERSION);
}

void
virshHelpGroup(virshShell *sh, const virshGroup *group)
{
    virshPrint(sh, " %s (help keyword '%s'):\n", group->title, group->keyword);
    for (const virshCommand *c = group->commands; c->name; c++) {
        if (!c->hidden)
            virshPrint(sh, "    %-30s %s\n", c->name, c->help);
    }
    virshPrint(sh, "\n");
}

void
virshHelpAll(virshShell *sh)
{
    virshPrint(sh, "Grouped commands:\n\n");
    for (const virshGroup *g = virshGroups; g->title; g++)
        virshHelpGroup(sh, g);
}

/* "[--name <string>]", "<domain>", "{[--cmd] <string>}...": how an option stands in a synopsis. */
static char *
synopsisOf(const virshOption *o)
{
    switch (o->type) {
    case VIRSH_OPT_BOOL:
        return g_strdup_printf(o->required ? "--%s" : "[--%s]", o->name);
    case VIRSH_OPT_INT:
        return g_strdup_printf(o->required ? "<%s>" : "[--%s <number>]", o->name);
    case VIRSH_OPT_STRING:
        return g_strdup_printf(o->required ? "--%s <string>" : "[--%s <string>]", o->name);
    case VIRSH_OPT_DATA:
        return g_strdup_printf(o->required ? "<%s>" : "[<%s>]", o->name);
    case VIRSH_OPT_ARGV:
        if (o->nameless)
            return g_strdup_printf(o->required ? "<%s>..." : "[<%s>]...", o->name);
        return g_strdup_printf(o->required ? "{[--%s] <string>}..." : "[[--%s] <string>]...",
                               o->name);
    }
    g_assert_not_reached();
}

static char *
headOf(const virshOption *o)
{
    switch (o->type) {
    case VIRSH_OPT_BOOL:
        return g_strdup_printf("--%s", o->name);
    case VIRSH_OPT_INT:
        return g_strdup_printf(o->required ? "[--%s] <number>" : "--%s <number>", o->name);
    case VIRSH_OPT_STRING:
        return g_strdup_printf("--%s <string>", o->name);
    case VIRSH_OPT_DATA:
    case VIRSH_OPT_ARGV:
        return g_strdup_printf(o->nameless ? "<%s>" : "[--%s] <string>", o->name);
    }
    g_assert_not_reached();
}

static bool
shown(const virshOption *o)
{
    return !o->alias;
}

void
virshHelpCommand(virshShell *sh, const virshCommand *command)
{
    virshPrint(sh, "  NAME\n    %s - %s\n\n  SYNOPSIS\n    %s", command->name, command->help,
               command->name);
    for (const virshOption *o = command->options; o && o->name; o++) {
        g_autofree char *text = synopsisOf(o);

        if (shown(o))
            virshPrint(sh, " %s", text);
    }
    virshPrint(sh, "\n");
    if (command->description[0])
        virshPrint(sh, "\n  DESCRIPTION\n    %s\n", command->description);
    if (command->options && command->options->name)
        virshPrint(sh, "\n  OPTIONS\n");
    for (const virshOption *o = command->options; o && o->name; o++) {
        g_autofree char *head = headOf(o);

        if (shown(o))
            virshPrint(sh, "    %-15s  %s\n", head, o->help);
    }
    virshPrint(sh, "\n");
}
