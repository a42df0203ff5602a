"""PV disks come and go while a stock kernel runs, by QMP.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import time

from harness import SMALL_SYSTEM, case
from qmp_client import Client, QmpError
from xen_guest import XenMachine

SIZE = 8 << 20
# More than the seconds that a guest has before a second device_del is an order.
PATIENCE = 6


class HotplugMachine(XenMachine):
    """The small system on its IDE disk as a Xen guest that takes PV disks too, with a monitor."""

    def __init__(self, context):
        arguments = context.small_system()
        place = arguments.index("-append") + 1
        arguments[place] += " xen_emul_unplug=unnecessary"
        path = context.scratch / "qmp"
        super().__init__(context, [*arguments, "-qmp", f"unix:{path},server=on,wait=off"], socket=False)
        self.path, self.qmp = path, None

    def boot(self):
        """Up to a shell."""
        self.login()
        self.qmp = Client(self.path)

    def plug(self, image, number):
        """The PV disk number NUMBER on IMAGE; returns when the guest has it."""
        name = f"xvd{'abcdefgh'[number]}"
        self.qmp.run("blockdev-add", {"driver": "raw", "node-name": f"node{number}",
                                      "file": {"driver": "file", "filename": str(image)}})
        self.qmp.run("device_add", {"driver": "xen-disk", "id": f"pv{number}", "vdev": name, "drive": f"node{number}"})
        self.check(f"for i in $(seq 300); do test -b /dev/{name} && break; sleep 0.1; done; test -b /dev/{name}", 60)
        return f"/dev/{name}"

    def wait_event(self, name, seconds=60):
        """An event that comes within so long of the guest's work; its data."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for event in self.qmp.events:
                if event["event"] == name:
                    self.qmp.events.remove(event)
                    return event["data"]
            self.settle(0.2)
            self.qmp.run("query-status")
        return self.fail(f"no {name} within {seconds} s")

    def grow(self, number, disk, size):
        """Make the image of a disk in use larger; the guest sees it and uses what is new."""
        self.qmp.run("block_resize", {"node-name": f"node{number}", "size": size})
        self.check(f"for i in $(seq 300); do [ $(blockdev --getsize64 {disk}) = {size} ] && break; sleep 0.1; done; "
                   f"[ $(blockdev --getsize64 {disk}) = {size} ]", 60)
        last = size // 512 - 1
        self.check(f"echo the end | dd of={disk} bs=512 seek={last} conv=sync,fsync 2> /dev/null && "
                   f"dd if={disk} iflag=direct bs=512 skip={last} 2> /dev/null | grep -q 'the end'")

    def unplug(self, number):
        """Ask for the disk; when it is gone its node is free."""
        self.qmp.run("device_del", {"id": f"pv{number}"})
        data = self.wait_event("DEVICE_DELETED")
        assert data == {"device": f"pv{number}", "path": f"/machine/peripheral/pv{number}"}, data
        self.qmp.run("blockdev-del", {"node-name": f"node{number}"})


def refused(machine, command, arguments):
    """The text of the error that this is answered with."""
    try:
        machine.qmp.run(command, arguments)
    except QmpError as error:
        return error.text
    return machine.fail(f"{command} {arguments} was not refused")


@case(assets=SMALL_SYSTEM, cost=90)
def test_pv_disk_is_plugged_used_and_unplugged(context):
    """blockdev-add, device_add, the guest writes, device_del, blockdev-del; the name again; a second disk grows."""
    first, second = context.file("first.raw", SIZE), context.file("second.raw", SIZE)
    with HotplugMachine(context) as machine:
        machine.boot()
        for turn in range(3):
            disk = machine.plug(first, 1)
            assert machine.check(f"blockdev --getsize64 {disk}") == str(SIZE)
            machine.check(f"echo turn {turn} | dd of={disk} bs=512 conv=sync,fsync 2> /dev/null")
            assert "in use" in refused(machine, "blockdev-del", {"node-name": "node1"})
            machine.unplug(1)
            machine.check(f"for i in $(seq 100); do test -b {disk} || break; sleep 0.1; done; test ! -e {disk}", 60)
            with open(first, "rb") as stream:
                assert stream.read(7) == f"turn {turn}\n".encode()[:7]
        one, two = machine.plug(first, 1), machine.plug(second, 2)
        machine.check(f"dd if={one} of={two} bs=64k conv=fsync 2> /dev/null && cmp {one} {two}")
        machine.grow(2, two, 2 * SIZE)
        machine.unplug(1)
        machine.check(f"echo still here | dd of={two} bs=512 conv=sync,fsync 2> /dev/null")
        machine.unplug(2)
        with open(second, "rb") as stream:
            assert stream.read(11) == b"still here\n"
        assert refused(machine, "device_del", {"id": "pv2"}) == "Device 'pv2' not found"
        machine.power_off()


@case(assets=SMALL_SYSTEM, cost=90)
def test_guest_that_never_answers_loses_the_disk_with_the_reset(context):
    """A kernel that stands still keeps its disk, asked twice or not; after the reset another one is there."""
    image, other = context.file("first.raw", SIZE), context.file("other.raw", SIZE)
    with HotplugMachine(context) as machine:
        machine.boot()
        disk = machine.plug(image, 1)
        machine.check(f"dd if={disk} of=/dev/null bs=64k 2> /dev/null")
        machine.qmp.run("stop")
        machine.qmp.run("device_del", {"id": "pv1"})
        text = refused(machine, "device_del", {"id": "pv1"})
        assert text == "Device pv1 is already in the process of unplug", text
        assert "in use" in refused(machine, "blockdev-del", {"node-name": "node1"})
        machine.qmp.run("system_reset")
        assert machine.wait_event("DEVICE_DELETED")["device"] == "pv1"
        machine.qmp.run("blockdev-del", {"node-name": "node1"})
        machine.qmp.run("cont")
        machine.login()
        disk = machine.plug(other, 1)
        machine.check(f"dd if={disk} of=/dev/null bs=64k 2> /dev/null")
        machine.unplug(1)
        machine.power_off()
    assert os.path.getsize(other) == SIZE


@case(assets=SMALL_SYSTEM, cost=60, full=True)
def test_disk_that_the_guest_does_not_let_go_is_taken_by_the_second_request(context):
    """The kernel's store thread waits for a second disk that answers nothing; asked, then forced; it comes to itself."""
    first, second = context.file("first.raw", SIZE), context.file("second.raw", SIZE)
    with HotplugMachine(context) as machine:
        machine.boot()
        disk = machine.plug(first, 1)
        machine.check(f"dd if={disk} of=/dev/null bs=64k 2> /dev/null")
        # It reads the partition table in the thread that hears of all changes in the store.
        machine.qmp.run("stop")
        machine.qmp.run("blockdev-add", {"driver": "raw", "node-name": "node2",
                                         "file": {"driver": "file", "filename": str(second)}})
        machine.qmp.run("device_add", {"driver": "xen-disk", "id": "pv2", "vdev": "xvdc", "drive": "node2"})
        limits = dict.fromkeys(("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
        machine.qmp.run("block_set_io_throttle", {"id": "pv2", **limits, "bps": 16})
        machine.qmp.run("cont")
        machine.settle(2)
        machine.qmp.run("device_del", {"id": "pv1"})
        text = refused(machine, "device_del", {"id": "pv1"})
        assert text == "Device pv1 is already in the process of unplug", text
        machine.settle(PATIENCE)
        assert "DEVICE_DELETED" not in [event["event"] for event in machine.qmp.events]
        machine.qmp.run("device_del", {"id": "pv1"})
        assert machine.wait_event("DEVICE_DELETED")["device"] == "pv1"
        machine.qmp.run("blockdev-del", {"node-name": "node1"})
        machine.qmp.run("block_set_io_throttle", {"id": "pv2", **limits})
        machine.check(f"for i in $(seq 300); do test -b {disk} || break; sleep 0.1; done; test ! -e {disk}", 60)
        machine.check("dd if=/dev/xvdc of=/dev/null bs=64k 2> /dev/null")
        machine.unplug(2)
        machine.power_off()


@case(assets=SMALL_SYSTEM, cost=60, full=True)
def test_disk_that_the_guest_holds_open_goes_and_its_user_gets_errors(context):
    """Linux lets go of a disk that somebody uses: it has no sectors for who has it open, and other disks go on.

    blkfront marks the disk dead and closes at once, whoever has it open; reads then find its end, writes no space.
    """
    first, second = context.file("first.raw", SIZE), context.file("second.raw", SIZE)
    with HotplugMachine(context) as machine:
        machine.boot()
        one, two = machine.plug(first, 1), machine.plug(second, 2)
        machine.check(f"exec 3<> {one}")
        assert machine.check("dd bs=512 count=1 <&3 2> /dev/null | wc -c") == "512"
        machine.unplug(1)
        assert machine.check("dd bs=512 count=1 <&3 2> /dev/null | wc -c") == "0"
        assert machine.run("echo lost | dd bs=512 conv=sync >&3 2> /dev/null")[0] != 0
        machine.check(f"exec 3<&-; dd if={two} of=/dev/null bs=64k 2> /dev/null")
        machine.unplug(2)
        machine.power_off()
    assert first.read_bytes() == bytes(SIZE)
