/*
 * HVM_PARAM_CALLBACK_IRQ type 1: the interrupt pin of a PCI device, here the platform device's
 * INTA, wherever the chipset routes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "upcall_checks.h"

#define VECTOR       0x62
#define PIIX3_PIRQRC 0x60
#define NEW_LINE     5

static void rerouted(unsigned device, unsigned pin)
{
    /* INTA of device d is PIRQ (d - 1) mod 4 on this board. */
    unsigned isa = pci_find(0x8086, 0x7000), shift = (device + 3) % 4 * 8;
    uint32_t before = pci_read(isa, 0, PIIX3_PIRQRC);
    if (!expect("the chipset routes it to the line that configuration space tells",
                before >> shift & 0xff, pin)) {
        return;
    }
    pci_write(isa, 0, PIIX3_PIRQRC, (before & ~(0xffu << shift)) | (uint32_t)NEW_LINE << shift);
    ioapic_mask(pin);
    ioapic_set(NEW_LINE, VECTOR, true);
    long port = bind_ipi(0);
    events_forget();
    port_send(port);
    check(event_wait(port, 1, 2000), "routed to another line, it comes there");
    pci_write(isa, 0, PIIX3_PIRQRC, before);
    ioapic_mask(NEW_LINE);
    ioapic_set(pin, VECTOR, true);
    port_send(port);
    check(event_wait(port, 2, 2000), "and back again");
    port_close(port);
}

void test_main(void)
{
    int device = pci_find(0x5853, 1);
    xen_start();
    xen_map_shared_info();
    if (!check(device > 0, "the platform device is device %d", device)) {
        return;
    }
    unsigned line = pci_read(device, 0, 0x3c) & 0xff;
    expect("its pin is INTA", pci_read(device, 0, 0x3c) >> 8 & 0xff, 1);
    if (!check(line > 2 && line < 16, "its line is %u", line)) {
        return;
    }
    expect("the callback is set", events_by_intx(device, 0, line, VECTOR), 0);
    upcall_checks();
    rerouted(device, line);
    upcall_checks();
}
