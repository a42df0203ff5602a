/*
 * The domain inside: shared by the files of this folder and nobody else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_XEN_PRIVATE_H
#define HW_XEN_XEN_PRIVATE_H

#include <string.h>

#include "hw/xen/xen_abi.h"
#include "evtchn_private.h"
#include "gnttab_private.h"

enum {
    XEN_VIRQS = 24,
    XEN_WATCHDOGS = 2,
    XEN_POLL_PORTS_MAX = 128,
    XEN_HVM_PARAMS = HVM_NR_PARAMS,
};

/* A place in guest memory that Xen keeps up to date, over one or two pages. */
typedef struct {
    unsigned length; /* 0: none */
    uint64_t gpa[2];
    unsigned part[2]; /* bytes in each page */
    void *page[2];
    bool with_host; /* the host was told where it lies */
} XenArea;

typedef struct {
    void *info;        /* vcpu_info; atomic pointer, never NULL */
    uint64_t info_gpa; /* XEN_GPA_NONE: the place in shared info, or none */
    void *info_page;
    void *spare_info; /* for a vCPU beyond the legacy slots that has not registered one */
    XenArea runstate_area, time_area;
    XenRunstate runstate;
    uint8_t upcall_vector;
    bool initialised; /* has registers to be brought up with */
    uint64_t singleshot; /* system time, 0: off */
    uint64_t period, next_period;
    uint32_t virq_port[XEN_VIRQS]; /* global ones on vCPU 0 only; atomic */
    XenFifoVcpu fifo;
    /* Sleep: announced before conditions are looked at, so that a sender sees it. */
    bool sleeping;     /* atomic */
    int64_t poll_port; /* -1: not polling; 0: any; else that one; atomic */
    uint32_t poll_list[XEN_POLL_PORTS_MAX]; /* own thread: what it polls */
    unsigned poll_count;
    bool woken;        /* atomic */
} XenVcpu;

typedef struct {
    bool mapped;
    bool msi;   /* else @gsi */
    bool level; /* of the line, for a GSI */
    uint32_t gsi;
    uint32_t port; /* 0: not bound */
} XenPirq;

typedef struct {
    bool in_use;
    uint64_t deadline; /* 0: stopped */
} XenWatchdog;

struct XenDomain {
    GRecMutex lock;
    XenDomainConfig config;
    GArray *memory_map; /* of XenMemoryMapEntry */
    XenHost *host;
    GuestMemory *memory;
    bool long_mode;
    bool runstate_update_flag;
    int shutdown_code; /* -1: none set */
    uint8_t *shared_info;
    uint64_t shared_info_gfn;
    XenVcpu *vcpus;
    unsigned pollers; /* atomic: vCPUs that poll */
    XenEvtchn evtchn;
    XenGnttab gnttab;
    uint64_t params[XEN_HVM_PARAMS];
    XenCallback callback;
    XenWatchdog watchdogs[XEN_WATCHDOGS];
    XenPirq *pirqs;
    int gsi_pirq[XEN_DOMAIN_GSIS]; /* pirq of the line, or -1 */
    uint64_t *eoi_bitmap;          /* a guest page, or NULL */
    uint64_t eoi_gfn;
    bool eoi_unmasks;
    uint64_t *absent; /* bit a frame up to max_gfn: given back */
    uint64_t absent_count;
    int64_t adjustment; /* pages taken by increase_reservation, on no frame */
    GHashTable *moved;  /* frame -> the frame whose RAM it shows */
    uint64_t *hypercall_counts; /* a row of XEN_HYPERCALL_NUMBERS a vCPU, which alone writes it */
    uint64_t logged_hypercalls;
    uint64_t logged_sub_ops[64];
};

/* ---- a call in progress ---- */
typedef struct {
    XenDomain *domain;
    unsigned vcpu;
    bool long_mode;
    uint64_t arguments[6];
    XenCallOutcome outcome;
    uint64_t deadline;
    unsigned depth; /* multicalls in progress */
    bool cut_short; /* xen_call_goes_on() said no */
} XenCall;

/* How a structure of the 64-bit ABI lies in a 32-bit caller's memory. */
typedef struct {
    uint8_t at64, size64, at32, size32;
} XenField;

typedef struct {
    const XenField *fields;
    unsigned count;
    unsigned size32;
} XenLayout;

#define XEN_LAYOUT(table, size)                                                                    \
    {                                                                                              \
        table, G_N_ELEMENTS(table), size                                                           \
    }

enum {
    XEN_OUT = 1,        /* the structure goes back if the handler succeeded */
    XEN_OUT_ALWAYS = 2, /* also if it failed */
    XEN_SUB_OP_BYTES = 160,
};

typedef struct {
    unsigned op;
    const char *name;
    int64_t (*handler)(XenCall *call, void *argument);
    unsigned size; /* bytes for a 64-bit caller; 0: no structure */
    unsigned flags;
    const XenLayout *layout; /* NULL: the same for a 32-bit caller */
} XenSubOp;

bool xen_copy_in(XenCall *call, uint64_t address, void *buffer, size_t length);
bool xen_copy_out(XenCall *call, uint64_t address, const void *buffer, size_t length);
/* One structure, widened or narrowed; @layout as in XenSubOp. */
bool xen_struct_in(XenCall *call, uint64_t address, void *native, unsigned size,
                   const XenLayout *layout);
bool xen_struct_out(XenCall *call, uint64_t address, const void *native, unsigned size,
                    const XenLayout *layout);
unsigned xen_struct_size(const XenCall *call, unsigned size, const XenLayout *layout);
/* Elements of a guest's array of unsigned longs (xen_pfn_t, xen_ulong_t). */
bool xen_long_in(XenCall *call, uint64_t array, uint64_t index, uint64_t *value);
bool xen_long_out(XenCall *call, uint64_t array, uint64_t index, uint64_t value);
/* Looks @op up, copies in, runs, copies out. */
int64_t xen_sub_op(XenCall *call, unsigned hypercall, const XenSubOp *table, unsigned count,
                   uint64_t op, uint64_t address);
/* 0 if @id names the guest itself, else what Xen says: -EPERM for domain 0, -ESRCH. */
int64_t xen_check_self(const XenDomain *domain, uint16_t id);

int64_t xen_call_run(XenCall *call, uint32_t number);
/* Before each part of a call that may have very many: true if it is to be done, false if the call
 * ends here. What may have changed meanwhile is everything but @call. */
bool xen_call_goes_on(XenCall *call, bool locked);
const char *xen_hypercall_name(uint32_t number); /* NULL: there is none */
void xen_count_hypercall(XenDomain *domain, unsigned vcpu, uint32_t number);
int64_t xen_memory_op(XenCall *call);
int64_t xen_version_op(XenCall *call);
int64_t xen_event_channel_op(XenCall *call);
int64_t xen_grant_table_op(XenCall *call);
int64_t xen_vcpu_op(XenCall *call);
int64_t xen_sched_op(XenCall *call);
int64_t xen_set_timer_op(XenCall *call);
int64_t xen_hvm_op(XenCall *call);
int64_t xen_physdev_op(XenCall *call);

/* ---- vcpu.c, time.c, timer.c ---- */
void xen_vcpu_init(XenDomain *domain);
void xen_vcpu_free(XenDomain *domain);
void xen_vcpu_reset(XenDomain *domain);
GVariant *xen_vcpu_save(XenDomain *domain);
bool xen_vcpu_load(XenDomain *domain, GVariant *state, GError **error);
void *xen_vcpu_info(XenDomain *domain, unsigned vcpu);
int64_t xen_vcpu_register_info(XenDomain *domain, unsigned vcpu, uint64_t gfn, uint32_t offset);
bool xen_vcpu_upcall_deliverable(XenDomain *domain, unsigned vcpu);
void xen_vcpu_wake(XenDomain *domain, unsigned vcpu);
bool xen_area_set_physical(XenDomain *domain, XenArea *area, uint64_t gpa, unsigned length);
bool xen_area_set_virtual(XenCall *call, unsigned vcpu, XenArea *area, uint64_t gva,
                          unsigned length);
void xen_area_clear(XenDomain *domain, XenArea *area);
void xen_area_write(XenArea *area, unsigned offset, const void *bytes, unsigned length);
void xen_time_update_vcpu(XenDomain *domain, unsigned vcpu);
void xen_time_update_wall_clock(XenDomain *domain);
void xen_runstate_get(XenDomain *domain, unsigned vcpu, XenRunstate *runstate);
void xen_runstate_write(XenDomain *domain, unsigned vcpu);
uint64_t xen_now(XenDomain *domain);
void xen_timer_set_singleshot(XenDomain *domain, unsigned vcpu, uint64_t deadline);
void xen_timer_set_periodic(XenDomain *domain, unsigned vcpu, uint64_t period);
void xen_timer_reset(XenDomain *domain);
int64_t xen_watchdog_set(XenDomain *domain, uint32_t id, uint32_t seconds);
void xen_virq_changed(XenDomain *domain, unsigned virq, unsigned vcpu);

/* ---- overlay.c, params.c, pirq.c ---- */
int64_t xen_overlay_map(XenDomain *domain, XenPageKind kind, unsigned index, uint64_t gfn);
/* True if a special page was shown at @gfn and is no more. */
bool xen_overlay_remove(XenDomain *domain, uint64_t gfn);
void xen_overlay_reset(XenDomain *domain);
GVariant *xen_overlay_save(XenDomain *domain);
bool xen_overlay_load(XenDomain *domain, GVariant *state, GError **error);
void xen_params_reset(XenDomain *domain);
GVariant *xen_params_save(XenDomain *domain);
bool xen_params_load(XenDomain *domain, GVariant *state, GError **error);
void xen_pirq_init(XenDomain *domain);
void xen_pirq_reset(XenDomain *domain);
GVariant *xen_pirq_save(XenDomain *domain);
bool xen_pirq_load(XenDomain *domain, GVariant *state, GError **error);
void xen_memory_reset(XenDomain *domain, bool soft);
GVariant *xen_memory_save(XenDomain *domain);
bool xen_memory_load(XenDomain *domain, GVariant *state, GError **error);
uint64_t xen_current_pages(const XenDomain *domain);
/* xen_query_pages() has become another. */
void xen_memory_changed(XenDomain *domain);
bool xen_frame_absent(const XenDomain *domain, uint64_t gfn);

/* ---- saved state ---- */
GQuark xen_domain_error_quark(void);
bool xen_state_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The child @key of @state with type @type, or NULL and @error. Unref it. */
GVariant *xen_state_get(GVariant *state, const char *key, const char *type, GError **error);

static inline void xen_lock(XenDomain *domain)
{
    g_rec_mutex_lock(&domain->lock);
}

static inline void xen_unlock(XenDomain *domain)
{
    g_rec_mutex_unlock(&domain->lock);
}

#endif
