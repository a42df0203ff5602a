/*
 * A domain with no machine: a fake host that records what it is asked, and 1 MiB of guest memory
 * whose virtual addresses are its physical ones (from FIXTURE_UNMAPPED on nothing is mapped).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_XEN_FIXTURE_H
#define TESTS_UNIT_XEN_FIXTURE_H

#include <stdlib.h>

#include "hw/xen/xen_abi.h"
#include "hw/xen/evtchn.h"
#include "hw/xen/gnttab.h"

enum {
    FIXTURE_FRAMES = 256,
    FIXTURE_ARGUMENT = 0x10000, /* where hypercall structures are put */
    FIXTURE_SCRATCH = 0x20000,
    FIXTURE_GRANT_FRAMES = 8,
};
#define FIXTURE_UNMAPPED UINT64_C(0x100000)

typedef struct {
    XenHost host;
    GuestMemory memory;
    XenDomain *domain;
    bool narrow; /* hypercalls come from a 32-bit guest */
    uint8_t *ram;
    void *shown[FIXTURE_FRAMES]; /* over RAM */
    bool gone[FIXTURE_FRAMES];
    uint8_t *pages[XEN_PAGE_KINDS][FIXTURE_GRANT_FRAMES];
    int pins;
    uint64_t now;
    unsigned upcalls[64], wakes[64], nmis, flushes;
    uint64_t deadline[XEN_TIMER_KINDS][64];
    uint32_t timer_port[64];
    int shutdown;
    bool up[64];
    XenCallback callback;
    uint8_t vector[64];
    bool long_mode, update_flag, line, host_refuses;
    unsigned parts, long_after; /* of a call, after which it is long; 0: it never is */
    unsigned rests, wanted_after; /* how often others went first; how often it may go on then */
    uint64_t info_gpa[64], time_gpa[64], runstate_gpa[64], shared_info_gfn;
    GHashTable *ports; /* port -> kind + 1 that the kernel has */
    GString *console;
    XenHypercall last;
} Fixture;

#define FIXTURE(h) ((Fixture *)(h))

static void *fixture_page_memory(XenHost *h, XenPageKind kind, unsigned index)
{
    uint8_t **slot = &FIXTURE(h)->pages[kind][index];
    if (!*slot) {
        *slot = aligned_alloc(XEN_PAGE_SIZE, XEN_PAGE_SIZE);
        memset(*slot, 0, XEN_PAGE_SIZE);
    }
    return *slot;
}

static int fixture_map_page(XenHost *h, XenPageKind kind, unsigned index, uint64_t gfn)
{
    if (gfn >= FIXTURE_FRAMES) {
        return -XEN_EINVAL;
    }
    if (FIXTURE(h)->host_refuses) {
        return -XEN_ENOMEM;
    }
    FIXTURE(h)->shown[gfn] = FIXTURE(h)->pages[kind][index];
    return 0;
}

static void fixture_unmap_page(XenHost *h, XenPageKind kind, unsigned index, uint64_t gfn)
{
    FIXTURE(h)->shown[gfn] = NULL;
}

static int fixture_alias(XenHost *h, uint64_t gfn, uint64_t source, bool read_only)
{
    g_assert_cmpuint(MAX(gfn, source), <, FIXTURE_FRAMES);
    if (FIXTURE(h)->host_refuses) {
        return -XEN_ENOMEM;
    }
    FIXTURE(h)->shown[gfn] = FIXTURE(h)->ram + source * XEN_PAGE_SIZE;
    return 0;
}

static void fixture_unalias(XenHost *h, uint64_t gfn)
{
    FIXTURE(h)->shown[gfn] = NULL;
}

static int fixture_decommit(XenHost *h, uint64_t gfn, uint64_t count)
{
    FIXTURE(h)->gone[gfn] = true;
    return 0;
}

static int fixture_repopulate(XenHost *h, uint64_t gfn, uint64_t count)
{
    if (FIXTURE(h)->host_refuses) {
        return -XEN_ENOMEM;
    }
    FIXTURE(h)->gone[gfn] = false;
    return 0;
}

static void fixture_long_mode(XenHost *h, bool on)
{
    FIXTURE(h)->long_mode = on;
}

static void fixture_shared_info(XenHost *h, uint64_t gfn)
{
    FIXTURE(h)->shared_info_gfn = gfn;
}

static int fixture_vcpu_info(XenHost *h, unsigned vcpu, uint64_t gpa)
{
    FIXTURE(h)->info_gpa[vcpu] = gpa;
    return FIXTURE(h)->host_refuses ? -XEN_EINVAL : 0;
}

static int fixture_time_area(XenHost *h, unsigned vcpu, uint64_t gpa)
{
    FIXTURE(h)->time_gpa[vcpu] = gpa;
    return 0;
}

static int fixture_runstate_area(XenHost *h, unsigned vcpu, uint64_t gpa)
{
    FIXTURE(h)->runstate_gpa[vcpu] = gpa;
    return 0;
}

static void fixture_update_flag(XenHost *h, bool on)
{
    FIXTURE(h)->update_flag = on;
}

static void fixture_set_callback(XenHost *h, const XenCallback *callback)
{
    FIXTURE(h)->callback = *callback;
}

static int fixture_upcall_vector(XenHost *h, unsigned vcpu, uint8_t vector)
{
    FIXTURE(h)->vector[vcpu] = vector;
    return 0;
}

static void fixture_raise_upcall(XenHost *h, unsigned vcpu)
{
    __atomic_fetch_add(&FIXTURE(h)->upcalls[vcpu], 1, __ATOMIC_SEQ_CST);
}

static void fixture_wake(XenHost *h, unsigned vcpu)
{
    __atomic_fetch_add(&FIXTURE(h)->wakes[vcpu], 1, __ATOMIC_SEQ_CST);
}

static bool fixture_assign_port(XenHost *h, uint32_t port, const XenPortTarget *target)
{
    g_hash_table_insert(FIXTURE(h)->ports, GUINT_TO_POINTER(port),
                        GUINT_TO_POINTER(target->kind + 1));
    return true;
}

static void fixture_release_port(XenHost *h, uint32_t port)
{
    g_hash_table_remove(FIXTURE(h)->ports, GUINT_TO_POINTER(port));
}

static void fixture_timer_port(XenHost *h, unsigned vcpu, uint32_t port)
{
    FIXTURE(h)->timer_port[vcpu] = port;
}

static uint64_t fixture_clock(XenHost *h)
{
    return FIXTURE(h)->now;
}

static uint64_t fixture_wall_clock(XenHost *h)
{
    return UINT64_C(5000000000000000123);
}

static void fixture_arm(XenHost *h, XenTimerKind kind, unsigned index, uint64_t deadline)
{
    FIXTURE(h)->deadline[kind][index] = deadline;
}

static void fixture_disarm(XenHost *h, XenTimerKind kind, unsigned index)
{
    FIXTURE(h)->deadline[kind][index] = 0;
}

static bool fixture_time_info(XenHost *h, unsigned vcpu, XenTimeInfo *info)
{
    *info = (XenTimeInfo){77, FIXTURE(h)->now, 0x80000000, -1, 1};
    return true;
}

static bool fixture_runstate(XenHost *h, unsigned vcpu, XenRunstate *runstate)
{
    return false;
}

static bool fixture_is_long(XenHost *h, unsigned vcpu)
{
    return FIXTURE(h)->long_after && ++FIXTURE(h)->parts > FIXTURE(h)->long_after;
}

static bool fixture_let_others(XenHost *h, unsigned vcpu)
{
    return FIXTURE(h)->rests++ < FIXTURE(h)->wanted_after;
}

static void fixture_shutdown(XenHost *h, uint8_t reason)
{
    FIXTURE(h)->shutdown = reason;
}

static int fixture_initialise(XenHost *h, unsigned vcpu, const struct vcpu_hvm_context *context)
{
    return 0;
}

static int fixture_up(XenHost *h, unsigned vcpu)
{
    FIXTURE(h)->up[vcpu] = true;
    return 0;
}

static int fixture_down(XenHost *h, unsigned vcpu)
{
    FIXTURE(h)->up[vcpu] = false;
    return 0;
}

static bool fixture_is_up(XenHost *h, unsigned vcpu)
{
    return FIXTURE(h)->up[vcpu];
}

static void fixture_nmi(XenHost *h, unsigned vcpu)
{
    FIXTURE(h)->nmis++;
}

static void fixture_flush(XenHost *h)
{
    FIXTURE(h)->flushes++;
}

static void fixture_console(XenHost *h, const char *text, unsigned length)
{
    g_string_append_len(FIXTURE(h)->console, text, length);
}

static bool fixture_gsi_level(XenHost *h, unsigned gsi)
{
    return FIXTURE(h)->line;
}

static const XenHostOps fixture_host_ops = {
    fixture_page_memory, fixture_map_page,     fixture_unmap_page,    fixture_alias,
    fixture_unalias,     fixture_decommit,     fixture_repopulate,    fixture_long_mode,
    fixture_shared_info, fixture_vcpu_info,    fixture_time_area,     fixture_runstate_area,
    fixture_update_flag, fixture_set_callback, fixture_upcall_vector, fixture_raise_upcall,
    fixture_wake,        fixture_assign_port,  fixture_release_port,  fixture_timer_port,
    fixture_clock,       fixture_wall_clock,   fixture_arm,           fixture_disarm,
    fixture_time_info,   fixture_runstate,     fixture_is_long,       fixture_let_others,
    fixture_shutdown,    fixture_initialise,
    fixture_up,          fixture_down,         fixture_is_up,         fixture_nmi,
    fixture_flush,       fixture_console,      fixture_gsi_level,
};

#define FIXTURE_OF_MEMORY(m) ((Fixture *)((char *)(m)-offsetof(Fixture, memory)))

static bool fixture_translate(GuestMemory *m, unsigned vcpu, uint64_t gva, bool write,
                              uint64_t *gpa)
{
    *gpa = gva;
    return gva < FIXTURE_UNMAPPED;
}

static void *fixture_pin(GuestMemory *m, uint64_t gfn)
{
    Fixture *f = FIXTURE_OF_MEMORY(m);
    if (gfn >= FIXTURE_FRAMES) {
        return NULL;
    }
    __atomic_add_fetch(&f->pins, 1, __ATOMIC_RELAXED);
    return f->shown[gfn] ? f->shown[gfn] : f->ram + gfn * XEN_PAGE_SIZE;
}

static void fixture_unpin(GuestMemory *m, uint64_t gfn, void *page, bool written)
{
    __atomic_sub_fetch(&FIXTURE_OF_MEMORY(m)->pins, 1, __ATOMIC_RELAXED);
}

static const GuestMemoryOps fixture_memory_ops = {fixture_translate, fixture_pin, fixture_unpin};

static inline XenDomain *fixture_domain(Fixture *f, unsigned vcpus)
{
    static const XenMemoryMapEntry map[] = {{0, 0xa0000, 1}, {0xa0000, 0x60000, 2}};
    XenDomainConfig config = {.domain_id = 5,
                              .version = 0x40011,
                              .vcpus = vcpus,
                              .max_pirqs = 64,
                              .max_grant_frames = FIXTURE_GRANT_FRAMES,
                              .callback_vector = true,
                              .ram_frames = FIXTURE_FRAMES,
                              .max_gfn = FIXTURE_FRAMES - 1,
                              .memory_map = map,
                              .memory_map_entries = G_N_ELEMENTS(map)};
    GError *error = NULL;
    memset(config.uuid, 0xab, sizeof(config.uuid));
    XenDomain *domain = xen_domain_new(&config, &f->host, &f->memory, &error);
    g_assert_no_error(error);
    return domain;
}

/* A fuzzer, which makes thousands of fixtures a second, keeps the RAM of the first. */
static inline uint8_t *fixture_ram(void)
{
#ifdef FIXTURE_KEEPS_RAM
    static uint8_t *kept;
    if (kept) {
        return kept;
    }
    kept = aligned_alloc(XEN_PAGE_SIZE, FIXTURE_FRAMES * XEN_PAGE_SIZE);
    return kept;
#else
    return aligned_alloc(XEN_PAGE_SIZE, FIXTURE_FRAMES * XEN_PAGE_SIZE);
#endif
}

static inline Fixture *fixture_new(unsigned vcpus)
{
    Fixture *f = g_new0(Fixture, 1);
    f->host.ops = &fixture_host_ops;
    f->memory.ops = &fixture_memory_ops;
    f->ram = fixture_ram();
    memset(f->ram, 0, FIXTURE_FRAMES * XEN_PAGE_SIZE);
    f->ports = g_hash_table_new(NULL, NULL);
    f->console = g_string_new(NULL);
    f->shutdown = -1;
    f->now = 1000;
    f->up[0] = true;
    f->domain = fixture_domain(f, vcpus);
    return f;
}

/* Every page that was pinned has been given back. */
static inline void fixture_free(Fixture *f)
{
    xen_domain_free(f->domain);
    g_assert_cmpint(f->pins, ==, 0);
    for (unsigned kind = 0; kind < XEN_PAGE_KINDS; kind++) {
        for (unsigned i = 0; i < FIXTURE_GRANT_FRAMES; i++) {
            free(f->pages[kind][i]);
        }
    }
#ifndef FIXTURE_KEEPS_RAM
    free(f->ram);
#endif
    g_hash_table_destroy(f->ports);
    g_string_free(f->console, TRUE);
    g_free(f);
}

static inline uint8_t *shared_info(Fixture *f)
{
    return f->pages[XEN_PAGE_SHARED_INFO][0];
}

static inline int64_t call_on(Fixture *f, unsigned vcpu, uint32_t number, uint64_t a, uint64_t b,
                              uint64_t c)
{
    f->last = (XenHypercall){.number = number, .long_mode = !f->narrow, .arguments = {a, b, c}};
    XenCallOutcome outcome = xen_domain_hypercall(f->domain, vcpu, &f->last);
    f->last.cpl = outcome;
    return f->narrow ? (int32_t)f->last.result : (int64_t)f->last.result;
}

static inline int64_t call(Fixture *f, uint32_t number, uint64_t a, uint64_t b, uint64_t c)
{
    return call_on(f, 0, number, a, b, c);
}

static inline void *guest(Fixture *f, uint64_t gpa)
{
    return f->ram + gpa;
}

/* A sub-operation whose structure is copied to the guest, and back. */
static inline int64_t call_struct(Fixture *f, uint32_t number, uint64_t op, void *structure,
                                  size_t size)
{
    memcpy(guest(f, FIXTURE_ARGUMENT), structure, size);
    int64_t result = call(f, number, op, FIXTURE_ARGUMENT, 1);
    memcpy(structure, guest(f, FIXTURE_ARGUMENT), size);
    return result;
}

#endif
