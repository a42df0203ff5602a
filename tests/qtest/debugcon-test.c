/*
 * isa-debugcon: the ports of SeaBIOS and Bochs, into files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#include <glib/gstdio.h>
#include <unistd.h>

static char *new_file(void)
{
    char *path = NULL;
    int fd = g_file_open_tmp("debugcon-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    return path;
}

static void expect_file(const char *path, const char *text)
{
    g_autofree char *content = NULL;

    g_assert_true(g_file_get_contents(path, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, text);
    g_unlink(path);
}

static void write_text(QTestState *state, uint16_t port, const char *text)
{
    for (; *text; text++) {
        qtest_outb(state, port, *text);
    }
}

static void device_writes_to_its_chardev(void)
{
    g_autofree char *path = new_file();
    QTestState *state = qtest_initf(
        "-machine pc -chardev file,id=log,path=%s -device isa-debugcon,iobase=0x402,chardev=log",
        path);

    g_assert_cmphex(qtest_inb(state, 0x402), ==, 0xe9);
    write_text(state, 0x402, "SeaBIOS\nand no line end");
    qtest_quit(state);
    expect_file(path, "SeaBIOS\nand no line end");
}

static void debugcon_option_is_port_0xe9(void)
{
    g_autofree char *path = new_file();
    QTestState *state = qtest_initf("-machine pc -debugcon file:%s", path);

    g_assert_cmphex(qtest_inb(state, 0xe9), ==, 0xe9);
    write_text(state, 0xe9, "Bochs");
    qtest_quit(state);
    expect_file(path, "Bochs");
}

static void readback_can_be_chosen(void)
{
    QTestState *state = qtest_init("-machine pc -chardev null,id=log "
                                   "-device isa-debugcon,chardev=log,readback=0x5a");

    g_assert_cmphex(qtest_inb(state, 0xe9), ==, 0x5a);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("debugcon/device", device_writes_to_its_chardev);
    qtest_add_func("debugcon/option", debugcon_option_is_port_0xe9);
    qtest_add_func("debugcon/readback", readback_can_be_chosen);
    return g_test_run();
}
