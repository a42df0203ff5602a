/*
 * HMP: devices, objects, character devices.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/pci/pci.h"
#include "monitor/hmp.h"
#include "monitor/qmp_command.h"
#include "monitor/qom_tree.h"
#include "util/options.h"

/* ---- coming and going ---- */

static bool add_from_text(HmpCall *call, const char *command, const char *implied_key,
                          GError **error)
{
    g_autoptr(JsonObject) options = options_parse(call->rest, implied_key, error);

    return options && hmp_qmp_object(call, command, options, error);
}

static bool run_device_add(HmpCall *call, GError **error)
{
    return add_from_text(call, "device_add", "driver", error);
}

/* Numbers typed here are text, which the objects themselves read. */
static bool run_object_add(HmpCall *call, GError **error)
{
    g_autoptr(JsonObject) options = options_parse(call->rest, "qom-type", error);

    return options && monitor_host()->object_add(options, error);
}

static bool run_chardev_add(HmpCall *call, GError **error)
{
    g_autoptr(JsonObject) options = options_parse(call->rest, "backend", error);

    return options && chardev_new(options, error);
}

#define BY_ID(function, qmp_name)                                                                  \
    static bool function(HmpCall *call, GError **error)                                            \
    {                                                                                              \
        g_autoptr(JsonNode) result = hmp_qmp(call, error, qmp_name, 's', "id", call->words[0], 0); \
        return result != NULL;                                                                     \
    }

BY_ID(run_device_del, "device_del")
BY_ID(run_object_del, "object-del")
BY_ID(run_chardev_remove, "chardev-remove")
BY_ID(run_chardev_send_break, "chardev-send-break")

static bool run_screendump(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "screendump", 's', "filename", call->words[0], 0);
    return result != NULL;
}

static bool run_ringbuf_write(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "ringbuf-write", 's', "device",
                                         call->words[0], 's', "data", call->words[1], 0);
    return result != NULL;
}

static bool run_ringbuf_read(HmpCall *call, GError **error)
{
    uint64_t size;

    if (!parse_uint(call->words[1], "size", 1, 1 << 20, &size, error)) {
        return false;
    }
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "ringbuf-read", 's', "device", call->words[0],
                                         'i', "size", (int64_t)size, 0);
    if (!result) {
        return false;
    }
    for (const char *c = json_node_get_string(result); *c; c++) {
        hmp_printf(call,
                   *c == '\\'                         ? "\\\\"
                   : (uint8_t)*c < 0x20 && *c != '\n' ? "\\x%02X"
                                                      : "%c",
                   *c);
    }
    hmp_printf(call, "\n");
    return true;
}

static bool run_qom_list(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "qom-list", 's', "path", call->count ? call->words[0] : "/", 0);
    JsonArray *list = result ? json_node_get_array(result) : NULL;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        JsonObject *entry = json_array_get_object_element(list, i);
        hmp_printf(call, "%s (%s)\n", json_object_get_string_member(entry, "name"),
                   json_object_get_string_member(entry, "type"));
    }
    return list != NULL;
}

static bool run_qom_get(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "qom-get", 's', "path", call->words[0], 's',
                                         "property", call->words[1], 0);
    g_autofree char *text = result ? json_to_string(result, FALSE) : NULL;

    if (text) {
        hmp_printf(call, "%s\n", text);
    }
    return result != NULL;
}

static bool run_qom_set(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "qom-set", 's', "path", call->words[0], 's', "property",
                call->words[1], 's', "value", call->words[2], 0);
    return result != NULL;
}

static const HmpCommand commands[] = {
    {"device_add", "driver[,id=ID][,bus=BUS][,KEY=VALUE...]", "plug a device in", 1, 64,
     run_device_add, hmp_names_drivers},
    {"device_del", "id", "unplug a device", 1, 1, run_device_del, hmp_names_devices},
    {"object_add", "type,id=ID[,KEY=VALUE...]", "make an object", 1, 64, run_object_add},
    {"object_del", "id", "delete an object", 1, 1, run_object_del, hmp_names_objects},
    {"chardev-add", "backend,id=ID[,KEY=VALUE...]", "make a character device", 1, 64,
     run_chardev_add},
    {"chardev-remove", "id", "delete a character device", 1, 1, run_chardev_remove,
     hmp_names_chardevs},
    {"chardev-send-break", "id", "send a break to its front end", 1, 1, run_chardev_send_break,
     hmp_names_chardevs},
    {"ringbuf_write", "device data", "write to a ring buffer", 2, 2, run_ringbuf_write,
     hmp_names_chardevs},
    {"ringbuf_read", "device size", "read from a ring buffer", 2, 2, run_ringbuf_read,
     hmp_names_chardevs},
    {"screendump", "filename", "save the screen as an image", 1, 1, run_screendump},
    {"qom-list", "[path]", "the properties and children of an object", 0, 1, run_qom_list},
    {"qom-get", "path property", "a property's value", 2, 2, run_qom_get},
    {"qom-set", "path property value", "change a property", 3, 3, run_qom_set},
};
const HmpTable hmp_table_device = {commands, G_N_ELEMENTS(commands)};

/* ---- info qtree ---- */

static void print_bus(HmpCall *call, Bus *bus, unsigned indent);

static void print_device(HmpCall *call, Device *device, unsigned indent)
{
    GPtrArray *buses = machine_buses(machine_get());
    guint count;
    g_autofree GParamSpec **specs =
        g_object_class_list_properties(G_OBJECT_GET_CLASS(device), &count);
    const char *id = device_get_id(device);

    hmp_printf(call, "%*sdev: %s, id \"%s\"\n", (int)indent, "", device_type_name(G_OBJECT_TYPE(device)),
               id ? id : "");
    for (guint i = 0; i < count; i++) {
        g_autofree char *value = device_property_to_text(device, specs[i]->name);
        if (value) {
            bool quoted = strcmp(device_property_type(specs[i]), "str") == 0;
            hmp_printf(call, quoted ? "%*s%s = \"%s\"\n" : "%*s%s = %s\n", (int)indent + 2, "",
                       qom_property_name(specs[i]), value);
        }
    }
    for (guint i = 0; i < buses->len; i++) {
        Bus *bus = g_ptr_array_index(buses, i);
        /* a host bridge sits on the bus that it provides */
        if (bus_get_owner(bus) == device && device_get_bus(device) != bus) {
            print_bus(call, bus, indent + 2);
        }
    }
}

static void print_bus(HmpCall *call, Bus *bus, unsigned indent)
{
    GPtrArray *children = bus_get_children(bus);

    hmp_printf(call, "%*sbus: %s\n%*stype %s\n", (int)indent, "", bus_get_name(bus),
               (int)indent + 2, "", G_OBJECT_TYPE_NAME(bus));
    for (guint i = 0; i < children->len; i++) {
        print_device(call, g_ptr_array_index(children, i), indent + 2);
    }
}

static bool is_top_bus(Bus *bus)
{
    Device *owner = bus_get_owner(bus);

    return !owner || device_get_bus(owner) == bus || !device_get_bus(owner);
}

static bool info_qtree(HmpCall *call, GError **error)
{
    GPtrArray *buses = machine_buses(machine_get()), *devices = machine_devices(machine_get());

    hmp_printf(call, "bus: main-system-bus\n  type System\n");
    for (guint i = 0; i < devices->len; i++) {
        Device *device = g_ptr_array_index(devices, i);
        if (!device_get_bus(device)) {
            print_device(call, device, 2);
        }
    }
    for (guint i = 0; i < buses->len; i++) {
        Bus *bus = g_ptr_array_index(buses, i);
        Device *owner = bus_get_owner(bus);
        if (is_top_bus(bus) && (!owner || device_get_bus(owner) == bus)) {
            print_bus(call, bus, 2);
        }
    }
    return true;
}

static unsigned depth_of(const char *path)
{
    unsigned depth = 0;

    for (; *path; path++) {
        depth += *path == '/' && path[1];
    }
    return depth;
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp((*(QomNode *const *)a)->path, (*(QomNode *const *)b)->path);
}

static bool info_qom_tree(HmpCall *call, GError **error)
{
    g_autoptr(GPtrArray) nodes = qom_tree_nodes();
    const char *root = call->count ? call->words[0] : "/machine";

    g_ptr_array_sort(nodes, compare_paths);
    for (guint i = 0; i < nodes->len; i++) {
        const QomNode *node = g_ptr_array_index(nodes, i);
        if (g_str_has_prefix(node->path, root)) {
            hmp_printf(call, "%*s%s (%s)\n", (int)depth_of(node->path) * 2, "",
                       strrchr(node->path, '/'), node->type);
        }
    }
    return true;
}

/* ---- info pci ---- */

static void print_region(HmpCall *call, JsonObject *region)
{
    bool is_io = strcmp(json_object_get_string_member(region, "type"), "io") == 0;
    uint64_t address = (uint64_t)json_object_get_int_member(region, "address");
    uint64_t end = address + (uint64_t)json_object_get_int_member(region, "size") - 1;
    int bar = (int)json_object_get_int_member(region, "bar");

    if (is_io) {
        hmp_printf(call,
                   "      BAR%d: I/O at 0x%04" G_GINT64_MODIFIER "x [0x%04" G_GINT64_MODIFIER
                   "x].\n",
                   bar, address, end);
        return;
    }
    hmp_printf(call,
               "      BAR%d: %d bit%s memory at 0x%08" G_GINT64_MODIFIER
               "x [0x%08" G_GINT64_MODIFIER "x].\n",
               bar, json_object_get_boolean_member(region, "mem_type_64") ? 64 : 32,
               json_object_get_boolean_member(region, "prefetch") ? " prefetchable" : "", address,
               end);
}

static void print_function(HmpCall *call, JsonObject *device)
{
    JsonObject *class_info = json_object_get_object_member(device, "class_info");
    JsonObject *id = json_object_get_object_member(device, "id");
    JsonArray *regions = json_object_get_array_member(device, "regions");

    hmp_printf(call, "  Bus %2d, device %3d, function %d:\n",
               (int)json_object_get_int_member(device, "bus"),
               (int)json_object_get_int_member(device, "slot"),
               (int)json_object_get_int_member(device, "function"));
    hmp_printf(call, "    %s: PCI device %04x:%04x\n",
               json_object_get_string_member_with_default(class_info, "desc", "Device"),
               (unsigned)json_object_get_int_member(id, "vendor"),
               (unsigned)json_object_get_int_member(id, "device"));
    if (json_object_has_member(id, "subsystem")) {
        hmp_printf(call, "      PCI subsystem %04x:%04x\n",
                   (unsigned)json_object_get_int_member(id, "subsystem-vendor"),
                   (unsigned)json_object_get_int_member(id, "subsystem"));
    }
    if (json_object_has_member(device, "irq")) {
        hmp_printf(call, "      IRQ %d, pin %c\n", (int)json_object_get_int_member(device, "irq"),
                   (char)('A' - 1 + json_object_get_int_member(device, "irq_pin")));
    }
    for (guint i = 0; i < json_array_get_length(regions); i++) {
        print_region(call, json_array_get_object_element(regions, i));
    }
    hmp_printf(call, "      id \"%s\"\n", json_object_get_string_member(device, "qdev_id"));
}

static bool info_pci(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-pci", 0);
    JsonArray *buses = result ? json_node_get_array(result) : NULL;

    for (guint i = 0; buses && i < json_array_get_length(buses); i++) {
        JsonArray *devices =
            json_object_get_array_member(json_array_get_object_element(buses, i), "devices");
        for (guint j = 0; j < json_array_get_length(devices); j++) {
            print_function(call, json_array_get_object_element(devices, j));
        }
    }
    return buses != NULL;
}

/* ---- info chardev ---- */

static void print_chardev(Chardev *chardev, void *opaque)
{
    hmp_printf(opaque, "%s: filename=%s\n", chardev_id(chardev), chardev_filename(chardev));
}

static bool info_chardev(HmpCall *call, GError **error)
{
    chardev_foreach(print_chardev, call);
    return true;
}

static const HmpCommand info_commands[] = {
    {"qtree", "", "devices by bus", 0, 1, info_qtree},
    {"qom-tree", "[path]", "the object tree", 0, 1, info_qom_tree},
    {"pci", "", "PCI devices", 0, 0, info_pci},
    {"chardev", "", "character devices", 0, 0, info_chardev},
};
const HmpTable hmp_info_device = {info_commands, G_N_ELEMENTS(info_commands)};
