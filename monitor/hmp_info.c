/*
 * HMP: info of the machine as a whole.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <unistd.h>

#include "accel/vcpu.h"
#include "hw/core/run_state.h"
#include "hw/i386/gsi.h"
#include "hw/input/input.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "monitor/hmp.h"
#include "monitor/qmp_command.h"
#include "util/trace.h"

static bool info_status(HmpCall *call, GError **error)
{
    RunState state = run_state_get();

    hmp_printf(call, "VM status: %s", run_state_is_running() ? "running" : "paused");
    if (state != RUN_STATE_RUNNING && state != RUN_STATE_PAUSED) {
        hmp_printf(call, " (%s)", run_state_name(state));
    }
    hmp_printf(call, "\n");
    return true;
}

static bool info_version(HmpCall *call, GError **error)
{
    const MonitorHost *host = monitor_host();

    hmp_printf(call, "%u.%u.%u %s\n", host->version_major, host->version_minor, host->version_micro,
               host->package);
    return true;
}

static bool info_name(HmpCall *call, GError **error)
{
    const char *name = machine_config(machine_get())->name;

    if (name) {
        hmp_printf(call, "%s\n", name);
    }
    return true;
}

static bool info_uuid(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-uuid", 0);

    if (result) {
        hmp_printf(call, "%s\n",
                   json_object_get_string_member(json_node_get_object(result), "UUID"));
    }
    return result != NULL;
}

static bool info_kvm(HmpCall *call, GError **error)
{
    Accel *accel = machine_accel(machine_get());

    hmp_printf(call, "kvm support: %s\n",
               accel && strcmp(accel_name(accel), "kvm") == 0 ? "enabled" : "disabled");
    return true;
}

/* ---- CPUs ---- */

static bool info_cpus(HmpCall *call, GError **error)
{
    for (unsigned i = 0; i < monitor_cpu_count(); i++) {
        const Vcpu *vcpu = monitor_cpu(i, NULL);
        hmp_printf(call, "%c CPU #%u: thread_id=%d\n", i == call->monitor->cpu ? '*' : ' ', i,
                   (int)(vcpu->thread_id ? vcpu->thread_id : getpid()));
    }
    return true;
}

static bool info_registers(HmpCall *call, GError **error)
{
    bool all = g_strcmp0(hmp_word(call, 0), "-a") == 0;

    if (monitor_cpu_count() == 0) {
        return error_setf(error, "No CPU available");
    }
    for (unsigned i = 0; i < monitor_cpu_count(); i++) {
        if (all || i == call->monitor->cpu) {
            hmp_printf(call, "\nCPU#%u\n", i);
            accel_vcpu_dump(machine_accel(machine_get()), monitor_cpu(i, NULL), call->out);
        }
    }
    return true;
}

static bool info_hotpluggable_cpus(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-hotpluggable-cpus", 0);
    JsonArray *list = result ? json_node_get_array(result) : NULL;

    if (!list) {
        return false;
    }
    hmp_printf(call, "Hotpluggable CPUs:\n");
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *slot = json_array_get_object_element(list, i);
        JsonObject *place = json_object_get_object_member(slot, "props");
        hmp_printf(call, "  type: \"%s\"\n  vcpus_count: \"1\"\n",
                   json_object_get_string_member(slot, "type"));
        if (json_object_has_member(slot, "qom-path")) {
            hmp_printf(call, "  qom_path: \"%s\"\n",
                       json_object_get_string_member(slot, "qom-path"));
        }
        hmp_printf(call, "  CPUInstance Properties:\n");
        g_autoptr(GList) names = json_object_get_members(place);
        for (GList *name = names; name; name = name->next) {
            hmp_printf(call, "    %s: \"%" G_GINT64_FORMAT "\"\n", (char *)name->data,
                       json_object_get_int_member(place, name->data));
        }
    }
    return true;
}

/* ---- memory ---- */

static bool info_memory_size(HmpCall *call, GError **error)
{
    hmp_printf(call, "base memory: %" G_GUINT64_FORMAT "\nplugged memory: 0\n",
               machine_config(machine_get())->ram_size);
    return true;
}

static bool info_memdev(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-memdev", 0);
    JsonArray *list = result ? json_node_get_array(result) : NULL;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        JsonObject *info = json_array_get_object_element(list, i);
        hmp_printf(call, "memory backend: %s\n  size:  %" G_GINT64_FORMAT "\n",
                   json_object_get_string_member(info, "id"),
                   json_object_get_int_member(info, "size"));
    }
    return list != NULL;
}

static bool info_mtree(HmpCall *call, GError **error)
{
    hmp_printf(call, "address-space: memory\n");
    address_space_dump(machine_memory(machine_get()), call->out);
    hmp_printf(call, "\naddress-space: I/O\n");
    address_space_dump(machine_io(machine_get()), call->out);
    return true;
}

static void print_ram_block(RamBlock *block, void *opaque)
{
    hmp_printf(opaque, "%24s %12" G_GUINT64_FORMAT " KiB  %p\n", ram_block_name(block),
               ram_block_size(block) / 1024, ram_block_host(block));
}

static bool info_ramblock(HmpCall *call, GError **error)
{
    ram_block_foreach(print_ram_block, call);
    return true;
}

/* ---- the rest ---- */

static bool info_iothreads(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-iothreads", 0);
    JsonArray *list = result ? json_node_get_array(result) : NULL;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        JsonObject *info = json_array_get_object_element(list, i);
        g_autoptr(GList) names = json_object_get_members(info);
        hmp_printf(call, "%s:\n", json_object_get_string_member(info, "id"));
        for (GList *name = names->next; name; name = name->next) {
            hmp_printf(call, "  %s=%" G_GINT64_FORMAT "\n", (char *)name->data,
                       json_object_get_int_member(info, name->data));
        }
    }
    return list != NULL;
}

static void print_trace(const TracePoint *point, void *opaque)
{
    hmp_printf(opaque, "%s : state %d\n", point->name, point->enabled);
}

static bool info_trace_events(HmpCall *call, GError **error)
{
    trace_foreach(print_trace, call);
    return true;
}

static bool info_history(HmpCall *call, GError **error)
{
    const GPtrArray *history = hmp_monitor_history(call->monitor);

    for (guint i = 0; history && i < history->len; i++) {
        hmp_printf(call, "%u: '%s'\n", i, (char *)g_ptr_array_index(history, i));
    }
    return true;
}

static bool info_balloon(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-balloon", 0);

    if (result) {
        hmp_printf(call, "balloon: actual=%" G_GINT64_FORMAT "\n",
                   json_object_get_int_member(json_node_get_object(result), "actual") >> 20);
    }
    return result != NULL;
}

/* ---- interrupts and input ---- */

static bool info_irq(HmpCall *call, GError **error)
{
    Device *gsi = monitor_device_of_type("pc-gsi");

    if (!gsi) {
        return error_setf(error, "The machine has no interrupt lines");
    }
    hmp_printf(call, "IRQ statistics for %s:\n", device_get_path(gsi));
    for (unsigned n = 0; n < GSI_COUNT; n++) {
        uint64_t raised = gsi_raised(HW_GSI(gsi), n);
        if (raised > 0) {
            hmp_printf(call, "%2u: %" G_GUINT64_FORMAT "\n", n, raised);
        }
    }
    return true;
}

static bool info_pic(HmpCall *call, GError **error)
{
    Device *pic = monitor_device_of_type("isa-i8259");
    Device *ioapic = monitor_device_of_type("ioapic");

    if (pic) {
        i8259_print(HW_I8259(pic), call->out);
    }
    if (ioapic) {
        ioapic_print(HW_IOAPIC(ioapic), call->out);
    }
    return pic || ioapic || error_setf(error, "The machine has no interrupt controller");
}

static void print_mouse(const InputMouse *mouse, unsigned index, void *opaque)
{
    HmpCall *call = opaque;

    hmp_printf(call, "%c Mouse #%u: %s\n", call->out->len == 0 ? '*' : ' ', index, mouse->name);
}

static bool info_mice(HmpCall *call, GError **error)
{
    input_mouse_foreach(print_mouse, call);
    if (call->out->len == 0) {
        hmp_printf(call, "No mouse devices connected\n");
    }
    return true;
}

/* ---- dumps ---- */

static bool info_dump(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-dump", 0);

    if (result) {
        hmp_printf(call, "Status: %s\n",
                   json_object_get_string_member(json_node_get_object(result), "status"));
    }
    return result != NULL;
}

static bool info_vm_generation_id(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-vm-generation-id", 0);

    if (result) {
        hmp_printf(call, "%s\n",
                   json_object_get_string_member(json_node_get_object(result), "guid"));
    }
    return result != NULL;
}

/* ---- statistics ---- */

static void print_stat(HmpCall *call, JsonObject *stat)
{
    g_autofree char *value = json_to_string(json_object_get_member(stat, "value"), FALSE);

    hmp_printf(call, "    %s: %s\n", json_object_get_string_member(stat, "name"), value);
}

static bool info_stats(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "query-stats", 's', "target", call->words[0], 0);
    JsonArray *list = result ? json_node_get_array(result) : NULL;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        JsonObject *target = json_array_get_object_element(list, i);
        JsonArray *stats = json_object_get_array_member(target, "stats");
        hmp_printf(call, "provider: %s%s%s\n", json_object_get_string_member(target, "provider"),
                   json_object_has_member(target, "qom-path") ? " " : "",
                   json_object_get_string_member_with_default(target, "qom-path", ""));
        for (guint j = 0; j < json_array_get_length(stats); j++) {
            print_stat(call, json_array_get_object_element(stats, j));
        }
    }
    return list != NULL;
}

static bool info_nothing(HmpCall *call, GError **error)
{
    return true;
}

static const HmpCommand info_commands[] = {
    {"status", "", "whether the guest runs", 0, 0, info_status},
    {"version", "", "which version this is", 0, 0, info_version},
    {"name", "", "the guest's name", 0, 0, info_name},
    {"uuid", "", "the machine's UUID", 0, 0, info_uuid},
    {"kvm", "", "whether guests run on KVM", 0, 0, info_kvm},
    {"cpus", "", "CPUs and their threads", 0, 0, info_cpus},
    {"registers", "[-a]", "a CPU's registers, -a: of all", 0, 1, info_registers},
    {"hotpluggable-cpus", "", "places for CPUs", 0, 0, info_hotpluggable_cpus},
    {"memory_size_summary", "", "how much memory there is", 0, 0, info_memory_size},
    {"memory-devices", "", "memory that can be unplugged", 0, 0, info_nothing},
    {"memdev", "", "memory backends", 0, 0, info_memdev},
    {"mtree", "[-f]", "the address spaces as they are decoded", 0, 4, info_mtree},
    {"ramblock", "", "memory of the process that the guest sees", 0, 0, info_ramblock},
    {"iothreads", "", "I/O threads", 0, 0, info_iothreads},
    {"trace-events", "", "trace points and their state", 0, 1, info_trace_events},
    {"history", "", "what has been typed", 0, 0, info_history},
    {"balloon", "", "how much memory the guest has been left", 0, 0, info_balloon},
    {"dump", "", "how a dump of the guest went", 0, 0, info_dump},
    {"vm-generation-id", "", "the number of this run of the guest", 0, 0, info_vm_generation_id},
    {"irq", "", "how often each interrupt line went high", 0, 0, info_irq},
    {"pic", "", "the interrupt controllers", 0, 0, info_pic},
    {"mice", "", "mice, and which gets the input", 0, 0, info_mice},
    {"stats", "vm|vcpu", "the accelerator's statistics", 1, 1, info_stats},
    {"usb", "", "USB devices", 0, 0, info_nothing},
    {"tpm", "", "TPM devices", 0, 0, info_nothing},
};
const HmpTable hmp_info_machine = {info_commands, G_N_ELEMENTS(info_commands)};
