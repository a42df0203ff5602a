/*
 * A guest's side of Xen: detection, the transports of hypercalls, shared info, events, xenstore.
 *
 * Source of the structures: Xen's public headers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_GUEST_LIB_XEN_GUEST_H
#define TESTS_GUEST_LIB_XEN_GUEST_H

#include "guest.h"

#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

/* Of Xen 4.18, newer than the headers. */
#ifndef VCPUOP_register_runstate_phys_area
#define VCPUOP_register_runstate_phys_area  14
#define VCPUOP_register_vcpu_time_phys_area 15
#endif

#define PORTS_2L     (sizeof(xen_ulong_t) * 8 * sizeof(xen_ulong_t) * 8)
#define MSR_REVISION 0x8b /* microcode revision */

/* ---- detection and transports ---- */

/** xen_base: CPUID base of Xen's leaves, 0 if there is no Xen. */
uint32_t xen_base(void);
/** xen_start: finds Xen (or bails out) and makes hypercalls work as the word transport= says: page
 * (default), direct. */
void xen_start(void);
typedef enum { TRANSPORT_PAGE, TRANSPORT_DIRECT } Transport;
/** xen_use: changes the transport; xen_start must have run. */
void xen_use(Transport transport);
Transport xen_transport(void);
/** xen_page: the hypercall page. */
uint8_t *xen_page(void);
/** xen_set_page: writes the MSR so that the page appears at @page. */
void xen_set_page(void *page);
/** xen_instruction_traps: whether hypercall @number leaves the guest by VMCALL or VMMCALL, not by a
 * port. */
bool xen_instruction_traps(unsigned number);
/** xen_latch: tells Xen this kernel's word size, whatever the transport; the callback is off after
 * it. */
void xen_latch(void);
/** xen_domid: of this guest, by CPUID or, on versions whose CPUID has it not, by what the command
 * line says. */
unsigned xen_domid(void);
/** xen_entry: the address to call for hypercall @number (in EAX). */
uintptr_t xen_entry(unsigned number);

long hypercall(unsigned number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
               unsigned long e);

static inline long hypercall1(unsigned number, unsigned long a)
{
    return hypercall(number, a, 0, 0, 0, 0);
}
static inline long hypercall2(unsigned number, unsigned long a, const volatile void *b)
{
    return hypercall(number, a, (unsigned long)(uintptr_t)b, 0, 0, 0);
}
static inline long hypercall3(unsigned number, unsigned long a, unsigned long b,
                              const volatile void *c)
{
    return hypercall(number, a, b, (unsigned long)(uintptr_t)c, 0, 0);
}
static inline long memory_op(unsigned op, const volatile void *argument)
{
    return hypercall2(__HYPERVISOR_memory_op, op, argument);
}
static inline long xen_version(unsigned op, const volatile void *argument)
{
    return hypercall2(__HYPERVISOR_xen_version, op, argument);
}
static inline long event_channel_op(unsigned op, const volatile void *argument)
{
    return hypercall2(__HYPERVISOR_event_channel_op, op, argument);
}
static inline long sched_op(unsigned op, const volatile void *argument)
{
    return hypercall2(__HYPERVISOR_sched_op, op, argument);
}
static inline long hvm_op(unsigned op, const volatile void *argument)
{
    return hypercall2(__HYPERVISOR_hvm_op, op, argument);
}
static inline long physdev_op(unsigned op, const volatile void *argument)
{
    return hypercall2(__HYPERVISOR_physdev_op, op, argument);
}
static inline long vcpu_op(unsigned op, unsigned vcpu, const volatile void *argument)
{
    return hypercall3(__HYPERVISOR_vcpu_op, op, vcpu, argument);
}
static inline long grant_table_op(unsigned op, volatile void *argument, unsigned count)
{
    return hypercall(__HYPERVISOR_grant_table_op, op, (unsigned long)(uintptr_t)argument, count, 0,
                     0);
}
/** set_timer_op: @deadline in system time; two arguments where a word has 32 bits. */
long set_timer_op(uint64_t deadline);
/** no_memory: a pointer that no hypercall can read or write. */
void *no_memory(void);

/* ---- shared info ---- */

extern volatile struct shared_info *shared_info;
/** xen_map_shared_info: maps it at a page of RAM and latches the word size. */
void xen_map_shared_info(void);
/** add_to_physmap: XENMEM_add_to_physmap of this domain. */
long add_to_physmap(unsigned space, unsigned long index, unsigned long frame);
/** vcpu_info: of @vcpu: in shared info unless registered elsewhere with vcpu_info_moved(). */
volatile struct vcpu_info *vcpu_info(unsigned vcpu);
void vcpu_info_moved(unsigned vcpu, volatile struct vcpu_info *place);
long get_param(unsigned index, uint64_t *value);
long set_param(unsigned index, uint64_t value);

/** system_time: of this vCPU by its vcpu_info's pvclock, ns; pvclock_read: by any such area. */
uint64_t system_time(void);
uint64_t pvclock_read(const volatile struct vcpu_time_info *info);
/** poll_until: SCHEDOP_poll without ports; it may come back early. */
long poll_until(uint64_t deadline);

/* ---- event channels ---- */

typedef struct {
    unsigned status, vcpu;
    union {
        uint32_t pirq, virq, remote_domain;
    };
    uint32_t remote_port;
} PortStatus;

/** Each gives the new port, or a negative error. */
long bind_ipi(unsigned vcpu);
long bind_virq(unsigned virq, unsigned vcpu);
long bind_pirq(unsigned pirq, unsigned flags);
long alloc_unbound(unsigned domain, unsigned remote);
long bind_interdomain(unsigned remote, unsigned port);
/** Each gives 0 or a negative error. */
long port_close(uint32_t port);
long port_send(uint32_t port);
long port_unmask(uint32_t port);
long port_bind_vcpu(uint32_t port, unsigned vcpu);
long port_status(uint32_t port, PortStatus *status);

/* 2-level words. */
bool port_pending(uint32_t port);
void port_clear(uint32_t port);
void port_mask(uint32_t port);
bool port_masked(uint32_t port);

/** What events_take() saw: how often each port's event came, on which vCPU last, in which order. */
#define EVENT_PORTS 4096
#define EVENT_LOG   256
extern volatile unsigned event_count[EVENT_PORTS];
extern volatile unsigned event_vcpu[EVENT_PORTS];
extern volatile uint32_t event_log[EVENT_LOG];
extern volatile unsigned event_total, upcall_count[MAX_CPUS];
void events_forget(void);
/** events_take: what an upcall handler does: scans and clears what is pending here (2-level). */
void events_take(void);
/** events_by_callback_vector: HVM_PARAM_CALLBACK_IRQ type 2: no EOI. */
long events_by_callback_vector(unsigned vector);
/** events_by_upcall_vector: HVMOP_set_evtchn_upcall_vector for @vcpu: with EOI. */
long events_by_upcall_vector(unsigned vcpu, unsigned vector);
/** events_by_gsi, events_by_intx: level interrupts through the I/O APIC's @pin. */
long events_by_gsi(unsigned gsi, unsigned vector);
long events_by_intx(unsigned device, unsigned intx, unsigned pin, unsigned vector);
/** events_quiet: callback off. */
void events_quiet(void);
/** event_wait: until @port's event has come @count times. */
bool event_wait(uint32_t port, unsigned count, unsigned milliseconds);

/* ---- xenstore ---- */

typedef struct {
    uint32_t type, length; /* type XS_ERROR: @text is the error's name */
    char text[4097];       /* NUL behind it */
} StoreAnswer;

/** store_connect: finds ring and port by the HVM parameters. False: there is no store. */
bool store_connect(void);
/** store_ask: sends a request of @length bytes in transaction @transaction, waits for its answer;
 * false: none came. */
bool store_ask(unsigned type, uint32_t transaction, const void *payload, unsigned length,
               StoreAnswer *answer);
/** store_text: the same with a string and its NUL. */
bool store_text(unsigned type, uint32_t transaction, const char *text, StoreAnswer *answer);
/** store_write: a path and a value. */
bool store_write(uint32_t transaction, const char *path, const char *value, StoreAnswer *answer);
/** store_event: the next watch event: path, NUL, token, NUL in @answer; false: none within the
 * time. */
bool store_event(StoreAnswer *answer, unsigned milliseconds);
/** store_is_error: whether the answer is the error named @name. */
bool store_is_error(const StoreAnswer *answer, const char *name);
struct xenstore_domain_interface;
extern volatile struct xenstore_domain_interface *store_ring;
extern uint32_t store_port;

#endif
