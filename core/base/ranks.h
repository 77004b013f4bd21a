/* core/base/ranks.h -- the order in which spinlocks are taken, and its checker.
 *
 * A CPU that holds a lock of rank r only takes locks of a higher rank; two of one rank only
 * through the *_ORDERED helpers of their file (which order by address). Debug builds check
 * every acquisition with one bit mask per CPU; rank 0 is exempt (the log and the panic).
 */
#ifndef BASE_RANKS_H
#define BASE_RANKS_H

#include "hal/types.h"

enum {
	RANK_NONE = 0,
	/* outermost first; at most 63 */
	RANK_TTY_JOB = 2,	/* core/dev: which terminal belongs to which session */
	RANK_ASYNC = 3,		/* core/proc: signals for files are being sent */
	RANK_PROC_TREE = 4,	/* core/proc: parents, children, groups, sessions */
	RANK_PROC_SIGHAND = 6,	/* core/proc: signal state of a process */
	RANK_PROC_OTHER = 8,
	RANK_REQUEST = 11,	/* core/proc: the requests of a process */
	RANK_TTY = 10,
	RANK_MOUNT = 12,	/* vfs: mount tree */
	RANK_DENTRY_RENAME = 13,
	RANK_DENTRY = 14,	/* vfs: dentry cache */
	RANK_DENTRY_CHILD = 15,
	RANK_INODE_TABLE = 16,
	RANK_INODE = 18,	/* vfs: inode fields */
	RANK_FILE = 20,
	RANK_FDS = 21,
	RANK_IPC_TABLE = 22,	/* core/ipc: numbers and keys of one kind */
	RANK_IPC_OBJECT = 23,
	RANK_FS_PRIVATE = 24,	/* file systems' own */
	RANK_IPC_UNDO = 25,
	RANK_JOURNAL = 26,	/* fs/journal: buffers and transactions */
	RANK_USERFAULT = 27,	/* mem/space: who waits for a program to settle a fault */
	RANK_SPACE = 28,	/* mem/space: VMAs */
	RANK_PAGER = 29,	/* mem/space: the VMAs of one pager */
	RANK_PGTABLE = 30,	/* mem/space: page tables */
	RANK_PAGE_CACHE = 32,	/* vfs: the page index of an inode */
	RANK_POLL = 34,		/* vfs: epoll, pollers */
	RANK_INOTIFY = 35,	/* vfs: watches and their events */
	RANK_URING = 35,	/* core/uring: a ring's completions, requests and what it knows */
	RANK_NET_TABLE = 31,	/* core/net: names and ports */
	RANK_NET_RIGHTS = 33,	/* core/net: descriptors in flight */
	RANK_PIPE = 36,
	RANK_SOCKET = 37,
	RANK_FUTEX = 38,
	RANK_NET_LEAF = 39,
	RANK_BLK = 40,		/* core/dev: request queues */
	RANK_WRITEBACK = 41,	/* vfs: which inodes are dirty */
	RANK_DEV = 42,
	RANK_FS_ROOM = 43,	/* file systems: how much room is left; below a page index */
	RANK_POSIX_TIMER = 44,	/* core/proc: a timer's settings */
	RANK_WALL_TIMER = 45,	/* core/proc: those that move when the clock is set */
	RANK_CO_LOCK = 46,	/* coro: inside mutex, rwlock */
	RANK_WAITQ = 48,
	RANK_READY = 49,	/* vfs: the ready list of an epoll set, under any queue's lock */
	RANK_TASKS = 47,	/* coro: the list of all tasks */
	RANK_TIMER = 50,
	RANK_USERS = 51,	/* core/cred: the table of users' counts */
	RANK_USER_NS = 51,	/* core/cred: maps that are given; alone */
	RANK_RUNQ = 52,
	RANK_SLAB_CPU = 53,	/* mem/phys: a CPU's magazine */
	RANK_SLAB = 54,
	RANK_BUDDY_CPU = 55,	/* mem/phys: a CPU's stack of pages */
	RANK_BUDDY = 56,
	RANK_ADMISSION = 57,	/* sched: how much real-time tasks may have, and was promised */
	RANK_LOG = 0,
};

/* The checker itself; called through the three functions below in debug builds only. */
void ranks_check_locked(unsigned rank);
void ranks_check_unlocked(unsigned rank);
void ranks_check_none(void);

#ifdef LICHEN_DEBUG
#define RANKS_CHECKED 1
#else
#define RANKS_CHECKED 0
#endif

static inline void ranks_locked(unsigned rank)
{
	if (RANKS_CHECKED && rank)
		ranks_check_locked(rank);
}

static inline void ranks_unlocked(unsigned rank)
{
	if (RANKS_CHECKED && rank)
		ranks_check_unlocked(rank);
}

/* Panics if this CPU holds any ranked lock: called where a poll ends. */
static inline void ranks_none_held(void)
{
	if (RANKS_CHECKED)
		ranks_check_none();
}

#endif
