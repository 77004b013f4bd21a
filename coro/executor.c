/* coro/executor.c -- the loop at the bottom of every CPU.
 *
 * An entry by the current task ends in executor_return. Three things can be true then:
 * the task waits (park it), its frame stack is empty (ask its owner whether that was all,
 * then user mode or the end), or another task should run (put it back). When no task is
 * current the executor picks one, takes interrupts, or sleeps. The C stack is the CPU's
 * and is abandoned whenever user mode is entered.
 *
 * Idle: the CPU announces itself in `idle_cpus`, looks at its queue once more, tries to
 * steal, and sleeps; an interrupt that arrived in between makes hal_cpu_idle return at
 * once. Whoever queues a task on a busy CPU kicks one idle CPU, which steals it.
 */
#include "coro/executor.h"

#include "core/base/log.h"
#include "hal/clock.h"
#include "hal/memory.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"

static struct executor executors[HAL_MAX_CPUS];
static const struct runq_ops *policy;	/* [I] after CPU 0's executor_init */
static u64 ready_cpus;			/* [a] bit per CPU: its executor is set up */
static u64 idle_cpus;			/* [a] bit per CPU */

/* executor.resched: why current should not go straight back to user mode. */
enum {
	RESCHED_NOW = 1u,	/* another task should run */
	RESCHED_ARM = 2u,	/* it is no longer alone: its slice must be timed */
};

void executor_init(const struct runq_ops *ops)
{
	struct hal_cpu *cpu = hal_cpu_self();
	struct executor *ex = &executors[cpu->id];

	if (!cpu->id)
		policy = ops;
	*ex = (struct executor){
		.id = cpu->id,
		.timer_set_ns = CO_FOREVER,
		.slice_end_ns = CO_FOREVER,
	};
	spin_init(&ex->timer_lock, RANK_TIMER);
	ex->runq = ops->create(cpu->id);
	cpu->upper = ex;
	atomic_or(&ready_cpus, 1ul << cpu->id);
}

struct executor *executor_nth(unsigned cpu)
{
	return &executors[cpu];
}

/* --- queueing --- */

/* Where a woken task should queue: where it ran last, if it still may run there. */
static struct executor *executor_choose(struct task *t)
{
	struct executor *home = atomic_load(&t->home);
	u64 ready = atomic_load(&ready_cpus), allowed = atomic_load(&t->affinity) & ready;

	if (allowed & (1ul << home->id))
		return home;
	return &executors[__builtin_ctzll(allowed ? allowed : 1)];
}

/* Once it is queued the task may run, and end, on another CPU: it is not looked at again. */
void executor_enqueue(struct task *t, bool woken)
{
	struct executor *me = executor_this();
	struct executor *ex = executor_choose(t);
	u64 affinity = atomic_load(&t->affinity), idle;
	bool sleeping;
	u32 why = 0;

	if (woken)
		me->stats.wakes++;
	atomic_store(&t->home, ex);
	if (policy->enqueue(ex->runq, t, woken))
		why = RESCHED_NOW;
	idle = atomic_load(&idle_cpus);
	sleeping = idle & (1ul << ex->id);
	if (!why && atomic_load(&ex->slice_end_ns) == CO_FOREVER)
		why = RESCHED_ARM;
	if (why)
		atomic_or(&ex->resched, why);
	if (ex != me && (sleeping || why))
		hal_cpu_kick(ex->id);
	if (!sleeping && idle & affinity)
		hal_cpu_kick((unsigned)__builtin_ctzll(idle & affinity));
}

/* A space is only ever loaded where a task that owns it is current, so when its last owner
 * lets go no CPU can walk its tables. */
static void executor_load_space(struct executor *ex, const struct hal_space *space)
{
	if (space == ex->space_live)
		return;
	ex->space_live = space;
	if (space)
		hal_space_load(space->root, space->asid);
	else
		hal_space_load(hal_space_empty(), 0);
}

/* The lent page goes home. */
static void executor_take_back(struct executor *ex, struct co *co)
{
	if (!ex->spare)
		ex->spare = co->chunk;
	else
		phys_page_put(phys_page_of(co->chunk));
	co->chunk = NULL;
}

/* The current task stops being current. */
static void executor_put(struct executor *ex, struct task *t, bool again)
{
	u64 ran;

	ex->switch_ns = hal_clock_ns();
	ran = ex->switch_ns - t->sched.picked_ns;
	if (t->user && ex->user_live == t->user) {
		hal_user_save(t->user);
		ex->user_live = NULL;
	}
	t->sched.ran_ns += ran;
	ex->current = NULL;
	/* From here on another CPU may run it, to its end: its tables must not be walked. */
	if (hal_cpu_count() > 1)
		executor_load_space(ex, NULL);
	atomic_store(&ex->slice_end_ns, CO_FOREVER);
	policy->put(ex->runq, t, ran, again);
}

static void executor_requeue(struct executor *ex, struct task *t)
{
	bool elsewhere = !(atomic_load(&t->affinity) & (1ul << ex->id));

	t->sched.switches_involuntary++;
	atomic_store(&t->state, (u8)TASK_QUEUED);
	executor_put(ex, t, !elsewhere);
	if (elsewhere)
		executor_enqueue(t, false);
}

/* The current task's poll ended with a wait. */
static void executor_park(struct executor *ex, struct task *t)
{
	u8 state = TASK_RUNNING;

	ranks_none_held();
	/* Off this CPU before anybody can see it idle: another may run it the moment it is. */
	if (atomic_load(&t->state) == TASK_RUNNING_WOKEN) {
		executor_requeue(ex, t);
		return;
	}
	/* A page it needed on the way here but not to wait. */
	if (t->co.chunk && !co_in_chunk(&t->co))
		executor_take_back(ex, &t->co);
	t->sched.switches_voluntary++;
	executor_put(ex, t, false);
	if (!atomic_cas(&t->state, &state, (u8)TASK_IDLE)) {
		/* Woken since: it is runnable after all. */
		atomic_store(&t->state, (u8)TASK_QUEUED);
		executor_enqueue(t, true);
	}
}

static void executor_make_current(struct executor *ex, struct task *t)
{
	ex->current = t;
	atomic_store_relaxed(&t->sched.picked_ns, ex->switch_ns);
	atomic_store(&t->home, ex);
	atomic_store(&t->state, (u8)TASK_RUNNING);
	ex->stats.switches++;
}

static struct task *executor_steal(struct executor *ex)
{
	u64 ready = atomic_load(&ready_cpus);
	unsigned cpus = hal_cpu_count();

	for (unsigned i = 1; i < cpus; i++) {
		unsigned id = (ex->id + i) % cpus;
		struct executor *victim = &executors[id];
		struct task *t;

		if (!(ready & 1ul << id) || !policy->length(victim->runq))
			continue;
		t = policy->steal(victim->runq, ex->id);
		if (t) {
			ex->stats.steals++;
			atomic_store(&t->home, ex);
			policy->enqueue(ex->runq, t, false);
			return policy->pick(ex->runq);
		}
	}
	return NULL;
}

/* --- polls --- */

/* Frame stacks spill into a page the CPU lends: have one before any task is stepped. */
static bool executor_stock(struct executor *ex)
{
	struct page *p;

	if (ex->spare)
		return true;
	p = buddy_alloc(0, BUDDY_RESERVE);
	if (p)
		ex->spare = phys_page_data(p);
	return p;
}

void executor_unspill(struct executor *ex, struct co *co)
{
	if (!co->chunk)
		return;
	executor_take_back(ex, co);
	co->top = co_task(co)->frames;
	co->end = co->top + CO_INLINE_SIZE;
}

static void executor_note_poll(struct executor *ex, const struct task *t, u64 ns)
{
	unsigned bucket = ns < 128 ? 0 : bits_log2(ns) - 6;

	ex->stats.polls++;
	ex->stats.histogram[min(bucket, (unsigned)EXECUTOR_BUCKETS - 1)]++;
	if (ns > ex->stats.longest_ns) {
		ex->stats.longest_ns = ns;
		ex->stats.longest_at = t->co.leaf ? t->co.leaf->at : NULL;
	}
}

static co_t executor_step(struct executor *ex, struct task *t)
{
	co_t status = CO_DONE;
	u64 start = 0;

	executor_load_space(ex, t->hal_space);
	if (t->co.leaf) {
		start = hal_clock_ns();
		atomic_store(&ex->poll_start_ns, start);
		status = co_resume(&t->co);
	}
	if (status == CO_DONE && !t->co.leaf) {
		executor_unspill(ex, &t->co);
		if (!executor_stock(ex)) {
			co_requeue(&t->co);
			return CO_PENDING;
		}
		status = t->ops->returned(t);
	}
	if (start) {
		atomic_store(&ex->poll_start_ns, 0ul);
		executor_note_poll(ex, t, hal_clock_ns() - start);
	}
	return status;
}

static void executor_finish(struct executor *ex, struct task *t)
{
	lock_rank_none_held(t);
	executor_unspill(ex, &t->co);
	executor_put(ex, t, false);
	atomic_store(&t->state, (u8)TASK_DEAD);
	if (t->ops->ended)
		t->ops->ended(t);
	task_put(t);
}

/* Nothing to run: announce it, look again, steal, sleep. A task, or NULL after a sleep. */
static struct task *executor_idle(struct executor *ex)
{
	struct task *t;
	u64 slept;

	executor_load_space(ex, NULL);
	atomic_or(&idle_cpus, 1ul << ex->id);
	t = executor_stock(ex) ? policy->pick(ex->runq) : NULL;
	if (!t && ex->spare)
		t = executor_steal(ex);
	if (!t) {
		slept = hal_clock_ns();
		atomic_store_relaxed(&ex->idle_since_ns, slept);
		hal_cpu_idle();
		atomic_store_relaxed(&ex->idle_since_ns, 0ul);
		ex->switch_ns = hal_clock_ns();
		ex->stats.idle_ns += ex->switch_ns - slept;
	}
	atomic_and(&idle_cpus, ~(1ul << ex->id));
	return t;
}

/* --- the loop --- */

/* Pick the next task and make it current; sleeps while there is none. */
static void executor_next(struct executor *ex)
{
	for (;;) {
		struct task *t;

		atomic_store(&ex->resched, 0u);
		if (hal_irq_pending()) {
			hal_irq_window();
			ex->switch_ns = hal_clock_ns();
		}
		t = executor_stock(ex) ? policy->pick(ex->runq) : NULL;
		if (!t)
			t = executor_idle(ex);
		if (t) {
			executor_make_current(ex, t);
			return;
		}
	}
}

/* Current is ready for user mode: arm its slice, load its registers. */
static struct hal_user *executor_enter_user(struct executor *ex, struct task *t)
{
	u64 left, end;

	lock_rank_none_held(t);
	/* A RESCHED_NOW that comes in now was followed by a kick: user mode is left at once. */
	atomic_and(&ex->resched, ~(u32)RESCHED_ARM);
	left = policy->slice_left(ex->runq, t);
	end = left == CO_FOREVER ? CO_FOREVER : t->sched.picked_ns + left;
	if (end < ex->slice_end_ns) {
		atomic_store(&ex->slice_end_ns, end);
		if (end < ex->timer_set_ns)
			timer_run_due(ex);
	}
	executor_load_space(ex, t->hal_space);
	if (ex->user_live != t->user) {
		hal_user_load(t->user);
		ex->user_live = t->user;
	}
	return t->user;
}

struct hal_user *executor_return(co_t status)
{
	struct executor *ex = executor_this();
	struct task *t = ex->current;

	/* If it makes way now its owner is asked when it is picked again. */
	if (t && status == CO_DONE && !(atomic_load(&ex->resched) & RESCHED_NOW))
		status = executor_step(ex, t);
	for (;;) {
		if (t && status == CO_PENDING)
			executor_park(ex, t);
		else if (t && t->exiting)
			executor_finish(ex, t);
		else if (t && (atomic_load(&ex->resched) & RESCHED_NOW))
			executor_requeue(ex, t);
		else if (t)
			return executor_enter_user(ex, t);
		executor_next(ex);
		t = ex->current;
		status = executor_step(ex, t);
	}
}

struct hal_user *executor_run(void)
{
	return executor_return(CO_PENDING);
}

void executor_yield(struct task *t)
{
	t->sched.yielded = true;
	atomic_or(&executor_this()->resched, (u32)RESCHED_NOW);
}

/* --- from interrupts --- */

void executor_timer(void)
{
	struct executor *ex = executor_this();
	struct task *t = ex->current;
	u64 now = hal_clock_ns();

	ex->timer_set_ns = CO_FOREVER;
	if (t && now >= ex->slice_end_ns) {
		u64 ran = now - t->sched.picked_ns;

		atomic_store_relaxed(&t->sched.picked_ns, now);
		t->sched.ran_ns += ran;
		atomic_store(&ex->slice_end_ns, CO_FOREVER);
		atomic_or(&ex->resched,
			  policy->charge(ex->runq, t, ran) ? RESCHED_NOW : RESCHED_ARM);
	}
	timer_run_due(ex);
}

void executor_kicked(void)
{
	/* Who kicked left a flag or a queued task; the way out of the interrupt looks. */
}

void executor_user_sync(struct task *t)
{
	struct executor *ex = executor_this();

	if (ex->user_live != t->user)
		return;
	hal_user_save(t->user);
	ex->user_live = NULL;
	/* Not straight back to user mode: they have to be loaded again. */
	atomic_or(&ex->resched, RESCHED_ARM);
}

void executor_use_space(struct task *t, const struct hal_space *space)
{
	t->hal_space = space;
	executor_load_space(executor_this(), space);
}

void executor_move(struct task *t)
{
	struct executor *ex = atomic_load(&t->home);

	if (atomic_load(&t->affinity) & (1ul << ex->id))
		return;
	atomic_or(&ex->resched, RESCHED_NOW);
	if (ex != executor_this())
		hal_cpu_kick(ex->id);
}
