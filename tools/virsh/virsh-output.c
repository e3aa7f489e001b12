/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All that virsh prints: results on stdout, errors on stderr, tables.
 */
#include "virsh.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
virshPrint(virshShell *sh G_GNUC_UNUSED, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stdout, fmt, ap);
    va_end(ap);
    fflush(stdout);
}

void
virshPrintExtra(virshShell *sh, const char *fmt, ...)
{
    va_list ap;

    if (sh->quiet)
        return;
    va_start(ap, fmt);
    vfprintf(stdout, fmt, ap);
    va_end(ap);
    fflush(stdout);
}

static void
logLine(virshShell *sh, const char *text)
{
    FILE *file = sh->logFile ? fopen(sh->logFile, "ae") : NULL;

    if (!file)
        return;
    fprintf(file, "ERROR %s\n", text);
    fclose(file);
}

void
virshError(virshShell *sh, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    if (sh->silent)
        return;
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
    fprintf(stderr, "error: %s\n", text);
    fflush(stderr);
    logLine(sh, text);
}

void
virshIgnoreError(void *opaque G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED)
{
}

static virErrorPtr held;

void
virshHoldError(void)
{
    if (!held && virGetLastErrorCode() != VIR_ERR_OK)
        held = virSaveLastError();
}

void
virshForgetErrors(void)
{
    g_clear_pointer(&held, virFreeError);
    virResetLastError();
}

void
virshReportLibraryError(virshShell *sh)
{
    virshHoldError();
    if (held && held->message)
        virshError(sh, "%s", held->message);
    virshForgetErrors();
}

double
virshScaleSize(unsigned long long bytes, const char **unit)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = bytes;
    size_t i = 0;

    while (value >= 1024 && i + 1 < G_N_ELEMENTS(units)) {
        value /= 1024;
        i++;
    }
    *unit = units[i];
    return value;
}

struct _virshTable {
    gsize columns;
    GPtrArray *rows; /* of GStrv; the first is the header */
};

virshTable *
virshTableNew(const char *const *titles)
{
    virshTable *table = g_new0(virshTable, 1);

    table->columns = g_strv_length((char **)titles);
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    virshTableAddRow(table, titles);
    return table;
}

void
virshTableAddRow(virshTable *table, const char *const *cells)
{
    char **row = g_new0(char *, table->columns + 1);

    for (gsize i = 0; i < table->columns; i++)
        row[i] = g_strdup(cells[i] ? cells[i] : "");
    g_ptr_array_add(table->rows, row);
}

static gsize
widthOf(const char *text)
{
    return g_utf8_validate(text, -1, NULL) ? (gsize)g_utf8_strlen(text, -1) : strlen(text);
}

static gsize *
columnWidths(const virshTable *table, bool header)
{
    gsize *widths = g_new0(gsize, table->columns);

    for (guint r = header ? 0 : 1; r < table->rows->len; r++) {
        char **row = g_ptr_array_index(table->rows, r);

        for (gsize c = 0; c < table->columns; c++)
            widths[c] = MAX(widths[c], widthOf(row[c]));
    }
    return widths;
}

static void
printRow(virshShell *sh, const virshTable *table, char **row, const gsize *widths)
{
    for (gsize c = 0; c < table->columns; c++) {
        bool last = c + 1 == table->columns;

        virshPrint(sh, "%s%s%*s", c == 0 ? " " : "   ", row[c],
                   last ? 0 : (int)(widths[c] - widthOf(row[c])), "");
    }
    virshPrint(sh, "\n");
}

void
virshTablePrint(virshShell *sh, virshTable *table)
{
    g_autofree gsize *widths = columnWidths(table, !sh->quiet);
    gsize total = 0;

    for (gsize c = 0; c < table->columns; c++)
        total += widths[c] + 3;
    for (guint r = 0; r < table->rows->len; r++) {
        if (r == 0 && sh->quiet)
            continue;
        printRow(sh, table, g_ptr_array_index(table->rows, r), widths);
        if (r == 0) {
            g_autofree char *rule = g_strnfill(total, '-');

            virshPrint(sh, "%s\n", rule);
        }
    }
    g_ptr_array_unref(table->rows);
    g_free(table);
}
