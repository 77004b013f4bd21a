/* core/proc/random.h -- random bytes: ChaCha20, keyed by what firmware and devices gave.
 *
 * Locking  its own; never waits; callable from anywhere but an interrupt handler.
 */
#ifndef PROC_RANDOM_H
#define PROC_RANDOM_H

#include "hal/types.h"

void random_init(void);			/* at boot, from firmware's seed */
void random_fill(void *to, size_t n);
u64 random_u64(void);
/* Stir in what a device or a program offers; never makes it worse. */
void random_mix(const void *from, size_t n);

#endif
