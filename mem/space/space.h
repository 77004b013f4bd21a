/* mem/space/space.h -- user address spaces: mappings and what system calls do to them.
 *
 * A space is a tree of VMAs (page-aligned ranges with one set of rights and one source of
 * pages) and arm64 page tables, which are only a cache of what the VMAs say: pages enter
 * them by faults (mem/space/fault.h).
 *
 * Ownership  Two counts. Users are the tasks that run in it: space_new gives one, space_join
 *            adds one, each is given up by awaiting space_leave, and the last takes all
 *            mappings down. References (space_get, space_put) keep the record alive, for
 *            /proc and the like, and see an empty space after that.
 *            A task that leaves must have called executor_use_space(task, NULL or another)
 *            before it awaits space_leave.
 * Units      addresses and lengths in bytes, user virtual; pgoff in pages.
 * Locking    `lock`, awaitable: read to look at the tree, write to change it. pt_lock, a
 *            spinlock inside it: the page tables and pages_*. Nothing here is called with
 *            either held; everything that is a coroutine may wait.
 */
#ifndef SPACE_SPACE_H
#define SPACE_SPACE_H

#include "core/base/rbtree.h"
#include "coro/lock.h"
#include "hal/memory.h"
#include "mem/space/pager.h"
#include "mem/space/policy.h"

/* A VMA's flags. The low three equal PROT_READ, PROT_WRITE, PROT_EXEC. */
enum {
	VMA_READ = 1u << 0,
	VMA_WRITE = 1u << 1,
	VMA_EXEC = 1u << 2,
	VMA_SHARED = 1u << 3,	 /* stores reach the pager's object */
	VMA_MAYWRITE = 1u << 4,	 /* mprotect may add PROT_WRITE (else -EACCES) */
	VMA_MAYEXEC = 1u << 5,
	VMA_GROWSDOWN = 1u << 6, /* a stack */
	VMA_LOCKED = 1u << 7,	 /* mlock */
	VMA_DONTFORK = 1u << 8,
	VMA_WIPEONFORK = 1u << 9,
	VMA_DONTDUMP = 1u << 10,
	VMA_NORESERVE = 1u << 11,
	VMA_FIXED = 1u << 12,	 /* the kernel's own ([vdso]): may not grow or move */
	VMA_ACCOUNT = 1u << 13,	 /* its pages are promised (mem/space/commit.h) */
	VMA_SEALED = 1u << 14,	 /* mseal: stays as it is until exec */
	VMA_ONFAULT = 1u << 15,	 /* locked, but not brought in ahead */
	VMA_UF_MISSING = 1u << 16, /* faults that the program settles: no page is there */
	VMA_UF_WP = 1u << 17,	 /* stores to what it protected */
	VMA_UF_MINOR = 1u << 18, /* the object has a page, the tables have not */
	VMA_POISONED = 1u << 19, /* it may have pages that end with SIGBUS */
	VMA_USERFAULT = 1u << 24, /* any of the four: faults are looked at first */
	VMA_LOCKS = VMA_LOCKED | VMA_ONFAULT,
	VMA_PROT = VMA_READ | VMA_WRITE | VMA_EXEC,
};

/* Whose its contents are to look at. */
enum space_dump {
	SPACE_DUMP_NEVER,
	SPACE_DUMP_USER,
	SPACE_DUMP_ROOT,	/* in a core file that is root's */
};

#define SPACE_DUMP_FILTER 0x33u	/* private and shared anonymous memory, ELF headers */

#define SPACE_MIN_ADDR	 0x10000ul	/* mmap_min_addr */
#define SPACE_STACK_GAP	 (256ul << PAGE_SHIFT) /* kept free below a stack */
#define SPACE_MAX_VMAS	 65530

struct space;
struct userfault;
struct userfault_note;

struct vma {
	struct rb_node node;
	u64 start, end;
	u64 sub_lo, sub_hi, sub_gap;	/* of the subtree: extent, widest hole inside */
	u32 flags;
	bool copied;			/* [a] private pages were made of the pager's */
	struct policy policy;
	struct pager *pager;		/* NULL: anonymous and private */
	void *file;			/* the pager's, or NULL */
	u64 pgoff;			/* of start in the pager */
	struct space *space;		/* [I] */
	struct list on_pager;		/* under pager->lock */
	struct userfault *userfault;	/* whose VMA_UF_* it has; referenced. NULL: nobody's */
};

struct space {
	struct hal_space hal;		/* [I] first: task.hal_space */
	refcount refs;			/* [a] */
	refcount users;			/* [a] */

	struct co_rwlock lock;
	/* under lock */
	struct rb_tree vmas;
	u32 vma_count;
	u64 mmap_base;			/* mmap searches downwards from here */
	u64 brk_start, brk;
	u32 lock_future;		/* VMA_LOCKS that new mappings have */
	u64 pages_total, pages_data, pages_stack, pages_exec, pages_locked; /* mapped */
	u64 pages_committed;		/* of VMA_ACCOUNT */
	struct userfault_note *notes;	/* [a] changes that are to be told of */
	u32 note_count;			/* [a] and those that are being told of */

	spinlock pt_lock;		/* RANK_PGTABLE */
	u64 tables;			/* under pt_lock: pages of page tables */

	/* [a] resident pages, written under pt_lock */
	u64 rss_anon, rss_file, rss_shm, rss_peak;

	/* Set by exec before the space is run, read by /proc. */
	u64 stack_start, arg_start, arg_end, env_start, env_end;
	u64 code_start, code_end, data_start, data_end, vdso;
	u64 auxv[64];
	u32 auxv_words;
	void *exe;			/* under proc's rules: the executable's file */
	u8 dumpable;			/* [a] enum space_dump */
	u8 user_level;			/* [I] of the user namespace, that of its users or above,
					 * that may look into it if it is not dumpable */
	u32 dump_filter;		/* [a] what of it a core file holds */
	bool key0_freed;		/* [a] protection key 0 was given back */
	u64 limit_as, limit_data, limit_stack, limit_memlock; /* [a] bytes; ~0: none */
	u32 membarrier;			/* [a] registrations, proc's */
};
static_assert(offsetof(struct space, hal) == 0);

/* At boot, after slab_init. Panics without memory. */
void space_init(void);

/* An empty space with one user and no limits, mmap_base near the top; NULL without memory or
 * a free ASID. */
struct space *space_new(void);
void space_get(struct space *s);
void space_put(struct space *s);
void space_join(struct space *s);
bool space_join_live(struct space *s);	/* unless its last user has left */

/* The space of the task that runs co; NULL for a worker. */
struct space *space_current(struct co *co);

/* --- coroutines; each returns 0 or a negative errno unless said otherwise --- */

/* Give up one use; the last empties the space. Returns 0. */
struct space_leave {
	struct co_frame co;
	struct space *space;
	struct vma *vma;
	u64 at, tables;
};
co_t space_leave(struct co *co, struct space_leave *f);

/* A copy for fork in *to: private pages shared copy-on-write. */
struct space_fork {
	struct co_frame co;
	struct space *space;
	struct space **to;
	struct space *child;
	struct vma *vma;
	u64 at;
	bool broken;		/* the TLB may allow the parent stores that its tables do not */
	bool special;		/* a VMA has VMA_USERFAULT */
	long err, ignored;
};
co_t space_fork(struct co *co, struct space_fork *f);

/* mmap. prot: PROT_*; flags: MAP_* of the ABI; pager NULL: anonymous (with MAP_SHARED a
 * shared anonymous object is made). vma_flags: VMA_MAYWRITE and VMA_MAYEXEC as the file
 * allows (both implied without a pager), and whatever else to set. A pager is taken by
 * reference, the caller keeps his own. Returns the address. */
struct space_map {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
	u32 prot, flags, vma_flags;
	struct pager *pager;
	void *file;
	u64 pgoff;
	bool lock_freely;	/* the limit of locked memory does not count */
	struct vma *new;
	struct pager *made;
	long err;
};
co_t space_map(struct co *co, struct space_map *f);

struct space_unmap {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
	long err;
};
co_t space_unmap(struct co *co, struct space_unmap *f);

/* shmdt: take out what was mapped at addr in one go from an object with these operations, as
 * far as it is still there. -EINVAL if none begins there. */
struct space_unmap_object {
	struct co_frame co;
	struct space *space;
	u64 addr;
	const struct pager_ops *ops;
	u64 (*size)(void *file);	/* of the object, bytes */
	struct pager *pager;
	u64 at, end;
	long err;
};
co_t space_unmap_object(struct co *co, struct space_unmap_object *f);

/* Does a mapping begin at addr that shows an object with these operations from its beginning? Then
 * 0, and *pager with a reference; else -EINVAL. */
struct space_object {
	struct co_frame co;
	struct space *space;
	u64 addr;
	const struct pager_ops *ops;
	struct pager **pager;
};
co_t space_object(struct co *co, struct space_object *f);

struct space_protect {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
	u32 prot;		/* PROT_* incl. PROT_GROWSDOWN */
	u64 end, at, to;
	u32 flags;
	long err, ignored;
};
co_t space_protect(struct co *co, struct space_protect *f);

/* mremap; returns the new address. */
struct space_remap {
	struct co_frame co;
	struct space *space;
	u64 addr, old_len, new_len;
	u32 flags;		/* MREMAP_* */
	u64 new_addr;		/* with MREMAP_FIXED */
	bool lock_freely;
	struct vma *new;
	u64 at;
	long err, ignored;
};
co_t space_remap(struct co *co, struct space_remap *f);

struct space_advise {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
	u32 advice;		/* MADV_* */
	u64 at, end;
	struct pager *pager;	/* of what MADV_REMOVE takes */
	void *file;
	u64 index, count;
	u64 told, settled;	/* how far who settles faults heard of it */
	long err, ignored;
	bool hole;
};
co_t space_advise(struct co *co, struct space_advise *f);

/* brk: the new break, or the old one if it cannot be. Never fails. */
struct space_brk {
	struct co_frame co;
	struct space *space;
	u64 brk;
	bool lock_freely;
	u64 old, now;
	struct vma *new;
	long err;
};
co_t space_brk(struct co *co, struct space_brk *f);

/* mlock, munlock of whole pages: len 0 is fine. Does not populate: await space_populate after it.
 * `locked`: VMA_LOCKS to set, 0: none. */
struct space_lock_range {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
	u32 locked;
	bool freely;
};
co_t space_lock_range(struct co *co, struct space_lock_range *f);

/* May so many bytes more be locked, if flags say that they would be? With the lock held. */
bool space_may_lock(struct space *s, u64 bytes, u32 flags, bool freely);

/* The VMA_LOCKS of what is mapped at addr. */
struct space_locks_at {
	struct co_frame co;
	struct space *space;
	u64 addr;
};
co_t space_locks_at(struct co *co, struct space_locks_at *f);

/* mlockall, munlockall. -ENOMEM: beyond the limit. */
struct space_lock_all {
	struct co_frame co;
	struct space *space;
	u32 locked, future;	/* VMA_LOCKS of what is there, and of what will be */
	bool change;		/* what is there changes */
	bool now;		/* and is brought in; checks the limit */
	bool freely;
	u64 at, end;
	long ignored;
};
co_t space_lock_all(struct co *co, struct space_lock_all *f);

/* mseal */
struct space_seal {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
};
co_t space_seal(struct co *co, struct space_seal *f);

/* remap_file_pages: the shared mapping at addr shows its object from pgoff on. */
struct space_remap_file {
	struct co_frame co;
	struct space *space;
	u64 addr, len, pgoff;
	bool lock_freely;
	struct pager *pager;
	void *file;
	u32 flags;
	long err;
};
co_t space_remap_file(struct co *co, struct space_remap_file *f);

/* MAP_POPULATE, MAP_LOCKED, mlock: fault in what may be touched; stops at the first error.
 * -ENOMEM for a hole or without memory, -EFAULT otherwise. */
struct space_populate {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
	u64 at;
	u32 flags;
	long err;
};
co_t space_populate(struct co *co, struct space_populate *f);

/* msync: -ENOMEM if there are holes; -EBUSY for locked pages that are to be invalidated. */
struct space_sync {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
	bool invalidate, wait;	/* MS_INVALIDATE, MS_SYNC */
	u64 at, end;
	struct pager *pager;
	void *file;
	u64 index, count;
	long err, ignored;
	bool hole;
};
co_t space_sync(struct co *co, struct space_sync *f);

/* mincore: one byte per page into `to` (kernel memory), at most 4096 pages a call. */
struct space_mincore {
	struct co_frame co;
	struct space *space;
	u64 addr;
	u64 pages;
	u8 *to;
};
co_t space_mincore(struct co *co, struct space_mincore *f);

/* What /proc/pid/maps shows of one VMA. */
struct vma_info {
	u64 start, end;
	u32 flags;
	struct policy policy;
	u64 offset;		/* bytes */
	u64 dev, ino;
	bool mapped;		/* it shows an object, of which these are: */
	u32 mode, nlink;
	u16 path_len;
	char path[256];		/* no NUL; longer paths keep their end */
};

/* The first VMA with end > addr. 1 and *info, or 0 past the last. */
struct space_info {
	struct co_frame co;
	struct space *space;
	u64 addr;
	struct vma_info *info;
};
co_t space_info(struct co *co, struct space_info *f);

/* What of a range is resident. Pages; shares (a page divided by the number of its mappings) in
 * bytes with VMA_COUNT_SHIFT bits behind the point. */
#define VMA_COUNT_SHIFT 12
struct vma_count {
	u64 rss, anon;
	u64 shared_clean, shared_dirty, private_clean, private_dirty;
	u64 pss, pss_dirty, pss_anon, pss_file, pss_shm;
	u64 active;		/* lately used, as reclaim sees it */
	u64 most_mappings;	/* of any one page */
};
/* Add what is in [at, end) to *count. Returns 0. */
struct space_count {
	struct co_frame co;
	struct space *space;
	u64 at, end;
	struct vma_count *count;
};
co_t space_count(struct co *co, struct space_count *f);

/* What is known of a page: whether it is there, and its frame's number if that is asked for. */
#define SPACE_PAGE_ONE_MAPPING (1ul << 56)
#define SPACE_PAGE_PROTECTED   (1ul << 57)	/* its program hears of stores to it */
#define SPACE_PAGE_NOT_ANON    (1ul << 61)	/* a file's, or shared memory */
#define SPACE_PAGE_PRESENT     (1ul << 63)
/* Of so many pages from addr on, all below HAL_USER_END, a word each. Returns 0. */
struct space_pages {
	struct co_frame co;
	struct space *space;
	u64 addr;
	unsigned pages;		/* few: they are looked at in one go */
	bool frames;
	u64 *to;
};
co_t space_pages(struct co *co, struct space_pages *f);

#endif
