"""What Xen guests are made of: initial file systems with Xen's tools, 64- and 32-bit, and GRUB's PVH image.

The 64-bit guest has Debian's xenstore-utils.  Debian 12 builds no Xen tools for i386, so the 32-bit guest has
the tests' own store client under the same names.

Source of facts: the packages' own lists of files; GRUB's manual (grub-mkstandalone).

SPDX-License-Identifier: GPL-2.0-or-later
"""

import pathlib
import re
import shutil
import subprocess

from . import cache, cpio, debian, image, kernel
from .disk import GUEST, TOOLS

MODULES = ["xen-evtchn", "xen-privcmd", "xenfs", "xen-gntdev", "xen-gntalloc"]
STORE_PACKAGES = ["xenstore-utils", "libxenstore4", "libxentoolcore1", "libgcc-s1"]
# The C library loads it when libxenstore cancels its reading thread, and ends the process where it is missing.
CANCELLING = "libgcc_s.so.1"
STORE_PROGRAMS = ["usr/bin/xenstore-exists", "usr/bin/xenstore-list", "usr/bin/xenstore-ls",
                  "usr/bin/xenstore-read", "usr/bin/xenstore-rm", "usr/bin/xenstore-watch",
                  "usr/bin/xenstore-write"]
# What each guest's user space is taken from, and which programs of it.
PACKAGES = {
    "amd64": ["busybox-static", "libc6", "kexec-tools", "libxenmisc4.17", "libxencall1", "libxenevtchn1",
              "libxengnttab1", "libxenforeignmemory1", "libxendevicemodel1", "libxentoollog1", *STORE_PACKAGES],
    "i386": ["busybox-static", "libc6", "kexec-tools"],
}
PROGRAMS = {"amd64": ["sbin/kexec", *STORE_PROGRAMS], "i386": ["sbin/kexec"]}
OWN_STORE_NAMES = ["xenstore-list", "xenstore-read", "xenstore-rm", "xenstore-watch", "xenstore-write"]
LOADER = {"amd64": "lib64/ld-linux-x86-64.so.2", "i386": "lib/ld-linux.so.2"}
# What a static 32-bit program is compiled with; Debian's 64-bit compiler does the rest.
SYSROOT_PACKAGES = ["libc6-dev", "libc6", "libgcc-12-dev", "linux-libc-dev"]
GRUB_PACKAGE = "grub-xen-bin"
GRUB_MODULES = "normal configfile echo sleep halt ls test memdisk tar minicmd"


def _kernel(architecture):
    """The stock kernel of guests of ARCHITECTURE."""
    return kernel.pae() if architecture == "i386" else kernel.current()


def unpacked(name, packages, architecture):
    """The folder with PACKAGES unpacked together."""
    versions = [(package, debian.version(package, architecture)) for package in packages]

    def build(folder):
        for package, version in versions:
            debian.unpack(package, version, folder, architecture)

    return cache.entry(f"{name}-{architecture}", cache.digest(*versions), build)


def needs(path):
    """The names of the shared libraries that the program or library PATH asks for."""
    text = subprocess.run(["readelf", "-dW", str(path)], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", text)


def _libraries(root, programs):
    """The shared libraries below ROOT that PROGRAMS load, by name: paths."""
    there = {path.name: path for path in sorted(root.rglob("*.so*"))}
    found = {}
    left = [root / program for program in programs]
    while left:
        path = left.pop()
        cancelling = [CANCELLING] if path.name.startswith("libxenstore") else []
        for name in needs(path) + cancelling:
            if name not in there:
                raise debian.PackageError(f"no package brings {name}")
            if name not in found:
                found[name] = there[name]
                left.append(there[name])
    return found


def build_static_i386(source, target):
    """Compile the C program SOURCE into the static 32-bit program TARGET."""
    root = unpacked("sysroot", SYSROOT_PACKAGES, "i386")
    runtime = next((root / "usr/lib/gcc/i686-linux-gnu").iterdir())
    subprocess.run(["gcc", "-m32", f"--sysroot={root}", f"-B{runtime}", f"-L{runtime}", "-O2", "-Wall",
                    "-Wextra", "-Werror", "-static", "-pthread", "-o", str(target), str(source)], check=True)


def _own_tools(architecture, folder):
    """The tests' own programs for a guest of ARCHITECTURE, compiled into FOLDER."""
    build = build_static_i386 if architecture == "i386" else image.build_static
    for source in (TOOLS / "xen-bench.c", TOOLS / "store-client.c"):
        build(source, folder / source.stem)


def _lay_out(archive, architecture, tools):
    """Fill the initial file system: busybox, Xen's tools, our own, modules and init's configuration."""
    root = unpacked("xen-userland", PACKAGES[architecture], architecture)
    for name in ("proc", "sys", "dev", "tmp", "run", "root", "etc", "boot", "sbin", "usr/sbin"):
        archive.folder(name)
    archive.node("dev/console", 0o600, 5, 1)
    archive.file("bin/busybox", root / "bin/busybox", 0o755)
    # Both architectures' busybox have the same programs; only the machine's own can be asked.
    names = subprocess.run([str(image.busybox()), "--list"], check=True, capture_output=True, text=True)
    for name in PROGRAMS[architecture]:
        archive.file(name, root / name, 0o755)
    for name, path in _libraries(root, PROGRAMS[architecture]).items():
        archive.file(f"lib/{name}", path, 0o755)
    archive.file(LOADER[architecture], root / LOADER[architecture], 0o755)
    for tool in sorted(tools.iterdir()):
        archive.file(f"bin/{tool.name}", tool, 0o755)
    if architecture == "i386":
        for name in OWN_STORE_NAMES:
            archive.link(f"bin/{name}", "store-client")
    for name in names.stdout.split():
        archive.link(f"bin/{name}", "busybox")
    for name in ("init", "poweroff", "reboot", "halt"):
        archive.link(f"sbin/{name}", "/bin/busybox")
    archive.link("init", "/bin/busybox")
    archive.file("etc/rc", GUEST / "xen-rc", 0o755)
    archive.file("etc/inittab", GUEST / "xen-inittab", 0o644)
    archive.file("etc/profile", GUEST / "profile", 0o644)
    archive.file("bin/xen-facts", GUEST / "xen-facts", 0o755)
    archive.text("etc/passwd", "root::0:0:root:/root:/bin/sh\n")
    stock = _kernel(architecture)
    paths = stock.closure(MODULES)
    for path in paths:
        archive.file(f"modules/{pathlib.Path(path).name}", stock.modules / path)
    archive.text("modules/list", "".join(f"{pathlib.Path(path).name}\n" for path in paths))


def initramfs(architecture):
    """The initial file system (zstd) that is the whole guest."""
    sources = [GUEST / name for name in ("xen-rc", "xen-inittab", "xen-facts", "profile")]
    sources += [TOOLS / "xen-bench.c", TOOLS / "store-client.c", pathlib.Path(__file__),
                image.HERE / "hostlib/cpio.py"]
    versions = [debian.version(package, architecture) for package in PACKAGES[architecture]]
    key = cache.digest(_kernel(architecture).version, *versions, *sources)

    def build(folder):
        tools = folder / "tools"
        tools.mkdir()
        _own_tools(architecture, tools)
        plain = folder / "initrd.cpio"
        with open(plain, "wb") as stream:
            archive = cpio.Archive(stream)
            _lay_out(archive, architecture, tools)
            archive.close()
        subprocess.run(["zstd", "-q", "-15", "--rm", str(plain), "-o", str(folder / "initrd")], check=True)
        shutil.rmtree(tools)

    return cache.entry(f"xen-initramfs-{architecture}", key, build) / "initrd"


def vmlinuz(architecture):
    """The stock kernel of guests of ARCHITECTURE."""
    return _kernel(architecture).vmlinuz


def kexec_files(architecture):
    """An archive that follows the initial file system and brings kernel and initial file system themselves."""
    key = cache.digest(_kernel(architecture).version, initramfs(architecture).parent.name)

    def build(folder):
        with open(folder / "kexec.cpio", "wb") as stream:
            archive = cpio.Archive(stream)
            archive.file("boot/vmlinuz", vmlinuz(architecture), 0o644)
            archive.file("boot/initrd", initramfs(architecture), 0o644)
            archive.close()

    return cache.entry(f"xen-kexec-{architecture}", key, build) / "kexec.cpio"


def store_tools():
    """A folder with Debian's xenstore-utils (bin) and their libraries (lib), for the host's side."""
    root = unpacked("xenstore-utils", STORE_PACKAGES, debian.native())
    own = [path.name for path in root.rglob("libxen*.so*")]
    key = cache.digest(root.name, pathlib.Path(__file__))

    def build(folder):
        (folder / "bin").mkdir()
        (folder / "lib").mkdir()
        for program in STORE_PROGRAMS:
            shutil.copy(root / program, folder / "bin")
            for name in needs(root / program):
                if name in own:
                    shutil.copy(next(root.rglob(name)), folder / "lib")
        for library in list((folder / "lib").iterdir()):
            for name in needs(library):
                if name in own:
                    shutil.copy(next(root.rglob(name)), folder / "lib")
        shutil.copy(next(root.rglob(CANCELLING)), folder / "lib")

    return cache.entry("store-tools", key, build)


def grub_pvh():
    """GRUB as a PVH kernel whose built-in configuration lists its environment."""
    configuration = GUEST / "grub-pvh.cfg"
    version = debian.version(GRUB_PACKAGE)

    def build(folder):
        unpacked = folder / "package"
        debian.unpack(GRUB_PACKAGE, version, unpacked)
        subprocess.run(["grub-mkstandalone", "-O", "i386-xen_pvh", "-d",
                        str(unpacked / "usr/lib/grub/i386-xen_pvh"), "-o", str(folder / "grub-pvh"),
                        f"--install-modules={GRUB_MODULES}", "--fonts=", "--locales=", "--themes=",
                        f"boot/grub/grub.cfg={configuration}"], check=True, capture_output=True)
        shutil.rmtree(unpacked)

    return cache.entry("grub-pvh", cache.digest(version, configuration, GRUB_MODULES), build) / "grub-pvh"
