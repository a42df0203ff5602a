/*
 * The runtime of the guest kernels: what a test needs of a bare x86 CPU, for 64- and 32-bit builds.
 *
 * A kernel is started by the PVH protocol, runs test_main() on its first CPU with interrupts off,
 * paging on (the first 4 GiB one to one, writable, open to user mode) and all exceptions reported,
 * tells its results as TAP on the debug console, and ends by isa-debug-exit. Interrupts are taken
 * only inside wait_until() and rest().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_GUEST_LIB_GUEST_H
#define TESTS_GUEST_LIB_GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE      4096u
#define PAGE_SHIFT     12
#define MAX_CPUS       64
#define STACK_SIZE     16384
#define NS_PER_MS      UINT64_C(1000000)
#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))
#define PACKED         __attribute__((packed))
#define PAGE_ALIGNED   __attribute__((aligned(4096)))
#define PRINTF_LIKE(n) __attribute__((format(printf, n, n + 1)))

#ifdef __x86_64__
#define IS_64_BIT true
#else
#define IS_64_BIT false
#endif

/* ---- the test itself ---- */

/** test_main: what each kernel defines; the plan and the end follow when it returns. */
void test_main(void);
/** check: one TAP line; with a printf-like text. Returns @good. */
bool check(bool good, const char *text, ...) PRINTF_LIKE(2);
/** expect: one TAP line, good if @got is @want; both are shown if not. */
bool expect(const char *text, int64_t got, int64_t want);
/** expect_range: good if @got lies between @low and @high, both included. */
bool expect_range(const char *text, int64_t got, int64_t low, int64_t high);
bool expect_text(const char *text, const char *got, const char *want);
/** skip: a TAP line for what cannot be tested on this host. */
void skip(const char *text, const char *reason);
/** note: a comment line among the results. */
void note(const char *text, ...) PRINTF_LIKE(1);
/** bail_out: nothing more can be tested. */
_Noreturn void bail_out(const char *text, ...) PRINTF_LIKE(1);
/** finish: plan and end, for tests that do not return from test_main. */
_Noreturn void finish(void);
/** say: one line on the debug console, no more. */
void say(const char *text, ...) PRINTF_LIKE(1);

/** option: whether the command line has the word @name; option_value: the text behind "name=", or
 * NULL. */
bool option(const char *name);
const char *option_value(const char *name);
/** option_number: the number behind "name=", or @other. */
uint64_t option_number(const char *name, uint64_t other);

/* ---- strings ---- */
void *memset(void *to, int value, size_t length);
void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t length);
/** format: like snprintf for %s %c %d %u %x %p with l, ll, z, a width and a leading 0; returns the
 * length. */
unsigned format(char *to, unsigned room, const char *text, ...) PRINTF_LIKE(3);
unsigned format_list(char *to, unsigned room, const char *text, va_list list);
uint64_t parse_number(const char *text);

/* ---- ports, registers, memory ---- */
static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
static inline void out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint16_t in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint32_t in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint64_t rdmsr(uint32_t index)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index) : "memory");
    return (uint64_t)high << 32 | low;
}
static inline void wrmsr(uint32_t index, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}
static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

typedef struct {
    uint32_t eax, ebx, ecx, edx;
} CpuidLeaf;

static inline CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf)
{
    CpuidLeaf r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}
static inline void barrier(void)
{
    __asm__ volatile("" : : : "memory");
}
static inline void pause_cpu(void)
{
    __asm__ volatile("pause" : : : "memory");
}
static inline void interrupts_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}
static inline void interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}
static inline uint32_t mmio_read32(uintptr_t at)
{
    return *(volatile uint32_t *)at;
}
static inline void mmio_write32(uintptr_t at, uint32_t value)
{
    *(volatile uint32_t *)at = value;
}

/** page_alloc: a zeroed page of RAM, never freed; page_alloc_many: @count of them in a row. */
void *page_alloc(void);
void *page_alloc_many(unsigned count);
/** frame_of: the frame number of an address in RAM. */
static inline unsigned long frame_of(const void *address)
{
    return (unsigned long)(uintptr_t)address >> PAGE_SHIFT;
}
/** ram_end: the first address behind the RAM below 4 GiB, by the loader's memory map. */
uint64_t ram_end(void);

/* A 2 MiB window of linear addresses of its own, 4 KiB pages, nothing mapped at first. */
#define WINDOW_START 0x40000000u
#define WINDOW_PAGES 512
enum { WINDOW_READ_ONLY = 1, WINDOW_KERNEL_ONLY = 2 };
/** window_map: shows frame @frame in page @index of the window; returns its linear address. */
void *window_map(unsigned index, unsigned long frame, unsigned flags);
void window_unmap(unsigned index);

/* ---- exceptions and interrupts ---- */
typedef struct {
#ifdef __x86_64__
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, ip, cs, flags, sp, ss;
#else
    uint32_t es, ds, edi, esi, ebp, esp_unused, ebx, edx, ecx, eax;
    uint32_t vector, error, ip, cs, flags, sp, ss; /* sp and ss only from user mode */
#endif
} TrapFrame;

typedef void (*TrapHandler)(TrapFrame *frame);
/** trap_set: the handler of an exception or interrupt vector; NULL: it is an error again. */
void trap_set(unsigned vector, TrapHandler handler);
enum { NO_TRAP = -1 };
/** trap_catch: runs @body; the vector of the exception that ended it, or NO_TRAP. */
int trap_catch(void (*body)(void *), void *argument);
/** trap_catch_user: the same in user mode; @body must not use anything but its argument. */
int trap_catch_user(void (*body)(void *), void *argument);

/* ---- local APIC, timers ---- */
enum {
    VECTOR_CALL = 0xf1,  /* work for another CPU */
    VECTOR_DONE = 0xf2,  /* ... is done */
    VECTOR_TIMER = 0xf4, /* time limit of a wait */
    VECTOR_SPURIOUS = 0xff,
};
enum {
    LAPIC_ID = 0x20,
    LAPIC_TPR = 0x80,
    LAPIC_EOI = 0xb0,
    LAPIC_SVR = 0xf0,
    LAPIC_ISR = 0x100,
    LAPIC_IRR = 0x200,
    LAPIC_LVT0 = 0x350,
    LAPIC_LVT1 = 0x360
};
uint32_t lapic_read(unsigned offset);
void lapic_write(unsigned offset, uint32_t value);
void lapic_eoi(void);
/** lapic_in_service, lapic_requested: the vector's bit in ISR, IRR. */
bool lapic_in_service(unsigned vector);
bool lapic_requested(unsigned vector);
void lapic_send_ipi(unsigned cpu, unsigned vector);

/** wait_until: sleeps with interrupts on until @condition; false if @milliseconds passed first. */
bool wait_until(bool (*condition)(void *), void *argument, unsigned milliseconds);
/** wait_for: until the word is at least @value. */
bool wait_for(volatile unsigned *word, unsigned value, unsigned milliseconds);
/** rest: interrupts on for so long. */
void rest(unsigned milliseconds);
/** host_ns: a clock that neither Xen nor the TSC is part of: the HPET, in nanoseconds since the
 * start. */
uint64_t host_ns(void);

/* ---- CPUs ---- */
/** cpu_index: of the CPU that asks; the first is 0; it is the local APIC's id too. */
unsigned cpu_index(void);
/** smp_start: starts CPU @cpu by INIT and SIPI; false if it does not come. */
bool smp_start(unsigned cpu);
/** smp_run: runs @body there with interrupts off, and waits for its end (interrupts on here). */
bool smp_run(unsigned cpu, void (*body)(void *), void *argument);
/** smp_begin, smp_wait: the same in two steps. */
void smp_begin(unsigned cpu, void (*body)(void *), void *argument);
bool smp_wait(unsigned cpu, unsigned milliseconds);
/** smp_entry32: the address where a CPU in flat protected mode joins as CPU @cpu of this kernel. */
uintptr_t smp_entry32(unsigned cpu);
bool smp_arrived(unsigned cpu);
void smp_forget(unsigned cpu);

/* ---- the board ---- */
uint32_t pci_read(unsigned device, unsigned function, unsigned offset);
void pci_write(unsigned device, unsigned function, unsigned offset, uint32_t value);
/** pci_find: the device number of @vendor:@id on bus 0, function 0; -1 if there is none. */
int pci_find(uint16_t vendor, uint16_t id);
/** ioapic_set: pin to @vector of CPU 0; @level: active high level, else edge. */
void ioapic_set(unsigned pin, unsigned vector, bool level);
void ioapic_mask(unsigned pin);
uint8_t cmos_read(uint8_t index);
void cmos_write(uint8_t index, uint8_t value);
/** hpet_raise: timer 0 fires once after @microseconds on I/O APIC pin @pin (edge or level); false:
 * it cannot. */
bool hpet_raise(unsigned pin, bool level, unsigned microseconds);
/** hpet_send_message: timer 0 writes @data to @address once after @microseconds; false: it cannot.
 */
bool hpet_send_message(uint32_t address, uint32_t data, unsigned microseconds);
/** hpet_acknowledge: takes a level interrupt of timer 0 away. */
void hpet_acknowledge(void);

/* ---- between the runtime's own files ---- */
extern uint32_t boot_start_info;
extern uint8_t cpu_stacks[MAX_CPUS][STACK_SIZE];
_Noreturn void exit_machine(uint8_t value);
void command_line_init(void);
void memory_init(void);
void trap_init(void);
void trap_load(unsigned cpu);
void lapic_init(void);
void smp_init(void);
void trap_entry(TrapFrame *frame);
_Noreturn void runtime_start(void);
_Noreturn void runtime_start_secondary(unsigned cpu);

#endif
