/* coro/executor.h -- one executor per CPU: it picks a task, steps its leaf frame or enters
 * its user half, and sleeps when there is nothing.
 *
 * Every up-call of the HAL that belongs to a task ends in executor_return, which gives the
 * user context to go to. Nothing of the C stack survives that.
 *
 * Locking  `current`, `user_live`, `spare` belong to the CPU; the rest as marked.
 */
#ifndef CORO_EXECUTOR_H
#define CORO_EXECUTOR_H

#include "coro/lock_rank.h"
#include "coro/sample.h"
#include "coro/watchdog.h"
#include "hal/clock.h"

#define EXECUTOR_BUCKETS 24

struct executor_stats {
	u64 polls, wakes, steals, switches, idle_ns;
	/* [i]: polls that took 2^i .. 2^(i+1)-1 times 64 ns. */
	u64 histogram[EXECUTOR_BUCKETS];
	u64 longest_ns;
	const struct co_point *longest_at;	/* where that poll ended; of a call that did not
						 * wait, its last await; NULL: it has none */
	char longest_name[16];			/* the task */
	u64 late_ns;				/* the most a timer interrupt came too late */
};

struct executor {
	unsigned id;			/* [I] */
	u32 has_peers;			/* [I] not 0: there are other CPUs */
	struct task *current;		/* NULL: idle */
	u32 resched;			/* [a] not 0: current takes the slow way to user mode */
	u32 pull;			/* [a] not 0: a real-time task waits elsewhere */
	struct hal_user *user_live;	/* whose TLS and FP registers the CPU holds */
	const struct hal_space *space_live;
	void *spare;			/* frame-stack page to lend */
	struct runq *runq;		/* [I] sched's */
	const struct runq_ops *policy;	/* [I] the same for all */
	spinlock timer_lock;
	struct rb_tree timers;		/* under timer_lock */
	u64 timer_set_ns;		/* what the hardware is armed for */
	u64 slice_end_ns;		/* [a] current's, CO_FOREVER if it is alone */
	u64 poll_start_ns;		/* of the measured poll under way, 0 if none */
	bool in_window;			/* interrupts are taken in the kernel */
	bool slept;			/* since it last ran a task */
	u64 idle_since_ns;		/* [a] when it fell asleep; 0: it is awake */
	struct sampler sampler;
	struct watchdog watchdog;
	struct executor_stats stats;	/* written by its CPU only */
};

/* What a run queue gives: a task, and for how long until another's turn; CO_FOREVER if nobody
 * else is queued. Without one, not 0: there may be one after so long. */
struct runq_pick {
	struct task *task;		/* NULL: none */
	u64 slice_ns;
};

/* The scheduling policy, connected in core/main.c. All may be called on any CPU unless said
 * otherwise, take the run queue's own lock, and never wait. */
struct runq_ops {
	struct runq *(*create)(unsigned cpu);	/* at boot; panics without memory */
	/* A task that was not runnable is: 0 or what follows for the queue's CPU, RESCHED_*.
	 * Once it is in the queue another CPU may steal, run and end it. */
	u32 (*enqueue)(struct runq *rq, struct task *t, bool woken);
	/* What its level comes from changed: the same, if it belongs to this queue. */
	u32 (*reweigh)(struct runq *rq, struct task *t);
	/* On the owner: the current task is no longer (NULL: there was none); `again`: it is
	 * still runnable and goes back into the queue. ran_ns since it was picked or charged. */
	void (*put)(struct runq *rq, struct task *t, u64 ran_ns, bool again);
	/* On the owner: take the best task out. */
	struct runq_pick (*pick)(struct runq *rq);
	/* On the owner: put and pick in one, for every switch. `again` may give t itself. */
	struct runq_pick (*swap)(struct runq *rq, struct task *t, u64 ran_ns, bool again);
	/* On the owner: current ran for ran_ns; true if another should run now. */
	bool (*charge)(struct runq *rq, struct task *current, u64 ran_ns);
	/* ns until current's slice is used up; CO_FOREVER if nobody else is queued. */
	u64 (*slice_left)(struct runq *rq, const struct task *current);
	/* Take a task that may run on CPU `to`; NULL if there is none to spare. The second: a
	 * real-time one that goes before `place`. */
	struct task *(*steal)(struct runq *from, unsigned to);
	struct task *(*pull)(struct runq *from, unsigned to, i64 place);
	/* The place of what runs there, and of the best that waits: a real-time one's level, or
	 * less than any by its deadline; else SCHED_FAIR. For a look. */
	i64 (*running)(const struct runq *rq);
	i64 (*waiting)(const struct runq *rq);
	unsigned (*length)(struct runq *rq);	/* queued, current not counted */
};

/* Set up the executor of the calling CPU. Once per CPU, before its first task. */
void executor_init(const struct runq_ops *ops);

struct executor *executor_nth(unsigned cpu);
/* A bit per CPU: whose executor is set up; who sleeps. */
u64 executor_ready_mask(void);
u64 executor_idle_mask(void);
/* How many tasks run or are queued just now; a CPU that is awake runs one. */
u32 executor_runnable(void);

static inline struct executor *executor_this(void)
{
	return hal_cpu_self()->upper;
}

/* End of an entry by the current task: `status` of what was begun; if it is CO_DONE the frame
 * stack is empty and its page given back (executor_unspill). The user context to enter next. */
HAL_ENTRY struct hal_user *executor_return(co_t status);
/* The same for CO_DONE, by who has both at hand. */
HAL_ENTRY struct hal_user *executor_done(struct executor *ex, struct task *t);
/* The same for CO_PENDING, by who has just looked at the clock (`now`, else 0). */
HAL_ENTRY struct hal_user *executor_waits(struct executor *ex, struct task *t, u64 now);

/* A coroutine that is begun from outside is measured, as the executor's own polls are. The end
 * gives the time. */
static inline void executor_poll_begin(struct executor *ex)
{
	ex->poll_start_ns = hal_clock_ns();
}
/* Poll t at once, in the middle of the current task's poll: it is idle, nobody else knows of it,
 * and it runs in the same space. true: it is over, and idle again; false: it waits, or goes on
 * later, as any task does. `parks` is called between, while nobody can step it. One deep only. */
bool executor_nest(struct task *t, void (*parks)(struct task *t));
/* Is there a page to lend to one more frame stack? Before each executor_nest, and after it before
 * the current task's own goes on: if not it yields. */
bool executor_restock(struct executor *ex);
static inline bool executor_may_nest(void)
{
	struct executor *ex = executor_this();

	return ex->spare || executor_restock(ex);
}
/* On hal/host: called when a task has left the CPU, if not NULL. */
extern void (*executor_parked)(struct task *t);

u64 executor_poll_end(struct executor *ex, const struct task *t);
/* The longest poll and the latest interrupt from now on. */
void executor_poll_forget(void);

/* The current task's frame stack is empty: back to its inline area; a lent page goes home. */
void executor_unspill(struct executor *ex, struct co *co);
/* Its lent page goes home: no frame is in it. */
void executor_take_back(struct executor *ex, struct co *co);

/* executor.resched: why current should not go straight back to user mode. */
enum {
	RESCHED_NOW = 1u,	/* another task should run */
	RESCHED_ARM = 2u,	/* it is no longer alone: its slice must be timed */
	RESCHED_PUSH = 4u,	/* of a run queue: a real-time task waits in it; else nothing */
};

/* A real-time task waits in this queue: a CPU where less is running, of those in `allowed`, takes
 * it. */
void executor_push(const struct executor *from, u64 allowed);
/* Take such a task from another CPU, if one waits that is better than what runs here. */
void executor_pull(struct executor *ex);
/* A task's policy, priority, nice value or boost changed: it counts at once. */
void executor_reweigh(struct task *t);

/* For how long t may run without being asked is another time now, if it runs. */
void executor_rearm(struct task *t);

/* The current task lets the others go first, once its system call is done. */
static inline void executor_yield(struct task *t)
{
	t->sched.yielded = 1;
	/* Whatever another CPU stores at the same time asks for no more than this. */
	atomic_store_relaxed(&executor_this()->resched, (u32)RESCHED_NOW);
}

/* No task is current: find one. For hal_upcalls.boot and cpu_up. */
struct hal_user *executor_run(void);

/* True if the current task may go straight back to user mode. */
static inline bool executor_may_return(const struct task *t, struct executor *ex)
{
	lock_rank_none_held(t);
	return !(__atomic_load_n(&t->flags, __ATOMIC_RELAXED) |
		 __atomic_load_n(&ex->resched, __ATOMIC_RELAXED));
}

/* Queue a task whose state just became QUEUED, and see that a CPU notices. task_wake's half. */
void executor_enqueue(struct task *t, bool woken);

/* hal_upcalls.timer and .kicked. */
void executor_timer(void);
void executor_kicked(void);

/* t's affinity changed: if it runs where it may not any more, send it on soon. */
void executor_move(struct task *t);

/* Write the current task's live TLS and FP registers to its hal_user, where code may then
 * read and change them; they are loaded again before user mode. */
void executor_user_sync(struct task *t);

/* The current task's space is another one now (exec; NULL: exit). */
void executor_use_space(struct task *t);

#endif
