#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""./quickstart's story: it ends well, and leaves nothing behind however it ends."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import daemon as daemons
import livetest
from daemon import wait_until
from processes import processes_with


class Story(unittest.TestCase):
    def setUp(self):
        if daemons.KIND == "stock":
            self.skipTest("the story of our daemon")
        self.tmp = tempfile.mkdtemp(prefix="fl-st-")
        os.chmod(self.tmp, 0o755)
        self.addCleanup(shutil.rmtree, self.tmp, True)
        self.lines, self.process, self.reader = [], None, None
        self.addCleanup(self.end)

    def end(self):
        for pid in processes_with(self.tmp):
            os.kill(pid, signal.SIGKILL)
        if self.process:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            self.process.stdout.close()

    def start(self):
        environment = dict(os.environ, TMPDIR=self.tmp, FLEECE_BUILD=daemons.BUILD)
        self.process = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "story.py")],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=environment, start_new_session=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def text(self):
        return "".join(self.lines)

    def wait_line(self, part, seconds=120):
        wait_until("'%s' in the story" % part, lambda: part in self.text() or self.process.poll() is not None,
                   seconds, 0.02)
        self.assertIn(part, self.text())

    def wait_end(self, status, seconds=180):
        self.assertEqual(self.process.wait(seconds), status, self.text())
        self.reader.join(10)
        self.assertEqual(processes_with(self.tmp), {}, self.text())
        self.assertEqual(os.listdir(self.tmp), [], self.text())

    def test_ends_identical(self):
        self.start()
        self.wait_end(0)
        self.assertEqual(self.text().count("identical: "), 3, self.text())

    def interrupt_at(self, line, number):
        self.start()
        self.wait_line(line)
        os.kill(self.process.pid, number)
        self.wait_end(128 + number, 60)
        self.assertIn("interrupted", self.text())

    def test_interrupted_while_booting(self):
        self.interrupt_at("1. a machine", signal.SIGINT)

    def test_interrupted_in_a_pull(self):
        self.interrupt_at("2. full pull", signal.SIGINT)

    def test_terminated_in_a_push(self):
        self.interrupt_at("4. incremental push", signal.SIGTERM)

    def test_fails_when_the_machine_dies(self):
        self.start()
        self.wait_line("3. incremental pull")
        for pid, line in processes_with(self.tmp).items():
            if "guest=demo," in line:
                os.kill(pid, signal.SIGKILL)
        self.wait_end(1, 90)
        self.assertIn("FAILED", self.text())


if __name__ == "__main__":
    livetest.main()
