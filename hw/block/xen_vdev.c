/*
 * Names and numbers of Xen's virtual disks. A number has the disk's kind in its top bits, which are
 * Linux's major numbers of old, and disk and partition below.
 *
 * Source: Xen's docs/man/xen-vbd-interface.7.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_vdev.h"

#include <string.h>

#include "util/error.h"

typedef struct {
    XenVdevKind kind;
    uint32_t top;       /* above disk and partition */
    unsigned disk_bits; /* above the partition's bits */
    unsigned partition_bits;
    uint32_t first_disk; /* what a disk field of 0 stands for */
    uint32_t disks;
} Encoding;

/* The first that holds a disk and its partition is used. */
static const Encoding encodings[] = {
    {XEN_VDEV_XVD, 202u << 8, 4, 4, 0, 16},       {XEN_VDEV_SD, 8u << 8, 4, 4, 0, 16},
    {XEN_VDEV_HD, 3u << 8, 2, 6, 0, 2},           {XEN_VDEV_HD, 22u << 8, 2, 6, 2, 2},
    {XEN_VDEV_XVD, 1u << 28, 20, 8, 0, 1u << 20},
};

static const struct {
    const char *prefix;
    XenVdevKind kind;
} prefixes[] = {{"xvd", XEN_VDEV_XVD}, {"hd", XEN_VDEV_HD}, {"sd", XEN_VDEV_SD}};

static const Encoding *encoding_for(const XenVdev *vdev)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(encodings); i++) {
        const Encoding *e = &encodings[i];
        if (e->kind == vdev->kind && vdev->disk >= e->first_disk &&
            vdev->disk - e->first_disk < e->disks && vdev->partition >> e->partition_bits == 0) {
            return e;
        }
    }
    return NULL;
}

uint32_t xen_vdev_number(const XenVdev *vdev)
{
    const Encoding *e = encoding_for(vdev);

    return e ? e->top | (vdev->disk - e->first_disk) << e->partition_bits | vdev->partition : 0;
}

bool xen_vdev_from_number(uint32_t number, XenVdev *vdev)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(encodings); i++) {
        const Encoding *e = &encodings[i];
        unsigned bits = e->disk_bits + e->partition_bits;
        uint32_t disk = (number & ((1u << bits) - 1)) >> e->partition_bits;

        if (number >> bits == e->top >> bits && disk < e->disks) {
            *vdev =
                (XenVdev){e->kind, disk + e->first_disk, number & ((1u << e->partition_bits) - 1)};
            return true;
        }
    }
    return false;
}

char *xen_vdev_name(const XenVdev *vdev)
{
    char letters[8];
    unsigned at = sizeof(letters) - 1;
    uint32_t disk = vdev->disk;
    const char *prefix = prefixes[0].prefix;

    for (unsigned i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        prefix = prefixes[i].kind == vdev->kind ? prefixes[i].prefix : prefix;
    }
    letters[at] = '\0';
    for (;;) {
        letters[--at] = (char)('a' + disk % 26);
        if (disk < 26 || at == 0) {
            break;
        }
        disk = disk / 26 - 1;
    }
    if (vdev->partition == 0) {
        return g_strconcat(prefix, letters + at, NULL);
    }
    return g_strdup_printf("%s%s%u", prefix, letters + at, vdev->partition);
}

/* ---- parsing ---- */

/* a, b … z, aa, ab …: digits of base 26 without a zero. */
static const char *parse_letters(const char *text, uint32_t *disk)
{
    uint64_t value = 0;

    if (!g_ascii_islower(*text)) {
        return NULL;
    }
    for (; g_ascii_islower(*text); text++) {
        value = value * 26 + (uint64_t)(*text - 'a') + 1;
        if (value > UINT32_MAX) {
            return NULL;
        }
    }
    *disk = (uint32_t)(value - 1);
    return text;
}

/* Digits up to the end or @stop; no sign, no space. */
static const char *parse_digits(const char *text, uint32_t *value)
{
    uint64_t number = 0;

    if (!g_ascii_isdigit(*text)) {
        return NULL;
    }
    for (; g_ascii_isdigit(*text); text++) {
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > UINT32_MAX) {
            return NULL;
        }
    }
    *value = (uint32_t)number;
    return text;
}

/* xvdaa3 and its like; @rest is what follows the prefix. */
static bool parse_lettered(const char *rest, XenVdev *vdev)
{
    rest = parse_letters(rest, &vdev->disk);
    if (rest && *rest) {
        rest = parse_digits(rest, &vdev->partition);
    }
    return rest && *rest == '\0';
}

/* d2p1, d5 */
static bool parse_numbered(const char *rest, XenVdev *vdev)
{
    vdev->kind = XEN_VDEV_XVD;
    rest = parse_digits(rest, &vdev->disk);
    if (rest && *rest == 'p') {
        rest = parse_digits(rest + 1, &vdev->partition);
    }
    return rest && *rest == '\0';
}

static bool parse_number(const char *text, XenVdev *vdev)
{
    bool hexadecimal = g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X");
    guint64 number;

    return g_ascii_string_to_unsigned(hexadecimal ? text + 2 : text, hexadecimal ? 16 : 10, 0,
                                      UINT32_MAX, &number, NULL) &&
           xen_vdev_from_number((uint32_t)number, vdev);
}

static bool parse_any(const char *text, XenVdev *vdev)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(text, prefixes[i].prefix)) {
            vdev->kind = prefixes[i].kind;
            return parse_lettered(text + strlen(prefixes[i].prefix), vdev);
        }
    }
    return text[0] == 'd' ? parse_numbered(text + 1, vdev) : parse_number(text, vdev);
}

bool xen_vdev_parse(const char *text, XenVdev *vdev, GError **error)
{
    *vdev = (XenVdev){.kind = XEN_VDEV_XVD};
    if (!parse_any(text, vdev)) {
        return error_setf(error,
                          "Invalid virtual disk specifier '%s': use xvdX[N], hdX[N], sdX[N], "
                          "dN[pN] or a number",
                          text);
    }
    if (!encoding_for(vdev)) {
        return error_setf(error, "vdev '%s' is out of range", text);
    }
    return true;
}
