/*
 * The keyboard controller with its keyboard and mouse: commands, translation, interrupts, scan code
 * sets, mouse packets and modes, saved state. Reference: IBM PS/2 Hardware Interface Technical
 * Reference.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "chip-fixture.h"
#include "hw/core/run_state.h"
#include "hw/input/input.h"

#define DATA   0x60
#define STATUS 0x64

static Device *kbc;
static Wire irq1, irq12, a20;
static unsigned resets;

static void count_event(RunEvent event, void *opaque)
{
    resets += event == RUN_EVENT_RESET;
}

static void setup(void)
{
    fixture_setup();
    kbc = device_new_by_name("i8042", NULL);
    g_assert_nonnull(kbc);
    wire_attach(&irq1, kbc, NULL, 0);
    wire_attach(&irq12, kbc, NULL, 1);
    wire_attach(&a20, kbc, "a20", 0);
    fixture_plug(kbc, HW_BUS(isa));
    resets = 0;
    run_state_add_handler(count_event, NULL);
}

static void teardown(void)
{
    run_state_remove_handler(count_event, NULL);
    wire_detach(&irq1, kbc, NULL, 0);
    wire_detach(&irq12, kbc, NULL, 1);
    wire_detach(&a20, kbc, "a20", 0);
    fixture_teardown();
}

static void command(uint8_t value)
{
    outb(STATUS, value);
}

static void command_data(uint8_t value, uint8_t data)
{
    outb(STATUS, value);
    outb(DATA, data);
}

/* The bytes that come next, from the mouse or not, and then no more. */
static void expect_bytes(bool from_mouse, const char *bytes, unsigned length)
{
    for (unsigned i = 0; i < length; i++) {
        g_assert_cmphex(inb(STATUS) & 0x21, ==, from_mouse ? 0x21 : 0x01);
        g_assert_cmphex(inb(DATA), ==, (uint8_t)bytes[i]);
    }
    g_assert_cmphex(inb(STATUS) & 0x21, ==, 0);
}

#define EXPECT(bytes)       expect_bytes(false, bytes, sizeof(bytes) - 1)
#define EXPECT_MOUSE(bytes) expect_bytes(true, bytes, sizeof(bytes) - 1)

static void mouse(uint8_t value)
{
    command_data(0xd4, value);
}

static void set_mode(uint8_t mode)
{
    command_data(0x60, mode);
}

/* ---- the controller ---- */

static void test_state_after_reset(void)
{
    setup();
    g_assert_cmphex(inb(STATUS), ==, 0x18);
    g_assert_cmpint(irq1.level, ==, 0);
    g_assert_cmpint(irq12.level, ==, 0);
    g_assert_cmpint(a20.level, ==, 1);
    command(0x20);
    EXPECT("\x03");
    command(0xd0);
    EXPECT("\x03");
    g_assert_cmphex(inb(DATA), ==, 0x03); /* nothing new: the last byte again */
    teardown();
}

static void test_controller_answers_its_tests(void)
{
    static const struct {
        uint8_t command, answer;
    } cases[] = {{0xaa, 0x55}, {0xab, 0x00}, {0xa9, 0x00},
                 {0xa4, 0xf1}, {0xc0, 0x80}, {0xe0, 0x00}};

    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        command(cases[i].command);
        g_assert_cmphex(inb(STATUS) & 0x21, ==, 0x01);
        g_assert_cmphex(inb(DATA), ==, cases[i].answer);
        g_assert_cmphex(inb(STATUS) & 0x01, ==, 0);
    }
    g_assert_cmphex(inb(STATUS) & 0x04, ==, 0x04); /* the self test has set the system flag */
    command(0x99);                                 /* no such command */
    g_assert_cmphex(inb(STATUS) & 0x01, ==, 0);
    teardown();
}

static void test_status_tells_command_from_data_and_shows_the_system_flag(void)
{
    setup();
    set_mode(0x00);
    g_assert_cmphex(inb(STATUS), ==, 0x10);
    command(0x60);
    g_assert_cmphex(inb(STATUS), ==, 0x18);
    outb(DATA, 0x04);
    g_assert_cmphex(inb(STATUS), ==, 0x14);
    teardown();
}

static void test_ram_has_32_bytes(void)
{
    setup();
    for (unsigned i = 1; i < 32; i++) {
        command_data(0x60 + i, 0x80 + i);
    }
    for (unsigned i = 1; i < 32; i++) {
        command(0x20 + i);
        g_assert_cmphex(inb(DATA), ==, 0x80 + i);
    }
    teardown();
}

static void test_a20_by_output_port_and_by_command(void)
{
    setup();
    command_data(0xd1, 0x01);
    g_assert_cmpint(a20.level, ==, 0);
    command(0xdf);
    g_assert_cmpint(a20.level, ==, 1);
    command(0xdd);
    g_assert_cmpint(a20.level, ==, 0);
    command(0xd0);
    EXPECT("\x01");
    check_round_trip(kbc);
    g_assert_cmpint(a20.level, ==, 0);
    device_reset(kbc);
    g_assert_cmpint(a20.level, ==, 1);
    teardown();
}

static void test_reset_by_pulse_and_by_output_port(void)
{
    setup();
    command(0xff); /* pulses nothing */
    command(0xfd);
    run_state_loop(machine);
    g_assert_cmpuint(resets, ==, 0);
    command(0xfe);
    run_state_loop(machine);
    g_assert_cmpuint(resets, ==, 1);
    command_data(0xd1, 0x02);
    run_state_loop(machine);
    g_assert_cmpuint(resets, ==, 2);
    command(0xf0);
    run_state_loop(machine);
    g_assert_cmpuint(resets, ==, 3);
    teardown();
}

static void test_output_buffer_can_be_written_as_either_device(void)
{
    setup();
    command_data(0xd2, 0x5a);
    g_assert_cmpint(irq1.level, ==, 1);
    EXPECT("\x5a");
    command_data(0xd3, 0xa5);
    g_assert_cmpint(irq12.level, ==, 1);
    g_assert_cmpint(irq1.level, ==, 0);
    command(0xd0); /* waits behind the byte that is there */
    g_assert_cmphex(inb(STATUS) & 0x21, ==, 0x21);
    g_assert_cmphex(inb(DATA), ==, 0xa5);
    EXPECT("\x23");
    teardown();
}

static void test_password_bytes_go_to_nobody(void)
{
    setup();
    command(0xa5);
    outb(DATA, 0x1e);
    outb(DATA, 0xff);
    outb(DATA, 0x00);
    g_assert_cmphex(inb(STATUS) & 1, ==, 0);
    outb(DATA, 0xee);
    EXPECT("\xee");
    teardown();
}

static void test_interrupts_follow_the_output_buffer_and_the_mode(void)
{
    setup();
    input_send_key(INPUT_KEY_A, true);
    input_send_key(INPUT_KEY_A, false);
    g_assert_cmpint(irq1.level, ==, 1);
    g_assert_cmpuint(irq1.rises, ==, 1);
    g_assert_cmphex(inb(DATA), ==, 0x1c);
    g_assert_cmpuint(irq1.rises, ==, 2); /* an edge for each byte */
    g_assert_cmphex(inb(DATA), ==, 0xf0);
    g_assert_cmphex(inb(DATA), ==, 0x1c);
    g_assert_cmpint(irq1.level, ==, 0);
    g_assert_cmpuint(irq1.rises, ==, 3);
    set_mode(0x02);
    input_send_key(INPUT_KEY_B, true);
    g_assert_cmpint(irq1.level, ==, 0);
    set_mode(0x03);
    g_assert_cmpint(irq1.level, ==, 1);
    teardown();
}

static void test_disabled_devices_keep_their_bytes(void)
{
    setup();
    command(0xad);
    input_send_key(INPUT_KEY_A, true);
    g_assert_cmphex(inb(STATUS) & 1, ==, 0);
    command(0x20);
    EXPECT("\x13");
    command(0xae);
    EXPECT("\x1c");
    mouse(0xf4);
    EXPECT_MOUSE("\xfa");
    command(0xa7);
    input_send_mouse(1, 0, 0, 0);
    g_assert_cmphex(inb(STATUS) & 1, ==, 0);
    command(0xa8);
    EXPECT_MOUSE("\x08\x01\x00");
    command(0xad);
    outb(DATA, 0xee); /* talking to the keyboard enables it */
    EXPECT("\xee");
    teardown();
}

/* ---- the keyboard ---- */

static void test_keyboard_commands(void)
{
    setup();
    outb(DATA, 0xff);
    EXPECT("\xfa\xaa");
    outb(DATA, 0xf2);
    EXPECT("\xfa\xab\x83");
    outb(DATA, 0xee);
    EXPECT("\xee");
    outb(DATA, 0xed);
    EXPECT("\xfa");
    outb(DATA, 0x07);
    EXPECT("\xfa");
    outb(DATA, 0xf3);
    EXPECT("\xfa");
    outb(DATA, 0x00);
    EXPECT("\xfa");
    outb(DATA, 0xf0);
    EXPECT("\xfa");
    outb(DATA, 0x00);
    EXPECT("\xfa\x02");
    outb(DATA, 0xf0);
    EXPECT("\xfa");
    outb(DATA, 0x04);
    EXPECT("\xfe");
    outb(DATA, 0xef); /* no such command */
    EXPECT("\xfe");
    outb(DATA, 0x12); /* no command at all */
    EXPECT("\xfe");
    outb(DATA, 0xed);
    EXPECT("\xfa");
    outb(DATA, 0xf2); /* a command instead of a parameter */
    EXPECT("\xfa\xab\x83");
    outb(DATA, 0xfe);
    EXPECT("\x83");
    teardown();
}

static void test_translation_makes_set_1(void)
{
    setup();
    set_mode(0x43);
    outb(DATA, 0xf2);
    EXPECT("\xfa\xab\x41");
    input_send_key(INPUT_KEY_A, true);
    input_send_key(INPUT_KEY_A, false);
    EXPECT("\x1e\x9e");
    input_send_key(INPUT_KEY_UP, true);
    input_send_key(INPUT_KEY_UP, false);
    EXPECT("\xe0\x48\xe0\xc8");
    input_send_key(INPUT_KEY_F7, true);
    input_send_key(INPUT_KEY_F7, false);
    EXPECT("\x41\xc1");
    input_send_key(INPUT_KEY_PAUSE, true);
    input_send_key(INPUT_KEY_PAUSE, false);
    EXPECT("\xe1\x1d\x45\xe1\x9d\xc5");
    teardown();
}

/* Every key: set 2 translated by the controller is the code of set 1 that QMP counts keys by. */
static void test_every_key_has_its_set_1_code_in_both_ways(void)
{
    setup();
    for (unsigned number = 1; number < 0x100; number++) {
        InputKey key = input_key_from_number(number);
        if (key == INPUT_KEY_UNMAPPED || key == INPUT_KEY_PRINT || key == INPUT_KEY_PAUSE) {
            continue;
        }
        for (int round = 0; round < 2; round++) {
            g_test_message("%s", input_key_name(key));
            set_mode(round == 0 ? 0x43 : 0x03);
            outb(DATA, 0xf0);
            g_assert_cmphex(inb(DATA), ==, 0xfa);
            outb(DATA, round == 0 ? 2 : 1);
            g_assert_cmphex(inb(DATA), ==, 0xfa);
            input_send_key(key, true);
            input_send_key(key, false);
            for (unsigned up = 0; up < 2; up++) {
                if (number & 0x80) {
                    g_assert_cmphex(inb(DATA), ==, 0xe0);
                }
                g_assert_cmphex(inb(DATA), ==, (number & 0x7f) | up << 7);
            }
            g_assert_cmphex(inb(STATUS) & 1, ==, 0);
        }
    }
    teardown();
}

static void test_print_and_pause_depend_on_the_modifiers(void)
{
    setup();
    input_send_key(INPUT_KEY_PRINT, true);
    input_send_key(INPUT_KEY_PRINT, false);
    EXPECT("\xe0\x12\xe0\x7c\xe0\xf0\x7c\xe0\xf0\x12");
    input_send_key(INPUT_KEY_CTRL, true);
    input_send_key(INPUT_KEY_PRINT, true);
    input_send_key(INPUT_KEY_PAUSE, true);
    EXPECT("\x14\xe0\x7c\xe0\x7e\xe0\xf0\x7e");
    input_send_key(INPUT_KEY_CTRL, false);
    input_send_key(INPUT_KEY_PRINT, false); /* ends as it began */
    input_send_key(INPUT_KEY_PAUSE, false);
    EXPECT("\xf0\x14\xe0\xf0\x7c");
    input_send_key(INPUT_KEY_ALT, true);
    input_send_key(INPUT_KEY_PRINT, true);
    input_send_key(INPUT_KEY_PRINT, false);
    input_send_key(INPUT_KEY_ALT, false);
    EXPECT("\x11\x84\xf0\x84\xf0\x11");
    input_send_key(INPUT_KEY_PAUSE, true);
    input_send_key(INPUT_KEY_PAUSE, false);
    EXPECT("\xe1\x14\x77\xe1\xf0\x14\xf0\x77");
    teardown();
}

static void test_set_3_has_key_types(void)
{
    setup();
    outb(DATA, 0xf0);
    EXPECT("\xfa");
    outb(DATA, 0x03);
    EXPECT("\xfa");
    input_send_key(INPUT_KEY_A, true); /* typematic: no break code */
    input_send_key(INPUT_KEY_A, false);
    input_send_key(INPUT_KEY_SHIFT, true); /* make and break */
    input_send_key(INPUT_KEY_SHIFT, false);
    input_send_key(INPUT_KEY_F1, true); /* make only */
    input_send_key(INPUT_KEY_F1, false);
    EXPECT("\x1c\x12\xf0\x12\x07");
    outb(DATA, 0xfa); /* all keys: make, break, typematic */
    EXPECT("\xfa");
    outb(DATA, 0xfd); /* but this one make only */
    EXPECT("\xfa");
    outb(DATA, 0x1c);
    EXPECT("\xfa");
    input_send_key(INPUT_KEY_A, true);
    input_send_key(INPUT_KEY_A, false);
    input_send_key(INPUT_KEY_F1, true);
    input_send_key(INPUT_KEY_F1, false);
    EXPECT("\x1c\x07\xf0\x07");
    check_round_trip(kbc);
    outb(DATA, 0xf6);
    EXPECT("\xfa");
    outb(DATA, 0xf0);
    EXPECT("\xfa");
    outb(DATA, 0x00);
    EXPECT("\xfa\x02");
    teardown();
}

static void test_typematic_repeat_has_delay_and_rate(void)
{
    setup();
    outb(DATA, 0xf3);
    outb(DATA, 0x00); /* 250 ms, then every 33.36 ms */
    EXPECT("\xfa\xfa");
    input_send_key(INPUT_KEY_A, true);
    EXPECT("\x1c");
    step_ns(249 * NS_PER_MS);
    EXPECT("");
    step_ns(2 * NS_PER_MS);
    EXPECT("\x1c");
    step_ns(30 * NS_PER_MS);
    EXPECT("");
    step_ns(4 * NS_PER_MS);
    EXPECT("\x1c");
    step_ns(NS_PER_SECOND); /* not read: one in the controller, one in the keyboard, no more */
    EXPECT("\x1c\x1c");
    input_send_key(INPUT_KEY_SHIFT, true); /* another key takes over */
    EXPECT("\x12");
    step_ns(251 * NS_PER_MS);
    EXPECT("\x12");
    input_send_key(INPUT_KEY_SHIFT, false);
    EXPECT("\xf0\x12");
    step_ns(NS_PER_SECOND);
    EXPECT("");
    teardown();
}

static void test_repeated_downs_of_a_display_are_the_keyboards_own_business(void)
{
    setup();
    input_send_key(INPUT_KEY_A, true);
    input_send_key(INPUT_KEY_A, true);
    input_send_key(INPUT_KEY_A, false);
    input_send_key(INPUT_KEY_A, false);
    EXPECT("\x1c\xf0\x1c");
    teardown();
}

static void test_disabled_scanning_sends_nothing(void)
{
    setup();
    outb(DATA, 0xf5);
    EXPECT("\xfa");
    input_send_key(INPUT_KEY_A, true);
    input_send_key(INPUT_KEY_A, false);
    EXPECT("");
    outb(DATA, 0xf4);
    EXPECT("\xfa");
    input_send_key(INPUT_KEY_A, true);
    EXPECT("\x1c");
    teardown();
}

static void test_unread_keys_end_in_one_overrun_code_and_replies_still_come_first(void)
{
    unsigned count = 0;
    uint8_t last = 0xff;

    setup();
    for (unsigned i = 0; i < 40; i++) {
        input_send_key(INPUT_KEY_A, true);
        input_send_key(INPUT_KEY_A, false);
    }
    outb(DATA, 0xee);
    g_assert_cmphex(inb(DATA), ==, 0x1c); /* was in the output buffer already */
    g_assert_cmphex(inb(DATA), ==, 0xee);
    while (inb(STATUS) & 1) {
        last = inb(DATA);
        g_assert_cmpuint(++count, <, 64);
    }
    g_assert_cmphex(last, ==, 0x00);
    input_send_key(INPUT_KEY_B, true);
    EXPECT("\x32");
    teardown();
}

static void test_key_names_and_numbers(void)
{
    setup();
    g_assert_cmpint(input_key_from_name("ret"), ==, INPUT_KEY_RET);
    g_assert_cmpint(input_key_from_name("lang2"), ==, INPUT_KEY_LANG2);
    g_assert_cmpint(input_key_from_name("nosuch"), ==, INPUT_KEY_UNMAPPED);
    g_assert_cmpstr(input_key_name(INPUT_KEY_CTRL_R), ==, "ctrl_r");
    g_assert_null(input_key_name(INPUT_KEY_COUNT));
    g_assert_cmpint(input_key_from_number(0x1e), ==, INPUT_KEY_A);
    g_assert_cmpint(input_key_from_number(0xe048), ==, INPUT_KEY_UNMAPPED);
    g_assert_cmpint(input_key_from_number(0xc8), ==, INPUT_KEY_UP);
    g_assert_cmpint(input_key_from_number(0), ==, INPUT_KEY_UNMAPPED);
    for (unsigned key = 1; key < INPUT_KEY_COUNT; key++) {
        g_assert_cmpint(input_key_from_name(input_key_name(key)), ==, key);
    }
    input_send_key(INPUT_KEY_COUNT, true); /* out of range */
    input_send_key(INPUT_KEY_UNMAPPED, true);
    EXPECT("");
    teardown();
}

static void test_send_keys_presses_holds_releases_and_queues(void)
{
    static const InputKey combination[] = {INPUT_KEY_CTRL, INPUT_KEY_ALT, INPUT_KEY_DELETE};
    static const InputKey letter[] = {INPUT_KEY_A};

    setup();
    g_assert_true(input_send_keys(combination, 3, 100));
    g_assert_true(input_send_keys(letter, 1, 100));
    EXPECT("\x14\x11\xe0\x71");
    step_ns(99 * NS_PER_MS);
    EXPECT("");
    step_ns(2 * NS_PER_MS);
    EXPECT("\xe0\xf0\x71\xf0\x11\xf0\x14");
    step_ns(100 * NS_PER_MS);
    EXPECT("\x1c");
    step_ns(100 * NS_PER_MS);
    EXPECT("\xf0\x1c");
    step_ns(NS_PER_SECOND);
    teardown();
    g_assert_false(input_send_keys(letter, 1, 100)); /* the keyboard is gone */
    g_assert_false(input_send_key(INPUT_KEY_A, true));
    g_assert_false(input_send_mouse(1, 1, 0, 0));
}

/* ---- the mouse ---- */

static void test_mouse_commands(void)
{
    setup();
    mouse(0xff);
    EXPECT_MOUSE("\xfa\xaa\x00");
    mouse(0xf2);
    EXPECT_MOUSE("\xfa\x00");
    mouse(0xe9);
    EXPECT_MOUSE("\xfa\x00\x02\x64");
    mouse(0xe8);
    mouse(0x03);
    mouse(0xf3);
    mouse(0x28);
    mouse(0xe7);
    EXPECT_MOUSE("\xfa\xfa\xfa\xfa\xfa");
    mouse(0xf4);
    EXPECT_MOUSE("\xfa");
    mouse(0xe9);
    EXPECT_MOUSE("\xfa\x30\x03\x28");
    mouse(0xe8);
    EXPECT_MOUSE("\xfa");
    mouse(0x04); /* no such resolution */
    EXPECT_MOUSE("\xfe");
    mouse(0xe1); /* no such command */
    EXPECT_MOUSE("\xfe");
    mouse(0xf6);
    EXPECT_MOUSE("\xfa");
    mouse(0xe9);
    EXPECT_MOUSE("\xfa\x00\x02\x64");
    mouse(0xfe);
    EXPECT_MOUSE("\x64");
    teardown();
}

static void test_mouse_streams_packets_with_signs(void)
{
    setup();
    input_send_mouse(5, 5, 0, 0); /* not enabled yet */
    mouse(0xf4);
    EXPECT_MOUSE("\xfa");
    input_send_mouse(3, -2, 0, INPUT_BUTTON_LEFT);
    g_assert_cmpint(irq12.level, ==, 1);
    EXPECT_MOUSE("\x09\x03\x02");
    input_send_mouse(-1, 4, 0, INPUT_BUTTON_RIGHT | INPUT_BUTTON_MIDDLE);
    EXPECT_MOUSE("\x3e\xff\xfc");
    input_send_mouse(0, 0, 0, INPUT_BUTTON_RIGHT | INPUT_BUTTON_MIDDLE); /* no news */
    EXPECT_MOUSE("");
    input_send_mouse(-300, 0, 0, 0); /* more than nine bits hold */
    EXPECT_MOUSE("\x18\x01\x00\x18\xd3\x00");
    teardown();
}

static void test_mouse_movement_adds_up_while_unread_and_clicks_are_kept(void)
{
    setup();
    mouse(0xf4);
    EXPECT_MOUSE("\xfa");
    input_send_mouse(1, 0, 0, 0);
    for (unsigned i = 0; i < 100; i++) {
        input_send_mouse(1, 1, 0, 0);
    }
    input_send_mouse(0, 0, 0, INPUT_BUTTON_LEFT);
    input_send_mouse(0, 0, 0, 0);
    EXPECT_MOUSE("\x08\x01\x00\x29\x64\x9c\x08\x00\x00");
    for (unsigned i = 0; i < 100000; i++) {
        input_send_mouse(INT_MAX, INT_MIN, INT_MAX, i & 1);
    }
    teardown();
}

static void test_mouse_knock_makes_a_wheel_and_five_buttons(void)
{
    static const uint8_t wheel[] = {200, 100, 80}, explorer[] = {200, 200, 80};

    setup();
    input_send_mouse(0, 0, 1, 0);
    for (unsigned i = 0; i < 3; i++) {
        mouse(0xf3);
        mouse(wheel[i]);
        EXPECT_MOUSE("\xfa\xfa");
    }
    mouse(0xf2);
    EXPECT_MOUSE("\xfa\x03");
    mouse(0xf4);
    EXPECT_MOUSE("\xfa");
    input_send_mouse(0, 0, -1, 0);
    EXPECT_MOUSE("\x08\x00\x00\xff");
    for (unsigned i = 0; i < 3; i++) {
        mouse(0xf3);
        mouse(explorer[i]);
        EXPECT_MOUSE("\xfa\xfa");
    }
    mouse(0xf2);
    EXPECT_MOUSE("\xfa\x04");
    input_send_mouse(0, 0, 9, INPUT_BUTTON_SIDE | INPUT_BUTTON_EXTRA);
    EXPECT_MOUSE("\x08\x00\x00\x37\x08\x00\x00\x32");
    check_round_trip(kbc);
    mouse(0xff);
    EXPECT_MOUSE("\xfa\xaa\x00");
    teardown();
}

static void test_mouse_remote_and_wrap_modes(void)
{
    setup();
    mouse(0xf0);
    EXPECT_MOUSE("\xfa");
    input_send_mouse(7, 0, 0, 0);
    EXPECT_MOUSE("");
    mouse(0xe9);
    EXPECT_MOUSE("\xfa\x40\x02\x64");
    mouse(0xeb);
    EXPECT_MOUSE("\xfa\x08\x07\x00");
    mouse(0xeb);
    EXPECT_MOUSE("\xfa\x08\x00\x00");
    mouse(0xee);
    EXPECT_MOUSE("\xfa");
    mouse(0xf2);
    mouse(0x55);
    EXPECT_MOUSE("\xf2\x55");
    mouse(0xec);
    EXPECT_MOUSE("\xfa");
    mouse(0xea);
    EXPECT_MOUSE("\xfa");
    mouse(0xf2);
    EXPECT_MOUSE("\xfa\x00");
    teardown();
}

static void test_mouse_scaling_of_small_steps(void)
{
    static const uint8_t expected[] = {0, 1, 1, 3, 6, 9, 12, 14};

    setup();
    mouse(0xe7);
    EXPECT_MOUSE("\xfa");
    mouse(0xf4);
    EXPECT_MOUSE("\xfa");
    for (int i = 1; i < 8; i++) {
        input_send_mouse(i, i, 0, 0);
        g_assert_cmphex(inb(DATA), ==, 0x28);
        g_assert_cmphex(inb(DATA), ==, expected[i]);
        g_assert_cmphex(inb(DATA), ==, (uint8_t)-expected[i]);
    }
    teardown();
}

/* ---- saved state ---- */

static void test_saved_state_has_all_that_waits(void)
{
    setup();
    set_mode(0x47);
    mouse(0xf4);
    EXPECT_MOUSE("\xfa");
    input_send_key(INPUT_KEY_UP, true);
    input_send_mouse(1, 2, 0, 0);
    input_send_mouse(3, 4, 0, 0);
    g_assert_cmphex(inb(DATA), ==, 0xe0);
    command(0x20);
    check_round_trip(kbc);
    g_assert_cmpint(irq1.level, ==, 1);
    g_assert_cmphex(inb(DATA), ==, 0x48);
    g_assert_cmphex(inb(DATA), ==, 0x47);
    EXPECT_MOUSE("\x28\x01\xfe\x28\x03\xfc");
    step_ns(600 * NS_PER_MS);
    EXPECT("\xe0\x48"); /* the key is still down and repeats */
    command(0xd4);
    check_round_trip(kbc);
    outb(DATA, 0xf2);
    EXPECT_MOUSE("\xfa\x00");
    teardown();
}

/* @part 0: the controller, 1: the keyboard, 2: the mouse. */
static void refuse(unsigned part, const char *field, GVariant *value)
{
    g_autoptr(GVariant) saved = g_variant_ref_sink(device_save(kbc));
    g_autoptr(GVariant) state = NULL;
    g_autoptr(GVariant) bad = NULL;
    g_autoptr(GError) error = NULL;
    GVariant *parts[3];
    guint32 version;

    g_variant_get(saved, "(uv)", &version, &state);
    for (unsigned i = 0; i < 3; i++) {
        g_autoptr(GVariant) fields = g_variant_get_child_value(state, i);
        GVariantDict dict;
        g_variant_dict_init(&dict, fields);
        if (i == part) {
            g_assert_true(g_variant_dict_contains(&dict, field));
            g_variant_dict_insert_value(&dict, field, value);
        }
        parts[i] = g_variant_dict_end(&dict);
    }
    bad = g_variant_ref_sink(g_variant_new("(uv)", version, g_variant_new_tuple(parts, 3)));
    g_assert_false(device_load(kbc, bad, &error));
    g_assert_nonnull(error);
    g_assert_true(device_load(kbc, saved, NULL));
}

static void test_impossible_saved_state_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) wrong = g_variant_ref_sink(g_variant_new("(uv)", 1, g_variant_new_byte(1)));

    setup();
    refuse(0, "output_port", g_variant_new_uint16(1));
    refuse(1, "queue.reply_count", g_variant_new_byte(9));
    refuse(1, "queue.reply_start", g_variant_new_byte(8));
    refuse(1, "queue.event_count", g_variant_new_byte(33));
    refuse(1, "queue.event_start", g_variant_new_byte(200));
    refuse(1, "scan_set", g_variant_new_byte(0));
    refuse(1, "scan_set", g_variant_new_byte(4));
    refuse(1, "repeat_key", g_variant_new_uint16(INPUT_KEY_COUNT));
    refuse(1, "print_form", g_variant_new_byte(3));
    refuse(1, "pending_command", g_variant_new_byte(0xff));
    refuse(2, "type", g_variant_new_byte(1));
    refuse(2, "resolution", g_variant_new_byte(4));
    refuse(2, "pending_command", g_variant_new_byte(0xe9));
    g_assert_false(device_load(kbc, wrong, &error));
    g_assert_nonnull(error);
    teardown();
}

/* Any bytes in any order: nothing a guest writes may upset the process. */
static void test_random_accesses_do_no_harm(void)
{
    setup();
    for (unsigned i = 0; i < 200000; i++) {
        switch (g_test_rand_int_range(0, 6)) {
        case 0:
            outb(DATA, g_test_rand_int());
            break;
        case 1:
            outb(STATUS, g_test_rand_int());
            break;
        case 2:
            inb(DATA);
            break;
        case 3:
            input_send_key(g_test_rand_int_range(0, INPUT_KEY_COUNT), g_test_rand_bit());
            break;
        case 4:
            input_send_mouse(g_test_rand_int(), g_test_rand_int(), g_test_rand_int(),
                             g_test_rand_int());
            break;
        default:
            step_ns(g_test_rand_int_range(0, 100000000));
            break;
        }
    }
    check_round_trip(kbc);
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    run_state_request_exit(0);
    run_state_loop(NULL); /* from here on the loop only carries out what is asked for */
#define ADD(path, function) g_test_add_func("/i8042/" path, function)
    ADD("reset", test_state_after_reset);
    ADD("tests", test_controller_answers_its_tests);
    ADD("status", test_status_tells_command_from_data_and_shows_the_system_flag);
    ADD("ram", test_ram_has_32_bytes);
    ADD("a20", test_a20_by_output_port_and_by_command);
    ADD("reset-line", test_reset_by_pulse_and_by_output_port);
    ADD("write-buffer", test_output_buffer_can_be_written_as_either_device);
    ADD("password", test_password_bytes_go_to_nobody);
    ADD("interrupts", test_interrupts_follow_the_output_buffer_and_the_mode);
    ADD("disable", test_disabled_devices_keep_their_bytes);
    ADD("keyboard/commands", test_keyboard_commands);
    ADD("keyboard/translation", test_translation_makes_set_1);
    ADD("keyboard/codes", test_every_key_has_its_set_1_code_in_both_ways);
    ADD("keyboard/print-pause", test_print_and_pause_depend_on_the_modifiers);
    ADD("keyboard/set-3", test_set_3_has_key_types);
    ADD("keyboard/typematic", test_typematic_repeat_has_delay_and_rate);
    ADD("keyboard/repeats", test_repeated_downs_of_a_display_are_the_keyboards_own_business);
    ADD("keyboard/disabled", test_disabled_scanning_sends_nothing);
    ADD("keyboard/overrun", test_unread_keys_end_in_one_overrun_code_and_replies_still_come_first);
    ADD("keyboard/names", test_key_names_and_numbers);
    ADD("keyboard/send-keys", test_send_keys_presses_holds_releases_and_queues);
    ADD("mouse/commands", test_mouse_commands);
    ADD("mouse/stream", test_mouse_streams_packets_with_signs);
    ADD("mouse/unread", test_mouse_movement_adds_up_while_unread_and_clicks_are_kept);
    ADD("mouse/knock", test_mouse_knock_makes_a_wheel_and_five_buttons);
    ADD("mouse/modes", test_mouse_remote_and_wrap_modes);
    ADD("mouse/scaling", test_mouse_scaling_of_small_steps);
    ADD("state", test_saved_state_has_all_that_waits);
    ADD("state/refused", test_impossible_saved_state_is_refused);
    ADD("random", test_random_accesses_do_no_harm);
#undef ADD
    return g_test_run();
}
