/* fs/tmpfs/inode.c -- inodes, their limits and their pages. */
#include <linux/stat.h>

#include "core/base/string.h"
#include "fs/tmpfs/internal.h"
#include "mem/phys/slab.h"
#include "vfs/acl.h"
#include "vfs/memfd.h"

#define TMPFS_DIR_SIZE 40	/* what Linux shows for an empty one */

static struct slab_cache *tmpfs_inode_cache;

void tmpfs_inode_setup(void)
{
	tmpfs_inode_cache = slab_cache_new("tmpfs_inode", sizeof(struct tmpfs_inode), 0);
}

/* Add one unless that passes the limit (0: none). */
static bool tmpfs_take(u64 *used, const u64 *max)
{
	u64 n = atomic_load_relaxed(used);

	do {
		u64 limit = atomic_load_relaxed(max);

		if (limit && n >= limit)
			return false;
	} while (!atomic_cas(used, &n, n + 1));
	return true;
}

int tmpfs_inode_new(struct super *s, u32 mode, u32 uid, u32 gid, struct inode **made)
{
	struct tmpfs_super *t = s->private;
	struct tmpfs_inode *i;
	struct inode *inode;

	if (!tmpfs_take(&t->inodes, &t->max_inodes))
		return -ENOSPC;
	i = slab_alloc(tmpfs_inode_cache);
	if (!i) {
		atomic_sub(&t->inodes, 1ul);
		return -ENOMEM;
	}
	*i = (struct tmpfs_inode){.next_cookie = TMPFS_LAST_COOKIE};
	list_init(&i->work);
	inode = &i->inode;
	inode_init(inode, s, atomic_add(&t->next_ino, 1ul), mode);
	inode->uid = uid;
	inode->gid = gid;
	if (S_ISDIR(mode)) {
		inode->ops = &tmpfs_dir_ops;
		inode->nlink = 2;
		inode->size = TMPFS_DIR_SIZE;
		i->parent = inode;
		inode_hash(inode);
	} else if (S_ISLNK(mode)) {
		inode->ops = &tmpfs_link_ops;
	} else {
		inode->ops = &tmpfs_file_ops;
		if (S_ISREG(mode)) {
			inode->mapping.ops = &tmpfs_mapping_ops;
			memfd_seal_new(inode);
		}
	}
	*made = inode;
	return 0;
}

void tmpfs_inode_free(struct inode *inode)
{
	struct tmpfs_super *t = tmpfs_super_of(inode);

	tmpfs_xattr_free(inode);
	kfree(tmpfs_of(inode)->target);
	slab_free(tmpfs_inode_cache, tmpfs_of(inode));
	atomic_sub(&t->inodes, 1ul);
}

/* --- by number --- */

static u32 tmpfs_generation_of(const struct inode *inode)
{
	u64 hash = (tmpfs_super_of(inode)->secret ^ inode->ino) * 0x9e3779b97f4a7c15ul;

	/* 0 is no generation. */
	return (u32)(hash >> 32) | 1;
}

/* Directories are in the table anyway, so that a way up can be found; others from now on. */
u32 tmpfs_generation(struct inode *inode)
{
	struct inode *there = inode_hash(inode);

	inode_put(there);
	return tmpfs_generation_of(inode);
}

co_t tmpfs_by_number(struct co *co, struct tmpfs_by_number *f)
{
	CO_BEGIN;
	*f->found = inode_find(f->super, f->ino);
	if (*f->found && f->exact && f->generation != tmpfs_generation_of(*f->found)) {
		inode_put(*f->found);
		*f->found = NULL;
	}
	CO_RETURN(*f->found ? 0 : -ESTALE);
	CO_END;
}

/* --- pages --- */

static int tmpfs_reserve(struct mapping *m, u64 index)
{
	struct tmpfs_super *t = tmpfs_super_of(m->inode);

	if (!tmpfs_take(&t->pages, &t->max_pages))
		return -ENOSPC;
	atomic_add_relaxed(&m->inode->blocks, PAGE_SIZE / 512);
	return 0;
}

static void tmpfs_released(struct mapping *m, u64 index)
{
	atomic_sub(&tmpfs_super_of(m->inode)->pages, 1ul);
	atomic_sub(&m->inode->blocks, PAGE_SIZE / 512);
}

const struct mapping_ops tmpfs_mapping_ops = {
	.reserve = tmpfs_reserve,
	.released = tmpfs_released,
};

/* --- attributes --- */

co_t tmpfs_setattr(struct co *co, struct tmpfs_setattr *f)
{
	CO_BEGIN;
	if ((f->attr->valid & ATTR_SIZE) && f->attr->size > f->inode->super->max_size)
		CO_RETURN(-EFBIG);
	if (f->attr->valid & ATTR_MODE) {
		long err = acl_chmod(f->inode, f->attr->mode, &f->acl);

		if (err)
			CO_RETURN(err);
	}
	if (f->attr->valid & ATTR_SIZE) {
		f->was = inode_size(f->inode);
		atomic_store(&f->inode->size, f->attr->size);
		if (f->attr->size < f->was)
			CO_AWAIT(f->ignored, page_truncate, .mapping = &f->inode->mapping,
				 .size = f->attr->size, .was = f->was);
		else if (f->attr->size > f->was)
			CO_AWAIT(f->ignored, page_punch, .mapping = &f->inode->mapping,
				 .from = f->was, .to = min(PAGE_UP(f->was), f->attr->size));
	}
	inode_apply(f->inode, f->attr);
	if (f->acl)
		acl_set(f->inode, false, f->acl);
	CO_RETURN(0);
	CO_END;
}

static const char *tmpfs_link_target(struct inode *inode)
{
	return tmpfs_of(inode)->target;
}

struct tmpfs_readlink {
	struct inode_readlink;
};
static co_t tmpfs_readlink(struct co *co, struct tmpfs_readlink *f)
{
	CO_BEGIN;
	CO_RETURN((i64)string_copy(f->to, tmpfs_of(f->inode)->target, f->size));
	CO_END;
}

const struct inode_ops tmpfs_file_ops = {
	TMPFS_XATTR_OPS,
	.setattr = CO_IMPLEMENTS(inode_setattr, tmpfs_setattr),
};

const struct inode_ops tmpfs_link_ops = {
	.readlink = CO_IMPLEMENTS(inode_readlink, tmpfs_readlink),
	.setattr = CO_IMPLEMENTS(inode_setattr, tmpfs_setattr),
	.link_target = tmpfs_link_target,
	TMPFS_XATTR_OPS,
};
