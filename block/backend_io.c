/*
 * A backend's requests: checks, throttling, statistics, draining.
 *
 * A request is one allocation: the operation that travels down the graph, and behind it the copied
 * vector. Each thread keeps some of usual size for its next ones.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/backend.h"
#include "util/clock.h"
#include "util/machine_lock.h"
#include "util/trace.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

TRACE_DEFINE(block_request);
TRACE_DEFINE(block_request_done);

struct BackendRequest {
    BlockOperation operation;
    BlockBackend *backend;
    BlockEngine *origin; /* of the thread that asked: @done is called there */
    BlockCompletion done;
    void *opaque;
    int64_t start_ns;
    bool is_read, is_write;  /* for throttling: neither for flush and discard */
    BlockOperationKind kind; /* as asked: zero detection may change the operation's */
    uint64_t offset, length;
    BackendRequest *next;
    unsigned capacity; /* of @vector */
    struct iovec vector[];
};

/* ---- memory ---- */

/* As many as a ring of one page has slots, each for as many pieces as Linux sends at once. */
#define SPARE_REQUESTS 32
#define SPARE_CAPACITY 32

typedef struct {
    BackendRequest *first;
    unsigned count;
} SpareRequests;

static __thread SpareRequests *own_spares;

static void free_spares(gpointer data)
{
    SpareRequests *spares = data;
    BackendRequest *next;

    for (BackendRequest *request = spares->first; request; request = next) {
        next = request->next;
        g_free(request);
    }
    g_free(spares);
    own_spares = NULL;
}

/* They go with the thread: the key is there for its end alone. */
static GPrivate spares_key = G_PRIVATE_INIT(free_spares);

static SpareRequests *thread_spares(void)
{
    if (!own_spares) {
        own_spares = g_new0(SpareRequests, 1);
        g_private_set(&spares_key, own_spares);
    }
    return own_spares;
}

/* What it holds is for the caller to set. */
static BackendRequest *allocate(unsigned count)
{
    unsigned capacity = MAX(count, SPARE_CAPACITY);
    SpareRequests *spares = thread_spares();
    BackendRequest *request = spares->first;

    if (capacity > SPARE_CAPACITY || !request) {
        request = g_malloc(sizeof(*request) + capacity * sizeof(request->vector[0]));
        request->capacity = capacity;
        return request;
    }
    spares->first = request->next;
    spares->count--;
    return request;
}

static void release(BackendRequest *request)
{
    SpareRequests *spares = thread_spares();

    if (request->capacity > SPARE_CAPACITY || spares->count == SPARE_REQUESTS) {
        g_free(request);
        return;
    }
    request->next = spares->first;
    spares->first = request;
    spares->count++;
}

/* ---- statistics ---- */

typedef struct {
    size_t operations, bytes, failed, time;
} StatisticsFields;

#define FIELD(name) G_STRUCT_OFFSET(BlockStatistics, name)
#define NO_FIELD    SIZE_MAX

static const StatisticsFields statistics_fields[] = {
    [BLOCK_OPERATION_READ] = {FIELD(read_operations), FIELD(read_bytes), FIELD(read_failed),
                              FIELD(read_ns)},
    [BLOCK_OPERATION_WRITE] = {FIELD(write_operations), FIELD(write_bytes), FIELD(write_failed),
                               FIELD(write_ns)},
    [BLOCK_OPERATION_WRITE_ZEROES] = {FIELD(write_operations), FIELD(write_bytes),
                                      FIELD(write_failed), FIELD(write_ns)},
    [BLOCK_OPERATION_DISCARD] = {FIELD(discard_operations), NO_FIELD, NO_FIELD, NO_FIELD},
    [BLOCK_OPERATION_FLUSH] = {FIELD(flush_operations), NO_FIELD, NO_FIELD, FIELD(flush_ns)},
};

static void add_to(BlockStatistics *statistics, size_t field, uint64_t amount)
{
    if (field != NO_FIELD) {
        uint64_t *counter = (uint64_t *)((char *)statistics + field);
        __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
    }
}

static void raise_to(uint64_t *highest, uint64_t value)
{
    uint64_t now = __atomic_load_n(highest, __ATOMIC_RELAXED);

    while (now < value && !__atomic_compare_exchange_n(highest, &now, value, true, __ATOMIC_RELAXED,
                                                       __ATOMIC_RELAXED)) {
        /* another thread's write ended meanwhile */
    }
}

static void account(const BackendRequest *request, int result)
{
    BlockStatistics *statistics = &request->backend->statistics;
    const StatisticsFields *fields = &statistics_fields[request->kind];

    if (result < 0) {
        add_to(statistics, fields->failed, 1);
        return;
    }
    add_to(statistics, fields->operations, 1);
    add_to(statistics, fields->bytes, request->length);
    add_to(statistics, fields->time, (uint64_t)(engine_now(request->origin) - request->start_ns));
    if (request->is_write) {
        raise_to(&statistics->highest_write_offset, request->offset + request->length);
    }
}

void block_backend_statistics(BlockBackend *backend, BlockStatistics *statistics)
{
    /* The backend's contexts go on counting meanwhile. */
    const uint64_t *from = (const uint64_t *)&backend->statistics;
    uint64_t *to = (uint64_t *)statistics;

    for (size_t i = 0; i < sizeof(*statistics) / sizeof(uint64_t); i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
}

/* ---- in flight ---- */

/* The last request of another context's backend ends under this lock: a drain that has seen it go
 * may free the backend, so nothing of it is touched afterwards. */
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;

static void one_less_in_context(BlockBackend *backend)
{
    unsigned count = __atomic_load_n(&backend->in_flight, __ATOMIC_SEQ_CST);

    while (count > 1) {
        if (__atomic_compare_exchange_n(&backend->in_flight, &count, count - 1, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            return;
        }
    }
    pthread_mutex_lock(&idle_lock);
    __atomic_sub_fetch(&backend->in_flight, 1, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&idle);
    pthread_mutex_unlock(&idle_lock);
}

static void one_less_in_flight(BlockBackend *backend)
{
    if (engine_is_main(backend->engine)) {
        __atomic_sub_fetch(&backend->in_flight, 1, __ATOMIC_SEQ_CST);
    } else {
        one_less_in_context(backend);
    }
}

/* The machine lock is given up meanwhile: what the requests' ends do in their context may need it.
 */
static void wait_in_flight(BlockBackend *backend)
{
    bool held = machine_lock_held();

    if (held) {
        machine_unlock();
    }
    pthread_mutex_lock(&idle_lock);
    while (__atomic_load_n(&backend->in_flight, __ATOMIC_SEQ_CST) > 0) {
        pthread_cond_wait(&idle, &idle_lock);
    }
    pthread_mutex_unlock(&idle_lock);
    if (held) {
        machine_lock();
    }
}

static BackendRequest *request_of(EngineTask *task)
{
    return (BackendRequest *)((char *)task - G_STRUCT_OFFSET(BackendRequest, operation.task));
}

static void request_done(BlockOperation *operation, int result);

static void done_at_home(EngineTask *task, int64_t result)
{
    request_done(&request_of(task)->operation, (int)result);
}

/* Throttled requests are done in the backend's own context; their ends belong to the others. */
static void send_home(BackendRequest *request, int result)
{
    request->operation.engine = request->origin;
    request->operation.task.done = done_at_home;
    engine_finish_later(request->origin, &request->operation.task, result);
}

static void request_done(BlockOperation *operation, int result)
{
    BackendRequest *request = operation->opaque;

    if (operation->engine != request->origin) {
        send_home(request, result);
        return;
    }
    BlockBackend *backend = request->backend;
    BlockCompletion done = request->done;
    void *opaque = request->opaque;
    bool is_main = engine_is_main(backend->engine);

    TRACE(block_request_done, "%s kind %d offset %" G_GUINT64_FORMAT " result %d", backend->name,
          request->kind, request->offset, result);
    account(request, result);
    release(request);
    if (is_main) {
        /* Nothing runs beside us, and @done may drain or detach. */
        one_less_in_flight(backend);
        done(opaque, result);
    } else {
        done(opaque, result);
        one_less_in_flight(backend);
    }
}

/* ---- throttling ---- */

static void start_request(BackendRequest *request)
{
    BlockNode *node = block_backend_node(request->backend);

    if (node) {
        block_node_submit(node, &request->operation);
    } else {
        block_operation_done_later(&request->operation, -ENOMEDIUM);
    }
}

static void run_queue(ThrottleQueue *queue);

static void queue_woken(EngineTask *task, int64_t result)
{
    ThrottleQueue *queue = (ThrottleQueue *)((char *)task - G_STRUCT_OFFSET(ThrottleQueue, wake));

    queue->waiting = false;
    run_queue(queue);
}

static void sleep_queue(ThrottleQueue *queue, int64_t wait_ns)
{
    if (queue->waiting) {
        return;
    }
    queue->waiting = true;
    queue->wake = (EngineTask){.done = queue_woken};
    engine_finish_after(queue->backend->engine, &queue->wake, wait_ns, 0);
}

/* Starts what the buckets allow; a drain lets everything go. */
static void run_queue(ThrottleQueue *queue)
{
    BlockBackend *backend = queue->backend;

    while (queue->first) {
        BackendRequest *request = queue->first;
        if (backend->throttle) {
            int64_t wait_ns = throttle_wait_ns(backend->throttle, queue->is_write,
                                               clock_get_ns(CLOCK_REALTIME_HOST));
            if (wait_ns > 0 && __atomic_load_n(&backend->draining, __ATOMIC_SEQ_CST) == 0) {
                sleep_queue(queue, wait_ns);
                return;
            }
            throttle_account(backend->throttle, queue->is_write, request->length);
        }
        queue->first = request->next;
        if (!queue->first) {
            queue->last = NULL;
        }
        start_request(request);
    }
}

static void enqueue(BackendRequest *request)
{
    ThrottleQueue *queue = &request->backend->queues[request->is_write];

    if (queue->last) {
        queue->last->next = request;
    } else {
        queue->first = request;
    }
    queue->last = request;
    if (!queue->waiting) {
        run_queue(queue);
    }
}

static void enqueue_there(EngineTask *task, int64_t result G_GNUC_UNUSED)
{
    enqueue(request_of(task));
}

/* The buckets and their queues belong to the backend's own context. */
static void throttle_request(BackendRequest *request)
{
    BlockEngine *own = request->backend->engine;

    if (request->origin == own) {
        enqueue(request);
        return;
    }
    request->operation.engine = own;
    request->operation.task.done = enqueue_there;
    engine_finish_later(own, &request->operation.task, 0);
}

/* ---- submitting ---- */

/* An I/O thread's requests complete in it; all others in the backend's own context. */
static BlockEngine *engine_for_request(const BlockBackend *backend)
{
    BlockEngine *of_thread = engine_of_thread();

    return of_thread && !engine_is_main(backend->engine) ? of_thread : backend->engine;
}

static BackendRequest *request_new(BlockBackend *backend, BlockOperationKind kind, uint64_t offset,
                                   const struct iovec *vector, unsigned count, BlockCompletion done,
                                   void *opaque)
{
    BackendRequest *request = allocate(count);
    BlockEngine *origin = engine_for_request(backend);

    *request = (BackendRequest){
        .operation =
            {
                .kind = kind,
                .offset = offset,
                .vector = request->vector,
                .count = count,
                .engine = origin,
                .done = request_done,
                .opaque = request,
            },
        .backend = backend,
        .origin = origin,
        .done = done,
        .opaque = opaque,
        .start_ns = engine_now(origin),
        .is_read = kind == BLOCK_OPERATION_READ,
        .is_write = kind == BLOCK_OPERATION_WRITE || kind == BLOCK_OPERATION_WRITE_ZEROES,
        .kind = kind,
        .offset = offset,
        .length = vector_length(vector, count),
        .capacity = request->capacity,
    };
    if (count > 0) {
        memcpy(request->vector, vector, count * sizeof(*vector));
    }
    return request;
}

static int check_request(const BackendRequest *request)
{
    const BlockBackend *backend = request->backend;

    if (!backend->root) {
        return -ENOMEDIUM;
    }
    bool changes = request->is_write || request->kind == BLOCK_OPERATION_DISCARD;
    if (changes && (!backend->may_write || backend->yielded)) {
        return -EPERM;
    }
    return 0;
}

static void submit_request(BackendRequest *request)
{
    BlockBackend *backend = request->backend;
    int result = check_request(request);

    TRACE(block_request, "%s kind %d offset %" G_GUINT64_FORMAT " length %" G_GUINT64_FORMAT,
          backend->name, request->kind, request->offset, request->length);
    request->operation.length = request->length;
    if (request->is_write && !backend->write_cache) {
        request->operation.flags |= BLOCK_WRITE_FUA;
    }
    __atomic_add_fetch(&backend->in_flight, 1, __ATOMIC_SEQ_CST);
    if (result < 0) {
        block_operation_done_later(&request->operation, result);
    } else if (backend->throttle && (request->is_read || request->is_write)) {
        throttle_request(request);
    } else {
        start_request(request);
    }
}

void block_readv(BlockBackend *backend, uint64_t offset, const struct iovec *vector, unsigned count,
                 BlockCompletion done, void *opaque)
{
    submit_request(request_new(backend, BLOCK_OPERATION_READ, offset, vector, count, done, opaque));
}

void block_writev(BlockBackend *backend, uint64_t offset, const struct iovec *vector,
                  unsigned count, BlockWriteFlags flags, BlockCompletion done, void *opaque)
{
    BackendRequest *request =
        request_new(backend, BLOCK_OPERATION_WRITE, offset, vector, count, done, opaque);

    request->operation.flags = flags;
    submit_request(request);
}

void block_write_zeroes(BlockBackend *backend, uint64_t offset, uint64_t length,
                        BlockWriteFlags flags, BlockCompletion done, void *opaque)
{
    BackendRequest *request =
        request_new(backend, BLOCK_OPERATION_WRITE_ZEROES, offset, NULL, 0, done, opaque);

    request->length = length;
    request->operation.flags = flags;
    submit_request(request);
}

void block_discard(BlockBackend *backend, uint64_t offset, uint64_t length, BlockCompletion done,
                   void *opaque)
{
    BackendRequest *request =
        request_new(backend, BLOCK_OPERATION_DISCARD, offset, NULL, 0, done, opaque);

    request->length = length;
    submit_request(request);
}

void block_flush(BlockBackend *backend, BlockCompletion done, void *opaque)
{
    submit_request(request_new(backend, BLOCK_OPERATION_FLUSH, 0, NULL, 0, done, opaque));
}

void block_plug(void)
{
    engine_plug();
}

void block_unplug(void)
{
    engine_unplug();
}

/* ---- waiting ---- */

static void release_throttled(BlockBackend *backend)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(backend->queues); i++) {
        ThrottleQueue *queue = &backend->queues[i];
        if (queue->waiting) {
            engine_cancel_delayed(backend->engine, &queue->wake);
            queue->waiting = false;
        }
        run_queue(queue);
    }
}

static void release_in_context(EngineTask *task, int64_t result)
{
    BlockBackend *backend = (BlockBackend *)((char *)task - G_STRUCT_OFFSET(BlockBackend, release));

    release_throttled(backend);
    one_less_in_flight(backend);
}

static void wait_for_context(BlockBackend *backend)
{
    if (__atomic_load_n(&backend->in_flight, __ATOMIC_SEQ_CST) == 0) {
        return; /* perhaps nobody runs that context any more */
    }
    if (backend->throttle) {
        __atomic_add_fetch(&backend->in_flight, 1, __ATOMIC_SEQ_CST);
        backend->release = (EngineTask){.done = release_in_context};
        engine_finish_later(backend->engine, &backend->release, 0);
    }
    wait_in_flight(backend);
}

static void wait_until_idle(BlockBackend *backend)
{
    if (!engine_is_main(backend->engine)) {
        wait_for_context(backend);
        return;
    }
    release_throttled(backend);
    while (__atomic_load_n(&backend->in_flight, __ATOMIC_SEQ_CST) > 0) {
        engine_poll(backend->engine, true);
    }
}

void block_drain_begin(BlockBackend *backend)
{
    __atomic_add_fetch(&backend->draining, 1, __ATOMIC_SEQ_CST);
    if (backend->ops && backend->ops->drained_begin) {
        backend->ops->drained_begin(backend->ops_opaque);
    }
    wait_until_idle(backend);
}

void block_drain_end(BlockBackend *backend)
{
    __atomic_sub_fetch(&backend->draining, 1, __ATOMIC_SEQ_CST);
    if (backend->ops && backend->ops->drained_end) {
        backend->ops->drained_end(backend->ops_opaque);
    }
}

void block_drain(BlockBackend *backend)
{
    block_drain_begin(backend);
    block_drain_end(backend);
}

static void drain_one(BlockBackend *backend, void *opaque)
{
    block_drain(backend);
}

void block_drain_all(void)
{
    block_backend_foreach(drain_one, NULL);
}

typedef struct {
    bool finished;
    int result;
} Outcome;

static void note_outcome(void *opaque, int result)
{
    Outcome *outcome = opaque;

    outcome->result = result;
    outcome->finished = true;
}

static int wait_for(BlockBackend *backend, Outcome *outcome)
{
    while (!outcome->finished) {
        engine_poll(backend->engine, true);
    }
    return outcome->result;
}

int block_pread(BlockBackend *backend, uint64_t offset, void *buffer, uint64_t length)
{
    Outcome outcome = {false, 0};
    struct iovec vector = {.iov_base = buffer, .iov_len = length};

    block_readv(backend, offset, &vector, 1, note_outcome, &outcome);
    return wait_for(backend, &outcome);
}

/* The backend is idle, so its flush may run in the main context whatever its own is. */
int block_backend_flush_now(BlockBackend *backend)
{
    return backend->root ? block_node_run(backend->root->node, BLOCK_OPERATION_FLUSH, 0, NULL, 0)
                         : 0;
}

static void flush_one(BlockBackend *backend, void *opaque)
{
    int *first_error = opaque;

    block_drain(backend);
    int result = backend->may_write ? block_backend_flush_now(backend) : 0;
    if (result < 0 && *first_error == 0) {
        *first_error = result;
    }
}

int block_flush_all(void)
{
    int first_error = 0;

    block_backend_foreach(flush_one, &first_error);
    return first_error;
}

bool block_backend_any_thread(BlockBackend *backend)
{
    const BlockNode *node = block_backend_node(backend);

    while (node && !node->driver->one_thread) {
        node = node->child ? node->child->node : NULL;
    }
    return !node;
}

void block_backend_set_context(BlockBackend *backend, GMainContext *context)
{
    BlockEngine *engine = engine_for_context(context);

    if (engine == backend->engine) {
        engine_unref(engine);
        return;
    }
    block_drain(backend);
    engine_unref(backend->engine);
    backend->engine = engine;
}
