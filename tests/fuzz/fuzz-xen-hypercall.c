/*
 * libFuzzer: a guest that makes any hypercalls and writes anything over its memory, special pages
 * and event words included. FUZZ_KIND chooses the set-up: 0 the whole table, 1 FIFO frames, 2 grant
 * frames.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tests/unit/xen-fixture.h"

#ifndef FUZZ_KIND
#define FUZZ_KIND 0
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const uint8_t *data;
    size_t left;
} Input;

static uint64_t take(Input *input, unsigned bytes)
{
    uint64_t value = 0;
    bytes = MIN(bytes, input->left);
    memcpy(&value, input->data, bytes);
    input->data += bytes;
    input->left -= bytes;
    return value;
}

static void ignore(void *opaque)
{
}

/* A write where it matters: the argument page, or a place of the kind under test. */
static void scribble(Fixture *f, Input *input)
{
    unsigned place = take(input, 1), offset = take(input, 2) % 4088;
    uint64_t value = take(input, 8);
    uint8_t *page = guest(f, FIXTURE_ARGUMENT);
    if (place % 4 == 1) {
        page = guest(f, (40 + place / 4 % 16) * XEN_PAGE_SIZE);
    } else if (place % 4 == 2) {
        page = f->pages[XEN_PAGE_GRANT_TABLE][0];
        offset %= 512;
    } else if (place % 4 == 3) {
        page = f->pages[place & 4 ? XEN_PAGE_GRANT_STATUS : XEN_PAGE_SHARED_INFO][0];
    }
    if (page) {
        memcpy(page + offset, &value, sizeof(value));
    }
}

static void hypercall(Fixture *f, Input *input)
{
    static const uint8_t numbers[] = {12, 13, 15, 17, 18, 20, 21, 24, 29, 32, 33, 34};
    unsigned which = take(input, 1);
    uint32_t number = FUZZ_KIND == 1   ? __HYPERVISOR_event_channel_op
                      : FUZZ_KIND == 2 ? __HYPERVISOR_grant_table_op
                                       : numbers[which % G_N_ELEMENTS(numbers)];
    uint64_t op = take(input, 1);
    uint64_t where = FIXTURE_ARGUMENT + take(input, 1) * 8, count = take(input, 1) % 5;
    f->narrow = which & 0x80;
    f->host_refuses = which & 0x40;
    if (number == __HYPERVISOR_vcpu_op) {
        call(f, number, op % 20, count, where);
    } else if (number == __HYPERVISOR_multicall) {
        call(f, number, where, count, 0);
    } else if (number == __HYPERVISOR_vm_assist || number == __HYPERVISOR_set_timer_op) {
        call(f, number, op, count, 0);
    } else {
        call(f, number, op % 64, where, count);
    }
    xen_domain_awake(f->domain, 0);
}

static void from_outside(Fixture *f, Input *input)
{
    XenGrantPin pin;
    char buffer[16] = {0};
    uint32_t ref = take(input, 1);
    switch (take(input, 1) % 8) {
    case 0:
        if (xen_grant_pin(f->domain, ref, ref & 1, &pin) == GNTST_okay) {
            xen_grant_unpin(f->domain, &pin);
        }
        break;
    case 1:
        xen_grant_read(f->domain, ref, take(input, 2), buffer, sizeof(buffer));
        break;
    case 2:
        xen_grant_write(f->domain, ref, take(input, 2), buffer, sizeof(buffer));
        break;
    case 3: {
        XenEvtchnHandler handler = {.fd = -1, .notify = ignore};
        XenEvtchnBackend *b = xen_evtchn_bind(f->domain, ref, &handler, NULL);
        if (b) {
            xen_evtchn_notify(b);
            xen_evtchn_unbind(b);
        }
        break;
    }
    case 4:
        xen_domain_timer_expired(f->domain, ref % 3, ref / 3);
        break;
    case 5:
        xen_domain_deliver_msi(f->domain, 0xfee00000 | (uint64_t)ref << 12, 0);
        xen_domain_set_gsi(f->domain, ref % 32, ref & 32);
        break;
    case 6:
        xen_domain_runstate(f->domain, ref % 2, ref / 2);
        xen_domain_update_time(f->domain);
        break;
    default:
        xen_domain_reset(f->domain, ref & 1);
        break;
    }
}

static void set_up(Fixture *f)
{
    if (FUZZ_KIND == 1) {
        for (unsigned i = 0; i < 2; i++) {
            evtchn_init_control_t init = {.control_gfn = 40 + i, .vcpu = i};
            evtchn_expand_array_t expand = {.array_gfn = 50 + i};
            call_struct(f, 32, EVTCHNOP_init_control, &init, sizeof(init));
            call_struct(f, 32, EVTCHNOP_expand_array, &expand, sizeof(expand));
        }
    } else if (FUZZ_KIND == 2) {
        gnttab_set_version_t version = {2};
        call_struct(f, 20, GNTTABOP_set_version, &version, sizeof(version));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {data, size};
    Fixture *f = fixture_new(2);
    if (!(take(&input, 1) & 1)) {
        set_up(f);
    }
    while (input.left > 0) {
        unsigned what = take(&input, 1) % 8;
        if (what < 4) {
            scribble(f, &input);
        } else if (what < 7) {
            hypercall(f, &input);
        } else {
            from_outside(f, &input);
        }
    }
    g_autoptr(GVariant) state = g_variant_ref_sink(xen_domain_save(f->domain));
    xen_domain_load(f->domain, state, NULL);
    fixture_free(f);
    return 0;
}
