/* fs/journal/handle.c -- handles, and what is changed under them. */
#include "fs/journal/internal.h"

#define JOURNAL_ASIDE 16u	/* a part of the log */

/* --- transactions --- */

struct transaction *journal_transaction_new(void)
{
	struct transaction *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	list_init(&t->link);
	list_init(&t->buffers);
	list_init(&t->frozen);
	list_init(&t->homes);
	list_init(&t->writing);
	list_init(&t->callbacks);
	return t;
}

void journal_transaction_free(struct transaction *t)
{
	kfree(t);
}

u32 journal_log_need(const struct journal *j, u32 blocks, u32 revokes)
{
	if (!j->log.runs)
		return 0;
	/* One for the descriptor, and for the revoke block, that is not full; the commit block. */
	return blocks + blocks / j->log.tags + revokes / j->log.revokes + 3;
}

/* The worker has a time to look after it by. true: it must be told. */
static bool journal_use_locked(struct journal *j, struct transaction *t) REQUIRES(j->lock)
{
	if (t->used)
		return false;
	t->used = true;
	t->expires_ns = hal_clock_ns() + atomic_load_relaxed(&j->commit_ns);
	return true;
}

/* --- starting and stopping --- */

/* Does a transaction have room for so many more credits? `hard`: what was set aside may be used up,
 * for blocks that nobody could reserve (those of revoked blocks). */
static bool journal_fits_locked(const struct journal *j, const struct transaction *t, u32 credits,
				bool hard) REQUIRES(j->lock)
{
	u64 blocks = (u64)t->blocks + t->reserved + credits;
	u32 aside = hard ? 0 : (j->log.last - j->log.first) / JOURNAL_ASIDE;

	return (hard || blocks <= j->most) &&
	       (!j->log.runs || journal_log_need(j, (u32)blocks, t->revokes.count) + aside <=
					j->log.free);
}

/* It does not fit: what must happen first? */
static void journal_make_room_locked(struct journal *j, const struct transaction *t)
	REQUIRES(j->lock)
{
	j->starved = true;
	if (t->used)
		j->wanted_tid = t->tid;
	if (j->log.runs && j->log.free < j->log.last - j->log.first - 1)
		j->want_space = true;
}

/* A handle of the running transaction: 0, -EAGAIN, -ENOENT (a transaction is needed first). */
static int journal_try_start(struct journal_start *f)
{
	struct journal *j = f->journal;
	struct transaction *t;
	bool tell = false;
	int err = 0;

	spin_lock(&j->lock);
	t = j->running;
	if (j->error || j->suspended)
		err = -EROFS;
	else if (!t && !f->spare)
		err = -ENOENT;
	else if (t && t->locked)
		err = -EAGAIN;
	if (!err && !t) {
		t = j->running = f->spare;
		f->spare = NULL;
		t->tid = j->next_tid++;
	}
	if (!err && !journal_fits_locked(j, t, f->credits, false)) {
		journal_make_room_locked(j, t);
		tell = true;
		err = -EAGAIN;
	}
	if (!err) {
		t->handles++;
		t->reserved += f->credits;
		*f->handle = (struct handle){.journal = j, .transaction = t, .tid = t->tid,
					     .credits = f->credits};
	}
	spin_unlock(&j->lock);
	if (tell)
		waitq_wake(&j->work);
	return err;
}

co_t journal_start(struct co *co, struct journal_start *f)
{
	CO_BEGIN;
	lock_rank_order(co, CO_RANK_HANDLE, false);
	if (f->credits > f->journal->most)
		CO_RETURN(-ENOSPC);
	for (;;) {
		CO_WAIT_IO(&f->journal->waiters, (f->err = journal_try_start(f)) != -EAGAIN);
		if (f->err != -ENOENT)
			break;
		f->spare = journal_transaction_new();
		if (!f->spare)
			CO_RETURN(-ENOMEM);
	}
	kfree(f->spare);
	if (!f->err)
		lock_rank_taken(co_task(co), CO_RANK_HANDLE);
	CO_RETURN(f->err);
	CO_END;
}

void journal_stop(struct handle *h)
{
	struct journal *j = h->journal;
	struct transaction *t = h->transaction;
	bool work, others;

	spin_lock(&j->lock);
	t->reserved -= h->credits;
	/* A large one need not wait for its time. */
	if (t->blocks >= j->most / 2)
		j->wanted_tid = t->tid;
	work = --t->handles == 0 && (t->locked || j->error || t->blocks >= j->most / 2);
	others = j->starved;
	j->starved = false;
	spin_unlock(&j->lock);
	h->transaction = NULL;
	lock_rank_released(task_current(), CO_RANK_HANDLE);
	if (work)
		waitq_wake(&j->work);
	if (others)
		waitq_wake(&j->waiters);
}

int journal_extend(struct handle *h, u32 credits)
{
	struct journal *j = h->journal;
	struct transaction *t = h->transaction;
	int err = -EAGAIN;

	spin_lock(&j->lock);
	if (!j->error && !t->locked && journal_fits_locked(j, t, credits, false)) {
		t->reserved += credits;
		h->credits += credits;
		err = 0;
	}
	spin_unlock(&j->lock);
	return err;
}

co_t journal_restart(struct co *co, struct journal_restart *f)
{
	CO_BEGIN;
	f->journal = f->handle->journal;
	journal_stop(f->handle);
	CO_AWAIT(f->err, journal_start, .journal = f->journal, .handle = f->handle,
		 .credits = f->credits);
	CO_RETURN(f->err);
	CO_END;
}

/* --- changing buffers --- */

/* Take a credit, or with none left one that nobody reserved. */
static int journal_pay_locked(struct journal *j, struct handle *h) REQUIRES(j->lock)
{
	struct transaction *t = h->transaction;

	if (h->credits) {
		h->credits--;
		t->reserved--;
		return 0;
	}
	if (journal_fits_locked(j, t, 1, true))
		return 0;
	log_err("journal %s: a handle has no credits left", j->dev->name);
	return -ENOSPC;
}

/* Bring it into the handle's transaction; *copy is taken if that is news. */
static int journal_join(struct handle *h, struct buffer *b, struct page **copy)
{
	struct journal *j = h->journal;
	struct transaction *t = h->transaction;
	bool tell = false;
	int err = 0;

	spin_lock(&j->lock);
	if (j->error)
		err = -EROFS;
	else if (b->running != t && !*copy)
		err = -ENOENT;
	else if (b->running != t)
		err = journal_pay_locked(j, h);
	if (!err && b->running != t) {
		b->running = t;
		b->copy = *copy;
		*copy = NULL;
		b->refs++;
		list_add_back(&t->buffers, &b->in_running);
		t->blocks++;
		journal_revoke_cancel(&t->revokes, b->block);
		tell = journal_use_locked(j, t);
	}
	spin_unlock(&j->lock);
	if (tell)
		waitq_wake(&j->work);
	return err;
}

static int journal_access_now(struct handle *h, struct buffer *b)
{
	struct page *copy = NULL;
	int err = journal_join(h, b, &copy);

	if (err != -ENOENT)
		return err;
	copy = buffer_copy_page();
	if (!copy)
		return -ENOMEM;
	err = journal_join(h, b, &copy);
	if (copy)
		phys_page_put(copy);
	return err;
}

co_t journal_access(struct co *co, struct journal_access *f)
{
	CO_BEGIN;
	CO_RETURN(journal_access_now(f->handle, f->buffer));
	CO_END;
}

/* A block's page in the device's cache that need not be read: uptodate, with a reference, or
 * NULL. */
static struct page *journal_fresh_page(const struct journal *j, u64 block)
{
	struct mapping *m = &j->dev->mapping;
	u64 index = block << j->block_shift >> PAGE_SHIFT;
	struct page *page = page_find_uptodate(m, index);

	if (page || j->block_size != PAGE_SIZE)
		return page;
	page = buddy_alloc(0, BUDDY_ZERO);
	if (page && page_add(m, page, index)) {
		phys_page_put(page);
		page = NULL;
	}
	if (page)
		page_filled(m, page, true);
	return page;
}

co_t journal_create(struct co *co, struct journal_create *f)
{
	CO_BEGIN;
	*f->buffer = NULL;
	if (f->block >= f->handle->journal->blocks)
		CO_RETURN(-EUCLEAN);
	f->page = journal_fresh_page(f->handle->journal, f->block);
	CO_AWAIT(f->err, buffer_get, .journal = f->handle->journal, .block = f->block,
		 .buffer = f->buffer);
	if (f->page)
		phys_page_put(f->page);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = *f->buffer);
	if (f->err)
		buffer_drop(f->buffer);
	else
		memset((*f->buffer)->data, 0, f->handle->journal->block_size);
	CO_RETURN(f->err);
	CO_END;
}

/* It is not in the running transaction any more: the page to be freed. */
static struct page *journal_leave_locked(struct journal *j, struct handle *h, struct buffer *b)
	REQUIRES(j->lock)
{
	struct page *copy = b->copy;

	list_remove(&b->in_running);
	b->running = NULL;
	b->copy = NULL;
	h->transaction->blocks--;
	h->transaction->reserved++;
	h->credits++;
	return copy;
}

/* One more revoked block; a revoke block that this begins takes room in the log. */
static int journal_revoke_locked(struct journal *j, struct transaction *t,
				 struct journal_revoked **made) REQUIRES(j->lock)
{
	if (j->error)
		return -EROFS;
	if (!t->revokes.buckets && journal_revoke_reserve(&t->revokes))
		return -ENOMEM;
	if (j->log.runs && t->revokes.count % j->log.revokes == 0 &&
	    !journal_fits_locked(j, t, 1, true))
		return -ENOSPC;
	journal_revoke_add(&t->revokes, *made);
	*made = NULL;
	return 0;
}

static int journal_forget_now(struct handle *h, u64 block)
{
	struct journal *j = h->journal;
	struct journal_revoked *made = kzalloc(sizeof(*made));
	struct buffer *b, *gone = NULL;
	struct page *copy = NULL;
	bool tell = false;
	int err;

	if (!made)
		return -ENOMEM;
	made->block = block;
	spin_lock(&j->lock);
	err = journal_revoke_locked(j, h->transaction, &made);
	b = err ? NULL : buffer_find_locked(j, block);
	if (b && b->running) {
		copy = journal_leave_locked(j, h, b);
		if (buffer_put_locked(j, b))
			gone = b;
	}
	if (!err)
		tell = journal_use_locked(j, h->transaction);
	spin_unlock(&j->lock);
	kfree(made);
	if (copy)
		phys_page_put(copy);
	if (gone)
		buffer_free(gone);
	if (tell)
		waitq_wake(&j->work);
	return err;
}

co_t journal_forget(struct co *co, struct journal_forget *f)
{
	CO_BEGIN;
	CO_RETURN(journal_forget_now(f->handle, f->block));
	CO_END;
}

void journal_on_commit(struct handle *h, struct journal_callback *cb)
{
	struct journal *j = h->journal;
	bool tell;

	spin_lock(&j->lock);
	list_add_back(&h->transaction->callbacks, &cb->link);
	tell = journal_use_locked(j, h->transaction);
	spin_unlock(&j->lock);
	if (tell)
		waitq_wake(&j->work);
}
