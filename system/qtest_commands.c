/*
 * The qtest server's commands: a table of names, argument counts and handlers.
 *
 * A handler gets its arguments as words and sends exactly one reply. Whatever a test sends is
 * answered; a number that is none, a length that is absurd, a device that is not there are FAIL.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/machine.h"
#include "qtest_private.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/options.h"

#define MAX_TRANSFER (64 * MiB)
#define MAX_PINS     1024

static bool is_intercepting;
static char *intercepted_path; /* of the device whose pins are told about; NULL: none yet */
static bool pin_levels[MAX_PINS];

/* ---- arguments ---- */

static bool number(const char *word, uint64_t maximum, uint64_t *value)
{
    if (parse_uint(word, "argument", 0, maximum, value, NULL)) {
        return true;
    }
    qtest_sendf("FAIL Bad number '%.40s'", word);
    return false;
}

/* The address and length of a block command. */
static bool block(char **words, uint64_t *address, uint64_t *length)
{
    if (!number(words[0], UINT64_MAX, address) || !number(words[1], UINT64_MAX, length)) {
        return false;
    }
    if (*length == 0 || *length > MAX_TRANSFER || *address + *length - 1 < *address) {
        qtest_send("FAIL Bad length");
        return false;
    }
    return true;
}

/* ---- ports ---- */

/* The last letter of the command says the size, as in the instruction. */
static unsigned size_of_letter(char letter)
{
    switch (letter) {
    case 'b':
        return 1;
    case 'w':
        return 2;
    case 'l':
        return 4;
    default:
        return 8;
    }
}

static unsigned size_of_command(const char *name)
{
    return size_of_letter(name[strlen(name) - 1]);
}

static void port_out(const char *name, char **words)
{
    uint64_t port, value;

    if (number(words[0], UINT16_MAX, &port) && number(words[1], UINT64_MAX, &value)) {
        address_space_store(machine_io(machine_get()), port, value, size_of_command(name));
        qtest_send("OK");
    }
}

static void port_in(const char *name, char **words)
{
    uint64_t port;

    if (number(words[0], UINT16_MAX, &port)) {
        uint64_t value = address_space_load(machine_io(machine_get()), port, size_of_command(name));
        qtest_sendf("OK 0x%04x", (unsigned)value);
    }
}

/* ---- memory ---- */

static void memory_store(const char *name, char **words)
{
    uint64_t address, value;

    if (number(words[0], UINT64_MAX, &address) && number(words[1], UINT64_MAX, &value)) {
        address_space_store(machine_memory(machine_get()), address, value, size_of_command(name));
        qtest_send("OK");
    }
}

static void memory_load(const char *name, char **words)
{
    uint64_t address;

    if (number(words[0], UINT64_MAX, &address)) {
        qtest_sendf(
            "OK 0x%016" G_GINT64_MODIFIER "x",
            address_space_load(machine_memory(machine_get()), address, size_of_command(name)));
    }
}

static void memory_read(const char *name, char **words)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t address, length;

    if (!block(words, &address, &length)) {
        return;
    }
    g_autofree uint8_t *data = g_malloc(length);
    g_autoptr(GString) reply = g_string_sized_new(2 * length + sizeof("OK 0x"));
    address_space_read(machine_memory(machine_get()), address, data, length);
    g_string_append(reply, "OK 0x");
    for (uint64_t i = 0; i < length; i++) {
        g_string_append_c(reply, digits[data[i] >> 4]);
        g_string_append_c(reply, digits[data[i] & 0xf]);
    }
    qtest_send(reply->str);
}

/* Bytes that @hex does not reach are zero. False: not a hexadecimal number, or an odd or excess
 * digit. */
static bool decode_hex(const char *hex, uint8_t *data, uint64_t length)
{
    if (hex[0] != '0' || (hex[1] != 'x' && hex[1] != 'X')) {
        return false;
    }
    size_t digits = strlen(hex += 2);
    if (digits % 2 != 0 || digits / 2 > length) {
        return false;
    }
    for (size_t i = 0; i < digits / 2; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i]), low = g_ascii_xdigit_value(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        data[i] = high << 4 | low;
    }
    return true;
}

static void memory_write(const char *name, char **words)
{
    uint64_t address, length;

    if (!block(words, &address, &length)) {
        return;
    }
    g_autofree uint8_t *data = g_malloc0(length);
    if (!decode_hex(words[2], data, length)) {
        qtest_send("FAIL Bad data");
        return;
    }
    address_space_write(machine_memory(machine_get()), address, data, length);
    qtest_send("OK");
}

static void memory_fill(const char *name, char **words)
{
    uint64_t address, length, value;

    if (block(words, &address, &length) && number(words[2], UINT64_MAX, &value)) {
        address_space_fill(machine_memory(machine_get()), address, value, length);
        qtest_send("OK");
    }
}

static void memory_read_base64(const char *name, char **words)
{
    uint64_t address, length;

    if (block(words, &address, &length)) {
        g_autofree uint8_t *data = g_malloc(length);
        address_space_read(machine_memory(machine_get()), address, data, length);
        g_autofree char *text = g_base64_encode(data, length);
        qtest_sendf("OK %s", text);
    }
}

static void memory_write_base64(const char *name, char **words)
{
    uint64_t address, length;
    gsize decoded_length = 0;

    if (!block(words, &address, &length)) {
        return;
    }
    g_autofree uint8_t *data = g_base64_decode(words[2], &decoded_length);
    if (!data || decoded_length != length) {
        qtest_send("FAIL Bad data");
        return;
    }
    address_space_write(machine_memory(machine_get()), address, data, length);
    qtest_send("OK");
}

/* ---- interrupt pins ---- */

void qtest_forget_interrupts(void)
{
    memset(pin_levels, 0, sizeof(pin_levels));
}

static void pin_changed(void *opaque, int n, int level)
{
    if (n >= 0 && n < MAX_PINS && pin_levels[n] != (level != 0)) {
        pin_levels[n] = level != 0;
        qtest_sendf("IRQ %s %d", level ? "raise" : "lower", n);
    }
}

typedef bool Intercept(Device *device, const char *name, IRQHandler handler, void *opaque);

static void intercept(Intercept *function, const char *path, const char *pins)
{
    Device *device = machine_find_device(machine_get(), path);

    if (!device) {
        qtest_send("FAIL Unknown device");
        return;
    }
    const char *full_path = device_get_path(device);
    if (is_intercepting && strcmp(intercepted_path, full_path) != 0) {
        qtest_send("FAIL IRQ intercept already enabled");
        return;
    }
    if (!function(device, pins, pin_changed, NULL)) {
        qtest_send("FAIL The device has no such pins");
        return;
    }
    is_intercepting = true;
    g_free(intercepted_path);
    intercepted_path = g_strdup(full_path);
    qtest_send("OK");
}

static void intercept_in(const char *name, char **words)
{
    intercept(device_intercept_irq_in, words[0], NULL);
}

static void intercept_out(const char *name, char **words)
{
    intercept(device_intercept_irq_out, words[0], NULL);
}

static void intercept_out_named(const char *name, char **words)
{
    intercept(device_intercept_irq_out, words[0], words[1]);
}

static void set_irq_in(const char *name, char **words)
{
    Device *device = machine_find_device(machine_get(), words[0]);
    const char *pins = strcmp(words[1], "unnamed-gpio-in") == 0 ? NULL : words[1];
    uint64_t pin, level;

    if (!device) {
        qtest_send("FAIL Unknown device");
        return;
    }
    if (!number(words[2], INT32_MAX, &pin) || !number(words[3], INT32_MAX, &level)) {
        return;
    }
    IRQLine *line = device_get_irq_in(device, pins, pin);
    if (!line) {
        qtest_send("FAIL Unknown IRQ");
        return;
    }
    irq_set(line, level);
    qtest_send("OK");
}

/* ---- the clock ---- */

static bool clock_is_ours(void)
{
    Accel *accel = machine_accel(machine_get());

    if (accel && accel_is_qtest(accel)) {
        return true;
    }
    qtest_send("FAIL The clock runs by itself without -accel qtest");
    return false;
}

static void move_clock(int64_t to)
{
    clock_virtual_step_to(to);
    qtest_sendf("OK %" G_GINT64_FORMAT, clock_get_ns(CLOCK_VIRTUAL));
}

static void clock_step(const char *name, char **words)
{
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);
    uint64_t step;

    if (!clock_is_ours()) {
        return;
    }
    if (!words[0]) {
        int64_t deadline = clock_next_deadline_ns(CLOCK_VIRTUAL);
        move_clock(MAX(deadline, now));
    } else if (number(words[0], INT64_MAX - now, &step)) {
        move_clock(now + step);
    }
}

static void clock_set(const char *name, char **words)
{
    uint64_t to;

    if (!clock_is_ours() || !number(words[0], INT64_MAX, &to)) {
        return;
    }
    if ((int64_t)to < clock_get_ns(CLOCK_VIRTUAL)) {
        qtest_send("FAIL The clock moves forward only");
        return;
    }
    move_clock(to);
}

/* ---- the others ---- */

static void endianness(const char *name, char **words)
{
    qtest_send("OK little");
}

static void module_load(const char *name, char **words)
{
    qtest_sendf("FAIL There are no modules, '%.40s%.40s' neither", words[0], words[1]);
}

static const struct {
    const char *name;
    unsigned min_words, max_words;
    void (*handle)(const char *name, char **words);
} commands[] = {
    {"outb", 2, 2, port_out},
    {"outw", 2, 2, port_out},
    {"outl", 2, 2, port_out},
    {"inb", 1, 1, port_in},
    {"inw", 1, 1, port_in},
    {"inl", 1, 1, port_in},
    {"writeb", 2, 2, memory_store},
    {"writew", 2, 2, memory_store},
    {"writel", 2, 2, memory_store},
    {"writeq", 2, 2, memory_store},
    {"readb", 1, 1, memory_load},
    {"readw", 1, 1, memory_load},
    {"readl", 1, 1, memory_load},
    {"readq", 1, 1, memory_load},
    {"read", 2, 2, memory_read},
    {"write", 3, 3, memory_write},
    {"memset", 3, 3, memory_fill},
    {"b64read", 2, 2, memory_read_base64},
    {"b64write", 3, 3, memory_write_base64},
    {"irq_intercept_in", 1, 1, intercept_in},
    {"irq_intercept_out", 1, 1, intercept_out},
    {"irq_intercept_out_named", 2, 2, intercept_out_named},
    {"set_irq_in", 4, 4, set_irq_in},
    {"clock_step", 0, 1, clock_step},
    {"clock_set", 1, 1, clock_set},
    {"endianness", 0, 0, endianness},
    {"module_load", 2, 2, module_load},
};

/* The words of @line, NULL-ended; they point into it. */
static GPtrArray *split_words(char *line)
{
    GPtrArray *words = g_ptr_array_new();
    char *rest = line, *word;

    while ((word = strsep(&rest, " "))) {
        if (*word) {
            g_ptr_array_add(words, word);
        }
    }
    g_ptr_array_add(words, NULL);
    return words;
}

void qtest_execute(char *line)
{
    g_autoptr(GPtrArray) words = split_words(line);
    const char *name = words->pdata[0];
    unsigned arguments = name ? words->len - 2 : 0;

    if (!name) {
        qtest_send("FAIL Empty command");
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, name) != 0) {
            continue;
        }
        if (arguments < commands[i].min_words || arguments > commands[i].max_words) {
            qtest_sendf("FAIL Wrong number of arguments for '%s'", name);
        } else {
            commands[i].handle(name, (char **)words->pdata + 1);
        }
        return;
    }
    qtest_sendf("FAIL Unknown command '%.40s'", name);
}
