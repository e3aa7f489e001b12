# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which processes belong to a test: those that have its directory on their command line. And which TCP
ports belong to nobody, and what a process has open."""
import glob
import os
import socket


def processes_with(text):
    """{pid: command line} of processes whose command line has @text in it, zombies left out."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line and int(pid) != os.getpid():
            found[int(pid)] = line
    return found


def open_files(pid):
    """What the descriptors of a process lead to, "socket:[INODE]" for one."""
    found = set()
    for path in glob.glob("/proc/%d/fd/*" % pid):
        try:
            found.add(os.readlink(path))
        except OSError:
            continue
    return found


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
