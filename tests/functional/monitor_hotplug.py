#!/usr/bin/python3
"""ACPI PCI hot-plug as a guest's firmware tables use it: device_add and device_del against the ports at 0xae00.

Every case runs on the qtest accelerator and needs no KVM. Prints TAP. Arguments: the binary, and parts of the names of
the cases to run (none: all).

SPDX-License-Identifier: GPL-2.0-or-later
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from monitor_case import PC, expect_error, main  # noqa: E402

RUNNING = PC[:-1]
FILLED, EMPTYING, EJECT, REMOVABLE, SELECT = 0xae00, 0xae04, 0xae08, 0xae0c, 0xae10
GPE_STATUS, GPE_ENABLE = 0xafe0, 0xafe2
HOTPLUG_EVENT = 1 << 1
DEVICE = {"driver": "xen-pvdevice", "device-id": 0xc000}


def read(machine, port):
    """A 32-bit port."""
    return int(machine.qtest(f"inl {port:#x}")[0], 0)


def write(machine, port, value):
    """The same, written."""
    machine.qtest(f"outl {port:#x} {value:#x}")


def identity(machine, slot):
    """Vendor and device of function 0 of SLOT, as configuration space tells."""
    write(machine, 0xcf8, 0x80000000 | slot << 11)
    return read(machine, 0xcfc)


def take_event(machine):
    """Whether the hot-plug event is set; it is cleared."""
    status = int(machine.qtest(f"inb {GPE_STATUS:#x}")[0], 0)
    machine.qtest(f"outb {GPE_STATUS:#x} {status:#x}")
    return bool(status & HOTPLUG_EVENT)


def test_device_comes(case):
    """device_add: the function is there, its slot is told once, the event is set."""
    machine = case.start(*RUNNING, qtest=True)
    assert identity(machine, 7) == 0xffffffff
    machine.qmp.run("device_add", {**DEVICE, "id": "pv", "addr": "7"})
    assert identity(machine, 7) == 0xc0005853
    assert take_event(machine)
    assert read(machine, FILLED) == 1 << 7 and read(machine, FILLED) == 0
    assert read(machine, EMPTYING) == 0 and not take_event(machine)
    machine.qmp.run("device_add", dict(DEVICE))
    slots = [slot for slot in range(32) if identity(machine, slot) == 0xc0005853]
    assert len(slots) == 2 and read(machine, FILLED) == 1 << next(slot for slot in slots if slot != 7)


def test_device_goes_when_the_guest_ejects_it(case):
    """device_del asks; the eject port takes it away; its id and slot are free again."""
    machine = case.start(*RUNNING, "-device", "xen-pvdevice,device-id=0xc000,id=pv,addr=6", qtest=True)
    machine.qmp.run("device_del", {"id": "pv"})
    assert take_event(machine) and read(machine, EMPTYING) == 1 << 6
    assert identity(machine, 6) == 0xc0005853 and not machine.qmp.take_events()
    expect_error(lambda: machine.qmp.run("device_del", {"id": "pv"}), "GenericError",
                 "Device pv is already in the process of unplug")
    machine.qtest("clock_step 5000000000")
    machine.qmp.run("device_del", {"id": "pv"})
    assert take_event(machine), "asked again"
    write(machine, EJECT, 1 << 6)
    assert machine.qmp.wait_event("DEVICE_DELETED", 5)["data"] == {"device": "pv", "path": "/machine/peripheral/pv"}
    assert read(machine, EMPTYING) == 0 and identity(machine, 6) == 0xffffffff
    machine.qmp.run("device_add", {**DEVICE, "id": "pv", "addr": "6"})
    assert identity(machine, 6) == 0xc0005853


def test_reset_completes_what_was_asked(case):
    """A guest that never answers keeps the device until it is reset; what it did not hear of is forgotten."""
    machine = case.start(*RUNNING, "-device", "xen-pvdevice,device-id=0xc000,id=pv,addr=6", qtest=True)
    machine.qmp.run("device_add", {**DEVICE, "id": "new", "addr": "7"})
    machine.qmp.run("device_del", {"id": "pv"})
    machine.qmp.run("system_reset")
    assert machine.qmp.wait_event("DEVICE_DELETED", 5)["data"]["device"] == "pv"
    assert identity(machine, 6) == 0xffffffff and identity(machine, 7) == 0xc0005853
    assert read(machine, FILLED) == 0 and read(machine, EMPTYING) == 0


def test_guest_ejects_what_it_likes_but_not_the_board(case):
    """Without being asked, and all slots at once: chips of the board stay, other buses have nothing."""
    machine = case.start(*RUNNING, "-device", "xen-pvdevice,device-id=0xc000,id=pv,addr=6", qtest=True)
    board = [slot for slot in range(32) if identity(machine, slot) != 0xffffffff and slot != 6]
    assert 0 in board and 1 in board
    removable = read(machine, REMOVABLE)
    assert removable & (1 << 6) and not removable & 3, f"{removable:#x}"
    write(machine, SELECT, 5)
    assert read(machine, SELECT) == 5 and read(machine, REMOVABLE) == 0
    write(machine, EJECT, 1 << 6)
    assert identity(machine, 6) == 0xc0005853
    write(machine, SELECT, 0)
    for _ in range(2):
        write(machine, EJECT, 0xffffffff)
    assert machine.qmp.wait_event("DEVICE_DELETED", 5)["data"]["device"] == "pv"
    assert [slot for slot in range(32) if identity(machine, slot) != 0xffffffff] == board
    write(machine, FILLED, 0xffffffff)
    assert read(machine, FILLED) == 0


def test_functions_of_a_slot_come_and_go_together(case):
    """The slot is told when function 0 comes; one eject takes all its functions."""
    machine = case.start(*RUNNING, qtest=True)
    machine.qmp.run("device_add", {**DEVICE, "id": "one", "addr": "5.1", "multifunction": True})
    assert read(machine, FILLED) == 0 and not take_event(machine)
    machine.qmp.run("device_add", {**DEVICE, "id": "zero", "addr": "5.0", "multifunction": True})
    assert read(machine, FILLED) == 1 << 5 and take_event(machine)
    machine.qmp.run("device_del", {"id": "one"})
    write(machine, EJECT, 1 << 5)
    gone = [machine.qmp.wait_event("DEVICE_DELETED", 5)["data"]["device"] for _ in range(2)]
    assert gone == ["one", "zero"], gone


def test_wrong_places_and_types_are_refused(case):
    """A slot in use, a chip of the board, a machine without ACPI; nothing is left behind."""
    machine = case.start(*RUNNING, qtest=True)
    expect_error(lambda: machine.qmp.run("device_add", {**DEVICE, "addr": "1"}), "GenericError", "in use|not available")
    expect_error(lambda: machine.qmp.run("device_add", {"driver": "xen-pvdevice", "addr": "4"}), "GenericError",
                 "Device ID invalid")
    assert read(machine, FILLED) == 0 and identity(machine, 4) == 0xffffffff
    expect_error(lambda: machine.qmp.run("device_del", {"id": "/machine/gsi"}), "GenericError",
                 "does not support hotplugging")


def test_machine_without_acpi_has_no_hotplug(case):
    """-machine acpi=off: nobody would hear of it."""
    machine = case.start("-accel", "qtest", "-machine", "pc,acpi=off", "-m", "64", "-nodefaults")
    expect_error(lambda: machine.qmp.run("device_add", dict(DEVICE)), "GenericError",
                 "Bus 'pci.0' does not support hotplugging")


if __name__ == "__main__":
    sys.exit(main(globals()))
