/* What /proc tells of memory: of the system's, and page by page of a process's. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define MIB  (1l << 20)
#define MUCH (48 * MIB)
#define SLACK (6 * 1024) /* KiB that others may take or give back meanwhile, or not be told yet */

static long field(const char *path, const char *name)
{
	const char *text = test_read_file(path), *at;
	char key[64];

	snprintf(key, sizeof(key), "\n%s:", name);
	/* The first line has none before it. */
	at = strncmp(text, key + 1, strlen(key + 1)) ? strstr(text, key) : text - 1;
	CHECK(at);
	return atol(at + strlen(key));
}

static long of_system(const char *name)
{
	return field("/proc/meminfo", name);
}

static bool near(long got, long want)
{
	return got > want - SLACK && got < want + SLACK;
}

/* The figures before, in KiB. */
static long anon, mapped, shared, cached;

static void before(void)
{
	anon = of_system("AnonPages");
	mapped = of_system("Mapped");
	shared = of_system("Shmem");
	cached = of_system("Cached");
}

/* How many KiB more there are now. */
static void check_more(long more_anon, long more_mapped, long more_shared)
{
	long is_anon = of_system("AnonPages"), is_mapped = of_system("Mapped");
	long is_shared = of_system("Shmem");

	CHECK(near(is_anon - anon, more_anon));
	CHECK(near(is_mapped - mapped, more_mapped));
	CHECK(near(is_shared - shared, more_shared));
}

/* All is given back, if perhaps not at once. */
static void check_gone(void)
{
	for (int i = 0; i < 1000 && !near(of_system("Shmem"), shared); i++)
		test_sleep_ms(10);
	check_more(0, 0, 0);
}

static char *take(int flags, int fd)
{
	char *at = mmap(NULL, MUCH, PROT_READ | PROT_WRITE, flags, fd, 0);

	CHECK(at != MAP_FAILED);
	memset(at, 1, MUCH);
	return at;
}

TEST(anonymous_memory_is_counted_once)
{
	int told[2], go[2];
	char byte;
	char *at;
	pid_t pid;

	before();
	at = take(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	check_more(MUCH / 1024, 0, 0);
	CHECK_EQ(pipe(told) | pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		/* Shared with the parent until one of them stores. */
		CHECK_EQ(write(told[1], "", 1), 1);
		CHECK_EQ(read(go[0], &byte, 1), 1);
		memset(at, 2, MUCH);
		CHECK_EQ(write(told[1], "", 1), 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(told[0], &byte, 1), 1);
	check_more(MUCH / 1024, 0, 0);
	CHECK_EQ(write(go[1], "", 1), 1);
	CHECK_EQ(read(told[0], &byte, 1), 1);
	check_more(2 * MUCH / 1024, 0, 0);
	kill(pid, SIGKILL);
	test_wait(pid);
	CHECK_EQ(munmap(at, MUCH), 0);
	check_more(0, 0, 0);
}

TEST(shared_anonymous_memory)
{
	struct sysinfo was, is;
	char *at;

	before();
	CHECK_EQ(sysinfo(&was), 0);
	at = take(MAP_SHARED | MAP_ANONYMOUS, -1);
	check_more(0, MUCH / 1024, MUCH / 1024);
	CHECK(near(of_system("Cached") - cached, MUCH / 1024));
	CHECK_EQ(sysinfo(&is), 0);
	CHECK(near((long)((is.sharedram - was.sharedram) * is.mem_unit / 1024), MUCH / 1024));
	CHECK_EQ(munmap(at, MUCH), 0);
	check_gone();
}

TEST(files_in_memory)
{
	int fd = memfd_create("procmem", 0);
	long rss = field("/proc/self/status", "RssShmem");
	char *at, *again;

	before();
	CHECK_EQ(ftruncate(fd, MUCH), 0);
	at = take(MAP_SHARED, fd);
	check_more(0, MUCH / 1024, MUCH / 1024);
	CHECK(near(field("/proc/self/status", "RssShmem") - rss, MUCH / 1024));
	/* Mapped twice is no more. */
	again = take(MAP_SHARED, fd);
	check_more(0, MUCH / 1024, MUCH / 1024);
	CHECK_EQ(munmap(again, MUCH) | munmap(at, MUCH), 0);
	check_more(0, 0, MUCH / 1024);
	CHECK(near(of_system("Cached") - cached, MUCH / 1024));
	/* Nobody can have it: it is the only place where that is. */
	CHECK(of_system("MemAvailable") < of_system("MemTotal") - MUCH / 1024);
	close(fd);
	check_gone();
}
