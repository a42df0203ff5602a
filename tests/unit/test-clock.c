/*
 * Clocks and timers: manual stepping, order, re-arming, and the real clock through the main loop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/clock.h"

static GString *fired;
static int64_t fired_at[8];
static unsigned fired_count;

static void record(void *opaque)
{
    g_string_append_c(fired, *(const char *)opaque);
    if (fired_count < G_N_ELEMENTS(fired_at)) {
        fired_at[fired_count++] = clock_get_ns(CLOCK_VIRTUAL);
    }
}

static void begin(void)
{
    fired = g_string_new(NULL);
    fired_count = 0;
}

static void end(void)
{
    g_string_free(fired, TRUE);
}

static void step_fires_timers_in_order_at_their_own_time(void)
{
    Timer *a = timer_new(CLOCK_VIRTUAL, record, (void *)"a");
    Timer *b = timer_new(CLOCK_VIRTUAL, record, (void *)"b");
    Timer *c = timer_new(CLOCK_VIRTUAL, record, (void *)"c");
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);

    begin();
    timer_mod(b, now + 200);
    timer_mod(a, now + 100);
    timer_mod(c, now + 1000);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, now + 100);
    clock_virtual_step_to(now + 500);
    g_assert_cmpstr(fired->str, ==, "ab");
    g_assert_cmpint(fired_at[0], ==, now + 100);
    g_assert_cmpint(fired_at[1], ==, now + 200);
    g_assert_cmpint(clock_get_ns(CLOCK_VIRTUAL), ==, now + 500);
    g_assert_false(timer_pending(a));
    g_assert_cmpint(timer_expire_ns(a), ==, -1);
    g_assert_true(timer_pending(c));
    timer_del(c);
    clock_virtual_step_to(now + 2000);
    g_assert_cmpstr(fired->str, ==, "ab");
    timer_free(a);
    timer_free(b);
    timer_free(c);
    end();
}

typedef struct {
    Timer *timer;
    unsigned left;
    unsigned count;
} Periodic;

static void periodic_tick(void *opaque)
{
    Periodic *p = opaque;

    p->count++;
    if (--p->left) {
        timer_mod(p->timer, clock_get_ns(CLOCK_VIRTUAL) + 10);
    }
}

static void timer_that_rearms_itself_fires_within_one_step(void)
{
    Periodic p = {.left = 5};
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);

    p.timer = timer_new(CLOCK_VIRTUAL, periodic_tick, &p);
    timer_mod(p.timer, now + 10);
    clock_virtual_step_to(now + 35);
    g_assert_cmpuint(p.count, ==, 3);
    clock_virtual_step_to(now + 1000);
    g_assert_cmpuint(p.count, ==, 5);
    timer_free(p.timer);
}

static void rearming_moves_a_timer(void)
{
    Timer *timer = timer_new(CLOCK_VIRTUAL, record, (void *)"x");
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);

    begin();
    timer_mod(timer, now + 10);
    timer_mod(timer, now + 300);
    clock_virtual_step_to(now + 100);
    g_assert_cmpstr(fired->str, ==, "");
    clock_virtual_step_to(now + 300);
    g_assert_cmpstr(fired->str, ==, "x");
    timer_free(timer);
    end();
}

static void clock_does_not_go_back(void)
{
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);

    clock_virtual_step_to(now + 100);
    clock_virtual_step_to(now);
    g_assert_cmpint(clock_get_ns(CLOCK_VIRTUAL), ==, now + 100);
}

static void quit_loop(void *opaque)
{
    g_main_loop_quit(opaque);
}

static void real_clock_fires_with_better_than_millisecond_grain(void)
{
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    Timer *timer = timer_new(CLOCK_REALTIME_HOST, quit_loop, loop);
    int64_t start = clock_get_ns(CLOCK_REALTIME_HOST);

    timer_mod(timer, start + 300 * NS_PER_US);
    g_main_loop_run(loop);
    g_assert_cmpint(clock_get_ns(CLOCK_REALTIME_HOST), >=, start + 300 * NS_PER_US);
    /* An upper bound that holds on a busy machine. */
    g_assert_cmpint(clock_get_ns(CLOCK_REALTIME_HOST), <, start + 2 * NS_PER_SECOND);
    timer_free(timer);
    g_main_loop_unref(loop);
}

static void muldiv64_does_not_overflow(void)
{
    g_assert_cmpuint(muldiv64(UINT64_MAX, 1000, 1000), ==, UINT64_MAX);
    g_assert_cmpuint(muldiv64(NS_PER_SECOND, 1193182, NS_PER_SECOND), ==, 1193182);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    clock_virtual_set_manual();
    timers_init();
    g_test_add_func("/clock/step_fires_timers_in_order_at_their_own_time",
                    step_fires_timers_in_order_at_their_own_time);
    g_test_add_func("/clock/timer_that_rearms_itself_fires_within_one_step",
                    timer_that_rearms_itself_fires_within_one_step);
    g_test_add_func("/clock/rearming_moves_a_timer", rearming_moves_a_timer);
    g_test_add_func("/clock/clock_does_not_go_back", clock_does_not_go_back);
    g_test_add_func("/clock/real_clock_fires_with_better_than_millisecond_grain",
                    real_clock_fires_with_better_than_millisecond_grain);
    g_test_add_func("/clock/muldiv64_does_not_overflow", muldiv64_does_not_overflow);
    return g_test_run();
}
