/*
 * The objects of -object: a table of types, each with the function that checks its properties.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "user_objects.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hw/block/io_thread.h"
#include "hw/core/machine.h"
#include "util/error.h"
#include "util/options.h"

typedef struct {
    const char *type;
    RamBlock *ram;       /* NULL: not a memory backend */
    IOThread *io_thread; /* NULL: not one */
} UserObject;

static GHashTable *objects; /* id to UserObject */

static void object_free(gpointer data)
{
    UserObject *object = data;

    ram_block_unref(object->ram);
    if (object->io_thread) {
        io_thread_free(object->io_thread, NULL);
    }
    g_free(object);
}

static bool refuse_on(OptionReader *reader, const char *key, GError **error)
{
    bool on = false;

    return option_get_bool(reader, key, &on, error) &&
           (!on || error_setf(error, "Parameter '%s': 'on' is not supported by this build", key));
}

static bool accept_bool(OptionReader *reader, const char *key, GError **error)
{
    bool ignored = false;
    return option_get_bool(reader, key, &ignored, error);
}

/* ---- memory backends ---- */

static bool read_memory_policy(OptionReader *reader, GError **error)
{
    static const char *const policies[] = {"default", NULL};
    uint64_t threads = 1;
    int policy = 0;

    return option_get_enum(reader, "policy", policies, &policy, error) &&
           option_get_uint(reader, "prealloc-threads", 1, 4096, &threads, error) &&
           accept_bool(reader, "reserve", error) &&
           accept_bool(reader, "x-use-canonical-path-for-ramblock-id", error);
}

static bool read_memory_config(OptionReader *reader, RamBlockConfig *config, GError **error)
{
    if (!option_get_size(reader, "size", 1, &config->size, error) ||
        !option_get_bool(reader, "share", &config->share, error) ||
        !option_get_bool(reader, "prealloc", &config->prealloc, error) ||
        !option_get_bool(reader, "merge", &config->merge, error) ||
        !option_get_bool(reader, "dump", &config->dump, error) ||
        !read_memory_policy(reader, error)) {
        return false;
    }
    if (!option_reader_has(reader, "size")) {
        return error_setf(error, "Parameter 'size' is missing");
    }
    uint64_t page = sysconf(_SC_PAGESIZE);
    if (config->size == 0 || config->size % page != 0) {
        return error_setf(error,
                          "Parameter 'size' expects a multiple of the page size, %" G_GUINT64_FORMAT
                          " bytes",
                          page);
    }
    return true;
}

static bool make_ram(OptionReader *reader, const RamBlockConfig *config, UserObject *object,
                     GError **error)
{
    if (!option_reader_finish(reader, error)) {
        return false;
    }
    object->ram = ram_block_new(config, error);
    return object->ram != NULL;
}

static bool make_memory_ram(OptionReader *reader, const char *id, UserObject *object,
                            GError **error)
{
    RamBlockConfig config = {.name = id, .merge = true, .dump = true};

    if (!read_memory_config(reader, &config, error)) {
        return false;
    }
    config.memfd = config.share;
    return make_ram(reader, &config, object, error);
}

static bool make_memory_memfd(OptionReader *reader, const char *id, UserObject *object,
                              GError **error)
{
    RamBlockConfig config = {.name = id, .merge = true, .dump = true, .memfd = true, .share = true};

    return read_memory_config(reader, &config, error) && accept_bool(reader, "seal", error) &&
           refuse_on(reader, "hugetlb", error) && make_ram(reader, &config, object, error);
}

static bool make_memory_file(OptionReader *reader, const char *id, UserObject *object,
                             GError **error)
{
    RamBlockConfig config = {.name = id, .merge = true, .dump = true};

    if (!read_memory_config(reader, &config, error) ||
        !option_get_string(reader, "mem-path", &config.path, error) ||
        !accept_bool(reader, "discard-data", error) || !refuse_on(reader, "pmem", error) ||
        !refuse_on(reader, "readonly", error)) {
        return false;
    }
    if (!config.path) {
        return error_setf(error, "Parameter 'mem-path' is missing");
    }
    return make_ram(reader, &config, object, error);
}

/* ---- the others ---- */

static bool make_iothread(OptionReader *reader, const char *id, UserObject *object, GError **error)
{
    IOThreadParameters parameters = {.poll_max_ns = 0};
    uint64_t pool_min = 0, pool_max = 0;
    const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"poll-max-ns", &parameters.poll_max_ns},
                   {"poll-grow", &parameters.poll_grow},
                   {"poll-shrink", &parameters.poll_shrink},
                   {"aio-max-batch", &parameters.aio_max_batch},
                   {"thread-pool-min", &pool_min},
                   {"thread-pool-max", &pool_max}};

    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (!option_get_uint(reader, numbers[i].name, 0, INT64_MAX, numbers[i].value, error)) {
            return false;
        }
    }
    if (!option_reader_finish(reader, error)) {
        return false;
    }
    object->io_thread = io_thread_new(id, error);
    if (object->io_thread) {
        io_thread_set_parameters(object->io_thread, &parameters);
    }
    return object->io_thread != NULL;
}

static bool check_base64(const char *text, GError **error)
{
    size_t length = strlen(text);
    size_t digits =
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = strspn(text + digits, "=");

    if (digits + padding != length || length % 4 != 0 || padding > 2) {
        return error_setf(error, "Parameter 'data': not base64");
    }
    return true;
}

static bool make_secret(OptionReader *reader, const char *id, UserObject *object, GError **error)
{
    static const char *const formats[] = {"raw", "base64", NULL};
    const char *data = NULL, *file = NULL;
    g_autofree char *content = NULL;
    g_autoptr(GError) reason = NULL;
    int format = 0;

    if (!option_get_string(reader, "data", &data, error) ||
        !option_get_string(reader, "file", &file, error) ||
        !option_get_enum(reader, "format", formats, &format, error) ||
        !option_reader_finish(reader, error)) {
        return false;
    }
    if (!data == !file) {
        return error_setf(error, data ? "'file' and 'data' are mutually exclusive"
                                      : "Must provide 'file' or 'data'");
    }
    if (file && !g_file_get_contents(file, &content, NULL, &reason)) {
        return error_setf(error, "Unable to read %s: %s", file, reason->message);
    }
    return format == 0 || check_base64(data ? data : g_strchomp(content), error);
}

static const struct {
    const char *name;
    bool (*make)(OptionReader *reader, const char *id, UserObject *object, GError **error);
} object_types[] = {
    {"iothread", make_iothread},
    {"memory-backend-file", make_memory_file},
    {"memory-backend-memfd", make_memory_memfd},
    {"memory-backend-ram", make_memory_ram},
    {"secret", make_secret},
};

void user_objects_print_help(void)
{
    printf("List of user creatable objects:\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(object_types); i++) {
        printf("  %s\n", object_types[i].name);
    }
}

static bool check_id(const char *id, GError **error)
{
    if (!id) {
        return error_setf(error, "Parameter 'id' is missing");
    }
    bool good = g_ascii_isalpha(id[0]);
    for (const char *p = id; *p; p++) {
        good = good && (g_ascii_isalnum(*p) || strchr("-._", *p));
    }
    if (!good) {
        return error_setf(error, "Parameter 'id' expects an identifier, not '%s'", id);
    }
    if (objects && g_hash_table_contains(objects, id)) {
        return error_setf(error, "attempt to add duplicate property '%s' to object", id);
    }
    return true;
}

static bool make_object(unsigned type, OptionReader *reader, const char *id, GError **error)
{
    UserObject *object = g_new0(UserObject, 1);

    object->type = object_types[type].name;
    if (!object_types[type].make(reader, id, object, error)) {
        object_free(object);
        return false;
    }
    if (!objects) {
        objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, object_free);
    }
    g_hash_table_insert(objects, g_strdup(id), object);
    return true;
}

bool user_object_add(JsonObject *options, GError **error)
{
    g_autoptr(OptionReader) reader = option_reader_new(options, NULL);
    const char *type = NULL, *id = NULL;

    if (!option_get_string(reader, "qom-type", &type, error) ||
        !option_get_string(reader, "id", &id, error)) {
        return false;
    }
    if (!type) {
        return error_setf(error, "Parameter 'qom-type' is missing");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(object_types); i++) {
        if (strcmp(object_types[i].name, type) == 0) {
            return check_id(id, error) && make_object(i, reader, id, error);
        }
    }
    return error_setf(error, "Parameter 'qom-type' does not accept value '%s'", type);
}

RamBlock *user_object_ram(const char *id)
{
    UserObject *object = objects ? g_hash_table_lookup(objects, id) : NULL;
    return object ? object->ram : NULL;
}

static bool is_machine_memory(const UserObject *object)
{
    Machine *machine = machine_get();

    return object->ram && machine && machine_config(machine)->ram_block == object->ram;
}

bool user_object_delete(const char *id, GError **error)
{
    UserObject *object = objects ? g_hash_table_lookup(objects, id) : NULL;

    if (!object) {
        return error_setf(error, "object '%s' not found", id);
    }
    if (is_machine_memory(object)) {
        return error_setf(error, "object '%s' is in use, can not be deleted", id);
    }
    if (object->io_thread && !io_thread_free(object->io_thread, error)) {
        return false;
    }
    object->io_thread = NULL;
    g_hash_table_remove(objects, id);
    return true;
}

void user_object_foreach(void (*visit)(const char *id, const char *type, void *ram, void *opaque),
                         void *opaque)
{
    GList *ids = objects ? g_list_sort(g_hash_table_get_keys(objects), (GCompareFunc)strcmp) : NULL;

    for (GList *l = ids; l; l = l->next) {
        UserObject *object = g_hash_table_lookup(objects, l->data);
        visit(l->data, object->type, object->ram, opaque);
    }
    g_list_free(ids);
}

const char *const *user_object_types(void)
{
    static const char *names[G_N_ELEMENTS(object_types) + 1];

    for (unsigned i = 0; i < G_N_ELEMENTS(object_types); i++) {
        names[i] = object_types[i].name;
    }
    return names;
}

void user_objects_cleanup(void)
{
    g_clear_pointer(&objects, g_hash_table_unref);
}
