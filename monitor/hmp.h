/*
 * HMP: the monitor for people. A command is a row: names, form, help, what completes its words.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_HMP_H
#define MONITOR_HMP_H

#include "monitor/monitor_private.h"
#include "util/error.h"

/* One run of a command. */
typedef struct {
    Monitor *monitor;
    GString *out; /* what it says; lines end with \n */
    char **words; /* behind the command's name, NULL-ended; quotes are gone */
    unsigned count;
    const char *rest; /* the same as typed */
} HmpCall;

/** HmpComplete: adds what the next word could be. */
typedef void HmpComplete(void (*add)(const char *word, void *opaque), void *opaque);

typedef struct {
    const char *names; /* "quit|q" */
    const char *form;  /* of its arguments, "" for none */
    const char *help;
    unsigned min, max; /* words */
    bool (*run)(HmpCall *call, GError **error);
    HmpComplete *complete; /* or NULL */
} HmpCommand;

typedef struct {
    const HmpCommand *commands;
    unsigned count;
} HmpTable;

extern const HmpTable hmp_table_run, hmp_table_device, hmp_table_block, hmp_table_memory,
    hmp_table_xen, hmp_table_migration, hmp_table_net;
extern const HmpTable hmp_info_machine, hmp_info_device, hmp_info_block, hmp_info_memory,
    hmp_info_xen, hmp_info_migration, hmp_info_net;

/** hmp_execute: runs one line; what it says goes to @out. */
void hmp_execute(Monitor *monitor, const char *line, GString *out);
/** hmp_complete: words that could stand at the end of @line (char *, freed with the array). */
GPtrArray *hmp_complete(const char *line);

/** hmp_printf: a piece of what the command says. */
void hmp_printf(HmpCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);
/**
 * hmp_qmp: runs the QMP command @name with arguments "key=value" pairs given as (type, key, value):
 * 's' const char *, 'i' int64_t, 'b' int; ends with 0; a string that is NULL is left out.
 * NULL: @error.
 */
JsonNode *hmp_qmp(HmpCall *call, GError **error, const char *name, ...);
/** hmp_qmp_quiet: the same for commands whose result does not matter. */
bool hmp_qmp_object(HmpCall *call, const char *name, JsonObject *arguments, GError **error);
/** hmp_word: word @n or NULL. */
const char *hmp_word(const HmpCall *call, unsigned n);
/** hmp_size: "1G", "512M", bytes without a suffix. */
bool hmp_size(const char *text, uint64_t unit, uint64_t *value, GError **error);

/* What words can be completed from. */
HmpComplete hmp_names_commands, hmp_names_info, hmp_names_devices, hmp_names_drivers,
    hmp_names_drives, hmp_names_chardevs, hmp_names_objects, hmp_names_keys, hmp_names_nodes,
    hmp_names_trace, hmp_names_netdevs, hmp_names_network;

/** hmp_monitor_history: the lines typed, or NULL for a monitor without an editor. */
const GPtrArray *hmp_monitor_history(Monitor *monitor);

#endif
