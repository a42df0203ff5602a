// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Works around a fault of the emulator that the test host runs in.
 *
 * In a 32-bit guest with PAE, QEMU's emulated page walk sets the accessed bit in the four entries of the top
 * table too, where no processor sets it and where it is reserved.  KVM checks these entries when the guest
 * writes CR4 or CR3, finds the bit and gives the guest a general protection fault: Debian's 686-pae kernel
 * ends at its first flush of the TLB, without a word.
 *
 * So before KVM looks at the entries, this module clears the bit in the guest's memory.
 *
 * Source of facts: AMD64 Architecture Programmer's Manual volume 2, section 5.2.3 (PAE page-directory-pointer
 * entries have no accessed bit); the kernel's Documentation/trace/kprobes.rst.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#define PDPTES 4
#define PDPT_OFFSET 0xfe0ul
#define ACCESSED (1ull << 5)

/* KVM's own; looked up by name, since its version differs between the host's variants. */
static unsigned long (*gfn_to_hva)(void *vcpu, u64 gfn);

/* load_pdptrs(vcpu, cr3) runs on the vCPU's thread, so the guest's memory is the current process's. */
static int before_load(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long cr3 = regs->si;
	unsigned long hva = gfn_to_hva((void *)regs->di, cr3 >> PAGE_SHIFT);
	u64 __user *table = (u64 __user *)(hva + (cr3 & PDPT_OFFSET));
	u64 entries[PDPTES];
	int i;

	if (IS_ERR_VALUE(hva) || hva >= TASK_SIZE_MAX || copy_from_user_nofault(entries, table, sizeof(entries)))
		return 0;
	for (i = 0; i < PDPTES; i++) {
		if (entries[i] & ACCESSED) {
			entries[i] &= ~ACCESSED;
			if (copy_to_user_nofault(&table[i], &entries[i], sizeof(entries[i])))
				return 0;
		}
	}
	return 0;
}

static struct kprobe load_probe = {
	.symbol_name = "load_pdptrs",
	.pre_handler = before_load,
};

static int __init pae_accessed_init(void)
{
	struct kprobe finder = { .symbol_name = "kvm_vcpu_gfn_to_hva" };
	int error = register_kprobe(&finder);

	if (error)
		return error;
	gfn_to_hva = (void *)finder.addr;
	unregister_kprobe(&finder);
	return register_kprobe(&load_probe);
}

static void __exit pae_accessed_exit(void)
{
	unregister_kprobe(&load_probe);
}

module_init(pae_accessed_init);
module_exit(pae_accessed_exit);
MODULE_DESCRIPTION("No accessed bits in PAE's top table, for an emulated SVM");
MODULE_LICENSE("GPL");
