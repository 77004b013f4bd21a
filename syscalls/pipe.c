/* syscalls/pipe.c */
#include <linux/fcntl.h>

#include "core/proc/thread.h"
#include "syscalls/retry.h"
#include "vfs/fd.h"
#include "vfs/pipe.h"

static void pipe_undo(struct task *t, const int fds[2])
{
	for (int i = 0; i < 2; i++)
		file_put(fd_take(t->fds, fds[i]));
}

static long sys_pipe2(struct task *t, uptr to, u32 flags)
{
	struct file *ends[2];
	int fds[2], err;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_EXCL))
		return -EINVAL;
	if (flags & O_EXCL)
		return -ENOPKG;		/* O_NOTIFICATION_PIPE */
	err = pipe_make(ends, flags, t->cred);
	if (err)
		return err;
	err = fd_add_two(t->fds, ends[0], ends[1],
			 rlimit_get(thread_of(t)->process, RLIMIT_NOFILE), flags & O_CLOEXEC, fds);
	if (err) {
		file_put(ends[0]);
		file_put(ends[1]);
		return err;
	}
	if (user_put(t, to, fds, sizeof(fds)))
		return 0;
	pipe_undo(t, fds);
	return SYS_MUST_WAIT;
}
SYSCALL_RETRY(pipe2, uptr, u32);
