/* core/proc/futex.c -- waiting on a word of user memory.
 *
 * A waiter enters the bucket of its key, then looks at the word, both under the bucket's
 * lock: a waker changes the word first and takes the lock after, so either the waiter sees
 * the new value or the waker sees the waiter.
 *
 * Waiters stand by their real-time priority, as they had it when they came.
 *
 * A waker takes waiters off under the lock, a batch at a time, each with a reference of its
 * task, and wakes them after it let go: who was woken does not run into a lock that is still
 * held. Its last touch of a waiter is clearing `bucket`, since the frame may go at once then.
 */
#include "core/proc/futex.h"

#include <linux/futex.h>

#include "core/proc/futex_pi.h"
#include "core/proc/internal.h"
#include "hal/clock.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"

#define FUTEX_BUCKETS 256

static struct futex_bucket buckets[FUTEX_BUCKETS];

void futex_init(void)
{
	for (int i = 0; i < FUTEX_BUCKETS; i++) {
		spin_init(&buckets[i].lock, RANK_NONE);
		list_init(&buckets[i].waiters);
	}
	futex_pi_init();
}

struct futex_bucket *futex_bucket(const struct futex_key *key)
{
	u64 hash = (key->object >> 4) * 0x9e3779b97f4a7c15ul + (key->at >> 2);

	hash *= 0x9e3779b97f4a7c15ul;
	return &buckets[hash >> 56];
}
static_assert(FUTEX_BUCKETS == 256, "the hash's top 8 bits");

bool futex_same(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->at == b->at;
}

/* --- waiting --- */

static void futex_insert(struct futex_bucket *b, struct futex_waiter *w) REQUIRES(b->lock)
{
	struct list *before = b->waiters.prev;

	while (before != &b->waiters &&
	       list_entry(before, struct futex_waiter, link)->urgency < w->urgency)
		before = before->prev;
	list_add_front(before, &w->link);
}

void futex_left(struct futex_waiter *w)
{
	list_remove(&w->link);
	atomic_store(&w->bucket, (struct futex_bucket *)NULL);
}

int futex_enter(struct futex_waiter *w, uptr addr, u32 wanted, struct task *task)
{
	struct futex_bucket *b = futex_bucket(&w->key);
	u32 value;
	int err = 0;

	spin_lock(&b->lock);
	if (!hal_load_user32(&value, addr)) {
		err = -EFAULT;
	} else if (value != wanted) {
		err = -EAGAIN;
	} else {
		w->task = task;
		w->urgency = atomic_load_relaxed(&task->sched.policy) == SCHED_TASK_DEADLINE ?
			     FUTEX_FIRST : atomic_load_relaxed(&task->sched.priority);
		atomic_store(&w->bucket, b);
		futex_insert(b, w);
	}
	spin_unlock(&b->lock);
	return err;
}

bool futex_is_woken(struct futex_waiter *w)
{
	return !atomic_load(&w->bucket);
}

bool futex_leave(struct futex_waiter *w)
{
	struct futex_bucket *b;
	bool mine = false;

	while (!mine && (b = atomic_load(&w->bucket))) {
		spin_lock(&b->lock);
		mine = w->bucket == b;
		if (mine)
			futex_left(w);
		spin_unlock(&b->lock);
	}
	return mine;
}

static long futex_interrupted(struct thread *t, const struct futex_wait *f)
{
	if (f->until.ns == CO_FOREVER || !f->relative)
		return -ERESTARTSYS;
	return thread_may_restart(t, &(struct restart){
		.kind = RESTART_FUTEX,
		.arg = f->value,
		.arg2 = f->bitset,
		.flags = f->shared,
		.addr = f->addr,
		.deadline_ns = f->until.ns,
	});
}

co_t futex_wait(struct co *co, struct futex_wait *f)
{
	CO_BEGIN;
	if (!f->bitset)
		CO_RETURN(-EINVAL);
	if (f->addr.raw & 3)
		CO_RETURN(-EINVAL);
	f->me.bitset = f->bitset;
	for (;;) {
		f->err = space_try_futex_key(co_task(co)->space, f->addr, f->shared, &f->me.key);
		if (f->err == -EAGAIN) {
			CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space,
				 .addr = f->addr, .shared = f->shared, .key = &f->me.key);
		}
		if (f->err)
			CO_RETURN(f->err);
		f->err = futex_enter(&f->me, f->addr, f->value, co_task(co));
		if (f->err != -EFAULT)
			break;
		CO_AWAIT(f->err, user_fault_in, .addr = f->addr, .n = sizeof(u32));
		if (f->err)
			CO_RETURN(f->err);
	}
	if (f->err)
		CO_RETURN(f->err);
	CLOCK_WAIT_UNTIL(f->err, futex_is_woken(&f->me), &f->until);
	if (f->err && !futex_leave(&f->me))
		f->err = 0;
	if (f->err == -ERESTARTSYS)
		f->err = futex_interrupted(thread_of_co(co), f);
	CO_RETURN(f->err);
	CO_END;
}

/* --- waking --- */

#define FUTEX_BATCH 16

/* Those taken off, to be woken without the lock. */
struct futex_batch {
	unsigned n;
	int err;		/* met one that is not to be woken */
	struct task *tasks[FUTEX_BATCH];
};

static void futex_take(struct futex_batch *batch, struct futex_bucket *b,
		       const struct futex_key *key, u64 count, u32 bitset) REQUIRES(b->lock)
{
	struct futex_waiter *w, *next;

	batch->n = 0;
	list_each_safe(w, next, &b->waiters, link) {
		if (batch->n >= min(count, (u64)FUTEX_BATCH) || batch->err)
			break;
		if (!futex_same(&w->key, key))
			continue;
		if (w->goes_over)
			batch->err = -EINVAL;
		if (batch->err || !(w->bitset & bitset))
			continue;
		task_get(w->task);
		batch->tasks[batch->n++] = w->task;
		futex_left(w);
	}
}

static void futex_wake_batch(struct futex_batch *batch)
{
	for (unsigned i = 0; i < batch->n; i++) {
		task_wake(batch->tasks[i]);
		task_put(batch->tasks[i]);
	}
}

long futex_wake_key(const struct futex_key *key, u32 count, u32 bitset)
{
	struct futex_bucket *b = futex_bucket(key);
	struct futex_batch batch = {.err = 0};
	long n = 0;

	do {
		spin_lock(&b->lock);
		futex_take(&batch, b, key, count - (u64)n, bitset);
		spin_unlock(&b->lock);
		futex_wake_batch(&batch);
		n += batch.n;
	} while (batch.n == FUTEX_BATCH && !batch.err);
	return batch.err ? batch.err : n;
}

co_t futex_wake(struct co *co, struct futex_wake *f)
{
	CO_BEGIN;
	if (!f->bitset || (f->addr.raw & 3))
		CO_RETURN(-EINVAL);
	f->err = space_try_futex_key(co_task(co)->space, f->addr, f->shared, &f->key);
	if (f->err == -EAGAIN) {
		CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space, .addr = f->addr,
			 .shared = f->shared, .key = &f->key);
	}
	if (f->err)
		CO_RETURN(f->err);
	CO_RETURN(futex_wake_key(&f->key, f->count, f->bitset));
	CO_END;
}

/* --- moving waiters --- */

static void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b) NO_LOCK_ANALYSIS
{
	spin_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_lock(a < b ? &b->lock : &a->lock);
}

static void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b) NO_LOCK_ANALYSIS
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* Move up to f->requeue waiters; how many, or -EINVAL. Both locks are held. */
static long futex_move_rest(struct futex_requeue *f, struct futex_bucket *from,
			    struct futex_bucket *to) NO_LOCK_ANALYSIS
{
	struct futex_waiter *w, *next;
	long moved = 0;

	list_each_safe(w, next, &from->waiters, link) {
		if (moved >= f->requeue)
			break;
		if (!futex_same(&w->key, &f->key))
			continue;
		if (w->goes_over)
			return -EINVAL;
		moved++;
		w->key = f->key2;
		if (from == to)
			continue;
		list_remove(&w->link);
		futex_insert(to, w);
		atomic_store(&w->bucket, to);
	}
	return moved;
}

/* -EFAULT: the word has to be faulted in. */
static long futex_move(struct futex_requeue *f) NO_LOCK_ANALYSIS
{
	struct futex_bucket *from = futex_bucket(&f->key), *to = futex_bucket(&f->key2);
	struct futex_batch batch = {.err = 0};
	long woken = 0, moved = 0, err = 0;
	u32 value = 0;

	do {
		futex_lock_two(from, to);
		if (f->compare && !woken)
			err = !hal_load_user32(&value, f->addr) ? -EFAULT
			      : value != f->value		? -EAGAIN
								: 0;
		if (!err) {
			futex_take(&batch, from, &f->key, f->wake - (u64)woken,
				   FUTEX_BITSET_MATCH_ANY);
			woken += batch.n;
			if (batch.n < FUTEX_BATCH && !batch.err)
				moved = futex_move_rest(f, from, to);
		}
		futex_unlock_two(from, to);
		if (err)
			return err;
		futex_wake_batch(&batch);
		err = moved < 0 ? moved : batch.err;
		if (err)
			return err;
	} while (batch.n == FUTEX_BATCH);
	/* FUTEX_REQUEUE counts the woken only. */
	return f->compare ? woken + moved : woken;
}

co_t futex_requeue(struct co *co, struct futex_requeue *f)
{
	CO_BEGIN;
	if ((f->addr.raw | f->addr2.raw) & 3)
		CO_RETURN(-EINVAL);
	if ((i32)f->wake < 0 || (i32)f->requeue < 0)
		CO_RETURN(-EINVAL);
	for (;;) {
		CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space, .addr = f->addr,
			 .shared = f->shared, .key = &f->key);
		if (f->err)
			CO_RETURN(f->err);
		CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space, .addr = f->addr2,
			 .shared = f->shared2, .key = &f->key2);
		if (f->err)
			CO_RETURN(f->err);
		f->err = futex_move(f);
		if (f->err != -EFAULT)
			CO_RETURN(f->err);
		CO_AWAIT(f->err, user_fault_in, .addr = f->addr, .n = sizeof(u32));
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_END;
}

/* --- FUTEX_WAKE_OP --- */

static bool futex_op_is_known(u32 op)
{
	return ((op >> 28) & 7) <= FUTEX_OP_XOR && ((op >> 24) & 15) <= FUTEX_OP_CMP_GE;
}

/* Change the word as encoded in op; does the old value fulfil its comparison? */
static bool futex_op(u32 *word, u32 op)
{
	i32 arg = (i32)(op << 8) >> 20, against = (i32)(op << 20) >> 20;
	u32 old, new;

	if (op & (FUTEX_OP_OPARG_SHIFT << 28))
		arg = (i32)(1u << (arg & 31));
	old = atomic_load(word);
	do {
		switch ((op >> 28) & 7) {
		case FUTEX_OP_SET:
			new = (u32)arg;
			break;
		case FUTEX_OP_ADD:
			new = old + (u32)arg;
			break;
		case FUTEX_OP_OR:
			new = old | (u32)arg;
			break;
		case FUTEX_OP_ANDN:
			new = old & ~(u32)arg;
			break;
		default:
			new = old ^ (u32)arg;
			break;
		}
	} while (!atomic_cas(word, &old, new));
	switch ((op >> 24) & 15) {
	case FUTEX_OP_CMP_EQ:
		return (i32)old == against;
	case FUTEX_OP_CMP_NE:
		return (i32)old != against;
	case FUTEX_OP_CMP_LT:
		return (i32)old < against;
	case FUTEX_OP_CMP_LE:
		return (i32)old <= against;
	case FUTEX_OP_CMP_GT:
		return (i32)old > against;
	default:
		return (i32)old >= against;
	}
}

static long futex_op_and_wake(struct futex_wake_op *f)
{
	u32 *word = (u32 *)((char *)phys_page_data(f->page) + (f->addr2.raw & ~PAGE_MASK));
	bool second = futex_op(word, f->op);
	long n = futex_wake_key(&f->key, f->wake, FUTEX_BITSET_MATCH_ANY), n2 = 0;

	if (second && n >= 0)
		n2 = futex_wake_key(&f->key2, f->wake2, FUTEX_BITSET_MATCH_ANY);
	phys_page_put(f->page);
	return n2 < 0 ? n2 : n + n2;
}

co_t futex_wake_op(struct co *co, struct futex_wake_op *f)
{
	CO_BEGIN;
	if ((f->addr.raw | f->addr2.raw) & 3)
		CO_RETURN(-EINVAL);
	if (!futex_op_is_known(f->op))
		CO_RETURN(-ENOSYS);
	CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space, .addr = f->addr,
		 .shared = f->shared, .key = &f->key);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space, .addr = f->addr2,
		 .shared = f->shared, .key = &f->key2);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, space_pin, .space = co_task(co)->space, .addr = f->addr2,
		 .access = HAL_READ | HAL_WRITE, .page = &f->page);
	if (f->err)
		CO_RETURN(f->err);
	CO_RETURN(futex_op_and_wake(f));
	CO_END;
}
