/* fs/procfs/proc_mem.c -- /proc/<pid>/mem: a process's memory as a file.
 *
 * Who may control the process may open it; what is read and written from then on is the memory
 * of the program it ran then, with a debugger's rights.
 */
#include <linux/fs.h>

#include "core/proc/trace.h"
#include "fs/procfs/proc.h"
#include "mem/phys/slab.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"

struct mem_open {
	struct file_opened;
};
static co_t mem_open(struct co *co, struct mem_open *f)
{
	const struct proc_inode *p;
	struct thread *t;
	struct space *s;
	int err;

	CO_BEGIN;
	p = proc_inode_of(f->file->inode);
	/* First the program, then the question: see trace_may. */
	s = process_space(p->who.process);
	t = thread_find_in(p->who.ns, p->who.tid ? p->who.tid
						 : pid_nr(p->who.process->pid, p->who.ns));
	err = t ? trace_may(t, TRACE_ATTACH) : 0;
	if (t)
		task_put(&t->task);
	f->file->private = s;
	if (err && s)
		space_put(s);
	CO_RETURN(err ? -EACCES : 0);
	CO_END;
}

void proc_mem_closed(struct file *file)
{
	if (file->private)
		space_put(file->private);
}

i64 proc_mem_seek(struct file *file, i64 offset, int whence)
{
	i64 to = whence == SEEK_CUR ? file->pos : 0;

	if ((whence != SEEK_SET && whence != SEEK_CUR) || add_overflows(to, offset, &to) || to < 0)
		return -EINVAL;
	return to;
}

/* Both ways, through a page of the kernel's. */
struct mem_transfer {
	struct file_transfer;
	bool write;
	struct space *space;
	char *page;
	u64 done, n, moved;
	long err;
};

/* -EIO: nothing is mapped there. */
static long mem_result(const struct mem_transfer *f)
{
	return f->done ? (i64)f->done : f->err;
}

static co_t mem_transfer(struct co *co, struct mem_transfer *f)
{
	CO_BEGIN;
	f->space = f->file->private;
	/* There is no such program any more. */
	if (!f->space || !atomic_load(&f->space->users.n))
		CO_RETURN(0);
	f->page = kmalloc(PAGE_SIZE);
	if (!f->page)
		CO_RETURN(-ENOMEM);
	while (f->uio->left && !f->err) {
		f->n = min(f->uio->left, PAGE_SIZE);
		if (f->write)
			f->n = uio_copy_from(f->uio, f->page, f->n);
		if (!f->n) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = PAGE_SIZE);
			continue;
		}
		CO_AWAIT(f->err, space_access, .space = f->space, .buf = f->page, .len = f->n,
			 .addr = uptr_of((u64)f->pos + f->done), .write = f->write, .force = true);
		if (f->err < 0) {
			f->err = f->err == -EFAULT ? -EIO : f->err;
			break;
		}
		f->n = (u64)f->err;
		f->err = 0;
		f->moved = f->write ? f->n : 0;
		while (f->moved < f->n && !f->err) {
			f->moved += uio_copy_to(f->uio, f->page + f->moved, f->n - f->moved);
			if (f->moved < f->n)
				CO_AWAIT(f->err, uio_fault_in, .uio = f->uio,
					 .n = f->n - f->moved, .write = true);
		}
		f->done += f->moved;
		CO_BREATHE;
	}
	kfree(f->page);
	CO_RETURN(mem_result(f));
	CO_END;
}

struct mem_write {
	struct mem_transfer;
};
static co_t mem_write(struct co *co, struct mem_write *f)
{
	if (!f->co.at)
		f->write = true;
	return mem_transfer(co, (struct mem_transfer *)f);
}

const struct file_ops proc_mem_ops = {
	.open = CO_IMPLEMENTS(file_opened, mem_open),
	.read = CO_IMPLEMENTS(file_transfer, mem_transfer),
	.write = CO_IMPLEMENTS(file_transfer, mem_write),
	.closed = proc_mem_closed,
	.llseek = proc_mem_seek,
};
