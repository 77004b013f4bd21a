/* core/base/slots.h -- which numbers below a limit are taken, the first free one found in a few
 * steps.
 *
 * A tree of words: a bit of the lowest level is a number, one of a higher level a word below it
 * that has no free number. So a search looks at two words a level at most, however many there are.
 *
 * Ownership  the words are the caller's: slots_size bytes for slots_init.
 * Locking    the caller's.
 */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include "hal/types.h"

#define SLOTS_LEVELS 4u
#define SLOTS_MOST   (1u << (6 * SLOTS_LEVELS))

struct slots {
	u64 *level[SLOTS_LEVELS];	/* [I] the lowest first; the last used one is one word */
	u32 words[SLOTS_LEVELS];	/* [I] of each */
	u32 levels;			/* [I] */
};

/* n: 1 to SLOTS_MOST. */
size_t slots_size(u32 n);
/* All are free. */
void slots_init(struct slots *s, u64 *words, u32 n);
void slots_take(struct slots *s, u32 at);
void slots_give(struct slots *s, u32 at);
/* The first free one of from to to - 1; to: there is none. to: at most n. */
u32 slots_find(const struct slots *s, u32 from, u32 to);

#endif
