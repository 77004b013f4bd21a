/* mem/space/uio.c -- the cursor. */
#include "mem/space/uio.h"

#include "core/base/bits.h"
#include "core/base/string.h"
#include "hal/memory.h"
#include "hal/uaccess.h"
#include "mem/space/uaccess.h"

struct uio uio_user_iov(const struct uio_vec *vecs, u32 count)
{
	struct uio u = {.vecs = vecs, .count = count, .user = true};

	for (u32 i = 0; i < count; i++)
		u.left += vecs[i].len;
	return u;
}

struct uio uio_kernel(void *buf, u64 len)
{
	return (struct uio){.count = 1, .left = len, .one = {(u64)(uintptr_t)buf, len}};
}

struct uio uio_kernel_const(const void *buf, u64 len)
{
	return (struct uio){.count = 1, .left = len, .one = {(u64)(uintptr_t)buf, len}};
}

i64 uio_check_iov(struct uio_vec *vecs, u32 count)
{
	u64 sum = 0;

	for (u32 i = 0; i < count; i++)
		if ((i64)vecs[i].len < 0)
			return -EINVAL;
	for (u32 i = 0; i < count; i++) {
		if (vecs[i].base > HAL_USER_END || vecs[i].len > HAL_USER_END - vecs[i].base)
			return -EFAULT;
		vecs[i].len = min(vecs[i].len, UIO_MAX - sum);
		sum += vecs[i].len;
	}
	return (i64)sum;
}

static const struct uio_vec *current(const struct uio *u)
{
	return u->vecs ? u->vecs : &u->one;
}

/* Step over vectors that are used up. */
static void settle(struct uio *u)
{
	while (u->left && u->at >= current(u)->len) {
		u->at = 0;
		u->vecs++;
		u->count--;
	}
}

void uio_advance(struct uio *u, u64 n)
{
	n = min(n, u->left);
	while (n) {
		u64 step;

		settle(u);
		step = min(n, current(u)->len - u->at);
		u->at += step;
		u->left -= step;
		n -= step;
	}
}

void uio_truncate(struct uio *u, u64 n)
{
	u->left = min(u->left, n);
}

enum way { TO_UIO, FROM_UIO, ZERO_UIO };

static size_t move_user(enum way way, uptr at, void *mem, size_t n)
{
	switch (way) {
	case TO_UIO:
		return hal_copy_to_user(at, mem, n);
	case FROM_UIO:
		return hal_copy_from_user(mem, at, n);
	case ZERO_UIO:
		return hal_zero_user(at, n);
	}
	return 0;
}

static size_t move_kernel(enum way way, void *at, void *mem, size_t n)
{
	switch (way) {
	case TO_UIO:
		memcpy(at, mem, n);
		break;
	case FROM_UIO:
		memcpy(mem, at, n);
		break;
	case ZERO_UIO:
		memset(at, 0, n);
		break;
	}
	return n;
}

static size_t move(struct uio *u, enum way way, void *mem, size_t n)
{
	size_t done = 0;

	n = min(n, u->left);
	while (done < n) {
		u64 at, step, moved;

		settle(u);
		at = current(u)->base + u->at;
		step = min(n - done, current(u)->len - u->at);
		moved = u->user ? move_user(way, uptr_of(at), (char *)mem + done, step)
				: move_kernel(way, (void *)(uintptr_t)at, (char *)mem + done, step);
		u->at += moved;
		u->left -= moved;
		done += moved;
		if (moved < step)
			break;
	}
	return done;
}

size_t uio_move_to(struct uio *u, const void *from, size_t n)
{
	return move(u, TO_UIO, (void *)from, n);
}

size_t uio_move_from(struct uio *u, void *to, size_t n)
{
	return move(u, FROM_UIO, to, n);
}

size_t uio_zero(struct uio *u, size_t n)
{
	return move(u, ZERO_UIO, NULL, n);
}

co_t uio_fault_in(struct co *co, struct uio_fault_in *f)
{
	CO_BEGIN;
	if (!f->uio->user || !f->uio->left)
		CO_RETURN(0);
	settle(f->uio);
	f->n = min(f->n, current(f->uio)->len - f->uio->at);
	CO_AWAIT(f->err, user_fault_in, .addr = uptr_of(current(f->uio)->base + f->uio->at),
		 .n = max(f->n, 1ul), .write = f->write);
	CO_RETURN(f->err);
	CO_END;
}
