"""The main job inside its host: boots the disk as a Xen guest from IDE, which unplugs that and goes on from the PV disk;
tells each stage, writes the facts for the report.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

from vmm import Machine

STAGES = [(r"SeaBIOS \(version", "firmware"), (r"GRUB|Booting", "boot loader"),
          (r"guest: init reached|Linux version|Loading, please wait", "kernel and its initial file system"),
          (r"guest: root device|systemd\[1\]|Welcome to .*Debian", "root file system"), (r"login: ", "login prompt")]


# How the two kinds of Xen host take hypercalls and give events.
TRANSPORTS = {"kernel": "KVM_XEN: hypercalls exit, upcalls by the kernel",
              "user": "plain KVM: hypercalls by port, upcalls by SynIC"}


class DocumentedMachine(Machine):
    """The machine of the manual's command, to which comes only what makes it observable."""

    def __init__(self, binary, folder, disk, *, cpus, memory):
        super().__init__(binary, folder, [], cpus=cpus, memory=memory)
        self.command = [
            binary, "-M", "pc", "--accel", "kvm,xen-version=0x4000a,kernel-irqchip=split", "--cpu", "host,+xen_vapic",
            "-drive", f"file={disk},if=none,id=disk,file.locking=off", "-device", "xen-disk,drive=disk,vdev=xvda",
            "-drive", f"file={disk},index=2,media=disk,file.locking=off,if=ide",
            "-smp", str(cpus), "-m", str(memory), "-nodefaults", "-display", "none", "-serial", "stdio",
            "-trace", "xen_host", "-trace", "xen_platform_unplugged"]

    def traced(self, name):
        """What the trace point NAME said, a line each."""
        return re.findall(rf":{name} (.*)$", self.error_text(), re.MULTILINE)


def follow(machine, started):
    """Tell each stage as it comes; ends at the login prompt."""
    pending = list(STAGES)
    while pending:
        match = machine.expect("|".join(f"({pattern})" for pattern, _ in pending), 900)
        index = next(number for number in range(len(pending)) if match[number + 1] is not None)
        print(f"  {time.monotonic() - started:7.1f} s  {pending[index][1]}", flush=True)
        del pending[:index + 1]
        machine.taken = match.end()


def look_around(machine, facts):
    """Ask the guest what it runs on."""
    facts["kernel"] = machine.check("uname -sr")
    facts["hypervisor"] = machine.check("dmesg | sed -n 's/.*Hypervisor detected: //p'") or "none seen"
    facts["cpus"] = machine.check("nproc")
    kinds = machine.traced("xen_host")
    facts["transport"] = TRANSPORTS.get(kinds[0].split()[0], kinds[0]) if kinds else "-"
    facts["unplugged"] = ", ".join(machine.traced("xen_platform_unplugged")) or "nothing"
    facts["root"] = machine.check("awk '$2 == \"/\" && $1 ~ \"^/dev\" {print $1}' /proc/mounts | tail -n 1")


def main():
    """Boot, look, power off."""
    results = pathlib.Path(os.environ["RESULTS"])
    facts = {}
    scratch = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    disk = scratch / "disk.raw"
    try:
        shutil.copy(pathlib.Path(os.environ["JOB"], "assets", os.environ["DISK"]), disk)
        started = time.monotonic()
        with DocumentedMachine(os.environ["BINARY"], results, disk, cpus=int(os.environ["CPUS"]),
                               memory=int(os.environ["MEMORY"])) as machine:
            follow(machine, started)
            facts["login"] = f"{time.monotonic() - started:.1f}"
            machine.enter_shell(300)
            look_around(machine, facts)
            machine.send("poweroff\n")
            facts["status"] = machine.wait(600)
            if not facts["root"].startswith("/dev/xvda"):
                facts["failure"] = f"the root is on {facts['root']}, not on xvda"
            if facts["status"] != 0:
                facts["failure"] = f"the machine ended with status {facts['status']}"
            print(f"  {time.monotonic() - started:7.1f} s  powered off", flush=True)
    except AssertionError as error:
        facts["failure"] = str(error).split("\n", maxsplit=1)[0]
        print(error, flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        (results / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    return 0 if facts.get("status") == 0 and "failure" not in facts else 1


if __name__ == "__main__":
    sys.exit(main())
