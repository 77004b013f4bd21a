/* coro/timer.c */
#include "coro/timer.h"

#include "coro/executor.h"
#include "hal/clock.h"

static bool timer_before(const struct rb_node *a, const struct rb_node *b)
{
	return container_of(a, struct timer, node)->deadline_ns <
	       container_of(b, struct timer, node)->deadline_ns;
}

void timer_init(struct timer *t, u64 (*fire)(struct timer *t))
{
	*t = (struct timer){.fire = fire};
}

/* Arm the hardware for the earliest of: the tree, the slice's end. On the owner. */
static void timer_program(struct executor *ex) REQUIRES(ex->timer_lock)
{
	struct rb_node *first = rb_first(&ex->timers);
	u64 due = ex->slice_end_ns;

	if (first)
		due = min(due, container_of(first, struct timer, node)->deadline_ns);
	if (due == ex->timer_set_ns)
		return;
	ex->timer_set_ns = due;
	hal_timer_set(due);
}

void timer_arm(struct timer *t, u64 deadline_ns)
{
	struct executor *ex = executor_this();

	timer_cancel(t);
	spin_lock(&ex->timer_lock);
	t->deadline_ns = deadline_ns;
	atomic_store(&t->on, ex);
	rb_insert(&ex->timers, &t->node, timer_before);
	timer_program(ex);
	spin_unlock(&ex->timer_lock);
}

bool timer_cancel(struct timer *t)
{
	struct executor *ex = atomic_load(&t->on);
	bool armed = false;

	if (!ex)
		return false;
	/* A timer fires under this lock, so once it is ours fire is not running. */
	spin_lock(&ex->timer_lock);
	if (atomic_load(&t->on) == ex) {
		rb_remove(&ex->timers, &t->node);
		atomic_store(&t->on, (struct executor *)NULL);
		armed = true;
	}
	spin_unlock(&ex->timer_lock);
	return armed;
}

bool timer_is_armed(struct timer *t, u64 *deadline_ns)
{
	struct executor *ex = atomic_load(&t->on);
	bool armed;

	if (!ex)
		return false;
	spin_lock(&ex->timer_lock);
	armed = atomic_load(&t->on) == ex;
	if (armed)
		*deadline_ns = t->deadline_ns;
	spin_unlock(&ex->timer_lock);
	return armed;
}

void timer_run_due(struct executor *ex)
{
	struct rb_node *first;
	u64 now = hal_clock_ns();

	spin_lock(&ex->timer_lock);
	while ((first = rb_first(&ex->timers))) {
		struct timer *t = container_of(first, struct timer, node);
		u64 next;

		if (t->deadline_ns > now)
			break;
		rb_remove(&ex->timers, &t->node);
		next = t->fire(t);
		if (next == CO_FOREVER) {
			atomic_store(&t->on, (struct executor *)NULL);
		} else {
			t->deadline_ns = next;
			rb_insert(&ex->timers, &t->node, timer_before);
		}
	}
	timer_program(ex);
	spin_unlock(&ex->timer_lock);
}
