/* coro/lock_rank.h -- the order in which a task takes awaitable locks, and its checker.
 *
 * A task that holds a lock of rank r only waits for locks of a higher rank; for another of the
 * same rank only through the *_NEXT forms of coro/lock.h, whose callers have an order of their
 * own (a directory before what is in it, one rename at a time). A lock that is only tried may
 * be taken in any order. Debug builds and the simulation check it, and that nothing is held
 * where a task goes to user mode or ends: about ten instructions a lock, so release builds
 * do not.
 *
 * Units  task.locks has a digit of three bits per rank: how many of it the task holds.
 */
#ifndef CORO_LOCK_RANK_H
#define CORO_LOCK_RANK_H

#include "core/base/ranks.h"
#include "coro/task.h"

/* File systems lie above others at most so deep: an inode of depth d has rank
 * CO_RANK_INODE - 2 * d. */
#define CO_RANK_STACK_MAX 2u

enum co_lock_rank {
	CO_RANK_NONE = 0,	/* not checked */
	/* outermost first; at most 10 */
	CO_RANK_FILE_POS = 1,	/* vfs: a file's position */
	CO_RANK_RENAME = 2,	/* vfs: one cross-directory rename per file system */
	/* 3, 5: inodes of stacked file systems; 4, 6: what these do one at a time per inode */
	CO_RANK_INODE = 7,	/* vfs: an inode's contents and directory entries */
	CO_RANK_SPACE = 8,	/* mem/space: the mappings of a process */
	CO_RANK_HANDLE = 9,	/* fs/journal: a handle that is open */
	CO_RANK_FS = 10,	/* file systems' own */
};

/* The rank of an inode's lock. */
static inline enum co_lock_rank lock_rank_inode(unsigned depth)
{
	return (enum co_lock_rank)(CO_RANK_INODE - 2 * depth);
}

/* The checker itself; called through the functions below in debug builds only. */
void lock_rank_check_order(const struct task *t, unsigned rank, bool same);
void lock_rank_check_taken(struct task *t, unsigned rank);
void lock_rank_check_released(struct task *t, unsigned rank);
void lock_rank_check_none(const struct task *t);

/* About to wait for one; `same`: others of its rank may be held. */
static inline void lock_rank_order(struct co *co, unsigned rank, bool same)
{
	if (RANKS_CHECKED)
		lock_rank_check_order(co_task(co), rank, same);
}

static inline void lock_rank_taken(struct task *t, unsigned rank)
{
	if (RANKS_CHECKED)
		lock_rank_check_taken(t, rank);
}

static inline void lock_rank_released(struct task *t, unsigned rank)
{
	if (RANKS_CHECKED)
		lock_rank_check_released(t, rank);
}

/* Called where a task goes to user mode, and where it ends. */
static inline void lock_rank_none_held(const struct task *t)
{
	if (RANKS_CHECKED)
		lock_rank_check_none(t);
}

#endif
