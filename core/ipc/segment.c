/* core/ipc/segment.c */
#include "core/ipc/segment.h"

#include <linux/mman.h>

#include "core/base/bits.h"
#include "core/base/string.h"
#include "core/proc/process.h"
#include "mem/phys/slab.h"
#include "mem/space/shm.h"
#include "mem/space/space.h"

#define SEGMENT_READ   0444u
#define SEGMENT_WRITE  0222u
#define SEGMENT_EXEC   0111u
#define SEGMENT_DEST   01000u	/* SHM_DEST: goes when nobody has it attached */
#define SEGMENT_LOCKED 02000u

static u64 segment_pages; /* [a] of all segments */

static struct pager_ops segment_pager_ops;

static struct segment *segment_of(struct ipc_object *o)
{
	return (struct segment *)o;
}

static int segment_pid(void)
{
	struct process *p = process_current();

	return p ? p->pid->nr : 0;
}

/* There are no huge pages: why not one of 2^order bytes (0: the usual size)? */
static int segment_huge(u32 order)
{
	if (order && order != 16 && order != 21 && order != 25 && order != 30)
		return -EINVAL;
	return cred_capable(task_current()->cred, CAP_IPC_LOCK) ? -ENOMEM : -EPERM;
}

static int segment_make(u64 size, u32 flags, struct ipc_object **made)
{
	u64 pages = PAGE_UP(size) >> PAGE_SHIFT;
	struct segment *s;

	if (size < SHMMIN || size > atomic_load_relaxed(&ipc_limits.shmmax))
		return -EINVAL;
	if (size > INT64_MAX)
		return -EINVAL;
	if (flags & SHM_HUGETLB)
		return segment_huge(flags >> SHM_HUGE_SHIFT & SHM_HUGE_MASK);
	if (atomic_add(&segment_pages, pages) + pages > atomic_load_relaxed(&ipc_limits.shmall)) {
		atomic_sub(&segment_pages, pages);
		return -ENOSPC;
	}
	s = kzalloc(sizeof(*s));
	if (s)
		s->pager = shm_new_named(pages, !(flags & SHM_NORESERVE), &segment_pager_ops);
	if (!s || !s->pager) {
		kfree(s);
		atomic_sub(&segment_pages, pages);
		return -ENOMEM;
	}
	s->size = size;
	s->ctime = ipc_now();
	s->cpid = segment_pid();
	*made = &s->o;
	return 0;
}

static bool segment_fits(const struct ipc_object *o, u64 size)
{
	return size <= ((const struct segment *)o)->size;
}

/* It counts no more; whose reference is to be dropped, without the lock. */
static struct user_counts *segment_unlock(struct segment *s)
{
	struct user_counts *user = s->locked_by;

	if (user)
		atomic_sub(&user->locked, PAGE_UP(s->size));
	s->locked_by = NULL;
	return user;
}

static void segment_release(struct ipc_object *o)
{
	struct segment *s = segment_of(o);

	user_counts_put(segment_unlock(s));
	atomic_sub(&segment_pages, PAGE_UP(s->size) >> PAGE_SHIFT);
	s->pager->ops->put(s->pager);
	kfree(s);
}

static const struct ipc_kind segment_kind = {
	.make = segment_make, .fits = segment_fits, .release = segment_release,
};
static struct ipc_table segment_table = IPC_TABLE_INIT(&segment_kind, &ipc_limits.shmmni);

int segment_get(int key, u64 size, u32 flags, const struct cred *cred)
{
	return ipc_get(&segment_table, key, size, flags, cred);
}

/* --- mappings; `file` is the segment --- */

static void segment_attached(void *file)
{
	struct segment *s = file;

	ref_get(&s->o.refs);
	spin_lock(&s->o.lock);
	s->attached++;
	s->lpid = segment_pid();
	s->atime = ipc_now();
	spin_unlock(&s->o.lock);
}

/* One use less; `told`: a mapping went, which shows. */
static void segment_drop(struct segment *s, bool told)
{
	bool gone;

	spin_lock(&s->o.lock);
	s->attached--;
	if (told) {
		s->lpid = segment_pid();
		s->dtime = ipc_now();
	}
	gone = !s->attached && (s->o.mode & SEGMENT_DEST);
	if (gone)
		s->o.removed = true;
	spin_unlock(&s->o.lock);
	if (gone)
		ipc_unlist(&s->o);
	ipc_put(&s->o);
}

static void segment_detached(void *file)
{
	segment_drop(file, true);
}

static size_t segment_path(struct pager *p, void *file, char *to, size_t size)
{
	const struct segment *s = file;

	return min(format(to, size, "/SYSV%08x (deleted)", (unsigned)s->o.name), size - 1);
}

static void segment_numbers(struct pager *p, void *file, struct vma_info *to)
{
	to->dev = 1;
	to->ino = (u64)((const struct segment *)file)->o.id;
}

void segment_init(void)
{
	segment_pager_ops = shm_ops;
	segment_pager_ops.file_get = segment_attached;
	segment_pager_ops.file_put = segment_detached;
	segment_pager_ops.path = segment_path;
	segment_pager_ops.numbers = segment_numbers;
}

/* May it be attached so? Then it stays until segment_drop. */
static long segment_begin_attach(struct segment_attach *f, const struct cred *cred)
{
	struct segment *s = f->segment;
	u32 want = SEGMENT_READ;
	u64 end;
	long err;

	f->prot = PROT_READ;
	if (!(f->flags & SHM_RDONLY)) {
		f->prot |= PROT_WRITE;
		want |= SEGMENT_WRITE;
	}
	if (f->flags & SHM_EXEC) {
		f->prot |= PROT_EXEC;
		want |= SEGMENT_EXEC;
	}
	spin_lock(&s->o.lock);
	err = s->o.removed ? -EIDRM : ipc_permission(&s->o, cred, want);
	if (!err && !(f->flags & SHM_REMAP) && add_overflows(f->addr, s->size, &end))
		err = -EINVAL;
	if (!err)
		s->attached++;
	spin_unlock(&s->o.lock);
	return err;
}

static long segment_check_address(struct segment_attach *f)
{
	if (!f->addr)
		return f->flags & SHM_REMAP ? -EINVAL : 0;
	if (f->addr & ~PAGE_MASK) {
		if (!(f->flags & SHM_RND))
			return -EINVAL;
		f->addr = PAGE_DOWN(f->addr);
		if (!f->addr && (f->flags & SHM_REMAP))
			return -EINVAL;
	}
	return 0;
}

static u32 segment_map_flags(const struct segment_attach *f)
{
	if (!f->addr)
		return MAP_SHARED;
	return MAP_SHARED | (f->flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE);
}

co_t segment_attach(struct co *co, struct segment_attach *f)
{
	CO_BEGIN;
	f->err = segment_check_address(f);
	if (f->err)
		CO_RETURN(f->err);
	f->segment = segment_of(ipc_find(&segment_table, f->id));
	if (!f->segment)
		CO_RETURN(-EINVAL);
	f->err = segment_begin_attach(f, cred_current(co));
	if (f->err) {
		ipc_put(&f->segment->o);
		CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, space_map, .space = f->space, .addr = f->addr, .len = f->segment->size,
		 .prot = f->prot, .flags = segment_map_flags(f), .pager = f->segment->pager,
		 .vma_flags = VMA_MAYEXEC | (f->prot & PROT_WRITE ? VMA_MAYWRITE : 0),
		 .file = f->segment);
	segment_drop(f->segment, false);
	CO_RETURN(f->err == -EEXIST ? -EINVAL : f->err);
	CO_END;
}

static u64 segment_size(void *file)
{
	return ((const struct segment *)file)->size;
}

co_t segment_detach(struct co *co, struct segment_detach *f)
{
	CO_BEGIN;
	if (f->addr & ~PAGE_MASK)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, space_unmap_object, .space = f->space, .addr = f->addr,
		 .ops = &segment_pager_ops, .size = segment_size);
	CO_RETURN(f->err);
	CO_END;
}

/* --- shmctl --- */

static void segment_describe(struct segment *s, struct shmid64_ds *to) REQUIRES(s->o.lock)
{
	*to = (struct shmid64_ds){.shm_segsz = s->size, .shm_atime = s->atime,
				  .shm_dtime = s->dtime, .shm_ctime = s->ctime,
				  .shm_cpid = s->cpid, .shm_lpid = s->lpid,
				  .shm_nattch = s->attached};
	ipc_show(&s->o, &to->shm_perm);
}

int segment_stat(int id, int cmd, const struct cred *cred, struct shmid64_ds *to)
{
	struct segment *s = segment_of(ipc_look_up(&segment_table, id, cmd != IPC_STAT));
	int err = 0;

	if (!s)
		return -EINVAL;
	spin_lock(&s->o.lock);
	if (cmd != SHM_STAT_ANY)
		err = ipc_permission(&s->o, cred, SEGMENT_READ);
	if (!err)
		segment_describe(s, to);
	spin_unlock(&s->o.lock);
	if (!err && cmd != IPC_STAT)
		err = s->o.id;
	ipc_put(&s->o);
	return err;
}

bool segment_next(u32 *place, struct shmid64_ds *to, int *id, u64 *resident)
{
	struct segment *s = segment_of(ipc_next(&segment_table, place));

	if (!s)
		return false;
	spin_lock(&s->o.lock);
	segment_describe(s, to);
	spin_unlock(&s->o.lock);
	*id = s->o.id;
	*resident = shm_resident(s->pager) << PAGE_SHIFT;
	ipc_put(&s->o);
	return true;
}

int segment_change(int id, const struct shmid64_ds *from, const struct cred *cred)
{
	struct ipc_object *o = ipc_find(&segment_table, id);
	int err;

	if (!o)
		return -EINVAL;
	spin_lock(&o->lock);
	err = ipc_owns(o, cred);
	if (!err)
		err = ipc_change(o, &from->shm_perm);
	if (!err)
		segment_of(o)->ctime = ipc_now();
	spin_unlock(&o->lock);
	ipc_put(o);
	return err;
}

int segment_remove(int id, const struct cred *cred)
{
	struct segment *s = segment_of(ipc_find(&segment_table, id));
	bool gone = false;
	int err;

	if (!s)
		return -EINVAL;
	spin_lock(&s->o.lock);
	err = ipc_owns(&s->o, cred);
	if (!err) {
		gone = !s->attached;
		s->o.removed = gone;
		s->o.mode |= SEGMENT_DEST;
	}
	spin_unlock(&s->o.lock);
	if (gone)
		ipc_unlist(&s->o);
	else if (!err)
		ipc_forget_key(&s->o);
	ipc_put(&s->o);
	return err;
}

/* Segments are never written out, so locking one only counts; for whom, says `user`. */
static int segment_set_locked(struct segment *s, bool lock, const struct cred *cred,
			      struct process *p, struct user_counts **drop) REQUIRES(s->o.lock)
{
	u64 bytes = PAGE_UP(s->size);

	if (!lock) {
		*drop = segment_unlock(s);
		s->o.mode &= ~SEGMENT_LOCKED;
		return 0;
	}
	if (s->locked_by)
		return 0;
	if (atomic_add(&p->user->locked, bytes) + bytes > rlimit_get(p, RLIMIT_MEMLOCK) &&
	    !cred_capable(cred, CAP_IPC_LOCK)) {
		atomic_sub(&p->user->locked, bytes);
		return -ENOMEM;
	}
	user_counts_get(p->user);
	s->locked_by = p->user;
	s->o.mode |= SEGMENT_LOCKED;
	return 0;
}

int segment_lock(int id, bool lock, const struct cred *cred)
{
	struct segment *s = segment_of(ipc_find(&segment_table, id));
	struct process *p = process_current();
	struct user_counts *drop = NULL;
	int err = 0;

	if (!s)
		return -EINVAL;
	spin_lock(&s->o.lock);
	if (!cred_capable(cred, CAP_IPC_LOCK) &&
	    ((cred->euid != s->o.uid && cred->euid != s->o.cuid) ||
	     (lock && !rlimit_get(p, RLIMIT_MEMLOCK))))
		err = -EPERM;
	else if (s->o.removed)
		err = -EIDRM;
	if (!err)
		err = segment_set_locked(s, lock, cred, p, &drop);
	spin_unlock(&s->o.lock);
	user_counts_put(drop);
	ipc_put(&s->o);
	return err;
}

int segment_limits(struct shminfo64 *to)
{
	*to = (struct shminfo64){.shmmax = atomic_load_relaxed(&ipc_limits.shmmax),
				 .shmmin = SHMMIN,
				 .shmmni = atomic_load_relaxed(&ipc_limits.shmmni),
				 .shmseg = atomic_load_relaxed(&ipc_limits.shmmni),
				 .shmall = atomic_load_relaxed(&ipc_limits.shmall)};
	return ipc_highest(&segment_table);
}

int segment_info(struct shm_info *to)
{
	struct ipc_object *o;

	*to = (struct shm_info){.shm_tot = atomic_load_relaxed(&segment_pages)};
	for (u32 place = 0; (o = ipc_next(&segment_table, &place)); place++) {
		to->shm_rss += shm_resident(segment_of(o)->pager);
		to->used_ids++;
		ipc_put(o);
	}
	return ipc_highest(&segment_table);
}
