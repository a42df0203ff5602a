"""Debian's kernel: the image, its modules, the ELF file in it, and modules rebuilt with KVM_XEN.

Source of facts: the kernel's Documentation/x86/boot.rst (bzImage header) and Documentation/kbuild/modules.rst.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import functools
import lzma
import os
import pathlib
import re
import shutil
import struct
import subprocess

from . import cache, debian

META = "linux-image-amd64"
PAE_META = "linux-image-686-pae"
RECIPE = "3"


class Kernel:
    """One Debian kernel: RELEASE (uname -r), VERSION (of the package), unpacked at ROOT."""

    def __init__(self, release, version, root):
        self.release = release
        self.version = version
        self.series = ".".join(version.split(".")[:2])
        self.root = pathlib.Path(root)
        self.vmlinuz = self.root / "boot" / f"vmlinuz-{release}"
        self.modules = self.root / "lib" / "modules" / release
        self._needs = None

    def _load_needs(self):
        self._needs = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, _, rest = line.partition(":")
            self._needs[module_name(path)] = (path, [module_name(need) for need in rest.split()])
        for line in (self.modules / "modules.builtin").read_text().splitlines():
            self._needs[module_name(line)] = (None, [])

    def closure(self, names):
        """Paths (below the modules folder) of the modules NAMES and all they need, in loading order.

        What the kernel has built in is left out.
        """
        if self._needs is None:
            self._load_needs()
        order = []

        def visit(name):
            if name not in self._needs:
                raise KeyError(f"kernel {self.release} has no module {name}")
            path, needs = self._needs[name]
            # modules.dep lists the nearest need first; what that one needs stands behind it.
            for need in reversed(needs):
                visit(need)
            if path and path not in order:
                order.append(path)

        for name in names:
            visit(module_name(name))
        return order


def module_name(path):
    """The module's name as the kernel shows it, from a file or a name with dashes."""
    return re.sub(r"\.ko$", "", os.path.basename(path)).replace("-", "_")


def _newest(meta, name, architecture=None):
    """The kernel that the package META stands for, unpacked in the cache as NAME."""
    version = debian.version(meta, architecture)
    match = re.search(r"linux-image-(\S+) \(= ", debian.record(meta, architecture)["Depends"])
    if not match:
        raise debian.PackageError(f"{meta} names no kernel package")
    release = match[1]
    if debian.version(f"linux-image-{release}", architecture) != version:
        raise debian.PackageError(f"{meta} and linux-image-{release} differ in version")

    def build(folder):
        debian.unpack(f"linux-image-{release}", version, folder, architecture)
        subprocess.run(["depmod", "-b", str(folder), release], check=True)

    return Kernel(release, version, cache.entry(name, f"{version}-{RECIPE}", build))


@functools.lru_cache(maxsize=None)
def current():
    """The kernel that apt would install now, unpacked in the cache."""
    return _newest(META, "kernel")


@functools.lru_cache(maxsize=None)
def pae():
    """Debian's 32-bit kernel with PAE, for guests; its version may be another one."""
    return _newest(PAE_META, "kernel-686-pae", "i386")


def _prepare_headers(folder, release):
    """Make the unpacked headers work where they lie: their paths name /usr/src."""
    makefile = folder / "usr/src" / f"linux-headers-{release}" / "Makefile"
    text = makefile.read_text().replace("/usr/src/", f"{folder}/usr/src/")
    makefile.write_text(text)
    return makefile.parent


def _prepare_source(folder):
    """Unpack the parts of the kernel source that KVM is built from; returns arch/x86/kvm."""
    archive = next((folder / "usr/src").glob("linux-source-*.tar.xz"))
    top = archive.name[:-len(".tar.xz")]
    wanted = [f"{top}/{part}" for part in ("arch/x86/kvm", "arch/x86/kernel", "arch/x86/events", "virt")]
    subprocess.run(["tar", "-xJf", str(archive), "-C", str(folder), *wanted], check=True)
    archive.unlink()
    kvm = folder / top / "arch/x86/kvm"
    makefile = kvm / "Makefile"
    text = makefile.read_text()
    for old, new in (("-I $(srctree)/arch/x86/kvm", "-I $(src) -I $(src)/../../../virt/kvm"),
                     ("include $(srctree)/virt/kvm/Makefile.kvm",
                      "include $(src)/../../../virt/kvm/Makefile.kvm")):
        if old not in text:
            raise RuntimeError(f"{makefile}: '{old}' is not there any more")
        text = text.replace(old, new)
    makefile.write_text(text)
    return kvm


def _packages(*names):
    """The packages NAMES, which must be of the current kernel's version."""
    kernel = current()
    for name in names:
        if debian.version(name) != kernel.version:
            raise debian.PackageError(
                f"{name} is at {debian.version(name)}, the kernel at {kernel.version}")
    return names


def _header_packages():
    kernel = current()
    common = re.sub(r"-amd64$", "-common", kernel.release)
    return _packages(f"linux-headers-{kernel.release}", f"linux-headers-{common}",
                     f"linux-kbuild-{kernel.series}")


def _make(headers, source, log, *settings):
    """Build the modules of the folder SOURCE against unpacked headers."""
    with open(log, "w", encoding="utf-8") as stream:
        subprocess.run(["make", f"-j{os.cpu_count()}", "-C", str(headers), f"M={source}", *settings,
                        "modules"], stdout=stream, stderr=subprocess.STDOUT, check=True)


def _build(folder, packages, prepare, names, settings=()):
    """Build modules in FOLDER: unpack PACKAGES, let PREPARE lay out the source, keep the files NAMES."""
    kernel = current()
    work = folder / "work"
    work.mkdir()
    for name in packages:
        debian.unpack(name, kernel.version, work)
    source = prepare(work)
    _make(_prepare_headers(work, kernel.release), source, folder / "build.log", *settings)
    for name in names:
        subprocess.run(["strip", "--strip-debug", "-o", str(folder / name), str(source / name)], check=True)
    shutil.rmtree(work)


def kvm_xen_modules():
    """The folder with kvm.ko and kvm-amd.ko of the current kernel, built with CONFIG_KVM_XEN."""
    kernel = current()
    packages = [*_header_packages(), *_packages(f"linux-source-{kernel.series}")]

    def build(folder):
        _build(folder, packages, _prepare_source, ("kvm.ko", "kvm-amd.ko"),
               ("CONFIG_KVM_XEN=y", "CONFIG_KVM_INTEL=n", "KCFLAGS=-DCONFIG_KVM_XEN=1"))

    return cache.entry("kvm-xen", f"{kernel.version}-{RECIPE}", build)


def own_module(source):
    """The folder with the module built from the folder SOURCE of this tree, which has the module's name."""
    kernel = current()
    packages = _header_packages()
    name = source.name.replace("-", "_")

    def prepare(work):
        return pathlib.Path(shutil.copytree(source, work / source.name))

    def build(folder):
        _build(folder, packages, prepare, (f"{name}.ko",))

    key = cache.digest(kernel.version, RECIPE, *sorted(source.iterdir()))
    return cache.entry(source.name, key, build)


def extract_elf(vmlinuz):
    """The kernel ELF file (vmlinux) that the bzImage VMLINUZ carries, as bytes."""
    image = pathlib.Path(vmlinuz).read_bytes()
    if image[0x202:0x206] != b"HdrS":
        raise ValueError(f"{vmlinuz} is no bzImage")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start:start + length]
    # The last four bytes are the unpacked size, which the compressors' own formats know nothing of.
    size = struct.unpack_from("<I", payload, len(payload) - 4)[0]
    elf = lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(payload)
    if len(elf) != size or elf[:4] != b"\x7fELF":
        raise ValueError(f"{vmlinuz}: its payload is not an ELF file of {size} bytes")
    return elf
