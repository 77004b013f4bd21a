/* core/uring/group.h -- groups of buffers, between the files that keep them and choose among them.
 *
 * Ownership  a group and what it holds are the ring's.
 * Locking    all under the ring's lock. Nothing here waits.
 */
#ifndef URING_GROUP_H
#define URING_GROUP_H

#include "core/uring/uring.h"

struct group_buffer {
	struct list link;
	u64 addr;
	u32 len;
	u16 id;
};

/* A ring of buffers; mappings of it may outlive its group. */
struct group_memory {
	refcount refs;		/* [a] */
	struct pager pager;
	u64 first;		/* [I] page of the mapped file where it begins */
	struct region region;	/* [I] */
};

struct group {
	struct group *next;	/* in its bucket; all under the ring's lock */
	u16 id;
	bool is_ring, mapped;
	bool in_part;		/* what is left of a buffer is used next (IOU_PBUF_RING_INC) */
	/* a ring of buffers */
	struct group_memory *memory;
	u32 entries;
	u16 head;
	/* one by one */
	struct list buffers;
	u32 count;
	struct reaper_rest rest;
};

/* NULL: there is none. */
struct group *group_by_id(struct uring *u, u16 id) REQUIRES(u->lock);

#endif
