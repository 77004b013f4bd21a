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
#include "vfs/reaper.h"

#define FIXED_LEN_MOST (1ul << 30)
#define FIXED_PIECE    32u	/* pages, or buffers, let go of at once */

struct fixed {
	refcount refs;			/* [a] */
	struct uring *ring;		/* borrowed: it outlives its requests */
	u64 addr, len;			/* [I] the program's */
	u64 tag;			/* [a] posted when the last user is gone; 0: none */
	u64 locked;			/* [I] bytes counted as the user's */
	struct user_counts *user;	/* [I] owned */
	u32 count;			/* pages; each a vector with a reference */
	struct reaper_rest rest;
	struct uio_vec pages[];
};

static bool fixed_release_more(struct reaper_rest *rest)
{
	struct fixed *x = container_of(rest, struct fixed, rest);

	for (u32 n = 0; n < FIXED_PIECE && x->count; n++)
		phys_page_put(phys_page_of((void *)x->pages[--x->count].base));
	if (x->count)
		return true;
	user_counts_put(x->user);
	kfree(x);
	return false;
}

static void fixed_release(struct fixed *x)
{
	atomic_sub(&x->user->locked, x->locked);
	x->rest.more = fixed_release_more;
	reaper_add_rest(&x->rest);
}

void fixed_put(struct fixed *x)
{
	if (!x || !ref_put(&x->refs))
		return;
	if (atomic_load_relaxed(&x->tag))
		complete_post(x->ring, x->tag, 0, 0, NULL);
	fixed_release(x);
}

/* Tags are for what is replaced. */
void fixed_drop(struct fixed *x)
{
	if (x)
		atomic_store_relaxed(&x->tag, 0ul);
	fixed_put(x);
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
	u32 n = u->fixed_count, from = n > FIXED_PIECE ? n - FIXED_PIECE : 0;

	if (!all)
		return -ENXIO;
	spin_lock(&u->lock);
	u->fixed_count = from;
	if (!from)
		u->fixed = NULL;
	spin_unlock(&u->lock);
	for (u32 i = from; i < n; i++)
		fixed_drop(all[i]);
	if (from)
		return URING_AGAIN;
	kfree(all);
	return 0;
}

/* Put x there: what is to be let go of instead. */
static struct fixed *fixed_exchange(struct uring *u, u32 at, struct fixed *x)
{
	struct fixed *old;

	spin_lock(&u->lock);
	old = u->fixed[at];
	u->fixed[at] = x;
	spin_unlock(&u->lock);
	return old;
}

co_t fixed_update(struct co *co, struct fixed_update *f)
{
	struct uring *u = f->ring;
	u32 end;

	CO_BEGIN;
	f->err = !u->fixed ? -ENXIO : add_overflows(f->offset, f->n, &end) ? -EOVERFLOW
				    : end > u->fixed_count		   ? -EINVAL
									   : 0;
	for (; f->at < f->n; f->at++) {
		if (!f->err)
			f->all[f->at] = fixed_exchange(u, f->offset + f->at, f->all[f->at]);
		if (f->err)
			fixed_drop(f->all[f->at]);
		else
			fixed_put(f->all[f->at]);
		CO_BREATHE;
	}
	CO_RETURN(f->err ? f->err : f->n);
	CO_END;
}

bool fixed_free_more(struct uring *u)
{
	for (u32 n = 0; n < FIXED_PIECE && u->fixed_count; n++)
		if (u->fixed[--u->fixed_count])
			fixed_release(u->fixed[u->fixed_count]);
	if (u->fixed_count)
		return true;
	kfree(u->fixed);
	u->fixed = NULL;
	return false;
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
