/*
 * Saved state: a device lists its fields in a table; the base class makes a GVariant of them and checks type
 * and size when it reads them back.
 *
 *     static const SavedField i8259_fields[] = {
 *         SAVED(I8259, imr), SAVED_ARRAY(I8259, fifo), SAVED_TIMER(I8259, timer),
 *     };
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CORE_SAVED_STATE_H
#define HW_CORE_SAVED_STATE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    SAVED_BOOL,
    SAVED_U8,
    SAVED_U16,
    SAVED_U32,
    SAVED_U64,
    SAVED_I32,
    SAVED_I64,
    SAVED_KIND_TIMER, /* a Timer *: its expiry */
} SavedKind;

typedef struct {
    const char *name;
    SavedKind kind;
    size_t offset;
    unsigned count; /* 0: a scalar; else an array of that many */
} SavedField;

#define SAVED_KIND_OF(expression)                                                                  \
    _Generic((expression),                                                                         \
        bool: SAVED_BOOL,                                                                          \
        uint8_t: SAVED_U8,                                                                         \
        uint16_t: SAVED_U16,                                                                       \
        uint32_t: SAVED_U32,                                                                       \
        uint64_t: SAVED_U64,                                                                       \
        int32_t: SAVED_I32,                                                                        \
        int64_t: SAVED_I64)

#define SAVED(Type, field)                                                                         \
    {                                                                                              \
        #field, SAVED_KIND_OF(((Type *)0)->field), offsetof(Type, field), 0                        \
    }
/* An array member of any of the kinds above (also bytes). */
#define SAVED_ARRAY(Type, field)                                                                   \
    {                                                                                              \
        #field, SAVED_KIND_OF(((Type *)0)->field[0]), offsetof(Type, field),                       \
            G_N_ELEMENTS(((Type *)0)->field)                                                       \
    }
#define SAVED_TIMER(Type, field)                                                                   \
    {                                                                                              \
        #field, SAVED_KIND_TIMER, offsetof(Type, field), 0                                         \
    }

/** saved_fields_to_variant: a floating a{sv} of @count fields of @object. */
GVariant *saved_fields_to_variant(const void *object, const SavedField *fields, unsigned count);

/**
 * saved_fields_from_variant: the reverse. Every field must be there with its type and length, and no
 * other; on an error @object may be half written (the caller then discards the machine).
 */
bool saved_fields_from_variant(void *object, const SavedField *fields, unsigned count,
                               GVariant *state, GError **error);

#endif
