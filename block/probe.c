/*
 * Image formats by their first bytes. Only to refuse them: what looks like none of them is raw.
 *
 * Source: the formats' own documents (qcow2.txt, VMDK 5.0 specification, VHD and VHDX format
 * specifications, LUKS on-disk format, QED specification).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"
#include "util/bytes.h"

#include <string.h>

typedef struct {
    const char *format;
    size_t offset;
    const char *bytes;
    size_t length;
} Magic;

#define MAGIC(format, offset, text)                                                                \
    {                                                                                              \
        format, offset, text, sizeof(text) - 1                                                     \
    }

static const Magic magics[] = {
    MAGIC("qcow", 0, "QFI\xfb\0\0\0\1"),
    MAGIC("qcow2", 0, "QFI\xfb\0\0\0\2"),
    MAGIC("qcow2", 0, "QFI\xfb\0\0\0\3"),
    MAGIC("qed", 0, "QED\0"),
    MAGIC("vmdk", 0, "KDMV"),
    MAGIC("vmdk", 0, "COWD"),
    MAGIC("vdi", 0x40, "\x7f\x10\xda\xbe"),
    MAGIC("vpc", 0, "conectix"),
    MAGIC("vhdx", 0, "vhdxfile"),
    MAGIC("luks", 0, "LUKS\xba\xbe\0\1"),
    MAGIC("luks", 0, "LUKS\xba\xbe\0\2"),
    MAGIC("parallels", 0, "WithoutFreeSpace"),
    MAGIC("parallels", 0, "WithouFreSpacExt"),
    MAGIC("bochs", 0, "Bochs Virtual HD Image"),
    MAGIC("cloop", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"),
    MAGIC("dmg", 0, "koly"),
};

/* A VMDK descriptor is text: comments and blank lines, then "version=". */
static bool is_vmdk_descriptor(const uint8_t *start, size_t size)
{
    g_autofree char *text = g_strndup((const char *)start, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (g_str_has_prefix(*line, "version=")) {
            return true;
        }
        if (**line != '#' && **line != '\0') {
            return false;
        }
    }
    return false;
}

const char *block_probe(const uint8_t *start, size_t size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(magics); i++) {
        const Magic *magic = &magics[i];
        if (magic->offset + magic->length <= size &&
            memcmp(start + magic->offset, magic->bytes, magic->length) == 0) {
            return magic->format;
        }
    }
    return is_vmdk_descriptor(start, size) ? "vmdk" : NULL;
}
