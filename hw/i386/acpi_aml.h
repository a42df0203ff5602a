/*
 * A small writer of ACPI Machine Language for the parts of the name space that differ between
 * boards.
 *
 * Source: ACPI specification 3.0, chapters 6 (resource descriptors) and 18 (AML).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_ACPI_AML_H
#define HW_I386_ACPI_AML_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define AML_MAX_DEPTH 8

/* Objects that are open while their content is being written, innermost last. */
typedef struct {
    GByteArray *bytes;
    unsigned depth;
    guint start[AML_MAX_DEPTH]; /* where the open object's PkgLength is to go */
} Aml;

/** aml_init: an empty stream; aml_take: its bytes (the caller owns them); every object must be
 * closed. */
void aml_init(Aml *aml);
GByteArray *aml_take(Aml *aml);

/** aml_close: ends the innermost of scope, device, processor, package and method. */
void aml_close(Aml *aml);
/** aml_scope / aml_device: @path of 4-character names joined by dots, "\\" first for the root. */
void aml_scope(Aml *aml, const char *path);
void aml_device(Aml *aml, const char *path);
/** aml_processor: Processor (@name, @id, 0, 0), for IDs below 255. */
void aml_processor(Aml *aml, const char *name, uint8_t id);
/** aml_name_*: Name (@path, value). */
void aml_name_integer(Aml *aml, const char *path, uint32_t value);
void aml_name_string(Aml *aml, const char *path, const char *value);
/** aml_name_eisa_id: Name (@path, EisaId (@id)), @id like "PNP0501". */
void aml_name_eisa_id(Aml *aml, const char *path, const char *id);
/** aml_name_buffer: Name (@path, Buffer { @data }); resource templates are such buffers. */
void aml_name_buffer(Aml *aml, const char *path, const GByteArray *data);
/** aml_name_package: Name (@path, Package { @values … }). */
void aml_name_package(Aml *aml, const char *path, const uint8_t *values, unsigned count);
/** aml_port_field: OperationRegion (@region, SystemIO, @port, 1) with one byte field @field. */
void aml_port_field(Aml *aml, const char *region, const char *field, uint16_t port);
/** aml_method_store_argument: Method (@name, 1) { @field = Arg0 }; aml_method_return: Method
 * (@name) { Return (@field) }. */
void aml_method_store_argument(Aml *aml, const char *name, const char *field);
void aml_method_return(Aml *aml, const char *name, const char *field);

/* A method of more than one term, closed by aml_close(), and terms in it. */
void aml_method(Aml *aml, const char *path, unsigned arguments);
/** aml_if_argument_bits: If (Arg@n & @bits) { …, closed by aml_close(). */
void aml_if_argument_bits(Aml *aml, unsigned n, uint32_t bits);
/** aml_notify_argument: Notify (@path, Arg@n). */
void aml_notify_argument(Aml *aml, const char *path, unsigned n);
/** aml_call_integer: @method (@value); aml_call_field_integer: @method (@field, @value). */
void aml_call_integer(Aml *aml, const char *method, uint32_t value);
void aml_call_field_integer(Aml *aml, const char *method, const char *field, uint32_t value);

/* Resource descriptors, appended to a template that resource_end() closes. */
void resource_io(GByteArray *resources, uint16_t base, uint8_t length);
void resource_irq(GByteArray *resources, uint8_t irq);
/** resource_dma: channel @channel, 8 bits at a time, compatibility timing. */
void resource_dma(GByteArray *resources, uint8_t channel);
void resource_memory_fixed(GByteArray *resources, uint32_t base, uint32_t length, bool writable);
/** resource_bus_numbers / io_window / memory_window: what a host bridge passes on, both ends
 * included. */
void resource_bus_numbers(GByteArray *resources, uint16_t first, uint16_t last);
void resource_io_window(GByteArray *resources, uint16_t first, uint16_t last);
void resource_memory_window32(GByteArray *resources, uint32_t first, uint32_t last, bool cacheable);
void resource_memory_window64(GByteArray *resources, uint64_t first, uint64_t last);
void resource_end(GByteArray *resources);

#endif
