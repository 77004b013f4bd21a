/* vfs/pipe_size.c -- how much a pipe holds. */
#include "core/base/bits.h"
#include "mem/phys/slab.h"
#include "vfs/pipe_limit.h"
#include "vfs/pipe_ring.h"

long pipe_size(struct file *file)
{
	struct pipe *p = file->private;
	long size;

	if (file->ops != &pipe_ops)
		return -EBADF;
	spin_lock(&p->lock);
	size = (long)pipe_capacity(p);
	spin_unlock(&p->lock);
	return size;
}

/* However privileged one is: the ring alone takes 8 bytes a page. */
#define PIPE_MOST (256ul << 20)

long pipe_size_set(struct file *file, u64 size, const struct cred *cred)
{
	struct pipe *p = file->private;
	struct page **ring, **old;
	u64 pages, at;
	long err = 0;

	if (file->ops != &pipe_ops)
		return -EBADF;
	if (size > 1ul << 31)
		return -EINVAL;
	if (size > PIPE_MOST)
		return -ENOMEM;
	pages = max(PAGE_UP(size) >> PAGE_SHIFT, 1ul);
	if (!bits_is_power(pages))
		pages = 2ul << bits_log2(pages);
	ring = kcalloc(pages, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	spin_lock(&p->lock);
	old = p->ring;
	err = pipe_limit_change(p->user, cred, p->pages, pages);
	/* Busy too if the oldest and the newest bytes share a page. */
	if (!err &&
	    PAGE_UP(p->tail) - PAGE_DOWN(p->head) > min(pages, (u64)p->pages) << PAGE_SHIFT) {
		atomic_sub(&p->user->pipe_pages, pages - p->pages);
		err = -EBUSY;
	}
	if (err) {
		old = ring;
	} else {
		/* Slots move by their position; spare pages of empty slots are dropped. */
		for (at = PAGE_DOWN(p->head); at < p->tail; at += PAGE_SIZE) {
			ring[(at >> PAGE_SHIFT) & (pages - 1)] = *pipe_slot(p, at);
			*pipe_slot(p, at) = NULL;
		}
		for (u32 i = 0; i < p->pages; i++)
			if (old[i])
				phys_page_put(old[i]);
		p->ring = ring;
		p->pages = (u32)pages;
	}
	spin_unlock(&p->lock);
	kfree(old);
	if (err)
		return err;
	waitq_wake_events(&p->can_write, POLLOUT | POLLWRNORM);
	return (long)(pages << PAGE_SHIFT);
}
