/*
 * The part of the store that Xen's tool stack (libxl) makes for an HVM domain: names and
 * permissions as libxl writes them (docs/misc/xenstore-paths.pandoc and the listing of a running
 * domain).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_STORE_DOMAIN_TREE_H
#define HW_XEN_STORE_DOMAIN_TREE_H

#include "hw/xen/store.h"

typedef struct {
    uint16_t domid;
    const char *name;
    const char *uuid;           /* 8-4-4-4-12 hexadecimal digits */
    uint64_t memory_static_max; /* KiB */
    uint64_t memory_target;     /* KiB */
    uint64_t memory_videoram;   /* KiB */
    unsigned cpus;              /* online at first */
    unsigned max_cpus;          /* those above @cpus are offline */
    bool acpi;
    bool acpi_s3;
    bool acpi_s4;
    uint32_t store_port;
    uint64_t store_ring_ref; /* guest frame number */
    bool has_console;        /* the rest of the console's fields count */
    uint32_t console_port;
    uint64_t console_ring_ref; /* guest frame number */
    const char *console_tty;   /* NULL: none */
    const char *bios;          /* "seabios", "ovmf"; NULL: none (direct boot) */
    int64_t start_time;        /* seconds since 1970 */
} StoreDomainConfig;

/**
 * store_domain_tree_create: makes /local/domain/N, /vm/UUID, /libxl/N and domain 0's own nodes
 * anew, in one transaction; what was there of this domain is removed first. The domain must exist.
 */
bool store_domain_tree_create(XenStore *store, const StoreDomainConfig *config, GError **error);

/** store_domain_tree_remove: removes those of the domain (not domain 0's). */
void store_domain_tree_remove(XenStore *store, uint16_t domid, const char *uuid);

#endif
