/*
 * libqtest: the client's side of the qtest protocol.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_IRQ       256
#define PATIENCE_MS   60000
#define POLL_SLICE_MS 50

struct QTestState {
    pid_t pid;
    bool reaped;
    int wait_status;
    int fd;
    int expected_status;
    GString *received; /* bytes behind the last complete line */
    char *last_command;
    bool irq_level[MAX_IRQ];
    uint64_t irq_raised[MAX_IRQ];
};

/* ---- the process ---- */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

static bool reap(QTestState *state)
{
    if (!state->reaped) {
        pid_t pid = waitpid(state->pid, &state->wait_status, WNOHANG);
        state->reaped = pid == state->pid;
    }
    return state->reaped;
}

/* Waits for @fd to be readable, in slices so that the death of the process is noticed. */
static void wait_readable(QTestState *state, int fd, const char *what)
{
    for (int waited = 0; waited < PATIENCE_MS; waited += POLL_SLICE_MS) {
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        if (poll(&entry, 1, POLL_SLICE_MS) > 0) {
            return;
        }
        if (reap(state)) {
            g_error("the process ended (wait status 0x%x) before %s", state->wait_status, what);
        }
    }
    kill(state->pid, SIGABRT);
    g_error("waited %d s in vain for %s", PATIENCE_MS / 1000, what);
}

static int accept_from(QTestState *state, int listener, const char *what)
{
    wait_readable(state, listener, what);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    close(listener);
    return fd;
}

static pid_t start_process(const char *arguments, const char *socket_path)
{
    const char *binary = g_getenv("QTEST_QEMU_BINARY");
    g_autofree char *prefix =
        g_strdup_printf("-qtest unix:%s -qtest-log %s -accel qtest -display none ", socket_path,
                        g_getenv("QTEST_LOG") ? "/dev/stderr" : "/dev/null");
    g_autofree char *all = g_strconcat("qemu ", prefix, arguments, NULL);
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) error = NULL;

    if (!binary) {
        g_error("QTEST_QEMU_BINARY must name the binary to test");
    }
    if (!g_shell_parse_argv(all, NULL, &argv, &error)) {
        g_error("%s: %s", arguments, error->message);
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execv(binary, argv);
            fprintf(stderr, "%s: %s\n", binary, strerror(errno));
        }
        _exit(127);
    }
    return pid;
}

/* Unix socket names are limited to 107 bytes, so the folder is a short one. */
static char *make_folder(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("qtest-XXXXXX", &error);

    if (!folder) {
        g_error("%s", error->message);
    }
    return folder;
}

QTestState *qtest_init(const char *arguments)
{
    g_autofree char *folder = make_folder();
    g_autofree char *path = g_build_filename(folder, "qtest.sock", NULL);
    int listener = listen_at(path);
    QTestState *state = g_new0(QTestState, 1);

    state->received = g_string_new(NULL);
    state->last_command = g_strdup("start");
    state->pid = start_process(arguments, path);
    state->fd = accept_from(state, listener, "it connected to the qtest socket");
    unlink(path);
    rmdir(folder);
    return state;
}

QTestState *qtest_vinitf(const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    return qtest_init(text);
}

QTestState *qtest_initf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    QTestState *state = qtest_vinitf(format, arguments);
    va_end(arguments);
    return state;
}

QTestState *qtest_init_with_serial(const char *arguments, int *serial_fd)
{
    g_autofree char *folder = make_folder();
    g_autofree char *path = g_build_filename(folder, "serial.sock", NULL);
    int listener = listen_at(path);
    QTestState *state =
        qtest_initf("-chardev socket,id=qtest-serial0,path=%s -serial chardev:qtest-serial0 %s",
                    path, arguments);

    *serial_fd = accept_from(state, listener, "it connected its serial port");
    unlink(path);
    rmdir(folder);
    return state;
}

static void wait_for_end(QTestState *state)
{
    for (int waited = 0; !reap(state); waited += POLL_SLICE_MS / 10) {
        if (waited >= PATIENCE_MS) {
            kill(state->pid, SIGABRT);
            g_error("the process did not end within %d s", PATIENCE_MS / 1000);
        }
        g_usleep(POLL_SLICE_MS / 10 * 1000);
    }
}

static void free_state(QTestState *state)
{
    qtest_disconnect(state);
    g_string_free(state->received, TRUE);
    g_free(state->last_command);
    g_free(state);
}

void qtest_disconnect(QTestState *state)
{
    if (state->fd >= 0) {
        close(state->fd);
        state->fd = -1;
    }
}

int qtest_wait_exit(QTestState *state)
{
    wait_for_end(state);
    if (!WIFEXITED(state->wait_status)) {
        g_error("the process was killed by signal %d", WTERMSIG(state->wait_status));
    }
    int status = WEXITSTATUS(state->wait_status);
    g_assert_cmpint(status, ==, state->expected_status);
    free_state(state);
    return status;
}

void qtest_quit(QTestState *state)
{
    if (!reap(state)) {
        kill(state->pid, SIGTERM);
    }
    qtest_wait_exit(state);
}

void qtest_kill(QTestState *state)
{
    if (!reap(state)) {
        kill(state->pid, SIGKILL);
        wait_for_end(state);
    }
    free_state(state);
}

void qtest_set_expected_status(QTestState *state, int status)
{
    state->expected_status = status;
}

pid_t qtest_pid(QTestState *state)
{
    return state->pid;
}

bool qtest_probe_child(QTestState *state)
{
    return !reap(state);
}

/* ---- lines ---- */

static void send_line(QTestState *state, const char *line)
{
    g_autofree char *text = g_strconcat(line, "\n", NULL);
    size_t length = strlen(text), sent = 0;

    g_free(state->last_command);
    state->last_command = g_strndup(line, 80);
    while (sent < length) {
        ssize_t n = send(state->fd, text + sent, length - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            g_error("sending \"%s\": %s", state->last_command, g_strerror(errno));
        }
        sent += n;
    }
}

static char *receive_line(QTestState *state)
{
    char *newline;

    while (!(newline = memchr(state->received->str, '\n', state->received->len))) {
        char buffer[4096];
        wait_readable(state, state->fd, state->last_command);
        ssize_t n = recv(state->fd, buffer, sizeof(buffer), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            g_error("the connection closed, no reply to \"%s\"", state->last_command);
        }
        g_string_append_len(state->received, buffer, n);
    }
    size_t length = newline - state->received->str;
    char *line = g_strndup(state->received->str, length);
    g_string_erase(state->received, 0, length + 1);
    return line;
}

/* "IRQ raise 4": true if @line was such a message. */
static bool take_irq_message(QTestState *state, const char *line)
{
    char direction[8];
    int number;

    if (sscanf(line, "IRQ %7s %d", direction, &number) != 2) {
        return false;
    }
    g_assert_cmpint(number, >=, 0);
    g_assert_cmpint(number, <, MAX_IRQ);
    bool raise = strcmp(direction, "raise") == 0;
    g_assert_true(raise || strcmp(direction, "lower") == 0);
    state->irq_raised[number] += raise && !state->irq_level[number];
    state->irq_level[number] = raise;
    return true;
}

static char *receive_reply(QTestState *state)
{
    for (;;) {
        char *line = receive_line(state);
        if (!take_irq_message(state, line)) {
            return line;
        }
        g_free(line);
    }
}

char *qtest_raw(QTestState *state, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    send_line(state, line);
    return receive_reply(state);
}

/* Sends one command; the words behind OK. Caller frees. */
static char *G_GNUC_PRINTF(2, 3) command(QTestState *state, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    send_line(state, line);

    g_autofree char *reply = receive_reply(state);
    if (!g_str_has_prefix(reply, "OK") || (reply[2] && reply[2] != ' ')) {
        g_error("\"%s\" was answered \"%s\"", state->last_command, reply);
    }
    return g_strdup(reply[2] ? reply + 3 : "");
}

static uint64_t reply_number(QTestState *state, char *reply)
{
    g_autofree char *text = reply;
    uint64_t value;
    g_autoptr(GError) error = NULL;
    bool hex = g_str_has_prefix(text, "0x");

    if (!g_ascii_string_to_unsigned(hex ? text + 2 : text, hex ? 16 : 10, 0, UINT64_MAX, &value,
                                    &error)) {
        g_error("\"%s\" was answered with no number: \"%s\"", state->last_command, text);
    }
    return value;
}

/* ---- ports and memory ---- */

#define PORT_ACCESSORS(letter, Type)                                                               \
    void qtest_out##letter(QTestState *state, uint16_t port, Type value)                           \
    {                                                                                              \
        g_free(command(state, "out" #letter " 0x%x 0x%x", port, value));                           \
    }                                                                                              \
    Type qtest_in##letter(QTestState *state, uint16_t port)                                        \
    {                                                                                              \
        return reply_number(state, command(state, "in" #letter " 0x%x", port));                    \
    }

PORT_ACCESSORS(b, uint8_t)
PORT_ACCESSORS(w, uint16_t)
PORT_ACCESSORS(l, uint32_t)

#define MEMORY_ACCESSORS(letter, Type)                                                             \
    void qtest_write##letter(QTestState *state, uint64_t address, Type value)                      \
    {                                                                                              \
        g_free(command(state,                                                                      \
                       "write" #letter " 0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER "x",     \
                       address, (uint64_t)value));                                                 \
    }                                                                                              \
    Type qtest_read##letter(QTestState *state, uint64_t address)                                   \
    {                                                                                              \
        return reply_number(state,                                                                 \
                            command(state, "read" #letter " 0x%" G_GINT64_MODIFIER "x", address)); \
    }

MEMORY_ACCESSORS(b, uint8_t)
MEMORY_ACCESSORS(w, uint16_t)
MEMORY_ACCESSORS(l, uint32_t)
MEMORY_ACCESSORS(q, uint64_t)

void qtest_memread(QTestState *state, uint64_t address, void *data, size_t size)
{
    uint8_t *bytes = data;

    if (size == 0) {
        return;
    }
    g_autofree char *hex = command(state, "read 0x%" G_GINT64_MODIFIER "x 0x%zx", address, size);
    g_assert_cmpuint(strlen(hex), ==, 2 + 2 * size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = g_ascii_xdigit_value(hex[2 + 2 * i]) << 4 | g_ascii_xdigit_value(hex[3 + 2 * i]);
    }
}

void qtest_memwrite(QTestState *state, uint64_t address, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    g_autoptr(GString) hex = g_string_sized_new(2 * size + 1);

    if (size == 0) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        g_string_append_printf(hex, "%02x", bytes[i]);
    }
    g_free(command(state, "write 0x%" G_GINT64_MODIFIER "x 0x%zx 0x%s", address, size, hex->str));
}

void qtest_bufread(QTestState *state, uint64_t address, void *data, size_t size)
{
    gsize length;

    if (size == 0) {
        return;
    }
    g_autofree char *text =
        command(state, "b64read 0x%" G_GINT64_MODIFIER "x 0x%zx", address, size);
    g_autofree guchar *bytes = g_base64_decode(text, &length);
    g_assert_cmpuint(length, ==, size);
    memcpy(data, bytes, size);
}

void qtest_bufwrite(QTestState *state, uint64_t address, const void *data, size_t size)
{
    g_autofree char *text = g_base64_encode(data, size);

    if (size > 0) {
        g_free(command(state, "b64write 0x%" G_GINT64_MODIFIER "x 0x%zx %s", address, size, text));
    }
}

void qtest_memset(QTestState *state, uint64_t address, uint8_t pattern, size_t size)
{
    g_free(command(state, "memset 0x%" G_GINT64_MODIFIER "x 0x%zx 0x%02x", address, size, pattern));
}

/* ---- clock and interrupts ---- */

int64_t qtest_clock_step_next(QTestState *state)
{
    return reply_number(state, command(state, "clock_step"));
}

int64_t qtest_clock_step(QTestState *state, int64_t step)
{
    return reply_number(state, command(state, "clock_step %" G_GINT64_FORMAT, step));
}

int64_t qtest_clock_set(QTestState *state, int64_t value)
{
    return reply_number(state, command(state, "clock_set %" G_GINT64_FORMAT, value));
}

void qtest_irq_intercept_in(QTestState *state, const char *path)
{
    g_free(command(state, "irq_intercept_in %s", path));
}

void qtest_irq_intercept_out(QTestState *state, const char *path)
{
    g_free(command(state, "irq_intercept_out %s", path));
}

void qtest_irq_intercept_out_named(QTestState *state, const char *path, const char *name)
{
    g_free(command(state, "irq_intercept_out_named %s %s", path, name));
}

/* Messages are in order with replies: after any reply all earlier changes have been read. */
static void catch_up(QTestState *state)
{
    g_free(command(state, "endianness"));
}

bool qtest_get_irq(QTestState *state, int number)
{
    g_assert_true(number >= 0 && number < MAX_IRQ);
    catch_up(state);
    return state->irq_level[number];
}

uint64_t qtest_get_irq_raised_counter(QTestState *state, int number)
{
    g_assert_true(number >= 0 && number < MAX_IRQ);
    catch_up(state);
    return state->irq_raised[number];
}

void qtest_set_irq_in(QTestState *state, const char *path, const char *name, int number, int level)
{
    g_free(command(state, "set_irq_in %s %s %d %d", path, name ? name : "unnamed-gpio-in", number,
                   level));
}

bool qtest_big_endian(QTestState *state)
{
    g_autofree char *order = command(state, "endianness");
    return strcmp(order, "big") == 0;
}

/* ---- g_test ---- */

const char *qtest_get_arch(void)
{
    return "x86_64";
}

void qtest_add_func(const char *path, void (*function)(void))
{
    g_autofree char *full = g_strdup_printf("/%s/%s", qtest_get_arch(), path);
    g_test_add_func(full, function);
}

void qtest_add_data_func(const char *path, const void *data, void (*function)(const void *data))
{
    g_autofree char *full = g_strdup_printf("/%s/%s", qtest_get_arch(), path);
    g_test_add_data_func(full, data, function);
}
