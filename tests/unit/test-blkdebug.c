/*
 * blkdebug: errors where its rules say, states, limits, both ways to name it, and what it refuses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block-fixture.h"

#define SIZE (64 * 1024)

static uint8_t buffer[SIZE];

static BlockBackend *open_with(const char *rules)
{
    g_autofree char *options = g_strdup_printf(
        "driver=blkdebug,image.driver=file,image.filename=disk%s%s", *rules ? "," : "", rules);

    make_image("disk", SIZE);
    return open_drive(options);
}

static void without_rules_it_is_the_image(void)
{
    BlockBackend *backend = open_with("");

    g_assert_cmpuint(block_backend_length(backend), ==, SIZE);
    g_assert_cmpint(do_read(backend, 512, buffer, 4096), ==, 0);
    g_assert_true(all_pattern(buffer, 512, 4096));
    memset(buffer, 0x55, 512);
    g_assert_cmpint(do_write(backend, 1024, buffer, 512, 0), ==, 0);
    g_assert_cmpint(do_zeroes(backend, 2048, 512, 0), ==, 0);
    g_assert_cmpint(do_flush(backend), ==, 0);
    g_assert_cmpint(do_read(backend, 0, buffer, 4096), ==, 0);
    g_assert_true(all_bytes(buffer + 1024, 512, 0x55) && all_bytes(buffer + 2048, 512, 0));
    close_all(backend);
}

static void an_event_makes_errors(void)
{
    BlockBackend *backend = open_with("inject-error.0.event=write_aio,inject-error.0.errno=28,"
                                      "inject-error.0.once=on,inject-error.1.event=flush_to_disk");

    g_assert_cmpint(do_read(backend, 0, buffer, 512), ==, 0);
    g_assert_cmpint(do_write(backend, 0, buffer, 512, 0), ==, -ENOSPC);
    g_assert_cmpint(do_write(backend, 0, buffer, 512, 0), ==, 0); /* it was once */
    g_assert_cmpint(do_flush(backend), ==, -EIO);
    g_assert_cmpint(do_flush(backend), ==, -EIO);
    /* The rule stays active until another one takes its place. */
    g_assert_cmpint(do_read(backend, 0, buffer, 512), ==, -EIO);
    close_all(backend);
}

static void a_rule_is_for_a_sector_and_a_kind(void)
{
    BlockBackend *backend = open_with("inject-error.0.event=none,inject-error.0.sector=8,"
                                      "inject-error.0.iotype=read,inject-error.0.immediately=on");

    g_assert_cmpint(do_read(backend, 0, buffer, 4096), ==, 0);
    g_assert_cmpint(do_read(backend, 0, buffer, 4608), ==, -EIO);
    g_assert_cmpint(do_read(backend, 4096, buffer, 512), ==, -EIO);
    g_assert_cmpint(do_read(backend, 4608, buffer, 512), ==, 0);
    g_assert_cmpint(do_write(backend, 4096, buffer, 512, 0), ==, 0);
    close_all(backend);
}

static void states_choose_among_rules(void)
{
    BlockBackend *backend =
        open_with("set-state.0.event=write_aio,set-state.0.state=1,set-state.0.new_state=2,"
                  "inject-error.0.event=read_aio,inject-error.0.state=2,inject-error.0.errno=5,"
                  "inject-error.0.iotype=read");

    g_assert_cmpint(do_read(backend, 0, buffer, 512), ==, 0);
    g_assert_cmpint(do_write(backend, 0, buffer, 512, 0), ==, 0);
    g_assert_cmpint(do_read(backend, 0, buffer, 512), ==, -EIO);
    close_all(backend);
}

static void limits_cut_requests_to_pieces(void)
{
    /* The second piece fails: the first one has been written. */
    BlockBackend *backend =
        open_with("align=1024,max-transfer=4096,max-write-zero=2048,inject-error.0.event=none,"
                  "inject-error.0.iotype=write,inject-error.0.sector=8");

    g_assert_cmpuint(block_backend_request_alignment(backend), ==, 1024);
    g_assert_cmpint(do_read(backend, 1024, buffer, 3 * 4096), ==, 0);
    g_assert_true(all_pattern(buffer, 1024, 3 * 4096));
    memset(buffer, 0x66, 8192);
    g_assert_cmpint(do_write(backend, 0, buffer, 8192, 0), ==, -EIO);
    g_assert_cmpint(do_zeroes(backend, 16384, 8192, 0), ==, 0);
    g_assert_cmpint(do_read(backend, 0, buffer, 32768), ==, 0);
    g_assert_true(all_bytes(buffer, 4096, 0x66));
    g_assert_true(all_pattern(buffer + 4096, 4096, 16384 - 4096));
    g_assert_true(all_bytes(buffer + 16384, 8192, 0));
    g_assert_true(all_pattern(buffer + 24576, 24576, 8192));
    close_all(backend);
}

static void write_config(const char *text)
{
    g_assert_true(g_file_set_contents("config", text, -1, NULL));
}

static void a_file_has_the_rules(void)
{
    BlockBackend *backend;

    make_image("disk", SIZE);
    write_config("# the first write fails, and the reads after it\n"
                 "[inject-error]\n  event = \"write_aio\"\n  errno = \"28\"\n  once = \"on\"\n"
                 "  iotype = \"write\"\n\n"
                 "[set-state]\nevent = \"write_aio\"\nnew_state = \"3\"\n"
                 "[inject-error]\nevent=\"read_aio\"\nstate = \"3\"\niotype = \"read\"");
    backend = open_drive("file=blkdebug:config:disk,format=raw");
    g_assert_cmpint(do_read(backend, 0, buffer, 512), ==, 0);
    g_assert_cmpint(do_write(backend, 0, buffer, 512, 0), ==, -ENOSPC);
    g_assert_cmpint(do_write(backend, 0, buffer, 512, 0), ==, 0);
    g_assert_cmpint(do_read(backend, 0, buffer, 512), ==, -EIO);
    close_all(backend);
    backend = open_drive("file=blkdebug::disk,format=raw");
    g_assert_cmpint(do_read(backend, 0, buffer, 512), ==, 0);
    close_all(backend);
}

static void nodes_are_named(void)
{
    BlockBackend *backend;

    make_image("disk", SIZE);
    add_node("driver=file,filename=disk,node-name=f");
    add_node("driver=blkdebug,image=f,node-name=b,inject-error.0.event=read_aio");
    add_node("driver=raw,file=b,node-name=r");
    backend = attach("r", WRITER);
    g_assert_cmpint(do_read(backend, 0, buffer, 512), ==, -EIO);
    close_all(backend);
}

static void what_is_wrong_is_said(void)
{
    static const char *const bad[][2] = {
        {"", "Parameter 'image' is missing"},
        {"image=nobody", "Cannot find device='nobody' nor node-name='nobody'"},
        {"image=f,align=3", "Cannot meet constraints with align 3"},
        {"image=f,align=512,max-transfer=700", "Cannot meet constraints with max-transfer 700"},
        {"image=f,inject-error.0.errno=5", "inject-error.0: Missing event name for rule"},
        {"image=f,inject-error.0.event=lunch", "inject-error.0: Invalid event name \"lunch\""},
        {"image=f,inject-error.0.event=none,inject-error.0.iotype=x", "inject-error.0: *iotype*"},
        {"image=f,inject-error.0.event=none,inject-error.0.errno=-1", "inject-error.0: *errno*"},
        {"image=f,inject-error.0.event=none,inject-error.0.new_state=1",
         "inject-error.0: Invalid parameter 'new_state'"},
        {"image=f,set-state.0.event=l2_load", "set-state.0: Parameter 'new_state' is missing"},
        {"image=f,inject-error=x", "Invalid parameter type for 'inject-error', expected: array"},
        {"image=f,take-child-perms.0=all",
         "Parameter 'take-child-perms[0]' does not accept value 'all'"},
        {"image=f,config=nofile", "Could not read blkdebug config file: *"},
        {"image=f,config=config", "Could not parse blkdebug config file 'config': line 2 *"},
        {"filename=x:disk", "Parameter 'filename' is unexpected"},
    };

    make_image("disk", SIZE);
    write_config("[inject-error]\nevent = none\n");
    add_node("driver=file,filename=disk,node-name=f");
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text =
            g_strdup_printf("driver=blkdebug,node-name=b%s%s", *bad[i][0] ? "," : "", bad[i][0]);
        g_autofree char *message = node_error(text);

        g_assert_nonnull(message);
        g_test_message("%s: %s", text, message);
        g_assert_true(g_pattern_match_simple(bad[i][1], message));
    }
    block_cleanup();
    g_autofree char *half = drive_error("file=blkdebug:disk,if=none,format=raw");
    g_assert_cmpstr(half, ==, "blkdebug requires both config file and image path");
    block_cleanup();
}

static void permissions_are_taken_and_kept(void)
{
    g_autofree char *message = NULL;

    make_image("disk", SIZE);
    add_node("driver=file,filename=disk,node-name=f");
    add_node("driver=blkdebug,image=f,node-name=b,take-child-perms.0=write,"
             "unshare-child-perms.0=write");
    message = attach_error("f", WRITER);
    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, "Permission conflict on node 'f'"));
    block_cleanup();
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    fixture_start();
    g_test_add_func("/blkdebug/plain", without_rules_it_is_the_image);
    g_test_add_func("/blkdebug/event", an_event_makes_errors);
    g_test_add_func("/blkdebug/sector", a_rule_is_for_a_sector_and_a_kind);
    g_test_add_func("/blkdebug/state", states_choose_among_rules);
    g_test_add_func("/blkdebug/limits", limits_cut_requests_to_pieces);
    g_test_add_func("/blkdebug/config", a_file_has_the_rules);
    g_test_add_func("/blkdebug/nodes", nodes_are_named);
    g_test_add_func("/blkdebug/refused", what_is_wrong_is_said);
    g_test_add_func("/blkdebug/permissions", permissions_are_taken_and_kept);
    status = g_test_run();
    fixture_end();
    return status;
}
