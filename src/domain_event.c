/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain events as data. The fields are generic (a few strings, numbers, parameters), their meaning
 * is the event's: the constructors below and the call in virDomainEventCall() are the two places
 * that must agree.
 */
#include "domain_event_priv.h"
#include "libvirt-object.h"

static virDomainEvent *
eventNew(int eventID, const char *name, const unsigned char *uuid, int id)
{
    virDomainEvent *event = g_new0(virDomainEvent, 1);

    event->eventID = eventID;
    event->name = g_strdup(name);
    memcpy(event->uuid, uuid, VIR_UUID_BUFLEN);
    event->id = id;
    return event;
}

static void
addressClear(virDomainEventGraphicsAddress *address)
{
    g_free(address->node);
    g_free(address->service);
}

void
virDomainEventFree(virDomainEvent *event)
{
    if (!event)
        return;
    g_free(event->name);
    for (size_t i = 0; i < G_N_ELEMENTS(event->text); i++)
        g_free(event->text[i]);
    virTypedParamListClear(&event->params);
    addressClear(&event->local);
    addressClear(&event->remote);
    for (int i = 0; i < event->subject.nidentity; i++) {
        g_free(event->subject.identities[i].type);
        g_free(event->subject.identities[i].name);
    }
    g_free(event->subject.identities);
    g_free(event);
}

virDomainEvent *
virDomainEventLifecycleNew(const char *name, const unsigned char *uuid, int id, int type,
                           int detail)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_LIFECYCLE, name, uuid, id);

    event->number[0] = type;
    event->number[1] = detail;
    return event;
}

virDomainEvent *
virDomainEventRebootNew(const char *name, const unsigned char *uuid, int id)
{
    return eventNew(VIR_DOMAIN_EVENT_ID_REBOOT, name, uuid, id);
}

virDomainEvent *
virDomainEventControlErrorNew(const char *name, const unsigned char *uuid, int id)
{
    return eventNew(VIR_DOMAIN_EVENT_ID_CONTROL_ERROR, name, uuid, id);
}

virDomainEvent *
virDomainEventRTCChangeNew(const char *name, const unsigned char *uuid, int id, long long utcoffset)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_RTC_CHANGE, name, uuid, id);

    event->offset = utcoffset;
    return event;
}

virDomainEvent *
virDomainEventWatchdogNew(const char *name, const unsigned char *uuid, int id, int action)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_WATCHDOG, name, uuid, id);

    event->number[0] = action;
    return event;
}

virDomainEvent *
virDomainEventIOErrorNew(const char *name, const unsigned char *uuid, int id, const char *path,
                         const char *alias, int action, const char *reason)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, name, uuid, id);

    event->text[0] = g_strdup(path);
    event->text[1] = g_strdup(alias);
    event->text[2] = g_strdup(reason ? reason : "");
    event->number[0] = action;
    return event;
}

virDomainEvent *
virDomainEventGraphicsNew(const char *name, const unsigned char *uuid, int id, int phase,
                          const virDomainEventGraphicsAddress *local,
                          const virDomainEventGraphicsAddress *remote, const char *authScheme,
                          const virDomainEventGraphicsSubject *subject)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_GRAPHICS, name, uuid, id);

    event->number[0] = phase;
    event->local = (virDomainEventGraphicsAddress){local->family, g_strdup(local->node),
                                                   g_strdup(local->service)};
    event->remote = (virDomainEventGraphicsAddress){remote->family, g_strdup(remote->node),
                                                    g_strdup(remote->service)};
    event->text[0] = g_strdup(authScheme);
    event->subject.nidentity = subject->nidentity;
    event->subject.identities = g_new0(virDomainEventGraphicsSubjectIdentity, subject->nidentity);
    for (int i = 0; i < subject->nidentity; i++) {
        event->subject.identities[i].type = g_strdup(subject->identities[i].type);
        event->subject.identities[i].name = g_strdup(subject->identities[i].name);
    }
    return event;
}

static virDomainEvent *
blockJobNew(int eventID, const char *name, const unsigned char *uuid, int id, const char *disk,
            int type, int status)
{
    virDomainEvent *event = eventNew(eventID, name, uuid, id);

    event->text[0] = g_strdup(disk ? disk : "");
    event->number[0] = type;
    event->number[1] = status;
    return event;
}

virDomainEvent *
virDomainEventBlockJobNew(const char *name, const unsigned char *uuid, int id, const char *path,
                          int type, int status)
{
    return blockJobNew(VIR_DOMAIN_EVENT_ID_BLOCK_JOB, name, uuid, id, path, type, status);
}

virDomainEvent *
virDomainEventBlockJob2New(const char *name, const unsigned char *uuid, int id, const char *dst,
                           int type, int status)
{
    return blockJobNew(VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, name, uuid, id, dst, type, status);
}

virDomainEvent *
virDomainEventDiskChangeNew(const char *name, const unsigned char *uuid, int id,
                            const char *oldSrcPath, const char *newSrcPath, const char *devAlias,
                            int reason)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_DISK_CHANGE, name, uuid, id);

    event->text[0] = g_strdup(oldSrcPath);
    event->text[1] = g_strdup(newSrcPath);
    event->text[2] = g_strdup(devAlias);
    event->number[0] = reason;
    return event;
}

virDomainEvent *
virDomainEventTrayChangeNew(const char *name, const unsigned char *uuid, int id,
                            const char *devAlias, int reason)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_TRAY_CHANGE, name, uuid, id);

    event->text[0] = g_strdup(devAlias);
    event->number[0] = reason;
    return event;
}

virDomainEvent *
virDomainEventPMNew(const char *name, const unsigned char *uuid, int id, int eventID, int reason)
{
    virDomainEvent *event = eventNew(eventID, name, uuid, id);

    event->number[0] = reason;
    return event;
}

virDomainEvent *
virDomainEventBalloonChangeNew(const char *name, const unsigned char *uuid, int id,
                               unsigned long long actual)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, name, uuid, id);

    event->amount[0] = actual;
    return event;
}

virDomainEvent *
virDomainEventDeviceNew(const char *name, const unsigned char *uuid, int id, int eventID,
                        const char *devAlias)
{
    virDomainEvent *event = eventNew(eventID, name, uuid, id);

    event->text[0] = g_strdup(devAlias);
    return event;
}

static void
copyParams(virTypedParamList *to, const virTypedParamList *from)
{
    for (int i = 0; i < from->n; i++) {
        const virTypedParameter *param = &from->params[i];
        int last = to->n;

        switch ((virTypedParameterType)param->type) {
        case VIR_TYPED_PARAM_STRING:
            virTypedParamListAddString(to, param->value.s, "%s", param->field);
            break;
        case VIR_TYPED_PARAM_INT:
        case VIR_TYPED_PARAM_UINT:
        case VIR_TYPED_PARAM_LLONG:
        case VIR_TYPED_PARAM_ULLONG:
        case VIR_TYPED_PARAM_DOUBLE:
        case VIR_TYPED_PARAM_BOOLEAN:
            /* One member of the union is as good as another until the value is copied over. */
            virTypedParamListAddInt(to, 0, "%s", param->field);
            to->params[last].type = param->type;
            to->params[last].value = param->value;
            break;
        }
    }
}

virDomainEvent *
virDomainEventTunableNew(const char *name, const unsigned char *uuid, int id,
                         const virTypedParamList *params)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_TUNABLE, name, uuid, id);

    copyParams(&event->params, params);
    return event;
}

virDomainEvent *
virDomainEventJobCompletedNew(const char *name, const unsigned char *uuid, int id,
                              const virTypedParamList *params)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, name, uuid, id);

    copyParams(&event->params, params);
    return event;
}

virDomainEvent *
virDomainEventAgentLifecycleNew(const char *name, const unsigned char *uuid, int id, int state,
                                int reason)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, name, uuid, id);

    event->number[0] = state;
    event->number[1] = reason;
    return event;
}

virDomainEvent *
virDomainEventMigrationIterationNew(const char *name, const unsigned char *uuid, int id,
                                    int iteration)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, name, uuid, id);

    event->number[0] = iteration;
    return event;
}

virDomainEvent *
virDomainEventBlockThresholdNew(const char *name, const unsigned char *uuid, int id,
                                const char *dev, const char *path, unsigned long long threshold,
                                unsigned long long excess)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD, name, uuid, id);

    event->text[0] = g_strdup(dev);
    event->text[1] = g_strdup(path);
    event->amount[0] = threshold;
    event->amount[1] = excess;
    return event;
}

virDomainEvent *
virDomainEventMetadataChangeNew(const char *name, const unsigned char *uuid, int id, int type,
                                const char *nsuri)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, name, uuid, id);

    event->number[0] = type;
    event->text[0] = g_strdup(nsuri);
    return event;
}

virDomainEvent *
virDomainEventMemoryFailureNew(const char *name, const unsigned char *uuid, int id, int recipient,
                               int action, unsigned int flags)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE, name, uuid, id);

    event->number[0] = recipient;
    event->number[1] = action;
    event->flags = flags;
    return event;
}

virDomainEvent *
virDomainEventMemoryDeviceSizeChangeNew(const char *name, const unsigned char *uuid, int id,
                                        const char *alias, unsigned long long size)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE, name, uuid, id);

    event->text[0] = g_strdup(alias);
    event->amount[0] = size;
    return event;
}

virDomainEvent *
virDomainEventQemuMonitorNew(const char *name, const unsigned char *uuid, int id,
                             const char *eventName, long long seconds, unsigned int micros,
                             const char *details)
{
    virDomainEvent *event = eventNew(VIR_DOMAIN_EVENT_ID_QEMU_MONITOR, name, uuid, id);

    event->text[0] = g_strdup(eventName);
    event->text[1] = g_strdup(details);
    event->offset = seconds;
    event->flags = micros;
    return event;
}
