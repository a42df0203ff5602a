/*
 * Where firmware images are looked for: our own data folder, then where Debian's seabios and
 * qemu-system-data put them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "firmware_path.h"

#include "config-host.h"

void firmware_path_add_defaults(GPtrArray *path)
{
    static const char *const folders[] = {CONFIG_DATADIR, "/usr/share/seabios", "/usr/share/qemu"};

    for (unsigned i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_ptr_array_add(path, g_strdup(folders[i]));
    }
}
