/* tests/sim/work_events.c -- programs that wait for any of many files. */
#include <sys/epoll.h>

#include "base.h"

#define NUMBER (PROG_SPACE + 0x40)
#define EVENTS (PROG_SPACE + 0x80)	/* four of arm64's struct epoll_event */

/* arm64's struct epoll_event. */
struct event {
	u32 events, pad;
	u64 data;
};

static u64 event_of(struct prog *p, u32 events, u64 data)
{
	struct event event = {.events = events, .data = data};

	return prog_data(p, &event, sizeof(event));
}

/* Wait without limit for one event, again after signals. */
static void wait_for_event(struct prog *p, unsigned set)
{
	unsigned top = p->n;

	SYS(p, __NR_epoll_pwait, R(set), I(EVENTS), I(4), I(-1), I(0), I(8));
	IF(p, 0, EQ, -EINTR)
		prog_go_to(p, top);
	EXPECT(p, 0, 1);
}

/* A counter in a set in a set; a child adds to it, and closes what it has. */
static void work_epoll(struct prog *p)
{
	const u64 one = 1;

	SYS(p, __NR_eventfd2, I(0), I(O_NONBLOCK));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_epoll_create1, I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 22, 0);
	SYS(p, __NR_epoll_create1, I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 23, 0);
	SYS(p, __NR_epoll_ctl, R(22), I(EPOLL_CTL_ADD), R(19), I(event_of(p, EPOLLIN, 77)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_epoll_ctl, R(23), I(EPOLL_CTL_ADD), R(22),
	    I(event_of(p, EPOLLIN | EPOLLET, 78)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_epoll_ctl, R(22), I(EPOLL_CTL_ADD), R(23), I(event_of(p, EPOLLIN, 0)));
	EXPECT(p, 0, -ELOOP);
	SYS(p, __NR_clone, I(SIGCHLD));
	IF(p, 0, EQ, 0) {
		SYS(p, __NR_write, R(19), I(prog_data(p, &one, sizeof(one))), I(8));
		EXPECT(p, 0, 8);
		SYS(p, __NR_close, R(22));
		SYS(p, __NR_exit_group, I(0));
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	wait_for_event(p, 23);
	wait_for_event(p, 22);
	SET(p, 21, EVENTS);
	LOAD(p, 8, 24, 21, 8);
	EXPECT(p, 24, 77);
	SYS(p, __NR_read, R(19), I(NUMBER), I(8));
	EXPECT(p, 0, 8);
	SYS(p, __NR_epoll_pwait, R(22), I(EVENTS), I(4), I(0), I(0), I(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	EXPECT_REG(p, 0, 20);
	SYS(p, __NR_epoll_ctl, R(22), I(EPOLL_CTL_MOD), R(19),
	    I(event_of(p, EPOLLOUT | EPOLLONESHOT, 79)));
	EXPECT(p, 0, 0);
	wait_for_event(p, 22);
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_epoll_pwait, R(22), I(EVENTS), I(4), I(0), I(0), I(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_close, R(22));
	SYS(p, __NR_close, R(23));
	EXPECT(p, 0, 0);
}

work_fn *const work_events[] = {work_epoll, NULL};
