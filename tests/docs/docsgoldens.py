#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docsgoldens.py SOURCE: plans quoted in docs/ are what the planners make.

Behind a comment '.. golden: FILE' (below tests/), a literal block holds lines of that golden, as they
are and without gaps.
"""
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


def main():
    source = pathlib.Path(sys.argv[1])
    failed = count = 0
    for page in docstext.pages(source):
        for line, name, text in docstext.golden_quotes(page):
            count += 1
            golden = source / "tests" / name
            if not golden.exists() or not text or not contains(golden.read_text(), text):
                failed += 1
                print(f"{page}:{line}: not what is in tests/{name}:\n{text}")
    print(f"{count} quotes, {failed} wrong")
    return 1 if failed or count == 0 else 0


sys.exit(main())
