/* mem/phys/boot.h -- memory before there is an allocator.
 *
 * boot_init reads hal_machine; after buddy_init everything neither reserved nor allocated
 * here belongs to the buddy, and boot_alloc must not be called any more.
 *
 * Units    bytes; reservations are rounded outwards to pages.
 * Locking  none: one CPU runs.
 */
#ifndef PHYS_BOOT_H
#define PHYS_BOOT_H

#include "hal/types.h"

/* Take over hal_machine's regions and reservations. */
void boot_init(void);

/* Keep a range of memory from everybody. */
void boot_reserve(paddr base, u64 size);

/* Zeroed memory of the direct map, never given back; `align` is a power of two. Panics if
 * there is none. */
void *boot_alloc(u64 size, u64 align);

/* The n-th free range, rounded inwards to pages, in rising order; false past the last. */
bool boot_free_range(unsigned n, paddr *base, u64 *size);

#endif
