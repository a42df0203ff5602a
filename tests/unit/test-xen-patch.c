/*
 * A kernel without a hypercall page: which bytes of its text become port writes, which stay, and
 * that text which was rewritten elsewhere is known for what it is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

/* The patcher alone; what it needs of the host is below. */
#include "hw/i386/kvm/xen_patch.c" /* NOLINT(bugprone-suspicious-include) */

#define PAGES    4u
#define TEXT_GFN 0x100u
#define TEXT     (TEXT_GFN * (uint64_t)XEN_PAGE_SIZE)

const uint8_t xen_call_port_write[XEN_CALL_LENGTH] = {0xe7, 0x77, 0x90};

static uint8_t text[PAGES][XEN_PAGE_SIZE];

bool xen_call_is_instruction(const uint8_t *at)
{
    return at[0] == 0x0f && at[1] == 0x01 && (at[2] == 0xd9 || at[2] == 0xc1);
}

void *xen_host_frame(KvmXenHost *host G_GNUC_UNUSED, uint64_t gfn)
{
    return gfn >= TEXT_GFN && gfn < TEXT_GFN + PAGES ? text[gfn - TEXT_GFN] : NULL;
}

bool xen_host_read_ram(void *host G_GNUC_UNUSED, uint64_t physical G_GNUC_UNUSED,
                       void *entry G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    return false; /* paging is off: there are no tables */
}

static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1}, vmmcall[] = {0x0f, 0x01, 0xd9};

static void put(unsigned at, const void *bytes, size_t length)
{
    memcpy(&text[at / XEN_PAGE_SIZE][at % XEN_PAGE_SIZE], bytes, length);
}

/* A function at @at: @prelude_length bytes of an ENDBR64, the call, and @last. */
static void put_function(unsigned at, unsigned prelude_length, const uint8_t *call, uint8_t last)
{
    put(at, "\xf3\x0f\x1e\xfa", prelude_length);
    put(at + prelude_length, call, CALL_LENGTH);
    put(at + prelude_length + CALL_LENGTH, &last, 1);
}

static bool is_at(unsigned at, const uint8_t *call)
{
    return memcmp(&text[at / XEN_PAGE_SIZE][at % XEN_PAGE_SIZE], call, CALL_LENGTH) == 0;
}

static bool run(void)
{
    X86Paging paging = {.efer = EFER_LMA};
    XenPatcher *patcher = xen_patcher_new(NULL);
    bool found;

    xen_patcher_run(patcher, &paging, TEXT + XEN_PAGE_SIZE + 5);
    found = xen_patcher_found(patcher);
    xen_patcher_free(patcher);
    return found;
}

static void clear(void)
{
    memset(text, 0xcc, sizeof(text));
}

static void test_functions_of_a_call_are_rewritten(void)
{
    const unsigned last = PAGES * XEN_PAGE_SIZE - 16;

    clear();
    put_function(0x40, 0, vmcall, 0xc3);                  /* behind where it looks from */
    put_function(XEN_PAGE_SIZE + 0x80, 4, vmmcall, 0xe9); /* in that page */
    put_function(last, 0, vmmcall, 0xc3);                 /* far ahead, at the end */
    g_assert_true(run());
    g_assert_true(is_at(0x40, xen_call_port_write));
    g_assert_true(is_at(XEN_PAGE_SIZE + 0x84, xen_call_port_write));
    g_assert_true(is_at(last, xen_call_port_write));
}

static void test_other_code_stays(void)
{
    clear();
    put_function(0x48, 0, vmcall, 0xc3);  /* no function begins there */
    put_function(0x80, 0, vmcall, 0x90);  /* it goes on */
    put_function(0xc2, 2, vmmcall, 0xc3); /* half a prelude */
    put(XEN_PAGE_SIZE - 3, vmmcall, 3);   /* at the end of a page: no aligned function */
    put(XEN_PAGE_SIZE, "\xc3", 1);
    g_assert_false(run());
    g_assert_true(is_at(0x48, vmcall));
    g_assert_true(is_at(0x80, vmcall));
    g_assert_true(is_at(0xc4, vmmcall));
    g_assert_true(is_at(XEN_PAGE_SIZE - 3, vmmcall));
}

/* A guest that was rewritten where it comes from: found, so that nobody looks any further. */
static void test_rewritten_text_is_found(void)
{
    uint8_t before[sizeof(text)];

    clear();
    put_function(0x40, 0, xen_call_port_write, 0xc3);
    put_function(2 * XEN_PAGE_SIZE + 0x100, 4, xen_call_port_write, 0xe9);
    memcpy(before, text, sizeof(text));
    g_assert_true(run());
    g_assert_cmpmem(text, sizeof(text), before, sizeof(before));
}

static void test_a_port_write_elsewhere_is_nothing(void)
{
    clear();
    put_function(0x48, 0, xen_call_port_write, 0xc3);
    g_assert_false(run());
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen-patch/functions-of-a-call-are-rewritten",
                    test_functions_of_a_call_are_rewritten);
    g_test_add_func("/xen-patch/other-code-stays", test_other_code_stays);
    g_test_add_func("/xen-patch/rewritten-text-is-found", test_rewritten_text_is_found);
    g_test_add_func("/xen-patch/a-port-write-elsewhere-is-nothing",
                    test_a_port_write_elsewhere_is_nothing);
    return g_test_run();
}
