#!/usr/bin/python3
"""Saving, restoring and moving a machine: every transport, the states and events on both sides, what goes wrong.

Every case runs on the qtest accelerator and needs no KVM. Prints TAP. Argument: the binary.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib

from monitor_case import MEBIBYTE, Case, expect_error, main, wait_until
from qmp_client import TIME_LIMIT

PC = ["-accel", "qtest", "-machine", "pc", "-m", "16", "-nodefaults"]
PREAMBLE, HEADER = 16, 24
CONFIG, RAM, SECTION, END = 1, 2, 3, 4


def events_on(machine):
    """Switch the capability "events" on."""
    machine.qmp.execute("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])


def migrate(machine, uri, wait=True, **options):
    """Start to save; wait for the end. The names of the states that events told."""
    events_on(machine)
    machine.qmp.execute("migrate", uri=uri, **options)
    told = [event["data"]["status"] for event in machine.qmp.events if event["event"] == "MIGRATION"]
    assert told[:1] == ["setup"], f"setup is told before the reply: {told}"
    return finish(machine) if wait else None


def finish(machine):
    """Wait for the end of a migration; the states that events told."""
    states = []
    while not states or states[-1] not in ("completed", "failed", "cancelled"):
        states.append(machine.qmp.wait_event("MIGRATION")["data"]["status"])
    return states


def status(machine):
    """The run state's name."""
    return machine.qmp.execute("query-status")["status"]


def fill(machine):
    """Memory, chips and CMOS with something in them."""
    machine.qtest("write 0x100000 0x10 0x000102030405060708090a0b0c0d0e0f")
    machine.qtest("memset 0x300ff0 0x3000 0x5a")
    for port, value in ((0x70, 0x3E), (0x71, 0x99), (0x21, 0xFA), (0x92, 0x02), (0x40, 0x12)):
        machine.qtest(f"outb {port:#x} {value:#x}")


def check_filled(machine):
    """What fill() put there is there, and zeros are zeros."""
    assert machine.qtest("read 0x100000 0x10") == ["0x000102030405060708090a0b0c0d0e0f"]
    assert machine.qtest("read 0x300fef 0x2") == ["0x005a"]
    assert machine.qtest("read 0x303fef 0x2") == ["0x5a00"]
    assert machine.qtest("read 0x800000 0x8") == ["0x" + "00" * 8]
    machine.qtest("outb 0x70 0x3e")
    assert machine.qtest("inb 0x71") == ["0x0099"], machine.qtest("inb 0x71")
    assert machine.qtest("inb 0x21") == ["0x00fa"]
    assert machine.qtest("inb 0x92") == ["0x0002"]


def saved(case, *arguments, name="guest.save"):
    """A file with a saved machine."""
    path = case.folder / name
    machine = case.start(*PC, *arguments, "-S", qtest=True)
    fill(machine)
    assert migrate(machine, f"file:{path}")[-1] == "completed"
    machine.end()
    (case.folder / "qtest").unlink(missing_ok=True)
    return path


def arrive(case, uri, *arguments, **options):
    """A second machine that receives from URI."""
    folder = case.folder / f"arrival{len(case.machines)}"
    folder.mkdir()
    there = Case(case.binary, folder)
    there.machines = case.machines
    return there.start(*PC, *arguments, "-incoming", uri, qtest=True, **options)


def refused(case, uri, *arguments, base=None, **options):
    """A process that cannot receive from URI; its one line of complaint without the program's name."""
    done = subprocess.run([case.binary, *(base or PC), *arguments, "-incoming", uri], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=TIME_LIMIT, check=False, **options)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 1, (done.returncode, done.stderr)
    return lines[0].removeprefix("qemu-system-x86_64: ")


# ---- there and back ----

def test_saved_to_a_file_and_restored(case):
    """Memory and chips come back; the states are QEMU's on both sides."""
    path = case.folder / "guest.save"
    machine = case.start(*PC, qtest=True)
    fill(machine)
    assert machine.qmp.execute("query-migrate") == {}
    machine.qmp.execute("stop")
    machine.qmp.take_events()
    states = migrate(machine, f"file:{path}")
    assert states == ["setup", "active", "device", "completed"], states
    assert "MIGRATION_PASS" in machine.qmp.take_events()
    info = machine.qmp.execute("query-migrate")
    assert info["status"] == "completed" and info["ram"]["remaining"] == 0, info
    assert info["ram"]["total"] >= 16 * MEBIBYTE and info["ram"]["normal"] > 3, info
    assert info["ram"]["transferred"] == path.stat().st_size < 4 * MEBIBYTE, (info, path.stat().st_size)
    assert {"downtime", "setup-time", "total-time"} <= set(info), info
    assert status(machine) == "postmigrate"
    assert "completed" in machine.qmp.human("info migrate")
    machine.end()
    there = arrive(case, f"file:{path}")
    wait_until(lambda: status(there) != "inmigrate", "the arrival")
    assert status(there) == "paused"
    check_filled(there)
    assert there.qmp.execute("query-migrate")["status"] == "completed"
    there.qmp.execute("cont")
    assert "RESUME" in there.qmp.take_events()


def flash_image(path, byte):
    """A flash chip's image full of BYTE."""
    path.write_bytes(bytes([byte]) * 8192)
    return ["-drive", f"if=pflash,format=raw,file={path}"]


def test_flash_memory_and_generation_id_go_along(case):
    """The guest's flash is in the image it arrives at, also in the middle of a command; its number is new."""
    here, there, path = case.folder / "here", case.folder / "there", case.folder / "flash.save"
    ids = ["324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87", "00112233-4455-6677-8899-aabbccddeeff"]
    machine = case.start(*PC, *flash_image(here, 0x11), "-device", f"vmgenid,guid={ids[0]}", qtest=True)
    for offset, byte in ((0x40, 0x40), (0x40, 0xAB), (0, 0x98)):  # program a byte, then query
        machine.qtest(f"writeb {0xFFFFE000 + offset:#x} {byte:#x}")
    assert machine.qtest("readb 0xffffe010") == ["0x0000000000000051"]
    machine.qmp.execute("stop")
    assert here.read_bytes()[0x3F:0x42] == b"\x11\xab\x11"
    assert migrate(machine, f"file:{path}")[-1] == "completed"
    machine.end()
    (case.folder / "qtest").unlink(missing_ok=True)

    machine = arrive(case, f"file:{path}", *flash_image(there, 0x22), "-device", f"vmgenid,guid={ids[1]}")
    wait_until(lambda: status(machine) == "paused", "the arrival")
    assert machine.qmp.execute("query-vm-generation-id") == {"guid": ids[1]}
    assert machine.qtest("readb 0xffffe010") == ["0x0000000000000051"]
    machine.qtest("writeb 0xffffe000 0xff")
    assert machine.qtest("readb 0xffffe040") == ["0x00000000000000ab"]
    machine.qmp.execute("cont")
    machine.qmp.execute("stop")
    assert there.read_bytes() == here.read_bytes()


def test_running_machine_stops_at_the_end_and_goes_on_there(case):
    """The source tells STOP and ends as postmigrate; the destination runs by itself, or waits under -S."""
    path = case.folder / "guest.save"
    machine = case.start(*PC, qtest=True)
    fill(machine)
    migrate(machine, f"file:{path}")
    assert "STOP" in machine.qmp.take_events()
    assert status(machine) == "postmigrate"
    there = arrive(case, f"file:{path}")
    wait_until(lambda: status(there) == "running", "the machine to run")
    check_filled(there)
    waiting = arrive(case, f"file:{path}", "-S")
    wait_until(lambda: status(waiting) == "paused", "the machine to be there")
    # what was left behind can go on as well: this file is nobody's
    machine.qmp.execute("cont")
    assert status(machine) == "running"


def test_machine_can_be_saved_twice(case):
    """After cont the second stream is as good as the first, and has what came between."""
    machine = case.start(*PC, qtest=True)
    fill(machine)
    migrate(machine, f"file:{case.folder}/one")
    expect_error(lambda: machine.qmp.execute("migrate", uri=f"file:{case.folder}/x"), "GenericError",
                 "paused due to previous migration")
    machine.qmp.execute("cont")
    machine.qtest("memset 0x800000 0x1000 0x77")
    migrate(machine, f"file:{case.folder}/two")
    machine.end()
    there = arrive(case, f"file:{case.folder}/two", "-S")
    wait_until(lambda: status(there) == "paused", "the arrival")
    assert there.qtest("read 0x800ffe 0x4") == ["0x77770000"]


# ---- transports ----

def live(case, uri, *arguments):
    """From one process to another through a socket."""
    there = arrive(case, uri, *arguments, "-S")
    machine = case.start(*PC, qtest=True)
    fill(machine)
    assert migrate(machine, uri)[-1] == "completed"
    wait_until(lambda: status(there) == "paused", "the arrival")
    check_filled(there)
    return machine, there


def test_unix_socket(case):
    """unix:PATH."""
    machine, _ = live(case, f"unix:{case.folder}/m")
    assert machine.qmp.execute("query-migrate")["downtime"] >= 0


def test_tcp_socket(case):
    """tcp:HOST:PORT, also with a name."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port = finder.getsockname()[1]
    live(case, f"tcp:127.0.0.1:{port}")


def test_return_path_tells_the_source_that_the_guest_is_there(case):
    """With return-path on, completed means: loaded there."""
    uri = f"unix:{case.folder}/m"
    there = arrive(case, uri, "-S")
    machine = case.start(*PC, qtest=True)
    machine.qmp.execute("migrate-set-capabilities", capabilities=[{"capability": "return-path", "state": True}])
    migrate(machine, uri)
    # The source hears of it a moment before the other side says so to its own monitor.
    wait_until(lambda: status(there) == "paused", "the guest")


def test_return_path_brings_the_guest_back_if_it_cannot_be_there(case):
    """The destination has no place for it: the source goes on running."""
    path = case.folder / "m"
    there = subprocess.Popen([case.binary, *PC, "-m", "32", "-incoming", f"unix:{path}"], stdin=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    try:
        wait_until(path.exists, "the socket")
        machine = case.start(*PC, qtest=True)
        machine.qmp.execute("migrate-set-capabilities", capabilities=[{"capability": "return-path", "state": True}])
        assert migrate(machine, f"unix:{path}")[-1] == "failed"
        assert status(machine) == "running"
        assert "error-desc" in machine.qmp.execute("query-migrate")
        assert there.wait(timeout=TIME_LIMIT) == 1
        assert "the saved guest has 16 MiB of memory 'pc.ram', this machine has 32 MiB" in there.stderr.read()
    finally:
        there.kill()
        there.wait()
        there.stderr.close()


def test_command_behind_exec(case):
    """exec:COMMAND, both ways; a command that fails fails the migration, and the guest goes on."""
    path = case.folder / "guest.gz"
    machine = case.start(*PC, qtest=True)
    fill(machine)
    assert migrate(machine, "exec:cat > /dev/null; exit 3")[-1] == "failed"
    assert "the command ended with status 3" in machine.qmp.execute("query-migrate")["error-desc"]
    assert status(machine) == "running"
    assert migrate(machine, f"exec:gzip > {path}")[-1] == "completed"
    there = arrive(case, f"exec:gzip -d < {path}", "-S")
    wait_until(lambda: status(there) == "paused", "the arrival")
    check_filled(there)


def test_descriptors_by_name_and_by_number(case):
    """getfd and fd:NAME as libvirt saves; -incoming defer, migrate-incoming fd:NUMBER as it restores, behind a header
    of its own."""
    path = case.folder / "guest.save"
    header = b"the management tool's own page".ljust(4096, b"\0")
    machine = case.start(*PC, qtest=True)
    fill(machine)
    machine.qmp.execute("stop")
    machine.qmp.execute("migrate-set-parameters", max_bandwidth=9223372036853727232)
    with open(path, "wb") as stream:
        stream.write(header)
        stream.flush()
        machine.qmp.execute("getfd", fdname="migrate", fds=[stream.fileno()])
    states = migrate(machine, "fd:migrate", detach=True, resume=False)
    assert states[-1] == "completed", machine.qmp.execute("query-migrate")
    expect_error(lambda: machine.qmp.execute("closefd", fdname="migrate"), "GenericError", "not been found")
    machine.end()
    assert path.read_bytes()[:4096] == header
    with open(path, "rb") as stream:
        stream.seek(4096)
        os.set_inheritable(stream.fileno(), True)
        folder = case.folder / "there"
        folder.mkdir()
        there = Case(case.binary, folder)
        there.machines = case.machines
        descriptor = stream.fileno()
        real, subprocess.Popen = subprocess.Popen, lambda *words, **options: real(*words, **options,
                                                                                 pass_fds=[descriptor])
        try:
            machine = there.start(*PC, "-S", "-incoming", "defer", qtest=True)
        finally:
            subprocess.Popen = real
    assert status(machine) == "inmigrate"
    events_on(machine)
    expect_error(lambda: machine.qmp.execute("migrate-incoming", uri="fd:999"), "GenericError", "Bad file descriptor")
    machine.qmp.execute("migrate-incoming", uri=f"fd:{descriptor}")
    assert finish(machine) == ["setup", "active", "completed"]
    check_filled(machine)
    expect_error(lambda: machine.qmp.execute("migrate-incoming", uri="fd:0"), "GenericError", "not specified|already")


def test_file_at_an_offset(case):
    """file:PATH,offset=N leaves what is before it alone."""
    path = case.folder / "guest.save"
    path.write_bytes(b"x" * 10000)
    machine = case.start(*PC, qtest=True)
    fill(machine)
    assert migrate(machine, f"file:{path},offset=8k")[-1] == "completed"
    assert path.read_bytes()[:8192] == b"x" * 8192
    there = arrive(case, f"file:{path},offset=0x2000", "-S")
    wait_until(lambda: status(there) == "paused", "the arrival")
    check_filled(there)


def test_unknown_transports_are_named(case):
    """One line, and on the command line the option before it."""
    machine = case.start(*PC, qtest=True)
    for uri, text in (("carrier-pigeon:3", "unknown migration protocol: carrier-pigeon:3"),
                      ("fd:nothing", "File descriptor named 'nothing' has not been found"),
                      ("fd:99999999999", "fd"),
                      ("unix:", "a path is needed"),
                      (f"unix:{case.folder}/nobody", "No such file"),
                      ("file:/no/such/folder/x", "No such file or directory"),
                      ("file:/tmp/x,offset=y", "offset")):
        expect_error(lambda uri=uri: machine.qmp.execute("migrate", uri=uri), "GenericError", text)
        assert machine.qmp.execute("query-migrate") == {}, uri
    assert migrate(machine, "tcp:127.0.0.1:1")[-1] == "failed"
    assert status(machine) == "running"
    assert refused(case, "carrier-pigeon:3") == \
        "-incoming carrier-pigeon:3: unknown migration protocol: carrier-pigeon:3"
    assert refused(case, "tcp:nonsense") == "-incoming tcp:nonsense: tcp:nonsense: HOST:PORT is needed"
    expect_error(lambda: machine.qmp.execute("migrate-incoming", uri="fd:0"), "GenericError", "not specified")


# ---- under way ----

def test_cancelled_migration_leaves_the_guest_running(case):
    """Nobody reads: migrate_cancel ends the wait; another one then goes through."""
    ours, theirs = socket.socketpair()
    machine = case.start(*PC, qtest=True)
    fill(machine)
    machine.qtest("memset 0x400000 0x800000 0x11")
    machine.qmp.execute("getfd", fdname="stuck", fds=[ours.fileno()])
    migrate(machine, "fd:stuck", wait=False)
    expect_error(lambda: machine.qmp.execute("migrate", uri="fd:x"), "GenericError", "migration process in progress")
    expect_error(lambda: machine.qmp.execute("device_add", driver="isa-debug-exit"), "GenericError",
                 "not allowed while migrating")
    assert machine.qmp.execute("query-migrate")["status"] in ("setup", "active")
    machine.qmp.execute("migrate_cancel")
    assert finish(machine)[-2:] == ["cancelling", "cancelled"]
    assert status(machine) == "running"
    ours.close()
    theirs.close()
    assert migrate(machine, f"file:{case.folder}/x")[-1] == "completed"


def test_bandwidth_is_kept(case):
    """4 MiB at 2 MiB a second take two seconds; without a limit no time at all."""
    machine = case.start(*PC, qtest=True)
    machine.qtest("memset 0x400000 0x400000 0x11")
    machine.qmp.execute("migrate-set-parameters", max_bandwidth=2 * MEBIBYTE)
    assert machine.qmp.execute("query-migrate-parameters")["max-bandwidth"] == 2 * MEBIBYTE
    before = time.monotonic()
    migrate(machine, f"file:{case.folder}/x")
    assert 1.5 < time.monotonic() - before < 10, time.monotonic() - before
    assert "max-bandwidth: 2097152" in machine.qmp.human("info migrate_parameters")


def test_switchover_waits_for_the_word(case):
    """pause-before-switchover: the guest stands still, its images are still its own, until migrate-continue."""
    machine = case.start(*PC, qtest=True)
    machine.qmp.execute("migrate-set-capabilities",
                        capabilities=[{"capability": "pause-before-switchover", "state": True}])
    migrate(machine, f"file:{case.folder}/x", wait=False)
    while machine.qmp.wait_event("MIGRATION")["data"]["status"] != "pre-switchover":
        pass
    assert status(machine) == "finish-migrate"
    expect_error(lambda: machine.qmp.execute("cont"), "GenericError", "about to leave")
    expect_error(lambda: machine.qmp.execute("migrate-continue", state="active"), "GenericError",
                 "not in expected state: pre-switchover")
    machine.qmp.execute("migrate-continue", state="pre-switchover")
    assert finish(machine) == ["device", "completed"]
    machine.qmp.execute("cont")
    migrate(machine, f"file:{case.folder}/x", wait=False)
    while machine.qmp.wait_event("MIGRATION")["data"]["status"] != "pre-switchover":
        pass
    machine.qmp.execute("migrate_cancel")
    assert finish(machine) == ["cancelling", "cancelled"]
    assert status(machine) == "running"


def test_capabilities_say_what_there_is(case):
    """Names that libvirt knows; what is not there can be switched off, not on."""
    machine = case.start(*PC, qtest=True)
    names = [entry["capability"] for entry in machine.qmp.execute("query-migrate-capabilities")]
    assert {"events", "xbzrle", "postcopy-ram", "multifd", "return-path"} <= set(names)
    machine.qmp.execute("migrate-set-capabilities", capabilities=[{"capability": n, "state": False} for n in names])
    expect_error(lambda: machine.qmp.execute("migrate-set-capabilities",
                                             capabilities=[{"capability": "multifd", "state": True}]),
                 "GenericError", "'multifd' is not supported")
    expect_error(lambda: machine.qmp.execute("migrate-set-parameters", downtime_limit=-1), "GenericError",
                 "downtime-limit")
    machine.qmp.execute("migrate-set-parameters", downtime_limit=50)
    machine.qmp.human("migrate_set_speed 8")
    assert machine.qmp.execute("query-migrate-parameters") == {
        "downtime-limit": 50, "max-bandwidth": 8 * MEBIBYTE, "avail-switchover-bandwidth": 0}
    assert "snapshots inside images are not supported" in machine.qmp.human("savevm x")
    expect_error(lambda: machine.qmp.execute("migrate-start-postcopy"), "GenericError", "postcopy")


def test_process_ends_while_a_guest_leaves_or_is_awaited(case):
    """SIGTERM at any point: status 0, no wait for a peer."""
    ours, theirs = socket.socketpair()
    machine = case.start(*PC, qtest=True)
    machine.qtest("memset 0x400000 0x800000 0x11")
    machine.qmp.execute("getfd", fdname="stuck", fds=[ours.fileno()])
    migrate(machine, "fd:stuck", wait=False)
    arrive(case, f"unix:{case.folder}/m")
    arrive(case, "defer")
    pipe = arrive(case, "exec:sleep 60")
    for machine in case.machines:
        machine.process.send_signal(signal.SIGTERM)
        assert machine.process.wait(timeout=10) == 0
    assert pipe.process.returncode == 0
    theirs.close()


# ---- images ----

def test_images_change_hands(case):
    """One image, locked by whoever has the guest: the destination starts while the source uses it, and has it when the
    guest has arrived; the source can have it back only when the destination has gone."""
    disk = ["-drive", f"file={case.image()},format=raw,if=ide"]
    uri = f"unix:{case.folder}/m"
    machine = case.start(*PC, *disk, qtest=True)
    there = arrive(case, uri, *disk)
    other = subprocess.run([case.binary, *PC, *disk], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=TIME_LIMIT, check=False)
    assert other.returncode == 1 and "Is another process using the image" in other.stderr, other.stderr
    assert migrate(machine, uri)[-1] == "completed"
    wait_until(lambda: status(there) == "running", "the arrival")
    expect_error(lambda: machine.qmp.execute("cont"), "GenericError", "Is another process using the image")
    assert status(machine) == "postmigrate"
    there.end()
    machine.qmp.execute("cont")
    assert status(machine) == "running"


def test_images_are_taken_late_on_demand(case):
    """late-block-activate: only cont takes the image."""
    disk = ["-drive", f"file={case.image()},format=raw,if=ide"]
    path = saved(case, *disk)
    folder = case.folder / "late"
    folder.mkdir()
    late = Case(case.binary, folder)
    late.machines = case.machines
    there = late.start(*PC, *disk, "-S", "-incoming", "defer", qtest=True)
    there.qmp.execute("migrate-set-capabilities", capabilities=[{"capability": "late-block-activate", "state": True}])
    there.qmp.execute("migrate-incoming", uri=f"file:{path}")
    wait_until(lambda: status(there) == "paused", "the arrival")
    holder = arrive(case, "defer", *disk)
    holder.end()
    user = case.start(*PC, *disk)
    expect_error(lambda: there.qmp.execute("cont"), "GenericError", "Is another process using the image")
    user.end()
    there.qmp.execute("cont")


# ---- what is wrong ----

def records(data):
    """The offset, kind and payload length of every record."""
    at = PREAMBLE
    while at < len(data):
        kind, _, length = struct.unpack_from("<IIQ", data, at)
        yield at, kind, length
        at += HEADER + length


def with_sums(data, at):
    """The record at AT with its sums made right again."""
    kind, reserved, length = struct.unpack_from("<IIQ", data, at)
    payload = data[at + HEADER:at + HEADER + length]
    header = struct.pack("<IIQI", kind, reserved, length, zlib.crc32(payload))
    return data[:at] + header + struct.pack("<I", zlib.crc32(header)) + data[at + HEADER:]


def test_stream_that_is_not_whole_is_refused(case):
    """Cut off anywhere, or one bit wrong anywhere: one line, status 1."""
    data = saved(case).read_bytes()
    path = case.folder / "bad"
    found = list(records(data))
    assert [kind for _, kind, _ in found][0] == CONFIG and found[-1][1] == END
    assert {RAM, SECTION} < {kind for _, kind, _ in found}
    cuts = {0: "empty", 5: "cut off", PREAMBLE: "cut off", len(data) - 1: "cut off"}
    for at, _, length in (found[0], found[1], found[len(found) // 2], found[-1]):
        cuts.update({at + 3: "cut off", at + HEADER: "cut off", at + HEADER + length // 2: "cut off"})
    for length, text in cuts.items():
        path.write_bytes(data[:length])
        line = refused(case, f"file:{path}")
        assert line.startswith("load of migration failed: ") and text in line, (length, line)
    for at, _, length in (found[0], found[1], found[len(found) // 2], found[-2], found[-1]):
        for place in (at, at + 9, at + HEADER + length // 2):
            path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1:])
            line = refused(case, f"file:{path}")
            assert "damaged" in line, (place, line)


def test_foreign_streams_are_named(case):
    """Something else, QEMU's stream, another version, a record too many, too few, of a kind to come, too long."""
    data = saved(case).read_bytes()
    path = case.folder / "bad"
    found = list(records(data))
    section, end = found[-2], found[-1]
    without = data[:section[0]] + data[end[0]:]
    unknown = with_sums(data[:section[0]] + struct.pack("<I", 9) + data[section[0] + 4:], section[0])
    long = data[:section[0] + 8] + struct.pack("<Q", 1 << 40) + data[section[0] + 16:]
    header = long[section[0]:section[0] + 20]
    long = long[:section[0] + 20] + struct.pack("<I", zlib.crc32(header)) + long[section[0] + HEADER:]
    for content, text in (
            (b"#!/bin/sh\n" * 100, "this is not the stream of a saved guest"),
            (b"QEVM\0\0\0\3" + bytes(100), "this is a stream of QEMU"),
            (data[:8] + struct.pack("<I", 7) + data[12:], "the stream has version 7, this build reads version 1"),
            (without, "lacks records"),
            (unknown, "unknown kind 9"),
            (long, "section record of 1099511627776 bytes")):
        path.write_bytes(content)
        line = refused(case, f"file:{path}")
        assert text in line, line


def test_guest_of_another_machine_is_refused(case):
    """The line says what differs."""
    path = saved(case, "-smp", "2", "-device", "isa-debug-exit")
    uri = f"file:{path}"
    same = ["-smp", "2", "-device", "isa-debug-exit"]
    for arguments, base, text in (
            ([*same, "-m", "32"], None, "the saved guest has 16 MiB of memory 'pc.ram', this machine has 32 MiB"),
            (same[2:], None, "the saved guest has cpus 2, this machine has 1"),
            (same[:2], None, "the saved guest has the device '/machine/peripheral-anon/device[0]', this machine lacks "
                             "it"),
            ([*same, "-device", "pvpanic"], None, "this machine has the device "),
            (["-m", "16", *same], ["-accel", "qtest", "-nodefaults", "-machine", "pc-i440fx-2.4"],
             "the saved guest has machine 'pc-i440fx-8.2', this machine has 'pc-i440fx-2.4'")):
        line = refused(case, uri, *arguments, base=base)
        assert line.startswith("load of migration failed: ") and text in line, line


def test_damaged_state_of_a_device_is_named(case):
    """Sums are right and the state is nonsense: the device says so."""
    data = saved(case).read_bytes()
    path = case.folder / "bad"
    for at, kind, length in records(data):
        payload = data[at + HEADER:at + HEADER + length]
        if kind == SECTION and b"/machine/i440fx/ioapic" in payload[:64]:
            bad = payload[:-40] + bytes([0xFF] * 40)
            path.write_bytes(with_sums(data[:at + HEADER] + bad + data[at + HEADER + length:], at))
            line = refused(case, f"file:{path}")
            assert line.startswith("load of migration failed: "), line
            return
    raise AssertionError("no IOAPIC in the stream")


def test_source_goes_on_when_the_destination_dies(case):
    """The peer closes in the middle: failed, and running as before."""
    machine = case.start(*PC, qtest=True)
    machine.qtest("memset 0x400000 0x800000 0x11")
    ours, theirs = socket.socketpair()
    machine.qmp.execute("getfd", fdname="gone", fds=[ours.fileno()])
    ours.close()
    migrate(machine, "fd:gone", wait=False)
    theirs.recv(1000)
    theirs.close()
    assert finish(machine)[-1] == "failed"
    assert "error-desc" in machine.qmp.execute("query-migrate")
    assert status(machine) == "running"
    machine.qtest("write 0x100000 0x1 0x42")


def test_disk_that_ends_with_the_process_keeps_the_guest_here(case):
    """snapshot=on: what was written would be lost on the way; query-migrate says so before."""
    disk = case.image()
    machine = case.start(*PC, "-drive", f"file={disk},format=raw,if=ide,snapshot=on")
    assert "snapshot=on" in machine.qmp.execute("query-migrate")["blocked-reasons"][0]
    expect_error(lambda: machine.qmp.execute("migrate", uri="exec:cat > /dev/null"), "GenericError",
                 f"{disk}.*snapshot")


def test_machine_without_memory_has_nothing_to_save(case):
    """-machine none."""
    machine = case.start("-accel", "qtest", "-machine", "none", "-nodefaults")
    expect_error(lambda: machine.qmp.execute("migrate", uri="exec:cat > /dev/null"), "GenericError", "nothing to save")


if __name__ == "__main__":
    sys.exit(main(globals()))
