/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request that gives an option is right; else qemu.conf, if it has the key; else the fallback here.
 * What qemu.conf has given is shown by backup-dumpxml, and kept in the journal, as if the request had
 * given it: a backup that runs is not changed by a new qemu.conf.
 */
#include "backup_options.h"

#include <string.h>
#include "virxml.h"

#define PUSH (1 << VIR_BACKUP_MODE_PUSH)
#define PULL (1 << VIR_BACKUP_MODE_PULL)

typedef struct {
    const char *name;              /* attribute of <f:options> */
    const char *key;               /* in qemu.conf; a flag is 0 or 1 there */
    unsigned int modes;
    bool flag;
    const char *words;             /* by value; NULL = a number */
    unsigned long long min, max;   /* of a number */
    unsigned long long fallback;
} optionRow;

static const optionRow rows[VIR_BACKUP_OPTION_LAST] = {
    [VIR_BACKUP_OPTION_QUIESCE] = {"quiesce", "backup_quiesce", PUSH | PULL, .flag = true,
                                   .words = "no yes"},
    [VIR_BACKUP_OPTION_ONMISSING] = {"onmissing", "backup_onmissing", PUSH | PULL,
                                     .words = "error full"},
    [VIR_BACKUP_OPTION_SCOPE] = {"scope", "backup_scope", PULL, .words = "disk changed"},
    [VIR_BACKUP_OPTION_CBW_TIMEOUT] = {"cbw-timeout", "cbw_timeout", PUSH | PULL, .min = 1, .max = 3600,
                                       .fallback = 45},
    [VIR_BACKUP_OPTION_SCRATCH_LIMIT] = {"scratch-limit", "backup_scratch_limit", PUSH | PULL, .max = G_MAXINT64},
    [VIR_BACKUP_OPTION_BANDWIDTH] = {"bandwidth", "backup_bandwidth", PUSH, .max = G_MAXINT64},
    [VIR_BACKUP_OPTION_WORKERS] = {"workers", "backup_workers", PUSH, .min = 1, .max = 64,
                                   .fallback = 64},
    [VIR_BACKUP_OPTION_COMPRESS] = {"compress", "backup_compress", PUSH, .flag = true,
                                    .words = "no yes"},
    [VIR_BACKUP_OPTION_FLEECE] = {"fleece", "backup_fleece", PUSH, .flag = true, .words = "no yes"},
    [VIR_BACKUP_OPTION_EXPORT_HELPER] = {"export-helper", "backup_export_helper", PULL, .flag = true,
                                         .words = "no yes"},
};

virXMLAttrRule virBackupOptionAttrs[VIR_BACKUP_MODE_LAST][VIR_BACKUP_OPTION_LAST + 1];

static virXMLAttrRule
attrRule(const optionRow *row, virBackupMode mode)
{
    if (!(row->modes & (1 << mode)))
        return (virXMLAttrRule){row->name, VIR_XML_RULE_FORBIDDEN,
                                .note = mode == VIR_BACKUP_MODE_PUSH ? "it is for mode='pull'"
                                                                     : "it is for mode='push'"};
    return (virXMLAttrRule){row->name, .words = row->words, .min = row->min, .max = row->max};
}

void
virBackupOptionAttrsFill(void)
{
    static gsize filled;

    if (!g_once_init_enter(&filled))
        return;
    for (virBackupMode mode = 0; mode < VIR_BACKUP_MODE_LAST; mode++) {
        for (virBackupOption i = 0; i < VIR_BACKUP_OPTION_LAST; i++)
            virBackupOptionAttrs[mode][i] = attrRule(&rows[i], mode);
    }
    g_once_init_leave(&filled, 1);
}

void
virBackupOptionsInit(virBackupOptions *options)
{
    *options = (virBackupOptions){0};
    for (virBackupOption i = 0; i < VIR_BACKUP_OPTION_LAST; i++)
        options->of[i].value = rows[i].fallback;
}

int
virBackupOptionsParse(xmlNodePtr node, virBackupOptions *options)
{
    for (virBackupOption i = 0; node && i < VIR_BACKUP_OPTION_LAST; i++) {
        g_auto(GStrv) words = g_strsplit(rows[i].words ? rows[i].words : "", " ", -1);
        g_autofree char *word = virXMLProp(node, rows[i].name);

        if (!word)
            continue;
        options->of[i].given = true;
        if (!rows[i].words && virXMLPropULL(node, rows[i].name, &options->of[i].value) < 0)
            return -1;
        for (size_t w = 0; words[w]; w++) {
            if (strcmp(words[w], word) == 0)
                options->of[i].value = w;
        }
    }
    return 0;
}

void
virBackupOptionsFormat(virBuffer *buf, const virBackupOptions *options)
{
    bool open = false;

    for (virBackupOption i = 0; i < VIR_BACKUP_OPTION_LAST; i++) {
        g_auto(GStrv) words = g_strsplit(rows[i].words ? rows[i].words : "", " ", -1);

        if (!options->of[i].given)
            continue;
        if (!open)
            virBufferAsprintf(buf, "<f:options xmlns:f='%s'", VIR_XML_NS_FLEECE);
        open = true;
        if (rows[i].words)
            virBufferAsprintf(buf, " %s='%s'", rows[i].name, words[options->of[i].value]);
        else
            virBufferAsprintf(buf, " %s='%llu'", rows[i].name, options->of[i].value);
    }
    if (open)
        virBufferAdd(buf, "/>\n");
}

int
virBackupOptionsLoad(virBackupOptions *options, const virConf *conf)
{
    for (virBackupOption i = 0; i < VIR_BACKUP_OPTION_LAST; i++) {
        unsigned long long *value = &options->of[i].value;
        int found = rows[i].words && !rows[i].flag
                        ? virConfGetWord(conf, rows[i].key, rows[i].words, value)
                        : virConfGetRange(conf, rows[i].key, rows[i].min,
                                          rows[i].flag ? 1 : rows[i].max, value);

        if (found < 0)
            return -1;
        options->of[i].given = found > 0;
    }
    return 0;
}

const char *
virBackupOptionKey(virBackupOption option)
{
    return rows[option].key;
}

void
virBackupOptionsSettle(virBackupOptions *options, virBackupMode mode, const virBackupOptions *defaults)
{
    for (virBackupOption i = 0; i < VIR_BACKUP_OPTION_LAST; i++) {
        if (!options->of[i].given && (rows[i].modes & (1 << mode)))
            options->of[i] = defaults->of[i];
    }
}
