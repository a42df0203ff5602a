/*
 * Time as the guest reads it: wall clock, time areas, runstate (Xen's public/xen.h and vcpu.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

uint64_t xen_now(XenDomain *domain)
{
    return domain->host->ops->clock_ns(domain->host);
}

/* A reader retries while the version is odd or changes. */
static void write_time_info(uint8_t *place, const XenTimeInfo *info)
{
    vcpu_time_info_t *time = (vcpu_time_info_t *)place;
    uint32_t version = __atomic_load_n(&time->version, __ATOMIC_RELAXED) | 1;
    __atomic_store_n(&time->version, version, __ATOMIC_SEQ_CST);
    time->tsc_timestamp = info->tsc_timestamp;
    time->system_time = info->system_time;
    time->tsc_to_system_mul = info->tsc_to_system_mul;
    time->tsc_shift = info->tsc_shift;
    time->flags = info->flags;
    __atomic_store_n(&time->version, version + 1, __ATOMIC_SEQ_CST);
}

void xen_time_update_vcpu(XenDomain *domain, unsigned vcpu)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    XenTimeInfo info;
    if (!domain->host->ops->time_info(domain->host, vcpu, &info)) {
        return;
    }
    uint8_t *place = (uint8_t *)xen_vcpu_info(domain, vcpu) + VCPU_INFO_TIME;
    write_time_info(place, &info);
    if (v->time_area.length > 0) {
        uint64_t copy[TIME_INFO_SIZE / 8];
        memcpy(copy, place, sizeof(copy));
        uint32_t version = ((vcpu_time_info_t *)copy)->version, odd = version | 1;
        xen_area_write(&v->time_area, 0, &odd, sizeof(odd));
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        xen_area_write(&v->time_area, 4, (uint8_t *)copy + 4, sizeof(copy) - 4);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        xen_area_write(&v->time_area, 0, &version, sizeof(version));
    }
}

void xen_time_update_wall_clock(XenDomain *domain)
{
    uint64_t ns = domain->host->ops->wall_clock_ns(domain->host);
    uint64_t seconds = ns / 1000000000;
    uint32_t *clock =
        (uint32_t *)(domain->shared_info +
                     (domain->long_mode ? SHARED_INFO_WALL_CLOCK_64 : SHARED_INFO_WALL_CLOCK_32));
    uint32_t *high =
        (uint32_t *)(domain->shared_info +
                     (domain->long_mode ? SHARED_INFO_WC_SEC_HI_64 : SHARED_INFO_WC_SEC_HI_32));
    uint32_t version = __atomic_load_n(&clock[0], __ATOMIC_RELAXED) | 1;
    __atomic_store_n(&clock[0], version, __ATOMIC_SEQ_CST);
    clock[1] = seconds;
    clock[2] = ns % 1000000000;
    *high = seconds >> 32;
    __atomic_store_n(&clock[0], version + 1, __ATOMIC_SEQ_CST);
}

void xen_domain_update_time(XenDomain *domain)
{
    xen_lock(domain);
    xen_time_update_wall_clock(domain);
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        xen_time_update_vcpu(domain, i);
    }
    xen_unlock(domain);
}

void xen_runstate_get(XenDomain *domain, unsigned vcpu, XenRunstate *runstate)
{
    if (domain->host->ops->runstate(domain->host, vcpu, runstate)) {
        return;
    }
    *runstate = domain->vcpus[vcpu].runstate;
    uint64_t now = xen_now(domain);
    if (now > runstate->entry_time) {
        runstate->time[runstate->state] += now - runstate->entry_time;
    }
}

void xen_domain_kept_runstate(XenDomain *domain, unsigned vcpu, XenRunstate *runstate)
{
    xen_lock(domain);
    *runstate = domain->vcpus[vcpu].runstate;
    xen_unlock(domain);
}

void xen_runstate_write(XenDomain *domain, unsigned vcpu)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    XenArea *area = &v->runstate_area;
    if (area->length == 0) {
        return;
    }
    unsigned entry_at = area->length == RUNSTATE_SIZE_64 ? 8 : 4;
    uint64_t entry = v->runstate.entry_time;
    if (domain->runstate_update_flag) {
        entry |= XEN_RUNSTATE_UPDATE;
        xen_area_write(area, entry_at, &entry, sizeof(entry));
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    xen_area_write(area, 0, &v->runstate.state, sizeof(uint32_t));
    xen_area_write(area, entry_at + 8, v->runstate.time, sizeof(v->runstate.time));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    entry &= ~XEN_RUNSTATE_UPDATE;
    xen_area_write(area, entry_at, &entry, sizeof(entry));
}

void xen_domain_refresh_runstate(XenDomain *domain, unsigned vcpu)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    if (__atomic_load_n(&v->runstate_area.length, __ATOMIC_RELAXED) == 0 ||
        v->runstate_area.with_host) {
        return;
    }
    xen_lock(domain);
    xen_runstate_get(domain, vcpu, &v->runstate);
    xen_runstate_write(domain, vcpu);
    xen_unlock(domain);
}

void xen_domain_runstate(XenDomain *domain, unsigned vcpu, unsigned state)
{
    if (vcpu >= domain->config.vcpus || state > RUNSTATE_offline) {
        return;
    }
    xen_lock(domain);
    XenRunstate *runstate = &domain->vcpus[vcpu].runstate;
    uint64_t now = xen_now(domain);
    if (now > runstate->entry_time) {
        runstate->time[runstate->state] += now - runstate->entry_time;
    }
    runstate->entry_time = now;
    runstate->state = state;
    xen_runstate_write(domain, vcpu);
    xen_unlock(domain);
}
