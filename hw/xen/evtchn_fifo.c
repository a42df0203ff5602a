/*
 * The FIFO event ABI: a word a port in pages the guest gives, linked into 16 queues a vCPU by
 * priority (Xen's public/event_channel.h and its design document "FIFO-based event channels").
 *
 * The guest unlinks heads and clears bits while Xen links tails; every word is changed by compare
 * and swap, and a guest that keeps changing a word is given up on after a few tries, its event then
 * starting a new queue.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

#define WORD_PENDING (1u << EVTCHN_FIFO_PENDING)
#define WORD_MASKED  (1u << EVTCHN_FIFO_MASKED)
#define WORD_LINKED  (1u << EVTCHN_FIFO_LINKED)
#define WORD_BUSY    (1u << EVTCHN_FIFO_BUSY)

static uint32_t *word_of(XenDomain *domain, uint32_t port)
{
    if (port >= XEN_PORTS_MAX) {
        return NULL;
    }
    uint32_t *page = __atomic_load_n(&domain->evtchn.fifo_pages[port / XEN_FIFO_WORDS_PER_PAGE],
                                     __ATOMIC_ACQUIRE);
    return page ? page + port % XEN_FIFO_WORDS_PER_PAGE : NULL;
}

typedef enum { LINK_DONE, LINK_TAIL_CONSUMED, LINK_AGAIN } LinkResult;

static LinkResult try_link(uint32_t *tail, uint32_t *seen, uint32_t port)
{
    if (!(*seen & WORD_LINKED)) {
        return LINK_TAIL_CONSUMED;
    }
    uint32_t wanted = (*seen & ~(WORD_BUSY | (uint32_t)EVTCHN_FIFO_LINK_MASK)) | port;
    return __atomic_compare_exchange_n(tail, seen, wanted, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST)
               ? LINK_DONE
               : LINK_AGAIN;
}

/* Appends @port behind @tail; false if the guest has taken the tail off, so that a new head is
 * needed. */
static bool link_behind(uint32_t *tail, uint32_t port)
{
    uint32_t seen = __atomic_load_n(tail, __ATOMIC_SEQ_CST);
    LinkResult result = try_link(tail, &seen, port);
    if (result != LINK_AGAIN) {
        return result == LINK_DONE;
    }
    /* BUSY asks the guest not to clear MASKED until the link is made. */
    seen = __atomic_or_fetch(tail, WORD_BUSY, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < XEN_FIFO_LINK_TRIES; i++) {
        result = try_link(tail, &seen, port);
        if (result == LINK_DONE) {
            return true;
        }
        if (result == LINK_TAIL_CONSUMED) {
            break;
        }
    }
    __atomic_fetch_and(tail, ~WORD_BUSY, __ATOMIC_SEQ_CST);
    return false;
}

static XenFifoQueue *queue_of(XenDomain *domain, uint32_t queue)
{
    return &domain->vcpus[queue >> 4].fifo.queues[queue & 0xf];
}

/* Locks the queue that the port was last on and the one it goes to, in address order. */
static uint32_t lock_queues(XenDomain *domain, XenPort *entry, uint32_t target)
{
    while (true) {
        uint32_t last = __atomic_load_n(&entry->last_queue, __ATOMIC_ACQUIRE);
        XenFifoQueue *low = queue_of(domain, MIN(last, target));
        XenFifoQueue *high = queue_of(domain, MAX(last, target));
        g_mutex_lock(&low->lock);
        if (high != low) {
            g_mutex_lock(&high->lock);
        }
        if (last == __atomic_load_n(&entry->last_queue, __ATOMIC_ACQUIRE)) {
            return last;
        }
        if (high != low) {
            g_mutex_unlock(&high->lock);
        }
        g_mutex_unlock(&low->lock);
    }
}

static void unlock_queues(XenDomain *domain, uint32_t last, uint32_t target)
{
    g_mutex_unlock(&queue_of(domain, target)->lock);
    if (last != target) {
        g_mutex_unlock(&queue_of(domain, last)->lock);
    }
}

/* Puts the port, now pending, on its queue. True if it became the head of one. */
static bool enqueue(XenDomain *domain, uint32_t port, XenPort *entry, uint32_t *word,
                    struct evtchn_fifo_control_block *control, unsigned vcpu, unsigned priority)
{
    uint32_t target = vcpu << 4 | priority;
    uint32_t last = lock_queues(domain, entry, target);
    bool is_head = false;
    if (!(__atomic_fetch_or(word, WORD_LINKED, __ATOMIC_SEQ_CST) & WORD_LINKED)) {
        XenFifoQueue *old_queue = queue_of(domain, last), *queue = queue_of(domain, target);
        if (old_queue->tail == port) {
            old_queue->tail = 0;
        }
        __atomic_store_n(&entry->last_queue, target, __ATOMIC_RELEASE);
        uint32_t *tail = queue->tail ? word_of(domain, queue->tail) : NULL;
        is_head = !tail || !link_behind(tail, port);
        if (is_head) {
            __atomic_store_n(&control->head[priority], port, __ATOMIC_SEQ_CST);
        }
        queue->tail = port;
    }
    unlock_queues(domain, last, target);
    return is_head;
}

static void link_if_wanted(XenDomain *domain, uint32_t port, XenPort *entry, uint32_t *word,
                           unsigned vcpu)
{
    uint32_t seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    struct evtchn_fifo_control_block *control =
        __atomic_load_n(&domain->vcpus[vcpu].fifo.control, __ATOMIC_ACQUIRE);
    if ((seen & (WORD_MASKED | WORD_LINKED)) || !control) {
        return;
    }
    unsigned priority = xen_port_state(entry).priority;
    if (!enqueue(domain, port, entry, word, control, vcpu, priority)) {
        return;
    }
    uint32_t ready = 1u << priority;
    if (!(__atomic_fetch_or(&control->ready, ready, __ATOMIC_SEQ_CST) & ready)) {
        xen_vcpu_mark_events_pending(domain, vcpu);
    }
}

static void fifo_set_pending(XenDomain *domain, uint32_t port, XenPort *entry, unsigned vcpu)
{
    uint32_t *word = word_of(domain, port);
    if (!word) {
        __atomic_store_n(&entry->early_pending, true, __ATOMIC_SEQ_CST);
        word = word_of(domain, port); /* the page may have come meanwhile */
        if (!word) {
            return;
        }
    }
    bool was_pending = __atomic_fetch_or(word, WORD_PENDING, __ATOMIC_SEQ_CST) & WORD_PENDING;
    link_if_wanted(domain, port, entry, word, vcpu);
    if (!was_pending) {
        xen_evtchn_check_pollers(domain, port);
    }
}

static void fifo_clear_pending(XenDomain *domain, uint32_t port, XenPort *entry)
{
    uint32_t *word = word_of(domain, port);
    if (word) {
        __atomic_fetch_and(word, ~WORD_PENDING, __ATOMIC_SEQ_CST);
    }
}

static void fifo_unmask(XenDomain *domain, uint32_t port, XenPort *entry, unsigned vcpu)
{
    uint32_t *word = word_of(domain, port);
    if (!word) {
        return;
    }
    uint32_t before = __atomic_fetch_and(word, ~WORD_MASKED, __ATOMIC_SEQ_CST);
    if (before & WORD_PENDING) {
        fifo_set_pending(domain, port, entry, vcpu);
    }
}

static bool fifo_is_pending(XenDomain *domain, uint32_t port, XenPort *entry)
{
    uint32_t *word = word_of(domain, port);
    return word && (__atomic_load_n(word, __ATOMIC_SEQ_CST) & WORD_PENDING);
}

static bool fifo_is_masked(XenDomain *domain, uint32_t port, XenPort *entry)
{
    uint32_t *word = word_of(domain, port);
    return !word || (__atomic_load_n(word, __ATOMIC_SEQ_CST) & WORD_MASKED);
}

const XenPortOps xen_evtchn_fifo_ops = {
    .name = "FIFO",
    .set_pending = fifo_set_pending,
    .clear_pending = fifo_clear_pending,
    .unmask = fifo_unmask,
    .is_pending = fifo_is_pending,
    .is_masked = fifo_is_masked,
};

static int64_t map_control(XenDomain *domain, XenVcpu *vcpu, uint64_t gfn, uint32_t offset)
{
    if (vcpu->fifo.control) {
        return -XEN_EINVAL;
    }
    uint8_t *page = guest_pin(domain->memory, gfn);
    if (!page) {
        return -XEN_EINVAL;
    }
    vcpu->fifo.page = page;
    vcpu->fifo.gfn = gfn;
    vcpu->fifo.offset = offset;
    for (unsigned i = 0; i < XEN_FIFO_QUEUES; i++) {
        vcpu->fifo.queues[i].tail = 0;
    }
    __atomic_store_n(&vcpu->fifo.control, (struct evtchn_fifo_control_block *)(page + offset),
                     __ATOMIC_RELEASE);
    return 0;
}

/* What was pending in shared info is raised again once its word is there. */
static void change_ports(XenDomain *domain)
{
    for (uint32_t port = 1; port < domain->evtchn.top; port++) {
        XenPort *entry = xen_port(domain, port);
        XenPortState state = entry ? xen_port_state(entry) : (XenPortState){0};
        if (state.kind == EVTCHNSTAT_closed) {
            continue;
        }
        entry->early_pending = xen_evtchn_2l_ops.is_pending(domain, port, entry);
        state.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        xen_port_set_state(entry, &state);
    }
}

int64_t xen_evtchn_fifo_init_control(XenDomain *domain, uint64_t gfn, uint32_t offset,
                                     unsigned vcpu)
{
    if (vcpu >= domain->config.vcpus) {
        return -XEN_ENOENT;
    }
    if (offset % 8 != 0 || offset > XEN_PAGE_SIZE - sizeof(struct evtchn_fifo_control_block)) {
        return -XEN_EINVAL;
    }
    int64_t result = map_control(domain, &domain->vcpus[vcpu], gfn, offset);
    if (result != 0 || domain->evtchn.ops == &xen_evtchn_fifo_ops) {
        return result;
    }
    change_ports(domain);
    __atomic_store_n(&domain->evtchn.ops, &xen_evtchn_fifo_ops, __ATOMIC_RELEASE);
    for (uint32_t port = 1; port < domain->evtchn.top; port++) {
        XenPort *entry = xen_port(domain, port);
        if (entry) {
            xen_port_offload(domain, port, entry);
        }
    }
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        xen_virq_changed(domain, VIRQ_TIMER, i);
    }
    return 0;
}

static bool add_page(XenDomain *domain, uint64_t gfn)
{
    uint32_t *page = guest_pin(domain->memory, gfn);
    if (!page) {
        return false;
    }
    unsigned slot = domain->evtchn.fifo_page_count++;
    domain->evtchn.fifo_gfns[slot] = gfn;
    __atomic_store_n(&domain->evtchn.fifo_pages[slot], page, __ATOMIC_SEQ_CST);
    return true;
}

int64_t xen_evtchn_fifo_expand(XenDomain *domain, uint64_t gfn)
{
    if (domain->evtchn.ops != &xen_evtchn_fifo_ops) {
        return -XEN_EOPNOTSUPP;
    }
    unsigned slot = domain->evtchn.fifo_page_count;
    if (slot >= XEN_FIFO_PAGES) {
        return -XEN_ENOSPC;
    }
    if (!add_page(domain, gfn)) {
        return -XEN_EINVAL;
    }
    uint32_t first = slot * XEN_FIFO_WORDS_PER_PAGE;
    uint32_t end = MIN(first + XEN_FIFO_WORDS_PER_PAGE, domain->evtchn.top);
    for (uint32_t port = first; port < end; port++) {
        XenPort *entry = xen_port(domain, port);
        if (entry && __atomic_exchange_n(&entry->early_pending, false, __ATOMIC_SEQ_CST)) {
            xen_port_raise(domain, port, entry);
        }
    }
    return 0;
}

int64_t xen_evtchn_fifo_set_priority(XenDomain *domain, uint32_t port, uint32_t priority)
{
    XenPort *entry = xen_port(domain, port);
    if (!entry || xen_port_state(entry).kind == EVTCHNSTAT_closed) {
        return -XEN_EINVAL;
    }
    if (domain->evtchn.ops != &xen_evtchn_fifo_ops) {
        return -XEN_ENOSYS;
    }
    if (priority > EVTCHN_FIFO_PRIORITY_MIN) {
        return -XEN_EINVAL;
    }
    XenPortState state = xen_port_state(entry);
    state.priority = priority;
    xen_port_set_state(entry, &state);
    return 0;
}

void xen_evtchn_fifo_destroy(XenDomain *domain)
{
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        XenFifoVcpu *fifo = &domain->vcpus[i].fifo;
        __atomic_store_n(&fifo->control, NULL, __ATOMIC_RELEASE);
        guest_unpin(domain->memory, fifo->gfn, fifo->page, true);
        fifo->page = NULL;
        for (unsigned q = 0; q < XEN_FIFO_QUEUES; q++) {
            fifo->queues[q].tail = 0;
        }
    }
    for (unsigned i = 0; i < domain->evtchn.fifo_page_count; i++) {
        uint32_t *page = domain->evtchn.fifo_pages[i];
        __atomic_store_n(&domain->evtchn.fifo_pages[i], NULL, __ATOMIC_RELEASE);
        guest_unpin(domain->memory, domain->evtchn.fifo_gfns[i], page, true);
    }
    domain->evtchn.fifo_page_count = 0;
}

/* (in use, [array frames], [(vcpu, frame, offset, [tails])]) */
GVariant *xen_evtchn_fifo_save(XenDomain *domain)
{
    GVariantBuilder pages, vcpus;
    g_variant_builder_init(&pages, G_VARIANT_TYPE("at"));
    g_variant_builder_init(&vcpus, G_VARIANT_TYPE("a(utuau)"));
    for (unsigned i = 0; i < domain->evtchn.fifo_page_count; i++) {
        g_variant_builder_add(&pages, "t", domain->evtchn.fifo_gfns[i]);
    }
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        XenFifoVcpu *fifo = &domain->vcpus[i].fifo;
        GVariantBuilder tails;
        if (!fifo->control) {
            continue;
        }
        g_variant_builder_init(&tails, G_VARIANT_TYPE("au"));
        for (unsigned q = 0; q < XEN_FIFO_QUEUES; q++) {
            g_variant_builder_add(&tails, "u", fifo->queues[q].tail);
        }
        g_variant_builder_add(&vcpus, "(utuau)", i, fifo->gfn, fifo->offset, &tails);
    }
    return g_variant_new("(bata(utuau))", domain->evtchn.ops == &xen_evtchn_fifo_ops, &pages,
                         &vcpus);
}

static bool load_vcpu(XenDomain *domain, GVariant *item)
{
    uint32_t vcpu, offset;
    uint64_t gfn;
    g_variant_get_child(item, 0, "u", &vcpu);
    g_variant_get_child(item, 1, "t", &gfn);
    g_variant_get_child(item, 2, "u", &offset);
    g_autoptr(GVariant) tails = g_variant_get_child_value(item, 3);
    if (g_variant_n_children(tails) != XEN_FIFO_QUEUES ||
        xen_evtchn_fifo_init_control(domain, gfn, offset, vcpu) != 0) {
        return false;
    }
    for (unsigned q = 0; q < XEN_FIFO_QUEUES; q++) {
        uint32_t tail;
        g_variant_get_child(tails, q, "u", &tail);
        if (tail >= XEN_PORTS_MAX) {
            return false;
        }
        domain->vcpus[vcpu].fifo.queues[q].tail = tail;
    }
    return true;
}

bool xen_evtchn_fifo_load(XenDomain *domain, GVariant *state, GError **error)
{
    gboolean in_use;
    g_variant_get_child(state, 0, "b", &in_use);
    g_autoptr(GVariant) pages = g_variant_get_child_value(state, 1);
    g_autoptr(GVariant) vcpus = g_variant_get_child_value(state, 2);
    if (!in_use) {
        return true;
    }
    for (gsize i = 0; i < g_variant_n_children(vcpus); i++) {
        g_autoptr(GVariant) item = g_variant_get_child_value(vcpus, i);
        if (!load_vcpu(domain, item)) {
            return xen_state_error(error, "a FIFO control block is not valid");
        }
    }
    if (g_variant_n_children(vcpus) == 0 || g_variant_n_children(pages) > XEN_FIFO_PAGES) {
        return xen_state_error(error, "the FIFO event array is not valid");
    }
    for (gsize i = 0; i < g_variant_n_children(pages); i++) {
        uint64_t gfn;
        g_variant_get_child(pages, i, "t", &gfn);
        if (!add_page(domain, gfn)) {
            return xen_state_error(error, "a FIFO event array page is not in RAM");
        }
    }
    return true;
}
