/*
 * The stream of a saved guest, as it lies in a file or goes over a socket. All numbers little
 * endian.
 *
 *     preamble   magic, version
 *     records    a header each (kind, length, check sums), then the payload:
 *         CONFIG     a{sv}: what the machine is, its RAM blocks, the sections that will come
 *         RAM        runs of pages, any number of times; a page that comes again replaces itself
 *         SECTION    one object's state: its path and a GVariant
 *         END        how many records there were, and a sum over their headers
 *
 * A header has a check sum of its own, so that a length is believed only when it is sound; and each
 * kind has a greatest length.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_STREAM_FORMAT_H
#define MIGRATION_STREAM_FORMAT_H

#include <glib.h>
#include <stdint.h>

#define STREAM_MAGIC   "XENOLITH"
#define STREAM_VERSION 1u

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t reserved; /* 0 */
} StreamPreamble;

typedef enum { RECORD_CONFIG = 1, RECORD_RAM, RECORD_SECTION, RECORD_END, RECORD_KINDS } RecordKind;

typedef struct {
    uint32_t kind;
    uint32_t reserved; /* 0 */
    uint64_t length;   /* of the payload, bytes */
    uint32_t payload_sum;
    uint32_t header_sum; /* CRC-32 of what stands before it */
} RecordHeader;

/* A RAM record is a row of runs; a run that is not zero is followed by its pages. */
typedef struct {
    uint32_t block; /* index in CONFIG's list */
    uint32_t pages; /* RUN_ZERO: they are all zeros and do not follow */
    uint64_t first;
} RamRun;

#define RUN_ZERO UINT32_C(0x80000000)

/* A SECTION begins with these lengths; path and type follow, then zeros up to a multiple of 8 from
 * the payload's start, then the variant. */
typedef struct {
    uint16_t path_length;
    uint16_t type_length;
    uint32_t reserved; /* 0 */
} SectionHeader;

typedef struct {
    uint64_t records; /* END not counted */
    uint32_t sum;     /* CRC-32 over all their headers, in order */
    uint32_t reserved;
} StreamEnd;

#define CONFIG_LENGTH_MAX  (UINT64_C(1) << 20)
#define RAM_LENGTH_MAX     (UINT64_C(2) << 20)
#define SECTION_LENGTH_MAX (UINT64_C(256) << 20)
#define SECTION_NAME_MAX   1023u
#define STREAM_BLOCKS_MAX  256u
#define STREAM_PAGE_SIZE   4096u

G_STATIC_ASSERT(sizeof(StreamPreamble) == 16);
G_STATIC_ASSERT(sizeof(RecordHeader) == 24);
G_STATIC_ASSERT(sizeof(RamRun) == 16);
G_STATIC_ASSERT(sizeof(SectionHeader) == 8);
G_STATIC_ASSERT(sizeof(StreamEnd) == 16);

#endif
