/*
 * -kernel ELF with a PVH note: start info, segments, damaged files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tests/unit/boot-fixture.h"

static uint8_t *elf;

static void setup(void)
{
    pc_setup();
    elf = make_elf64();
}

static void teardown(void)
{
    g_clear_pointer(&elf, g_free);
    boot_teardown();
}

static Elf64_Phdr *segment(unsigned n)
{
    return (Elf64_Phdr *)(elf + sizeof(Elf64_Ehdr)) + n;
}

static void start_info_tells_all(void)
{
    uint64_t info, module, map;

    setup();
    set_kernel(elf, ELF_SIZE);
    set_initrd("the module", 10);
    set_append("console=hvc0");
    load_and_reset();
    g_assert_cmphex(state.rip, ==, ELF_ENTRY);
    g_assert_cmphex(state.cr0, ==, 0x11);
    g_assert_cmphex(state.cr4, ==, 0);
    g_assert_true(state.code.db);
    info = state.rbx;
    g_assert_cmphex(guest_le32(info), ==, 0x336ec578);
    g_assert_cmpuint(guest_le32(info + 4), ==, 1);
    g_assert_cmpuint(guest_le32(info + 12), ==, 1);
    assert_guest_text(guest_le64(info + 24), "console=hvc0");
    g_assert_cmphex(guest_le64(info + 32), ==, 0xf0000);
    module = guest_le64(info + 16);
    assert_guest_prefix(guest_le64(module), "the module");
    g_assert_cmpuint(guest_le64(module + 8), ==, 10);
    map = guest_le64(info + 40);
    g_assert_cmphex(guest_le64(map), ==, 0);
    g_assert_cmphex(guest_le64(map + 8), ==, 0x9fc00);
    g_assert_cmpuint(guest_le32(map + 16), ==, 1);
    g_assert_cmpuint(guest_le32(info + 48), >=, 5);
    teardown();
}

static void segments_are_copied_and_zeroed(void)
{
    setup();
    set_kernel(elf, ELF_SIZE);
    address_space_fill(machine_memory(machine), ELF_LOAD, 0x55, 0x3000);
    load_and_reset();
    g_assert_cmphex(guest_le32(ELF_LOAD), ==, 0xcccccccc);
    g_assert_cmphex(guest_le32(ELF_LOAD + 0x0ffc), ==, 0xcccccccc);
    g_assert_cmphex(guest_le32(ELF_LOAD + 0x1000), ==, 0);
    g_assert_cmphex(guest_le32(ELF_LOAD + 0x1ffc), ==, 0);
    g_assert_cmphex(guest_le32(ELF_LOAD + 0x2000), ==, 0x55555555);
    /* No module, no list. */
    g_assert_cmpuint(guest_le32(state.rbx + 12), ==, 0);
    g_assert_cmphex(guest_le64(state.rbx + 16), ==, 0);
    teardown();
}

static void a_32_bit_elf_for_either_machine_boots(void)
{
    static const uint16_t machines[] = {EM_386, EM_X86_64};

    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(machines); i++) {
        g_autofree uint8_t *elf32 = make_elf32(machines[i]);

        set_kernel(elf32, ELF_SIZE);
        load_and_reset();
        g_assert_cmphex(state.rip, ==, ELF_ENTRY);
        g_clear_pointer(&boot, boot_protocol_free);
    }
    teardown();
}

static void a_note_in_a_section_counts(void)
{
    Elf64_Ehdr *header;
    Elf64_Shdr *section;

    setup();
    header = (Elf64_Ehdr *)elf;
    header->e_phnum = 1;
    header->e_shoff = 0x400;
    header->e_shentsize = sizeof(*section);
    header->e_shnum = 1;
    section = (Elf64_Shdr *)(elf + 0x400);
    *section = (Elf64_Shdr){.sh_type = SHT_NOTE, .sh_offset = ELF_NOTE, .sh_size = 64};
    set_kernel(elf, ELF_SIZE);
    load_and_reset();
    g_assert_cmphex(state.rip, ==, ELF_ENTRY);
    teardown();
}

static void wrong_files_are_refused(void)
{
    setup();
    set_kernel(elf, 40);
    assert_load_fails("no whole ELF header");
    set_kernel(elf, ELF_SIZE - 1);
    assert_load_fails("the file is truncated: ELF segment 0 ends behind its 8191 bytes");
    elf[EI_DATA] = ELFDATA2MSB;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("foreign class or byte order");
    elf[EI_DATA] = ELFDATA2LSB;
    ((Elf64_Ehdr *)elf)->e_machine = EM_AARCH64;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("for machine 183, not for x86");
    ((Elf64_Ehdr *)elf)->e_machine = EM_X86_64;
    ((Elf64_Ehdr *)elf)->e_type = ET_REL;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("not an executable");
    ((Elf64_Ehdr *)elf)->e_type = ET_EXEC;
    ((Elf64_Ehdr *)elf)->e_phoff = UINT64_MAX - 8;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("the file is truncated");
    ((Elf64_Ehdr *)elf)->e_phoff = sizeof(Elf64_Ehdr);
    ((Elf64_Ehdr *)elf)->e_phnum = 0xffff;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("65535 ELF program headers");
    ((Elf64_Ehdr *)elf)->e_phnum = 1;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("Error loading uncompressed kernel without PVH ELF Note");
    teardown();
}

static void impossible_segments_are_refused(void)
{
    setup();
    segment(0)->p_paddr = UINT64_MAX - 0xfff;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("outside of what it loads");
    segment(0)->p_paddr = ELF_LOAD;
    segment(0)->p_memsz = UINT64_MAX;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("not free memory");
    segment(0)->p_memsz = 0x800;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("larger in the file than in memory");
    segment(0)->p_memsz = 0x2000;
    segment(0)->p_paddr = 0xa0000 - ELF_LOAD % 0x1000;
    store_le32(elf + ELF_NOTE + 20 + 16, 0xa0010);
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("loads 8192 bytes at 0xa0000, which is not free memory of this guest");
    segment(0)->p_paddr = PC_RAM - 0x1000;
    store_le32(elf + ELF_NOTE + 20 + 16, PC_RAM - 0x1000);
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("not free memory");
    /* Two segments in one place. */
    segment(0)->p_paddr = ELF_LOAD;
    store_le32(elf + ELF_NOTE + 20 + 16, ELF_ENTRY);
    *segment(2) = *segment(0);
    ((Elf64_Ehdr *)elf)->e_phnum = 3;
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("not free memory");
    teardown();
}

static void wrong_notes_are_refused(void)
{
    setup();
    store_le32(elf + ELF_NOTE + 20 + 16, ELF_LOAD + 0x1000); /* in the zeros */
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("its PVH entry point 0x1001000 is outside of what it loads");
    store_le32(elf + ELF_NOTE + 20 + 4, 3);
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("has 3 bytes, not 4 or 8");
    store_le32(elf + ELF_NOTE + 20 + 4, UINT32_MAX);
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("without PVH ELF Note");
    store_le32(elf + ELF_NOTE, UINT32_MAX); /* the first note's name */
    set_kernel(elf, ELF_SIZE);
    assert_load_fails("without PVH ELF Note");
    teardown();
}

static void strange_numbers_do_no_harm(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(4711);

    setup();
    for (unsigned i = 0; i < 3000; i++) {
        g_autofree uint8_t *damaged = g_memdup2(elf, ELF_SIZE);
        g_autofree char *message = NULL;

        for (unsigned j = 0; j < 3; j++) {
            unsigned area = g_rand_boolean(random) ? 0 : ELF_NOTE;

            damaged[area + g_rand_int_range(random, 0, 180)] = g_rand_int(random);
        }
        set_kernel(damaged, ELF_SIZE);
        message = try_load();
        if (!message) {
            g_assert_true(boot_protocol_reset(boot, &state));
        }
        g_clear_pointer(&boot, boot_protocol_free);
    }
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/boot-pvh/start-info-tells-all", start_info_tells_all);
    g_test_add_func("/boot-pvh/segments-are-copied-and-zeroed", segments_are_copied_and_zeroed);
    g_test_add_func("/boot-pvh/a-32-bit-elf-for-either-machine-boots",
                    a_32_bit_elf_for_either_machine_boots);
    g_test_add_func("/boot-pvh/a-note-in-a-section-counts", a_note_in_a_section_counts);
    g_test_add_func("/boot-pvh/wrong-files-are-refused", wrong_files_are_refused);
    g_test_add_func("/boot-pvh/impossible-segments-are-refused", impossible_segments_are_refused);
    g_test_add_func("/boot-pvh/wrong-notes-are-refused", wrong_notes_are_refused);
    g_test_add_func("/boot-pvh/strange-numbers-do-no-harm", strange_numbers_do_no_harm);
    return g_test_run();
}
