/*
 * Opening a tap interface, and the scripts that set it up.
 *
 * Source: Linux' Documentation/networking/tuntap.rst, linux/if_tun.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/tap_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/net.h"
#include "util/error.h"

#define TUN_DEVICE "/dev/net/tun"

static bool set_header_size(int fd, GError **error)
{
    int size = sizeof(NetOffload);

    return ioctl(fd, TUNSETVNETHDRSZ, &size) == 0 ||
           error_set_errno(error, errno, "cannot set the size of the tap's packet header");
}

static bool choose_header(int fd, TapHeader header, bool *wanted, GError **error)
{
    unsigned features = 0;

    if (ioctl(fd, TUNGETFEATURES, &features) < 0) {
        features = 0;
    }
    *wanted = header != TAP_HEADER_OFF && (features & IFF_VNET_HDR);
    return header != TAP_HEADER_ON || *wanted ||
           error_setf(error, "vnet_hdr=on requested, but no kernel support for IFF_VNET_HDR");
}

static bool attach(TapInterface *tap, const char *name, TapHeader header, GError **error)
{
    struct ifreq request = {0};

    if (!choose_header(tap->fd, header, &tap->vnet_header, error)) {
        return false;
    }
    request.ifr_flags = IFF_TAP | IFF_NO_PI | (tap->vnet_header ? IFF_VNET_HDR : 0);
    g_strlcpy(request.ifr_name, name ? name : "tap%d", sizeof(request.ifr_name));
    if (ioctl(tap->fd, TUNSETIFF, &request) < 0) {
        return error_set_errno(error, errno, "could not configure %s (%s)", TUN_DEVICE,
                               name ? name : "a new tap");
    }
    g_strlcpy(tap->name, request.ifr_name, sizeof(tap->name));
    return !tap->vnet_header || set_header_size(tap->fd, error);
}

bool tap_open(TapInterface *tap, const char *name, TapHeader header, GError **error)
{
    if (name && (!name[0] || strlen(name) >= IFNAMSIZ)) {
        return error_setf(error,
                          "Parameter 'ifname' expects a name of 1 to %d characters, not '%s'",
                          IFNAMSIZ - 1, name);
    }
    tap->fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (tap->fd < 0) {
        return error_set_errno(error, errno, "could not open %s", TUN_DEVICE);
    }
    if (!attach(tap, name, header, error)) {
        close(tap->fd);
        return false;
    }
    return true;
}

bool tap_adopt(TapInterface *tap, int fd, GError **error)
{
    struct ifreq request = {0};

    if (ioctl(fd, TUNGETIFF, &request) < 0) {
        return error_set_errno(error, errno, "file descriptor %d is not a tap interface's", fd);
    }
    if (!(request.ifr_flags & IFF_TAP)) {
        return error_setf(error, "file descriptor %d: interface %s is a TUN device, not a TAP one",
                          fd, request.ifr_name);
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
        return error_set_errno(error, errno, "file descriptor %d", fd);
    }
    tap->fd = fd;
    tap->vnet_header = request.ifr_flags & IFF_VNET_HDR;
    g_strlcpy(tap->name, request.ifr_name, sizeof(tap->name));
    return !tap->vnet_header || set_header_size(fd, error);
}

bool tap_run_script(const char *script, const char *name, GError **error)
{
    char *arguments[] = {(char *)script, (char *)name, NULL};
    g_autoptr(GError) reason = NULL;
    int status;

    if (!g_spawn_sync(NULL, arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status,
                      &reason)) {
        return error_setf(error, "could not launch network script %s: %s", script, reason->message);
    }
    return g_spawn_check_wait_status(status, &reason) ||
           error_setf(error, "network script %s failed: %s", script, reason->message);
}
