/* syscalls/lock.h -- advisory locks: fcntl's records, flock. */
#ifndef SYSCALLS_LOCK_H
#define SYSCALLS_LOCK_H

#include <linux/fcntl.h>

#include "syscalls/syscall.h"
#include "vfs/flock.h"

/* F_GETLK, F_SETLK, F_SETLKW and F_OFD_*: arg is the user's struct flock. */
struct lock_records {
	struct co_frame co;
	struct file *file;
	u32 cmd;
	uptr arg;
	struct flock lock;
	struct flock_range range, found;
	i64 here;		/* the position that SEEK_CUR means */
	long err;
};
co_t lock_records(struct co *co, struct lock_records *f);

#endif
