#!/usr/bin/python3
"""Wrong command lines and damaged files: each ends with status 1 and exactly one line that names the culprit.
(QEMU's message about an image that is in use has two lines; so has ours.)

The table is the specification: a row has the arguments (as a shell splits them) and the line, without the
"qemu-system-x86_64: " it begins with. {folder} stands for a folder with the files that make_files() writes.
No row needs KVM. Prints TAP.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import pathlib
import shlex
import struct
import subprocess
import sys
import tempfile

PROGRAM = "qemu-system-x86_64"
TIME_LIMIT = 30
QTEST = "-accel qtest -machine none -nodefaults "
PC = "-accel qtest -machine pc -nodefaults -m 64 "

COMMAND_LINE = [
    # The command line as such.
    ("-foo", "-foo: invalid option"),
    ("--foo", "--foo: invalid option"),
    ("--", "--: invalid option"),
    ("-foo=1", "-foo=1: invalid option"),
    ("-m", "-m: requires an argument"),
    ("--smp", "--smp: requires an argument"),
    ("-icount shift=0", "-icount: there is no TCG in this build, guests run on KVM"),
    (QTEST + "-incoming pigeon:1", "-incoming pigeon:1: unknown migration protocol: pigeon:1"),
    (QTEST + "-incoming fd:name", "-incoming fd:name: fd:name: a number is needed here"),
    ("-loadvm x", "-loadvm: snapshots inside images are not supported by this build"),
    (QTEST + "-mon x", '-mon x: chardev "x" not found'),
    (QTEST + "-mon mode=control", "-mon mode=control: Parameter 'chardev' is missing"),
    (QTEST + "-mon c,mode=fast", "-mon c,mode=fast: Parameter 'mode' does not accept value 'fast'"),
    (QTEST + "-mon c,pretty=on", "-mon c,pretty=on: 'pretty' is not compatible with HMP monitors"),
    (QTEST + "-mon c,bad=1", "-mon c,bad=1: Invalid parameter 'bad'"),
    (QTEST + "-chardev null,id=c -mon c -mon c", "-mon c: Property 'monitor.chardev' can't take value 'c': Device 'c' is in use"),
    (QTEST + "-qmp nothing", "-qmp nothing: 'nothing' is not a valid char driver"),
    ("-readconfig x", "-readconfig: configuration files are not supported by this build"),
    ("-usb", "-usb: USB is not supported by this build"),
    ("-vga std", "-vga std: display adapters are not supported by this build, only 'none' is"),
    ("-display gtk", "-display gtk: displays are not supported by this build, only 'none' is"),
    ("-audiodev alsa,id=a", "-audiodev alsa,id=a: audio back ends are not supported by this build, only 'none' is"),
    ("-audiodev none", "-audiodev none: Parameter 'id' is missing"),
    ("-audiodev none,id=a,out.mixing-engine=off",
     "-audiodev none,id=a,out.mixing-engine=off: Invalid parameter 'out'"),
    (QTEST + "-monitor stdio -qmp stdio", "-qmp stdio: cannot use stdio by multiple character devices"),
    ("-parallel stdio", "-parallel stdio: parallel ports are not supported by this build, only 'none' is"),
    ("-fda /nonexistent", "-fda /nonexistent: Could not open '/nonexistent': No such file or directory"),
    (QTEST + "-M pc -pflash nofile", "-pflash nofile: Could not open 'nofile': No such file or directory"),
    (QTEST + "-M pc,pflash0=n", "Property 'cfi.pflash01.drive' can't find value 'n'"),
    (QTEST + "-M pc,pflash1=n -blockdev null-co,node-name=n,size=4096", "pflash1 requires pflash0"),
    (QTEST + "-M pc,pflash0=n -blockdev null-co,node-name=n,size=5k",
     "system firmware block device n has invalid size 5120: it must be a non-zero multiple of 0x1000"),
    (QTEST + "-M pc,pflash0=n -blockdev null-co,node-name=n,size=9M",
     "combined size of system firmware exceeds 8388608 bytes"),
    (QTEST + "-M pc,pflash0=n -blockdev null-co,node-name=n,size=4k -drive if=pflash,format=raw,file.driver=null-co",
     "-drive if=pflash,unit=0: clashes with -machine pflash0=n"),
    (QTEST + "-M pc -drive if=pflash,unit=2,file.driver=null-co,format=raw",
     "-drive if=pflash,unit=2,file.driver=null-co,format=raw: machine type does not support if=pflash,bus=0,unit=2"),
    (QTEST + "-M pc -device cfi.pflash01", "-device cfi.pflash01: Parameter 'driver' expects a pluggable device type"),
    # -netdev, -nic, -net.
    (QTEST + "-netdev socket", "-netdev socket: Parameter 'id' is missing"),
    (QTEST + "-netdev id=n", "-netdev id=n: Parameter 'type' is missing"),
    (QTEST + "-netdev pigeon,id=n", "-netdev pigeon,id=n: Parameter 'type' does not accept value 'pigeon'"),
    (QTEST + "-netdev vde,id=n", "-netdev vde,id=n: network backend 'vde' is not compiled into this binary"),
    (QTEST + "-netdev hubport,id=n,hubid=0",
     "-netdev hubport,id=n,hubid=0: network backend 'hubport' is not compiled into this binary"),
    (QTEST + "-netdev socket,id=0,listen=:0",
     "-netdev socket,id=0,listen=:0: Parameter 'id' expects an identifier, not '0'"),
    (QTEST + "-netdev socket,id=n,listen=:0 -netdev socket,id=n,listen=:0",
     "-netdev socket,id=n,listen=:0: Duplicate ID 'n' for netdev"),
    (QTEST + "-netdev socket,id=n,listen=:0,x=1", "-netdev socket,id=n,listen=:0,x=1: Invalid parameter 'x'"),
    (QTEST + "-netdev socket,id=n,connect=127.0.0.1:1",
     "-netdev socket,id=n,connect=127.0.0.1:1: Failed to connect to '127.0.0.1:1': Connection refused"),
    (QTEST + "-netdev socket,id=n,fd=99",
     "-netdev socket,id=n,fd=99: Parameter 'fd': file descriptor 99 is not open"),
    (QTEST + "-netdev tap,id=n,vhost=on",
     "-netdev tap,id=n,vhost=on: Parameter 'vhost' does not accept value 'on': there is no vhost in this build"),
    (QTEST + "-netdev tap,id=n,fd=0,script=no",
     "-netdev tap,id=n,fd=0,script=no: Parameter 'script' is invalid with 'fd' or 'fds'"),
    (QTEST + "-netdev tap,id=n,queues=4",
     "-netdev tap,id=n,queues=4: Parameter 'queues' does not accept value '4': a tap has one queue in this build"),
    (QTEST + "-netdev '{\"type\":\"stream\",\"id\":\"n\"}'",
     "-netdev {\"type\":\"stream\",\"id\":\"n\"}: Parameter 'addr' is missing"),
    (QTEST + "-netdev '{\"type\":7,\"id\":\"n\"}'",
     "-netdev {\"type\":7,\"id\":\"n\"}: Invalid parameter type for 'type', expected: string"),
    (QTEST + "-nic tap,model=e1000",
     "-nic tap,model=e1000: Parameter 'model' does not accept value 'e1000': the only adapter is 'xen-net-device'"),
    (QTEST + "-nic tap,mac=52:54:00",
     "-nic tap,mac=52:54:00: Parameter 'mac' expects an Ethernet address, not '52:54:00'"),
    (QTEST + "-nic pigeon", "-nic pigeon: Parameter 'type' does not accept value 'pigeon'"),
    (QTEST + "-net nic,model=rtl8139",
     "-net nic,model=rtl8139: Parameter 'model' does not accept value 'rtl8139': the only adapter is 'xen-net-device'"),
    (QTEST + "-net nic,macaddr=x",
     "-net nic,macaddr=x: Parameter 'macaddr' expects an Ethernet address, not 'x'"),
    (QTEST + "-net nic,vlan=1", "-net nic,vlan=1: Invalid parameter 'vlan'"),
    (QTEST + "-net nic -net nic",
     "-net nic: a second adapter of -net is not available: there is no hub to connect them, use -nic or -netdev"),
    (QTEST + "-net socket,listen=:0 -net tap",
     "-net tap: a second back end of -net is not available: there is no hub to connect them, use -nic or -netdev"),
    # -machine and -accel.
    (QTEST + "-machine nomachine",
     "-machine nomachine: unsupported machine type: 'nomachine', use -machine help to list supported machines"),
    (QTEST + "-M none,nokey=1", "-M none,nokey=1: Property 'none-machine.nokey' not found"),
    (QTEST + "-machine a..b=1", "-machine a..b=1: Invalid parameter 'a..b'"),
    (QTEST + "-machine mem-merge=maybe",
     "-machine mem-merge=maybe: Parameter 'mem-merge' expects 'on' or 'off', not 'maybe'"),
    (QTEST + "-machine memory-backend=mem0", "-machine memory-backend=mem0: Memory backend 'mem0' not found"),
    ("-accel tcg", "-accel tcg: accelerator tcg is not supported by this build, guests run on kvm"),
    ("-accel noaccel", "-accel noaccel: invalid accelerator noaccel"),
    ("-accel foo=1", "-accel foo=1: Parameter 'accel' is missing"),
    ("-machine accel=tcg:xen",
     "-machine accel=tcg:xen: accelerator tcg:xen is not supported by this build, guests run on kvm"),
    ("-machine accel=noaccel:kvm", "-machine accel=noaccel:kvm: invalid accelerator noaccel"),
    ("-accel qtest -machine accel=kvm",
     "-machine accel=kvm: The -accel and \"-machine accel=\" options are incompatible"),
    ("-accel qtest -enable-kvm", "-enable-kvm: The -accel and \"-machine accel=\" options are incompatible"),
    # -cpu, -smp, -m.
    ("-cpu ''", "-cpu : a CPU model is missing; see -cpu help"),
    ("-smp 0", "-smp 0: Invalid CPU topology: CPU topology parameters must be greater than zero"),
    ("-smp x", "-smp x: Parameter 'cpus' expects a number, not 'x'"),
    ("-smp 99999", "-smp 99999: Parameter 'cpus' expects a number from 0 to 4096, not '99999'"),
    ("-smp 2,foo=1", "-smp 2,foo=1: Invalid parameter 'foo'"),
    ("-smp 2,sockets=3", "-smp 2,sockets=3: Invalid CPU topology: product of the hierarchy must match maxcpus: "
                         "sockets (3) * dies (1) * cores (0) * threads (1) != maxcpus (2)"),
    ("-smp cpus=4,maxcpus=2", "-smp cpus=4,maxcpus=2: Invalid CPU topology: maxcpus must be equal to or greater "
                              "than smp: sockets (1) * dies (1) * cores (2) * threads (1) == maxcpus (2) < "
                              "smp_cpus (4)"),
    ("-smp sockets=4096,dies=4096,cores=4096,threads=4096",
     "-smp sockets=4096,dies=4096,cores=4096,threads=4096: Invalid CPU topology: sockets (4096) * dies (4096) * "
     "cores (4096) * threads (4096) is too many CPUs"),
    ("-smp clusters=2", "-smp clusters=2: clusters > 1 not supported by this machine's CPU topology"),
    (QTEST + "-smp 2", "-smp 2: Invalid SMP CPUs 2. The max CPUs supported by machine 'none' is 1"),
    ("-m lots", "-m lots: Parameter 'size' expects a size (a number with suffix k, M, G, T, P or E), not 'lots'"),
    ("-m -1", "-m -1: Parameter 'size' expects a size (a number with suffix k, M, G, T, P or E), not '-1'"),
    ("-m 99999999999999999999",
     "-m 99999999999999999999: Parameter 'size' expects a size (a number with suffix k, M, G, T, P or E), not "
     "'99999999999999999999'"),
    ("-m 16384P", "-m 16384P: Parameter 'size': size '16384P' is too large"),
    ("-m 8E", "-m 8E: Parameter 'size': a machine cannot have that much RAM"),
    ("-m 1G,slots=2", "-m 1G,slots=2: invalid: slots= without maxmem="),
    ("-m 1G,slots=2,maxmem=2G",
     "-m 1G,slots=2,maxmem=2G: memory hot-plug (slots=, maxmem=) is not supported by this build"),
    ("-m 1G,maxmem=512M", "-m 1G,maxmem=512M: invalid value of maxmem: maximum memory size (0x20000000) must be "
                          "at least the initial memory size (0x40000000)"),
    (PC + "-mem-path /nonexistent/ram", "-mem-path /nonexistent/ram: can't open backing store /nonexistent/ram "
                                        "for guest RAM: No such file or directory"),
    ("-overcommit cpu-pm=on", "-overcommit cpu-pm=on: cpu-pm=on is not supported by this build"),
    # -boot, -rtc, -uuid, -name, -global.
    ("-boot xyz", "-boot xyz: Invalid boot device 'x'"),
    ("-boot order=cc", "-boot order=cc: Boot device 'c' was given twice"),
    ("-boot once=acdn", "-boot once=acdn: Too many boot devices 'acdn', a pc takes 3"),
    ("-boot menu=perhaps", "-boot menu=perhaps: Parameter 'menu' expects 'on' or 'off', not 'perhaps'"),
    ("-boot foo=1", "-boot foo=1: Invalid parameter 'foo'"),
    ("-boot splash-time=70000",
     "-boot splash-time=70000: Parameter 'splash-time' expects a number from 0 to 65535, not '70000'"),
    ("-boot reboot-timeout=-2",
     "-boot reboot-timeout=-2: Parameter 'reboot-timeout' expects a number from -1 to 65535, not '-2'"),
    ("-rtc base=noon", "-rtc base=noon: invalid datetime format 'noon', valid are '2006-06-17T16:01:21' and "
                       "'2006-06-17'"),
    ("-rtc clock=sun", "-rtc clock=sun: Parameter 'clock' does not accept value 'sun'"),
    ("-rtc driftfix=no", "-rtc driftfix=no: Parameter 'driftfix' does not accept value 'no'"),
    ("-uuid 1234", "-uuid 1234: failed to parse UUID string: wrong format"),
    ("-uuid 12345678-1234-1234-1234-12345678901z",
     "-uuid 12345678-1234-1234-1234-12345678901z: failed to parse UUID string: wrong format"),
    ("-name a,foo=1", "-name a,foo=1: Invalid parameter 'foo'"),
    ("-global foo", "-global foo: Invalid parameter 'foo'"),
    ("-global driver=a,property=b", "-global driver=a,property=b: Parameter 'value' is missing"),
    # -object.
    (QTEST + "-object nothing", "-object nothing: Parameter 'qom-type' does not accept value 'nothing'"),
    (QTEST + "-object id=a", "-object id=a: Parameter 'qom-type' is missing"),
    (QTEST + "-object iothread", "-object iothread: Parameter 'id' is missing"),
    (QTEST + "-object iothread,id=1a", "-object iothread,id=1a: Parameter 'id' expects an identifier, not '1a'"),
    (QTEST + "-object iothread,id=a,foo=1", "-object iothread,id=a,foo=1: Invalid parameter 'foo'"),
    (QTEST + "-object iothread,id=a -object iothread,id=a",
     "-object iothread,id=a: attempt to add duplicate property 'a' to object"),
    (QTEST + "-object memory-backend-ram,id=m", "-object memory-backend-ram,id=m: Parameter 'size' is missing"),
    (QTEST + "-object memory-backend-ram,id=m,size=5000",
     "-object memory-backend-ram,id=m,size=5000: Parameter 'size' expects a multiple of the page size, 4096 bytes"),
    (QTEST + "-object memory-backend-file,id=m,size=1M",
     "-object memory-backend-file,id=m,size=1M: Parameter 'mem-path' is missing"),
    (QTEST + "-object memory-backend-memfd,id=m,size=1M,hugetlb=on",
     "-object memory-backend-memfd,id=m,size=1M,hugetlb=on: Parameter 'hugetlb': 'on' is not supported by this "
     "build"),
    (QTEST + "-object secret,id=s", "-object secret,id=s: Must provide 'file' or 'data'"),
    (QTEST + "-object secret,id=s,data=!!,format=base64",
     "-object secret,id=s,data=!!,format=base64: Parameter 'data': not base64"),
    (PC + "-object memory-backend-ram,id=m,size=32M -machine memory-backend=m",
     "-m 64: Size specified by -m option must match size of explicitly specified 'memory-backend' property"),
    # Character devices.
    (QTEST + "-chardev null", "-chardev null: chardev: no id specified"),
    (QTEST + "-chardev nothing,id=a", "-chardev nothing,id=a: 'nothing' is not a valid char driver name"),
    (QTEST + "-serial nothing", "-serial nothing: 'nothing' is not a valid char driver"),
    (QTEST + "-serial null -serial null -serial null -serial null -serial null",
     "-serial null: a machine has at most 4 serial ports"),
    ("-echr a", "-echr a: Parameter 'echr' expects a number, not 'a'"),
    ("-echr 256", "-echr 256: Parameter 'echr' expects a number from 0 to 255, not '256'"),
    ("-accel qtest -machine none -nographic -daemonize", "-nographic cannot be used with -daemonize"),
    (QTEST + "-serial stdio -daemonize", "-daemonize: cannot use stdio with -daemonize"),
    (QTEST + "-qtest none", "-qtest none: a character device is needed"),
    (QTEST + "-qtest null -qtest-log /nonexistent/log",
     "-qtest-log /nonexistent/log: Could not open '/nonexistent/log': No such file or directory"),
    # Boot.
    (QTEST + "-append x", "-append only allowed with -kernel option"),
    (QTEST + "-initrd x", "-initrd only allowed with -kernel option"),
    (QTEST + "-dtb x", "-dtb only allowed with -kernel option"),
    ("-fw_cfg opt/x", "-fw_cfg opt/x: Must specify file= or string="),
    ("-smbios version=1", "-smbios version=1: Must specify type= or file="),
    ("-acpitable sig=X", "-acpitable sig=X: Must specify file= or data="),
    # The process.
    (QTEST + "-d nothing", "-d nothing: unknown log item 'nothing'; see -d help"),
    (QTEST + "-D /nonexistent/log",
     "-D /nonexistent/log: Could not open log file '/nonexistent/log': No such file or directory"),
    (QTEST + "-trace events=/nonexistent/events",
     "-trace events=/nonexistent/events: Could not read trace events: Failed to open file "
     "“/nonexistent/events”: No such file or directory"),
    ("-msg foo", "-msg foo: Invalid parameter 'foo'"),
    ("-action panic=scream", "-action panic=scream: Parameter 'panic' does not accept value 'scream'"),
    ("-watchdog-action bark", "-watchdog-action bark: Parameter 'watchdog' does not accept value 'bark'"),
    ("-sandbox maybe", "-sandbox maybe: Parameter 'enable' expects 'on' or 'off', not 'maybe'"),
    ("-add-fd fd=1,set=2", "-add-fd fd=1,set=2: fd cannot be a standard I/O stream"),
    ("-add-fd fd=77,set=2", "-add-fd fd=77,set=2: fd is not valid or already in use"),
    ("-add-fd set=2", "-add-fd set=2: fd= and set= are required"),
    ("-run-with async-teardown=on",
     "-run-with async-teardown=on: async-teardown=on is not supported by this build"),
    (QTEST + "-run-with user=no-such-user", "-run-with user=no-such-user: there is no such user"),
    (QTEST + "-pidfile /nonexistent/pid", "-pidfile /nonexistent/pid: cannot create PID file: Could not create "
                                          "'/nonexistent/pid': No such file or directory"),
    (QTEST + "-daemonize -pidfile /nonexistent/pid",
     "-pidfile /nonexistent/pid: cannot create PID file: Could not create '/nonexistent/pid': No such file or "
     "directory"),
    # JSON.
    ("-device '{\"driver\"'", "-device {\"driver\": JSON parse error: <data>:1:9: Parse error: unexpected string "
                              "constant \"driver\", expected character `:'"),
    (QTEST + "-object '[]'", "-object []: Parameter 'qom-type' does not accept value '[]'"),
    ("-blockdev '{\"a\": " + "[" * 200 + "'",
     "-blockdev {\"a\": " + "[" * 200 + ": JSON nests deeper than 64 levels"),
]

# Each of these is added to a pc.
DEVICES = [
    ("-device nothing", "-device nothing: 'nothing' is not a valid device model name"),
    ("-device ide-hd", "-device ide-hd: No drive specified"),
    ("-device ide-hd,drive=none", "-device ide-hd,drive=none: Property 'ide-hd.drive' can't find value 'none'"),
    ("-drive file={folder}/disk,format=raw,if=none,id=d -device ide-hd,drive=d,nokey=1",
     "-device ide-hd,drive=d,nokey=1: Property 'ide-hd.nokey' not found"),
    ("-device isa-serial,chardev=c", "-device isa-serial,chardev=c: Property 'serial.chardev' can't find value 'c'"),
    ("-device isa-debug-exit,iobase=x",
     "-device isa-debug-exit,iobase=x: Property 'isa-debug-exit.iobase' doesn't take value 'x': Parameter 'iobase' "
     "expects a number, not 'x'"),
    ("-device isa-debug-exit,iobase=70000",
     "-device isa-debug-exit,iobase=70000: Property 'isa-debug-exit.iobase' doesn't take value '70000': Parameter "
     "'iobase' expects a number from 0 to 65535, not '70000'"),
    ("-device isa-debug-exit,id=1x", "-device isa-debug-exit,id=1x: Parameter 'id' expects an identifier"),
    ("-device isa-debug-exit,id=a -device pvpanic,id=a", "-device pvpanic,id=a: Duplicate device ID 'a'"),
    ("-device ide-hd,bus=ide.7,drive=d", "-device ide-hd,bus=ide.7,drive=d: Bus 'ide.7' not found"),
    ("-device isa-debug-exit,bus=ide.0",
     "-device isa-debug-exit,bus=ide.0: Device 'isa-debug-exit' can't go on IDE bus"),
    ("-device i440FX", "-device i440FX: Parameter 'driver' expects a pluggable device type"),
    ("-device ,", "-device ,: '' is not a valid device model name"),
    ("-device id=x", "-device id=x: Parameter 'driver' is missing"),
    ("-device isa-serial,index=9", "-device isa-serial,index=9: Max. supported number of ISA serial ports is 4."),
    ("-device isa-serial -device isa-serial -device isa-serial -device isa-serial -device isa-serial",
     "-device isa-serial: Max. supported number of ISA serial ports is 4."),
    ("-debugcon nothing", "-debugcon nothing: 'nothing' is not a valid char driver"),
    ("-serial file:/nonexistent/x",
     "-serial file:/nonexistent/x: Could not open '/nonexistent/x': No such file or directory"),
    ("-serial unix:/nonexistent/x",
     "-serial unix:/nonexistent/x: Failed to connect to '/nonexistent/x': No such file or directory"),
    ("-serial tcp:x", "-serial tcp:x: 'x' is not HOST:PORT"),
    ("-serial chardev:x", "-serial chardev:x: 'chardev:x': there is no chardev 'x'"),
    ("-chardev file,id=a", "-chardev file,id=a: chardev: file: no filename given"),
    ("-chardev null,id=a -chardev null,id=a", "-chardev null,id=a: Duplicate ID 'a' for chardev"),
    ("-chardev null,id=a,nokey=1", "-chardev null,id=a,nokey=1: Invalid parameter 'nokey'"),
    ("-chardev socket,id=a",
     "-chardev socket,id=a: chardev: socket: exactly one of 'path', 'fd' and 'host' is needed"),
    ("-chardev null,id=a -serial chardev:a -serial chardev:a",
     "Property 'serial.chardev' can't take value 'a': Device 'a' is in use"),
    ("-chardev pipe,id=a,path=/nonexistent",
     "-chardev pipe,id=a,path=/nonexistent: Could not open '/nonexistent': No such file or directory"),
    ("-chardev ringbuf,id=a,size=3", "-chardev ringbuf,id=a,size=3: size of ringbuf chardev must be power of two"),
]

DISKS = [
    ("-drive foo=1", "-drive foo=1: Parameter 'file' is missing"),
    ("-drive file=/nonexistent",
     "-drive file=/nonexistent: Could not open '/nonexistent': No such file or directory"),
    ("-hda /nonexistent", "-hda /nonexistent: Could not open '/nonexistent': No such file or directory"),
    ("/nonexistent", "-hda /nonexistent: Could not open '/nonexistent': No such file or directory"),
    ("-drive file={folder}/disk,format=qcow2",
     "-drive file={folder}/disk,format=qcow2: Driver 'qcow2' is not supported; images must be raw"),
    ("-hda {folder}/qcow2",
     "-hda {folder}/qcow2: Could not open '{folder}/qcow2': Driver 'qcow2' is not supported; images must be raw"),
    ("-hda {folder}/vmdk",
     "-hda {folder}/vmdk: Could not open '{folder}/vmdk': Driver 'vmdk' is not supported; images must be raw"),
    ("-hda nbd://x/y", "-hda nbd://x/y: Driver 'nbd' is not supported; images must be raw"),
    ("-drive file={folder}/disk,format=nothing",
     "-drive file={folder}/disk,format=nothing: Unknown driver 'nothing'"),
    ("-drive file={folder}/disk,format=raw,if=floppy,index=2",
     "-drive file={folder}/disk,format=raw,if=floppy,index=2: machine type does not support if=floppy,bus=0,unit=2"),
    ("-drive file={folder}/disk,format=raw,if=floppy,rerror=stop",
     "-drive file={folder}/disk,format=raw,if=floppy,rerror=stop: rerror is not supported by this bus type"),
    ("-fda {folder}/qcow2",
     "-fda {folder}/qcow2: Could not open '{folder}/qcow2': Driver 'qcow2' is not supported; images must be raw"),
    ("-fdb /nonexistent", "-fdb /nonexistent: Could not open '/nonexistent': No such file or directory"),
    ("-drive file={folder}/disk,format=raw,if=floppy -device floppy,unit=0",
     "-device floppy,unit=0: Floppy unit 0 is in use"),
    ("-device floppy,unit=2", "-device floppy,unit=2: Can't create floppy unit 2, bus supports only 2 units"),
    ("-device floppy -device floppy -device floppy",
     "-device floppy: Can't create floppy unit 2, bus supports only 2 units"),
    ("-device floppy,drive=nothing",
     "-device floppy,drive=nothing: Property 'floppy.drive' can't find value 'nothing'"),
    ("-device floppy,drive-type=360",
     "-device floppy,drive-type=360: Parameter 'drive-type' does not accept value '360'"),
    ("-device floppy,logical_block_size=4096",
     "-device floppy,logical_block_size=4096: Physical and logical block size must be 512 for floppy"),
    ("-device floppy,bus=ide.0", "-device floppy,bus=ide.0: Device 'floppy' can't go on IDE bus"),
    ("-device floppy,bus=floppy-bus.1", "-device floppy,bus=floppy-bus.1: Bus 'floppy-bus.1' not found"),
    ("-device isa-fdc,iobase=0x370", "-device isa-fdc,iobase=0x370: DMA channel 2 is not free"),
    ("-device isa-fdc,iobase=0x370,dma=1,irq=5,fallback=auto",
     "-device isa-fdc,iobase=0x370,dma=1,irq=5,fallback=auto: Cannot choose a fallback FDrive type of 'auto'"),
    ("-device isa-fdc,iobase=0x370,dma=1,irq=5,fdtypeB=300",
     "-device isa-fdc,iobase=0x370,dma=1,irq=5,fdtypeB=300: Parameter 'fdtypeB' does not accept value '300'"),
    ("-device isa-fdc,iobase=0x370,dma=1,irq=5,driveA=nothing",
     "-device isa-fdc,iobase=0x370,dma=1,irq=5,driveA=nothing: Property 'floppy.drive' can't find value 'nothing'"),
    ("-device isa-fdc,iobase=0x370,dma=1,irq=5,bootindexA=1,bootindexB=1",
     "-device isa-fdc,iobase=0x370,dma=1,irq=5,bootindexA=1,bootindexB=1: The bootindex 1 has already been used"),
    ("-drive file={folder}/disk,format=raw,if=nothing",
     "-drive file={folder}/disk,format=raw,if=nothing: unsupported bus type 'nothing'"),
    ("-drive file={folder}/disk,format=raw,cache=fast",
     "-drive file={folder}/disk,format=raw,cache=fast: invalid cache option 'fast'"),
    ("-drive file={folder}/disk,format=raw,aio=x",
     "-drive file={folder}/disk,format=raw,aio=x: invalid aio option 'x'"),
    ("-drive file={folder}/disk,format=raw,discard=x",
     "-drive file={folder}/disk,format=raw,discard=x: Invalid discard option 'x'"),
    ("-drive file={folder}/disk,format=raw,werror=x",
     "-drive file={folder}/disk,format=raw,werror=x: 'x' invalid write error action"),
    ("-drive file={folder}/disk,format=raw,rerror=enospc",
     "-drive file={folder}/disk,format=raw,rerror=enospc: 'enospc' invalid read error action"),
    ("-drive file={folder}/disk,format=raw,index=9",
     "-drive file={folder}/disk,format=raw,index=9: machine type does not support if=ide,bus=4,unit=1"),
    ("-drive file={folder}/disk,format=raw,index=x",
     "-drive file={folder}/disk,format=raw,index=x: Parameter 'index' expects a number, not 'x'"),
    ("-drive file={folder}/disk,format=raw,index=0,bus=0",
     "-drive file={folder}/disk,format=raw,index=0,bus=0: index cannot be used with bus and unit"),
    ("-drive file={folder}/disk,format=raw,index=0 -drive file={folder}/noise,format=raw,index=0",
     "-drive file={folder}/noise,format=raw,index=0: drive with bus=0, unit=0 (index=0) exists"),
    ("-drive file={folder}/disk,format=raw,media=tape",
     "-drive file={folder}/disk,format=raw,media=tape: 'tape' invalid media"),
    ("-drive file={folder}/disk,format=raw,id=a,if=none -drive file={folder}/noise,format=raw,id=a,if=none",
     "-drive file={folder}/noise,format=raw,id=a,if=none: Duplicate ID 'a' for drive"),
    ("-drive file={folder}/disk,format=raw,nokey=1",
     "-drive file={folder}/disk,format=raw,nokey=1: Block format 'raw' does not support the option 'nokey'"),
    ("-drive file={folder}/disk,format=raw,readonly=maybe",
     "-drive file={folder}/disk,format=raw,readonly=maybe: Parameter 'read-only' expects 'on' or 'off', not 'maybe'"),
    ("-drive file={folder}/disk,format=raw,readonly=on",
     "-drive file={folder}/disk,format=raw,readonly=on: Block node is read-only"),
    ("-drive if=none,id=d -device ide-hd,drive=d", "-device ide-hd,drive=d: Device needs media, but drive is empty"),
    ("-drive file={folder},format=raw", "-drive file={folder},format=raw: Could not open '{folder}': Is a directory"),
    ("-drive file={folder}/disk,format=raw,file.locking=perhaps",
     "-drive file={folder}/disk,format=raw,file.locking=perhaps: Parameter 'locking' does not accept value 'perhaps'"),
    ("-blockdev nothing", "-blockdev nothing: Parameter 'driver' does not accept value 'nothing'"),
    ("-blockdev file,node-name=a", "-blockdev file,node-name=a: Parameter 'filename' is missing"),
    ("-blockdev file,node-name=a,filename=/nonexistent",
     "-blockdev file,node-name=a,filename=/nonexistent: Could not open '/nonexistent': No such file or directory"),
    ("-blockdev file,filename={folder}/disk",
     "-blockdev file,filename={folder}/disk: 'node-name' must be specified for the root node"),
    ("-blockdev file,node-name=a,filename={folder}/disk,nokey=1",
     "-blockdev file,node-name=a,filename={folder}/disk,nokey=1: Parameter 'nokey' is unexpected"),
    ("-blockdev raw,node-name=a,file=b",
     "-blockdev raw,node-name=a,file=b: Cannot find device='b' nor node-name='b'"),
    ("-blockdev file,node-name=a,filename={folder}/disk -blockdev file,node-name=a,filename={folder}/noise",
     "-blockdev file,node-name=a,filename={folder}/noise: Duplicate nodes with node-name='a'"),
    ("-blockdev qcow2,node-name=a,file=b",
     "-blockdev qcow2,node-name=a,file=b: Driver 'qcow2' is not supported; images must be raw"),
    ("-blockdev '{\"driver\":\"file\",\"node-name\":\"a\",\"filename\":1}'",
     "-blockdev {\"driver\":\"file\",\"node-name\":\"a\",\"filename\":1}: Invalid parameter type for 'filename', "
     "expected: string"),
    ("-blockdev file,node-name=0a,filename={folder}/disk",
     "-blockdev file,node-name=0a,filename={folder}/disk: Invalid node-name: '0a'"),
    ("-blockdev file,node-name=a,filename={folder}/disk -device ide-hd,drive=a -device ide-hd,drive=a",
     "-device ide-hd,drive=a: Permission conflict on node 'a': permissions 'write' are both required by block device "
     "'ide-hd' (uses node 'a' as 'root' child) and unshared by block device 'ide-hd' (uses node 'a' as 'root' child)."),
    ("-drive file={folder}/disk,format=raw -drive file={folder}/disk,format=raw,index=3",
     "-drive file={folder}/disk,format=raw,index=3: Failed to get \"write\" lock\nIs another process using the image "
     "[{folder}/disk]?"),
]

BOOT = [
    ("-kernel /nonexistent", "-kernel /nonexistent: No such file or directory"),
    ("-kernel {folder}/empty", "-kernel {folder}/empty: the file is empty"),
    ("-kernel {folder}/noise",
     "-kernel {folder}/noise: not a bzImage, a Multiboot kernel or an ELF kernel with a PVH note"),
    ("-kernel {folder}/zimage", "-kernel {folder}/zimage: a zImage, which loads below 1 MiB; use a bzImage"),
    ("-kernel {folder}/cut-bzimage",
     "-kernel {folder}/cut-bzimage: the file is truncated: 4096 bytes, its setup code alone has 32768"),
    ("-kernel {folder}/old-bzimage",
     "-kernel {folder}/old-bzimage: boot protocol 2.01 is too old, 2.02 is the oldest supported"),
    ("-kernel {folder}/cut-elf", "-kernel {folder}/cut-elf: the file is truncated: bytes 64-568 of 200"),
    ("-kernel {folder}/elf-head", "-kernel {folder}/elf-head: the file is truncated: no whole ELF header"),
    ("-kernel {folder}/elf-no-note",
     "-kernel {folder}/elf-no-note: Error loading uncompressed kernel without PVH ELF Note"),
    ("-kernel {folder}/elf-huge",
     "-kernel {folder}/elf-huge: loads 1099511627776 bytes at 0x100000, which is not free memory of this guest (64 "
     "MiB below 4 GiB)"),
    ("-kernel {folder}/elf-wrap",
     "-kernel {folder}/elf-wrap: its PVH entry point 0x100000 is outside of what it loads"),
    ("-kernel {folder}/elf-small", "-kernel {folder}/elf-small: ELF segment 0 is larger in the file than in memory"),
    ("-kernel {folder}/elf-high",
     "-kernel {folder}/elf-high: its PVH entry point 0x100000 is outside of what it loads"),
    ("-kernel {folder}/bad-multiboot", "-kernel {folder}/bad-multiboot: invalid load_addr address"),
    ("-kernel {folder}/multiboot -initrd {folder}/nonexistent",
     "-initrd {folder}/nonexistent: No such file or directory"),
    ("-kernel {folder}", "-kernel {folder}: Is a directory"),
    ("-bios /nonexistent", "could not load PC BIOS '/nonexistent': No such file or directory"),
    ("-bios {folder}/empty",
     "could not load PC BIOS '{folder}/empty': its size must be a multiple of 64 KiB, up to 8 MiB"),
    ("-bios {folder}/odd",
     "could not load PC BIOS '{folder}/odd': its size must be a multiple of 64 KiB, up to 8 MiB"),
    ("-fw_cfg name=x,string=y,file=z", "-fw_cfg name=x: exactly one of file= and string= is needed"),
    ("-fw_cfg opt/x,file=/nonexistent",
     "-fw_cfg name=opt/x: can't load /nonexistent: Failed to open file “/nonexistent”: No such file or directory"),
    ("-fw_cfg opt/x,string=a -fw_cfg opt/x,string=b", "-fw_cfg name=opt/x: duplicate fw_cfg file name: opt/x"),
    ("-smbios type=300", "-smbios: Parameter 'type' expects a number from 0 to 127, not '300'"),
    ("-smbios type=1,nokey=1", "-smbios: Invalid parameter 'nokey'"),
    ("-smbios file=/nonexistent",
     "-smbios file=/nonexistent: Cannot read SMBIOS file: Failed to open file “/nonexistent”: No such file or "
     "directory"),
    ("-smbios file={folder}/noise", "-smbios file={folder}/noise: not an SMBIOS structure with its strings"),
    ("-smbios file={folder}/empty", "-smbios file={folder}/empty: not an SMBIOS structure with its strings"),
    ("-smbios type=1,uuid=x", "-smbios type=1,uuid=x: Invalid UUID"),
    ("-acpitable file=/nonexistent",
     "-acpitable: can't open file /nonexistent: Failed to open file “/nonexistent”: No such file or directory"),
    ("-acpitable file={folder}/empty", "-acpitable file={folder}/empty: 0 bytes are less than a table header (36)"),
    ("-acpitable data={folder}/empty,sig=TOOLONG", "-acpitable sig=TOOLONG: must be 4 characters"),
    ("-boot splash=/nonexistent",
     "-boot splash=/nonexistent: Failed to open file “/nonexistent”: No such file or directory"),
    ("-smp 256", "-smp 256: Invalid SMP CPUs 256. The max CPUs supported by machine 'pc-i440fx-8.2' is 255"),
    ("-cpu nothing", "-cpu nothing: unable to find CPU model 'nothing'"),
    ("-cpu qemu64,nofeat=on", "-cpu qemu64,nofeat=on: Property 'qemu64-x86_64-cpu.nofeat' not found"),
    ("-cpu qemu64,+nofeat", "-cpu qemu64,+nofeat: Property 'qemu64-x86_64-cpu.nofeat' not found"),
    (PC + "-machine xen-pv-disks=on",
     "-machine xen-pv-disks=on: the guest has no Xen without -accel kvm,xen-version="),
    ("-machine pc,hpet=maybe", "-machine pc,hpet=maybe: Parameter 'hpet' expects 'on' or 'off', not 'maybe'"),
    ("-machine usb=on", "-machine usb=on: -machine usb=on is not supported"),
    ("-machine max-ram-below-4g=x",
     "-machine max-ram-below-4g=x: Parameter 'max-ram-below-4g' expects a size (a number with suffix k, M, G, T, P "
     "or E), not 'x'"),
    ("-machine nokey=1", "-machine nokey=1: Property 'pc-i440fx-8.2-machine.nokey' not found"),
]


def bzimage(version, loaded_high, setup_sectors=4, size=8192):
    """A Linux kernel's first sectors and nothing that would run. Source: Documentation/arch/x86/boot.rst."""
    image = bytearray(size)
    image[0x1f1] = setup_sectors
    struct.pack_into("<H", image, 0x1fe, 0xaa55)
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, version)
    image[0x211] = 1 if loaded_high else 0
    return bytes(image)


def elf(address, memory_size=16, headers=2, note=True):
    """A 64-bit ELF kernel: a loadable segment of 16 bytes in the file, and a note with a PVH entry point (18)."""
    data = 64 + 2 * 56
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0x100000, 64, 0, 0, 64, 56, headers,
                       0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, data, address, address, 16, memory_size, 4096)
    notes = struct.pack("<IIQQQQQQ", 4 if note else 0, 4, data, 0, 0, 24, 24, 4)
    return head + segment + notes + struct.pack("<III4sII", 4, 4, 18, b"Xen\0", 0x100000, 0)


def multiboot(load_address):
    """A flat Multiboot kernel with its header at offset 0."""
    magic, flags = 0x1badb002, 0x10000
    return struct.pack("<IIIIIIII", magic, flags, -(magic + flags) & 0xffffffff, 0x100000, load_address, 0, 0,
                       0x100020).ljust(8192, b"\0")


def make_files(folder):
    """The damaged files, and a few sound ones beside which something else is wrong."""
    content = {
        "empty": b"",
        "noise": bytes(range(256)) * 64,
        "odd": bytes(1000),
        "disk": bytes(1 << 20),
        "qcow2": struct.pack(">IIQIIQ", 0x514649fb, 3, 0, 0, 16, 1 << 20).ljust(512, b"\0"),
        "vmdk": b"KDMV\1\0\0\0".ljust(1024, b"\0"),
        "zimage": bzimage(0x20f, False),
        "old-bzimage": bzimage(0x201, True),
        "cut-bzimage": bzimage(0x20f, True, setup_sectors=63, size=4096),
        "cut-elf": elf(0x100000, headers=9),
        "elf-head": elf(0x100000)[:20],
        "elf-no-note": elf(0x100000, note=False),
        "elf-high": elf(1 << 52),
        "elf-huge": elf(0x100000, memory_size=1 << 40),
        "elf-wrap": elf(0xfffffffffffff000, memory_size=0x2000),
        "elf-small": elf(0x100000, memory_size=8),
        "multiboot": multiboot(0x100000),
        "bad-multiboot": multiboot(0xfffff000),
    }
    for name, data in content.items():
        (folder / name).write_bytes(data)


def run(binary, arguments, folder):
    """(exit status, stdout, stderr) of one command line."""
    words = shlex.split(arguments.replace("{folder}", str(folder)))
    # Messages of the C library and GLib are compared too.
    environment = dict(os.environ, LC_ALL="C.UTF-8", LANGUAGE="C")
    done = subprocess.run([binary, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIME_LIMIT, env=environment, check=False)
    return done.returncode, done.stdout, done.stderr


def check(binary, arguments, line, folder):
    """What is wrong with this row, or an empty list."""
    expected = f"{PROGRAM}: {line}\n".replace("{folder}", str(folder))
    try:
        status, output, errors = run(binary, arguments, folder)
    except subprocess.TimeoutExpired:
        return [f"still running after {TIME_LIMIT} s"]
    problems = []
    if status != 1:
        problems.append(f"status is {status}, not 1")
    if output:
        problems.append(f"stdout is not empty: {output!r}")
    if errors != expected:
        problems += [f"said:     {text}" for text in errors.splitlines() or ["nothing"]]
        problems.append(f"expected: {expected.rstrip()}")
    return problems


def main():
    """Run the table."""
    binary = sys.argv[1] if len(sys.argv) > 1 else os.environ["QTEST_QEMU_BINARY"]
    rows = COMMAND_LINE + [(PC + arguments, line) for arguments, line in DEVICES + DISKS + BOOT]
    print(f"1..{len(rows)}")
    with tempfile.TemporaryDirectory(prefix="bad-input-") as name:
        folder = pathlib.Path(name)
        make_files(folder)
        for number, (arguments, line) in enumerate(rows, 1):
            problems = check(binary, arguments, line, folder)
            shown = arguments if len(arguments) < 100 else arguments[:97] + "..."
            print("not ok" if problems else "ok", number, "-", shown.replace("#", ""))
            for problem in problems:
                print("#", problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
