/*
 * A machine of some RAM, a boot ROM and fake chips for tests of the KVM accelerator, and the few
 * instructions its guests run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_KVM_FIXTURE_H
#define TESTS_UNIT_KVM_FIXTURE_H

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/vcpu.h"
#include "target/i386/boot_state.h"
#include "target/i386/cpu_model.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/machine_lock.h"
#include "util/memory.h"

#define RAM_SIZE   0x200000u
#define CODE_AT    0x1000u
#define AP_CODE_AT 0x2000u
#define IDT_AT     0x8000u
#define STACK_TOP  0x7000u
#define ROM_AT     0xffff0000u
#define CHIP_AT    0xfed00000u
#define BATCH_AT   0xfed10000u
#define TIMEOUT_US (20 * G_USEC_PER_SEC)

/* The fake chips' ports: 0x10 appends what is written to the log; reads there and up to 0x1f count.
 */
#define BELL_PORT 0x20

/* Handlers in protected mode do not IRET: a software KVM may not emulate it there. */
/* clang-format off */
#define GUEST(name, bits, text)                                                                    \
    extern const uint8_t name[], name##_end[];                                                     \
    asm(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text "\n" #name                       \
        "_end:\n.code64\n.popsection")

GUEST(guest_ports, 16,
      "mov $0x5a, %al\n out %al, $0x10\n mov $0x1234, %ax\n out %ax, $0x10\n "
      "mov $0x89abcdef, %eax\n out %eax, $0x10\n in $0x18, %al\n out %al, $0x10\n 1: hlt\n "
      "jmp 1b");
GUEST(guest_string, 16,
      "xor %ax, %ax\n mov %ax, %ds\n mov %ax, %es\n cld\n mov $0x600, %di\n "
      "mov $0x1c, %dx\n mov $8, %cx\n rep insb\n mov $0x600, %si\n mov $0x10, %dx\n "
      "mov $8, %cx\n rep outsb\n 1: hlt\n jmp 1b");
GUEST(guest_mmio, 32,
      "mov $0xfed00000, %ebx\n mov $0x11223344, %eax\n mov %eax, (%ebx)\n "
      "movb $0x55, 8(%ebx)\n mov 4(%ebx), %eax\n out %eax, $0x10\n 1: hlt\n jmp 1b");
GUEST(guest_batch, 32,
      "mov $0xfed10000, %ebx\n movl $1, (%ebx)\n movl $2, (%ebx)\n movl $3, (%ebx)\n "
      "mov $0x99, %al\n out %al, $0x10\n 1: hlt\n jmp 1b");
GUEST(guest_bell, 16,
      "mov $7, %ax\n out %ax, $0x20\n mov $0x77, %al\n out %al, $0x10\n 1: hlt\n jmp 1b");
GUEST(guest_triple, 32,
      "push $0\n push $0\n lidt (%esp)\n ud2");
GUEST(guest_count, 16,
      "1: in $0x18, %al\n jmp 1b");
GUEST(guest_memory_count, 32,
      "1: incl 0x100000\n jmp 1b");
GUEST(guest_extint, 16,
      "xor %ax, %ax\n mov %ax, %ds\n mov %ax, %ss\n mov $0x7000, %sp\n "
      "movw $0x1100, 0x80\n movw %ax, 0x82\n mov $0x01, %al\n out %al, $0x10\n sti\n "
      "1: hlt\n jmp 1b");
GUEST(guest_extint_handler, 16,
      "mov $0xee, %al\n out %al, $0x10\n iret");
GUEST(guest_lapic, 32,
      "mov $0xfee00000, %ebx\n movl $0x1ff, 0xf0(%ebx)\n mov $1, %al\n out %al, $0x10\n "
      "sti\n 1: hlt\n jmp 1b");
GUEST(guest_lapic_handler, 32,
      "mov $0x31, %al\n out %al, $0x10\n movl $0, 0xfee000b0\n mov $0x32, %al\n "
      "out %al, $0x10\n add $12, %esp\n sti\n 1: hlt\n jmp 1b");
GUEST(guest_nmi, 32,
      "mov $0xfee00000, %ebx\n movl $0x1ff, 0xf0(%ebx)\n movl $0x400, 0x360(%ebx)\n "
      "mov $1, %al\n out %al, $0x10\n 1: hlt\n jmp 1b");
GUEST(guest_nmi_handler, 32,
      "mov $0x22, %al\n out %al, $0x10\n 1: hlt\n jmp 1b");
GUEST(guest_start_ap, 32,
      "mov $0xfee00000, %ebx\n movl $0x1ff, 0xf0(%ebx)\n movl $0x000c4500, 0x300(%ebx)\n "
      "mov $100000, %ecx\n 2: pause\n loop 2b\n movl $0x000c4602, 0x300(%ebx)\n 1: hlt\n "
      "jmp 1b");
GUEST(guest_ap, 16,
      "mov $0xa9, %al\n out %al, $0x10\n 1: hlt\n jmp 1b");
GUEST(guest_rom, 16,
      "xor %ax, %ax\n mov %ax, %ds\n movb $0x42, 0x500\n mov $0xf000, %ax\n mov %ax, %ds\n "
      "movb $0x42, 0x100\n mov 0x100, %al\n out %al, $0x10\n 1: hlt\n jmp 1b");
GUEST(guest_flash, 32,
      "mov $0xe0000000, %ebx\n mov 4(%ebx), %eax\n out %eax, $0x10\n movb $0x70, (%ebx)\n "
      "mov 4(%ebx), %eax\n out %eax, $0x10\n movb $0xff, (%ebx)\n mov 4(%ebx), %eax\n "
      "out %eax, $0x10\n 1: hlt\n jmp 1b");
GUEST(guest_into_nowhere, 32,
      "mov $0xe0000000, %eax\n jmp *%eax");
/* clang-format on */

typedef struct {
    Accel *accel;
    X86CPUModel *model;
    MemoryRegion memory_root, io_root, ram, rom, low_rom, chip, batch, ports, bell, overlay;
    AddressSpace *memory, *io;
    int bell_fd;
    bool bell_added;
    unsigned bell_handled;
    GArray *log; /* of uint64_t, machine lock */
    uint8_t counter;
    int pic_vector;
    unsigned acknowledged;
    GArray *eois; /* of uint8_t */
    atomic_int requests[4];
} Machine;

static uint64_t ports_read(void *opaque, hwaddr offset, unsigned size)
{
    Machine *m = opaque;

    return ++m->counter;
}

static void log_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    Machine *m = opaque;

    g_assert_true(machine_lock_held());
    g_array_append_val(m->log, value);
}

static const MemoryRegionOps ports_ops = {.read = ports_read, .write = log_write};

static uint64_t chip_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0xcafe0000 + offset;
}

static void chip_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    log_write(opaque, offset, value | offset << 32 | (uint64_t)size << 48, size);
}

static const MemoryRegionOps chip_ops = {.read = chip_read, .write = chip_write};

static void bell_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ((Machine *)opaque)->bell_handled++;
}

static const MemoryRegionOps bell_ops = {.read = chip_read, .write = bell_write};

static int pic_acknowledge(void *opaque)
{
    Machine *m = opaque;

    g_assert_true(machine_lock_held());
    m->acknowledged++;
    accel_pic_line(m->accel, false);
    return m->pic_vector;
}

static void ioapic_eoi(void *opaque, uint8_t vector)
{
    Machine *m = opaque;

    g_assert_true(machine_lock_held());
    g_array_append_val(m->eois, vector);
}

static void guest_request(void *opaque, AccelGuestRequest request)
{
    g_assert_false(machine_lock_held());
    atomic_fetch_add(&((Machine *)opaque)->requests[request], 1);
}

static const AccelGuestOps guest_ops = {pic_acknowledge, ioapic_eoi, guest_request};

static void build_spaces(Machine *m)
{
    g_assert_true(memory_region_init_ram(&m->ram, "ram", RAM_SIZE, NULL));
    g_assert_true(memory_region_init_rom(&m->rom, "rom", 0x10000, NULL));
    memory_region_init(&m->memory_root, "memory", UINT64_MAX);
    memory_region_init(&m->io_root, "io", 0x10000);
    memory_region_init_io(&m->chip, &chip_ops, m, "chip", 0x1000);
    memory_region_init_io(&m->batch, &ports_ops, m, "batch", 0x1000);
    memory_region_set_coalesced(&m->batch, 0, memory_region_size(&m->batch));
    memory_region_init_io(&m->ports, &ports_ops, m, "ports", 0x10);
    memory_region_init_io(&m->bell, &bell_ops, m, "bell", 2);
    memory_region_init_alias(&m->low_rom, "low rom", &m->rom, 0, 0x10000);
    memory_region_add(&m->memory_root, 0, &m->ram);
    memory_region_add_overlap(&m->memory_root, 0xf0000, &m->low_rom, 1);
    memory_region_add(&m->memory_root, ROM_AT, &m->rom);
    memory_region_add(&m->memory_root, CHIP_AT, &m->chip);
    memory_region_add(&m->memory_root, BATCH_AT, &m->batch);
    memory_region_add(&m->io_root, 0x10, &m->ports);
    memory_region_add(&m->io_root, BELL_PORT, &m->bell);
    m->memory = address_space_new(&m->memory_root, "memory");
    m->io = address_space_new(&m->io_root, "io");
}

static void free_spaces(Machine *m)
{
    address_space_free(m->memory);
    address_space_free(m->io);
    memory_region_destroy(&m->low_rom);
    memory_region_destroy(&m->ram);
    memory_region_destroy(&m->rom);
    memory_region_destroy(&m->chip);
    memory_region_destroy(&m->batch);
    memory_region_destroy(&m->ports);
    memory_region_destroy(&m->bell);
    memory_region_destroy(&m->memory_root);
    memory_region_destroy(&m->io_root);
}

/* ljmp $0, $CODE_AT at the reset vector */
static void put_reset_vector(Machine *m)
{
    static const uint8_t jump[] = {0xea, CODE_AT & 0xff, CODE_AT >> 8, 0, 0};

    memcpy((uint8_t *)memory_region_host(&m->rom) + 0xfff0, jump, sizeof(jump));
}

static Machine *machine_start(unsigned cpus)
{
    Machine *m = g_new0(Machine, 1);
    X86Topology topology = {cpus, 1, 1, 1};
    const X86CPUIDEntry *host;
    unsigned count;
    GError *error = NULL;

    machine_lock();
    m->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    m->log = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    m->eois = g_array_new(FALSE, FALSE, 1);
    build_spaces(m);
    put_reset_vector(m);
    m->accel = accel_new("kvm", &error);
    g_assert_no_error(error);
    g_assert_true(accel_set_option(m->accel, "kernel-irqchip", "split", &error));
    accel_start(m->accel, m->memory, m->io, &guest_ops, m, &error);
    g_assert_no_error(error);
    host = accel_host_cpuid(m->accel, &count);
    g_assert_nonnull(host);
    m->model = x86_cpu_model_parse("host,check=off,arch-capabilities=off", NULL, host, count,
                                   &topology, &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < cpus; i++) {
        Vcpu *vcpu = accel_vcpu_new(m->accel, i, x86_apic_id(&topology, i), m->model, &error);
        g_assert_no_error(error);
        g_assert_cmpint(vcpu->thread_id, >, 0);
    }
    return m;
}

static void machine_stop(Machine *m)
{
    accel_vcpus_pause(m->accel);
    if (m->bell_added) {
        memory_region_remove_doorbell(&m->bell, 0, 2, true, 7, m->bell_fd);
    }
    g_object_unref(m->accel);
    free_spaces(m);
    x86_cpu_model_free(m->model);
    close(m->bell_fd);
    g_array_unref(m->log);
    g_array_unref(m->eois);
    machine_unlock();
    g_free(m);
}

static uint8_t *ram(Machine *m, uint32_t at)
{
    return (uint8_t *)memory_region_host(&m->ram) + at;
}

static void put_code(Machine *m, uint32_t at, const uint8_t *code, const uint8_t *end)
{
    memcpy(ram(m, at), code, (size_t)(end - code));
}

#define PUT(machine, at, name) put_code(machine, at, name, name##_end)

static void reset_all(Machine *m, const X86BootState *boot)
{
    for (unsigned i = 0; i < accel_vcpu_count(m->accel); i++) {
        accel_vcpu_reset(m->accel, accel_vcpu(m->accel, i), i == 0 ? boot : NULL);
    }
}

/* 32-bit flat protected mode at CODE_AT, an IDT of 256 gates at IDT_AT. */
static X86BootState flat_boot(void)
{
    return (X86BootState){
        .rip = CODE_AT,
        .rsp = STACK_TOP,
        .cr0 = 0x11,
        .code = {.limit = UINT32_MAX,
                 .selector = 8,
                 .type = 11,
                 .present = true,
                 .code_data = true,
                 .db = true,
                 .granularity = true},
        .data = {.limit = UINT32_MAX,
                 .selector = 16,
                 .type = 3,
                 .present = true,
                 .code_data = true,
                 .db = true,
                 .granularity = true},
        .task = {.limit = 0x67, .selector = 24, .type = 11, .present = true},
        .gdt_base = 0x5000,
        .gdt_limit = 23,
        .idt_base = IDT_AT,
        .idt_limit = 0x7ff,
    };
}

static void put_gdt(Machine *m)
{
    static const uint64_t gdt[] = {0, 0x00cf9b000000ffff, 0x00cf93000000ffff};

    memcpy(ram(m, 0x5000), gdt, sizeof(gdt));
}

static void put_gate(Machine *m, unsigned vector, uint32_t handler)
{
    uint64_t gate =
        (handler & 0xffff) | 8 << 16 | UINT64_C(0x8e00) << 32 | (uint64_t)(handler >> 16) << 48;

    memcpy(ram(m, IDT_AT + 8 * vector), &gate, sizeof(gate));
}

static bool wait_for(Machine *m, bool (*done)(Machine *m, unsigned number), unsigned number)
{
    gint64 end = g_get_monotonic_time() + TIMEOUT_US;

    while (!done(m, number) && g_get_monotonic_time() < end) {
        machine_unlock();
        g_usleep(500);
        machine_lock();
    }
    return done(m, number);
}

static bool has_logged(Machine *m, unsigned number)
{
    return m->log->len >= number;
}

static bool has_requested(Machine *m, unsigned request)
{
    return atomic_load(&m->requests[request]) > 0;
}

static bool has_eoi(Machine *m, unsigned number)
{
    return m->eois->len >= number;
}

static bool has_counted(Machine *m, unsigned number)
{
    return m->counter > number;
}

static uint64_t logged(Machine *m, unsigned index)
{
    g_assert_cmpuint(index, <, m->log->len);
    return g_array_index(m->log, uint64_t, index);
}

#endif
