/*
 * Saved state by field tables.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/saved_state.h"

#include <string.h>

#include "util/clock.h"
#include "util/error.h"

typedef struct {
    const char *type; /* GVariant type of one element */
    size_t size;
} KindLayout;

static const KindLayout layouts[] = {
    [SAVED_BOOL] = {"b", sizeof(bool)},
    [SAVED_U8] = {"y", 1},
    [SAVED_U16] = {"q", 2},
    [SAVED_U32] = {"u", 4},
    [SAVED_U64] = {"t", 8},
    [SAVED_I32] = {"i", 4},
    [SAVED_I64] = {"x", 8},
    [SAVED_KIND_TIMER] = {"x", sizeof(Timer *)},
};

static const void *field_address(const void *object, const SavedField *field)
{
    return (const uint8_t *)object + field->offset;
}

static GVariant *scalar_to_variant(const void *p, SavedKind kind)
{
    switch (kind) {
    case SAVED_BOOL:
        return g_variant_new_boolean(*(const bool *)p);
    case SAVED_U8:
        return g_variant_new_byte(*(const uint8_t *)p);
    case SAVED_U16:
        return g_variant_new_uint16(*(const uint16_t *)p);
    case SAVED_U32:
        return g_variant_new_uint32(*(const uint32_t *)p);
    case SAVED_U64:
        return g_variant_new_uint64(*(const uint64_t *)p);
    case SAVED_I32:
        return g_variant_new_int32(*(const int32_t *)p);
    case SAVED_I64:
        return g_variant_new_int64(*(const int64_t *)p);
    default: {
        Timer *timer = *(Timer *const *)p;
        return g_variant_new_int64(timer ? timer_expire_ns(timer) : -1);
    }
    }
}

static GVariant *field_to_variant(const void *object, const SavedField *field)
{
    const KindLayout *layout = &layouts[field->kind];
    const void *p = field_address(object, field);

    if (field->count == 0) {
        return scalar_to_variant(p, field->kind);
    }
    g_assert(field->kind != SAVED_KIND_TIMER);
    return g_variant_new_fixed_array(G_VARIANT_TYPE(layout->type), p, field->count, layout->size);
}

GVariant *saved_fields_to_variant(const void *object, const SavedField *fields, unsigned count)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    for (unsigned i = 0; i < count; i++) {
        g_variant_builder_add(&builder, "{sv}", fields[i].name,
                              field_to_variant(object, &fields[i]));
    }
    return g_variant_builder_end(&builder);
}

static void timer_load(Timer *timer, int64_t expire_ns)
{
    if (!timer) {
        return;
    }
    if (expire_ns < 0) {
        timer_del(timer);
    } else {
        timer_mod(timer, expire_ns);
    }
}

static void scalar_from_variant(void *p, SavedKind kind, GVariant *value)
{
    switch (kind) {
    case SAVED_BOOL:
        *(bool *)p = g_variant_get_boolean(value);
        break;
    case SAVED_U8:
        *(uint8_t *)p = g_variant_get_byte(value);
        break;
    case SAVED_U16:
        *(uint16_t *)p = g_variant_get_uint16(value);
        break;
    case SAVED_U32:
        *(uint32_t *)p = g_variant_get_uint32(value);
        break;
    case SAVED_U64:
        *(uint64_t *)p = g_variant_get_uint64(value);
        break;
    case SAVED_I32:
        *(int32_t *)p = g_variant_get_int32(value);
        break;
    case SAVED_I64:
        *(int64_t *)p = g_variant_get_int64(value);
        break;
    case SAVED_KIND_TIMER:
        timer_load(*(Timer **)p, g_variant_get_int64(value));
        break;
    }
}

static bool array_from_variant(void *p, const SavedField *field, GVariant *value, GError **error)
{
    const KindLayout *layout = &layouts[field->kind];
    gsize length;
    const void *data = g_variant_get_fixed_array(value, &length, layout->size);

    if (length != field->count) {
        return error_setf(error, "saved field '%s' has %zu elements instead of %u", field->name,
                          length, field->count);
    }
    memcpy(p, data, length * layout->size);
    return true;
}

static bool field_from_variant(void *object, const SavedField *field, GVariant *value,
                               GError **error)
{
    const KindLayout *layout = &layouts[field->kind];
    g_autofree char *type = g_strconcat(field->count ? "a" : "", layout->type, NULL);
    void *p = (void *)(uintptr_t)field_address(object, field);

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(type))) {
        return error_setf(error, "saved field '%s' has type '%s' instead of '%s'", field->name,
                          g_variant_get_type_string(value), type);
    }
    if (field->count) {
        return array_from_variant(p, field, value, error);
    }
    scalar_from_variant(p, field->kind, value);
    return true;
}

bool saved_fields_from_variant(void *object, const SavedField *fields, unsigned count,
                               GVariant *state, GError **error)
{
    if (!g_variant_is_of_type(state, G_VARIANT_TYPE_VARDICT)) {
        return error_setf(error, "saved state has type '%s' instead of 'a{sv}'",
                          g_variant_get_type_string(state));
    }
    if (g_variant_n_children(state) != count) {
        return error_setf(error, "saved state has %zu fields instead of %u",
                          g_variant_n_children(state), count);
    }
    for (unsigned i = 0; i < count; i++) {
        g_autoptr(GVariant) value = g_variant_lookup_value(state, fields[i].name, NULL);

        if (!value) {
            return error_setf(error, "saved field '%s' is missing", fields[i].name);
        }
        if (!field_from_variant(object, &fields[i], value, error)) {
            return false;
        }
    }
    return true;
}
