"""Which disks a guest has for each way of unplugging, with each way its interrupts can be set up.

SPDX-License-Identifier: GPL-2.0-or-later
"""

from harness import case
from xen_disks import SYSTEM, Writer, complaints, disks, file_hash, interrupts, one_image, pv_disk, random_file
from xen_disks import root_after_boot, small_system
from xen_guest import kernel_hosts_xen

MIB = 1 << 20
ASSETS = (*SYSTEM, "cd.iso")
NO_VECTOR = "xen_no_vector_callback"
# What comes on the kernel's command line, and the CPU.
SETUPS = {
    "default": ("", "host"),
    "nomsi": ("pci=nomsi", "host"),
    "nomsi_noapic": ("pci=nomsi noapic", "host"),
    "vapic": ("", "host,+xen-vapic"),
    "no_vector": (NO_VECTOR, "host"),
    "no_vector_nomsi": (f"{NO_VECTOR} pci=nomsi", "host"),
    "no_vector_noapic": (f"{NO_VECTOR} noapic", "host"),
}
# Primary and secondary master are offered as IDE disk and as PV disk (xvda, xvdb), a third image as PV disk only.
DISKS = {
    "all": ["xvda", "xvdb", "xvdc"],
    "ide-disks": ["xvda", "xvdb", "xvdc"],
    "aux-ide-disks": ["sda", "xvdb", "xvdc"],
    "nics": ["sda", "sdb", "xvdc"],
    "unnecessary": ["sda", "sdb", "xvdc"],
    "never": ["sda", "sdb"],
}
# The whole matrix powers these off, and kills the others under write.
CLEAN_ENDS = ("all", "nics")
HIDDEN = "is hidden until the guest unplugs the IDE disk"


def check_interrupts(machine, setup, cpus):
    """The set-up is the one meant."""
    if NO_VECTOR in SETUPS[setup][0]:
        assert interrupts(machine, "xen-platform-pci") == 1, "the platform device's interrupt brings the events"
        assert interrupts(machine, "xen-percpu.*timer") == 0
    else:
        assert interrupts(machine, "xen-percpu.*timer") == cpus
    # There are no messages here, which +xen-vapic would leave to the APIC.
    if setup in ("nomsi", "vapic"):
        assert interrupts(machine, "xen-pirq") > 0


def check_data(machine, hashes):
    """The root is mounted from the right disk, and every other one reads as it should."""
    for device, wanted in hashes.items():
        got = machine.check(f"sha256sum < /dev/{device}").split()[0]
        assert got == wanted, f"{device} reads wrong"
    machine.check("modprobe sr_mod && ls /dev/sr0")


def check(context, setup, unplug, cpus=1, kill=False):
    """Boot with one combination, look at all disks; at the end power off, or SIGKILL under write."""
    append, cpu = SETUPS[setup]
    small = context.copy("small.raw")
    second, second_hash = random_file(context, "second.raw", 2 * MIB)
    third, third_hash = random_file(context, "third.raw", MIB)
    cd_hash = file_hash(context.asset("cd.iso"))
    arguments = [*one_image(small, "first", 0, "xvda"), *one_image(second, "second", 2, "xvdb"),
                 *pv_disk(third, "third", "xvdc"), "-drive", f"file={context.asset('cd.iso')},format=raw,if=none,id=cd",
                 "-device", "ide-cd,drive=cd,bus=ide.1,unit=1"]
    wanted = DISKS[unplug]
    with small_system(context, arguments, f"{append} xen_emul_unplug={unplug}".lstrip(), cpus=cpus,
                      cpu=cpu) as machine:
        root = root_after_boot(machine)
        assert root == f"{wanted[0]}1", f"the root is on {root}"
        check_interrupts(machine, setup, cpus)
        hashes = {wanted[1]: second_hash} | ({"xvdc": third_hash} if "xvdc" in wanted else {})
        check_data(machine, hashes)
        assert disks(machine) == sorted([*wanted, "sr0"]), disks(machine)
        assert machine.check("head -c 1048576 /dev/sr0 | cmp - /dev/sr0 -n 1048576 && echo same") == "same"
        assert complaints(machine) == "", complaints(machine)
        # A PV disk whose IDE disk stays is kept from the guest, and the log says why.
        if "xvda" not in wanted:
            assert f"xvda {HIDDEN} 'first'" in machine.error_text(), machine.error_text()
        if kill:
            writer = Writer(context, 2 * MIB)
            context.note(f"{setup}, {unplug}: {writer.kill_while_writing(machine, wanted[1], second)}")
        else:
            machine.power_off()
    assert file_hash(third) == third_hash and file_hash(context.asset("cd.iso")) == cd_hash
    context.note(f"{setup}, {unplug}: {' '.join(wanted)}")


@case(assets=ASSETS, cost=70)
def test_sample_of_the_matrix_with_sigkill_under_write_at_the_end(context):
    """Two combinations on each kind of host, which together have a bit of everything."""
    combinations = [("default", "aux-ide-disks"), ("no_vector_noapic", "unnecessary")]
    if kernel_hosts_xen():
        combinations = [("nomsi_noapic", "all"), ("no_vector", "never")]
    for setup, unplug in combinations:
        check(context, setup, unplug, kill=True)


def register(setup):
    """The full test of one set-up."""

    def test_setup(context):
        for unplug in DISKS:
            check(context, setup, unplug, kill=unplug not in CLEAN_ENDS)

    test_setup.__name__ = f"test_every_way_of_unplugging_with_interrupts_{setup}"
    test_setup.__module__ = __name__
    case(assets=ASSETS, cost=270, full=True)(test_setup)


for _setup in SETUPS:
    register(_setup)


@case(assets=ASSETS, cost=120, full=True)
def test_unplugging_with_four_cpus(context):
    """-smp 4, with and without a vector."""
    check(context, "default", "all", cpus=4, kill=True)
    check(context, "no_vector", "ide-disks", cpus=4)
