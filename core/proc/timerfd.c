/* core/proc/timerfd.c */
#include "core/proc/timerfd.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/proc/clock.h"
#include "mem/phys/slab.h"
#include "vfs/file.h"

struct timerfd {
	struct posix_timer timer;
	u64 expired;		/* [a] since it was read */
	struct waitq wait;	/* woken when it expires */
};

static const struct file_ops timerfd_ops;

static void timerfd_notified(struct posix_timer *timer, u64 times)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);

	atomic_add(&t->expired, times);
	waitq_wake_events(&t->wait, POLLIN | POLLRDNORM);
}

static void timerfd_release(struct posix_timer *timer)
{
	kfree(container_of(timer, struct timerfd, timer));
}

static bool timerfd_take(struct timerfd *t, u64 *times)
{
	*times = atomic_swap(&t->expired, 0ul);
	return *times;
}

struct timerfd_read {
	struct file_transfer;
	u64 times;
	struct uio start;
	long err;
};
static co_t timerfd_read(struct co *co, struct timerfd_read *f)
{
	struct timerfd *t = f->file->private;

	CO_BEGIN;
	if (f->uio->left < sizeof(f->times))
		CO_RETURN(-EINVAL);
	if (!timerfd_take(t, &f->times)) {
		if (f->file->flags & O_NONBLOCK)
			CO_RETURN(-EAGAIN);
		CO_WAIT(f->err, &t->wait, timerfd_take(t, &f->times));
		if (f->err)
			CO_RETURN(f->err);
	}
	f->start = *f->uio;
	while (uio_copy_to(f->uio, &f->times, sizeof(f->times)) < sizeof(f->times)) {
		/* From the start again once the missing page is there. */
		*f->uio = f->start;
		CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = sizeof(f->times), .write = true);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN((long)sizeof(f->times));
	CO_END;
}

static u32 timerfd_poll(struct file *file, struct poller *p)
{
	struct timerfd *t = file->private;

	poller_add(p, &t->wait);
	return atomic_load(&t->expired) ? POLLIN | POLLRDNORM : 0;
}

static void timerfd_closed(struct file *file)
{
	struct timerfd *t = file->private;

	posix_timer_kill(&t->timer);
}

static const struct file_ops timerfd_ops = {
	.read = CO_IMPLEMENTS(file_transfer, timerfd_read),
	.poll = timerfd_poll,
	.closed = timerfd_closed,
	.llseek = file_seek_nowhere,
	.stream = true,
};

int timerfd_make(int clock, u32 flags, const struct cred *cred, struct file **file)
{
	struct timerfd *t;
	struct inode *inode;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	t = kzalloc(sizeof(*t));
	inode = t ? inode_new_loose(0600) : NULL;
	if (!inode)
		goto no_memory;
	posix_timer_init(&t->timer, clock, timerfd_notified, timerfd_release);
	waitq_init(&t->wait);
	*file = file_new_loose(inode, "anon_inode:[timerfd]", &timerfd_ops,
			       O_RDWR | (flags & O_NONBLOCK), cred);
	if (!*file)
		goto no_memory;
	(*file)->private = t;
	return 0;
no_memory:
	kfree(t);
	return -ENOMEM;
}

static struct timerfd *timerfd_of(struct file *file)
{
	return file->ops == &timerfd_ops ? file->private : NULL;
}

int timerfd_set(struct file *file, bool absolute, const struct posix_timer_setting *new,
		struct posix_timer_setting *old)
{
	struct timerfd *t = timerfd_of(file);
	int err;

	if (!t)
		return -EINVAL;
	err = posix_timer_change(&t->timer, absolute, new, old);
	if (!err)
		atomic_store(&t->expired, 0ul);
	return err;
}

int timerfd_get(struct file *file, struct posix_timer_setting *to)
{
	struct timerfd *t = timerfd_of(file);

	if (!t)
		return -EINVAL;
	posix_timer_read(&t->timer, to);
	return 0;
}
