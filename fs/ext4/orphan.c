/* fs/ext4/orphan.c -- inodes without a name that are still open, or that are being truncated: what
 * a mount after a crash finishes.
 *
 * A file system has a list or, with the feature orphan_file, a file of them. The list begins in
 * the super block and goes on in each inode's time of deletion. The file is an array of inode
 * numbers, a checksum at each block's end, and has a place for many, so that those who delete at
 * the same time do not change the same block of the list; when it is full, the list is used.
 *
 * In memory: those of the list in its order, and each inode knows where it stands.
 */
#include "fs/ext4/orphan.h"
#include "fs/ext4/writable.h"
#include "mem/phys/slab.h"

void ext4_orphans_init(struct ext4 *fs)
{
	mutex_init(&fs->orphan_lock, CO_RANK_FS);
	list_init(&fs->orphans);
}

void ext4_orphans_free(struct ext4 *fs)
{
	kfree(fs->orphan_file);
	fs->orphan_file = NULL;
}

/* --- the super block's part --- */

co_t orphan_first_set(struct co *co, struct orphan_first_set *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_super_access, .handle = f->handle, .fs = f->fs);
	if (f->err)
		CO_RETURN(f->err);
	spin_lock(&f->fs->super_lock);
	f->fs->super_disk->last_orphan = f->ino;
	ext4_super_seal(f->fs);
	spin_unlock(&f->fs->super_lock);
	CO_RETURN(0);
	CO_END;
}

co_t ext4_feature_add(struct co *co, struct ext4_feature_add *f)
{
	CO_BEGIN;
	spin_lock(&f->fs->super_lock);
	f->ro_compat &= ~f->fs->super_disk->feature_ro_compat;
	spin_unlock(&f->fs->super_lock);
	if (!f->ro_compat)
		CO_RETURN(0);
	CO_AWAIT(f->err, ext4_super_access, .handle = f->handle, .fs = f->fs);
	if (f->err)
		CO_RETURN(f->err);
	spin_lock(&f->fs->super_lock);
	f->fs->super_disk->feature_ro_compat |= f->ro_compat;
	ext4_super_seal(f->fs);
	spin_unlock(&f->fs->super_lock);
	CO_RETURN(0);
	CO_END;
}

/* --- the list --- */

co_t ext4_inode_set_dtime(struct co *co, struct ext4_inode_set_dtime *f)
{
	struct ext4 *fs = ext4_of(f->inode);
	u8 *data;

	CO_BEGIN;
	CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->inode);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_buffer, .fs = fs, .ino = (u32)f->inode->ino,
			 .buffer = &f->buffer, .offset = &f->offset);
	if (f->err)
		CO_RETURN(f->err);
	data = f->buffer->data + f->offset;
	spin_lock(&f->inode->attr_lock);
	((struct ext4_disk_inode *)data)->dtime = f->dtime;
	ext4_inode_seal(ext4_of(f->inode), (u32)f->inode->ino, data);
	spin_unlock(&f->inode->attr_lock);
	buffer_put(f->buffer);
	CO_RETURN(0);
	CO_END;
}

struct orphan_list_add {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	long err;
};
static co_t orphan_list_add(struct co *co, struct orphan_list_add *f)
{
	struct ext4_inode *e = ext4_inode(f->inode);

	CO_BEGIN;
	CO_AWAIT(f->err, ext4_inode_set_dtime, .handle = f->handle, .inode = f->inode,
		 .dtime = ext4_of(f->inode)->super_disk->last_orphan);
	if (f->err)
		CO_RETURN(f->err);
	ext4_inode(f->inode)->orphan_next = ext4_of(f->inode)->super_disk->last_orphan;
	CO_AWAIT(f->err, orphan_first_set, .handle = f->handle, .fs = ext4_of(f->inode),
		 .ino = (u32)f->inode->ino);
	if (f->err)
		CO_RETURN(f->err);
	e = ext4_inode(f->inode);
	e->orphan = ORPHAN_LISTED;
	list_add_front(&ext4_of(f->inode)->orphans, &e->orphans);
	CO_RETURN(0);
	CO_END;
}

struct orphan_list_remove {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	struct ext4_inode *before;
	long err;
};
static co_t orphan_list_remove(struct co *co, struct orphan_list_remove *f)
{
	struct ext4_inode *e = ext4_inode(f->inode);

	CO_BEGIN;
	if (e->orphans.prev == &ext4_of(f->inode)->orphans) {
		CO_AWAIT(f->err, orphan_first_set, .handle = f->handle, .fs = ext4_of(f->inode),
			 .ino = ext4_inode(f->inode)->orphan_next);
	} else {
		f->before = list_entry(e->orphans.prev, struct ext4_inode, orphans);
		f->before->orphan_next = e->orphan_next;
		CO_AWAIT(f->err, ext4_inode_set_dtime, .handle = f->handle,
			 .inode = &f->before->inode, .dtime = f->before->orphan_next);
	}
	e = ext4_inode(f->inode);
	list_remove(&e->orphans);
	e->orphan = ORPHAN_NONE;
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_set_dtime, .handle = f->handle, .inode = f->inode);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the file --- */

/* Give place n of the file another number, in the block's buffer `b`. */
static void orphan_file_set(struct ext4 *fs, struct buffer *b, u32 n, u32 ino)
{
	struct ext4_orphan_file *o = fs->orphan_file;
	u32 *places = (u32 *)b->data;

	o->at[n / o->per_block].free += ino ? -1u : 1u;
	places[n % o->per_block] = ino;
	if (fs->checksums)
		orphan_file_tail(fs, b->data)->checksum =
			orphan_file_checksum(o, b->block, b->data);
}

struct orphan_file_add {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u32 at;
	struct buffer *buffer;
	long err;
};

/* The first block with a free place, or count. */
static u32 orphan_file_free_block(const struct ext4_orphan_file *o)
{
	u32 at = 0;

	while (at < o->count && !o->at[at].free)
		at++;
	return at;
}

/* Take a place in block `at`, which has some. */
static int orphan_file_enter(struct inode *inode, struct buffer *b, u32 at)
{
	const struct ext4_orphan_file *o = ext4_of(inode)->orphan_file;
	const u32 *places = (const u32 *)b->data;
	u32 i = 0;

	while (i < o->per_block && places[i])
		i++;
	if (i == o->per_block)
		return -EUCLEAN;
	orphan_file_set(ext4_of(inode), b, at * o->per_block + i, (u32)inode->ino);
	ext4_inode(inode)->orphan = ORPHAN_FILED + at * o->per_block + i;
	return 0;
}

/* 0, or -ENOSPC: there is none, or it is full. */
static co_t orphan_file_add(struct co *co, struct orphan_file_add *f)
{
	const struct ext4_orphan_file *o = ext4_of(f->inode)->orphan_file;

	CO_BEGIN;
	f->at = o ? orphan_file_free_block(o) : 0;
	if (!o || f->at == o->count)
		CO_RETURN(-ENOSPC);
	CO_AWAIT(f->err, buffer_get, .journal = f->handle->journal, .block = o->at[f->at].block,
		 .buffer = &f->buffer);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = f->buffer);
	if (!f->err)
		f->err = orphan_file_enter(f->inode, f->buffer, f->at);
	buffer_put(f->buffer);
	CO_RETURN(f->err);
	CO_END;
}

struct orphan_file_remove {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u32 place;
	struct buffer *buffer;
	long err;
};
static co_t orphan_file_remove(struct co *co, struct orphan_file_remove *f)
{
	const struct ext4_orphan_file *o = ext4_of(f->inode)->orphan_file;

	CO_BEGIN;
	f->place = ext4_inode(f->inode)->orphan - ORPHAN_FILED;
	CO_AWAIT(f->err, buffer_get, .journal = f->handle->journal,
		 .block = o->at[f->place / o->per_block].block, .buffer = &f->buffer);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = f->buffer);
	if (!f->err) {
		orphan_file_set(ext4_of(f->inode), f->buffer, f->place, 0);
		ext4_inode(f->inode)->orphan = ORPHAN_NONE;
	}
	buffer_put(f->buffer);
	CO_RETURN(f->err);
	CO_END;
}

/* --- either --- */

co_t ext4_orphan_add(struct co *co, struct ext4_orphan_add *f)
{
	CO_BEGIN;
	CO_LOCK(&ext4_of(f->inode)->orphan_lock);
	if (ext4_inode(f->inode)->orphan == ORPHAN_NONE) {
		CO_AWAIT(f->err, orphan_file_add, .handle = f->handle, .inode = f->inode);
		if (f->err == -ENOSPC)
			CO_AWAIT(f->err, orphan_list_add, .handle = f->handle, .inode = f->inode);
	}
	mutex_unlock(&ext4_of(f->inode)->orphan_lock);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_orphan_remove(struct co *co, struct ext4_orphan_remove *f)
{
	CO_BEGIN;
	CO_LOCK(&ext4_of(f->inode)->orphan_lock);
	if (ext4_inode(f->inode)->orphan == ORPHAN_LISTED)
		CO_AWAIT(f->err, orphan_list_remove, .handle = f->handle, .inode = f->inode);
	else if (ext4_inode(f->inode)->orphan != ORPHAN_NONE)
		CO_AWAIT(f->err, orphan_file_remove, .handle = f->handle, .inode = f->inode);
	mutex_unlock(&ext4_of(f->inode)->orphan_lock);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_orphan_forget(struct co *co, struct ext4_orphan_forget *f)
{
	CO_BEGIN;
	if (ext4_inode(f->inode)->orphan != ORPHAN_LISTED)
		CO_RETURN(0);
	CO_LOCK(&ext4_of(f->inode)->orphan_lock);
	list_remove(&ext4_inode(f->inode)->orphans);
	ext4_inode(f->inode)->orphan = ORPHAN_NONE;
	mutex_unlock(&ext4_of(f->inode)->orphan_lock);
	CO_RETURN(0);
	CO_END;
}
