/* vfs/pipe.c -- a ring of pages.
 *
 * Copies go between the ring and user memory under pipe.lock, with the copy that never waits:
 * at most a page at a time, so the lock is held for one page copy. A fault drops the lock,
 * faults the page in and starts again, so nobody can hold others up by a slow page.
 *
 * Bytes: head and tail count up for ever; tail - head are in the ring. Pages are allocated when
 * the first byte of theirs is written and freed when the pipe is empty but one.
 *
 * Wakes: readers wait for bytes or the last writer's end; writers for room. Whoever changes
 * that looks for waiters only if the change can matter to them.
 */
#include "vfs/pipe_ring.h"

#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <asm/ioctls.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "vfs/pipe_limit.h"

#define PIPE_AT_ONCE (16 * PAGE_SIZE)	/* bytes copied in one hold of the lock */

struct pipe *pipe_new(const struct cred *cred)
{
	struct user_counts *user = user_counts_find(cred->uid);
	u32 pages = user ? pipe_limit_new(user, cred) : 0;
	struct pipe *p = pages ? kzalloc(sizeof(*p)) : NULL;

	if (p)
		p->ring = kcalloc(pages, sizeof(*p->ring));
	if (!p || !p->ring) {
		kfree(p);
		if (user)
			atomic_sub(&user->pipe_pages, (u64)pages);
		user_counts_put(user);
		return NULL;
	}
	p->user = user;
	p->pages = pages;
	spin_init(&p->lock, RANK_PIPE);
	waitq_init(&p->can_read);
	waitq_init(&p->can_write);
	waitq_init(&p->opened);
	return p;
}

void pipe_free(struct pipe *p)
{
	for (u32 i = 0; i < p->pages; i++)
		if (p->ring[i])
			phys_page_put(p->ring[i]);
	atomic_sub(&p->user->pipe_pages, (u64)p->pages);
	user_counts_put(p->user);
	kfree(p->ring);
	kfree(p);
}

/* --- copying; the lock is held --- */

/* Copy what is there and asked for, without taking it out. *fault: user memory is missing. */
static u64 pipe_copy_out(struct pipe *p, struct uio *uio, bool *fault) REQUIRES(p->lock)
{
	u64 most = min(uio->left, pipe_bytes(p)), done = 0;

	most = min(most, PIPE_AT_ONCE);
	*fault = false;
	while (done < most && !*fault) {
		u64 at = p->head + done;
		u64 n = min(PAGE_SIZE - at % PAGE_SIZE, most - done), got;

		char *from = phys_page_data(*pipe_slot(p, at));

		got = uio_copy_to(uio, from + at % PAGE_SIZE, n);
		done += got;
		*fault = got < n;
	}
	return done;
}

/* Take n bytes out. Pages that are read to their end go, but the last one stays for the next
 * write, moved to where that will begin; so a pipe in quiet use never allocates. If all it had
 * lies in one page the next write begins that again. */
static void pipe_consume(struct pipe *p, u64 n) REQUIRES(p->lock)
{
	u64 end = p->head + n, start = PAGE_DOWN(p->head);
	struct page *spare = NULL;

	if (end == p->tail && end - start <= PAGE_SIZE) {
		atomic_store_relaxed(&p->tail, start);
		atomic_store_relaxed(&p->head, start);
		return;
	}
	for (u64 at = PAGE_DOWN(p->head); at + PAGE_SIZE <= PAGE_UP(end); at += PAGE_SIZE) {
		/* Not the page both ends share: the tail's, or in a full ring the head's too. */
		if (end < p->tail && (at + PAGE_SIZE > end || p->tail - at > pipe_capacity(p)))
			continue;
		if (spare)
			phys_page_put(spare);
		spare = *pipe_slot(p, at);
		*pipe_slot(p, at) = NULL;
	}
	atomic_store_relaxed(&p->head, end);
	if (!pipe_bytes(p)) {
		atomic_store_relaxed(&p->tail, PAGE_UP(end));
		atomic_store_relaxed(&p->head, PAGE_UP(end));
	}
	if (spare && !*pipe_slot(p, p->tail))
		*pipe_slot(p, p->tail) = spare;
	else if (spare)
		phys_page_put(spare);
}

enum { COPY_OK, COPY_FAULT, COPY_NO_MEMORY };

static u64 pipe_copy_in(struct pipe *p, struct uio *uio, int *why) REQUIRES(p->lock)
{
	u64 done = 0;

	*why = COPY_OK;
	while (uio->left && pipe_bytes(p) < pipe_capacity(p) && done < PIPE_AT_ONCE) {
		u64 at = p->tail % PAGE_SIZE;
		u64 n = min(PAGE_SIZE - at, uio->left), got;
		struct page **slot = pipe_slot(p, p->tail);

		n = min(n, pipe_capacity(p) - pipe_bytes(p));
		if (!*slot)
			*slot = buddy_alloc(0, 0);
		if (!*slot) {
			*why = COPY_NO_MEMORY;
			break;
		}
		got = uio_copy_from(uio, (char *)phys_page_data(*slot) + at, n);
		atomic_store_relaxed(&p->tail, p->tail + got);
		done += got;
		if (got < n) {
			*why = COPY_FAULT;
			break;
		}
	}
	return done;
}

/* --- reading --- */

/* Is there something to read, or the end? Without the lock: who waits has enlisted before he
 * looks. */
static bool pipe_ready(struct file *file)
{
	const struct pipe *p = file->private;

	return atomic_load(&p->tail) != atomic_load_relaxed(&p->head) ||
	       !atomic_load_relaxed(&p->writers);
}

static struct waitq *pipe_read_queue(struct file *file)
{
	struct pipe *p = file->private;

	return &p->can_read;
}

/* Bytes, 0 at the end of everything, -EAGAIN with nothing there, -EFAULT: user memory is missing
 * (`whole`: then nothing is taken). */
static i64 pipe_try_read(struct file *file, struct uio *uio, bool whole)
{
	struct pipe *p = file->private;
	bool fault, was_full, wake;
	struct uio start;
	i64 n;

	if (!pipe_ready(file))
		return -EAGAIN;
	start = *uio;
	spin_lock(&p->lock);
	/* A writer of up to PIPE_BUF bytes waits for that much room. */
	was_full = pipe_capacity(p) - pipe_bytes(p) < PIPE_BUF;
	n = (i64)pipe_copy_out(p, uio, &fault);
	if (fault && whole) {
		*uio = start;
		n = 0;
	}
	if (n)
		pipe_consume(p, (u64)n);
	else
		n = fault ? -EFAULT : p->writers ? -EAGAIN : 0;
	wake = n > 0 && ((was_full && pipe_capacity(p) - pipe_bytes(p) >= PIPE_BUF) ||
			 atomic_load_relaxed(&p->signals_room));
	spin_unlock(&p->lock);
	if (wake)
		waitq_wake_events(&p->can_write, POLLOUT | POLLWRNORM);
	return n;
}

static i64 pipe_fast_read(struct file *file, struct uio *uio)
{
	i64 n;

	if (!uio->left)
		return 0;
	if (uio->left > PIPE_AT_ONCE || !pipe_ready(file))
		return -EAGAIN;
	n = pipe_try_read(file, uio, true);
	return n == -EFAULT ? -EAGAIN : n;
}

/* A reader that was woken leaves bytes to the next: a write wakes only one. */
static void pipe_pass_on(struct pipe *p)
{
	if (atomic_load(&p->tail) != atomic_load_relaxed(&p->head))
		waitq_wake_one(&p->can_read, POLLIN | POLLRDNORM);
}

struct pipe_read {
	struct file_transfer;
	i64 n;
	u64 done;
	long err;
};
static co_t pipe_read(struct co *co, struct pipe_read *f)
{
	CO_BEGIN;
	while (f->uio->left) {
		f->n = pipe_try_read(f->file, f->uio, false);
		if (f->n == -EAGAIN && !f->done &&
		    !(atomic_load_relaxed(&f->file->flags) & O_NONBLOCK)) {
			CO_WAIT_ONE(f->err, &((struct pipe *)f->file->private)->can_read,
				    (f->n = pipe_try_read(f->file, f->uio, false)) != -EAGAIN);
			if (f->err)
				CO_RETURN(f->err);
			pipe_pass_on(f->file->private);
		}
		if (f->n == -EFAULT) {
			CO_AWAIT(f->n, uio_fault_in, .uio = f->uio,
				 .n = min(f->uio->left, PAGE_SIZE), .write = true);
			if (f->n)
				break;
			continue;
		}
		if (f->n <= 0)
			break;
		f->done += (u64)f->n;
		CO_BREATHE;
	}
	CO_RETURN(f->done ? (i64)f->done : f->n);
	CO_END;
}

/* --- writing --- */

/* Bytes, -EPIPE without readers, -EAGAIN without room (for all of it if it is PIPE_BUF or less,
 * or `whole`), -EFAULT, -ENOMEM. `stopped` becomes where user memory is missing: a write that is
 * all or nothing goes back to its start, and faulting that in again would not help it on. */
static i64 pipe_try_write(struct file *file, struct uio *uio, bool whole, struct uio *stopped)
{
	struct pipe *p = file->private;
	struct uio start = *uio;
	bool all = whole || uio->left <= PIPE_BUF, tell = false;
	u64 tail;
	int why = COPY_OK;
	i64 n = 0;

	if (!uio->left)
		return 0;
	spin_lock(&p->lock);
	tail = p->tail;
	if (!p->readers) {
		n = -EPIPE;
	} else if (pipe_capacity(p) - pipe_bytes(p) < (all ? uio->left : 1)) {
		n = -EAGAIN;
	} else {
		/* Edge-triggered watchers are told of every write, as on Linux. */
		tell = !pipe_bytes(p) || atomic_load_relaxed(&p->polled);
		n = (i64)pipe_copy_in(p, uio, &why);
		*stopped = *uio;
		if (n && all && why != COPY_OK) {
			atomic_store_relaxed(&p->tail, tail);
			*uio = start;
			n = 0;
		}
		if (!n)
			n = why == COPY_NO_MEMORY ? -ENOMEM : -EFAULT;
	}
	spin_unlock(&p->lock);
	if (n > 0 && tell)
		waitq_wake_one(&p->can_read, POLLIN | POLLRDNORM);
	return n;
}

static i64 pipe_fast_write(struct file *file, struct uio *uio)
{
	struct uio stopped;
	i64 n;

	/* A write that takes several goes is the coroutine's. */
	if (uio->left > PIPE_AT_ONCE)
		return -EAGAIN;
	n = pipe_try_write(file, uio, true, &stopped);
	return n == -EFAULT || n == -ENOMEM ? -EAGAIN : n;
}

struct pipe_write {
	struct file_transfer;
	struct uio stopped;
	i64 n;
	u64 done;
	long err;
};
static co_t pipe_write(struct co *co, struct pipe_write *f)
{
	CO_BEGIN;
	while (f->uio->left) {
		f->n = pipe_try_write(f->file, f->uio, false, &f->stopped);
		if (f->n == -EAGAIN && !(atomic_load_relaxed(&f->file->flags) & O_NONBLOCK)) {
			CO_WAIT(f->err, &((struct pipe *)f->file->private)->can_write,
				(f->n = pipe_try_write(f->file, f->uio, false,
						       &f->stopped)) != -EAGAIN);
			if (f->err) {
				f->n = f->err;
				break;
			}
		}
		if (f->n == -EFAULT) {
			CO_AWAIT(f->n, uio_fault_in, .uio = &f->stopped,
				 .n = min(f->stopped.left, PAGE_SIZE));
			if (f->n)
				break;
			continue;
		}
		if (f->n < 0)
			break;
		f->done += (u64)f->n;
		CO_BREATHE;
	}
	CO_RETURN(f->done ? (i64)f->done : f->n);
	CO_END;
}

/* --- ends --- */

void pipe_closed(struct file *file)
{
	struct pipe *p = file->private;
	struct inode *inode = file->inode;
	bool last;

	if (!p)
		return;
	spin_lock(&inode->attr_lock);
	spin_lock(&p->lock);
	if (file->mode & FILE_READ)
		p->readers--;
	if (file->mode & FILE_WRITE)
		atomic_store_relaxed(&p->writers, p->writers - 1);
	last = !--p->files;
	if (last && inode->pipe == p)
		inode->pipe = NULL;
	/* Under the lock: the other end may close and free the pipe right after it. */
	waitq_wake_events(&p->can_read, POLLIN | POLLRDNORM | POLLHUP);
	waitq_wake_events(&p->can_write, POLLOUT | POLLWRNORM | POLLERR);
	spin_unlock(&p->lock);
	spin_unlock(&inode->attr_lock);
	if (last)
		pipe_free(p);
}

static u32 pipe_poll(struct file *file, struct poller *poller)
{
	struct pipe *p = file->private;
	u32 events = 0;

	if (poller)
		atomic_store(&p->polled, true);
	if (file->mode & FILE_READ)
		poller_add(poller, &p->can_read);
	if (file->mode & FILE_WRITE) {
		poller_add(poller, &p->can_write);
		if (poller && (atomic_load_relaxed(&file->flags) & FASYNC))
			atomic_store(&p->signals_room, true);
	}
	spin_lock(&p->lock);
	if (file->mode & FILE_READ) {
		if (pipe_bytes(p))
			events |= POLLIN | POLLRDNORM;
		/* A FIFO nobody has opened for writing yet has not been hung up. */
		if (!p->writers && p->writer_opens)
			events |= POLLHUP;
	}
	if (file->mode & FILE_WRITE) {
		if (pipe_capacity(p) - pipe_bytes(p) >= PIPE_BUF)
			events |= POLLOUT | POLLWRNORM;
		if (!p->readers)
			events |= POLLERR;
	}
	spin_unlock(&p->lock);
	return events;
}

struct pipe_ioctl {
	struct file_ioctl;
	i32 bytes;
	long err;
};
static co_t pipe_ioctl(struct co *co, struct pipe_ioctl *f)
{
	struct pipe *p;

	CO_BEGIN;
	if (f->cmd != FIONREAD)
		CO_RETURN(-ENOTTY);
	p = f->file->private;
	spin_lock(&p->lock);
	f->bytes = (i32)pipe_bytes(p);
	spin_unlock(&p->lock);
	CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->bytes, sizeof(f->bytes));
	CO_RETURN(f->err);
	CO_END;
}

const struct file_ops pipe_ops = {
	.read = CO_IMPLEMENTS(file_transfer, pipe_read),
	.write = CO_IMPLEMENTS(file_transfer, pipe_write),
	.ioctl = CO_IMPLEMENTS(file_ioctl, pipe_ioctl),
	.poll = pipe_poll,
	.stream = true,
	.async = true,
	.try_read = pipe_fast_read,
	.ready = pipe_ready,
	.read_queue = pipe_read_queue,
	.try_write = pipe_fast_write,
	.closed = pipe_closed,
};

int pipe_make(struct file *ends[2], u32 flags, const struct cred *cred)
{
	static const struct file_ops nothing;
	struct inode *inode = inode_new_loose(S_IFIFO | 0600);
	struct pipe *p = pipe_new(cred);
	int err = p ? -ENOMEM : -ENFILE;
	char name[32];

	ends[0] = ends[1] = NULL;
	if (!inode || !p)
		goto fail;
	inode->uid = cred->fsuid;
	inode->gid = cred->fsgid;
	format(name, sizeof(name), "pipe:[%lu]", inode->ino);
	inode_get(inode);	/* until both ends are there */
	ends[0] = file_new_loose(inode, name, &pipe_ops, O_RDONLY | (flags & O_NONBLOCK), cred);
	if (!ends[0])
		goto fail;
	path_get(&ends[0]->path);
	ends[1] = file_new(&ends[0]->path, O_WRONLY | (flags & O_NONBLOCK), cred);
	if (!ends[1]) {
		struct path borrowed = ends[0]->path;

		path_put(&borrowed);
		ends[0]->ops = &nothing;
		file_put(ends[0]);
		goto fail;
	}
	ends[1]->ops = &pipe_ops;
	p->readers = p->writers = p->reader_opens = p->writer_opens = 1;
	p->files = 2;
	p->nameless = true;
	ends[0]->private = ends[1]->private = p;
	inode->pipe = p;
	inode_put(inode);
	return 0;
fail:
	inode_put(inode);
	if (p)
		pipe_free(p);
	return err;
}

/* --- tee --- */

i64 pipe_peek(struct file *file, void *to, u64 n)
{
	struct uio uio = uio_kernel(to, n);
	struct pipe *p = file->private;
	bool fault;
	i64 got;

	if (file->ops != &pipe_ops || !(file->mode & FILE_READ))
		return -EBADF;
	spin_lock(&p->lock);
	got = (i64)pipe_copy_out(p, &uio, &fault);
	if (!got && n && p->writers)
		got = -EAGAIN;
	spin_unlock(&p->lock);
	return got;
}

static bool pipe_has_news(struct pipe *p)
{
	bool news;

	spin_lock(&p->lock);
	news = pipe_bytes(p) || !p->writers;
	spin_unlock(&p->lock);
	return news;
}

co_t pipe_wait(struct co *co, struct pipe_wait *f)
{
	CO_BEGIN;
	CO_WAIT(f->err, &((struct pipe *)f->file->private)->can_read,
		pipe_has_news(f->file->private));
	CO_RETURN(f->err);
	CO_END;
}

/* --- waiting for readers to go --- */

static void pipe_count_writer(struct pipe *p, int by)
{
	spin_lock(&p->lock);
	atomic_store_relaxed(&p->writers, p->writers + (u32)by);
	waitq_wake_events(&p->can_read, POLLIN | POLLRDNORM | POLLHUP);
	spin_unlock(&p->lock);
}

static bool pipe_has_no_reader(struct pipe *p)
{
	bool none;

	spin_lock(&p->lock);
	none = !p->readers;
	spin_unlock(&p->lock);
	return none;
}

co_t pipe_drain(struct co *co, struct pipe_drain *f)
{
	CO_BEGIN;
	pipe_count_writer(f->file->private, -1);
	CO_WAIT(f->err, &((struct pipe *)f->file->private)->can_write,
		pipe_has_no_reader(f->file->private));
	pipe_count_writer(f->file->private, 1);
	CO_RETURN(f->err);
	CO_END;
}
