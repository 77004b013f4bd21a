/* core/ipc/mqueue.h -- POSIX message queues: files of a file system of their own.
 *
 * A message goes to who waits longest, else into the queue, where the highest priority and
 * among equals the oldest is next. There is one file system, of which every mount shows the
 * same; mq_open needs none.
 *
 * Ownership  a queue is its inode: it lives while it has a name or is open.
 * Units      bytes; times are hal_clock_ns deadlines.
 * Locking    the queue's spinlock covers all that is not marked.
 */
#ifndef IPC_MQUEUE_H
#define IPC_MQUEUE_H

#include <linux/mqueue.h>

#include "core/base/rbtree.h"
#include "core/proc/clock.h"
#include "vfs/file.h"

struct process;
struct socket;
struct user_counts;

#define MQUEUE_PRIORITIES 32768u	/* MQ_PRIO_MAX */
#define MQUEUE_HARD_MESSAGES 65536u	/* for who may exceed the limits */
#define MQUEUE_HARD_SIZE (16u << 20)

struct mqueue_message {
	struct rb_node node;
	u32 priority;
	u64 size;
	char text[];
};

/* Somebody who waits to send `message`, or to get one there. */
struct mqueue_waiter {
	struct list link;
	struct mqueue_message *message;
	int status;		/* 1: waits; 0: done */
	struct waitq wq;
};

/* How one wants to be told: by a signal, by 32 bytes through a netlink socket, or not at all. */
struct mqueue_notice {
	int how, signal;	/* SIGEV_* */
	u64 value;		/* the signal's */
	struct socket *socket;	/* SIGEV_THREAD */
	char cookie[NOTIFY_COOKIE_LEN];
};

struct mqueue {
	struct inode inode;	/* first */
	u64 max_messages, max_size;	/* [I] */
	struct user_counts *user;	/* [I] owned: whose RLIMIT_MSGQUEUE it counts for */
	u64 charged;			/* [I] */
	spinlock lock;			/* RANK_IPC_OBJECT */
	struct rb_tree messages;
	u64 count, bytes;
	struct list senders, receivers;	/* in order of arrival */
	struct waitq changed;		/* for poll */
	struct process *owner;		/* owned: who asked to be notified; NULL: nobody */
	struct mqueue_notice notice;	/* how; its socket is owned */
};

/* The limits of /proc/sys/fs/mqueue. */
struct mqueue_limits {
	u32 queues_max, msg_max, msgsize_max, msg_default, msgsize_default; /* [a] */
};
extern struct mqueue_limits mqueue_limits;

void mqueue_init(void);		/* at boot, with the file systems */

/* --- names: core/ipc/mqueue_fs.c --- */

/* mq_open: attr NULL: the defaults. -EACCES for what cannot be a name. */
struct mqueue_open {
	struct co_frame co;
	const char *name;
	u32 flags, mode;
	const struct mq_attr *attr;
	struct file **file;
	struct dentry *d;
	struct path path;
	bool made;
	long err;
};
co_t mqueue_open(struct co *co, struct mqueue_open *f);

struct mqueue_unlink {
	struct co_frame co;
	const char *name;
	struct dentry *d;
	struct inode *inode;
	long err;
};
co_t mqueue_unlink(struct co *co, struct mqueue_unlink *f);

/* --- messages: core/ipc/mqueue.c --- */

extern const struct file_ops mqueue_file_ops;

/* The queue a file is open on; NULL: it is on none. */
struct mqueue *mqueue_of_file(const struct file *file);
void mqueue_setup(struct mqueue *q);
void mqueue_clear(struct mqueue *q);	/* nobody has it any more */

/* A message without its text; NULL without memory. */
struct mqueue_message *mqueue_message_new(u64 size);

/* 0 (the message is the queue's), -EAGAIN (O_NONBLOCK), -ETIMEDOUT, -ERESTARTSYS. */
struct mqueue_send {
	struct co_frame co;
	struct file *file;
	struct mqueue_message *message;
	struct clock_until until;
	struct mqueue *queue;
	struct mqueue_waiter waiter;
	long err;
};
co_t mqueue_send(struct co *co, struct mqueue_send *f);

/* 0 and *message, the caller's to kfree; or as above. */
struct mqueue_receive {
	struct co_frame co;
	struct file *file;
	struct mqueue_message **message;
	struct clock_until until;
	struct mqueue *queue;
	struct mqueue_waiter waiter;
	long err;
};
co_t mqueue_receive(struct co *co, struct mqueue_receive *f);

/* Tell the current process so when a message comes to the empty queue (its socket's reference is
 * taken over); NULL: do not any more. 0 or -EBUSY. */
int mqueue_notify(struct mqueue *q, const struct mqueue_notice *notice);
void mqueue_look(struct mqueue *q, struct mq_attr *to);	/* but for mq_flags */

#endif
