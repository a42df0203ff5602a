/*
 * The I/O engine: a task ends exactly once, from the loop and never from inside submit, with the
 * same result on the ring and on worker threads; short transfers are resumed; delays keep their
 * order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block-fixture.h"

#include "block/doorbell.h"

#include <glib-unix.h>
#include <limits.h>
#include <linux/falloc.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

typedef struct {
    EngineTask task;
    bool finished;
    int64_t result;
    unsigned order;
} Probe;

static unsigned finished_count;
static BlockEngine *engine;

static void probe_done(EngineTask *task, int64_t result)
{
    Probe *probe = (Probe *)task;

    g_assert_false(probe->finished);
    probe->result = result;
    probe->order = finished_count++;
    __atomic_store_n(&probe->finished, true, __ATOMIC_RELEASE);
}

static int64_t wait_probe(Probe *probe)
{
    while (!probe->finished) {
        g_main_context_iteration(NULL, TRUE);
    }
    return probe->result;
}

static int open_file(const char *name, int flags)
{
    int fd = open(name, flags | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static Probe transfer(EngineTaskKind kind, int fd, uint64_t offset, const struct iovec *vector,
                      unsigned count)
{
    Probe probe = {.task = {.kind = kind,
                            .fd = fd,
                            .offset = offset,
                            .vector = vector,
                            .count = count,
                            .done = probe_done}};

    for (unsigned i = 0; i < count; i++) {
        probe.task.length += vector[i].iov_len;
    }
    return probe;
}

static void begin(void)
{
    engine = engine_for_context(NULL);
    finished_count = 0;
}

static void end(void)
{
    engine_unref(engine);
}

static void test_write_then_read(void)
{
    uint8_t out[8192], in[8192] = {0};
    struct iovec out_vector[] = {{out, 100}, {out + 100, 8092}};
    struct iovec in_vector = {in, sizeof(in)};

    begin();
    int fd = open_file("a", O_RDWR | O_CREAT | O_TRUNC);
    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = pattern(i);
    }
    Probe write = transfer(ENGINE_WRITE, fd, 512, out_vector, 2);
    engine_submit(engine, &write.task);
    g_assert_false(write.finished);
    g_assert_cmpint(wait_probe(&write), ==, 8192);
    Probe read = transfer(ENGINE_READ, fd, 512, &in_vector, 1);
    engine_submit(engine, &read.task);
    g_assert_false(read.finished);
    g_assert_cmpint(wait_probe(&read), ==, 8192);
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    close(fd);
    end();
}

static void test_read_ends_at_end_of_file(void)
{
    uint8_t in[4096];
    struct iovec vector[] = {{in, 1000}, {in + 1000, 3096}};

    begin();
    make_image("short", 1500);
    int fd = open_file("short", O_RDONLY);
    Probe read = transfer(ENGINE_READ, fd, 0, vector, 2);
    engine_submit(engine, &read.task);
    g_assert_cmpint(wait_probe(&read), ==, 1500);
    g_assert_true(all_pattern(in, 0, 1500));
    Probe beyond = transfer(ENGINE_READ, fd, 1 << 20, vector, 2);
    engine_submit(engine, &beyond.task);
    g_assert_cmpint(wait_probe(&beyond), ==, 0);
    close(fd);
    end();
}

/* More pieces than one system call takes. */
static void test_long_vector_is_resumed(void)
{
    enum { COUNT = IOV_MAX * 2 + 17, PIECE = 3 };
    g_autofree struct iovec *vector = g_new(struct iovec, COUNT);
    g_autofree uint8_t *out = g_malloc(COUNT * PIECE), *in = g_malloc0(COUNT * PIECE);

    begin();
    int fd = open_file("long", O_RDWR | O_CREAT | O_TRUNC);
    for (unsigned i = 0; i < COUNT * PIECE; i++) {
        out[i] = pattern(i);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        vector[i] = (struct iovec){out + i * PIECE, PIECE};
    }
    Probe write = transfer(ENGINE_WRITE, fd, 0, vector, COUNT);
    engine_submit(engine, &write.task);
    g_assert_cmpint(wait_probe(&write), ==, COUNT * PIECE);
    for (unsigned i = 0; i < COUNT; i++) {
        vector[i].iov_base = in + i * PIECE;
    }
    Probe read = transfer(ENGINE_READ, fd, 0, vector, COUNT);
    engine_submit(engine, &read.task);
    g_assert_cmpint(wait_probe(&read), ==, COUNT * PIECE);
    g_assert_cmpmem(in, COUNT * PIECE, out, COUNT * PIECE);
    close(fd);
    end();
}

static void test_errors_come_back(void)
{
    uint8_t byte = 0;
    struct iovec vector = {&byte, 1};

    begin();
    make_image("ro", 512);
    int fd = open_file("ro", O_RDONLY);
    Probe write = transfer(ENGINE_WRITE, fd, 0, &vector, 1);
    engine_submit(engine, &write.task);
    g_assert_cmpint(wait_probe(&write), ==, -EBADF);
    Probe sync = {.task = {.kind = ENGINE_SYNC, .fd = -1, .done = probe_done}};
    engine_submit(engine, &sync.task);
    g_assert_cmpint(wait_probe(&sync), ==, -EBADF);
    close(fd);
    int full = open_file("/dev/full", O_WRONLY);
    Probe no_space = transfer(ENGINE_WRITE, full, 0, &vector, 1);
    engine_submit(engine, &no_space.task);
    g_assert_cmpint(wait_probe(&no_space), ==, -ENOSPC);
    close(full);
    end();
}

static int64_t return_offset(EngineTask *task)
{
    return (int64_t)task->offset;
}

static void test_sync_allocate_and_call(void)
{
    begin();
    int fd = open_file("alloc", O_RDWR | O_CREAT | O_TRUNC);
    Probe allocate = {
        .task = {.kind = ENGINE_ALLOCATE, .fd = fd, .length = 65536, .done = probe_done}};
    engine_submit(engine, &allocate.task);
    g_assert_cmpint(wait_probe(&allocate), ==, 0);
    g_assert_cmpuint(image_size("alloc"), ==, 65536);
    Probe sync = {.task = {.kind = ENGINE_SYNC, .fd = fd, .done = probe_done}};
    engine_submit(engine, &sync.task);
    g_assert_cmpint(wait_probe(&sync), ==, 0);
    Probe call = {
        .task = {.kind = ENGINE_CALL, .offset = 77, .call = return_offset, .done = probe_done}};
    engine_submit(engine, &call.task);
    g_assert_cmpint(wait_probe(&call), ==, 77);
    close(fd);
    end();
}

static void test_durable_write(void)
{
    uint8_t out[512] = {1};
    struct iovec vector = {out, sizeof(out)};

    begin();
    int fd = open_file("durable", O_RDWR | O_CREAT | O_TRUNC);
    Probe write = transfer(ENGINE_WRITE, fd, 0, &vector, 1);
    write.task.flags = ENGINE_DURABLE;
    engine_submit(engine, &write.task);
    g_assert_cmpint(wait_probe(&write), ==, 512);
    close(fd);
    end();
}

/* More than the submission and completion queues hold, in one plug. */
static void test_a_thousand_at_once(void)
{
    enum { COUNT = 3000 };
    g_autofree Probe *probes = g_new0(Probe, COUNT);
    g_autofree uint8_t *bytes = g_malloc0(COUNT);
    g_autofree struct iovec *vectors = g_new(struct iovec, COUNT);

    begin();
    make_image("many", COUNT);
    int fd = open_file("many", O_RDONLY);
    engine_plug();
    for (unsigned i = 0; i < COUNT; i++) {
        vectors[i] = (struct iovec){bytes + i, 1};
        probes[i] = transfer(ENGINE_READ, fd, i, &vectors[i], 1);
        engine_submit(engine, &probes[i].task);
    }
    engine_unplug();
    for (unsigned i = 0; i < COUNT; i++) {
        g_assert_cmpint(wait_probe(&probes[i]), ==, 1);
    }
    g_assert_true(all_pattern(bytes, 0, COUNT));
    close(fd);
    end();
}

/* What waits for an unplug is started by a poll all the same: a drain inside a plug must end. */
static void test_poll_inside_plug(void)
{
    uint8_t byte;
    struct iovec vector = {&byte, 1};

    begin();
    make_image("plug", 512);
    int fd = open_file("plug", O_RDONLY);
    engine_plug();
    Probe read = transfer(ENGINE_READ, fd, 5, &vector, 1);
    engine_submit(engine, &read.task);
    while (!read.finished) {
        engine_poll(engine, true);
    }
    engine_unplug();
    g_assert_cmpint(read.result, ==, 1);
    g_assert_cmpuint(byte, ==, pattern(5));
    close(fd);
    end();
}

static void test_finish_later(void)
{
    begin();
    Probe probe = {.task = {.done = probe_done}};
    engine_finish_later(engine, &probe.task, -EIO);
    g_assert_false(probe.finished);
    g_assert_cmpint(wait_probe(&probe), ==, -EIO);
    end();
}

static void test_delays_end_in_order(void)
{
    begin();
    Probe slow = {.task = {.done = probe_done}}, fast = slow, cancelled = slow;
    gint64 start = g_get_monotonic_time();
    engine_finish_after(engine, &slow.task, 40000000, 1);
    engine_finish_after(engine, &fast.task, 10000000, 2);
    engine_finish_after(engine, &cancelled.task, 20000000, 3);
    engine_cancel_delayed(engine, &cancelled.task);
    g_assert_cmpint(wait_probe(&slow), ==, 1);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 40000);
    g_assert_true(fast.finished);
    g_assert_false(cancelled.finished);
    g_assert_cmpuint(fast.order, <, slow.order);
    /* The same by polling without the main loop. */
    Probe polled = {.task = {.done = probe_done}};
    engine_finish_after(engine, &polled.task, 3000000, 4);
    while (!polled.finished) {
        engine_poll(engine, true);
    }
    g_assert_cmpint(polled.result, ==, 4);
    end();
}

static Probe chained;

static void submit_again(EngineTask *task, int64_t result)
{
    engine_finish_later(engine, task, result + 1);
}

static gboolean stop_chain(gpointer opaque)
{
    chained.task.done = probe_done;
    return G_SOURCE_REMOVE;
}

/* A done function that always submits again must not keep the loop from its other sources. */
static void test_endless_chain_leaves_the_loop_alive(void)
{
    begin();
    chained = (Probe){.task = {.done = submit_again}};
    engine_finish_later(engine, &chained.task, 0);
    g_timeout_add(20, stop_chain, NULL);
    g_assert_cmpint(wait_probe(&chained), >, 0);
    end();
}

static gpointer post_from_thread(gpointer data)
{
    engine_finish_later(engine, data, 5);
    return NULL;
}

static void test_post_from_another_thread(void)
{
    begin();
    Probe probe = {.task = {.done = probe_done}};
    GThread *thread = g_thread_new("post", post_from_thread, &probe.task);
    g_assert_cmpint(wait_probe(&probe), ==, 5);
    g_thread_join(thread);
    end();
}

/* ---- doorbells ---- */

typedef struct {
    BlockDoorbell *doorbell;
    int fd;
    unsigned rung;
    unsigned again; /* times that it rings itself */
} Bell;

static void bell_rung(void *opaque)
{
    Bell *bell = opaque;

    __atomic_add_fetch(&bell->rung, 1, __ATOMIC_SEQ_CST);
    if (bell->again > 0) {
        bell->again--;
        block_doorbell_again(bell->doorbell);
    }
}

static void bell_new(Bell *bell, GMainContext *context)
{
    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bell->doorbell = block_doorbell_new(context, bell->fd, bell_rung, bell);
}

static void wait_rung(Bell *bell, unsigned count)
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    while (__atomic_load_n(&bell->rung, __ATOMIC_SEQ_CST) < count) {
        if (!g_main_context_iteration(NULL, FALSE)) {
            g_usleep(100);
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

static void test_doorbell_rings_for_each_batch_of_writes(void)
{
    Bell bell = {0};

    begin();
    bell_new(&bell, NULL);
    for (unsigned i = 1; i < 50; i++) {
        eventfd_write(bell.fd, 1);
        wait_rung(&bell, i);
    }
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(bell.rung, <, 60); /* nobody reads it, and still it rings once each time */
    unsigned before = bell.rung;
    bell.again = 3;
    eventfd_write(bell.fd, 1);
    wait_rung(&bell, before + 4);
    gint64 start = g_get_monotonic_time();
    before = bell.rung;
    block_doorbell_after(bell.doorbell, 5000000);
    wait_rung(&bell, before + 1);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 5000);
    block_doorbell_after(bell.doorbell, 3000000);
    block_doorbell_after(bell.doorbell, 0);
    before = bell.rung;
    g_usleep(6000);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(bell.rung, ==, before);
    eventfd_write(bell.fd, 1);
    block_doorbell_free(bell.doorbell);
    close(bell.fd);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(bell.rung, ==, before);
    end();
}

typedef struct {
    Bell bell;
    Probe read;
    GMainContext *context;
    GMainLoop *loop;
    uint8_t byte;
    struct iovec vector;
} LoopThread;

static gpointer run_loop_thread(gpointer opaque)
{
    LoopThread *thread = opaque;

    block_context_enter(thread->context);
    bell_new(&thread->bell, thread->context);
    __atomic_store_n(&thread->bell.rung, 1, __ATOMIC_SEQ_CST);
    g_main_loop_run(thread->loop);
    block_doorbell_free(thread->bell.doorbell);
    block_context_leave(thread->context);
    return NULL;
}

static gboolean read_in_thread(gpointer opaque)
{
    LoopThread *thread = opaque;

    g_assert_nonnull(engine_of_thread());
    engine_submit(engine_of_thread(), &thread->read.task);
    return G_SOURCE_REMOVE;
}

static gboolean quit_in_thread(gpointer opaque)
{
    g_main_loop_quit(opaque);
    return G_SOURCE_REMOVE;
}

static void attach_source(LoopThread *thread, GSourceFunc function, gpointer data)
{
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_callback(source, function, data, NULL);
    g_source_attach(source, thread->context);
}

static bool is_finished(Probe *probe)
{
    return __atomic_load_n(&probe->finished, __ATOMIC_ACQUIRE);
}

/* Doorbells, requests and GLib's own sources in one thread; it sleeps when there is nothing. */
static void test_thread_waits_for_all_at_once(void)
{
    LoopThread thread = {0};

    begin();
    make_image("thread", 512);
    int fd = open_file("thread", O_RDONLY);
    thread.vector = (struct iovec){&thread.byte, 1};
    thread.context = g_main_context_new();
    thread.loop = g_main_loop_new(thread.context, FALSE);
    GThread *runner = g_thread_new("loop", run_loop_thread, &thread);
    wait_rung(&thread.bell, 1);
    for (unsigned i = 0; i < 200; i++) {
        unsigned before = __atomic_load_n(&thread.bell.rung, __ATOMIC_SEQ_CST);
        thread.read = transfer(ENGINE_READ, fd, i, &thread.vector, 1);
        attach_source(&thread, read_in_thread, &thread);
        eventfd_write(thread.bell.fd, 1);
        wait_rung(&thread.bell, before + 1);
        while (!is_finished(&thread.read)) {
            g_usleep(50);
        }
        g_assert_cmpuint(thread.byte, ==, pattern(i));
    }
    struct rusage idle, later;
    getrusage(RUSAGE_SELF, &idle);
    g_usleep(200000);
    getrusage(RUSAGE_SELF, &later);
    g_assert_cmpint((later.ru_utime.tv_sec - idle.ru_utime.tv_sec) * G_USEC_PER_SEC +
                        later.ru_utime.tv_usec - idle.ru_utime.tv_usec,
                    <, 50000);
    attach_source(&thread, quit_in_thread, thread.loop);
    g_thread_join(runner);
    close(thread.bell.fd);
    g_main_loop_unref(thread.loop);
    g_main_context_unref(thread.context);
    close(fd);
    end();
}

/* ---- descriptors of others ---- */

typedef struct {
    LoopThread thread;
    int first_fd, second_fd;
    unsigned second_seen;
    Probe probe;
} Descriptors;

static gboolean write_second(gint fd, GIOCondition condition, gpointer opaque)
{
    Descriptors *descriptors = opaque;
    eventfd_t value;

    eventfd_read(fd, &value);
    eventfd_write(descriptors->second_fd, 1);
    return G_SOURCE_CONTINUE;
}

static gboolean count_second(gint fd, GIOCondition condition, gpointer opaque)
{
    Descriptors *descriptors = opaque;
    eventfd_t value;

    eventfd_read(fd, &value);
    __atomic_add_fetch(&descriptors->second_seen, 1, __ATOMIC_SEQ_CST);
    return G_SOURCE_CONTINUE;
}

/* The next turn dispatches both: the first descriptor and, after it, the engine. */
static gboolean make_both_ready(gpointer opaque)
{
    Descriptors *descriptors = opaque;

    descriptors->probe = (Probe){.task = {.done = probe_done}};
    engine_finish_later(engine_of_thread(), &descriptors->probe.task, 0);
    eventfd_write(descriptors->first_fd, 1);
    return G_SOURCE_REMOVE;
}

static int watched_fd(GMainContext *context, GUnixFDSourceFunc function, Descriptors *descriptors)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g_autoptr(GSource) source = g_unix_fd_source_new(fd, G_IO_IN);

    g_source_set_callback(source, G_SOURCE_FUNC(function), descriptors, NULL);
    g_source_attach(source, context);
    return fd;
}

static void wait_seen(Descriptors *descriptors, unsigned count)
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    while (__atomic_load_n(&descriptors->second_seen, __ATOMIC_SEQ_CST) < count) {
        g_usleep(100);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

/* The ring's word of it is taken by the engine while GLib still has sources to call. */
static void test_rung_during_dispatch_is_not_lost(void)
{
    Descriptors descriptors = {0};
    LoopThread *thread = &descriptors.thread;

    begin();
    thread->context = g_main_context_new();
    thread->loop = g_main_loop_new(thread->context, FALSE);
    /* Before the thread makes its engine: GLib calls sources in this order. */
    descriptors.first_fd = watched_fd(thread->context, write_second, &descriptors);
    descriptors.second_fd = watched_fd(thread->context, count_second, &descriptors);
    GThread *runner = g_thread_new("loop", run_loop_thread, thread);
    wait_rung(&thread->bell, 1);
    for (unsigned i = 0; i < 20; i++) {
        eventfd_write(descriptors.second_fd, 1);
        wait_seen(&descriptors, 2 * i + 1);
        attach_source(thread, make_both_ready, &descriptors);
        wait_seen(&descriptors, 2 * i + 2);
    }
    attach_source(thread, quit_in_thread, thread->loop);
    g_thread_join(runner);
    close(thread->bell.fd);
    close(descriptors.first_fd);
    close(descriptors.second_fd);
    g_main_loop_unref(thread->loop);
    g_main_context_unref(thread->context);
    end();
}

static void test_no_ring_means_threads(void)
{
    engine_disable_ring(true);
    begin();
    g_assert_false(engine_uses_ring(engine));
    g_assert_true(engine_is_main(engine));
    end();
    engine_disable_ring(false);
    test_write_then_read();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_start();
    add_on_both("/block/engine/write-then-read", test_write_then_read);
    add_on_both("/block/engine/read-ends-at-end-of-file", test_read_ends_at_end_of_file);
    add_on_both("/block/engine/long-vector-is-resumed", test_long_vector_is_resumed);
    add_on_both("/block/engine/errors-come-back", test_errors_come_back);
    add_on_both("/block/engine/sync-allocate-and-call", test_sync_allocate_and_call);
    add_on_both("/block/engine/durable-write", test_durable_write);
    add_on_both("/block/engine/a-thousand-at-once", test_a_thousand_at_once);
    add_on_both("/block/engine/poll-inside-plug", test_poll_inside_plug);
    add_on_both("/block/engine/finish-later", test_finish_later);
    add_on_both("/block/engine/delays-end-in-order", test_delays_end_in_order);
    add_on_both("/block/engine/endless-chain", test_endless_chain_leaves_the_loop_alive);
    add_on_both("/block/engine/post-from-another-thread", test_post_from_another_thread);
    add_on_both("/block/engine/doorbell", test_doorbell_rings_for_each_batch_of_writes);
    add_on_both("/block/engine/thread", test_thread_waits_for_all_at_once);
    add_on_both("/block/engine/rung-during-dispatch", test_rung_during_dispatch_is_not_lost);
    g_test_add_func("/block/engine/no-ring-means-threads", test_no_ring_means_threads);
    int result = g_test_run();
    fixture_end();
    return result;
}
