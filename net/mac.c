/*
 * Ethernet addresses of adapters: reading them, and giving one to an adapter that has none.
 *
 * Source: 52:54:00 and the numbers from 12:34:56 are what QEMU gives, and guests are set up for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "net/net.h"

#define FIRST_DEFAULT 0x123456u

static GHashTable *used; /* of addresses as numbers */

static uint64_t mac_number(const uint8_t mac[NET_MAC_LENGTH])
{
    uint64_t number = 0;

    for (unsigned i = 0; i < NET_MAC_LENGTH; i++) {
        number = number << 8 | mac[i];
    }
    return number;
}

static GHashTable *used_addresses(void)
{
    if (!used) {
        used = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    }
    return used;
}

void net_use_mac(const uint8_t mac[NET_MAC_LENGTH])
{
    uint64_t number = mac_number(mac);

    g_hash_table_add(used_addresses(), g_memdup2(&number, sizeof(number)));
}

void net_default_mac(uint8_t mac[NET_MAC_LENGTH])
{
    static const uint8_t vendor[3] = {0x52, 0x54, 0x00};
    uint32_t number = FIRST_DEFAULT;
    uint64_t wanted;

    memcpy(mac, vendor, sizeof(vendor));
    do {
        mac[3] = number >> 16;
        mac[4] = number >> 8;
        mac[5] = number;
        wanted = mac_number(mac);
        number = (number + 1) & 0xffffff;
    } while (g_hash_table_contains(used_addresses(), &wanted) && number != FIRST_DEFAULT);
    net_use_mac(mac);
}

bool net_parse_mac(const char *text, uint8_t mac[NET_MAC_LENGTH])
{
    char separator = text[0] && text[1] ? text[2] : '\0';

    if (separator != ':' && separator != '-') {
        return false;
    }
    for (unsigned i = 0; i < NET_MAC_LENGTH; i++, text += 3) {
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]) ||
            text[2] != (i + 1 < NET_MAC_LENGTH ? separator : '\0')) {
            return false;
        }
        mac[i] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
    }
    return true;
}
