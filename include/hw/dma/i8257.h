/*
 * The ISA DMA controllers: two cascaded 8237A with page registers, as a PC has them. A device asks
 * with its request line and then moves bytes; where they go is what the guest has programmed.
 *
 * Source: Intel 8237A data sheet (231466); 82371SB (PIIX3) data sheet, "DMA registers".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_DMA_I8257_H
#define HW_DMA_I8257_H

#include "hw/isa/isa.h"

#define I8257_CHANNEL_COUNT 8 /* 4 is the cascade */

/* Type "i8257", on an ISA bus, which hands it to that bus's devices. */
DEVICE_DECLARE(I8257, i8257, HW_I8257)

/** A channel may have become able to move data: what its device waits for. Machine lock held. */
typedef void (*I8257Ready)(void *opaque);

/**
 * i8257_connect: @ready hears of each change by the guest that lets channel @channel move data
 * while its request line is high. NULL: no device. False: no such channel, or it has a device.
 */
bool i8257_connect(I8257 *dma, unsigned channel, I8257Ready ready, void *opaque);
/** i8257_set_request: the device's DREQ line. */
void i8257_set_request(I8257 *dma, unsigned channel, bool level);
/** i8257_bytes_left: bytes until the terminal count, 0 while the channel is masked or off. */
uint32_t i8257_bytes_left(I8257 *dma, unsigned channel);
/**
 * i8257_to_memory / i8257_from_memory: the device, whose request line is high, gives or takes up to
 * @length bytes; fewer at the terminal count, and none while the channel is masked, off, or set to
 * the other direction. Addresses with nothing behind them read as ones and drop what is written.
 * @terminal_count: set when the last byte was the last of the count
 * Returns the number of bytes moved.
 */
uint32_t i8257_to_memory(I8257 *dma, unsigned channel, const void *data, uint32_t length,
                         bool *terminal_count);
uint32_t i8257_from_memory(I8257 *dma, unsigned channel, void *data, uint32_t length,
                           bool *terminal_count);

#endif
