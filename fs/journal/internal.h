/* fs/journal/internal.h -- what the files of the journal share.
 *
 * One worker per journal commits and checkpoints, so the two never run at once and nothing but it
 * looks at frozen and home copies.
 *
 *	running ----(locked; handles end; buffers are copied)----> committing
 *	committing ----(copies, commit record in the log)--------> committed, copies are `home`
 *	committed ----(copies written home)----------------------> gone
 *
 * Locking  journal.lock (RANK_JOURNAL) covers all that is not marked; no wait under it.
 */
#ifndef JOURNAL_INTERNAL_H
#define JOURNAL_INTERNAL_H

#include "core/base/bits.h"
#include "core/base/log.h"
#include "coro/lock_rank.h"
#include "coro/task.h"
#include "fs/journal/disk.h"
#include "fs/journal/journal.h"
#include "hal/clock.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"

/* Blocks that were freed and must not be replayed. */
struct journal_revoked {
	struct list link;
	u64 block;
};
#define JOURNAL_REVOKE_BUCKETS 256u
struct journal_revokes {
	struct list *buckets;		/* NULL: none yet */
	u32 count;
};

struct transaction {
	struct list link;		/* journal.committed */
	u32 tid;			/* [I] */
	u32 handles;			/* open */
	u32 reserved;			/* credits that these have left */
	u32 blocks;			/* buffers in it */
	bool locked;			/* it waits for its handles' end: no new ones */
	bool used;			/* there is something to commit, by expires_ns */
	u64 expires_ns;
	struct list buffers, frozen, homes, writing;
	struct list callbacks;
	struct journal_revokes revokes;
};

/* Where and how the log is written; the worker's, but that `free` is under the lock. */
struct journal_log {
	struct journal_run *runs;	/* [I] NULL: there is none */
	unsigned run_count;		/* [I] */
	u32 first, last;		/* [I] log blocks [first, last) are used in turn */
	u32 tags, revokes;		/* [I] per block */
	u32 tag_size;			/* [I] */
	u32 seed;			/* [I] of checksums */
	bool checksums, wide;		/* [I] csum_v3, 64bit */
	u32 head;			/* the next to be written */
	u32 free;			/* from there to what may have to be replayed */
	bool marked;			/* its super block says that there is something */
	struct page *super;		/* its block 0 */
	struct page *scratch;		/* the descriptor being filled */
};

#define JOURNAL_BUCKETS 1024u

struct journal {
	struct blk_device *dev;		/* [I] */
	u32 block_size, block_shift;	/* [I] */
	u64 blocks;			/* [I] */
	u64 commit_ns;			/* [a] */
	void (*aborted)(void *owner, int err);	/* [I] */
	void *owner;			/* [I] */
	u32 most;			/* [I] blocks in a transaction */
	struct task *worker;		/* [I] owned */
	struct blk_batch *batch;	/* the worker's */
	spinlock lock;
	struct waitq work;		/* for the worker */
	struct waitq waiters;		/* for the others */
	struct list *buckets;		/* buffers by block */
	struct transaction *running, *committing;
	struct list committed;		/* oldest first; only the worker's */
	u32 next_tid;
	u32 wanted_tid;			/* to be committed now */
	bool want_space, want_empty, closing;
	bool suspended;
	bool starved;			/* somebody waits for handles to end */
	bool failed;			/* after an abort: who waited was told */
	u64 idle_ns;			/* the worker's: when copies go home at the latest */
	int error;			/* [a] it was aborted */
	struct journal_log log;
};

static inline bool journal_tid_reached(u32 tid, u32 want)
{
	return (i32)(tid - want) >= 0;
}

static inline u64 journal_sector(const struct journal *j, u64 block)
{
	return block << (j->block_shift - BLK_SECTOR_SHIFT);
}

/* --- buffer.c --- */

/* A fresh page for a copy, or NULL; shrinks caches but does not wait. */
struct page *buffer_copy_page(void);
/* Drop a reference under the lock: true if the caller has to free it (buffer_free). */
bool buffer_put_locked(struct journal *j, struct buffer *b) REQUIRES(j->lock);
void buffer_free(struct buffer *b);
struct buffer *buffer_find_locked(struct journal *j, u64 block) REQUIRES(j->lock);
/* The device's page cache holds a block's bytes as they now are on the disk, if at all. */
struct buffer_refresh {
	struct co_frame co;
	struct blk_device *dev;
	u64 offset;		/* bytes */
	const u8 *data;
	u32 len;
	struct page *page;
};
co_t buffer_refresh(struct co *co, struct buffer_refresh *f);

/* --- handle.c --- */

struct transaction *journal_transaction_new(void);
/* Neither handles nor buffers are in it, and it has told (journal_tell). */
void journal_transaction_free(struct transaction *t);
/* Blocks of log that so much needs at most. */
u32 journal_log_need(const struct journal *j, u32 blocks, u32 revokes);

/* --- revoke.c --- */

/* 0 or -ENOMEM; what is there already stays. `made` is entered or freed. */
int journal_revoke_reserve(struct journal_revokes *r);
void journal_revoke_add(struct journal_revokes *r, struct journal_revoked *made);
void journal_revoke_cancel(struct journal_revokes *r, u64 block);
/* The next after *at, or NULL. Begin with *bucket 0 and at NULL. */
struct journal_revoked *journal_revoke_next(const struct journal_revokes *r, u32 *bucket,
					    struct journal_revoked *at);
struct journal_revoke_free {
	struct co_frame co;
	struct journal_revokes *revokes;
	u32 bucket;
};
co_t journal_revoke_free(struct co *co, struct journal_revoke_free *f);

/* --- commit.c --- */

/* Commit the running transaction. */
struct journal_commit {
	struct co_frame co;
	struct journal *journal;
	struct transaction *t;
	struct journal_revoked *revoked;
	u32 bucket;
	long err;
};
co_t journal_commit(struct co *co, struct journal_commit *f);
/* Its callbacks are called, and what it revoked is forgotten. */
struct journal_tell {
	struct co_frame co;
	struct journal *journal;
	struct transaction *t;
	int err;
	long ignored;
};
co_t journal_tell(struct co *co, struct journal_tell *f);

/* --- checkpoint.c --- */

/* Bring everything that committed home; the log is empty. `clean`: its super block says so. */
struct journal_checkpoint {
	struct co_frame co;
	struct journal *journal;
	struct transaction *t;
	long err;
};
co_t journal_checkpoint(struct co *co, struct journal_checkpoint *f);
/* Only one transaction; no flush. */
struct journal_go_home {
	struct co_frame co;
	struct journal *journal;
	struct transaction *t;
	struct buffer *buffer;
	long err;
};
co_t journal_go_home(struct co *co, struct journal_go_home *f);

/* --- log.c --- */

#define JOURNAL_LOG_LEAST 64u	/* blocks that a log must have to be written */

/* How many blocks the log has; 0 if its runs are not in order and without gaps. */
u32 journal_log_blocks(const struct journal_config *config);
/* 0, -EUCLEAN, -EINVAL (a feature we lack), -EBADMSG (its checksum). */
int journal_super_check(const struct journal_config *config, const struct journal_super *s);
u32 journal_super_checksum(const struct journal_super *s);
/* Where log block n lies. It is a block of the log. */
u64 journal_log_block(const struct journal_run *runs, unsigned run_count, u32 n);
/* Read the super block and make it ready for writing. */
struct journal_log_open {
	struct co_frame co;
	struct journal *journal;
	const struct journal_config *config;
	struct blk_segment segment;
	long err;
};
co_t journal_log_open(struct co *co, struct journal_log_open *f);
void journal_log_free(struct journal_log *log);
/* Write the super block: replay begins at log block `start` (0: nothing to replay) with
 * transaction `sequence`. Flushes before and after. With an error only that is entered. */
struct journal_log_mark {
	struct co_frame co;
	struct journal *journal;
	u32 start, sequence;
	int error;
	struct blk_segment segment;
	long err;
};
co_t journal_log_mark(struct co *co, struct journal_log_mark *f);
/* The frozen buffers and the revoked blocks of a transaction, and its commit record. */
struct journal_log_write {
	struct co_frame co;
	struct journal *journal;
	struct transaction *t;
	struct buffer *from, *buffer;	/* a descriptor's first, and where we are */
	struct journal_revoked *revoked;
	u32 bucket;
	u32 used;		/* of the descriptor, bytes */
	u32 descriptor;		/* its log block */
	u32 blocks;		/* of the log, so far */
	bool last, revokes_first;
	long err;
};
co_t journal_log_write(struct co *co, struct journal_log_write *f);

#endif
