"""The initial file system of the test host: what every run has, and what one run brings along.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import pathlib
import shlex
import shutil
import subprocess

from . import cache, cpio, debian, kernel

HERE = pathlib.Path(__file__).resolve().parent.parent
VARIANTS = ("stock", "kvm-xen")

# What the host loads at its start; `brd` gives it a disk in memory for file systems with direct I/O.
MODULES = ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "loop", "tun", "kvm-amd"]
MODULE_OPTIONS = {"kvm-amd.ko": "nested=0"}
# Work around faults of the emulator; host-init leaves the first one out of measurements.
OWN_MODULES = [HERE / "svm-kick", HERE / "pae-accessed"]
KVM_MODULES = ("kvm.ko", "kvm-amd.ko")

PYTHON = "/usr/bin/python3.11"
PYTHON_LIBRARY = "/usr/lib/python3.11"
PYTHON_SKIP = ("test", "tests", "idlelib", "lib2to3", "ensurepip", "tkinter", "pydoc_data", "turtledemo",
               "distutils", "unittest", "sqlite3", "dbm", "curses", "wsgiref", "xmlrpc", "venv",
               "site-packages", "dist-packages")
PLAIN_LIBRARIES = ("libc.so", "libm.so", "libz.so", "libpthread.so", "libdl.so", "ld-linux", "libffi.so")


def build_static(source, target):
    """Compile the C program SOURCE into the static program TARGET."""
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-o", str(target),
                    str(source)], check=True)


def busybox():
    """The path of Debian's static busybox."""
    for path in ("/usr/bin/busybox", "/bin/busybox"):
        if os.path.exists(path) and not cpio.libraries(path):
            return pathlib.Path(path)
    raise debian.PackageError("the package busybox-static is not installed")


def add_busybox(archive):
    """Add busybox and a link for each of its programs."""
    program = busybox()
    archive.file("bin/busybox", program, 0o755)
    names = subprocess.run([str(program), "--list"], check=True, capture_output=True, text=True).stdout
    for name in names.split():
        archive.link(f"bin/{name}", "busybox")
    for folder in ("sbin", "usr/bin", "usr/sbin"):
        archive.folder(folder)
    archive.link("sbin/init", "/bin/busybox")


def add_python(archive):
    """Add the machine's Python with the parts of its library that load nothing unusual."""
    if not os.path.exists(PYTHON):
        raise debian.PackageError(f"{PYTHON} is not there: the package python3 of Debian 12 is needed")
    archive.program(PYTHON)
    archive.link("usr/bin/python3", "python3.11")
    skip = {*PYTHON_SKIP, "lib-dynload"}
    skip.update(path.name for path in pathlib.Path(PYTHON_LIBRARY).glob("config-*"))
    archive.tree(PYTHON_LIBRARY, PYTHON_LIBRARY, skip)
    for path in sorted(pathlib.Path(PYTHON_LIBRARY, "lib-dynload").glob("*.so")):
        needs = cpio.libraries(path)
        if all(need.name.startswith(PLAIN_LIBRARIES) for need in needs):
            archive.program(path)


def add_modules(archive, variant):
    """Add the host's kernel modules and the list of them in loading order."""
    host = kernel.current()
    rebuilt = kernel.kvm_xen_modules() if variant == "kvm-xen" else None
    lines = []
    for path in host.closure(MODULES):
        name = os.path.basename(path)
        source = rebuilt / name if rebuilt and name in KVM_MODULES else host.modules / path
        archive.file(f"modules/{name}", source)
        lines.append(f"{name} {MODULE_OPTIONS.get(name, '')}".rstrip())
    for source in OWN_MODULES:
        name = f"{source.name.replace('-', '_')}.ko"
        archive.file(f"modules/{name}", kernel.own_module(source) / name)
        lines.append(name)
    archive.text("modules/list", "".join(f"{line}\n" for line in lines))


def base(variant):
    """The archive that every run of VARIANT starts with, kept in the cache."""
    if variant not in VARIANTS:
        raise ValueError(f"the test host has no variant {variant}: {', '.join(VARIANTS)}")
    host = kernel.current()
    sources = [path for module in OWN_MODULES for path in sorted(module.iterdir())]
    sources += [HERE / "host-init", HERE / "kvm-probe.c", pathlib.Path(__file__), HERE / "hostlib/cpio.py"]
    key = cache.digest(host.version, kernel.RECIPE, variant, MODULE_OPTIONS, busybox(), pathlib.Path(PYTHON),
                       *sources)

    def build(folder):
        build_static(HERE / "kvm-probe.c", folder / "kvm-probe")
        with open(folder / "base.cpio", "wb") as stream:
            archive = cpio.Archive(stream)
            for name in ("proc", "sys", "tmp", "run", "root", "results", "etc", "mnt"):
                archive.folder(name)
            archive.folder("dev")
            archive.node("dev/console", 0o600, 5, 1)
            archive.file("init", HERE / "host-init", 0o755)
            archive.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
            archive.text("etc/group", "root:x:0:\n")
            archive.text("etc/hosts", "127.0.0.1 localhost\n")
            archive.file("usr/bin/kvm-probe", folder / "kvm-probe", 0o755)
            add_busybox(archive)
            add_modules(archive, variant)
            add_python(archive)
            archive.close()

    return cache.entry(f"host-{variant}", key, build) / "base.cpio"


class Job:
    """What one run brings: a folder of files, programs with their libraries, a command and variables.

    The command runs in the job's folder.  Files keep relative names there, so that the same job runs in
    the test host and directly on this machine.
    """

    def __init__(self, command):
        self.command = [str(part) for part in command]
        self.files = {}
        self.trees = {}
        self.programs = []
        self.variables = {}

    def add_file(self, source, name):
        """Bring the file (or folder) SOURCE as NAME, relative to the job's folder."""
        if os.path.isabs(name) or ".." in pathlib.PurePath(name).parts:
            raise ValueError(f"{name}: a job's file needs a name below its folder")
        target = self.trees if os.path.isdir(source) else self.files
        target[name] = pathlib.Path(source)

    def add_program(self, path):
        """Bring the program PATH, found under the same path there, with its shared libraries."""
        self.programs.append(pathlib.Path(path).absolute())

    def system_trees(self):
        """Folders of this machine that programs read: firmware."""
        return [path for path in ("/usr/share/seabios", "/usr/share/qemu", "/usr/share/pvh",
                                  "/usr/lib/ipxe/qemu") if os.path.isdir(path)]

    def environment(self, job, results):
        """The variables of the command as lines that a shell reads."""
        values = {"JOB": job, "RESULTS": results, **self.variables}
        return "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in values.items())

    def size(self):
        """About how many bytes the job brings."""
        total = sum(path.stat().st_size for path in self.files.values())
        for tree in self.trees.values():
            total += sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
        return total

    def write_archive(self, stream):
        """Write the job as an archive that follows the host's own."""
        archive = cpio.Archive(stream)
        archive.folder("job")
        archive.text("job/run", f"#!/bin/sh\nexec {shlex.join(self.command)}\n", 0o755)
        archive.text("job/environment", self.environment("/job", "/results") + "export TESTHOST=1\n")
        for name, source in self.files.items():
            archive.file(f"job/{name}", source)
        for name, source in self.trees.items():
            archive.tree(f"job/{name}", source, ("__pycache__",))
        for program in self.programs:
            archive.program(program)
        if self.programs:
            for tree in self.system_trees():
                add_firmware(archive, tree)
        archive.close()

    def lay_out(self, folder):
        """Copy the job's files into FOLDER, for a direct run."""
        for name, source in {**self.files, **self.trees}.items():
            target = pathlib.Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(source), str(target)],
                               check=True)


def add_firmware(archive, tree):
    """Add a firmware folder without the large images of other machines."""
    for path in sorted(pathlib.Path(tree).rglob("*")):
        if path.is_file() and path.stat().st_size <= 300 * 1024 and path.suffix in (".bin", ".rom"):
            archive.file(str(path), path)
