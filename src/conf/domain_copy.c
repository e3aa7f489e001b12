/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deep copy of a domain definition. Done field by field rather than by format and parse: every
 * checkpoint takes a copy, so this is on the path of a checkpoint's latency.
 */
#include "domain_internal.h"

static gpointer
diskCopy(gconstpointer item, gpointer unused)
{
    const virDomainDiskDef *disk = item;
    virDomainDiskDef *copy = g_memdup2(disk, sizeof(*disk));

    copy->dst = g_strdup(disk->dst);
    copy->src = virStorageSourceCopy(disk->src);
    copy->serial = g_strdup(disk->serial);
    copy->alias = g_strdup(disk->alias);
    return copy;
}

static gpointer
controllerCopy(gconstpointer item, gpointer unused)
{
    const virDomainControllerDef *controller = item;
    virDomainControllerDef *copy = g_memdup2(controller, sizeof(*controller));

    copy->model = g_strdup(controller->model);
    copy->modelName = g_strdup(controller->modelName);
    copy->alias = g_strdup(controller->alias);
    return copy;
}

static gpointer
chardevCopy(gconstpointer item, gpointer unused)
{
    const virDomainChardevDef *chardev = item;
    virDomainChardevDef *copy = g_memdup2(chardev, sizeof(*chardev));

    copy->path = g_strdup(chardev->path);
    copy->targetType = g_strdup(chardev->targetType);
    copy->targetModel = g_strdup(chardev->targetModel);
    copy->targetName = g_strdup(chardev->targetName);
    copy->alias = g_strdup(chardev->alias);
    return copy;
}

static gpointer
netCopy(gconstpointer item, gpointer unused)
{
    const virDomainNetDef *net = item;
    virDomainNetDef *copy = g_memdup2(net, sizeof(*net));

    copy->mac = g_strdup(net->mac);
    copy->model = g_strdup(net->model);
    copy->alias = g_strdup(net->alias);
    return copy;
}

static gpointer
rngCopy(gconstpointer item, gpointer unused)
{
    const virDomainRngDef *rng = item;
    virDomainRngDef *copy = g_memdup2(rng, sizeof(*rng));

    copy->backendPath = g_strdup(rng->backendPath);
    copy->alias = g_strdup(rng->alias);
    return copy;
}

static gpointer
inputCopy(gconstpointer item, gpointer unused)
{
    const virDomainInputDef *input = item;
    virDomainInputDef *copy = g_memdup2(input, sizeof(*input));

    copy->alias = g_strdup(input->alias);
    return copy;
}

/* g_ptr_array_copy() hands the array's free function on to the copy. */
static void
devicesCopy(virDomainDef *copy, const virDomainDef *def)
{
    copy->disks = g_ptr_array_copy(def->disks, diskCopy, NULL);
    copy->controllers = g_ptr_array_copy(def->controllers, controllerCopy, NULL);
    copy->chardevs = g_ptr_array_copy(def->chardevs, chardevCopy, NULL);
    copy->nets = g_ptr_array_copy(def->nets, netCopy, NULL);
    copy->rngs = g_ptr_array_copy(def->rngs, rngCopy, NULL);
    copy->inputs = g_ptr_array_copy(def->inputs, inputCopy, NULL);
}

virDomainDef *
virDomainDefCopy(const virDomainDef *def)
{
    virDomainDef *copy = g_memdup2(def, sizeof(*def));

    copy->name = g_strdup(def->name);
    copy->title = g_strdup(def->title);
    copy->description = g_strdup(def->description);
    copy->metadata = g_strdup(def->metadata);
    copy->osArch = g_strdup(def->osArch);
    copy->osMachine = g_strdup(def->osMachine);
    copy->kernel = g_strdup(def->kernel);
    copy->initrd = g_strdup(def->initrd);
    copy->cmdline = g_strdup(def->cmdline);
    copy->cpuModel = g_strdup(def->cpuModel);
    copy->emulator = g_strdup(def->emulator);
    copy->memballoonAlias = g_strdup(def->memballoonAlias);
    copy->videoModel = g_strdup(def->videoModel);
    copy->videoAlias = g_strdup(def->videoAlias);
    devicesCopy(copy, def);
    return copy;
}
