/*
 * XEN_VERSION: what Xen says of itself. An unprivileged guest gets no command line and no build id.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

static int64_t text_out(XenCall *call, const char *text, size_t size)
{
    char buffer[1024] = {0};
    g_strlcpy(buffer, text, size);
    return xen_copy_out(call, call->arguments[1], buffer, size) ? 0 : -XEN_EFAULT;
}

static int64_t version(XenCall *call, void *argument)
{
    return call->domain->config.version;
}

static int64_t extraversion(XenCall *call, void *argument)
{
    return text_out(call, ".0", XEN_EXTRAVERSION_LEN);
}

static int64_t compile_info(XenCall *call, void *argument)
{
    xen_compile_info_t info = {0};
    g_strlcpy(info.compiler, "gcc", sizeof(info.compiler));
    g_strlcpy(info.compile_by, "xenolith", sizeof(info.compile_by));
    g_strlcpy(info.compile_domain, "localdomain", sizeof(info.compile_domain));
    g_strlcpy(info.compile_date, "unknown", sizeof(info.compile_date));
    return xen_copy_out(call, call->arguments[1], &info, sizeof(info)) ? 0 : -XEN_EFAULT;
}

static int64_t capabilities(XenCall *call, void *argument)
{
    unsigned major = call->domain->config.version >> 16;
    unsigned minor = call->domain->config.version & 0xffff;
    g_autofree char *text =
        g_strdup_printf("xen-%u.%u-x86_64 hvm-%u.%u-x86_32 hvm-%u.%u-x86_32p hvm-%u.%u-x86_64",
                        major, minor, major, minor, major, minor, major, minor);
    return text_out(call, text, XEN_CAPABILITIES_INFO_LEN);
}

static int64_t changeset(XenCall *call, void *argument)
{
    return text_out(call, "unavailable", XEN_CHANGESET_INFO_LEN);
}

static int64_t platform_parameters(XenCall *call, void *argument)
{
    uint64_t start = call->long_mode ? UINT64_C(0xffff800000000000) : 0;
    return xen_long_out(call, call->arguments[1], 0, start) ? 0 : -XEN_EFAULT;
}

static uint32_t features(const XenDomain *domain)
{
    static const uint8_t always[] = {
        XENFEAT_writable_page_tables,      XENFEAT_auto_translated_physmap,
        XENFEAT_hvm_safe_pvclock,          XENFEAT_hvm_pirqs,
        XENFEAT_memory_op_vnode_supported, XENFEAT_not_direct_mapped,
        XENFEAT_runstate_phys_area,        XENFEAT_vcpu_time_phys_area,
    };
    uint32_t map = domain->config.callback_vector ? 1u << XENFEAT_hvm_callback_vector : 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(always); i++) {
        map |= 1u << always[i];
    }
    return map;
}

static int64_t get_features(XenCall *call, void *argument)
{
    xen_feature_info_t *info = argument;
    if (info->submap_idx >= XENFEAT_NR_SUBMAPS) {
        return -XEN_EINVAL;
    }
    info->submap = features(call->domain);
    return 0;
}

static int64_t pagesize(XenCall *call, void *argument)
{
    return XEN_PAGE_SIZE;
}

static int64_t guest_handle(XenCall *call, void *argument)
{
    return xen_copy_out(call, call->arguments[1], call->domain->config.uuid, 16) ? 0 : -XEN_EFAULT;
}

static int64_t commandline(XenCall *call, void *argument)
{
    return text_out(call, "<denied>", sizeof(xen_commandline_t));
}

static int64_t build_id(XenCall *call, void *argument)
{
    return -XEN_EPERM;
}

static const XenSubOp version_ops[] = {
    {XENVER_version, "version", version},
    {XENVER_extraversion, "extraversion", extraversion},
    {XENVER_compile_info, "compile_info", compile_info},
    {XENVER_capabilities, "capabilities", capabilities},
    {XENVER_changeset, "changeset", changeset},
    {XENVER_platform_parameters, "platform_parameters", platform_parameters},
    {XENVER_get_features, "get_features", get_features, sizeof(xen_feature_info_t), XEN_OUT},
    {XENVER_pagesize, "pagesize", pagesize},
    {XENVER_guest_handle, "guest_handle", guest_handle},
    {XENVER_commandline, "commandline", commandline},
    {XENVER_build_id, "build_id", build_id},
};

int64_t xen_version_op(XenCall *call)
{
    return xen_sub_op(call, __HYPERVISOR_xen_version, version_ops, G_N_ELEMENTS(version_ops),
                      call->arguments[0], call->arguments[1]);
}
