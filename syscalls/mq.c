/* syscalls/mq.c -- POSIX message queues. */
#include "core/ipc/mqueue.h"

#include <linux/fcntl.h>

#include "core/base/bits.h"
#include "core/net/netlink.h"
#include "core/proc/clock.h"
#include "syscalls/name.h"
#include "syscalls/retry.h"
#include "vfs/fd.h"

struct sys_mq_open {
	struct co_frame co;
	uptr name;
	u32 flags, mode;
	uptr attr;
	struct mq_attr want;
	char *text;
	struct file *file;
	int fd;
	long err;
};
static co_t sys_mq_open(struct co *co, struct sys_mq_open *f)
{
	CO_BEGIN;
	f->fd = -1;
	if (f->attr.raw) {
		CO_COPY_FROM_USER(f->err, &f->want, f->attr, sizeof(f->want));
		if (f->err)
			CO_RETURN(f->err);
	}
	NAME_FROM_USER(f->err, f->text, f->name);
	if (!f->err && !f->text[0])
		f->err = -ENOENT;
	if (!f->err) {
		f->fd = fd_reserve(fd_current(co), rlimit_get(process_of(co), RLIMIT_NOFILE));
		f->err = min(f->fd, 0);
	}
	if (!f->err)
		CO_AWAIT(f->err, mqueue_open, .name = f->text, .flags = f->flags,
			 .mode = f->mode, .attr = f->attr.raw ? &f->want : NULL,
			 .file = &f->file);
	kfree(f->text);
	if (f->fd >= 0)
		fd_settle(fd_current(co), f->fd, f->err ? NULL : f->file, true);
	CO_RETURN(f->err ? f->err : f->fd);
	CO_END;
}
SYSCALL_CO(mq_open, name, flags, mode, attr);

struct sys_mq_unlink {
	struct co_frame co;
	uptr name;
	char *text;
	long err;
};
static co_t sys_mq_unlink(struct co *co, struct sys_mq_unlink *f)
{
	CO_BEGIN;
	NAME_FROM_USER(f->err, f->text, f->name);
	if (!f->err && !f->text[0])
		f->err = -ENOENT;
	if (!f->err)
		CO_AWAIT(f->err, mqueue_unlink, .name = f->text);
	kfree(f->text);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(mq_unlink, name);

/* A time of the wall clock, or none. */
struct mq_deadline {
	struct co_frame co;
	uptr from;
	struct clock_until *until;
	struct __kernel_timespec ts;
	u64 ns;
	long err;
};
static co_t mq_deadline(struct co *co, struct mq_deadline *f)
{
	CO_BEGIN;
	f->until->ns = CO_FOREVER;
	if (!f->from.raw)
		CO_RETURN(0);
	CO_COPY_FROM_USER(f->err, &f->ts, f->from, sizeof(f->ts));
	if (!f->err)
		f->err = clock_from_timespec(&f->ts, &f->ns);
	if (!f->err)
		f->err = clock_until_set(f->until, CLOCK_REALTIME, f->ns, true);
	CO_RETURN(f->err);
	CO_END;
}

/* The open queue at fd, for this; NULL: there is none. */
static struct file *mq_file(struct co *co, int fd, u32 mode)
{
	struct file *file = fd_get(fd_current(co), fd);

	if (file && (!mqueue_of_file(file) || !(file->mode & mode))) {
		file_put(file);
		file = NULL;
	}
	return file;
}

struct sys_mq_timedsend {
	struct co_frame co;
	int fd;
	uptr from;
	u64 size;
	u32 priority;
	uptr timeout;
	struct clock_until until;
	struct file *file;
	struct mqueue_message *message;
	long err;
};
static co_t sys_mq_timedsend(struct co *co, struct sys_mq_timedsend *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, mq_deadline, .from = f->timeout, .until = &f->until);
	if (f->err)
		CO_RETURN(f->err);
	if (f->priority >= MQUEUE_PRIORITIES)
		CO_RETURN(-EINVAL);
	f->file = mq_file(co, f->fd, FILE_WRITE);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->err = -EMSGSIZE;
	if (f->size > mqueue_of_file(f->file)->max_size)
		goto out;
	f->message = mqueue_message_new(f->size);
	f->err = -ENOMEM;
	if (!f->message)
		goto out;
	f->message->priority = f->priority;
	CO_COPY_FROM_USER(f->err, f->message->text, f->from, f->size);
	if (!f->err)
		CO_AWAIT(f->err, mqueue_send, .file = f->file, .message = f->message,
			 .until = f->until);
	if (f->err)
		kfree(f->message);
out:
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(mq_timedsend, fd, from, size, priority, timeout);

struct sys_mq_timedreceive {
	struct co_frame co;
	int fd;
	uptr to;
	u64 size;
	uptr priority, timeout;
	struct clock_until until;
	struct file *file;
	struct mqueue_message *message;
	long err;
};
static co_t sys_mq_timedreceive(struct co *co, struct sys_mq_timedreceive *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, mq_deadline, .from = f->timeout, .until = &f->until);
	if (f->err)
		CO_RETURN(f->err);
	f->file = mq_file(co, f->fd, FILE_READ);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->err = -EMSGSIZE;
	if (f->size >= mqueue_of_file(f->file)->max_size)
		CO_AWAIT(f->err, mqueue_receive, .file = f->file, .message = &f->message,
			 .until = f->until);
	file_put(f->file);
	if (f->err)
		CO_RETURN(f->err);
	f->size = f->message->size;
	if (f->priority.raw)
		CO_COPY_TO_USER(f->err, f->priority, &f->message->priority, sizeof(u32));
	if (!f->err)
		CO_COPY_TO_USER(f->err, f->to, f->message->text, f->size);
	kfree(f->message);
	CO_RETURN(f->err ? f->err : (i64)f->size);
	CO_END;
}
SYSCALL_CO(mq_timedreceive, fd, to, size, priority, timeout);

/* SIGEV_THREAD: the number is a netlink socket's, the value is where 32 bytes lie. */
static long mq_notice_socket(struct task *t, const struct sigevent *event, struct mqueue_notice *to)
{
	struct file *file;
	long err;

	if (!user_get(t, to->cookie, uptr_of((u64)event->sigev_value.sival_ptr),
		      sizeof(to->cookie)))
		return SYS_MUST_WAIT;
	file = fd_get(t->fds, event->sigev_signo);
	if (!file)
		return -EBADF;
	err = netlink_hold(file, &to->socket);
	file_put(file);
	return err;
}

static long mq_notice(struct task *t, uptr from, struct mqueue_notice *to)
{
	struct sigevent event;

	if (!user_get(t, &event, from, sizeof(event)))
		return SYS_MUST_WAIT;
	*to = (struct mqueue_notice){.how = event.sigev_notify, .signal = event.sigev_signo,
				     .value = (u64)event.sigev_value.sival_ptr};
	switch (event.sigev_notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL:
		return (u32)event.sigev_signo > 64 ? -EINVAL : 0;
	case SIGEV_THREAD:
		return mq_notice_socket(t, &event, to);
	}
	return -EINVAL;
}

static long sys_mq_notify(struct task *t, int fd, uptr from)
{
	struct mqueue_notice notice = {};
	long err = from.raw ? mq_notice(t, from, &notice) : 0;
	struct file *file;

	if (err)
		return err;
	file = fd_get(t->fds, fd);
	err = -EBADF;
	if (file && mqueue_of_file(file))
		err = mqueue_notify(mqueue_of_file(file), from.raw ? &notice : NULL);
	if (err)
		socket_put(notice.socket);
	file_put(file);
	return err;
}
SYSCALL_RETRY(mq_notify, int, uptr);

static long mq_get_set(struct task *t, struct file *file, const struct mq_attr *new, uptr to)
{
	struct mq_attr old;

	mqueue_look(mqueue_of_file(file), &old);
	old.mq_flags = atomic_load_relaxed(&file->flags) & O_NONBLOCK;
	if (to.raw && !user_put(t, to, &old, sizeof(old)))
		return SYS_MUST_WAIT;
	if (new && (new->mq_flags & O_NONBLOCK))
		atomic_or(&file->flags, (u32)O_NONBLOCK);
	else if (new)
		atomic_and(&file->flags, ~(u32)O_NONBLOCK);
	return 0;
}

static long sys_mq_getsetattr(struct task *t, int fd, uptr from, uptr to)
{
	struct mq_attr new;
	struct file *file;
	long err = -EBADF;

	if (from.raw && !user_get(t, &new, from, sizeof(new)))
		return SYS_MUST_WAIT;
	if (from.raw && (new.mq_flags & ~(long)O_NONBLOCK))
		return -EINVAL;
	file = fd_get(t->fds, fd);
	if (!file)
		return -EBADF;
	if (mqueue_of_file(file))
		err = mq_get_set(t, file, from.raw ? &new : NULL, to);
	file_put(file);
	return err;
}
SYSCALL_RETRY(mq_getsetattr, int, uptr, uptr);
