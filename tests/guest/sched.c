/* Scheduling policies: what may be asked for by whom, and who runs before whom. */
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

static int set(pid_t pid, int policy, int priority)
{
	struct sched_param param = {.sched_priority = priority};

	return sched_setscheduler(pid, policy, &param);
}

static int priority_of(pid_t pid)
{
	struct sched_param param;

	CHECK_EQ(sched_getparam(pid, &param), 0);
	return param.sched_priority;
}

static struct sched_attr attr_of(pid_t pid)
{
	struct sched_attr attr;

	CHECK_EQ(syscall(SYS_sched_getattr, pid, &attr, sizeof(attr), 0), 0);
	CHECK_EQ(attr.size, sizeof(attr));
	return attr;
}

static long set_attr(pid_t pid, struct sched_attr attr)
{
	return syscall(SYS_sched_setattr, pid, &attr, 0);
}

/* The n-th field of a thread's stat, from 1, n > 2. */
static long stat_field(int n)
{
	const char *at = strrchr(test_read_file("/proc/thread-self/stat"), ')') + 1;

	for (n -= 2; n > 0; n--)
		at = strchr(at, ' ') + 1;
	return strtol(at, NULL, 10);
}

static void limit(int which, long to)
{
	struct rlimit r = {(rlim_t)to, (rlim_t)to};

	CHECK_EQ(setrlimit(which, &r), 0);
}

static void stay_on_cpu_0(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
}

TEST(policies_are_remembered)
{
	static const int policies[] = {SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_OTHER};

	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		int policy = policies[i], rt = policy == SCHED_FIFO || policy == SCHED_RR;

		CHECK_EQ(set(0, policy, rt ? 7 : 0), 0);
		CHECK_EQ(sched_getscheduler(0), policy);
		CHECK_EQ(priority_of(0), rt ? 7 : 0);
		CHECK_EQ(attr_of(0).sched_policy, policy);
		CHECK_EQ(attr_of(0).sched_priority, rt ? 7 : 0);
		CHECK_EQ(stat_field(18), rt ? -8 : 20);
		CHECK_EQ(stat_field(40), rt ? 7 : 0);
		CHECK_EQ(stat_field(41), policy);
	}
}

TEST(wrong_parameters)
{
	struct sched_param param = {0};

	CHECK_ERR(set(0, SCHED_FIFO, 0), EINVAL);
	CHECK_ERR(set(0, SCHED_FIFO, 100), EINVAL);
	CHECK_ERR(set(0, SCHED_RR, -1), EINVAL);
	CHECK_ERR(set(0, SCHED_OTHER, 1), EINVAL);
	CHECK_ERR(set(0, SCHED_IDLE, 1), EINVAL);
	CHECK_ERR(set(0, 4, 0), EINVAL);
	CHECK_ERR(set(0, SCHED_DEADLINE, 0), EINVAL);
	CHECK_ERR(set(0, -1, 0), EINVAL);
	CHECK_ERR(set(-1, SCHED_OTHER, 0), EINVAL);
	CHECK_ERR(set(0x3fffffff, SCHED_OTHER, 0), ESRCH);
	CHECK_ERR(set(0x3fffffff, SCHED_OTHER, 5), ESRCH);
	CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, NULL), EINVAL);
	CHECK_ERR(sched_getparam(0, NULL), EINVAL);
	CHECK_ERR(sched_getparam(-1, &param), EINVAL);
	CHECK_ERR(sched_getparam(0x3fffffff, &param), ESRCH);
	CHECK_ERR(sched_getscheduler(-1), EINVAL);
	CHECK_ERR(sched_getscheduler(0x3fffffff), ESRCH);
	param.sched_priority = 3;
	CHECK_ERR(sched_setparam(0, &param), EINVAL);
	CHECK_EQ(set(0, SCHED_RR, 2), 0);
	CHECK_EQ(sched_setparam(0, &param), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_RR);
	CHECK_EQ(priority_of(0), 3);
}

TEST(attributes)
{
	struct sched_attr attr = {.size = sizeof(attr), .sched_policy = SCHED_OTHER};

	attr.sched_nice = -30;
	CHECK_EQ(set_attr(0, attr), 0);
	CHECK_EQ(attr_of(0).sched_nice, -20);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), -20);
	attr = (struct sched_attr){.size = sizeof(attr), .sched_policy = SCHED_RR,
				   .sched_priority = 9, .sched_nice = 3};
	CHECK_EQ(set_attr(0, attr), 0);
	CHECK_EQ(attr_of(0).sched_priority, 9);
	CHECK_EQ(attr_of(0).sched_nice, 0);
	/* The nice value waits for it to be of use again. */
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), -20);
	attr.sched_flags = SCHED_FLAG_KEEP_POLICY;
	attr.sched_priority = 11;
	attr.sched_policy = SCHED_OTHER;
	CHECK_EQ(set_attr(0, attr), 0);
	CHECK_EQ(attr_of(0).sched_policy, SCHED_RR);
	CHECK_EQ(attr_of(0).sched_priority, 11);
	/* This keeps the policy, too, and leaves only the flag to be set. */
	attr.sched_flags = SCHED_FLAG_KEEP_PARAMS | SCHED_FLAG_RESET_ON_FORK;
	attr.sched_policy = SCHED_FIFO;
	attr.sched_priority = 0;
	CHECK_EQ(set_attr(0, attr), 0);
	CHECK_EQ(attr_of(0).sched_policy, SCHED_RR);
	CHECK_EQ(attr_of(0).sched_priority, 11);
	CHECK_EQ(attr_of(0).sched_flags, SCHED_FLAG_RESET_ON_FORK);
	attr.sched_flags = 1 << 10;
	CHECK_ERR(set_attr(0, attr), EINVAL);
	attr.sched_flags = 0;
	CHECK_ERR(set_attr(0x3fffffff, attr), ESRCH);
	CHECK_ERR(set_attr(-1, attr), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &attr, 1), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getattr, 0, &attr, 40, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 1), EINVAL);
	attr = (struct sched_attr){.size = sizeof(attr), .sched_policy = SCHED_DEADLINE,
				   .sched_runtime = 2000000, .sched_deadline = 1000000};
	CHECK_ERR(set_attr(0, attr), EINVAL);
}

/* What a request is can be chosen, within limits. */
TEST(slice)
{
	struct sched_attr attr = {.size = sizeof(attr), .sched_runtime = 5000000};
	uint64_t usual = attr_of(0).sched_runtime;

	CHECK_EQ(set_attr(0, attr), 0);
	CHECK_EQ(attr_of(0).sched_runtime, 5000000);
	attr.sched_runtime = 1;
	CHECK_EQ(set_attr(0, attr), 0);
	CHECK_EQ(attr_of(0).sched_runtime, 100000);
	attr.sched_runtime = 1ul << 40;
	CHECK_EQ(set_attr(0, attr), 0);
	CHECK_EQ(attr_of(0).sched_runtime, 100000000);
	attr.sched_runtime = 0;
	CHECK_EQ(set_attr(0, attr), 0);
	CHECK_EQ(attr_of(0).sched_runtime, usual);
}

TEST(turns)
{
	struct timespec ts;

	CHECK_EQ(set(0, SCHED_RR, 1), 0);
	CHECK_EQ(sched_rr_get_interval(0, &ts), 0);
	CHECK_EQ(ts.tv_sec, 0);
	CHECK_EQ(ts.tv_nsec, 100000000);
	CHECK_EQ(set(0, SCHED_FIFO, 1), 0);
	CHECK_EQ(sched_rr_get_interval(0, &ts), 0);
	CHECK_EQ(ts.tv_sec, 0);
	CHECK_EQ(ts.tv_nsec, 0);
	CHECK_ERR(sched_rr_get_interval(-1, &ts), EINVAL);
	CHECK_ERR(sched_rr_get_interval(0x3fffffff, &ts), ESRCH);
}

/* --- rights --- */

static void ordinary(void *arg)
{
	(void)arg;
	limit(RLIMIT_RTPRIO, 0);
	limit(RLIMIT_NICE, 0);
	CHECK_ERR(set(0, SCHED_FIFO, 1), EPERM);
	CHECK_ERR(set(0, SCHED_RR, 1), EPERM);
	CHECK_ERR(set(1, SCHED_OTHER, 0), EPERM);
	CHECK_EQ(set(0, SCHED_BATCH, 0), 0);
	CHECK_EQ(set(0, SCHED_OTHER, 0), 0);
	CHECK_EQ(set(0, SCHED_IDLE, 0), 0);
	/* The way back is that of a better nice value. */
	CHECK_ERR(set(0, SCHED_OTHER, 0), EPERM);
	CHECK_EQ(set(0, SCHED_IDLE | SCHED_RESET_ON_FORK, 0), 0);
	CHECK_ERR(set(0, SCHED_IDLE, 0), EPERM);
}

static void limited(void *arg)
{
	(void)arg;
	CHECK_EQ(set(0, SCHED_FIFO, 10), 0);
	CHECK_ERR(set(0, SCHED_FIFO, 11), EPERM);
	CHECK_EQ(set(0, SCHED_RR, 5), 0);
	limit(RLIMIT_RTPRIO, 0);
	/* What it has it may keep, and lower. */
	CHECK_EQ(set(0, SCHED_RR, 5), 0);
	CHECK_EQ(set(0, SCHED_RR, 4), 0);
	CHECK_ERR(set(0, SCHED_FIFO, 4), EPERM);
	CHECK_ERR(set(0, SCHED_RR, 5), EPERM);
	CHECK_EQ(set(0, SCHED_OTHER, 0), 0);
	CHECK_ERR(set(0, SCHED_RR, 1), EPERM);
}

TEST(without_privilege)
{
	CHECK_EQ(test_child_as(1000, ordinary, NULL), 0);
}

TEST(up_to_a_limit)
{
	limit(RLIMIT_RTPRIO, 10);
	CHECK_EQ(test_child_as(1000, limited, NULL), 0);
}

static void kill_all(void *arg)
{
	(void)arg;
	CHECK_EQ(kill(-1, SIGCONT), 0);
}

/* There are others, but none that may be told: no error. */
TEST(a_signal_for_all_who_may_not_be_told)
{
	CHECK_EQ(test_child_as(54321, kill_all, NULL), 0);
}

/* --- children --- */

static void is_usual(void *arg)
{
	(void)arg;
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_EQ(priority_of(0), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
}

static void is_round_robin(void *arg)
{
	(void)arg;
	CHECK_EQ(sched_getscheduler(0), SCHED_RR);
	CHECK_EQ(priority_of(0), 3);
}

TEST(children_inherit)
{
	CHECK_EQ(set(0, SCHED_RR, 3), 0);
	CHECK_EQ(test_child(is_round_robin, NULL), 0);
}

TEST(reset_on_fork)
{
	CHECK_EQ(set(0, SCHED_RR | SCHED_RESET_ON_FORK, 3), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
	CHECK_EQ(attr_of(0).sched_flags, SCHED_FLAG_RESET_ON_FORK);
	CHECK_EQ(test_child(is_usual, NULL), 0);
	CHECK_EQ(set(0, SCHED_OTHER | SCHED_RESET_ON_FORK, 0), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, -5), 0);
	CHECK_EQ(test_child(is_usual, NULL), 0);
	CHECK_EQ(set(0, SCHED_OTHER, 0), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
}

/* --- who runs --- */

struct shared {
	volatile uint32_t counted;
	volatile uint32_t woken, order[4];
};

static struct shared *share(void)
{
	struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0);

	CHECK(s != MAP_FAILED);
	return s;
}

static pid_t child_with(int policy, int priority, void (*run)(struct shared *), struct shared *s)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		CHECK_EQ(set(0, policy, priority), 0);
		run(s);
		_exit(0);
	}
	return pid;
}

static void take_a_number(struct shared *s)
{
	s->order[s->woken++] = (uint32_t)priority_of(0);
}

/* On one CPU a real-time task runs to its end before a lower one begins, whoever came first. */
TEST(the_highest_first)
{
	struct shared *s = share();

	stay_on_cpu_0();
	CHECK_EQ(set(0, SCHED_FIFO, 50), 0);
	child_with(SCHED_FIFO, 10, take_a_number, s);
	child_with(SCHED_RR, 30, take_a_number, s);
	child_with(SCHED_FIFO, 20, take_a_number, s);
	/* They are at 50 as we are until they say else, and we do not wait before. */
	while (wait(NULL) > 0)
		;
	CHECK_EQ(s->woken, 3);
	CHECK_EQ(s->order[0], 30);
	CHECK_EQ(s->order[1], 20);
	CHECK_EQ(s->order[2], 10);
}

static void wait_and_note(struct shared *s)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	s->woken = 1;
	CHECK_EQ(sigwait(&set, &sig), 0);
	s->woken = 2;
}

/* On the same CPU a woken one of a higher priority goes on at once, before whoever woke it. */
TEST(a_woken_one_preempts)
{
	struct shared *s = share();
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	stay_on_cpu_0();
	pid = child_with(SCHED_FIFO, 10, wait_and_note, s);
	while (s->woken != 1)
		sched_yield();
	test_sleep_ms(10);
	CHECK_EQ(kill(pid, SIGUSR1), 0);
	CHECK_EQ(s->woken, 2);
	CHECK_EQ(test_wait(pid), 0);
}

/* The same for one that becomes real-time while it is ready. */
TEST(a_raised_one_preempts)
{
	struct shared *s = share();
	int gate[2];
	pid_t pid;
	char c;

	stay_on_cpu_0();
	CHECK_EQ(pipe(gate), 0);
	CHECK_EQ(set(0, SCHED_FIFO, 5), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		struct sched_param param = {0};

		CHECK_EQ(sched_setscheduler(0, SCHED_OTHER, &param), 0);
		s->order[0] = 1;
		CHECK_EQ(read(gate[0], &c, 1), 1);
		s->woken = 1;
		pause();
	}
	while (!s->order[0])
		test_sleep_ms(5);
	CHECK_EQ(write(gate[1], "x", 1), 1);
	CHECK_EQ(s->woken, 0);
	CHECK_EQ(set(pid, SCHED_FIFO, 6), 0);
	CHECK_EQ(s->woken, 1);
	kill(pid, SIGKILL);
	CHECK_EQ(test_wait(pid), SIGKILL);
}

static void spin(struct shared *s)
{
	for (;;)
		s->counted++;
}

/* Two of a priority take turns if they are SCHED_RR. */
TEST(round_robin_takes_turns)
{
	struct shared *a = share(), *b = share();
	pid_t one, two;

	stay_on_cpu_0();
	CHECK_EQ(set(0, SCHED_FIFO, 50), 0);
	one = child_with(SCHED_RR, 5, spin, a);
	two = child_with(SCHED_RR, 5, spin, b);
	while (!a->counted || !b->counted)
		test_sleep_ms(50);
	kill(one, SIGKILL);
	kill(two, SIGKILL);
	CHECK_EQ(test_wait(one), SIGKILL);
	CHECK_EQ(test_wait(two), SIGKILL);
}

/* Others are not starved altogether. */
TEST(the_others_have_a_little)
{
	struct shared *a = share(), *b = share();
	pid_t rt, other;

	stay_on_cpu_0();
	CHECK_EQ(set(0, SCHED_FIFO, 50), 0);
	rt = child_with(SCHED_FIFO, 5, spin, a);
	other = child_with(SCHED_OTHER, 0, spin, b);
	while (!a->counted || !b->counted)
		test_sleep_ms(50);
	kill(rt, SIGKILL);
	kill(other, SIGKILL);
	CHECK_EQ(test_wait(rt), SIGKILL);
	CHECK_EQ(test_wait(other), SIGKILL);
}

/* While a real-time task of its CPU runs on, another real-time one finds another CPU. */
TEST(a_lower_one_goes_elsewhere)
{
	struct shared *a = share(), *b = share();
	pid_t one, two;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	one = child_with(SCHED_FIFO, 20, spin, a);
	two = child_with(SCHED_FIFO, 10, spin, b);
	while (!a->counted || !b->counted)
		test_sleep_ms(5);
	kill(one, SIGKILL);
	kill(two, SIGKILL);
	CHECK_EQ(test_wait(one), SIGKILL);
	CHECK_EQ(test_wait(two), SIGKILL);
}

/* --- who is waited for --- */

static pthread_mutex_t lent;
static uint32_t is_held;

static void *hold(void *arg)
{
	CHECK_EQ(set(0, SCHED_OTHER, 0), 0);
	CHECK_EQ(pthread_mutex_lock(&lent), 0);
	CHECK_EQ(stat_field(18), 20);
	__atomic_store_n(&is_held, 1, __ATOMIC_RELEASE);
	while (stat_field(18) != -11)
		sched_yield();
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_EQ(pthread_mutex_unlock(&lent), 0);
	CHECK_EQ(stat_field(18), 20);
	return arg;
}

static void *want(void *arg)
{
	CHECK_EQ(set(0, SCHED_FIFO, 10), 0);
	CHECK_EQ(pthread_mutex_lock(&lent), 0);
	CHECK_EQ(pthread_mutex_unlock(&lent), 0);
	return arg;
}

/* The owner of a lock runs with the real-time priority of who waits for it, until it lets go. */
TEST(a_lock_s_owner_is_lent_a_priority)
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
	char old[32];

	snprintf(old, sizeof(old), "%s", test_read_file("/proc/sys/kernel/sched_rt_runtime_us"));
	CHECK_EQ(strcmp(old, "950000\n"), 0);
	CHECK_EQ(strcmp(test_read_file("/proc/sys/kernel/sched_rt_period_us"), "1000000\n"), 0);
	test_write_file("/proc/sys/kernel/sched_rt_runtime_us", "-1\n");
	CHECK_EQ(strcmp(test_read_file("/proc/sys/kernel/sched_rt_runtime_us"), "-1\n"), 0);
	test_write_file("/proc/sys/kernel/sched_rt_runtime_us", old);
	CHECK_EQ(strcmp(test_read_file("/proc/sys/kernel/sched_rr_timeslice_ms"), "100\n"), 0);
}
