/*
 * add_to_physmap and remove_from_physmap: shared info and grant table at frames of RAM and
 * elsewhere, moving them, aliases of the guest's own frames, and what is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define PLATFORM_VENDOR 0x5853
#define PLATFORM_DEVICE 0x0001
#define BAR1            0x14

static long add_for(unsigned domain, unsigned space, unsigned long index, unsigned long frame)
{
    struct xen_add_to_physmap add = {.domid = domain, .space = space, .idx = index, .gpfn = frame};
    return memory_op(XENMEM_add_to_physmap, &add);
}

static long remove_frame(unsigned long frame)
{
    struct xen_remove_from_physmap remove = {.domid = DOMID_SELF, .gpfn = frame};
    return memory_op(XENMEM_remove_from_physmap, &remove);
}

static void shared_info_moves(void)
{
    uint32_t *first = page_alloc(), *second = page_alloc();
    first[0] = second[0] = 0x11111111;
    first[1000] = second[1000] = 0x22222222;
    expect("shared info at a frame", add_to_physmap(XENMAPSPACE_shared_info, 0, frame_of(first)),
           0);
    check(first[1000] != 0x22222222, "it hides the RAM there");
    uint32_t mark = 0x5a5a;
    volatile struct shared_info *info = (void *)first;
    info->arch.nmi_reason = mark;
    check(info->wc_sec > 1000000000u, "it has a wall clock: %u", info->wc_sec);
    expect("the same once more", add_to_physmap(XENMAPSPACE_shared_info, 0, frame_of(first)), 0);
    expect("it is still there", info->arch.nmi_reason, mark);
    expect("at another frame", add_to_physmap(XENMAPSPACE_shared_info, 0, frame_of(second)), 0);
    info = (void *)second;
    expect("with its contents", info->arch.nmi_reason, mark);
    expect("beyond the processor's physical addresses: -EINVAL",
           add_to_physmap(XENMAPSPACE_shared_info, 0,
                          1ul << ((cpuid(0x80000008, 0).eax & 0xff) - PAGE_SHIFT)),
           -XEN_EINVAL);
    expect("index 1: -EINVAL", add_to_physmap(XENMAPSPACE_shared_info, 1, frame_of(first)),
           -XEN_EINVAL);
    expect("it has not moved", info->arch.nmi_reason, mark);
    info->arch.nmi_reason = 0;
}

static void who_may(void)
{
    unsigned long frame = frame_of(page_alloc());
    unsigned own = xen_domid();
    expect("the domain by its number", add_for(own, XENMAPSPACE_shared_info, 0, frame), 0);
    expect("domain 0: -EPERM", add_for(0, XENMAPSPACE_shared_info, 0, frame), -XEN_EPERM);
    expect("a domain that is not: -ESRCH", add_for(own + 1000, XENMAPSPACE_shared_info, 0, frame),
           -XEN_ESRCH);
    expect("DOMID_INVALID: -ESRCH", add_for(DOMID_INVALID, XENMAPSPACE_shared_info, 0, frame),
           -XEN_ESRCH);
    expect("no such space: -EINVAL", add_for(DOMID_SELF, 77, 0, frame), -XEN_EINVAL);
    check(add_for(DOMID_SELF, XENMAPSPACE_gmfn_foreign, 0, frame) < 0,
          "another domain's frame is refused");
    check(add_for(DOMID_SELF, XENMAPSPACE_dev_mmio, 0, frame) < 0, "a device's memory is refused");
}

static void grant_table_appears(void)
{
    grant_entry_v1_t *first = page_alloc(), *second = page_alloc();
    uint64_t store = 0;
    memset(first, 0x77, PAGE_SIZE);
    memset(second, 0x77, PAGE_SIZE);
    get_param(HVM_PARAM_STORE_PFN, &store);
    expect("the grant table's first frame",
           add_to_physmap(XENMAPSPACE_grant_table, 0, frame_of(first)), 0);
    expect("its third", add_to_physmap(XENMAPSPACE_grant_table, 2, frame_of(second)), 0);
    expect("an entry that nobody granted is invalid", first[20].flags, 0);
    expect("in the third too", second[20].flags, 0);
    expect("entry 1 lets domain 0 at the store's page", first[1].flags & GTF_type_mask,
           GTF_permit_access);
    expect("by its frame", first[1].frame, store);
    struct gnttab_query_size query = {.dom = DOMID_SELF};
    grant_table_op(GNTTABOP_query_size, &query, 1);
    expect_range("the table has grown to three frames", query.nr_frames, 3, query.max_nr_frames);
    expect("a frame beyond its maximum: -EINVAL",
           add_to_physmap(XENMAPSPACE_grant_table, query.max_nr_frames, frame_of(page_alloc())),
           -XEN_EINVAL);
    expect("a status frame of version 1: -EINVAL",
           add_to_physmap(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status,
                          frame_of(page_alloc())),
           -XEN_EINVAL);
}

/* Where Linux has its grant table: in the platform device's memory. */
static void beyond_ram(void)
{
    int device = pci_find(PLATFORM_VENDOR, PLATFORM_DEVICE);
    if (!check(device >= 0, "there is a platform device")) {
        return;
    }
    pci_write(device, 0, 4, pci_read(device, 0, 4) | 3);
    uintptr_t bar = pci_read(device, 0, BAR1) & ~15u;
    if (!check(bar != 0, "its memory is at 0x%lx", (unsigned long)bar)) {
        return;
    }
    grant_entry_v1_t *table = (void *)bar;
    if (expect("the grant table's second frame in it",
               add_to_physmap(XENMAPSPACE_grant_table, 1, bar >> PAGE_SHIFT), 0)) {
        table[5].frame = 0x1234;
        expect("it can be written and read", table[5].frame, 0x1234);
        grant_entry_v1_t *ram = page_alloc();
        expect("it moves into RAM", add_to_physmap(XENMAPSPACE_grant_table, 1, frame_of(ram)), 0);
        expect("with its contents", ram[5].frame, 0x1234);
        ram[5].frame = 0;
    }
    if (expect("shared info in it",
               add_to_physmap(XENMAPSPACE_shared_info, 0, (bar >> PAGE_SHIFT) + 8), 0)) {
        volatile struct shared_info *info = (void *)(bar + 8 * PAGE_SIZE);
        check(info->wc_sec > 1000000000u, "it has its wall clock there");
    }
    if (IS_64_BIT) {
        check(add_to_physmap(XENMAPSPACE_shared_info, 0, ~0ul >> 4) < 0,
              "a frame that no processor can address: an error");
    }
}

static void removal(void)
{
    uint32_t *page = page_alloc();
    expect("the grant table's fourth frame",
           add_to_physmap(XENMAPSPACE_grant_table, 3, frame_of(page)), 0);
    expect("is taken away", remove_frame(frame_of(page)), 0);
    check(page[0] == 0 || page[0] == 0xffffffff, "nothing of it is left");
    struct xen_remove_from_physmap remove = {.domid = 0, .gpfn = frame_of(page)};
    expect("domain 0's: -EPERM", memory_op(XENMEM_remove_from_physmap, &remove), -XEN_EPERM);
    remove.domid = xen_domid() + 1000;
    expect("nobody's: -ESRCH", memory_op(XENMEM_remove_from_physmap, &remove), -XEN_ESRCH);
    expect("a frame where nothing is: -ENOENT", remove_frame(0xe0000), -XEN_ENOENT);
}

static void aliases(void)
{
    uint32_t *source = page_alloc(), *place = page_alloc();
    source[3] = 0xabcd;
    place[3] = 0x1111;
    expect("a frame of RAM is moved to another",
           add_to_physmap(XENMAPSPACE_gmfn, frame_of(source), frame_of(place)), 0);
    expect("where it is seen", place[3], 0xabcd);
    expect("a frame beyond RAM cannot be: -EINVAL",
           add_to_physmap(XENMAPSPACE_gmfn, 0xe0000, frame_of(place)), -XEN_EINVAL);
    struct xen_add_to_physmap range = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_range, .size = 2};
    uint32_t *from = page_alloc_many(2), *to = page_alloc_many(2);
    from[0] = 1;
    from[1024] = 2;
    range.idx = frame_of(from);
    range.gpfn = frame_of(to);
    expect("a range of two", memory_op(XENMEM_add_to_physmap, &range), 0);
    expect("its first", to[0], 1);
    expect("its second", to[1024], 2);
}

void test_main(void)
{
    xen_start();
    xen_latch();
    shared_info_moves();
    who_may();
    grant_table_appears();
    beyond_ram();
    removal();
    aliases();
}
