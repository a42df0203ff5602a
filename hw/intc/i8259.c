/*
 * The PC's two cascaded 8259A interrupt controllers.
 *
 * Source: Intel 8259A data sheet (231468); 82371SB (PIIX3) data sheet sections 2.5.3 and 4.6 for
 * what is fixed in a PC: the slave hangs on IR2, ICW1's LTIM bit is replaced by the ELCR registers,
 * 8086 mode only.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/intc/i8259.h"

#include "hw/isa/isa.h"
#include "util/log.h"
#include "util/trace.h"

#define CASCADE_PIN  2
#define SPURIOUS_PIN 7

enum {
    ICW1_SELECT = 0x10,
    ICW1_SINGLE = 0x02,
    ICW1_NEEDS_ICW4 = 0x01,
    ICW4_SPECIAL_FULLY_NESTED = 0x10,
    ICW4_AUTO_EOI = 0x02,
    OCW3_SELECT = 0x08,
    OCW3_POLL = 0x04,
    OCW3_READ_REGISTER = 0x02,
    OCW3_READ_ISR = 0x01,
    OCW3_CHANGE_SPECIAL_MASK = 0x40,
    OCW3_SPECIAL_MASK = 0x20,
    POLL_PENDING = 0x80,
};

/* What the next write to the odd port is. */
enum { INIT_DONE, INIT_ICW2, INIT_ICW3, INIT_ICW4 };

typedef struct {
    uint8_t lines; /* levels of the input pins */
    uint8_t irr;   /* requests: latched edges and the levels of ELCR pins */
    uint8_t imr;
    uint8_t isr;
    uint8_t elcr;        /* 1: the pin is level triggered */
    uint8_t highest;     /* the pin that has the highest priority */
    uint8_t vector_base; /* ICW2 */
    uint8_t icw1, icw3, icw4;
    uint8_t init_state;
    bool read_isr; /* OCW3: the even port shows ISR, not IRR */
    bool poll;     /* OCW3: the next read is a poll */
    bool special_mask;
    bool rotate_on_auto_eoi;
    bool output; /* INT */
} Chip;

struct _I8259 {
    Device parent_instance;
    Chip chips[2]; /* master, slave */
    IRQLine *output;
    MemoryRegion ports[2];
    MemoryRegion elcr_ports;
};

static const struct {
    uint16_t port;
    uint8_t elcr_mask; /* the pins whose ELCR bit exists: not 0-2, 8 and 13 */
} chip_facts[2] = {
    {0x20, 0xf8},
    {0xa0, 0xde},
};

#define ELCR_PORT 0x4d0

TRACE_DEFINE(i8259_set_irq);
TRACE_DEFINE(i8259_acknowledge);
TRACE_DEFINE(i8259_write);

DEVICE_TYPE(I8259, i8259, "isa-i8259", TYPE_DEVICE)

/* 0 is the highest priority; 8 if @mask is empty. */
static unsigned highest_priority(const Chip *chip, uint8_t mask)
{
    if (!mask) {
        return 8;
    }
    unsigned rotated = ((mask | mask << 8) >> chip->highest) & 0xff;
    return (unsigned)__builtin_ctz(rotated);
}

static unsigned pin_of_priority(const Chip *chip, unsigned priority)
{
    return (priority + chip->highest) & 7;
}

/* The in-service bits that special mask mode leaves in the priority logic. */
static uint8_t effective_isr(const Chip *chip)
{
    return chip->special_mask ? chip->isr & ~chip->imr : chip->isr;
}

/* The pin that may interrupt now, or -1. */
static int pending_pin(const Chip *chip, bool is_master)
{
    unsigned requested = highest_priority(chip, chip->irr & ~chip->imr);
    if (requested == 8) {
        return -1;
    }
    unsigned in_service = highest_priority(chip, effective_isr(chip));
    unsigned pin = pin_of_priority(chip, requested);
    if (requested < in_service) {
        return (int)pin;
    }
    /* Special fully nested mode: a slave in service does not lock itself out. */
    bool nested = is_master && (chip->icw4 & ICW4_SPECIAL_FULLY_NESTED) && pin == CASCADE_PIN;
    return nested && requested == in_service ? (int)pin : -1;
}

static void set_pin(Chip *chip, unsigned pin, bool level)
{
    uint8_t bit = (uint8_t)(1u << pin);
    if (chip->elcr & bit) {
        chip->irr = level ? chip->irr | bit : chip->irr & ~bit;
    } else if (level && !(chip->lines & bit)) {
        chip->irr |= bit;
    }
    chip->lines = level ? chip->lines | bit : chip->lines & ~bit;
}

static void update_output(I8259 *pic)
{
    Chip *master = &pic->chips[0], *slave = &pic->chips[1];
    slave->output = pending_pin(slave, false) >= 0;
    set_pin(master, CASCADE_PIN, slave->output);

    bool output = pending_pin(master, true) >= 0;
    if (output != master->output) {
        master->output = output;
        irq_set(pic->output, output);
    }
}

static void i8259_set_irq(void *opaque, int n, int level)
{
    I8259 *pic = opaque;
    if (n == CASCADE_PIN) {
        return;
    }
    TRACE(i8259_set_irq, "pin %d level %d", n, level);
    set_pin(&pic->chips[n >> 3], (unsigned)n & 7, level != 0);
    update_output(pic);
}

static void acknowledge_pin(Chip *chip, unsigned pin)
{
    uint8_t bit = (uint8_t)(1u << pin);
    if (!(chip->icw4 & ICW4_AUTO_EOI)) {
        chip->isr |= bit;
    } else if (chip->rotate_on_auto_eoi) {
        chip->highest = (pin + 1) & 7;
    }
    if (!(chip->elcr & bit)) {
        chip->irr &= ~bit;
    }
}

/* The slave's half of an INTA cycle; its vector. */
static int acknowledge_slave(I8259 *pic)
{
    Chip *master = &pic->chips[0], *slave = &pic->chips[1];
    int pin = pending_pin(slave, false);
    if (pin >= 0) {
        acknowledge_pin(slave, (unsigned)pin);
    } else {
        pin = SPURIOUS_PIN;
    }
    /* INT falls during INTA; if the slave has more to say, the master sees a new edge. */
    if (pending_pin(slave, false) >= 0) {
        master->irr |= 1 << CASCADE_PIN;
    }
    return slave->vector_base | pin;
}

int i8259_acknowledge(I8259 *pic)
{
    Chip *master = &pic->chips[0];
    int pin = pending_pin(master, true);
    int vector;
    if (pin < 0) {
        vector = master->vector_base | SPURIOUS_PIN;
    } else {
        acknowledge_pin(master, (unsigned)pin);
        vector = pin == CASCADE_PIN ? acknowledge_slave(pic) : master->vector_base | pin;
    }
    TRACE(i8259_acknowledge, "pin %d vector 0x%02x", pin, (unsigned)vector);
    update_output(pic);
    return vector;
}

bool i8259_output(I8259 *pic)
{
    return pic->chips[0].output;
}

static void write_icw1(Chip *chip, uint8_t value)
{
    chip->icw1 = value;
    chip->icw4 = 0;
    chip->imr = 0;
    chip->isr = 0;
    chip->irr &= chip->elcr; /* the edge sense circuit is reset; levels stay */
    chip->highest = 0;
    chip->special_mask = false;
    chip->rotate_on_auto_eoi = false;
    chip->read_isr = false;
    chip->poll = false;
    chip->init_state = INIT_ICW2;
}

static void end_of_interrupt(Chip *chip, bool specific, bool rotate, unsigned pin)
{
    if (!specific) {
        /* A bit that special mask mode hides is not the one that a non-specific EOI means. */
        unsigned priority = highest_priority(chip, effective_isr(chip));
        if (priority == 8) {
            return;
        }
        pin = pin_of_priority(chip, priority);
    }
    chip->isr &= ~(1u << pin);
    if (rotate) {
        chip->highest = (pin + 1) & 7;
    }
}

static void write_ocw2(Chip *chip, uint8_t value)
{
    unsigned pin = value & 7;
    switch (value >> 5) {
    case 0:
        chip->rotate_on_auto_eoi = false;
        break;
    case 1:
        end_of_interrupt(chip, false, false, pin);
        break;
    case 3:
        end_of_interrupt(chip, true, false, pin);
        break;
    case 4:
        chip->rotate_on_auto_eoi = true;
        break;
    case 5:
        end_of_interrupt(chip, false, true, pin);
        break;
    case 6: /* set priority: @pin becomes the lowest */
        chip->highest = (pin + 1) & 7;
        break;
    case 7:
        end_of_interrupt(chip, true, true, pin);
        break;
    default: /* 2: no operation */
        break;
    }
}

static void write_ocw3(Chip *chip, uint8_t value)
{
    if (value & OCW3_CHANGE_SPECIAL_MASK) {
        chip->special_mask = (value & OCW3_SPECIAL_MASK) != 0;
    }
    if (value & OCW3_POLL) {
        chip->poll = true;
    } else if (value & OCW3_READ_REGISTER) {
        chip->read_isr = (value & OCW3_READ_ISR) != 0;
    }
}

static void write_odd_port(Chip *chip, uint8_t value)
{
    switch (chip->init_state) {
    case INIT_ICW2:
        chip->vector_base = value & 0xf8;
        if (!(chip->icw1 & ICW1_SINGLE)) {
            chip->init_state = INIT_ICW3;
        } else {
            chip->init_state = chip->icw1 & ICW1_NEEDS_ICW4 ? INIT_ICW4 : INIT_DONE;
        }
        break;
    case INIT_ICW3:
        chip->icw3 = value;
        chip->init_state = chip->icw1 & ICW1_NEEDS_ICW4 ? INIT_ICW4 : INIT_DONE;
        break;
    case INIT_ICW4:
        chip->icw4 = value & 0x1f;
        chip->init_state = INIT_DONE;
        break;
    default:
        chip->imr = value;
        break;
    }
}

static void chip_write(I8259 *pic, unsigned index, hwaddr offset, uint64_t value)
{
    Chip *chip = &pic->chips[index];
    uint8_t byte = (uint8_t)value;
    TRACE(i8259_write, "chip %u port %u value 0x%02x", index, (unsigned)offset, byte);
    if (offset & 1) {
        write_odd_port(chip, byte);
    } else if (byte & ICW1_SELECT) {
        write_icw1(chip, byte);
    } else if (byte & OCW3_SELECT) {
        write_ocw3(chip, byte);
    } else {
        write_ocw2(chip, byte);
    }
    update_output(pic);
}

static uint64_t chip_poll(I8259 *pic, unsigned index)
{
    Chip *chip = &pic->chips[index];
    int pin = pending_pin(chip, index == 0);
    chip->poll = false;
    if (pin < 0) {
        return 0;
    }
    acknowledge_pin(chip, (unsigned)pin);
    update_output(pic);
    return POLL_PENDING | (unsigned)pin;
}

static uint64_t chip_read(I8259 *pic, unsigned index, hwaddr offset)
{
    const Chip *chip = &pic->chips[index];
    if (chip->poll) {
        return chip_poll(pic, index);
    }
    if (offset & 1) {
        return chip->imr;
    }
    return chip->read_isr ? chip->isr : chip->irr;
}

static uint64_t master_read(void *opaque, hwaddr offset, unsigned size)
{
    return chip_read(opaque, 0, offset);
}

static void master_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    chip_write(opaque, 0, offset, value);
}

static uint64_t slave_read(void *opaque, hwaddr offset, unsigned size)
{
    return chip_read(opaque, 1, offset);
}

static void slave_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    chip_write(opaque, 1, offset, value);
}

static uint64_t elcr_read(void *opaque, hwaddr offset, unsigned size)
{
    const I8259 *pic = opaque;
    return pic->chips[offset & 1].elcr;
}

static void elcr_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I8259 *pic = opaque;
    Chip *chip = &pic->chips[offset & 1];
    uint8_t old = chip->elcr;
    chip->elcr = (uint8_t)value & chip_facts[offset & 1].elcr_mask;
    /* A pin that becomes level triggered shows its level; one that stops being so waits for an
     * edge. */
    chip->irr = (chip->irr & ~(old | chip->elcr)) | (chip->lines & chip->elcr);
    update_output(pic);
}

static const MemoryRegionOps port_ops[2] = {
    {master_read, master_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1},
    {slave_read, slave_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1},
};

static const MemoryRegionOps elcr_ops = {
    elcr_read, elcr_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};

static bool i8259_realize(Device *device, GError **error)
{
    static const char *const names[2] = {"i8259-master", "i8259-slave"};
    I8259 *pic = HW_I8259(device);
    MemoryRegion *io = isa_bus_io(isa_device_bus(device));
    for (unsigned i = 0; i < 2; i++) {
        memory_region_init_io(&pic->ports[i], &port_ops[i], pic, names[i], 2);
        memory_region_add(io, chip_facts[i].port, &pic->ports[i]);
    }
    memory_region_init_io(&pic->elcr_ports, &elcr_ops, pic, "i8259-elcr", 2);
    memory_region_add(io, ELCR_PORT, &pic->elcr_ports);
    return true;
}

static void i8259_unrealize(Device *device)
{
    I8259 *pic = HW_I8259(device);
    memory_region_destroy(&pic->ports[0]);
    memory_region_destroy(&pic->ports[1]);
    memory_region_destroy(&pic->elcr_ports);
}

static void i8259_reset(Device *device)
{
    I8259 *pic = HW_I8259(device);
    memset(pic->chips, 0, sizeof(pic->chips));
    irq_lower(pic->output);
}

static bool i8259_post_load(Device *device, GError **error)
{
    I8259 *pic = HW_I8259(device);
    for (unsigned i = 0; i < 2; i++) {
        const Chip *chip = &pic->chips[i];
        if (chip->highest > 7 || chip->init_state > INIT_ICW4 || (chip->vector_base & 7) ||
            (chip->elcr & ~chip_facts[i].elcr_mask)) {
            return error_setf(error, "isa-i8259: saved state of chip %u is out of range", i);
        }
    }
    irq_set(pic->output, pic->chips[0].output);
    return true;
}

void i8259_print(I8259 *pic, GString *out)
{
    for (unsigned i = 2; i-- > 0;) {
        const Chip *chip = &pic->chips[i];
        g_string_append_printf(out,
                               "pic%u: irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%d "
                               "elcr=%02x fnm=%d\n",
                               i, chip->irr, chip->imr, chip->isr, chip->highest, chip->vector_base,
                               chip->read_isr, chip->elcr,
                               (chip->icw4 & ICW4_SPECIAL_FULLY_NESTED) != 0);
    }
}

#define SAVED_CHIP(i)                                                                              \
    SAVED(I8259, chips[i].lines), SAVED(I8259, chips[i].irr), SAVED(I8259, chips[i].imr),          \
        SAVED(I8259, chips[i].isr), SAVED(I8259, chips[i].elcr), SAVED(I8259, chips[i].highest),   \
        SAVED(I8259, chips[i].vector_base), SAVED(I8259, chips[i].icw1),                           \
        SAVED(I8259, chips[i].icw3), SAVED(I8259, chips[i].icw4),                                  \
        SAVED(I8259, chips[i].init_state), SAVED(I8259, chips[i].read_isr),                        \
        SAVED(I8259, chips[i].poll), SAVED(I8259, chips[i].special_mask),                          \
        SAVED(I8259, chips[i].rotate_on_auto_eoi), SAVED(I8259, chips[i].output)

static const SavedField i8259_fields[] = {SAVED_CHIP(0), SAVED_CHIP(1)};

static void i8259_instance_init(I8259 *pic)
{
    device_init_irq_in(HW_DEVICE(pic), NULL, i8259_set_irq, 16);
    device_init_irq_out(HW_DEVICE(pic), NULL, &pic->output, 1);
}

static void i8259_class_init(DeviceClass *klass)
{
    klass->description = "Two cascaded 8259A interrupt controllers";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->realize = i8259_realize;
    klass->unrealize = i8259_unrealize;
    klass->reset = i8259_reset;
    klass->post_load = i8259_post_load;
    klass->saved_fields = i8259_fields;
    klass->saved_field_count = G_N_ELEMENTS(i8259_fields);
    klass->saved_version = 1;
}
