/*
 * The nodes that libxl makes for an HVM domain, as one table.
 * Facts: names, values and permissions from docs/misc/xenstore-paths.pandoc and listings of running
 * domains.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store_domain_tree.h"

#include <string.h>

#include "hw/xen/store_client.h"
#include "util/error.h"

/* The tool stack's half of the primary console. */
#define CONSOLE_BACKEND STORE_DOMAIN_PATH "0/backend/console/%u/0"

/* Under which top a row's path stands. */
typedef enum {
    TOP_DOMAIN,  /* /local/domain/N */
    TOP_VM,      /* /vm/UUID */
    TOP_LIBXL,   /* /libxl/N */
    TOP_DOM0,    /* /local/domain/0 */
    TOP_CONSOLE, /* /local/domain/0/backend/console/N/0 */
} Top;

/* To whom it belongs and who may read it. */
typedef enum {
    PRIVATE,    /* n0 */
    READ_ONLY,  /* n0,rN */
    GUESTS_OWN, /* nN */
} Rights;

typedef char *(*ValueFunction)(const StoreDomainConfig *config);

#define NUMBER_FUNCTION(field)                                                                     \
    static char *value_##field(const StoreDomainConfig *config)                                    \
    {                                                                                              \
        return g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)config->field);                      \
    }
NUMBER_FUNCTION(domid)
NUMBER_FUNCTION(memory_static_max)
NUMBER_FUNCTION(memory_target)
NUMBER_FUNCTION(memory_videoram)
NUMBER_FUNCTION(acpi)
NUMBER_FUNCTION(acpi_s3)
NUMBER_FUNCTION(acpi_s4)
NUMBER_FUNCTION(store_port)
NUMBER_FUNCTION(store_ring_ref)
NUMBER_FUNCTION(console_port)
NUMBER_FUNCTION(console_ring_ref)

#define STRING_FUNCTION(field)                                                                     \
    static char *value_##field(const StoreDomainConfig *config)                                    \
    {                                                                                              \
        return g_strdup(config->field);                                                            \
    }
STRING_FUNCTION(name)
STRING_FUNCTION(uuid)
STRING_FUNCTION(bios)
STRING_FUNCTION(console_tty)

static char *value_vm(const StoreDomainConfig *config)
{
    return g_strdup_printf("/vm/%s", config->uuid);
}

static char *value_start_time(const StoreDomainConfig *config)
{
    return g_strdup_printf("%" G_GINT64_FORMAT ".00", (gint64)config->start_time);
}

static char *value_console_backend(const StoreDomainConfig *config)
{
    return g_strdup_printf(CONSOLE_BACKEND, config->domid);
}

static char *value_frontend_console(const StoreDomainConfig *config)
{
    return g_strdup_printf(STORE_DOMAIN_PATH "%u/console", config->domid);
}

static bool has_console(const StoreDomainConfig *config)
{
    return config->has_console;
}

static bool has_console_tty(const StoreDomainConfig *config)
{
    return config->has_console && config->console_tty;
}

static bool has_bios(const StoreDomainConfig *config)
{
    return config->bios;
}

typedef struct {
    Top top;
    const char *path; /* "" is the top itself */
    Rights rights;
    const char *text;                                   /* the value, unless … */
    ValueFunction value;                                /* … it depends */
    bool (*condition)(const StoreDomainConfig *config); /* NULL: always */
} TreeRow;

static const TreeRow rows[] = {
    {TOP_DOM0, "domid", PRIVATE, "0"},
    {TOP_DOM0, "name", PRIVATE, "Domain-0"},

    {TOP_DOMAIN, "", READ_ONLY, ""},
    {TOP_DOMAIN, "vm", READ_ONLY, .value = value_vm},
    {TOP_DOMAIN, "name", READ_ONLY, .value = value_name},
    {TOP_DOMAIN, "domid", READ_ONLY, .value = value_domid},
    {TOP_DOMAIN, "cpu", READ_ONLY, ""},
    {TOP_DOMAIN, "memory", READ_ONLY, ""},
    {TOP_DOMAIN, "memory/static-max", READ_ONLY, .value = value_memory_static_max},
    {TOP_DOMAIN, "memory/target", READ_ONLY, .value = value_memory_target},
    {TOP_DOMAIN, "memory/videoram", READ_ONLY, .value = value_memory_videoram},
    {TOP_DOMAIN, "device", READ_ONLY, ""},
    {TOP_DOMAIN, "device/suspend", READ_ONLY, ""},
    {TOP_DOMAIN, "device/suspend/event-channel", GUESTS_OWN, ""},
    {TOP_DOMAIN, "control", READ_ONLY, ""},
    {TOP_DOMAIN, "control/shutdown", GUESTS_OWN, ""},
    {TOP_DOMAIN, "control/feature-poweroff", GUESTS_OWN, ""},
    {TOP_DOMAIN, "control/feature-reboot", GUESTS_OWN, ""},
    {TOP_DOMAIN, "control/feature-suspend", GUESTS_OWN, ""},
    {TOP_DOMAIN, "control/feature-s3", GUESTS_OWN, ""},
    {TOP_DOMAIN, "control/feature-s4", GUESTS_OWN, ""},
    {TOP_DOMAIN, "control/sysrq", GUESTS_OWN, ""},
    {TOP_DOMAIN, "control/platform-feature-multiprocessor-suspend", READ_ONLY, "1"},
    {TOP_DOMAIN, "control/platform-feature-xs_reset_watches", READ_ONLY, "1"},
    {TOP_DOMAIN, "hvmloader", READ_ONLY, ""},
    {TOP_DOMAIN, "hvmloader/bios", READ_ONLY, .value = value_bios, .condition = has_bios},
    {TOP_DOMAIN, "data", GUESTS_OWN, ""},
    {TOP_DOMAIN, "drivers", GUESTS_OWN, ""},
    {TOP_DOMAIN, "feature", GUESTS_OWN, ""},
    {TOP_DOMAIN, "attr", GUESTS_OWN, ""},
    {TOP_DOMAIN, "error", GUESTS_OWN, ""},
    {TOP_DOMAIN, "store", READ_ONLY, ""},
    {TOP_DOMAIN, "store/port", READ_ONLY, .value = value_store_port},
    {TOP_DOMAIN, "store/ring-ref", READ_ONLY, .value = value_store_ring_ref},
    {TOP_DOMAIN, "platform", READ_ONLY, ""},
    {TOP_DOMAIN, "platform/acpi", READ_ONLY, .value = value_acpi},
    {TOP_DOMAIN, "platform/acpi_s3", READ_ONLY, .value = value_acpi_s3},
    {TOP_DOMAIN, "platform/acpi_s4", READ_ONLY, .value = value_acpi_s4},
    {TOP_DOMAIN, "platform/acpi_laptop_slate", READ_ONLY, "0"},
    {TOP_DOMAIN, "platform/device-model", READ_ONLY, "qemu_xen"},
    {TOP_DOMAIN, "console", READ_ONLY, "", .condition = has_console},
    {TOP_DOMAIN, "console/backend", READ_ONLY, .value = value_console_backend,
     .condition = has_console},
    {TOP_DOMAIN, "console/backend-id", READ_ONLY, "0", .condition = has_console},
    {TOP_DOMAIN, "console/limit", READ_ONLY, "1048576", .condition = has_console},
    {TOP_DOMAIN, "console/type", READ_ONLY, "xenconsoled", .condition = has_console},
    {TOP_DOMAIN, "console/output", READ_ONLY, "pty", .condition = has_console},
    {TOP_DOMAIN, "console/tty", READ_ONLY, .value = value_console_tty,
     .condition = has_console_tty},
    {TOP_DOMAIN, "console/port", READ_ONLY, .value = value_console_port, .condition = has_console},
    {TOP_DOMAIN, "console/ring-ref", READ_ONLY, .value = value_console_ring_ref,
     .condition = has_console},

    {TOP_CONSOLE, "", READ_ONLY, "", .condition = has_console},
    {TOP_CONSOLE, "frontend", READ_ONLY, .value = value_frontend_console, .condition = has_console},
    {TOP_CONSOLE, "frontend-id", READ_ONLY, .value = value_domid, .condition = has_console},
    {TOP_CONSOLE, "online", READ_ONLY, "1", .condition = has_console},
    {TOP_CONSOLE, "state", READ_ONLY, "1", .condition = has_console},
    {TOP_CONSOLE, "protocol", READ_ONLY, "vt100", .condition = has_console},

    {TOP_VM, "", READ_ONLY, ""},
    {TOP_VM, "uuid", READ_ONLY, .value = value_uuid},
    {TOP_VM, "name", READ_ONLY, .value = value_name},
    {TOP_VM, "image", READ_ONLY, ""},
    {TOP_VM, "image/ostype", READ_ONLY, "hvm"},
    {TOP_VM, "rtc", READ_ONLY, ""},
    {TOP_VM, "rtc/timeoffset", READ_ONLY, "0"},
    {TOP_VM, "start_time", READ_ONLY, .value = value_start_time},

    {TOP_LIBXL, "", PRIVATE, ""},
    {TOP_LIBXL, "device", PRIVATE, ""},
    {TOP_LIBXL, "type", PRIVATE, "hvm"},
    {TOP_LIBXL, "dm-version", PRIVATE, "qemu_xen"},
};

static char *top_path(Top top, uint16_t domid, const char *uuid)
{
    switch (top) {
    case TOP_DOMAIN:
        return g_strdup_printf(STORE_DOMAIN_PATH "%u", domid);
    case TOP_VM:
        return g_strdup_printf("/vm/%s", uuid);
    case TOP_LIBXL:
        return g_strdup_printf("/libxl/%u", domid);
    case TOP_CONSOLE:
        return g_strdup_printf(CONSOLE_BACKEND, domid);
    default:
        return g_strdup(STORE_DOMAIN_PATH "0");
    }
}

static bool make_node(StoreClient *client, uint32_t transaction, uint16_t domid, const char *path,
                      const char *value, Rights rights, GError **error)
{
    const StorePermission permissions[] = {
        {rights == GUESTS_OWN ? domid : STORE_DOMID_PRIVILEGED, STORE_ACCESS_NONE},
        {domid, STORE_ACCESS_READ},
    };

    return store_client_write(client, transaction, path, value, strlen(value), error) &&
           store_client_set_permissions(client, transaction, path, permissions,
                                        rights == READ_ONLY ? 2 : 1, error);
}

static bool make_row(StoreClient *client, uint32_t transaction, const StoreDomainConfig *config,
                     const TreeRow *row, GError **error)
{
    g_autofree char *top = top_path(row->top, config->domid, config->uuid);
    g_autofree char *path = row->path[0] ? g_strconcat(top, "/", row->path, NULL) : g_strdup(top);
    g_autofree char *value = row->value ? row->value(config) : g_strdup(row->text);

    return make_node(client, transaction, config->domid, path, value, row->rights, error);
}

static bool make_cpus(StoreClient *client, uint32_t transaction, const StoreDomainConfig *config,
                      GError **error)
{
    for (unsigned i = 0; i < config->max_cpus; i++) {
        g_autofree char *cpu = g_strdup_printf(STORE_DOMAIN_PATH "%u/cpu/%u", config->domid, i);
        g_autofree char *availability = g_strconcat(cpu, "/availability", NULL);

        if (!make_node(client, transaction, config->domid, cpu, "", READ_ONLY, error) ||
            !make_node(client, transaction, config->domid, availability,
                       i < config->cpus ? "online" : "offline", READ_ONLY, error)) {
            return false;
        }
    }
    return true;
}

/* Errors are of no account: what is not there need not be removed. */
static void remove_tops(StoreClient *client, uint32_t transaction, uint16_t domid, const char *uuid)
{
    static const Top tops[] = {TOP_DOMAIN, TOP_VM, TOP_LIBXL, TOP_CONSOLE};

    for (unsigned i = 0; i < G_N_ELEMENTS(tops); i++) {
        g_autofree char *path = top_path(tops[i], domid, uuid);

        store_client_remove(client, transaction, path, NULL);
    }
}

static bool make_tree(StoreClient *client, uint32_t transaction, void *opaque, GError **error)
{
    const StoreDomainConfig *config = opaque;

    remove_tops(client, transaction, config->domid, config->uuid);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].condition && !rows[i].condition(config)) {
            continue;
        }
        if (!make_row(client, transaction, config, &rows[i], error)) {
            return false;
        }
    }
    return make_cpus(client, transaction, config, error);
}

bool store_domain_tree_create(XenStore *store, const StoreDomainConfig *config, GError **error)
{
    StoreClient *client;
    bool made;

    if (!config->name || !config->uuid || !g_uuid_string_is_valid(config->uuid)) {
        return error_setf(error, "xenstore: domain %u needs a name and a valid UUID",
                          config->domid);
    }
    client = store_client_new(store, STORE_DOMID_PRIVILEGED);
    made = store_client_transaction_run(client, make_tree, (void *)config, error);
    store_client_free(client);
    return made;
}

void store_domain_tree_remove(XenStore *store, uint16_t domid, const char *uuid)
{
    StoreClient *client = store_client_new(store, STORE_DOMID_PRIVILEGED);

    remove_tops(client, 0, domid, uuid);
    store_client_free(client);
}
