/* fs/ext4/dir_write.c -- entries come and go.
 *
 * A block's bytes lie in the directory's own pages; to be changed they are attached to the
 * journal as the buffer of the block on the disk.
 */
#include <linux/stat.h>

#include "fs/ext4/names.h"
#include "mem/phys/buddy.h"

#define DOTDOT_OFFSET 12

long ext4_give_up(struct ext4 *fs, const char *what, long err)
{
	ext4_bad(fs, "%s failed halfway (%ld): nothing is written any more", what, err);
	journal_abort(fs->journal, (int)err);
	return err;
}

/* --- a block's entries --- */

/* As the disk counts types; 0 where entries have none. */
static u8 type_of(const struct ext4 *fs, u32 mode)
{
	static const u8 types[] = {[S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2, [S_IFCHR >> 12] = 3,
				   [S_IFBLK >> 12] = 4, [S_IFIFO >> 12] = 5,
				   [S_IFSOCK >> 12] = 6, [S_IFLNK >> 12] = 7};
	u32 type = (mode & S_IFMT) >> 12;

	return fs->filetype && type < ARRAY_SIZE(types) ? types[type] : 0;
}

struct ext4_dirent *ext4_dirent_room(const struct ext4 *fs, u8 *block, u32 size)
{
	u32 at = 0, end = ext4_leaf_end(fs);

	while (at < end) {
		struct ext4_dirent *e = (struct ext4_dirent *)(block + at);
		u32 used = e->inode ? ext4_dirent_size(e->name_len) : 0;

		if (e->rec_len >= used + size)
			return e;
		at += e->rec_len;
	}
	return NULL;
}

void ext4_dirent_put(const struct ext4 *fs, struct ext4_dirent *room, const struct ext4_entry *new)
{
	u32 used = room->inode ? ext4_dirent_size(room->name_len) : 0;
	struct ext4_dirent *e = (struct ext4_dirent *)((u8 *)room + used);

	if (used) {
		e->rec_len = (u16)(room->rec_len - used);
		room->rec_len = (u16)used;
	}
	e->inode = new->ino;
	e->name_len = (u8)new->len;
	e->file_type = type_of(fs, new->mode);
	memcpy(e->name, new->name, new->len);
}

void ext4_leaf_put(struct inode *dir, u8 *block, const struct ext4_entry *new)
{
	const struct ext4 *fs = ext4_of(dir);

	ext4_dirent_put(fs, ext4_dirent_room(fs, block, ext4_dirent_size(new->len)), new);
	ext4_dir_seal(dir, block);
}

/* What was there is wiped; its room is the entry's before it. */
static void dirent_remove(u8 *block, u32 offset)
{
	struct ext4_dirent *e = (struct ext4_dirent *)(block + offset), *before = NULL;
	u32 at = 0, size = e->rec_len;

	while (at < offset) {
		before = (struct ext4_dirent *)(block + at);
		at += before->rec_len;
	}
	memset(e, 0, size);
	if (before)
		before->rec_len = (u16)(before->rec_len + size);
	else
		e->rec_len = (u16)size;
}

void ext4_leaf_clear(const struct ext4 *fs, u8 *block)
{
	u32 end = ext4_leaf_end(fs);
	struct ext4_dirent_tail *tail = (struct ext4_dirent_tail *)(block + end);

	memset(block, 0, fs->block_size);
	((struct ext4_dirent *)block)->rec_len = (u16)end;
	if (end < fs->block_size)
		*tail = (struct ext4_dirent_tail){.rec_len = sizeof(*tail),
						  .file_type = EXT4_DIRENT_TAIL_TYPE};
}

/* --- blocks --- */

co_t ext4_dir_access(struct co *co, struct ext4_dir_access *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_dir_block, .dir = f->dir, .block = f->block, .page = &f->page,
		 .data = &f->data);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->dir), .block = f->block, .run = &f->run);
	if (!f->err && !f->run.start)
		f->err = -EUCLEAN;
	if (f->err)
		goto out;
	*f->buffer = buffer_attach(ext4_of(f->dir)->journal,
				   f->run.start + (f->block - f->run.block), f->page,
				   (u32)((uintptr_t)f->data & ~PAGE_MASK));
	f->err = -ENOMEM;
	if (!*f->buffer)
		goto out;
	CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = *f->buffer);
	if (f->err)
		buffer_drop(f->buffer);
out:
	phys_page_put(f->page);
	CO_RETURN(f->err);
	CO_END;
}

/* The page where a directory's next block goes: the last one, or one that is added. */
struct dir_next_page {
	struct co_frame co;
	struct inode *dir;
	struct page **page;
	long err;
};
static co_t dir_next_page(struct co *co, struct dir_next_page *f)
{
	CO_BEGIN;
	if (!(inode_size(f->dir) & ~PAGE_MASK)) {
		*f->page = buddy_alloc(0, 0);
		if (!*f->page)
			CO_RETURN(-ENOMEM);
		string_zero_page(phys_page_data(*f->page));
		f->err = page_add(&f->dir->mapping, *f->page, inode_size(f->dir) >> PAGE_SHIFT);
		if (!f->err)
			page_filled(&f->dir->mapping, *f->page, true);
		else
			phys_page_put(*f->page);
		if (f->err != -EEXIST)
			CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->dir->mapping,
		 .index = inode_size(f->dir) >> PAGE_SHIFT, .ahead = 1, .page = f->page);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_dir_append(struct co *co, struct ext4_dir_append *f)
{
	CO_BEGIN;
	f->block = ext4_dir_blocks(f->dir);
	CO_AWAIT(f->err, dir_next_page, .dir = f->dir, .page = &f->page);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_map_append, .handle = f->handle, .inode = f->dir, .block = f->block,
		 .start = &f->start);
	if (f->err)
		goto out;
	*f->buffer = buffer_attach(ext4_of(f->dir)->journal, f->start, f->page,
				   (u32)(inode_size(f->dir) & ~PAGE_MASK));
	f->err = -ENOMEM;
	if (*f->buffer)
		CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = *f->buffer);
	if (!f->err) {
		ext4_leaf_clear(ext4_of(f->dir), (*f->buffer)->data);
		atomic_store(&f->dir->size, inode_size(f->dir) + ext4_of(f->dir)->block_size);
		CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->dir);
	}
	if (f->err) {
		buffer_drop(f->buffer);
		ext4_give_up(ext4_of(f->dir), "a directory's growth", f->err);
	}
out:
	phys_page_put(f->page);
	CO_RETURN(f->err);
	CO_END;
}

/* --- entries --- */

u32 ext4_entry_credits(struct inode *dir)
{
	/* A block of the directory is found and entered into its map, and its inode is written. */
	const u32 append = ext4_map_credits(dir) + 2;

	if (!ext4_of(dir)->dir_index)
		return append;
	/* A leaf is split, and in the worst case a node of each level above it. */
	return (ext4_inode(dir)->flags & EXT4_INDEX_FL ? EXT4_INDEX_LEVELS - 1 : 2) * (append + 2);
}

/* Before an entry is entered anywhere: an index that is not used from now on is none. */
static int index_forget(struct inode *dir)
{
	struct ext4_inode *e = ext4_inode(dir);

	if (!(e->flags & EXT4_INDEX_FL))
		return 0;
	if (ext4_of(dir)->checksums)
		return -EUCLEAN;
	e->flags &= ~(u32)EXT4_INDEX_FL;
	return 0;
}

/* Into any block with room, or a new one; -ENOSPC if there must be none. */
struct entry_add_linear {
	struct co_frame co;
	struct ext4_entry_add *add;
	bool may_grow;
	long err;
};
static co_t entry_add_linear(struct co *co, struct entry_add_linear *f)
{
	struct ext4_entry_add *a;

	CO_BEGIN;
	for (f->add->block = 0; f->add->block < ext4_dir_blocks(f->add->dir); f->add->block++) {
		CO_AWAIT(f->err, ext4_dir_block, .dir = f->add->dir, .block = f->add->block,
			 .page = &f->add->page, .data = &f->add->data);
		if (f->err)
			CO_RETURN(f->err);
		a = f->add;
		a->room = ext4_dirent_room(ext4_of(a->dir), a->data,
					   ext4_dirent_size(a->entry->len));
		phys_page_put(a->page);
		if (a->room)
			break;
		CO_BREATHE;
	}
	if (f->add->room)
		CO_AWAIT(f->err, ext4_dir_access, .handle = f->add->handle, .dir = f->add->dir,
			 .block = f->add->block, .buffer = &f->add->buffer);
	else if (f->may_grow)
		CO_AWAIT(f->err, ext4_dir_append, .handle = f->add->handle, .dir = f->add->dir,
			 .buffer = &f->add->buffer);
	else
		f->err = -ENOSPC;
	if (f->err)
		CO_RETURN(f->err);
	a = f->add;
	ext4_leaf_put(a->dir, a->buffer->data, a->entry);
	buffer_put(a->buffer);
	CO_RETURN(0);
	CO_END;
}

co_t ext4_entry_add(struct co *co, struct ext4_entry_add *f)
{
	bool may_index;

	CO_BEGIN;
	if (ext4_is_indexed(f->dir) && (ext4_inode(f->dir)->flags & EXT4_INDEX_FL)) {
		CO_AWAIT(f->err, ext4_index_add, .handle = f->handle, .dir = f->dir,
			 .entry = f->entry);
		CO_RETURN(f->err);
	}
	f->err = index_forget(f->dir);
	if (f->err)
		CO_RETURN(f->err);
	may_index = ext4_is_indexed(f->dir);
	CO_AWAIT(f->err, entry_add_linear, .add = f, .may_grow = !may_index);
	if (f->err != -ENOSPC || !ext4_is_indexed(f->dir))
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_index_make, .handle = f->handle, .dir = f->dir);
	if (!f->err)
		CO_AWAIT(f->err, ext4_index_add, .handle = f->handle, .dir = f->dir,
			 .entry = f->entry);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_entry_set(struct co *co, struct ext4_entry_set *f)
{
	struct ext4_dirent *e;

	CO_BEGIN;
	CO_AWAIT(f->err, ext4_dir_access, .handle = f->handle, .dir = f->dir,
		 .block = f->place->block, .buffer = &f->buffer);
	if (f->err)
		CO_RETURN(f->err);
	e = (struct ext4_dirent *)(f->buffer->data + f->place->offset);
	if (f->ino) {
		e->inode = f->ino;
		e->file_type = type_of(ext4_of(f->dir), f->mode);
	} else {
		dirent_remove(f->buffer->data, f->place->offset);
	}
	ext4_dir_seal(f->dir, f->buffer->data);
	buffer_put(f->buffer);
	CO_RETURN(0);
	CO_END;
}

/* --- directories themselves --- */

/* "." and "..", and behind the latter's name the rest of the block. */
static void dots_put(struct inode *dir, const struct inode *parent, u8 *block)
{
	const struct ext4 *fs = ext4_of(dir);
	const struct ext4_entry dot = {".", 1, (u32)dir->ino, S_IFDIR};
	const struct ext4_entry dotdot = {"..", 2, (u32)parent->ino, S_IFDIR};

	ext4_dirent_put(fs, (struct ext4_dirent *)block, &dot);
	ext4_dirent_put(fs, (struct ext4_dirent *)block, &dotdot);
}

co_t ext4_dir_make(struct co *co, struct ext4_dir_make *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_dir_append, .handle = f->handle, .dir = f->dir, .buffer = &f->buffer);
	if (f->err)
		CO_RETURN(f->err);
	dots_put(f->dir, f->parent, f->buffer->data);
	ext4_dir_seal(f->dir, f->buffer->data);
	buffer_put(f->buffer);
	CO_RETURN(0);
	CO_END;
}

co_t ext4_dir_reparent(struct co *co, struct ext4_dir_reparent *f)
{
	struct ext4_dirent *e;

	CO_BEGIN;
	CO_AWAIT(f->err, ext4_dir_access, .handle = f->handle, .dir = f->dir, .block = 0,
		 .buffer = &f->buffer);
	if (f->err)
		CO_RETURN(f->err);
	e = (struct ext4_dirent *)(f->buffer->data + DOTDOT_OFFSET);
	f->err = -EUCLEAN;
	if (e->name_len == 2 && e->name[0] == '.' && e->name[1] == '.') {
		e->inode = (u32)f->parent->ino;
		ext4_dir_seal(f->dir, f->buffer->data);
		f->err = 0;
	}
	buffer_put(f->buffer);
	CO_RETURN(f->err);
	CO_END;
}

static bool is_dots(const struct ext4_dirent *e)
{
	return e->name[0] == '.' && (e->name_len == 1 || (e->name_len == 2 && e->name[1] == '.'));
}

static bool block_is_full(const struct ext4 *fs, const u8 *block)
{
	u32 at = 0;

	while (at < fs->block_size) {
		const struct ext4_dirent *e = (const struct ext4_dirent *)(block + at);

		if (e->inode && !is_dots(e))
			return true;
		at += e->rec_len;
	}
	return false;
}

co_t ext4_dir_check_empty(struct co *co, struct ext4_dir_check_empty *f)
{
	CO_BEGIN;
	for (; f->block < ext4_dir_blocks(f->dir); f->block++) {
		CO_AWAIT(f->err, ext4_dir_block, .dir = f->dir, .block = f->block,
			 .page = &f->page, .data = &f->data);
		if (f->err)
			CO_RETURN(f->err);
		f->full = block_is_full(ext4_of(f->dir), f->data);
		phys_page_put(f->page);
		if (f->full)
			CO_RETURN(-ENOTEMPTY);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}
