/* core/ipc/msg.h -- System V's message queues.
 *
 * Who waits to receive gets a message straight from its sender; who waits to send has its
 * message taken over, in the order they came, by the receiver that made room.
 *
 * Locking    the queue's o.lock.
 */
#ifndef IPC_MSG_H
#define IPC_MSG_H

#include <linux/msg.h>

#include "core/ipc/ipc.h"
#include "coro/co.h"

#define MSG_SIZE_MAX (1u << 20)	/* what msgmax can be raised to */

struct msg_message {
	struct list link;
	i64 type;
	u64 size;
	char text[];
};

/* A message without its text, for so many bytes; NULL without memory. */
struct msg_message *msg_new(u64 size);
void msg_free(struct msg_message *m);

struct msg_queue {
	struct ipc_object o;	/* first */
	u64 bytes, count, max_bytes;
	i64 stime, rtime, ctime;
	int lspid, lrpid;
	struct list messages;		/* struct msg_message.link */
	struct list senders, receivers;	/* struct msg_waiter.link, in order of arrival */
};

/* Which messages one wants. */
enum msg_want { MSG_ANY, MSG_EQUAL, MSG_OTHER, MSG_LOWEST, MSG_NTH };

struct msg_waiter {
	struct list link;
	struct msg_message *message;	/* to send, or received */
	enum msg_want want;
	i64 type;
	u64 size;		/* of the receiver's buffer */
	bool cut;		/* take what fits */
	int pid;
	int status;		/* 1: waits; else the result */
	struct waitq wq;
};

int msg_get(int key, u32 flags, const struct cred *cred);

/* msgsnd: 0 (the queue owns the message now) or a negative errno. */
struct msg_send {
	struct co_frame co;
	int id, pid;
	u32 flags;		/* IPC_NOWAIT */
	struct msg_message *message;
	struct msg_queue *queue;
	struct msg_waiter waiter;
	long err;
};
co_t msg_send(struct co *co, struct msg_send *f);

/* msgrcv: 0 and *message, which the caller owns; or a negative errno. */
struct msg_receive {
	struct co_frame co;
	int id, pid;
	i64 type;
	u64 size;
	u32 flags;		/* IPC_NOWAIT, MSG_NOERROR, MSG_EXCEPT, MSG_COPY */
	struct msg_message **message;
	struct msg_queue *queue;
	struct msg_waiter waiter;
	long err;
};
co_t msg_receive(struct co *co, struct msg_receive *f);

/* --- msgctl; the result or a negative errno --- */

int msg_stat(int id, int cmd, const struct cred *cred, struct msqid64_ds *to);
int msg_change(int id, const struct msqid64_ds *from, const struct cred *cred);
int msg_remove(int id, const struct cred *cred);
int msg_info(int cmd, struct msginfo *to);

/* For /proc/sysvipc: the queue at this place or behind it; false past the last. */
bool msg_next(u32 *place, struct msqid64_ds *to, int *id);

#endif
