/* No memory left: who ends for it; and how much may be promised. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define MIB	    (1ul << 20)
#define MODE	    "/proc/sys/vm/overcommit_memory"
#define RATIO	    "/proc/sys/vm/overcommit_ratio"
#define KBYTES	    "/proc/sys/vm/overcommit_kbytes"
#define ADJ	    "/proc/self/oom_score_adj"

/* Bytes of a row of /proc/meminfo. */
static unsigned long meminfo(const char *row)
{
	const char *at = strstr(test_read_file("/proc/meminfo"), row);

	CHECK(at);
	return strtoul(at + strlen(row), NULL, 10) * 1024;
}

static long number_in(const char *path)
{
	return strtol(test_read_file(path), NULL, 10);
}

/* 0, or what writing it says. */
static int set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), error = 0;

	CHECK(fd >= 0);
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

static char *map(size_t size, int protection, int flags)
{
	return mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* Run it in a child, so that the settings are put back whatever it does. */
static void with_settings(void (*run)(void *))
{
	int status = test_child(run, NULL);

	set(MODE, "0");
	set(RATIO, "50");
	CHECK_EQ(status, 0);
}

static void change_settings(void *unused)
{
	(void)unused;
	CHECK_EQ(number_in(MODE), 0);
	CHECK_EQ(number_in(RATIO), 50);
	CHECK_EQ(number_in(KBYTES), 0);
	CHECK_EQ(set(MODE, "3"), EINVAL);
	CHECK_EQ(set(MODE, "-1"), EINVAL);
	CHECK_EQ(set(MODE, "x"), EINVAL);
	CHECK_EQ(set(MODE, "1\n"), 0);
	CHECK_EQ(number_in(MODE), 1);
	CHECK_EQ(set(KBYTES, "65536"), 0);
	CHECK_EQ(number_in(RATIO), 0);
	CHECK_EQ(meminfo("CommitLimit:"), 64 * MIB);
	CHECK_EQ(set(RATIO, "100"), 0);
	CHECK_EQ(number_in(KBYTES), 0);
	CHECK_EQ(meminfo("CommitLimit:") / MIB, meminfo("MemTotal:") / MIB);
}

TEST(settings)
{
	with_settings(change_settings);
}

static void set_as_user(void *unused)
{
	(void)unused;
	CHECK_ERR(open(MODE, O_WRONLY), EACCES);
	/* Its own files are its own again after the change of user. */
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	CHECK_EQ(set(ADJ, "500"), 0);
	CHECK_EQ(set(ADJ, "100"), 0);
	CHECK_EQ(set(ADJ, "0"), 0);
	CHECK_EQ(set(ADJ, "-1"), EACCES);
	CHECK_EQ(number_in(ADJ), 0);
}

TEST(privileges)
{
	CHECK_EQ(test_child_as(1000, set_as_user, NULL), 0);
}

TEST(scores)
{
	long own = number_in("/proc/self/oom_score");

	CHECK(own >= 600 && own < 1000);
	CHECK_EQ(set(ADJ, "1001"), EINVAL);
	CHECK_EQ(set(ADJ, "-1001"), EINVAL);
	CHECK_EQ(set(ADJ, "300"), 0);
	CHECK(number_in("/proc/self/oom_score") >= own + 190);
	CHECK_EQ(set(ADJ, "-1000"), 0);
	CHECK_EQ(number_in("/proc/self/oom_score"), 0);
	CHECK_EQ(number_in("/proc/1/oom_score"), 0);
}

static void guess(void *unused)
{
	size_t much = meminfo("MemTotal:") + 64 * MIB;

	(void)unused;
	CHECK_EQ(map(much, PROT_READ | PROT_WRITE, 0) == MAP_FAILED ? errno : 0, ENOMEM);
	CHECK(map(much, PROT_READ, 0) != MAP_FAILED);
	CHECK(map(much, PROT_READ | PROT_WRITE, MAP_NORESERVE) != MAP_FAILED);
	CHECK(map(much / 4 * 3, PROT_READ | PROT_WRITE, 0) != MAP_FAILED);
	CHECK(map(much / 4 * 3, PROT_READ | PROT_WRITE, 0) != MAP_FAILED);
	CHECK_EQ(mmap(NULL, much, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED, 1);
	CHECK_EQ(set(MODE, "1"), 0);
	CHECK(map(much, PROT_READ | PROT_WRITE, 0) != MAP_FAILED);
}

TEST(guessing)
{
	with_settings(guess);
}

static void nothing(void *unused)
{
	(void)unused;
}

static void strict(void *unused)
{
	unsigned long limit = meminfo("Committed_AS:") + 160 * MIB;
	char text[32], *at, *plain;

	(void)unused;
	sprintf(text, "%lu", limit / 1024);
	CHECK_EQ(set(KBYTES, text), 0);
	CHECK_EQ(set(MODE, "2"), 0);
	CHECK(map(300 * MIB, PROT_READ | PROT_WRITE, 0) == MAP_FAILED);
	CHECK_EQ(errno, ENOMEM);
	/* Nobody is heard who wants nothing promised. */
	CHECK(map(300 * MIB, PROT_READ | PROT_WRITE, MAP_NORESERVE) == MAP_FAILED);
	/* What cannot be written costs nothing, until it can. */
	plain = map(300 * MIB, PROT_READ, 0);
	CHECK(plain != MAP_FAILED);
	CHECK_ERR(mprotect(plain, 300 * MIB, PROT_READ | PROT_WRITE), ENOMEM);
	CHECK_EQ(mprotect(plain, 16 * MIB, PROT_READ | PROT_WRITE), 0);
	/* More than half of it: there is none for a copy. */
	at = map(80 * MIB, PROT_READ | PROT_WRITE, 0);
	CHECK(at != MAP_FAILED);
	CHECK_ERR(fork(), ENOMEM);
	CHECK(mremap(at, 80 * MIB, 200 * MIB, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK_EQ(errno, ENOMEM);
	CHECK_EQ(munmap(at, 80 * MIB), 0);
	CHECK_EQ(test_child(nothing, NULL), 0);
}

TEST(strictness)
{
	with_settings(strict);
}

TEST(committed)
{
	unsigned long before = meminfo("Committed_AS:"), now;
	char *at = map(128 * MIB, PROT_READ | PROT_WRITE, 0);

	CHECK(at != MAP_FAILED);
	now = meminfo("Committed_AS:");
	CHECK(now > before + 96 * MIB && now < before + 160 * MIB);
	CHECK_EQ(munmap(at, 128 * MIB), 0);
	CHECK(meminfo("Committed_AS:") < before + 32 * MIB);
	at = mmap(NULL, 128 * MIB, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	CHECK(meminfo("Committed_AS:") > before + 96 * MIB);
}

/* --- none left --- */

/* Who is there already is not meant: where the machine is so slow that a victim's memory does not
 * come free in time, Linux looks for another. */
static void spare_all(void)
{
	for (pid_t pid = 1; pid <= getpid(); pid++) {
		char path[48];
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
		fd = open(path, O_WRONLY);
		if (fd >= 0) {
			CHECK_EQ(write(fd, "-1000", 5), 5);
			close(fd);
		}
	}
}

static pid_t start(void (*run)(void))
{
	pid_t pid;

	spare_all();
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		CHECK_EQ(set(ADJ, "0"), 0);
		run();
		_exit(0);
	}
	return pid;
}

static void be_wanted(void)
{
	set(ADJ, "1000");
	for (;;)
		pause();
}

static void take_all(void)
{
	size_t much = 4 * meminfo("MemTotal:");
	char *at = map(much, PROT_READ | PROT_WRITE, MAP_NORESERVE);

	if (at == MAP_FAILED)
		_exit(1);
	for (size_t i = 0; i < much; i += 4096)
		at[i] = 1;
}

TEST(the_most_wanted_goes_first)
{
	pid_t wanted = start(be_wanted), hog, first;
	int status;

	test_sleep_ms(200);
	hog = start(take_all);
	first = waitpid(-1, &status, 0);
	CHECK_EQ(first, wanted);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	status = test_wait(hog);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* Whoever took little goes on. */
	CHECK_EQ(system("exit 7"), 7 << 8);
}

static void take_all_with_threads(void)
{
	/* A child that shares the memory ends, too. */
	if (!vfork())
		take_all();
	_exit(0);
}

TEST(all_who_share_it_go)
{
	int status = test_wait(start(take_all_with_threads));

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
