# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readers of images and exports that share no code with the daemon: libnbd, qemu-img."""
import json
import os
import subprocess

import nbd


def run(argv, check=True):
    done = subprocess.run(argv, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise AssertionError("%s: status %d: %s" % (" ".join(argv), done.returncode, done.stderr))
    return done


def create(path, size, format="qcow2", backing=None):
    argv = ["qemu-img", "create", "-q", "-f", format]
    if backing:
        argv += ["-b", backing, "-F", "qcow2"]
    run(argv + [path, str(size)])


def info(path):
    return json.loads(run(["qemu-img", "info", "-U", "--output=json", path]).stdout)


def is_ledger(name):
    """Bitmaps that are no checkpoint's: the ledger that tells the order of the others."""
    return name.startswith("fleece:")


def bitmaps(path, ledger=False):
    """{name: [flags]} of the bitmaps stored in a qcow2; those of its @ledger, or the others."""
    data = info(path).get("format-specific", {}).get("data", {})
    return {b["name"]: b["flags"] for b in data.get("bitmaps", []) if is_ledger(b["name"]) == ledger}


def allocation(path):
    """Extents that a qcow2 itself holds, without what is below it."""
    rows = json.loads(run(["qemu-img", "map", "-U", "--output=json", path]).stdout)
    return [row for row in rows if row["depth"] == 0 and (row["data"] or row["zero"] and row.get("present", True))]


def content(path, format="qcow2"):
    """All bytes of an image as a guest would read them, backing files included."""
    raw = path + ".raw"
    try:
        run(["qemu-img", "convert", "-U", "-f", format, "-O", "raw", path, raw])
        with open(raw, "rb") as f:
            return f.read()
    finally:
        if os.path.exists(raw):
            os.unlink(raw)


def rebase(path, backing):
    """Say that @path lies on top of @backing, without reading either."""
    run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-b", backing, "-F", "qcow2", path])


def connect(export, socket=None, port=None, contexts=()):
    h = nbd.NBD()
    h.set_export_name(export)
    for context in contexts:
        h.add_meta_context(context)
    if socket:
        h.connect_unix(socket)
    else:
        h.connect_tcp("localhost", str(port))
    return h


def read_all(h, step=1 << 20, after=None):
    """The whole export; @after(offset) is called after each piece was read."""
    size, out = h.get_size(), bytearray()
    while len(out) < size:
        out += h.pread(min(step, size - len(out)), len(out))
        if after:
            after(len(out))
    return bytes(out)


def extents(h, context):
    """[(offset, length, flags)] of a meta context over the whole export."""
    size, out = h.get_size(), []

    def collect(metacontext, offset, entries, error):
        if metacontext != context:
            return 0
        for length, flags in zip(entries[0::2], entries[1::2]):
            length = min(length, size - offset)
            if length > 0:
                out.append((offset, length, flags))
            offset += length
        return 0

    at = 0
    while at < size:
        before = len(out)
        h.block_status(min(size - at, 1 << 30), at, collect)
        if len(out) == before:
            raise AssertionError("block status of %s gave nothing at %d" % (context, at))
        at = out[-1][0] + out[-1][1]
    return out


def dirty(h, bitmap):
    """[(offset, length)] that bitmap @bitmap says have changed."""
    return [(offset, length) for offset, length, flags in extents(h, "qemu:dirty-bitmap:" + bitmap)
            if flags & 1]


def pull(export, bitmap=None, socket=None, port=None, after=None):
    """(bytes, dirty extents or None) of one export, as a backup client reads it."""
    contexts = ["base:allocation"] + (["qemu:dirty-bitmap:" + bitmap] if bitmap else [])
    h = connect(export, socket, port, contexts)
    changed = None
    if bitmap:
        if not h.can_meta_context("qemu:dirty-bitmap:" + bitmap):
            raise AssertionError("export '%s' has no bitmap '%s'" % (export, bitmap))
        changed = dirty(h, bitmap)
    data = read_all(h, after=after)
    h.shutdown()
    return data, changed
