/* vfs/inode.c -- references, the inode table, permission and times. */
#include "vfs/inode.h"

#include <linux/stat.h>

#include "core/cred/cred.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "vfs/acl.h"
#include "vfs/flock.h"
#include "vfs/fileattr.h"
#include "vfs/inotify.h"
#include "vfs/reaper.h"
#include "vfs/super.h"
#include "vfs/writeback.h"

#define INODE_BUCKETS 1024

static spinlock inode_table_lock = SPINLOCK_INIT(RANK_INODE_TABLE);
static struct list inode_table[INODE_BUCKETS] GUARDED_BY(&inode_table_lock);
static i64 inode_clock_offset; /* [a] */

void inode_setup(void)
{
	spin_lock(&inode_table_lock);
	for (unsigned i = 0; i < INODE_BUCKETS; i++)
		list_init(&inode_table[i]);
	spin_unlock(&inode_table_lock);
	inode_clock_offset = (i64)(hal_clock_rtc_seconds() * 1000000000ul);
}

struct inode_time inode_now(void)
{
	u64 ns = hal_clock_ns() + (u64)atomic_load_relaxed(&inode_clock_offset);

	return (struct inode_time){.sec = (i64)(ns / 1000000000ul), .nsec = (u32)(ns % 1000000000ul)};
}

void inode_set_clock(i64 offset_ns)
{
	atomic_store(&inode_clock_offset, offset_ns);
}

void inode_init(struct inode *inode, struct super *s, u64 ino, u32 mode)
{
	*inode = (struct inode){.super = s, .ino = ino, .mode = mode, .nlink = 1};
	ref_init(&inode->refs);
	rwlock_init(&inode->lock, lock_rank_inode(s->depth));
	spin_init(&inode->attr_lock, RANK_INODE);
	inode->atime = inode->mtime = inode->ctime = inode->btime = inode_now();
	list_init(&inode->hash);
	list_init(&inode->reap);
	list_init(&inode->dirty_link);
	mapping_init(&inode->mapping, inode);
	super_get(s);
}

struct inode *inode_new_loose(u32 mode)
{
	static const struct inode_ops loose_ops;
	static u64 next_ino; /* [a] */
	struct inode *inode = kmalloc(sizeof(*inode));

	if (!inode)
		return NULL;
	inode_init(inode, super_loose(), atomic_add(&next_ino, 1ul) + 1, mode);
	inode->ops = &loose_ops;
	return inode;
}

void inode_get(struct inode *inode)
{
	ref_get(&inode->refs);
}

bool inode_get_live(struct inode *inode)
{
	return ref_get_live(&inode->refs);
}

static void inode_free(struct inode *inode)
{
	struct super *s = inode->super;

	flock_free(inode);
	acl_put(inode->acl);
	acl_put(inode->default_acl);
	s->ops->free_inode(inode);
	super_put(s);
}

/* Without a name what it has on a disk goes, too, which waits. */
static bool inode_is_deleted(const struct inode *inode)
{
	return inode->super->ops->evict.step && !atomic_load(&inode->nlink);
}

bool inode_try_evict(struct inode *inode)
{
	if (inode_is_deleted(inode) || page_try_drop_all(&inode->mapping))
		return false;
	inode_unhash(inode);
	inode_free(inode);
	return true;
}

co_t inode_evict_now(struct co *co, struct inode_evict_now *f)
{
	CO_BEGIN;
	inode_unhash(f->inode);
	CO_AWAIT(f->ignored, page_truncate, .mapping = &f->inode->mapping, .size = 0);
	if (inode_is_deleted(f->inode))
		CO_AWAIT_OP(f->ignored, f->inode->super->ops->evict, .inode = f->inode);
	inode_free(f->inode);
	CO_RETURN(0);
	CO_END;
}

/* Watches hold references too, but do not keep a removed file. */
static bool inode_put_was_last(struct inode *inode)
{
	if (writeback_is_last_but_one(inode))
		writeback_forget(inode);
	return atomic_load(&inode->watches) ? inotify_put(inode) : ref_put(&inode->refs);
}

void inode_put(struct inode *inode)
{
	if (inode && inode_put_was_last(inode) && !inode_try_evict(inode))
		reaper_add_inode(inode);
}

co_t inode_put_wait(struct co *co, struct inode_put_wait *f)
{
	CO_BEGIN;
	if (f->inode && inode_put_was_last(f->inode) &&
	    (co_goes_long_way() || !inode_try_evict(f->inode)))
		CO_AWAIT(f->ignored, inode_evict_now, .inode = f->inode);
	CO_RETURN(0);
	CO_END;
}

/* --- the table --- */

static struct list *inode_bucket(const struct super *s, u64 ino) REQUIRES(inode_table_lock)
{
	u64 h = (ino ^ (u64)(uintptr_t)s >> 6) * 0x9e3779b97f4a7c15ul;

	return &inode_table[h >> 54];
}

static struct inode *inode_find_locked(struct super *s, u64 ino) REQUIRES(inode_table_lock)
{
	struct inode *i;

	list_each(i, inode_bucket(s, ino), hash)
		if (i->ino == ino && i->super == s && inode_get_live(i))
			return i;
	return NULL;
}

struct inode *inode_find(struct super *s, u64 ino)
{
	struct inode *i;

	spin_lock(&inode_table_lock);
	i = inode_find_locked(s, ino);
	spin_unlock(&inode_table_lock);
	return i;
}

struct inode *inode_hash(struct inode *inode)
{
	struct inode *there;

	spin_lock(&inode_table_lock);
	there = inode_find_locked(inode->super, inode->ino);
	if (!there)
		list_add_front(inode_bucket(inode->super, inode->ino), &inode->hash);
	spin_unlock(&inode_table_lock);
	return there;
}

void inode_unhash(struct inode *inode)
{
	spin_lock(&inode_table_lock);
	list_remove(&inode->hash);
	spin_unlock(&inode_table_lock);
}

/* --- attributes --- */

u64 inode_size(const struct inode *inode)
{
	return atomic_load(&inode->size);
}

int inode_permission(struct inode *inode, const struct cred *cred, unsigned want)
{
	u32 mode = atomic_load_relaxed(&inode->mode);

	if ((want & CRED_WRITE) && atomic_load_relaxed(&inode->super->read_only) &&
	    (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode)))
		return -EROFS;
	if ((want & CRED_WRITE) && fileattr_immutable(inode))
		return -EPERM;
	if (inode->ops->permission)
		return inode->ops->permission(inode, cred, want);
	if (atomic_load_relaxed(&inode->acl))
		return acl_permission(inode, cred, want);
	/* Most directories on a path: whoever it is. */
	if (want == CRED_EXEC && (mode & 0111) == 0111)
		return 0;
	return cred_permission(cred, mode, atomic_load_relaxed(&inode->uid),
			       atomic_load_relaxed(&inode->gid), want);
}

struct inode_time inode_time_fit(const struct super *s, struct inode_time t)
{
	if (!s->time_max)
		return t;
	if (t.sec < s->time_min || t.sec > s->time_max)
		t = (struct inode_time){.sec = t.sec < s->time_min ? s->time_min : s->time_max};
	if (s->whole_seconds)
		t.nsec = 0;
	return t;
}

void inode_apply(struct inode *inode, const struct inode_attr *attr)
{
	const struct super *s = inode->super;

	spin_lock(&inode->attr_lock);
	if (attr->valid & ATTR_MODE)
		atomic_store(&inode->mode, (inode->mode & S_IFMT) | (attr->mode & 07777));
	if (attr->valid & ATTR_UID)
		atomic_store(&inode->uid, attr->uid);
	if (attr->valid & ATTR_GID)
		atomic_store(&inode->gid, attr->gid);
	if (attr->valid & ATTR_ATIME)
		inode->atime = inode_time_fit(s, attr->atime);
	if (attr->valid & ATTR_MTIME)
		inode->mtime = inode_time_fit(s, attr->mtime);
	if (attr->valid & ATTR_CTIME)
		inode->ctime = inode_time_fit(s, attr->ctime);
	spin_unlock(&inode->attr_lock);
	writeback_note(inode, INODE_DIRTY_ATTRS);
}

void inode_touch(struct inode *inode, unsigned which)
{
	struct inode_time now = inode_now();
	struct inode_attr attr = {.valid = which & (ATTR_ATIME | ATTR_MTIME | ATTR_CTIME),
				  .atime = now, .mtime = now, .ctime = now};

	inode_apply(inode, &attr);
}

/* --- two at once --- */

co_t inode_lock_two(struct co *co, struct inode_lock_two *f)
{
	CO_BEGIN;
	CO_WRITE_LOCK(&f->a->lock);
	if (f->b && f->b != f->a)
		CO_WRITE_LOCK_NEXT(&f->b->lock);
	CO_RETURN(0);
	CO_END;
}

void inode_unlock_two(struct inode *a, struct inode *b)
{
	rwlock_unlock_write(&a->lock);
	if (b && b != a)
		rwlock_unlock_write(&b->lock);
}
