/*
 * What users type about images and what they are told: open errors, drive places, formats
 * recognised and refused, permissions, image locks against other processes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block-fixture.h"

#include "block/image_lock.h"
#include "block/node.h"

#include <sys/wait.h>

typedef struct {
    const char *options, *message;
} ErrorRow;

/* ---- -drive ---- */

static const ErrorRow drive_errors[] = {
    {"file=nope", "Could not open 'nope': No such file or directory"},
    {"file=nope,format=raw", "Could not open 'nope': No such file or directory"},
    {"file=/,format=raw", "Could not open '/': Is a directory"},
    {"file=/,format=raw,read-only=on", "'file' driver requires '/' to be a regular file"},
    {"file=file:/dev/null,format=raw", "'file' driver requires '/dev/null' to be a regular file"},
    {"file=host_device:a,format=raw",
     "'host_device' driver requires 'a' to be either a character or block device"},
    {"file=foo:a", "Unknown protocol 'foo'"},
    {"file=nbd://host/x", "Driver 'nbd' is not supported; images must be raw"},
    {"file=a,format=foo", "Unknown driver 'foo'"},
    {"file=a,format=qcow2", "Driver 'qcow2' is not supported; images must be raw"},
    {"file=a,format=raw,driver=raw", "Cannot specify both 'driver' and 'format'"},
    {"format=raw", "Parameter 'file' is missing"},
    {"if=foo", "unsupported bus type 'foo'"},
    {"if=ide,unit=5,file=a,format=raw", "unit 5 too big (max is 1)"},
    {"index=1,unit=0,file=a,format=raw", "index cannot be used with bus and unit"},
    {"index=x,file=a,format=raw", "Parameter 'index' expects a number, not 'x'"},
    {"file=a,format=raw,media=tape", "'tape' invalid media"},
    {"file=a,format=raw,cache=fast", "invalid cache option 'fast'"},
    {"file=a,format=raw,aio=foo", "invalid aio option 'foo'"},
    {"file=a,format=raw,aio=native", "aio=native was specified, but it requires cache.direct=on, "
                                     "which was not specified."},
    {"file=a,format=raw,discard=foo", "Invalid discard option 'foo'"},
    {"file=a,format=raw,detect-zeroes=foo",
     "Parameter 'detect-zeroes' does not accept value 'foo'"},
    {"file=a,format=raw,werror=foo", "'foo' invalid write error action"},
    {"file=a,format=raw,rerror=enospc", "'enospc' invalid read error action"},
    {"file=a,format=raw,werror=stop,if=floppy", "werror is not supported by this bus type"},
    {"file=a,format=raw,serial=abc", "Block format 'raw' does not support the option 'serial'"},
    {"file=a,format=raw,addr=4", "Block format 'raw' does not support the option 'addr'"},
    {"file=a,format=raw,file.bla=on", "Block protocol 'file' doesn't support the option 'bla'"},
    {"file=a,format=raw,read-only=maybe",
     "Parameter 'read-only' expects 'on' or 'off', not 'maybe'"},
    {"file=a,format=raw,snapshot=maybe", "Parameter 'snapshot' expects 'on' or 'off', not 'maybe'"},
    {"file=a,format=raw,copy-on-read=on", "copy-on-read=on is not supported"},
    {"file=a,format=raw,readonly=on,read-only=on",
     "'read-only' and its alias 'readonly' can't be used at the same time"},
    {"file=a,format=raw,throttling.bps-total=100,throttling.bps-read=4",
     "bps/iops/max total values and read/write values cannot be used at the same time"},
    {"file=a,format=raw,iops=100,iops_rd=9",
     "bps/iops/max total values and read/write values cannot be used at the same time"},
    {"file=a,format=raw,bps_max=100", "bps_max/iops_max require corresponding bps/iops values"},
    {"file=a,format=raw,bps=100,bps_max=50", "bps_max/iops_max cannot be lower than bps/iops"},
    {"file=a,format=raw,group=g",
     "throttling.group is not supported: each drive has limits of its own"},
    {"file=a,format=raw,force-share=on", "force-share=on can only be used with read-only images"},
    {"file=a,format=raw,id=1x", "Parameter 'id' expects an identifier (letters, digits, '-', '.', "
                                "'_', starting with a letter), not '1x'"},
    {"file=a,format=raw,node-name=a b", "Invalid node-name: 'a b'"},
    {"file=json:{},format=raw", "Parameter 'file' is missing"},
    {"file=/dev/fdset/4,format=raw", "Could not open '/dev/fdset/4': No such file or directory"},
    {"file=a,format=raw,offset=1G",
     "Offset (1073741824) cannot be greater than size of the containing file (1048576)"},
};

static void test_drive_errors(void)
{
    make_sparse("a", 1 << 20);
    for (size_t i = 0; i < G_N_ELEMENTS(drive_errors); i++) {
        g_autofree char *message = drive_error(drive_errors[i].options);
        g_test_message("-drive %s", drive_errors[i].options);
        g_assert_cmpstr(message, ==, drive_errors[i].message);
        g_assert_null(drive_nth(DRIVE_IF_IDE, 0));
        g_assert_null(drive_nth(DRIVE_IF_FLOPPY, 0));
    }
    block_cleanup();
}

static void test_drive_places(void)
{
    g_autoptr(GError) error = NULL;

    make_sparse("a", 512);
    add_drive("file=a,format=raw,read-only=on");
    add_drive("file=a,format=raw,media=cdrom,index=3");
    add_drive("file=a,format=raw,read-only=on");
    add_drive("if=virtio,file=a,format=raw,read-only=on");
    add_drive("if=none,file=a,format=raw,read-only=on,id=mine");
    add_drive("media=cdrom");
    DriveInfo *first = drive_get(DRIVE_IF_IDE, 0, 0);
    g_assert_cmpstr(first->id, ==, "ide0-hd0");
    g_assert_true(first->has_medium);
    g_assert_cmpstr(drive_get(DRIVE_IF_IDE, 1, 1)->id, ==, "ide1-cd1");
    g_assert_true(drive_get(DRIVE_IF_IDE, 1, 1)->cdrom);
    g_assert_cmpstr(drive_get(DRIVE_IF_IDE, 0, 1)->id, ==, "ide0-hd1");
    g_assert_cmpstr(drive_get(DRIVE_IF_IDE, 1, 0)->id, ==, "ide1-cd0");
    g_assert_false(drive_get(DRIVE_IF_IDE, 1, 0)->has_medium);
    g_assert_cmpstr(drive_get(DRIVE_IF_VIRTIO, 0, 0)->id, ==, "virtio0");
    g_assert_cmpstr(drive_nth(DRIVE_IF_NONE, 0)->id, ==, "mine");
    g_assert_null(drive_nth(DRIVE_IF_NONE, 1));
    g_autofree char *again = drive_error("file=a,format=raw,index=0");
    g_assert_cmpstr(again, ==, "drive with bus=0, unit=0 (index=0) exists");
    g_autofree char *same_id = drive_error("if=none,file=a,format=raw,id=mine");
    g_assert_cmpstr(same_id, ==, "Duplicate ID 'mine' for drive");
    first->claimed = true;
    g_assert_false(drives_check_claimed(&error));
    g_assert_cmpstr(error->message, ==, "machine type does not support if=ide,bus=1,unit=1");
    block_cleanup();
    g_assert_true(drives_check_claimed(NULL));
}

static void test_drive_in_use(void)
{
    make_sparse("a", 512);
    add_drive("file=a,format=raw,if=none,id=x");
    add_drive("file=a,format=raw,id=board,read-only=on,file.locking=off");
    g_autofree char *nothing = attach_error("y", WRITER);
    g_assert_cmpstr(nothing, ==, "Property 'ide-hd.drive' can't find value 'y'");
    BlockBackend *first = attach("x", WRITER);
    g_autofree char *second = attach_error("x", WRITER);
    g_assert_cmpstr(second, ==, "Drive 'x' is already in use by another device");
    BlockBackend *board = attach("board", READER);
    g_autofree char *taken = attach_error("board", READER);
    g_assert_cmpstr(taken, ==,
                    "Drive 'board' is already in use because it has been automatically connected "
                    "to another device (did you need 'if=none' in the drive options?)");
    block_backend_detach(first);
    first = attach("x", WRITER);
    block_backend_detach(first);
    close_all(board);
}

static void test_empty_and_read_only_drives(void)
{
    make_sparse("a", 512);
    add_drive("if=none,id=empty");
    add_drive("if=none,id=ro,file=a,format=raw,read-only=on");
    g_autofree char *empty = attach_error("empty", WRITER);
    g_assert_cmpstr(empty, ==, "Device needs media, but drive is empty");
    g_autofree char *read_only = attach_error("ro", WRITER);
    g_assert_cmpstr(read_only, ==, "Block node is read-only");
    BlockBackend *cd = attach("empty", (BlockPermissions){.allow_empty = true});
    uint8_t sector[512];
    g_assert_false(block_backend_is_inserted(cd));
    g_assert_cmpuint(block_backend_length(cd), ==, 0);
    g_assert_cmpint(do_read(cd, 0, sector, 512), ==, -ENOMEDIUM);
    BlockBackend *ro = attach("ro", READER);
    g_assert_true(block_backend_is_read_only(ro));
    g_assert_cmpint(do_write(ro, 0, sector, 512, 0), ==, -EPERM);
    block_backend_detach(ro);
    close_all(cd);
}

/* As any user but root: a file that cannot be written opens read-only, and a writer is refused. */
static void test_auto_read_only(void)
{
    if (geteuid() == 0) {
        g_test_skip("root may write everything");
        return;
    }
    make_sparse("ro", 512);
    g_assert_cmpint(chmod("ro", 0444), ==, 0);
    add_drive("if=none,id=ro,file=ro,format=raw");
    g_autofree char *message = attach_error("ro", WRITER);
    g_assert_cmpstr(message, ==, "Block node is read-only");
    block_cleanup();
}

/* ---- -blockdev ---- */

static const ErrorRow node_errors[] = {
    {"node-name=n", "Parameter 'driver' is missing"},
    {"driver=foo,node-name=n", "Parameter 'driver' does not accept value 'foo'"},
    {"driver=qcow2,node-name=n,file.driver=file,file.filename=a",
     "Driver 'qcow2' is not supported; images must be raw"},
    {"driver=file,filename=a", "'node-name' must be specified for the root node"},
    {"driver=file,filename=nope,node-name=n", "Could not open 'nope': No such file or directory"},
    {"driver=file,node-name=n", "Parameter 'filename' is missing"},
    {"driver=raw,node-name=n", "Parameter 'file' is missing"},
    {"driver=raw,node-name=n,file.driver=file", "Parameter 'file.filename' is missing"},
    {"driver=raw,node-name=n,file.filename=a", "Parameter 'file.driver' is missing"},
    {"driver=raw,node-name=n,file=zz", "Cannot find device='zz' nor node-name='zz'"},
    {"driver=raw,node-name=n,file=zz,bla=7", "Parameter 'bla' is unexpected"},
    {"driver=raw,node-name=n,file.driver=file,file.filename=a,file.bla=7",
     "Parameter 'file.bla' is unexpected"},
    {"driver=file,node-name=n,filename=a,cache.foo=on", "Parameter 'cache.foo' is unexpected"},
    {"driver=file,node-name=n,filename=a,locking=maybe",
     "Parameter 'locking' does not accept value 'maybe'"},
    {"driver=file,node-name=n,filename=a,aio=foo", "Parameter 'aio' does not accept value 'foo'"},
    {"driver=file,node-name=n,filename=a,detect-zeroes=unmap",
     "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap"},
    {"driver=raw,offset=512,size=2000000,node-name=n,file.driver=file,file.filename=a",
     "The sum of offset (512) and size (2000000) has to be smaller or equal to the actual size of "
     "the containing file (1048576)"},
    {"driver=raw,size=1000,node-name=n,file.driver=file,file.filename=a",
     "Specified size is not multiple of 512"},
    {"driver=file,node-name=1b,filename=a", "Invalid node-name: '1b'"},
    {"driver=file,node-name=drive,filename=a", "node-name=drive is conflicting with a device id"},
    {"driver=file,node-name=n,filename=a,force-share=on",
     "force-share=on can only be used with read-only images"},
    {"driver=null-co,node-name=n,latency-ns=x", "Parameter 'latency-ns' expects a number, not 'x'"},
};

static void test_node_errors(void)
{
    make_sparse("a", 1 << 20);
    add_drive("if=none,id=drive");
    for (size_t i = 0; i < G_N_ELEMENTS(node_errors); i++) {
        g_autofree char *message = node_error(node_errors[i].options);
        g_test_message("-blockdev %s", node_errors[i].options);
        g_assert_cmpstr(message, ==, node_errors[i].message);
        g_assert_false(block_node_exists("n"));
    }
    block_cleanup();
}

static void test_nodes_add_and_delete(void)
{
    g_autoptr(GError) in_use = NULL, above = NULL, unknown = NULL, not_ours = NULL;

    make_sparse("a", 1 << 20);
    add_node("driver=file,node-name=f,filename=a");
    add_node("{\"driver\":\"raw\",\"node-name\":\"r\",\"file\":\"f\",\"offset\":512}");
    g_autofree char *twice = node_error("driver=file,node-name=f,filename=a");
    g_assert_cmpstr(twice, ==, "Duplicate nodes with node-name='f'");
    BlockBackend *backend = attach("r", WRITER);
    g_assert_cmpuint(block_backend_length(backend), ==, (1 << 20) - 512);
    g_assert_cmpstr(block_backend_name(backend), ==, "r");
    g_assert_cmpstr(block_backend_filename(backend), ==, "a");
    g_assert_false(block_node_delete("r", &in_use));
    g_assert_cmpstr(in_use->message, ==, "Node r is in use");
    block_backend_detach(backend);
    g_assert_false(block_node_delete("f", &above));
    g_assert_cmpstr(above->message, ==, "Block device f is in use");
    g_assert_false(block_node_delete("nope", &unknown));
    g_assert_cmpstr(unknown->message, ==, "Failed to find node with node-name='nope'");
    add_node("driver=raw,node-name=q,file.driver=null-co,file.node-name=inner,file.size=1M");
    g_assert_false(block_node_delete("inner", &not_ours));
    g_assert_cmpstr(not_ours->message, ==, "Node inner is not owned by the monitor");
    g_assert_true(block_node_delete("q", NULL));
    g_assert_false(block_node_exists("inner"));
    g_assert_true(block_node_delete("r", NULL));
    g_assert_true(block_node_delete("f", NULL));
    block_cleanup();
}

static void test_permission_conflicts(void)
{
    make_sparse("a", 1 << 20);
    add_node("driver=file,node-name=f,filename=a");
    add_node("driver=raw,node-name=r,file=f");
    BlockBackend *first = attach("r", WRITER);
    g_autofree char *twice = attach_error("r", WRITER);
    g_assert_cmpstr(twice, ==,
                    "Permission conflict on node 'r': permissions 'write' are both required by "
                    "block device 'ide-hd' (uses node 'r' as 'root' child) and unshared by block "
                    "device 'ide-hd' (uses node 'r' as 'root' child).");
    g_autofree char *below = attach_error("f", WRITER);
    g_assert_true(g_str_has_prefix(below, "Permission conflict on node 'f': permissions 'write'"));
    /* Both let others write: fine. A reader that allows writers: fine too. */
    block_backend_detach(first);
    BlockPermissions sharing = {.write = true, .share_write = true};
    first = attach("r", sharing);
    BlockBackend *second = attach("f", sharing);
    block_backend_detach(second);
    /* Yielding makes room for another writer, and then the first may not come back. */
    block_backend_detach(first);
    first = attach("r", WRITER);
    block_backend_yield_write(first);
    uint8_t sector[512] = {0};
    g_assert_cmpint(do_write(first, 0, sector, 512, 0), ==, -EPERM);
    g_assert_cmpint(do_read(first, 0, sector, 512), ==, 0);
    second = attach("r", WRITER);
    g_autoptr(GError) error = NULL;
    g_assert_false(block_backend_take_write(first, &error));
    g_assert_nonnull(error);
    block_backend_detach(second);
    g_assert_true(block_backend_take_write(first, NULL));
    g_assert_cmpint(do_write(first, 0, sector, 512, 0), ==, 0);
    close_all(first);
}

/* ---- formats ---- */

static const struct {
    const char *format;
    size_t offset;
    const char *bytes;
    size_t length;
} foreign_images[] = {
    {"qcow", 0, "QFI\xfb\0\0\0\1", 8},
    {"qcow2", 0, "QFI\xfb\0\0\0\2", 8},
    {"qcow2", 0, "QFI\xfb\0\0\0\3", 8},
    {"qed", 0, "QED\0", 4},
    {"vmdk", 0, "KDMV", 4},
    {"vmdk", 0, "COWD", 4},
    {"vmdk", 0, "# Disk DescriptorFile\nversion=1\nCID=fffffffe\n", 46},
    {"vdi", 0x40, "\x7f\x10\xda\xbe", 4},
    {"vpc", 0, "conectix", 8},
    {"vhdx", 0, "vhdxfile", 8},
    {"luks", 0, "LUKS\xba\xbe\0\1", 8},
    {"luks", 0, "LUKS\xba\xbe\0\2", 8},
    {"parallels", 0, "WithoutFreeSpace", 16},
    {"parallels", 0, "WithouFreSpacExt", 16},
    {"bochs", 0, "Bochs Virtual HD Image", 22},
    {"cloop", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0", 46},
};

static void test_foreign_formats_are_refused(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(foreign_images); i++) {
        make_sparse("f", 1 << 20);
        int fd = open("f", O_WRONLY);
        g_assert_cmpint(pwrite(fd, foreign_images[i].bytes, foreign_images[i].length,
                               (off_t)foreign_images[i].offset),
                        ==, foreign_images[i].length);
        close(fd);
        g_autofree char *message = drive_error("file=f");
        g_autofree char *expected =
            g_strdup_printf("Could not open 'f': Driver '%s' is not supported; images must be raw",
                            foreign_images[i].format);
        g_assert_cmpstr(message, ==, expected);
        /* Said to be raw, it is raw. */
        add_drive("file=f,format=raw,if=none,id=x");
        block_cleanup();
    }
    make_sparse("disk.dmg", 1 << 20);
    g_autofree char *dmg = drive_error("file=disk.dmg");
    g_assert_cmpstr(dmg, ==,
                    "Could not open 'disk.dmg': Driver 'dmg' is not supported; images must "
                    "be raw");
    block_cleanup();
}

/* Guessed raw: the first sector may be written, but not so that it looks like something else. */
static void test_guessed_raw_keeps_its_first_sector(void)
{
    uint8_t sectors[1024] = "a boot sector", in[1024];

    make_sparse("a", 1 << 20);
    BlockBackend *backend = open_drive("file=a");
    g_assert_cmpint(do_write(backend, 0, sectors, 1024, 0), ==, 0);
    memcpy(sectors, "QFI\xfb\0\0\0\3", 8);
    g_assert_cmpint(do_write(backend, 0, sectors, 1024, 0), ==, -EPERM);
    g_assert_cmpint(do_write(backend, 512, sectors, 512, 0), ==, 0);
    g_assert_cmpint(do_write(backend, 256, sectors, 512, 0), ==, -EINVAL);
    g_assert_cmpint(do_zeroes(backend, 0, 512, 0), ==, 0);
    g_assert_cmpint(do_read(backend, 0, in, 1024), ==, 0);
    g_assert_true(all_bytes(in, 512, 0));
    close_all(backend);
    backend = open_drive("file=a,format=raw");
    g_assert_cmpint(do_write(backend, 0, sectors, 1024, 0), ==, 0);
    close_all(backend);
}

static void guess_in_subprocess(void)
{
    fixture_start();
    make_sparse("a", 1 << 20);
    add_drive("file=a,if=none,id=w");
    add_drive("file=a,if=none,id=r,read-only=on,file.locking=off");
    block_cleanup();
    fixture_end();
}

static void test_guess_is_warned_of_once_for_each_writable_drive(void)
{
    if (g_test_subprocess()) {
        guess_in_subprocess();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr(
        "WARNING: Image format was not specified for 'a' and probing guessed raw.\n"
        "         Automatically detecting the format is dangerous for raw images, write operations "
        "on block 0 will be restricted.\n"
        "         Specify the 'raw' format explicitly to remove the restrictions.\n");
}

static void test_other_ways_to_name_an_image(void)
{
    make_sparse("a", 1 << 20);
    add_drive("if=none,id=d1,driver=null-co,size=1M,read-zeroes=on");
    add_drive("if=none,id=d2,file=null-co://,format=raw");
    add_drive("if=none,id=d3,file=file:a,format=raw,read-only=on");
    add_drive(
        "{\"if\":\"none\",\"id\":\"d4\",\"file\":\"json:{\\\"driver\\\":\\\"raw\\\",\\\"file\\\":{"
        "\\\"driver\\\":\\\"file\\\",\\\"filename\\\":\\\"a\\\"}}\",\"read-only\":true}");
    add_drive("if=none,id=d5,driver=file,file=a,read-only=on,node-name=named");
    add_drive("if=none,id=d6,format=raw,file.driver=file,file.filename=a,read-only=on");
    static const uint64_t sizes[] = {1 << 20, 1 << 30, 1 << 20, 1 << 20, 1 << 20, 1 << 20};
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *id = g_strdup_printf("d%u", i + 1);
        BlockBackend *backend = attach(id, READER);
        g_assert_cmpuint(block_backend_length(backend), ==, sizes[i]);
        g_assert_cmpstr(block_backend_name(backend), ==, id);
        block_backend_detach(backend);
    }
    g_assert_true(block_node_exists("named"));
    block_cleanup();
    g_assert_false(block_node_exists("named"));
}

static void test_cache_modes_of_a_drive(void)
{
    make_sparse("a", 1 << 20);
    BlockBackend *backend = open_drive("file=a,format=raw,cache=writethrough");
    g_assert_false(block_backend_write_cache(backend));
    close_all(backend);
    backend = open_drive("file=a,format=raw,cache=writethrough,cache.writeback=on");
    g_assert_true(block_backend_write_cache(backend));
    g_assert_cmpuint(block_backend_request_alignment(backend), ==, 1);
    close_all(backend);
    backend = open_drive("file=a,format=raw,cache=unsafe,discard=unmap");
    g_assert_true(block_node_find(block_backend_node_name(backend))->no_flush);
    g_assert_true(block_backend_discard_enabled(backend));
    close_all(backend);
}

/* ---- image locks ---- */

/* What another process would be told that wants @permissions of the image "a". */
static char *foreign_lock_error(unsigned permissions, unsigned shared)
{
    int channel[2];
    char text[256] = "";

    g_assert_cmpint(pipe(channel), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        GError *error = NULL;
        ImageLock lock = {.fd = open("a", O_RDWR | O_CLOEXEC)};
        if (!image_lock_set(&lock, "a", permissions, shared, &error) &&
            write(channel[1], error->message, strlen(error->message)) < 0) {
            _exit(1);
        }
        _exit(0);
    }
    close(channel[1]);
    g_assert_cmpint(read(channel[0], text, sizeof(text) - 1), >=, 0);
    close(channel[0]);
    g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
    return text[0] ? g_strdup(text) : NULL;
}

#define LOCK_HINT "\nIs another process using the image [a]?"

static const unsigned reads = BLOCK_PERMISSION_READ;
static const unsigned reads_and_writes = BLOCK_PERMISSION_READ | BLOCK_PERMISSION_WRITE;
static const unsigned shares_reads = BLOCK_PERMISSION_READ | BLOCK_PERMISSION_WRITE_UNCHANGED;

static void test_locks_against_another_process(void)
{
    make_sparse("a", 1 << 20);
    add_drive("file=a,format=raw,if=none,id=d");
    g_autofree char *unused = foreign_lock_error(reads_and_writes, shares_reads);
    g_assert_null(unused);
    BlockBackend *backend = attach("d", WRITER);
    g_autofree char *writer = foreign_lock_error(reads_and_writes, BLOCK_PERMISSION_ALL);
    g_assert_cmpstr(writer, ==, "Failed to get \"write\" lock" LOCK_HINT);
    g_autofree char *strict_reader = foreign_lock_error(reads, shares_reads);
    g_assert_cmpstr(strict_reader, ==, "Failed to get shared \"write\" lock" LOCK_HINT);
    g_autofree char *reader = foreign_lock_error(reads, BLOCK_PERMISSION_ALL);
    g_assert_null(reader);
    block_backend_yield_write(backend);
    g_autofree char *after_yield = foreign_lock_error(reads_and_writes, shares_reads);
    g_assert_null(after_yield);
    g_assert_true(block_backend_take_write(backend, NULL));
    g_autofree char *taken = foreign_lock_error(reads_and_writes, BLOCK_PERMISSION_ALL);
    g_assert_nonnull(taken);
    block_backend_detach(backend);
    g_autofree char *after_detach = foreign_lock_error(reads_and_writes, shares_reads);
    g_assert_null(after_detach);
    block_cleanup();
}

/* A child that holds the image's locks until it is told to go. */
static pid_t hold_foreign_lock(unsigned permissions, unsigned shared, int *release)
{
    int ready[2], go[2];
    char byte;

    g_assert_cmpint(pipe(ready), ==, 0);
    g_assert_cmpint(pipe(go), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        ImageLock lock = {.fd = open("a", O_RDWR | O_CLOEXEC)};
        bool good = image_lock_set(&lock, "a", permissions, shared, NULL);
        close(go[1]);
        good = write(ready[1], "", 1) == 1 && good;
        while (read(go[0], &byte, 1) < 0) {
        }
        _exit(good ? 0 : 1);
    }
    close(ready[1]);
    close(go[0]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    *release = go[1];
    return child;
}

static void end_foreign_lock(pid_t child, int release)
{
    int status;

    close(release);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

static void test_another_process_has_the_image(void)
{
    int release;

    make_sparse("a", 1 << 20);
    pid_t child = hold_foreign_lock(reads_and_writes, shares_reads, &release);
    add_drive("file=a,format=raw,if=none,id=w");
    add_drive("file=a,format=raw,if=none,id=r,read-only=on");
    add_drive("file=a,format=raw,if=none,id=shared,read-only=on,force-share=on");
    add_drive("file=a,format=raw,if=none,id=unlocked,file.locking=off");
    g_autofree char *writer = attach_error("w", WRITER);
    g_assert_cmpstr(writer, ==, "Failed to get \"write\" lock" LOCK_HINT);
    g_autofree char *reader = attach_error("r", READER);
    g_assert_cmpstr(reader, ==, "Failed to get shared \"write\" lock" LOCK_HINT);
    BlockBackend *shared = attach("shared", READER);
    BlockBackend *unlocked = attach("unlocked", WRITER);
    end_foreign_lock(child, release);
    block_backend_detach(unlocked);
    block_backend_detach(shared);
    close_all(attach("w", WRITER));
}

/* Two drives of one process are as strange to each other as two processes. */
static void test_two_drives_on_one_image(void)
{
    make_sparse("a", 1 << 20);
    add_drive("file=a,format=raw,if=none,id=x");
    add_drive("file=a,format=raw,if=none,id=y");
    BlockBackend *first = attach("x", WRITER);
    g_autofree char *second = attach_error("y", WRITER);
    g_assert_cmpstr(second, ==, "Failed to get \"write\" lock" LOCK_HINT);
    g_autofree char *snapshot = drive_error("file=a,format=raw,if=none,id=z,snapshot=on");
    g_assert_cmpstr(snapshot, ==, "Failed to get shared \"write\" lock" LOCK_HINT);
    close_all(first);
}

static int medium_events, last_load;

static void note_medium(void *opaque, bool load)
{
    medium_events++;
    last_load = load;
}

static void test_medium_comes_and_goes(void)
{
    static const BlockDeviceOps ops = {.medium_changed = note_medium};
    uint8_t sector[512];

    make_image("a", 1024);
    add_node("driver=file,node-name=disc,filename=a,read-only=on");
    BlockBackend *backend = block_backend_new_empty("ide-cd");
    block_backend_set_device_ops(backend, &ops, NULL);
    g_assert_cmpint(do_read(backend, 0, sector, 512), ==, -ENOMEDIUM);
    g_assert_true(block_backend_insert_medium(backend, "disc", NULL));
    g_assert_true(medium_events == 1 && last_load == 1);
    g_assert_cmpint(do_read(backend, 512, sector, 512), ==, 0);
    g_assert_true(all_pattern(sector, 512, 512));
    g_autoptr(GError) error = NULL;
    g_assert_false(block_backend_insert_medium(backend, "disc", &error));
    g_assert_cmpstr(error->message, ==, "There already is a medium in device 'disc'");
    block_backend_remove_medium(backend);
    g_assert_true(medium_events == 2 && last_load == 0);
    g_assert_false(block_backend_is_inserted(backend));
    close_all(backend);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (g_test_subprocess()) {
        g_test_add_func("/block/graph/guess-is-warned-of",
                        test_guess_is_warned_of_once_for_each_writable_drive);
        return g_test_run();
    }
    fixture_start();
    g_test_add_func("/block/graph/drive-errors", test_drive_errors);
    g_test_add_func("/block/graph/drive-places", test_drive_places);
    g_test_add_func("/block/graph/drive-in-use", test_drive_in_use);
    g_test_add_func("/block/graph/empty-and-read-only-drives", test_empty_and_read_only_drives);
    g_test_add_func("/block/graph/auto-read-only", test_auto_read_only);
    g_test_add_func("/block/graph/node-errors", test_node_errors);
    g_test_add_func("/block/graph/nodes-add-and-delete", test_nodes_add_and_delete);
    g_test_add_func("/block/graph/permission-conflicts", test_permission_conflicts);
    g_test_add_func("/block/graph/foreign-formats-are-refused", test_foreign_formats_are_refused);
    g_test_add_func("/block/graph/guessed-raw-keeps-its-first-sector",
                    test_guessed_raw_keeps_its_first_sector);
    g_test_add_func("/block/graph/guess-is-warned-of",
                    test_guess_is_warned_of_once_for_each_writable_drive);
    g_test_add_func("/block/graph/other-ways-to-name-an-image", test_other_ways_to_name_an_image);
    g_test_add_func("/block/graph/cache-modes-of-a-drive", test_cache_modes_of_a_drive);
    g_test_add_func("/block/graph/locks-against-another-process",
                    test_locks_against_another_process);
    g_test_add_func("/block/graph/another-process-has-the-image",
                    test_another_process_has_the_image);
    g_test_add_func("/block/graph/two-drives-on-one-image", test_two_drives_on_one_image);
    g_test_add_func("/block/graph/medium-comes-and-goes", test_medium_comes_and_goes);
    int result = g_test_run();
    fixture_end();
    return result;
}
