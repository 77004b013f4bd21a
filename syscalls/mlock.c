/* syscalls/mlock.c -- memory that stays in, and mappings that stay as they are. */
#include <linux/mman.h>

#include "core/base/bits.h"
#include "syscalls/mm.h"

struct mm_lock {
	struct co_frame co;
	u64 addr, len;
	u32 locked;		/* VMA_LOCKS */
	long result;
};
static co_t mm_lock(struct co *co, struct mm_lock *f)
{
	u64 end;

	CO_BEGIN;
	f->addr = mm_untag(f->addr);
	f->len = PAGE_UP(f->len + (f->addr & ~PAGE_MASK));
	f->addr = PAGE_DOWN(f->addr);
	if (f->locked && !mm_may_lock(co))
		CO_RETURN(-EPERM);
	if (add_overflows(f->addr, f->len, &end))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->result, space_lock_range, .space = space_current(co), .addr = f->addr,
		 .len = f->len, .locked = f->locked, .freely = mm_locks_freely(co));
	if (!f->result && f->locked == VMA_LOCKED)
		CO_AWAIT(f->result, space_populate, .space = space_current(co), .addr = f->addr,
			 .len = f->len);
	CO_RETURN(f->result);
	CO_END;
}

struct sys_mlock {
	struct co_frame co;
	u64 addr, len;
	long result;
};
static co_t sys_mlock(struct co *co, struct sys_mlock *f)
{
	CO_BEGIN;
	CO_AWAIT(f->result, mm_lock, .addr = f->addr, .len = f->len, .locked = VMA_LOCKED);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(mlock, addr, len);

struct sys_mlock2 {
	struct co_frame co;
	u64 addr, len;
	u32 flags;
	long result;
};
static co_t sys_mlock2(struct co *co, struct sys_mlock2 *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)MLOCK_ONFAULT)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->result, mm_lock, .addr = f->addr, .len = f->len,
		 .locked = f->flags & MLOCK_ONFAULT ? VMA_LOCKS : VMA_LOCKED);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(mlock2, addr, len, flags);

struct sys_munlock {
	struct co_frame co;
	u64 addr, len;
	long result;
};
static co_t sys_munlock(struct co *co, struct sys_munlock *f)
{
	CO_BEGIN;
	CO_AWAIT(f->result, mm_lock, .addr = f->addr, .len = f->len);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(munlock, addr, len);

struct sys_mlockall {
	struct co_frame co;
	u32 flags;
	u32 locked;
	long result;
};
static co_t sys_mlockall(struct co *co, struct sys_mlockall *f)
{
	CO_BEGIN;
	if (!f->flags || f->flags == MCL_ONFAULT ||
	    (f->flags & ~(u32)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)))
		CO_RETURN(-EINVAL);
	if (!mm_may_lock(co))
		CO_RETURN(-EPERM);
	f->locked = f->flags & MCL_ONFAULT ? VMA_LOCKS : VMA_LOCKED;
	CO_AWAIT(f->result, space_lock_all, .space = space_current(co), .locked = f->locked,
		 .future = f->flags & MCL_FUTURE ? f->locked : 0,
		 .change = f->flags & MCL_CURRENT, .now = f->flags & MCL_CURRENT,
		 .freely = mm_locks_freely(co));
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(mlockall, flags);

struct sys_munlockall {
	struct co_frame co;
	long result;
};
static co_t sys_munlockall(struct co *co, struct sys_munlockall *f)
{
	CO_BEGIN;
	CO_AWAIT(f->result, space_lock_all, .space = space_current(co), .change = true);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(munlockall);

co_t mm_bring_in(struct co *co, struct mm_bring_in *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, space_locks_at, .space = space_current(co), .addr = f->addr);
	if (f->err == VMA_LOCKED)
		CO_AWAIT(f->err, space_populate, .space = space_current(co), .addr = f->addr,
			 .len = f->len);
	CO_RETURN(0);
	CO_END;
}

/* --- mseal --- */

struct sys_mseal {
	struct co_frame co;
	u64 addr, len, flags;
	long result;
};
static co_t sys_mseal(struct co *co, struct sys_mseal *f)
{
	CO_BEGIN;
	if (f->flags)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->result, space_seal, .space = space_current(co), .addr = mm_untag(f->addr),
		 .len = f->len);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(mseal, addr, len, flags);

/* --- protection keys: this CPU has none, so there is key 0 until it is given back --- */

#define PKEY_RIGHTS 0xful	/* PKEY_DISABLE_ACCESS, _WRITE, _EXECUTE, _READ */

static long sys_pkey_alloc(struct task *t, u64 flags, u64 rights)
{
	return flags || (rights & ~PKEY_RIGHTS) ? -EINVAL : -ENOSPC;
}
SYSCALL_PLAIN(pkey_alloc, u64, u64);

static long sys_pkey_free(struct task *t, int key)
{
	return key || atomic_swap(&t->space->key0_freed, true) ? -EINVAL : 0;
}
SYSCALL_PLAIN(pkey_free, int);

struct sys_pkey_mprotect {
	struct co_frame co;
	u64 addr, len, prot;
	int key;
	long result;
};
static co_t sys_pkey_mprotect(struct co *co, struct sys_pkey_mprotect *f)
{
	CO_BEGIN;
	if (f->prot > UINT32_MAX)
		CO_RETURN(-EINVAL);
	if (f->key != -1 && (f->key || atomic_load(&space_current(co)->key0_freed)))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->result, space_protect, .space = space_current(co), .addr = mm_untag(f->addr),
		 .len = f->len, .prot = (u32)f->prot & ~(u32)PROT_SEM);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(pkey_mprotect, addr, len, prot, key);

/* --- remap_file_pages --- */

struct sys_remap_file_pages {
	struct co_frame co;
	u64 addr, len, prot, pgoff, flags;
	long result, ignored;
};
static co_t sys_remap_file_pages(struct co *co, struct sys_remap_file_pages *f)
{
	CO_BEGIN;
	if (f->prot)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->result, space_remap_file, .space = space_current(co), .addr = f->addr,
		 .len = f->len, .pgoff = f->pgoff, .lock_freely = mm_locks_freely(co));
	if (!f->result && !(f->flags & MAP_NONBLOCK))
		CO_AWAIT(f->ignored, space_populate, .space = space_current(co),
			 .addr = PAGE_DOWN(f->addr), .len = PAGE_DOWN(f->len));
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(remap_file_pages, addr, len, prot, pgoff, flags);
