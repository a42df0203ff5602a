/*
 * KVM memory slots: always the difference between the flat view KVM has and the one that is coming.
 *
 * A slot cannot change in place, so a range that grows, shrinks or turns read-only is deleted and
 * made again. While such a range is gone a vCPU that runs there would fault, so the gate is closed
 * around it.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION,
 * KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "accel/kvm/kvm_accel.h"
#include "util/error.h"
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
    bool logging; /* KVM notes which pages the guest writes */
    bool manual;  /* reading that log and clearing it are two calls */
    GError *log_error; /* a slot's log could not be read before the slot went */
};

static bool has_memory(const FlatRange *range)
{
    return (range->region->kind == MEMORY_REGION_RAM || range->region->kind == MEMORY_REGION_ROM) &&
           !range->trapped;
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

static GArray *slots_of_view(const FlatView *view, bool logging)
{
    GArray *slots = g_array_new(FALSE, FALSE, sizeof(Slot));

    for (unsigned i = 0; i < view->count; i++) {
        Slot slot = {0};
        Slot *last = slots->len ? &g_array_index(slots, Slot, slots->len - 1) : NULL;

        if (!has_memory(&view->ranges[i]) || !slot_of_range(&view->ranges[i], &slot)) {
            continue;
        }
        slot.flags |= logging && !slot.flags ? KVM_MEM_LOG_DIRTY_PAGES : 0;
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

/* ---- the log of written pages ---- */

#define CLEAR_STEP (UINT64_C(64) << 20) /* bytes KVM protects again in one go, its lock held */

static bool log_clear(KvmMemorySlots *slots, const Slot *slot, uint64_t *bitmap)
{
    uint64_t pages = slot->size / PAGE_SIZE;

    for (uint64_t first = 0; first < pages; first += CLEAR_STEP / PAGE_SIZE) {
        struct kvm_clear_dirty_log clear = {
            .slot = slot->id,
            .num_pages = (uint32_t)MIN(CLEAR_STEP / PAGE_SIZE, pages - first),
            .first_page = first,
            .dirty_bitmap = bitmap + first / 64,
        };

        if (ioctl(slots->kvm->vm_fd, KVM_CLEAR_DIRTY_LOG, &clear) < 0) {
            return false;
        }
    }
    return true;
}

static bool log_read(KvmMemorySlots *slots, const Slot *slot, GError **error)
{
    uint64_t pages = slot->size / PAGE_SIZE;
    g_autofree uint64_t *bitmap = NULL;
    struct kvm_dirty_log log = {.slot = slot->id};

    if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES) || slot->size == 0) {
        return true;
    }
    bitmap = g_new0(uint64_t, (pages + 63) / 64);
    log.dirty_bitmap = bitmap;
    if (ioctl(slots->kvm->vm_fd, KVM_GET_DIRTY_LOG, &log) < 0 ||
        (slots->manual && !log_clear(slots, slot, bitmap))) {
        return error_set_errno(error, errno,
                               "KVM does not tell which pages the guest has written");
    }
    ram_dirty_merge(slot->host, bitmap, pages);
    return true;
}

static void slot_delete(KvmMemorySlots *slots, const Slot *slot)
{
    if (slots->logging && !slots->log_error) {
        log_read(slots, slot, &slots->log_error);
    }
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
    GArray *wanted = slots_of_view(after, slots->logging);
    g_autoptr(GArray) staying = g_array_sized_new(FALSE, TRUE, sizeof(bool), wanted->len);
    g_autoptr(GArray) leaving = NULL;
    bool gated;

    g_array_set_size(staying, wanted->len);
    leaving = slots_leaving(slots->slots, wanted, staying);
    /* what the guest writes between the reading of a log and the slot's end would be lost */
    gated = overlaps_new(leaving, wanted, staying) || (slots->logging && leaving->len > 0);
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

static bool set_logging(KvmMemorySlots *slots, bool on)
{
    bool good = true;

    slots->logging = on;
    for (guint i = 0; i < slots->slots->len; i++) {
        Slot *slot = &g_array_index(slots->slots, Slot, i);

        if (slot->size && !(slot->flags & KVM_MEM_READONLY)) {
            slot->flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0;
            good = slot_set(slots, slot, slot->size) && good;
        }
    }
    return good;
}

bool kvm_log_dirty(Accel *accel, bool on, GError **error)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    KvmMemorySlots *slots = kvm->slots;

    if (!slots || slots->logging == on) {
        return true; /* a board without CPUs has no memory slots */
    }
    g_clear_error(&slots->log_error);
    if (on && kvm->options.dirty_ring_size) {
        return error_setf(error, "a guest with -accel kvm,dirty-ring-size= cannot be migrated");
    }
    if (on && !slots->manual) {
        int flags = kvm_check(kvm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);

        slots->manual = (flags & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE) &&
                        kvm_enable(kvm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
                                   KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, 0);
    }
    if (!set_logging(slots, on) && on) {
        set_logging(slots, false);
        return error_setf(error, "KVM cannot note which pages the guest writes");
    }
    return true;
}

bool kvm_sync_dirty(Accel *accel, GError **error)
{
    KvmMemorySlots *slots = XL_KVM_ACCEL(accel)->slots;

    if (!slots) {
        return true;
    }
    if (slots->log_error) {
        g_propagate_error(error, g_steal_pointer(&slots->log_error));
        return false;
    }
    for (guint i = 0; i < slots->slots->len; i++) {
        if (!log_read(slots, &g_array_index(slots->slots, Slot, i), error)) {
            return false;
        }
    }
    return true;
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
        g_clear_error(&slots->log_error);
        g_free(slots);
    }
}
