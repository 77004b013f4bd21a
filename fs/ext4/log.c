/* fs/ext4/log.c -- where the journal's log lies, and its replay when the file system is mounted. */
#include <linux/stat.h>

#include "fs/ext4/writable.h"
#include "mem/phys/slab.h"
#include "vfs/inode.h"

#define LOG_RUNS_FIRST 16u
#define LOG_RUNS_MOST  65536u

/* One more run, joined with the last if it goes on there. */
static int log_add_run(struct ext4_log *log, struct journal_run run)
{
	struct journal_run *last = log->count ? &log->runs[log->count - 1] : NULL, *more;
	unsigned room = log->room ? 2 * log->room : LOG_RUNS_FIRST;

	if (last && last->start + last->len == run.start) {
		last->len += run.len;
		return 0;
	}
	if (log->count == log->room) {
		more = room > LOG_RUNS_MOST ? NULL : kcalloc(room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		if (log->count)
			memcpy(more, log->runs, log->count * sizeof(*more));
		kfree(log->runs);
		log->runs = more;
		log->room = room;
	}
	log->runs[log->count++] = run;
	return 0;
}

void ext4_log_free(struct ext4_log *log)
{
	kfree(log->runs);
	*log = (struct ext4_log){0};
}

/* The whole of the journal's inode. */
struct log_map {
	struct co_frame co;
	struct inode *inode;
	struct ext4_log *to;
	u64 block, end;
	struct ext4_run run;
	long err;
};
static co_t log_map(struct co *co, struct log_map *f)
{
	CO_BEGIN;
	f->end = inode_size(f->inode) >> ext4_of(f->inode)->block_shift;
	for (f->block = 0; f->block < f->end; f->block = f->run.block + f->run.len) {
		CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->inode), .block = f->block,
			 .run = &f->run);
		if (!f->err && (!f->run.start || !f->run.len))
			f->err = -EUCLEAN;
		if (f->err)
			CO_RETURN(f->err);
		/* It may begin before, and end after what was asked for. */
		f->run.start += f->block - f->run.block;
		f->run.len = min(f->run.block + f->run.len, f->end) - f->block;
		f->run.block = f->block;
		f->err = log_add_run(f->to, (struct journal_run){f->run.block, f->run.start,
								 f->run.len});
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	CO_RETURN(f->to->count ? 0 : -EUCLEAN);
	CO_END;
}

co_t ext4_log_find(struct co *co, struct ext4_log_find *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_inode_get, .fs = f->fs, .ino = f->fs->journal_ino,
		 .inode = &f->inode);
	if (f->err)
		CO_RETURN(f->err);
	f->err = -EUCLEAN;
	if (S_ISREG(f->inode->mode))
		CO_AWAIT(f->err, log_map, .inode = f->inode, .to = &f->fs->log);
	inode_put(f->inode);
	if (f->err == -EUCLEAN)
		ext4_bad(f->fs, "the journal's inode is impossible");
	if (f->err)
		ext4_log_free(&f->fs->log);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_log_recover(struct co *co, struct ext4_log_recover *f)
{
	CO_BEGIN;
	f->config = ext4_journal_config(f->fs);
	CO_AWAIT(f->err, journal_recover, .config = &f->config, .forget = f->forget,
		 .replayed = &f->replayed, .failed = &f->failed);
	if (f->err)
		ext4_bad(f->fs, "the journal could not be replayed: run e2fsck");
	else if (f->replayed)
		log_info("ext4 %s: recovered: %lu blocks of the journal", f->fs->dev->name,
			 (unsigned long)f->replayed);
	if (!f->err && f->failed)
		atomic_add_relaxed(&f->fs->errors, 1u);
	CO_RETURN(f->err);
	CO_END;
}
