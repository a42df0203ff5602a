"""The ways in which a Xen guest's interrupts can be set up, and the versions of Xen it can be told.

SPDX-License-Identifier: GPL-2.0-or-later
"""

from harness import case
from xen_boot_test import boot
from xen_guest import ASSETS, check_facts, check_store, guest

NO_VECTOR = "xen_no_vector_callback"


@case(assets=ASSETS[64], cost=50, full=True)
def test_pci_without_msi(context):
    """pci=nomsi: device interrupts are GSIs, which become event channels."""
    facts = boot(context, 2, append="pci=nomsi")
    assert int(facts["pirq-lines"]) > 0, facts


@case(assets=ASSETS[64], cost=50, full=True)
def test_pci_without_msi_and_without_io_apic(context):
    """pci=nomsi noapic."""
    boot(context, 2, append="pci=nomsi noapic")


@case(assets=ASSETS[64], cost=50, full=True)
def test_virtual_apic(context):
    """-cpu host,+xen-vapic: Linux leaves messages (there are none here) to the APIC, GSIs stay event channels."""
    facts = boot(context, 2, cpu="host,+xen-vapic")
    assert int(facts["pirq-lines"]) > 0, facts


@case(assets=ASSETS[64], cost=50, full=True)
def test_events_by_the_platform_device_without_a_vector(context):
    """xen_no_vector_callback: PCI INTx of the platform device on vCPU 0."""
    boot(context, 2, append=NO_VECTOR, vector=False)


@case(assets=ASSETS[64], cost=50, full=True)
def test_events_by_the_platform_device_without_msi(context):
    """xen_no_vector_callback pci=nomsi."""
    boot(context, 2, append=f"{NO_VECTOR} pci=nomsi", vector=False)


@case(assets=ASSETS[64], cost=50, full=True)
def test_events_by_the_platform_device_without_io_apic(context):
    """xen_no_vector_callback noapic: the line goes through the i8259."""
    boot(context, 2, append=f"{NO_VECTOR} noapic", vector=False)


@case(assets=ASSETS[32], cost=50, full=True)
def test_events_by_the_platform_device_in_a_32_bit_guest(context):
    """xen_no_vector_callback, 686-pae."""
    boot(context, 2, bits=32, append=NO_VECTOR, vector=False)


def boot_version(context, version):
    """Boot under Xen VERSION with two vCPUs."""
    with guest(context, cpus=2, version=version) as machine:
        machine.expect_shell()
        check_facts(machine.facts(), 2, version=version)
        check_store(machine)
        machine.power_off()


@case(assets=ASSETS[64], cost=50, full=True)
def test_xen_4_5(context):
    """0x40005: the HVM leaf without the vCPU id."""
    boot_version(context, 0x40005)


@case(assets=ASSETS[64], cost=50, full=True)
def test_xen_4_6(context):
    """0x40006: the vCPU id in the HVM leaf."""
    boot_version(context, 0x40006)


@case(assets=ASSETS[64], cost=50, full=True)
def test_xen_4_17_with_an_upcall_vector_for_each_cpu(context):
    """0x40011: Linux asks for the upcall vector of each vCPU."""
    boot_version(context, 0x40011)


@case(assets=ASSETS[32], cost=50, full=True)
def test_xen_4_17_with_a_32_bit_guest(context):
    """0x40011, 686-pae."""
    with guest(context, 32, cpus=2, version=0x40011) as machine:
        machine.expect_shell()
        check_facts(machine.facts(), 2, version=0x40011)
        check_store(machine)
        machine.power_off()
