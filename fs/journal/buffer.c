/* fs/journal/buffer.c -- blocks by number. */
#include "fs/journal/internal.h"
#include "mem/phys/shrink.h"

#define BUFFER_TRIES  16u
#define BUFFER_SHRINK 64u	/* pages */

static struct list *buffer_bucket(const struct journal *j, u64 block)
{
	return &j->buckets[(block * 0x9e3779b97f4a7c15ul) >> (64 - bits_log2(JOURNAL_BUCKETS))];
}

struct buffer *buffer_find_locked(struct journal *j, u64 block)
{
	struct list *bucket = buffer_bucket(j, block);
	struct buffer *b;

	list_each(b, bucket, hash)
		if (b->block == block)
			return b;
	return NULL;
}

static struct buffer *buffer_find(struct journal *j, u64 block)
{
	struct buffer *b;

	spin_lock(&j->lock);
	b = buffer_find_locked(j, block);
	if (b)
		b->refs++;
	spin_unlock(&j->lock);
	return b;
}

struct page *buffer_copy_page(void)
{
	struct page *page = buddy_alloc(0, 0);

	if (!page) {
		shrink_run(BUFFER_SHRINK);
		page = buddy_alloc(0, BUDDY_RESERVE);
	}
	return page;
}

void buffer_free(struct buffer *b)
{
	phys_page_put(b->page);
	kfree(b);
}

bool buffer_put_locked(struct journal *j, struct buffer *b)
{
	if (--b->refs)
		return false;
	list_remove(&b->hash);
	return true;
}

void buffer_hold(struct buffer *b)
{
	spin_lock(&b->journal->lock);
	b->refs++;
	spin_unlock(&b->journal->lock);
}

void buffer_put(struct buffer *b)
{
	bool last;

	if (!b)
		return;
	spin_lock(&b->journal->lock);
	last = buffer_put_locked(b->journal, b);
	spin_unlock(&b->journal->lock);
	if (last)
		buffer_free(b);
}

/* The bytes are where `page` has them from now on; they are the same. */
static void buffer_move_locked(struct buffer *b, struct page *page, u32 offset)
{
	phys_page_get(page);
	phys_page_put(b->page);
	b->page = page;
	b->data = (u8 *)phys_page_data(page) + offset;
}

struct buffer *buffer_attach(struct journal *j, u64 block, struct page *page, u32 offset)
{
	struct buffer *made, *b;

	made = kzalloc(sizeof(*made));
	if (!made)
		return NULL;
	*made = (struct buffer){.journal = j, .block = block, .page = page, .refs = 1,
				.data = (u8 *)phys_page_data(page) + offset};
	list_init(&made->in_running);
	list_init(&made->in_frozen);
	list_init(&made->in_committed);
	phys_page_get(page);
	spin_lock(&j->lock);
	b = buffer_find_locked(j, block);
	if (b) {
		b->refs++;
		if (b->page != page)
			buffer_move_locked(b, page, offset);
	} else {
		list_add_front(buffer_bucket(j, block), &made->hash);
	}
	spin_unlock(&j->lock);
	if (!b)
		return made;
	buffer_free(made);
	return b;
}

co_t buffer_get(struct co *co, struct buffer_get *f)
{
	u64 offset;

	CO_BEGIN;
	if (f->block >= f->journal->blocks) {
		log_err("journal %s: block %lu lies outside", f->journal->dev->name,
			(unsigned long)f->block);
		CO_RETURN(-EUCLEAN);
	}
	*f->buffer = buffer_find(f->journal, f->block);
	if (*f->buffer)
		CO_RETURN(0);
	/* Who is killed finishes what it began. */
	do {
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->journal->dev->mapping,
			 .index = f->block << f->journal->block_shift >> PAGE_SHIFT, .ahead = 1,
			 .page = &f->page);
		if (f->err == -EINTR)
			CO_YIELD;
	} while (f->err == -EINTR && ++f->tries < BUFFER_TRIES);
	if (f->err)
		CO_RETURN(f->err == -EINTR ? -ENOMEM : f->err);
	/* It may be known by now, and with another page. */
	*f->buffer = buffer_find(f->journal, f->block);
	if (!*f->buffer) {
		offset = f->block << f->journal->block_shift;
		*f->buffer = buffer_attach(f->journal, f->block, f->page, offset & ~PAGE_MASK);
	}
	phys_page_put(f->page);
	CO_RETURN(*f->buffer ? 0 : -ENOMEM);
	CO_END;
}

bool buffer_overlay(struct journal *j, u64 block, u8 *to)
{
	struct buffer *b;

	spin_lock(&j->lock);
	b = buffer_find_locked(j, block);
	if (b && (b->running || b->frozen || b->home))
		memcpy(to, b->data, j->block_size);
	else
		b = NULL;
	spin_unlock(&j->lock);
	return b;
}

co_t buffer_refresh(struct co *co, struct buffer_refresh *f)
{
	CO_BEGIN;
	f->page = page_find(&f->dev->mapping, f->offset >> PAGE_SHIFT);
	if (!f->page)
		CO_RETURN(0);
	CO_WAIT_IO(&f->dev->mapping.waiters, page_claim(f->page));
	/* What somebody writes to the device itself, past the file system, is his. */
	if ((atomic_load(&f->page->flags) & (PAGE_UPTODATE | PAGE_DIRTY)) == PAGE_UPTODATE) {
		memcpy((u8 *)phys_page_data(f->page) + (f->offset & ~PAGE_MASK), f->data, f->len);
		page_changed(f->page);
	}
	page_unclaim(&f->dev->mapping, f->page);
	phys_page_put(f->page);
	CO_RETURN(0);
	CO_END;
}
