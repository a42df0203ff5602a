/*
 * Saved state by field tables: round trip of every kind, and refusal of what does not fit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/saved_state.h"

#include <string.h>

#include "util/clock.h"

typedef struct {
    bool flag;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int32_t i32;
    int64_t i64;
    uint8_t bytes[5];
    uint32_t words[3];
    Timer *timer;
} Sample;

static const SavedField fields[] = {
    SAVED(Sample, flag),       SAVED(Sample, u8),  SAVED(Sample, u16), SAVED(Sample, u32),
    SAVED(Sample, u64),        SAVED(Sample, i32), SAVED(Sample, i64), SAVED_ARRAY(Sample, bytes),
    SAVED_ARRAY(Sample, words), SAVED_TIMER(Sample, timer),
};

static void ignore(void *opaque)
{
}

static Sample sample_new(void)
{
    Sample sample = {true, 1, 0x1234, 0x12345678, UINT64_MAX, -5, INT64_MIN, "abcd", {7, 8, 9},
                     timer_new(CLOCK_VIRTUAL, ignore, NULL)};

    timer_mod(sample.timer, 12345);
    return sample;
}

static void every_kind_survives_the_round_trip(void)
{
    Sample a = sample_new();
    Sample b = {.timer = timer_new(CLOCK_VIRTUAL, ignore, NULL)};
    g_autoptr(GVariant) saved =
        g_variant_ref_sink(saved_fields_to_variant(&a, fields, G_N_ELEMENTS(fields)));
    g_autoptr(GVariant) again = NULL;
    GError *error = NULL;

    g_assert_true(saved_fields_from_variant(&b, fields, G_N_ELEMENTS(fields), saved, &error));
    g_assert_no_error(error);
    g_assert_cmpint(timer_expire_ns(b.timer), ==, 12345);
    again = g_variant_ref_sink(saved_fields_to_variant(&b, fields, G_N_ELEMENTS(fields)));
    g_assert_true(g_variant_equal(saved, again));
    timer_free(a.timer);
    timer_free(b.timer);
}

/* Each row: a state that must be refused, and a word that its error must hold. */
static void what_does_not_fit_is_refused(void)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"{'flag': <true>}", "fields"},
        {"{'flag': <byte 1>, 'u8': <byte 1>}", "type"},
        {"{'flag': <true>, 'wrong': <byte 1>}", "missing"},
        {"[1, 2]", "type"},
        {"{'flag': <true>, 'u8': <[byte 1, 2]>}", "type"},
    };
    Sample sample = {0};

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) state = g_variant_parse(NULL, rows[i].text, NULL, NULL, NULL);

        g_assert_nonnull(state);
        g_assert_false(saved_fields_from_variant(&sample, fields, 2, state, &error));
        g_assert_nonnull(strstr(error->message, rows[i].word));
    }
}

static void array_of_another_length_is_refused(void)
{
    static const SavedField bytes_field[] = {SAVED_ARRAY(Sample, bytes)};
    g_autoptr(GVariant) state =
        g_variant_parse(NULL, "{'bytes': <[byte 1, 2, 3]>}", NULL, NULL, NULL);
    g_autoptr(GError) error = NULL;
    Sample sample = {0};

    g_assert_false(saved_fields_from_variant(&sample, bytes_field, 1, state, &error));
    g_assert_nonnull(strstr(error->message, "3 elements"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/saved-state/every_kind_survives_the_round_trip",
                    every_kind_survives_the_round_trip);
    g_test_add_func("/saved-state/what_does_not_fit_is_refused", what_does_not_fit_is_refused);
    g_test_add_func("/saved-state/array_of_another_length_is_refused",
                    array_of_another_length_is_refused);
    return g_test_run();
}
