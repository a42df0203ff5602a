/*
 * Pages of RAM, and a window of linear addresses of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#include <xen/arch-x86/hvm/start_info.h>

#define ENTRY_PRESENT  0x1u
#define ENTRY_WRITABLE 0x2u
#define ENTRY_USER     0x4u
#define FOUR_GIB       (UINT64_C(1) << 32)

extern uint8_t kernel_end[];
extern uint64_t page_directories[2048];

static uintptr_t next_page;
static uint64_t end_of_ram;
static volatile uint64_t window_table[WINDOW_PAGES] PAGE_ALIGNED;

static void find_ram(void)
{
    const struct hvm_start_info *info = (const void *)(uintptr_t)boot_start_info;
    const struct hvm_memmap_table_entry *map = (const void *)(uintptr_t)info->memmap_paddr;
    for (unsigned i = 0; i < info->memmap_entries; i++) {
        uint64_t end = map[i].addr + map[i].size;
        if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM && end <= FOUR_GIB && end > end_of_ram) {
            end_of_ram = end;
        }
    }
}

void memory_init(void)
{
    find_ram();
    next_page = (uintptr_t)kernel_end;
    page_directories[WINDOW_START >> 21] =
        (uintptr_t)window_table | ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER;
    uintptr_t root;
    __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(root) : : "memory");
}

uint64_t ram_end(void)
{
    return end_of_ram;
}

void *page_alloc_many(unsigned count)
{
    uintptr_t address = next_page;
    if (address + (uint64_t)count * PAGE_SIZE > end_of_ram) {
        bail_out("no RAM for %u pages", count);
    }
    next_page += count * PAGE_SIZE;
    return memset((void *)address, 0, count * PAGE_SIZE);
}

void *page_alloc(void)
{
    return page_alloc_many(1);
}

static void set_window(unsigned index, uint64_t entry)
{
    if (index >= WINDOW_PAGES) {
        bail_out("the window has no page %u", index);
    }
    window_table[index] = entry;
    __asm__ volatile("invlpg %0"
                     :
                     : "m"(*(char *)(uintptr_t)(WINDOW_START + index * PAGE_SIZE))
                     : "memory");
}

void *window_map(unsigned index, unsigned long frame, unsigned flags)
{
    uint64_t entry = (uint64_t)frame << PAGE_SHIFT | ENTRY_PRESENT;
    entry |= flags & WINDOW_READ_ONLY ? 0 : ENTRY_WRITABLE;
    entry |= flags & WINDOW_KERNEL_ONLY ? 0 : ENTRY_USER;
    set_window(index, entry);
    return (void *)(uintptr_t)(WINDOW_START + index * PAGE_SIZE);
}

void window_unmap(unsigned index)
{
    set_window(index, 0);
}
