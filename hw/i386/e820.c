/*
 * The memory map of the PC: a flat list made from overlapping additions.
 *
 * Source: ACPI specification 6.2, section 15.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/e820.h"

#include <inttypes.h>
#include <stdlib.h>

#include "util/bytes.h"

#define EBDA_START       0x9fc00u
#define LOW_RAM_END      0xa0000u
#define BIOS_SEGMENT     0xf0000u
#define BIOS_SEGMENT_END 0x100000u
#define FOUR_GIB         (UINT64_C(1) << 32)
#define HOLE_TYPE        0 /* in @added: cuts out without an entry of its own */

struct E820Table {
    GArray *added; /* E820Entry as given, newest last */
    GArray *flat;  /* E820Entry, sorted, disjoint, merged */
};

E820Table *e820_new(void)
{
    E820Table *table = g_new0(E820Table, 1);

    table->added = g_array_new(FALSE, FALSE, sizeof(E820Entry));
    table->flat = g_array_new(FALSE, FALSE, sizeof(E820Entry));
    return table;
}

void e820_free(E820Table *table)
{
    if (!table) {
        return;
    }
    g_array_unref(table->added);
    g_array_unref(table->flat);
    g_free(table);
}

E820Table *e820_copy(const E820Table *table)
{
    E820Table *copy = e820_new();

    g_array_append_vals(copy->added, table->added->data, table->added->len);
    g_array_append_vals(copy->flat, table->flat->data, table->flat->len);
    return copy;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* The type of the byte at @address: -1 none; a hole beats all, then the higher number. */
static int type_at(const GArray *added, uint64_t address)
{
    int type = -1;

    for (unsigned i = 0; i < added->len; i++) {
        const E820Entry *entry = &g_array_index(added, E820Entry, i);

        if (address < entry->address || address - entry->address >= entry->length) {
            continue;
        }
        if (entry->type == HOLE_TYPE) {
            return -1;
        }
        type = MAX(type, (int)entry->type);
    }
    return type;
}

static void append_merged(GArray *flat, uint64_t start, uint64_t end, E820Type type)
{
    E820Entry entry = {.address = start, .length = end - start, .type = type};

    if (flat->len > 0) {
        E820Entry *last = &g_array_index(flat, E820Entry, flat->len - 1);

        if (last->type == type && last->address + last->length == start) {
            last->length += entry.length;
            return;
        }
    }
    g_array_append_val(flat, entry);
}

/* Every start and end is a place where the type may change; between two of them it is constant. */
static GArray *flatten(const GArray *added)
{
    GArray *flat = g_array_new(FALSE, FALSE, sizeof(E820Entry));
    g_autofree uint64_t *edges = g_new(uint64_t, 2 * added->len + 1);
    unsigned count = 0;

    for (unsigned i = 0; i < added->len; i++) {
        const E820Entry *entry = &g_array_index(added, E820Entry, i);

        edges[count++] = entry->address;
        edges[count++] = entry->address + entry->length;
    }
    qsort(edges, count, sizeof(*edges), compare_u64);
    for (unsigned i = 0; i + 1 < count; i++) {
        int type = edges[i] < edges[i + 1] ? type_at(added, edges[i]) : -1;

        if (type >= 0) {
            append_merged(flat, edges[i], edges[i + 1], type);
        }
    }
    return flat;
}

static bool add_raw(E820Table *table, uint64_t address, uint64_t length, unsigned type,
                    GError **error)
{
    E820Entry entry = {.address = address, .length = length, .type = type};
    GArray *flat;

    if (length == 0) {
        return true;
    }
    if (address + length < address) {
        return error_setf(error, "memory map range 0x%" PRIx64 "+0x%" PRIx64 " wraps around",
                          address, length);
    }
    g_array_append_val(table->added, entry);
    flat = flatten(table->added);
    if (flat->len > E820_MAX_ENTRIES || table->added->len > 2 * E820_MAX_ENTRIES) {
        g_array_unref(flat);
        g_array_set_size(table->added, table->added->len - 1);
        return error_setf(error, "the memory map holds at most %d entries", E820_MAX_ENTRIES);
    }
    g_array_unref(table->flat);
    table->flat = flat;
    return true;
}

bool e820_add(E820Table *table, uint64_t address, uint64_t length, E820Type type, GError **error)
{
    return add_raw(table, address, length, type, error);
}

bool e820_add_ram(E820Table *table, uint64_t below_4g, uint64_t above_4g, GError **error)
{
    return add_raw(table, 0, below_4g, E820_RAM, error) &&
           add_raw(table, FOUR_GIB, above_4g, E820_RAM, error);
}

bool e820_add_legacy_holes(E820Table *table, GError **error)
{
    return add_raw(table, EBDA_START, LOW_RAM_END - EBDA_START, E820_RESERVED, error) &&
           add_raw(table, LOW_RAM_END, BIOS_SEGMENT - LOW_RAM_END, HOLE_TYPE, error) &&
           add_raw(table, BIOS_SEGMENT, BIOS_SEGMENT_END - BIOS_SEGMENT, E820_RESERVED, error);
}

const E820Entry *e820_entries(const E820Table *table, unsigned *count)
{
    *count = table->flat->len;
    return (const E820Entry *)table->flat->data;
}

GBytes *e820_to_bytes(const E820Table *table, unsigned only)
{
    GByteArray *bytes = g_byte_array_new();

    for (unsigned i = 0; i < table->flat->len; i++) {
        const E820Entry *entry = &g_array_index(table->flat, E820Entry, i);
        uint8_t record[E820_ENTRY_SIZE];

        if (only != 0 && entry->type != only) {
            continue;
        }
        store_le64(record, entry->address);
        store_le64(record + 8, entry->length);
        store_le32(record + 16, entry->type);
        g_byte_array_append(bytes, record, sizeof(record));
    }
    return g_byte_array_free_to_bytes(bytes);
}

bool e820_covers(const E820Table *table, uint64_t address, uint64_t length, E820Type type)
{
    for (unsigned i = 0; i < table->flat->len; i++) {
        const E820Entry *entry = &g_array_index(table->flat, E820Entry, i);

        if (entry->type == type && address >= entry->address &&
            address - entry->address <= entry->length &&
            length <= entry->length - (address - entry->address)) {
            return true;
        }
    }
    return false;
}
