/* tests/sim/sweep_ipc.c -- what processes say to each other: sockets, queues, semaphores. */
#include <linux/ipc.h>

#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */

static const u64 soon[2] = {0, 400000}, never[2];

/* A pair's ends in x[23] and x[24]. */
static void make_pair(struct prog *p, int type)
{
	SYS(p, __NR_socketpair, I(1), I(type), I(0), I(FDS));
	EXPECT(p, 0, 0);
	SET(p, 22, FDS);
	LOAD(p, 4, 23, 22, 0);
	LOAD(p, 4, 24, 22, 4);
}

static void pairs(struct prog *p)
{
	static const u64 from[4] = {BUFFER, 3000, MORE, 5000};
	static const u64 to[4] = {MORE + 0x4000, 2000, MORE + 0x8000, 9000};
	/* struct msghdr: name, its length, vectors, their number, control, its length, flags */
	const u64 out[7] = {0, 0, prog_data(p, from, 32), 2};
	const u64 in[7] = {0, 0, prog_data(p, to, 32), 2};
	/* struct mmsghdr */
	const u64 many[16] = {0, 0, prog_data(p, from, 32), 2, 0, 0, 0, 0,
			      0, 0, prog_data(p, from, 32), 1};

	for (int type = 1; type <= 5; type += type == 1 ? 1 : 3) {
		make_pair(p, type);
		SYS(p, __NR_sendmsg, R(23), I(prog_data(p, out, 56)), I(0));
		EXPECT(p, 0, 8000);
		SYS(p, __NR_ioctl, R(24), I(0x541b), I(MORE + 0xc000));
		SYS(p, __NR_recvmsg, R(24), I(prog_data(p, in, 56)), I(2)); /* MSG_PEEK */
		SYS(p, __NR_read, R(24), I(MORE + 0xd000), I(9000));
		EXPECT(p, 0, 8000);
		SYS(p, __NR_sendto, R(24), I(work_fresh(p)), I(100), I(0), I(0), I(0));
		EXPECT(p, 0, 100);
		SYS(p, __NR_recvfrom, R(23), I(MORE), I(100), I(0), I(MORE + 0x1000),
		    I(MORE + 0x2000));
		SYS(p, __NR_sendmmsg, R(23), I(prog_data(p, many, 128)), I(2), I(0));
		SYS(p, __NR_setsockopt, R(24), I(1), I(20), I(prog_data(p, soon, 16)), I(16));
		SYS(p, __NR_getsockopt, R(24), I(1), I(3), I(MORE + 0x3000),
		    I(prog_data(p, soon, 4)));
		SYS(p, __NR_getsockname, R(24), I(MORE + 0x3000), I(MORE + 0x3800));
		SYS(p, __NR_recvmmsg, R(24), I(MORE), I(0), I(0), I(prog_data(p, soon, 16)));
		SYS(p, __NR_setsockopt, R(24), I(1), I(20), I(prog_data(p, never, 16)), I(16));
		/* More than fits, while a child takes it. */
		CHILD(p) {
			SYS(p, __NR_close, R(23));
			LOOP(p, 25, 25)
				SYS(p, __NR_read, R(24), I(work_fresh(p)), I(16000));
			work_exit(p, 0);
		}
		MOVE(p, 20, 0);
		SYS(p, __NR_close, R(24));
		LOOP(p, 25, 25)
			SYS(p, __NR_sendto, R(23), I(work_fresh(p)), I(12000), I(0x4000), I(0), I(0));
		SYS(p, __NR_shutdown, R(23), I(2));
		work_wait(p);
		SYS(p, __NR_close, R(23));
	}
}

/* A listener by name, asked by a child. */
static void by_name(struct prog *p)
{
	static const struct { u16 family; char name[14]; } at = {1, "socket"};

	SYS(p, __NR_socket, I(1), I(1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_bind, R(19), I(prog_data(p, &at, sizeof(at))), I(sizeof(at)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_listen, R(19), I(1));
	EXPECT(p, 0, 0);
	CHILD(p) {
		SYS(p, __NR_socket, I(1), I(1), I(0));
		MOVE(p, 19, 0);
		SYS(p, __NR_connect, R(19), I(prog_data(p, &at, sizeof(at))), I(sizeof(at)));
		EXPECT(p, 0, 0);
		SYS(p, __NR_write, R(19), I(work_fresh(p)), I(77));
		EXPECT(p, 0, 77);
		SYS(p, __NR_read, R(19), I(work_fresh(p)), I(77));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_accept4, R(19), I(0), I(0), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 25, 0);
	SYS(p, __NR_read, R(25), I(MORE + 0x1000), I(100));
	EXPECT(p, 0, 77);
	SYS(p, __NR_getpeername, R(25), I(MORE + 0x2000), I(MORE + 0x3000));
	SYS(p, __NR_close, R(25));
	work_wait(p);
	EXPECT(p, 21, 0);
	SYS(p, __NR_socket, I(1), I(2), I(0));
	MOVE(p, 25, 0);
	SYS(p, __NR_connect, R(25), I(prog_data(p, &at, sizeof(at))), I(sizeof(at)));
	SYS(p, __NR_sendto, R(25), I(work_fresh(p)), I(10), I(0), I(prog_data(p, &at, sizeof(at))),
	    I(sizeof(at)));
}

static void queues(struct prog *p)
{
	static const struct { i64 type; char text[16]; } message = {5, "a message"};
	static const i64 attr[8] = {0, 4, 64};

	SYS(p, __NR_msgget, I(IPC_PRIVATE), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	CHILD(p) {
		work_sleep(p);
		SYS(p, __NR_msgsnd, R(19), I(prog_data(p, &message, 24)), I(16), I(0));
		EXPECT(p, 0, 0);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_msgrcv, R(19), I(MORE), I(16), I(0), I(0));
	EXPECT(p, 0, 16);
	work_wait(p);
	SYS(p, __NR_msgctl, R(19), I(2), I(MORE + 0x1000)); /* IPC_STAT */
	EXPECT(p, 0, 0);
	SYS(p, __NR_msgctl, R(19), I(1), I(MORE + 0x1000));
	SYS(p, __NR_msgctl, R(19), I(0), I(0));
	EXPECT(p, 0, 0);
	work_own_path(p, 21, "queue%u");
	SYS(p, __NR_mq_unlink, R(21)); /* one that was broken off left it */
	SYS(p, __NR_mq_open, R(21), I(O_RDWR | O_CREAT), I(0600), I(prog_data(p, attr, 64)));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_mq_timedreceive, R(19), I(MORE + 0x2000), I(64), I(MORE + 0x3000),
	    I(prog_data(p, soon, 16)));
	EXPECT(p, 0, -ETIMEDOUT);
	LOOP(p, 24, 4) {
		SYS(p, __NR_mq_timedsend, R(19), I(prog_data(p, &message, 24)), I(24), I(1), I(0));
		EXPECT(p, 0, 0);
	}
	SYS(p, __NR_mq_timedsend, R(19), I(work_fresh(p)), I(24), I(1), I(prog_data(p, soon, 16)));
	EXPECT(p, 0, -ETIMEDOUT);
	SYS(p, __NR_mq_timedreceive, R(19), I(MORE + 0x4000), I(64), I(MORE + 0x5000), I(0));
	EXPECT(p, 0, 24);
	SYS(p, __NR_mq_getsetattr, R(19), I(0), I(MORE + 0x6000));
	SYS(p, __NR_mq_unlink, R(21));
	EXPECT(p, 0, 0);
}

static void semaphores(struct prog *p)
{
	static const i16 take[3] = {0, -1, 0x1000}, give[6] = {0, 1, 0x1000, 1, 1, 0};
	static const u16 values[2] = {0, 3};

	SYS(p, __NR_semget, I(IPC_PRIVATE), I(2), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_semctl, R(19), I(0), I(17), I(prog_data(p, values, 4))); /* SETALL */
	EXPECT(p, 0, 0);
	CHILD(p) {
		work_sleep(p);
		SYS(p, __NR_semop, R(19), I(prog_data(p, give, 12)), I(2));
		EXPECT(p, 0, 0);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_semtimedop, R(19), I(prog_data(p, take, 6)), I(1), I(prog_data(p, soon, 16)));
	work_wait(p);
	SYS(p, __NR_semctl, R(19), I(0), I(13), I(MORE)); /* GETALL */
	SYS(p, __NR_semctl, R(19), I(0), I(2), I(MORE + 0x1000));
	SYS(p, __NR_semctl, R(19), I(0), I(1), I(MORE + 0x1000));
	SYS(p, __NR_semctl, R(19), I(1), I(16), I(4)); /* SETVAL */
	SYS(p, __NR_semctl, R(19), I(0), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_shmget, I(IPC_PRIVATE), I(40000), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_shmat, R(19), I(0), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 21, 0);
	SET(p, 23, 5);
	STORE(p, 8, 23, 21, 8192);
	SYS(p, __NR_shmctl, R(19), I(2), I(MORE + 0x2000));
	SYS(p, __NR_shmctl, R(19), I(1), I(MORE + 0x2000));
	SYS(p, __NR_shmctl, R(19), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_shmdt, R(21));
	EXPECT(p, 0, 0);
}

/* Sets of events, eventfds, and locks on all of memory. */
static void events(struct prog *p)
{
	static const u64 event[2] = {1, 7}, nine = 9;

	SYS(p, __NR_eventfd2, I(0), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_epoll_create1, I(0));
	MOVE(p, 23, 0);
	SYS(p, __NR_epoll_ctl, R(23), I(1), R(19), I(prog_data(p, event, 16)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_epoll_pwait, R(23), I(MORE), I(4), I(1), I(prog_data(p, event, 8)), I(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_epoll_pwait2, R(23), I(MORE), I(4), I(prog_data(p, soon, 16)), I(0), I(8));
	CHILD(p) {
		work_sleep(p);
		SYS(p, __NR_write, R(19), I(prog_data(p, &nine, 8)), I(8));
		EXPECT(p, 0, 8);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_read, R(19), I(MORE + 0x1000), I(8));
	EXPECT(p, 0, 8);
	work_wait(p);
	SYS(p, __NR_write, R(19), I(prog_data(p, &nine, 8)), I(8));
	SYS(p, __NR_epoll_pwait2, R(23), I(MORE + 0x2000), I(4), I(0), I(0), I(8));
	EXPECT(p, 0, 1);
	SYS(p, __NR_mlockall, I(3));
	SYS(p, __NR_munlockall, I(0));
	SYS(p, __NR_unshare, I(0x400));
}

work_fn *const sweep_ipc[] = {pairs, by_name, queues, semaphores, events, NULL};
