/*
 * Machine: the board. Owns the address spaces, the RAM, the vCPUs, the object tree, and the reset and
 * save order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CORE_MACHINE_H
#define HW_CORE_MACHINE_H

#include "accel/accel.h"
#include "hw/core/bus.h"
#include "util/memory.h"

#define TYPE_MACHINE (machine_get_type())
G_DECLARE_DERIVABLE_TYPE(Machine, machine, HW, MACHINE, GObject)

/* -smp */
typedef struct {
    unsigned cpus, max_cpus, sockets, dies, cores, threads;
} SmpConfig;

/* -boot */
typedef struct {
    char order[8];        /* "cad" … */
    char once[8];         /* for the first boot only, "" if none */
    bool menu;
    bool strict;
    char *splash;
    uint32_t splash_time; /* ms; UINT32_MAX: not given */
    int32_t reboot_timeout; /* ms; -1 never; INT32_MIN: not given */
} BootConfig;

/* What the command line says about the board, set before machine_build(). Strings owned by the struct. */
typedef struct {
    uint64_t ram_size;   /* bytes */
    char *memory_backend; /* -machine memory-backend=ID or NULL */
    RamBlock *ram_block;  /* made from it, or NULL: the board makes "pc.ram" */
    bool mem_prealloc, mem_merge, dump_guest_core;
    SmpConfig smp;
    char *cpu_model;     /* -cpu text: "host,+xen-vapic" or NULL */
    char *kernel, *initrd, *append, *dtb;
    char *bios;          /* -bios or NULL */
    GPtrArray *firmware_path; /* -L folders, first searched first (char *) */
    BootConfig boot;
    uint8_t uuid[16];
    bool uuid_set;
    char *name;          /* -name guest= */
    char *serial_chardevs[4]; /* chardev id behind -serial N, NULL: none */
    unsigned serial_count;
    bool default_devices; /* false: -nodefaults */
    GPtrArray *fw_cfg_entries; /* of JsonObject: -fw_cfg */
    GPtrArray *smbios_entries; /* of JsonObject: -smbios */
    GPtrArray *acpi_tables;    /* of JsonObject: -acpitable */
    int64_t rtc_offset_seconds; /* guest's CMOS clock minus host UTC at start */
    enum { RTC_CLOCK_HOST, RTC_CLOCK_RT, RTC_CLOCK_VM } rtc_clock;
    bool rtc_driftfix_slew;
} MachineConfig;

struct _MachineClass {
    GObjectClass parent_class;
    const char *name;        /* "pc-i440fx-8.2" */
    const char *alias;       /* "pc" or NULL */
    const char *description;
    bool is_default;
    unsigned max_cpus;
    const char *default_cpu_type; /* "qemu64-x86_64-cpu" */
    const char *default_ram_id;
    uint64_t default_ram_size;
    const char *deprecation;
    bool has_xen; /* it can show its guest Xen */
    /** build: makes every chip. Runs once, before any -device. */
    bool (*build)(Machine *machine, GError **error);
    /** finish: after all -device: ACPI and SMBIOS tables, boot order, CMOS, boot protocol. */
    bool (*finish)(Machine *machine, GError **error);
    /** reset_done: after all devices are reset: vCPUs to their start (firmware or boot protocol). */
    void (*reset_done)(Machine *machine);
    /** wakeup_done: the same at the end of S3, whose reset keeps the guest's memory. */
    void (*wakeup_done)(Machine *machine);
    /** set_option: a -machine key of this board (key, value); false with no error set: not known. */
    bool (*set_option)(Machine *machine, const char *key, const char *value, GError **error);
};

/** machine_new: by -M name or alias; @error lists nothing but says to use -machine help. */
Machine *machine_new(const char *name, GError **error);
/** machine_type_foreach: all boards, sorted by name (-machine help, query-machines). */
void machine_type_foreach(void (*visit)(MachineClass *klass, void *opaque), void *opaque);
/** machine_get: the machine of this process, or NULL before machine_new(). */
Machine *machine_get(void);

MachineConfig *machine_config(Machine *machine);
/** machine_set_option: one key of -machine; common keys here, others to the board. */
bool machine_set_option(Machine *machine, const char *key, const char *value, GError **error);
void machine_set_accel(Machine *machine, Accel *accel);
Accel *machine_accel(Machine *machine);

AddressSpace *machine_memory(Machine *machine);
AddressSpace *machine_io(Machine *machine);
MemoryRegion *machine_memory_root(Machine *machine);
MemoryRegion *machine_io_root(Machine *machine);

/** machine_build: RAM, then the board's build(); machine_finish: after -device. */
bool machine_build(Machine *machine, GError **error);
bool machine_finish(Machine *machine, GError **error);
/** machine_reset: all devices and buses in realize order, then reset_done. vCPUs are stopped. */
void machine_reset(Machine *machine);
/** machine_wakeup: the reset that ends S3: the same, then wakeup_done. */
void machine_wakeup(Machine *machine);
/** machine_save / machine_load: every device by path, every bus, every vCPU, clocks; RAM is not in it. */
GVariant *machine_save(Machine *machine);
bool machine_load(Machine *machine, GVariant *state, GError **error);
/** machine_destroy: unrealizes all in reverse order and frees. */
void machine_destroy(Machine *machine);

/* ---- the tree ---- */
void machine_add_bus(Machine *machine, Bus *bus); /* called by bus_setup() */
/** machine_buses: every Bus, in the order they were made; owned by the machine. */
GPtrArray *machine_buses(Machine *machine);
/** machine_find_bus: by name ("pci.0", "ide.1"); NULL if none. */
Bus *machine_find_bus(Machine *machine, const char *name);
/** machine_find_bus_by_type: the first bus of @type_name with room for a device, or any. */
Bus *machine_find_bus_by_type(Machine *machine, const char *type_name);
/** machine_find_device: by id, canonical path or its unambiguous tail ("ioapic"). */
Device *machine_find_device(Machine *machine, const char *path);
/** machine_device_of_type: the first realized one of @type or a type derived from it, or NULL. */
Device *machine_device_of_type(Machine *machine, GType type);
/** machine_devices: all realized devices in realize order. */
GPtrArray *machine_devices(Machine *machine);
/** machine_add_device_from_options: -device / device_add: driver, id, bus, properties. */
Device *machine_add_device_from_options(Machine *machine, JsonObject *options, GError **error);

/* ---- boot order ---- */
/** boot_order_add: bootindex=@index of @device; @suffix like "/disk@0" or NULL. False: index is taken. */
bool boot_order_add(Machine *machine, Device *device, const char *suffix, int32_t index,
                    GError **error);
/** boot_order_text: fw_cfg "bootorder": the firmware paths by index, each on a line, NUL-ended (or NULL). */
char *boot_order_text(Machine *machine, size_t *length);

#endif
