/* epoll: what is reported, when again, to whom; sets in sets; waiting. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "epoll.h"

TEST(a_level_is_reported_until_it_is_gone)
{
	int set = new_set(), p[2];

	make_pipe(p);
	add(set, p[0], EPOLLIN);
	CHECK_EQ(only(set, p[0]), 0);
	put(p[1], 2);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	take(p[0], 1);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	take(p[0], 1);
	CHECK_EQ(only(set, p[0]), 0);
	put(p[1], 1);
	close(p[1]);
	CHECK_EQ(only(set, p[0]), EPOLLIN | EPOLLHUP);
	take(p[0], 1);
	CHECK_EQ(only(set, p[0]), EPOLLHUP);
}

TEST(an_edge_is_reported_once)
{
	int set = new_set(), p[2];

	make_pipe(p);
	put(p[1], 1);
	add(set, p[0], EPOLLIN | EPOLLET);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	CHECK_EQ(only(set, p[0]), 0);
	put(p[1], 3);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	take(p[0], 1);
	CHECK_EQ(only(set, p[0]), 0);
	CHECK_EQ(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET), 0);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	close(p[1]);
	CHECK_EQ(only(set, p[0]), EPOLLIN | EPOLLHUP);
	CHECK_EQ(only(set, p[0]), 0);
}

TEST(one_shot_is_reported_once_until_it_is_armed_again)
{
	int set = new_set(), p[2];

	make_pipe(p);
	add(set, p[0], EPOLLIN | EPOLLONESHOT);
	put(p[1], 1);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	put(p[1], 1);
	close(p[1]);
	CHECK_EQ(only(set, p[0]), 0);
	CHECK_EQ(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT), 0);
	CHECK_EQ(only(set, p[0]), EPOLLIN | EPOLLHUP);
	CHECK_EQ(only(set, p[0]), 0);
}

TEST(only_what_is_asked_for_but_errors_always)
{
	int set = new_set(), p[2];

	make_pipe(p);
	add(set, p[1], 0);
	CHECK_EQ(only(set, p[1]), 0);
	close(p[0]);
	CHECK_EQ(only(set, p[1]), EPOLLERR);
	CHECK_EQ(ctl(set, EPOLL_CTL_MOD, p[1], EPOLLOUT | EPOLLRDHUP), 0);
	CHECK_EQ(only(set, p[1]), EPOLLOUT | EPOLLERR);
	CHECK_EQ(ctl(set, EPOLL_CTL_DEL, p[1], 0), 0);
	CHECK_EQ(only(set, p[1]), 0);
}

TEST(the_writing_end_tells_of_room)
{
	int set = new_set(), p[2];
	struct epoll_event event;

	make_pipe(p);
	put(p[1], 65536);
	add(set, p[1], EPOLLOUT | EPOLLET);
	CHECK_EQ(only(set, p[1]), 0);
	take(p[0], 65536);
	CHECK_EQ(epoll_wait(set, &event, 1, -1), 1);
	CHECK_EQ(event.events, EPOLLOUT);
}

TEST(the_last_close_removes)
{
	int set = new_set(), p[2], copy;

	make_pipe(p);
	add(set, p[0], EPOLLIN);
	put(p[1], 1);
	copy = dup(p[0]);
	close(p[0]);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	CHECK_ERR(ctl(set, EPOLL_CTL_DEL, p[0], 0), EBADF);
	CHECK_ERR(ctl(set, EPOLL_CTL_DEL, copy, 0), ENOENT);
	close(copy);
	CHECK_EQ(only(set, p[0]), 0);
	make_pipe(p);
	add(set, p[0], EPOLLIN);
	close(set);
	put(p[1], 1);
}

TEST(one_file_by_two_numbers)
{
	int set = new_set(), p[2], copy;
	struct epoll_event events[4];

	make_pipe(p);
	copy = dup(p[0]);
	add(set, p[0], EPOLLIN);
	add(set, copy, EPOLLIN);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, copy, EPOLLIN), EEXIST);
	put(p[1], 1);
	CHECK_EQ(epoll_wait(set, events, 4, 0), 2);
	CHECK_EQ(ctl(set, EPOLL_CTL_DEL, copy, 0), 0);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
}

TEST(a_small_array_goes_round)
{
	enum { PIPES = 6 };
	int set = new_set(), p[PIPES][2];
	struct epoll_event events[2];
	unsigned seen[3] = { 0 };

	for (int i = 0; i < PIPES; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = 1u << i };

		make_pipe(p[i]);
		put(p[i][1], 1);
		CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, p[i][0], &event), 0);
	}
	for (int round = 0; round < 3; round++) {
		CHECK_EQ(epoll_wait(set, events, 2, 0), 2);
		seen[round] = events[0].data.u32 | events[1].data.u32;
	}
	CHECK_EQ(seen[0] | seen[1] | seen[2], (1u << PIPES) - 1);
}

TEST(errors_of_ctl)
{
	int set = new_set(), p[2], file = open("f", O_RDWR | O_CREAT, 0600);
	struct epoll_event event = { .events = EPOLLIN };

	make_pipe(p);
	CHECK_ERR(epoll_create1(1), EINVAL);
	CHECK_ERR(epoll_create(0), EINVAL);
	CHECK_ERR(ctl(99, EPOLL_CTL_ADD, p[0], EPOLLIN), EBADF);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, 99, EPOLLIN), EBADF);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, open("/", O_PATH), EPOLLIN), EBADF);
	CHECK_ERR(epoll_ctl(99, EPOLL_CTL_ADD, p[0], NULL), EFAULT);
	CHECK_ERR(epoll_ctl(set, 9, p[0], NULL), EFAULT);
	CHECK_ERR(ctl(set, 9, p[0], EPOLLIN), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
	CHECK_ERR(ctl(file, EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, open("/", O_RDONLY), EPOLLIN), EPERM);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, open("/dev/null", O_RDWR), EPOLLIN), EPERM);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, set, EPOLLIN), EINVAL);
	CHECK_ERR(ctl(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN), ENOENT);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
	add(set, p[0], EPOLLIN);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN), EEXIST);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, p[0], NULL), 0);
	CHECK_ERR(epoll_wait(99, &event, 1, 0), EBADF);
	CHECK_ERR(epoll_wait(p[0], &event, 1, 0), EINVAL);
	CHECK_ERR(epoll_wait(set, &event, 0, 0), EINVAL);
	CHECK_ERR(epoll_wait(set, &event, -1, 0), EINVAL);
	CHECK_ERR(epoll_wait(set, &event, INT32_MAX / 16 + 1, 0), EINVAL);
	CHECK_ERR(epoll_wait(set, (void *)-4096l, 1, 0), EFAULT);
	CHECK_EQ(epoll_wait(set, (void *)16, 1, 0), 0);
	CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
}

TEST(exclusive_has_its_rules)
{
	int set = new_set(), inner = new_set(), p[2];

	make_pipe(p);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, p[0], EPOLLPRI | EPOLLEXCLUSIVE), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	add(set, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET);
	CHECK_ERR(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	put(p[1], 1);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	CHECK_EQ(only(set, p[0]), 0);
}

TEST(a_bad_buffer_loses_no_event)
{
	int set = new_set(), p[2];
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	make_pipe(p);
	add(set, p[0], EPOLLIN | EPOLLET);
	put(p[1], 1);
	CHECK_ERR(epoll_wait(set, (void *)page, 1, 0), EFAULT);
	CHECK_ERR(epoll_wait(set, (void *)page, 1, -1), EFAULT);
	CHECK_EQ(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(epoll_wait(set, (void *)page, 1, 0), 1);
	CHECK_EQ(((struct epoll_event *)page)->events, EPOLLIN);
	CHECK_EQ(only(set, p[0]), 0);
}

/* --- sets in sets --- */

TEST(a_set_is_polled)
{
	int outer = new_set(), inner = new_set(), p[2];
	struct pollfd poll_inner = { inner, POLLIN | POLLOUT | POLLRDNORM, 0 };

	make_pipe(p);
	add(inner, p[0], EPOLLIN);
	add(outer, inner, EPOLLIN);
	CHECK_EQ(only(outer, inner), 0);
	CHECK_EQ(poll(&poll_inner, 1, 0), 0);
	put(p[1], 1);
	CHECK_EQ(poll(&poll_inner, 1, 0), 1);
	CHECK_EQ(poll_inner.revents, POLLIN | POLLRDNORM);
	CHECK_EQ(only(outer, inner), EPOLLIN);
	CHECK_EQ(only(outer, inner), EPOLLIN);
	CHECK_EQ(only(inner, p[0]), EPOLLIN);
	take(p[0], 1);
	CHECK_EQ(only(outer, inner), 0);
	CHECK_EQ(poll(&poll_inner, 1, 0), 0);
	put(p[1], 1);
	close(inner);
	CHECK_EQ(only(outer, inner), 0);
}

TEST(an_edge_goes_up)
{
	int outer = new_set(), inner = new_set(), p[2];

	make_pipe(p);
	add(inner, p[0], EPOLLIN);
	add(outer, inner, EPOLLIN | EPOLLET);
	put(p[1], 1);
	CHECK_EQ(only(outer, inner), EPOLLIN);
	CHECK_EQ(only(outer, inner), 0);
	CHECK_EQ(only(inner, p[0]), EPOLLIN);
	CHECK_EQ(only(outer, inner), 0);
}

TEST(sets_make_no_circle)
{
	int sets[4];

	for (int i = 0; i < 4; i++)
		sets[i] = new_set();
	add(sets[0], sets[1], EPOLLIN);
	CHECK_ERR(ctl(sets[1], EPOLL_CTL_ADD, sets[0], EPOLLIN), ELOOP);
	add(sets[1], sets[2], EPOLLIN);
	CHECK_ERR(ctl(sets[2], EPOLL_CTL_ADD, sets[0], EPOLLIN), ELOOP);
	add(sets[0], sets[2], EPOLLIN);
	add(sets[2], sets[3], EPOLLIN);
	CHECK_ERR(ctl(sets[3], EPOLL_CTL_ADD, sets[1], EPOLLIN), ELOOP);
	CHECK_EQ(ctl(sets[2], EPOLL_CTL_DEL, sets[3], 0), 0);
	add(sets[3], sets[1], EPOLLIN);
}

TEST(sets_are_five_deep_at_most)
{
	int sets[6], p[2];

	make_pipe(p);
	for (int i = 0; i < 6; i++)
		sets[i] = new_set();
	add(sets[0], p[0], EPOLLIN);
	for (int i = 1; i < 5; i++)
		add(sets[i], sets[i - 1], EPOLLIN);
	CHECK_ERR(ctl(sets[5], EPOLL_CTL_ADD, sets[4], EPOLLIN), ELOOP);
	add(sets[5], sets[3], EPOLLIN);
	put(p[1], 1);
	CHECK_EQ(only(sets[4], sets[3]), EPOLLIN);
	CHECK_EQ(only(sets[5], sets[3]), EPOLLIN);

	for (int i = 0; i < 6; i++)
		sets[i] = new_set();
	for (int i = 1; i < 5; i++)
		add(sets[i - 1], sets[i], EPOLLIN);
	CHECK_ERR(ctl(sets[4], EPOLL_CTL_ADD, sets[5], EPOLLIN), ELOOP);
	CHECK_EQ(ctl(sets[0], EPOLL_CTL_DEL, sets[1], 0), 0);
	add(sets[4], sets[5], EPOLLIN);
}

/* --- waiting --- */

static void *write_later(void *fd)
{
	test_sleep_ms(50);
	put((int)(intptr_t)fd, 1);
	return NULL;
}

TEST(a_wait_ends_with_an_event)
{
	int set = new_set(), p[2];
	struct epoll_event event;
	pthread_t thread;

	make_pipe(p);
	add(set, p[0], EPOLLIN);
	pthread_create(&thread, NULL, write_later, (void *)(intptr_t)p[1]);
	CHECK_EQ(epoll_wait(set, &event, 1, -1), 1);
	CHECK_EQ(event.events, EPOLLIN);
	pthread_join(thread, NULL);
}

static void *add_later(void *arg)
{
	int *fds = arg;

	test_sleep_ms(50);
	add(fds[0], fds[1], EPOLLOUT);
	return NULL;
}

TEST(a_wait_ends_with_an_addition)
{
	int set = new_set(), p[2];
	struct epoll_event event;
	pthread_t thread;

	make_pipe(p);
	pthread_create(&thread, NULL, add_later, (int[]) { set, p[1] });
	CHECK_EQ(epoll_wait(set, &event, 1, 10000), 1);
	CHECK_EQ(event.events, EPOLLOUT);
	pthread_join(thread, NULL);
}

TEST(a_wait_ends_in_time)
{
	int set = new_set(), p[2];
	struct epoll_event event;
	struct timespec time = { 0, 30000000 };
	long start = test_now_ms();

	make_pipe(p);
	add(set, p[0], EPOLLIN);
	CHECK_EQ(epoll_wait(set, &event, 1, 30), 0);
	CHECK(test_now_ms() - start >= 29);
	start = test_now_ms();
	CHECK_EQ(epoll_pwait2(set, &event, 1, &time, NULL), 0);
	CHECK(test_now_ms() - start >= 29);
	CHECK_EQ(time.tv_nsec, 30000000);
	time.tv_nsec = 1000000000;
	CHECK_ERR(epoll_pwait2(set, &event, 1, &time, NULL), EINVAL);
	time = (struct timespec) { -1, 0 };
	CHECK_ERR(epoll_pwait2(set, &event, 1, &time, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait2, set, &event, 1, 16, NULL, 8), EFAULT);
	put(p[1], 1);
	CHECK_EQ(epoll_pwait2(set, &event, 1, NULL, NULL), 1);
}

static atomic_int handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void *kill_later(void *arg)
{
	test_sleep_ms(50);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

TEST(a_signal_ends_a_wait_for_good)
{
	int set = new_set();
	struct epoll_event event;
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t thread, me = pthread_self();

	sigaction(SIGUSR1, &act, NULL);
	pthread_create(&thread, NULL, kill_later, &me);
	CHECK_ERR(epoll_wait(set, &event, 1, -1), EINTR);
	CHECK_EQ(handled, 1);
	pthread_join(thread, NULL);
}

TEST(a_mask_holds_for_the_wait)
{
	int set = new_set(), p[2];
	struct epoll_event event;
	sigset_t none, blocked;

	make_pipe(p);
	signal(SIGUSR1, on_signal);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	CHECK_EQ(epoll_pwait(set, &event, 1, 0, &blocked), 0);
	CHECK_EQ(handled, 0);
	CHECK_ERR(epoll_pwait(set, &event, 1, 1000, &none), EINTR);
	CHECK_EQ(handled, 1);
	sigprocmask(SIG_BLOCK, NULL, &none);
	CHECK(sigismember(&none, SIGUSR1));
	CHECK_ERR(syscall(SYS_epoll_pwait, set, &event, 1, 0, &none, 4), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait, set, &event, 1, 0, 16, 8), EFAULT);
}

struct crowd {
	int set;
	atomic_int woken;
};

static void *wait_in_crowd(void *arg)
{
	struct crowd *crowd = arg;
	struct epoll_event event;

	if (epoll_wait(crowd->set, &event, 1, 400) == 1)
		crowd->woken++;
	return NULL;
}

TEST(an_edge_wakes_one_of_many)
{
	struct crowd crowd = { .set = new_set() };
	pthread_t threads[4];
	int p[2];

	make_pipe(p);
	add(crowd.set, p[0], EPOLLIN | EPOLLET);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, wait_in_crowd, &crowd);
	test_sleep_ms(100);
	put(p[1], 1);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(crowd.woken, 1);
}

TEST(exclusive_sets_share_a_wake)
{
	struct crowd crowds[3];
	pthread_t threads[3];
	int p[2];

	make_pipe(p);
	for (int i = 0; i < 3; i++) {
		crowds[i] = (struct crowd) { .set = new_set() };
		add(crowds[i].set, p[0], EPOLLIN | EPOLLEXCLUSIVE);
		pthread_create(&threads[i], NULL, wait_in_crowd, &crowds[i]);
	}
	test_sleep_ms(100);
	put(p[1], 1);
	test_sleep_ms(50);
	CHECK_EQ(crowds[0].woken + crowds[1].woken + crowds[2].woken, 1);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}
