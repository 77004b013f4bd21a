/* Fifty tracers, killed at random, with fifty tracees.
 *
 *     tracers SECONDS [SEED [TRACEES]]
 *
 * A tracee goes round and round: calls, signals to itself, children. Its tracer attaches in one way or
 * the other, follows it and its children by call or by event, stops it, lets it go and comes back.
 * Whoever dies is a tracer, at any moment; another one takes its place. At the end no tracer is left,
 * and each tracee has to be there, traced by nobody, stopped by nothing, and to go on; then all are ended,
 * and the kernel's memory is as it was (stress.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

enum { WARM_UP_S = 2, TRACEES_MAX = 200, LONG_MS = 120000, WALL = 0x40000000 };

struct pair {
	pid_t tracee, tracer;
	unsigned life;
};
static struct pair pairs[TRACEES_MAX];
static volatile unsigned long *rounds;	/* of each tracee, in memory that all share */

static unsigned count = 50;
static uint64_t state = 1;
static long killed, failed;

long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

/* --- tracees --- */

static void nothing(int sig)
{
	(void)sig;
}

static void have_child(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

[[noreturn]] static void be_traced(unsigned n)
{
	int ends[2];
	char byte = 0;

	signal(SIGUSR1, nothing);
	if (pipe(ends) < 0)
		_exit(1);
	for (;;) {
		while (write(ends[1], &byte, 1) < 0 && errno == EINTR)
			;
		while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
			;
		raise(SIGUSR1);
		if (rounds[n] % 16 == 0)
			have_child();
		if (rounds[n] % 8 == 0)
			usleep(200);
		rounds[n]++;
	}
}

static void start_tracee(unsigned n)
{
	pid_t pid = fork();

	if (!pid)
		be_traced(n);
	pairs[n].tracee = pid;
}

/* --- tracers --- */

/* Always with SYSGOOD: a call's stop whose tracer dies at the same moment becomes a signal on Linux, and
 * this makes it one that there is not. */
static const long options[] = { PTRACE_O_TRACESYSGOOD,
				PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT };

static void go_on(pid_t pid, int sig)
{
	if (pick(64) == 0) {
		ptrace(PTRACE_DETACH, pid, 0, (long)sig);
	} else if (pick(4) == 0) {
		ptrace(PTRACE_CONT, pid, 0, (long)sig);
	} else {
		ptrace(PTRACE_SETOPTIONS, pid, 0, options[pick(2)]);
		ptrace(PTRACE_SYSCALL, pid, 0, (long)sig);
	}
}

/* Somebody stopped, or ended. */
static void follow(pid_t pid, int status)
{
	int sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
	siginfo_t info;

	if (!WIFSTOPPED(status))
		return;
	if (pick(8) == 0)
		ptrace(PTRACE_GETSIGINFO, pid, 0, &info);
	/* SIGTRAP is ours, with or without 0x80; stops are not passed on. */
	if ((sig & 0x7f) == SIGTRAP || status >> 16 || sig == SIGSTOP)
		sig = 0;
	go_on(pid, sig);
}

[[noreturn]] static void trace(pid_t pid)
{
	int status;

	for (;;) {
		pid_t got = waitpid(-1, &status, WALL);

		if (got > 0) {
			follow(got, status);
			continue;
		}
		/* It has none (any more). */
		if (pick(2) ? ptrace(PTRACE_SEIZE, pid, 0, options[pick(2)])
			    : ptrace(PTRACE_ATTACH, pid, 0, 0))
			sleep_ms(1);
		if (pick(2))
			ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	}
}

static void start_tracer(unsigned n)
{
	uint64_t own = state * 31 + n * 7919 + pairs[n].life++;
	pid_t pid = fork();

	if (!pid) {
		state = own;
		trace(pairs[n].tracee);
	}
	pairs[n].tracer = pid;
}

static void end_tracer(unsigned n)
{
	int status;

	kill(pairs[n].tracer, SIGKILL);
	while (waitpid(pairs[n].tracer, &status, 0) < 0 && errno == EINTR)
		;
	killed++;
}

/* --- the run --- */

/* Nobody but tracers has ended, and who came to us. */
static void look_for_lost(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned n = 0; n < count; n++)
			if (pid == pairs[n].tracee || pid == pairs[n].tracer) {
				printf("%s %u ended: %#x\n",
				       pid == pairs[n].tracee ? "tracee" : "tracer", n, status);
				failed++;
				pairs[n].tracee = pid == pairs[n].tracee ? 0 : pairs[n].tracee;
			}
}

static bool line_is(pid_t pid, const char *name, const char *want)
{
	char path[64], line[256];
	FILE *file;
	bool is = false;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			is = strspn(line + strlen(name), want) > 0;
	if (file)
		fclose(file);
	return is;
}

/* A tracee that nobody traces any more goes on. */
static void look_after(unsigned n)
{
	unsigned long was = rounds[n];
	long end = now_ms() + LONG_MS;

	if (!pairs[n].tracee)
		return;
	/* PTRACE_ATTACH's stop may have come after its tracer went. */
	while (rounds[n] - was < 2 && now_ms() < end) {
		kill(0, SIGCONT); /* it may wait for a child that is stopped */
		sleep_ms(5);
	}
	if (rounds[n] - was < 2) {
		printf("tracee %u (%d) does not go on\n", n, pairs[n].tracee);
		failed++;
	}
	if (!line_is(pairs[n].tracee, "TracerPid:\t", "0")) {
		printf("tracee %u has a tracer\n", n);
		failed++;
	}
	if (!line_is(pairs[n].tracee, "State:\t", "RSD")) {
		printf("tracee %u is stopped\n", n);
		failed++;
	}
}

static void end_all(void)
{
	long end = now_ms() + LONG_MS;
	int status;
	pid_t pid;

	look_for_lost();
	for (unsigned n = 0; n < count; n++)
		if (pairs[n].tracee)
			kill(pairs[n].tracee, SIGKILL);
	/* Their children, who came to us, end by themselves, if nothing stops them: one that its parent's
	 * tracer was to have from its beginning starts with a stop. */
	while ((pid = waitpid(-1, &status, WALL | WNOHANG)) >= 0) {
		for (unsigned n = 0; n < count; n++)
			if (pid == pairs[n].tracee && pid && status != SIGKILL) {
				printf("tracee %u ended with %#x\n", n, status);
				failed++;
			}
		if (!pid) {
			kill(0, SIGCONT);
			sleep_ms(5);
		}
		if (now_ms() > end) {
			printf("somebody does not end\n");
			failed++;
			return;
		}
	}
}

static void run(long seconds)
{
	long end = now_ms() + seconds * 1000;

	for (unsigned n = 0; n < count; n++) {
		start_tracee(n);
		start_tracer(n);
	}
	while (now_ms() < end) {
		unsigned n = pick(count);

		sleep_ms(pick(8));
		end_tracer(n);
		start_tracer(n);
		kill(0, SIGCONT);
		look_for_lost();
	}
	for (unsigned n = 0; n < count; n++)
		end_tracer(n);
	look_for_lost();
	for (unsigned n = 0; n < count; n++)
		look_after(n);
	end_all();
}

int main(int argc, char **argv)
{
	static struct memory before, after;
	unsigned long all = 0;
	int differences;

	state = argc > 2 ? (uint64_t)atol(argv[2]) : 1;
	count = argc > 3 ? (unsigned)atol(argv[3]) : 50;
	rounds = mmap(NULL, TRACEES_MAX * sizeof(*rounds), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (count > TRACEES_MAX || rounds == MAP_FAILED)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	memory_measure(&after);
	run(WARM_UP_S);
	memory_measure(&before);
	killed = 0;
	memset((void *)rounds, 0, TRACEES_MAX * sizeof(*rounds));
	run(argc > 1 ? atol(argv[1]) : 60);
	memory_measure(&after);
	differences = memory_compare(&before, &after);
	for (unsigned n = 0; n < count; n++)
		all += rounds[n];
	printf("%u tracees, %lu rounds; %ld tracers killed; %ld failed, %d counts differ\n", count, all,
	       killed, failed, differences);
	return failed || differences;
}
