/* coro/task.c -- task records, their state, and waking. */
#include "coro/task.h"

#include "core/base/log.h"
#include "coro/executor.h"
#include "mem/phys/slab.h"

static struct list tasks = LIST_INIT(tasks); /* under tasks_lock */
static spinlock tasks_lock = SPINLOCK_INIT(RANK_TASKS);

void task_init(struct task *t, const char *name, struct hal_user *user,
	       const struct task_ops *ops)
{
	co_init(&t->co, t->frames);
	t->state = TASK_IDLE;
	t->flags = 0;
	ref_init(&t->refs);
	t->locks = 0;
	t->home = executor_this();
	t->affinity = TASK_ANYWHERE;
	t->sched = (struct sched_task){.slice_ns = SCHED_SLICE_NS};
	sample_task(t);
	t->user = user;
	t->ops = ops;
	t->space = NULL;
	t->exiting = false;
	string_copy(t->name, name, sizeof(t->name));
	spin_lock(&tasks_lock);
	list_add_back(&tasks, &t->all);
	spin_unlock(&tasks_lock);
}

void task_each(void (*fn)(struct task *t, void *arg), void *arg, bool locked) NO_LOCK_ANALYSIS
{
	struct task *t;

	if (locked)
		spin_lock(&tasks_lock);
	list_each(t, &tasks, all)
		fn(t, arg);
	if (locked)
		spin_unlock(&tasks_lock);
}

void task_start(struct task *t)
{
	task_get(t);
	task_wake(t);
}

void task_get(struct task *t)
{
	ref_get(&t->refs);
}

void task_put(struct task *t)
{
	if (!ref_put(&t->refs))
		return;
	spin_lock(&tasks_lock);
	list_remove(&t->all);
	spin_unlock(&tasks_lock);
	t->ops->release(t);
}

void task_wake(struct task *t)
{
	u8 state = atomic_load(&t->state);

	for (;;) {
		switch (state) {
		case TASK_IDLE:
			if (!atomic_cas(&t->state, &state, (u8)TASK_QUEUED))
				break;
			executor_enqueue(t, true);
			return;
		case TASK_RUNNING:
			if (atomic_cas(&t->state, &state, (u8)TASK_RUNNING_WOKEN))
				return;
			break;
		default:
			return;
		}
	}
}

void task_interrupt(struct task *t, u32 flags)
{
	struct executor *home;

	atomic_or(&t->flags, flags);
	task_wake(t);
	home = atomic_load(&t->home);
	if (home != executor_this() && atomic_load(&t->state) == TASK_RUNNING_WOKEN)
		hal_cpu_kick(home->id);
}

void task_clear_flags(struct task *t, u32 flags)
{
	atomic_and(&t->flags, ~flags);
}

u64 task_ran_ns(const struct task *t)
{
	u32 state = atomic_load(&t->state);
	u64 picked, ran, now;

	/* ran_ns is written before picked_ns. */
	do {
		ran = atomic_load(&t->sched.ran_ns);
		picked = atomic_load(&t->sched.picked_ns);
	} while (ran != atomic_load(&t->sched.ran_ns));
	now = hal_clock_ns();
	if ((state == TASK_RUNNING || state == TASK_RUNNING_WOKEN) && now > picked)
		ran += now - picked;
	return ran;
}

struct task *task_current(void)
{
	return executor_this()->current;
}

bool task_is_done(struct task *t)
{
	return atomic_load(&t->state) == TASK_DEAD;
}

/* --- workers --- */

static co_t worker_returned(struct task *t)
{
	task_worker_of(t)->exit_result = t->co.result;
	t->exiting = true;
	return CO_DONE;
}

static void worker_ended(struct task *t)
{
	waitq_wake(&task_worker_of(t)->done);
}

static void worker_release(struct task *t)
{
	kfree(task_worker_of(t));
}

static const struct task_ops worker_ops = {
	.returned = worker_returned,
	.ended = worker_ended,
	.release = worker_release,
};

struct task *task_worker_new(const char *name)
{
	struct task_worker *w = kzalloc(sizeof(*w));

	if (!w)
		return NULL;
	task_init(&w->task, name, NULL, &worker_ops);
	waitq_init(&w->done);
	return &w->task;
}
