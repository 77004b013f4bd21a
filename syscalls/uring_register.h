/* syscalls/uring_register.h -- between the files of io_uring_register. */
#ifndef SYSCALLS_URING_REGISTER_H
#define SYSCALLS_URING_REGISTER_H

#include "core/uring/uring.h"

struct register_op;

/* A register call under way. */
struct sys_io_uring_register {
	struct co_frame co;
	int fd;
	u32 op;
	uptr arg;
	u32 n;
	struct file *file;
	struct uring *ring;
	const struct register_op *how;
	void *buf;		/* the argument, copied */
	long result, err;
};

/* Files and buffers, in all forms; a ring of buffers. */
struct register_resources {
	struct co_frame co;
	struct sys_io_uring_register *call;
	struct io_uring_rsrc_register reg;
	struct io_uring_rsrc_update2 up;
	u64 data, tags;
	u32 n, offset;
	bool update, sparse, buffers;
	long err;
};

co_t register_resources(struct co *co, struct register_resources *f);
struct register_ring {
	struct co_frame co;
	struct sys_io_uring_register *call;
	struct io_uring_buf_reg reg;
	struct region memory;
	u64 size;
	long err;
};
co_t register_ring(struct co *co, struct register_ring *f);

#endif
