/* fs/journal/recover_log.c -- see recover.h. */
#include "core/base/crc.h"
#include "fs/journal/recover.h"

#define RECOVER_WINDOW_ORDER 4u	/* pages that are read at once */
#define RECOVER_BUCKETS	     1024u

/* The last transaction that revoked a block. */
struct recover_revoked {
	struct list link;
	u64 block;
	u32 tid;
};

/* --- the revoke table --- */

static struct list *recover_bucket(const struct recovery *r, u64 block)
{
	return &r->revoked[(block * 0x9e3779b97f4a7c15ul) >> (64 - bits_log2(RECOVER_BUCKETS))];
}

static struct recover_revoked *recover_find(const struct recovery *r, u64 block)
{
	struct recover_revoked *e;

	list_each(e, recover_bucket(r, block), link)
		if (e->block == block)
			return e;
	return NULL;
}

/* Passes go forward, so the last is the greatest. */
int recover_log_revoke(struct recovery *r, u64 block)
{
	struct recover_revoked *e = recover_find(r, block);

	if (!e) {
		e = kmalloc(sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->block = block;
		list_add_front(recover_bucket(r, block), &e->link);
	}
	e->tid = r->tid;
	return 0;
}

bool recover_log_is_revoked(const struct recovery *r, u64 block)
{
	const struct recover_revoked *e = recover_find(r, block);

	return e && journal_tid_reached(e->tid, r->tid);
}

void recover_log_free(struct recovery *r)
{
	if (!r)
		return;
	for (u32 i = 0; r->revoked && i < RECOVER_BUCKETS; i++)
		while (!list_empty(&r->revoked[i])) {
			struct list *first = r->revoked[i].next;

			list_remove(first);
			kfree(list_entry(first, struct recover_revoked, link));
		}
	kfree(r->revoked);
	if (r->super)
		phys_page_put(r->super);
	if (r->descriptor)
		phys_page_put(r->descriptor);
	if (r->window)
		phys_page_put(r->window);
	kfree(r);
}

struct recovery *recover_log_new(const struct journal_config *config)
{
	struct recovery *r = kzalloc(sizeof(*r));

	if (!r)
		return NULL;
	r->config = config;
	r->block_size = config->block_size;
	r->super = buddy_alloc(0, 0);
	r->descriptor = buddy_alloc(0, 0);
	r->window = buddy_alloc(RECOVER_WINDOW_ORDER, 0);
	r->revoked = kcalloc(RECOVER_BUCKETS, sizeof(*r->revoked));
	for (u32 i = 0; r->revoked && i < RECOVER_BUCKETS; i++)
		list_init(&r->revoked[i]);
	if (r->super && r->descriptor && r->window && r->revoked)
		return r;
	recover_log_free(r);
	return NULL;
}

/* --- reading the log --- */

u64 recover_log_sector(const struct recovery *r, u64 block)
{
	return block << (bits_log2(r->block_size) - BLK_SECTOR_SHIFT);
}

static void *recover_in_window(const struct recovery *r, u32 n)
{
	return (u8 *)phys_page_data(r->window) + (u64)(n - r->window_at) * r->block_size;
}

/* As many blocks from n on as are adjacent on the disk and fit. */
static u32 recover_run(const struct recovery *r, u32 n)
{
	const struct journal_config *c = r->config;
	u32 most = (u32)((PAGE_SIZE << RECOVER_WINDOW_ORDER) / r->block_size), count = 1;
	u64 at = journal_log_block(c->runs, c->run_count, n);

	while (count < most && n + count < r->last &&
	       journal_log_block(c->runs, c->run_count, n + count) == at + count)
		count++;
	return count;
}

co_t recover_log_read(struct co *co, struct recover_log_read *f)
{
	struct recovery *r = f->r;
	u64 at;

	CO_BEGIN;
	if (f->n < r->window_at || f->n - r->window_at >= r->window_len) {
		r->window_len = 0;
		f->segment = (struct blk_segment){phys_page_addr(r->window),
						  recover_run(r, f->n) * r->block_size};
		at = journal_log_block(r->config->runs, r->config->run_count, f->n);
		CO_AWAIT(f->err, blk_transfer, .dev = r->config->dev, .kind = BLK_READ,
			 .sector = recover_log_sector(r, at), .segments = &f->segment, .count = 1);
		if (f->err)
			CO_RETURN(f->err);
		r->window_at = f->n;
		r->window_len = f->segment.len / r->block_size;
	}
	*f->to = recover_in_window(r, f->n);
	CO_RETURN(0);
	CO_END;
}

void recover_log_advance(struct recovery *r, u32 n)
{
	u32 size = r->last - r->first;

	r->at = r->first + (r->at - r->first + n) % size;
	r->steps = r->steps + n < n ? UINT32_MAX : r->steps + n;
}

/* --- checksums --- */

bool recover_log_block_valid(const struct recovery *r, u8 *block)
{
	be32 *tail = (be32 *)(block + r->block_size - JOURNAL_TAIL_SIZE), was = *tail;
	u32 crc;

	if (!r->checksums)
		return true;
	*tail = (be32){0};
	crc = crc_32c(r->seed, block, r->block_size);
	*tail = was;
	return crc == be32_get(was);
}

bool recover_log_commit_valid(const struct recovery *r, struct journal_commit_block *block)
{
	be32 was = block->checksum[0];
	u32 crc;

	if (!r->checksums)
		return true;
	block->checksum[0] = (be32){0};
	crc = crc_32c(r->seed, block, r->block_size);
	block->checksum[0] = was;
	return crc == be32_get(was);
}

/* --- tags --- */

bool recover_log_next_tag(const struct recovery *r, const u8 *descriptor, u32 *at,
			     struct recover_tag *tag)
{
	if (*at + r->tag_size > r->block_size - r->tail)
		return false;
	if (r->csum_v3) {
		const struct journal_tag3 *t = (const struct journal_tag3 *)(descriptor + *at);

		*tag = (struct recover_tag){be32_get(t->block), be32_get(t->flags),
					    be32_get(t->checksum)};
		if (r->wide)
			tag->block |= (u64)be32_get(t->block_high) << 32;
	} else {
		struct journal_tag t = {0};

		memcpy(&t, descriptor + *at, min(r->tag_size, (u32)sizeof(t)));
		*tag = (struct recover_tag){be32_get(t.block), be16_get(t.flags),
					    be16_get(t.checksum)};
		if (r->wide)
			tag->block |= (u64)be32_get(t.block_high) << 32;
	}
	*at += r->tag_size;
	if (!(tag->marks & JOURNAL_TAG_SAME_UUID))
		*at += JOURNAL_UUID_SIZE;
	if (tag->marks & JOURNAL_TAG_LAST)
		*at = r->block_size;
	return true;
}

u32 recover_log_count_tags(const struct recovery *r, const u8 *descriptor)
{
	u32 at = sizeof(struct journal_head), n = 0;
	struct recover_tag tag;

	while (recover_log_next_tag(r, descriptor, &at, &tag))
		n++;
	return n;
}

bool recover_log_data_valid(const struct recovery *r, const struct recover_tag *tag,
			       const void *data)
{
	be32 tid = be32_of(r->tid);
	u32 crc;

	if (!r->checksums)
		return true;
	crc = crc_32c(r->seed, &tid, sizeof(tid));
	crc = crc_32c(crc, data, r->block_size);
	return r->csum_v3 ? crc == tag->checksum : (u16)crc == tag->checksum;
}
