"""-kernel starts a kernel without firmware by each boot protocol.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import re

from harness import case

CHECKS = """#!/bin/sh
echo "checks: kernel $(uname -r)"
echo "checks: cpus $(nproc)"
echo "checks: memory $(awk '/MemTotal/ {print $2}' /proc/meminfo)"
echo "checks: acpi $(ls /sys/firmware/acpi/tables | tr '\\n' ' ')"
echo "checks: pci $(ls /sys/bus/pci/devices | wc -l)"
echo "checks: clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
cd /sys/class/dmi/id && echo "checks: dmi $(cat sys_vendor product_name 2>/dev/null | tr '\\n' ' ')"
echo "checks: errors $(dmesg | grep -c -i -E 'firmware bug|acpi error|no irq handler')"
echo "checks: done"
"""


def initrd(context):
    """The guests' initial file system with the checks as its job."""
    path = context.scratch / "initrd"
    name = b"job/run\0"
    data = CHECKS.encode()
    with open(path, "wb") as stream:
        stream.write(context.asset("initrd").read_bytes())
        stream.write(bytes(-stream.tell() % 512))
        for member, mode, body in ((b"job\0", 0o40755, b""), (name, 0o100755, data),
                                   (b"TRAILER!!!\0", 0, b"")):
            fields = [1, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(member), 0]
            head = b"070701" + b"".join(b"%08X" % field for field in fields) + member
            stream.write(head + bytes(-len(head) % 4) + body + bytes(-len(body) % 4))
    return path


def boot_kernel(context, image, cpus=1, extra=(), memory=256):
    """Boot IMAGE to the checks; returns what they said, by name."""
    arguments = ["-kernel", image, "-initrd", initrd(context), "-append",
                 "console=ttyS0 quiet panic=-1 xenolith.word=needle", *extra]
    with context.machine(arguments, cpus=cpus, memory=memory) as machine:
        machine.expect(r"guest: init reached after ([\d.]+) s", 300)
        machine.expect(r"guest: job ended with status 0", 300)
        status = machine.wait()
        said = dict(re.findall(r"^checks: (\w+) ?(.*)$", machine.text, re.MULTILINE))
    assert status == 0, f"exit status {status}"
    assert said["cpus"] == str(cpus), said
    assert int(said["memory"]) > (memory - 60) * 1024, said
    for table in ("FACP", "APIC", "DSDT", "HPET"):
        assert table in said["acpi"].split(), f"no ACPI table {table}: {said['acpi']}"
    assert int(said["pci"]) >= 4, said
    assert said["errors"] == "0", said
    return said


@case(assets=["vmlinuz", "initrd"], cost=40)
def test_bzimage_boots_with_initrd_and_command_line(context):
    """The stock bzImage; what firmware would have left is there."""
    boot_kernel(context, context.asset("vmlinuz"))


@case(assets=["vmlinuz", "initrd"], cost=50)
def test_bzimage_boots_with_two_cpus(context):
    """The MADT alone brings the second vCPU up."""
    boot_kernel(context, context.asset("vmlinuz"), cpus=2)


@case(assets=["vmlinuz", "initrd"], cost=45)
def test_bzimage_boots_through_the_firmware_when_bios_is_given(context):
    """-bios together with -kernel."""
    boot_kernel(context, context.asset("vmlinuz"), extra=["-bios", "bios-256k.bin"])


@case(assets=["vmlinuz", "initrd"], cost=45)
def test_bzimage_boots_through_firmware_in_flash_memory(context):
    """SeaBIOS as a flash chip's image instead of -bios."""
    boot_kernel(context, context.asset("vmlinuz"),
                extra=["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/seabios/bios-256k.bin"])


@case(assets=["vmlinux", "initrd"], cost=40)
def test_elf_with_pvh_note_boots(context):
    """The stock kernel's ELF file by its Xen PVH entry."""
    boot_kernel(context, context.asset("vmlinux"))


def boot_multiboot(context, name):
    """Boot a Multiboot kernel with two modules; it checks the state it starts in itself."""
    first = context.scratch / "first.bin"
    first.write_bytes(bytes(range(256)) * 20)
    second = context.scratch / "second.bin"
    second.write_bytes(b"xenolith")
    arguments = ["-kernel", context.asset(f"guest-tools/{name}"), "-append", "one two=3",
                 "-initrd", f"{first} with words,{second}",
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    with context.machine(arguments, memory=64) as machine:
        status = machine.wait()
        said = machine.text
    assert "multiboot: state right" in said, said
    assert status == 0x10 << 1 | 1, f"exit status {status}"
    assert re.search(r"^multiboot: command line .*one two=3$", said, re.MULTILINE), said
    assert "multiboot: modules 2\n" in said, said
    assert re.search(r"^multiboot: module \S*first.bin with words$", said, re.MULTILINE), said
    sums = []
    for path in (first, second):
        total = 0
        for byte in path.read_bytes():
            total = (total * 31 + byte) & 0xFFFFFFFF
        sums.append(str(total))
    assert re.findall(r"module sum (\d+)", said) == sums, said
    assert re.findall(r"module misaligned (\d+)", said) == ["0", "0"], said
    lower = int(re.search(r"lower KiB (\d+)", said)[1])
    upper = int(re.search(r"upper KiB (\d+)", said)[1])
    assert 600 <= lower <= 640 and 62 * 1024 <= upper <= 63 * 1024, said


@case(assets=["guest-tools"], cost=10)
def test_multiboot_elf_boots_with_modules(context):
    """Multiboot 1, ELF: command line, two modules, memory sizes and map."""
    boot_multiboot(context, "multiboot.elf")


@case(assets=["guest-tools"], cost=10)
def test_multiboot_flat_binary_boots_with_modules(context):
    """Multiboot 1, a flat binary with the addresses in its header."""
    boot_multiboot(context, "multiboot.bin")
