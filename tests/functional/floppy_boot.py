#!/usr/bin/python3
"""A diskette boots under the firmware: its boot sector reads with INT 13h, across sides and cylinders, writes and formats.

Needs a KVM, one that runs firmware is enough; without it the test is skipped. Prints TAP. Argument: the binary.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import pathlib
import struct
import subprocess
import sys
import tempfile

TIME_LIMIT = 300  # software KVM and sanitizers on a busy machine
SECTOR = 512
FORMATS = {720: (80, 2, 9), 2880: (80, 2, 36)}  # KiB: cylinders, heads, sectors
EXIT_OK = 0x10
CONSOLE, EXIT = 0xE9, 0xF4


class Code:
    """Sixteen-bit code, as bytes."""

    def __init__(self):
        self.bytes = b""

    def add(self, *parts):
        """Hexadecimal text, or bytes."""
        for part in parts:
            self.bytes += bytes.fromhex(part) if isinstance(part, str) else part
        return self

    def say(self, text):
        """Each character to the debug console."""
        for byte in text.encode():
            self.add(bytes([0xB0, byte, 0xE6, CONSOLE]))
        return self

    def end(self, status):
        """End the machine with this status."""
        return self.add(bytes([0xB0, status, 0xE6, EXIT]), "f4", "ebfd")

    def int13(self, function, count, place, segment=0x1000):
        """INT 13h on drive A, to or from SEGMENT:0; ends the machine if it says there is an error."""
        cylinder, head, sector = place
        self.add("b8", struct.pack("<H", segment), "8ec0", "31db")
        self.add("b8", bytes([count, function]), "b9", bytes([sector, cylinder]), "ba", bytes([0, head]), "cd13")
        failed = Code().add("88e0", "e6e9").say("failed").end(0x20).bytes  # the error's number first
        return self.add(bytes([0x73, len(failed)]), failed)

    def show(self, segment, offset):
        """A byte of memory to the debug console."""
        return self.add("b8", struct.pack("<H", segment), "8ec0", "26a0", struct.pack("<H", offset), "e6e9")


def boot_sector():
    """Interrupts on, a stack, segments at 0."""
    return Code().add("fa31c08ed88ec08ed0bc007cfb").say("booted ")


def letter(number):
    """What sector NUMBER begins with."""
    return bytes([ord("a") + number % 26])


def image(kib, code):
    """Every sector begins with its letter, but the first has CODE in it."""
    assert len(code.bytes) <= 510, len(code.bytes)
    content = b"".join(letter(number) * SECTOR for number in range(kib * 1024 // SECTOR))
    return code.bytes.ljust(510, b"\0") + b"\x55\xaa" + content[SECTOR:]


def boot(binary, path, *more):
    """(what the guest said, exit status)."""
    done = subprocess.run([binary, "-M", "pc", "-accel", "kvm", "-cpu", "host", "-m", "16", "-nodefaults", "-display",
                           "none", "-boot", "a", "-drive", f"file={path},if=floppy,format=raw", "-debugcon", "stdio",
                           "-device", f"isa-debug-exit,iobase={EXIT:#x},iosize=4", *more], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=TIME_LIMIT, check=False)
    return done.stdout, done.returncode, done.stderr


def expect(binary, path, said, *more):
    """The guest says SAID and ends well."""
    output, status, errors = boot(binary, path, *more)
    assert (output, status) == (said, EXIT_OK << 1 | 1), (output, status, errors)


def test_bios_calls_reach_the_image(binary, folder):
    """One call reads the rest of a side and all of the other; others write, and format a track."""
    path, target = folder / "disk", (79, 1, 16)
    code = boot_sector().int13(2, 35, (0, 0, 2)).show(0x1000, 0).show(0x1000, 34 * SECTOR).int13(3, 3, target)
    code.int13(2, 1, (0, 1, 18), 0x3000).int13(5, 18, (5, 1, 1), 0x3000).end(EXIT_OK)
    before = bytearray(image(1440, code))
    identifiers = b"".join(bytes([5, 1, sector, 2]) for sector in range(1, 19))
    before[35 * SECTOR:36 * SECTOR] = identifiers.ljust(SECTOR, b"\0")
    path.write_bytes(before)
    expect(binary, path, b"booted " + letter(1) + identifiers[:1])
    after = path.read_bytes()
    formatted = 11 * 18 * SECTOR  # cylinder 5, side 1
    before[-3 * SECTOR:] = before[SECTOR:4 * SECTOR]
    before[formatted:formatted + 18 * SECTOR] = b"\xf6" * (18 * SECTOR)
    assert after == before


def test_other_formats_read_at_their_far_end(binary, folder):
    """The last sector of two more sizes of diskette, in the drives that go with them."""
    for kib, (cylinders, heads, sectors) in FORMATS.items():
        place = (cylinders - 1, heads - 1, sectors)
        code = boot_sector().int13(2, 1, place).show(0x1000, 511).end(EXIT_OK)
        path = folder / f"disk{kib}"
        path.write_bytes(image(kib, code))
        expect(binary, path, b"booted " + letter(kib * 2 - 1))


def test_protected_diskette_refuses_writes(binary, folder):
    """The BIOS says so with its error 3."""
    path = folder / "disk"
    before = image(1440, boot_sector().int13(3, 1, (79, 1, 16)).end(EXIT_OK))
    path.write_bytes(before)
    output, status, errors = boot(binary, f"{path},readonly=on")
    assert (output, status) == (b"booted \x03failed", 0x20 << 1 | 1), (output, status, errors)
    assert path.read_bytes() == before


def have_kvm():
    """True if a virtual machine can be made at all."""
    return os.access("/dev/kvm", os.R_OK | os.W_OK)


def main():
    """Run the tests."""
    binary = sys.argv[1]
    tests = [(name, value) for name, value in globals().items() if name.startswith("test_")]
    if not have_kvm():
        print("1..0 # SKIP no /dev/kvm")
        return
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="floppy-") as folder:
            try:
                test(binary, pathlib.Path(folder))
                print(f"ok {number} - {name}", flush=True)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                print(f"not ok {number} - {name}", flush=True)
                print("".join(f"# {line}\n" for line in repr(error).splitlines()), end="", flush=True)


if __name__ == "__main__":
    main()
