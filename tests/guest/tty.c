/* Terminals: pseudo-terminals, the line discipline, job control. */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "test.h"

static int master, slave;

static void open_pair(void)
{
	CHECK_EQ(openpty(&master, &slave, NULL, NULL, NULL), 0);
}

static void set(tcflag_t on, tcflag_t off)
{
	struct termios mode;

	CHECK_EQ(tcgetattr(slave, &mode), 0);
	mode.c_lflag = (mode.c_lflag | on) & ~off;
	CHECK_EQ(tcsetattr(slave, TCSANOW, &mode), 0);
}

static void type(const char *keys)
{
	CHECK_EQ(write(master, keys, strlen(keys)), strlen(keys));
}

/* What can be read at once, as a string. */
static const char *take(int fd)
{
	static char text[4096];
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t size = 0;

	while (size < sizeof(text) - 1 && poll(&ready, 1, 50) == 1) {
		ssize_t n = read(fd, text + size, sizeof(text) - 1 - size);

		if (n <= 0)
			break;
		size += (size_t)n;
	}
	text[size] = '\0';
	return text;
}

static void expect(int fd, const char *want)
{
	const char *got = take(fd);

	if (strcmp(got, want)) {
		(void)!write(1, "# got: ", 7);
		(void)!write(1, got, strlen(got));
		(void)!write(1, "\n", 1);
	}
	CHECK_EQ(strcmp(got, want), 0);
}

TEST(a_pair_has_names)
{
	struct stat state;
	char *name;

	master = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(master >= 0);
	CHECK_EQ(grantpt(master), 0);
	CHECK_ERR(open(ptsname(master), O_RDWR | O_NOCTTY), EIO);
	CHECK_EQ(unlockpt(master), 0);
	name = ptsname(master);
	CHECK_EQ(strncmp(name, "/dev/pts/", 9), 0);
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	CHECK(isatty(slave));
	CHECK_EQ(strcmp(ttyname(slave), name), 0);
	CHECK_EQ(fstat(slave, &state), 0);
	CHECK_EQ(state.st_mode, S_IFCHR | 0620);
	CHECK_EQ(state.st_gid, 5);
}

TEST(a_new_terminal_is_sane)
{
	struct termios mode;

	open_pair();
	CHECK_EQ(tcgetattr(slave, &mode), 0);
	CHECK(mode.c_lflag & ICANON && mode.c_lflag & ECHO && mode.c_lflag & ISIG);
	CHECK(mode.c_iflag & ICRNL && mode.c_oflag & OPOST && mode.c_oflag & ONLCR);
	CHECK_EQ(mode.c_cc[VINTR], 3);
	CHECK_EQ(mode.c_cc[VEOF], 4);
	CHECK_EQ(mode.c_cc[VERASE], 127);
	CHECK_EQ(mode.c_cc[VSUSP], 26);
	CHECK_EQ(cfgetospeed(&mode), B38400);
}

TEST(lines_are_edited_and_echoed)
{
	open_pair();
	type("helo\177lo\r");
	expect(slave, "hello\n");
	expect(master, "helo\b \blo\r\n");
	type("one two\027three\n");
	expect(slave, "one three\n");
	take(master);
	type("gone\025kept\n");
	expect(slave, "kept\n");
	take(master);
	type("\026\003\n");
	expect(slave, "\003\n");
}

TEST(a_line_waits_for_its_end)
{
	struct pollfd ready;
	int n;

	open_pair();
	ready = (struct pollfd) { .fd = slave, .events = POLLIN };
	type("half");
	CHECK_EQ(poll(&ready, 1, 30), 0);
	type("\nsecond\n");
	CHECK_EQ(poll(&ready, 1, -1), 1);
	CHECK_EQ(ioctl(slave, FIONREAD, &n), 0);
	CHECK_EQ(n, 12);
	CHECK_EQ(read(slave, (char[100]) { 0 }, 100), 5);
	CHECK_EQ(read(slave, (char[100]) { 0 }, 3), 3);
	CHECK_EQ(read(slave, (char[100]) { 0 }, 100), 4);
}

TEST(end_of_file_key)
{
	open_pair();
	type("\004");
	CHECK_EQ(read(slave, (char[10]) { 0 }, 10), 0);
	type("ab\004");
	CHECK_EQ(read(slave, (char[10]) { 0 }, 10), 2);
	type("x\n");
	CHECK_EQ(read(slave, (char[10]) { 0 }, 10), 2);
}

TEST(output_is_processed)
{
	struct termios mode;

	open_pair();
	CHECK_EQ(write(slave, "a\nb", 3), 3);
	expect(master, "a\r\nb");
	CHECK_EQ(tcgetattr(slave, &mode), 0);
	mode.c_oflag &= ~(tcflag_t)OPOST;
	CHECK_EQ(tcsetattr(slave, TCSADRAIN, &mode), 0);
	CHECK_EQ(write(slave, "a\nb", 3), 3);
	expect(master, "a\nb");
}

TEST(raw_mode)
{
	struct termios mode;

	open_pair();
	CHECK_EQ(tcgetattr(slave, &mode), 0);
	cfmakeraw(&mode);
	CHECK_EQ(tcsetattr(slave, TCSANOW, &mode), 0);
	type("\003\r\177x");
	expect(slave, "\003\r\177x");
	expect(master, "");
}

TEST(minimum_and_time)
{
	struct termios mode;
	long before;

	open_pair();
	CHECK_EQ(tcgetattr(slave, &mode), 0);
	cfmakeraw(&mode);
	mode.c_cc[VMIN] = 0;
	mode.c_cc[VTIME] = 1;
	CHECK_EQ(tcsetattr(slave, TCSANOW, &mode), 0);
	before = test_now_ms();
	CHECK_EQ(read(slave, (char[10]) { 0 }, 10), 0);
	CHECK(test_now_ms() - before >= 90);
	mode.c_cc[VMIN] = 3;
	mode.c_cc[VTIME] = 0;
	CHECK_EQ(tcsetattr(slave, TCSANOW, &mode), 0);
	if (fork() == 0) {
		for (int i = 0; i < 3; i++) {
			test_sleep_ms(20);
			type("k");
		}
		_exit(0);
	}
	CHECK_EQ(read(slave, (char[10]) { 0 }, 10), 3);
	mode.c_cc[VMIN] = 0;
	CHECK_EQ(tcsetattr(slave, TCSANOW, &mode), 0);
	CHECK_EQ(read(slave, (char[10]) { 0 }, 10), 0);
}

TEST(echo_of_control_keys)
{
	open_pair();
	set(0, ISIG);
	type("\003\n");
	expect(master, "^C\r\n");
	set(0, ECHO);
	type("secret\n");
	expect(master, "");
	set(ECHONL, 0);
	type("x\n");
	expect(master, "\r\n");
}

TEST(window_size)
{
	struct winsize size = { .ws_row = 40, .ws_col = 132 }, got = { 0 };

	open_pair();
	CHECK_EQ(ioctl(master, TIOCSWINSZ, &size), 0);
	CHECK_EQ(ioctl(slave, TIOCGWINSZ, &got), 0);
	CHECK_EQ(got.ws_row, 40);
	CHECK_EQ(got.ws_col, 132);
}

static volatile sig_atomic_t seen;

static void note(int signal)
{
	seen = signal;
}

static void wait_for_signal(int signal)
{
	for (int i = 0; i < 500 && seen != signal; i++)
		test_sleep_ms(10);
	CHECK_EQ(seen, signal);
	seen = 0;
}

TEST(keys_that_send_signals)
{
	open_pair();
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	CHECK_EQ(tcgetpgrp(slave), getpgrp());
	CHECK_EQ(tcgetsid(slave), getsid(0));
	signal(SIGINT, note);
	signal(SIGQUIT, note);
	signal(SIGTSTP, note);
	signal(SIGWINCH, note);
	type("lost\003");
	wait_for_signal(SIGINT);
	type("kept\n");
	expect(slave, "kept\n");
	type("\034");
	wait_for_signal(SIGQUIT);
	type("\032");
	wait_for_signal(SIGTSTP);
	CHECK_EQ(ioctl(master, TIOCSWINSZ, &(struct winsize) { .ws_row = 7 }), 0);
	wait_for_signal(SIGWINCH);
}

TEST(the_controlling_terminal)
{
	int tty;

	CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	open_pair();
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	tty = open("/dev/tty", O_RDWR);
	CHECK(tty >= 0);
	CHECK_EQ(write(tty, "x", 1), 1);
	expect(master, "x");
	signal(SIGHUP, SIG_IGN);
	CHECK_EQ(ioctl(tty, TIOCNOTTY), 0);
	CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
}

TEST(opening_a_terminal_makes_it_the_controlling_one)
{
	char name[64];

	open_pair();
	strcpy(name, ttyname(slave));
	close(slave);
	slave = open(name, O_RDWR);
	CHECK_EQ(tcgetpgrp(slave), getpgrp());
}

TEST(background_processes_are_stopped)
{
	int status;
	pid_t pid;

	open_pair();
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		(void)!read(slave, (char[1]) { 0 }, 1);
		_exit(3);
	}
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGTTIN);
	CHECK_EQ(tcsetpgrp(slave, pid), 0);
	CHECK_EQ(tcgetpgrp(slave), pid);
	type("\n");
	kill(pid, SIGCONT);
	CHECK_EQ(WEXITSTATUS(test_wait(pid)), 3);
}

TEST(tostop_stops_writers)
{
	int status;
	pid_t pid;

	open_pair();
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	set(TOSTOP, 0);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		(void)!write(slave, "x", 1);
		_exit(3);
	}
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(WSTOPSIG(status), SIGTTOU);
	kill(pid, SIGKILL);
}

static void live_on_the_terminal(void *argument)
{
	char *name = argument;

	setsid();
	close(master);
	close(slave);
	slave = open(name, O_RDWR);
	for (;;)
		pause();
}

TEST(a_hangup_reaches_the_session)
{
	char name[64];
	pid_t pid;

	open_pair();
	strcpy(name, ttyname(slave));
	pid = fork();
	if (pid == 0)
		live_on_the_terminal(name);
	close(slave);
	test_sleep_ms(200);
	close(master);
	CHECK_EQ(WTERMSIG(test_wait(pid)), SIGHUP);
}

TEST(after_the_other_end_is_gone)
{
	struct pollfd ready;

	open_pair();
	CHECK_EQ(write(slave, "last", 4), 4);
	close(slave);
	CHECK_EQ(read(master, (char[10]) { 0 }, 10), 4);
	CHECK_ERR(read(master, (char[10]) { 0 }, 10), EIO);
	open_pair();
	close(master);
	CHECK_EQ(read(slave, (char[10]) { 0 }, 10), 0);
	CHECK_ERR(write(slave, "x", 1), EIO);
	ready = (struct pollfd) { .fd = slave, .events = POLLIN };
	CHECK_EQ(poll(&ready, 1, 0), 1);
	CHECK(ready.revents & POLLHUP);
}

TEST(stopped_output)
{
	struct pollfd ready;

	open_pair();
	type("\023");
	fcntl(slave, F_SETFL, O_NONBLOCK);
	test_sleep_ms(20);
	(void)!write(slave, "held", 4);
	ready = (struct pollfd) { .fd = master, .events = POLLIN };
	CHECK_EQ(poll(&ready, 1, 30), 0);
	type("\021");
	(void)!write(slave, "", 0);
	fcntl(slave, F_SETFL, 0);
	CHECK_EQ(write(slave, "on", 2), 2);
	CHECK(strstr(take(master), "on") != NULL);
}

TEST(flushing)
{
	open_pair();
	type("typed\n");
	CHECK_EQ(tcflush(slave, TCIFLUSH), 0);
	type("later\n");
	expect(slave, "later\n");
	CHECK_EQ(tcdrain(slave), 0);
	CHECK_ERR(tcflush(slave, 99), EINVAL);
}

TEST(what_is_no_terminal)
{
	struct termios mode;
	int fd = open("/dev/null", O_RDWR);

	CHECK(!isatty(fd));
	CHECK_ERR(tcgetattr(fd, &mode), ENOTTY);
	CHECK_ERR(ioctl(fd, TIOCGWINSZ, &mode), ENOTTY);
	CHECK_ERR(tcgetattr(999, &mode), EBADF);
}

TEST(utf8_is_erased_by_the_character)
{
	struct termios mode;

	open_pair();
	CHECK_EQ(tcgetattr(slave, &mode), 0);
	mode.c_iflag |= IUTF8;
	CHECK_EQ(tcsetattr(slave, TCSANOW, &mode), 0);
	type("a\xc3\xa9\177b\n");
	expect(slave, "ab\n");
}
