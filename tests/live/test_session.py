#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interactive session of virsh: the same keys to Debian's virsh and to ours, each on a terminal of
its own, show the same."""
import errno
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

import daemon as daemons
import images
import livetest

PROMPT = "virsh #"
SECONDS = 30
UP, TAB, LEFT, CTRL_D = "\x10", "\t", "\x02", "\x04"
# What Debian's virsh says where no polkit runs.
NO_POLKIT = "Authorization not available"


def rendered(stream):
    """The lines a person sees: how often readline draws anew depends on how fast keys come."""
    lines, column = [""], 0
    for c in stream:
        if c == "\n":
            lines.append("")
            column = 0
        elif c == "\r":
            column = 0
        elif c == "\b":
            column -= 1
        elif c != "\a":
            lines[-1] = lines[-1][:column] + c + lines[-1][column + 1:]
            column += 1
    return [line for line in lines if not line.startswith(NO_POLKIT)]


class Terminal:
    """A program on a terminal, wide enough that no line is broken and too dumb for colours."""

    def __init__(self, argv, home):
        env = {"PATH": os.environ["PATH"], "HOME": home, "XDG_CACHE_HOME": os.path.join(home, "cache"),
               "TERM": "dumb", "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null"}
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=home,
                                        start_new_session=True, preexec_fn=self.take_terminal)
        os.close(slave)
        self.text, self.seen = "", 0

    @staticmethod
    def take_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def read(self, seconds):
        """More text, or None at its end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return ""
        try:
            data = os.read(self.master, 65536)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            data = b""
        if not data:
            return None
        self.text += data.decode(errors="replace")
        return self.text

    def shown(self):
        """What is to be seen from the line on where the cursor was at the last wait. (Blanks at the end of
        a line may have been letters.)"""
        return "\n".join(line.rstrip() for line in rendered(self.text)[self.seen:])

    def wait(self, pattern):
        """What is shown once it ends with @pattern."""
        end = time.monotonic() + SECONDS
        while not re.search(pattern + r" *\Z", self.shown()):
            if self.read(0.2) is None:
                raise AssertionError("the program ended; it showed %r" % self.shown())
            if time.monotonic() > end:
                raise AssertionError("no %r within %d s, but %r" % (pattern, SECONDS, self.shown()))
        shown = self.shown()
        self.seen = len(rendered(self.text)) - 1
        return shown

    def keys(self, keys, pattern="\n" + PROMPT):
        os.write(self.master, keys.encode())
        return self.wait(pattern)

    def finish(self, keys):
        """What is shown until it ends, and its exit status."""
        if keys:
            os.write(self.master, keys.encode())
        end = time.monotonic() + SECONDS
        while self.read(0.2) is not None:
            if time.monotonic() > end:
                raise AssertionError("it does not end; it showed %r" % self.shown())
        return self.shown(), self.process.wait(SECONDS)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)


class Session(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        m = self.machine(boots=False)
        self.checkpoint(m, "one")
        self.checkpoint(m, "second")
        images.create(os.path.join(self.images, "off-vda.qcow2"), 1 << 20)
        self.conn.defineXML(m.xml("11111111-2222-3333-4444-555555555555").replace("<name>vm<", "<name>off<"))
        self.terminals = []

    def tearDown(self):
        for terminal in self.terminals:
            terminal.close()
        super().tearDown()

    def home(self, ours):
        path = os.path.join(self.tmp, "home-" + ("ours" if ours else "stock"))
        os.makedirs(path, exist_ok=True)
        return path

    def history(self, ours):
        with open(os.path.join(self.home(ours), "cache", "libvirt", "virsh", "history")) as f:
            return f.read()

    def session(self, ours, *options):
        argv = daemons.OurDaemon.virsh if ours else ["/usr/bin/virsh"]
        terminal = Terminal([*argv, "-c", self.daemon.uri, *options], self.home(ours))
        self.terminals.append(terminal)
        return terminal

    def both(self, steps, *options, end="quit\n", prompt=PROMPT):
        """@steps: keys, or (keys, what the shown text then ends with)."""
        seen = []
        for ours in (False, True):
            terminal = self.session(ours, *options)
            rows = [terminal.wait(prompt)]
            for step in steps:
                keys, pattern = step if isinstance(step, tuple) else (step, "\n" + prompt)
                rows.append((keys, terminal.keys(keys, pattern)))
            rows.append(terminal.finish(end))
            seen.append(rows)
        for stock, ours in zip(*seen):
            self.assertEqual(ours, stock)
        return seen[1]

    def test_commands_of_all_kinds(self):
        rows = self.both(["list --all\n", "domstate vm; domstate off\n", "nonsense\n",
                          "domstate nobody; domstate vm\n", "domstate\n", "help domstate\n",
                          "echo 'a b' \"c;d\" e\\ f\n", "\n", "   \n", "# a comment\n", "cd /\n", "pwd\n",
                          "nonsense; quit\n", "uri\n", "domstate --domain vm --reason\n", "start vm\n"])
        self.assertIn("running", rows[2][1])
        self.assertEqual(rows[-1][1], 0)

    def test_read_only_and_quiet(self):
        rows = self.both(["domstate vm\n", "destroy vm\n"], "--readonly", prompt="virsh >")
        self.assertIn("read only access", rows[2][1])
        self.both(["domstate vm\n", "list\n"], "--quiet")

    def test_completion(self):
        self.both([
            ("domuu" + TAB, "domuuid"), "vm\n",                       # a command
            ("domst" + TAB, "domstat"), "e vm\n",                      # as far as it is certain
            ("domstate v" + TAB, "domstate vm"), "\n",                # a domain
            ("start o" + TAB, "start off"), "--nonsense\n",
            ("domstate --rea" + TAB, "--reason"), "vm\n",             # an option
            ("checkpoint-info vm o" + TAB, "vm one"), "\n",           # a checkpoint
            ("domblkinfo vm vd" + TAB + TAB, r"vda +vdb\n" + PROMPT + " domblkinfo vm vd"), "a\n",       # two disks, listed
            ("domstate vm; domstate o" + TAB, "domstate off"), "\n",  # of the command the cursor is in
        ])

    def test_history(self):
        steps = ["echo first\n", "echo second\n", (UP + UP, "echo first"), "\n",
                 (UP + LEFT * 5 + "1", "echo 1first"), "\n", "echo same\n", "echo same\n"]
        rows = self.both(steps)
        self.assertTrue(rows[4][1].endswith("echo first\nfirst\n" + PROMPT), rows[4])
        self.assertEqual(self.history(True), self.history(False))
        # the next session goes on with it
        self.both([(UP + UP, "echo same"), "\n"])
        self.assertEqual(self.history(True), self.history(False))
        for ours in (False, True):
            shutil.rmtree(self.home(ours))

    def test_ends(self):
        for end in ("quit\n", "exit\n", CTRL_D, "echo a; quit; echo b\n"):
            with self.subTest(end):
                self.both([], end=end)

    def test_daemon_goes_away(self):
        for ours in (False, True):
            terminal = self.session(ours)
            terminal.wait(PROMPT)
            self.assertIn("running", terminal.keys("domstate vm\n"))
            self.restart_daemon()
            self.assertIn("running", terminal.keys("domstate vm; domstate vm\n") +
                          terminal.keys("domstate vm\n"))
            self.assertEqual(terminal.finish("quit\n")[1], 0)


if __name__ == "__main__":
    livetest.main()
