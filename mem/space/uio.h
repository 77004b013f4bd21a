/* mem/space/uio.h -- a cursor over the memory a read or write goes to or comes from: user
 * buffers (of the task that runs) or kernel memory.
 *
 * The copies never wait: they return how far they came and the cursor stands there. Short
 * of what was asked means that a user page is missing (or the uio is used up): let go of
 * what you hold, await uio_fault_in, go on. A struct uio may be copied to remember a
 * position and copied back to return to it.
 *
 * Ownership  borrows the vectors and the kernel memory.
 * Units      bytes.
 */
#ifndef SPACE_UIO_H
#define SPACE_UIO_H

#include "coro/co.h"
#include "hal/uaccess.h"

/* The layout of struct iovec. */
struct uio_vec {
	u64 base;
	u64 len;
};

struct uio {
	const struct uio_vec *vecs;	/* NULL: `one` is the only one */
	u32 count;			/* of vecs from the current one on */
	bool user;
	u64 at;				/* offset in the current one */
	u64 left;			/* bytes to go in all */
	struct uio_vec one;
};

/* Most bytes one read or write moves, as Linux (MAX_RW_COUNT). */
#define UIO_MAX (0x7ffffffful & PAGE_MASK)

static inline struct uio uio_user(uptr buf, u64 len)
{
	len = min(len, UIO_MAX);
	return (struct uio){.count = 1, .user = true, .left = len, .one = {buf.raw, len}};
}
/* vecs: copied from user space by the caller and checked (uio_check_iov). */
struct uio uio_user_iov(const struct uio_vec *vecs, u32 count);
struct uio uio_kernel(void *buf, u64 len);
struct uio uio_kernel_const(const void *buf, u64 len);	/* only ever copied from */

/* Total length of an iovec array, cut to UIO_MAX by shortening the vectors; -EINVAL if one is
 * negative, -EFAULT if one cannot be the user's. */
i64 uio_check_iov(struct uio_vec *vecs, u32 count);

/* Kernel memory to the uio (a read), and from it (a write); bytes moved, at most a few pages
 * a call are in the spirit of the poll budget. */
size_t uio_move_to(struct uio *u, const void *from, size_t n);
size_t uio_move_from(struct uio *u, void *to, size_t n);

static inline bool uio_is_one_buffer(const struct uio *u)
{
	return u->user && !u->vecs;
}

static inline size_t uio_copy_to(struct uio *u, const void *from, size_t n)
{
	size_t done;

	if (!uio_is_one_buffer(u))
		return uio_move_to(u, from, n);
	done = hal_copy_to_user(uptr_of(u->one.base + u->at), from, min(n, u->left));
	u->at += done;
	u->left -= done;
	return done;
}

static inline size_t uio_copy_from(struct uio *u, void *to, size_t n)
{
	size_t done;

	if (!uio_is_one_buffer(u))
		return uio_move_from(u, to, n);
	done = hal_copy_from_user(to, uptr_of(u->one.base + u->at), min(n, u->left));
	u->at += done;
	u->left -= done;
	return done;
}
size_t uio_zero(struct uio *u, size_t n);

/* Move on without copying; n is at most left. */
void uio_advance(struct uio *u, u64 n);
/* Let it end after n bytes. */
void uio_truncate(struct uio *u, u64 n);

/* Make the memory at the cursor accessible, one byte at least and up to n: 0, -EFAULT, or
 * -EINTR if killed. `write`: for uio_copy_to. */
struct uio_fault_in {
	struct co_frame co;
	struct uio *uio;
	size_t n;
	bool write;
	long err;
};
co_t uio_fault_in(struct co *co, struct uio_fault_in *f);

#endif
