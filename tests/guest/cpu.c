/* Whose the time of the CPU is: users', the kernel's, nobody's; and limits on it.
 *
 * Who samples (Linux does, too) is wrong for once while the host is busy: a share may be taken
 * again, twice.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define BUSY_MS 600
#define ATTEMPTS 3

static long cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- ways to spend it --- */

static volatile unsigned long counter;

/* One round of each is a millisecond or so. */
static void compute(void)
{
	for (int i = 0; i < 300000; i++)
		counter++;
}

static void read_zeros(void)
{
	static char buffer[1 << 20];
	static int fd;

	if (!fd)
		fd = open("/dev/zero", O_RDONLY);
	for (int i = 0; i < 4; i++)
		if (read(fd, buffer, sizeof(buffer)) != sizeof(buffer))
			_exit(1);
}

static void make_small_calls(void)
{
	for (int i = 0; i < 2000; i++)
		syscall(SYS_getppid);
}

static void take_faults(void)
{
	size_t size = 1 << 20;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	for (size_t at = 0; at < size; at += 4096)
		p[at] = 1;
	munmap(p, size);
}

static void spend(void (*round)(void), long ms)
{
	for (long end = cpu_ms() + ms; cpu_ms() < end;)
		round();
}

/* What share of the time of a child that does this was the kernel's, in per cent. */
static int system_share(void (*round)(void))
{
	struct rusage before, after;
	long user, sys;
	pid_t pid;

	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &before), 0);
	pid = fork();
	if (!pid) {
		spend(round, BUSY_MS);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &after), 0);
	user = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000 +
	       (after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1000;
	sys = (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000 +
	      (after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1000;
	CHECK(user + sys >= BUSY_MS - 20);
	return (int)(sys * 100 / (user + sys));
}

static void share_is(void (*round)(void), int least, int most)
{
	int share = 0;

	for (int i = 0; i < ATTEMPTS; i++) {
		share = system_share(round);
		if (share >= least && share <= most)
			return;
	}
	CHECK_EQ(share, share < least ? least : most);
}

TEST(computing_is_user_time)
{
	share_is(compute, 0, 9);
}

TEST(copying_is_system_time)
{
	share_is(read_zeros, 75, 100);
}

TEST(small_calls_are_system_time)
{
	share_is(make_small_calls, 30, 100);
}

TEST(faults_are_system_time)
{
	share_is(take_faults, 50, 100);
}

/* --- the figures fit together --- */

TEST(times_add_up)
{
	long last_user = 0, last_system = 0, ticks = sysconf(_SC_CLK_TCK), wall = test_now_ms();
	struct rusage ru;
	struct tms t;
	struct timespec thread, process;

	while (cpu_ms() < BUSY_MS) {
		long user, sys;

		compute();
		make_small_calls();
		CHECK_EQ(getrusage(RUSAGE_SELF, &ru), 0);
		user = ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec;
		sys = ru.ru_stime.tv_sec * 1000000 + ru.ru_stime.tv_usec;
		CHECK(user >= last_user && sys >= last_system);
		last_user = user;
		last_system = sys;
	}
	CHECK(labs((last_user + last_system) / 1000 - cpu_ms()) < 30);
	times(&t);
	CHECK(labs(t.tms_utime * 1000 / ticks - last_user / 1000) < 60);
	CHECK(labs(t.tms_stime * 1000 / ticks - last_system / 1000) < 60);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &thread);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process);
	CHECK(labs((process.tv_sec - thread.tv_sec) * 1000 +
		   (process.tv_nsec - thread.tv_nsec) / 1000000) < 10);
	CHECK(cpu_ms() <= test_now_ms() - wall + 100);
}

TEST(a_sleeper_uses_none)
{
	long before = cpu_ms();

	test_sleep_ms(300);
	CHECK(cpu_ms() - before < 100);
}

/* Another process's time goes on while one looks at it. */
TEST(stat_of_a_busy_child)
{
	long user[2], sys[2], ticks = sysconf(_SC_CLK_TCK);
	char path[64];
	pid_t pid = fork();

	if (!pid)
		spend(compute, 60000);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(sscanf(strrchr(test_read_file(path), ')'),
				") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user[i],
				&sys[i]), 2);
		test_sleep_ms(i ? 0 : 1500);
	}
	kill(pid, SIGKILL);
	CHECK_EQ(test_wait(pid), SIGKILL);
	CHECK(user[1] - user[0] > ticks / 5);
	CHECK((sys[1] - sys[0]) * 4 < user[1] - user[0]);
}

/* --- the machine's --- */

struct machine { long user, nice, sys, idle; };

static struct machine machine_times(void)
{
	struct machine m;
	long idle, wait;

	CHECK_EQ(sscanf(test_read_file("/proc/stat"), "cpu %ld %ld %ld %ld %ld", &m.user, &m.nice,
			&m.sys, &idle, &wait), 5);
	m.idle = idle + wait;
	return m;
}

TEST(a_sleeping_machine_is_idle)
{
	struct machine before = machine_times(), after;
	long ticks;

	test_sleep_ms(1000);
	after = machine_times();
	ticks = after.user + after.nice + after.sys + after.idle - before.user - before.nice -
		before.sys - before.idle;
	CHECK(ticks >= 50);
	CHECK((after.idle - before.idle) * 100 > ticks * 70);
}

static struct machine in_the_machine(void (*round)(void), int nice_by)
{
	struct machine before = machine_times(), after;
	pid_t pid = fork();

	if (!pid) {
		if (nice(nice_by) == -1)
			_exit(1);
		spend(round, BUSY_MS);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
	after = machine_times();
	return (struct machine){ after.user - before.user, after.nice - before.nice,
				 after.sys - before.sys, after.idle - before.idle };
}

TEST(the_machine_counts_what_it_does)
{
	int users = 0, nices = 0, systems = 0;
	struct machine m;

	for (int i = 0; i < ATTEMPTS; i++) {
		m = in_the_machine(compute, 0);
		users += m.user > BUSY_MS / 40 && m.sys < m.user && m.nice < m.user;
		m = in_the_machine(compute, 5);
		nices += m.nice > BUSY_MS / 40 && m.sys < m.nice && m.user < m.nice;
		m = in_the_machine(read_zeros, 0);
		systems += m.sys > BUSY_MS / 40 && m.user < m.sys && m.nice < m.sys;
		if (users && nices && systems)
			return;
	}
	CHECK(users && nices && systems);
}

/* --- timers and limits --- */

static volatile sig_atomic_t signals;

static void count([[maybe_unused]] int sig)
{
	signals++;
}

/* Until there was a signal, but not for ever. */
static void spend_until_signalled(void (*round)(void), long most_ms)
{
	for (long end = cpu_ms() + most_ms; !signals && cpu_ms() < end;)
		round();
}

static void set_timer(int which, int sig, long ms)
{
	struct itimerval v = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	signals = 0;
	signal(sig, count);
	CHECK_EQ(setitimer(which, &v, NULL), 0);
}

TEST(virtual_timers_count_user_time)
{
	struct itimerval left;

	set_timer(ITIMER_VIRTUAL, SIGVTALRM, 400);
	spend(read_zeros, 600);
	CHECK_EQ(signals, 0);
	test_sleep_ms(300);
	CHECK_EQ(signals, 0);
	CHECK_EQ(getitimer(ITIMER_VIRTUAL, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_usec > 0);
	spend_until_signalled(compute, 2000);
	CHECK_EQ(signals, 1);
}

TEST(profiling_timers_count_all_cpu_time)
{
	set_timer(ITIMER_PROF, SIGPROF, 200);
	test_sleep_ms(300);
	CHECK_EQ(signals, 0);
	spend_until_signalled(read_zeros, 2000);
	CHECK_EQ(signals, 1);
	set_timer(ITIMER_PROF, SIGPROF, 200);
	spend_until_signalled(compute, 2000);
	CHECK_EQ(signals, 1);
}

static void over_the_limit(void *hard)
{
	struct rlimit limit = { 1, (rlim_t)(long)hard };

	signal(SIGXCPU, count);
	CHECK_EQ(setrlimit(RLIMIT_CPU, &limit), 0);
	spend_until_signalled(compute, 5000);
	CHECK_EQ(signals, 1);
	CHECK_EQ(getrlimit(RLIMIT_CPU, &limit), 0);
	CHECK_EQ(limit.rlim_cur, 2);
	spend(compute, 8000);
}

TEST(time_runs_out)
{
	int status = test_child(over_the_limit, (void *)2);

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void over_an_inherited_limit([[maybe_unused]] void *unused)
{
	spend(compute, 5000);
}

static void inherit([[maybe_unused]] void *unused)
{
	struct rlimit limit = { 1, RLIM_INFINITY };
	int status;

	CHECK_EQ(setrlimit(RLIMIT_CPU, &limit), 0);
	status = test_child(over_an_inherited_limit, NULL);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
}

TEST(a_limit_is_inherited)
{
	CHECK_EQ(test_child(inherit, NULL), 0);
}

/* --- Lichen's own file --- */

static bool on_linux(void)
{
	struct utsname u;

	uname(&u);
	if (!strstr(u.version, "Lichen"))
		printf("# skipped: this is Linux\n");
	return !strstr(u.version, "Lichen");
}

static long executor_number(const char *name)
{
	const char *at = strstr(test_read_file("/proc/executor"), name);

	CHECK(at != NULL);
	return atol(at + strlen(name));
}

TEST(what_the_executors_did)
{
	const char *at;
	long polls, sum = 0, switches;

	if (on_linux())
		return;
	CHECK_EQ(executor_number("cpu "), 0);
	polls = executor_number("polls ");
	switches = executor_number("switches ");
	for (int i = 0; i < 100; i++)
		test_sleep_ms(1);
	CHECK(executor_number("longest_ns ") > 0);
	CHECK(executor_number("idle_ns ") > 0);
	if (sysconf(_SC_NPROCESSORS_ONLN) == 1) {
		CHECK(executor_number("polls ") >= polls + 100);
		CHECK(executor_number("wakes ") >= 100);
		CHECK(executor_number("switches ") >= switches + 100);
	}
	/* The histogram is of the polls. */
	at = strstr(test_read_file("/proc/executor"), "histogram_ns");
	CHECK(at != NULL);
	polls = executor_number("polls ");
	at = strstr(test_read_file("/proc/executor"), "histogram_ns") + strlen("histogram_ns");
	while (*at == ' ') {
		long count;
		int n;

		CHECK_EQ(sscanf(at, " %*d:%ld%n", &count, &n), 1);
		sum += count;
		at += n;
	}
	CHECK(*at == '\n');
	CHECK(sum >= polls && sum <= polls + 1000);
}

TEST(the_longest_poll_is_forgotten)
{
	long before;

	if (on_linux())
		return;
	before = executor_number("longest_ns ");
	test_write_file("/proc/executor", "0");
	CHECK(executor_number("longest_ns ") <= before);
}
