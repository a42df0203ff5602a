/*
 * Linux without a hypercall page.
 *
 * Linux 6.13, and the stable kernels that took XSA-466, make hypercalls through two small functions
 * in their text: one for Intel's instruction, one for AMD's. A KVM without CONFIG_KVM_XEN answers
 * such an instruction itself, and nobody is asked; one with it answers SCHEDOP_poll, the wait of a
 * contended spin lock, with a yield, and the guest burns the time that the lock's holder needs (one
 * vCPU has no such wait, and keeps the instruction, which is cheaper there). But before its first
 * hypercall every Linux reads its microcode revision (MSR 0x8b), which comes to us; then its text is
 * there to be looked through, and the instruction becomes a port write of the same length.
 *
 * What is rewritten is an aligned function that is nothing but the instruction and a return: an
 * ENDBR64 and a frame around it may be there, anything else may not. Bytes of other code or data
 * that look like it would be a hypercall as well, so there is no harm in them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/i386/kvm/xen_host.h"
#include "util/trace.h"

TRACE_DEFINE(xen_patch)

/* How far the text may reach to either side of the read. */
#define REACH       (UINT64_C(64) << 20)
#define STEP_MAX    (UINT64_C(2) << 20)
#define RETURN_MAX  2u  /* bytes of it that returns() looks at */
#define ALIGNED_64  16u /* of functions in assembly, in a 64-bit kernel */
#define ALIGNED_32  4u
#define EFER_LMA    (UINT64_C(1) << 10)
#define PRELUDE_MAX 8u
#define CALL_LENGTH XEN_CALL_LENGTH
#define CALL_LEAD   0x0f /* the first byte of both instructions */
#define MAX_KNOWN   8u

struct XenPatcher {
    KvmXenHost *host;
    GMutex lock;
    /* the kernel's port writes, by its addresses and by ours */
    struct {
        uint64_t virtual, physical;
    } known[MAX_KNOWN];
    unsigned known_count;
    unsigned alignment; /* of the kernel that is looked through */
};

/* What may stand between the function's start and the instruction. */
static const struct {
    uint8_t length;
    uint8_t bytes[PRELUDE_MAX];
} preludes[] = {
    {0, {0}},
    {4, {0xf3, 0x0f, 0x1e, 0xfa}},                         /* endbr64 */
    {4, {0x55, 0x48, 0x89, 0xe5}},                         /* push %rbp; mov %rsp,%rbp */
    {8, {0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5}}, /* both */
    {3, {0x55, 0x89, 0xe5}},                               /* push %ebp; mov %esp,%ebp */
    {4, {0xf3, 0x0f, 0x1e, 0xfb}},                         /* endbr32 */
};

/* ret, jmp to a return thunk, or the frame's end before either. */
static bool returns(const uint8_t *at)
{
    if (at[0] == 0x5d) {
        at++;
    }
    return at[0] == 0xc3 || at[0] == 0xe9;
}

/* Whether the call @at bytes into @page is all that an aligned function does. */
static bool is_function(const XenPatcher *patcher, const uint8_t *page, unsigned at)
{
    if (!returns(page + at + CALL_LENGTH)) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(preludes); i++) {
        unsigned length = preludes[i].length;

        if (length <= at && (at - length) % patcher->alignment == 0 &&
            memcmp(page + at - length, preludes[i].bytes, length) == 0) {
            return true;
        }
    }
    return false;
}

/* A call that is a port write already was rewritten on the host that the guest comes from. */
static bool is_call(const uint8_t *at)
{
    return xen_call_is_instruction(at) || memcmp(at, xen_call_port_write, CALL_LENGTH) == 0;
}

static void take_call(XenPatcher *patcher, uint8_t *at, uint64_t virtual, uint64_t physical)
{
    if (xen_call_is_instruction(at)) {
        memcpy(at, xen_call_port_write, CALL_LENGTH);
        ram_dirty_mark(at, CALL_LENGTH);
        TRACE(xen_patch, "at physical 0x%" G_GINT64_MODIFIER "x", physical);
    }
    if (patcher->known_count < MAX_KNOWN) {
        patcher->known[patcher->known_count].virtual = virtual;
        patcher->known[patcher->known_count++].physical = physical;
    }
}

/* Calls that begin with @lead. There are tens of megabytes: memchr() goes through them several
 * times as fast as memmem() would. */
static void look_for(XenPatcher *patcher, uint8_t *page, uint64_t virtual, uint64_t physical,
                     uint8_t lead)
{
    uint8_t *next = page;
    const uint8_t *end = page + XEN_PAGE_SIZE - CALL_LENGTH - RETURN_MAX + 1;

    while (next < end && (next = memchr(next, lead, (size_t)(end - next)))) {
        unsigned at = (unsigned)(next - page);

        if (is_call(next) && is_function(patcher, page, at)) {
            take_call(patcher, next, virtual + at, physical + at);
        }
        next++;
    }
}

static void look_through(XenPatcher *patcher, uint64_t virtual, uint64_t physical, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += XEN_PAGE_SIZE) {
        uint8_t *page = xen_host_frame(patcher->host, (physical + at) >> XEN_PAGE_SHIFT);

        if (page) {
            look_for(patcher, page, virtual + at, physical + at, CALL_LEAD);
            look_for(patcher, page, virtual + at, physical + at, xen_call_port_write[0]);
        }
    }
}

/* From @address on, a mapped page after the other, until there is a gap or it is far enough. */
static void look_ahead(XenPatcher *patcher, const X86Paging *paging, uint64_t address)
{
    uint64_t first = address;
    X86Translation translation;

    while (address - first < REACH &&
           x86_page_walk(paging, address, xen_host_read_ram, patcher->host, &translation)) {
        uint64_t size = MIN(translation.size, STEP_MAX);

        address &= ~(size - 1);
        look_through(patcher, address, translation.physical & ~(size - 1), size);
        address += size;
    }
}

static void look_back(XenPatcher *patcher, const X86Paging *paging, uint64_t address)
{
    uint64_t last = address;
    X86Translation translation;

    while (last - address < REACH && address >= XEN_PAGE_SIZE &&
           x86_page_walk(paging, address - 1, xen_host_read_ram, patcher->host, &translation)) {
        uint64_t size = MIN(translation.size, STEP_MAX);

        address = (address - 1) & ~(size - 1);
        look_through(patcher, address, translation.physical & ~(size - 1), size);
    }
}

/* The other CPUs of a kernel that has been seen to need nothing more. Another kernel after it may
 * still have this one's text in its map of all memory: see xen_patcher_forget(). */
static bool still_there(XenPatcher *patcher, const X86Paging *paging)
{
    for (unsigned i = 0; i < patcher->known_count; i++) {
        uint64_t physical = patcher->known[i].physical;
        const uint8_t *page = xen_host_frame(patcher->host, physical >> XEN_PAGE_SHIFT);
        X86Translation translation;

        if (!page ||
            memcmp(page + physical % XEN_PAGE_SIZE, xen_call_port_write, CALL_LENGTH) != 0 ||
            !x86_page_walk(paging, patcher->known[i].virtual, xen_host_read_ram, patcher->host,
                           &translation) ||
            translation.physical != physical) {
            return false;
        }
    }
    return patcher->known_count > 0;
}

void xen_patcher_run(XenPatcher *patcher, const X86Paging *paging, uint64_t rip)
{
    uint64_t page = rip & ~(uint64_t)(XEN_PAGE_SIZE - 1);

    g_mutex_lock(&patcher->lock);
    if (!still_there(patcher, paging)) {
        patcher->known_count = 0;
        patcher->alignment = paging->efer & EFER_LMA ? ALIGNED_64 : ALIGNED_32;
        look_ahead(patcher, paging, page);
        look_back(patcher, paging, page);
    }
    g_mutex_unlock(&patcher->lock);
}

void xen_patcher_forget(XenPatcher *patcher)
{
    g_mutex_lock(&patcher->lock);
    patcher->known_count = 0;
    g_mutex_unlock(&patcher->lock);
}

bool xen_patcher_found(XenPatcher *patcher)
{
    return patcher->known_count > 0;
}

XenPatcher *xen_patcher_new(KvmXenHost *host)
{
    XenPatcher *patcher = g_new0(XenPatcher, 1);

    patcher->host = host;
    g_mutex_init(&patcher->lock);
    return patcher;
}

void xen_patcher_free(XenPatcher *patcher)
{
    g_mutex_clear(&patcher->lock);
    g_free(patcher);
}
