/* vfs/handle.c
 *
 * A handle has the inode's number and generation. From the inode to a name: one that is cached, if
 * there is any. A directory must have its place, as there may be one dentry of it only: its parents
 * are gone up to the first that is cached, and its name is looked for there, and so on down.
 */
#include "vfs/handle.h"

#include <linux/stat.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/dentry.h"
#include "vfs/walk.h"

/* Linux's include/linux/exportfs.h. */
#define FILEID_INO32_GEN	1
#define FILEID_INO32_GEN_PARENT 2
#define FILEID_INO64_GEN	0x81

#define HANDLE_DEPTH_MAX 1000	/* directories above one another; more are a circle */

/* --- making and reading them --- */

int handle_of(struct inode *inode, bool fid, struct handle *to)
{
	const struct super_ops *ops = inode->super->ops;
	u32 low = (u32)inode->ino, high = (u32)(inode->ino >> 32);

	if (!ops->by_number.step) {
		*to = (struct handle){12, FILEID_INO64_GEN, {low, high}};
		return fid ? 0 : -EOPNOTSUPP;
	}
	if (ops->short_handles)
		*to = (struct handle){8, FILEID_INO32_GEN, {low, ops->generation(inode)}};
	else
		*to = (struct handle){12, FILEID_INO32_GEN, {ops->generation(inode), low, high}};
	return 0;
}

/* false: it is none of this file system's. */
static bool handle_read(struct handle_open *f)
{
	const struct super_ops *ops = f->super->ops;
	const struct handle *h = f->handle;

	if (!ops->by_number.step)
		return false;
	if (ops->short_handles) {
		f->ino = h->words[0];
		f->generation = h->words[1];
		return h->bytes >= 8 &&
		       (h->type == FILEID_INO32_GEN || h->type == FILEID_INO32_GEN_PARENT);
	}
	f->generation = h->words[0];
	f->ino = h->words[1] | (u64)h->words[2] << 32;
	return h->bytes >= 12;
}

/* --- a directory's place --- */

/* A cached name of it, with a reference, or NULL. */
struct handle_cached {
	struct co_frame co;
	struct inode *inode;
	struct dentry **found;
	unsigned slot;
};
static co_t handle_cached(struct co *co, struct handle_cached *f)
{
	struct dentry *root;

	CO_BEGIN;
	root = f->inode->super->root_dentry;
	*f->found = root && root->inode == f->inode ? root : NULL;
	if (*f->found) {
		dentry_get(root);
		CO_RETURN(0);
	}
	do {
		*f->found = dentry_of(f->inode, &f->slot);
		CO_BREATHE;
	} while (!*f->found && f->slot);
	CO_RETURN(0);
	CO_END;
}

/* What is looked for in a listing: ".."'s number, or a number's name. */
struct handle_search {
	struct dir_emit emit;	/* first */
	u64 ino;		/* of the entry; 0: ".." is wanted */
	size_t len;
	char name[256];
	bool found;
};

static bool handle_emit(struct dir_emit *to, const char *name, size_t len, u64 ino, u8 type,
			u64 next_pos)
{
	struct handle_search *s = (struct handle_search *)to;
	bool dots = name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));

	if (s->ino ? dots || ino != s->ino : len != 2 || !dots)
		return true;
	s->found = true;
	s->ino = ino;
	s->len = len;
	memcpy(s->name, name, len);
	return false;
}

/* List a directory into a search: -ESTALE if it is not there. Its lock is held by the caller. */
struct handle_list {
	struct co_frame co;
	struct inode *dir;
	struct handle_search *search;
	u64 pos;
	long err;
};
static co_t handle_list(struct co *co, struct handle_list *f)
{
	CO_BEGIN;
	f->search->emit.emit = handle_emit;
	f->search->found = false;
	if (!f->dir->ops->readdir.step)
		CO_RETURN(-ESTALE);
	CO_AWAIT_OP(f->err, f->dir->ops->readdir, .dir = f->dir, .pos = &f->pos,
		    .to = &f->search->emit);
	if (f->err >= 0)
		f->err = f->search->found ? 0 : -ESTALE;
	CO_RETURN(f->err);
	CO_END;
}

/* The inode of ".." instead of *inode, whose reference goes. */
struct handle_climb {
	struct co_frame co;
	struct inode **inode;
	struct handle_search *search;
	struct inode *up;
	long err;
};
static co_t handle_climb(struct co *co, struct handle_climb *f)
{
	CO_BEGIN;
	f->search->ino = 0;
	CO_READ_LOCK(&(*f->inode)->lock);
	CO_AWAIT(f->err, handle_list, .dir = *f->inode, .search = f->search);
	rwlock_unlock_read(&(*f->inode)->lock);
	if (!f->err)
		CO_AWAIT_OP(f->err, (*f->inode)->super->ops->by_number,
			    .super = (*f->inode)->super, .ino = f->search->ino, .found = &f->up);
	if (!f->err && !S_ISDIR(f->up->mode)) {
		inode_put(f->up);
		f->err = -ESTALE;
	}
	if (f->err)
		CO_RETURN(f->err);
	inode_put(*f->inode);
	*f->inode = f->up;
	CO_RETURN(0);
	CO_END;
}

/* The entry of parent that is inode number `ino`: -ESTALE. */
struct handle_enter {
	struct co_frame co;
	struct dentry *parent;
	u64 ino;
	struct handle_search *search;
	struct dentry *made;
	long err;
};
static co_t handle_enter(struct co *co, struct handle_enter *f)
{
	CO_BEGIN;
	f->search->ino = f->ino;
	CO_READ_LOCK(&f->parent->inode->lock);
	CO_AWAIT(f->err, handle_list, .dir = f->parent->inode, .search = f->search);
	if (!f->err)
		CO_AWAIT(f->err, walk_child, .dir = f->parent, .name = f->search->name,
			 .len = (u32)f->search->len, .found = &f->made);
	rwlock_unlock_read(&f->parent->inode->lock);
	if (!f->err && (!f->made->inode || f->made->inode->ino != f->ino))
		f->err = -ESTALE;
	dentry_put(f->made);
	CO_RETURN(f->err);
	CO_END;
}

/* One step: the topmost of its parents that is not cached becomes so. */
struct handle_descend {
	struct co_frame co;
	struct inode *inode;
	struct handle_search *search;
	struct inode *at;
	struct dentry *parent;
	u64 below;		/* the number of what was climbed from */
	unsigned depth;
	long err;
};
static co_t handle_descend(struct co *co, struct handle_descend *f)
{
	CO_BEGIN;
	f->at = f->inode;
	inode_get(f->at);
	while (!f->err && !f->parent) {
		f->below = f->at->ino;
		if (f->depth++ == HANDLE_DEPTH_MAX)
			f->err = -ESTALE;
		else
			CO_AWAIT(f->err, handle_climb, .inode = &f->at, .search = f->search);
		if (!f->err)
			CO_AWAIT(f->err, handle_cached, .inode = f->at, .found = &f->parent);
	}
	if (!f->err)
		CO_AWAIT(f->err, handle_enter, .parent = f->parent, .ino = f->below,
			 .search = f->search);
	inode_put(f->at);
	dentry_put(f->parent);
	CO_RETURN(f->err);
	CO_END;
}

struct handle_place {
	struct co_frame co;
	struct inode *inode;
	struct dentry **found;
	struct handle_search *search;
	unsigned depth;
	long err;
};
static co_t handle_place(struct co *co, struct handle_place *f)
{
	CO_BEGIN;
	f->search = kmalloc(sizeof(*f->search));
	if (!f->search)
		CO_RETURN(-ENOMEM);
	for (;;) {
		CO_AWAIT(f->err, handle_cached, .inode = f->inode, .found = f->found);
		if (*f->found)
			break;
		f->err = -ESTALE;
		if (!(atomic_load(&f->inode->flags) & INODE_DEAD) &&
		    f->depth++ < HANDLE_DEPTH_MAX)
			CO_AWAIT(f->err, handle_descend, .inode = f->inode, .search = f->search);
		if (f->err)
			break;
	}
	kfree(f->search);
	CO_RETURN(f->err);
	CO_END;
}

/* --- opening --- */

co_t handle_open(struct co *co, struct handle_open *f)
{
	CO_BEGIN;
	*f->found = NULL;
	if (!handle_read(f))
		CO_RETURN(-ESTALE);
	CO_AWAIT_OP(f->err, f->super->ops->by_number, .super = f->super, .ino = f->ino,
		    .generation = f->generation, .exact = true, .found = &f->inode);
	if (f->err)
		CO_RETURN(f->err);
	if (S_ISDIR(f->inode->mode))
		CO_AWAIT(f->err, handle_place, .inode = f->inode, .found = f->found);
	else
		CO_AWAIT(f->err, handle_cached, .inode = f->inode, .found = f->found);
	if (f->err || *f->found) {
		inode_put(f->inode);
		CO_RETURN(f->err);
	}
	*f->found = dentry_new_loose(f->super, f->inode, "/");
	CO_RETURN(*f->found ? 0 : -ENOMEM);
	CO_END;
}
