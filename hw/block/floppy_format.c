/*
 * Formats of diskettes, told by the size of their image: the standard ones, and those that
 * formatting tools make with more sectors and cylinders.
 *
 * Source: ECMA-100, ECMA-125, ISO 9529 (3.5 inch); ECMA-70, ECMA-99 (5.25 inch); the tables of
 * fdformat(8) and setfdprm(8).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "floppy_format.h"

#include <string.h>

#include "util/error.h"

/* The first format of a type is the one that it is made for; of one size the first is meant. */
static const FloppyFormat formats[] = {
    /* 3.5 inch, high density: 1.44 MB and more */
    {FLOPPY_TYPE_144, 18, 80, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_144, 20, 80, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_144, 21, 80, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_144, 21, 82, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_144, 21, 83, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_144, 22, 80, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_144, 23, 80, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_144, 24, 80, 2, FLOPPY_RATE_500K},
    /* 3.5 inch, extra density: 2.88 MB and more */
    {FLOPPY_TYPE_288, 36, 80, 2, FLOPPY_RATE_1M},
    {FLOPPY_TYPE_288, 39, 80, 2, FLOPPY_RATE_1M},
    {FLOPPY_TYPE_288, 40, 80, 2, FLOPPY_RATE_1M},
    {FLOPPY_TYPE_288, 44, 80, 2, FLOPPY_RATE_1M},
    {FLOPPY_TYPE_288, 48, 80, 2, FLOPPY_RATE_1M},
    /* 3.5 inch, double density: 720 kB and more */
    {FLOPPY_TYPE_144, 9, 80, 2, FLOPPY_RATE_250K},
    {FLOPPY_TYPE_144, 10, 80, 2, FLOPPY_RATE_250K},
    {FLOPPY_TYPE_144, 10, 82, 2, FLOPPY_RATE_250K},
    {FLOPPY_TYPE_144, 10, 83, 2, FLOPPY_RATE_250K},
    {FLOPPY_TYPE_144, 13, 80, 2, FLOPPY_RATE_250K},
    {FLOPPY_TYPE_144, 14, 80, 2, FLOPPY_RATE_250K},
    /* 5.25 inch, high density: 1.2 MB and more */
    {FLOPPY_TYPE_120, 15, 80, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_120, 18, 80, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_120, 18, 82, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_120, 18, 83, 2, FLOPPY_RATE_500K},
    {FLOPPY_TYPE_120, 20, 80, 2, FLOPPY_RATE_500K},
    /* 5.25 inch, 80 cylinders, double density */
    {FLOPPY_TYPE_120, 9, 80, 2, FLOPPY_RATE_250K},
    {FLOPPY_TYPE_120, 11, 80, 2, FLOPPY_RATE_250K},
    /* 5.25 inch, 40 cylinders: 360 kB and less, at the rate of a drive that turns faster */
    {FLOPPY_TYPE_120, 9, 40, 2, FLOPPY_RATE_300K},
    {FLOPPY_TYPE_120, 9, 40, 1, FLOPPY_RATE_300K},
    {FLOPPY_TYPE_120, 10, 41, 2, FLOPPY_RATE_300K},
    {FLOPPY_TYPE_120, 10, 42, 2, FLOPPY_RATE_300K},
    {FLOPPY_TYPE_120, 8, 40, 2, FLOPPY_RATE_250K},
    {FLOPPY_TYPE_120, 8, 40, 1, FLOPPY_RATE_250K},
    /* 3.5 inch, single sided; 360 kB are a 5.25 inch diskette's where the drive leaves a choice */
    {FLOPPY_TYPE_144, 9, 80, 1, FLOPPY_RATE_250K},
};

static const struct {
    const char *name;
    uint8_t cmos;
} types[FLOPPY_TYPE_COUNT] = {
    [FLOPPY_TYPE_144] = {"144", 4},   [FLOPPY_TYPE_288] = {"288", 5},
    [FLOPPY_TYPE_120] = {"120", 2},   [FLOPPY_TYPE_NONE] = {"none", 0},
    [FLOPPY_TYPE_AUTO] = {"auto", 0},
};

static uint64_t format_bytes(const FloppyFormat *format)
{
    return (uint64_t)format->sectors * format->cylinders * format->heads * FLOPPY_SECTOR_SIZE;
}

/* A 2.88 MB drive takes every 3.5 inch diskette. */
static bool reads(FloppyType type, const FloppyFormat *format)
{
    return type == FLOPPY_TYPE_AUTO || type == format->type ||
           (type == FLOPPY_TYPE_288 && format->type == FLOPPY_TYPE_144);
}

const FloppyFormat *floppy_format_find(FloppyType type, uint64_t bytes)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (reads(type, &formats[i]) && format_bytes(&formats[i]) == bytes) {
            return &formats[i];
        }
    }
    return NULL;
}

const FloppyFormat *floppy_format_default(FloppyType type)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].type == type) {
            return &formats[i];
        }
    }
    return &formats[0];
}

bool floppy_type_parse(const char *property, const char *text, FloppyType *type, GError **error)
{
    for (unsigned i = 0; text && i < FLOPPY_TYPE_COUNT; i++) {
        if (strcmp(types[i].name, text) == 0) {
            *type = i;
            return true;
        }
    }
    return error_setf(error, "Parameter '%s' does not accept value '%s'", property,
                      text ? text : "");
}

uint8_t floppy_type_cmos(FloppyType type)
{
    return types[type].cmos;
}
