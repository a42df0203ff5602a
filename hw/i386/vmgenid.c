/*
 * vmgenid: see the header.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/vmgenid.h"

#include <string.h>

#include "hw/acpi/piix4_pm.h"
#include "hw/core/run_state.h"
#include "hw/i386/fw_cfg.h"
#include "util/bytes.h"
#include "util/trace.h"

#define GUID_TEXT_AUTO "auto"
#define CHANGED_GPE    5
#define ADDRESS_SIZE   8

TRACE_DEFINE(vmgenid_update)

struct _Vmgenid {
    Device parent_instance;
    char *guid; /* as typed; once realized the number itself */
    uint8_t
        bytes[VMGENID_GUID_SIZE]; /* as the guest has it: the first three fields little-endian */
    FwCfg *fw_cfg;
    bool arrived; /* a saved guest that has the old number */
    uint8_t address[ADDRESS_SIZE];
};

DEVICE_TYPE(Vmgenid, vmgenid, TYPE_VMGENID, TYPE_DEVICE)

Vmgenid *vmgenid_find(Machine *machine)
{
    Device *device = machine_device_of_type(machine, vmgenid_get_type());

    return device ? HW_VMGENID(device) : NULL;
}

const char *vmgenid_text(Vmgenid *self)
{
    return self->guid;
}

/* ---- the number ---- */

static bool set_guid(Vmgenid *self, GError **error)
{
    /* Which digit pair each byte in memory is. */
    static const uint8_t order[VMGENID_GUID_SIZE] = {3, 2, 1,  0,  5,  4,  7,  6,
                                                     8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t digits[2 * VMGENID_GUID_SIZE];
    unsigned count = 0;

    if (g_strcmp0(self->guid, GUID_TEXT_AUTO) == 0) {
        g_free(self->guid);
        self->guid = g_uuid_string_random();
    } else if (!self->guid || !g_uuid_string_is_valid(self->guid)) {
        return error_setf(error, "Property 'vmgenid.guid' doesn't take value '%s'",
                          self->guid ? self->guid : "");
    }
    for (char *p = self->guid; *p && count < sizeof(digits); p++) {
        *p = g_ascii_tolower(*p);
        if (*p != '-') {
            digits[count++] = (uint8_t)g_ascii_xdigit_value(*p);
        }
    }
    for (unsigned i = 0; i < VMGENID_GUID_SIZE; i++) {
        self->bytes[i] = (uint8_t)(digits[2 * order[i]] << 4 | digits[2 * order[i] + 1]);
    }
    return true;
}

static void write_guid(Vmgenid *self)
{
    uint64_t address = load_le64(self->address);

    if (address != 0) {
        TRACE(vmgenid_update, "%s to 0x%" G_GINT64_MODIFIER "x", self->guid, address);
        address_space_write(machine_memory(device_get_machine(HW_DEVICE(self))), address,
                            self->bytes, sizeof(self->bytes));
    }
}

/* A guest that was saved learns of the number of this run. */
static void run_event(RunEvent event, void *opaque)
{
    Vmgenid *self = HW_VMGENID(opaque);
    Device *pm;

    if (event != RUN_EVENT_RESUME || !self->arrived) {
        return;
    }
    self->arrived = false;
    write_guid(self);
    pm = machine_device_of_type(device_get_machine(HW_DEVICE(self)), piix4_pm_get_type());
    if (pm && load_le64(self->address) != 0) {
        piix4_pm_raise_gpe(HW_PIIX4_PM(pm), CHANGED_GPE);
    }
}

/* ---- where it is ---- */

static void address_written(void *opaque, const uint8_t *data, uint32_t offset G_GNUC_UNUSED,
                            uint32_t length G_GNUC_UNUSED)
{
    memcpy(HW_VMGENID(opaque)->address, data, ADDRESS_SIZE);
}

static void show_address(Vmgenid *self)
{
    g_autoptr(GBytes) bytes = g_bytes_new(self->address, ADDRESS_SIZE);

    fw_cfg_modify_file(self->fw_cfg, VMGENID_ADDRESS_FILE, bytes);
}

void vmgenid_place(Vmgenid *self, uint64_t address)
{
    store_le64(self->address, address);
    show_address(self);
    write_guid(self);
}

/* ---- life ---- */

static bool add_files(Vmgenid *self, GError **error)
{
    uint8_t page[VMGENID_PAGE_SIZE] = {0};
    g_autoptr(GBytes) guid = NULL;
    g_autoptr(GBytes) address = g_bytes_new(self->address, ADDRESS_SIZE);

    memcpy(page + VMGENID_GUID_OFFSET, self->bytes, sizeof(self->bytes));
    guid = g_bytes_new(page, sizeof(page));
    return fw_cfg_add_file(self->fw_cfg, VMGENID_GUID_FILE, guid, error) &&
           fw_cfg_add_file_callback(self->fw_cfg, VMGENID_ADDRESS_FILE, NULL, address_written, self,
                                    address, true, error);
}

static bool vmgenid_realize(Device *device, GError **error)
{
    Vmgenid *self = HW_VMGENID(device);

    self->fw_cfg = fw_cfg_find_device(device_get_machine(device));
    if (!self->fw_cfg) {
        return error_setf(error, "vmgenid requires DMA write support in fw_cfg, which this machine "
                                 "type does not provide");
    }
    if (fw_cfg_has_file(self->fw_cfg, VMGENID_GUID_FILE)) {
        return error_setf(error, "at most one vmgenid device is permitted");
    }
    if (!set_guid(self, error) || !add_files(self, error)) {
        return false;
    }
    run_state_add_handler(run_event, self);
    return true;
}

static void vmgenid_unrealize(Device *device)
{
    run_state_remove_handler(run_event, device);
}

static void vmgenid_reset(Device *device)
{
    Vmgenid *self = HW_VMGENID(device);

    memset(self->address, 0, ADDRESS_SIZE);
    self->arrived = false;
    show_address(self);
}

static bool vmgenid_post_load(Device *device, GError **error G_GNUC_UNUSED)
{
    Vmgenid *self = HW_VMGENID(device);

    self->arrived = true;
    show_address(self);
    return true;
}

/* The number is not among them: that of the new run counts. */
static const SavedField vmgenid_fields[] = {SAVED_ARRAY(Vmgenid, address)};

static const DeviceProperty vmgenid_properties[] = {
    DEVICE_PROPERTY_TEXT("guid", Vmgenid, guid, GUID_TEXT_AUTO,
                         "UUID (aka GUID) or \"auto\" for random value (default)"),
};

static void vmgenid_class_init(DeviceClass *klass)
{
    klass->description = "a number that changes when a saved guest goes on";
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->realize = vmgenid_realize;
    klass->unrealize = vmgenid_unrealize;
    klass->reset = vmgenid_reset;
    klass->post_load = vmgenid_post_load;
    klass->saved_fields = vmgenid_fields;
    klass->saved_field_count = G_N_ELEMENTS(vmgenid_fields);
    klass->saved_version = 1;
    device_class_add_properties(klass, vmgenid_properties, G_N_ELEMENTS(vmgenid_properties));
}

static void vmgenid_instance_init(Vmgenid *self G_GNUC_UNUSED)
{
}
