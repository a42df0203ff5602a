/*
 * Interrupt lines: a typed wire from one chip's output pin to another chip's input pin.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CORE_IRQ_H
#define HW_CORE_IRQ_H

#include <stdbool.h>

/** The input's side: pin @n of @opaque is now @level (1 or 0). Under the machine lock. */
typedef void (*IRQHandler)(void *opaque, int n, int level);

typedef struct {
    IRQHandler handler;
    void *opaque;
    int n;
    /* qtest interception: sees the level instead of, or besides, the handler */
    IRQHandler intercept;
    void *intercept_opaque;
    int intercept_n;
    bool intercept_passes;
} IRQLine;

/** irq_line_new: a line into pin @n; free with irq_line_free(). */
IRQLine *irq_line_new(IRQHandler handler, void *opaque, int n);
void irq_line_free(IRQLine *line);
/** irq_set: drives the line; an unconnected pin (NULL) is fine. */
void irq_set(IRQLine *line, int level);

static inline void irq_raise(IRQLine *line)
{
    irq_set(line, 1);
}

static inline void irq_lower(IRQLine *line)
{
    irq_set(line, 0);
}

static inline void irq_pulse(IRQLine *line)
{
    irq_set(line, 1);
    irq_set(line, 0);
}

#endif
