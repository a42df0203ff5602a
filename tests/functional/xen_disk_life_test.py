"""The main job over more than one boot: reboots, kexec and a crash kernel, with one history of the data.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import subprocess

from harness import case
from main_job import DocumentedMachine
from xen_disks import ROOT_OPTIONS, SYSTEM, Writer, complaints, disks, one_image, root_after_boot
from xen_guest import XenMachine

MIB = 1 << 20
ASSETS = (*SYSTEM, "disk-tools", "program:/usr/sbin/e2fsck")
PARTITION = 1 << 20
HIDDEN = "xvda is hidden until the guest unplugs the IDE disk 'disk', whose image it shares"


def check_root_file_system(disk):
    """The root file system on the image DISK is clean."""
    result = subprocess.run(["/usr/sbin/e2fsck", "-fn", f"{disk}?offset={PARTITION}"], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stdout


def unplug_at_next_boot(machine, yes):
    """Change GRUB's configuration."""
    edit = r"s/ xen_emul_unplug=never//" if yes else r"s/ panic=-1/ panic=-1 xen_emul_unplug=never/"
    machine.check(f"sed -i '{edit}' /boot/grub/grub.cfg && sync")


def kexec(machine, tools):
    """Start the disk's own kernel from the running one, with unplugging; TOOLS is the disk with kexec."""
    machine.check(f"mkdir -p /tmp/tools && cd /tmp/tools && cpio -idm < /dev/{tools} 2> /dev/null; cd /", 300)
    machine.check("/tmp/tools/disk/kexec -l /boot/vmlinuz --initrd=/boot/initrd "
                  f"--command-line='{ROOT_OPTIONS} second.kernel=yes'", 300)
    machine.send("sync; /tmp/tools/disk/kexec -e\n")


def check_locked(context, disk):
    """Another process may not write the image."""
    result = subprocess.run([context.binary, "-M", "pc", "-accel", "kvm", "-nodefaults", "-display", "none", "-S",
                             "-drive", f"file={disk},format=raw,if=ide"], capture_output=True, text=True, check=False,
                            timeout=60)
    assert result.returncode == 1 and 'Failed to get "write" lock' in result.stderr, result


@case(assets=ASSETS, cost=170)
def test_one_image_is_one_history_through_reboots_and_kexec(context):
    """IDE and PV disk on one locked image: written by one, read by the other, in turn; three reboots and a kexec."""
    small, data = context.copy("small.raw"), context.file("data.raw", 4 * MIB)
    writer = Writer(context, 4 * MIB)
    arguments = [*one_image(small, "disk", 0, "xvda"), *one_image(data, "data", 1, "xvdb"),
                 "-drive", f"file={context.copy('disk-tools')},format=raw,if=ide,index=2"]
    with XenMachine(context, arguments, socket=False) as machine:
        assert root_after_boot(machine) == "xvda1" and disks(machine) == ["xvda", "xvdb"]
        writer.write(machine, "xvdb")
        check_locked(context, small)
        unplug_at_next_boot(machine, False)
        machine.send("reboot\n")

        # A guest that does not unplug goes on by IDE and gets no PV disk at all.
        assert root_after_boot(machine) == "sda1" and disks(machine) == ["sda", "sdb", "sdc"]
        writer.check_in_guest(machine, "sdb")
        writer.write(machine, "sdb")
        check_locked(context, small)
        unplug_at_next_boot(machine, True)
        kexec(machine, "sdc")

        assert root_after_boot(machine) == "xvda1" and disks(machine) == ["xvda", "xvdb"]
        assert "second.kernel=yes" in machine.check("cat /proc/cmdline")
        writer.check_in_guest(machine, "xvdb")
        writer.write(machine, "xvdb")
        machine.send("reboot\n")

        assert root_after_boot(machine) == "xvda1"
        writer.check_in_guest(machine, "xvdb")
        writer.write(machine, "xvdb")
        assert complaints(machine) == "", complaints(machine)
        unplug_at_next_boot(machine, False)
        machine.send("reboot\n")

        assert root_after_boot(machine) == "sda1"
        assert machine.check("cat /var/boots") == "5"
        writer.check_in_guest(machine, "sdb")
        writer.write(machine, "sdb")
        assert complaints(machine) == "", complaints(machine)
        machine.power_off()
        assert HIDDEN in machine.error_text(), machine.error_text()
    writer.check_on_host(data)
    check_root_file_system(small)
    context.note(f"last of five phases: {writer.written} writes")


def reboot_many_times(machine, count):
    """Boot, and COUNT times more; each boot comes by IDE through GRUB and ends on xvda, having seen all before it."""
    for number in range(1, count + 2):
        machine.expect(r"SeaBIOS \(version|GRUB|Booting", 300)
        root = machine.expect(r"guest: root device /dev/(\S+)", 400)[1]
        assert root == "xvda1", f"boot {number} has its root on {root}"
        machine.expect(rf"guest: boot {number} of this disk", 300)
        machine.login(400)
        assert disks(machine) == ["xvda"], f"boot {number}: {disks(machine)}"
        if number <= count:
            machine.send("reboot\n")
    assert complaints(machine) == "", complaints(machine)
    machine.power_off()
    assert len(machine.traced("xen_platform_unplugged")) == count + 1


def documented(context, count):
    """The manual's command, letter for letter, with COUNT reboots."""
    small = context.copy("small.raw")
    with DocumentedMachine(context.binary, context.results, small, cpus=1, memory=256) as machine:
        reboot_many_times(machine, count)
    check_root_file_system(small)


@case(assets=ASSETS, cost=80)
def test_documented_command_boots_unplugs_and_reboots(context):
    """Two drives on one file, locking off; one reboot."""
    documented(context, 1)


@case(assets=ASSETS, cost=1600, full=True)
def test_documented_command_reboots_fifty_times(context):
    """The boot disk is there each time."""
    documented(context, 50)


@case(assets=ASSETS, cost=1600, full=True)
def test_one_image_reboots_fifty_times(context):
    """The same with one image for both disks, locked."""
    small = context.copy("small.raw")
    arguments = [*one_image(small, "disk", 0, "xvda"), "-trace", "xen_platform_unplugged"]
    with TracedXenMachine(context, arguments, socket=False) as machine:
        reboot_many_times(machine, 50)
    check_root_file_system(small)


class TracedXenMachine(XenMachine):
    """A Xen machine whose trace points are looked at."""

    traced = DocumentedMachine.traced


@case(assets=ASSETS, cost=130, full=True)
def test_crash_kernel_finds_the_boot_disk(context):
    """Linux panics after the unplug; its crash kernel unplugs again and has the root on xvda, with all that was flushed."""
    small, data = context.copy("small.raw"), context.file("data.raw", 4 * MIB)
    writer = Writer(context, 4 * MIB)
    arguments = [*one_image(small, "disk", 0, "xvda"), *one_image(data, "data", 1, "xvdb"),
                 "-drive", f"file={context.copy('disk-tools')},format=raw,if=none,id=tools",
                 "-device", "xen-disk,drive=tools,vdev=xvdc",
                 "-kernel", context.asset("vmlinuz"), "-initrd", context.asset("initrd"),
                 "-append", f"{ROOT_OPTIONS} crashkernel=128M"]
    with XenMachine(context, arguments, socket=False, memory=512) as machine:
        assert root_after_boot(machine) == "xvda1"
        writer.write(machine, "xvdb")
        machine.check("mkdir -p /tmp/tools && cd /tmp/tools && cpio -idm < /dev/xvdc 2> /dev/null; cd /", 300)
        machine.check("/tmp/tools/disk/kexec -p /boot/vmlinuz --initrd=/boot/initrd "
                      f"--command-line='{ROOT_OPTIONS} second.kernel=yes reset_devices nr_cpus=1'", 300)
        machine.send("sync; echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger\n")
        assert root_after_boot(machine) == "xvda1"
        assert "second.kernel=yes" in machine.check("cat /proc/cmdline")
        writer.check_in_guest(machine, "xvdb")
        machine.send("reboot\n")
        assert root_after_boot(machine) == "xvda1"
        machine.power_off()
    writer.check_on_host(data)
