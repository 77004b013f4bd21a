/* syscalls/uring_call.c -- operations of rings that are system calls. */
#include "syscalls/uring_call.h"

#include <linux/eventpoll.h>
#include <linux/futex.h>
#include <linux/limits.h>

#include "core/net/name.h"
#include "core/proc/process.h"
#include "vfs/fd.h"
#include "vfs/file.h"

int uring_call_check(const struct uring_request *r, u32 unused)
{
	const struct io_uring_sqe *s = &r->sqe;

	if ((unused & URING_NO_FIXED) && (s->flags & IOSQE_FIXED_FILE))
		return -EBADF;
	if (((unused & URING_NO_OFF) && s->off) || ((unused & URING_NO_ADDR) && s->addr) ||
	    ((unused & URING_NO_LEN) && s->len) || ((unused & URING_NO_FLAGS) && s->rw_flags) ||
	    ((unused & URING_NO_BUFFER) && s->buf_index) ||
	    ((unused & URING_NO_INDEX) && s->file_index) ||
	    ((unused & URING_NO_ADDR3) && s->addr3))
		return -EINVAL;
	return 0;
}

static u64 uring_call_arg(const struct uring_request *r, enum uring_arg which)
{
	const struct io_uring_sqe *s = &r->sqe;

	switch (which) {
	case URING_ARG_FD:
		return (u64)s->fd;
	case URING_ARG_FILE:
		return (u64)FD_GIVEN;
	case URING_ARG_OFF:
	case URING_ARG_PATH2:
	case URING_ARG_VALUE:
		return s->off;
	case URING_ARG_ADDR:
	case URING_ARG_PATH:
	case URING_ARG_NAME:
	case URING_ARG_EVENT:
	case URING_ARG_WORDS:
		return s->addr;
	case URING_ARG_LEN:
		return s->len;
	case URING_ARG_FLAGS:
		return (u32)s->rw_flags;
	case URING_ARG_INDEX:
		return s->file_index;
	case URING_ARG_ADDR3:
	case URING_ARG_PATH3:
		return s->addr3;
	case URING_ARG_NONE:
		break;
	}
	return 0;
}

/* How much the call reads there, so far as it is right; 0: nothing. */
static u64 uring_call_reads(const struct uring_request *r, enum uring_arg which)
{
	const struct io_uring_sqe *s = &r->sqe;

	switch (which) {
	case URING_ARG_PATH:
	case URING_ARG_PATH2:
	case URING_ARG_PATH3:
		return URING_STRING;
	case URING_ARG_NAME:
		return s->off <= NET_NAME_MAX ? s->off : 0;
	case URING_ARG_VALUE:
		return s->len <= XATTR_SIZE_MAX ? s->len : 0;
	case URING_ARG_EVENT:
		return s->len != EPOLL_CTL_DEL ? sizeof(struct epoll_event) : 0;
	case URING_ARG_WORDS:
		return s->len <= FUTEX_WAITV_MAX ? s->len * sizeof(struct futex_waitv) : 0;
	default:
		return 0;
	}
}

static const struct uring_call *uring_call_of(const struct uring_request *r)
{
	return (const struct uring_call *)r->op;
}

static int uring_call_prepare(struct uring_request *r)
{
	const struct uring_call *call = uring_call_of(r);
	int err = uring_call_check(r, call->unused);

	for (unsigned i = 0; !err && i < 6; i++) {
		r->args[i] = uring_call_arg(r, call->args[i]);
		err = uring_keep(r, &r->args[i], uring_call_reads(r, call->args[i]));
	}
	return err;
}

static co_t uring_call_begin(struct co *co, struct uring_request *r)
{
	const struct uring_call *call = uring_call_of(r);

	if (call->plain) {
		co->result = call->plain(co_task(co), r->args);
		if (co->result != SYS_MUST_WAIT)
			return CO_DONE;
	}
	return call->begin(co, r->args);
}

long uring_call_install(struct co *co, struct file *file, bool cloexec, u32 file_index)
{
	long fd;

	if (file_index)
		return uring_install(uring_request_of(co)->ring, file, file_index);
	fd = fd_add(fd_current(co), file, 0, rlimit_get(process_of(co), RLIMIT_NOFILE), cloexec);
	if (fd < 0)
		file_put(file);
	return fd;
}

/* --- the list --- */

#define CALLS(C, P, B)                                                                          \
	C(FALLOCATE, fallocate, URING_FILE, URING_NO_REST | URING_NO_FLAGS, FILE, LEN, OFF, ADDR) \
	C(SYNC_FILE_RANGE, sync_file_range, URING_FILE, URING_NO_REST | URING_NO_ADDR, FILE, OFF, \
	  LEN, FLAGS)                                                                          \
	C(FTRUNCATE, ftruncate, URING_FILE,                                                    \
	  URING_NO_REST | URING_NO_FLAGS | URING_NO_ADDR | URING_NO_LEN | URING_NO_ADDR3,      \
	  FILE, OFF)                                                                           \
	C(STATX, statx, 0, URING_NO_REST | URING_NO_FIXED, FD, PATH, FLAGS, LEN, OFF)          \
	C(RENAMEAT, renameat2, 0, URING_NO_REST | URING_NO_FIXED, FD, PATH, LEN, PATH2, FLAGS) \
	C(UNLINKAT, unlinkat, 0, URING_NO_REST | URING_NO_FIXED | URING_NO_OFF | URING_NO_LEN, \
	  FD, PATH, FLAGS)                                                                     \
	C(MKDIRAT, mkdirat, 0, URING_NO_REST | URING_NO_FIXED | URING_NO_OFF | URING_NO_FLAGS, \
	  FD, PATH, LEN)                                                                       \
	C(SYMLINKAT, symlinkat, 0,                                                             \
	  URING_NO_REST | URING_NO_FIXED | URING_NO_LEN | URING_NO_FLAGS, PATH, FD, PATH2)     \
	C(LINKAT, linkat, 0, URING_NO_REST | URING_NO_FIXED, FD, PATH, LEN, PATH2, FLAGS)      \
	C(FSETXATTR, fsetxattr, URING_FILE, URING_NO_FIXED, FILE, PATH, VALUE, LEN, FLAGS)     \
	C(SETXATTR, setxattr, 0, URING_NO_FIXED, PATH3, PATH, VALUE, LEN, FLAGS)               \
	C(FGETXATTR, fgetxattr, URING_FILE, URING_NO_FIXED | URING_NO_FLAGS, FILE, PATH, OFF, LEN) \
	C(GETXATTR, getxattr, URING_LATE, URING_NO_FIXED | URING_NO_FLAGS, PATH3, PATH, OFF, LEN) \
	B(EPOLL_CTL, epoll_ctl, 0, URING_NO_REST, FD, LEN, OFF, EVENT)                         \
	C(CONNECT, connect, URING_FILE, URING_NO_REST | URING_NO_LEN | URING_NO_FLAGS, FILE, NAME, \
	  OFF)                                                                                 \
	C(BIND, bind, URING_FILE, URING_NO_REST | URING_NO_LEN | URING_NO_FLAGS, FILE, NAME, OFF) \
	P(LISTEN, listen, URING_FILE,                                                          \
	  URING_NO_REST | URING_NO_ADDR | URING_NO_OFF | URING_NO_FLAGS, FILE, LEN)            \
	P(SHUTDOWN, shutdown, URING_FILE,                                                      \
	  URING_NO_REST | URING_NO_ADDR | URING_NO_OFF | URING_NO_FLAGS, FILE, LEN)            \
	C(WAITID, waitid, 0,                                                                   \
	  URING_NO_BUFFER | URING_NO_ADDR | URING_NO_ADDR3 | URING_NO_FLAGS, LEN, \
	  FD, OFF, INDEX)                                                                      \
	C(FUTEX_WAIT, futex_wait, 0, URING_NO_REST | URING_NO_LEN | URING_NO_FLAGS, ADDR, OFF, \
	  ADDR3, FD)                                                                           \
	C(FUTEX_WAKE, futex_wake, 0, URING_NO_REST | URING_NO_LEN | URING_NO_FLAGS, ADDR, ADDR3, \
	  OFF, FD)                                                                             \
	C(FUTEX_WAITV, futex_waitv, 0,                                                         \
	  URING_NO_REST | URING_NO_OFF | URING_NO_FLAGS | URING_NO_ADDR3, WORDS, LEN)

#define ARG_(name)		URING_ARG_##name
#define ARGS1(a)		ARG_(a)
#define ARGS2(a, b)		ARG_(a), ARG_(b)
#define ARGS3(a, b, c)		ARGS2(a, b), ARG_(c)
#define ARGS4(a, b, c, d)	ARGS3(a, b, c), ARG_(d)
#define ARGS5(a, b, c, d, e)	ARGS4(a, b, c, d), ARG_(e)
#define ARGS(...)		{SYS_CAT(ARGS, SYS_COUNT(__VA_ARGS__))(__VA_ARGS__)}

#define DECLARE_BEGIN(number, name, ...) co_t begin_##name(struct co *co, const u64 *a);
#define DECLARE_PLAIN(number, name, ...) long plain_##name(struct task *t, const u64 *a);
#define DECLARE_BOTH(...) DECLARE_BEGIN(__VA_ARGS__) DECLARE_PLAIN(__VA_ARGS__)
CALLS(DECLARE_BEGIN, DECLARE_PLAIN, DECLARE_BOTH)

#define ENTRY(number, plain_, begin_, flags_, unused_, ...)                                    \
	[number] = {.op = {.flags = (flags_), .prepare = uring_call_prepare,                   \
			   .begin = uring_call_begin},                                         \
		    .unused = (unused_), .args = ARGS(__VA_ARGS__),                            \
		    .plain = (plain_), .begin = (begin_)},
#define ENTRY_BEGIN(number, name, ...) ENTRY(IORING_OP_##number, NULL, begin_##name, __VA_ARGS__)
#define ENTRY_PLAIN(number, name, ...) ENTRY(IORING_OP_##number, plain_##name, NULL, __VA_ARGS__)
#define ENTRY_BOTH(number, name, ...) \
	ENTRY(IORING_OP_##number, plain_##name, begin_##name, __VA_ARGS__)
const struct uring_call uring_calls[IORING_OP_LAST] = {
	CALLS(ENTRY_BEGIN, ENTRY_PLAIN, ENTRY_BOTH)
};
