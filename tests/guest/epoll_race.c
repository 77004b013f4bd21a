/* epoll: many threads at once. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "epoll.h"

enum { RACE_MS = 1500, RACE_PIPES = 8 };

static struct {
	int set, pipes[RACE_PIPES][2];
	atomic_bool stop;
	atomic_long seen, written;
} race;

static void *race_wait(void *arg)
{
	struct epoll_event events[3];
	char bytes[64];

	(void)arg;
	while (!race.stop) {
		int n = epoll_wait(race.set, events, 3, 5);

		for (int i = 0; i < n; i++)
			if (read(race.pipes[events[i].data.u32][0], bytes, sizeof(bytes)) > 0)
				race.seen++;
	}
	return NULL;
}

static void *race_write(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	while (!race.stop) {
		if (write(race.pipes[rand_r(&seed) % RACE_PIPES][1], "x", 1) == 1)
			race.written++;
		if (rand_r(&seed) % 16 == 0)
			sched_yield();
	}
	return NULL;
}

static void *race_change(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	while (!race.stop) {
		unsigned i = rand_r(&seed) % RACE_PIPES;
		struct epoll_event event = { .events = EPOLLIN | (rand_r(&seed) % 2 ? EPOLLET : 0),
					     .data.u32 = i };

		epoll_ctl(race.set, (int)(1 + rand_r(&seed) % 3), race.pipes[i][0], &event);
	}
	return NULL;
}

/* Files and sets that go while they are watched and woken. */
static void *race_close(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN };

	(void)arg;
	while (!race.stop) {
		int inner = epoll_create1(0), p[2];

		if (pipe2(p, O_NONBLOCK) < 0)
			break;
		epoll_ctl(inner, EPOLL_CTL_ADD, p[0], &event);
		epoll_ctl(inner, EPOLL_CTL_ADD, race.pipes[1][0], &event);
		epoll_ctl(race.set, EPOLL_CTL_ADD, inner, &event);
		if (write(p[1], "x", 1) != 1)
			break;
		close(p[0]);
		close(inner);
		close(p[1]);
	}
	return NULL;
}

TEST(everything_at_once)
{
	void *(*parts[])(void *) = { race_wait, race_wait, race_write, race_change, race_close };
	pthread_t threads[5];
	struct epoll_event event = { .events = EPOLLIN };

	race.set = new_set();
	for (int i = 0; i < RACE_PIPES; i++)
		make_pipe(race.pipes[i]);
	for (unsigned i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, parts[i], (void *)(uintptr_t)(i + 1));
	test_sleep_ms(RACE_MS);
	race.stop = true;
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	CHECK(race.seen > 0);
	CHECK(race.written > 0);
	for (unsigned i = 0; i < RACE_PIPES; i++) {
		event.data.u32 = i;
		epoll_ctl(race.set, EPOLL_CTL_DEL, race.pipes[i][0], NULL);
		CHECK_EQ(epoll_ctl(race.set, EPOLL_CTL_ADD, race.pipes[i][0], &event), 0);
	}
}

/* An edge is never lost: each byte comes after the one before was taken. */
static int ball[2][2];

static void *play(void *arg)
{
	int me = (int)(intptr_t)arg, set = new_set();
	struct epoll_event event;
	char c;

	add(set, ball[me][0], EPOLLIN | EPOLLET);
	for (int i = 0; i < 3000; i++) {
		if (me == 0)
			CHECK_EQ(write(ball[1][1], "x", 1), 1);
		while (read(ball[me][0], &c, 1) != 1)
			CHECK(epoll_wait(set, &event, 1, 10000) == 1);
		if (me == 1)
			CHECK_EQ(write(ball[0][1], "x", 1), 1);
	}
	return NULL;
}

TEST(no_edge_is_lost)
{
	pthread_t threads[2];

	make_pipe(ball[0]);
	make_pipe(ball[1]);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, play, (void *)(intptr_t)i);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}
