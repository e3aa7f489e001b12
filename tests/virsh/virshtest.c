/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shell without a daemon: lines, words, options, completion, tables, texts. */
#include "fakeapi.h"
#include "virsh-shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is printed between captureBegin and captureEnd, stdout and stderr in one. */
typedef struct _capture {
    FILE *file;
    int out, err;
} capture;

static capture
captureBegin(void)
{
    capture c = {.file = tmpfile()};

    fflush(stdout);
    fflush(stderr);
    c.out = dup(STDOUT_FILENO);
    c.err = dup(STDERR_FILENO);
    dup2(fileno(c.file), STDOUT_FILENO);
    dup2(fileno(c.file), STDERR_FILENO);
    return c;
}

static char *
captureEnd(capture c)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int ch = 0;

    fflush(stdout);
    fflush(stderr);
    dup2(c.out, STDOUT_FILENO);
    dup2(c.err, STDERR_FILENO);
    close(c.out);
    close(c.err);
    rewind(c.file);
    while ((ch = fgetc(c.file)) != EOF)
        g_string_append_c(text, ch);
    fclose(c.file);
    return g_string_free(g_steal_pointer(&text), false);
}

/* ---- lines ---- */

static const struct {
    const char *line;
    const char *words; /* commands joined with " ; ", words in <>; NULL: refused */
    const char *error;
} lines[] = {
    {"", "", NULL},
    {"  ;; ; ", "", NULL},
    {"a b", "<a><b>", NULL},
    {"a b;c", "<a><b> ; <c>", NULL},
    {"a;b ; c\nd", "<a> ; <b> ; <c> ; <d>", NULL},
    {"a 'b;c'", "<a><b;c>", NULL},
    {"a \"b c\"d'e'", "<a><b cde>", NULL},
    {"a ''", "<a><>", NULL},
    {"a \"\\\"\\\\\"", "<a><\"\\>", NULL},
    {"a 'b\\c'", "<a><b\\c>", NULL},
    {"a b\\ c", "<a><b c>", NULL},
    {"a b\\\nc", "<a><bc>", NULL},
    {"a # b; c", "<a>", NULL},
    {"# a\nb", "<b>", NULL},
    {"a#b", "<a#b>", NULL},
    {"a\tb\r", "<a><b>", NULL},
    {"a 'b", "<a><b>", NULL}, /* stock takes a missing ' for the end of the line */
    {"a \"b", NULL, "error: missing \"\n"},
    {"a b\\", NULL, "error: dangling \\\n"},
};

static char *
joinCommands(const GPtrArray *commands)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < commands->len; i++) {
        char **words = g_ptr_array_index(commands, i);

        g_string_append(text, i ? " ; " : "");
        for (gsize k = 0; words[k]; k++)
            g_string_append_printf(text, "<%s>", words[k]);
    }
    return g_string_free(g_steal_pointer(&text), false);
}

static void
testLines(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        virshShell sh = {0};
        capture c = captureBegin();
        g_autoptr(GPtrArray) commands = virshSplitLine(&sh, lines[i].line);
        g_autofree char *printed = captureEnd(c);
        g_autofree char *words = commands ? joinCommands(commands) : NULL;

        g_test_message("line '%s'", lines[i].line);
        g_assert_cmpstr(words, ==, lines[i].words);
        g_assert_cmpstr(printed, ==, lines[i].error ? lines[i].error : "");
    }
}

/* ---- options ---- */

static const struct {
    const char *line;
    const char *error; /* NULL: good */
} invocations[] = {
    {"dominfo x", NULL},
    {"dominfo --domain x", NULL},
    {"dominfo --domain=x", NULL},
    {"dominfo --domain=", NULL},
    {"dominfo -- --x", NULL},
    {"dominfo -x", NULL},
    {"list --all --title", NULL},
    {"domblkinfo vm vda --human", NULL},
    {"domblkinfo --device vda vm", NULL},
    {"qemu-monitor-command vm a b c", NULL},
    {"checkpoint-create-as vm n d --diskspec vda --diskspec vdb", NULL},
    {"nosuch", "unknown command: 'nosuch'"},
    {"dominfo", "command 'dominfo' requires <domain> option"},
    {"dominfo --domain", "expected syntax: --domain <string>"},
    {"event --timeout", "expected syntax: --timeout <number>"},
    {"dominfo x y", "unexpected data 'y'"},
    {"dominfo --domain x y", "unexpected data 'y'"},
    {"dominfo --domain x --domain y", "option --domain already seen"},
    {"list --all --all", "option --all already seen"},
    {"list --all=1", "invalid '=' after option --all"},
    {"list --nosuch", "command 'list' doesn't support option --nosuch"},
    {"qemu-monitor-command vm", "command 'qemu-monitor-command' requires <cmd> option"},
};

static virshInvocation *
parseLine(virshShell *sh, const char *line)
{
    g_autoptr(GPtrArray) commands = virshSplitLine(sh, line);

    g_assert_nonnull(commands);
    g_assert_cmpuint(commands->len, ==, 1);
    return virshParseWords(sh, g_ptr_array_index(commands, 0));
}

static void
testOptions(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(invocations); i++) {
        virshShell sh = {0};
        capture c = captureBegin();
        g_autoptr(virshInvocation) inv = parseLine(&sh, invocations[i].line);
        g_autofree char *printed = captureEnd(c);
        g_autofree char *wanted = invocations[i].error
                                      ? g_strdup_printf("error: %s\n", invocations[i].error)
                                      : g_strdup("");

        g_test_message("command '%s'", invocations[i].line);
        g_assert_cmpstr(printed, ==, wanted);
        g_assert_cmpint(inv != NULL, ==, invocations[i].error == NULL);
    }
}

static void
testValues(void)
{
    virshShell sh = {0};
    g_autoptr(virshInvocation) inv =
        parseLine(&sh, "checkpoint-create-as vm --print-xml n --diskspec a b");
    g_autoptr(virshInvocation) number = parseLine(&sh, "event --all --timeout 12");
    const char *const *specs = virshArgList(inv->args, "diskspec");
    int seconds = -1;

    g_assert_cmpstr(virshArgString(inv->args, "domain"), ==, "vm");
    g_assert_cmpstr(virshArgString(inv->args, "name"), ==, "n");
    g_assert_cmpstr(virshArgString(inv->args, "description"), ==, "b");
    g_assert_cmpstr(specs[0], ==, "a");
    g_assert_null(specs[1]);
    g_assert_true(virshArgBool(inv->args, "print-xml"));
    g_assert_false(virshArgBool(inv->args, "quiesce"));
    g_assert_cmpint(virshArgInt(&sh, number->args, "timeout", &seconds), ==, 1);
    g_assert_cmpint(seconds, ==, 12);
    g_assert_cmpint(virshArgInt(&sh, inv->args, "timeout", &seconds), ==, 0);
    g_assert_cmpint(seconds, ==, 12);
}

static void
testBadNumbers(void)
{
    static const char *const bad[] = {"x", "1x", "''", "99999999999", "1.5"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        virshShell sh = {0};
        g_autofree char *line = g_strdup_printf("event --all --timeout %s", bad[i]);
        g_autoptr(virshInvocation) inv = parseLine(&sh, line);
        int value = 77;
        capture c = captureBegin();
        int rc = virshArgInt(&sh, inv->args, "timeout", &value);
        g_autofree char *printed = captureEnd(c);

        g_assert_cmpint(rc, ==, -1);
        g_assert_nonnull(strstr(printed, "for <timeout> option is malformed or out of range\n"));
    }
}

/* ---- completion ---- */

static const struct {
    const char *line;
    const char *candidates;
} completions[] = {
    {"backup-", "backup-begin backup-dumpxml"},
    {"echo a; backup-b", "backup-begin"},
    {"compl", ""},
    {"nosuch x", ""},
    {"list --state-", "--state-running --state-paused --state-shutoff --state-other"},
    {"list --all --al", ""},
    {"dominfo ", "--domain alpha beta"},
    {"dominfo b", "beta"},
    {"dominfo --domain ", "alpha beta"},
    {"dominfo beta ", ""},
    {"dominfo 'be", ""},
    {"start ", "--domain --console --paused --autodestroy --bypass-cache --force-boot --pass-fds "
               "--reset-nvram "
               "alpha"},
    {"destroy ", "--domain --graceful --remove-logs beta"},
    {"checkpoint-info beta c", "chk1 chk2"},
    {"checkpoint-info --checkpointname c", ""},
    {"checkpoint-info --domain beta --checkpointname o", "other"},
    {"checkpoint-create-as beta --d", "--description --diskspec"},
    {"domblkinfo beta v", "vda"},
    {"domblkinfo --device s", ""},
    {"domblkinfo --domain beta --device s", "sda"},
    {"event --event reb", "reboot"},
    {"help backup-d", "backup-dumpxml"},
};

static void
testCompletion(void)
{
    virshShell sh = {.keepaliveInterval = -1, .keepaliveCount = -1};

    for (gsize i = 0; i < G_N_ELEMENTS(completions); i++) {
        const char *line = completions[i].line;
        capture c = captureBegin();
        g_auto(GStrv) found = virshComplete(&sh, line, strlen(line));
        g_autofree char *printed = captureEnd(c);
        g_autofree char *joined = found ? g_strjoinv(" ", found) : g_strdup("");

        g_test_message("complete '%s'", line);
        g_assert_cmpstr(joined, ==, completions[i].candidates);
        g_assert_cmpstr(printed, ==, "");
    }
    g_assert_cmpint(fakeConnections(), ==, 1);
    virshDisconnect(&sh);
}

static void
testCompletionWithoutDaemon(void)
{
    virshShell sh = {.keepaliveInterval = -1, .keepaliveCount = -1};
    capture c = captureBegin();
    g_auto(GStrv) found = NULL;
    g_autofree char *printed = NULL;

    fakeRefuseConnections(1);
    found = virshComplete(&sh, "dominfo ", 8);
    printed = captureEnd(c);
    fakeRefuseConnections(0);
    g_assert_cmpuint(g_strv_length(found), ==, 1);
    g_assert_cmpstr(found[0], ==, "--domain");
    g_assert_cmpstr(printed, ==, "");
    virshDisconnect(&sh);
}

/* ---- output ---- */

static char *
printTable(virshShell *sh)
{
    const char *titles[] = {"Name", "Size", NULL};
    const char *one[] = {"ä-long-name", "1", NULL};
    const char *two[] = {"b", NULL, NULL};
    virshTable *table = virshTableNew(titles);
    capture c = captureBegin();

    virshTableAddRow(table, one);
    virshTableAddRow(table, two);
    virshTablePrint(sh, table);
    return captureEnd(c);
}

static void
testTable(void)
{
    virshShell loud = {0};
    virshShell quiet = {.quiet = true};
    g_autofree char *all = printTable(&loud);
    g_autofree char *rows = printTable(&quiet);

    g_assert_cmpstr(all, ==,
                    " Name          Size\n"
                    "---------------------\n"
                    " ä-long-name   1\n"
                    " b             \n");
    g_assert_cmpstr(rows, ==, " ä-long-name   1\n b             \n");
}

static void
testSizes(void)
{
    const char *unit = NULL;

    g_assert_cmpfloat(virshScaleSize(0, &unit), ==, 0);
    g_assert_cmpstr(unit, ==, "B");
    g_assert_cmpfloat(virshScaleSize(1023, &unit), ==, 1023);
    g_assert_cmpstr(unit, ==, "B");
    g_assert_cmpfloat(virshScaleSize(1536, &unit), ==, 1.5);
    g_assert_cmpstr(unit, ==, "KiB");
    g_assert_cmpfloat(virshScaleSize(G_MAXUINT64, &unit), >, 15);
    g_assert_cmpstr(unit, ==, "EiB");
}

static void
testJSON(void)
{
    virshShell sh = {0};
    g_autofree char *flat =
        virshFormatJSON(&sh, "{ \"return\" : { \"a\" : [1, true] } }", false, true);
    g_autofree char *pretty = virshFormatJSON(&sh, "{\"a\":{\"b\":1}}", true, false);
    g_autofree char *name = virshQMPFromName("a\"b");
    capture c = captureBegin();
    g_autofree char *bad = virshFormatJSON(&sh, "{\"a\":1}", false, true);
    g_autofree char *printed = captureEnd(c);

    g_assert_cmpstr(flat, ==, "{\"a\":[1,true]}");
    g_assert_cmpstr(pretty, ==, "{\n  \"a\": {\n    \"b\": 1\n  }\n}");
    g_assert_cmpstr(name, ==, "{\"execute\":\"a\\\"b\"}");
    g_assert_null(bad);
    g_assert_cmpstr(printed, ==, "error: 'return' member missing\n");
    g_assert_true(virshIsJSONObject("{}"));
    g_assert_false(virshIsJSONObject("{bad"));
    g_assert_false(virshIsJSONObject("[]"));
}

static void
testSplitCommas(void)
{
    g_auto(GStrv) parts = virshSplitCommas("vda,bitmap=a,,b,");

    g_assert_cmpuint(g_strv_length(parts), ==, 3);
    g_assert_cmpstr(parts[0], ==, "vda");
    g_assert_cmpstr(parts[1], ==, "bitmap=a,b");
    g_assert_cmpstr(parts[2], ==, "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    virInitialize();
    virSetErrorFunc(NULL, virshIgnoreError);
    g_test_add_func("/virsh/lines", testLines);
    g_test_add_func("/virsh/options", testOptions);
    g_test_add_func("/virsh/values", testValues);
    g_test_add_func("/virsh/bad-numbers", testBadNumbers);
    g_test_add_func("/virsh/completion", testCompletion);
    g_test_add_func("/virsh/completion-without-daemon", testCompletionWithoutDaemon);
    g_test_add_func("/virsh/table", testTable);
    g_test_add_func("/virsh/sizes", testSizes);
    g_test_add_func("/virsh/json", testJSON);
    g_test_add_func("/virsh/split-commas", testSplitCommas);
    return g_test_run();
}
