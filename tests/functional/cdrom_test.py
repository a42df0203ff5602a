"""The CD-ROM drive: the firmware boots from it, and the guest reads what the image holds.

SPDX-License-Identifier: GPL-2.0-or-later
"""

from harness import SMALL_SYSTEM, case


@case(assets=[*SMALL_SYSTEM, "cd.iso", "cd.iso.sha256", "data.sha256"], cost=60)
def test_guest_reads_the_cd_rom_as_it_is(context):
    """The whole disc through the block device, and a file through ISO 9660, by their hashes."""
    size = context.asset("cd.iso").stat().st_size
    with context.machine([*context.small_system(), "-cdrom", context.asset("cd.iso")]) as machine:
        machine.login(300)
        machine.check("modprobe -a sr_mod isofs")
        assert machine.check("cat /sys/block/sr0/size") == str(size // 512)
        read = machine.check(f"head -c {size} /dev/sr0 | sha256sum", 600).split()[0]
        assert read == context.asset("cd.iso.sha256").read_text().strip(), "the disc reads back wrong"
        machine.check("mount -t iso9660 -o ro /dev/sr0 /mnt")
        read = machine.check("sha256sum < /mnt/data.bin", 600).split()[0]
        assert read == context.asset("data.sha256").read_text().strip(), "data.bin reads back wrong"
        status, _ = machine.run("dd if=/dev/zero of=/dev/sr0 bs=2048 count=1 2>/dev/null")
        assert status != 0, "the guest could write to a CD-ROM"
        machine.check("umount /mnt")
        machine.power_off()


@case(assets=["cd.iso"], cost=60)
def test_firmware_boots_from_the_cd_rom(context):
    """El Torito without emulation: GRUB from the disc, the kernel from there."""
    arguments = ["-cdrom", context.asset("cd.iso"), "-boot", "order=d"]
    with context.machine(arguments) as machine:
        machine.expect(r"guest: init reached after", 300)
        status = machine.wait()
        assert status == 0, f"exit status {status}"


@case(assets=["small.raw", "cd.iso"], cost=60)
def test_bootindex_puts_the_cd_rom_before_the_disk(context):
    """Both can boot; bootindex decides."""
    disk = context.copy("small.raw")
    arguments = ["-drive", f"file={disk},format=raw,if=none,id=disk",
                 "-device", "ide-hd,drive=disk,bus=ide.0,unit=0,bootindex=2",
                 "-drive", f"file={context.asset('cd.iso')},format=raw,if=none,id=cd,media=cdrom,readonly=on",
                 "-device", "ide-cd,drive=cd,bus=ide.1,unit=0,bootindex=1"]
    with context.machine(arguments) as machine:
        machine.expect(r"guest: init reached after", 300)
        machine.wait()
        assert "guest: root device" not in machine.text, "the disk was booted"
