/*
 * libqtest: starts the binary under the qtest accelerator and drives its ports, memory, clock and
 * interrupt pins over a socket.
 *
 * A reply other than OK, a dead process or a silent one (one minute) fails the test with the
 * command that was sent. The binary is $QTEST_QEMU_BINARY; with $QTEST_LOG set the conversation
 * goes to stderr.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_QTEST_LIBQTEST_H
#define TESTS_QTEST_LIBQTEST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct QTestState QTestState;

/** qtest_init: starts the binary with @arguments (split as a shell would) added to the qtest ones.
 */
QTestState *qtest_init(const char *arguments);
/** qtest_initf: the same with a printf format. */
QTestState *qtest_initf(const char *format, ...) G_GNUC_PRINTF(1, 2);
/** qtest_vinitf: the same with a va_list. */
QTestState *qtest_vinitf(const char *format, va_list arguments) G_GNUC_PRINTF(1, 0);
/**
 * qtest_init_with_serial: the same, with COM1 on a socket.
 * @serial_fd: receives the test's end of the socket; the caller closes it
 */
QTestState *qtest_init_with_serial(const char *arguments, int *serial_fd);
/** qtest_quit: SIGTERM, then the exit status must be the expected one (0 if none was set); frees.
 */
void qtest_quit(QTestState *state);
/** qtest_kill: SIGKILL, waits, frees. */
void qtest_kill(QTestState *state);
/** qtest_set_expected_status: the exit status that qtest_quit() and qtest_wait_exit() require. */
void qtest_set_expected_status(QTestState *state, int status);
/** qtest_wait_exit: waits for the process to end by itself (up to a minute), frees; its exit
 * status. */
int qtest_wait_exit(QTestState *state);
/** qtest_disconnect: closes the connection, upon which the process ends by itself. */
void qtest_disconnect(QTestState *state);
/** qtest_pid: of the process, for signals and /proc. */
pid_t qtest_pid(QTestState *state);
/** qtest_probe_child: true while the process lives. */
bool qtest_probe_child(QTestState *state);

/**
 * qtest_raw: sends @format as one line and returns the reply line ("OK 0x12", "FAIL …"), for tests
 * of the protocol itself. Caller frees.
 */
char *qtest_raw(QTestState *state, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** Port I/O as a vCPU makes it. */
void qtest_outb(QTestState *state, uint16_t port, uint8_t value);
void qtest_outw(QTestState *state, uint16_t port, uint16_t value);
void qtest_outl(QTestState *state, uint16_t port, uint32_t value);
uint8_t qtest_inb(QTestState *state, uint16_t port);
uint16_t qtest_inw(QTestState *state, uint16_t port);
uint32_t qtest_inl(QTestState *state, uint16_t port);

/** Memory accesses of one size, as a vCPU makes them. */
void qtest_writeb(QTestState *state, uint64_t address, uint8_t value);
void qtest_writew(QTestState *state, uint64_t address, uint16_t value);
void qtest_writel(QTestState *state, uint64_t address, uint32_t value);
void qtest_writeq(QTestState *state, uint64_t address, uint64_t value);
uint8_t qtest_readb(QTestState *state, uint64_t address);
uint16_t qtest_readw(QTestState *state, uint64_t address);
uint32_t qtest_readl(QTestState *state, uint64_t address);
uint64_t qtest_readq(QTestState *state, uint64_t address);

/** Blocks of guest memory: mem* as hexadecimal text, buf* as base64; the effect is the same. */
void qtest_memread(QTestState *state, uint64_t address, void *data, size_t size);
void qtest_memwrite(QTestState *state, uint64_t address, const void *data, size_t size);
void qtest_bufread(QTestState *state, uint64_t address, void *data, size_t size);
void qtest_bufwrite(QTestState *state, uint64_t address, const void *data, size_t size);
void qtest_memset(QTestState *state, uint64_t address, uint8_t pattern, size_t size);

/** qtest_clock_step_next: moves CLOCK_VIRTUAL to the next timer's expiry; the new time in ns. */
int64_t qtest_clock_step_next(QTestState *state);
/** qtest_clock_step: moves it by @step ns, running what falls due; the new time. */
int64_t qtest_clock_step(QTestState *state, int64_t step);
/** qtest_clock_set: moves it forward to @value ns; the new time. */
int64_t qtest_clock_set(QTestState *state, int64_t value);

/**
 * qtest_irq_intercept_in / out / out_named: from now on qtest_get_irq(n) tells of pin n of the
 * device at
 * @path ("ioapic", "/machine/…"): its unnamed inputs, its unnamed outputs, or the outputs called
 * @name.
 */
void qtest_irq_intercept_in(QTestState *state, const char *path);
void qtest_irq_intercept_out(QTestState *state, const char *path);
void qtest_irq_intercept_out_named(QTestState *state, const char *path, const char *name);
/** qtest_get_irq: the last level of intercepted pin @number. */
bool qtest_get_irq(QTestState *state, int number);
/** qtest_get_irq_raised_counter: how many times it went up since interception. */
uint64_t qtest_get_irq_raised_counter(QTestState *state, int number);
/** qtest_set_irq_in: drives input pin @number called @name (NULL: unnamed) of the device at @path.
 */
void qtest_set_irq_in(QTestState *state, const char *path, const char *name, int number, int level);

/** qtest_big_endian: what the protocol's endianness command says. */
bool qtest_big_endian(QTestState *state);

/** qtest_get_arch: "x86_64". */
const char *qtest_get_arch(void);
/** qtest_add_func: g_test_add_func() under "/x86_64/PATH". */
void qtest_add_func(const char *path, void (*function)(void));
void qtest_add_data_func(const char *path, const void *data, void (*function)(const void *data));

#endif
