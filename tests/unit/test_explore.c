/* tests/unit/test_explore.c -- small races between two CPUs under every interleaving.
 *
 * Each case is a few coroutines on CPUs of their own, left to run until nothing is to be done:
 * the run then ends "stuck", and what it left behind is judged.
 */
#include "co_machine.h"

#include <string.h>
#include <sys/mman.h>

static struct host_result result;
static bool (*settled)(void); /* judges the end, inside the run */
static u32 *verdict;	      /* shared: 1 good, 2 bad */
static co_machine_main *program;

static void judge(void)
{
	*verdict = settled() ? 1 : 2;
}

static bool good(const struct host_result *r)
{
	return r->end == HOST_STUCK && *verdict == 1;
}

/* Start coroutine fn on one CPU and no other. */
#define SPAWN_ON(cpu, fn, ...)                                                \
	do {                                                                  \
		struct task *t_ = task_worker_new(#fn);                       \
		struct fn *f_ = co_push(&t_->co, sizeof(struct fn));          \
		*f_ = (struct fn){__VA_ARGS__};                               \
		co_enter(&t_->co, &f_->co, (co_step *)fn);                    \
		t_->affinity = 1ul << (cpu);                                  \
		task_start(t_);                                               \
		task_put(t_);                                                 \
	} while (0)

static void explore(const char *name, unsigned cpus, co_machine_main *first, bool (*end)(void),
		    u64 limit)
{
	struct host_config config = {.seed = 1, .cpus = cpus, .memory = 4ul << 20,
				     .finishing = judge};
	u64 runs;

	settled = end;
	program = first;
	co_machine_begin(first);
	runs = host_explore(config, &result, limit, good);
	if (!runs)
		fail_msg("%s: %s: %s, verdict %u\n%s", name, host_end_name(result.end),
			 result.why, *verdict, result.console);
	print_message("%s: %lu interleavings%s\n", name, runs, runs == limit ? " (the limit)" : "");
	assert_true(runs < limit);
}

/* --- park and wake: the waiter looks, enlists, looks again and parks, while the other CPU
 * makes the condition true and wakes --- */

static struct waitq queue;
static u32 value, woke; /* [a] */

struct parker { struct co_frame co; };
static co_t parker(struct co *co, struct parker *f)
{
	CO_BEGIN;
	CO_WAIT_IO(&queue, atomic_load(&value));
	woke++;
	CO_RETURN(0);
	CO_END;
}

struct waker { struct co_frame co; };
static co_t waker(struct co *co, struct waker *f)
{
	CO_BEGIN;
	atomic_store(&value, 1u);
	waitq_wake(&queue);
	CO_RETURN(0);
	CO_END;
}

struct park_wake { struct co_frame co; };
static co_t park_wake(struct co *co, struct park_wake *f)
{
	CO_BEGIN;
	waitq_init(&queue);
	while (!executor_nth(1)->runq)
		CO_YIELD;
	host_explore_begin();
	SPAWN_ON(1, waker);
	SPAWN_ON(0, parker);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(park_wake)

static bool park_wake_settled(void)
{
	return woke == 1;
}

static void test_park_wake(void **state)
{
	explore("park and wake", 2, begin_park_wake, park_wake_settled, 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_park_wake),
	};

	verdict = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
