/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virsh: a shell over the public API. A command is a row in a group's table: name, options, help, and
 * a handler that parses, makes one library call and prints. This header is what a command group
 * needs; the shell around it is in virsh.c and virsh-*.c.
 */
#pragma once
#define VIR_ENUM_SENTINELS   /* the _LAST values, for tables by enum */
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdbool.h>

typedef enum {
    VIRSH_OPT_BOOL,     /* --name */
    VIRSH_OPT_INT,      /* --name <number> */
    VIRSH_OPT_STRING,   /* --name <string> */
    VIRSH_OPT_DATA,     /* <name>, also by position */
    VIRSH_OPT_ARGV,     /* the rest, repeatable */
} virshOptType;

typedef struct _virshShell virshShell;

typedef struct _virshOption {
    const char *name;          /* NULL ends the table */
    virshOptType type;
    bool required;
    const char *help;
    /** Completions for a partly typed value; (owned, g_strfreev), NULL = none. */
    char **(*complete)(virshShell *sh, const char *domain);
    bool nameless;             /* ARGV whose synopsis shows only <name>, not --name */
    bool namedOnly;            /* STRING that is never given by position */
    const char *alias;         /* another spelling of an option whose name is this; help is not shown */
    const char *lacking;       /* stock virsh has it, we cannot do it: why not; giving it is refused */
} virshOption;

/* An option of stock virsh that needs what we do not have. */
#define VIRSH_OPT_LACKING(optname, opttype, helptext, why) \
    { .name = optname, .type = opttype, .help = helptext, .lacking = why }

typedef struct _virshCommandArgs virshCommandArgs;   /* parsed options of one invocation */

typedef struct _virshCommand {
    const char *name;          /* NULL ends the table */
    bool (*run)(virshShell *sh, const virshCommandArgs *args);   /* false: the command failed */
    const virshOption *options;
    const char *help;          /* one line */
    const char *description;   /* "" = none */
    bool offline;              /* needs no connection */
    bool hidden;               /* for programs: not in lists of commands */
} virshCommand;

typedef struct _virshGroup {
    const char *title;         /* "Domain Management"; NULL ends the table */
    const char *keyword;       /* "domain" */
    const virshCommand *commands;
} virshGroup;

struct _virshShell {
    virConnectPtr conn;        /* NULL until first needed */
    char *uri;                 /* -c, or NULL */
    bool readonly, quiet, timing, interactive;
    bool silent;               /* virshError prints nothing */
    bool quit;
    int keepaliveInterval, keepaliveCount;   /* -1 = not given */
    int debug;
    char *logFile;
    gint eventLoop;            /* atomic: eventThread goes on */
    GThread *eventThread;      /* runs the default event loop */
    bool disconnected;         /* the daemon closed the connection */
};

extern const virshGroup virshGroups[];
extern const virshCommand virshDomainCommands[];
extern const virshCommand virshMonitorCommands[];
extern const virshCommand virshEventCommands[];
extern const virshCommand virshHostCommands[];
extern const virshCommand virshCheckpointCommands[];
extern const virshCommand virshBackupCommands[];
extern const virshCommand virshSecretCommands[];
extern const virshCommand virshSelfCommands[];

/* commands with a file of their own */
extern const virshOption virshCheckpointListOptions[];
bool virshCheckpointList(virshShell *sh, const virshCommandArgs *args);
/* virsh-checkpoint-repair.c */
extern const virshOption virshCheckpointRepairOptions[];
bool virshCheckpointRepair(virshShell *sh, const virshCommandArgs *args);
extern const virshOption virshListOptions[];
bool virshList(virshShell *sh, const virshCommandArgs *args);
extern const virshOption virshDomstatsOptions[];
bool virshDomstats(virshShell *sh, const virshCommandArgs *args);
extern const virshOption virshJobInfoOptions[];
extern const virshOption virshJobAbortOptions[];
extern const virshOption virshBlockJobOptions[];
extern const virshOption virshBlockThresholdOptions[];
bool virshBlockJob(virshShell *sh, const virshCommandArgs *args);
bool virshBlockThreshold(virshShell *sh, const virshCommandArgs *args);
bool virshJobInfo(virshShell *sh, const virshCommandArgs *args);
bool virshJobAbort(virshShell *sh, const virshCommandArgs *args);

/* Every public call begins by clearing the last error, also these. They are used after a failure, so
 * the reason is put aside first (virshHoldError). */
const char *virshDomainName(virDomainPtr dom);
const char *virshCheckpointName(virDomainCheckpointPtr checkpoint);
void virshDomainFree(virDomainPtr dom);
void virshCheckpointFree(virDomainCheckpointPtr checkpoint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virshDomainFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainCheckpoint, virshCheckpointFree)

/* ---- options of an invocation (virsh-args.c) ---- */
bool virshArgBool(const virshCommandArgs *args, const char *name);
/** Borrowed value, NULL if not given. */
const char *virshArgString(const virshCommandArgs *args, const char *name);
/** 1 given and good, 0 not given, -1 malformed (message printed). */
int virshArgInt(virshShell *sh, const virshCommandArgs *args, const char *name, int *value);
int virshArgULL(virshShell *sh, const virshCommandArgs *args, const char *name,
                unsigned long long *value);
/** A size such as 10M or 1000B, in bytes; a bare number counts @unit bytes. False after a message. */
bool virshArgScaled(virshShell *sh, const virshCommandArgs *args, const char *name,
                    unsigned long long unit, unsigned long long *bytes);
/** All values of a repeated option, NULL-terminated; borrowed. */
const char *const *virshArgList(const virshCommandArgs *args, const char *name);
/** (owned) the parts of "vda,checkpoint=bitmap"; ",," stands for a comma inside a part. */
char **virshSplitCommas(const char *text);

/* ---- output (virsh-output.c) ---- */
/** Results: stdout. */
void virshPrint(virshShell *sh, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/** What only a person wants ("Domain started"): stdout unless --quiet. */
void virshPrintExtra(virshShell *sh, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/** "error: ..." on stderr. */
void virshError(virshShell *sh, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/** The library's last error, or the one held, as "error: MESSAGE"; then there is none. */
void virshReportLibraryError(virshShell *sh);
/** Keep the last error (if there is one and none is kept) over clean-up calls, which would clear it.
 * Main thread only. */
void virshHoldError(void);
/** No error, held or last. */
void virshForgetErrors(void);
/** For virSetErrorFunc: errors are printed once, by the command that failed. */
void virshIgnoreError(void *opaque, virErrorPtr error);
/** "1.500 GiB" as virsh prints sizes: value (*unit: "B", "KiB", ...). */
double virshScaleSize(unsigned long long bytes, const char **unit);

/** (owned) the value of one parameter. */
char *virshTypedParamToString(const virTypedParameter *param);
/** (owned) @json printed anew: indented with @pretty; only its "return" member with @returnValue. NULL
 * after an error was printed. */
char *virshFormatJSON(virshShell *sh, const char *json, bool pretty, bool returnValue);

bool virshIsJSONObject(const char *text);
/** (owned) {"execute": @name}, the name escaped. */
char *virshQMPFromName(const char *name);
/** Print @xml, or with --xpath the nodes that match, one document each or (--wrap) inside one <nodes>.
 * False after "xpath ..." was printed. */
bool virshPrintXML(virshShell *sh, const virshCommandArgs *args, const char *xml);

/* A table with a header row, columns padded to the widest cell (counted in characters, not bytes). */
typedef struct _virshTable virshTable;
virshTable *virshTableNew(const char *const *titles);
/** One row of as many cells as there are titles; a NULL cell prints empty. */
void virshTableAddRow(virshTable *table, const char *const *cells);
/** Print (without header in quiet mode) and free. */
void virshTablePrint(virshShell *sh, virshTable *table);

/* ---- objects (virsh-objects.c) ---- */
/** Connect if not yet connected. */
bool virshConnect(virshShell *sh);
void virshDisconnect(virshShell *sh);
/** The domain the option "domain" names: by id, uuid or name in this order. Prints "failed to get
 * domain 'x'" when there is none. (owned) */
virDomainPtr virshArgDomain(virshShell *sh, const virshCommandArgs *args);
typedef enum {
    VIRSH_BY_ID = 1 << 0,
    VIRSH_BY_UUID = 1 << 1,
    VIRSH_BY_NAME = 1 << 2,
    VIRSH_BY_ANY = VIRSH_BY_ID | VIRSH_BY_UUID | VIRSH_BY_NAME,
} virshLookupBy;
/** The same for any text, and only by the kinds of name given. */
virDomainPtr virshLookupDomain(virshShell *sh, const char *name, virshLookupBy by);
/** backup-begin --wait: until the backup of @dom, just begun, is over; Ctrl-C aborts it. @progress: shown on stderr. True if
 * it completed; how it ended is printed. */
bool virshBackupWait(virshShell *sh, virDomainPtr dom, bool progress);
/** False after "Options --one and --two are mutually exclusive" was printed. */
bool virshArgsExclude(virshShell *sh, const virshCommandArgs *args, const char *one, const char *two);
/* GDestroyNotify for arrays of handles. */
void virshDomainDestroy(gpointer domain);
void virshCheckpointDestroy(gpointer checkpoint);
/** Free a NULL-terminated list of domains and its members. */
void virshFreeDomains(virDomainPtr *domains);
/** Content of the file an option names, at most 10 MiB; prints its error. (owned) */
char *virshReadFile(virshShell *sh, const char *path);
/** The same for what may hold NULs: @size: its length. */
char *virshReadBytes(virshShell *sh, const char *path, gsize *size);
/** Let the user edit @text in $VISUAL, $EDITOR or vi. (owned) new text, NULL on failure. */
char *virshEdit(virshShell *sh, const char *text, const char *suffix);
/** (owned) target names of the domain's disks, NULL on failure. */
char **virshDiskTargets(virDomainPtr dom);
const char *virshDomainStateToString(int state);
const char *virshDomainStateReasonToString(int state, int reason);

/* ---- completion helpers (virsh-complete.c) ---- */
char **virshCompleteDomain(virshShell *sh, const char *domain);
char **virshCompleteActiveDomain(virshShell *sh, const char *domain);
char **virshCompleteInactiveDomain(virshShell *sh, const char *domain);
char **virshCompleteCheckpoint(virshShell *sh, const char *domain);
char **virshCompleteDisk(virshShell *sh, const char *domain);
char **virshCompleteEvent(virshShell *sh, const char *domain);

/* The options nearly every command has. */
#define VIRSH_OPT_DOMAIN(completer) \
    { .name = "domain", .type = VIRSH_OPT_DATA, .required = true, \
      .help = "domain name, id or uuid", .complete = completer }
#define VIRSH_OPT_CHECKPOINTNAME(helptext) \
    { .name = "checkpointname", .type = VIRSH_OPT_STRING, .help = helptext, \
      .complete = virshCompleteCheckpoint }
#define VIRSH_OPT_XPATH \
    { .name = "xpath", .type = VIRSH_OPT_STRING, .namedOnly = true, \
      .help = "xpath expression to filter the XML document" }
#define VIRSH_OPT_WRAP \
    { .name = "wrap", .type = VIRSH_OPT_BOOL, .help = "wrap xpath results in an common root element" }
#define VIRSH_OPT_END { .name = NULL }
