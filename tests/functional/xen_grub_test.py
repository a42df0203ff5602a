"""A Xen guest other than Linux: Debian's GRUB as a PVH kernel.

It is 32-bit, uses the hypercall page, asks for the memory map, for the console's and the store's frames and
ports, maps shared info and the grant table into holes of the map, takes its clock from vCPU 0's time in
shared info, and reads device/vbd in the store.  It writes on Xen's console ring and has no other terminal.

Source of facts: GRUB's kern/i386/xen/pvh.c and kern/xen/init.c.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import pathlib
import re
import time

from harness import case
from xen_guest import XenMachine

# How it shows on the console ring only; see grub-pvh.cfg.
MARK = b"mark=needle"
RING = 2048
LARGEST = 256 << 20


def memory_of(process):
    """The writable memory of a process, piece by piece, smaller mappings first."""
    maps = []
    for line in pathlib.Path(f"/proc/{process}/maps").read_text(encoding="ascii").splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if match:
            start, end = int(match[1], 16), int(match[2], 16)
            if end - start <= LARGEST:
                maps.append((end - start, start))
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        for size, start in sorted(maps):
            try:
                yield os.pread(memory.fileno(), size, start)
            except OSError:
                continue


def console_text(machine):
    """What stands around the mark on the console ring, or None while it is not there."""
    for piece in memory_of(machine.process.pid):
        at = piece.find(MARK)
        if at >= 0:
            return re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", piece[max(0, at - RING):at + RING])
    return None


@case(assets=["grub-pvh", "store-tools"], cost=15, full=True)
def test_grub_as_pvh_kernel_starts_and_lists_its_environment(context):
    """Its environment shows on the console ring; then it sleeps by Xen's clock and halts the machine."""
    complaints = context.scratch / "debugcon"
    arguments = ["-kernel", context.asset("grub-pvh"), "-chardev", f"file,id=debug,path={complaints}",
                 "-device", "isa-debugcon,iobase=0xe9,chardev=debug"]
    with XenMachine(context, arguments, memory=64) as machine:
        end = time.monotonic() + 20
        text = None
        while text is None and machine.process.poll() is None and time.monotonic() < end:
            machine.settle(0.5)
            text = console_text(machine)
        said = complaints.read_text(errors="replace") if complaints.exists() else ""
        assert text is not None, f"no environment on the console ring; GRUB says: {said.strip() or 'nothing'}"
        for line in (b"grub_cpu=i386", b"grub_platform=xen_pvh", b"prefix="):
            assert line in text, f"no {line.decode()} in {text!r}"
        machine.must_end()
        assert said == "", f"GRUB complains: {said}"
