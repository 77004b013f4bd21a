/* core/proc/wall_timer.c */
#include "core/proc/wall_timer.h"

#include "core/proc/clock.h"

static spinlock wall_lock = SPINLOCK_INIT(RANK_WALL_TIMER);
static struct list wall_timers = LIST_INIT(wall_timers);	/* under wall_lock */

/* Expirations from before the machine ran have no hal_clock_ns: they are counted here. */
static void wall_timer_start(struct posix_timer *t, u64 wall_ns) REQUIRES(wall_lock)
{
	u64 offset = clock_wall_offset(), missed;

	if (wall_ns < offset && t->interval) {
		missed = (offset - wall_ns - 1) / t->interval + 1;
		wall_ns += missed * t->interval;
		posix_timer_missed(t, missed);
	}
	t->wall_offset = offset;
	timer_arm(&t->timer, wall_ns > offset ? wall_ns - offset : 0);
}

void wall_timer_arm(struct posix_timer *t, u64 wall_ns)
{
	spin_lock(&wall_lock);
	list_remove(&t->wall);
	list_add_back(&wall_timers, &t->wall);
	wall_timer_start(t, wall_ns);
	spin_unlock(&wall_lock);
}

void wall_timer_forget(struct posix_timer *t)
{
	spin_lock(&wall_lock);
	list_remove(&t->wall);
	spin_unlock(&wall_lock);
}

/* One that has fired for the last time stays as it is. */
static void wall_timer_move(struct posix_timer *t) REQUIRES(wall_lock)
{
	if (timer_cancel(&t->timer))
		wall_timer_start(t, t->timer.deadline_ns + t->wall_offset);
}

void wall_timer_clock_was_set(void)
{
	struct posix_timer *t;

	spin_lock(&wall_lock);
	list_each(t, &wall_timers, wall)
		wall_timer_move(t);
	spin_unlock(&wall_lock);
}
