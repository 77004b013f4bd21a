/* fs/procfs/file.c -- reading and writing files of /proc.
 *
 * The text is made when a file is read from its start, and kept for the reads that follow, so
 * that they fit together.
 */
#include <linux/fcntl.h>

#include "core/cred/cred.h"
#include "fs/procfs/proc.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"

struct proc_file {
	struct co_mutex lock;	/* CO_RANK_INODE */
	struct text text;	/* under lock */
	bool made;
	struct space *space;	/* [I] owned: who may look was asked about this program's; another
				 * that the process runs since then shows nothing. NULL: any */
};

static void proc_file_free(struct proc_file *pf)
{
	text_free(&pf->text);
	if (pf->space)
		space_put(pf->space);
	kfree(pf);
}

/* May the current task open it? */
static int may_open(const struct proc_inode *p, const struct file *file)
{
	int err = 0;

	if (p->entry->needs & PROC_INSPECT)
		err = process_may_inspect(p->who.process);
	if (!err && (p->entry->needs & PROC_ADMIN) && !cred_capable(file->cred, CAP_SYS_ADMIN))
		err = -EACCES;
	return err == -EPERM ? -EACCES : err;
}

struct proc_open {
	struct file_opened;
};
static co_t proc_open(struct co *co, struct proc_open *f)
{
	struct proc_inode *p;
	struct proc_file *pf;
	int err;

	CO_BEGIN;
	p = proc_inode_of(f->file->inode);
	pf = kzalloc(sizeof(*pf));
	if (!pf)
		CO_RETURN(-ENOMEM);
	mutex_init(&pf->lock, CO_RANK_INODE);
	/* First the program, then the question whether one may look at it. */
	if (p->entry->needs & PROC_INSPECT)
		pf->space = process_space(p->who.process);
	err = may_open(p, f->file);
	if (err)
		proc_file_free(pf);
	else
		f->file->private = pf;
	CO_RETURN(err);
	CO_END;
}

static void proc_closed(struct file *file)
{
	proc_file_free(file->private);
}

/* Has the process another program than the one that the opener was allowed to look at? */
static bool was_replaced(const struct proc_inode *p, const struct space *opened)
{
	struct space *now = opened ? process_space(p->who.process) : NULL;

	if (now)
		space_put(now);
	return now != opened;
}

/* Make the text anew. */
struct proc_make {
	struct co_frame co;
	const struct proc_inode *p;
	const struct space *opened;
	struct text *text;
	long err;
};
static co_t proc_make(struct co *co, struct proc_make *f)
{
	CO_BEGIN;
	f->text->len = 0;
	f->text->failed = false;
	if (!proc_inode_holds(f->p))
		CO_RETURN(-ESRCH);
	if (was_replaced(f->p, f->opened))
		CO_RETURN(0);
	if (f->p->entry->generate) {
		CO_AWAIT_OP(f->err, *f->p->entry->generate, .who = &f->p->who, .text = f->text);
	} else if (f->p->entry->show) {
		f->err = f->p->entry->show(&f->p->who, f->text);
	} else {
		f->err = -EIO;
	}
	if (!f->err && f->text->failed)
		f->err = -ENOMEM;
	CO_RETURN(f->err);
	CO_END;
}

struct proc_read {
	struct file_transfer;
	struct proc_file *pf;
	u64 done, n;
	long err;
};
co_t proc_read(struct co *co, struct proc_read *f);
co_t proc_read(struct co *co, struct proc_read *f)
{
	CO_BEGIN;
	f->pf = f->file->private;
	CO_LOCK(&f->pf->lock);
	if (!f->pf->made || !f->pos) {
		CO_AWAIT(f->err, proc_make, .p = proc_inode_of(f->file->inode),
			 .opened = f->pf->space, .text = &f->pf->text);
		f->pf->made = !f->err;
	}
	while (!f->err && f->uio->left && (u64)f->pos + f->done < f->pf->text.len) {
		f->n = min(f->uio->left, PAGE_SIZE);
		f->n = min(f->n, f->pf->text.len - (u64)f->pos - f->done);
		f->n = uio_copy_to(f->uio, f->pf->text.data + f->pos + f->done, f->n);
		f->done += f->n;
		if (!f->n)
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = PAGE_SIZE,
				 .write = true);
		else
			CO_BREATHE;
	}
	mutex_unlock(&f->pf->lock);
	CO_RETURN(f->done ? (i64)f->done : f->err);
	CO_END;
}

struct proc_write {
	struct file_transfer;
	char *text;
	size_t n, at;
	long err;
};
static co_t proc_write(struct co *co, struct proc_write *f)
{
	struct proc_inode *p;

	CO_BEGIN;
	p = proc_inode_of(f->file->inode);
	if (!p->entry->store)
		CO_RETURN(-EIO);
	f->n = f->uio->left;
	if (f->n >= PAGE_SIZE)
		CO_RETURN(-EINVAL);
	f->text = kmalloc(f->n + 1);
	if (!f->text)
		CO_RETURN(-ENOMEM);
	while (f->at < f->n) {
		f->at += uio_copy_from(f->uio, f->text + f->at, f->n - f->at);
		if (f->at == f->n)
			break;
		CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->n - f->at);
		if (f->err)
			goto out;
	}
	f->text[f->n] = 0;
	p = proc_inode_of(f->file->inode);
	f->err = proc_inode_holds(p) ? p->entry->store(&p->who, f->text, f->n) : -ESRCH;
out:
	kfree(f->text);
	CO_RETURN(f->err ? f->err : (i64)f->n);
	CO_END;
}

const struct file_ops proc_file_ops = {
	.open = CO_IMPLEMENTS(file_opened, proc_open),
	.read = CO_IMPLEMENTS(file_transfer, proc_read),
	.write = CO_IMPLEMENTS(file_transfer, proc_write),
	.closed = proc_closed,
};
