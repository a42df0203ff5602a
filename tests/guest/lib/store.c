/*
 * Xenstore over the guest's ring.
 *
 * Sources: Xen's public/io/xs_wire.h, docs/misc/xenstore-ring.txt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#include <xen/io/xs_wire.h>

#define ANSWER_MS 5000
#define EVENTS    16

volatile struct xenstore_domain_interface *store_ring;
uint32_t store_port;

static uint32_t next_request = 100;
static StoreAnswer events[EVENTS];
static unsigned event_first, events_waiting;

bool store_connect(void)
{
    uint64_t frame, port;
    if (get_param(HVM_PARAM_STORE_PFN, &frame) != 0 ||
        get_param(HVM_PARAM_STORE_EVTCHN, &port) != 0 || !frame || !port) {
        return false;
    }
    store_ring = (void *)(uintptr_t)(frame << PAGE_SHIFT);
    store_port = port;
    return true;
}

static void nap(void)
{
    poll_until(system_time() + NS_PER_MS);
}

static bool put_bytes(const void *bytes, unsigned length)
{
    const char *from = bytes;
    uint64_t limit = system_time() + ANSWER_MS * NS_PER_MS;
    while (length > 0) {
        uint32_t producer = store_ring->req_prod, level = producer - store_ring->req_cons;
        if (level > XENSTORE_RING_SIZE) {
            bail_out("the store's request ring has %u bytes", level);
        }
        if (level == XENSTORE_RING_SIZE) {
            if (system_time() > limit) {
                return false;
            }
            port_send(store_port);
            nap();
            continue;
        }
        store_ring->req[MASK_XENSTORE_IDX(producer)] = *from++;
        barrier();
        store_ring->req_prod = producer + 1;
        length--;
    }
    return true;
}

static bool get_bytes(void *bytes, unsigned length, unsigned milliseconds)
{
    char *to = bytes;
    uint64_t limit = system_time() + milliseconds * NS_PER_MS;
    while (length > 0) {
        uint32_t consumer = store_ring->rsp_cons, level = store_ring->rsp_prod - consumer;
        if (level > XENSTORE_RING_SIZE) {
            bail_out("the store's answer ring has %u bytes", level);
        }
        if (level == 0) {
            if (system_time() > limit) {
                return false;
            }
            port_send(store_port);
            nap();
            continue;
        }
        *to++ = store_ring->rsp[MASK_XENSTORE_IDX(consumer)];
        barrier();
        store_ring->rsp_cons = consumer + 1;
        length--;
    }
    return true;
}

static bool get_message(struct xsd_sockmsg *header, StoreAnswer *answer, unsigned milliseconds)
{
    if (!get_bytes(header, sizeof(*header), milliseconds)) {
        return false;
    }
    if (header->len > XENSTORE_PAYLOAD_MAX) {
        bail_out("an answer of %u bytes", header->len);
    }
    answer->type = header->type;
    answer->length = header->len;
    answer->text[header->len] = '\0';
    return get_bytes(answer->text, header->len, ANSWER_MS);
}

static void keep_event(const StoreAnswer *event)
{
    if (events_waiting < EVENTS) {
        events[(event_first + events_waiting++) % EVENTS] = *event;
    }
}

bool store_ask(unsigned type, uint32_t transaction, const void *payload, unsigned length,
               StoreAnswer *answer)
{
    struct xsd_sockmsg header = {
        .type = type, .req_id = next_request++, .tx_id = transaction, .len = length};
    struct xsd_sockmsg reply;
    if (!put_bytes(&header, sizeof(header)) || !put_bytes(payload, length)) {
        return false;
    }
    port_send(store_port);
    while (get_message(&reply, answer, ANSWER_MS)) {
        if (reply.type != XS_WATCH_EVENT) {
            return reply.req_id == header.req_id && reply.tx_id == transaction &&
                   (reply.type == type || reply.type == XS_ERROR);
        }
        keep_event(answer);
    }
    return false;
}

bool store_text(unsigned type, uint32_t transaction, const char *text, StoreAnswer *answer)
{
    return store_ask(type, transaction, text, strlen(text) + 1, answer);
}

bool store_write(uint32_t transaction, const char *path, const char *value, StoreAnswer *answer)
{
    char payload[512];
    unsigned length = strlen(path) + 1;
    memcpy(payload, path, length);
    memcpy(payload + length, value, strlen(value));
    return store_ask(XS_WRITE, transaction, payload, length + strlen(value), answer);
}

bool store_event(StoreAnswer *answer, unsigned milliseconds)
{
    struct xsd_sockmsg header;
    if (events_waiting > 0) {
        *answer = events[event_first];
        event_first = (event_first + 1) % EVENTS;
        events_waiting--;
        return true;
    }
    return get_message(&header, answer, milliseconds) && header.type == XS_WATCH_EVENT;
}

bool store_is_error(const StoreAnswer *answer, const char *name)
{
    return answer->type == XS_ERROR && strcmp(answer->text, name) == 0;
}
