/* vfs/reaper.c */
#include "vfs/reaper.h"

#include "vfs/file.h"
#include "vfs/super.h"

static spinlock reaper_lock = SPINLOCK_INIT(RANK_INODE_TABLE);
static struct list reaper_inodes GUARDED_BY(&reaper_lock);
static struct list reaper_files GUARDED_BY(&reaper_lock);
static struct list reaper_supers GUARDED_BY(&reaper_lock);
static struct list reaper_rests GUARDED_BY(&reaper_lock);
static struct waitq reaper_work;	/* the worker waits here */
static struct waitq reaper_idle;	/* those who wait for it */
static u64 reaper_added, reaper_done;	/* [a] counts of objects */
static u64 reaper_own;			/* [a] of those added, what the reaper itself added */
static struct task *reaper_task;	/* [I] once started; never ends */

void reaper_setup(void)
{
	spin_lock(&reaper_lock);
	list_init(&reaper_inodes);
	list_init(&reaper_files);
	list_init(&reaper_supers);
	list_init(&reaper_rests);
	spin_unlock(&reaper_lock);
	waitq_init(&reaper_work);
	waitq_init(&reaper_idle);
}

static void reaper_tell(void)
{
	atomic_add(&reaper_added, 1ul);
	if (task_current() && task_current() == reaper_task)
		atomic_add(&reaper_own, 1ul);
	waitq_wake(&reaper_work);
}

void reaper_add_inode(struct inode *inode)
{
	spin_lock(&reaper_lock);
	list_add_back(&reaper_inodes, &inode->reap);
	spin_unlock(&reaper_lock);
	reaper_tell();
}

void reaper_add_file(struct file *file)
{
	spin_lock(&reaper_lock);
	list_add_back(&reaper_files, &file->reap);
	spin_unlock(&reaper_lock);
	reaper_tell();
}

void reaper_add_super(struct super *super)
{
	spin_lock(&reaper_lock);
	list_add_back(&reaper_supers, &super->reap);
	spin_unlock(&reaper_lock);
	reaper_tell();
}

void reaper_add_rest(struct reaper_rest *rest)
{
	if (!rest->more(rest))
		return;
	spin_lock(&reaper_lock);
	list_add_back(&reaper_rests, &rest->link);
	spin_unlock(&reaper_lock);
	reaper_tell();
}

struct reaper_loop {
	struct co_frame co;
	struct reaper_rest *rest;
	struct file *file;
	struct inode *inode;
	struct super *super;
	long ignored;
};

/* Take one object of any kind: files first, since they hold inodes, which hold supers. */
static bool reaper_take(struct reaper_loop *f)
{
	f->file = NULL;
	f->inode = NULL;
	f->super = NULL;
	f->rest = NULL;
	spin_lock(&reaper_lock);
	if (!list_empty(&reaper_files)) {
		f->file = list_first(&reaper_files, struct file, reap);
		list_remove(&f->file->reap);
	} else if (!list_empty(&reaper_inodes)) {
		f->inode = list_first(&reaper_inodes, struct inode, reap);
		list_remove(&f->inode->reap);
	} else if (!list_empty(&reaper_supers)) {
		f->super = list_first(&reaper_supers, struct super, reap);
		list_remove(&f->super->reap);
	} else if (!list_empty(&reaper_rests)) {
		f->rest = list_first(&reaper_rests, struct reaper_rest, link);
		list_remove(&f->rest->link);
	}
	spin_unlock(&reaper_lock);
	return f->file || f->inode || f->super || f->rest;
}

static co_t reaper_loop(struct co *co, struct reaper_loop *f)
{
	CO_BEGIN;
	for (;;) {
		CO_WAIT_IO(&reaper_work, reaper_take(f));
		if (f->file)
			CO_AWAIT(f->ignored, file_release, .file = f->file);
		if (f->inode)
			CO_AWAIT(f->ignored, inode_evict_now, .inode = f->inode);
		if (f->super)
			CO_AWAIT(f->ignored, super_tear_down, .super = f->super);
		while (f->rest && f->rest->more(f->rest))
			CO_BREATHE;
		atomic_add(&reaper_done, 1ul);
		waitq_wake(&reaper_idle);
		CO_BREATHE;
	}
	CO_END;
}

int reaper_start(void)
{
	struct task *t;

	CO_SPAWN(t, "reaper", reaper_loop);
	if (!t)
		return -ENOMEM;
	reaper_task = t;
	task_put(t);
	return 0;
}

co_t reaper_wait(struct co *co, struct reaper_wait *f)
{
	CO_BEGIN;
	if (task_current() == reaper_task || task_serves())
		CO_RETURN(0);	/* it would wait for itself */
	/* What it does may leave it more to do: a tree's last inode, then the file system. */
	do {
		f->own = atomic_load(&reaper_own);
		f->upto = atomic_load(&reaper_added);
		CO_WAIT_IO(&reaper_idle, atomic_load(&reaper_done) >= f->upto);
	} while (atomic_load(&reaper_own) != f->own);
	CO_RETURN(0);
	CO_END;
}
