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

/* In the path of a switch, and out of it. */
#define HOT  inline __attribute__((always_inline))
#define COLD __attribute__((noinline))

static struct executor executors[HAL_MAX_CPUS];
static u64 ready_cpus;			/* [a] bit per CPU: its executor is set up */
static u64 idle_cpus;			/* [a] bit per CPU */

void (*executor_parked)(struct task *t);

void executor_init(const struct runq_ops *ops)
{
	struct hal_cpu *cpu = hal_cpu_self();
	struct executor *ex = &executors[cpu->id];

	*ex = (struct executor){
		.id = cpu->id,
		.slept = true,
		.policy = ops,
		.timer_set_ns = CO_FOREVER,
		.slice_end_ns = CO_FOREVER,
		.has_peers = hal_cpu_count() > 1,
	};
	spin_init(&ex->timer_lock, RANK_TIMER);
	sample_init(ex);
	ex->runq = ops->create(cpu->id);
	cpu->upper = ex;
	atomic_or(&ready_cpus, 1ul << cpu->id);
}

struct executor *executor_nth(unsigned cpu)
{
	return &executors[cpu];
}

u64 executor_ready_mask(void)
{
	return atomic_load(&ready_cpus);
}

u64 executor_idle_mask(void)
{
	return atomic_load(&idle_cpus);
}

/* On another CPU than before its owner has something to tell the program (which CPU it is). */
static inline void executor_set_home(struct task *t, struct executor *ex)
{
	if (atomic_load_relaxed(&t->home) == ex)
		return;
	atomic_store(&t->home, ex);
	atomic_or(&t->flags, (u32)TASK_RETURN);
}

/* Where a woken task should queue that may not run where it ran last. */
static COLD struct executor *executor_choose(const struct task *t)
{
	u64 allowed = atomic_load(&t->affinity) & atomic_load(&ready_cpus);

	return &executors[__builtin_ctzll(allowed ? allowed : 1)];
}

/* Somebody was queued since current was picked: from when on is it another's turn? */
static COLD void executor_time_slice(struct executor *ex, struct task *t)
{
	u64 left = ex->policy->slice_left(ex->runq, t);

	if (left != CO_FOREVER)
		atomic_store_relaxed(&ex->slice_end_ns,
				     min(ex->slice_end_ns, t->sched.picked_ns + left));
}

/* Once it is queued the task may run, and end, on another CPU: it is not looked at again. */
void executor_enqueue(struct task *t, bool woken)
{
	struct executor *me = executor_this();
	struct executor *ex = atomic_load(&t->home);
	u64 affinity = atomic_load(&t->affinity), idle;
	bool sleeping;
	u32 why;

	if (__builtin_expect(!(affinity & (1ul << ex->id)), 0))
		ex = executor_choose(t);
	if (woken)
		me->stats.wakes++;
	executor_set_home(t, ex);
	why = me->policy->enqueue(ex->runq, t, woken);
	if (!why && atomic_load_relaxed(&ex->slice_end_ns) == CO_FOREVER)
		why = RESCHED_ARM;
	if (__builtin_expect(why & RESCHED_PUSH, 0))
		executor_push(ex, affinity);
	if (why == RESCHED_ARM && ex == me && me->current) {
		/* Here and now, unless the timer has to be armed: it is another's matter. */
		executor_time_slice(me, me->current);
		why = me->slice_end_ns < me->timer_set_ns ? RESCHED_ARM : 0;
	}
	idle = atomic_load(&idle_cpus);
	if (why)
		atomic_or(&ex->resched, why);
	sleeping = idle & (1ul << ex->id);
	if (ex != me && (sleeping || why))
		hal_cpu_kick(ex->id);
	if (!sleeping && idle & affinity)
		hal_cpu_kick((unsigned)__builtin_ctzll(idle & affinity));
}

/* A space is only ever loaded where a task that owns it is current, so when its last owner
 * lets go no CPU can walk its tables. */
static inline void executor_load_space(struct executor *ex, const struct hal_space *space)
{
	if (space == ex->space_live)
		return;
	ex->space_live = space;
	if (space)
		hal_space_load(space->token);
	else
		hal_space_load(hal_space_token(hal_space_empty(), 0));
}

/* The lent page goes home. */
void executor_take_back(struct executor *ex, struct co *co)
{
	if (!ex->spare)
		ex->spare = co->chunk;
	else
		phys_page_put(phys_page_of(co->chunk));
	co->chunk = NULL;
}

/* Frame stacks spill into a page the CPU lends: have one before any task is stepped. */
COLD bool executor_restock(struct executor *ex)
{
	struct page *p = buddy_alloc(0, BUDDY_RESERVE);

	if (p)
		ex->spare = phys_page_data(p);
	return p;
}

static inline bool executor_stock(struct executor *ex)
{
	return ex->spare || executor_restock(ex);
}

/* --- switching --- */

/* Take interrupts, if there are any. */
static inline bool executor_window(struct executor *ex)
{
	if (!hal_irq_pending())
		return false;
	ex->in_window = true;
	hal_irq_window();
	ex->in_window = false;
	return true;
}

/* A task from this CPU's own queue, whose home is here therefore. */
static inline struct task *
executor_make_current(struct executor *ex, struct runq_pick next, u64 now)
{
	struct task *t = next.task;

	ex->current = t;
	atomic_store_relaxed(&t->sched.picked_ns, now);
	if (next.slice_ns != CO_FOREVER)
		atomic_store_relaxed(&ex->slice_end_ns, now + next.slice_ns);
	atomic_store_relaxed(&t->state, (u8)TASK_RUNNING);
	/* Who sets one of its flags, or makes a condition true, and then still sees it queued
	 * leaves it at that: so it is seen running before it looks at either. */
	atomic_fence();
	ex->stats.switches++;
	executor_load_space(ex, t->hal_space);
	return t;
}

/* The current task stops being current, and the next one, if there is one, takes its place. The
 * clock is read once for both, unless it just was (`now`, else 0).
 * Until its state says so nobody else knows that t stopped, unless it went back into the queue:
 * from there another CPU may run it, to its end, so its tables must not be walked any more. */
static HOT struct task *executor_leave(struct executor *ex, struct task *t, bool again, u64 now)
{
	struct runq_pick next = {0};
	u64 ran;

	if (executor_window(ex))
		now = 0;
	/* Who queues a task from here on sees it picked, or asks again. */
	atomic_store_relaxed(&ex->resched, 0u);
	atomic_store_relaxed(&ex->slice_end_ns, CO_FOREVER);
	if (ex->user_live) {
		hal_user_save(ex->user_live);
		ex->user_live = NULL;
	}
	if (again && ex->has_peers)
		executor_load_space(ex, NULL);
	if (!now)
		now = hal_clock_ns();
	ran = now - t->sched.picked_ns;
	atomic_store_relaxed(&t->sched.ran_ns, t->sched.ran_ns + ran);
	atomic_store_relaxed(&t->sched.picked_ns, now);
	if (executor_stock(ex)) {
		next = ex->policy->swap(ex->runq, t, ran, again);
	} else {
		ex->policy->put(ex->runq, t, ran, again);
	}
	if (__builtin_expect(next.task != NULL, 1))
		return executor_make_current(ex, next, now);
	ex->current = NULL;
	executor_load_space(ex, NULL);
	return NULL;
}

/* It may not run here any more. */
static COLD struct task *executor_send_on(struct executor *ex, struct task *t)
{
	struct task *next = executor_leave(ex, t, false, 0);

	executor_enqueue(t, false);
	return next;
}

static HOT struct task *executor_requeue(struct executor *ex, struct task *t, u64 now)
{
	atomic_count(&t->sched.switches_involuntary);
	atomic_store_relaxed(&t->state, (u8)TASK_QUEUED);
	if (__builtin_expect(!(atomic_load_relaxed(&t->affinity) & (1ul << ex->id)), 0))
		return executor_send_on(ex, t);
	return executor_leave(ex, t, true, now);
}

static COLD struct task *executor_requeue_again(struct executor *ex, struct task *t, u64 now)
{
	struct task *next = executor_requeue(ex, t, now);

	if (HAL_SIMULATED && executor_parked)
		executor_parked(t);
	return next;
}

/* It was woken while it parked: it is runnable after all. */
static COLD void executor_woken_since(struct task *t)
{
	atomic_store(&t->state, (u8)TASK_QUEUED);
	executor_enqueue(t, true);
}

/* The current task's poll ended with a wait. */
static inline struct task *executor_park(struct executor *ex, struct task *t, u64 now)
{
	u8 state = TASK_RUNNING;
	struct task *next;

	if (t->co.chunk && !co_in_chunk(&t->co)) /* not needed to wait */
		executor_take_back(ex, &t->co);
	atomic_count(&t->sched.switches_voluntary);
	next = executor_leave(ex, t, false, now);
	if (!atomic_cas(&t->state, &state, (u8)TASK_IDLE))
		executor_woken_since(t);
	if (HAL_SIMULATED && executor_parked)
		executor_parked(t);
	return next;
}

static struct runq_pick executor_steal(struct executor *ex)
{
	u64 ready = atomic_load(&ready_cpus);
	unsigned cpus = hal_cpu_count();

	executor_pull(ex);
	if (ex->policy->length(ex->runq))
		return ex->policy->pick(ex->runq);
	for (unsigned i = 1; i < cpus; i++) {
		unsigned id = (ex->id + i) % cpus;
		struct executor *victim = &executors[id];
		struct task *t;

		if (!(ready & 1ul << id) || !ex->policy->length(victim->runq))
			continue;
		t = ex->policy->steal(victim->runq, ex->id);
		if (t) {
			ex->stats.steals++;
			executor_set_home(t, ex);
			ex->policy->enqueue(ex->runq, t, false);
			return ex->policy->pick(ex->runq);
		}
	}
	return (struct runq_pick){0};
}

/* --- polls --- */

void executor_unspill(struct executor *ex, struct co *co)
{
	if (!co->chunk)
		return;
	executor_take_back(ex, co);
	co->top = co_task(co)->frames;
	co->end = co->top + CO_INLINE_SIZE;
}

/* t's frame stack is empty: ask its owner whether that was all. */
static COLD co_t executor_complete(struct executor *ex, struct task *t)
{
	executor_unspill(ex, &t->co);
	if (!executor_stock(ex)) {
		co_requeue(&t->co);
		return CO_PENDING;
	}
	return t->ops->returned(t);
}

/* What a step came to, and the clock after it (0: it was not read). */
struct executor_stepped {
	co_t status;
	u64 now;
};

static COLD struct executor_stepped executor_poll(struct executor *ex, struct task *t)
{
	co_t status;

	ex->poll_start_ns = t->sched.picked_ns;
	status = co_resume(&t->co);
	if (status == CO_DONE)
		status = executor_complete(ex, t);
	return (struct executor_stepped){status, executor_poll_end(ex, t)};
}

static inline struct executor_stepped executor_step(struct executor *ex, struct task *t)
{
	co_t status;

	if (t->co.leaf)
		return executor_poll(ex, t);
	status = executor_complete(ex, t);
	return (struct executor_stepped){status, ex->poll_start_ns ? executor_poll_end(ex, t) : 0};
}

/* Its entry was complete before others went first, and nothing has happened to it since. */
static inline bool executor_is_ready(const struct task *t)
{
	return !t->co.leaf && !atomic_load_relaxed(&t->flags);
}

static COLD struct task *executor_finish(struct executor *ex, struct task *t)
{
	struct task *next;

	lock_rank_none_held(t);
	executor_unspill(ex, &t->co);
	next = executor_leave(ex, t, false, 0);
	atomic_store(&t->state, (u8)TASK_DEAD);
	if (t->ops->ended)
		t->ops->ended(t);
	task_put(t);
	return next;
}

/* Its queue may have a task then. */
static COLD void executor_look_again(struct executor *ex, u64 when)
{
	atomic_store_relaxed(&ex->slice_end_ns, when);
	if (when < ex->timer_set_ns)
		timer_run_due(ex);
}

/* Nothing to run: announce it, look again, steal, sleep. A task, or none after a sleep. */
static struct runq_pick executor_idle(struct executor *ex)
{
	struct runq_pick next = {0};
	u64 slept, again_in = 0;

	executor_load_space(ex, NULL);
	atomic_or(&idle_cpus, 1ul << ex->id);
	/* Who does not see that it is idle has queued his task before this look. */
	atomic_fence();
	if (executor_stock(ex))
		next = ex->policy->pick(ex->runq);
	if (!next.task && ex->spare) {
		again_in = next.slice_ns;
		next = executor_steal(ex);
	}
	if (!next.task) {
		slept = hal_clock_ns();
		atomic_store_relaxed(&ex->idle_since_ns, slept);
		if (again_in)
			executor_look_again(ex, slept + again_in);
		hal_cpu_idle();
		atomic_store_relaxed(&ex->slice_end_ns, CO_FOREVER);
		atomic_store_relaxed(&ex->idle_since_ns, 0ul);
		ex->stats.idle_ns += hal_clock_ns() - slept;
		ex->slept = true;
	}
	atomic_and(&idle_cpus, ~(1ul << ex->id));
	return next;
}

/* --- the loop --- */

/* Nobody is current. Pick the next task; sleeps while there is none. */
static COLD struct task *executor_next(struct executor *ex)
{
	struct runq_pick next = {0};

	while (!next.task) {
		atomic_store(&ex->resched, 0u);
		executor_window(ex);
		if (executor_stock(ex))
			next = ex->policy->pick(ex->runq);
		if (!next.task)
			next = executor_idle(ex);
	}
	if (ex->slept) {
		ex->slept = false;
		watchdog_awake(ex);
		sample_awake(ex);
	}
	return executor_make_current(ex, next, hal_clock_ns());
}

/* Current was just picked and goes to user mode: arm its slice, load its registers. */
static inline struct hal_user *executor_enter_picked(struct executor *ex, struct task *t)
{
	struct hal_user *u = t->user;

	/* A timer that is armed for earlier will do: when it comes it is armed again. */
	if (ex->slice_end_ns < ex->timer_set_ns)
		timer_run_due(ex);
	hal_user_load(u);
	ex->user_live = u;
	return u;
}

/* The same for any. */
static inline struct hal_user *executor_enter_user(struct executor *ex, struct task *t)
{
	lock_rank_none_held(t);
	/* A RESCHED_NOW that comes in now was followed by a kick: user mode is left at once. */
	if (atomic_load_relaxed(&ex->resched)) {
		atomic_and(&ex->resched, (u32)RESCHED_NOW);
		executor_time_slice(ex, t);
	}
	if (!ex->user_live)
		return executor_enter_picked(ex, t);
	if (ex->slice_end_ns < ex->timer_set_ns)
		timer_run_due(ex);
	return t->user;
}

static inline bool executor_makes_way(const struct executor *ex)
{
	return atomic_load_relaxed(&ex->resched) & RESCHED_NOW;
}

/* Woken during its poll: it need not park. */
static inline bool executor_is_woken(const struct task *t)
{
	return atomic_load_relaxed(&t->state) == TASK_RUNNING_WOKEN;
}

/* From a step of current to user mode, over as many others as it takes. */
static HAL_ENTRY COLD struct hal_user *
executor_go_on(struct executor *ex, struct task *t, struct executor_stepped stepped)
{
	for (;;) {
		ranks_none_held();
		if (stepped.status == CO_PENDING && !executor_is_woken(t))
			t = executor_park(ex, t, stepped.now);
		else if (stepped.status == CO_DONE && t->exiting)
			t = executor_finish(ex, t);
		else if (stepped.status == CO_PENDING || executor_makes_way(ex))
			t = executor_requeue_again(ex, t, stepped.now);
		else
			return executor_enter_user(ex, t);
		if (!t)
			t = executor_next(ex);
		if (executor_is_ready(t))
			return executor_enter_picked(ex, t);
		stepped = executor_step(ex, t);
	}
}

static HAL_ENTRY COLD struct hal_user *executor_step_on(struct executor *ex, struct task *t)
{
	return executor_go_on(ex, t, executor_step(ex, t));
}

/* If it makes way now its owner is asked, where need be, when it is picked again. */
HAL_ENTRY struct hal_user *executor_done(struct executor *ex, struct task *t)
{
	if (executor_makes_way(ex)) {
		t = executor_requeue(ex, t, 0);
		if (t && executor_is_ready(t))
			return executor_enter_picked(ex, t);
		if (!t)
			t = executor_next(ex);
	}
	return executor_is_ready(t) ? executor_enter_user(ex, t) : executor_step_on(ex, t);
}

HAL_ENTRY struct hal_user *executor_return(co_t status)
{
	struct executor *ex = executor_this();

	if (status == CO_DONE)
		return executor_done(ex, ex->current);
	return executor_waits(ex, ex->current, 0);
}

HAL_ENTRY struct hal_user *executor_waits(struct executor *ex, struct task *t, u64 now)
{
	return executor_go_on(ex, t, (struct executor_stepped){CO_PENDING, now});
}

struct hal_user *executor_run(void)
{
	struct executor *ex = executor_this();

	return executor_step_on(ex, executor_next(ex));
}

void executor_use_space(struct task *t)
{
	executor_load_space(executor_this(), t->hal_space);
}
