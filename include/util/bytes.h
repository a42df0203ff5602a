/*
 * Little- and big-endian loads and stores on unaligned bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_BYTES_H
#define UTIL_BYTES_H

#include <glib.h>
#include <stdint.h>
#include <string.h>

#define BYTES_ACCESSORS(bits)                                                                      \
    static inline uint##bits##_t load_le##bits(const void *p)                                      \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, p, sizeof(v));                                                                  \
        return GUINT##bits##_FROM_LE(v);                                                           \
    }                                                                                              \
    static inline uint##bits##_t load_be##bits(const void *p)                                      \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, p, sizeof(v));                                                                  \
        return GUINT##bits##_FROM_BE(v);                                                           \
    }                                                                                              \
    static inline void store_le##bits(void *p, uint##bits##_t v)                                   \
    {                                                                                              \
        v = GUINT##bits##_TO_LE(v);                                                                \
        memcpy(p, &v, sizeof(v));                                                                  \
    }                                                                                              \
    static inline void store_be##bits(void *p, uint##bits##_t v)                                   \
    {                                                                                              \
        v = GUINT##bits##_TO_BE(v);                                                                \
        memcpy(p, &v, sizeof(v));                                                                  \
    }

BYTES_ACCESSORS(16)
BYTES_ACCESSORS(32)
BYTES_ACCESSORS(64)

#undef BYTES_ACCESSORS

#define KiB (UINT64_C(1) << 10)
#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)
#define TiB (UINT64_C(1) << 40)

#endif
