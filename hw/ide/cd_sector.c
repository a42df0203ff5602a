/*
 * A CD-ROM mode 1 sector of 2352 bytes, made around 2048 bytes of user data: sync, header, error
 * detection code and the two layers of error correction.
 *
 * Source: ECMA-130, section 14 and annex A.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "atapi.h"
#include "util/bytes.h"

#define SYNC_SIZE    12
#define HEADER_START 12
#define USER_START   16
#define EDC_START    2064
#define ECC_P_START  2076
#define ECC_Q_START  2248
#define ERROR_FLAGS  294 /* C2 pointers of a sector */

/* The field of 256 elements that the correction codes count in: x^8 + x^4 + x^3 + x^2 + 1. */
#define FIELD_POLYNOMIAL 0x1d
/* Reversed polynomial of the detection code: (x^16+x^15+x^2+1)(x^16+x^2+x+1). */
#define EDC_POLYNOMIAL 0xd8018001

static uint8_t to_bcd(unsigned value)
{
    return (uint8_t)((value / 10) << 4 | value % 10);
}

void cd_address_to_msf(uint32_t address, uint8_t msf[3])
{
    uint32_t frame = address + CD_PREGAP_FRAMES;

    msf[0] = (uint8_t)(frame / 75 / 60);
    msf[1] = frame / 75 % 60;
    msf[2] = frame % 75;
}

static uint32_t detection_code(const uint8_t *data, size_t length)
{
    uint32_t code = 0;

    while (length-- > 0) {
        code ^= *data++;
        for (unsigned bit = 0; bit < 8; bit++) {
            code = code & 1 ? code >> 1 ^ EDC_POLYNOMIAL : code >> 1;
        }
    }
    return code;
}

static uint8_t times_alpha(uint8_t a)
{
    return (uint8_t)(a << 1 ^ (a & 0x80 ? FIELD_POLYNOMIAL : 0));
}

/* The element that times (alpha + 1) gives @a: 255 tries at most, found once for the table. */
static const uint8_t *division_table(void)
{
    static uint8_t table[256];
    static gsize made;

    if (g_once_init_enter(&made)) {
        for (unsigned a = 0; a < 256; a++) {
            table[(uint8_t)(times_alpha((uint8_t)a) ^ a)] = (uint8_t)a;
        }
        g_once_init_leave(&made, 1);
    }
    return table;
}

/* A layer of vectors over the bytes from the header on: where each begins, and its stride. */
typedef struct {
    unsigned vectors, length; /* data bytes of a vector */
    unsigned first_step;      /* from a pair of vectors to the next, in bytes */
    unsigned stride, wrap;    /* between the bytes of a vector */
    unsigned parity;          /* where the layer's parity goes */
} EccLayer;

static const EccLayer layer_p = {86, 24, 2, 86, 2064, ECC_P_START};
static const EccLayer layer_q = {52, 43, 86, 88, 2236, ECC_Q_START};

/* Two parity bytes so that sum(v) = 0 and sum(v * alpha^i) = 0 over the vector and them. */
static void add_parity(uint8_t *sector, const EccLayer *layer)
{
    const uint8_t *divide = division_table();
    const uint8_t *covered = sector + HEADER_START;

    for (unsigned v = 0; v < layer->vectors; v++) {
        unsigned index = v / 2 * layer->first_step + (v & 1);
        uint8_t sum = 0, weighted = 0, parity;

        for (unsigned i = 0; i < layer->length; i++) {
            sum ^= covered[index];
            weighted = times_alpha(weighted ^ covered[index]);
            index += layer->stride;
            if (index >= layer->wrap) {
                index -= layer->wrap;
            }
        }
        parity = divide[(uint8_t)(times_alpha(weighted) ^ sum)];
        sector[layer->parity + v] = parity;
        sector[layer->parity + layer->vectors + v] = parity ^ sum;
    }
}

void cd_sector_build(uint32_t address, uint8_t sector[CD_RAW_SECTOR_SIZE])
{
    uint8_t msf[3];

    memset(sector, 0xff, SYNC_SIZE);
    sector[0] = 0;
    sector[SYNC_SIZE - 1] = 0;
    cd_address_to_msf(address, msf);
    for (unsigned i = 0; i < 3; i++) {
        sector[HEADER_START + i] = to_bcd(msf[i]);
    }
    sector[HEADER_START + 3] = 1; /* mode */
    store_le32(sector + EDC_START, detection_code(sector, EDC_START));
    memset(sector + EDC_START + 4, 0, 8);
    add_parity(sector, &layer_p);
    add_parity(sector, &layer_q);
}

/* The fields in the order of the sector. A mode 1 sector has no subheader: asking for it yields
 * nothing. */
static const struct {
    uint8_t field;
    uint16_t start, length;
} fields_of_sector[] = {
    {CD_FIELD_SYNC, 0, SYNC_SIZE},
    {CD_FIELD_HEADER, HEADER_START, 4},
    {CD_FIELD_USER, USER_START, CD_SECTOR_SIZE},
    {CD_FIELD_EDC_ECC, EDC_START, CD_RAW_SECTOR_SIZE - EDC_START},
};

static uint16_t error_flags_size(uint8_t fields)
{
    switch (fields & CD_FIELD_ERRORS) {
    case 0x02:
        return ERROR_FLAGS;
    case 0x04:
        return ERROR_FLAGS + 2; /* with a block error byte and a pad */
    default:
        return 0;
    }
}

uint16_t cd_sector_size(uint8_t fields)
{
    uint16_t size = error_flags_size(fields);

    if ((fields & CD_FIELD_ERRORS) == CD_FIELD_ERRORS || (fields & 0x01)) {
        return 0;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(fields_of_sector); i++) {
        size += fields & fields_of_sector[i].field ? fields_of_sector[i].length : 0;
    }
    return size;
}

uint16_t cd_sector_select(const uint8_t sector[CD_RAW_SECTOR_SIZE], uint8_t fields, uint8_t *out)
{
    uint8_t *next = out;

    for (unsigned i = 0; i < G_N_ELEMENTS(fields_of_sector); i++) {
        if (fields & fields_of_sector[i].field) {
            memcpy(next, sector + fields_of_sector[i].start, fields_of_sector[i].length);
            next += fields_of_sector[i].length;
        }
    }
    memset(next, 0, error_flags_size(fields));
    next += error_flags_size(fields);
    return (uint16_t)(next - out);
}
