#!/usr/bin/python3
"""QMP: the protocol as clients meet it, every command against the schema, run state, events, descriptors.

Every case runs on the qtest accelerator and needs no KVM. Prints TAP. Arguments: the binary, and parts of the names of
the cases to run (none: all).

SPDX-License-Identifier: GPL-2.0-or-later
"""

import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from monitor_case import MEBIBYTE, NONE, PC, expect_error, main, wait_until  # noqa: E402
from qmp_client import TIME_LIMIT, Client, QmpError, Schema  # noqa: E402


# ---- the protocol ----


def test_greeting_and_negotiation(case):
    """Version and capabilities; before negotiation one command works, after it that one does not."""
    machine = case.start(*NONE, client=False)
    client = machine.connect(negotiate=False)
    greeting = client.greeting["QMP"]
    assert greeting["version"]["qemu"] == {"major": 10, "minor": 0, "micro": 2}, greeting
    assert greeting["version"]["package"].startswith("Xenolith ") and greeting["capabilities"] == ["oob"], greeting
    expect_error(lambda: client.run("query-version"), "CommandNotFound", "Expecting capabilities negotiation")
    expect_error(lambda: client.run("no-such"), "CommandNotFound", "The command no-such has not been found")
    expect_error(lambda: client.run("qmp_capabilities", {"enable": ["teleport"]}), "GenericError",
                 r"Parameter 'enable\[0\]' does not accept value 'teleport'")
    assert client.run("qmp_capabilities") == {}
    expect_error(lambda: client.run("qmp_capabilities"), "CommandNotFound", "already complete, command ignored")
    assert client.run("query-version") == greeting["version"]


def test_request_shapes(case):
    """What is no request is told what is wrong with it, with its id where it has one."""
    client = case.start(*NONE).qmp
    for request, text in [([], "QMP input must be a JSON object"), (42, "QMP input must be a JSON object"),
                          ({}, "QMP input lacks member 'execute'"),
                          ({"execute": 1}, "QMP input member 'execute' must be a string"),
                          ({"execute": "x", "arguments": []}, "QMP input member 'arguments' must be an object"),
                          ({"execute": "stop", "extra": 1}, "QMP input member 'extra' is unexpected"),
                          ({"exec-oob": "stop"}, "QMP input member 'exec-oob' is unexpected")]:
        client.send(request)
        error = client.reply()
        assert error == {"error": {"class": "GenericError", "desc": text}}, error
    client.send({"execute": "stop", "extra": 1, "id": [1]})
    assert client.reply()["id"] == [1]


def test_ids_of_any_type_come_back(case):
    """Strings, numbers, lists, objects, null."""
    client = case.start(*NONE).qmp
    for identity in ["x", "", "\u00fc\U0001f600\"\\\n", 0, -1, 1.5, 1 << 62, True, None, [1, [2, {"a": None}]],
                     {"b": {}}]:
        client.send({"execute": "query-status", "id": identity})
        reply = client.reply()
        assert "return" in reply and reply["id"] == identity, (identity, reply)
    client.send({"execute": "query-status"})
    assert "id" not in client.reply()


MALFORMED = [b"]", b"}", b"{]", b"[}", b"{'execute'}", b'{"execute" "stop"}', b'{"execute":}', b"[1 2]", b"[,]",
             b"[1,]", b'{"a":1,}', b"nul", b"tru", b"01", b"1.", b"-", b"+1", b"1e", b"0x10", b"NaN", b"@", b"/* */",
             b"# x", b";", b'"\\x41"', b'"\\u12g4"', b'"\\u0000"', b'"\x01"', b'"\xfe"', b'"\xc0\x80"', b"\x00",
             b"\xff", b'{"a":1\xff', b"{1:2}", b'{"a":[}', b"{{", b'{"execute":"stop"', b'"abc', b"var x = 1;"]


def test_malformed_json_harms_nobody(case):
    """Each piece is answered by errors only, and the next request is understood (a byte 0xff ends what went before)."""
    client = case.start(*NONE).qmp
    for piece in MALFORMED:
        client.send(piece + b"\n\xff")
        client.send({"execute": "query-status", "id": "after"})
        while True:
            reply = client.reply()
            if reply.get("id") == "after":
                assert "return" in reply, (piece, reply)
                break
            assert reply["error"]["class"] == "GenericError", (piece, reply)


def test_requests_cut_anywhere_or_glued(case):
    """Byte by byte, two in one write, without newlines, in single quotes."""
    client = case.start(*NONE).qmp
    for byte in b'{"execute": "query-name", "arguments": {}, "id": "\\u00e9"}':
        client.send(bytes([byte]))
    assert client.reply() == {"return": {}, "id": "\u00e9"}
    client.send(b'{"execute":"query-name","id":1}{"execute":"query-name","id":2}\n{"execute":"query-name","id":3}')
    assert [client.reply()["id"] for _ in range(3)] == [1, 2, 3]
    client.send(b"{'execute': 'query-name', 'id': 'it\\'s \"so\"'}")
    assert client.reply()["id"] == "it's \"so\""


def test_many_requests_at_once_keep_their_order(case):
    """A thousand requests in one write: a thousand replies in order."""
    client = case.start(*NONE).qmp
    client.send(b"".join(b'{"execute":"query-status","id":%d}\n' % n for n in range(1000)))
    assert [client.reply()["id"] for _ in range(1000)] == list(range(1000))


def test_deep_and_huge_values_are_refused(case):
    """Nesting up to 1024, up to 2 Mi tokens, lines of 64 MiB; the session goes on."""
    client = case.start(*NONE).qmp
    client.send(b'{"execute":"query-status","id":' + b"[" * 1023 + b"]" * 1023 + b"}\n")
    assert "return" in client.reply()
    client.send(b"[" * 100000 + b"\n")
    assert client.reply()["error"]["desc"] == "JSON nesting depth limit exceeded"
    client.send(b"[" + b"0," * (2 << 20) + b"0]\n")
    assert client.reply()["error"]["desc"] == "JSON token count limit exceeded"
    client.send(b'"' + b"x" * (70 * MEBIBYTE) + b'"\n')
    assert client.reply()["error"]["desc"] == "JSON token size limit exceeded"
    client.send(b'{"execute":"query-status","id":"' + b"y" * (4 * MEBIBYTE) + b'"}\n')
    assert len(client.reply()["id"]) == 4 * MEBIBYTE
    assert client.run("query-status")["status"] == "running"


def test_client_that_never_reads_harms_itself_only(case):
    """It stops being served; others and the process are as before; memory stays bounded."""
    machine = case.start(*NONE, sockets=2)
    hung = machine.connect(1)
    hung.socket.setblocking(False)
    request = b'{"execute":"query-qmp-schema"}\n' * 50
    end = time.monotonic() + 3
    while time.monotonic() < end:
        if not select.select([], [hung.socket], [], 0.2)[1]:
            break
        try:
            hung.socket.send(request)
        except BlockingIOError:
            time.sleep(0.01)
    else:
        raise AssertionError("requests are read without end")
    for _ in range(200):
        machine.qmp.run("stop")
        machine.qmp.run("cont")
    resident = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{machine.process.pid}/status").read_text())[1])
    assert resident < 128 * 1024, f"{resident} KiB"
    hung.close()
    assert machine.qmp.run("query-status")["running"]


def test_half_a_command_and_gone(case):
    """A client that leaves in the middle leaves nothing behind for the next one."""
    machine = case.start(*NONE)
    machine.qmp.send(b'{"execute": "stop", "argu')
    machine.qmp.close()
    client = machine.connect()
    assert client.run("query-status")["running"]


def test_what_was_sent_before_the_end_is_done(case):
    """echo … | qemu -qmp stdio."""
    text = '{"execute":"qmp_capabilities"}\n{"execute":"query-name","id":7}\n{"execute":"quit"}\n'
    done = subprocess.run([case.binary, *NONE, "-qmp", "stdio"], input=text, capture_output=True, text=True,
                          timeout=TIME_LIMIT, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and {"return": {}, "id": 7} in lines, done
    assert '{"return": {}, "id": 7}' in done.stdout


def test_pretty_output_is_the_same_json(case):
    """-qmp-pretty and -mon pretty=on: several lines, indented by four."""
    for options in (["-qmp-pretty", "stdio"],
                    ["-chardev", "stdio,id=c", "-mon", "chardev=c,mode=control,pretty=on"]):
        done = subprocess.run([case.binary, *NONE, *options], capture_output=True, timeout=TIME_LIMIT, check=False,
                              input=b'{"execute":"qmp_capabilities"}{"execute":"quit"}')
        text = done.stdout.decode()
        assert '\n    "QMP": {\n        "version": {\n' in text, text
        values, decoder, at = [], json.JSONDecoder(), 0
        while text[at:].strip():
            at += len(text[at:]) - len(text[at:].lstrip())
            value, at = decoder.raw_decode(text, at)
            values.append(value)
        assert values[1] == {"return": {}}, values


def test_out_of_band(case):
    """exec-oob needs negotiation and a command that allows it."""
    client = case.start(*NONE, client=False).connect(oob=True)
    assert client.command("yank", {"instances": []}, key="exec-oob") == {"return": {}}
    reply = client.command("migrate-pause", key="exec-oob")
    assert reply["error"]["class"] == "GenericError", reply
    reply = client.command("query-status", key="exec-oob")
    assert reply["error"]["desc"] == "The command query-status does not support OOB", reply
    client.send({"execute": "stop", "exec-oob": "stop"})
    assert "clashes" in client.reply()["error"]["desc"]
    allowed = {entry["name"] for entry in client.run("query-qmp-schema") if entry.get("allow-oob")}
    assert {"yank", "migrate-pause"} <= allowed


# ---- every command ----


# Arguments with which a command works on a fresh pc; None: it is left out here because it ends or blocks something.
WORKING = {
    "quit": None, "qmp_capabilities": None, "human-monitor-command": {"command-line": "info version"},
    "qom-list": {"path": "/machine"}, "qom-get": {"path": "/machine", "property": "type"},
    "qom-list-properties": {"typename": "ide-hd"}, "device-list-properties": {"typename": "ide-hd"},
    "query-cpu-model-expansion": {"type": "full", "model": {"name": "qemu64"}},
    "trace-event-get-state": {"name": "*"}, "trace-event-set-state": {"name": "no_such*", "enable": False},
    "migrate-set-capabilities": {"capabilities": [{"capability": "events", "state": True}]},
    "send-key": {"keys": [{"type": "qcode", "data": "a"}]}, "set-action": {"reboot": "reset"},
    "watchdog-set-action": {"action": "reset"}, "yank": {"instances": []},
    "chardev-add": {"id": "new", "backend": {"type": "null", "data": {}}}, "chardev-remove": {"id": "new"},
    "blockdev-add": {"driver": "null-co", "node-name": "node"}, "blockdev-del": {"node-name": "node"},
    "input-send-event": {"events": []}, "query-stats": {"target": "vcpu"},
    "object-add": {"qom-type": "iothread", "id": "thread"}, "object-del": {"id": "thread"},
    "netdev_add": {"type": "socket", "id": "net", "listen": "127.0.0.1:0"}, "netdev_del": {"id": "net"},
    "announce-self": {"initial": 1, "max": 1, "rounds": 1, "step": 0},
}
ORDER = ["chardev-add", "blockdev-add", "object-add", "netdev_add"]


def test_every_command_fits_the_schema(case):
    """query-commands and the schema have the same names; results and events are what the schema says."""
    client = case.start(*PC, "-device", "isa-serial,id=com1").qmp
    schema = Schema(client.run("query-qmp-schema"))
    commands = schema.of_kind("command")
    assert {entry["name"] for entry in client.run("query-commands")} == set(commands)
    assert {entry["name"] for entry in client.run("query-events")} == set(schema.of_kind("event"))
    for name in ORDER + sorted(set(commands) - set(ORDER)):
        arguments = WORKING.get(name, {})
        if arguments is None:
            continue
        try:
            if name in WORKING or not needed(schema, commands[name]):
                schema.check(commands[name]["ret-type"], client.run(name, arguments), name)
        except QmpError as error:
            assert name not in WORKING and error.text, f"{name}: {error}"
    client.run("qom-list", {"path": "/"})
    for event in client.events:
        entry = schema.of_kind("event")[event["event"]]
        schema.check(entry["arg-type"], event.get("data", {}), event["event"])


def needed(schema, command):
    """The arguments that a command cannot do without."""
    return [member["name"] for member in schema.type(command["arg-type"])["members"] if "default" not in member]


def test_every_command_checks_its_arguments(case):
    """Unknown, missing and wrongly typed arguments of each are refused by name."""
    client = case.start(*NONE).qmp
    schema = Schema(client.run("query-qmp-schema"))
    for name, command in schema.of_kind("command").items():
        arguments = schema.type(command["arg-type"])
        right = schema.right_value(command["arg-type"])
        if name == "qmp_capabilities":
            continue
        if name != "device_add":
            expect_error(lambda: client.run(name, {**right, "surplus": 1}), "GenericError",  # noqa: B023
                         "Parameter 'surplus' is unexpected")
        for member in arguments["members"]:
            key = member["name"]
            if "default" not in member:
                rest = {other: value for other, value in right.items() if other != key}
                expect_error(lambda: client.run(name, rest), "GenericError",
                             f"Parameter '{key}' is missing")  # noqa: B023
            wrong = schema.wrong_value(member["type"])
            if wrong is not None:
                expect_error(lambda: client.run(name, {**right, key: wrong}), "GenericError",  # noqa: B023
                             f"Invalid parameter type for '{key}', expected: ")


def test_argument_errors_name_the_place(case):
    """Inside lists and objects too."""
    client = case.start(*NONE).qmp
    for name, arguments, text in [
            ("send-key", {"keys": [{"type": "number", "data": "x"}]},
             "Invalid parameter type for 'keys[0].data', expected: integer"),
            ("send-key", {"keys": [{"type": "x", "data": 1}]}, "Parameter 'keys[0].type' does not accept value 'x'"),
            ("blockdev-add", {"driver": "raw", "node-name": "n"}, "Parameter 'file' is missing"),
            ("blockdev-add", {"driver": "raw", "node-name": "n", "file": {"driver": "file"}},
             "Parameter 'file.filename' is missing"),
            ("blockdev-add", {"driver": "null-co", "node-name": "n", "filename": "x"},
             "Parameter 'filename' is unexpected"),
            ("blockdev-add", {"driver": "null-co"}, "'node-name' must be specified for the root node"),
            ("chardev-add", {"id": "c", "backend": {"type": "socket", "data": {}}},
             "Parameter 'backend.data.addr' is missing"),
            ("query-status", {"a": 1}, "Parameter 'a' is unexpected")]:
        expect_error(lambda: client.run(name, arguments), "GenericError", f"^{re.escape(text)}$")  # noqa: B023


def test_schema_lets_libvirt_choose_json(case):
    """What libvirt 9 looks for in the schema."""
    client = case.start(*NONE).qmp
    schema = Schema(client.run("query-qmp-schema"))
    commands = schema.of_kind("command")
    assert set(commands["device_add"]["features"]) == {"json-cli", "json-cli-hotplug"}
    kinds = schema.type(next(m for m in schema.type(commands["object-add"]["arg-type"])["members"]
                             if m["name"] == "qom-type")["type"])
    assert "secret" in kinds["values"]
    netdevs = schema.type(next(m for m in schema.type(commands["netdev_add"]["arg-type"])["members"]
                               if m["name"] == "type")["type"])
    assert "dgram" in netdevs["values"]
    flat = schema.type(commands["query-named-block-nodes"]["arg-type"])["members"]
    assert [member["name"] for member in flat] == ["flat"]


# ---- run state and events ----


def test_events_come_before_the_reply(case):
    """stop, cont, reset, power button; each once."""
    client = case.start(*PC).qmp
    assert client.run("query-status") == {"running": False, "status": "prelaunch"}
    for name, events, status in [("cont", ["RESUME"], "running"), ("cont", [], "running"), ("stop", ["STOP"], "paused"),
                                 ("stop", [], "paused"), ("system_reset", ["RESET"], "paused"),
                                 ("system_powerdown", ["POWERDOWN"], "paused"), ("cont", ["RESUME"], "running"),
                                 ("system_reset", ["RESET"], "running")]:
        client.run(name)
        assert client.take_events() == events, (name, events)
        assert client.run("query-status")["status"] == status


def test_event_data(case):
    """RESET and SHUTDOWN tell who; events reach every client that has negotiated and no other."""
    machine = case.start(*PC, sockets=3)
    other, silent = machine.connect(1), machine.connect(2, negotiate=False)
    machine.qmp.run("system_reset")
    event = machine.qmp.wait_event("RESET", 0)
    assert event["data"] == {"guest": False, "reason": "host-qmp-system-reset"}
    assert abs(event["timestamp"]["seconds"] - time.time()) < 60
    assert other.wait_event("RESET") == event
    assert silent.receive_line(0.2) is None
    machine.qmp.run("quit")
    assert machine.qmp.wait_event("SHUTDOWN", 0)["data"] == {"guest": False, "reason": "host-qmp-quit"}
    assert machine.wait() == 0


def test_signal_is_told(case):
    """SIGTERM: SHUTDOWN host-signal, exit status 0."""
    machine = case.start(*PC)
    machine.process.send_signal(signal.SIGTERM)
    assert machine.qmp.wait_event("SHUTDOWN")["data"] == {"guest": False, "reason": "host-signal"}
    assert machine.wait() == 0


def power_off(machine):
    """The guest writes SLP_EN with S5's type into PM1a_CNT."""
    machine.qtest("outl 0xcf8 0x80000b40")
    machine.qtest("outl 0xcfc 0x601")
    machine.qtest("outl 0xcf8 0x80000b80")
    machine.qtest("outb 0xcfc 1")
    machine.qtest("outw 0x604 0x2000")


def test_power_off_under_no_shutdown_and_fake_reboot(case):
    """S5: SHUTDOWN and STOP, the process stays; cont is refused until a reset, and then works."""
    machine = case.start(*PC[:-1], "-no-shutdown", qtest=True)
    client = machine.qmp
    power_off(machine)
    assert client.wait_event("SHUTDOWN")["data"] == {"guest": True, "reason": "guest-shutdown"}
    client.wait_event("STOP")
    assert client.run("query-status")["status"] == "shutdown"
    expect_error(lambda: client.run("cont"), "GenericError", "Resetting the Virtual Machine is required")
    client.run("system_reset")
    assert client.run("query-status")["status"] == "paused"
    client.run("cont")
    assert client.run("query-status")["running"]
    client.run("set-action", {"shutdown": "poweroff"})
    power_off(machine)
    assert machine.wait() == 0


def test_guest_panic(case):
    """pvpanic: GUEST_PANICKED with the action, and the state."""
    machine = case.start(*PC[:-1], "-device", "pvpanic", "-action", "panic=pause", qtest=True)
    machine.qtest("outb 0x505 1")
    assert machine.qmp.wait_event("GUEST_PANICKED")["data"] == {"action": "pause"}
    machine.qmp.wait_event("STOP")
    assert machine.qmp.run("query-status") == {"running": False, "status": "guest-panicked"}


def set_clock(machine, minute):
    """The guest sets its clock."""
    for index, value in ((0x0b, 0x82), (0x02, minute), (0x0b, 0x02)):
        machine.qtest(f"outb 0x70 {index}")
        machine.qtest(f"outb 0x71 {value}")


def test_event_rate_is_limited(case):
    """Of many RTC_CHANGE within a second the first is sent at once and the last when the second is over."""
    machine = case.start(*PC[:-1], qtest=True)
    client = machine.qmp
    set_clock(machine, 0x10)
    first = client.wait_event("RTC_CHANGE")
    assert first["data"]["qom-path"].startswith("/machine/"), first
    for minute in range(0x11, 0x19):
        set_clock(machine, minute)
    client.run("query-status")
    assert client.take_events() == []
    machine.qtest("clock_step 1000000000")
    last = client.wait_event("RTC_CHANGE")
    assert 470 <= last["data"]["offset"] - first["data"]["offset"] <= 490, (first, last)
    machine.qtest("clock_step 5000000000")
    client.run("query-status")
    assert client.take_events() == []


def test_wrong_state(case):
    """Commands that do not fit the state say so."""
    client = case.start(*NONE).qmp
    expect_error(lambda: client.run("system_wakeup"), "GenericError", "guest is not in suspended state")
    expect_error(lambda: client.run("inject-nmi"), "GenericError", "machine does not provide NMIs")
    expect_error(lambda: client.run("query-balloon"), "DeviceNotActive", "No balloon device has been activated")
    expect_error(lambda: client.run("migrate", {"uri": "fd:x"}), "GenericError", "nothing to save")
    expect_error(lambda: client.run("send-key", {"keys": [{"type": "number", "data": 30}]}), "GenericError",
                 "no keyboard")


# ---- descriptors and connections ----


def test_descriptors_by_scm_rights(case):
    """getfd, closefd, and a chardev on what was handed over."""
    client = case.start(*NONE).qmp
    ours, theirs = socket.socketpair()
    expect_error(lambda: client.run("getfd", {"fdname": "x"}), "GenericError",
                 "No file descriptor supplied via SCM_RIGHTS")
    with theirs:
        expect_error(lambda: client.run("getfd", {"fdname": "1x"}, [theirs.fileno()]), "GenericError",
                     "not starting with a digit")
        client.run("getfd", {"fdname": "gone"}, [theirs.fileno()])
        client.run("closefd", {"fdname": "gone"})
        expect_error(lambda: client.run("closefd", {"fdname": "gone"}), "GenericError", "'gone' has not been found")
        client.run("getfd", {"fdname": "kept"}, [theirs.fileno()])
    address = {"type": "fd", "data": {"str": "kept"}}
    client.run("chardev-add", {"id": "c", "backend": {"type": "socket", "data": {"addr": address, "server": False}}})
    assert "c" in [entry["label"] for entry in client.run("query-chardev")]
    client.run("chardev-remove", {"id": "c"})
    ours.settimeout(TIME_LIMIT)
    assert ours.recv(1) == b""


def test_descriptor_stays_with_its_request(case):
    """One that came with a command that wants none is closed, not kept for the next."""
    client = case.start(*NONE).qmp
    reader, writer = os.pipe()
    client.run("query-status", None, [writer])
    os.close(writer)
    assert select.select([reader], [], [], TIME_LIMIT)[0] and os.read(reader, 1) == b""
    expect_error(lambda: client.run("getfd", {"fdname": "x"}), "GenericError", "No file descriptor supplied")
    os.close(reader)


def test_descriptor_sets(case):
    """add-fd makes /dev/fdset/N; a node opens it; remove-fd; -add-fd's are listed."""
    image = case.image()
    with open(image, "r+b") as file:
        os.set_inheritable(file.fileno(), True)
        command = [case.binary, *NONE, "-add-fd", f"fd={file.fileno()},set=5,opaque=note",
                   "-qmp", f"unix:{case.folder}/inherit,server=on,wait=off"]
        process = subprocess.Popen(command, close_fds=False, stdin=subprocess.DEVNULL)
        wait_until((case.folder / "inherit").exists, "the socket")
        client = Client(case.folder / "inherit")
        listed = client.run("query-fdsets")
        assert [entry["fdset-id"] for entry in listed] == [5] and listed[0]["fds"][0]["opaque"] == "note", listed
        added = client.run("add-fd", {"opaque": "mine"}, [file.fileno()])
        assert added["fdset-id"] == 0, added
        client.run("blockdev-add", {"driver": "file", "node-name": "n", "filename": "/dev/fdset/0"})
        client.run("blockdev-del", {"node-name": "n"})
        client.run("remove-fd", {"fdset-id": 0, "fd": added["fd"]})
        expect_error(lambda: client.run("remove-fd", {"fdset-id": 0}), "GenericError", "'fdset-id:0' not found")
        client.run("quit")
        assert process.wait(timeout=TIME_LIMIT) == 0


def test_inherited_listening_socket(case):
    """-chardev socket,fd=N that listens already: accept again and again, as libvirtd's restarts need."""
    listener = socket.socket(socket.AF_UNIX)
    path = case.folder / "inherited"
    listener.bind(str(path))
    listener.listen(1)
    os.set_inheritable(listener.fileno(), True)
    process = subprocess.Popen([case.binary, *NONE, "-chardev",
                                f"socket,id=charmonitor,fd={listener.fileno()},server=on,wait=off",
                                "-mon", "chardev=charmonitor,id=monitor,mode=control"], close_fds=False)
    listener.close()
    for _ in range(3):
        client = Client(path)
        assert client.run("query-status")["running"]
        client.close()
    client = Client(path)
    client.run("quit")
    assert process.wait(timeout=TIME_LIMIT) == 0


def test_monitor_that_connects_and_connects_again(case):
    """A client socket with reconnect=: each time the listener is back there is a greeting."""
    path = case.folder / "listener"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    listener.settimeout(TIME_LIMIT)
    process = subprocess.Popen([case.binary, *NONE, "-chardev", f"socket,id=c,path={path},reconnect-ms=50", "-mon",
                                "c,mode=control"])
    for _ in range(2):
        client = Client(connection=listener.accept()[0])
        assert client.run("query-status")["running"]
        client.close()
    client = Client(connection=listener.accept()[0])
    client.run("quit")
    assert process.wait(timeout=TIME_LIMIT) == 0


def test_probing_as_libvirt_does(case):
    """A daemon whose parent ends when the socket listens; the questions of virQEMUCapsInitQMP; SIGTERM."""
    pidfile, path = case.folder / "pid", case.folder / "monitor"
    done = subprocess.run([case.binary, "-S", "-no-user-config", "-nodefaults", "-nographic", "-machine",
                           "none,accel=qtest",
                           "-qmp", f"unix:{path},server=on,wait=off", "-pidfile", str(pidfile), "-daemonize"],
                          capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    assert done.returncode == 0, done
    pid = int(pidfile.read_text())
    try:
        client = Client(path)
        for name in ["query-version", "query-target", "query-qmp-schema", "query-commands", "query-kvm",
                     "qom-list-types",
                     "query-machines", "query-cpu-definitions", "query-tpm-models", "query-tpm-types",
                     "query-command-line-options", "query-migrate-capabilities"]:
            client.run(name)
        for name in ["memory-backend-file", "none-machine", "memory-backend-memfd"]:
            assert isinstance(client.run("qom-list-properties", {"typename": name}), list)
        for name in ["virtio-blk-pci", "usb-host", "kvm-pit"]:
            expect_error(lambda: client.run("device-list-properties", {"typename": name}), "DeviceNotFound",
                         "not found")  # noqa: B023
        types = {entry["name"] for entry in client.run("qom-list-types")}
        assert {"isa-serial", "ide-hd", "iothread", "secret"} <= types and not {"tcg-accel", "max-x86_64-cpu"} & types
        options = {entry["option"]: entry["parameters"] for entry in client.run("query-command-line-options")}
        assert "sandbox" in options and {"name": "size", "type": "string"} in options["m"], options["m"]
        machines = {entry["name"]: entry for entry in client.run("query-machines")}
        pc = next(entry for entry in machines.values() if entry.get("alias") == "pc")
        assert pc["is-default"] and pc["name"].startswith("pc-i440fx-") and pc["default-ram-id"] == "pc.ram"
    finally:
        os.kill(pid, signal.SIGTERM)


def test_vcpu_has_nothing_that_libvirt_would_read_one_by_one(case):
    """libvirt asks a qom-get for each boolean of a vCPU at each start: there is none, and no unavailable-features."""
    machine = case.start(*PC, "-smp", "2")
    for cpu in machine.qmp.run("query-cpus-fast"):
        listed = machine.qmp.run("qom-list", {"path": cpu["qom-path"]})
        assert listed and not [entry for entry in listed if entry["type"] == "bool"], listed
        assert "unavailable-features" not in {entry["name"] for entry in listed}, listed


if __name__ == "__main__":
    sys.exit(main(globals()))
