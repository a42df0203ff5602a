/*
 * The thread of a vCPU: enters KVM, leaves it when asked, and completes the I/O it was in before
 * anyone looks at its registers.
 *
 * A kick is: a bit in @requests, then immediate_exit, then a signal. The thread clears
 * immediate_exit when KVM_RUN has come back for it, and looks at @requests after that, so no kick
 * is lost and none is waited for.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst, KVM_RUN and immediate_exit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "accel/kvm/kvm_accel.h"
#include "util/error.h"
#include "util/machine_lock.h"

#define KICK_SIGNAL SIGUSR1

struct VcpuWork {
    void (*function)(KvmVcpu *vcpu, void *opaque);
    void *opaque;
    bool done;
};

static _Thread_local KvmVcpu *current;

KvmVcpu *kvm_vcpu_current(void)
{
    return current;
}

static void on_kick(int number)
{
    /* KVM_RUN returns because a signal came; there is nothing more to do */
}

static void install_kick_handler(void)
{
    static gsize once;

    if (g_once_init_enter(&once)) {
        struct sigaction action = {.sa_handler = on_kick};

        sigemptyset(&action.sa_mask);
        sigaction(KICK_SIGNAL, &action, NULL);
        g_once_init_leave(&once, 1);
    }
}

void kvm_vcpu_kick(KvmVcpu *vcpu)
{
    if (vcpu != current) {
        __atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        pthread_kill(vcpu->pthread, KICK_SIGNAL);
    }
}

static void request(KvmVcpu *vcpu, unsigned bit)
{
    atomic_fetch_or(&vcpu->requests, bit);
    kvm_vcpu_kick(vcpu);
}

/* ---- the gate ---- */

/* Closed for all, or for this one because somebody holds it. */
static bool gate_shut(KvmVcpu *vcpu)
{
    return atomic_load(&vcpu->kvm->gate_closed) || atomic_load(&vcpu->holders);
}

static void gate_enter(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;

    atomic_store(&vcpu->in_guest, true);
    while (G_UNLIKELY(gate_shut(vcpu))) {
        g_mutex_lock(&kvm->gate_mutex);
        atomic_store(&vcpu->in_guest, false);
        g_cond_broadcast(&kvm->gate_cond);
        while (gate_shut(vcpu)) {
            g_cond_wait(&kvm->gate_cond, &kvm->gate_mutex);
        }
        g_mutex_unlock(&kvm->gate_mutex);
        atomic_store(&vcpu->in_guest, true);
    }
}

static void gate_leave(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;

    atomic_store(&vcpu->in_guest, false);
    if (G_UNLIKELY(gate_shut(vcpu))) {
        g_mutex_lock(&kvm->gate_mutex);
        g_cond_broadcast(&kvm->gate_cond);
        g_mutex_unlock(&kvm->gate_mutex);
    }
}

static bool any_in_guest(KvmAccel *kvm)
{
    for (guint i = 0; i < kvm->vcpus->len; i++) {
        KvmVcpu *vcpu = g_ptr_array_index(kvm->vcpus, i);

        if (atomic_load(&vcpu->in_guest)) {
            return true;
        }
    }
    return false;
}

void kvm_gate_close(KvmAccel *kvm)
{
    machine_lock_assert();
    atomic_store(&kvm->gate_closed, true);
    for (guint i = 0; i < kvm->vcpus->len; i++) {
        KvmVcpu *vcpu = g_ptr_array_index(kvm->vcpus, i);

        if (atomic_load(&vcpu->in_guest)) {
            kvm_vcpu_kick(vcpu);
        }
    }
    g_mutex_lock(&kvm->gate_mutex);
    while (any_in_guest(kvm)) {
        g_cond_wait(&kvm->gate_cond, &kvm->gate_mutex);
    }
    g_mutex_unlock(&kvm->gate_mutex);
}

void kvm_gate_open(KvmAccel *kvm)
{
    g_mutex_lock(&kvm->gate_mutex);
    atomic_store(&kvm->gate_closed, false);
    g_cond_broadcast(&kvm->gate_cond);
    g_mutex_unlock(&kvm->gate_mutex);
}

void kvm_vcpu_hold(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;

    if (vcpu == current) {
        return;
    }
    atomic_fetch_add(&vcpu->holders, 1);
    if (!atomic_load(&vcpu->in_guest)) {
        return;
    }
    kvm_vcpu_kick(vcpu);
    g_mutex_lock(&kvm->gate_mutex);
    while (atomic_load(&vcpu->in_guest)) {
        g_cond_wait(&kvm->gate_cond, &kvm->gate_mutex);
    }
    g_mutex_unlock(&kvm->gate_mutex);
}

void kvm_vcpu_release(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;

    if (vcpu == current) {
        return;
    }
    g_mutex_lock(&kvm->gate_mutex);
    atomic_fetch_sub(&vcpu->holders, 1);
    g_cond_broadcast(&kvm->gate_cond);
    g_mutex_unlock(&kvm->gate_mutex);
}

/* ---- running ---- */

/* One KVM_RUN. 0, or the errno of its failure. */
static int enter_guest(KvmVcpu *vcpu)
{
    int errnum;

    gate_enter(vcpu);
    vcpu->io_pending = false;
    errnum = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? errno : 0;
    gate_leave(vcpu);
    if (errnum == EINTR) {
        __atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    }
    if (kvm_coalesced_waiting(vcpu->kvm->coalesced_ring)) {
        kvm_coalesced_drain(vcpu->kvm);
    }
    return errnum;
}

static void after_run(KvmVcpu *vcpu, int errnum)
{
    if (errnum == 0) {
        kvm_x86_handle_exit(vcpu);
    } else if (errnum != EINTR && errnum != EAGAIN) {
        kvm_x86_run_failed(vcpu, errnum);
    } else if (vcpu->kvm->xen_ops) {
        /* it may have waited for INIT, and had it: no exit tells */
        vcpu->kvm->xen_ops->vcpu_woken(vcpu->kvm->xen_opaque, vcpu);
    }
}

/* KVM does the rest of an IN, an MMIO read or a string instruction when it is entered again. */
static void complete_io(KvmVcpu *vcpu)
{
    while (vcpu->io_pending) {
        __atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        after_run(vcpu, enter_guest(vcpu));
    }
}

static void run_until_request(KvmVcpu *vcpu)
{
    while (!atomic_load(&vcpu->requests) && !vcpu->blocked) {
        kvm_x86_before_run(vcpu);
        after_run(vcpu, enter_guest(vcpu));
    }
    complete_io(vcpu);
}

static void do_work(KvmVcpu *vcpu)
{
    VcpuWork *work = vcpu->work;

    if (work) {
        vcpu->work = NULL;
        atomic_fetch_and(&vcpu->requests, ~(unsigned)VCPU_REQUEST_WORK);
        work->function(vcpu, work->opaque);
        work->done = true;
        g_cond_broadcast(&vcpu->kvm->stopped_cond);
    }
}

static gpointer vcpu_thread(gpointer opaque)
{
    KvmVcpu *vcpu = opaque;
    KvmAccel *kvm = vcpu->kvm;

    current = vcpu;
    g_mutex_lock(&kvm->gate_mutex);
    vcpu->pthread = pthread_self();
    vcpu->parent.thread_id = gettid();
    g_cond_broadcast(&kvm->gate_cond);
    g_mutex_unlock(&kvm->gate_mutex);

    machine_lock();
    while (!(atomic_load(&vcpu->requests) & VCPU_REQUEST_QUIT)) {
        do_work(vcpu);
        if (!kvm->running || vcpu->blocked) {
            vcpu->stopped = true;
            g_cond_broadcast(&kvm->stopped_cond);
            machine_lock_wait(&vcpu->wake);
            continue;
        }
        vcpu->stopped = false;
        machine_unlock();
        run_until_request(vcpu);
        machine_lock();
    }
    vcpu->stopped = true;
    g_cond_broadcast(&kvm->stopped_cond);
    machine_unlock();
    return NULL;
}

bool kvm_vcpu_thread_start(KvmVcpu *vcpu, GError **error)
{
    KvmAccel *kvm = vcpu->kvm;
    g_autofree char *name = g_strdup_printf("CPU %u/KVM", vcpu->parent.index);
    sigset_t blocked, before;
    GError *thread_error = NULL;

    install_kick_handler();
    sigfillset(&blocked);
    sigdelset(&blocked, KICK_SIGNAL);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGFPE);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    vcpu->stopped = true;
    vcpu->thread = g_thread_try_new(name, vcpu_thread, vcpu, &thread_error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!vcpu->thread) {
        error_setf(error, "the thread of CPU %u cannot be made: %s", vcpu->parent.index,
                   thread_error->message);
        g_error_free(thread_error);
        return false;
    }
    g_mutex_lock(&kvm->gate_mutex);
    while (!vcpu->parent.thread_id) {
        g_cond_wait(&kvm->gate_cond, &kvm->gate_mutex);
    }
    g_mutex_unlock(&kvm->gate_mutex);
    return true;
}

void kvm_vcpu_thread_join(KvmVcpu *vcpu)
{
    bool locked = machine_lock_held();

    if (!vcpu->thread) {
        return;
    }
    if (!locked) {
        machine_lock();
    }
    request(vcpu, VCPU_REQUEST_QUIT);
    g_cond_signal(&vcpu->wake);
    machine_unlock();
    g_thread_join(vcpu->thread);
    vcpu->thread = NULL;
    if (locked) {
        machine_lock();
    }
}

void kvm_vcpu_call(KvmVcpu *vcpu, void (*function)(KvmVcpu *vcpu, void *opaque), void *opaque)
{
    VcpuWork work = {function, opaque, false};

    machine_lock_assert();
    if (vcpu->stopped || vcpu == current) {
        function(vcpu, opaque);
        return;
    }
    while (vcpu->work) {
        machine_lock_wait(&vcpu->kvm->stopped_cond);
    }
    vcpu->work = &work;
    request(vcpu, VCPU_REQUEST_WORK);
    while (!work.done) {
        machine_lock_wait(&vcpu->kvm->stopped_cond);
    }
}

static void keep_clock(KvmAccel *kvm)
{
    struct kvm_clock_data clock = {0};

    if (!kvm->clock_valid && ioctl(kvm->vm_fd, KVM_GET_CLOCK, &clock) == 0) {
        __atomic_store_n(&kvm->clock_ns, clock.clock, __ATOMIC_RELAXED);
        __atomic_store_n(&kvm->clock_valid, true, __ATOMIC_RELEASE);
    }
    for (guint i = 0; i < kvm->vcpus->len; i++) {
        KvmVcpu *vcpu = g_ptr_array_index(kvm->vcpus, i);
        /* the guest then does not take the pause for a lock-up; fails if it has no kvmclock */
        ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0);
    }
}

void kvm_vcpus_pause(Accel *accel)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);

    machine_lock_assert();
    if (!kvm->running) {
        return;
    }
    kvm->running = false;
    for (guint i = 0; i < kvm->vcpus->len; i++) {
        request(g_ptr_array_index(kvm->vcpus, i), VCPU_REQUEST_STOP);
    }
    for (guint i = 0; i < kvm->vcpus->len; i++) {
        KvmVcpu *vcpu = g_ptr_array_index(kvm->vcpus, i);

        while (!vcpu->stopped && vcpu != current) {
            machine_lock_wait(&kvm->stopped_cond);
        }
    }
    kvm_coalesced_watch(kvm, false);
    kvm_coalesced_drain(kvm);
    keep_clock(kvm);
}

void kvm_vcpus_resume(Accel *accel)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);

    machine_lock_assert();
    if (kvm->running || kvm->vm_fd < 0) {
        return; /* a board without CPUs makes no VM */
    }
    if (kvm->clock_valid) {
        struct kvm_clock_data clock = {.clock = kvm->clock_ns};

        ioctl(kvm->vm_fd, KVM_SET_CLOCK, &clock);
        __atomic_store_n(&kvm->clock_valid, false, __ATOMIC_RELEASE);
    }
    kvm_x86_clock_started(kvm);
    if (kvm->xen_ops) {
        kvm->xen_ops->clock_started(kvm->xen_opaque);
    }
    kvm_irq_routes_commit(kvm);
    kvm->running = true;
    kvm_coalesced_watch(kvm, true);
    for (guint i = 0; i < kvm->vcpus->len; i++) {
        KvmVcpu *vcpu = g_ptr_array_index(kvm->vcpus, i);

        atomic_fetch_and(&vcpu->requests, ~(unsigned)VCPU_REQUEST_STOP);
        g_cond_signal(&vcpu->wake);
    }
}
