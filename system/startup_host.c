/*
 * Start-up, first half: the process's own affairs, objects, character devices.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "chardev/chardev.h"
#include "daemonize.h"
#include "hw/core/run_state.h"
#include "net/net.h"
#include "option_handlers.h"
#include "signals.h"
#include "startup_stages.h"
#include "user_objects.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"
#include "util/machine_lock.h"

bool startup_for_each(GPtrArray *list, bool (*make)(PendingOption *pending, GError **error),
                      GError **error)
{
    for (unsigned i = 0; i < list->len; i++) {
        PendingOption *pending = list->pdata[i];
        if (!make(pending, error)) {
            g_prefix_error(error, "%s: ", pending->where);
            return false;
        }
    }
    return true;
}

static bool uses_stdio(const StartConfig *config)
{
    const GPtrArray *lists[] = {config->serials, config->legacy_chardevs, config->chardevs,
                                config->monitors};

    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (unsigned j = 0; j < lists[i]->len; j++) {
            const PendingOption *pending = lists[i]->pdata[j];
            const char *backend = pending->text;
            if (pending->options) {
                backend =
                    json_object_get_string_member_with_default(pending->options, "backend", "");
            }
            if (strcmp(backend, "stdio") == 0 || strcmp(backend, "mon:stdio") == 0) {
                return true;
            }
        }
    }
    return false;
}

bool startup_check_combinations(StartConfig *config, GError **error)
{
    const struct {
        const char *name, *value;
    } needs_kernel[] = {
        {"-append", config->board.append},
        {"-initrd", config->board.initrd},
        {"-dtb", config->board.dtb},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(needs_kernel); i++) {
        if (needs_kernel[i].value && !config->board.kernel) {
            return error_setf(error, "%s only allowed with -kernel option", needs_kernel[i].name);
        }
    }
    /* Where every port has been redirected -nographic means nothing, and old setups use both. */
    if (config->process.daemonize && config->nographic && config->board.default_devices &&
        (config->serials->len == 0 || startup_default_monitor(config))) {
        return error_setf(error, "-nographic cannot be used with -daemonize");
    }
    if (config->process.daemonize && uses_stdio(config)) {
        return error_setf(error, "-daemonize: cannot use stdio with -daemonize");
    }
    return true;
}

bool startup_prepare_messages(StartConfig *config, GError **error)
{
    ProcessConfig *process = &config->process;

    report_set_timestamp(process->timestamp);
    if (process->guest_name_in_messages && config->board.name) {
        report_set_guest_name(config->board.name);
    }
    if (!process->log_file || log_set_file(process->log_file, error)) {
        return true;
    }
    g_prefix_error(error, "%s: ", process->log_where);
    return false;
}

bool startup_go_to_background(StartConfig *config, GError **error)
{
    return !config->process.daemonize || daemonize_begin(error);
}

bool startup_prepare_main_loop(StartConfig *config, GError **error)
{
    timers_init();
    machine_lock();
    machine_lock_attach_main_context();
    return signals_init(error);
}

/* ---- objects and character devices ---- */

static bool make_object(PendingOption *pending, GError **error)
{
    return user_object_add(pending->options, error);
}

bool startup_make_objects(StartConfig *config, GError **error)
{
    return startup_for_each(config->objects, make_object, error);
}

static bool make_chardev(PendingOption *pending, GError **error)
{
    return chardev_new(pending->options, error) != NULL;
}

static bool make_legacy_chardev(PendingOption *pending, GError **error)
{
    bool none; /* "none" was not put into the list */
    return chardev_new_from_legacy(pending->text, pending->value, &none, error) != NULL;
}

/* Ctrl-a x on a mux. */
static void quit_by_terminal(void)
{
    run_state_request_exit(0);
}

bool startup_make_chardevs(StartConfig *config, GError **error)
{
    chardev_set_mux_actions(quit_by_terminal, NULL);
    return startup_for_each(config->chardevs, make_chardev, error) &&
           startup_for_each(config->legacy_chardevs, make_legacy_chardev, error);
}

static bool make_netdev(PendingOption *pending, GError **error)
{
    return net_netdev_new(pending->options, error) != NULL;
}

bool startup_make_netdevs(StartConfig *config, GError **error)
{
    net_options_connect_hub(config);
    return startup_for_each(config->netdevs, make_netdev, error);
}

static bool make_serial(StartConfig *config, const char *where, const char *text, GError **error)
{
    unsigned index = config->board.serial_count;
    g_autofree char *id = g_strdup_printf("serial%u", index);
    bool none = false;
    Chardev *chardev = chardev_new_from_legacy(text, id, &none, error);

    if (!chardev && !none) {
        g_prefix_error(error, "%s: ", where);
        return false;
    }
    config->board.serial_chardevs[index] = none ? NULL : g_strdup(chardev_id(chardev));
    config->board.serial_count++;
    return true;
}

bool startup_default_monitor(const StartConfig *config)
{
    Machine *machine = machine_get();
    bool defaults =
        machine ? machine_config(machine)->default_devices : config->board.default_devices;
    bool wanted = config->nographic && config->default_monitor && defaults;

    for (unsigned i = 0; i < config->serials->len; i++) {
        const PendingOption *pending = config->serials->pdata[i];
        wanted = wanted && !g_str_has_prefix(pending->text, "mon:");
    }
    return wanted;
}

bool startup_make_serials(StartConfig *config, GError **error)
{
    for (unsigned i = 0; i < config->serials->len; i++) {
        const PendingOption *pending = config->serials->pdata[i];
        if (!make_serial(config, pending->where, pending->text, error)) {
            return false;
        }
    }
    if (config->serials->len > 0 || !config->board.default_devices) {
        return true;
    }
    if (!config->nographic) {
        return make_serial(config, "-serial null", "null", error);
    }
    return make_serial(config, "-nographic",
                       startup_default_monitor(config) ? "mon:stdio" : "stdio", error);
}

bool startup_make_qtest_chardev(StartConfig *config, GError **error)
{
    bool none = false;

    if (!config->qtest_chardev ||
        chardev_new_from_legacy(config->qtest_chardev, "qtest", &none, error)) {
        return true;
    }
    if (none) {
        error_setf(error, "a character device is needed");
    }
    g_prefix_error(error, "%s: ", config->qtest_where);
    return false;
}
