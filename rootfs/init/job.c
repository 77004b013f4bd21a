/* Runs one command and reports over the console.
 *
 * Three processes: the command; the reporter, which frames what comes out of the command's
 * two pipes; and pid 1, which waits for every process there is, so that orphans are reaped,
 * and closes a third pipe when the command has ended. What the command wrote is in the pipes
 * by then, so the reporter empties them once more and does not wait for others who still
 * hold them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

enum { OUT, ERR, DONE, PIPES };
enum { END_READ, END_WRITE };

static void sort_strings(struct job *job, char *text, size_t size)
{
	size_t most = 1, argc = 0, envc = 0, getc = 0;

	for (size_t i = 0; i < size; i++)
		most += !text[i];
	job->argv = calloc(most, sizeof(char *));
	job->envp = calloc(most, sizeof(char *));
	job->get = calloc(most, sizeof(char *));
	if (!job->argv || !job->envp || !job->get)
		die("no memory for the job", NULL);
	for (char *at = text; at < text + size; at += strlen(at) + 1) {
		if (!strncmp(at, "arg=", 4))
			job->argv[argc++] = at + 4;
		else if (!strncmp(at, "env=", 4))
			job->envp[envc++] = at + 4;
		else if (!strncmp(at, "get=", 4))
			job->get[getc++] = at + 4;
		else if (!strncmp(at, "cwd=", 4))
			job->cwd = at + 4;
		else
			die("the job's description is not understood", at);
	}
	if (!argc)
		die("the job names no command", NULL);
}

static const char *search_path(const struct job *job)
{
	for (char **env = job->envp; *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			return *env + 5;
	return "/bin:/usr/bin";
}

[[noreturn]] static void run_command(const struct job *job, int pipes[PIPES][2])
{
	int null = open("/dev/null", O_RDONLY);

	setsid();
	if (null > 0)
		dup2(null, 0);
	else if (null < 0)
		close(0);
	dup2(pipes[OUT][END_WRITE], 1);
	dup2(pipes[ERR][END_WRITE], 2);
	for (int fd = 3; fd < 16; fd++)
		close(fd);
	if (job->cwd && chdir(job->cwd) < 0)
		dprintf(2, "init: %s: %s\n", job->cwd, strerror(errno));
	setenv("PATH", search_path(job), 1);
	execvpe(job->argv[0], job->argv, job->envp);
	dprintf(2, "init: %s: %s\n", job->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Pass on what is there; false at the end of the pipe. */
static bool pass_on(int from, enum frame_type type)
{
	static char data[3 * 1024];
	ssize_t n = read(from, data, sizeof(data));

	if (n > 0)
		frame_send(say_fd(), type, data, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

static void empty(int from, enum frame_type type)
{
	struct pollfd ready = { .fd = from, .events = POLLIN };

	while (from >= 0 && poll(&ready, 1, 0) > 0 && ready.revents & POLLIN)
		if (!pass_on(from, type))
			return;
}

/* Until pid 1 closes its end of the third pipe: the command has ended. */
static void relay(int pipes[PIPES][2])
{
	struct pollfd ready[PIPES];

	for (int i = 0; i < PIPES; i++)
		ready[i] = (struct pollfd) { .fd = pipes[i][END_READ], .events = POLLIN };
	while (!(ready[DONE].revents & (POLLIN | POLLHUP))) {
		if (poll(ready, PIPES, -1) < 0 && errno != EINTR)
			die("the job's output cannot be awaited", strerror(errno));
		for (int i = OUT; i <= ERR; i++)
			if (ready[i].revents && !pass_on(ready[i].fd, (enum frame_type)i))
				ready[i].fd = -1;
	}
	empty(ready[OUT].fd, FRAME_OUT);
	empty(ready[ERR].fd, FRAME_ERR);
}

static void send_file(const char *path)
{
	static char data[3 * 1024];
	char text[NUMBER_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t n = 0;

	if (fd < 0)
		err = errno;
	while (!err && (n = read(fd, data, sizeof(data))) > 0)
		frame_send(say_fd(), FRAME_GET, data, (size_t)n);
	if (n < 0)
		err = errno;
	if (fd >= 0)
		close(fd);
	number(text, err);
	frame_send(say_fd(), FRAME_GOT, text, strlen(text));
}

[[noreturn]] static void report(const struct job *job, int pipes[PIPES][2])
{
	for (int i = 0; i < PIPES; i++)
		close(pipes[i][END_WRITE]);
	relay(pipes);
	for (char **path = job->get; *path; path++)
		send_file(*path);
	_exit(0);
}

static pid_t must_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("a process cannot be made", strerror(errno));
	return pid;
}

/* Reap until the reporter is done; the command's status. */
static int wait_for_all(pid_t command, pid_t reporter, int done)
{
	int result = 0;

	for (;;) {
		int status;
		pid_t pid = wait4(-1, &status, 0, NULL);

		if (pid < 0 && errno != EINTR)
			die("the job cannot be awaited", strerror(errno));
		if (pid == command) {
			result = status;
			close(done);
		}
		if (pid == reporter && status)
			die("the job's reporter failed", NULL);
		if (pid == reporter)
			return result;
	}
}

static void send_status(int status)
{
	char text[32];
	int n = WIFSIGNALED(status) ? snprintf(text, sizeof(text), "signal %d", WTERMSIG(status))
				    : snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));

	frame_send(say_fd(), FRAME_STATUS, text, (size_t)n);
}

void job_run(const struct options *options)
{
	static struct job job;
	int pipes[PIPES][2], status;
	pid_t command, reporter;
	size_t size;
	char *text = archive_take(options->job, &size);

	sort_strings(&job, text, size);
	for (int i = 0; i < PIPES; i++)
		if (pipe(pipes[i]) < 0)
			die("a pipe cannot be made", strerror(errno));
	reporter = must_fork();
	if (reporter == 0)
		report(&job, pipes);
	command = must_fork();
	if (command == 0)
		run_command(&job, pipes);
	for (int i = 0; i < PIPES; i++)
		close(pipes[i][END_READ]);
	close(pipes[OUT][END_WRITE]);
	close(pipes[ERR][END_WRITE]);
	status = wait_for_all(command, reporter, pipes[DONE][END_WRITE]);
	power_settle();
	send_status(status);
}
