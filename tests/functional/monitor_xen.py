#!/usr/bin/python3
"""What monitors show of a Xen guest and do to it: the domain, event channels, the store, the balloon.

Needs a /dev/kvm that takes xen-version=; any will do, Linux is not run. Prints TAP; without one it skips. Arguments:
the binary, and parts of the names of the cases to run (none: all).

SPDX-License-Identifier: GPL-2.0-or-later
"""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from monitor_case import MEBIBYTE, NONE, PC, expect_error, main, wait_until  # noqa: E402
from qmp_client import TIME_LIMIT, Schema  # noqa: E402

XEN = ["-accel", "kvm,xen-version=0x40011", "-machine", "pc", "-m", "64", "-smp", "2", "-nodefaults",
       "-display", "none"]
STOPPED = [*XEN, "-S"]


def guest(case, name):
    """The options that start one of tests/guest's kernels."""
    return ["-kernel", str(pathlib.Path(case.binary).parent / "tests/guest" / f"{name}-64.elf")]


def hmp(client, line):
    """A line of the other monitor."""
    return client.run("human-monitor-command", {"command-line": line})


def test_domain_is_described(case):
    """query-xen fits its schema and tells the command line's settings; info xen says the same."""
    client = case.start(*STOPPED).qmp
    schema = Schema(client.run("query-qmp-schema"))
    info = client.run("query-xen")
    schema.check(schema.of_kind("command")["query-xen"]["ret-type"], info, "query-xen")
    assert (info["domain-id"], info["version"], info["guest-bits"]) == (1, "4.17", 64), info
    assert (info["host"], info["transport"]) in [("kernel", "kvm-exit"), ("user", "io-port")], info
    assert info["memory"] == {"actual": 64 * MEBIBYTE, "maximum": 64 * MEBIBYTE, "target": 64 * MEBIBYTE}, info
    quotas = {quota["name"]: quota for quota in info["store-quotas"]}
    assert quotas["nodes"]["limit"] == 1000 and quotas["watches"]["used"] == 0 and "used" not in quotas["node-size"]
    assert info["event-channels"] == {"abi": "2-level", "limit": 4096, "open": 2}, info
    assert [(port["type"], port["remote-domain"]) for port in info["ports"]] == [("interdomain", "qemu")] * 2, info
    text = hmp(client, "info xen")
    assert "domain 1, Xen 4.17, 64-bit guest" in text and "memory: 65536 of 65536 KiB, target 65536" in text, text


def test_hypercalls_of_a_guest_are_counted(case):
    """By number and name, and no others."""
    client = case.start(*XEN, *guest(case, "evtchn_ports")).qmp

    def counts():
        return {row["number"]: row for row in client.run("query-xen")["hypercalls"]}

    wait_until(lambda: counts().get(32, {}).get("count", 0) > 100, "event channel calls")
    assert counts()[32]["name"] == "event_channel_op" and 29 not in counts(), counts()
    client.run("stop")
    before = counts()
    assert counts() == before


def test_events_are_listed_and_injected(case):
    """A port of the store is raised; what nobody can send to is refused."""
    client = case.start(*STOPPED).qmp
    schema = Schema(client.run("query-qmp-schema"))
    ports = client.run("xen-event-list")
    schema.check(schema.of_kind("command")["xen-event-list"]["ret-type"], ports, "xen-event-list")
    port = ports[0]["port"]
    assert not ports[0]["pending"], ports
    client.run("xen-event-inject", {"port": port})
    assert client.run("xen-event-list")[0]["pending"]
    assert re.search(rf"port +{port}: vcpu: 0 interdomain \(qemu:\d+\) PENDING", hmp(client, "xen-event-list"))
    for wrong in [0, ports[-1]["port"] + 1, 4096, 1 << 32, -1]:
        expect_error(lambda: client.run("xen-event-inject", {"port": wrong}), "GenericError",  # noqa: B023
                     f"Failed to set port {wrong}: ")
    assert "Failed to set port 99" in hmp(client, "xen-event-inject 99")
    assert f"Delivered port {port}" in hmp(client, f"xen-event-inject {port}")


def test_store_is_read_and_written(case):
    """As domain 0: text and bytes, lists, removal; the store's own errors."""
    client = case.start(*STOPPED).qmp
    home = "/local/domain/1"
    assert client.run("xenstore-read", {"path": f"{home}/memory/target"}) == "65536"
    assert "memory" in client.run("xenstore-list", {"path": home})
    client.run("xenstore-write", {"path": f"{home}/data/a", "data": "h\u00e4llo"})
    assert client.run("xenstore-read", {"path": f"{home}/data/a"}) == "h\u00e4llo"
    client.run("xenstore-write", {"path": f"{home}/data/b", "data": "AAH/", "format": "base64"})
    assert client.run("xenstore-read", {"path": f"{home}/data/b", "format": "base64"}) == "AAH/"
    assert client.run("xenstore-list", {"path": f"{home}/data"}) == ["a", "b"]
    assert hmp(client, f"xenstore-read {home}/data/a") == "h\u00e4llo\r\n"
    assert hmp(client, f"xenstore-list {home}/data") == "a\r\nb\r\n"
    client.run("xenstore-rm", {"path": f"{home}/data/a"})
    expect_error(lambda: client.run("xenstore-read", {"path": f"{home}/data/a"}), "GenericError",
                 "No such file or directory")
    expect_error(lambda: client.run("xenstore-list", {"path": f"{home}/none"}), "GenericError",
                 "No such file or directory")
    expect_error(lambda: client.run("xenstore-write", {"path": "//", "data": ""}), "GenericError", "Invalid argument")
    expect_error(lambda: client.run("xenstore-write", {"path": "/x", "data": "!", "format": "base64"}), "GenericError",
                 "Parameter 'data' is not valid base64")


def test_balloon(case):
    """balloon writes the guest's target; query-balloon tells what the guest has."""
    client = case.start(*STOPPED).qmp
    target = {"path": "/local/domain/1/memory/target"}
    assert client.run("query-balloon") == {"actual": 64 * MEBIBYTE}
    client.run("balloon", {"value": 32 * MEBIBYTE})
    assert client.run("xenstore-read", target) == str(32 * 1024)
    assert client.run("query-balloon") == {"actual": 64 * MEBIBYTE}
    client.run("balloon", {"value": 1 << 50})
    assert client.run("xenstore-read", target) == str(64 * 1024)
    for wrong in [0, -1]:
        expect_error(lambda: client.run("balloon", {"value": wrong}), "GenericError",  # noqa: B023
                     "Parameter 'target' expects a size")
    hmp(client, "balloon 48")
    assert client.run("xenstore-read", target) == str(48 * 1024)
    assert hmp(client, "info balloon") == "balloon: actual=64\r\n"


def test_balloon_change_is_told(case):
    """A guest that gives frames back and takes them again is seen to."""
    client = case.start(*XEN, *guest(case, "memory_balloon")).qmp
    event = client.wait_event("BALLOON_CHANGE", TIME_LIMIT)
    assert event["data"]["actual"] < 64 * MEBIBYTE or client.run("query-balloon")["actual"] <= 64 * MEBIBYTE, event


def test_statistics_of_kvm(case):
    """query-stats and its schemas, where KVM has them: both fit, names can be chosen, a vCPU too."""
    client = case.start(*STOPPED).qmp
    schema = Schema(client.run("query-qmp-schema"))
    described = client.run("query-stats-schemas")
    schema.check(schema.of_kind("command")["query-stats-schemas"]["ret-type"], described, "query-stats-schemas")
    if not described:
        return
    assert [entry["target"] for entry in described] == ["vm", "vcpu"], described
    results = client.run("query-stats", {"target": "vcpu"})
    schema.check(schema.of_kind("command")["query-stats"]["ret-type"], results, "query-stats")
    paths = [cpu["qom-path"] for cpu in client.run("query-cpus-fast")]
    assert [entry["qom-path"] for entry in results] == paths
    for entry in results:
        assert [stat["name"] for stat in entry["stats"]] == [stat["name"] for stat in described[1]["stats"]]
    request = {"target": "vcpu", "vcpus": [paths[1]], "providers": [{"provider": "kvm", "names": ["exits", "no such"]}]}
    one = client.run("query-stats", request)
    assert [(entry["qom-path"], [stat["name"] for stat in entry["stats"]]) for entry in one] == [(paths[1], ["exits"])]
    assert client.run("query-stats", {"target": "vm", "providers": []}) == []
    expect_error(lambda: client.run("query-stats", {"target": "disk"}), "GenericError", "does not accept value 'disk'")
    assert hmp(client, "info stats vcpu").startswith(f"provider: kvm {paths[0]}")


def refuses_everything(client):
    """Each command has its own clear answer where there is no Xen."""
    for name, arguments in [("query-xen", {}), ("xen-event-list", {}), ("xen-event-inject", {"port": 1}),
                            ("xenstore-read", {"path": "/"}), ("xenstore-write", {"path": "/", "data": ""}),
                            ("xenstore-list", {"path": "/"}), ("xenstore-rm", {"path": "/"})]:
        expect_error(lambda: client.run(name, arguments), "GenericError", "Xen .*not enabled")  # noqa: B023
    for name, arguments in [("query-balloon", {}), ("balloon", {"value": MEBIBYTE})]:
        expect_error(lambda: client.run(name, arguments), "DeviceNotActive", "No balloon")  # noqa: B023


def test_a_pc_without_xen_says_so(case):
    """The board is there, the domain is not."""
    refuses_everything(case.start(*PC).qmp)


def test_no_machine_says_so(case):
    """Not even a board."""
    refuses_everything(case.start(*NONE).qmp)


def has_xen(binary):
    """Whether this host's KVM runs a Xen machine, for a moment."""
    done = subprocess.run([binary, *STOPPED, "-monitor", "stdio"], input="quit\n", capture_output=True, text=True,
                          timeout=TIME_LIMIT, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    if not has_xen(sys.argv[1]):
        print("1..0 # SKIP no /dev/kvm that takes xen-version=")
        sys.exit(0)
    sys.exit(main(globals()))
