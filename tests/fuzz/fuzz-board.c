/*
 * libFuzzer: a guest that does anything to the whole board: ports, memory, configuration space, its
 * own RAM as chips read it; time passes, buttons and keys are pressed, the machine is reset, and
 * saved and loaded in the middle of it.
 *
 * The machine is made once, by the start-up of the process itself. Each input begins with the same
 * one: saved state, RAM and images are put back to what they were after the setup that firmware
 * does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/mman.h>
#include <unistd.h>

#include "block/block.h"
#include "fuzz-input.h"
#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "hw/input/input.h"
#include "system/command_line.h"
#include "system/startup.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"

enum {
    STEPS = 400,
    DISK_SIZE = 512 * 1024,
    FLOPPY_SIZE = 1440 * 1024,
    FLASH_SIZE = 256 * 1024,
    MAX_TIMERS = 64, /* that expire in a step: a fast one may not keep the machine busy */
    MAX_TURNS = 32,  /* of the main loop in a step */
    RAM_STRIDE = 16,
};

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* ---- images ---- */

/* A file that this process alone has: what is in it, and what was at first. */
typedef struct {
    const char *name;
    size_t size;
    char *path;
    uint8_t *bytes;
} Image;

static Image images[] = {
    {.name = "disk", .size = DISK_SIZE},
    {.name = "floppy", .size = FLOPPY_SIZE},
    {.name = "flash", .size = FLASH_SIZE},
};

static void make_image(Image *image)
{
    int fd = memfd_create(image->name, MFD_CLOEXEC);

    g_assert(fd >= 0 && ftruncate(fd, (off_t)image->size) == 0);
    image->path = g_strdup_printf("/proc/self/fd/%d", fd);
    image->bytes = mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert(image->bytes != MAP_FAILED);
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Most inputs write to none: reading is cheaper than dirtying the pages. */
static void clear_images(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(images); i++) {
        if (!is_zero(images[i].bytes, images[i].size)) {
            memset(images[i].bytes, 0, images[i].size);
        }
    }
}

/* ---- the machine ---- */

static struct {
    GVariant *state;       /* of every device, when an input begins */
    RamDirtyLog *dirty;    /* what has to be put back */
    GPtrArray *ram_copies; /* of each block of the log */
} at_first;

static const char *const devices[] = {
    "ide-hd,drive=disk,bus=ide.0,unit=0",
    "ide-hd,drive=broken,bus=ide.0,unit=1,rerror=stop,werror=report",
    "ide-cd,drive=cd,bus=ide.1,unit=0",
    "ide-cd,bus=ide.1,unit=1",
    "floppy,drive=diskette,unit=0",
    "isa-debugcon,iobase=0x402,chardev=debugcon",
    "isa-debug-exit,iobase=0xf4",
    "pvpanic",
    "ib700",
    "vmcoreinfo",
    "vmgenid",
    "pc-testdev",
    "pci-testdev,addr=2",
    "xen-platform,addr=3",
};

static const char options[] =
    "-M pc,pflash0=flash -accel qtest -m 4 -nodefaults -display none -no-shutdown "
    "-action panic=pause,watchdog=reset -rtc base=2000-01-01,clock=vm "
    "-chardev null,id=debugcon -chardev ringbuf,id=com2 -serial null -serial chardev:com2 "
    "-blockdev driver=null-co,node-name=null,size=64M,read-zeroes=on "
    "-blockdev driver=null-co,node-name=cd,size=2M,read-zeroes=on,read-only=on "
    "-blockdev driver=blkdebug,node-name=broken,image=null,inject-error.0.event=none,"
    "inject-error.0.sector=1,inject-error.0.errno=5";

static void add_word(GPtrArray *words, const char *format, const char *argument)
{
    g_ptr_array_add(words, g_strdup_printf(format, argument));
}

static void add_images(GPtrArray *words)
{
    static const char *const formats[] = {
        "driver=file,node-name=disk,filename=%s,locking=off",
        "driver=file,node-name=diskette,filename=%s,locking=off",
        "driver=file,node-name=flash,filename=%s,locking=off",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(images); i++) {
        make_image(&images[i]);
        add_word(words, "%s", "-blockdev");
        add_word(words, formats[i], images[i].path);
    }
}

static GPtrArray *command_words(void)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) fixed = g_strsplit(options, " ", -1);

    add_word(words, "%s", "fuzz-board");
    for (char **word = fixed; *word; word++) {
        add_word(words, "%s", *word);
    }
    add_images(words);
    for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
        add_word(words, "%s", "-device");
        add_word(words, "%s", devices[i]);
    }
    return words;
}

static void start_machine(void)
{
    g_autoptr(GPtrArray) words = command_words();
    g_autoptr(StartConfig) config = start_config_new();
    g_autoptr(GError) error = NULL;

    device_types_init();
    if (!command_line_parse(config, (int)words->len, (char **)words->pdata, &error)) {
        g_error("%s", error->message);
    }
    g_assert(startup_begin(config));
}

/* ---- accesses ---- */

static void port_write(uint16_t port, uint64_t value, unsigned size)
{
    address_space_store(machine_io(machine_get()), port, value, size);
}

static void port_read(uint16_t port, unsigned size)
{
    address_space_load(machine_io(machine_get()), port, size);
}

static uint16_t select_config(uint8_t devfn, uint8_t reg)
{
    port_write(0xcf8, 0x80000000 | (uint32_t)devfn << 8 | (reg & 0xfc), 4);
    return 0xcfc + (reg & 3);
}

static void config_write(uint8_t devfn, uint8_t reg, uint32_t value, unsigned size)
{
    port_write(select_config(devfn, reg), value, size);
}

/* Interrupts unmasked, the floppy controller awake with DMA channel 2 open. */
static void set_up_isa(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } writes[] = {
        {0x20, 0x11}, {0x21, 0x08}, {0x21, 0x04}, {0x21, 0x01}, {0x21, 0x00}, {0xa0, 0x11},
        {0xa1, 0x70}, {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0x00}, {0xd6, 0xc0}, {0xd4, 0x00},
        {0x0b, 0x46}, {0x05, 0xff}, {0x05, 0x0f}, {0x81, 0x02}, {0x0a, 0x02}, {0x3f2, 0x1c},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(writes); i++) {
        port_write(writes[i].port, writes[i].value, 1);
    }
}

/* Where firmware would put them; the tables of ports and addresses below know these places. */
static void set_up_pci(void)
{
    static const struct {
        uint8_t devfn, reg;
        uint32_t value;
    } writes[] = {
        {0x09, 0x20, 0xc000},     {0x09, 0x04, 0x05}, {0x09, 0x40, 0x80008000},
        {0x0b, 0x40, 0x600},      {0x0b, 0x80, 0x01}, {0x0b, 0x90, 0x700},
        {0x0b, 0xd2, 0x09},       {0x0b, 0x04, 0x01}, {0x10, 0x10, 0xfeb00000},
        {0x10, 0x14, 0xc200},     {0x10, 0x04, 0x07}, {0x18, 0x10, 0xc100},
        {0x18, 0x14, 0xf0000000}, {0x18, 0x04, 0x07},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(writes); i++) {
        unsigned size = writes[i].value > 0xffff || writes[i].reg % 4 == 0 ? 4 : 1;
        config_write(writes[i].devfn, writes[i].reg, writes[i].value, size);
    }
}

/* ---- from input to input ---- */

static void settle(void)
{
    block_drain_all();
    for (unsigned i = 0; i < MAX_TURNS && g_main_context_iteration(NULL, FALSE); i++) {
    }
    run_state_process_requests();
}

static void load_state(GVariant *state)
{
    g_autoptr(GError) error = NULL;

    if (!machine_load(machine_get(), state, &error)) {
        g_error("what the machine saved does not load: %s", error->message);
    }
}

static void put_back_page(unsigned block, uint64_t page)
{
    RamBlock *ram = ram_dirty_log_block(at_first.dirty, block);
    const uint8_t *copy = at_first.ram_copies->pdata[block];
    uint64_t offset = page * RAM_PAGE_SIZE;
    uint64_t length = MIN(RAM_PAGE_SIZE, ram_block_size(ram) - offset);

    memcpy((uint8_t *)ram_block_host(ram) + offset, copy + offset, length);
}

static void put_back_ram(void)
{
    for (unsigned i = 0; i < ram_dirty_log_blocks(at_first.dirty); i++) {
        uint64_t size = ram_block_size(ram_dirty_log_block(at_first.dirty, i));
        for (uint64_t word = 0; word * 64 * RAM_PAGE_SIZE < size; word++) {
            uint64_t bits = ram_dirty_log_take(at_first.dirty, i, word);
            for (; bits; bits &= bits - 1) {
                put_back_page(i, word * 64 + (unsigned)__builtin_ctzll(bits));
            }
        }
    }
}

/* The state of @run_state_start() is what a reset leaves, whatever the guest has asked for before.
 */
static void begin_anew(void)
{
    settle();
    run_state_request_reset(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    settle();
    run_state_stop(RUN_STATE_PAUSED);
    load_state(at_first.state);
    put_back_ram();
    g_assert(run_state_start(NULL));
    /* flash memory writes its whole image when it goes on after loading */
    settle();
    clear_images();
}

static void copy_ram(void)
{
    at_first.dirty = ram_dirty_log_start();
    at_first.ram_copies = g_ptr_array_new();
    for (unsigned i = 0; i < ram_dirty_log_blocks(at_first.dirty); i++) {
        RamBlock *ram = ram_dirty_log_block(at_first.dirty, i);
        g_ptr_array_add(at_first.ram_copies, g_memdup2(ram_block_host(ram), ram_block_size(ram)));
    }
    put_back_ram();
}

/* ---- the guest ---- */

/* The low bits of @step are its kind; above them stands the width of an access. */
static unsigned width(uint8_t step, unsigned largest)
{
    return MIN(1u << (step >> 6), largest);
}

/* A chip's registers, @stride bytes apart. */
typedef struct {
    uint32_t base;
    uint16_t count;
    uint8_t stride;
} Registers;

static hwaddr take_register(Input *input, const Registers *chips, unsigned count)
{
    const Registers *chip = &chips[take(input, 1) % count];

    return chip->base + take(input, chip->count > 256 ? 2 : 1) % chip->count * chip->stride;
}

static uint16_t take_port(Input *input)
{
    static const Registers chips[] = {
        {0x00, 16, 1}, {0x10, 4, 1},    {0x20, 2, 1},   {0x40, 4, 1},    {0x60, 5, 1},
        {0x70, 4, 1},  {0x80, 16, 1},   {0x92, 1, 1},   {0xa0, 2, 1},    {0xb2, 2, 1},
        {0xc0, 16, 2}, {0xe0, 8, 1},    {0xf4, 2, 1},   {0x170, 8, 1},   {0x1f0, 8, 1},
        {0x376, 1, 1}, {0x3f0, 6, 1},   {0x3f6, 2, 1},  {0x2f8, 8, 1},   {0x3f8, 8, 1},
        {0x402, 1, 1}, {0x441, 3, 1},   {0x4d0, 2, 1},  {0x505, 1, 1},   {0x510, 2, 1},
        {0x514, 8, 1}, {0x600, 16, 1},  {0x700, 16, 1}, {0xae00, 5, 4},  {0xafe0, 4, 1},
        {0xcf8, 8, 1}, {0xc000, 16, 1}, {0xc100, 8, 1}, {0xc200, 32, 1}, {0xcf9, 1, 1},
        {0x61, 1, 1},
    };

    if (input->left > 0 && *input->data >= 0xf0) {
        return (uint16_t)(take(input, 3) >> 8);
    }
    return (uint16_t)take_register(input, chips, G_N_ELEMENTS(chips));
}

static hwaddr take_address(Input *input)
{
    static const Registers chips[] = {
        {0xfec00000, 5, 16},  {0xfed00000, 96, 4},     {0xfee00000, 64, 16},   {0xfeb00000, 32, 1},
        {0xf0000000, 16, 1},  {0xfffc0000, 0xffff, 4}, {0xfffc0000, 0x400, 1}, {0xa0000, 0x8000, 4},
        {0xc0000, 0x8000, 8}, {0x3ffff0, 32, 1},       {0xfffffff0, 16, 1},    {0xfed00100, 12, 8},
    };

    if (input->left > 0 && *input->data >= 0xf0) {
        take(input, 1);
        return take(input, 8);
    }
    return take_register(input, chips, G_N_ELEMENTS(chips));
}

static uint8_t take_function(Input *input)
{
    static const uint8_t functions[] = {0x00, 0x08, 0x09, 0x0b, 0x10, 0x18};
    uint8_t function = (uint8_t)take(input, 1);

    return function < 0xf0 ? functions[function % G_N_ELEMENTS(functions)] : function;
}

static void step_port_write(Input *input, uint8_t step)
{
    uint16_t port = take_port(input);
    unsigned size = width(step, 4);

    port_write(port, take(input, size), size);
}

static void step_port_read(Input *input, uint8_t step)
{
    port_read(take_port(input), width(step, 4));
}

/* "rep insw" and the like: a sector or more. */
static void step_port_read_many(Input *input, uint8_t step)
{
    uint16_t port = take_port(input);
    unsigned count = (unsigned)take(input, 1) * 4;

    for (unsigned i = 0; i < count; i++) {
        port_read(port, width(step, 4));
    }
}

/* "rep outsw": a packet, the parameters of a command, or a pattern that is as long as it likes. */
static void step_port_write_many(Input *input, uint8_t step)
{
    uint16_t port = take_port(input);
    uint8_t count = (uint8_t)take(input, 1);
    unsigned size = width(step, 4);

    for (unsigned i = 0; i < (count & 0x1f); i++) {
        port_write(port, take(input, size), size);
    }
    for (unsigned i = 0; i < (count >> 5) * 64u; i++) {
        port_write(port, i * count, size);
    }
}

static void step_memory_write(Input *input, uint8_t step)
{
    hwaddr address = take_address(input);
    unsigned size = width(step, 8);

    address_space_store(machine_memory(machine_get()), address, take(input, size), size);
}

static void step_memory_read(Input *input, uint8_t step)
{
    address_space_load(machine_memory(machine_get()), take_address(input), width(step, 8));
}

static void step_config_write(Input *input, uint8_t step)
{
    uint8_t function = take_function(input), reg = (uint8_t)take(input, 1);
    unsigned size = width(step, 4);

    config_write(function, reg, (uint32_t)take(input, size), size);
}

static void step_config_read(Input *input, uint8_t step)
{
    uint8_t function = take_function(input), reg = (uint8_t)take(input, 1);

    port_read(select_config(function, reg), width(step, 4));
}

/* Descriptors for chips to read. */
static void step_ram(Input *input, uint8_t step)
{
    hwaddr address = take(input, 2) * RAM_STRIDE;
    size_t length, limit = 8u << (step >> 6);
    const uint8_t *bytes = take_bytes(input, limit, &length);

    address_space_write(machine_memory(machine_get()), address, bytes, length);
}

static void step_ram_fill(Input *input, uint8_t step)
{
    hwaddr address = take(input, 2) * RAM_STRIDE;
    unsigned size = width(step, 8);
    uint64_t value = take(input, size), count = take(input, 1) * 8;

    for (uint64_t i = 0; i < count; i++) {
        address_space_store(machine_memory(machine_get()), address + i * size, value, size);
    }
}

/* ---- disks: what is too long for luck alone ---- */

typedef struct {
    uint16_t ports;
    uint8_t select; /* bit 4: which of the two drives */
    uint16_t bus_master;
} Channel;

static Channel take_channel(Input *input)
{
    uint8_t where = (uint8_t)take(input, 1);

    return where & 1 ? (Channel){0x170, where & 0xfe, 0xc008}
                     : (Channel){0x1f0, where & 0xfe, 0xc000};
}

/* Features, count and address, the older bytes first if there are such, then the command. */
static void step_ata_command(Input *input, uint8_t step)
{
    Channel channel = take_channel(input);

    port_write(channel.ports + 6, channel.select, 1);
    for (unsigned i = 0; i < (step >> 6 ? 2 : 1); i++) {
        for (unsigned reg = 1; reg <= 5; reg++) {
            port_write(channel.ports + reg, take(input, 1), 1);
        }
    }
    port_write(channel.ports + 7, take(input, 1), 1);
}

static void step_packet(Input *input, uint8_t step)
{
    Channel channel = take_channel(input);

    port_write(channel.ports + 6, channel.select, 1);
    port_write(channel.ports + 1, step >> 6 & 1, 1); /* by DMA or through the data port */
    port_write(channel.ports + 4, take(input, 1), 1);
    port_write(channel.ports + 5, take(input, 1), 1);
    port_write(channel.ports + 7, 0xa0, 1);
    settle();
    for (unsigned i = 0; i < 6; i++) {
        port_write(channel.ports, take(input, 2), 2);
    }
}

/* A table of one to four regions, and a transfer over it. */
static void step_bus_master(Input *input, uint8_t step)
{
    static const uint32_t table = 0x10000;
    Channel channel = take_channel(input);
    AddressSpace *memory = machine_memory(machine_get());

    for (unsigned i = 0; i <= step >> 6; i++) {
        uint64_t address = take(input, 2) * RAM_STRIDE, count = take(input, 2);
        uint64_t last = i == step >> 6 ? 0x80000000 : 0;
        address_space_store(memory, table + i * 8, address | (count | last) << 32, 8);
    }
    port_write(channel.bus_master + 4, table, 4);
    port_write(channel.bus_master, channel.select & 8 ? 9 : 1, 1);
}

/* ---- the world around it ---- */

static void pass_time(int64_t until)
{
    for (unsigned i = 0; i < MAX_TIMERS; i++) {
        int64_t next = clock_next_deadline_ns(CLOCK_VIRTUAL);
        if (next < 0 || next > until) {
            clock_virtual_step_to(until);
            return;
        }
        clock_virtual_step_to(MAX(next, clock_get_ns(CLOCK_VIRTUAL)));
    }
}

/* To the next timers, or by a power of two of nanoseconds up to half a minute. */
static void step_time(Input *input, uint8_t step)
{
    uint8_t amount = (uint8_t)take(input, 1);
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);

    if (step >> 6) {
        pass_time(now + (INT64_C(1) << amount % 36));
        return;
    }
    for (unsigned i = 0; i < 1u + amount % 8; i++) {
        pass_time(MAX(now, clock_next_deadline_ns(CLOCK_VIRTUAL)));
    }
}

static void step_main_loop(Input *input, uint8_t step)
{
    if (step >> 6) {
        settle();
        return;
    }
    g_main_context_iteration(NULL, FALSE);
    run_state_process_requests();
}

static bool saved_once;

/* Whatever state a guest has brought about can be saved, and goes on when loaded. Once for an
 * input: it takes as long as a hundred other steps. */
static void save_and_load(void)
{
    g_autoptr(GVariant) state = NULL;

    if (run_state_is_running() && !saved_once) {
        saved_once = true;
        run_state_stop(RUN_STATE_PAUSED);
        state = g_variant_ref_sink(machine_save(machine_get()));
        load_state(state);
        g_assert(run_state_start(NULL));
    }
}

static void step_host(Input *input, uint8_t step)
{
    uint8_t act = (uint8_t)take(input, 1);

    if (act < 0x80) {
        input_send_key(input_key_from_number(act), step >> 6);
    } else if (act < 0xc0) {
        input_send_mouse((int8_t)take(input, 1), (int8_t)take(input, 1), step >> 6, act & 7);
    } else if (act < 0xe0) {
        save_and_load();
    } else if (act < 0xe8) {
        run_state_request_powerdown();
    } else if (act < 0xf0) {
        run_state_request_wakeup();
    } else {
        run_state_request_reset(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    }
}

static const struct {
    void (*take)(Input *input, uint8_t step);
    bool by_guest; /* who can do it only while it runs */
} steps[] = {
    {step_port_write, true},      {step_ata_command, true},
    {step_port_read, true},       {step_port_read_many, true},
    {step_port_write_many, true}, {step_memory_write, true},
    {step_memory_read, true},     {step_config_write, true},
    {step_config_read, true},     {step_ram, true},
    {step_packet, true},          {step_ram_fill, true},
    {step_time, false},           {step_bus_master, true},
    {step_main_loop, false},      {step_host, false},
};

/* A disk's error has stopped it; somebody lets it try again. */
static void go_on_after_error(void)
{
    if (run_state_get() == RUN_STATE_IO_ERROR) {
        run_state_start(NULL);
    }
}

static void take_step(Input *input)
{
    uint8_t step = (uint8_t)take(input, 1);
    unsigned kind = (step & 0x3f) % G_N_ELEMENTS(steps);

    if (!steps[kind].by_guest || run_state_is_running()) {
        steps[kind].take(input, step);
    } else {
        settle();
        go_on_after_error();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {data, size};

    saved_once = false;
    for (unsigned i = 0; i < STEPS && input.left > 0; i++) {
        take_step(&input);
    }
    begin_anew();
    return 0;
}

/* What a guest can make the process tell goes nowhere; "-close_fd_mask=0" on the command line shows
 * it. The first of the same options is the one that counts least. */
static void silence(int *argc, char ***argv)
{
    char **words = g_new0(char *, (size_t)*argc + 2);

    words[0] = (*argv)[0];
    words[1] = g_strdup("-close_fd_mask=2");
    memcpy(words + 2, *argv + 1, ((size_t)*argc - 1) * sizeof(*words));
    *argv = words;
    (*argc)++;
}

__attribute__((visibility("default"))) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
    start_machine();
    set_up_pci();
    set_up_isa();
    settle();
    run_state_stop(RUN_STATE_PAUSED);
    at_first.state = g_variant_ref_sink(machine_save(machine_get()));
    copy_ram();
    g_assert(run_state_start(NULL));
    silence(argc, argv);
    return 0;
}
