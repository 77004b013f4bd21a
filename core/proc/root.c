/* core/proc/root.c */
#include "core/proc/root.h"

#include "core/proc/process.h"
#include "core/proc/thread.h"
#include "vfs/fs_context.h"

void root_replace(const struct path *from, const struct path *to)
{
	struct process *p;
	struct thread *t;
	struct path left;
	unsigned n = 0;

	for (int nr = 1; (p = process_next(&pid_ns_first, nr));) {
		spin_lock(&p->sig_lock);
		list_each(t, &p->threads, in_process)
			if (t->task.fs)
				n += fs_context_replace(t->task.fs, from, to);
		spin_unlock(&p->sig_lock);
		nr = p->pid->nr + 1;
		process_put(p);
	}
	for (; n; n--) {
		left = *from;
		path_put(&left);
	}
}
