/* fs/ext4/dir.c -- directories: blocks of entries, checked once when their page is filled. */
#include "core/base/crc.h"
#include "fs/ext4/ext4.h"
#include "fs/ext4/names.h"
#include "fs/ext4/trim.h"
#include "mem/phys/slab.h"
#include "vfs/file.h"

#define DIRENT_SHORTEST 12	/* a name of one byte */

/* As DT_* in <dirent.h>; the disk's numbers are others. */
static const u8 dirent_types[] = {0 /* unknown */, 8 /* file */, 4 /* directory */,
				  2 /* char */, 6 /* block */, 1 /* fifo */,
				  12 /* socket */, 10 /* link */};

u8 ext4_dirent_type(const struct ext4 *fs, const struct ext4_dirent *e)
{
	return fs->filetype && e->file_type < ARRAY_SIZE(dirent_types)
		       ? dirent_types[e->file_type] : 0;
}

/* --- checking a block --- */

static const char *dirent_wrong(const struct ext4 *fs, const struct ext4_dirent *e, u32 left)
{
	u32 n = e->name_len;

	if (e->rec_len < DIRENT_SHORTEST || e->rec_len % 4 || e->rec_len > left)
		return "an entry's length is impossible";
	if (left - e->rec_len && left - e->rec_len < DIRENT_SHORTEST)
		return "an entry ends too close to the block's end";
	if (n > e->rec_len - EXT4_DIRENT_HEAD)
		return "a name is longer than its entry";
	if (!e->inode)
		return NULL;
	if (e->inode > fs->inodes)
		return "an entry's inode number is impossible";
	if (!n || memchr(e->name, '/', n) || memchr(e->name, 0, n))
		return "a name is impossible";
	return NULL;
}

static const char *entries_wrong(const struct ext4 *fs, const u8 *block)
{
	const char *wrong = NULL;
	u32 at = 0;

	while (!wrong && at < fs->block_size) {
		const struct ext4_dirent *e = (const struct ext4_dirent *)(block + at);

		wrong = dirent_wrong(fs, e, fs->block_size - at);
		at += e->rec_len;
	}
	return wrong;
}

static u32 leaf_checksum(const struct ext4 *fs, u32 seed, const u8 *block)
{
	return crc_32c(seed, block, fs->block_size - sizeof(struct ext4_dirent_tail));
}

static struct ext4_dirent_tail *leaf_tail(const struct ext4 *fs, const u8 *block)
{
	return (struct ext4_dirent_tail *)(block + fs->block_size) - 1;
}

static const char *leaf_checksum_wrong(const struct ext4 *fs, u32 seed, const u8 *block)
{
	const struct ext4_dirent_tail *tail = leaf_tail(fs, block);

	if (tail->inode || tail->rec_len != sizeof(*tail) || tail->name_len ||
	    tail->file_type != EXT4_DIRENT_TAIL_TYPE)
		return "a block has no checksum";
	if (leaf_checksum(fs, seed, block) != tail->checksum)
		return "a block's checksum is wrong";
	return NULL;
}

/* Where an index block's checksum lies, or NULL if its numbers leave no room for one. */
static struct ext4_dx_tail *index_tail(const struct ext4 *fs, const u8 *block, unsigned offset)
{
	const struct ext4_dx_countlimit *c = (const struct ext4_dx_countlimit *)(block + offset);
	u32 at = offset + c->limit * (u32)sizeof(struct ext4_dx_entry);

	if (c->count > c->limit || at + sizeof(struct ext4_dx_tail) > fs->block_size)
		return NULL;
	return (struct ext4_dx_tail *)(block + at);
}

static u32 index_checksum(u32 seed, const u8 *block, unsigned offset,
			  const struct ext4_dx_tail *tail)
{
	const struct ext4_dx_countlimit *c = (const struct ext4_dx_countlimit *)(block + offset);
	const u32 zero = 0;
	u32 crc = crc_32c(seed, block, offset + c->count * sizeof(struct ext4_dx_entry));

	crc = crc_32c(crc, &tail->reserved, sizeof(tail->reserved));
	return crc_32c(crc, &zero, sizeof(zero));
}

static const char *index_checksum_wrong(const struct ext4 *fs, u32 seed, const u8 *block,
					unsigned offset)
{
	const struct ext4_dx_tail *tail = index_tail(fs, block, offset);

	if (!tail)
		return "an index block has no room for its checksum";
	return index_checksum(seed, block, offset, tail) == tail->checksum
		       ? NULL : "an index block's checksum is wrong";
}

void ext4_dir_seal(struct inode *dir, u8 *block)
{
	const struct ext4 *fs = ext4_of(dir);
	const struct ext4_inode *e = ext4_inode(dir);
	unsigned offset = e->flags & EXT4_INDEX_FL ? ext4_index_offset(fs, block) : 0;
	struct ext4_dx_tail *tail;

	if (!fs->checksums)
		return;
	if (!offset) {
		leaf_tail(fs, block)->checksum = leaf_checksum(fs, e->seed, block);
		return;
	}
	tail = index_tail(fs, block, offset);
	if (tail)
		tail->checksum = index_checksum(e->seed, block, offset, tail);
}

static const char *block_wrong(struct inode *dir, const u8 *block)
{
	const struct ext4 *fs = ext4_of(dir);
	const struct ext4_inode *e = ext4_inode(dir);
	const char *wrong = NULL;
	unsigned offset = 0;

	if (e->flags & EXT4_INDEX_FL)
		offset = ext4_index_offset(fs, block);
	if (fs->checksums && offset)
		wrong = index_checksum_wrong(fs, e->seed, block, offset);
	else if (fs->checksums)
		wrong = leaf_checksum_wrong(fs, e->seed, block);
	return wrong ? wrong : entries_wrong(fs, block);
}

/* Check the blocks that lie in a page. */
static int page_check(struct inode *dir, struct page *page)
{
	const struct ext4 *fs = ext4_of(dir);
	u64 block = page->index << PAGE_SHIFT >> fs->block_shift;

	for (u32 at = 0; at < PAGE_SIZE && block < ext4_dir_blocks(dir);
	     at += fs->block_size, block++) {
		const char *wrong = block_wrong(dir, (u8 *)phys_page_data(page) + at);

		if (wrong) {
			ext4_damaged_inode(dir, "directory %lu, block %lu: %s",
					   (unsigned long)dir->ino, (unsigned long)block, wrong);
			return -EUCLEAN;
		}
	}
	return 0;
}

/* What was changed and is not yet at its place on the disk comes from the journal: the directory
 * was forgotten meanwhile. */
struct page_overlay {
	struct co_frame co;
	struct mapping *mapping;
	struct page *page;
	struct ext4_run run;
	u64 block;
	u32 at;
	long err;
};
static co_t page_overlay(struct co *co, struct page_overlay *f)
{
	const struct ext4 *fs = ext4_of(f->mapping->inode);

	CO_BEGIN;
	if (!fs->journal)
		CO_RETURN(0);
	f->block = f->page->index << PAGE_SHIFT >> fs->block_shift;
	for (; f->at < PAGE_SIZE && f->block < ext4_dir_blocks(f->mapping->inode); f->block++) {
		CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->mapping->inode),
			 .block = f->block, .run = &f->run);
		if (f->err)
			CO_RETURN(f->err);
		if (f->run.start)
			buffer_overlay(fs->journal, f->run.start + (f->block - f->run.block),
				       (u8 *)phys_page_data(f->page) + f->at);
		f->at += fs->block_size;
	}
	CO_RETURN(0);
	CO_END;
}

struct ext4_dir_readpage {
	struct mapping_readpage;
	long err;
};
static co_t ext4_dir_readpage(struct co *co, struct ext4_dir_readpage *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_read_pages, .mapping = f->mapping, .pages = &f->page, .count = 1);
	if (!f->err)
		CO_AWAIT(f->err, page_overlay, .mapping = f->mapping, .page = f->page);
	if (!f->err)
		f->err = page_check(f->mapping->inode, f->page);
	page_filled(f->mapping, f->page, f->err == 0);
	CO_RETURN(f->err);
	CO_END;
}

struct ext4_dir_readpages {
	struct mapping_readpages;
	unsigned at;
	long err, bad;
};
static co_t ext4_dir_readpages(struct co *co, struct ext4_dir_readpages *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_read_pages, .mapping = f->mapping, .pages = f->pages,
		 .count = f->count);
	for (f->at = 0; f->at < f->count; f->at++) {
		f->bad = f->err;
		if (!f->bad)
			CO_AWAIT(f->bad, page_overlay, .mapping = f->mapping,
				 .page = f->pages[f->at]);
		if (!f->bad)
			f->bad = page_check(f->mapping->inode, f->pages[f->at]);
		page_filled(f->mapping, f->pages[f->at], f->bad == 0);
		CO_BREATHE;
	}
	CO_RETURN(f->err);
	CO_END;
}

const struct mapping_ops ext4_dir_mapping = {
	.readpage = CO_IMPLEMENTS(mapping_readpage, ext4_dir_readpage),
	.readpages = CO_IMPLEMENTS(mapping_readpages, ext4_dir_readpages),
};

#define DIR_READ_AHEAD 8	/* pages */

/* How many pages from the one that holds `block` on are worth reading at once. */
static unsigned read_ahead(const struct inode *dir, u64 block)
{
	u64 pages = PAGE_UP(inode_size(dir)) >> PAGE_SHIFT;
	u64 index = block << ext4_of(dir)->block_shift >> PAGE_SHIFT;

	return (unsigned)min(pages - index, (u64)DIR_READ_AHEAD);
}

co_t ext4_dir_block(struct co *co, struct ext4_dir_block *f)
{
	CO_BEGIN;
	if (f->block >= ext4_dir_blocks(f->dir)) {
		ext4_damaged_inode(f->dir, "directory %lu: its index names block %lu",
				   (unsigned long)f->dir->ino, (unsigned long)f->block);
		CO_RETURN(-EUCLEAN);
	}
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->dir->mapping,
		 .index = f->block << ext4_of(f->dir)->block_shift >> PAGE_SHIFT,
		 .ahead = read_ahead(f->dir, f->block), .page = f->page);
	if (!f->err)
		*f->data = (u8 *)phys_page_data(*f->page) +
			   (f->block << ext4_of(f->dir)->block_shift & ~PAGE_MASK);
	CO_RETURN(f->err);
	CO_END;
}

/* --- finding a name --- */

const struct ext4_dirent *ext4_dirent_find(const struct ext4 *fs, const u8 *block,
					   const char *name, size_t len)
{
	u32 at = 0;

	while (at < fs->block_size) {
		const struct ext4_dirent *e = (const struct ext4_dirent *)(block + at);

		if (e->inode && e->name_len == len && !memcmp(e->name, name, len))
			return e;
		at += e->rec_len;
	}
	return NULL;
}

/* Does the block have it? */
static bool place_found(const struct ext4 *fs, const u8 *data, const char *name, size_t len,
			u32 block, struct ext4_place *place)
{
	const struct ext4_dirent *e = ext4_dirent_find(fs, data, name, len);

	if (!e)
		return false;
	*place = (struct ext4_place){.ino = e->inode, .block = block,
				     .offset = (u16)((const u8 *)e - data)};
	return true;
}

/* Every block in turn. */
struct ext4_find_linear {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct ext4_place *place;
	u32 block;
	bool found;
	struct page *page;
	u8 *data;
	long err;
};
static co_t ext4_find_linear(struct co *co, struct ext4_find_linear *f)
{
	CO_BEGIN;
	for (; f->block < ext4_dir_blocks(f->dir); f->block++) {
		CO_AWAIT(f->err, ext4_dir_block, .dir = f->dir, .block = f->block,
			 .page = &f->page, .data = &f->data);
		if (f->err)
			CO_RETURN(f->err);
		f->found = place_found(ext4_of(f->dir), f->data, f->name, f->len, f->block,
				       f->place);
		phys_page_put(f->page);
		if (f->found)
			break;
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

/* By the index: the leaf for the name's hash, and those where the hash goes on. */
struct ext4_find_hashed {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct ext4_place *place;
	struct ext4_index *path;
	u32 hash;
	bool found;
	struct page *page;
	u8 *data;
	long err;
};
static co_t ext4_find_hashed(struct co *co, struct ext4_find_hashed *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_index_hash, .dir = f->dir, .name = f->name, .len = f->len,
		 .hash = &f->hash);
	if (!f->err)
		CO_AWAIT(f->err, ext4_index_walk, .dir = f->dir, .path = f->path,
			 .hash = f->hash);
	while (!f->err) {
		CO_AWAIT(f->err, ext4_dir_block, .dir = f->dir, .block = f->path->leaf,
			 .page = &f->page, .data = &f->data);
		if (f->err)
			break;
		f->found = place_found(ext4_of(f->dir), f->data, f->name, f->len, f->path->leaf,
				       f->place);
		phys_page_put(f->page);
		if (f->found || f->path->last || f->path->next_hash != (f->hash | 1))
			break;
		CO_BREATHE;
		CO_AWAIT(f->err, ext4_index_walk, .dir = f->dir, .path = f->path, .next = true);
	}
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_dir_find(struct co *co, struct ext4_dir_find *f)
{
	CO_BEGIN;
	*f->place = (struct ext4_place){};
	if (f->len > EXT4_NAME_MAX)
		CO_RETURN(-ENAMETOOLONG);
	f->err = -EUCLEAN;
	if (ext4_is_indexed(f->dir) && ext4_dir_blocks(f->dir) > 1) {
		f->path = kmalloc(sizeof(*f->path));
		if (!f->path)
			CO_RETURN(-ENOMEM);
		CO_AWAIT(f->err, ext4_find_hashed, .dir = f->dir, .name = f->name,
			 .len = f->len, .place = f->place, .path = f->path);
		kfree(f->path);
		if (f->err == -EUCLEAN)
			ext4_index_broken(f->dir);
	}
	/* Without an index, or where it is broken. */
	if (f->err == -EUCLEAN)
		CO_AWAIT(f->err, ext4_find_linear, .dir = f->dir, .name = f->name,
			 .len = f->len, .place = f->place);
	CO_RETURN(f->err);
	CO_END;
}

struct ext4_lookup {
	struct inode_lookup;
	struct ext4_place place;
	long err;
};
static co_t ext4_lookup(struct co *co, struct ext4_lookup *f)
{
	CO_BEGIN;
	*f->found = NULL;
	CO_AWAIT(f->err, ext4_dir_find, .dir = f->dir, .name = f->name, .len = f->len,
		 .place = &f->place);
	if (!f->err && f->place.ino)
		CO_AWAIT(f->err, ext4_inode_get, .fs = ext4_of(f->dir), .ino = f->place.ino,
			 .inode = f->found);
	CO_RETURN(f->err);
	CO_END;
}

/* --- listing --- */

/* Emit the entries of a block from byte `from` on; *pos is where to go on. False: enough. */
static bool emit_block(const struct ext4 *fs, const u8 *block, u64 base, u64 *pos,
		       struct dir_emit *to)
{
	u32 at = 0;

	while (at < fs->block_size) {
		const struct ext4_dirent *e = (const struct ext4_dirent *)(block + at);

		at += e->rec_len;
		/* A position between entries leads to the next one. */
		if (base + at <= *pos)
			continue;
		if (e->inode && !to->emit(to, e->name, e->name_len, e->inode,
					  ext4_dirent_type(fs, e), base + at))
			return false;
		*pos = base + at;
	}
	return true;
}

struct ext4_readdir {
	struct inode_readdir;
	struct page *page;
	u8 *data;
	u64 block;
	bool more;
	long err;
};
static co_t ext4_readdir(struct co *co, struct ext4_readdir *f)
{
	CO_BEGIN;
	if (ext4_is_indexed(f->dir)) {
		f->more = *f->pos == 0;
		CO_AWAIT(f->err, ext4_readdir_hashed, .dir = f->dir, .pos = f->pos, .to = f->to);
		if (f->err != -EUCLEAN || !f->more || *f->pos)
			CO_RETURN(f->err);
		/* A broken index: as if there were none. */
	}
	while (*f->pos < inode_size(f->dir)) {
		f->block = *f->pos >> ext4_of(f->dir)->block_shift;
		CO_AWAIT(f->err, ext4_dir_block, .dir = f->dir, .block = f->block,
			 .page = &f->page, .data = &f->data);
		if (f->err)
			CO_RETURN(f->err);
		f->more = emit_block(ext4_of(f->dir), f->data,
				     f->block << ext4_of(f->dir)->block_shift, f->pos, f->to);
		phys_page_put(f->page);
		if (!f->more)
			break;
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

static int dir_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
		    struct pager **pager)
{
	return -ENODEV;
}

const struct inode_ops ext4_dir_ops = {
	.lookup = CO_IMPLEMENTS(inode_lookup, ext4_lookup),
	.readdir = CO_IMPLEMENTS(inode_readdir, ext4_readdir),
	.create = CO_IMPLEMENTS(inode_create, ext4_create),
	.tmpfile = CO_IMPLEMENTS(inode_create, ext4_tmpfile),
	.link = CO_IMPLEMENTS(inode_link, ext4_link),
	.unlink = CO_IMPLEMENTS(inode_unlink, ext4_unlink),
	.rename = CO_IMPLEMENTS(inode_rename, ext4_rename),
	.extent_at = CO_IMPLEMENTS(inode_extent_at, ext4_extent_at),
	EXT4_INODE_OPS,
};
const struct file_ops ext4_dir_file_ops = {
	.mmap = dir_mmap,
	.ioctl = CO_IMPLEMENTS(file_ioctl, ext4_ioctl),
	.fsync = CO_IMPLEMENTS(file_fsync, ext4_fsync),
};
