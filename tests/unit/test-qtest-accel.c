/*
 * The qtest accelerator: no CPU runs; what the chips send is recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "accel/qtest/qtest.h"
#include "accel/vcpu.h"
#include "util/clock.h"
#include "util/error.h"

static Accel *start(void)
{
    GError *error = NULL;
    Accel *accel = accel_new("qtest", &error);

    g_assert_no_error(error);
    g_assert_true(accel_start(accel, NULL, NULL, NULL, NULL, &error));
    return accel;
}

static void test_unknown_accelerator_is_refused_by_name(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(accel_new("tcg", &error));
    g_assert_cmpstr(error->message, ==, "invalid accelerator tcg");
}

static void count_types(AccelClass *klass, void *opaque)
{
    ++*(unsigned *)opaque;
    g_assert_true(g_str_equal(klass->name, "kvm") || g_str_equal(klass->name, "qtest"));
}

static void test_both_accelerators_are_listed(void)
{
    unsigned count = 0;

    accel_type_foreach(count_types, &count);
    g_assert_cmpuint(count, ==, 2);
}

static void test_clock_moves_only_by_hand(void)
{
    Accel *accel = start();
    int64_t before = clock_get_ns(CLOCK_VIRTUAL);

    g_assert_true(accel_is_qtest(accel));
    clock_virtual_set_running(true);
    g_usleep(2000);
    g_assert_cmpint(clock_get_ns(CLOCK_VIRTUAL), ==, before);
    clock_virtual_step_to(before + 1000);
    g_assert_cmpint(clock_get_ns(CLOCK_VIRTUAL), ==, before + 1000);
    g_object_unref(accel);
}

static void test_vcpus_have_no_thread(void)
{
    Accel *accel = start();
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(accel_vcpu_new(accel, 0, 0, NULL, NULL));
    g_assert_null(accel_vcpu_new(accel, 2, 2, NULL, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(accel_vcpu_new(accel, 1, 5, NULL, NULL));
    g_assert_cmpuint(accel_vcpu_count(accel), ==, 2);
    g_assert_cmpuint(accel_vcpu(accel, 1)->apic_id, ==, 5);
    g_assert_cmpint(accel_vcpu(accel, 1)->thread_id, ==, 0);
    g_assert_null(accel_vcpu(accel, 2));
    g_object_unref(accel);
}

static void test_interrupts_are_recorded(void)
{
    Accel *accel = start();
    QtestAccel *qtest = XL_QTEST_ACCEL(accel);
    MsiMessage message = {0xfee01000, 0x4041}, seen;

    accel_pic_line(accel, true);
    g_assert_true(qtest_accel_pic_level(qtest));
    g_assert_true(accel_msi_deliver(accel, &message));
    g_assert_cmpuint(qtest_accel_msi_count(qtest), ==, 1);
    g_assert_true(qtest_accel_msi(qtest, 0, &seen));
    g_assert_cmphex(seen.data, ==, 0x4041);
    g_assert_false(qtest_accel_msi(qtest, 1, &seen));
    accel_ioapic_route(accel, 23, &message, true, true);
    accel_ioapic_route(accel, 24, &message, true, true);
    g_assert_true(qtest_accel_ioapic_route(qtest, 23)->masked);
    g_assert_null(qtest_accel_ioapic_route(qtest, 24));
    g_object_unref(accel);
}

static void test_routes_are_numbered_after_the_pins_and_used_again(void)
{
    Accel *accel = start();
    MsiMessage message = {0xfee00000, 1}, seen;
    int first = accel_msi_route_add(accel, &message);
    int second = accel_msi_route_add(accel, &message);

    g_assert_cmpint(first, ==, IOAPIC_PIN_COUNT);
    g_assert_cmpint(second, ==, IOAPIC_PIN_COUNT + 1);
    message.data = 2;
    accel_msi_route_update(accel, second, &message);
    g_assert_true(qtest_accel_msi_route(XL_QTEST_ACCEL(accel), second, &seen));
    g_assert_cmphex(seen.data, ==, 2);
    accel_msi_route_remove(accel, first);
    g_assert_false(qtest_accel_msi_route(XL_QTEST_ACCEL(accel), first, &seen));
    g_assert_cmpint(accel_msi_route_add(accel, &message), ==, first);
    g_assert_false(accel_irqfd_attach(accel, first, 0, true));
    g_object_unref(accel);
}

static void test_options_are_refused_by_name(void)
{
    Accel *accel = start();
    g_autoptr(GError) error = NULL;

    g_assert_false(accel_set_option(accel, "speed", "2", &error));
    g_assert_cmpstr(error->message, ==, "Property 'qtest-accel.speed' not found");
    g_object_unref(accel);
}

static void test_state_of_another_accelerator_is_refused(void)
{
    Accel *accel = start();
    Vcpu *vcpu = accel_vcpu_new(accel, 0, 0, NULL, NULL);
    g_autoptr(GVariant) own = g_variant_ref_sink(accel_vcpu_save(accel, vcpu));
    g_autoptr(GVariant) other = g_variant_ref_sink(g_variant_new_parsed("{'clock': <uint64 5>}"));
    g_autoptr(GError) error = NULL;

    g_assert_true(accel_vcpu_load(accel, vcpu, own, NULL));
    g_assert_false(accel_load(accel, other, &error));
    g_assert_nonnull(error);
    g_object_unref(accel);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qtest-accel/unknown-accelerator",
                    test_unknown_accelerator_is_refused_by_name);
    g_test_add_func("/qtest-accel/both-are-listed", test_both_accelerators_are_listed);
    g_test_add_func("/qtest-accel/clock-moves-only-by-hand", test_clock_moves_only_by_hand);
    g_test_add_func("/qtest-accel/vcpus-have-no-thread", test_vcpus_have_no_thread);
    g_test_add_func("/qtest-accel/interrupts-are-recorded", test_interrupts_are_recorded);
    g_test_add_func("/qtest-accel/routes", test_routes_are_numbered_after_the_pins_and_used_again);
    g_test_add_func("/qtest-accel/options", test_options_are_refused_by_name);
    g_test_add_func("/qtest-accel/state", test_state_of_another_accelerator_is_refused);
    return g_test_run();
}
