/*
 * A guest that means no good: on two vCPUs, calls of every operation with arguments drawn at
 * random, writes over all that it shares with Xen, and touches of the platform device's ports and
 * of Xen's MSRs. It never ends by itself; it says how far it is about once a second, and whoever
 * runs it looks whether the machine bears it.
 *
 * What it may lose are pages of its own; it survives the exceptions that it brings about. A reset
 * of the machine (it asks for one now and then) starts it again with other numbers: CMOS RAM, which
 * outlives it, counts the starts.
 *
 * Words: seed= of the numbers; trace: each act is told before it is done.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hostile.h"

#include "hypercall_shapes.h"

#define CMOS_STARTS       0x71
#define VICTIMS           1024
#define TICKS_A_LINE      1500000000ull
#define TIMER_INITIAL     0x380
#define LVT_TIMER         0x320
#define TIMER_DIVIDE      0x3e0
#define PERIODIC          (1u << 17)
#define TIMER_UNITS       (4 * 1000000 / 16) /* 4 ms */
#define VECTOR_NMI        2
#define FIRST_VECTOR      32
#define DOMAIN            1
#define INTERRUPTS_AN_ACT 32
#define SHUTDOWN_OP       2

unsigned long victim_first, victim_frames;
static Hostile hostiles[HOSTILE_CPUS];
static uint8_t *spare_calls[HOSTILE_CPUS];
static unsigned starts;
static bool trace;

uint64_t draw(Hostile *self)
{
    uint64_t x = self->state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    self->state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d) >> 8;
}

unsigned draw_below(Hostile *self, unsigned limit)
{
    return (draw(self) & UINT32_MAX) % limit;
}

uint8_t *victim_page(Hostile *self)
{
    return (uint8_t *)((victim_first + draw_below(self, victim_frames)) << PAGE_SHIFT);
}

/* ---- hypercalls ---- */

static uint64_t draw_bytes(void *opaque, unsigned bytes)
{
    return bytes < 7 ? draw(opaque) >> (56 - 8 * bytes) : draw(opaque) ^ draw(opaque) << 29;
}

/* Ends of the machine are drawn elsewhere. */
static const HypercallShape *choose(ShapeSource *source)
{
    const HypercallShape *shape;
    do {
        shape = &hypercall_shapes[draw_below(source->opaque, SHAPE_COUNT)];
    } while (shape->number == __HYPERVISOR_sched_op && shape->op == SHUTDOWN_OP);
    return shape;
}

static void fill_list(Hostile *self)
{
    uint64_t *list = (uint64_t *)self->lists;
    unsigned at = draw_below(self, PAGE_SIZE / 8 - 8);
    for (unsigned i = 0; i < 8; i++) {
        list[at + i] = draw_below(self, 4) ? victim_first + draw_below(self, victim_frames)
                                           : draw_below(self, 64);
    }
}

static void make_call(void *opaque)
{
    ShapeCall *call = opaque;
    hypercall(call->number, call->arguments[0], call->arguments[1], call->arguments[2],
              call->arguments[3], call->arguments[4]);
}

static void call_shaped(Hostile *self)
{
    ShapeSource source = {.draw = draw_bytes,
                          .opaque = self,
                          .first_frame = victim_first,
                          .frames = victim_frames,
                          .lists = (uintptr_t)self->lists,
                          .now = rdtsc(),
                          .own = DOMAIN};
    uintptr_t calls = (uintptr_t)self->calls + draw_below(self, 2) * 8;
    ShapeCall call;
    if (draw_below(self, 4) == 0) {
        shape_multicall(&source, choose, (void *)calls, calls, &call);
        if (draw_below(self, 64) == 0) {
            call.arguments[1] = draw_below(self, 70000); /* the entries behind are garbage */
        }
    } else {
        shape_call(&source, choose(&source), (void *)calls, calls, &call);
    }
    if (call.number == __HYPERVISOR_grant_table_op && draw_below(self, 256) == 0) {
        call.arguments[2] = draw_below(self, 70000);
    }
    trap_catch(make_call, &call);
}

/* A number, an operation and arguments of no sense; by the instruction, the page, or the port. */
static void call_random(Hostile *self)
{
    ShapeCall call = {.number = draw_below(self, 4) ? draw_below(self, 64) : (uint32_t)draw(self)};
    for (unsigned i = 0; i < 5; i++) {
        call.arguments[i] = draw_below(self, 2) ? draw_below(self, 64) : draw(self);
    }
    if (call.number != __HYPERVISOR_sched_op) {
        trap_catch(make_call, &call);
    }
}

/* Several seconds apart: a reset of the machine, or of the domain under the running kernel. */
static void end_of_life(Hostile *self)
{
    static const uint8_t reasons[] = {SHUTDOWN_reboot,     SHUTDOWN_suspend,
                                      SHUTDOWN_watchdog,   SHUTDOWN_soft_reset,
                                      SHUTDOWN_soft_reset, SHUTDOWN_soft_reset};
    struct sched_shutdown shutdown = {reasons[draw_below(self, ARRAY_SIZE(reasons))]};
    if (draw_below(self, 512) != 0) {
        return;
    }
    sched_op(SCHEDOP_shutdown, &shutdown);
    pages_share();
}

/* A page that calls point at becomes one that the other vCPU writes to meanwhile, and back. */
static void change_pages(Hostile *self)
{
    unsigned me = self - hostiles;
    self->calls = draw_below(self, 4) == 0 ? victim_page(self) : spare_calls[me];
}

/* ---- the life of a vCPU ---- */

typedef struct {
    const char *name;
    void (*act)(Hostile *self);
    unsigned weight; /* of 256 */
} Act;

static const Act acts[] = {
    {"call", call_shaped, 120},       {"random call", call_random, 12}, {"list", fill_list, 24},
    {"scribble", pages_scribble, 64}, {"store", devices_store, 16},     {"port", devices_port, 10},
    {"msr", devices_msr, 4},          {"pages", change_pages, 4},       {"end", end_of_life, 2},
};

static const Act *choose_act(Hostile *self)
{
    unsigned place = draw_below(self, 256);
    for (unsigned i = 0; i < ARRAY_SIZE(acts) - 1; i++) {
        if (place < acts[i].weight) {
            return &acts[i];
        }
        place -= acts[i].weight;
    }
    return &acts[ARRAY_SIZE(acts) - 1];
}

static void tell(const char *what)
{
    say("hostile: %s start %u acts %llu %llu", what, starts, (unsigned long long)hostiles[0].call,
        (unsigned long long)hostiles[1].call);
}

/* It is woken at least this often, wherever it sleeps. */
static void start_ticks(void)
{
    lapic_write(TIMER_DIVIDE, 3);
    lapic_write(LVT_TIMER, VECTOR_TIMER | PERIODIC);
    lapic_write(TIMER_INITIAL, TIMER_UNITS);
}

static _Noreturn void live(void *opaque)
{
    Hostile *self = opaque;
    uint64_t told = 0;
    start_ticks();
    for (;;) {
        const Act *act = choose_act(self);
        interrupts_on();
        if (trace) {
            note("vCPU %u act %llu: %s", cpu_index(), (unsigned long long)self->call, act->name);
        }
        act->act(self);
        self->call++;
        if (rdtsc() - told > TICKS_A_LINE) {
            told = rdtsc();
            start_ticks();
            tell(self == &hostiles[0] ? "vCPU 0" : "vCPU 1");
            pages_want_upcalls();
            vcpu_op(VCPUOP_up, self == &hostiles[0], NULL); /* each may have put the other down */
        }
    }
}

/*
 * An upcall that the guest does not take comes again at once, for ever: it is taken where the
 * vCPU's info was put at first, and when that is not where Xen looks any more, there is no
 * callback.
 */
static void on_interrupt(TrapFrame *frame)
{
    Hostile *self = &hostiles[cpu_index()];
    if (frame->vector >= FIRST_VECTOR && lapic_in_service(frame->vector)) {
        lapic_eoi();
    }
    pages_take_upcall(cpu_index());
    if (self->interrupted_at != self->call) {
        self->interrupted_at = self->call;
        self->interrupts = 0;
    }
    if (++self->interrupts == INTERRUPTS_AN_ACT) {
        self->interrupts = 0;
        set_param(HVM_PARAM_CALLBACK_IRQ, 0);
    }
}

/* But for those that the runtime has a use for. */
static void take_all_interrupts(void)
{
    trap_set(VECTOR_NMI, on_interrupt);
    for (unsigned vector = FIRST_VECTOR; vector < 256; vector++) {
        if (vector != VECTOR_CALL && vector != VECTOR_DONE && vector != VECTOR_TIMER) {
            trap_set(vector, on_interrupt);
        }
    }
}

void test_main(void)
{
    uint64_t seed = option_number("seed", 1);
    starts = cmos_read(CMOS_STARTS);
    cmos_write(CMOS_STARTS, starts + 1);
    trace = option("trace");
    note("seed %llu", (unsigned long long)seed);
    xen_start();
    victim_frames = VICTIMS;
    victim_first = frame_of(page_alloc_many(VICTIMS));
    for (unsigned i = 0; i < HOSTILE_CPUS; i++) {
        hostiles[i] =
            (Hostile){.state = (seed * 1000 + starts) * 4 + i * 2 + 1, .lists = page_alloc_many(2)};
        hostiles[i].calls = spare_calls[i] = page_alloc_many(2);
        for (unsigned skip = 0; skip < 16; skip++) {
            draw(&hostiles[i]);
        }
    }
    take_all_interrupts();
    devices_find();
    pages_share();
    bool second = smp_start(1);
    tell("begins");
    if (second) {
        smp_begin(1, live, &hostiles[1]);
    }
    live(&hostiles[0]);
}
