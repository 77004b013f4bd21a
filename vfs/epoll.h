/* vfs/epoll.h -- waiting for any of many files, which are named once.
 *
 * An item is one file, by one number, in one set. It stays enlisted in the queues the file's
 * poll names, so a wake reaches it without a search, and puts it on the set's ready list
 * without an allocation: both places lie in the item. A wait looks at the ready list only.
 *
 * Ownership  epoll_make returns a file with one reference. An item holds no reference: the last
 *            close of the file, or of the set, removes it.
 * Units      deadlines are ns of hal_clock_ns.
 * Locking    its own, described in epoll.c; only epoll_wait waits.
 */
#ifndef VFS_EPOLL_H
#define VFS_EPOLL_H

#include <linux/eventpoll.h>

#include "vfs/file.h"

/* struct epoll_event as arm64 has it, whatever this is built for. */
struct epoll_record {
	u32 events;
	u32 pad;
	u64 data;
};
static_assert(sizeof(struct epoll_record) == 16, "the ABI's size");


int epoll_make(const struct cred *cred, struct file **file);
bool epoll_is(const struct file *file);

/* epoll_ctl's three; `set` is one. -EEXIST, -ENOENT, -ENOMEM, -ENOSPC, -EINVAL, -ELOOP. */
int epoll_add(struct file *set, struct file *target, int fd, const struct epoll_record *what);
int epoll_change(struct file *set, struct file *target, int fd, const struct epoll_record *what);
int epoll_remove(struct file *set, struct file *target, int fd);

/* Copy out up to `max` events that hold: how many, 0 at the deadline (0: do not wait), -EINTR,
 * -EFAULT. */
struct epoll_wait {
	struct co_frame co;
	struct file *set;
	uptr to;
	u32 max;
	u64 deadline_ns;
	u64 round;
	u32 n;
	int step;
	long err;
};
co_t epoll_wait(struct co *co, struct epoll_wait *f);
/* Without waiting: how many, or FILE_WAITS if that takes the coroutine. */
long epoll_wait_try(struct file *set, uptr to, u32 max);

/* The n-th file in the set by this number, with a reference: 0, -ENOENT. */
int epoll_watched(struct file *set, int fd, u32 n, struct file **file);

/* The file's last reference is gone: remove what watches it. */
void epoll_file_gone(struct file *file);
/* A queue goes before the files do that named it: items stay, but hear of nothing any more. */
void epoll_queue_gone(struct waitq *q);

#endif
