/*
 * The handlers of the option table, by the file that has them, and what they share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_OPTION_HANDLERS_H
#define SYSTEM_OPTION_HANDLERS_H

#include "command_line.h"
#include "util/options.h"

typedef bool OptionHandler(StartConfig *config, const CommandOption *option, const char *argument,
                           GError **error);

/** option_wants_help: "help" or "?", as QEMU users type it. */
bool option_wants_help(const char *argument);
/** option_node_text: a JSON scalar as the text a user would have typed; NULL if it is none. */
char *option_node_text(JsonNode *node);
/** option_parse_reader: @argument parsed, for handlers that read it at once. */
OptionReader *option_parse_reader(const char *argument, const char *implied_key, GError **error);

/* common_options.c */
OptionHandler option_string, option_flag, option_flag_off, option_help, option_version,
    option_ignored, option_none_only, option_audio_device;
/* machine_options.c */
OptionHandler option_kvm_key, option_machine, option_machine_off, option_cpu, option_memory, option_overcommit,
    option_uuid, option_global;
/* smp_options.c */
OptionHandler option_smp;
/* accel_options.c */
OptionHandler option_accel, option_enable_kvm;
/* boot_options.c */
OptionHandler option_boot, option_firmware_folder, option_fw_cfg, option_smbios, option_acpi_table;
/* rtc_options.c */
OptionHandler option_rtc;
/* drive_options.c */
OptionHandler option_drive, option_blockdev, option_hard_disk, option_cdrom, option_floppy;
OptionHandler option_flash;
/* device_options.c */
OptionHandler option_device;
/* object_options.c */
OptionHandler option_object;
/* chardev_options.c */
OptionHandler option_chardev, option_serial, option_debug_console, option_escape_character;
/* net_options.c */
OptionHandler option_netdev, option_nic, option_net;
/** net_options_connect_hub: the adapter and the netdev of -net, whatever their order was. */
void net_options_connect_hub(StartConfig *config);
/* monitor_options.c */
OptionHandler option_monitor, option_mon;
/* process_options.c */
OptionHandler option_name, option_message, option_log_items, option_log_file, option_trace,
    option_sandbox, option_run_with, option_action, option_watchdog_action, option_qtest,
    option_add_fd, option_incoming;

#endif
