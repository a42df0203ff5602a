/*
 * PV disks as a guest uses them: names, nodes, both ABIs, every operation, bad requests and lying
 * rings, many queues and pages, events, persistent grants.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-block-fixture.h"

/* ---- names ---- */

static void names_have_xens_numbers(void)
{
    static const struct {
        const char *text, *name;
        uint32_t number;
    } rows[] = {
        {"xvda", "xvda", 51712},
        {"xvda1", "xvda1", 51713},
        {"xvdp15", "xvdp15", 51967},
        {"xvdq", "xvdq", 1u << 28 | 16 << 8},
        {"xvda16", "xvda16", 1u << 28 | 16},
        {"xvdaa", "xvdaa", 1u << 28 | 26 << 8},
        {"xvdzz3", "xvdzz3", 1u << 28 | 701 << 8 | 3},
        {"hda", "hda", 768},
        {"hdb1", "hdb1", 833},
        {"hdc", "hdc", 5632},
        {"hdd63", "hdd63", 5759},
        {"sda", "sda", 2048},
        {"sdp15", "sdp15", 2303},
        {"d0", "xvda", 51712},
        {"d2p1", "xvdc1", 51745},
        {"d20", "xvdu", 1u << 28 | 20 << 8},
        {"51712", "xvda", 51712},
        {"0xca10", "xvdb", 51728},
        {"768", "hda", 768},
        {"268439552", "xvdq", 268439552},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        XenVdev vdev, back;
        GError *error = NULL;

        xen_vdev_parse(rows[i].text, &vdev, &error);
        g_assert_no_error(error);
        g_autofree char *name = xen_vdev_name(&vdev);
        g_assert_cmpstr(name, ==, rows[i].name);
        g_assert_cmpuint(xen_vdev_number(&vdev), ==, rows[i].number);
        g_assert_true(xen_vdev_from_number(rows[i].number, &back));
        g_assert_cmpuint(xen_vdev_number(&back), ==, rows[i].number);
    }
}

static void bad_names_are_refused(void)
{
    static const char *const bad[] = {
        "",      "xvd", "xvdA",   "xvda256",      "hde",        "hda64",    "sdq",
        "sda16", "d",   "dp1",    "d1p",          "d1p2x",      "0x",       "1",
        "-5",    "vda", "xvda1x", "xvdzzzzzzzzz", "4294967296", "d1048576", "xvda99999999999"};

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        XenVdev vdev;

        g_assert_false(xen_vdev_parse(bad[i], &vdev, &error));
        g_assert_nonnull(error);
    }
}

static void free_name_is_found_and_used_name_refused(void)
{
    g_autoptr(GError) error = NULL;
    XenDevice *first = setup_disk(DISK, NULL);

    g_assert_cmpuint(first->number, ==, 51712);
    make_image("second", IMAGE_SIZE);
    make_image("third", IMAGE_SIZE);
    add_drive("file=second,format=raw,if=none,id=e");
    add_drive("file=third,format=raw,if=none,id=f");
    XenDevice *second = add_device("xen-disk", "drive=e");
    g_assert_cmpuint(second->number, ==, 51728);
    g_assert_null(try_device("xen-disk", "drive=f,vdev=d1", &error));
    g_assert_cmpstr(error->message, ==, "vdev 'd1' is in use by another disk");
    block_teardown();
}

static void wrong_properties_are_told(void)
{
    static const struct {
        const char *properties, *message;
    } rows[] = {
        {"vdev=xvdb", "drive property not set"},
        {"drive=none", "Property 'xen-disk.drive' can't find value 'none'"},
        {"drive=d,vdev=vda",
         "Invalid virtual disk specifier 'vda': use xvdX[N], hdX[N], sdX[N], dN[pN] or a number"},
        {"drive=d,logical_block_size=1000",
         "logical_block_size must be a power of 2 between 512 and 4096"},
        {"drive=d,physical_block_size=3",
         "physical_block_size must be a power of 2 between 512 and 2097152"},
        {"drive=d,discard_granularity=100",
         "discard_granularity must be a multiple of logical_block_size"},
        {"drive=d,iothread=io7", "Device 'io7' not found"},
        {"drive=d,werror=perhaps", "'perhaps' invalid write error action"},
    };

    block_setup();
    make_image("disk", IMAGE_SIZE);
    add_drive(DISK ",if=none,id=d");
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(try_device("xen-disk", rows[i].properties, &error));
        g_assert_cmpstr(error->message, ==, rows[i].message);
    }
    add_device("xen-disk", "drive=d");
    block_teardown();
}

/* ---- nodes ---- */

static void disk_publishes_what_it_can(void)
{
    XenDevice *device = setup_disk(DISK ",discard=unmap",
                                   "vdev=xvdc,physical_block_size=4096,max-ring-page-order=3");

    assert_backend(device, "dev", "xvdc");
    assert_backend(device, "device-type", "disk");
    assert_backend(device, "mode", "w");
    assert_backend(device, "info", "0");
    assert_backend(device, "sectors", "8192");
    assert_backend(device, "sector-size", "512");
    assert_backend(device, "physical-sector-size", "4096");
    assert_backend(device, "feature-flush-cache", "1");
    assert_backend(device, "feature-barrier", "1");
    assert_backend(device, "feature-persistent", "0");
    assert_backend(device, "feature-discard", "1");
    assert_backend(device, "discard-granularity", "512");
    assert_backend(device, "discard-alignment", "0");
    assert_backend(device, "discard-secure", "1");
    assert_backend(device, "feature-max-indirect-segments", "256");
    assert_backend(device, "max-ring-page-order", "3");
    assert_backend(device, "max-ring-pages", "8");
    assert_backend(device, "multi-queue-max-queues", "4");
    g_assert_cmpuint(guest_number(device->frontend_path, "virtual-device"), ==, 51744);
    block_teardown();

    device = setup_disk(DISK ",read-only=on", "num-queues=2");
    assert_backend(device, "mode", "r");
    assert_backend(device, "info", "4");
    assert_backend(device, "feature-discard", NULL);
    assert_backend(device, "multi-queue-max-queues", "2");
    block_teardown();
}

static void missing_or_wrong_nodes_are_told(void)
{
    static const struct {
        const char *name, *value, *reason;
    } rows[] = {
        {"protocol", "arm-abi", "22 unknown protocol 'arm-abi'"},
        {"ring-ref", "x", "22 ring-ref0 is missing"},
        {"ring-ref", "99999", "22 the ring's pages cannot be mapped (status -3)"},
        {"event-channel", "4000", "22 Xen: event channel port 4000 does not wait for a back end"},
        {"event-channel", "", "22 event-channel is not a number from 0 to 4294967295"},
        {"ring-page-order", "5", "22 ring-page-order is not a number from 0 to 4"},
        {"ring-page-order", "1", "22 ring-ref0 is missing"},
        {"num-ring-pages", "3", "22 num-ring-pages is not a power of 2"},
        {"multi-queue-num-queues", "0", "22 multi-queue-num-queues is not a number from 1 to 4"},
        {"multi-queue-num-queues", "5", "22 multi-queue-num-queues is not a number from 1 to 4"},
        {"multi-queue-num-queues", "2", "22 queue-0/ring-ref0 is missing"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        XenDevice *device = setup_disk(DISK, NULL);

        prepare_front(device);
        guest_write_text(device, rows[i].name, rows[i].value);
        g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateClosing);
        g_autofree char *reason = store_client_read(guest_store, 0, device->error_path, NULL, NULL);
        g_assert_cmpstr(reason, ==, rows[i].reason);
        g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
        block_teardown();
    }
}

/* ---- reading and writing ---- */

static void wide_front_end_reads_and_writes(void)
{
    setup_connected(DISK, NULL);
    check_transfer();
    block_teardown();
}

static void narrow_front_end_reads_and_writes(void)
{
    XenDevice *device = setup_disk(DISK, NULL);

    front.narrow = true;
    connect_front(device);
    check_transfer();
    Request indirect = make_indirect(BLKIF_OP_READ, 0, 0, 100);
    g_assert_cmpint(do_request(&indirect), ==, BLKIF_RSP_OKAY);
    g_assert_true(all_pattern(frame(DATA_FRAME), 0, 100 * XEN_PAGE_SIZE));
    block_teardown();
}

static void native_follows_the_guests_word_size(void)
{
    XenDevice *device = setup_disk(DISK, NULL);

    front.narrow = true;
    prepare_front(device);
    xen_domain_latch_mode(xen->domain, false);
    g_autofree char *path = g_strconcat(device->frontend_path, "/protocol", NULL);
    store_client_remove(guest_store, 0, path, NULL);
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    Request read = make_request(BLKIF_OP_READ, 8, 0, 1);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    g_assert_true(all_pattern(frame(DATA_FRAME), 4096, XEN_PAGE_SIZE));
    block_teardown();
}

static void indirect_request_moves_a_mebibyte(void)
{
    setup_connected(DISK, NULL);
    Request read = make_indirect(BLKIF_OP_READ, 100, 0, 256);
    for (unsigned i = 0; i < 256; i++) {
        read.seg[i].gref = DATA_FRAME + i % 128; /* pages twice: the later data stay */
    }
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    g_assert_true(
        all_pattern(frame(DATA_FRAME), 100 * 512 + 128 * XEN_PAGE_SIZE, 128 * XEN_PAGE_SIZE));
    Request write = make_indirect(BLKIF_OP_WRITE, 0, 0, 128);
    g_assert_cmpint(do_request(&write), ==, BLKIF_RSP_OKAY);
    g_autofree uint8_t *bytes = image_bytes("disk");
    g_assert_cmpmem(bytes, 128 * XEN_PAGE_SIZE, frame(DATA_FRAME), 128 * XEN_PAGE_SIZE);
    block_teardown();
}

/* Rings of 16 pages on four queues, each filled several times around. */
static void many_queues_of_many_pages_go_round(void)
{
    XenDevice *device = setup_disk(DISK, NULL);

    front.pages = 16;
    front.queues = 4;
    connect_front(device);
    g_assert_cmpuint(ring_entries(), ==, 512);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned q = 0; q < 4; q++) {
            for (unsigned i = 0; i < 400; i++) {
                Request read = make_request(BLKIF_OP_READ, (i + 400 * q) * 2, (i + q) % 100, 1);
                read.seg[0].last_sect = 1;
                read.id = i;
                put_request(q, &read);
            }
            submit(q);
        }
        for (unsigned q = 0; q < 4; q++) {
            uint64_t sum = 0, id;
            for (unsigned i = 0; i < 400; i++) {
                g_assert_cmpint(take_response(q, &id), ==, BLKIF_RSP_OKAY);
                sum += id;
            }
            g_assert_cmpuint(sum, ==, 400 * 399 / 2);
            g_assert_cmpuint(responses_waiting(q), ==, 0);
        }
    }
    block_teardown();
}

static void large_sectors_are_kept(void)
{
    XenDevice *device = setup_connected(DISK, "logical_block_size=4096");

    assert_backend(device, "sector-size", "4096");
    assert_backend(device, "sectors", "8192");
    Request read = make_request(BLKIF_OP_READ, 8, 0, 1);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    g_assert_true(all_pattern(frame(DATA_FRAME), 4096, 4096));
    read.sector = 9;
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_ERROR);
    block_teardown();

    /* A front end that counts in the disk's own sectors. */
    device = setup_disk(DISK, "logical_block_size=4096");
    front.unit = 4096;
    prepare_front(device);
    guest_write_number(device, "feature-large-sector-size", 1);
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    assert_backend(device, "sectors", "1024");
    read = make_request(BLKIF_OP_READ, 3, 0, 1);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    g_assert_true(all_pattern(frame(DATA_FRAME), 3 * 4096, 4096));
    read = make_request(BLKIF_OP_READ, 1023, 0, 2);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_ERROR);
    block_teardown();
}

/* ---- other operations ---- */

static void flush_and_barrier_keep_their_order(void)
{
    setup_connected(DISK, NULL);
    Request flush = make_request(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0);
    Request barrier = make_request(BLKIF_OP_WRITE_BARRIER, 0, 3, 1);
    uint64_t id;

    g_assert_cmpint(do_request(&flush), ==, BLKIF_RSP_OKAY);
    memset(frame(DATA_FRAME + 3), 0x5c, XEN_PAGE_SIZE);
    for (unsigned i = 0; i < 8; i++) {
        Request read = make_request(BLKIF_OP_READ, 0, 10 + i, 1);
        read.id = i;
        if (i == 4) {
            barrier.id = 100;
            put_request(0, &barrier);
        }
        put_request(0, &read);
    }
    submit(0);
    for (unsigned i = 0; i < 9; i++) {
        g_assert_cmpint(take_response(0, &id), ==, BLKIF_RSP_OKAY);
        g_assert_true(i == 4 ? id == 100 : (i < 4) == (id < 4));
    }
    g_assert_true(all_pattern(frame(DATA_FRAME + 10), 0, 4096));  /* before the barrier */
    g_assert_true(all_bytes(frame(DATA_FRAME + 17), 4096, 0x5c)); /* behind it */
    barrier.segments = 0;
    g_assert_cmpint(do_request(&barrier), ==, BLKIF_RSP_OKAY);
    flush = make_request(BLKIF_OP_FLUSH_DISKCACHE, 8, 3, 1);
    g_assert_cmpint(do_request(&flush), ==, BLKIF_RSP_OKAY);
    g_autofree uint8_t *bytes = image_bytes("disk");
    g_assert_true(all_bytes(bytes, 8192, 0x5c));
    block_teardown();
}

static Request make_discard(uint64_t sector, uint64_t sectors, uint8_t flag)
{
    Request discard = make_request(BLKIF_OP_DISCARD, sector, 0, 0);

    discard.sectors = sectors;
    discard.inner = flag;
    return discard;
}

static void discard_and_secure_discard_empty_the_range(void)
{
    setup_connected(DISK ",discard=unmap", NULL);
    Request discard = make_discard(8, 8, 0);
    Request secure = make_discard(2000, 5000, BLKIF_DISCARD_SECURE);
    Request too_far = make_discard(8000, 193, 0);
    Request huge = make_discard(8, UINT64_MAX, 0);
    Request none = make_discard(8, 0, 0);

    g_assert_cmpint(do_request(&discard), ==, BLKIF_RSP_OKAY);
    g_assert_cmpint(do_request(&secure), ==, BLKIF_RSP_OKAY);
    g_assert_cmpint(do_request(&too_far), ==, BLKIF_RSP_ERROR);
    g_assert_cmpint(do_request(&huge), ==, BLKIF_RSP_ERROR);
    g_assert_cmpint(do_request(&none), ==, BLKIF_RSP_ERROR);
    g_autofree uint8_t *bytes = image_bytes("disk");
    g_assert_true(all_bytes(bytes + 4096, 4096, 0));
    g_assert_true(all_bytes(bytes + 2000 * 512, 5000 * 512, 0));
    g_assert_true(all_pattern(bytes + 8192, 8192, 1984 * 512));
    g_assert_true(all_pattern(bytes + 7000 * 512, 7000 * 512, IMAGE_SIZE - 7000 * 512));
    block_teardown();

    setup_connected(DISK, NULL);
    g_assert_cmpint(do_request(&discard), ==, BLKIF_RSP_EOPNOTSUPP);
    block_teardown();
}

static void read_only_disk_is_not_written(void)
{
    setup_connected(DISK ",read-only=on", NULL);
    Request write = make_request(BLKIF_OP_WRITE, 0, 0, 1);
    Request barrier = make_request(BLKIF_OP_WRITE_BARRIER, 0, 0, 1);
    Request flush_write = make_request(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 1);
    Request read = make_request(BLKIF_OP_READ, 0, 0, 1);

    g_assert_cmpint(do_request(&write), ==, BLKIF_RSP_ERROR);
    g_assert_cmpint(do_request(&barrier), ==, BLKIF_RSP_ERROR);
    g_assert_cmpint(do_request(&flush_write), ==, BLKIF_RSP_ERROR);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    block_teardown();
}

/* ---- bad requests ---- */

static void bad_requests_get_an_error_and_the_ring_goes_on(void)
{
    setup_connected(DISK, NULL);
    Request good = make_request(BLKIF_OP_READ, 0, 0, 1);
    Request bad[] = {
        make_request(BLKIF_OP_READ, 0, 0, 0),
        make_request(BLKIF_OP_READ, 0, 0, 12),
        make_request(BLKIF_OP_READ, 8192, 0, 1),
        make_request(BLKIF_OP_READ, 8185, 0, 1),
        make_request(BLKIF_OP_READ, UINT64_MAX, 0, 1),
        make_request(BLKIF_OP_READ, UINT64_MAX / 512, 0, 1),
        make_request(BLKIF_OP_WRITE, 0, 0, 1),
        make_request(BLKIF_OP_WRITE, 0, 0, 1),
        make_request(BLKIF_OP_WRITE, 0, 0, 2),
        make_request(BLKIF_OP_READ, 0, 5, 1),
        make_indirect(BLKIF_OP_READ, 0, 0, 0),
        make_indirect(BLKIF_OP_READ, 0, 0, 256),
        make_indirect(BLKIF_OP_WRITE, 0, 0, 20),
    };
    bad[6].seg[0].first_sect = 5;
    bad[6].seg[0].last_sect = 4;
    bad[7].seg[0].last_sect = 8;
    bad[8].seg[1].gref = 500; /* not granted */
    grant_flags(DATA_FRAME + 5, GTF_readonly);
    bad[11].segments = 257;
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        if (i == 12) {
            put_request(0, &bad[i]);
            memset((uint8_t *)frame(bad[i].indirect_ref) + 8 * 19, 0xff, 8);
            submit(0);
            g_assert_cmpint(take_response(0, NULL), ==, BLKIF_RSP_ERROR);
        } else if (do_request(&bad[i]) != BLKIF_RSP_ERROR) {
            g_error("request %u was done", i);
        }
        g_assert_cmpint(do_request(&good), ==, BLKIF_RSP_OKAY);
        g_assert_cmpuint(xen_grant_active(xen->domain), ==, 1);
    }
    block_teardown();
}

static void unknown_operations_are_not_supported(void)
{
    static const uint8_t unknown[] = {4, 7, 8, 100, 255};

    setup_connected(DISK, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(unknown); i++) {
        Request request = make_request(unknown[i], 0, 0, 1);
        g_assert_cmpint(do_request(&request), ==, BLKIF_RSP_EOPNOTSUPP);
    }
    static const uint8_t inner[] = {BLKIF_OP_WRITE_BARRIER, BLKIF_OP_FLUSH_DISKCACHE,
                                    BLKIF_OP_DISCARD, BLKIF_OP_INDIRECT, 200};
    for (unsigned i = 0; i < G_N_ELEMENTS(inner); i++) {
        Request request = make_indirect(inner[i], 0, 0, 1);
        g_assert_cmpint(do_request(&request), ==, BLKIF_RSP_EOPNOTSUPP);
    }
    block_teardown();
}

static void lying_indices_take_the_ring_down(void)
{
    static const uint32_t lies[] = {33, 1000, 0x80000000, UINT32_MAX};

    for (unsigned i = 0; i < G_N_ELEMENTS(lies); i++) {
        XenDevice *device = setup_connected(DISK, NULL);
        make_image("second", IMAGE_SIZE);
        add_drive("file=second,format=raw,if=none,id=e");
        XenDevice *other = add_device("xen-disk", "drive=e,vdev=xvdb");

        __atomic_store_n(ring_index(0, REQ_PROD), lies[i], __ATOMIC_RELEASE);
        send_event(0);
        WAIT_UNTIL(device->state == XenbusStateClosing);
        g_assert_cmpuint(backend_state(device), ==, XenbusStateClosing);
        g_autofree char *reason = store_client_read(guest_store, 0, device->error_path, NULL, NULL);
        g_assert_cmpstr(reason, ==, "22 the ring's indices contradict each other");
        g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
        memset(&front, 0, sizeof(front));
        connect_front(other);
        Request read = make_request(BLKIF_OP_READ, 0, 0, 1);
        g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
        /* The guest may close and begin again. */
        enter(device, XenbusStateClosed);
        enter(device, XenbusStateInitialising);
        memset(&front, 0, sizeof(front));
        enter(other, XenbusStateClosed);
        connect_front(device);
        g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
        block_teardown();
    }
}

static void ring_that_lies_from_the_start_is_refused(void)
{
    XenDevice *device = setup_disk(DISK, NULL);

    prepare_front(device);
    *ring_index(0, REQ_PROD) = 40;
    *ring_index(0, RSP_PROD) = 7;
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateClosing);
    block_teardown();
}

/* ---- events ---- */

static bool port_pending(unsigned q)
{
    uint8_t *byte = &shared_info(xen)[SHARED_INFO_PENDING + front.queue[q].port / 8];
    uint8_t bit = (uint8_t)(1u << front.queue[q].port % 8);

    return __atomic_fetch_and(byte, (uint8_t)~bit, __ATOMIC_SEQ_CST) & bit;
}

static void responses_are_told_only_when_wanted(void)
{
    setup_connected(DISK, NULL);
    port_pending(0);
    for (unsigned i = 0; i < 8; i++) {
        Request read = make_request(BLKIF_OP_READ, 8 * i, i, 1);
        put_request(0, &read);
    }
    *ring_index(0, RSP_EVENT) = 8;
    g_assert_cmpuint(shared_index(0, REQ_EVENT), ==, 1);
    submit(0);
    wait_responses(0, 8);
    WAIT_UNTIL(port_pending(0));
    front.queue[0].consumed += 8;
    WAIT_UNTIL(shared_index(0, REQ_EVENT) == 9);
    /* The guest does not want to hear of these. */
    *ring_index(0, RSP_EVENT) = 100;
    for (unsigned i = 0; i < 8; i++) {
        Request read = make_request(BLKIF_OP_READ, 8 * i, i, 1);
        put_request(0, &read);
    }
    submit(0);
    wait_responses(0, 8);
    WAIT_UNTIL(shared_index(0, REQ_EVENT) == 17);
    g_assert_false(port_pending(0));
    block_teardown();
}

/* ---- persistent grants ---- */

static void persistent_grants_stay_pinned(void)
{
    XenDevice *device = setup_disk(DISK, "persistent-grants=on");

    assert_backend(device, "feature-persistent", "1");
    prepare_front(device);
    guest_write_number(device, "feature-persistent", 1);
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    Request read = make_request(BLKIF_OP_READ, 0, 0, 11);
    Request write = make_request(BLKIF_OP_WRITE, 512, 5, 11);
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 1 + 11);
    g_assert_true(grant_in_use(DATA_FRAME));
    g_assert_cmpint(do_request(&write), ==, BLKIF_RSP_OKAY);
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 1 + 16);
    g_assert_true(all_pattern(frame(DATA_FRAME), 0, 11 * XEN_PAGE_SIZE));
    /* The same page twice in a request. */
    read.seg[1].gref = read.seg[0].gref;
    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    enter(device, XenbusStateClosing);
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    g_assert_false(grant_in_use(DATA_FRAME));
    block_teardown();
}

static void least_recently_used_grant_goes_first(void)
{
    XenBlockGrants grants;
    int status;

    block_setup();
    for (uint32_t i = 0; i < 8; i++) {
        grant_flags(DATA_FRAME + i, 0);
    }
    xen_block_grants_init(&grants, xen->domain, 2);
    XenBlockGrant *a = xen_block_grants_get(&grants, DATA_FRAME, &status);
    XenBlockGrant *b = xen_block_grants_get(&grants, DATA_FRAME + 1, &status);
    g_assert_nonnull(a);
    g_assert_null(xen_block_grants_get(&grants, DATA_FRAME + 2, &status));
    g_assert_cmpint(status, ==, GNTST_no_space);
    xen_block_grants_put(&grants, a);
    xen_block_grants_put(&grants, b);
    g_assert_true(xen_block_grants_get(&grants, DATA_FRAME, &status) == a);
    xen_block_grants_put(&grants, a);
    XenBlockGrant *c = xen_block_grants_get(&grants, DATA_FRAME + 2, &status);
    g_assert_nonnull(c);
    g_assert_false(grant_in_use(DATA_FRAME + 1));
    g_assert_true(grant_in_use(DATA_FRAME));
    g_assert_null(xen_block_grants_get(&grants, 500, &status));
    g_assert_cmpint(status, !=, GNTST_okay);
    xen_block_grants_put(&grants, c);
    xen_block_grants_clear(&grants);
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    block_teardown();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        {"names", names_have_xens_numbers},
        {"bad-names", bad_names_are_refused},
        {"free-name", free_name_is_found_and_used_name_refused},
        {"wrong-properties", wrong_properties_are_told},
        {"nodes", disk_publishes_what_it_can},
        {"wrong-nodes", missing_or_wrong_nodes_are_told},
        {"wide", wide_front_end_reads_and_writes},
        {"narrow", narrow_front_end_reads_and_writes},
        {"native", native_follows_the_guests_word_size},
        {"indirect", indirect_request_moves_a_mebibyte},
        {"many-queues", many_queues_of_many_pages_go_round},
        {"large-sectors", large_sectors_are_kept},
        {"flush-barrier", flush_and_barrier_keep_their_order},
        {"discard", discard_and_secure_discard_empty_the_range},
        {"read-only", read_only_disk_is_not_written},
        {"bad-requests", bad_requests_get_an_error_and_the_ring_goes_on},
        {"unknown", unknown_operations_are_not_supported},
        {"lying-indices", lying_indices_take_the_ring_down},
        {"lying-start", ring_that_lies_from_the_start_is_refused},
        {"events", responses_are_told_only_when_wanted},
        {"persistent", persistent_grants_stay_pinned},
        {"lru", least_recently_used_grant_goes_first},
    };

    bus_test_init(&argc, &argv);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/xen-block/", tests[i].name, NULL);
        g_test_add_func(path, tests[i].test);
    }
    return g_test_run();
}
