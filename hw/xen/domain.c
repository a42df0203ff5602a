/*
 * The domain as a whole: made, reset, saved, loaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/xen_query.h"
#include "xen_private.h"

G_DEFINE_QUARK(xen - domain - error - quark, xen_domain_error)

bool xen_state_error(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, xen_domain_error_quark(), 0, "Xen: %s", text);
    return false;
}

GVariant *xen_state_get(GVariant *state, const char *key, const char *type, GError **error)
{
    GVariant *value = g_variant_lookup_value(state, key, G_VARIANT_TYPE(type));
    if (!value) {
        xen_state_error(error, "saved state has no valid '%s'", key);
    }
    return value;
}

static bool check_config(XenDomainConfig *config, GError **error)
{
    config->domain_id = config->domain_id ? config->domain_id : 1;
    config->max_pirqs = config->max_pirqs ? config->max_pirqs : 256;
    config->max_grant_frames = config->max_grant_frames ? config->max_grant_frames : 64;
    config->max_grant_version = config->max_grant_version ? config->max_grant_version : 2;
    if (config->domain_id >= DOMID_FIRST_RESERVED) {
        return xen_state_error(error, "domain id %u is reserved", config->domain_id);
    }
    if (config->vcpus == 0 || config->vcpus > XEN_DOMAIN_MAX_VCPUS) {
        return xen_state_error(error, "%u vCPUs are out of range", config->vcpus);
    }
    if (config->max_pirqs < 16 || config->max_pirqs > XEN_DOMAIN_MAX_PIRQS) {
        return xen_state_error(error, "%u pirqs are out of range", config->max_pirqs);
    }
    if (config->max_grant_frames > XEN_DOMAIN_MAX_GRANT_FRAMES || config->max_grant_version > 2) {
        return xen_state_error(error, "%u grant frames of version %u are out of range",
                               config->max_grant_frames, config->max_grant_version);
    }
    if (config->version < 0x30000 || config->max_gfn >= UINT64_C(1) << 36) {
        return xen_state_error(error, "version or memory size are out of range");
    }
    return true;
}

XenDomain *xen_domain_new(const XenDomainConfig *config, XenHost *host, GuestMemory *memory,
                          GError **error)
{
    XenDomainConfig checked = *config;
    if (!check_config(&checked, error)) {
        return NULL;
    }
    void *shared_info = host->ops->page_memory(host, XEN_PAGE_SHARED_INFO, 0);
    if (!shared_info || !host->ops->page_memory(host, XEN_PAGE_GRANT_TABLE, 0)) {
        xen_state_error(error, "no memory for the special pages");
        return NULL;
    }
    XenDomain *domain = g_new0(XenDomain, 1);
    g_rec_mutex_init(&domain->lock);
    domain->config = checked;
    domain->host = host;
    domain->memory = memory;
    domain->shared_info = shared_info;
    domain->shared_info_gfn = XEN_GFN_NONE;
    domain->shutdown_code = -1;
    domain->long_mode = true;
    domain->memory_map = g_array_new(false, false, sizeof(XenMemoryMapEntry));
    if (config->memory_map_entries) {
        g_array_append_vals(domain->memory_map, config->memory_map, config->memory_map_entries);
    }
    domain->hypercall_counts =
        g_new0(uint64_t, (size_t)checked.vcpus * XEN_HYPERCALL_NUMBERS);
    domain->absent = g_new0(uint64_t, checked.max_gfn / 64 + 1);
    domain->moved = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    xen_vcpu_init(domain);
    xen_evtchn_init(domain);
    xen_gnttab_init(domain);
    xen_pirq_init(domain);
    xen_params_reset(domain);
    return domain;
}

void xen_domain_free(XenDomain *domain)
{
    if (!domain) {
        return;
    }
    xen_domain_reset(domain, false);
    xen_evtchn_free(domain);
    xen_gnttab_free(domain);
    xen_vcpu_free(domain);
    g_free(domain->pirqs);
    g_free(domain->absent);
    g_free(domain->hypercall_counts);
    g_hash_table_destroy(domain->moved);
    g_array_free(domain->memory_map, true);
    g_rec_mutex_clear(&domain->lock);
    g_free(domain);
}

uint16_t xen_domain_id(const XenDomain *domain)
{
    return domain->config.domain_id;
}

void xen_domain_set_memory_map(XenDomain *domain, const XenMemoryMapEntry *entries, unsigned count)
{
    xen_lock(domain);
    g_array_set_size(domain->memory_map, 0);
    if (count) {
        g_array_append_vals(domain->memory_map, entries, count);
    }
    xen_unlock(domain);
}

bool xen_domain_long_mode(const XenDomain *domain)
{
    return domain->long_mode;
}

void xen_domain_latch_mode(XenDomain *domain, bool long_mode)
{
    xen_lock(domain);
    if (domain->long_mode != long_mode) {
        domain->long_mode = long_mode;
        domain->host->ops->set_long_mode(domain->host, long_mode);
    }
    if (domain->shared_info_gfn != XEN_GFN_NONE) {
        xen_time_update_wall_clock(domain);
    }
    xen_unlock(domain);
}

void xen_domain_reset(XenDomain *domain, bool soft)
{
    xen_lock(domain);
    uint64_t before = xen_current_pages(domain);
    xen_timer_reset(domain);
    xen_evtchn_reset(domain);
    xen_pirq_reset(domain);
    xen_gnttab_reset(domain);
    xen_vcpu_reset(domain);
    xen_overlay_reset(domain);
    xen_params_reset(domain);
    xen_memory_reset(domain, soft);
    domain->shutdown_code = -1;
    if (!domain->long_mode) {
        domain->long_mode = true;
        domain->host->ops->set_long_mode(domain->host, true);
    }
    bool changed = xen_current_pages(domain) != before;
    xen_unlock(domain);
    if (changed) {
        xen_memory_changed(domain);
    }
}

/* ---- saved state: a part a key, loaded in this order ---- */

typedef struct {
    const char *key, *type;
    GVariant *(*save)(XenDomain *domain);
    bool (*load)(XenDomain *domain, GVariant *state, GError **error);
} Part;

static GVariant *save_general(XenDomain *domain)
{
    return g_variant_new("(bbitt)", domain->long_mode, domain->runstate_update_flag,
                         domain->shutdown_code,
                         domain->watchdogs[0].in_use ? domain->watchdogs[0].deadline : UINT64_MAX,
                         domain->watchdogs[1].in_use ? domain->watchdogs[1].deadline : UINT64_MAX);
}

static bool load_general(XenDomain *domain, GVariant *state, GError **error)
{
    gboolean long_mode, update_flag;
    uint64_t deadlines[XEN_WATCHDOGS];
    int shutdown_code;
    g_variant_get(state, "(bbitt)", &long_mode, &update_flag, &shutdown_code, &deadlines[0],
                  &deadlines[1]);
    if (shutdown_code < -1 || shutdown_code > 255) {
        return xen_state_error(error, "the shutdown code is not valid");
    }
    domain->shutdown_code = shutdown_code;
    xen_domain_latch_mode(domain, long_mode);
    domain->runstate_update_flag = update_flag;
    domain->host->ops->set_runstate_update_flag(domain->host, update_flag);
    for (unsigned i = 0; i < XEN_WATCHDOGS; i++) {
        domain->watchdogs[i].in_use = deadlines[i] != UINT64_MAX;
        domain->watchdogs[i].deadline = deadlines[i] != UINT64_MAX ? deadlines[i] : 0;
        if (domain->watchdogs[i].deadline) {
            domain->host->ops->arm_timer(domain->host, XEN_TIMER_WATCHDOG, i, deadlines[i]);
        }
    }
    return true;
}

static const Part parts[] = {
    {"general", "(bbitt)", save_general, load_general},
    {"memory", "(ata(tt)x)", xen_memory_save, xen_memory_load},
    {"grants", "(uaayaaya(uuut))", xen_gnttab_save, xen_gnttab_load},
    {"overlay", "(aytatat)", xen_overlay_save, xen_overlay_load},
    {"pirqs", "(a(uub)tb)", xen_pirq_save, xen_pirq_load},
    {"vcpus", "a(tayyttt(utatu)(tttt)b)", xen_vcpu_save, xen_vcpu_load},
    /* a host completes ports by itself only if it knows how upcalls go */
    {"params", "at", xen_params_save, xen_params_load},
    {"events", "(a(utub)(bata(utuau)))", xen_evtchn_save, xen_evtchn_load},
};

GVariant *xen_domain_save(XenDomain *domain)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    xen_lock(domain);
    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_variant_builder_add(&builder, "{sv}", parts[i].key, parts[i].save(domain));
    }
    xen_unlock(domain);
    return g_variant_builder_end(&builder);
}

bool xen_domain_load(XenDomain *domain, GVariant *state, GError **error)
{
    bool good = g_variant_is_of_type(state, G_VARIANT_TYPE_VARDICT);
    if (!good) {
        return xen_state_error(error, "saved state is not a dictionary");
    }
    xen_lock(domain);
    /* First, so that closing ports does not change event words in RAM that has been loaded. */
    xen_evtchn_fifo_destroy(domain);
    xen_domain_reset(domain, false);
    for (unsigned i = 0; i < G_N_ELEMENTS(parts) && good; i++) {
        g_autoptr(GVariant) part = xen_state_get(state, parts[i].key, parts[i].type, error);
        good = part && parts[i].load(domain, part, error);
    }
    if (!good) {
        xen_domain_reset(domain, false);
    }
    xen_unlock(domain);
    return good;
}
