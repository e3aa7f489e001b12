#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docsquickstart.py SOURCE: do by hand what docs/quickstart.rst says, with the programs from PATH.

All commands of "By hand" run in order in one shell that ends at the first failure, with a temporary
directory for /tmp/lab. The XML examples are saved under the names the text gives them.
"""
import pathlib
import re
import shutil
import signal
import os
import subprocess
import sys
import tempfile

import docstext

FILES = ["vm.xml", "pull.xml", "monday.xml", "pull-since-monday.xml", "push-since-monday.xml"]
TUESDAY = "<domaincheckpoint><name>tuesday</name></domaincheckpoint>"
WANTED = ["Domain 'vm' started", "Backup started", "Job type:         Completed", "clean",
          "Domain 'vm' has been undefined"]


def commands(page):
    text = page.read_text()
    lines = text[text.index("\nBy hand\n"):].splitlines()
    for at, line in enumerate(lines):
        if line.endswith("::") and not line.startswith(".."):
            block, _ = docstext.indented_after(lines, at + 1)
            yield block


def main():
    page = pathlib.Path(sys.argv[1]) / "docs/quickstart.rst"
    lab = tempfile.mkdtemp(prefix="fleece-lab-")
    examples = [text for _, _, text in docstext.xml_examples(page)]
    if len(examples) != len(FILES):
        sys.exit(f"{len(examples)} XML examples, {len(FILES)} are expected")
    for name, text in zip(FILES + ["tuesday.xml"], examples + [TUESDAY]):
        (pathlib.Path(lab) / name).write_text(text.replace("/tmp/lab", lab))
    script = "set -ex\n" + "\n".join(commands(page))
    # the directory is there and stays until we are done with it
    script = re.sub(r"^(mkdir|rm -r) /tmp/lab$", "", script, flags=re.M).replace("/tmp/lab", lab)
    env = dict(os.environ)
    env.pop("VIRSH_DEFAULT_CONNECT_URI", None)
    try:
        done = subprocess.run(["sh", "-c", script], cwd=lab, env=env, text=True, timeout=100,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    finally:
        end_leftovers(lab)
        shutil.rmtree(lab, ignore_errors=True)
    missing = [text for text in WANTED if text not in done.stdout]
    print(done.stdout)
    print(f"exit status {done.returncode}, missing in the output: {missing}")
    return 1 if done.returncode != 0 or missing else 0


def end_leftovers(lab):
    """Processes of ours that a failure left: those with the directory in their command line."""
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if lab.encode() in (proc / "cmdline").read_bytes() and int(proc.name) != os.getpid():
                os.kill(int(proc.name), signal.SIGKILL)
        except OSError:
            pass


sys.exit(main())
