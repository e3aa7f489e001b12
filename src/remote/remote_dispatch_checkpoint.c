/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoints: create, look up, list, describe, delete. */
#include "config.h"
#include "remote_dispatch.h"

int
remoteDispatchDomainCheckpointCreateXML(remoteCall *call,
                                        remote_domain_checkpoint_create_xml_args *args,
                                        remote_domain_checkpoint_create_xml_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return remotePutNewCheckpoint(&ret->checkpoint,
                                  virDomainCheckpointCreateXML(dom, args->xml_desc, args->flags));
}

int
remoteDispatchDomainCheckpointLookupByName(remoteCall *call,
                                           remote_domain_checkpoint_lookup_by_name_args *args,
                                           remote_domain_checkpoint_lookup_by_name_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return remotePutNewCheckpoint(&ret->checkpoint,
                                  virDomainCheckpointLookupByName(dom, args->name, args->flags));
}

int
remoteDispatchDomainCheckpointGetParent(remoteCall *call,
                                        remote_domain_checkpoint_get_parent_args *args,
                                        remote_domain_checkpoint_get_parent_ret *ret)
{
    g_autoptr(virDomainCheckpoint) chk = remoteGetCheckpoint(call->conn, &args->checkpoint);

    return remotePutNewCheckpoint(&ret->parent, virDomainCheckpointGetParent(chk, args->flags));
}

int
remoteDispatchDomainCheckpointGetXMLDesc(remoteCall *call,
                                         remote_domain_checkpoint_get_xml_desc_args *args,
                                         remote_domain_checkpoint_get_xml_desc_ret *ret)
{
    g_autoptr(virDomainCheckpoint) chk = remoteGetCheckpoint(call->conn, &args->checkpoint);

    return remotePutText(&ret->xml, virDomainCheckpointGetXMLDesc(chk, args->flags));
}

int
remoteDispatchDomainCheckpointDelete(remoteCall *call, remote_domain_checkpoint_delete_args *args,
                                     remote_none *ret)
{
    g_autoptr(virDomainCheckpoint) chk = remoteGetCheckpoint(call->conn, &args->checkpoint);

    return virDomainCheckpointDelete(chk, args->flags);
}

/* @chks: (consumed) @n of them, NULL when only the number was asked for. */
static int
putCheckpoints(remote_domain_checkpoint **val, u_int *len, virDomainCheckpointPtr *chks, int n)
{
    int rc = n < 0 ? -1 : remoteCheckCount("checkpoints", n, REMOTE_DOMAIN_CHECKPOINT_LIST_MAX);

    if (rc == 0 && chks) {
        *val = g_new0(remote_domain_checkpoint, (gsize)n + 1);
        *len = (u_int)n;
    }
    for (int i = 0; rc == 0 && chks && i < n; i++)
        remotePutCheckpoint(&(*val)[i], chks[i]);
    virObjectCheckpointListFree(chks, (size_t)MAX(n, 0));
    return rc;
}

int
remoteDispatchDomainListAllCheckpoints(remoteCall *call,
                                       remote_domain_list_all_checkpoints_args *args,
                                       remote_domain_list_all_checkpoints_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    virDomainCheckpointPtr *chks = NULL;

    ret->ret = virDomainListAllCheckpoints(dom, args->need_results ? &chks : NULL, args->flags);
    return putCheckpoints(&ret->checkpoints.checkpoints_val, &ret->checkpoints.checkpoints_len,
                          chks, ret->ret);
}

int
remoteDispatchDomainCheckpointListAllChildren(
    remoteCall *call, remote_domain_checkpoint_list_all_children_args *args,
    remote_domain_checkpoint_list_all_children_ret *ret)
{
    g_autoptr(virDomainCheckpoint) chk = remoteGetCheckpoint(call->conn, &args->checkpoint);
    virDomainCheckpointPtr *chks = NULL;

    ret->ret = virDomainCheckpointListAllChildren(chk, args->need_results ? &chks : NULL,
                                                  args->flags);
    return putCheckpoints(&ret->checkpoints.checkpoints_val, &ret->checkpoints.checkpoints_len,
                          chks, ret->ret);
}
