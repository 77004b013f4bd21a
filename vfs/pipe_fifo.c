/* vfs/pipe_fifo.c -- opening a pipe by its name waits for the other end. */
#include <linux/fcntl.h>

#include "vfs/pipe_ring.h"

/* Join the inode's pipe, which is made for the first. *seen: how often the other end was opened
 * so far, but for one that is open. */
static int pipe_fifo_join(struct file *file, u32 *seen)
{
	struct inode *inode = file->inode;
	struct pipe *fresh = pipe_new(file->cred), *p;

	if (!fresh)
		return -ENOMEM;
	spin_lock(&inode->attr_lock);
	if (!inode->pipe) {
		inode->pipe = fresh;
		fresh = NULL;
	}
	p = inode->pipe;
	spin_lock(&p->lock);
	p->files++;
	if (file->mode & FILE_READ) {
		p->readers++;
		p->reader_opens++;
	}
	if (file->mode & FILE_WRITE) {
		atomic_store_relaxed(&p->writers, p->writers + 1);
		p->writer_opens++;
	}
	/* The other end that is open now met this one, even if it is closed the next moment. */
	if (file->mode & FILE_READ)
		*seen = p->writer_opens - (p->writers ? 1 : 0);
	else
		*seen = p->reader_opens - (p->readers ? 1 : 0);
	spin_unlock(&p->lock);
	spin_unlock(&inode->attr_lock);
	file->private = p;
	if (fresh)
		pipe_free(fresh);
	waitq_wake(&p->opened);
	waitq_wake_events(&p->can_read, POLLIN);
	return 0;
}

/* Has the other end been opened since `seen`, or is it open? */
static bool pipe_fifo_met(struct file *file, u32 seen)
{
	struct pipe *p = file->private;
	bool met;

	spin_lock(&p->lock);
	met = file->mode & FILE_READ ? p->writers || p->writer_opens != seen
				     : p->readers || p->reader_opens != seen;
	spin_unlock(&p->lock);
	return met;
}

struct pipe_fifo_open {
	struct file_opened;
	u32 seen;
	long err;
};
static co_t pipe_fifo_open(struct co *co, struct pipe_fifo_open *f)
{
	CO_BEGIN;
	f->file->ops = &pipe_ops;
	f->err = pipe_fifo_join(f->file, &f->seen);
	if (f->err)
		CO_RETURN(f->err);
	if ((f->file->mode & (FILE_READ | FILE_WRITE)) == (FILE_READ | FILE_WRITE) ||
	    ((struct pipe *)f->file->private)->nameless || pipe_fifo_met(f->file, f->seen))
		CO_RETURN(0);
	if (f->file->flags & O_NONBLOCK) {
		f->err = f->file->mode & FILE_READ ? 0 : -ENXIO;
	} else {
		CO_WAIT(f->err, &((struct pipe *)f->file->private)->opened,
			pipe_fifo_met(f->file, f->seen));
	}
	if (f->err) {
		pipe_closed(f->file);
		f->file->private = NULL;
	}
	CO_RETURN(f->err);
	CO_END;
}

const struct file_ops pipe_fifo_ops = {
	.open = CO_IMPLEMENTS(file_opened, pipe_fifo_open),
	.stream = true,
};
