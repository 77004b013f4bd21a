/* mem/space/userfault.h -- faults that a program settles itself (userfaultfd(2)).
 *
 * A context is what a descriptor stands for. Ranges of its space are registered with it; a fault
 * there waits as an await until the program has put a page in its place, or has said that the
 * access may be tried again. Changes of the space (fork, mremap, munmap, madvise) that it asked
 * to hear of wait, when they are done and hold nothing any more, until it has read of them.
 *
 * Nothing is waited for with a lock held. A fault is entered in its context under the space's
 * lock for reading, and what settles faults takes it for writing: so a fault either sees what
 * was done or is there to be woken.
 *
 * Ownership  references of a context: the descriptor's, one of each VMA's, each wait's. A context
 *            that was released (its descriptor is closed) answers nobody: a VMA that still
 *            names it is as one without. A context holds a reference of its space.
 * Units      bytes.
 * Locking    the context's `lock` (RANK_USERFAULT); VMAs' fields are under the space's.
 */
#ifndef SPACE_USERFAULT_H
#define SPACE_USERFAULT_H

#include <linux/userfaultfd.h>

#include "coro/waitq.h"
#include "mem/space/fault.h"
#include "mem/space/uio.h"

/* Features there are: what is not among them is refused. */
#define USERFAULT_FEATURES                                                              \
	(UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_EVENT_FORK |                     \
	 UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP | \
	 UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_SIGBUS | UFFD_FEATURE_THREAD_ID |    \
	 UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_EXACT_ADDRESS | UFFD_FEATURE_POISON |  \
	 UFFD_FEATURE_MOVE)
#define USERFAULT_READY (1ull << 63)	/* beside them: UFFDIO_API was said */

struct userfault {
	refcount refs;			/* [a] */
	struct space *space;		/* [I] referenced */
	u32 flags;			/* [I] userfaultfd(2)'s; with UFFD_USER_MODE_ONLY faults of
					 * the kernel's own accesses fail */
	bool noted;			/* under the space's lock: by this change already */
	bool answered;			/* [a] somebody has its descriptor, and knows */
	bool released;			/* [a] set under lock */
	u64 features;			/* [a] */
	u32 changing;			/* [a] changes of the space that are not yet read of */
	spinlock lock;			/* RANK_USERFAULT */
	/* under lock */
	struct list fresh, told;	/* struct userfault_fault: not yet read of, read of */
	struct list events;		/* struct userfault_note, to be read of */
	struct waitq readers;		/* woken when there is something to read */
};

/* NULL without memory. */
struct userfault *userfault_new(struct space *s, u32 flags);
void userfault_get(struct userfault *u);
void userfault_put(struct userfault *u);
/* Its descriptor is gone: everybody goes on. */
void userfault_release(struct userfault *u);

/* A message for the reader: 32 copied out, -EAGAIN, -EFAULT with nothing taken. The first one
 * tells of a fork whose context has no descriptor yet: USERFAULT_FORK and *child, referenced;
 * reserve a number, then call again with both: -EAGAIN if another reader was faster. `tid`: what a
 * task is called. */
#define USERFAULT_FORK 1
i64 userfault_take(struct userfault *u, struct uio *to, int (*tid)(struct task *t),
		   struct userfault **child, int fd);
bool userfault_readable(struct userfault *u);
/* Faults that wait: those not read of yet, and all. */
void userfault_count(struct userfault *u, u32 *pending, u32 *total);

/* Wake the faults in [start, start + len). */
void userfault_wake(struct userfault *u, u64 start, u64 len);

/* --- for faults; v has VMA_USERFAULT, the space's lock is held --- */

/* FAULT_DONE: it is the kernel's to settle. FAULT_WAIT: await userfault_wait. Or how it ends.
 * *why: UFFD_PAGEFAULT_FLAG_*. */
enum fault_result userfault_look(const struct vma *v, u64 va, unsigned access, u32 *why);

struct userfault_fault {
	struct list link;
	u64 addr;
	u32 why;
	struct task *task;
	bool woken;		/* [a] */
	struct waitq wait;
};
/* 0: try again; -EINTR: killed; -ERESTARTSYS: a signal came, in a program's own access. */
struct userfault_wait {
	struct co_frame co;
	struct space *space;
	u64 addr;
	unsigned access;
	struct userfault *on;
	struct userfault_fault fault;
	long err;
};
co_t userfault_wait(struct co *co, struct userfault_wait *f);

/* --- for who changes a space; its lock is held for writing --- */

/* v, not in a tree, is to be registered as `like` is. */
void userfault_copy_vma(struct vma *v, const struct vma *like);
/* It is registered no more; the poison in it stays. */
void userfault_clear_vma(struct vma *v);
/* The contexts that asked for it are to read of it: 1; 0: none did; -ENOMEM. Await
 * userfault_settle with the lock let go. */
int userfault_note_unmap(struct space *s, u64 start, u64 end);
int userfault_note_remove(const struct vma *v, u64 start, u64 end);
/* Of the mapping at `from`, which goes on at `to`; without, its copy is not registered. */
int userfault_note_remap(struct vma *copy, u64 from, u64 to, u64 len);
/* `child` is the copy of v for fork, and v is registered or poisoned. */
int userfault_note_fork(struct vma *child, const struct vma *v);
/* Copy what is said of pages of v from *at on that are nobody's: 1 more to do, 0 done, -ENOMEM. */
int userfault_fork_marks(struct space *child, const struct vma *v, u64 *at);

/* Tell what the current task noted in this space, and wait until it was read of. `drop`: what
 * was to be told did not happen. Returns 0. */
struct userfault_settle {
	struct co_frame co;
	struct space *space;
	bool drop;
	struct userfault_note *note;
	long err;
};
co_t userfault_settle(struct co *co, struct userfault_settle *f);

/* With the lock let go: settle what this change noted. */
#define USERFAULT_SETTLE(space_)                                                        \
	do {                                                                            \
		if (__builtin_expect(atomic_load_relaxed(&(space_)->notes) != NULL, 0)) { \
			long settled_;                                                  \
			CO_AWAIT(settled_, userfault_settle, .space = (space_));        \
			(void)settled_;                                                 \
		}                                                                       \
	} while (0)

/* --- coroutines of the descriptor's; 0 or a negative errno unless said otherwise --- */

/* mode: UFFDIO_REGISTER_MODE_*; 0 takes the registration away. */
struct userfault_register {
	struct co_frame co;
	struct userfault *on;
	u64 start, len;
	u64 mode;
	u64 at, to, end;
	long err, ignored;
};
co_t userfault_register(struct co *co, struct userfault_register *f);

enum userfault_how {
	USERFAULT_COPY,		/* of the current task's memory at src */
	USERFAULT_ZERO,
	USERFAULT_CONTINUE,	/* what the object has there */
	USERFAULT_POISON,	/* accesses end with SIGBUS */
	USERFAULT_MOVE,		/* the pages at src, out of there */
};
/* Give pages to [start, start + len): bytes done, or an error if none. */
struct userfault_fill {
	struct co_frame co;
	struct userfault *on;
	u64 start, len, src;
	enum userfault_how how;
	bool protect;		/* against writes, to be settled by the program */
	bool holes;		/* USERFAULT_MOVE: some may be missing */
	u64 done;
	struct page *page;
	long err, ignored;
};
co_t userfault_fill(struct co *co, struct userfault_fill *f);

/* Write protection, on or off. */
struct userfault_protect {
	struct co_frame co;
	struct userfault *on;
	u64 start, len;
	bool protect;
	u64 at, to;
	long err, ignored;
};
co_t userfault_protect(struct co *co, struct userfault_protect *f);

#endif
