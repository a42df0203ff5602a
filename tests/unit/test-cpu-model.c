/*
 * CPU models: what -cpu accepts, and the CPUID that comes out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "target/i386/cpu_definitions.h"
#include "util/log.h"

static const X86Topology one = {1, 1, 1, 1};

/* A small host: an AMD with SSE3 and not much more. */
static const X86CPUIDEntry host[] = {
    {.function = 0, .eax = 0xd, .ebx = 0x68747541, .ecx = 0x444d4163, .edx = 0x69746e65},
    {.function = 1, .eax = 0x00a10f11, .ecx = 0x81202001, .edx = 0x078bfbff},
    {.function = 7, .index_significant = true, .ebx = 1 << 7},
    {.function = 0x40000001, .eax = 0x01007efb | 1 << 15},
    {.function = 0x80000000, .eax = 0x80000021},
    {.function = 0x80000001, .ecx = 0x00400393, .edx = 0x23d3fbff},
    {.function = 0x80000002, .eax = 0x20444d41, .ebx = 0x43595045},
    {.function = 0x80000003},
    {.function = 0x80000004},
    {.function = 0x80000007, .edx = 0x100},
    {.function = 0x80000008, .eax = 0x3030, .ebx = 5},
};

static X86CPUModel *parse(const char *text, const X86Topology *topology)
{
    GError *error = NULL;
    X86CPUModel *model = x86_cpu_model_parse(text, "qemu64", NULL, 0, topology, &error);

    g_assert_no_error(error);
    return model;
}

static X86CPUModel *parse_on_host(const char *text)
{
    GError *error = NULL;
    X86CPUModel *model =
        x86_cpu_model_parse(text, "qemu64", host, G_N_ELEMENTS(host), &one, &error);

    g_assert_no_error(error);
    return model;
}

static X86CPUIDEntry leaf(const X86CPUModel *model, uint32_t apic_id, uint32_t function,
                          uint32_t index)
{
    unsigned count;
    g_autofree X86CPUIDEntry *entries = x86_cpu_model_cpuid(model, apic_id, &count);
    const X86CPUIDEntry *entry = cpuid_find(entries, count, function, index);

    g_assert_nonnull(entry);
    return *entry;
}

static bool has_leaf(const X86CPUModel *model, uint32_t function)
{
    unsigned count;
    g_autofree X86CPUIDEntry *entries = x86_cpu_model_cpuid(model, 0, &count);

    return cpuid_find(entries, count, function, 0) != NULL;
}

static void count_and_parse(const X86CPUDefinition *definition, void *opaque)
{
    X86CPUModel *model = parse(definition->name, &one);

    ++*(unsigned *)opaque;
    g_assert_cmpstr(x86_cpu_model_name(model), ==, definition->name);
    g_assert_cmpuint(strlen(model->vendor), ==, 12);
    g_assert_true(x86_cpu_model_has(model, "fpu"));
    g_assert_true(x86_cpu_model_has(model, "hypervisor"));
    g_assert_cmpuint(leaf(model, 0, 0, 0).eax, >=, 1);
    x86_cpu_model_free(model);
}

static void test_every_model_can_be_made(void)
{
    unsigned count = 0;

    cpu_definition_foreach(count_and_parse, &count);
    g_assert_cmpuint(count, >, 80);
}

static void test_names_without_version_and_aliases(void)
{
    static const struct {
        const char *name, *row;
    } names[] = {
        {"Nehalem", "Nehalem-v1"},       {"Nehalem-IBRS", "Nehalem-v2"},
        {"Haswell-noTSX", "Haswell-v2"}, {"EPYC-IBPB", "EPYC-v2"},
        {"kvm64", "kvm64-v1"},           {"Skylake-Server", "Skylake-Server-v1"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_cmpstr(cpu_definition_find(names[i].name)->name, ==, names[i].row);
    }
    g_assert_null(cpu_definition_find("Skylake"));
    g_assert_null(cpu_definition_find(""));
}

/* What other hypervisors give for the same name. */
static void test_signatures_and_words_of_known_models(void)
{
    static const struct {
        const char *name;
        uint32_t level, signature, ecx1, edx1, ebx7;
    } known[] = {
        {"Nehalem", 11, 0x000106a3, 0x80982201, 0x078bfbff, 0},
        {"SandyBridge", 13, 0x000206a1, 0x97b82203, 0x078bfbff, 0},
        {"Haswell", 13, 0x000306c4, 0xf7fa3203, 0x078bfbff, 0x00000fb9},
        {"Skylake-Client", 13, 0x000506e3, 0xf7fa3203, 0x078bfbff, 0x001c0fb9},
        {"Opteron_G3", 5, 0x00100f23, 0x80802009, 0x078bfbff, 0},
        {"EPYC", 13, 0x00800f12, 0xf6d8320b, 0x078bfbff, 0x209c01a9},
        {"pentium3", 3, 0x00000673, 0x80000000, 0x0383fbff, 0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
        X86CPUModel *model = parse(known[i].name, &one);
        X86CPUIDEntry one_leaf = leaf(model, 0, 1, 0);

        g_test_message("%s", known[i].name);
        g_assert_cmpuint(leaf(model, 0, 0, 0).eax, ==, known[i].level);
        g_assert_cmphex(one_leaf.eax, ==, known[i].signature);
        g_assert_cmphex(one_leaf.ecx, ==, known[i].ecx1);
        g_assert_cmphex(one_leaf.edx, ==, known[i].edx1);
        if (known[i].ebx7) {
            g_assert_cmphex(leaf(model, 0, 7, 0).ebx, ==, known[i].ebx7);
        }
        x86_cpu_model_free(model);
    }
}

static void test_features_switch_on_and_off(void)
{
    X86CPUModel *model =
        parse("qemu64,+avx,-lm,sse4_2=on,sse4.1,xsave=on,xen_vapic=on,cx8=off", &one);

    g_assert_true(x86_cpu_model_has(model, "avx"));
    g_assert_true(x86_cpu_model_has(model, "sse4.2"));
    g_assert_true(x86_cpu_model_has(model, "sse4-2"));
    g_assert_true(x86_cpu_model_has(model, "sse4_1"));
    g_assert_true(x86_cpu_model_has(model, "xen-vapic"));
    g_assert_false(x86_cpu_model_has(model, "lm"));
    g_assert_false(x86_cpu_model_has(model, "cx8"));
    g_assert_false(x86_cpu_model_has(model, "no-such"));
    x86_cpu_model_free(model);
    model = parse("qemu64,-sse3,+sse3", &one);
    g_assert_false(x86_cpu_model_has(model, "pni"));
    x86_cpu_model_free(model);
}

static void test_kvmclock_is_two_bits(void)
{
    X86CPUModel *model = parse("base,kvmclock=on", &one);

    g_assert_cmphex(leaf(model, 0, 0x40000001, 0).eax, ==, 9);
    x86_cpu_model_free(model);
}

static void test_wrong_input_is_one_line(void)
{
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"foo", "unable to find CPU model 'foo'"},
        {"qemu64,+foo", "Property 'qemu64-x86_64-cpu.foo' not found"},
        {"qemu64,foo=on", "Property 'qemu64-x86_64-cpu.foo' not found"},
        {"qemu64,=on", "Property 'qemu64-x86_64-cpu.' not found"},
        {"qemu64,lm=maybe", "Parameter 'lm' expects 'on' or 'off', not 'maybe'"},
        {"qemu64,level=abc", "Parameter 'level' expects uint64, not 'abc'"},
        {"qemu64,level=-1", "Parameter 'level' expects uint64, not '-1'"},
        {"qemu64,family=999", "Property .family doesn't take value 999 (minimum: 0, maximum: 270)"},
        {"qemu64,stepping=16",
         "Property .stepping doesn't take value 16 (minimum: 0, maximum: 15)"},
        {"qemu64,vendor=abc", "Property '.vendor' doesn't take value 'abc'"},
        {"qemu64,phys-bits=99", "phys-bits should be between 32 and 52  (but is 99)"},
        {"qemu64,tsc-frequency=fast",
         "Parameter 'tsc-frequency' expects a frequency in Hz, not 'fast'"},
        {"qemu64,hv-evmcs", "Property 'hv-evmcs' is not available"},
        {"qemu64,hv-nonsense", "Property 'qemu64-x86_64-cpu.hv-nonsense' not found"},
        {"qemu64,hv-relaxed=maybe", "Parameter 'hv-relaxed' expects 'on' or 'off', not 'maybe'"},
        {"qemu64,hv-spinlocks=7",
         "Property .hv-spinlocks doesn't take value 7 (minimum: 4095, maximum: 4294967295)"},
        {"qemu64,hv-spinlocks=many", "Parameter 'hv-spinlocks' expects a 32-bit number, not 'many'"},
        {"qemu64,hv-vendor-id=thirteen char",
         "Property .hv-vendor-id doesn't take value 'thirteen char': 12 characters at most"},
        {"qemu64,hv-synic", "hv-synic requires hv-vpindex"},
        {"qemu64,hv-vpindex,hv-synic,hv-stimer", "hv-stimer requires hv-time"},
        {"host", "CPU model 'host' requires KVM"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(x86_cpu_model_parse(wrong[i].text, "qemu64", NULL, 0, &one, &error));
        g_assert_cmpstr(error->message, ==, wrong[i].message);
    }
}

static void test_hyperv_leaves_come_before_those_of_kvm(void)
{
    X86CPUModel *model = parse("qemu64,hv_relaxed,hv-time,hv-vpindex=on,hv-spinlocks=0x1fff,"
                               "hv-vendor-id=granite",
                               &one);
    X86CPUIDEntry vendor = leaf(model, 0, 0x40000000, 0);

    g_assert_true(x86_cpu_model_shows_hyperv(model));
    g_assert_true(x86_cpu_model_has(model, "hv-time"));
    g_assert_false(x86_cpu_model_has(model, "hv-synic"));
    g_assert_cmphex(vendor.eax, ==, 0x40000005);
    g_assert_cmpmem(&vendor.ebx, 12, "granite\0\0\0\0\0", 12);
    g_assert_cmphex(leaf(model, 0, 0x40000001, 0).eax, ==, 0x31237648);
    g_assert_cmphex(leaf(model, 0, 0x40000003, 0).eax, ==, 0x262);
    g_assert_cmphex(leaf(model, 0, 0x40000004, 0).eax, ==, 0x20);
    g_assert_cmphex(leaf(model, 0, 0x40000004, 0).ebx, ==, 0x1fff);
    g_assert_cmphex(leaf(model, 0, 0x40000100, 0).eax, ==, 0x40000101);
    g_assert_cmphex(leaf(model, 0, 0x40000100, 0).ebx, ==, 0x4b4d564b);
    g_assert_true(has_leaf(model, 0x40000101));
    x86_cpu_model_free(model);
}

static void test_enlightenments_are_checked_against_the_host(void)
{
    X86CPUModel *model = parse("qemu64,hv-relaxed,hv-time,hv-crash", &one);
    const X86CPUIDEntry offered[] = {
        {.function = 0x40000003, .eax = 0x222, .edx = 1u << 10},
        {.function = 0x40000004, .eax = 0x20},
    };
    X86CPUIDEntry less[] = {offered[0], offered[1]};

    g_assert_null(x86_cpu_model_hyperv_missing(model, offered, 2));
    less[0].edx = 0;
    g_assert_cmpstr(x86_cpu_model_hyperv_missing(model, less, 2), ==, "hv-crash");
    g_assert_cmpstr(x86_cpu_model_hyperv_missing(model, NULL, 0), ==, "hv-time");
    x86_cpu_model_free(model);
}

static void test_no_enlightenment_means_no_hyperv(void)
{
    X86CPUModel *model = parse("qemu64,hv-relaxed,hv-relaxed=off,hv-passthrough=off", &one);

    g_assert_false(x86_cpu_model_shows_hyperv(model));
    g_assert_cmphex(leaf(model, 0, 0x40000000, 0).ebx, ==, 0x4b4d564b);
    x86_cpu_model_free(model);
}

static void test_properties_reach_the_leaves(void)
{
    X86CPUModel *model =
        parse("qemu64,family=0x17,model=0x31,stepping=2,level=4,xlevel=0x80000004,"
              "vendor=HelloHello12,model-id=A processor,phys-bits=44,tsc-freq=2.5G",
              &one);
    X86CPUIDEntry brand = leaf(model, 0, 0x80000002, 0);

    g_assert_cmphex(leaf(model, 0, 1, 0).eax, ==, 0x00830f12);
    g_assert_cmpuint(leaf(model, 0, 0, 0).eax, ==, 4);
    g_assert_cmphex(leaf(model, 0, 0x80000000, 0).eax, ==, 0x80000004);
    g_assert_false(has_leaf(model, 7));
    g_assert_false(has_leaf(model, 0x80000008));
    g_assert_cmpmem(&brand.eax, 4, "A pr", 4);
    g_assert_cmpuint(x86_cpu_model_phys_bits(model), ==, 44);
    g_assert_cmpuint(x86_cpu_model_tsc_khz(model), ==, 2500000);
    x86_cpu_model_free(model);
}

static void test_hiding_kvm_takes_its_leaves_away(void)
{
    X86CPUModel *model = parse("qemu64,kvm=off,-hypervisor", &one);

    g_assert_false(has_leaf(model, 0x40000000));
    g_assert_false(leaf(model, 0, 1, 0).ecx >> 31);
    x86_cpu_model_free(model);
    model = parse("qemu64", &one);
    g_assert_cmphex(leaf(model, 0, 0x40000000, 0).ebx, ==, 0x4b4d564b);
    x86_cpu_model_free(model);
}

static void test_host_model_is_the_host_without_what_cannot_migrate(void)
{
    X86CPUModel *model = parse_on_host("host");

    g_assert_cmphex(leaf(model, 0, 1, 0).eax, ==, 0x00a10f11);
    g_assert_cmpstr(model->vendor, ==, "AuthenticAMD");
    g_assert_cmpstr(model->model_id, ==, "AMD EPYC");
    g_assert_cmphex(model->features[FEATURE_1_ECX], ==, 0x81202001);
    g_assert_cmphex(model->features[FEATURE_80000001_ECX], ==, 0x393);
    g_assert_cmpuint(x86_cpu_model_phys_bits(model), ==, 48);
    g_assert_false(x86_cpu_model_has(model, "invtsc"));
    x86_cpu_model_free(model);
    model = parse_on_host("host,migratable=off,-pni");
    g_assert_true(x86_cpu_model_has(model, "invtsc"));
    g_assert_false(x86_cpu_model_has(model, "pni"));
    x86_cpu_model_free(model);
}

static void test_named_model_under_kvm(void)
{
    X86CPUModel *model = parse_on_host("Haswell,check=off");

    g_assert_cmpstr(model->vendor, ==, "AuthenticAMD");
    g_assert_cmphex(model->features[FEATURE_40000001_EAX], ==, 0x0100807b);
    g_assert_true(x86_cpu_model_has(model, "x2apic"));
    g_assert_false(x86_cpu_model_has(model, "avx"));
    g_assert_cmpuint(x86_cpu_model_phys_bits(model), ==, 40);
    x86_cpu_model_free(model);
}

static void test_lacking_feature_is_warned_of_in_known_words(void)
{
    if (g_test_subprocess()) {
        x86_cpu_model_free(parse_on_host("base,+avx512f,+lm"));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*warning: host doesn't support requested feature: "
                              "CPUID.07H:EBX.avx512f [bit 16]*");
    g_test_trap_assert_stderr_unmatched("*bit 29*");
}

static void test_enforce_fails_on_a_lacking_feature(void)
{
    if (g_test_subprocess()) {
        GError *error = NULL;

        g_assert_null(x86_cpu_model_parse("base,+avx512f,enforce", "qemu64", host,
                                          G_N_ELEMENTS(host), &one, &error));
        g_assert_cmpstr(error->message, ==, "Host doesn't support requested features");
        g_error_free(error);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

static void test_apic_ids_leave_gaps_for_odd_counts(void)
{
    const X86Topology odd = {2, 1, 3, 2};
    const X86Topology dies = {1, 2, 2, 1};
    static const uint32_t expected[] = {0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13};

    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_cmpuint(x86_apic_id(&odd, i), ==, expected[i]);
    }
    g_assert_cmpuint(x86_apic_id(&dies, 3), ==, 3);
}

static void test_topology_leaves(void)
{
    const X86Topology topology = {2, 1, 3, 2};
    X86CPUModel *model = parse("Haswell", &topology);

    g_assert_cmphex(leaf(model, 9, 1, 0).ebx, ==, 9u << 24 | 6 << 16 | 8 << 8);
    g_assert_true(leaf(model, 9, 1, 0).edx >> 28 & 1);
    g_assert_cmphex(leaf(model, 9, 0xb, 0).eax, ==, 1);
    g_assert_cmphex(leaf(model, 9, 0xb, 0).ebx, ==, 2);
    g_assert_cmphex(leaf(model, 9, 0xb, 0).ecx, ==, 0x100);
    g_assert_cmphex(leaf(model, 9, 0xb, 0).edx, ==, 9);
    g_assert_cmphex(leaf(model, 9, 0xb, 1).eax, ==, 3);
    g_assert_cmphex(leaf(model, 9, 0xb, 1).ebx, ==, 6);
    g_assert_cmphex(leaf(model, 9, 0xb, 1).ecx, ==, 0x201);
    g_assert_cmphex(leaf(model, 9, 0xb, 2).ecx, ==, 2);
    g_assert_cmphex(leaf(model, 0, 4, 0).eax, ==, 0x0c004121);
    g_assert_cmphex(leaf(model, 0, 4, 0).ebx, ==, 0x01c0003f);
    g_assert_cmphex(leaf(model, 0, 4, 0).ecx, ==, 63);
    g_assert_cmphex(leaf(model, 0, 4, 3).eax, ==, 0x0c01c163);
    g_assert_cmphex(leaf(model, 0, 2, 0).edx, ==, 0x002c307d);
    x86_cpu_model_free(model);
}

static void test_amd_topology_leaves(void)
{
    const X86Topology topology = {1, 1, 4, 2};
    X86CPUModel *model = parse("EPYC", &topology);

    g_assert_cmphex(leaf(model, 5, 0x8000001e, 0).eax, ==, 5);
    g_assert_cmphex(leaf(model, 5, 0x8000001e, 0).ebx, ==, 1 << 8 | 2);
    g_assert_cmphex(leaf(model, 5, 0x80000008, 0).ecx, ==, 3 << 12 | 7);
    g_assert_cmphex(leaf(model, 5, 0x80000001, 0).ecx & 2, ==, 2);
    g_assert_cmphex(leaf(model, 5, 0x8000001d, 2).ebx, ==, 0x01c0003f);
    g_assert_cmphex(leaf(model, 5, 0x8000001d, 2).ecx, ==, 1023);
    g_assert_cmphex(leaf(model, 5, 4, 0).eax, ==, 0);
    x86_cpu_model_free(model);
}

static void test_xsave_leaf_follows_the_features(void)
{
    X86CPUModel *model = parse("qemu64,+xsave,+avx,+avx512f,+pku", &one);

    g_assert_cmphex(leaf(model, 0, 0xd, 0).eax, ==, 0x2e7);
    g_assert_cmpuint(leaf(model, 0, 0xd, 0).ecx, ==, 2696);
    g_assert_cmpuint(leaf(model, 0, 0xd, 2).eax, ==, 256);
    g_assert_cmpuint(leaf(model, 0, 0xd, 2).ebx, ==, 576);
    x86_cpu_model_free(model);
    model = parse("qemu64,-xsave", &one);
    g_assert_cmphex(leaf(model, 0, 0xd, 0).eax, ==, 0);
    x86_cpu_model_free(model);
}

static void test_help_lists_models_and_flags(void)
{
    if (g_test_subprocess()) {
        x86_cpu_model_print_help();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout("Available CPUs:\n*  486 *EPYC-IBPB * (alias of EPYC-v2)\n*"
                              "Skylake-Client-v4 *Intel Core Processor (Skylake, IBRS, no TSX) "
                              "[IBRS, XSAVES, no TSX]\n*  qemu64-v1 *"
                              "  host * processor with all supported host features\n*"
                              "Recognized CPUID flags:\n  3dnow 3dnowext *");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpu-model/every-model-can-be-made", test_every_model_can_be_made);
    g_test_add_func("/cpu-model/names-and-aliases", test_names_without_version_and_aliases);
    g_test_add_func("/cpu-model/signatures-and-words", test_signatures_and_words_of_known_models);
    g_test_add_func("/cpu-model/features-switch", test_features_switch_on_and_off);
    g_test_add_func("/cpu-model/kvmclock-is-two-bits", test_kvmclock_is_two_bits);
    g_test_add_func("/cpu-model/wrong-input-is-one-line", test_wrong_input_is_one_line);
    g_test_add_func("/cpu-model/properties-reach-the-leaves", test_properties_reach_the_leaves);
    g_test_add_func("/cpu-model/hyperv-leaves-come-first",
                    test_hyperv_leaves_come_before_those_of_kvm);
    g_test_add_func("/cpu-model/enlightenments-and-the-host",
                    test_enlightenments_are_checked_against_the_host);
    g_test_add_func("/cpu-model/no-enlightenment", test_no_enlightenment_means_no_hyperv);
    g_test_add_func("/cpu-model/hiding-kvm", test_hiding_kvm_takes_its_leaves_away);
    g_test_add_func("/cpu-model/host", test_host_model_is_the_host_without_what_cannot_migrate);
    g_test_add_func("/cpu-model/named-under-kvm", test_named_model_under_kvm);
    g_test_add_func("/cpu-model/lacking-feature-is-warned-of",
                    test_lacking_feature_is_warned_of_in_known_words);
    g_test_add_func("/cpu-model/enforce", test_enforce_fails_on_a_lacking_feature);
    g_test_add_func("/cpu-model/apic-ids", test_apic_ids_leave_gaps_for_odd_counts);
    g_test_add_func("/cpu-model/topology-leaves", test_topology_leaves);
    g_test_add_func("/cpu-model/amd-topology-leaves", test_amd_topology_leaves);
    g_test_add_func("/cpu-model/xsave-leaf", test_xsave_leaf_follows_the_features);
    g_test_add_func("/cpu-model/help", test_help_lists_models_and_flags);
    return g_test_run();
}
