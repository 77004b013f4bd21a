/* fs/journal/checkpoint.c -- copies go home. */
#include "fs/journal/internal.h"

/* As many copies as go into a batch: from homes to writing. */
static void journal_gather(struct journal *j, struct transaction *t)
{
	struct buffer *b;

	spin_lock(&j->lock);
	while (!list_empty(&t->homes)) {
		b = list_first(&t->homes, struct buffer, in_committed);
		if (!blk_batch_add(j->batch, journal_sector(j, b->block), phys_page_addr(b->home),
				   j->block_size))
			break;
		list_remove(&b->in_committed);
		list_add_back(&t->writing, &b->in_committed);
	}
	spin_unlock(&j->lock);
}

/* One that was written, or NULL. */
static struct buffer *journal_written(struct transaction *t)
{
	return list_empty(&t->writing) ? NULL
				       : list_first(&t->writing, struct buffer, in_committed);
}

static bool journal_is_elsewhere(struct journal *j, struct buffer *b)
{
	bool elsewhere;

	spin_lock(&j->lock);
	elsewhere = b->page->owner != &j->dev->mapping;
	spin_unlock(&j->lock);
	return elsewhere;
}

static void journal_at_home(struct journal *j, struct buffer *b)
{
	struct page *home = b->home;
	bool last;

	spin_lock(&j->lock);
	list_remove(&b->in_committed);
	b->home = NULL;
	b->committed = NULL;
	last = buffer_put_locked(j, b);
	spin_unlock(&j->lock);
	phys_page_put(home);
	if (last)
		buffer_free(b);
}

co_t journal_go_home(struct co *co, struct journal_go_home *f)
{
	CO_BEGIN;
	while (!list_empty(&f->t->homes)) {
		blk_batch_init(f->journal->batch, f->journal->dev, BLK_WRITE);
		journal_gather(f->journal, f->t);
		CO_AWAIT(f->err, blk_batch_wait, .batch = f->journal->batch);
		if (f->err)
			CO_RETURN(f->err);
		while ((f->buffer = journal_written(f->t))) {
			/* The page that it has in the device's cache is newer. */
			if (journal_is_elsewhere(f->journal, f->buffer))
				CO_AWAIT(f->err, buffer_refresh, .dev = f->journal->dev,
					 .offset = f->buffer->block << f->journal->block_shift,
					 .data = phys_page_data(f->buffer->home),
					 .len = f->journal->block_size);
			journal_at_home(f->journal, f->buffer);
			CO_BREATHE;
		}
	}
	CO_RETURN(0);
	CO_END;
}

/* The oldest, or NULL. */
static struct transaction *journal_oldest(struct journal *j)
{
	return list_empty(&j->committed) ? NULL
					 : list_first(&j->committed, struct transaction, link);
}

/* All of the log is free but what the worker will write next. */
static void journal_log_is_free(struct journal *j)
{
	spin_lock(&j->lock);
	if (j->log.runs)
		j->log.free = j->log.last - j->log.first - 1;
	j->want_space = false;
	spin_unlock(&j->lock);
	waitq_wake(&j->waiters);
}

static u32 journal_next_to_commit(struct journal *j)
{
	u32 tid;

	spin_lock(&j->lock);
	tid = j->running ? j->running->tid : j->next_tid;
	spin_unlock(&j->lock);
	return tid;
}

co_t journal_checkpoint(struct co *co, struct journal_checkpoint *f)
{
	CO_BEGIN;
	while ((f->t = journal_oldest(f->journal))) {
		CO_AWAIT(f->err, journal_go_home, .journal = f->journal, .t = f->t);
		if (f->err)
			goto failed;
		list_remove(&f->t->link);
		journal_transaction_free(f->t);
	}
	if (f->journal->log.marked)
		CO_AWAIT(f->err, journal_log_mark, .journal = f->journal,
			 .sequence = journal_next_to_commit(f->journal));
	if (f->err)
		goto failed;
	journal_log_is_free(f->journal);
	CO_RETURN(0);
failed:
	journal_abort(f->journal, (int)f->err);
	CO_RETURN(f->err);
	CO_END;
}
