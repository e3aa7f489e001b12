/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of the remote driver: finding domains and their lifecycle. */
#include <string.h>
#include "remote_client.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

static int
remoteConnectNumOfDomains(virConnectPtr conn)
{
    return remoteCallInt(conn, REMOTE_PROC_CONNECT_NUM_OF_DOMAINS);
}

static int
remoteConnectNumOfDefinedDomains(virConnectPtr conn)
{
    return remoteCallInt(conn, REMOTE_PROC_CONNECT_NUM_OF_DEFINED_DOMAINS);
}

/* The caller's array holds @max: a daemon that returns more must not overrun it. */
static int
checkCount(unsigned int got, int max, const char *what)
{
    if (got <= (unsigned int)max)
        return 0;
    virReportError(VIR_ERR_RPC, "the daemon returned %u %s, at most %d were asked for", got, what,
                   max);
    return -1;
}

static int
remoteConnectListDomains(virConnectPtr conn, int *ids, int maxids)
{
    remote_connect_list_domains_ret ret = {0};
    int args = maxids;
    int rc = -1;

    if (remoteCallProc(conn, REMOTE_PROC_CONNECT_LIST_DOMAINS, REMOTE_XDR(int), &args,
                       REMOTE_XDR(remote_connect_list_domains_ret), &ret) < 0)
        return -1;
    if (checkCount(ret.ids.ids_len, maxids, "ids of domains") == 0) {
        rc = ret.ids.ids_len;
        for (int i = 0; i < rc; i++)
            ids[i] = ret.ids.ids_val[i];
    }
    xdr_free(REMOTE_XDR(remote_connect_list_domains_ret), (char *)&ret);
    return rc;
}

static int
remoteConnectListDefinedDomains(virConnectPtr conn, char **names, int maxnames)
{
    remote_connect_list_defined_domains_ret ret = {0};
    int args = maxnames;
    int rc = -1;

    if (remoteCallProc(conn, REMOTE_PROC_CONNECT_LIST_DEFINED_DOMAINS, REMOTE_XDR(int), &args,
                       REMOTE_XDR(remote_connect_list_defined_domains_ret), &ret) < 0)
        return -1;
    if (checkCount(ret.names.names_len, maxnames, "names of domains") == 0) {
        rc = ret.names.names_len;
        for (int i = 0; i < rc; i++)
            names[i] = g_steal_pointer(&ret.names.names_val[i]);
        ret.names.names_len = 0;
        g_clear_pointer(&ret.names.names_val, g_free);
    }
    xdr_free(REMOTE_XDR(remote_connect_list_defined_domains_ret), (char *)&ret);
    return rc;
}

static int
remoteConnectListAllDomains(virConnectPtr conn, virDomainPtr **domains, unsigned int flags)
{
    remote_connect_list_all_domains_args args = {domains != NULL, flags};
    remote_connect_list_all_domains_ret ret = {0};
    unsigned int n;
    int rc;

    if (remoteCallProc(conn, REMOTE_PROC_CONNECT_LIST_ALL_DOMAINS,
                       REMOTE_XDR(remote_connect_list_all_domains_args), &args,
                       REMOTE_XDR(remote_connect_list_all_domains_ret), &ret) < 0)
        return -1;
    rc = ret.ret;
    if (domains) {
        n = ret.domains.domains_len;
        *domains = g_new0(virDomainPtr, n + 1);
        for (unsigned int i = 0; i < n; i++)
            (*domains)[i] = remoteTakeDomain(conn, &ret.domains.domains_val[i]);
        rc = n;
    }
    xdr_free(REMOTE_XDR(remote_connect_list_all_domains_ret), (char *)&ret);
    return rc;
}

/* A call whose reply is one domain. */
static virDomainPtr
callForDomain(virConnectPtr conn, int proc, xdrproc_t argsProc, void *args)
{
    remote_domain ret = {0};
    virDomainPtr dom;

    if (remoteCallProc(conn, proc, argsProc, args, REMOTE_XDR(remote_domain), &ret) < 0)
        return NULL;
    dom = remoteTakeDomain(conn, &ret);
    xdr_free(REMOTE_XDR(remote_domain), (char *)&ret);
    return dom;
}

static virDomainPtr
remoteDomainLookupByID(virConnectPtr conn, int id)
{
    int args = id;

    return callForDomain(conn, REMOTE_PROC_DOMAIN_LOOKUP_BY_ID, REMOTE_XDR(int), &args);
}

static virDomainPtr
remoteDomainLookupByUUID(virConnectPtr conn, const unsigned char *uuid)
{
    remote_domain_lookup_by_uuid_args args = {0};

    memcpy(args.uuid, uuid, VIR_UUID_BUFLEN);
    return callForDomain(conn, REMOTE_PROC_DOMAIN_LOOKUP_BY_UUID,
                         REMOTE_XDR(remote_domain_lookup_by_uuid_args), &args);
}

static virDomainPtr
remoteDomainLookupByName(virConnectPtr conn, const char *name)
{
    remote_string args = (char *)name;

    return callForDomain(conn, REMOTE_PROC_DOMAIN_LOOKUP_BY_NAME, REMOTE_XDR(remote_string), &args);
}

static virDomainPtr
remoteDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
    remote_domain_create_xml_args args = {(char *)xml, flags};

    return callForDomain(conn, REMOTE_PROC_DOMAIN_CREATE_XML,
                         REMOTE_XDR(remote_domain_create_xml_args), &args);
}

/* Without flags in the older form, which every daemon has. */
static virDomainPtr
remoteDomainDefineXMLFlags(virConnectPtr conn, const char *xml, unsigned int flags)
{
    remote_domain_define_xml_flags_args args = {(char *)xml, flags};

    if (flags == 0)
        return callForDomain(conn, REMOTE_PROC_DOMAIN_DEFINE_XML, REMOTE_XDR(remote_string),
                             &args.xml);
    return callForDomain(conn, REMOTE_PROC_DOMAIN_DEFINE_XML_FLAGS,
                         REMOTE_XDR(remote_domain_define_xml_flags_args), &args);
}

/* The form with flags always: only its reply carries the id, which the handle learns from it. */
static int
remoteDomainCreateWithFlags(virDomainPtr dom, unsigned int flags)
{
    remote_domain ret = {0};

    if (remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_CREATE_WITH_FLAGS, flags,
                              REMOTE_XDR(remote_domain), &ret) < 0)
        return -1;
    dom->id = ret.id;
    xdr_free(REMOTE_XDR(remote_domain), (char *)&ret);
    return 0;
}

static int
remoteDomainSuspend(virDomainPtr dom)
{
    return remoteCallDomain(dom, REMOTE_PROC_DOMAIN_SUSPEND, NULL, NULL);
}

static int
remoteDomainResume(virDomainPtr dom)
{
    return remoteCallDomain(dom, REMOTE_PROC_DOMAIN_RESUME, NULL, NULL);
}

static int
remoteDomainShutdownFlags(virDomainPtr dom, unsigned int flags)
{
    if (flags == 0)
        return remoteCallDomain(dom, REMOTE_PROC_DOMAIN_SHUTDOWN, NULL, NULL);
    return remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_SHUTDOWN_FLAGS, flags, NULL, NULL);
}

static int
remoteDomainReboot(virDomainPtr dom, unsigned int flags)
{
    return remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_REBOOT, flags, NULL, NULL);
}

static int
remoteDomainReset(virDomainPtr dom, unsigned int flags)
{
    return remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_RESET, flags, NULL, NULL);
}

static int
remoteDomainDestroyFlags(virDomainPtr dom, unsigned int flags)
{
    int rc;

    if (flags == 0)
        rc = remoteCallDomain(dom, REMOTE_PROC_DOMAIN_DESTROY, NULL, NULL);
    else
        rc = remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_DESTROY_FLAGS, flags, NULL, NULL);
    if (rc == 0)
        dom->id = -1;
    return rc;
}

static int
remoteDomainUndefineFlags(virDomainPtr dom, unsigned int flags)
{
    if (flags == 0)
        return remoteCallDomain(dom, REMOTE_PROC_DOMAIN_UNDEFINE, NULL, NULL);
    return remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_UNDEFINE_FLAGS, flags, NULL, NULL);
}

static int
remoteDomainGetAutostart(virDomainPtr dom, int *autostart)
{
    return remoteCallDomain(dom, REMOTE_PROC_DOMAIN_GET_AUTOSTART, REMOTE_XDR(int), autostart);
}

static int
remoteDomainSetAutostart(virDomainPtr dom, int autostart)
{
    remote_domain_set_autostart_args args = {remoteWireDomain(dom), autostart};

    return remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_SET_AUTOSTART,
                          REMOTE_XDR(remote_domain_set_autostart_args), &args, NULL, NULL);
}

void
remoteClientAddDomain(virDriver *driver)
{
    driver->connectNumOfDomains = remoteConnectNumOfDomains;
    driver->connectListDomains = remoteConnectListDomains;
    driver->connectNumOfDefinedDomains = remoteConnectNumOfDefinedDomains;
    driver->connectListDefinedDomains = remoteConnectListDefinedDomains;
    driver->connectListAllDomains = remoteConnectListAllDomains;
    driver->domainLookupByID = remoteDomainLookupByID;
    driver->domainLookupByUUID = remoteDomainLookupByUUID;
    driver->domainLookupByName = remoteDomainLookupByName;
    driver->domainCreateXML = remoteDomainCreateXML;
    driver->domainDefineXMLFlags = remoteDomainDefineXMLFlags;
    driver->domainCreateWithFlags = remoteDomainCreateWithFlags;
    driver->domainSuspend = remoteDomainSuspend;
    driver->domainResume = remoteDomainResume;
    driver->domainShutdownFlags = remoteDomainShutdownFlags;
    driver->domainReboot = remoteDomainReboot;
    driver->domainReset = remoteDomainReset;
    driver->domainDestroyFlags = remoteDomainDestroyFlags;
    driver->domainUndefineFlags = remoteDomainUndefineFlags;
    driver->domainGetAutostart = remoteDomainGetAutostart;
    driver->domainSetAutostart = remoteDomainSetAutostart;
}
