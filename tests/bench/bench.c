/* tests/bench/bench.c -- what single operations cost.
 *
 * Run under `-icount shift=0`, where a nanosecond of virtual time is one instruction. The
 * counter ticks once in 16 of them, so every figure is a mean over a loop.
 *
 * Usage: bench [SECONDS-TO-IDLE [NAME...]]   (Linux wants some first: its boot work goes on
 * behind; only the operations named are measured)
 *        bench exit                          (ends at once: the program that is spawned)
 * Output: a line "name value" per operation; bytes for memory, instructions otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYSCALL_ROUNDS 20000
#define SWITCH_ROUNDS  4000
#define FORK_ROUNDS    200
#define SPAWN_ROUNDS   50
#define FAULT_PAGES    2048
#define THREADS_FEW    1000
#define THREADS_MANY   9000
#define THREAD_STACK   (128 * 1024)
#define THREAD_TOUCHES (16 * 1024)

static void die(const char *what)
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

static void report(const char *name, double value)
{
	printf("%s %.0f\n", name, value);
	fflush(stdout);
}

static void bench_syscall(void)
{
	double start;

	for (int warm = 0; warm < 2; warm++) {
		start = now();
		for (int i = 0; i < SYSCALL_ROUNDS; i++)
			syscall(SYS_getppid);
	}
	report("syscall", (now() - start) / SYSCALL_ROUNDS);
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

static void yield_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < SWITCH_ROUNDS; i++)
		sched_yield();
}

/* Two processes that only yield to each other: until the caller runs again, so two switches. */
static void bench_yield(void)
{
	pid_t child = spawn(yield_many, NULL);
	double start = now();

	yield_many(NULL);
	report("yield", (now() - start) / SWITCH_ROUNDS);
	reap(child);
}

struct ends {
	int in, out;
};

static void echo(void *arg)
{
	const struct ends *e = arg;
	char byte;

	for (int i = 0; i < 2 * SWITCH_ROUNDS; i++)
		if (read(e->in, &byte, 1) != 1 || write(e->out, &byte, 1) != 1)
			_exit(1);
}

/* A byte to another process and back, through descriptors that are there. */
static void bench_round_trip(const char *name, struct ends ours, struct ends theirs)
{
	pid_t child = spawn(echo, &theirs);
	double start = 0;
	char byte = 'x';

	for (int i = 0; i < 2 * SWITCH_ROUNDS; i++) {
		if (i == SWITCH_ROUNDS)
			start = now();
		if (write(ours.out, &byte, 1) != 1 || read(ours.in, &byte, 1) != 1)
			die("round trip");
	}
	report(name, (now() - start) / SWITCH_ROUNDS);
	reap(child);
	close(ours.in);
	close(ours.out);
	close(theirs.in);
	close(theirs.out);
}

static void bench_pipe(void)
{
	int there[2], back[2];

	if (pipe(there) || pipe(back))
		die("pipe");
	bench_round_trip("pipe", (struct ends){back[0], there[1]},
			 (struct ends){there[0], back[1]});
}

static void bench_socket(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		die("socketpair");
	bench_round_trip("socket", (struct ends){ends[0], ends[0]},
			 (struct ends){ends[1], ends[1]});
}

static void nothing(void *arg)
{
	(void)arg;
}

static void bench_fork(void)
{
	double start;

	for (int warm = 0; warm < 2; warm++) {
		start = now();
		for (int i = 0; i < FORK_ROUNDS; i++)
			reap(spawn(nothing, NULL));
	}
	report("fork", (now() - start) / FORK_ROUNDS);
}

/* --- running a program --- */

/* Start a program by posix_spawn, as shells and libraries do, and wait for its end. */
static void bench_spawn(const char *name, const char *path, const char *argument)
{
	char *argv[] = {(char *)path, (char *)argument, NULL}, *env[] = {NULL};
	double start;
	pid_t pid;

	if (access(path, X_OK))
		return;
	for (int warm = 0; warm < 2; warm++) {
		start = now();
		for (int i = 0; i < SPAWN_ROUNDS; i++) {
			errno = posix_spawn(&pid, path, NULL, NULL, argv, env);
			if (errno)
				die(path);
			reap(pid);
		}
	}
	report(name, (now() - start) / SPAWN_ROUNDS);
}

static void bench_spawn_static(void)
{
	bench_spawn("spawn_static", "/proc/self/exe", "exit");
}

static void bench_spawn_dynamic(void)
{
	bench_spawn("spawn_dynamic", "/bin/true", NULL);
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

static double touch(volatile char *at, int write)
{
	double start = now();

	for (size_t i = 0; i < FAULT_PAGES; i++) {
		if (write)
			at[i * 4096] = 1;
		else
			(void)at[i * 4096];
	}
	return (now() - start) / FAULT_PAGES;
}

static void bench_fault_zero(void)
{
	double cost = 0;

	for (int warm = 0; warm < 2; warm++) {
		char *at = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		cost = touch(at, 1);
		munmap(at, FAULT_PAGES * 4096);
	}
	report("fault_zero", cost);
}

/* Each page of a file that is in memory, read through a mapping. */
static void bench_fault_file(void)
{
	int fd = open("/bench.data", O_RDWR | O_CREAT | O_TRUNC, 0600);
	static char page[4096] = "page";
	double cost = 0;

	if (fd < 0)
		die("/bench.data");
	for (int i = 0; i < FAULT_PAGES; i++)
		if (write(fd, page, sizeof(page)) != sizeof(page))
			die("/bench.data");
	for (int warm = 0; warm < 2; warm++) {
		char *at = map(PROT_READ, MAP_PRIVATE, fd);

		cost = touch(at, 0);
		munmap(at, FAULT_PAGES * 4096);
	}
	close(fd);
	unlink("/bench.data");
	report("fault_file", cost);
}

static void wait_for_end(void *arg)
{
	char byte;

	(void)!read(*(int *)arg, &byte, 1);
}

/* The first write to a page that a child has, too. */
static void bench_fault_copy(void)
{
	char *at = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	double cost = 0;

	touch(at, 1);
	for (int warm = 0; warm < 2; warm++) {
		int ends[2];
		pid_t child;

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
	report("fault_copy", cost);
}

/* --- memory per thread blocked in a futex --- */

static uint32_t gate;

static void *blocked(void *arg)
{
	while (!__atomic_load_n(&gate, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return arg;
}

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

static void bench_threads(void)
{
	static pthread_t threads[THREADS_MANY];
	double few = 0, many;
	pthread_attr_t attr;
	char *stacks = aligned_alloc(4096, (size_t)THREADS_MANY * THREAD_STACK);

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
	report("thread", (few - many) / (THREADS_MANY - THREADS_FEW));
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, THREADS_MANY, NULL, NULL, 0);
	for (int i = 0; i < THREADS_MANY; i++)
		pthread_join(threads[i], NULL);
	free(stacks);
}

static const struct {
	const char *name;
	void (*run)(void);
} benches[] = {
	{"syscall", bench_syscall},	      {"yield", bench_yield},
	{"pipe", bench_pipe},		      {"socket", bench_socket},
	{"fork", bench_fork},
	{"spawn_static", bench_spawn_static}, {"spawn_dynamic", bench_spawn_dynamic},
	{"fault_zero", bench_fault_zero},     {"fault_file", bench_fault_file},
	{"fault_copy", bench_fault_copy},     {"thread", bench_threads},
};

static int is_wanted(const char *name, int count, char **names)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return 1;
	return !count;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	if (argc > 1)
		sleep((unsigned)atoi(argv[1]));
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
		if (is_wanted(benches[i].name, argc > 2 ? argc - 2 : 0, argv + 2))
			benches[i].run();
	return 0;
}
