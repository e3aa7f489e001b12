/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checkpoints: named instants of a domain's disks. From a checkpoint on, QEMU records which blocks
 * change, so that a later backup can copy only those (virDomainBackupBegin).
 */
#ifndef LIBVIRT_DOMAIN_CHECKPOINT_H
#define LIBVIRT_DOMAIN_CHECKPOINT_H

#include <libvirt/libvirt-domain.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A checkpoint of a domain. */
typedef struct _virDomainCheckpoint virDomainCheckpoint;
typedef virDomainCheckpoint *virDomainCheckpointPtr;

/* Flags of virDomainCheckpointCreateXML(). */
typedef enum {
    VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE          = 1 << 0,
    VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE           = 1 << 1,
    VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE = 1 << 2,
} virDomainCheckpointCreateFlags;

/* Flags of virDomainCheckpointGetXMLDesc(). */
typedef enum {
    VIR_DOMAIN_CHECKPOINT_XML_SECURE    = 1 << 0,
    VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN = 1 << 1,
    VIR_DOMAIN_CHECKPOINT_XML_SIZE      = 1 << 2,
} virDomainCheckpointXMLFlags;

/* Flags of the two lists. Bit 0 means roots in one, descendants in the other. */
typedef enum {
    VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS = 1 << 0,
    VIR_DOMAIN_CHECKPOINT_LIST_ROOTS       = 1 << 0,
    VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL = 1 << 1,
    VIR_DOMAIN_CHECKPOINT_LIST_LEAVES      = 1 << 2,
    VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES   = 1 << 3,
} virDomainCheckpointListFlags;

/* Flags of virDomainCheckpointDelete(). */
typedef enum {
    VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN      = 1 << 0,
    VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY = 1 << 1,
    VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY = 1 << 2,
} virDomainCheckpointDeleteFlags;

/**
 * virDomainCheckpointCreateXML:
 * @domain: running or stopped (borrowed)
 * @xmlDesc: a domaincheckpoint document; "<domaincheckpoint/>" takes a generated name and all disks
 * @flags: virDomainCheckpointCreateFlags
 * Marks this instant on all chosen disks at once, or on none. The new checkpoint becomes the
 * child of the current one. With REDEFINE nothing is done to the disks: the metadata of a
 * checkpoint whose bitmaps exist are put back (REDEFINE_VALIDATE looks for the bitmaps first).
 * QUIESCE freezes the guest's file systems around the instant through the guest agent.
 * If the daemon dies in the middle, the next start finds either the whole checkpoint or none.
 * Waits for other changing operations on the domain.
 * Returns: (owned, free with virDomainCheckpointFree), or NULL with VIR_ERR_XML_ERROR or
 * VIR_ERR_CONFIG_UNSUPPORTED for the document, VIR_ERR_OPERATION_FAILED if the name is taken,
 * VIR_ERR_OPERATION_DENIED on a read-only connection.
 * Since: 5.6.0   Source: libvirt 9.0.0 virDomainCheckpointCreateXML, formatcheckpoint
 */
virDomainCheckpointPtr virDomainCheckpointCreateXML(virDomainPtr domain, const char *xmlDesc,
                                                    unsigned int flags);
/**
 * virDomainCheckpointGetXMLDesc:
 * @checkpoint: (borrowed)   @flags: virDomainCheckpointXMLFlags
 * The document of a checkpoint. NO_DOMAIN leaves the domain's definition of that instant out;
 * SECURE includes secrets in it (refused on a read-only connection); SIZE adds the bytes changed
 * since, which asks QEMU and needs the checkpoint's bitmaps to be sound.
 * Returns: XML (owned, free()), or NULL with VIR_ERR_NO_DOMAIN_CHECKPOINT if it is gone,
 * VIR_ERR_CHECKPOINT_INCONSISTENT if SIZE cannot be told.
 * Since: 5.6.0   Source: libvirt 9.0.0 virDomainCheckpointGetXMLDesc
 */
char *virDomainCheckpointGetXMLDesc(virDomainCheckpointPtr checkpoint, unsigned int flags);
/**
 * virDomainListAllCheckpoints:
 * @domain: (borrowed)
 * @checkpoints: array (owned, each element with virDomainCheckpointFree, then free()), with a NULL
 * behind the last; NULL to count only. Untouched on failure
 * @flags: virDomainCheckpointListFlags
 * All checkpoints of the domain; parents before children with TOPOLOGICAL.
 * Returns: number of checkpoints, or -1 with VIR_ERR_NO_DOMAIN if the domain is gone.
 * Since: 5.6.0   Source: libvirt 9.0.0 virDomainListAllCheckpoints
 */
int virDomainListAllCheckpoints(virDomainPtr domain, virDomainCheckpointPtr **checkpoints,
                                unsigned int flags);
/**
 * virDomainCheckpointListAllChildren: like virDomainListAllCheckpoints, below @checkpoint
 * (borrowed): its children, or all descendants with DESCENDANTS.
 * Returns: number, or -1 with VIR_ERR_NO_DOMAIN_CHECKPOINT if @checkpoint is gone.
 * Since: 5.6.0   Source: libvirt 9.0.0 virDomainCheckpointListAllChildren
 */
int virDomainCheckpointListAllChildren(virDomainCheckpointPtr checkpoint,
                                       virDomainCheckpointPtr **children, unsigned int flags);
/**
 * virDomainCheckpointLookupByName:
 * @domain: (borrowed)   @name: of the checkpoint   @flags: 0
 * Returns: (owned, free with virDomainCheckpointFree), or NULL with VIR_ERR_NO_DOMAIN_CHECKPOINT.
 * Since: 5.6.0   Source: libvirt 9.0.0 virDomainCheckpointLookupByName
 */
virDomainCheckpointPtr virDomainCheckpointLookupByName(virDomainPtr domain, const char *name,
                                                       unsigned int flags);
/**
 * virDomainCheckpointGetParent:
 * @checkpoint: (borrowed)   @flags: 0
 * Returns: (owned, free with virDomainCheckpointFree), or NULL; VIR_ERR_NO_DOMAIN_CHECKPOINT
 * means that there is no parent, or no @checkpoint any more.
 * Since: 5.6.0   Source: libvirt 9.0.0 virDomainCheckpointGetParent
 */
virDomainCheckpointPtr virDomainCheckpointGetParent(virDomainCheckpointPtr checkpoint,
                                                    unsigned int flags);
/**
 * virDomainCheckpointDelete:
 * @checkpoint: (borrowed; the handle stays to be freed)   @flags: virDomainCheckpointDeleteFlags
 * Forgets a checkpoint. What it recorded goes to its parent, so that older checkpoints still
 * serve. CHILDREN deletes all descendants too, CHILDREN_ONLY these alone, all in one transaction;
 * METADATA_ONLY leaves the bitmaps in the images. If the daemon dies in the middle, the next start
 * finishes the deletion.
 * Returns: 0, or -1 with VIR_ERR_NO_DOMAIN_CHECKPOINT if it is gone, VIR_ERR_OPERATION_INVALID
 * if a backup uses it, VIR_ERR_OPERATION_DENIED on a read-only connection.
 * Since: 5.6.0   Source: libvirt 9.0.0 virDomainCheckpointDelete
 */
int virDomainCheckpointDelete(virDomainCheckpointPtr checkpoint, unsigned int flags);

/** Name of the checkpoint; borrowed, lives as long as the handle. Since: 5.6.0 */
const char *virDomainCheckpointGetName(virDomainCheckpointPtr checkpoint);
/** Its domain; borrowed. Since: 5.6.0 */
virDomainPtr virDomainCheckpointGetDomain(virDomainCheckpointPtr checkpoint);
/** Its connection; borrowed. Since: 5.6.0 */
virConnectPtr virDomainCheckpointGetConnect(virDomainCheckpointPtr checkpoint);
/** One more owner of the handle. Returns 0. Since: 5.6.0 */
int virDomainCheckpointRef(virDomainCheckpointPtr checkpoint);
/** One owner less. The checkpoint itself stays. Returns 0, or -1 on misuse. Since: 5.6.0 */
int virDomainCheckpointFree(virDomainCheckpointPtr checkpoint);

#ifdef __cplusplus
}
#endif
#endif
