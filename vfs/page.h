/* vfs/page.h -- the page cache: the pages of a file, in one index, shared by read, write and
 * every mapping of it.
 *
 * A page is claimed before it is filled or written back: PAGE_BUSY is set by one task, the
 * others wait on the mapping's queue. Claim under the lock, wait outside it.
 *
 * The claimer of a page that is not uptodate fills it and says page_filled. PAGE_UPTODATE is
 * never cleared while the page is in the index, so a reader looks at nothing else.
 *
 * Ownership  the index holds a reference; page_find and page_get_filled give another.
 * Units      index in pages.
 * Locking    mapping.lock guards the index; a fault takes no inode lock, only this.
 */
#ifndef VFS_PAGE_H
#define VFS_PAGE_H

#include "coro/waitq.h"
#include "coro/co.h"
#include "mem/phys/page.h"
#include "mem/space/pager.h"

struct inode;
struct mapping;

/* Fill page (locked busy by the caller, zeroed if new) with the file's bytes at its index,
 * zeros past the end of the file. */
struct mapping_readpage {
	struct co_frame co;
	struct mapping *mapping;
	struct page *page;
};
CO_OPERATION(mapping_readpage);
/* Fill a run of pages, all busy, indices ascending and adjacent (readahead). Optional. */
struct mapping_readpages {
	struct co_frame co;
	struct mapping *mapping;
	struct page **pages;
	unsigned count;
};
CO_OPERATION(mapping_readpages);
/* Bring the bytes of a dirty page to storage. */
struct mapping_writepage {
	struct co_frame co;
	struct mapping *mapping;
	struct page *page;
};
CO_OPERATION(mapping_writepage);
/* The same of a run of pages, indices ascending and adjacent; all were cleaned and are claimed by
 * the caller. 0 also if bytes are lost: then mapping.error says so. An error: all are dirty again,
 * and it will be tried again. */
struct mapping_writepages {
	struct co_frame co;
	struct mapping *mapping;
	struct page **pages;
	unsigned count;
};
CO_OPERATION(mapping_writepages);
/* `promise` said -ENOSPC: bring about that less is promised, or more is free. 0: it is worth trying
 * again. */
struct mapping_make_room {
	struct co_frame co;
	struct mapping *mapping;
};
CO_OPERATION(mapping_make_room);

struct mapping_ops {
	/* .step NULL: there is nothing to read, a new page is zeros (tmpfs). */
	struct mapping_readpage_op readpage;
	struct mapping_readpages_op readpages;
	/* .step NULL: pages are the only storage and are never written back nor reclaimed. */
	struct mapping_writepage_op writepage;
	struct mapping_writepages_op writepages;	/* instead; optional */
	/* Without waiting, the page claimed: it is about to be dirty, and not PAGE_ROOM: has the
	 * storage room for it? 0 (then it is PAGE_ROOM), -ENOSPC, -EFBIG. Optional. */
	int (*promise)(struct mapping *m, struct page *page);
	/* Without waiting, mapping.lock held: a page that is PAGE_PROMISED left the index. */
	void (*unpromise)(struct mapping *m, struct page *page);
	struct mapping_make_room_op make_room;	/* optional */
	/* Without waiting: a page is about to be added where there was none, to be written or
	 * mapped: may the file system take it (space, quota)? 0 or -ENOSPC. NULL: always. */
	int (*reserve)(struct mapping *m, u64 index);
	/* Without waiting, mapping.lock held: such a page left the index. NULL: nothing. */
	void (*released)(struct mapping *m, u64 index);
};

struct page_node;

struct mapping {
	struct pager pager;		/* what address spaces map */
	const struct mapping_ops *ops;	/* [I] NULL: it has no pages */
	struct inode *inode;		/* [I] whose reference pager.get takes; NULL: lives for ever */
	u64 fixed_size;			/* [I] bytes, without an inode */
	spinlock lock;			/* RANK_PAGE_CACHE */
	struct page_node *root;		/* under lock */
	u32 height;			/* under lock: levels of nodes */
	u64 count;			/* [a] pages in the index; changed under lock */
	u64 dirty;			/* [a] of them PAGE_DIRTY */
	u32 under_way;			/* [a] runs that were cleaned and are being written */
	struct waitq waiters;		/* for busy pages */
	i32 error;			/* [a] of a lost write, for the next fsync */
	void *private;			/* the owner's */
};

/* Where the file ends, bytes. */
u64 mapping_size(const struct mapping *m);
/* ops are set by the file system afterwards. */
void mapping_init(struct mapping *m, struct inode *inode);

/* --- the index; nothing here waits --- */

/* The page in any state, with a reference; NULL if there is none. */
struct page *page_find(struct mapping *m, u64 index);
/* Only if it is uptodate. */
struct page *page_find_uptodate(struct mapping *m, u64 index);
/* The next page at or after *index and below end, with a reference; *index is moved to it. */
struct page *page_find_next(struct mapping *m, u64 *index, u64 end);
/* Enter a fresh page, claimed (busy) for the caller, who keeps his reference: 0, -EEXIST,
 * -ENOMEM. */
int page_add(struct mapping *m, struct page *page, u64 index);
/* The same where pages are the only storage, for one that is filled: -ENOSPC too. */
int page_add_made(struct mapping *m, struct page *page, u64 index);

/* Claim for filling, for CO_WAIT_IO(&m->waiters, ...): true when it is uptodate (*mine false),
 * gone from the index (*mine false), or was claimed for the caller (*mine true). */
bool page_claim_fill(struct mapping *m, struct page *page, bool *mine);
/* Claim an uptodate page for writing into it or writing it back. True also when the page has
 * left the index: look at PAGE_CACHE. */
bool page_claim(struct page *page);
void page_unclaim(struct mapping *m, struct page *page);
/* The claimer has filled it (ok) or failed to; unclaims and wakes. */
void page_filled(struct mapping *m, struct page *page, bool ok);
void page_mark_dirty(struct mapping *m, struct page *page);
/* The page, claimed by the caller, is about to be changed: it is dirty from here on, and has room
 * on the storage. 0, -ENOSPC, -EFBIG. */
int page_dirty(struct mapping *m, struct page *page);
/* Is nothing dirty, nor on its way to storage? */
static inline bool page_all_written(const struct mapping *m)
{
	return !atomic_load(&m->dirty) && !atomic_load(&m->under_way);
}
/* Take PAGE_DIRTY away before writing back; false if it was not dirty. */
bool page_clean(struct mapping *m, struct page *page);

/* The kernel's bytes of a page of this mapping were changed or a user may run them: the
 * instruction cache must be looked after again. */
static inline void page_changed(struct page *page)
{
	if (atomic_load_relaxed(&page->flags) & PAGE_SYNCED)
		atomic_and(&page->flags, ~(u32)PAGE_SYNCED);
}

/* Drop every page without waiting: 0, or -EBUSY if there is more to do than a poll should or
 * one is busy: await page_truncate. Nobody else may know the mapping. */
int page_try_drop_all(struct mapping *m);

/* --- coroutines --- */

/* The page at index, uptodate, with a reference. Reads it (and, by `ahead` > 1, its
 * successors in one go) if need be. `create`: where there is nothing to read from, add zeros
 * (reserve is asked); without, -ENODATA says there is a hole. -EIO, -ENOMEM, -ENOSPC, -EINTR.
 * Does not look at the file's size. */
struct page_get_filled {
	struct co_frame co;
	struct mapping *mapping;
	u64 index;
	unsigned ahead;
	bool create;
	struct page **page;
	struct page *found;
	struct page_run *run;
	bool mine;
	long err;
};
co_t page_get_filled(struct co *co, struct page_get_filled *f);

/* Start reading [index, index + count) without waiting for it, as far as memory is at hand:
 * readahead(2), and sequential reading's next window. */
void page_read_ahead(struct mapping *m, u64 index, unsigned count);
#define PAGE_RUN_MAX 32u	/* pages of one request run */

/* The file now ends at size (already stored by the caller): zero the rest of the last page,
 * drop those after it, and unmap them everywhere. */
struct page_truncate {
	struct co_frame co;
	struct mapping *mapping;
	u64 size;
	u64 was;		/* where it ended before; 0: nothing maps it */
	u64 index;
	struct page *page;
	bool busy;
	long ignored;
};
co_t page_truncate(struct co *co, struct page_truncate *f);

/* Zero or drop [from, to) bytes (fallocate's hole). */
struct page_punch {
	struct co_frame co;
	struct mapping *mapping;
	u64 from, to;
	u64 index;
	struct page *page;
	bool busy;
	long ignored;
};
co_t page_punch(struct co *co, struct page_punch *f);

/* After -ENOSPC of page_dirty, with no page claimed: 0, it is worth another try. */
struct page_make_room {
	struct co_frame co;
	struct mapping *mapping;
	long err;
};
co_t page_make_room(struct co *co, struct page_make_room *f);
/* page_dirty for who has not claimed it. -EAGAIN: it has left the index. */
struct page_dirty_await {
	struct co_frame co;
	struct mapping *mapping;
	struct page *page;
	bool again;
	long err;
};
co_t page_dirty_await(struct co *co, struct page_dirty_await *f);

/* The file ends at `size` and is about to reach further: what a mapping stored behind the end, or
 * the storage has there, must not become part of it. Zeros from `size` to the page's end. */
struct page_zero_tail {
	struct co_frame co;
	struct mapping *mapping;
	u64 size;
	struct page *page;
	long err;
};
co_t page_zero_tail(struct co *co, struct page_zero_tail *f);

#define PAGE_WRITE_MAX 256u	/* pages of one run that is written */
/* Write dirty pages of [first, last] (indices) and wait, also for those that others write; the
 * first error, -EIO that was not told yet included (unless quiet). */
struct page_write_back {
	struct co_frame co;
	struct mapping *mapping;
	u64 first, last;	/* last below UINT64_MAX */
	bool quiet;
	bool more;
	struct page *page;
	long err, failed;
};
co_t page_write_back(struct co *co, struct page_write_back *f);

/* Cached pages in the whole system, for meminfo; those of them that are the only storage
 * (tmpfs); and the dirty ones that are not. */
u64 page_total(void);
u64 page_total_kept(void);
u64 page_total_dirty(void);
/* Forget what is clean and unmapped (drop_caches); pages freed. */
u64 page_shrink(u64 pages);
void page_setup(void);	/* at boot, after slab_init */

extern const struct pager_ops page_pager_ops;	/* vfs/pager.c */

#endif
