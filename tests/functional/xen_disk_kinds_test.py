"""All kinds of PV disks at once, in a guest with four CPUs and no driver for IDE; and fio, which verifies.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import itertools
import os
import re
import time

from harness import case
from trips import Trip, journey, kinds
from xen_disks import COUNTED, DISKLESS, WRITER, Writer, complaints, disks, diskless, file_hash, load_drivers
from xen_disks import one_image, pv_disk, random_file, writer_guest
from xen_guest import kernel_hosts_xen

MIB = 1 << 20
ASSETS = (*DISKLESS, "guest-tools", "cd.iso")
FIO_MIB = 4
FIO = ("/disk/fio --name=verify --direct=1 --ioengine=libaio --iodepth=16 --numjobs=4 --thread --group_reporting "
       "--verify=crc32c --do_verify=1 --verify_fatal=1 --fsync=16 --randrepeat=0 --allow_mounted_write=1 ")


def fio(machine, device, kind, size_mib, blocks="4k-64k", timeout=600):
    """Write KIND with four jobs and verify all of it; returns what fio counted (reads, writes, discards, flushes)."""
    share = size_mib // 4
    said = machine.check(f"{FIO} --filename=/dev/{device} --rw={kind} --bsrange={blocks} --size={share}m "
                         f"--offset_increment={share}m > /tmp/fio-{device} 2>&1; status=$?; "
                         f"grep -E 'issued|err=|verify:' /tmp/fio-{device}; [ $status = 0 ]", timeout)
    counts = [int(number) for number in re.search(r"issued rwts: total=(\d+),(\d+),(\d+),(\d+)", said).groups()]
    assert "err= 0" in said, said
    return counts


def check_queues(machine, device, count):
    """The disk has COUNT queues, and can discard."""
    assert machine.check(f"ls /sys/block/{device}/mq | wc -l") == str(count)
    assert int(machine.check(f"cat /sys/block/{device}/queue/discard_max_bytes")) > 0


def check_read_only(machine, device, wanted):
    """DEVICE reads as it should and cannot be written."""
    assert machine.check(f"cat /sys/block/{device}/ro") == "1"
    assert machine.check(f"sha256sum < /dev/{device}").split()[0] == wanted
    status, _ = machine.run(f"dd if=/dev/zero of=/dev/{device} bs=4096 count=1 conv=fsync 2> /dev/null")
    assert status != 0, f"{device} could be written"


def check_snapshot(machine, device, wanted):
    """DEVICE can be written and read back; the image itself is looked at later."""
    assert machine.check(f"sha256sum < /dev/{device}").split()[0] == wanted
    machine.check(f"dd if=/dev/urandom of=/tmp/new bs=64k count=4 2> /dev/null && "
                  f"dd if=/tmp/new of=/dev/{device} bs=64k seek=2 conv=fsync 2> /dev/null && "
                  "echo 3 > /proc/sys/vm/drop_caches && "
                  f"dd if=/dev/{device} bs=64k skip=2 count=4 2> /dev/null | cmp - /tmp/new")


def check_cdroms(machine):
    """A PV CD-ROM with a medium and an empty one: in the store; Linux leaves them to the emulated drive."""
    kinds = machine.check("for n in $(xenstore-list device/vbd); do xenstore-read device/vbd/$n/device-type; done")
    assert sorted(kinds.split()).count("cdrom") == 2, kinds
    number = str(202 << 8 | 1 << 4)
    back_end = machine.check(f"xenstore-read device/vbd/{number}/backend")
    assert machine.check(f"xenstore-read {back_end}/mode") == "r"
    assert machine.check(f"xenstore-read {back_end}/device-type") == "cdrom"


@case(assets=ASSETS, cost=110)
def test_kinds_of_disks_with_four_cpus_fio_and_sigkill_at_the_end(context):
    """-drive if=xen, a CD-ROM, an empty one, read-only, snapshot=on, 4 KiB sectors on an I/O thread; no IDE driver."""
    plain, large = context.file("plain.raw", 16 * MIB), context.file("large.raw", 16 * MIB)
    fixed, fixed_hash = random_file(context, "fixed.raw", MIB)
    arguments = ["-drive", f"file={plain},format=raw,if=xen,discard=unmap",
                 "-drive", f"file={context.asset('cd.iso')},format=raw,if=xen,media=cdrom",
                 "-device", "xen-cdrom,vdev=xvdg", "-object", "iothread,id=io1",
                 *pv_disk(fixed, "fixed", "xvdd", ",readonly=on"), *pv_disk(fixed, "snap", "xvde", ",snapshot=on"),
                 *pv_disk(large, "large", "xvdf", ",discard=unmap,aio=io_uring",
                          ",iothread=io1,logical_block_size=4096,physical_block_size=4096")]
    with diskless(context, arguments, cpus=4) as machine:
        machine.expect_shell(200)
        load_drivers(machine, "pv")
        assert disks(machine) == ["xvda", "xvdd", "xvde", "xvdf"], disks(machine)
        check_queues(machine, "xvda", 4)
        check_queues(machine, "xvdf", 4)
        assert machine.check("cat /sys/block/xvdf/queue/logical_block_size") == "4096"
        check_read_only(machine, "xvdd", fixed_hash)
        check_snapshot(machine, "xvde", fixed_hash)
        check_cdroms(machine)
        first = fio(machine, "xvda", "randwrite", FIO_MIB)
        second = fio(machine, "xvdf", "randtrimwrite", FIO_MIB)
        assert complaints(machine) == "", complaints(machine)
        # fio flushes between writes, but not where it discards before each of them.
        assert min(first[:2]) > 40 and first[3] > 0 and min(second[:3]) > 20, (first, second)
        device, path = ("xvda", plain) if kernel_hosts_xen() else ("xvdf", large)
        killed = Writer(context, 4 * MIB, "/disk/disk-verify").kill_while_writing(machine, device, path)
    assert file_hash(fixed) == fixed_hash, "the image behind snapshot=on was written"
    context.note(f"fio: {first}, {second} (reads, writes, discards, flushes); {killed}")


@case(assets=ASSETS, cost=2500, full=True)
def test_fio_verifies_for_twenty_minutes(context):
    """Rounds of writes, discards and flushes with four CPUs and queues on two disks at once, each round verified.

    Twenty minutes of this machine's clock; in the test host of the wall's, about.
    """
    plain, large = context.file("plain.raw", 64 * MIB), context.file("large.raw", 64 * MIB)
    arguments = [*pv_disk(plain, "plain", "xvda", ",discard=unmap"), "-object", "iothread,id=io1",
                 *pv_disk(large, "large", "xvdb", ",discard=unmap,aio=io_uring", ",iothread=io1")]
    rounds = 0
    with diskless(context, arguments, cpus=4, memory=512) as machine:
        machine.expect_shell(200)
        load_drivers(machine, "pv")
        started = float(machine.check("cut -d' ' -f1 /proc/uptime"))
        while float(machine.check("cut -d' ' -f1 /proc/uptime")) < started + 1200 / COUNTED:
            fio(machine, "xvda", ("randwrite", "randtrimwrite")[rounds % 2], 16, ("4k-64k", "4k-1m")[rounds // 2 % 2])
            fio(machine, "xvdb", ("randtrimwrite", "randwrite")[rounds % 2], 16, ("4k-1m", "4k-64k")[rounds // 2 % 2])
            rounds += 1
        assert complaints(machine) == "", complaints(machine)
        machine.power_off()
    context.note(f"{rounds} rounds on each disk")


@case(assets=ASSETS, cost=120, full=True)
def test_snapshot_option_leaves_every_image_as_it_is(context):
    """-snapshot with two disks, one of them IDE as well; fio verifies through the overlay."""
    first, first_hash = random_file(context, "first.raw", 8 * MIB)
    second, second_hash = random_file(context, "second.raw", 8 * MIB)
    arguments = ["-snapshot", *one_image(first, "first", 0, "xvda"), *pv_disk(second, "second", "xvdb")]
    with diskless(context, arguments, cpus=2) as machine:
        machine.expect_shell(200)
        load_drivers(machine, "pv")
        assert disks(machine) == ["xvda", "xvdb"], disks(machine)
        assert machine.check("sha256sum < /dev/xvda").split()[0] == first_hash
        for device in ("xvda", "xvdb"):
            fio(machine, device, "randwrite", 4)
        machine.power_off()
    assert (file_hash(first), file_hash(second)) == (first_hash, second_hash)


# How the guest reaches the image: the driver to load, the device, what the kernel is told.
WAYS = [("pv", "xvda", ""), ("ide", "sda", "xen_emul_unplug=never")]
CACHES = ("", ",aio=io_uring", ",cache=writethrough", ",aio=threads")


@case(assets=WRITER, cost=320, full=True)
def test_nothing_flushed_is_lost_by_sigkills_of_guests_that_booted(context):
    """Each time a new machine on the same image boots and is killed at a random moment under write, on either path."""
    image = context.file("image.raw", 8 * MIB)
    writer = Writer(context, 8 * MIB, "/disk/disk-verify")
    for (driver, device, append), cache in itertools.product(WAYS, CACHES):
        with writer_guest(context, one_image(image, "disk", 0, "xvda", cache), append) as machine:
            machine.expect_shell(200)
            load_drivers(machine, driver)
            writer.kill_while_writing(machine, device, image)


class BootedOnce:
    """A guest that boots once and is saved; it goes on from there in one new process after another."""

    def __init__(self, context, image, append):
        self.context, self.image, self.append = context, image, append
        self.saved = context.scratch / "saved"
        self.cache = ""
        self.trip = Trip(context, self.make)

    def make(self, accel):
        """The machine, its image opened as self.cache says."""
        return writer_guest(self.context, one_image(self.image, "disk", 0, "xvda", self.cache), self.append,
                            accel=accel)

    def boot(self, kind, driver):
        """Up to a shell, with DRIVER loaded; then into the file."""
        machine = self.trip.begin(kind)
        machine.expect_shell(200)
        load_drivers(machine, driver)
        self.trip.save(self.saved)

    def again(self, kind, cache):
        """From the file."""
        self.cache = cache
        return self.trip.restore(self.saved, kind)


@case(assets=WRITER, cost=1400, full=True)
def test_nothing_flushed_is_lost_by_two_hundred_sigkills(context):
    """Each time a new process on the same image, killed at a random moment under write, on either path.

    The guest booted once for each; what disk-verify writes and reads is in no cache of its own.
    """
    image = context.file("image.raw", 8 * MIB)
    writer = Writer(context, 8 * MIB, "/disk/disk-verify")
    kills = int(os.environ.get("KILLS", 200))
    for (driver, device, append), share in zip(WAYS, (kills - kills // 4, kills // 4)):
        guest = BootedOnce(context, image, append)
        with guest.trip:
            guest.boot(journey(1)[0], driver)
            started = time.monotonic()
            for _, (cache, kind) in zip(range(share), itertools.cycle(itertools.product(CACHES, kinds()))):
                writer.kill_while_writing(guest.again(kind, cache), device, image)
                guest.trip.kill()
            context.note(f"{device}: {share} kills, {(time.monotonic() - started) / share:.2f} s each")
