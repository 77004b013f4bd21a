/* core/base/random.h -- random numbers: ChaCha20 with fast key erasure.
 *
 * One base key, into which all entropy is absorbed, and one generator per CPU with a key of
 * its own drawn from it. Every output overwrites the key it came from, so a state that
 * leaks later does not tell earlier output. A CPU draws a new key when the base key
 * changed, and after RANDOM_RESEED_BYTES.
 *
 * Locking  its own; none of these waits. May be called from interrupt handlers.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "hal/types.h"

/* Absorb the firmware's seed and the clocks; once, at boot, before random_bytes. */
void random_init(void);

/* Fill to[0..n); at most a few KiB a call are in the spirit of the poll budget. */
void random_bytes(void *to, size_t n);
u64 random_u64(void);

/* Absorb n bytes; `trusted`: they come from a source of entropy and count as such. */
void random_add(const void *from, size_t n, bool trusted);

/* At least 256 bits of trusted entropy have been absorbed. */
bool random_is_ready(void);

/* A source to ask for more: called, from anywhere, when a new base key is due; it answers
 * later by random_add. NULL: none. */
void random_set_source(void (*ask)(void));

#endif
