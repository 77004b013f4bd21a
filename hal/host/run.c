/* hal/host/run.c -- one run of the machine: fork, wait, and what is brought back. */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hal/machine.h"
#include "hal/host/internal.h"

struct host_config host_config;
struct host_result *host_result;
bool host_attached, host_ended;
void (*host_halted)(void);

static struct host_result attached_result;
static u64 random_state[2];

/* --- the seed --- */

static u64 splitmix(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ul;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ul;
	z = (z ^ z >> 27) * 0x94d049bb133111ebul;
	return z ^ z >> 31;
}

static void random_seed(u64 seed)
{
	random_state[0] = splitmix(&seed);
	random_state[1] = splitmix(&seed);
}

/* xorshift128+: one thread at a time; in a free run the order is anybody's anyway. */
u64 host_random(u64 n)
{
	u64 s1, s0;

	host_lock();
	s1 = random_state[0];
	s0 = random_state[1];
	random_state[0] = s0;
	s1 ^= s1 << 23;
	random_state[1] = s1 ^ s0 ^ s1 >> 18 ^ s0 >> 5;
	s1 = random_state[1] + s0;
	host_unlock();
	return (u64)((unsigned __int128)s1 * n >> 64);
}

/* --- coverage: a run is another process, so its counters are added up in shared memory --- */

extern u64 *counters_begin(void) __asm__("__llvm_profile_begin_counters") __attribute__((weak));
extern u64 *counters_end(void) __asm__("__llvm_profile_end_counters") __attribute__((weak));
static u64 *coverage;

static u64 coverage_count(void)
{
	return counters_begin ? (u64)(counters_end() - counters_begin()) : 0;
}

__attribute__((no_profile_instrument_function)) static void coverage_collect(void)
{
	u64 n = coverage_count(), *mine;

	mine = n ? counters_begin() : NULL;
	for (u64 i = 0; i < n; i++)
		mine[i] += coverage[i];
}

__attribute__((no_profile_instrument_function)) void host_coverage_add(void)
{
	u64 n = coverage_count(), *mine;

	if (!n || !coverage)
		return;
	mine = counters_begin();
	for (u64 i = 0; i < n; i++)
		if (mine[i])
			__atomic_fetch_add(&coverage[i], mine[i], __ATOMIC_RELAXED);
}

static void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return p;
}

/* --- the end --- */

static const char *const end_names[] = {
	[HOST_OFF] = "off",	    [HOST_FAILED] = "failed", [HOST_HALTED] = "halted",
	[HOST_STUCK] = "stuck",	    [HOST_LATE] = "late",     [HOST_CUT] = "power cut",
	[HOST_CRASHED] = "crashed", [HOST_RESET] = "reset",
};

const char *host_end_name(enum host_end end)
{
	return end_names[end];
}

static void end_va(enum host_end end, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0), noreturn));
static void end_va(enum host_end end, const char *fmt, va_list ap)
{
	static u32 ending;
	u32 none = 0;

	if (host_attached) {
		vfprintf(stderr, fmt, ap);
		fputc('\n', stderr);
		if (host_halted)
			host_halted();
		abort();
	}
	/* In a free run several CPUs may come here: the first one tells. */
	if (!__atomic_compare_exchange_n(&ending, &none, 1u, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		for (;;)
			pause();
	__atomic_store_n(&host_ended, true, __ATOMIC_RELAXED);
	host_branches_end();
	vsnprintf(host_result->why, sizeof(host_result->why), fmt, ap);
	if ((end == HOST_STUCK || end == HOST_LATE) && host_config.explain)
		host_config.explain();
	host_result->ns = __atomic_load_n(&host_clock, __ATOMIC_RELAXED);
	if (host_config.finishing)
		host_config.finishing();
	host_coverage_add();
	host_result->end = end;
	_exit(0);
}

void host_end(enum host_end end, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end_va(end, fmt, ap);
}

void host_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end_va(HOST_FAILED, fmt, ap);
}

void hal_power_off(void)
{
	host_end(HOST_OFF, "%s", "");
}

void hal_reset(void)
{
	host_end(HOST_RESET, "%s", "");
}

void hal_halt(void)
{
	host_end(HOST_HALTED, "halted");
}

void hal_stop_others(void)
{
	for (unsigned i = 0; i < host_cpu_total; i++)
		if (&host_cpus[i] != host_self)
			host_cpus[i].stopped = true;
}

/* --- the beginning --- */

static void configure(const struct host_config *config)
{
	host_config = *config;
	host_config.cpus = config->cpus ? config->cpus : 1;
	host_config.memory = config->memory ? config->memory : 64ul << 20;
	host_config.limit_ns = config->limit_ns ? config->limit_ns : 1000ul * 1000000000;
	host_cpu_total = host_config.cpus;
	random_seed(config->seed);
	memset(host_cpus, 0, sizeof(host_cpus));
	for (unsigned i = 0; i < HAL_MAX_CPUS; i++) {
		host_cpus[i].cpu.id = i;
		host_cpus[i].timer_ns = HAL_TIMER_NEVER;
		host_cpus[i].root = hal_space_empty().raw;
	}
	host_memory_init();
	host_virtio_init();
	host_console_init();
}

void host_attach(const struct host_config *config)
{
	host_attached = true;
	memset(&attached_result, 0, sizeof(attached_result));
	host_result = &attached_result;
	host_clock = 0;
	configure(config);
	host_self = &host_cpus[0];
	host_self->started = true;
}

void host_be_cpu(unsigned n)
{
	host_self = &host_cpus[n];
}

void host_advance(u64 ns)
{
	host_clock += ns;
	host_events_run();
}

static cpu_set_t all_cores;

/* One core for a run whose threads take turns: handing over is then cheapest. */
static void stay_on_one_core(void)
{
	cpu_set_t set;

	sched_getaffinity(0, sizeof(all_cores), &all_cores);
	CPU_ZERO(&set);
	CPU_SET((unsigned)sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

void host_off_one_core(void)
{
	sched_setaffinity(0, sizeof(all_cores), &all_cores);
}

/* A run that goes round for ever ends by the time it uses, one that only waits by the clock, which
 * says little on a busy machine. */
static void limit_time(unsigned seconds)
{
	struct itimerval used = {.it_value.tv_sec = seconds};

	setitimer(ITIMER_PROF, &used, NULL);
	alarm(5 * seconds);
}

static void child(const struct host_config *config)
{
	host_attached = false;
	configure(config);
	if (config->mode != HOST_FREE)
		stay_on_one_core();
	limit_time(config->branched ? 1500 : 120);
	if (config->begin)
		config->begin();
	host_cpus_run();
}

enum host_end host_run(const struct host_config *config, struct host_result *result)
{
	static struct host_result *shared;
	pid_t pid;
	int status = 0;

	if (!shared) {
		shared = shared_memory(sizeof(*shared));
		if (coverage_count()) {
			coverage = shared_memory(coverage_count() * sizeof(u64));
			atexit(coverage_collect);
		}
	}
	memset(shared, 0, sizeof(*shared));
	shared->end = HOST_CRASHED;
	host_result = shared;
	fflush(NULL);
	pid = config->same_process ? 0 : fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid) {
		u64 n = coverage_count();

		if (n && !config->same_process)
			memset(counters_begin(), 0, n * sizeof(u64));
		child(config);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (shared->end == HOST_CRASHED) {
		shared->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		snprintf(shared->why, sizeof(shared->why), "signal %d, status %#x",
			 shared->signal, (unsigned)status);
	}
	*result = *shared;
	return result->end;
}
