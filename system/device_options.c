/*
 * -device and its help texts, made from the type table and each type's properties.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "option_handlers.h"
#include "util/error.h"

static const char *const category_titles[] = {
    [DEVICE_CATEGORY_BRIDGE] = "Controller/Bridge/Hub",
    [DEVICE_CATEGORY_STORAGE] = "Storage",
    [DEVICE_CATEGORY_NETWORK] = "Network",
    [DEVICE_CATEGORY_INPUT] = "Input",
    [DEVICE_CATEGORY_DISPLAY] = "Display",
    [DEVICE_CATEGORY_MISC] = "Misc",
    [DEVICE_CATEGORY_CPU] = "CPU",
};

static int compare_type_names(const void *a, const void *b)
{
    return strcmp(device_type_name(*(const GType *)a), device_type_name(*(const GType *)b));
}

static void collect_types(GType type, GArray *types)
{
    guint count;
    g_autofree GType *children = g_type_children(type, &count);

    if (!G_TYPE_IS_ABSTRACT(type)) {
        g_array_append_val(types, type);
    }
    for (guint i = 0; i < count; i++) {
        collect_types(children[i], types);
    }
}

/* "pci-bus" and "IDE" alike become what users know: "PCI", "IDE". */
static char *bus_title(const char *bus_type)
{
    size_t length = strlen(bus_type);

    if (g_str_has_suffix(bus_type, "-bus")) {
        length -= strlen("-bus");
    }
    return g_ascii_strup(bus_type, length);
}

static void print_type(GType type, DeviceClass *klass)
{
    printf("name \"%s\"", device_type_name(type));
    if (klass->bus_type) {
        g_autofree char *bus = bus_title(klass->bus_type);
        printf(", bus %s", bus);
    }
    if (klass->description) {
        printf(", desc \"%s\"", klass->description);
    }
    printf("\n");
}

static void print_category(GArray *types, DeviceCategory category)
{
    bool titled = false;

    for (guint i = 0; i < types->len; i++) {
        GType type = g_array_index(types, GType, i);
        DeviceClass *klass = g_type_class_ref(type);
        if (klass->user_creatable && klass->category == category) {
            if (!titled) {
                printf("%s%s devices:\n", category == 0 ? "" : "\n", category_titles[category]);
                titled = true;
            }
            print_type(type, klass);
        }
        g_type_class_unref(klass);
    }
}

static void print_all_types(void)
{
    g_autoptr(GArray) types = g_array_new(FALSE, FALSE, sizeof(GType));

    collect_types(TYPE_DEVICE, types);
    g_array_sort(types, compare_type_names);
    for (unsigned category = 0; category < G_N_ELEMENTS(category_titles); category++) {
        print_category(types, category);
    }
}

static int compare_spec_names(const void *a, const void *b)
{
    return strcmp((*(GParamSpec *const *)a)->name, (*(GParamSpec *const *)b)->name);
}

static void print_property(Device *device, GParamSpec *spec)
{
    g_autofree char *value = device_property_to_text(device, spec->name);
    const char *blurb = g_param_spec_get_blurb(spec);

    const DeviceProperty *property = device_property_of(spec);

    printf("  %s=<%s>", property ? property->name : spec->name, device_property_type(spec));
    if (blurb && *blurb) {
        printf(" - %s", blurb);
    }
    if (value && *value) {
        printf(" (default: %s)", value);
    }
    printf("\n");
}

static bool print_type_properties(const char *driver, GError **error)
{
    g_autoptr(Device) device = device_new_by_name(driver, error);
    guint count;

    if (!device) {
        return false;
    }
    g_autofree GParamSpec **specs =
        g_object_class_list_properties(G_OBJECT_GET_CLASS(device), &count);
    qsort(specs, count, sizeof(*specs), compare_spec_names);
    printf("%s options:\n", driver);
    for (guint i = 0; i < count; i++) {
        print_property(device, specs[i]);
    }
    return true;
}

bool option_device(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    g_autoptr(JsonObject) object = options_parse(argument, "driver", error);

    if (!object) {
        return false;
    }
    const char *driver = json_object_get_string_member_with_default(object, "driver", NULL);
    if (!driver) {
        return error_setf(error, "Parameter 'driver' is missing");
    }
    if (option_wants_help(driver)) {
        print_all_types();
        config->done = true;
        return true;
    }
    if (json_object_has_member(object, "help")) {
        config->done = true;
        return print_type_properties(driver, error);
    }
    if (g_str_has_prefix(driver, "ide-") || strcmp(driver, "scsi-cd") == 0) {
        config->default_cdrom = false;
    }
    if (strcmp(driver, "floppy") == 0 || strcmp(driver, "isa-fdc") == 0) {
        config->default_floppy = false;
    }
    start_config_push(config, config->devices, driver, NULL, json_object_ref(object));
    return true;
}
