/* mem/space/pin.c -- one page of a space, by the direct map. */
#include "mem/space/pin.h"

#include "core/base/bits.h"
#include "core/base/string.h"
#include "mem/space/fault.h"
#include "mem/space/pt.h"
#include "mem/space/uaccess.h"
#include "mem/space/vma.h"

#define TRIES 64
#define NEXT_BUDGET 4096	/* steps through empty tables under one hold of pt_lock */

/* 0 and *page, -EFAULT for one that nobody gets, -EAGAIN: it is to be brought in. */
static int pin_mapped(struct space *s, uptr addr, unsigned access, struct page **page)
{
	u64 va = addr.raw & ~(0xfful << 56), *slot;
	int err = -EAGAIN;

	*page = NULL;
	if (va >= HAL_USER_END)
		return err;
	spin_lock(&s->pt_lock);
	slot = pt_slot(s, va);
	if (slot && pt_allows(*slot, access)) {
		struct page *p = pt_page(*slot);

		err = atomic_load_relaxed(&p->flags) & PAGE_SECRET ? -EFAULT : 0;
		if (!err) {
			phys_page_get(p);
			*page = p;
		}
	}
	spin_unlock(&s->pt_lock);
	return err;
}

struct page *space_try_pin(struct space *s, uptr addr, unsigned access)
{
	struct page *p;

	(void)pin_mapped(s, addr, access, &p);
	return p;
}

co_t space_pin(struct co *co, struct space_pin *f)
{
	CO_BEGIN;
	for (f->tries = 0; f->tries < TRIES; f->tries++) {
		f->err = pin_mapped(f->space, f->addr, f->access, f->page);
		if (f->err != -EAGAIN)
			CO_RETURN(f->err);
		CO_AWAIT(f->err, fault_handle, .space = f->space, .addr = f->addr,
			 .access = f->access);
		f->err = uaccess_errno(f->err);
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	CO_RETURN(-EFAULT);
	CO_END;
}

struct page *space_next_private(struct space *s, u64 *at, u64 end)
{
	struct page *p = NULL;
	int budget = NEXT_BUDGET;
	unsigned n;
	u64 *slot;

	spin_lock(&s->pt_lock);
	slot = pt_run(s, at, end, &n, &budget);
	for (; slot && n; n--, slot++, *at += PAGE_SIZE) {
		p = *slot ? pt_page(*slot) : NULL;
		if (p && p != pt_zero_page)
			break;
		p = NULL;
	}
	if (p)
		phys_page_get(p);
	spin_unlock(&s->pt_lock);
	return p;
}

/* --- futex keys --- */

static int key_of(struct space *s, u64 va, struct futex_key *key)
{
	struct vma *v = vma_at(s, va);

	/* Memory that cannot be written and is nobody else's will never change. */
	if (!v || !(v->flags & VMA_READ) ||
	    (!(v->flags & (VMA_SHARED | VMA_WRITE)) && !v->pager) ||
	    (v->pager && v->pager->secret))
		return -EFAULT;
	if (v->flags & VMA_SHARED && v->pager)
		*key = (struct futex_key){(u64)(uintptr_t)v->pager,
					  vma_index(v, va) << PAGE_SHIFT | (va & ~PAGE_MASK)};
	else
		*key = (struct futex_key){(u64)(uintptr_t)s, va};
	return 0;
}

/* Without a look at the mapping? Then 0 or -EFAULT in *err. */
static bool key_is_private(struct space *s, uptr addr, bool shared, struct futex_key *key,
			   int *err)
{
	*err = addr.raw >= HAL_USER_END ? -EFAULT : 0;
	if (!*err && !shared)
		*key = (struct futex_key){(u64)(uintptr_t)s, addr.raw};
	return *err || !shared;
}

int space_try_futex_key(struct space *s, uptr addr, bool shared, struct futex_key *key)
{
	int err;

	if (key_is_private(s, addr, shared, key, &err))
		return err;
	if (co_goes_long_way() || !rwlock_try_read(&s->lock))
		return -EAGAIN;
	err = key_of(s, addr.raw, key);
	rwlock_unlock_read(&s->lock);
	return err;
}

co_t space_futex_key(struct co *co, struct space_futex_key *f)
{
	int err;

	CO_BEGIN;
	if (key_is_private(f->space, f->addr, f->shared, f->key, &err))
		CO_RETURN(err);
	CO_READ_LOCK(&f->space->lock);
	err = key_of(f->space, f->addr.raw, f->key);
	rwlock_unlock_read(&f->space->lock);
	CO_RETURN(err);
	CO_END;
}

/* --- another process's memory --- */

/* Within the pinned page; bytes. */
static size_t move(struct space_access *f)
{
	u64 at = f->addr.raw + f->done, offset = at & ~PAGE_MASK;
	char *data = (char *)phys_page_data(f->page) + offset, *buf = (char *)f->buf + f->done;
	size_t n = min(f->len - f->done, PAGE_SIZE - offset);

	if (f->write) {
		memcpy(data, buf, n);
		hal_icache_sync(data, n);
	} else {
		memcpy(buf, data, n);
	}
	return n;
}

co_t space_access(struct co *co, struct space_access *f)
{
	CO_BEGIN;
	while (f->done < f->len) {
		CO_AWAIT(f->err, space_pin, .space = f->space, .addr = uptr_add(f->addr, f->done),
			 .access = (f->write ? HAL_WRITE : HAL_READ) |
				   (f->force ? FAULT_FORCE : 0) | (f->alone ? FAULT_ALONE : 0),
			 .page = &f->page);
		if (f->err)
			CO_RETURN(f->done ? (i64)f->done : f->err);
		f->done += move(f);
		phys_page_put(f->page);
		CO_BREATHE;
	}
	CO_RETURN((i64)f->done);
	CO_END;
}
