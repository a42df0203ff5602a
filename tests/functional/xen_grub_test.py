"""A Xen guest other than Linux: Debian's GRUB as a PVH kernel.

It is 32-bit, uses the hypercall page, asks for the memory map, for the console's and the store's frames and
ports, maps shared info and the grant table into holes of the map, takes its clock from vCPU 0's time in
shared info, and reads device/vbd in the store.  It writes on Xen's console ring and has no other terminal.

Source of facts: GRUB's kern/i386/xen/pvh.c and kern/xen/init.c.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import re

from harness import case
from xen_guest import XenMachine

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def start(context, *arguments):
    """A machine that starts GRUB; its console is the test's."""
    complaints = context.scratch / "debugcon"
    return complaints, XenMachine(
        context, ["-kernel", context.asset("grub-pvh"), "-chardev", "stdio,id=console", "-device",
                  "xen-console,chardev=console", "-chardev", f"file,id=debug,path={complaints}",
                  "-device", "isa-debugcon,iobase=0xe9,chardev=debug", *arguments], memory=64, serial="none")


def plain(machine):
    """What GRUB has said, without colours and the like."""
    return ESCAPES.sub("", machine.text)


@case(assets=["grub-pvh", "store-tools"], cost=15)
def test_grub_as_pvh_kernel_starts_and_lists_its_environment(context):
    """`set` and `ls` show on the console; then it sleeps by Xen's clock and halts the machine."""
    disk = context.file("disk", 1 << 20)
    complaints, machine = start(context, "-drive", f"file={disk},format=raw,if=none,id=disk", "-device",
                                "xen-disk,drive=disk,vdev=xvda")
    with machine:
        machine.expect("Welcome to GRUB!", 60)
        machine.must_end(60)
        text = plain(machine)
        for line in ("grub_cpu=i386", "grub_platform=xen_pvh", "mark=needle"):
            assert re.search(f"^{line}$", text, re.MULTILINE), f"no {line} in {text!r}"
        assert "prefix=" in text, text
        assert re.search(r"^\(memdisk\).*\(xen/xvda\)", text, re.MULTILINE), f"no disks in {text!r}"
        said = complaints.read_text(errors="replace")
        assert said == "", f"GRUB complains: {said}"


@case(assets=["grub-pvh", "store-tools"], cost=20)
def test_grub_takes_commands_from_the_console(context):
    """A key stops its built-in configuration; what is typed at its prompt is done."""
    _, machine = start(context)
    with machine:
        machine.expect("mark=needle", 60)
        machine.send("\x1b")
        machine.expect("grub> ", 60)
        machine.send("set typed=by${mark}\r")
        machine.expect("grub> ", 60)
        machine.send("echo $typed\r")
        machine.expect("byneedle", 60)
        machine.send("halt\r")
        machine.must_end(60)
