/*
 * The object tree, put together from what exists each time somebody looks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/qom_tree.h"

#include <string.h>

#include "accel/vcpu.h"
#include "monitor/monitor_private.h"
#include "target/i386/cpu_model.h"

/* ---- nodes ---- */

static void node_free(gpointer data)
{
    QomNode *node = data;

    g_free(node->path);
    g_free(node->type);
    g_free(node);
}

static void add_node(GPtrArray *nodes, const char *path, const char *type, Device *device)
{
    QomNode *node = g_new0(QomNode, 1);

    node->path = g_strdup(path);
    node->type = g_strdup(type);
    node->device = device;
    g_ptr_array_add(nodes, node);
}

static void add_object(const char *id, const char *type, void *ram, void *nodes)
{
    g_autofree char *path = g_strdup_printf("/objects/%s", id);

    add_node(nodes, path, type, NULL);
}

static void add_chardev(Chardev *chardev, void *nodes)
{
    g_autofree char *path = g_strdup_printf("/chardevs/%s", chardev_id(chardev));

    add_node(nodes, path, "chardev", NULL);
}

static void add_cpus(GPtrArray *nodes)
{
    for (unsigned i = 0; i < monitor_cpu_count(); i++) {
        g_autofree char *path = g_strdup_printf("/machine/unattached/cpu[%u]", i);
        const char *model = x86_cpu_model_name(monitor_cpu(i, NULL)->model);
        g_autofree char *type = g_strconcat(model ? model : "max", "-x86_64-cpu", NULL);
        add_node(nodes, path, type, NULL);
    }
}

static void add_buses(GPtrArray *nodes)
{
    GPtrArray *buses = machine_buses(machine_get());

    for (guint i = 0; i < buses->len; i++) {
        Bus *bus = g_ptr_array_index(buses, i);
        Device *owner = bus_get_owner(bus);
        const char *parent = owner ? device_get_path(owner) : "/machine/unattached";
        if (parent) {
            g_autofree char *path = g_strdup_printf("%s/%s", parent, bus_get_name(bus));
            add_node(nodes, path, G_OBJECT_TYPE_NAME(bus), NULL);
        }
    }
}

GPtrArray *qom_tree_nodes(void)
{
    static const char *const folders[] = {"/machine/peripheral", "/machine/peripheral-anon",
                                          "/machine/unattached", "/objects", "/chardevs"};
    GPtrArray *nodes = g_ptr_array_new_with_free_func(node_free);
    GPtrArray *devices = machine_devices(machine_get());
    g_autofree char *machine_type =
        g_strconcat(HW_MACHINE_GET_CLASS(machine_get())->name, "-machine", NULL);

    add_node(nodes, "/", "container", NULL);
    add_node(nodes, "/machine", machine_type, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(folders); i++) {
        add_node(nodes, folders[i], "container", NULL);
    }
    for (guint i = 0; i < devices->len; i++) {
        Device *device = g_ptr_array_index(devices, i);
        add_node(nodes, device_get_path(device), device_type_name(G_OBJECT_TYPE(device)), device);
    }
    add_buses(nodes);
    add_cpus(nodes);
    monitor_host()->object_foreach(add_object, nodes);
    chardev_foreach(add_chardev, nodes);
    return nodes;
}

const QomNode *qom_tree_find(GPtrArray *nodes, const char *path)
{
    Device *device = path[0] == '/' ? NULL : machine_find_device(machine_get(), path);

    for (guint i = 0; i < nodes->len; i++) {
        const QomNode *node = g_ptr_array_index(nodes, i);
        if (device ? node->device == device : strcmp(node->path, path) == 0) {
            return node;
        }
    }
    return NULL;
}

/* ---- properties ---- */

const char *qom_property_name(GParamSpec *spec)
{
    const DeviceProperty *property = device_property_of(spec);

    return property ? property->name : spec->name;
}

JsonNode *qom_property_get(Device *device, const char *name)
{
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(device), name);
    g_autofree char *text = spec ? device_property_to_text(device, name) : NULL;
    JsonNode *node = json_node_alloc();

    if (!text) {
        json_node_unref(node);
        return NULL;
    }
    switch (device_property_of(spec)->kind) {
    case DEVICE_PROPERTY_BOOL:
        return json_node_init_boolean(node, strcmp(text, "true") == 0);
    case DEVICE_PROPERTY_STRING:
    case DEVICE_PROPERTY_ONOFFAUTO:
    case DEVICE_PROPERTY_PCI_ADDRESS:
        return json_node_init_string(node, text);
    case DEVICE_PROPERTY_INT32:
        return json_node_init_int(node, g_ascii_strtoll(text, NULL, 10));
    default:
        return json_node_init_int(node, (gint64)g_ascii_strtoull(text, NULL, 10));
    }
}

/* ---- types ---- */

typedef struct {
    void (*visit)(const char *name, const char *parent, bool abstract, void *opaque);
    void *opaque;
} TypeVisit;

static const char *qom_name(GType type)
{
    return type == G_TYPE_OBJECT ? "object"
           : type == TYPE_DEVICE ? "device"
           : type == TYPE_BUS    ? "bus"
                                 : device_type_name(type);
}

static void visit_family(GType type, const TypeVisit *all)
{
    guint count;
    g_autofree GType *children = g_type_children(type, &count);

    all->visit(qom_name(type), qom_name(g_type_parent(type)), G_TYPE_IS_ABSTRACT(type),
               all->opaque);
    for (guint i = 0; i < count; i++) {
        visit_family(children[i], all);
    }
}

static void visit_machine(MachineClass *klass, void *opaque)
{
    const TypeVisit *all = opaque;
    g_autofree char *name = g_strconcat(klass->name, "-machine", NULL);

    all->visit(name, "machine", false, all->opaque);
}

static void visit_accel(AccelClass *klass, void *opaque)
{
    const TypeVisit *all = opaque;
    g_autofree char *name = g_strconcat(klass->name, "-accel", NULL);

    all->visit(name, "accel", false, all->opaque);
}

static void visit_chardev(const char *name, const char *help, void *opaque)
{
    const TypeVisit *all = opaque;
    g_autofree char *type = g_strconcat("chardev-", name, NULL);

    all->visit(type, "chardev", false, all->opaque);
}

void qom_type_foreach(void (*visit)(const char *name, const char *parent, bool abstract,
                                    void *opaque),
                      void *opaque)
{
    static const char *const roots[] = {"machine", "accel", "chardev"};
    /* libvirt passes a guest's <vmport state='off'/> on only if it finds this name. */
    static const char *const switchable[] = {"vmport"};
    TypeVisit all = {visit, opaque};
    const char *const *object_types = monitor_host()->object_types();

    visit_family(TYPE_DEVICE, &all);
    visit_family(TYPE_BUS, &all);
    for (unsigned i = 0; i < G_N_ELEMENTS(roots); i++) {
        visit(roots[i], "object", true, opaque);
    }
    machine_type_foreach(visit_machine, &all);
    accel_type_foreach(visit_accel, &all);
    chardev_driver_foreach(visit_chardev, &all);
    for (unsigned i = 0; object_types[i]; i++) {
        visit(object_types[i], "object", false, opaque);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(switchable); i++) {
        visit(switchable[i], "object", false, opaque);
    }
}

typedef struct {
    const char *name;
    char *parent;
} ParentSearch;

static void match_parent(const char *name, const char *parent, bool abstract, void *opaque)
{
    ParentSearch *search = opaque;

    if (!search->parent && strcmp(search->name, name) == 0) {
        search->parent = g_strdup(parent);
    }
}

bool qom_type_is_a(const char *name, const char *ancestor)
{
    g_autofree char *current = g_strdup(name);

    while (current && strcmp(current, ancestor) != 0) {
        ParentSearch search = {current, NULL};
        qom_type_foreach(match_parent, &search);
        g_free(current);
        current = search.parent;
    }
    return current != NULL;
}
