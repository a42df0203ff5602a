/*
 * The Xen platform device: PCI 5853:0001 and the fixed I/O ports 0x10-0x1f.
 *
 * What differs from Xen's device model: what was unplugged is back after a reset; the ROM lock bit
 * reads back as it was written but protects nothing, as this board's shadow RAM is protected by the
 * host bridge's PAM registers.
 *
 * Sources: Xen's docs/misc/hvm-emulated-unplug.pandoc (ports 0x10-0x13, the legacy protocols of BAR
 * 0), xen/hvm/pvdrivers.h (product numbers).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/xen_platform.h"

#include "hw/core/machine.h"
#include "hw/xen/platform/driver_log.h"
#include "hw/xen/platform/unplug.h"
#include "hw/xen/store_client.h"
#include "util/bytes.h"
#include "util/log.h"
#include "util/trace.h"

TRACE_DEFINE(xen_platform_driver);
TRACE_DEFINE(xen_platform_flags);

#define FIXED_PORT      0x10
#define FIXED_PORT_SIZE 0x10

/* Offsets from 0x10; what a port does depends on the access's size. */
enum {
    PORT_MAGIC = 0,    /* 16 bits, read */
    PORT_UNPLUG = 0,   /* 16 bits, write */
    PORT_BUILD = 0,    /* 32 bits, write */
    PORT_FLAGS = 0,    /* 8 bits */
    PORT_PROTOCOL = 2, /* 8 bits, read */
    PORT_LOG = 2,      /* 8 bits, write */
    PORT_PRODUCT = 2,  /* 16 bits, write */
};

#define MAGIC             0x49d2
#define MAGIC_BLACKLISTED 0xd249
#define PROTOCOL_VERSION  1
#define FLAG_ROM_LOCK     0x01

/* BAR 0: what drivers of Xen 3.0 wrote to. */
enum {
    LEGACY_FLAGS = 0,
    LEGACY_UNPLUG_ALL = 4, /* 1: disks and adapters */
    LEGACY_UNPLUG = 8,     /* 1: disks; 2: adapters; anything else: a byte for the log */
};

#define LEGACY_SIZE 0x100
#define MEMORY_SIZE (16 * MiB)

struct _XenPlatform {
    PCIDevice parent_instance;
    XenStore *store;
    void (*unplugged)(void *opaque);
    void *unplugged_opaque;
    uint8_t flags;
    uint16_t product;
    uint32_t build;
    bool blacklisted;
    DriverLog log;
    MemoryRegion fixed_ports, legacy_ports, memory;
};

DEVICE_TYPE(XenPlatform, xen_platform, TYPE_XEN_PLATFORM, TYPE_PCI_DEVICE)

static Machine *machine_of(XenPlatform *platform)
{
    return device_get_machine(HW_DEVICE(platform));
}

static void unplug(XenPlatform *platform, uint16_t mask)
{
    unsigned count = xen_unplug(machine_of(platform), mask);

    if (count > 0 && platform->unplugged) {
        platform->unplugged(platform->unplugged_opaque);
    }
}

/* ---- drivers tell who they are ---- */

static const struct {
    uint16_t number;
    const char *name;
} products[] = {
    {0x0001, "xensource-windows"},
    {0x0002, "gplpv-windows"},
    {0x0003, "linux"},
    {0x0004, "xenserver-windows-v7.0+"},
    {0x0005, "xenserver-windows-v7.2+"},
    {0xffff, "experimental"},
};

static const char *product_name(uint16_t number)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(products); i++) {
        if (products[i].number == number) {
            return products[i].name;
        }
    }
    return NULL;
}

static bool store_has_entry(XenStore *store, const char *path)
{
    StoreClient *client = store_client_new(store, STORE_DOMID_PRIVILEGED);
    bool found = store_client_exists(client, 0, path);

    store_client_free(client);
    return found;
}

static void write_build(XenPlatform *platform, uint32_t build)
{
    const char *name = product_name(platform->product);

    platform->build = build;
    if (platform->store && name) {
        g_autofree char *path = g_strdup_printf("/mh/driver-blacklist/%s/%u", name, build);

        platform->blacklisted = store_has_entry(platform->store, path);
    }
    TRACE(xen_platform_driver, "product %u (%s) build %u%s", platform->product,
          name ? name : "unknown", build, platform->blacklisted ? " blacklisted" : "");
}

static void write_flags(XenPlatform *platform, uint8_t value)
{
    platform->flags = value & FLAG_ROM_LOCK;
    TRACE(xen_platform_flags, "0x%02x", platform->flags);
}

/* ---- ports 0x10-0x1f ---- */

static uint64_t fixed_read(void *opaque, hwaddr offset, unsigned size)
{
    XenPlatform *platform = opaque;

    if (size == 2 && offset == PORT_MAGIC) {
        return platform->blacklisted ? MAGIC_BLACKLISTED : MAGIC;
    }
    if (size == 1 && offset == PORT_FLAGS) {
        return platform->flags;
    }
    if (size == 1 && offset == PORT_PROTOCOL) {
        return PROTOCOL_VERSION;
    }
    return UINT64_MAX;
}

static void write_unplug(XenPlatform *platform, uint32_t value)
{
    unplug(platform, (uint16_t)value);
}

static void write_product(XenPlatform *platform, uint32_t value)
{
    platform->product = (uint16_t)value;
}

static void write_flags_byte(XenPlatform *platform, uint32_t value)
{
    write_flags(platform, (uint8_t)value);
}

static void write_log(XenPlatform *platform, uint32_t value)
{
    driver_log_put(&platform->log, (uint8_t)value);
}

static const struct {
    uint8_t offset, size;
    void (*write)(XenPlatform *platform, uint32_t value);
} fixed_writes[] = {
    {PORT_FLAGS, 1, write_flags_byte}, {PORT_UNPLUG, 2, write_unplug},
    {PORT_BUILD, 4, write_build},      {PORT_LOG, 1, write_log},
    {PORT_PRODUCT, 2, write_product},
};

static void fixed_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(fixed_writes); i++) {
        if (fixed_writes[i].offset == offset && fixed_writes[i].size == size) {
            fixed_writes[i].write(opaque, (uint32_t)value);
            return;
        }
    }
    log_printf(LOG_GUEST_ERRORS, "xen-platform: %u bytes written to port 0x%x\n", size,
               FIXED_PORT + (unsigned)offset);
}

static const MemoryRegionOps fixed_ops = {
    .read = fixed_read,
    .write = fixed_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
    .valid_unaligned = true,
};

/* ---- BAR 0 ---- */

static uint64_t legacy_read(void *opaque, hwaddr offset, unsigned size)
{
    XenPlatform *platform = opaque;

    return size == 1 && offset == LEGACY_FLAGS ? platform->flags : UINT64_MAX;
}

static void legacy_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    XenPlatform *platform = opaque;

    if (size != 1) {
        return;
    }
    if (offset == LEGACY_FLAGS) {
        write_flags(platform, (uint8_t)value);
    } else if (offset == LEGACY_UNPLUG_ALL && value == 1) {
        unplug(platform, XEN_UNPLUG_DISKS | XEN_UNPLUG_NICS);
    } else if (offset == LEGACY_UNPLUG && value == 1) {
        unplug(platform, XEN_UNPLUG_DISKS);
    } else if (offset == LEGACY_UNPLUG && value == 2) {
        unplug(platform, XEN_UNPLUG_NICS);
    } else if (offset == LEGACY_UNPLUG) {
        driver_log_put(&platform->log, (uint8_t)value);
    }
}

static const MemoryRegionOps legacy_ops = {
    .read = legacy_read,
    .write = legacy_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
    .valid_unaligned = true,
};

/* ---- BAR 1: guests choose addresses in it for pages that Xen maps (grant table, shared info) ----
 */

static uint64_t memory_read(void *opaque G_GNUC_UNUSED, hwaddr offset G_GNUC_UNUSED,
                            unsigned size G_GNUC_UNUSED)
{
    return 0;
}

static void memory_write(void *opaque G_GNUC_UNUSED, hwaddr offset, uint64_t value, unsigned size)
{
    log_printf(LOG_GUEST_ERRORS,
               "xen-platform: %u bytes (0x%" G_GINT64_MODIFIER
               "x) written to memory at 0x%" G_GINT64_MODIFIER "x\n",
               size, value, offset);
}

static const MemoryRegionOps memory_ops = {
    .read = memory_read,
    .write = memory_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 8,
    .valid_unaligned = true,
};

/* ---- for others ---- */

void xen_platform_set_irq(XenPlatform *platform, int level)
{
    pci_set_irq(HW_PCI_DEVICE(platform), level);
}

void xen_platform_set_unplug_handler(XenPlatform *platform, void (*handler)(void *opaque),
                                     void *opaque)
{
    platform->unplugged = handler;
    platform->unplugged_opaque = opaque;
}

void xen_platform_set_store(XenPlatform *platform, XenStore *store)
{
    platform->store = store;
}

/* ---- life ---- */

static bool check_only_one(XenPlatform *platform, GError **error)
{
    GPtrArray *devices = machine_devices(machine_of(platform));

    for (guint i = 0; i < devices->len; i++) {
        if (IS_HW_XEN_PLATFORM(g_ptr_array_index(devices, i))) {
            return error_setf(error, "-device xen-platform: the machine already has one");
        }
    }
    return true;
}

static bool xen_platform_realize(PCIDevice *device, GError **error)
{
    XenPlatform *platform = HW_XEN_PLATFORM(device);

    if (!check_only_one(platform, error)) {
        return false;
    }
    store_le16(pci_device_config(device) + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    pci_set_interrupt_pin(device, 1);
    memory_region_init_io(&platform->legacy_ports, &legacy_ops, platform, "xen-platform-pio",
                          LEGACY_SIZE);
    memory_region_init_io(&platform->memory, &memory_ops, platform, "xen-platform-memory",
                          MEMORY_SIZE);
    memory_region_init_io(&platform->fixed_ports, &fixed_ops, platform, "xen-platform-fixed",
                          FIXED_PORT_SIZE);
    pci_register_bar(device, 0, PCI_BASE_ADDRESS_SPACE_IO, &platform->legacy_ports);
    pci_register_bar(device, 1, PCI_BASE_ADDRESS_MEM_PREFETCH, &platform->memory);
    /* A chip set's DMA controller may show its registers a second time here; Xen's ports come
     * before them. */
    memory_region_add_overlap(machine_io_root(machine_of(platform)), FIXED_PORT,
                              &platform->fixed_ports, 1);
    return true;
}

static void xen_platform_unrealize(PCIDevice *device)
{
    XenPlatform *platform = HW_XEN_PLATFORM(device);

    memory_region_destroy(&platform->fixed_ports);
    memory_region_destroy(&platform->legacy_ports);
    memory_region_destroy(&platform->memory);
}

static void xen_platform_reset(Device *device)
{
    XenPlatform *platform = HW_XEN_PLATFORM(device);

    platform->flags = 0;
    platform->product = 0;
    platform->build = 0;
    platform->blacklisted = false;
    driver_log_reset(&platform->log);
}

void xen_platform_soft_reset(XenPlatform *platform)
{
    xen_plug_back(machine_of(platform));
    xen_platform_reset(HW_DEVICE(platform));
}

static bool xen_platform_post_load(Device *device, GError **error)
{
    XenPlatform *platform = HW_XEN_PLATFORM(device);

    if ((platform->flags & ~FLAG_ROM_LOCK) || !driver_log_is_sound(&platform->log)) {
        xen_platform_reset(device);
        return error_setf(error, "saved flags or log of xen-platform are out of range");
    }
    return true;
}

static const SavedField xen_platform_fields[] = {
    SAVED(XenPlatform, flags),
    SAVED(XenPlatform, product),
    SAVED(XenPlatform, build),
    SAVED(XenPlatform, blacklisted),
    SAVED_ARRAY(XenPlatform, log.line),
    SAVED(XenPlatform, log.length),
    SAVED(XenPlatform, log.second_ns),
    SAVED(XenPlatform, log.lines),
    SAVED(XenPlatform, log.lines_dropped),
};

static void xen_platform_instance_init(XenPlatform *platform G_GNUC_UNUSED)
{
}

static void xen_platform_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci = HW_PCI_DEVICE_CLASS(klass);

    klass->description = "XEN platform pci device";
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->reset = xen_platform_reset;
    klass->post_load = xen_platform_post_load;
    klass->saved_fields = xen_platform_fields;
    klass->saved_field_count = G_N_ELEMENTS(xen_platform_fields);
    klass->saved_version = 1;
    pci->vendor_id = 0x5853;
    pci->device_id = 0x0001;
    pci->class_id = 0xff80;
    pci->revision = 1;
    pci->subsystem_vendor_id = 0x5853;
    pci->subsystem_id = 0x0001;
    pci->pci_realize = xen_platform_realize;
    pci->pci_unrealize = xen_platform_unrealize;
}
