/*
 * When a queue of a PV disk naps instead of asking for an event: guests that wait for each request
 * hardly ever lose a nap, busy ones get naps as long as these are not slower.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "hw/block/xen_block_pace.h"

typedef struct {
    XenBlockPace pace;
    int64_t now;
    uint64_t requests;
    unsigned naps, armed;
} Guest;

static void guest_init(Guest *guest)
{
    *guest = (Guest){.now = 1000000000};
    xen_block_pace_init(&guest->pace, true);
}

/* One look that finds @taken requests; then time goes on: @armed_ns if armed, else the nap. */
static bool look(Guest *guest, unsigned taken, int64_t armed_ns)
{
    int64_t nap = xen_block_pace_next(&guest->pace, taken, guest->now);

    g_assert_cmpint(nap, >=, 0);
    g_assert_cmpint(nap, <=, XEN_BLOCK_PACE_NAP_MAX_NS);
    guest->requests += taken;
    guest->naps += nap > 0;
    guest->armed += nap == 0;
    guest->now += nap ? nap : armed_ns;
    return nap > 0;
}

static void guest_that_waits_for_each_request_loses_few_naps(void)
{
    Guest guest;

    guest_init(&guest);
    while (guest.requests < 60 * XEN_BLOCK_PACE_AGAIN) {
        look(&guest, 1, 60000);
    }
    /* After 64 requests, then after each 1024. */
    g_assert_cmpuint(guest.naps, >=, 59);
    g_assert_cmpuint(guest.naps, <=, 60 * 3);
    g_assert_cmpint(guest.now - 1000000000, <, (int64_t)guest.requests * 60000 / 1000 * 1005);
}

/* @each_ns: what the guest needs for a request while it is not disturbed. */
static unsigned found_after(const Guest *guest, bool napped, int64_t each_ns, unsigned depth)
{
    return napped ? (unsigned)MIN(guest->pace.nap_ns / each_ns, depth) : 1;
}

static void busy_guest_gets_naps(void)
{
    Guest guest;
    bool napped = false;

    guest_init(&guest);
    while (guest.requests < 4 * XEN_BLOCK_PACE_LONG) {
        napped = look(&guest, found_after(&guest, napped, 20000, 32), 60000);
    }
    /* Nearly all by naps; the armed way is measured anew now and then. */
    g_assert_cmpuint(guest.armed, <, 10 * XEN_BLOCK_PACE_EPOCH);
    g_assert_cmpuint(guest.armed, >, 2 * XEN_BLOCK_PACE_EPOCH);
    g_assert_cmpint(guest.pace.nap_ns, ==, XEN_BLOCK_PACE_NAP_MAX_NS);
}

/* A fast guest has its 32 requests made long before the nap is over. */
static void nap_is_no_longer_than_it_has_to_be(void)
{
    Guest guest;
    bool napped = false;

    guest_init(&guest);
    while (guest.requests < 4000) {
        napped = look(&guest, found_after(&guest, napped, 1000, 32), 5000);
    }
    g_assert_cmpuint(guest.armed, <, 2 * XEN_BLOCK_PACE_EPOCH);
    g_assert_cmpint(guest.pace.nap_ns, ==, XEN_BLOCK_PACE_NAP_MIN_NS);
}

static void naps_that_are_slower_end(void)
{
    Guest guest;
    bool napped = false;

    guest_init(&guest);
    while (guest.requests < 60 * XEN_BLOCK_PACE_AGAIN) {
        napped = look(&guest, found_after(&guest, napped, 1000, 4), 5000);
    }
    g_assert_cmpuint(guest.naps, <=, 60 * 3);
}

/* One that waited for each request for long is looked at anew when it does so no more. */
static void guest_that_becomes_busy_gets_naps_soon(void)
{
    Guest guest;
    bool napped = false;

    guest_init(&guest);
    while (guest.requests < 200 * XEN_BLOCK_PACE_AGAIN) {
        napped = look(&guest, 1, 60000);
    }
    guest.armed = 0;
    for (uint64_t end = guest.requests + 8 * XEN_BLOCK_PACE_AGAIN; guest.requests < end;) {
        napped = look(&guest, found_after(&guest, napped, 20000, 32), 60000);
    }
    g_assert_cmpuint(guest.armed, <=, XEN_BLOCK_PACE_AGAIN + 1);
}

static void nap_goes_on_when_completions_come(void)
{
    Guest guest;
    int64_t nap = XEN_BLOCK_PACE_NAP_NS;

    guest_init(&guest);
    while (!look(&guest, 1, 60000)) {
    }
    guest.now -= nap / 2; /* a completion half way: nothing to take, the nap's rest is left */
    g_assert_cmpint(xen_block_pace_next(&guest.pace, 0, guest.now), ==, nap / 2);
    guest.now += nap / 2;
    g_assert_cmpint(xen_block_pace_next(&guest.pace, 16, guest.now), ==, nap);
}

static void guest_that_stops_is_armed_soon(void)
{
    Guest guest;
    bool napped = false;
    unsigned looks = 0;

    guest_init(&guest);
    while (guest.requests < 1000) {
        napped = look(&guest, found_after(&guest, napped, 20000, 32), 60000);
    }
    while (look(&guest, 0, 60000)) {
        g_assert_cmpuint(++looks, <, 4);
    }
    /* It was busy, so it is looked at soon when it goes on. */
    guest.now += 50000000;
    guest.armed = 0;
    for (uint64_t end = guest.requests + 1000; guest.requests < end;) {
        napped = look(&guest, found_after(&guest, napped, 20000, 32), 60000);
    }
    g_assert_cmpuint(guest.armed, <=, XEN_BLOCK_PACE_EPOCH + 1);
    while (look(&guest, 0, 60000)) {
    }
    /* What comes rarely never makes an epoch. */
    for (unsigned i = 0; i < 5000; i++) {
        g_assert_false(look(&guest, 1, 5000000));
    }
}

static void no_naps_where_there_are_none(void)
{
    XenBlockPace pace;

    xen_block_pace_init(&pace, false);
    for (unsigned i = 0; i < 5000; i++) {
        g_assert_cmpint(xen_block_pace_next(&pace, 1, 1000 * i), ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen-block-pace/one-at-a-time",
                    guest_that_waits_for_each_request_loses_few_naps);
    g_test_add_func("/xen-block-pace/busy", busy_guest_gets_naps);
    g_test_add_func("/xen-block-pace/fast", nap_is_no_longer_than_it_has_to_be);
    g_test_add_func("/xen-block-pace/slower", naps_that_are_slower_end);
    g_test_add_func("/xen-block-pace/changes", guest_that_becomes_busy_gets_naps_soon);
    g_test_add_func("/xen-block-pace/completions", nap_goes_on_when_completions_come);
    g_test_add_func("/xen-block-pace/stops", guest_that_stops_is_armed_soon);
    g_test_add_func("/xen-block-pace/never", no_naps_where_there_are_none);
    return g_test_run();
}
