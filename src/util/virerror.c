/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public functions of virterror.h that read, copy and forget the thread's error. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "virerror_pattern.h"
#include "virerror_thread.h"
#include "virlog.h"

static GMutex virErrorHandlerLock; /* guards the two below */
static virErrorFunc virErrorHandler;
static void *virErrorHandlerData;

static void
virErrorThreadFree(gpointer data)
{
    virErrorThread *thread = data;

    virResetError(&thread->error);
    g_free(thread);
}

static GPrivate virErrorThreadKey = G_PRIVATE_INIT(virErrorThreadFree);

virErrorThread *
virErrorThreadGet(void)
{
    virErrorThread *thread = g_private_get(&virErrorThreadKey);

    if (!thread) {
        thread = g_new0(virErrorThread, 1);
        g_private_set(&virErrorThreadKey, thread);
    }
    return thread;
}

/* The object fields (conn, dom, net) are not carried over: an error owns no objects. */
void
virErrorCopy(virError *to, const virError *from)
{
    *to = (virError){
        .code = from->code,
        .domain = from->domain,
        .level = from->level,
        .message = g_strdup(from->message),
        .str1 = g_strdup(from->str1),
        .str2 = g_strdup(from->str2),
        .str3 = g_strdup(from->str3),
        .int1 = from->int1,
        .int2 = from->int2,
    };
}

/* The handler is called without the lock: it may set another one. */
void
virErrorDeliver(virErrorThread *thread)
{
    virErrorFunc handler = NULL;
    void *data = NULL;

    if (thread->preserving > 0 || thread->delivering)
        return;
    g_mutex_lock(&virErrorHandlerLock);
    handler = virErrorHandler;
    data = virErrorHandlerData;
    g_mutex_unlock(&virErrorHandlerLock);
    thread->delivering = true;
    if (handler)
        handler(data, &thread->error);
    else if (!virLogWanted(VIR_LOG_ERROR))
        virDefaultErrorFunc(&thread->error);
    thread->delivering = false;
}

virErrorPtr
virGetLastError(void)
{
    virErrorThread *thread = virErrorThreadGet();

    return thread->error.code == VIR_ERR_OK ? NULL : &thread->error;
}

int
virGetLastErrorCode(void)
{
    return virErrorThreadGet()->error.code;
}

int
virGetLastErrorDomain(void)
{
    return virErrorThreadGet()->error.domain;
}

const char *
virGetLastErrorMessage(void)
{
    const virErrorThread *thread = virErrorThreadGet();

    if (thread->error.code == VIR_ERR_OK)
        return "no error";
    return thread->error.message ? thread->error.message : "unknown error";
}

virErrorPtr
virSaveLastError(void)
{
    virErrorPtr copy = g_new0(virError, 1);

    virErrorCopy(copy, &virErrorThreadGet()->error);
    return copy;
}

int
virCopyLastError(virErrorPtr to)
{
    if (!to)
        return -1;
    virErrorCopy(to, &virErrorThreadGet()->error);
    return to->code;
}

void
virResetError(virErrorPtr err)
{
    if (!err)
        return;
    g_free(err->message);
    g_free(err->str1);
    g_free(err->str2);
    g_free(err->str3);
    memset(err, 0, sizeof(*err));
}

void
virResetLastError(void)
{
    virResetError(&virErrorThreadGet()->error);
}

void
virFreeError(virErrorPtr err)
{
    virResetError(err);
    g_free(err);
}

void
virSetErrorFunc(void *userData, virErrorFunc handler)
{
    g_mutex_lock(&virErrorHandlerLock);
    virErrorHandler = handler;
    virErrorHandlerData = userData;
    g_mutex_unlock(&virErrorHandlerLock);
}

static const char *
virErrorLevelName(virErrorLevel level)
{
    switch (level) {
    case VIR_ERR_NONE:
        return "";
    case VIR_ERR_WARNING:
        return "warning";
    case VIR_ERR_ERROR:
        return "error";
    }
    return "error";
}

void
virDefaultErrorFunc(virErrorPtr err)
{
    if (!err || err->code == VIR_ERR_OK)
        return;
    fprintf(stderr, "libvirt: %s %s : %s\n", virErrorDomainName(err->domain),
            virErrorLevelName(err->level), err->message ? err->message : "unknown error");
}
