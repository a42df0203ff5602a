/*
 * serial: a serial line (or any terminal) of the host, with the guest's line parameters, break and
 * modem lines.
 *
 * Source: termios(3), ioctl_tty(2).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/fd_chardev.h"
#include "util/error.h"

#define TYPE_SERIAL_CHARDEV (serial_chardev_get_type())
G_DECLARE_FINAL_TYPE(SerialChardev, serial_chardev, XL, SERIAL_CHARDEV, FdChardev)

struct _SerialChardev {
    FdChardev parent_instance;
};

G_DEFINE_FINAL_TYPE(SerialChardev, serial_chardev, TYPE_FD_CHARDEV)

static const struct {
    int speed;
    speed_t code;
} speeds[] = {
    {50, B50},       {75, B75},         {110, B110},       {134, B134},       {150, B150},
    {200, B200},     {300, B300},       {600, B600},       {1200, B1200},     {1800, B1800},
    {2400, B2400},   {4800, B4800},     {9600, B9600},     {19200, B19200},   {38400, B38400},
    {57600, B57600}, {115200, B115200}, {230400, B230400}, {460800, B460800}, {921600, B921600},
};

/* The host's speed that is nearest: a guest's divisor seldom gives a round number. */
static speed_t nearest_speed(int speed)
{
    unsigned best = 0;

    for (unsigned i = 1; i < G_N_ELEMENTS(speeds); i++) {
        if (abs(speeds[i].speed - speed) < abs(speeds[best].speed - speed)) {
            best = i;
        }
    }
    return speeds[best].code;
}

static void set_line(int fd, int speed, char parity, int data_bits, int stop_bits)
{
    static const tcflag_t sizes[] = {CS5, CS6, CS7, CS8};
    struct termios mode;

    if (tcgetattr(fd, &mode) < 0) {
        return; /* not a terminal */
    }
    cfmakeraw(&mode);
    cfsetispeed(&mode, nearest_speed(speed));
    cfsetospeed(&mode, nearest_speed(speed));
    mode.c_cflag &= ~(CSIZE | PARENB | PARODD | CSTOPB | CRTSCTS);
    mode.c_cflag |= CREAD | CLOCAL | sizes[CLAMP(data_bits, 5, 8) - 5];
    mode.c_cflag |= stop_bits == 2 ? CSTOPB : 0;
    mode.c_cflag |= parity == 'E' || parity == 'O' ? PARENB : 0;
    mode.c_cflag |= parity == 'O' ? PARODD : 0;
    tcsetattr(fd, TCSANOW, &mode);
}

static int line_fd(Chardev *chardev)
{
    return fd_chardev_in_fd(XL_FD_CHARDEV(chardev));
}

static void serial_set_parameters(Chardev *chardev, int speed, char parity, int data_bits,
                                  int stop_bits)
{
    set_line(line_fd(chardev), speed, parity, data_bits, stop_bits);
}

static void serial_send_break(Chardev *chardev, bool on)
{
    ioctl(line_fd(chardev), on ? TIOCSBRK : TIOCCBRK);
}

static const struct {
    unsigned line;
    int host;
} modem_lines[] = {
    {CHAR_MODEM_CTS, TIOCM_CTS}, {CHAR_MODEM_DSR, TIOCM_DSR}, {CHAR_MODEM_RI, TIOCM_RI},
    {CHAR_MODEM_DCD, TIOCM_CAR}, {CHAR_MODEM_DTR, TIOCM_DTR}, {CHAR_MODEM_RTS, TIOCM_RTS},
};

static bool serial_get_modem_lines(Chardev *chardev, unsigned *lines)
{
    int host;

    if (ioctl(line_fd(chardev), TIOCMGET, &host) < 0) {
        return false;
    }
    *lines = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(modem_lines); i++) {
        *lines |= host & modem_lines[i].host ? modem_lines[i].line : 0;
    }
    return true;
}

static void serial_set_modem_lines(Chardev *chardev, unsigned lines)
{
    int fd = line_fd(chardev);
    int host;

    if (ioctl(fd, TIOCMGET, &host) < 0) {
        return;
    }
    host &= ~(TIOCM_DTR | TIOCM_RTS);
    host |= lines & CHAR_MODEM_DTR ? TIOCM_DTR : 0;
    host |= lines & CHAR_MODEM_RTS ? TIOCM_RTS : 0;
    ioctl(fd, TIOCMSET, &host);
}

static bool serial_open(Chardev *chardev, OptionReader *options, GError **error)
{
    const char *path = NULL;
    int fd;

    if (!option_get_string(options, "path", &path, error)) {
        return false;
    }
    if (!path) {
        return error_setf(error, "chardev: serial/tty: no device path given");
    }
    fd = chardev_open_path(path, O_RDWR | O_NONBLOCK, error);
    if (fd < 0) {
        return false;
    }
    set_line(fd, 115200, 'N', 8, 1);
    fd_chardev_start(XL_FD_CHARDEV(chardev), fd, fd, false);
    chardev_set_filename(chardev, g_strdup("serial"));
    chardev_event(chardev, CHAR_EVENT_OPENED);
    return true;
}

static void serial_chardev_class_init(SerialChardevClass *klass)
{
    ChardevClass *chardev_class = XL_CHARDEV_CLASS(klass);

    chardev_class->open = serial_open;
    chardev_class->set_serial_parameters = serial_set_parameters;
    chardev_class->send_break = serial_send_break;
    chardev_class->get_modem_lines = serial_get_modem_lines;
    chardev_class->set_modem_lines = serial_set_modem_lines;
}

static void serial_chardev_init(SerialChardev *self G_GNUC_UNUSED)
{
}

const CharDriver char_driver_serial = {
    .name = "serial",
    .alias = "tty",
    .help = "path=: a serial line of the host",
    .get_type = serial_chardev_get_type,
};
