/* The number of a descriptor is had before what it is for: with none left nothing is made, emptied or
 * taken; nobody else gets it meanwhile. */
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

static struct rlimit before;

/* No number is left, or as many as before. */
static void limit(bool none)
{
	struct rlimit r;
	int next;

	if (!none) {
		CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
		return;
	}
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	next = dup(0);
	CHECK(next >= 0);
	CHECK_EQ(close(next), 0);
	r = (struct rlimit){(rlim_t)next, before.rlim_max};
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
}

TEST(nothing_is_made)
{
	limit(true);
	CHECK_ERR(open("absent", O_CREAT | O_RDWR, 0600), EMFILE);
	CHECK_ERR(open("absent", O_CREAT | O_EXCL | O_RDWR, 0600), EMFILE);
	CHECK_ERR(open("/none/at/all", O_RDONLY), EMFILE);
	CHECK_ERR(access("absent", F_OK), ENOENT);
	limit(false);
	CHECK_ERR(open("/none/at/all", O_RDONLY), ENOENT);
	CHECK_ERR(open("absent", O_RDWR), ENOENT);
}

TEST(nothing_is_emptied)
{
	struct stat s;

	test_write_file("text", "text");
	limit(true);
	CHECK_ERR(open("text", O_WRONLY | O_TRUNC), EMFILE);
	CHECK_EQ(stat("text", &s), 0);
	CHECK_EQ(s.st_size, 4);
}

TEST(no_queue_is_made)
{
	limit(true);
	CHECK_ERR(mq_open("/descriptors", O_CREAT | O_RDWR, 0600, NULL), EMFILE);
	limit(false);
	CHECK_ERR(mq_open("/descriptors", O_RDWR), ENOENT);
	CHECK_ERR(mq_unlink("/descriptors"), ENOENT);
}

TEST(a_connection_stays)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int client = socket(AF_UNIX, SOCK_STREAM, 0), other;
	char text[5] = "";

	CHECK(listener >= 0 && client >= 0);
	CHECK_EQ(bind(listener, (struct sockaddr *)&to, sizeof(to)), 0);
	CHECK_EQ(listen(listener, 4), 0);
	limit(true);
	CHECK_ERR(accept(listener, NULL, NULL), EMFILE);	/* though nobody is there */
	CHECK_EQ(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	CHECK_ERR(accept(listener, NULL, NULL), EMFILE);
	CHECK_EQ(write(client, "text", 4), 4);
	limit(false);
	other = accept(listener, NULL, NULL);
	CHECK(other >= 0);
	CHECK_EQ(read(other, text, 4), 4);
	CHECK_EQ(strcmp(text, "text"), 0);
	CHECK_ERR(accept(listener, NULL, NULL), EAGAIN);
}

/* The number is free again when what it was for fails. */
TEST(a_number_comes_back)
{
	int fd = dup(0), listener = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(fd >= 0 && listener >= 0);
	CHECK_EQ(close(fd), 0);
	CHECK_ERR(open("absent", O_RDONLY), ENOENT);
	CHECK_ERR(accept(listener, NULL, NULL), EINVAL);
	CHECK_ERR(mq_open("/descriptors", O_RDWR), ENOENT);
	CHECK_EQ(dup(0), fd);
}

static volatile pid_t opener;

static void *open_fifo(void *name)
{
	opener = (pid_t)syscall(SYS_gettid);
	return (void *)(long)open(name, O_RDONLY);
}

/* Is that thread in a call that waits, for `fifo` to be opened? */
static bool sleeps(pid_t tid)
{
	char path[60];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	return strstr(test_read_file(path), ") S ");
}

TEST(nobody_else_has_it)
{
	int next = dup(0), fd;
	pthread_t thread;
	void *got;

	CHECK(next >= 0);
	CHECK_EQ(close(next), 0);
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	CHECK_EQ(pthread_create(&thread, NULL, open_fifo, "fifo"), 0);
	while (!opener || !sleeps(opener))
		test_sleep_ms(5);
	CHECK_ERR(fcntl(next, F_GETFD), EBADF);
	CHECK_ERR(dup2(0, next), EBUSY);
	CHECK_ERR(close(next), EBADF);
	CHECK_EQ(dup(0), next + 1);
	fd = open("fifo", O_WRONLY);
	CHECK_EQ(fd, next + 2);
	CHECK_EQ(pthread_join(thread, &got), 0);
	CHECK_EQ((long)got, next);
}
