/*
 * vmcoreinfo: see the header. Linux writes at start: guest format ELF, size and physical address of
 * its VMCOREINFO note.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/vmcoreinfo.h"

#include <elf.h>
#include <string.h>

#include "hw/i386/fw_cfg.h"
#include "util/bytes.h"
#include "util/error.h"

#define FILE_NAME  "etc/vmcoreinfo"
#define FORMAT_ELF 1
#define NOTE_MAX   (1 << 20)

/* The file: what the host can read, then the guest's answer. */
enum {
    FIELD_HOST_FORMAT = 0,  /* 16 bits */
    FIELD_GUEST_FORMAT = 2, /* 16 bits; 0: nothing told yet */
    FIELD_SIZE = 4,         /* 32 bits */
    FIELD_ADDRESS = 8,      /* 64 bits */
    FILE_SIZE = 16,
};

DEVICE_DECLARE(Vmcoreinfo, vmcoreinfo, HW_VMCOREINFO)

struct _Vmcoreinfo {
    Device parent_instance;
    FwCfg *fw_cfg;
    uint8_t file[FILE_SIZE];
};

DEVICE_TYPE(Vmcoreinfo, vmcoreinfo, TYPE_VMCOREINFO, TYPE_DEVICE)

/* ---- the note ---- */

static uint32_t padded(uint32_t length)
{
    return (length + 3) & ~UINT32_C(3);
}

static bool is_note(const uint8_t *bytes, uint32_t size)
{
    Elf64_Nhdr header;

    memcpy(&header, bytes, sizeof(header));
    return header.n_namesz > 0 && header.n_namesz <= NOTE_MAX && header.n_descsz <= NOTE_MAX &&
           sizeof(header) + padded(header.n_namesz) + padded(header.n_descsz) <= size;
}

GBytes *vmcoreinfo_note(Machine *machine)
{
    Device *device = machine_device_of_type(machine, vmcoreinfo_get_type());
    Vmcoreinfo *self = device ? HW_VMCOREINFO(device) : NULL;
    g_autofree uint8_t *bytes = NULL;
    Elf64_Nhdr header;
    uint32_t size;

    if (!self || load_le16(self->file + FIELD_GUEST_FORMAT) != FORMAT_ELF) {
        return NULL;
    }
    size = load_le32(self->file + FIELD_SIZE);
    if (size < sizeof(header) || size > NOTE_MAX) {
        return NULL;
    }
    bytes = g_malloc(size);
    if (!address_space_read(machine_memory(machine), load_le64(self->file + FIELD_ADDRESS), bytes,
                            size) ||
        !is_note(bytes, size)) {
        return NULL;
    }
    memcpy(&header, bytes, sizeof(header));
    size = (uint32_t)sizeof(header) + padded(header.n_namesz) + padded(header.n_descsz);
    return g_bytes_new_take(g_steal_pointer(&bytes), size);
}

/* ---- life ---- */

static void written(void *opaque, const uint8_t *data, uint32_t offset G_GNUC_UNUSED,
                    uint32_t length G_GNUC_UNUSED)
{
    Vmcoreinfo *self = opaque;

    memcpy(self->file, data, FILE_SIZE);
}

static void show_file(Vmcoreinfo *self)
{
    g_autoptr(GBytes) bytes = g_bytes_new(self->file, FILE_SIZE);

    fw_cfg_modify_file(self->fw_cfg, FILE_NAME, bytes);
}

static bool vmcoreinfo_realize(Device *device, GError **error)
{
    Vmcoreinfo *self = HW_VMCOREINFO(device);
    g_autoptr(GBytes) bytes = g_bytes_new(self->file, FILE_SIZE);

    self->fw_cfg = fw_cfg_find_device(device_get_machine(device));
    if (!self->fw_cfg) {
        return error_setf(error, "vmcoreinfo: this machine has no fw_cfg");
    }
    if (fw_cfg_has_file(self->fw_cfg, FILE_NAME)) {
        return error_setf(error, "vmcoreinfo: the machine already has one");
    }
    return fw_cfg_add_file_callback(self->fw_cfg, FILE_NAME, NULL, written, self, bytes, true,
                                    error);
}

static void vmcoreinfo_reset(Device *device)
{
    Vmcoreinfo *self = HW_VMCOREINFO(device);

    memset(self->file, 0, FILE_SIZE);
    store_le16(self->file + FIELD_HOST_FORMAT, FORMAT_ELF);
    show_file(self);
}

static bool vmcoreinfo_post_load(Device *device, GError **error G_GNUC_UNUSED)
{
    show_file(HW_VMCOREINFO(device));
    return true;
}

static const SavedField vmcoreinfo_fields[] = {SAVED_ARRAY(Vmcoreinfo, file)};

static void vmcoreinfo_class_init(DeviceClass *klass)
{
    klass->description = "where the guest's kernel describes itself for dumps";
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->realize = vmcoreinfo_realize;
    klass->reset = vmcoreinfo_reset;
    klass->post_load = vmcoreinfo_post_load;
    klass->saved_fields = vmcoreinfo_fields;
    klass->saved_field_count = G_N_ELEMENTS(vmcoreinfo_fields);
    klass->saved_version = 1;
}

static void vmcoreinfo_instance_init(Vmcoreinfo *self)
{
    store_le16(self->file + FIELD_HOST_FORMAT, FORMAT_ELF);
}
