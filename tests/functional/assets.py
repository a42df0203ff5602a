"""What tests can ask for by name: disks, kernels, tools.  Runs on the building side.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import functools
import os
import pathlib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "testhost"))

from hostlib import cache, disk, kernel  # noqa: E402

EMPTY_SIZE = 32 << 20
PROGRAM = "program:"


def empty_ext4():
    """An ext4 file system of 32 MiB without files."""

    def build(folder):
        disk.make_ext4(folder / "empty.ext4", EMPTY_SIZE)

    return cache.entry("empty-ext4", cache.digest(EMPTY_SIZE, 1), build) / "empty.ext4"


MAKERS = {
    "small.raw": disk.small_disk,
    "initrd": disk.guest_initramfs,
    "vmlinuz": lambda: kernel.current().vmlinuz,
    "vmlinux": disk.vmlinux,
    "cd.iso": disk.cd_image,
    "cd.iso.sha256": lambda: disk.cd_image().with_name("cd.iso.sha256"),
    "data.sha256": lambda: disk.cd_image().with_name("data.sha256"),
    "empty.ext4": empty_ext4,
    "guest-tools": disk.guest_tools,
    "whole.raw": disk.whole_disk,
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
