/* syscalls/program.h -- classic BPF programs of user space: struct sock_fprog. */
#ifndef SYSCALLS_PROGRAM_H
#define SYSCALLS_PROGRAM_H

#include "coro/co.h"

struct sock_filter;

/* The user's struct sock_fprog. */
struct program {
	u16 len, pad[3];
	u64 insns;
};

/* Its instructions, which the caller kfrees: 0, -EINVAL (none, or too many), -ENOMEM, -EFAULT,
 * -EINTR. */
struct program_from_user {
	struct co_frame co;
	const struct program *from;
	struct sock_filter **to;
	struct sock_filter *insns;
	size_t size;
	long err;
};
co_t program_from_user(struct co *co, struct program_from_user *f);

#endif
