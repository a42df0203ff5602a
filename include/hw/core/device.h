/*
 * Device: what every chip, disk and card is. A GObject with a life (construct, realize, unrealize), reset,
 * saved state, interrupt pins, and properties that the parser, -device X,help and QMP read.
 *
 * A device's own file registers its type:
 *
 *     struct _I8259 { Device parent_instance; uint8_t imr; ... };
 *     DEVICE_TYPE(I8259, i8259, "isa-i8259", TYPE_DEVICE)
 *
 *     static void i8259_class_init(DeviceClass *klass) { ... }
 *     static void i8259_instance_init(I8259 *self) { ... }
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CORE_DEVICE_H
#define HW_CORE_DEVICE_H

#include <glib-object.h>
#include <json-glib/json-glib.h>

#include "hw/core/irq.h"
#include "hw/core/saved_state.h"
#include "util/error.h"

typedef struct _Bus Bus;
typedef struct _Machine Machine;

#define TYPE_DEVICE (device_get_type())
G_DECLARE_DERIVABLE_TYPE(Device, device, HW, DEVICE, GObject)

typedef enum {
    DEVICE_CATEGORY_BRIDGE,
    DEVICE_CATEGORY_STORAGE,
    DEVICE_CATEGORY_NETWORK,
    DEVICE_CATEGORY_INPUT,
    DEVICE_CATEGORY_DISPLAY,
    DEVICE_CATEGORY_MISC,
    DEVICE_CATEGORY_CPU,
} DeviceCategory;

struct _DeviceClass {
    GObjectClass parent_class;
    const char *description;   /* one line for -device help */
    const char *bus_type;      /* GType name of the bus it plugs into; NULL: none (wired by the machine) */
    DeviceCategory category;
    bool user_creatable;       /* -device may make it */
    bool hotpluggable;
    bool ignores_bus;          /* "bus" may name any bus; the device plugs into the one of bus_type */

    /** realize: checks the properties, claims resources; on false nothing stays claimed. */
    bool (*realize)(Device *device, GError **error);
    void (*unrealize)(Device *device);
    /** reset: power-on state; called once after realize too, before the guest runs. */
    void (*reset)(Device *device);

    /* Saved state: either the table (base class does the work) ... */
    const SavedField *saved_fields;
    unsigned saved_field_count;
    uint32_t saved_version;
    /** post_load: checks the loaded fields' ranges and brings lines and regions in step. May be NULL. */
    bool (*post_load)(Device *device, GError **error);
    /* ... or both of these; @save returns a floating variant. Subclasses chain up where it applies. */
    GVariant *(*save)(Device *device);
    bool (*load)(Device *device, GVariant *state, GError **error);
};

/*

 * DEVICE_TYPE: defines NAME_get_type() for a final type and registers it with the type table before main.
 * Name: struct _Name and typedef Name; name: the C prefix; qemu_name: the type name users type.
 */
#define DEVICE_TYPE(Name, name, qemu_name, PARENT)                                                 \
    static void name##_class_init(DeviceClass *klass);                                             \
    static void name##_instance_init(Name *self);                                                  \
    static void name##_class_init_thunk(gpointer klass, gpointer data G_GNUC_UNUSED)               \
    {                                                                                              \
        name##_class_init((DeviceClass *)klass);                                                   \
    }                                                                                              \
    static void name##_instance_init_thunk(GTypeInstance *instance, gpointer klass G_GNUC_UNUSED)  \
    {                                                                                              \
        name##_instance_init((Name *)instance);                                                    \
    }                                                                                              \
    GType name##_get_type(void)                                                                    \
    {                                                                                              \
        static gsize type;                                                                         \
        if (g_once_init_enter(&type)) {                                                            \
            g_once_init_leave(&type, device_type_register_static(PARENT, qemu_name,                \
                                                                 name##_class_init_thunk,          \
                                                                 sizeof(Name),                     \
                                                                 name##_instance_init_thunk));     \
        }                                                                                          \
        return type;                                                                               \
    }                                                                                              \
    static void __attribute__((constructor)) name##_register_type(void)                            \
    {                                                                                              \
        device_type_table_add(name##_get_type);                                                    \
    }

/* For the header (or the top of the file, if no one else needs it): G_DECLARE-like, without a class struct. */
#define DEVICE_DECLARE(Name, name, CAST)                                                           \
    typedef struct _##Name Name;                                                                   \
    GType name##_get_type(void);                                                                   \
    static inline G_GNUC_UNUSED Name *CAST(gconstpointer object)                                   \
    {                                                                                              \
        return G_TYPE_CHECK_INSTANCE_CAST((gpointer)object, name##_get_type(), Name);              \
    }                                                                                              \
    static inline G_GNUC_UNUSED bool IS_##CAST(gconstpointer object)                               \
    {                                                                                              \
        return G_TYPE_CHECK_INSTANCE_TYPE((gpointer)object, name##_get_type());                    \
    }

GType device_type_register_static(GType parent, const char *name, GClassInitFunc class_init,
                                  gsize instance_size, GInstanceInitFunc instance_init);
void device_type_table_add(GType (*get_type)(void));
/** device_types_init: registers every type of the table; main calls it once, first. */
void device_types_init(void);
/** device_type_name: what users call @type; its GType's name has '_' where that has a dot. */
const char *device_type_name(GType type);
/** device_type_from_name: the type that device_type_name() says @name of, abstract ones and others than devices
 * included, or 0. */
GType device_type_from_name(const char *name);
/** device_type_lookup: the concrete Device type called @name, or 0 (aliases like "e1000" -> ... resolved). */
GType device_type_lookup(const char *name);

/* ---- properties: one table per class, made into GParamSpecs on the instance's own fields ---- */

typedef enum {
    DEVICE_PROPERTY_BOOL,   /* bool */
    DEVICE_PROPERTY_ONOFFAUTO, /* int32_t: 0 auto, 1 on, 2 off (OnOffAuto) */
    DEVICE_PROPERTY_UINT8,
    DEVICE_PROPERTY_UINT16,
    DEVICE_PROPERTY_UINT32,
    DEVICE_PROPERTY_UINT64,
    DEVICE_PROPERTY_INT32,
    DEVICE_PROPERTY_SIZE,   /* uint64_t with k/M/G suffix */
    DEVICE_PROPERTY_STRING, /* char *, owned by the instance */
    DEVICE_PROPERTY_PCI_ADDRESS, /* int32_t devfn, -1 unset: "4", "4.1", "0x1f" */
} DevicePropertyKind;

typedef enum {
    ON_OFF_AUTO_AUTO,
    ON_OFF_AUTO_ON,
    ON_OFF_AUTO_OFF
} OnOffAuto;

typedef struct {
    const char *name;
    DevicePropertyKind kind;
    size_t offset;
    uint64_t minimum, maximum; /* numbers; both 0 means the whole range of the kind */
    uint64_t default_number;
    const char *default_string;
    const char *blurb;
} DeviceProperty;

#define DEVICE_PROPERTY(kind, name, Type, field, default_number, blurb)                            \
    {                                                                                              \
        name, DEVICE_PROPERTY_##kind, offsetof(Type, field), 0, 0, default_number, NULL, blurb     \
    }
#define DEVICE_PROPERTY_RANGE(kind, name, Type, field, minimum, maximum, default_number, blurb)    \
    {                                                                                              \
        name, DEVICE_PROPERTY_##kind, offsetof(Type, field), minimum, maximum, default_number,     \
            NULL, blurb                                                                            \
    }
#define DEVICE_PROPERTY_TEXT(name, Type, field, default_string, blurb)                             \
    {                                                                                              \
        name, DEVICE_PROPERTY_STRING, offsetof(Type, field), 0, 0, 0, default_string, blurb        \
    }

/** device_class_add_properties: in class_init. @properties must be static. */
void device_class_add_properties(DeviceClass *klass, const DeviceProperty *properties,
                                 unsigned count);
/** device_property_of: the table row behind @spec, whose name is as users type it; NULL: not from a table. */
const DeviceProperty *device_property_of(GParamSpec *spec);
/** device_property_type: what QMP and the help call the type of a property; "str" if not from a table. */
const char *device_property_type(GParamSpec *spec);
/** device_set_property_text: sets a property from what a user typed; false names property and value. */
bool device_set_property_text(Device *device, const char *name, const char *value, GError **error);
/** device_set_property_node: the same from JSON (a string is parsed as text). */
bool device_set_property_node(Device *device, const char *name, JsonNode *value, GError **error);
/** device_property_is_set: true if a user or the machine gave @name a value. */
bool device_property_is_set(Device *device, const char *name);
/** device_property_to_text: the current value as -device X,help or qom-get shows it; caller frees. */
char *device_property_to_text(Device *device, const char *name);
/** device_global_add: -global DRIVER.PROPERTY=VALUE, applied to each later device of that type. */
void device_global_add(const char *driver, const char *property, const char *value);
/** device_globals_report_unused: warns of -global entries that named no type or property. */
void device_globals_report_unused(void);

/* ---- life ---- */

/** device_new: an unrealized device of a known type; the caller owns the reference. */
Device *device_new(GType type);
/** device_new_by_name: the same by type name; @error if unknown ("'%s' is not a valid device model name"). */
Device *device_new_by_name(const char *type_name, GError **error);
/**
 * device_realize: plugs @device into @bus (NULL for none) of @machine and realizes it.
 * On success the machine holds a reference until device_unrealize(); on false it is out of the bus again.
 */
bool device_realize(Device *device, Machine *machine, Bus *bus, GError **error);
/** device_realize_and_unref: the same, and drops the caller's reference either way. */
bool device_realize_and_unref(Device *device, Machine *machine, Bus *bus, GError **error);
void device_unrealize(Device *device);
bool device_is_realized(Device *device);
/** device_set_removal_listener: @removed hears of each device that has been unrealized, while its id and path are still
 * known; NULL: nobody. */
void device_set_removal_listener(void (*removed)(Device *device));
/** device_unplug_refused: the guest has said that it does not let @device go; tells the listener. */
void device_unplug_refused(Device *device);
void device_set_unplug_refused_listener(void (*refused)(Device *device));
/** device_reset: this device only (not its bus children). */
void device_reset(Device *device);
/** device_save: floating (version, fields); device_load refuses another version or layout. */
GVariant *device_save(Device *device);
bool device_load(Device *device, GVariant *state, GError **error);

/** device_set_id: -device id=; before realize. */
void device_set_id(Device *device, const char *id);
const char *device_get_id(Device *device);
/** device_name: the id, or the type name: for log lines and errors. */
const char *device_name(Device *device);
/** device_set_path: a fixed canonical path such as "/machine/i440fx/ioapic"; before realize. */
void device_set_path(Device *device, const char *path);
/** device_get_path: the canonical path; given at realize. */
const char *device_get_path(Device *device);
Machine *device_get_machine(Device *device);
Bus *device_get_bus(Device *device);

/* ---- interrupt pins ---- */

/** device_init_irq_in: @count input pins called @name (NULL: the unnamed ones). In instance_init. */
void device_init_irq_in(Device *device, const char *name, IRQHandler handler, int count);
/** device_init_irq_out: @count output pins; @slots is the device's own array that it drives with irq_set(). */
void device_init_irq_out(Device *device, const char *name, IRQLine **slots, int count);
/** device_get_irq_in: the line into input pin @n; owned by the device. NULL if there is no such pin. */
IRQLine *device_get_irq_in(Device *device, const char *name, int n);
/** device_connect_irq: output pin @n drives @line. */
void device_connect_irq(Device *device, const char *name, int n, IRQLine *line);
/** device_intercept_irq_in/out: qtest: every pin called @name also (or only) calls @intercept. False: no pins. */
bool device_intercept_irq_in(Device *device, const char *name, IRQHandler intercept, void *opaque);
bool device_intercept_irq_out(Device *device, const char *name, IRQHandler intercept, void *opaque);

#endif
