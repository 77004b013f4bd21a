/* syscalls/open.h -- opening, for rings; and for calls that take a struct which may grow. */
#ifndef SYSCALLS_OPEN_H
#define SYSCALLS_OPEN_H

#include <linux/openat2.h>

#include "syscalls/syscall.h"

/* What a newer program has more of must be zeros: 0, -E2BIG, -EFAULT. */
struct open_check_rest {
	struct co_frame co;
	uptr from;
	size_t n, at;
	u64 word;
	long err;
};
co_t open_check_rest(struct co *co, struct open_check_rest *f);

/* file_index: a direct descriptor of the ring whose request it is (uring_call_install). */
struct sys_openat {
	struct co_frame co;
	int dirfd, number;
	uptr path;
	u32 flags, mode;
	u32 file_index;
	char *name;
	struct file *file;
	long err;
};
co_t sys_openat(struct co *co, struct sys_openat *f);

struct sys_openat2 {
	struct co_frame co;
	int dirfd, number;
	uptr path, from;
	size_t size;
	u32 file_index;
	struct open_how how;
	char *name;
	struct file *file;
	long err;
};
co_t sys_openat2(struct co *co, struct sys_openat2 *f);

#endif
