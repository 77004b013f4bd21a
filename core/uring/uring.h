/* core/uring/uring.h -- a ring: memory shared with a program, in which it submits requests and
 * finds their completions.
 *
 *	uring.c    a ring's life, its file
 *	region.c   its memory, and how it is mapped
 *	submit.c   from a submission to a request
 *	keep.c     what it names, if it is to begin later
 *	issue.c    how it runs, and what follows it
 *	complete.c from its end to the program that waits for it
 *	cancel.c   finding requests that are parked, to end them
 *	files.c    registered files
 *	fixed.c    registered buffers
 *	group.c    buffers that requests choose among
 *	choose.c   how they do
 *
 * The program writes to the memory at any time, so nothing in it is believed: a submission is
 * copied before it is looked at, indexes are masked, and the kernel keeps its own head and tail.
 *
 * Ownership  a ring is held by its file, by each of its mappings, and by each request that is
 *            parked; the last frees it. Records of requests are the ring's and used again.
 * Locking    submit_lock, awaitable: one submits at a time; registered things are changed. `lock`
 *            (RANK_URING): completions and lists of requests.
 */
#ifndef URING_URING_H
#define URING_URING_H

#include "core/base/slots.h"
#include "core/uring/op.h"
#include "coro/lock.h"
#include "mem/space/pager.h"
#include "vfs/reaper.h"

#define URING_SQ_MOST 32768u
#define URING_CQ_MOST (2 * URING_SQ_MOST)
/* Completions that may wait for room; more are lost, and counted. */
#define URING_OVERFLOW_MOST (4 * URING_CQ_MOST)

/* Pages of kernel memory, not necessarily next to each other. */
struct region {
	char **pages;		/* owned; where each lies, with a reference */
	u32 count;
};

/* What lies at the start of the rings' region. */
struct uring_shared {
	u32 sq_head;		/* [a] how far the kernel read */
	u32 pad0[15];
	u32 sq_tail;		/* [a] how far the program wrote */
	u32 pad1[15];
	u32 cq_head;		/* [a] how far the program read */
	u32 pad2[15];
	u32 cq_tail;		/* [a] how far the kernel wrote */
	u32 pad3[15];
	u32 sq_mask, cq_mask, sq_entries, cq_entries;
	u32 sq_dropped;		/* [a] */
	u32 sq_flags;		/* [a] IORING_SQ_* */
	u32 cq_flags;		/* [a] IORING_CQ_*, the program's */
	u32 cq_overflow;	/* [a] */
	u32 pad4[8];
};
static_assert(sizeof(struct uring_shared) == 320);

struct group;
struct uring_limits;
struct uring_poller;
struct user_counts;
#define URING_GROUP_BUCKETS 64u
#define URING_BUCKETS	    256u
#define URING_CREDS_MOST 1024u

struct uring {
	refcount refs;			/* [a] */
	struct reaper_rest rest;	/* of its end */
	u32 flags;			/* [I] IORING_SETUP_* */
	u32 sq_entries, cq_entries;	/* [I] powers of two */
	struct region rings, sqes;	/* [I] */
	struct uring_shared *shared;	/* [I] in rings */
	u64 cqes_at, array_at;		/* [I] offsets in rings */
	struct pager pager;		/* of its mappings */

	struct co_mutex submit_lock;	/* CO_RANK_FILE_POS */
	/* under submit_lock */
	u32 sq_head;			/* the kernel's own */
	struct uring_request *spare;	/* records to use */
	struct uring_request *chain, *chain_last; /* links of the submission under way */
	bool chain_fails;		/* one of them is wrong */
	bool chain_drains;		/* one of them has IOSQE_IO_DRAIN */
	bool drain_next;		/* the next chain waits for the one before it */
	bool disabled;			/* [a] until IORING_REGISTER_ENABLE_RINGS */
	struct pid *issuer;		/* [a] owned: who alone may submit; NULL: who does first */
	struct uring_limits *limits;	/* owned; what may be asked of it. NULL: everything */

	spinlock lock;			/* RANK_URING */
	/* under lock */
	u32 cq_tail;			/* [a] the kernel's own */
	struct list overflow;		/* struct complete_overflow.link */
	u32 overflowed;			/* [a] how many */
	struct list parked;		/* struct uring_request.link */
	u32 parked_count;
	struct rb_tree *buckets;	/* owned: the same ones by user_data, .same */
	struct list deferred;		/* first ones of chains that wait for a drain: .link */
	u32 deferred_count;		/* [a] */
	u32 under_way;			/* requests that were parked and are not over */
	u32 completions;		/* [a] posted, but for timeouts' */
	u32 timeouts;			/* [a] whose time came */
	u32 counting;			/* [a] timeouts that look at that */
	struct waitq count_wait;	/* where they do */
	const struct cred **creds;	/* personalities, from 1 on; NULL: none */
	struct uring_request *returned;	/* records that were used by others meanwhile */
	bool dying;			/* its file is gone */
	bool lost;			/* [a] a completion was, since that was told */
	struct waitq wait;		/* woken by completions, if anybody was ever there: */
	bool watched;
	bool awaited;			/* somebody waits in enter_wait, for cq_tail to be this: */
	u32 awaited_tail;
	struct waitq enter_wait;
	struct file **files;		/* registered ones; NULL: none are */
	u64 *file_tags;
	u32 file_count;
	u32 file_from, file_to;		/* where numbers are chosen from */
	u32 file_next;			/* where to look first */
	struct slots file_slots;	/* which of them are taken */
	u64 *file_words;		/* owned: its words */
	struct fixed **fixed;		/* registered buffers; NULL: none are */
	u32 fixed_count;
	struct group *groups[URING_GROUP_BUCKETS];
	struct file *eventfd;		/* told of completions; or NULL */
	bool eventfd_async;		/* only of those that were waited for */
	int clock;			/* [a] of enter's timeouts */
	u32 workers[2];			/* how many it may have, as it was told: it needs none */
	struct uring_poller *poller;	/* [I] owned; NULL: the program submits itself */
};

/* IORING_REGISTER_RESTRICTIONS. Bits by number. */
struct uring_limits {
	u64 register_ops, sqe_ops;
	u32 flags_allowed, flags_required;
};

static inline void *region_at(const struct region *m, u64 offset)
{
	return m->pages[offset >> PAGE_SHIFT] + (offset & ~PAGE_MASK);
}
/* Pages for so many bytes, zero: 0 or -ENOMEM. */
int region_make(struct region *m, u64 size);
/* The page, with a reference; NULL behind the end. */
struct page *region_page(const struct region *m, u64 index);
void region_free(struct region *m);
void region_init_pager(struct uring *u);
/* Of any pager whose file is a ring's. */
struct vma_info;
void region_file_get(void *file);
void region_file_put(void *file);
size_t region_path(struct pager *p, void *file, char *to, size_t size);
void region_numbers(struct pager *p, void *file, struct vma_info *to);
struct file;
int region_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
		struct pager **pager);

/* A ring, and its file with one reference; p is completed with what the program is told. */
int uring_make(u32 entries, struct io_uring_params *p, struct file **file);
/* The ring of a file; NULL: it is another kind of file. Borrowed. */
struct uring *uring_of(struct file *file);
void uring_get(struct uring *u);
void uring_put(struct uring *u);

/* Submit up to `most`; how many were, or -errno if none was. */
struct uring_submit {
	struct co_frame co;
	struct uring *ring;
	u32 most, done;
	bool stop;		/* after one that is wrong */
	struct uring_request *r;
	unsigned tries;
	long err;
};
co_t uring_submit(struct co *co, struct uring_submit *f);
/* How many submissions the program has made that were not taken. */
u32 submit_available(struct uring *u);
/* user_kept: of the request that is the current task. */
const void *keep_of_current(uptr at, size_t *n);
/* A linked timeout's time is up: cancel what it was linked to. false: that is over. */
bool issue_time_is_up(struct uring_request *timed);
/* Records nobody needs any more. */
bool submit_free_some(struct uring_request **list);	/* false: none is left */
/* Cancel all that is parked, as the file goes, and let go of what the program gave. */
struct submit_end {
	struct co_frame co;
	struct uring *ring;
	unsigned more;
};
co_t submit_end(struct co *co, struct submit_end *f);

/* What is registered goes in pieces: the call is to be made again, with submit_lock held all the
 * time. */
#define URING_AGAIN (-4097l)

/* Registered files. n: at most URING_FILES_MOST. fds NULL: none yet. tags may be NULL. The first
 * two with submit_lock held. */
#define URING_FILES_MOST (1u << 20)
struct files_register {
	struct co_frame co;
	struct uring *ring;
	const i32 *fds;
	const u64 *tags;
	u32 n, at;
	struct file **files;
	u64 *own, *words;
	struct slots slots;
	int err;
};
co_t files_register(struct co *co, struct files_register *f);
long files_unregister(struct uring *u);	/* URING_AGAIN: a part is done */
/* How many were changed, or -errno if none was; at once only so many. */
#define URING_FILES_PIECE 64u
long files_update_some(struct uring *u, u32 offset, const i32 *fds, const u64 *tags, u32 n);
struct files_update {
	struct co_frame co;
	struct uring *ring;
	u32 offset;
	const i32 *fds;
	const u64 *tags;
	u32 n, done, want;
	long result;
};
co_t files_update(struct co *co, struct files_update *f);
long files_set_range(struct uring *u, const struct io_uring_file_index_range *range);
bool files_free_more(struct uring *u);

/* Registered buffers: pages of a program, held and counted. */
#define URING_FIXED_MOST (1u << 14)
struct fixed_make {
	struct co_frame co;
	struct uring *ring;
	u64 addr, len, tag;
	struct fixed **made;	/* with one reference; NULL for an empty place */
	struct fixed *fixed;
	struct page *page;
	u32 at;
	long err;
};
co_t fixed_make(struct co *co, struct fixed_make *f);
void fixed_put(struct fixed *x);	/* NULL is ignored */
void fixed_drop(struct fixed *x);	/* the same; its tag is not posted */
/* The array, with its references, is taken over on success. */
long fixed_register(struct uring *u, struct fixed **all, u32 n);
long fixed_unregister(struct uring *u);	/* URING_AGAIN: a part is done */
/* The references are taken over in any case. */
struct fixed_update {
	struct co_frame co;
	struct uring *ring;
	u32 offset, n;
	struct fixed **all;
	u32 at;
	long err;
};
co_t fixed_update(struct co *co, struct fixed_update *f);
bool fixed_free_more(struct uring *u);

/* Buffers to choose among. memory: of a ring of them, taken over on success. */
long group_register(struct uring *u, const struct io_uring_buf_reg *reg, struct region *memory);
long group_unregister(struct uring *u, u16 id);
long group_status(struct uring *u, struct io_uring_buf_status *s);
long group_provide(struct uring *u, u16 id, u64 addr, u32 len, u32 n, u32 bid);
long group_remove(struct uring *u, u16 id, u32 n);
int group_mmap(struct uring *u, u16 id, u64 size, struct pager **pager);
bool group_free_one(struct uring *u);	/* false: there is none left */

/* Post a completion; false: it went where completions overflow to, or was lost. */
bool complete_post(struct uring *u, u64 user_data, long result, u32 flags, const u64 *big);
/* The same for a timeout, whose completions no timeout counts. */
bool complete_post_uncounted(struct uring *u, u64 user_data, long result, u32 flags);
/* Whoever enlists in `wait`, before he looks at what there is. */
void complete_watch(struct uring *u);
/* Put what overflowed where the program finds it, as far as there is room. */
void complete_flush(struct uring *u);
/* How many completions the program has not taken yet. */
u32 complete_ready(const struct uring *u);
/* Wait for so many, until deadline_ns: 0, -ETIME, -EINTR's restart code. */
struct complete_wait {
	struct co_frame co;
	struct uring *ring;
	u32 want;
	u64 deadline_ns;
	u32 timeouts;		/* that came before it */
	u64 settle_ns;		/* until then it waits for as many; then for one. 0: no such time */
	long err;
};
co_t complete_wait(struct co *co, struct complete_wait *f);
bool complete_free_some(struct uring *u);	/* of what overflowed; false: nothing is left */

/* Which parked requests are meant: IORING_ASYNC_CANCEL_*. */
struct cancel_what {
	u64 user_data;
	struct file *file;	/* of IORING_ASYNC_CANCEL_FD; borrowed */
	u32 flags;
	u8 op;
	const struct uring_request *by;	/* not itself */
};
/* Parked ones are found by their user_data, too. The first of an operation (NULL: any). With the
 * ring's lock held, all four. */
void cancel_add(struct uring *u, struct uring_request *r);
void cancel_drop(struct uring_request *r);
void cancel_rename(struct uring_request *r, u64 user_data);
struct uring_request *cancel_find(struct uring *u, u64 user_data, const struct uring_op *op);
/* Cancel them: how many with ALL or ANY, else 0; -ENOENT, -EALREADY. */
struct cancel_run {
	struct co_frame co;
	struct uring *ring;
	struct cancel_what what;
	u32 left, found, already;
};
co_t cancel_run(struct co *co, struct cancel_run *f);

/* The program's own credentials by number: a reference or NULL; and their numbers. */
const struct cred *uring_cred(struct uring *u, u32 id);
long uring_add_cred(struct uring *u, const struct cred *cred);
long uring_remove_cred(struct uring *u, u32 id);
/* kernel.io_uring_disabled (0: anybody may make rings; 1: the group's members and the privileged;
 * 2: nobody), kernel.io_uring_group (-1: none). [a] */
struct uring_settings {
	i32 disabled, group;
};
extern struct uring_settings uring_settings;
/* May the current task make rings? */
bool uring_is_allowed(void);
/* May the current task submit? 0, -EEXIST, -EBADFD. */
int uring_may_submit(struct uring *u);

/* The kernel's own submitter (IORING_SETUP_SQPOLL): 0 or -errno. */
int poller_start(struct uring *u, const struct io_uring_params *p);
void poller_stop(struct uring *u);
void poller_free(struct uring *u);
int poller_wake(struct uring *u);	/* 0, -EOWNERDEAD */
/* Until there is room for submissions. */
struct poller_room {
	struct co_frame co;
	struct uring *ring;
	long err;
};
co_t poller_room(struct co *co, struct poller_room *f);

#endif
