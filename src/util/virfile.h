/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files. A durable file is written by virFileReplaceDurable() and by nothing else: new temporary
 * (O_EXCL) beside it, write, fsync, checked close, rename, fsync of the directory. The one exception is a
 * change within a sector of it: virFileUpdateDurable().
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

/** Closes a descriptor at the end of its scope: VIR_AUTOCLOSE fd = -1; */
void
virFileAutoClose(int *fd);
#define VIR_AUTOCLOSE __attribute__((cleanup(virFileAutoClose))) int

/**
 * virFileReplaceDurable: the file has either its old or its new content, also after power loss.
 * @fault: name of the fault points NAME.written (temp on disk, not renamed) and NAME.renamed.
 * Returns: 0, or -1 with VIR_ERR_SYSTEM_ERROR naming the path; then the old content stands and no
 * temporary is left.
 */
int
virFileReplaceDurable(const char *path, const char *data, size_t length, mode_t mode,
                      const char *fault);
/**
 * virFileUpdateDurable: as virFileReplaceDurable, and a fifth of its time where old and new content have the same
 * length and differ within one sector (512 bytes) only: that is written in place and synced. Else, and where @path
 * is absent, has another mode or a second hard link, it is replaced. Either way the file has its old or
 * its new content, also after power loss; a reader at the very moment may see a mixture of the bytes that differ, so this
 * is for files whose readers start after their writer has ended.
 * @fault: the points NAME.overwrite and NAME.overwritten (not synced yet) in place of those of the replacement.
 * Returns: 0, or -1 with VIR_ERR_SYSTEM_ERROR naming the path; then the old content stands, unless
 * the disk refuses that as well.
 */
int
virFileUpdateDurable(const char *path, const char *data, size_t length, mode_t mode,
                     const char *fault);
/** Replace without fsync, for state below /run that dies with the host anyway. */
int
virFileReplaceVolatile(const char *path, const char *data, size_t length, mode_t mode);
/** Unlink and fsync the directory. An absent file is not an error. Fault point NAME.unlinked lies
 * between the two. @fault may be NULL here and above: no fault points. */
int
virFileUnlinkDurable(const char *path, const char *fault);
/**
 * virFileMoveDurable: @from, complete and written by somebody else, takes the place of @to in the same
 * directory; durable when it returns. After a crash @to is one of the two, whole. Fault point
 * NAME.renamed lies between rename and fsync. 0, or -1 with VIR_ERR_SYSTEM_ERROR.
 */
int
virFileMoveDurable(const char *from, const char *to, const char *fault);
/** Bytes of @path on disk (fsync). 0, or -1 with VIR_ERR_SYSTEM_ERROR. */
int
virFileSync(const char *path);
/** Read at most @max bytes; longer is an error. @out: (owned) NUL-terminated. Returns length or -1. */
gssize
virFileReadAll(const char *path, size_t max, char **out);
/** mkdir -p; existing directories keep their mode. */
int
virFileMakeDirs(const char *path, mode_t mode);
/** Remove temporaries an interrupted virFileReplace* left in @dir. At start-up only: a temporary
 * that somebody is writing now would go too. */
void
virFileSweepTemporaries(const char *dir);
bool
virFileExists(const char *path);
/** True if @name can be one path component: not empty, no '/', not "." or "..", no leading '.', no control characters. */
bool
virFileNameIsSafe(const char *name);
/** Listening UNIX stream socket at @path (any old one is removed), mode @mode; fd or -1. */
int
virFileListenUnix(const char *path, mode_t mode);
/** Connected UNIX stream socket (CLOEXEC, blocking), or -1 with errno set and no error object. */
int
virFileConnectUnix(const char *path);
int
virFileSetNonBlock(int fd, bool nonBlock);
