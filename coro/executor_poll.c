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
