/* core/proc/timerfd.c */
#include "core/proc/timerfd.h"

#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/timerfd.h>

#include "core/cred/cred.h"
#include "core/proc/clock.h"
#include "mem/phys/slab.h"
#include "vfs/file.h"
#include "vfs/text.h"

struct timerfd {
	struct posix_timer timer;
	u64 expired;		/* [a] since it was read */
	struct waitq wait;	/* woken when it expires, or the clock it waits for is set */
	struct list cancels;	/* in timerfd_cancels, while it wants to know of that */
	u64 times_set;		/* [a] of the wall clock, when that was asked for or told last */
	bool cancel;		/* [a] it wants to know */
	u32 flags;		/* [a] TFD_TIMER_*, of the last setting */
};

/* Under timerfd_cancel_lock. */
static struct list timerfd_cancels = LIST_INIT(timerfd_cancels);
static spinlock timerfd_cancel_lock = SPINLOCK_INIT(RANK_POLL);

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

/* The wall clock was set under it. */
static bool timerfd_is_cancelled(const struct timerfd *t)
{
	return atomic_load(&t->cancel) && atomic_load(&t->times_set) != clock_times_set();
}

/* The same, told once. */
static bool timerfd_take_cancel(struct timerfd *t)
{
	u64 now = clock_times_set();

	return atomic_load(&t->cancel) && atomic_swap(&t->times_set, now) != now;
}

void timerfd_clock_was_set(void)
{
	struct timerfd *t;

	spin_lock(&timerfd_cancel_lock);
	list_each(t, &timerfd_cancels, cancels)
		waitq_wake_events(&t->wait, POLLIN | POLLRDNORM);
	spin_unlock(&timerfd_cancel_lock);
}

static void timerfd_want_cancel(struct timerfd *t, bool want)
{
	spin_lock(&timerfd_cancel_lock);
	list_remove(&t->cancels);
	if (want)
		list_add_back(&timerfd_cancels, &t->cancels);
	atomic_store(&t->cancel, want);
	spin_unlock(&timerfd_cancel_lock);
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
	for (;;) {
		if (timerfd_take_cancel(t))
			CO_RETURN(-ECANCELED);
		if (timerfd_take(t, &f->times))
			break;
		if (f->file->flags & O_NONBLOCK)
			CO_RETURN(-EAGAIN);
		CO_WAIT(f->err, &t->wait, timerfd_is_cancelled(t) || atomic_load(&t->expired));
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
	return atomic_load(&t->expired) || timerfd_is_cancelled(t) ? POLLIN | POLLRDNORM : 0;
}

static void timerfd_closed(struct file *file)
{
	struct timerfd *t = file->private;

	timerfd_want_cancel(t, false);
	posix_timer_kill(&t->timer);
}

static void timerfd_fdinfo(struct file *file, const struct pid_ns *ns, struct text *to)
{
	struct timerfd *t = file->private;
	struct posix_timer_setting s;

	posix_timer_read(&t->timer, &s);
	text_add(to, "clockid: %d\nticks: %lu\nsettime flags: 0%o\n", t->timer.clock,
		 atomic_load(&t->expired), atomic_load(&t->flags));
	text_add(to, "it_value: (%lu, %lu)\nit_interval: (%lu, %lu)\n", s.value / 1000000000,
		 s.value % 1000000000, s.interval / 1000000000, s.interval % 1000000000);
}

static const struct file_ops timerfd_ops = {
	.read = CO_IMPLEMENTS(file_transfer, timerfd_read),
	.poll = timerfd_poll,
	.closed = timerfd_closed,
	.fdinfo = timerfd_fdinfo,
	.llseek = file_seek_nowhere,
	.stream = true,
	.unspliced = true,
};

int timerfd_make(int clock, u32 flags, const struct cred *cred, struct file **file)
{
	struct timerfd *t;
	struct inode *inode;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
	    !clock_is_alarm(clock))
		return -EINVAL;
	if (clock_is_alarm(clock) && !cred_capable(cred, CAP_WAKE_ALARM))
		return -EPERM;
	t = kzalloc(sizeof(*t));
	inode = t ? inode_new_loose(0600) : NULL;
	if (!inode)
		goto no_memory;
	posix_timer_init(&t->timer, clock, timerfd_notified, timerfd_release);
	waitq_init(&t->wait);
	list_init(&t->cancels);
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

int timerfd_set(struct file *file, u32 flags, const struct posix_timer_setting *new,
		struct posix_timer_setting *old)
{
	struct timerfd *t = timerfd_of(file);
	bool wants, cancelled;
	int err;

	if (!t)
		return -EINVAL;
	wants = flags == (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) &&
		(t->timer.clock == CLOCK_REALTIME || t->timer.clock == CLOCK_REALTIME_ALARM);
	cancelled = wants && timerfd_take_cancel(t);
	if (wants && !t->cancel)
		atomic_store(&t->times_set, clock_times_set());
	timerfd_want_cancel(t, wants);
	/* Before it is armed: a time in the past expires at once. */
	atomic_store(&t->expired, 0ul);
	err = posix_timer_change(&t->timer, flags & TFD_TIMER_ABSTIME, new, old);
	if (err)
		return err;
	atomic_store(&t->flags, flags);
	return cancelled && new->value ? -ECANCELED : 0;
}

int timerfd_get(struct file *file, struct posix_timer_setting *to)
{
	struct timerfd *t = timerfd_of(file);

	if (!t)
		return -EINVAL;
	posix_timer_read(&t->timer, to);
	return 0;
}
