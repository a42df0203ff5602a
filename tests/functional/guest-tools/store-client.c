/*
 * A client of Xen's store for a guest's user space, through /dev/xen/xenbus.
 *
 * Debian 12 has no xenstore-utils for i386; this program answers to their names and does what the tests ask of
 * them: xenstore-read PATH, xenstore-write PATH VALUE, xenstore-list PATH, xenstore-rm PATH,
 * xenstore-watch -n COUNT PATH.  Under its own name the word after "xenstore-" is the first argument.
 *
 * Source of facts: Xen's public/io/xs_wire.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD_MAX 4096

enum {
    OP_DIRECTORY = 1,
    OP_READ = 2,
    OP_WATCH = 4,
    OP_WRITE = 11,
    OP_RM = 13,
    OP_WATCH_EVENT = 15,
    OP_ERROR = 16,
};

struct header {
    uint32_t type, request, transaction, length;
};

struct message {
    struct header header;
    char body[PAYLOAD_MAX + 1];
};

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "store-client: %s: %s\n", what, detail);
    exit(1);
}

static void take(int fd, void *buffer, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t got = read(fd, (char *)buffer + done, length - done);
        if (got <= 0) {
            fail("read", "the store is gone");
        }
        done += (size_t)got;
    }
}

static void receive(int fd, struct message *message)
{
    take(fd, &message->header, sizeof(message->header));
    if (message->header.length > PAYLOAD_MAX) {
        fail("reply", "too long");
    }
    take(fd, message->body, message->header.length);
    message->body[message->header.length] = '\0';
}

/* A request of a path and, if there is one, a second part, which ends as it is (no zero byte for a value). */
static void request(int fd, uint32_t type, const char *path, const char *more, size_t more_length)
{
    struct message message = {.header = {.type = type}};
    size_t length = strlen(path) + 1;
    if (length + more_length > PAYLOAD_MAX) {
        fail(path, "too long");
    }
    memcpy(message.body, path, length);
    if (more_length > 0) {
        memcpy(message.body + length, more, more_length);
    }
    message.header.length = (uint32_t)(length + more_length);
    size_t total = sizeof(message.header) + message.header.length;
    if (write(fd, &message, total) != (ssize_t)total) {
        fail("write", "refused");
    }
}

static void ask(int fd, uint32_t type, const char *path, const char *more, size_t more_length,
                struct message *reply)
{
    request(fd, type, path, more, more_length);
    receive(fd, reply);
    if (reply->header.type == OP_ERROR) {
        fail(path, reply->body);
    }
    if (reply->header.type != type) {
        fail(path, "a reply of another kind");
    }
}

/* The kernel may hand out the first event before the reply to the request itself. */
static void watch(int fd, int count, const char *path)
{
    struct message message;
    request(fd, OP_WATCH, path, "token", sizeof("token"));
    for (int seen = 0; seen < count;) {
        receive(fd, &message);
        if (message.header.type == OP_WATCH_EVENT) {
            puts(message.body);
            fflush(stdout);
            seen++;
        } else if (message.header.type != OP_WATCH) {
            fail(path, message.body);
        }
    }
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    if (strncmp(name, "xenstore-", 9) == 0) {
        name += 9;
    } else if (argc > 1) {
        name = argv[1];
        argc--;
        argv++;
    }
    struct message reply;
    int fd = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        fail("/dev/xen/xenbus", "cannot be opened");
    }
    if (strcmp(name, "read") == 0 && argc == 2) {
        ask(fd, OP_READ, argv[1], NULL, 0, &reply);
        puts(reply.body);
    } else if (strcmp(name, "write") == 0 && argc == 3) {
        ask(fd, OP_WRITE, argv[1], argv[2], strlen(argv[2]), &reply);
    } else if (strcmp(name, "rm") == 0 && argc == 2) {
        ask(fd, OP_RM, argv[1], NULL, 0, &reply);
    } else if (strcmp(name, "list") == 0 && argc == 2) {
        ask(fd, OP_DIRECTORY, argv[1], NULL, 0, &reply);
        for (size_t at = 0; at < reply.header.length; at += strlen(reply.body + at) + 1) {
            puts(reply.body + at);
        }
    } else if (strcmp(name, "watch") == 0 && argc == 4 && strcmp(argv[1], "-n") == 0) {
        watch(fd, atoi(argv[2]), argv[3]);
    } else {
        fail(name, "unknown, or not these arguments");
    }
    return 0;
}
