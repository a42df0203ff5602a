/*
 * Prints what a host's KVM offers: API version, split irqchip, and KVM_CAP_XEN_HVM; then proves that it
 * really runs guest code, in real mode and in long mode with paging, and that an exit comes back.
 *
 * Status 0: a working KVM; 1: none, or one that cannot run a guest as hardware virtualization does.
 *
 * Source of facts: the kernel's Documentation/virt/kvm/api.rst; AMD64 Architecture Programmer's Manual
 * volume 2, chapters 4, 5 and 14.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_SIZE 0x400000u
#define CODE_AT 0x1000u
#define PML4_AT 0x10000u
#define PDPT_AT 0x11000u
#define PD_AT 0x12000u
#define RESULT_PORT 0x10

static int give_up(const char *what)
{
    printf("kvm-probe: %s: %s\n", what, strerror(errno));
    return 1;
}

/* mov $10,%cx; xor %ax,%ax; 1: inc %ax; loop 1b; out %al,$0x10; hlt */
static const uint8_t real_mode_code[] = {
    0xb9, 0x0a, 0x00, 0x31, 0xc0, 0x40, 0xe2, 0xfd, 0xe6, RESULT_PORT, 0xf4,
};

/* movabs $0x1122334455667788,%rax; mov %rax,0x200000; wrmsr of LSTAR and back; out of the low byte; hlt */
static const uint8_t long_mode_code[] = {
    0x48, 0xb8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x48, 0x89, 0x04, 0x25, 0x00, 0x00,
    0x20, 0x00, 0xb9, 0x82, 0x00, 0x00, 0xc0, 0x31, 0xd2, 0x0f, 0x30, 0x31, 0xc0, 0x0f, 0x32, 0x04,
    0x01, 0xe6, RESULT_PORT, 0xf4,
};

static void set_flat(struct kvm_segment *segment, uint16_t selector, uint8_t type)
{
    memset(segment, 0, sizeof(*segment));
    segment->limit = 0xffffffff;
    segment->selector = selector;
    segment->type = type;
    segment->present = 1;
    segment->s = 1;
    segment->g = 1;
}

static void set_long_mode(struct kvm_sregs *sregs, uint8_t *memory)
{
    uint64_t *pml4 = (uint64_t *)(memory + PML4_AT);
    uint64_t *pdpt = (uint64_t *)(memory + PDPT_AT);
    uint64_t *pd = (uint64_t *)(memory + PD_AT);

    pml4[0] = PDPT_AT | 3;
    pdpt[0] = PD_AT | 3;
    pd[0] = 0x000000 | 0x83;
    pd[1] = 0x200000 | 0x83;
    set_flat(&sregs->cs, 8, 11);
    sregs->cs.l = 1;
    set_flat(&sregs->ss, 16, 3);
    sregs->ss.db = 1;
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss;
    sregs->cr3 = PML4_AT;
    sregs->cr4 = 0x20;
    sregs->cr0 = 0x80000001;
    sregs->efer = 0x500;
}

static int run_until_out(int vcpu, struct kvm_run *run, uint8_t *value)
{
    for (int tries = 0; tries < 100; tries++) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0) {
            return give_up("KVM_RUN");
        }
        if (run->exit_reason == KVM_EXIT_IO && run->io.port == RESULT_PORT) {
            *value = *((uint8_t *)run + run->io.data_offset);
            return 0;
        }
        if (run->exit_reason != KVM_EXIT_INTR) {
            break;
        }
    }
    printf("kvm-probe: guest ended with exit reason %u\n", run->exit_reason);
    return 1;
}

static int run_code(int vcpu, struct kvm_run *run, uint8_t *memory, int long_mode, uint8_t *value)
{
    struct kvm_regs regs = {.rip = CODE_AT, .rflags = 2, .rsp = 0x8000};
    struct kvm_sregs sregs;

    if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0) {
        return give_up("KVM_GET_SREGS");
    }
    if (long_mode) {
        memcpy(memory + CODE_AT, long_mode_code, sizeof(long_mode_code));
        set_long_mode(&sregs, memory);
    } else {
        memcpy(memory + CODE_AT, real_mode_code, sizeof(real_mode_code));
        sregs.cs.base = 0;
        sregs.cs.selector = 0;
    }
    if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu, KVM_SET_REGS, &regs) < 0) {
        return give_up("KVM_SET_SREGS");
    }
    return run_until_out(vcpu, run, value);
}

int main(void)
{
    uint64_t stored;
    uint8_t real_value = 0, long_value = 0;
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (kvm < 0) {
        return give_up("/dev/kvm");
    }
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0) {
        return give_up("KVM_CREATE_VM");
    }
    printf("kvm-api-version: %d\n", ioctl(kvm, KVM_GET_API_VERSION, 0));
    printf("kvm-cap-xen-hvm: 0x%x\n", ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_XEN_HVM));
    printf("kvm-cap-split-irqchip: %d\n", ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_SPLIT_IRQCHIP));

    uint8_t *memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct kvm_userspace_memory_region region = {
        .memory_size = MEMORY_SIZE,
        .userspace_addr = (uintptr_t)memory,
    };
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}};
    if (memory == MAP_FAILED || ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000ul) < 0 ||
        ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        return give_up("KVM_SET_USER_MEMORY_REGION");
    }
    if (ioctl(vm, KVM_ENABLE_CAP, &split) < 0) {
        return give_up("KVM_CAP_SPLIT_IRQCHIP");
    }
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (vcpu < 0 || size < 0) {
        return give_up("KVM_CREATE_VCPU");
    }
    struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED) {
        return give_up("mmap of a vCPU");
    }
    if (run_code(vcpu, run, memory, 0, &real_value) != 0 ||
        run_code(vcpu, run, memory, 1, &long_value) != 0) {
        return 1;
    }
    memcpy(&stored, memory + 0x200000, sizeof(stored));
    printf("guest: real mode %u, long mode 0x%x, stored 0x%llx\n", real_value, long_value,
           (unsigned long long)stored);
    return real_value == 10 && long_value == 0x89 && stored == 0x1122334455667788ull ? 0 : 1;
}
