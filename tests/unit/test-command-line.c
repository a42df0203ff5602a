/*
 * The command line: what right options ask for. (Wrong ones are the table of
 * tests/functional/bad_input.py.)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>

#include "hw/core/run_state.h"
#include "system/accel_options.h"
#include "system/command_line.h"
#include "util/bytes.h"

/* Parses "-a b -c", split as a shell would. */
static StartConfig *parse(const char *text)
{
    g_autofree char *line = g_strconcat("qemu ", text, NULL);
    StartConfig *config = start_config_new();
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) error = NULL;
    int argc;

    g_assert_true(g_shell_parse_argv(line, &argc, &argv, NULL));
    command_line_parse(config, argc, argv, &error);
    g_assert_no_error(error);
    return config;
}

static const char *member(const PendingOption *pending, const char *name)
{
    return json_object_get_string_member_with_default(pending->options, name, NULL);
}

static void test_defaults(void)
{
    g_autoptr(StartConfig) config = parse("");

    g_assert_false(config->done);
    g_assert_null(config->machine_name);
    g_assert_cmpuint(config->board.smp.cpus, ==, 1);
    g_assert_cmpuint(config->ram_size, ==, 0);
    g_assert_cmpstr(config->board.boot.order, ==, "cad");
    g_assert_true(config->board.default_devices);
    g_assert_true(config->default_cdrom);
    g_assert_true(config->board.mem_merge);
    g_assert_false(config->start_paused);
}

static void test_one_or_two_dashes(void)
{
    g_autoptr(StartConfig) config = parse("--nodefaults -S --name guest=x");

    g_assert_false(config->board.default_devices);
    g_assert_true(config->start_paused);
    g_assert_cmpstr(config->board.name, ==, "x");
}

static void test_topology_is_completed(void)
{
    static const struct {
        const char *text;
        SmpConfig expected;
    } table[] = {
        {"-smp 4", {4, 4, 1, 1, 4, 1}},
        {"-smp cpus=8,sockets=2", {8, 8, 2, 1, 4, 1}},
        {"-smp 8,sockets=2,cores=2,threads=2", {8, 8, 2, 1, 2, 2}},
        {"-smp 8,cores=2", {8, 8, 4, 1, 2, 1}},
        {"-smp 8,sockets=2,cores=2", {8, 8, 2, 1, 2, 2}},
        {"-smp sockets=2,cores=3", {6, 6, 2, 1, 3, 1}},
        {"-smp 2,maxcpus=8", {2, 8, 1, 1, 8, 1}},
        {"-smp maxcpus=4", {4, 4, 1, 1, 4, 1}},
        {"-smp 8,dies=2,sockets=1", {8, 8, 1, 2, 4, 1}},
        {"-smp 3,clusters=1", {3, 3, 1, 1, 3, 1}},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(StartConfig) config = parse(table[i].text);
        g_assert_cmpmem(&config->board.smp, sizeof(SmpConfig), &table[i].expected,
                        sizeof(SmpConfig));
    }
}

static void test_memory_size(void)
{
    static const struct {
        const char *text;
        uint64_t expected;
    } table[] = {
        {"-m 128", 128 * MiB},
        {"-m 2G", 2 * GiB},
        {"-m size=512M", 512 * MiB},
        {"-m 1.5G", 1536 * MiB},
        {"-m 1000001b", 1007616}, /* rounded up to 8 KiB */
        {"-m 1G,maxmem=1G,slots=4", 1 * GiB},
        {"-m 64 -m 96", 96 * MiB},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(StartConfig) config = parse(table[i].text);
        g_assert_cmpuint(config->ram_size, ==, table[i].expected);
    }
}

static void test_machine_keys_find_their_owner(void)
{
    g_autoptr(StartConfig) config =
        parse("-machine pc,accel=tcg:kvm,kernel_irqchip=split,mem-merge=off -M usb=off -no-hpet");

    g_assert_cmpstr(config->machine_name, ==, "pc");
    g_assert_cmpstr(config->machine_accel, ==, "tcg:kvm");
    g_assert_cmpuint(config->kvm_options->len, ==, 1);
    PendingOption *irqchip = config->kvm_options->pdata[0];
    g_assert_cmpstr(irqchip->text, ==, "kernel-irqchip");
    g_assert_cmpstr(irqchip->value, ==, "split");
    g_assert_cmpuint(config->machine_options->len, ==, 3);
    PendingOption *hpet = config->machine_options->pdata[2];
    g_assert_cmpstr(hpet->text, ==, "hpet");
    g_assert_cmpstr(hpet->value, ==, "off");
    g_assert_cmpstr(hpet->where, ==, "-no-hpet");
}

static void test_first_accelerator_that_exists_is_taken(void)
{
    static const char *const lines[] = {
        "-machine accel=tcg:qtest",
        "-accel tcg -accel qtest",
        "-accel hvf -accel qtest -accel kvm",
        "-machine accel=qtest:kvm",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(StartConfig) config = parse(lines[i]);
        g_autoptr(GError) error = NULL;
        g_autoptr(Accel) accel = accel_from_config(config, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(accel_name(accel), ==, "qtest");
    }
}

static void test_boot(void)
{
    g_autoptr(StartConfig) config =
        parse("-boot d -boot menu=on,splash-time=500,reboot-timeout=-1,once=n,strict=on");
    const BootConfig *boot = &config->board.boot;

    g_assert_cmpstr(boot->order, ==, "d");
    g_assert_cmpstr(boot->once, ==, "n");
    g_assert_true(boot->menu && boot->strict);
    g_assert_cmpuint(boot->splash_time, ==, 500);
    g_assert_cmpint(boot->reboot_timeout, ==, -1);
}

static void test_rtc_base(void)
{
    g_autoptr(StartConfig) utc = parse("-rtc base=utc,clock=vm,driftfix=slew");
    g_autoptr(StartConfig) date = parse("-rtc 2006-06-17T16:01:21");
    g_autoptr(StartConfig) day = parse("-rtc base=1970-01-02");

    g_assert_cmpint(utc->board.rtc_offset_seconds, ==, 0);
    g_assert_cmpint(utc->board.rtc_clock, ==, RTC_CLOCK_VM);
    g_assert_true(utc->board.rtc_driftfix_slew);
    int64_t guest = date->board.rtc_offset_seconds + time(NULL);
    g_assert_cmpint(ABS(guest - 1150560081), <=, 2);
    g_assert_cmpint(ABS(day->board.rtc_offset_seconds + time(NULL) - 86400), <=, 2);
}

static void test_uuid(void)
{
    static const uint8_t expected[16] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,
                                         0x0f, 0xed, 0xcb, 0xa9, 0x87, 0x65, 0x43, 0x21};
    g_autoptr(StartConfig) config = parse("-uuid 12345678-9ABC-def0-0fed-cba987654321");

    g_assert_true(config->board.uuid_set);
    g_assert_cmpmem(config->board.uuid, 16, expected, 16);
}

static void test_disks(void)
{
    g_autoptr(StartConfig) config =
        parse("-hda a.img -hdd d,x.img -cdrom c.iso -drive file=e.img,if=none,id=e boot.img");
    static const char *const files[] = {"a.img", "d,x.img", "c.iso", "e.img", "boot.img"};
    static const char *const indices[] = {"0", "3", "2", NULL, "0"};

    g_assert_cmpuint(config->drives->len, ==, 5);
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmpstr(member(config->drives->pdata[i], "file"), ==, files[i]);
        g_assert_cmpstr(member(config->drives->pdata[i], "index"), ==, indices[i]);
    }
    g_assert_cmpstr(member(config->drives->pdata[2], "media"), ==, "cdrom");
    g_assert_false(config->default_cdrom);
}

static void test_default_cdrom_gives_way(void)
{
    static const char *const without[] = {"-cdrom x", "-hdc x", "-device ide-cd,drive=x",
                                          "-drive media=cdrom", "-drive if=ide,index=2"};
    static const char *const with[] = {"-hda x", "-drive if=none,id=x", "-device isa-debug-exit"};

    for (unsigned i = 0; i < G_N_ELEMENTS(without); i++) {
        g_autoptr(StartConfig) config = parse(without[i]);
        g_assert_false(config->default_cdrom);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(with); i++) {
        g_autoptr(StartConfig) config = parse(with[i]);
        g_assert_true(config->default_cdrom);
    }
}

static void test_json_device(void)
{
    g_autoptr(StartConfig) config =
        parse("-device '{\"driver\": \"isa-debug-exit\", \"id\": \"x\", \"iobase\": 244}'");
    PendingOption *pending = config->devices->pdata[0];

    g_assert_cmpstr(member(pending, "driver"), ==, "isa-debug-exit");
    g_assert_cmpint(json_object_get_int_member(pending->options, "iobase"), ==, 244);
}

static void test_global_value_may_hold_anything(void)
{
    g_autoptr(StartConfig) config = parse("-global ide-hd.serial=a=b,c.d");
    PendingOption *pending = config->globals->pdata[0];

    g_assert_cmpstr(member(pending, "driver"), ==, "ide-hd");
    g_assert_cmpstr(member(pending, "property"), ==, "serial");
    g_assert_cmpstr(member(pending, "value"), ==, "a=b,c.d");
}

static void test_actions(void)
{
    RunActions *actions = run_state_actions();
    const RunActions before = *actions;

    start_config_free(
        parse("-no-reboot -action shutdown=pause,panic=exit-failure -watchdog-action poweroff"));
    g_assert_true(actions->reboot_shuts_down);
    g_assert_true(actions->shutdown_pauses);
    g_assert_cmpint(actions->panic, ==, PANIC_EXIT_FAILURE);
    g_assert_cmpint(actions->watchdog, ==, WATCHDOG_POWEROFF);
    *actions = before;
}

/* Options of domain definitions that change nothing here but must not be refused. */
static void test_what_management_programs_pass(void)
{
    g_autoptr(StartConfig) config =
        parse("-name guest=vm,debug-threads=on -machine pc-i440fx-8.2,usb=off,dump-guest-core=off "
              "-accel kvm -cpu host,migratable=on -m size=1048576k -overcommit mem-lock=off "
              "-smp 2,sockets=2,cores=1,threads=1 -uuid 12345678-1234-1234-1234-123456789abc "
              "-display none "
              "-no-user-config -nodefaults -rtc base=utc -no-shutdown -boot strict=on "
              "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
              "-msg timestamp=on -nic none -vga none -monitor none -parallel none -net none");

    g_assert_cmpuint(config->ram_size, ==, GiB);
    g_assert_true(config->process.sandbox.no_new_privileges);
    run_state_actions()->shutdown_pauses = false;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    device_types_init();
    g_test_add_func("/command-line/defaults", test_defaults);
    g_test_add_func("/command-line/one-or-two-dashes", test_one_or_two_dashes);
    g_test_add_func("/command-line/topology-is-completed", test_topology_is_completed);
    g_test_add_func("/command-line/memory-size", test_memory_size);
    g_test_add_func("/command-line/machine-keys", test_machine_keys_find_their_owner);
    g_test_add_func("/command-line/first-accelerator-that-exists",
                    test_first_accelerator_that_exists_is_taken);
    g_test_add_func("/command-line/boot", test_boot);
    g_test_add_func("/command-line/rtc-base", test_rtc_base);
    g_test_add_func("/command-line/uuid", test_uuid);
    g_test_add_func("/command-line/disks", test_disks);
    g_test_add_func("/command-line/default-cdrom-gives-way", test_default_cdrom_gives_way);
    g_test_add_func("/command-line/json-device", test_json_device);
    g_test_add_func("/command-line/global-value", test_global_value_may_hold_anything);
    g_test_add_func("/command-line/actions", test_actions);
    g_test_add_func("/command-line/what-management-programs-pass",
                    test_what_management_programs_pass);
    return g_test_run();
}
