/* vfs/lease.c */
#include "vfs/lease.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/cred/cred.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "vfs/async.h"
#include "vfs/flock_list.h"

#define LEASE_SECOND 1000000000ul

struct lease {
	struct list link;	/* under the locks' lock */
	struct file *file;	/* borrowed: the lease goes with it */
	u32 type;		/* F_RDLCK, F_WRLCK */
	u32 pid;
	/* When it is over for him; 0: nobody wants that. CO_FOREVER: it never is. */
	u64 unlock_ns, downgrade_ns;
};

struct lease_settings lease_settings = {.break_time = 45, .enabled = 1};

static u64 lease_deadline(void)
{
	i32 seconds = atomic_load_relaxed(&lease_settings.break_time);

	return seconds > 0 ? hal_clock_ns() + (u64)seconds * LEASE_SECOND : CO_FOREVER;
}

static u32 lease_target(const struct lease *k)
{
	return k->unlock_ns ? F_UNLCK : k->downgrade_ns ? F_RDLCK : k->type;
}

/* --- changing, under the lock --- */

/* What was given up is put on `dead`. */
static void lease_modify(struct lease *k, u32 type, struct list *dead)
{
	k->type = type;
	if (type == F_RDLCK || type == F_UNLCK)
		k->downgrade_ns = 0;
	if (type != F_UNLCK)
		return;
	k->unlock_ns = 0;
	list_remove(&k->link);
	list_add_back(dead, &k->link);
}

/* Do for their holders what these were to do in time. True if anything changed. */
static bool lease_time_out(struct file_locks *l, struct list *dead) REQUIRES(l->lock)
{
	u64 now = hal_clock_ns();
	struct lease *k, *next;
	bool any = false;

	list_each_safe(k, next, &l->leases, link) {
		bool unlock = k->unlock_ns && k->unlock_ns <= now;

		if (!unlock && !(k->downgrade_ns && k->downgrade_ns <= now))
			continue;
		lease_modify(k, unlock ? F_UNLCK : F_RDLCK, dead);
		any = true;
	}
	return any;
}

/* With the lock held: a file that had a lease is nobody's any more, unless it is going anyway. */
static void lease_keep_files(struct list *dead)
{
	struct lease *k;

	list_each(k, dead, link)
		if (!ref_get_live(&k->file->refs))
			k->file = NULL;
}

/* Without it: let go of what was given up. */
static void lease_bury(struct list *dead)
{
	while (!list_empty(dead)) {
		struct lease *k = list_first(dead, struct lease, link);

		list_remove(&k->link);
		if (k->file) {
			async_ops->disown(k->file);
			file_put(k->file);
		}
		kfree(k);
	}
}

/* --- setting --- */

static struct lease *lease_of(struct file_locks *l, const struct file *file) REQUIRES(l->lock)
{
	struct lease *k;

	list_each(k, &l->leases, link)
		if (k->file == file)
			return k;
	return NULL;
}

/* Who else has it open? 0 or -EAGAIN. Opens are counted before they look for leases. */
static int lease_check_opens(const struct file *file, u32 type)
{
	const struct inode *inode = file->inode;
	bool writes = file->mode & FILE_WRITE, reads = file->mode & FILE_READ;

	atomic_fence();
	if (type == F_RDLCK)
		return atomic_load(&inode->writers) > 0 ? -EAGAIN : 0;
	return atomic_load(&inode->writers) != (writes ? 1 : 0) ||
			       atomic_load(&inode->readers) != (reads && !writes ? 1u : 0)
		       ? -EAGAIN : 0;
}

/* A new one into `fresh`, or another type for the one there is. */
static int lease_place(struct file_locks *l, struct lease *fresh, u32 type, struct list *dead,
		       bool *used) REQUIRES(l->lock)
{
	struct lease *k, *mine = lease_of(l, fresh->file);

	*used = false;
	list_each(k, &l->leases, link)
		if (k != mine && (type == F_WRLCK || k->unlock_ns))
			return -EAGAIN;
	if (mine) {
		lease_modify(mine, type, dead);
		return 0;
	}
	list_add_back(&l->leases, &fresh->link);
	*used = true;
	if (!lease_check_opens(fresh->file, type))
		return 0;
	list_remove(&fresh->link);
	*used = false;
	return -EAGAIN;
}

static int lease_add(struct file *file, int fd, u32 type, u32 pid)
{
	struct file_locks *l = flock_of(file->inode, true);
	struct lease *fresh = kzalloc(sizeof(*fresh));
	int err = -ENOMEM, owned = 0;
	struct list dead;
	bool used = false;

	if (!l || !fresh)
		goto out;
	list_init(&dead);
	*fresh = (struct lease){.file = file, .type = type, .pid = pid};
	list_init(&fresh->link);
	/* First, so that nobody breaks it who cannot tell its holder. */
	owned = async_ops->adopt(file, fd);
	if (owned < 0)
		goto out;
	spin_lock(&l->lock);
	lease_time_out(l, &dead);
	err = lease_check_opens(file, type);
	if (!err)
		err = lease_place(l, fresh, type, &dead, &used);
	if (used)
		file->locks_seen = true;
	lease_keep_files(&dead);
	spin_unlock(&l->lock);
	waitq_wake(&l->released);
	lease_bury(&dead);
	if (err && owned)
		async_ops->disown(file);
out:
	if (!used)
		kfree(fresh);
	return err;
}

/* Give up `file`'s; timed out ones too. */
static int lease_remove(struct file *file)
{
	struct file_locks *l = flock_of(file->inode, false);
	struct list dead;
	struct lease *k;

	if (!l)
		return -EAGAIN;
	list_init(&dead);
	spin_lock(&l->lock);
	lease_time_out(l, &dead);
	k = lease_of(l, file);
	if (k)
		lease_modify(k, F_UNLCK, &dead);
	lease_keep_files(&dead);
	spin_unlock(&l->lock);
	waitq_wake(&l->released);
	lease_bury(&dead);
	return k ? 0 : -EAGAIN;
}

int lease_set(struct file *file, int fd, u32 type, const struct cred *cred, u32 pid)
{
	if (cred->fsuid != file->inode->uid && !cred_capable(cred, CAP_LEASE))
		return -EACCES;
	if (!S_ISREG(file->inode->mode))
		return -EINVAL;
	if (type == F_UNLCK)
		return lease_remove(file);
	if (!atomic_load_relaxed(&lease_settings.enabled) || (type != F_RDLCK && type != F_WRLCK))
		return -EINVAL;
	return lease_add(file, fd, type, pid);
}

int lease_get(struct file *file)
{
	struct file_locks *l = flock_of(file->inode, false);
	struct list dead;
	struct lease *k;
	int type;

	if (!l)
		return F_UNLCK;
	list_init(&dead);
	spin_lock(&l->lock);
	if (lease_time_out(l, &dead))
		lease_keep_files(&dead);
	k = lease_of(l, file);
	type = k ? (int)lease_target(k) : F_UNLCK;
	spin_unlock(&l->lock);
	lease_bury(&dead);
	return type;
}

/* --- breaking --- */

bool lease_possible(struct inode *inode)
{
	struct file_locks *l = flock_of(inode, false);
	bool any;

	if (!l)
		return false;
	atomic_fence();		/* he was counted before */
	spin_lock(&l->lock);
	any = !list_empty(&l->leases);
	spin_unlock(&l->lock);
	return any;
}

static bool lease_is_in_the_way(const struct lease *k, bool write)
{
	return write || k->type == F_WRLCK;
}

/* Tell a holder, once for each thing that is wanted. When its time is over. */
static u64 lease_ask(struct lease *k, bool write)
{
	u64 *when = write ? &k->unlock_ns : &k->downgrade_ns;

	if (k->unlock_ns || *when)
		return k->unlock_ns ? k->unlock_ns : *when;
	*when = lease_deadline();
	async_ops->message(k->file);
	return *when;
}

/* Is nothing in the way any more? If there is, its holders are told and *deadline is when the
 * first one's time is over. */
static bool lease_is_free(struct inode *inode, bool write, u64 *deadline)
{
	struct file_locks *l = flock_of(inode, false);
	bool is_free = true, changed;
	struct list dead;
	struct lease *k;

	list_init(&dead);
	*deadline = CO_FOREVER;
	spin_lock(&l->lock);
	changed = lease_time_out(l, &dead);
	if (changed)
		lease_keep_files(&dead);
	list_each(k, &l->leases, link)
		if (lease_is_in_the_way(k, write)) {
			*deadline = min(*deadline, lease_ask(k, write));
			is_free = false;
		}
	spin_unlock(&l->lock);
	/* Not for who waits in the queue: he is looking. */
	lease_bury(&dead);
	return is_free;
}

co_t lease_break(struct co *co, struct lease_break *f)
{
	CO_BEGIN;
	while (!lease_is_free(f->inode, f->write, &f->deadline_ns)) {
		if (f->no_wait)
			CO_RETURN(-EAGAIN);
		CO_WAIT_UNTIL(f->err, &flock_of(f->inode, false)->released,
			      lease_is_free(f->inode, f->write, &f->deadline_ns), f->deadline_ns);
		if (f->err != -ETIMEDOUT)
			CO_RETURN(f->err);
	}
	CO_RETURN(0);
	CO_END;
}

/* --- the rest --- */

void lease_released(struct file *file)
{
	struct file_locks *l = flock_of(file->inode, false);
	struct lease *k;

	if (!l)
		return;
	spin_lock(&l->lock);
	k = lease_of(l, file);
	if (k)
		list_remove(&k->link);
	spin_unlock(&l->lock);
	if (k)
		waitq_wake(&l->released);
	kfree(k);
}

void lease_each(struct file_locks *l,
		void (*show)(void *arg, const struct inode *inode, const struct flock_range *r),
		void *arg)
{
	struct lease *k;

	list_each(k, &l->leases, link) {
		u32 type = lease_target(k);
		struct flock_range r = {
			.kind = FLOCK_LEASE, .pid = k->pid, .last = INT64_MAX, .owner = k->file,
			.type = type == F_WRLCK ? FLOCK_EXCLUSIVE
				: type == F_RDLCK ? FLOCK_SHARED : FLOCK_NONE,
			.breaking = k->unlock_ns || k->downgrade_ns,
		};

		show(arg, l->inode, &r);
	}
}
