/* core/proc/signal.c -- queues, masks and sending.
 *
 * Sending: is it ignored? queue a record, then choose a thread that does not block it and
 * interrupt that one. A signal that will certainly kill starts the group's exit at once, so
 * that no thread has to be scheduled to find out.
 */
#include "core/proc/signal.h"

#include <linux/poll.h>

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/proc/core.h"
#include "core/proc/internal.h"
#include "core/proc/trace.h"
#include "mem/phys/slab.h"

static struct slab_cache *records, *sighands;

void signal_init(void)
{
	records = slab_cache_new("signal_record", sizeof(struct signal_record), 0);
	sighands = slab_cache_new("sighand", sizeof(struct sighand), 0);
}

/* --- queues --- */

void signal_queue_init(struct signal_queue *q)
{
	q->pending = 0;
	list_init(&q->records);
}

static void signal_record_free(struct signal_record *r)
{
	if (!r->user) {
		r->queued = false;
		return;
	}
	atomic_sub(&r->user->signals, 1u);
	user_counts_put(r->user);
	slab_free(records, r);
}

void signal_queue_flush(struct signal_queue *q, sigmask which)
{
	struct signal_record *r, *next;

	if (!(q->pending & which))
		return;
	q->pending &= ~which;
	list_each_safe(r, next, &q->records, link) {
		if (SIG_BIT(r->info.si_signo) & which) {
			list_remove(&r->link);
			signal_record_free(r);
		}
	}
}

static bool signal_is_legacy(int sig)
{
	return sig < SIGRTMIN;
}

/* Queue a signal. -EAGAIN: a real-time one from sigqueue did not fit. */
static int signal_enqueue(struct process *p, struct signal_queue *q, int sig,
			  const struct signal_info *info) REQUIRES(p->sig_lock)
{
	struct signal_record *r = NULL;

	if (signal_is_legacy(sig) && (q->pending & SIG_BIT(sig)))
		return 0;
	if (atomic_add(&p->user->signals, 1u) < rlimit_get(p, RLIMIT_SIGPENDING) ||
	    (info && info->si_code == SI_KERNEL))
		r = slab_zalloc(records);
	if (!r) {
		atomic_sub(&p->user->signals, 1u);
		if (!signal_is_legacy(sig) && info && info->si_code < 0)
			return -EAGAIN;
		q->pending |= SIG_BIT(sig);
		return 0;
	}
	user_counts_get(p->user);
	r->user = p->user;
	r->info = info ? *info : (struct signal_info){.si_code = SI_KERNEL};
	r->info.si_signo = sig;
	list_add_back(&q->records, &r->link);
	q->pending |= SIG_BIT(sig);
	return 0;
}

/* Take the first record of sig out of q. */
static void signal_dequeue(struct signal_queue *q, int sig, struct signal_info *info)
{
	struct signal_record *r, *found = NULL;
	bool more = false;

	list_each(r, &q->records, link) {
		if (r->info.si_signo != sig)
			continue;
		more = found;
		if (found)
			break;
		found = r;
	}
	*info = (struct signal_info){.si_signo = sig, .si_code = SI_USER};
	if (!more)
		q->pending &= ~SIG_BIT(sig);
	if (!found)
		return;
	*info = found->info;
	list_remove(&found->link);
	if (!found->user) {
		found->overrun_last = found->info.si_overrun;
		found->info.si_overrun = 0;
	}
	signal_record_free(found);
}

static int signal_next(sigmask set)
{
	if (!set)
		return 0;
	if (set & SIG_SYNCHRONOUS)
		set &= SIG_SYNCHRONOUS;
	return __builtin_ctzll(set) + 1;
}

int signal_take(struct thread *t, sigmask set, struct signal_info *info)
{
	struct process *p = t->process;
	int sig;

	spin_lock(&p->sig_lock);
	sig = signal_next(t->pending.pending & set);
	if (sig) {
		signal_dequeue(&t->pending, sig, info);
	} else {
		sig = signal_next(p->pending.pending & set);
		if (sig)
			signal_dequeue(&p->pending, sig, info);
	}
	if (sig && (SIG_BIT(sig) & SIG_STOPS))
		p->stop_taken = true;
	signal_recalculate_locked(p, t);
	spin_unlock(&p->sig_lock);
	return sig;
}

/* --- handlers --- */

struct sighand *sighand_new(void)
{
	struct sighand *s = slab_zalloc(sighands);

	if (s) {
		ref_init(&s->refs);
		spin_init(&s->lock, RANK_PROC_OTHER);
	}
	return s;
}

struct sighand *sighand_copy(struct sighand *from)
{
	struct sighand *s = sighand_new();

	if (!s)
		return NULL;
	spin_lock(&from->lock);
	for (int i = 0; i < 64; i++)
		s->act[i] = from->act[i];
	spin_unlock(&from->lock);
	return s;
}

void sighand_get(struct sighand *s)
{
	ref_get(&s->refs);
}

void sighand_put(struct sighand *s)
{
	if (s && ref_put(&s->refs))
		slab_free(sighands, s);
}

struct sigact signal_action_of(struct process *p, int sig)
{
	struct sigact act;

	spin_lock(&p->sighand->lock);
	act = p->sighand->act[sig - 1];
	spin_unlock(&p->sighand->lock);
	return act;
}

static bool signal_acts_ignored(const struct sigact *act, int sig)
{
	return act->handler == (u64)SIG_IGN ||
	       (act->handler == (u64)SIG_DFL && (SIG_BIT(sig) & SIG_IGNORED_BY_DEFAULT));
}

int signal_action(struct thread *t, int sig, const struct sigact *act, struct sigact *old)
{
	struct process *p = t->process;
	struct thread *each;

	spin_lock(&p->sig_lock);
	spin_lock(&p->sighand->lock);
	if (old)
		*old = p->sighand->act[sig - 1];
	if (act) {
		p->sighand->act[sig - 1] = *act;
		p->sighand->act[sig - 1].mask &= ~SIG_UNBLOCKABLE;
	}
	spin_unlock(&p->sighand->lock);
	if (act && signal_acts_ignored(act, sig)) {
		signal_queue_flush(&p->pending, SIG_BIT(sig));
		/* TASK_SIGNAL stays set where it is: that thread may be on its way out of a
		 * wait with a restart code already, and must come by user_return. */
		list_each(each, &p->threads, in_process)
			signal_queue_flush(&each->pending, SIG_BIT(sig));
	}
	spin_unlock(&p->sig_lock);
	return 0;
}

int signal_exec(struct thread *t)
{
	struct process *p = t->process;
	struct sighand *fresh = NULL, *old = NULL;

	if (atomic_load(&p->sighand->refs.n) > 1) {
		fresh = sighand_copy(p->sighand);
		if (!fresh)
			return -ENOMEM;
	}
	spin_lock(&p->sig_lock);
	if (fresh) {
		old = p->sighand;
		p->sighand = fresh;
	}
	spin_lock(&p->sighand->lock);
	for (int i = 0; i < 64; i++) {
		struct sigact *act = &p->sighand->act[i];

		*act = (struct sigact){
			.handler = act->handler == (u64)SIG_IGN ? (u64)SIG_IGN : (u64)SIG_DFL};
	}
	spin_unlock(&p->sighand->lock);
	spin_unlock(&p->sig_lock);
	sighand_put(old);
	t->alt_sp = t->alt_size = 0;
	t->alt_flags = SS_DISABLE;
	return 0;
}

/* --- masks --- */

void signal_recalculate_locked(struct process *p, struct thread *t)
{
	sigmask wanted = (t->pending.pending | p->pending.pending) & ~t->blocked;

	if (p->group_exiting)
		return;
	if (wanted)
		atomic_or(&t->task.flags, (u32)TASK_SIGNAL);
	else
		task_clear_flags(&t->task, TASK_SIGNAL);
}

void signal_recalculate(struct thread *t)
{
	struct process *p = t->process;

	spin_lock(&p->sig_lock);
	signal_recalculate_locked(p, t);
	spin_unlock(&p->sig_lock);
}

void signal_set_mask(struct thread *t, sigmask blocked)
{
	struct process *p = t->process;
	sigmask orphaned;

	blocked &= ~SIG_UNBLOCKABLE;
	spin_lock(&p->sig_lock);
	orphaned = p->pending.pending & blocked & ~t->blocked;
	t->blocked = blocked;
	signal_recalculate_locked(p, t);
	/* What was meant for whoever takes it may now be somebody else's. */
	if (orphaned && !list_empty(&t->in_process)) {
		struct thread *each;

		list_each(each, &p->threads, in_process)
			if (each != t && !each->leaving && (orphaned & ~each->blocked))
				task_interrupt(&each->task, TASK_SIGNAL);
	}
	spin_unlock(&p->sig_lock);
}

void signal_set_temporary_mask(struct thread *t, sigmask blocked)
{
	t->saved_mask = t->blocked;
	t->mask_is_saved = true;
	signal_set_mask(t, blocked);
}

void signal_restore_mask(struct thread *t)
{
	if (!t->mask_is_saved)
		return;
	t->mask_is_saved = false;
	signal_set_mask(t, t->saved_mask);
}

bool signal_pending(struct thread *t)
{
	return atomic_load_relaxed(&t->task.flags) & (TASK_SIGNAL | TASK_KILLED);
}

sigmask signal_pending_set(struct thread *t)
{
	struct process *p = t->process;
	sigmask set;

	spin_lock(&p->sig_lock);
	set = t->pending.pending | p->pending.pending;
	spin_unlock(&p->sig_lock);
	return set;
}

bool signal_is_ignored(struct thread *t, int sig)
{
	struct process *p = t->process;
	struct sigact act;

	spin_lock(&p->sig_lock);
	act = signal_action_of(p, sig);
	spin_unlock(&p->sig_lock);
	return act.handler == (u64)SIG_IGN;
}

bool signal_is_blocked(struct thread *t, int sig)
{
	return t->blocked & SIG_BIT(sig);
}

/* --- sending --- */

void signal_group_exit_locked(struct process *p, int status)
{
	struct thread *t;

	if (p->group_exiting)
		return;
	p->group_exiting = true;
	p->group_status = status;
	atomic_store_relaxed(&p->stop_signal, 0);
	p->stopped = false;
	list_each(t, &p->threads, in_process)
		if (!t->leaving)
			task_interrupt(&t->task, TASK_KILLED | TASK_SIGNAL);
	waitq_wake(&p->stop_wait);
}

void signal_group_exit(struct process *p, int status)
{
	spin_lock(&p->sig_lock);
	if (status == SIGKILL)
		core_interrupt(p);
	signal_group_exit_locked(p, status);
	spin_unlock(&p->sig_lock);
}

static void signal_flush_all(struct process *p, sigmask which) REQUIRES(p->sig_lock)
{
	struct thread *t;

	signal_queue_flush(&p->pending, which);
	list_each(t, &p->threads, in_process)
		signal_queue_flush(&t->pending, which);
}

/* SIGCONT ends a stop the moment it is sent, even if it is blocked or ignored. */
static void signal_continue(struct process *p) REQUIRES(p->sig_lock)
{
	struct thread *t;

	signal_flush_all(p, SIG_STOPS);
	p->stop_taken = false;
	if (!p->stop_signal)
		return;
	atomic_store_relaxed(&p->stop_signal, 0);
	p->tell_continued = p->stopped;
	p->stopped = false;
	list_each(t, &p->threads, in_process) {
		t->stop_counted = false;
		if (p->tell_continued)
			task_interrupt(&t->task, TASK_WORK);
		trace_group_changed(p, t);
	}
	waitq_wake(&p->stop_wait);
}

/* Would it be thrown away? A blocked one is kept: the action may change before it is seen. */
static bool signal_is_dropped(struct process *p, struct thread *t, int sig, bool forced)
	REQUIRES(p->sig_lock)
{
	struct sigact act = signal_action_of(p, sig);

	/* A tracer wants to know even of one that is ignored. */
	if ((t->blocked & SIG_BIT(sig)) || (sig != SIGKILL && trace_of(t)))
		return false;
	/* The first of a namespace is ended and stopped from above only. */
	if (act.handler == (u64)SIG_DFL && process_is_first(p) &&
	    !(forced && p != process_first && (SIG_BIT(sig) & SIG_UNBLOCKABLE)))
		return true;
	return signal_acts_ignored(&act, sig);
}

/* Does the sender, whom info names, not exist where p is? */
static bool signal_is_from_above(const struct process *p, const struct signal_info *info)
{
	const struct task *sender = task_current();

	if (!p->pid->ns->level || !info || !signal_names_sender(info))
		return false;
	return !sender || !sender->user || !pid_nr(process_current()->pid, p->pid->ns);
}

static bool signal_is_fatal(struct process *p, struct thread *t, int sig) REQUIRES(p->sig_lock)
{
	struct sigact act;

	if (sig == SIGKILL)
		return true;
	/* What may leave a core file is seen to by the thread it comes to. */
	if (process_is_first(p) || trace_of(t) ||
	    SIG_BIT(sig) & (SIG_STOPS | SIG_IGNORED_BY_DEFAULT | SIG_DUMPS))
		return false;
	act = signal_action_of(p, sig);
	return act.handler == (u64)SIG_DFL;
}

static bool signal_is_wanted(struct thread *t, int sig)
{
	struct trace *tr = trace_of(t);

	/* In a stop of its tracer it looks at nothing but its death. */
	if (tr && tr->stopped && sig != SIGKILL)
		return false;
	if (t->leaving)
		return false;
	return !(t->blocked & SIG_BIT(sig)) || (t->waits && (t->waits_for & SIG_BIT(sig)));
}

/* A signal was queued (for t, or NULL: for anybody): tell a thread. */
static void signal_tell(struct process *p, struct thread *t, int sig) REQUIRES(p->sig_lock)
{
	struct thread *each;

	waitq_wake_events(&p->signal_wait, POLLIN);
	if (!t) {
		list_each(each, &p->threads, in_process) {
			if (signal_is_wanted(each, sig)) {
				t = each;
				break;
			}
		}
	}
	if (!t || !signal_is_wanted(t, sig))
		return;
	if (t->blocked & SIG_BIT(sig))
		task_wake(&t->task);
	else if (signal_is_fatal(p, t, sig))
		signal_group_exit_locked(p, sig);
	else
		task_interrupt(&t->task, TASK_SIGNAL);
}

int signal_send_locked(struct process *p, struct thread *t, int sig, const struct signal_info *info)
{
	bool forced = !info || info->si_code == SI_KERNEL;
	struct signal_info seen;
	struct thread *any;
	int err;

	if (p->group_exiting && sig == SIGKILL)
		core_interrupt(p);
	if (list_empty(&p->threads) || p->group_exiting)
		return 0;
	if (SIG_BIT(sig) & SIG_STOPS)
		signal_flush_all(p, SIG_BIT(SIGCONT));
	else if (sig == SIGCONT)
		signal_continue(p);
	any = t ? t : list_first(&p->threads, struct thread, in_process);
	if (info && signal_names_sender(info) &&
	    (any->task.cred->ns != &user_ns_first || info->si_uid == USER_NONE)) {
		seen = *info;
		seen.si_uid = user_ns_shown(any->task.cred->ns, USER_UIDS, info->si_uid);
		info = &seen;
	}
	if (signal_is_from_above(p, info)) {
		seen = *info;
		seen.si_pid = 0;
		info = &seen;
		forced = true;
	}
	if (signal_is_dropped(p, any, sig, forced))
		return 0;
	err = signal_enqueue(p, t ? &t->pending : &p->pending, sig, info);
	if (!err)
		signal_tell(p, t, sig);
	return err;
}

int signal_process(struct process *p, int sig, const struct signal_info *info)
{
	int err;

	spin_lock(&p->sig_lock);
	err = signal_send_locked(p, NULL, sig, info);
	spin_unlock(&p->sig_lock);
	return err;
}

int signal_thread(struct thread *t, int sig, const struct signal_info *info)
{
	struct process *p = t->process;
	int err = 0;

	spin_lock(&p->sig_lock);
	if (!t->leaving)
		err = signal_send_locked(p, t, sig, info);
	spin_unlock(&p->sig_lock);
	return err;
}

static void signal_add_overrun(struct signal_record *r, u64 n)
{
	r->info.si_overrun = (int)min((u64)r->info.si_overrun + n, (u64)INT32_MAX);
}

bool signal_timer(struct process *p, struct thread *t, struct signal_record *r, u64 extra)
{
	struct signal_queue *q = t ? &t->pending : &p->pending;
	int sig = r->info.si_signo;
	struct thread *any = t;

	spin_lock(&p->sig_lock);
	if (r->queued) {
		signal_add_overrun(r, extra + 1);
		goto out;
	}
	if (!any && !list_empty(&p->threads))
		any = list_first(&p->threads, struct thread, in_process);
	if (!any || any->leaving || p->group_exiting || signal_is_dropped(p, any, sig, false))
		goto out;
	r->queued = true;
	signal_add_overrun(r, extra);
	list_add_back(&q->records, &r->link);
	q->pending |= SIG_BIT(sig);
	signal_tell(p, t, sig);
out:
	spin_unlock(&p->sig_lock);
	return r->queued;
}

void signal_forget(struct process *p, struct signal_record *r)
{
	spin_lock(&p->sig_lock);
	if (r->queued) {
		/* The pending bit may stay without a record: taking it says SI_USER. */
		list_remove(&r->link);
		r->queued = false;
	}
	spin_unlock(&p->sig_lock);
}

void signal_force_info(struct thread *t, const struct signal_info *info)
{
	struct process *p = t->process;
	int sig = info->si_signo;
	struct sigact *act = &p->sighand->act[sig - 1];

	spin_lock(&p->sig_lock);
	spin_lock(&p->sighand->lock);
	if ((t->blocked & SIG_BIT(sig)) || act->handler == (u64)SIG_IGN)
		act->handler = (u64)SIG_DFL;
	spin_unlock(&p->sighand->lock);
	t->blocked &= ~SIG_BIT(sig);
	signal_enqueue(p, &t->pending, sig, info);
	atomic_or(&t->task.flags, (u32)TASK_SIGNAL);
	spin_unlock(&p->sig_lock);
}

void signal_force(struct thread *t, int sig, int code, u64 addr)
{
	struct signal_info info = {.si_signo = sig, .si_code = code};

	info.si_addr = (void *)addr;
	signal_force_info(t, &info);
}

void signal_info_user(struct signal_info *info, int sig, int code)
{
	struct thread *t = thread_current();

	*info = (struct signal_info){.si_signo = sig, .si_code = code};
	info->si_pid = t->process->pid->own;
	info->si_uid = user_ns_has(t->task.cred->ns, USER_UIDS, t->task.cred->uid)
			       ? t->task.cred->uid : USER_NONE;
}

void signal_self(int sig)
{
	struct thread *t = thread_current();
	struct signal_info info;

	if (!t || !t->task.user)
		return;
	signal_info_user(&info, sig, SI_USER);
	if (t->of_request)
		signal_process(t->process, sig, &info);
	else
		signal_thread(t, sig, &info);
}
