"""A stock kernel's PV network adapter: frames both ways through the user network, queues, plugging.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import hashlib
import os
import socket
import threading

from harness import case
from qmp_client import Client
from trips import Trip, journey
from xen_guest import ASSETS, guest, joined

NEEDED = (*ASSETS[64], "net-job")
MAC = "52:54:00:ab:cd:01"
SIZE = 2 << 20
FORWARDED = 5555
SERVED = 7777
# A place on PCI is what libvirt gives every adapter; this one does not take it.
NETWORK = ["-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{FORWARDED}-:{SERVED}",
           "-device", f"xen-net-device,netdev=n0,id=net0,mac={MAC},bus=pci.0,addr=0x2"]
COMPLAINTS = "xen_netfront.*(error|fail|bad|invalid)|eth0.*(error|fail|timed out)|WARNING: CPU|BUG:"


class Server:
    """A TCP server on the host, for one connection: sends DATA, or takes what comes if that is None."""

    def __init__(self, data):
        self.data, self.taken = data, b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        connection, _ = self.socket.accept()
        with connection:
            if self.data is not None:
                connection.sendall(self.data)
                return
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
            self.taken = b"".join(parts)

    def finish(self):
        """Wait until the connection is over; what came."""
        self.thread.join(60)
        assert not self.thread.is_alive(), "the connection does not end"
        self.socket.close()
        return self.taken


def bare_guest(context, arguments, **options):
    """A guest with the driver in its initial file system."""
    return guest(context, initrd=joined(context, "xen-initrd", "net-job"), socket=False, arguments=arguments, **options)


def net_guest(context, *arguments, cpus=1):
    """The same with a monitor."""
    monitor = ["-qmp", f"unix:{context.scratch / 'qmp'},server=on,wait=off"]
    return bare_guest(context, [*monitor, *arguments], cpus=cpus)


def sha(data):
    """The hash as the guest prints it."""
    return hashlib.sha256(data).hexdigest()


def transfer(machine, size=SIZE):
    """SIZE random bytes to the guest, back to the host, and out of a server in the guest."""
    data = os.urandom(size)
    server = Server(data)
    machine.check(f"nc 10.0.2.2 {server.port} < /dev/null > /tmp/got", 300)
    server.finish()
    assert machine.check("sha256sum < /tmp/got").split()[0] == sha(data), "what the guest got"
    server = Server(None)
    machine.check(f"nc 10.0.2.2 {server.port} < /tmp/got > /dev/null", 300)
    assert sha(server.finish()) == sha(data), "what the guest sent"
    # with echo off, busybox takes the end of a child for the end of its input: so the child stays
    machine.check(f"(nc -l -p {SERVED} < /tmp/got > /dev/null; sleep 1000) & sleep 0.5; true")
    with socket.create_connection(("127.0.0.1", FORWARDED), 60) as connection:
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    assert sha(b"".join(parts)) == sha(data), "what came through hostfwd"


def check_clean(machine):
    """Neither the kernel nor the store has a complaint about the adapter."""
    said = machine.check(f"dmesg | grep -i -E '{COMPLAINTS}' | grep -v fpu__init_system_xstate || true")
    assert said == "", said
    status, _ = machine.run("xenstore-read error/device/vif/0/error 2> /dev/null")
    assert status != 0, "an error of the adapter is in the store"


def adapter_works(context, cpus):
    """One adapter on the user network."""
    with net_guest(context, *NETWORK, cpus=cpus) as machine:
        machine.expect_shell(200)
        machine.check("/job/run 10.0.2.15", 60)
        assert machine.check("cat /sys/class/net/eth0/address") == MAC
        assert machine.check("ls /sys/class/net/eth0/queues | grep -c tx") == str(cpus)
        machine.check("ping -c 2 -w 10 10.0.2.2")
        transfer(machine)
        check_clean(machine)
        said = Client(context.scratch / "qmp").human("info network")
        assert MAC in said and "type=user" in said, said
        counts = machine.check("cd /sys/class/net/eth0/statistics; cat rx_packets tx_packets rx_errors").split()
        context.note(f"{cpus} vCPU, frames received, sent, faulty: {' '.join(counts)}")
        assert counts[2] == "0"
        machine.power_off()


@case(assets=NEEDED, cost=60)
def test_stock_kernel_sends_and_receives_by_the_pv_adapter(context):
    """One vCPU, one queue."""
    adapter_works(context, 1)


@case(assets=NEEDED, cost=70)
def test_adapter_has_a_queue_for_each_cpu(context):
    """Two vCPUs, two queues."""
    adapter_works(context, 2)


@case(assets=NEEDED, cost=60)
def test_adapter_is_plugged_and_unplugged_and_its_netdev_goes(context):
    """netdev_add, device_add; set_link; device_del, netdev_del; again."""
    with net_guest(context) as machine:
        machine.expect_shell(200)
        machine.check("insmod /job/xen-netfront.ko")
        qmp = Client(context.scratch / "qmp")
        for turn in range(2):
            qmp.run("netdev_add", {"type": "user", "id": "n0"})
            qmp.run("device_add", {"driver": "xen-net-device", "id": "net0", "netdev": "n0"})
            machine.check("for i in $(seq 100); do [ -e /sys/class/net/eth0 ] && break; sleep 0.1; done")
            machine.check("ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up && ping -c 1 -w 10 10.0.2.2")
            if turn == 0:
                qmp.run("set_link", {"name": "net0", "up": False})
                assert machine.run("ping -c 1 -w 2 10.0.2.2 > /dev/null")[0] != 0, "frames pass a link that is down"
                qmp.run("set_link", {"name": "net0", "up": True})
                machine.check("ping -c 1 -w 10 10.0.2.2")
            qmp.run("device_del", {"id": "net0"})
            machine.check("for i in $(seq 100); do [ -e /sys/class/net/eth0 ] || break; sleep 0.1; done; "
                          "[ ! -e /sys/class/net/eth0 ]")
            qmp.wait_event("DEVICE_DELETED", 60)
            qmp.run("netdev_del", {"id": "n0"})
        machine.power_off()


@case(assets=NEEDED, cost=70)
def test_adapter_goes_on_in_another_process(context):
    """Saved and restored, on the other kind of host where there is one and back; two queues."""
    route = journey(3)
    with Trip(context, lambda accel: bare_guest(context, NETWORK, cpus=2, accel=accel)) as trip:
        machine = trip.begin(route[0])
        machine.expect_shell(200)
        machine.check("/job/run 10.0.2.15", 60)
        machine.check("ping -c 1 -w 10 10.0.2.2")
        machine = trip.save_and_restore(route[1])
        machine.check("ping -c 1 -w 10 10.0.2.2")
        transfer(machine, SIZE // 4)
        machine = trip.save_and_restore(route[2])
        machine.check("ping -c 1 -w 10 10.0.2.2")
        check_clean(machine)
        machine.power_off()
