/* tests/guest/load/load.c -- more than is good for a guest of 1 GiB, and then all is well again.
 *
 * Run as root. Prints a line for each part, with the seconds it took; the last one of memory:
 * what was free at first is free again but for what the kernel keeps as caches of its own.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
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

#define PROCESSES    1000
#define THREADS	     10000
#define THREAD_STACK (128 * 1024)
#define BOMB_UID     1000
#define BOMB_LIMIT   300
#define BOMB_SECONDS 3
#define KEPT_MAX_KIB (16 * 1024)

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void need(bool condition, const char *what)
{
	if (condition)
		return;
	printf("not ok %s: %s\n", what, strerror(errno));
	exit(1);
}

static void done(const char *what, double since)
{
	printf("ok %s: %.1f s\n", what, seconds() - since);
	fflush(stdout);
}

static long free_kib(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	need(f, "/proc/meminfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld kB", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/* --- many --- */

static uint32_t gate;

static void *wait_at_gate(void *arg)
{
	while (!__atomic_load_n(&gate, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return arg;
}

/* The processes end when the last other end of their pipe closes. */
static void many_processes(void)
{
	double since = seconds();
	int gate_pipe[2], status;
	char byte;

	need(!pipe(gate_pipe), "pipe");
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		need(pid >= 0, "fork");
		if (!pid) {
			close(gate_pipe[1]);
			_exit((int)read(gate_pipe[0], &byte, 1));
		}
	}
	close(gate_pipe[0]);
	close(gate_pipe[1]);
	for (int i = 0; i < PROCESSES; i++)
		need(wait(&status) > 0 && !status, "a process's end");
	done("1,000 processes", since);
}

static void many_threads(void)
{
	static pthread_t threads[THREADS];
	double since = seconds();
	pthread_attr_t attr;
	char *stacks = mmap(NULL, (size_t)THREADS * THREAD_STACK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	need(stacks != MAP_FAILED, "stacks");
	pthread_attr_init(&attr);
	for (int i = 0; i < THREADS; i++) {
		errno = pthread_attr_setstack(&attr, stacks + (size_t)i * THREAD_STACK,
					      THREAD_STACK);
		need(!errno, "a stack");
		errno = pthread_create(&threads[i], &attr, wait_at_gate, NULL);
		need(!errno, "a thread");
	}
	done("10,000 threads", since);
	since = seconds();
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	munmap(stacks, (size_t)THREADS * THREAD_STACK);
	done("10,000 threads' end", since);
}

/* --- a fork bomb as an ordinary user --- */

static void become_ordinary(void)
{
	struct rlimit limit = {BOMB_LIMIT, BOMB_LIMIT};

	need(!setrlimit(RLIMIT_NPROC, &limit) && !setgid(BOMB_UID) && !setuid(BOMB_UID),
	     "to become ordinary");
}

static void bomb(void)
{
	become_ordinary();
	for (;;)
		fork();
}

/* Another program answers. */
static void run_program(void)
{
	char *argv[] = {"load", "exit", NULL}, *env[] = {NULL};
	int status;
	pid_t pid;

	errno = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, env);
	need(!errno, "a program beside the bomb");
	need(waitpid(pid, &status, 0) == pid && !status, "its end");
}

static bool has_processes(unsigned uid)
{
	errno = 0;
	return getpriority(PRIO_USER, uid) != -1 || errno != ESRCH;
}

/* All that is the ordinary user's, until nobody is left. */
static void defuse(void)
{
	do {
		pid_t killer = fork();

		need(killer >= 0, "fork");
		if (!killer) {
			need(!setgid(BOMB_UID) && !setuid(BOMB_UID), "to become ordinary");
			_exit(kill(-1, SIGKILL) != 0);
		}
		need(waitpid(killer, NULL, 0) == killer, "the killer");
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	} while (has_processes(BOMB_UID));
}

static void fork_bomb(void)
{
	double since = seconds();
	int answers = 0;
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (!pid)
		bomb();
	do {
		run_program();
		answers++;
	} while (seconds() - since < BOMB_SECONDS);
	defuse();
	printf("# %d programs ran beside the bomb\n", answers);
	done("a fork bomb", since);
}

/* --- a hog --- */

static void hog(void)
{
	double since = seconds();
	int status;
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (!pid) {
		for (;;) {
			char *more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

			if (more == MAP_FAILED)
				_exit(1);
			memset(more, 1, 1 << 20);
		}
	}
	need(waitpid(pid, &status, 0) == pid, "the hog");
	need(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the hog's end");
	done("a memory hog", since);
}

int main(int argc, char **argv)
{
	long before, kept;

	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	before = free_kib();
	many_processes();
	many_threads();
	fork_bomb();
	hog();
	/* What is freed lazily is freed by then. */
	for (int i = 0; (kept = before - free_kib()) > KEPT_MAX_KIB && i < 100; i++)
		usleep(100000);
	need(kept <= KEPT_MAX_KIB, "memory is back");
	printf("ok memory is back: %ld KiB less free than at first\n", kept);
	return 0;
}
