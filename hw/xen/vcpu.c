/*
 * A vCPU's places in guest memory (vcpu_info, runstate and time areas) and its sleep.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

void *xen_vcpu_info(XenDomain *domain, unsigned vcpu)
{
    return __atomic_load_n(&domain->vcpus[vcpu].info, __ATOMIC_ACQUIRE);
}

static void *default_info(XenDomain *domain, unsigned vcpu)
{
    return vcpu < SHARED_INFO_LEGACY_VCPUS ? domain->shared_info + vcpu * SHARED_INFO_VCPU_SIZE
                                           : domain->vcpus[vcpu].spare_info;
}

static void forget_info(XenDomain *domain, unsigned vcpu)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    __atomic_store_n(&v->info, default_info(domain, vcpu), __ATOMIC_RELEASE);
    guest_unpin(domain->memory, v->info_gpa >> XEN_PAGE_SHIFT, v->info_page, true);
    v->info_page = NULL;
    v->info_gpa = XEN_GPA_NONE;
}

static int64_t place_info(XenDomain *domain, unsigned vcpu, uint64_t gfn, uint32_t offset)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    if (offset > XEN_PAGE_SIZE - SHARED_INFO_VCPU_SIZE || offset % (domain->long_mode ? 8 : 4)) {
        return -XEN_EINVAL;
    }
    uint8_t *page = guest_pin(domain->memory, gfn);
    if (!page) {
        return -XEN_EINVAL;
    }
    uint64_t gpa = (gfn << XEN_PAGE_SHIFT) + offset;
    int result = domain->host->ops->set_vcpu_info(domain->host, vcpu, gpa);
    if (result != 0) {
        guest_unpin(domain->memory, gfn, page, false);
        return result;
    }
    guest_unpin(domain->memory, v->info_gpa >> XEN_PAGE_SHIFT, v->info_page, true);
    v->info_page = page;
    v->info_gpa = gpa;
    __atomic_store_n(&v->info, page + offset, __ATOMIC_RELEASE);
    return 0;
}

int64_t xen_vcpu_register_info(XenDomain *domain, unsigned vcpu, uint64_t gfn, uint32_t offset)
{
    uint8_t before[SHARED_INFO_VCPU_SIZE];
    memcpy(before, xen_vcpu_info(domain, vcpu), sizeof(before));
    int64_t result = place_info(domain, vcpu, gfn, offset);
    if (result != 0) {
        return result;
    }
    uint8_t *info = xen_vcpu_info(domain, vcpu);
    memcpy(info, before, sizeof(before));
    xen_time_update_vcpu(domain, vcpu);
    /* An event may have been marked in the old place meanwhile: everything counts as pending. */
    if (domain->long_mode) {
        __atomic_store_n((uint64_t *)(info + VCPU_INFO_SELECTOR_64), UINT64_MAX, __ATOMIC_SEQ_CST);
    } else {
        __atomic_store_n((uint32_t *)(info + VCPU_INFO_SELECTOR_32), UINT32_MAX, __ATOMIC_SEQ_CST);
    }
    __atomic_store_n(&info[VCPU_INFO_PENDING], 0, __ATOMIC_SEQ_CST);
    xen_vcpu_mark_events_pending(domain, vcpu);
    return 0;
}

bool xen_vcpu_upcall_deliverable(XenDomain *domain, unsigned vcpu)
{
    uint8_t *info = xen_vcpu_info(domain, vcpu);
    return __atomic_load_n(&info[VCPU_INFO_PENDING], __ATOMIC_SEQ_CST) &&
           !__atomic_load_n(&info[VCPU_INFO_MASK], __ATOMIC_SEQ_CST);
}

bool xen_domain_upcall_pending(XenDomain *domain, unsigned vcpu)
{
    uint8_t *info = xen_vcpu_info(domain, vcpu);
    return __atomic_load_n(&info[VCPU_INFO_PENDING], __ATOMIC_SEQ_CST);
}

void xen_vcpu_wake(XenDomain *domain, unsigned vcpu)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    if (__atomic_load_n(&v->sleeping, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&v->woken, true, __ATOMIC_SEQ_CST);
        domain->host->ops->wake(domain->host, vcpu);
    }
}

bool xen_domain_is_sleeping(const XenDomain *domain, unsigned vcpu)
{
    return __atomic_load_n(&domain->vcpus[vcpu].sleeping, __ATOMIC_SEQ_CST);
}

bool xen_domain_may_sleep(XenDomain *domain, unsigned vcpu)
{
    return xen_domain_is_sleeping(domain, vcpu) &&
           !__atomic_load_n(&domain->vcpus[vcpu].woken, __ATOMIC_SEQ_CST);
}

bool xen_domain_sleep_is_over(XenDomain *domain, unsigned vcpu)
{
    const XenVcpu *v = &domain->vcpus[vcpu];
    for (unsigned i = 0; i < v->poll_count; i++) {
        if (xen_port_is_pending(domain, v->poll_list[i])) {
            return true;
        }
    }
    return !xen_domain_may_sleep(domain, vcpu) || xen_vcpu_upcall_deliverable(domain, vcpu);
}

void xen_domain_awake(XenDomain *domain, unsigned vcpu)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    if (__atomic_exchange_n(&v->poll_port, -1, __ATOMIC_SEQ_CST) >= 0) {
        __atomic_fetch_sub(&domain->pollers, 1, __ATOMIC_SEQ_CST);
    }
    __atomic_store_n(&v->sleeping, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->woken, false, __ATOMIC_SEQ_CST);
}

/* ---- areas ---- */

void xen_area_clear(XenDomain *domain, XenArea *area)
{
    for (unsigned i = 0; i < 2; i++) {
        guest_unpin(domain->memory, area->gpa[i] >> XEN_PAGE_SHIFT, area->page[i], true);
    }
    *area = (XenArea){0};
}

static bool add_part(XenDomain *domain, XenArea *area, unsigned part, uint64_t gpa, unsigned length)
{
    area->gpa[part] = gpa;
    area->part[part] = length;
    area->page[part] = guest_pin(domain->memory, gpa >> XEN_PAGE_SHIFT);
    return area->page[part] != NULL;
}

bool xen_area_set_physical(XenDomain *domain, XenArea *area, uint64_t gpa, unsigned length)
{
    XenArea fresh = {.length = length};
    unsigned first = MIN(length, XEN_PAGE_SIZE - gpa % XEN_PAGE_SIZE);
    if (!add_part(domain, &fresh, 0, gpa, first) ||
        (first < length && !add_part(domain, &fresh, 1, gpa + first, length - first))) {
        xen_area_clear(domain, &fresh);
        return false;
    }
    xen_area_clear(domain, area);
    *area = fresh;
    return true;
}

bool xen_area_set_virtual(XenCall *call, unsigned vcpu, XenArea *area, uint64_t gva,
                          unsigned length)
{
    GuestMemory *memory = call->domain->memory;
    XenArea fresh = {.length = length};
    unsigned first = MIN(length, XEN_PAGE_SIZE - gva % XEN_PAGE_SIZE);
    uint64_t gpa;
    bool good = memory->ops->translate(memory, vcpu, gva, true, &gpa) &&
                add_part(call->domain, &fresh, 0, gpa, first);
    if (good && first < length) {
        good = memory->ops->translate(memory, vcpu, gva + first, true, &gpa) &&
               add_part(call->domain, &fresh, 1, gpa, length - first);
    }
    if (!good) {
        xen_area_clear(call->domain, &fresh);
        return false;
    }
    xen_area_clear(call->domain, area);
    *area = fresh;
    return true;
}

void xen_area_write(XenArea *area, unsigned offset, const void *bytes, unsigned length)
{
    const uint8_t *from = bytes;
    for (unsigned i = 0; i < length; i++) {
        unsigned at = offset + i, part = at >= area->part[0];
        unsigned inside = part ? at - area->part[0] : at;
        uint8_t *page = area->page[part];
        page[area->gpa[part] % XEN_PAGE_SIZE + inside] = from[i];
    }
}

/* ---- life ---- */

void xen_vcpu_init(XenDomain *domain)
{
    domain->vcpus = g_new0(XenVcpu, domain->config.vcpus);
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        XenVcpu *v = &domain->vcpus[i];
        v->spare_info = g_malloc0(SHARED_INFO_VCPU_SIZE);
        v->info_gpa = XEN_GPA_NONE;
        v->poll_port = -1;
        v->info = default_info(domain, i);
        for (unsigned q = 0; q < XEN_FIFO_QUEUES; q++) {
            g_mutex_init(&v->fifo.queues[q].lock);
        }
    }
}

void xen_vcpu_free(XenDomain *domain)
{
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        g_free(domain->vcpus[i].spare_info);
        for (unsigned q = 0; q < XEN_FIFO_QUEUES; q++) {
            g_mutex_clear(&domain->vcpus[i].fifo.queues[q].lock);
        }
    }
    g_free(domain->vcpus);
}

void xen_vcpu_reset(XenDomain *domain)
{
    const XenHostOps *host = domain->host->ops;
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        XenVcpu *v = &domain->vcpus[i];
        host->set_vcpu_info(domain->host, i, XEN_GPA_NONE);
        host->set_time_area(domain->host, i, XEN_GPA_NONE);
        host->set_runstate_area(domain->host, i, XEN_GPA_NONE);
        forget_info(domain, i);
        memset(v->spare_info, 0, SHARED_INFO_VCPU_SIZE);
        xen_area_clear(domain, &v->runstate_area);
        xen_area_clear(domain, &v->time_area);
        v->initialised = false;
        if (v->upcall_vector) {
            v->upcall_vector = 0;
            host->set_upcall_vector(domain->host, i, 0);
        }
        xen_vcpu_wake(domain, i);
    }
    if (domain->runstate_update_flag) {
        domain->runstate_update_flag = false;
        host->set_runstate_update_flag(domain->host, false);
    }
}

static GVariant *save_one(XenVcpu *v)
{
    const XenArea *run = &v->runstate_area, *time = &v->time_area;
    return g_variant_new(
        "(t@ayyttt(ut@atu)(tttt)b)", v->info_gpa,
        g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, v->spare_info, SHARED_INFO_VCPU_SIZE, 1),
        v->upcall_vector, v->singleshot, v->period, v->next_period, v->runstate.state,
        v->runstate.entry_time,
        g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, v->runstate.time, 4, 8), run->length,
        run->length ? run->gpa[0] : XEN_GPA_NONE, run->gpa[1],
        time->length ? time->gpa[0] : XEN_GPA_NONE, time->gpa[1], v->initialised);
}

GVariant *xen_vcpu_save(XenDomain *domain)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(tayyttt(utatu)(tttt)b)"));
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        const XenHostOps *ops = domain->host->ops;
        uint64_t deadline = ops->timer_deadline ? ops->timer_deadline(domain->host, i) : 0;
        XenRunstate kept;
        if (deadline) {
            domain->vcpus[i].singleshot = deadline;
        }
        if (ops->runstate(domain->host, i, &kept)) {
            domain->vcpus[i].runstate = kept;
        }
        g_variant_builder_add_value(&builder, save_one(&domain->vcpus[i]));
    }
    return g_variant_builder_end(&builder);
}

static bool load_area(XenDomain *domain, XenArea *area, uint64_t gpa, uint64_t second,
                      unsigned length)
{
    XenArea fresh = {.length = length};
    if (gpa == XEN_GPA_NONE) {
        return true;
    }
    unsigned first = MIN(length, XEN_PAGE_SIZE - gpa % XEN_PAGE_SIZE);
    if (!add_part(domain, &fresh, 0, gpa, first) ||
        (first < length &&
         (second % XEN_PAGE_SIZE != 0 || !add_part(domain, &fresh, 1, second, length - first)))) {
        xen_area_clear(domain, &fresh);
        return false;
    }
    *area = fresh;
    return true;
}

static bool load_one(XenDomain *domain, unsigned vcpu, GVariant *state)
{
    const XenHostOps *host = domain->host->ops;
    XenVcpu *v = &domain->vcpus[vcpu];
    g_autoptr(GVariant) spare = NULL;
    g_autoptr(GVariant) times = NULL;
    uint64_t info, run[2], time[2];
    uint32_t length;
    gsize count, time_count;
    gboolean initialised;
    g_variant_get(state, "(t@ayyttt(ut@atu)(tttt)b)", &info, &spare, &v->upcall_vector,
                  &v->singleshot, &v->period, &v->next_period, &v->runstate.state,
                  &v->runstate.entry_time, &times, &length, &run[0], &run[1], &time[0], &time[1], &initialised);
    v->initialised = initialised;
    const void *bytes = g_variant_get_fixed_array(spare, &count, 1);
    const void *spent = g_variant_get_fixed_array(times, &time_count, 8);
    if (count != SHARED_INFO_VCPU_SIZE || time_count != 4 || v->runstate.state > RUNSTATE_offline) {
        return false;
    }
    memcpy(v->spare_info, bytes, count);
    memcpy(v->runstate.time, spent, sizeof(v->runstate.time));
    if ((length != 0 && length != RUNSTATE_SIZE_32 && length != RUNSTATE_SIZE_64) ||
        (info != XEN_GPA_NONE &&
         place_info(domain, vcpu, info >> XEN_PAGE_SHIFT, info % XEN_PAGE_SIZE) != 0) ||
        !load_area(domain, &v->runstate_area, length ? run[0] : XEN_GPA_NONE, run[1], length) ||
        !load_area(domain, &v->time_area, time[0], time[1], TIME_INFO_SIZE)) {
        return false;
    }
    if (v->upcall_vector) {
        host->set_upcall_vector(domain->host, vcpu, v->upcall_vector);
    }
    if (v->runstate_area.length && !v->runstate_area.page[1]) {
        host->set_runstate_area(domain->host, vcpu, v->runstate_area.gpa[0]);
    }
    if (v->time_area.length && !v->time_area.page[1]) {
        host->set_time_area(domain->host, vcpu, v->time_area.gpa[0]);
    }
    uint64_t period = v->period;
    if (v->singleshot) {
        xen_timer_set_singleshot(domain, vcpu, v->singleshot);
    }
    if (period) {
        xen_timer_set_periodic(domain, vcpu, MAX(period, 1000000));
    }
    return true;
}

bool xen_vcpu_load(XenDomain *domain, GVariant *state, GError **error)
{
    if (g_variant_n_children(state) != domain->config.vcpus) {
        return xen_state_error(error, "the number of vCPUs differs");
    }
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        g_autoptr(GVariant) item = g_variant_get_child_value(state, i);
        if (!load_one(domain, i, item)) {
            return xen_state_error(error, "the state of vCPU %u is not valid", i);
        }
    }
    return true;
}
