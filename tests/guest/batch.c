/* Runs many programs in one boot, each in a clean folder and with a limit of its own.
 *
 *     batch MANIFEST
 *
 * A line of the manifest is a name, a limit in seconds and the words of a command, with
 * tabs between. For each, standard output gets
 *
 *     @start NAME
 *     @end NAME STATUS OUT ERR        (OUT and ERR: how many bytes follow)
 *     <standard output><standard error>
 *
 * STATUS is an exit status, 128+n for a death by signal n, or "limit".
 * tools/lichen/batch.py reads that.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "/tmp/batch"

enum { WORDS_MAX = 16, TICK_MS = 10 };

struct item {
	char *name;
	long limit;
	char *argv[WORDS_MAX + 1];
};

static void fail(const char *what)
{
	fprintf(stderr, "batch: %s: %s\n", what, strerror(errno));
	exit(2);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool parse(char *line, struct item *item)
{
	size_t words = 0;
	char *save, *limit;

	line[strcspn(line, "\n")] = '\0';
	item->name = strtok_r(line, "\t", &save);
	limit = strtok_r(NULL, "\t", &save);
	if (!item->name || !limit)
		return false;
	item->limit = atol(limit);
	while (words < WORDS_MAX && (item->argv[words] = strtok_r(NULL, "\t", &save)))
		words++;
	item->argv[words] = NULL;
	return words > 0;
}

static void redirect(const char *path, int flags, int to)
{
	int fd = open(path, flags, 0644);

	if (fd < 0)
		fail(path);
	if (fd != to) {
		dup2(fd, to);
		close(fd);
	}
}

static void run_child(const struct item *item, const char *folder)
{
	char path[300];

	setsid();
	if (mkdir(folder, 0755) < 0 || chdir(folder) < 0)
		fail(folder);
	redirect("/dev/null", O_RDONLY, 0);
	snprintf(path, sizeof(path), "%s.out", folder);
	redirect(path, O_WRONLY | O_CREAT | O_TRUNC, 1);
	snprintf(path, sizeof(path), "%s.err", folder);
	redirect(path, O_WRONLY | O_CREAT | O_TRUNC, 2);
	execvp(item->argv[0], item->argv);
	fail(item->argv[0]);
}

/* False if the limit passed first. */
static bool wait_within(pid_t pid, long limit, int *status)
{
	long deadline = now_ms() + limit * 1000;

	for (;;) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		if (now_ms() > deadline)
			return false;
		nanosleep(&(struct timespec) { .tv_nsec = TICK_MS * 1000000L }, NULL);
	}
}

static void copy_out(const char *path)
{
	static char data[64 * 1024];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, data, sizeof(data))) > 0)
		fwrite(data, 1, (size_t)n, stdout);
	if (fd >= 0)
		close(fd);
}

static long size_of(const char *path)
{
	struct stat state;

	return stat(path, &state) == 0 ? (long)state.st_size : 0;
}

static void report(const struct item *item, const char *folder, bool ended, int status)
{
	char out[300], err[300], text[16] = "limit";

	snprintf(out, sizeof(out), "%s.out", folder);
	snprintf(err, sizeof(err), "%s.err", folder);
	if (ended)
		snprintf(text, sizeof(text), "%d", WIFSIGNALED(status) ? 128 + WTERMSIG(status)
								       : WEXITSTATUS(status));
	printf("@end %s %s %ld %ld\n", item->name, text, size_of(out), size_of(err));
	copy_out(out);
	copy_out(err);
	fflush(stdout);
	unlink(out);
	unlink(err);
}

static void run(const struct item *item)
{
	char folder[256];
	int status = 0;
	bool ended;
	pid_t pid;

	snprintf(folder, sizeof(folder), FOLDER "/%s", item->name);
	printf("@start %s\n", item->name);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0)
		run_child(item, folder);
	ended = wait_within(pid, item->limit, &status);
	kill(-pid, SIGKILL);
	if (!ended)
		waitpid(pid, &status, 0);
	report(item, folder, ended, status);
}

int main(int argc, char **argv)
{
	static char line[4096];
	FILE *manifest = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (!manifest)
		fail("the manifest");
	if (mkdir(FOLDER, 0755) < 0 && errno != EEXIST)
		fail(FOLDER);
	while (fgets(line, sizeof(line), manifest)) {
		struct item item;

		if (parse(line, &item))
			run(&item);
	}
	return 0;
}
