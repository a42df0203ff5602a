/*
 * QMP: keys and the mouse.
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

/* ---- single events ---- */

/* A command's worth of mouse movement goes out as one report. */
typedef struct {
    int dx, dy, dz;
    unsigned buttons;
    bool any;
} MouseReport;

static void note_mouse(const InputMouse *mouse, unsigned index, void *opaque)
{
    *(bool *)opaque = true;
}

static bool has_input(const char *type)
{
    bool any = false;

    if (strcmp(type, "key") == 0) {
        return input_has_keyboard();
    }
    input_mouse_foreach(note_mouse, &any);
    return any && strcmp(type, "abs") != 0;
}

static void apply_button(JsonObject *event, MouseReport *report)
{
    static const struct {
        const char *name;
        unsigned button;
        int wheel;
    } buttons[] = {
        {"left", INPUT_BUTTON_LEFT, 0},     {"right", INPUT_BUTTON_RIGHT, 0},
        {"middle", INPUT_BUTTON_MIDDLE, 0}, {"side", INPUT_BUTTON_SIDE, 0},
        {"extra", INPUT_BUTTON_EXTRA, 0},   {"wheel-up", 0, -1},
        {"wheel-down", 0, 1},
    };
    const char *name = json_object_get_string_member(event, "button");
    bool down = json_object_get_boolean_member(event, "down");

    for (unsigned i = 0; i < G_N_ELEMENTS(buttons); i++) {
        if (strcmp(buttons[i].name, name) == 0) {
            report->dz += down ? buttons[i].wheel : 0;
            report->buttons = down ? report->buttons | buttons[i].button
                                   : report->buttons & ~buttons[i].button;
        }
    }
    report->any = true;
}

static void apply_movement(JsonObject *event, MouseReport *report)
{
    int value = (int)CLAMP(json_object_get_int_member(event, "value"), INT16_MIN, INT16_MAX);

    if (strcmp(json_object_get_string_member(event, "axis"), "x") == 0) {
        report->dx += value;
    } else {
        report->dy += value;
    }
    report->any = true;
}

static void apply(JsonObject *event, MouseReport *report)
{
    const char *type = json_object_get_string_member(event, "type");
    JsonObject *data = json_object_get_object_member(event, "data");
    InputKey key;

    if (strcmp(type, "key") == 0) {
        read_key(json_object_get_object_member(data, "key"), &key, NULL);
        input_send_key(key, json_object_get_boolean_member(data, "down"));
    } else if (strcmp(type, "btn") == 0) {
        apply_button(data, report);
    } else {
        apply_movement(data, report);
    }
}

static bool check_event(JsonObject *event, GError **error)
{
    const char *type = json_object_get_string_member(event, "type");
    JsonObject *data = json_object_get_object_member(event, "data");
    InputKey key;

    if (!has_input(type)) {
        return error_setf(error, "Input handler not found for event type %s", type);
    }
    return strcmp(type, "key") != 0 ||
           read_key(json_object_get_object_member(data, "key"), &key, error);
}

static bool input_send_event(QmpCall *call, GError **error)
{
    JsonArray *events = json_object_get_array_member(call->arguments, "events");
    MouseReport report = {.buttons = input_mouse_buttons()};
    const char *device = qmp_string(call, "device");

    if (device) {
        return qmp_fail(error, XENOLITH_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", device);
    }
    for (guint i = 0; i < json_array_get_length(events); i++) {
        if (!check_event(json_array_get_object_element(events, i), error)) {
            return false;
        }
    }
    for (guint i = 0; i < json_array_get_length(events); i++) {
        apply(json_array_get_object_element(events, i), &report);
    }
    if (report.any) {
        input_send_mouse(report.dx, report.dy, report.dz, report.buttons);
    }
    return true;
}

/* ---- query-mice ---- */

static void add_mouse(const InputMouse *mouse, unsigned index, void *opaque)
{
    JsonArray *list = opaque;
    JsonObject *info = json_object_new();

    json_object_set_string_member(info, "name", mouse->name);
    json_object_set_int_member(info, "index", index);
    json_object_set_boolean_member(info, "current", json_array_get_length(list) == 0);
    json_object_set_boolean_member(info, "absolute", FALSE);
    json_array_add_object_element(list, info);
}

static bool query_mice(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    input_mouse_foreach(add_mouse, list);
    return qmp_return_array(call, list);
}

static const QmpCommand commands[] = {
    {"input-send-event", "device?:str head?:int events:[InputEvent]", NULL, 0, input_send_event},
    {"query-mice", NULL, "[MouseInfo]", 0, query_mice},
    {"send-key", "keys:[KeyValue] hold-time?:int", NULL, 0, send_key},
};
const QmpTable qmp_table_input = {commands, G_N_ELEMENTS(commands)};
