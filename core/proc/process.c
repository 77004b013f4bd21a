/* core/proc/process.c -- process records, their place in the tree, and what others may see. */
#include "core/proc/process.h"

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/proc/clock.h"
#include "core/proc/futex.h"
#include "core/proc/internal.h"
#include "core/proc/oom.h"
#include "core/proc/pid_ns.h"
#include "core/proc/pidfd.h"
#include "core/proc/posix_timer.h"
#include "core/proc/request.h"
#include "core/proc/seccomp.h"
#include "core/proc/session.h"
#include "core/proc/trace.h"
#include "core/proc/uts.h"
#include "coro/executor.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "vfs/epoll.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"

struct process *process_first;
static struct slab_cache *processes;
static u64 forks;		/* [a] */
static u32 threads_total;	/* [a] */

void process_init(void)
{
	processes = slab_cache_new("process", sizeof(struct process), 0);
	user_counts_init();
	signal_init();
	thread_init();
	futex_init();
	clock_init();
	vdso_init();
	oom_init();
}

struct process *process_current(void)
{
	return thread_current()->process;
}

struct process *process_of(struct co *co)
{
	return thread_of_co(co)->process;
}

struct process *process_new(struct pid *pid)
{
	struct process *p = slab_zalloc(processes);

	if (!p)
		return NULL;
	ref_init(&p->refs);
	p->pid = pid;
	pid_get(pid);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->threads);
	list_init(&p->tracees);
	list_init(&p->in_group);
	list_init(&p->timers);
	spin_init(&p->sig_lock, RANK_PROC_SIGHAND);
	signal_queue_init(&p->pending);
	waitq_init(&p->child_wait);
	waitq_init(&p->threads_wait);
	waitq_init(&p->stop_wait);
	waitq_init(&p->signal_wait);
	waitq_init(&p->vfork_wait);
	p->start_ns = hal_clock_ns();
	return p;
}

void process_get(struct process *p)
{
	ref_get(&p->refs);
}

void process_put(struct process *p)
{
	if (!p || !ref_put(&p->refs))
		return;
	epoll_queue_gone(&p->signal_wait);
	signal_queue_flush(&p->pending, ~0ul);
	sighand_put(p->sighand);
	user_counts_put(p->user);
	file_put(p->exe);
	uts_put(p->uts);
	pid_ns_put(p->child_ns);
	request_set_free(p->requests);
	session_put(p->session);
	pid_put(p->tracer_allowed);
	pid_put(p->group);
	pid_put(p->pid);
	slab_free(processes, p);
}

/* --- the tree --- */

void process_set_parent(struct process *p, struct process *parent)
{
	p->parent = parent;
	atomic_store_relaxed(&p->parent_nr, parent ? pid_nr(parent->pid, p->pid->ns) : 0);
}

void process_link(struct process *p, struct process *parent)
{
	process_get(p);
	process_set_parent(p, parent);
	if (parent)
		list_add_back(&parent->children, &p->sibling);
	p->pid->process = p;
	if (process_is_first(p))
		p->pid->ns->first = p;
	pid_ns_count(p, 1);
	session_join(p, parent);
}

/* p was waited for: it names nothing any more. */
void process_unlink(struct process *p)
{
	list_remove(&p->sibling);
	process_set_parent(p, NULL);
	p->state = PROCESS_DEAD;
	session_leave(p);
	pid_ns_count(p, -1);
	if (process_is_first(p))
		p->pid->ns->first = NULL;
	p->pid->process = NULL;
	pidfd_changed(p->pid);
	pid_unname(p->pid);
	process_put(p);
}

struct process *process_find_in(const struct pid_ns *ns, int nr)
{
	struct process *p = NULL;
	struct pid *pid;

	spin_lock(&proc_tree_lock);
	pid = pid_lookup_in(ns, nr);
	if (pid && pid->process) {
		p = pid->process;
		process_get(p);
	}
	spin_unlock(&proc_tree_lock);
	return p;
}

struct process *process_find(int nr)
{
	return process_find_in(pid_ns_here(), nr);
}

struct process *process_next(const struct pid_ns *ns, int nr)
{
	struct process *p = NULL;
	struct pid *pid;

	spin_lock(&proc_tree_lock);
	pid = pid_next_process(ns, nr);
	if (pid) {
		p = pid->process;
		process_get(p);
	}
	spin_unlock(&proc_tree_lock);
	return p;
}

int process_nth_tid(struct process *p, const struct pid_ns *ns, unsigned n)
{
	struct thread *t;
	int tid = 0;

	spin_lock(&proc_tree_lock);
	list_each(t, &p->threads, in_process) {
		if (n-- == 0) {
			tid = pid_nr(t->tid, ns);
			break;
		}
	}
	spin_unlock(&proc_tree_lock);
	return tid;
}

/* --- snapshots --- */

void process_add_thread(struct process_usage *u, const struct thread *t)
{
	u64 ran = task_ran_ns(&t->task), system = sample_system_ns(&t->task, ran);

	u->user_ns += ran - system;
	u->system_ns += system;
	u->minor_faults += atomic_load_relaxed(&t->minor_faults);
	u->major_faults += atomic_load_relaxed(&t->major_faults);
	u->voluntary += atomic_load_relaxed(&t->task.sched.switches_voluntary);
	u->involuntary += atomic_load_relaxed(&t->task.sched.switches_involuntary);
}

void process_add_usage(struct process_usage *to, const struct process_usage *u)
{
	to->user_ns += u->user_ns;
	to->system_ns += u->system_ns;
	to->minor_faults += u->minor_faults;
	to->major_faults += u->major_faults;
	to->voluntary += u->voluntary;
	to->involuntary += u->involuntary;
	to->max_rss = max(to->max_rss, u->max_rss);
}

void thread_usage(struct thread *t, struct process_usage *to)
{
	*to = (struct process_usage){0};
	process_add_thread(to, t);
}

/* What the process's threads and its dead ones used; either lock. */
void process_usage_locked(struct process *p, struct process_usage *to)
{
	struct thread *t;
	struct process_usage one;

	*to = p->dead_usage;
	list_each(t, &p->threads, in_process) {
		thread_usage(t, &one);
		process_add_usage(to, &one);
	}
	if (p->space)
		to->max_rss = max(to->max_rss, atomic_load_relaxed(&p->space->rss_peak));
}

void process_cpu_time(struct process *p, struct process_usage *to)
{
	spin_lock(&p->sig_lock);
	process_usage_locked(p, to);
	spin_unlock(&p->sig_lock);
}

static char process_task_state(struct process *p, struct thread *t) REQUIRES(p->sig_lock)
{
	struct trace *tr = trace_of(t);

	if (tr && tr->stopped)
		return 't';
	if (p->stopped && !tr)
		return 'T';
	switch (atomic_load(&t->task.state)) {
	case TASK_IDLE:
		return t->task.co.leaf && t->task.co.wait_kind != CO_INTERRUPTIBLE ? 'D' : 'S';
	case TASK_DEAD:
		return 'Z';
	default:
		return 'R';
	}
}

static void process_fill_signals(struct process *p, struct process_info *to)
	REQUIRES(p->sig_lock)
{
	to->pending_shared = p->pending.pending;
	to->queued_signals = p->user ? atomic_load_relaxed(&p->user->signals) : 0;
	for (int sig = 1; sig <= 64; sig++) {
		struct sigact act = signal_action_of(p, sig);

		if (act.handler == (u64)SIG_IGN)
			to->ignored |= SIG_BIT(sig);
		else if (act.handler != (u64)SIG_DFL)
			to->caught |= SIG_BIT(sig);
	}
}

static void process_fill_thread(struct process *p, const struct pid_ns *ns, struct thread *t,
				struct process_info *to) REQUIRES(proc_tree_lock, p->sig_lock)
{
	struct trace *tr = trace_of(t);

	to->tracer = tr ? pid_nr(tr->tracer->tid, ns) : 0;
	to->state = process_task_state(p, t);
	to->nice = t->task.sched.nice;
	to->level = sched_task_level(&t->task.sched);
	to->policy = t->task.sched.policy;
	to->rt_priority = t->task.sched.priority;
	to->pending_thread = t->pending.pending;
	to->blocked = t->blocked;
	to->cpu = t->task.home->id;
	to->no_new_privs = seccomp_no_new_privs(t);
	to->filter_mode = (u32)seccomp_mode(t);
	to->filters = seccomp_filters(t);
	string_copy(to->name, t->task.name, sizeof(to->name));
}

/* Everything that is the process's and not a thread's. */
static void process_fill(struct process *p, const struct pid_ns *ns, struct process_info *to)
	REQUIRES(proc_tree_lock, p->sig_lock)
{
	*to = (struct process_info){
		.pid = pid_nr(p->pid, ns),
		.ppid = p->parent ? pid_nr(p->parent->pid, ns) : 0,
		.pgrp = p->group ? pid_nr(p->group, ns) : 0,
		.session = p->session ? pid_nr(p->session->pid, ns) : 0,
		.tty = p->session ? p->session->tty : NULL,
		.state = 'Z',
		.threads = p->thread_count,
		.children = p->children_usage,
		.start_ns = p->start_ns,
		.exit_signal = p->exit_signal,
		.exit_status = p->exit_status,
		.oom_score_adj = p->oom_score_adj,
	};
	process_usage_locked(p, &to->own);
	process_fill_signals(p, to);
	string_copy(to->name, p->last_name, sizeof(to->name));
}

void process_info(struct process *p, const struct pid_ns *ns, struct process_info *to)
{
	spin_lock(&proc_tree_lock);
	spin_lock(&p->sig_lock);
	process_fill(p, ns, to);
	if (!list_empty(&p->threads))
		process_fill_thread(p, ns, list_first(&p->threads, struct thread, in_process), to);
	spin_unlock(&p->sig_lock);
	spin_unlock(&proc_tree_lock);
}

bool process_thread_info(struct process *p, const struct pid_ns *ns, int tid,
			 struct process_info *to)
{
	struct thread *t;
	bool found = false;

	spin_lock(&proc_tree_lock);
	spin_lock(&p->sig_lock);
	list_each(t, &p->threads, in_process) {
		if (pid_nr(t->tid, ns) != tid)
			continue;
		found = true;
		process_fill(p, ns, to);
		process_fill_thread(p, ns, t, to);
		to->start_ns = t->start_ns;
		thread_usage(t, &to->own);
		break;
	}
	spin_unlock(&p->sig_lock);
	spin_unlock(&proc_tree_lock);
	return found;
}

/* --- references to what it works with --- */

struct space *process_space(struct process *p)
{
	struct space *s;

	spin_lock(&p->sig_lock);
	s = p->space;
	if (s)
		space_get(s);
	spin_unlock(&p->sig_lock);
	return s;
}

struct file *process_exe(struct process *p)
{
	struct file *exe;

	spin_lock(&p->sig_lock);
	exe = p->exe;
	if (exe)
		file_get(exe);
	spin_unlock(&p->sig_lock);
	return exe;
}

struct cred *process_cred(struct process *p)
{
	struct cred *cred = NULL;

	spin_lock(&p->sig_lock);
	if (!list_empty(&p->threads)) {
		cred = list_first(&p->threads, struct thread, in_process)->task.cred;
		cred_get(cred);
	}
	spin_unlock(&p->sig_lock);
	return cred;
}

struct fd_table *process_fds(struct process *p)
{
	struct fd_table *fds = NULL;
	struct thread *t;

	spin_lock(&p->sig_lock);
	list_each(t, &p->threads, in_process) {
		fds = t->task.fds;
		if (fds) {
			fd_table_get(fds);
			break;
		}
	}
	spin_unlock(&p->sig_lock);
	return fds;
}

struct uts *process_uts(struct process *p)
{
	struct uts *uts;

	spin_lock(&p->sig_lock);
	uts = p->uts;
	uts_get(uts);
	spin_unlock(&p->sig_lock);
	return uts;
}

struct fs_context *process_fs(struct process *p)
{
	struct fs_context *fs = NULL;
	struct thread *t;

	spin_lock(&p->sig_lock);
	list_each(t, &p->threads, in_process) {
		fs = t->task.fs;
		if (fs) {
			fs_context_get(fs);
			break;
		}
	}
	spin_unlock(&p->sig_lock);
	return fs;
}

struct task *process_task(struct process *p, const struct pid_ns *ns, int tid)
{
	struct task *task = NULL;
	struct thread *t;

	spin_lock(&proc_tree_lock);
	list_each(t, &p->threads, in_process) {
		if (pid_nr(t->tid, ns) == tid) {
			task = &t->task;
			task_get(task);
			break;
		}
	}
	spin_unlock(&proc_tree_lock);
	return task;
}

/* --- counts --- */

void process_count_fork(void)
{
	atomic_add_relaxed(&forks, 1ul);
}

u64 process_forks(void)
{
	return atomic_load_relaxed(&forks);
}

void process_count_thread(int by)
{
	atomic_add_relaxed(&threads_total, (u32)by);
}

u32 process_thread_total(void)
{
	return atomic_load_relaxed(&threads_total);
}

/* --- made of nothing --- */

/* What a process has without a parent to take it from. */
static bool process_fill_new(struct process *p, const struct cred *cred)
{
	rlimit_defaults(&p->limits);
	p->sighand = sighand_new();
	p->user = user_counts_find(cred->uid);
	p->uts = uts_first();
	uts_get(p->uts);
	return p->sighand && p->user;
}

struct thread *process_new_parentless(const char *name, struct cred *cred, struct fs_context *fs,
				      struct fd_table *fds)
{
	struct thread *t = NULL;
	struct process *p;
	struct pid *pid;

	if (pid_new(&pid_ns_first, NULL, 0, &pid))
		return NULL;
	p = process_new(pid);
	if (p && process_fill_new(p, cred))
		t = thread_new(p, pid, name);
	spin_lock(&proc_tree_lock);
	if (t) {
		t->task.cred = cred;
		t->task.fs = fs;
		t->task.fds = fds;
		process_link(p, NULL);
		thread_add(t);
	} else {
		pid_unname(pid);
	}
	spin_unlock(&proc_tree_lock);
	process_put(p);
	pid_put(pid);
	return t;
}

struct thread *process_new_init(struct cred *cred, struct fs_context *fs, struct fd_table *fds)
{
	struct thread *t = process_new_parentless("init", cred, fs, fds);

	if (!t)
		panic("no memory for the first process");
	process_first = t->process;
	posix_timer_start_worker();
	return t;
}
