/*
 * I/O APIC: 24 redirection entries that turn pins into interrupt messages.
 *
 * Source: Intel 82093AA data sheet (290566); ICH2 data sheet section 8 for version 0x20 and its EOI
 * register.
 *
 * An input pin's level 1 means "asserted", whatever the polarity bit says: lines in this machine
 * carry no voltage, so the bit is kept for the guest to read and has no effect (as KVM defines it
 * for x86).
 *
 * A guest that ends a level interrupt without quieting its device would be interrupted again at
 * once, for ever. After EOI_STORM_LIMIT ends in a row with the pin still high, the next message
 * waits EOI_STORM_DELAY_NS, so that the rest of the guest and of the process gets on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/intc/ioapic.h"

#include "hw/core/machine.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/trace.h"

#define IOAPIC_BASE        0xfec00000u
#define IOAPIC_REGION_SIZE 0x1000
#define IOAPIC_VERSION     0x20
#define EOI_STORM_LIMIT    10000
#define EOI_STORM_DELAY_NS (10 * NS_PER_MS)
#define MSI_ADDRESS_BASE   0xfee00000u

/* Memory-mapped registers; only address bits 0-7 are decoded. */
enum {
    REGISTER_SELECT = 0x00,
    REGISTER_WINDOW = 0x10,
    REGISTER_EOI = 0x40,
};

/* Registers behind the window. */
enum {
    INDEX_ID = 0x00,
    INDEX_VERSION = 0x01,
    INDEX_ARBITRATION = 0x02,
    INDEX_REDIRECTION = 0x10,
};

/* Redirection entry. */
#define ENTRY_VECTOR        UINT64_C(0xff)
#define ENTRY_DELIVERY_MODE UINT64_C(0x700)
#define ENTRY_LOGICAL       (UINT64_C(1) << 11)
#define ENTRY_POLARITY      (UINT64_C(1) << 13)
#define ENTRY_REMOTE_IRR    (UINT64_C(1) << 14)
#define ENTRY_LEVEL         (UINT64_C(1) << 15)
#define ENTRY_MASKED        (UINT64_C(1) << 16)
#define ENTRY_DESTINATION   (UINT64_C(0xff) << 56)
#define ENTRY_WRITABLE                                                                             \
    (ENTRY_VECTOR | ENTRY_DELIVERY_MODE | ENTRY_LOGICAL | ENTRY_POLARITY | ENTRY_LEVEL |           \
     ENTRY_MASKED | ENTRY_DESTINATION)

enum {
    DELIVERY_FIXED = 0,
    DELIVERY_LOWEST_PRIORITY = 1,
    DELIVERY_SMI = 2,
    DELIVERY_NMI = 4,
    DELIVERY_INIT = 5,
    DELIVERY_EXTINT = 7,
};

/* Modes that send something; the reserved ones and SMI (there is no SMM) send nothing. */
#define DELIVERABLE_MODES                                                                          \
    (1u << DELIVERY_FIXED | 1u << DELIVERY_LOWEST_PRIORITY | 1u << DELIVERY_NMI |                  \
     1u << DELIVERY_INIT | 1u << DELIVERY_EXTINT)

#define MSI_LEVEL_ASSERT (1u << 14)
#define MSI_LEVEL        (1u << 15)

/* What the accelerator was last told of a pin. */
typedef struct {
    MsiMessage message;
    bool masked;
    bool level;
} Route;

struct _IOAPIC {
    Device parent_instance;
    uint8_t id;
    uint8_t select;
    uint32_t lines; /* pin levels */
    uint32_t held;  /* pins that wait for storm_timer */
    uint64_t entries[IOAPIC_PIN_COUNT];
    uint32_t eois[IOAPIC_PIN_COUNT]; /* ends in a row with the pin still high */
    Timer *storm_timer;
    Route routes[IOAPIC_PIN_COUNT];
    MemoryRegion region;
};

TRACE_DEFINE(ioapic_set_irq);
TRACE_DEFINE(ioapic_deliver);
TRACE_DEFINE(ioapic_eoi);
TRACE_DEFINE(ioapic_write);

DEVICE_TYPE(IOAPIC, ioapic, "ioapic", TYPE_DEVICE)

static Accel *ioapic_accel(IOAPIC *ioapic)
{
    return machine_accel(device_get_machine(HW_DEVICE(ioapic)));
}

static unsigned delivery_mode(uint64_t entry)
{
    return (unsigned)((entry & ENTRY_DELIVERY_MODE) >> 8);
}

/* Only fixed and lowest-priority interrupts can be level triggered; the others are edges by nature.
 */
static bool is_level(uint64_t entry)
{
    return (entry & ENTRY_LEVEL) && delivery_mode(entry) <= DELIVERY_LOWEST_PRIORITY;
}

static MsiMessage entry_message(uint64_t entry)
{
    uint32_t destination = (uint32_t)(entry >> 56);
    uint32_t logical = entry & ENTRY_LOGICAL ? 1 : 0;
    uint32_t data = (uint32_t)(entry & (ENTRY_VECTOR | ENTRY_DELIVERY_MODE));
    return (MsiMessage){
        .address = MSI_ADDRESS_BASE | destination << 12 | logical << 2,
        .data = is_level(entry) ? data | MSI_LEVEL | MSI_LEVEL_ASSERT : data,
    };
}

static bool entry_sends(uint64_t entry)
{
    return !(entry & ENTRY_MASKED) && (DELIVERABLE_MODES >> delivery_mode(entry) & 1);
}

static void update_route(IOAPIC *ioapic, unsigned pin)
{
    uint64_t entry = ioapic->entries[pin];
    Route *route = &ioapic->routes[pin];
    Route now = {entry_message(entry), !entry_sends(entry), is_level(entry)};
    if (now.message.address == route->message.address && now.message.data == route->message.data &&
        now.masked == route->masked && now.level == route->level) {
        return;
    }
    *route = now;
    accel_ioapic_route(ioapic_accel(ioapic), pin, &now.message, now.masked, now.level);
}

static bool deliver(IOAPIC *ioapic, unsigned pin)
{
    MsiMessage message = entry_message(ioapic->entries[pin]);
    bool taken = accel_msi_deliver(ioapic_accel(ioapic), &message);
    TRACE(ioapic_deliver, "pin %u address 0x%08x data 0x%04x taken %d", pin,
          (unsigned)message.address, message.data, taken);
    return taken;
}

/* Sends a level pin that is high and has no interrupt under way. */
static void service_level(IOAPIC *ioapic, unsigned pin)
{
    uint64_t *entry = &ioapic->entries[pin];
    if (!(ioapic->lines >> pin & 1) || !is_level(*entry) || !entry_sends(*entry) ||
        (*entry & ENTRY_REMOTE_IRR) || (ioapic->held >> pin & 1)) {
        return;
    }
    if (deliver(ioapic, pin)) {
        *entry |= ENTRY_REMOTE_IRR;
    }
}

static void ioapic_set_irq(void *opaque, int n, int level)
{
    IOAPIC *ioapic = opaque;
    unsigned pin = (unsigned)n;
    uint32_t bit = 1u << pin;
    bool rising = level && !(ioapic->lines & bit);
    TRACE(ioapic_set_irq, "pin %d level %d", n, level);
    if (!level) {
        ioapic->lines &= ~bit;
        ioapic->held &= ~bit;
        ioapic->eois[pin] = 0;
        return;
    }
    ioapic->lines |= bit;
    if (is_level(ioapic->entries[pin])) {
        service_level(ioapic, pin);
    } else if (rising && entry_sends(ioapic->entries[pin])) {
        /* An edge on a masked pin is lost, as is one that no CPU takes. */
        deliver(ioapic, pin);
    }
}

static void storm_over(void *opaque)
{
    IOAPIC *ioapic = opaque;
    uint32_t held = ioapic->held;
    ioapic->held = 0;
    for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
        if (held >> pin & 1) {
            ioapic->eois[pin] = 0;
            service_level(ioapic, pin);
        }
    }
}

static void end_pin(IOAPIC *ioapic, unsigned pin)
{
    ioapic->entries[pin] &= ~ENTRY_REMOTE_IRR;
    if (!(ioapic->lines >> pin & 1)) {
        return;
    }
    if (++ioapic->eois[pin] >= EOI_STORM_LIMIT) {
        ioapic->held |= 1u << pin;
        if (!timer_pending(ioapic->storm_timer)) {
            timer_mod(ioapic->storm_timer, clock_get_ns(CLOCK_VIRTUAL) + EOI_STORM_DELAY_NS);
        }
        return;
    }
    service_level(ioapic, pin);
}

void ioapic_eoi(IOAPIC *ioapic, uint8_t vector)
{
    TRACE(ioapic_eoi, "vector 0x%02x", vector);
    for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
        uint64_t entry = ioapic->entries[pin];
        if ((entry & ENTRY_VECTOR) == vector && (entry & ENTRY_REMOTE_IRR)) {
            end_pin(ioapic, pin);
        }
    }
}

static uint32_t read_window(const IOAPIC *ioapic)
{
    switch (ioapic->select) {
    case INDEX_ID:
    case INDEX_ARBITRATION:
        return (uint32_t)ioapic->id << 24;
    case INDEX_VERSION:
        return IOAPIC_VERSION | (IOAPIC_PIN_COUNT - 1) << 16;
    default:
        break;
    }
    unsigned index = ioapic->select - INDEX_REDIRECTION;
    if (ioapic->select < INDEX_REDIRECTION || index / 2 >= IOAPIC_PIN_COUNT) {
        return 0;
    }
    return (uint32_t)(ioapic->entries[index / 2] >> (index & 1 ? 32 : 0));
}

static void write_entry(IOAPIC *ioapic, unsigned pin, bool high, uint32_t value)
{
    uint64_t *entry = &ioapic->entries[pin];
    uint64_t half = high ? (uint64_t)value << 32 : value;
    uint64_t writable = ENTRY_WRITABLE & (high ? ~(uint64_t)UINT32_MAX : UINT32_MAX);
    *entry = (*entry & ~writable) | (half & writable);
    if (!is_level(*entry)) {
        /* Remote IRR means nothing for an edge; guests clear a stuck one by this very change. */
        *entry &= ~ENTRY_REMOTE_IRR;
    }
    update_route(ioapic, pin);
    service_level(ioapic, pin);
}

static void write_window(IOAPIC *ioapic, uint32_t value)
{
    if (ioapic->select == INDEX_ID) {
        ioapic->id = (value >> 24) & 0xf;
        return;
    }
    unsigned index = ioapic->select - INDEX_REDIRECTION;
    if (ioapic->select >= INDEX_REDIRECTION && index / 2 < IOAPIC_PIN_COUNT) {
        write_entry(ioapic, index / 2, index & 1, value);
    }
}

static uint64_t ioapic_read(void *opaque, hwaddr offset, unsigned size)
{
    const IOAPIC *ioapic = opaque;
    switch (offset & 0xff) {
    case REGISTER_SELECT:
        return ioapic->select;
    case REGISTER_WINDOW:
        return read_window(ioapic);
    default:
        return 0;
    }
}

static void ioapic_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    IOAPIC *ioapic = opaque;
    TRACE(ioapic_write, "offset 0x%02x select 0x%02x value 0x%08x", (unsigned)offset,
          ioapic->select, (unsigned)value);
    switch (offset & 0xff) {
    case REGISTER_SELECT:
        ioapic->select = (uint8_t)value;
        break;
    case REGISTER_WINDOW:
        if (size == 4) { /* the data sheet allows no other size; a part would spoil the rest */
            write_window(ioapic, (uint32_t)value);
        } else {
            log_printf(LOG_GUEST_ERRORS, "ioapic: write of %u bytes to the window\n", size);
        }
        break;
    case REGISTER_EOI:
        ioapic_eoi(ioapic, (uint8_t)value);
        break;
    default:
        break;
    }
}

static const MemoryRegionOps ioapic_ops = {
    ioapic_read, ioapic_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 4,
};

static bool ioapic_realize(Device *device, GError **error)
{
    IOAPIC *ioapic = HW_IOAPIC(device);
    for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
        ioapic->routes[pin] =
            (Route){entry_message(0), true, false}; /* what an accel starts with */
    }
    ioapic->storm_timer = timer_new(CLOCK_VIRTUAL, storm_over, ioapic);
    memory_region_init_io(&ioapic->region, &ioapic_ops, ioapic, "ioapic", IOAPIC_REGION_SIZE);
    memory_region_add_overlap(machine_memory_root(device_get_machine(device)), IOAPIC_BASE,
                              &ioapic->region, 1);
    return true;
}

static void ioapic_unrealize(Device *device)
{
    IOAPIC *ioapic = HW_IOAPIC(device);
    memory_region_destroy(&ioapic->region);
    g_clear_pointer(&ioapic->storm_timer, timer_free);
}

static void ioapic_reset(Device *device)
{
    IOAPIC *ioapic = HW_IOAPIC(device);
    ioapic->id = 0;
    ioapic->select = 0;
    ioapic->lines = 0;
    ioapic->held = 0;
    memset(ioapic->eois, 0, sizeof(ioapic->eois));
    timer_del(ioapic->storm_timer);
    for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
        ioapic->entries[pin] = ENTRY_MASKED;
        update_route(ioapic, pin);
    }
}

static bool ioapic_post_load(Device *device, GError **error)
{
    IOAPIC *ioapic = HW_IOAPIC(device);
    const uint32_t pins = (1u << IOAPIC_PIN_COUNT) - 1;
    if (ioapic->id > 0xf || (ioapic->lines & ~pins) || (ioapic->held & ~pins)) {
        return error_setf(error, "ioapic: saved id or lines are out of range");
    }
    for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
        uint64_t entry = ioapic->entries[pin];
        if ((entry & ~(ENTRY_WRITABLE | ENTRY_REMOTE_IRR)) ||
            ((entry & ENTRY_REMOTE_IRR) && !is_level(entry))) {
            return error_setf(error, "ioapic: saved entry %u is not a valid one", pin);
        }
    }
    for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
        update_route(ioapic, pin);
    }
    return true;
}

void ioapic_print(IOAPIC *ioapic, GString *out)
{
    static const char *const modes[8] = {"fixed", "lowest", "SMI", "...",
                                         "NMI",   "INIT",   "...", "extINT"};
    g_string_append_printf(out, "ioapic: ver=0x%x id=0x%02x sel=0x%02x\n", IOAPIC_VERSION,
                           ioapic->id, ioapic->select);
    for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
        uint64_t entry = ioapic->entries[pin];
        g_string_append_printf(
            out, "  pin %-2u 0x%016" G_GINT64_MODIFIER "x dest=%u vec=%-3u %s %s %s%s%s %s\n", pin,
            entry, (unsigned)(entry >> 56), (unsigned)(entry & ENTRY_VECTOR),
            entry & ENTRY_POLARITY ? "active-lo" : "active-hi",
            entry & ENTRY_LEVEL ? "level" : "edge", entry & ENTRY_MASKED ? "masked " : "",
            entry & ENTRY_REMOTE_IRR ? "remote-irr " : "", modes[delivery_mode(entry)],
            entry & ENTRY_LOGICAL ? "logical" : "physical");
    }
    g_string_append_printf(out, "  lines 0x%06x\n", ioapic->lines);
}

static const SavedField ioapic_fields[] = {
    SAVED(IOAPIC, id),
    SAVED(IOAPIC, select),
    SAVED(IOAPIC, lines),
    SAVED(IOAPIC, held),
    SAVED_ARRAY(IOAPIC, entries),
    SAVED_ARRAY(IOAPIC, eois),
    SAVED_TIMER(IOAPIC, storm_timer),
};

static void ioapic_instance_init(IOAPIC *ioapic)
{
    device_init_irq_in(HW_DEVICE(ioapic), NULL, ioapic_set_irq, IOAPIC_PIN_COUNT);
}

static void ioapic_class_init(DeviceClass *klass)
{
    klass->description = "82093AA I/O APIC, version 0x20";
    klass->category = DEVICE_CATEGORY_MISC;
    klass->realize = ioapic_realize;
    klass->unrealize = ioapic_unrealize;
    klass->reset = ioapic_reset;
    klass->post_load = ioapic_post_load;
    klass->saved_fields = ioapic_fields;
    klass->saved_field_count = G_N_ELEMENTS(ioapic_fields);
    klass->saved_version = 1;
}
