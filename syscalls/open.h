/* syscalls/open.h -- for calls that take a struct which may grow. */
#ifndef SYSCALLS_OPEN_H
#define SYSCALLS_OPEN_H

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

#endif
