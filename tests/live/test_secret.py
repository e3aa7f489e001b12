#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Secrets: the same as with Debian's daemon and virsh, on disk and off it, and in no log."""
import base64
import glob
import os
import re
import shlex
import shutil
import subprocess

import libvirt

import daemon as daemons
import livetest

MAIL, CLIENT, BARE = ("%d1111111-2222-4333-8444-555555555555" % i for i in (1, 2, 3))
NOBODY = "00000000-2222-4333-8444-555555555555"
VALUE = b"correct horse\0battery\n"
VOLUME = libvirt.VIR_SECRET_USAGE_TYPE_VOLUME


def document(uuid=None, attributes="", usage="", description=""):
    return "<secret %s>%s%s%s</secret>" % (
        attributes, "<uuid>%s</uuid>" % uuid if uuid else "",
        "<description>%s</description>" % description if description else "", usage)


def volume(path):
    return "<usage type='volume'><volume>%s</volume></usage>" % path


DOCUMENTS = {
    "mail": document(MAIL, usage=volume("/i/mail"), description="a &lt; b"),
    "mail-again": document(MAIL, usage=volume("/i/mail"), description="other words"),
    "mail-elsewhere": document(MAIL, usage=volume("/i/other")),
    "mail-private": document(MAIL, "private='yes'", volume("/i/mail")),
    "mail-public": document(MAIL, "private='no'", volume("/i/mail")),
    "mail-ephemeral": document(MAIL, "ephemeral='yes'", volume("/i/mail")),
    "second-for-mail": document(usage=volume("/i/mail")),
    "client": document(CLIENT, "ephemeral='yes' private='yes'", "<usage type='ceph'><name>c</name></usage>"),
    "bare": document(BARE),
    "broken": "<secret",
    "wrong": "<domain/>",
}

# Both virsh, each with its own daemon: the same status, output and errors.
SAME = """
secret-list
secret-define @mail@
secret-define @mail@ --validate
secret-define @client@
secret-define @bare@
secret-define @second-for-mail@
secret-define @mail-elsewhere@
secret-define @broken@
secret-define @wrong@
secret-list
secret-list --ephemeral
secret-list --no-ephemeral
secret-list --private
secret-list --no-private --no-ephemeral
secret-list --private --no-private
secret-dumpxml MAIL
secret-dumpxml CLIENT
secret-dumpxml BARE
secret-dumpxml MAIL --xpath //usage
secret-dumpxml nonsense
secret-dumpxml NOBODY
secret-get-value MAIL
secret-set-value MAIL
secret-set-value MAIL aGVsbG8=
secret-get-value MAIL
secret-get-value MAIL --plain
secret-set-value MAIL --base64 aGVsbG8h
secret-get-value MAIL
secret-set-value MAIL --file @base64@
secret-get-value MAIL
secret-set-value MAIL --file @value@ --plain
secret-get-value MAIL
secret-get-value MAIL --plain
secret-define @mail-again@
secret-dumpxml MAIL
secret-get-value MAIL
secret-set-value MAIL --plain
secret-set-value MAIL --plain --base64 aGVsbG8=
secret-set-value MAIL --file @value@ --base64 aGVsbG8=
secret-set-value MAIL --interactive --file @value@
secret-set-value MAIL --interactive --base64 aGVsbG8=
secret-set-value MAIL --interactive --plain
secret-define @mail-ephemeral@
secret-get-value MAIL
secret-define @mail@
secret-get-value MAIL
secret-define @mail-private@
secret-get-value MAIL
secret-define @mail-public@
secret-set-value CLIENT --base64 aGVsbG8=
secret-get-value CLIENT
secret-undefine MAIL
secret-undefine MAIL
secret-set-value MAIL --base64 aGVsbG8=
secret-list
""".strip().splitlines()


class Secrets(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        self.other = None
        self.files = dict(DOCUMENTS, base64=base64.b64encode(VALUE).decode() + "\n", value=VALUE)
        for name, content in self.files.items():
            self.files[name] = os.path.join(self.out, name)
            with open(self.files[name], "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())

    def words(self, line):
        names = {"MAIL": MAIL, "CLIENT": CLIENT, "BARE": BARE, "NOBODY": NOBODY}
        return [self.files.get(w.strip("@"), w) if w.startswith("@") else names.get(w, w)
                for w in shlex.split(line)]

    def stock(self):
        self.other = daemons.StockDaemon(os.path.join(self.tmp, "stock"))
        self.addCleanup(lambda: self.other.running() and self.other.kill())
        return self.other

    def tearDown(self):
        if self.other and self.other.running():
            self.other.stop()
        super().tearDown()

    def stored(self):
        """{name of a file of the daemon: its content}; none may be read by anybody else."""
        found = {}
        for path in glob.glob(self.daemon.path("etc", "libvirt", "secrets", "*")):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600, path)
            with open(path, "rb") as f:
                found[os.path.basename(path)] = f.read()
        return found

    def define(self, name, value=None):
        secret = self.conn.secretDefineXML(DOCUMENTS[name])
        if value is not None:
            secret.setValue(value)
        return secret

    def find(self, uuid=MAIL):
        return self.conn.secretLookupByUUIDString(uuid)

    # As stock

    def test_virsh_as_stock(self):
        stock = self.stock()
        stock.start()
        for line in SAME:
            rows = []
            for daemon in (stock, self.daemon):
                done = subprocess.run([*daemon.virsh, "-c", daemon.uri, *self.words(line)], capture_output=True,
                                      timeout=60, stdin=subprocess.DEVNULL)
                rows.append((done.returncode, done.stdout, done.stderr))
            with self.subTest(line):
                self.assertEqual(rows[1], rows[0])

    def answers(self, conn, read_only):
        """What a client is told, call by call: results, or code, domain and message of the error."""
        def secret(c, uuid=MAIL):
            return c.secretLookupByUUIDString(uuid)

        calls = [
            lambda: conn.secretDefineXML(DOCUMENTS["mail"]).UUIDString(),
            lambda: conn.secretDefineXML(DOCUMENTS["client"]).UUIDString(),
            lambda: conn.secretDefineXML(DOCUMENTS["bare"]).UUIDString(),
            lambda: conn.secretDefineXML(DOCUMENTS["second-for-mail"]).UUIDString(),
            lambda: conn.secretDefineXML(DOCUMENTS["bare"], 4).UUIDString(),
            lambda: conn.numOfSecrets(),
            lambda: sorted(conn.listSecrets()),
            lambda: sorted(s.UUIDString() for s in conn.listAllSecrets(0)),
            lambda: conn.listAllSecrets(1 << 10),
            lambda: conn.secretLookupByUsage(VOLUME, "/i/mail").UUIDString(),
            lambda: conn.secretLookupByUsage(VOLUME, "/i/none").UUIDString(),
            lambda: conn.secretLookupByUsage(0, "").UUIDString(),
            lambda: conn.secretLookupByUsage(77, "x").UUIDString(),
            lambda: conn.secretLookupByUUID(b"\x11\x11\x11\x11\x22\x22\x43\x33\x84\x44" + b"\x55" * 6).usageID(),
            lambda: secret(conn, "nonsense"),
            lambda: secret(conn, NOBODY),
            lambda: (secret(conn).usageType(), secret(conn).usageID(), secret(conn).UUID()),
            lambda: (secret(conn, BARE).usageType(), secret(conn, BARE).usageID()),
            lambda: secret(conn).XMLDesc(),
            lambda: secret(conn).XMLDesc(4),
            lambda: secret(conn).value(),
            lambda: secret(conn).value(1),
            lambda: secret(conn).setValue(b"x", 4),
            lambda: secret(conn).setValue(b"x" * 65536),
            lambda: secret(conn).value(),
            lambda: secret(conn).setValue(b"x" * 65537),
            lambda: secret(conn).setValue(VALUE),
            lambda: secret(conn).value(),
            lambda: secret(conn, CLIENT).setValue(VALUE),
            lambda: secret(conn, CLIENT).value(),
            lambda: secret(read_only).XMLDesc(),
            lambda: secret(read_only).value(),
            lambda: secret(read_only).setValue(b"x"),
            lambda: secret(read_only).undefine(),
            lambda: read_only.secretDefineXML(DOCUMENTS["bare"]),
            lambda: secret(conn, BARE).undefine(),
        ]
        gone = []
        told = []
        for call in calls:
            if not gone and len(told) == len(calls) - 1:
                gone.append(secret(conn, BARE))
            told.append(self.told(call))
        told += [self.told(call) for call in (gone[0].value, gone[0].XMLDesc, gone[0].undefine,
                                              lambda: gone[0].setValue(b"x"))]
        return told

    @staticmethod
    def told(call):
        try:
            return call()
        except libvirt.libvirtError as e:
            return e.get_error_code(), e.get_error_domain(), e.get_error_message()

    def test_api_as_stock(self):
        stock = self.stock()
        stock.start()
        theirs, ours = (self.answers(self.connect(d.uri), self.connect(d.uri, read_only=True))
                        for d in (stock, self.daemon))
        for number, (their, our) in enumerate(zip(theirs, ours)):
            with self.subTest(number):
                self.assertEqual(our, their)

    def test_unknown_elements_are_refused(self):
        for text, what in ((document(usage="<value>x</value>"), "unknown element <value>"),
                           (document(usage="<usage type='volume'/>"), "missing element <volume>")):
            self.assertError(libvirt.VIR_ERR_XML_INVALID_SCHEMA, what, self.conn.secretDefineXML, text)

    def test_stock_reads_ours(self):
        self.define("mail", VALUE)
        stock = self.stock()
        shutil.copytree(self.daemon.path("etc", "libvirt", "secrets"), stock.path("etc", "libvirt", "secrets"))
        stock.start()
        self.assertEqual(self.connect(stock.uri).secretLookupByUUIDString(MAIL).value(), VALUE)

    # On disk

    def test_restart(self):
        self.define("mail", VALUE)
        self.define("bare")
        self.define("client", b"gone")
        self.assertEqual(set(self.stored()), {MAIL + ".xml", MAIL + ".base64", BARE + ".xml"})
        self.assertEqual(base64.b64decode(self.stored()[MAIL + ".base64"]), VALUE)
        self.restart_daemon()
        self.assertEqual(sorted(self.conn.listSecrets()), [MAIL, BARE])
        self.assertEqual(self.find().value(), VALUE)
        self.assertEqual(self.find().usageID(), "/i/mail")
        self.find().undefine()
        self.assertEqual(set(self.stored()), {BARE + ".xml"})

    def test_ephemeral_and_back(self):
        self.define("mail", VALUE)
        self.define("mail-ephemeral")
        self.assertEqual(self.stored(), {})
        self.assertEqual(self.find().value(), VALUE)
        self.define("mail")
        self.assertEqual(set(self.stored()), {MAIL + ".xml", MAIL + ".base64"})
        self.restart_daemon()
        self.assertEqual(self.find().value(), VALUE)

    def test_files_that_cannot_be_read(self):
        """They keep neither the others nor the daemon from coming up, and stay."""
        self.define("mail", VALUE)
        self.define("bare")
        self.disconnect()
        self.daemon.stop()
        path = self.daemon.path("etc", "libvirt", "secrets")
        with open(os.path.join(path, MAIL + ".xml"), "w") as f:
            f.write("<secret")
        shutil.copy(os.path.join(path, BARE + ".xml"), os.path.join(path, "copy.xml"))
        before = set(os.listdir(path))
        self.start_daemon()
        self.assertEqual(self.conn.listSecrets(), [BARE])
        self.assertEqual(set(os.listdir(path)), before)
        self.assertIn("does not match the name of the file", self.daemon.log_tail())
        os.unlink(os.path.join(path, "copy.xml"))

    def test_values_that_are_damaged(self):
        """Something else than the secret is never given out; line ends harm nobody."""
        self.define("mail", VALUE)
        whole = base64.b64encode(VALUE)
        path = self.daemon.path("etc", "libvirt", "secrets", MAIL + ".base64")
        for text in (whole[:-1], whole[1:], whole[:2] + b"!" + whole[2:], whole[:4] + b"\0" + whole[4:], whole + b"AAAA"):
            self.disconnect()
            self.daemon.stop()
            with open(path, "wb") as f:
                f.write(text)
            self.start_daemon()
            self.assertError(libvirt.VIR_ERR_NO_SECRET, "does not have a value", self.find().value)
            self.assertRegex(self.daemon.log_tail(), MAIL + ".base64' is damaged")
            self.assertEqual(self.stored()[MAIL + ".base64"], text)
        self.find().setValue(VALUE)
        self.assertEqual(self.stored()[MAIL + ".base64"], whole)
        self.disconnect()
        self.daemon.stop()
        with open(path, "wb") as f:
            f.write(whole[:4] + b"\r\n" + whole[4:] + b"\n")
        self.start_daemon()
        self.assertEqual(self.find().value(), VALUE)

    # Interrupted

    CHANGES = {
        "define": (None, lambda self: self.define("mail"), None),
        "change": ("mail", lambda self: self.define("mail-again"), VALUE),
        "set": ("mail", lambda self: self.find().setValue(b"new"), VALUE),
        "undefine": ("mail", lambda self: self.find().undefine(), VALUE),
        "to-ephemeral": ("mail", lambda self: self.define("mail-ephemeral"), VALUE),
        "to-disk": ("mail-ephemeral", lambda self: self.define("mail"), VALUE),
    }

    def state(self):
        """The one secret as a client sees it."""
        try:
            secret = self.find()
        except libvirt.libvirtError as e:
            self.assertEqual(e.get_error_code(), libvirt.VIR_ERR_NO_SECRET)
            return None
        value = self.told(secret.value)
        return secret.XMLDesc(), value if isinstance(value, bytes) else None

    def in_state(self, before, value, **kwargs):
        """The daemon anew on an empty directory, with what @before names."""
        self.disconnect()
        if self.daemon.running():
            self.daemon.stop()
        else:
            self.daemon.process = None
        shutil.rmtree(self.daemon.path("etc", "libvirt", "secrets"), ignore_errors=True)
        self.daemon.start(**kwargs)
        self.conn = self.connect()
        if before:
            self.define(before, value)

    def points(self, before, value, change):
        """The fault points that @change passes, and how often each was passed before it."""
        log = os.path.join(self.out, "points")
        self.in_state(before, value, env={"VIR_TEST_FAULT_LOG": log})
        with open(log) if os.path.exists(log) else open(os.devnull) as f:
            earlier = f.read().split()
        change(self)
        with open(log) as f:
            passed = f.read().split()[len(earlier):]
        os.unlink(log)
        return [(p, earlier.count(p) + 1) for p in passed if p.startswith("secret.")]

    def test_killed_or_failed_at_each_fault_point(self):
        """Before or after, whole; nothing of it in the way of doing it again; no value without its secret."""
        walked = 0
        for name, (before, change, value) in self.CHANGES.items():
            self.in_state(before, value)
            old = self.state()
            change(self)
            new = self.state()
            forgotten = None if before == "mail-ephemeral" or name == "to-ephemeral" else old
            for point, nth in self.points(before, value, change):
                for kind in ("kill", "fail", "enospc"):
                    with self.subTest("%s: %s:%s" % (name, point, kind)):
                        walked += 1
                        self.in_state(before, value, fault="%s:%s:%d" % (point, kind, nth))
                        try:
                            change(self)
                        except libvirt.libvirtError:
                            pass
                        if kind == "kill":
                            self.daemon.wait_end()
                            self.disconnect()
                            self.start_daemon()
                            self.assertIn(self.state(), (old, new, forgotten))
                        else:
                            self.assertIn(self.state(), (old, new))
                            self.restart_daemon()
                        stored = set(self.stored())
                        self.assertTrue(MAIL + ".base64" not in stored or MAIL + ".xml" in stored, stored)
                        self.assertEqual(len(stored - {MAIL + ".base64", MAIL + ".xml"}), 0, stored)
                        self.define("mail", b"again")
                        self.assertEqual(self.find().value(), b"again")
        self.assertGreater(walked, 40)

    # In no log

    def test_no_value_in_the_log(self):
        self.disconnect()
        self.daemon.stop()
        self.daemon.start(env={"LIBVIRT_DEBUG": "1"})
        self.conn = self.connect()
        value = b"needle-in-the-log"
        self.define("mail", value)
        self.find().value()
        self.restart_daemon()
        self.find().value()
        with open(self.daemon.log, "rb") as f:
            log = f.read()
        self.assertIn(MAIL.encode(), log)
        for text in (value, base64.b64encode(value)):
            self.assertEqual(re.findall(re.escape(text), log), [])


if __name__ == "__main__":
    livetest.main()
