#!/usr/bin/python3
"""What monitors do to the machine: nodes and media, character devices, objects, memory, keys; and HMP.

Every case runs on the qtest accelerator and needs no KVM. Prints TAP. Arguments: the binary, and parts of the names of
the cases to run (none: all).

SPDX-License-Identifier: GPL-2.0-or-later
"""

import fcntl
import os
import pathlib
import pty
import re
import select
import socket
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from monitor_case import MEBIBYTE, NONE, PC, expect_error, main, wait_until  # noqa: E402
from qmp_client import TIME_LIMIT  # noqa: E402


# ---- block ----


def test_nodes_come_and_go(case):
    """blockdev-add, the questions, resize, blockdev-del."""
    client = case.start(*PC).qmp
    image = case.image()
    client.run("blockdev-add", {"driver": "file", "node-name": "storage", "filename": image})
    client.run("blockdev-add", {"driver": "raw", "node-name": "format", "file": "storage"})
    nodes = {node["node-name"]: node for node in client.run("query-named-block-nodes", {"flat": True})}
    assert nodes["format"]["image"]["virtual-size"] == MEBIBYTE and nodes["storage"]["file"] == image
    expect_error(lambda: client.run("blockdev-add", {"driver": "null-co", "node-name": "format"}), "GenericError",
                 "Duplicate nodes")
    expect_error(lambda: client.run("blockdev-del", {"node-name": "storage"}), "GenericError", "in use")
    client.run("block_resize", {"node-name": "format", "size": 2 * MEBIBYTE})
    assert os.path.getsize(image) == 2 * MEBIBYTE
    expect_error(lambda: client.run("block_resize", {"node-name": "format", "size": 5}), "GenericError",
                 "multiple of 512")
    expect_error(lambda: client.run("block_resize", {"size": 512}), "GenericError",
                 "exactly one of 'device' and 'node-name'")
    expect_error(lambda: client.run("block_resize", {"node-name": "nothing", "size": 512}), "GenericError",
                 "Cannot find device")
    client.run("blockdev-del", {"node-name": "format"})
    client.run("blockdev-del", {"node-name": "storage"})
    expect_error(lambda: client.run("blockdev-del", {"node-name": "storage"}), "GenericError",
                 "Failed to find node with node-name='storage'")


def test_drives_of_devices(case):
    """query-block and query-blockstats show a -blockdev disk as libvirt wants it; limits can be set."""
    client = case.start(*PC, "-blockdev", f"driver=file,filename={case.image()},node-name=s", "-blockdev",
                        "driver=raw,file=s,node-name=f",
                        "-device", "ide-hd,drive=f,id=ide0-0-0", "-drive", "if=none,id=spare,driver=null-co").qmp
    drives = {drive.get("qdev", drive["device"]): drive for drive in client.run("query-block")}
    disk = drives["ide0-0-0"]
    assert disk["device"] == "" and disk["inserted"]["node-name"] == "f", disk
    assert disk["io-status"] == "ok" and not disk["removable"], disk
    assert drives["spare"]["inserted"]["drv"] == "null-co" and "io-status" not in drives["spare"], drives["spare"]
    client.run("block_set_io_throttle", {"id": "ide0-0-0", "bps": 0, "bps_rd": 0, "bps_wr": 1000000, "iops": 100,
                                         "iops_rd": 0, "iops_wr": 0, "iops_max": 200})
    inserted = next(d for d in client.run("query-block") if d.get("qdev") == "ide0-0-0")["inserted"]
    assert (inserted["bps_wr"], inserted["iops"], inserted["iops_max"]) == (1000000, 100, 200)
    expect_error(lambda: client.run("block_set_io_throttle", {"id": "ide0-0-0", "bps": 1, "bps_rd": 1, "bps_wr": 0,
                                                              "iops": 0, "iops_rd": 0, "iops_wr": 0}),
                 "GenericError", "cannot be used at the same time")
    stats = {entry["qdev"]: entry for entry in client.run("query-blockstats") if "qdev" in entry}
    assert stats["ide0-0-0"]["node-name"] == "f" and stats["ide0-0-0"]["parent"]["node-name"] == "s"
    assert {entry["node-name"] for entry in client.run("query-blockstats", {"query-nodes": True})} >= {"f", "s"}
    expect_error(lambda: client.run("device_del", {"id": "ide0-0-0"}), "GenericError",
                 r"Bus 'ide\.\d' does not support hotplugging")
    expect_error(lambda: client.run("device_del", {"id": "nobody"}), "DeviceNotFound", "Device 'nobody' not found")
    expect_error(lambda: client.run("device_add", {"driver": "nothing"}), "GenericError",
                 "'nothing' is not a valid device model name")
    expect_error(lambda: client.run("device_add", {"driver": "ide-hd", "drive": "spare", "bus": "ide.0"}),
                 "GenericError", "does not support hotplugging")


def test_media(case):
    """Trays and media of a CD-ROM drive, with their events, step by step and in one."""
    first, second = case.image("first.iso"), case.image("second.iso", 2 * MEBIBYTE)
    client = case.start(*PC, "-drive", f"if=none,id=cd,media=cdrom,format=raw,readonly=on,file={first}", "-device",
                        "ide-cd,drive=cd,id=drive").qmp

    def drive():
        return next(entry for entry in client.run("query-block") if entry["device"] == "cd")

    assert drive()["removable"] and not drive()["tray_open"]
    expect_error(lambda: client.run("blockdev-remove-medium", {"id": "drive"}), "GenericError",
                 "Tray of device 'drive' is not open")
    client.run("blockdev-open-tray", {"id": "drive"})
    assert client.wait_event("DEVICE_TRAY_MOVED", 0)["data"] == {"device": "cd", "id": "drive", "tray-open": True}
    client.run("blockdev-remove-medium", {"id": "drive"})
    assert "inserted" not in drive() and drive()["tray_open"]
    client.run("blockdev-add", {"driver": "raw", "node-name": "disc", "read-only": True, "file": {"driver": "file",
                                                                                                  "filename": second}})
    client.run("blockdev-insert-medium", {"id": "drive", "node-name": "disc"})
    expect_error(lambda: client.run("blockdev-insert-medium", {"id": "drive", "node-name": "disc"}), "GenericError",
                 "There already is a medium")
    client.run("blockdev-close-tray", {"id": "drive"})
    assert client.wait_event("DEVICE_TRAY_MOVED", 0)["data"]["tray-open"] is False
    assert drive()["inserted"]["image"]["virtual-size"] == 2 * MEBIBYTE
    client.run("eject", {"device": "cd"})
    assert "inserted" not in drive()
    client.run("blockdev-change-medium", {"id": "drive", "filename": first, "format": "raw"})
    assert drive()["inserted"]["file"] == first and not drive()["tray_open"]
    expect_error(lambda: client.run("blockdev-change-medium", {"id": "drive", "filename": "/no/such"}), "GenericError",
                 "Could not open '/no/such'")
    assert drive()["inserted"]["file"] == first
    client.run("eject", {"id": "drive", "force": True})
    names = {node["node-name"] for node in client.run("query-named-block-nodes")}
    assert not [name for name in names if name.startswith("medium")], names
    expect_error(lambda: client.run("eject", {}), "GenericError", "exactly one of 'device' and 'id'")
    expect_error(lambda: client.run("eject", {"device": "nothing"}), "DeviceNotFound", "Device 'nothing' not found")


def test_floppy_media(case):
    """A floppy drive has no tray: media come and go at once, writable or not, and the guest's line says so."""
    first, second = case.image("first", 1440 << 10), case.image("second", 720 << 10)
    machine = case.start("-accel", "qtest", "-machine", "pc", "-m", "64", "-S", "-device", "floppy,id=floppy0", qtest=True)
    client = machine.qmp

    def drive():
        return next(entry for entry in client.run("query-block") if entry.get("qdev") == "floppy0")

    def changed():
        return int(machine.qtest("inb 0x3f7")[0], 16) >> 7

    def seek(cylinder):
        for byte in (0x0F, 0, cylinder, 0x08):
            machine.qtest(f"outb 0x3f5 {byte:#x}")
        return [int(machine.qtest("inb 0x3f5")[0], 16) for _ in range(2)]

    assert drive()["removable"] and "tray_open" not in drive() and "inserted" not in drive()
    assert changed() and seek(1) == [0x20, 1] and changed()
    client.run("blockdev-change-medium", {"id": "floppy0", "filename": first, "format": "raw"})
    assert drive()["inserted"]["file"] == first and not drive()["inserted"]["ro"]
    assert changed() and seek(0) == [0x20, 0] and not changed()
    client.run("blockdev-change-medium", {"id": "floppy0", "filename": second, "format": "raw",
                                          "read-only-mode": "read-only"})
    assert drive()["inserted"]["file"] == second and drive()["inserted"]["ro"]
    assert changed() and seek(1) == [0x20, 1] and not changed()
    client.run("blockdev-open-tray", {"id": "floppy0"})
    assert drive()["inserted"]["file"] == second
    client.run("eject", {"id": "floppy0"})
    assert "inserted" not in drive() and changed()
    client.run("blockdev-change-medium", {"id": "floppy0", "filename": first, "format": "raw"})
    assert drive()["inserted"]["ro"], "as the one before"
    client.run("eject", {"id": "floppy0"})
    client.run("blockdev-add", {"driver": "raw", "node-name": "disk", "file": {"driver": "file", "filename": first}})
    client.run("blockdev-insert-medium", {"id": "floppy0", "node-name": "disk"})
    expect_error(lambda: client.run("blockdev-insert-medium", {"id": "floppy0", "node-name": "disk"}), "GenericError",
                 "There already is a medium")
    expect_error(lambda: client.run("blockdev-del", {"node-name": "disk"}), "GenericError", "disk")
    client.run("blockdev-remove-medium", {"id": "floppy0"})
    client.run("blockdev-del", {"node-name": "disk"})
    expect_error(lambda: client.run("device_del", {"id": "floppy0"}), "GenericError", "does not support hotplugging")


def test_default_drives(case):
    """A floppy drive and a CD-ROM drive, both empty, unless -nodefaults or a device of the kind says otherwise."""
    board = ["-accel", "qtest", "-machine", "pc", "-m", "64", "-S"]
    image = case.image("a", 1440 << 10)
    raw = f"file={image},format=raw,if=floppy"

    def names(*arguments):
        machine = case.start(*board, *arguments)
        drives = machine.qmp.run("query-block")
        machine.end()
        return {drive["device"] or drive["qdev"]: "inserted" in drive for drive in drives}

    assert names() == {"ide1-cd0": False, "floppy0": False}
    assert names("-nodefaults") == {}
    assert names("-device", "floppy,id=mine") == {"ide1-cd0": False, "mine": False}
    assert names("-nodefaults", "-drive", raw) == {"floppy0": True}
    assert names("-drive", raw + ",index=1") == {"ide1-cd0": False, "floppy0": False, "floppy1": True}


# ---- character devices, objects, the tree ----


def test_chardevs(case):
    """Added, listed, used, removed; one in use stays."""
    client = case.start(*NONE).qmp
    ring = {"type": "ringbuf", "data": {"size": 64}}
    client.run("chardev-add", {"id": "ring", "backend": ring})
    expect_error(lambda: client.run("chardev-add", {"id": "ring", "backend": ring}), "GenericError",
                 "Duplicate ID 'ring'")
    client.run("ringbuf-write", {"device": "ring", "data": "h\u00e4llo"})
    assert client.run("ringbuf-read", {"device": "ring", "size": 100}) == "h\u00e4llo"
    client.run("ringbuf-write", {"device": "ring", "data": "AAH/", "format": "base64"})
    assert client.run("ringbuf-read", {"device": "ring", "size": 100, "format": "base64"}) == "AAH/"
    client.run("chardev-remove", {"id": "ring"})
    expect_error(lambda: client.run("chardev-remove", {"id": "ring"}), "GenericError", "Chardev 'ring' not found")
    expect_error(lambda: client.run("chardev-remove", {"id": "compat_monitor0"}), "GenericError", "is busy")
    terminal = client.run("chardev-add", {"id": "p", "backend": {"type": "pty", "data": {}}})["pty"]
    assert terminal.startswith("/dev/pts/") and os.path.exists(terminal)
    assert {"label": "p", "filename": f"pty:{terminal}", "frontend-open": False} in client.run("query-chardev")
    client.run("chardev-add", {"id": "f", "backend": {"type": "file", "data": {"out": f"{case.folder}/out"}}})
    assert (case.folder / "out").exists()
    address = {"type": "unix", "data": {"path": f"{case.folder}/s"}}
    client.run("chardev-add", {"id": "s", "backend": {"type": "socket", "data": {"addr": address}}})
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(f"{case.folder}/s")
    client.run("chardev-send-break", {"id": "s"})


def test_objects(case):
    """object-add and object-del; iothreads and memory backends are listed."""
    machine = case.start(*NONE)
    client = machine.qmp
    client.run("object-add", {"qom-type": "iothread", "id": "io0", "poll-max-ns": 5})
    client.run("object-add", {"qom-type": "memory-backend-ram", "id": "m0", "size": MEBIBYTE})
    thread = client.run("query-iothreads")[0]
    assert thread["id"] == "io0" and thread["poll-max-ns"] == 5 and thread["poll-grow"] == 0, thread
    name = pathlib.Path(f"/proc/{machine.process.pid}/task/{thread['thread-id']}/comm").read_text()
    assert name == "IO io0\n" and thread["thread-id"] != machine.process.pid, name
    assert [(entry["id"], entry["size"]) for entry in client.run("query-memdev")] == [("m0", MEBIBYTE)]
    expect_error(lambda: client.run("object-add", {"qom-type": "iothread", "id": "io0"}), "GenericError",
                 "duplicate property 'io0'")
    client.run("object-del", {"id": "io0"})
    expect_error(lambda: client.run("object-del", {"id": "io0"}), "GenericError", "object 'io0' not found")


def test_object_tree(case):
    """Everything that qom-list lists can be asked for; properties have the types they say."""
    client = case.start(*PC, "-device", "isa-serial,id=com1,index=1").qmp
    kinds = {"bool": bool, "str": str, "OnOffAuto": str, "string": str, "size": int}
    paths, seen = ["/"], 0
    while paths:
        path = paths.pop()
        for entry in client.run("qom-list", {"path": path}):
            value = client.run("qom-get", {"path": path, "property": entry["name"]})
            seen += 1
            if entry["type"].startswith("child<"):
                assert value == (path.rstrip("/") + "/" + entry["name"]), (path, entry, value)
                paths.append(value)
            else:
                assert isinstance(value, kinds.get(entry["type"], int)), (path, entry, value)
    assert seen > 60, seen
    assert {"name": "com1", "type": "child<isa-serial>"} in client.run("qom-list", {"path": "/machine/peripheral"})
    assert client.run("qom-get", {"path": "com1", "property": "index"}) == 1
    expect_error(lambda: client.run("qom-get", {"path": "com1", "property": "x"}), "GenericError",
                 "Property 'isa-serial.x' not found")
    expect_error(lambda: client.run("qom-set", {"path": "com1", "property": "index", "value": 2}), "GenericError",
                 "after it was realized")
    expect_error(lambda: client.run("qom-list", {"path": "/nowhere"}), "DeviceNotFound", "Device '/nowhere' not found")
    path = client.run("query-cpus-fast")[0]["qom-path"]
    assert [entry["type"] for entry in client.run("qom-list", {"path": path})] == ["string"]


def test_type_lists_are_complete(case):
    """Every type's parent is a type; implements= and abstract= filter; each device's properties can be listed."""
    client = case.start(*NONE).qmp
    concrete = client.run("qom-list-types")
    everything = {entry["name"]: entry for entry in client.run("qom-list-types", {"abstract": True})}
    assert {entry["name"] for entry in concrete} < set(everything)
    assert all(entry["parent"] in everything or entry["parent"] == "object" for entry in everything.values())
    devices = client.run("qom-list-types", {"implements": "device"})
    for entry in devices:
        for member in client.run("device-list-properties", {"typename": entry["name"]}):
            assert member["name"] and member["type"]
    assert "ide-hd" in [entry["name"] for entry in devices] and "iothread" not in [entry["name"] for entry in devices]
    expect_error(lambda: client.run("device-list-properties", {"typename": "device"}), "GenericError", "non-abstract")


# ---- memory ----


def test_memory_files(case):
    """pmemsave, an ELF dump with the guest's bytes in it, and DUMP_COMPLETED."""
    machine = case.start(*PC, qtest=True)
    client = machine.qmp
    machine.qtest("write 0x100000 0x4 0xdeadbeef")
    client.run("pmemsave", {"val": 0x100000, "size": 4, "filename": f"{case.folder}/part"})
    assert (case.folder / "part").read_bytes() == bytes.fromhex("deadbeef")
    expect_error(lambda: client.run("memsave", {"val": 0, "size": 1, "filename": f"{case.folder}/x"}), "GenericError",
                 "runs no guest code")
    expect_error(lambda: client.run("dump-guest-memory", {"paging": False, "protocol": "x:y"}), "GenericError",
                 "expects 'file:' or 'fd:'")
    expect_error(lambda: client.run("dump-guest-memory", {"paging": False, "protocol": "fd:none"}), "GenericError",
                 "'none' has not been found")
    client.run("dump-guest-memory", {"paging": False, "protocol": f"file:{case.folder}/core", "detach": True})
    done = client.wait_event("DUMP_COMPLETED")["data"]["result"]
    assert done["status"] == "completed" and done["completed"] == done["total"] > 60 * MEBIBYTE, done
    assert client.run("query-dump") == done
    with open(case.folder / "core", "rb") as core:
        header = core.read(64)
        assert header[:7] == b"\x7fELF\x02\x01\x01" and struct.unpack_from("<HH", header, 16) == (4, 62)
        for _ in range(struct.unpack_from("<H", header, 56)[0]):
            kind, _, offset, _, physical, size = struct.unpack_from("<IIQQQQ", core.read(56))
            if kind == 1 and physical <= 0x100000 < physical + size:
                core.seek(offset + 0x100000 - physical)
                assert core.read(4) == bytes.fromhex("deadbeef")
                return
    raise AssertionError("no segment with the byte")


def test_keys_reach_the_keyboard(case):
    """send-key and sendkey: make and break codes at port 0x60."""
    machine = case.start(*PC[:-1], qtest=True)
    machine.qtest("outb 0x64 0x60")
    machine.qtest("outb 0x60 0x41")
    for send in (lambda: machine.qmp.run("send-key", {"keys": [{"type": "qcode", "data": "a"}], "hold-time": 10}),
                 lambda: machine.qmp.human("sendkey a 10")):
        send()
        codes = []
        for _ in range(20):
            machine.qtest("clock_step 10000000")
            while int(machine.qtest("inb 0x64")[0], 0) & 1:
                codes.append(int(machine.qtest("inb 0x60")[0], 0))
        assert codes == [0x1e, 0x9e], codes
    assert machine.qmp.human("sendkey nosuch") == "Error: invalid parameter: nosuch\n"


def drain(machine):
    """What waits at the keyboard controller."""
    codes = []
    for _ in range(20):
        machine.qtest("clock_step 10000000")
        while int(machine.qtest("inb 0x64")[0], 0) & 1:
            codes.append(int(machine.qtest("inb 0x60")[0], 0))
    return codes


def test_input_events_reach_keyboard_and_mouse(case):
    """input-send-event: a key's halves, a report of the mouse with movement and buttons; what is not there is named."""
    machine = case.start(*PC[:-1], qtest=True)
    client = machine.qmp
    for port, value in [(0x64, 0x60), (0x60, 0x41), (0x64, 0xa8), (0x64, 0xd4), (0x60, 0xf4)]:
        machine.qtest(f"outb {port:#x} {value:#x}")
    assert drain(machine) == [0xfa]
    key = {"type": "qcode", "data": "a"}
    client.run("input-send-event", {"events": [{"type": "key", "data": {"key": key, "down": True}}]})
    assert drain(machine) == [0x1e]
    client.run("input-send-event", {"events": [{"type": "key", "data": {"key": key, "down": False}}]})
    assert drain(machine) == [0x9e]
    client.run("input-send-event", {"events": [{"type": "rel", "data": {"axis": "x", "value": 5}},
                                               {"type": "rel", "data": {"axis": "y", "value": -3}},
                                               {"type": "btn", "data": {"button": "left", "down": True}}]})
    assert drain(machine) == [0x09, 5, 3]
    client.human("mouse_move 1 0")
    assert drain(machine) == [0x09, 1, 0], "the button is still held"
    client.run("input-send-event", {"events": [{"type": "btn", "data": {"button": "left", "down": False}}]})
    assert drain(machine) == [0x08, 0, 0]
    for events, text in [([{"type": "abs", "data": {"axis": "x", "value": 1}}], "handler not found for event type abs"),
                         ([{"type": "key", "data": {"key": {"type": "number", "data": 999}, "down": True}}], "999")]:
        expect_error(lambda: client.run("input-send-event", {"events": events}), "GenericError", text)  # noqa: B023
    expect_error(lambda: client.run("input-send-event", {"device": "vga", "events": []}), "DeviceNotFound",
                 "Device 'vga' not found")
    assert client.run("query-mice") == [{"name": "PS/2 mouse", "index": 0, "current": True, "absolute": False}]
    assert client.human("mouse_set 0") == "" and "'1' not found" in client.human("mouse_set 1")
    assert client.human("info mice") == "* Mouse #0: PS/2 mouse\n"


def test_interrupt_lines_are_counted(case):
    """info irq: the timer's edges as the clock goes on; info pic shows both controllers."""
    machine = case.start(*PC[:-1], qtest=True)
    machine.qtest("outb 0x43 0x34")
    machine.qtest("outb 0x40 0x00")
    machine.qtest("outb 0x40 0x10")
    for _ in range(20):
        machine.qtest("clock_step 10000000")
    counts = dict(re.findall(r"^ *(\d+): (\d+)$", machine.qmp.human("info irq"), re.MULTILINE))
    assert int(counts["0"]) >= 20, counts
    text = machine.qmp.human("info pic")
    assert "pic0: " in text and "ioapic: " in text, text


def test_commands_about_what_is_not_there(case):
    """Each says what is missing; reinjection of the clock has nothing to do."""
    client = case.start(*PC).qmp
    expect_error(lambda: client.run("set_link", {"name": "net0", "up": True}), "DeviceNotFound", "'net0' not found")
    expect_error(lambda: client.run("screendump", {"filename": "x"}), "GenericError", "no console")
    expect_error(lambda: client.run("query-rx-filter", {"name": "net0"}), "GenericError", "invalid net client name")
    assert client.run("query-rx-filter") == [] and client.run("query-memory-devices") == []
    assert client.run("query-stats", {"target": "vm"}) == [] and client.run("query-stats-schemas") == []
    assert "no console" in client.human("screendump x") and "not found" in client.human("set_link net0 off")
    assert "none" in client.human("info dump") and "not found" in client.human("info vm-generation-id")
    assert client.run("rtc-reset-reinjection") == {}


def test_generation_id(case):
    """vmgenid's number as the command line gave it."""
    guid = "324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87"
    client = case.start(*PC, "-device", f"vmgenid,guid={guid}").qmp
    assert client.run("query-vm-generation-id") == {"guid": guid}
    assert client.human("info vm-generation-id").strip() == guid


# ---- HMP ----


def test_human_commands(case):
    """Every info subject answers; unknown ones are named; commands do what QMP's do."""
    client = case.start(*PC, "-name", "guest", "-device", "isa-serial,id=com1").qmp
    subjects = re.findall(r"^info (\S+)", client.human("help info"), re.MULTILINE)
    assert len(subjects) > 25, subjects
    for subject in subjects:
        text = client.human(f"info {subject}")
        assert "unknown command" not in text, (subject, text)
    assert client.human("info status") == "VM status: paused (prelaunch)\n"
    assert client.human("c") == "" and client.human("info status") == "VM status: running\n"
    assert client.take_events() == ["RESUME"]
    assert client.human("info name") == "guest\n"
    assert "dev: isa-serial, id \"com1\"" in client.human("info qtree")
    assert "com1" in client.human("info qom-tree") and "IDE controller" in client.human("info pci")
    assert "pc.ram" in client.human("info mtree")
    assert client.human("nonsense") == "unknown command: 'nonsense'\n"
    assert client.human("info nonsense") == "unknown command: 'info nonsense'\n"
    assert client.human("device_del") == "Error: device_del: parameter expected: id\n"
    assert client.human("savevm x") == "Error: snapshots inside images are not supported by this build\n"
    for line in re.findall(r"^(\S+)", client.human("help"), re.MULTILINE):
        for name in line.split("|"):
            assert "unknown command" not in client.human(f"help {name}")


def test_human_memory(case):
    """x's formats on xp, i and o on ports, print."""
    machine = case.start(*PC, qtest=True)
    machine.qtest("write 0x2000 0x8 0x0102030405060780")
    human = machine.qmp.human
    assert human("xp /2xw 0x2000") == "0000000000002000: 0x04030201 0x80070605\n"
    assert human("xp /8xb 0x2000") == "0000000000002000: 0x01 0x02 0x03 0x04 0x05 0x06 0x07 0x80\n"
    assert human("xp/1xg 0x1000+0x1000") == "0000000000002000: 0x8007060504030201\n"
    assert human("xp /1db 0x2007").split()[-1] == "-128"
    assert human("xp /1i 0") == "Error: format 'i': there is no disassembler in this build\n"
    assert human("xp /9999999xg 0").startswith("Error: at most")
    assert human("p 10+0x10").strip() == "0x1a"
    assert human("o /b 0x70 0xf") == "" and human("i /b 0x71") == "portb[0x0071] = 0x00\n"
    assert human("x /1x 0").startswith("Error: the accelerator 'qtest' runs no guest code")


def test_human_drives(case):
    """drive_add, drive_del, eject, change, block_resize."""
    image = case.image()
    client = case.start(*PC, "-drive", "if=none,id=cd,media=cdrom", "-device", "ide-cd,drive=cd").qmp
    assert client.human(f"drive_add 0 if=none,id=new,format=raw,file={image}") == "OK\n"
    assert "new" in client.human("info block")
    assert client.human("block_resize new 2M") == "" and os.path.getsize(image) == 2 * MEBIBYTE
    assert client.human("drive_del new") == "" and "new (" not in client.human("info block")
    assert client.human("drive_del new") == "Error: Device 'new' not found\n"
    assert client.human(f"change cd {image}") == "" and image in client.human("info block cd")
    assert client.human("eject cd") == "" and "[not inserted]" in client.human("info block cd")


class Terminal:
    """The process with its monitor on a terminal."""

    def __init__(self, case, *arguments):
        self.leader, follower = pty.openpty()
        self.process = subprocess.Popen([case.binary, *arguments], stdin=follower, stdout=follower, stderr=follower,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(follower)
        self.text = ""
        wait_until(lambda: not termios.tcgetattr(self.leader)[3] & termios.ICANON, "raw mode")

    def expect(self, wanted):
        """Read until WANTED comes; what was read up to there."""
        end = time.monotonic() + TIME_LIMIT
        while wanted not in self.text:
            ready = select.select([self.leader], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"{wanted!r} not in {self.text!r}"
            # the terminal makes CR LF of the LF that has a CR already
            self.text = (self.text + os.read(self.leader, 65536).decode()).replace("\r\r\n", "\r\n")
        before, self.text = self.text.split(wanted, 1)
        return before

    def type(self, keys):
        """Keys as a terminal sends them."""
        os.write(self.leader, keys.encode())

    def end(self):
        """The process ends by itself."""
        assert self.process.wait(timeout=TIME_LIMIT) == 0
        os.close(self.leader)


def test_terminal_line_editing(case):
    """Cursor keys, erasing, history, completion."""
    terminal = Terminal(case, *NONE, "-monitor", "stdio")
    terminal.expect("monitor - type 'help' for more information\r\n(qemu) ")
    terminal.type("nfo statusX\x7f\x01i\r")
    terminal.expect("VM status: running\r\n(qemu) ")
    terminal.type("inf name\x1b[D\x1b[D\x1b[D\x1b[D\x1b[Do\x05\r")
    terminal.expect("\r\n(qemu) ")
    terminal.type("info  version\x1b[H\x1b[C\x1b[C\x1b[C\x1b[C\x1b[3~\r")
    terminal.expect("10.0.2 Xenolith")
    terminal.expect("(qemu) ")
    terminal.type("info x\x15\x10\x10\x10\r")
    terminal.expect("VM status: running\r\n(qemu) ")
    terminal.type("info bad word\x17\x17status\r")
    terminal.expect("VM status: running\r\n(qemu) ")
    terminal.type("info statu\t\r")
    terminal.expect("VM status: running\r\n(qemu) ")
    terminal.type("system_\t\t")
    terminal.expect("system_powerdown")
    terminal.expect("(qemu) system_")
    terminal.type("\x15qui\t\r")
    terminal.expect("quit")
    terminal.end()


def test_monitor_shares_a_terminal(case):
    """-nographic: nothing of the monitor is seen until Ctrl-a c."""
    terminal = Terminal(case, "-accel", "qtest", "-machine", "pc", "-nographic")
    time.sleep(0.3)
    assert not select.select([terminal.leader], [], [], 0)[0], os.read(terminal.leader, 4096)
    terminal.type("\x01c")
    terminal.expect("monitor - type 'help' for more information\r\n(qemu) ")
    terminal.type("info status\r")
    terminal.expect("VM status: running\r\n(qemu) ")
    terminal.type("\x01cxyz\x01c")
    terminal.expect("(qemu) ")
    terminal.type("quit\r")
    terminal.expect("quit\r\n")
    terminal.end()


if __name__ == "__main__":
    sys.exit(main(globals()))
