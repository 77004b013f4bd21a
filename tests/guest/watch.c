/* What is read from descriptors that tell of files (inotify) and of signals (signalfd). */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static int watching(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

/* All events there are, as text: "wd:mask:name " each, "+" for a cookie. */
static const char *events(int fd)
{
	static char text[4096], buffer[4096];
	size_t used = 0;
	long n;

	text[0] = 0;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e = (const void *)at;

			CHECK_EQ(e->len % sizeof(*e), 0);
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%d:%x:%s%s ",
						 e->wd, e->mask, e->len ? e->name : "",
						 e->cookie ? "+" : "");
			at += sizeof(*e) + e->len;
		}
	}
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, EAGAIN);
	return text;
}

static void expect_at(int line, int fd, const char *want)
{
	const char *got = events(fd);

	if (strcmp(got, want)) {
		printf("# got  %s\n# want %s\n", got, want);
		test_failed(__FILE__, line, "events", 0, 0);
	}
}
#define EXPECT(fd, want) expect_at(__LINE__, fd, want)

TEST(a_folder_is_watched)
{
	int fd = watching(), file;
	char buffer[8];

	mkdir("d", 0755);
	CHECK_EQ(inotify_add_watch(fd, "d", IN_ALL_EVENTS), 1);
	file = open("d/f", O_CREAT | O_RDWR, 0644);
	EXPECT(fd, "1:100:f 1:20:f ");
	CHECK_EQ(write(file, "abc", 3), 3);
	CHECK_EQ(write(file, "abc", 3), 3);
	CHECK_EQ(pread(file, buffer, 3, 0), 3);
	CHECK_EQ(read(file, buffer, 3), 0);
	EXPECT(fd, "1:2:f 1:1:f ");
	CHECK_EQ(ftruncate(file, 2), 0);
	CHECK_EQ(fchmod(file, 0600), 0);
	CHECK_EQ(futimens(file, NULL), 0);
	EXPECT(fd, "1:2:f 1:4:f ");
	close(file);
	EXPECT(fd, "1:8:f ");
	close(open("d/f", O_RDONLY));
	close(open("d/f", O_PATH));
	EXPECT(fd, "1:20:f 1:10:f ");
	close(open("d/f", O_WRONLY | O_TRUNC));
	EXPECT(fd, "1:20:f 1:2:f 1:8:f ");
	CHECK_EQ(link("d/f", "d/g"), 0);
	EXPECT(fd, "1:100:g ");
	CHECK_EQ(rename("d/g", "d/h"), 0);
	EXPECT(fd, "1:40:g+ 1:80:h+ ");
	CHECK_EQ(symlink("x", "d/link"), 0);
	CHECK_EQ(mkdir("d/sub", 0700), 0);
	CHECK_EQ(rmdir("d/sub"), 0);
	CHECK_EQ(unlink("d/h"), 0);
	EXPECT(fd, "1:100:link 1:40000100:sub 1:40000200:sub 1:200:h ");
}

TEST(a_file_is_watched_to_its_end)
{
	int fd = watching(), file;

	test_write_file("f", "text");
	CHECK_EQ(inotify_add_watch(fd, "f",
				   IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_MODIFY), 1);
	CHECK_EQ(rename("f", "g"), 0);
	CHECK_EQ(link("g", "h"), 0);
	CHECK_EQ(unlink("g"), 0);
	EXPECT(fd, "1:800: 1:4: ");
	file = open("h", O_WRONLY);
	CHECK_EQ(unlink("h"), 0);
	EXPECT(fd, "1:4: ");
	CHECK_EQ(write(file, "x", 1), 1);
	EXPECT(fd, "1:2: ");
	close(file);
	EXPECT(fd, "1:400: 1:8000: ");
	CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
	test_write_file("f", "text");
	CHECK_EQ(inotify_add_watch(fd, "f", IN_DELETE_SELF), 2);
	test_write_file("other", "text");
	CHECK_EQ(rename("other", "f"), 0);
	EXPECT(fd, "2:400: 2:8000: ");
}

TEST(masks_of_watches)
{
	int fd = watching();

	mkdir("d", 0755);
	test_write_file("d/f", "text");
	CHECK_EQ(inotify_add_watch(fd, "d", IN_OPEN), 1);
	CHECK_EQ(inotify_add_watch(fd, "d/f", IN_OPEN | IN_ONESHOT), 2);
	CHECK_EQ(inotify_add_watch(fd, "d", IN_CLOSE_NOWRITE | IN_MASK_ADD), 1);
	CHECK_ERR(inotify_add_watch(fd, "d", IN_OPEN | IN_MASK_CREATE), EEXIST);
	close(open("d/f", O_RDONLY));
	EXPECT(fd, "1:20:f 2:20: 2:8000: 1:10:f ");
	CHECK_EQ(inotify_add_watch(fd, "d", IN_CREATE), 1);
	close(open("d/f", O_RDONLY));
	EXPECT(fd, "");
	CHECK_EQ(inotify_rm_watch(fd, 1), 0);
	EXPECT(fd, "1:8000: ");
	CHECK_EQ(inotify_add_watch(fd, "d", IN_CREATE), 3);
}

TEST(wrong_watches)
{
	int fd = watching(), ends[2];
	char small[16];

	CHECK_ERR(inotify_init1(1), EINVAL);
	CHECK_ERR(inotify_add_watch(fd, ".", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(99, ".", IN_OPEN), EBADF);
	CHECK_ERR(inotify_add_watch(fd, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
	CHECK_ERR(inotify_add_watch(fd, "nothing", IN_OPEN), ENOENT);
	test_write_file("f", "text");
	CHECK_ERR(inotify_add_watch(fd, "f", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(inotify_add_watch(ends[0], ".", IN_OPEN), EINVAL);
	CHECK_ERR(inotify_rm_watch(ends[0], 1), EINVAL);
	CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
	CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE), 1);
	test_write_file("a", "");
	CHECK_ERR(read(fd, small, sizeof(small)), EINVAL);
	CHECK_ERR(write(fd, "x", 1), EBADF);
	CHECK_EQ(lseek(fd, 5, SEEK_SET), 0);
	CHECK_ERR(pread(fd, small, sizeof(small), 0), ESPIPE);
}

TEST(waiting_for_an_event)
{
	int fd = watching(), bytes = -1;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	pid_t child;

	CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE), 1);
	CHECK_EQ(poll(&p, 1, 0), 0);
	child = fork();
	if (!child) {
		test_sleep_ms(50);
		close(open("new", O_CREAT | O_WRONLY, 0600));
		_exit(0);
	}
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(p.revents, POLLIN);
	CHECK_EQ(ioctl(fd, FIONREAD, &bytes), 0);
	CHECK_EQ(bytes, 32);
	EXPECT(fd, "1:100:new ");
	CHECK_EQ(test_wait(child), 0);
}

TEST(too_many_events)
{
	static char buffer[65536];
	int fd = watching();
	long events = 0, n, last = 0;

	CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE), 1);
	for (int i = 0; i < 9000; i++) {
		CHECK_EQ(symlink("x", "name"), 0);
		CHECK_EQ(unlink("name"), 0);
	}
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + n; events++) {
			const struct inotify_event *e = (const void *)at;

			last = e->mask;
			at += sizeof(*e) + e->len;
		}
	}
	CHECK_EQ(events, 16385);
	CHECK_EQ(last, IN_Q_OVERFLOW);
}

/* --- signals --- */

static sigset_t set_of(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	sigaddset(&set, b);
	return set;
}

TEST(signals_are_read)
{
	sigset_t set = set_of(SIGUSR1, SIGRTMIN);
	struct signalfd_siginfo info[3];
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK(fd >= 0);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_ERR(read(fd, info, sizeof(info)), EAGAIN);
	CHECK_ERR(read(fd, info, 127), EINVAL);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval) { .sival_int = 42 }), 0);
	CHECK_EQ(read(fd, info, sizeof(info)), 256);
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	CHECK_EQ(info[0].ssi_code, SI_USER);
	CHECK_EQ(info[0].ssi_pid, getpid());
	CHECK_EQ(info[1].ssi_signo, SIGRTMIN);
	CHECK_EQ(info[1].ssi_code, SI_QUEUE);
	CHECK_EQ(info[1].ssi_int, 42);
	CHECK_EQ(poll(&p, 1, 0), 0);
}

TEST(a_child_ends_while_its_parent_reads)
{
	sigset_t set = set_of(SIGCHLD, SIGUSR2);
	struct signalfd_siginfo info;
	int fd = signalfd(-1, &set, 0);
	pid_t child;

	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	child = fork();
	if (!child) {
		test_sleep_ms(50);
		_exit(3);
	}
	CHECK_EQ(read(fd, &info, sizeof(info)), 128);
	CHECK_EQ(info.ssi_signo, SIGCHLD);
	CHECK_EQ(info.ssi_code, CLD_EXITED);
	CHECK_EQ(info.ssi_pid, child);
	CHECK_EQ(info.ssi_status, 3);
	CHECK_EQ(test_wait(child), 3 << 8);
}

TEST(a_poll_for_signals_waits)
{
	sigset_t set = set_of(SIGALRM, SIGKILL);
	struct pollfd p = { .fd = signalfd(-1, &set, 0), .events = POLLIN };

	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	ualarm(50000, 0);
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(p.revents, POLLIN);
}

TEST(another_set_of_signals)
{
	sigset_t one = set_of(SIGUSR1, SIGUSR1), two = set_of(SIGUSR2, SIGUSR2);
	sigset_t both = set_of(SIGUSR1, SIGUSR2);
	struct signalfd_siginfo info;
	int fd = signalfd(-1, &one, SFD_NONBLOCK);

	CHECK_EQ(sigprocmask(SIG_BLOCK, &both, NULL), 0);
	CHECK_EQ(raise(SIGUSR2), 0);
	CHECK_ERR(read(fd, &info, sizeof(info)), EAGAIN);
	CHECK_EQ(signalfd(fd, &two, 0), fd);
	CHECK_EQ(read(fd, &info, sizeof(info)), 128);
	CHECK_EQ(info.ssi_signo, SIGUSR2);
	CHECK_ERR(signalfd(99, &one, 0), EBADF);
	CHECK_ERR(signalfd(0, &one, 0), EINVAL);
	CHECK_ERR(signalfd(-1, &one, 1), EINVAL);
}
