"""A libvirtd of a test's own: everything it reads and writes lies in one folder, nothing of the host's libvirt is seen.

As root it runs in system mode in a mount namespace of its own, where the folders that libvirt has built in are
the test's; without root it is the user's session daemon with the XDG folders moved.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import pathlib
import shutil
import signal
import subprocess
import time

TIME_LIMIT = 60
# What sockaddr_un holds, less the zero at its end.
SOCKET_PATH_LIMIT = 107
# What libvirt has built in, and what of ours lies there.
BUILT_IN = {"/etc/libvirt": "etc", "/var/lib/libvirt": "lib", "/var/cache/libvirt": "cache",
            "/var/log/libvirt": "log", "/run": "run"}
LIBVIRTD_CONF = """
auth_unix_ro = "none"
auth_unix_rw = "none"
log_filters = "3:object 3:util 1:qemu.qemu_monitor"
log_outputs = "1:file:{folder}/libvirtd.log"
"""
# libvirtd does not start without this user and group, which Debian's libvirt-daemon-system makes.
USER = "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin"
GROUPS = "libvirt-qemu:x:64055:\nkvm:x:64056:"
# The guests run as root, without helpers that a booted host would have running.
QEMU_CONF = """
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
stdio_handler = "file"
cgroup_controllers = [ ]
"""


class LibvirtError(AssertionError):
    """virsh failed; the text is what it said."""


def why_not():
    """None, or why there can be no libvirtd on this host."""
    for name in ("libvirtd", "virsh", "unshare"):
        if not shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            return f"{name} is not installed (scripts/install-deps)"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not there or not ours"
    if os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True,
                                            check=False).returncode != 0:
        return "mount namespaces are not allowed here"
    return None


class LibvirtHost:
    """A running libvirtd. A context manager: guests that still run at the end are killed."""

    def __init__(self, folder, *, qemu_conf=QEMU_CONF, tools=None):
        self.folder = pathlib.Path(folder)
        self.system = os.geteuid() == 0
        self.process = None
        self.environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder)}
        self.sbin = "/usr/sbin:/sbin"
        if tools:
            self._use(pathlib.Path(tools))
        for name in BUILT_IN.values():
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.log_taken = 0
        if self.system:
            self.configuration = self.folder / "etc"
            self.socket = self.folder / "run/libvirt/libvirt-sock"
        else:
            (self.folder / "run").chmod(0o700)
            self.environment |= {"XDG_RUNTIME_DIR": f"{self.folder}/run", "XDG_CONFIG_HOME": f"{self.folder}/etc",
                                 "XDG_CACHE_HOME": f"{self.folder}/cache"}
            self.configuration = self.folder / "etc/libvirt"
            self.configuration.mkdir(exist_ok=True)
            self.socket = self.folder / "run/libvirt/libvirt-sock"
            qemu_conf = 'stdio_handler = "file"\n'
        if len(os.fsencode(self.socket)) > SOCKET_PATH_LIMIT:
            raise LibvirtError(f"{self.socket} is too long for a socket's path")
        mode = "system" if self.system else "session"
        self.connection = ["-q", "-c", f"qemu+unix:///{mode}?socket={self.socket}"]
        (self.configuration / "libvirtd.conf").write_text(LIBVIRTD_CONF.format(folder=self.folder))
        (self.configuration / "qemu.conf").write_text(qemu_conf)

    def _use(self, tools):
        """Take libvirt from the folder TOOLS (see hostlib/libvirt.py) on a host that has none; as root."""
        self.environment |= {"PATH": f"{tools}/bin:{self.environment['PATH']}", "LD_LIBRARY_PATH": f"{tools}/lib",
                             "LIBVIRT_DRIVER_DIR": f"{tools}/drivers"}
        self.sbin = f"{tools}/bin:{self.sbin}"
        for place, name in (("/usr/share/libvirt", "."), ("/usr/lib/libvirt", "libvirt")):
            if not os.path.exists(place):
                os.makedirs(os.path.dirname(place), exist_ok=True)
                os.symlink(tools / name, place)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        try:
            for name in self.virsh("list", "--name").split():
                self.virsh("destroy", name)
        except (LibvirtError, subprocess.TimeoutExpired):
            pass
        self.stop()
        for path in self.folder.glob("run/**/*.pid"):
            self._kill_guest(path)

    def _kill_guest(self, pidfile):
        """Kill what a crashed daemon left behind, if it is a guest of ours."""
        try:
            pid = int(pidfile.read_text())
            if str(self.folder).encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        except (ValueError, OSError):
            pass

    def _command(self):
        """libvirtd, as root behind the mounts that make the folders its own."""
        # With no emulator in its PATH libvirtd does not look into all of them first.
        daemon = ["env", f"PATH={self.sbin}", "libvirtd", "--config", str(self.configuration / "libvirtd.conf")]
        if not self.system:
            return daemon
        for name, lines in (("passwd", USER), ("group", GROUPS)):
            known = pathlib.Path("/etc", name).read_text()
            extra = [line for line in lines.split("\n") if line.split(":")[0] + ":" not in known]
            (self.folder / name).write_text(known + "".join(f"{line}\n" for line in extra))
        mounts = "".join(f"mkdir -p {there}; mount --bind {self.folder}/{here} {there} && "
                         for there, here in BUILT_IN.items())
        mounts += "".join(f"mount --bind {self.folder}/{name} /etc/{name} && " for name in ("passwd", "group"))
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{mounts} exec "$@"', "sh", *daemon]

    def start(self):
        """Start the daemon and wait until it answers."""
        with open(self.folder / "libvirtd.err", "ab") as errors:
            self.process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                            env=self.environment, cwd="/")
        end = time.monotonic() + TIME_LIMIT
        while True:
            done = self.try_virsh("list")
            if done.returncode == 0:
                return
            if self.process.poll() is not None or time.monotonic() > end:
                said = "".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("libvirtd.*"))
                raise LibvirtError(f"libvirtd does not answer (status {self.process.poll()}): {done.stderr}{said}")
            time.sleep(0.1)

    def stop(self):
        """End the daemon; its guests stay."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(TIME_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self):
        """SIGKILL for the daemon; its guests stay."""
        self.process.kill()
        self.process.wait()

    def clean(self):
        """Take every domain away, running or not, and forget the events."""
        for name in self.virsh("list", "--name").split():
            self.virsh("destroy", name)
        for name in self.virsh("list", "--all", "--name").split():
            self.virsh("undefine", name, "--managed-save")
        self.forget_events()

    def events(self, text):
        """The lines of QMP events that hold TEXT, as the daemon logged them since they were last forgotten."""
        log = (self.folder / "libvirtd.log").read_text(errors="replace")[self.log_taken:]
        return [line for line in log.splitlines() if "RECV_EVENT" in line and text in line]

    def forget_events(self):
        """What was logged so far is of no interest any more."""
        self.log_taken = len((self.folder / "libvirtd.log").read_text(errors="replace"))

    def restart(self):
        """End the daemon and start it anew."""
        self.stop()
        self.start()

    def try_virsh(self, *arguments, timeout=TIME_LIMIT):
        """Run virsh; a CompletedProcess with text."""
        return subprocess.run(["virsh", *self.connection, *[str(argument) for argument in arguments]],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
                              env=self.environment)

    def virsh(self, *arguments, timeout=TIME_LIMIT):
        """Run virsh, which must succeed; what it printed."""
        done = self.try_virsh(*arguments, timeout=timeout)
        if done.returncode != 0:
            raise LibvirtError(f"virsh {' '.join(str(a) for a in arguments)}: {done.stderr.strip()}")
        return done.stdout

    def virsh_fails(self, *arguments):
        """Run virsh, which must fail; what it said."""
        done = self.try_virsh(*arguments)
        assert done.returncode != 0, f"virsh {arguments} did not fail: {done.stdout}"
        return done.stderr

    def guest_log(self, name):
        """The log that libvirt keeps of a guest: its command line and standard error."""
        folder = self.folder / ("log/qemu" if self.system else "cache/libvirt/qemu/log")
        return (folder / f"{name}.log").read_text(errors="replace")

    def guest_pid(self, name):
        """The process of a running guest."""
        folder = self.folder / "run/libvirt/qemu" / ("." if self.system else "run")
        return int((folder / f"{name}.pid").read_text())
