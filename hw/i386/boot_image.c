/*
 * Files, guest memory and registers of a boot without firmware.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/boot_image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/bytes.h"

/* ---- files ---- */

struct BootFile {
    char *option, *path;
    int fd; /* -1: @contents */
    uint64_t size;
    GByteArray *contents; /* of a pipe or device */
};

void boot_file_free(BootFile *file)
{
    if (!file) {
        return;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    if (file->contents) {
        g_byte_array_unref(file->contents);
    }
    g_free(file->option);
    g_free(file->path);
    g_free(file);
}

bool boot_file_error(const BootFile *file, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return error_setf(error, "%s %s: %s", file->option, file->path, text);
}

/* Reads a pipe to its end, but never more than @maximum bytes. */
static bool read_stream(BootFile *file, uint64_t maximum, GError **error)
{
    uint8_t buffer[65536];

    file->contents = g_byte_array_new();
    for (;;) {
        ssize_t n = read(file->fd, buffer, sizeof(buffer));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return boot_file_error(file, error, "%s", g_strerror(errno));
        }
        if (n == 0) {
            break;
        }
        if (file->contents->len + (uint64_t)n > MIN(maximum, INT32_MAX)) {
            return boot_file_error(file, error, "does not fit in the guest's memory");
        }
        g_byte_array_append(file->contents, buffer, n);
    }
    close(file->fd);
    file->fd = -1;
    file->size = file->contents->len;
    return true;
}

BootFile *boot_file_open(const char *option, const char *path, uint64_t maximum, GError **error)
{
    g_autoptr(BootFile) file = g_new0(BootFile, 1);
    struct stat status;

    file->option = g_strdup(option);
    file->path = g_strdup(path);
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &status) < 0) {
        boot_file_error(file, error, "%s", g_strerror(errno));
        return NULL;
    }
    if (S_ISDIR(status.st_mode)) {
        boot_file_error(file, error, "%s", g_strerror(EISDIR));
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        return read_stream(file, maximum, error) ? g_steal_pointer(&file) : NULL;
    }
    file->size = status.st_size;
    if (file->size > maximum) {
        boot_file_error(file, error,
                        "%" PRIu64 " bytes do not fit in the guest's memory (%" PRIu64 " MiB)",
                        file->size, maximum / MiB);
        return NULL;
    }
    return g_steal_pointer(&file);
}

uint64_t boot_file_size(const BootFile *file)
{
    return file->size;
}

bool boot_file_read(BootFile *file, uint64_t offset, void *buffer, uint64_t length, GError **error)
{
    uint64_t done = 0;

    if (offset > file->size || length > file->size - offset) {
        return boot_file_error(file, error,
                               "the file is truncated: bytes %" PRIu64 "-%" PRIu64 " of %" PRIu64,
                               offset, offset + length, file->size);
    }
    if (file->fd < 0) {
        if (length > 0) {
            memcpy(buffer, file->contents->data + offset, length);
        }
        return true;
    }
    while (done < length) {
        ssize_t n = pread(file->fd, (uint8_t *)buffer + done, length - done, offset + done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return boot_file_error(file, error, "%s",
                                   n < 0 ? g_strerror(errno) : "the file became shorter");
        }
        done += n;
    }
    return true;
}

/* ---- guest memory ---- */

void boot_space_init(BootSpace *space, const E820Table *e820)
{
    unsigned count;
    const E820Entry *entries = e820_entries(e820, &count);

    space->ram = g_array_new(FALSE, FALSE, sizeof(E820Entry));
    space->used = g_array_new(FALSE, FALSE, sizeof(E820Entry));
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].type == E820_RAM && entries[i].address < PC_4GIB) {
            g_array_append_val(space->ram, entries[i]);
        }
    }
}

void boot_space_clear(BootSpace *space)
{
    g_clear_pointer(&space->ram, g_array_unref);
    g_clear_pointer(&space->used, g_array_unref);
}

static const E820Entry *overlapping(const BootSpace *space, uint64_t start, uint64_t size)
{
    for (unsigned i = 0; i < space->used->len; i++) {
        const E820Entry *used = &g_array_index(space->used, E820Entry, i);

        if (start < used->address + used->length && used->address < start + size) {
            return used;
        }
    }
    return NULL;
}

bool boot_space_take(BootSpace *space, uint64_t start, uint64_t size)
{
    E820Entry entry = {.address = start, .length = size};

    if (size == 0) {
        return true;
    }
    for (unsigned i = 0; i < space->ram->len; i++) {
        const E820Entry *ram = &g_array_index(space->ram, E820Entry, i);

        if (start >= ram->address && start - ram->address < ram->length &&
            size <= ram->length - (start - ram->address) && !overlapping(space, start, size)) {
            g_array_append_val(space->used, entry);
            return true;
        }
    }
    return false;
}

bool boot_space_low(BootSpace *space, uint64_t size, uint64_t align, uint64_t from, uint64_t to,
                    uint64_t *address)
{
    for (unsigned i = 0; i < space->ram->len; i++) {
        const E820Entry *ram = &g_array_index(space->ram, E820Entry, i);
        uint64_t start = (MAX(from, ram->address) + align - 1) & ~(align - 1);
        uint64_t end = MIN(to, ram->address + ram->length);

        while (start < end && size <= end - start) {
            const E820Entry *used = overlapping(space, start, size);

            if (!used) {
                *address = start;
                return boot_space_take(space, start, size);
            }
            start = (used->address + used->length + align - 1) & ~(align - 1);
        }
    }
    return false;
}

bool boot_space_high(BootSpace *space, uint64_t size, uint64_t align, uint64_t from, uint64_t to,
                     uint64_t *address)
{
    for (unsigned i = space->ram->len; i-- > 0;) {
        const E820Entry *ram = &g_array_index(space->ram, E820Entry, i);
        uint64_t floor = MAX(from, ram->address);
        uint64_t end = MIN(to, ram->address + ram->length);

        while (end > floor && size <= end - floor) {
            uint64_t start = (end - size) & ~(align - 1);
            const E820Entry *used;

            if (start < floor) {
                break;
            }
            used = overlapping(space, start, size);
            if (!used) {
                *address = start;
                return boot_space_take(space, start, size);
            }
            end = used->address;
        }
    }
    return false;
}

/* ---- pieces ---- */

void boot_image_add_file(BootImage *image, BootFile *file)
{
    g_ptr_array_add(image->files, file);
}

void boot_image_add_part(BootImage *image, BootFile *file, uint64_t offset, uint64_t length,
                         uint64_t address, uint64_t size)
{
    BootPiece piece = {
        .address = address, .size = size, .length = length, .file = file, .offset = offset};

    g_array_append_val(image->pieces, piece);
}

void boot_image_add_bytes(BootImage *image, uint64_t address, GByteArray *bytes)
{
    BootPiece piece = {.address = address, .size = bytes->len, .length = bytes->len};

    piece.bytes = g_byte_array_free_to_bytes(bytes);
    g_array_append_val(image->pieces, piece);
}

bool boot_image_low_bytes(BootImage *image, GByteArray *bytes, uint64_t align, uint64_t *address,
                          GError **error)
{
    if (!boot_space_low(&image->space, bytes->len, align, BOOT_LOW_START, BOOT_LOW_END, address)) {
        error_setf(error, "-kernel %s: no free memory below 0x%x for %u bytes of boot data",
                   machine_config(image->platform->machine)->kernel, BOOT_LOW_END, bytes->len);
        g_byte_array_unref(bytes);
        return false;
    }
    boot_image_add_bytes(image, *address, bytes);
    return true;
}

bool boot_image_initrd(BootImage *image, uint64_t limit, uint64_t *address, uint64_t *size,
                       GError **error)
{
    const char *path = machine_config(image->platform->machine)->initrd;
    BootFile *file;

    *address = *size = 0;
    if (!path) {
        return true;
    }
    file = boot_file_open("-initrd", path, image->platform->ram_below_4g, error);
    if (!file) {
        return false;
    }
    boot_image_add_file(image, file);
    *size = boot_file_size(file);
    if (*size == 0) {
        return true;
    }
    if (!boot_space_high(&image->space, *size, BOOT_PAGE, BOOT_LOW_END, limit, address)) {
        return boot_file_error(file, error,
                               "%" PRIu64 " bytes do not fit in the guest's memory below 0x%" PRIx64
                               " (initrd is too large, cannot support)",
                               *size, MIN(limit, image->platform->ram_below_4g));
    }
    boot_image_add_part(image, file, 0, *size, *address, *size);
    return true;
}

const char *boot_image_command_line(const BootImage *image)
{
    const char *append = machine_config(image->platform->machine)->append;

    return append ? append : "";
}

static bool copy_from_file(const BootPiece *piece, AddressSpace *memory, GError **error)
{
    uint64_t done = 0;

    while (done < piece->length) {
        uint64_t chunk = piece->length - done;
        void *host = address_space_map(memory, piece->address + done, &chunk, true);
        bool good;

        if (!host) {
            return boot_file_error(piece->file, error, "no RAM at 0x%" PRIx64,
                                   piece->address + done);
        }
        good = boot_file_read(piece->file, piece->offset + done, host, chunk, error);
        address_space_unmap(memory, host, chunk, true);
        if (!good) {
            return false;
        }
        done += chunk;
    }
    return true;
}

bool boot_image_copy(BootImage *image, const BootPiece *piece, GError **error)
{
    AddressSpace *memory = machine_memory(image->platform->machine);

    if (piece->file) {
        if (!copy_from_file(piece, memory, error)) {
            return false;
        }
    } else {
        address_space_write(memory, piece->address, g_bytes_get_data(piece->bytes, NULL),
                            piece->length);
    }
    if (piece->size > piece->length) {
        address_space_fill(memory, piece->address + piece->length, 0, piece->size - piece->length);
    }
    return true;
}
