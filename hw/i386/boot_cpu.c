/*
 * The boot CPU's registers and the descriptor and page tables they need.
 *
 * Source: Intel SDM volume 3, chapters 3 and 4; Linux Documentation/arch/x86/boot.rst for the
 * selectors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/i386/boot_image.h"
#include "util/bytes.h"

#define CODE_SELECTOR 0x10
#define DATA_SELECTOR 0x18
#define TASK_SELECTOR 0x20

#define CODE32_DESCRIPTOR UINT64_C(0x00cf9b000000ffff)
#define CODE64_DESCRIPTOR UINT64_C(0x00af9b000000ffff)
#define DATA_DESCRIPTOR   UINT64_C(0x00cf93000000ffff)
#define TASK_DESCRIPTOR   UINT64_C(0x00008b0000000067)

#define CR0_PE   UINT64_C(1)
#define CR0_ET   (UINT64_C(1) << 4)
#define CR0_PG   (UINT64_C(1) << 31)
#define CR4_PAE  (UINT64_C(1) << 5)
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)

#define PAGE_PRESENT  UINT64_C(1)
#define PAGE_WRITE    UINT64_C(2)
#define PAGE_LARGE    (UINT64_C(1) << 7)
#define TABLE_ENTRIES 512
#define MAPPED_GIB    4
#define TABLE_PAGES   (2 + MAPPED_GIB)

static bool add_descriptors(BootImage *image, uint64_t code, GError **error)
{
    const uint64_t descriptors[] = {0, 0, code, DATA_DESCRIPTOR, TASK_DESCRIPTOR, 0};
    GByteArray *bytes = g_byte_array_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(descriptors); i++) {
        uint8_t raw[8];

        store_le64(raw, descriptors[i]);
        g_byte_array_append(bytes, raw, sizeof(raw));
    }
    image->state.gdt_limit = bytes->len - 1;
    return boot_image_low_bytes(image, bytes, 16, &image->state.gdt_base, error);
}

static void set_segments(X86BootState *state, bool long_mode)
{
    state->code = (X86Segment){
        .limit = UINT32_MAX,
        .selector = CODE_SELECTOR,
        .type = 0xb, /* execute, read, accessed */
        .present = true,
        .code_data = true,
        .db = !long_mode,
        .long_mode = long_mode,
        .granularity = true,
    };
    state->data = (X86Segment){
        .limit = UINT32_MAX,
        .selector = DATA_SELECTOR,
        .type = 0x3, /* read, write, accessed */
        .present = true,
        .code_data = true,
        .db = true,
        .granularity = true,
    };
    state->task = (X86Segment){
        .limit = 0x67, .selector = TASK_SELECTOR, .type = 0xb /* busy */, .present = true};
}

static void set_common(BootImage *image, uint64_t entry)
{
    X86BootState *state = &image->state;

    state->rip = entry;
    state->rflags = 2;
    state->set_mtrrs = true;
    state->ram_below_4g = image->platform->ram_below_4g;
    state->ram_above_4g = image->platform->ram_above_4g;
}

bool boot_image_protected_mode(BootImage *image, uint64_t entry, GError **error)
{
    set_common(image, entry);
    set_segments(&image->state, false);
    image->state.cr0 = CR0_PE | CR0_ET;
    return add_descriptors(image, CODE32_DESCRIPTOR, error);
}

/* One top-level entry, four page directories of 2 MiB pages. */
static bool add_page_tables(BootImage *image, GError **error)
{
    GByteArray *bytes = g_byte_array_new();
    uint64_t base, offset;
    BootPiece *piece;
    uint8_t *table;

    g_byte_array_set_size(bytes, TABLE_PAGES * BOOT_PAGE);
    memset(bytes->data, 0, bytes->len);
    table = bytes->data;
    for (unsigned i = 0; i < MAPPED_GIB * TABLE_ENTRIES; i++) {
        store_le64(table + 2 * BOOT_PAGE + 8 * i,
                   (uint64_t)i * 2 * MiB | PAGE_LARGE | PAGE_WRITE | PAGE_PRESENT);
    }
    if (!boot_image_low_bytes(image, bytes, BOOT_PAGE, &base, error)) {
        return false;
    }
    /* The upper levels hold addresses, which are known only now. */
    piece = &g_array_index(image->pieces, BootPiece, image->pieces->len - 1);
    bytes = g_bytes_unref_to_array(piece->bytes);
    table = bytes->data;
    offset = base + BOOT_PAGE;
    store_le64(table, offset | PAGE_WRITE | PAGE_PRESENT);
    for (unsigned i = 0; i < MAPPED_GIB; i++) {
        offset += BOOT_PAGE;
        store_le64(table + BOOT_PAGE + 8 * i, offset | PAGE_WRITE | PAGE_PRESENT);
    }
    piece->bytes = g_byte_array_free_to_bytes(bytes);
    image->state.cr3 = base;
    return true;
}

bool boot_image_long_mode(BootImage *image, uint64_t entry, GError **error)
{
    set_common(image, entry);
    set_segments(&image->state, true);
    image->state.cr0 = CR0_PE | CR0_ET | CR0_PG;
    image->state.cr4 = CR4_PAE;
    image->state.efer = EFER_LME | EFER_LMA;
    return add_descriptors(image, CODE64_DESCRIPTOR, error) && add_page_tables(image, error);
}
