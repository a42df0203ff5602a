/*
 * vmgenid: a number (a GUID) in the guest's memory that is another one whenever the guest goes on
 * from a saved state, so that it draws new random numbers and the like. Property "guid": a UUID or
 * "auto", a random one.
 *
 * The firmware puts the fw_cfg file "etc/vmgenid_guid" into memory and writes its place into
 * "etc/vmgenid_addr"; in a start without firmware the board says where. The ACPI device VGEN tells
 * the guest, general-purpose event 5 that the number changed.
 *
 * Source: Microsoft, "Virtual Machine Generation ID"; the offset in the file from OVMF, which must
 * not take it for a table.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_VMGENID_H
#define HW_I386_VMGENID_H

#include "hw/core/machine.h"

#define TYPE_VMGENID         "vmgenid"
#define VMGENID_GUID_FILE    "etc/vmgenid_guid" /* a page */
#define VMGENID_ADDRESS_FILE "etc/vmgenid_addr" /* 8 bytes: of the GUID */
#define VMGENID_GUID_OFFSET  40                 /* in the page */
#define VMGENID_GUID_SIZE    16
#define VMGENID_PAGE_SIZE    4096

DEVICE_DECLARE(Vmgenid, vmgenid, HW_VMGENID)

/** vmgenid_find: the machine's, or NULL. */
Vmgenid *vmgenid_find(Machine *machine);
/** vmgenid_text: the GUID as text ("324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87"), owned by the device. */
const char *vmgenid_text(Vmgenid *self);
/** vmgenid_place: there is no firmware: the GUID goes to guest address @address, which the ACPI
 * table names. */
void vmgenid_place(Vmgenid *self, uint64_t address);

#endif
