/* A hundred processes that fork, pipe, map, mount, talk, trace, signal and die, and what is left of them.
 *
 *     stress SECONDS [SEED [PROCESSES [DEED]]]
 *
 * runs once to warm up and once for that long, and compares the kernel's memory before and
 * after the second run, caches dropped: free pages and every kind of object must be as
 * before. (Where the kernel cannot say exactly, as on Linux, only the run itself counts.)
 * Each process checks what it reads back, whatever happens around it. A worker's doings
 * follow from the seed and its number.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"
#include "work.h"

enum { WARM_UP_S = 5, WORKERS_MAX = 1000 };

static struct worker {
	pid_t pid;
	unsigned life;
} workers[WORKERS_MAX];

static unsigned count = 100;
static uint64_t seed = 1;
static long made, failed;

static void start(unsigned n)
{
	struct worker *w = &workers[n];
	uint64_t random = seed * 1000003 + n * 7919 + w->life++ * 104729;

	w->pid = fork();
	if (w->pid < 0) {
		perror("stress: fork");
		failed++;
		return;
	}
	if (w->pid == 0)
		work(n, random);
	made++;
}

static void judge(unsigned n, int status)
{
	bool wrong = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_WRONG;

	if (!wrong)
		return;
	printf("worker %u, life %u of seed %lu: wrong\n", n, workers[n].life - 1,
	       (unsigned long)seed);
	failed++;
}

static void reaped(pid_t pid, int status, bool again)
{
	for (unsigned n = 0; n < count; n++) {
		if (workers[n].pid != pid)
			continue;
		workers[n].pid = 0;
		judge(n, status);
		if (again)
			start(n);
		return;
	}
}

/* Everybody who is left, orphans that came to us included. */
static void end_all(void)
{
	int status;
	pid_t pid;

	for (unsigned n = 0; n < count; n++)
		if (workers[n].pid > 0)
			kill(workers[n].pid, SIGKILL);
	/* A worker's children die with it or within moments. */
	while ((pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR)
		if (pid > 0)
			reaped(pid, status, false);
}

/* What the killed left behind. */
static void remove_files(void)
{
	struct dirent *entry;
	DIR *dir = opendir(FOLDER);

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && unlink(entry->d_name) < 0)
			rmdir(entry->d_name);
	if (dir)
		closedir(dir);
}

static void run(long seconds)
{
	long end = now_ms() + seconds * 1000;
	int status;

	for (unsigned n = 0; n < count; n++)
		start(n);
	while (now_ms() < end) {
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid > 0)
			reaped(pid, status, true);
		else
			sleep_ms(2);
	}
	end_all();
	deeds_clean_up();
	remove_files();
}

int main(int argc, char **argv)
{
	static struct memory before, after;
	long seconds;
	int differences;

	if (argc > 1 && !strcmp(argv[1], EXEC_WORD))
		return executed(argc, argv);
	seconds = argc > 1 ? atol(argv[1]) : 30;
	seed = argc > 2 ? (uint64_t)atol(argv[2]) : 1;
	count = argc > 3 ? (unsigned)atol(argv[3]) : 100;
	only_deed = argc > 4 ? atoi(argv[4]) : -1;
	if (count > WORKERS_MAX)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if ((mkdir(FOLDER, 0777) < 0 && errno != EEXIST) || chdir(FOLDER) < 0) {
		perror("stress: " FOLDER);
		return 2;
	}
	/* What measuring takes for good is taken. */
	memory_measure(&after);
	run(WARM_UP_S);
	memory_measure(&before);
	made = 0;
	run(seconds);
	memory_measure(&after);
	differences = memory_compare(&before, &after);
	printf("%ld workers lived, %ld failed, %d counts differ\n", made, failed, differences);
	return failed || differences;
}
