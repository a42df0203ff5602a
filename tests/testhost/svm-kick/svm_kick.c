// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Works around a fault of the emulator that the test host runs in.
 *
 * QEMU's emulated VMRUN leaves the vector of an external interrupt that it injected as the processor's
 * pending exception.  When the emulator's time slice ends before the guest's next #VMEXIT, it delivers that
 * vector a second time, whatever the guest's interrupt flag says; in the interrupt's own handler the guest
 * then waits forever for a lock that it holds.
 *
 * So after each injection this module has an interrupt of the host's own pending when VMRUN starts: the
 * guest takes its interrupt and exits at once, which clears what was left.  KVM itself asks for an
 * immediate exit in this way.
 *
 * Source of facts: AMD64 Architecture Programmer's Manual volume 2, sections 15.5, 15.20 and 15.21; the
 * kernel's Documentation/trace/kprobes.rst.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/smp.h>

/* The test host has one CPU, so one flag serves all vCPUs. */
static bool injected;

static int before_inject(struct kprobe *probe, struct pt_regs *regs)
{
	injected = true;
	return 0;
}

/* Called with interrupts off: what is sent here is still pending at VMRUN. */
static int before_run(struct kprobe *probe, struct pt_regs *regs)
{
	if (injected) {
		injected = false;
		smp_send_reschedule(smp_processor_id());
	}
	return 0;
}

static struct kprobe inject_probe = {
	.symbol_name = "svm_inject_irq",
	.pre_handler = before_inject,
};

static struct kprobe run_probe = {
	.symbol_name = "svm_vcpu_run",
	.pre_handler = before_run,
};

static struct kprobe *probes[] = { &inject_probe, &run_probe };

static int __init svm_kick_init(void)
{
	return register_kprobes(probes, ARRAY_SIZE(probes));
}

static void __exit svm_kick_exit(void)
{
	unregister_kprobes(probes, ARRAY_SIZE(probes));
}

module_init(svm_kick_init);
module_exit(svm_kick_exit);
MODULE_DESCRIPTION("An exit after each interrupt injection, for an emulated SVM");
MODULE_LICENSE("GPL");
