/*
 * HMP: the run state, keys, logs, and what there is not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/input/input.h"
#include "monitor/hmp.h"
#include "monitor/qmp_command.h"
#include "util/log.h"
#include "util/options.h"

/* ---- commands that are QMP's under another name ---- */

static bool run_plain(HmpCall *call, const char *name, GError **error)
{
    return hmp_qmp_object(call, name, NULL, error);
}

#define PLAIN(function, qmp_name)                                                                  \
    static bool function(HmpCall *call, GError **error)                                            \
    {                                                                                              \
        return run_plain(call, qmp_name, error);                                                   \
    }

PLAIN(run_stop, "stop")
PLAIN(run_cont, "cont")
PLAIN(run_quit, "quit")
PLAIN(run_reset, "system_reset")
PLAIN(run_powerdown, "system_powerdown")
PLAIN(run_wakeup, "system_wakeup")
PLAIN(run_nmi, "inject-nmi")

static bool run_watchdog_action(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "watchdog-set-action", 's', "action", hmp_word(call, 0), 0);
    return result != NULL;
}

static bool run_balloon(HmpCall *call, GError **error)
{
    uint64_t size;

    if (!hmp_size(call->words[0], UINT64_C(1) << 20, &size, error)) {
        return false;
    }
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "balloon", 'i', "value", (int64_t)size, 0);
    return result != NULL;
}

static bool refuse_snapshot(HmpCall *call, GError **error)
{
    return error_setf(error, "snapshots inside images are not supported by this build");
}

/* ---- keys ---- */

/* A key's short names from before QMP. */
static const struct {
    const char *name, *qcode;
} key_aliases[] = {
    {"enter", "ret"},     {"altgr", "alt_r"}, {"pageup", "pgup"},
    {"pagedown", "pgdn"}, {"del", "delete"},  {"<", "less"},
};

static bool find_key(const char *name, InputKey *key, GError **error)
{
    if (g_str_has_prefix(name, "0x")) {
        uint64_t number;
        if (!parse_uint(name, "key", 0, UINT16_MAX, &number, error)) {
            return false;
        }
        *key = input_key_from_number((unsigned)number);
    } else {
        *key = input_key_from_name(name);
        for (unsigned i = 0; i < G_N_ELEMENTS(key_aliases); i++) {
            if (strcmp(key_aliases[i].name, name) == 0) {
                *key = input_key_from_name(key_aliases[i].qcode);
            }
        }
    }
    return *key != INPUT_KEY_UNMAPPED || error_setf(error, "invalid parameter: %s", name);
}

static bool run_sendkey(HmpCall *call, GError **error)
{
    g_auto(GStrv) names = g_strsplit(call->words[0], "-", -1);
    InputKey keys[16];
    uint64_t hold = 100;
    unsigned count = g_strv_length(names);

    if (count > G_N_ELEMENTS(keys)) {
        return error_setf(error, "too many keys");
    }
    for (unsigned i = 0; i < count; i++) {
        if (!find_key(names[i], &keys[i], error)) {
            return false;
        }
    }
    if (call->count > 1 && !parse_uint(call->words[1], "hold-time", 0, 60000, &hold, error)) {
        return false;
    }
    return input_send_keys(keys, count, (unsigned)hold) ||
           error_setf(error, "The machine has no keyboard");
}

static bool run_mouse_move(HmpCall *call, GError **error)
{
    int64_t delta[3] = {0};

    for (unsigned i = 0; i < call->count; i++) {
        if (!parse_int(call->words[i], "delta", -32768, 32767, &delta[i], error)) {
            return false;
        }
    }
    return input_send_mouse((int)delta[0], (int)delta[1], (int)delta[2], input_mouse_buttons()) ||
           error_setf(error, "The machine has no mouse");
}

static bool run_mouse_button(HmpCall *call, GError **error)
{
    uint64_t buttons;

    return parse_uint(call->words[0], "button_state", 0, INPUT_BUTTON_MASK, &buttons, error) &&
           (input_send_mouse(0, 0, 0, (unsigned)buttons) ||
            error_setf(error, "The machine has no mouse"));
}

static bool run_mouse_set(HmpCall *call, GError **error)
{
    uint64_t index;

    return parse_uint(call->words[0], "index", 0, UINT32_MAX, &index, error) &&
           (input_mouse_choose((unsigned)index) ||
            error_setf(error, "Mouse at index '%u' not found", (unsigned)index));
}

/* ---- log ---- */

static bool run_log(HmpCall *call, GError **error)
{
    if (strcmp(call->words[0], "none") == 0) {
        log_mask = 0;
        return true;
    }
    return log_set_mask_from_string(call->words[0], error);
}

static bool run_logfile(HmpCall *call, GError **error)
{
    return log_set_file(call->words[0], error);
}

static bool run_trace_event(HmpCall *call, GError **error)
{
    bool on;

    if (!parse_bool(call->words[1], "option", &on, error)) {
        return false;
    }
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "trace-event-set-state", 's', "name",
                                         call->words[0], 'b', "enable", (int)on, 0);
    return result != NULL;
}

static bool run_cpu(HmpCall *call, GError **error)
{
    uint64_t index;

    if (!parse_uint(call->words[0], "index", 0, UINT16_MAX, &index, error)) {
        return false;
    }
    if (index >= monitor_cpu_count()) {
        return error_setf(error, "invalid CPU index");
    }
    call->monitor->cpu = (unsigned)index;
    return true;
}

static const HmpCommand commands[] = {
    {"stop|s", "", "stop the guest", 0, 0, run_stop},
    {"cont|c", "", "let the guest go on", 0, 0, run_cont},
    {"quit|q", "", "end the process", 0, 0, run_quit},
    {"system_reset", "", "reset the machine", 0, 0, run_reset},
    {"system_powerdown", "", "press the power button", 0, 0, run_powerdown},
    {"system_wakeup", "", "wake the machine from S3", 0, 0, run_wakeup},
    {"nmi", "", "send a non-maskable interrupt to every CPU", 0, 0, run_nmi},
    {"cpu", "index", "choose the CPU for commands that look at one", 1, 1, run_cpu},
    {"watchdog_action", "action", "what a watchdog's end does", 1, 1, run_watchdog_action},
    {"sendkey", "key[-key...] [hold_ms]", "press keys, such as ctrl-alt-f1", 1, 2, run_sendkey,
     hmp_names_keys},
    {"mouse_move", "dx dy [dz]", "move the mouse", 2, 3, run_mouse_move},
    {"mouse_button", "state", "press buttons: 1 left, 2 right, 4 middle", 1, 1, run_mouse_button},
    {"mouse_set", "index", "choose the mouse that gets the input", 1, 1, run_mouse_set},
    {"log", "item[,item...]", "what to log, or none", 1, 1, run_log},
    {"logfile", "file", "log to this file", 1, 1, run_logfile},
    {"trace-event", "name on|off", "switch trace points", 2, 2, run_trace_event, hmp_names_trace},
    {"balloon", "megabytes", "ask the guest to have so much memory", 1, 1, run_balloon},
    {"savevm", "[tag]", "not supported by this build", 0, 1, refuse_snapshot},
    {"loadvm", "tag", "not supported by this build", 0, 1, refuse_snapshot},
    {"delvm", "tag", "not supported by this build", 0, 1, refuse_snapshot},
};
const HmpTable hmp_table_run = {commands, G_N_ELEMENTS(commands)};
