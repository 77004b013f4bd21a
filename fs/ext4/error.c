/* fs/ext4/error.c -- damage: what follows from it, and what the super block says of it. Unlike
 * Linux, which has a work of its own for that, it is saved when the file system is next unmounted
 * or made read-only. */
#include "core/base/crc.h"
#include "core/base/string.h"
#include "fs/ext4/ext4.h"
#include "fs/ext4/writable.h"
#include "mem/phys/buddy.h"
#include "vfs/inode.h"

#define ERROR_CORRUPTED 5	/* Linux's number for what EUCLEAN is about */

void ext4_error_note(struct ext4 *fs, u32 ino, u64 block, const char *function, u32 line)
{
	struct ext4_error e = {
		.time = (u64)inode_now().sec, .block = block, .ino = ino, .line = line,
		.function = function,
	};

	atomic_add_relaxed(&fs->errors, 1u);
	spin_lock(&fs->error_lock);
	if (!fs->errors_unsaved++)
		fs->error_first = e;
	fs->error_last = e;
	spin_unlock(&fs->error_lock);
	if (fs->options.errors == EXT4_ERRORS_PANIC)
		panic("ext4 %s is damaged, and was mounted with errors=panic", fs->dev->name);
	if (fs->journal && fs->options.errors == EXT4_ERRORS_READ_ONLY)
		journal_abort(fs->journal, -EUCLEAN);
}

/* The first one, if there was none before. */
static void error_save_first(struct ext4_disk_super *s, const struct ext4_error *e)
{
	if (s->first_error_time || s->times_hi[4])
		return;
	s->first_error_time = (u32)e->time;
	s->times_hi[4] = (u8)(e->time >> 32);
	s->first_error_ino = e->ino;
	s->first_error_block = e->block;
	s->first_error_line = e->line;
	string_copy(s->first_error_func, e->function, sizeof(s->first_error_func));
	s->times_hi[6] = ERROR_CORRUPTED;
}

static void error_save_last(struct ext4_disk_super *s, const struct ext4_error *e)
{
	s->last_error_time = (u32)e->time;
	s->times_hi[5] = (u8)(e->time >> 32);
	s->last_error_ino = e->ino;
	s->last_error_block = e->block;
	s->last_error_line = e->line;
	string_copy(s->last_error_func, e->function, sizeof(s->last_error_func));
	s->times_hi[7] = ERROR_CORRUPTED;
}

void ext4_error_save(struct ext4 *fs, struct ext4_disk_super *s)
{
	spin_lock(&fs->error_lock);
	if (fs->errors_unsaved) {
		error_save_first(s, &fs->error_first);
		error_save_last(s, &fs->error_last);
		s->state |= EXT4_STATE_ERRORS;
		s->error_count += fs->errors_unsaved;
		fs->errors_unsaved = 0;
	}
	spin_unlock(&fs->error_lock);
}

/* What was read is a super block: say so in it. */
static bool error_edit(struct ext4 *fs, struct ext4_disk_super *s)
{
	if (s->magic != EXT4_MAGIC)
		return false;
	spin_lock(&fs->super_lock);
	ext4_error_save(fs, s);
	spin_unlock(&fs->super_lock);
	if (fs->checksums)
		s->checksum = crc_32c(~0u, s, offsetof(struct ext4_disk_super, checksum));
	return true;
}

co_t ext4_error_write(struct co *co, struct ext4_error_write *f)
{
	CO_BEGIN;
	/* Not the one in memory: it has what never commits. */
	f->page = buddy_alloc(0, 0);
	if (!f->page)
		CO_RETURN(-ENOMEM);
	f->segment = (struct blk_segment){
		.addr = phys_page_addr(f->page), .len = sizeof(struct ext4_disk_super),
	};
	CO_AWAIT(f->err, blk_transfer, .dev = f->fs->dev, .kind = BLK_READ,
		 .sector = EXT4_SUPER_OFFSET >> BLK_SECTOR_SHIFT, .segments = &f->segment,
		 .count = 1);
	if (!f->err && error_edit(f->fs, phys_page_data(f->page)))
		CO_AWAIT(f->err, blk_transfer, .dev = f->fs->dev, .kind = BLK_WRITE,
			 .sector = EXT4_SUPER_OFFSET >> BLK_SECTOR_SHIFT,
			 .segments = &f->segment, .count = 1);
	phys_page_put(f->page);
	CO_RETURN(f->err);
	CO_END;
}
