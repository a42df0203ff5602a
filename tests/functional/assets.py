"""What tests can ask for by name: disks, kernels, tools.  Runs on the building side.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import functools
import os
import pathlib
import sys

for _folder in ("testhost", "guest"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", _folder))

import kernels  # noqa: E402
from hostlib import cache, cpio, disk, disk_tools, kernel, libvirt, xen_guest  # noqa: E402

EMPTY_SIZE = 32 << 20
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs/system/libvirt"
PROGRAM = "program:"


def empty_ext4():
    """An ext4 file system of 32 MiB without files."""

    def build(folder):
        disk.make_ext4(folder / "empty.ext4", EMPTY_SIZE)

    return cache.entry("empty-ext4", cache.digest(EMPTY_SIZE, 1), build) / "empty.ext4"


def guest_kernels():
    """The folder with the kernels of tests/guest, built."""
    return cache.entry("guest-kernels", cache.digest(*kernels.sources()), kernels.build)


FLOPPY_JOB = """#!/bin/sh
insmod floppy.ko || exit 1
n=0
while [ ! -b /dev/fd0 ] && [ $n -lt 50 ]; do sleep 0.2; n=$((n + 1)); done
echo "floppy: size $(dd if=/dev/fd0 bs=9216 2>/dev/null | wc -c)"
echo "floppy: read $(md5sum < /dev/fd0 | cut -d' ' -f1)"
dd if=/dev/fd0 of=/tracks bs=9216 count=2 2>/dev/null
dd if=/tracks of=/dev/fd0 bs=9216 seek=100 conv=notrunc,fsync 2>/dev/null
echo "floppy: written $?"
"""


def job_archive(name, modules, script):
    """An archive that follows a guest's initial file system: drivers and a job (/job/run) that uses them."""
    stock = kernel.current()

    def build(folder):
        with open(folder / f"{name}.cpio", "wb") as stream:
            archive = cpio.Archive(stream)
            for path in stock.closure(modules):
                archive.file(f"job/{pathlib.Path(path).name}", stock.modules / path)
            archive.text("job/run", script, 0o755)
            archive.close()

    return cache.entry(name, cache.digest(stock.version, kernel.RECIPE, script), build) / f"{name}.cpio"


def floppy_job():
    """The floppy driver."""
    return job_archive("floppy-job", ["floppy"], FLOPPY_JOB)


NET_JOB = """#!/bin/sh
cd /job && insmod xen-netfront.ko || exit 1
n=0
while [ ! -e /sys/class/net/eth0 ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
ip link set lo up
ip addr add "$1/24" dev eth0 && ip link set eth0 up && ip route add default via 10.0.2.2
"""


def net_job():
    """The PV adapter's driver; the job wants the address that eth0 is to have."""
    return job_archive("net-job", ["xen-netfront"], NET_JOB)


MAKERS = {
    "small.raw": disk.small_disk,
    "initrd": disk.guest_initramfs,
    "vmlinuz": lambda: kernel.current().vmlinuz,
    "vmlinux": disk.vmlinux,
    "cd.iso": disk.cd_image,
    "cd.iso.sha256": lambda: disk.cd_image().with_name("cd.iso.sha256"),
    "data.sha256": lambda: disk.cd_image().with_name("data.sha256"),
    "empty.ext4": empty_ext4,
    "guest-kernels": guest_kernels,
    "guest-tools": disk.guest_tools,
    "disk-tools": disk_tools.archive_file,
    "disk-writer": disk_tools.writer_archive,
    "floppy-job": floppy_job,
    "net-job": net_job,
    "mapper-modules": disk_tools.mapper_modules,
    "whole.raw": disk.whole_disk,
    "xen-initrd": lambda: xen_guest.initramfs("amd64"),
    "xen-kexec": lambda: xen_guest.kexec_files("amd64"),
    "vmlinuz-686": lambda: xen_guest.vmlinuz("i386"),
    "xen-initrd-686": lambda: xen_guest.initramfs("i386"),
    "xen-kexec-686": lambda: xen_guest.kexec_files("i386"),
    "store-tools": xen_guest.store_tools,
    "grub-pvh": xen_guest.grub_pvh,
    "libvirt": libvirt.tools,
    "libvirt-examples": lambda: EXAMPLES,
}


@functools.lru_cache(maxsize=None)
def path(name):
    """The path of the asset NAME, which is made if need be."""
    return pathlib.Path(MAKERS[name]())


def add(job, names):
    """Bring the assets NAMES along with JOB."""
    for name in sorted(set(names)):
        if name.startswith(PROGRAM):
            job.add_program(name[len(PROGRAM):])
        else:
            job.add_file(path(name), f"assets/{name}")
