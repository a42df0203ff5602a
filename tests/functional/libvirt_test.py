"""libvirt drives a stock kernel as a Xen guest: the example XML boots, unplugs, and is shut down by virsh.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import contextlib
import os
import re
import tempfile
import time

from harness import case
from libvirt_host import LibvirtHost
from vmm import Machine

NAME = "xen-disk"
ASSETS = ("libvirt", "libvirt-examples", "small.raw")
# The first blocks of the disk, read from the disk and not from memory.
LOOK = "dd if=/dev/xvda bs=64k count=8 iflag=direct 2> /dev/null | md5sum"


class Domain(Machine):
    """A domain whose console is read and written as a machine's is; its process is only the two ends of the terminal.

    START is what virsh is told to make it run, in which it stands still until the console is read.
    """

    def __init__(self, context, host, *start):
        super().__init__(context.binary, context.results, [])
        self.host, self.start = host, start

    def __enter__(self):
        self.host.virsh(*self.start, "--paused")
        terminal = self.host.virsh("ttyconsole", NAME).strip()
        # Not cat: busybox's splices, and then the pipe is locked for as long as the terminal says nothing.
        self.command = ["sh", "-c", f"dd bs=4096 if={terminal} 2> /dev/null & "
                                    f"exec dd bs=4096 of={terminal} conv=notrunc 2> /dev/null"]
        super().__enter__()
        self.host.virsh("resume", NAME)
        return self

    def wait_for(self, state, timeout=90):
        """Wait until libvirt says that state and reason are these."""
        end = time.monotonic() + timeout
        while (said := self.host.virsh("domstate", NAME, "--reason").strip()) != state:
            if time.monotonic() > end:
                self.fail(f"not '{state}' but '{said}'")
            self.settle(0.5)
            time.sleep(0.1)


def example(context, image):
    """The manual's disk.xml with this run's binary and image, and what makes it small."""
    text = (context.asset("libvirt-examples") / "disk.xml").read_text(encoding="ascii")
    text = text.replace("/usr/bin/qemu-system-x86_64", os.path.realpath(context.binary))
    text = text.replace("/var/lib/libvirt/images/guest.raw", str(image)).replace(" cache='none'", "")
    text = re.sub(r"<memory unit='MiB'>\d+", "<memory unit='MiB'>256", text).replace("<vcpu>2", "<vcpu>1")
    path = context.scratch / "domain.xml"
    path.write_text(text, encoding="ascii")
    return path


@contextlib.contextmanager
def libvirt(context):
    """A running libvirtd. Its folder has a short name, for the paths of sockets are."""
    with tempfile.TemporaryDirectory(prefix="libvirt-", dir=context.scratch.parent) as folder:
        with LibvirtHost(folder, tools=context.asset("libvirt")) as host:
            yield host


def check_root(machine, boot):
    """The guest came from the IDE disk, by firmware and GRUB, and has its root on the PV disk."""
    machine.expect(rf"guest: boot {boot} of this disk", 300)
    machine.login(300)
    root = machine.text.split("guest: root device ")[-1].split()[0]
    assert root == "/dev/xvda1", f"the root is {root}"
    names = machine.check("ls /sys/block").split()
    assert "xvda" in names and not [name for name in names if name.startswith("sd")], names


def start_ticking(machine):
    """From now on the guest writes to its root, which is the PV disk; returns what a look at it must find later."""
    machine.check("(while sleep 0.1; do echo tick >> /root/ticks; sync; done) & mark=$((6 * 7))")
    return machine.check(LOOK)


def check_ticking(machine, seen):
    """The same shell, the same disk, and the writer goes on."""
    assert machine.check("echo $mark") == "42"
    assert machine.check(LOOK) == seen
    ticks = int(machine.check("wc -l < /root/ticks"))
    machine.check(f"while [ $(wc -l < /root/ticks) -le {ticks} ]; do sleep 0.1; done")


@case(assets=ASSETS, cost=150)
def test_disk_of_the_example_boots_unplugs_and_is_shut_down_by_virsh(context):
    """GRUB on IDE, root on xvda; suspended and resumed; reset and once more from IDE; shut down through the store."""
    with libvirt(context) as host:
        host.virsh("define", example(context, context.copy("small.raw")))
        with Domain(context, host, "start", NAME) as machine:
            check_root(machine, 1)
            host.virsh("suspend", NAME)
            assert host.virsh("domstate", NAME).strip() == "paused"
            host.virsh("resume", NAME)
            assert machine.check("echo on") == "on"
            machine.check("sync")
            host.virsh("reset", NAME)
            check_root(machine, 2)
            host.virsh("shutdown", NAME)
            machine.wait_for("shut off (shutdown)")
        context.note(re.search(r"libvirt version: [\d.]+", host.guest_log(NAME))[0])


@case(assets=ASSETS, cost=150)
def test_disk_of_the_example_is_saved_restored_and_rebooted_by_virsh(context):
    """A running guest goes into a managed image and on, into a file and on; libvirt's reboot starts it once more."""
    saved = context.scratch / "saved"
    with libvirt(context) as host:
        host.virsh("define", example(context, context.copy("small.raw")))
        with Domain(context, host, "start", NAME) as machine:
            check_root(machine, 1)
            seen = start_ticking(machine)
            host.virsh("managedsave", NAME)
            machine.wait_for("shut off (saved)")
        with Domain(context, host, "start", NAME) as machine:
            check_ticking(machine, seen)
            host.virsh("save", NAME, saved)
            machine.wait_for("shut off (saved)")
        context.note(f"a saved guest of 256 MiB takes {saved.stat().st_size >> 20} MiB")
        with Domain(context, host, "restore", saved) as machine:
            saved.unlink()
            check_ticking(machine, seen)
            host.virsh("reboot", NAME)
            check_root(machine, 2)
            host.virsh("shutdown", NAME)
            machine.wait_for("shut off (shutdown)")
