#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docsman.py VIRSH VIRTQEMUD SOURCE: help, completion and man pages name the same commands and options.

Both ways: nothing undocumented, nothing documented that is not there.
"""
import os
import pathlib
import re
import subprocess
import sys

problems = []


def check(what, found, wanted):
    for name in sorted(set(found) - set(wanted)):
        problems.append(f"{what}: {name} is documented and does not exist")
    for name in sorted(set(wanted) - set(found)):
        problems.append(f"{what}: {name} exists and is not documented")


def output(*argv):
    env = dict(os.environ, LC_ALL="C.UTF-8", VIRSH_DEFAULT_CONNECT_URI="none:///")
    return subprocess.run(argv, capture_output=True, text=True, env=env, timeout=30).stdout


def man_sections(path):
    """Sections of a page: title -> text, of whatever depth."""
    sections, title = {}, None
    lines = path.read_text().splitlines()
    for at, line in enumerate(lines):
        below = lines[at + 1] if at + 1 < len(lines) else ""
        if line and not line.startswith(" ") and re.fullmatch(r"(=+|-+)", below) and \
           len(below) >= len(line):
            title = line
            sections[title] = ""
        elif title:
            sections[title] += line + "\n"
    return sections


def documented_options(text):
    """Names in definition lines like ``-t``, ``--timeout SECONDS`` (and what is in them, as is)."""
    lines = [line for line in text.splitlines() if line.startswith("``-")]
    return [name for line in lines for name in re.findall(r"``(--?[\w-]+)", line)]


def check_virsh(virsh, page):
    sections = man_sections(page)
    listed = re.findall(r"^    ([a-z][a-z-]*) ", output(virsh, "help"), re.M)
    check("virsh.rst: command", [t for t in sections if re.fullmatch(r"[a-z-]+", t) and t != "virsh"],
          listed)
    check("virsh complete: command", output(virsh, "complete", "--", "").split(), listed)
    usage = output(virsh, "--help")
    check("virsh.rst: option of the program", documented_options(sections["OPTIONS"]),
          re.findall(r"(?:^|[ |])(--?[A-Za-z][\w-]*)", usage[usage.index("options:"):usage.index("commands (")]))
    for name in listed:
        check_command(virsh, name, sections.get(name, ""))


def check_command(virsh, name, text):
    help_text = output(virsh, "help", name)
    synopsis = re.search(r"SYNOPSIS\n    (.*)\n", help_text).group(1)
    documented = re.search(r"::\n\n((?:   .*\n)+)", text)
    if not documented or documented.group(1).split() != synopsis.split():
        problems.append(f"virsh.rst: the synopsis of {name} is not '{synopsis}'")
    options = re.findall(r"^    \[?(--[a-z0-9-]+)", help_text.partition("  OPTIONS\n")[2], re.M)
    options += ["--" + word for word in
                re.findall(r"^    <([a-z-]+)>", help_text.partition("  OPTIONS\n")[2], re.M)]
    check(f"virsh.rst: {name}", documented_options(text), options)
    if not text.strip() or len(text.split()) < 8:
        problems.append(f"virsh.rst: {name} is not described")
    completed = output(virsh, "complete", "--", name, "--").split()
    check(f"virsh complete: {name}", completed, options)


def check_daemon(daemon, page):
    usage = output(daemon, "--help")
    check("virtqemud.rst: option", documented_options(man_sections(page)["OPTIONS"]),
          re.findall(r"(?<![\w-])(--?[A-Za-z][\w-]*)", "\n".join(
              line[:25] for line in usage.splitlines() if line.startswith("  "))))


def main():
    virsh, daemon, source = sys.argv[1:4]
    man = pathlib.Path(source) / "docs/man"
    check_virsh(virsh, man / "virsh.rst")
    check_daemon(daemon, man / "virtqemud.rst")
    print("\n".join(problems) or "man pages, help and completion agree")
    return 1 if problems else 0


sys.exit(main())
