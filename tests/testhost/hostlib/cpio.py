"""Writes and gathers "newc" cpio archives, the format of Linux's initramfs.

Source of facts: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import pathlib
import re
import stat
import subprocess

NO_FILE = re.compile(r"not a dynamic executable|statically linked")


def pad4(size):
    """The number of zero bytes that bring SIZE to a multiple of four."""
    return -size % 4


class Archive:
    """An archive that is written as files are added; parent folders are added by themselves.

    A name that is added twice is kept as it was first.
    """

    def __init__(self, stream):
        self.stream = stream
        self.names = set()
        self.inode = 1
        self.size = 0

    def _put(self, data):
        self.stream.write(data)
        self.size += len(data)

    def _member(self, name, mode, data=b"", mtime=0, device=(0, 0), length=None):
        """One header, and DATA when it is given whole (LENGTH: the caller writes that much itself)."""
        encoded = name.encode() + b"\0"
        length = len(data) if length is None else length
        fields = [self.inode, mode, 0, 0, 1, mtime, length, 0, 0, *device, len(encoded), 0]
        self.inode += 1
        self._put(b"070701" + b"".join(b"%08X" % (field & 0xFFFFFFFF) for field in fields))
        self._put(encoded + bytes(pad4(110 + len(encoded))))
        if data:
            self._put(data + bytes(pad4(len(data))))

    def _new(self, name):
        """True once for each name, after its parent folders are there."""
        if name in self.names:
            return False
        self.names.add(name)
        parent = os.path.dirname(name)
        if parent:
            self.folder(parent)
        return True

    def folder(self, name, mode=0o755):
        """Add the folder NAME and those above it."""
        name = name.strip("/")
        if name and self._new(name):
            self._member(name, stat.S_IFDIR | mode)

    def link(self, name, target):
        """Add the symbolic link NAME that points to TARGET."""
        name = name.strip("/")
        if self._new(name):
            self._member(name, stat.S_IFLNK | 0o777, str(target).encode())

    def node(self, name, mode, major, minor):
        """Add the character device NAME."""
        name = name.strip("/")
        if self._new(name):
            self._member(name, stat.S_IFCHR | mode, device=(major, minor))

    def text(self, name, contents, mode=0o644):
        """Add a file with CONTENTS (text or bytes)."""
        name = name.strip("/")
        if self._new(name):
            data = contents if isinstance(contents, bytes) else contents.encode()
            self._member(name, stat.S_IFREG | mode, data)

    def file(self, name, source, mode=None):
        """Add the file SOURCE as NAME, following symbolic links; times are kept."""
        name = name.strip("/")
        if not self._new(name):
            return
        with open(source, "rb") as handle:
            info = os.fstat(handle.fileno())
            kind = stat.S_IFREG | (stat.S_IMODE(info.st_mode) if mode is None else mode)
            self._member(name, kind, mtime=int(info.st_mtime), length=info.st_size)
            left = info.st_size
            while left:
                piece = handle.read(min(left, 1 << 22))
                if not piece:
                    raise OSError(f"{source} shrank while it was read")
                self._put(piece)
                left -= len(piece)
            self._put(bytes(pad4(info.st_size)))

    def tree(self, name, source, skip=()):
        """Add the folder SOURCE with all it holds as NAME; SKIP names folders left out."""
        source = pathlib.Path(source)
        self.folder(name)
        for path in sorted(source.iterdir()):
            inside = f"{name.strip('/')}/{path.name}"
            if path.name in skip:
                continue
            if path.is_symlink():
                self.link(inside, os.readlink(path))
            elif path.is_dir():
                self.tree(inside, path, skip)
            elif path.is_file():
                self.file(inside, path)

    def program(self, path, name=None):
        """Add an executable (as NAME, or under its own path) and the shared libraries it loads."""
        path = pathlib.Path(path)
        self.file(name or str(path.absolute()), path, 0o755)
        for library in libraries(path):
            self.file(str(library), library, 0o755)

    def close(self):
        """End the archive; another one may follow in the same stream."""
        self._member("TRAILER!!!", 0)
        self._put(bytes(-self.size % 512))


def libraries(path):
    """The shared libraries (and the interpreter) that the program PATH loads, by absolute path."""
    result = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        if NO_FILE.search(result.stdout + result.stderr):
            return []
        raise OSError(f"ldd {path}: {result.stderr.strip()}")
    missing = re.findall(r"(\S+) => not found", result.stdout)
    if missing:
        raise OSError(f"{path} needs {', '.join(missing)}, which this machine has not")
    return [pathlib.Path(found) for found in re.findall(r"(/\S+) \(0x", result.stdout)]
