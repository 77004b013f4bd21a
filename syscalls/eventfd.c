/* syscalls/eventfd.c */
#include "vfs/eventfd.h"

#include <linux/eventfd.h>

#include "core/proc/process.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"

static long sys_eventfd2(struct task *t, u32 count, u32 flags)
{
	struct file *file;
	long fd;

	if (flags & ~(u32)(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	fd = eventfd_make(count, flags, t->cred, &file);
	if (fd)
		return fd;
	fd = fd_add(t->fds, file, 0, rlimit_get(process_of(&t->co), RLIMIT_NOFILE),
		    flags & EFD_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}
SYSCALL_PLAIN(eventfd2, u32, u32);
