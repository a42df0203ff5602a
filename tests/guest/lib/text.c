/*
 * Strings and formatting, and what the compiler may call for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

void *memset(void *to, int value, size_t length)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(length) : "a"(value) : "memory");
    return to;
}

void *memcpy(void *to, const void *from, size_t length)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(length) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (t <= f || t >= f + length) {
        return memcpy(to, from, length);
    }
    while (length-- > 0) {
        ((volatile uint8_t *)t)[length] = f[length];
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < length; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (((const volatile char *)text)[length]) {
        length++;
    }
    return length;
}

int strncmp(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (a[i] != b[i] || !a[i]) {
            return (uint8_t)a[i] - (uint8_t)b[i];
        }
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

/* ---- 64-bit division of 32-bit builds, which no library gives ---- */

#ifndef __x86_64__
uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest);
uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);
int64_t __divdi3(int64_t n, int64_t d);
int64_t __moddi3(int64_t n, int64_t d);

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest)
{
    uint64_t quotient = 0, left = 0;
    for (int bit = 63; bit >= 0; bit--) {
        left = left << 1 | (n >> bit & 1);
        if (left >= d) {
            left -= d;
            quotient |= UINT64_C(1) << bit;
        }
    }
    if (rest) {
        *rest = left;
    }
    return quotient;
}

uint64_t __udivdi3(uint64_t n, uint64_t d)
{
    return __udivmoddi4(n, d, NULL);
}

uint64_t __umoddi3(uint64_t n, uint64_t d)
{
    uint64_t rest;
    __udivmoddi4(n, d, &rest);
    return rest;
}

int64_t __divdi3(int64_t n, int64_t d)
{
    uint64_t q = __udivdi3(n < 0 ? -(uint64_t)n : (uint64_t)n, d < 0 ? -(uint64_t)d : (uint64_t)d);
    return (n < 0) != (d < 0) ? -(int64_t)q : (int64_t)q;
}

int64_t __moddi3(int64_t n, int64_t d)
{
    uint64_t r = __umoddi3(n < 0 ? -(uint64_t)n : (uint64_t)n, d < 0 ? -(uint64_t)d : (uint64_t)d);
    return n < 0 ? -(int64_t)r : (int64_t)r;
}
#endif

/* ---- formatting ---- */

typedef struct {
    char *to;
    unsigned length, room;
} Output;

static void put_char(Output *out, char c)
{
    if (out->length + 1 < out->room) {
        out->to[out->length++] = c;
    }
}

static void put_number(Output *out, uint64_t value, unsigned base, unsigned width, char fill)
{
    char digits[24];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (unsigned i = count; i < width; i++) {
        put_char(out, fill);
    }
    while (count > 0) {
        put_char(out, digits[--count]);
    }
}

static void put_signed(Output *out, int64_t value, unsigned width, char fill)
{
    if (value < 0) {
        put_char(out, '-');
    }
    put_number(out, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, width, fill);
}

typedef struct {
    unsigned longs, width;
    char fill;
} Directive;

static const char *parse_directive(const char *at, Directive *d)
{
    *d = (Directive){.fill = ' '};
    if (*at == '0') {
        d->fill = '0';
        at++;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        d->width = d->width * 10 + (*at - '0');
    }
    for (; *at == 'l' || *at == 'z'; at++) {
        d->longs++;
    }
    return at;
}

static void put_text(Output *out, const char *text)
{
    for (text = text ? text : "(null)"; *text; text++) {
        put_char(out, *text);
    }
}

unsigned format_list(char *to, unsigned room, const char *text, va_list list)
{
    Output out = {to, 0, room};
    for (const char *at = text; *at; at++) {
        Directive d;
        if (*at != '%') {
            put_char(&out, *at);
            continue;
        }
        at = parse_directive(at + 1, &d);
        switch (*at) {
        case 's':
            put_text(&out, va_arg(list, const char *));
            break;
        case 'c':
            put_char(&out, va_arg(list, int));
            break;
        case 'd':
            put_signed(&out,
                       d.longs > 1 ? va_arg(list, long long)
                       : d.longs   ? va_arg(list, long)
                                   : va_arg(list, int),
                       d.width, d.fill);
            break;
        case 'u':
        case 'x':
            put_number(&out,
                       d.longs > 1 ? va_arg(list, unsigned long long)
                       : d.longs   ? va_arg(list, unsigned long)
                                   : va_arg(list, unsigned),
                       *at == 'x' ? 16 : 10, d.width, d.fill);
            break;
        case 'p':
            put_number(&out, (uintptr_t)va_arg(list, void *), 16, 0, ' ');
            break;
        default:
            put_char(&out, *at);
            break;
        }
    }
    if (room > 0) {
        to[out.length] = '\0';
    }
    return out.length;
}

unsigned format(char *to, unsigned room, const char *text, ...)
{
    va_list list;
    va_start(list, text);
    unsigned length = format_list(to, room, text, list);
    va_end(list);
    return length;
}

uint64_t parse_number(const char *text)
{
    unsigned base = 10;
    uint64_t value = 0;
    if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
    }
    for (; *text; text++) {
        unsigned digit = *text >= 'a' ? *text - 'a' + 10u : *text - '0' + 0u;
        if (digit >= base) {
            break;
        }
        value = value * base + digit;
    }
    return value;
}
