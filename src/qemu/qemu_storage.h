/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Storage that may not answer: a file system that is frozen, a server that hangs. Who asks it waits in the
 * kernel, and nothing ends that, so it is asked by a thread of its own, and others wait for that
 * thread as long as they like.
 */
#pragma once
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/**
 * qemuStorageAnswers: does the file system of @path take a change (its time stamps) within @timeoutMs? An
 * error is an answer. Of those who ask about the same path at the same time, and of those who have given
 * up, there is one thread. A device's own storage is not asked: the file system is that of its name.
 */
bool qemuStorageAnswers(const char *path, unsigned int timeoutMs);
/**
 * qemuStorageFlush: fdatasync() of each of @paths[0..n) within @timeoutMs; one thread a path, as above, all at once.
 * Returns 0 if all are on their storage; an errno of one that is not and will not be; -1 if one has not answered
 * yet. A file that cannot be opened is nothing that we could flush, and counts as flushed.
 */
int qemuStorageFlush(const char *const *paths, size_t n, unsigned int timeoutMs);
/** stat(@path) within @timeoutMs. Returns true if @st is set; false without an error, also if there is no such file. */
bool qemuStorageStat(const char *path, unsigned int timeoutMs, struct stat *st);
/**
 * qemuStorageRequestsEnd: have the requests of process @pid to the file @path that are under way now come to
 * an end within @timeoutMs? New ones are not waited for. What cannot be seen (no right to trace the process,
 * requests that do not wait in a thread) counts as ended.
 */
bool qemuStorageRequestsEnd(pid_t pid, const char *path, unsigned int timeoutMs);
