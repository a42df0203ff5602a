/*
 * The ACPI and SMBIOS tables of the whole machine, as they lie in memory when it starts a kernel
 * itself, and in fw_cfg for firmware. iasl disassembles and compiles every one of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "tests/qtest/fw-cfg-guest.h"

#define KERNEL_LOAD 0x200000u
#define RSDP        0xf0000u
#define SMBIOS      0xf0040u
#define MAX_TABLE   65536u

static char *folder;

static char *file_in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static uint8_t sum(const uint8_t *data, size_t size)
{
    uint8_t total = 0;

    while (size--) {
        total += *data++;
    }
    return total;
}

/* A Multiboot kernel that is nothing but its header. */
static char *make_kernel(void)
{
    uint8_t image[64] = {0};
    char *path = file_in_folder("kernel");

    store_le32(image, 0x1badb002);
    store_le32(image + 4, 0x10000);
    store_le32(image + 8, -(0x1badb002u + 0x10000u));
    store_le32(image + 12, KERNEL_LOAD);
    store_le32(image + 16, KERNEL_LOAD);
    store_le32(image + 28, KERNEL_LOAD + 32);
    g_assert_true(g_file_set_contents(path, (char *)image, sizeof(image), NULL));
    return path;
}

static QTestState *start(const char *options)
{
    g_autofree char *kernel = make_kernel();

    return qtest_initf("-M pc -kernel %s %s", kernel, options);
}

/* The table at @address, its checksum verified; the caller frees. */
static uint8_t *read_table(QTestState *qts, uint64_t address, uint32_t *size)
{
    uint8_t header[8], *table;

    qtest_memread(qts, address, header, sizeof(header));
    *size = load_le32(header + 4);
    g_assert_cmpuint(*size, >=, 36);
    g_assert_cmpuint(*size, <=, MAX_TABLE);
    table = g_malloc(*size);
    qtest_memread(qts, address, table, *size);
    if (memcmp(table, "FACS", 4) != 0) {
        g_assert_cmpuint(sum(table, *size), ==, 0);
    }
    return table;
}

/* The @n-th table of the XSDT, NULL behind the last. */
static uint8_t *nth_table(QTestState *qts, unsigned n, uint32_t *size)
{
    g_autofree uint8_t *xsdt = read_table(qts, qtest_readq(qts, RSDP + 24), size);

    g_assert_cmpmem(xsdt, 4, "XSDT", 4);
    if (36 + 8 * (n + 1) > *size) {
        return NULL;
    }
    return read_table(qts, load_le64(xsdt + 36 + 8 * n), size);
}

static uint8_t *table_named(QTestState *qts, const char *signature, uint32_t *size)
{
    uint8_t *table;

    for (unsigned n = 0; (table = nth_table(qts, n, size)); n++) {
        if (memcmp(table, signature, 4) == 0) {
            return table;
        }
        g_free(table);
    }
    return NULL;
}

static void run_iasl(const char *const *arguments)
{
    g_autofree char *output = NULL, *errors = NULL;
    int status;

    g_assert_true(g_spawn_sync(folder, (char **)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                               &output, &errors, &status, NULL));
    if (!g_spawn_check_wait_status(status, NULL)) {
        g_test_message("%s%s", output, errors);
        g_test_fail();
    }
}

static void check_with_iasl(const uint8_t *table, uint32_t size)
{
    g_autofree char *name = g_strdup_printf("%.4s.aml", (const char *)table);
    g_autofree char *source = g_strdup_printf("%.4s.dsl", (const char *)table);
    g_autofree char *path = file_in_folder(name);

    g_assert_true(g_file_set_contents(path, (const char *)table, size, NULL));
    run_iasl((const char *[]){"iasl", "-vs", "-d", name, NULL});
    run_iasl((const char *[]){"iasl", "-vs", "-we", "-vw", "3168", source, NULL});
}

static bool have_iasl(void)
{
    g_autofree char *path = g_find_program_in_path("iasl");

    if (!path) {
        g_test_skip("iasl is not installed");
    }
    return path != NULL;
}

static void rsdp_leads_to_all_tables(void)
{
    static const char *const expected[] = {"FACP", "APIC", "WAET", "HPET"};
    QTestState *qts = start("");
    uint8_t rsdp[36];
    uint32_t size;

    qtest_memread(qts, RSDP, rsdp, sizeof(rsdp));
    g_assert_cmpmem(rsdp, 8, "RSD PTR ", 8);
    g_assert_cmpuint(sum(rsdp, 20), ==, 0);
    g_assert_cmpuint(sum(rsdp, 36), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_autofree uint8_t *table = table_named(qts, expected[i], &size);

        g_assert_nonnull(table);
    }
    qtest_quit(qts);
}

static void iasl_accepts_every_table(void)
{
    static const char *const machines[] = {
        "",
        "-smp 255 -m 128",
        "-M hpet=off -nodefaults",
        "-global PIIX4_PM.disable_s3=1 -global PIIX4_PM.disable_s4=1 -device pvpanic",
    };

    if (!have_iasl()) {
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(machines); i++) {
        QTestState *qts = start(machines[i]);
        g_autofree uint8_t *fadt = NULL, *dsdt = NULL;
        uint8_t *table;
        uint32_t size;

        for (unsigned n = 0; (table = nth_table(qts, n, &size)); n++) {
            check_with_iasl(table, size);
            g_free(table);
        }
        fadt = table_named(qts, "FACP", &size);
        dsdt = read_table(qts, load_le64(fadt + 140), &size);
        check_with_iasl(dsdt, size);
        qtest_quit(qts);
    }
}

static void fadt_ports_answer(void)
{
    QTestState *qts = start("");
    g_autofree uint8_t *fadt = NULL;
    uint32_t size, before;

    fadt = table_named(qts, "FACP", &size);
    /* ACPI mode is on already, and the PM timer counts 3.579545 MHz. */
    g_assert_cmphex(qtest_inw(qts, load_le32(fadt + 64)) & 1, ==, 1);
    before = qtest_inl(qts, load_le32(fadt + 76));
    qtest_clock_step(qts, 1000000);
    g_assert_cmpuint((qtest_inl(qts, load_le32(fadt + 76)) - before) & 0xffffff, >=, 3578);
    g_assert_cmpuint((qtest_inl(qts, load_le32(fadt + 76)) - before) & 0xffffff, <=, 3581);
    g_assert_cmphex(qtest_inl(qts, load_le32(fadt + 80)), !=, UINT32_MAX);
    qtest_quit(qts);
}

static void no_acpi_no_tables(void)
{
    QTestState *qts = start("-M acpi=off");
    g_autofree uint8_t *script = NULL;
    uint32_t size;

    g_assert_cmphex(qtest_readl(qts, RSDP), !=, 0x20445352);
    script = fw_cfg_get_file(qts, "etc/table-loader", &size);
    g_assert_null(script);
    qtest_quit(qts);
}

static void smbios_shows_the_options(void)
{
    QTestState *qts = start("-smbios type=1,manufacturer=Maker,serial=S-1 -smp 2 -m 64");
    g_autofree uint8_t *structures = NULL;
    uint8_t entry[31];
    uint32_t size;

    qtest_memread(qts, SMBIOS, entry, sizeof(entry));
    g_assert_cmpmem(entry, 4, "_SM_", 4);
    g_assert_cmpuint(sum(entry, 31), ==, 0);
    size = load_le16(entry + 22);
    structures = g_malloc(size);
    qtest_memread(qts, load_le32(entry + 24), structures, size);
    g_assert_nonnull(memmem(structures, size, "Maker", 6));
    g_assert_nonnull(memmem(structures, size, "S-1", 4));
    g_assert_cmpuint(structures[size - 6], ==, 127);
    qtest_quit(qts);
}

static void tables_come_back_after_a_reset(void)
{
    QTestState *qts = start("");
    uint8_t before[36], after[36];

    qtest_memread(qts, RSDP, before, sizeof(before));
    qtest_memset(qts, 0xf0000, 0xff, 0x10000);
    qtest_outb(qts, 0xcf9, 0x06);
    for (unsigned i = 0; i < 100 && qtest_readl(qts, RSDP) == UINT32_MAX; i++) {
        g_usleep(10000);
    }
    qtest_memread(qts, RSDP, after, sizeof(after));
    g_assert_cmpmem(before, sizeof(before), after, sizeof(after));
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    int status;
    g_autoptr(GDir) files = NULL;
    const char *name;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("bios-tables-XXXXXX", NULL);
    qtest_add_func("bios-tables/rsdp-leads-to-all-tables", rsdp_leads_to_all_tables);
    qtest_add_func("bios-tables/iasl-accepts-every-table", iasl_accepts_every_table);
    qtest_add_func("bios-tables/fadt-ports-answer", fadt_ports_answer);
    qtest_add_func("bios-tables/no-acpi-no-tables", no_acpi_no_tables);
    qtest_add_func("bios-tables/smbios-shows-the-options", smbios_shows_the_options);
    qtest_add_func("bios-tables/tables-come-back-after-a-reset", tables_come_back_after_a_reset);
    status = g_test_run();
    files = g_dir_open(folder, 0, NULL);
    while ((name = g_dir_read_name(files))) {
        g_autofree char *path = file_in_folder(name);

        g_unlink(path);
    }
    g_rmdir(folder);
    g_free(folder);
    return status;
}
