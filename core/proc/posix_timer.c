/* core/proc/posix_timer.c */
#include "core/proc/posix_timer.h"

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/proc/clock.h"
#include "core/proc/internal.h"
#include "core/proc/wall_timer.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"

#define CPU_LOOK_NS 1000000ul	/* a CPU-time timer looks again after this at the earliest */

static struct posix_timer *expired_list;	/* [a] */
static struct task *worker;			/* [I] */

static bool posix_timer_is_cpu(const struct posix_timer *t)
{
	return t->clock == CLOCK_PROCESS_CPUTIME_ID || t->clock == CLOCK_THREAD_CPUTIME_ID;
}

void posix_timer_put(struct posix_timer *t)
{
	if (!ref_put(&t->refs))
		return;
	if (t->user) {
		atomic_sub(&t->user->signals, 1u);
		user_counts_put(t->user);
	}
	if (t->target)
		task_put(&t->target->task);
	process_put(t->process);
	if (t->release)
		t->release(t);
	else
		kfree(t);
}

/* --- firing --- */

static void posix_timer_push(struct posix_timer *t)
{
	struct posix_timer *head = atomic_load(&expired_list);

	if (atomic_swap(&t->queued, 1u))
		return;
	ref_get(&t->refs);
	do
		t->next = head;
	while (!atomic_cas(&expired_list, &head, t));
	task_wake(worker);
}

void posix_timer_missed(struct posix_timer *t, u64 times)
{
	atomic_add(&t->expired, times);
	posix_timer_push(t);
}

/* In an interrupt, under a timer lock. */
static u64 posix_timer_fire(struct timer *timer)
{
	struct posix_timer *t = container_of(timer, struct posix_timer, timer);
	u64 now = hal_clock_ns(), times = 1, next = CO_FOREVER;

	if (!posix_timer_is_cpu(t) && t->interval) {
		times = (now - timer->deadline_ns) / t->interval + 1;
		next = timer->deadline_ns + times * t->interval;
	}
	posix_timer_missed(t, times);
	return next;
}

u64 posix_timer_cpu_now(struct posix_timer *t)
{
	struct process_usage u;

	if (t->clock == CLOCK_THREAD_CPUTIME_ID && t->target)
		thread_usage(t->target, &u);
	else
		process_cpu_time(t->process, &u);
	return t->id == -1 - ITIMER_VIRTUAL ? u.user_ns : u.user_ns + u.system_ns;
}

/* When the CPU time may be used up at the earliest. */
static void posix_timer_arm_cpu(struct posix_timer *t, u64 now_cpu) REQUIRES(t->lock)
{
	u64 left = t->cpu_deadline > now_cpu ? t->cpu_deadline - now_cpu : 0;
	u64 threads = max(t->process->thread_count, 1u);

	timer_arm(&t->timer, hal_clock_ns() + max(left / threads, CPU_LOOK_NS));
}

/* How often a CPU-time timer has really fired; arms it again. */
static u64 posix_timer_check_cpu(struct posix_timer *t)
{
	u64 now = posix_timer_cpu_now(t), times = 0;

	spin_lock(&t->lock);
	if (now >= t->cpu_deadline) {
		times = 1;
		if (t->interval)
			times += (now - t->cpu_deadline) / t->interval;
		t->cpu_deadline += times * t->interval;
	}
	if (!t->dead && (!times || t->interval))
		posix_timer_arm_cpu(t, now);
	spin_unlock(&t->lock);
	return times;
}

static void posix_timer_deliver(struct posix_timer *t)
{
	static const int itimer_signal[3] = {SIGALRM, SIGVTALRM, SIGPROF};
	u64 times;

	atomic_store(&t->queued, 0u);
	times = atomic_swap(&t->expired, 0ul);
	if (atomic_load(&t->dead) || !times)
		return;
	if (posix_timer_is_cpu(t))
		times = posix_timer_check_cpu(t);
	if (!times || t->notify == SIGEV_NONE)
		return;
	if (t->notified)
		t->notified(t, times);
	else if (t->id < 0)
		signal_process(t->process, itimer_signal[-1 - t->id], NULL);
	else
		signal_timer(t->process, t->target, &t->record, times - 1);
}

static bool posix_timer_any(struct posix_timer **to)
{
	*to = atomic_swap(&expired_list, (struct posix_timer *)NULL);
	return *to;
}

struct posix_timer_worker {
	struct co_frame co;
	struct posix_timer *list, *next;
};
static co_t posix_timer_worker(struct co *co, struct posix_timer_worker *f)
{
	CO_BEGIN;
	for (;;) {
		CO_WAIT_IO(NULL, posix_timer_any(&f->list));
		while (f->list) {
			f->next = f->list->next;
			posix_timer_deliver(f->list);
			posix_timer_put(f->list);
			f->list = f->next;
		}
		CO_BREATHE;
	}
	CO_END;
}

void posix_timer_start_worker(void)
{
	CO_SPAWN(worker, "timers", posix_timer_worker);
	if (!worker)
		panic("no memory for the timer worker");
}

/* --- making and finding --- */

static struct posix_timer *posix_timer_new(struct process *p, int clock, int notify)
{
	struct posix_timer *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	ref_init(&t->refs);
	list_init(&t->link);
	list_init(&t->wall);
	spin_init(&t->lock, RANK_POSIX_TIMER);
	process_get(p);
	t->process = p;
	t->clock = clock;
	t->notify = notify;
	timer_init(&t->timer, posix_timer_fire);
	return t;
}

void posix_timer_init(struct posix_timer *t, int clock,
		      void (*notified)(struct posix_timer *t, u64 times),
		      void (*release)(struct posix_timer *t))
{
	ref_init(&t->refs);
	list_init(&t->link);
	list_init(&t->wall);
	spin_init(&t->lock, RANK_POSIX_TIMER);
	t->clock = clock;
	t->notify = SIGEV_SIGNAL;
	t->notified = notified;
	t->release = release;
	timer_init(&t->timer, posix_timer_fire);
}

/* Its signal has a record of its own, which counts as a queued one from the first; unlike others,
 * it is refused to everybody. */
static bool posix_timer_charge(struct posix_timer *t, struct process *p) REQUIRES(p->sig_lock)
{
	struct user_counts *user = p->user;

	if (!user_counts_take(&user->signals, rlimit_get(p, RLIMIT_SIGPENDING)))
		return false;
	user_counts_get(user);
	t->user = user;
	return true;
}

static struct posix_timer *posix_timer_find_locked(struct process *p, int id)
	REQUIRES(p->sig_lock)
{
	struct posix_timer *t;

	list_each(t, &p->timers, link) {
		if (t->id == id) {
			ref_get(&t->refs);
			return t;
		}
	}
	return NULL;
}

/* A reference to the timer numbered id. */
static struct posix_timer *posix_timer_find(struct process *p, int id)
{
	struct posix_timer *t;

	spin_lock(&p->sig_lock);
	t = posix_timer_find_locked(p, id);
	spin_unlock(&p->sig_lock);
	return t;
}

bool posix_timer_below(struct process *p, const struct pid_ns *ns, int id,
		       struct posix_timer_made *to)
{
	const struct posix_timer *t, *found = NULL;

	spin_lock(&p->sig_lock);
	list_each(t, &p->timers, link)
		if (t->id >= 0 && t->id < id && (!found || t->id > found->id))
			found = t;
	if (found)
		*to = (struct posix_timer_made){
			.id = found->id, .clock = found->clock, .notify = found->notify,
			.signal = found->record.info.si_signo,
			.value = (u64)found->record.info.si_value.sival_ptr,
			.to = found->notify & SIGEV_THREAD_ID && found->target
				      ? pid_nr(found->target->tid, ns) : pid_nr(p->pid, ns),
		};
	spin_unlock(&p->sig_lock);
	return found;
}

static int posix_timer_check_event(const sigevent_t *e)
{
	int kind = e->sigev_notify & ~SIGEV_THREAD_ID;

	if (e->sigev_notify == SIGEV_NONE)
		return 0;
	if (kind != SIGEV_SIGNAL && kind != SIGEV_THREAD)
		return -EINVAL;
	return e->sigev_signo < 1 || e->sigev_signo > 64 ? -EINVAL : 0;
}

static int posix_timer_check_clock(int clock)
{
	int kind, tid;

	if (clock < 0)
		return clock_own_cpu(clock, &kind, &tid);
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		return cred_capable(task_current()->cred, CAP_WAKE_ALARM) ? 0 : -EPERM;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

int posix_timer_check(int clock, const sigevent_t *event)
{
	int err = posix_timer_check_clock(clock);

	return err ? err : posix_timer_check_event(event);
}

int posix_timer_create(struct process *p, int clock, const sigevent_t *event, int *id)
{
	struct posix_timer *t;
	int err = posix_timer_check(clock, event), tid = thread_id(thread_current());

	if (err)
		return err;
	/* A CPU-time clock by its owner's number. */
	if (clock < 0) {
		int of = 0;

		err = clock_own_cpu(clock, &clock, &of);
		tid = of ? of : tid;
	}
	if (err)
		return err;
	t = posix_timer_new(p, clock, event->sigev_notify);
	if (!t)
		return -EAGAIN;
	if ((t->notify != SIGEV_NONE && (t->notify & SIGEV_THREAD_ID)) ||
	    clock == CLOCK_THREAD_CPUTIME_ID) {
		t->target = thread_find(t->notify & SIGEV_THREAD_ID ? event->sigev_notify_thread_id
								    : tid);
		if (!t->target || t->target->process != p) {
			posix_timer_put(t);
			return -EINVAL;
		}
	}
	t->record.info.si_signo = event->sigev_signo;
	t->record.info.si_code = SI_TIMER;
	spin_lock(&p->sig_lock);
	if (!posix_timer_charge(t, p)) {
		spin_unlock(&p->sig_lock);
		posix_timer_put(t);
		return -EAGAIN;
	}
	t->id = (int)(p->timer_next++ & INT32_MAX);
	t->record.info.si_tid = t->id;
	t->record.info.si_value = event->sigev_value;
	if (*id == -1)
		t->record.info.si_value.sival_int = t->id;
	list_add_back(&p->timers, &t->link);
	spin_unlock(&p->sig_lock);
	*id = t->id;
	return 0;
}

/* --- setting --- */

/* `now` by its clock. */
static struct posix_timer_setting posix_timer_left(struct posix_timer *t, u64 now)
	REQUIRES(t->lock)
{
	struct posix_timer_setting left = {.interval = t->interval};
	u64 due;

	/* 0 says that it is not armed: so to who has its signal already, and to nobody before. */
	if (timer_is_armed(&t->timer, &due)) {
		due = posix_timer_is_cpu(t) ? t->cpu_deadline : due;
		left.value = due > now ? due - now : 1;
	}
	return left;
}

static u64 posix_timer_now(struct posix_timer *t)
{
	return posix_timer_is_cpu(t) ? posix_timer_cpu_now(t) : hal_clock_ns();
}

void posix_timer_read(struct posix_timer *t, struct posix_timer_setting *to)
{
	u64 now = posix_timer_now(t);

	spin_lock(&t->lock);
	*to = posix_timer_left(t, now);
	spin_unlock(&t->lock);
}

/* It is stopped, and set to what `new` says; deadline by hal_clock_ns, where it goes by that. */
static void posix_timer_rearm(struct posix_timer *t, bool absolute, u64 now, u64 deadline,
			      const struct posix_timer_setting *new) REQUIRES(t->lock)
{
	wall_timer_forget(t);
	timer_cancel(&t->timer);
	atomic_store(&t->expired, 0ul);
	t->interval = new->interval;
	if (!new->value)
		return;
	if (posix_timer_is_cpu(t)) {
		t->cpu_deadline = absolute ? new->value : now + new->value;
		posix_timer_arm_cpu(t, now);
	} else if (absolute && clock_is_wall(t->clock)) {
		wall_timer_arm(t, new->value);
	} else {
		timer_arm(&t->timer, deadline);
	}
}

int posix_timer_change(struct posix_timer *t, bool absolute,
		       const struct posix_timer_setting *new, struct posix_timer_setting *old)
{
	u64 deadline = 0, now = posix_timer_now(t);
	int err = 0;

	if (new->value && !posix_timer_is_cpu(t))
		err = clock_deadline(t->clock, new->value, absolute, &deadline);
	if (err)
		return err;
	/* Before it is set: what comes later is the new setting's. */
	if (t->process)
		signal_forget(t->process, &t->record);
	spin_lock(&t->lock);
	if (old)
		*old = posix_timer_left(t, now);
	if (t->dead)
		err = -EINVAL;
	else
		posix_timer_rearm(t, absolute, now, deadline, new);
	spin_unlock(&t->lock);
	return err;
}

int posix_timer_set(struct process *p, int id, bool absolute,
		    const struct posix_timer_setting *new, struct posix_timer_setting *old)
{
	struct posix_timer *t = id >= 0 ? posix_timer_find(p, id) : NULL;
	int err;

	if (!t)
		return -EINVAL;
	err = posix_timer_change(t, absolute, new, old);
	posix_timer_put(t);
	return err;
}

int posix_timer_get(struct process *p, int id, struct posix_timer_setting *to)
{
	struct posix_timer *t = id >= 0 ? posix_timer_find(p, id) : NULL;

	if (!t)
		return -EINVAL;
	posix_timer_read(t, to);
	posix_timer_put(t);
	return 0;
}

int posix_timer_overrun(struct process *p, int id)
{
	struct posix_timer *t = id >= 0 ? posix_timer_find(p, id) : NULL;
	int n;

	if (!t)
		return -EINVAL;
	n = t->record.overrun_last;
	posix_timer_put(t);
	return n;
}

/* Out of its process's list already. */
void posix_timer_kill(struct posix_timer *t)
{
	spin_lock(&t->lock);
	atomic_store(&t->dead, true);
	wall_timer_forget(t);
	timer_cancel(&t->timer);
	spin_unlock(&t->lock);
	if (t->process)
		signal_forget(t->process, &t->record);
	posix_timer_put(t);
}

static struct posix_timer *posix_timer_take(struct process *p, int from, int to)
{
	struct posix_timer *t, *found = NULL;

	spin_lock(&p->sig_lock);
	list_each(t, &p->timers, link) {
		if (t->id >= from && t->id <= to) {
			list_remove(&t->link);
			found = t;
			break;
		}
	}
	spin_unlock(&p->sig_lock);
	return found;
}

int posix_timer_delete(struct process *p, int id)
{
	struct posix_timer *t = id >= 0 ? posix_timer_take(p, id, id) : NULL;

	if (!t)
		return -EINVAL;
	posix_timer_kill(t);
	return 0;
}

void posix_timer_release_all(struct process *p, bool exec)
{
	struct posix_timer *t;

	/* setitimer's outlive an exec. */
	while ((t = posix_timer_take(p, exec ? 0 : INT32_MIN, INT32_MAX)))
		posix_timer_kill(t);
}

struct posix_timer *posix_timer_own(struct process *p, int id, int clock, bool make)
{
	struct posix_timer *t = posix_timer_find(p, id), *first;

	if (t || !make)
		return t;
	t = posix_timer_new(p, clock, SIGEV_SIGNAL);
	if (!t)
		return NULL;
	t->id = id;
	spin_lock(&p->sig_lock);
	first = posix_timer_find_locked(p, id);
	/* A dying process's timers are released, or will be: nobody would release this one. */
	if (!first && atomic_load(&p->live)) {
		ref_get(&t->refs);
		list_add_back(&p->timers, &t->link);
		first = t;
		t = NULL;
	}
	spin_unlock(&p->sig_lock);
	if (t)
		posix_timer_put(t);
	return first;
}
