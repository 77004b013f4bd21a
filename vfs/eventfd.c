/* vfs/eventfd.c */
#include "vfs/eventfd.h"

#include <linux/eventfd.h>
#include <linux/fcntl.h>

#include "mem/phys/slab.h"
#include "vfs/text.h"

#define EVENTFD_MOST (UINT64_MAX - 1)

struct eventfd {
	spinlock lock;		/* RANK_PIPE */
	u64 count;		/* [a] written under lock */
	bool semaphore;		/* [I] a read takes one */
	u32 id;			/* [I] */
	struct waitq wait;	/* woken when the number changes */
};

static u32 eventfd_last_id;	/* [a] */

/* Take the number and copy it out: 8, -EAGAIN at 0, -EFAULT with nothing taken. */
static i64 eventfd_try_read(struct file *file, struct uio *uio)
{
	struct eventfd *e = file->private;
	struct uio start = *uio;
	i64 n = -EAGAIN;
	u64 value;

	if (uio->left < sizeof(value))
		return -EINVAL;
	spin_lock(&e->lock);
	if (e->count) {
		value = e->semaphore ? 1 : e->count;
		n = (i64)uio_copy_to(uio, &value, sizeof(value));
		if (n == sizeof(value)) {
			atomic_store_relaxed(&e->count, e->count - value);
		} else {
			*uio = start;
			n = -EFAULT;
		}
	}
	spin_unlock(&e->lock);
	if (n > 0)
		waitq_wake_one(&e->wait, POLLOUT);
	return n;
}

/* Add: 8, -EAGAIN if it would not fit, -EINVAL, -EFAULT. */
static i64 eventfd_try_write(struct file *file, struct uio *uio)
{
	struct eventfd *e = file->private;
	struct uio start = *uio;
	bool fits;
	u64 value;

	if (uio->left != sizeof(value))
		return -EINVAL;
	if (uio_copy_from(uio, &value, sizeof(value)) < sizeof(value)) {
		*uio = start;
		return -EFAULT;
	}
	if (value > EVENTFD_MOST)
		return -EINVAL;
	spin_lock(&e->lock);
	fits = value <= EVENTFD_MOST - e->count;
	if (fits)
		atomic_store_relaxed(&e->count, e->count + value);
	spin_unlock(&e->lock);
	if (!fits) {
		*uio = start;
		return -EAGAIN;
	}
	waitq_wake_one(&e->wait, POLLIN);
	return sizeof(value);
}

/* The system call's first go; what takes a fault is the coroutine's. */
static i64 eventfd_fast_read(struct file *file, struct uio *uio)
{
	i64 n = eventfd_try_read(file, uio);

	return n == -EFAULT ? -EAGAIN : n;
}

static i64 eventfd_fast_write(struct file *file, struct uio *uio)
{
	i64 n = eventfd_try_write(file, uio);

	return n == -EFAULT ? -EAGAIN : n;
}

struct eventfd_transfer {
	struct file_transfer;
	i64 (*go)(struct file *file, struct uio *uio);
	bool write_user;	/* the user's memory is written */
	i64 n;
	long err;
};
static co_t eventfd_transfer(struct co *co, struct eventfd_transfer *f)
{
	CO_BEGIN;
	for (;;) {
		f->n = f->go(f->file, f->uio);
		if (f->n == -EAGAIN && !(atomic_load_relaxed(&f->file->flags) & O_NONBLOCK)) {
			CO_WAIT(f->err, &((struct eventfd *)f->file->private)->wait,
				(f->n = f->go(f->file, f->uio)) != -EAGAIN);
			if (f->err)
				CO_RETURN(f->err);
		}
		if (f->n != -EFAULT)
			CO_RETURN(f->n);
		CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = sizeof(u64),
			 .write = f->write_user);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_END;
}

struct eventfd_read {
	struct file_transfer;
	long n;
};
static co_t eventfd_read(struct co *co, struct eventfd_read *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, eventfd_transfer, .file = f->file, .uio = f->uio, .go = eventfd_try_read,
		 .write_user = true);
	CO_RETURN(f->n);
	CO_END;
}

struct eventfd_write {
	struct file_transfer;
	long n;
};
static co_t eventfd_write(struct co *co, struct eventfd_write *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, eventfd_transfer, .file = f->file, .uio = f->uio, .go = eventfd_try_write);
	CO_RETURN(f->n);
	CO_END;
}

static u32 eventfd_poll(struct file *file, struct poller *p)
{
	struct eventfd *e = file->private;
	u64 count;

	poller_add(p, &e->wait);
	count = atomic_load(&e->count);
	return (count ? POLLIN : 0) | (count < EVENTFD_MOST ? POLLOUT : 0);
}

static void eventfd_closed(struct file *file)
{
	kfree(file->private);
}

static void eventfd_fdinfo(struct file *file, const struct pid_ns *ns, struct text *to)
{
	struct eventfd *e = file->private;

	text_add(to, "eventfd-count: %16lx\neventfd-id: %u\neventfd-semaphore: %d\n",
		 atomic_load(&e->count), e->id, e->semaphore);
}

static const struct file_ops eventfd_ops = {
	.read = CO_IMPLEMENTS(file_transfer, eventfd_read),
	.write = CO_IMPLEMENTS(file_transfer, eventfd_write),
	.poll = eventfd_poll,
	.closed = eventfd_closed,
	.fdinfo = eventfd_fdinfo,
	.llseek = file_seek_nowhere,
	.stream = true,
	.unspliced = true,
	.try_read = eventfd_fast_read,
	.try_write = eventfd_fast_write,
};

bool eventfd_is(const struct file *file)
{
	return file->ops == &eventfd_ops;
}

void eventfd_signal(struct file *file, u64 n)
{
	struct eventfd *e = file->private;

	spin_lock(&e->lock);
	atomic_store_relaxed(&e->count, e->count + min(n, EVENTFD_MOST - e->count));
	spin_unlock(&e->lock);
	waitq_wake_one(&e->wait, POLLIN | POLL_BY_RING);
}

int eventfd_make(u32 count, u32 flags, const struct cred *cred, struct file **file)
{
	struct eventfd *e = kzalloc(sizeof(*e));
	struct inode *inode = e ? inode_new_loose(0600) : NULL;

	*file = inode ? file_new_loose(inode, "anon_inode:[eventfd]", &eventfd_ops,
				       O_RDWR | (flags & EFD_NONBLOCK), cred)
		      : NULL;
	if (!*file) {
		kfree(e);
		return -ENOMEM;
	}
	spin_init(&e->lock, RANK_PIPE);
	waitq_init(&e->wait);
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	e->id = atomic_add(&eventfd_last_id, 1u);
	(*file)->private = e;
	return 0;
}
