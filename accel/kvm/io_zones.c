/*
 * What KVM may do with a guest's write without waking us: batch it (coalesced zones), or signal an
 * eventfd (doorbells). Both follow the flat views of the memory and the port space.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst, KVM_REGISTER_COALESCED_MMIO and
 * KVM_IOEVENTFD.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <string.h>
#include <unistd.h>

#include "accel/kvm/kvm_accel.h"
#include "util/clock.h"
#include "util/machine_lock.h"
#include "util/trace.h"

TRACE_DEFINE(kvm_coalesced_zone)
TRACE_DEFINE(kvm_doorbell)

typedef struct {
    uint64_t address;
    uint32_t size;
} Zone;

typedef struct {
    MemoryListener listener;
    KvmAccel *kvm;
    bool is_port_space;
    bool can_coalesce;
    GArray *zones;     /* of Zone */
    GArray *doorbells; /* of Doorbell, those KVM took */
} SpaceZones;

struct KvmIoZones {
    SpaceZones memory, io;
    Timer *drain_timer;
};

static void zone_set(SpaceZones *space, const Zone *zone, bool on)
{
    struct kvm_coalesced_mmio_zone argument = {
        .addr = zone->address, .size = zone->size, .pio = space->is_port_space};

    TRACE(kvm_coalesced_zone, "%s 0x%" G_GINT64_MODIFIER "x size 0x%x %s",
          space->is_port_space ? "port" : "memory", zone->address, zone->size, on ? "on" : "off");
    /* Refused: every write exits, which is slower and as right. */
    ioctl(space->kvm->vm_fd, on ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO,
          &argument);
}

/* The part of @range that its region lets be batched. */
static bool zone_of_range(const FlatRange *range, Zone *zone)
{
    const MemoryRegion *region = range->region;
    uint64_t start = MAX(region->coalesced_offset, range->offset);
    uint64_t end = (uint64_t)MIN((unsigned __int128)range->offset + range->size,
                                 (unsigned __int128)region->coalesced_offset +
                                     region->coalesced_size);

    if (region->kind != MEMORY_REGION_IO || start >= end || range->start >> 64 ||
        end - start > UINT32_MAX) {
        return false;
    }
    zone->address = (uint64_t)range->start + (start - range->offset);
    zone->size = (uint32_t)(end - start);
    return true;
}

static GArray *zones_of_view(const FlatView *view)
{
    GArray *zones = g_array_new(FALSE, FALSE, sizeof(Zone));

    for (unsigned i = 0; i < view->count; i++) {
        Zone zone;

        if (zone_of_range(&view->ranges[i], &zone)) {
            g_array_append_val(zones, zone);
        }
    }
    return zones;
}

static bool zone_in(const GArray *zones, const Zone *zone)
{
    for (guint i = 0; i < zones->len; i++) {
        const Zone *other = &g_array_index(zones, Zone, i);

        if (other->address == zone->address && other->size == zone->size) {
            return true;
        }
    }
    return false;
}

static void update_zones(SpaceZones *space, const FlatView *after)
{
    GArray *wanted;

    if (!space->can_coalesce) {
        return;
    }
    wanted = zones_of_view(after);
    for (guint i = 0; i < space->zones->len; i++) {
        const Zone *zone = &g_array_index(space->zones, Zone, i);

        if (!zone_in(wanted, zone)) {
            zone_set(space, zone, false);
        }
    }
    for (guint i = 0; i < wanted->len; i++) {
        const Zone *zone = &g_array_index(wanted, Zone, i);

        if (!zone_in(space->zones, zone)) {
            zone_set(space, zone, true);
        }
    }
    g_array_unref(space->zones);
    space->zones = wanted;
}

static bool doorbell_set(SpaceZones *space, const Doorbell *doorbell, bool on)
{
    struct kvm_ioeventfd argument = {
        .datamatch = doorbell->data,
        .addr = doorbell->address,
        .len = doorbell->size,
        .fd = doorbell->fd,
        .flags = (doorbell->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
                 (space->is_port_space ? KVM_IOEVENTFD_FLAG_PIO : 0) |
                 (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
    };
    bool done = ioctl(space->kvm->vm_fd, KVM_IOEVENTFD, &argument) == 0;

    TRACE(kvm_doorbell, "%s 0x%" G_GINT64_MODIFIER "x size %u fd %d %s: %s",
          space->is_port_space ? "port" : "memory", doorbell->address, doorbell->size, doorbell->fd,
          on ? "on" : "off", done ? "done" : g_strerror(errno));
    return done;
}

static bool doorbell_same(const Doorbell *a, const Doorbell *b)
{
    return a->address == b->address && a->size == b->size && a->match == b->match &&
           (!a->match || a->data == b->data) && a->fd == b->fd;
}

static bool doorbell_in(const Doorbell *doorbells, unsigned count, const Doorbell *doorbell)
{
    for (unsigned i = 0; i < count; i++) {
        if (doorbell_same(&doorbells[i], doorbell)) {
            return true;
        }
    }
    return false;
}

static void update_doorbells(SpaceZones *space, const FlatView *after)
{
    GArray *kept = g_array_new(FALSE, FALSE, sizeof(Doorbell));
    const Doorbell *old = (const Doorbell *)(void *)space->doorbells->data;

    for (guint i = 0; i < space->doorbells->len; i++) {
        if (doorbell_in(after->doorbells, after->doorbell_count, &old[i])) {
            g_array_append_val(kept, old[i]);
        } else {
            doorbell_set(space, &old[i], false);
        }
    }
    for (unsigned i = 0; i < after->doorbell_count; i++) {
        const Doorbell *doorbell = &after->doorbells[i];

        /* Refused: the write exits and the view's own look-up signals the eventfd. */
        if (!doorbell_in(old, space->doorbells->len, doorbell) &&
            doorbell_set(space, doorbell, true)) {
            g_array_append_val(kept, *doorbell);
        }
    }
    g_array_unref(space->doorbells);
    space->doorbells = kept;
}

static void zones_commit(MemoryListener *listener, const FlatView *before, const FlatView *after)
{
    SpaceZones *space = (SpaceZones *)listener;

    update_zones(space, after);
    update_doorbells(space, after);
}

static void play_entry(KvmAccel *kvm, const struct kvm_coalesced_mmio *entry)
{
    AddressSpace *space = entry->pio ? kvm->io : kvm->memory;
    uint64_t value = 0;

    if (entry->len <= sizeof(entry->data)) {
        memcpy(&value, entry->data, entry->len);
        if ((entry->len & (entry->len - 1)) == 0) {
            address_space_store(space, entry->phys_addr, GUINT64_FROM_LE(value), entry->len);
        } else {
            address_space_write(space, entry->phys_addr, entry->data, entry->len);
        }
    }
}

void kvm_coalesced_drain(KvmAccel *kvm)
{
    struct kvm_coalesced_mmio_ring *ring = kvm->coalesced_ring;
    const uint32_t capacity =
        ((uint32_t)getpagesize() - (uint32_t)sizeof(*ring)) / sizeof(struct kvm_coalesced_mmio);
    bool locked = machine_lock_held();

    if (!kvm_coalesced_waiting(ring)) {
        return;
    }
    if (!locked) {
        machine_lock();
    }
    while (ring->first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
        struct kvm_coalesced_mmio entry = ring->coalesced_mmio[ring->first % capacity];

        /* free the place first: the chip's handler may come back here */
        __atomic_store_n(&ring->first, (ring->first + 1) % capacity, __ATOMIC_RELEASE);
        play_entry(kvm, &entry);
    }
    if (!locked) {
        machine_unlock();
    }
}

/*
 * A guest that writes to a batched register and then halts makes no exit that would drain the ring: a
 * reset request at port 0xcf9, which lies inside PCI's address register, would wait for ever.
 */
static void drain_now_and_then(void *opaque)
{
    KvmAccel *kvm = opaque;

    kvm_coalesced_drain(kvm);
    kvm_coalesced_watch(kvm, kvm->running);
}

void kvm_coalesced_watch(KvmAccel *kvm, bool on)
{
    KvmIoZones *zones = kvm->zones;

    if (on && kvm->coalesced_ring && (zones->memory.zones->len || zones->io.zones->len)) {
        timer_mod(zones->drain_timer, clock_get_ns(CLOCK_REALTIME_HOST) + ACCEL_BATCH_NS);
    } else {
        timer_del(zones->drain_timer);
    }
}

static void space_init(SpaceZones *space, KvmAccel *kvm, AddressSpace *address_space,
                       bool is_port_space)
{
    space->kvm = kvm;
    space->listener.commit = zones_commit;
    space->is_port_space = is_port_space;
    space->can_coalesce =
        kvm_check(kvm, is_port_space ? KVM_CAP_COALESCED_PIO : KVM_CAP_COALESCED_MMIO) > 0;
    space->zones = g_array_new(FALSE, FALSE, sizeof(Zone));
    space->doorbells = g_array_new(FALSE, FALSE, sizeof(Doorbell));
    address_space_add_listener(address_space, &space->listener);
}

static void space_clear(SpaceZones *space, AddressSpace *address_space)
{
    address_space_remove_listener(address_space, &space->listener);
    g_array_unref(space->zones);
    g_array_unref(space->doorbells);
}

KvmIoZones *kvm_io_zones_new(KvmAccel *kvm)
{
    KvmIoZones *zones = g_new0(KvmIoZones, 1);

    zones->drain_timer = timer_new(CLOCK_REALTIME_HOST, drain_now_and_then, kvm);
    space_init(&zones->memory, kvm, kvm->memory, false);
    space_init(&zones->io, kvm, kvm->io, true);
    return zones;
}

void kvm_io_zones_free(KvmIoZones *zones)
{
    if (zones) {
        KvmAccel *kvm = zones->memory.kvm;

        timer_free(zones->drain_timer);
        space_clear(&zones->memory, kvm->memory);
        space_clear(&zones->io, kvm->io);
        g_free(zones);
    }
}
