/*
 * A machine for whoever drives it from outside: says "ready" on the first serial port, answers each
 * line there, and switches itself off when its power button is pressed, as an operating system does.
 *
 * Lines: "count" (answered by how many lines came since the start, so that a test sees whether the
 * machine went on, started again or came back as it was), "disk" (by the first word of the first IDE
 * disk's first sector, read by PIO), "reset" (by the reset port), "off" (by ACPI), "crash" (a triple
 * fault), "bark" (the watchdog ib700 with no time left); any other is said back.
 *
 * Words: driven: do all that, until the machine ends; without it only see that all is there to do it.
 * Sources: 16550A, 82371AB (PIIX4) data sheets; ATA-6, READ SECTORS.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#define UART          0x3f8
#define UART_STATUS   (UART + 5)
#define UART_SCRATCH  (UART + 7)
#define UART_RECEIVED 0x01
#define UART_EMPTY    0x20

#define PIIX_SLOT      1
#define PM_FUNCTION    3
#define PM_BASE        0x40
#define PM_STATUS      0
#define PM_CONTROL     4
#define POWER_BUTTON   0x100
#define SLEEP_ENABLE   0x2000 /* with type 0: S5 on this board */
#define WATCHDOG_START 0x443
#define WATCHDOG_NOW   0x0f /* a time of no seconds */
#define RESET_PORT     0xcf9
#define RESET_FULL     0x06
#define IDE_PORT       0x1f0
#define IDE_BUSY       0x80
#define IDE_DATA       0x08
#define IDE_READ       0x20
#define IDE_CONFIG     0x40 /* of the IDE function: bit 15 decodes the channel */
#define IDE_FUNCTION   1

static uint16_t pm_base;

/* ---- serial port ---- */

static void put(char c)
{
    while (!(in8(UART_STATUS) & UART_EMPTY)) {
        pause_cpu();
    }
    out8(UART, (uint8_t)c);
}

static void answer(const char *text)
{
    for (; *text; text++) {
        put(*text);
    }
    put('\r');
    put('\n');
}

/* ---- the ends of a machine ---- */

static void switch_off(void)
{
    answer("going off");
    out16(pm_base + PM_CONTROL, SLEEP_ENABLE);
}

static void crash(void)
{
    static const struct PACKED {
        uint16_t limit;
        uintptr_t base;
    } nothing = {0, 0};
    __asm__ volatile("lidt %0; ud2" : : "m"(nothing));
}

static bool button_pressed(void)
{
    return in16(pm_base + PM_STATUS) & POWER_BUTTON;
}

/* ---- disk ---- */

static void read_disk(void)
{
    char text[24] = "no disk";
    pci_write(PIIX_SLOT, 0, 4, pci_read(PIIX_SLOT, 0, 4) | 1);
    pci_write(PIIX_SLOT, IDE_FUNCTION, 4, pci_read(PIIX_SLOT, IDE_FUNCTION, 4) | 1);
    pci_write(PIIX_SLOT, IDE_FUNCTION, IDE_CONFIG, 0x80008000u);
    out8(IDE_PORT + 6, 0xe0);
    out8(IDE_PORT + 2, 1);
    out8(IDE_PORT + 3, 0);
    out8(IDE_PORT + 4, 0);
    out8(IDE_PORT + 5, 0);
    out8(IDE_PORT + 7, IDE_READ);
    for (unsigned tries = 0; tries < 1000 && in8(IDE_PORT + 7) & IDE_BUSY; tries++) {
        rest(1);
    }
    if (in8(IDE_PORT + 7) & IDE_DATA) {
        uint16_t first = in16(IDE_PORT);
        for (unsigned i = 1; i < 256; i++) {
            in16(IDE_PORT);
        }
        format(text, sizeof(text), "disk %04x", first);
    }
    answer(text);
}

/* ---- lines ---- */

static void obey(const char *line)
{
    static unsigned count;
    char text[24];
    count++;
    if (strcmp(line, "count") == 0) {
        format(text, sizeof(text), "count %u", count);
        answer(text);
    } else if (strcmp(line, "disk") == 0) {
        read_disk();
    } else if (strcmp(line, "reset") == 0) {
        out8(RESET_PORT, RESET_FULL);
    } else if (strcmp(line, "off") == 0) {
        switch_off();
    } else if (strcmp(line, "crash") == 0) {
        crash();
    } else if (strcmp(line, "bark") == 0) {
        out8(WATCHDOG_START, WATCHDOG_NOW);
    } else {
        answer(line);
    }
}

static void take_line(void)
{
    static char line[64];
    static unsigned length;
    while (in8(UART_STATUS) & UART_RECEIVED) {
        char c = (char)in8(UART);
        if (c == '\n' || c == '\r') {
            line[length] = '\0';
            length = 0;
            if (line[0]) {
                obey(line);
            }
        } else if (length < sizeof(line) - 1) {
            line[length++] = c;
        }
    }
}

static _Noreturn void be_driven(void)
{
    out16(pm_base + PM_STATUS, POWER_BUTTON);
    answer("ready");
    for (;;) {
        take_line();
        if (button_pressed()) {
            switch_off();
        }
        rest(5);
    }
}

void test_main(void)
{
    pm_base = pci_read(PIIX_SLOT, PM_FUNCTION, PM_BASE) & 0xffc0;
    check(pm_base != 0 && in16(pm_base + PM_STATUS) != 0xffff, "power management is at 0x%x", pm_base);
    out8(UART_SCRATCH, 0x5a);
    expect("there is a serial port", in8(UART_SCRATCH), 0x5a);
    check(!button_pressed(), "the power button is not pressed");
    if (option("driven")) {
        be_driven();
    }
}
