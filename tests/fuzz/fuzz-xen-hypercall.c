/*
 * libFuzzer: a guest that makes any hypercalls, in the 64- and the 32-bit layout, and writes
 * anything over its memory, special pages and event words included. FUZZ_KIND chooses the set-up: 0
 * the whole table, 1 FIFO frames, 2 grant frames.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define FIXTURE_KEEPS_RAM
#include "tests/unit/xen-fixture.h"

#include "fuzz-input.h"
#include "tests/guest/hostile/hypercall_shapes.h"

#ifndef FUZZ_KIND
#define FUZZ_KIND 0
#endif

enum {
    VCPUS = 2,
    CONTROL_FRAME = 40, /* of FIFO: a control block a vCPU */
    EVENT_FRAME = 44,   /* of FIFO: event words */
    EVENT_FRAMES = 3,
    STEPS = 400,
};

int LLVMFuzzerInitialize(int *argc, char ***argv);

static uint64_t draw(void *opaque, unsigned bytes)
{
    return take(opaque, bytes);
}

static void ignore(void *opaque)
{
}

/* ---- writes behind Xen's back ---- */

/* A grant that is right in most of its fields, or any bytes. */
static void write_grant(Fixture *f, Input *input)
{
    uint8_t *page = f->pages[XEN_PAGE_GRANT_TABLE][0];
    uint8_t what = take(input, 1), ref = take(input, 1);
    uint64_t frame = take(input, 1);
    uint16_t flags = what & 0x80 ? take(input, 2) : GTF_permit_access | (what & GTF_readonly);
    uint16_t owner = what & 0x40 ? 0 : what & 0x20 ? take(input, 2) : 5;
    grant_entry_v2_t entry = {.full_page.hdr = {flags, owner}, .full_page.frame = frame};
    grant_entry_v1_t old = {flags, owner, frame};
    if (!page) {
        return;
    }
    if (what & 0x10) {
        entry.full_page.hdr.flags |= GTF_sub_page;
        entry.sub_page.page_off = take(input, 2);
        entry.sub_page.length = take(input, 2);
    }
    if (what & 8) {
        memcpy(page + ref * sizeof(entry), &entry, sizeof(entry));
    } else {
        memcpy(page + ref * sizeof(old), &old, sizeof(old));
    }
}

/* An event word, or a control block. */
static void write_fifo(Fixture *f, Input *input)
{
    uint8_t what = take(input, 1);
    uint32_t value = what & 0x80 ? take(input, 4) : take(input, 1) | take(input, 1) << 28;
    if (what & 0x40) {
        struct evtchn_fifo_control_block *block =
            guest(f, (CONTROL_FRAME + (what & 1)) * XEN_PAGE_SIZE);
        block->head[what / 2 % 16] = value;
        block->ready = take(input, 2);
    } else {
        uint32_t *words = guest(f, (EVENT_FRAME + what % EVENT_FRAMES) * XEN_PAGE_SIZE);
        words[take(input, 1)] = value;
    }
}

static void write_anything(Fixture *f, Input *input)
{
    static const uint64_t frames[] = {FIXTURE_ARGUMENT / XEN_PAGE_SIZE,
                                      FIXTURE_SCRATCH / XEN_PAGE_SIZE, CONTROL_FRAME, EVENT_FRAME};
    unsigned place = take(input, 1), offset = take(input, 2) % 4088;
    uint64_t value = take(input, 8);
    uint8_t *page = guest(f, frames[place / 8 % 4] * XEN_PAGE_SIZE);
    if (place % 8 == 1) {
        page = f->pages[XEN_PAGE_GRANT_TABLE][place / 8 % FIXTURE_GRANT_FRAMES];
    } else if (place % 8 == 2) {
        page = f->pages[XEN_PAGE_GRANT_STATUS][0];
    } else if (place % 8 == 3) {
        page = f->pages[XEN_PAGE_SHARED_INFO][0];
    } else if (place % 8 == 4) {
        page = guest(f, (uint64_t)(place / 8) * 8 * XEN_PAGE_SIZE);
    }
    if (page) {
        memcpy(page + offset, &value, sizeof(value));
    }
}

static void scribble(Fixture *f, Input *input)
{
    unsigned what = FUZZ_KIND == 0 ? take(input, 1) : 4 * FUZZ_KIND + take(input, 1) % 8;
    if (what % 16 >= 4 && what % 16 < 8) {
        write_fifo(f, input);
    } else if (what % 16 >= 8 && what % 16 < 12) {
        write_grant(f, input);
    } else {
        write_anything(f, input);
    }
}

/* ---- calls ---- */

/* Of the kind under test; the whole table where that is everything, or one time in eight. */
static const HypercallShape *choose(ShapeSource *source)
{
    unsigned which = source->draw(source->opaque, 1), wanted = FUZZ_KIND == 1 ? 32 : 20;
    const HypercallShape *shape = &hypercall_shapes[which % SHAPE_COUNT];
    if (FUZZ_KIND == 0 || which % 8 == 0) {
        return shape;
    }
    while (shape->number != wanted) {
        shape = &hypercall_shapes[(shape - hypercall_shapes + 1) % SHAPE_COUNT];
    }
    return shape;
}

static void hypercall(Fixture *f, Input *input)
{
    unsigned how = take(input, 1), vcpu = how & 1;
    uint64_t address = FIXTURE_ARGUMENT + (how & 2 ? 0 : 8);
    ShapeSource source = {.draw = draw,
                          .opaque = input,
                          .narrow = how & 4,
                          .frames = FIXTURE_FRAMES,
                          .lists = FIXTURE_SCRATCH,
                          .now = f->now,
                          .own = xen_domain_id(f->domain)};
    ShapeCall shaped;
    XenHypercall made;
    f->host_refuses = (how & 0x18) == 0x18;
    if ((how & 0xe0) == 0xe0) {
        shape_multicall(&source, choose, guest(f, address), address, &shaped);
    } else {
        shape_call(&source, choose(&source), guest(f, address), address, &shaped);
    }
    made = (XenHypercall){.number = shaped.number, .long_mode = !source.narrow};
    memcpy(made.arguments, shaped.arguments, sizeof(shaped.arguments));
    xen_domain_call_is_light(&made);
    if (xen_domain_hypercall(f->domain, vcpu, &made) == XEN_CALL_SLEEP) {
        xen_domain_may_sleep(f->domain, vcpu);
        xen_domain_sleep_is_over(f->domain, vcpu);
    }
    xen_domain_awake(f->domain, vcpu);
    f->now += 1000;
}

/* A list of small numbers or frames where pointers lead to. */
static void write_list(Fixture *f, Input *input)
{
    unsigned how = take(input, 1), at = take(input, 1) * 8, count = how % 16;
    for (unsigned i = 0; i < count && at + 8 <= SHAPE_LIST_BYTES; i++) {
        uint64_t value = take(input, 1);
        unsigned size = how & 0x10 ? 4 : 8;
        memcpy((uint8_t *)guest(f, FIXTURE_SCRATCH) + at, &value, size);
        at += size;
    }
}

/* ---- back ends and the machine ---- */

static void use_grant(Fixture *f, Input *input)
{
    XenGrantPin pin;
    char buffer[64] = {0};
    uint32_t ref = take(input, 1) % 128;
    unsigned how = take(input, 1), offset = take(input, 2), length = how / 4 % sizeof(buffer);
    if (how % 4 == 0) {
        xen_grant_read(f->domain, ref, offset, buffer, length);
    } else if (how % 4 == 1) {
        xen_grant_write(f->domain, ref, offset, buffer, length);
    } else if (xen_grant_pin(f->domain, ref, how & 1, &pin) == GNTST_okay) {
        if (how & 0x80) {
            hypercall(f, input);
            scribble(f, input);
        }
        xen_grant_unpin(f->domain, &pin);
    }
}

static void use_port(Fixture *f, Input *input)
{
    XenEvtchnHandler handler = {.fd = -1, .notify = ignore};
    XenEvtchnBackend *backend = xen_evtchn_bind(f->domain, take(input, 1) % 32, &handler, NULL);
    if (backend) {
        xen_evtchn_notify(backend);
        hypercall(f, input);
        xen_evtchn_notify(backend);
        xen_evtchn_unbind(backend);
    }
}

static void save_and_load(Fixture *f)
{
    g_autoptr(GVariant) state = g_variant_ref_sink(xen_domain_save(f->domain));
    xen_domain_reset(f->domain, false);
    xen_domain_load(f->domain, state, NULL);
}

static void from_outside(Fixture *f, Input *input)
{
    uint32_t number = take(input, 1);
    switch (take(input, 1) % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        use_grant(f, input);
        break;
    case 4:
    case 5:
        use_port(f, input);
        break;
    case 6:
        xen_domain_timer_expired(f->domain, number % 3, number / 3 % VCPUS);
        break;
    case 7:
        xen_domain_deliver_msi(f->domain, 0xfee00000 | (uint64_t)number << 12, 0);
        break;
    case 8:
        xen_domain_set_gsi(f->domain, number % 32, number & 32);
        f->line = number & 64;
        break;
    case 9:
        xen_domain_runstate(f->domain, number % VCPUS, number / 2 % 4);
        xen_domain_refresh_runstate(f->domain, number % VCPUS);
        break;
    case 10:
        xen_domain_update_time(f->domain);
        break;
    case 11:
        xen_domain_raise_virq(f->domain, number % 32, number / 32 % VCPUS);
        break;
    case 12:
        save_and_load(f);
        break;
    case 13:
        xen_domain_reset(f->domain, number & 1);
        break;
    default:
        write_list(f, input);
        break;
    }
}

/* ---- a run ---- */

static void set_up(Fixture *f)
{
    if (FUZZ_KIND == 1) {
        for (unsigned i = 0; i < VCPUS; i++) {
            evtchn_init_control_t init = {.control_gfn = CONTROL_FRAME + i, .vcpu = i};
            call_struct(f, 32, EVTCHNOP_init_control, &init, sizeof(init));
        }
        for (unsigned i = 0; i < EVENT_FRAMES; i++) {
            evtchn_expand_array_t expand = {.array_gfn = EVENT_FRAME + i};
            call_struct(f, 32, EVTCHNOP_expand_array, &expand, sizeof(expand));
        }
    } else if (FUZZ_KIND == 2) {
        gnttab_set_version_t version = {2};
        call_struct(f, 20, GNTTABOP_set_version, &version, sizeof(version));
    }
}

/* What two of three guests have done; without it few calls get far. */
static void usual_start(Fixture *f)
{
    for (unsigned i = 0; i < 8; i++) {
        evtchn_bind_ipi_t ipi = {.vcpu = i % VCPUS};
        evtchn_alloc_unbound_t unbound = {.dom = DOMID_SELF, .remote_dom = i % 2 ? DOMID_SELF : 0};
        call_struct(f, 32, EVTCHNOP_bind_ipi, &ipi, sizeof(ipi));
        call_struct(f, 32, EVTCHNOP_alloc_unbound, &unbound, sizeof(unbound));
    }
    for (unsigned i = 0; i < 64; i++) {
        grant_entry_v1_t old = {GTF_permit_access, i % 2 ? 5 : 0, 100 + i};
        grant_entry_v2_t entry = {.full_page = {{GTF_permit_access, i % 2 ? 5 : 0}, 0, 100 + i}};
        uint8_t *page = f->pages[XEN_PAGE_GRANT_TABLE][0];
        if (FUZZ_KIND == 2) {
            memcpy(page + (8 + i) * sizeof(entry), &entry, sizeof(entry));
        } else {
            memcpy(page + (8 + i) * sizeof(old), &old, sizeof(old));
        }
    }
}

/* Every operation there is has a shape, in both layouts: what has none is answered with -ENOSYS. */
static void check_shapes(void)
{
    for (unsigned n = 0; n < 64 * 64; n++) {
        Fixture *f = fixture_new(VCPUS);
        bool known = false;
        unsigned number = n / 64, op = n % 64;
        for (unsigned i = 0; i < SHAPE_COUNT; i++) {
            const HypercallShape *shape = &hypercall_shapes[i];
            known =
                known || (shape->number == number &&
                          (shape->op == op || shape->fields[0] == '!' || shape->fields[0] == 'q'));
        }
        f->narrow = op & 1;
        if (!known && number != SHAPE_MULTICALL) {
            uint64_t vcpu = number == __HYPERVISOR_vcpu_op ? 0 : FIXTURE_ARGUMENT;
            int64_t result = call(f, number, op, vcpu, FIXTURE_ARGUMENT);
            if (result != -XEN_ENOSYS) {
                g_error("hypercall %u, operation %u has no shape (%d)", number, op, (int)result);
            }
        }
        fixture_free(f);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    if (FUZZ_KIND == 0) {
        check_shapes();
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {data, size};
    Fixture *f = fixture_new(VCPUS);
    uint8_t start = take(&input, 1);
    if (!(start & 1)) {
        set_up(f);
    }
    if (start % 3) {
        usual_start(f);
    }
    for (unsigned i = 0; input.left > 0 && i < STEPS; i++) {
        unsigned what = take(&input, 1) % 8;
        if (what < 2) {
            scribble(f, &input);
        } else if (what < 6) {
            hypercall(f, &input);
        } else {
            from_outside(f, &input);
        }
    }
    fixture_free(f);
    return 0;
}
