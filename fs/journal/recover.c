/* fs/journal/recover.c -- replaying a log.
 *
 * Three passes over it, as Linux's: where does it end (the first block that is not of the
 * transaction that is to follow, or whose checksum is wrong); which blocks were revoked, and
 * when; then every block that was not goes home, in order. A transaction without its commit block
 * is none. What is read is whatever somebody wrote there: each number is checked.
 */
#include "core/base/crc.h"
#include "fs/journal/recover.h"

/* --- replaying --- */

/* One block of the log goes home. */
struct recover_write {
	struct co_frame co;
	struct recovery *r;
	struct recover_tag tag;
	void *data;
	struct blk_segment segment;
	long err;
};
static co_t recover_write(struct co *co, struct recover_write *f)
{
	struct recovery *r = f->r;

	CO_BEGIN;
	if (f->tag.block >= r->config->blocks) {
		log_err("journal %s: block %lu in its log lies outside", r->config->dev->name,
			(unsigned long)f->tag.block);
		CO_RETURN(-EUCLEAN);
	}
	CO_AWAIT(f->err, recover_log_read, .r = r, .n = r->at, .to = &f->data);
	if (f->err)
		CO_RETURN(f->err);
	if (!recover_log_data_valid(r, &f->tag, f->data)) {
		log_err("journal %s: the checksum of block %lu in its log is wrong",
			r->config->dev->name, (unsigned long)f->tag.block);
		r->damaged = true;
		CO_RETURN(0);
	}
	if (f->tag.marks & JOURNAL_TAG_ESCAPED)
		*(be32 *)f->data = be32_of(JOURNAL_MAGIC);
	f->segment = (struct blk_segment){
		paddr_of(phys_page_addr(r->window).raw +
			 (u64)((u8 *)f->data - (u8 *)phys_page_data(r->window))),
		r->block_size};
	CO_AWAIT(f->err, blk_transfer, .dev = r->config->dev, .kind = BLK_WRITE,
		 .sector = recover_log_sector(r, f->tag.block), .segments = &f->segment,
		 .count = 1);
	if (f->err)
		CO_RETURN(f->err);
	r->replayed++;
	CO_AWAIT(f->err, buffer_refresh, .dev = r->config->dev,
		 .offset = f->tag.block * r->block_size, .data = f->data, .len = r->block_size);
	CO_RETURN(0);
	CO_END;
}

/* The blocks of the descriptor that was copied. */
struct recover_blocks {
	struct co_frame co;
	struct recovery *r;
	u32 tag_at;
	struct recover_tag tag;
	long err;
};
static co_t recover_blocks(struct co *co, struct recover_blocks *f)
{
	struct recovery *r = f->r;

	CO_BEGIN;
	f->tag_at = sizeof(struct journal_head);
	while (recover_log_next_tag(r, phys_page_data(r->descriptor), &f->tag_at,
				    &f->tag)) {
		if (!recover_log_is_revoked(r, f->tag.block))
			CO_AWAIT(f->err, recover_write, .r = r, .tag = f->tag);
		if (f->err)
			break;
		recover_log_advance(r, 1);
		CO_BREATHE;
	}
	CO_RETURN(f->err);
	CO_END;
}

static int recover_take_revokes(struct recovery *r, const u8 *block)
{
	const struct journal_revoke_head *head = (const struct journal_revoke_head *)block;
	u32 size = r->wide ? 8 : 4, used = be32_get(head->used);
	int err = 0;

	if (used > r->block_size - r->tail)
		return -EUCLEAN;
	for (u32 at = sizeof(*head); !err && at + size <= used; at += size) {
		const be32 *n = (const be32 *)(block + at);

		err = recover_log_revoke(r, r->wide ? (u64)be32_get(n[0]) << 32 | be32_get(n[1])
						: be32_get(n[0]));
	}
	return err;
}

/* --- passes --- */

/* 1: it goes on, 0: the log ends here, or an error. */
struct recover_step {
	struct co_frame co;
	struct recovery *r;
	u8 *block;
	long err;
};
static co_t recover_step(struct co *co, struct recover_step *f)
{
	struct recovery *r = f->r;
	const struct journal_head *head;
	u32 type;

	CO_BEGIN;
	CO_AWAIT(f->err, recover_log_read, .r = r, .n = r->at, .to = (void **)&f->block);
	if (f->err)
		CO_RETURN(f->err);
	head = (const struct journal_head *)f->block;
	if (be32_get(head->magic) != JOURNAL_MAGIC || be32_get(head->sequence) != r->tid)
		CO_RETURN(0);
	recover_log_advance(r, 1);
	type = be32_get(head->type);
	if (type == JOURNAL_COMMIT) {
		if (!recover_log_commit_valid(r, (struct journal_commit_block *)f->block))
			CO_RETURN(0);
		r->tid++;
		CO_RETURN(1);
	}
	if (type != JOURNAL_DESCRIPTOR && type != JOURNAL_REVOKE)
		CO_RETURN(0);
	/* Old blocks look like this, too; past the scan they would have been found. */
	if (!recover_log_block_valid(r, f->block))
		CO_RETURN(r->pass == PASS_SCAN ? 0 : -EBADMSG);
	if (type == JOURNAL_REVOKE) {
		f->err = r->pass == PASS_REVOKE ? recover_take_revokes(r, f->block) : 0;
	} else if (r->pass == PASS_REPLAY) {
		memcpy(phys_page_data(r->descriptor), f->block, r->block_size);
		CO_AWAIT(f->err, recover_blocks, .r = r);
	} else {
		recover_log_advance(r, recover_log_count_tags(r, f->block));
	}
	CO_RETURN(f->err ? f->err : 1);
	CO_END;
}

struct recover_pass_over {
	struct co_frame co;
	struct recovery *r;
	enum recover_pass pass;
	long more;
};
static co_t recover_pass_over(struct co *co, struct recover_pass_over *f)
{
	struct recovery *r = f->r;

	CO_BEGIN;
	r->pass = f->pass;
	r->at = r->start;
	r->tid = r->start_tid;
	r->steps = 0;
	do {
		if (r->pass != PASS_SCAN && r->tid == r->end_tid)
			break;
		CO_AWAIT(f->more, recover_step, .r = r);
		CO_BREATHE;
	} while (f->more > 0 && r->steps <= r->last - r->first);
	if (r->pass == PASS_SCAN)
		r->end_tid = r->tid;
	CO_RETURN(min(f->more, 0l));
	CO_END;
}

/* --- before and after --- */

/* The super block was read: 1 if there is something in the log, 0, or an error. */
static int recover_prepare(struct recovery *r)
{
	const struct journal_super *s = phys_page_data(r->super);
	u32 incompat = 0, fast;
	int err = journal_super_check(r->config, s);

	if (err)
		return err;
	if (be32_get(s->head.type) == JOURNAL_SUPER_V2)
		incompat = be32_get(s->incompat);
	r->first = be32_get(s->first);
	r->last = be32_get(s->max_len);
	r->start = be32_get(s->start);
	r->start_tid = r->end_tid = be32_get(s->sequence);
	r->wide = incompat & JOURNAL_INCOMPAT_64BIT;
	r->csum_v3 = incompat & JOURNAL_INCOMPAT_CSUM_V3;
	r->checksums = incompat & (JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3);
	r->seed = crc_32c(~0u, s->uuid, sizeof(s->uuid));
	r->tail = r->checksums ? JOURNAL_TAIL_SIZE : 0;
	r->tag_size = sizeof(struct journal_tag) - (r->wide ? 0 : 4);
	if (r->csum_v3)
		r->tag_size = sizeof(struct journal_tag3);
	else if (r->checksums)
		r->tag_size += 2;	/* which nobody uses */
	if (!r->start)
		return 0;
	if (incompat & JOURNAL_INCOMPAT_FAST_COMMIT) {
		fast = be32_get(s->fast_blocks) ? be32_get(s->fast_blocks) : JOURNAL_FAST_BLOCKS;
		log_err("journal %s: feature fast_commit (%u blocks) is not supported: run e2fsck",
			r->config->dev->name, fast);
		return -EINVAL;
	}
	if ((incompat & JOURNAL_INCOMPAT_ASYNC_COMMIT) && !r->checksums) {
		log_err("journal %s: feature async_commit without checksums is not supported",
			r->config->dev->name);
		return -EINVAL;
	}
	return r->start < r->first ? -EUCLEAN : 1;
}

/* Nothing is to be replayed any more. The next number is one further, as on Linux, so that what
 * follows the end cannot be taken for more. */
static void recover_finish(struct recovery *r, bool emptied)
{
	struct journal_super *s = phys_page_data(r->super);

	if (emptied) {
		s->start = be32_of(0);
		s->sequence = be32_of(r->end_tid + 1);
	}
	s->error = be32_of(0);
	if (r->checksums)
		s->checksum = be32_of(journal_super_checksum(s));
}

/* Read or write the super block. */
struct recover_super {
	struct co_frame co;
	struct recovery *r;
	enum blk_kind kind;
	struct blk_segment segment;
	long err;
};
static co_t recover_super(struct co *co, struct recover_super *f)
{
	struct recovery *r = f->r;

	CO_BEGIN;
	f->segment = (struct blk_segment){phys_page_addr(r->super), r->block_size};
	if (f->kind == BLK_WRITE) /* first all that was replayed */
		CO_AWAIT(f->err, blk_transfer, .dev = r->config->dev, .kind = BLK_FLUSH);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, blk_transfer, .dev = r->config->dev, .kind = f->kind,
		 .sector = recover_log_sector(r, r->config->runs[0].start), .segments = &f->segment,
		 .count = 1);
	if (f->err || f->kind == BLK_READ)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, buffer_refresh, .dev = r->config->dev,
		 .offset = r->config->runs[0].start * r->block_size,
		 .data = phys_page_data(r->super), .len = r->block_size);
	CO_AWAIT(f->err, blk_transfer, .dev = r->config->dev, .kind = BLK_FLUSH);
	CO_RETURN(f->err);
	CO_END;
}

co_t journal_recover(struct co *co, struct journal_recover *f)
{
	const struct journal_super *s;
	bool dirty;

	CO_BEGIN;
	if (!journal_log_blocks(f->config))
		CO_RETURN(-EUCLEAN);
	f->scan = recover_log_new(f->config);
	if (!f->scan)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, recover_super, .r = f->scan, .kind = BLK_READ);
	f->err = f->err ? f->err : recover_prepare(f->scan);
	if (f->err > 0) {
		CO_AWAIT(f->err, recover_pass_over, .r = f->scan, .pass = PASS_SCAN);
		if (!f->err && !f->forget)
			CO_AWAIT(f->err, recover_pass_over, .r = f->scan, .pass = PASS_REVOKE);
		if (!f->err && !f->forget)
			CO_AWAIT(f->err, recover_pass_over, .r = f->scan, .pass = PASS_REPLAY);
		if (!f->err && f->scan->damaged)
			f->err = -EBADMSG;
	}
	if (f->err)
		goto out;
	s = phys_page_data(f->scan->super);
	/* After a crash an empty log's number goes on, too, as with Linux and e2fsck. */
	dirty = f->scan->start || !f->forget;
	*f->failed = be32_get(s->error);
	*f->replayed = f->scan->replayed;
	if (dirty || *f->failed) {
		recover_finish(f->scan, dirty);
		CO_AWAIT(f->err, recover_super, .r = f->scan, .kind = BLK_WRITE);
	}
out:
	recover_log_free(f->scan);
	CO_RETURN(f->err);
	CO_END;
}
