/* core/report.c */
#include "core/report.h"

#include "core/base/log.h"
#include "core/proc/thread.h"
#include "coro/executor.h"

static const char *report_state(const struct task *t)
{
	switch (__atomic_load_n(&t->state, __ATOMIC_RELAXED)) {
	case TASK_IDLE:
		return t->co.leaf ? "waits" : "never started";
	case TASK_QUEUED:
		return "is queued";
	case TASK_RUNNING:
	case TASK_RUNNING_WOKEN:
		return t->co.leaf || !t->user ? "runs in the kernel" : "runs";
	default:
		return "is dead";
	}
}

static void report_frame(void *arg, const struct co_point *at)
{
	panic_print("    %s %s:%u\n", at->func, at->file, at->line);
}

static void report_task(struct task *t, void *arg)
{
	panic_print("  %s %s, cpu %u, flags %x\n", t->name, report_state(t), t->home->id, t->flags);
	co_backtrace(&t->co, report_frame, NULL);
}

static void report_cpu(const struct executor *ex)
{
	panic_print("cpu %u: %lu polls, the longest %lu ns", ex->id, ex->stats.polls,
		    ex->stats.longest_ns);
	if (ex->stats.longest_at)
		panic_print(" to %s %s:%u", ex->stats.longest_at->func, ex->stats.longest_at->file,
			    ex->stats.longest_at->line);
	panic_print("; task %s\n", ex->current ? ex->current->name : "none");
}

static void report_everything(bool locked)
{
	for (unsigned i = 0; i < hal_cpu_count(); i++)
		report_cpu(executor_nth(i));
	panic_print("tasks:\n");
	task_each(report_task, NULL, locked);
}

/* --- a stuck poll --- */

struct report_stuck {
	const struct executor *ex;
	u64 ns;
};

static void report_stuck_frame(void *arg, const struct co_point *at)
{
	log_warn("    %s %s:%u", at->func, at->file, at->line);
}

/* In the list of tasks it cannot go away. */
static void report_stuck_task(struct task *t, void *arg)
{
	const struct report_stuck *r = arg;

	if (t != r->ex->current)
		return;
	log_warn("cpu %u is stuck: %lu ms in one poll of %s, thread %d", r->ex->id,
		 r->ns / 1000000, t->name, t->user ? thread_of(t)->tid->nr : 0);
	co_backtrace(&t->co, report_stuck_frame, NULL);
}

void report_stuck(struct executor *ex, u64 ns)
{
	struct report_stuck r = {.ex = ex, .ns = ns};

	task_each(report_stuck_task, &r, true);
}

void report_panic(void)
{
	struct executor *ex = executor_this();

	if (!ex)
		return;
	panic_print("on cpu %u in task %s\n", ex->id, ex->current ? ex->current->name : "none");
	if (ex->current)
		co_backtrace(&ex->current->co, report_frame, NULL);
	report_everything(false);
}

void report_tasks(void)
{
	report_everything(true);
	panic_print("---[ end of tasks ]---\n");
}
