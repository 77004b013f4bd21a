/* mem/space/pager.h -- where the pages of a mapping come from.
 *
 * A space knows no file. A mapping names a pager (one per object: an inode's page cache, a
 * shared anonymous object) and an opaque `file` (the open file it was made from, for its
 * path and so that it stays open). vfs/page.c implements pager_ops for files; mem/space/shm.h
 * has the two others.
 *
 * A page handed out carries a reference for the caller and has PAGE_UPTODATE and PAGE_CACHE
 * set; one asked for with `write` also has PAGE_DIRTY set, and stays so until the pager has
 * cleaned it. Two races are closed by order, so keep it:
 *   writeback  clears PAGE_DIRTY, then calls pager_write_protect, then reads the bytes: the
 *              next store to the page faults again and asks for `write` again;
 *   truncate   takes the page out of its index and clears PAGE_CACHE, then calls
 *              pager_unmap: a fault that still has the page sees the flag and asks again.
 * Pages of shared memory (tmpfs) carry PAGE_SHM from before they are handed out.
 * A writer of the page's bytes clears PAGE_SYNCED: the instruction cache no longer fits.
 *
 * Ownership  each mapping holds one reference of the pager (get/put) and of the file.
 * Units      index and counts in pages.
 * Locking    get, put, peek, path are called with space locks held and must not wait; the
 *            operations are awaited with none held, and never take an inode lock.
 */
#ifndef SPACE_PAGER_H
#define SPACE_PAGER_H

#include "core/base/spinlock.h"
#include "coro/co.h"
#include "mem/phys/page.h"

struct pager;
struct vma_info;

/* Get the page at index, reading it if need be. 0 and *page; or -ENXIO past the end of the
 * object, -EIO (both SIGBUS), -ENOMEM, -ENOSPC (SIGBUS), -EINTR if a fatal signal came. */
struct pager_fault {
	struct co_frame co;
	struct pager *pager;
	u64 index;
	bool write;		/* it will be stored to through a shared mapping */
	struct page **page;
};

/* Write what is dirty in [index, index + count) to the object and wait for it. */
struct pager_sync {
	struct co_frame co;
	struct pager *pager;
	void *file;
	u64 index, count;
};

/* The contents of [index, index + count) are zero from now on (MADV_REMOVE). */
struct pager_discard {
	struct co_frame co;
	struct pager *pager;
	void *file;
	u64 index, count;
};

struct pager_ops {
	CO_OPERATION(pager_fault) fault;
	CO_OPERATION(pager_sync) sync;		/* .step NULL: nothing to write */
	CO_OPERATION(pager_discard) discard;	/* .step NULL: -EINVAL */
	/* Fill to[0..n) with the pages from index on that are there and uptodate, each with a
	 * reference, the others NULL. Never waits; a busy page counts as missing. For `write`
	 * (then n is 1) only if it can be made dirty at once. */
	void (*peek)(struct pager *p, u64 index, unsigned n, bool write, struct page **to);
	/* For objects in memory, else NULL; never wait. Is there a page at index? 1, 0, or -ENXIO
	 * past the end; -EINVAL if it is no such object. */
	int (*has)(struct pager *p, u64 index);
	/* Give it this page, which is filled, where it has none; a reference of the caller's goes
	 * with it if that works. 0, -EEXIST, -ENXIO, -ENOMEM, -ENOSPC. */
	int (*supply)(struct pager *p, u64 index, struct page *page);
	void (*get)(struct pager *p);
	void (*put)(struct pager *p);
	/* For `file`, which may be NULL; both ops may be NULL then. */
	void (*file_get)(void *file);
	void (*file_put)(void *file);
	/* For /proc/pid/maps: the path's text without NUL at most `size` bytes; the length.
	 * "[vdso]" and the like, or " (deleted)" at the end, included. */
	size_t (*path)(struct pager *p, void *file, char *to, size_t size);
	/* The device and inode numbers shown there, and the inode's mode and links. */
	void (*numbers)(struct pager *p, void *file, struct vma_info *to);
};

struct pager {
	const struct pager_ops *ops;	/* [I] */
	spinlock lock;			/* RANK_PAGER */
	bool secret;			/* [I] its pages are PAGE_SECRET */
	struct list vmas;		/* under lock: struct vma.on_pager, in no order */
};

void pager_init(struct pager *p, const struct pager_ops *ops);

/* Does any mapping of it exist? */
bool pager_is_mapped(struct pager *p);
/* Is there a shared mapping through which it may be stored to, now or after an mprotect? */
bool pager_may_be_stored_to(struct pager *p);

/* Take the pages [index, index + count) out of every address space. `private_too`: the
 * copies that private mappings made as well (truncate does that, reclaim not). At most 512
 * pages a call: the caller loops and breathes. */
void pager_unmap(struct pager *p, u64 index, u64 count, bool private_too);

/* Make the page at index read-only in every address space; true if any could write it. */
bool pager_write_protect(struct pager *p, u64 index);

#endif
