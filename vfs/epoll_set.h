/* vfs/epoll_set.h -- sets and items of epoll; between the files vfs/epoll*.c only.
 *
 * Locking  [e] epoll_lock, [l] look (and to change it epoll_lock too), [r] ready_lock,
 *          [I], [a].
 */
#ifndef VFS_EPOLL_SET_H
#define VFS_EPOLL_SET_H

#include "core/base/rbtree.h"
#include "vfs/epoll.h"

struct epoll_item;

extern spinlock epoll_lock;		/* RANK_POLL */

struct epoll {
	struct file *file;		/* [I] this set's; it holds the set */
	struct user_counts *user;	/* [I] owned: whose it is */
	spinlock look, ready_lock;	/* epoll.c says what for */
	struct rb_tree items;		/* [l] struct epoll_item.node */
	struct list ready;		/* [r] struct epoll_item.ready_link */
	u64 round;			/* [a] the last look begun */
	struct waitq waiters;		/* threads that wait for events */
	struct waitq watchers;		/* who polls this set, sets that contain it among them */
	struct list inner;		/* [e] items that are sets: struct epoll_item.in_inner */
	u32 seen, depth;		/* [e] epoll_nest.c's */
};

static inline struct epoll *epoll_of(const struct file *set)
{
	return set->private;
}

/* In a queue that wakes the item. */
struct epoll_place {
	struct waiter waiter;
	struct epoll_item *item;
};

struct epoll_item {
	struct rb_node node;		/* [l] */
	struct epoll *set;		/* [I] */
	struct file *file;		/* [I] borrowed: its last close removes the item */
	int fd;				/* [I] */
	bool ready;			/* [r] on the list */
	struct list ready_link;		/* [r] */
	u64 round;			/* [r] it was looked at last */
	struct epoll_record what;	/* [r] to read; to change it [l] too */
	struct epoll_item *next, **link; /* [e] in file->watchers */
	struct list in_inner;		/* [e] */
	struct epoll_place places[POLL_QUEUES]; /* [l] */
};

/* epoll_wait.c: a place's notify. */
bool epoll_wait_notify(struct waiter *w, u32 events);
/* Look for the first time since it was added or changed; p: enlist in the file's queues. */
void epoll_wait_first(struct epoll *e, struct epoll_item *it, struct poller *p) REQUIRES(e->look);
/* The set's own poll. */
u32 epoll_wait_poll(struct file *set, struct poller *p);

/* epoll_nest.c: may `outer` contain `inner`? Not in a circle, and at most EPOLL_NEST_MAX levels
 * below the outermost. */
#define EPOLL_NEST_MAX 4
bool epoll_nest_may(struct epoll *outer, struct epoll *inner) REQUIRES(epoll_lock);

#endif
