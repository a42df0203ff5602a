"""Guest disks made from Debian packages, with no root rights and no loop devices.

The small disk has a partition table, GRUB, the stock kernel, an initial file system and an ext4 root with
busybox; it comes to a login prompt on the first serial port and switches itself off by ACPI.

Source of facts: GRUB's own documentation of its boot.img, diskboot.img and cdboot.img (a core image that
grub-mkimage made expects itself at the second sector of the disk), the ext4 and El Torito tools' manuals.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import hashlib
import os
import pathlib
import random
import shutil
import struct
import subprocess

from . import cache, cpio, debian, image, kernel

GUEST = image.HERE / "guest"
TOOLS = image.HERE.parent / "functional" / "guest-tools"
GRUB = pathlib.Path("/usr/lib/grub/i386-pc")
SECTOR = 512
PARTITION_START = 2048
SMALL_DISK_MIB = 64
ROOT_LABEL = "xenolith-root"

# What finds and mounts the root, for every disk a machine may show it on.
ROOT_MODULES = ["crc32c_generic", "ata_piix", "sd_mod", "ext4", "virtio_pci", "virtio_blk", "xen-blkfront"]
# What the system on the disk can load by name.
SYSTEM_MODULES = ROOT_MODULES + [
    "ahci", "button", "evdev", "cdrom", "sr_mod", "isofs", "pvpanic-pci", "pvpanic", "virtio_net",
    "xen-netfront", "xenfs", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "e1000", "8139cp", "ne2k-pci",
    "i2c-piix4", "rtc-cmos", "ptp_kvm", "psmouse", "uhci_hcd", "ehci_pci", "xhci_pci", "usb_storage",
]
DISK_GRUB_MODULES = ["biosdisk", "part_msdos", "ext2", "normal", "configfile", "linux", "serial", "terminal",
                     "echo", "search", "reboot", "halt", "test"]
CD_DATA_SIZE = 6 << 20
WHOLE_PACKAGES = ["linux-image-amd64", "initramfs-tools", "systemd-sysv", "udev", "dbus", "kmod", "login",
                  "e2fsprogs", "iproute2"]


def _digest(*parts):
    """The key of something made for a guest: kernel, busybox, recipe and PARTS."""
    host = kernel.current()
    return cache.digest(host.version, kernel.RECIPE, image.busybox(), pathlib.Path(__file__),
                        image.HERE / "hostlib/cpio.py", *parts)


def guest_tools():
    """The folder with the tests' own static programs for guests, compiled."""
    sources = sorted(TOOLS.glob("*.c"))

    def build(folder):
        for source in sources:
            if source.stem == "multiboot-kernel":
                build_multiboot(source, folder)
            else:
                image.build_static(source, folder / source.stem)

    return cache.entry("guest-tools", cache.digest(*sources, *sorted(TOOLS.glob("*.lds"))), build)


def build_multiboot(source, folder):
    """The small Multiboot kernel as an ELF file, and flat with the addresses in its header."""
    flags = ["gcc", "-m32", "-march=i686", "-O1", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
             "-nostdlib", "-fno-pic", "-no-pie", "-fno-stack-protector", "-fcf-protection=none", "-mno-sse",
             "-fno-asynchronous-unwind-tables", "-static", "-Wl,--build-id=none", "-Wl,-z,noexecstack",
             "-Wl,--no-warn-rwx-segments", f"-Wl,-T,{source.with_suffix('.lds')}"]
    elf = folder / "multiboot.elf"
    subprocess.run([*flags, "-o", str(elf), str(source)], check=True)
    flat = folder / "multiboot-flat.elf"
    subprocess.run([*flags, "-DFLAT=1", "-o", str(flat), str(source)], check=True)
    subprocess.run(["objcopy", "-O", "binary", str(flat), str(folder / "multiboot.bin")], check=True)
    flat.unlink()


def guest_initramfs():
    """The guests' initial file system (zstd), which finds the root or is the whole system."""
    init = GUEST / "initramfs-init"

    def build(folder):
        plain = folder / "initrd.cpio"
        with open(plain, "wb") as stream:
            archive = cpio.Archive(stream)
            for name in ("proc", "sys", "dev", "root", "tmp", "etc"):
                archive.folder(name)
            archive.node("dev/console", 0o600, 5, 1)
            archive.file("init", init, 0o755)
            image.add_busybox(archive)
            add_module_list(archive, ROOT_MODULES)
            archive.close()
        subprocess.run(["zstd", "-q", "-15", "--rm", str(plain), "-o", str(folder / "initrd")], check=True)

    return cache.entry("guest-initramfs", _digest(init), build) / "initrd"


def add_module_list(archive, names):
    """Add the modules NAMES to an initial file system, and the list in loading order."""
    host = kernel.current()
    paths = host.closure(names)
    for path in paths:
        archive.file(f"modules/{os.path.basename(path)}", host.modules / path)
    archive.text("modules/list", "".join(f"{os.path.basename(path)}\n" for path in paths))


def lay_out_root(root):
    """Fill the folder ROOT with the small system."""
    host = kernel.current()
    for name in ("bin", "sbin", "usr/bin", "usr/sbin", "etc/acpi/PWRF", "proc", "sys", "dev", "tmp", "mnt",
                 "root", "var", "run", "boot/grub"):
        (root / name).mkdir(parents=True)
    shutil.copy(image.busybox(), root / "bin/busybox")
    names = subprocess.run([str(image.busybox()), "--list"], check=True, capture_output=True, text=True)
    for name in set(names.stdout.split()) - {"busybox"}:
        (root / "bin" / name).symlink_to("busybox")
    for name in ("init", "getty", "poweroff", "reboot", "halt", "modprobe", "insmod", "mdev"):
        (root / "sbin" / name).symlink_to("/bin/busybox")
    (root / "etc/passwd").write_text("root::0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/issue").write_text("Xenolith test system \\l\n")
    shutil.copy(GUEST / "profile", root / "etc/profile")
    shutil.copy(GUEST / "inittab", root / "etc/inittab")
    shutil.copy(GUEST / "rc", root / "etc/rc")
    (root / "etc/rc").chmod(0o755)
    action = root / "etc/acpi/PWRF/00000080"
    action.write_text("#!/bin/sh\nexec poweroff\n")
    action.chmod(0o755)
    for path in guest_tools().iterdir():
        if path.suffix == "":
            shutil.copy(path, root / "usr/bin")
    modules = root / "lib/modules" / host.release
    for path in host.closure(SYSTEM_MODULES):
        (modules / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(host.modules / path, modules / path)
    for name in ("modules.order", "modules.builtin"):
        shutil.copy(host.modules / name, modules / name)
    subprocess.run(["depmod", "-b", str(root), host.release], check=True, stderr=subprocess.DEVNULL)
    shutil.copy(host.vmlinuz, root / "boot/vmlinuz")
    shutil.copy(guest_initramfs(), root / "boot/initrd")
    shutil.copy(GUEST / "grub.cfg", root / "boot/grub/grub.cfg")


def make_ext4(path, size, source=None, offset=0, label=""):
    """Make an ext4 file system of SIZE bytes at OFFSET of the file PATH, with the folder SOURCE in it."""
    extended = "root_owner=0:0,lazy_itable_init=0" + (f",offset={offset}" if offset else "")
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-E", extended, "-L", label]
    if source:
        command += ["-d", str(source)]
    if not path.exists():
        path.touch()
    if path.stat().st_size < offset + size:
        os.truncate(path, offset + size)
    subprocess.run([*command, str(path), f"{size // 1024}k"], check=True)


def write_boot_sectors(disk, core, sectors):
    """Write the partition table, GRUB's boot sector and its core image in front of the partition."""
    boot = bytearray((GRUB / "boot.img").read_bytes())
    # One bootable Linux partition up to the end; the last cylinder's numbers say "use the sector numbers".
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION_START,
                        sectors - PARTITION_START)
    boot[440:444] = struct.pack("<I", 0x58454E4F)
    boot[446:510] = entry + bytes(48)
    boot[510:512] = b"\x55\xaa"
    if len(core) > (PARTITION_START - 1) * SECTOR:
        raise ValueError(f"GRUB's core image has {len(core)} bytes: too large for the gap")
    with open(disk, "r+b") as stream:
        stream.write(boot)
        stream.write(core)


def grub_core(folder, target, prefix, modules):
    """GRUB's core image for TARGET, as bytes."""
    if not GRUB.is_dir():
        raise debian.PackageError(f"{GRUB} is not there: the package grub-pc-bin is needed")
    path = folder / "core.img"
    subprocess.run(["grub-mkimage", "-O", target, "-d", str(GRUB), "-p", prefix, "-o", str(path), *modules],
                   check=True)
    core = path.read_bytes()
    path.unlink()
    return core


def small_disk():
    """The small disk's raw image, kept in the cache: copy it before a guest writes to it."""
    key = _digest(guest_initramfs().parent.name, guest_tools().name, *sorted(GUEST.iterdir()))

    def build(folder):
        root = folder / "root"
        root.mkdir()
        lay_out_root(root)
        disk = folder / "small.raw"
        size = SMALL_DISK_MIB << 20
        offset = PARTITION_START * SECTOR
        make_ext4(disk, size - offset, root, offset, ROOT_LABEL)
        core = grub_core(folder, "i386-pc", "(hd0,msdos1)/boot/grub",
                         DISK_GRUB_MODULES)
        write_boot_sectors(disk, core, size // SECTOR)
        shutil.rmtree(root)

    return cache.entry("small-disk", key, build) / "small.raw"


def cd_image():
    """A bootable CD-ROM image (El Torito, GRUB) with a file of known contents; its hash beside it."""
    key = _digest(guest_initramfs().parent.name, GUEST / "grub-cd.cfg", CD_DATA_SIZE)

    def build(folder):
        root = folder / "root"
        (root / "boot/grub").mkdir(parents=True)
        shutil.copy(kernel.current().vmlinuz, root / "boot/vmlinuz")
        shutil.copy(guest_initramfs(), root / "boot/initrd")
        shutil.copy(GUEST / "grub-cd.cfg", root / "boot/grub/grub.cfg")
        data = random.Random(20).randbytes(CD_DATA_SIZE)
        (root / "data.bin").write_bytes(data)
        core = grub_core(folder, "i386-pc-eltorito", "(cd)/boot/grub",
                         ["biosdisk", "iso9660", "normal", "configfile", "linux", "serial", "terminal"])
        (root / "boot/grub/eltorito.img").write_bytes(core)
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "XENOLITH",
                        "-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4",
                        "-boot-info-table", "-o", str(folder / "cd.iso"), str(root)],
                       check=True, stderr=subprocess.DEVNULL)
        digest = hashlib.sha256((folder / "cd.iso").read_bytes()).hexdigest()
        (folder / "cd.iso.sha256").write_text(f"{digest}\n")
        (folder / "data.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}\n")
        shutil.rmtree(root)

    return cache.entry("cd-image", key, build) / "cd.iso"


def vmlinux():
    """The stock kernel's ELF file, with its Xen PVH note."""

    def build(folder):
        (folder / "vmlinux").write_bytes(kernel.extract_elf(kernel.current().vmlinuz))

    return cache.entry("vmlinux", f"{kernel.current().version}-{kernel.RECIPE}", build) / "vmlinux"


def debootstrap(root):
    """Fill the folder ROOT with a whole Debian: systemd, udev, the stock kernel with its own initramfs."""
    if os.geteuid() != 0:
        raise debian.PackageError("a whole Debian disk needs root (debootstrap)")
    suite = debian.suite()
    with open(root.with_suffix(".log"), "w", encoding="utf-8") as log:
        subprocess.run(["debootstrap", "--variant=minbase",
                        f"--include={','.join(WHOLE_PACKAGES)}", suite, str(root)],
                       check=True, stdout=log, stderr=subprocess.STDOUT)
    (root / "etc/hostname").write_text("xenolith\n")
    (root / "etc/fstab").write_text(f"LABEL={ROOT_LABEL} / ext4 defaults 0 1\n")
    passwd = root / "etc/shadow"
    lines = passwd.read_text().splitlines()
    passwd.write_text("".join(f"{line.replace('root:*:', 'root::', 1)}\n" for line in lines))
    for path in (root / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
    release = next((root / "lib/modules").iterdir()).name
    (root / "boot/grub").mkdir(exist_ok=True)
    text = (GUEST / "grub.cfg").read_text()
    text = text.replace("/boot/vmlinuz", f"/boot/vmlinuz-{release}")
    text = text.replace("/boot/initrd", f"/boot/initrd.img-{release}").replace(" quiet", "")
    (root / "boot/grub/grub.cfg").write_text(text)


def whole_disk():
    """A whole Debian with systemd on a raw disk, kept in the cache."""
    key = _digest(*WHOLE_PACKAGES, GUEST / "grub.cfg")

    def build(folder):
        root = folder / "root"
        root.mkdir()
        debootstrap(root)
        used = int(subprocess.run(["du", "-sxk", str(root)], check=True, capture_output=True,
                                  text=True).stdout.split()[0])
        disk = folder / "whole.raw"
        offset = PARTITION_START * SECTOR
        size = (used // 1024 + 200) << 20
        make_ext4(disk, size, root, offset, ROOT_LABEL)
        core = grub_core(folder, "i386-pc", "(hd0,msdos1)/boot/grub", DISK_GRUB_MODULES)
        write_boot_sectors(disk, core, (offset + size) // SECTOR)
        shutil.rmtree(root)

    return cache.entry("whole-disk", key, build) / "whole.raw"
