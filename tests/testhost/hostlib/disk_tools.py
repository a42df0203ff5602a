"""What guests of the disk tests bring along: fio, kexec, the tests' own programs and drivers of disks.

One archive serves both kinds of guest: it follows a Xen guest's initial file system, or lies on a disk of its own
from which the guest unpacks it.  Everything in it is below /disk and finds its libraries there.

Debian's fio is linked with libraries of storage that no guest here has (Ceph, Gluster, RDMA, NBD, persistent memory).
Each of them is replaced by one of the same name whose functions end the program.

Source of facts: ld.so(8), the ELF symbol tables as readelf shows them.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import collections
import pathlib
import re
import subprocess

from . import cache, cpio, debian, disk, image, kernel, xen_guest

PACKAGES = ["fio", "libaio1", "libnuma1", "zlib1g", *xen_guest.PACKAGES["amd64"]]
PROGRAMS = {"fio": "usr/bin/fio", "kexec": "sbin/kexec"}
LOADER = "ld-linux-x86-64.so.2"
# Lists of modules by the name that the guest loads them by.
MODULES = {"pv": ["crc32c_generic", "ext4", "isofs", "xen-blkfront"], "ide": ["ata_piix", "sd_mod", "sr_mod"],
           "virtio": ["virtio_pci", "virtio_blk"]}
LOAD = """#!/bin/sh
# Load the drivers of a list: pv, ide or virtio.
while read -r module; do
    insmod "/disk/modules/$module" 2> /dev/null
done < "/disk/modules/$1"
true
"""
WRAPPER = """#!/bin/sh
here=${{0%/*}}
exec "$here/lib/{loader}" --library-path "$here/lib" "$here/bin/{name}" "$@"
"""


def _readelf(option, path):
    return subprocess.run(["readelf", option, "-W", str(path)], check=True, capture_output=True, text=True).stdout


def _defined(path):
    """The names of functions that the library PATH has."""
    return {line.split()[-1].split("@")[0] for line in _readelf("--dyn-syms", path).splitlines()
            if " UND " not in line and len(line.split()) >= 8}


def _version_owners(program):
    """Which library each version of a symbol that PROGRAM needs is from."""
    owners, library = {}, None
    for line in _readelf("-V", program).splitlines():
        if match := re.search(r"File: (\S+)", line):
            library = match[1]
        elif match := re.search(r"Name: (\S+)\s+Flags: \S+\s+Version: (\d+)", line):
            owners[match[2]] = (library, match[1])
    return owners


def _wanted(program, missing, there):
    """The functions PROGRAM wants of the libraries MISSING: {library: {version or "": names}}.

    A function without a version goes to the first library, unless a library of THERE has it.
    """
    owners = _version_owners(program)
    found = set().union(*[_defined(path) for path in there])
    wanted = {library: collections.defaultdict(set) for library in missing}
    for line in _readelf("--dyn-syms", program).splitlines():
        match = re.search(r" UND (\w+)(?:@\S+ \((\d+)\))?$", line.rstrip())
        if not match or " WEAK " in line:
            continue
        name, number = match.groups()
        if number is None:
            if name not in found:
                wanted[missing[0]][""].add(name)
        elif owners[number][0] in wanted:
            wanted[owners[number][0]][owners[number][1]].add(name)
    return wanted


def _build_stand_in(folder, library, versions):
    """The library LIBRARY with the functions of VERSIONS, none of which may be called."""
    source, script = folder / "stand-in.c", folder / "stand-in.map"
    names = sorted(name for group in versions.values() for name in group)
    source.write_text("".join(f"void {name}(void);\nvoid {name}(void)\n{{\n    __builtin_trap();\n}}\n"
                              for name in names))
    script.write_text("".join(f"{version} {{ global: {' '.join(f'{name};' for name in sorted(group))} }};\n"
                              for version, group in versions.items() if version))
    command = ["gcc", "-shared", "-fPIC", "-nostdlib", "-fno-builtin", f"-Wl,-soname,{library}", "-o",
               str(folder / library), str(source)]
    if any(versions):
        command.append(f"-Wl,--version-script={script}")
    subprocess.run(command, check=True)
    source.unlink()
    script.unlink()


def _libraries(root, folder):
    """All libraries of the programs, by name; those that no package of ours has are built in FOLDER."""
    there = {path.name: path for path in sorted(root.rglob("*.so*"))}
    found, left = {}, [root / path for path in PROGRAMS.values()]
    while left:
        program = left.pop()
        missing = [name for name in xen_guest.needs(program) if name not in there]
        for name in xen_guest.needs(program):
            if name in there and name not in found:
                found[name] = there[name]
                left.append(there[name])
        if missing:
            real = [there[name] for name in xen_guest.needs(program) if name in there]
            for name, versions in _wanted(program, missing, real).items():
                _build_stand_in(folder, name, versions)
                found[name] = folder / name
    return found


# What a guest that only writes and verifies needs of them.
WRITER_MODULES = {"pv": ["xen-blkfront"], "ide": ["ata_piix", "sd_mod"]}


def _lay_out_modules(archive, lists):
    """The modules of LISTS, and what loads them."""
    stock = kernel.current()
    archive.text("disk/load", LOAD, 0o755)
    for name, modules in lists.items():
        paths = stock.closure(modules)
        for path in paths:
            archive.file(f"disk/modules/{pathlib.Path(path).name}", stock.modules / path)
        archive.text(f"disk/modules/{name}", "".join(f"{pathlib.Path(path).name}\n" for path in paths))


def _lay_out(archive, folder):
    root = xen_guest.unpacked("disk-tools-packages", PACKAGES, "amd64")
    for name, path in PROGRAMS.items():
        archive.file(f"disk/bin/{name}", root / path, 0o755)
        archive.text(f"disk/{name}", WRAPPER.format(loader=LOADER, name=name), 0o755)
    for name, path in _libraries(root, folder).items():
        archive.file(f"disk/lib/{name}", path, 0o755)
    archive.file(f"disk/lib/{LOADER}", root / f"lib64/{LOADER}", 0o755)
    for name in ("disk-verify", "disk-read"):
        archive.file(f"disk/{name}", disk.guest_tools() / name, 0o755)
    _lay_out_modules(archive, MODULES)


def archive_file():
    """The archive, a cpio file of whole sectors."""
    versions = [debian.version(package) for package in PACKAGES]
    key = cache.digest(kernel.current().version, disk.guest_tools().name, *versions, pathlib.Path(__file__),
                       image.HERE / "hostlib/cpio.py")

    def build(folder):
        stand_ins = folder / "stand-ins"
        stand_ins.mkdir()
        with open(folder / "disk-tools.cpio", "wb") as stream:
            archive = cpio.Archive(stream)
            _lay_out(archive, stand_ins)
            archive.close()

    return cache.entry("disk-tools", key, build) / "disk-tools.cpio"


def writer_archive():
    """A small one, for guests with little memory: disk-verify and the drivers that it needs."""
    key = cache.digest(kernel.current().version, disk.guest_tools().name, pathlib.Path(__file__),
                       image.HERE / "hostlib/cpio.py")

    def build(folder):
        with open(folder / "disk-writer.cpio", "wb") as stream:
            archive = cpio.Archive(stream)
            archive.file("disk/disk-verify", disk.guest_tools() / "disk-verify", 0o755)
            _lay_out_modules(archive, WRITER_MODULES)
            archive.close()

    return cache.entry("disk-writer", key, build) / "disk-writer.cpio"


def mapper_modules():
    """The folder with the host's device mapper: its modules, and the list in loading order."""
    stock = kernel.current()

    def build(folder):
        paths = stock.closure(["dm-mod"])
        for path in paths:
            (folder / pathlib.Path(path).name).write_bytes((stock.modules / path).read_bytes())
        (folder / "list").write_text("".join(f"{pathlib.Path(path).name}\n" for path in paths))

    return cache.entry("mapper-modules", cache.digest(stock.version, kernel.RECIPE), build)
