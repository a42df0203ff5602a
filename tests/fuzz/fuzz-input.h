/*
 * What the fuzz targets share: taking numbers off the input, and sanitizers that keep up with
 * thousands of runs a second.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_FUZZ_FUZZ_INPUT_H
#define TESTS_FUZZ_FUZZ_INPUT_H

#include <glib.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *data;
    size_t left;
} Input;

/* The next @bytes (at most 8) of the input as a number; zeros when there is no more. */
static inline uint64_t take(Input *input, unsigned bytes)
{
    uint64_t value = 0;

    bytes = MIN(bytes, input->left);
    memcpy(&value, input->data, bytes);
    input->data += bytes;
    input->left -= bytes;
    return value;
}

/* At most @limit bytes of the input, as many as there are; @length: how many. */
static inline const uint8_t *take_bytes(Input *input, size_t limit, size_t *length)
{
    const uint8_t *bytes = input->data;

    *length = MIN(limit, input->left);
    input->data += *length;
    input->left -= *length;
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

/* Freed memory is not kept for long: each run frees a megabyte. */
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16:malloc_context_size=8";
}

__attribute__((visibility("default"))) const char *__ubsan_default_options(void)
{
    return "halt_on_error=1:print_stacktrace=1";
}

#endif
