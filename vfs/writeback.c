/* vfs/writeback.c -- which inodes are dirty, and the worker that writes them. */
#include "vfs/writeback.h"

#include "core/base/log.h"
#include "coro/task.h"
#include "hal/clock.h"
#include "mem/phys/buddy.h"
#include "mem/space/reclaim.h"
#include "vfs/super.h"

#define LOOK_NS	   5000000000ul	 /* between two looks at the list */
#define OLD_NS	   30000000000ul /* dirty so long: written */
#define AGAIN_NS   100000000ul	 /* after nothing could be written */
#define PATIENCE_NS 1000000000ul /* of who needs memory */

static spinlock writeback_lock = SPINLOCK_INIT(RANK_WRITEBACK);
/* Supers with dirty inodes; these hold references to them. */
static struct list writeback_supers GUARDED_BY(&writeback_lock);
static u32 writeback_listed;	/* [a] inodes on all lists; changed under the lock */
static u32 writeback_asked;	/* [a] start now */
static u64 writeback_rounds;	/* [a] inodes and devices written */
static struct waitq writeback_work;	/* the worker waits here */
static struct waitq writeback_progress;	/* who waits for it */
static struct task *writeback_task;	/* [I] once launched; never ends */

bool writeback_is_over(void)
{
	return page_total_dirty() > buddy_total_pages() / 5 && !task_serves();
}

static bool writeback_is_much(void)
{
	return page_total_dirty() > buddy_total_pages() / 10;
}

void writeback_start(void)
{
	if (!atomic_load_relaxed(&writeback_asked) && !atomic_swap(&writeback_asked, 1u))
		waitq_wake(&writeback_work);
}

/* --- the lists --- */

static void list_enter(struct inode *inode) REQUIRES(writeback_lock)
{
	struct super *s = inode->super;

	atomic_or(&inode->dirty, (u32)INODE_LISTED);
	inode->dirty_ns = hal_clock_ns();
	if (list_empty(&s->dirty))
		list_add_back(&writeback_supers, &s->dirty_link);
	list_add_back(&s->dirty, &inode->dirty_link);
	atomic_store(&writeback_listed, writeback_listed + 1);
}

/* The list's reference is the caller's. */
static void list_leave(struct inode *inode) REQUIRES(writeback_lock)
{
	atomic_and(&inode->dirty, ~(u32)(INODE_LISTED | INODE_DIRTY_PAGES));
	list_remove(&inode->dirty_link);
	if (list_empty(&inode->super->dirty))
		list_remove(&inode->super->dirty_link);
	atomic_store(&writeback_listed, writeback_listed - 1);
}

void writeback_note(struct inode *inode, u32 what)
{
	const u32 all = what | INODE_LISTED;
	bool first = false;

	if ((what & INODE_DIRTY_PAGES) && writeback_is_much())
		writeback_start();
	if ((atomic_load(&inode->dirty) & all) == all || !inode->super->ops->write_inode.step ||
	    atomic_load_relaxed(&inode->super->read_only))
		return;
	spin_lock(&writeback_lock);
	if (!(atomic_or(&inode->dirty, what) & INODE_LISTED) && inode_get_live(inode)) {
		first = !writeback_listed;
		list_enter(inode);
	}
	spin_unlock(&writeback_lock);
	if (first)
		waitq_wake(&writeback_work);
}

void writeback_forget(struct inode *inode)
{
	bool mine;

	spin_lock(&writeback_lock);
	mine = atomic_load(&inode->dirty) & INODE_LISTED;
	if (mine)
		list_leave(inode);
	spin_unlock(&writeback_lock);
	if (mine && ref_put(&inode->refs))
		panic("an inode goes while it is forgotten");
}

/* The inode, of any super or of one, that has been dirty longest and since before_ns. */
static struct inode *writeback_take(const struct super *only, u64 before_ns)
{
	struct inode *found = NULL;
	struct super *s;

	spin_lock(&writeback_lock);
	list_each(s, &writeback_supers, dirty_link) {
		struct inode *i = list_first(&s->dirty, struct inode, dirty_link);

		if ((only && s != only) || i->dirty_ns > before_ns)
			continue;
		found = i;
		list_leave(i);
		break;
	}
	spin_unlock(&writeback_lock);
	return found;
}

void writeback_abandon(struct super *super)
{
	struct inode *inode;

	while ((inode = writeback_take(super, UINT64_MAX)))
		inode_put(inode);
}

/* --- writing --- */

static void told_progress(void)
{
	atomic_add(&writeback_rounds, 1ul);
	waitq_wake(&writeback_progress);
}

co_t writeback_inode(struct co *co, struct writeback_inode *f)
{
	CO_BEGIN;
	/* Nobody can look for it any more. */
	if (!atomic_load(&f->inode->nlink) && atomic_load(&f->inode->refs.n) == 1)
		CO_RETURN(0);
	CO_AWAIT(f->failed, page_write_back, .mapping = &f->inode->mapping,
		 .last = UINT64_MAX - 1, .quiet = true);
	f->attrs = atomic_and(&f->inode->dirty, ~(u32)INODE_DIRTY_ATTRS) & INODE_DIRTY_ATTRS;
	if (f->attrs)
		CO_AWAIT_OP(f->err, f->inode->super->ops->write_inode, .inode = f->inode);
	if (f->failed || (f->err && f->err != -EROFS))
		writeback_note(f->inode, INODE_DIRTY_ATTRS);
	told_progress();
	CO_RETURN(f->failed ? f->failed : f->err);
	CO_END;
}

co_t writeback_super(struct co *co, struct writeback_super *f)
{
	CO_BEGIN;
	f->before_ns = hal_clock_ns();
	while ((f->inode = writeback_take(f->super, f->before_ns))) {
		CO_AWAIT(f->err, writeback_inode, .inode = f->inode);
		f->failed = f->failed ? f->failed : f->err;
		CO_AWAIT(f->err, inode_put_wait, .inode = f->inode);
		CO_BREATHE;
	}
	CO_RETURN(f->failed);
	CO_END;
}

/* --- the worker --- */

struct writeback_loop {
	struct co_frame co;
	bool timed, asked;
	u64 before_ns;
	struct inode *inode;
	long ignored;
};

static bool loop_begins(struct writeback_loop *f)
{
	f->asked = atomic_swap(&writeback_asked, 0u);
	return f->asked || (!f->timed && atomic_load(&writeback_listed));
}

/* Inodes that became dirty before then are written. */
static u64 loop_before(const struct writeback_loop *f)
{
	u64 now = hal_clock_ns();

	return f->asked || writeback_is_much() ? now : now - min(now, OLD_NS);
}

static co_t writeback_loop(struct co *co, struct writeback_loop *f)
{
	CO_BEGIN;
	for (;;) {
		f->timed = atomic_load(&writeback_listed);
		CO_WAIT_IO_UNTIL(f->ignored, &writeback_work, loop_begins(f),
				 f->timed ? hal_clock_ns() + LOOK_NS : CO_FOREVER);
		f->before_ns = loop_before(f);
		while ((f->inode = writeback_take(NULL, f->before_ns))) {
			CO_AWAIT(f->ignored, writeback_inode, .inode = f->inode);
			CO_AWAIT(f->ignored, inode_put_wait, .inode = f->inode);
			CO_BREATHE;
		}
		if (!writeback_is_much())
			continue;
		if (super_devices.step)
			CO_AWAIT_OP(f->ignored, super_devices);
		told_progress();
		if (writeback_is_much())
			CO_WAIT_IO_UNTIL(f->ignored, &writeback_progress, false,
					 hal_clock_ns() + AGAIN_NS);
	}
	CO_END;
}

co_t writeback_throttle(struct co *co, struct writeback_throttle *f)
{
	CO_BEGIN;
	writeback_start();
	CO_WAIT_KILLABLE(f->err, &writeback_progress, !writeback_is_over());
	CO_RETURN(f->err);
	CO_END;
}

/* --- for who needs memory --- */

struct writeback_reclaim {
	struct reclaim_write;
	u64 rounds;
	long err;
};
static co_t writeback_reclaim(struct co *co, struct writeback_reclaim *f)
{
	CO_BEGIN;
	if (!page_total_dirty() || task_current() == writeback_task || task_serves())
		CO_RETURN(-ENOMEM);
	f->rounds = atomic_load(&writeback_rounds);
	writeback_start();
	CO_WAIT_IO_UNTIL(f->err, &writeback_progress, atomic_load(&writeback_rounds) != f->rounds,
			 hal_clock_ns() + PATIENCE_NS);
	CO_RETURN(f->err ? -ENOMEM : 0);
	CO_END;
}

static const struct reclaim_write_ops writeback_for_memory = {
	.write = CO_IMPLEMENTS(reclaim_write, writeback_reclaim),
};

void writeback_setup(void)
{
	spin_lock(&writeback_lock);
	list_init(&writeback_supers);
	spin_unlock(&writeback_lock);
	waitq_init(&writeback_work);
	waitq_init(&writeback_progress);
	writeback_listed = writeback_asked = 0;
	writeback_rounds = 0;
}

int writeback_launch(void)
{
	struct task *t;

	CO_SPAWN(t, "writeback", writeback_loop);
	if (!t)
		return -ENOMEM;
	writeback_task = t;
	reclaim_set_write(&writeback_for_memory);
	task_put(t);
	return 0;
}
