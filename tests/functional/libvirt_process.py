#!/usr/bin/python3
"""Debian's libvirt, unmodified, drives the binary: what virsh's users do to a guest, on a small guest kernel.

Every case starts from one of the example XMLs of the manual. Prints TAP. Arguments: the binary, the folder of the
examples, the folder of the guest kernels. Skipped where libvirtd or a KVM is not to be had.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import contextlib
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree as etree

import libvirt_host
from libvirt_host import LibvirtError

TIME_LIMIT = 60
QEMU_ARGUMENTS = "{http://libvirt.org/schemas/domain/qemu/1.0}commandline"
QEMU_ARGUMENT = "{http://libvirt.org/schemas/domain/qemu/1.0}arg"
etree.register_namespace("qemu", "http://libvirt.org/schemas/domain/qemu/1.0")
FIRST_WORD = 0x1234
DISK_SIZE = 8 << 20


def wait_until(condition, what):
    """Poll CONDITION, whose value is returned."""
    end = time.monotonic() + TIME_LIMIT
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.1)


# libvirtd may connect to the monitor of a machine that is just ending: then it shows that instead of what the
# machine said.
HANDED_OVER = "failed to connect to monitor socket"
START_TRIES = 5

class Guest:
    """A domain made from an example; the guest kernel console_talk runs in it."""

    def __init__(self, case, example, name="guest"):
        self.case, self.host, self.name = case, case.host, name
        self.tree = etree.parse(case.examples / f"{example}.xml")
        self.disk = case.folder / f"{name}.raw"
        self.disk.write_bytes(FIRST_WORD.to_bytes(2, "little").ljust(512, b"\0"))
        os.truncate(self.disk, DISK_SIZE)
        root = self.tree.getroot()
        root.find("name").text = name
        root.find("memory").text = "64"
        root.find("devices/emulator").text = str(case.binary)
        self._start_kernel(root.find("os"))
        for node in root.iter():
            for key, value in node.attrib.items():
                node.set(key, value.replace("/var/lib/libvirt/images/guest.raw", str(self.disk)))

    def _start_kernel(self, node):
        """Whatever the example boots, here it is the small kernel."""
        for tag in ("kernel", "initrd", "cmdline", "boot"):
            for child in node.findall(tag):
                node.remove(child)
        etree.SubElement(node, "kernel").text = str(self.case.kernels / "console_talk-64.elf")
        etree.SubElement(node, "cmdline").text = "driven"

    def find(self, path):
        """An element of the XML."""
        return self.tree.getroot().find(path)

    def add(self, parent, text):
        """Put the element TEXT below PARENT ("." for the domain)."""
        self.find(parent).append(etree.fromstring(text))

    def add_arguments(self, *arguments):
        """More <qemu:arg>."""
        node = self.find(QEMU_ARGUMENTS)
        if node is None:
            node = etree.SubElement(self.tree.getroot(), QEMU_ARGUMENTS)
        for argument in arguments:
            etree.SubElement(node, QEMU_ARGUMENT, value=argument)

    def define(self):
        """virsh define."""
        path = self.case.folder / f"{self.name}.xml"
        self.tree.write(path)
        self.host.virsh("define", path)
        return self

    def start(self):
        """virsh start, and wait until the guest answers."""
        self.host.virsh("start", self.name)
        assert self.ask("hello") == "hello"
        return self

    def start_fails(self):
        """virsh start, which must fail: what it said, without virsh's own first line and the time."""
        self.define()
        for _ in range(START_TRIES):
            lines = self.host.virsh_fails("start", self.name).strip().splitlines()
            if HANDED_OVER not in lines[-1]:
                break
        assert lines[0] == f"error: Failed to start domain '{self.name}'", lines
        assert self.state() == "shut off"
        self.host.virsh("undefine", self.name)
        return re.sub(r"\d{4}-\d\d-\d\dT\S+Z ", "", lines[-1])

    def state(self):
        """virsh domstate --reason, or without the reason."""
        return self.host.virsh("domstate", self.name).strip()

    def reason(self):
        """State and reason."""
        return self.host.virsh("domstate", self.name, "--reason").strip()

    def wait_for(self, reason):
        """Until state and reason are these."""
        wait_until(lambda: self.reason() == reason, f"state '{reason}', it is '{self.reason()}'")

    def monitor(self, command, **arguments):
        """A QMP command through libvirt; what it returned."""
        text = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(self.host.virsh("qemu-monitor-command", self.name, text))["return"]

    @contextlib.contextmanager
    def terminal(self):
        """The descriptor of the guest's console."""
        path = self.host.virsh("ttyconsole", self.name).strip()
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def ask(self, line):
        """Say LINE on the console; the guest's answer."""
        with self.terminal() as descriptor:
            return exchange(descriptor, line)

    def say(self, line, condition):
        """Say LINE, which is not answered but makes CONDITION true."""
        with self.terminal() as descriptor:
            os.write(descriptor, f"\n{line}\n".encode())
            wait_until(condition, f"what '{line}' does")


def exchange(descriptor, line):
    """Write LINE until it is answered (a guest that starts is deaf at first); the last whole line that came back."""
    got = b""
    end = time.monotonic() + TIME_LIMIT
    asked = 0.0
    word = line.split()[0].encode()
    while True:
        if time.monotonic() - asked > 5:
            os.write(descriptor, f"\n{line}\n".encode())
            asked = time.monotonic()
        try:
            got += os.read(descriptor, 4096)
        except (BlockingIOError, OSError):
            pass
        answers = [part for part in got.split(b"\r\n")[:-1] if part.startswith(word)]
        if answers:
            return answers[-1].decode()
        assert time.monotonic() < end, f"no answer to '{line}': {got}"
        time.sleep(0.02)


class Case:
    """What a test gets."""

    def __init__(self, host, binary, examples, kernels, folder):
        self.host, self.binary, self.examples, self.kernels, self.folder = host, binary, examples, kernels, folder

    def guest(self, example, name="guest"):
        """A guest made from an example, not yet defined."""
        return Guest(self, example, name)

    def running(self, example, name="guest"):
        """The same, running."""
        return self.guest(example, name).define().start()


# ---- what the host is told of the emulator ----

def test_domain_capabilities(case):
    """The probe succeeds, and offers KVM guests on the board with IDE disks."""
    text = case.host.virsh("domcapabilities", "--emulatorbin", case.binary, "--machine", "pc", "--virttype", "kvm")
    tree = etree.fromstring(text)
    assert tree.find("path").text == str(case.binary)
    assert re.fullmatch(r"pc-i440fx-\d+\.\d+", tree.find("machine").text), text
    modes = {mode.get("name"): mode.get("supported") for mode in tree.findall("cpu/mode")}
    assert modes == dict.fromkeys(("host-passthrough", "maximum", "host-model", "custom"), "yes"), modes
    buses = {value.text for value in tree.findall("devices/disk/enum[@name='bus']/value")}
    assert "ide" in buses and "usb" not in buses, buses


def test_probe_is_done_once(case):
    """A second question is answered from libvirt's cache; a define does not start the emulator again."""
    case.host.virsh("domcapabilities", "--emulatorbin", case.binary)
    folder = case.host.folder / "cache"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("**/*.xml")}
    assert before
    case.guest("plain").define()
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("**/*.xml")}


# ---- the examples ----

def test_examples_start(case):
    """Each example of the manual starts as it stands, but for names, sizes and the kernel."""
    names = sorted(path.stem for path in case.examples.glob("*.xml"))
    assert names, case.examples
    for name in names:
        guest = case.running(name, name)
        assert guest.state() == "running"
        case.host.virsh("destroy", name)


def test_accel_arguments_merge(case):
    """libvirt writes -accel kvm, the XML's second one adds Xen to it: the guest's CPUID says so."""
    guest = case.running("disk")
    command = case.host.guest_log("guest")
    assert command.index("-accel kvm \\") < command.index("-accel kvm,xen-version=0x40011")
    assert "Domain id" in guest.monitor("human-monitor-command", **{"command-line": "info xen"}) or \
        "xen-platform" in guest.monitor("human-monitor-command", **{"command-line": "info qtree"})


def test_unknown_accel_key_is_one_line(case):
    """A wrong key of -accel is refused and named."""
    guest = case.guest("plain")
    guest.add_arguments("-accel", "kvm,xen-versio=0x40011")
    assert guest.start_fails().endswith("qemu-system-x86_64: -accel kvm,xen-versio=0x40011: Property "
                                        "'kvm-accel.xen-versio' not found")


def test_platform_device_leaves_named_slots(case):
    """xen-platform takes the highest slot that no -device names; the lowest stay free for libvirt to count."""
    guest = case.guest("disk")
    guest.add_arguments("-device", "xen-pvdevice,addr=1f,vendor-id=0x5853,device-id=0xc000")
    guest.define().start()
    places = {device["slot"]: (device["id"]["vendor"], device["id"]["device"])
              for bus in guest.monitor("query-pci") for device in bus["devices"]}
    assert places[0x1f] == (0x5853, 0xc000), places
    assert places[0x1e] == (0x5853, 0x0001), places
    assert 2 not in places, places


def test_pv_twin_of_an_ide_disk(case):
    """xen-pv-disks=on: one image, an ide-hd and a xen-disk that is not connected yet."""
    guest = case.running("disk")
    assert guest.ask("disk") == f"disk {FIRST_WORD:04x}"
    tree = guest.monitor("human-monitor-command", **{"command-line": "info qtree"})
    assert "dev: xen-disk" in tree and "xvda" in tree, tree
    assert [block["qdev"] for block in guest.monitor("query-block") if "inserted" in block] == ["ide0-0-0"]


def test_pv_adapter_of_plain_xml(case):
    """libvirt gives the adapter a place on PCI: it goes to Xen's bus and leaves the place free."""
    guest = case.guest("disk")
    guest.add("devices", "<interface type='user'><mac address='52:54:00:ab:cd:02'/>"
                         "<model type='xen-net-device'/></interface>")
    guest.define().start()
    command = case.host.guest_log("guest")
    assert '"driver":"xen-net-device"' in command and '"bus":"pci.0"' in command, command
    network = guest.monitor("human-monitor-command", **{"command-line": "info network"})
    assert "net0" in network and "52:54:00:ab:cd:02" in network and "hostnet0" in network, network
    tree = guest.monitor("human-monitor-command", **{"command-line": "info qtree"})
    assert tree.index("bus: xen-bus") < tree.index("dev: xen-net-device"), tree
    classes = [device["class_info"]["class"] for bus in guest.monitor("query-pci") for device in bus["devices"]]
    assert not [number for number in classes if number >> 8 == 2], classes


# ---- what is not there says so in one line ----

REFUSED = [
    # What the XML has, and the line's end.
    ("devices", "<interface type='user'><model type='virtio'/></interface>",
     "'virtio-net-pci' is not a valid device model name"),
    ("devices", "<sound model='ich6'/>", "'intel-hda' is not a valid device model name"),
    ("devices", "<parallel type='null'/>", "'isa-parallel' is not a valid device model name"),
    ("features", "<smm state='on'/>", "-machine smm=on is not supported"),
    ("features", "<ioapic driver='kvm'/>",
     "kernel-irqchip=on is not supported: PIC, IOAPIC and PIT are always emulated here (use kernel-irqchip=split)"),
    ("features", "<vmport state='on'/>", "-machine vmport=on is not supported"),
]


def test_what_is_missing_is_named(case):
    """The last line that virsh shows names option, value and reason."""
    for parent, text, reason in REFUSED:
        guest = case.guest("plain")
        guest.add(parent, text)
        said = guest.start_fails()
        assert said.endswith(reason) and "qemu-system-x86_64: -" in said, f"{text}: {said}"


def test_default_devices_are_named(case):
    """USB controller and balloon, which libvirt adds by itself, are refused by name."""
    for path, reason in (("devices/controller[@type='usb']", "-usb: USB is not supported by this build"),
                         ("devices/memballoon", "'virtio-balloon-pci' is not a valid device model name")):
        guest = case.guest("plain")
        guest.find("devices").remove(guest.find(path))
        said = guest.start_fails()
        assert said.endswith(reason), said


def test_watchdog(case):
    """<watchdog model='ib700'> is there, and libvirt hears what it does: action pause."""
    guest = case.guest("plain")
    guest.add("devices", "<watchdog model='ib700' action='pause'/>")
    guest.define().start()
    guest.say("bark", lambda: guest.reason() == "paused (watchdog)")


def test_vmcoreinfo(case):
    """<vmcoreinfo state='on'/> makes the device; a dump works with it."""
    guest = case.guest("plain")
    guest.add("features", "<vmcoreinfo state='on'/>")
    guest.define().start()
    assert "vmcoreinfo" in guest.monitor("human-monitor-command", **{"command-line": "info qtree"})
    case.host.virsh("dump", "--memory-only", "guest", case.folder / "core")


# ---- what libvirt writes for other elements than the examples have ----

ELEMENTS = [
    # Name, (parent, XML) to be put in, what stands on the command line that libvirt made of them.
    ("host-model", [(".", "<cpu mode='host-model'/>")], r"-cpu \S+,\S*=on"),
    ("named model", [(".", "<cpu mode='custom' match='exact' check='none'><model>kvm64</model>"
                           "<feature policy='disable' name='rdtscp'/></cpu>")], r"-cpu kvm64,rdtscp=off"),
    ("topology", [(".", "<vcpu current='1'>4</vcpu>"),
                  (".", "<cpu mode='host-passthrough'><topology sockets='2' dies='1' cores='2' threads='1'/></cpu>")],
     r"-smp 1,maxcpus=4,sockets=2,(dies=1,)?cores=2,threads=1"),
    ("shared memory of a memfd", [(".", "<memoryBacking><source type='memfd'/><access mode='shared'/>"
                                        "</memoryBacking>")],
     r'"qom-type":"memory-backend-memfd","id":"pc.ram",.*"share":true'),
    ("memory of a file", [(".", "<memoryBacking><source type='file'/></memoryBacking>")],
     r'"qom-type":"memory-backend-file","id":"pc.ram","mem-path":"/var/lib/libvirt/qemu/ram/'),
    ("boot menu", [("os", "<bootmenu enable='yes' timeout='100'/>"), ("os", "<bios rebootTimeout='200'/>")],
     r"-boot (?=\S*menu=on)(?=\S*splash-time=100)(?=\S*reboot-timeout=200)\S*strict=on"),
    ("system information", [(".", "<sysinfo type='smbios'><bios><entry name='vendor'>Some, Inc.</entry></bios><system>"
                                  "<entry name='product'>Box</entry></system></sysinfo>"),
                            ("os", "<smbios mode='sysinfo'/>")],
     r"-smbios 'type=0,vendor=Some,, Inc.'[^-]*-smbios type=1,product=Box"),
    ("split interrupt controllers", [("features", "<ioapic driver='qemu'/>")], r"-machine \S*kernel_irqchip=split"),
    ("KVM hidden", [("features", "<kvm><hidden state='on'/></kvm>")], r"-cpu host,\S*kvm=off"),
    ("dirty ring", [("features", "<kvm><dirty-ring state='on' size='4096'/></kvm>")],
     r"-accel kvm,dirty-ring-size=4096"),
    ("no HPET", [("clock", "<timer name='hpet' present='no'/>")], r"(-no-hpet|hpet=off)"),
    ("local time", [(".", "<clock offset='localtime'/>")], r"-rtc base=localtime"),
    ("sleep states", [(".", "<pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='yes'/></pm>")],
     r"-global PIIX4_PM.disable_s3=1[^-]*-global PIIX4_PM.disable_s4=0"),
    ("serial port to a file", [("devices", "<serial type='file'><source path='{folder}/second'/></serial>")],
     r"-chardev file,id=charserial1,path=(/dev/fdset/\d+|\S+/second),append=on"),
    ("serial port on a socket", [("devices", "<serial type='unix'><source mode='bind' path='{folder}/third'/>"
                                             "</serial>")],
     r"-chardev socket,id=charserial1,(fd=\d+|path=\S+/third),server=on,wait=off"),
    ("iothreads", [(".", "<iothreads>2</iothreads>")], r'"qom-type":"iothread","id":"iothread2"'),
    ("disk on the second channel", [("devices", "<disk type='file' device='disk'><driver name='qemu' type='raw' "
                                                "cache='writeback' io='threads' discard='ignore'/><source "
                                                "file='{folder}/other'/><target dev='hdd' bus='ide'/></disk>")],
     r'"driver":"ide-hd","bus":"ide.1","unit":1'),
    ("watchdog without an action", [("devices", "<watchdog model='ib700' action='none'/>")], r'"driver":"ib700"'),
    ("generation", [(".", "<genid>31337a52-0000-4000-8000-000000000001</genid>")], r'"driver":"vmgenid"'),
]


def test_elements_of_domains_start(case):
    """Each reaches the command line as it did QEMU's, and the guest runs."""
    failures = []
    for name, edits, pattern in ELEMENTS:
        guest = case.guest("plain")
        (case.folder / "other").write_bytes(bytes(DISK_SIZE))
        for parent, text in edits:
            tag = etree.fromstring(text).tag
            if parent == "." and guest.find(tag) is not None:
                guest.find(".").remove(guest.find(tag))
            if parent == "clock" and guest.find("clock") is None:
                guest.add(".", "<clock offset='utc'/>")
            guest.add(parent, text.replace("{folder}", str(case.folder)))
        try:
            guest.define().start()
            command = case.host.guest_log("guest").split("starting up")[-1].replace("\\\n", "")
            assert re.search(pattern, command), f"no {pattern} in {command}"
        except AssertionError as error:
            failures.append(f"{name}: {error}")
        case.host.clean()
    assert not failures, "\n".join(failures)


# ---- life ----

def test_console(case):
    """virsh console on a terminal: what is typed reaches the guest, what it says is shown."""
    case.running("plain")
    leader, follower = pty.openpty()
    console = subprocess.Popen(["virsh", *case.host.connection, "console", "guest"], stdin=follower, stdout=follower,
                               stderr=follower, env=case.host.environment, start_new_session=True)
    os.close(follower)
    os.set_blocking(leader, False)
    try:
        assert exchange(leader, "hello") == "hello"
    finally:
        console.kill()
        console.wait()
        os.close(leader)


def test_suspend_and_resume(case):
    """A suspended guest says nothing and loses nothing."""
    guest = case.running("plain")
    case.host.virsh("suspend", "guest")
    assert guest.reason() == "paused (user)"
    assert guest.monitor("query-status")["status"] == "paused"
    with guest.terminal() as descriptor:
        os.write(descriptor, b"hello\n")
        time.sleep(0.5)
        case.host.virsh("resume", "guest")
        assert guest.reason() == "running (unpaused)"
        assert exchange(descriptor, "hello") == "hello"


def count(guest):
    """How many lines the guest has taken since its start."""
    return int(guest.ask("count").split()[1])


def use(guest):
    """Have the guest take some lines; their count, which a slow guest, asked again, does not reach after a new start."""
    for _ in range(6):
        number = count(guest)
    return number


def test_start_paused(case):
    """virsh start --paused: not a single instruction until it is resumed."""
    guest = case.guest("kernel").define()
    case.host.virsh("start", "guest", "--paused")
    assert guest.state() == "paused"
    case.host.virsh("resume", "guest")
    assert guest.ask("hello") == "hello"


def test_reset(case):
    """virsh reset starts the guest anew in the same process."""
    guest = case.running("kernel")
    pid = case.host.guest_pid("guest")
    before = use(guest)
    case.host.virsh("reset", "guest")
    assert count(guest) < before
    assert guest.state() == "running" and case.host.guest_pid("guest") == pid


def test_guest_resets_itself(case):
    """By the reset port and by a triple fault: the domain goes on."""
    guest = case.running("kernel")
    for way in ("reset", "crash"):
        before = use(guest)
        case.host.forget_events()
        guest.say(way, lambda: case.host.events('"event": "RESET"'))
        assert count(guest) < before, way
        assert guest.state() == "running"


def test_guest_reset_ends_the_domain_if_so_asked(case):
    """on_reboot=destroy."""
    guest = case.guest("plain")
    guest.add(".", "<on_reboot>destroy</on_reboot>")
    guest.define().start()
    guest.say("reset", lambda: guest.reason() == "shut off (shutdown)")


def test_reboot(case):
    """virsh reboot: the guest goes off by its button, and libvirt starts it again in the same process, twice."""
    guest = case.running("plain")
    pid = case.host.guest_pid("guest")
    for _ in range(2):
        before = use(guest)
        case.host.virsh("reboot", "guest")
        wait_until(lambda: case.host.events('"event": "RESET"'), "the reset")
        assert count(guest) < before
        assert guest.state() == "running" and case.host.guest_pid("guest") == pid
        case.host.forget_events()


def test_shutdown(case):
    """virsh shutdown: the guest goes off, the domain is shut off and the process gone."""
    guest = case.running("plain")
    pid = case.host.guest_pid("guest")
    case.host.virsh("shutdown", "guest")
    guest.wait_for("shut off (shutdown)")
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_shutdown_of_a_guest_without_xen_drivers(case):
    """Asked through the store, the guest does not answer; the ACPI button is the second way."""
    guest = case.running("disk")
    case.host.virsh("shutdown", "guest")
    guest.wait_for("shut off (shutdown)")


def test_guest_goes_off(case):
    """The guest's own power-off."""
    guest = case.running("kernel")
    guest.say("off", lambda: guest.reason() == "shut off (shutdown)")


def test_destroy(case):
    """virsh destroy ends it by SIGTERM, at once and with status 0."""
    guest = case.running("disk")
    started = time.monotonic()
    case.host.virsh("destroy", "guest")
    assert guest.reason() == "shut off (destroyed)"
    assert time.monotonic() - started < 8
    assert "terminating on signal 15" in case.host.guest_log("guest")
    guest.start()


def test_killed_guest_is_a_crash(case):
    """kill -9: libvirt notices; the domain starts again on the same image."""
    guest = case.running("disk")
    os.kill(case.host.guest_pid("guest"), signal.SIGKILL)
    guest.wait_for("shut off (crashed)")
    guest.start()


def test_daemon_restart(case):
    """libvirtd ends and starts anew: a running guest and a suspended one are found again and obey."""
    one, two = case.running("kernel", "one"), case.running("plain", "two")
    case.host.virsh("suspend", "two")
    before = count(one)
    case.host.restart()
    assert one.state() == "running" and two.state() == "paused"
    assert count(one) > before
    case.host.virsh("resume", "two")
    assert two.ask("hello") == "hello"
    case.host.virsh("destroy", "one")
    case.host.virsh("shutdown", "two")
    two.wait_for("shut off (shutdown)")


def test_daemon_killed(case):
    """libvirtd is killed while a guest runs; one guest ends meanwhile."""
    one, two = case.running("kernel", "one"), case.running("plain", "two")
    pid = case.host.guest_pid("two")
    case.host.kill()
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the second guest's end")
    case.host.start()
    wait_until(lambda: two.state() == "shut off", "libvirt's notice")
    assert one.state() == "running" and one.ask("hello") == "hello"


# ---- questions ----

def test_statistics(case):
    """domstats, domblkstat, domblkinfo, domblklist, vcpuinfo: numbers that move."""
    guest = case.guest("disk")
    guest.define().start()
    before = stats(case, "guest")
    assert before["block.0.name"] == "hda" and before["block.0.capacity"] == str(DISK_SIZE)
    assert guest.ask("disk") == f"disk {FIRST_WORD:04x}"
    after = stats(case, "guest")
    assert int(after["block.0.rd.reqs"]) == int(before["block.0.rd.reqs"]) + 1
    assert int(after["block.0.rd.bytes"]) == int(before["block.0.rd.bytes"]) + 512
    assert int(after["vcpu.0.time"]) > 0 and after["vcpu.current"] == "2"
    assert f"hda rd_bytes {after['block.0.rd.bytes']}\n" in case.host.virsh("domblkstat", "guest", "hda")
    assert re.search(rf"Capacity: +{DISK_SIZE}\n", case.host.virsh("domblkinfo", "guest", "hda"))
    assert str(guest.disk) in case.host.virsh("domblklist", "guest")
    assert case.host.virsh("vcpuinfo", "guest").count("State:          running") == 2


def stats(case, name):
    """virsh domstats as a dictionary."""
    return dict(line.strip().split("=", 1) for line in case.host.virsh("domstats", name).splitlines() if "=" in line)


def test_vcpu_threads_can_be_pinned(case):
    """The vCPUs' threads are told apart from the process."""
    guest = case.running("disk")
    threads = [cpu["thread-id"] for cpu in guest.monitor("query-cpus-fast")]
    assert len(set(threads)) == 2 and case.host.guest_pid("guest") not in threads
    case.host.virsh("vcpupin", "guest", "1", "0")
    assert os.sched_getaffinity(threads[1]) == {0}


def test_monitor_commands(case):
    """virsh qemu-monitor-command, both languages, and a command that fails."""
    guest = case.running("plain")
    assert guest.monitor("query-status") == {"running": True, "status": "running"}
    assert case.host.virsh("qemu-monitor-command", "guest", "--hmp", "info status").strip() == "VM status: running"
    answer = json.loads(case.host.virsh("qemu-monitor-command", "guest", '{"execute":"no-such"}'))
    assert answer["error"]["class"] == "CommandNotFound", answer


def test_memory_dump(case):
    """dump --memory-only: an ELF core with the guest's memory; the guest goes on."""
    guest = case.running("plain")
    path = case.folder / "core"
    case.host.virsh("dump", "--memory-only", "guest", path)
    data = path.read_bytes()
    assert data[:4] == b"\x7fELF" and len(data) > 63 << 20, (data[:16], len(data))
    assert guest.state() == "running" and guest.ask("hello") == "hello"


def test_live_dump_keeps_it_running(case):
    """dump --memory-only --crash ends the domain as crashed."""
    guest = case.running("plain")
    case.host.virsh("dump", "--memory-only", "--crash", "guest", case.folder / "core")
    assert guest.reason() == "shut off (crashed)"


def test_nmi_and_keys(case):
    """inject-nmi and send-key are taken."""
    guest = case.guest("disk").define()
    case.host.virsh("start", "guest", "--paused")
    case.host.virsh("inject-nmi", "guest")
    case.host.virsh("send-key", "guest", "KEY_A", "KEY_B")
    assert guest.state() == "paused"


# ---- disks ----

def test_medium_of_a_cdrom_drive(case):
    """change-media: in, out, and another one in."""
    guest = case.running("disk")
    image = case.folder / "image.iso"
    image.write_bytes(bytes(1 << 20))
    case.host.virsh("change-media", "guest", "hdc", image, "--insert", "--live")
    assert guest.monitor("query-block")[1]["inserted"]["image"]["filename"] == str(image)
    case.host.virsh("change-media", "guest", "hdc", "--eject", "--live", "--force")
    assert "inserted" not in guest.monitor("query-block")[1]
    assert guest.ask("hello") == "hello"


def test_medium_of_a_floppy_drive(case):
    """A floppy drive of the XML, first in the boot order; change-media: out, and another one in."""
    guest = case.guest("disk")
    first, second = case.folder / "first.img", case.folder / "second.img"
    first.write_bytes(bytes(1440 << 10))
    second.write_bytes(bytes(720 << 10))
    guest.add("devices", f"""<disk type='file' device='floppy'><driver name='qemu' type='raw'/>
              <source file='{first}'/><target dev='fda' bus='fdc'/></disk>""")
    guest.add("os", "<boot dev='fd'/>")
    guest.define()
    case.host.virsh("start", "guest", "--paused")

    def floppy():
        return next(drive for drive in guest.monitor("query-block") if drive.get("qdev") == "fdc0-0-0")

    assert floppy()["inserted"]["image"]["filename"] == str(first)
    case.host.virsh("change-media", "guest", "fda", "--eject", "--live")
    assert "inserted" not in floppy()
    case.host.virsh("change-media", "guest", "fda", second, "--insert", "--live")
    assert floppy()["inserted"]["image"]["filename"] == str(second) and not floppy()["inserted"]["ro"]


def test_ide_disk_cannot_be_attached(case):
    """attach-disk to a bus without hot-plug: refused, nothing is left behind, the guest goes on."""
    guest = case.running("plain")
    nodes = len(guest.monitor("query-named-block-nodes"))
    extra = case.folder / "extra.raw"
    extra.write_bytes(bytes(1 << 20))
    said = case.host.virsh_fails("attach-disk", "guest", extra, "hdb", "--targetbus", "ide")
    assert "Bus 'ide.0' does not support hotplugging" in said, said
    assert len(guest.monitor("query-named-block-nodes")) == nodes
    assert guest.ask("hello") == "hello"


def test_pv_disk_comes_and_goes(case):
    """blockdev-add, device_add xen-disk, device_del, blockdev-del through virsh."""
    guest = case.running("kernel")
    extra = case.folder / "extra.raw"
    extra.write_bytes(bytes(1 << 20))
    guest.monitor("blockdev-add", **{"driver": "raw", "node-name": "extra",
                                     "file": {"driver": "file", "filename": str(extra)}})
    guest.monitor("device_add", driver="xen-disk", id="extra-disk", drive="extra", vdev="xvdb")
    assert "extra-disk" in {entry["name"] for entry in guest.monitor("qom-list", path="/machine/peripheral")}
    guest.monitor("device_del", id="extra-disk")
    wait_until(lambda: "extra-disk" not in
               {entry["name"] for entry in guest.monitor("qom-list", path="/machine/peripheral")}, "the disk to go")
    guest.monitor("blockdev-del", **{"node-name": "extra"})


def test_throttling_and_resizing(case):
    """blkdeviotune and blockresize on a running guest."""
    guest = case.running("disk")
    case.host.virsh("blkdeviotune", "guest", "hda", "--total-iops-sec", "100", "--live")
    assert re.search(r"total_iops_sec +: 100\n", case.host.virsh("blkdeviotune", "guest", "hda", "--live"))
    case.host.virsh("blockresize", "guest", "hda", "10M")
    assert os.path.getsize(guest.disk) == 10 << 20


def test_image_is_locked_between_domains(case):
    """A second domain on the same image is refused with QEMU's words."""
    first, second = case.running("disk", "first"), case.guest("disk", "second")
    second.find("devices/disk/source").set("file", str(first.disk))
    second.define()
    said = case.host.virsh_fails("start", "second")
    assert 'Failed to get "write" lock' in said, said


def test_saving(case):
    """managedsave and start, save and restore: the guest goes on where it was."""
    guest = case.running("disk")
    before = count(guest)
    case.host.virsh("managedsave", "guest")
    assert guest.reason() == "shut off (saved)"
    case.host.virsh("start", "guest")
    assert count(guest) > before
    path = case.folder / "saved"
    case.host.virsh("save", "guest", path)
    case.host.virsh("restore", path)
    assert count(guest) > before + 1
    assert guest.ask("disk") == f"disk {FIRST_WORD:04x}"


# ---- the run ----

def run_test(case, test):
    """One test; what it left is taken away. None, or the text of its failure."""
    try:
        test(case)
        return None
    except Exception:  # pylint: disable=broad-except
        logs = sorted(case.host.folder.glob("log/qemu/*.log"), key=lambda path: path.stat().st_mtime)
        return traceback.format_exc() + "".join(path.read_text(errors="replace")[-1500:] for path in logs[-1:])
    finally:
        try:
            case.host.clean()
        except (LibvirtError, subprocess.TimeoutExpired) as error:
            print(f"# {error}")


def main():
    """Run every test_ function of this file, or those whose names hold an argument's text."""
    binary, examples, kernels = (pathlib.Path(path).resolve() for path in sys.argv[1:4])
    why = libvirt_host.why_not() or ("" if (kernels / "console_talk-64.elf").exists() else "no guest kernels")
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    tests = [(name, value) for name, value in globals().items() if name.startswith("test_") and
             (len(sys.argv) <= 4 or any(text in name for text in sys.argv[4:]))]
    print(f"1..{len(tests)}")
    with tempfile.TemporaryDirectory(prefix="libvirt-") as top:
        with libvirt_host.LibvirtHost(f"{top}/host") as host:
            for number, (name, test) in enumerate(tests, 1):
                with tempfile.TemporaryDirectory(dir=top) as folder:
                    failure = run_test(Case(host, binary, examples, kernels, pathlib.Path(folder)), test)
                print(f"{'not ' if failure else ''}ok {number} - {name}", flush=True)
                if failure:
                    print("".join(f"# {line}\n" for line in failure.splitlines()), end="", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
