/* coro/task.h -- a task: a frame stack, a state, and, unless it is a kernel worker, a user
 * half to return to.
 *
 * State, one atomic:
 *
 *                   task_wake                executor picks
 *          IDLE ----------------> QUEUED ---------------------> RUNNING
 *           ^                       ^                            |    |
 *           |  poll ended PENDING   |  requeued: yield, preempt, |    | task_wake
 *           +-----------------------|--- or woken during poll ---+    v
 *           (CAS RUNNING -> IDLE)   +------------------------- RUNNING_WOKEN
 *
 * A wake during a poll turns RUNNING into RUNNING_WOKEN; the executor's CAS to IDLE then
 * fails and it queues the task again: no wake is lost, and a second wake is free.
 *
 * Ownership  reference-counted; the executor holds one from task_start to the final step.
 * Locking    fields are the task's own (its polls are atomic) unless marked.
 */
#ifndef CORO_TASK_H
#define CORO_TASK_H

#include "coro/co.h"
#include "hal/trap.h"

enum task_state {
	TASK_IDLE,
	TASK_QUEUED,
	TASK_RUNNING,
	TASK_RUNNING_WOKEN,
	TASK_DEAD,
};

/* task.flags: why a task may not simply go (back) to user mode. */
enum {
	TASK_SIGNAL = 1u << 0,	/* an unblocked signal is pending: ends interruptible waits */
	TASK_KILLED = 1u << 1,	/* a fatal one is: ends killable waits too */
	TASK_WORK = 1u << 2,	/* user_return has something to do (stop, timers, ...) */
	TASK_TRACED = 1u << 3,	/* system calls take the slow path */
	TASK_RETURN = 1u << 4,	/* just ask `returned`, which clears it; ends no wait */
	TASK_SERVES = 1u << 5,	/* a worker that others' writes wait for: it waits for no writeback,
				 * for no memory but what is to be had, and not for the reaper */
};

/* Scheduling data; sched/ gives it meaning. */
struct sched_task {
	struct rb_node node;	/* in the run queue, under its lock */
	i64 vruntime, vdeadline;	/* ns of a nice-0 task */
	union {
		i64 min_vruntime;	/* of the subtree, while queued */
		i64 vlag;		/* kept while not queued */
		i64 burst;		/* real-time: ns it ran since it was woken */
	};
	u32 slice_ns;		/* [a] of a request */
	u32 weight;		/* in its queue; 0: real-time, SCHED_DEADLINE's too */
	i8 nice;		/* [a] -20 .. 19 */
	i8 level;		/* [a] what it runs at: its own, or a better one lent */
	u8 boost;		/* [a] 20 - the level it is lent; 0: none */
	u8 yielded;		/* [own] not 0: asked to let the others go first */
	u8 policy;		/* [a] enum sched_policy */
	u8 priority;		/* [a] of SCHED_TASK_FIFO and _RR, 1 .. 99; else 0 */
	u8 marks;		/* [a] SCHED_FORGETS, SCHED_TIMED */
	u8 queue;		/* under its lock: 1 + the CPU in whose queue it counts; 0: none */
	struct deadline *deadline;	/* [a] owned: sched/deadline.h; NULL: it never had one */
	u64 ran_ns;		/* [a] total, for accounting, up to picked_ns */
	u64 picked_ns;		/* [a] when it was last picked, charged or put back */
	u64 split;		/* [a] user and system time: coro/sample.c */
	u64 switches_voluntary, switches_involuntary;	/* [a] */
};

enum {
	SCHED_FORGETS = 1,	/* its children begin with the usual policy */
	SCHED_TIMED = 2,	/* while it is real-time its owner asks how long it ran */
};

/* The ABI's numbers. */
enum sched_policy {
	SCHED_TASK_NORMAL,
	SCHED_TASK_FIFO,
	SCHED_TASK_RR,
	SCHED_TASK_BATCH,
	SCHED_TASK_IDLE = 5,
	SCHED_TASK_DEADLINE,
};
#define SCHED_SLICE_NS	3000000u

/* Levels, the best first: -120 those with deadlines; -119 .. -21 real-time, by priority; -20 .. 19
 * nice values; 20 those of SCHED_IDLE. */
enum { SCHED_LEVEL_DEADLINE = -120, SCHED_LEVEL_BEST = SCHED_LEVEL_DEADLINE, SCHED_FAIR = 20 };

/* What it runs at. Its run queue sets it (executor_reweigh), or who made it, before it runs. */
static inline i8 sched_task_level(const struct sched_task *s)
{
	int own = atomic_load_relaxed(&s->nice), lent = 20 - atomic_load_relaxed(&s->boost);
	int priority = atomic_load_relaxed(&s->priority);

	u8 policy = atomic_load_relaxed(&s->policy);

	if (policy == SCHED_TASK_DEADLINE)
		own = SCHED_LEVEL_DEADLINE;
	else if (priority)
		own = -20 - priority;
	else if (policy == SCHED_TASK_IDLE)
		own = SCHED_FAIR;
	return (i8)min(own, lent);
}

/* A translation table to load: mem/space owns it. */
struct hal_space {
	u64 token;		/* of the two below, hal_space_token */
	paddr root;
	u16 asid;
};

#define TASK_ANYWHERE UINT16_MAX
static_assert(HAL_MAX_CPUS <= 16);

struct task {
	struct co co;
	u32 flags;			/* [a] TASK_* */
	refcount refs;			/* [a] */
	u32 locks;			/* debug builds: awaitable locks held, coro/lock_rank.h */
	u8 state;			/* [a] enum task_state */
	bool exiting;			/* the next empty frame stack is the end; with a flag set */
	u16 affinity;			/* [a] bit n: may run on CPU n */
	struct executor *home;		/* [a] where it runs or last ran */
	struct sched_task sched;
	struct hal_user *user;		/* [I] NULL for a worker */
	const struct task_ops *ops;	/* [I] */
	/* Slots of higher layers, opaque here, but that a space begins with its hal_space. */
	union {
		struct space *space;
		const struct hal_space *hal_space;
	};
	struct cred *cred;
	struct fs_context *fs;
	struct fd_table *fds;
	struct list all;		/* every task there is; task_each */
	char name[16];
	alignas(16) char frames[CO_INLINE_SIZE];
};

struct task_ops {
	/* The frame stack is empty: an entry (system call, fault, user_return) is complete,
	 * its value in co.result. Also called before a task that waited in the run queue goes
	 * to user mode, if one of its flags is set. May begin more coroutines (co_begin) and
	 * return their status; CO_DONE with an empty stack means: ready for user mode (or, if
	 * exiting is set, the end). */
	co_t (*returned)(struct task *t);
	/* It is dead; may be NULL. */
	void (*ended)(struct task *t);
	/* The last reference is gone. */
	void (*release)(struct task *t);
};

static inline struct task *co_task(struct co *co)
{
	return container_of(co, struct task, co);
}

/* Set up everything but the slots; refs 1. `user` NULL makes a worker. */
void task_init(struct task *t, const char *name, struct hal_user *user,
	       const struct task_ops *ops);

/* Let it run for the first time; the executor takes its own reference. */
void task_start(struct task *t);

/* Make it run (again); from anywhere, interrupt handlers included. */
void task_wake(struct task *t);

/* Set flags, end a wait they concern, and if it is in user mode on another CPU bring it into
 * the kernel. */
void task_interrupt(struct task *t, u32 flags);
void task_clear_flags(struct task *t, u32 flags);

void task_get(struct task *t);
void task_put(struct task *t);

/* Call fn for every task there is, for reports; it must not wait, and the task may run
 * meanwhile. `locked` false: a panic's way, which waits for no lock. */
void task_each(void (*fn)(struct task *t, void *arg), void *arg, bool locked);

/* How long it has run, the time since it was picked included if it is running. */
u64 task_ran_ns(const struct task *t);

/* The task whose poll this is, or that is in user mode on this CPU. NULL in idle. */
struct task *task_current(void);

static inline bool task_serves(void)
{
	const struct task *t = task_current();

	return t && (atomic_load_relaxed(&t->flags) & TASK_SERVES);
}

/* --- Kernel workers and spawned coroutines --- */

struct task_worker {
	struct task task;		/* first */
	struct waitq done;		/* woken at the end; CO_JOIN */
	i64 exit_result;
};
static inline struct task_worker *task_worker_of(struct task *t)
{
	return (struct task_worker *)t;
}

/* Start coroutine fn as a worker of its own. `out` becomes a struct task * with a reference
 * (task_put it, or CO_JOIN which does), or NULL without memory. */
#define CO_SPAWN(out, name, fn, ...)                                          \
	do {                                                                  \
		static_assert(sizeof(struct fn) <= CO_INLINE_SIZE,            \
			      "a spawned frame lies in the task itself");     \
		(out) = task_worker_new(name);                                \
		if (out) {                                                    \
			struct co *co_spawned_ = &(out)->co;                  \
			struct fn *co_callee_ = co_push(co_spawned_, sizeof(struct fn)); \
			*co_callee_ = (struct fn){__VA_ARGS__};               \
			co_enter(co_spawned_, &co_callee_->co, (co_step *)fn); \
			task_start(out);                                      \
		}                                                             \
	} while (0)

/* Wait for a spawned coroutine's end; drops the reference. Not interruptible. */
#define CO_JOIN(result, task)                                                 \
	do {                                                                  \
		CO_WAIT_IO(&task_worker_of(task)->done, task_is_done(task));  \
		(result) = task_worker_of(task)->exit_result;                 \
		task_put(task);                                               \
	} while (0)

struct task *task_worker_new(const char *name);
bool task_is_done(struct task *t);

#endif
