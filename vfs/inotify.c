/* vfs/inotify.c -- watches: who is told of what. The events go to vfs/inotify_queue.c.
 *
 * A watch is in two lists: its instance's and, singly linked, its inode's. All of it is under
 * one lock: watches are few, and inode.watches, read without it, says where there are none.
 */
#include "vfs/inotify.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/cred/cred.h"
#include "core/cred/user_counts.h"
#include "mem/phys/slab.h"
#include "vfs/async.h"
#include "vfs/inotify_watch.h"
#include "vfs/super.h"

#define INOTIFY_KEPT (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK)

static struct list inotify_groups GUARDED_BY(&inotify_lock) = LIST_INIT(inotify_groups);
static u32 inotify_cookie GUARDED_BY(&inotify_lock);
static u32 inotify_watches;		/* [a] changed under inotify_lock */

static const struct file_ops inotify_ops;

/* --- watches --- */

static void inotify_count_off(struct inotify_watch *w) REQUIRES(inotify_lock)
{
	atomic_sub(&inotify_watches, 1u);
	if (w->group)
		atomic_sub(&w->group->user->inotify_watches, 1u);
}

void inotify_attach(struct inotify_watch *w, struct inode *inode)
{
	inode_get(inode);
	w->inode = inode;
	w->next = inode->watches;
	atomic_add(&inotify_watches, 1u);
	atomic_store(&inode->watches, w);
}

void inotify_detach(struct inotify_watch *w)
{
	struct inotify_watch **at = &w->inode->watches;

	while (*at != w)
		at = &(*at)->next;
	atomic_store(at, w->next);
	if (w->group)
		list_remove(&w->link);
	inotify_count_off(w);
}

/* The same, and its instance hears that it ended. */
static void inotify_end(struct inotify_watch *w) REQUIRES(inotify_lock)
{
	if (w->group)
		inotify_queue_add(w->group, w->wd, IN_IGNORED, 0, NULL, 0);
	inotify_detach(w);
}

/* To those who watch `inode`, of which the caller holds a reference. */
static void inotify_send(struct inode *inode, u32 mask, u32 cookie, const char *name, u32 len,
			 bool unlinked) REQUIRES(inotify_lock)
{
	struct inotify_watch *w, *next;

	for (w = inode->watches; w; w = next) {
		next = w->next;
		if (!(w->mask & mask & WATCH_EVENTS) || (unlinked && (w->mask & IN_EXCL_UNLINK)))
			continue;
		if (w->group)
			inotify_queue_add(w->group, w->wd, mask, cookie, name, len);
		else
			async_ops->message(w->file);
		if (w->mask & IN_ONESHOT) {
			inotify_end(w);
			(void)ref_put(&inode->refs);	/* not the last */
			kfree(w);
		}
	}
}

static u32 inotify_kind(const struct inode *inode)
{
	return S_ISDIR(atomic_load_relaxed(&inode->mode)) ? IN_ISDIR : 0;
}

void inotify_tell_inode(struct inode *inode, u32 mask)
{
	if (!atomic_load(&inode->watches))
		return;
	spin_lock(&inotify_lock);
	inotify_send(inode, mask, 0, NULL, 0, false);
	spin_unlock(&inotify_lock);
}

void inotify_tell(struct dentry *d, u32 mask)
{
	struct inode *dir;

	if (!atomic_load(&inotify_watches))
		return;
	mask |= inotify_kind(d->inode);
	spin_lock(&dentry_lock);
	dir = d->parent == d ? NULL : d->parent->inode;
	if (dir && atomic_load(&dir->watches)) {
		spin_lock(&inotify_lock);
		inotify_send(dir, mask, 0, d->name, d->len, !(d->flags & DENTRY_HASHED));
		spin_unlock(&inotify_lock);
	}
	spin_unlock(&dentry_lock);
	inotify_tell_inode(d->inode, mask);
}

void inotify_tell_entry(struct inode *dir, const char *name, u32 len, bool is_dir, u32 mask)
{
	if (!atomic_load(&dir->watches))
		return;
	spin_lock(&inotify_lock);
	inotify_send(dir, mask | (is_dir ? IN_ISDIR : 0), 0, name, len, false);
	spin_unlock(&inotify_lock);
}

void inotify_tell_move(struct inode *old_dir, const char *old_name, u32 old_len,
		       struct inode *new_dir, const char *new_name, u32 new_len, bool is_dir)
{
	u32 kind = is_dir ? IN_ISDIR : 0, cookie;

	if (!atomic_load(&inotify_watches))
		return;
	spin_lock(&inotify_lock);
	if (old_dir == new_dir)
		inotify_send(old_dir, WATCH_RENAME, 0, NULL, 0, false);
	cookie = ++inotify_cookie;
	inotify_send(old_dir, IN_MOVED_FROM | kind, cookie, old_name, old_len, false);
	inotify_send(new_dir, IN_MOVED_TO | kind, cookie, new_name, new_len, false);
	spin_unlock(&inotify_lock);
}

bool inotify_put(struct inode *inode)
{
	struct inotify_watch *w, *gone = NULL;
	u32 n = 0;
	bool last;

	/* An overlay's link count is computed. */
	if (inode->ops->refresh)
		inode->ops->refresh(inode);
	spin_lock(&inotify_lock);
	last = ref_put(&inode->refs);
	for (w = last ? NULL : inode->watches; w; w = w->next)
		n++;
	if (n && !atomic_load(&inode->nlink) && atomic_load(&inode->refs.n) == n) {
		/* A signal's are not among them: their file holds the inode too. */
		gone = inode->watches;
		for (w = gone; w; w = w->next) {
			if (w->mask & IN_DELETE_SELF)
				inotify_queue_add(w->group, w->wd, IN_DELETE_SELF, 0, NULL, 0);
			inotify_queue_add(w->group, w->wd, IN_IGNORED, 0, NULL, 0);
			list_remove(&w->link);
			inotify_count_off(w);
		}
		atomic_store(&inode->watches, NULL);
		last = atomic_sub(&inode->refs.n, n) == n;
	}
	spin_unlock(&inotify_lock);
	while (gone) {
		w = gone;
		gone = w->next;
		kfree(w);
	}
	return last;
}

/* One watch in this file system, taken out; NULL: none is left. */
static struct inotify_watch *inotify_take_of(const struct super *s)
{
	struct inotify_watch *w;
	struct inotify *g;

	spin_lock(&inotify_lock);
	list_each(g, &inotify_groups, all) {
		list_each(w, &g->watches, link) {
			if (w->inode->super != s)
				continue;
			inotify_queue_add(g, w->wd, IN_UNMOUNT, 0, NULL, 0);
			inotify_end(w);
			spin_unlock(&inotify_lock);
			return w;
		}
	}
	spin_unlock(&inotify_lock);
	return NULL;
}

bool inotify_unmounted(struct super *s)
{
	struct inotify_watch *w = atomic_load(&inotify_watches) ? inotify_take_of(s) : NULL;

	if (!w)
		return false;
	inode_put(w->inode);
	kfree(w);
	return true;
}

/* --- the instance's file --- */

/* 0, -ENOMEM or -EMFILE: the user has as many as he may. */
static int inotify_enter(struct inotify *g, const struct cred *cred)
{
	struct user_counts *user = user_counts_find(cred->euid);

	if (!user)
		return -ENOMEM;
	if (!user_counts_take(&user->inotify_instances,
			      atomic_load_relaxed(&user_limits.inotify_instances))) {
		user_counts_put(user);
		return -EMFILE;
	}
	g->user = user;
	spin_lock(&inotify_lock);
	list_add_back(&inotify_groups, &g->all);
	spin_unlock(&inotify_lock);
	return 0;
}

static void inotify_leave(struct inotify *g)
{
	spin_lock(&inotify_lock);
	list_remove(&g->all);
	spin_unlock(&inotify_lock);
	atomic_sub(&g->user->inotify_instances, 1u);
	user_counts_put(g->user);
}

static struct inotify_watch *inotify_take_first(struct inotify *g)
{
	struct inotify_watch *w = NULL;

	spin_lock(&inotify_lock);
	if (!list_empty(&g->watches)) {
		w = list_first(&g->watches, struct inotify_watch, link);
		inotify_detach(w);
	}
	spin_unlock(&inotify_lock);
	return w;
}

static void inotify_closed(struct file *file)
{
	struct inotify *g = file->private;
	struct inotify_watch *w;

	while ((w = inotify_take_first(g))) {
		inode_put(w->inode);
		kfree(w);
	}
	inotify_leave(g);
	inotify_queue_drop(g);
	kfree(g);
}

static const struct file_ops inotify_ops = {
	.read = CO_IMPLEMENTS(file_transfer, inotify_queue_read),
	.ioctl = CO_IMPLEMENTS(file_ioctl, inotify_queue_ioctl),
	.poll = inotify_queue_poll,
	.closed = inotify_closed,
	.llseek = file_seek_nowhere,
	.stream = true,
	.unspliced = true,
	.async = true,
};

int inotify_make(u32 flags, const struct cred *cred, struct file **file)
{
	struct inotify *g = kzalloc(sizeof(*g));
	int err = -ENOMEM;
	struct inode *inode;

	if (!g)
		return -ENOMEM;
	if (!inotify_queue_init(g))
		goto out;
	err = inotify_enter(g, cred);
	if (err)
		goto out;
	err = -ENOMEM;
	inode = inode_new_loose(0600);
	*file = inode ? file_new_loose(inode, "anon_inode:inotify", &inotify_ops,
				       O_RDONLY | (flags & O_NONBLOCK), cred)
		      : NULL;
	if (*file) {
		(*file)->private = g;
		return 0;
	}
	inotify_leave(g);
out:
	inotify_queue_drop(g);
	kfree(g);
	return err;
}

bool inotify_is(const struct file *file)
{
	return file->ops == &inotify_ops;
}

/* --- adding and removing --- */

/* The instance has one on this inode already: change it. 0: it has none. */
static int inotify_change(struct inotify *g, struct inode *inode, u32 mask)
	REQUIRES(inotify_lock)
{
	struct inotify_watch *w = inode->watches;

	while (w && w->group != g)
		w = w->next;
	if (!w)
		return 0;
	if (mask & IN_MASK_CREATE)
		return -EEXIST;
	w->mask = (mask & IN_MASK_ADD ? w->mask : 0) | (mask & INOTIFY_KEPT);
	return w->wd;
}

int inotify_add(struct file *file, struct inode *inode, u32 mask)
{
	struct inotify *g = file->private;
	struct inotify_watch *w = kzalloc(sizeof(*w));
	int wd;

	if (!w)
		return -ENOMEM;
	spin_lock(&inotify_lock);
	wd = inotify_change(g, inode, mask);
	if (!wd && (g->last_wd == INT32_MAX ||
		    !user_counts_take(&g->user->inotify_watches,
				      atomic_load_relaxed(&user_limits.inotify_watches))))
		wd = -ENOSPC;
	if (!wd) {
		wd = ++g->last_wd;
		*w = (struct inotify_watch){.group = g, .wd = wd, .mask = mask & INOTIFY_KEPT};
		list_add_back(&g->watches, &w->link);
		inotify_attach(w, inode);
		w = NULL;
	}
	spin_unlock(&inotify_lock);
	kfree(w);
	return wd;
}

int inotify_remove(struct file *file, int wd)
{
	struct inotify *g = file->private;
	struct inotify_watch *w, *found = NULL;

	spin_lock(&inotify_lock);
	list_each(w, &g->watches, link)
		if (w->wd == wd)
			found = w;
	if (found)
		inotify_end(found);
	spin_unlock(&inotify_lock);
	if (!found)
		return -EINVAL;
	inode_put(found->inode);
	kfree(found);
	return 0;
}
