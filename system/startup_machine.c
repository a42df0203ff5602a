/*
 * Start-up, second half: the machine, its memory, disks and devices.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "accel_options.h"
#include "block/block.h"
#include "firmware_path.h"
#include "hw/core/run_state.h"
#include "startup_stages.h"
#include "user_objects.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"
#include "util/options.h"

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

bool startup_make_machine(StartConfig *config, GError **error)
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

bool startup_make_accel(StartConfig *config, GError **error)
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
    if (config->nographic) {
        /* firmware then talks to the serial port; a board without firmware has no such key */
        machine_set_option(machine_get(), "graphics", "off", NULL);
    }
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
        return error_setf(
            error, "%s: Invalid SMP CPUs %u. The max CPUs supported by machine '%s' is %u",
            config->smp_where, config->board.smp.max_cpus, klass->name, klass->max_cpus);
    }
    return true;
}

/* The board's own structure takes over what was parsed. */
bool startup_configure_machine(StartConfig *config, GError **error)
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
        return error_setf(error,
                          "-mem-path %s: cannot be used together with -machine "
                          "memory-backend=",
                          config->ram_path);
    }
    if (config->ram_size && config->ram_size != ram_block_size(ram)) {
        return error_setf(error,
                          "%s: Size specified by -m option must match size of explicitly "
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

bool startup_choose_memory(StartConfig *config, GError **error)
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

/* @text: the options of an empty drive, unless there is a drive in its place. */
static bool make_default_drive(const char *text, DriveInterface interface, int bus, GError **error)
{
    g_autoptr(JsonObject) options = options_parse(text, NULL, error);

    return drive_get(interface, bus, 0) || (options && drive_add(options, interface, error));
}

static void stop_for_io_error(const char *backend_name, bool is_read, int errnum)
{
    log_printf(LOG_GUEST_ERRORS, "%s: %s error (%s), the machine stops\n", backend_name,
               is_read ? "read" : "write", g_strerror(errnum));
    run_state_request_stop(RUN_STATE_IO_ERROR);
}

bool startup_make_drives(StartConfig *config, GError **error)
{
    /* A machine without chips ("none") has no place for it. */
    bool has_board = HW_MACHINE_GET_CLASS(machine_get())->build != NULL;
    bool defaults = has_board && machine_config(machine_get())->default_devices;
    bool cdrom = defaults && config->default_cdrom, floppy = defaults && config->default_floppy;

    block_set_stop_handler(stop_for_io_error);
    drive_set_global_snapshot(config->snapshot);
    return startup_for_each(config->blockdevs, make_node, error) &&
           startup_for_each(config->drives, make_drive, error) &&
           (!cdrom || make_default_drive("if=ide,index=2,media=cdrom", DRIVE_IF_IDE, 1, error)) &&
           (!floppy || make_default_drive("if=floppy,index=0", DRIVE_IF_FLOPPY, 0, error));
}

/* ---- devices ---- */

bool startup_set_globals(StartConfig *config, GError **error)
{
    for (unsigned i = 0; i < config->globals->len; i++) {
        const PendingOption *pending = config->globals->pdata[i];
        device_global_add(json_object_get_string_member(pending->options, "driver"),
                          json_object_get_string_member(pending->options, "property"),
                          json_object_get_string_member(pending->options, "value"));
    }
    return true;
}

/* Boards make disks before floppies, and both in order. */
static bool made_after(const DriveInfo *a, const DriveInfo *b)
{
    if (a->interface != b->interface) {
        return a->interface > b->interface;
    }
    return a->bus > b->bus || (a->bus == b->bus && a->unit > b->unit);
}

/* Puts the option of the drive that @is_culprit chooses (the last one it says yes to) before the
 * error. */
static void name_drive(StartConfig *config, bool (*is_culprit)(const DriveInfo *drive),
                       GError **error)
{
    const PendingOption *culprit = NULL;
    const DriveInfo *last = NULL;

    for (unsigned i = 0; i < config->drives->len; i++) {
        const PendingOption *pending = config->drives->pdata[i];
        const DriveInfo *drive = pending->made;
        if (is_culprit(drive) && (!last || made_after(drive, last))) {
            culprit = pending;
            last = drive;
        }
    }
    if (culprit) {
        g_prefix_error(error, "%s: ", culprit->where);
    }
}

/* Flash memory comes first, before anything else is claimed, and its errors name it themselves. */
static bool is_claimed(const DriveInfo *drive)
{
    return drive->claimed && drive->interface != DRIVE_IF_NONE &&
           drive->interface != DRIVE_IF_PFLASH;
}

static bool is_left_over(const DriveInfo *drive)
{
    return !drive->claimed && drive->interface != DRIVE_IF_NONE;
}

/* A board makes its drives last and in order: if it fails with drives claimed, then at the last of
 * them. */
bool startup_build_board(StartConfig *config, GError **error)
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

bool startup_make_devices(StartConfig *config, GError **error)
{
    return startup_for_each(config->devices, make_device, error);
}

bool startup_finish_board(StartConfig *config, GError **error)
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
