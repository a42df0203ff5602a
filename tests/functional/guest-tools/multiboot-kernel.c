/*
 * A small Multiboot 1 kernel: writes on the first serial port what the boot loader told it, checks the
 * state the specification promises, and ends the machine through isa-debug-exit.
 *
 * With FLAT its header carries the load addresses, so that it boots as a plain binary too.
 *
 * Source of facts: The Multiboot Specification version 0.6.96, sections 3.1 to 3.3; 16550A data sheet.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdint.h>

#define MULTIBOOT_MAGIC 0x1badb002u
#define LOADER_MAGIC 0x2badb002u
#define FLAG_PAGE_ALIGN 0x1u
#define FLAG_MEMORY 0x2u
#define FLAG_ADDRESSES 0x10000u
#define SERIAL_PORT 0x3f8
#define EXIT_PORT 0xf4
#define EXIT_GOOD 0x10
#define EXIT_BAD 0x11

#ifdef FLAT
#define HEADER_FLAGS (FLAG_PAGE_ALIGN | FLAG_MEMORY | FLAG_ADDRESSES)
#else
#define HEADER_FLAGS (FLAG_PAGE_ALIGN | FLAG_MEMORY)
#endif

extern char load_start[], load_end[], bss_end[];
void start(void);
void kernel_main(uint32_t magic, const uint32_t *info, uint32_t cr0, uint32_t eflags);

struct multiboot_header {
    uint32_t magic, flags, checksum;
    void *header_addr, *load_addr, *load_end_addr, *bss_end_addr;
    void (*entry_addr)(void);
};

__attribute__((section(".header"), used)) static const struct multiboot_header header = {
    MULTIBOOT_MAGIC, HEADER_FLAGS, -(MULTIBOOT_MAGIC + HEADER_FLAGS),
    (void *)&header, load_start, load_end, bss_end, start,
};

static uint8_t stack[16384] __attribute__((aligned(16), used));
static uint8_t must_be_zero[64];

__asm__(".section .text\n"
        ".globl start\n"
        "start:\n"
        "    mov $stack + 16384, %esp\n"
        "    pushf\n"
        "    mov %cr0, %ecx\n"
        "    push %ecx\n"
        "    push %ebx\n"
        "    push %eax\n"
        "    call kernel_main\n"
        "1:  hlt\n"
        "    jmp 1b\n");

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void put(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((in8(SERIAL_PORT + 5) & 0x20) == 0) {
        }
        out8(SERIAL_PORT, (uint8_t)*text);
    }
}

static void put_number(const char *name, uint32_t value)
{
    char digits[12];
    int at = 11;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put(name);
    put(digits + at);
    put("\n");
}

static void put_text(const char *name, uint32_t address)
{
    put(name);
    put((const char *)address);
    put("\n");
}

static void show_modules(uint32_t count, const uint32_t *module)
{
    put_number("multiboot: modules ", count);
    for (uint32_t i = 0; i < count; i++, module += 4) {
        const uint8_t *byte = (const uint8_t *)module[0];
        uint32_t sum = 0;

        while (byte < (const uint8_t *)module[1]) {
            sum = sum * 31 + *byte++;
        }
        put_text("multiboot: module ", module[2]);
        put_number("multiboot: module bytes ", module[1] - module[0]);
        put_number("multiboot: module sum ", sum);
        put_number("multiboot: module misaligned ", module[0] & 0xfff);
    }
}

static void show_map(uint32_t length, uint32_t address)
{
    uint32_t total_kib = 0, end = address + length;

    while (address < end) {
        const uint32_t *entry = (const uint32_t *)address;

        if (entry[5] == 1) {
            total_kib += (entry[3] >> 10) | (entry[4] << 22);
        }
        address += entry[0] + 4;
    }
    put_number("multiboot: map KiB ", total_kib);
}

/* Paging off, protection on, interrupts off, bss cleared: section 3.2. */
static int state_is_right(uint32_t magic, uint32_t cr0, uint32_t eflags)
{
    int zero = 1;

    for (unsigned i = 0; i < sizeof(must_be_zero); i++) {
        zero &= ((volatile uint8_t *)must_be_zero)[i] == 0;
    }
    return magic == LOADER_MAGIC && (cr0 & 0x80000001u) == 1 && (eflags & 0x20200u) == 0 && zero;
}

void kernel_main(uint32_t magic, const uint32_t *info, uint32_t cr0, uint32_t eflags)
{
    int good = state_is_right(magic, cr0, eflags);

    put_number("multiboot: flags ", info[0]);
    if (info[0] & 0x1) {
        put_number("multiboot: lower KiB ", info[1]);
        put_number("multiboot: upper KiB ", info[2]);
    }
    if (info[0] & 0x4) {
        put_text("multiboot: command line ", info[4]);
    }
    if (info[0] & 0x8) {
        show_modules(info[5], (const uint32_t *)info[6]);
    }
    if (info[0] & 0x40) {
        show_map(info[11], info[12]);
    }
    if (info[0] & 0x200) {
        put_text("multiboot: loader ", info[16]);
    }
    put(good ? "multiboot: state right\n" : "multiboot: state wrong\n");
    out8(EXIT_PORT, good ? EXIT_GOOD : EXIT_BAD);
}
