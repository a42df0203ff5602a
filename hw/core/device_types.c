/*
 * The table of device types: filled before main by each device's own file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/device.h"

/* A plain array: GLib's containers are not to be relied on before main. */
#define TYPE_TABLE_MAX 256
static GType (*type_table[TYPE_TABLE_MAX])(void);
static unsigned type_count;

void device_type_table_add(GType (*get_type)(void))
{
    g_assert(type_count < TYPE_TABLE_MAX);
    type_table[type_count++] = get_type;
}

void device_types_init(void)
{
    for (unsigned i = 0; i < type_count; i++) {
        type_table[i]();
    }
}

/* A GType's name takes no dots, a device's may have some ("cfi.pflash01"). */
static GQuark dotted_name_quark(void)
{
    return g_quark_from_static_string("device-type-name");
}

static GType register_as(GType parent, const char *name, const GTypeInfo *info)
{
    g_autofree char *plain = g_strdelimit(g_strdup(name), ".", '_');
    GType type = g_type_register_static(parent, plain, info, 0);

    if (strchr(name, '.')) {
        g_type_set_qdata(type, dotted_name_quark(), (gpointer)(uintptr_t)name);
    }
    return type;
}

const char *device_type_name(GType type)
{
    const char *dotted = g_type_get_qdata(type, dotted_name_quark());

    return dotted ? dotted : g_type_name(type);
}

GType device_type_register_static(GType parent, const char *name, GClassInitFunc class_init,
                                  gsize instance_size, GInstanceInitFunc instance_init)
{
    GTypeQuery query;
    GTypeInfo info = {0};

    g_type_query(parent, &query);
    g_assert(query.instance_size <= instance_size);
    info.class_size = (guint16)query.class_size;
    info.class_init = class_init;
    info.instance_size = (guint16)instance_size;
    info.instance_init = instance_init;
    g_assert(instance_size <= G_MAXUINT16);
    return register_as(parent, name, &info);
}

GType device_type_from_name(const char *name)
{
    g_autofree char *plain = g_strdelimit(g_strdup(name), ".", '_');
    GType type = g_type_from_name(plain);

    return type != 0 && strcmp(device_type_name(type), name) == 0 ? type : 0;
}

GType device_type_lookup(const char *name)
{
    GType type = device_type_from_name(name);

    if (type == 0 || !g_type_is_a(type, TYPE_DEVICE) || G_TYPE_IS_ABSTRACT(type)) {
        return 0;
    }
    return type;
}
