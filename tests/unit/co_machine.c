/* tests/unit/co_machine.c */
#include "co_machine.h"

#include "core/base/string.h"

#undef memset
#include <string.h>

#include "mem/phys/boot.h"

#define QUEUE  1024
#define MEMORY (8ul << 20) /* little: a boot goes over all of it */

struct runq {
	spinlock lock;
	struct task *queue[QUEUE];
	unsigned head, count;
	struct task *current;
};

static struct runq runqs[HAL_MAX_CPUS];
static co_machine_main *main_first;
static struct task *main_task;

/* --- first come, first served --- */

static struct runq *fifo_create(unsigned cpu)
{
	spin_init(&runqs[cpu].lock, RANK_RUNQ);
	return &runqs[cpu];
}

static void fifo_add(struct runq *rq, struct task *t)
{
	if (rq->count == QUEUE)
		host_fail("run queue full");
	for (unsigned i = 0; i < rq->count; i++)
		if (rq->queue[(rq->head + i) % QUEUE] == t)
			host_fail("task %s queued twice", t->name);
	rq->queue[(rq->head + rq->count++) % QUEUE] = t;
}

static u32 fifo_enqueue(struct runq *rq, struct task *t, bool woken)
{
	spin_lock(&rq->lock);
	fifo_add(rq, t);
	spin_unlock(&rq->lock);
	return 0;
}

static u32 fifo_reweigh(struct runq *rq, struct task *t)
{
	return 0;
}

/* There are no real-time tasks. */
static struct task *fifo_pull(struct runq *from, unsigned to, i64 place)
{
	return NULL;
}

static i64 fifo_place(const struct runq *rq)
{
	return SCHED_FAIR;
}

static void fifo_put(struct runq *rq, struct task *t, u64 ran_ns, bool again)
{
	spin_lock(&rq->lock);
	if (again)
		fifo_add(rq, t);
	spin_unlock(&rq->lock);
}

#define FIFO_SLICE 100000ul

static struct runq_pick fifo_take(struct runq *rq)
{
	struct runq_pick picked = {0};

	if (rq->count) {
		picked.task = rq->queue[rq->head++ % QUEUE];
		rq->head %= QUEUE;
		picked.slice_ns = --rq->count ? FIFO_SLICE : CO_FOREVER;
	}
	return picked;
}

static struct runq_pick fifo_pick(struct runq *rq)
{
	struct runq_pick picked;

	spin_lock(&rq->lock);
	picked = fifo_take(rq);
	spin_unlock(&rq->lock);
	return picked;
}

static struct runq_pick fifo_swap(struct runq *rq, struct task *t, u64 ran_ns, bool again)
{
	struct runq_pick picked;

	spin_lock(&rq->lock);
	if (again)
		fifo_add(rq, t);
	picked = fifo_take(rq);
	spin_unlock(&rq->lock);
	return picked;
}

static unsigned fifo_length(struct runq *rq)
{
	unsigned n;

	spin_lock(&rq->lock);
	n = rq->count;
	spin_unlock(&rq->lock);
	return n;
}

static bool fifo_charge(struct runq *rq, struct task *current, u64 ran_ns)
{
	return fifo_length(rq);
}

static u64 fifo_slice_left(struct runq *rq, const struct task *current)
{
	unsigned n;

	spin_lock(&rq->lock);
	n = rq->count;
	spin_unlock(&rq->lock);
	return n ? FIFO_SLICE : CO_FOREVER;
}

static struct task *fifo_steal(struct runq *rq, unsigned to)
{
	struct task *t = NULL;

	spin_lock(&rq->lock);
	if (rq->count) {
		t = rq->queue[rq->head];
		if (atomic_load(&t->affinity) & 1ul << to) {
			rq->head = (rq->head + 1) % QUEUE;
			rq->count--;
		} else {
			t = NULL;
		}
	}
	spin_unlock(&rq->lock);
	return t;
}

static const struct runq_ops fifo_ops = {
	.create = fifo_create, .enqueue = fifo_enqueue, .put = fifo_put, .pick = fifo_pick,
	.swap = fifo_swap, .charge = fifo_charge, .slice_left = fifo_slice_left,
	.steal = fifo_steal, .length = fifo_length, .reweigh = fifo_reweigh,
	.pull = fifo_pull, .running = fifo_place, .waiting = fifo_place,
};

/* --- the machine's up-calls --- */

static struct hal_user *machine_boot(const struct hal_machine *m)
{
	boot_init();
	buddy_init();
	slab_init();
	executor_init(&fifo_ops);
	for (unsigned i = 1; i < hal_cpu_count(); i++)
		hal_cpu_start(i);
	main_task = main_first();
	host_expect(main_task);
	return executor_run();
}

static struct hal_user *machine_cpu_up(void)
{
	executor_init(&fifo_ops);
	return executor_run();
}

co_t (*co_machine_syscall)(struct task *t);

static HAL_ENTRY struct hal_user *machine_syscall(struct hal_user *u)
{
	struct task *t = task_current();
	co_t status;

	host_expect(t && t->user == u);
	status = co_machine_syscall(t);
	if (status == CO_DONE)
		executor_unspill(executor_this(), &t->co);
	return executor_return(status);
}

static HAL_ENTRY struct hal_user *machine_fault(struct hal_user *u, const struct hal_fault *why)
{
	host_fail("fault %d at %#lx, pc %#lx", why->kind, why->addr, u->pc);
}

static HAL_ENTRY struct hal_user *machine_interrupted(struct hal_user *u)
{
	struct task *t = task_current();

	if (executor_may_return(t, executor_this()))
		return u;
	return executor_return(CO_DONE);
}

__attribute__((noreturn)) static void machine_died(const char *what, const struct hal_user *regs)
{
	host_fail("died: %s", what);
}

const struct hal_upcalls hal_upcalls = {
	.boot = machine_boot, .cpu_up = machine_cpu_up, .syscall = machine_syscall,
	.fault = machine_fault, .interrupted = machine_interrupted, .timer = executor_timer,
	.kicked = executor_kicked, .died = machine_died,
};

/* --- user tasks --- */

static co_t user_returned(struct task *t)
{
	return CO_DONE;
}

static void user_release(struct task *t)
{
	kfree(t->user);
	kfree(t);
}

/* It can be joined, as a worker. */
static void user_ended(struct task *t)
{
	waitq_wake(&task_worker_of(t)->done);
}

static const struct task_ops user_ops = {
	.returned = user_returned, .ended = user_ended, .release = user_release};

struct task *co_machine_user(const char *name, u64 pc)
{
	struct hal_user *u = kzalloc(sizeof(*u));
	struct task_worker *w = kzalloc(sizeof(*w));

	host_expect(u && w);
	hal_user_init(u, pc, 0);
	task_init(&w->task, name, u, &user_ops);
	waitq_init(&w->done);
	return &w->task;
}

/* --- runs --- */

/* The first worker's end is the machine's. */
struct watch {
	struct co_frame co;
	struct task *task;
	long result;
};
static co_t watch(struct co *co, struct watch *f)
{
	CO_BEGIN;
	CO_JOIN(f->result, f->task);
	if (f->result)
		host_fail("the first coroutine returned %ld", f->result);
	hal_power_off();
	CO_END;
}

static co_machine_main *watched;
static struct task *begin_watch(void)
{
	struct task *t, *inner = watched();

	host_expect(inner);
	CO_SPAWN(t, "watch", watch, .task = inner);
	return t;
}

static void explain_line(void *arg, const struct co_point *at)
{
	fprintf(stderr, "    %s %s:%u\n", at->func, at->file, at->line);
}

static void explain(void)
{
	for (unsigned i = 0; i < hal_cpu_count(); i++) {
		struct executor *ex = executor_nth(i);

		fprintf(stderr, "CPU %u: current %s, %u queued\n", i,
			ex->current ? ex->current->name : "none", runqs[i].count);
	}
	fprintf(stderr, "first worker, state %u:\n", main_task->state);
	co_backtrace(&main_task->co, explain_line, NULL);
}

enum host_end co_machine_run(struct host_config config, co_machine_main *first,
			     struct host_result *result)
{
	watched = first;
	main_first = begin_watch;
	config.explain = explain;
	if (!config.limit_ns)
		config.limit_ns = 20ul * 1000000000;
	return host_run(&config, result);
}

void co_machine_begin(co_machine_main *first)
{
	main_first = first;
}

static struct host_result last;

void co_machine_seeds(unsigned n, unsigned cpus, co_machine_main *first)
{
	const char *one = getenv("SEED");
	u64 from = one ? strtoull(one, NULL, 0) : 1, to = one ? from : n;

	for (u64 seed = from; seed <= to; seed++) {
		struct host_config config = {.seed = seed, .cpus = cpus, .memory = MEMORY,
					     .verbose = one};

		if (co_machine_run(config, first, &last) != HOST_OFF)
			fail_msg("seed %lu (set SEED=%lu to replay): %s: %s\n%s", seed, seed,
				 host_end_name(last.end), last.why, last.console);
	}
}

void co_machine_ends(unsigned cpus, co_machine_main *first, enum host_end end, const char *why)
{
	struct host_config config = {.seed = 1, .cpus = cpus, .memory = MEMORY};

	co_machine_run(config, first, &last);
	if (last.end != end)
		fail_msg("ended %s (%s), expected %s\n%s", host_end_name(last.end), last.why,
			 host_end_name(end), last.console);
	if (!strstr(last.why, why) && !strstr(last.console, why))
		fail_msg("'%s' is not in: %s\n%s", why, last.why, last.console);
}

unsigned co_machine_frame_pages(const struct co *co)
{
	unsigned n = co->chunk != NULL;

	for (unsigned i = 0; i < hal_cpu_count(); i++)
		n += executor_nth(i)->spare != NULL;
	return n;
}
