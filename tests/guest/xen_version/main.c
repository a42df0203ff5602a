/*
 * xen_version: every question.
 *
 * Words: version=, uuid= (its first byte).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static char *buffer;

static long ask(unsigned op)
{
    memset(buffer, 0xff, PAGE_SIZE);
    return xen_version(op, buffer);
}

static bool contains(const char *text, const char *part)
{
    for (; *text; text++) {
        if (strncmp(text, part, strlen(part)) == 0) {
            return true;
        }
    }
    return false;
}

static void texts(uint32_t version)
{
    char name[32];
    expect("extraversion", ask(XENVER_extraversion), 0);
    check(strlen(buffer) < XEN_EXTRAVERSION_LEN, "it is a text: %s", buffer);
    check((uint8_t)buffer[XEN_EXTRAVERSION_LEN] == 0xff, "no byte behind it is written");
    expect("compile_info", ask(XENVER_compile_info), 0);
    struct xen_compile_info *info = (void *)buffer;
    check(strlen(info->compiler) > 0 && strlen(info->compiler) < 64, "a compiler: %s",
          info->compiler);
    check(strlen(info->compile_by) < 16 && strlen(info->compile_domain) < 32 &&
              strlen(info->compile_date) < 32,
          "three other texts");
    expect("capabilities", ask(XENVER_capabilities), 0);
    format(name, sizeof(name), "hvm-%u.%u-x86_64", version >> 16, version & 0xffff);
    check(contains(buffer, name), "they name %s: %s", name, buffer);
    format(name, sizeof(name), "hvm-%u.%u-x86_32p", version >> 16, version & 0xffff);
    check(contains(buffer, name), "they name %s", name);
    check((uint8_t)buffer[sizeof(xen_capabilities_info_t)] == 0xff,
          "no byte behind them is written");
    expect("changeset", ask(XENVER_changeset), 0);
    check(strlen(buffer) < sizeof(xen_changeset_info_t), "it is a text: %s", buffer);
    expect("commandline", ask(XENVER_commandline), 0);
    expect_text("which a guest is not told", buffer, "<denied>");
    expect("build_id: -EPERM", ask(XENVER_build_id), -XEN_EPERM);
}

static void features(void)
{
    struct xen_feature_info info = {.submap_idx = 0};
    static const uint8_t wanted[] = {XENFEAT_writable_page_tables,
                                     XENFEAT_auto_translated_physmap,
                                     XENFEAT_hvm_callback_vector,
                                     XENFEAT_hvm_safe_pvclock,
                                     XENFEAT_hvm_pirqs,
                                     XENFEAT_memory_op_vnode_supported};
    static const uint8_t unwanted[] = {
        XENFEAT_dom0, XENFEAT_supervisor_mode_kernel, XENFEAT_mmu_pt_update_preserve_ad,
        XENFEAT_gnttab_map_avail_bits, XENFEAT_linux_rsdp_unrestricted};
    expect("features", xen_version(XENVER_get_features, &info), 0);
    note("submap 0x%x", info.submap);
    for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
        check(info.submap >> wanted[i] & 1, "feature %u is there", wanted[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(unwanted); i++) {
        check(!(info.submap >> unwanted[i] & 1), "feature %u is not", unwanted[i]);
    }
    info.submap_idx = XENFEAT_NR_SUBMAPS;
    expect("a submap that does not exist: -EINVAL", xen_version(XENVER_get_features, &info),
           -XEN_EINVAL);
    expect("features nowhere: -EFAULT", xen_version(XENVER_get_features, no_memory()), -XEN_EFAULT);
}

void test_main(void)
{
    uint32_t version = option_number("version", 0x4000a);
    xen_start();
    buffer = page_alloc();
    expect("version", xen_version(XENVER_version, NULL), version);
    expect("version needs no memory", xen_version(XENVER_version, no_memory()), version);
    expect("pagesize", xen_version(XENVER_pagesize, NULL), 4096);
    texts(version);
    expect("platform_parameters", ask(XENVER_platform_parameters), 0);
    if (IS_64_BIT) {
        expect("Xen's own space starts at", *(uint64_t *)buffer, (int64_t)0xffff800000000000);
    } else {
        expect("Xen has no space of a 32-bit guest", *(uint32_t *)buffer, 0);
    }
    expect("and nothing behind it is written", (uint8_t)buffer[sizeof(unsigned long)], 0xff);
    expect("guest_handle", ask(XENVER_guest_handle), 0);
    expect("is the machine's UUID", (uint8_t)buffer[0], option_number("uuid", 0));
    expect("of 16 bytes", (uint8_t)buffer[16], 0xff);
    for (unsigned op = XENVER_extraversion; op <= XENVER_commandline; op++) {
        if (op != XENVER_pagesize) {
            expect("nowhere: -EFAULT", xen_version(op, no_memory()), -XEN_EFAULT);
        }
    }
    features();
    expect("no such question: -ENOSYS", xen_version(99, buffer), -XEN_ENOSYS);
}
