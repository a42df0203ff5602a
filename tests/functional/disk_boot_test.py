"""A stock Debian disk boots through the firmware and GRUB, and the machine ends when the guest says so.

SPDX-License-Identifier: GPL-2.0-or-later
"""

from harness import SMALL_SYSTEM, case


def boot_and_power_off(context, cpus, memory=256):
    """Boot the small disk to its login prompt with CPUS, look around, power off."""
    disk = context.copy("small.raw")
    drive = ["-drive", f"file={disk},format=raw,if=ide,index=0"]
    with context.machine(drive, cpus=cpus, memory=memory) as machine:
        machine.login(300)
        root = machine.text.split("guest: root device ")[1].split()[0]
        assert root == "/dev/sda1", f"the root is {root}"
        assert machine.check("nproc") == str(cpus)
        assert machine.check("mount | grep -c '^/dev.* on / type ext4'") == "1"
        kernel_seconds = machine.check("cut -d' ' -f1 /proc/uptime")
        machine.power_off()
    context.note(f"logged in at {kernel_seconds} s of the guest's time")


@case(assets=["small.raw"], cost=60)
def test_small_disk_boots_to_login_and_powers_off_with_one_cpu(context):
    """One vCPU; the process ends with status 0."""
    boot_and_power_off(context, 1)


@case(assets=["small.raw"], cost=70)
def test_small_disk_boots_to_login_and_powers_off_with_two_cpus(context):
    """Two vCPUs, both seen by the guest."""
    boot_and_power_off(context, 2)


@case(assets=["small.raw"], cost=80)
def test_small_disk_boots_to_login_and_powers_off_with_four_cpus(context):
    """Four vCPUs, all seen by the guest."""
    boot_and_power_off(context, 4)


@case(assets=["small.raw"], cost=240)
def test_small_disk_reboots_three_times(context):
    """Each reboot goes through the firmware again and comes back to the login prompt."""
    disk = context.copy("small.raw")
    drive = ["-drive", f"file={disk},format=raw,if=ide,index=0"]
    with context.machine(drive) as machine:
        for boot in (1, 2, 3, 4):
            machine.expect(rf"guest: boot {boot} of this disk", 300)
            machine.login(300)
            if boot < 4:
                machine.send("reboot\n")
        machine.power_off()


@case(assets=SMALL_SYSTEM, cost=35)
def test_no_reboot_option_ends_the_machine_when_the_guest_reboots(context):
    """-no-reboot: status 0 instead of a new boot."""
    with context.machine([*context.small_system(), "-no-reboot"]) as machine:
        machine.login(300)
        machine.send("reboot\n")
        status = machine.wait()
        assert status == 0, f"exit status {status}"
        assert machine.text.count("guest: boot ") == 1


@case(assets=["small.raw"], cost=200, full=True)
def test_guest_with_memory_above_four_gib_sees_all_of_it(context):
    """5 GiB: the part above the 4 GiB hole is there too."""
    disk = context.copy("small.raw")
    drive = ["-drive", f"file={disk},format=raw,if=ide,index=0"]
    with context.machine(drive, memory=5120) as machine:
        machine.login(400)
        kib = int(machine.check("awk '/MemTotal/ {print $2}' /proc/meminfo"))
        assert kib > 4900 * 1024, f"MemTotal is {kib} KiB"
        machine.power_off()


@case(assets=["whole.raw"], cost=700, full=True)
def test_whole_debian_with_systemd_boots_and_powers_off(context):
    """debootstrap's Debian with its own initramfs: no failed unit, power-off through ACPI."""
    disk = context.copy("whole.raw")
    drive = ["-drive", f"file={disk},format=raw,if=ide,index=0"]
    with context.machine(drive, memory=512) as machine:
        machine.login(900)
        assert machine.check("systemctl is-system-running --wait || true", 600) == "running"
        assert machine.check("systemd-detect-virt") == "kvm"
        assert machine.check("findmnt -n -o SOURCE /") == "/dev/sda1"
        machine.power_off(600)
