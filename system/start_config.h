/*
 * StartConfig: what the command line asks for. Parsing fills it, and sets only switches of the
 * process that make nothing (log items, trace points, actions, lent files); start-up carries it out
 * in one fixed order, whatever the order of the options was.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_START_CONFIG_H
#define SYSTEM_START_CONFIG_H

#include <json-glib/json-glib.h>

#include "hw/core/machine.h"

/* An option to be carried out later. Owned by the array that holds it. */
typedef struct {
    char *where;         /* what its error line begins with: "-device ide-hd,drive=x" */
    char *text;          /* the argument as typed, or a key */
    char *value;         /* for key and value pairs */
    JsonObject *options; /* the argument parsed, or NULL */
    const void *made;    /* what start-up made of it, where it asks again; not owned */
} PendingOption;

/* -sandbox */
typedef struct {
    bool enabled;
    bool no_new_privileges;
} SandboxConfig;

/* -run-with, -chroot, -runas, -daemonize, -pidfile, -name, -overcommit */
typedef struct {
    bool daemonize;
    char *pidfile;
    char *chroot_folder;
    char *user;
    char *process_name;
    bool lock_memory;
    bool timestamp, guest_name_in_messages;
    char *log_where, *log_file;
    SandboxConfig sandbox;
} ProcessConfig;

typedef struct {
    char *where; /* of the option being parsed, or carried out */
    bool done;   /* a help text was printed: end with status 0 */

    MachineConfig board;
    char *machine_where, *machine_name; /* NULL: the default board */
    char *cpu_where;
    GPtrArray *machine_options;                /* PendingOption: key and value, for the board */
    GPtrArray *accels;                         /* PendingOption: -accel */
    char *machine_accel_where, *machine_accel; /* -machine accel=a:b, -enable-kvm */
    GPtrArray *kvm_options; /* PendingOption: key and value; -machine kernel-irqchip= */
    uint64_t ram_size;      /* bytes; 0: the board's own */
    char *ram_where, *smp_where, *boot_where, *kernel_where;
    char *ram_path; /* -mem-path */

    GPtrArray *objects, *globals, *chardevs, *blockdevs, *drives, *devices; /* PendingOption */
    GPtrArray *netdevs;                        /* PendingOption: -netdev, those of -nic and -net */
    JsonObject *hub_adapter, *hub_netdev;      /* of -net: in @devices and @netdevs, not owned */
    GPtrArray *serials; /* PendingOption: text */
    GPtrArray
        *legacy_chardevs; /* PendingOption: text as -serial takes it, value: the id to give it */
    GPtrArray *monitors;    /* PendingOption: text as -serial takes it, value: "readline" … */
    bool default_monitor; /* no option has said where the monitor is */
    bool default_cdrom;   /* no option has taken the place of the empty CD-ROM drive */
    bool default_floppy;  /* nor of the empty floppy drive */
    bool snapshot;

    bool nographic;
    bool start_paused;
    char *incoming_where, *incoming; /* -incoming: "defer" or a URI */
    char *qtest_where, *qtest_chardev, *qtest_log;
    ProcessConfig process;
} StartConfig;

StartConfig *start_config_new(void);
void start_config_free(StartConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StartConfig, start_config_free)

/** start_config_push: appends an option, with the current where, to @list; takes @options. */
void start_config_push(StartConfig *config, GPtrArray *list, const char *text, const char *value,
                       JsonObject *options);
/** start_config_set: replaces the string *@field by a copy of @value. */
void start_config_set(char **field, const char *value);

#endif
