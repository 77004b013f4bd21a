/* A program to be looked at by debuggers: what it does is the same every time. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int counter;
volatile double fraction = 0.5;
int numbers[4] = { 1, 2, 3, 4 };
static int ends[2];

__attribute__((noinline)) int add(int a, int b)
{
	int sum = a + b;

	counter = sum;
	return sum;
}

__attribute__((noinline)) int factorial(int n)
{
	return n < 2 ? 1 : n * factorial(n - 1);
}

static void count(void)
{
	int total = 0;

	for (int i = 0; i < 4; i++)
		total = add(total, numbers[i]);
	printf("total %d factorial %d\n", total, factorial(5));
	fflush(stdout);
}

/* One at a time: each waits for a byte, and hands one on. */
__attribute__((noinline)) static void *turn(void *name)
{
	char byte;

	if (read(ends[0], &byte, 1) != 1)
		abort();
	if (write(1, name, strlen(name)) < 0)
		abort();
	return NULL;
}

static void threads(void)
{
	static char *const names[] = { "one\n", "two\n", "three\n" };
	pthread_t thread;

	if (pipe(ends))
		abort();
	for (int i = 0; i < 3; i++) {
		if (pthread_create(&thread, NULL, turn, names[i]))
			abort();
		if (write(ends[1], "x", 1) != 1)
			abort();
		pthread_join(thread, NULL);
	}
}

static void children(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	child = fork();
	if (!child)
		_exit(7);
	waitpid(child, &status, 0);
	printf("child %d\n", WEXITSTATUS(status));
}

static void handler(int sig)
{
	counter = sig;
}

static void signals(void)
{
	int status;
	pid_t child;

	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	child = vfork();
	if (!child)
		_exit(3);
	waitpid(child, &status, 0);
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	printf("signal %d status %d\n", counter, WEXITSTATUS(status));
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "count";

	if (!strcmp(what, "threads"))
		threads();
	else if (!strcmp(what, "fork"))
		children();
	else if (!strcmp(what, "signals"))
		signals();
	else if (!strcmp(what, "wait"))
		wait_for_ever();
	else if (!strcmp(what, "crash"))
		*(volatile int *)0 = counter;
	else
		count();
	return 0;
}
