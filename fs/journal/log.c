/* fs/journal/log.c -- writing the log: its super block, and transactions one after the other.
 *
 * The log is a ring of its blocks from `first` on. Nothing in it is overwritten before what it
 * says is home, and the super block says from where to replay; `need` blocks were put aside for a
 * transaction when it was closed, so room never runs out here.
 */
#include "core/base/crc.h"
#include "fs/journal/internal.h"
#include "vfs/inode.h"

#define LOG_KNOWN                                                                            \
	(JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_64BIT | JOURNAL_INCOMPAT_ASYNC_COMMIT |  \
	 JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3 | JOURNAL_INCOMPAT_FAST_COMMIT)

u64 journal_log_block(const struct journal_run *runs, unsigned run_count, u32 n)
{
	unsigned low = 0, high = run_count;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		if (runs[middle].block <= n)
			low = middle;
		else
			high = middle;
	}
	return runs[low].start + (n - runs[low].block);
}

u32 journal_log_blocks(const struct journal_config *config)
{
	const struct journal_run *last = &config->runs[config->run_count - 1];
	u64 end = 0;

	for (unsigned i = 0; i < config->run_count; i++) {
		if (config->runs[i].block != end || !config->runs[i].start)
			return 0;
		end += config->runs[i].len;
	}
	return end == last->block + last->len ? (u32)min(end, (u64)UINT32_MAX) : 0;
}

/* --- the super block --- */

u32 journal_super_checksum(const struct journal_super *s)
{
	const be32 zero = {0};
	const unsigned at = offsetof(struct journal_super, checksum);
	u32 crc = crc_32c(~0u, s, at);

	crc = crc_32c(crc, &zero, sizeof(zero));
	return crc_32c(crc, (const u8 *)s + at + sizeof(zero), sizeof(*s) - at - sizeof(zero));
}

int journal_super_check(const struct journal_config *config, const struct journal_super *s)
{
	const char *name = config->dev->name;
	u32 incompat = be32_get(s->incompat), blocks = journal_log_blocks(config);

	if (be32_get(s->head.magic) != JOURNAL_MAGIC ||
	    (be32_get(s->head.type) != JOURNAL_SUPER_V2 &&
	     be32_get(s->head.type) != JOURNAL_SUPER_V1)) {
		log_err("journal %s: there is no super block", name);
		return -EUCLEAN;
	}
	if (be32_get(s->block_size) != config->block_size || be32_get(s->max_len) > blocks ||
	    be32_get(s->first) == 0 || be32_get(s->first) >= be32_get(s->max_len) ||
	    be32_get(s->start) >= be32_get(s->max_len)) {
		log_err("journal %s: its super block is impossible", name);
		return -EUCLEAN;
	}
	if (be32_get(s->head.type) == JOURNAL_SUPER_V1)
		return 0;
	if (incompat & ~(u32)LOG_KNOWN || be32_get(s->ro_compat)) {
		log_err("journal %s: unknown features %#x %#x", name, incompat,
			be32_get(s->ro_compat));
		return -EINVAL;
	}
	if (!(incompat & (JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3)))
		return 0;
	if (s->checksum_type != JOURNAL_CHECKSUM_CRC32C) {
		log_err("journal %s: checksum type %u is unknown", name, s->checksum_type);
		return -EINVAL;
	}
	if (be32_get(s->checksum) != journal_super_checksum(s)) {
		log_err("journal %s: the super block's checksum is wrong", name);
		return -EBADMSG;
	}
	return 0;
}

/* What this file system's journal is written with, its log being empty. */
static void log_set_features(struct journal_super *s, const struct journal_config *config)
{
	u32 incompat = be32_get(s->incompat);

	incompat &= ~(u32)(JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3 |
			   JOURNAL_INCOMPAT_FAST_COMMIT | JOURNAL_INCOMPAT_ASYNC_COMMIT);
	if (config->wide)
		incompat |= JOURNAL_INCOMPAT_64BIT;
	if (config->checksums) {
		incompat |= JOURNAL_INCOMPAT_CSUM_V3;
		s->checksum_type = JOURNAL_CHECKSUM_CRC32C;
	}
	s->incompat = be32_of(incompat);
	s->compat = be32_of(be32_get(s->compat) & ~(u32)JOURNAL_COMPAT_CHECKSUM);
}

/* How it is written, from a super block that was checked. */
static int log_prepare(struct journal *j, const struct journal_config *config)
{
	struct journal_super *s = phys_page_data(j->log.super);
	struct journal_log *log = &j->log;
	u32 tail;
	int err = journal_super_check(config, s);

	if (err)
		return err;
	if (be32_get(s->head.type) == JOURNAL_SUPER_V1) {
		log_err("journal %s: of version 1, which cannot be written", j->dev->name);
		return -EINVAL;
	}
	if (be32_get(s->start)) {
		log_err("journal %s: it was not replayed", j->dev->name);
		return -EINVAL;
	}
	log_set_features(s, config);
	log->checksums = config->checksums;
	log->wide = be32_get(s->incompat) & JOURNAL_INCOMPAT_64BIT;
	log->seed = crc_32c(~0u, s->uuid, sizeof(s->uuid));
	tail = log->checksums ? JOURNAL_TAIL_SIZE : 0;
	log->tag_size = log->checksums ? sizeof(struct journal_tag3)
				       : sizeof(struct journal_tag) - (log->wide ? 0 : 4);
	log->tags = (j->block_size - (u32)sizeof(struct journal_head) - JOURNAL_UUID_SIZE - tail) /
		    log->tag_size;
	log->revokes = (j->block_size - (u32)sizeof(struct journal_revoke_head) - tail) /
		       (log->wide ? 8 : 4);
	log->first = log->head = be32_get(s->first);
	log->last = be32_get(s->max_len);
	j->next_tid = be32_get(s->sequence);
	if (log->last - log->first < JOURNAL_LOG_LEAST) {
		log_err("journal %s: too small", j->dev->name);
		return -EINVAL;
	}
	log->free = log->last - log->first - 1;
	return 0;
}

co_t journal_log_open(struct co *co, struct journal_log_open *f)
{
	struct journal_log *log = &f->journal->log;
	u64 at;

	CO_BEGIN;
	if (!journal_log_blocks(f->config))
		CO_RETURN(-EUCLEAN);
	log->super = buddy_alloc(0, 0);
	log->scratch = buddy_alloc(0, 0);
	log->runs = kcalloc(f->config->run_count, sizeof(*log->runs));
	if (!log->super || !log->scratch || !log->runs)
		CO_RETURN(-ENOMEM);
	log->run_count = f->config->run_count;
	memcpy(log->runs, f->config->runs, log->run_count * sizeof(*log->runs));
	f->segment = (struct blk_segment){phys_page_addr(log->super), f->config->block_size};
	at = log->runs[0].start;
	CO_AWAIT(f->err, blk_transfer, .dev = f->config->dev, .kind = BLK_READ,
		 .sector = journal_sector(f->journal, at), .segments = &f->segment, .count = 1);
	CO_RETURN(f->err ? f->err : log_prepare(f->journal, f->config));
	CO_END;
}

void journal_log_free(struct journal_log *log)
{
	if (log->super)
		phys_page_put(log->super);
	if (log->scratch)
		phys_page_put(log->scratch);
	kfree(log->runs);
}

static void log_fill_super(struct journal *j, u32 start, u32 sequence, int error)
{
	struct journal_super *s = phys_page_data(j->log.super);

	if (error) {
		s->error = be32_of((u32)error);
	} else {
		s->start = be32_of(start);
		s->sequence = be32_of(sequence);
		s->log_head = be32_of(start ? 0 : j->log.head);
	}
	if (j->log.checksums)
		s->checksum = be32_of(journal_super_checksum(s));
}

co_t journal_log_mark(struct co *co, struct journal_log_mark *f)
{
	CO_BEGIN;
	log_fill_super(f->journal, f->start, f->sequence, f->error);
	CO_AWAIT(f->err, blk_transfer, .dev = f->journal->dev, .kind = BLK_FLUSH);
	if (f->err)
		CO_RETURN(f->err);
	f->segment = (struct blk_segment){phys_page_addr(f->journal->log.super),
					  f->journal->block_size};
	CO_AWAIT(f->err, blk_transfer, .dev = f->journal->dev, .kind = BLK_WRITE,
		 .sector = journal_sector(f->journal, f->journal->log.runs[0].start),
		 .segments = &f->segment, .count = 1);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, blk_transfer, .dev = f->journal->dev, .kind = BLK_FLUSH);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, buffer_refresh, .dev = f->journal->dev,
		 .offset = f->journal->log.runs[0].start << f->journal->block_shift,
		 .data = phys_page_data(f->journal->log.super), .len = f->journal->block_size);
	if (!f->error)
		f->journal->log.marked = f->start != 0;
	CO_RETURN(0);
	CO_END;
}

/* --- transactions --- */

/* The next block of the log. */
static u32 log_next(struct journal_log_write *f)
{
	struct journal_log *log = &f->journal->log;
	u32 n = log->head++;

	if (log->head == log->last)
		log->head = log->first;
	f->blocks++;
	return n;
}

static u64 log_sector(const struct journal *j, u32 n)
{
	return journal_sector(j, journal_log_block(j->log.runs, j->log.run_count, n));
}

/* Begin a block that describes: its size so far. */
static void log_begin(struct journal_log_write *f, u32 type, u32 size)
{
	struct journal_head *head = phys_page_data(f->journal->log.scratch);

	memset(head, 0, f->journal->block_size);
	*head = (struct journal_head){be32_of(JOURNAL_MAGIC), be32_of(type),
				      be32_of(f->t->tid)};
	f->used = size;
	f->descriptor = log_next(f);
}

/* The checksum at the end of a descriptor or revoke block. */
static void log_seal(const struct journal *j)
{
	u8 *block = phys_page_data(j->log.scratch);
	be32 *tail = (be32 *)(block + j->block_size - JOURNAL_TAIL_SIZE);

	if (!j->log.checksums)
		return;
	*tail = (be32){0};
	*tail = be32_of(crc_32c(j->log.seed, block, j->block_size));
}

static u32 log_tail(const struct journal *j)
{
	return j->log.checksums ? JOURNAL_TAIL_SIZE : 0;
}

/* The magic number in a block of the log would be taken for the log's own. */
static void log_escape(struct buffer *b)
{
	be32 *first = phys_page_data(b->frozen);

	b->escaped = be32_get(*first) == JOURNAL_MAGIC;
	if (b->escaped)
		*first = (be32){0};
}

static void log_unescape(struct journal_log_write *f)
{
	struct buffer *b;

	for (b = f->from; &b->in_frozen != &f->t->frozen && b != f->buffer;
	     b = list_entry(b->in_frozen.next, struct buffer, in_frozen))
		if (b->escaped)
			*(be32 *)phys_page_data(b->frozen) = be32_of(JOURNAL_MAGIC);
}

static struct buffer *log_next_buffer(struct journal_log_write *f, struct list *at)
{
	f->last = at->next == &f->t->frozen;
	return list_entry(at->next, struct buffer, in_frozen);
}

static bool log_tag_fits(const struct journal_log_write *f)
{
	const struct journal *j = f->journal;

	return f->used + j->log.tag_size + JOURNAL_UUID_SIZE + log_tail(j) <= j->block_size;
}

/* A tag for f->buffer, whose block is escaped already. */
static void log_add_tag(struct journal_log_write *f)
{
	const struct journal *j = f->journal;
	u8 *block = phys_page_data(j->log.scratch), *at = block + f->used;
	bool first = f->used == sizeof(struct journal_head);
	u32 flags = (f->buffer->escaped ? JOURNAL_TAG_ESCAPED : 0u) |
		    (first ? 0u : (u32)JOURNAL_TAG_SAME_UUID);
	be32 tid = be32_of(f->t->tid);
	u32 low = (u32)f->buffer->block, high = (u32)(f->buffer->block >> 32), crc;

	if (j->log.checksums) {
		crc = crc_32c(j->log.seed, &tid, sizeof(tid));
		crc = crc_32c(crc, phys_page_data(f->buffer->frozen), j->block_size);
		*(struct journal_tag3 *)at = (struct journal_tag3){
			be32_of(low), be32_of(flags), be32_of(high), be32_of(crc)};
	} else {
		struct journal_tag tag = {be32_of(low), be16_of(0), be16_of((u16)flags),
					  be32_of(high)};

		memcpy(at, &tag, j->log.tag_size);
	}
	f->used += j->log.tag_size;
	if (first) {
		const struct journal_super *s = phys_page_data(j->log.super);

		memcpy(block + f->used, s->uuid, JOURNAL_UUID_SIZE);
		f->used += JOURNAL_UUID_SIZE;
	}
}

/* No tag follows the last one. */
static void log_end_tags(struct journal_log_write *f, u32 tags)
{
	const struct journal *j = f->journal;
	u32 at = (u32)sizeof(struct journal_head) + (tags - 1) * j->log.tag_size +
		 (tags > 1 ? JOURNAL_UUID_SIZE : 0);
	u8 *tag = (u8 *)phys_page_data(j->log.scratch) + at;

	if (j->log.checksums) {
		be32 *flags = &((struct journal_tag3 *)tag)->flags;

		*flags = be32_of(be32_get(*flags) | JOURNAL_TAG_LAST);
	} else {
		be16 *flags = &((struct journal_tag *)tag)->flags;

		*flags = be16_of(be16_get(*flags) | JOURNAL_TAG_LAST);
	}
	log_seal(j);
}

/* The piece of memory at log block n, if the batch takes it. */
static bool log_put(struct journal_log_write *f, u32 n, struct page *page)
{
	return blk_batch_add(f->journal->batch, log_sector(f->journal, n), phys_page_addr(page),
			     f->journal->block_size);
}

/* A descriptor and the blocks that it names, from f->buffer on: moves it. */
struct log_write_some {
	struct co_frame co;
	struct journal_log_write *of;
	u32 tags, at;
	long err;
};
static co_t log_write_some(struct co *co, struct log_write_some *f)
{
	struct journal_log_write *of = f->of;

	CO_BEGIN;
	of->from = of->buffer;
	log_begin(of, JOURNAL_DESCRIPTOR, sizeof(struct journal_head));
	for (;;) {
		log_escape(of->buffer);
		log_add_tag(of);
		f->tags++;
		f->at = log_next(of);
		while (!log_put(of, f->at, of->buffer->frozen))
			CO_AWAIT(f->err, blk_batch_wait, .batch = of->journal->batch);
		of->buffer = log_next_buffer(of, &of->buffer->in_frozen);
		if (of->last || !log_tag_fits(of))
			break;
		CO_BREATHE;
	}
	log_end_tags(of, f->tags);
	while (!log_put(of, of->descriptor, of->journal->log.scratch))
		CO_AWAIT(f->err, blk_batch_wait, .batch = of->journal->batch);
	CO_AWAIT(f->err, blk_batch_wait, .batch = of->journal->batch);
	log_unescape(of);
	CO_RETURN(f->err);
	CO_END;
}

/* Enter revoked blocks from f->revoked on, as many as go into one block. */
static void log_fill_revokes(struct journal_log_write *f)
{
	const struct journal *j = f->journal;
	u8 *block = phys_page_data(j->log.scratch);
	u32 size = j->log.wide ? 8 : 4;

	log_begin(f, JOURNAL_REVOKE, sizeof(struct journal_revoke_head));
	for (; f->revoked && f->used + size + log_tail(j) <= j->block_size; f->used += size) {
		if (j->log.wide)
			*(be64 *)(block + f->used) = be64_of(f->revoked->block);
		else
			*(be32 *)(block + f->used) = be32_of((u32)f->revoked->block);
		f->revoked = journal_revoke_next(&f->t->revokes, &f->bucket, f->revoked);
	}
	((struct journal_revoke_head *)block)->used = be32_of(f->used);
	log_seal(j);
}

static void log_fill_commit(struct journal_log_write *f)
{
	struct journal_log *log = &f->journal->log;
	struct journal_commit_block *block = phys_page_data(log->scratch);
	struct inode_time now = inode_now();

	log_begin(f, JOURNAL_COMMIT, f->journal->block_size);
	block->seconds = be64_of((u64)now.sec);
	block->nanoseconds = be32_of(now.nsec);
	if (log->checksums)
		block->checksum[0] = be32_of(crc_32c(log->seed, block, f->journal->block_size));
}

/* Give back what the transaction did not need after all. */
static void log_account(struct journal_log_write *f)
{
	struct journal *j = f->journal;

	spin_lock(&j->lock);
	j->log.free += journal_log_need(j, f->t->blocks, f->t->revokes.count) - f->blocks;
	spin_unlock(&j->lock);
}

/* Where replay begins, and with which transaction, as the super block says. */
static u32 log_start(const struct journal *j)
{
	return be32_get(((const struct journal_super *)phys_page_data(j->log.super))->start);
}

static u32 log_sequence(const struct journal *j)
{
	return be32_get(((const struct journal_super *)phys_page_data(j->log.super))->sequence);
}

/* The first blocks that are revoked in this log: its super block is to say that there are such,
 * before they are in it. */
static bool log_begins_revoking(struct journal *j, const struct transaction *t)
{
	struct journal_super *s = phys_page_data(j->log.super);
	u32 incompat = be32_get(s->incompat);

	if (!t->revokes.count || (incompat & JOURNAL_INCOMPAT_REVOKE))
		return false;
	s->incompat = be32_of(incompat | JOURNAL_INCOMPAT_REVOKE);
	return true;
}

co_t journal_log_write(struct co *co, struct journal_log_write *f)
{
	struct journal *j = f->journal;

	CO_BEGIN;
	f->revokes_first = log_begins_revoking(j, f->t);
	if (!j->log.marked)
		CO_AWAIT(f->err, journal_log_mark, .journal = j, .start = j->log.head,
			 .sequence = f->t->tid);
	else if (f->revokes_first)
		CO_AWAIT(f->err, journal_log_mark, .journal = j, .start = log_start(j),
			 .sequence = log_sequence(j));
	if (f->err)
		CO_RETURN(f->err);
	blk_batch_init(j->batch, j->dev, BLK_WRITE);
	f->buffer = log_next_buffer(f, &f->t->frozen);
	while (!f->last && !f->err)
		CO_AWAIT(f->err, log_write_some, .of = f);
	f->revoked = journal_revoke_next(&f->t->revokes, &f->bucket, NULL);
	while (f->revoked && !f->err) {
		log_fill_revokes(f);
		log_put(f, f->descriptor, j->log.scratch);
		CO_AWAIT(f->err, blk_batch_wait, .batch = j->batch);
	}
	/* Before the record all that it stands for, the data of files too. */
	if (!f->err)
		CO_AWAIT(f->err, blk_transfer, .dev = j->dev, .kind = BLK_FLUSH);
	if (f->err)
		CO_RETURN(f->err);
	log_fill_commit(f);
	log_put(f, f->descriptor, j->log.scratch);
	CO_AWAIT(f->err, blk_batch_wait, .batch = j->batch);
	if (!f->err)
		CO_AWAIT(f->err, blk_transfer, .dev = j->dev, .kind = BLK_FLUSH);
	if (!f->err)
		log_account(f);
	CO_RETURN(f->err);
	CO_END;
}
