/* tests/sim/sweep_net.c -- sockets of the network and of the kernel; descriptors in messages. */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */

#define NO_SIGNAL 0x4000
#define NO_WAIT	  0x40
#define URGENT	  1

struct inet_name {
	u16 family, port;
	u32 addr;
	u64 pad;
};
/* Network byte order: port 0x1234, 127.0.0.1. */
static const struct inet_name here = {2, 0x3412, 0x0100007f, 0}, nowhere = {2, 0x3512, 0x0100007f, 0},
			      own = {2, 0x3612, 0x0100007f, 0};

struct vector {
	u64 at, len;
};
/* arm64's struct msghdr. */
struct header {
	u64 name;
	u32 name_len, pad;
	u64 vectors, count, control, control_len;
	u32 flags, pad2;
};
struct mmsg {
	struct header header;
	u32 len, pad;
};

static void new_socket(struct prog *p, unsigned reg, int family, int type, int protocol)
{
	SYS(p, __NR_socket, I(family), I(type), I(protocol));
	EXPECT_OK(p, 0);
	MOVE(p, reg, 0);
}

static void name_it(struct prog *p, unsigned call, unsigned reg, const struct inet_name *name)
{
	SYS(p, call, R(reg), I(prog_data(p, name, sizeof(*name))), I(sizeof(*name)));
}

/* A name was asked for; somebody else may have it, unless one is alone. */
static void or_taken(struct prog *p)
{
	IF(p, 27, EQ, 0)
		EXPECT(p, 0, 0);
	IF(p, 0, NE, 0)
		work_exit(p, 0);
}

/* A listener, and a child that asks it; both send more than fits. */
static void tcp(struct prog *p)
{
	static const u32 one = 1;

	new_socket(p, 19, 2, 1, 0);
	SYS(p, __NR_setsockopt, R(19), I(1), I(2), I(prog_data(p, &one, 4)), I(4));
	name_it(p, __NR_bind, 19, &here);
	or_taken(p);
	SYS(p, __NR_listen, R(19), I(1));
	EXPECT(p, 0, 0);
	CHILD(p) {
		new_socket(p, 23, 2, 1, 0);
		name_it(p, __NR_connect, 23, &nowhere);
		EXPECT(p, 0, -ECONNREFUSED);
		new_socket(p, 23, 2, 1, 0);
		IF(p, 27, EQ, 0)
			name_it(p, __NR_bind, 23, &own);
		name_it(p, __NR_connect, 23, &here);
		EXPECT(p, 0, 0);
		SYS(p, __NR_sendto, R(23), I(work_fresh(p)), I(1), I(NO_SIGNAL | URGENT));
		LOOP(p, 24, 30)
			SYS(p, __NR_sendto, R(23), I(work_fresh(p)), I(16000), I(NO_SIGNAL));
		SYS(p, __NR_shutdown, R(23), I(1));
		SYS(p, __NR_read, R(23), I(work_fresh(p)), I(100));
		SYS(p, __NR_getsockopt, R(23), I(1), I(4), I(MORE), I(prog_data(p, &one, 4)));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_accept, R(19), I(MORE), I(MORE + 0x1000));
	EXPECT_OK(p, 0);
	MOVE(p, 25, 0);
	work_sleep(p);
	SYS(p, __NR_recvfrom, R(25), I(MORE + 0x2000), I(1), I(URGENT));
	SYS(p, __NR_getsockname, R(25), I(MORE + 0x3000), I(MORE + 0x4000));
	{
		unsigned top = p->n;

		SYS(p, __NR_recvfrom, R(25), I(MORE + 0x5000), I(9000), I(0), I(0), I(0));
		EXPECT_OK(p, 0);
		IF(p, 0, NE, 0)
			prog_go_to(p, top);
	}
	SYS(p, __NR_write, R(25), I(work_fresh(p)), I(50));
	SYS(p, __NR_close, R(25));
	work_wait(p);
	EXPECT(p, 21, 0);
	/* Nobody takes them. */
	new_socket(p, 23, 2, 1 | O_NONBLOCK, 0);
	name_it(p, __NR_connect, 23, &here);
	name_it(p, __NR_connect, 23, &here);
	new_socket(p, 24, 2, 1, 0);
	SYS(p, __NR_setsockopt, R(24), I(1), I(21), I(prog_data(p, (const u64[]){0, 300}, 16)), I(16));
	name_it(p, __NR_connect, 24, &here);
	SYS(p, __NR_close, R(19));
}

static void udp(struct prog *p)
{
	static const struct vector few[2] = {{MORE, 100}, {MORE + 0x2000, 5000}};

	new_socket(p, 19, 2, 2, 0);
	name_it(p, __NR_bind, 19, &here);
	or_taken(p);
	new_socket(p, 23, 2, 2, 0);
	name_it(p, __NR_connect, 23, &here);
	EXPECT(p, 0, 0);
	MOVE(p, 25, 23);
	CHILD(p) {
		work_sleep(p);
		LOOP(p, 24, 3)
			SYS(p, __NR_write, R(25), I(work_fresh(p)), I(3000));
		SYS(p, __NR_writev, R(25), I(prog_data(p, few, 32)), I(2));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	LOOP(p, 24, 4)
		SYS(p, __NR_recvfrom, R(19), I(MORE + 0x6000), I(5000), I(0), I(MORE + 0x8000),
		    I(MORE + 0x9000));
	work_wait(p);
	SYS(p, __NR_sendto, R(19), I(MORE), I(10), I(0), I(prog_data(p, &here, 16)), I(16));
	SYS(p, __NR_recvfrom, R(19), I(MORE), I(10), I(NO_WAIT));
}

/* What a tool asks about the interfaces. */
static void interfaces(struct prog *p)
{
	static const struct { char name[16]; char rest[24]; } lo = {"lo", ""};
	const u64 list[2] = {40, MORE + 0x1000};

	new_socket(p, 19, 2, 2, 0);
	for (u64 i = 0; i < sizeof(list) / 8; i++) {
		SET(p, 22, MORE);
		SET(p, 23, list[i]);
		STORE(p, 8, 23, 22, i * 8);
	}
	SYS(p, __NR_ioctl, R(19), I(0x8912), I(MORE)); /* SIOCGIFCONF */
	EXPECT(p, 0, 0);
	for (int i = 0; i < 5; i++) {
		for (u64 word = 0; word < 5; word++) {
			u64 value;

			memcpy(&value, (const char *)&lo + word * 8, 8);
			SET(p, 23, value);
			SET(p, 22, MORE + 0x2000);
			STORE(p, 8, 23, 22, word * 8);
		}
		SYS(p, __NR_ioctl, R(19), I(0x8913 + 2 * i), I(MORE + 0x2000)); /* flags, address... */
	}
	SYS(p, __NR_ioctl, R(19), I(0x541b), I(MORE + 0x4000));
}

static void netlink(struct prog *p)
{
	/* struct nlmsghdr and a family: a dump of interfaces, addresses, routes */
	static const struct ask { u32 len; u16 type, flags; u32 seq, pid; u8 family, pad[3]; u32 more[3]; }
		asks[3] = {{32, 18, 0x301, 1, 0, 0, {0}, {0}}, {32, 22, 0x301, 2, 0, 0, {0}, {0}},
			   {32, 26, 0x305, 3, 0, 0, {0}, {0}}};
	static const struct { u16 family, pad; u32 pid, groups; } kernel = {16, 0, 0, 0}, mine = {16, 0, 77, 1};

	new_socket(p, 19, 16, 3, 0);
	SYS(p, __NR_bind, R(19), I(prog_data(p, &mine, 12)), I(12));
	for (unsigned i = 0; i < 3; i++) {
		SYS(p, __NR_sendto, R(19), I(prog_data(p, &asks[i], 32)), I(32), I(0),
		    I(prog_data(p, &kernel, 12)), I(12));
		EXPECT(p, 0, 32);
		SYS(p, __NR_recvfrom, R(19), I(MORE + i * 0x2000), I(4000), I(0), I(0), I(0));
	}
	SYS(p, __NR_sendto, R(19), I(prog_data(p, &asks[2], 32)), I(32), I(0),
	    I(prog_data(p, &mine, 12)), I(12)); /* to itself */
	SYS(p, __NR_recvfrom, R(19), I(MORE), I(4000), I(NO_WAIT), I(0), I(0));
	SYS(p, __NR_setsockopt, R(19), I(1), I(20), I(prog_data(p, (const u64[]){0, 500}, 16)), I(16));
	LOOP(p, 24, 4) {
		SYS(p, __NR_recvfrom, R(19), I(MORE), I(4000), I(0), I(0), I(0));
	}
}

/* A pair's ends in x[23] and x[24]. */
static void make_pair(struct prog *p, int type)
{
	SYS(p, __NR_socketpair, I(1), I(type), I(0), I(FDS));
	EXPECT(p, 0, 0);
	SET(p, 22, FDS);
	LOAD(p, 4, 23, 22, 0);
	LOAD(p, 4, 24, 22, 4);
}

/* One that has to wait for its end, sent and never received: nobody who may wait closes it. */
static void rights_unread(struct prog *p)
{
	static const struct vector byte = {BUFFER, 1};
	const struct header out = {.vectors = prog_data(p, &byte, 16), .count = 1,
				   .control = MORE + 0x1000, .control_len = 20};

	make_pair(p, 1);
	SYS(p, __NR_epoll_create1, I(0));
	MOVE(p, 19, 0);
	SET(p, 22, MORE + 0x1000);
	SET(p, 21, 20);
	STORE(p, 8, 21, 22, 0);
	SET(p, 21, 1ul << 32 | 1); /* SOL_SOCKET, SCM_RIGHTS */
	STORE(p, 8, 21, 22, 8);
	STORE(p, 4, 19, 22, 16);
	SYS(p, __NR_sendmsg, R(23), I(prog_data(p, &out, 56)), I(0));
	EXPECT(p, 0, 1);
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_close, R(23));
	SYS(p, __NR_close, R(24));
	work_sleep(p);
}

/* The sockets themselves, sent through themselves, and closed: only the collector finds them. */
static void rights(struct prog *p)
{
	static const struct vector byte = {BUFFER, 1}, into = {MORE, 1};
	const struct header out = {.vectors = prog_data(p, &byte, 16), .count = 1,
				   .control = MORE + 0x1000, .control_len = 24};
	const struct header in = {.vectors = prog_data(p, &into, 16), .count = 1,
				  .control = MORE + 0x2000, .control_len = 64};

	for (int i = 0; i < 2; i++) {
		make_pair(p, 1);
		SET(p, 22, MORE + 0x1000);
		SET(p, 21, 24);
		STORE(p, 8, 21, 22, 0);
		SET(p, 21, 1ul << 32 | 1); /* SOL_SOCKET, SCM_RIGHTS */
		STORE(p, 8, 21, 22, 8);
		STORE(p, 4, 23, 22, 16);
		STORE(p, 4, 24, 22, 20);
		SYS(p, __NR_sendmsg, R(23), I(prog_data(p, &out, 56)), I(0));
		EXPECT(p, 0, 1);
		SYS(p, __NR_sendmsg, R(24), I(prog_data(p, &out, 56)), I(0));
		EXPECT(p, 0, 1);
		for (u64 word = 0; !i && word < 7; word++) { /* it is written to */
			u64 value;

			memcpy(&value, (const char *)&in + word * 8, 8);
			SET(p, 22, MORE + 0x3000);
			SET(p, 21, value);
			STORE(p, 8, 21, 22, word * 8);
		}
		if (!i) {
			SYS(p, __NR_recvmsg, R(24), I(MORE + 0x3000), I(0x40000000)); /* CLOEXEC */
			EXPECT(p, 0, 1);
		}
		SYS(p, __NR_close, R(23));
		SYS(p, __NR_close, R(24));
	}
	work_sleep(p);
}

/* Several messages in a call. */
static void many(struct prog *p)
{
	static const struct vector from[20] = {{BUFFER, 10}, {BUFFER, 20}};
	struct mmsg out[3] = {0};

	for (unsigned i = 0; i < 3; i++) {
		out[i].header.vectors = prog_data(p, from, sizeof(from));
		out[i].header.count = i == 2 ? 20 : 2;
	}
	make_pair(p, 5);
	for (u64 at = 0; at < sizeof(out); at += 8) {
		u64 value;

		memcpy(&value, (const char *)out + at, 8);
		SET(p, 21, value);
		SET(p, 22, MORE);
		STORE(p, 8, 21, 22, at);
		SET(p, 22, MORE + 0x2000);
		STORE(p, 8, 21, 22, at);
	}
	SYS(p, __NR_sendmmsg, R(23), I(MORE), I(3), I(0));
	EXPECT(p, 0, 3);
	SET(p, 22, MORE + 0x4000);
	SET(p, 21, 1);
	STORE(p, 8, 21, 22, 0);
	SYS(p, __NR_recvmmsg, R(24), I(MORE + 0x2000), I(2), I(0), I(MORE + 0x4000));
	EXPECT_OK(p, 0);
	SYS(p, __NR_recvmmsg, R(24), I(MORE + 0x2000), I(3), I(0x10000), I(0)); /* WAITFORONE */
	MOVE(p, 25, 23);
	CHILD(p) {
		work_sleep(p);
		SYS(p, __NR_sendto, R(25), I(work_fresh(p)), I(100), I(0));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_recvmmsg, R(24), I(MORE + 0x2000), I(3), I(0x10000), I(0));
	EXPECT(p, 0, 1);
	work_wait(p);
}

/* A listener in the name space without files, whose queue is full. */
static void unix_names(struct prog *p)
{
	static const struct { u16 family; char name[14]; } at = {1, "\0abstract"};
	static const u64 soon[2] = {0, 300};

	new_socket(p, 19, 1, 1 | O_NONBLOCK, 0);
	SYS(p, __NR_bind, R(19), I(prog_data(p, &at, 16)), I(12));
	or_taken(p);
	SYS(p, __NR_listen, R(19), I(0));
	EXPECT(p, 0, 0);
	LOOP(p, 24, 4) {
		new_socket(p, 23, 1, 1, 0);
		SYS(p, __NR_setsockopt, R(23), I(1), I(21), I(prog_data(p, soon, 16)), I(16));
		SYS(p, __NR_connect, R(23), I(prog_data(p, &at, 16)), I(12));
	}
	CHILD(p) {
		new_socket(p, 23, 1, 1, 0);
		SYS(p, __NR_connect, R(23), I(prog_data(p, &at, 16)), I(12));
		SYS(p, __NR_getsockopt, R(23), I(1), I(17), I(MORE + 0x1000),
		    I(prog_data(p, (const u32[]){12}, 4))); /* SO_PEERCRED */
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_sleep(p);
	LOOP(p, 24, 3) {
		SYS(p, __NR_accept4, R(19), I(MORE), I(MORE + 0x2000), I(0x800));
	}
	SYS(p, __NR_close, R(19));
	work_wait(p);
	new_socket(p, 19, 1, 1, 0);
	SYS(p, __NR_connect, R(19), I(prog_data(p, &at, 16)), I(12));
	EXPECT(p, 0, -ECONNREFUSED);
}

work_fn *const sweep_net[] = {tcp, udp, interfaces, netlink, rights, rights_unread, many, unix_names, NULL};
