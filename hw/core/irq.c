/*
 * Interrupt lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/irq.h"

#include <glib.h>

IRQLine *irq_line_new(IRQHandler handler, void *opaque, int n)
{
    IRQLine *line = g_new0(IRQLine, 1);

    line->handler = handler;
    line->opaque = opaque;
    line->n = n;
    return line;
}

void irq_line_free(IRQLine *line)
{
    g_free(line);
}

void irq_set(IRQLine *line, int level)
{
    if (!line) {
        return;
    }
    if (G_UNLIKELY(line->intercept)) {
        line->intercept(line->intercept_opaque, line->intercept_n, level);
        if (!line->intercept_passes) {
            return;
        }
    }
    if (line->handler) {
        line->handler(line->opaque, line->n, level);
    }
}
