/*
 * Ports of the platform device, Xen's MSRs, and xenstore with a PV disk behind it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hostile.h"

#include <xen/io/xs_wire.h>

#define PLATFORM_VENDOR 0x5853
#define PLATFORM_DEVICE 0x0001
#define BAR_0           0x10
#define FIXED_PORT      0x10
#define STUB_PORT       0xe4 /* where a hypercall page's stubs of a plain KVM host write to */
#define PORTS           16
#define REQUEST_ROOM    256

static unsigned legacy_port;

void devices_find(void)
{
    int device = pci_find(PLATFORM_VENDOR, PLATFORM_DEVICE);
    if (device >= 0) {
        legacy_port = pci_read(device, 0, BAR_0) & 0xfffc;
    }
}

typedef struct {
    unsigned port, size, value;
    bool write;
} Access;

static void do_access(void *opaque)
{
    const Access *access = opaque;
    if (access->size == 0) {
        access->write ? out8(access->port, access->value) : (void)in8(access->port);
    } else if (access->size == 1) {
        access->write ? out16(access->port, access->value) : (void)in16(access->port);
    } else {
        access->write ? out32(access->port, access->value) : (void)in32(access->port);
    }
}

void devices_port(Hostile *self)
{
    Access access = {
        .size = draw_below(self, 3), .value = (unsigned)draw(self), .write = draw_below(self, 2)};
    switch (draw_below(self, legacy_port ? 4 : 3)) {
    case 0:
        access.port = STUB_PORT;
        break;
    case 3:
        access.port = legacy_port + draw_below(self, PORTS);
        break;
    default:
        access.port = FIXED_PORT + draw_below(self, PORTS);
        break;
    }
    if (draw_below(self, 2)) {
        access.value &= 0xf;
    }
    /* the number of a hypercall is in EAX; what is in the other registers are its arguments */
    if (access.port == STUB_PORT && (access.value & 0xff) == __HYPERVISOR_sched_op) {
        return;
    }
    trap_catch(do_access, &access);
}

typedef struct {
    uint32_t index;
    uint64_t value;
    bool write;
} MsrAccess;

static void do_msr(void *opaque)
{
    const MsrAccess *access = opaque;
    if (access->write) {
        wrmsr(access->index, access->value);
    } else {
        rdmsr(access->index);
    }
}

void devices_msr(Hostile *self)
{
    static const uint32_t bases[] = {0x40000000, 0x40000000, 0x40000080, 0x40000100,
                                     0x40000200, 0x4b564d00, 0x11};
    MsrAccess access = {.index = bases[draw_below(self, ARRAY_SIZE(bases))],
                        .write = draw_below(self, 4) != 0};
    access.index += draw_below(self, access.index == 0x11 ? 2 : 32);
    if (draw_below(self, 8) == 0) {
        access = (MsrAccess){.index = MSR_REVISION};
    } else if (draw_below(self, 4) == 0) {
        access.index = 0x40000000;
    }
    access.value = draw_below(self, 4) ? (uintptr_t)victim_page(self) : draw(self);
    trap_catch(do_msr, &access);
    if (access.index == 0x40000000 && draw_below(self, 2)) {
        access.value = (uintptr_t)xen_page();
        trap_catch(do_msr, &access);
    }
}

/* ---- xenstore ---- */

static unsigned add_text(char *to, unsigned at, const char *text)
{
    unsigned length = strlen(text) + 1;
    memcpy(to + at, text, length);
    return at + length;
}

static const char *choose_path(Hostile *self)
{
    static const char *const paths[] = {"data/x",
                                        "data",
                                        "device/vbd/51712/state",
                                        "device/vbd/51712/state",
                                        "device/vbd/51712/state",
                                        "device/vbd/51712/ring-ref",
                                        "device/vbd/51712/event-channel",
                                        "device/vbd/51712/protocol",
                                        "device/vbd/51712/ring-page-order",
                                        "device/vbd/51712/ring-ref0",
                                        "device/vbd/51712/multi-queue-num-queues",
                                        "device/vbd/51712/queue-0/ring-ref",
                                        "device/vbd/51712/queue-0/event-channel",
                                        "device/vbd/51712/feature-persistent",
                                        "device/vbd/51712",
                                        "control/shutdown",
                                        "memory/target",
                                        "@releaseDomain",
                                        "@introduceDomain",
                                        "/",
                                        "/local/domain/0/backend",
                                        "attr/n",
                                        ""};
    return paths[draw_below(self, ARRAY_SIZE(paths))];
}

static unsigned make_request(Hostile *self, char *to)
{
    static const uint8_t types[] = {XS_READ,
                                    XS_WRITE,
                                    XS_WRITE,
                                    XS_WRITE,
                                    XS_WRITE,
                                    XS_WRITE,
                                    XS_DIRECTORY,
                                    XS_MKDIR,
                                    XS_RM,
                                    XS_WATCH,
                                    XS_UNWATCH,
                                    XS_TRANSACTION_START,
                                    XS_TRANSACTION_END,
                                    XS_SET_PERMS,
                                    XS_GET_PERMS,
                                    XS_RESET_WATCHES};
    static const char *const protocols[] = {"x86_64-abi", "x86_32-abi", "none"};
    struct xsd_sockmsg header = {.type = types[draw_below(self, ARRAY_SIZE(types))],
                                 .req_id = (uint32_t)draw(self),
                                 .tx_id = draw_below(self, 4) ? 0 : draw_below(self, 16)};
    unsigned at = add_text(to, sizeof(header), choose_path(self));
    if (header.type == XS_WRITE) {
        unsigned number = draw_below(self, 4) ? draw_below(self, 8) : draw_below(self, 400);
        at += draw_below(self, 8) ? format(to + at, 32, "%u", number)
                                  : format(to + at, 32, "%s", protocols[draw_below(self, 3)]);
    } else if (header.type == XS_WATCH || header.type == XS_UNWATCH) {
        at = add_text(to, at, "token");
    } else if (header.type == XS_SET_PERMS) {
        at = add_text(to, at, draw_below(self, 2) ? "b1" : "n0");
    } else if (header.type == XS_TRANSACTION_START || header.type == XS_TRANSACTION_END) {
        at = add_text(to, sizeof(header), draw_below(self, 2) ? "T" : "");
    }
    header.len = draw_below(self, 64) ? at - sizeof(header) : (uint32_t)draw(self) % 5000;
    memcpy(to, &header, sizeof(header));
    return at;
}

void devices_store(Hostile *self)
{
    char request[REQUEST_ROOM];
    struct evtchn_send send = {.port = store_port};
    if (!store_ring) {
        return;
    }
    unsigned length = make_request(self, request), producer = store_ring->req_prod;
    length = draw_below(self, 16) ? length : draw_below(self, length);
    for (unsigned i = 0; i < length; i++) {
        store_ring->req[MASK_XENSTORE_IDX(producer + i)] = request[i];
    }
    barrier();
    store_ring->req_prod = producer + length;
    event_channel_op(EVTCHNOP_send, &send);
    if (draw_below(self, 4)) {
        store_ring->rsp_cons = store_ring->rsp_prod;
    }
    if (draw_below(self, 32) == 0) {
        /* what was scribbled over it has made it useless: begin again */
        store_ring->connection = XENSTORE_RECONNECT;
        event_channel_op(EVTCHNOP_send, &send);
    }
}
