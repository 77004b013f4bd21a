/* coro/co.h -- stackless coroutines: frames, awaits, waits.
 *
 * A coroutine is a struct (its frame) and a step function of the same name. A step runs
 * until the coroutine returns (CO_DONE) or waits (CO_PENDING); it is entered again at the
 * point where it left. That point is the frame's `at`, and `switch` on its line is the
 * whole mechanism: CO_BEGIN opens the switch, every await plants a case in it.
 *
 *	struct twice { struct co_frame co; int fd; long first; };
 *	co_t twice(struct co *co, struct twice *f)
 *	{
 *		long second;
 *
 *		CO_BEGIN;
 *		CO_AWAIT(f->first, sys_read, .fd = f->fd);
 *		CO_AWAIT(second, sys_read, .fd = f->fd);
 *		CO_RETURN(f->first + second);
 *		CO_END;
 *	}
 *
 * What keeps it honest: the switch is on a 128-bit value and every case lies above 2^64, so
 * an await inside an ordinary switch does not compile (-Wswitch); two awaits on one line
 * are the same case twice; a spinlock held over an await is reported by -Wthread-safety,
 * because an await is a return. tests/await_rules has a file for each.
 *
 * The callee is stepped directly; if it completes at once nothing was queued. If it waits,
 * every C frame returns CO_PENDING to the executor, which later steps the *leaf* frame;
 * each frame that is done resumes its caller, so the cost of a wake does not grow with
 * depth.
 *
 * Frame stack: a small area inside the task, then one page that the CPU lends on the first
 * spill and the task gives back when its stack is empty. Frames never move. The executor
 * has that page in hand before it steps a task, so an await cannot fail for memory. No
 * system call needs more (tests print each one's high-water mark against CO_CHUNK_SIZE).
 *
 * Ownership  a frame is pushed by its caller and pops itself; the result is in the task.
 * Locking    a frame is touched only by the CPU stepping its task.
 */
#ifndef CORO_CO_H
#define CORO_CO_H

#include "core/base/bits.h"
#include "core/base/errno.h"
#include "coro/timer.h"
#include "coro/waitq.h"

typedef enum co_status { CO_PENDING = 0, CO_DONE = 1 } co_t;

struct co_frame;
typedef co_t co_step(struct co *co, struct co_frame *f);

/* An await in the source. All of them stand in one linker section: their number is the
 * total that tests count against, `hits` how often a simulation resumed at it. */
struct co_point {
	const char *func;
	const char *file;
	u32 line;
	u32 hits;	/* counted on hal/host only */
};

/* The head of every frame. */
struct co_frame {
	struct co_frame *caller;
	co_step *step;
	const struct co_point *at;	/* NULL: not begun */
};

#define CO_INLINE_SIZE 320
#define CO_CHUNK_SIZE  PAGE_SIZE

#define CO_BIAS ((__int128)1 << 64)

#define CO_BEGIN                                                              \
	switch (CO_BIAS + (f->co.at ? f->co.at->line : 0)) {                  \
	case CO_BIAS:

#define CO_END                                                                \
	}                                                                     \
	__builtin_unreachable()

/* Remember this await as the place to resume, then `case` it. */
#define CO_POINT_                                                             \
	static struct co_point co_point_                                      \
		__attribute__((section("co_points"), used, no_sanitize("address"))) = { \
			.func = __func__, .file = __FILE__, .line = __LINE__}
#define CO_MARK_                                                              \
	CO_POINT_;                                                            \
	f->co.at = &co_point_

#define CO_CASE_                                                              \
	case CO_BIAS + __LINE__:                                              \
	co_resumed(f->co.at)

#define CO_RETURN(value)                                                      \
	return co_return(co, &f->co, (value))

/* Run coroutine fn with the given arguments (.name = value, ...); `out` takes its result. */
#define CO_AWAIT(out, fn, ...)                                                \
	do {                                                                  \
		CO_MARK_;                                                     \
		struct fn *co_callee_ = co_push(co, sizeof(struct fn));       \
		*co_callee_ = (struct fn){.co = {co->leaf, (co_step *)fn},    \
					  __VA_ARGS__};                       \
		co->leaf = &co_callee_->co;                                   \
		if (fn(co, co_callee_) == CO_PENDING || co_pauses(co))        \
			return CO_PENDING;                                    \
		CO_CASE_;                                                     \
		(out) = (typeof(out))co->result;                              \
	} while (0)

/* The same with an expression that pushes a callee and steps it, as co_begin does. */
#define CO_AWAIT_BEGUN(out, begun)                                            \
	do {                                                                  \
		CO_MARK_;                                                     \
		if ((begun) == CO_PENDING || co_pauses(co))                   \
			return CO_PENDING;                                    \
		CO_CASE_;                                                     \
		(out) = (typeof(out))co->result;                              \
	} while (0)

/* An operation: a coroutine behind a table. Its argument struct `name` begins with a
 * co_frame; an implementation's frame begins with that struct, unnamed. */
#define CO_OPERATION(name)                                                    \
	struct name##_op {                                                    \
		union {                                                       \
			co_t (*step)(struct co *, struct name *);             \
			struct name *type; /* never read: carries the type */ \
		};                                                            \
		u32 size;                                                     \
	}

/* An entry of such a table. */
#define CO_IMPLEMENTS(name, impl)                                             \
	{                                                                     \
		{.step = (co_t(*)(struct co *, struct name *))(impl)},        \
			.size = sizeof(struct impl)                           \
	}

/* Run an operation; the caller has checked that .step is there. */
#define CO_AWAIT_OP(out, op, ...)                                             \
	do {                                                                  \
		CO_MARK_;                                                     \
		typeof((op).type) co_callee_ = co_push_zeroed(co, (op).size); \
		*co_callee_ = (typeof(*co_callee_)){__VA_ARGS__};             \
		co_enter(co, &co_callee_->co, (co_step *)(op).step);          \
		if (co_callee_->co.step(co, &co_callee_->co) == CO_PENDING || \
		    co_pauses(co))                                            \
			return CO_PENDING;                                    \
		CO_CASE_;                                                     \
		(out) = (typeof(out))co->result;                              \
	} while (0)

/* Let others run, then go on. */
#define CO_YIELD                                                              \
	do {                                                                  \
		CO_MARK_;                                                     \
		co_yield(co);                                                 \
		return CO_PENDING;                                            \
		CO_CASE_;                                                     \
	} while (0)

/* In a long loop: yield if an interrupt is pending or another task should run. */
#define CO_BREATHE                                                            \
	do {                                                                  \
		CO_MARK_;                                                     \
		if (co_should_yield(co)) {                                    \
			co_requeue(co);                                       \
			return CO_PENDING;                                    \
		}                                                             \
		if (co_pauses(co))                                            \
			return CO_PENDING;                                    \
		CO_CASE_;                                                     \
	} while (0)

/* --- Waiting on a queue until a condition holds ---
 *
 * The condition is tried first, without enlisting; then after enlisting; then after every
 * wake. It may have side effects (claim, take), takes and drops its own locks, and must not
 * wait. `out` becomes 0 when it held; a wait that was granted reports so even if a signal
 * came too. Otherwise out is:
 *   CO_WAIT          interruptible: -ERESTARTSYS on any pending signal
 *   CO_WAIT_KILLABLE -EINTR on a fatal signal only
 *   CO_WAIT_IO       never (a device owns memory): takes no `out`
 *   *_UNTIL          -ETIMEDOUT at deadline_ns (hal_clock_ns; CO_FOREVER for none)
 * CO_WAIT_ONE enlists as exclusive: waitq_wake_one wakes just one of those; one that leaves
 * with a wake it did not use, because it gave up or had what it wanted already, passes it on.
 * CO_WAIT_EITHER waits on two queues; cond covers both.
 */
enum co_wait_kind { CO_UNINTERRUPTIBLE, CO_KILLABLE, CO_INTERRUPTIBLE };
#define CO_FOREVER UINT64_MAX

#define CO_WAIT(out, wq, cond) \
	CO_WAIT_(out, wq, NULL, cond, CO_INTERRUPTIBLE, false, CO_FOREVER)
#define CO_WAIT_UNTIL(out, wq, cond, deadline_ns) \
	CO_WAIT_(out, wq, NULL, cond, CO_INTERRUPTIBLE, false, deadline_ns)
#define CO_WAIT_ONE(out, wq, cond) \
	CO_WAIT_(out, wq, NULL, cond, CO_INTERRUPTIBLE, true, CO_FOREVER)
#define CO_WAIT_ONE_UNTIL(out, wq, cond, deadline_ns) \
	CO_WAIT_(out, wq, NULL, cond, CO_INTERRUPTIBLE, true, deadline_ns)
#define CO_WAIT_KILLABLE(out, wq, cond) \
	CO_WAIT_(out, wq, NULL, cond, CO_KILLABLE, false, CO_FOREVER)
#define CO_WAIT_KILLABLE_UNTIL(out, wq, cond, deadline_ns) \
	CO_WAIT_(out, wq, NULL, cond, CO_KILLABLE, false, deadline_ns)
#define CO_WAIT_IO(wq, cond)                                                       \
	do {                                                                       \
		long co_ignored_;                                                  \
		CO_WAIT_(co_ignored_, wq, NULL, cond, CO_UNINTERRUPTIBLE, false, CO_FOREVER); \
		(void)co_ignored_;                                                 \
	} while (0)
#define CO_WAIT_IO_UNTIL(out, wq, cond, deadline_ns) \
	CO_WAIT_(out, wq, NULL, cond, CO_UNINTERRUPTIBLE, false, deadline_ns)
#define CO_WAIT_EITHER(out, wq1, wq2, cond, deadline_ns) \
	CO_WAIT_(out, wq1, wq2, cond, CO_INTERRUPTIBLE, false, deadline_ns)
/* Sleep until the deadline: 0 then, -ERESTARTSYS on a signal. */
#define CO_SLEEP_UNTIL(out, deadline_ns)                                           \
	do {                                                                       \
		CO_WAIT_(out, NULL, NULL, false, CO_INTERRUPTIBLE, false, deadline_ns); \
		if ((out) == -ETIMEDOUT)                                           \
			(out) = 0;                                                 \
	} while (0)

#define CO_WAIT_(out, wq1, wq2, cond, kind, one, deadline)                    \
	do {                                                                  \
		CO_POINT_;                                                    \
		if (!co_defers(co, &f->co, &co_point_) && (cond)) {           \
			(out) = 0;                                            \
			break;                                                \
		}                                                             \
		f->co.at = &co_point_;                                        \
		co_wait_start(co, (wq1), (wq2), (kind), (one), (deadline));   \
		for (;;) {                                                    \
			if (!co_deferred(co) && (cond)) {                     \
				(out) = 0;                                    \
				break;                                        \
			}                                                     \
			(out) = co_wait_check(co);                            \
			if (out)                                              \
				break;                                        \
			return CO_PENDING;                                    \
			CO_CASE_;                                             \
			co_wait_again(co);                                    \
		}                                                             \
		co_wait_end(co);                                              \
	} while (0)

/* --- The part of a task that coroutines work with --- */

struct co {
	/* In this order: a push loads the first two as a pair, a pop stores the next two. */
	char *end, *top;		/* the frame stack's current segment */
	struct co_frame *leaf;		/* NULL: no frames */
	i64 result;			/* of the frame that returned last */
	char *inline_top;		/* while the segment is the chunk: the other one's top */
	void *chunk;			/* lent page, or NULL */
	/* The leaf's wait: its nodes lie on the frame stack above it, as long as it waits. */
	struct waiter *waiters;		/* wait_queues of them; behind them a co_deadline */
	u32 wait_expired;		/* [a] the deadline passed */
	u8 wait_kind;			/* enum co_wait_kind */
	u8 wait_queues;
	bool wait_timed;		/* there is a co_deadline */
	u16 high[2 * HAL_SIMULATED];	/* deepest use of the inline area and the chunk, bytes */
	u8 deferred[HAL_SIMULATED];	/* enum co_forced: of a wait that need not be */
};

struct co_deadline {
	struct timer timer;
	struct co *co;
};
static inline struct co_deadline *co_deadline(const struct co *co)
{
	return (struct co_deadline *)(co->waiters + co->wait_queues);
}

void *co_push_spill(struct co *co, size_t size);
void co_pop_spill(struct co *co);
/* Do the deepest frames lie in the lent page? */
bool co_in_chunk(const struct co *co);
void co_measure(struct co *co);
void *co_push_zeroed(struct co *co, size_t size);

static inline void *co_push(struct co *co, size_t size)
{
	char *at = co->top, *top;

	size = round_up(size, 16);
	top = at + size;
	if (__builtin_expect(top > co->end, 0)) {
		at = co_push_spill(co, size);
		top = at + size;
	}
	co->top = top;
	if (HAL_SIMULATED)
		co_measure(co);
	return at;
}

static inline void co_enter(struct co *co, struct co_frame *callee, co_step *step)
{
	callee->caller = co->leaf;
	callee->step = step;
	co->leaf = callee;
}

/* Pop f, which is the leaf. */
static inline co_t co_return(struct co *co, struct co_frame *f, i64 value)
{
	co->result = value;
	co->leaf = f->caller;
	co->top = (char *)f;
	/* The chunk's first frame; a page boundary is the cheaper question. */
	if (__builtin_expect(!((u64)f & (PAGE_SIZE - 1)), 0))
		co_pop_spill(co);
	return CO_DONE;
}

static inline void co_resumed(const struct co_point *at)
{
	if (HAL_SIMULATED)
		__atomic_fetch_add(&((struct co_point *)at)->hits, 1u, __ATOMIC_RELAXED);
}

/* --- Waits that need not be, on hal/host only ---
 *
 * A simulation may have a task wait at any await, though it would have passed it: at a call, as
 * if the callee had yielded last; at a wait, as if its condition had come true later, and with
 * CO_WAITS_OUT not before a signal that comes meanwhile. co_force is asked at each await that is
 * passed; NULL: none waits. With co_long_way the short ways past coroutines (a free lock, user
 * memory that is there, a call's trying form) are not taken.
 */
enum co_forced { CO_GOES_ON, CO_WAITS, CO_WAITS_OUT, CO_GIVES_UP };
extern enum co_forced (*co_force)(struct co *co);
extern bool co_long_way;

bool co_pause(struct co *co);
bool co_defer(struct co *co);
static inline bool co_pauses(struct co *co)
{
	return HAL_SIMULATED && co_force && co_pause(co);
}
static inline bool co_defers(struct co *co, struct co_frame *f, const struct co_point *at)
{
	if (!HAL_SIMULATED || !co_force)
		return false;
	f->at = at;
	return co_defer(co);
}
static inline bool co_deferred(const struct co *co)
{
	return HAL_SIMULATED && co->deferred[0];
}
static inline bool co_goes_long_way(void)
{
	return HAL_SIMULATED && co_long_way;
}

/* Begin coroutine fn on a task whose frame stack is empty, from outside of any coroutine
 * (a system call's or fault's entry): an expression giving CO_DONE (co->result is set) or
 * CO_PENDING. */
#define co_begin(co_, fn, ...)                                                \
	({                                                                    \
		struct co *co_begun_ = (co_);                                 \
		struct fn *co_callee_ = co_push(co_begun_, sizeof(struct fn)); \
		*co_callee_ = (struct fn){.co = {co_begun_->leaf, (co_step *)fn}, \
					  __VA_ARGS__};                       \
		co_begun_->leaf = &co_callee_->co;                            \
		fn(co_begun_, co_callee_);                                    \
	})

/* Step the leaf, then each caller whose callee is done. */
co_t co_resume(struct co *co);

void co_init(struct co *co, char *inline_area);
/* Bytes of frames used at the deepest since the last call; hal/host only. */
u32 co_high_water(struct co *co);

void co_requeue(struct co *co);
void co_yield(struct co *co);
bool co_should_yield(struct co *co);
void co_wait_start(struct co *co, struct waitq *q1, struct waitq *q2, enum co_wait_kind kind,
		   bool one, u64 deadline_ns);
/* Woken: the wake counts as used, and the condition is tested after that. */
static inline void co_wait_again(struct co *co)
{
	for (unsigned i = 0; i < co->wait_queues; i++)
		if (co->waiters[i].one)
			waitq_rearm(&co->waiters[i]);
}
int co_wait_check(struct co *co);
void co_wait_end(struct co *co);

/* Is it one? For what may be stale. */
bool co_is_point(const struct co_point *at);

/* Every await in the image, in no order. */
extern struct co_point co_points_start[] __asm__("__start_co_points");
extern struct co_point co_points_end[] __asm__("__stop_co_points");

/* Print the coroutine backtrace, leaf first, one frame a call: function, file, line. Exact on a
 * parked task; on one that another CPU is stepping it may miss frames, but is safe. */
void co_backtrace(const struct co *co, void (*line)(void *arg, const struct co_point *at),
		  void *arg);

#endif
