"""Debian's libvirt as a folder that a run brings along: programs, driver, libraries, CPU map.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import pathlib
import shutil

from . import cache, cpio, debian

PROGRAMS = ("/usr/sbin/libvirtd", "/usr/bin/virsh", "/usr/bin/env")
DRIVER = "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so"
HELPER = "/usr/lib/libvirt/libvirt_iohelper"
CPU_MAP = "/usr/share/libvirt/cpu_map"
# These must be those of the system that the programs run on.
SYSTEM = ("ld-linux", "libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so")


def tools():
    """The folder: bin, lib, drivers, libvirt (what libvirt looks for below /usr/lib) and cpu_map."""
    for path in (*PROGRAMS, DRIVER, HELPER, CPU_MAP):
        if not pathlib.Path(path).exists():
            raise debian.PackageError(f"{path} is not there: scripts/install-deps installs libvirt")
    version = debian_version()

    def build(folder):
        for name in ("bin", "lib", "drivers", "libvirt"):
            (folder / name).mkdir()
        for program in PROGRAMS:
            shutil.copy(program, folder / "bin")
        shutil.copy(DRIVER, folder / "drivers")
        # libvirtd starts it without LD_LIBRARY_PATH.
        shutil.copy(HELPER, folder / "libvirt/iohelper")
        start = folder / "libvirt" / pathlib.Path(HELPER).name
        start.write_text('#!/bin/sh\nLD_LIBRARY_PATH=${0%/*}/../lib exec "${0%/*}/iohelper" "$@"\n', encoding="ascii")
        start.chmod(0o755)
        shutil.copytree(CPU_MAP, folder / "cpu_map", ignore=shutil.ignore_patterns("arm_*", "ppc64_*"))
        needs = {need for path in (*PROGRAMS, DRIVER, HELPER) for need in cpio.libraries(path)}
        for need in needs:
            if not need.name.startswith(SYSTEM):
                shutil.copy(need, folder / "lib" / need.name)

    return cache.entry("libvirt", cache.digest(version, pathlib.Path(__file__)), build)


def debian_version():
    """What tells one installed libvirt from another."""
    return cache.digest(pathlib.Path(PROGRAMS[0]), pathlib.Path(DRIVER))
