/*
 * SMBIOS structures and entry points.
 *
 * Source: DSP0134, System Management BIOS reference specification 2.8 and 3.0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/smbios.h"

#include <stdio.h>
#include <string.h>

#include "hw/i386/acpi_tables.h"
#include "hw/i386/smbios_options.h"
#include "util/bytes.h"
#include "util/options.h"

#define MANUFACTURER      "QEMU" /* what guests look for to know that they are virtual */
#define PRODUCT           "Standard PC (i440FX + PIIX, 1996)"
#define BIOS_VENDOR       "Xenolith"
#define BIOS_VERSION      "1"
#define BIOS_DATE         "01/01/2024"
#define NO_HANDLE         0xffff
#define NO_ERROR_HANDLE   0xfffe
#define CHASSIS_HANDLE    0x0300
#define ARRAY_HANDLE      0x1000
#define MAX_DIMM_BYTES    (16 * GiB)
#define MAX_TABLE_21      0xffff
#define DEFAULT_CPU_MHZ   2000
#define UNKNOWN_FAMILY    0x01
#define FAMILY_IN_FAMILY2 0xfe

/* The structure being written: its fixed part, then the strings. */
typedef struct {
    GByteArray *bytes;
    guint start;
    GString *strings;
    unsigned string_count;
    unsigned structure_count;
    unsigned largest;
} Builder;

typedef struct {
    const PcPlatform *platform;
    const SmbiosOptions *options;
    Builder out;
} Smbios;

/* ---- writing ---- */

static void put(Smbios *self, uint64_t value, unsigned size)
{
    uint8_t raw[8];

    store_le64(raw, value);
    g_byte_array_append(self->out.bytes, raw, size);
}

static void begin(Smbios *self, uint8_t type, uint16_t handle)
{
    self->out.start = self->out.bytes->len;
    g_string_truncate(self->out.strings, 0);
    self->out.string_count = 0;
    put(self, type, 1);
    put(self, 0, 1);
    put(self, handle, 2);
}

/* The number of @text among the structure's strings; 0, "not given", for none. */
static void put_string(Smbios *self, const char *text)
{
    if (!text || !*text || self->out.string_count == UINT8_MAX) {
        put(self, 0, 1);
        return;
    }
    g_string_append_len(self->out.strings, text, strlen(text) + 1);
    put(self, ++self->out.string_count, 1);
}

static void put_option(Smbios *self, unsigned type, const char *key, const char *fallback)
{
    put_string(self, smbios_option(self->options, type, key, fallback));
}

static void account(Builder *out)
{
    out->structure_count++;
    out->largest = MAX(out->largest, out->bytes->len - out->start);
}

static void end(Smbios *self)
{
    Builder *out = &self->out;

    out->bytes->data[out->start + 1] = out->bytes->len - out->start;
    g_byte_array_append(out->bytes, (const uint8_t *)out->strings->str, out->strings->len);
    put(self, 0, out->string_count ? 1 : 2);
    account(out);
}

/* ---- the structures ---- */

static bool bios_information(Smbios *self, GError **error)
{
    const char *release = smbios_option(self->options, 0, "release", NULL);
    const char *uefi_text = smbios_option(self->options, 0, "uefi", NULL);
    unsigned major = 0, minor = 0;
    bool uefi = false;
    char rest;

    if (release &&
        (sscanf(release, "%u.%u%c", &major, &minor, &rest) != 2 || major > 255 || minor > 255)) {
        return error_setf(error, "-smbios type=0,release=%s: Invalid BIOS release", release);
    }
    if (uefi_text && !parse_bool(uefi_text, "-smbios type=0,uefi", &uefi, error)) {
        return false;
    }
    begin(self, 0, 0x0000);
    put_option(self, 0, "vendor", BIOS_VENDOR);
    put_option(self, 0, "version", BIOS_VERSION);
    put(self, 0xe800, 2); /* segment */
    put_option(self, 0, "date", BIOS_DATE);
    put(self, 0, 1);    /* 64 KiB */
    put(self, 0x08, 8); /* characteristics not supported */
    put(self, 0, 1);
    put(self, 0x14 | (uefi ? 0x08 : 0), 1); /* a virtual machine */
    put(self, release ? major : 0, 1);
    put(self, release ? minor : 0, 1);
    put(self, 0xffff, 2); /* no embedded controller */
    end(self);
    return true;
}

static int hex_pair(const char *text)
{
    return g_ascii_isxdigit(text[0]) && g_ascii_isxdigit(text[1])
               ? g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1])
               : -1;
}

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    if (strlen(text) != 36) {
        return false;
    }
    for (unsigned i = 0; i < 16; i++) {
        int value;

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*text++ != '-') {
                return false;
            }
        }
        value = hex_pair(text);
        if (value < 0) {
            return false;
        }
        uuid[i] = value;
        text += 2;
    }
    return true;
}

/* SMBIOS keeps the first three fields of a UUID little-endian. */
static void put_uuid(Smbios *self, const uint8_t uuid[16])
{
    put(self, load_be32(uuid), 4);
    put(self, load_be16(uuid + 4), 2);
    put(self, load_be16(uuid + 6), 2);
    g_byte_array_append(self->out.bytes, uuid + 8, 8);
}

static bool system_information(Smbios *self, GError **error)
{
    const char *text = smbios_option(self->options, 1, "uuid", NULL);
    uint8_t uuid[16];

    memcpy(uuid, machine_config(self->platform->machine)->uuid, sizeof(uuid));
    if (text && !parse_uuid(text, uuid)) {
        return error_setf(error, "-smbios type=1,uuid=%s: Invalid UUID", text);
    }
    begin(self, 1, 0x0100);
    put_option(self, 1, "manufacturer", MANUFACTURER);
    put_option(self, 1, "product", PRODUCT);
    put_option(self, 1, "version", self->platform->machine_version);
    put_option(self, 1, "serial", NULL);
    put_uuid(self, uuid);
    put(self, 0x06, 1); /* woken by the power switch */
    put_option(self, 1, "sku", NULL);
    put_option(self, 1, "family", NULL);
    end(self);
    return true;
}

static void baseboard(Smbios *self)
{
    begin(self, 2, 0x0200);
    put_option(self, 2, "manufacturer", MANUFACTURER);
    put_option(self, 2, "product", PRODUCT);
    put_option(self, 2, "version", self->platform->machine_version);
    put_option(self, 2, "serial", NULL);
    put_option(self, 2, "asset", NULL);
    put(self, 0x01, 1); /* a hosting board */
    put_option(self, 2, "location", NULL);
    put(self, CHASSIS_HANDLE, 2);
    put(self, 0x0a, 1); /* motherboard */
    put(self, 0, 1);
    end(self);
}

static void chassis(Smbios *self)
{
    begin(self, 3, CHASSIS_HANDLE);
    put_option(self, 3, "manufacturer", MANUFACTURER);
    put(self, 0x01, 1); /* other */
    put_option(self, 3, "version", self->platform->machine_version);
    put_option(self, 3, "serial", NULL);
    put_option(self, 3, "asset", NULL);
    put(self, 0x03, 1); /* boot-up, power supply and thermal state: safe */
    put(self, 0x03, 1);
    put(self, 0x03, 1);
    put(self, 0x02, 1); /* security: unknown */
    put(self, 0, 4);
    put(self, 0, 4); /* height, power cords, no contained elements */
    put_option(self, 3, "sku", NULL);
    end(self);
}

typedef struct {
    uint64_t max_speed, current_speed, id, family;
} CpuNumbers;

static bool cpu_numbers(const Smbios *self, CpuNumbers *numbers, GError **error)
{
    const PcPlatform *platform = self->platform;
    uint32_t mhz = platform->cpu_speed_mhz ? platform->cpu_speed_mhz : DEFAULT_CPU_MHZ;

    numbers->max_speed = numbers->current_speed = MIN(mhz, UINT16_MAX);
    numbers->id = (uint64_t)platform->cpu_features << 32 | platform->cpu_signature;
    numbers->family = UNKNOWN_FAMILY;
    return smbios_option_number(self->options, 4, "max-speed", UINT16_MAX, &numbers->max_speed,
                                error) &&
           smbios_option_number(self->options, 4, "current-speed", UINT16_MAX,
                                &numbers->current_speed, error) &&
           smbios_option_number(self->options, 4, "processor-id", UINT64_MAX, &numbers->id,
                                error) &&
           smbios_option_number(self->options, 4, "processor-family", UINT16_MAX, &numbers->family,
                                error);
}

static void processor(Smbios *self, unsigned socket, const CpuNumbers *numbers)
{
    const SmpConfig *smp = &machine_config(self->platform->machine)->smp;
    unsigned cores = MAX(smp->dies, 1) * MAX(smp->cores, 1), threads = cores * MAX(smp->threads, 1);
    g_autofree char *name =
        g_strdup_printf("%s %u", smbios_option(self->options, 4, "sock_pfx", "CPU"), socket);

    begin(self, 4, 0x0400 + socket);
    put_string(self, name);
    put(self, 0x03, 1); /* a central processor */
    put(self, numbers->family < FAMILY_IN_FAMILY2 ? numbers->family : FAMILY_IN_FAMILY2, 1);
    put_option(self, 4, "manufacturer", MANUFACTURER);
    put(self, numbers->id, 8);
    put_option(self, 4, "version", self->platform->machine_version);
    put(self, 0, 1); /* voltage */
    put(self, 0, 2); /* external clock */
    put(self, numbers->max_speed, 2);
    put(self, numbers->current_speed, 2);
    put(self, 0x41, 1);      /* populated and enabled */
    put(self, 0x01, 1);      /* upgrade: other */
    put(self, NO_HANDLE, 2); /* L1, L2, L3 cache */
    put(self, NO_HANDLE, 2);
    put(self, NO_HANDLE, 2);
    put_option(self, 4, "serial", NULL);
    put_option(self, 4, "asset", NULL);
    put_option(self, 4, "part", NULL);
    put(self, MIN(cores, UINT8_MAX), 1);
    put(self, MIN(cores, UINT8_MAX), 1);
    put(self, MIN(threads, UINT8_MAX), 1);
    put(self, 0x02, 2); /* characteristics unknown */
    put(self, numbers->family, 2);
    if (self->platform->smbios_64) {
        put(self, cores, 2);
        put(self, cores, 2);
        put(self, threads, 2);
    }
    end(self);
}

static bool processors(Smbios *self, GError **error)
{
    const SmpConfig *smp = &machine_config(self->platform->machine)->smp;
    unsigned per_socket = MAX(smp->dies, 1) * MAX(smp->cores, 1) * MAX(smp->threads, 1);
    unsigned sockets = (smp->cpus + per_socket - 1) / per_socket;
    CpuNumbers numbers;

    if (!cpu_numbers(self, &numbers, error)) {
        return false;
    }
    for (unsigned i = 0; i < sockets; i++) {
        processor(self, i, &numbers);
    }
    return true;
}

static bool connector_number(const Smbios *self, unsigned n, const char *key, uint64_t *value,
                             GError **error)
{
    const char *text = smbios_option_of(self->options, 8, n, key);
    g_autofree char *what = g_strdup_printf("-smbios type=8,%s", key);

    return !text || parse_uint(text, what, 0, UINT8_MAX, value, error);
}

static bool port_connectors(Smbios *self, GError **error)
{
    for (unsigned i = 0; i < smbios_options_given(self->options, 8); i++) {
        uint64_t connector = 0, port = 0;

        if (!connector_number(self, i, "connector_type", &connector, error) ||
            !connector_number(self, i, "port_type", &port, error)) {
            return false;
        }
        begin(self, 8, 0x0800 + i);
        put_string(self, smbios_option_of(self->options, 8, i, "internal_reference"));
        put(self, connector, 1);
        put_string(self, smbios_option_of(self->options, 8, i, "external_reference"));
        put(self, connector, 1);
        put(self, port, 1);
        end(self);
    }
    return true;
}

static bool oem_strings(Smbios *self, GError **error)
{
    const GPtrArray *strings = smbios_option_strings(self->options);

    if (strings->len == 0) {
        return true;
    }
    if (strings->len > UINT8_MAX) {
        return error_setf(error, "-smbios type=11: %u strings, at most %d are possible",
                          strings->len, UINT8_MAX);
    }
    begin(self, 11, 0x0b00);
    put(self, strings->len, 1);
    for (unsigned i = 0; i < strings->len; i++) {
        const char *text = strings->pdata[i];

        /* An empty string would end the list; a blank stands for it. */
        text = *text ? text : " ";
        g_string_append_len(self->out.strings, text, strlen(text) + 1);
        self->out.string_count++;
    }
    end(self);
    return true;
}

static void memory_array(Smbios *self, uint64_t ram, unsigned devices)
{
    bool extended = ram >= 2 * TiB;

    begin(self, 16, ARRAY_HANDLE);
    put(self, 0x01, 1); /* location: other */
    put(self, 0x03, 1); /* system memory */
    put(self, 0x06, 1); /* multi-bit ECC */
    put(self, extended ? 0x80000000 : ram / KiB, 4);
    put(self, NO_ERROR_HANDLE, 2);
    put(self, devices, 2);
    put(self, extended ? ram : 0, 8);
    end(self);
}

static void memory_device(Smbios *self, unsigned n, uint64_t size, unsigned speed)
{
    g_autofree char *locator =
        g_strdup_printf("%s %u", smbios_option(self->options, 17, "loc_pfx", "DIMM"), n);
    uint64_t megabytes = size / MiB;

    begin(self, 17, 0x1100 + n);
    put(self, ARRAY_HANDLE, 2);
    put(self, NO_ERROR_HANDLE, 2);
    put(self, 0xffff, 2); /* total and data width: unknown */
    put(self, 0xffff, 2);
    put(self, MIN(megabytes, 0x7fff), 2);
    put(self, 0x09, 1); /* DIMM */
    put(self, 0, 1);
    put_string(self, locator);
    put_option(self, 17, "bank", NULL);
    put(self, 0x07, 1); /* RAM */
    put(self, 0x02, 2); /* detail: other */
    put(self, speed, 2);
    put_option(self, 17, "manufacturer", MANUFACTURER);
    put_option(self, 17, "serial", NULL);
    put_option(self, 17, "asset", NULL);
    put_option(self, 17, "part", NULL);
    put(self, 0, 1);
    put(self, megabytes >= 0x7fff ? megabytes : 0, 4);
    put(self, speed, 2);
    put(self, 0, 6); /* voltages unknown */
    end(self);
}

static void memory_mapping(Smbios *self, unsigned n, uint64_t start, uint64_t size)
{
    uint64_t last = start + size - 1;
    bool extended = last / KiB >= UINT32_MAX;

    if (size == 0) {
        return;
    }
    begin(self, 19, 0x1300 + n);
    put(self, extended ? UINT32_MAX : start / KiB, 4);
    put(self, extended ? UINT32_MAX : last / KiB, 4);
    put(self, ARRAY_HANDLE, 2);
    put(self, 1, 1);
    put(self, extended ? start : 0, 8);
    put(self, extended ? last : 0, 8);
    end(self);
}

static bool memory(Smbios *self, GError **error)
{
    const PcPlatform *platform = self->platform;
    uint64_t ram = platform->ram_below_4g + platform->ram_above_4g, speed = 0;
    unsigned devices = (ram + MAX_DIMM_BYTES - 1) / MAX_DIMM_BYTES;

    if (!smbios_option_number(self->options, 17, "speed", UINT16_MAX, &speed, error)) {
        return false;
    }
    memory_array(self, ram, devices);
    for (unsigned i = 0; i < devices; i++) {
        memory_device(self, i, MIN(MAX_DIMM_BYTES, ram - i * MAX_DIMM_BYTES), speed);
    }
    memory_mapping(self, 0, 0, platform->ram_below_4g);
    memory_mapping(self, 1, PC_4GIB, platform->ram_above_4g);
    return true;
}

/* Onboard devices: -smbios type=41. */
static bool onboard_place(const Smbios *self, const char *id, uint8_t place[2], GError **error)
{
    Device *device = machine_find_device(self->platform->machine, id);

    if (!device || !HW_IS_PCI_DEVICE(device)) {
        return error_setf(error, "-smbios type=41,pcidev=%s: No PCI device %s", id, id);
    }
    if (pci_device_bus(HW_PCI_DEVICE(device)) != self->platform->pci_root) {
        return error_setf(error, "-smbios type=41,pcidev=%s: Not on the root PCI bus", id);
    }
    place[0] = 0;
    place[1] = pci_device_devfn(HW_PCI_DEVICE(device));
    return true;
}

static bool onboard_devices(Smbios *self, GError **error)
{
    static const char *const kinds[] = {"",     "other",    "unknown",   "video",
                                        "scsi", "ethernet", "tokenring", "sound",
                                        "pata", "sata",     "sas",       NULL};

    for (unsigned i = 0; i < smbios_options_given(self->options, 41); i++) {
        const char *kind = smbios_option_of(self->options, 41, i, "kind");
        const char *instance_text = smbios_option_of(self->options, 41, i, "instance");
        const char *device = smbios_option_of(self->options, 41, i, "pcidev");
        uint8_t place[2] = {0, 0};
        uint64_t instance = 1;
        unsigned index = 1;

        while (kind && kinds[index] && strcmp(kinds[index], kind) != 0) {
            index++;
        }
        if (!kinds[index]) {
            return error_setf(error, "-smbios type=41,kind=%s: Invalid kind", kind);
        }
        if ((instance_text && !parse_uint(instance_text, "-smbios type=41,instance", 0, UINT8_MAX,
                                          &instance, error)) ||
            (device && !onboard_place(self, device, place, error))) {
            return false;
        }
        begin(self, 41, 0x2900 + i);
        put_string(self, smbios_option_of(self->options, 41, i, "designation"));
        put(self, index | 0x80, 1); /* enabled */
        put(self, instance, 1);
        put(self, 0, 2);
        g_byte_array_append(self->out.bytes, place, sizeof(place));
        end(self);
    }
    return true;
}

static void system_boot_and_end(Smbios *self)
{
    begin(self, 32, 0x2000);
    put(self, 0, 6);
    put(self, 0, 1); /* no error */
    end(self);
    begin(self, 127, 0x7f00);
    end(self);
}

static void user_files(Smbios *self)
{
    const GPtrArray *files = smbios_option_files(self->options);

    for (unsigned i = 0; i < files->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(files->pdata[i], &size);

        self->out.start = self->out.bytes->len;
        g_byte_array_append(self->out.bytes, data, size);
        account(&self->out);
    }
}

static bool wanted(const Smbios *self, unsigned type)
{
    return !smbios_option_file_has_type(self->options, type);
}

static bool add_structures(Smbios *self, bool with_bios_information, GError **error)
{
    bool bios = with_bios_information || smbios_options_given(self->options, 0) > 0;

    user_files(self);
    if (bios && wanted(self, 0) && !bios_information(self, error)) {
        return false;
    }
    if (wanted(self, 1) && !system_information(self, error)) {
        return false;
    }
    if (smbios_options_given(self->options, 2) > 0) {
        baseboard(self);
    }
    if (wanted(self, 3)) {
        chassis(self);
    }
    if (wanted(self, 4) && !processors(self, error)) {
        return false;
    }
    if (!port_connectors(self, error) || !oem_strings(self, error)) {
        return false;
    }
    if (wanted(self, 16) && wanted(self, 17) && wanted(self, 19) && !memory(self, error)) {
        return false;
    }
    if (!onboard_devices(self, error)) {
        return false;
    }
    system_boot_and_end(self);
    return true;
}

/* ---- entry points ---- */

static void make_entry_21(SmbiosTables *tables, const Builder *out)
{
    uint8_t *entry = tables->entry;

    tables->entry_size = SMBIOS_ENTRY_SIZE_21;
    memcpy(entry, "_SM_", 4);
    entry[5] = SMBIOS_ENTRY_SIZE_21;
    entry[6] = 2;
    entry[7] = 8;
    store_le16(entry + 8, out->largest);
    memcpy(entry + 16, "_DMI_", 5);
    store_le16(entry + 22, tables->structures->len);
    store_le16(entry + 28, out->structure_count);
    entry[30] = 0x28;
}

static void make_entry_30(SmbiosTables *tables)
{
    uint8_t *entry = tables->entry;

    tables->entry_size = SMBIOS_ENTRY_SIZE_30;
    memcpy(entry, "_SM3_", 5);
    entry[6] = SMBIOS_ENTRY_SIZE_30;
    entry[7] = 3;
    entry[10] = 1;
    store_le32(entry + 12, tables->structures->len);
}

void smbios_tables_place(SmbiosTables *tables, uint32_t address)
{
    uint8_t *entry = tables->entry;

    if (tables->entry_size == SMBIOS_ENTRY_SIZE_30) {
        store_le64(entry + 16, address);
        entry[5] = 0;
        entry[5] = acpi_checksum(entry, SMBIOS_ENTRY_SIZE_30);
        return;
    }
    store_le32(entry + 24, address);
    entry[21] = 0;
    entry[21] = acpi_checksum(entry + 16, 15);
    entry[4] = 0;
    entry[4] = acpi_checksum(entry, SMBIOS_ENTRY_SIZE_21);
}

void smbios_tables_free(SmbiosTables *tables)
{
    if (tables) {
        g_byte_array_unref(tables->structures);
        g_free(tables);
    }
}

SmbiosTables *smbios_tables_new(const PcPlatform *platform, bool with_bios_information,
                                GError **error)
{
    g_autoptr(SmbiosOptions) options =
        smbios_options_new(machine_config(platform->machine)->smbios_entries, error);
    g_autoptr(SmbiosTables) tables = g_new0(SmbiosTables, 1);
    Smbios self = {.platform = platform, .options = options};
    bool good;

    tables->structures = self.out.bytes = g_byte_array_new();
    if (!options) {
        return NULL;
    }
    self.out.strings = g_string_new(NULL);
    good = add_structures(&self, with_bios_information, error);
    g_string_free(self.out.strings, TRUE);
    if (!good) {
        return NULL;
    }
    if (platform->smbios_64) {
        make_entry_30(tables);
    } else if (tables->structures->len > MAX_TABLE_21) {
        error_setf(error,
                   "-smbios: %u bytes of structures do not fit a 32-bit entry point; "
                   "-machine smbios-entry-point-type=64 takes more",
                   tables->structures->len);
        return NULL;
    } else {
        make_entry_21(tables, &self.out);
    }
    smbios_tables_place(tables, 0);
    return g_steal_pointer(&tables);
}
