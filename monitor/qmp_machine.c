/*
 * QMP: boards, CPUs and memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <unistd.h>

#include "accel/vcpu.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/i386/vmgenid.h"
#include "monitor/qmp_command.h"
#include "target/i386/cpu_model.h"

#define CPU_TYPE_SUFFIX "-x86_64-cpu"

static bool query_target(QmpCall *call, GError **error)
{
    JsonObject *info = json_object_new();

    json_object_set_string_member(info, "arch", "x86_64");
    return qmp_return_object(call, info);
}

/* ---- boards ---- */

static void add_machine(MachineClass *klass, void *list)
{
    JsonObject *info = json_object_new();

    json_object_set_string_member(info, "name", klass->name);
    if (klass->alias) {
        json_object_set_string_member(info, "alias", klass->alias);
    }
    if (klass->is_default) {
        json_object_set_boolean_member(info, "is-default", TRUE);
    }
    json_object_set_int_member(info, "cpu-max", klass->max_cpus);
    json_object_set_boolean_member(info, "hotpluggable-cpus", FALSE);
    json_object_set_boolean_member(info, "numa-mem-supported", FALSE);
    json_object_set_boolean_member(info, "deprecated", klass->deprecation != NULL);
    if (klass->default_cpu_type) {
        json_object_set_string_member(info, "default-cpu-type", klass->default_cpu_type);
    }
    if (klass->default_ram_id) {
        json_object_set_string_member(info, "default-ram-id", klass->default_ram_id);
    }
    json_object_set_boolean_member(info, "acpi", klass->build != NULL);
    json_array_add_object_element(list, info);
}

static bool query_machines(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    machine_type_foreach(add_machine, list);
    return qmp_return_array(call, list);
}

Device *monitor_device_of_type(const char *type_name)
{
    GPtrArray *devices = machine_devices(machine_get());

    for (guint i = 0; i < devices->len; i++) {
        Device *device = g_ptr_array_index(devices, i);
        if (strcmp(device_type_name(G_OBJECT_TYPE(device)), type_name) == 0) {
            return device;
        }
    }
    return NULL;
}

static bool query_current_machine(QmpCall *call, GError **error)
{
    JsonObject *info = json_object_new();

    /* S3 is the power management chip's. */
    json_object_set_boolean_member(info, "wakeup-suspend-support",
                                   monitor_device_of_type("PIIX4_PM") != NULL);
    return qmp_return_object(call, info);
}

static bool query_acpi_ospm_status(QmpCall *call, GError **error)
{
    if (!monitor_device_of_type("PIIX4_PM")) {
        return error_setf(error, "command is not supported, missing ACPI device");
    }
    return qmp_return_array(call, json_array_new()); /* no slots for memory or CPUs */
}

static bool query_vm_generation_id(QmpCall *call, GError **error)
{
    Vmgenid *device = vmgenid_find(machine_get());
    JsonObject *info;

    if (!device) {
        return error_setf(error, "VM Generation ID device not found");
    }
    info = json_object_new();
    json_object_set_string_member(info, "guid", vmgenid_text(device));
    return qmp_return_object(call, info);
}

/* ---- CPUs ---- */

static JsonObject *cpu_properties(unsigned index)
{
    const SmpConfig *smp = &machine_config(machine_get())->smp;
    unsigned threads = MAX(smp->threads, 1), cores = MAX(smp->cores, 1), dies = MAX(smp->dies, 1);
    JsonObject *properties = json_object_new();

    json_object_set_int_member(properties, "socket-id", index / threads / cores / dies);
    json_object_set_int_member(properties, "die-id", index / threads / cores % dies);
    json_object_set_int_member(properties, "core-id", index / threads % cores);
    json_object_set_int_member(properties, "thread-id", index % threads);
    return properties;
}

char *monitor_cpu_path(unsigned index)
{
    return g_strdup_printf("/machine/unattached/cpu[%u]", index);
}

static bool query_cpus_fast(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    for (unsigned i = 0; i < monitor_cpu_count(); i++) {
        const Vcpu *vcpu = monitor_cpu(i, NULL);
        g_autofree char *path = monitor_cpu_path(i);
        JsonObject *info = json_object_new();
        json_object_set_int_member(info, "cpu-index", i);
        json_object_set_string_member(info, "qom-path", path);
        /* where no guest code runs there is no thread; the process stands for it */
        json_object_set_int_member(info, "thread-id", vcpu->thread_id ? vcpu->thread_id : getpid());
        json_object_set_object_member(info, "props", cpu_properties(i));
        json_object_set_string_member(info, "target", "x86_64");
        json_array_add_object_element(list, info);
    }
    return qmp_return_array(call, list);
}

static bool query_hotpluggable_cpus(QmpCall *call, GError **error)
{
    const MachineConfig *config = machine_config(machine_get());
    JsonArray *list;

    if (monitor_cpu_count() == 0) {
        return error_setf(error, "machine does not support hot-plugging CPUs");
    }
    list = json_array_new();
    for (unsigned i = MAX(config->smp.max_cpus, monitor_cpu_count()); i > 0; i--) {
        const char *model = x86_cpu_model_name(monitor_cpu(0, NULL)->model);
        g_autofree char *type = g_strconcat(model ? model : "max", CPU_TYPE_SUFFIX, NULL);
        JsonObject *slot = json_object_new();
        json_object_set_object_member(slot, "props", cpu_properties(i - 1));
        json_object_set_int_member(slot, "vcpus-count", 1);
        if (i <= monitor_cpu_count()) {
            g_autofree char *path = monitor_cpu_path(i - 1);
            json_object_set_string_member(slot, "qom-path", path);
        }
        json_object_set_string_member(slot, "type", type);
        json_array_add_object_element(list, slot);
    }
    return qmp_return_array(call, list);
}

/* ---- memory ---- */

static bool query_memory_size_summary(QmpCall *call, GError **error)
{
    JsonObject *info = json_object_new();

    json_object_set_int_member(info, "base-memory",
                               (gint64)machine_config(machine_get())->ram_size);
    json_object_set_int_member(info, "plugged-memory", 0);
    return qmp_return_object(call, info);
}

/* What there is none of. */
static bool nothing(QmpCall *call, GError **error)
{
    return qmp_return_array(call, json_array_new());
}

static void add_memdev(const char *id, const char *type, void *ram, void *list)
{
    const MachineConfig *config = machine_config(machine_get());
    JsonObject *info;

    if (!ram) {
        return;
    }
    info = json_object_new();
    json_object_set_string_member(info, "id", id);
    json_object_set_int_member(info, "size", (gint64)ram_block_size(ram));
    json_object_set_boolean_member(info, "merge", config->mem_merge);
    json_object_set_boolean_member(info, "dump", config->dump_guest_core);
    json_object_set_boolean_member(info, "prealloc", config->mem_prealloc);
    json_object_set_boolean_member(info, "share", ram_block_fd(ram) >= 0);
    json_object_set_boolean_member(info, "reserve", TRUE);
    json_object_set_array_member(info, "host-nodes", json_array_new());
    json_object_set_string_member(info, "policy", "default");
    json_array_add_object_element(list, info);
}

static bool query_memdev(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    monitor_host()->object_foreach(add_memdev, list);
    return qmp_return_array(call, list);
}

static const QmpCommand commands[] = {
    {"query-target", NULL, "TargetInfo", 0, query_target},
    {"query-machines", NULL, "[MachineInfo]", 0, query_machines},
    {"query-current-machine", NULL, "CurrentMachineParams", 0, query_current_machine},
    {"query-cpus-fast", NULL, "[CpuInfoFast]", 0, query_cpus_fast},
    {"query-hotpluggable-cpus", NULL, "[HotpluggableCPU]", 0, query_hotpluggable_cpus},
    {"query-memory-size-summary", NULL, "MemoryInfo", 0, query_memory_size_summary},
    {"query-memory-devices", NULL, "[MemoryDeviceInfo]", 0, nothing},
    {"query-memdev", NULL, "[Memdev]", 0, query_memdev},
    {"query-acpi-ospm-status", NULL, "[ACPIOSTInfo]", 0, query_acpi_ospm_status},
    {"query-vm-generation-id", NULL, "GuidInfo", 0, query_vm_generation_id},
    {"query-tpm-models", NULL, "[TpmModel]", 0, nothing},
    {"query-tpm-types", NULL, "[TpmType]", 0, nothing},
    {"query-tpm", NULL, "[TPMInfo]", 0, nothing},
};
const QmpTable qmp_table_machine = {commands, G_N_ELEMENTS(commands)};
