/* mem/space/commit.h -- how much memory is promised, and how much may be (Linux's overcommit).
 *
 * What counts is what programs may write and nothing else holds: private writable mappings
 * (VMA_ACCOUNT) and shared anonymous objects, each in full from when it is made.
 *
 * Units    pages unless it says otherwise.
 * Locking  atomics; two promises at once may both get the last page of the limit.
 */
#ifndef SPACE_COMMIT_H
#define SPACE_COMMIT_H

#include "hal/types.h"

enum commit_mode {
	COMMIT_GUESS,	/* refuse only what could never be had */
	COMMIT_ALWAYS,
	COMMIT_STRICT,	/* the sum of promises stays below the limit */
};

/* [a] The settings below /proc/sys/vm; the limit is kbytes, or if that is 0 ratio per cent of
 * memory. */
struct commit_settings {
	u64 mode, ratio, kbytes;
	u64 user_reserve_kbytes;	/* COMMIT_STRICT: kept back from whoever has much */
};
extern struct commit_settings commit_settings;

void commit_init(void);

u64 commit_limit(void);
u64 commit_total(void);

/* May `pages` more be promised to who has `has`? It does not count them. */
bool commit_may(u64 pages, u64 has);
/* Count them, or with a negative number let go of them. */
void commit_add(i64 pages);

#endif
