/* Threads to be looked at by debuggers: they come and go in an order that is the same every time,
 * or wait together. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends[2];
static pid_t last;

__attribute__((noinline)) static void *turn(void *name)
{
	char byte;

	last = gettid();
	if (read(ends[0], &byte, 1) != 1)
		abort();
	if (write(1, name, strlen(name)) < 0)
		abort();
	return NULL;
}

/* What debuggers show of the first thread is in which call it is: it shall be in its join. */
static void wait_until_joined(void)
{
	char path[64], call[4] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", getpid());
	while (memcmp(call, "98 ", 3)) {        /* futex */
		int file = open(path, O_RDONLY);

		if (file < 0 || read(file, call, sizeof(call)) < 0)
			abort();
		close(file);
	}
}

static void *joined_turn(void *name)
{
	wait_until_joined();
	return turn(name);
}

/* A thread that can be joined is not gone: its end may still be on its way to who traces it. */
static void wait_until_gone(pid_t thread)
{
	while (!tgkill(getpid(), thread, 0))
		usleep(1000);
}

static void one_by_one(void)
{
	static char *const names[] = { "one\n", "two\n", "three\n" };
	pthread_t thread;

	for (int i = 0; i < 3; i++) {
		if (pthread_create(&thread, NULL, joined_turn, names[i]))
			abort();
		if (write(ends[1], "x", 1) != 1)
			abort();
		pthread_join(thread, NULL);
		wait_until_gone(last);
	}
}

static void together(void)
{
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		if (pthread_create(&thread, NULL, turn, "never\n"))
			abort();
	}
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (pipe(ends))
		abort();
	if (argc > 1 && !strcmp(argv[1], "together"))
		together();
	one_by_one();
	return 0;
}
