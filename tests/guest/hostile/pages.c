/*
 * All that a guest shares with Xen: shared info, vcpu_info, time and runstate areas, grant and
 * status frames, control blocks and event words of the FIFO ABI, the rings of xenstore and of the
 * console.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hostile.h"

enum {
    GRANT_FRAMES = 4,
    EVENT_PAGES = 2,
    MAX_SHARED = 32,
    GRANTS = 256,
    CALLBACK_VECTOR = 0xf3,
};

static uint8_t *shared[MAX_SHARED];
static unsigned shared_count;
static uint8_t *grant_frames, *control_blocks, *event_pages, *areas;

static void add_shared(void *page)
{
    if (shared_count < MAX_SHARED) {
        shared[shared_count++] = page;
    }
}

static void get_memory(void)
{
    uint64_t frame = 0;
    shared_info = page_alloc();
    add_shared((void *)(uintptr_t)shared_info);
    grant_frames = page_alloc_many(2 * GRANT_FRAMES);
    control_blocks = page_alloc_many(HOSTILE_CPUS);
    event_pages = page_alloc_many(EVENT_PAGES);
    areas = page_alloc_many(HOSTILE_CPUS);
    for (unsigned i = 0; i < 2 * GRANT_FRAMES; i++) {
        add_shared(grant_frames + i * PAGE_SIZE);
    }
    for (unsigned i = 0; i < HOSTILE_CPUS; i++) {
        add_shared(control_blocks + i * PAGE_SIZE);
        add_shared(areas + i * PAGE_SIZE);
    }
    for (unsigned i = 0; i < EVENT_PAGES; i++) {
        add_shared(event_pages + i * PAGE_SIZE);
    }
    if (get_param(HVM_PARAM_CONSOLE_PFN, &frame) == 0 && frame) {
        add_shared((void *)(uintptr_t)(frame << PAGE_SHIFT));
    }
    if (store_connect()) {
        add_shared((void *)(uintptr_t)store_ring);
    }
}

static void register_areas(unsigned vcpu)
{
    uint8_t *page = areas + vcpu * PAGE_SIZE;
    struct vcpu_register_vcpu_info info = {.mfn = frame_of(page)};
    struct vcpu_register_time_memory_area time = {.addr.p = (uintptr_t)page + 1024};
    struct vcpu_register_runstate_memory_area runstate = {.addr.p = (uintptr_t)page + 2048};
    struct evtchn_init_control control = {
        .control_gfn = frame_of(control_blocks + vcpu * PAGE_SIZE), .vcpu = vcpu};
    vcpu_op(VCPUOP_register_vcpu_info, vcpu, &info);
    vcpu_op(VCPUOP_register_vcpu_time_memory_area, vcpu, &time);
    vcpu_op(VCPUOP_register_runstate_memory_area, vcpu, &runstate);
    event_channel_op(EVTCHNOP_init_control, &control);
}

void pages_want_upcalls(void)
{
    set_param(HVM_PARAM_CALLBACK_IRQ,
              (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | CALLBACK_VECTOR);
}

/* What an operation refuses because it was done before is as good as done. */
void pages_share(void)
{
    if (shared_count == 0) {
        get_memory();
    }
    add_to_physmap(XENMAPSPACE_shared_info, 0, frame_of((void *)(uintptr_t)shared_info));
    for (unsigned i = 0; i < GRANT_FRAMES; i++) {
        unsigned long frame = frame_of(grant_frames) + i;
        add_to_physmap(XENMAPSPACE_grant_table, i, frame);
        add_to_physmap(XENMAPSPACE_grant_table, i | XENMAPIDX_grant_table_status,
                       frame + GRANT_FRAMES);
    }
    for (unsigned i = 0; i < HOSTILE_CPUS; i++) {
        register_areas(i);
    }
    for (unsigned i = 0; i < EVENT_PAGES; i++) {
        struct evtchn_expand_array expand = {.array_gfn = frame_of(event_pages) + i};
        event_channel_op(EVTCHNOP_expand_array, &expand);
    }
    pages_want_upcalls();
}

void pages_take_upcall(unsigned vcpu)
{
    volatile struct vcpu_info *own = (void *)(areas + vcpu * PAGE_SIZE);
    if (!areas) {
        return;
    }
    own->evtchn_upcall_pending = 0;
    shared_info->vcpu_info[vcpu].evtchn_upcall_pending = 0;
}

/* A grant that a back end or the guest itself can use, version 1 or 2. */
static void write_grant(Hostile *self)
{
    unsigned ref = draw_below(self, GRANTS);
    uint16_t flags = draw_below(self, 4) ? GTF_permit_access : (uint16_t)draw(self);
    uint16_t owner = draw_below(self, 2);
    uint32_t frame = victim_first + draw_below(self, victim_frames);
    if (draw_below(self, 2)) {
        ((volatile grant_entry_v1_t *)grant_frames)[ref] = (grant_entry_v1_t){flags, owner, frame};
    } else {
        volatile grant_entry_v2_t *entry = &((volatile grant_entry_v2_t *)grant_frames)[ref % 128];
        entry->full_page.frame = frame;
        entry->full_page.hdr.domid = owner;
        entry->full_page.hdr.flags = flags;
    }
}

static uint8_t *choose_page(Hostile *self)
{
    return draw_below(self, 3) ? shared[draw_below(self, shared_count)] : victim_page(self);
}

void pages_scribble(Hostile *self)
{
    uint8_t *page = choose_page(self);
    unsigned at = draw_below(self, 2) ? draw_below(self, PAGE_SIZE) : draw_below(self, 256);
    switch (draw_below(self, 8)) {
    case 0:
    case 1:
        write_grant(self);
        break;
    case 2:
        memset(page + at, (int)draw(self), draw_below(self, PAGE_SIZE - at) + 1);
        break;
    case 3:
        __atomic_fetch_xor((uint32_t *)(page + (at & ~3u)), 1u << draw_below(self, 32),
                           __ATOMIC_SEQ_CST);
        break;
    case 4:
        *(volatile uint32_t *)(page + (at & ~3u)) += draw_below(self, 3) - 1;
        break;
    case 5:
        *(volatile uint64_t *)(page + (at & ~7u)) = draw(self);
        break;
    default:
        *(volatile uint32_t *)(page + (at & ~3u)) = draw_below(self, 512);
        break;
    }
}
