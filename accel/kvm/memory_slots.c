/*
 * KVM memory slots: always the difference between the flat view KVM has and the one that is coming.
 *
 * A slot cannot change in place, so a range that grows, shrinks or turns read-only is deleted and
 * made again. While such a range is gone a vCPU that runs there would fault, so the gate is closed
 * around it.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "accel/kvm/kvm_accel.h"
#include "util/log.h"
#include "util/trace.h"

#define PAGE_SIZE UINT64_C(4096)

TRACE_DEFINE(kvm_memory_slot)

typedef struct {
    uint64_t address, size;
    uint8_t *host;
    uint32_t flags;
    uint32_t id;
} Slot;

struct KvmMemorySlots {
    MemoryListener listener;
    KvmAccel *kvm;
    GArray *slots; /* of Slot, by address */
    GArray *used;  /* of bool, by id */
    uint32_t max_slots;
};

static bool has_memory(const FlatRange *range)
{
    return range->region->kind == MEMORY_REGION_RAM || range->region->kind == MEMORY_REGION_ROM;
}

/* The whole pages of @range; false if there are none, or host and guest pages do not line up. */
static bool slot_of_range(const FlatRange *range, Slot *slot)
{
    uint64_t start = (uint64_t)range->start;
    uint64_t trim = -start & (PAGE_SIZE - 1);
    uint8_t *host = (uint8_t *)memory_region_host(range->region) + range->offset;

    if (range->start >> 64 || range->size <= trim ||
        (((uintptr_t)host ^ start) & (PAGE_SIZE - 1)) != 0) {
        return false;
    }
    slot->address = start + trim;
    slot->size = (uint64_t)(range->size - trim) & ~(PAGE_SIZE - 1);
    slot->host = host + trim;
    slot->flags =
        range->readonly || range->region->kind == MEMORY_REGION_ROM ? KVM_MEM_READONLY : 0;
    return slot->size != 0;
}

static GArray *slots_of_view(const FlatView *view)
{
    GArray *slots = g_array_new(FALSE, FALSE, sizeof(Slot));

    for (unsigned i = 0; i < view->count; i++) {
        Slot slot = {0};
        Slot *last = slots->len ? &g_array_index(slots, Slot, slots->len - 1) : NULL;

        if (!has_memory(&view->ranges[i]) || !slot_of_range(&view->ranges[i], &slot)) {
            continue;
        }
        if (last && last->address + last->size == slot.address &&
            last->host + last->size == slot.host && last->flags == slot.flags) {
            last->size += slot.size;
        } else {
            g_array_append_val(slots, slot);
        }
    }
    return slots;
}

static bool slot_set(KvmMemorySlots *slots, const Slot *slot, uint64_t size)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot->id,
        .flags = size ? slot->flags : 0,
        .guest_phys_addr = slot->address,
        .memory_size = size,
        .userspace_addr = (uintptr_t)slot->host,
    };

    TRACE(kvm_memory_slot,
          "slot %u guest 0x%" G_GINT64_MODIFIER "x size 0x%" G_GINT64_MODIFIER "x flags %u",
          slot->id, slot->address, size, slot->flags);
    if (ioctl(slots->kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) == 0) {
        return true;
    }
    report_error("KVM refuses guest memory at 0x%" G_GINT64_MODIFIER "x, 0x%" G_GINT64_MODIFIER
                 "x bytes: %s",
                 slot->address, size, g_strerror(errno));
    return false;
}

static void slot_delete(KvmMemorySlots *slots, const Slot *slot)
{
    slot_set(slots, slot, 0);
    g_array_index(slots->used, bool, slot->id) = false;
}

/* What KVM does not take stays out of @slot->size: accesses there exit and go through the view. */
static void slot_create(KvmMemorySlots *slots, Slot *slot)
{
    const bool used = true;
    uint32_t id = 0;

    while (id < slots->used->len && g_array_index(slots->used, bool, id)) {
        id++;
    }
    slot->id = id;
    if (id >= slots->max_slots) {
        report_error("KVM has no memory slot left (%u in use)", slots->max_slots);
        slot->size = 0;
        return;
    }
    if (!slot_set(slots, slot, slot->size)) {
        slot->size = 0;
        return;
    }
    if (id == slots->used->len) {
        g_array_append_val(slots->used, used);
    }
    g_array_index(slots->used, bool, id) = true;
}

static bool slot_same(const Slot *a, const Slot *b)
{
    return a->address == b->address && a->size == b->size && a->host == b->host &&
           a->flags == b->flags;
}

/* Two sorted lists: the ids of slots that stay move to @after; returns those of @before that go. */
static GArray *slots_leaving(const GArray *before, GArray *after, GArray *staying)
{
    GArray *leaving = g_array_new(FALSE, FALSE, sizeof(Slot));
    guint j = 0;

    for (guint i = 0; i < before->len; i++) {
        const Slot *old = &g_array_index(before, Slot, i);

        while (j < after->len && g_array_index(after, Slot, j).address < old->address) {
            j++;
        }
        if (j < after->len && slot_same(old, &g_array_index(after, Slot, j))) {
            g_array_index(after, Slot, j).id = old->id;
            g_array_index(staying, bool, j) = true;
        } else if (old->size) {
            g_array_append_val(leaving, *old);
        }
    }
    return leaving;
}

static bool overlaps_new(const GArray *leaving, const GArray *after, const GArray *staying)
{
    for (guint i = 0; i < leaving->len; i++) {
        const Slot *old = &g_array_index(leaving, Slot, i);

        for (guint j = 0; j < after->len; j++) {
            const Slot *new = &g_array_index(after, Slot, j);

            if (!g_array_index(staying, bool, j) &&
                old->address < new->address + new->size &&new->address < old->address + old->size) {
                return true;
            }
        }
    }
    return false;
}

static void slots_commit(MemoryListener *listener, const FlatView *before, const FlatView *after)
{
    KvmMemorySlots *slots = (KvmMemorySlots *)listener;
    GArray *wanted = slots_of_view(after);
    g_autoptr(GArray) staying = g_array_sized_new(FALSE, TRUE, sizeof(bool), wanted->len);
    g_autoptr(GArray) leaving = NULL;
    bool gated;

    g_array_set_size(staying, wanted->len);
    leaving = slots_leaving(slots->slots, wanted, staying);
    gated = overlaps_new(leaving, wanted, staying);
    if (gated) {
        kvm_gate_close(slots->kvm);
    }
    for (guint i = 0; i < leaving->len; i++) {
        slot_delete(slots, &g_array_index(leaving, Slot, i));
    }
    for (guint i = 0; i < wanted->len; i++) {
        if (!g_array_index(staying, bool, i)) {
            slot_create(slots, &g_array_index(wanted, Slot, i));
        }
    }
    if (gated) {
        kvm_gate_open(slots->kvm);
    }
    g_array_unref(slots->slots);
    slots->slots = wanted;
}

KvmMemorySlots *kvm_memory_slots_new(KvmAccel *kvm)
{
    KvmMemorySlots *slots = g_new0(KvmMemorySlots, 1);
    int most = kvm_check(kvm, KVM_CAP_NR_MEMSLOTS);

    slots->kvm = kvm;
    slots->listener.commit = slots_commit;
    slots->slots = g_array_new(FALSE, FALSE, sizeof(Slot));
    slots->used = g_array_new(FALSE, TRUE, sizeof(bool));
    slots->max_slots = most > 0 ? (uint32_t)most : 32;
    address_space_add_listener(kvm->memory, &slots->listener);
    return slots;
}

void kvm_memory_slots_free(KvmMemorySlots *slots)
{
    if (slots) {
        address_space_remove_listener(slots->kvm->memory, &slots->listener);
        g_array_unref(slots->slots);
        g_array_unref(slots->used);
        g_free(slots);
    }
}
