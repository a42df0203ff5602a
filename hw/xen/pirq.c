/*
 * PHYSDEV_OP: interrupt lines and messages of emulated devices, taken as event channels.
 *
 * GSIs get pirqs of 16 and up, messages those from the top down. A message names its pirq in its
 * address, with vector 0 (Xen's public/physdev.h; Linux's arch/x86/pci/xen.c uses the same
 * encoding).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

enum { FIRST_PIRQ = 16 };

void xen_pirq_init(XenDomain *domain)
{
    domain->pirqs = g_new0(XenPirq, domain->config.max_pirqs);
    memset(domain->gsi_pirq, 0xff, sizeof(domain->gsi_pirq));
}

static void forget_eoi_page(XenDomain *domain)
{
    guest_unpin(domain->memory, domain->eoi_gfn, domain->eoi_bitmap, true);
    domain->eoi_bitmap = NULL;
    domain->eoi_unmasks = false;
}

void xen_pirq_reset(XenDomain *domain)
{
    memset(domain->pirqs, 0, domain->config.max_pirqs * sizeof(XenPirq));
    memset(domain->gsi_pirq, 0xff, sizeof(domain->gsi_pirq));
    forget_eoi_page(domain);
}

static bool raise_pirq(XenDomain *domain, unsigned pirq)
{
    uint32_t port = domain->pirqs[pirq].port;
    XenPort *entry = port ? xen_port(domain, port) : NULL;
    if (entry) {
        xen_port_raise(domain, port, entry);
    }
    return entry != NULL;
}

bool xen_domain_set_gsi(XenDomain *domain, unsigned gsi, bool level)
{
    bool taken = false;
    xen_lock(domain);
    if (gsi < XEN_DOMAIN_GSIS && domain->gsi_pirq[gsi] >= 0) {
        unsigned pirq = domain->gsi_pirq[gsi];
        bool rises = level && !domain->pirqs[pirq].level;
        domain->pirqs[pirq].level = level;
        taken = domain->pirqs[pirq].port != 0;
        if (rises) {
            raise_pirq(domain, pirq);
        }
    }
    xen_unlock(domain);
    return taken;
}

int xen_domain_msi_pirq(XenDomain *domain, uint64_t address, uint32_t data)
{
    uint64_t pirq = (address >> 32 & 0xffffff00) | (address >> 12 & 0xff);
    if ((data & 0xff) != 0 || pirq == 0 || pirq >= domain->config.max_pirqs) {
        return -1;
    }
    return pirq;
}

bool xen_domain_deliver_msi(XenDomain *domain, uint64_t address, uint32_t data)
{
    int pirq = xen_domain_msi_pirq(domain, address, data);
    if (pirq < 0) {
        return false;
    }
    xen_lock(domain);
    domain->pirqs[pirq].mapped = domain->pirqs[pirq].msi = true;
    bool taken = raise_pirq(domain, pirq);
    xen_unlock(domain);
    return taken;
}

bool xen_domain_pirq_port(XenDomain *domain, unsigned pirq, uint32_t *port, unsigned *vcpu)
{
    bool found = false;
    xen_lock(domain);
    if (pirq < domain->config.max_pirqs && domain->pirqs[pirq].port) {
        *port = domain->pirqs[pirq].port;
        *vcpu = xen_port_state(xen_port(domain, *port)).vcpu;
        found = true;
    }
    xen_unlock(domain);
    return found;
}

static int64_t eoi(XenCall *call, void *argument)
{
    physdev_eoi_t *eoi = argument;
    XenDomain *domain = call->domain;
    if (eoi->irq >= domain->config.max_pirqs || !domain->pirqs[eoi->irq].mapped) {
        return -XEN_EINVAL;
    }
    XenPirq *pirq = &domain->pirqs[eoi->irq];
    if (domain->eoi_unmasks && pirq->port) {
        XenPort *entry = xen_port(domain, pirq->port);
        domain->evtchn.ops->unmask(domain, pirq->port, entry, xen_port_state(entry).vcpu);
    }
    if (!pirq->msi) {
        pirq->level = domain->host->ops->gsi_level(domain->host, pirq->gsi);
        if (pirq->level) {
            raise_pirq(domain, eoi->irq);
        }
    }
    return 0;
}

static int64_t irq_status_query(XenCall *call, void *argument)
{
    physdev_irq_status_query_t *query = argument;
    XenDomain *domain = call->domain;
    if (query->irq >= domain->config.max_pirqs || !domain->pirqs[query->irq].mapped) {
        return -XEN_EINVAL;
    }
    query->flags = XENIRQSTAT_needs_eoi;
    return 0;
}

static int64_t free_pirq(XenDomain *domain, int type)
{
    unsigned max = domain->config.max_pirqs;
    if (type == MAP_PIRQ_TYPE_GSI) {
        for (unsigned i = FIRST_PIRQ; i < MIN(max, (unsigned)XEN_DOMAIN_GSIS); i++) {
            if (!domain->pirqs[i].mapped && !domain->pirqs[i].port) {
                return i;
            }
        }
    } else {
        for (unsigned i = max - 1; i >= XEN_DOMAIN_GSIS; i--) {
            if (!domain->pirqs[i].mapped && !domain->pirqs[i].port) {
                return i;
            }
        }
    }
    return -XEN_ENOSPC;
}

static bool takes_events_by_vector(const XenDomain *domain)
{
    bool found = domain->callback.kind == XEN_CALLBACK_VECTOR;
    for (unsigned i = 0; i < domain->config.vcpus && !found; i++) {
        found = domain->vcpus[i].upcall_vector != 0;
    }
    return found;
}

static int64_t map_pirq(XenCall *call, void *argument)
{
    physdev_map_pirq_t *map = argument;
    XenDomain *domain = call->domain;
    int64_t result = xen_check_self(domain, map->domid);
    if (result != 0) {
        return result;
    }
    if (map->type != MAP_PIRQ_TYPE_GSI || map->index < 0 || map->index >= XEN_DOMAIN_GSIS ||
        !takes_events_by_vector(domain)) {
        return -XEN_EINVAL;
    }
    if (domain->gsi_pirq[map->index] >= 0) {
        map->pirq = domain->gsi_pirq[map->index];
        return 0;
    }
    int64_t pirq = map->pirq < 0 ? free_pirq(domain, MAP_PIRQ_TYPE_GSI) : map->pirq;
    if (pirq < 0) {
        return pirq;
    }
    if (pirq >= domain->config.max_pirqs || domain->pirqs[pirq].mapped) {
        return -XEN_EINVAL;
    }
    XenPirq *entry = &domain->pirqs[pirq];
    entry->mapped = true;
    entry->msi = false;
    entry->gsi = map->index;
    entry->level = domain->host->ops->gsi_level(domain->host, entry->gsi);
    domain->gsi_pirq[map->index] = pirq;
    map->pirq = pirq;
    return 0;
}

static int64_t unmap_pirq(XenCall *call, void *argument)
{
    physdev_unmap_pirq_t *unmap = argument;
    XenDomain *domain = call->domain;
    int64_t result = xen_check_self(domain, unmap->domid);
    if (result != 0) {
        return result;
    }
    if (unmap->pirq < 0 || (unsigned)unmap->pirq >= domain->config.max_pirqs ||
        !domain->pirqs[unmap->pirq].mapped) {
        return -XEN_EINVAL;
    }
    XenPirq *entry = &domain->pirqs[unmap->pirq];
    if (!entry->msi) {
        domain->gsi_pirq[entry->gsi] = -1;
    }
    *entry = (XenPirq){.port = entry->port};
    return 0;
}

static int64_t get_free_pirq(XenCall *call, void *argument)
{
    physdev_get_free_pirq_t *get = argument;
    int64_t pirq = free_pirq(call->domain, get->type);
    if (pirq < 0) {
        return pirq;
    }
    if (get->type != MAP_PIRQ_TYPE_GSI) {
        call->domain->pirqs[pirq].mapped = call->domain->pirqs[pirq].msi = true;
    }
    get->pirq = pirq;
    return 0;
}

/* A page with a bit a pirq that is to be ended by PHYSDEVOP_eoi: every one of them. */
static int64_t set_eoi_page(XenCall *call, void *argument, bool unmasks)
{
    physdev_pirq_eoi_gmfn_t *set = argument;
    XenDomain *domain = call->domain;
    if (domain->eoi_bitmap) {
        return -XEN_EBUSY;
    }
    domain->eoi_bitmap = guest_pin(domain->memory, set->gmfn);
    if (!domain->eoi_bitmap) {
        return -XEN_EINVAL;
    }
    domain->eoi_gfn = set->gmfn;
    domain->eoi_unmasks = unmasks;
    memset(domain->eoi_bitmap, 0xff, domain->config.max_pirqs / 8);
    return 0;
}

static int64_t eoi_page_v1(XenCall *call, void *argument)
{
    return set_eoi_page(call, argument, true);
}

static int64_t eoi_page_v2(XenCall *call, void *argument)
{
    return set_eoi_page(call, argument, false);
}

static const XenField map_fields[] = {{0, 2, 0, 2},   {4, 4, 4, 4},   {8, 4, 8, 4},
                                      {12, 4, 12, 4}, {16, 4, 16, 4}, {20, 4, 20, 4},
                                      {24, 4, 24, 4}, {32, 8, 28, 8}};
static const XenLayout map_layout = XEN_LAYOUT(map_fields, 36);
static const XenField gmfn_fields[] = {{0, 8, 0, 4}};
static const XenLayout gmfn_layout = XEN_LAYOUT(gmfn_fields, 4);

static const XenSubOp physdev_ops[] = {
    {PHYSDEVOP_irq_status_query, "irq_status_query", irq_status_query,
     sizeof(physdev_irq_status_query_t), XEN_OUT},
    {PHYSDEVOP_eoi, "eoi", eoi, sizeof(physdev_eoi_t)},
    {PHYSDEVOP_map_pirq, "map_pirq", map_pirq, sizeof(physdev_map_pirq_t), XEN_OUT, &map_layout},
    {PHYSDEVOP_unmap_pirq, "unmap_pirq", unmap_pirq, sizeof(physdev_unmap_pirq_t)},
    {PHYSDEVOP_get_free_pirq, "get_free_pirq", get_free_pirq, sizeof(physdev_get_free_pirq_t),
     XEN_OUT},
    {PHYSDEVOP_pirq_eoi_gmfn_v1, "pirq_eoi_gmfn_v1", eoi_page_v1, sizeof(physdev_pirq_eoi_gmfn_t),
     0, &gmfn_layout},
    {PHYSDEVOP_pirq_eoi_gmfn_v2, "pirq_eoi_gmfn_v2", eoi_page_v2, sizeof(physdev_pirq_eoi_gmfn_t),
     0, &gmfn_layout},
};

int64_t xen_physdev_op(XenCall *call)
{
    xen_lock(call->domain);
    int64_t result = xen_sub_op(call, __HYPERVISOR_physdev_op, physdev_ops,
                                G_N_ELEMENTS(physdev_ops), call->arguments[0], call->arguments[1]);
    xen_unlock(call->domain);
    return result;
}

/* ([(pirq, gsi or all ones for a message, level)], EOI page's frame, EOI unmasks) */
GVariant *xen_pirq_save(XenDomain *domain)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(uub)"));
    for (unsigned i = 0; i < domain->config.max_pirqs; i++) {
        XenPirq *pirq = &domain->pirqs[i];
        if (pirq->mapped) {
            g_variant_builder_add(&builder, "(uub)", i, pirq->msi ? UINT32_MAX : pirq->gsi,
                                  pirq->level);
        }
    }
    return g_variant_new("(a(uub)tb)", &builder,
                         domain->eoi_bitmap ? domain->eoi_gfn : XEN_GFN_NONE, domain->eoi_unmasks);
}

bool xen_pirq_load(XenDomain *domain, GVariant *state, GError **error)
{
    g_autoptr(GVariant) list = g_variant_get_child_value(state, 0);
    GVariantIter iter;
    uint32_t number, gsi;
    gboolean level, unmasks;
    uint64_t gfn;
    g_variant_iter_init(&iter, list);
    while (g_variant_iter_next(&iter, "(uub)", &number, &gsi, &level)) {
        bool msi = gsi == UINT32_MAX;
        if (number >= domain->config.max_pirqs || domain->pirqs[number].mapped ||
            (!msi && (gsi >= XEN_DOMAIN_GSIS || domain->gsi_pirq[gsi] >= 0))) {
            return xen_state_error(error, "pirq %u is not valid", number);
        }
        domain->pirqs[number] =
            (XenPirq){.mapped = true, .msi = msi, .level = level, .gsi = msi ? 0 : gsi};
        if (!msi) {
            domain->gsi_pirq[gsi] = number;
        }
    }
    g_variant_get_child(state, 1, "t", &gfn);
    g_variant_get_child(state, 2, "b", &unmasks);
    if (gfn != XEN_GFN_NONE) {
        domain->eoi_bitmap = guest_pin(domain->memory, gfn);
        if (!domain->eoi_bitmap) {
            return xen_state_error(error, "the EOI page is not in RAM");
        }
        domain->eoi_gfn = gfn;
        domain->eoi_unmasks = unmasks;
    }
    return true;
}
