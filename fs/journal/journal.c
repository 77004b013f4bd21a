/* fs/journal/journal.c -- the journal as a whole: its worker, and who waits for that. */
#include "fs/journal/internal.h"
#include "vfs/page.h"

#define JOURNAL_COMMIT_SECONDS 5ul
#define JOURNAL_SECOND	       1000000000ul
#define JOURNAL_MOST	       1024u	/* blocks of a transaction, without a log */

bool journal_aborted(const struct journal *j)
{
	return atomic_load(&j->error);
}

void journal_abort(struct journal *j, int err)
{
	bool first;

	spin_lock(&j->lock);
	first = !j->error;
	if (first)
		atomic_store(&j->error, err ? err : -EIO);
	spin_unlock(&j->lock);
	if (!first)
		return;
	log_err("journal %s: aborted (error %d)", j->dev->name, -err);
	if (j->aborted)
		j->aborted(j->owner, err);
	waitq_wake(&j->work);
	waitq_wake(&j->waiters);
}

/* --- the worker --- */

enum journal_job {
	JOB_NONE,
	JOB_AGAIN,	/* another time to wait for */
	JOB_COMMIT,
	JOB_CHECKPOINT,
	JOB_TELL,	/* it was aborted: nothing will commit */
	JOB_END,
};

struct journal_worker {
	struct co_frame co;
	struct journal *journal;
	enum journal_job job;
	u64 until_ns;
	long ignored;
};

/* When there is something to do at the latest. */
static u64 journal_deadline_locked(const struct journal *j) REQUIRES(j->lock)
{
	if (j->error)
		return CO_FOREVER;
	if (j->running && j->running->used)
		return j->running->expires_ns;
	return list_empty(&j->committed) ? CO_FOREVER : j->idle_ns;
}

static enum journal_job journal_job_locked(const struct journal *j, u64 until_ns) REQUIRES(j->lock)
{
	const struct transaction *t = j->running;
	u64 now = hal_clock_ns();

	if (j->error) {
		if (!j->failed && !(t && t->handles))
			return JOB_TELL;
		if (j->closing && j->failed)
			return JOB_END;
		/* No deadline counts any more. */
		return until_ns == CO_FOREVER ? JOB_NONE : JOB_AGAIN;
	}
	/* Before a commit, so that there is always room for two more. */
	if (j->want_space || (j->log.runs && j->log.free < (j->log.last - j->log.first) / 2))
		return JOB_CHECKPOINT;
	if (t && t->used && (j->want_empty || now >= t->expires_ns || j->wanted_tid == t->tid))
		return JOB_COMMIT;
	if (j->want_empty)
		return JOB_CHECKPOINT;
	if (!list_empty(&j->committed) && now >= j->idle_ns)
		return JOB_CHECKPOINT;
	if (j->closing)
		return JOB_END;
	return journal_deadline_locked(j) == until_ns ? JOB_NONE : JOB_AGAIN;
}

static bool journal_has_job(struct journal_worker *f)
{
	struct journal *j = f->journal;

	spin_lock(&j->lock);
	f->job = journal_job_locked(j, f->until_ns);
	if (f->job == JOB_AGAIN)
		f->until_ns = journal_deadline_locked(j);
	spin_unlock(&j->lock);
	return f->job != JOB_NONE;
}

/* Who waits for a commit is told that there will be none. */
struct journal_tell_failure {
	struct co_frame co;
	struct journal *journal;
	struct transaction *both[2];
	unsigned i;
	long ignored;
};

static void failure_begin(struct journal_tell_failure *f)
{
	spin_lock(&f->journal->lock);
	f->both[0] = f->journal->committing;
	f->both[1] = f->journal->running;
	spin_unlock(&f->journal->lock);
}

static void failure_end(struct journal *j)
{
	spin_lock(&j->lock);
	j->failed = true;
	spin_unlock(&j->lock);
	waitq_wake(&j->waiters);
}

static co_t journal_tell_failure(struct co *co, struct journal_tell_failure *f)
{
	CO_BEGIN;
	failure_begin(f);
	for (f->i = 0; f->i < ARRAY_SIZE(f->both); f->i++)
		if (f->both[f->i])
			CO_AWAIT(f->ignored, journal_tell, .journal = f->journal,
				 .t = f->both[f->i], .err = -EIO);
	failure_end(f->journal);
	CO_RETURN(0);
	CO_END;
}

/* What was wanted empty is so, unless a new transaction has begun. */
static void journal_emptied(struct journal *j)
{
	spin_lock(&j->lock);
	if (!j->error && !(j->running && j->running->used))
		j->want_empty = false;
	spin_unlock(&j->lock);
	waitq_wake(&j->waiters);
}

static co_t journal_worker(struct co *co, struct journal_worker *f)
{
	CO_BEGIN;
	do {
		CO_WAIT_IO_UNTIL(f->ignored, &f->journal->work, journal_has_job(f),
				 f->until_ns);
		if (f->ignored) /* it is late: is there something now? */
			journal_has_job(f);
		if (f->job == JOB_COMMIT) {
			CO_AWAIT(f->ignored, journal_commit, .journal = f->journal);
			f->journal->idle_ns = hal_clock_ns() +
					      atomic_load_relaxed(&f->journal->commit_ns);
		} else if (f->job == JOB_CHECKPOINT) {
			CO_AWAIT(f->ignored, journal_checkpoint, .journal = f->journal);
			journal_emptied(f->journal);
		} else if (f->job == JOB_TELL) {
			if (f->journal->log.runs)
				CO_AWAIT(f->ignored, journal_log_mark, .journal = f->journal,
					 .error = atomic_load(&f->journal->error));
			CO_AWAIT(f->ignored, journal_tell_failure, .journal = f->journal);
		}
		CO_BREATHE;
	} while (f->job != JOB_END);
	CO_RETURN(0);
	CO_END;
}

/* --- waiting for it --- */

/* Any number that is not of one of the two that have not. */
static bool journal_is_committed(struct journal *j, u32 tid)
{
	bool is;

	spin_lock(&j->lock);
	is = j->error || !((j->running && j->running->tid == tid && j->running->used) ||
			   (j->committing && j->committing->tid == tid));
	spin_unlock(&j->lock);
	return is;
}

/* Have it commit: true if it is not running any more, so that its flush may have come too early
 * for data written just now. */
static bool journal_want(struct journal *j, u32 tid)
{
	bool runs;

	spin_lock(&j->lock);
	runs = j->running && j->running->tid == tid && j->running->used;
	if (runs)
		j->wanted_tid = tid;
	spin_unlock(&j->lock);
	if (runs)
		waitq_wake(&j->work);
	return !runs;
}

co_t journal_wait(struct co *co, struct journal_wait *f)
{
	CO_BEGIN;
	f->flush = journal_want(f->journal, f->tid);
	CO_WAIT_IO(&f->journal->waiters, journal_is_committed(f->journal, f->tid));
	if (journal_aborted(f->journal))
		CO_RETURN(-EIO);
	if (f->flush)
		CO_AWAIT(f->err, blk_transfer, .dev = f->journal->dev, .kind = BLK_FLUSH);
	CO_RETURN(f->err);
	CO_END;
}

/* The last that has something in it. */
static u32 journal_newest(struct journal *j)
{
	u32 tid;

	spin_lock(&j->lock);
	tid = j->next_tid - 1;
	if (j->running && !j->running->used)
		tid--;
	spin_unlock(&j->lock);
	return tid;
}

co_t journal_sync(struct co *co, struct journal_sync *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, journal_wait, .journal = f->journal, .tid = journal_newest(f->journal));
	CO_RETURN(f->err);
	CO_END;
}

static void journal_want_empty(struct journal *j)
{
	spin_lock(&j->lock);
	j->want_empty = true;
	spin_unlock(&j->lock);
	waitq_wake(&j->work);
}

static bool journal_is_empty(struct journal *j)
{
	bool is;

	spin_lock(&j->lock);
	is = j->error || !j->want_empty;
	spin_unlock(&j->lock);
	return is;
}

co_t journal_flush(struct co *co, struct journal_flush *f)
{
	CO_BEGIN;
	journal_want_empty(f->journal);
	CO_WAIT_IO(&f->journal->waiters, journal_is_empty(f->journal));
	if (journal_aborted(f->journal))
		CO_RETURN(-EIO);
	CO_AWAIT(f->err, blk_transfer, .dev = f->journal->dev, .kind = BLK_FLUSH);
	CO_RETURN(f->err);
	CO_END;
}

void journal_suspend(struct journal *j, bool yes)
{
	spin_lock(&j->lock);
	j->suspended = yes;
	spin_unlock(&j->lock);
}

void journal_set_commit_seconds(struct journal *j, u32 seconds)
{
	atomic_store(&j->commit_ns, (seconds ? seconds : JOURNAL_COMMIT_SECONDS) * JOURNAL_SECOND);
}

/* --- opening and closing --- */

static struct journal *journal_new(const struct journal_config *config)
{
	struct journal *j = kzalloc(sizeof(*j));

	if (!j)
		return NULL;
	j->dev = config->dev;
	j->block_size = config->block_size;
	j->block_shift = bits_log2(config->block_size);
	j->blocks = config->blocks;
	j->aborted = config->aborted;
	j->owner = config->owner;
	j->most = JOURNAL_MOST;
	j->next_tid = 1;
	journal_set_commit_seconds(j, config->commit_seconds);
	spin_init(&j->lock, RANK_JOURNAL);
	waitq_init(&j->work);
	waitq_init(&j->waiters);
	list_init(&j->committed);
	j->batch = kmalloc(sizeof(*j->batch));
	j->buckets = kcalloc(JOURNAL_BUCKETS, sizeof(*j->buckets));
	for (unsigned i = 0; j->buckets && i < JOURNAL_BUCKETS; i++)
		list_init(&j->buckets[i]);
	return j;
}

static void journal_free(struct journal *j)
{
	journal_log_free(&j->log);
	kfree(j->batch);
	kfree(j->buckets);
	kfree(j);
}

static int journal_begin(struct journal *j)
{
	struct task *t;

	if (j->log.runs)
		j->most = (j->log.last - j->log.first) / 4;
	j->wanted_tid = j->next_tid - 1;
	CO_SPAWN(t, "journal", journal_worker, .journal = j, .until_ns = CO_FOREVER);
	j->worker = t;
	return t ? 0 : -ENOMEM;
}

co_t journal_open(struct co *co, struct journal_open *f)
{
	CO_BEGIN;
	f->made = journal_new(f->config);
	if (!f->made)
		CO_RETURN(-ENOMEM);
	if (!f->made->batch || !f->made->buckets)
		f->err = -ENOMEM;
	if (!f->err && f->config->runs)
		CO_AWAIT(f->err, journal_log_open, .journal = f->made, .config = f->config);
	if (!f->err)
		f->err = journal_begin(f->made);
	if (f->err)
		journal_free(f->made);
	else
		*f->journal = f->made;
	CO_RETURN(f->err);
	CO_END;
}

/* After an abort: a buffer of this bucket, out of all transactions, or NULL. */
static struct buffer *journal_take_buffer(struct journal *j, unsigned bucket)
{
	struct page *copies[3];
	struct buffer *b;

	if (list_empty(&j->buckets[bucket]))
		return NULL;
	b = list_first(&j->buckets[bucket], struct buffer, hash);
	list_remove(&b->hash);
	copies[0] = b->copy;
	copies[1] = b->frozen;
	copies[2] = b->home;
	for (int i = 0; i < 3; i++)
		if (copies[i])
			phys_page_put(copies[i]);
	return b;
}

/* Free it; the index of its page in the device's cache, or UINT64_MAX. */
static u64 journal_lose_buffer(struct journal *j, struct buffer *b)
{
	u64 index = b->page->owner == &j->dev->mapping ? b->page->index : UINT64_MAX;

	buffer_free(b);
	return index;
}

static void journal_free_transactions(struct journal *j)
{
	struct transaction *t;

	while (!list_empty(&j->committed)) {
		t = list_first(&j->committed, struct transaction, link);
		list_remove(&t->link);
		journal_transaction_free(t);
	}
	if (j->running)
		journal_transaction_free(j->running);
	if (j->committing)
		journal_transaction_free(j->committing);
}

static void journal_want_end(struct journal *j)
{
	spin_lock(&j->lock);
	j->closing = true;
	spin_unlock(&j->lock);
	waitq_wake(&j->work);
}

co_t journal_close(struct co *co, struct journal_close *f)
{
	struct buffer *b;

	CO_BEGIN;
	journal_want_end(f->journal);
	CO_JOIN(f->ignored, f->journal->worker);
	for (f->bucket = 0; f->bucket < JOURNAL_BUCKETS; f->bucket++)
		while ((b = journal_take_buffer(f->journal, f->bucket))) {
			f->index = journal_lose_buffer(f->journal, b);
			/* It will be read again, as it is on the disk. */
			if (f->index != UINT64_MAX)
				CO_AWAIT(f->ignored, page_punch,
					 .mapping = &f->journal->dev->mapping,
					 .from = f->index << PAGE_SHIFT,
					 .to = (f->index + 1) << PAGE_SHIFT);
		}
	journal_free_transactions(f->journal);
	journal_free(f->journal);
	CO_RETURN(0);
	CO_END;
}
