/* Runs the tests of one program. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

enum { TESTS_MAX = 64 };

static struct {
	const char *name;
	void (*run)(void);
} tests[TESTS_MAX];
static int count;

void test_add(const char *name, void (*run)(void))
{
	if (count == TESTS_MAX)
		abort();
	tests[count].name = name;
	tests[count++].run = run;
}

void test_failed(const char *file, int line, const char *what, long got, long want)
{
	const char *slash = strrchr(file, '/');

	dprintf(1, "# %s:%d: %s: got %ld, want %ld (errno %d)\n", slash ? slash + 1 : file, line,
		what, got, want, errno);
	_exit(1);
}

int test_wait(pid_t pid)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	CHECK_EQ(got, pid);
	return status;
}

int test_child_as(unsigned uid, void (*run)(void *), void *argument)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		if (uid) {
			CHECK_EQ(setresgid(uid, uid, uid), 0);
			CHECK_EQ(setresuid(uid, uid, uid), 0);
		}
		run(argument);
		_exit(0);
	}
	return test_wait(pid);
}

int test_child(void (*run)(void *), void *argument)
{
	return test_child_as(0, run, argument);
}

long test_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void test_sleep_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

void test_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(close(fd), 0);
}

const char *test_read_file(const char *path)
{
	static char text[16384];
	size_t size = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY);

	CHECK(fd >= 0);
	while ((n = read(fd, text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)n;
	CHECK(n == 0);
	close(fd);
	text[size] = '\0';
	return text;
}

static void explain(int status)
{
	if (WIFSIGNALED(status))
		dprintf(1, "# died of signal %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 1)
		dprintf(1, "# exited with %d\n", WEXITSTATUS(status));
}

/* In a session and a folder of its own. */
static void run_one(int i)
{
	setsid();
	CHECK_EQ(mkdir(tests[i].name, 0755), 0);
	CHECK_EQ(chdir(tests[i].name), 0);
	tests[i].run();
}

int main(int argc, char **argv)
{
	bool failed = false;

	for (int i = 0; i < count; i++) {
		int status;
		pid_t pid;

		if (argc > 1 && strcmp(argv[1], tests[i].name))
			continue;
		pid = fork();
		if (pid == 0) {
			run_one(i);
			_exit(0);
		}
		status = test_wait(pid);
		if (status)
			explain(status);
		dprintf(1, "%s %s\n", status ? "not ok" : "ok", tests[i].name);
		failed |= status != 0;
	}
	return failed;
}
