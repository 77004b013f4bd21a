/* fs/journal/journal.h -- changes of a file system's metadata that become durable together.
 *
 * A handle brackets one change (a file made, a name removed). All handles of some seconds share a
 * transaction. When it commits, the blocks that were changed are copied, the next transaction
 * begins, and the copies go into the log, then a commit record; later each copy goes home, and its
 * place in the log is free again (a checkpoint). A crash finds in the log all of a transaction or
 * none. The format is that of Linux's JBD2 (Documentation/filesystems/ext4/journal.rst), so Linux
 * and e2fsck replay our logs, and we theirs.
 *
 * Without a log (ext2, or ext4 made without one) everything is the same, but that a commit writes
 * its copies home at once.
 *
 * File data is not journaled: it is written before the handle that makes it part of a file, and
 * a commit flushes the device before its record.
 *
 * Ownership  a buffer is held by who got it, and by the transactions that it is in; the page below
 *            it lies in the device's page cache, or in a directory's (buffer_attach). A handle
 *            lives in its user's frame, from journal_start to journal_stop.
 * Units      file system blocks; credits are blocks that a handle may change.
 * Locking    a handle counts as an awaitable lock: inode.lock is taken before it, a file system's
 *            own locks (CO_RANK_FS) after it. With a handle nobody waits for a busy page of a file,
 *            and nobody starts a second one.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "core/dev/blk.h"

struct journal;
struct transaction;

/* --- buffers: blocks that are read to be changed --- */

struct buffer {
	struct journal *journal;
	u64 block;
	u8 *data;		/* a block's bytes */
	struct page *page;
	/* The rest is the journal's, under its lock. */
	u32 refs;		/* each of the three below holds one */
	struct list hash;
	struct transaction *running;	/* which it was changed in; NULL: none */
	struct list in_running;
	struct page *copy;		/* for its commit; had from journal_access on */
	struct list in_frozen;		/* of the transaction that commits now */
	struct page *frozen;		/* how it was when that one ended; NULL: not in it */
	bool escaped;			/* in the log it looks otherwise */
	struct transaction *committed;	/* whose copy is not home yet */
	struct list in_committed;
	struct page *home;		/* that copy */
};

/* The buffer of a block, read; -EIO, -ENOMEM, -EUCLEAN (outside of the file system). */
struct buffer_get {
	struct co_frame co;
	struct journal *journal;
	u64 block;
	struct buffer **buffer;
	struct page *page;
	unsigned tries;
	long err;
};
co_t buffer_get(struct co *co, struct buffer_get *f);
/* Of a block whose bytes are in a page of a file's own (a directory's), at `offset`; a reference
 * to the page is taken. Without waiting: NULL without memory. */
struct buffer *buffer_attach(struct journal *journal, u64 block, struct page *page, u32 offset);
void buffer_hold(struct buffer *b);
void buffer_put(struct buffer *b);	/* NULL is ignored */
/* The same, and nobody puts it again. */
static inline void buffer_drop(struct buffer **b)
{
	buffer_put(*b);
	*b = NULL;
}
/* What a block that was just read from the disk is in memory, if it was changed and the change is
 * not home yet: for pages that are filled past the device's cache. false: it is as on the disk. */
bool buffer_overlay(struct journal *journal, u64 block, u8 *to);

/* --- handles --- */

struct handle {
	struct journal *journal;
	struct transaction *transaction;
	u32 tid;		/* of its transaction, for journal_wait */
	u32 credits;		/* left */
};

/* Begin. Waits for room, even if killed. 0, -EROFS (aborted), -ENOSPC (more than a log can take),
 * -ENOMEM. */
struct journal_start {
	struct co_frame co;
	struct journal *journal;
	struct handle *handle;
	u32 credits;
	struct transaction *spare;
	long err;
};
co_t journal_start(struct co *co, struct journal_start *f);
void journal_stop(struct handle *handle);
/* More credits without waiting: 0, or -EAGAIN: journal_restart. */
int journal_extend(struct handle *handle, u32 credits);
/* End, and begin again in what may be another transaction: what was changed so far must make
 * sense by itself (an orphan half truncated). On an error there is no handle any more. */
struct journal_restart {
	struct co_frame co;
	struct handle *handle;
	u32 credits;
	struct journal *journal;
	long err;
};
co_t journal_restart(struct co *co, struct journal_restart *f);

/* Before the first change of a buffer's bytes by this handle; they can then be changed until
 * journal_stop, and go to the disk as they are then (checksums are the caller's). Costs a credit
 * the first time in a transaction. -ENOMEM: nothing happened. */
struct journal_access {
	struct co_frame co;
	struct handle *handle;
	struct buffer *buffer;
};
co_t journal_access(struct co *co, struct journal_access *f);
/* The same for a block that was just allocated: its buffer, zeroed, not read; NULL on an error. */
struct journal_create {
	struct co_frame co;
	struct handle *handle;
	u64 block;
	struct buffer **buffer;
	struct page *page;
	long err;
};
co_t journal_create(struct co *co, struct journal_create *f);
/* The metadata block is freed by this handle: what older transactions say of it must not be
 * replayed (revoked). Whoever frees it lets it be used again only when this one has committed. */
struct journal_forget {
	struct co_frame co;
	struct handle *handle;
	u64 block;
};
co_t journal_forget(struct co *co, struct journal_forget *f);

/* To be told, once, when the handle's transaction has committed (or, with err, never will). `done`
 * must not wait; the memory is the caller's. */
struct journal_callback {
	struct list link;
	void (*done)(struct journal_callback *cb, int err);
};
void journal_on_commit(struct handle *handle, struct journal_callback *cb);

/* --- durability --- */

/* Wait until transaction tid has committed, and have it commit now. If it had long, the device is
 * flushed all the same (data of a file that was written over). 0, -EIO. */
struct journal_wait {
	struct co_frame co;
	struct journal *journal;
	u32 tid;
	bool flush;
	long err;
};
co_t journal_wait(struct co *co, struct journal_wait *f);
/* Commit all there is, and wait. */
struct journal_sync {
	struct co_frame co;
	struct journal *journal;
	long err;
};
co_t journal_sync(struct co *co, struct journal_sync *f);
/* The same, bring everything home and empty the log: for unmounting. No handle is open. */
struct journal_flush {
	struct co_frame co;
	struct journal *journal;
	long err;
};
co_t journal_flush(struct co *co, struct journal_flush *f);

/* Something is wrong on the disk or it failed: no handle starts any more, nothing commits. */
void journal_abort(struct journal *journal, int err);
bool journal_aborted(const struct journal *journal);
/* No handle starts (-EROFS), or again: while the file system is read-only for a time. */
void journal_suspend(struct journal *journal, bool yes);
/* Another time for changes to wait until they commit; 0: the default. */
void journal_set_commit_seconds(struct journal *journal, u32 seconds);

/* --- the journal itself --- */

/* Where the log lies: log blocks [block, block + len) at start. */
struct journal_run {
	u64 block, start, len;
};
struct journal_config {
	struct blk_device *dev;
	u32 block_size;
	u64 blocks;			/* the file system's */
	const struct journal_run *runs;	/* NULL: no log; copied */
	unsigned run_count;
	u32 commit_seconds;		/* 0: 5 */
	bool checksums;			/* use journal_csum_v3 (metadata_csum) */
	bool wide;			/* block numbers of 64 bits */
	void (*aborted)(void *owner, int err);
	void *owner;
};

/* Replay what a crash left, and nothing else: *replayed blocks were written home (then the
 * device's cached pages of them are fresh), and the log is empty. `forget`: what is in it was not
 * meant to be replayed. *failed: it says that it was aborted once. -EUCLEAN, -EBADMSG (a checksum),
 * -EIO, -EINVAL (a feature we lack). */
struct journal_recover {
	struct co_frame co;
	const struct journal_config *config;
	bool forget;
	u64 *replayed;
	bool *failed;
	struct recovery *scan;
	long err;
};
co_t journal_recover(struct co *co, struct journal_recover *f);
/* Ready for handles (the log was recovered); its worker runs from here on. */
struct journal_open {
	struct co_frame co;
	const struct journal_config *config;
	struct journal **journal;
	struct journal *made;
	long err;
};
co_t journal_open(struct co *co, struct journal_open *f);
/* After journal_flush or an abort: the worker ends, memory is freed. What an abort left uncommitted
 * is gone from the device's cache, too. */
struct journal_close {
	struct co_frame co;
	struct journal *journal;
	unsigned bucket;
	u64 index;
	long ignored;
};
co_t journal_close(struct co *co, struct journal_close *f);

#endif
