#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our virsh and Debian's, each with the same command against the same daemon: the same standard
output and the same exit status. Where a command changes something, the change is undone between."""
import os
import re
import shlex
import subprocess

import daemon as daemons
import images
import livetest

# What differs between two runs of the same program, and therefore does not count.
MASKS = [
    (re.compile(r"\(Time: [^)]*\)"), "(Time)"),
    (re.compile(r"(Time elapsed:\s+)\d+ +ms"), r"\1N ms"),
    (re.compile(r'("id": ?"libvirt)-\d+"'), r'\1-N"'),
    (re.compile(r"(CPU time:\s+)[\d.]+s"), r"\1Ns"),
    (re.compile(r"\b(cpu\.time|cpu\.user|cpu\.system|vcpu\.\d+\.time|vcpu\.\d+\.delay|vcpu\.\d+\.wait|balloon\.rss|"
                r"block\.\d+\.\w+\.\w+|block\.\d+\.(allocation|physical))=\d+"), r"\1=N"),
    (re.compile(r"\b1[67]\d{8}\b"), "EPOCH"),
    (re.compile(r"(exportname='\w+' index=)'\d+'"), r"\1'N'"),      # every backup counts on
]

# Each row is run by both programs in turn. vm runs, off is off.
SAME = """
uri
list
list --all
list --inactive
list --all --name
list --all --uuid
list --all --id
list --all --title
list --state-running
list --state-shutoff
list --with-checkpoint --all
list --without-checkpoint --all
list --persistent
list --transient --all
list --nonsense
dominfo vm
dominfo off
dominfo nobody
domid vm
domid off
domuuid vm
domname 1
domstate vm
domstate vm --reason
domstate off --reason
domstate nobody
domcontrol vm
domblklist vm
domblklist vm --details
domblklist off
domblkinfo vm vda
domblkinfo vm vda --human
domblkinfo vm --all
domblkinfo vm vdz
dumpxml vm
dumpxml vm --inactive
dumpxml off
dumpxml vm --xpath //disk/target
dumpxml nobody
start vm
destroy off
suspend off
resume vm
undefine nobody
define /nonexistent.xml
create /nonexistent.xml
domjobinfo vm
domjobinfo off
domjobinfo vm --completed
domjobabort vm
domjobabort vm --postcopy
undefine off --nvram --keep-nvram
domstats vm --interface --perf
checkpoint-list vm
checkpoint-list vm --name
checkpoint-list vm --parent
checkpoint-list vm --roots
checkpoint-list vm --leaves
checkpoint-list vm --no-leaves
checkpoint-list vm --no-parents
checkpoint-list vm --tree
checkpoint-list vm --tree --name
checkpoint-list vm --from one
checkpoint-list vm --from one --descendants
checkpoint-list vm --topological
checkpoint-list vm --nonsense
checkpoint-list off
checkpoint-list nobody
checkpoint-dumpxml vm one
checkpoint-dumpxml vm two --no-domain
checkpoint-dumpxml vm two --no-domain --size
checkpoint-dumpxml vm nope
checkpoint-info vm one
checkpoint-info vm two
checkpoint-info vm nope
checkpoint-parent vm two
checkpoint-parent vm one
checkpoint-delete vm nope
checkpoint-create-as vm three --print-xml
checkpoint-create-as vm three --description "with words" --diskspec vda,checkpoint=bitmap --print-xml
checkpoint-create vm /nonexistent.xml
backup-dumpxml vm
backup-dumpxml off
backup-begin vm /nonexistent.xml
qemu-monitor-command vm query-status
qemu-monitor-command vm --pretty query-status
qemu-monitor-command vm --hmp info status
qemu-monitor-command vm nonsense
qemu-monitor-command off query-status
help list
help backup-dumpxml
help checkpoint-create
help checkpoint-list
help domjobinfo
help nonsense
list --help
suspend --help
nonsense
echo a b "c d"
echo --shell "it's"
event --list
""".strip().splitlines()

# both programs do it, each from the same state: prepare, command, look
CHANGES = [
    ([], "suspend vm", ["domstate vm --reason", "resume vm"]),
    (["suspend vm"], "resume vm", ["domstate vm --reason"]),
    ([], "start off", ["domstate off --reason", "destroy off"]),
    ([], "start off --paused", ["domstate off --reason", "destroy off"]),
    (["start off"], "destroy off", ["domstate off --reason"]),
    ([], "start off --bypass-cache --force-boot --reset-nvram", ["domstate off --reason", "destroy off"]),
    (["start off"], "destroy off --remove-logs", ["domstate off --reason"]),
    (["define @OTHER@"], "undefine other --nvram --keep-tpm", ["list --all --name"]),
    ([], "autostart off", ["dominfo off", "autostart off --disable"]),
    ([], "checkpoint-create-as vm three", ["checkpoint-list vm --name", "checkpoint-delete vm three"]),
    ([], "checkpoint-create-as vm three --description words --diskspec vda",
     ["checkpoint-list vm --tree", "checkpoint-delete vm three"]),
    (["checkpoint-create-as vm three"], "checkpoint-delete vm three", ["checkpoint-list vm --name"]),
    (["checkpoint-create-as vm three"], "checkpoint-delete vm two --children-only",
     ["checkpoint-list vm --name"]),
    ([], "backup-begin vm @PULL@", ["backup-dumpxml vm", "domjobinfo vm", "domjobabort vm",
                                   "domjobinfo vm --completed --keep-completed"]),
    ([], "backup-begin vm @PULL@ @CHECKPOINT@", ["checkpoint-list vm --name", "domjobabort vm",
                                                "checkpoint-delete vm named"]),
    ([], "backup-begin vm @BAD@", ["domjobinfo vm"]),
    (["define @OTHER@"], "undefine other", ["list --all --name"]),
    ([], "define @OTHER@", ["dominfo other", "undefine other"]),
    ([], "create @OTHER@", ["domstate other", "list --transient --name", "destroy other"]),
]


class Virsh(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock" and not os.path.exists(self.daemon.virsh[0]):
            self.skipTest("no virsh")

    def both_machines(self):
        m = self.machine(boots=False)
        self.checkpoint(m, "one")
        self.checkpoint(m, "two")
        xml = m.xml("11111111-2222-3333-4444-555555555555").replace("<name>vm<", "<name>off<")
        self.conn.defineXML(xml.replace("/vm-vd", "/off-vd").replace("vm.console", "off.console"))
        for target in m.targets:
            images.create(os.path.join(self.images, "off-%s.qcow2" % target), 1 << 20)
        self.files = {
            "@PULL@": self.pull_xml(m),
            "@CHECKPOINT@": "<domaincheckpoint><name>named</name></domaincheckpoint>",
            "@BAD@": self.pull_xml(m).replace("vda", "vdz"),
            "@OTHER@": xml.replace("<name>off<", "<name>other<").replace("555555555555", "666666666666")
            .replace("/vm-vd", "/other-vd").replace("vm.console", "other.console"),
        }
        for target in m.targets:
            images.create(os.path.join(self.images, "other-%s.qcow2" % target), 1 << 20)
        for name, text in self.files.items():
            path = os.path.join(self.tmp, name.strip("@") + ".xml")
            with open(path, "w") as f:
                f.write(text)
            self.files[name] = path
        return m

    def words(self, line):
        return [self.files.get(w, w) for w in shlex.split(line)]

    def shown(self, done):
        out = done.stdout
        for pattern, replacement in MASKS:
            out = pattern.sub(replacement, out)
        return done.returncode, out

    def run_both(self, line):
        results = []
        for ours in (False, True):
            results.append(self.shown(self.virsh(*self.words(line), ours=ours, check=False)))
        return results

    def test_same_output_and_status(self):
        self.both_machines()
        for line in SAME:
            with self.subTest(line):
                stock, ours = self.run_both(line)
                self.assertEqual(ours, stock)

    def test_same_error_text(self):
        """On standard error, too, the same first line kind: 'error: ...'."""
        self.both_machines()
        for line in ("dominfo nobody", "list --nonsense", "nonsense", "start vm", "checkpoint-info vm nope",
                     "backup-dumpxml vm", "domblkinfo vm vdz", "dominfo", "dominfo vm extra",
                     "checkpoint-create vm /nonexistent.xml"):
            with self.subTest(line):
                errors = [self.virsh(*self.words(line), ours=ours, check=False).stderr for ours in (False, True)]
                self.assertEqual(errors[1], errors[0])

    def test_same_changes(self):
        self.both_machines()
        for before, line, after in CHANGES:
            with self.subTest(line):
                seen = []
                for ours in (False, True):
                    for step in before:
                        self.virsh(*self.words(step))
                    rows = []
                    for step in [line] + after:
                        rows.append((step, self.shown(self.virsh(*self.words(step), ours=ours, check=False))))
                    if "two --children-only" in line or "three" in line:
                        self.virsh("checkpoint-delete", "vm", "three", check=False)
                    seen.append(rows)
                self.assertEqual(seen[1], seen[0])

    def interactive(self, ours, text):
        argv = daemons.OurDaemon.virsh if ours else ["/usr/bin/virsh"]
        return subprocess.run([*argv, "-c", self.daemon.uri], input=text, capture_output=True, text=True,
                              timeout=60)

    def test_commands_from_standard_input(self):
        self.both_machines()
        text = "list --all --name\necho 'a b'\ndomstate vm; domstate off\nnonsense\nquit\n"
        stock, ours = (self.interactive(which, text) for which in (False, True))
        self.assertEqual((ours.returncode, ours.stdout), (stock.returncode, stock.stdout))

    def test_several_commands_in_one_argument(self):
        self.both_machines()
        stock, ours = self.run_both("'domstate vm; domid vm'")
        self.assertEqual(ours, stock)

    def test_options_of_the_program(self):
        self.both_machines()
        for args in (["-q", "list", "--all"], ["--quiet", "list"], ["-v"], ["-r", "list"], ["-r", "destroy", "vm"],
                     ["--no-such-option"], ["-t", "domstate", "vm"]):
            with self.subTest(" ".join(args)):
                stock, ours = (self.shown(self.virsh(*args, ours=which, check=False)) for which in (False, True))
                self.assertEqual(ours, stock)

    def test_no_daemon(self):
        uri = "qemu+unix:///system?socket=%s/none" % self.tmp
        rows = []
        for ours in (False, True):
            done = self.virsh("-c", uri, "list", ours=ours, check=False, connect=False)
            rows.append((done.returncode, done.stdout, done.stderr))
        self.assertEqual(rows[1], rows[0])


if __name__ == "__main__":
    livetest.main()
