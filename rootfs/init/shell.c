/* Gives the console to a login shell. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

static const char *const shells[] = { "/bin/bash", "/bin/sh" };

/* `poweroff` is this program: one of the root's own would look for its own init. */
static void install_poweroff(int self)
{
	static const char path[] = "/run/lichen/poweroff", link[] = "/usr/local/sbin/poweroff";
	static char data[64 * 1024];
	ssize_t n = 0;
	int to;

	if (self < 0)
		return;
	mkdir("/run/lichen", 0755);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	while (to >= 0 && (n = read(self, data, sizeof(data))) > 0)
		if (write(to, data, (size_t)n) != n)
			break;
	if (to < 0 || n)
		warn(path, strerror(errno));
	if (to >= 0)
		close(to);
	unlink(link);
	if (symlink(path, link) < 0)
		warn(link, strerror(errno));
}

static void greet(const struct options *options)
{
	dprintf(1, "\nLeave with `exit` or `poweroff`; Ctrl-] x stops the machine at once.\n%s\n",
		options->persist ? "Changes are kept in the root image."
				 : "Changes are lost at the end, unless started with --persist.");
}

static void set_window(const struct options *options)
{
	struct winsize size = {
		.ws_row = (unsigned short)options->rows, .ws_col = (unsigned short)options->columns,
	};

	if (options->rows > 0 && options->columns > 0 && ioctl(0, TIOCSWINSZ, &size) < 0)
		warn("the window's size cannot be set", strerror(errno));
}

[[noreturn]] static void run_shell(const struct options *options)
{
	setsid();
	if (ioctl(0, TIOCSCTTY, 1) < 0)
		warn("no job control: the console is no controlling terminal", strerror(errno));
	clearenv();
	setenv("TERM", options->term, 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("LOGNAME", "root", 1);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (chdir("/root") < 0)
		warn("/root", strerror(errno));
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		const char *name = strrchr(shells[i], '/');
		char called[16];

		snprintf(called, sizeof(called), "-%s", name + 1);
		setenv("SHELL", shells[i], 1);
		execl(shells[i], called, NULL);
	}
	warn("no shell can be started", strerror(errno));
	_exit(127);
}

void shell_run(const struct options *options, int self)
{
	pid_t shell, pid;

	install_poweroff(self);
	set_window(options);
	greet(options);
	shell = fork();
	if (shell < 0)
		die("a process cannot be made", strerror(errno));
	if (shell == 0)
		run_shell(options);
	do
		pid = wait4(-1, NULL, 0, NULL);
	while (pid != shell && (pid > 0 || errno == EINTR));
}
