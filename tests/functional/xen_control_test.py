"""What the host asks of a running Xen guest through the store: memory, suspend, sysrq; and kexec inside.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import time

from harness import case
from xen_guest import ASSETS, CONSOLE, GUESTS, check_facts, check_store, guest, joined

BALLOON_KIB = 64 << 10
FILL_MIB = 100


def memory_kib(machine):
    """The guest's MemTotal, and what its balloon driver says."""
    total, balloon = machine.check(
        "awk '/MemTotal/ {print $2}' /proc/meminfo; cat /sys/devices/system/xen_memory/xen_memory0/info/current_kb"
    ).split()
    return int(total), int(balloon)


def set_target(machine, kib, expected):
    """Give the guest another memory target; wait until its balloon has come to EXPECTED KiB."""
    machine.store("write", machine.domain("memory/target"), str(kib))
    machine.wait_for(f"memory target {kib} KiB", lambda: memory_kib(machine)[1] == expected)


def fill_memory(machine):
    """Have the guest touch much of its memory once."""
    machine.check(f"dd if=/dev/zero of=/tmp/fill bs=1M count={FILL_MIB} 2> /dev/null && rm /tmp/fill", 300)


@case(assets=ASSETS[64], cost=60)
def test_balloon_gives_memory_back_to_the_host_and_takes_it_again(context):
    """memory/target down and up: guest and host process follow."""
    with guest(context) as machine:
        machine.expect_shell()
        fill_memory(machine)
        base = int(machine.store("read", machine.domain("memory/target")))
        total, balloon = memory_kib(machine)
        resident = machine.resident_kib()
        set_target(machine, base - BALLOON_KIB, balloon - BALLOON_KIB)
        less, _ = memory_kib(machine)
        assert total - less == BALLOON_KIB, f"MemTotal went from {total} to {less} KiB"
        gone = resident - machine.resident_kib()
        assert gone > BALLOON_KIB * 3 // 4, f"the host got {gone} KiB of {BALLOON_KIB} back"
        set_target(machine, base, balloon)
        again, _ = memory_kib(machine)
        assert again == total, f"MemTotal was {total} KiB, is {again}"
        fill_memory(machine)
        assert machine.resident_kib() > resident - BALLOON_KIB // 4, "the memory is not there again"
        check_store(machine)
        machine.power_off()
    context.note(f"resident {resident} KiB, {gone} KiB less with the balloon at {BALLOON_KIB} KiB")


def uptime(machine):
    """The guest's uptime."""
    return float(machine.check("cut -d' ' -f1 /proc/uptime"))


# The guest says in the store how often it has come back: that needs neither its console nor its shell.
BEAT = ("(while sleep 0.5; do xenstore-write data/beat \"$(dmesg | grep -c 'Restarting tasks') "
        "$(cut -d' ' -f1 /proc/uptime)\"; done) > /dev/null 2>&1 & true")


def suspend(machine, number):
    """Suspend the guest through the store; it goes on at once, for the NUMBERth time."""
    machine.store("write", machine.domain("control/shutdown"), "suspend")
    end = time.monotonic() + 60
    while True:
        machine.settle(0.5)
        beat = machine.store("read", machine.domain("data/beat"))
        if beat.split()[0] == str(number):
            break
        if time.monotonic() > end:
            request = machine.store("read", machine.domain("control/shutdown"))
            machine.fail(f"no resume within 60 s: last beat '{beat}', control/shutdown '{request}'")
    assert machine.store("read", machine.domain("control/shutdown")) == ""
    assert machine.check("echo alive") == "alive"


def suspend_twice(context, cpus, bits=64):
    """Suspend and resume in place two times; clock, events, console and store go on."""
    with guest(context, bits, cpus=cpus) as machine:
        machine.expect_shell()
        machine.check("xenstore-write data/beat 0")
        machine.check(BEAT)
        started, guest_started = time.monotonic(), uptime(machine)
        for number in (1, 2):
            suspend(machine, number)
        passed = uptime(machine) - guest_started
        elapsed = time.monotonic() - started
        # Resume may leave out the time of the suspend itself, which is short.
        assert elapsed - 5 < passed < elapsed + 0.5, f"{passed} s of uptime in {elapsed:.1f} s"
        check_facts(machine.facts(), cpus)
        check_store(machine)
        machine.power_off()


@case(assets=ASSETS[64], cost=50)
def test_suspend_and_resume_in_place(context):
    """control/shutdown=suspend, twice."""
    suspend_twice(context, 1)


@case(assets=ASSETS[64], cost=70, full=True)
def test_suspend_and_resume_in_place_with_two_cpus(context):
    """The second vCPU's info, timer and interprocessor interrupts come back."""
    suspend_twice(context, 2)


@case(assets=ASSETS[32], cost=70, full=True)
def test_suspend_and_resume_in_place_in_a_32_bit_guest(context):
    """32 bits, two vCPUs."""
    suspend_twice(context, 2, 32)


@case(assets=ASSETS[64], cost=80, full=True)
def test_sysrq_reboot_and_halt_are_asked_for_through_the_store(context):
    """control/sysrq prints what it should; control/shutdown=reboot reboots; =halt ends the machine."""
    with guest(context) as machine:
        machine.expect_shell()
        machine.check("echo 1 > /proc/sys/kernel/sysrq")
        machine.store("write", machine.domain("control/sysrq"), "h")
        machine.wait_for("sysrq", lambda: machine.check("dmesg | grep -c 'sysrq: HELP' || true") == "1")
        machine.store("write", machine.domain("control/shutdown"), "reboot")
        machine.expect_shell()
        check_facts(machine.facts(), 1)
        check_store(machine)
        machine.store("write", machine.domain("control/shutdown"), "halt")
        machine.must_end()


def kexec(context, bits, cpus=1, append=""):
    """Start the same kernel from the running one; Xen and its store are new to it."""
    initrd = joined(context, GUESTS[bits][1], "xen-kexec" if bits == 64 else "xen-kexec-686")
    with guest(context, bits, append, initrd=initrd, cpus=cpus) as machine:
        machine.expect_shell()
        machine.check("xenstore-write data/before kexec")
        command = f"{CONSOLE} {append} second.kernel=yes".replace("  ", " ")
        machine.check(f"kexec -l /boot/vmlinuz --initrd=/boot/initrd --command-line='{command}'", 300)
        machine.send("kexec -e\n")
        machine.expect_shell()
        assert "second.kernel=yes" in machine.check("cat /proc/cmdline")
        check_facts(machine.facts(), cpus, vector="no_vector" not in append)
        check_store(machine)
        assert machine.check("xenstore-read data/before") == "kexec"
        machine.store("write", machine.domain("control/shutdown"), "poweroff")
        machine.must_end()


@case(assets=(*ASSETS[64], "xen-kexec"), cost=70)
def test_kexec_from_xen_guest_into_xen_guest(context):
    """Soft reset, then the same 64-bit kernel again."""
    kexec(context, 64)


@case(assets=(*ASSETS[64], "xen-kexec"), cost=90, full=True)
def test_kexec_with_two_cpus(context):
    """The second vCPU is started anew."""
    kexec(context, 64, cpus=2)


@case(assets=(*ASSETS[64], "xen-kexec"), cost=70, full=True)
def test_kexec_with_events_by_the_platform_device(context):
    """xen_no_vector_callback in both kernels."""
    kexec(context, 64, append="xen_no_vector_callback")


@case(assets=(*ASSETS[32], "xen-kexec-686"), cost=80, full=True)
def test_kexec_from_32_bit_xen_guest_into_32_bit_xen_guest(context):
    """686-pae, twice."""
    kexec(context, 32)
