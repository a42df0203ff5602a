/*
 * pci-testdev: a PCI function for test kernels. The first byte of BAR 0 (memory) and of BAR 1
 * (ports) selects a test; the header behind it then says to which offset what value of what width
 * is to be written, and counts the writes that were so. Nothing here is signalled by an eventfd: the
 * three tests of a BAR differ in what value they take.
 *
 * Source: QEMU, docs/specs/pci-testdev.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/pci/pci.h"
#include "util/bytes.h"
#include "util/error.h"

#define TESTDEV_VENDOR 0x1b36
#define TESTDEV_DEVICE 0x0005
#define TESTDEV_CLASS  0x00ff

/* The header that a guest reads. */
enum {
    HEADER_TEST = 0,   /* 8 bits; a write selects */
    HEADER_WIDTH = 1,  /* 8 bits: bytes of a write */
    HEADER_OFFSET = 4, /* 32 bits: where to write, in this BAR */
    HEADER_DATA = 8,   /* 32 bits: what */
    HEADER_COUNT = 12, /* 32 bits: how often it was done */
    HEADER_NAME = 16,  /* to the NUL */
};

#define HEADER_MAX      64
#define MEMORY_SIZE     4096
#define PORTS_SIZE      256
#define TEST_COUNT      6
#define TESTS_OF_BAR    (TEST_COUNT / 2)
#define NO_TEST         UINT8_MAX
#define DATA_TO_MATCH   0xfa
#define DATA_OF_NOBODY  0xce

typedef struct {
    const char *name;
    bool matches; /* only HEADER_DATA counts */
} TestRow;

/* The first half is BAR 0's, the second BAR 1's. */
static const TestRow tests[TEST_COUNT] = {
    {"mmio-no-eventfd", true},          {"mmio-wildcard-eventfd", false},
    {"mmio-datamatch-eventfd", true},   {"portio-no-eventfd", true},
    {"portio-wildcard-eventfd", false}, {"portio-datamatch-eventfd", true},
};

DEVICE_DECLARE(PCITestdev, pci_testdev, HW_PCI_TESTDEV)

struct _PCITestdev {
    PCIDevice parent_instance;
    uint64_t memory_bar_size; /* membar=: BAR 2, 0: none */
    uint8_t current;          /* NO_TEST */
    uint32_t count;
    MemoryRegion memory, ports, membar;
};

DEVICE_TYPE(PCITestdev, pci_testdev, "pci-testdev", TYPE_PCI_DEVICE)

/* ---- the tests ---- */

static bool is_of_ports(unsigned test)
{
    return test >= TESTS_OF_BAR;
}

/* The upper half of a BAR is for the writes, a byte for each test. */
static uint32_t write_offset(unsigned test)
{
    return (is_of_ports(test) ? PORTS_SIZE : MEMORY_SIZE) / 2 + test;
}

static uint32_t data_of(unsigned test)
{
    return tests[test].matches ? DATA_TO_MATCH : DATA_OF_NOBODY;
}

static uint32_t header_of(const PCITestdev *self, uint8_t header[HEADER_MAX])
{
    const TestRow *row = &tests[self->current];

    memset(header, 0, HEADER_MAX);
    header[HEADER_TEST] = self->current;
    header[HEADER_WIDTH] = 1;
    store_le32(header + HEADER_OFFSET, write_offset(self->current));
    store_le32(header + HEADER_DATA, data_of(self->current));
    store_le32(header + HEADER_COUNT, self->count);
    memcpy(header + HEADER_NAME, row->name, strlen(row->name) + 1);
    return HEADER_NAME + (uint32_t)strlen(row->name) + 1;
}

static uint64_t bar_read(void *opaque, hwaddr offset, unsigned size)
{
    PCITestdev *self = opaque;
    uint8_t header[HEADER_MAX];
    uint32_t value = 0;

    if (self->current == NO_TEST || offset + size > header_of(self, header)) {
        return 0;
    }
    memcpy(&value, header + offset, size);
    return GUINT32_FROM_LE(value);
}

/* A byte at a time: a wider write is several. */
static void bar_write(PCITestdev *self, hwaddr offset, uint64_t value, bool ports)
{
    if (offset == HEADER_TEST) {
        bool known = value < TEST_COUNT && is_of_ports((unsigned)value) == ports;
        self->current = known ? (uint8_t)value : NO_TEST;
        self->count = 0;
        return;
    }
    if (self->current == NO_TEST || is_of_ports(self->current) != ports ||
        offset != write_offset(self->current)) {
        return;
    }
    if (!tests[self->current].matches || value == data_of(self->current)) {
        self->count++;
    }
}

static void memory_write(void *opaque, hwaddr offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    bar_write(opaque, offset, value, false);
}

static void ports_write(void *opaque, hwaddr offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    bar_write(opaque, offset, value, true);
}

static const MemoryRegionOps memory_ops = {
    bar_read, memory_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};

static const MemoryRegionOps ports_ops = {
    bar_read, ports_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};

/* ---- life ---- */

static bool add_memory_bar(PCITestdev *self, GError **error)
{
    uint64_t size = self->memory_bar_size;

    if (size == 0) {
        return true;
    }
    if (size < 4096 || (size & (size - 1)) || size > UINT64_C(1) << 40) {
        return error_setf(error, "membar must be a power of 2 from 4k to 1024G");
    }
    /* Room in the address space, nothing behind it: reads give ones, writes go nowhere. */
    memory_region_init(&self->membar, "pci-testdev-membar", size);
    pci_register_bar(HW_PCI_DEVICE(self), 2,
                     PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_PREFETCH |
                         PCI_BASE_ADDRESS_MEM_TYPE_64,
                     &self->membar);
    return true;
}

static bool testdev_realize(PCIDevice *device, GError **error)
{
    PCITestdev *self = HW_PCI_TESTDEV(device);

    if (!add_memory_bar(self, error)) {
        return false;
    }
    self->current = NO_TEST;
    memory_region_init_io(&self->memory, &memory_ops, self, "pci-testdev-mmio", MEMORY_SIZE);
    memory_region_init_io(&self->ports, &ports_ops, self, "pci-testdev-portio", PORTS_SIZE);
    pci_register_bar(device, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &self->memory);
    pci_register_bar(device, 1, PCI_BASE_ADDRESS_SPACE_IO, &self->ports);
    return true;
}

static void testdev_unrealize(PCIDevice *device)
{
    PCITestdev *self = HW_PCI_TESTDEV(device);

    memory_region_destroy(&self->memory);
    memory_region_destroy(&self->ports);
    if (self->memory_bar_size) {
        memory_region_destroy(&self->membar);
    }
}

static void testdev_reset(Device *device)
{
    HW_PCI_TESTDEV(device)->current = NO_TEST;
    HW_PCI_TESTDEV(device)->count = 0;
}

static bool testdev_post_load(Device *device, GError **error)
{
    uint8_t current = HW_PCI_TESTDEV(device)->current;

    return current == NO_TEST || current < TEST_COUNT ||
           error_setf(error, "pci-testdev: saved test %u does not exist", current);
}

static const DeviceProperty testdev_properties[] = {
    DEVICE_PROPERTY(SIZE, "membar", PCITestdev, memory_bar_size, 0,
                    "bytes of BAR 2, prefetchable memory with nothing behind it; 0: no BAR 2"),
};

static const SavedField testdev_fields[] = {SAVED(PCITestdev, current), SAVED(PCITestdev, count)};

static void pci_testdev_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci_class = HW_PCI_DEVICE_CLASS(klass);

    klass->description = "PCI function for test kernels";
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->reset = testdev_reset;
    klass->post_load = testdev_post_load;
    klass->saved_fields = testdev_fields;
    klass->saved_field_count = G_N_ELEMENTS(testdev_fields);
    klass->saved_version = 1;
    pci_class->vendor_id = TESTDEV_VENDOR;
    pci_class->device_id = TESTDEV_DEVICE;
    pci_class->class_id = TESTDEV_CLASS;
    pci_class->pci_realize = testdev_realize;
    pci_class->pci_unrealize = testdev_unrealize;
    device_class_add_properties(klass, testdev_properties, G_N_ELEMENTS(testdev_properties));
}

static void pci_testdev_instance_init(PCITestdev *self G_GNUC_UNUSED)
{
}
