/* syscalls/userfaultfd.c */
#include "core/proc/userfaultfd.h"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/userfaultfd.h>

#include "core/cred/cred.h"
#include "core/proc/process.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"

/* Who may have the kernel wait for him in the middle of a system call? */
static bool userfaultfd_allowed(const struct cred *cred, u32 flags)
{
	return flags & UFFD_USER_MODE_ONLY || atomic_load_relaxed(&userfaultfd_unprivileged) ||
	       cred_capable(cred, CAP_SYS_PTRACE);
}

static long sys_userfaultfd(struct task *t, u32 flags)
{
	struct file *file;
	long fd;

	if (!userfaultfd_allowed(t->cred, flags))
		return -EPERM;
	if (flags & ~(u32)(UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	fd = userfaultfd_make(flags, t->cred, &file);
	if (fd)
		return fd;
	fd = fd_add(t->fds, file, 0, rlimit_get(process_of(&t->co), RLIMIT_NOFILE),
		    flags & O_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}
SYSCALL_PLAIN(userfaultfd, u32);
