#!/usr/bin/python3
"""Builds the guest kernels: a folder of tests/guest with a main.c becomes NAME-64.elf and NAME-32.elf.

  kernels.py [--cc COMPILER] [--depfile FILE --stamp FILE] FOLDER

Freestanding: no library of either word size is needed, only the compiler and Xen's public headers.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import argparse
import concurrent.futures
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LIB = HERE / "lib"
WIDTHS = (64, 32)
MARCH = {64: "x86-64", 32: "i686"}
# The interface version that the tests' structures are written for: Xen 4.14's.
FLAGS = ["-std=gnu11", "-O2", "-g", "-ffreestanding", "-fno-pic", "-fno-stack-protector", "-fno-strict-aliasing",
         "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-mgeneral-regs-only", "-mno-red-zone",
         "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wmissing-prototypes", "-Wstrict-prototypes", "-Wvla",
         "-Wundef", "-Wwrite-strings", "-Wpointer-arith", "-Wno-missing-field-initializers",
         "-D__XEN_INTERFACE_VERSION__=0x40e00", f"-I{LIB}"]
LINK_FLAGS = ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,noexecstack",
              "-Wl,--no-warn-rwx-segments", f"-Wl,-T,{LIB / 'guest.lds'}"]


def names():
    """The names of all kernels."""
    return sorted(path.parent.name for path in HERE.glob("*/main.c"))


def sources():
    """Every file that a kernel is made from."""
    return [pathlib.Path(__file__).resolve(),
            *sorted(path for path in HERE.glob("*/*") if path.suffix in (".c", ".h", ".S", ".lds", ".ini"))]


def run(command):
    """Run COMMAND; what it says on an error goes into the exception."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{shlex.join(map(str, command))}\n{result.stderr}")


class Builder:
    """All kernels of one compiler into one folder."""

    def __init__(self, folder, compiler):
        self.folder = pathlib.Path(folder)
        self.compiler = shlex.split(compiler)
        self.objects = self.folder / "objects"
        self.objects.mkdir(parents=True, exist_ok=True)

    def compile(self, source, width):
        """One object file."""
        target = self.objects / f"{source.parent.name}-{source.name}-{width}.o"
        run([*self.compiler, f"-m{width}", f"-march={MARCH[width]}", *FLAGS, "-c", str(source), "-o", str(target)])
        return target

    def link(self, name, width, objects):
        """One kernel."""
        run([*self.compiler, f"-m{width}", *LINK_FLAGS, "-o", str(self.folder / f"{name}-{width}.elf"),
             *map(str, objects)])

    def all(self):
        """Compile everything, then link everything."""
        library = sorted([*LIB.glob("*.c"), *LIB.glob("*.S")])
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            common = {width: [pool.submit(self.compile, source, width) for source in library] for width in WIDTHS}
            own = {(name, width): [pool.submit(self.compile, source, width)
                                   for source in sorted((HERE / name).glob("*.[cS]"))]
                   for name in names() for width in WIDTHS}
            links = [pool.submit(self.link, name, width, [job.result() for job in [*common[width], *jobs]])
                     for (name, width), jobs in own.items()]
            for job in links:
                job.result()


def build(folder, compiler="gcc"):
    """Build all kernels into FOLDER, and bring along how each is run."""
    builder = Builder(folder, compiler)
    builder.all()
    shutil.rmtree(builder.objects)
    for name in names():
        runs = HERE / name / "runs.ini"
        target = pathlib.Path(folder) / f"{name}.ini"
        target.write_text(runs.read_text(encoding="ascii") if runs.exists() else "[plain]\n", encoding="ascii")


def main():
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--depfile")
    parser.add_argument("--stamp")
    parser.add_argument("folder")
    options = parser.parse_args()
    try:
        build(options.folder, options.cc)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    if options.stamp:
        pathlib.Path(options.stamp).write_text("".join(f"{name}\n" for name in names()), encoding="ascii")
    if options.depfile:
        files = " ".join(str(path).replace(" ", "\\ ") for path in sources())
        pathlib.Path(options.depfile).write_text(f"{options.stamp}: {files}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
