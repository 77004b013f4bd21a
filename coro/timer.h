/* coro/timer.h -- deadlines: one tree of timers per CPU.
 *
 * Nothing is armed unless somebody waits with a deadline. A timer stays on the CPU that
 * armed it.
 *
 * Units      hal_clock_ns nanoseconds.
 * Ownership  the timer lies in its user's object, which cancels it before it goes.
 * Locking    each tree's own.
 */
#ifndef CORO_TIMER_H
#define CORO_TIMER_H

#include "core/base/rbtree.h"

struct executor;
struct timer {
	struct rb_node node;
	struct executor *on;	/* [a] NULL: not armed */
	u64 deadline_ns;
	/* At the deadline, under the timer lock of a CPU, in interrupt context: must not wait
	 * nor arm or cancel timers. Returns the next deadline, or CO_FOREVER for none. */
	u64 (*fire)(struct timer *t);
};

void timer_init(struct timer *t, u64 (*fire)(struct timer *t));
void timer_arm(struct timer *t, u64 deadline_ns); /* re-arms if armed */
/* Afterwards fire is not running and will not run. true if it was armed. */
bool timer_cancel(struct timer *t);
/* Is it armed, and until when? One that fires just now is what it will be afterwards. */
bool timer_is_armed(struct timer *t, u64 *deadline_ns);

/* Run what is due on this CPU and arm the hardware for the rest; the executor calls it. */
void timer_run_due(struct executor *ex);

#endif
