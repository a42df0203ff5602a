/*
 * PV disks in their surroundings: errors of the host and the policies for them, saved state, I/O
 * threads, reset, removable media, drives of the board, one image behind IDE and PV.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/block_query.h"
#include "hw/block/xen_block.h"
#include "xen-block-fixture.h"

/* ---- errors of the host ---- */

static unsigned stops;

static void note_stop(const char *name, bool is_read, int errnum)
{
    __atomic_add_fetch(&stops, 1, __ATOMIC_ACQ_REL);
}

static void host_error_is_reported_or_ignored(void)
{
    setup_connected(DISK ",rerror=report", NULL);
    g_assert_cmpint(truncate("disk", 8192), ==, 0);
    Request read = make_request(BLKIF_OP_READ, 100, 0, 1);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_ERROR);
    read.sector = 0;
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    block_teardown();

    setup_connected(DISK, "rerror=ignore");
    g_assert_cmpint(truncate("disk", 8192), ==, 0);
    read.sector = 100;
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    block_teardown();
}

/* The descriptor of the image, which is in the current folder. */
static int image_fd(void)
{
    g_autofree char *current = g_get_current_dir();
    g_autofree char *wanted = g_build_filename(current, "disk", NULL);

    for (int fd = 3; fd < 256; fd++) {
        g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
        g_autofree char *path = g_file_read_link(link, NULL);
        if (g_strcmp0(path, wanted) == 0) {
            return fd;
        }
    }
    g_error("the image is not open");
}

static void write_and_fail_to_flush(void)
{
    Request write = make_request(BLKIF_OP_WRITE, 8, 0, 1);
    Request flush = make_request(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0);

    g_assert_cmpint(do_request(&write), ==, BLKIF_RSP_OKAY);
    int fd = image_fd(), kept = dup(fd);
    g_assert_cmpint(close(fd), ==, 0);
    g_assert_cmpint(do_request(&flush), ==, BLKIF_RSP_ERROR);
    g_assert_cmpint(dup2(kept, fd), ==, fd);
    close(kept);
}

static void assert_only_reads_succeed(void)
{
    Request write = make_request(BLKIF_OP_WRITE, 8, 0, 1);
    Request read = make_request(BLKIF_OP_READ, 8, 0, 1);
    Request flush = make_request(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0);

    g_assert_cmpint(do_request(&write), ==, BLKIF_RSP_ERROR);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    g_assert_cmpint(do_request(&flush), ==, BLKIF_RSP_ERROR);
    g_assert_cmpint(do_request(&write), ==, BLKIF_RSP_ERROR);
}

/* A guest that takes the error for a disk without flushes must hear of it by its writes. */
static void after_a_failed_flush_no_write_succeeds(void)
{
    setup_connected(DISK, NULL);
    write_and_fail_to_flush();
    assert_only_reads_succeed();
    block_teardown();
}

/* Reads beyond the end of a file that has shrunk; the user mends it while the machine stands. */
static XenDevice *stopped_on_error(void)
{
    XenDevice *device = setup_connected(DISK, "rerror=stop");

    stops = 0;
    block_set_stop_handler(note_stop);
    g_assert_cmpint(truncate("disk", 8192), ==, 0);
    for (unsigned i = 0; i < 3; i++) {
        Request read = make_request(BLKIF_OP_READ, i == 1 ? 0 : 4000 + i, i, 1);
        read.id = i;
        put_request(0, &read);
    }
    submit(0);
    WAIT_UNTIL(__atomic_load_n(&stops, __ATOMIC_ACQUIRE) == 2);
    run_state_stop(RUN_STATE_IO_ERROR);
    /* A request that comes while it stands waits. */
    Request late = make_request(BLKIF_OP_READ, 8, 3, 1);
    late.id = 3;
    put_request(0, &late);
    submit(0);
    pump();
    wait_responses(0, 1);
    g_assert_cmpuint(responses_waiting(0), ==, 1);
    return device;
}

static void assert_all_are_answered(void)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < 4; i++) {
        uint64_t id;
        g_assert_cmpint(take_response(0, &id), ==, BLKIF_RSP_OKAY);
        seen |= 1u << id;
    }
    g_assert_cmphex(seen, ==, 0xf);
    g_assert_true(all_pattern(frame(DATA_FRAME), 4000 * 512, 4096));
    g_assert_true(all_pattern(frame(DATA_FRAME + 2), 4002 * 512, 4096));
    g_assert_true(all_pattern(frame(DATA_FRAME + 3), 4096, 4096));
}

static void stopped_requests_are_tried_again(void)
{
    stopped_on_error();
    block_teardown(); /* with them waiting */

    stopped_on_error();
    g_autofree uint8_t *whole = g_malloc(IMAGE_SIZE);
    for (unsigned i = 0; i < IMAGE_SIZE; i++) {
        whole[i] = pattern(i);
    }
    int fd = open("disk", O_WRONLY);
    g_assert_cmpint(write(fd, whole, IMAGE_SIZE), ==, IMAGE_SIZE);
    close(fd);
    run_state_start(NULL);
    assert_all_are_answered();
    block_set_stop_handler(NULL);
    block_teardown();
}

/* ---- saved state ---- */

/* All of guest, store and disk into fresh ones; the new disk's machine has not run. */
static XenDevice *move_guest(XenDevice *device, const char *drive, const char *properties)
{
    Front before = front;
    g_autofree uint8_t *ram = g_memdup2(xen->ram, FIXTURE_FRAMES * XEN_PAGE_SIZE);
    g_autofree uint8_t *grants = g_memdup2(xen->pages[XEN_PAGE_GRANT_TABLE][0], XEN_PAGE_SIZE);
    g_autofree uint8_t *info = g_memdup2(shared_info(xen), XEN_PAGE_SIZE);
    g_autoptr(GVariant) disk_state = save_device(device);
    g_autoptr(GVariant) store_state = g_variant_ref_sink(store_save(store));
    g_autoptr(GVariant) domain_state = g_variant_ref_sink(xen_domain_save(xen->domain));
    GError *error = NULL;

    block_teardown();
    device = setup_disk(drive, properties);
    run_state_stop(RUN_STATE_PAUSED);
    memcpy(xen->ram, ram, FIXTURE_FRAMES * XEN_PAGE_SIZE);
    device_load(HW_DEVICE(device), disk_state, &error);
    g_assert_no_error(error);
    xen_domain_load(xen->domain, domain_state, &error);
    g_assert_no_error(error);
    memcpy(xen->pages[XEN_PAGE_GRANT_TABLE][0], grants, XEN_PAGE_SIZE);
    memcpy(shared_info(xen), info, XEN_PAGE_SIZE);
    store_load(store, store_state, &error);
    g_assert_no_error(error);
    front = before;
    front.device = device;
    pump();
    return device;
}

/* With requests in the middle. */
static void loaded_disk_goes_on_in_its_rings(void)
{
    XenDevice *device = move_guest(stopped_on_error(), DISK, "rerror=stop");

    g_assert_cmpuint(responses_waiting(0), ==, 1);
    run_state_start(NULL);
    g_assert_cmpuint(backend_state(device), ==, XenbusStateConnected);
    assert_all_are_answered();
    Request read = make_request(BLKIF_OP_READ, 0, 9, 1);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    block_set_stop_handler(NULL);
    enter(device, XenbusStateClosed);
    block_teardown();
}

static XenDevice *move_running_guest(XenDevice *device)
{
    run_state_stop(RUN_STATE_PAUSED);
    device = move_guest(device, DISK, NULL);
    run_state_start(NULL);
    g_assert_cmpuint(backend_state(device), ==, XenbusStateConnected);
    return device;
}

/* The data that the failed flush lost is no safer where the guest has gone to, or gone on to. */
static void failed_flush_is_not_forgotten_by_a_move(void)
{
    XenDevice *device = move_running_guest(setup_connected(DISK, NULL));

    write_and_fail_to_flush();
    device = move_running_guest(device);
    assert_only_reads_succeed();
    move_running_guest(device);
    assert_only_reads_succeed();
    block_teardown();
}

/* A wrong state is told to the guest as an error; nothing else happens. */
static void wrong_saved_queues_are_refused(void)
{
    static const char *const states[] = {
        "[]",
        "[(0, 0, []), (0, 0, [])]",
        "[(5, 0, [])]",
        "[(40, 7, [])]",
        "[(1, 0, [(0, 2, 0, 1, 0, 4096, 0, [(500, 0, 7)])])]",
        "[(1, 0, [(0, 2, 0, 1, 0, 4096, 0, [(90, 7, 0)])])]",
        "[(1, 0, [(0, 2, 0, 1, 0, 8192, 0, [(90, 0, 7)])])]",
        "[(1, 0, [(0, 2, 0, 1, 18446744073709551104, 4096, 0, [(90, 0, 7)])])]",
        "[(1, 0, [(0, 200, 0, 1, 0, 4096, 0, [(90, 0, 7)])])]",
        "[(1, 0, [(0, 2, 0, 1, 0, 4096, 0, [])])]",
        "[(1, 0, [(5, 8, 0, 1, 0, 4096, 5000, [])])]",
        /* A request behind a barrier. */
        "[(2, 0, [(2, 4, 1, 1, 0, 512, 0, [(90, 0, 0)]), (0, 2, 0, 1, 0, 512, 0, [(90, 0, 0)])])]",
        "'text'",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
        XenDevice *device = setup_connected(DISK ",discard=unmap", NULL);
        bool is_list = states[i][0] == '[';
        g_autofree char *text =
            is_list ? g_strdup_printf("(false, %s)", states[i]) : g_strdup(states[i]);
        g_autoptr(GVariant) queues =
            g_variant_parse(is_list ? G_VARIANT_TYPE("(ba" XEN_BLOCK_QUEUE_STATE ")") : NULL, text,
                            NULL, NULL, NULL);
        g_autoptr(GVariant) state = g_variant_ref_sink(
            g_variant_new("(uv)", 2,
                          g_variant_new("(uubbb@mv)", 4, 4, TRUE, TRUE, TRUE,
                                        g_variant_new_maybe(G_VARIANT_TYPE_VARIANT,
                                                            g_variant_new_variant(queues)))));
        GError *error = NULL;

        run_state_stop(RUN_STATE_PAUSED);
        device_load(HW_DEVICE(device), state, &error);
        g_assert_no_error(error);
        run_state_start(NULL);
        if (backend_state(device) != XenbusStateClosing) {
            g_error("state %u was taken", i);
        }
        g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
        block_teardown();
    }
}

/* ---- threads ---- */

#ifdef __SANITIZE_THREAD__
/* The engine's event source is freed under GLib's lock of the context, which the sanitizer does not
 * see. */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void)
{
    return "race:source_finalize\nrace:block_backend_set_context\n";
}
#endif

static void io_thread_does_the_same(void)
{
    GError *error = NULL;
    IOThread *thread = io_thread_new("io0", &error);

    g_assert_no_error(error);
    g_assert_null(io_thread_new("io0", NULL));
    XenDevice *device = setup_disk(DISK, "iothread=io0");
    g_assert_false(io_thread_free(thread, NULL));
    front.queues = 2;
    connect_front(device);
    check_transfer();
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 30; i++) {
            Request read = make_request(BLKIF_OP_READ, 8 * i, i, 1);
            put_request(round & 1, &read);
        }
        submit(round & 1);
        if (round % 10 == 9) {
            block_drain_all();
        }
        for (unsigned i = 0; i < 30; i++) {
            g_assert_cmpint(take_response(round & 1, NULL), ==, BLKIF_RSP_OKAY);
        }
    }
    /* Requests are under way when the front end goes. */
    for (unsigned i = 0; i < 30; i++) {
        Request read = make_request(BLKIF_OP_READ, 8 * i, i, 1);
        put_request(0, &read);
    }
    submit(0);
    enter(device, XenbusStateClosing);
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    block_teardown();
    g_assert_true(io_thread_free(thread, &error));
}

static void io_thread_reports_a_lying_ring(void)
{
    IOThread *thread = io_thread_new("io0", NULL);
    XenDevice *device = setup_connected(DISK, "iothread=io0");

    __atomic_store_n(ring_index(0, REQ_PROD), 50, __ATOMIC_RELEASE);
    send_event(0);
    WAIT_UNTIL(device->state == XenbusStateClosing);
    g_assert_cmpuint(backend_state(device), ==, XenbusStateClosing);
    block_teardown();
    g_assert_true(io_thread_free(thread, NULL));
}

static unsigned io_threads(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/task", 0, NULL);
    unsigned count = 0;
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strdup_printf("/proc/self/task/%s/comm", name);
        g_autofree char *comm = NULL;
        count += g_file_get_contents(path, &comm, NULL, NULL) && g_str_has_prefix(comm, "IO disk");
    }
    return count;
}

/* Reads of all queues at once, @rounds times, with something in the middle. */
static void read_on_all_queues(unsigned rounds, void (*between)(unsigned round))
{
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned q = 0; q < front.queues; q++) {
            for (unsigned i = 0; i < 30; i++) {
                Request read = make_request(i % 8 ? BLKIF_OP_READ : BLKIF_OP_FLUSH_DISKCACHE, 8 * i,
                                            30 * q + i, i % 8 ? 1 : 0);
                put_request(q, &read);
            }
            submit(q);
        }
        between(round);
        for (unsigned q = 0; q < front.queues; q++) {
            for (unsigned i = 0; i < 30; i++) {
                g_assert_cmpint(take_response(q, NULL), ==, BLKIF_RSP_OKAY);
            }
        }
        for (unsigned q = 0; q < front.queues; q++) {
            g_assert_true(all_pattern(frame(DATA_FRAME + 30 * q + 1), 4096, 4096));
            memset(frame(DATA_FRAME + 30 * q + 1), 0, 4096);
        }
    }
}

static void drain_sometimes(unsigned round)
{
    if (round % 5 == 4) {
        block_drain_all();
    }
}

static void each_queue_has_a_thread(void)
{
    XenDevice *device = setup_disk(DISK, "num-queues=4");

    front.queues = 4;
    g_assert_cmpuint(io_threads(), ==, 0);
    connect_front(device);
    g_assert_cmpuint(io_threads(), ==, MIN(4, g_get_num_processors()));
    check_transfer();
    read_on_all_queues(40, drain_sometimes);
    enter(device, XenbusStateClosing);
    g_assert_cmpuint(io_threads(), ==, 0);
    block_teardown();
}

static void change_limits(unsigned round)
{
    ThrottleLimits limits = {0};

    for (unsigned i = 0; i < THROTTLE_BUCKET_COUNT; i++) {
        limits.buckets[i].burst_length = 1;
    }
    limits.buckets[THROTTLE_OPERATIONS_TOTAL].average = round % 3 ? 20000 : 0;
    g_assert_true(block_backend_change_limits(block_backend_find("d"), &limits, NULL));
}

/* Throttled requests of all threads come by one of them. */
static void limits_hold_for_all_queues(void)
{
    XenDevice *device = setup_disk(DISK ",throttling.iops-total=10000", "num-queues=4");

    front.queues = 4;
    connect_front(device);
    read_on_all_queues(20, drain_sometimes);
    read_on_all_queues(20, change_limits);
    block_teardown();
}

static void overlay_has_one_thread(void)
{
    XenDevice *device = setup_disk(DISK ",snapshot=on", "num-queues=4");

    front.queues = 4;
    connect_front(device);
    Request write = make_request(BLKIF_OP_WRITE, 800, 0, 4);
    g_assert_cmpuint(io_threads(), ==, 1);
    read_on_all_queues(20, drain_sometimes);
    g_assert_cmpint(do_request(&write), ==, BLKIF_RSP_OKAY);
    block_teardown();
}

/* ---- size ---- */

static void count_change(StoreClient *client, const char *path, void *opaque)
{
    ++*(unsigned *)opaque;
}

static void resize_to(uint64_t length)
{
    BlockBackend *backend = block_backend_find("d");
    GError *error = NULL;

    block_node_resize(block_backend_node_name(backend), length, &error);
    g_assert_no_error(error);
    pump();
}

/* The size and then the state, as it was, again: that is what front ends watch. */
static void running_disk_changes_its_size(void)
{
    XenDevice *device = setup_connected(DISK, "num-queues=2");
    g_autofree char *state = g_strconcat(device->backend_path, "/state", NULL);
    unsigned changes = 0;
    StoreClient *client = xen_device_client(device);
    StoreClientWatch *watch = store_client_watch(client, state, count_change, &changes, NULL);
    Request beyond = make_request(BLKIF_OP_READ, IMAGE_SIZE / 512 + 8, 0, 1);
    Request last = make_request(BLKIF_OP_READ, IMAGE_SIZE / 512 - 8, 0, 1);

    pump();
    g_assert_cmpuint(changes, ==, 1);
    g_assert_cmpint(do_request(&beyond), ==, BLKIF_RSP_ERROR);
    resize_to(2 * IMAGE_SIZE);
    assert_backend(device, "sectors", "16384");
    assert_backend(device, "state", "4");
    g_assert_cmpuint(changes, ==, 2);
    memset(frame(DATA_FRAME), 0x55, XEN_PAGE_SIZE);
    g_assert_cmpint(do_request(&beyond), ==, BLKIF_RSP_OKAY);
    g_assert_true(all_bytes(frame(DATA_FRAME), XEN_PAGE_SIZE, 0));
    resize_to(IMAGE_SIZE / 2);
    assert_backend(device, "sectors", "4096");
    g_assert_cmpuint(changes, ==, 3);
    g_assert_cmpint(do_request(&last), ==, BLKIF_RSP_ERROR);
    resize_to(IMAGE_SIZE / 2);
    g_assert_cmpuint(changes, ==, 3); /* nothing new */
    store_client_unwatch(client, watch);
    block_teardown();
}

/* ---- reset ---- */

static void reset_drops_rings_and_begins_anew(void)
{
    XenDevice *device = setup_connected(DISK, NULL);

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 10; i++) {
            Request read = make_request(BLKIF_OP_READ, 8 * i, i, 1);
            put_request(0, &read);
        }
        submit(0);
        g_main_context_iteration(NULL, FALSE);
        reset_machine();
        g_assert_cmpuint(backend_state(device), ==, XenbusStateInitWait);
        g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
        connect_front(device);
        check_transfer();
    }
    block_teardown();
}

/* ---- CD-ROM ---- */

static void cdrom_follows_its_medium(void)
{
    block_setup();
    make_image("one", 1 << 20);
    make_image("two", 2 << 20);
    add_drive("file=one,format=raw,media=cdrom,if=none,id=cd");
    add_node("driver=raw,node-name=two,read-only=on,file.driver=file,file.filename=two");
    XenDevice *device = add_device("xen-cdrom", "drive=cd,vdev=hdc");
    BlockBackend *backend = block_backend_find("cd");

    assert_backend(device, "device-type", "cdrom");
    assert_backend(device, "mode", "r");
    assert_backend(device, "info", "7");
    assert_backend(device, "sectors", "2048");
    g_assert_cmpuint(guest_number(device->frontend_path, "virtual-device"), ==, 5632);
    connect_front(device);
    Request read = make_request(BLKIF_OP_READ, 8, 0, 1);
    Request far = make_request(BLKIF_OP_READ, 3000, 0, 1);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    g_assert_cmpint(do_request(&far), ==, BLKIF_RSP_ERROR);
    block_backend_remove_medium(backend);
    assert_backend(device, "sectors", "0");
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_ERROR);
    g_assert_true(block_backend_insert_medium(backend, "two", NULL));
    assert_backend(device, "sectors", "4096");
    assert_backend(device, "state", "4");
    g_assert_cmpint(do_request(&far), ==, BLKIF_RSP_OKAY);
    block_teardown();

    block_setup();
    device = add_device("xen-cdrom", NULL);
    assert_backend(device, "sectors", "0");
    block_teardown();
}

/* ---- drives of the board ---- */

static void drives_of_interface_xen_become_devices(void)
{
    GError *error = NULL;

    block_setup();
    make_image("disk", IMAGE_SIZE);
    make_image("cd", 1 << 20);
    add_drive("file=disk,format=raw,if=xen");
    add_drive("file=cd,format=raw,if=xen,media=cdrom");
    g_assert_false(drives_check_claimed(NULL));
    xen_block_create_drives(bus, &error);
    g_assert_no_error(error);
    g_assert_true(drives_check_claimed(NULL));
    GPtrArray *children = bus_get_children(HW_BUS(bus));
    g_assert_cmpuint(children->len, ==, 2);
    assert_backend(g_ptr_array_index(children, 0), "dev", "xvda");
    assert_backend(g_ptr_array_index(children, 1), "dev", "xvdb");
    assert_backend(g_ptr_array_index(children, 1), "device-type", "cdrom");
    block_teardown();
}

/* ---- one image behind IDE and PV ---- */

static PIIX3IDE *add_controller(void)
{
    PCIBus *pci =
        pci_bus_new(machine, NULL, "pci.0", machine_memory_root(machine), machine_io_root(machine));
    Device *ide = device_new_by_name("piix3-ide", NULL);

    g_assert_nonnull(ide);
    g_assert_true(device_realize(ide, machine, HW_BUS(pci), NULL));
    g_object_unref(ide);
    return HW_PIIX3_IDE(ide);
}

static IDEDrive *add_ide_disk(PIIX3IDE *ide, const char *drive)
{
    Device *disk = device_new_by_name("ide-hd", NULL);
    GError *error = NULL;

    device_set_property_text(disk, "drive", drive, NULL);
    device_set_property_text(disk, "unit", "0", NULL);
    device_realize_and_unref(disk, machine, machine_find_bus(machine, "ide.0"), &error);
    g_assert_no_error(error);
    return ide_controller_drive(ide, 0, 0);
}

static void assert_hidden(XenDevice *device, bool hidden)
{
    g_autofree char *state = guest_read(device->frontend_path, "state");

    g_assert_true(!state == hidden);
}

static void image_belongs_to_ide_until_unplug_and_again_after_reset(void)
{
    block_setup();
    make_image("disk", IMAGE_SIZE);
    PIIX3IDE *controller = add_controller();
    add_drive(DISK ",if=none,id=disk");
    IDEDrive *ide = add_ide_disk(controller, "disk");
    XenDevice *device = add_device("xen-disk", "drive=disk,vdev=xvda");

    for (unsigned round = 0; round < 3; round++) {
        assert_hidden(device, true);
        xen_bus_emulated_unplugged(bus); /* something else */
        assert_hidden(device, true);
        ide_drive_unplug(ide);
        xen_bus_emulated_unplugged(bus);
        pump();
        assert_hidden(device, false);
        g_assert_cmpuint(backend_state(device), ==, XenbusStateInitWait);
        assert_backend(device, "mode", "w");
        connect_front(device);
        Request write = make_request(BLKIF_OP_WRITE, 8 * round, 0, 1);
        memset(frame(DATA_FRAME), (int)(0x11 * (round + 1)), XEN_PAGE_SIZE);
        g_assert_cmpint(do_request(&write), ==, BLKIF_RSP_OKAY);
        reset_machine();
        g_assert_false(ide_drive_is_unplugged(ide));
        memset(&front, 0, sizeof(front));
    }
    g_autofree uint8_t *bytes = image_bytes("disk");
    g_assert_true(all_bytes(bytes, 4096, 0x11));
    g_assert_true(all_bytes(bytes + 8192, 4096, 0x33));
    g_assert_true(all_pattern(bytes + 12288, 12288, 4096));
    block_teardown();
}

/* Whoever of the two has it, the image is locked: a third writer is refused. */
static void shared_image_stays_locked(void)
{
    g_autofree char *before = NULL, *after = NULL;

    block_setup();
    make_image("disk", IMAGE_SIZE);
    PIIX3IDE *controller = add_controller();
    add_drive(DISK ",if=none,id=disk");
    IDEDrive *ide = add_ide_disk(controller, "disk");
    XenDevice *device = add_device("xen-disk", "drive=disk,vdev=xvda");
    add_drive(DISK ",if=none,id=third");
    before = attach_error("third", WRITER);
    g_assert_nonnull(before);
    ide_drive_unplug(ide);
    xen_bus_emulated_unplugged(bus);
    assert_hidden(device, false);
    after = attach_error("third", WRITER);
    g_assert_nonnull(after);
    block_teardown();
}

static void two_drives_on_one_image_work_with_locking_off(void)
{
    block_setup();
    make_image("disk", IMAGE_SIZE);
    PIIX3IDE *controller = add_controller();
    add_drive(DISK ",if=none,id=pv,file.locking=off");
    add_drive(DISK ",if=none,id=ide,file.locking=off");
    IDEDrive *ide = add_ide_disk(controller, "ide");
    XenDevice *device = add_device("xen-disk", "drive=pv,vdev=xvda");

    assert_hidden(device, false);
    ide_drive_unplug(ide);
    xen_bus_emulated_unplugged(bus);
    connect_front(device);
    check_transfer();
    reset_machine();
    g_assert_false(ide_drive_is_unplugged(ide));
    assert_hidden(device, false);
    block_teardown();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        {"host-error", host_error_is_reported_or_ignored},
        {"failed-flush", after_a_failed_flush_no_write_succeeds},
        {"stop", stopped_requests_are_tried_again},
        {"load", loaded_disk_goes_on_in_its_rings},
        {"lost-data-moves", failed_flush_is_not_forgotten_by_a_move},
        {"bad-state", wrong_saved_queues_are_refused},
        {"io-thread", io_thread_does_the_same},
        {"io-thread-lying", io_thread_reports_a_lying_ring},
        {"thread-per-queue", each_queue_has_a_thread},
        {"limits", limits_hold_for_all_queues},
        {"overlay", overlay_has_one_thread},
        {"resize", running_disk_changes_its_size},
        {"reset", reset_drops_rings_and_begins_anew},
        {"cdrom", cdrom_follows_its_medium},
        {"if-xen", drives_of_interface_xen_become_devices},
        {"one-image", image_belongs_to_ide_until_unplug_and_again_after_reset},
        {"locked", shared_image_stays_locked},
        {"two-drives", two_drives_on_one_image_work_with_locking_off},
    };

    bus_test_init(&argc, &argv);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/xen-block-life/", tests[i].name, NULL);
        g_test_add_func(path, tests[i].test);
    }
    return g_test_run();
}
