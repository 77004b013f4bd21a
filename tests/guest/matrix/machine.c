/* Looks at the machine it runs on: every CPU runs something, memory can be used, time goes
 * on, processes start and end.
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TOUCHED = 64 << 20, PAGE = 4096, CHILDREN = 20 };

static void must(int holds, const char *what)
{
	if (holds)
		return;
	printf("wrong %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Run a child on that CPU alone; whether it found itself there. */
static int ran_on(int cpu)
{
	int status;
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (pid == 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set) < 0)
			_exit(1);
		_exit(sched_getcpu() != cpu);
	}
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	return status == 0;
}

static void touch_memory(void)
{
	char *at = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(at != MAP_FAILED, "mmap");
	for (size_t i = 0; i < TOUCHED; i += PAGE)
		*(size_t *)(at + i) = i;
	for (size_t i = 0; i < TOUCHED; i += PAGE)
		must(*(size_t *)(at + i) == i, "memory");
	munmap(at, TOUCHED);
}

static int64_t now_ns(void)
{
	struct timespec now;

	must(clock_gettime(CLOCK_MONOTONIC, &now) == 0, "clock_gettime");
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Numbers kept in vector registers while others use them. */
static void use_floats(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();
		double sum = 0;

		must(pid >= 0, "fork");
		if (pid)
			continue;
		for (int n = 1; n <= 2000000; n++)
			sum += (i + 1) / (double)n / n;
		_exit(sum / (i + 1) < 1.6449 || sum / (i + 1) > 1.6450);
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;

		must(wait(&status) > 0 && status == 0, "a sum");
	}
}

int main(void)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), good = 0;
	struct timespec nap = { .tv_nsec = 30000000 };
	struct sysinfo info;
	int64_t before;

	printf("cpus %d\n", cpus);
	for (int cpu = 0; cpu < cpus; cpu++)
		good += ran_on(cpu);
	printf("ran-on %d\n", good);
	must(sysinfo(&info) == 0, "sysinfo");
	printf("memory %lu\n", info.totalram * info.mem_unit >> 20);
	touch_memory();
	before = now_ns();
	must(nanosleep(&nap, NULL) == 0, "nanosleep");
	must(now_ns() - before >= nap.tv_nsec, "time asleep");
	use_floats();
	printf("well done\n");
	return 0;
}
