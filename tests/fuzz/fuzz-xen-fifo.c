/*
 * libFuzzer: the same hostile guest, with the FIFO event ABI under its hands.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define FUZZ_KIND 1
#include "fuzz-xen-hypercall.c"
