/*
 * Xen's public ABI, of the interface version that the structures here are written for, and the few
 * offsets of shared info that differ by word size (xen/include/public/xen.h, arch-x86/xen*.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_XEN_ABI_H
#define HW_XEN_XEN_ABI_H

#define __XEN_INTERFACE_VERSION__ 0x00040e00

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
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

/* A continuation of EVTCHNOP_reset, which the header keeps to Xen. */
#ifndef EVTCHNOP_reset_cont
#define EVTCHNOP_reset_cont 14
#endif
/* Newer than the headers: Xen 4.18. */
#define VCPUOP_register_runstate_phys_area  14
#define VCPUOP_register_vcpu_time_phys_area 15
#define XENFEAT_runstate_phys_area          18
#define XENFEAT_vcpu_time_phys_area         19

#define XEN_GUEST_ADDRESS(handle) ((uint64_t)(uintptr_t)(handle).p)

enum {
    SHARED_INFO_VCPU_SIZE = 64,
    SHARED_INFO_LEGACY_VCPUS = 32,
    VCPU_INFO_PENDING = 0,
    VCPU_INFO_MASK = 1,
    VCPU_INFO_SELECTOR_64 = 8,
    VCPU_INFO_SELECTOR_32 = 4,
    VCPU_INFO_TIME = 32,
    SHARED_INFO_PENDING = 2048,
    SHARED_INFO_MASK_64 = 2560,
    SHARED_INFO_MASK_32 = 2176,
    SHARED_INFO_WALL_CLOCK_64 = 3072,
    SHARED_INFO_WALL_CLOCK_32 = 2304,
    SHARED_INFO_WC_SEC_HI_64 = 3084,
    SHARED_INFO_WC_SEC_HI_32 = 2340,
    RUNSTATE_SIZE_64 = 48,
    RUNSTATE_SIZE_32 = 44,
    TIME_INFO_SIZE = 32,
    EVTCHN_2L_PORTS_64 = 4096,
    EVTCHN_2L_PORTS_32 = 1024,
};

#endif
