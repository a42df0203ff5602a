/*
 * HMP: what words can be completed from.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/block_query.h"
#include "hw/input/input.h"
#include "monitor/hmp.h"
#include "monitor/qom_tree.h"
#include "util/trace.h"

typedef struct {
    void (*add)(const char *word, void *opaque);
    void *opaque;
} Adder;

void hmp_names_devices(void (*add)(const char *word, void *opaque), void *opaque)
{
    GPtrArray *devices = machine_devices(machine_get());

    for (guint i = 0; i < devices->len; i++) {
        const char *id = device_get_id(g_ptr_array_index(devices, i));
        if (id) {
            add(id, opaque);
        }
    }
}

static void add_driver(const char *name, const char *parent, bool abstract, void *opaque)
{
    Adder *adder = opaque;
    GType type = device_type_lookup(name);

    if (type) {
        DeviceClass *klass = g_type_class_ref(type);
        if (klass->user_creatable) {
            adder->add(name, adder->opaque);
        }
        g_type_class_unref(klass);
    }
}

void hmp_names_drivers(void (*add)(const char *word, void *opaque), void *opaque)
{
    Adder adder = {add, opaque};

    qom_type_foreach(add_driver, &adder);
}

static void add_drive(BlockBackend *backend, void *opaque)
{
    Adder *adder = opaque;

    if (block_backend_drive_id(backend)[0]) {
        adder->add(block_backend_drive_id(backend), adder->opaque);
    }
}

void hmp_names_drives(void (*add)(const char *word, void *opaque), void *opaque)
{
    Adder adder = {add, opaque};

    block_backend_foreach(add_drive, &adder);
}

static void add_node(const BlockNodeInfo *node, void *opaque)
{
    Adder *adder = opaque;

    adder->add(node->name, adder->opaque);
}

void hmp_names_nodes(void (*add)(const char *word, void *opaque), void *opaque)
{
    Adder adder = {add, opaque};

    block_node_query_all(add_node, &adder);
}

static void add_chardev(Chardev *chardev, void *opaque)
{
    Adder *adder = opaque;

    adder->add(chardev_id(chardev), adder->opaque);
}

void hmp_names_chardevs(void (*add)(const char *word, void *opaque), void *opaque)
{
    Adder adder = {add, opaque};

    chardev_foreach(add_chardev, &adder);
}

static void add_object(const char *id, const char *type, void *ram, void *opaque)
{
    Adder *adder = opaque;

    adder->add(id, adder->opaque);
}

void hmp_names_objects(void (*add)(const char *word, void *opaque), void *opaque)
{
    Adder adder = {add, opaque};

    monitor_host()->object_foreach(add_object, &adder);
}

void hmp_names_keys(void (*add)(const char *word, void *opaque), void *opaque)
{
    for (unsigned key = INPUT_KEY_UNMAPPED + 1; input_key_name(key); key++) {
        add(input_key_name(key), opaque);
    }
}

static void add_trace(const TracePoint *point, void *opaque)
{
    Adder *adder = opaque;

    adder->add(point->name, adder->opaque);
}

void hmp_names_trace(void (*add)(const char *word, void *opaque), void *opaque)
{
    Adder adder = {add, opaque};

    trace_foreach(add_trace, &adder);
}
