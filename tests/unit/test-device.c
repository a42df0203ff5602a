/*
 * The device core: properties from text, life on a bus, identity, pins, saved state, -global, -device.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/machine.h"
#include "util/options.h"

typedef struct {
    Bus parent_instance;
} DemoBus;

static char *demo_bus_firmware_path(Bus *bus, Device *device)
{
    return g_strdup("demo@1");
}

GType demo_bus_get_type(void);
BUS_TYPE(DemoBus, demo_bus, "demo-bus")

static void demo_bus_class_init(BusClass *klass)
{
    klass->max_devices = 2;
    klass->firmware_path = demo_bus_firmware_path;
}

DEVICE_DECLARE(Demo, demo, DEMO)

struct _Demo {
    Device parent_instance;
    bool flag;
    uint8_t small;
    uint32_t number;
    uint64_t size;
    int32_t signed_number, address, tristate;
    char *text;
    uint32_t state;
    int in_levels[2];
    IRQLine *out[2];
};

static const DeviceProperty demo_properties[] = {
    DEVICE_PROPERTY(BOOL, "flag", Demo, flag, true, "a switch"),
    DEVICE_PROPERTY_RANGE(UINT8, "small", Demo, small, 1, 9, 3, "a digit"),
    DEVICE_PROPERTY(UINT32, "big_number", Demo, number, 70000, "a number"),
    DEVICE_PROPERTY(SIZE, "size", Demo, size, 0, "a size"),
    DEVICE_PROPERTY(INT32, "bootindex", Demo, signed_number, (uint64_t)-1, "a signed number"),
    DEVICE_PROPERTY(PCI_ADDRESS, "addr", Demo, address, (uint64_t)-1, "an address"),
    DEVICE_PROPERTY(ONOFFAUTO, "tri", Demo, tristate, ON_OFF_AUTO_AUTO, "a three-way switch"),
    DEVICE_PROPERTY_TEXT("text", Demo, text, "hello", "a text"),
};

static const SavedField demo_fields[] = {SAVED(Demo, state)};

static bool demo_realize(Device *device, GError **error)
{
    if (DEMO(device)->number == 13) {
        return error_setf(error, "13 is not to be had");
    }
    return boot_order_add(device_get_machine(device), device, "/disk@0",
                          DEMO(device)->signed_number, error);
}

static void demo_reset(Device *device)
{
    DEMO(device)->state = 42;
}

static void demo_input(void *opaque, int n, int level)
{
    DEMO(opaque)->in_levels[n] = level;
}

DEVICE_TYPE(Demo, demo, "demo-device", TYPE_DEVICE)

static void demo_instance_init(Demo *demo)
{
    device_init_irq_in(HW_DEVICE(demo), NULL, demo_input, 2);
    device_init_irq_out(HW_DEVICE(demo), "out", demo->out, 2);
}

static void demo_class_init(DeviceClass *klass)
{
    klass->bus_type = "demo-bus";
    klass->user_creatable = true;
    klass->realize = demo_realize;
    klass->reset = demo_reset;
    klass->saved_fields = demo_fields;
    klass->saved_field_count = G_N_ELEMENTS(demo_fields);
    klass->saved_version = 3;
    device_class_add_properties(klass, demo_properties, G_N_ELEMENTS(demo_properties));
}

static Machine *machine;
static Bus *bus;

static void setup(void)
{
    machine = machine_new("none", NULL);
    g_assert_nonnull(machine);
    bus = HW_BUS(g_object_new(demo_bus_get_type(), NULL));
    bus_setup(bus, machine, NULL, "demo.0");
    g_object_unref(bus);
}

static void teardown(void)
{
    machine_destroy(machine);
}

static Device *add(const char *text, const char *expected_error)
{
    g_autoptr(JsonObject) options = options_parse(text, "driver", NULL);
    g_autoptr(GError) error = NULL;
    Device *device = machine_add_device_from_options(machine, options, &error);

    if (expected_error) {
        g_assert_null(device);
        g_assert_cmpstr(error->message, ==, expected_error);
    } else {
        g_assert_no_error(error);
        g_assert_nonnull(device);
    }
    return device;
}

static void properties_have_defaults_and_take_text(void)
{
    Demo *demo;

    setup();
    demo = DEMO(add("demo-device", NULL));
    g_assert_true(demo->flag);
    g_assert_cmpuint(demo->small, ==, 3);
    g_assert_cmpuint(demo->number, ==, 70000);
    g_assert_cmpint(demo->address, ==, -1);
    g_assert_cmpstr(demo->text, ==, "hello");
    g_assert_false(device_property_is_set(HW_DEVICE(demo), "text"));
    demo = DEMO(add("demo-device,flag=off,small=0x9,big_number=1,size=2M,bootindex=5,addr=1f.7,tri=on,"
                    "text=a,,b,id=second", NULL));
    g_assert_false(demo->flag);
    g_assert_cmpuint(demo->small, ==, 9);
    g_assert_cmpuint(demo->number, ==, 1);
    g_assert_cmpuint(demo->size, ==, 2097152);
    g_assert_cmpint(demo->signed_number, ==, 5);
    g_assert_cmpint(demo->address, ==, 0xff);
    g_assert_cmpint(demo->tristate, ==, ON_OFF_AUTO_ON);
    g_assert_cmpstr(demo->text, ==, "a,b");
    g_assert_true(device_property_is_set(HW_DEVICE(demo), "text"));
    teardown();
}

static void wrong_devices_are_refused_by_name(void)
{
    setup();
    add("nonsense", "'nonsense' is not a valid device model name");
    add("driver=demo-device,colour=red", "Property 'demo-device.colour' not found");
    add("demo-device,bus=nowhere", "Bus 'nowhere' not found");
    add("demo-device,id=1st", "Parameter 'id' expects an identifier");
    add("demo-device,big-number=13", "13 is not to be had");
    g_assert_cmpuint(bus_get_children(bus)->len, ==, 0);
    add("demo-device,id=a,bootindex=1", NULL);
    add("demo-device,id=a", "Duplicate device ID 'a'");
    add("demo-device,id=b,bootindex=1", "The bootindex 1 has already been used");
    add("demo-device,id=b", NULL);
    add("demo-device,id=c", "Bus 'demo.0' is full");
    teardown();
}

static void wrong_values_name_property_and_value(void)
{
    static const char *const rows[] = {
        "demo-device,flag=maybe", "demo-device,small=10", "demo-device,small=x",
        "demo-device,size=2X", "demo-device,addr=20", "demo-device,addr=1.8", "demo-device,tri=3",
    };

    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(JsonObject) options = options_parse(rows[i], "driver", NULL);
        g_autoptr(GError) error = NULL;
        const char *value = strrchr(rows[i], '=') + 1;

        g_assert_null(machine_add_device_from_options(machine, options, &error));
        g_assert_nonnull(strstr(error->message, value));
        g_assert_nonnull(strstr(error->message, "Property 'demo-device."));
    }
    teardown();
}

static void devices_are_found_by_id_and_path(void)
{
    Device *named, *anonymous;

    setup();
    named = add("demo-device,id=disk0", NULL);
    anonymous = add("demo-device", NULL);
    g_assert_cmpstr(device_get_path(named), ==, "/machine/peripheral/disk0");
    g_assert_true(machine_find_device(machine, "disk0") == named);
    g_assert_true(machine_find_device(machine, device_get_path(anonymous)) == anonymous);
    g_assert_null(machine_find_device(machine, "nothing"));
    device_unrealize(named);
    g_assert_null(machine_find_device(machine, "disk0"));
    g_assert_cmpuint(bus_get_children(bus)->len, ==, 1);
    teardown();
}

static void boot_order_goes_by_index(void)
{
    g_autofree char *text = NULL;
    size_t length;

    setup();
    add("demo-device,bootindex=7", NULL);
    add("demo-device,bootindex=2", NULL);
    text = boot_order_text(machine, &length);
    g_assert_cmpstr(text, ==, "/demo@1/disk@0\n/demo@1/disk@0");
    g_assert_cmpuint(length, ==, strlen(text) + 1);
    teardown();
}

static void state_survives_and_foreign_state_is_refused(void)
{
    Device *device;
    g_autoptr(GVariant) saved = NULL;
    g_autoptr(GVariant) older = g_variant_ref_sink(
        g_variant_new_parsed("(uint32 2, <{'state': <uint32 1>}>)"));
    g_autoptr(GVariant) foreign = g_variant_ref_sink(g_variant_new_string("x"));
    g_autoptr(GError) error = NULL;

    setup();
    device = add("demo-device", NULL);
    g_assert_cmpuint(DEMO(device)->state, ==, 42);
    DEMO(device)->state = 7;
    saved = g_variant_ref_sink(device_save(device));
    device_reset(device);
    g_assert_true(device_load(device, saved, &error));
    g_assert_cmpuint(DEMO(device)->state, ==, 7);
    g_assert_false(device_load(device, older, &error));
    g_assert_nonnull(strstr(error->message, "version 2 instead of 3"));
    g_clear_error(&error);
    g_assert_false(device_load(device, foreign, &error));
    teardown();
}

static unsigned intercepted;

static void note_level(void *opaque, int n, int level)
{
    intercepted = (unsigned)(n * 2 + level);
}

static void pins_connect_and_can_be_intercepted(void)
{
    Demo *a, *b;

    setup();
    a = DEMO(add("demo-device,id=a", NULL));
    b = DEMO(add("demo-device,id=b", NULL));
    device_connect_irq(HW_DEVICE(a), "out", 1, device_get_irq_in(HW_DEVICE(b), NULL, 1));
    irq_raise(a->out[1]);
    irq_raise(a->out[0]); /* leads nowhere */
    g_assert_cmpint(b->in_levels[1], ==, 1);
    g_assert_null(device_get_irq_in(HW_DEVICE(b), NULL, 2));
    g_assert_null(device_get_irq_in(HW_DEVICE(b), "no", 0));
    g_assert_true(device_intercept_irq_out(HW_DEVICE(a), "out", note_level, NULL));
    irq_lower(a->out[1]);
    g_assert_cmpuint(intercepted, ==, 2);
    g_assert_cmpint(b->in_levels[1], ==, 0);
    g_assert_true(device_intercept_irq_in(HW_DEVICE(b), NULL, note_level, NULL));
    irq_set(device_get_irq_in(HW_DEVICE(b), NULL, 0), 1);
    g_assert_cmpuint(intercepted, ==, 1);
    g_assert_cmpint(b->in_levels[0], ==, 0);
    g_assert_false(device_intercept_irq_in(HW_DEVICE(b), "no", note_level, NULL));
    teardown();
}

static void globals_reach_later_devices(void)
{
    setup();
    device_global_add("demo-device", "big_number", "77");
    g_assert_cmpuint(DEMO(add("demo-device", NULL))->number, ==, 77);
    g_assert_cmpuint(DEMO(add("demo-device,big_number=78", NULL))->number, ==, 78);
    teardown();
}

static void globals_that_do_not_fit_fail_at_realize(void)
{
    setup();
    device_global_add("demo-device", "small", "77");
    {
        g_autoptr(JsonObject) options = options_parse("demo-device", "driver", NULL);
        g_autoptr(GError) error = NULL;

        g_assert_null(machine_add_device_from_options(machine, options, &error));
        g_assert_nonnull(strstr(error->message, "can't apply global demo-device.small=77"));
    }
    teardown();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    device_types_init();
    g_test_add_func("/device/properties_have_defaults_and_take_text",
                    properties_have_defaults_and_take_text);
    g_test_add_func("/device/wrong_devices_are_refused_by_name",
                    wrong_devices_are_refused_by_name);
    g_test_add_func("/device/wrong_values_name_property_and_value",
                    wrong_values_name_property_and_value);
    g_test_add_func("/device/devices_are_found_by_id_and_path", devices_are_found_by_id_and_path);
    g_test_add_func("/device/boot_order_goes_by_index", boot_order_goes_by_index);
    g_test_add_func("/device/state_survives_and_foreign_state_is_refused",
                    state_survives_and_foreign_state_is_refused);
    g_test_add_func("/device/pins_connect_and_can_be_intercepted",
                    pins_connect_and_can_be_intercepted);
    g_test_add_func("/device/globals_reach_later_devices", globals_reach_later_devices);
    g_test_add_func("/device/globals_that_do_not_fit_fail_at_realize",
                    globals_that_do_not_fit_fail_at_realize);
    return g_test_run();
}
