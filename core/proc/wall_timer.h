/* core/proc/wall_timer.h -- timers that go by the wall clock, and move when it is set.
 *
 * Ownership  a posix_timer is linked in here while it is armed for a time of the wall clock; its
 *            owner unlinks it before he cancels it.
 * Locking    one lock for all, RANK_WALL_TIMER, within that of the timer. Nothing here waits.
 */
#ifndef PROC_WALL_TIMER_H
#define PROC_WALL_TIMER_H

#include "core/proc/posix_timer.h"

/* Armed until wall_ns of CLOCK_REALTIME. */
void wall_timer_arm(struct posix_timer *t, u64 wall_ns) REQUIRES(t->lock);
/* It does not move any more; harmless if it did not. */
void wall_timer_forget(struct posix_timer *t);
/* clock.c has set the clock. */
void wall_timer_clock_was_set(void);

#endif
