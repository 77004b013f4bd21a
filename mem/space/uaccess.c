/* mem/space/uaccess.c -- user copies that bring in what is missing. */
#include "mem/space/uaccess.h"

#include "core/base/bits.h"
#include "core/base/string.h"
#include "mem/space/fault.h"

/* A copy that faults although the page is there, again and again, faults for a reason no
 * page fault can mend. */
#define STUCK 64

const void *(*user_kept)(uptr at, size_t *n);

static const void *uaccess_find(uptr at, size_t *n)
{
	return at.raw >= USER_KEPT && user_kept ? user_kept(at, n) : NULL;
}

bool uaccess_kept(void *to, uptr from, size_t n)
{
	size_t there;
	const void *kept = uaccess_find(from, &there);

	if (!kept || there < n)
		return false;
	memcpy(to, kept, n);
	return true;
}

/* The same for a string, as hal_string_from_user; -1: there is none. */
static i64 uaccess_kept_string(char *to, uptr from, size_t size)
{
	size_t there;
	const char *kept = uaccess_find(from, &there);
	size_t len;

	if (!kept)
		return -1;
	there = min(there, size);
	len = strnlen(kept, there);
	if (len == there && there < size)
		return -1;
	memcpy(to, kept, min(len + 1, there));
	return (i64)len;
}

long uaccess_errno(long fault_result)
{
	switch (fault_result) {
	case FAULT_DONE:
		return 0;
	case FAULT_OOM:
		return -ENOMEM;
	case FAULT_KILLED:
		return -EINTR;
	}
	return -EFAULT;
}

/* Note progress of n bytes: true if it has been stuck for too long. */
static bool stuck(unsigned *count, size_t n)
{
	*count = n ? 0 : *count + 1;
	return *count > STUCK;
}

/* A tag in the top byte is for loads and stores of the program's own, not for pointers it
 * gives to us: the copies refuse it, so faulting the page in would never help them. */
#define FAULT_IN(err, where, how)                                                           \
	do {                                                                                \
		struct space *space_ = space_current(co);                                   \
		(err) = FAULT_MAPERR;                                                       \
		if (space_ && (where).raw < HAL_USER_END)                                   \
			(err) = co_goes_long_way() ? FAULT_WAIT :                           \
				(long)fault_try(space_, (where), (how));                    \
		if ((err) == FAULT_WAIT)                                                    \
			CO_AWAIT(err, fault_handle, .space = space_current(co),             \
				 .addr = (where), .access = (how));                         \
		(err) = uaccess_errno(err);                                                 \
	} while (0)

co_t copy_from_user(struct co *co, struct copy_from_user *f)
{
	size_t n, want;

	CO_BEGIN;
	if (uaccess_kept(f->to, f->from, f->n))
		CO_RETURN(0);
	while (f->n) {
		want = min(f->n, UACCESS_AT_ONCE);
		n = hal_copy_from_user(f->to, f->from, want);
		f->to = (char *)f->to + n;
		f->from = uptr_add(f->from, n);
		f->n -= n;
		if (n < want) {
			if (stuck(&f->stuck, n))
				CO_RETURN(-EFAULT);
			FAULT_IN(f->err, f->from, HAL_READ);
			if (f->err)
				CO_RETURN(f->err == -EINTR ? -EINTR : -EFAULT);
		}
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

co_t copy_to_user(struct co *co, struct copy_to_user *f)
{
	size_t n, want;

	CO_BEGIN;
	while (f->n) {
		want = min(f->n, UACCESS_AT_ONCE);
		n = hal_copy_to_user(f->to, f->from, want);
		f->from = (const char *)f->from + n;
		f->to = uptr_add(f->to, n);
		f->n -= n;
		if (n < want) {
			if (stuck(&f->stuck, n))
				CO_RETURN(-EFAULT);
			FAULT_IN(f->err, f->to, HAL_WRITE);
			if (f->err)
				CO_RETURN(f->err == -EINTR ? -EINTR : -EFAULT);
		}
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

co_t clear_user(struct co *co, struct clear_user *f)
{
	size_t n, want;

	CO_BEGIN;
	while (f->n) {
		want = min(f->n, UACCESS_AT_ONCE);
		n = hal_zero_user(f->to, want);
		f->to = uptr_add(f->to, n);
		f->n -= n;
		if (n < want) {
			if (stuck(&f->stuck, n))
				CO_RETURN(-EFAULT);
			FAULT_IN(f->err, f->to, HAL_WRITE);
			if (f->err)
				CO_RETURN(f->err == -EINTR ? -EINTR : -EFAULT);
		}
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

co_t string_from_user(struct co *co, struct string_from_user *f)
{
	i64 n;

	CO_BEGIN;
	n = uaccess_kept_string(f->to, f->from, f->size);
	if (n >= 0)
		CO_RETURN(n);
	for (;;) {
		n = hal_string_from_user(f->to + f->done, uptr_add(f->from, f->done),
					 f->size - f->done);
		if (n >= 0)
			CO_RETURN((i64)f->done + n);
		f->done += (size_t)(-1 - n);
		if (stuck(&f->stuck, (size_t)(-1 - n)))
			CO_RETURN(-EFAULT);
		FAULT_IN(f->err, uptr_add(f->from, f->done), HAL_READ);
		if (f->err)
			CO_RETURN(f->err == -EINTR ? -EINTR : -EFAULT);
		CO_BREATHE;
	}
	CO_END;
}

co_t user_fault_in(struct co *co, struct user_fault_in *f)
{
	CO_BEGIN;
	for (f->at = 0; f->at < f->n; f->at = PAGE_DOWN(f->addr.raw + f->at) + PAGE_SIZE - f->addr.raw) {
		FAULT_IN(f->err, uptr_add(f->addr, f->at), f->write ? HAL_WRITE : HAL_READ);
		if (f->err)
			CO_RETURN(f->err == -EINTR ? -EINTR : f->at ? 0 : -EFAULT);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}
