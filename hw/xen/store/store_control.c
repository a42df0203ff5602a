/*
 * The CONTROL operation (xenstore-control): what an administrator may ask of the store itself.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

#include "util/log.h"

typedef struct {
    XenStore *store;
    const char *const *argument; /* behind the command's name */
    unsigned count;
    GString *reply;
} Control;

static int control_check(Control *control)
{
    if (store_check(control->store, control->reply)) {
        g_string_assign(control->reply, "OK");
    }
    return 0;
}

static int control_print(Control *control)
{
    if (control->count != 1) {
        return EINVAL;
    }
    report_info("xenstore: %s", control->argument[0]);
    g_string_assign(control->reply, "OK");
    return 0;
}

static void list_quotas(Control *control)
{
    for (unsigned i = 0; i < STORE_QUOTA_COUNT; i++) {
        g_string_append_printf(control->reply, "%-21s: %8u %s\n", store_quota_name(i),
                               control->store->quotas[i], store_quota_description(i));
    }
}

static int show_domain(Control *control)
{
    const StoreDomain *domain;
    guint64 domid;

    if (!g_ascii_string_to_unsigned(control->argument[0], 10, 0, UINT16_MAX, &domid, NULL)) {
        return EINVAL;
    }
    domain = store_domain_find(control->store, domid);
    if (!domain) {
        return ENOENT;
    }
    g_string_append_printf(control->reply, "Domain %u:\n%-21s: %8u\n", domain->domid,
                           store_quota_name(STORE_QUOTA_NODES), domain->nodes);
    if (domain->connection) {
        g_string_append_printf(
            control->reply, "%-21s: %8u\n%-21s: %8u\n%-21s: %8u\n",
            store_quota_name(STORE_QUOTA_WATCHES), domain->connection->watches->len,
            store_quota_name(STORE_QUOTA_TRANSACTIONS),
            g_hash_table_size(domain->connection->transactions),
            store_quota_name(STORE_QUOTA_OUTSTANDING), domain->connection->replies);
    }
    return 0;
}

/* quota: all limits; quota N: what domain N uses; quota set NAME VALUE. */
static int control_quota(Control *control)
{
    g_autoptr(GError) error = NULL;
    guint64 value;

    if (control->count == 0) {
        list_quotas(control);
        return 0;
    }
    if (control->count == 1) {
        return show_domain(control);
    }
    if (control->count != 3 || strcmp(control->argument[0], "set") != 0 ||
        !g_ascii_string_to_unsigned(control->argument[2], 10, 0, UINT32_MAX, &value, NULL)) {
        return EINVAL;
    }
    if (!store_quota_set(control->store, control->argument[1], value, &error)) {
        return EINVAL;
    }
    g_string_assign(control->reply, "OK");
    return 0;
}

static int control_help(Control *control);

static const struct {
    const char *name;
    int (*handler)(Control *control);
    const char *parameters;
} commands[] = {
    {"check", control_check, ""},
    {"help", control_help, ""},
    {"print", control_print, "<string>"},
    {"quota", control_quota, "[<domid>|set <name> <value>]"},
};

static int control_help(Control *control)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_string_append_printf(control->reply, "%-15s %s\n", commands[i].name,
                               commands[i].parameters);
    }
    return 0;
}

int store_control(StoreConnection *connection, const char *const *argument, unsigned count,
                  GString *reply)
{
    Control control = {connection->store, argument + 1, count - 1, reply};

    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, argument[0]) == 0) {
            return commands[i].handler(&control);
        }
    }
    return EINVAL;
}
