/* core/uring/keep.c -- what submissions name, kept for requests that begin later. */
#include "core/uring/uring.h"

#include <linux/limits.h>

#include "core/base/string.h"
#include "hal/memory.h"
#include "hal/uaccess.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"

/* The copies of a request lie one after the other at addresses that are no user's. */
struct kept {
	struct kept *next;	/* older, and below it */
	u64 at;
	size_t n;
	char bytes[];
};

static struct kept *keep_new(struct uring_request *r, size_t n)
{
	struct kept *k = kmalloc(sizeof(*k) + n);

	if (!k)
		return NULL;
	k->next = r->kept;
	k->at = r->kept ? round_up(r->kept->at + r->kept->n, 16) : USER_KEPT;
	k->n = n;
	return k;
}

static int keep_bytes(struct uring_request *r, u64 *at, u64 n)
{
	struct kept *k = keep_new(r, n);

	if (!k)
		return -ENOMEM;
	if (!uring_copy_in(r, k->bytes, *at, n)) {
		kfree(k);
		return -EFAULT;
	}
	r->kept = k;
	*at = k->at;
	return 0;
}

/* With its NUL, if that is not too far away for any name. */
static int keep_string(struct uring_request *r, u64 *at)
{
	char *text = kmalloc(PATH_MAX);
	struct kept *k = NULL;
	i64 len;
	int err = -ENOMEM;

	if (!text)
		return -ENOMEM;
	len = hal_string_from_user(text, uptr_of(*at), PATH_MAX);
	if (len < 0) {
		r->missing = *at + (u64)(-1 - len);
		r->missing_len = 1;
		err = -EFAULT;
	} else {
		k = keep_new(r, min((size_t)len + 1, PATH_MAX));
	}
	if (k) {
		memcpy(k->bytes, text, k->n);
		r->kept = k;
		*at = k->at;
		err = 0;
	}
	kfree(text);
	return err;
}

/* Can it be read without waiting? A string in the page where it begins, and the next if it may go
 * on there. */
static bool keep_is_there(u64 at, u64 n)
{
	u64 last = at + (n == URING_STRING ? PATH_MAX : n) - 1;
	u8 byte;

	return last - at < PAGE_SIZE && hal_copy_from_user(&byte, uptr_of(at), 1) == 1 &&
	       hal_copy_from_user(&byte, uptr_of(last), 1) == 1;
}

int uring_keep(struct uring_request *r, u64 *at, u64 n)
{
	if (!*at || !n)
		return 0;
	if (!r->keeps && request_may_begin() && keep_is_there(*at, n))
		return 0;
	return n == URING_STRING ? keep_string(r, at) : keep_bytes(r, at, n);
}

static struct kept *keep_find(struct uring_request *r, u64 at)
{
	struct kept *k = r->kept;

	while (k && at < k->at)
		k = k->next;
	return k && at - k->at < k->n ? k : NULL;
}

void *uring_kept(struct uring_request *r, u64 at, size_t n)
{
	struct kept *k = keep_find(r, at);

	return k && n <= k->n - (at - k->at) ? k->bytes + (at - k->at) : NULL;
}

const void *keep_of_current(uptr at, size_t *n)
{
	struct uring_request *r = uring_current();
	struct kept *k = r ? keep_find(r, at.raw) : NULL;

	if (!k)
		return NULL;
	*n = k->n - (at.raw - k->at);
	return k->bytes + (at.raw - k->at);
}

void uring_unkeep(struct uring_request *r)
{
	while (r->kept) {
		struct kept *k = r->kept;

		r->kept = k->next;
		kfree(k);
	}
}
