/*
 * Port 0x61: NMI status and control, and the gate and output of the speaker's counter. No sound is
 * made.
 *
 * Source: 82371SB (PIIX3) data sheet, "NMISC - NMI status and control register".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/timer/i8254.h"

#include "hw/isa/isa.h"
#include "util/clock.h"

#define SPEAKER_PORT    0x61
#define SPEAKER_CHANNEL 2
/* A refresh cycle every 18 ticks of the 1193182 Hz oscillator, as the PC's firmware programs
 * counter 1. */
#define REFRESH_NS 15086

enum {
    SPEAKER_GATE = 0x01,
    SPEAKER_WRITABLE = 0x0f, /* gate, speaker data, SERR# and IOCHK# NMI enables */
    SPEAKER_REFRESH = 0x10,
    SPEAKER_OUTPUT = 0x20,
};

struct _PCSpeaker {
    Device parent_instance;
    uint8_t control;
    I8254 *pit;
    MemoryRegion port;
};

DEVICE_TYPE(PCSpeaker, pc_speaker, "isa-pcspk", TYPE_DEVICE)

void pc_speaker_connect(PCSpeaker *speaker, I8254 *pit)
{
    speaker->pit = pit;
}

static uint64_t pc_speaker_read(void *opaque, hwaddr offset, unsigned size)
{
    PCSpeaker *speaker = opaque;
    uint8_t value = speaker->control;
    if (clock_get_ns(CLOCK_VIRTUAL) / REFRESH_NS & 1) {
        value |= SPEAKER_REFRESH;
    }
    if (i8254_output(speaker->pit, SPEAKER_CHANNEL)) {
        value |= SPEAKER_OUTPUT;
    }
    return value;
}

static void pc_speaker_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PCSpeaker *speaker = opaque;
    speaker->control = (uint8_t)value & SPEAKER_WRITABLE;
    i8254_set_gate(speaker->pit, SPEAKER_CHANNEL, value & SPEAKER_GATE);
}

static const MemoryRegionOps pc_speaker_ops = {
    pc_speaker_read, pc_speaker_write, .valid_min = 1, .valid_max = 1, .impl_min = 1, .impl_max = 1,
};

static bool pc_speaker_realize(Device *device, GError **error)
{
    PCSpeaker *speaker = HW_PC_SPEAKER(device);
    if (!speaker->pit) {
        return error_setf(error, "isa-pcspk: no timer is connected");
    }
    memory_region_init_io(&speaker->port, &pc_speaker_ops, speaker, "pcspk", 1);
    memory_region_add(isa_bus_io(isa_device_bus(device)), SPEAKER_PORT, &speaker->port);
    return true;
}

static void pc_speaker_unrealize(Device *device)
{
    memory_region_destroy(&HW_PC_SPEAKER(device)->port);
}

static void pc_speaker_reset(Device *device)
{
    PCSpeaker *speaker = HW_PC_SPEAKER(device);
    speaker->control = 0;
    i8254_set_gate(speaker->pit, SPEAKER_CHANNEL, false);
}

static bool pc_speaker_post_load(Device *device, GError **error)
{
    if (HW_PC_SPEAKER(device)->control & ~SPEAKER_WRITABLE) {
        return error_setf(error, "isa-pcspk: saved control register is out of range");
    }
    return true;
}

static const SavedField pc_speaker_fields[] = {SAVED(PCSpeaker, control)};

static void pc_speaker_instance_init(PCSpeaker *speaker)
{
}

static void pc_speaker_class_init(DeviceClass *klass)
{
    klass->description = "PC speaker port (silent)";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->realize = pc_speaker_realize;
    klass->unrealize = pc_speaker_unrealize;
    klass->reset = pc_speaker_reset;
    klass->post_load = pc_speaker_post_load;
    klass->saved_fields = pc_speaker_fields;
    klass->saved_field_count = G_N_ELEMENTS(pc_speaker_fields);
    klass->saved_version = 1;
}
