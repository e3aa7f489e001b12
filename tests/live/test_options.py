#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Options of backups: what qemu.conf says for requests that do not, and what becomes of it."""
import xml.etree.ElementTree as ET

import libvirt

import livetest

MIB = 1 << 20
OPTIONS = "{urn:fleece:1}options"


class Options(livetest.LiveTest):
    def configure(self, text):
        with open(self.daemon.path("etc", "libvirt", "qemu.conf"), "w") as f:
            f.write(text)
        self.restart_daemon()

    def options(self, m):
        """What the running backup shows of them."""
        found = ET.fromstring(m.dom.backupGetXMLDesc()).find(OPTIONS)
        return found.attrib if found is not None else {}

    def extra(self, attributes):
        return "<f:options xmlns:f='urn:fleece:1' %s/>" % attributes

    def filters(self, m):
        return [n for n in self.qmp(m.dom, "query-named-block-nodes", flat=True)
                if n["drv"] == "copy-before-write"]

    def test_defaults_of_a_pull(self):
        m = self.machine(boots=False, disks=1)
        self.begin(m, self.pull_xml(m))
        self.assertEqual(self.options(m), {})
        self.end_pull(m)
        self.configure('backup_scope = "changed"\nbackup_onmissing = "full"\ncbw_timeout = 3\n'
                       "backup_workers = 2\n")
        given = {"scope": "changed", "onmissing": "full", "cbw-timeout": "3"}
        self.begin(m, self.pull_xml(m, incremental="never"))
        self.assertEqual(self.options(m), given)
        self.assertIn("backupmode='full'", m.dom.backupGetXMLDesc())
        self.restart_daemon(kill=True)
        self.configure("")
        self.assertEqual(self.options(m), given, "after a restart with another qemu.conf")
        self.end_pull(m)

    def test_request_goes_before_the_file(self):
        m = self.machine(boots=False, disks=1)
        self.configure('backup_quiesce = 1\nbackup_bandwidth = 1\nbackup_workers = 3\n')
        self.assertError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, "guest agent", self.begin, m, self.push_xml(m, "a"))
        self.begin(m, self.push_xml(m, "b", extra=self.extra("quiesce='no'")))
        self.assertEqual(self.options(m), {"quiesce": "no", "bandwidth": "1", "workers": "3"})
        job = self.qmp(m.dom, "query-block-jobs")[0]
        self.assertEqual(job["speed"], 1)
        m.dom.abortJob()
        self.wait_no_job(m)
        self.begin(m, self.push_xml(m, "c", extra=self.extra("quiesce='no' bandwidth='0'")))
        self.wait_no_job(m)

    def test_bad_values_keep_the_daemon_from_starting(self):
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        path = self.daemon.path("etc", "libvirt", "qemu.conf")
        for line in ('backup_scope = "all"', "backup_onmissing = 1", "backup_quiesce = 2", "cbw_timeout = 0",
                     "backup_bandwidth = -1", "backup_workers = 65", "backup_wrokers = 1"):
            with self.subTest(line):
                with open(path, "w") as f:
                    f.write("# first\n\n%s\n" % line)
                with self.assertRaises(AssertionError) as context:
                    self.daemon.start()
                self.daemon.process = None
                self.assertIn("status 1", str(context.exception))
                self.assertIn("%s:3: " % path, str(context.exception))
                self.assertIn(line.split()[0], str(context.exception))
        with open(path, "w"):
            self.start_daemon()


if __name__ == "__main__":
    livetest.main()
