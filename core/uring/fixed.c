/* core/uring/fixed.c -- registered buffers: a program's pages, pinned once, reached through the
 * kernel's own map by requests that name them. */
#include "core/uring/uring.h"

#include <linux/capability.h>

#include "core/cred/cred.h"
#include "core/cred/user_counts.h"
#include "core/proc/process.h"
#include "mem/phys/slab.h"
#include "mem/space/pin.h"
#include "mem/space/uio.h"

#define FIXED_LEN_MOST (1ul << 30)

struct fixed {
	refcount refs;			/* [a] */
	struct uring *ring;		/* borrowed: it outlives its requests */
	u64 addr, len;			/* [I] the program's */
	u64 tag;			/* [I] posted when the last user is gone; 0: none */
	u64 locked;			/* [I] bytes counted as the user's */
	struct user_counts *user;	/* [I] owned */
	u32 count;			/* pages; each a vector with a reference */
	struct uio_vec pages[];
};

static void fixed_release(struct fixed *x)
{
	for (u32 i = 0; i < x->count; i++)
		phys_page_put(phys_page_of((void *)x->pages[i].base));
	atomic_sub(&x->user->locked, x->locked);
	user_counts_put(x->user);
	kfree(x);
}

void fixed_put(struct fixed *x)
{
	if (!x || !ref_put(&x->refs))
		return;
	if (x->tag)
		complete_post(x->ring, x->tag, 0, 0, NULL);
	fixed_release(x);
}

/* Room for its pages, and the right to hold them. */
static struct fixed *fixed_new(const struct fixed_make *f, long *err)
{
	struct process *p = thread_current()->process;
	u64 first = f->addr >> PAGE_SHIFT, last = (f->addr + f->len - 1) >> PAGE_SHIFT;
	u64 pages = last - first + 1, bytes = pages << PAGE_SHIFT;
	struct fixed *x = kzalloc(sizeof(*x) + pages * sizeof(x->pages[0]));

	*err = -ENOMEM;
	if (!x)
		return NULL;
	if (atomic_add(&p->user->locked, bytes) + bytes > rlimit_get(p, RLIMIT_MEMLOCK) &&
	    !cred_capable(task_current()->cred, CAP_IPC_LOCK)) {
		atomic_sub(&p->user->locked, bytes);
		kfree(x);
		return NULL;
	}
	*err = 0;
	ref_init(&x->refs);
	x->ring = f->ring;
	x->addr = f->addr;
	x->len = f->len;
	x->tag = f->tag;
	x->locked = bytes;
	x->user = p->user;
	user_counts_get(x->user);
	return x;
}

static long fixed_check(const struct fixed_make *f)
{
	u64 end;

	if (!f->addr)
		return f->len || f->tag ? (f->len ? -EFAULT : -EINVAL) : 0;
	if (!f->len || f->len > FIXED_LEN_MOST)
		return -EFAULT;
	return add_overflows(f->addr, f->len, &end) ? -EOVERFLOW : 0;
}

co_t fixed_make(struct co *co, struct fixed_make *f)
{
	CO_BEGIN;
	*f->made = NULL;
	f->err = fixed_check(f);
	if (f->err || !f->addr)
		CO_RETURN(f->err);
	f->fixed = fixed_new(f, &f->err);
	if (!f->fixed)
		CO_RETURN(f->err);
	for (f->at = 0; (f->addr & PAGE_MASK) + ((u64)f->at << PAGE_SHIFT) < f->addr + f->len;
	     f->at++) {
		CO_AWAIT(f->err, space_pin, .space = co_task(co)->space,
			 .addr = uptr_of((f->addr & PAGE_MASK) + ((u64)f->at << PAGE_SHIFT)),
			 .access = HAL_READ | HAL_WRITE, .page = &f->page);
		if (f->err) {
			fixed_release(f->fixed);
			CO_RETURN(f->err);
		}
		f->fixed->pages[f->at] = (struct uio_vec){(u64)phys_page_data(f->page), PAGE_SIZE};
		f->fixed->count++;
		CO_BREATHE;
	}
	*f->made = f->fixed;
	CO_RETURN(0);
	CO_END;
}

/* --- the ring's --- */

long fixed_register(struct uring *u, struct fixed **all, u32 n)
{
	if (u->fixed)
		return -EBUSY;
	spin_lock(&u->lock);
	u->fixed = all;
	u->fixed_count = n;
	spin_unlock(&u->lock);
	return 0;
}

long fixed_unregister(struct uring *u)
{
	struct fixed **all = u->fixed;
	u32 n = u->fixed_count;

	if (!all)
		return -ENXIO;
	spin_lock(&u->lock);
	u->fixed = NULL;
	u->fixed_count = 0;
	spin_unlock(&u->lock);
	for (u32 i = 0; i < n; i++)
		fixed_put(all[i]);
	kfree(all);
	return 0;
}

long fixed_update(struct uring *u, u32 offset, struct fixed **all, u32 n)
{
	u32 end;
	long err = !u->fixed ? -ENXIO : add_overflows(offset, n, &end) ? -EOVERFLOW
				      : end > u->fixed_count	       ? -EINVAL
								       : 0;

	for (u32 i = 0; i < n; i++) {
		struct fixed *old = all[i];

		if (!err) {
			spin_lock(&u->lock);
			old = u->fixed[offset + i];
			u->fixed[offset + i] = all[i];
			spin_unlock(&u->lock);
		} else if (old) {
			old->tag = 0;
		}
		fixed_put(old);
	}
	return err ? err : n;
}

void fixed_free(struct uring *u)
{
	for (u32 i = 0; i < u->fixed_count; i++)
		if (u->fixed[i])
			fixed_release(u->fixed[i]);
	kfree(u->fixed);
}

/* --- requests --- */

static struct fixed *fixed_get(struct uring *u, u32 index)
{
	struct fixed *x = NULL;

	spin_lock(&u->lock);
	if (index < u->fixed_count && u->fixed[index]) {
		x = u->fixed[index];
		ref_get(&x->refs);
	}
	spin_unlock(&u->lock);
	return x;
}

long uring_fixed_uio(struct uring_request *r, bool fill, struct uio *to)
{
	u64 addr = r->sqe.addr, len = r->sqe.len, end, at;
	struct fixed *x = r->fixed;

	if (!x)
		x = r->fixed = fixed_get(r->ring, r->sqe.buf_index);
	if (!x || add_overflows(addr, len, &end) || addr < x->addr || end > x->addr + x->len)
		return -EFAULT;
	at = addr - (x->addr & PAGE_MASK);
	*to = (struct uio){
		.vecs = &x->pages[at >> PAGE_SHIFT],
		.count = x->count - (u32)(at >> PAGE_SHIFT),
		.at = at & ~PAGE_MASK,
		.left = min(len, UIO_MAX),
	};
	/* The instruction cache no longer fits what is stored there. */
	for (u64 i = at >> PAGE_SHIFT; fill && i < x->count && i << PAGE_SHIFT < at + len; i++)
		atomic_and(&phys_page_of((void *)x->pages[i].base)->flags, ~(u32)PAGE_SYNCED);
	return 0;
}
