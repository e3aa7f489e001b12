# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test guest: Debian's cloud kernel and an initramfs of guestd, busybox and a few modules.

The kernel package is downloaded and unpacked, never installed, so the machine's /boot stays as it
is. The result is cached: <cache>/vmlinuz, <cache>/initrd, <cache>/guestd.

The guest of the tests about quiescing has Debian's real guest agent besides, with the libraries that
this machine has for it: one more archive behind the initramfs, <cache>/initrd-agent.

    guest.py CACHE_DIR       build what is missing and print the paths
"""
import fcntl
import glob
import os
import stat
import subprocess
import sys
import tempfile

META_PACKAGE = "linux-image-cloud-amd64"
# In the order of loading: what comes later needs what came before.
MODULES = """
    virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci
    virtio_blk virtio_console virtio-rng virtio_balloon
    scsi_common scsi_mod sd_mod virtio_scsi libata ata_piix
    button evdev
""".split()
AGENT_PACKAGE = "qemu-guest-agent"
HERE = os.path.dirname(os.path.abspath(__file__))


class GuestError(Exception):
    pass


def run(argv, **kwargs):
    done = subprocess.run(argv, capture_output=True, text=True, **kwargs)
    if done.returncode != 0:
        raise GuestError("%s failed (status %d): %s"
                         % (" ".join(argv), done.returncode, (done.stderr or done.stdout).strip()))
    return done.stdout


def kernel_package():
    """The package that the meta package stands for today, e.g. linux-image-6.1.0-38-cloud-amd64."""
    for line in run(["apt-cache", "depends", META_PACKAGE]).splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "Depends:" and words[1].startswith("linux-image-"):
            return words[1]
    raise GuestError("apt knows no %s; run apt-get update" % META_PACKAGE)


def fetch_kernel(cache, say):
    """vmlinuz and modules/*.ko below @cache; returns their paths."""
    vmlinuz, modules = os.path.join(cache, "vmlinuz"), os.path.join(cache, "modules")
    if os.path.exists(vmlinuz):
        return vmlinuz, modules
    with tempfile.TemporaryDirectory(dir=cache) as work:
        os.chmod(work, 0o755)                       # apt drops its rights for the download
        package = kernel_package()
        say("downloading %s (26 MB, unpacked below %s only)" % (package, cache))
        run(["apt-get", "-q", "download", package], cwd=work)
        deb = glob.glob(os.path.join(work, "*.deb"))[0]
        run(["dpkg-deb", "-x", deb, os.path.join(work, "root")])
        found = {}
        for top, _, names in os.walk(os.path.join(work, "root", "lib", "modules")):
            found.update((name[:-3], os.path.join(top, name)) for name in names if name.endswith(".ko"))
        os.makedirs(modules, exist_ok=True)
        for name in MODULES:
            if name not in found:
                raise GuestError("%s has no module %s" % (package, name))
            os.rename(found[name], os.path.join(modules, name + ".ko"))
        os.rename(glob.glob(os.path.join(work, "root", "boot", "vmlinuz-*"))[0], vmlinuz)
    return vmlinuz, modules


def fetch_agent(cache, say):
    """qemu-ga below @cache; its path."""
    agent = os.path.join(cache, "qemu-ga")
    if os.path.exists(agent):
        return agent
    with tempfile.TemporaryDirectory(dir=cache) as work:
        os.chmod(work, 0o755)
        say("downloading %s (unpacked below %s only)" % (AGENT_PACKAGE, cache))
        run(["apt-get", "-q", "download", AGENT_PACKAGE], cwd=work)
        run(["dpkg-deb", "-x", glob.glob(os.path.join(work, "*.deb"))[0], os.path.join(work, "root")])
        os.rename(os.path.join(work, "root", "usr", "sbin", "qemu-ga"), agent)
    return agent


def libraries_of(program):
    """Paths of the shared libraries it loads here, the loader among them."""
    found = [word for line in run(["ldd", program]).splitlines() if "not found" not in line
             for word in line.split() if word.startswith("/")]
    missing = [line.strip() for line in run(["ldd", program]).splitlines() if "not found" in line]
    if missing:
        raise GuestError("%s lacks %s" % (program, "; ".join(missing)))
    return found


def cpio_entry(name, mode, data=b"", rdev=(0, 0), number=[0]):
    number[0] += 1
    path = name.encode() + b"\0"
    fields = [number[0], mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(path), 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + path
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def make_initrd(guestd, busybox, modules):
    """The bytes of an initramfs. Not compressed: the emulated CPU would have to unpack it."""
    directory, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    out = [cpio_entry(d, directory) for d in ("dev", "bin", "lib")]
    out.append(cpio_entry("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1)))
    out.append(cpio_entry("init", program, read(guestd)))
    out.append(cpio_entry("bin/busybox", program, read(busybox)))
    for name in MODULES:
        out.append(cpio_entry("lib/%s.ko" % name, stat.S_IFREG | 0o644,
                              read(os.path.join(modules, name + ".ko"))))
    order = "".join("/lib/%s.ko\n" % name for name in MODULES)
    out.append(cpio_entry("modules", stat.S_IFREG | 0o644, order.encode()))
    out.append(cpio_entry("TRAILER!!!", 0))
    return b"".join(out)


# The agent calls it before each freeze and after each thaw; what it says is on the serial console.
HOOK = b"#!/bin/busybox sh\n/bin/busybox echo hook $1 >/dev/console\n"
# With the port's number, which udev would have given a name.
AGENT_START = b"""#!/bin/busybox sh
for p in /sys/class/virtio-ports/*; do
    [ "$(/bin/busybox cat $p/name)" = org.qemu.guest_agent.0 ] && port=${p##*/}
done
/bin/busybox mkdir -p /mnt /run
/bin/busybox mount -t ext4 /dev/vda /mnt || exit 1
[ "$1" = none ] || /bin/qemu-ga -m virtio-serial -p /dev/$port -t /run -F/bin/hook >/dev/null 2>&1 &
"""


def make_agent_archive(agent):
    directory, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    files = {path.lstrip("/"): read(path) for path in libraries_of(agent)}
    tops = sorted({"/".join(path.split("/")[:n]) for path in files for n in range(1, path.count("/") + 1)})
    out = [cpio_entry(d, directory) for d in tops if d not in ("dev", "bin", "lib")]
    out += [cpio_entry(path, program, data) for path, data in files.items()]
    out.append(cpio_entry("bin/qemu-ga", program, read(agent)))
    out.append(cpio_entry("bin/hook", program, HOOK))
    out.append(cpio_entry("bin/agent", program, AGENT_START))
    out.append(cpio_entry("TRAILER!!!", 0))
    return b"".join(out)


def build_agent(cache, say=lambda text: None):
    """(kernel, initrd) with the guest agent; "sh /bin/agent" in the guest mounts /dev/vda at /mnt and
    starts it."""
    kernel, initrd = build(cache, say=say)
    cache = os.path.abspath(cache)
    wanted = os.path.join(cache, "initrd-agent")
    with open(os.path.join(cache, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(wanted) or os.stat(wanted).st_mtime < os.stat(initrd).st_mtime:
            agent = fetch_agent(cache, say)
            with open(wanted + ".new", "wb") as f:
                f.write(read(initrd) + make_agent_archive(agent))
            os.rename(wanted + ".new", wanted)
    return kernel, wanted


def build(cache, guestd=None, say=lambda text: None):
    """Returns (kernel, initrd). Safe to call from several processes at once.
    @guestd: a static guestd that was built already; None: compile one."""
    cache = os.path.abspath(cache)
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kernel, modules = fetch_kernel(cache, say)
        if guestd is None:
            guestd, source = os.path.join(cache, "guestd"), os.path.join(HERE, "guestd.c")
            if not os.path.exists(guestd) or os.stat(guestd).st_mtime < os.stat(source).st_mtime:
                run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-static", "-O2",
                     "-o", guestd, source])
        initrd = os.path.join(cache, "initrd")
        newest = max(os.stat(p).st_mtime for p in (guestd, os.path.abspath(__file__)))
        if not os.path.exists(initrd) or os.stat(initrd).st_mtime < newest:
            with open(initrd + ".new", "wb") as f:
                f.write(make_initrd(guestd, "/bin/busybox", modules))
            os.rename(initrd + ".new", initrd)
    return kernel, initrd


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(*build(sys.argv[1], say=lambda text: print(text, file=sys.stderr)), sep="\n")
        print(build_agent(sys.argv[1], say=lambda text: print(text, file=sys.stderr))[1])
    except GuestError as e:
        sys.exit("guest.py: %s" % e)
