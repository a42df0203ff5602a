"""fio for guests: Debian's program, and the disk drivers of a machine that boots from an initial file system.

Debian's fio also drives the storage systems of Ceph, Gluster, NBD, RDMA and persistent memory, whose libraries
would make a guest's initial file system ten times as large.  A guest never asks for them: one library whose
functions do nothing stands in their place.

Source of facts: fio(1); ld.so(8).

SPDX-License-Identifier: GPL-2.0-or-later
"""

import pathlib
import re
import shutil
import subprocess

from . import cache, cpio, debian, image, kernel
from .disk import TOOLS

PACKAGES = ["fio", "libaio1", "libnuma1", "zlib1g", "libc6"]
PROGRAM = "usr/bin/fio"
MODULES = ["ata_piix", "sd_mod", "xen-blkfront", "virtio_pci", "virtio_blk", "button", "evdev"]
LOADER = "lib64/ld-linux-x86-64.so.2"
LOAD = """#!/bin/sh
while read -r module; do
    insmod "/disk-modules/$module" 2> /dev/null
done < /disk-modules/list
exit 0
"""


def _symbols(path, kind):
    """The dynamic symbols of PATH that are KIND (--defined-only, --undefined-only): names with versions."""
    text = subprocess.run(["nm", "-D", "-P", kind, str(path)], check=True, capture_output=True,
                          text=True).stdout
    return [tuple(line.split()[0].replace("@@", "@").partition("@")[::2]) for line in text.splitlines()]


def _needs(path):
    """The shared libraries that PATH asks for by name, each with the versions of its symbols."""
    text = subprocess.run(["objdump", "-p", str(path)], check=True, capture_output=True, text=True).stdout
    needs = {name: [] for name in re.findall(r"NEEDED +(\S+)", text)}
    for name, lines in re.findall(r"required from (\S+):\n((?: +0x.*\n)+)", text):
        needs[name] = re.findall(r"(\S+)$", lines, re.MULTILINE)
    return needs


def _stand_in(target, symbols, versions):
    """Make the library TARGET with functions for SYMBOLS, each in its version of VERSIONS or in none."""
    source = target.with_suffix(".c")
    source.write_text("".join(f"long {name}(void);\nlong {name}(void)\n{{\n    return -1;\n}}\n"
                              for name, _ in symbols))
    script = target.with_suffix(".map")
    script.write_text("".join(
        f"{version} {{ {' '.join(f'{name};' for name, own in symbols if own == version)} }};\n"
        for version in versions))
    options = [f"-Wl,--version-script={script}"] if versions else []
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-fno-builtin", f"-Wl,-soname,{target.name}", *options,
                    "-o", str(target), str(source)], check=True)


def _stand_ins(folder, program, there):
    """Stand-ins in FOLDER for the libraries of PROGRAM that are not THERE: paths by name."""
    needs = _needs(program)
    absent = [name for name in needs if name not in there]
    known = {name for library in needs if library in there
             for name, _ in _symbols(there[library], "--defined-only")}
    wanted = [symbol for symbol in _symbols(program, "--undefined-only")
              if symbol[0] not in known and not symbol[0].startswith("_")]
    for number, name in enumerate(absent):
        # Symbols of no version are looked for in all libraries; the first one has them.
        symbols = [symbol for symbol in wanted
                   if symbol[1] in needs[name] or (not symbol[1] and number == 0)]
        _stand_in(folder / name, symbols, needs[name])
    return {name: folder / name for name in absent}


def _lay_out(archive, root, folder):
    """Fill the archive."""
    there = {path.name: path for path in sorted(root.rglob("*.so*"))}
    absent = _stand_ins(folder, root / PROGRAM, there)
    image.build_static(TOOLS / "disk-read.c", folder / "disk-read")
    archive.file("bin/fio", root / PROGRAM, 0o755)
    archive.file("bin/disk-read", folder / "disk-read", 0o755)
    archive.file(LOADER, root / LOADER, 0o755)
    for name in _needs(root / PROGRAM):
        archive.file(f"lib/{name}", absent.get(name) or there[name], 0o755)
    archive.text("bin/load-disks", LOAD, 0o755)
    stock = kernel.current()
    paths = stock.closure(MODULES)
    for path in paths:
        archive.file(f"disk-modules/{pathlib.Path(path).name}", stock.modules / path)
    archive.text("disk-modules/list", "".join(f"{pathlib.Path(path).name}\n" for path in paths))


def archive_for_guests():
    """An archive that follows a guest's initial file system: fio, disk-read, load-disks and its modules."""
    versions = [(package, debian.version(package)) for package in PACKAGES]
    key = cache.digest(kernel.current().version, *versions, pathlib.Path(__file__), TOOLS / "disk-read.c")

    def build(folder):
        work = folder / "work"
        root = work / "root"
        root.mkdir(parents=True)
        for package, version in versions:
            debian.unpack(package, version, root)
        with open(folder / "fio.cpio", "wb") as stream:
            archive = cpio.Archive(stream)
            _lay_out(archive, root, work)
            archive.close()
        shutil.rmtree(work)

    return cache.entry("guest-fio", key, build) / "fio.cpio"
