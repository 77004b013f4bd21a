/* coro/executor_poll.c -- how long polls take. */
#include "coro/executor.h"

#include "core/base/string.h"

u64 executor_poll_end(struct executor *ex, const struct task *t)
{
	struct executor_stats *s = &ex->stats;
	u64 now = hal_clock_ns(), ns = now - ex->poll_start_ns;
	unsigned bucket = ns < 128 ? 0 : bits_log2(ns) - 6;

	ex->poll_start_ns = 0;
	s->polls++;
	s->histogram[min(bucket, (unsigned)EXECUTOR_BUCKETS - 1)]++;
	if (ns > s->longest_ns) {
		/* What is done is popped but still there. */
		const struct co_frame *leaf = t->co.leaf ? t->co.leaf : (void *)t->co.top;

		s->longest_ns = ns;
		s->longest_at = co_is_point(leaf->at) ? leaf->at : NULL;
		memcpy(s->longest_name, t->name, sizeof(s->longest_name));
	}
	return now;
}

void executor_poll_forget(void)
{
	for (unsigned n = 0; n < hal_cpu_count(); n++) {
		atomic_store_relaxed(&executor_nth(n)->stats.longest_ns, 0ul);
		atomic_store_relaxed(&executor_nth(n)->stats.late_ns, 0ul);
	}
}

bool executor_nest(struct task *t, void (*parks)(struct task *t))
{
	struct executor *ex = executor_this();
	struct task *outer = ex->current;
	u8 state = TASK_RUNNING;
	co_t status;

	atomic_store(&t->home, ex);
	atomic_store_relaxed(&t->sched.picked_ns, outer->sched.picked_ns);
	atomic_store(&t->state, state);
	ex->current = t;
	status = t->ops->returned(t);
	ex->current = outer;
	if (status == CO_DONE) {
		lock_rank_none_held(t);
		executor_unspill(ex, &t->co);
		atomic_store(&t->state, (u8)TASK_IDLE);
		return true;
	}
	if (t->co.chunk && !co_in_chunk(&t->co))
		executor_take_back(ex, &t->co);
	parks(t);
	if (!atomic_cas(&t->state, &state, (u8)TASK_IDLE)) {
		atomic_store(&t->state, (u8)TASK_QUEUED);
		executor_enqueue(t, true);
	}
	return false;
}
