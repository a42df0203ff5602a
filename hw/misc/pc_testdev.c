/*
 * pc-testdev: what test kernels of a PC ask of a machine: a register of four ports, the same byte by
 * byte, the ISA interrupt lines as ports, memory that is a device's, and a port that has the host
 * forget its mapping of a page.
 *
 *   0xe0-0xe3       a 32-bit register, accessed in any width
 *   0xe4            a 32-bit physical address: its page is unmapped and mapped again
 *   0xe8-0xeb       the register of 0xe0, bytes only: wider accesses come in pieces
 *   0x2000-0x200f   ISA interrupt 0-15: a write sets the line
 *   0xff000000      64 KiB of memory, each access a trap
 *
 * Source: kvm-unit-tests, lib/x86 and x86/ (what uses which port).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/mman.h>

#include "hw/core/machine.h"
#include "hw/isa/isa.h"
#include "util/error.h"

#define REGISTER_PORT  0xe0
#define FLUSH_PORT     0xe4
#define BYTES_PORT     0xe8
#define IRQ_PORT       0x2000
#define MEMORY_ADDRESS 0xff000000u
#define MEMORY_SIZE    0x10000
#define PAGE_BYTES     4096
#define REGISTER_SIZE  4

DEVICE_DECLARE(PCTestdev, pc_testdev, HW_PC_TESTDEV)

struct _PCTestdev {
    Device parent_instance;
    uint8_t value[REGISTER_SIZE];
    uint8_t *memory; /* MEMORY_SIZE bytes */
    MemoryRegion register_region, bytes_region, flush_region, irq_region, memory_region;
};

DEVICE_TYPE(PCTestdev, pc_testdev, "pc-testdev", TYPE_DEVICE)

/* ---- the register and the memory: bytes in a row ---- */

static uint64_t bytes_read(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, bytes, size);
    return GUINT64_FROM_LE(value);
}

static void bytes_write(uint8_t *bytes, uint64_t value, unsigned size)
{
    uint64_t little = GUINT64_TO_LE(value);

    memcpy(bytes, &little, size);
}

static uint64_t register_read(void *opaque, hwaddr offset, unsigned size)
{
    return bytes_read(HW_PC_TESTDEV(opaque)->value + offset, size);
}

static void register_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    bytes_write(HW_PC_TESTDEV(opaque)->value + offset, value, size);
}

static uint64_t memory_read(void *opaque, hwaddr offset, unsigned size)
{
    return bytes_read(HW_PC_TESTDEV(opaque)->memory + offset, size);
}

static void memory_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    bytes_write(HW_PC_TESTDEV(opaque)->memory + offset, value, size);
}

/* ---- the host's mapping ---- */

static uint64_t flush_read(void *opaque G_GNUC_UNUSED, hwaddr offset G_GNUC_UNUSED,
                           unsigned size G_GNUC_UNUSED)
{
    return 0;
}

/*
 * Another protection and back again makes KVM drop what it knows of the page. One more right, not one
 * less: whoever else of this process uses the page meanwhile must not stumble.
 */
static void flush_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value,
                        unsigned size G_GNUC_UNUSED)
{
    AddressSpace *space = machine_memory(device_get_machine(HW_DEVICE(opaque)));
    uint64_t length = PAGE_BYTES;
    void *page = address_space_map(space, value & ~(uint64_t)(PAGE_BYTES - 1), &length, true);

    if (page && length == PAGE_BYTES) {
        mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
        mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE);
    }
    if (page) {
        address_space_unmap(space, page, length, false);
    }
}

/* ---- interrupts ---- */

static uint64_t irq_read(void *opaque G_GNUC_UNUSED, hwaddr offset G_GNUC_UNUSED,
                         unsigned size G_GNUC_UNUSED)
{
    return 0;
}

static void irq_write(void *opaque, hwaddr offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    irq_set(isa_bus_irq(isa_device_bus(HW_DEVICE(opaque)), (unsigned)offset), value != 0);
}

/* ---- life ---- */

static const MemoryRegionOps register_ops = {
    register_read, register_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 4,
};
static const MemoryRegionOps bytes_ops = {
    register_read, register_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};
static const MemoryRegionOps flush_ops = {
    flush_read, flush_write, .valid_min = 4, .valid_max = 4, .impl_min = 4, .impl_max = 4,
};
static const MemoryRegionOps irq_ops = {
    irq_read, irq_write, .valid_min = 1, .valid_max = 1, .impl_min = 1, .impl_max = 1,
};
static const MemoryRegionOps memory_ops = {
    memory_read, memory_write, .valid_min = 1, .valid_max = 8, .impl_min = 1, .impl_max = 8,
};

static bool pc_testdev_realize(Device *device, GError **error G_GNUC_UNUSED)
{
    PCTestdev *self = HW_PC_TESTDEV(device);
    MemoryRegion *io = isa_bus_io(isa_device_bus(device));
    MemoryRegion *memory = isa_bus_memory(isa_device_bus(device));
    const struct {
        MemoryRegion *parent, *region;
        const MemoryRegionOps *ops;
        const char *name;
        hwaddr address;
        uint64_t size;
    } regions[] = {
        {io, &self->register_region, &register_ops, "pc-testdev-ioport", REGISTER_PORT, 4},
        {io, &self->flush_region, &flush_ops, "pc-testdev-flush-page", FLUSH_PORT, 4},
        {io, &self->bytes_region, &bytes_ops, "pc-testdev-ioport-byte", BYTES_PORT, 4},
        {io, &self->irq_region, &irq_ops, "pc-testdev-irq-line", IRQ_PORT, ISA_IRQ_COUNT},
        {memory, &self->memory_region, &memory_ops, "pc-testdev-iomem", MEMORY_ADDRESS,
         MEMORY_SIZE},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(regions); i++) {
        memory_region_init_io(regions[i].region, regions[i].ops, self, regions[i].name,
                              regions[i].size);
        memory_region_add(regions[i].parent, regions[i].address, regions[i].region);
    }
    return true;
}

static void pc_testdev_unrealize(Device *device)
{
    PCTestdev *self = HW_PC_TESTDEV(device);

    memory_region_destroy(&self->register_region);
    memory_region_destroy(&self->bytes_region);
    memory_region_destroy(&self->flush_region);
    memory_region_destroy(&self->irq_region);
    memory_region_destroy(&self->memory_region);
}

static void pc_testdev_reset(Device *device)
{
    PCTestdev *self = HW_PC_TESTDEV(device);

    memset(self->value, 0, sizeof(self->value));
    memset(self->memory, 0, MEMORY_SIZE);
}

/* ---- saved state ---- */

static GVariant *bytes_to_variant(const uint8_t *bytes, size_t size)
{
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, size, 1);
}

static GVariant *pc_testdev_save(Device *device)
{
    PCTestdev *self = HW_PC_TESTDEV(device);

    return g_variant_new("(@ay@ay)", bytes_to_variant(self->value, REGISTER_SIZE),
                         bytes_to_variant(self->memory, MEMORY_SIZE));
}

static bool bytes_from_variant(GVariant *state, unsigned child, uint8_t *bytes, size_t size,
                               GError **error)
{
    g_autoptr(GVariant) array = g_variant_get_child_value(state, child);
    gsize length;
    const void *data = g_variant_get_fixed_array(array, &length, 1);

    if (length != size) {
        return error_setf(error, "pc-testdev: saved state has %zu bytes where %zu belong", length,
                          size);
    }
    memcpy(bytes, data, size);
    return true;
}

static bool pc_testdev_load(Device *device, GVariant *state, GError **error)
{
    PCTestdev *self = HW_PC_TESTDEV(device);

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE("(ayay)"))) {
        return error_setf(error, "pc-testdev: saved state has type '%s'",
                          g_variant_get_type_string(state));
    }
    return bytes_from_variant(state, 0, self->value, REGISTER_SIZE, error) &&
           bytes_from_variant(state, 1, self->memory, MEMORY_SIZE, error);
}

static void pc_testdev_finalize(GObject *object)
{
    g_free(HW_PC_TESTDEV(object)->memory);
    G_OBJECT_CLASS(g_type_class_peek_parent(G_OBJECT_GET_CLASS(object)))->finalize(object);
}

static void pc_testdev_class_init(DeviceClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = pc_testdev_finalize;
    klass->description = "ports and memory for test kernels";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->realize = pc_testdev_realize;
    klass->unrealize = pc_testdev_unrealize;
    klass->reset = pc_testdev_reset;
    klass->save = pc_testdev_save;
    klass->load = pc_testdev_load;
    klass->saved_version = 1;
}

static void pc_testdev_instance_init(PCTestdev *self)
{
    self->memory = g_malloc0(MEMORY_SIZE);
}
