/* fs/fat/data.c -- pages from and to the disk: of files, directories, and the table.
 *
 * Pieces that lie next to each other become one request, and all that a run of pages needs are in
 * flight together. The table's pages go to each of its copies.
 *
 * Ownership  what writing needs is from the heap or, without memory, the one spare of the file
 *            system, which is waited for: writing goes on when nothing is left.
 */
#include <linux/stat.h>

#include "core/base/string.h"
#include "fs/fat/fat.h"
#include "mem/phys/slab.h"
#include "vfs/writeback.h"

int fat_data_open(struct fat *fs)
{
	waitq_init(&fs->spare_free);
	fs->spare = kmalloc(sizeof(*fs->spare));
	return fs->spare ? 0 : -ENOMEM;
}

void fat_data_close(struct fat *fs)
{
	kfree(fs->spare);
	fs->spare = NULL;
}

/* One run of pages, [at, end) in bytes of the mapping; map_lock is held, if there is one. */
struct data_move {
	struct co_frame co;
	struct fat *fs;
	struct inode *inode;	/* NULL: the table */
	u64 table;		/* then: where this copy begins */
	enum blk_kind kind;
	struct page **pages;
	u64 at, end;
	struct blk_batch *batch;
	u64 disk, len, n;
	long err, io_err;
};

/* What of the piece at f->at lies in one page: bytes; 0: the batch is full. */
static u64 move_add(struct data_move *f)
{
	u64 base = f->pages[0]->index << PAGE_SHIFT, within = f->at % PAGE_SIZE;
	u64 n = min(f->len, PAGE_SIZE - within);
	paddr addr = phys_page_addr(f->pages[(f->at - base) >> PAGE_SHIFT]);

	if (!blk_batch_add(f->batch, f->disk >> BLK_SECTOR_SHIFT, paddr_of(addr.raw + within),
			   (u32)n))
		return 0;
	return n;
}

static co_t data_move(struct co *co, struct data_move *f)
{
	CO_BEGIN;
	blk_batch_init(f->batch, f->fs->dev, f->kind);
	while (f->at < f->end && !f->err) {
		f->disk = f->table + f->at;
		f->len = f->end - f->at;
		if (f->inode)
			CO_AWAIT(f->err, fat_place, .inode = f->inode, .at = f->at, .end = f->end,
				 .disk = &f->disk, .len = &f->len);
		while (!f->err && f->len) {
			f->n = move_add(f);
			if (!f->n) {
				CO_AWAIT(f->n, blk_batch_wait, .batch = f->batch);
				f->io_err = f->io_err ? f->io_err : (long)f->n;
				continue;
			}
			f->at += f->n;
			f->disk += f->n;
			f->len -= f->n;
		}
	}
	/* Those under way are on the pages: wait for them in any case. */
	CO_AWAIT(f->n, blk_batch_wait, .batch = f->batch);
	f->io_err = f->io_err ? f->io_err : (long)f->n;
	CO_RETURN(f->err ? f->err : f->io_err);
	CO_END;
}

/* --- reading --- */

static u64 sectors_up(u64 bytes)
{
	return round_up(bytes, BLK_SECTOR);
}

/* Zeros from byte `from` of the file to the end of the pages. */
static void zero_from(struct page **pages, unsigned count, u64 from)
{
	for (unsigned i = 0; i < count; i++) {
		u64 start = pages[i]->index << PAGE_SHIFT;
		u64 keep = from > start ? min(from - start, PAGE_SIZE) : 0;

		memset((u8 *)phys_page_data(pages[i]) + keep, 0, PAGE_SIZE - keep);
	}
}

struct data_read {
	struct co_frame co;
	struct mapping *mapping;
	struct page **pages;
	unsigned count;
	struct blk_batch *batch;
	u64 at, valid;
	long err;
};
static co_t data_read(struct co *co, struct data_read *f)
{
	CO_BEGIN;
	f->batch = kmalloc(sizeof(*f->batch));
	if (!f->batch)
		CO_RETURN(-ENOMEM);
	f->at = f->pages[0]->index << PAGE_SHIFT;
	CO_READ_LOCK(&fat_inode(f->mapping->inode)->map_lock);
	f->valid = min(atomic_load(&fat_inode(f->mapping->inode)->valid),
		       f->at + f->count * PAGE_SIZE);
	if (f->at < f->valid)
		CO_AWAIT(f->err, data_move, .fs = fat_of(f->mapping->inode),
			 .inode = f->mapping->inode, .kind = BLK_READ, .pages = f->pages,
			 .at = f->at, .end = sectors_up(f->valid), .batch = f->batch);
	rwlock_unlock_read(&fat_inode(f->mapping->inode)->map_lock);
	if (!f->err)
		zero_from(f->pages, f->count, min(f->valid, inode_size(f->mapping->inode)));
	kfree(f->batch);
	CO_RETURN(f->err);
	CO_END;
}

struct fat_readpage {
	struct mapping_readpage;
	long err;
};
static co_t fat_readpage(struct co *co, struct fat_readpage *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, data_read, .mapping = f->mapping, .pages = &f->page, .count = 1);
	page_filled(f->mapping, f->page, f->err == 0);
	CO_RETURN(f->err);
	CO_END;
}

struct fat_readpages {
	struct mapping_readpages;
	unsigned at;
	long err;
};
static co_t fat_readpages(struct co *co, struct fat_readpages *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, data_read, .mapping = f->mapping, .pages = f->pages, .count = f->count);
	for (f->at = 0; f->at < f->count; f->at++)
		page_filled(f->mapping, f->pages[f->at], f->err == 0);
	CO_RETURN(f->err);
	CO_END;
}

/* --- zeros where nothing was written --- */

static void fill_done(struct fat_fill *f)
{
	u64 valid = atomic_load(&f->fi->valid);

	atomic_store(&f->fi->valid, min(f->end, round_down(valid, BLK_SECTOR) + f->segment.len));
}

/* The last sector that has some of the file's bytes goes on with zeros. */
struct fill_sector {
	struct co_frame co;
	struct fat_fill *of;
	long err;
};
static co_t fill_sector(struct co *co, struct fill_sector *f)
{
	u64 valid;

	CO_BEGIN;
	f->of->segment.len = BLK_SECTOR;
	CO_AWAIT(f->err, blk_transfer, .dev = fat_of(&f->of->fi->inode)->dev, .kind = BLK_READ,
		 .sector = f->of->disk >> BLK_SECTOR_SHIFT, .segments = &f->of->segment,
		 .count = 1);
	if (f->err)
		CO_RETURN(f->err);
	valid = atomic_load(&f->of->fi->valid) % BLK_SECTOR;
	memset(f->of->zeros + valid, 0, BLK_SECTOR - valid);
	CO_AWAIT(f->err, blk_transfer, .dev = fat_of(&f->of->fi->inode)->dev, .kind = BLK_WRITE,
		 .sector = f->of->disk >> BLK_SECTOR_SHIFT, .segments = &f->of->segment,
		 .count = 1);
	memset(f->of->zeros, 0, BLK_SECTOR);
	CO_RETURN(f->err);
	CO_END;
}

co_t fat_fill(struct co *co, struct fat_fill *f)
{
	u64 valid;

	CO_BEGIN;
	CO_AWAIT(f->err, fat_extend, .fi = f->fi,
		 .clusters = fat_clusters_of(fat_of(&f->fi->inode), f->end));
	if (f->err || atomic_load(&f->fi->valid) >= f->end)
		CO_RETURN(f->err);
	f->zeros = kzalloc(PAGE_SIZE);
	if (!f->zeros)
		CO_RETURN(-ENOMEM);
	f->segment.addr = fat_addr(f->zeros);
	while (!f->err && atomic_load(&f->fi->valid) < f->end) {
		valid = atomic_load(&f->fi->valid);
		CO_AWAIT(f->err, fat_place, .inode = &f->fi->inode, .disk = &f->disk,
			 .len = &f->len, .at = round_down(valid, BLK_SECTOR),
			 .end = sectors_up(f->end));
		if (f->err)
			break;
		if (atomic_load(&f->fi->valid) % BLK_SECTOR) {
			CO_AWAIT(f->err, fill_sector, .of = f);
		} else {
			f->segment.len = (u32)min(f->len, PAGE_SIZE);
			CO_AWAIT(f->err, blk_transfer, .dev = fat_of(&f->fi->inode)->dev,
				 .kind = BLK_WRITE, .sector = f->disk >> BLK_SECTOR_SHIFT,
				 .segments = &f->segment, .count = 1);
		}
		if (!f->err)
			fill_done(f);
		CO_BREATHE;
	}
	kfree(f->zeros);
	CO_RETURN(f->err);
	CO_END;
}

/* --- writing --- */

struct fat_batch_get {
	struct co_frame co;
	struct fat *fs;
	struct blk_batch **batch;
	bool *spare;
};
static co_t fat_batch_get(struct co *co, struct fat_batch_get *f)
{
	CO_BEGIN;
	*f->batch = kmalloc(sizeof(**f->batch));
	*f->spare = !*f->batch;
	if (*f->spare)
		CO_WAIT_IO(&f->fs->spare_free, (*f->batch = atomic_swap(&f->fs->spare, NULL)));
	CO_RETURN(0);
	CO_END;
}

static void batch_put(struct fat *fs, struct blk_batch *batch, bool spare)
{
	if (!spare) {
		kfree(batch);
		return;
	}
	atomic_store(&fs->spare, batch);
	waitq_wake(&fs->spare_free);
}

struct fat_writepages {
	struct mapping_writepages;
	struct blk_batch *batch;
	u64 at, end;
	bool spare, exclusive;
	long err;
};

static struct fat_inode *write_inode_of(const struct fat_writepages *f)
{
	return fat_inode(f->mapping->inode);
}

/* With map_lock held for writing: all that the run needs is there, but its own bytes. */
struct write_prepare {
	struct co_frame co;
	struct fat_writepages *w;
	long err;
};
static co_t write_prepare(struct co *co, struct write_prepare *f)
{
	CO_BEGIN;
	if (f->w->at > atomic_load(&write_inode_of(f->w)->valid))
		CO_AWAIT(f->err, fat_fill, .fi = write_inode_of(f->w), .end = f->w->at);
	if (!f->err)
		CO_AWAIT(f->err, fat_extend, .fi = write_inode_of(f->w),
			 .clusters = fat_clusters_of(fat_of(f->w->mapping->inode), f->w->end));
	CO_RETURN(f->err);
	CO_END;
}

/* An error that another attempt does not mend: the bytes are lost, and fsync says so. */
static long write_failed(struct fat_writepages *f, long err)
{
	if (err == -ENOMEM)
		return err;
	atomic_store(&f->mapping->error, (i32)err);
	return 0;
}

/* What lies in the run: false: nothing, the file was cut. */
static bool write_bounds(struct fat_writepages *f)
{
	f->at = f->pages[0]->index << PAGE_SHIFT;
	f->end = min((f->pages[0]->index + f->count) << PAGE_SHIFT, inode_size(f->mapping->inode));
	return f->at < f->end;
}

static co_t fat_writepages(struct co *co, struct fat_writepages *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, fat_batch_get, .fs = fat_of(f->mapping->inode), .batch = &f->batch,
		 .spare = &f->spare);
	f->exclusive = !write_bounds(f) || f->end > atomic_load(&write_inode_of(f)->valid);
	if (f->exclusive)
		CO_WRITE_LOCK(&write_inode_of(f)->map_lock);
	else
		CO_READ_LOCK(&write_inode_of(f)->map_lock);
	/* It cannot have been cut meanwhile but to where nothing of it is left to be written. */
	if (!write_bounds(f))
		goto out;
	if (f->end > atomic_load(&write_inode_of(f)->valid))
		CO_AWAIT(f->err, write_prepare, .w = f);
	if (!f->err)
		CO_AWAIT(f->err, data_move, .fs = fat_of(f->mapping->inode), .kind = BLK_WRITE,
			 .inode = f->mapping->inode, .pages = f->pages, .at = f->at,
			 .end = sectors_up(f->end), .batch = f->batch);
	if (!f->err && f->end > atomic_load(&write_inode_of(f)->valid))
		atomic_store(&write_inode_of(f)->valid, f->end);
out:
	if (f->exclusive)
		rwlock_unlock_write(&write_inode_of(f)->map_lock);
	else
		rwlock_unlock_read(&write_inode_of(f)->map_lock);
	batch_put(fat_of(f->mapping->inode), f->batch, f->spare);
	if (f->err)
		f->err = write_failed(f, f->err);
	else if (S_ISREG(f->mapping->inode->mode))
		writeback_note(f->mapping->inode, INODE_DIRTY_ATTRS);
	CO_RETURN(f->err);
	CO_END;
}

/* A page may need all clusters up to its end: there are no holes. */
static int fat_page_promise(struct mapping *m, struct page *page)
{
	u64 end = (page->index + 1) << PAGE_SHIFT;

	if (end > PAGE_UP(m->inode->super->max_size))
		return -EFBIG;
	return fat_promise(fat_inode(m->inode), fat_clusters_of(fat_of(m->inode), end));
}

const struct mapping_ops fat_file_mapping = {
	.readpage = CO_IMPLEMENTS(mapping_readpage, fat_readpage),
	.readpages = CO_IMPLEMENTS(mapping_readpages, fat_readpages),
	.writepages = CO_IMPLEMENTS(mapping_writepages, fat_writepages),
	.promise = fat_page_promise,
};
const struct mapping_ops fat_dir_mapping = {
	.readpage = CO_IMPLEMENTS(mapping_readpage, fat_readpage),
	.readpages = CO_IMPLEMENTS(mapping_readpages, fat_readpages),
	.writepages = CO_IMPLEMENTS(mapping_writepages, fat_writepages),
};

/* --- the table --- */

static struct fat *fs_of_table(const struct mapping *m)
{
	return ((const struct fat_table *)m->private)->fs;
}

struct table_read {
	struct co_frame co;
	struct mapping *mapping;
	struct page **pages;
	unsigned count;
	struct blk_batch *batch;
	u64 at, end;
	long err;
};
static co_t table_read(struct co *co, struct table_read *f)
{
	struct fat *fs;

	CO_BEGIN;
	f->batch = kmalloc(sizeof(*f->batch));
	if (!f->batch)
		CO_RETURN(-ENOMEM);
	fs = fs_of_table(f->mapping);
	f->at = f->pages[0]->index << PAGE_SHIFT;
	f->end = min(f->at + f->count * PAGE_SIZE, fs->table_bytes);
	CO_AWAIT(f->err, data_move, .fs = fs, .kind = BLK_READ, .pages = f->pages, .at = f->at,
		 .end = f->end, .batch = f->batch,
		 .table = fs->table_start + (fs->table_only == UINT32_MAX ? 0 : fs->table_only) *
						    fs->table_bytes);
	zero_from(f->pages, f->count, f->end);
	kfree(f->batch);
	CO_RETURN(f->err);
	CO_END;
}

struct table_readpage {
	struct mapping_readpage;
	long err;
};
static co_t table_readpage(struct co *co, struct table_readpage *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, table_read, .mapping = f->mapping, .pages = &f->page, .count = 1);
	page_filled(f->mapping, f->page, f->err == 0);
	CO_RETURN(f->err);
	CO_END;
}

struct table_readpages {
	struct mapping_readpages;
	unsigned at;
	long err;
};
static co_t table_readpages(struct co *co, struct table_readpages *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, table_read, .mapping = f->mapping, .pages = f->pages, .count = f->count);
	for (f->at = 0; f->at < f->count; f->at++)
		page_filled(f->mapping, f->pages[f->at], f->err == 0);
	CO_RETURN(f->err);
	CO_END;
}

struct table_writepages {
	struct mapping_writepages;
	struct blk_batch *batch;
	struct fat *fs;
	bool spare;
	u32 copy;
	u64 at;
	long err, failed;
};
static co_t table_writepages(struct co *co, struct table_writepages *f)
{
	CO_BEGIN;
	f->fs = fs_of_table(f->mapping);
	CO_AWAIT(f->err, fat_batch_get, .fs = f->fs, .batch = &f->batch, .spare = &f->spare);
	f->at = f->pages[0]->index << PAGE_SHIFT;
	for (f->copy = 0; f->copy < f->fs->tables; f->copy++) {
		if (f->fs->table_only != UINT32_MAX && f->fs->table_only != f->copy)
			continue;
		CO_AWAIT(f->err, data_move, .fs = f->fs, .kind = BLK_WRITE, .pages = f->pages,
			 .at = f->at, .batch = f->batch,
			 .end = min(f->at + f->count * PAGE_SIZE, f->fs->table_bytes),
			 .table = f->fs->table_start + f->copy * f->fs->table_bytes);
		f->failed = f->failed ? f->failed : f->err;
	}
	batch_put(f->fs, f->batch, f->spare);
	if (f->failed)
		atomic_store(&f->mapping->error, (i32)f->failed);
	CO_RETURN(0);
	CO_END;
}

const struct mapping_ops fat_table_mapping = {
	.readpage = CO_IMPLEMENTS(mapping_readpage, table_readpage),
	.readpages = CO_IMPLEMENTS(mapping_readpages, table_readpages),
	.writepages = CO_IMPLEMENTS(mapping_writepages, table_writepages),
};
