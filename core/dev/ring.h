/* core/dev/ring.h -- a ring of bytes between two sides of a terminal.
 *
 * Ownership  the memory is its maker's.
 * Units      bytes; head and tail run freely, their difference is what is in it.
 * Locking    the caller's.
 */
#ifndef DEV_RING_H
#define DEV_RING_H

#include "core/base/bits.h"
#include "core/base/string.h"

struct ring {
	u8 *data;
	u32 size;	/* [I] a power of two */
	u32 head, tail;
};

static inline u32 ring_used(const struct ring *r)
{
	return r->head - r->tail;
}

static inline u32 ring_room(const struct ring *r)
{
	return r->size - ring_used(r);
}

/* false: it is full. */
static inline bool ring_put(struct ring *r, u8 byte)
{
	if (!ring_room(r))
		return false;
	r->data[r->head++ & (r->size - 1)] = byte;
	return true;
}

/* The longest run at the tail that is in one piece, at most n. */
static inline u32 ring_peek(const struct ring *r, const u8 **run, u32 n)
{
	u32 at = r->tail & (r->size - 1);

	*run = r->data + at;
	n = min(n, ring_used(r));
	return min(n, r->size - at);
}

/* Put as much as fits; returns how much. */
static inline u32 ring_write(struct ring *r, const u8 *from, u32 n)
{
	u32 at = r->head & (r->size - 1), first;

	n = min(n, ring_room(r));
	first = min(n, r->size - at);
	memcpy(r->data + at, from, first);
	memcpy(r->data, from + first, n - first);
	r->head += n;
	return n;
}

static inline u32 ring_read(struct ring *r, u8 *to, u32 n)
{
	u32 done = 0, run;
	const u8 *from;

	while (done < n && (run = ring_peek(r, &from, n - done))) {
		memcpy(to + done, from, run);
		r->tail += run;
		done += run;
	}
	return done;
}

#endif
