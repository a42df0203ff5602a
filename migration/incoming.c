/*
 * A guest that arrives: a thread reads the stream and puts its memory in place; the devices are
 * loaded on the main loop when all of it is here. What is wrong with the stream ends the process:
 * half a guest is none, and the other half is still where it came from.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "block/block.h"
#include "hw/core/run_state.h"
#include "migration/machine_state.h"
#include "migration/outgoing_private.h"
#include "migration/private.h"
#include "migration/transport.h"
#include "net/net.h"
#include "util/error.h"
#include "util/log.h"
#include "util/machine_lock.h"

typedef struct {
    GThread *thread;
    MigrationChannel *channel;
    RamReceiver ram;
    GPtrArray *sections; /* all but the run state */
    RunState before;     /* what it was where it comes from */
    bool has_before, wants_answer;
    GError *error;
} Incoming;

static Incoming *arriving;
static bool received; /* once */

/* ---- the records; on the thread ---- */

static bool take_config(void *opaque, GVariant *config, GError **error)
{
    Incoming *in = opaque;
    Machine *machine = machine_get();
    g_autoptr(GVariant) layout =
        g_variant_lookup_value(config, "ram", G_VARIANT_TYPE(RAM_LAYOUT_TYPE));
    gboolean answer = FALSE;
    bool good;

    g_variant_lookup(config, "answer", "b", &answer);
    in->wants_answer = answer && channel_is_socket(in->channel);
    if (!layout) {
        return error_setf(error, "the stream does not say what memory the saved guest has");
    }
    machine_lock();
    good = machine_check_description(machine, config,
                                     migration_capability(MIGRATION_CAP_VALIDATE_UUID), error) &&
           ram_receiver_init(&in->ram, layout, error);
    machine_unlock();
    return good;
}

static bool take_ram(void *opaque, const uint8_t *runs, size_t length, GError **error)
{
    return ram_receive(&((Incoming *)opaque)->ram, runs, length, error);
}

static bool take_section(void *opaque, const char *path, GVariant *state, GError **error)
{
    Incoming *in = opaque;

    if (strcmp(path, OUTGOING_RUN_STATE) != 0) {
        machine_sections_add(in->sections, path, state);
        return true;
    }
    in->has_before = g_variant_is_of_type(state, G_VARIANT_TYPE_STRING) &&
                     run_state_parse(g_variant_get_string(state, NULL), &in->before);
    return in->has_before || error_setf(error, "the saved guest was in no known run state");
}

static const StreamSink sink = {take_config, take_ram, take_section};

/* ---- on the main loop ---- */

static void begin(void *opaque G_GNUC_UNUSED)
{
    migration_set_status(MIGRATION_ACTIVE);
}

static void load(void *opaque)
{
    Incoming *in = opaque;

    if (!in->has_before) {
        error_setf(&in->error, "the stream does not say whether the saved guest ran");
        return;
    }
    if (machine_sections_load(machine_get(), in->sections, &in->error) &&
        !migration_capability(MIGRATION_CAP_LATE_BLOCK_ACTIVATE)) {
        block_activate_images(&in->error);
    }
}

static void free_parts(Incoming *in)
{
    g_clear_pointer(&in->channel, channel_free);
    g_clear_pointer(&in->sections, g_ptr_array_unref);
    ram_receiver_clear(&in->ram);
}

static void conclude(void *opaque)
{
    Incoming *in = opaque;

    if (!in->error) {
        run_state_arrived(in->before, &in->error);
    }
    free_parts(in);
    if (!in->error) {
        net_announce(&NET_ANNOUNCEMENT_DEFAULT, NULL);
        migration_set_status(MIGRATION_COMPLETED);
        return;
    }
    report_error("load of migration failed: %s", in->error->message);
    migration_set_failed(in->error->message);
    run_state_request_exit(1);
}

/* ---- the thread ---- */

static bool answer(Incoming *in)
{
    return !in->wants_answer ||
           channel_write(in->channel, MIGRATION_ANSWER, sizeof(MIGRATION_ANSWER) - 1, &in->error);
}

static gpointer incoming_thread(gpointer opaque)
{
    Incoming *in = opaque;

    if (channel_accept(in->channel, &in->error) && main_call(begin, in) &&
        stream_read(in->channel, &sink, in, &in->error) &&
        channel_finish(in->channel, &in->error) && main_call(load, in) && !in->error) {
        answer(in);
    }
    main_call(conclude, in);
    return NULL;
}

/* ---- commands ---- */

void migration_expect(void)
{
    block_deactivate_images(NULL); /* there are none yet */
}

void migration_begin_waiting(bool start)
{
    run_state_begin_incoming(start);
}

bool migration_receive(const char *uri, MigrationTakeFd *take_fd, void *opaque, GError **error)
{
    MigrationChannel *channel;

    if (run_state_get() != RUN_STATE_INMIGRATE) {
        return error_setf(error, "'-incoming' was not specified on the command line");
    }
    if (received) {
        return error_setf(error, "The incoming migration has already been started");
    }
    channel = transport_open_incoming(uri, take_fd, opaque, error);
    if (!channel) {
        return false;
    }
    received = true;
    arriving = g_new0(Incoming, 1);
    arriving->channel = channel;
    arriving->sections = machine_sections_new();
    migration_set_status(MIGRATION_SETUP);
    arriving->thread = g_thread_new("migration", incoming_thread, arriving);
    return true;
}

void migration_incoming_shut_down(void)
{
    if (!arriving) {
        return;
    }
    if (arriving->channel) {
        channel_cancel(arriving->channel);
    }
    migration_join(arriving->thread);
    free_parts(arriving);
    g_clear_error(&arriving->error);
    g_clear_pointer(&arriving, g_free);
}
