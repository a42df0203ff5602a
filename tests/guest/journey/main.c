/*
 * A guest that is busy with all of Xen at once and notices if anything breaks: timers, events
 * between two CPUs, a clock that never steps back, the store with a watch and an open transaction,
 * memory that is what was written last. It is moved between processes and hosts meanwhile
 * (saved_guest_test.py); left alone it must pass as well.
 *
 * Words: seconds=N of its own system time, until=nmi: until it gets one; callback=vector (default),
 * upcall, gsi.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#include <xen/io/xs_wire.h>

#define VECTOR      0xf3
#define BLOCKS      64u
#define BLOCK_WORDS (8192 / sizeof(uint32_t))
#define REPORT      10u /* rounds between two signs of life */

static long timer_port, request_port, reply_port;
static uint32_t *memory;
static uint32_t version[BLOCKS];
static volatile unsigned stop, arrived_for_good;
static StoreAnswer answer;
static unsigned round_number;

/* A line only for what is wrong: there are many rounds. */
static bool must(bool good, const char *what)
{
    return good || check(false, "round %u: %s", round_number, what);
}

/* ---- the second CPU ---- */

static void second_cpu(void *opaque)
{
    uint64_t last = 0;
    unsigned seen = 0;

    (void)opaque;
    while (!stop) {
        if (!wait_for(&event_count[request_port], seen + 1, 1000)) {
            continue; /* who asks will complain */
        }
        seen = event_count[request_port];
        must(system_time() >= last, "the second CPU's clock does not step back");
        last = system_time();
        must(port_send(reply_port) == 0, "the second CPU's answer is sent");
    }
}

static void ask_second_cpu(void)
{
    unsigned before = event_count[reply_port];

    must(port_send(request_port) == 0, "the question is sent");
    must(event_wait(reply_port, before + 1, 5000), "the second CPU answers");
}

/* ---- memory ---- */

static uint32_t pattern(unsigned block, unsigned word)
{
    return version[block] * 2654435761u ^ block << 24 ^ word;
}

static void check_block(unsigned block)
{
    const uint32_t *words = memory + block * BLOCK_WORDS;

    for (unsigned i = 0; i < BLOCK_WORDS; i++) {
        if (words[i] != pattern(block, i)) {
            must(false, "memory is what was written last");
            return;
        }
    }
}

static void fill_block(unsigned block)
{
    version[block] = round_number + 1;
    for (unsigned i = 0; i < BLOCK_WORDS; i++) {
        memory[block * BLOCK_WORDS + i] = pattern(block, i);
    }
}

/* ---- the store ---- */

static bool pair(unsigned type, uint32_t transaction, const char *a, const char *b)
{
    char payload[128];
    unsigned length = format(payload, sizeof(payload), "%s", a) + 1;

    length += format(payload + length, sizeof(payload) - length, "%s", b) + 1;
    return store_ask(type, transaction, payload, length, &answer) && answer.type == type;
}

static bool take_watch(void)
{
    return store_event(&answer, 5000) && strcmp(answer.text, "data/journey") == 0 &&
           strcmp(answer.text + strlen(answer.text) + 1, "token") == 0;
}

static uint32_t begin_store(void)
{
    if (!check(store_connect(), "the store")) {
        bail_out("no store");
    }
    store_write(0, "data/journey", "begin", &answer);
    store_write(0, "data/other", "begin", &answer);
    check(pair(XS_WATCH, 0, "data/journey", "token") && take_watch(), "a watch");
    store_ask(XS_TRANSACTION_START, 0, "", 1, &answer);
    uint32_t transaction = parse_number(answer.text);
    check(store_write(transaction, "data/other", "end", &answer) && answer.type == XS_WRITE,
          "a transaction that stays open");
    return transaction;
}

static void use_store(void)
{
    char value[16];

    format(value, sizeof(value), "%u", round_number);
    must(store_write(0, "data/journey", value, &answer) && answer.type == XS_WRITE, "a write");
    must(take_watch(), "the watch tells of it");
    must(store_text(XS_READ, 0, "data/journey", &answer) && strcmp(answer.text, value) == 0,
         "the store has what was written");
    must(store_text(XS_READ, 0, "data/other", &answer) && strcmp(answer.text, "begin") == 0,
         "and not what the transaction holds");
}

static void end_store(uint32_t transaction)
{
    check(store_text(XS_TRANSACTION_END, transaction, "T", &answer) &&
              answer.type == XS_TRANSACTION_END,
          "the transaction ends well");
    check(store_text(XS_READ, 0, "data/other", &answer) && strcmp(answer.text, "end") == 0,
          "and what it wrote is there");
}

/* ---- time ---- */

static void use_timer(void)
{
    unsigned before = event_count[timer_port];
    uint64_t start = system_time();

    must(set_timer_op(start + 5 * NS_PER_MS) == 0, "the timer is set");
    must(event_wait(timer_port, before + 1, 5000), "the timer fires");
    must(system_time() >= start + 5 * NS_PER_MS, "not before its time");
}

static uint64_t runstate_total(void)
{
    struct vcpu_runstate_info info = {0};

    must(vcpu_op(VCPUOP_get_runstate_info, 0, &info) == 0, "the runstate");
    return info.time[0] + info.time[1] + info.time[2] + info.time[3];
}

static void check_clocks(void)
{
    static uint64_t last_time, last_host, last_tsc, last_runstate;
    uint64_t now = system_time(), host = host_ns(), tsc = rdtsc(), runstate = runstate_total();

    must(now >= last_time, "the system time does not step back");
    must(host >= last_host, "the HPET does not step back");
    must(tsc >= last_tsc, "the TSC does not step back");
    must(runstate >= last_runstate, "the runstate's times do not shrink");
    must(now - last_time < 60000 * NS_PER_MS || last_time == 0, "nor do they leap");
    last_time = now;
    last_host = host;
    last_tsc = tsc;
    last_runstate = runstate;
}

/* ---- the whole ---- */

static void on_nmi(TrapFrame *frame)
{
    (void)frame;
    arrived_for_good = 1;
}

static void start_events(void)
{
    const char *callback = option_value("callback");

    if (callback && strncmp(callback, "gsi", 3) == 0) {
        expect("events by a GSI", events_by_gsi(21, VECTOR), 0);
    } else if (callback && strncmp(callback, "upcall", 6) == 0) {
        expect("events by CPU 0's own vector", events_by_upcall_vector(0, VECTOR), 0);
        expect("events by CPU 1's own vector", events_by_upcall_vector(1, VECTOR), 0);
    } else {
        expect("events by the callback vector", events_by_callback_vector(VECTOR), 0);
    }
    timer_port = bind_virq(VIRQ_TIMER, 0);
    reply_port = bind_ipi(0);
    request_port = bind_ipi(1);
    check(timer_port > 0 && reply_port > 0 && request_port > 0, "three ports");
    port_unmask((uint32_t)timer_port);
    port_unmask((uint32_t)reply_port);
    port_unmask((uint32_t)request_port);
}

static void one_round(bool two_cpus)
{
    unsigned block = round_number % BLOCKS;

    must(xen_version(XENVER_pagesize, NULL) == PAGE_SIZE, "a hypercall");
    check_clocks();
    use_timer();
    if (two_cpus) {
        ask_second_cpu();
    }
    check_block(block);
    fill_block(block);
    if (round_number % 4 == 0) {
        use_store();
    }
    poll_until(system_time() + 2 * NS_PER_MS);
}

void test_main(void)
{
    const char *callback = option_value("callback");
    bool two_cpus = !callback || strncmp(callback, "gsi", 3) != 0; /* a line goes to CPU 0 alone */
    uint64_t seconds = option_number("seconds", 1);

    trap_set(2, on_nmi);
    lapic_write(LAPIC_LVT1, 0x400); /* LINT1, where NMIs come in */
    xen_start();
    xen_map_shared_info();
    uint32_t transaction = begin_store();
    start_events();
    memory = page_alloc_many(BLOCKS * BLOCK_WORDS * sizeof(uint32_t) / PAGE_SIZE);
    for (unsigned i = 0; i < BLOCKS; i++) {
        fill_block(i);
    }
    if (two_cpus) {
        check(smp_start(1), "a second CPU");
        smp_begin(1, second_cpu, NULL);
    }
    uint64_t end = system_time() + seconds * 1000 * NS_PER_MS;
    while (option_value("until") ? !arrived_for_good : system_time() < end) {
        if (round_number % REPORT == 0) {
            say("# round %u", round_number);
        }
        one_round(two_cpus);
        round_number++;
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        check_block(i);
    }
    if (two_cpus) {
        stop = 1;
        ask_second_cpu();
        check(smp_wait(1, 5000), "the second CPU ends");
    }
    end_store(transaction);
    check(round_number > 0, "%u rounds", round_number);
}
