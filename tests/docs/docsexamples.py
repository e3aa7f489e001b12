#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docsexamples.py DOCSXML SOURCE: every XML example in docs/ is parsed by the code it is about.

The class of a code-block says what it is: domain, checkpoint, redefine, backup, restore, secret, or devices, which
is put into a domain first.
"""
import subprocess
import sys
import tempfile

import docstext

DOMAIN = """<domain type='qemu'><name>example</name><memory unit='MiB'>64</memory><iothreads>2</iothreads>
<os><type machine='q35'>hvm</type></os><devices>%s</devices></domain>"""


def main():
    program, source = sys.argv[1:3]
    failed = count = 0
    for page in docstext.pages(source):
        for line, kind, text in docstext.xml_examples(page):
            count += 1
            if kind == "devices":
                kind, text = "domain", DOMAIN % text
            with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
                file.write(text)
                file.flush()
                done = subprocess.run([program, str(kind), file.name], capture_output=True, text=True)
            if done.returncode != 0:
                failed += 1
                print(f"{page}:{line}: {done.stderr.strip()}")
    print(f"{count} examples, {failed} wrong")
    return 1 if failed or count == 0 else 0


sys.exit(main())
