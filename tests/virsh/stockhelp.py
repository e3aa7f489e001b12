#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every command of our virsh takes what Debian's virsh takes: the same options in the same order, of the
same types, required or not. Read from 'help COMMAND' of both; the sentences there are not compared. How many
words a command takes that do not name their option is tried out.

stockhelp.py VIRSH [STOCK_VIRSH]
"""
import os
import re
import subprocess
import sys

# Options of ours that stock virsh does not have: {command: [option, ...]}; they stand last.
OWN_OPTIONS = {"backup-begin": ["preserve-domain-on-shutdown", "wait", "progress"]}
# Commands of ours that stock virsh does not have.
OWN_COMMANDS = ["checkpoint-repair", "restore-begin", "restore-commit"]
# They do something without a daemon.
OFFLINE = ("cd", "connect", "echo", "exit", "help", "pwd", "quit")


def environment(virsh):
    env = dict(os.environ, LC_ALL="C.UTF-8")
    if virsh.startswith("/usr/"):
        env.pop("LD_LIBRARY_PATH", None)
    return env


def run(virsh, *args):
    done = subprocess.run([virsh, *args], capture_output=True, text=True, env=environment(virsh), timeout=30,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def commands(virsh):
    return re.findall(r"^    ([a-z][a-z0-9-]*) ", run(virsh, "help")[1], re.M)


def section(text, name):
    found = re.search(r"^  %s\n((?:    .*\n)*)" % name, text, re.M)
    return found.group(1).splitlines() if found else []


def shape(virsh, command):
    """What help says apart from prose: (synopsis, [how each option is written]), None without help."""
    status, text = run(virsh, "help", command)
    if status != 0:
        return None
    # two blanks and more end the left column, which may fill its width
    heads = [re.match(r"    (.*?)(?:  .*)?$", line).group(1).strip() for line in section(text, "OPTIONS")]
    return " ".join(section(text, "SYNOPSIS")).strip(), heads


def words_taken(virsh, command, counts):
    """What is wrong with so many words, for each of @counts; None if only that there is no daemon."""
    answers = []
    for count in counts:
        done = subprocess.run([virsh, "-c", "none:///", command] + ["w"] * count, capture_output=True,
                              text=True, env=environment(virsh), timeout=30, stdin=subprocess.DEVNULL)
        found = re.search("unexpected data|requires <.*", done.stderr)
        answers.append(found and found.group())
    return answers


def without_own(command, ours):
    synopsis, heads = ours
    for option in OWN_OPTIONS.get(command, []):
        synopsis, count = re.subn(r" \[?--%s( <\w+>)?\]?(?= |$)" % option, "", synopsis)
        kept = [h for h in heads if not re.fullmatch(r"--%s( <\w+>)?" % option, h)]
        if count != 1 or len(kept) != len(heads) - 1:
            sys.exit("%s: own option --%s is not there" % (command, option))
        heads = kept
    return synopsis, heads


def main():
    ours, stock = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "/usr/bin/virsh"
    if not os.path.exists(stock):
        print("no %s" % stock)
        return 77
    failed = compared = 0
    for command in commands(ours):
        wanted, found = shape(stock, command), shape(ours, command)
        if wanted is None and command in OWN_COMMANDS:
            continue
        compared += 1
        if wanted is None or without_own(command, found) != wanted:
            failed += 1
            print("%s\n  stock: %s\n  ours:  %s" % (command, wanted, found))
            continue
        if command in OFFLINE:
            continue
        counts = sorted({0, 1, 2, sum("<" in head for head in found[1]) + 1})
        wanted, found = (words_taken(v, command, counts) for v in (stock, ours))
        if wanted != found:
            failed += 1
            print("%s with %s words\n  stock: %s\n  ours:  %s" % (command, counts, wanted, found))
    print("%d commands compared, %d differ" % (compared, failed))
    return 1 if failed or compared < 50 else 0


sys.exit(main())
