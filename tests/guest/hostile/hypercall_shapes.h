/*
 * What the arguments of every hypercall look like, for who makes calls at random: the hostile guest
 * and the fuzz targets. Each operation is a row with its structure, a letter a field, so that most
 * calls get past the first check; what the values are is drawn.
 *
 * Source: Xen's public headers. A long, a frame and a pointer have the caller's word size; 64-bit
 * numbers are aligned to 4 bytes for a 32-bit caller.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_GUEST_HOSTILE_HYPERCALL_SHAPES_H
#define TESTS_GUEST_HOSTILE_HYPERCALL_SHAPES_H

#include <stdbool.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <string.h>
#endif

/*
 * d domain id          h 16 bits         s 16 bits, a length in a page   b 8 bits
 * i small, 32 bits     u 32 bits         k offset in a page, 32 bits     z zero, 32 bits
 * p port               v vCPU            r grant reference               f flags, 32 bits
 * q 64 bits            t system time     G frame, 64 bits                A address, 64 bits
 * l small, long        g frame, long     P pointer to numbers
 * | what follows is aligned as a structure is
 * ! first: the fields are the call's arguments themselves, each a long
 */
typedef struct {
    uint8_t number, op;
    const char *fields;
} HypercallShape;

#define SHAPE_RESERVATION "Pliud"
#define SHAPE_REGISTERS   "izqqqqqqqqqqqqqqqqqqqqqqqq"

static const HypercallShape hypercall_shapes[] = {
    /* platform_op, mmuext_op, sysctl, domctl, xenpmu_op, dm_op, hypfs_op, arch_1: all denied */
    {7, 0, "qq"},
    {26, 0, "qq"},
    {35, 0, "qq"},
    {36, 0, "qq"},
    {40, 0, "qq"},
    {41, 0, "qq"},
    {42, 0, "qq"},
    {49, 0, "qq"},
    {49, 1, "qq"},
    /* memory_op */
    {12, 0, SHAPE_RESERVATION},
    {12, 1, SHAPE_RESERVATION},
    {12, 6, SHAPE_RESERVATION},
    {12, 11, SHAPE_RESERVATION "|" SHAPE_RESERVATION "|l"},
    {12, 2, ""},
    {12, 3, "d"},
    {12, 4, "d"},
    {12, 14, "d"},
    {12, 9, "iP"},
    {12, 7, "dhilg"},
    {12, 23, "dhhhPPP"},
    {12, 15, "dg"},
    {12, 13, ""},
    {12, 16, ""},
    {12, 17, ""},
    {12, 24, ""},
    {12, 26, ""},
    {12, 28, ""},
    /* set_timer_op, console_io, vm_assist */
    {15, 0, "!t"},
    {18, 0, "!iiP"},
    {21, 0, "!ii"},
    /* xen_version */
    {17, 0, ""},
    {17, 1, "q"},
    {17, 2, "q"},
    {17, 3, "q"},
    {17, 4, "q"},
    {17, 5, "l"},
    {17, 6, "iu"},
    {17, 7, ""},
    {17, 8, "q"},
    {17, 9, "q"},
    {17, 10, "uq"},
    /* grant_table_op */
    {20, 0, "AfrdhuA"},
    {20, 1, "AAih"},
    {20, 2, "dihP"},
    {20, 3, "dh"},
    {20, 4, "gdrh"},
    {20, 5, "gds|gds|shh"},
    {20, 6, "duuh"},
    {20, 7, "AAih"},
    {20, 8, "i"},
    {20, 9, "idhP"},
    {20, 10, "dhu"},
    {20, 11, "rrh"},
    {20, 12, "Assi"},
    /* vcpu_op */
    {24, 0, SHAPE_REGISTERS},
    {24, 1, ""},
    {24, 2, ""},
    {24, 3, ""},
    {24, 4, "q"},
    {24, 5, "A"},
    {24, 6, "t"},
    {24, 7, ""},
    {24, 8, "tf"},
    {24, 9, ""},
    {24, 10, "Gkz"},
    {24, 11, ""},
    {24, 12, "q"},
    {24, 13, "A"},
    {24, 14, "A"},
    {24, 15, "A"},
    /* sched_op */
    {29, 0, ""},
    {29, 1, ""},
    {29, 2, "i"},
    {29, 3, "Pit"},
    {29, 4, "di"},
    {29, 5, "i"},
    {29, 6, "ii"},
    {29, 7, "i"},
    /* event_channel_op */
    {32, 0, "dpp"},
    {32, 1, "ivp"},
    {32, 2, "iip"},
    {32, 3, "p"},
    {32, 4, "p"},
    {32, 5, "dpuuuu"},
    {32, 6, "ddp"},
    {32, 7, "vp"},
    {32, 8, "pv"},
    {32, 9, "p"},
    {32, 10, "d"},
    {32, 11, "Gkvb"},
    {32, 12, "G"},
    {32, 13, "pi"},
    {32, 14, "d"},
    /* physdev_op */
    {33, 5, "ii"},
    {33, 12, "i"},
    {33, 13, "diiiiiiq"},
    {33, 14, "di"},
    {33, 17, "g"},
    {33, 23, "ii"},
    {33, 28, "g"},
    /* hvm_op */
    {34, 0, "diq"},
    {34, 0, "dit"},
    {34, 1, "diq"},
    {34, 5, "!lz"},
    {34, 9, "dq"},
    {34, 10, "q"},
    {34, 11, "hhqqq"},
    {34, 15, "dhhhG"},
    {34, 23, "vb"},
    {34, 24, ""},
    {34, 25, "q"},
};

enum {
    SHAPE_COUNT = sizeof(hypercall_shapes) / sizeof(hypercall_shapes[0]),
    SHAPE_ROOM = 256,        /* bytes of the longest structure, and of a multicall's entry */
    SHAPE_LIST_BYTES = 2048, /* that pointers may lead into */
    SHAPE_MULTICALL = 13,
    SHAPE_CALLS = 7, /* of a multicall */
};

typedef struct {
    uint64_t (*draw)(void *opaque, unsigned bytes); /* a number of so many bytes */
    void *opaque;
    bool narrow;
    uint64_t first_frame, frames; /* where frames of RAM are taken from; at most 65536 */
    uint64_t lists;               /* the guest's address of what pointers lead to */
    uint64_t now;                 /* system time, about */
    uint16_t own;                 /* the guest's domain id */
} ShapeSource;

typedef struct {
    uint32_t number;
    uint64_t arguments[5];
} ShapeCall;

static inline uint64_t shape_frame(ShapeSource *s)
{
    static const uint64_t odd[] = {0,       0xa0,    0xf0,    0xfee00,    0xfec00,   0xfeff8,
                                   0xfeff9, 0xfffff, 1 << 20, 1ull << 40, UINT64_MAX};
    uint64_t draw = s->draw(s->opaque, 1);
    if (draw < 240) {
        return s->first_frame + s->draw(s->opaque, 2) % s->frames;
    }
    return odd[draw % (sizeof(odd) / sizeof(odd[0]))];
}

static inline uint64_t shape_small(ShapeSource *s)
{
    uint64_t draw = s->draw(s->opaque, 1);
    return draw < 248 ? draw % 8 : draw < 252 ? draw - 220 : s->draw(s->opaque, 4);
}

static inline uint64_t shape_time(ShapeSource *s)
{
    uint64_t draw = s->draw(s->opaque, 1);
    return draw < 200 ? s->now + s->draw(s->opaque, 3) : draw < 220 ? 0 : s->draw(s->opaque, 8);
}

static inline uint64_t shape_domain(ShapeSource *s)
{
    uint64_t draw = s->draw(s->opaque, 1);
    return draw < 112   ? 0x7ff0
           : draw < 176 ? s->own
           : draw < 240 ? draw % 2
                        : s->draw(s->opaque, 2);
}

static inline uint64_t shape_value(ShapeSource *s, char field)
{
    switch (field) {
    case 'd':
        return shape_domain(s);
    case 'i':
    case 'l':
        return shape_small(s);
    case 'f':
        return shape_small(s) | (s->draw(s->opaque, 1) > 192 ? s->draw(s->opaque, 2) : 0);
    case 'b':
        return s->draw(s->opaque, 1);
    case 'r':
    case 'p':
        return s->draw(s->opaque, 1) < 240 ? s->draw(s->opaque, 1) % 32 : s->draw(s->opaque, 4);
    case 's':
        return s->draw(s->opaque, 2) % 4097;
    case 'k':
        return s->draw(s->opaque, 1) * 16;
    case 'v':
        return s->draw(s->opaque, 1) % 8 ? s->draw(s->opaque, 1) % 2 : s->draw(s->opaque, 1);
    case 'h':
        return s->draw(s->opaque, 1) < 192 ? shape_small(s) : s->draw(s->opaque, 2);
    case 'u':
        return s->draw(s->opaque, 4);
    case 'q':
        return s->draw(s->opaque, 8);
    case 't':
        return shape_time(s);
    case 'g':
    case 'G':
        return shape_frame(s);
    case 'A':
        return shape_frame(s) << 12 |
               (s->draw(s->opaque, 1) < 128 ? 0 : s->draw(s->opaque, 2) & 0xff8);
    case 'P':
        return s->lists + s->draw(s->opaque, 1) * 8;
    default:
        return 0;
    }
}

static inline unsigned shape_size(const ShapeSource *s, char field)
{
    switch (field) {
    case 'b':
        return 1;
    case 'd':
    case 'h':
    case 's':
        return 2;
    case 'q':
    case 't':
    case 'G':
    case 'A':
        return 8;
    case 'l':
    case 'g':
    case 'P':
        return s->narrow ? 4 : 8;
    default:
        return 4;
    }
}

/* Fills the structure of @fields at @to, SHAPE_ROOM bytes. */
static inline void shape_fill(ShapeSource *s, const char *fields, uint8_t *to)
{
    unsigned at = 0, word = s->narrow ? 4 : 8;
    memset(to, 0, SHAPE_ROOM);
    for (; *fields; fields++) {
        unsigned size = *fields == '|' ? word : shape_size(s, *fields);
        unsigned alignment = size < word ? size : word;
        at = (at + alignment - 1) & ~(alignment - 1);
        if (*fields != '|') {
            uint64_t value = shape_value(s, *fields);
            memcpy(to + at, &value, size);
            at += size;
        }
    }
}

/*
 * A call of @shape: its structure goes to @to, which the guest has at @address. What is wrong on
 * purpose now and then: the address, the count, bits above an operation's number.
 */
static inline void shape_call(ShapeSource *s, const HypercallShape *shape, uint8_t *to,
                              uint64_t address, ShapeCall *call)
{
    uint64_t odd = s->draw(s->opaque, 1), *argument = call->arguments;
    memset(call, 0, sizeof(*call));
    call->number = shape->number;
    if (shape->fields[0] == '!') {
        for (const char *field = shape->fields + 1; *field; field++) {
            *argument++ = shape_value(s, *field);
        }
        return;
    }
    shape_fill(s, shape->fields, to);
    address = odd == 255 ? s->draw(s->opaque, 8) : odd == 254 ? 0 : address;
    *argument++ = shape->op | (odd == 253 ? (uint64_t)shape_small(s) << 6 : 0);
    if (shape->number == 24) { /* vcpu_op */
        *argument++ = shape_value(s, 'v');
    }
    *argument++ = address;
    *argument = odd >= 64 ? 1 : shape_small(s); /* of grant_table_op: how many */
}

/* A multicall of up to SHAPE_CALLS calls of shapes that @choose gives; @to and @address have room
 * for it: SHAPE_CALLS + 2 times SHAPE_ROOM. */
static inline void shape_multicall(ShapeSource *s, const HypercallShape *(*choose)(ShapeSource *s),
                                   uint8_t *to, uint64_t address, ShapeCall *call)
{
    unsigned count = s->draw(s->opaque, 1) % (SHAPE_CALLS + 1), word = s->narrow ? 4 : 8;
    for (unsigned i = 0; i < count; i++) {
        unsigned place = SHAPE_ROOM * (i + 2);
        uint8_t *entry = to + i * 8 * word;
        ShapeCall inner;
        shape_call(s, choose(s), to + place, address + place, &inner);
        memset(entry, 0, 8 * word);
        memcpy(entry, &inner.number, sizeof(inner.number));
        for (unsigned a = 0; a < 5; a++) {
            memcpy(entry + (2 + a) * word, &inner.arguments[a], word);
        }
    }
    *call = (ShapeCall){SHAPE_MULTICALL, {address, count}};
}

#endif
