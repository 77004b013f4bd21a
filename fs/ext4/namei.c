/* fs/ext4/namei.c -- what the vfs asks of a directory: names come and go, each as one handle.
 *
 * The vfs holds the directory's lock for writing, and the lock of the inode that is removed or
 * linked, and has checked who may. What can be refused is refused before anything is changed; an
 * inode that was made in vain becomes an orphan, and goes when it is put.
 */
#include <linux/fs.h>
#include <linux/stat.h>

#include "fs/ext4/names.h"
#include "mem/phys/slab.h"
#include "mem/space/reclaim.h"
#include "vfs/acl.h"

#define MAKE_CREDITS   (3u + 1)			/* its number, itself */
#define ORPHAN_CREDITS 4u
#define EVICT_TRIES    8u

/* --- counting links --- */

static bool is_hashed(const struct inode *dir)
{
	return ext4_of(dir)->dir_index &&
	       (container_of(dir, struct ext4_inode, inode)->flags & EXT4_INDEX_FL);
}

bool ext4_dir_links_full(struct inode *dir)
{
	const struct ext4_disk_super *s = ext4_of(dir)->super_disk;

	return dir->nlink >= EXT4_LINK_MAX &&
	       !((s->feature_ro_compat & EXT4_RO_DIR_NLINK) && is_hashed(dir));
}

void ext4_dir_link(struct inode *dir, int n)
{
	u32 links = dir->nlink;

	if (n > 0)	/* 1 says that there are more than can be counted */
		links = is_hashed(dir) && (links == 1 || links >= EXT4_LINK_MAX) ? 1 : links + 1;
	else if (n < 0 && links > 2)
		links--;
	atomic_store(&dir->nlink, links);
}

co_t ext4_drop_link(struct co *co, struct ext4_drop_link *f)
{
	CO_BEGIN;
	if (S_ISDIR(f->inode->mode)) {
		atomic_store(&f->inode->nlink, 0u);
		atomic_store(&f->inode->size, 0ul);
	} else {
		atomic_store(&f->inode->nlink, f->inode->nlink - 1);
	}
	inode_touch(f->inode, ATTR_CTIME);
	if (!f->inode->nlink)
		CO_AWAIT(f->err, ext4_orphan_add, .handle = f->handle, .inode = f->inode);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->inode);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_dir_changed(struct co *co, struct ext4_dir_changed *f)
{
	CO_BEGIN;
	inode_touch(f->dir, ATTR_MTIME | ATTR_CTIME);
	CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->dir);
	CO_RETURN(f->err);
	CO_END;
}

/* Is a change of the directory waited for? */
static bool names_are_synced(const struct inode *dir)
{
	const struct ext4_inode *e = container_of(dir, struct ext4_inode, inode);

	return atomic_load_relaxed(&dir->super->synced) ||
	       (e->flags & (FS_SYNC_FL | FS_DIRSYNC_FL));
}

co_t ext4_names_stop(struct co *co, struct ext4_names_stop *f)
{
	CO_BEGIN;
	f->journal = f->handle->journal;
	f->tid = f->handle->tid;
	journal_stop(f->handle);
	if (names_are_synced(f->dir))
		CO_AWAIT(f->err, journal_wait, .journal = f->journal, .tid = f->tid);
	CO_RETURN(f->err);
	CO_END;
}

/* --- making --- */

/* A link's target: in the inode, or in a block. */
struct link_fill {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	const char *target;
	u64 start;
	struct buffer *buffer;
	long err;
};
static co_t link_fill(struct co *co, struct link_fill *f)
{
	struct ext4_inode *e = ext4_inode(f->inode);

	CO_BEGIN;
	atomic_store(&f->inode->size, strlen(f->target));
	if (f->inode->size < sizeof(e->disk_block)) {
		e->flags &= ~(u32)EXT4_EXTENTS_FL;
		memset(e->disk_block, 0, sizeof(e->disk_block));
		memcpy(e->disk_block, f->target, f->inode->size);
		ext4_inode_ops_set(e, true);
		CO_RETURN(0);
	}
	CO_AWAIT(f->err, ext4_map_append, .handle = f->handle, .inode = f->inode, .block = 0,
		 .start = &f->start);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_create, .handle = f->handle, .block = f->start,
		 .buffer = &f->buffer);
	if (f->err)
		CO_RETURN(f->err);
	memcpy(f->buffer->data, f->target, f->inode->size);
	buffer_put(f->buffer);
	CO_RETURN(0);
	CO_END;
}

static void share_acls(struct inode *inode, const struct inode_create *how)
{
	struct acl *const lists[] = {how->acl, how->default_acl};

	for (int i = 0; i < 2; i++)
		if (lists[i]) {
			acl_get(lists[i]);
			acl_set(inode, i, lists[i]);
		}
}

/* The new one's access control lists. */
struct store_acls {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	const struct inode_create *how;
	long err;
};
static co_t store_acls(struct co *co, struct store_acls *f)
{
	CO_BEGIN;
	share_acls(f->inode, f->how);
	if (f->how->default_acl)
		CO_AWAIT(f->err, ext4_acl_store, .handle = f->handle, .inode = f->inode,
			 .is_default = true, .acl = f->how->default_acl);
	if (!f->err && f->how->acl)
		CO_AWAIT(f->err, ext4_acl_store, .handle = f->handle, .inode = f->inode,
			 .acl = f->how->acl);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_make(struct co *co, struct ext4_make *f)
{
	CO_BEGIN;
	*f->inode = NULL;
	CO_AWAIT(f->err, ext4_inode_alloc, .handle = f->handle, .dir = f->how->dir,
		 .mode = f->how->mode, .uid = f->how->uid, .gid = f->how->gid,
		 .rdev = f->how->rdev, .inode = &f->made);
	if (f->err)
		CO_RETURN(f->err);
	if (S_ISDIR(f->how->mode))
		f->made->nlink = 2;
	CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->made, .fresh = true);
	if (!f->err && S_ISDIR(f->how->mode))
		CO_AWAIT(f->err, ext4_dir_make, .handle = f->handle, .dir = f->made,
			 .parent = f->how->dir);
	if (!f->err && S_ISLNK(f->how->mode)) {
		CO_AWAIT(f->err, link_fill, .handle = f->handle, .inode = f->made,
			 .target = f->how->target);
		if (!f->err)
			CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->made);
	}
	if (!f->err && (f->how->acl || f->how->default_acl))
		CO_AWAIT(f->err, store_acls, .handle = f->handle, .inode = f->made, .how = f->how);
	if (f->err)
		CO_AWAIT(f->ignored, ext4_unmake, .handle = f->handle, .inode = f->made);
	else
		*f->inode = f->made;
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_unmake(struct co *co, struct ext4_unmake *f)
{
	CO_BEGIN;
	atomic_store(&f->inode->nlink, 0u);
	CO_AWAIT(f->err, ext4_orphan_add, .handle = f->handle, .inode = f->inode);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->inode);
	if (f->err)
		ext4_give_up(ext4_of(f->inode), "undoing an inode", f->err);
	inode_put(f->inode);	/* left to the reaper */
	CO_RETURN(f->err);
	CO_END;
}

/* The new inode, and the directory's. */
static u32 make_credits(const struct inode_create *how)
{
	u32 n = MAKE_CREDITS + ORPHAN_CREDITS + 1;

	if (S_ISDIR(how->mode) || S_ISLNK(how->mode))
		n += ext4_map_credits(how->dir) + 2;	/* its first block */
	return n + (how->acl ? EXT4_XATTR_CREDITS : 0) +
	       (how->default_acl ? EXT4_XATTR_CREDITS : 0);
}

static long create_check(const struct inode_create *how)
{
	if (how->len > EXT4_NAME_MAX)
		return -ENAMETOOLONG;
	if (S_ISDIR(how->mode) && ext4_dir_links_full(how->dir))
		return -EMLINK;
	if (S_ISLNK(how->mode) && strlen(how->target) >= ext4_of(how->dir)->block_size)
		return -ENAMETOOLONG;
	return 0;
}

struct create_once {
	struct ext4_once;
	struct handle handle;
	struct ext4_entry entry;
	struct inode *inode;
	long err, ignored;
};
static co_t create_once(struct co *co, struct create_once *f)
{
	const struct inode_create *how = f->of;

	CO_BEGIN;
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(how->dir)->journal,
		 .handle = &f->handle, .credits = make_credits(how) + ext4_entry_credits(how->dir));
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_make, .handle = &f->handle, .how = how, .inode = &f->inode);
	if (f->err)
		goto out;
	f->entry = (struct ext4_entry){how->name, how->len, (u32)f->inode->ino, how->mode};
	CO_AWAIT(f->err, ext4_entry_add, .handle = &f->handle, .dir = how->dir, .entry = &f->entry);
	if (f->err) {
		CO_AWAIT(f->ignored, ext4_unmake, .handle = &f->handle, .inode = f->inode);
		goto out;
	}
	if (S_ISDIR(how->mode))
		ext4_dir_link(how->dir, 1);
	CO_AWAIT(f->err, ext4_dir_changed, .handle = &f->handle, .dir = how->dir);
	if (f->err) {
		ext4_give_up(ext4_of(how->dir), "making a file", f->err);
		inode_put(f->inode);
		goto out;
	}
	*how->made = f->inode;
out:
	CO_AWAIT(f->ignored, ext4_names_stop, .handle = &f->handle,
		 .dir = ((struct inode_create *)f->of)->dir);
	CO_RETURN(f->err ? f->err : f->ignored);
	CO_END;
}

co_t ext4_create(struct co *co, struct ext4_create *f)
{
	static const struct ext4_once_op once = CO_IMPLEMENTS(ext4_once, create_once);

	CO_BEGIN;
	f->err = create_check((struct inode_create *)f);
	if (!f->err)
		CO_AWAIT(f->err, ext4_with_room, .fs = ext4_of(f->dir), .once = &once, .of = f);
	CO_RETURN(f->err);
	CO_END;
}

struct tmpfile_once {
	struct ext4_once;
	struct handle handle;
	struct inode *inode;
	long err;
};
static co_t tmpfile_once(struct co *co, struct tmpfile_once *f)
{
	const struct inode_create *how = f->of;

	CO_BEGIN;
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(how->dir)->journal,
		 .handle = &f->handle, .credits = make_credits(how));
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_make, .handle = &f->handle, .how = how, .inode = &f->inode);
	if (f->err)
		goto out;
	atomic_store(&f->inode->nlink, 0u);
	CO_AWAIT(f->err, ext4_orphan_add, .handle = &f->handle, .inode = f->inode);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle, .inode = f->inode);
	if (f->err) {
		ext4_give_up(ext4_of(f->inode), "making a file", f->err);
		inode_put(f->inode);
	} else {
		*how->made = f->inode;
	}
out:
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_tmpfile(struct co *co, struct ext4_tmpfile *f)
{
	static const struct ext4_once_op once = CO_IMPLEMENTS(ext4_once, tmpfile_once);

	CO_BEGIN;
	CO_AWAIT(f->err, ext4_with_room, .fs = ext4_of(f->dir), .once = &once, .of = f);
	CO_RETURN(f->err);
	CO_END;
}

/* --- linking and removing --- */

struct link_once {
	struct ext4_once;
	struct handle handle;
	struct ext4_entry entry;
	long err, ignored;
};
static co_t link_once(struct co *co, struct link_once *f)
{
	const struct inode_link *l = f->of;

	CO_BEGIN;
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(l->dir)->journal, .handle = &f->handle,
		 .credits = ext4_entry_credits(l->dir) + ORPHAN_CREDITS + 2);
	if (f->err)
		CO_RETURN(f->err);
	f->entry = (struct ext4_entry){l->name, l->len, (u32)l->inode->ino, l->inode->mode};
	CO_AWAIT(f->err, ext4_entry_add, .handle = &f->handle, .dir = l->dir, .entry = &f->entry);
	if (f->err)
		goto out;
	atomic_store(&l->inode->nlink, l->inode->nlink + 1);
	inode_touch(l->inode, ATTR_CTIME);
	if (l->inode->nlink == 1)
		CO_AWAIT(f->err, ext4_orphan_remove, .handle = &f->handle, .inode = l->inode);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle, .inode = l->inode);
	if (!f->err)
		CO_AWAIT(f->err, ext4_dir_changed, .handle = &f->handle, .dir = l->dir);
	if (f->err)
		ext4_give_up(ext4_of(l->dir), "linking a file", f->err);
out:
	CO_AWAIT(f->ignored, ext4_names_stop, .handle = &f->handle,
		 .dir = ((struct inode_link *)f->of)->dir);
	CO_RETURN(f->err ? f->err : f->ignored);
	CO_END;
}

co_t ext4_link(struct co *co, struct ext4_link *f)
{
	static const struct ext4_once_op once = CO_IMPLEMENTS(ext4_once, link_once);

	CO_BEGIN;
	if (f->len > EXT4_NAME_MAX)
		CO_RETURN(-ENAMETOOLONG);
	if (f->inode->nlink >= EXT4_LINK_MAX)
		CO_RETURN(-EMLINK);
	CO_AWAIT(f->err, ext4_with_room, .fs = ext4_of(f->dir), .once = &once, .of = f);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_unlink(struct co *co, struct ext4_unlink *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_dir_find, .dir = f->dir, .name = f->name, .len = f->len,
		 .place = &f->place);
	if (!f->err && f->place.ino != f->inode->ino)
		f->err = -ENOENT;
	if (!f->err && S_ISDIR(f->inode->mode))
		CO_AWAIT(f->err, ext4_dir_check_empty, .dir = f->inode);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->dir)->journal, .handle = &f->handle,
		 .credits = ORPHAN_CREDITS + 3);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_entry_set, .handle = &f->handle, .dir = f->dir, .place = &f->place);
	if (f->err)
		goto out;
	if (S_ISDIR(f->inode->mode))
		ext4_dir_link(f->dir, -1);
	CO_AWAIT(f->err, ext4_drop_link, .handle = &f->handle, .inode = f->inode);
	if (!f->err)
		CO_AWAIT(f->err, ext4_dir_changed, .handle = &f->handle, .dir = f->dir);
	if (f->err)
		ext4_give_up(ext4_of(f->dir), "removing a name", f->err);
out:
	CO_AWAIT(f->ignored, ext4_names_stop, .handle = &f->handle, .dir = f->dir);
	CO_RETURN(f->err ? f->err : f->ignored);
	CO_END;
}

/* --- the end --- */

static bool has_map(const struct inode *inode)
{
	return S_ISREG(inode->mode) || S_ISDIR(inode->mode) ||
	       (S_ISLNK(inode->mode) && !inode->ops->link_target);
}

/* It has no blocks any more: everything else of it. */
struct evict_last {
	struct co_frame co;
	struct inode *inode;
	struct handle handle;
	unsigned tries;
	long err, ignored;
};
static co_t evict_last(struct co *co, struct evict_last *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
		 .handle = &f->handle, .credits = ORPHAN_CREDITS + 3 + 4);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_xattr_drop, .handle = &f->handle, .inode = f->inode);
	atomic_store(&f->inode->size, 0ul);
	ext4_inode(f->inode)->disk_size = 0;
	if (!f->err)
		CO_AWAIT(f->err, ext4_orphan_remove, .handle = &f->handle, .inode = f->inode);
	/* It is on no list any more. */
	while (!f->err) {
		CO_AWAIT(f->err, ext4_inode_free, .handle = &f->handle, .inode = f->inode);
		if (f->err != -ENOMEM || f->tries++ == EVICT_TRIES)
			break;
		CO_AWAIT(f->ignored, reclaim_await, .pages = 4);
		f->err = 0;
	}
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

struct evict_all {
	struct co_frame co;
	struct inode *inode;
	long err;
};
static co_t evict_all(struct co *co, struct evict_all *f)
{
	CO_BEGIN;
	if (has_map(f->inode))
		CO_AWAIT(f->err, ext4_map_cut, .inode = f->inode,
			 .metadata = !S_ISREG(f->inode->mode));
	if (!f->err)
		CO_AWAIT(f->err, evict_last, .inode = f->inode);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_evict(struct co *co, struct ext4_evict *f)
{
	CO_BEGIN;
	if (ext4_of(f->inode)->journal && !journal_aborted(ext4_of(f->inode)->journal)) {
		while (f->tries++ <= EVICT_TRIES) {
			CO_AWAIT(f->err, evict_all, .inode = f->inode);
			if (f->err != -ENOMEM)
				break;
			CO_AWAIT(f->ignored, reclaim_await, .pages = 4);
		}
		if (f->err)
			ext4_bad(ext4_of(f->inode), "inode %lu could not be deleted (%ld)",
				 (unsigned long)f->inode->ino, f->err);
	}
	/* What failed stays on the disk's list, for the next mount or for e2fsck. */
	CO_AWAIT(f->err, ext4_orphan_forget, .inode = f->inode);
	CO_RETURN(0);
	CO_END;
}
