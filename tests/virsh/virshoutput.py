#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run virsh without a daemon and compare what it prints with tests/virshdata/*.out.

virshoutput.py VIRSH SOURCE_DIR [--stock PROGRAM]

A golden holds transcripts: "$ virsh ARGS", stdout, stderr with "! " before each line, "[STATUS]".
The commands of a transcript come from the golden itself, so a new case is one new "$ " line and a
run with VIR_TEST_REGENERATE_OUTPUT=1. --stock prints where another virsh answers differently; the
goldens were checked that way, what differs on purpose is in the head of each file.
"""
import difflib
import os
import pathlib
import shlex
import subprocess
import sys


def run(program, args):
    env = dict(os.environ, LC_ALL="C.UTF-8", HOME="/", VIRSH_DEFAULT_CONNECT_URI="none:///")
    done = subprocess.run([program] + args, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=env, timeout=30)
    err = "".join(f"! {line}\n" for line in done.stderr.splitlines())
    return f"{done.stdout}{err}[{done.returncode}]\n"


def transcript(program, text):
    """The golden's comments and commands, each with what PROGRAM answers now."""
    out = []
    for line in text.splitlines():
        if line.startswith("# "):
            out.append(line + "\n")
        elif line.startswith("$ virsh"):
            # \n in a case is a newline, so that a case stays on its line
            args = [a.replace("\\n", "\n") for a in shlex.split(line)[2:]]
            out.append(f"\n{line}\n{run(program, args)}")
    return "".join(out)


def main():
    virsh, source = sys.argv[1], pathlib.Path(sys.argv[2])
    stock = sys.argv[4] if sys.argv[3:4] == ["--stock"] else None
    failed = 0
    for golden in sorted((source / "tests/virshdata").glob("*.out")):
        wanted = golden.read_text()
        actual = transcript(stock or virsh, wanted)
        if os.environ.get("VIR_TEST_REGENERATE_OUTPUT") and not stock:
            golden.write_text(actual)
        elif actual != wanted:
            failed += 1
            sys.stdout.writelines(difflib.unified_diff(
                wanted.splitlines(True), actual.splitlines(True), str(golden), stock or virsh))
    if failed:
        print(f"{failed} transcripts differ; to look again: {' '.join(map(shlex.quote, sys.argv))}")
    return 1 if failed else 0


sys.exit(main())
