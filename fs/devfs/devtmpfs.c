/* fs/devfs/devtmpfs.c */
#include "fs/devfs/devtmpfs.h"

#include <linux/stat.h>

#include "core/base/log.h"
#include "core/dev/blk.h"
#include "core/dev/chardev.h"
#include "mem/phys/slab.h"
#include "vfs/super.h"
#include "vfs/walk.h"

/* The instance; it stays for good, so that nodes survive an unmount. */
static spinlock one_lock = SPINLOCK_INIT(RANK_FS_PRIVATE);
static struct super *one;	/* under one_lock */

/* A node in the root directory. */
struct make_node {
	struct co_frame co;
	struct inode *root;
	const char *name;
	u32 mode, number;
	struct inode *made;
	long err;
};
static co_t make_node(struct co *co, struct make_node *f)
{
	CO_BEGIN;
	CO_WRITE_LOCK(&f->root->lock);
	CO_AWAIT_OP(f->err, f->root->ops->create, .dir = f->root, .name = f->name,
		    .len = strlen(f->name), .mode = f->mode, .rdev = f->number, .made = &f->made);
	rwlock_unlock_write(&f->root->lock);
	if (!f->err)
		inode_put(f->made);
	CO_RETURN(f->err);
	CO_END;
}

struct make_all {
	struct co_frame co;
	struct inode *root;
	const struct chardev_node *node;
	struct blk_device *dev;
	unsigned n;
	long err;
};
static co_t make_all(struct co *co, struct make_all *f)
{
	CO_BEGIN;
	while ((f->node = chardev_nth_node(f->n++))) {
		CO_AWAIT(f->err, make_node, .root = f->root, .name = f->node->name,
			 .mode = f->node->mode, .number = f->node->number);
		if (f->err)
			CO_RETURN(f->err);
	}
	while ((f->dev = blk_next(f->dev))) {
		CO_AWAIT(f->err, make_node, .root = f->root, .name = f->dev->name,
			 .mode = S_IFBLK | 0600, .number = f->dev->number);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(0);
	CO_END;
}

static struct super *take_one(void)
{
	struct super *s;

	spin_lock(&one_lock);
	s = one;
	if (s)
		super_get(s);
	spin_unlock(&one_lock);
	return s;
}

/* s becomes the instance, unless another mount was faster. */
static bool publish(struct super *s)
{
	bool first;

	spin_lock(&one_lock);
	first = !one;
	if (first)
		one = s;
	spin_unlock(&one_lock);
	return first;
}

struct devtmpfs_mount {
	struct fs_mount;
	struct fs_type *base;
	char *all_options;
	long err;
};
static co_t devtmpfs_mount(struct co *co, struct devtmpfs_mount *f)
{
	struct super *s;

	CO_BEGIN;
	s = take_one();
	if (s) {
		*f->made = s;
		CO_RETURN(0);
	}
	f->base = fs_find("tmpfs");
	if (!f->base)
		CO_RETURN(-ENODEV);
	f->all_options = kmalloc(strlen(f->options) + 16);
	if (!f->all_options)
		CO_RETURN(-ENOMEM);
	format(f->all_options, strlen(f->options) + 16, "mode=755%s%s", *f->options ? "," : "",
	       f->options);
	CO_AWAIT_OP(f->err, f->base->mount, .type = f->type, .source = f->source,
		    .options = f->all_options, .made = f->made);
	kfree(f->all_options);
	if (f->err)
		CO_RETURN(f->err);
	(*f->made)->type = f->type;
	CO_AWAIT(f->err, make_all, .root = (*f->made)->root);
	if (f->err)
		log_err("devtmpfs: not every device has a node: error %ld", f->err);
	/* A use nobody gives up. Losing the race leaves a second instance, which is as good. */
	if (publish(*f->made))
		super_mounted(*f->made);
	CO_RETURN(0);
	CO_END;
}

/* --- disks that come and go --- */

/* Both with the root's lock. d is negative, or not. */
struct node_make {
	struct co_frame co;
	struct dentry *root, *d;
	struct blk_device *dev;
	struct inode *inode;
	long err;
};
static co_t node_make(struct co *co, struct node_make *f)
{
	CO_BEGIN;
	CO_AWAIT_OP(f->err, f->root->inode->ops->create, .dir = f->root->inode,
		    .name = f->d->name, .len = f->d->len, .mode = S_IFBLK | 0600,
		    .rdev = f->dev->number, .made = &f->inode);
	if (!f->err)
		dentry_fill(f->d, f->inode);
	CO_RETURN(f->err);
	CO_END;
}

struct node_remove {
	struct co_frame co;
	struct dentry *root, *d;
	struct inode *inode;
	long err;
};
static co_t node_remove(struct co *co, struct node_remove *f)
{
	CO_BEGIN;
	f->inode = f->d->inode;
	inode_get(f->inode);
	CO_WRITE_LOCK_NEXT(&f->inode->lock);
	CO_AWAIT_OP(f->err, f->root->inode->ops->unlink, .dir = f->root->inode,
		    .name = f->d->name, .len = f->d->len, .inode = f->inode);
	if (!f->err)
		dentry_drop(f->d);
	rwlock_unlock_write(&f->inode->lock);
	inode_put(f->inode);
	CO_RETURN(f->err);
	CO_END;
}

static bool is_node_of(const struct inode *inode, const struct blk_device *dev)
{
	return inode && S_ISBLK(inode->mode) && inode->rdev == dev->number;
}

struct devtmpfs_told {
	struct blk_told;
	struct super *super;
	struct dentry *root, *d;
	long err;
};
static co_t devtmpfs_told(struct co *co, struct devtmpfs_told *f)
{
	CO_BEGIN;
	f->super = take_one();
	if (!f->super)
		CO_RETURN(0);	/* its first mount will look for itself */
	f->root = f->super->root_dentry;
	if (!f->root)
		goto out;
	CO_WRITE_LOCK(&f->root->inode->lock);
	CO_AWAIT(f->err, walk_child, .dir = f->root, .name = f->dev->name,
		 .len = (u32)strlen(f->dev->name), .found = &f->d);
	if (!f->err && !f->d->inode && !atomic_load(&f->dev->absent))
		CO_AWAIT(f->err, node_make, .root = f->root, .d = f->d, .dev = f->dev);
	else if (!f->err && is_node_of(f->d->inode, f->dev) && atomic_load(&f->dev->absent))
		CO_AWAIT(f->err, node_remove, .root = f->root, .d = f->d);
	rwlock_unlock_write(&f->root->inode->lock);
	dentry_put(f->d);
	if (f->err)
		log_warn("devtmpfs: %s: error %ld", f->dev->name, f->err);
out:
	super_put(f->super);
	CO_RETURN(f->err);
	CO_END;
}

static struct fs_type devtmpfs = {
	.name = "devtmpfs",
	.mount = CO_IMPLEMENTS(fs_mount, devtmpfs_mount),
};

void devtmpfs_register(void)
{
	fs_register(&devtmpfs);
	blk_told = (struct blk_told_op)CO_IMPLEMENTS(blk_told, devtmpfs_told);
}
