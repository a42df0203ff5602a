/*
 * Xen's consoles: the ring in both directions, back pressure from either side, indices that lie,
 * a machine that stands still; the primary console's life with its domain; the device "xen-console"
 * on the primary console and on rings of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev-fixture.h"
#include "hw/char/xen_primary_console.h"
#include "xen-bus-fixture.h"

#include <xen/io/console.h>

enum {
    PRIMARY_FRAME = 10, /* where the guest has its primary console's page */
    RING_FRAME = 20,    /* and that of console N: N frames on; granted by its number */
    IN_SIZE = 1024,
    OUT_SIZE = 2048,
};

typedef struct xencons_interface Page;

static XenPrimaryConsole *primary;
static char *folder;

/* ---- the guest's side ---- */

static Page *page_at(unsigned frame)
{
    return (Page *)(xen->ram + (size_t)frame * XEN_PAGE_SIZE);
}

/* True once for each event. */
static bool event_came(uint32_t port)
{
    uint64_t *word = (uint64_t *)(shared_info(xen) + SHARED_INFO_PENDING) + port / 64;
    uint64_t bit = UINT64_C(1) << port % 64;

    return __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit;
}

static void send_event(uint32_t port)
{
    evtchn_send_t send = {.port = port};

    g_assert_cmpint(
        call_struct(xen, __HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, sizeof(send)), ==, 0);
}

/* As much as there is room for. */
static unsigned put_out(Page *page, const void *bytes, unsigned length)
{
    const char *from = bytes;

    length = MIN(length, OUT_SIZE - (page->out_prod - page->out_cons));
    for (unsigned i = 0; i < length; i++) {
        page->out[MASK_XENCONS_IDX(page->out_prod + i, page->out)] = from[i];
    }
    page->out_prod += length;
    return length;
}

static void say(Page *page, uint32_t port, const char *text)
{
    g_assert_cmpuint(put_out(page, text, strlen(text)), ==, strlen(text));
    send_event(port);
    pump();
}

static char *take_in(Page *page)
{
    GString *text = g_string_new(NULL);

    g_assert_cmpuint(page->in_prod - page->in_cons, <=, IN_SIZE);
    while (page->in_cons != page->in_prod) {
        g_string_append_c(text, page->in[MASK_XENCONS_IDX(page->in_cons++, page->in)]);
    }
    return g_string_free(text, FALSE);
}

/* ---- the host's side: a socket's other end ---- */

static int make_peer(const char *id)
{
    g_autofree char *path = g_build_filename(folder, id, NULL);
    g_autofree char *options = g_strdup_printf("socket,id=%s,path=%s,server=on,wait=off", id, path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    make_chardev(options);
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    unlink(path);
    run_for_ms(20);
    return fd;
}

static void end_peer(const char *id, int fd)
{
    close(fd);
    g_assert_true(chardev_remove(id, NULL));
}

/* What has come, after at least @length bytes of it. */
static char *hear(int fd, unsigned length)
{
    GString *text = g_string_new(NULL);
    char buffer[4096];
    gint64 end = g_get_monotonic_time() + TEST_TIMEOUT_US;

    while (text->len < length && g_get_monotonic_time() < end) {
        ssize_t got = read(fd, buffer, sizeof(buffer));
        if (got > 0) {
            g_string_append_len(text, buffer, got);
        } else {
            run_for_ms(1);
        }
    }
    return g_string_free(text, FALSE);
}

static void assert_heard(int fd, const char *text)
{
    g_autofree char *heard = hear(fd, strlen(text));

    g_assert_cmpstr(heard, ==, text);
}

static void assert_silence(int fd)
{
    char byte;

    run_for_ms(10);
    g_assert_cmpint(read(fd, &byte, 1), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
}

static void type_text(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
}

static char *long_text(unsigned length)
{
    char *text = g_malloc(length + 1);

    for (unsigned i = 0; i < length; i++) {
        text[i] = 'a' + i * 7 % 26 - (i % 3 ? 0 : 32);
    }
    text[length] = '\0';
    return text;
}

/* ---- set-up ---- */

static uint32_t start(void)
{
    bus_setup_all();
    primary = xen_primary_console_new(xen->domain, page_at(PRIMARY_FRAME), PRIMARY_FRAME);
    xen_primary_console_publish(primary, bus);
    uint32_t port = xen_primary_console_offer(primary);
    pump();
    return port;
}

static void finish(void)
{
    machine_destroy(machine);
    pump();
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    xen_primary_console_free(primary);
    store_client_free(guest_store);
    store_free(store);
    fixture_free(xen);
}

static XenDevice *add_console(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *properties = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return add_device("xen-console", properties);
}

static void assert_refused(const char *properties, const char *why)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(try_device("xen-console", properties, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, why);
}

/* ---- the primary console ---- */

static void primary_is_offered_as_a_builder_does(void)
{
    uint32_t port = start();
    const grant_entry_v1_t *grant = (grant_entry_v1_t *)xen->pages[XEN_PAGE_GRANT_TABLE][0];
    evtchn_status_t status = {.dom = DOMID_SELF, .port = port};

    g_assert_cmpuint(port, !=, 0);
    g_assert_cmpuint(xen_domain_param(xen->domain, HVM_PARAM_CONSOLE_EVTCHN), ==, port);
    g_assert_cmpuint(xen_domain_param(xen->domain, HVM_PARAM_CONSOLE_PFN), ==, PRIMARY_FRAME);
    g_assert_cmpuint(grant[GNTTAB_RESERVED_CONSOLE].frame, ==, PRIMARY_FRAME);
    g_assert_true(grant[GNTTAB_RESERVED_CONSOLE].flags & GTF_permit_access);
    g_assert_cmpuint(grant[GNTTAB_RESERVED_CONSOLE].domid, ==, 0);
    g_assert_cmpint(
        call_struct(xen, __HYPERVISOR_event_channel_op, EVTCHNOP_status, &status, sizeof(status)),
        ==, 0);
    g_assert_cmpuint(status.status, ==, EVTCHNSTAT_interdomain);
    g_assert_cmpuint(status.u.interdomain.dom, ==, 0);
    finish();
}

static void output_that_nobody_wants_is_drained(void)
{
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    g_autofree char *text = long_text(OUT_SIZE);

    for (unsigned i = 0; i < 3; i++) {
        say(page, port, text);
        g_assert_cmpuint(page->out_cons, ==, page->out_prod);
        g_assert_true(event_came(port));
    }
    finish();
}

static void output_comes_whole_over_the_end_of_the_ring(void)
{
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");
    g_autofree char *text = long_text(1500);

    page->out_prod = page->out_cons = UINT32_MAX - 700; /* the indices' end too */
    add_console("chardev=c");
    for (unsigned i = 0; i < 5; i++) {
        say(page, port, text);
        assert_heard(fd, text);
        g_assert_true(event_came(port));
    }
    assert_silence(fd);
    finish();
    end_peer("c", fd);
}

static void events_without_bytes_are_not_answered(void)
{
    uint32_t port = start();
    int fd = make_peer("c");

    add_console("chardev=c");
    event_came(port);
    send_event(port);
    pump();
    g_assert_false(event_came(port));
    finish();
    end_peer("c", fd);
}

static void output_before_there_is_a_device_is_what_it_gets_after(void)
{
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");

    say(page, port, "nobody hears this");
    add_console("chardev=c,idx=0");
    say(page, port, "but this");
    assert_heard(fd, "but this");
    finish();
    end_peer("c", fd);
}

static void input_waits_for_room_in_the_ring(void)
{
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");
    g_autofree char *text = long_text(5000);
    g_autoptr(GString) taken = g_string_new(NULL);

    page->in_prod = page->in_cons = UINT32_MAX - 100;
    add_console("chardev=c");
    type_text(fd, text);
    run_until(page->in_prod - page->in_cons == IN_SIZE);
    run_for_ms(10);
    while (taken->len < 5000) {
        run_until(page->in_prod != page->in_cons);
        g_autofree char *some = take_in(page);
        g_assert_true(event_came(port));
        g_string_append(taken, some);
        send_event(port);
        pump();
    }
    g_assert_cmpstr(taken->str, ==, text);
    finish();
    end_peer("c", fd);
}

/* Puts out @text until nothing moves any more; returns how much of it is in the ring or beyond. */
static unsigned put_until_stuck(Page *page, uint32_t port, const char *text, unsigned length)
{
    unsigned done = 0;

    for (unsigned idle = 0; idle < 5;) {
        unsigned put = put_out(page, text + done, length - done);
        done += put;
        idle = put ? 0 : idle + 1;
        send_event(port);
        run_for_ms(2);
    }
    return done;
}

static void output_waits_for_a_back_end_that_takes_no_more(void)
{
    enum { LENGTH = 4 << 20 };
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");
    g_autofree char *text = long_text(LENGTH);
    g_autoptr(GString) heard = g_string_new(NULL);

    add_console("chardev=c");
    unsigned done = put_until_stuck(page, port, text, LENGTH);
    g_assert_cmpuint(done, <, LENGTH);
    g_assert_cmpuint(page->out_prod - page->out_cons, ==, OUT_SIZE);
    event_came(port);
    while (heard->len < LENGTH) {
        g_autofree char *some = hear(fd, 1);
        g_assert_cmpuint(strlen(some), >, 0);
        g_string_append(heard, some);
        pump();
        unsigned put = put_out(page, text + done, LENGTH - done);
        if (put) {
            g_assert_true(event_came(port)); /* that there is room */
            done += put;
            send_event(port);
            pump();
        }
    }
    g_assert_cmpstr(heard->str, ==, text);
    finish();
    end_peer("c", fd);
}

static void indices_that_lie_harm_nobody(void)
{
    static const uint32_t lies[] = {1,          OUT_SIZE,   OUT_SIZE + 1, IN_SIZE + 1,
                                    0x7fffffff, 0x80000000, UINT32_MAX};
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");

    memset(page + 1, 0x5a, XEN_PAGE_SIZE - sizeof(*page));
    add_console("chardev=c");
    for (unsigned i = 0; i < 400; i++) {
        uint32_t *indices[] = {&page->in_cons, &page->in_prod, &page->out_cons, &page->out_prod};
        *indices[i % 4] = i < 28 ? lies[i / 4] : g_test_rand_int_range(0, INT32_MAX) * 2u;
        type_text(fd, "x");
        send_event(port);
        pump();
        g_assert_cmpuint(page->out_prod - page->out_cons, <=, OUT_SIZE);
    }
    for (unsigned i = 0; i < XEN_PAGE_SIZE - sizeof(*page); i++) {
        g_assert_cmpuint(((uint8_t *)(page + 1))[i], ==, 0x5a);
    }
    run_for_ms(20);
    g_free(hear(fd, 1));
    page->in_cons = page->in_prod;
    say(page, port, "it still works");
    g_autofree char *heard = hear(fd, strlen("it still works"));
    g_assert_true(g_str_has_suffix(heard, "it still works"));
    type_text(fd, "here too");
    run_for_ms(20);
    g_autofree char *taken = take_in(page);
    g_assert_true(g_str_has_suffix(taken, "here too"));
    finish();
    end_peer("c", fd);
}

static void page_rests_while_the_machine_stands_still(void)
{
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");
    GError *error = NULL;

    add_console("chardev=c");
    g_assert_cmpuint(put_out(page, "last words", 10), ==, 10);
    send_event(port);
    run_state_stop(RUN_STATE_PAUSED);
    assert_heard(fd, "last words");
    g_assert_cmpuint(page->out_cons, ==, page->out_prod);
    g_autofree void *before = g_memdup2(page, XEN_PAGE_SIZE);
    type_text(fd, "typed");
    run_for_ms(20);
    g_assert_cmpmem(page, XEN_PAGE_SIZE, before, XEN_PAGE_SIZE);
    g_assert_true(run_state_start(&error));
    run_until(page->in_prod != page->in_cons);
    g_autofree char *taken = take_in(page);
    g_assert_cmpstr(taken, ==, "typed");
    finish();
    end_peer("c", fd);
}

static void reset_gives_a_new_port_and_loses_no_output(void)
{
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");

    add_console("chardev=c");
    put_out(page, "rebooting", 9);
    xen_primary_console_release(primary);
    g_assert_cmpuint(xen_primary_console_port(primary), ==, 0);
    assert_heard(fd, "rebooting");
    memset(page, 0, XEN_PAGE_SIZE);
    reset_machine();
    port = xen_primary_console_offer(primary);
    g_assert_cmpuint(port, !=, 0);
    say(page, port, "up again");
    assert_heard(fd, "up again");
    g_assert_true(event_came(port));
    finish();
    end_peer("c", fd);
}

static void saved_port_is_bound_again(void)
{
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");
    GError *error = NULL;

    add_console("chardev=c");
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(xen->domain));
    uint32_t saved_port = xen_primary_console_port(primary);
    g_assert_cmpuint(saved_port, ==, port);
    for (unsigned i = 0; i < 2; i++) {
        xen_primary_console_release(primary);
        g_assert_true(xen_domain_load(xen->domain, saved, &error));
        g_assert_true(xen_primary_console_load(primary, saved_port, &error));
        say(page, port, "loaded");
        assert_heard(fd, "loaded");
    }
    xen_primary_console_release(primary);
    g_assert_false(xen_primary_console_load(primary, 777, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_true(xen_primary_console_load(primary, 0, &error));
    g_assert_cmpuint(xen_primary_console_port(primary), ==, 0);
    finish();
    end_peer("c", fd);
}

static void guest_may_close_its_port(void)
{
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");
    evtchn_close_t closing = {.port = port};

    add_console("chardev=c");
    g_assert_cmpint(
        call_struct(xen, __HYPERVISOR_event_channel_op, EVTCHNOP_close, &closing, sizeof(closing)),
        ==, 0);
    g_assert_cmpuint(xen_primary_console_port(primary), ==, 0);
    type_text(fd, "no event comes of this");
    run_until(page->in_prod != page->in_cons);
    g_assert_false(event_came(port));
    finish();
    end_peer("c", fd);
}

/* ---- the device ---- */

static void device_wants_a_chardev_and_a_number_of_its_own(void)
{
    start();
    make_chardev("null,id=a");
    make_chardev("null,id=b");
    assert_refused("", "no backing character device");
    assert_refused("chardev=", "no backing character device");
    assert_refused("chardev=x", "Property 'xen-console.chardev' can't find value 'x'");
    XenDevice *first = add_console("chardev=a");
    g_assert_cmpuint(first->number, ==, 0);
    assert_refused("chardev=a,idx=5",
                   "Property 'xen-console.chardev' can't take value 'a': Device 'a' is in use");
    assert_refused("chardev=b,idx=0", "device console/0 exists already");
    XenDevice *second = add_console("chardev=b");
    g_assert_cmpuint(second->number, ==, 1);
    make_chardev("null,id=c");
    assert_refused("chardev=c,idx=1", "device console/1 exists already");
    XenDevice *third = add_console("chardev=c,idx=2");
    g_assert_cmpuint(third->number, ==, 2);
    xen_device_remove(second);
    second = add_console("chardev=b");
    g_assert_cmpuint(second->number, ==, 1);
    finish();
    g_assert_true(chardev_remove("a", NULL) && chardev_remove("b", NULL) &&
                  chardev_remove("c", NULL));
}

static void primary_device_has_no_areas_and_goes_when_asked(void)
{
    uint32_t port = start();
    Page *page = page_at(PRIMARY_FRAME);
    int fd = make_peer("c");
    XenDevice *device = add_console("chardev=c");

    g_assert_null(guest_read("device/console/0", "backend"));
    reset_machine();
    port = xen_primary_console_port(primary) ? port : xen_primary_console_offer(primary);
    g_assert_null(guest_read("device/console/0", "backend"));
    xen_device_request_unplug(device);
    xen_primary_console_release(primary);
    port = xen_primary_console_offer(primary);
    say(page, port, "dropped");
    g_assert_cmpuint(page->out_cons, ==, page->out_prod);
    assert_silence(fd);
    g_assert_true(chardev_remove("c", NULL));
    close(fd);
    finish();
}

static void primary_terminal_is_in_xenstore_while_there_is_one(void)
{
    start();
    Chardev *chardev = make_chardev("pty,id=p");
    XenDevice *device = add_console("chardev=p");
    g_autofree char *tty = guest_read("/local/domain/5/console", "tty");

    g_assert_cmpstr(tty, ==, chardev_filename(chardev) + strlen("pty:"));
    g_assert_cmpstr(xen_primary_console_tty(primary), ==, tty);
    xen_device_remove(device);
    g_assert_null(guest_read("/local/domain/5/console", "tty"));
    g_assert_null(xen_primary_console_tty(primary));
    finish();
    g_assert_true(chardev_remove("p", NULL));
}

/* ---- rings of its own ---- */

static uint32_t new_port(void)
{
    evtchn_alloc_unbound_t alloc = {.dom = DOMID_SELF, .remote_dom = 0};

    g_assert_cmpint(call_struct(xen, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &alloc,
                                sizeof(alloc)),
                    ==, 0);
    return alloc.port;
}

static void grant_ring(unsigned reference, uint16_t flags)
{
    *((grant_entry_v1_t *)xen->pages[XEN_PAGE_GRANT_TABLE][0] + reference) =
        (grant_entry_v1_t){GTF_permit_access | flags, 0, reference};
}

/* What Linux's front end does. */
static uint32_t connect_front(XenDevice *device)
{
    unsigned reference = RING_FRAME + device->number;
    uint32_t port = new_port();

    memset(page_at(reference), 0, XEN_PAGE_SIZE);
    grant_ring(reference, 0);
    guest_write_number(device, "ring-ref", reference);
    guest_write_number(device, "port", port);
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    g_assert_cmpuint(enter(device, XenbusStateConnected), ==, XenbusStateConnected);
    return port;
}

static void assert_node(const char *area, const char *name, const char *value)
{
    g_autofree char *text = guest_read(area, name);

    g_assert_cmpstr(text, ==, value);
}

static void further_console_has_the_nodes_of_a_tool_stack(void)
{
    start();
    Chardev *chardev = make_chardev("pty,id=p");
    XenDevice *device = add_console("chardev=p,idx=3");

    g_assert_cmpstr(device->frontend_path, ==, "/local/domain/5/device/console/3");
    g_assert_cmpstr(device->backend_path, ==, "/local/domain/0/backend/console/5/3");
    assert_node(device->frontend_path, "type", "ioemu");
    assert_node(device->frontend_path, "output", "pty");
    assert_node(device->frontend_path, "limit", "1048576");
    assert_node(device->frontend_path, "protocol", "vt100");
    assert_node(device->frontend_path, "tty", chardev_filename(chardev) + strlen("pty:"));
    assert_node(device->backend_path, "protocol", "vt100");
    g_assert_cmpuint(backend_state(device), ==, XenbusStateInitWait);
    finish();
    g_assert_true(chardev_remove("p", NULL));
}

static void assert_talks(Page *page, uint32_t port, int fd)
{
    event_came(port);
    say(page, port, "from the guest");
    assert_heard(fd, "from the guest");
    g_assert_true(event_came(port));
    type_text(fd, "to the guest");
    run_until(page->in_prod - page->in_cons == strlen("to the guest"));
    g_assert_true(event_came(port));
    g_autofree char *taken = take_in(page);
    g_assert_cmpstr(taken, ==, "to the guest");
}

static void further_console_talks_closes_and_begins_again(void)
{
    start();
    int fd = make_peer("c");
    XenDevice *device = add_console("chardev=c,idx=1");
    Page *page = page_at(RING_FRAME + 1);

    for (unsigned i = 0; i < 3; i++) {
        uint32_t port = connect_front(device);
        assert_talks(page, port, fd);
        g_assert_cmpuint(enter(device, XenbusStateClosing), ==, XenbusStateClosing);
        g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
        g_assert_cmpuint(enter(device, XenbusStateClosed), ==, XenbusStateClosed);
        g_assert_cmpuint(enter(device, XenbusStateInitialising), ==, XenbusStateInitWait);
    }
    /* What is typed meanwhile is for the next front end. */
    type_text(fd, "early");
    run_for_ms(10);
    connect_front(device);
    run_until(page->in_prod == 5);
    finish();
    end_peer("c", fd);
}

static void connect_badly(XenDevice *device, const char *reference, const char *port,
                          const char *why)
{
    g_autofree char *path = NULL;

    guest_write_text(device, "ring-ref", reference);
    guest_write_text(device, "port", port);
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateClosing);
    path = guest_read("error/device/console/1", "error");
    g_assert_nonnull(path);
    g_assert_nonnull(strstr(path, why));
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    g_assert_cmpuint(enter(device, XenbusStateInitialising), ==, XenbusStateInitWait);
}

static void front_end_that_gives_nonsense_is_told(void)
{
    start();
    int fd = make_peer("c");
    XenDevice *device = add_console("chardev=c,idx=1");
    g_autofree char *port = g_strdup_printf("%u", new_port());

    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateClosing);
    assert_node("error/device/console/1", "error", "22 ring-ref is missing");
    g_assert_cmpuint(enter(device, XenbusStateInitialising), ==, XenbusStateInitWait);
    connect_badly(device, "x", port, "ring-ref is not a number");
    connect_badly(device, "4000000000", port, "ring-ref 4000000000 cannot be mapped");
    grant_ring(21, GTF_readonly);
    connect_badly(device, "21", port, "ring-ref 21 cannot be mapped");
    grant_ring(21, 0);
    connect_badly(device, "21", "-1", "port is not a number");
    connect_badly(device, "21", "0", "port 0");
    connect_badly(device, "21", "999", "port 999");
    assert_talks(page_at(21), connect_front(device), fd);
    g_assert_null(guest_read("error/device/console/1", "error"));
    finish();
    end_peer("c", fd);
}

static void further_console_goes_on_from_saved_state(void)
{
    start();
    int fd = make_peer("c");
    XenDevice *device = add_console("chardev=c,idx=1");
    Page *page = page_at(RING_FRAME + 1);
    uint32_t port = connect_front(device);
    GError *error = NULL;

    put_out(page, "said before", 11);
    run_state_stop(RUN_STATE_PAUSED);
    assert_heard(fd, "said before");
    g_autoptr(GVariant) domain = g_variant_ref_sink(xen_domain_save(xen->domain));
    g_autoptr(GVariant) saved = save_device(device);
    g_assert_true(xen_domain_load(xen->domain, domain, &error));
    g_assert_true(device_load(HW_DEVICE(device), saved, &error));
    g_autoptr(GVariant) again = save_device(device);
    g_assert_true(g_variant_equal(saved, again));
    g_assert_true(run_state_start(&error));
    pump();
    g_assert_cmpuint(backend_state(device), ==, XenbusStateConnected);
    assert_talks(page, port, fd);
    finish();
    end_peer("c", fd);
}

static void reset_and_unplug_let_go_of_the_ring(void)
{
    start();
    int fd = make_peer("c");
    XenDevice *device = add_console("chardev=c,idx=1");
    Page *page = page_at(RING_FRAME + 1);

    connect_front(device);
    put_out(page, "rebooting", 9);
    reset_machine();
    assert_heard(fd, "rebooting");
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    g_assert_cmpuint(backend_state(device), ==, XenbusStateInitWait);
    uint32_t port = connect_front(device);
    assert_talks(page, port, fd);
    xen_device_request_unplug(device);
    pump();
    g_assert_cmpuint(enter(device, XenbusStateClosed), ==, 0);
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    g_assert_true(chardev_remove("c", NULL));
    close(fd);
    finish();
}

static void last_words_are_heard_when_the_process_ends(void)
{
    uint32_t port = start();
    int fd = make_peer("c");
    Page *page = page_at(PRIMARY_FRAME);

    add_console("chardev=c");
    say(page, port, "Power ");
    put_out(page, "down", 4);
    run_state_request_exit(0);
    g_assert_cmpint(run_state_loop(machine), ==, 0);
    assert_heard(fd, "Power down");
    finish();
    end_peer("c", fd);
}

int main(int argc, char **argv)
{
    bus_test_init(&argc, &argv);
    folder = g_dir_make_tmp("xen-console-XXXXXX", NULL);
    g_assert_nonnull(folder);
#define TEST(name) g_test_add_func("/xen-console/" #name, name)
    TEST(primary_is_offered_as_a_builder_does);
    TEST(output_that_nobody_wants_is_drained);
    TEST(output_comes_whole_over_the_end_of_the_ring);
    TEST(events_without_bytes_are_not_answered);
    TEST(output_before_there_is_a_device_is_what_it_gets_after);
    TEST(input_waits_for_room_in_the_ring);
    TEST(output_waits_for_a_back_end_that_takes_no_more);
    TEST(indices_that_lie_harm_nobody);
    TEST(page_rests_while_the_machine_stands_still);
    TEST(reset_gives_a_new_port_and_loses_no_output);
    TEST(saved_port_is_bound_again);
    TEST(guest_may_close_its_port);
    TEST(device_wants_a_chardev_and_a_number_of_its_own);
    TEST(primary_device_has_no_areas_and_goes_when_asked);
    TEST(primary_terminal_is_in_xenstore_while_there_is_one);
    TEST(further_console_has_the_nodes_of_a_tool_stack);
    TEST(further_console_talks_closes_and_begins_again);
    TEST(front_end_that_gives_nonsense_is_told);
    TEST(further_console_goes_on_from_saved_state);
    TEST(reset_and_unplug_let_go_of_the_ring);
    TEST(last_words_are_heard_when_the_process_ends); /* the last one: the main loop ends */
    int result = g_test_run();
    g_rmdir(folder);
    return result;
}
