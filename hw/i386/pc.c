/*
 * -machine pc: an i440FX/PIIX3 PC with a split irqchip. This file says what is wired to what.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/pc_machine.h"

#include <string.h>

#include "hw/dma/i8257.h"
#include "hw/ide/ide.h"
#include "hw/pci/i440fx.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "target/i386/boot_state.h"
#include "util/bytes.h"
#include "util/options.h"

#define PIIX_SLOT     1
#define LOW_RAM_MAX   (3 * GiB + 512 * MiB) /* more RAM than this: ... */
#define LOW_RAM_SPLIT (3 * GiB)             /* ... this much stays below 4 GiB */
#define RAM_MINIMUM   (1 * MiB)
#define CPU_MAX       255

#define CMOS_SHUTDOWN_STATUS 0x0f
#define SHUTDOWN_S3_RESUME   0xfe

G_DEFINE_ABSTRACT_TYPE(PcMachine, pc_machine, TYPE_MACHINE)

/* ---- what the accelerator asks of the board ---- */

static int acknowledge_pic(void *opaque)
{
    PcMachine *pc = opaque;

    return i8259_acknowledge(pc->pic);
}

static void end_of_interrupt(void *opaque, uint8_t vector)
{
    PcMachine *pc = opaque;

    ioapic_eoi(pc->ioapic, vector);
}

static void guest_request(void *opaque G_GNUC_UNUSED, AccelGuestRequest request)
{
    switch (request) {
    case ACCEL_GUEST_RESET:
        run_state_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case ACCEL_GUEST_INTERNAL_ERROR:
        run_state_internal_error();
        break;
    case ACCEL_GUEST_PANICKED:
        run_state_guest_panicked("the guest told the hypervisor so");
        break;
    case ACCEL_GUEST_SHUTDOWN:
        run_state_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        break;
    }
}

static void hyperv_crash(void *opaque G_GNUC_UNUSED,
                         const uint64_t parameters[HYPERV_CRASH_PARAMETERS])
{
    run_state_note_hyperv_crash(parameters);
}

static const AccelGuestOps guest_ops = {
    .pic_acknowledge = acknowledge_pic,
    .ioapic_eoi = end_of_interrupt,
    .request = guest_request,
    .hyperv_crash = hyperv_crash,
};

static void pic_output_changed(void *opaque, int n G_GNUC_UNUSED, int level)
{
    accel_pic_line(machine_accel(HW_MACHINE(opaque)), level != 0);
}

/* ---- CPUs and memory ---- */

static bool parse_cpu_model(PcMachine *pc, const X86Topology *topology, GError **error)
{
    Machine *machine = HW_MACHINE(pc);
    const char *text = machine_config(machine)->cpu_model;
    unsigned host_count = 0;
    const X86CPUIDEntry *host = accel_host_cpuid(machine_accel(machine), &host_count);
    g_autofree char *default_model =
        g_strndup(HW_MACHINE_GET_CLASS(machine)->default_cpu_type,
                  strlen(HW_MACHINE_GET_CLASS(machine)->default_cpu_type) - strlen("-x86_64-cpu"));

    pc->cpu_model = x86_cpu_model_parse(text, default_model, host, host_count, topology, error);
    if (!pc->cpu_model) {
        g_prefix_error(error, "-cpu %s: ", text ? text : default_model);
        return false;
    }
    return true;
}

/* Xen comes between the model of the CPUs, which says where its leaves are, and the first CPU. */
static bool build_cpus(PcMachine *pc, GError **error)
{
    Machine *machine = HW_MACHINE(pc);
    MachineConfig *config = machine_config(machine);
    Accel *accel = machine_accel(machine);
    X86Topology topology = {config->smp.sockets, config->smp.dies, config->smp.cores,
                            config->smp.threads};

    if (!parse_cpu_model(pc, &topology, error) || !pc_xen_start(pc, error)) {
        return false;
    }
    pc->apic_ids = g_new0(uint32_t, config->smp.max_cpus);
    for (unsigned i = 0; i < config->smp.max_cpus; i++) {
        pc->apic_ids[i] = x86_apic_id(&topology, i);
    }
    for (unsigned i = 0; i < config->smp.cpus; i++) {
        if (!accel_vcpu_new(accel, i, pc->apic_ids[i], pc->cpu_model, error)) {
            return false;
        }
    }
    return true;
}

static bool check_ram(PcMachine *pc, GError **error)
{
    MachineConfig *config = machine_config(HW_MACHINE(pc));
    uint64_t limit = pc->max_ram_below_4g ? pc->max_ram_below_4g : LOW_RAM_SPLIT;
    uint64_t low_maximum = pc->max_ram_below_4g ? pc->max_ram_below_4g : LOW_RAM_MAX;

    if (config->ram_size < RAM_MINIMUM) {
        return error_setf(error, "-m: a PC needs at least %" G_GUINT64_FORMAT " MiB of memory",
                          (guint64)(RAM_MINIMUM / MiB));
    }
    pc->below_4g = config->ram_size >= low_maximum ? limit : config->ram_size;
    pc->below_4g = MIN(pc->below_4g, config->ram_size);
    pc->above_4g = config->ram_size - pc->below_4g;
    return true;
}

/* ---- chips ---- */

static bool plug(PcMachine *pc, Device *device, Bus *bus, const char *path, GError **error)
{
    if (path) {
        device_set_path(device, path);
    }
    return device_realize_and_unref(device, HW_MACHINE(pc), bus, error);
}

static bool build_interrupt_controllers(PcMachine *pc, GError **error)
{
    Device *gsi, *pic, *ioapic;
    Bus *isa = HW_BUS(pc->isa);
    IRQLine *isa_lines[ISA_IRQ_COUNT];

    gsi = device_new(gsi_get_type());
    pc->gsi = HW_GSI(gsi);
    for (int i = 0; i < ISA_IRQ_COUNT; i++) {
        isa_lines[i] = device_get_irq_in(gsi, "isa", i);
        device_connect_irq(HW_DEVICE(pc->piix3), NULL, i, device_get_irq_in(gsi, "pirq", i));
    }
    isa_bus_set_irqs(pc->isa, isa_lines);
    if (!plug(pc, gsi, NULL, "/machine/gsi", error)) {
        return false;
    }
    pic = device_new(i8259_get_type());
    pc->pic = HW_I8259(pic);
    pc->pic_output = irq_line_new(pic_output_changed, pc, 0);
    device_connect_irq(pic, NULL, 0, pc->pic_output);
    ioapic = device_new(ioapic_get_type());
    pc->ioapic = HW_IOAPIC(ioapic);
    for (int i = 0; i < ISA_IRQ_COUNT; i++) {
        device_connect_irq(gsi, "pic", i, device_get_irq_in(pic, NULL, i));
    }
    for (int i = 0; i < GSI_COUNT; i++) {
        device_connect_irq(gsi, "ioapic", i, device_get_irq_in(ioapic, NULL, i));
    }
    return plug(pc, pic, isa, "/machine/i8259", error) &&
           plug(pc, ioapic, NULL, "/machine/i440fx/ioapic", error);
}

static bool build_hpet(PcMachine *pc, Device *pit, Device *rtc, GError **error)
{
    Device *gsi = HW_DEVICE(pc->gsi);
    Device *hpet;

    if (!pc->hpet) {
        device_connect_irq(pit, NULL, 0, device_get_irq_in(gsi, "isa", 0));
        device_connect_irq(rtc, NULL, 0, device_get_irq_in(gsi, "isa", 8));
        return true;
    }
    hpet = device_new(hpet_get_type());
    for (int i = 0; i < GSI_COUNT; i++) {
        device_connect_irq(hpet, NULL, i, device_get_irq_in(gsi, "hpet", i));
    }
    device_connect_irq(hpet, "pit-enable", 0, device_get_irq_in(pit, NULL, 0));
    device_connect_irq(pit, NULL, 0, device_get_irq_in(hpet, "pit", 0));
    device_connect_irq(rtc, NULL, 0, device_get_irq_in(hpet, "rtc", 0));
    return plug(pc, hpet, NULL, "/machine/hpet", error);
}

static bool build_timers(PcMachine *pc, GError **error)
{
    Bus *isa = HW_BUS(pc->isa);
    Device *pit = device_new(i8254_get_type());
    Device *rtc = device_new(mc146818_get_type());
    Device *speaker = device_new(pc_speaker_get_type());

    pc->rtc = HW_MC146818(rtc);
    pc_speaker_connect(HW_PC_SPEAKER(speaker), HW_I8254(pit));
    return plug(pc, pit, isa, "/machine/pit", error) && plug(pc, rtc, isa, "/machine/rtc", error) &&
           plug(pc, speaker, isa, "/machine/pcspk", error) && build_hpet(pc, pit, rtc, error);
}

static bool build_input(PcMachine *pc, GError **error)
{
    Device *i8042, *port92;

    if (pc->i8042) {
        i8042 = device_new_by_name("i8042", error);
        if (!i8042) {
            return false;
        }
        device_connect_irq(i8042, NULL, 0, isa_bus_irq(pc->isa, 1));
        device_connect_irq(i8042, NULL, 1, isa_bus_irq(pc->isa, 12));
        if (!plug(pc, i8042, HW_BUS(pc->isa), "/machine/i8042", error)) {
            return false;
        }
    }
    port92 = device_new_by_name("port92", error);
    return port92 && plug(pc, port92, HW_BUS(pc->isa), "/machine/port92", error);
}

static bool build_serial(PcMachine *pc, GError **error)
{
    MachineConfig *config = machine_config(HW_MACHINE(pc));

    for (unsigned i = 0; i < config->serial_count; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        Device *serial;

        if (!config->serial_chardevs[i]) {
            continue;
        }
        serial = device_new_by_name("isa-serial", error);
        if (!serial || !device_set_property_text(serial, "index", index, error) ||
            !device_set_property_text(serial, "chardev", config->serial_chardevs[i], error) ||
            !plug(pc, serial, HW_BUS(pc->isa), NULL, error)) {
            return false;
        }
    }
    return true;
}

/* The firmware takes a reset for the end of S3 when it finds this in the CMOS shutdown byte. */
static void note_suspend(RunEvent event, void *opaque)
{
    PcMachine *pc = opaque;

    if (event == RUN_EVENT_SUSPEND) {
        mc146818_set_cmos(pc->rtc, CMOS_SHUTDOWN_STATUS, SHUTDOWN_S3_RESUME);
    }
}

static bool build_power_management(PcMachine *pc, GError **error)
{
    Device *pm = HW_DEVICE(pci_device_new("PIIX4_PM", PCI_DEVFN(PIIX_SLOT, 3)));

    pc->pm = pm;
    device_connect_irq(pm, NULL, 0, device_get_irq_in(HW_DEVICE(pc->gsi), "sci", 0));
    device_connect_irq(HW_DEVICE(pc->rtc), "alarm", 0, device_get_irq_in(pm, "rtc-alarm", 0));
    run_state_add_handler(note_suspend, pc);
    return plug(pc, pm, HW_BUS(i440fx_bus(pc->host)), "/machine/pm", error);
}

static bool build_ide(PcMachine *pc, GError **error)
{
    Device *ide = HW_DEVICE(pci_device_new("piix3-ide", PCI_DEVFN(PIIX_SLOT, 1)));

    pc->ide = HW_PIIX3_IDE(ide);
    device_connect_irq(ide, NULL, 0, isa_bus_irq(pc->isa, 14));
    device_connect_irq(ide, NULL, 1, isa_bus_irq(pc->isa, 15));
    return plug(pc, ide, HW_BUS(i440fx_bus(pc->host)), "/machine/ide", error) &&
           ide_create_drives(pc->ide, false, error);
}

/* The controller is there whether or not it has drives, as firmware and kernels expect of a PC. */
static bool build_floppy(PcMachine *pc, GError **error)
{
    Bus *isa = HW_BUS(pc->isa);
    Device *fdc = device_new(fdc_get_type());

    pc->fdc = HW_FDC(fdc);
    return plug(pc, device_new(i8257_get_type()), isa, NULL, error) &&
           plug(pc, fdc, isa, NULL, error) && fdc_create_drives(pc->fdc, error);
}

static bool build_firmware(PcMachine *pc, GError **error)
{
    MachineConfig *config = machine_config(HW_MACHINE(pc));
    Device *fw_cfg = device_new(fw_cfg_get_type());

    pc->fw_cfg = HW_FW_CFG(fw_cfg);
    if (!plug(pc, fw_cfg, NULL, "/machine/fw_cfg", error)) {
        return false;
    }
    if (pc->has_flash) {
        return true;
    }
    if (accel_is_qtest(machine_accel(HW_MACHINE(pc))) && !config->bios) {
        /* No guest code runs, so that the suites need no firmware on their hosts. */
        return true;
    }
    if (config->kernel && !config->bios) {
        return true;
    }
    return pc_firmware_map(HW_MACHINE(pc), i440fx_pci_memory(pc->host), error);
}

static bool pc_build(Machine *machine, GError **error)
{
    PcMachine *pc = HW_PC_MACHINE(machine);
    MachineConfig *config = machine_config(machine);

    if (!check_ram(pc, error) ||
        !accel_start(machine_accel(machine), machine_memory(machine), machine_io(machine),
                     &guest_ops, pc, error) ||
        !build_cpus(pc, error)) {
        return false;
    }
    pc->host = i440fx_new(machine, config->ram_block, pc->below_4g, error);
    if (!pc->host) {
        return false;
    }
    pc->piix3 = piix3_new(machine, pc->host, PCI_DEVFN(PIIX_SLOT, 0), error);
    if (!pc->piix3) {
        return false;
    }
    pc->isa = piix3_isa_bus(pc->piix3);
    return pc_flash_build(pc, error) && build_interrupt_controllers(pc, error) && build_timers(pc, error) &&
           build_input(pc, error) && build_serial(pc, error) && build_ide(pc, error) &&
           (!pc->acpi || build_power_management(pc, error)) && build_floppy(pc, error) &&
           build_firmware(pc, error) &&
           pc_xen_build(pc, error);
}

/* ---- after -device ---- */

static bool pc_finish(Machine *machine, GError **error)
{
    PcMachine *pc = HW_PC_MACHINE(machine);
    MachineConfig *config = machine_config(machine);

    if (!pc_xen_build_last(pc, error)) {
        return false;
    }
    pc_fill_cmos(pc);
    if (!pc_fill_platform(pc, error)) {
        return false;
    }
    if (config->kernel && !config->bios && !pc->has_flash) {
        if (!boot_protocol_load(&pc->platform, &pc->boot, error)) {
            return false;
        }
    }
    return pc_xen_finish(pc, error) && pc_fw_cfg_populate(&pc->platform, error);
}

static void reset_cpus(Machine *machine, const X86BootState *boot)
{
    Accel *accel = machine_accel(machine);

    for (unsigned i = 0; i < accel_vcpu_count(accel); i++) {
        accel_vcpu_reset(accel, accel_vcpu(accel, i), i == 0 ? boot : NULL);
    }
}

static void pc_reset_done(Machine *machine)
{
    PcMachine *pc = HW_PC_MACHINE(machine);
    X86BootState state = {0};
    bool booted = pc->boot && boot_protocol_reset(pc->boot, &state);

    if (pc->resets++ == 1 && machine_config(machine)->boot.once[0]) {
        /* -boot once= was for the first boot. */
        machine_config(machine)->boot.once[0] = '\0';
        pc_fill_cmos(pc);
    }
    reset_cpus(machine, booted ? &state : NULL);
}

static void pc_wakeup_done(Machine *machine)
{
    PcMachine *pc = HW_PC_MACHINE(machine);
    X86BootState state = {0};

    if (!pc->boot) {
        reset_cpus(machine, NULL);
    } else if (boot_protocol_wakeup(pc->boot, &state)) {
        reset_cpus(machine, &state);
    } else {
        pc_reset_done(machine);
    }
}

/* ---- -machine keys ---- */

typedef struct {
    const char *key;
    size_t offset; /* of a bool in PcMachine */
} SwitchOption;

static const SwitchOption switches[] = {
    {"hpet", offsetof(PcMachine, hpet)},
    {"acpi", offsetof(PcMachine, acpi)},
    {"i8042", offsetof(PcMachine, i8042)},
    {"graphics", offsetof(PcMachine, graphics)},
    {"xen-pv-disks", offsetof(PcMachine, xen_pv_disks)},
    {"fd-bootchk", offsetof(PcMachine, fd_bootchk)},
};

/* Keys that libvirt and QEMU's users give; only the values that this board can honour. */
static const struct {
    const char *key;
    const char *accepted[3];
} fixed_options[] = {
    {"usb", {"off", NULL}},
    {"smm", {"off", "auto", NULL}},
    {"vmport", {"off", "auto", NULL}},
    {"nvdimm", {"off", NULL}},
    {"sata", {"off", NULL}},
    {"pit", {"on", NULL}},
    {"igd-passthru", {"off", NULL}},
    {"suppress-vmdesc", {"on", "off", NULL}},
    {"default-bus-bypass-iommu", {"off", NULL}},
};

static bool set_fixed(const char *key, const char *value, bool *known, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(fixed_options); i++) {
        if (strcmp(fixed_options[i].key, key) != 0) {
            continue;
        }
        *known = true;
        for (guint j = 0; j < 3 && fixed_options[i].accepted[j]; j++) {
            if (strcmp(fixed_options[i].accepted[j], value) == 0) {
                return true;
            }
        }
        return error_setf(error, "-machine %s=%s is not supported", key, value);
    }
    return false;
}

static bool set_smbios_entry_point(PcMachine *pc, const char *value, GError **error)
{
    if (strcmp(value, "32") != 0 && strcmp(value, "64") != 0 && strcmp(value, "auto") != 0) {
        return error_setf(error, "-machine smbios-entry-point-type=%s: expected 32, 64 or auto",
                          value);
    }
    pc->smbios_64 = strcmp(value, "64") == 0;
    return true;
}

static bool set_xen_platform_dev(PcMachine *pc, const char *value, GError **error)
{
    bool on;

    if (strcmp(value, "auto") == 0) {
        pc->xen_platform_dev = ON_OFF_AUTO_AUTO;
        return true;
    }
    if (!parse_bool(value, "xen-platform-dev", &on, error)) {
        return false;
    }
    pc->xen_platform_dev = on ? ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF;
    return true;
}

static bool set_flash(PcMachine *pc, unsigned unit, const char *value)
{
    g_free(pc->flash_nodes[unit]);
    pc->flash_nodes[unit] = value[0] ? g_strdup(value) : NULL;
    return true;
}

static bool set_max_ram_below_4g(PcMachine *pc, const char *value, GError **error)
{
    uint64_t size;

    if (!parse_size(value, "max-ram-below-4g", 1, &size, error)) {
        return false;
    }
    if (size < 1 * MiB || size > LOW_RAM_MAX || size % MiB) {
        return error_setf(error, "-machine max-ram-below-4g=%s: expected 1M to 3584M in whole MiB",
                          value);
    }
    pc->max_ram_below_4g = size;
    return true;
}

static bool pc_set_option(Machine *machine, const char *key, const char *value, GError **error)
{
    PcMachine *pc = HW_PC_MACHINE(machine);
    bool known = false;

    for (guint i = 0; i < G_N_ELEMENTS(switches); i++) {
        if (strcmp(switches[i].key, key) == 0) {
            return parse_bool(value, key, (bool *)(void *)((uint8_t *)pc + switches[i].offset),
                              error);
        }
    }
    if (strcmp(key, "smbios-entry-point-type") == 0) {
        return set_smbios_entry_point(pc, value, error);
    }
    if (strcmp(key, "xen-platform-dev") == 0) {
        return set_xen_platform_dev(pc, value, error);
    }
    if (strcmp(key, "pflash0") == 0 || strcmp(key, "pflash1") == 0) {
        return set_flash(pc, (unsigned)(key[6] - '0'), value);
    }
    if (strcmp(key, "max-ram-below-4g") == 0) {
        return set_max_ram_below_4g(pc, value, error);
    }
    return set_fixed(key, value, &known, error);
}

/* ---- types ---- */

static void pc_machine_init(PcMachine *pc)
{
    pc->hpet = true;
    pc->acpi = true;
    pc->i8042 = true;
    pc->fd_bootchk = true;
}

static void pc_machine_finalize(GObject *object)
{
    PcMachine *pc = HW_PC_MACHINE(object);

    run_state_remove_handler(note_suspend, pc);
    g_clear_pointer(&pc->boot, boot_protocol_free);
    g_clear_pointer(&pc->platform.e820, e820_free);
    x86_cpu_model_free(pc->cpu_model);
    irq_line_free(pc->pic_output);
    g_free(pc->apic_ids);
    g_free(pc->flash_nodes[0]);
    g_free(pc->flash_nodes[1]);
    G_OBJECT_CLASS(pc_machine_parent_class)->finalize(object);
}

static void pc_machine_class_init(PcMachineClass *klass)
{
    MachineClass *machine_class = HW_MACHINE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = pc_machine_finalize;
    machine_class->max_cpus = CPU_MAX;
    machine_class->has_xen = true;
    machine_class->default_cpu_type = "qemu64-x86_64-cpu";
    machine_class->default_ram_id = "pc.ram";
    machine_class->default_ram_size = 128 * MiB;
    machine_class->build = pc_build;
    machine_class->finish = pc_finish;
    machine_class->reset_done = pc_reset_done;
    machine_class->wakeup_done = pc_wakeup_done;
    machine_class->set_option = pc_set_option;
}

/* Every version has the same chips; the names are what domain XML and scripts have on record. */
static const char *const versions[] = {
    "2.4", "2.5", "2.6", "2.7", "2.8", "2.9", "2.10", "2.11", "2.12", "3.0", "3.1", "4.0", "4.1",
    "4.2", "5.0", "5.1", "5.2", "6.0", "6.1", "6.2",  "7.0",  "7.1",  "7.2", "8.0", "8.1", "8.2",
};

static void version_class_init(gpointer klass, gpointer data)
{
    MachineClass *machine_class = klass;
    const char *version = data;
    bool newest = version == versions[G_N_ELEMENTS(versions) - 1];

    g_autofree char *name = g_strconcat("pc-i440fx-", version, NULL);

    machine_class->name = g_intern_string(name);
    machine_class->description = "Standard PC (i440FX + PIIX, 1996)";
    machine_class->alias = newest ? "pc" : NULL;
    machine_class->is_default = newest;
}

static GType pc_versions_get_type(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(versions); i++) {
        /* A GType's name takes no dots; nobody but GObject sees it. */
        g_autofree char *name =
            g_strdelimit(g_strdup_printf("pc-i440fx-%s-machine", versions[i]), ".", '_');
        GTypeInfo info = {
            .class_size = sizeof(PcMachineClass),
            .class_init = version_class_init,
            .class_data = versions[i],
            .instance_size = sizeof(PcMachine),
        };
        g_type_register_static(pc_machine_get_type(), name, &info, 0);
    }
    return pc_machine_get_type();
}

static void __attribute__((constructor)) pc_versions_register(void)
{
    device_type_table_add(pc_versions_get_type);
}
