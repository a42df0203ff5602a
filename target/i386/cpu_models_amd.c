/*
 * CPU models: AMD and Hygon. A row says what differs from its parent.
 *
 * Facts: the names, versions, signatures and feature sets that these models have in every
 * hypervisor that offers them, so that a guest's licence, a saved state and a management tool's
 * choice stay valid.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "target/i386/cpu_definitions.h"

const X86CPUDefinition cpu_definitions_amd[] = {
    {
        .name = "athlon-v1",
        .vendor = "AuthenticAMD",
        .family = 6,
        .model = 2,
        .stepping = 3,
        .level = 2,
        .xlevel = 0x80000008,
        .model_id = "QEMU Virtual CPU version 2.5+",
        .features = "3dnow 3dnowext apic cmov cx8 de fpu fxsr mca mce mmx mmxext msr mtrr pae "
                    "pat pge pse pse36 sep sse sse2 tsc vme",
    },
    {
        .name = "phenom-v1",
        .parent = "athlon-v1",
        .family = 16,
        .model = 2,
        .stepping = 3,
        .level = 5,
        .xlevel = 0x8000001a,
        .model_id = "AMD Phenom(tm) 9550 Quad-Core Processor",
        .features = "abm clflush cx16 fxsr-opt lahf-lm lm monitor npt nx pdpe1gb pni popcnt "
                    "rdtscp sse4a svm syscall",
    },
    {
        .name = "Opteron_G1-v1",
        .vendor = "AuthenticAMD",
        .family = 15,
        .model = 6,
        .stepping = 1,
        .level = 5,
        .xlevel = 0x80000008,
        .model_id = "AMD Opteron 240 (Gen 1 Class Opteron)",
        .features = "apic clflush cmov cx8 de fpu fxsr lm mca mce mmx msr mtrr nx pae pat pge "
                    "pni pse pse36 sep sse sse2 syscall tsc vme",
    },
    {
        .name = "Opteron_G2-v1",
        .parent = "Opteron_G1-v1",
        .xlevel = 0x8000000a,
        .model_id = "AMD Opteron 22xx (Gen 2 Class Opteron)",
        .features = "cx16 lahf-lm svm",
    },
    {
        .name = "Opteron_G3-v1",
        .parent = "Opteron_G2-v1",
        .family = 16,
        .model = 2,
        .stepping = 3,
        .model_id = "AMD Opteron 23xx (Gen 3 Class Opteron)",
        .features = "abm misalignsse monitor popcnt rdtscp sse4a",
    },
    {
        .name = "Opteron_G4-v1",
        .parent = "Opteron_G3-v1",
        .family = 21,
        .model = 1,
        .stepping = 2,
        .level = 13,
        .xlevel = 0x8000001a,
        .model_id = "AMD Opteron 62xx class CPU",
        .features = "3dnowprefetch aes avx fma4 npt nrip-save pclmulqdq pdpe1gb sse4.1 sse4.2 "
                    "ssse3 xop xsave -monitor",
    },
    {
        .name = "Opteron_G5-v1",
        .parent = "Opteron_G4-v1",
        .family = 21,
        .model = 2,
        .stepping = 0,
        .model_id = "AMD Opteron 63xx class CPU",
        .features = "f16c fma tbm",
    },
    {
        .name = "EPYC-v1",
        .vendor = "AuthenticAMD",
        .family = 23,
        .model = 1,
        .stepping = 2,
        .level = 13,
        .xlevel = 0x8000001e,
        .model_id = "AMD EPYC Processor",
        .caches = CACHES_EPYC,
        .features = "3dnowprefetch abm adx aes apic arat avx avx2 bmi1 bmi2 clflush clflushopt "
                    "cmov cr8legacy cx16 cx8 de f16c fma fpu fsgsbase fxsr fxsr-opt lahf-lm lm "
                    "mca mce misalignsse mmx mmxext monitor movbe msr mtrr npt nrip-save nx osvw "
                    "pae pat pclmulqdq pdpe1gb pge pni popcnt pse pse36 rdrand rdseed rdtscp sep "
                    "sha-ni smap smep sse sse2 sse4.1 sse4.2 sse4a ssse3 svm syscall topoext tsc "
                    "vme xgetbv1 xsave xsavec xsaveopt",
    },
    {
        .name = "EPYC-v2",
        .alias = "EPYC-IBPB",
        .parent = "EPYC-v1",
        .model_id = "AMD EPYC Processor (with IBPB)",
        .features = "ibpb",
    },
    {
        .name = "EPYC-v3",
        .parent = "EPYC-v2",
        .model_id = "AMD EPYC Processor",
        .features = "clzero perfctr-core xsaveerptr xsaves",
    },
    {
        .name = "EPYC-Rome-v1",
        .parent = "EPYC-v2",
        .family = 23,
        .model = 49,
        .stepping = 0,
        .model_id = "AMD EPYC-Rome Processor",
        .caches = CACHES_ROME,
        .features = "amd-stibp clwb clzero perfctr-core rdpid umip wbnoinvd xsaveerptr xsaves",
    },
    {
        .name = "EPYC-Rome-v2",
        .parent = "EPYC-Rome-v1",
        .features = "amd-ssbd ibrs",
    },
    {
        .name = "EPYC-Milan-v1",
        .parent = "EPYC-Rome-v1",
        .family = 25,
        .model = 1,
        .stepping = 1,
        .model_id = "AMD EPYC-Milan Processor",
        .caches = CACHES_MILAN,
        .features = "amd-ssbd erms fsrm ibrs invpcid pcid pku svme-addr-chk",
    },
    {
        .name = "Dhyana-v1",
        .parent = "EPYC-v2",
        .vendor = "HygonGenuine",
        .family = 24,
        .model = 0,
        .stepping = 1,
        .model_id = "Hygon Dhyana Processor",
        .features = "-aes -pclmulqdq -sha-ni",
    },
    {
        .name = "Dhyana-v2",
        .parent = "Dhyana-v1",
        .note = "XSAVES",
        .features = "xsaves",
    },
    {
        .name = "EPYC-v4",
        .parent = "EPYC-v3",
        .model_id = "AMD EPYC-v4 Processor",
    },
    {
        .name = "EPYC-Rome-v3",
        .parent = "EPYC-Rome-v2",
        .model_id = "AMD EPYC-Rome-v3 Processor",
    },
    {
        .name = "EPYC-Rome-v4",
        .parent = "EPYC-Rome-v3",
        .model_id = "AMD EPYC-Rome-v4 Processor (no XSAVES)",
        .features = "-xsaves",
    },
    {
        .name = "EPYC-Milan-v2",
        .parent = "EPYC-Milan-v1",
        .model_id = "AMD EPYC-Milan-v2 Processor",
        .features = "amd-psfd lfence-always-serializing no-nested-data-bp null-sel-clr-base "
                    "stibp-always-on vaes vpclmulqdq",
    },
    {
        .name = "EPYC-Genoa-v1",
        .parent = "EPYC-Milan-v2",
        .family = 25,
        .model = 17,
        .stepping = 0,
        .xlevel = 0x80000022,
        .model_id = "AMD EPYC-Genoa Processor",
        .caches = CACHES_GENOA,
        .features = "auto-ibrs avx512-bf16 avx512-vpopcntdq avx512bitalg avx512bw avx512cd "
                    "avx512dq avx512f avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni gfni "
                    "la57 vnmi -monitor",
    },
};

const unsigned cpu_definitions_amd_count = G_N_ELEMENTS(cpu_definitions_amd);
