/*
 * Character back ends on files, pipes and pseudo terminals; the multiplexer; the output buffer;
 * what users type wrong.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/output_buffer.h"
#include "chardev-fixture.h"

static char *directory;

static char *path_of(const char *name)
{
    return g_build_filename(directory, name, NULL);
}

static char *file_text(const char *path)
{
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

/* Reads what is there until @length bytes have come. */
static void read_exactly(int fd, char *buffer, size_t length)
{
    size_t have = 0;

    while (have < length) {
        ssize_t count = read(fd, buffer + have, length - have);
        if (count > 0) {
            have += count;
        } else {
            g_assert_true(count < 0 && (errno == EAGAIN || errno == EINTR));
            g_main_context_iteration(NULL, FALSE);
        }
    }
    buffer[length] = '\0';
}

/* ---- simple back ends ---- */

static void test_null_takes_everything_and_is_never_open(void)
{
    Recorder recorder;

    recorder_init(&recorder, make_chardev("null,id=n"));
    g_assert_cmpint(write_text(&recorder, "hello"), ==, 5);
    g_assert_cmpuint(recorder.opened, ==, 0);
    g_assert_cmpstr(chardev_filename(recorder.frontend.chardev), ==, "null");
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("n", NULL));
    g_assert_null(chardev_find("n"));
}

static void test_front_end_without_back_end_loses_output_and_says_so_to_nobody(void)
{
    Recorder recorder;
    unsigned count = 7;

    recorder_init(&recorder, NULL);
    g_assert_cmpint(write_text(&recorder, "hello"), ==, 5);
    char_write_all(&recorder.frontend, (const uint8_t *)"x", 1);
    char_accept_input(&recorder.frontend);
    g_assert_cmpuint(char_add_writable_watch(&recorder.frontend, NULL, NULL), ==, 0);
    g_assert_null(char_take_fds(&recorder.frontend, &count));
    g_assert_cmpuint(count, ==, 0);
    g_assert_false(char_frontend_is_connected(&recorder.frontend));
    recorder_clear(&recorder);
}

static void test_file_truncates_and_append_does_not(void)
{
    g_autofree char *path = path_of("out");
    Recorder recorder;

    for (int round = 0; round < 3; round++) {
        g_autofree char *options =
            g_strdup_printf("file,id=f,path=%s,append=%s", path, round == 2 ? "on" : "off");
        recorder_init(&recorder, make_chardev(options));
        g_assert_cmpuint(recorder.opened, ==, 1);
        g_assert_cmpint(write_text(&recorder, "line\n"), ==, 5);
        recorder_clear(&recorder);
        g_assert_true(chardev_remove("f", NULL));
        g_autofree char *text = file_text(path);
        g_assert_cmpstr(text, ==, round == 2 ? "line\nline\n" : "line\n");
    }
}

static void test_file_reads_input_path_as_the_front_end_has_room(void)
{
    g_autofree char *in = path_of("in");
    g_autofree char *out = path_of("out");
    g_autofree char *options = g_strdup_printf("file,id=f,path=%s,input-path=%s", out, in);
    Recorder recorder;

    g_assert_true(g_file_set_contents(in, "abcdefgh", -1, NULL));
    recorder_init(&recorder, make_chardev(options));
    recorder.room = 3;
    run_until(recorder_has(&recorder, "abc"));
    run_for_ms(20);
    g_assert_true(recorder_has(&recorder, "abc"));
    recorder.room = 100;
    char_accept_input(&recorder.frontend);
    run_until(recorder.closed == 1);
    g_assert_true(recorder_has(&recorder, "abcdefgh"));
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("f", NULL));
}

static void test_logfile_has_what_was_written_and_logappend_keeps_the_old(void)
{
    g_autofree char *path = path_of("log");
    Recorder recorder;

    for (int round = 0; round < 2; round++) {
        g_autofree char *options =
            g_strdup_printf("null,id=n,logfile=%s,logappend=%s", path, round ? "on" : "off");
        recorder_init(&recorder, make_chardev(options));
        write_text(&recorder, "logged ");
        recorder_clear(&recorder);
        g_assert_true(chardev_remove("n", NULL));
    }
    g_autofree char *text = file_text(path);
    g_assert_cmpstr(text, ==, "logged logged ");
}

static void test_ringbuf_keeps_the_newest_bytes(void)
{
    Recorder recorder;
    uint8_t data[16] = {0};
    Chardev *ring = make_chardev("ringbuf,id=r,size=8");

    recorder_init(&recorder, ring);
    g_assert_true(chardev_is_ringbuf(ring));
    g_assert_cmpint(write_text(&recorder, "0123456789"), ==, 10);
    g_assert_cmpuint(chardev_ringbuf_read(ring, data, 3), ==, 3);
    g_assert_cmpstr((char *)data, ==, "234");
    chardev_ringbuf_write(ring, (const uint8_t *)"ab", 2);
    memset(data, 0, sizeof(data));
    g_assert_cmpuint(chardev_ringbuf_read(ring, data, sizeof(data)), ==, 7);
    g_assert_cmpstr((char *)data, ==, "56789ab");
    g_assert_cmpuint(chardev_ringbuf_read(ring, data, sizeof(data)), ==, 0);
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("r", NULL));
}

static void test_pipe_uses_the_in_and_out_files(void)
{
    g_autofree char *base = path_of("pipe");
    g_autofree char *in = path_of("pipe.in");
    g_autofree char *out = path_of("pipe.out");
    g_autofree char *options = g_strdup_printf("pipe,id=p,path=%s", base);
    Recorder recorder;
    char buffer[8];

    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    recorder_init(&recorder, make_chardev(options));
    int to = open(in, O_WRONLY | O_NONBLOCK);
    int from = open(out, O_RDONLY | O_NONBLOCK);
    g_assert_cmpint(write(to, "hello", 5), ==, 5);
    run_until(recorder_has(&recorder, "hello"));
    g_assert_cmpint(write_text(&recorder, "world"), ==, 5);
    read_exactly(from, buffer, 5);
    g_assert_cmpstr(buffer, ==, "world");
    /* A peer that leaves is no end: the next one goes on. */
    close(to);
    run_for_ms(5);
    to = open(in, O_WRONLY | O_NONBLOCK);
    g_assert_cmpint(write(to, "!", 1), ==, 1);
    run_until(recorder_has(&recorder, "hello!"));
    close(to);
    close(from);
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("p", NULL));
}

/* ---- pty ---- */

/* Writes until nothing more fits, also after the kernel has moved what it had to the reader's side.
 */
static void fill_up(Recorder *recorder)
{
    static const uint8_t block[4096];
    unsigned idle = 0;

    while (idle < 5) {
        int taken = char_write(&recorder->frontend, block, sizeof(block));
        g_assert_cmpint(taken, >=, 0);
        idle = taken ? 0 : idle + 1;
        if (!taken) {
            run_for_ms(10);
        }
    }
}

static int open_slave(Chardev *chardev)
{
    const char *name = chardev_filename(chardev);

    g_assert_true(g_str_has_prefix(name, "pty:/dev/pts/"));
    int fd = open(name + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void test_pty_notices_that_its_slave_is_opened_closed_and_opened_again(void)
{
    Chardev *pty = make_chardev("pty,id=p");
    Recorder recorder;
    char buffer[8];

    recorder_init(&recorder, pty);
    g_assert_cmpuint(recorder.opened, ==, 0);
    g_assert_cmpint(write_text(&recorder, "lost"), ==, 4);
    for (unsigned round = 1; round <= 2; round++) {
        int slave = open_slave(pty);
        run_until(recorder.opened == round);
        g_assert_true(char_frontend_is_connected(&recorder.frontend));
        g_assert_cmpint(write(slave, "in", 2), ==, 2);
        run_until(recorder.received->len == 2 * round);
        g_assert_cmpint(write_text(&recorder, "out\n"), ==, 4);
        read_exactly(slave, buffer, 4);
        g_assert_cmpstr(buffer, ==, "out\n"); /* raw: no carriage return is added */
        close(slave);
        run_until(recorder.closed == round);
        g_assert_cmpint(write_text(&recorder, "lost"), ==, 4);
    }
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("p", NULL));
}

static void test_pty_write_finds_a_new_peer_without_waiting_for_the_timer(void)
{
    Chardev *pty = make_chardev("pty,id=p");
    Recorder recorder;
    char buffer[8];

    recorder_init(&recorder, pty);
    int slave = open_slave(pty);
    g_assert_cmpint(write_text(&recorder, "now"), ==, 3);
    g_assert_cmpuint(recorder.opened, ==, 1);
    read_exactly(slave, buffer, 3);
    g_assert_cmpstr(buffer, ==, "now");
    close(slave);
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("p", NULL));
}

static void set_flag(void *opaque)
{
    *(bool *)opaque = true;
}

static void test_full_pty_refuses_bytes_and_tells_when_there_is_room(void)
{
    Chardev *pty = make_chardev("pty,id=p");
    Recorder recorder;
    bool ready = false;
    char buffer[4097];

    recorder_init(&recorder, pty);
    int slave = open_slave(pty);
    fill_up(&recorder);
    g_assert_cmpuint(char_add_writable_watch(&recorder.frontend, set_flag, &ready), !=, 0);
    run_for_ms(30);
    g_assert_false(ready);
    while (read(slave, buffer, 4096) > 0) {
    }
    run_until(ready);
    g_assert_cmpint(write_text(&recorder, "more"), ==, 4);
    close(slave);
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("p", NULL));
}

static void test_full_pty_whose_peer_leaves_does_not_hold_the_writer(void)
{
    Chardev *pty = make_chardev("pty,id=p");
    Recorder recorder;
    bool ready = false;

    recorder_init(&recorder, pty);
    int slave = open_slave(pty);
    fill_up(&recorder);
    char_add_writable_watch(&recorder.frontend, set_flag, &ready);
    close(slave);
    run_until(ready);
    g_assert_cmpint(write_text(&recorder, "gone"), ==, 4);
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("p", NULL));
}

static void test_pty_path_is_a_link_that_goes_away_with_it(void)
{
    g_autofree char *link = path_of("tty");
    g_autofree char *options = g_strdup_printf("pty,id=p,path=%s", link);
    g_autofree char *target = NULL;

    Chardev *pty = make_chardev(options);
    target = g_file_read_link(link, NULL);
    g_assert_cmpstr(target, ==, chardev_filename(pty) + 4);
    g_assert_true(chardev_remove("p", NULL));
    g_assert_false(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
}

/* ---- serial ---- */

static void test_serial_sets_the_line_as_the_guest_wants_it(void)
{
    Recorder recorder;
    struct termios mode;
    char name[64];
    int master, slave;
    unsigned lines;

    g_assert_cmpint(openpty(&master, &slave, name, NULL, NULL), ==, 0);
    g_autofree char *options = g_strdup_printf("serial,id=s,path=%s", name);
    recorder_init(&recorder, make_chardev(options));
    char_set_serial_parameters(&recorder.frontend, 9600, 'E', 7, 2);
    g_assert_cmpint(tcgetattr(slave, &mode), ==, 0);
    g_assert_cmpuint(cfgetospeed(&mode), ==, B9600);
    g_assert_cmpuint(mode.c_cflag & CSTOPB, ==, CSTOPB);
    /* A pty's line has always 8 bits without parity; B9600 and the stop bits show that it was set.
     */
    char_set_serial_parameters(&recorder.frontend, 115000, 'N', 8, 1);
    g_assert_cmpint(tcgetattr(slave, &mode), ==, 0);
    g_assert_cmpuint(cfgetospeed(&mode), ==, B115200);
    g_assert_cmpuint(mode.c_cflag & CSTOPB, ==, 0);
    g_assert_cmpuint(mode.c_lflag & (ICANON | ECHO | ISIG), ==, 0);
    g_assert_false(char_get_modem_lines(&recorder.frontend, &lines)); /* a pty has none */
    char_send_break(&recorder.frontend, true);
    char_send_break(&recorder.frontend, false);
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("s", NULL));
    close(master);
    close(slave);
}

/* ---- stdio, in a process of its own on a terminal of its own ---- */

static void stdio_child(void)
{
    Recorder recorder;

    recorder_init(&recorder, make_chardev("stdio,id=s,signal=off"));
    write_text(&recorder, "ready\n");
    run_until(recorder_has(&recorder, "quit"));
    write_text(&recorder, "bye\n");
    chardev_cleanup();
    _exit(3);
}

static void wait_for_mode(int master, bool raw)
{
    struct termios mode;

    for (int i = 0; i < 2000; i++) {
        g_assert_cmpint(tcgetattr(master, &mode), ==, 0);
        if (raw == !(mode.c_lflag & (ICANON | ECHO | ISIG))) {
            return;
        }
        g_usleep(2000);
    }
    g_error("the terminal did not become %s", raw ? "raw" : "as it was");
}

static void wait_for_stop(pid_t child)
{
    int status;

    g_assert_cmpint(waitpid(child, &status, WUNTRACED), ==, child);
    g_assert_true(WIFSTOPPED(status));
}

static void test_stdio_is_raw_while_it_runs_and_restored_when_stopped_and_at_exit(void)
{
    char buffer[16];
    int master, status;
    pid_t child = forkpty(&master, NULL, NULL, NULL);

    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        stdio_child();
    }
    read_exactly(master, buffer, 7);
    g_assert_cmpstr(buffer, ==, "ready\r\n"); /* output processing stays on */
    wait_for_mode(master, true);
    kill(child, SIGTSTP);
    wait_for_stop(child);
    wait_for_mode(master, false);
    kill(child, SIGCONT);
    wait_for_mode(master, true);
    g_assert_cmpint(write(master, "quit", 4), ==, 4);
    read_exactly(master, buffer, 5);
    g_assert_cmpstr(buffer, ==, "bye\r\n");
    wait_for_mode(master, false);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    close(master);
}

static void test_stdio_to_a_full_pipe_does_not_block_and_leaves_the_pipe_blocking(void)
{
    int input[2], output[2], status;
    pid_t child;

    g_assert_cmpint(pipe(input), ==, 0);
    g_assert_cmpint(pipe(output), ==, 0);
    child = fork();
    if (child == 0) {
        static const uint8_t block[4096];
        Recorder recorder;
        int taken;
        dup2(input[0], 0);
        dup2(output[1], 1);
        recorder_init(&recorder, make_chardev("stdio,id=s"));
        while ((taken = char_write(&recorder.frontend, block, sizeof(block))) > 0) {
        }
        _exit(taken == 0 && !(fcntl(1, F_GETFL) & O_NONBLOCK) ? 0 : 1);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(input[0]);
    close(input[1]);
    close(output[0]);
    close(output[1]);
}

/* ---- mux ---- */

typedef struct {
    Chardev *mux;
    int peer;
    Recorder first, second;
} MuxTest;

static void mux_setup(MuxTest *test)
{
    test->mux = make_chardev("pty,id=m,mux=on");
    g_assert_cmpstr(chardev_id(test->mux), ==, "m");
    g_assert_cmpstr(chardev_filename(test->mux), ==, "mux");
    Chardev *base = chardev_find("m-base");
    g_assert_nonnull(base);
    recorder_init(&test->first, test->mux);
    recorder_init(&test->second, test->mux);
    test->peer = open_slave(base);
    run_until(test->first.opened == 1 && test->second.opened == 1);
}

static void mux_teardown(MuxTest *test)
{
    close(test->peer);
    recorder_clear(&test->first);
    recorder_clear(&test->second);
    g_assert_true(chardev_remove("m", NULL));
    g_assert_null(chardev_find("m-base"));
}

static void type(MuxTest *test, const char *text)
{
    g_assert_cmpint(write(test->peer, text, strlen(text)), ==, (int)strlen(text));
}

static void test_mux_gives_input_to_the_focus_and_switches_it(void)
{
    MuxTest test;

    mux_setup(&test);
    g_assert_cmpuint(test.second.mux_in, ==, 1); /* the last one has the focus */
    type(&test, "two");
    run_until(recorder_has(&test.second, "two"));
    type(&test, "\001cone\001\001");
    run_until(recorder_has(&test.first, "one\001"));
    g_assert_cmpuint(test.second.mux_out, ==, 1);
    g_assert_cmpuint(test.first.mux_in, ==, 2);
    type(&test, "\001b");
    run_until(test.first.breaks == 1);
    g_assert_cmpuint(test.second.breaks, ==, 0);
    g_assert_true(recorder_has(&test.second, "two"));
    mux_teardown(&test);
}

static void test_mux_keeps_what_the_focus_has_no_room_for(void)
{
    MuxTest test;

    mux_setup(&test);
    test.second.room = 2;
    type(&test, "abcdef");
    run_until(recorder_has(&test.second, "ab"));
    /* The escape commands still work for a front end that takes nothing. */
    type(&test, "\001cx");
    run_until(recorder_has(&test.first, "x"));
    type(&test, "\001c");
    run_until(test.second.mux_in == 2);
    test.second.room = 100;
    char_accept_input(&test.second.frontend);
    run_until(recorder_has(&test.second, "abcdef"));
    mux_teardown(&test);
}

static unsigned quits, saves;

static void count_quit(void)
{
    quits++;
}

static void count_save(void)
{
    saves++;
}

static void test_mux_commands_help_quit_and_save(void)
{
    MuxTest test;
    char buffer[32];

    mux_setup(&test);
    chardev_set_mux_actions(count_quit, count_save);
    type(&test, "\001s\001x");
    run_until(saves == 1 && quits == 1);
    read_exactly(test.peer, buffer, 18);
    g_assert_cmpstr(buffer, ==, "QEMU: Terminated\n\r");
    chardev_set_escape_character(20); /* -echr 20: Ctrl-t */
    type(&test, "\024h");
    read_exactly(test.peer, buffer, 25);
    g_assert_cmpstr(buffer, ==, "\n\rC-t h    print this hel");
    g_assert_true(recorder_has(&test.second, ""));
    chardev_set_escape_character(1);
    chardev_set_mux_actions(NULL, NULL);
    mux_teardown(&test);
}

static void test_mux_output_of_all_front_ends_goes_out_and_timestamps_start_lines(void)
{
    MuxTest test;
    char buffer[64];

    mux_setup(&test);
    write_text(&test.first, "one");
    write_text(&test.second, "two\n");
    read_exactly(test.peer, buffer, 7);
    g_assert_cmpstr(buffer, ==, "onetwo\n");
    type(&test, "\001t");
    run_for_ms(20);
    write_text(&test.first, "a\nb");
    read_exactly(test.peer, buffer, 18);
    g_assert_true(g_str_has_prefix(buffer, "a\n[00:00:0"));
    g_assert_true(g_str_has_suffix(buffer, "] b"));
    mux_teardown(&test);
}

static void test_mux_takes_four_front_ends_and_no_fifth(void)
{
    Chardev *mux = make_chardev("null,id=m,mux=on");
    Recorder recorders[4];
    CharFrontend fifth = {0};
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 4; i++) {
        recorder_init(&recorders[i], mux);
    }
    g_assert_false(char_frontend_attach(&fifth, mux, &error));
    g_assert_cmpstr(error->message, ==, "too many uses of multiplexed chardev 'm' (maximum is 4)");
    g_clear_error(&error);
    g_assert_false(chardev_remove("m", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'm' is busy");
    for (int i = 0; i < 4; i++) {
        recorder_clear(&recorders[i]);
    }
    g_assert_true(chardev_remove("m", NULL));
}

/* ---- the queue of char_write_all() and the output buffer ---- */

static void test_write_all_queues_and_keeps_the_order(void)
{
    static uint8_t block[65536];
    Chardev *pty = make_chardev("pty,id=p");
    Recorder recorder;
    size_t have = 0;
    uint8_t *copy = g_malloc(sizeof(block) + 3);

    for (unsigned i = 0; i < sizeof(block); i++) {
        block[i] = i * 7 + i / 256;
    }
    recorder_init(&recorder, pty);
    int slave = open_slave(pty);
    char_write_all(&recorder.frontend, block, sizeof(block));
    g_assert_cmpuint(char_queued(&recorder.frontend), >, 0);
    /* A plain write must not overtake. */
    g_assert_cmpint(write_text(&recorder, "end"), ==, 0);
    char_write_all(&recorder.frontend, (const uint8_t *)"end", 3);
    while (have < sizeof(block) + 3) {
        ssize_t count = read(slave, copy + have, sizeof(block) + 3 - have);
        have += MAX(count, 0);
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpmem(copy, sizeof(block), block, sizeof(block));
    g_assert_cmpmem(copy + sizeof(block), 3, "end", 3);
    g_assert_cmpuint(char_queued(&recorder.frontend), ==, 0);
    g_free(copy);
    close(slave);
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("p", NULL));
}

static void test_output_buffer_flushes_lines_at_once_and_rests_after_a_while(void)
{
    Chardev *ring = make_chardev("ringbuf,id=r");
    Recorder recorder;
    uint8_t data[16] = {0};

    recorder_init(&recorder, ring);
    CharOutput *output = char_output_new(&recorder.frontend, NULL, NULL);
    for (const char *p = "ab\ncd"; *p; p++) {
        g_assert_true(char_output_put(output, *p));
    }
    g_assert_cmpuint(chardev_ringbuf_read(ring, data, sizeof(data)), ==, 3);
    g_assert_cmpstr((char *)data, ==, "ab\n");
    g_assert_cmpuint(char_output_pending(output), ==, 2);
    run_until(char_output_pending(output) == 0);
    g_assert_cmpuint(chardev_ringbuf_read(ring, data, sizeof(data)), ==, 2);
    char_output_put(output, 'x');
    g_assert_true(char_output_flush_all());
    g_assert_cmpuint(chardev_ringbuf_read(ring, data, sizeof(data)), ==, 1);
    char_output_put(output, 'y');
    char_output_free(output); /* the end flushes */
    g_assert_cmpuint(chardev_ringbuf_read(ring, data, sizeof(data)), ==, 1);
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("r", NULL));
}

static void test_output_buffer_is_bounded_and_calls_back_when_there_is_room(void)
{
    Chardev *pty = make_chardev("pty,id=p");
    Recorder recorder;
    bool room = false;
    unsigned sent = 0, have = 0;
    char buffer[4096];

    recorder_init(&recorder, pty);
    int slave = open_slave(pty);
    CharOutput *output = char_output_new(&recorder.frontend, set_flag, &room);
    for (unsigned idle = 0; idle < 5; idle++) {
        while (char_output_put(output, 'a' + sent % 26)) {
            g_assert_cmpuint(++sent, <, 1000000);
            idle = 0;
        }
        run_for_ms(10);
    }
    room = false;
    run_for_ms(10);
    g_assert_false(room);
    g_assert_cmpuint(char_output_pending(output), ==, 1024);
    while (have < sent) {
        ssize_t count = read(slave, buffer, sizeof(buffer));
        for (ssize_t i = 0; i < count; i++) {
            g_assert_cmpint(buffer[i], ==, 'a' + have++ % 26);
        }
        g_main_context_iteration(NULL, FALSE);
    }
    run_until(room);
    g_assert_true(char_output_put(output, '!'));
    char_output_free(output);
    close(slave);
    recorder_clear(&recorder);
    g_assert_true(chardev_remove("p", NULL));
}

/* ---- what users type ---- */

static void test_wrong_options_are_named(void)
{
    static const struct {
        const char *options, *message;
    } cases[] = {
        {"null", "chardev: no id specified"},
        {"id=a", "chardev: \"a\" missing backend"},
        {"null,id=5a", "Parameter 'id' expects an identifier, not '5a'"},
        {"braill,id=a", "'braill' is not a valid char driver name"},
        {"spicevmc,id=a", "'spicevmc' is not a valid char driver name"},
        {"udp,id=a,host=x,port=1", "'udp' is not a valid char driver name"},
        {"vc,id=a", "chardev 'vc' is not available: there is no display to show it on"},
        {"null,id=a,foo=1", "Invalid parameter 'foo'"},
        {"null,id=a,logfile=/nonexistent/x",
         "Could not create '/nonexistent/x': No such file or directory"},
        {"ringbuf,id=a,size=3", "size of ringbuf chardev must be power of two"},
        {"ringbuf,id=a,size=0", "size of ringbuf chardev must be power of two"},
        {"ringbuf,id=a,size=1T", "size of ringbuf chardev must be at most 1G"},
        {"file,id=a", "chardev: file: no filename given"},
        {"file,id=a,path=/nonexistent/x",
         "Could not open '/nonexistent/x': No such file or directory"},
        {"file,id=a,path=/nonexistent/x,append=maybe",
         "Parameter 'append' expects 'on' or 'off', not 'maybe'"},
        {"pipe,id=a", "chardev: pipe: no device path given"},
        {"pipe,id=a,path=/nonexistent/x",
         "Could not open '/nonexistent/x': No such file or directory"},
        {"serial,id=a", "chardev: serial/tty: no device path given"},
        {"mux,id=a", "chardev: mux: no chardev given"},
        {"mux,id=a,chardev=b", "mux: base chardev 'b' not found"},
        {"socket,id=a", "chardev: socket: exactly one of 'path', 'fd' and 'host' is needed"},
        {"socket,id=a,path=/x,fd=3",
         "chardev: socket: exactly one of 'path', 'fd' and 'host' is needed"},
        {"socket,id=a,host=x", "chardev: socket: no port given"},
        {"socket,id=a,host=x,port=65536",
         "Parameter 'port' expects a number from 0 to 65535, not '65536'"},
        {"socket,id=a,host=x,port=1,ipv4=off,ipv6=off",
         "Cannot disable IPv4 and IPv6 at same time"},
        {"socket,id=a,host=x,port=1,to=2",
         "'to' option is incompatible with socket in client connect mode"},
        {"socket,id=a,path=/nonexistent",
         "Failed to connect to '/nonexistent': No such file or directory"},
        {"socket,id=a,path=/nonexistent/x,server=on",
         "Failed to bind socket to /nonexistent/x: No such file or directory"},
        {"socket,id=a,path=/x,server=on,reconnect=1",
         "'reconnect' option is incompatible with socket in server listen mode"},
        {"socket,id=a,path=/x,wait=off",
         "'wait' option is incompatible with socket in client connect mode"},
        {"socket,id=a,path=/x,reconnect=1,reconnect-ms=1",
         "'reconnect' and 'reconnect-ms' are mutually exclusive"},
        {"socket,id=a,fd=9999", "File descriptor '9999' is not a socket"},
        {"socket,id=a,fd=", "Unable to parse FD number "},
        {"socket,id=a,path=/x,server=on,websocket=on",
         "chardev: socket: 'websocket' is not available"},
        {"socket,id=a,host=x,port=1,abstract=on", "'abstract' and 'tight' need a socket 'path'"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", cases[i].options);
        g_assert_null(try_chardev(cases[i].options, &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
        g_assert_null(chardev_find("a"));
        g_assert_null(chardev_find("a-base"));
    }
}

static void test_a_duplicate_id_and_a_second_front_end_are_refused(void)
{
    Chardev *chardev = make_chardev("null,id=n");
    CharFrontend one = {0}, two = {0};
    g_autoptr(GError) error = NULL;

    g_assert_null(try_chardev("null,id=n", &error));
    g_assert_cmpstr(error->message, ==, "Duplicate ID 'n' for chardev");
    g_clear_error(&error);
    g_assert_true(char_frontend_attach_by_id(&one, "n", "serial", NULL));
    g_assert_false(char_frontend_attach_by_id(&two, "n", "serial", &error));
    g_assert_cmpstr(error->message, ==,
                    "Property 'serial.chardev' can't take value 'n': Device 'n' is in use");
    g_clear_error(&error);
    g_assert_false(char_frontend_attach_by_id(&two, "zz", "serial", &error));
    g_assert_cmpstr(error->message, ==, "Property 'serial.chardev' can't find value 'zz'");
    char_frontend_detach(&one);
    char_frontend_detach(&one);
    g_assert_true(char_frontend_attach(&two, chardev, NULL));
    char_frontend_detach(&two);
    g_assert_true(chardev_remove("n", NULL));
    g_clear_error(&error);
    g_assert_false(chardev_remove("n", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'n' not found");
}

static void test_short_texts_of_serial_and_monitor(void)
{
    g_autofree char *path = path_of("legacy,comma");
    g_autofree char *file = g_strdup_printf("file:%s", path);
    g_autofree char *socket = g_strdup_printf("unix:%s/legacy.sock,server=on,wait=off", directory);
    const struct {
        const char *text, *filename, *error;
    } cases[] = {
        {"null", "null", NULL},
        {file, "file", NULL},
        {"mon:null", "mux", NULL},
        {"ringbuf", "ringbuf", NULL},
        {socket, NULL, NULL},
        {"tcp::0,server,nowait", NULL, NULL},
        {"telnet:127.0.0.1:0,server=on,wait=off", NULL, NULL},
        {"tcp:[127.0.0.1]:0,server=on,wait=off", NULL, NULL},
        {"foo", NULL, "'foo' is not a valid char driver"},
        {"null,foo", NULL, "'null,foo' is not a valid char driver"},
        {"udp:host:1", NULL, "'udp:host:1' is not a valid char driver"},
        {"mon:chardev:a", NULL, "'chardev:a' is not a valid char driver"},
        {"tcp:foo", NULL, "'foo' is not HOST:PORT"},
        {"tcp:foo:", NULL, "'foo:' is not HOST:PORT"},
        {"chardev:zz", NULL, "'chardev:zz': there is no chardev 'zz'"},
        {"vc:80Cx24C", NULL, "chardev 'vc' is not available: there is no display to show it on"},
        {"/dev/nonexistent", NULL, "Could not open '/dev/nonexistent': No such file or directory"},
        {"file:/nonexistent/x", NULL, "Could not open '/nonexistent/x': No such file or directory"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        bool none;
        g_test_message("%s", cases[i].text);
        Chardev *chardev = chardev_new_from_legacy(cases[i].text, "serial0", &none, &error);
        g_assert_false(none);
        if (cases[i].error) {
            g_assert_null(chardev);
            g_assert_cmpstr(error->message, ==, cases[i].error);
            continue;
        }
        g_assert_no_error(error);
        if (cases[i].filename) {
            g_assert_cmpstr(chardev_filename(chardev), ==, cases[i].filename);
        } else {
            g_assert_true(g_str_has_prefix(chardev_filename(chardev), "disconnected:"));
        }
        g_assert_true(chardev_remove("serial0", NULL));
    }
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS)); /* a comma is part of a file's name */
    g_unlink(path);
}

static void test_none_is_no_device_and_chardev_names_one(void)
{
    bool none = false;
    g_autoptr(GError) error = NULL;

    g_assert_null(chardev_new_from_legacy("none", "serial0", &none, &error));
    g_assert_no_error(error);
    g_assert_true(none);
    Chardev *chardev = make_chardev("null,id=mine");
    g_assert_true(chardev_new_from_legacy("chardev:mine", "serial0", &none, NULL) == chardev);
    g_assert_false(none);
    g_assert_true(chardev_remove("mine", NULL));
}

static void test_cleanup_ends_all_and_front_ends_may_still_detach(void)
{
    Recorder recorder;

    recorder_init(&recorder, make_chardev("pty,id=m,mux=on"));
    make_chardev("null,id=n");
    chardev_cleanup();
    g_assert_null(chardev_find("m"));
    g_assert_null(chardev_find("n"));
    g_assert_cmpint(write_text(&recorder, "late"), ==, 4);
    recorder_clear(&recorder);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    directory = g_dir_make_tmp("chardev-XXXXXX", NULL);
#define ADD(path, function) g_test_add_func("/chardev/" path, function)
    ADD("null", test_null_takes_everything_and_is_never_open);
    ADD("unattached", test_front_end_without_back_end_loses_output_and_says_so_to_nobody);
    ADD("file/append", test_file_truncates_and_append_does_not);
    ADD("file/input", test_file_reads_input_path_as_the_front_end_has_room);
    ADD("logfile", test_logfile_has_what_was_written_and_logappend_keeps_the_old);
    ADD("ringbuf", test_ringbuf_keeps_the_newest_bytes);
    ADD("pipe", test_pipe_uses_the_in_and_out_files);
    ADD("pty/reconnect", test_pty_notices_that_its_slave_is_opened_closed_and_opened_again);
    ADD("pty/write-connects", test_pty_write_finds_a_new_peer_without_waiting_for_the_timer);
    ADD("pty/full", test_full_pty_refuses_bytes_and_tells_when_there_is_room);
    ADD("pty/full-and-left", test_full_pty_whose_peer_leaves_does_not_hold_the_writer);
    ADD("pty/path", test_pty_path_is_a_link_that_goes_away_with_it);
    ADD("serial", test_serial_sets_the_line_as_the_guest_wants_it);
    ADD("stdio/terminal", test_stdio_is_raw_while_it_runs_and_restored_when_stopped_and_at_exit);
    ADD("stdio/full-pipe", test_stdio_to_a_full_pipe_does_not_block_and_leaves_the_pipe_blocking);
    ADD("mux/focus", test_mux_gives_input_to_the_focus_and_switches_it);
    ADD("mux/buffer", test_mux_keeps_what_the_focus_has_no_room_for);
    ADD("mux/commands", test_mux_commands_help_quit_and_save);
    ADD("mux/output", test_mux_output_of_all_front_ends_goes_out_and_timestamps_start_lines);
    ADD("mux/limit", test_mux_takes_four_front_ends_and_no_fifth);
    ADD("write-all", test_write_all_queues_and_keeps_the_order);
    ADD("output-buffer/flush", test_output_buffer_flushes_lines_at_once_and_rests_after_a_while);
    ADD("output-buffer/full", test_output_buffer_is_bounded_and_calls_back_when_there_is_room);
    ADD("errors", test_wrong_options_are_named);
    ADD("in-use", test_a_duplicate_id_and_a_second_front_end_are_refused);
    ADD("legacy", test_short_texts_of_serial_and_monitor);
    ADD("legacy/none", test_none_is_no_device_and_chardev_names_one);
    ADD("cleanup", test_cleanup_ends_all_and_front_ends_may_still_detach);
#undef ADD
    status = g_test_run();
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", directory);
    return system(command) == 0 ? status : 1;
}
