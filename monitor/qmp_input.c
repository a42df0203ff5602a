/*
 * QMP: keys.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/input/input.h"
#include "monitor/qmp_command.h"

#define MAX_KEYS     16
#define DEFAULT_HOLD 100 /* ms */
#define MAX_HOLD     60000

static bool read_key(JsonObject *value, InputKey *key, GError **error)
{
    if (strcmp(json_object_get_string_member(value, "type"), "number") == 0) {
        int64_t number = json_object_get_int_member(value, "data");
        *key = number < 0 || number > UINT16_MAX ? INPUT_KEY_UNMAPPED
                                                 : input_key_from_number((unsigned)number);
        return *key != INPUT_KEY_UNMAPPED ||
               error_setf(error, "Parameter 'keys' does not accept the number %" G_GINT64_FORMAT,
                          number);
    }
    const char *name = json_object_get_string_member(value, "data");
    *key = input_key_from_name(name);
    return *key != INPUT_KEY_UNMAPPED || strcmp(name, "unmapped") == 0 ||
           error_setf(error, "Parameter 'keys' does not accept value '%s'", name);
}

static bool send_key(QmpCall *call, GError **error)
{
    JsonArray *keys = json_object_get_array_member(call->arguments, "keys");
    int64_t hold = qmp_int(call, "hold-time", DEFAULT_HOLD);
    guint count = json_array_get_length(keys);
    InputKey wanted[MAX_KEYS];

    if (count > MAX_KEYS) {
        return error_setf(error, "Parameter 'keys' expects at most %d keys", MAX_KEYS);
    }
    if (hold < 0 || hold > MAX_HOLD) {
        return error_setf(error, "Parameter 'hold-time' expects 0 to %d milliseconds", MAX_HOLD);
    }
    for (guint i = 0; i < count; i++) {
        if (!read_key(json_array_get_object_element(keys, i), &wanted[i], error)) {
            return false;
        }
    }
    return input_send_keys(wanted, count, (unsigned)hold) ||
           error_setf(error, "The machine has no keyboard");
}

static const QmpCommand commands[] = {
    {"send-key", "keys:[KeyValue] hold-time?:int", NULL, 0, send_key},
};
const QmpTable qmp_table_input = {commands, G_N_ELEMENTS(commands)};
