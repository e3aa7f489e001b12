/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of the remote driver: checkpoints. */
#include "remote_client.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

/* A call whose reply is one checkpoint. */
static virDomainCheckpointPtr
callForCheckpoint(virConnectPtr conn, int proc, xdrproc_t argsProc, void *args)
{
    remote_domain_checkpoint ret = {0};
    virDomainCheckpointPtr chk;

    if (remoteCallProc(conn, proc, argsProc, args, REMOTE_XDR(remote_domain_checkpoint), &ret) < 0)
        return NULL;
    chk = remoteTakeCheckpoint(conn, &ret);
    xdr_free(REMOTE_XDR(remote_domain_checkpoint), (char *)&ret);
    return chk;
}

static virDomainCheckpointPtr
remoteDomainCheckpointCreateXML(virDomainPtr dom, const char *xml, unsigned int flags)
{
    remote_domain_checkpoint_create_xml_args args = {remoteWireDomain(dom), (char *)xml, flags};

    return callForCheckpoint(dom->conn, REMOTE_PROC_DOMAIN_CHECKPOINT_CREATE_XML,
                             REMOTE_XDR(remote_domain_checkpoint_create_xml_args), &args);
}

static virDomainCheckpointPtr
remoteDomainCheckpointLookupByName(virDomainPtr dom, const char *name, unsigned int flags)
{
    remote_domain_checkpoint_lookup_by_name_args args = {remoteWireDomain(dom), (char *)name,
                                                         flags};

    return callForCheckpoint(dom->conn, REMOTE_PROC_DOMAIN_CHECKPOINT_LOOKUP_BY_NAME,
                             REMOTE_XDR(remote_domain_checkpoint_lookup_by_name_args), &args);
}

static virDomainCheckpointPtr
remoteDomainCheckpointGetParent(virDomainCheckpointPtr chk, unsigned int flags)
{
    remote_domain_checkpoint_get_parent_args args = {remoteWireCheckpoint(chk), flags};

    return callForCheckpoint(chk->domain->conn, REMOTE_PROC_DOMAIN_CHECKPOINT_GET_PARENT,
                             REMOTE_XDR(remote_domain_checkpoint_get_parent_args), &args);
}

static char *
remoteDomainCheckpointGetXMLDesc(virDomainCheckpointPtr chk, unsigned int flags)
{
    remote_domain_checkpoint_get_xml_desc_args args = {remoteWireCheckpoint(chk), flags};
    remote_string ret = NULL;

    if (remoteCallProc(chk->domain->conn, REMOTE_PROC_DOMAIN_CHECKPOINT_GET_XML_DESC,
                       REMOTE_XDR(remote_domain_checkpoint_get_xml_desc_args), &args,
                       REMOTE_XDR(remote_string), &ret) < 0)
        return NULL;
    return ret;
}

/* Both lists have the same reply. */
static int
callForList(virConnectPtr conn, int proc, xdrproc_t argsProc, void *args,
            virDomainCheckpointPtr **chks)
{
    remote_domain_list_all_checkpoints_ret ret = {0};
    unsigned int n;
    int rc;

    if (remoteCallProc(conn, proc, argsProc, args,
                       REMOTE_XDR(remote_domain_list_all_checkpoints_ret), &ret) < 0)
        return -1;
    rc = ret.ret;
    if (chks) {
        n = ret.checkpoints.checkpoints_len;
        *chks = g_new0(virDomainCheckpointPtr, n + 1);
        for (unsigned int i = 0; i < n; i++)
            (*chks)[i] = remoteTakeCheckpoint(conn, &ret.checkpoints.checkpoints_val[i]);
        rc = n;
    }
    xdr_free(REMOTE_XDR(remote_domain_list_all_checkpoints_ret), (char *)&ret);
    return rc;
}

static int
remoteDomainListAllCheckpoints(virDomainPtr dom, virDomainCheckpointPtr **chks, unsigned int flags)
{
    remote_domain_list_all_checkpoints_args args = {remoteWireDomain(dom), chks != NULL, flags};

    return callForList(dom->conn, REMOTE_PROC_DOMAIN_LIST_ALL_CHECKPOINTS,
                       REMOTE_XDR(remote_domain_list_all_checkpoints_args), &args, chks);
}

static int
remoteDomainCheckpointListAllChildren(virDomainCheckpointPtr chk, virDomainCheckpointPtr **children,
                                      unsigned int flags)
{
    remote_domain_checkpoint_list_all_children_args args = {remoteWireCheckpoint(chk),
                                                            children != NULL, flags};

    return callForList(chk->domain->conn, REMOTE_PROC_DOMAIN_CHECKPOINT_LIST_ALL_CHILDREN,
                       REMOTE_XDR(remote_domain_checkpoint_list_all_children_args), &args,
                       children);
}

static int
remoteDomainCheckpointDelete(virDomainCheckpointPtr chk, unsigned int flags)
{
    remote_domain_checkpoint_delete_args args = {remoteWireCheckpoint(chk), flags};

    return remoteCallProc(chk->domain->conn, REMOTE_PROC_DOMAIN_CHECKPOINT_DELETE,
                          REMOTE_XDR(remote_domain_checkpoint_delete_args), &args, NULL, NULL);
}

void
remoteClientAddCheckpoint(virDriver *driver)
{
    driver->domainCheckpointCreateXML = remoteDomainCheckpointCreateXML;
    driver->domainCheckpointGetXMLDesc = remoteDomainCheckpointGetXMLDesc;
    driver->domainListAllCheckpoints = remoteDomainListAllCheckpoints;
    driver->domainCheckpointListAllChildren = remoteDomainCheckpointListAllChildren;
    driver->domainCheckpointLookupByName = remoteDomainCheckpointLookupByName;
    driver->domainCheckpointGetParent = remoteDomainCheckpointGetParent;
    driver->domainCheckpointDelete = remoteDomainCheckpointDelete;
}
