#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pull backups over TLS: with a certificate the same bytes as without TLS, without one nothing."""
import os
import shutil
import socket
import subprocess
import xml.etree.ElementTree as ET

import libvirt
import nbd

import howto
import images
import livetest
from daemon import wait_until
from processes import free_port

MIB = 1 << 20


class TLS(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        self.client = os.path.join(self.tmp, "client")

    def make_certificates(self, directory):
        """An authority and the certificates of a server and a client, as the documentation says."""
        os.makedirs(directory)
        subprocess.run(["sh", "-ec", howto.example("formatbackup.rst", "certificates")], cwd=directory,
                       check=True, stdin=subprocess.DEVNULL, capture_output=True)

    def install_certificates(self, name="qemu"):
        """For the server; a copy for the client."""
        directory = self.daemon.path("etc", "pki", name)
        self.make_certificates(directory)
        os.makedirs(self.client, exist_ok=True)
        for file in ("ca-cert.pem", "client-cert.pem", "client-key.pem"):
            shutil.move(os.path.join(directory, file), self.client) if file.startswith("client") \
                else shutil.copy(os.path.join(directory, file), self.client)
        return directory

    def tls_xml(self, m, port=None, **kwargs):
        return self.pull_xml(m, port=port, **kwargs).replace("<server ", "<server tls='yes' ")

    def configure(self, text):
        with open(self.daemon.path("etc", "libvirt", "qemu.conf"), "a") as f:
            f.write(text)
        self.restart_daemon()

    def read(self, export, certificates=None, tls=nbd.TLS_REQUIRE, port=None):
        """The bytes of an export and its dirty extents; nbd.Error if the server does not want us."""
        h = nbd.NBD()
        h.set_tls(tls)
        if certificates:
            h.set_tls_certificates(certificates)
        h.set_export_name(export)
        bitmap = "qemu:dirty-bitmap:backup-" + export
        h.add_meta_context(bitmap)
        if port:
            h.connect_tcp("localhost", str(port))
        else:
            h.connect_unix(self.socket_path())
        dirty = images.dirty(h, "backup-" + export) if h.can_meta_context(bitmap) else None
        data = images.read_all(h)
        h.shutdown()
        return data, dirty

    def assert_refused(self, **kwargs):
        with self.assertRaises(nbd.Error):
            self.read("vda", **kwargs)

    def objects(self, m):
        return [o["name"] for o in self.qmp(m.dom, "qom-list", path="/objects")]

    def parameters(self, m):
        """The directory of the credentials; QEMU does not stand still to compute parameters for them."""
        directory = self.qmp(m.dom, "qom-get", path="/objects/fleece-tls", property="dir")
        with open(os.path.join(directory, "dh-params.pem")) as f:
            self.assertIn("DH PARAMETERS", f.read())
        return directory

    def test_client_with_certificate_reads_and_nobody_else(self):
        m = self.machine()
        m.write("vda", 0, MIB)
        self.checkpoint(m, "a")
        m.write("vda", 4 * MIB, 65536)
        self.install_certificates()
        stranger = os.path.join(self.tmp, "stranger")
        self.make_certificates(stranger)
        shutil.copy(os.path.join(self.client, "ca-cert.pem"), stranger)
        port = free_port()
        self.begin(m, self.tls_xml(m, port=port, incremental="a"))
        server = ET.fromstring(m.dom.backupGetXMLDesc()).find("server")
        self.assertEqual(server.attrib, {"transport": "tcp", "tls": "yes", "name": "localhost", "port": str(port)})
        want = m["vda"].model.data.copy()
        m.write("vda", 8 * MIB, MIB)
        data, dirty = self.read("vda", self.client, port=port)
        self.assertSame(want, data, "vda over TLS")
        self.assertEqual(dirty, [(4 * MIB, 65536)])
        out = os.path.join(self.out, "copy")
        images.run(["nbdcopy", "nbds://localhost:%d/vda?tls-certificates=%s" % (port, self.client), out])
        with open(out, "rb") as f:
            self.assertSame(want, f.read(), "vda copied by nbdcopy")
        self.assert_refused(tls=nbd.TLS_DISABLE, port=port)
        self.assert_refused(certificates=None, port=port)
        self.assert_refused(certificates=stranger, port=port)
        plain = images.run(["nbdinfo", "--list", "nbd://localhost:%d" % port], check=False)
        self.assertNotEqual(plain.returncode, 0)
        self.assertNotIn("vda", plain.stdout, "an export's name told without TLS")
        self.assertSame(want, self.read("vda", self.client, port=port)[0], "vda after strangers")
        self.assertIn("fleece-tls", self.objects(m))
        self.assertEqual(self.parameters(m), self.daemon.path("var/lib/libvirt/qemu/backup-tls"))
        self.end_pull(m)
        self.assertNotIn("fleece-tls", self.objects(m))

    def test_unix_socket_and_directory_for_backups(self):
        m = self.machine(boots=False, disks=1)
        self.make_certificates(self.daemon.path("etc", "pki", "qemu"))   # of somebody else
        self.install_certificates("libvirt-backup")
        self.begin(m, self.tls_xml(m))
        self.assertSame(m["vda"].model.data, self.read("vda", self.client)[0], "vda")
        self.assert_refused(tls=nbd.TLS_DISABLE)
        self.end_pull(m)

    def test_socket_of_the_clients(self):
        m = self.machine(boots=False, disks=1)
        self.install_certificates()
        server = socket.create_server(("127.0.0.1", 0))
        port = server.getsockname()[1]
        self.associate(m, server)
        self.begin(m, self.fd_xml(m, tls="tls='yes'"))
        shown = ET.fromstring(m.dom.backupGetXMLDesc()).find("server")
        self.assertEqual(shown.attrib, {"transport": "fd", "tls": "yes", "fdgroup": "nbd"})
        self.assertSame(m["vda"].model.data, self.read("vda", self.client, port=port)[0], "vda over TLS")
        self.assert_refused(tls=nbd.TLS_DISABLE, port=port)
        self.assert_refused(certificates=None, port=port)
        self.end_pull(m)

    def test_without_certificates(self):
        m = self.machine(boots=False, disks=1)
        want = self.daemon.path("etc", "pki", "qemu", "ca-cert.pem")
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR,
                         "backup of domain 'vm' with TLS: there is no '%s'.*backup_tls_x509_cert_dir" % want,
                         self.begin, m, self.tls_xml(m))
        directory = self.install_certificates()
        with open(os.path.join(directory, "server-key.pem"), "w") as f:
            f.write("no key\n")
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "object-add.*server-key.pem",
                         self.begin, m, self.tls_xml(m))
        self.assertNotIn("fleece-tls", self.objects(m))
        self.begin(m, self.pull_xml(m))
        self.end_pull(m)

    def serve(self, path, host="127.0.0.1"):
        """An NBD server that speaks with nobody but over TLS, to those who have a certificate; its port."""
        port = free_port()
        server = subprocess.Popen(["nbdkit", "-f", "-i", host, "-p", str(port), "--tls=require", "--tls-verify-peer",
                                   "--tls-certificates=" + os.path.join(self.tmp, "server"), "file", path],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.own.append(server.pid)
        self.addCleanup(lambda: (server.kill(), server.wait()))
        wait_until("nbdkit to listen", lambda: not socket.socket().connect_ex((host, port)))
        return port

    def push_tls_xml(self, port, tls="yes", host="localhost"):
        return ("<domainbackup><disks><disk name='vda' type='network'><target protocol='nbd' tls='%s'>"
                "<host name='%s' port='%d'/></target></disk></disks></domainbackup>" % (tls, host, port))

    def test_push_to_a_server(self):
        """With certificates of ours, and with nothing less; its name is looked at."""
        m = self.machine(disks=1)
        m.write("vda", 0, MIB)
        shutil.copytree(self.install_certificates(), os.path.join(self.tmp, "server"))
        shutil.rmtree(self.daemon.path("etc", "pki"))
        path = os.path.join(self.out, "served")
        with open(path, "wb") as f:
            f.truncate(m["vda"].size)
        port = self.serve(path)
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR,
                         "NBD server with TLS: there is no '.*pki/qemu/ca-cert.pem'.*nbd_tls_x509_cert_dir",
                         self.begin, m, self.push_tls_xml(port))
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "(?i)tls", self.begin, m, self.push_tls_xml(port, "no"))
        stranger = self.daemon.path("etc", "pki", "libvirt-nbd")
        self.make_certificates(stranger)
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "backup.begin.open.vda", self.begin, m, self.push_tls_xml(port))
        self.assertNotIn("fleece-tls", self.objects(m))
        shutil.rmtree(stranger)
        shutil.copytree(self.client, stranger)
        other = "127.0.0.2"     # whose name is in no certificate
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "(?i)certificate.*127.0.0.2",
                         self.begin, m, self.push_tls_xml(self.serve(path, other), host=other))
        for _ in range(2):
            self.begin(m, self.push_tls_xml(port))
            self.assertIn("tls='yes'", m.dom.backupGetXMLDesc())
            self.wait_no_job(m)
            self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
            self.assertNotIn("fleece-tls", self.objects(m))
        with open(path, "rb") as f:
            self.assertSame(m["vda"].model.data, f.read(), "vda pushed over TLS")

    def test_configuration(self):
        m = self.machine(boots=False, disks=1)
        own = os.path.join(self.tmp, "own")
        shutil.move(self.install_certificates(), own)
        self.configure('backup_tls_x509_cert_dir = "%s"\nbackup_tls_x509_verify = 0\n' % own)
        with open(os.path.join(own, "dh-params.pem"), "w") as f:
            subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072"],
                           stdout=f, check=True)
        self.begin(m, self.tls_xml(m))
        self.assertEqual(self.parameters(m), own)
        os.unlink(os.path.join(self.client, "client-cert.pem"))
        os.unlink(os.path.join(self.client, "client-key.pem"))
        self.assertSame(m["vda"].model.data, self.read("vda", self.client)[0], "vda, client without certificate")
        self.assert_refused(tls=nbd.TLS_DISABLE)
        self.end_pull(m)

    def test_stopped_domain_and_dead_daemon(self):
        m = self.machine(boots=False, disks=1, start=False)
        self.install_certificates()
        self.begin(m, self.tls_xml(m))
        self.assertSame(m["vda"].model.data, self.read("vda", self.client)[0], "vda of a stopped domain")
        self.assert_refused(tls=nbd.TLS_DISABLE)
        m.dom.abortJob()
        m.dom.create()
        for point in ("backup.begin.tls.done", "backup.begin.server.done", "backup.end.server.done"):
            with self.subTest(point):
                self.restart_daemon(fault=point + ":kill")
                try:
                    self.begin(m, self.tls_xml(m))
                    m.dom.abortJob()
                except libvirt.libvirtError:
                    pass
                self.daemon.wait_end()
                self.disconnect()
                self.start_daemon()
                self.begin(m, self.tls_xml(m))
                self.assertSame(m["vda"].model.data, self.read("vda", self.client)[0], "vda afterwards")
                self.end_pull(m)
                self.assertNotIn("fleece-tls", self.objects(m))


if __name__ == "__main__":
    livetest.main()
