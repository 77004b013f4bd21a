/* tests/bench/bench.c -- what single operations cost.
 *
 * Run under `-icount shift=0`, where a nanosecond of virtual time is one instruction. The
 * counter ticks once in 16 of them, so every figure is a mean over a loop.
 *
 * Usage: bench [-i SECONDS] [-k NAME [-n ROUNDS]]
 *	-i  idle first: Linux's boot work goes on behind
 *	-k  only this operation; -n: so often, announced by a line "# NAME" (for a profile)
 *        bench exit	(ends at once: the program that is spawned)
 * Output: a line "name value" per operation; bytes for memory, instructions otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define FAULT_PAGES    2048
#define RUNNABLE_FEW   10
#define RUNNABLE_MANY  10000
#define THREADS_FEW    1000
#define THREADS_MANY   9000
#define THREAD_STACK   (128 * 1024)
#define THREAD_TOUCHES (16 * 1024)
#define FILE_NAME      "/bench.d/folder/file"	/* a path of the usual depth */

static long rounds_asked;	/* -n; 0: each operation's own number */
static const char *name_now;
static double started;

void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Nanoseconds of the virtual counter. */
static double now(void)
{
	uint64_t ticks, hz;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks));
	__asm__("mrs %0, cntfrq_el0" : "=r"(hz));
	return (double)ticks * 1e9 / (double)hz;
}

static void report(double value)
{
	printf("%s %.0f\n", name_now, value);
	fflush(stdout);
}

void begin(void)
{
	if (rounds_asked) {
		printf("# %s\n", name_now);
		fflush(stdout);
	}
	started = now();
}

void end(long rounds)
{
	report((now() - started) / (double)rounds);
}

/* Run body in a child; end it by closing nothing and exiting. */
static pid_t spawn(void (*body)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		body(arg);
		_exit(0);
	}
	return pid;
}

static void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		die("a child failed");
}

static void bench_syscall(long rounds)
{
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			begin();
		for (long i = 0; i < (warm ? rounds : WARM_ROUNDS); i++) {
			syscall(SYS_getppid);
			ROUND_DONE;
		}
	}
	end(rounds);
}

static void yield_many(void *arg)
{
	for (long i = 0; i < *(const long *)arg; i++)
		sched_yield();
}

/* Two processes that only yield to each other: until the caller runs again, so two switches. */
static void bench_yield(long rounds)
{
	pid_t child = spawn(yield_many, &rounds);

	begin();
	for (long i = 0; i < rounds; i++) {
		sched_yield();
		ROUND_DONE;
	}
	end(rounds);
	reap(child);
}

/* --- threads that wait at a gate --- */

static uint32_t gate;

static void *blocked(void *arg)
{
	while (!__atomic_load_n(&gate, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return arg;
}

static void open_gate(void)
{
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* --- a switch while many could run --- */

/* Yields done by all; the measured ones are those from `first` to `last`. */
static uint32_t yields, first, last;

/* Who makes the gate open has run for long, and would not have another turn soon: so those who
 * yield measure, not he. */
static void *yield_on(void *arg)
{
	uint32_t n;

	blocked(arg);
	while ((n = __atomic_fetch_add(&yields, 1, __ATOMIC_RELAXED)) < last) {
		if (n == first)
			begin();
		sched_yield();
		ROUND_DONE;
	}
	if (n == last)
		end(last - first);
	return arg;
}

static void bench_switch(long rounds, int runnable)
{
	static pthread_t threads[RUNNABLE_MANY];
	pthread_attr_t attr;

	yields = gate = 0;
	first = 3 * (uint32_t)runnable;
	last = first + (uint32_t)rounds;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	for (int i = 0; i < runnable; i++) {
		errno = pthread_create(&threads[i], &attr, yield_on, NULL);
		if (errno)
			die("pthread_create");
	}
	open_gate();
	for (int i = 0; i < runnable; i++)
		pthread_join(threads[i], NULL);
}

static void bench_switch_few(long rounds)
{
	bench_switch(rounds, RUNNABLE_FEW);
}

static void bench_switch_many(long rounds)
{
	bench_switch(rounds, RUNNABLE_MANY);
}

struct ends {
	int in, out;
};

static void echo(void *arg)
{
	const struct ends *e = arg;
	char byte;

	while (read(e->in, &byte, 1) == 1)
		if (write(e->out, &byte, 1) != 1)
			_exit(1);
}

/* A byte to another process and back, through descriptors that are there. */
static void bench_round_trip(long rounds, struct ends ours, struct ends theirs)
{
	char byte = 'x';
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (!child) {
		close(ours.in);
		close(ours.out);
		echo(&theirs);
		_exit(0);
	}
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			begin();
		for (long i = 0; i < (warm ? rounds : WARM_ROUNDS); i++) {
			if (write(ours.out, &byte, 1) != 1 || read(ours.in, &byte, 1) != 1)
				die("round trip");
			ROUND_DONE;
		}
	}
	end(rounds);
	close(ours.in);
	close(ours.out);
	reap(child);
	close(theirs.in);
	close(theirs.out);
}

static void bench_pipe(long rounds)
{
	int there[2], back[2];

	if (pipe(there) || pipe(back))
		die("pipe");
	bench_round_trip(rounds, (struct ends){back[0], there[1]},
			 (struct ends){there[0], back[1]});
}

static void bench_socket(long rounds)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		die("socketpair");
	bench_round_trip(rounds, (struct ends){ends[0], ends[0]},
			 (struct ends){ends[1], ends[1]});
}

/* --- two threads that hand a word to and fro --- */

static uint32_t turn;		/* 0: the first thread's, 1: the other's, 2: it is over */

static void await_turn(uint32_t mine)
{
	uint32_t is;

	while ((is = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine && is != 2)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, is, NULL, NULL, 0);
}

static void pass_turn(uint32_t to)
{
	__atomic_store_n(&turn, to, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *answer_turns(void *arg)
{
	for (;;) {
		await_turn(1);
		if (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == 2)
			return arg;
		pass_turn(0);
	}
}

static void bench_futex(long rounds)
{
	pthread_t other;

	turn = 0;
	errno = pthread_create(&other, NULL, answer_turns, NULL);
	if (errno)
		die("pthread_create");
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			begin();
		for (long i = 0; i < (warm ? rounds : WARM_ROUNDS); i++) {
			pass_turn(1);
			await_turn(0);
			ROUND_DONE;
		}
	}
	end(rounds);
	pass_turn(2);
	pthread_join(other, NULL);
}

/* --- files --- */

static void make_file(void)
{
	static char page[4096];
	int fd;

	mkdir("/bench.d", 0700);
	mkdir("/bench.d/folder", 0700);
	fd = open(FILE_NAME, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	if (fd < 0 || write(fd, page, sizeof(page)) != sizeof(page) || close(fd))
		die(FILE_NAME);
}

static void bench_read(long rounds)
{
	static char page[4096];
	int fd;

	make_file();
	fd = open(FILE_NAME, O_RDONLY);
	if (fd < 0)
		die(FILE_NAME);
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			begin();
		for (long i = 0; i < (warm ? rounds : WARM_ROUNDS); i++) {
			if (pread(fd, page, sizeof(page), 0) != sizeof(page))
				die("pread");
			ROUND_DONE;
		}
	}
	end(rounds);
	close(fd);
	unlink(FILE_NAME);
}

static void bench_open(long rounds)
{
	make_file();
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			begin();
		for (long i = 0; i < (warm ? rounds : WARM_ROUNDS); i++) {
			int fd = open(FILE_NAME, O_RDONLY);

			if (fd < 0 || close(fd))
				die("open and close");
			ROUND_DONE;
		}
	}
	end(rounds);
	unlink(FILE_NAME);
}

static void bench_stat(long rounds)
{
	struct stat st;

	make_file();
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			begin();
		for (long i = 0; i < (warm ? rounds : WARM_ROUNDS); i++) {
			if (stat(FILE_NAME, &st))
				die("stat");
			ROUND_DONE;
		}
	}
	end(rounds);
	unlink(FILE_NAME);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void bench_fork(long rounds)
{
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			begin();
		for (long i = 0; i < (warm ? rounds : WARM_ROUNDS); i++) {
			reap(spawn(nothing, NULL));
			ROUND_DONE;
		}
	}
	end(rounds);
}

/* --- running a program --- */

/* Start a program by posix_spawn, as shells and libraries do, and wait for its end. */
static void bench_spawn(long rounds, const char *path, const char *argument)
{
	char *argv[] = {(char *)path, (char *)argument, NULL}, *env[] = {NULL};
	pid_t pid;

	if (access(path, X_OK))
		return;
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			begin();
		for (long i = 0; i < (warm ? rounds : 5); i++) {
			errno = posix_spawn(&pid, path, NULL, NULL, argv, env);
			if (errno)
				die(path);
			reap(pid);
			ROUND_DONE;
		}
	}
	end(rounds);
}

static void bench_spawn_static(long rounds)
{
	bench_spawn(rounds, "/proc/self/exe", "exit");
}

static void bench_spawn_dynamic(long rounds)
{
	bench_spawn(rounds, "/bin/true", NULL);
}

/* --- page faults --- */

static char *map(int prot, int flags, int fd)
{
	char *at = mmap(NULL, FAULT_PAGES * 4096, prot, flags, fd, 0);

	if (at == MAP_FAILED)
		die("mmap");
	/* Single pages, whatever the kernel would like to do. */
	madvise(at, FAULT_PAGES * 4096, MADV_NOHUGEPAGE);
	return at;
}

/* What it cost in all. */
static double touch(volatile char *at, int write)
{
	double start = now();

	for (size_t i = 0; i < FAULT_PAGES; i++) {
		if (write)
			at[i * 4096] = 1;
		else
			(void)at[i * 4096];
		ROUND_DONE;
	}
	return now() - start;
}

static void bench_fault_zero(long rounds)
{
	double cost = 0;

	for (long done = -FAULT_PAGES; done < rounds; done += FAULT_PAGES) {
		char *at = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		if (!done)
			begin();
		cost = touch(at, 1);
		munmap(at, FAULT_PAGES * 4096);
	}
	report(cost / FAULT_PAGES);
}

/* Each page of a file that is in memory, read through a mapping. */
static void bench_fault_file(long rounds)
{
	int fd = open("/bench.data", O_RDWR | O_CREAT | O_TRUNC, 0600);
	static char page[4096] = "page";
	double cost = 0;

	if (fd < 0)
		die("/bench.data");
	for (int i = 0; i < FAULT_PAGES; i++)
		if (write(fd, page, sizeof(page)) != sizeof(page))
			die("/bench.data");
	for (long done = -FAULT_PAGES; done < rounds; done += FAULT_PAGES) {
		char *at = map(PROT_READ, MAP_PRIVATE, fd);

		if (!done)
			begin();
		cost = touch(at, 0);
		munmap(at, FAULT_PAGES * 4096);
	}
	close(fd);
	unlink("/bench.data");
	report(cost / FAULT_PAGES);
}

static void wait_for_end(void *arg)
{
	char byte;

	(void)!read(*(int *)arg, &byte, 1);
}

/* The first write to a page that a child has, too. */
static void bench_fault_copy(long rounds)
{
	char *at = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	double cost = 0;

	touch(at, 1);
	for (long done = -FAULT_PAGES; done < rounds; done += FAULT_PAGES) {
		int ends[2];
		pid_t child;

		if (!done)
			begin();
		if (pipe(ends))
			die("pipe");
		child = spawn(wait_for_end, &ends[0]);
		cost = touch(at, 1);
		if (write(ends[1], "x", 1) != 1)
			die("write");
		reap(child);
		close(ends[0]);
		close(ends[1]);
	}
	munmap(at, FAULT_PAGES * 4096);
	report(cost / FAULT_PAGES);
}

/* --- memory per thread blocked in a futex --- */

/* Bytes of memory nobody has. */
static double free_memory(void)
{
	char line[128];
	unsigned long kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	if (!f)
		die("/proc/meminfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %lu kB", &kib) == 1)
			break;
	fclose(f);
	return (double)kib * 1024;
}

static void settle(void)
{
	struct timespec moment = {.tv_nsec = 200000000};

	nanosleep(&moment, NULL);
}

static void bench_thread(long rounds)
{
	static pthread_t threads[THREADS_MANY];
	double few = 0, many;
	pthread_attr_t attr;
	char *stacks = aligned_alloc(4096, (size_t)THREADS_MANY * THREAD_STACK);

	(void)rounds;
	gate = 0;
	/* Stacks and their page tables are the program's memory: have what is used of them
	 * first. */
	if (!stacks)
		die("stacks");
	for (size_t i = 1; i <= THREADS_MANY; i++)
		memset(stacks + i * THREAD_STACK - THREAD_TOUCHES, 1, THREAD_TOUCHES);
	pthread_attr_init(&attr);
	for (int i = 0; i < THREADS_MANY; i++) {
		if (i == THREADS_FEW) {
			settle();
			few = free_memory();
		}
		errno = pthread_attr_setstack(&attr, stacks + (size_t)i * THREAD_STACK,
					      THREAD_STACK);
		if (errno)
			die("pthread_attr_setstack");
		errno = pthread_create(&threads[i], &attr, blocked, NULL);
		if (errno)
			die("pthread_create");
	}
	settle();
	many = free_memory();
	report((few - many) / (THREADS_MANY - THREADS_FEW));
	open_gate();
	for (int i = 0; i < THREADS_MANY; i++)
		pthread_join(threads[i], NULL);
	free(stacks);
}

static const struct {
	const char *name;
	void (*run)(long rounds);
	long rounds;
} benches[] = {
	{"syscall", bench_syscall, 20000},
	{"yield", bench_yield, 4000},
	{"switch_few", bench_switch_few, 20000},
	{"switch_many", bench_switch_many, 100000},
	{"pipe", bench_pipe, 4000},
	{"socket", bench_socket, 4000},
	{"fork", bench_fork, 200},
	{"spawn_static", bench_spawn_static, 50},
	{"spawn_dynamic", bench_spawn_dynamic, 50},
	{"fault_zero", bench_fault_zero, FAULT_PAGES},
	{"fault_file", bench_fault_file, FAULT_PAGES},
	{"fault_copy", bench_fault_copy, FAULT_PAGES},
	{"futex", bench_futex, 4000},
	{"read", bench_read, 4000},
	{"open", bench_open, 4000},
	{"stat", bench_stat, 4000},
	{"ring_nop", bench_ring_nop, 4000},
	{"ring_nops", bench_ring_nops, 1000},
	{"ring_read", bench_ring_read, 4000},
	{"ring_reads", bench_ring_reads, 1000},
	{"ring_wait", bench_ring_wait, 4000},
	{"ring_waits", bench_ring_waits, 1000},
	{"thread", bench_thread, 1},
};

/* In a process of its own: the stacks of 10,000 threads that are over, which the C library keeps,
 * would be copied in each fork that comes later. */
static void measure(void *arg)
{
	size_t i = *(const size_t *)arg;

	name_now = benches[i].name;
	benches[i].run(rounds_asked ? rounds_asked : benches[i].rounds);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *only = NULL;
	int option;

	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	while ((option = getopt(argc, argv, "i:k:n:")) != -1)
		if (option == 'i')
			sleep((unsigned)atoi(optarg));
		else if (option == 'k')
			only = optarg;
		else if (option == 'n')
			rounds_asked = atol(optarg);
		else
			return 2;
	for (size_t i = 0; i < sizeof(benches) / sizeof(*benches); i++) {
		if (only && strcmp(only, benches[i].name) != 0)
			continue;
		reap(spawn(measure, &i));
	}
	return 0;
}
