#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input: refused with the right code and words, nothing left, and the next operation works."""
import os

import libvirt

import images
import livetest

XML_ERROR = libvirt.VIR_ERR_XML_ERROR
XML_DETAIL = libvirt.VIR_ERR_XML_DETAIL
UNSUPPORTED = libvirt.VIR_ERR_CONFIG_UNSUPPORTED
INVALID = libvirt.VIR_ERR_OPERATION_INVALID
INVALID_ARG = libvirt.VIR_ERR_INVALID_ARG
SCHEMA = libvirt.VIR_ERR_XML_INVALID_SCHEMA
# Both say XML_DETAIL for what libxml2 refuses, XML_ERROR for another root element, SCHEMA for what libvirt's
# grammar of checkpoints and backups does not have, and UNSUPPORTED for what does not fit the domain.
CHECKPOINT_MISSING = libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT

# NBD, SCRATCH and OUT stand for directories of the test
SERVER = "<server transport='unix' socket='NBD/s'/>"
PULL = "<domainbackup mode='pull'>" + SERVER + "%s</domainbackup>"
SCRATCH = "<disks><disk name='vda'><scratch file='SCRATCH/x'/></disk></disks>"
TARGET = "<disks><disk name='vda' type='file'><target file='OUT/x'/></disk></disks>"
HUGE = "<!--" + "x" * (40 << 20) + "-->"
DEEP = "<a>" * 5000 + "</a>" * 5000

# what it is, the document, the codes that are right, words the message must have
BACKUPS = [
    ("empty", "", (XML_DETAIL,), ""),
    ("not XML", "this is not XML", (XML_DETAIL,), ""),
    ("cut off", "<domainbackup mode='pull'><server", (XML_DETAIL,), ""),
    ("other root", "<domain/>", (XML_ERROR,), "domainbackup|domain"),
    ("bad mode", "<domainbackup mode='sideways'/>", (SCHEMA,), "sideways|mode"),
    ("unknown element", PULL % "<frobnicate/>", (SCHEMA,), "frobnicate|schema"),
    ("pull without server", "<domainbackup mode='pull'/>", (SCHEMA,), "(?i)server|socket|schema"),
    ("unix without socket", "<domainbackup mode='pull'><server transport='unix'/></domainbackup>",
     (SCHEMA,), "(?i)socket|schema"),
    ("relative socket", "<domainbackup mode='pull'><server transport='unix' socket='s'/></domainbackup>",
     (SCHEMA,), "(?i)socket|absolute|schema"),
    ("bad transport", "<domainbackup mode='pull'><server transport='pigeon'/></domainbackup>",
     (SCHEMA,), "pigeon|transport|schema"),
    ("bad port", "<domainbackup mode='pull'><server name='localhost' port='99999'/></domainbackup>",
     (INVALID_ARG,), "99999|port"),
    ("push with server", "<domainbackup mode='push'>" + SERVER + "</domainbackup>", (SCHEMA,),
     "(?i)server|push|schema"),
    ("unknown disk", PULL % "<disks><disk name='vdz'/></disks>", (UNSUPPORTED,), "vdz"),
    ("disk twice", PULL % "<disks><disk name='vda'/><disk name='vda'/></disks>", (UNSUPPORTED,), "vda"),
    ("no disk", PULL % "<disks><disk name='vda' backup='no'/><disk name='vdb' backup='no'/></disks>",
     (UNSUPPORTED,), "(?i)disk"),
    ("nameless disk", PULL % "<disks><disk/></disks>", (SCHEMA,), "(?i)name|schema"),
    ("incremental from nowhere", PULL % "<incremental>nope</incremental>", (CHECKPOINT_MISSING,), "nope"),
    ("disk incremental from nowhere", PULL % "<disks><disk name='vda' incremental='nope' "
     "backupmode='incremental'/></disks>", (CHECKPOINT_MISSING,), "nope"),
    ("bad backup mode of a disk", PULL % "<disks><disk name='vda' backupmode='half'/></disks>",
     (SCHEMA,), "half|schema"),
    ("scratch in no directory", PULL % "<disks><disk name='vda'><scratch file='OUT/none/x'/></disk></disks>",
     (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_INTERNAL_ERROR), "/none/|No such"),
    ("socket in no directory", "<domainbackup mode='pull'><server transport='unix' socket='OUT/none/s'/>"
     + SCRATCH + "</domainbackup>", (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_OPERATION_FAILED,
                                     libvirt.VIR_ERR_INTERNAL_ERROR), "/none/|No such"),
    ("entity", "<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><domainbackup mode='push'>&e;</domainbackup>",
     (XML_ERROR, SCHEMA), ""),                 # libvirt reads the declaration, and its grammar has no such text
    ("deep", "<domainbackup>" + DEEP + "</domainbackup>", (XML_ERROR, XML_DETAIL), ""),    # ours, libvirt's
]
CHECKPOINTS = [
    ("not XML", "<domaincheckpoint", (XML_DETAIL,), ""),
    ("other root", "<domainbackup/>", (XML_ERROR,), "domaincheckpoint|domainbackup"),
    ("unknown element", "<domaincheckpoint><nonsense/></domaincheckpoint>", (SCHEMA,),
     "nonsense|schema"),
    ("unknown disk", "<domaincheckpoint><disks><disk name='vdz'/></disks></domaincheckpoint>",
     (UNSUPPORTED,), "vdz"),
    ("disk twice", "<domaincheckpoint><disks><disk name='vda'/><disk name='vda'/></disks></domaincheckpoint>",
     (UNSUPPORTED,), "vda"),
    ("slash in the name", "<domaincheckpoint><name>../../evil</name></domaincheckpoint>",
     (SCHEMA,), "evil|/|schema"),
    ("dot name", "<domaincheckpoint><name>.hidden</name></domaincheckpoint>",
     (SCHEMA,), r"hidden|\.|schema"),
    ("bad kind", "<domaincheckpoint><disks><disk name='vda' checkpoint='maybe'/></disks></domaincheckpoint>",
     (SCHEMA,), "maybe|schema"),
]
DOMAINS = [
    ("empty", "", (XML_ERROR, XML_DETAIL, INVALID_ARG), ""),
    ("cut off", "<domain type='qemu'><name>x</na", (XML_DETAIL,), ""),
    ("no name", "<domain type='qemu'><memory>1</memory><os><type>hvm</type></os></domain>", (XML_ERROR,
     libvirt.VIR_ERR_NO_NAME), "(?i)name"),
    ("unknown element", "<domain type='qemu'><name>x</name><memory>65536</memory><os><type>hvm</type></os>"
     "<devices><warpdrive/></devices></domain>", (UNSUPPORTED,), "warpdrive"),
    ("attribute of a plain element", "<domain type='qemu'><name odd='1'>x</name><memory>65536</memory>"
     "<os><type>hvm</type></os></domain>", (UNSUPPORTED,), "'odd' in element <name>"),
    ("child of a plain element", "<domain type='qemu'><name>x</name><memory>65536</memory><os><type>hvm</type></os>"
     "<features><acpi><odd/></acpi></features></domain>", (UNSUPPORTED,), "<odd> in <acpi>"),
    ("stray text", "<domain type='qemu'><name>x</name><memory>65536</memory>odd<os><type>hvm</type></os></domain>",
     (UNSUPPORTED,), "'odd' in element <domain>"),
    ("slash in the name", "<domain type='qemu'><name>a/b</name><memory>65536</memory><os><type>hvm</type></os>"
     "</domain>", (XML_ERROR,), "a/b|name"),
    ("bad uuid", "<domain type='qemu'><name>x</name><uuid>123</uuid><memory>65536</memory>"
     "<os><type>hvm</type></os></domain>", (XML_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR), "(?i)uuid"),
]


class Input(livetest.LiveTest):
    def refuse(self, what, codes, words, function, *args):
        with self.subTest(what):
            with self.assertRaises(libvirt.libvirtError, msg=what) as context:
                function(*args)
            e = context.exception
            self.assertIn(e.get_error_code(), codes, "%s: %s" % (what, e.get_error_message()))
            if words:
                self.assertRegex(e.get_error_message(), words, what)

    def place(self, text):
        for name in ("nbd", "scratch", "out"):
            text = text.replace("'%s/" % name.upper(), "'%s/" % getattr(self, name))
        return text

    def assert_next_works(self, m):
        self.begin(m, self.pull_xml(m), "works")
        for t, (data, _) in self.read_exports(m).items():
            self.assertSame(m[t].model.data, data, t)
        self.end_pull(m)
        m.dom.checkpointLookupByName("works").delete()

    def test_backup_documents(self):
        m = self.machine(boots=False)
        for what, xml, codes, words in BACKUPS:
            self.refuse("backup: " + what, codes, words, m.dom.backupBegin, self.place(xml), None)
            self.assertEqual(os.listdir(self.scratch) + os.listdir(self.nbd), [], what)
            self.assertNoNodes(m)
        self.assert_next_works(m)

    def test_bad_backup_leaves_no_checkpoint(self):
        m = self.machine(boots=False)
        xml = PULL % "<disks><disk name='vda'><scratch file='OUT/none/x'/></disk></disks>"
        with self.assertRaises(libvirt.libvirtError):
            m.dom.backupBegin(self.place(xml), self.checkpoint_xml("a"), 0)
        self.assertEqual(m.dom.listAllCheckpoints(), [])
        self.assertEqual([b for b in self.bitmaps(m).values() if b], [])
        self.assert_next_works(m)

    def test_checkpoint_documents(self):
        m = self.machine(boots=False)
        for what, xml, codes, words in CHECKPOINTS:
            self.refuse("checkpoint: " + what, codes, words, m.dom.checkpointCreateXML, xml, 0)
            self.assertEqual(m.dom.listAllCheckpoints(), [])
        self.assert_next_works(m)

    def test_domain_documents(self):
        for what, xml, codes, words in DOMAINS:
            if self.daemon.kind == "stock" and codes == (UNSUPPORTED,):
                continue                     # libvirt drops what it does not know
            self.refuse("domain: " + what, codes, words, self.conn.defineXML, xml)
        self.assertEqual(self.conn.listAllDomains(), [])
        self.machine(boots=False)

    def test_oversized_documents(self):
        """The wire allows 4 MiB a string, and the client says so itself; the daemon lives on."""
        m = self.machine(boots=False)
        for function in (self.conn.defineXML, lambda xml: m.dom.backupBegin(xml, None, 0),
                         lambda xml: m.dom.checkpointCreateXML(xml, 0)):
            self.assertError(libvirt.VIR_ERR_RPC, "(?i)too (big|large)|Unable to encode", function,
                             "<domain>" + HUGE + "</domain>")
        self.disconnect()
        self.conn = self.connect()
        m.dom = self.conn.lookupByName("vm")
        big = "<domainbackup mode='push'><!--" + "x" * (3 << 20) + "--><frobnicate/></domainbackup>"
        self.refuse("3 MiB", (SCHEMA,), "", m.dom.backupBegin, big, None)
        self.assert_next_works(m)

    def test_existing_target_file(self):
        """libvirt refuses; and the file keeps what it has."""
        m = self.machine(boots=False)
        for path, xml in ((os.path.join(self.out, "x"), "<domainbackup mode='push'>" + TARGET + "</domainbackup>"),
                          (os.path.join(self.scratch, "x"), PULL % SCRATCH)):
            with open(path, "w") as f:
                f.write("precious")
            with self.assertRaises(libvirt.libvirtError) as context:
                m.dom.backupBegin(self.place(xml), None, 0)
            self.assertIn(context.exception.get_error_code(),
                          (INVALID_ARG, UNSUPPORTED, INVALID, libvirt.VIR_ERR_OPERATION_FAILED))
            self.assertIn(path, context.exception.get_error_message())
            with open(path) as f:
                self.assertEqual(f.read(), "precious")
            os.unlink(path)
        self.assert_next_works(m)

    def test_reused_target_must_exist_and_fit(self):
        m = self.machine(boots=False, disks=1)
        reuse = libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL
        with self.assertRaises(libvirt.libvirtError):
            m.dom.backupBegin(self.push_xml(m, "r"), None, reuse)
        path = self.target_path(m, "vda", "r")
        images.create(path, m["vda"].size // 2)
        with self.assertRaises(libvirt.libvirtError):
            m.dom.backupBegin(self.push_xml(m, "r"), None, reuse)
        self.assertNoNodes(m)
        os.unlink(path)
        self.assert_next_works(m)

    def test_second_backup_while_one_runs(self):
        m = self.machine(boots=False)
        self.begin(m, self.pull_xml(m))
        other = self.pull_xml(m, socket=self.socket_path("other")).replace("/vm-vd", "/other-vd")
        self.assertError(INVALID, "(?i)backup|job|another|lock", self.begin, m, other)
        self.assertError(INVALID, "(?i)backup|job", self.begin, m, self.push_xml(m, "x"))
        for t, (data, _) in self.read_exports(m).items():
            self.assertSame(m[t].model.data, data, t)
        self.assertEqual(sorted(os.listdir(self.scratch)), ["vm-vda", "vm-vdb"])
        self.end_pull(m)
        self.assert_next_works(m)

    def test_checkpoints_come_and_go_during_a_backup(self):
        m = self.machine(boots=False)
        self.checkpoint(m, "a")
        self.checkpoint(m, "b")
        self.begin(m, self.pull_xml(m, incremental="a"))
        m.dom.checkpointLookupByName("a").delete()
        self.checkpoint(m, "c")
        self.assertEqual(sorted(c.getName() for c in m.dom.listAllCheckpoints()), ["b", "c"])
        for t, (data, dirty) in self.read_exports(m, incremental=True).items():
            self.assertSame(m[t].model.data, data, t)
            self.assertEqual(dirty, [])
        self.end_pull(m)
        self.assert_next_works(m)

    def test_what_is_not_there(self):
        m = self.machine(boots=False)
        self.assertError(CHECKPOINT_MISSING, "'nope'", m.dom.checkpointLookupByName, "nope")
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN, "'nobody'", self.conn.lookupByName, "nobody")
        path = os.path.join(self.tmp, "no-such-socket")
        for open_it in (libvirt.open, libvirt.openReadOnly):
            self.assertError(libvirt.VIR_ERR_SYSTEM_ERROR, "%s.*No such file" % path, open_it,
                             "qemu+unix:///system?socket=" + path)
        # and the same by our own library
        done = self.virsh("-c", "qemu+unix:///system?socket=" + path, "list", ours=True, check=False, connect=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "%s.*No such file" % path)
        self.assert_next_works(m)

    def test_abort_without_a_job(self):
        m = self.machine(boots=False)
        self.assertError(INVALID, "(?i)job", m.dom.abortJob)
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_BACKUP, "", m.dom.backupGetXMLDesc)

    def test_unknown_flags(self):
        m = self.machine(boots=False)
        self.assertError(INVALID_ARG, "(?i)flags", m.dom.backupBegin, self.pull_xml(m), None, 1 << 20)
        self.assertError(INVALID_ARG, "(?i)flags", m.dom.checkpointCreateXML, self.checkpoint_xml("a"), 1 << 20)

    def test_read_only_connection_may_not_back_up(self):
        m = self.machine(boots=False)
        dom = self.connect("qemu+unix:///system?socket=" + self.daemon.socket + "-ro",
                           read_only=True).lookupByName("vm")
        denied = libvirt.VIR_ERR_OPERATION_DENIED
        self.assertError(denied, "", dom.backupBegin, self.pull_xml(m), None)
        self.assertError(denied, "", dom.checkpointCreateXML, self.checkpoint_xml("a"))
        self.assertError(denied, "", dom.abortJob)


if __name__ == "__main__":
    livetest.main()
