/* syscalls/mm.c -- memory mappings. */
#include <linux/membarrier.h>
#include <linux/mman.h>

#include "core/cred/cred.h"
#include "core/proc/thread.h"
#include "mem/phys/slab.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "syscalls/mm.h"
#include "vfs/fd.h"
#include "vfs/memfd.h"
#include "vfs/mount.h"
#include <linux/mount.h>

/* Which MAP_SHARED_VALIDATE lets pass: Linux's old flags, with the sizes of huge pages. */
#define MM_HUGE_SIZES  (MAP_HUGE_2MB | MAP_HUGE_1GB)
#define MM_KNOWN_FLAGS                                                                       \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE |              \
	 MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK |         \
	 MAP_STACK | MAP_HUGETLB | MM_HUGE_SIZES)

struct sys_brk {
	struct co_frame co;
	u64 brk;
	long result;
};
static co_t sys_brk(struct co *co, struct sys_brk *f)
{
	CO_BEGIN;
	CO_AWAIT(f->result, space_brk, .space = space_current(co), .brk = f->brk,
		 .lock_freely = mm_locks_freely(co));
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(brk, brk);

struct sys_mmap {
	struct co_frame co;
	u64 addr, len;
	u32 prot, flags;
	int fd;
	u64 offset;
	struct file *file;
	struct pager *pager;
	u32 vma_flags;
	bool held;		/* the file's inode, against seals */
	long result, ignored;
};

/* What the file's opening allows the mapping. */
static int mmap_file_rights(struct sys_mmap *f)
{
	bool shared = (f->flags & MAP_TYPE) != MAP_PRIVATE;

	if (!(f->file->mode & FILE_READ))
		return -EACCES;
	if (shared && (f->prot & PROT_WRITE) && !(f->file->mode & FILE_WRITE))
		return -EACCES;
	f->vma_flags = VMA_MAYEXEC;
	if (!shared || ((f->file->mode & FILE_WRITE) &&
			!memfd_has(f->file->inode, MEMFD_WRITE_SEALS)))
		f->vma_flags |= VMA_MAYWRITE;
	if (atomic_load_relaxed(&f->file->path.mount->flags) & MS_NOEXEC) {
		if (f->prot & PROT_EXEC)
			return -EPERM;
		f->vma_flags &= ~(u32)VMA_MAYEXEC;
	}
	return file_mmap(f->file, f->offset, f->len, shared,
			 shared && (f->prot & PROT_WRITE), &f->pager);
}

/* Pages of its program alone: not run, and in no core file. */
static int mmap_secret(struct sys_mmap *f)
{
	if (f->prot & PROT_EXEC)
		return -EPERM;
	f->vma_flags &= ~(u32)VMA_MAYEXEC;
	f->vma_flags |= VMA_DONTDUMP;
	return 0;
}

static int mmap_check(const struct sys_mmap *f)
{
	u32 type = f->flags & MAP_TYPE;
	u64 end;

	if ((f->flags & MAP_HUGETLB) && (f->file || f->flags >> MAP_HUGE_SHIFT == MAP_HUGE_MASK))
		return -EINVAL;
	if (f->flags & MAP_HUGETLB)
		return -ENOMEM;		/* there are no huge pages */
	if (!f->len)
		return -EINVAL;
	if (f->len > HAL_USER_END)
		return -ENOMEM;
	if (type != MAP_PRIVATE && type != MAP_SHARED && (type != MAP_SHARED_VALIDATE || !f->file))
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE && (f->flags & ~(u32)MM_KNOWN_FLAGS))
		return -EOPNOTSUPP;
	if (add_overflows(f->offset, f->len, &end) || (f->file && end > INT64_MAX))
		return -EOVERFLOW;
	return 0;
}

static bool mmap_is_brought_in(const struct sys_mmap *f, const struct space *s)
{
	if ((s->lock_future & VMA_LOCKS) == VMA_LOCKED)
		return true;
	return (f->flags & (MAP_POPULATE | MAP_LOCKED)) && !(f->flags & MAP_NONBLOCK);
}

static void mmap_let_go(struct sys_mmap *f)
{
	if (f->held)
		rwlock_unlock_read(&f->file->inode->lock);
	f->held = false;
}

static co_t sys_mmap(struct co *co, struct sys_mmap *f)
{
	CO_BEGIN;
	if (f->offset & ~PAGE_MASK)
		CO_RETURN(-EINVAL);
	if (!(f->flags & MAP_ANONYMOUS)) {
		f->file = fd_get(fd_current(co), f->fd);
		if (!f->file)
			CO_RETURN(-EBADF);
	}
	f->result = mmap_check(f);
	if (!f->result && (f->flags & MAP_LOCKED) && !mm_may_lock(co))
		f->result = -EPERM;
	if (!f->result && f->file && memfd_is_open(f->file->inode)) {
		CO_READ_LOCK(&f->file->inode->lock);
		f->held = true;
	}
	if (!f->result && f->file)
		f->result = mmap_file_rights(f);
	if (!f->result && f->pager && f->pager->secret)
		f->result = mmap_secret(f);
	if (f->result)
		goto out;
	CO_AWAIT(f->result, space_map, .space = space_current(co), .addr = f->addr, .len = f->len,
		 .prot = f->prot, .flags = f->flags, .vma_flags = f->vma_flags,
		 .pager = f->pager, .file = f->file, .pgoff = f->offset >> PAGE_SHIFT,
		 .lock_freely = mm_locks_freely(co));
	mmap_let_go(f);
	if (f->result >= 0 && mmap_is_brought_in(f, space_current(co)))
		CO_AWAIT(f->ignored, space_populate, .space = space_current(co),
			 .addr = (u64)f->result, .len = f->len);
out:
	mmap_let_go(f);
	if (f->pager)
		f->pager->ops->put(f->pager);
	file_put(f->file);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(mmap, addr, len, prot, flags, fd, offset);

struct sys_munmap {
	struct co_frame co;
	u64 addr, len;
	long result;
};
static co_t sys_munmap(struct co *co, struct sys_munmap *f)
{
	CO_BEGIN;
	CO_AWAIT(f->result, space_unmap, .space = space_current(co), .addr = mm_untag(f->addr),
		 .len = f->len);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(munmap, addr, len);

struct sys_mprotect {
	struct co_frame co;
	u64 addr, len, prot;
	long result;
};
static co_t sys_mprotect(struct co *co, struct sys_mprotect *f)
{
	CO_BEGIN;
	if (f->prot > UINT32_MAX)
		CO_RETURN(-EINVAL);
	/* PROT_SEM asks for atomics, which all memory has. */
	CO_AWAIT(f->result, space_protect, .space = space_current(co), .addr = mm_untag(f->addr),
		 .len = f->len, .prot = (u32)f->prot & ~(u32)PROT_SEM);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(mprotect, addr, len, prot);

struct sys_mremap {
	struct co_frame co;
	u64 addr, old_len, new_len, flags, new_addr;
	long result, ignored;
};
static co_t sys_mremap(struct co *co, struct sys_mremap *f)
{
	CO_BEGIN;
	if (f->flags > UINT32_MAX)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->result, space_remap, .space = space_current(co), .addr = mm_untag(f->addr),
		 .old_len = f->old_len, .new_len = f->new_len, .flags = (u32)f->flags,
		 .new_addr = f->new_addr, .lock_freely = mm_locks_freely(co));
	if (f->result >= 0 && f->new_len > f->old_len)
		CO_AWAIT(f->ignored, mm_bring_in, .addr = (u64)f->result, .len = f->new_len);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(mremap, addr, old_len, new_len, flags, new_addr);

struct sys_madvise {
	struct co_frame co;
	u64 addr, len;
	u32 advice;
	long result;
};
static co_t sys_madvise(struct co *co, struct sys_madvise *f)
{
	CO_BEGIN;
	CO_AWAIT(f->result, space_advise, .space = space_current(co), .addr = mm_untag(f->addr),
		 .len = f->len, .advice = f->advice);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(madvise, addr, len, advice);

struct sys_msync {
	struct co_frame co;
	u64 addr, len;
	u32 flags;
	long result;
};
static co_t sys_msync(struct co *co, struct sys_msync *f)
{
	u64 end;

	CO_BEGIN;
	f->addr = mm_untag(f->addr);
	if ((f->flags & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
	    (f->flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC) || (f->addr & ~PAGE_MASK))
		CO_RETURN(-EINVAL);
	f->len = PAGE_UP(f->len);	/* to 0, if it is that long */
	if (!f->len)
		CO_RETURN(0);
	if (add_overflows(f->addr, f->len, &end) || end > HAL_USER_END)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->result, space_sync, .space = space_current(co), .addr = f->addr,
		 .len = f->len, .invalidate = f->flags & MS_INVALIDATE,
		 .wait = f->flags & MS_SYNC);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(msync, addr, len, flags);

#define MINCORE_CHUNK 512ul	/* pages asked about at a time */

struct sys_mincore {
	struct co_frame co;
	u64 addr, len;
	uptr vec;
	u64 pages, at, n;
	u8 *buf;
	long result;
};
static co_t sys_mincore(struct co *co, struct sys_mincore *f)
{
	CO_BEGIN;
	f->addr = mm_untag(f->addr);
	if (f->addr & ~PAGE_MASK)
		CO_RETURN(-EINVAL);
	if (f->len > HAL_USER_END || f->addr > HAL_USER_END - f->len)
		CO_RETURN(-ENOMEM);
	f->pages = PAGE_UP(f->len) >> PAGE_SHIFT;
	f->buf = kmalloc(MINCORE_CHUNK);
	if (!f->buf)
		CO_RETURN(-ENOMEM);
	for (f->at = 0; !f->result && f->at < f->pages; f->at += f->n) {
		f->n = min(f->pages - f->at, MINCORE_CHUNK);
		CO_AWAIT(f->result, space_mincore, .space = space_current(co),
			 .addr = f->addr + (f->at << PAGE_SHIFT), .pages = f->n, .to = f->buf);
		if (f->result)
			break;
		CO_COPY_TO_USER(f->result, uptr_add(f->vec, f->at), f->buf, f->n);
	}
	kfree(f->buf);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(mincore, addr, len, vec);
