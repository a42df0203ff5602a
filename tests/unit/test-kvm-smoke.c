/*
 * The KVM accelerator with tiny guests: each test starts a machine of some RAM, a boot ROM and fake
 * chips, runs a few instructions, and expects what the chips saw.
 *
 * Skipped where /dev/kvm cannot be opened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "kvm-fixture.h"

static void test_port_io_from_the_reset_vector(void)
{
    Machine *m = machine_start(1);

    PUT(m, CODE_AT, guest_ports);
    reset_all(m, NULL);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 4));
    g_assert_cmphex(logged(m, 0), ==, 0x5a);
    g_assert_cmphex(logged(m, 1), ==, 0x1234);
    g_assert_cmphex(logged(m, 2), ==, 0x89abcdef);
    g_assert_cmphex(logged(m, 3), ==, 1);
    machine_stop(m);
}

static void test_string_io_moves_every_item(void)
{
    Machine *m = machine_start(1);

    PUT(m, CODE_AT, guest_string);
    reset_all(m, NULL);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 8));
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(logged(m, i), ==, i + 1);
        g_assert_cmphex(*ram(m, 0x600 + i), ==, i + 1);
    }
    machine_stop(m);
}

static void test_mmio_reaches_the_chip_with_its_size(void)
{
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();

    PUT(m, CODE_AT, guest_mmio);
    put_gdt(m);
    reset_all(m, &boot);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 3));
    g_assert_cmphex(logged(m, 0), ==, UINT64_C(4) << 48 | 0x11223344);
    g_assert_cmphex(logged(m, 1), ==, UINT64_C(1) << 48 | UINT64_C(8) << 32 | 0x55);
    g_assert_cmphex(logged(m, 2), ==, 0xcafe0004);
    machine_stop(m);
}

static void test_coalesced_writes_arrive_in_order_before_the_next_exit(void)
{
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();

    PUT(m, CODE_AT, guest_batch);
    put_gdt(m);
    reset_all(m, &boot);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 4));
    g_assert_cmphex(logged(m, 0), ==, 1);
    g_assert_cmphex(logged(m, 1), ==, 2);
    g_assert_cmphex(logged(m, 2), ==, 3);
    g_assert_cmphex(logged(m, 3), ==, 0x99);
    machine_stop(m);
}

static void test_doorbell_signals_its_eventfd_and_not_the_handler(void)
{
    Machine *m = machine_start(1);
    uint64_t rings = 0;

    memory_region_add_doorbell(&m->bell, 0, 2, true, 7, m->bell_fd);
    m->bell_added = true;
    PUT(m, CODE_AT, guest_bell);
    reset_all(m, NULL);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 1));
    g_assert_cmpint(read(m->bell_fd, &rings, sizeof(rings)), ==, sizeof(rings));
    g_assert_cmpuint(rings, ==, 1);
    g_assert_cmpuint(m->bell_handled, ==, 0);
    machine_stop(m);
}

static void test_write_to_rom_changes_nothing(void)
{
    Machine *m = machine_start(1);

    *((uint8_t *)memory_region_host(&m->rom) + 0x100) = 0x17;
    PUT(m, CODE_AT, guest_rom);
    reset_all(m, NULL);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 1));
    g_assert_cmphex(logged(m, 0), ==, 0x17);
    g_assert_cmphex(*ram(m, 0x500), ==, 0x42);
    machine_stop(m);
}

/* A chip with two modes, as flash has them; the overlay is its memory. */
static unsigned flash_reads;

static uint64_t flash_read(void *opaque, hwaddr offset, unsigned size)
{
    flash_reads++;
    return 0x80;
}

static void flash_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    memory_region_set_rom_mode(opaque, value == 0xff);
}

static void test_rom_device_is_memory_until_its_mode_changes(void)
{
    static const MemoryRegionOps ops = {.read = flash_read, .write = flash_write};
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();

    g_assert_true(memory_region_init_rom_device(&m->overlay, &ops, &m->overlay, "flash", 0x1000, NULL));
    store_le32((uint8_t *)memory_region_host(&m->overlay) + 4, 0x12345678);
    memory_region_add(&m->memory_root, 0xe0000000, &m->overlay);
    PUT(m, CODE_AT, guest_flash);
    put_gdt(m);
    reset_all(m, &boot);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 3));
    g_assert_cmphex((uint32_t)logged(m, 0), ==, 0x12345678);
    g_assert_cmphex((uint32_t)logged(m, 1), ==, 0x80);
    g_assert_cmphex((uint32_t)logged(m, 2), ==, 0x12345678);
    g_assert_cmpuint(flash_reads, ==, 1);
    accel_vcpus_pause(m->accel);
    memory_region_destroy(&m->overlay);
    machine_stop(m);
}

static void test_triple_fault_asks_for_a_reset_and_the_reset_starts_again(void)
{
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();

    PUT(m, CODE_AT, guest_triple);
    put_gdt(m);
    reset_all(m, &boot);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_requested, ACCEL_GUEST_RESET));
    machine_unlock();
    g_usleep(20000);
    machine_lock();
    g_assert_cmpint(atomic_load(&m->requests[ACCEL_GUEST_RESET]), ==, 1);
    accel_vcpus_pause(m->accel);
    PUT(m, CODE_AT, guest_ports);
    reset_all(m, NULL);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 4));
    machine_stop(m);
}

static void test_running_off_the_memory_ends_in_a_reported_error(void)
{
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();
    g_autoptr(GString) text = g_string_new(NULL);

    PUT(m, CODE_AT, guest_into_nowhere);
    put_gdt(m);
    reset_all(m, &boot);
    accel_vcpus_resume(m->accel);
    for (unsigned i = 0; i < 4000 && !has_requested(m, ACCEL_GUEST_INTERNAL_ERROR) &&
                         !has_requested(m, ACCEL_GUEST_RESET);
         i++) {
        machine_unlock();
        g_usleep(1000);
        machine_lock();
    }
    /* KVM emulates from the hole (0xff 0xff is no instruction) or gives up on it; either way it
     * ends. */
    g_assert_true(has_requested(m, ACCEL_GUEST_INTERNAL_ERROR) ||
                  has_requested(m, ACCEL_GUEST_RESET));
    accel_vcpu_dump(m->accel, accel_vcpu(m->accel, 0), text);
    g_assert_nonnull(strstr(text->str, "RIP="));
    machine_stop(m);
}

static void test_pic_interrupt_wakes_a_halted_cpu(void)
{
    Machine *m = machine_start(1);

    m->pic_vector = 0x20;
    PUT(m, CODE_AT, guest_extint);
    PUT(m, 0x1100, guest_extint_handler);
    reset_all(m, NULL);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 1));
    for (unsigned i = 1; i <= 20; i++) {
        accel_pic_line(m->accel, true);
        g_assert_true(wait_for(m, has_logged, 1 + i));
        g_assert_cmphex(logged(m, i), ==, 0xee);
        g_assert_cmpuint(m->acknowledged, ==, i);
    }
    machine_stop(m);
}

static void test_pic_interrupt_waits_until_the_cpu_allows_it(void)
{
    Machine *m = machine_start(1);

    m->pic_vector = 0x20;
    PUT(m, CODE_AT, guest_extint);
    PUT(m, 0x1100, guest_extint_handler);
    reset_all(m, NULL);
    /* high before the guest's sti: it must not be acknowledged early, and must come then */
    accel_pic_line(m->accel, true);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 2));
    g_assert_cmphex(logged(m, 0), ==, 0x01);
    g_assert_cmphex(logged(m, 1), ==, 0xee);
    g_assert_cmpuint(m->acknowledged, ==, 1);
    machine_stop(m);
}

static Machine *start_lapic_guest(void)
{
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();

    PUT(m, CODE_AT, guest_lapic);
    PUT(m, 0x1100, guest_lapic_handler);
    put_gdt(m);
    put_gate(m, 0x31, 0x1100);
    reset_all(m, &boot);
    return m;
}

static void test_level_interrupt_ends_in_an_eoi_exit(void)
{
    Machine *m = start_lapic_guest();
    MsiMessage message = {0xfee00000, 0xc031};

    accel_ioapic_route(m->accel, 5, &message, false, true);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 1));
    for (unsigned i = 1; i <= 5; i++) {
        g_assert_true(accel_msi_deliver(m->accel, &message));
        g_assert_true(wait_for(m, has_eoi, i));
        g_assert_true(wait_for(m, has_logged, 1 + 2 * i));
        g_assert_cmphex(g_array_index(m->eois, uint8_t, i - 1), ==, 0x31);
    }
    machine_stop(m);
}

static void test_edge_interrupt_has_no_eoi_exit(void)
{
    Machine *m = start_lapic_guest();
    MsiMessage message = {0xfee00000, 0x0031};

    accel_ioapic_route(m->accel, 5, &message, false, false);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 1));
    g_assert_true(accel_msi_deliver(m->accel, &message));
    g_assert_true(wait_for(m, has_logged, 3));
    g_assert_cmpuint(m->eois->len, ==, 0);
    machine_stop(m);
}

static void test_irqfd_interrupts_through_its_route(void)
{
    Machine *m = start_lapic_guest();
    MsiMessage wrong = {0xfee00000, 0x0055}, message = {0xfee00000, 0x0031};
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const uint64_t one = 1;
    int route = accel_msi_route_add(m->accel, &wrong);

    g_assert_cmpint(route, >=, IOAPIC_PIN_COUNT);
    g_assert_true(accel_irqfd_attach(m->accel, route, fd, true));
    accel_msi_route_update(m->accel, route, &message);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 1));
    g_assert_cmpint(write(fd, &one, sizeof(one)), ==, sizeof(one));
    g_assert_true(wait_for(m, has_logged, 3));
    g_assert_cmphex(logged(m, 1), ==, 0x31);
    g_assert_true(accel_irqfd_attach(m->accel, route, fd, false));
    accel_msi_route_remove(m->accel, route);
    g_assert_cmpint(accel_msi_route_add(m->accel, &message), ==, route);
    close(fd);
    machine_stop(m);
}

static void test_nmi_reaches_a_halted_cpu_through_lint1(void)
{
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();

    PUT(m, CODE_AT, guest_nmi);
    PUT(m, 0x1100, guest_nmi_handler);
    put_gdt(m);
    put_gate(m, 2, 0x1100);
    reset_all(m, &boot);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 1));
    accel_vcpu_nmi(m->accel, accel_vcpu(m->accel, 0));
    g_assert_true(wait_for(m, has_logged, 2));
    g_assert_cmphex(logged(m, 1), ==, 0x22);
    machine_stop(m);
}

static void test_second_cpu_starts_by_init_and_sipi_again_after_reset(void)
{
    Machine *m = machine_start(2);
    X86BootState boot = flat_boot();

    PUT(m, CODE_AT, guest_start_ap);
    PUT(m, AP_CODE_AT, guest_ap);
    put_gdt(m);
    for (unsigned i = 1; i <= 2; i++) {
        reset_all(m, &boot);
        accel_vcpus_resume(m->accel);
        g_assert_true(wait_for(m, has_logged, i));
        g_assert_cmphex(logged(m, i - 1), ==, 0xa9);
        accel_vcpus_pause(m->accel);
    }
    machine_stop(m);
}

static struct kvm_regs regs_of(GVariant *state)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(state, "regs", G_VARIANT_TYPE_BYTESTRING);
    struct kvm_regs regs;
    gsize length;
    const void *data;

    g_assert_nonnull(value);
    data = g_variant_get_fixed_array(value, &length, 1);
    g_assert_cmpuint(length, ==, sizeof(regs));
    memcpy(&regs, data, sizeof(regs));
    return regs;
}

static void test_pause_completes_the_access_under_way(void)
{
    Machine *m = machine_start(1);

    PUT(m, CODE_AT, guest_count);
    reset_all(m, NULL);
    for (unsigned i = 0; i < 200; i++) {
        uint8_t before = m->counter;
        g_autoptr(GVariant) state = NULL;
        struct kvm_regs regs;

        accel_vcpus_resume(m->accel);
        machine_unlock();
        g_usleep(i % 7 * 50);
        machine_lock();
        accel_vcpus_pause(m->accel);
        state = g_variant_ref_sink(accel_vcpu_save(m->accel, accel_vcpu(m->accel, 0)));
        regs = regs_of(state);
        if (m->counter != before) {
            g_assert_cmphex(regs.rax & 0xff, ==, m->counter);
        }
    }
    g_assert_cmpuint(m->counter, >, 0);
    machine_stop(m);
}

/* What time itself changes between two saves. */
static GVariant *without_time(GVariant *state)
{
    GVariantBuilder builder;
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_iter_init(&iter, state);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        if (g_str_equal(key, "msrs")) {
            GVariantBuilder msrs;
            GVariantIter each;
            guint32 index;
            guint64 data;

            g_variant_builder_init(&msrs, G_VARIANT_TYPE("a(ut)"));
            g_variant_iter_init(&each, value);
            while (g_variant_iter_next(&each, "(ut)", &index, &data)) {
                g_variant_builder_add(&msrs, "(ut)", index, index == 0x10 ? (guint64)0 : data);
            }
            g_variant_unref(value);
            value = g_variant_ref_sink(g_variant_builder_end(&msrs));
        }
        g_variant_builder_add(&builder, "{sv}", key, value);
        g_variant_unref(value);
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static void assert_same_state(GVariant *a, GVariant *b)
{
    g_autoptr(GVariant) plain_a = without_time(a), plain_b = without_time(b);
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, plain_a);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        g_autoptr(GVariant) other = g_variant_lookup_value(plain_b, key, NULL);

        if (!other || !g_variant_equal(value, other)) {
            g_test_message("'%s' differs", key);
            g_test_fail();
        }
        g_variant_unref(value);
    }
    g_assert_cmpuint(g_variant_n_children(plain_a), ==, g_variant_n_children(plain_b));
}

static void test_saved_state_loads_into_another_machine_and_runs_on(void)
{
    Machine *a = machine_start(1), *b;
    g_autoptr(GVariant) state = NULL;
    g_autoptr(GVariant) clock = NULL;
    g_autoptr(GVariant) again = NULL;
    g_autofree uint8_t *memory = NULL;
    GError *error = NULL;

    PUT(a, CODE_AT, guest_count);
    reset_all(a, NULL);
    accel_vcpus_resume(a->accel);
    g_assert_true(wait_for(a, has_counted, 10));
    accel_vcpus_pause(a->accel);
    state = g_variant_ref_sink(accel_vcpu_save(a->accel, accel_vcpu(a->accel, 0)));
    clock = g_variant_ref_sink(accel_save(a->accel));
    memory = g_memdup2(ram(a, 0), RAM_SIZE);
    machine_stop(a);

    b = machine_start(1);
    memcpy(ram(b, 0), memory, RAM_SIZE);
    reset_all(b, NULL);
    g_assert_true(accel_load(b->accel, clock, &error));
    accel_vcpu_load(b->accel, accel_vcpu(b->accel, 0), state, &error);
    g_assert_no_error(error);
    again = g_variant_ref_sink(accel_vcpu_save(b->accel, accel_vcpu(b->accel, 0)));
    assert_same_state(state, again);
    accel_vcpus_resume(b->accel);
    g_assert_true(wait_for(b, has_counted, 10));
    machine_stop(b);
}

static void assert_refused(Machine *m, GVariant *state)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(state);
    g_autoptr(GError) error = NULL;

    g_assert_false(accel_vcpu_load(m->accel, accel_vcpu(m->accel, 0), owned, &error));
    g_assert_nonnull(error);
}

static void test_damaged_state_is_an_error(void)
{
    Machine *m = machine_start(1);
    g_autoptr(GVariant) good = NULL;
    GVariantDict dict;

    reset_all(m, NULL);
    good = g_variant_ref_sink(accel_vcpu_save(m->accel, accel_vcpu(m->accel, 0)));
    assert_refused(m, g_variant_new_string("no"));
    assert_refused(m, g_variant_new("a{sv}", NULL));
    g_variant_dict_init(&dict, good);
    g_variant_dict_insert_value(&dict, "regs", g_variant_new_bytestring("short"));
    assert_refused(m, g_variant_dict_end(&dict));
    g_variant_dict_init(&dict, good);
    g_variant_dict_insert_value(&dict, "msrs", g_variant_new_uint32(1));
    assert_refused(m, g_variant_dict_end(&dict));
    g_variant_dict_init(&dict, good);
    g_variant_dict_insert_value(&dict, "xsave", g_variant_new_bytestring("short"));
    assert_refused(m, g_variant_dict_end(&dict));
    machine_stop(m);
}

static void test_reset_brings_back_the_power_on_state(void)
{
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();
    g_autoptr(GVariant) before = NULL;
    g_autoptr(GVariant) after = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    struct kvm_regs regs;

    boot.set_mtrrs = true;
    boot.ram_below_4g = RAM_SIZE;
    reset_all(m, NULL);
    before = g_variant_ref_sink(accel_vcpu_save(m->accel, accel_vcpu(m->accel, 0)));
    regs = regs_of(before);
    g_assert_cmphex(regs.rip, ==, 0xfff0);
    g_assert_cmphex(regs.rdx, ==, x86_cpu_model_signature(m->model));
    PUT(m, CODE_AT, guest_nmi);
    put_gdt(m);
    reset_all(m, &boot);
    accel_vcpus_resume(m->accel);
    g_assert_true(wait_for(m, has_logged, 1));
    accel_vcpus_pause(m->accel);
    reset_all(m, NULL);
    accel_vcpu_dump(m->accel, accel_vcpu(m->accel, 0), text);
    g_assert_nonnull(strstr(text->str, "FCW=037f FSW=0000 [ST=0] FTW=ff MXCSR=00001f80"));
    g_assert_nonnull(strstr(text->str, "CR0=60000010"));
    after = g_variant_ref_sink(accel_vcpu_save(m->accel, accel_vcpu(m->accel, 0)));
    assert_same_state(before, after);
    machine_stop(m);
}

static void test_memory_changes_under_a_running_cpu(void)
{
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();
    volatile uint32_t *count = (uint32_t *)(void *)ram(m, 0x100000);
    uint32_t before;

    g_assert_true(memory_region_init_ram(&m->overlay, "overlay", 0x1000, NULL));
    PUT(m, CODE_AT, guest_memory_count);
    put_gdt(m);
    reset_all(m, &boot);
    accel_vcpus_resume(m->accel);
    for (unsigned i = 0; i < 100; i++) {
        /* splits the slot that the guest's code and counter lie in, and joins it again */
        memory_region_add_overlap(&m->memory_root, 0x40000 + i % 8 * 0x1000, &m->overlay, 1);
        memory_region_remove(&m->overlay);
    }
    before = *count;
    machine_unlock();
    for (unsigned i = 0; i < 2000 && *count == before; i++) {
        g_usleep(1000);
    }
    machine_lock();
    g_assert_cmpuint(*count, !=, before);
    g_assert_false(has_requested(m, ACCEL_GUEST_INTERNAL_ERROR));
    g_assert_false(has_requested(m, ACCEL_GUEST_RESET));
    accel_vcpus_pause(m->accel);
    memory_region_destroy(&m->overlay);
    machine_stop(m);
}

static void test_registers_of_a_running_cpu_can_be_read(void)
{
    Machine *m = machine_start(1);
    X86BootState boot = flat_boot();

    PUT(m, CODE_AT, guest_memory_count);
    put_gdt(m);
    reset_all(m, &boot);
    accel_vcpus_resume(m->accel);
    for (unsigned i = 0; i < 20; i++) {
        g_autoptr(GString) text = g_string_new(NULL);

        accel_vcpu_dump(m->accel, accel_vcpu(m->accel, 0), text);
        g_assert_nonnull(strstr(text->str, "CR0=00000011"));
        g_assert_nonnull(strstr(text->str, "RIP=000000000000100"));
    }
    machine_stop(m);
}

static void test_options_are_checked(void)
{
    static const struct {
        const char *key, *value, *message;
    } wrong[] = {
        {"kernel-irqchip", "on", "*kernel-irqchip=on*"},
        {"kernel_irqchip", "off", "*kernel-irqchip=off*"},
        {"kernel-irqchip", "maybe", "*kernel-irqchip*maybe*"},
        {"xen-version", "0x20000", "*xen-version=0x20000*at least 3.0*"},
        {"xen-version", "4.10", "*xen-version*4.10*"},
        {"xen-gnttab-max-frames", "0", "*xen-gnttab-max-frames*"},
        {"xen-gnttab-max-frames", "70000", "*xen-gnttab-max-frames*"},
        {"xen-evtchn-max-pirq", "15", "*xen-evtchn-max-pirq*"},
        {"xen-assist", "both", "*xen-assist*'auto', 'kernel' or 'user', not 'both'*"},
        {"xen-domid", "0", "*xen-domid*"},
        {"xen-domid", "32752", "*xen-domid*"},
        {"xen-evtchn-max-pirq", "x", "*xen-evtchn-max-pirq*"},
        {"dirty-ring-size", "3", "*dirty-ring-size*power of two*"},
        {"notify-vmexit", "often", "*notify-vmexit*often*"},
        {"colour", "red", "Property 'kvm-accel.colour' not found"},
    };
    Accel *accel = accel_new("kvm", NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(accel_set_option(accel, wrong[i].key, wrong[i].value, &error));
        g_assert_true(g_pattern_match_simple(wrong[i].message, error->message));
    }
    g_assert_true(accel_set_option(accel, "kernel_irqchip", "split", NULL));
    g_assert_true(accel_set_option(accel, "xen-version", "0", NULL));
    g_assert_true(accel_set_option(accel, "dirty-ring-size", "4096", NULL));
    g_object_unref(accel);
}

static void test_missing_device_is_one_clear_error(void)
{
    Machine m = {0};
    g_autoptr(GError) error = NULL;
    Accel *accel = accel_new("kvm", NULL);

    machine_lock();
    build_spaces(&m);
    g_assert_true(accel_set_option(accel, "device", "/nonexistent", NULL));
    g_assert_false(accel_start(accel, m.memory, m.io, &guest_ops, &m, &error));
    g_assert_cmpstr(error->message, ==,
                    "Could not access KVM kernel module /nonexistent: No such file or directory");
    g_object_unref(accel);
    free_spaces(&m);
    machine_unlock();
}

static void skip_without_kvm(void)
{
    g_test_skip("/dev/kvm cannot be opened here");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(void);
    } tests[] = {
        {"port-io-from-the-reset-vector", test_port_io_from_the_reset_vector},
        {"string-io-moves-every-item", test_string_io_moves_every_item},
        {"mmio-reaches-the-chip-with-its-size", test_mmio_reaches_the_chip_with_its_size},
        {"coalesced-writes-arrive-in-order",
         test_coalesced_writes_arrive_in_order_before_the_next_exit},
        {"doorbell-signals-its-eventfd", test_doorbell_signals_its_eventfd_and_not_the_handler},
        {"write-to-rom-changes-nothing", test_write_to_rom_changes_nothing},
        {"rom-device-is-memory-until-its-mode-changes",
         test_rom_device_is_memory_until_its_mode_changes},
        {"triple-fault-asks-for-a-reset",
         test_triple_fault_asks_for_a_reset_and_the_reset_starts_again},
        {"running-off-the-memory-is-reported",
         test_running_off_the_memory_ends_in_a_reported_error},
        {"pic-interrupt-wakes-a-halted-cpu", test_pic_interrupt_wakes_a_halted_cpu},
        {"pic-interrupt-waits-for-sti", test_pic_interrupt_waits_until_the_cpu_allows_it},
        {"level-interrupt-ends-in-an-eoi-exit", test_level_interrupt_ends_in_an_eoi_exit},
        {"edge-interrupt-has-no-eoi-exit", test_edge_interrupt_has_no_eoi_exit},
        {"irqfd-interrupts-through-its-route", test_irqfd_interrupts_through_its_route},
        {"nmi-reaches-a-halted-cpu", test_nmi_reaches_a_halted_cpu_through_lint1},
        {"second-cpu-starts-by-init-and-sipi",
         test_second_cpu_starts_by_init_and_sipi_again_after_reset},
        {"pause-completes-the-access-under-way", test_pause_completes_the_access_under_way},
        {"saved-state-runs-on-elsewhere", test_saved_state_loads_into_another_machine_and_runs_on},
        {"damaged-state-is-an-error", test_damaged_state_is_an_error},
        {"reset-brings-back-power-on-state", test_reset_brings_back_the_power_on_state},
        {"memory-changes-under-a-running-cpu", test_memory_changes_under_a_running_cpu},
        {"registers-of-a-running-cpu", test_registers_of_a_running_cpu_can_be_read},
    };
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kvm/options-are-checked", test_options_are_checked);
    g_test_add_func("/kvm/missing-device-is-one-clear-error",
                    test_missing_device_is_one_clear_error);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/kvm/", tests[i].path, NULL);
        g_test_add_func(path, fd >= 0 ? tests[i].run : skip_without_kvm);
    }
    if (fd >= 0) {
        close(fd);
    }
    return g_test_run();
}
