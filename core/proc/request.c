/* core/proc/request.c */
#include "core/proc/request.h"

#include "core/cred/cred.h"
#include "core/proc/extra.h"
#include "core/proc/internal.h"
#include "coro/executor.h"
#include "hal/clock.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"

#define REQUEST_CANCEL_BATCH 64u

/* --- how many there may be --- */

#define REQUEST_MEMORY_SHARE 8u	/* of all memory, for records */

static u64 request_records;	/* [a] */

/* A record is the kernel's memory, which no process is charged for: so there is an end to them. */
static bool request_charge(void)
{
	const u64 most = (buddy_total_pages() << PAGE_SHIFT) / REQUEST_MEMORY_SHARE /
			 sizeof(struct request);

	if (atomic_add(&request_records, 1ul) < most)
		return true;
	atomic_sub(&request_records, 1ul);
	return false;
}

/* --- a process's --- */

/* The process's set, made if there is none; NULL without memory. */
static struct request_set *request_set_need(struct process *p)
{
	struct request_set *set = atomic_load(&p->requests), *made;

	if (set)
		return set;
	made = kzalloc(sizeof(*made));
	if (!made)
		return NULL;
	spin_init(&made->lock, RANK_REQUEST);
	list_init(&made->parked);
	waitq_init(&made->empty);
	if (atomic_cas(&p->requests, &set, made))
		return made;
	kfree(made);
	return set;
}

void request_set_free(struct request_set *set)
{
	kfree(set);
}

static struct request_set *request_set_of(struct request *r)
{
	return atomic_load(&r->thread.process->requests);
}

/* It may be stepped by others from now on. */
static bool request_enter(struct request *r)
{
	struct request_set *set = request_set_of(r);
	bool ending;

	spin_lock(&set->lock);
	list_add_back(&set->parked, &r->in_process);
	atomic_store_relaxed(&set->members, set->members + 1);
	ending = set->ending;
	spin_unlock(&set->lock);
	r->parked = true;
	return !ending;
}

static void request_leave(struct request *r)
{
	struct request_set *set = request_set_of(r);

	spin_lock(&set->lock);
	list_remove(&r->in_process);
	list_init(&r->in_process);
	atomic_store(&set->members, set->members - 1);
	if (!set->members)
		waitq_wake(&set->empty);
	spin_unlock(&set->lock);
}

/* --- files by their own numbers --- */

struct file *request_ring(u32 index)
{
	struct request_set *set = atomic_load(&thread_current()->process->requests);
	struct file *file;

	if (!set || index >= REQUEST_RINGS)
		return NULL;
	spin_lock(&set->lock);
	file = set->rings[index];
	if (file)
		file_get(file);
	spin_unlock(&set->lock);
	return file;
}

long request_set_ring(u32 index, struct file *file)
{
	struct request_set *set = request_set_need(thread_current()->process);
	struct file *old = NULL;
	u32 at = index;

	if (!set)
		return -ENOMEM;
	if (index != UINT32_MAX && index >= REQUEST_RINGS)
		return -EINVAL;
	spin_lock(&set->lock);
	for (at = index == UINT32_MAX ? 0 : index; file && at < REQUEST_RINGS; at++)
		if (!set->rings[at] || index != UINT32_MAX)
			break;
	if (at == REQUEST_RINGS || (file && set->rings[at])) {
		spin_unlock(&set->lock);
		return -EBUSY;
	}
	old = set->rings[at];
	set->rings[at] = file;
	spin_unlock(&set->lock);
	file_put(old);
	return file ? at : 0;
}

static void request_drop_rings(struct request_set *set)
{
	for (u32 i = 0; i < REQUEST_RINGS; i++)
		if (set->rings[i])
			request_set_ring(i, NULL);
}

/* --- one --- */

void request_drop(struct request *r)
{
	struct task *t = &r->thread.task;

	fd_table_put(t->fds);
	fs_context_put(t->fs);
	cred_put(t->cred);
	t->fds = NULL;
	t->fs = NULL;
	t->cred = NULL;
}

/* What a result means for who cancelled it, or for a call that nobody restarts. */
static long request_result(const struct request *r, long result)
{
	if (!thread_wants_restart(result) && result != -EINTR)
		return result;
	return request_is_cancelled(r) ? -ECANCELED : -EINTR;
}

static void request_over(struct request *r)
{
	r->ops->done(r, request_result(r, r->thread.task.co.result));
	request_drop(r);
}

/* Its frame stack is empty: it has yet to begin, or it is over. */
static co_t request_returned(struct task *t)
{
	struct request *r = request_of(t);

	if (!r->begun) {
		r->begun = true;
		if (r->ops->begin(&t->co, r) == CO_PENDING)
			return CO_PENDING;
	}
	request_over(r);
	t->exiting = true;
	return CO_DONE;
}

static void request_reset(struct request *r)
{
	struct task *t = &r->thread.task;

	r->begun = r->parked = r->cancelled = false;
	t->exiting = false;
	t->flags = TASK_RETURN;
	atomic_store(&t->state, (u8)TASK_IDLE);
}

static void request_account(struct request *r)
{
	struct process *p = r->thread.process;

	spin_lock(&p->sig_lock);
	process_add_thread(&p->dead_usage, &r->thread);
	spin_unlock(&p->sig_lock);
	r->thread.task.sched.ran_ns = 0;
	r->thread.task.sched.split = 0;
	r->thread.task.sched.switches_voluntary = r->thread.task.sched.switches_involuntary = 0;
	r->thread.major_faults = 0;
	r->thread.minor_faults = 0;
}

static void request_ended(struct task *t)
{
	struct request *r = request_of(t);
	const struct request_ops *ops = r->ops;

	request_account(r);
	request_leave(r);
	request_reset(r);
	ops->ended(r);
}

static void request_release(struct task *t)
{
	struct request *r = request_of(t);

	extra_free(&r->thread);
	signal_queue_flush(&r->thread.pending, ~0ul);
	pid_put(r->thread.tid);
	process_put(r->thread.process);
	atomic_sub(&request_records, 1ul);
	r->ops->release(r);
}

static const struct task_ops request_task_ops = {
	.returned = request_returned,
	.ended = request_ended,
	.release = request_release,
};

int request_init(struct request *r, const char *name, const struct request_ops *ops)
{
	struct thread *me = thread_current(), *t = &r->thread;

	if (!request_set_need(me->process) || !request_charge())
		return -ENOMEM;
	task_init(&t->task, name, &t->user, &request_task_ops);
	t->process = me->process;
	process_get(t->process);
	t->tid = me->tid;
	pid_get(t->tid);
	t->of_request = true;
	/* It has no user half to go to, but its owner to ask. */
	t->task.flags = TASK_RETURN;
	list_init(&t->in_process);
	signal_queue_init(&t->pending);
	t->syscall = -1;
	t->blocked = ~0ul;
	t->alt_flags = SS_DISABLE;
	t->start_ns = hal_clock_ns();
	list_init(&r->in_process);
	r->ops = ops;
	return 0;
}

void request_put(struct request *r)
{
	task_put(&r->thread.task);
}

void request_take(struct request *r, const struct cred *cred)
{
	struct task *me = task_current(), *t = &r->thread.task;

	if (r->thread.tid != thread_of(me)->tid) {
		pid_put(r->thread.tid);
		r->thread.tid = thread_of(me)->tid;
		pid_get(r->thread.tid);
	}
	t->space = me->space;
	t->cred = (struct cred *)(cred ? cred : me->cred);
	cred_get(t->cred);
	t->fs = me->fs;
	fs_context_get(t->fs);
	t->fds = me->fds;
	fd_table_get(t->fds);
	t->affinity = me->affinity;
	t->sched.nice = me->sched.nice;
	t->sched.policy = me->sched.policy == SCHED_TASK_DEADLINE ? SCHED_TASK_NORMAL
								  : me->sched.policy;
	t->sched.priority = me->sched.priority;
	t->sched.slice_ns = me->sched.slice_ns;
	t->sched.level = sched_task_level(&t->sched);
	r->thread.ioprio = atomic_load_relaxed(&thread_of(me)->ioprio);
}

bool request_may_begin(void)
{
	return executor_may_nest();
}

/* Nobody else can step it, or find it, before this is over. */
static void request_parks(struct task *t)
{
	struct request *r = request_of(t);

	task_get(t);
	if (!request_enter(r))
		request_cancel(r, true);
	if (r->ops->waits)
		r->ops->waits(r);
}

bool request_begin(struct request *r)
{
	if (!executor_nest(&r->thread.task, request_parks))
		return false;
	request_reset(r);
	return true;
}

bool request_queue(struct request *r)
{
	struct task *t = &r->thread.task;

	/* Whoever cancels it now does not set it going: that is done below, once. */
	atomic_store(&t->state, (u8)TASK_RUNNING);
	if (!request_enter(r)) {
		request_leave(r);
		request_reset(r);
		return false;
	}
	task_get(t);
	if (r->ops->waits)
		r->ops->waits(r);
	atomic_store(&t->state, (u8)TASK_QUEUED);
	executor_enqueue(t, true);
	return true;
}

void request_cancel(struct request *r, bool fatal)
{
	atomic_store(&r->cancelled, true);
	task_interrupt(&r->thread.task, TASK_SIGNAL | (fatal ? (u32)TASK_KILLED : 0));
}

/* Those that are not yet; how many were found, at most a batch. */
static unsigned request_cancel_some(struct request_set *set)
{
	struct request *r;
	unsigned n = 0;

	spin_lock(&set->lock);
	set->ending = true;
	while (n < REQUEST_CANCEL_BATCH && !list_empty(&set->parked)) {
		r = list_first(&set->parked, struct request, in_process);
		if (atomic_load(&r->thread.task.flags) & TASK_KILLED)
			break;
		request_cancel(r, true);
		list_remove(&r->in_process);
		list_add_back(&set->parked, &r->in_process);
		n++;
	}
	spin_unlock(&set->lock);
	return n;
}

static void request_set_open(struct request_set *set)
{
	spin_lock(&set->lock);
	set->ending = false;
	spin_unlock(&set->lock);
}

co_t request_end_all(struct co *co, struct request_end_all *f)
{
	CO_BEGIN;
	f->of = atomic_load(&process_of(co)->requests);
	if (!f->of)
		CO_RETURN(0);
	do {
		f->more = request_cancel_some(f->of);
		CO_BREATHE;
	} while (f->more);
	CO_WAIT_IO(&f->of->empty, !atomic_load(&f->of->members));
	request_drop_rings(f->of);
	if (f->reopen)
		request_set_open(f->of);
	CO_RETURN(0);
	CO_END;
}
