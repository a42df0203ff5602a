/*
 * libFuzzer: the same hostile guest, with version 2 grant tables under its hands.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define FUZZ_KIND 2
#include "fuzz-xen-hypercall.c"
