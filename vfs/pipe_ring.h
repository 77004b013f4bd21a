/* vfs/pipe_ring.h -- what a pipe is, for the files of pipes only. */
#ifndef VFS_PIPE_RING_H
#define VFS_PIPE_RING_H

#include "core/cred/user_counts.h"
#include "vfs/pipe.h"

struct pipe {
	spinlock lock;			/* RANK_PIPE */
	u32 pages;			/* under lock: slots, a power of two */
	u64 head, tail;			/* [a] bytes read, bytes written; written under lock */
	struct page **ring;		/* under lock */
	struct user_counts *user;	/* [I] owned: who made it; its pages are counted there */
	u32 readers, writers;		/* [a] open ends; written under lock */
	u32 reader_opens, writer_opens;	/* under lock: how many there ever were */
	u32 files;			/* under lock: open files, keeps the pipe */
	bool nameless;			/* [I] of pipe2: opening it again waits for nobody */
	bool polled;			/* [a] somebody has polled it: each write is told */
	bool signals_room;		/* [a] its writer had O_ASYNC: each read is told */
	struct waitq can_read, can_write, opened;
};

static inline u64 pipe_bytes(const struct pipe *p) REQUIRES(p->lock)
{
	return p->tail - p->head;
}

static inline u64 pipe_capacity(const struct pipe *p) REQUIRES(p->lock)
{
	return (u64)p->pages << PAGE_SHIFT;
}

/* Where the byte at this position lies. */
static inline struct page **pipe_slot(struct pipe *p, u64 at) REQUIRES(p->lock)
{
	return &p->ring[(at >> PAGE_SHIFT) & (p->pages - 1)];
}

/* With no end open; NULL without memory. */
struct pipe *pipe_new(const struct cred *cred);
void pipe_free(struct pipe *p);
/* An end is closed: file_ops.closed. */
void pipe_closed(struct file *file);

#endif
