/* tests/sim/points.h -- a signal at each await, and each allocation refused: kernel code.
 *
 * The trunk is a run of one thing that programs do, on one CPU. At each await that a thread of it
 * passes, or sleeps in, the run branches (host_branch): in a branch the thread waits there, is
 * sent a signal, and the branch goes on to its end, which must be as Linux's: the call restarts,
 * gives -EINTR or completes (points_expect.c), the program ends well, nothing is leaked. The same
 * with each allocation, which in its branch is refused.
 *
 * A place is a call and an await; `findings` in shared memory remembers those that were tried.
 * Branches are numbered in the order of their chances, tried or not, so that the number replays
 * one.
 */
#ifndef SIM_POINTS_H
#define SIM_POINTS_H

#include "hal/types.h"

#define POINTS_MAX	4096
#define POINTS_CALLS	512
#define POINTS_LOG	16
#define POINTS_PLACES	(1u << 16)

enum points_kind {
	POINTS_SIGNAL,		/* handled, without SA_RESTART */
	POINTS_AGAIN,		/* with it */
	POINTS_KILL,
	POINTS_KINDS,
	POINTS_REFUSE = POINTS_KINDS, /* an allocation */
};

/* What became of a call. */
enum points_outcome {
	POINTS_RESTARTS = 1,
	POINTS_EINTR = 2,
	POINTS_COMPLETES = 4,
};

struct points {
	u64 only;			/* not 0: be that branch, 1 + its number */
	u32 hit[POINTS_MAX][POINTS_KINDS]; /* signals sent while a thread was in that await */
	bool passed[POINTS_MAX], elsewhere[POINTS_MAX];
	u64 places[POINTS_PLACES];	/* a hash table of those tried */
	u32 outcomes[POINTS_CALLS][8];	/* by what is above */
	u32 broke_off[POINTS_CALLS];	/* short counts, which the program did not expect */
	u32 tried[POINTS_CALLS];	/* awaits of that call */
	u64 branches, failures, refused;
	struct {			/* of the branches that have not ended */
		u64 n;			/* its number + 1; 0: free */
		bool through;		/* it came to its end */
		char where[160];
	} log[POINTS_LOG];
	bool trunk_through;
	bool each;			/* each place of every call; or each await once */
	bool refusing;
	unsigned thing;
	u64 seed;
	const char *self;
};
extern struct points *points;

struct hal_user;
struct host_result;
/* In a run, before anything else. */
void points_begin(void);
/* Instead: only the long ways (coro/co.h) are taken. */
void points_go_long_way(void);
void points_entering_user(const struct hal_user *u);
void points_hook(struct hal_user *u, i64 what);
void points_branched(u64 n, const struct host_result *result);

void points_print(bool all);
/* Per cent of the awaits that are not only workers' where a signal was sent; was one at this? */
unsigned points_hit(void);
bool points_is_hit(u32 i);
/* What is wrong with the list of those where none can be: so many lines of it, and awaits that are not
 * in it, all printed. *count: how many it names. */
unsigned points_unlisted(const char *list, unsigned *count);

/* The outcomes Linux may give; x: the call's arguments. */
unsigned points_expected(int nr, const u64 *x, enum points_kind kind);
/* May give less than was asked for when a signal comes. */
bool points_may_be_short(int nr);

#endif
