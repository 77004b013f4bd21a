/* fs/ext4/orphan_finish.c -- at mount, what a crash left: inodes that were being deleted are, and
 * what lies past a file's end is cut off.
 */
#include <linux/stat.h>

#include "fs/ext4/orphan.h"
#include "mem/phys/slab.h"

/* Where the file's blocks are, and whether they are sound. */
struct orphan_file_load {
	struct co_frame co;
	struct ext4 *fs;
	struct inode *inode;
	struct ext4_orphan_file *o;
	struct ext4_run run;
	struct buffer *buffer;
	u32 at;
	long err;
};

static struct ext4_orphan_file *orphan_file_new(const struct ext4 *fs, struct inode *inode)
{
	u64 count = inode_size(inode) >> fs->block_shift;
	struct ext4_orphan_file *o = NULL;

	if (count && count <= 65536 && S_ISREG(inode->mode))
		o = kzalloc(sizeof(*o) + count * sizeof(o->at[0]));
	if (!o)
		return NULL;
	o->count = (u32)count;
	o->per_block = (u32)((fs->block_size - sizeof(struct orphan_tail)) / sizeof(u32));
	o->seed = ext4_inode(inode)->seed;
	return o;
}

static int orphan_file_check(const struct ext4 *fs, struct ext4_orphan_file *o, u32 at,
		      const struct buffer *b)
{
	const struct orphan_tail *tail = orphan_file_tail(fs, b->data);
	const u32 *places = (const u32 *)b->data;

	if (tail->magic != ORPHAN_MAGIC ||
	    (fs->checksums && tail->checksum != orphan_file_checksum(o, b->block, b->data))) {
		ext4_bad(fs, "block %u of the file of orphans is damaged", at);
		return -EUCLEAN;
	}
	for (u32 i = 0; i < o->per_block; i++)
		o->at[at].free += !places[i];
	return 0;
}

static co_t orphan_file_load(struct co *co, struct orphan_file_load *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_inode_get, .fs = f->fs, .ino = f->fs->orphan_ino,
		 .inode = &f->inode);
	if (f->err)
		CO_RETURN(f->err);
	f->o = orphan_file_new(f->fs, f->inode);
	f->err = f->o ? 0 : -ENOMEM;
	for (; !f->err && f->at < f->o->count; f->at++) {
		CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->inode), .block = f->at,
			 .run = &f->run);
		if (!f->err && !f->run.start)
			f->err = -EUCLEAN;
		if (f->err)
			break;
		f->o->at[f->at].block = f->run.start + (f->at - f->run.block);
		CO_AWAIT(f->err, buffer_get, .journal = f->fs->journal,
			 .block = f->o->at[f->at].block, .buffer = &f->buffer);
		if (f->err)
			break;
		f->err = orphan_file_check(f->fs, f->o, f->at, f->buffer);
		buffer_put(f->buffer);
		CO_BREATHE;
	}
	inode_put(f->inode);
	if (f->err)
		kfree(f->o);
	else
		f->fs->orphan_file = f->o;
	CO_RETURN(f->err);
	CO_END;
}

/* It is known as an orphan: delete it, or cut off what lies past its end. */
struct orphan_finish {
	struct co_frame co;
	struct inode *inode;
	struct handle handle;
	long err, ignored;
};
static co_t orphan_finish(struct co *co, struct orphan_finish *f)
{
	const struct ext4 *fs = ext4_of(f->inode);

	CO_BEGIN;
	if (f->inode->nlink) {
		CO_AWAIT(f->err, ext4_map_cut, .inode = f->inode,
			 .from = (inode_size(f->inode) + fs->block_size - 1) >> fs->block_shift);
		if (!f->err)
			CO_AWAIT(f->err, journal_start, .journal = fs->journal,
				 .handle = &f->handle, .credits = 4);
		if (!f->err) {
			CO_AWAIT(f->err, ext4_orphan_remove, .handle = &f->handle,
				 .inode = f->inode);
			journal_stop(&f->handle);
		}
		if (f->err)
			CO_AWAIT(f->ignored, ext4_orphan_forget, .inode = f->inode);
	}
	/* Deleting is what the last reference's end does. */
	CO_AWAIT(f->ignored, inode_put_wait, .inode = f->inode);
	CO_RETURN(f->err);
	CO_END;
}

/* The list's first: it is in memory from now on. */
struct orphan_list_first {
	struct co_frame co;
	struct ext4 *fs;
	struct inode **inode;
	struct page *page;
	u8 *data;
	long err;
};
static co_t orphan_list_first(struct co *co, struct orphan_list_first *f)
{
	struct ext4_inode *e;

	CO_BEGIN;
	CO_AWAIT(f->err, ext4_inode_locate, .fs = f->fs, .ino = f->fs->super_disk->last_orphan,
		 .page = &f->page, .data = &f->data);
	if (f->err)
		CO_RETURN(f->err);
	/* Last: to put it is to delete it. */
	CO_AWAIT(f->err, ext4_inode_get, .fs = f->fs, .ino = f->fs->super_disk->last_orphan,
		 .inode = f->inode, .orphan = true);
	if (f->err) {
		phys_page_put(f->page);
		CO_RETURN(f->err);
	}
	e = ext4_inode(*f->inode);
	e->orphan_next = ((struct ext4_disk_inode *)f->data)->dtime;
	e->orphan = ORPHAN_LISTED;
	list_add_front(&f->fs->orphans, &e->orphans);
	phys_page_put(f->page);
	CO_RETURN(0);
	CO_END;
}

/* A list that is broken ends here; what it had lost e2fsck finds. */
struct orphan_list_cut {
	struct co_frame co;
	struct ext4 *fs;
	struct handle handle;
	long err;
};
static co_t orphan_list_cut(struct co *co, struct orphan_list_cut *f)
{
	CO_BEGIN;
	ext4_bad(f->fs, "the list of orphans is broken at inode %u: run e2fsck",
		 f->fs->super_disk->last_orphan);
	CO_AWAIT(f->err, journal_start, .journal = f->fs->journal, .handle = &f->handle,
		 .credits = 1);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, orphan_first_set, .handle = &f->handle, .fs = f->fs, .ino = 0);
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

/* Nothing is wrong with the disk: another mount may do. */
static bool is_short(long err)
{
	return err == -ENOMEM || err == -EINTR;
}

struct orphan_list_finish {
	struct co_frame co;
	struct ext4 *fs;
	struct inode *inode;
	u32 ino, count;
	long err;
};
static co_t orphan_list_finish(struct co *co, struct orphan_list_finish *f)
{
	CO_BEGIN;
	while (f->fs->super_disk->last_orphan && !f->err) {
		f->ino = f->fs->super_disk->last_orphan;
		CO_AWAIT(f->err, orphan_list_first, .fs = f->fs, .inode = &f->inode);
		if (!f->err)
			CO_AWAIT(f->err, orphan_finish, .inode = f->inode);
		if (is_short(f->err))
			break;
		if (f->err || f->fs->super_disk->last_orphan == f->ino ||
		    ++f->count > f->fs->inodes)
			CO_AWAIT(f->err, orphan_list_cut, .fs = f->fs);
		CO_BREATHE;
	}
	if (f->count)
		log_info("ext4 %s: finished with %u orphans", f->fs->dev->name, f->count);
	CO_RETURN(f->err);
	CO_END;
}

struct orphan_file_finish {
	struct co_frame co;
	struct ext4 *fs;
	struct buffer *buffer;
	struct inode *inode;
	u32 at, place, per_block, count;
	long err;
};
static co_t orphan_file_finish(struct co *co, struct orphan_file_finish *f)
{
	u32 ino;

	CO_BEGIN;
	f->per_block = f->fs->orphan_file->per_block;
	for (; f->at < f->fs->orphan_file->count; f->at++) {
		if (f->fs->orphan_file->at[f->at].free == f->per_block)
			continue;
		CO_AWAIT(f->err, buffer_get, .journal = f->fs->journal,
			 .block = f->fs->orphan_file->at[f->at].block, .buffer = &f->buffer);
		if (f->err)
			CO_RETURN(f->err);
		for (f->place = 0; f->place < f->per_block; f->place++) {
			ino = ((u32 *)f->buffer->data)[f->place];
			if (!ino)
				continue;
			CO_AWAIT(f->err, ext4_inode_get, .fs = f->fs, .ino = ino,
				 .inode = &f->inode, .orphan = true);
			if (is_short(f->err))
				break;
			if (f->err)
				continue;	/* said; e2fsck finds it */
			ext4_inode(f->inode)->orphan =
				ORPHAN_FILED + f->at * f->per_block + f->place;
			CO_AWAIT(f->err, orphan_finish, .inode = f->inode);
			if (is_short(f->err))
				break;
			f->count += !f->err;
			CO_BREATHE;
		}
		buffer_put(f->buffer);
		if (is_short(f->err))
			CO_RETURN(f->err);
	}
	if (f->count)
		log_info("ext4 %s: finished with %u orphans", f->fs->dev->name, f->count);
	CO_RETURN(0);
	CO_END;
}

co_t ext4_orphans_finish(struct co *co, struct ext4_orphans_finish *f)
{
	CO_BEGIN;
	if (f->fs->orphan_ino && !f->fs->orphan_file) {
		CO_AWAIT(f->err, orphan_file_load, .fs = f->fs);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, orphan_list_finish, .fs = f->fs);
	if (!f->err && f->fs->orphan_file)
		CO_AWAIT(f->err, orphan_file_finish, .fs = f->fs);
	CO_RETURN(f->err);
	CO_END;
}
