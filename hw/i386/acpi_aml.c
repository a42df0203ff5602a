/*
 * A small writer of ACPI Machine Language.
 *
 * Source: ACPI specification 3.0, chapters 6.4 (resource descriptors), 18.2 (grammar of AML).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/acpi_aml.h"

#include <string.h>

#include "util/bytes.h"

enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_DUAL_NAME = 0x2e,
    OP_MULTI_NAME = 0x2f,
    OP_EXTENDED = 0x5b,
    OP_ROOT = 0x5c,
    OP_ARG0 = 0x68,
    OP_STORE = 0x70,
    OP_AND = 0x7b,
    OP_NOTIFY = 0x86,
    OP_IF = 0xa0,
    OP_RETURN = 0xa4,
    /* after OP_EXTENDED */
    OP_OPERATION_REGION = 0x80,
    OP_FIELD = 0x81,
    OP_DEVICE = 0x82,
    OP_PROCESSOR = 0x83,
};

#define SPACE_SYSTEM_IO    1
#define FIELD_BYTE_ACCESS  1 /* with NoLock and Preserve, which are 0 */
#define NAME_SEGMENT       4
#define MAX_PACKAGE_LENGTH 4

void aml_init(Aml *aml)
{
    aml->bytes = g_byte_array_new();
    aml->depth = 0;
}

GByteArray *aml_take(Aml *aml)
{
    g_assert(aml->depth == 0);
    return g_steal_pointer(&aml->bytes);
}

static void byte(Aml *aml, uint8_t value)
{
    g_byte_array_append(aml->bytes, &value, 1);
}

/* The PkgLength is not known before the object ends; it is put in front of the content then. */
static void open_object(Aml *aml)
{
    g_assert(aml->depth < AML_MAX_DEPTH);
    aml->start[aml->depth++] = aml->bytes->len;
}

/* PkgLength counts its own bytes too: one of 6 bits, or a count of more bytes, 4 bits and 8 bits
 * each. */
static unsigned encode_length(uint8_t out[MAX_PACKAGE_LENGTH], uint32_t content)
{
    unsigned extra = 0;
    uint32_t total = content + 1;

    if (total < 64) {
        out[0] = total;
        return 1;
    }
    do {
        extra++;
        total = content + 1 + extra;
    } while (total >> (4 + 8 * extra));
    out[0] = extra << 6 | (total & 0xf);
    for (unsigned i = 1; i <= extra; i++) {
        out[i] = total >> (4 + 8 * (i - 1));
    }
    return 1 + extra;
}

void aml_close(Aml *aml)
{
    uint8_t encoded[MAX_PACKAGE_LENGTH];
    guint start, content;
    unsigned length;

    g_assert(aml->depth > 0);
    start = aml->start[--aml->depth];
    content = aml->bytes->len - start;
    length = encode_length(encoded, content);
    g_byte_array_set_size(aml->bytes, aml->bytes->len + length);
    memmove(aml->bytes->data + start + length, aml->bytes->data + start, content);
    memcpy(aml->bytes->data + start, encoded, length);
}

static void segment(Aml *aml, const char *name, size_t length)
{
    char padded[NAME_SEGMENT] = {'_', '_', '_', '_'};

    g_assert(length >= 1 && length <= NAME_SEGMENT);
    memcpy(padded, name, length);
    g_byte_array_append(aml->bytes, (const uint8_t *)padded, NAME_SEGMENT);
}

static void name_path(Aml *aml, const char *path)
{
    g_auto(GStrv) names = NULL;
    unsigned count;

    if (*path == '\\') {
        byte(aml, OP_ROOT);
        path++;
    }
    names = g_strsplit(path, ".", -1);
    count = g_strv_length(names);
    if (count == 0) {
        byte(aml, OP_ZERO);
    } else if (count == 2) {
        byte(aml, OP_DUAL_NAME);
    } else if (count > 2) {
        byte(aml, OP_MULTI_NAME);
        byte(aml, count);
    }
    for (unsigned i = 0; i < count; i++) {
        segment(aml, names[i], strlen(names[i]));
    }
}

static void integer(Aml *aml, uint32_t value)
{
    uint8_t raw[4];
    unsigned size = value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : 4;

    if (value <= 1) {
        byte(aml, value ? OP_ONE : OP_ZERO);
        return;
    }
    byte(aml, size == 1 ? OP_BYTE : size == 2 ? OP_WORD : OP_DWORD);
    store_le32(raw, value);
    g_byte_array_append(aml->bytes, raw, size);
}

void aml_scope(Aml *aml, const char *path)
{
    byte(aml, OP_SCOPE);
    open_object(aml);
    name_path(aml, path);
}

void aml_device(Aml *aml, const char *path)
{
    byte(aml, OP_EXTENDED);
    byte(aml, OP_DEVICE);
    open_object(aml);
    name_path(aml, path);
}

void aml_processor(Aml *aml, const char *name, uint8_t id)
{
    static const uint8_t no_block[5]; /* P_BLK address and length */

    byte(aml, OP_EXTENDED);
    byte(aml, OP_PROCESSOR);
    open_object(aml);
    name_path(aml, name);
    byte(aml, id);
    g_byte_array_append(aml->bytes, no_block, sizeof(no_block));
}

static void name_object(Aml *aml, const char *path)
{
    byte(aml, OP_NAME);
    name_path(aml, path);
}

void aml_name_integer(Aml *aml, const char *path, uint32_t value)
{
    name_object(aml, path);
    integer(aml, value);
}

void aml_name_string(Aml *aml, const char *path, const char *value)
{
    name_object(aml, path);
    byte(aml, OP_STRING);
    g_byte_array_append(aml->bytes, (const uint8_t *)value, strlen(value) + 1);
}

/* Three letters of 5 bits, then the four hexadecimal digits, as a big-endian number. */
void aml_name_eisa_id(Aml *aml, const char *path, const char *id)
{
    uint8_t raw[4];
    uint16_t letters = (id[0] - 0x40) << 10 | (id[1] - 0x40) << 5 | (id[2] - 0x40);

    g_assert(strlen(id) == 7);
    name_object(aml, path);
    byte(aml, OP_DWORD);
    store_be16(raw, letters);
    store_be16(raw + 2, g_ascii_strtoull(id + 3, NULL, 16));
    g_byte_array_append(aml->bytes, raw, sizeof(raw));
}

void aml_name_buffer(Aml *aml, const char *path, const GByteArray *data)
{
    name_object(aml, path);
    byte(aml, OP_BUFFER);
    open_object(aml);
    integer(aml, data->len);
    g_byte_array_append(aml->bytes, data->data, data->len);
    aml_close(aml);
}

void aml_name_package(Aml *aml, const char *path, const uint8_t *values, unsigned count)
{
    name_object(aml, path);
    byte(aml, OP_PACKAGE);
    open_object(aml);
    byte(aml, count);
    for (unsigned i = 0; i < count; i++) {
        integer(aml, values[i]);
    }
    aml_close(aml);
}

void aml_port_field(Aml *aml, const char *region, const char *field, uint16_t port)
{
    byte(aml, OP_EXTENDED);
    byte(aml, OP_OPERATION_REGION);
    name_path(aml, region);
    byte(aml, SPACE_SYSTEM_IO);
    integer(aml, port);
    integer(aml, 1);

    byte(aml, OP_EXTENDED);
    byte(aml, OP_FIELD);
    open_object(aml);
    name_path(aml, region);
    byte(aml, FIELD_BYTE_ACCESS);
    segment(aml, field, strlen(field));
    byte(aml, 8); /* bits */
    aml_close(aml);
}

static void open_method(Aml *aml, const char *name, unsigned arguments)
{
    byte(aml, OP_METHOD);
    open_object(aml);
    name_path(aml, name);
    byte(aml, arguments);
}

void aml_method_store_argument(Aml *aml, const char *name, const char *field)
{
    open_method(aml, name, 1);
    byte(aml, OP_STORE);
    byte(aml, OP_ARG0);
    name_path(aml, field);
    aml_close(aml);
}

void aml_method_return(Aml *aml, const char *name, const char *field)
{
    open_method(aml, name, 0);
    byte(aml, OP_RETURN);
    name_path(aml, field);
    aml_close(aml);
}

void aml_method(Aml *aml, const char *path, unsigned arguments)
{
    open_method(aml, path, arguments);
}

void aml_if_argument_bits(Aml *aml, unsigned n, uint32_t bits)
{
    byte(aml, OP_IF);
    open_object(aml);
    byte(aml, OP_AND);
    byte(aml, OP_ARG0 + n);
    integer(aml, bits);
    byte(aml, OP_ZERO); /* the result goes nowhere else */
}

void aml_notify_argument(Aml *aml, const char *path, unsigned n)
{
    byte(aml, OP_NOTIFY);
    name_path(aml, path);
    byte(aml, OP_ARG0 + n);
}

void aml_call_integer(Aml *aml, const char *method, uint32_t value)
{
    name_path(aml, method);
    integer(aml, value);
}

void aml_call_field_integer(Aml *aml, const char *method, const char *field, uint32_t value)
{
    name_path(aml, method);
    name_path(aml, field);
    integer(aml, value);
}

/* ---- resource descriptors ---- */

enum {
    RESOURCE_IRQ = 0x22,      /* small, 2 bytes */
    RESOURCE_DMA = 0x2a,      /* small, 2 bytes */
    RESOURCE_IO = 0x47,       /* small, 7 bytes */
    RESOURCE_END = 0x79,      /* small, 1 byte */
    RESOURCE_MEMORY32 = 0x86, /* fixed location */
    RESOURCE_DWORD = 0x87,
    RESOURCE_WORD = 0x88,
    RESOURCE_QWORD = 0x8a,
};

enum { WINDOW_MEMORY, WINDOW_IO, WINDOW_BUS };

/* Minimum and maximum are fixed, positive decode, the device passes the range on. */
#define WINDOW_FLAGS         0x0c
#define WINDOW_ISA_AND_NON   0x03 /* type flags of an I/O window: the entire range */
#define WINDOW_MEMORY_RW     0x01
#define WINDOW_MEMORY_CACHED 0x02

static void append(GByteArray *resources, uint64_t value, unsigned size)
{
    uint8_t raw[8];

    store_le64(raw, value);
    g_byte_array_append(resources, raw, size);
}

void resource_io(GByteArray *resources, uint16_t base, uint8_t length)
{
    append(resources, RESOURCE_IO, 1);
    append(resources, 1, 1); /* 16-bit decode */
    append(resources, base, 2);
    append(resources, base, 2);
    append(resources, 1, 1); /* alignment */
    append(resources, length, 1);
}

void resource_irq(GByteArray *resources, uint8_t irq)
{
    append(resources, RESOURCE_IRQ, 1);
    append(resources, 1u << irq, 2);
}

void resource_dma(GByteArray *resources, uint8_t channel)
{
    append(resources, RESOURCE_DMA, 1);
    append(resources, 1u << channel, 1);
    append(resources, 0, 1);
}

void resource_memory_fixed(GByteArray *resources, uint32_t base, uint32_t length, bool writable)
{
    append(resources, RESOURCE_MEMORY32, 1);
    append(resources, 9, 2);
    append(resources, writable, 1);
    append(resources, base, 4);
    append(resources, length, 4);
}

static void window(GByteArray *resources, uint8_t tag, uint8_t kind, uint8_t type_flags,
                   uint64_t first, uint64_t last)
{
    unsigned size = tag == RESOURCE_WORD ? 2 : tag == RESOURCE_DWORD ? 4 : 8;

    append(resources, tag, 1);
    append(resources, 3 + 5 * size, 2);
    append(resources, kind, 1);
    append(resources, WINDOW_FLAGS, 1);
    append(resources, type_flags, 1);
    append(resources, 0, size); /* granularity */
    append(resources, first, size);
    append(resources, last, size);
    append(resources, 0, size); /* translation */
    append(resources, last - first + 1, size);
}

void resource_bus_numbers(GByteArray *resources, uint16_t first, uint16_t last)
{
    window(resources, RESOURCE_WORD, WINDOW_BUS, 0, first, last);
}

void resource_io_window(GByteArray *resources, uint16_t first, uint16_t last)
{
    window(resources, RESOURCE_WORD, WINDOW_IO, WINDOW_ISA_AND_NON, first, last);
}

void resource_memory_window32(GByteArray *resources, uint32_t first, uint32_t last, bool cacheable)
{
    window(resources, RESOURCE_DWORD, WINDOW_MEMORY,
           WINDOW_MEMORY_RW | (cacheable ? WINDOW_MEMORY_CACHED : 0), first, last);
}

void resource_memory_window64(GByteArray *resources, uint64_t first, uint64_t last)
{
    window(resources, RESOURCE_QWORD, WINDOW_MEMORY, WINDOW_MEMORY_RW | WINDOW_MEMORY_CACHED, first,
           last);
}

void resource_end(GByteArray *resources)
{
    append(resources, RESOURCE_END, 1);
    append(resources, 0, 1); /* checksum not given */
}
