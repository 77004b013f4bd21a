/* hal/host/branch.c -- a run that goes two ways: fork(2), of a machine with one CPU. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hal/host/internal.h"

#define BRANCHES 2	/* at once, beside the trunk that waits for them */

static struct branch {
	pid_t pid;	/* 0: free */
	u64 n;
} branches[BRANCHES];
static struct host_result *results;	/* shared, one for each */

static void branch_ended(struct branch *b, int status)
{
	struct host_result *result = &results[b - branches];

	b->pid = 0;
	if (result->end == HOST_CRASHED)
		snprintf(result->why, sizeof(result->why), "status %#x", (unsigned)status);
	host_config.branched(b->n, result);
}

/* Wait for one of them to end; its place is free then. */
static struct branch *branch_wait(void)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(-1, &status, 0);
	while (pid < 0 && errno == EINTR);
	for (struct branch *b = branches; b < branches + BRANCHES; b++)
		if (b->pid == pid && pid > 0) {
			branch_ended(b, status);
			return b;
		}
	perror("waitpid");
	exit(2);
}

static struct branch *branch_place(void)
{
	for (struct branch *b = branches; b < branches + BRANCHES; b++)
		if (!b->pid)
			return b;
	return branch_wait();
}

void host_branches_end(void)
{
	for (unsigned i = 0; i < BRANCHES; i++)
		while (branches[i].pid)
			branch_wait();
}

bool host_branch(u64 n)
{
	size_t size = sizeof(results[0]) * BRANCHES;
	struct branch *b;

	if (!results)
		results = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			       -1, 0);
	if (results == MAP_FAILED)
		host_fail("no memory for branches");
	b = branch_place();
	memset(&results[b - branches], 0, offsetof(struct host_result, console));
	results[b - branches].end = HOST_CRASHED;
	b->n = n;
	b->pid = fork();
	if (b->pid < 0)
		host_fail("no process for a branch");
	if (b->pid)
		return false;
	host_result = &results[b - branches];
	memset(branches, 0, sizeof(branches));
	/* Of its own time, not of a loaded host's. */
	setrlimit(RLIMIT_CPU, &(struct rlimit){60, 60});
	host_off_one_core();
	return true;
}
