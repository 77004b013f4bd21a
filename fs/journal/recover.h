/* fs/journal/recover.h -- reading a log: its blocks, tags and checksums; which blocks it revokes.
 *
 * Ownership  a struct recovery, of one replay.
 * Locking    none.
 */
#ifndef JOURNAL_RECOVER_H
#define JOURNAL_RECOVER_H

#include "fs/journal/internal.h"

enum recover_pass { PASS_SCAN, PASS_REVOKE, PASS_REPLAY };

struct recovery {
	const struct journal_config *config;
	u32 block_size, first, last;
	u32 tag_size, tail, seed;
	bool checksums, wide, csum_v3;
	u32 start, start_tid, end_tid;
	struct page *super, *descriptor;
	struct page *window;		/* log blocks [window_at, window_at + window_len) */
	u32 window_at, window_len;
	struct list *revoked;		/* RECOVER_BUCKETS */
	/* The pass under way. */
	enum recover_pass pass;
	u32 at, tid;			/* next block, transaction */
	u32 steps;			/* blocks seen: no more than there are */
	u64 replayed;
	bool damaged;			/* a block's checksum was wrong */
};

/* Log block n: *to is valid until the next call. */
struct recover_log_read {
	struct co_frame co;
	struct recovery *r;
	u32 n;
	void **to;
	struct blk_segment segment;
	long err;
};
co_t recover_log_read(struct co *co, struct recover_log_read *f);
u64 recover_log_sector(const struct recovery *r, u64 block);
/* n blocks on, round the log's end. */
void recover_log_advance(struct recovery *r, u32 n);

struct recovery *recover_log_new(const struct journal_config *config);
void recover_log_free(struct recovery *r);	/* NULL is ignored */

/* The transaction r->tid revokes a block: 0 or -ENOMEM. */
int recover_log_revoke(struct recovery *r, u64 block);
/* Does it, or one after it? */
bool recover_log_is_revoked(const struct recovery *r, u64 block);

/* Checksums: of a descriptor or revoke block, of a commit block, of what a tag is for. */
bool recover_log_block_valid(const struct recovery *r, u8 *block);
bool recover_log_commit_valid(const struct recovery *r, struct journal_commit_block *block);
struct recover_tag {
	u64 block;
	u32 marks, checksum;	/* marks: JOURNAL_TAG_* */
};
bool recover_log_data_valid(const struct recovery *r, const struct recover_tag *tag,
			    const void *data);
/* The tag at *at of a descriptor, which is moved past it; false: there are no more. */
bool recover_log_next_tag(const struct recovery *r, const u8 *descriptor, u32 *at,
			  struct recover_tag *tag);
u32 recover_log_count_tags(const struct recovery *r, const u8 *descriptor);

#endif
