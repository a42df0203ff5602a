/*
 * Start and end of a guest kernel, and its TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#include <xen/arch-x86/hvm/start_info.h>

#define CONSOLE_PORT 0xe9
#define EXIT_PORT    0xf4
#define EXIT_GOOD    0x10
#define EXIT_BAD     0x11
#define LINE_ROOM    512
#define COMMAND_ROOM 1024

static unsigned tests, failures;
static char command_line[COMMAND_ROOM];
static volatile unsigned console_lock;

_Noreturn void exit_machine(uint8_t value)
{
    for (;;) {
        out8(EXIT_PORT, value);
        __asm__ volatile("cli; hlt");
    }
}

/* One string output a line: one exit of the host. */
static void put(const char *text, unsigned length)
{
    while (__atomic_exchange_n(&console_lock, 1, __ATOMIC_ACQUIRE)) {
        pause_cpu();
    }
    __asm__ volatile("rep outsb" : "+S"(text), "+c"(length) : "d"(CONSOLE_PORT) : "memory");
    __atomic_store_n(&console_lock, 0, __ATOMIC_RELEASE);
}

static void say_list(const char *before, const char *text, va_list list)
{
    char line[LINE_ROOM];
    unsigned length = format(line, sizeof(line) - 1, "%s", before);
    length += format_list(line + length, sizeof(line) - 1 - length, text, list);
    line[length] = '\n';
    put(line, length + 1);
}

void say(const char *text, ...)
{
    va_list list;
    va_start(list, text);
    say_list("", text, list);
    va_end(list);
}

void note(const char *text, ...)
{
    va_list list;
    va_start(list, text);
    say_list("# ", text, list);
    va_end(list);
}

bool check(bool good, const char *text, ...)
{
    char start[24];
    va_list list;
    va_start(list, text);
    format(start, sizeof(start), "%s %u - ", good ? "ok" : "not ok", ++tests);
    failures += !good;
    say_list(start, text, list);
    va_end(list);
    return good;
}

bool expect(const char *text, int64_t got, int64_t want)
{
    if (!check(got == want, "%s", text)) {
        note("  got %lld (0x%llx), want %lld (0x%llx)", (long long)got, (long long)got,
             (long long)want, (long long)want);
    }
    return got == want;
}

bool expect_range(const char *text, int64_t got, int64_t low, int64_t high)
{
    bool good = got >= low && got <= high;
    if (!check(good, "%s", text)) {
        note("  got %lld, want %lld to %lld", (long long)got, (long long)low, (long long)high);
    }
    return good;
}

bool expect_text(const char *text, const char *got, const char *want)
{
    bool good = strcmp(got, want) == 0;
    if (!check(good, "%s", text)) {
        note("  got \"%s\", want \"%s\"", got, want);
    }
    return good;
}

void skip(const char *text, const char *reason)
{
    say("ok %u - %s # SKIP %s", ++tests, text, reason);
}

_Noreturn void finish(void)
{
    say("1..%u", tests);
    exit_machine(failures || !tests ? EXIT_BAD : EXIT_GOOD);
}

_Noreturn void bail_out(const char *text, ...)
{
    va_list list;
    va_start(list, text);
    say_list("Bail out! ", text, list);
    va_end(list);
    exit_machine(EXIT_BAD);
}

/* ---- command line ---- */

void command_line_init(void)
{
    const struct hvm_start_info *info = (const void *)(uintptr_t)boot_start_info;
    if (info->magic != XEN_HVM_START_MAGIC_VALUE) {
        bail_out("no start info at 0x%x", boot_start_info);
    }
    const char *text = (const char *)(uintptr_t)info->cmdline_paddr;
    for (unsigned i = 0; text && text[i] && i < COMMAND_ROOM - 1; i++) {
        command_line[i] = text[i];
    }
}

/* The word that starts with @name and ends with @end ('=' or the word's end); NULL if there is
 * none. */
static const char *find_word(const char *name, bool value)
{
    size_t length = strlen(name);
    for (const char *at = command_line; *at;) {
        bool here = strncmp(at, name, length) == 0;
        char behind = here ? at[length] : '\0';
        if (here && (value ? behind == '=' : behind == '\0' || behind == ' ')) {
            return at + length;
        }
        while (*at && *at != ' ') {
            at++;
        }
        while (*at == ' ') {
            at++;
        }
    }
    return NULL;
}

bool option(const char *name)
{
    return find_word(name, false) != NULL;
}

const char *option_value(const char *name)
{
    static char values[4][64];
    static unsigned next;
    const char *at = find_word(name, true);
    char *value = values[next++ % ARRAY_SIZE(values)];
    if (!at) {
        return NULL;
    }
    at++;
    unsigned i;
    for (i = 0; at[i] && at[i] != ' ' && i < 63; i++) {
        value[i] = at[i];
    }
    value[i] = '\0';
    return value;
}

uint64_t option_number(const char *name, uint64_t other)
{
    const char *text = option_value(name);
    return text ? parse_number(text) : other;
}

/* ---- start ---- */

_Noreturn void runtime_start(void)
{
    command_line_init();
    memory_init();
    trap_init();
    trap_load(0);
    lapic_init();
    smp_init();
    test_main();
    finish();
}
