/*
 * Boot order: which device has which bootindex.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/device_private.h"
#include "hw/core/machine_private.h"

typedef struct {
    Device *device;
    char *suffix;
    int32_t index;
} BootEntry;

void boot_entry_free(gpointer data)
{
    BootEntry *entry = data;

    g_free(entry->suffix);
    g_free(entry);
}

static gint by_index(gconstpointer a, gconstpointer b)
{
    const BootEntry *left = *(BootEntry *const *)a, *right = *(BootEntry *const *)b;

    return (left->index > right->index) - (left->index < right->index);
}

bool boot_order_add(Machine *machine, Device *device, const char *suffix, int32_t index,
                    GError **error)
{
    GPtrArray *order = machine_private(machine)->boot_order;
    BootEntry *entry;

    if (index < 0) {
        return true;
    }
    for (guint i = 0; i < order->len; i++) {
        if (((BootEntry *)g_ptr_array_index(order, i))->index == index) {
            return error_setf(error, "The bootindex %d has already been used", index);
        }
    }
    entry = g_new0(BootEntry, 1);
    entry->device = device;
    entry->suffix = g_strdup(suffix);
    entry->index = index;
    g_ptr_array_add(order, entry);
    g_ptr_array_sort(order, by_index);
    return true;
}

void boot_order_remove(Machine *machine, Device *device)
{
    GPtrArray *order = machine_private(machine)->boot_order;

    for (guint i = order->len; i-- > 0;) {
        if (((BootEntry *)g_ptr_array_index(order, i))->device == device) {
            g_ptr_array_remove_index(order, i);
        }
    }
}

char *boot_order_text(Machine *machine, size_t *length)
{
    MachinePrivate *priv = machine_private(machine);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < priv->boot_order->len; i++) {
        BootEntry *entry = g_ptr_array_index(priv->boot_order, i);
        g_autofree char *path = device_firmware_path(entry->device);

        g_string_append_printf(text, "%s%s%s", text->len ? "\n" : "", path,
                               entry->suffix ? entry->suffix : "");
    }
    if (text->len && priv->config.boot.strict) {
        g_string_append(text, "\nHALT");
    }
    *length = text->len ? text->len + 1 : 0;
    return g_string_free(text, text->len == 0);
}
