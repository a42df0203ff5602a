/*
 * Power management on the board: PCI identity, ports, timer, SCI, soft off, and S3 ended by the
 * clock's alarm.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#define DEVFN   (1 << 3 | 3)
#define PM      0x600
#define STATUS  (PM + 0)
#define ENABLE  (PM + 2)
#define CONTROL (PM + 4)
#define TIMER   (PM + 8)
#define SCI_PIN 9
#define SECOND  INT64_C(1000000000)

enum {
    PM1_TIMER = 0x0001,
    PM1_RTC = 0x0400,
    PM1_WAKE = 0x8000,
    SCI_EN = 0x0001,
    SLP_EN = 0x2000,
    SLEEP_S3 = 1 << 10,
};

static uint32_t config(QTestState *state, unsigned offset)
{
    qtest_outl(state, 0xcf8, 0x80000000u | DEVFN << 8 | offset);
    return qtest_inl(state, 0xcfc);
}

static void set_config(QTestState *state, unsigned offset, uint32_t value)
{
    qtest_outl(state, 0xcf8, 0x80000000u | DEVFN << 8 | offset);
    qtest_outl(state, 0xcfc, value);
}

static void enable_ports(QTestState *state)
{
    set_config(state, 0x40, PM | 1);
    set_config(state, 0x80, 1);
}

static QTestState *start(const char *more)
{
    QTestState *state = qtest_initf("-machine pc %s", more);

    enable_ports(state);
    qtest_irq_intercept_in(state, "ioapic");
    return state;
}

static void set_cmos(QTestState *state, uint8_t index, uint8_t value)
{
    qtest_outb(state, 0x70, index);
    qtest_outb(state, 0x71, value);
}

static uint8_t get_cmos(QTestState *state, uint8_t index)
{
    qtest_outb(state, 0x70, index);
    return qtest_inb(state, 0x71);
}

static void function_3_is_there(void)
{
    QTestState *state = start("");

    g_assert_cmphex(config(state, 0x00), ==, 0x71138086);
    g_assert_cmphex(config(state, 0x08), ==, 0x06800003);
    g_assert_cmphex(config(state, 0x40), ==, PM | 1);
    g_assert_cmphex(qtest_inl(state, 0xafe0), ==, 0);
    g_assert_cmphex(qtest_inl(state, 0xae00), ==, 0);
    qtest_quit(state);
}

static void timer_runs(void)
{
    QTestState *state = start("");
    uint32_t before = qtest_inl(state, TIMER);

    qtest_clock_step(state, SECOND);
    g_assert_cmpuint((qtest_inl(state, TIMER) - before) & 0xffffff, ==, 3579545);
    qtest_quit(state);
}

static void timer_overflow_interrupts(void)
{
    QTestState *state = start("");

    qtest_outb(state, 0xb2, 0xf1);
    g_assert_cmphex(qtest_inw(state, CONTROL), ==, SCI_EN);
    qtest_outw(state, ENABLE, PM1_TIMER);
    qtest_clock_step(state, 2 * SECOND);
    g_assert_false(qtest_get_irq(state, SCI_PIN));
    qtest_clock_step(state, SECOND);
    g_assert_true(qtest_get_irq(state, SCI_PIN));
    g_assert_cmphex(qtest_inw(state, STATUS) & PM1_TIMER, ==, PM1_TIMER);
    qtest_outw(state, STATUS, PM1_TIMER);
    g_assert_false(qtest_get_irq(state, SCI_PIN));
    qtest_quit(state);
}

static void soft_off_ends_the_process(void)
{
    QTestState *state = start("");

    qtest_outw(state, CONTROL, SLP_EN);
    g_assert_cmpint(qtest_wait_exit(state), ==, 0);
}

static void alarm_ends_s3(void)
{
    QTestState *state = start("-rtc base=2009-02-13T23:31:30,clock=vm");

    qtest_memwrite(state, 0x100000, "kept", 4);
    set_cmos(state, 0x01, 0xff);
    set_cmos(state, 0x03, 0xff);
    set_cmos(state, 0x05, 0xff);
    get_cmos(state, 0x0c);
    set_cmos(state, 0x0b, 0x22);
    qtest_outw(state, ENABLE, PM1_RTC);
    qtest_outw(state, CONTROL, SLP_EN | SLEEP_S3);
    /* The suspend is carried out between two commands of ours; then the alarm goes off. */
    for (unsigned i = 0; i < 50 && config(state, 0x40) == (PM | 1); i++) {
        qtest_clock_step(state, SECOND);
        g_usleep(10000);
    }
    g_assert_cmphex(config(state, 0x40), ==, 1); /* it was reset */
    enable_ports(state);
    g_assert_cmphex(qtest_inw(state, STATUS) & ~PM1_TIMER, ==, PM1_WAKE | PM1_RTC);
    g_assert_cmphex(get_cmos(state, 0x0f), ==, 0xfe); /* what tells firmware to resume */
    char memory[4];
    qtest_memread(state, 0x100000, memory, sizeof(memory));
    g_assert_cmpmem(memory, sizeof(memory), "kept", 4);
    qtest_quit(state);
}

static void s3_can_be_forbidden(void)
{
    QTestState *state = start("-global PIIX4_PM.disable_s3=1");

    qtest_outw(state, CONTROL, SLP_EN | SLEEP_S3);
    g_usleep(50000);
    qtest_clock_step(state, SECOND);
    g_assert_cmphex(qtest_inw(state, CONTROL), ==, SLEEP_S3);
    g_assert_cmphex(config(state, 0x40), ==, PM | 1);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("piix4_pm/function_3_is_there", function_3_is_there);
    qtest_add_func("piix4_pm/timer_runs", timer_runs);
    qtest_add_func("piix4_pm/timer_overflow_interrupts", timer_overflow_interrupts);
    qtest_add_func("piix4_pm/soft_off_ends_the_process", soft_off_ends_the_process);
    qtest_add_func("piix4_pm/alarm_ends_s3", alarm_ends_s3);
    qtest_add_func("piix4_pm/s3_can_be_forbidden", s3_can_be_forbidden);
    return g_test_run();
}
