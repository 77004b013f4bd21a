/* System V: queues of messages. */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

#include "test.h"

static int shared_id;

static void nothing(int)
{
}

struct message {
	long type;
	char text[64];
};

static int put(int id, long type, const char *text)
{
	struct message m = { .type = type };

	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), IPC_NOWAIT);
}

static const char *take(int id, long type, int flags)
{
	static struct message m;
	ssize_t n = msgrcv(id, &m, sizeof(m.text), type, flags | IPC_NOWAIT);

	if (n < 0)
		return errno == ENOMSG ? "none" : "error";
	m.text[n] = 0;
	return m.text;
}

#define TAKE(id, type, flags, want) CHECK(!strcmp(take(id, type, flags), want))

static int queue(void)
{
	int id = msgget(IPC_PRIVATE, 0600);

	CHECK(id >= 0);
	return id;
}

TEST(messages_by_type)
{
	int id = queue();

	CHECK_EQ(put(id, 3, "three"), 0);
	CHECK_EQ(put(id, 1, "one"), 0);
	CHECK_EQ(put(id, 2, "two"), 0);
	CHECK_EQ(put(id, 1, "another"), 0);
	CHECK_EQ(put(id, 5, ""), 0);
	TAKE(id, 0, MSG_COPY, "three");
	TAKE(id, 3, MSG_COPY, "another");
	TAKE(id, 9, MSG_COPY, "none");
	TAKE(id, 2, 0, "two");
	TAKE(id, 4, 0, "none");
	TAKE(id, -2, 0, "one");
	TAKE(id, 3, MSG_EXCEPT, "another");
	TAKE(id, -2, 0, "none");
	TAKE(id, 0, 0, "three");
	TAKE(id, LONG_MIN, 0, "");
	TAKE(id, 0, 0, "none");
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}

TEST(wrong_messages)
{
	int id = queue();
	struct message m = { .type = 1, .text = "0123456789" };
	static char big[8200];

	CHECK_ERR(msgsnd(id, &(struct message) { .type = 0 }, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(id, &(struct message) { .type = -1 }, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(id + 1, &m, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(-1, &m, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(id, &m, -1, 0), EINVAL);
	big[0] = 1;
	CHECK_ERR(msgsnd(id, big, 8193, 0), EINVAL);
	CHECK_ERR(msgsnd(id, (void *)1, 1, 0), EFAULT);
	CHECK_EQ(msgsnd(id, &m, 10, 0), 0);
	CHECK_ERR(msgrcv(id, &m, 9, 0, 0), E2BIG);
	CHECK_EQ(msgrcv(id, &m, 4, 0, MSG_NOERROR), 4);
	CHECK_EQ(m.text[4], '4');
	CHECK_ERR(msgrcv(id, &m, 4, 0, IPC_NOWAIT), ENOMSG);
	CHECK_ERR(msgrcv(id, &m, 4, 0, MSG_COPY), EINVAL);
	CHECK_ERR(msgrcv(id, &m, 4, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	CHECK_ERR(msgrcv(id, &m, -1, 0, 0), EINVAL);
	CHECK_ERR(msgrcv(-1, &m, 1, 0, 0), EINVAL);
	CHECK_ERR(msgctl(id, 55, NULL), EINVAL);
	CHECK_ERR(msgctl(id, IPC_STAT, (void *)1), EFAULT);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_ERR(msgrcv(id, &m, 1, 0, 0), EINVAL);
}

TEST(a_full_queue)
{
	int id = queue();
	static char big[8200];
	struct msqid_ds ds;
	pid_t child;

	*(long *)big = 7;
	CHECK_EQ(msgsnd(id, big, 8192, IPC_NOWAIT), 0);
	CHECK_EQ(msgsnd(id, big, 8192, IPC_NOWAIT), 0);
	CHECK_ERR(msgsnd(id, big, 1, IPC_NOWAIT), EAGAIN);
	CHECK_EQ(msgsnd(id, big, 0, IPC_NOWAIT), 0);
	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.msg_qnum, 3);
	CHECK_EQ(ds.__msg_cbytes, 16384);
	CHECK_EQ(ds.msg_lspid, getpid());
	child = fork();
	if (!child) {
		*(long *)big = 8;
		_exit(msgsnd(id, big, 100, 0) ? 1 : 0);
	}
	test_sleep_ms(30);
	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.msg_qnum, 3);
	CHECK_EQ(msgrcv(id, big, 8192, 7, 0), 8192);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(msgrcv(id, big, 8192, 8, IPC_NOWAIT), 100);
	ds.msg_qbytes = 65536;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	for (int n = 0; n < 6; n++)
		CHECK_EQ(msgsnd(id, big, 8192, IPC_NOWAIT), 0);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}

static void sets_its_queue(void *)
{
	struct msqid_ds ds;
	int id = queue();

	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	ds.msg_qbytes = 16385;
	CHECK_ERR(msgctl(id, IPC_SET, &ds), EPERM);
	ds.msg_qbytes = 10;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	CHECK_ERR(put(id, 1, "more than ten"), EAGAIN);
	CHECK_EQ(put(id, 1, "ten"), 0);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_ERR(put(shared_id, 1, "x"), EACCES);
	CHECK_ERR(msgrcv(shared_id, &(struct message) {}, 1, 0, IPC_NOWAIT), EACCES);
}

TEST(a_queue_of_a_user)
{
	shared_id = queue();
	CHECK_EQ(test_child_as(1000, sets_its_queue, NULL), 0);
	CHECK_EQ(msgctl(shared_id, IPC_RMID, NULL), 0);
}

TEST(waiting_for_messages)
{
	int id = queue();
	struct message m;
	struct msqid_ds ds;
	pid_t a = fork(), b;

	if (!a)
		_exit(msgrcv(id, &m, 64, 2, 0) == 3 && !memcmp(m.text, "two", 3) ? 0 : 1);
	b = fork();
	if (!b)
		_exit(msgrcv(id, &m, 2, 1, 0) == -1 && errno == E2BIG ? 0 : 1);
	test_sleep_ms(30);
	CHECK_EQ(put(id, 2, "two"), 0);
	CHECK_EQ(test_wait(a), 0);
	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.msg_lrpid, a);
	CHECK_EQ(put(id, 1, "one"), 0);
	CHECK_EQ(test_wait(b), 0);
	TAKE(id, 0, 0, "one");
	a = fork();
	if (!a)
		_exit(msgrcv(id, &m, 64, 2, 0) == -1 && errno == EIDRM ? 0 : 1);
	test_sleep_ms(30);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(test_wait(a), 0);
}

TEST(signals_end_waits_for_messages)
{
	int id = queue();
	struct message m;
	struct sigaction act = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &act, NULL);
	ualarm(30000, 0);
	CHECK_ERR(msgrcv(id, &m, 64, 0, 0), EINTR);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}

TEST(what_is_told_of_queues)
{
	struct msginfo limits, used;
	struct msqid_ds ds;
	int id = queue(), most = msgctl(0, IPC_INFO, (void *)&limits);

	CHECK(most >= (id & 0x7fff));
	CHECK_EQ(limits.msgmax, 8192);
	CHECK_EQ(limits.msgmnb, 16384);
	CHECK_EQ(limits.msgmni, 32000);
	CHECK_EQ(put(id, 1, "text"), 0);
	CHECK_EQ(msgctl(0, MSG_INFO, (void *)&used), most);
	CHECK(used.msgpool >= 1 && used.msgmap >= 1 && used.msgtql >= 4);
	CHECK_EQ(msgctl(id & 0x7fff, MSG_STAT, &ds), id);
	CHECK_EQ(msgctl(id & 0x7fff, MSG_STAT_ANY, &ds), id);
	CHECK_EQ(ds.msg_qnum, 1);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}
