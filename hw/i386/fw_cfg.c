/*
 * fw_cfg: selector and data ports, and DMA.
 *
 * Source: the fw_cfg interface as its guests use it (Linux drivers/firmware/qemu_fw_cfg.c,
 * SeaBIOS).
 *
 * A DMA read past the end of an item gives zeros, as the data port does, but only for a bounded
 * number of bytes: a longer one fails with the error bit, so that no descriptor keeps the machine
 * busy.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/fw_cfg.h"

#include <inttypes.h>
#include <string.h>

#include "hw/core/machine.h"
#include "util/bytes.h"
#include "util/log.h"
#include "util/memory.h"
#include "util/trace.h"

TRACE_DEFINE(fw_cfg_select);
TRACE_DEFINE(fw_cfg_dma);

#define KEY_WRITE_CHANNEL 0x4000 /* ignored in a selector, kept from the first interface */
#define KEY_NONE          0xffff

#define ID_TRADITIONAL 1u
#define ID_DMA         2u

#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG", big-endian */
#define DMA_ERROR     (1u << 0)
#define DMA_READ      (1u << 1)
#define DMA_SKIP      (1u << 2)
#define DMA_SELECT    (1u << 3)
#define DMA_WRITE     (1u << 4)

#define DMA_DESCRIPTOR_SIZE  16
#define DMA_MAX_PADDING      (1u << 20) /* zeros after the end of an item, in one descriptor */
#define DIRECTORY_ENTRY_SIZE 64

typedef struct {
    char *name; /* of a file; NULL: an item with a fixed key */
    uint16_t key;
    GBytes *bytes;     /* what the guest reads */
    uint8_t *writable; /* the same content where the guest may write; NULL: it may not */
    FwCfgSelect select;
    FwCfgWritten written;
    void *opaque;
} FwCfgItem;

struct _FwCfg {
    Device parent_instance;
    MemoryRegion ports, dma;
    GHashTable *items;  /* key → FwCfgItem */
    GPtrArray *files;   /* FwCfgItem in order of addition; owned by @items */
    FwCfgItem *current; /* of @selected, or NULL */
    uint16_t selected;
    uint32_t offset; /* of the next byte in the current item */
    uint64_t dma_address;
};

DEVICE_TYPE(FwCfg, fw_cfg, TYPE_FW_CFG, TYPE_DEVICE)

static void item_free(void *data)
{
    FwCfgItem *item = data;

    g_free(item->name);
    g_free(item->writable);
    g_bytes_unref(item->bytes);
    g_free(item);
}

static size_t item_length(const FwCfgItem *item)
{
    return item ? g_bytes_get_size(item->bytes) : 0;
}

static const uint8_t *item_data(const FwCfgItem *item)
{
    return item->writable ? item->writable : g_bytes_get_data(item->bytes, NULL);
}

/* ---- items ---- */

static FwCfgItem *add_item(FwCfg *self, uint16_t key, GBytes *bytes)
{
    FwCfgItem *item = g_new0(FwCfgItem, 1);

    item->key = key;
    item->bytes = g_bytes_ref(bytes);
    g_hash_table_replace(self->items, GUINT_TO_POINTER(key), item);
    self->current = g_hash_table_lookup(self->items, GUINT_TO_POINTER(self->selected));
    return item;
}

void fw_cfg_add_bytes(FwCfg *self, uint16_t key, GBytes *bytes)
{
    add_item(self, key, bytes);
}

void fw_cfg_add_u16(FwCfg *self, uint16_t key, uint16_t value)
{
    g_autoptr(GBytes) bytes = NULL;

    value = GUINT16_TO_LE(value);
    bytes = g_bytes_new(&value, sizeof(value));
    add_item(self, key, bytes);
}

void fw_cfg_add_u32(FwCfg *self, uint16_t key, uint32_t value)
{
    g_autoptr(GBytes) bytes = NULL;

    value = GUINT32_TO_LE(value);
    bytes = g_bytes_new(&value, sizeof(value));
    add_item(self, key, bytes);
}

void fw_cfg_add_u64(FwCfg *self, uint16_t key, uint64_t value)
{
    g_autoptr(GBytes) bytes = NULL;

    value = GUINT64_TO_LE(value);
    bytes = g_bytes_new(&value, sizeof(value));
    add_item(self, key, bytes);
}

static FwCfgItem *find_file(FwCfg *self, const char *name)
{
    for (unsigned i = 0; i < self->files->len; i++) {
        FwCfgItem *item = self->files->pdata[i];

        if (strcmp(item->name, name) == 0) {
            return item;
        }
    }
    return NULL;
}

bool fw_cfg_has_file(FwCfg *self, const char *name)
{
    return find_file(self, name) != NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(FwCfgItem *const *)a)->name, (*(FwCfgItem *const *)b)->name);
}

/* The directory: a big-endian count, then size, key, two zero bytes and the name of each file. */
static void update_directory(FwCfg *self)
{
    GByteArray *directory = g_byte_array_new();
    g_autoptr(GPtrArray) sorted = g_ptr_array_copy(self->files, NULL, NULL);
    g_autoptr(GBytes) bytes = NULL;
    uint8_t count[4];

    g_ptr_array_sort(sorted, compare_names);
    store_be32(count, sorted->len);
    g_byte_array_append(directory, count, sizeof(count));
    for (unsigned i = 0; i < sorted->len; i++) {
        const FwCfgItem *item = sorted->pdata[i];
        uint8_t entry[DIRECTORY_ENTRY_SIZE] = {0};

        store_be32(entry, item_length(item));
        store_be16(entry + 4, item->key);
        memcpy(entry + 8, item->name, strlen(item->name));
        g_byte_array_append(directory, entry, sizeof(entry));
    }
    bytes = g_byte_array_free_to_bytes(directory);
    add_item(self, FW_CFG_FILE_DIR, bytes);
}

static void make_writable_copy(FwCfgItem *item)
{
    size_t size = item_length(item);

    g_free(item->writable);
    item->writable = g_malloc0(MAX(size, 1));
    if (size > 0) {
        memcpy(item->writable, g_bytes_get_data(item->bytes, NULL), size);
    }
}

bool fw_cfg_add_file_callback(FwCfg *self, const char *name, FwCfgSelect select,
                              FwCfgWritten written, void *opaque, GBytes *bytes, bool writable,
                              GError **error)
{
    FwCfgItem *item;
    size_t size = g_bytes_get_size(bytes);

    if (name[0] == '\0' || strlen(name) >= FW_CFG_NAME_LENGTH) {
        return error_setf(error, "fw_cfg name '%s' is %s (max. %d char)", name,
                          name[0] ? "too long" : "empty", FW_CFG_NAME_LENGTH - 1);
    }
    if (find_file(self, name)) {
        return error_setf(error, "duplicate fw_cfg file name: %s", name);
    }
    if (self->files->len == FW_CFG_MAX_FILES) {
        return error_setf(error, "fw_cfg file '%s': there are %d files already", name,
                          FW_CFG_MAX_FILES);
    }
    if (size > FW_CFG_MAX_ITEM_BYTES) {
        return error_setf(error, "fw_cfg file '%s' is larger than 4 GiB", name);
    }
    item = add_item(self, FW_CFG_FILE_FIRST + self->files->len, bytes);
    item->name = g_strdup(name);
    item->select = select;
    item->written = written;
    item->opaque = opaque;
    if (writable) {
        make_writable_copy(item);
    }
    g_ptr_array_add(self->files, item);
    update_directory(self);
    return true;
}

FwCfg *fw_cfg_find_device(Machine *machine)
{
    Device *device = machine_device_of_type(machine, fw_cfg_get_type());

    return device ? HW_FW_CFG(device) : NULL;
}

bool fw_cfg_add_file(FwCfg *self, const char *name, GBytes *bytes, GError **error)
{
    return fw_cfg_add_file_callback(self, name, NULL, NULL, NULL, bytes, false, error);
}

static void set_content(FwCfgItem *item, GBytes *bytes)
{
    GBytes *old = item->bytes;

    item->bytes = g_bytes_ref(bytes);
    g_bytes_unref(old);
    if (item->writable) {
        make_writable_copy(item);
    }
}

void fw_cfg_modify_file(FwCfg *self, const char *name, GBytes *bytes)
{
    FwCfgItem *item = find_file(self, name);
    size_t before;

    g_return_if_fail(item);
    before = item_length(item);
    set_content(item, bytes);
    if (item_length(item) != before) {
        update_directory(self);
    }
}

/* ---- -fw_cfg ---- */

static bool read_user_file(const char *name, const char *path, GBytes **bytes, GError **error)
{
    g_autoptr(GError) local = NULL;
    char *contents;
    gsize length;

    if (!g_file_get_contents(path, &contents, &length, &local)) {
        return error_setf(error, "-fw_cfg name=%s: can't load %s: %s", name, path, local->message);
    }
    *bytes = g_bytes_new_take(contents, length);
    return true;
}

/* JSON leaves that a user typed as text are strings; anything else counts as not given. */
static const char *string_member(JsonObject *options, const char *key)
{
    JsonNode *node = json_object_get_member(options, key);

    return node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
}

bool fw_cfg_add_user_entry(FwCfg *self, JsonObject *options, GError **error)
{
    const char *name = string_member(options, "name");
    const char *file = string_member(options, "file");
    const char *text = string_member(options, "string");
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GError) local = NULL;
    g_autoptr(GList) keys = json_object_get_members(options);

    for (GList *key = keys; key; key = key->next) {
        if (!g_strv_contains((const char *const[]){"name", "file", "string", NULL}, key->data)) {
            return error_setf(error, "-fw_cfg: Invalid parameter '%s'", (char *)key->data);
        }
    }
    if (!name || name[0] == '\0') {
        return error_setf(error, "-fw_cfg: name= is missing");
    }
    if (!file == !text) {
        return error_setf(error, "-fw_cfg name=%s: exactly one of file= and string= is needed",
                          name);
    }
    if (!g_str_has_prefix(name, "opt/")) {
        report_warning("externally provided fw_cfg item names should be prefixed with \"opt/\"");
    }
    if (text) {
        bytes = g_bytes_new(text, strlen(text));
    } else if (!read_user_file(name, file, &bytes, error)) {
        return false;
    }
    if (!fw_cfg_add_file(self, name, bytes, &local)) {
        return error_setf(error, "-fw_cfg name=%s: %s", name, local->message);
    }
    return true;
}

/* ---- the guest's side ---- */

static void select_key(FwCfg *self, uint16_t key)
{
    self->selected = key & ~KEY_WRITE_CHANNEL;
    self->offset = 0;
    self->current = g_hash_table_lookup(self->items, GUINT_TO_POINTER(self->selected));
    TRACE(fw_cfg_select, "key 0x%x%s%s", self->selected,
          self->current && self->current->name ? " "
          : self->current                      ? ""
                                               : " (none)",
          self->current && self->current->name ? self->current->name : "");
    if (self->current && self->current->select) {
        self->current->select(self->current->opaque);
    }
}

static uint64_t ports_read(void *opaque, hwaddr offset, unsigned size)
{
    FwCfg *self = opaque;

    /* Both addresses give the next byte, as they always have; more than a byte is never asked for.
     */
    if (self->offset >= item_length(self->current)) {
        return 0;
    }
    return item_data(self->current)[self->offset++];
}

static void ports_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    if (size == 2) {
        select_key(opaque, value);
    }
}

static const MemoryRegionOps ports_ops = {
    .read = ports_read,
    .write = ports_write,
    .valid_min = 1,
    .valid_max = 2,
    .impl_min = 1,
    .impl_max = 2,
};

static bool dma_is_ram(AddressSpace *space, uint64_t address, uint64_t length, bool is_write)
{
    while (length > 0) {
        uint64_t chunk = length;
        void *host = address_space_map(space, address, &chunk, is_write);

        if (!host) {
            return false;
        }
        address_space_unmap(space, host, 0, is_write);
        address += chunk;
        length -= chunk;
        if (length > 0 && address == 0) {
            return false;
        }
    }
    return true;
}

/* Bytes of the descriptor's @length that the current item still has. */
static uint32_t dma_available(const FwCfg *self, uint32_t length)
{
    size_t total = item_length(self->current);

    return self->offset < total ? MIN(length, total - self->offset) : 0;
}

static void dma_advance(FwCfg *self, uint32_t length)
{
    self->offset = length > UINT32_MAX - self->offset ? UINT32_MAX : self->offset + length;
}

static bool dma_read(FwCfg *self, AddressSpace *space, uint64_t address, uint32_t length)
{
    uint32_t available = dma_available(self, length);

    if (length - available > DMA_MAX_PADDING || !dma_is_ram(space, address, length, true)) {
        return false;
    }
    if (available > 0) {
        address_space_write(space, address, item_data(self->current) + self->offset, available);
    }
    if (length > available) {
        address_space_fill(space, address + available, 0, length - available);
    }
    dma_advance(self, length);
    return true;
}

static bool dma_write(FwCfg *self, AddressSpace *space, uint64_t address, uint32_t length)
{
    FwCfgItem *item = self->current;

    if (!item || !item->writable || dma_available(self, length) != length ||
        !dma_is_ram(space, address, length, false)) {
        return false;
    }
    if (length > 0) {
        address_space_read(space, address, item->writable + self->offset, length);
        if (item->written) {
            item->written(item->opaque, item->writable, self->offset, length);
        }
    }
    dma_advance(self, length);
    return true;
}

static void dma_transfer(FwCfg *self)
{
    AddressSpace *space = machine_memory(device_get_machine(HW_DEVICE(self)));
    uint64_t descriptor = self->dma_address, address;
    uint8_t raw[DMA_DESCRIPTOR_SIZE], status[4];
    uint32_t control, length;
    bool good = true;

    self->dma_address = 0;
    if (!dma_is_ram(space, descriptor, sizeof(raw), true) ||
        !address_space_read(space, descriptor, raw, sizeof(raw))) {
        log_printf(LOG_GUEST_ERRORS, "fw_cfg: DMA descriptor at 0x%" PRIx64 " is not in RAM\n",
                   descriptor);
        return;
    }
    control = load_be32(raw);
    length = load_be32(raw + 4);
    address = load_be64(raw + 8);
    if (control & DMA_SELECT) {
        select_key(self, control >> 16);
    }
    TRACE(fw_cfg_dma, "key 0x%x control 0x%x length %u address 0x%" PRIx64, self->selected,
          control & 0xffff, length, address);
    if (control & DMA_READ) {
        good = dma_read(self, space, address, length);
    } else if (control & DMA_WRITE) {
        good = dma_write(self, space, address, length);
    } else if (control & DMA_SKIP) {
        dma_advance(self, length);
    }
    store_be32(status, good ? 0 : DMA_ERROR);
    address_space_write(space, descriptor, status, sizeof(status));
}

static uint64_t dma_port_read(void *opaque, hwaddr offset, unsigned size)
{
    uint8_t signature[8];
    uint64_t value = 0;

    store_be64(signature, DMA_SIGNATURE);
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)signature[(offset + i) & 7] << (8 * i);
    }
    return value;
}

static void dma_port_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    FwCfg *self = opaque;

    if (size == 8) {
        self->dma_address = GUINT64_SWAP_LE_BE(value);
        dma_transfer(self);
    } else if (size == 4 && offset == 0) {
        self->dma_address = (uint64_t)GUINT32_SWAP_LE_BE((uint32_t)value) << 32;
    } else if (size == 4 && offset == 4) {
        self->dma_address |= GUINT32_SWAP_LE_BE((uint32_t)value);
        dma_transfer(self);
    }
}

static const MemoryRegionOps dma_ops = {
    .read = dma_port_read,
    .write = dma_port_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 8,
};

/* ---- life ---- */

static bool fw_cfg_realize(Device *device, GError **error)
{
    FwCfg *self = HW_FW_CFG(device);
    MemoryRegion *io = machine_io_root(device_get_machine(device));

    memory_region_init_io(&self->ports, &ports_ops, self, "fwcfg", 2);
    memory_region_init_io(&self->dma, &dma_ops, self, "fwcfg.dma", 8);
    memory_region_add(io, FW_CFG_PORT_SELECT, &self->ports);
    memory_region_add(io, FW_CFG_PORT_DMA, &self->dma);
    return true;
}

static void fw_cfg_unrealize(Device *device)
{
    FwCfg *self = HW_FW_CFG(device);

    memory_region_destroy(&self->ports);
    memory_region_destroy(&self->dma);
}

static void fw_cfg_reset(Device *device)
{
    FwCfg *self = HW_FW_CFG(device);

    self->selected = FW_CFG_SIGNATURE;
    self->current = g_hash_table_lookup(self->items, GUINT_TO_POINTER(self->selected));
    self->offset = 0;
    self->dma_address = 0;
}

/* (selected key, offset, DMA address, content of each file the guest may write) */
#define STATE_FORMAT "(qut@a{say})"

static GVariant *fw_cfg_save(Device *device)
{
    FwCfg *self = HW_FW_CFG(device);
    GVariantBuilder files;

    g_variant_builder_init(&files, G_VARIANT_TYPE("a{say}"));
    for (unsigned i = 0; i < self->files->len; i++) {
        const FwCfgItem *item = self->files->pdata[i];

        if (item->writable) {
            g_variant_builder_add(&files, "{s@ay}", item->name,
                                  g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, item->writable,
                                                            item_length(item), 1));
        }
    }
    return g_variant_new(STATE_FORMAT, self->selected, self->offset, self->dma_address,
                         g_variant_builder_end(&files));
}

static bool load_files(FwCfg *self, GVariant *files, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *content;

    g_variant_iter_init(&iter, files);
    while (g_variant_iter_next(&iter, "{&s@ay}", &name, &content)) {
        g_autoptr(GVariant) owned = content;
        FwCfgItem *item = find_file(self, name);
        gsize length;
        const void *data = g_variant_get_fixed_array(owned, &length, 1);

        if (!item || !item->writable || length != item_length(item)) {
            return error_setf(error,
                              "fw_cfg: saved file '%s' (%zu bytes) does not fit this machine", name,
                              length);
        }
        if (length > 0) {
            memcpy(item->writable, data, length);
        }
    }
    return true;
}

static bool fw_cfg_load(Device *device, GVariant *state, GError **error)
{
    FwCfg *self = HW_FW_CFG(device);
    g_autoptr(GVariant) files = NULL;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE("(quta{say})"))) {
        return error_setf(error, "fw_cfg: saved state has type %s",
                          g_variant_get_type_string(state));
    }
    g_variant_get(state, STATE_FORMAT, &self->selected, &self->offset, &self->dma_address, &files);
    self->selected &= ~KEY_WRITE_CHANNEL;
    self->current = g_hash_table_lookup(self->items, GUINT_TO_POINTER(self->selected));
    /* What the item's handler makes at selection was made on the other side; here it is still to
     * do. */
    if (self->current && self->current->select) {
        self->current->select(self->current->opaque);
    }
    return load_files(self, files, error);
}

static void fw_cfg_finalize(GObject *object)
{
    FwCfg *self = HW_FW_CFG(object);

    g_ptr_array_unref(self->files);
    g_hash_table_unref(self->items);
    G_OBJECT_CLASS(g_type_class_peek_parent(G_OBJECT_GET_CLASS(object)))->finalize(object);
}

static void fw_cfg_class_init(DeviceClass *klass)
{
    klass->description = "firmware configuration ports";
    klass->category = DEVICE_CATEGORY_MISC;
    klass->realize = fw_cfg_realize;
    klass->unrealize = fw_cfg_unrealize;
    klass->reset = fw_cfg_reset;
    klass->save = fw_cfg_save;
    klass->load = fw_cfg_load;
    G_OBJECT_CLASS(klass)->finalize = fw_cfg_finalize;
}

static void fw_cfg_instance_init(FwCfg *self)
{
    g_autoptr(GBytes) signature = g_bytes_new_static("QEMU", 4);

    self->items = g_hash_table_new_full(NULL, NULL, NULL, item_free);
    self->files = g_ptr_array_new();
    self->selected = KEY_NONE & ~KEY_WRITE_CHANNEL;
    add_item(self, FW_CFG_SIGNATURE, signature);
    fw_cfg_add_u32(self, FW_CFG_ID, ID_TRADITIONAL | ID_DMA);
    update_directory(self);
}
