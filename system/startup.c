/*
 * Start-up and shutdown order.
 *
 * Start-up is the table at the end: each stage uses only what stages above it made. Nothing the user named is
 * opened before the whole command line has been read, and a daemon's parent ends only after the last stage.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "startup.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel_options.h"
#include "block/block.h"
#include "chardev/chardev.h"
#include "daemonize.h"
#include "firmware_path.h"
#include "hw/core/run_state.h"
#include "pidfile.h"
#include "process.h"
#include "qtest.h"
#include "signals.h"
#include "user_objects.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"
#include "util/machine_lock.h"
#include "util/options.h"

/* ---- what does not depend on anything made yet ---- */

static bool uses_stdio(const StartConfig *config)
{
    const GPtrArray *lists[] = {config->serials, config->legacy_chardevs, config->chardevs};

    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (unsigned j = 0; j < lists[i]->len; j++) {
            const PendingOption *pending = lists[i]->pdata[j];
            const char *backend = pending->text;
            if (pending->options) {
                backend = json_object_get_string_member_with_default(pending->options, "backend", "");
            }
            if (strcmp(backend, "stdio") == 0 || strcmp(backend, "mon:stdio") == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool check_combinations(StartConfig *config, GError **error)
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
    if (config->process.daemonize && config->nographic) {
        return error_setf(error, "-nographic cannot be used with -daemonize");
    }
    if (config->process.daemonize && uses_stdio(config)) {
        return error_setf(error, "-daemonize: cannot use stdio with -daemonize");
    }
    return true;
}

static bool prepare_messages(StartConfig *config, GError **error)
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

static bool go_to_background(StartConfig *config, GError **error)
{
    return !config->process.daemonize || daemonize_begin(error);
}

static bool prepare_main_loop(StartConfig *config, GError **error)
{
    timers_init();
    machine_lock();
    machine_lock_attach_main_context();
    return signals_init(error);
}

/* ---- objects and character devices ---- */

/* Calls @make for each option of @list; the error line begins with the option. */
static bool for_each(GPtrArray *list, bool (*make)(PendingOption *pending, GError **error),
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

static bool make_object(PendingOption *pending, GError **error)
{
    return user_object_add(pending->options, error);
}

static bool make_objects(StartConfig *config, GError **error)
{
    return for_each(config->objects, make_object, error);
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

static bool make_chardevs(StartConfig *config, GError **error)
{
    chardev_set_mux_actions(quit_by_terminal, NULL);
    return for_each(config->chardevs, make_chardev, error) &&
           for_each(config->legacy_chardevs, make_legacy_chardev, error);
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

static bool make_serials(StartConfig *config, GError **error)
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
    return config->nographic ? make_serial(config, "-nographic", "mon:stdio", error)
                             : make_serial(config, "-serial null", "null", error);
}

static bool make_qtest_chardev(StartConfig *config, GError **error)
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

/* ---- the machine ---- */

typedef struct {
    const char *name;
} DefaultMachine;

static void find_default(MachineClass *klass, void *opaque)
{
    DefaultMachine *found = opaque;

    if (klass->is_default) {
        found->name = klass->name;
    }
}

static bool make_machine(StartConfig *config, GError **error)
{
    DefaultMachine by_default = {0};
    const char *name = config->machine_name;

    if (!name) {
        machine_type_foreach(find_default, &by_default);
        name = by_default.name ? by_default.name : "none";
    }
    if (!machine_new(name, error)) {
        g_prefix_error(error, "%s: ", config->machine_where);
        return false;
    }
    return true;
}

static bool make_accel(StartConfig *config, GError **error)
{
    g_autoptr(Accel) accel = accel_from_config(config, error);

    if (!accel) {
        return false;
    }
    machine_set_accel(machine_get(), accel);
    if (accel_is_qtest(accel)) {
        clock_virtual_set_manual();
    }
    return true;
}

static bool set_machine_options(StartConfig *config, GError **error)
{
    for (unsigned i = 0; i < config->machine_options->len; i++) {
        const PendingOption *pending = config->machine_options->pdata[i];
        if (!machine_set_option(machine_get(), pending->text, pending->value, error)) {
            g_prefix_error(error, "%s: ", pending->where);
            return false;
        }
    }
    return true;
}

static bool check_cpu_count(StartConfig *config, GError **error)
{
    MachineClass *klass = HW_MACHINE_GET_CLASS(machine_get());

    if (config->board.smp.max_cpus > klass->max_cpus) {
        return error_setf(error,
                          "%s: Invalid SMP CPUs %u. The max CPUs supported by machine '%s' is %u",
                          config->smp_where, config->board.smp.max_cpus, klass->name,
                          klass->max_cpus);
    }
    return true;
}

/* The board's own structure takes over what was parsed. */
static bool configure_machine(StartConfig *config, GError **error)
{
    MachineConfig *board = machine_config(machine_get());
    uint64_t default_ram_size = board->ram_size;

    if (!check_cpu_count(config, error)) {
        return false;
    }
    firmware_path_add_defaults(config->board.firmware_path);
    *board = config->board;
    memset(&config->board, 0, sizeof(config->board));
    board->ram_size = config->ram_size ? config->ram_size : default_ram_size;
    return set_machine_options(config, error);
}

static bool use_memory_backend(StartConfig *config, MachineConfig *board, GError **error)
{
    RamBlock *ram = user_object_ram(board->memory_backend);

    if (!ram) {
        return error_setf(error, "-machine memory-backend=%s: Memory backend '%s' not found",
                          board->memory_backend, board->memory_backend);
    }
    if (config->ram_path) {
        return error_setf(error, "-mem-path %s: cannot be used together with -machine "
                                 "memory-backend=",
                          config->ram_path);
    }
    if (config->ram_size && config->ram_size != ram_block_size(ram)) {
        return error_setf(error, "%s: Size specified by -m option must match size of explicitly "
                                 "specified 'memory-backend' property",
                          config->ram_where);
    }
    board->ram_size = ram_block_size(ram);
    board->ram_block = ram_block_ref(ram);
    return true;
}

/* In a folder (such as a hugetlbfs mount) the RAM is a file without a name. */
static char *make_ram_file(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "xenolith-ram.XXXXXX", NULL);
    int fd = g_mkstemp(path);

    if (fd < 0) {
        error_set_errno(error, errno, "unable to create backing store for guest RAM in %s", folder);
        return NULL;
    }
    close(fd);
    return g_steal_pointer(&path);
}

static bool use_ram_path(StartConfig *config, MachineConfig *board, GError **error)
{
    MachineClass *klass = HW_MACHINE_GET_CLASS(machine_get());
    bool is_folder = g_file_test(config->ram_path, G_FILE_TEST_IS_DIR);
    g_autofree char *path =
        is_folder ? make_ram_file(config->ram_path, error) : g_strdup(config->ram_path);
    RamBlockConfig ram = {
        .name = klass->default_ram_id,
        .size = board->ram_size,
        .prealloc = board->mem_prealloc,
        .merge = board->mem_merge,
        .dump = board->dump_guest_core,
        .path = path,
    };

    board->ram_block = path ? ram_block_new(&ram, error) : NULL;
    if (is_folder && path) {
        unlink(path);
    }
    if (!board->ram_block) {
        g_prefix_error(error, "-mem-path %s: ", config->ram_path);
    }
    return board->ram_block != NULL;
}

static bool choose_memory(StartConfig *config, GError **error)
{
    MachineConfig *board = machine_config(machine_get());

    if (board->memory_backend) {
        return use_memory_backend(config, board, error);
    }
    return !config->ram_path || board->ram_size == 0 || use_ram_path(config, board, error);
}

/* ---- disks ---- */

static bool make_node(PendingOption *pending, GError **error)
{
    return block_node_add(pending->options, error);
}

static bool make_drive(PendingOption *pending, GError **error)
{
    pending->made = drive_add(pending->options, DRIVE_IF_IDE, error);
    return pending->made != NULL;
}

static bool make_default_cdrom(GError **error)
{
    g_autoptr(JsonObject) options = options_parse("if=ide,index=2,media=cdrom", NULL, error);
    return options && drive_add(options, DRIVE_IF_IDE, error);
}

static void stop_for_io_error(const char *backend_name, bool is_read, int errnum)
{
    log_printf(LOG_GUEST_ERRORS, "%s: %s error (%s), the machine stops\n", backend_name,
               is_read ? "read" : "write", g_strerror(errnum));
    run_state_request_stop(RUN_STATE_IO_ERROR);
}

static bool make_drives(StartConfig *config, GError **error)
{
    /* A machine without chips ("none") has no place for it. */
    bool has_board = HW_MACHINE_GET_CLASS(machine_get())->build != NULL;
    bool cdrom =
        has_board && config->default_cdrom && machine_config(machine_get())->default_devices;

    block_set_stop_handler(stop_for_io_error);
    drive_set_global_snapshot(config->snapshot);
    return for_each(config->blockdevs, make_node, error) &&
           for_each(config->drives, make_drive, error) && (!cdrom || make_default_cdrom(error));
}

/* ---- devices ---- */

static bool set_globals(StartConfig *config, GError **error)
{
    for (unsigned i = 0; i < config->globals->len; i++) {
        const PendingOption *pending = config->globals->pdata[i];
        device_global_add(json_object_get_string_member(pending->options, "driver"),
                          json_object_get_string_member(pending->options, "property"),
                          json_object_get_string_member(pending->options, "value"));
    }
    return true;
}

/* Puts the option of the drive that @is_culprit chooses (the last one it says yes to) before the error. */
static void name_drive(StartConfig *config, bool (*is_culprit)(const DriveInfo *drive),
                       GError **error)
{
    const PendingOption *culprit = NULL;
    const DriveInfo *last = NULL;

    for (unsigned i = 0; i < config->drives->len; i++) {
        const PendingOption *pending = config->drives->pdata[i];
        const DriveInfo *drive = pending->made;
        if (is_culprit(drive) && (!last || drive->bus > last->bus ||
                                  (drive->bus == last->bus && drive->unit > last->unit))) {
            culprit = pending;
            last = drive;
        }
    }
    if (culprit) {
        g_prefix_error(error, "%s: ", culprit->where);
    }
}

static bool is_claimed(const DriveInfo *drive)
{
    return drive->claimed && drive->interface != DRIVE_IF_NONE;
}

static bool is_left_over(const DriveInfo *drive)
{
    return !drive->claimed && drive->interface != DRIVE_IF_NONE;
}

/* A board makes its drives last and in order: if it fails with drives claimed, then at the last of them. */
static bool build_board(StartConfig *config, GError **error)
{
    if (machine_build(machine_get(), error)) {
        return true;
    }
    name_drive(config, is_claimed, error);
    return false;
}

static bool make_device(PendingOption *pending, GError **error)
{
    return machine_add_device_from_options(machine_get(), pending->options, error) != NULL;
}

static bool make_devices(StartConfig *config, GError **error)
{
    return for_each(config->devices, make_device, error);
}

static bool finish_board(StartConfig *config, GError **error)
{
    if (!drives_check_claimed(error)) {
        name_drive(config, is_left_over, error);
        return false;
    }
    if (!machine_finish(machine_get(), error)) {
        return false;
    }
    device_globals_report_unused();
    return true;
}

/* ---- the last steps ---- */

static bool restrict_process(StartConfig *config, GError **error)
{
    return (!config->process.pidfile || pidfile_write(config->process.pidfile, error)) &&
           process_restrict(&config->process, error);
}

static bool start_qtest(StartConfig *config, GError **error)
{
    return !config->qtest_chardev || qtest_start("qtest", config->qtest_log, error);
}

static bool start_guest(StartConfig *config, GError **error)
{
    machine_reset(machine_get());
    return config->start_paused || run_state_start(error);
}

static bool finish_background(StartConfig *config, GError **error)
{
    return !config->process.daemonize || daemonize_finish(error);
}

typedef bool Stage(StartConfig *config, GError **error);

static Stage *const stages[] = {
    check_combinations, prepare_messages,  go_to_background, prepare_main_loop, make_objects,
    make_chardevs,      make_serials,      make_qtest_chardev, make_machine,    make_accel,
    configure_machine,  choose_memory,     make_drives,      set_globals,       build_board,
    make_devices,       finish_board,      restrict_process, start_qtest,       start_guest,
    finish_background,
};

/* Everything a user could lose: image contents, the terminal's settings, the pid file. */
static void take_down(void)
{
    qtest_stop();
    block_cleanup();
    user_objects_cleanup();
    chardev_cleanup();
    pidfile_remove();
}

int startup_run(StartConfig *config)
{
    g_autoptr(GError) error = NULL;
    int status;

    for (unsigned i = 0; i < G_N_ELEMENTS(stages); i++) {
        if (!stages[i](config, &error)) {
            report_error("%s", error->message);
            take_down();
            return 1;
        }
    }
    status = run_state_loop(machine_get());
    qtest_stop();
    machine_destroy(machine_get());
    take_down();
    return status;
}
