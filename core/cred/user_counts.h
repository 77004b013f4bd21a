/* core/cred/user_counts.h -- how much of what is limited for each user he has in use.
 *
 * Ownership  found, then held by reference by what was counted, so that it is counted back to
 *            the same user; gone with the last reference.
 * Locking    the counts are atomic; the table has a lock of its own (RANK_USERS).
 */
#ifndef CRED_USER_COUNTS_H
#define CRED_USER_COUNTS_H

#include "core/base/atomic.h"

struct user_counts {
	struct user_counts *next; /* in the table, under its lock */
	refcount refs;		/* [a] */
	u32 uid;		/* [I] */
	u32 processes;		/* [a] threads, for RLIMIT_NPROC */
	u32 signals;		/* [a] queued, for RLIMIT_SIGPENDING */
	u32 in_flight;		/* [a] descriptors in the queues of sockets, for RLIMIT_NOFILE */
	u32 inotify_instances;	/* [a] */
	u32 inotify_watches;	/* [a] */
	u32 user_spaces;	/* [a] user namespaces that he made */
	u32 epoll_items;	/* [a] what his epoll sets watch */
	u64 pipe_pages;		/* [a] that his pipes may hold */
	u64 locked;		/* [a] bytes of locked segments, for RLIMIT_MEMLOCK */
	u64 queues;		/* [a] bytes of message queues, for RLIMIT_MSGQUEUE */
};

/* What /proc/sys/fs and /proc/sys/user set for each user; all [a]. */
struct user_limits {
	u64 inotify_instances, inotify_watches, epoll_items;
	u64 user_spaces;
	u64 pipe_pages;		/* beyond it new pipes are small; 0: no limit */
	u64 pipe_pages_hard;	/* beyond it there are none; 0: no limit */
};
extern struct user_limits user_limits;

void user_counts_init(void);	/* the limits, by the memory there is */
struct user_counts *user_counts_find(u32 uid);	/* a reference; NULL without memory */
void user_counts_get(struct user_counts *u);
void user_counts_put(struct user_counts *u);

/* One more, unless that were more than `most`. */
static inline bool user_counts_take(u32 *count, u64 most)
{
	if (atomic_add(count, 1u) < most)
		return true;
	atomic_sub(count, 1u);
	return false;
}

#endif
