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

void executor_init(const struct runq_ops *ops)
{
	struct hal_cpu *cpu = hal_cpu_self();
	struct executor *ex = &executors[cpu->id];

	if (!cpu->id)
		policy = ops;
	*ex = (struct executor){
		.id = cpu->id,
		.slept = true,
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

/* --- queueing --- */

/* On another CPU than before its owner has something to tell the program (which CPU it is). */
static inline void executor_set_home(struct task *t, struct executor *ex)
{
	if (atomic_load_relaxed(&t->home) == ex)
		return;
	atomic_store(&t->home, ex);
	atomic_or(&t->flags, (u32)TASK_RETURN);
}

/* Where a woken task should queue that may not run where it ran last. */
static __attribute__((noinline)) struct executor *executor_choose(const struct task *t)
{
	u64 allowed = atomic_load(&t->affinity) & atomic_load(&ready_cpus);

	return &executors[__builtin_ctzll(allowed ? allowed : 1)];
}

/* Somebody was queued since current was picked: from when on is it another's turn? */
static __attribute__((noinline)) void executor_time_slice(struct executor *ex, struct task *t)
{
	u64 left = policy->slice_left(ex->runq, t);

	if (left != CO_FOREVER)
		atomic_store_relaxed(&ex->slice_end_ns,
				     min(ex->slice_end_ns, t->sched.picked_ns + left));
}

/* The same from within a wake; false if the timer, which is another's matter here, has to be
 * armed for it. */
static bool executor_is_timed(struct executor *ex)
{
	executor_time_slice(ex, ex->current);
	return ex->slice_end_ns >= ex->timer_set_ns;
}

/* Once it is queued the task may run, and end, on another CPU: it is not looked at again. */
void executor_enqueue(struct task *t, bool woken)
{
	struct executor *me = executor_this();
	struct executor *ex = atomic_load(&t->home);
	u64 affinity = atomic_load(&t->affinity), idle;
	bool sleeping;
	u32 why = 0;

	if (__builtin_expect(!(affinity & (1ul << ex->id)), 0))
		ex = executor_choose(t);
	if (woken)
		me->stats.wakes++;
	executor_set_home(t, ex);
	if (policy->enqueue(ex->runq, t, woken))
		why = RESCHED_NOW;
	else if (atomic_load_relaxed(&ex->slice_end_ns) == CO_FOREVER)
		why = RESCHED_ARM;
	if (why == RESCHED_ARM && ex == me && me->current && executor_is_timed(me))
		why = 0;
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

/* Frame stacks spill into a page the CPU lends: have one before any task is stepped. */
static __attribute__((noinline)) bool executor_restock(struct executor *ex)
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

/* The clock is read once where one task stops and the next begins. */
static inline u64 executor_now(struct executor *ex)
{
	if (!ex->now_ns)
		ex->now_ns = hal_clock_ns();
	return ex->now_ns;
}

static inline void executor_window(struct executor *ex)
{
	if (!hal_irq_pending())
		return;
	ex->in_window = true;
	hal_irq_window();
	ex->in_window = false;
	ex->now_ns = 0;
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
	atomic_store(&t->state, (u8)TASK_RUNNING);
	ex->stats.switches++;
	executor_load_space(ex, t->hal_space);
	return t;
}

/* The current task stops being current, and the next one, if there is one, takes its place.
 * Until its state says so nobody else knows that t stopped, unless it went back into the queue:
 * from there another CPU may run it, to its end, so its tables must not be walked any more. */
static inline __attribute__((always_inline)) struct task *
executor_leave(struct executor *ex, struct task *t, bool again)
{
	struct runq_pick next = {0};
	u64 now, ran;

	executor_window(ex);
	/* Who queues a task from here on sees it picked, or asks again. */
	atomic_store_relaxed(&ex->resched, 0u);
	atomic_store_relaxed(&ex->slice_end_ns, CO_FOREVER);
	if (ex->user_live) {
		hal_user_save(ex->user_live);
		ex->user_live = NULL;
	}
	if (again && ex->has_peers)
		executor_load_space(ex, NULL);
	now = executor_now(ex);
	ran = now - t->sched.picked_ns;
	t->sched.ran_ns += ran;
	atomic_store_relaxed(&t->sched.picked_ns, now);
	if (executor_stock(ex))
		next = policy->swap(ex->runq, t, ran, again);
	else
		policy->put(ex->runq, t, ran, again);
	if (__builtin_expect(next.task != NULL, 1))
		return executor_make_current(ex, next, now);
	ex->current = NULL;
	executor_load_space(ex, NULL);
	return NULL;
}

/* It may not run here any more. */
static __attribute__((noinline)) struct task *executor_send_on(struct executor *ex, struct task *t)
{
	struct task *next = executor_leave(ex, t, false);

	executor_enqueue(t, false);
	return next;
}

static inline struct task *executor_requeue(struct executor *ex, struct task *t)
{
	t->sched.switches_involuntary++;
	atomic_store(&t->state, (u8)TASK_QUEUED);
	if (__builtin_expect(!(atomic_load_relaxed(&t->affinity) & (1ul << ex->id)), 0))
		return executor_send_on(ex, t);
	return executor_leave(ex, t, true);
}

/* It was woken while it parked: it is runnable after all. */
static __attribute__((noinline)) void executor_woken_since(struct task *t)
{
	atomic_store(&t->state, (u8)TASK_QUEUED);
	executor_enqueue(t, true);
}

/* The current task's poll ended with a wait. */
static inline struct task *executor_park(struct executor *ex, struct task *t)
{
	u8 state = TASK_RUNNING;
	struct task *next;

	ranks_none_held();
	if (atomic_load_relaxed(&t->state) == TASK_RUNNING_WOKEN)
		return executor_requeue(ex, t);
	/* A page it needed on the way here but not to wait. */
	if (t->co.chunk && !co_in_chunk(&t->co))
		executor_take_back(ex, &t->co);
	t->sched.switches_voluntary++;
	next = executor_leave(ex, t, false);
	if (!atomic_cas(&t->state, &state, (u8)TASK_IDLE))
		executor_woken_since(t);
	return next;
}

static struct runq_pick executor_steal(struct executor *ex)
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
			executor_set_home(t, ex);
			policy->enqueue(ex->runq, t, false);
			return policy->pick(ex->runq);
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
static inline co_t executor_complete(struct executor *ex, struct task *t)
{
	executor_unspill(ex, &t->co);
	if (!executor_stock(ex)) {
		co_requeue(&t->co);
		return CO_PENDING;
	}
	return t->ops->returned(t);
}

static __attribute__((noinline)) co_t executor_poll(struct executor *ex, struct task *t)
{
	co_t status;

	/* Who makes a condition true and then still sees the task queued leaves it at that: so it
	 * is seen running before it looks at its condition. */
	atomic_fence();
	ex->poll_start_ns = executor_now(ex);
	status = co_resume(&t->co);
	if (status == CO_DONE)
		status = executor_complete(ex, t);
	ex->now_ns = executor_poll_end(ex, t);
	return status;
}

static co_t executor_step(struct executor *ex, struct task *t)
{
	co_t status;

	if (t->co.leaf)
		return executor_poll(ex, t);
	status = executor_complete(ex, t);
	if (ex->poll_start_ns)
		ex->now_ns = executor_poll_end(ex, t);
	return status;
}

/* Its entry was complete before others went first, and nothing has happened to it since. */
static inline bool executor_is_ready(const struct task *t)
{
	return !t->co.leaf && !atomic_load_relaxed(&t->flags);
}

static __attribute__((noinline)) struct task *executor_finish(struct executor *ex, struct task *t)
{
	struct task *next;

	lock_rank_none_held(t);
	executor_unspill(ex, &t->co);
	next = executor_leave(ex, t, false);
	atomic_store(&t->state, (u8)TASK_DEAD);
	if (t->ops->ended)
		t->ops->ended(t);
	task_put(t);
	return next;
}

/* Nothing to run: announce it, look again, steal, sleep. A task, or none after a sleep. */
static struct runq_pick executor_idle(struct executor *ex)
{
	struct runq_pick next = {0};
	u64 slept;

	executor_load_space(ex, NULL);
	atomic_or(&idle_cpus, 1ul << ex->id);
	if (executor_stock(ex))
		next = policy->pick(ex->runq);
	if (!next.task && ex->spare)
		next = executor_steal(ex);
	if (!next.task) {
		slept = hal_clock_ns();
		atomic_store_relaxed(&ex->idle_since_ns, slept);
		hal_cpu_idle();
		atomic_store_relaxed(&ex->idle_since_ns, 0ul);
		ex->now_ns = hal_clock_ns();
		ex->stats.idle_ns += ex->now_ns - slept;
		ex->slept = true;
	}
	atomic_and(&idle_cpus, ~(1ul << ex->id));
	return next;
}

/* --- the loop --- */

/* Nobody is current. Pick the next task; sleeps while there is none. */
static __attribute__((noinline)) struct task *executor_next(struct executor *ex)
{
	struct runq_pick next = {0};

	while (!next.task) {
		atomic_store(&ex->resched, 0u);
		executor_window(ex);
		if (executor_stock(ex))
			next = policy->pick(ex->runq);
		if (!next.task)
			next = executor_idle(ex);
	}
	if (ex->slept) {
		ex->slept = false;
		watchdog_awake(ex);
		sample_awake(ex);
	}
	return executor_make_current(ex, next, executor_now(ex));
}

/* Current is ready for user mode: arm its slice, load its registers. */
static inline struct hal_user *executor_enter_user(struct executor *ex, struct task *t)
{
	lock_rank_none_held(t);
	/* A RESCHED_NOW that comes in now was followed by a kick: user mode is left at once. */
	if (atomic_load_relaxed(&ex->resched)) {
		atomic_and(&ex->resched, ~(u32)RESCHED_ARM);
		executor_time_slice(ex, t);
	}
	/* A timer that is armed for earlier will do: when it comes it is armed again. */
	if (ex->slice_end_ns < ex->timer_set_ns)
		timer_run_due(ex);
	ex->now_ns = 0;
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
	if (!t || (status == CO_DONE && !(atomic_load_relaxed(&ex->resched) & RESCHED_NOW)))
		goto step;
	for (;;) {
		if (status == CO_PENDING)
			t = executor_park(ex, t);
		else if (t->exiting)
			t = executor_finish(ex, t);
		else if (atomic_load_relaxed(&ex->resched) & RESCHED_NOW)
			t = executor_requeue(ex, t);
		else
			return executor_enter_user(ex, t);
step:
		if (!t)
			t = executor_next(ex);
		if (executor_is_ready(t))
			return executor_enter_user(ex, t);
		status = executor_step(ex, t);
	}
}

struct hal_user *executor_run(void)
{
	return executor_return(CO_PENDING);
}

/* --- from interrupts --- */

void executor_timer(void)
{
	struct executor *ex = executor_this();
	struct task *t = ex->current;
	u64 now = hal_clock_ns();

	if (now > ex->timer_set_ns)
		ex->stats.late_ns = max(ex->stats.late_ns, now - ex->timer_set_ns);
	ex->timer_set_ns = CO_FOREVER;
	if (t && now >= ex->slice_end_ns) {
		u64 ran = now - t->sched.picked_ns;

		t->sched.ran_ns += ran;
		atomic_store_relaxed(&t->sched.picked_ns, now);
		atomic_store(&ex->slice_end_ns, CO_FOREVER);
		atomic_or(&ex->resched,
			  policy->charge(ex->runq, t, ran) ? RESCHED_NOW : RESCHED_ARM);
	}
	timer_run_due(ex);
	if (ex->watchdog.due)
		watchdog_look(ex);
}

void executor_kicked(void)
{
	/* Who kicked left a flag or a queued task; the way out of the interrupt looks. */
	watchdog_kicked(executor_this());
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
