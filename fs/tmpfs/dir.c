/* fs/tmpfs/dir.c -- what the vfs asks of a directory. Its lock is held (and the victim's), names
 * were checked, so these only see to memory, limits and counts.
 */
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "fs/tmpfs/internal.h"
#include "mem/phys/slab.h"
#include "vfs/acl.h"
#include "vfs/fileattr.h"

/* None of these waits, but operations are coroutines: a step that runs through. */
#define DIR_OPERATION(op, call)                                  \
	struct tmpfs_##op {                                      \
		struct inode_##op;                               \
	};                                                       \
	static co_t tmpfs_##op(struct co *co, struct tmpfs_##op *f) \
	{                                                        \
		CO_BEGIN;                                        \
		CO_RETURN(call);                                 \
		CO_END;                                          \
	}                                                        \
	static_assert(true)

static long dir_lookup(struct inode *dir, const char *name, size_t len, struct inode **found)
{
	struct tmpfs_entry *e = tmpfs_find(dir, name, len);

	*found = e ? e->inode : NULL;
	if (e)
		inode_get(e->inode);
	return 0;
}
DIR_OPERATION(lookup, dir_lookup(f->dir, f->name, f->len, f->found));

/* What a new one has of its directory. */
static void dir_inherit(struct inode *inode, const struct inode_create *f)
{
	atomic_or(&inode->flags, atomic_load_relaxed(&f->dir->flags) & FILEATTR_INHERITED);
	if (f->acl) {
		acl_get(f->acl);
		acl_set(inode, false, f->acl);
	}
	if (f->default_acl) {
		acl_get(f->default_acl);
		acl_set(inode, true, f->default_acl);
	}
}

static long dir_create(const struct inode_create *f)
{
	struct tmpfs_entry *e;
	struct inode *inode;
	size_t len;
	int err;

	if (tmpfs_find(f->dir, f->name, f->len))
		return -EEXIST;
	e = tmpfs_entry_new(f->name, f->len);
	if (!e)
		return -ENOMEM;
	err = tmpfs_inode_new(f->dir->super, f->mode, f->uid, f->gid, &inode);
	if (err)
		goto out;
	if (S_ISLNK(f->mode)) {
		len = strlen(f->target);
		tmpfs_of(inode)->target = kmalloc(len + 1);
		if (!tmpfs_of(inode)->target) {
			inode_put(inode);
			err = -ENOMEM;
			goto out;
		}
		memcpy(tmpfs_of(inode)->target, f->target, len + 1);
		inode->size = len;
	}
	inode->rdev = f->rdev;
	dir_inherit(inode, f);
	if (S_ISDIR(f->mode)) {
		tmpfs_of(inode)->parent = f->dir;
		inode_add_links(f->dir, 1);
	}
	tmpfs_enter(f->dir, e, inode);
	*f->made = inode;
	return 0;
out:
	kfree(e);
	return err;
}
struct tmpfs_create {
	struct inode_create;
};
static co_t tmpfs_create(struct co *co, struct tmpfs_create *f)
{
	CO_BEGIN;
	CO_RETURN(dir_create((const struct inode_create *)f));
	CO_END;
}

static long dir_tmpfile(const struct inode_create *f)
{
	int err = tmpfs_inode_new(f->dir->super, f->mode, f->uid, f->gid, f->made);

	if (err)
		return err;
	(*f->made)->nlink = 0;
	dir_inherit(*f->made, f);
	return 0;
}
struct tmpfs_tmpfile {
	struct inode_create;
};
static co_t tmpfs_tmpfile(struct co *co, struct tmpfs_tmpfile *f)
{
	CO_BEGIN;
	CO_RETURN(dir_tmpfile((const struct inode_create *)f));
	CO_END;
}

static long dir_link(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
	struct tmpfs_entry *e = tmpfs_entry_new(name, len);

	if (!e)
		return -ENOMEM;
	tmpfs_enter(dir, e, inode);
	inode_add_links(inode, 1);
	inode_touch(inode, ATTR_CTIME);
	return 0;
}
DIR_OPERATION(link, dir_link(f->dir, f->name, f->len, f->inode));

/* The inode lost an entry of dir: its counts. */
static void dir_drop_link(struct inode *dir, struct inode *inode)
{
	if (S_ISDIR(inode->mode)) {
		atomic_store(&inode->nlink, 0u);
		inode_add_links(dir, -1);
	} else {
		inode_add_links(inode, -1);
	}
	inode_touch(inode, ATTR_CTIME);
}

static bool dir_is_full(struct inode *inode)
{
	return S_ISDIR(inode->mode) && tmpfs_first(inode);
}

static long dir_unlink(struct inode *dir, const char *name, size_t len)
{
	struct tmpfs_entry *e = tmpfs_find(dir, name, len);
	struct inode *inode;

	if (!e)
		return -ENOENT;
	if (dir_is_full(e->inode))
		return -ENOTEMPTY;
	inode = tmpfs_leave(dir, e);
	dir_drop_link(dir, inode);
	inode_put(inode);	/* never the last: the vfs has one */
	return 0;
}
DIR_OPERATION(unlink, dir_unlink(f->dir, f->name, f->len));

/* --- rename --- */

/* A directory that hung below `from` hangs below `to` now. */
static void dir_moved(struct inode *inode, struct inode *from, struct inode *to)
{
	inode_touch(inode, ATTR_CTIME);
	if (!S_ISDIR(inode->mode))
		return;
	tmpfs_of(inode)->parent = to;
	inode_add_links(from, -1);
	inode_add_links(to, 1);
}

static long dir_exchange(const struct inode_rename *f, struct tmpfs_entry *a,
			 struct tmpfs_entry *b)
{
	struct inode *swap = a->inode;

	if (!b)
		return -ENOENT;
	a->inode = b->inode;
	b->inode = swap;
	dir_moved(b->inode, f->old_dir, f->new_dir);
	dir_moved(a->inode, f->new_dir, f->old_dir);
	inode_touch(f->old_dir, ATTR_MTIME | ATTR_CTIME);
	inode_touch(f->new_dir, ATTR_MTIME | ATTR_CTIME);
	return 0;
}

static long dir_rename(const struct inode_rename *f)
{
	struct tmpfs_entry *from = tmpfs_find(f->old_dir, f->old_name, f->old_len);
	struct tmpfs_entry *to = tmpfs_find(f->new_dir, f->new_name, f->new_len), *new = NULL;
	struct inode *inode, *white = NULL;
	int err;

	if (!from)
		return -ENOENT;
	if (f->flags & RENAME_EXCHANGE)
		return dir_exchange(f, from, to);
	if (to && dir_is_full(to->inode))
		return -ENOTEMPTY;
	/* Get all that is needed, then change. */
	if (!to) {
		new = tmpfs_entry_new(f->new_name, f->new_len);
		if (!new)
			return -ENOMEM;
	}
	if (f->flags & RENAME_WHITEOUT) {
		err = tmpfs_inode_new(f->old_dir->super, S_IFCHR, 0, 0, &white);
		if (err) {
			kfree(new);
			return err;
		}
	}
	inode = from->inode;
	if (to) {
		struct inode *old = to->inode;

		inode_get(inode);
		to->inode = inode;
		dir_drop_link(f->new_dir, old);
		inode_put(old);
		inode_touch(f->new_dir, ATTR_MTIME | ATTR_CTIME);
	} else {
		tmpfs_enter(f->new_dir, new, inode);
	}
	dir_moved(inode, f->old_dir, f->new_dir);
	if (white) {
		from->inode = white;	/* its first reference becomes the entry's */
		inode_touch(f->old_dir, ATTR_MTIME | ATTR_CTIME);
	} else {
		tmpfs_leave(f->old_dir, from);
	}
	inode_put(inode);
	return 0;
}
struct tmpfs_rename {
	struct inode_rename;
};
static co_t tmpfs_rename(struct co *co, struct tmpfs_rename *f)
{
	CO_BEGIN;
	CO_RETURN(dir_rename((const struct inode_rename *)f));
	CO_END;
}

/* --- listing --- */

static u8 dir_type(const struct inode *inode)
{
	return (inode->mode & S_IFMT) >> 12;	/* DT_* are the type bits */
}

/* At most so many entries without a breath. */
#define DIR_AT_ONCE 64

static bool dir_emit_some(struct inode *dir, u64 *pos, struct dir_emit *to)
{
	struct tmpfs_entry *e;
	unsigned n = DIR_AT_ONCE;

	if (*pos == 0) {
		if (!to->emit(to, ".", 1, dir->ino, 4, 1))
			return false;
		*pos = 1;
	}
	if (*pos == 1) {
		if (!to->emit(to, "..", 2, tmpfs_of(dir)->parent->ino, 4, TMPFS_FIRST_COOKIE))
			return false;
		*pos = TMPFS_FIRST_COOKIE;
	}
	for (; n && (e = tmpfs_from(dir, *pos)); n--) {
		if (!to->emit(to, e->name, e->len, e->inode->ino, dir_type(e->inode),
			      e->cookie + 1))
			return false;
		*pos = e->cookie + 1;
	}
	return !n;
}

struct tmpfs_readdir {
	struct inode_readdir;
};
static co_t tmpfs_readdir(struct co *co, struct tmpfs_readdir *f)
{
	CO_BEGIN;
	while (dir_emit_some(f->dir, f->pos, f->to))
		CO_BREATHE;
	CO_RETURN(0);
	CO_END;
}

const struct inode_ops tmpfs_dir_ops = {
	.lookup = CO_IMPLEMENTS(inode_lookup, tmpfs_lookup),
	.create = CO_IMPLEMENTS(inode_create, tmpfs_create),
	.tmpfile = CO_IMPLEMENTS(inode_create, tmpfs_tmpfile),
	.link = CO_IMPLEMENTS(inode_link, tmpfs_link),
	.unlink = CO_IMPLEMENTS(inode_unlink, tmpfs_unlink),
	.rename = CO_IMPLEMENTS(inode_rename, tmpfs_rename),
	.setattr = CO_IMPLEMENTS(inode_setattr, tmpfs_setattr),
	.readdir = CO_IMPLEMENTS(inode_readdir, tmpfs_readdir),
	TMPFS_XATTR_OPS,
};
