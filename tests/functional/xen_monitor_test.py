"""What the monitors show of a stock kernel as Xen guest, and its balloon by QMP.

SPDX-License-Identifier: GPL-2.0-or-later
"""

from harness import case
from qmp_client import Client
from xen_guest import ASSETS, guest

MEBIBYTE = 1 << 20


def balloon_to(machine, client, mebibytes):
    """Ask for so much memory; returns when the guest has come within 1 MiB of it."""
    client.run("balloon", {"value": mebibytes * MEBIBYTE})
    machine.wait_for(f"balloon at {mebibytes} MiB", lambda: abs(
        client.run("query-balloon")["actual"] - mebibytes * MEBIBYTE) <= MEBIBYTE)


@case(assets=ASSETS[64], cost=60)
def test_monitor_shows_the_guest_and_moves_its_balloon(context):
    """query-xen has the kernel's ports and hypercalls; balloon goes down and up, and events tell of it."""
    path = context.scratch / "qmp"
    machine = guest(context)
    machine.command += ["-qmp", f"unix:{path},server=on,wait=off"]
    with machine:
        machine.expect_shell()
        client = Client(path)
        info = client.run("query-xen")
        assert info["event-channels"]["abi"] == "fifo" and info["guest-bits"] == 64, info
        assert {"interdomain", "virq", "ipi"} <= {port["type"] for port in info["ports"]}, info["ports"]
        counts = {row.get("name"): row["count"] for row in info["hypercalls"]}
        assert counts["event_channel_op"] > 10 and counts["memory_op"] > 0 and counts["vcpu_op"] > 0, counts
        used = {quota["name"]: quota.get("used") for quota in info["store-quotas"]}
        assert used["nodes"] > 10 and used["watches"] > 0, used
        assert client.run("query-balloon") == {"actual": 256 * MEBIBYTE}
        balloon_to(machine, client, 192)
        assert machine.check("cat /sys/devices/system/xen_memory/xen_memory0/target_kb")
        balloon_to(machine, client, 256)
        told = [event["data"]["actual"] for event in client.events if event["event"] == "BALLOON_CHANGE"]
        assert told and min(told) < 256 * MEBIBYTE, client.events
        machine.power_off()
    context.note(f"{info['event-channels']['open']} ports, hypercalls {counts}")
