#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docsgoldens.py SOURCE: plans quoted in docs/ are what the planners make.

Behind a comment '.. golden: FILE' (below tests/), a literal block holds lines of that golden, as they
are and without gaps. VIR_TEST_REGENERATE_OUTPUT=1 renews blocks whose first line and number of lines
are still right; read the text around them then.
"""
import os
import pathlib
import sys
import textwrap

import docstext


def contains(whole, part):
    whole = textwrap.dedent(whole).splitlines()
    part = part.splitlines()
    for at in range(len(whole) - len(part) + 1):
        if textwrap.dedent("\n".join(whole[at:at + len(part)])).splitlines() == part:
            return True
    return False


def renew(page, number, whole, old):
    """Put as many lines of WHOLE as OLD has, from OLD's first line on, behind line NUMBER of PAGE."""
    whole = textwrap.dedent(whole).splitlines()
    first = [at for at, line in enumerate(whole) if line.strip() == old.splitlines()[0].strip()]
    if not first:
        return False
    new = whole[first[0]:first[0] + len(old.splitlines())]
    lines = page.read_text().splitlines()
    start = number
    while not lines[start].strip() or lines[start].strip() == "::":
        start += 1
    depth = len(lines[start]) - len(lines[start].lstrip())
    shift = depth - (len(new[0]) - len(new[0].lstrip()))
    lines[start:start + len(new)] = [" " * max(0, shift + len(n) - len(n.lstrip())) + n.lstrip()
                                     for n in new]
    page.write_text("\n".join(lines) + "\n")
    return contains("\n".join(whole), textwrap.dedent("\n".join(lines[start:start + len(new)])))


def main():
    source = pathlib.Path(sys.argv[1])
    failed = count = 0
    for page in docstext.pages(source):
        for line, name, text in docstext.golden_quotes(page):
            count += 1
            golden = source / "tests" / name
            if golden.exists() and text and contains(golden.read_text(), text):
                continue
            if not (os.environ.get("VIR_TEST_REGENERATE_OUTPUT") and golden.exists() and text and
                    renew(page, line, golden.read_text(), text)):
                failed += 1
                print(f"{page}:{line}: not what is in tests/{name}:\n{text}")
    print(f"{count} quotes, {failed} wrong")
    return 1 if failed or count == 0 else 0


sys.exit(main())
