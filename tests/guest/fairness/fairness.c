/* tests/guest/fairness/fairness.c -- CPU time by weight, on the one CPU of a guest whose clock
 * counts instructions, so that every run is the same.
 *
 * Spinners of several nice values share the CPU for a while; each must have had its share within
 * 2 %. Then one of equals tries tricks: it sleeps just before its slice ends, or yields all the
 * time; it must not have more than its share by it.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TASKS	4
#define WITHIN	50	/* a fiftieth: 2 % */

static bool failed;

static void die(const char *what)
{
	fprintf(stderr, "fairness: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000l + ts.tv_nsec;
}

static void spin(void)
{
	for (;;)
		__asm__ volatile("");
}

/* Sleeps a moment whenever it ran for most of a slice. */
static void sleep_early(void)
{
	const struct timespec moment = {.tv_nsec = 50000};

	for (;;) {
		int64_t end = now_ns() + 2500000;

		while (now_ns() < end)
			;
		nanosleep(&moment, NULL);
	}
}

static void yield_always(void)
{
	for (;;)
		sched_yield();
}

struct runner {
	int nice;
	void (*run)(void);
	pid_t pid;
	double ns;
};

static void start(struct runner *r, const int gate[2])
{
	char byte;

	r->pid = fork();
	if (r->pid < 0)
		die("fork");
	if (r->pid)
		return;
	close(gate[1]);
	if (setpriority(PRIO_PROCESS, 0, r->nice) || read(gate[0], &byte, 1))
		_exit(1);
	r->run();
	_exit(1);
}

static void stop(struct runner *r)
{
	struct rusage usage;
	int status;

	if (wait4(r->pid, &status, 0, &usage) != r->pid || !WIFSIGNALED(status))
		die("a runner ended by itself");
	r->ns = 1e9 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		1e3 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* All run together for some seconds; what they had in all. */
static double together(struct runner *runners, unsigned seconds)
{
	double total = 0;
	int gate[2];

	if (pipe(gate))
		die("pipe");
	for (int i = 0; i < TASKS; i++)
		start(&runners[i], gate);
	usleep(100000);
	close(gate[0]);
	close(gate[1]);
	sleep(seconds);
	/* The first to be killed is not the last to run. */
	for (int i = 0; i < TASKS; i++)
		kill(runners[i].pid, SIGSTOP);
	for (int i = 0; i < TASKS; i++)
		kill(runners[i].pid, SIGKILL);
	for (int i = 0; i < TASKS; i++)
		stop(&runners[i]);
	for (int i = 0; i < TASKS; i++)
		total += runners[i].ns;
	return total;
}

static double weight_of(int nice)
{
	double weight = 1024;

	for (; nice > 0; nice--)
		weight /= 1.25;
	for (; nice < 0; nice++)
		weight *= 1.25;
	return weight;
}

static void judge(const struct runner *r, const char *what, double had, double due, bool least)
{
	bool good = had <= due + due / WITHIN && (!least || had >= due - due / WITHIN);

	printf("%s %s, nice %d: %.2f %% of the CPU, due %.2f %%\n", good ? "ok" : "not ok", what,
	       r->nice, 100 * had, 100 * due);
	failed |= !good;
}

static void by_weight(void)
{
	struct runner runners[TASKS] = {
		{.nice = 0, .run = spin}, {.nice = 5, .run = spin},
		{.nice = 10, .run = spin}, {.nice = -5, .run = spin},
	};
	double total = together(runners, 7), weights = 0;

	for (int i = 0; i < TASKS; i++)
		weights += weight_of(runners[i].nice);
	for (int i = 0; i < TASKS; i++)
		judge(&runners[i], "spinner", runners[i].ns / total,
		      weight_of(runners[i].nice) / weights, true);
}

static void trick(const char *what, void (*run)(void))
{
	struct runner runners[TASKS] = {
		{.run = run}, {.run = spin}, {.run = spin}, {.run = spin},
	};
	double total = together(runners, 1);

	judge(&runners[0], what, runners[0].ns / total, 1.0 / TASKS, false);
}

int main(void)
{
	/* The judge is not one of them. */
	if (setpriority(PRIO_PROCESS, 0, -20))
		die("setpriority");
	by_weight();
	trick("who sleeps early", sleep_early);
	trick("who always yields", yield_always);
	return failed;
}
