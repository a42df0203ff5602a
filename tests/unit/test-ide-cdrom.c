/*
 * ATAPI CD-ROM: packets by PIO and DMA, sense data, what is told of drive and medium, tray and
 * medium changes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide-fixture.h"

#define IMAGE "cd"
#define DATA  0x200000
#define CD    SECONDARY

#define REASON_COMMAND 1
#define REASON_DONE    3
#define REASON_IN      2
#define REASON_OUT     0

static Device *begin(uint64_t size)
{
    setup();
    make_image(IMAGE, size);
    return add_cdrom(IMAGE);
}

typedef struct {
    uint8_t bytes[12];
} Packet;

static void send_packet(const Packet *packet, uint16_t limit, bool dma)
{
    outb(CD + 6, 0xa0);
    outb(CD + 1, dma);
    outb(CD + 4, (uint8_t)limit);
    outb(CD + 5, (uint8_t)(limit >> 8));
    outb(CD + 7, 0xa0);
    g_assert_cmphex(wait_ready(CD) & (DRQ | ERR), ==, DRQ);
    g_assert_cmphex(inb(CD + 2) & 7, ==, REASON_COMMAND);
    g_assert_cmpint(irq_level[1], ==, 0);
    write_data(CD, packet->bytes, 12);
}

/* The bytes of a reply, at most @size; every burst keeps to @limit. */
static size_t take_reply(uint8_t *bytes, size_t size, uint16_t limit)
{
    size_t total = 0;

    while (wait_ready(CD) & DRQ) {
        unsigned length = inb(CD + 4) | inb(CD + 5) << 8;

        g_assert_cmpint(irq_level[1], ==, 1);
        g_assert_cmphex(inb(CD + 2) & 7, ==, REASON_IN);
        g_assert_cmpint(length, <=, limit);
        g_assert_cmpint(length, >, 0);
        g_assert_cmpint(total + length, <=, size);
        inb(CD + 7);
        for (unsigned i = 0; i < length; i += 2) {
            uint16_t word = (uint16_t)in_port(CD, 2);
            bytes[total + i] = (uint8_t)word;
            if (i + 1 < length) {
                bytes[total + i + 1] = (uint8_t)(word >> 8);
            }
        }
        total += length;
    }
    g_assert_cmphex(inb(CD + 2) & 7, ==, REASON_DONE);
    return total;
}

static size_t ask(const Packet *packet, uint8_t *bytes, size_t size)
{
    size_t length;

    send_packet(packet, 0xfffe, false);
    length = take_reply(bytes, size, 0xfffe);
    check_done(CD);
    return length;
}

static void run(const Packet *packet)
{
    g_assert_cmpint(ask(packet, NULL, 0), ==, 0);
}

/* CHECK CONDITION with @sense (key, code, qualifier); REQUEST SENSE takes it. */
static void expect_sense(uint32_t sense)
{
    Packet request = {{0x03, 0, 0, 0, 18}};
    uint8_t bytes[18];

    g_assert_cmphex(wait_ready(CD), ==, DRDY | DSC | ERR);
    g_assert_cmphex(inb(CD + 1) >> 4, ==, sense >> 16);
    g_assert_cmphex(inb(CD + 2) & 7, ==, REASON_DONE);
    g_assert_cmpint(irq_level[1], ==, 1);
    inb(CD + 7);
    g_assert_cmpint(ask(&request, bytes, sizeof(bytes)), ==, 18);
    g_assert_cmphex(bytes[0] & 0x7f, ==, 0x70);
    g_assert_cmphex((uint32_t)bytes[2] << 16 | bytes[12] << 8 | bytes[13], ==, sense);
    ask(&request, bytes, sizeof(bytes)); /* once only */
    g_assert_cmphex(bytes[2], ==, 0);
}

static void refused(const Packet *packet, uint32_t sense)
{
    send_packet(packet, 0xfffe, false);
    expect_sense(sense);
}

#define PACKET(...) (&(Packet){{__VA_ARGS__}})

static const Packet ready = {{0x00}};

static Packet read_10(uint32_t address, uint16_t count)
{
    Packet packet = {{0x28}};

    store_be32(packet.bytes + 2, address);
    store_be16(packet.bytes + 7, count);
    return packet;
}

/* ---- presence ---- */

static void signature_and_identify(void)
{
    uint16_t words[256];
    uint8_t sum = 0;

    begin(1 * MiB);
    outb(control_port(CD), 0x04);
    outb(control_port(CD), 0x00);
    g_assert_cmphex(alternate_status(CD), ==, 0);
    g_assert_cmphex(inb(CD + 4), ==, 0x14);
    g_assert_cmphex(inb(CD + 5), ==, 0xeb);
    send_command(CD, 0xec, (Command){0}); /* IDENTIFY DEVICE: the signature and an error */
    check_error(CD, 0x04);
    g_assert_cmphex(inb(CD + 4), ==, 0x14);
    g_assert_cmphex(inb(CD + 5), ==, 0xeb);
    send_command(CD, 0x20, (Command){.count = 1});
    check_error(CD, 0x04);
    send_command(CD, 0xc8, (Command){.count = 1});
    check_error(CD, 0x04);
    identify(CD, 0xa1, words);
    g_assert_cmphex(words[0], ==, 0x85c0);
    g_assert_cmphex(words[49] & 0x0300, ==, 0x0300);
    g_assert_cmphex(words[82] & 0x0210, ==, 0x0210);
    for (unsigned i = 0; i < 256; i++) {
        sum += (uint8_t)(words[i] + (words[i] >> 8));
    }
    g_assert_cmphex(sum, ==, 0);
    send_command(CD, 0x08, (Command){0}); /* DEVICE RESET */
    g_assert_cmphex(wait_ready(CD), ==, 0);
    g_assert_cmphex(inb(CD + 5), ==, 0xeb);
    g_assert_cmpint(irq_level[1], ==, 0);
    teardown();
}

static void flush_with_an_empty_drive_is_aborted(void)
{
    setup();
    add_cdrom(NULL);
    send_command(CD, 0xe7, (Command){0});
    check_error(CD, 0x04);
    refused(&ready, 0x023a01);
    refused(&(Packet){{0x25}}, 0x023a01);
    teardown();
}

static void inquiry_names_the_drive(void)
{
    uint8_t bytes[96];

    begin(1 * MiB);
    g_assert_cmpint(ask(PACKET(0x12, 0, 0, 0, 96), bytes, sizeof(bytes)), ==, 36);
    g_assert_cmphex(bytes[0], ==, 0x05);
    g_assert_cmphex(bytes[1], ==, 0x80);
    g_assert_cmpmem(bytes + 8, 8, "QEMU    ", 8);
    g_assert_cmpmem(bytes + 16, 16, "QEMU DVD-ROM    ", 16);
    g_assert_cmpint(ask(PACKET(0x12, 0, 0, 0, 5), bytes, sizeof(bytes)), ==, 5); /* odd length */
    g_assert_cmphex(bytes[4], ==, 31);
    g_assert_cmpint(ask(PACKET(0x12, 1, 0, 0, 96), bytes, sizeof(bytes)), ==, 7);
    g_assert_cmpmem(bytes + 4, 3, "\x00\x80\x83", 3);
    g_assert_cmpint(ask(PACKET(0x12, 1, 0x80, 0, 96), bytes, sizeof(bytes)), ==, 11);
    g_assert_cmpmem(bytes + 4, 7, "QM00003", 7);
    refused(PACKET(0x12, 1, 0xb0, 0, 96), 0x052400);
    refused(PACKET(0xff), 0x052000);
    teardown();
}

/* ---- reading ---- */

static void pio_keeps_to_the_byte_limit(void)
{
    static const uint16_t limits[] = {2048, 0xfffe, 4096, 512, 1000, 63488};
    g_autofree uint8_t *bytes = g_malloc(50 * 2048);

    begin(1 * MiB);
    for (unsigned i = 0; i < G_N_ELEMENTS(limits); i++) {
        Packet packet = read_10(10 + i, 50);

        memset(bytes, 0, 50 * 2048);
        send_packet(&packet, limits[i], false);
        g_assert_cmpint(take_reply(bytes, 50 * 2048, limits[i]), ==, 50 * 2048);
        check_done(CD);
        check_pattern(bytes, (10 + i) * 2048, 50 * 2048);
    }
    teardown();
}

static void dma_reads_go_to_memory(void)
{
    static const Region regions[] = {
        {DATA, 0x1000, false}, {DATA + 0x8000, 0x4002, false}, {DATA + 0x10000, 0x2ffe, true}};
    Packet packet = read_10(7, 16);

    begin(1 * MiB);
    prepare_dma(CD, regions, 3);
    send_packet(&packet, 0, true);
    start_dma(CD, true);
    g_assert_cmphex(wait_dma(CD), ==, 0x04);
    g_assert_cmphex(inb(CD + 2) & 7, ==, REASON_DONE);
    check_done(CD);
    check_pattern(guest(DATA), 7 * 2048, 0x1000);
    check_pattern(guest(DATA + 0x8000), 7 * 2048 + 0x1000, 0x4002);
    check_pattern(guest(DATA + 0x10000), 7 * 2048 + 0x5002, 0x2ffe);
    prepare_dma(CD, regions, 3);
    packet = (Packet){{0x12, 0, 0, 0, 36}}; /* a short reply */
    send_packet(&packet, 0, true);
    start_dma(CD, true);
    g_assert_cmphex(wait_dma(CD), ==, 0x05); /* the table is longer */
    check_done(CD);
    g_assert_cmphex(guest(DATA)[4], ==, 31);
    outb(BUS_MASTER + 8, 0);
    prepare_dma(CD, regions, 3);
    packet = read_10(7, 100); /* the table is shorter */
    send_packet(&packet, 0, true);
    start_dma(CD, true);
    g_assert_cmphex(wait_dma(CD), ==, 0x00);
    g_assert_cmphex(wait_ready(CD) & (BSY | DRQ), ==, 0);
    teardown();
}

static void reading_beyond_the_end_is_refused(void)
{
    Packet packet = read_10(511, 2);
    Packet long_read = {{0xa8, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}};
    uint8_t bytes[2048];

    begin(1 * MiB); /* 512 sectors */
    refused(&packet, 0x052100);
    packet = read_10(0xffffffff, 1);
    refused(&packet, 0x052100);
    refused(&long_read, 0x052100);
    packet = read_10(511, 1);
    g_assert_cmpint(ask(&packet, bytes, sizeof(bytes)), ==, 2048);
    check_pattern(bytes, 511 * 2048, 2048);
    packet = read_10(512, 0); /* nothing, at the end */
    run(&packet);
    run(PACKET(0x2b, 0, 0, 0, 1, 0xff)); /* SEEK 511 */
    refused(PACKET(0x2b, 0, 0, 0, 2, 0), 0x052100);
    teardown();
}

static void read_error_names_the_sector(void)
{
    Packet packet = read_10(96, 32), request = {{0x03, 0, 0, 0, 18}};
    static const Region one[] = {{DATA, 0, true}};
    uint8_t bytes[18];

    begin(1 * MiB);
    shrink_image(IMAGE, 100 * 2048);
    prepare_dma(CD, one, 1);
    packet = read_10(96, 4);
    send_packet(&packet, 0, true);
    start_dma(CD, true);
    g_assert_cmphex(wait_dma(CD), ==, 0x05);
    check_done(CD);
    teardown();

    /* The length that the drive sees is the old one only while a request is under way. */
    begin(1 * MiB);
    packet = read_10(96, 32);
    prepare_dma(CD, one, 1);
    send_packet(&packet, 0, true);
    shrink_image(IMAGE, 100 * 2048);
    start_dma(CD, true);
    wait_dma(CD);
    g_assert_cmphex(wait_ready(CD), ==, DRDY | DSC | ERR);
    inb(CD + 7);
    ask(&request, bytes, sizeof(bytes));
    g_assert_cmphex(bytes[0], ==, 0xf0);
    g_assert_cmphex(bytes[2], ==, 0x03);
    g_assert_cmphex(bytes[12], ==, 0x11);
    g_assert_cmpint(load_be32(bytes + 3), ==, 100);
    teardown();
}

/* Product of two elements of the field of ECMA-130's correction codes. */
static uint8_t field_times(uint8_t a, uint8_t b)
{
    uint8_t product = 0;

    for (; b; b >>= 1) {
        product ^= b & 1 ? a : 0;
        a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1d : 0));
    }
    return product;
}

/* Both sums that the code makes zero: of the bytes, and of them times falling powers of alpha. */
static void check_vector(const uint8_t *bytes, unsigned length)
{
    uint8_t sum = 0, weighted = 0, power = 1;

    for (unsigned i = length; i-- > 0;) {
        sum ^= bytes[i];
        weighted ^= field_times(bytes[i], power);
        power = field_times(power, 2);
    }
    g_assert_cmphex(sum, ==, 0);
    g_assert_cmphex(weighted, ==, 0);
}

static void check_correction(const uint8_t *sector)
{
    const uint8_t *covered = sector + 12;

    for (unsigned column = 0; column < 86; column++) {
        uint8_t vector[26];

        for (unsigned i = 0; i < 26; i++) {
            vector[i] = covered[86 * i + column];
        }
        check_vector(vector, 26);
    }
    for (unsigned diagonal = 0; diagonal < 52; diagonal++) {
        uint8_t vector[45];
        unsigned n = diagonal / 2, plane = diagonal & 1;

        for (unsigned m = 0; m < 43; m++) {
            vector[m] = covered[2 * ((44 * m + 43 * n) % 1118) + plane];
        }
        vector[43] = covered[2 * (1118 + n) + plane];
        vector[44] = covered[2 * (1118 + 26 + n) + plane];
        check_vector(vector, 45);
    }
}

/* Division of the whole sector up to its detection code by the polynomial leaves nothing. */
static void check_detection(const uint8_t *sector)
{
    uint32_t code = 0;

    for (unsigned i = 0; i < 2068; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bool carry = (code ^ (sector[i] >> bit)) & 1;
            code = code >> 1 ^ (carry ? 0xd8018001 : 0);
        }
    }
    g_assert_cmphex(code, ==, 0);
}

static void raw_sectors_are_whole(void)
{
    static const uint8_t sync[12] = {0,    0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0};
    static const Region one[] = {{DATA, 0x4000, true}};
    g_autofree uint8_t *bytes = g_malloc(3 * 2352);
    Packet packet = {{0xbe, 0, 0, 0, 1, 0x10, 0, 0, 3, 0xf8}};

    begin(1 * MiB);
    g_assert_cmpint(ask(&packet, bytes, 3 * 2352), ==, 3 * 2352);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *sector = bytes + i * 2352;

        g_assert_cmpmem(sector, 12, sync, 12);
        g_assert_cmphex(sector[12], ==, 0x00); /* 272 + 150 = 00:05:47 */
        g_assert_cmphex(sector[13], ==, 0x05);
        g_assert_cmphex(sector[14], ==, 0x47 + i);
        g_assert_cmphex(sector[15], ==, 0x01);
        check_pattern(sector + 16, (272 + i) * 2048, 2048);
        check_detection(sector);
        check_correction(sector);
    }
    packet.bytes[9] = 0x10; /* user data only */
    g_assert_cmpint(ask(&packet, bytes, 3 * 2352), ==, 3 * 2048);
    check_pattern(bytes, 272 * 2048, 3 * 2048);
    packet.bytes[9] = 0x20; /* header only */
    g_assert_cmpint(ask(&packet, bytes, 3 * 2352), ==, 12);
    g_assert_cmpmem(bytes + 8, 4, "\x00\x05\x49\x01", 4);
    packet.bytes[9] = 0x00;
    run(&packet);
    packet.bytes[9] = 0xf8;
    packet.bytes[10] = 1; /* sub-channel */
    refused(&packet, 0x052400);
    packet.bytes[10] = 0;
    packet.bytes[1] = 1 << 2; /* CD-DA wanted */
    refused(&packet, 0x056400);
    packet = (Packet){{0xb9, 0, 0, 0, 5, 47, 0, 5, 49, 0xf8}}; /* READ CD MSF, two sectors */
    prepare_dma(CD, one, 1);
    send_packet(&packet, 0, true);
    start_dma(CD, true);
    g_assert_cmphex(wait_dma(CD), ==, 0x05);
    check_done(CD);
    check_pattern(guest(DATA) + 16, 272 * 2048, 2048);
    check_correction(guest(DATA) + 2352);
    refused(PACKET(0xb9, 0, 0, 0, 1, 80, 0, 5, 49, 0xf8), 0x052400);
    teardown();
}

/* ---- the medium ---- */

static void capacity_and_contents(void)
{
    uint8_t bytes[128];

    begin(1 * MiB);
    g_assert_cmpint(ask(PACKET(0x25), bytes, sizeof(bytes)), ==, 8);
    g_assert_cmpint(load_be32(bytes), ==, 511);
    g_assert_cmpint(load_be32(bytes + 4), ==, 2048);
    g_assert_cmpint(ask(PACKET(0x43, 0, 0, 0, 0, 0, 0, 0, 128), bytes, sizeof(bytes)), ==, 20);
    g_assert_cmpmem(bytes, 12, "\x00\x12\x01\x01\x00\x14\x01\x00\x00\x00\x00\x00", 12);
    g_assert_cmphex(bytes[14], ==, 0xaa);
    g_assert_cmpint(load_be32(bytes + 16), ==, 512);
    g_assert_cmpint(ask(PACKET(0x43, 2, 0, 0, 0, 0, 0xaa, 0, 128), bytes, sizeof(bytes)), ==, 12);
    g_assert_cmpmem(bytes + 8, 4, "\x00\x00\x08\x3e", 4); /* 512 + 150 = 00:08:62 */
    refused(PACKET(0x43, 0, 0, 0, 0, 0, 2, 0, 128), 0x052400);
    g_assert_cmpint(ask(PACKET(0x43, 0, 1, 0, 0, 0, 0, 0, 128), bytes, sizeof(bytes)), ==, 12);
    g_assert_cmpint(ask(PACKET(0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40), bytes, sizeof(bytes)), ==,
                    12); /* format in the old place */
    g_assert_cmpint(ask(PACKET(0x43, 2, 2, 0, 0, 0, 0, 0, 128), bytes, sizeof(bytes)), ==, 48);
    g_assert_cmphex(bytes[4 + 3], ==, 0xa0);
    g_assert_cmphex(bytes[4 + 33 + 3], ==, 0x01);
    g_assert_cmphex(bytes[4 + 33 + 9], ==, 2); /* 00:02:00 */
    refused(PACKET(0x43, 0, 5, 0, 0, 0, 0, 0, 128), 0x052400);
    g_assert_cmpint(ask(PACKET(0x51, 0, 0, 0, 0, 0, 0, 0, 128), bytes, sizeof(bytes)), ==, 34);
    g_assert_cmphex(bytes[2], ==, 0x0e);
    g_assert_cmpint(ask(PACKET(0x52, 1, 0, 0, 0, 1, 0, 0, 128), bytes, sizeof(bytes)), ==, 36);
    g_assert_cmpint(load_be32(bytes + 24), ==, 512);
    refused(PACKET(0x52, 1, 0, 0, 0, 2, 0, 0, 128), 0x052400);
    g_assert_cmpint(ask(PACKET(0x42, 0, 0x40, 1, 0, 0, 0, 0, 128), bytes, sizeof(bytes)), ==, 16);
    g_assert_cmphex(bytes[1], ==, 0x15);
    refused(PACKET(0xad, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0x053002); /* a CD has no DVD structure */
    teardown();
}

static void large_images_are_dvds(void)
{
    uint8_t bytes[2052];
    Packet structure = {{0xad, 0, 0, 0, 0, 0, 0, 0, 8, 4}};

    setup();
    make_sparse(IMAGE, 2 * GiB);
    add_cdrom(IMAGE);
    g_assert_cmpint(ask(PACKET(0x46, 0, 0, 0, 0, 0, 0, 0, 8), bytes, sizeof(bytes)), ==, 8);
    g_assert_cmphex(load_be16(bytes + 6), ==, 0x10);
    g_assert_cmpint(ask(&structure, bytes, sizeof(bytes)), ==, 2052);
    g_assert_cmpint(load_be16(bytes), ==, 2050);
    g_assert_cmpint(load_be32(bytes + 12), ==, 0x30000 + 2 * GiB / 2048 - 1);
    structure.bytes[7] = 1;
    g_assert_cmpint(ask(&structure, bytes, sizeof(bytes)), ==, 8);
    structure.bytes[7] = 0xff;
    g_assert_cmpint(ask(&structure, bytes, sizeof(bytes)), ==, 16);
    structure.bytes[7] = 3;
    refused(&structure, 0x052400);
    teardown();
}

static void configuration_lists_features(void)
{
    uint8_t bytes[256];
    size_t length;

    begin(1 * MiB);
    length = ask(PACKET(0x46, 0, 0, 0, 0, 0, 0, 1, 0), bytes, sizeof(bytes));
    g_assert_cmpint(load_be32(bytes), ==, length - 4);
    g_assert_cmphex(load_be16(bytes + 6), ==, 0x08);
    for (size_t at = 8; at < length; at += 4 + bytes[at + 3]) {
        g_assert_cmpint(at + 4 + bytes[at + 3], <=, length);
    }
    length = ask(PACKET(0x46, 2, 0, 0x1e, 0, 0, 0, 1, 0), bytes, sizeof(bytes));
    g_assert_cmpint(length, ==, 16);
    g_assert_cmphex(load_be16(bytes + 8), ==, 0x1e);
    g_assert_cmphex(bytes[10] & 1, ==, 1);
    length = ask(PACKET(0x46, 2, 0, 0x1f, 0, 0, 0, 1, 0), bytes, sizeof(bytes));
    g_assert_cmphex(bytes[10] & 1, ==, 0); /* a CD is in */
    length = ask(PACKET(0x46, 1, 0, 0x1f, 0, 0, 0, 1, 0), bytes, sizeof(bytes));
    g_assert_cmphex(load_be16(bytes + 8), ==, 0x100);
    refused(PACKET(0x46, 3, 0, 0, 0, 0, 0, 1, 0), 0x052400);
    teardown();
}

/* ---- mode pages ---- */

static void mode_select_6(const uint8_t *data, size_t length)
{
    Packet packet = {{0x15, 0x10, 0, 0, (uint8_t)length}};

    send_packet(&packet, 0xfffe, false);
    g_assert_cmphex(wait_ready(CD) & (DRQ | ERR), ==, DRQ);
    g_assert_cmphex(inb(CD + 2) & 7, ==, REASON_OUT);
    g_assert_cmpint(inb(CD + 4) | inb(CD + 5) << 8, ==, length);
    g_assert_cmpint(irq_level[1], ==, 1);
    inb(CD + 7);
    write_data(CD, data, length);
}

static void mode_pages_are_told_and_set(void)
{
    uint8_t bytes[256], page[16];

    begin(1 * MiB);
    g_assert_cmpint(ask(PACKET(0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 255), bytes, sizeof(bytes)), ==,
                    8 + 12 + 12 + 12 + 20);
    g_assert_cmpint(load_be16(bytes), ==, 8 + 56 - 2);
    g_assert_cmpint(ask(PACKET(0x1a, 0, 0x2a, 0, 255), bytes, sizeof(bytes)), ==, 24);
    g_assert_cmphex(bytes[4], ==, 0x2a);
    g_assert_cmphex(bytes[4 + 6] & 0x0b, ==, 0x09);
    refused(PACKET(0x5a, 0, 0xc1, 0, 0, 0, 0, 0, 255), 0x053900);
    refused(PACKET(0x5a, 0, 0x05, 0, 0, 0, 0, 0, 255), 0x052400);
    g_assert_cmpint(ask(PACKET(0x1a, 0, 0x01, 0, 16), page, sizeof(page)), ==, 16);
    g_assert_cmpint(page[7], ==, 5);
    memset(page, 0, 4);
    page[7] = 9; /* retries may be changed */
    mode_select_6(page, 16);
    check_done(CD);
    ask(PACKET(0x1a, 0, 0x01, 0, 16), page, sizeof(page));
    g_assert_cmpint(page[7], ==, 9);
    ask(PACKET(0x1a, 0, 0x41, 0, 16), page, sizeof(page)); /* which bits may be changed */
    g_assert_cmphex(page[7], ==, 0xff);
    ask(PACKET(0x1a, 0, 0x81, 0, 16), page, sizeof(page)); /* defaults */
    g_assert_cmpint(page[7], ==, 5);
    memset(page, 0, 4);
    page[6] = 1; /* that bit may not */
    mode_select_6(page, 16);
    expect_sense(0x052600);
    mode_select_6(page, 10); /* the page is cut off */
    expect_sense(0x051a00);
    memset(page, 0, 16);
    page[3] = 200; /* block descriptors beyond the list */
    mode_select_6(page, 16);
    expect_sense(0x051a00);
    refused(PACKET(0x15, 0x00, 0, 0, 16), 0x052400);
    run(PACKET(0x15, 0x10, 0, 0, 0));
    teardown();
}

/* ---- tray and changes ---- */

static void event(uint8_t code, uint8_t state)
{
    uint8_t bytes[8];

    g_assert_cmpint(ask(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), bytes, sizeof(bytes)), ==, 8);
    g_assert_cmphex(bytes[2], ==, 4);
    g_assert_cmphex(bytes[4], ==, code);
    g_assert_cmphex(bytes[5], ==, state);
}

static void tray_opens_and_locks(void)
{
    uint8_t bytes[8];

    begin(1 * MiB);
    run(&ready);
    event(0, 0x02);
    run(PACKET(0x1e, 0, 0, 0, 1)); /* PREVENT */
    refused(PACKET(0x1b, 0, 0, 0, 2), 0x055302);
    run(PACKET(0x1e, 0, 0, 0, 0));
    run(PACKET(0x1b, 0, 0, 0, 2)); /* eject */
    event(0, 0x01);
    refused(&ready, 0x023a02);
    g_assert_cmpint(ask(PACKET(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8), bytes, 8), ==, 8);
    g_assert_cmphex(bytes[1], ==, 0x10);
    run(PACKET(0x1b, 0, 0, 0, 3)); /* load */
    event(2, 0x02);
    event(0, 0x02);
    refused(&ready, 0x062800);
    run(&ready);
    refused(PACKET(0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8), 0x052400); /* not polled */
    g_assert_cmpint(ask(PACKET(0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8), bytes, 8), ==, 4);
    g_assert_cmphex(bytes[2], ==, 0x80);
    run(PACKET(0x1b, 0, 0, 0, 0)); /* stop the motor */
    run(PACKET(0xbb, 0, 0xff, 0xff));
    teardown();
}

static BlockBackend *found;

static void find_backend(BlockBackend *backend, void *opaque)
{
    found = backend;
}

static void changed_medium_is_a_unit_attention(void)
{
    GError *error = NULL;
    char node[16];
    uint8_t bytes[36];

    begin(1 * MiB);
    make_image("other", 2 * MiB);
    add_node("other", ",read-only=on", node);
    block_backend_foreach(find_backend, NULL);
    run(&ready);
    block_backend_remove_medium(found);
    event(3, 0x01);
    refused(&ready, 0x023a02);
    block_backend_insert_medium(found, node, &error);
    g_assert_no_error(error);
    g_assert_cmpint(ask(PACKET(0x12, 0, 0, 0, 36), bytes, 36), ==, 36); /* answered all the same */
    refused(&ready, 0x062800);
    run(&ready);
    event(2, 0x02);
    g_assert_cmpint(ask(PACKET(0x25), bytes, 8), ==, 8);
    g_assert_cmpint(load_be32(bytes), ==, 1023);
    teardown();
}

/* ---- reset, saved state, noise ---- */

static void reset_ends_a_packet(void)
{
    Packet packet = read_10(0, 100);

    begin(1 * MiB);
    send_packet(&packet, 2048, false);
    outb(CD + 7, 0x08); /* DEVICE RESET while busy */
    g_assert_cmphex(alternate_status(CD), ==, BSY);
    g_assert_cmphex(wait_ready(CD), ==, 0);
    g_assert_cmphex(inb(CD + 4), ==, 0x14);
    g_assert_cmpint(irq_level[1], ==, 0);
    outb(CD + 6, 0xa0);
    outb(CD + 7, 0xa0); /* half a packet */
    out_port(CD, 0, 4);
    outb(control_port(CD), 0x04);
    outb(control_port(CD), 0x00);
    g_assert_cmphex(alternate_status(CD), ==, 0);
    run(&ready);
    run(PACKET(0x1e, 0, 0, 0, 1));
    machine_reset(machine);
    as_firmware();
    run(PACKET(0x1b, 0, 0, 0, 2)); /* the lock is gone */
    teardown();
}

static void state_survives_in_the_middle_of_a_packet(void)
{
    g_autofree uint8_t *bytes = g_malloc(40 * 2048);
    Packet packet = read_10(3, 40);
    g_autoptr(GVariant) state = NULL;
    Device *cdrom = begin(1 * MiB);
    uint8_t again[18];

    refused(PACKET(0x43, 0, 5, 0, 0, 0, 0, 0, 128), 0x052400);
    send_packet(PACKET(0xff), 0xfffe, false);
    wait_ready(CD);
    state = save_all(cdrom);
    machine_reset(machine);
    as_firmware();
    load_all(cdrom, state);
    g_clear_pointer(&state, g_variant_unref);
    ask(PACKET(0x03, 0, 0, 0, 18), again, sizeof(again));
    g_assert_cmphex(again[12], ==, 0x20); /* the sense was kept */

    send_packet(&packet, 2048, false);
    wait_ready(CD);
    read_data(CD, bytes, 1000);
    state = save_all(cdrom);
    machine_reset(machine);
    as_firmware();
    load_all(cdrom, state);
    inb(CD + 7);
    read_data(CD, bytes + 1000, 1048);
    g_assert_cmpint(take_reply(bytes + 2048, 39 * 2048, 2048), ==, 39 * 2048);
    check_done(CD);
    check_pattern(bytes, 3 * 2048, 40 * 2048);
    teardown();
}

static void random_packets_do_no_harm(void)
{
    static const uint8_t codes[] = {0x00, 0x03, 0x12, 0x15, 0x1a, 0x1b, 0x1e, 0x25, 0x28,
                                    0x2b, 0x2f, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x52, 0x55,
                                    0x5a, 0xa8, 0xad, 0xb9, 0xbb, 0xbd, 0xbe, 0x77};
    GRand *dice = g_rand_new_with_seed(7);
    Packet packet;
    uint8_t bytes[2048];

    begin(1 * MiB);
    for (unsigned i = 0; i < 4000; i++) {
        for (unsigned j = 0; j < 12; j++) {
            packet.bytes[j] = (uint8_t)g_rand_int_range(dice, 0, j > 1 && j < 8 ? 4 : 256);
        }
        packet.bytes[0] = codes[g_rand_int_range(dice, 0, G_N_ELEMENTS(codes))];
        send_packet(&packet, (uint16_t)g_rand_int(dice), false);
        for (unsigned j = 0; j < 40000 && (wait_ready(CD) & DRQ); j++) {
            if (inb(CD + 2) & 2) {
                in_port(CD, 4);
            } else {
                out_port(CD, g_rand_int(dice), 4);
            }
        }
        if (wait_ready(CD) & DRQ) {
            outb(CD + 7, 0x08);
            wait_ready(CD);
        }
    }
    outb(CD + 7, 0x08);
    wait_ready(CD);
    send_packet(PACKET(0x1e), 0xfffe, false);
    wait_ready(CD);
    send_packet(PACKET(0x1b, 0, 0, 0, 3), 0xfffe, false);
    wait_ready(CD);
    send_packet(&ready, 0xfffe, false);
    wait_ready(CD);
    inb(CD + 7);
    packet = read_10(1, 1);
    g_assert_cmpint(ask(&packet, bytes, sizeof(bytes)), ==, 2048);
    check_pattern(bytes, 2048, 2048);
    g_rand_free(dice);
    teardown();
}

static void odd_states_do_no_harm(void)
{
    Packet packets[] = {read_10(3, 40),
                        {{0xbe, 0, 0, 0, 0, 1, 0, 0, 9, 0xf8}},
                        {{0x12, 0, 0, 0, 36}},
                        {{0x15, 0x10, 0, 0, 16}}};
    Device *cdrom = begin(1 * MiB);
    unsigned taken = 0;

    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(packets); i++) {
        g_autoptr(GVariant) saved = NULL;

        send_packet(&packets[i / 2], 2048, i & 1);
        wait_ready(CD);
        saved = g_variant_ref_sink(device_save(cdrom));
        taken += try_odd_states(cdrom, saved, CD, 300);
    }
    g_assert_cmpuint(taken, >, 100);
    teardown();
}

int main(int argc, char **argv)
{
    ide_test_init(&argc, &argv);
    g_test_add_func("/ide-cdrom/signature", signature_and_identify);
    g_test_add_func("/ide-cdrom/empty", flush_with_an_empty_drive_is_aborted);
    g_test_add_func("/ide-cdrom/inquiry", inquiry_names_the_drive);
    g_test_add_func("/ide-cdrom/pio", pio_keeps_to_the_byte_limit);
    g_test_add_func("/ide-cdrom/dma", dma_reads_go_to_memory);
    g_test_add_func("/ide-cdrom/beyond-end", reading_beyond_the_end_is_refused);
    g_test_add_func("/ide-cdrom/read-error", read_error_names_the_sector);
    g_test_add_func("/ide-cdrom/raw", raw_sectors_are_whole);
    g_test_add_func("/ide-cdrom/contents", capacity_and_contents);
    g_test_add_func("/ide-cdrom/dvd", large_images_are_dvds);
    g_test_add_func("/ide-cdrom/configuration", configuration_lists_features);
    g_test_add_func("/ide-cdrom/mode-pages", mode_pages_are_told_and_set);
    g_test_add_func("/ide-cdrom/tray", tray_opens_and_locks);
    g_test_add_func("/ide-cdrom/change", changed_medium_is_a_unit_attention);
    g_test_add_func("/ide-cdrom/reset", reset_ends_a_packet);
    g_test_add_func("/ide-cdrom/save-load", state_survives_in_the_middle_of_a_packet);
    g_test_add_func("/ide-cdrom/random", random_packets_do_no_harm);
    g_test_add_func("/ide-cdrom/odd-states", odd_states_do_no_harm);
    return g_test_run();
}
