/*
 * memory_map: what the boot protocol said of memory, Xen says too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#include <xen/arch-x86/hvm/start_info.h>

typedef struct {
    uint64_t address, size;
    uint32_t type;
} PACKED Entry;

static Entry entries[64];

static long ask(unsigned room, unsigned *count)
{
    struct xen_memory_map map = {.nr_entries = room};
    set_xen_guest_handle(map.buffer, entries);
    long result = memory_op(XENMEM_memory_map, &map);
    *count = map.nr_entries;
    return result;
}

static const struct hvm_memmap_table_entry *boot_map(unsigned *length)
{
    const struct hvm_start_info *info = (const void *)(uintptr_t)boot_start_info;
    *length = info->memmap_entries;
    return (const void *)(uintptr_t)info->memmap_paddr;
}

/* Whether one RAM entry of the boot protocol's map holds all of this. */
static bool is_ram(uint64_t address, uint64_t size)
{
    unsigned length;
    const struct hvm_memmap_table_entry *map = boot_map(&length);
    bool found = false;
    for (unsigned i = 0; i < length; i++) {
        found |= map[i].type == XEN_HVM_MEMMAP_TYPE_RAM && address >= map[i].addr &&
                 address + size <= map[i].addr + map[i].size;
    }
    return found;
}

static uint64_t boot_ram(void)
{
    unsigned length;
    const struct hvm_memmap_table_entry *map = boot_map(&length);
    uint64_t ram = 0;
    for (unsigned i = 0; i < length; i++) {
        ram += map[i].type == XEN_HVM_MEMMAP_TYPE_RAM ? map[i].size : 0;
    }
    return ram;
}

/* Whether some RAM entry of Xen's map reaches into this. */
static bool covers(uint64_t address, uint64_t size)
{
    bool found = false;
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
        found |= entries[i].type == XEN_HVM_MEMMAP_TYPE_RAM &&
                 entries[i].address < address + size &&
                 entries[i].address + entries[i].size > address;
    }
    return found;
}

void test_main(void)
{
    unsigned count, said_by_both = 0, ram_entries = 0;
    uint64_t ram = 0, last = 0;
    bool ordered = true;
    xen_start();
    expect("the map", ask(64, &count), 0);
    expect_range("has some entries", count, 2, 64);
    for (unsigned i = 0; i < count; i++) {
        note("0x%llx + 0x%llx: %u", (unsigned long long)entries[i].address,
             (unsigned long long)entries[i].size, entries[i].type);
        ram += entries[i].type == XEN_HVM_MEMMAP_TYPE_RAM ? entries[i].size : 0;
        ordered &= entries[i].address >= last;
        last = entries[i].address + entries[i].size;
        if (entries[i].type == XEN_HVM_MEMMAP_TYPE_RAM) {
            said_by_both += is_ram(entries[i].address, entries[i].size);
            ram_entries++;
        }
    }
    check(ordered, "in order, without overlap");
    expect("what it calls RAM, the boot protocol calls RAM", said_by_both, ram_entries);
    check(!covers(0xa0000, 0x60000), "the hole below 1 MiB is no RAM");
    expect("it has all the RAM of the boot protocol", ram, boot_ram());
    expect_range("the RAM is nearly 64 MiB", ram, 62 << 20, 64 << 20);
    uint64_t store = 0;
    bool store_is_ram = false;
    get_param(HVM_PARAM_STORE_PFN, &store);
    for (unsigned i = 0; i < count; i++) {
        store_is_ram |= entries[i].type == XEN_HVM_MEMMAP_TYPE_RAM &&
                        store << PAGE_SHIFT >= entries[i].address &&
                        store << PAGE_SHIFT < entries[i].address + entries[i].size;
    }
    check(!store_is_ram, "the store's page at 0x%llx is not in it",
          (unsigned long long)store << PAGE_SHIFT);
    memset(entries, 0, sizeof(entries));
    expect("with room for one", ask(1, &count), 0);
    expect("one comes", count, 1);
    check(entries[0].size && !entries[1].size, "and no second");
    struct xen_memory_map map = {.nr_entries = 8};
    map.buffer.p = no_memory();
    expect("nowhere: -EFAULT", memory_op(XENMEM_memory_map, &map), -XEN_EFAULT);
    check(memory_op(XENMEM_machine_memory_map, &map) < 0, "the machine's own map is not told");
}
