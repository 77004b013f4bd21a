/* vfs/super.c -- the kinds of file system and the instances of them. */
#include "vfs/super.h"

#include <linux/magic.h>

#include "core/base/log.h"
#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/inotify.h"
#include "vfs/mount.h"
#include "vfs/reaper.h"
#include "vfs/writeback.h"

static spinlock super_lock = SPINLOCK_INIT(RANK_INODE_TABLE);
static struct list super_types = LIST_INIT(super_types); /* under super_lock */
static struct list super_all = LIST_INIT(super_all);	 /* under super_lock */
struct super_sync_devices_op super_devices;
static u32 super_next_dev;				 /* [a] */

void fs_register(struct fs_type *type)
{
	spin_lock(&super_lock);
	list_add_back(&super_types, &type->link);
	spin_unlock(&super_lock);
}

struct fs_type *fs_find(const char *name)
{
	struct fs_type *t, *found = NULL;

	spin_lock(&super_lock);
	list_each(t, &super_types, link)
		if (!strcmp(t->name, name))
			found = t;
	spin_unlock(&super_lock);
	return found;
}

struct fs_type *fs_nth(unsigned n)
{
	struct fs_type *t, *found = NULL;

	spin_lock(&super_lock);
	list_each(t, &super_types, link)
		if (!n--) {
			found = t;
			break;
		}
	spin_unlock(&super_lock);
	return found;
}

struct super *super_new(const struct fs_type *type, const struct super_ops *ops)
{
	struct super *s = kzalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->ops = ops;
	s->type = type;
	s->users = &user_ns_first;
	ref_init(&s->refs);
	/* Anonymous devices are 0:minor, as Linux's; the minor is split 12:20 there. */
	s->dev = (atomic_add(&super_next_dev, 1u) + 1) & 0xfffff;
	s->max_size = INT64_MAX;
	s->block_size = PAGE_SIZE;
	mutex_init(&s->rename_mutex, CO_RANK_RENAME);
	mutex_init(&s->change_mutex, CO_RANK_RENAME);
	list_init(&s->reap);
	list_init(&s->dirty);
	list_init(&s->dirty_link);
	spin_lock(&super_lock);
	list_add_back(&super_all, &s->all);
	spin_unlock(&super_lock);
	return s;
}

/* --- the loose super --- */

static void super_loose_free(struct inode *inode)
{
	kfree(inode);
}

static void super_loose_statfs(struct super *s, struct statfs_info *to)
{
	*to = (struct statfs_info){.type = PIPEFS_MAGIC, .block_size = PAGE_SIZE, .name_max = 255};
}

static const struct super_ops super_loose_ops = {
	.free_inode = super_loose_free,
	.statfs = super_loose_statfs,
};
static const struct fs_type super_loose_type = {.name = "pipefs"};
static struct super *super_loose_one; /* [I] after boot */
static struct mount super_loose_at;   /* [I]; never freed */

void super_setup(void)
{
	spin_lock(&super_lock);
	list_init(&super_types);
	list_init(&super_all);
	spin_unlock(&super_lock);
	super_next_dev = 0;
	super_loose_one = super_new(&super_loose_type, &super_loose_ops);
	if (!super_loose_one)
		panic("no memory for the first file system");
	super_loose_at = (struct mount){.super = super_loose_one, .parent = &super_loose_at};
	ref_init(&super_loose_at.refs);
	list_init(&super_loose_at.children);
	list_init(&super_loose_at.child);
	list_init(&super_loose_at.all);
}

struct super *super_loose(void)
{
	return super_loose_one;
}

struct mount *super_loose_mount(void)
{
	return &super_loose_at;
}

void super_get(struct super *s)
{
	ref_get(&s->refs);
}

static void super_free(struct super *s)
{
	spin_lock(&super_lock);
	list_remove(&s->all);
	spin_unlock(&super_lock);
	user_ns_put(s->users);
	kfree(s);
}

void super_put(struct super *s)
{
	if (!ref_put(&s->refs))
		return;
	if (s->ops->close.step) {
		reaper_add_super(s);	/* without one: to be closed */
		return;
	}
	if (s->ops->shutdown)
		s->ops->shutdown(s);
	super_free(s);
}

void super_abandon(struct super *s)
{
	super_free(s);
}

struct super *super_nth(unsigned n)
{
	struct super *s, *found = NULL;

	spin_lock(&super_lock);
	list_each(s, &super_all, all)
		if (!n--) {
			if (ref_get_live(&s->refs))
				found = s;
			break;
		}
	spin_unlock(&super_lock);
	return found;
}

static int super_may_change(struct super *s, bool read_only, bool was, const char *options)
{
	/* Said before the writers are counted: an open claims first and looks then. */
	if (read_only)
		atomic_store(&s->read_only, true);
	atomic_fence();
	if (read_only && !was && atomic_load(&s->writers))
		return -EBUSY;
	if (s->ops->remount.step)
		return 0;
	if (*options)
		return -EINVAL;
	return was && !read_only ? -EROFS : 0;
}

co_t super_change(struct co *co, struct super_change *f)
{
	struct super *s = f->super;

	CO_BEGIN;
	CO_LOCK(&s->change_mutex);
	f->was = atomic_load(&s->read_only);
	f->err = super_may_change(s, f->read_only, f->was, f->options);
	if (!f->err && f->read_only && !f->was)
		CO_AWAIT(f->err, super_sync_one, .super = s);
	if (!f->err && s->ops->remount.step)
		CO_AWAIT_OP(f->err, s->ops->remount, .super = s, .read_only = f->read_only,
			    .options = f->options);
	atomic_store(&s->read_only, f->err ? f->was : f->read_only);
	if (!f->err)
		atomic_store(&s->synced, (s->synced & ~(u32)MS_SYNCHRONOUS) |
						 (f->synced & (u32)MS_SYNCHRONOUS));
	mutex_unlock(&s->change_mutex);
	CO_RETURN(f->err);
	CO_END;
}

/* One more mount of what is mounted. */
static bool super_mount_again(struct super *s)
{
	u32 n = atomic_load(&s->mounts);

	while (n)
		if (atomic_cas(&s->mounts, &n, n + 1))
			return true;
	return false;
}

struct super *super_share(u32 dev)
{
	struct super *s, *found = NULL;

	spin_lock(&super_lock);
	list_each(s, &super_all, all)
		if (s->type->needs_device && s->dev == dev && super_mount_again(s)) {
			super_get(s);
			found = s;
			break;
		}
	spin_unlock(&super_lock);
	return found;
}

void super_mounted(struct super *s)
{
	atomic_add(&s->mounts, 1u);
	super_get(s);
}

void super_unmounted(struct super *s)
{
	if (atomic_sub(&s->mounts, 1u) == 1)
		reaper_add_super(s);	/* with the mount's reference */
	else
		super_put(s);
}

co_t super_sync_one(struct co *co, struct super_sync_one *f)
{
	CO_BEGIN;
	CO_AWAIT(f->failed, writeback_super, .super = f->super);
	if (f->super->ops->sync.step)
		CO_AWAIT_OP(f->err, f->super->ops->sync, .super = f->super);
	CO_RETURN(f->failed ? f->failed : f->err);
	CO_END;
}

/* The first live one from the *n-th on that can be synced, with a reference, or NULL. */
static struct super *super_next_to_sync(unsigned *n)
{
	struct super *s, *found = NULL;
	unsigned at = 0;

	spin_lock(&super_lock);
	list_each(s, &super_all, all)
		if (at++ >= *n && s->ops->sync.step && ref_get_live(&s->refs)) {
			found = s;
			break;
		}
	spin_unlock(&super_lock);
	*n = at;
	return found;
}

co_t super_sync_all(struct co *co, struct super_sync_all *f)
{
	CO_BEGIN;
	while ((f->super = super_next_to_sync(&f->n))) {
		CO_AWAIT(f->ignored, super_sync_one, .super = f->super);
		super_put(f->super);
	}
	CO_RETURN(0);
	CO_END;
}

co_t super_tear_down(struct co *co, struct super_tear_down *f)
{
	CO_BEGIN;
	if (!atomic_load(&f->super->refs.n)) {
		CO_AWAIT_OP(f->ignored, f->super->ops->close, .super = f->super);
		super_free(f->super);
		CO_RETURN(0);
	}
	CO_AWAIT(f->ignored, super_sync_one, .super = f->super);
	writeback_abandon(f->super);
	while (inotify_unmounted(f->super))
		CO_BREATHE;
	if (f->super->ops->unmounted.step)
		CO_AWAIT_OP(f->ignored, f->super->ops->unmounted, .super = f->super);
	dentry_shrink_super(f->super);
	if (f->super->root_dentry)
		dentry_put(f->super->root_dentry);
	else
		inode_put(f->super->root);
	super_put(f->super);
	CO_RETURN(0);
	CO_END;
}
