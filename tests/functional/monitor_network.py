#!/usr/bin/python3
"""Netdevs of a running process: command line, QMP and HMP, with no adapter in front of them.

Every case runs on the qtest accelerator and needs no KVM. Prints TAP. Arguments: the binary, and parts of the names of
the cases to run (none: all).

SPDX-License-Identifier: GPL-2.0-or-later
"""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from monitor_case import NONE, expect_error, main, wait_until  # noqa: E402
from qmp_client import TIME_LIMIT  # noqa: E402

FRAME = bytes(range(60))


def framed(frame):
    """A frame as -netdev socket and stream send it."""
    return len(frame).to_bytes(4, "big") + frame


def has_user(case):
    """True if the build has libslirp."""
    done = subprocess.run([case.binary, "-netdev", "help"], capture_output=True, text=True, timeout=TIME_LIMIT,
                          check=False)
    assert done.returncode == 0 and "Available netdev backend types:" in done.stdout, done
    return bool(re.search(r"^\s+user ", done.stdout, re.MULTILINE))


def test_help_lists_what_there_is(case):
    """-netdev help, -nic help, -nic model=help."""
    has_user(case)
    for option, text in [("-nic", "help"), ("-net", "help")]:
        done = subprocess.run([case.binary, option, text], capture_output=True, text=True, timeout=TIME_LIMIT,
                              check=False)
        assert done.returncode == 0 and re.search(r"^\s+dgram ", done.stdout, re.MULTILINE), done
    for arguments in (["-nic", "user,model=help"], ["-net", "nic,model=help"]):
        done = subprocess.run([case.binary, *arguments], capture_output=True, text=True, timeout=TIME_LIMIT,
                              check=False)
        assert done.returncode == 0 and done.stdout == "Available NIC models:\n  xen-net-device\n", done


def test_netdevs_come_and_go(case):
    """A hundred times each kind; descriptors and threads are given back."""
    machine = case.start(*NONE)
    client = machine.qmp
    kinds = [{"type": "socket", "listen": "127.0.0.1:0"},
             {"type": "stream", "server": True, "addr": {"type": "unix", "path": f"{case.folder}/s"}},
             {"type": "stream", "addr": {"type": "unix", "path": f"{case.folder}/nobody"}, "reconnect-ms": 5},
             {"type": "dgram", "local": {"type": "unix", "path": f"{case.folder}/d"}}]
    if has_user(case):
        kinds.append({"type": "user", "hostfwd": [{"str": "tcp:127.0.0.1:0-:22"}, {"str": "udp:127.0.0.1:0-:53"}]})
    folder = f"/proc/{machine.process.pid}/fd"
    before = None
    for _ in range(100):
        for number, kind in enumerate(kinds):
            client.run("netdev_add", {"id": f"n{number}", **kind})
        expect_error(lambda: client.run("netdev_add", {"id": "n0", "type": "socket", "listen": ":0"}),
                     "GenericError", "Duplicate ID 'n0' for netdev")
        for number in range(len(kinds)):
            client.run("netdev_del", {"id": f"n{number}"})
        before = before or len(os.listdir(folder))
    wait_until(lambda: len(os.listdir(folder)) <= before + 1, "descriptors to be closed")
    expect_error(lambda: client.run("netdev_del", {"id": "n0"}), "DeviceNotFound", "^Device 'n0' not found$")
    assert sorted(os.listdir(case.folder)) == ["qmp0"]


def test_argument_errors_are_named(case):
    """Those of the schema and those of the back ends."""
    client = case.start(*NONE).qmp
    for arguments, text in [
            ({"id": "n", "type": "pigeon"}, "^Parameter 'type' does not accept value 'pigeon'$"),
            ({"id": "n", "type": "socket", "port": 1}, "^Parameter 'port' is unexpected$"),
            ({"id": "1", "type": "socket", "listen": ":0"}, "^Parameter 'id' expects an identifier, not '1'$"),
            ({"id": "n", "type": "socket"}, "^exactly one of listen="),
            ({"id": "n", "type": "socket", "fd": "name"}, "'name' has not been found"),
            ({"id": "n", "type": "tap", "vhost": True}, "^Parameter 'vhost' does not accept value 'on'"),
            ({"id": "n", "type": "tap", "fd": "0"}, "is not a tap interface's"),
            ({"id": "n", "type": "stream", "addr": {"type": "inet", "host": "x"}},
             "^Parameter 'addr.port' is missing$"),
            ({"id": "n", "type": "dgram"}, "^Parameter 'remote' of type inet is needed")]:
        expect_error(lambda: client.run("netdev_add", arguments), "GenericError", text)  # noqa: B023
    assert client.human("info network") == ""


def test_streams_and_their_events(case):
    """A peer connects, sends, leaves, comes back; a peer that sends nonsense is sent away."""
    path = f"{case.folder}/s"
    client = case.start(*NONE, "-netdev", f"stream,id=n,server=on,addr.type=unix,addr.path={path}").qmp
    assert client.human("info network") == f"n: index=0,type=stream,listening on unix:{path}\n"
    for data in (framed(FRAME) * 3, b"\xff\xff\xff\xff" + FRAME, b"\0\0"):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            event = client.wait_event("NETDEV_STREAM_CONNECTED")
            assert event["data"]["netdev-id"] == "n" and event["data"]["addr"]["type"] == "unix", event
            peer.sendall(data)
        assert client.wait_event("NETDEV_STREAM_DISCONNECTED")["data"] == {"netdev-id": "n"}


def test_two_processes_meet(case):
    """socket,listen= and stream of another process; one that is killed is waited for again."""
    first = case.start(*NONE, "-netdev", "socket,id=a,listen=127.0.0.1:0")
    port = int(re.search(r"tcp:127\.0\.0\.1:(\d+)", first.qmp.human("info network"))[1])
    folder = case.folder
    for number in range(3):
        case.folder = folder / str(number)
        case.folder.mkdir()
        netdev = {"type": "stream", "id": "b", "addr": {"type": "inet", "host": "127.0.0.1", "port": str(port)}}
        second = case.start(*NONE, "-netdev", json.dumps(netdev))
        event = first.qmp.wait_event("NETDEV_STREAM_CONNECTED")["data"]
        assert event["addr"]["host"] == "127.0.0.1", event
        wait_until(lambda: f"tcp:127.0.0.1:{port}" in second.qmp.human("info network"), "the connection")  # noqa: B023
        second.end()
        first.qmp.wait_event("NETDEV_STREAM_DISCONNECTED")


def test_descriptors_that_clients_hand_over(case):
    """getfd and a name; a number from the command line; what is refused is closed."""
    machine = case.start(*NONE)
    client = machine.qmp
    ours, theirs = socket.socketpair()
    client.run("getfd", {"fdname": "wire"}, fds=[theirs.fileno()])
    theirs.close()
    client.run("netdev_add", {"type": "socket", "id": "n", "fd": "wire"})
    ours.sendall(framed(FRAME))
    expect_error(lambda: client.run("closefd", {"fdname": "wire"}), "GenericError", "'wire' has not been found")
    client.run("netdev_del", {"id": "n"})
    assert ours.recv(1) == b""
    with open("/dev/null", "rb") as null:
        client.run("getfd", {"fdname": "null"}, fds=[null.fileno()])
    count = len(os.listdir(f"/proc/{machine.process.pid}/fd"))
    expect_error(lambda: client.run("netdev_add", {"type": "tap", "id": "n", "fd": "null"}), "GenericError",
                 "is not a tap interface's")
    assert len(os.listdir(f"/proc/{machine.process.pid}/fd")) == count - 1


def test_links_filters_announcements(case):
    """set_link on netdevs, query-rx-filter's three refusals, announce-self with nobody to announce."""
    client = case.start(*NONE, "-netdev", "socket,id=n,listen=127.0.0.1:0").qmp
    client.run("set_link", {"name": "n", "up": False})
    assert client.human("info network").endswith(",link=off\n")
    client.run("set_link", {"name": "n", "up": True})
    assert "link=off" not in client.human("info network")
    expect_error(lambda: client.run("set_link", {"name": "x", "up": True}), "DeviceNotFound",
                 "^Device 'x' not found$")
    assert client.run("query-rx-filter") == []
    expect_error(lambda: client.run("query-rx-filter", {"name": "n"}), "GenericError",
                 r"^net client\(n\) isn't a NIC$")
    expect_error(lambda: client.run("query-rx-filter", {"name": "x"}), "GenericError", "^invalid net client name: x$")
    client.run("announce-self", {"initial": 1, "max": 2, "rounds": 3, "step": 1, "interfaces": ["x"]})
    expect_error(lambda: client.run("announce-self", {"initial": 1, "max": 2, "rounds": 0, "step": 1}), "GenericError",
                 "^Parameter 'rounds' expects a value between 1 and 1000$")


def test_people_have_the_same(case):
    """netdev_add, set_link, announce_self, netdev_del of HMP."""
    client = case.start(*NONE).qmp
    assert client.human("netdev_add socket,id=n,listen=127.0.0.1:0") == ""
    assert client.human("netdev_add socket,id=n,listen=127.0.0.1:0") == "Error: Duplicate ID 'n' for netdev\n"
    assert client.human("netdev_add socket,id=m,fd=name").startswith("Error: ")
    assert client.human("set_link n off") == "" and "link=off" in client.human("info network")
    assert client.human("announce_self") == ""
    assert client.human("netdev_del n") == ""
    assert client.human("netdev_del n") == "Error: Device 'n' not found\n"
    assert client.human("hostfwd_add tcp::1-:1") == "Error: user mode network stack not in use\n"


def test_ports_are_forwarded(case):
    """hostfwd= listens; hostfwd_add and hostfwd_remove; info usernet; netdev_del closes all of it."""
    if not has_user(case):
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = case.start(*NONE, "-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22,hostfwd=udp:127.0.0.1:0-:53").qmp

    def listens():
        with socket.socket() as peer:
            return peer.connect_ex(("127.0.0.1", port)) == 0

    assert listens() and client.human("info network") == "n: index=0,type=user,net=10.0.2.0,restrict=off\n"
    text = client.human("info usernet")
    assert text.startswith("n:") and "TCP[HOST_FORWARD]" in text and "UDP[HOST_FORWARD]" in text, text
    assert client.human(f"hostfwd_remove n tcp:127.0.0.1:{port}") == \
        f"host forwarding rule for tcp:127.0.0.1:{port} removed\n"
    assert not listens()
    assert client.human(f"hostfwd_add tcp:127.0.0.1:{port}-:80") == "" and listens()
    assert client.human(f"hostfwd_add x tcp:127.0.0.1:{port}-:80") == "Error: unrecognized netdev id 'x'\n"
    client.run("netdev_del", {"id": "n"})
    assert not listens() and client.human("info usernet") == ""


if __name__ == "__main__":
    sys.exit(main(dict(globals())))
