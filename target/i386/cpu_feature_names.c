/*
 * Names of the CPU features, a table a word. The names are those -cpu has had for years and that
 * management tools send.
 *
 * Sources of the bits: Intel SDM volume 2A CPUID and volume 3D appendix A (VMX capability MSRs),
 * AMD APM volume 3 appendix E, the kernel's Documentation/virt/kvm/x86/cpuid.rst.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "target/i386/cpu_features.h"

const FeatureWordInfo feature_words[FEATURE_WORD_COUNT] = {
    [FEATURE_1_EDX] =
        {
            .function = 0x1,
            .reg = CPUID_EDX,
            .names =
                {
                    [0] = "fpu",   [1] = "vme",    [2] = "de",    [3] = "pse",      [4] = "tsc",
                    [5] = "msr",   [6] = "pae",    [7] = "mce",   [8] = "cx8",      [9] = "apic",
                    [11] = "sep",  [12] = "mtrr",  [13] = "pge",  [14] = "mca",     [15] = "cmov",
                    [16] = "pat",  [17] = "pse36", [18] = "pn",   [19] = "clflush", [21] = "ds",
                    [22] = "acpi", [23] = "mmx",   [24] = "fxsr", [25] = "sse",     [26] = "sse2",
                    [27] = "ss",   [28] = "ht",    [29] = "tm",   [30] = "ia64",    [31] = "pbe",
                },
        },
    [FEATURE_1_ECX] =
        {
            .function = 0x1,
            .reg = CPUID_ECX,
            .names =
                {
                    [0] = "pni",         [1] = "pclmulqdq", [2] = "dtes64",        [3] = "monitor",
                    [4] = "ds-cpl",      [5] = "vmx",       [6] = "smx",           [7] = "est",
                    [8] = "tm2",         [9] = "ssse3",     [10] = "cid",          [12] = "fma",
                    [13] = "cx16",       [14] = "xtpr",     [15] = "pdcm",         [17] = "pcid",
                    [18] = "dca",        [19] = "sse4.1",   [20] = "sse4.2",       [21] = "x2apic",
                    [22] = "movbe",      [23] = "popcnt",   [24] = "tsc-deadline", [25] = "aes",
                    [26] = "xsave",      [28] = "avx",      [29] = "f16c",         [30] = "rdrand",
                    [31] = "hypervisor",
                },
        },
    [FEATURE_7_0_EBX] =
        {
            .function = 0x7,
            .index_significant = true,
            .reg = CPUID_EBX,
            .names =
                {
                    [0] = "fsgsbase",
                    [1] = "tsc-adjust",
                    [2] = "sgx",
                    [3] = "bmi1",
                    [4] = "hle",
                    [5] = "avx2",
                    [6] = "fdp-excptn-only",
                    [7] = "smep",
                    [8] = "bmi2",
                    [9] = "erms",
                    [10] = "invpcid",
                    [11] = "rtm",
                    [13] = "zero-fcs-fds",
                    [14] = "mpx",
                    [16] = "avx512f",
                    [17] = "avx512dq",
                    [18] = "rdseed",
                    [19] = "adx",
                    [20] = "smap",
                    [21] = "avx512ifma",
                    [22] = "pcommit",
                    [23] = "clflushopt",
                    [24] = "clwb",
                    [25] = "intel-pt",
                    [26] = "avx512pf",
                    [27] = "avx512er",
                    [28] = "avx512cd",
                    [29] = "sha-ni",
                    [30] = "avx512bw",
                    [31] = "avx512vl",
                },
        },
    [FEATURE_7_0_ECX] =
        {
            .function = 0x7,
            .index_significant = true,
            .reg = CPUID_ECX,
            .names =
                {
                    [1] = "avx512vbmi",
                    [2] = "umip",
                    [3] = "pku",
                    [5] = "waitpkg",
                    [6] = "avx512vbmi2",
                    [8] = "gfni",
                    [9] = "vaes",
                    [10] = "vpclmulqdq",
                    [11] = "avx512vnni",
                    [12] = "avx512bitalg",
                    [14] = "avx512-vpopcntdq",
                    [16] = "la57",
                    [22] = "rdpid",
                    [24] = "bus-lock-detect",
                    [25] = "cldemote",
                    [27] = "movdiri",
                    [28] = "movdir64b",
                    [30] = "sgxlc",
                    [31] = "pks",
                },
        },
    [FEATURE_7_0_EDX] =
        {
            .function = 0x7,
            .index_significant = true,
            .reg = CPUID_EDX,
            .names =
                {
                    [2] = "avx512-4vnniw",
                    [3] = "avx512-4fmaps",
                    [4] = "fsrm",
                    [8] = "avx512-vp2intersect",
                    [10] = "md-clear",
                    [11] = "rtm-always-abort",
                    [14] = "serialize",
                    [16] = "tsx-ldtrk",
                    [19] = "arch-lbr",
                    [22] = "amx-bf16",
                    [23] = "avx512-fp16",
                    [24] = "amx-tile",
                    [25] = "amx-int8",
                    [26] = "spec-ctrl",
                    [27] = "stibp",
                    [28] = "flush-l1d",
                    [29] = "arch-capabilities",
                    [30] = "core-capability",
                    [31] = "ssbd",
                },
        },
    [FEATURE_7_1_EAX] =
        {
            .function = 0x7,
            .index = 1,
            .index_significant = true,
            .reg = CPUID_EAX,
            .names =
                {
                    [0] = "sha512",
                    [1] = "sm3",
                    [2] = "sm4",
                    [4] = "avx-vnni",
                    [5] = "avx512-bf16",
                    [7] = "cmpccxadd",
                    [10] = "fzrm",
                    [11] = "fsrs",
                    [12] = "fsrc",
                    [17] = "fred",
                    [18] = "lkgs",
                    [19] = "wrmsrns",
                    [21] = "amx-fp16",
                    [23] = "avx-ifma",
                    [26] = "lam",
                },
        },
    [FEATURE_7_1_EDX] =
        {
            .function = 0x7,
            .index = 1,
            .index_significant = true,
            .reg = CPUID_EDX,
            .names =
                {
                    [4] = "avx-vnni-int8",
                    [5] = "avx-ne-convert",
                    [8] = "amx-complex",
                    [10] = "avx-vnni-int16",
                    [14] = "prefetchiti",
                },
        },
    [FEATURE_7_2_EDX] =
        {
            .function = 0x7,
            .index = 2,
            .index_significant = true,
            .reg = CPUID_EDX,
            .names =
                {
                    [0] = "intel-psfd",
                    [1] = "ipred-ctrl",
                    [2] = "rrsba-ctrl",
                    [3] = "ddpd-u",
                    [4] = "bhi-ctrl",
                    [5] = "mcdt-no",
                },
        },
    [FEATURE_80000001_EDX] =
        {
            .function = 0x80000001,
            .reg = CPUID_EDX,
            .names =
                {
                    [11] = "syscall",
                    [20] = "nx",
                    [22] = "mmxext",
                    [25] = "fxsr-opt",
                    [26] = "pdpe1gb",
                    [27] = "rdtscp",
                    [29] = "lm",
                    [30] = "3dnowext",
                    [31] = "3dnow",
                },
        },
    [FEATURE_80000001_ECX] =
        {
            .function = 0x80000001,
            .reg = CPUID_ECX,
            .names =
                {
                    [0] = "lahf-lm",       [1] = "cmp-legacy",  [2] = "svm",   [3] = "extapic",
                    [4] = "cr8legacy",     [5] = "abm",         [6] = "sse4a", [7] = "misalignsse",
                    [8] = "3dnowprefetch", [9] = "osvw",        [10] = "ibs",  [11] = "xop",
                    [12] = "skinit",       [13] = "wdt",        [15] = "lwp",  [16] = "fma4",
                    [17] = "tce",          [19] = "nodeid-msr", [21] = "tbm",  [22] = "topoext",
                    [23] = "perfctr-core", [24] = "perfctr-nb",
                },
        },
    [FEATURE_80000007_EBX] =
        {
            .function = 0x80000007,
            .reg = CPUID_EBX,
            .names =
                {
                    [0] = "overflow-recov",
                    [1] = "succor",
                },
        },
    [FEATURE_80000007_EDX] =
        {
            .function = 0x80000007,
            .reg = CPUID_EDX,
            .unmigratable = 1u << 8, /* invtsc */
            .names =
                {
                    [8] = "invtsc",
                },
        },
    [FEATURE_80000008_EBX] =
        {
            .function = 0x80000008,
            .reg = CPUID_EBX,
            .names =
                {
                    [0] = "clzero",
                    [2] = "xsaveerptr",
                    [9] = "wbnoinvd",
                    [12] = "ibpb",
                    [14] = "ibrs",
                    [15] = "amd-stibp",
                    [17] = "stibp-always-on",
                    [24] = "amd-ssbd",
                    [25] = "virt-ssbd",
                    [26] = "amd-no-ssb",
                    [28] = "amd-psfd",
                    [29] = "btc-no",
                    [30] = "ibpb-ret",
                },
        },
    [FEATURE_80000021_EAX] =
        {
            .function = 0x80000021,
            .reg = CPUID_EAX,
            .names =
                {
                    [0] = "no-nested-data-bp",
                    [1] = "fs-gs-base-ns",
                    [2] = "lfence-always-serializing",
                    [6] = "null-sel-clr-base",
                    [8] = "auto-ibrs",
                    [20] = "prefetchi",
                    [24] = "eraps",
                    [27] = "sbpb",
                    [28] = "ibpb-brtype",
                    [29] = "srso-no",
                    [30] = "srso-user-kernel-no",
                },
        },
    [FEATURE_C0000001_EDX] =
        {
            .function = 0xc0000001,
            .reg = CPUID_EDX,
            .names =
                {
                    [2] = "xstore",
                    [3] = "xstore-en",
                    [6] = "xcrypt",
                    [7] = "xcrypt-en",
                    [8] = "ace2",
                    [9] = "ace2-en",
                    [10] = "phe",
                    [11] = "phe-en",
                    [12] = "pmm",
                    [13] = "pmm-en",
                },
        },
    [FEATURE_40000001_EAX] =
        {
            .function = 0x40000001,
            .reg = CPUID_EAX,
            .names =
                {
                    [0] = "kvmclock",
                    [1] = "kvm-nopiodelay",
                    [2] = "kvm-mmu",
                    [3] = "kvmclock",
                    [4] = "kvm-asyncpf",
                    [5] = "kvm-steal-time",
                    [6] = "kvm-pv-eoi",
                    [7] = "kvm-pv-unhalt",
                    [9] = "kvm-pv-tlb-flush",
                    [10] = "kvm-asyncpf-vmexit",
                    [11] = "kvm-pv-ipi",
                    [12] = "kvm-poll-control",
                    [13] = "kvm-pv-sched-yield",
                    [14] = "kvm-asyncpf-int",
                    [15] = "kvm-msi-ext-dest-id",
                    [24] = "kvmclock-stable-bit",
                },
        },
    [FEATURE_40000001_EDX] =
        {
            .function = 0x40000001,
            .reg = CPUID_EDX,
            .names =
                {
                    [0] = "kvm-hint-dedicated",
                },
        },
    [FEATURE_8000000A_EDX] =
        {
            .function = 0x8000000a,
            .reg = CPUID_EDX,
            .names =
                {
                    [0] = "npt",
                    [1] = "lbrv",
                    [2] = "svm-lock",
                    [3] = "nrip-save",
                    [4] = "tsc-scale",
                    [5] = "vmcb-clean",
                    [6] = "flushbyasid",
                    [7] = "decodeassists",
                    [10] = "pause-filter",
                    [12] = "pfthreshold",
                    [13] = "avic",
                    [15] = "v-vmsave-vmload",
                    [16] = "vgif",
                    [18] = "x2avic",
                    [25] = "vnmi",
                    [28] = "svme-addr-chk",
                },
        },
    [FEATURE_D_1_EAX] =
        {
            .function = 0xd,
            .index = 1,
            .index_significant = true,
            .reg = CPUID_EAX,
            .names =
                {
                    [0] = "xsaveopt",
                    [1] = "xsavec",
                    [2] = "xgetbv1",
                    [3] = "xsaves",
                    [4] = "xfd",
                },
        },
    [FEATURE_6_EAX] =
        {
            .function = 0x6,
            .reg = CPUID_EAX,
            .names =
                {
                    [2] = "arat",
                },
        },
    [FEATURE_12_0_EAX] =
        {
            .function = 0x12,
            .index_significant = true,
            .reg = CPUID_EAX,
            .names =
                {
                    [0] = "sgx1",
                    [1] = "sgx2",
                },
        },
    [FEATURE_12_0_EBX] =
        {
            .function = 0x12,
            .index_significant = true,
            .reg = CPUID_EBX,
            .names =
                {
                    [0] = "sgx-exinfo",
                },
        },
    [FEATURE_12_1_EAX] =
        {
            .function = 0x12,
            .index = 1,
            .index_significant = true,
            .reg = CPUID_EAX,
            .names =
                {
                    [1] = "sgx-debug",
                    [2] = "sgx-mode64",
                    [4] = "sgx-provisionkey",
                    [5] = "sgx-tokenkey",
                    [7] = "sgx-kss",
                },
        },
    [FEATURE_14_ECX] =
        {
            .function = 0x14,
            .index_significant = true,
            .reg = CPUID_ECX,
            .names =
                {
                    [31] = "intel-pt-lip",
                },
        },
    [FEATURE_MSR_CF] =
        {
            .is_msr = true,
            .function = 0xcf,
            .names =
                {
                    [5] = "split-lock-detect",
                },
        },
    [FEATURE_MSR_10A] =
        {
            .is_msr = true,
            .function = 0x10a,
            .names =
                {
                    [0] = "rdctl-no",           [1] = "ibrs-all",  [2] = "rsba",
                    [3] = "skip-l1dfl-vmentry", [4] = "ssb-no",    [5] = "mds-no",
                    [6] = "pschange-mc-no",     [7] = "tsx-ctrl",  [8] = "taa-no",
                    [13] = "sbdr-ssdp-no",      [14] = "fbsdp-no", [15] = "psdp-no",
                    [17] = "fb-clear",          [19] = "rrsba",    [20] = "bhi-no",
                    [24] = "pbrsb-no",          [26] = "gds-no",   [27] = "rfds-no",
                    [28] = "rfds-clear",
                },
        },
    [FEATURE_MSR_345] =
        {
            .is_msr = true,
            .function = 0x345,
            .names =
                {
                    [13] = "full-width-write",
                },
        },
    [FEATURE_MSR_480] =
        {
            .is_msr = true,
            .function = 0x480,
            .names =
                {
                    [54] = "vmx-ins-outs",
                    [55] = "vmx-true-ctls",
                },
        },
    [FEATURE_MSR_485] =
        {
            .is_msr = true,
            .function = 0x485,
            .names =
                {
                    [5] = "vmx-store-lma",
                    [6] = "vmx-activity-hlt",
                    [7] = "vmx-activity-shutdown",
                    [8] = "vmx-activity-wait-sipi",
                    [29] = "vmx-vmwrite-vmexit-fields",
                    [30] = "vmx-zero-len-inject",
                },
        },
    [FEATURE_MSR_48B] =
        {
            .is_msr = true,
            .function = 0x48b,
            .names =
                {
                    [0] = "vmx-apicv-xapic",    [1] = "vmx-ept",
                    [2] = "vmx-desc-exit",      [3] = "vmx-rdtscp-exit",
                    [4] = "vmx-apicv-x2apic",   [5] = "vmx-vpid",
                    [6] = "vmx-wbinvd-exit",    [7] = "vmx-unrestricted-guest",
                    [8] = "vmx-apicv-register", [9] = "vmx-apicv-vid",
                    [10] = "vmx-ple",           [11] = "vmx-rdrand-exit",
                    [12] = "vmx-invpcid-exit",  [13] = "vmx-vmfunc",
                    [14] = "vmx-shadow-vmcs",   [15] = "vmx-encls-exit",
                    [16] = "vmx-rdseed-exit",   [17] = "vmx-pml",
                    [20] = "vmx-xsaves",        [25] = "vmx-tsc-scaling",
                },
        },
    [FEATURE_MSR_48C] =
        {
            .is_msr = true,
            .function = 0x48c,
            .names =
                {
                    [0] = "vmx-ept-execonly",
                    [6] = "vmx-page-walk-4",
                    [7] = "vmx-page-walk-5",
                    [14] = "vmx-ept-wb",
                    [16] = "vmx-ept-2mb",
                    [17] = "vmx-ept-1gb",
                    [20] = "vmx-invept",
                    [21] = "vmx-eptad",
                    [22] = "vmx-ept-advanced-exitinfo",
                    [25] = "vmx-invept-single-context",
                    [26] = "vmx-invept-all-context",
                    [32] = "vmx-invvpid",
                    [40] = "vmx-invvpid-single-addr",
                    [41] = "vmx-invvpid-single-context",
                    [42] = "vmx-invvpid-all-context",
                    [43] = "vmx-invvpid-single-context-noglobals",
                },
        },
    [FEATURE_MSR_48D] =
        {
            .is_msr = true,
            .function = 0x48d,
            .names =
                {
                    [0] = "vmx-intr-exit",
                    [3] = "vmx-nmi-exit",
                    [5] = "vmx-vnmi",
                    [6] = "vmx-preemption-timer",
                    [7] = "vmx-posted-intr",
                },
        },
    [FEATURE_MSR_48E] =
        {
            .is_msr = true,
            .function = 0x48e,
            .names =
                {
                    [2] = "vmx-vintr-pending",
                    [3] = "vmx-tsc-offset",
                    [7] = "vmx-hlt-exit",
                    [9] = "vmx-invlpg-exit",
                    [10] = "vmx-mwait-exit",
                    [11] = "vmx-rdpmc-exit",
                    [12] = "vmx-rdtsc-exit",
                    [15] = "vmx-cr3-load-noexit",
                    [16] = "vmx-cr3-store-noexit",
                    [19] = "vmx-cr8-load-exit",
                    [20] = "vmx-cr8-store-exit",
                    [21] = "vmx-flexpriority",
                    [22] = "vmx-vnmi-pending",
                    [23] = "vmx-movdr-exit",
                    [24] = "vmx-io-exit",
                    [25] = "vmx-io-bitmap",
                    [27] = "vmx-mtf",
                    [28] = "vmx-msr-bitmap",
                    [29] = "vmx-monitor-exit",
                    [30] = "vmx-pause-exit",
                    [31] = "vmx-secondary-ctls",
                },
        },
    [FEATURE_MSR_48F] =
        {
            .is_msr = true,
            .function = 0x48f,
            .names =
                {
                    [2] = "vmx-exit-nosave-debugctl",
                    [12] = "vmx-exit-load-perf-global-ctrl",
                    [15] = "vmx-exit-ack-intr",
                    [18] = "vmx-exit-save-pat",
                    [19] = "vmx-exit-load-pat",
                    [20] = "vmx-exit-save-efer",
                    [21] = "vmx-exit-load-efer",
                    [22] = "vmx-exit-save-preemption-timer",
                    [23] = "vmx-exit-clear-bndcfgs",
                    [25] = "vmx-exit-clear-rtit-ctl",
                    [29] = "vmx-exit-load-pkrs",
                },
        },
    [FEATURE_MSR_490] =
        {
            .is_msr = true,
            .function = 0x490,
            .names =
                {
                    [2] = "vmx-entry-noload-debugctl",
                    [9] = "vmx-entry-ia32e-mode",
                    [13] = "vmx-entry-load-perf-global-ctrl",
                    [14] = "vmx-entry-load-pat",
                    [15] = "vmx-entry-load-efer",
                    [16] = "vmx-entry-load-bndcfgs",
                    [18] = "vmx-entry-load-rtit-ctl",
                    [22] = "vmx-entry-load-pkrs",
                },
        },
    [FEATURE_MSR_491] =
        {
            .is_msr = true,
            .function = 0x491,
            .names =
                {
                    [0] = "vmx-eptp-switching",
                },
        },
};
