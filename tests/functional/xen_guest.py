"""Drives a Xen guest from a test: its machine, the host's door to its store, and what it says of itself.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import fcntl
import os
import pathlib
import re
import subprocess
import time

from vmm import PROMPT, Machine

# The assets of a guest by its word size: kernel, initial file system.
GUESTS = {64: ("vmlinuz", "xen-initrd"), 32: ("vmlinuz-686", "xen-initrd-686")}
ASSETS = {bits: (*guest, "store-tools") for bits, guest in GUESTS.items()}
VERSION = 0x4000A
CONSOLE = "console=ttyS0,115200 quiet panic=-1"
KVM_CHECK_EXTENSION = 0xAE03
KVM_CAP_XEN_HVM = 38


def kernel_hosts_xen():
    """Whether this host's KVM has Xen support of its own."""
    with open("/dev/kvm", "rb") as kvm:
        return fcntl.ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_XEN_HVM) != 0


class XenMachine(Machine):
    """A machine whose guest finds Xen, with the store's socket."""

    def __init__(self, context, arguments, *, version=VERSION, accel="", socket=True, binary=None,
                 folder=None, **options):
        super().__init__(binary or context.binary, folder or context.results, arguments, **options)
        self.tools = context.job / "assets/store-tools"
        self.socket = context.scratch / "store"
        value = f"kvm,xen-version={version:#x},kernel-irqchip=split{accel}"
        if socket:
            value += f",xen-store-socket={self.socket}"
        self.command[self.command.index("-accel") + 1] = value

    def store(self, tool, *words, timeout=60):
        """Run Debian's xenstore-TOOL on the host's side of the store; returns what it prints."""
        environment = {**os.environ, "XENSTORED_PATH": str(self.socket),
                       "LD_LIBRARY_PATH": str(self.tools / "lib")}
        result = subprocess.run([self.tools / f"bin/xenstore-{tool}", *words], env=environment, check=False,
                                capture_output=True, text=True, timeout=timeout)
        if result.returncode != 0:
            self.fail(f"host: xenstore-{tool} {' '.join(words)}: {result.stderr.strip()}")
        return result.stdout.rstrip("\n")

    def domain(self, path=""):
        """The absolute path of the guest's node PATH."""
        return f"/local/domain/1/{path}".rstrip("/")

    def expect_shell(self, timeout=90):
        """Wait for the guest's shell."""
        self.expect(r"guest: init reached after ([\d.]+) s", timeout)
        self.expect(r"guest: ready", timeout)
        self.expect(f"^{PROMPT}", timeout)

    def facts(self):
        """What the guest's xen-facts says, by name."""
        said = self.check("xen-facts", 200)
        return dict(re.findall(r"^facts: ([\w-]+) ?(.*)$", said, re.MULTILINE))

    def resident_kib(self):
        """The resident memory of the machine's process."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])

    def wait_for(self, what, condition, timeout=120, pause=0.3):
        """Wait until CONDITION() is true, asked each PAUSE seconds; the machine's console is read meanwhile."""
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                self.fail(f"{what}: not within {timeout} s")
            self.settle(pause)

    def must_end(self, timeout=200):
        """The machine's process must end by itself with status 0."""
        status = self.wait(timeout)
        if status != 0:
            self.fail(f"exit status {status}")


def guest(context, bits=64, append="", initrd=None, arguments=(), console=CONSOLE, **options):
    """A machine with the stock kernel of BITS as a Xen guest; its shell is on the last console= of CONSOLE."""
    kernel, plain = GUESTS[bits]
    arguments = ["-kernel", context.asset(kernel), "-initrd", initrd or context.asset(plain),
                 "-append", f"{console} {append}".rstrip(), *arguments]
    return XenMachine(context, arguments, **options)


def joined(context, *names):
    """The assets NAMES, initial file systems, in one file."""
    path = context.scratch / "+".join(names)
    if not path.exists():
        with open(path, "wb") as stream:
            for name in names:
                stream.write(bytes(-stream.tell() % 512))
                stream.write(context.asset(name).read_bytes())
    return path


def check_facts(facts, cpus, *, version=VERSION, vector=True):
    """What every Xen guest must say of itself; VECTOR: its events come by a vector on every vCPU."""
    text = "\n".join(f"      {name}: {value}" for name, value in facts.items())

    def must(good, what):
        assert good, f"{what}\n{text}"

    must(facts["cpus"] == str(cpus), f"{cpus} vCPUs")
    must(facts["hypervisor"] == "Xen HVM", "Hypervisor detected: Xen HVM")
    must(facts["version"] == f"{version >> 16}.{version & 0xFFFF}", "the Xen version given")
    must(facts["events"] == "FIFO-based ABI", "the FIFO event channels")
    must(facts["type"] == "xen", "/sys/hypervisor/type is xen")
    must("xenbus" in facts["devices"].split(), "/dev/xen/xenbus")
    must(facts["store-line"] == "1", "xenbus has its event channel")
    must(facts["errors"].split()[0] == "0", "no complaint of the kernel's")
    if vector:
        must(facts["clock"] == "xen", "the xen clocksource")
        must(int(facts["timers"]) == cpus, "a Xen timer on each vCPU")
        must(int(facts["timer-lines"]) == cpus, "an event channel of each vCPU's timer")
        must(int(facts["ipi-lines"]) >= 3 * cpus, "interprocessor interrupts by event channel")
        counts = [int(word) for word in facts["callbacks"].split()]
        must(len(counts) == cpus and all(counts), "event upcalls on each vCPU")
    else:
        must(facts["clock"] != "xen" and facts["timers"] == "0", "no Xen timer without a vector")
        must(facts["platform-lines"] == "1", "the platform device's interrupt brings the events")
    seconds = int(facts["date"]) - time.time()
    must(-30 < seconds < 2, f"the guest's date ({seconds:.0f} s away from the host's)")
    return facts


def check_store(machine, name=None):
    """The guest reads and writes its store, and the host's side sees the same."""
    assert machine.check("xenstore-read domid") == "1"
    assert machine.check("xenstore-read /local/domain/1/domid") == "1"
    named = machine.check("xenstore-read name")
    assert named and (name is None or named == name), f"name is '{named}'"
    children = machine.check("xenstore-list /local/domain/1").split()
    for child in ("control", "data", "device", "memory", "store"):
        assert child in children, f"no {child} in {children}"
    machine.check("xenstore-write data/test 'guest wrote'")
    assert machine.check("xenstore-read data/test") == "guest wrote"
    status, _ = machine.run("xenstore-write domid 7 2> /dev/null")
    assert status != 0, "the guest could write its own domid"


def check_socket(machine):
    """The host's side of the store: what the guest wrote, and a value for the guest."""
    assert machine.store("read", machine.domain("data/test")) == "guest wrote"
    machine.store("write", machine.domain("data/host"), "host wrote")
    assert machine.check("xenstore-read data/host") == "host wrote"
    assert "guest wrote" in machine.store("ls", machine.domain("data"))
    machine.check("xenstore-watch -n 2 data/watched > /tmp/watch & sleep 1")
    machine.store("write", machine.domain("data/watched"), "now")
    machine.check("wait")
    seen = machine.check("cat /tmp/watch").split()
    assert seen == ["data/watched"] * 2, f"the watch gave {seen}"
