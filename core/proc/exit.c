/* core/proc/exit.c -- how a thread ends, and with the last one its process.
 *
 *	leave      no signal reaches it any more; shared ones go to others
 *	let go     robust list, clear_tid, vfork parent; space, files, directory
 *	others     the first process of a namespace ends the others there
 *	finish     out of the lists; the last thread makes the process a zombie, gives its
 *	           children to a reaper and tells the parent
 */
#include "core/proc/exit.h"

#include <linux/futex.h>

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/proc/core.h"
#include "core/proc/futex.h"
#include "core/proc/futex_pi.h"
#include "core/proc/internal.h"
#include "core/proc/oom.h"
#include "core/proc/pid_ns.h"
#include "core/proc/pidfd.h"
#include "core/proc/proc_event.h"
#include "core/proc/request.h"
#include "core/proc/session.h"
#include "core/proc/trace.h"
#include "coro/executor.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "sched/deadline.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"

u32 exit_listeners;
void (*exit_tell)(struct thread *t, int status, bool last);

/* --- leaving --- */

/* true: the last of its process. */
static bool exit_leave(struct thread *t, int status)
{
	struct process *p = t->process;
	struct thread *each;
	sigmask shared;
	bool last;

	spin_lock(&p->sig_lock);
	atomic_store(&t->leaving, true);
	last = atomic_sub(&p->live, 1u) == 1;
	if (last && !p->group_exiting)
		p->group_status = status;
	shared = p->pending.pending;
	if (shared) {
		list_each(each, &p->threads, in_process)
			if (each != t && !each->leaving && (shared & ~each->blocked))
				task_interrupt(&each->task, TASK_SIGNAL);
	}
	/* It need not stop any more for a group stop to be complete. */
	if (t->stop_counted) {
		t->stop_counted = false;
		p->stop_left--;
	}
	/* Nothing interrupts what is left to do. */
	atomic_store(&t->task.flags, 0u);
	spin_unlock(&p->sig_lock);
	return last;
}

/* --- letting go of user memory --- */

/* A mutex of a thread that died: mark it, wake one waiter. Shared and private waiters both:
 * the list does not say which they are. */
struct exit_robust_word {
	struct co_frame co;
	uptr word;
	u32 tid;
	bool pending;		/* the operation under way, not yet or no longer listed */
	struct page *page;
	long err;
};
static co_t exit_robust_word(struct co *co, struct exit_robust_word *f)
{
	u32 *word, old;
	bool wake = false;

	CO_BEGIN;
	if (f->word.raw & 3)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, space_pin, .space = co_task(co)->space, .addr = f->word,
		 .access = HAL_READ | HAL_WRITE, .page = &f->page);
	if (f->err)
		CO_RETURN(f->err);
	word = (u32 *)((char *)phys_page_data(f->page) + (f->word.raw & ~PAGE_MASK));
	old = atomic_load(word);
	if ((old & FUTEX_TID_MASK) == f->tid) {
		while (!atomic_cas(word, &old, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			if ((old & FUTEX_TID_MASK) != f->tid)
				break;
		wake = old & FUTEX_WAITERS;
	} else if (f->pending && !old) {
		wake = true;
	}
	phys_page_put(f->page);
	if (wake) {
		CO_AWAIT(f->err, futex_wake, .addr = f->word, .count = 1,
			 .bitset = FUTEX_BITSET_MATCH_ANY, .shared = true);
	}
	CO_RETURN(0);
	CO_END;
}

#define EXIT_ROBUST_MAX 2048	/* ROBUST_LIST_LIMIT of the ABI */

struct exit_robust {
	struct co_frame co;
	uptr list;
	struct robust_list_head head;
	u64 entry, next;
	unsigned left;
	long err;
};
static co_t exit_robust(struct co *co, struct exit_robust *f)
{
	struct thread *t = thread_of_co(co);
	u64 pending;

	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->head, f->list, sizeof(f->head));
	if (f->err)
		CO_RETURN(0);
	f->left = EXIT_ROBUST_MAX;
	f->entry = (u64)f->head.list.next;
	while (f->entry && f->entry != f->list.raw && f->left--) {
		CO_COPY_FROM_USER(f->err, &f->next, uptr_of(f->entry & ~1ul), sizeof(f->next));
		if (f->err)
			f->next = 0;
		pending = (u64)f->head.list_op_pending & ~1ul;
		if ((f->entry & ~1ul) != pending) {
			CO_AWAIT(f->err, exit_robust_word, .tid = t->tid->own,
				 .word = uptr_of((f->entry & ~1ul) + (u64)f->head.futex_offset));
			if (f->err)
				CO_RETURN(0);
		}
		f->entry = f->next;
		CO_BREATHE;
	}
	pending = (u64)f->head.list_op_pending & ~1ul;
	if (pending) {
		CO_AWAIT(f->err, exit_robust_word, .tid = t->tid->own, .pending = true,
			 .word = uptr_of(pending + (u64)f->head.futex_offset));
	}
	CO_RETURN(0);
	CO_END;
}

void exit_tell_vfork_parent(struct thread *t)
{
	struct process *p = t->process;

	if (!t->vforked)
		return;
	t->vforked = false;
	atomic_store(&p->vfork_done, 1u);
	waitq_wake(&p->vfork_wait);
}

co_t exit_release_user(struct co *co, struct exit_release_user *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	if (t->robust_list.raw) {
		CO_AWAIT(f->err, exit_robust, .list = t->robust_list);
		t->robust_list = uptr_of(0);
	}
	futex_pi_exit(t);
	if (t->clear_tid.raw && atomic_load(&co_task(co)->space->users.n) > 1) {
		f->zero = 0;
		CO_COPY_TO_USER(f->err, t->clear_tid, &f->zero, sizeof(f->zero));
		if (!f->err) {
			CO_AWAIT(f->err, futex_wake, .addr = t->clear_tid, .count = 1,
				 .bitset = FUTEX_BITSET_MATCH_ANY, .shared = true);
		}
	}
	t->clear_tid = uptr_of(0);
	t->rseq = uptr_of(0);
	CO_RETURN(0);
	CO_END;
}

/* Take the thread's slots, so that nobody finds them half gone. */
static struct fd_table *exit_take_fds(struct thread *t)
{
	struct process *p = t->process;
	struct fd_table *fds;

	spin_lock(&p->sig_lock);
	fds = t->task.fds;
	t->task.fds = NULL;
	spin_unlock(&p->sig_lock);
	return fds;
}

static struct space *exit_take_space(struct thread *t)
{
	struct process *p = t->process;
	struct space *s = t->task.space;

	spin_lock(&p->sig_lock);
	t->task.space = NULL;
	spin_unlock(&p->sig_lock);
	executor_use_space(&t->task);
	return s;
}

static void exit_drop_fs(struct thread *t)
{
	struct process *p = t->process;
	struct fs_context *fs;

	spin_lock(&p->sig_lock);
	fs = t->task.fs;
	t->task.fs = NULL;
	spin_unlock(&p->sig_lock);
	fs_context_leave(fs);
}

/* --- the end of the process --- */

static bool exit_parent_ignores(struct process *parent)
{
	struct sigact act;

	spin_lock(&parent->sig_lock);
	act = signal_action_of(parent, SIGCHLD);
	spin_unlock(&parent->sig_lock);
	return act.handler == (u64)SIG_IGN || (act.flags & SA_NOCLDWAIT);
}

static bool exit_is_end(int code)
{
	return code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED;
}

/* As the process that hears of it sees it. */
static u32 exit_uid_for(const struct process *to, u32 uid) REQUIRES(to->sig_lock)
{
	const struct thread *t;

	if (list_empty(&to->threads))
		return uid;
	t = list_first(&to->threads, struct thread, in_process);
	return user_ns_shown(t->task.cred->ns, USER_UIDS, uid);
}

/* Send what is filled in but for usage; and whoever waits is to look. */
static void exit_send(struct process *to, int sig, struct signal_info *info,
		      const struct process_usage *usage)
{
	struct sigact act;

	info->si_utime = (long)(usage->user_ns / 10000000);
	info->si_stime = (long)(usage->system_ns / 10000000);
	spin_lock(&to->sig_lock);
	act = signal_action_of(to, SIGCHLD);
	info->si_uid = exit_uid_for(to, info->si_uid);
	spin_unlock(&to->sig_lock);
	/* clone(2) takes any byte for it; one that is no signal is none. */
	if (sig > 0 && sig <= 64 &&
	    (exit_is_end(info->si_code) ||
	     (act.handler != (u64)SIG_IGN && !(act.flags & SA_NOCLDSTOP))))
		signal_process(to, sig, info);
	waitq_wake(&to->child_wait);
}

void exit_notify(struct process *to, int sig, struct thread *t, int code, int status)
{
	struct signal_info info = {.si_code = code};
	struct process_usage usage;

	thread_usage(t, &usage);
	info.si_pid = pid_nr(t->tid, to->pid->ns);
	info.si_uid = t->task.cred->uid;
	info.si_status = status;
	exit_send(to, sig, &info, &usage);
}

/* The same for p as a whole. */
static void exit_notify_of(struct process *to, int sig, struct process *p, int code, int status)
	REQUIRES(proc_tree_lock)
{
	struct signal_info info = {.si_code = code};

	info.si_pid = pid_nr(p->pid, to->pid->ns);
	info.si_uid = p->last_uid;
	info.si_status = status;
	exit_send(to, sig, &info, &p->dead_usage);
}

void exit_notify_parent(struct process *p, int code, int status)
{
	if (p->parent)
		exit_notify_of(p->parent, exit_is_end(code) ? p->exit_signal : SIGCHLD, p, code,
			       status);
}

int exit_code(int status)
{
	return !(status & 0x7f) ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
}

void exit_announce(struct process *p)
{
	int status = p->exit_status;
	int sig = status & 0x7f;
	int code = exit_code(status);
	struct process *parent = p->parent;
	struct trace *tr = trace_of_leader(p);

	status = sig ? sig : (status >> 8) & 0xff;
	/* Zombie threads come before the process. */
	if (p->trace_zombies)
		return;
	if (tr) {
		exit_notify_of(tr->tracer->process,
			       trace_is_foreign(tr) ? SIGCHLD : p->exit_signal, p, code, status);
		return;
	}
	exit_notify_parent(p, code, status);
	if (!parent || (p->exit_signal == SIGCHLD && exit_parent_ignores(parent)))
		process_unlink(p);
}

void exit_pass_on(struct process *p, bool foreign)
{
	if (foreign)
		exit_announce(p);
	else if (p->parent && exit_parent_ignores(p->parent))
		process_unlink(p);
}

static u32 exit_reapers GUARDED_BY(&proc_tree_lock);	/* processes that asked */

void exit_set_reaper(struct process *p, bool on)
{
	spin_lock(&proc_tree_lock);
	if (p->subreaper != on)
		exit_reapers += on ? 1u : -1u;
	p->subreaper = on;
	spin_unlock(&proc_tree_lock);
}

/* Who gets p's children: the nearest ancestor in its namespace that asked, else the first there. */
static struct process *exit_reaper(struct process *p) REQUIRES(proc_tree_lock)
{
	/* A chain of children may be long. */
	for (struct process *a = p->parent; a && a->pid->ns == p->pid->ns && exit_reapers;
	     a = a->parent)
		if (a->subreaper && a->state == PROCESS_ALIVE && !list_empty(&a->threads))
			return a;
	return p->pid->ns->first;
}

static void exit_give_away_children(struct process *p) REQUIRES(proc_tree_lock)
{
	struct process *reaper = exit_reaper(p), *child, *next;
	int sig;

	list_each_safe(child, next, &p->children, sibling) {
		list_remove(&child->sibling);
		process_set_parent(child, reaper);
		child->parent_tid = reaper->pid->nr;
		list_add_back(&reaper->children, &child->sibling);
		child->exit_signal = SIGCHLD;
		if (child->state == PROCESS_ZOMBIE) {
			/* Who traces it has heard of that already. */
			if (!trace_of_leader(child))
				exit_announce(child);
			continue;
		}
		sig = atomic_load(&child->pdeath_signal);
		if (sig)
			signal_process(child, sig, NULL);
		group_check_orphaned(child, p);
	}
}

static void exit_process(struct process *p) REQUIRES(proc_tree_lock)
{
	struct space *s;
	struct file *exe;

	if (p == process_first) {
		log_set_sink(NULL);
		log_err("init ended with status %#x: nothing is left to run",
			(unsigned)p->exit_status);
		hal_power_off();
	}
	exit_give_away_children(p);
	exit_reapers -= p->subreaper;
	p->subreaper = false;
	group_check_orphaned(p, p->parent);
	spin_lock(&p->sig_lock);
	s = p->space;
	p->space = NULL;
	exe = p->exe;
	p->exe = NULL;
	signal_queue_flush(&p->pending, ~0ul);
	spin_unlock(&p->sig_lock);
	file_put(exe);
	oom_process_gone(p);
	if (s)
		space_put(s);
	p->state = PROCESS_ZOMBIE;
	pidfd_changed(p->pid);
	exit_announce(p);
}

static void exit_finish(struct thread *t, int status)
{
	struct process *p = t->process;
	struct process_usage usage;
	struct proc_event event = {0};
	bool last, zombie;

	spin_lock(&proc_tree_lock);
	if (proc_event_wanted())
		proc_event_exit(&event, t, status);
	spin_lock(&p->sig_lock);
	thread_usage(t, &usage);
	process_add_usage(&p->dead_usage, &usage);
	if (p->space)
		p->dead_usage.max_rss =
			max(p->dead_usage.max_rss, atomic_load_relaxed(&p->space->rss_peak));
	list_remove(&t->in_process);
	p->thread_count--;
	atomic_sub(&p->user->processes, 1u);
	last = list_empty(&p->threads);
	if (last) {
		string_copy(p->last_name, t->task.name, sizeof(p->last_name));
		p->last_uid = t->task.cred->uid;
		p->exit_status = p->group_status;
	}
	spin_unlock(&p->sig_lock);
	zombie = trace_exit(t, status);
	if (t->tid->thread == t && !zombie)
		t->tid->thread = NULL;
	pidfd_changed(t->tid);
	pid_unname(t->tid);
	waitq_wake(&p->threads_wait);
	process_get(p);
	if (last)
		exit_process(p);
	spin_unlock(&proc_tree_lock);
	if (event.what)
		proc_event_send(&event);
	process_put(p);
}

co_t thread_exit(struct co *co, struct thread_exit *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	core_pass(t);
	if (trace_wants(t, PTRACE_EVENT_EXIT)) {
		/* Only another death ends this stop. */
		task_clear_flags(&t->task, TASK_KILLED | TASK_SIGNAL);
		TRACE_EVENT(f->ignored, PTRACE_EVENT_EXIT, f->status);
	}
	f->last = exit_leave(t, f->status);
	if (atomic_load_relaxed(&exit_listeners))
		exit_tell(t, f->status, f->last);
	if (f->last)
		posix_timer_release_all(t->process, false);
	co_task(co)->exiting = true;	/* with frames yet: no fault of its waits for a program */
	if (f->last && t->process->requests)
		CO_AWAIT(f->ignored, request_end_all);
	CO_AWAIT(f->ignored, exit_release_user);
	f->space = exit_take_space(t);
	exit_tell_vfork_parent(t);
	if (f->space)
		CO_AWAIT(f->ignored, space_leave, .space = f->space);
	if (t->own_undos || (f->last && t->process->undos))
		CO_AWAIT_OP(f->ignored, thread_undo->leave, .thread = t, .process = f->last);
	f->fds = exit_take_fds(t);
	if (atomic_load(&f->fds->refs.n) == 1)
		CO_AWAIT(f->ignored, fd_close_range, .table = f->fds, .last = UINT32_MAX);
	fd_table_put(f->fds);
	exit_drop_fs(t);
	if (f->last)
		session_leader_exits(t->process);
	exit_stop_is_complete(t);
	while (trace_release_one(t))
		CO_BREATHE;
	if (f->last && process_is_first(t->process) && t->process != process_first)
		CO_AWAIT(f->ignored, pid_ns_end);
	deadline_discharge(&t->task);
	exit_finish(t, f->status);
	/* Not straight back to user mode from exit(2). */
	atomic_or(&t->task.flags, (u32)TASK_WORK);
	CO_RETURN(0);
	CO_END;
}
