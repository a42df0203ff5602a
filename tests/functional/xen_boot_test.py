"""Debian's stock kernels find Xen, use all of it, and switch the machine off.

SPDX-License-Identifier: GPL-2.0-or-later
"""

from harness import Skip, case
from xen_guest import ASSETS, check_facts, check_socket, check_store, guest, kernel_hosts_xen


def boot(context, cpus, *, bits=64, append="", vector=True, **options):
    """Boot with CPUS, look at Xen and at the store, power off from inside."""
    with guest(context, bits, append, cpus=cpus, **options) as machine:
        machine.expect_shell()
        facts = check_facts(machine.facts(), cpus, vector=vector)
        check_store(machine)
        machine.power_off()
    context.note(f"kernel {facts['kernel']}, pirqs {facts['pirq-lines']}, upcalls {facts['callbacks']}")
    return facts


def boot_and_shut_down_from_the_host(context, cpus, bits=64):
    """As boot, with the host's tools on the store's socket; they also end the guest."""
    with guest(context, bits, "", cpus=cpus) as machine:
        machine.expect_shell()
        check_facts(machine.facts(), cpus)
        check_store(machine)
        check_socket(machine)
        machine.store("write", machine.domain("control/shutdown"), "poweroff")
        machine.must_end()


@case(assets=ASSETS[64], cost=40)
def test_stock_kernel_finds_xen_and_powers_off_with_one_cpu(context):
    """Debian's 64-bit kernel."""
    boot(context, 1)


@case(assets=ASSETS[64], cost=60)
def test_stock_kernel_with_two_cpus_and_store_tools_on_the_host(context):
    """Events between vCPUs; the store's socket; control/shutdown=poweroff."""
    boot_and_shut_down_from_the_host(context, 2)


@case(assets=ASSETS[64], cost=90, full=True)
def test_stock_kernel_with_four_cpus_and_store_tools_on_the_host(context):
    """Four vCPUs."""
    boot_and_shut_down_from_the_host(context, 4)


@case(assets=ASSETS[32], cost=45, full=True)
def test_stock_686_pae_kernel_with_one_cpu(context):
    """Debian's 32-bit kernel."""
    boot(context, 1, bits=32)


@case(assets=ASSETS[32], cost=60)
def test_stock_686_pae_kernel_with_two_cpus_and_store_tools_on_the_host(context):
    """32-bit hypercalls, events between vCPUs, control/shutdown=poweroff."""
    boot_and_shut_down_from_the_host(context, 2, 32)


@case(assets=ASSETS[32], cost=90, full=True)
def test_stock_686_pae_kernel_with_four_cpus(context):
    """Four vCPUs, 32 bits."""
    boot(context, 4, bits=32)


@case(assets=ASSETS[64], cost=40, full=True)
def test_kernel_with_xen_support_can_be_hosted_from_user_space(context):
    """xen-assist=user on a host whose KVM has CONFIG_KVM_XEN."""
    if not kernel_hosts_xen():
        raise Skip("this host's KVM has no Xen support: every case is hosted from user space")
    boot(context, 1, accel=",xen-assist=user")


@case(assets=ASSETS[64], cost=60, full=True)
def test_name_of_the_machine_is_the_name_of_the_domain(context):
    """-name and -uuid show in the store and in /sys/hypervisor."""
    identity = "6b2b5e7c-2b9c-4d5f-9a39-3f2f0d9e4a01"
    machine = guest(context)
    machine.command += ["-name", "guest=granite", "-uuid", identity]
    with machine:
        machine.expect_shell()
        check_store(machine, "granite")
        assert machine.facts()["uuid"] == identity
        assert machine.check("xenstore-read vm") == f"/vm/{identity}"
        machine.power_off()
