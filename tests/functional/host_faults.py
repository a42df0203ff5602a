"""Faults of the host's storage, made by its own kernel: bad sectors, no space, a file that someone cuts.

Bad sectors are a device-mapper table with a target "error" over a loop device, changed while the device is in use.

Source of facts: linux/dm-ioctl.h, linux/loop.h, the kernel's admin-guide/device-mapper.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import fcntl
import os
import pathlib
import struct
import subprocess

SECTOR = 512
LOOP_SET_FD, LOOP_CLR_FD, LOOP_CTL_GET_FREE = 0x4C00, 0x4C01, 0x4C82
CONTROL = "/dev/mapper/control"
# struct dm_ioctl: version, sizes, counts and flags, device, name, UUID; struct dm_target_spec behind it.
HEADER = struct.Struct("=3I2IIiIIIQ128s129s7x")
TARGET = struct.Struct("=QQiI16s")
# The kernel calls the sixth one "suspend"; without the flag of that name it puts the loaded table in use.
DEV_CREATE, DEV_REMOVE, DEV_RESUME, TABLE_LOAD = 3, 4, 6, 9
FLAG_NO_FLUSH = 1 << 11
BUFFER = 4096


def load_mapper(modules):
    """Load the device mapper from the folder MODULES (the asset mapper-modules), where the host has none."""
    if not pathlib.Path(CONTROL).exists():
        for name in (modules / "list").read_text(encoding="ascii").split():
            subprocess.run(["insmod", str(modules / name)], check=True)


class BadSectors:
    """A block device over a file, parts of which can be made bad and whole again while it is used."""

    def __init__(self, name, backing):
        self.name = name
        self.sectors = os.path.getsize(backing) // SECTOR
        with open("/dev/loop-control", "rb") as control:
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
        with open(backing, "r+b") as stream:
            self.loop = os.open(f"/dev/loop{number}", os.O_RDWR)
            fcntl.ioctl(self.loop, LOOP_SET_FD, stream.fileno())
        self._command(DEV_CREATE)
        self.path = None

    def __enter__(self):
        minor = os.minor(self.set_bad())
        self.path = pathlib.Path(f"/dev/dm-{minor}")
        return self

    def __exit__(self, *_):
        self._command(DEV_REMOVE)
        fcntl.ioctl(self.loop, LOOP_CLR_FD)
        os.close(self.loop)

    def _command(self, number, flags=0, targets=0, data=b""):
        """An ioctl of the device mapper; the device's number."""
        header = HEADER.pack(4, 0, 0, BUFFER, HEADER.size, targets, 0, flags, 0, 0, 0, self.name.encode(), b"")
        buffer = bytearray((header + data).ljust(BUFFER, b"\0"))
        with open(CONTROL, "r+b", buffering=0) as control:
            fcntl.ioctl(control, 3 << 30 | HEADER.size << 16 | 0xFD << 8 | number, buffer)
        return HEADER.unpack_from(buffer)[10]

    def set_bad(self, start=0, length=0):
        """The LENGTH bytes from START are bad, and nothing else is."""
        first, count = start // SECTOR, length // SECTOR
        device = os.fstat(self.loop).st_rdev
        table, targets = b"", 0
        for begin, end, kind in ((0, first, "linear"), (first, first + count, "error"),
                                 (first + count, self.sectors, "linear")):
            if end > begin:
                words = f"{os.major(device)}:{os.minor(device)} {begin}" if kind == "linear" else ""
                words = words.encode().ljust((len(words) // 8 + 1) * 8, b"\0")
                table += TARGET.pack(begin, end - begin, 0, TARGET.size + len(words), kind.encode()) + words
                targets += 1
        self._command(TABLE_LOAD, targets=targets, data=table)
        return self._command(DEV_RESUME, FLAG_NO_FLUSH)


class SmallFileSystem:
    """A file system in memory of SIZE bytes, which can be given more while it is used."""

    def __init__(self, path, size):
        self.path = path
        self.path.mkdir()
        self._mount(f"size={size}")

    def _mount(self, options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)], check=True)

    def grow(self, size):
        """From now on it has SIZE bytes."""
        self._mount(f"remount,size={size}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.path)], check=True)
