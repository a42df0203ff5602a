/*
 * The limits of unprivileged domains: one table with the values of Xen's xenstored.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

static const struct {
    const char *name;
    const char *description;
    unsigned value;
    unsigned maximum; /* that it may be set to; 0: any */
} quota_table[STORE_QUOTA_COUNT] = {
    [STORE_QUOTA_NODES] = {"nodes", "nodes that a domain may own", 1000},
    [STORE_QUOTA_WATCHES] = {"watches", "watches of a domain", 128},
    [STORE_QUOTA_TRANSACTIONS] = {"transactions", "open transactions of a domain", 10},
    [STORE_QUOTA_TRANSACTION_NODES] = {"transaction-nodes", "nodes that one transaction may touch",
                                       1024},
    [STORE_QUOTA_VALUE] = {"node-size", "bytes of a node's value", 2048},
    [STORE_QUOTA_PATH_ABSOLUTE] = {"path-length", "bytes of an absolute path, for everybody",
                                   XENSTORE_ABS_PATH_MAX, XENSTORE_ABS_PATH_MAX},
    [STORE_QUOTA_PATH_RELATIVE] = {"path-length-relative",
                                   "bytes of a relative path, for everybody", XENSTORE_REL_PATH_MAX,
                                   XENSTORE_REL_PATH_MAX},
    [STORE_QUOTA_PERMISSIONS] = {"node-permissions", "permissions of a node", 5},
    [STORE_QUOTA_OUTSTANDING] = {"outstanding",
                                 "answers waiting to be read, for everybody; no request is "
                                 "taken meanwhile",
                                 20},
    [STORE_QUOTA_QUEUE] = {"queued-output",
                           "bytes of answers and events waiting to be read; events beyond "
                           "are lost",
                           1u << 20},
};

void store_quota_init(XenStore *store)
{
    for (unsigned i = 0; i < STORE_QUOTA_COUNT; i++) {
        store->quotas[i] = quota_table[i].value;
    }
}

const char *store_quota_name(StoreQuota quota)
{
    return quota_table[quota].name;
}

const char *store_quota_description(StoreQuota quota)
{
    return quota_table[quota].description;
}

unsigned store_quota_get(XenStore *store, StoreQuota quota)
{
    unsigned value;

    store_lock(store);
    value = store->quotas[quota];
    store_unlock(store);
    return value;
}

static bool connection_use(const StoreConnection *connection, StoreQuota quota, unsigned *used)
{
    switch (quota) {
    case STORE_QUOTA_WATCHES:
        *used = connection->watches->len;
        return true;
    case STORE_QUOTA_TRANSACTIONS:
        *used = g_hash_table_size(connection->transactions);
        return true;
    case STORE_QUOTA_OUTSTANDING:
        *used = connection->replies;
        return true;
    case STORE_QUOTA_QUEUE:
        *used = (unsigned)MIN(connection->output_bytes, UINT_MAX);
        return true;
    default:
        return false;
    }
}

bool store_quota_used(XenStore *store, uint16_t domid, StoreQuota quota, unsigned *used)
{
    const StoreDomain *domain;
    bool known = false;

    store_lock(store);
    domain = store_domain_find(store, domid);
    if (domain && quota == STORE_QUOTA_NODES) {
        *used = domain->nodes;
        known = true;
    } else if (domain && domain->connection) {
        known = connection_use(domain->connection, quota, used);
    }
    store_unlock(store);
    return known;
}

bool store_quota_set(XenStore *store, const char *name, unsigned value, GError **error)
{
    for (unsigned i = 0; i < STORE_QUOTA_COUNT; i++) {
        if (strcmp(quota_table[i].name, name) != 0) {
            continue;
        }
        if (value == 0 || (quota_table[i].maximum && value > quota_table[i].maximum)) {
            g_set_error(error, STORE_ERROR, EINVAL, "xenstore quota %s cannot be %u", name, value);
            return false;
        }
        store_lock(store);
        store->quotas[i] = value;
        store_unlock(store);
        return true;
    }
    g_set_error(error, STORE_ERROR, ENOENT, "xenstore has no quota %s", name);
    return false;
}

bool store_quota_exceeded(const StoreConnection *connection, StoreQuota quota, size_t value)
{
    return !store_connection_is_privileged(connection) && value > connection->store->quotas[quota];
}
