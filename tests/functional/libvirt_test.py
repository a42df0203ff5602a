"""libvirt drives a stock kernel as a Xen guest: the example XML boots, unplugs, and is shut down by virsh.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import re

from harness import case
from libvirt_host import LibvirtHost
from vmm import Machine


class Domain(Machine):
    """A domain whose console is read and written as a machine's is; its process is only the two ends of the terminal."""

    def __init__(self, context, host, name):
        super().__init__(context.binary, context.results, [])
        self.host, self.name = host, name

    def __enter__(self):
        self.host.virsh("start", self.name, "--paused")
        terminal = self.host.virsh("ttyconsole", self.name).strip()
        self.command = ["sh", "-c", f"cat <{terminal} & exec cat >{terminal}"]
        super().__enter__()
        self.host.virsh("resume", self.name)
        return self

    def wait_for(self, state, timeout=90):
        """Wait until libvirt says that state and reason are these."""
        for _ in range(timeout):
            if self.host.virsh("domstate", self.name, "--reason").strip() == state:
                return
            self.settle(1)
        self.fail(f"not '{state}' but '{self.host.virsh('domstate', self.name, '--reason').strip()}'")


def example(context, image):
    """The manual's disk.xml with this run's binary and image, and what makes it small."""
    text = (context.asset("libvirt-examples") / "disk.xml").read_text(encoding="ascii")
    text = text.replace("/usr/bin/qemu-system-x86_64", os.path.realpath(context.binary))
    text = text.replace("/var/lib/libvirt/images/guest.raw", str(image)).replace(" cache='none'", "")
    text = re.sub(r"<memory unit='MiB'>\d+", "<memory unit='MiB'>256", text).replace("<vcpu>2", "<vcpu>1")
    path = context.scratch / "domain.xml"
    path.write_text(text, encoding="ascii")
    return path


def check_root(machine, boot):
    """The guest came from the IDE disk, by firmware and GRUB, and has its root on the PV disk."""
    machine.expect(rf"guest: boot {boot} of this disk", 300)
    machine.login(300)
    root = machine.text.split("guest: root device ")[boot].split()[0]
    assert root == "/dev/xvda1", f"the root is {root}"
    names = machine.check("ls /sys/block").split()
    assert "xvda" in names and not [name for name in names if name.startswith("sd")], names


@case(assets=["libvirt", "libvirt-examples", "small.raw"], cost=150, full=True)
def test_disk_of_the_example_boots_unplugs_and_is_shut_down_by_virsh(context):
    """GRUB on IDE, root on xvda; suspended and resumed; reset and once more from IDE; shut down through the store."""
    with LibvirtHost(context.scratch / "host", tools=context.asset("libvirt")) as host:
        host.virsh("define", example(context, context.copy("small.raw")))
        with Domain(context, host, "xen-disk") as machine:
            check_root(machine, 1)
            host.virsh("suspend", "xen-disk")
            host.virsh("resume", "xen-disk")
            assert machine.check("echo on") == "on"
            machine.check("sync")
            host.virsh("reset", "xen-disk")
            check_root(machine, 2)
            host.virsh("shutdown", "xen-disk")
            machine.wait_for("shut off (shutdown)")
        context.note(re.search(r"libvirt version: [\d.]+", host.guest_log("xen-disk"))[0])
