/* syscalls/uring_call.h -- operations of rings that are system calls: which, and where the parts of
 * a submission go. */
#ifndef SYSCALLS_URING_CALL_H
#define SYSCALLS_URING_CALL_H

#include "syscalls/syscall.h"
#include "syscalls/uring.h"

/* What of a submission an argument is. */
enum uring_arg {
	URING_ARG_NONE,		/* 0 */
	URING_ARG_FD,		/* a number, whatever it is for the call */
	URING_ARG_FILE,		/* the operation's file */
	URING_ARG_OFF,		/* addr2 is the same */
	URING_ARG_ADDR,
	URING_ARG_LEN,
	URING_ARG_FLAGS,
	URING_ARG_INDEX,	/* file_index */
	URING_ARG_ADDR3,
	/* Memory that is read: kept until then (uring_keep). */
	URING_ARG_PATH,		/* a string at addr */
	URING_ARG_PATH2,	/* at addr2 */
	URING_ARG_PATH3,	/* at addr3 */
	URING_ARG_NAME,		/* a socket's, at addr, of `off` bytes */
	URING_ARG_VALUE,	/* at addr2, of `len` bytes */
	URING_ARG_EVENT,	/* struct epoll_event at addr */
	URING_ARG_WORDS,	/* `len` struct futex_waitv at addr */
};

/* What of it is not used, and has to be 0. */
enum {
	URING_NO_OFF = 1u << 0,
	URING_NO_ADDR = 1u << 1,
	URING_NO_LEN = 1u << 2,
	URING_NO_FLAGS = 1u << 3,
	URING_NO_BUFFER = 1u << 4,
	URING_NO_INDEX = 1u << 5,
	URING_NO_ADDR3 = 1u << 6,
	URING_NO_FIXED = 1u << 7,	/* its descriptor is none of a registered file: -EBADF */
	URING_NO_REST = URING_NO_BUFFER | URING_NO_INDEX,
};

/* 0, -EINVAL, -EBADF. */
int uring_call_check(const struct uring_request *r, u32 unused);

struct uring_call {
	struct uring_op op;		/* first */
	u32 unused;
	u8 args[6];			/* enum uring_arg */
	/* Its forms; the plain one is first tried, if there is one. */
	long (*plain)(struct task *t, const u64 *a);
	co_t (*begin)(struct co *co, const u64 *a);
};

extern const struct uring_call uring_calls[IORING_OP_LAST];

/* A descriptor for a new file, or with file_index a direct one of the ring whose request runs co.
 * The reference is taken over in any case. */
long uring_call_install(struct co *co, struct file *file, bool cloexec, u32 file_index);

#endif
