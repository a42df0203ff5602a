/*
 * null: takes everything, gives nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/chardev_private.h"

#define TYPE_NULL_CHARDEV (null_chardev_get_type())
G_DECLARE_FINAL_TYPE(NullChardev, null_chardev, XL, NULL_CHARDEV, Chardev)

struct _NullChardev {
    Chardev parent_instance;
};

G_DEFINE_FINAL_TYPE(NullChardev, null_chardev, TYPE_CHARDEV)

static bool null_open(Chardev *chardev, OptionReader *options G_GNUC_UNUSED,
                      GError **error G_GNUC_UNUSED)
{
    chardev_set_filename(chardev, g_strdup("null"));
    return true;
}

static void null_chardev_class_init(NullChardevClass *klass)
{
    XL_CHARDEV_CLASS(klass)->open = null_open;
}

static void null_chardev_init(NullChardev *self G_GNUC_UNUSED)
{
}

const CharDriver char_driver_null = {
    .name = "null",
    .help = "output is dropped, no input",
    .get_type = null_chardev_get_type,
};
