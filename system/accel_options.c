/*
 * -accel, -enable-kvm, and -machine accel=: which accelerator, and its keys.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "accel_options.h"
#include "option_handlers.h"
#include "util/error.h"

/* Accelerators of QEMU that are not in this build: skipped where another is named beside them. */
static const char *const absent_accels[] = {"tcg", "xen", "hvf", "whpx", "nvmm", "mshv", NULL};

static void print_accel(AccelClass *klass, void *opaque)
{
    printf("%s\n", klass->name);
}

static bool print_accels(StartConfig *config)
{
    printf("Accelerators supported by this build:\n");
    accel_type_foreach(print_accel, NULL);
    config->done = true;
    return true;
}

bool option_accel(StartConfig *config, const CommandOption *option, const char *argument,
                  GError **error)
{
    if (option_wants_help(argument)) {
        return print_accels(config);
    }
    g_autoptr(JsonObject) object = options_parse(argument, "accel", error);
    if (!object) {
        return false;
    }
    if (json_object_has_member(object, "help")) {
        return print_accels(config);
    }
    const char *name = json_object_get_string_member_with_default(object, "accel", NULL);
    if (!name) {
        return error_setf(error, "Parameter 'accel' is missing");
    }
    start_config_push(config, config->accels, name, NULL, json_object_ref(object));
    return true;
}

bool option_enable_kvm(StartConfig *config, const CommandOption *option, const char *argument,
                       GError **error)
{
    start_config_set(&config->machine_accel_where, config->where);
    start_config_set(&config->machine_accel, "kvm");
    return true;
}

/* ---- the choice ---- */

typedef struct {
    const char *name;
    bool found;
} AccelSearch;

static void match_accel(AccelClass *klass, void *opaque)
{
    AccelSearch *search = opaque;
    search->found = search->found || strcmp(klass->name, search->name) == 0;
}

static bool accel_exists(const char *name)
{
    AccelSearch search = {.name = name};
    accel_type_foreach(match_accel, &search);
    return search.found;
}

/* Looks at one name of the list. False: it is none of any machine. */
static bool consider(const char *name, const char *where, const char **chosen, GError **error)
{
    if (accel_exists(name)) {
        *chosen = *chosen ? *chosen : name;
        return true;
    }
    return g_strv_contains(absent_accels, name) ||
           error_setf(error, "%s: invalid accelerator %s", where, name);
}

static bool none_chosen(const char *where, const char *name, GError **error)
{
    return error_setf(error, "%s: accelerator %s is not supported by this build, guests run on kvm",
                      where, name);
}

static bool choose_from_accels(StartConfig *config, const char **chosen, GError **error)
{
    for (unsigned i = 0; i < config->accels->len; i++) {
        const PendingOption *pending = config->accels->pdata[i];
        if (!consider(pending->text, pending->where, chosen, error)) {
            return false;
        }
    }
    const PendingOption *first = config->accels->pdata[0];
    return *chosen || none_chosen(first->where, first->text, error);
}

static Accel *new_from_machine_list(StartConfig *config, GError **error)
{
    g_auto(GStrv) names = g_strsplit(config->machine_accel, ":", -1);
    const char *chosen = NULL;

    for (char **name = names; *name; name++) {
        if (!consider(*name, config->machine_accel_where, &chosen, error)) {
            return NULL;
        }
    }
    if (!chosen) {
        none_chosen(config->machine_accel_where, config->machine_accel, error);
        return NULL;
    }
    return accel_new(chosen, error);
}

static bool set_keys(Accel *accel, const PendingOption *pending, GError **error)
{
    g_autoptr(GList) members = json_object_get_members(pending->options);

    for (GList *m = members; m; m = m->next) {
        const char *key = m->data;
        if (strcmp(key, "accel") == 0) {
            continue;
        }
        g_autofree char *value = option_node_text(json_object_get_member(pending->options, key));
        bool set = value ? accel_set_option(accel, key, value, error)
                         : error_setf(error, "Invalid parameter '%s'", key);
        if (!set) {
            g_prefix_error(error, "%s: ", pending->where);
            return false;
        }
    }
    return true;
}

static bool set_all_keys(StartConfig *config, Accel *accel, GError **error)
{
    for (unsigned i = 0; strcmp(accel_name(accel), "kvm") == 0 && i < config->kvm_options->len;
         i++) {
        const PendingOption *pending = config->kvm_options->pdata[i];
        if (!accel_set_option(accel, pending->text, pending->value, error)) {
            g_prefix_error(error, "%s: ", pending->where);
            return false;
        }
    }
    for (unsigned i = 0; i < config->accels->len; i++) {
        const PendingOption *pending = config->accels->pdata[i];
        if (strcmp(pending->text, accel_name(accel)) == 0 && !set_keys(accel, pending, error)) {
            return false;
        }
    }
    return true;
}

Accel *accel_from_config(StartConfig *config, GError **error)
{
    g_autoptr(Accel) accel = NULL;

    if (config->accels->len > 0 && config->machine_accel) {
        error_setf(error, "%s: The -accel and \"-machine accel=\" options are incompatible",
                   config->machine_accel_where);
        return NULL;
    }
    if (config->machine_accel) {
        accel = new_from_machine_list(config, error);
    } else {
        const char *chosen = NULL;
        if (config->accels->len > 0 && !choose_from_accels(config, &chosen, error)) {
            return NULL;
        }
        accel = accel_new(chosen ? chosen : "kvm", error);
    }
    if (!accel || !set_all_keys(config, accel, error)) {
        return NULL;
    }
    return g_steal_pointer(&accel);
}
