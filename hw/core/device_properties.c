/*
 * Device properties: a table a class, made into GParamSpecs on the instance's own fields.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>
#include <string.h>

#include "hw/core/device_private.h"
#include "util/log.h"
#include "util/options.h"

typedef struct {
    char *driver, *property, *value;
    bool used;
} GlobalProperty;

static GPtrArray *globals; /* of GlobalProperty */

static GQuark property_quark(void)
{
    static GQuark quark;

    if (!quark) {
        quark = g_quark_from_static_string("device-property");
    }
    return quark;
}

const DeviceProperty *device_property_of(GParamSpec *spec)
{
    return g_param_spec_get_qdata(spec, property_quark());
}

const char *device_property_type(GParamSpec *spec)
{
    static const struct {
        DevicePropertyKind kind;
        const char *name;
    } names[] = {
        {DEVICE_PROPERTY_BOOL, "bool"},     {DEVICE_PROPERTY_ONOFFAUTO, "OnOffAuto"},
        {DEVICE_PROPERTY_UINT8, "uint8"},   {DEVICE_PROPERTY_UINT16, "uint16"},
        {DEVICE_PROPERTY_UINT32, "uint32"}, {DEVICE_PROPERTY_UINT64, "uint64"},
        {DEVICE_PROPERTY_INT32, "int32"},   {DEVICE_PROPERTY_SIZE, "size"},
        {DEVICE_PROPERTY_STRING, "str"},    {DEVICE_PROPERTY_PCI_ADDRESS, "str"},
    };
    const DeviceProperty *property = device_property_of(spec);

    for (unsigned i = 0; property && i < G_N_ELEMENTS(names); i++) {
        if (names[i].kind == property->kind) {
            return names[i].name;
        }
    }
    return "str";
}

static void *property_field(Device *device, const DeviceProperty *property)
{
    return (uint8_t *)device + property->offset;
}

static uint64_t kind_maximum(DevicePropertyKind kind)
{
    switch (kind) {
    case DEVICE_PROPERTY_UINT8:
        return UINT8_MAX;
    case DEVICE_PROPERTY_UINT16:
        return UINT16_MAX;
    case DEVICE_PROPERTY_UINT32:
        return UINT32_MAX;
    case DEVICE_PROPERTY_INT32:
        return INT32_MAX;
    default:
        return UINT64_MAX;
    }
}

static uint64_t property_maximum(const DeviceProperty *property)
{
    return property->minimum || property->maximum ? property->maximum
                                                  : kind_maximum(property->kind);
}

static GParamSpec *property_spec(const DeviceProperty *p)
{
    const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_NICK | G_PARAM_STATIC_BLURB;

    switch (p->kind) {
    case DEVICE_PROPERTY_BOOL:
        return g_param_spec_boolean(p->name, p->name, p->blurb, p->default_number, flags);
    case DEVICE_PROPERTY_STRING:
        return g_param_spec_string(p->name, p->name, p->blurb, p->default_string, flags);
    case DEVICE_PROPERTY_ONOFFAUTO:
        return g_param_spec_int(p->name, p->name, p->blurb, ON_OFF_AUTO_AUTO, ON_OFF_AUTO_OFF,
                                (gint)p->default_number, flags);
    case DEVICE_PROPERTY_PCI_ADDRESS:
        return g_param_spec_int(p->name, p->name, p->blurb, -1, 255, (gint)p->default_number,
                                flags);
    case DEVICE_PROPERTY_INT32:
        return g_param_spec_int(p->name, p->name, p->blurb,
                                p->minimum || p->maximum ? (gint)p->minimum : G_MININT,
                                p->minimum || p->maximum ? (gint)p->maximum : G_MAXINT,
                                (gint)p->default_number, flags);
    default:
        return g_param_spec_uint64(p->name, p->name, p->blurb, p->minimum, property_maximum(p),
                                   p->default_number, flags);
    }
}

static void store_number(void *field, DevicePropertyKind kind, uint64_t number)
{
    switch (kind) {
    case DEVICE_PROPERTY_UINT8:
        *(uint8_t *)field = (uint8_t)number;
        break;
    case DEVICE_PROPERTY_UINT16:
        *(uint16_t *)field = (uint16_t)number;
        break;
    case DEVICE_PROPERTY_UINT32:
        *(uint32_t *)field = (uint32_t)number;
        break;
    default:
        *(uint64_t *)field = number;
        break;
    }
}

static uint64_t fetch_number(const void *field, DevicePropertyKind kind)
{
    switch (kind) {
    case DEVICE_PROPERTY_UINT8:
        return *(const uint8_t *)field;
    case DEVICE_PROPERTY_UINT16:
        return *(const uint16_t *)field;
    case DEVICE_PROPERTY_UINT32:
        return *(const uint32_t *)field;
    default:
        return *(const uint64_t *)field;
    }
}

static void store_value(Device *device, const DeviceProperty *property, const GValue *value)
{
    void *field = property_field(device, property);

    switch (property->kind) {
    case DEVICE_PROPERTY_BOOL:
        *(bool *)field = g_value_get_boolean(value);
        break;
    case DEVICE_PROPERTY_STRING:
        g_free(*(char **)field);
        *(char **)field = g_value_dup_string(value);
        break;
    case DEVICE_PROPERTY_ONOFFAUTO:
    case DEVICE_PROPERTY_PCI_ADDRESS:
    case DEVICE_PROPERTY_INT32:
        *(int32_t *)field = g_value_get_int(value);
        break;
    default:
        store_number(field, property->kind, g_value_get_uint64(value));
        break;
    }
}

static void object_set_property(GObject *object, guint id G_GNUC_UNUSED, const GValue *value,
                                GParamSpec *spec)
{
    Device *device = HW_DEVICE(object);
    DevicePrivate *priv = device_private(device);

    store_value(device, device_property_of(spec), value);
    if (!priv->given) {
        priv->given = g_hash_table_new(g_str_hash, g_str_equal);
    }
    g_hash_table_add(priv->given, (gpointer)(uintptr_t)spec->name);
}

static void object_get_property(GObject *object, guint id G_GNUC_UNUSED, GValue *value,
                                GParamSpec *spec)
{
    const DeviceProperty *property = device_property_of(spec);
    const void *field = property_field(HW_DEVICE(object), property);

    switch (property->kind) {
    case DEVICE_PROPERTY_BOOL:
        g_value_set_boolean(value, *(const bool *)field);
        break;
    case DEVICE_PROPERTY_STRING:
        g_value_set_string(value, *(char *const *)field);
        break;
    case DEVICE_PROPERTY_ONOFFAUTO:
    case DEVICE_PROPERTY_PCI_ADDRESS:
    case DEVICE_PROPERTY_INT32:
        g_value_set_int(value, *(const int32_t *)field);
        break;
    default:
        g_value_set_uint64(value, fetch_number(field, property->kind));
        break;
    }
}

void device_class_add_properties(DeviceClass *klass, const DeviceProperty *properties,
                                 unsigned count)
{
    /* GObject does not inherit these two: each class that has properties of its own brings them. */
    G_OBJECT_CLASS(klass)->set_property = object_set_property;
    G_OBJECT_CLASS(klass)->get_property = object_get_property;
    for (unsigned i = 0; i < count; i++) {
        GParamSpec *spec = property_spec(&properties[i]);

        g_param_spec_set_qdata(spec, property_quark(), (gpointer)(uintptr_t)&properties[i]);
        g_object_class_install_property(G_OBJECT_CLASS(klass), i + 1, spec);
    }
}

static void apply_globals(Device *device)
{
    for (guint i = 0; globals && i < globals->len; i++) {
        GlobalProperty *global = g_ptr_array_index(globals, i);
        GType type = device_type_from_name(global->driver);
        GError *error = NULL;

        if (type == 0 || !g_type_is_a(G_OBJECT_TYPE(device), type)) {
            continue;
        }
        global->used = true;
        if (!device_set_property_text(device, global->property, global->value, &error)) {
            DevicePrivate *priv = device_private(device);
            g_prefix_error(&error, "can't apply global %s.%s=%s: ", global->driver,
                           global->property, global->value);
            g_clear_error(&priv->global_error);
            priv->global_error = error;
        }
    }
}

void device_properties_apply_defaults(Device *device)
{
    guint count;
    g_autofree GParamSpec **specs =
        g_object_class_list_properties(G_OBJECT_GET_CLASS(device), &count);

    for (guint i = 0; i < count; i++) {
        const DeviceProperty *property = device_property_of(specs[i]);
        if (property) {
            store_value(device, property, g_param_spec_get_default_value(specs[i]));
        }
    }
    apply_globals(device);
}

void device_properties_free(Device *device)
{
    guint count;
    g_autofree GParamSpec **specs =
        g_object_class_list_properties(G_OBJECT_GET_CLASS(device), &count);

    for (guint i = 0; i < count; i++) {
        const DeviceProperty *property = device_property_of(specs[i]);
        if (property && property->kind == DEVICE_PROPERTY_STRING) {
            g_clear_pointer((char **)property_field(device, property), g_free);
        }
    }
}

/* ---- text ---- */

static bool parse_pci_address(const char *text, int32_t *devfn)
{
    char *end;
    unsigned long slot, function = 0;

    if (!g_ascii_isxdigit(text[0])) {
        return false;
    }
    slot = strtoul(text, &end, 16);
    if (*end == '.' && g_ascii_isxdigit(end[1])) {
        function = strtoul(end + 1, &end, 16);
    }
    if (*end || slot > 31 || function > 7) {
        return false;
    }
    *devfn = (int32_t)(slot << 3 | function);
    return true;
}

static bool text_to_special(const DeviceProperty *property, const char *text, GValue *value,
                            GError **error)
{
    int32_t number = 0;
    bool flag = false;

    if (property->kind == DEVICE_PROPERTY_PCI_ADDRESS) {
        if (!parse_pci_address(text, &number)) {
            return error_setf(error, "invalid PCI address '%s'", text);
        }
    } else if (strcmp(text, "auto") != 0) {
        if (!parse_bool(text, property->name, &flag, NULL)) {
            return error_setf(error, "'%s' is none of 'on', 'off', 'auto'", text);
        }
        number = flag ? ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF;
    }
    g_value_set_int(value, number);
    return true;
}

static bool text_to_value(const DeviceProperty *property, const char *text, GValue *value,
                          GError **error)
{
    uint64_t number;
    int64_t signed_number;
    bool flag;

    switch (property->kind) {
    case DEVICE_PROPERTY_BOOL:
        if (!parse_bool(text, property->name, &flag, error)) {
            return false;
        }
        g_value_set_boolean(value, flag);
        return true;
    case DEVICE_PROPERTY_STRING:
        g_value_set_string(value, text);
        return true;
    case DEVICE_PROPERTY_ONOFFAUTO:
    case DEVICE_PROPERTY_PCI_ADDRESS:
        return text_to_special(property, text, value, error);
    case DEVICE_PROPERTY_INT32:
        if (!parse_int(text, property->name,
                       property->minimum || property->maximum ? (int32_t)property->minimum
                                                              : INT32_MIN,
                       (int32_t)property_maximum(property), &signed_number, error)) {
            return false;
        }
        g_value_set_int(value, (gint)signed_number);
        return true;
    case DEVICE_PROPERTY_SIZE:
        if (!parse_size(text, property->name, 1, &number, error)) {
            return false;
        }
        if (number < property->minimum || number > property_maximum(property)) {
            return error_setf(error, "value %s is out of range", text);
        }
        g_value_set_uint64(value, number);
        return true;
    default:
        if (!parse_uint(text, property->name, property->minimum, property_maximum(property),
                        &number, error)) {
            return false;
        }
        g_value_set_uint64(value, number);
        return true;
    }
}

/* QEMU's users type both bios_chs_trans and bios-chs-trans: GObject folds '_' to '-' by itself. */
static GParamSpec *find_spec(Device *device, const char *name, GError **error)
{
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(device), name);

    if (!spec || !device_property_of(spec)) {
        error_setf(error, "Property '%s.%s' not found", device_type_name(G_OBJECT_TYPE(device)), name);
        return NULL;
    }
    return spec;
}

bool device_set_property_text(Device *device, const char *name, const char *text, GError **error)
{
    GParamSpec *spec = find_spec(device, name, error);
    g_auto(GValue) value = G_VALUE_INIT;

    if (!spec) {
        return false;
    }
    if (device_is_realized(device)) {
        return error_setf(error, "Attempt to set property '%s' on device '%s' after it was realized",
                          name, device_name(device));
    }
    g_value_init(&value, spec->value_type);
    if (!text_to_value(device_property_of(spec), text, &value, error)) {
        g_prefix_error(error, "Property '%s.%s' doesn't take value '%s': ",
                       device_type_name(G_OBJECT_TYPE(device)), name, text);
        return false;
    }
    g_object_set_property(G_OBJECT(device), spec->name, &value);
    return true;
}

bool device_set_property_node(Device *device, const char *name, JsonNode *node, GError **error)
{
    g_autofree char *text = NULL;
    GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;

    if (type == G_TYPE_STRING) {
        text = json_node_dup_string(node);
    } else if (type == G_TYPE_BOOLEAN) {
        text = g_strdup(json_node_get_boolean(node) ? "on" : "off");
    } else if (type == G_TYPE_INT64) {
        text = g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
    } else {
        return error_setf(error, "Invalid parameter type for '%s'", name);
    }
    return device_set_property_text(device, name, text, error);
}

bool device_property_is_set(Device *device, const char *name)
{
    DevicePrivate *priv = device_private(device);
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(device), name);

    return spec && priv->given && g_hash_table_contains(priv->given, spec->name);
}

char *device_property_to_text(Device *device, const char *name)
{
    static const char *const on_off_auto[] = {"auto", "on", "off"};
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(device), name);
    const DeviceProperty *property = spec ? device_property_of(spec) : NULL;
    const void *field;
    int32_t number;

    if (!property) {
        return NULL;
    }
    field = property_field(device, property);
    switch (property->kind) {
    case DEVICE_PROPERTY_BOOL:
        return g_strdup(*(const bool *)field ? "true" : "false");
    case DEVICE_PROPERTY_STRING:
        return g_strdup(*(char *const *)field ? *(char *const *)field : "");
    case DEVICE_PROPERTY_ONOFFAUTO:
        return g_strdup(on_off_auto[*(const int32_t *)field]);
    case DEVICE_PROPERTY_PCI_ADDRESS:
        number = *(const int32_t *)field;
        return number < 0 ? g_strdup("-1") : g_strdup_printf("%02x.%x", number >> 3, number & 7);
    case DEVICE_PROPERTY_INT32:
        return g_strdup_printf("%d", *(const int32_t *)field);
    default:
        return g_strdup_printf("%" G_GUINT64_FORMAT, fetch_number(field, property->kind));
    }
}

/* ---- -global ---- */

static void global_free(gpointer data)
{
    GlobalProperty *global = data;

    g_free(global->driver);
    g_free(global->property);
    g_free(global->value);
    g_free(global);
}

void device_global_add(const char *driver, const char *property, const char *value)
{
    GlobalProperty *global = g_new0(GlobalProperty, 1);

    if (!globals) {
        globals = g_ptr_array_new_with_free_func(global_free);
    }
    global->driver = g_strdup(driver);
    global->property = g_strdup(property);
    global->value = g_strdup(value);
    g_ptr_array_add(globals, global);
}

void device_globals_report_unused(void)
{
    for (guint i = 0; globals && i < globals->len; i++) {
        GlobalProperty *global = g_ptr_array_index(globals, i);

        if (global->used) {
            continue;
        }
        if (device_type_lookup(global->driver)) {
            report_warning("global %s.%s=%s not used", global->driver, global->property,
                           global->value);
        } else {
            report_warning("global %s.%s has invalid class name", global->driver,
                           global->property);
        }
    }
}
