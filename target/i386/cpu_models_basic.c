/*
 * CPU models: the oldest chips and the generic ones. A row says what differs from its parent.
 *
 * Facts: the names, versions, signatures and feature sets that these models have in every
 * hypervisor that offers them, so that a guest's licence, a saved state and a management tool's
 * choice stay valid.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "target/i386/cpu_definitions.h"

const X86CPUDefinition cpu_definitions_basic[] = {
    {
        .name = "486-v1",
        .vendor = "GenuineIntel",
        .family = 4,
        .model = 8,
        .stepping = 0,
        .level = 1,
        .xlevel = 0,
        .model_id = "",
        .features = "fpu pse vme",
    },
    {
        .name = "pentium-v1",
        .parent = "486-v1",
        .family = 5,
        .model = 4,
        .stepping = 3,
        .features = "apic cx8 de mce mmx msr tsc",
    },
    {
        .name = "pentium2-v1",
        .parent = "pentium-v1",
        .family = 6,
        .model = 5,
        .stepping = 2,
        .level = 2,
        .features = "cmov fxsr mca mtrr pae pat pge pse36 sep",
    },
    {
        .name = "pentium3-v1",
        .parent = "pentium2-v1",
        .family = 6,
        .model = 7,
        .stepping = 3,
        .level = 3,
        .features = "sse",
    },
    {
        .name = "qemu32-v1",
        .vendor = "GenuineIntel",
        .family = 6,
        .model = 6,
        .stepping = 3,
        .level = 4,
        .xlevel = 0x80000004,
        .model_id = "QEMU Virtual CPU version 2.5+",
        .features = "apic cmov cx8 de fpu fxsr mce mmx msr pae pat pge pni pse sep sse sse2 tsc",
    },
    {
        .name = "qemu64-v1",
        .vendor = "AuthenticAMD",
        .family = 15,
        .model = 107,
        .stepping = 1,
        .level = 13,
        .xlevel = 0x8000000a,
        .model_id = "QEMU Virtual CPU version 2.5+",
        .features = "apic clflush cmov cx16 cx8 de fpu fxsr lahf-lm lm mca mce mmx msr mtrr nx "
                    "pae pat pge pni pse pse36 sep sse sse2 svm syscall tsc",
    },
    {
        .name = "kvm64-v1",
        .vendor = "GenuineIntel",
        .family = 15,
        .model = 6,
        .stepping = 1,
        .level = 13,
        .xlevel = 0x80000008,
        .model_id = "Common KVM processor",
        .features = "apic clflush cmov cx16 cx8 de fpu fxsr lm mca mce mmx msr mtrr nx pae pat "
                    "pge pni pse pse36 sep sse sse2 syscall tsc vme",
    },
    {
        .name = "kvm32-v1",
        .parent = "kvm64-v1",
        .level = 5,
        .model_id = "Common 32-bit KVM processor",
        .features = "-cx16 -lm -nx -syscall",
    },
};

const unsigned cpu_definitions_basic_count = G_N_ELEMENTS(cpu_definitions_basic);
