/* fs/procfs/proc_usage.c -- what a process used and how it is to be treated: io, schedstat,
 * sched and other small files that programs look for. */
#include "core/proc/thread.h"
#include "fs/procfs/proc.h"

#define NS_PER_MS 1000000ul

static bool info_of(const struct proc_subject *who, struct process_info *to)
{
	if (who->tid)
		return process_thread_info(who->process, who->ns, who->tid, to);
	process_info(who->process, who->ns, to);
	return true;
}

int proc_io_show(const struct proc_subject *who, struct text *to)
{
	const struct process_io *io = &who->process->io;

	text_add(to, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n",
		 atomic_load_relaxed(&io->bytes[0]), atomic_load_relaxed(&io->bytes[1]),
		 atomic_load_relaxed(&io->calls[0]), atomic_load_relaxed(&io->calls[1]));
	text_add(to, "read_bytes: %lu\nwrite_bytes: %lu\ncancelled_write_bytes: 0\n",
		 atomic_load_relaxed(&io->disk[0]), atomic_load_relaxed(&io->disk[1]));
	return 0;
}

/* Time on a CPU, time waiting for one (which is not measured), times it was switched to. */
int proc_schedstat_show(const struct proc_subject *who, struct text *to)
{
	struct process_info i;

	if (!info_of(who, &i))
		return -ESRCH;
	text_add(to, "%lu 0 %lu\n", i.own.user_ns + i.own.system_ns,
		 i.own.voluntary + i.own.involuntary);
	return 0;
}

int proc_sched_show(const struct proc_subject *who, struct text *to)
{
	struct process_info i;
	struct task *t;
	u64 ns, voluntary, involuntary;

	if (!info_of(who, &i))
		return -ESRCH;
	t = process_task(who->process, who->ns, who->tid ? who->tid : i.pid);
	if (!t)
		return -ESRCH;
	voluntary = atomic_load_relaxed(&t->sched.switches_voluntary);
	involuntary = atomic_load_relaxed(&t->sched.switches_involuntary);
	ns = atomic_load_relaxed(&t->sched.ran_ns);
	text_add(to, "%s (%d, #threads: %u)\n", i.name, who->tid ? who->tid : i.pid, i.threads);
	text_add(to, "-------------------------------------------------------------------\n");
	text_add(to, "%-45s:%14lu.%06lu\n", "se.exec_start",
		 atomic_load_relaxed(&t->sched.picked_ns) / NS_PER_MS,
		 atomic_load_relaxed(&t->sched.picked_ns) % NS_PER_MS);
	text_add(to, "%-45s:%14ld.%06ld\n", "se.vruntime",
		 atomic_load_relaxed(&t->sched.vruntime) / (i64)NS_PER_MS,
		 atomic_load_relaxed(&t->sched.vruntime) % (i64)NS_PER_MS);
	text_add(to, "%-45s:%14lu.%06lu\n", "se.sum_exec_runtime", ns / NS_PER_MS,
		 ns % NS_PER_MS);
	text_add(to, "%-45s:%21lu\n%-45s:%21lu\n%-45s:%21lu\n", "nr_switches",
		 voluntary + involuntary, "nr_voluntary_switches", voluntary,
		 "nr_involuntary_switches", involuntary);
	text_add(to, "%-45s:%21u\n", "se.load.weight", t->sched.weight << 10);
	text_add(to, "%-45s:%21u\n%-45s:%21d\n", "policy", i.policy, "prio",
		 100 + proc_priority(&i));
	task_put(t);
	return 0;
}

/* No audit: nobody's login is known. */
int proc_loginuid_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u", UINT32_MAX);
	return 0;
}

/* The threads' children, as their numbers. */
int proc_children_show(const struct proc_subject *who, struct text *to)
{
	struct process *p = who->process, *child;

	if (who->tid != pid_nr(p->pid, who->ns))
		return 0;	/* all are listed at the first thread */
	spin_lock(&proc_tree_lock);
	list_each(child, &p->children, sibling)
		text_add(to, "%d ", pid_nr(child->pid, who->ns));
	spin_unlock(&proc_tree_lock);
	return 0;
}
