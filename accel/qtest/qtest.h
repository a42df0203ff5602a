/*
 * The qtest accelerator's record of what the chips asked of it, for tests in the same process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef ACCEL_QTEST_QTEST_H
#define ACCEL_QTEST_QTEST_H

#include "accel/accel.h"

#define TYPE_QTEST_ACCEL (qtest_accel_get_type())
G_DECLARE_FINAL_TYPE(QtestAccel, qtest_accel, XL, QTEST_ACCEL, Accel)

typedef struct {
    MsiMessage message;
    bool masked, level;
} QtestIoapicRoute;

bool qtest_accel_pic_level(QtestAccel *accel);
/** qtest_accel_msi_count / msi: the MSIs delivered so far; the latest 256 are kept, oldest first.
 */
unsigned qtest_accel_msi_count(QtestAccel *accel);
bool qtest_accel_msi(QtestAccel *accel, unsigned index, MsiMessage *message);
/** qtest_accel_ioapic_route: what was last told of @pin; NULL beyond the last pin. */
const QtestIoapicRoute *qtest_accel_ioapic_route(QtestAccel *accel, unsigned pin);
/** qtest_accel_msi_route: the message of a live route; false: no such route. */
bool qtest_accel_msi_route(QtestAccel *accel, int route, MsiMessage *message);

#endif
