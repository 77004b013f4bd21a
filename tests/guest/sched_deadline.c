/* SCHED_DEADLINE: what may be asked for, what is promised, and who is held when it is used up. */
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define MS 1000000ul

#define RUNTIME_FILE "/proc/sys/kernel/sched_rt_runtime_us"
#define MAX_FILE     "/proc/sys/kernel/sched_deadline_period_max_us"
#define MIN_FILE     "/proc/sys/kernel/sched_deadline_period_min_us"

static long set_attr(pid_t pid, uint64_t runtime, uint64_t deadline, uint64_t period, uint64_t flags)
{
	struct sched_attr attr = {
		.size = sizeof(attr), .sched_policy = SCHED_DEADLINE, .sched_flags = flags,
		.sched_runtime = runtime, .sched_deadline = deadline, .sched_period = period,
	};

	return syscall(SYS_sched_setattr, pid, &attr, 0);
}

/* What one who left had may be promised to him until his deadline. */
static void set_soon(pid_t pid, uint64_t runtime, uint64_t deadline, uint64_t flags)
{
	while (set_attr(pid, runtime, deadline, 0, flags)) {
		CHECK_EQ(errno, EBUSY);
		test_sleep_ms(10);
	}
}

static struct sched_attr attr_of(pid_t pid)
{
	struct sched_attr attr;

	CHECK_EQ(syscall(SYS_sched_getattr, pid, &attr, sizeof(attr), 0), 0);
	return attr;
}

static void set_usual(int policy, int priority)
{
	struct sched_param param = {.sched_priority = priority};

	CHECK_EQ(sched_setscheduler(0, policy, &param), 0);
}

/* The n-th field of a thread's stat, from 1, n > 2. */
static long stat_field(int n)
{
	const char *at = strrchr(test_read_file("/proc/thread-self/stat"), ')') + 1;

	for (n -= 2; n > 0; n--)
		at = strchr(at, ' ') + 1;
	return strtol(at, NULL, 10);
}

static long cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

static bool write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool done;

	CHECK(f);
	done = fputs(text, f) >= 0;
	return !fclose(f) && done;
}

static pid_t child_with(uint64_t runtime, uint64_t deadline, long *error)
{
	int told[2];
	pid_t pid;

	CHECK_EQ(pipe(told), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		*error = set_attr(0, runtime, deadline, 0, 0) ? errno : 0;
		CHECK_EQ(write(told[1], error, sizeof(*error)), sizeof(*error));
		pause();
	}
	CHECK_EQ(read(told[0], error, sizeof(*error)), sizeof(*error));
	close(told[0]);
	close(told[1]);
	return pid;
}

/* 95 % of all CPUs, and no more. */
TEST(no_more_is_promised_than_there_is)
{
	pid_t pids[6];
	long n = cpus(), error;

	if (n > 6)
		return;
	for (long i = 0; i < n; i++) {
		do {
			pids[i] = child_with(80 * MS, 100 * MS, &error);
			if (error) {
				CHECK_EQ(error, EBUSY);
				kill(pids[i], SIGKILL);
				CHECK_EQ(test_wait(pids[i]), SIGKILL);
				test_sleep_ms(10);
			}
		} while (error);
	}
	/* 15 % of each is left. */
	CHECK_ERR(set_attr(0, 99 * MS, 100 * MS, 0, 0), EBUSY);
	set_soon(0, 1 * MS, 100 * MS, 0);
	CHECK_ERR(set_attr(0, 99 * MS, 100 * MS, 0, 0), EBUSY);
	/* Nor may the limit fall below what was promised. */
	CHECK(!write_file(RUNTIME_FILE, "500000"));
	CHECK_EQ(errno, EBUSY);
	for (long i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		CHECK_EQ(test_wait(pids[i]), SIGKILL);
	}
	set_soon(0, 40 * MS, 100 * MS, 0);
}

TEST(wrong_parameters)
{
	struct sched_param param = {0};

	CHECK_ERR(set_attr(0, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(set_attr(0, 1023, 100 * MS, 0, 0), EINVAL);
	CHECK_ERR(set_attr(0, 1024, 99999, 0, 0), EINVAL);
	CHECK_ERR(set_attr(0, 1 * MS, 4194304001ul, 0, 0), EINVAL);
	CHECK_ERR(set_attr(0, 1 * MS, 20 * MS, 15 * MS, 0), EINVAL);
	CHECK_ERR(set_attr(0, 10 * MS, 9 * MS, 20 * MS, 0), EINVAL);
	CHECK_ERR(set_attr(0, 1 * MS, 1ul << 63, 0, 0), EINVAL);
	CHECK_ERR(set_attr(0, 1 * MS, 20 * MS, 1ul << 63, 0), EINVAL);
	CHECK_ERR(set_attr(0, 1 * MS, 20 * MS, 0, 0x10000000), EINVAL);
	CHECK_ERR(set_attr(0, 1 * MS, 20 * MS, 0, SCHED_FLAG_UTIL_CLAMP_MIN), EOPNOTSUPP);
	CHECK_ERR(set_attr(0x3fffffff, 1 * MS, 20 * MS, 0, 0), ESRCH);
	/* The old calls have no way to say how much. */
	CHECK_ERR(sched_setscheduler(0, SCHED_DEADLINE, &param), EINVAL);
	CHECK_EQ(sched_get_priority_max(SCHED_DEADLINE), 0);
	CHECK_EQ(sched_get_priority_min(SCHED_DEADLINE), 0);
}

TEST(is_remembered)
{
	struct timespec ts = {9, 9};
	struct sched_param param = {.sched_priority = 5};
	struct sched_attr attr;

	signal(SIGXCPU, SIG_IGN);
	set_soon(0, 10 * MS, 100 * MS, 0);
	CHECK_EQ(set_attr(0, 10 * MS, 50 * MS, 100 * MS, 0), 0);
	attr = attr_of(0);
	CHECK_EQ(attr.sched_policy, SCHED_DEADLINE);
	CHECK_EQ(attr.sched_flags, 0);
	CHECK_EQ(attr.sched_runtime, 10 * MS);
	CHECK_EQ(attr.sched_deadline, 50 * MS);
	CHECK_EQ(attr.sched_period, 100 * MS);
	CHECK_EQ(sched_getscheduler(0), SCHED_DEADLINE);
	CHECK_EQ(sched_rr_get_interval(0, &ts), 0);
	CHECK_EQ(ts.tv_sec, 0);
	CHECK_EQ(ts.tv_nsec, 0);
	CHECK_EQ(stat_field(18), -101);
	CHECK_EQ(stat_field(40), 0);
	CHECK_EQ(stat_field(41), SCHED_DEADLINE);
	/* A nice value waits for it to be of use again. */
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	CHECK_EQ(stat_field(18), -101);
	CHECK_EQ(stat_field(19), 5);
	CHECK_ERR(sched_setparam(0, &param), EINVAL);
	CHECK_EQ(sched_getparam(0, &param), 0);
	CHECK_EQ(param.sched_priority, 0);
	CHECK_ERR(sched_setparam(0, &param), EINVAL);
	CHECK_EQ(set_attr(0, 10 * MS, 50 * MS, 0, SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN), 0);
	attr = attr_of(0);
	CHECK_EQ(attr.sched_flags, SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN);
	CHECK_EQ(attr.sched_period, 50 * MS);
	set_usual(SCHED_OTHER, 0);
	attr = attr_of(0);
	CHECK_EQ(attr.sched_policy, SCHED_OTHER);
	CHECK_EQ(attr.sched_deadline, 0);
	CHECK_EQ(attr.sched_nice, 5);
	CHECK_EQ(stat_field(18), 25);
}

/* SCHED_FLAG_KEEP_POLICY and _PARAMS. */
TEST(is_kept)
{
	struct sched_attr attr;

	signal(SIGXCPU, SIG_IGN);
	set_soon(0, 10 * MS, 50 * MS, SCHED_FLAG_DL_OVERRUN);
	CHECK_EQ(set_attr(0, 1, 2, 3, SCHED_FLAG_KEEP_ALL), 0);
	attr = attr_of(0);
	CHECK_EQ(attr.sched_runtime, 10 * MS);
	CHECK_EQ(attr.sched_flags, SCHED_FLAG_DL_OVERRUN);
	CHECK_EQ(set_attr(0, 11 * MS, 50 * MS, 0,
			  SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_RESET_ON_FORK), 0);
	attr = attr_of(0);
	CHECK_EQ(attr.sched_runtime, 11 * MS);
	CHECK_EQ(attr.sched_flags, 0);
}

static void ordinary(void *arg)
{
	pid_t *with_deadline = arg;

	CHECK_ERR(set_attr(0, 1 * MS, 100 * MS, 0, 0), EPERM);
	CHECK_ERR(set_attr(0, 1 * MS, 0, 0, 0), EINVAL);
	CHECK_ERR(set_attr(*with_deadline, 1 * MS, 100 * MS, 0, 0), EPERM);
}

TEST(without_privilege)
{
	pid_t me = getpid();

	set_soon(0, 10 * MS, 100 * MS, SCHED_FLAG_RESET_ON_FORK);
	CHECK_EQ(test_child_as(1000, ordinary, &me), 0);
}

static void is_usual(void *arg)
{
	(void)arg;
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_EQ(attr_of(0).sched_deadline, 0);
	CHECK_EQ(stat_field(18), 20);
}

static void *nothing(void *arg)
{
	return arg;
}

/* A promise cannot be made twice. */
TEST(no_children)
{
	pthread_t thread;

	set_soon(0, 20 * MS, 100 * MS, 0);
	CHECK_ERR(fork(), EAGAIN);
	CHECK_EQ(pthread_create(&thread, NULL, nothing, NULL), EAGAIN);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	CHECK_EQ(set_attr(0, 20 * MS, 100 * MS, 0, SCHED_FLAG_RESET_ON_FORK), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_DEADLINE | SCHED_RESET_ON_FORK);
	CHECK_EQ(test_child(is_usual, NULL), 0);
	CHECK_EQ(pthread_create(&thread, NULL, nothing, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* It is promised to it of all CPUs together. */
TEST(cpus_are_not_chosen)
{
	cpu_set_t all, one;

	if (cpus() < 2)
		return;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	CHECK_ERR(set_attr(0, 10 * MS, 100 * MS, 0, 0), EPERM);
	CHECK_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
	set_soon(0, 10 * MS, 100 * MS, 0);
	CHECK_ERR(sched_setaffinity(0, sizeof(one), &one), EBUSY);
	CHECK_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
}

/* --- who runs --- */

static volatile sig_atomic_t overruns;
static volatile int overrun_code;

static void overrun(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	overrun_code = info->si_code;
	overruns++;
}

/* Who goes on when his budget is used up is told, if he wants to be, and goes on in his next
 * period. */
TEST(an_overrun_is_told)
{
	struct sigaction act = {.sa_sigaction = overrun, .sa_flags = SA_SIGINFO};

	CHECK_EQ(sigaction(SIGXCPU, &act, NULL), 0);
	set_soon(0, 10 * MS, 40 * MS, SCHED_FLAG_DL_OVERRUN);
	while (overruns < 3)
		;
	CHECK_EQ(overrun_code, SI_KERNEL);
	set_usual(SCHED_OTHER, 0);
}

/* Who yields waits for his next period. */
TEST(a_yield_gives_the_rest_away)
{
	long since;

	set_soon(0, 20 * MS, 100 * MS, 0);
	since = test_now_ms();
	for (int i = 0; i < 5; i++)
		CHECK_EQ(sched_yield(), 0);
	CHECK(test_now_ms() - since >= 390);
}

/* While those with deadlines would have all there is. */
TEST(others_are_not_starved)
{
	long n = cpus();
	pid_t pids[64];

	CHECK(n < 64);
	for (long i = 0; i < n; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (!pids[i]) {
			set_soon(0, 20 * MS, 100 * MS, 0);
			for (;;)
				;
		}
	}
	for (long i = 0; i < n; i++)
		while (sched_getscheduler(pids[i]) != SCHED_DEADLINE)
			test_sleep_ms(1);
	for (int i = 0; i < 10; i++)
		test_sleep_ms(10);
	for (long i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		CHECK_EQ(test_wait(pids[i]), SIGKILL);
	}
}

struct shared {
	uint32_t word;
	volatile uint32_t ready, came, order[2];
};

static struct shared *share(void)
{
	struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0);

	CHECK(s != MAP_FAILED);
	return s;
}

static char state_of(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return strrchr(test_read_file(path), ')')[2];
}

static pid_t wait_with(struct shared *s, uint64_t deadline)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		set_soon(0, 10 * MS, deadline, 0);
		__atomic_add_fetch(&s->ready, 1, __ATOMIC_SEQ_CST);
		CHECK_EQ(syscall(SYS_futex, &s->word, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0), 0);
		s->order[__atomic_fetch_add(&s->came, 1, __ATOMIC_SEQ_CST)] =
			(uint32_t)(deadline / MS);
		_exit(0);
	}
	return pid;
}

/* Of two that are woken together the one with the earlier deadline. */
TEST(the_earliest_deadline_first)
{
	struct shared *s = share();
	pid_t late, early;

	if (cpus() > 1)
		return;
	late = wait_with(s, 400 * MS);
	while (s->ready != 1 || state_of(late) != 'S')
		test_sleep_ms(1);
	early = wait_with(s, 100 * MS);
	while (s->ready != 2 || state_of(early) != 'S')
		test_sleep_ms(1);
	CHECK_EQ(syscall(SYS_futex, &s->word, 1 /* FUTEX_WAKE */, 2, NULL, NULL, 0), 2);
	while (wait(NULL) > 0)
		;
	CHECK_EQ(s->order[0], 100);
	CHECK_EQ(s->order[1], 400);
}

/* --- who is waited for --- */

static pthread_mutex_t lent;
static uint32_t is_held;

static void *hold(void *arg)
{
	CHECK_EQ(pthread_mutex_lock(&lent), 0);
	CHECK_EQ(stat_field(18), 20);
	__atomic_store_n(&is_held, 1, __ATOMIC_RELEASE);
	while (stat_field(18) != -101)
		sched_yield();
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	/* What is lent is not passed on. */
	CHECK_EQ(test_child(is_usual, NULL), 0);
	CHECK_EQ(pthread_mutex_unlock(&lent), 0);
	CHECK_EQ(stat_field(18), 20);
	return arg;
}

static void *want(void *arg)
{
	set_soon(0, 10 * MS, 100 * MS, 0);
	CHECK_EQ(pthread_mutex_lock(&lent), 0);
	CHECK_EQ(pthread_mutex_unlock(&lent), 0);
	return arg;
}

/* The owner of a lock runs as who waits for it, until it lets go. */
TEST(a_lock_s_owner_is_lent_a_deadline)
{
	pthread_mutexattr_t attr;
	pthread_t holder, wanter;

	CHECK_EQ(pthread_mutexattr_init(&attr), 0);
	CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
	CHECK_EQ(pthread_mutex_init(&lent, &attr), 0);
	CHECK_EQ(pthread_create(&holder, NULL, hold, NULL), 0);
	while (!__atomic_load_n(&is_held, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	CHECK_EQ(pthread_create(&wanter, NULL, want, NULL), 0);
	CHECK_EQ(pthread_join(holder, NULL), 0);
	CHECK_EQ(pthread_join(wanter, NULL), 0);
}

TEST(limits_in_proc)
{
	CHECK_EQ(strcmp(test_read_file(MAX_FILE), "4194304\n"), 0);
	CHECK_EQ(strcmp(test_read_file(MIN_FILE), "100\n"), 0);
	CHECK(!write_file(MAX_FILE, "99"));
	CHECK_EQ(errno, EINVAL);
	CHECK(!write_file(MAX_FILE, "-1"));
	CHECK(!write_file(MAX_FILE, "4294967296"));
	CHECK(!write_file(MIN_FILE, "4194305"));
	CHECK_EQ(errno, EINVAL);
	CHECK(write_file(MIN_FILE, "50"));
	set_soon(0, 30000, 50000, 0);
	CHECK(write_file(MIN_FILE, "100"));
	CHECK_EQ(attr_of(0).sched_period, 50000);
	set_usual(SCHED_OTHER, 0);
	CHECK_ERR(set_attr(0, 1024, 50000, 0, 0), EINVAL);
}
