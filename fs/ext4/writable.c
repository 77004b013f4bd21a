/* fs/ext4/writable.c -- from a file system that is read to one that is written to, and back; its
 * super block. */
#include "core/base/crc.h"
#include "fs/ext4/trim.h"
#include "fs/ext4/write.h"
#include "fs/ext4/writable.h"
#include "vfs/inode.h"

co_t ext4_super_access(struct co *co, struct ext4_super_access *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = f->fs->super_buffer);
	CO_RETURN(f->err);
	CO_END;
}

/* The journal failed, or was told to. */
static void writable_aborted(void *owner, int err)
{
	struct ext4 *fs = owner;

	atomic_add_relaxed(&fs->errors, 1u);
	if (fs->super)
		atomic_store(&fs->super->read_only, true);
	ext4_bad(fs, "it is read-only from now on");
}

/* Write the super block as it lies in this page of the device's cache, past the journal: no
 * transaction has it. */
struct super_write {
	struct co_frame co;
	struct ext4 *fs;
	struct page *page;
	struct blk_segment segment;
	long err;
};
static co_t super_write(struct co *co, struct super_write *f)
{
	CO_BEGIN;
	f->segment = (struct blk_segment){
		.addr = paddr_of(phys_page_addr(f->page).raw + EXT4_SUPER_OFFSET),
		.len = sizeof(struct ext4_disk_super),
	};
	CO_AWAIT(f->err, blk_transfer, .dev = f->fs->dev, .kind = BLK_WRITE,
		 .sector = EXT4_SUPER_OFFSET >> BLK_SECTOR_SHIFT, .segments = &f->segment,
		 .count = 1);
	if (!f->err)
		CO_AWAIT(f->err, blk_transfer, .dev = f->fs->dev, .kind = BLK_FLUSH);
	CO_RETURN(f->err);
	CO_END;
}

static void super_seal(const struct ext4 *fs, struct ext4_disk_super *s)
{
	if (fs->checksums)
		s->checksum = crc_32c(~0u, s, offsetof(struct ext4_disk_super, checksum));
}

void ext4_super_seal(const struct ext4 *fs)
{
	super_seal(fs, fs->super_disk);
}

static void super_set_counts(const struct ext4 *fs, struct ext4_disk_super *s)
{
	s->free_blocks_count_lo = (u32)fs->blocks_free;
	if (fs->incompat & EXT4_INCOMPAT_64BIT)
		s->free_blocks_count_hi = (u32)(fs->blocks_free >> 32);
	s->free_inodes_count = fs->inodes_free;
}

static void super_mark_recovered(struct ext4 *fs, struct page *page)
{
	struct ext4_disk_super *s = (struct ext4_disk_super *)((u8 *)phys_page_data(page) +
							       EXT4_SUPER_OFFSET);

	s->feature_incompat &= ~(u32)EXT4_INCOMPAT_RECOVER;
	if (atomic_load(&fs->errors))
		s->state |= EXT4_STATE_ERRORS;
	super_set_counts(fs, s);
	super_seal(fs, s);
	page_changed(page);
}

co_t ext4_super_recovered(struct co *co, struct ext4_super_recovered *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->fs->dev->mapping, .index = 0, .ahead = 1,
		 .page = &f->page);
	if (f->err)
		CO_RETURN(f->err);
	super_mark_recovered(f->fs, f->page);
	CO_AWAIT(f->err, super_write, .fs = f->fs, .page = f->page);
	phys_page_put(f->page);
	CO_RETURN(f->err);
	CO_END;
}

static void super_set_time(const struct ext4 *fs, u32 *low, u8 *high)
{
	struct inode_time now = inode_now();

	*low = (u32)now.sec;
	*high = (u8)((u64)now.sec >> 32);
}

/* It is being written to from now on. */
static void super_begin(struct ext4 *fs)
{
	struct ext4_disk_super *s = fs->super_disk;

	spin_lock(&fs->super_lock);
	if (fs->log.count)
		s->feature_incompat |= EXT4_INCOMPAT_RECOVER;
	else
		s->state &= (u16)~EXT4_STATE_CLEAN;
	if (s->feature_compat & EXT4_COMPAT_ORPHAN_FILE)
		s->feature_ro_compat |= EXT4_RO_ORPHAN_PRESENT;
	if (atomic_load(&fs->errors))
		s->state |= EXT4_STATE_ERRORS;
	ext4_error_save(fs, s);
	s->mnt_count++;
	super_set_time(fs, &s->mtime, &s->times_hi[1]);
	super_set_time(fs, &s->wtime, &s->times_hi[0]);
	ext4_super_seal(fs);
	spin_unlock(&fs->super_lock);
}

/* All is written. */
static void super_end(struct ext4 *fs)
{
	struct ext4_disk_super *s = fs->super_disk;

	spin_lock(&fs->super_lock);
	s->feature_incompat &= ~(u32)EXT4_INCOMPAT_RECOVER;
	s->state = fs->state;
	if (atomic_load(&fs->errors))
		s->state |= EXT4_STATE_ERRORS;
	else
		s->feature_ro_compat &= ~(u32)EXT4_RO_ORPHAN_PRESENT;
	ext4_error_save(fs, s);
	super_set_counts(fs, s);
	super_set_time(fs, &s->wtime, &s->times_hi[0]);
	ext4_super_seal(fs);
	spin_unlock(&fs->super_lock);
}

struct journal_config ext4_journal_config(struct ext4 *fs)
{
	return (struct journal_config){
		.dev = fs->dev,
		.block_size = fs->block_size,
		.blocks = fs->blocks,
		.runs = fs->log.runs,
		.run_count = fs->log.count,
		.commit_seconds = fs->options.commit_seconds,
		.checksums = fs->checksums,
		.wide = fs->incompat & EXT4_INCOMPAT_64BIT,
		.aborted = writable_aborted,
		.owner = fs,
	};
}

struct writable_open {
	struct co_frame co;
	struct ext4 *fs;
	struct journal_config config;
	long err;
};
static co_t writable_open(struct co *co, struct writable_open *f)
{
	CO_BEGIN;
	f->config = ext4_journal_config(f->fs);
	CO_AWAIT(f->err, journal_open, .config = &f->config, .journal = &f->fs->journal);
	CO_RETURN(f->err);
	CO_END;
}

struct writable_close {
	struct co_frame co;
	struct ext4 *fs;
	long ignored;
};
static co_t writable_close(struct co *co, struct writable_close *f)
{
	CO_BEGIN;
	buffer_put(f->fs->super_buffer);
	f->fs->super_buffer = NULL;
	f->fs->super_disk = NULL;
	CO_AWAIT(f->ignored, journal_close, .journal = f->fs->journal);
	f->fs->journal = NULL;
	CO_AWAIT(f->ignored, ext4_freed_settle, .fs = f->fs);
	ext4_alloc_close(f->fs);
	CO_RETURN(0);
	CO_END;
}

co_t ext4_super_read(struct co *co, struct ext4_super_read *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->fs->dev->mapping, .index = 0, .ahead = 1,
		 .page = &f->page);
	if (f->err)
		CO_RETURN(f->err);
	memcpy(f->to, (u8 *)phys_page_data(f->page) + EXT4_SUPER_OFFSET, sizeof(*f->to));
	phys_page_put(f->page);
	CO_RETURN(0);
	CO_END;
}

co_t ext4_writable_resume(struct co *co, struct ext4_writable_resume *f)
{
	CO_BEGIN;
	super_begin(f->fs);
	CO_AWAIT(f->err, super_write, .fs = f->fs, .page = f->fs->super_buffer->page);
	if (!f->err) {
		f->fs->writable = true;
		journal_suspend(f->fs->journal, false);
	}
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_writable_suspend(struct co *co, struct ext4_writable_suspend *f)
{
	CO_BEGIN;
	journal_suspend(f->fs->journal, true);
	CO_AWAIT(f->err, journal_flush, .journal = f->fs->journal);
	if (!f->err) {
		super_end(f->fs);
		CO_AWAIT(f->err, super_write, .fs = f->fs, .page = f->fs->super_buffer->page);
	} else if (f->fs->errors_unsaved) {
		CO_AWAIT(f->ignored, ext4_error_write, .fs = f->fs);
	}
	f->fs->writable = false;
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_writable_start(struct co *co, struct ext4_writable_start *f)
{
	struct ext4 *fs = f->fs;
	long ignored;

	CO_BEGIN;
	f->err = ext4_alloc_open(fs);
	if (!f->err)
		CO_AWAIT(f->err, writable_open, .fs = fs);
	if (f->err) {
		ext4_alloc_close(fs);
		CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, buffer_get, .journal = fs->journal,
		 .block = EXT4_SUPER_OFFSET >> fs->block_shift, .buffer = &fs->super_buffer);
	if (!f->err) {
		fs->super_disk = (struct ext4_disk_super *)(fs->super_buffer->data +
							    EXT4_SUPER_OFFSET % fs->block_size);
		CO_AWAIT(f->err, ext4_writable_resume, .fs = fs);
	}
	if (f->err)
		CO_AWAIT(ignored, writable_close, .fs = fs);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_writable_end(struct co *co, struct ext4_writable_end *f)
{
	long ignored;

	CO_BEGIN;
	if (f->fs->writable)
		CO_AWAIT(f->err, ext4_writable_suspend, .fs = f->fs);
	CO_AWAIT(ignored, writable_close, .fs = f->fs);
	CO_RETURN(f->err);
	CO_END;
}
