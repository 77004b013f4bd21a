/* syscalls/memfd.c -- memfd_create, memfd_secret. */
#include "vfs/memfd.h"

#include <linux/memfd.h>

#include "core/proc/process.h"
#include "syscalls/name.h"
#include "vfs/fd.h"
#include "vfs/secretmem.h"

#define MEMFD_FLAGS (MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC)
#define MEMFD_HUGE_FLAGS (MFD_HUGETLB | (u32)MFD_HUGE_MASK << MFD_HUGE_SHIFT)
#define MEMFD_NAME_MAX 249	/* with Linux's "memfd:" in front it is a name */

static long memfd_check(u32 flags)
{
	if (flags & ~(u32)(MEMFD_FLAGS | (flags & MFD_HUGETLB ? MEMFD_HUGE_FLAGS : 0)))
		return -EINVAL;
	return (flags & MFD_EXEC) && (flags & MFD_NOEXEC_SEAL) ? -EINVAL : 0;
}

struct sys_memfd_create {
	struct co_frame co;
	uptr from;
	u32 flags;
	char *name;
	struct file *file;
	long err;
};
static co_t sys_memfd_create(struct co *co, struct sys_memfd_create *f)
{
	CO_BEGIN;
	f->err = memfd_check(f->flags);
	if (f->err)
		CO_RETURN(f->err);
	f->name = kmalloc(MEMFD_NAME_MAX + 1);
	if (!f->name)
		CO_RETURN(-ENOMEM);
	CO_STRING_FROM_USER(f->err, f->name, f->from, MEMFD_NAME_MAX + 1);
	if (f->err > MEMFD_NAME_MAX)
		f->err = -EINVAL;
	else if (f->err >= 0)
		f->err = f->flags & MFD_HUGETLB ? -ENOSYS : 0;	/* there are no huge pages */
	if (!f->err)
		CO_AWAIT(f->err, memfd_make, .name = f->name, .flags = f->flags,
			 .cred = cred_current(co), .file = &f->file);
	kfree(f->name);
	if (f->err)
		CO_RETURN(f->err);
	f->err = fd_add(fd_current(co), f->file, 0, rlimit_get(process_of(co), RLIMIT_NOFILE),
			f->flags & MFD_CLOEXEC);
	if (f->err < 0)
		file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(memfd_create, from, flags);

static long sys_memfd_secret(struct task *t, u32 flags)
{
	struct file *file;
	long fd;

	if (flags & ~(u32)O_CLOEXEC)
		return -EINVAL;
	fd = secretmem_make(t->cred, &file);
	if (fd)
		return fd;
	fd = fd_add(t->fds, file, 0, rlimit_get(process_of(&t->co), RLIMIT_NOFILE),
		    flags & O_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}
SYSCALL_PLAIN(memfd_secret, u32);
