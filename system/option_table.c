/*
 * The table of command-line options.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command_line.h"
#include "option_handlers.h"

#define STANDARD OPTION_GROUP_STANDARD
#define BLOCK    OPTION_GROUP_BLOCK
#define DISPLAY  OPTION_GROUP_DISPLAY
#define PC       OPTION_GROUP_PC
#define NETWORK  OPTION_GROUP_NETWORK
#define CHARDEV  OPTION_GROUP_CHARDEV
#define BOOT     OPTION_GROUP_BOOT
#define DEBUG    OPTION_GROUP_DEBUG
#define OBJECT   OPTION_GROUP_OBJECT

#define FIELD(member) offsetof(StartConfig, member)

#define MACHINE_ARGUMENT "[type=]NAME[,KEY=VALUE...]"
#define MACHINE_HELP     "the board ('help' lists boards; NAME,help its properties)"

static const CommandOption options[] = {
    {"h", NULL, STANDARD, "print this text and end", option_help},
    {"help", NULL, STANDARD, "the same", option_help},
    {"version", NULL, STANDARD, "print the version and end", option_version},
    {"machine", MACHINE_ARGUMENT, STANDARD, MACHINE_HELP, option_machine},
    {"M", MACHINE_ARGUMENT, STANDARD, "the same as -machine", option_machine},
    {"accel", "[accel=]NAME[,KEY=VALUE...]", STANDARD,
     "what runs the guest: kvm, or qtest for tests ('help' lists)\n"
     "keys of several -accel for one accelerator add up, the last wins",
     option_accel},
    {"enable-kvm", NULL, STANDARD, "the same as -machine accel=kvm", option_enable_kvm},
    {"xen-domid", "ID", STANDARD, "the Xen guest's domain id (1 without it)", option_kvm_key},
    {"cpu", "MODEL[,+FEATURE][,-FEATURE][,KEY=VALUE...]", STANDARD,
     "the CPU model ('help' lists models and features)", option_cpu},
    {"smp", "[[cpus=]N][,maxcpus=N][,sockets=N][,dies=N][,cores=N][,threads=N]", STANDARD,
     "number of CPUs and their topology", option_smp},
    {"m", "[size=]MEGABYTES[,slots=N][,maxmem=SIZE]", STANDARD,
     "size of the guest's RAM; suffixes k, M, G, T", option_memory},
    {"mem-path", "PATH", STANDARD, "take the RAM from a file in this folder, or from this file",
     option_string, FIELD(ram_path)},
    {"mem-prealloc", NULL, STANDARD, "touch all of the RAM at start", option_flag,
     FIELD(board.mem_prealloc)},
    {"overcommit", "[mem-lock=on|off][,cpu-pm=on|off]", STANDARD, "lock all memory of the process",
     option_overcommit},
    {"boot",
     "[order=DRIVES][,once=DRIVES][,menu=on|off][,strict=on|off]\n"
     "      [,splash=FILE][,splash-time=MS][,reboot-timeout=MS]",
     STANDARD, "what to boot from: c first hard disk, d first CD-ROM, n network", option_boot},
    {"name", "[guest=]NAME[,process=NAME][,debug-threads=on|off]", STANDARD,
     "name of the guest, and of the process", option_name},
    {"uuid", "UUID", STANDARD, "the machine's UUID", option_uuid},
    {"rtc", "[base=utc|localtime|DATE][,clock=host|rt|vm][,driftfix=none|slew]", STANDARD,
     "what the CMOS clock reads, and which clock it follows", option_rtc},
    {"device", "DRIVER[,id=ID][,bus=BUS][,KEY=VALUE...]", STANDARD,
     "add a device ('help' lists drivers; DRIVER,help its properties)", option_device},
    {"global", "DRIVER.PROPERTY=VALUE", STANDARD,
     "the default of a property for all devices of a driver", option_global},
    {"nodefaults", NULL, STANDARD, "no serial port and CD-ROM drive unless asked for",
     option_flag_off, FIELD(board.default_devices)},
    {"no-user-config", NULL, STANDARD, "read no configuration files; there are none to read",
     option_ignored},

    {"drive",
     "[file=FILE][,if=TYPE][,index=N][,media=disk|cdrom][,id=ID][,format=raw]\n"
     "      [,snapshot=on|off][,cache=MODE][,aio=MODE][,discard=MODE]\n"
     "      [,readonly=on|off][,werror=ACTION][,rerror=ACTION]",
     BLOCK, "a disk image and, unless if=none, the drive that shows it", option_drive},
    {"blockdev", "[driver=]DRIVER,node-name=NAME[,KEY=VALUE...]", BLOCK,
     "a block node, for drive= of a -device", option_blockdev},
    {"hda", "FILE", BLOCK, "image of IDE hard disk 0", option_hard_disk, 0, "0"},
    {"hdb", "FILE", BLOCK, "image of IDE hard disk 1", option_hard_disk, 0, "1"},
    {"hdc", "FILE", BLOCK, "image of IDE hard disk 2", option_hard_disk, 0, "2"},
    {"hdd", "FILE", BLOCK, "image of IDE hard disk 3", option_hard_disk, 0, "3"},
    {"cdrom", "FILE", BLOCK, "image of the CD-ROM at IDE index 2", option_cdrom},
    {"fda", "FILE", BLOCK, "image of floppy drive A", option_floppy, 0, "0"},
    {"fdb", "FILE", BLOCK, "image of floppy drive B", option_floppy, 0, "1"},
    {"pflash", "FILE", BLOCK, "image of a flash chip; the first one has the firmware", option_flash},
    {"snapshot", NULL, BLOCK, "write to temporary files instead of the images", option_flag,
     FIELD(snapshot)},

    {"display", "none", DISPLAY, "the only display is none", option_none_only, 0, "displays"},
    {"vga", "none", DISPLAY, "the only display adapter is none", option_none_only, 0,
     "display adapters"},
    {"nographic", NULL, DISPLAY, "the first serial port on this terminal (Ctrl-a h for its keys)",
     option_flag, FIELD(nographic)},

    {"audiodev", "[driver=]none,id=ID", DISPLAY, "the only audio back end is none",
     option_audio_device},

    {"no-acpi", NULL, PC, "the same as -machine acpi=off", option_machine_off, 0, "acpi"},
    {"no-hpet", NULL, PC, "the same as -machine hpet=off", option_machine_off, 0, "hpet"},
    {"no-fd-bootchk", NULL, PC, "the same as -machine fd-bootchk=off", option_machine_off, 0,
     "fd-bootchk"},
    {"acpitable", "file=FILE[,sig=TEXT][,rev=N][,oem_id=TEXT]...", PC, "add an ACPI table",
     option_acpi_table},
    {"smbios", "file=FILE | type=N[,KEY=VALUE...]", PC, "add or fill in an SMBIOS table",
     option_smbios},

    {"netdev", "TYPE,id=ID[,KEY=VALUE...]", NETWORK,
     "the host's side of a network adapter, for netdev= of a -device:\n"
     "user, tap, socket, stream or dgram ('help' lists)",
     option_netdev},
    {"nic", "none|TYPE[,model=MODEL][,mac=ADDRESS][,KEY=VALUE...]", NETWORK,
     "a network adapter and its -netdev in one; none: no adapter", option_nic},
    {"net", "none|nic[,model=MODEL][,macaddr=ADDRESS]|TYPE[,KEY=VALUE...]", NETWORK,
     "the same in two options, the older form; at most one of each", option_net},

    {"chardev", "BACKEND,id=ID[,mux=on|off][,logfile=FILE][,KEY=VALUE...]", CHARDEV,
     "a character device for others to use ('help' lists back ends)", option_chardev},
    {"serial", "DEVICE", CHARDEV,
     "the next serial port (up to four): stdio, mon:stdio, pty, null, none,\n"
     "file:PATH, pipe:PATH, unix:PATH, tcp:HOST:PORT, chardev:ID",
     option_serial},
    {"parallel", "none", CHARDEV, "the only parallel port is none", option_none_only, 0,
     "parallel ports"},
    {"monitor", "DEVICE", CHARDEV, "a monitor for people here; DEVICE as for -serial", option_monitor,
     0, "readline"},
    {"qmp", "DEVICE", CHARDEV, "a QMP monitor (JSON, for programs) here", option_monitor, 0,
     "control"},
    {"qmp-pretty", "DEVICE", CHARDEV, "the same with indented output", option_monitor, 0, "pretty"},
    {"mon", "[chardev=]ID[,mode=readline|control][,pretty=on|off]", CHARDEV,
     "a monitor on a -chardev", option_mon},
    {"echr", "CODE", CHARDEV, "the escape character instead of Ctrl-a, as a number",
     option_escape_character},
    {"debugcon", "DEVICE", CHARDEV, "the debug console at I/O port 0xe9", option_debug_console},

    {"bios", "FILE", BOOT, "the firmware image", option_string, FIELD(board.bios)},
    {"L", "FOLDER", BOOT, "look for firmware here ('help' lists all folders)",
     option_firmware_folder},
    {"kernel", "FILE", BOOT, "start this kernel: Linux bzImage, PVH or Multiboot ELF",
     option_string, FIELD(board.kernel)},
    {"initrd", "FILE", BOOT, "its initial RAM disk, or its Multiboot modules", option_string,
     FIELD(board.initrd)},
    {"append", "TEXT", BOOT, "its command line", option_string, FIELD(board.append)},
    {"dtb", "FILE", BOOT, "its device tree", option_string, FIELD(board.dtb)},
    {"fw_cfg", "[name=]NAME,file=FILE|string=TEXT", BOOT, "add an item to fw_cfg", option_fw_cfg},

    {"incoming", "defer|fd:N|exec:COMMAND|unix:PATH|tcp:HOST:PORT|file:PATH[,offset=N]", DEBUG,
     "wait for a saved guest to arrive; defer: until migrate-incoming", option_incoming},
    {"only-migratable", NULL, DEBUG, "every device here can be saved, and none that cannot is made",
     option_ignored},
    {"S", NULL, DEBUG, "do not start the CPUs", option_flag, FIELD(start_paused)},
    {"d", "ITEM[,ITEM...]", DEBUG, "what to log ('help' lists)", option_log_items},
    {"D", "FILE", DEBUG, "log to FILE instead of stderr", option_log_file},
    {"trace", "[[enable=]PATTERN][,events=FILE][,file=FILE]", DEBUG,
     "switch trace points on ('help' lists)", option_trace},
    {"msg", "[timestamp=on|off][,guest-name=on|off]", DEBUG, "what messages begin with",
     option_message},
    {"action", "[reboot=ACTION][,shutdown=ACTION][,panic=ACTION][,watchdog=ACTION]", DEBUG,
     "what happens when the guest reboots (reset, shutdown), powers off\n"
     "(poweroff, pause), panics (shutdown, pause, exit-failure, none), hangs",
     option_action},
    {"no-reboot", NULL, DEBUG, "the same as -action reboot=shutdown", option_action, 0,
     "reboot=shutdown"},
    {"no-shutdown", NULL, DEBUG, "the same as -action shutdown=pause", option_action, 0,
     "shutdown=pause"},
    {"watchdog-action", "ACTION", DEBUG, "the same as -action watchdog=ACTION",
     option_watchdog_action},
    {"daemonize", NULL, DEBUG, "go to the background once everything is up", option_flag,
     FIELD(process.daemonize)},
    {"pidfile", "FILE", DEBUG, "write the process id here", option_string, FIELD(process.pidfile)},
    {"add-fd", "fd=FD,set=SET[,opaque=TEXT]", DEBUG,
     "lend an open file descriptor as /dev/fdset/SET", option_add_fd},
    {"sandbox",
     "on|off[,obsolete=CHOICE][,elevateprivileges=CHOICE][,spawn=CHOICE]\n"
     "      [,resourcecontrol=CHOICE]",
     DEBUG, "give up privileges after start", option_sandbox},
    {"run-with", "[chroot=FOLDER][,user=USER][,async-teardown=off]", DEBUG,
     "change root folder and user after start", option_run_with},
    {"chroot", "FOLDER", DEBUG, "the same as -run-with chroot=FOLDER", option_string,
     FIELD(process.chroot_folder)},
    {"runas", "USER", DEBUG, "the same as -run-with user=USER", option_string, FIELD(process.user)},
    {"qtest", "DEVICE", DEBUG, "serve the qtest protocol on a character device", option_qtest},
    {"qtest-log", "FILE", DEBUG, "log of that conversation; none: no log", option_string,
     FIELD(qtest_log)},

    {"object", "TYPE,id=ID[,KEY=VALUE...]", OBJECT,
     "an object for others to use ('help' lists types)", option_object},
};

static const char *const group_titles[OPTION_GROUP_COUNT] = {
    [STANDARD] = "Standard options",
    [BLOCK] = "Block device options",
    [DISPLAY] = "Display options",
    [PC] = "Options of the pc",
    [NETWORK] = "Network options",
    [CHARDEV] = "Character device options",
    [BOOT] = "Boot options",
    [DEBUG] = "Debug and process options",
    [OBJECT] = "Generic object creation",
};

const CommandOption *command_options(unsigned *count)
{
    *count = G_N_ELEMENTS(options);
    return options;
}

const char *command_group_title(OptionGroup group)
{
    return group_titles[group];
}
