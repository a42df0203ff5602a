"""Xen's console on stock Linux: hvc0 as the guest's console, further ones, and one that nobody reads.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import hashlib

import qmp_client
from harness import case
from vmm import PROMPT
from xen_control_test import BEAT, suspend
from xen_guest import ASSETS, GUESTS, check_facts, check_store, guest, joined

HVC = "console=ttyS0 console=hvc0 quiet panic=-1"
ON_STDIO = ["-chardev", "stdio,id=console", "-device", "xen-console,chardev=console"]
LINES = 3000


def console_guest(context, arguments=(), **options):
    """A guest whose console and shell are on hvc0, which is the test's."""
    return guest(context, arguments=[*ON_STDIO, *arguments], console=options.pop("console", HVC), serial="none",
                 **options)


def check_console(machine):
    """The shell is on hvc0; much output and long input come whole."""
    assert machine.check("tty") == "/dev/hvc0"
    assert machine.check("cat /sys/class/tty/console/active").split()[-1] == "hvc0"
    said = machine.check(f"seq 1 {LINES}", 200).split()
    assert said == [str(number) for number in range(1, LINES + 1)], f"{len(said)} of {LINES} lines"
    words = "granite" * 400 + "\n"  # more than the ring holds, less than a line of a terminal may be
    machine.send(f"head -n 1 | md5sum\n{words}")
    assert machine.expect(r"([0-9a-f]{32})  -$")[1] == hashlib.md5(words.encode()).hexdigest()
    machine.expect(f"^{PROMPT}")


def check_nodes(machine):
    """The primary console's nodes are as libxl makes them."""
    def read(name):
        return machine.store("read", machine.domain(f"console/{name}"))

    assert read("ring-ref") == str(0xFEFF8)
    assert int(read("port")) > 0
    assert (read("type"), read("limit"), read("output")) == ("xenconsoled", "1048576", "pty")
    backend = read("backend")
    assert backend == "/local/domain/0/backend/console/1/0"
    assert machine.store("read", f"{backend}/frontend") == machine.domain("console")
    status, _ = machine.run("xenstore-write console/port 7 2> /dev/null")
    assert status != 0, "the guest could write console/port"


@case(assets=ASSETS[64], cost=60)
def test_hvc0_is_console_in_and_out_from_early_boot_over_suspend(context):
    """console=hvc0 earlyprintk=xen; the first lines go to the log of console_io."""
    log = context.results / "xen.log"
    with console_guest(context, ["-d", "guest_errors", "-D", log], append="loglevel=7 earlyprintk=xen") as machine:
        machine.expect_shell()
        machine.check("dmesg -n 1")
        assert "console [hvc0] enabled" in machine.text, "hvc0 does not begin with itself"
        assert "bootconsole [xenboot0] enabled" in machine.check("dmesg | grep bootconsole")
        assert "Kernel command line:" in log.read_text(errors="replace"), "nothing came by console_io before hvc0"
        check_facts(machine.facts(), 1)
        check_nodes(machine)
        check_console(machine)
        machine.check("xenstore-write data/beat 0")
        machine.check(BEAT)
        suspend(machine, 1)
        check_console(machine)
        machine.power_off()


@case(assets=(*ASSETS[64], "xen-kexec"), cost=120, full=True)
def test_hvc0_goes_on_over_kexec_and_reboot(context):
    """Soft reset, machine reset; each kernel has it anew."""
    with console_guest(context, initrd=joined(context, GUESTS[64][1], "xen-kexec")) as machine:
        machine.expect_shell()
        machine.check("kexec -l /boot/vmlinuz --initrd=/boot/initrd --command-line="
                      f"'{HVC} second.kernel=yes'", 300)
        machine.send("kexec -e\n")
        machine.expect_shell()
        assert "second.kernel=yes" in machine.check("cat /proc/cmdline")
        check_console(machine)
        check_nodes(machine)
        machine.send("reboot\n")
        machine.expect_shell()
        check_console(machine)
        check_nodes(machine)
        machine.power_off()


@case(assets=ASSETS[32], cost=60, full=True)
def test_hvc0_is_the_console_of_a_32_bit_guest(context):
    """Debian's 686-pae kernel."""
    with console_guest(context, bits=32) as machine:
        machine.expect_shell()
        check_console(machine)
        check_store(machine)
        machine.power_off()


def read_all(connection, wanted, timeout=60):
    """What comes on CONNECTION until WANTED is in it."""
    text = b""
    connection.settimeout(timeout)
    while wanted not in text:
        piece = connection.recv(65536)
        assert piece, f"the console's socket ended after {text!r}"
        text += piece
    return text


def check_further(machine, connection, index):
    """The guest's hvcN and the host's CONNECTION hear each other."""
    device = f"/dev/hvc{index}"
    machine.check(f"for i in $(seq 60); do [ -c {device} ] && break; sleep 0.5; done; [ -c {device} ]")
    # one process keeps it open: the last close would take its settings back
    machine.check(f"exec 7<> {device} && stty raw -echo < {device}")
    # The guest waits for who reads here: a socket holds a few hundred small pieces.
    machine.send(f"seq 1 {LINES} >&7; echo the end >&7\n")
    lines = read_all(connection, b"the end").replace(b"\r", b"").split(b"\n")[:LINES]
    machine.check("true", 200)
    assert lines == [str(number).encode() for number in range(1, LINES + 1)], f"{len(lines)} lines"
    words = b"host says " * 500
    machine.check(f"head -c {len(words)} <&7 > /tmp/heard & sleep 0.5")
    connection.sendall(words)
    machine.check("wait", 200)
    assert machine.check("md5sum < /tmp/heard").split()[0] == hashlib.md5(words).hexdigest()
    machine.check("exec 7>&-")


def is_there(machine, index):
    """Whether console INDEX has its area in the store, as the host sees it."""
    return str(index) in machine.store("list", machine.domain("device/console")).split()


@case(assets=ASSETS[64], cost=80, full=True)
def test_further_consoles_come_and_go_while_nobody_reads_hvc0(context):
    """hvc0 without a device drops what comes; xen-console idx=1 from the start; idx=2 added and taken away."""
    def socket(name):
        return ["-chardev", f"socket,id={name},path={context.scratch / name},server=on,wait=off"]

    arguments = [*socket("one"), *socket("two"), "-device", "xen-console,chardev=one,idx=1", "-qmp",
                 f"unix:{context.scratch / 'qmp'},server=on,wait=off"]
    console = "console=hvc0 console=ttyS0,115200 quiet panic=-1"
    with guest(context, arguments=arguments, console=console) as machine:
        machine.expect_shell()
        machine.check(f"seq 1 {LINES} > /dev/hvc0")
        check_further(machine, qmp_client.connect(context.scratch / "one"), 1)
        monitor = qmp_client.Client(context.scratch / "qmp")
        for _ in range(2):
            monitor.execute("device_add", driver="xen-console", chardev="two", idx=2, id="hot")
            second = qmp_client.connect(context.scratch / "two")
            check_further(machine, second, 2)
            monitor.execute("device_del", id="hot")
            machine.wait_for("hvc2's end", lambda: not is_there(machine, 2), 30)
            second.close()
        monitor.execute("device_add", driver="xen-console", chardev="two", id="primary")
        second = qmp_client.connect(context.scratch / "two")
        machine.settle(0.5)
        machine.check("echo to the primary > /dev/hvc0")
        read_all(second, b"to the primary")
        machine.power_off()
