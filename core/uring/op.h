/* core/uring/op.h -- what an operation of a ring is, and what it is given.
 *
 * An operation is a check of its submission, a try that does not wait, and a coroutine for the
 * rest. Which it has is up to it: the coroutine is begun on the submitter's stack and goes on by
 * itself if it waits (core/proc/request.h), so there is nothing else to say about waiting.
 *
 *	static int fsync_prepare(struct uring_request *r)
 *	{ return r->sqe.addr || r->sqe.fsync_flags & ~IORING_FSYNC_DATASYNC ? -EINVAL : 0; }
 *	static co_t fsync_begin(struct co *co, struct uring_request *r)
 *	{ return co_begin(co, file_sync, .file = r->file, ...); }
 *
 * Ownership  the record and its file are the ring's: the file is put when the request is over.
 *            What an operation allocates hangs on r->data and is freed by its cleanup.
 * Locking    a request belongs to whoever runs it; none of the functions of an operation but
 *            `begin` may wait, and none is called with a lock held.
 */
#ifndef URING_OP_H
#define URING_OP_H

#include <linux/io_uring.h>

#include "core/base/rbtree.h"
#include "core/proc/request.h"

struct uring;
struct uring_op;
struct fixed;
struct uio;

/* A try's result: it would wait, nothing happened. */
#define URING_WAITS (-4096l)

struct uring_request {
	struct request request;		/* first: what runs it */
	struct io_uring_sqe sqe;	/* a copy: read once from memory that is the program's */
	u64 sqe_more[8];		/* the second half with IORING_SETUP_SQE128, else 0 */
	u64 args[6];			/* for calls that take their arguments by address */
	struct uring *ring;		/* a reference while it is parked */
	struct file *file;		/* of sqe.fd for URING_FILE, when it is issued */
	struct fixed *fixed;		/* the registered buffer it uses, a reference; or NULL */
	/* From here to `fresh_end` each submission begins with zeros. */
	const struct uring_op *op;
	void *data;			/* the operation's own */
	u64 big[2];			/* of its completion, where that has room for it */
	u32 cqe_flags;			/* IORING_CQE_F_* of its completion */
	bool fails;			/* its link is severed though the result is no error */
	bool tried;			/* the try said that it waits */
	bool silent;			/* no completion is posted */
	bool succeeds;			/* it is not, though the result is one */
	bool selected;			/* it has a provided buffer (buffer_id...) */
	bool in_part;			/* what is left of that is used next */
	bool keeps;			/* it may begin after io_uring_enter has returned */
	/* The rest is the ring's. */
	bool in_place;
	bool drains;
	int error;			/* of its submission: it is not begun */
	u32 missing_len;		/* what its preparation lacks, */
	u64 missing;			/* and where */
	struct kept *kept;		/* copies of what it names */
	struct uring_request *timeout;	/* under the ring's lock: its linked timeout, if armed */
	struct uring_request *next;	/* linked after it; or on a list of free ones */
	char fresh_end[0];
	u64 buffer_addr;
	u32 buffer_len;
	u16 buffer_id;
	u16 buffer_next;		/* of a ring: its head behind it */
	bool listed;
	const struct cred *cred;	/* of its personality, or NULL */
	struct rb_node same;		/* of parked ones, by user_data */
	struct list link;		/* of those parked, or those that wait for a drain */
};

/* Of an operation. */
enum {
	URING_FILE = 1u << 0,		/* sqe.fd is a descriptor, or a registered file's number */
	URING_BUFFERS = 1u << 1,	/* IOSQE_BUFFER_SELECT is its matter */
	URING_IOPRIO = 1u << 2,		/* sqe.ioprio is its own */
	URING_IOPOLL = 1u << 3,		/* it may be submitted to a ring with IORING_SETUP_IOPOLL */
	URING_NO_ASYNC = 1u << 4,	/* it is never begun away from the submitter */
	URING_LATE = 1u << 5,		/* it reads what it names after it may have waited */
	URING_UNCOUNTED = 1u << 6,	/* no timeout counts its completion */
};

struct uring_op {
	u32 flags;
	/* Is the submission right? 0 or -errno, which is its completion then. May be NULL. */
	int (*prepare)(struct uring_request *r);
	/* The result if that takes no waiting, else URING_WAITS with nothing changed. May be NULL.
	 * In the submitter's own context, or the request's. */
	long (*try)(struct uring_request *r);
	/* Begin the coroutine on co, whose frame stack is empty: co_begin's status. NULL if try
	 * never says URING_WAITS. */
	co_t (*begin)(struct co *co, struct uring_request *r);
	/* It is over, or never began though it was prepared: free r->data. May be NULL. */
	void (*cleanup)(struct uring_request *r);
};

/* Every operation there is, by IORING_OP_*, NULL where there is none: at boot, by who knows. */
void uring_set_ops(const struct uring_op *const *ops, unsigned count);

/* From a frame of a request's coroutine. */
static inline struct uring_request *uring_request_of(struct co *co)
{
	return (struct uring_request *)co_task(co);
}

/* Copy from the program's memory while preparing. false: it is not there; prepare lets go of what
 * it has and returns -EFAULT, and is called again when it is, unless it cannot be. */
bool uring_copy_in(struct uring_request *r, void *to, u64 from, size_t n);

/* For prepare, of a name or structure that the coroutine reads as it begins: the program may use
 * its memory again when io_uring_enter has returned. If the coroutine may begin later than that,
 * it is copied now, and *at becomes the copy's address, which copies from user space find in the
 * request's own coroutine (user_kept). n: bytes, or URING_STRING. 0 (also where there is nothing
 * to keep), -EFAULT as of uring_copy_in, -ENOMEM; a second preparation begins without copies. */
#define URING_STRING UINT64_MAX
int uring_keep(struct uring_request *r, u64 *at, u64 n);

void *uring_kept(struct uring_request *r, u64 at, size_t n);
/* The request is over, or prepared anew. */
void uring_unkeep(struct uring_request *r);

/* Take a buffer of the group sqe.buf_group, up to *len bytes of it (0: all): 0, or -ENOBUFS. It
 * is the request's until its completion tells the program so, or until it is given back. Once
 * taken it is found again by further calls. */
int uring_select(struct uring_request *r, u64 *addr, u32 *len);
/* So many bytes of it were used, before the completion that tells. */
void uring_select_used(struct uring_request *r, u64 n);
/* Nothing went into it. */
void uring_unselect(struct uring_request *r);
/* A completion told of it: the next call takes another. */
void uring_select_next(struct uring_request *r);

/* The part sqe.addr, sqe.len of the registered buffer sqe.buf_index: 0 or -EFAULT. `fill`: bytes
 * are to be stored there. */
long uring_fixed_uio(struct uring_request *r, bool fill, struct uio *to);

/* Registered files: a reference, or NULL. */
struct file *uring_file(struct uring *u, u32 index);
/* A direct descriptor for file (a reference, taken over in any case) as sqe.file_index asks, which
 * is not 0: 0, the number if one was to be chosen, or -errno. */
long uring_install(struct uring *u, struct file *file, u32 file_index);
/* -EBADF if there is none, -ENXIO if nothing was registered. */
long uring_uninstall(struct uring *u, u32 index);

/* Post a completion of a request that goes on (IORING_CQE_F_MORE is added). false: there is no room
 * but where completions overflow to, so that it should end. */
bool uring_post_more(struct uring_request *r, long result, u32 cqe_flags);

/* Is there room for a completion after which the request goes on? If not, that one ends it. */
bool uring_may_post(const struct uring_request *r);

/* The request that is the current task; NULL: it is something else. */
struct uring_request *uring_current(void);

#endif
