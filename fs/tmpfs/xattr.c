/* fs/tmpfs/xattr.c -- extended attributes and access control lists. */
#include <linux/stat.h>

#include "core/base/string.h"
#include "fs/tmpfs/internal.h"
#include "vfs/acl.h"

#define XATTR_PER_INODE 1024	/* bytes of attributes that one inode of the limit stands for */

co_t tmpfs_getxattr(struct co *co, struct tmpfs_getxattr *f)
{
	long n;

	CO_BEGIN;
	spin_lock(&f->inode->attr_lock);
	n = xattr_memory_get(&tmpfs_of(f->inode)->xattrs, f->name, f->to, f->size);
	spin_unlock(&f->inode->attr_lock);
	CO_RETURN(n);
	CO_END;
}

/* Room for so many bytes that any user may fill. */
static bool xattr_reserve(struct tmpfs_super *t, u64 bytes)
{
	u64 n = atomic_load_relaxed(&t->xattr_bytes);

	do {
		u64 limit = atomic_load_relaxed(&t->max_inodes);
		u64 used = atomic_load_relaxed(&t->inodes) * XATTR_PER_INODE;

		if (limit && used + n + bytes > limit * XATTR_PER_INODE)
			return false;
	} while (!atomic_cas(&t->xattr_bytes, &n, n + bytes));
	return true;
}

static long xattr_store(const struct inode_setxattr *f)
{
	struct tmpfs_super *t = tmpfs_super_of(f->inode);
	bool counted = xattr_after(f->name, XATTR_USER_PREFIX);
	u64 room = counted && f->value ? xattr_memory_size(f->name, f->size) : 0;
	i64 grown;
	long err;

	if (room && !xattr_reserve(t, room))
		return -ENOSPC;
	spin_lock(&f->inode->attr_lock);
	err = xattr_memory_set(&tmpfs_of(f->inode)->xattrs, f->name, f->value, f->size, f->flags,
			       &grown);
	spin_unlock(&f->inode->attr_lock);
	if (counted)
		atomic_sub(&t->xattr_bytes, room - (u64)grown);
	if (err)
		return err;
	if (!strcmp(f->name, XATTR_NAME_CAPS)) {
		if (f->value)
			atomic_or(&f->inode->flags, (u32)INODE_CAPS);
		else
			atomic_and(&f->inode->flags, ~(u32)INODE_CAPS);
	}
	inode_touch(f->inode, ATTR_CTIME);
	return 0;
}

co_t tmpfs_setxattr(struct co *co, struct tmpfs_setxattr *f)
{
	CO_BEGIN;
	CO_RETURN(xattr_store((const struct inode_setxattr *)f));
	CO_END;
}

void tmpfs_drop_caps(struct inode *inode)
{
	const struct inode_setxattr remove = {.inode = inode, .name = XATTR_NAME_CAPS};

	xattr_store(&remove);
}

co_t tmpfs_listxattr(struct co *co, struct tmpfs_listxattr *f)
{
	CO_BEGIN;
	acl_list(f->inode, f->to);
	spin_lock(&f->inode->attr_lock);
	xattr_memory_list(&tmpfs_of(f->inode)->xattrs, f->to);
	spin_unlock(&f->inode->attr_lock);
	CO_RETURN(0);
	CO_END;
}

co_t tmpfs_setacl(struct co *co, struct tmpfs_setacl *f)
{
	CO_BEGIN;
	if (f->acl)
		acl_get(f->acl);
	acl_set(f->inode, f->is_default, f->acl);
	inode_apply(f->inode, f->attr);
	CO_RETURN(0);
	CO_END;
}

void tmpfs_xattr_free(struct inode *inode)
{
	struct xattr_memory *m = &tmpfs_of(inode)->xattrs;

	if (!m->list_size)
		return;
	atomic_sub(&tmpfs_super_of(inode)->xattr_bytes, xattr_memory_user(m));
	xattr_memory_free(m);
}
