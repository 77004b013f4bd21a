/* core/uring/uring.c -- a ring's life, and its file. */
#include "core/uring/uring.h"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/time.h>

#include "core/base/bits.h"
#include "core/cred/cred.h"
#include "core/proc/process.h"
#include "hal/cpu.h"
#include "mem/phys/slab.h"
#include "vfs/fd.h"
#include "vfs/file.h"

#define URING_SETUP_KNOWN                                                              \
	(IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |          \
	 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SQE128 | \
	 IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | \
	 IORING_SETUP_NO_SQARRAY | IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL |         \
	 IORING_SETUP_SQ_AFF | IORING_SETUP_ATTACH_WQ | IORING_SETUP_R_DISABLED)
#define URING_FEATURES                                                                \
	(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS |    \
	 IORING_FEAT_CUR_PERSONALITY | IORING_FEAT_FAST_POLL |                        \
	 IORING_FEAT_POLL_32BITS | IORING_FEAT_SQPOLL_NONFIXED | IORING_FEAT_EXT_ARG | \
	 IORING_FEAT_NATIVE_WORKERS | IORING_FEAT_RSRC_TAGS | IORING_FEAT_CQE_SKIP |  \
	 IORING_FEAT_LINKED_FILE | IORING_FEAT_SUBMIT_STABLE)

void uring_get(struct uring *u)
{
	ref_get(&u->refs);
}

static bool uring_free_more(struct reaper_rest *rest)
{
	struct uring *u = container_of(rest, struct uring, rest);

	if (submit_free_some(&u->spare) || submit_free_some(&u->returned) ||
	    complete_free_some(u) || files_free_more(u) || fixed_free_more(u))
		return true;
	kfree(u->limits);
	kfree(u->buckets);
	for (u32 id = 1; u->creds && id < URING_CREDS_MOST; id++)
		if (u->creds[id])
			cred_put(u->creds[id]);
	kfree(u->creds);
	poller_free(u);
	pid_put(u->issuer);
	file_put(u->eventfd);
	region_free(&u->rings);
	region_free(&u->sqes);
	kfree(u);
	return false;
}

void uring_put(struct uring *u)
{
	if (!ref_put(&u->refs))
		return;
	u->rest.more = uring_free_more;
	reaper_add_rest(&u->rest);
}

/* --- its file --- */

static u32 uring_poll(struct file *file, struct poller *p)
{
	struct uring *u = file->private;
	u32 tail, events = 0;

	poller_add(p, &u->wait);
	if (p)
		complete_watch(u);
	tail = __atomic_load_n(&u->shared->sq_tail, __ATOMIC_ACQUIRE);
	if (tail - atomic_load(&u->shared->sq_head) < u->sq_entries)
		events |= POLLOUT | POLLWRNORM;
	if (complete_ready(u) || atomic_load(&u->overflowed))
		events |= POLLIN | POLLRDNORM;
	return events;
}

struct uring_release {
	struct file_released;
	long ignored;
};
static co_t uring_release(struct co *co, struct uring_release *f)
{
	CO_BEGIN;
	poller_stop(f->file->private);
	CO_AWAIT(f->ignored, submit_end, .ring = f->file->private);
	uring_put(f->file->private);
	CO_RETURN(0);
	CO_END;
}

static const struct file_ops uring_file_ops = {
	.release = CO_IMPLEMENTS(file_released, uring_release),
	.poll = uring_poll,
	.mmap = region_mmap,
	.stream = true,
	.unspliced = true,
	.unsent = true,
};

struct uring *uring_of(struct file *file)
{
	return file->ops == &uring_file_ops ? file->private : NULL;
}

/* --- making one --- */

/* Entries asked for: a power of two in *to. */
static int uring_size(u32 entries, u32 most, bool clamp, u32 *to)
{
	if (!entries)
		return -EINVAL;
	if (entries > most && !clamp)
		return -EINVAL;
	*to = 1;
	while (*to < min(entries, most))
		*to *= 2;
	return 0;
}

static int uring_sizes(struct uring *u, u32 entries, const struct io_uring_params *p)
{
	bool clamp = p->flags & IORING_SETUP_CLAMP;
	int err = uring_size(entries, URING_SQ_MOST, clamp, &u->sq_entries);

	if (err)
		return err;
	u->cq_entries = 2 * u->sq_entries;
	if (!(p->flags & IORING_SETUP_CQSIZE))
		return 0;
	err = uring_size(p->cq_entries, URING_CQ_MOST, clamp, &u->cq_entries);
	return !err && u->cq_entries < u->sq_entries ? -EINVAL : err;
}

static int uring_memory(struct uring *u)
{
	u64 cqes = (u64)u->cq_entries << (u->flags & IORING_SETUP_CQE32 ? 5 : 4);
	bool array = !(u->flags & IORING_SETUP_NO_SQARRAY);
	int err;

	u->cqes_at = sizeof(struct uring_shared);
	u->array_at = round_up(u->cqes_at + cqes, 64);
	err = region_make(&u->rings, u->array_at + array * u->sq_entries * sizeof(u32));
	if (!err)
		err = region_make(&u->sqes, (u64)u->sq_entries
						    << (u->flags & IORING_SETUP_SQE128 ? 7 : 6));
	if (err)
		return err;
	u->buckets = kcalloc(URING_BUCKETS, sizeof(*u->buckets));
	if (!u->buckets)
		return -ENOMEM;
	u->shared = region_at(&u->rings, 0);
	u->shared->sq_mask = u->sq_entries - 1;
	u->shared->cq_mask = u->cq_entries - 1;
	u->shared->sq_entries = u->sq_entries;
	u->shared->cq_entries = u->cq_entries;
	return 0;
}

/* What the program is told of where things are. */
static void uring_tell(const struct uring *u, struct io_uring_params *p)
{
	p->sq_entries = u->sq_entries;
	p->cq_entries = u->cq_entries;
	p->features = URING_FEATURES;
	p->sq_off = (struct io_sqring_offsets){
		.head = offsetof(struct uring_shared, sq_head),
		.tail = offsetof(struct uring_shared, sq_tail),
		.ring_mask = offsetof(struct uring_shared, sq_mask),
		.ring_entries = offsetof(struct uring_shared, sq_entries),
		.flags = offsetof(struct uring_shared, sq_flags),
		.dropped = offsetof(struct uring_shared, sq_dropped),
		.array = u->flags & IORING_SETUP_NO_SQARRAY ? 0 : (u32)u->array_at,
	};
	p->cq_off = (struct io_cqring_offsets){
		.head = offsetof(struct uring_shared, cq_head),
		.tail = offsetof(struct uring_shared, cq_tail),
		.ring_mask = offsetof(struct uring_shared, cq_mask),
		.ring_entries = offsetof(struct uring_shared, cq_entries),
		.overflow = offsetof(struct uring_shared, cq_overflow),
		.cqes = (u32)u->cqes_at,
		.flags = offsetof(struct uring_shared, cq_flags),
	};
}

static int uring_check_flags(u32 flags)
{
	if (flags & ~(u32)URING_SETUP_KNOWN)
		return -EINVAL;
	if ((flags & IORING_SETUP_TASKRUN_FLAG) &&
	    !(flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)))
		return -EINVAL;
	if ((flags & IORING_SETUP_DEFER_TASKRUN) && !(flags & IORING_SETUP_SINGLE_ISSUER))
		return -EINVAL;
	if ((flags & IORING_SETUP_SQPOLL) &&
	    (flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		      IORING_SETUP_DEFER_TASKRUN)))
		return -EINVAL;
	if ((flags & IORING_SETUP_SQ_AFF) && !(flags & IORING_SETUP_SQPOLL))
		return -EINVAL;
	return 0;
}

static void uring_init(struct uring *u, u32 flags)
{
	ref_init(&u->refs);
	u->flags = flags;
	u->clock = CLOCK_MONOTONIC;
	region_init_pager(u);
	mutex_init(&u->submit_lock, CO_RANK_FILE_POS);
	spin_init(&u->lock, RANK_URING);
	list_init(&u->overflow);
	list_init(&u->parked);
	waitq_init(&u->wait);
	list_init(&u->deferred);
	waitq_init(&u->count_wait);
	waitq_init(&u->wait);
	waitq_init(&u->enter_wait);
	u->disabled = flags & IORING_SETUP_R_DISABLED;
}

/* The ring whose workers it would share: there are none, but it has to be one. */
static int uring_check_attach(const struct io_uring_params *p)
{
	struct file *other;
	bool is;

	if (!(p->flags & IORING_SETUP_ATTACH_WQ))
		return 0;
	other = fd_get(task_current()->fds, (int)p->wq_fd);
	if (!other)
		return -ENXIO;
	is = uring_of(other);
	file_put(other);
	return is ? 0 : -EINVAL;
}

static int uring_make_file(struct uring *u, struct file **file)
{
	struct inode *inode = inode_new_loose(0600);

	*file = inode ? file_new_loose(inode, "anon_inode:[io_uring]", &uring_file_ops, O_RDWR,
				       task_current()->cred)
		      : NULL;
	return *file ? 0 : -ENOMEM;
}

int uring_make(u32 entries, struct io_uring_params *p, struct file **file)
{
	int err = uring_check_flags(p->flags);
	struct uring *u;

	*file = NULL;
	if (!err)
		err = uring_check_attach(p);
	u = err ? NULL : kzalloc(sizeof(*u));
	if (!u)
		return err ? err : -ENOMEM;
	uring_init(u, p->flags);
	err = uring_sizes(u, entries, p);
	if (!err)
		err = uring_memory(u);
	if (!err)
		err = uring_make_file(u, file);
	if (err) {
		uring_put(u);
		return err;
	}
	(*file)->private = u;
	if (p->flags & IORING_SETUP_SQPOLL)
		err = poller_start(u, p);
	if (err) {
		file_put(*file);
		return err;
	}
	if ((u->flags & IORING_SETUP_SINGLE_ISSUER) && !u->disabled)
		uring_may_submit(u);
	u->workers[0] = min(u->sq_entries, 4 * hal_cpu_count());
	u->workers[1] = (u32)min(rlimit_get(thread_current()->process, RLIMIT_NPROC),
				 (u64)UINT32_MAX);
	uring_tell(u, p);
	return 0;
}

/* --- who may use it --- */

struct uring_settings uring_settings = {.group = -1};

bool uring_is_allowed(void)
{
	i32 disabled = atomic_load_relaxed(&uring_settings.disabled);
	i32 group = atomic_load_relaxed(&uring_settings.group);
	const struct cred *cred = task_current()->cred;

	if (disabled == 0 || disabled == 2)
		return !disabled;
	if (group != -1 && cred_in_group(cred, (u32)group))
		return true;
	return cred_capable(cred, CAP_SYS_ADMIN);
}

int uring_may_submit(struct uring *u)
{
	struct pid *me = thread_current()->tid, *none = NULL;

	if (atomic_load(&u->disabled))
		return -EBADFD;
	if (!(u->flags & IORING_SETUP_SINGLE_ISSUER))
		return 0;
	if (atomic_load_relaxed(&u->issuer) == me)
		return 0;
	if (!atomic_cas(&u->issuer, &none, me))
		return -EEXIST;
	pid_get(me);
	return 0;
}

const struct cred *uring_cred(struct uring *u, u32 id)
{
	const struct cred *cred = NULL;

	spin_lock(&u->lock);
	if (id < URING_CREDS_MOST && u->creds)
		cred = u->creds[id];
	if (cred)
		cred_get(cred);
	spin_unlock(&u->lock);
	return cred;
}

long uring_add_cred(struct uring *u, const struct cred *cred)
{
	if (!u->creds)
		u->creds = kcalloc(URING_CREDS_MOST, sizeof(struct cred *));
	if (!u->creds)
		return -ENOMEM;
	for (u32 id = 1; id < URING_CREDS_MOST; id++) {
		if (u->creds[id])
			continue;
		cred_get(cred);
		spin_lock(&u->lock);
		u->creds[id] = cred;
		spin_unlock(&u->lock);
		return id;
	}
	return -EBUSY;
}

long uring_remove_cred(struct uring *u, u32 id)
{
	const struct cred *cred = uring_cred(u, id);

	if (!cred)
		return -EINVAL;
	spin_lock(&u->lock);
	u->creds[id] = NULL;
	spin_unlock(&u->lock);
	cred_put(cred);
	cred_put(cred);
	return 0;
}
