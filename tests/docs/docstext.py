# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the documentation read out of .rst files."""
import pathlib
import re
import textwrap


def pages(source):
    return sorted((pathlib.Path(source) / "docs").rglob("*.rst"))


def indented_after(lines, start):
    """The indented block that begins behind line START (dedented), and the number of its first line."""
    block, first = [], None
    for number in range(start, len(lines)):
        line = lines[number]
        if line.strip() and not line.startswith(" "):
            break
        if first is None and not line.strip():
            continue
        first = number if first is None else first
        block.append(line)
    return textwrap.dedent("\n".join(block)).rstrip("\n"), first


def xml_examples(page):
    """(line, class, text) of each '.. code-block:: xml' of PAGE."""
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines):
        if not re.match(r"\s*\.\. code(-block)?:: xml", line):
            continue
        text, _ = indented_after(lines, number + 1)
        match = re.match(r":class: (\w+)\n\n", text)
        yield number + 1, match.group(1) if match else None, text[match.end():] if match else text


def golden_quotes(page):
    """(line, golden, text) of each '.. golden: FILE' and the literal block that follows it."""
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines):
        match = re.match(r"\.\. golden: (\S+)$", line)
        if not match:
            continue
        at = number + 1
        while at < len(lines) and lines[at].strip() != "::":
            at += 1
        text, _ = indented_after(lines, at + 1)
        yield number + 1, match.group(1), text
