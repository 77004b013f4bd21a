/* fs/procfs/proc_timers.c -- /proc/<pid>/timers: what timer_create made, the newest first. */
#include "core/proc/posix_timer.h"
#include "fs/procfs/proc.h"

static void show_timer(struct text *to, const struct posix_timer_made *t)
{
	int kind = t->notify & ~SIGEV_THREAD_ID;

	text_add(to, "ID: %d\nsignal: %d/%016lx\n", t->id, t->signal, t->value);
	text_add(to, "notify: %s/%s.%d\nClockID: %d\n",
		 kind == SIGEV_NONE ? "none" : kind == SIGEV_THREAD ? "thread" : "signal",
		 t->notify & SIGEV_THREAD_ID ? "tid" : "pid", t->to, t->clock);
}

struct proc_timers {
	struct proc_generate;
	struct posix_timer_made made;
};
static co_t proc_timers(struct co *co, struct proc_timers *f)
{
	CO_BEGIN;
	f->made.id = INT32_MAX;
	while (!f->text->failed &&
	       posix_timer_below(f->who->process, f->who->ns, f->made.id, &f->made)) {
		show_timer(f->text, &f->made);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

const struct proc_generate_op proc_timers_op = CO_IMPLEMENTS(proc_generate, proc_timers);
