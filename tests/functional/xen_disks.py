"""What the tests of Xen guests' disks share: how an image is given to the machine, how it is written and checked.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import hashlib
import os
import random
import re
import subprocess

from harness import SMALL_SYSTEM
from xen_guest import CONSOLE, XenMachine, guest, joined

ROOT_OPTIONS = f"root=LABEL=xenolith-root ro {CONSOLE}"
# A Xen guest whose whole system is its initial file system, with tools for disks and without any driver for IDE.
DISKLESS = ("vmlinuz", "xen-initrd", "store-tools", "disk-tools")
# The same with less: it works with WRITER_MIB, and is soon saved and restored.
WRITER = ("vmlinuz", "xen-initrd", "store-tools", "disk-writer", "guest-tools")
WRITER_MIB = 128
# The small system, with its kernel started by the machine or by GRUB.
SYSTEM = (*SMALL_SYSTEM, "store-tools", "guest-tools")
# Busy seconds of the test host's counted clock are that much longer on the wall's.
COUNTED = 8 if os.environ.get("TESTHOST") else 1


def one_image(path, name, place, vdev, options=""):
    """PATH as drive NAME for both an IDE disk at PLACE (as hda ... hdd are: 0 to 3) and the PV disk VDEV."""
    return ["-drive", f"file={path},format=raw,if=none,id={name}{options}",
            "-device", f"ide-hd,drive={name},bus=ide.{place // 2},unit={place % 2}",
            "-device", f"xen-disk,drive={name},vdev={vdev}"]


def pv_disk(path, name, vdev, options="", device=""):
    """PATH as drive NAME for the PV disk VDEV alone."""
    return ["-drive", f"file={path},format=raw,if=none,id={name}{options}",
            "-device", f"xen-disk,drive={name},vdev={vdev}{device}"]


def random_file(context, name, size):
    """A file of SIZE random bytes; its path and hash."""
    path = context.scratch / name
    data = random.randbytes(size)
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def file_hash(path):
    """The hash of the file PATH."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def small_system(context, arguments, append="", **options):
    """The small system as a Xen guest, its kernel started by the machine; ARGUMENTS give it its disks."""
    return XenMachine(context, ["-kernel", context.asset("vmlinuz"), "-initrd", context.asset("initrd"), "-append",
                                f"{ROOT_OPTIONS} {append}".rstrip(), *arguments], socket=False, **options)


def diskless(context, arguments, append="", tools="disk-tools", **options):
    """A guest that is its initial file system alone, with the TOOLS in /disk; see load_drivers."""
    # Where the overlays of snapshots are; the test host has no /var/tmp.
    os.environ["TMPDIR"] = str(context.scratch)
    machine = guest(context, 64, append, joined(context, "xen-initrd", tools), socket=False, **options)
    machine.command += [str(argument) for argument in arguments]
    return machine


def writer_guest(context, arguments, append="", **options):
    """A small one, with disk-verify alone."""
    return diskless(context, arguments, append, "disk-writer", memory=WRITER_MIB, **options)


def load_drivers(machine, *names):
    """Load drivers of disks in a diskless guest ("pv", "ide"); its PV disks are there then."""
    for name in names:
        machine.check(f"/disk/load {name}")
    machine.check("for i in $(seq 50); do [ $(ls /sys/bus/xen/drivers/vbd | grep -c vbd-) = "
                  "$(ls /sys/block | grep -c xvd) ] && break; sleep 0.1; done")


def root_after_boot(machine, timeout=400):
    """Wait until the small system is up and log in; the device that its root is on."""
    root = machine.expect(r"guest: root device /dev/(\S+)", timeout)[1]
    machine.login(timeout)
    return root


def disks(machine):
    """The guest's disks and what holds CD-ROMs, without partitions."""
    return machine.check("ls /sys/block | grep -E '^(sd|hd|xvd|sr)' || true").split()


def interrupts(machine, pattern):
    """How many lines of the guest's interrupts PATTERN matches."""
    return int(machine.check(f"grep -c '{pattern}' /proc/interrupts || true"))


def complaints(machine, more="BUG:"):
    """The kernel's messages about disks and itself that should not be there, and those that match MORE."""
    return machine.check("dmesg | grep -i -E 'I/O error|BUG:|WARNING: CPU|hung task|blkfront.*(error|invalid)|"
                         f"ata[0-9].*(exception|failed)|EXT4-fs.*error|{more}' | grep -v fpu__init_system_xstate || "
                         "true")


def check_image(context, path, seed, size, *counts):
    """What disk-verify wrote is in the image PATH, COUNTS: flushed writes, and all of them if known; what it says."""
    result = subprocess.run([context.tool("disk-verify"), "check", path, *map(str, (seed, size, *counts))],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{path}, {counts}: {result.stdout}{result.stderr}"
    return result.stdout.strip()


class Writer:
    """Writes and verifies a range of a disk: each run in the guest begins a new sequence of its own."""

    def __init__(self, context, size, tool="disk-verify"):
        self.context = context
        self.size = size
        self.tool = tool
        self.seed = random.randrange(1 << 32)
        self.written = 0

    def write(self, machine, device, seconds=0.5):
        """Write for SECONDS of the guest's clock, each write read back."""
        self.seed += 1
        said = machine.check(f"{self.tool} write /dev/{device} {self.seed} {self.size} {seconds} | tail -n 1",
                             seconds * 20 + 300)
        self.written = int(re.search(r"written (\d+)", said)[1])

    def begin(self, machine, device, seconds):
        """Write in the background, for SECONDS of the guest's clock."""
        self.seed += 1
        machine.check(f"{self.tool} write /dev/{device} {self.seed} {self.size} {seconds} > /tmp/writer 2>&1 & true")

    def end(self, machine):
        """Wait for what begin() began."""
        self.written = int(re.search(r"written (\d+)", machine.check("wait; tail -n 1 /tmp/writer", 300))[1])

    def check_in_guest(self, machine, device):
        """What the last write() left is what the guest now finds on DEVICE."""
        said = machine.check(f"{self.tool} check /dev/{device} {self.seed} {self.size} {self.written} {self.written}",
                             300)
        assert " 0 wrong" in said, said

    def check_on_host(self, path, synced=None):
        """The same for the image; SYNCED: only so many writes had been flushed when the guest last said."""
        counts = [self.written, self.written] if synced is None else [synced]
        return check_image(self.context, path, self.seed, self.size, *counts)

    def kill_while_writing(self, machine, device, path):
        """SIGKILL at a random moment under write; what had been flushed must be on the image."""
        self.seed += 1
        machine.send(f"{self.tool} write /dev/{device} {self.seed} {self.size} 600\n")
        start = machine.taken
        # A number counts when its line is whole (the first one has the prompt in front of it).
        machine.expect(rf"\bsynced {16 * random.randint(1, 40)}\n", 300)
        machine.settle(random.uniform(0, 0.05))
        machine.kill()
        synced = int(re.findall(r"\bsynced (\d+)\n", machine.text[start:])[-1])
        said = self.check_on_host(path, synced)
        return f"killed after {synced} flushed writes: {said}"
