/* fs/ext4/writable.h -- from a file system that is read to one that is written to, and back: its
 * super block, its log.
 *
 * Ownership  fs->journal and what goes with it, from ext4_writable_start to ext4_writable_end.
 * Locking    start, end, suspend and resume are called by who mounts, remounts or closes, one at
 *            a time. All that is a coroutine waits.
 */
#ifndef EXT4_WRITABLE_H
#define EXT4_WRITABLE_H

#include "fs/ext4/ext4.h"

/* --- writable.c: the super block of a file system that is written to --- */

/* Before the super block's fields are changed (under super_lock; then ext4_super_seal). A credit,
 * the first time. */
struct ext4_super_access {
	struct co_frame co;
	struct ext4 *fs;
	struct handle *handle;
	long err;
};
co_t ext4_super_access(struct co *co, struct ext4_super_access *f);
/* Its checksum, after a change. */
void ext4_super_seal(const struct ext4 *fs) REQUIRES(fs->super_lock);
/* Journal and all: from here on it may be written to. And back. */
struct ext4_writable_start {
	struct co_frame co;
	struct ext4 *fs;
	struct page *page;
	long err;
};
co_t ext4_writable_start(struct co *co, struct ext4_writable_start *f);
struct ext4_writable_end {
	struct co_frame co;
	struct ext4 *fs;
	long err;
};
co_t ext4_writable_end(struct co *co, struct ext4_writable_end *f);
/* For the time being it is read-only, the journal stays; and again. */
struct ext4_writable_suspend {
	struct co_frame co;
	struct ext4 *fs;
	long err, ignored;
};
co_t ext4_writable_suspend(struct co *co, struct ext4_writable_suspend *f);
struct ext4_writable_resume {
	struct co_frame co;
	struct ext4 *fs;
	long err;
};
co_t ext4_writable_resume(struct co *co, struct ext4_writable_resume *f);
/* The super block as it is on the disk, or in the device's cache. */
struct ext4_super_read {
	struct co_frame co;
	struct ext4 *fs;
	struct ext4_disk_super *to;
	struct page *page;
	long err;
};
co_t ext4_super_read(struct co *co, struct ext4_super_read *f);

/* --- remount.c --- */

struct ext4_remount {
	struct super_remount;
	struct ext4_options new;
	long err;
};
co_t ext4_remount(struct co *co, struct ext4_remount *f);

struct journal_config ext4_journal_config(struct ext4 *fs);
/* The log was replayed and it will not be written to: say so on the disk. */
struct ext4_super_recovered {
	struct co_frame co;
	struct ext4 *fs;
	struct page *page;
	struct blk_segment segment;
	long err;
};
co_t ext4_super_recovered(struct co *co, struct ext4_super_recovered *f);

/* --- log.c --- */

/* Find the blocks of the journal's inode: fs->log. -EUCLEAN. */
struct ext4_log_find {
	struct co_frame co;
	struct ext4 *fs;
	struct inode *inode;
	long err;
};
co_t ext4_log_find(struct co *co, struct ext4_log_find *f);
void ext4_log_free(struct ext4_log *log);
/* Replay it, or (forget) see to it that it is not. */
struct ext4_log_recover {
	struct co_frame co;
	struct ext4 *fs;
	bool forget;
	struct journal_config config;
	u64 replayed;
	bool failed;
	long err;
};
co_t ext4_log_recover(struct co *co, struct ext4_log_recover *f);

#endif
