/* fs/journal/commit.c -- a transaction ends: its handles, its buffers' copies, its record.
 *
 * Between the copies and the record handles of the next transaction run already. What older
 * transactions have of the same blocks stays until the record is there: a crash before it replays
 * them.
 */
#include "fs/journal/internal.h"

/* No handle of the running transaction starts any more. */
static struct transaction *journal_lock_running(struct journal *j)
{
	struct transaction *t;

	spin_lock(&j->lock);
	t = j->running;
	t->locked = true;
	spin_unlock(&j->lock);
	return t;
}

static bool journal_handles_ended(struct journal *j, const struct transaction *t)
{
	bool ended;

	spin_lock(&j->lock);
	ended = !t->handles;
	spin_unlock(&j->lock);
	return ended;
}

/* Copy one buffer as it is; false: there are no more. */
static bool journal_freeze(struct journal *j, struct transaction *t)
{
	struct buffer *b;
	bool more;

	spin_lock(&j->lock);
	more = !list_empty(&t->buffers);
	if (more) {
		b = list_first(&t->buffers, struct buffer, in_running);
		memcpy(phys_page_data(b->copy), b->data, j->block_size);
		b->frozen = b->copy;
		b->copy = NULL;
		b->running = NULL;
		list_remove(&b->in_running);
		list_add_back(&t->frozen, &b->in_frozen);
	}
	spin_unlock(&j->lock);
	return more;
}

/* The next transaction may begin; the log has room for this one. */
static void journal_release_running(struct journal *j, struct transaction *t)
{
	spin_lock(&j->lock);
	j->running = NULL;
	j->committing = t;
	j->log.free -= journal_log_need(j, t->blocks, t->revokes.count);
	spin_unlock(&j->lock);
	waitq_wake(&j->waiters);
}

/* Its copy is what is to go home, in place of an older one. false: there are no more. */
static bool journal_settle(struct journal *j, struct transaction *t)
{
	struct page *old = NULL;
	struct buffer *b;
	bool more;

	spin_lock(&j->lock);
	more = !list_empty(&t->frozen);
	if (more) {
		b = list_first(&t->frozen, struct buffer, in_frozen);
		list_remove(&b->in_frozen);
		if (b->home) {
			old = b->home;
			list_remove(&b->in_committed);
			b->refs--;	/* the frozen one's stays */
		}
		b->home = b->frozen;
		b->frozen = NULL;
		b->committed = t;
		list_add_back(&t->homes, &b->in_committed);
	}
	spin_unlock(&j->lock);
	if (old)
		phys_page_put(old);
	return more;
}

/* A block is free: what older transactions have of it does not go home, and who gets the block
 * next finds no buffer of it. */
static void journal_drop(struct journal *j, const struct transaction *t, u64 block)
{
	struct page *old = NULL;
	struct buffer *b;
	bool last = false;

	spin_lock(&j->lock);
	b = buffer_find_locked(j, block);
	if (b && b->home && b->committed != t) {
		old = b->home;
		b->home = NULL;
		b->committed = NULL;
		list_remove(&b->in_committed);
		last = buffer_put_locked(j, b);
	}
	if (b && !last && !b->running && !b->home)
		list_remove(&b->hash);
	spin_unlock(&j->lock);
	if (old)
		phys_page_put(old);
	if (last)
		buffer_free(b);
}

/* Call one; false: there are no more. */
static bool journal_tell_next(const struct journal_tell *f)
{
	struct journal_callback *cb = NULL;

	spin_lock(&f->journal->lock);
	if (!list_empty(&f->t->callbacks)) {
		cb = list_first(&f->t->callbacks, struct journal_callback, link);
		list_remove(&cb->link);
	}
	spin_unlock(&f->journal->lock);
	if (cb)
		cb->done(cb, f->err);
	return cb;
}

co_t journal_tell(struct co *co, struct journal_tell *f)
{
	CO_BEGIN;
	while (journal_tell_next(f))
		CO_BREATHE;
	CO_AWAIT(f->ignored, journal_revoke_free, .revokes = &f->t->revokes);
	CO_RETURN(0);
	CO_END;
}

/* Who waits for it may go on. */
static void journal_committed(struct journal *j, struct transaction *t)
{
	spin_lock(&j->lock);
	j->committing = NULL;
	spin_unlock(&j->lock);
	if (list_empty(&t->homes) && list_empty(&j->committed) && !j->log.runs)
		journal_transaction_free(t);
	else
		list_add_back(&j->committed, &t->link);
	waitq_wake(&j->waiters);
}

/* Without a log: straight home. */
struct journal_write_home {
	struct co_frame co;
	struct journal *journal;
	struct transaction *t;
	long err;
};
static co_t journal_write_home(struct co *co, struct journal_write_home *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, journal_go_home, .journal = f->journal, .t = f->t);
	if (!f->err)
		CO_AWAIT(f->err, blk_transfer, .dev = f->journal->dev, .kind = BLK_FLUSH);
	CO_RETURN(f->err);
	CO_END;
}

co_t journal_commit(struct co *co, struct journal_commit *f)
{
	CO_BEGIN;
	f->t = journal_lock_running(f->journal);
	CO_WAIT_IO(&f->journal->work, journal_handles_ended(f->journal, f->t));
	if (journal_aborted(f->journal))
		CO_RETURN(-EIO);
	while (journal_freeze(f->journal, f->t))
		CO_BREATHE;
	journal_release_running(f->journal, f->t);
	if (f->journal->log.runs)
		CO_AWAIT(f->err, journal_log_write, .journal = f->journal, .t = f->t);
	if (f->err)
		goto failed;
	while (journal_settle(f->journal, f->t))
		CO_BREATHE;
	while ((f->revoked = journal_revoke_next(&f->t->revokes, &f->bucket, f->revoked))) {
		journal_drop(f->journal, f->t, f->revoked->block);
		CO_BREATHE;
	}
	if (!f->journal->log.runs)
		CO_AWAIT(f->err, journal_write_home, .journal = f->journal, .t = f->t);
	if (f->err)
		goto failed;
	CO_AWAIT(f->err, journal_tell, .journal = f->journal, .t = f->t);
	journal_committed(f->journal, f->t);
	CO_RETURN(0);
failed:
	journal_abort(f->journal, (int)f->err);
	CO_RETURN(f->err);
	CO_END;
}
