/*
 * The table of device types: filled before main by each device's own file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
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
    return g_type_register_static(parent, name, &info, 0);
}

GType device_type_lookup(const char *name)
{
    GType type = g_type_from_name(name);

    if (type == 0 || !g_type_is_a(type, TYPE_DEVICE) || G_TYPE_IS_ABSTRACT(type)) {
        return 0;
    }
    return type;
}
