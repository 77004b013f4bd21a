/* syscalls/timerfd.c */
#include "core/proc/timerfd.h"

#include <linux/fcntl.h>
#include <linux/timerfd.h>

#include "core/cred/cred.h"
#include "core/proc/clock.h"
#include "syscalls/retry.h"
#include "vfs/fd.h"

static long sys_timerfd_create(struct task *t, int clock, u32 flags)
{
	struct file *file;
	long fd;

	if (flags & ~(u32)(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	fd = timerfd_make(clock, flags, t->cred, &file);
	if (fd)
		return fd;
	fd = fd_add(t->fds, file, 0, rlimit_get(thread_of(t)->process, RLIMIT_NOFILE),
		    flags & TFD_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}
SYSCALL_PLAIN(timerfd_create, int, u32);

static bool timerfd_put_setting(struct task *t, uptr to, const struct posix_timer_setting *s)
{
	struct __kernel_itimerspec user = {clock_to_timespec(s->interval),
					   clock_to_timespec(s->value)};

	return user_put(t, to, &user, sizeof(user));
}

static long sys_timerfd_settime(struct task *t, int fd, u32 flags, uptr from, uptr to)
{
	struct posix_timer_setting new, old;
	struct __kernel_itimerspec user;
	struct file *file;
	long err;

	if (!user_get(t, &user, from, sizeof(user)))
		return SYS_MUST_WAIT;
	if (flags & ~(u32)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	err = clock_from_timespec(&user.it_interval, &new.interval);
	if (!err)
		err = clock_from_timespec(&user.it_value, &new.value);
	if (err)
		return err;
	file = fd_get(t->fds, fd);
	if (!file)
		return -EBADF;
	err = to.raw ? timerfd_get(file, &old) : 0;
	if (!err && to.raw && !timerfd_put_setting(t, to, &old))
		err = SYS_MUST_WAIT;
	if (!err)
		err = timerfd_set(file, flags, &new, NULL);
	file_put(file);
	return err;
}
SYSCALL_RETRY(timerfd_settime, int, u32, uptr, uptr);

static long sys_timerfd_gettime(struct task *t, int fd, uptr to)
{
	struct posix_timer_setting now;
	struct file *file = fd_get(t->fds, fd);
	long err;

	if (!file)
		return -EBADF;
	err = timerfd_get(file, &now);
	file_put(file);
	if (err)
		return err;
	return timerfd_put_setting(t, to, &now) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(timerfd_gettime, int, uptr);
