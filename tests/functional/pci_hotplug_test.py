"""PCI devices come and go while a stock kernel runs, through ACPI.

SPDX-License-Identifier: GPL-2.0-or-later
"""

from harness import SMALL_SYSTEM, case
from qmp_client import Client

PLACE = "/sys/bus/pci/devices/0000:00:09.0"
UNTIL = "for i in $(seq 300); do {0} && break; sleep 0.1; done; {0}"


@case(assets=SMALL_SYSTEM, cost=60)
def test_stock_kernel_takes_and_ejects_a_pci_device(context):
    """device_add: the kernel gives its BAR an address; device_del: it ejects it; twice; what was there stays."""
    path = context.scratch / "qmp"
    arguments = [*context.small_system(), "-qmp", f"unix:{path},server=on,wait=off"]
    with context.machine(arguments) as machine:
        machine.login()
        client = Client(path)
        before = machine.check("ls /sys/bus/pci/devices")
        for turn in range(2):
            client.run("device_add", {"driver": "xen-pvdevice", "device-id": 0xc000, "id": f"pv{turn}", "addr": "9"})
            machine.check(UNTIL.format(f"test -e {PLACE}"), 60)
            assert machine.check(f"cat {PLACE}/vendor {PLACE}/device").split() == ["0x5853", "0xc000"]
            start, end, _ = machine.check(f"sed -n 2p {PLACE}/resource").split()
            assert 0 < int(start, 16) < int(end, 16), (start, end)
            client.run("device_del", {"id": f"pv{turn}"})
            machine.check(UNTIL.format(f"test ! -e {PLACE}"), 60)
            client.run("query-status")
            gone = [event["data"]["device"] for event in client.events if event["event"] == "DEVICE_DELETED"]
            assert gone[-1:] == [f"pv{turn}"], client.events
        assert machine.check("ls /sys/bus/pci/devices") == before
        machine.power_off()
