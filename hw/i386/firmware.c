/*
 * The BIOS ROM.
 *
 * Source: the PC's memory map: reset vector at 0xfffffff0, system BIOS at 0xe0000-0xfffff.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-host.h"
#include "util/bytes.h"

#define FOUR_GIB        (UINT64_C(1) << 32)
#define ROM_GRANULARITY (64 * KiB)
#define ROM_MAX         (8 * MiB) /* below the local APICs */

static const char *const firmware_folders[] = {
    "/usr/share/seabios",
    CONFIG_DATADIR,
    "/usr/share/qemu",
    "/usr/share/OVMF",
};

typedef struct {
    MemoryRegion rom, isa_alias;
} PcFirmware;

static bool readable(const char *path)
{
    return access(path, R_OK) == 0;
}

char *firmware_find(const MachineConfig *config, const char *name)
{
    char *path;

    if (readable(name)) {
        return g_strdup(name);
    }
    for (unsigned i = 0; config->firmware_path && i < config->firmware_path->len; i++) {
        path = g_build_filename(config->firmware_path->pdata[i], name, NULL);
        if (readable(path)) {
            return path;
        }
        g_free(path);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(firmware_folders); i++) {
        path = g_build_filename(firmware_folders[i], name, NULL);
        if (readable(path)) {
            return path;
        }
        g_free(path);
    }
    return NULL;
}

static bool read_whole(int fd, uint8_t *buffer, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(fd, buffer + done, size - done, done);

        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            errno = n == 0 ? EIO : errno;
            return false;
        }
        done += MAX(n, 0);
    }
    return true;
}

static bool load_rom(PcFirmware *firmware, int fd, const char *name, GError **error)
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        return error_set_errno(error, errno, "could not load PC BIOS '%s'", name);
    }
    if (!S_ISREG(status.st_mode) || status.st_size <= 0 || status.st_size % ROM_GRANULARITY != 0 ||
        (uint64_t)status.st_size > ROM_MAX) {
        return error_setf(error,
                          "could not load PC BIOS '%s': its size must be a multiple of 64 KiB, up "
                          "to 8 MiB",
                          name);
    }
    if (!memory_region_init_rom(&firmware->rom, "pc.bios", status.st_size, error)) {
        return false;
    }
    if (!read_whole(fd, memory_region_host(&firmware->rom), status.st_size)) {
        int errnum = errno;

        memory_region_destroy(&firmware->rom);
        return error_set_errno(error, errnum, "could not load PC BIOS '%s'", name);
    }
    return true;
}

static void firmware_free(gpointer data)
{
    PcFirmware *firmware = data;

    memory_region_destroy(&firmware->isa_alias);
    memory_region_destroy(&firmware->rom);
    g_free(firmware);
}

static void map_rom(PcFirmware *firmware, MemoryRegion *pci_memory)
{
    uint64_t size = memory_region_size(&firmware->rom);
    uint64_t isa_size = MIN(size, PC_ISA_BIOS_MAX);

    memory_region_init_alias(&firmware->isa_alias, "isa-bios", &firmware->rom, size - isa_size,
                             isa_size);
    memory_transaction_begin();
    memory_region_add_overlap(pci_memory, PC_ISA_BIOS_END - isa_size, &firmware->isa_alias, 1);
    memory_region_add(pci_memory, FOUR_GIB - size, &firmware->rom);
    memory_transaction_commit();
}

bool pc_firmware_map(Machine *machine, MemoryRegion *pci_memory, GError **error)
{
    const MachineConfig *config = machine_config(machine);
    const char *name = config->bios ? config->bios : PC_DEFAULT_FIRMWARE;
    g_autofree char *path = firmware_find(config, name);
    g_autofree PcFirmware *firmware = g_new0(PcFirmware, 1);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool good;

    if (fd < 0) {
        return error_set_errno(error, path ? errno : ENOENT, "could not load PC BIOS '%s'", name);
    }
    good = load_rom(firmware, fd, name, error);
    close(fd);
    if (good) {
        map_rom(firmware, pci_memory);
        g_object_set_data_full(G_OBJECT(machine), "pc-firmware", g_steal_pointer(&firmware),
                               firmware_free);
    }
    return good;
}
