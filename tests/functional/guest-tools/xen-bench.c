/*
 * Measures what a Xen guest asks of Xen, from the guest's user space, and prints microseconds each.
 *
 *   xen-bench hypercall COUNT
 *       xen_version by reading a file of /sys/hypervisor, less the time of one that asks nobody; a domain's
 *       own /dev/xen/privcmd lets no hypercall through in new kernels
 *   xen-bench event-self COUNT
 *       an event from one own port to another one: send, wake, read, unmask, all on one vCPU
 *   xen-bench event-other COUNT
 *       an event to the other vCPU and one back, half of the round trip
 *   xen-bench store COUNT
 *       reads of one node of the store through /dev/xen/xenbus
 *
 * Source of facts: Linux's include/uapi/xen/{privcmd,evtchn}.h, Xen's public/{version.h,io/xs_wire.h}.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define ASKS_XEN "/sys/hypervisor/properties/pagesize"
#define ASKS_NOBODY "/sys/hypervisor/type"
#define DOMID_SELF 0x7ff0
#define STORE_READ 2
#define STORE_ERROR 16

struct bind_interdomain {
    unsigned remote_domain, remote_port;
};

#define EVTCHN_BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, sizeof(struct bind_interdomain))
#define EVTCHN_BIND_UNBOUND _IOC(_IOC_NONE, 'E', 2, sizeof(unsigned))
#define EVTCHN_NOTIFY _IOC(_IOC_NONE, 'E', 4, sizeof(unsigned))

static void fail(const char *what)
{
    fprintf(stderr, "xen-bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_device(const char *path, int flags)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | flags);
    if (fd < 0) {
        fail(path);
    }
    return fd;
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void report(double started, int count)
{
    printf("%.2f us each\n", (now_us() - started) / count);
}

static double read_us(const char *path, int count)
{
    char text[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fail(path);
    }
    double started = now_us();
    for (int i = 0; i < count; i++) {
        if (pread(fd, text, sizeof(text), 0) <= 0) {
            fail(path);
        }
    }
    double each = (now_us() - started) / count;
    close(fd);
    return each;
}

static void bench_hypercall(int count)
{
    double nobody = read_us(ASKS_NOBODY, count);
    printf("%.2f us each\n", read_us(ASKS_XEN, count) - nobody);
}

/* A file of the event device with one port; the interrupt that goes with it is named after NAME. */
struct endpoint {
    int fd;
    unsigned port;
};

static struct endpoint open_endpoint(const char *name)
{
    prctl(PR_SET_NAME, name);
    return (struct endpoint){.fd = open_device("/dev/xen/evtchn", 0)};
}

static void connect_endpoints(struct endpoint *first, struct endpoint *second)
{
    unsigned domain = DOMID_SELF;
    int port = ioctl(first->fd, EVTCHN_BIND_UNBOUND, &domain);
    if (port < 0) {
        fail("binding an unbound port");
    }
    struct bind_interdomain bind = {DOMID_SELF, (unsigned)port};
    first->port = (unsigned)port;
    port = ioctl(second->fd, EVTCHN_BIND_INTERDOMAIN, &bind);
    if (port < 0) {
        fail("binding to the own domain");
    }
    second->port = (unsigned)port;
}

static void notify(const struct endpoint *endpoint)
{
    unsigned port = endpoint->port;
    if (ioctl(endpoint->fd, EVTCHN_NOTIFY, &port) != 0) {
        fail("sending");
    }
}

/* Take one event and let the next one come. */
static void take(const struct endpoint *endpoint)
{
    uint32_t port;
    if (read(endpoint->fd, &port, sizeof(port)) != sizeof(port) || port != endpoint->port ||
        write(endpoint->fd, &port, sizeof(port)) != sizeof(port)) {
        fail("taking an event");
    }
}

/* Binding to a port may raise an event of its own. */
static void drain(const struct endpoint *endpoint)
{
    struct pollfd ready = {.fd = endpoint->fd, .events = POLLIN};
    while (poll(&ready, 1, 50) > 0) {
        take(endpoint);
    }
}

static void bench_event_self(int count)
{
    struct endpoint first = open_endpoint("bench-first");
    struct endpoint second = open_endpoint("bench-second");
    connect_endpoints(&first, &second);
    drain(&first);
    drain(&second);
    double started = now_us();
    for (int i = 0; i < count; i++) {
        notify(&second);
        take(&first);
    }
    report(started, count);
}

/* Have the interrupt NAME delivered to CPU. */
static void place_interrupt(const char *name, int cpu)
{
    char line[1024], path[64];
    FILE *interrupts = fopen("/proc/interrupts", "r");
    int number = -1;
    while (interrupts && fgets(line, sizeof(line), interrupts)) {
        if (strstr(line, name)) {
            number = atoi(line);
        }
    }
    if (number < 0) {
        fail(name);
    }
    fclose(interrupts);
    snprintf(path, sizeof(path), "/proc/irq/%d/smp_affinity", number);
    FILE *affinity = fopen(path, "w");
    if (!affinity || fprintf(affinity, "%x", 1u << cpu) < 0 || fclose(affinity) != 0) {
        fail(path);
    }
}

static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        fail("going to a vCPU");
    }
}

struct answerer {
    const struct endpoint *endpoint;
    int count;
};

static void *answer(void *data)
{
    const struct answerer *answerer = data;
    stay_on(1);
    for (int i = 0; i < answerer->count; i++) {
        take(answerer->endpoint);
        notify(answerer->endpoint);
    }
    return NULL;
}

static void bench_event_other(int count)
{
    struct endpoint near = open_endpoint("bench-near");
    struct endpoint far = open_endpoint("bench-far");
    connect_endpoints(&near, &far);
    drain(&near);
    drain(&far);
    place_interrupt("bench-near", 0);
    place_interrupt("bench-far", 1);
    stay_on(0);
    struct answerer answerer = {&far, count};
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer, &answerer) != 0) {
        fail("a thread");
    }
    double started = now_us();
    for (int i = 0; i < count; i++) {
        notify(&near);
        take(&near);
    }
    report(started, count * 2);
    pthread_join(thread, NULL);
}

static void bench_store(int count)
{
    static const char path[] = "domid";
    struct {
        uint32_t type, request, transaction, length;
        char body[sizeof(path)];
    } request = {STORE_READ, 0, 0, sizeof(path), {0}};
    char reply[4096];
    int fd = open_device("/dev/xen/xenbus", 0);
    memcpy(request.body, path, sizeof(path));
    size_t length = 16 + sizeof(path);
    double started = now_us();
    for (int i = 0; i < count; i++) {
        if (write(fd, &request, length) != (ssize_t)length) {
            fail("writing a request");
        }
        size_t got = 0;
        uint32_t want = 16;
        while (got < want) {
            ssize_t piece = read(fd, reply + got, sizeof(reply) - got);
            if (piece <= 0) {
                fail("reading a reply");
            }
            got += (size_t)piece;
            if (got >= 16 && want == 16) {
                uint32_t head[4];
                memcpy(head, reply, sizeof(head));
                if (head[0] == STORE_ERROR || head[3] > sizeof(reply) - 16) {
                    errno = EIO;
                    fail("an answer");
                }
                want += head[3];
            }
        }
    }
    report(started, count);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    int count = argc > 2 ? atoi(argv[2]) : 0;
    if (strcmp(what, "hypercall") == 0 && count > 0) {
        bench_hypercall(count);
    } else if (strcmp(what, "event-self") == 0 && count > 0) {
        bench_event_self(count);
    } else if (strcmp(what, "event-other") == 0 && count > 0) {
        bench_event_other(count);
    } else if (strcmp(what, "store") == 0 && count > 0) {
        bench_store(count);
    } else {
        fprintf(stderr, "usage: xen-bench hypercall|event-self|event-other|store COUNT\n");
        return 2;
    }
    return 0;
}
