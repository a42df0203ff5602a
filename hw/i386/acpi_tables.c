/*
 * ACPI tables: FACS, DSDT, FADT, MADT, HPET, WAET, user tables, RSDT, XSDT, RSDP.
 *
 * Source: ACPI specification 3.0 chapter 5.2 (x2APIC entries: 6.2); IA-PC HPET specification 1.0a;
 * the WAET specification; 82371AB (PIIX4) data sheet for the power management blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/acpi_tables.h"

#include <string.h>

#include "dsdt.hex"
#include "hw/acpi/piix4_pm.h"
#include "hw/i386/vmgenid.h"
#include "util/bytes.h"
#include "vmgenid.hex"

#define OEM_ID        "XENOLI"
#define OEM_TABLE_ID  "XENOLITH"
#define CREATOR_ID    "XLTH"
#define OEM_ID_OFFSET 10
#define OEM_IDS_SIZE  14 /* OEM ID and OEM table ID, next to each other */
#define FADT_SIZE     244
#define HPET_BLOCK_ID 0x8086a201u /* Intel, legacy replacement, 64 bits, 3 timers, revision 1 */
#define MANY_CPUS     8

enum {
    MADT_LOCAL_APIC = 0,
    MADT_IO_APIC = 1,
    MADT_INTERRUPT_OVERRIDE = 2,
    MADT_LOCAL_APIC_NMI = 4,
    MADT_LOCAL_X2APIC = 9,
    MADT_LOCAL_X2APIC_NMI = 10,
};

#define MADT_PCAT_COMPAT       1u
#define MADT_CPU_ENABLED       1u
#define MADT_ACTIVE_HIGH_LEVEL 0x0d
#define MADT_FIRST_X2APIC_ID   255

/* FADT flags. */
#define FADT_WBINVD         (1u << 0)
#define FADT_PROC_C1        (1u << 2)
#define FADT_RTC_S4         (1u << 7)
#define FADT_RESET_REGISTER (1u << 10)
#define FADT_PLATFORM_CLOCK (1u << 15)
#define FADT_APIC_CLUSTER   (1u << 18)

/* FADT IA-PC boot architecture. */
#define BOOT_LEGACY_DEVICES (1u << 0)
#define BOOT_8042           (1u << 1)
#define BOOT_NO_VGA         (1u << 2)

#define RESET_PORT         0xcf9
#define RESET_VALUE        0x06 /* hard reset, now */
#define CMOS_CENTURY       0x32
#define WAET_PM_TIMER_GOOD (1u << 1)

#define SPACE_SYSTEM_IO 1

uint8_t acpi_checksum(const uint8_t *data, size_t length)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        sum += data[i];
    }
    return -sum;
}

/* ---- the blob ---- */

static void put(GByteArray *bytes, uint64_t value, unsigned size)
{
    uint8_t raw[8];

    store_le64(raw, value);
    g_byte_array_append(bytes, raw, size);
}

static void put_zeros(GByteArray *bytes, unsigned count)
{
    guint before = bytes->len;

    g_byte_array_set_size(bytes, before + count);
    memset(bytes->data + before, 0, count);
}

/* Starts a table; its length and checksum are the business of end_table(). */
static guint begin_table(AcpiTables *tables, const char *signature, uint8_t revision)
{
    GByteArray *bytes = tables->tables;
    guint start;

    put_zeros(bytes, -bytes->len & 7);
    start = bytes->len;
    g_byte_array_append(bytes, (const uint8_t *)signature, 4);
    put(bytes, 0, 4);
    put(bytes, revision, 1);
    put(bytes, 0, 1);
    g_byte_array_append(bytes, (const uint8_t *)OEM_ID, 6);
    g_byte_array_append(bytes, (const uint8_t *)OEM_TABLE_ID, 8);
    put(bytes, 1, 4);
    g_byte_array_append(bytes, (const uint8_t *)CREATOR_ID, 4);
    put(bytes, 1, 4);
    return start;
}

static void end_table(AcpiTables *tables, guint start)
{
    AcpiChecksum checksum = {
        .offset = start + ACPI_CHECKSUM,
        .start = start,
        .length = tables->tables->len - start,
    };

    store_le32(tables->tables->data + start + 4, checksum.length);
    tables->tables->data[start + ACPI_CHECKSUM] = 0;
    g_array_append_val(tables->checksums, checksum);
}

static guint add_complete_table(AcpiTables *tables, const uint8_t *data, gsize size)
{
    guint start;

    put_zeros(tables->tables, -tables->tables->len & 7);
    start = tables->tables->len;
    g_byte_array_append(tables->tables, data, size);
    end_table(tables, start);
    return start;
}

static void point(AcpiTables *tables, guint offset, unsigned size, uint32_t target)
{
    AcpiPointer pointer = {.offset = offset, .size = size};

    store_le32(tables->tables->data + offset, target);
    g_array_append_val(tables->pointers, pointer);
}

/* ---- the tables ---- */

static guint add_facs(AcpiTables *tables)
{
    guint start = tables->tables->len;

    g_byte_array_append(tables->tables, (const uint8_t *)"FACS", 4);
    put(tables->tables, ACPI_FACS_SIZE, 4);
    put_zeros(tables->tables, 24);
    put(tables->tables, 1, 1); /* version */
    put_zeros(tables->tables, ACPI_FACS_SIZE - 33);
    return start;
}

/* A DSDT is a list of terms: what the board adds can simply follow. */
static guint add_dsdt(AcpiTables *tables, const PcPlatform *platform)
{
    GByteArray *board = acpi_board_aml(platform);
    GByteArray *dsdt = g_byte_array_new();
    guint start;

    g_byte_array_append(dsdt, dsdt_aml_code, sizeof(dsdt_aml_code));
    g_byte_array_append(dsdt, board->data, board->len);
    start = add_complete_table(tables, dsdt->data, dsdt->len);
    g_byte_array_unref(board);
    g_byte_array_unref(dsdt);
    return start;
}

static void set_io_address(uint8_t *gas, uint16_t port, unsigned bytes, uint8_t access)
{
    gas[0] = SPACE_SYSTEM_IO;
    gas[1] = 8 * bytes;
    gas[3] = access;
    store_le64(gas + 4, port);
}

/* OVMF has it elsewhere than SeaBIOS and we; it asks for the tables when it has put it there. */
static uint16_t power_management_base(const PcPlatform *platform)
{
    Device *pm = machine_device_of_type(platform->machine, piix4_pm_get_type());
    uint16_t base = pm ? piix4_pm_io_base(HW_PIIX4_PM(pm)) : 0;

    return base ? base : PC_PM_BASE;
}

static void fill_power_blocks(uint8_t *fadt, uint16_t base)
{
    store_le32(fadt + 56, base);
    store_le32(fadt + 64, base + 4);
    store_le32(fadt + 76, base + 8);
    store_le32(fadt + 80, PC_GPE0_BASE);
    fadt[88] = 4; /* PM1 events */
    fadt[89] = 2; /* PM1 control */
    fadt[91] = 4; /* PM timer */
    fadt[92] = PC_GPE0_LENGTH;
    set_io_address(fadt + 148, base, 4, 2);
    set_io_address(fadt + 172, base + 4, 2, 2);
    set_io_address(fadt + 208, base + 8, 4, 3);
    set_io_address(fadt + 220, PC_GPE0_BASE, PC_GPE0_LENGTH, 1);
}

static void fill_fadt(uint8_t *fadt, const PcPlatform *platform)
{
    fadt[44] = 1; /* multiple APICs, as ACPI 1.0 says it */
    store_le16(fadt + 46, PC_SCI_IRQ);
    store_le32(fadt + 48, PC_SMI_COMMAND);
    fadt[52] = PC_ACPI_ENABLE;
    fadt[53] = PC_ACPI_DISABLE;
    fill_power_blocks(fadt, power_management_base(platform));
    store_le16(fadt + 96, 0xfff); /* no C2 */
    store_le16(fadt + 98, 0xfff); /* no C3 */
    fadt[108] = CMOS_CENTURY;
    store_le16(fadt + 109, BOOT_LEGACY_DEVICES | (platform->i8042 ? BOOT_8042 : 0) |
                               (platform->vga ? 0 : BOOT_NO_VGA));
    store_le32(fadt + 112, FADT_WBINVD | FADT_PROC_C1 | FADT_RTC_S4 | FADT_RESET_REGISTER |
                               FADT_PLATFORM_CLOCK |
                               (platform->max_cpus > MANY_CPUS ? FADT_APIC_CLUSTER : 0));
    set_io_address(fadt + 116, RESET_PORT, 1, 1);
    fadt[128] = RESET_VALUE;
}

static guint add_fadt(AcpiTables *tables, const PcPlatform *platform, guint facs, guint dsdt)
{
    guint start = begin_table(tables, "FACP", 3);

    put_zeros(tables->tables, FADT_SIZE - ACPI_HEADER_SIZE);
    fill_fadt(tables->tables->data + start, platform);
    point(tables, start + 36, 4, facs);
    point(tables, start + 40, 4, dsdt);
    point(tables, start + 140, 8, dsdt);
    end_table(tables, start);
    return start;
}

static void madt_cpu(GByteArray *bytes, unsigned id, uint32_t apic_id, bool present)
{
    uint32_t flags = present ? MADT_CPU_ENABLED : 0;

    if (apic_id < MADT_FIRST_X2APIC_ID && id < MADT_FIRST_X2APIC_ID) {
        put(bytes, MADT_LOCAL_APIC, 1);
        put(bytes, 8, 1);
        put(bytes, id, 1);
        put(bytes, apic_id, 1);
        put(bytes, flags, 4);
    } else {
        put(bytes, MADT_LOCAL_X2APIC, 1);
        put(bytes, 16, 1);
        put(bytes, 0, 2);
        put(bytes, apic_id, 4);
        put(bytes, flags, 4);
        put(bytes, id, 4);
    }
}

static void madt_override(GByteArray *bytes, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    put(bytes, MADT_INTERRUPT_OVERRIDE, 1);
    put(bytes, 10, 1);
    put(bytes, 0, 1); /* ISA */
    put(bytes, irq, 1);
    put(bytes, gsi, 4);
    put(bytes, flags, 2);
}

static void madt_nmi(GByteArray *bytes, bool x2apic)
{
    put(bytes, MADT_LOCAL_APIC_NMI, 1);
    put(bytes, 6, 1);
    put(bytes, 0xff, 1); /* every CPU */
    put(bytes, 0, 2);
    put(bytes, 1, 1); /* LINT1 */
    if (x2apic) {
        put(bytes, MADT_LOCAL_X2APIC_NMI, 1);
        put(bytes, 12, 1);
        put(bytes, 0, 2);
        put(bytes, UINT32_MAX, 4);
        put(bytes, 1, 1);
        put(bytes, 0, 3);
    }
}

static guint add_madt(AcpiTables *tables, const PcPlatform *platform)
{
    static const uint8_t level_irqs[] = {5, 9, 10, 11};
    guint start = begin_table(tables, "APIC", 3);
    GByteArray *bytes = tables->tables;
    bool x2apic = false;

    put(bytes, PC_LAPIC_BASE, 4);
    put(bytes, MADT_PCAT_COMPAT, 4);
    for (unsigned i = 0; i < platform->max_cpus; i++) {
        madt_cpu(bytes, i, platform->apic_ids[i], i < machine_config(platform->machine)->smp.cpus);
        x2apic |= platform->apic_ids[i] >= MADT_FIRST_X2APIC_ID || i >= MADT_FIRST_X2APIC_ID;
    }
    put(bytes, MADT_IO_APIC, 1);
    put(bytes, 12, 1);
    put(bytes, 0, 2);
    put(bytes, PC_IOAPIC_BASE, 4);
    put(bytes, 0, 4);
    madt_override(bytes, 0, 2, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(level_irqs); i++) {
        madt_override(bytes, level_irqs[i], level_irqs[i], MADT_ACTIVE_HIGH_LEVEL);
    }
    madt_nmi(bytes, x2apic);
    end_table(tables, start);
    return start;
}

static guint add_hpet(AcpiTables *tables)
{
    guint start = begin_table(tables, "HPET", 1);

    put(tables->tables, HPET_BLOCK_ID, 4);
    put(tables->tables, 0, 4); /* in system memory */
    put(tables->tables, PC_HPET_BASE, 8);
    put_zeros(tables->tables, 4); /* the first one, no minimum tick, no page protection */
    end_table(tables, start);
    return start;
}

static guint add_waet(AcpiTables *tables)
{
    guint start = begin_table(tables, "WAET", 1);

    put(tables->tables, WAET_PM_TIMER_GOOD, 4);
    end_table(tables, start);
    return start;
}

/* The address of vmgenid's page is the first thing in its table: Name (VGIA, DWORD). */
static guint add_vmgenid(AcpiTables *tables)
{
    static const uint8_t name[] = {0x08, 'V', 'G', 'I', 'A', 0x0c};
    guint start = add_complete_table(tables, vmgenid_aml_code, sizeof(vmgenid_aml_code));

    g_assert(memcmp(tables->tables->data + start + ACPI_HEADER_SIZE, name, sizeof(name)) == 0);
    tables->guid_page = start + ACPI_HEADER_SIZE + sizeof(name);
    store_le32(tables->tables->data + tables->guid_page, 0);
    return start;
}

static guint add_root_table(AcpiTables *tables, const char *signature, unsigned pointer_size,
                            const GArray *members)
{
    guint start = begin_table(tables, signature, 1);

    put_zeros(tables->tables, pointer_size * members->len);
    for (unsigned i = 0; i < members->len; i++) {
        point(tables, start + ACPI_HEADER_SIZE + i * pointer_size, pointer_size,
              g_array_index(members, guint, i));
    }
    end_table(tables, start);
    return start;
}

static void add_rsdp(AcpiTables *tables, guint rsdt, guint xsdt)
{
    static const AcpiPointer pointers[] = {{16, 4}, {24, 8}};
    static const AcpiChecksum checksums[] = {{8, 0, 20}, {32, 0, ACPI_RSDP_SIZE}};

    put_zeros(tables->rsdp, ACPI_RSDP_SIZE);
    memcpy(tables->rsdp->data, "RSD PTR ", 8);
    memcpy(tables->rsdp->data + 9, OEM_ID, 6);
    tables->rsdp->data[15] = 2; /* revision: ACPI 2.0 and later */
    store_le32(tables->rsdp->data + 16, rsdt);
    store_le32(tables->rsdp->data + 20, ACPI_RSDP_SIZE);
    store_le64(tables->rsdp->data + 24, xsdt);
    g_array_append_vals(tables->rsdp_pointers, pointers, G_N_ELEMENTS(pointers));
    g_array_append_vals(tables->rsdp_checksums, checksums, G_N_ELEMENTS(checksums));
}

/* Windows licensing compares the OEM IDs of a SLIC with those of the root tables and the FADT. */
static void take_oem_ids(AcpiTables *tables, const GPtrArray *user, const guint *starts,
                         unsigned count)
{
    for (unsigned i = 0; user && i < user->len; i++) {
        const uint8_t *table = g_bytes_get_data(user->pdata[i], NULL);

        if (memcmp(table, "SLIC", 4) == 0) {
            for (unsigned j = 0; j < count; j++) {
                memcpy(tables->tables->data + starts[j] + OEM_ID_OFFSET, table + OEM_ID_OFFSET,
                       OEM_IDS_SIZE);
            }
            memcpy(tables->rsdp->data + 9, table + OEM_ID_OFFSET, 6);
            return;
        }
    }
}

static AcpiTables *new_empty(void)
{
    AcpiTables *tables = g_new0(AcpiTables, 1);

    tables->tables = g_byte_array_new();
    tables->rsdp = g_byte_array_new();
    tables->pointers = g_array_new(FALSE, FALSE, sizeof(AcpiPointer));
    tables->checksums = g_array_new(FALSE, FALSE, sizeof(AcpiChecksum));
    tables->rsdp_pointers = g_array_new(FALSE, FALSE, sizeof(AcpiPointer));
    tables->rsdp_checksums = g_array_new(FALSE, FALSE, sizeof(AcpiChecksum));
    return tables;
}

AcpiTables *acpi_tables_new(const PcPlatform *platform, GPtrArray *user)
{
    AcpiTables *tables = new_empty();
    g_autoptr(GArray) members = g_array_new(FALSE, FALSE, sizeof(guint));
    guint facs = add_facs(tables);
    guint dsdt = add_dsdt(tables, platform);
    guint fadt = add_fadt(tables, platform, facs, dsdt);
    guint madt = add_madt(tables, platform);
    guint waet = add_waet(tables);
    guint roots[3] = {fadt};

    g_array_append_val(members, fadt);
    g_array_append_val(members, madt);
    g_array_append_val(members, waet);
    if (platform->hpet) {
        guint hpet = add_hpet(tables);

        g_array_append_val(members, hpet);
    }
    if (vmgenid_find(platform->machine)) {
        guint vmgenid = add_vmgenid(tables);

        g_array_append_val(members, vmgenid);
    }
    for (unsigned i = 0; user && i < user->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(user->pdata[i], &size);
        guint start = add_complete_table(tables, data, size);

        g_array_append_val(members, start);
    }
    roots[1] = add_root_table(tables, "RSDT", 4, members);
    roots[2] = add_root_table(tables, "XSDT", 8, members);
    add_rsdp(tables, roots[1], roots[2]);
    take_oem_ids(tables, user, roots, G_N_ELEMENTS(roots));
    return tables;
}

void acpi_tables_free(AcpiTables *tables)
{
    if (!tables) {
        return;
    }
    g_byte_array_unref(tables->tables);
    g_byte_array_unref(tables->rsdp);
    g_array_unref(tables->pointers);
    g_array_unref(tables->checksums);
    g_array_unref(tables->rsdp_pointers);
    g_array_unref(tables->rsdp_checksums);
    g_free(tables);
}
