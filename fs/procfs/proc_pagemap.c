/* fs/procfs/proc_pagemap.c -- /proc/<pid>/pagemap: a word for each page of an address space.
 *
 * Who may look into the process may open it; frame numbers are only for an opener who may
 * administer the system.
 */
#include "core/cred/cred.h"
#include "fs/procfs/proc.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"

struct pagemap_open {
	struct file_opened;
};
static co_t pagemap_open(struct co *co, struct pagemap_open *f)
{
	const struct proc_inode *p;
	struct space *s;
	int err;

	CO_BEGIN;
	p = proc_inode_of(f->file->inode);
	/* First the program, then the question. */
	s = process_space(p->who.process);
	err = process_may_inspect(p->who.process);
	f->file->private = s;
	if (err && s)
		space_put(s);
	CO_RETURN(err ? -EACCES : 0);
	CO_END;
}

#define WORDS_AT_ONCE (PAGE_SIZE / sizeof(u64))

struct pagemap_read {
	struct file_transfer;
	struct space *space;
	char *words;
	u64 first, done, n, moved;	/* first: page number; the others in bytes */
	long err;
};
static co_t pagemap_read(struct co *co, struct pagemap_read *f)
{
	CO_BEGIN;
	f->space = f->file->private;
	if (!f->space || !atomic_load(&f->space->users.n))
		CO_RETURN(0);
	if (((u64)f->pos | f->uio->left) % sizeof(u64))
		CO_RETURN(-EINVAL);
	f->words = kmalloc(PAGE_SIZE);
	if (!f->words)
		CO_RETURN(-ENOMEM);
	while (f->uio->left && !f->err) {
		f->first = ((u64)f->pos + f->done) / sizeof(u64);
		if (f->first >= HAL_USER_END >> PAGE_SHIFT)
			break;
		f->n = min(f->uio->left / sizeof(u64), WORDS_AT_ONCE);
		f->n = min(f->n, (HAL_USER_END >> PAGE_SHIFT) - f->first);
		CO_AWAIT(f->err, space_pages, .space = f->space, .addr = f->first << PAGE_SHIFT,
			 .pages = (unsigned)f->n, .to = (u64 *)f->words,
			 .frames = cred_capable(f->file->cred, CAP_SYS_ADMIN));
		f->n *= sizeof(u64);
		f->moved = 0;
		while (f->moved < f->n && !f->err) {
			f->moved += uio_copy_to(f->uio, f->words + f->moved, f->n - f->moved);
			if (f->moved < f->n)
				CO_AWAIT(f->err, uio_fault_in, .uio = f->uio,
					 .n = f->n - f->moved, .write = true);
		}
		f->done += f->moved;
		CO_BREATHE;
	}
	kfree(f->words);
	CO_RETURN(f->err ? f->err : (i64)f->done);
	CO_END;
}

const struct file_ops proc_pagemap_ops = {
	.open = CO_IMPLEMENTS(file_opened, pagemap_open),
	.read = CO_IMPLEMENTS(file_transfer, pagemap_read),
	.closed = proc_mem_closed,
	.llseek = proc_mem_seek,
};
