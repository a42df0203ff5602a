/*
 * HMP: looking at memory, ports and page tables.
 *
 * Source of table formats: Intel SDM volume 3A, chapter 4.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <string.h>

#include "hw/core/run_state.h"
#include "monitor/guest_memory_view.h"
#include "monitor/hmp.h"
#include "monitor/qmp_command.h"
#include "util/bytes.h"
#include "util/options.h"

#define MAX_DUMP_BYTES (1u << 20)

/* ---- numbers ---- */

static const char *const register_names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi",
                                             "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                             "r12", "r13", "r14", "r15"};

static bool read_register(HmpCall *call, const char *name, uint64_t *value, GError **error)
{
    X86Registers registers;
    Vcpu *vcpu = monitor_cpu(call->monitor->cpu, error);

    if (!vcpu) {
        return false;
    }
    if (!accel_vcpu_registers(machine_accel(machine_get()), vcpu, &registers)) {
        return error_setf(error, "this accelerator has no registers");
    }
    const struct {
        const char *name;
        uint64_t value;
    } others[] = {
        {"rip", registers.rip},         {"pc", registers.rip},
        {"rflags", registers.rflags},   {"eflags", registers.rflags},
        {"cr0", registers.cr0},         {"cr2", registers.cr2},
        {"cr3", registers.cr3},         {"cr4", registers.cr4},
        {"efer", registers.efer},       {"cs", registers.cs.selector},
        {"ss", registers.ss.selector},  {"ds", registers.ds.selector},
        {"es", registers.es.selector},  {"fs.base", registers.fs.base},
        {"gs.base", registers.gs.base},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(register_names); i++) {
        if (strcmp(register_names[i], name) == 0) {
            *value = registers.general[i];
            return true;
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
        if (strcmp(others[i].name, name) == 0) {
            *value = others[i].value;
            return true;
        }
    }
    return error_setf(error, "unknown register '$%s'", name);
}

/* A sum of numbers and $registers: "0x1000+$rsp-8". */
static bool evaluate(HmpCall *call, const char *text, uint64_t *value, GError **error)
{
    *value = 0;
    while (*text) {
        bool minus = *text == '-';
        text += *text == '+' || *text == '-';
        size_t length = strcspn(text, "+-");
        g_autofree char *term = g_strndup(text, length);
        uint64_t number = 0;
        if (term[0] == '$') {
            if (!read_register(call, term + 1, &number, error)) {
                return false;
            }
        } else if (!parse_uint(term, "address", 0, UINT64_MAX, &number, error)) {
            return false;
        }
        *value += minus ? -number : number;
        text += length;
    }
    return true;
}

/* ---- x and xp ---- */

typedef struct {
    unsigned count;
    char format;   /* x d u o c */
    unsigned size; /* bytes */
} DumpFormat;

static bool parse_format(const char *text, DumpFormat *format, GError **error)
{
    static const struct {
        char letter;
        unsigned size;
    } sizes[] = {{'b', 1}, {'h', 2}, {'w', 4}, {'g', 8}};
    char *end;
    guint64 count = g_ascii_strtoull(text, &end, 10);

    format->count = end > text ? (unsigned)MIN(count, MAX_DUMP_BYTES) : 1;
    for (; *end; end++) {
        bool known = strchr("xduoc", *end) != NULL;
        if (known) {
            format->format = *end;
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
            if (sizes[i].letter == *end) {
                format->size = sizes[i].size;
                known = true;
            }
        }
        if (*end == 'i') {
            return error_setf(error, "format 'i': there is no disassembler in this build");
        }
        if (!known) {
            return error_setf(error, "invalid char in format: '%c'", *end);
        }
    }
    if (format->format == 'c') {
        format->size = 1;
    }
    return true;
}

static uint64_t load(const uint8_t *data, unsigned size)
{
    return size == 1   ? data[0]
           : size == 2 ? load_le16(data)
           : size == 4 ? load_le32(data)
                       : load_le64(data);
}

static int64_t sign_extend(uint64_t value, unsigned size)
{
    unsigned shift = 64 - 8 * size;

    return (int64_t)(value << shift) >> shift;
}

static void print_item(HmpCall *call, const DumpFormat *format, uint64_t value)
{
    unsigned bits = format->size * 8;

    switch (format->format) {
    case 'o':
        hmp_printf(call, " %#*" PRIo64, (int)(bits + 2) / 3, value);
        break;
    case 'u':
        hmp_printf(call, " %*" PRIu64, (int)(bits * 10 + 32) / 33, value);
        break;
    case 'd':
        hmp_printf(call, " %*" PRId64, (int)(bits * 10 + 32) / 33,
                   sign_extend(value, format->size));
        break;
    case 'c':
        hmp_printf(call, value >= 0x20 && value < 0x7f ? " '%c'" : " '\\x%02x'", (int)value);
        break;
    default:
        hmp_printf(call, " 0x%0*" PRIx64, (int)bits / 4, value);
        break;
    }
}

static bool dump_memory(HmpCall *call, bool is_virtual, GError **error)
{
    DumpFormat format = {1, 'x', 4};
    bool has_format = call->words[0][0] == '/';
    const char *where = hmp_word(call, has_format ? 1 : 0);
    X86Paging paging = {0};
    uint64_t address;

    if (!where) {
        return error_setf(error, "an address is missing");
    }
    if ((has_format && !parse_format(call->words[0] + 1, &format, error)) ||
        !evaluate(call, where, &address, error) ||
        (is_virtual && !guest_view_paging(call->monitor->cpu, &paging, error))) {
        return false;
    }
    unsigned per_line = (format.size == 1 ? 8 : 16) / format.size;
    uint64_t total = (uint64_t)format.count * format.size;
    if (total > MAX_DUMP_BYTES) {
        return error_setf(error, "at most %u bytes can be shown", MAX_DUMP_BYTES);
    }
    for (unsigned i = 0; i < format.count; i++, address += format.size) {
        uint8_t data[8] = {0};
        if (i % per_line == 0) {
            hmp_printf(call, "%s%016" PRIx64 ":", i ? "\n" : "", address);
        }
        if (is_virtual ? !guest_view_read_virtual(&paging, address, data, format.size)
                       : !guest_view_read_physical(address, data, format.size)) {
            hmp_printf(call, " Cannot access memory\n");
            return true;
        }
        print_item(call, &format, load(data, format.size));
    }
    hmp_printf(call, "\n");
    return true;
}

static bool run_x(HmpCall *call, GError **error)
{
    return dump_memory(call, true, error);
}

static bool run_xp(HmpCall *call, GError **error)
{
    return dump_memory(call, false, error);
}

static bool run_print(HmpCall *call, GError **error)
{
    DumpFormat format = {1, 'x', 8};
    bool has_format = call->words[0][0] == '/';
    const char *what = hmp_word(call, has_format ? 1 : 0);
    uint64_t value;

    if (!what) {
        return error_setf(error, "an expression is missing");
    }
    if ((has_format && !parse_format(call->words[0] + 1, &format, error)) ||
        !evaluate(call, what, &value, error)) {
        return false;
    }
    hmp_printf(call,
               format.format == 'd'   ? "%" PRId64 "\n"
               : format.format == 'u' ? "%" PRIu64 "\n"
               : format.format == 'o' ? "%#" PRIo64 "\n"
                                      : "%#" PRIx64 "\n",
               value);
    return true;
}

static bool run_gva2gpa(HmpCall *call, GError **error)
{
    X86Paging paging;
    X86Translation page;
    uint64_t address;

    if (!evaluate(call, call->words[0], &address, error) ||
        !guest_view_paging(call->monitor->cpu, &paging, error)) {
        return false;
    }
    if (guest_view_translate(&paging, address, &page)) {
        hmp_printf(call, "gpa: %#" PRIx64 "\n", page.physical);
    } else {
        hmp_printf(call, "Unmapped\n");
    }
    return true;
}

/* ---- ports ---- */

static bool port_access(HmpCall *call, unsigned at, unsigned *size, uint64_t *port, GError **error)
{
    DumpFormat format = {1, 'x', 1};

    if (at && !parse_format(call->words[0] + 1, &format, error)) {
        return false;
    }
    *size = MIN(format.size, 4u);
    return call->count > at ? evaluate(call, call->words[at], port, error)
                            : error_setf(error, "a port is missing");
}

static bool run_in(HmpCall *call, GError **error)
{
    unsigned size, at = call->words[0][0] == '/';
    uint64_t port, value;

    if (!port_access(call, at, &size, &port, error)) {
        return false;
    }
    port &= 0xffff;
    value = address_space_load(machine_io(machine_get()), port, size);
    hmp_printf(call, "port%c[0x%04" PRIx64 "] = 0x%0*" PRIx64 "\n",
               size == 1   ? 'b'
               : size == 2 ? 'w'
                           : 'l',
               port, (int)size * 2, value);
    return true;
}

static bool run_out(HmpCall *call, GError **error)
{
    unsigned size, at = call->words[0][0] == '/';
    uint64_t port, value;

    if (!port_access(call, at, &size, &port, error)) {
        return false;
    }
    if (call->count <= at + 1) {
        return error_setf(error, "a value is missing");
    }
    if (!evaluate(call, call->words[at + 1], &value, error)) {
        return false;
    }
    address_space_store(machine_io(machine_get()), port & 0xffff, value, size);
    return true;
}

/* ---- files ---- */

static bool save(HmpCall *call, const char *command, GError **error)
{
    uint64_t address, size;

    if (!evaluate(call, call->words[0], &address, error) ||
        !parse_uint(call->words[1], "size", 0, INT64_MAX, &size, error)) {
        return false;
    }
    g_autoptr(JsonObject) arguments = json_object_new();
    json_object_set_int_member(arguments, "val", (gint64)address);
    json_object_set_int_member(arguments, "size", (gint64)size);
    json_object_set_string_member(arguments, "filename", call->words[2]);
    if (strcmp(command, "memsave") == 0) {
        json_object_set_int_member(arguments, "cpu-index", call->monitor->cpu);
    }
    return hmp_qmp_object(call, command, arguments, error);
}

static bool run_memsave(HmpCall *call, GError **error)
{
    return save(call, "memsave", error);
}

static bool run_pmemsave(HmpCall *call, GError **error)
{
    return save(call, "pmemsave", error);
}

static bool run_dump(HmpCall *call, GError **error)
{
    g_autofree char *protocol = g_strdup_printf("file:%s", call->words[0]);
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "dump-guest-memory", 'b', "paging", 0, 's', "protocol", protocol, 0);
    return result != NULL;
}

static const HmpCommand commands[] = {
    {"x", "/fmt address", "show virtual memory: /NUMBER, x d u o c, b h w g", 1, 2, run_x},
    {"xp", "/fmt address", "show physical memory", 1, 2, run_xp},
    {"print|p", "/fmt expression", "show a number or $register", 1, 2, run_print},
    {"gva2gpa", "address", "the physical address behind a virtual one", 1, 1, run_gva2gpa},
    {"i", "/fmt port", "read an I/O port", 1, 2, run_in},
    {"o", "/fmt port value", "write an I/O port", 2, 3, run_out},
    {"memsave", "address size file", "save virtual memory to a file", 3, 3, run_memsave},
    {"pmemsave", "address size file", "save physical memory to a file", 3, 3, run_pmemsave},
    {"dump-guest-memory", "file", "write an ELF core of the guest", 1, 1, run_dump},
};
const HmpTable hmp_table_memory = {commands, G_N_ELEMENTS(commands)};
