/* fs/journal/revoke.c -- the freed blocks of a transaction, hashed. */
#include "fs/journal/internal.h"

static struct list *revoke_bucket(const struct journal_revokes *r, u64 block)
{
	return &r->buckets[(block * 0x9e3779b97f4a7c15ul) >>
			   (64 - bits_log2(JOURNAL_REVOKE_BUCKETS))];
}

static struct journal_revoked *revoke_find(const struct journal_revokes *r, u64 block)
{
	struct journal_revoked *e;

	list_each(e, revoke_bucket(r, block), link)
		if (e->block == block)
			return e;
	return NULL;
}

int journal_revoke_reserve(struct journal_revokes *r)
{
	r->buckets = kcalloc(JOURNAL_REVOKE_BUCKETS, sizeof(*r->buckets));
	if (!r->buckets)
		return -ENOMEM;
	for (u32 i = 0; i < JOURNAL_REVOKE_BUCKETS; i++)
		list_init(&r->buckets[i]);
	return 0;
}

void journal_revoke_add(struct journal_revokes *r, struct journal_revoked *made)
{
	if (revoke_find(r, made->block)) {
		kfree(made);
		return;
	}
	list_add_front(revoke_bucket(r, made->block), &made->link);
	r->count++;
}

void journal_revoke_cancel(struct journal_revokes *r, u64 block)
{
	struct journal_revoked *e = r->count ? revoke_find(r, block) : NULL;

	if (!e)
		return;
	list_remove(&e->link);
	kfree(e);
	r->count--;
}

struct journal_revoked *journal_revoke_next(const struct journal_revokes *r, u32 *bucket,
					    struct journal_revoked *at)
{
	struct list *next;

	if (!r->buckets)
		return NULL;
	for (next = at ? at->link.next : r->buckets[*bucket].next; next == &r->buckets[*bucket];
	     next = r->buckets[*bucket].next)
		if (++*bucket == JOURNAL_REVOKE_BUCKETS)
			return NULL;
	return list_entry(next, struct journal_revoked, link);
}

co_t journal_revoke_free(struct co *co, struct journal_revoke_free *f)
{
	struct list *bucket;

	CO_BEGIN;
	for (f->bucket = 0; f->revokes->buckets && f->bucket < JOURNAL_REVOKE_BUCKETS;
	     f->bucket++) {
		bucket = &f->revokes->buckets[f->bucket];
		while (!list_empty(bucket)) {
			struct list *first = bucket->next;

			list_remove(first);
			kfree(list_entry(first, struct journal_revoked, link));
		}
		CO_BREATHE;
	}
	kfree(f->revokes->buckets);
	*f->revokes = (struct journal_revokes){0};
	CO_RETURN(0);
	CO_END;
}
