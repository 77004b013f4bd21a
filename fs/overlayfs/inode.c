/* fs/overlayfs/inode.c -- overlay inodes: made from real ones, found by them, their attributes
 * and those operations that change no directory. */
#include <linux/fcntl.h>
#include <linux/magic.h>

#include "fs/overlayfs/overlay.h"

static const struct inode_ops overlay_file_ops;
static const struct file_ops overlay_open_ops;

/* --- the table --- */

static struct list *table_bucket(struct overlay *ov, u64 upper_ino)
{
	return &ov->table[upper_ino % OVERLAY_BUCKETS];
}

static struct inode *table_find(struct overlay *ov, u64 upper_ino) REQUIRES(ov->lock)
{
	struct overlay_inode *o;

	list_each(o, table_bucket(ov, upper_ino), by_upper)
		if (o->upper->ino == upper_ino) {
			inode_get(&o->inode);
			return &o->inode;
		}
	return NULL;
}

struct inode *overlay_find(struct overlay *ov, u64 upper_ino)
{
	struct inode *found;

	spin_lock(&ov->lock);
	found = table_find(ov, upper_ino);
	spin_unlock(&ov->lock);
	return found;
}

/* Enter it; the one that was there already, with a reference, or NULL. */
static struct inode *table_add(struct overlay *ov, struct overlay_inode *o)
{
	struct inode *there;

	spin_lock(&ov->lock);
	there = table_find(ov, o->upper->ino);
	if (!there) {
		list_add_back(table_bucket(ov, o->upper->ino), &o->by_upper);
		inode_get(&o->inode);
	}
	spin_unlock(&ov->lock);
	return there;
}

void overlay_pin(struct overlay *ov, struct overlay_inode *o)
{
	struct inode *there = table_add(ov, o);

	/* A fresh upper inode is nobody else's. */
	assert(!there);
}

static void table_remove(struct overlay *ov, struct overlay_inode *o)
{
	bool was;

	spin_lock(&ov->lock);
	was = !list_empty(&o->by_upper);
	list_remove(&o->by_upper);
	spin_unlock(&ov->lock);
	if (was)
		inode_put(&o->inode);
}

void overlay_unlinked(struct overlay *ov, struct overlay_inode *o)
{
	struct inode *upper = overlay_upper(&o->inode);

	inode_touch(&o->inode, ATTR_CTIME);
	if (!upper)
		atomic_store(&o->removed, 1u);
	else if (!atomic_load(&upper->nlink))
		table_remove(ov, o);
}

co_t overlay_unpin_all(struct co *co, struct overlay_unpin_all *f)
{
	CO_BEGIN;
	while (f->bucket < OVERLAY_BUCKETS) {
		struct overlay *ov = f->super->private;

		f->o = NULL;
		spin_lock(&ov->lock);
		if (!list_empty(&ov->table[f->bucket]))
			f->o = list_first(&ov->table[f->bucket], struct overlay_inode, by_upper);
		spin_unlock(&ov->lock);
		if (f->o)
			table_remove(ov, f->o);
		else
			f->bucket++;
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

/* --- making --- */

u64 overlay_ino(int layer, u64 real)
{
	/* The upper layer is 1, the topmost lower one 0: its files keep their numbers. */
	u64 high = layer < 0 ? 1 : layer == 0 ? 0 : (u64)layer + 1;

	return real | high << 48;
}

struct overlay_inode *overlay_new(unsigned n)
{
	return kzalloc(sizeof(struct overlay_inode) + n * sizeof(struct inode *));
}

void overlay_drop(struct overlay_inode *o)
{
	if (!o)
		return;
	inode_put(o->upper);
	for (unsigned i = 0; i < o->lowers; i++)
		inode_put(o->lower[i]);
	kfree(o->name);
	kfree(o);
}

/* The upper inode outlives the mount: leave it the times and the mode that were kept here. */
static void give_back(struct overlay_inode *o)
{
	struct inode_attr attr = {
		.valid = ATTR_MODE | ATTR_ATIME | ATTR_MTIME | ATTR_CTIME,
		.mode = o->inode.mode & 07777,
		.atime = o->inode.atime,
		.mtime = o->inode.mtime,
		.ctime = o->inode.ctime,
	};

	if (o->upper && !S_ISDIR(o->inode.mode))
		inode_apply(o->upper, &attr);
}

static void overlay_free_inode(struct inode *inode)
{
	struct overlay_inode *o = overlay_of(inode);
	struct inode *parent = o->parent;

	give_back(o);
	overlay_listing_free(o->listing);
	overlay_drop(o);
	inode_put(parent);
}

/* What stat shows of real, taken over. `times`: those too. */
static void copy_attributes(struct inode *inode, struct inode *real, bool times)
{
	const struct overlay_inode *o = overlay_of(inode);
	bool merged = S_ISDIR(inode->mode) && o->lowers + !!o->upper > 1;
	struct inode_time atime, mtime, ctime, btime;
	u32 nlink;

	if (real->ops->refresh)
		real->ops->refresh(real);
	spin_lock(&real->attr_lock);
	nlink = real->nlink;
	atime = real->atime;
	mtime = real->mtime;
	ctime = real->ctime;
	btime = real->btime;
	spin_unlock(&real->attr_lock);
	spin_lock(&inode->attr_lock);
	inode->nlink = atomic_load(&o->removed) ? 0 : merged && nlink ? 1 : nlink;
	atomic_store(&inode->size, inode_size(real));
	atomic_store(&inode->blocks, atomic_load(&real->blocks));
	inode->btime = btime;
	if (times) {
		inode->atime = atime;
		inode->mtime = mtime;
		inode->ctime = ctime;
	}
	spin_unlock(&inode->attr_lock);
}

/* Before stat. Writes keep an upper file's times here, the others are the real inode's. */
void overlay_refresh(struct inode *inode)
{
	copy_attributes(inode, overlay_real(inode),
			S_ISDIR(inode->mode) || !overlay_upper(inode));
}

int overlay_finish(struct overlay *ov, struct overlay_inode *o, struct inode *parent,
		   const char *name, size_t len, struct inode **to)
{
	struct inode *real = o->upper ? o->upper : o->lower[0];
	u64 ino = o->lowers && (S_ISDIR(real->mode) || !o->upper)
			  ? overlay_ino(o->layer[0], o->lower[0]->ino)
			  : overlay_ino(-1, real->ino);
	struct inode *there;

	if (!o->upper && parent) {
		o->name = kmalloc(len + 1);
		if (!o->name) {
			overlay_drop(o);
			return -ENOMEM;
		}
		memcpy(o->name, name, len);
		o->name[len] = 0;
		o->len = len;
		inode_get(parent);
		o->parent = parent;
	}
	inode_init(&o->inode, ov->super, ino, real->mode);
	list_init(&o->by_upper);
	mutex_init(&o->copying, lock_rank_inode(ov->super->depth) + 1);
	o->inode.uid = real->uid;
	o->inode.gid = real->gid;
	o->inode.rdev = real->rdev;
	o->inode.ops = S_ISDIR(real->mode) ? &overlay_dir_ops : &overlay_file_ops;
	/* Devices and FIFOs have no file operations of ours: the vfs finds theirs. */
	if (S_ISDIR(real->mode))
		o->inode.file_ops = &overlay_dir_file_ops;
	else if (S_ISREG(real->mode))
		o->inode.file_ops = &overlay_open_ops;
	copy_attributes(&o->inode, real, true);
	overlay_share_rights(&o->inode, real);
	*to = &o->inode;
	there = o->upper ? table_add(ov, o) : NULL;
	if (there) {
		inode_put(&o->inode);
		*to = there;
	}
	return 0;
}

/* --- looking below --- */

co_t overlay_real_lookup(struct co *co, struct overlay_real_lookup *f)
{
	CO_BEGIN;
	*f->found = NULL;
	CO_READ_LOCK(&f->dir->lock);
	f->err = -ENOENT;
	if (!(atomic_load(&f->dir->flags) & INODE_DEAD) && f->dir->ops->lookup.step)
		CO_AWAIT_OP(f->err, f->dir->ops->lookup, .dir = f->dir, .name = f->name,
			    .len = f->len, .found = f->found);
	rwlock_unlock_read(&f->dir->lock);
	CO_RETURN(f->err);
	CO_END;
}

co_t overlay_lower_has(struct co *co, struct overlay_lower_has *f)
{
	CO_BEGIN;
	for (f->at = 0; f->at < overlay_of(f->dir)->lowers; f->at++) {
		CO_AWAIT(f->err, overlay_real_lookup, .dir = overlay_of(f->dir)->lower[f->at],
			 .name = f->name, .len = f->len, .found = &f->found);
		if (f->err)
			CO_RETURN(f->err);
		if (!f->found)
			continue;
		f->err = !overlay_is_whiteout(f->found);
		inode_put(f->found);
		CO_RETURN(f->err);
	}
	CO_RETURN(0);
	CO_END;
}

/* --- attributes and links --- */

co_t overlay_setattr(struct co *co, struct overlay_setattr *f)
{
	CO_BEGIN;
	f->err = 0;
	if (!overlay_upper(f->inode))
		CO_AWAIT(f->err, overlay_copy_up, .inode = f->inode,
			 .most = f->attr->valid & ATTR_SIZE ? f->attr->size : UINT64_MAX);
	if (f->err)
		CO_RETURN(f->err);
	CO_WRITE_LOCK(&overlay_upper(f->inode)->lock);
	CO_AWAIT_OP(f->err, overlay_upper(f->inode)->ops->setattr,
		    .inode = overlay_upper(f->inode), .attr = f->attr);
	rwlock_unlock_write(&overlay_upper(f->inode)->lock);
	if (!f->err) {
		inode_apply(f->inode, f->attr);
		copy_attributes(f->inode, overlay_upper(f->inode), false);
		overlay_share_rights(f->inode, overlay_upper(f->inode));
	}
	CO_RETURN(f->err);
	CO_END;
}

static const char *overlay_link_target(struct inode *inode)
{
	struct inode *real = overlay_real(inode);

	return real->ops->link_target ? real->ops->link_target(real) : NULL;
}

struct overlay_readlink {
	struct inode_readlink;
	long err;
};
static co_t overlay_readlink(struct co *co, struct overlay_readlink *f)
{
	const char *target;

	CO_BEGIN;
	target = overlay_link_target(f->inode);
	if (target) {
		f->err = (long)string_copy(f->to, target, f->size);
		CO_RETURN(f->err < (long)f->size ? f->err : -ENAMETOOLONG);
	}
	if (!overlay_real(f->inode)->ops->readlink.step)
		CO_RETURN(-EINVAL);
	CO_AWAIT_OP(f->err, overlay_real(f->inode)->ops->readlink,
		    .inode = overlay_real(f->inode), .to = f->to, .size = f->size);
	CO_RETURN(f->err);
	CO_END;
}

static struct inode *overlay_data(struct inode *inode)
{
	struct inode *real = overlay_real(inode);

	return real->ops->data ? real->ops->data(real) : real;
}

/* Opening for writing copies up. */
struct overlay_open {
	struct file_opened;
	long err;
};
static co_t overlay_open(struct co *co, struct overlay_open *f)
{
	CO_BEGIN;
	if (!(f->file->mode & FILE_WRITE) || overlay_upper(f->file->inode) ||
	    !S_ISREG(f->file->inode->mode))
		CO_RETURN(0);
	CO_AWAIT(f->err, overlay_copy_up, .inode = f->file->inode,
		 .most = f->file->flags & O_TRUNC ? 0 : UINT64_MAX);
	CO_RETURN(f->err);
	CO_END;
}

static const struct inode_ops overlay_file_ops = {
	.readlink = CO_IMPLEMENTS(inode_readlink, overlay_readlink),
	.setattr = CO_IMPLEMENTS(inode_setattr, overlay_setattr),
	.link_target = overlay_link_target,
	.refresh = overlay_refresh,
	.data = overlay_data,
	OVERLAY_XATTR_OPS,
};
static const struct file_ops overlay_open_ops = {
	.open = CO_IMPLEMENTS(file_opened, overlay_open),
};

/* --- the super's --- */

static void overlay_statfs(struct super *s, struct statfs_info *to)
{
	const struct overlay *ov = s->private;
	struct super *real = ov->top.dentry ? ov->top.dentry->super
					      : ov->lower[0].dentry->super;

	*to = (struct statfs_info){.block_size = real->block_size};
	if (real->ops->statfs)
		real->ops->statfs(real, to);
	to->type = OVERLAYFS_SUPER_MAGIC;
	to->name_max = 255;
}

static void overlay_show_options(struct super *s, char *to, size_t size)
{
	const struct overlay *ov = s->private;

	string_copy(to, ov->options, size);
}

static void overlay_shutdown(struct super *s)
{
	struct overlay *ov = s->private;

	path_put(&ov->top);
	path_put(&ov->work);
	for (unsigned i = 0; i < ov->lowers; i++)
		path_put(&ov->lower[i]);
	kfree(ov->options);
	kfree(ov);
}

const struct super_ops overlay_super_ops = {
	.free_inode = overlay_free_inode,
	.statfs = overlay_statfs,
	.unmounted = CO_IMPLEMENTS(super_let_go, overlay_unpin_all),
	.shutdown = overlay_shutdown,
	.show_options = overlay_show_options,
};
