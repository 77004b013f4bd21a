/* vfs/dnotify.c -- watches among inotify's that have a file instead of a queue. */
#include "vfs/dnotify.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "mem/phys/slab.h"
#include "vfs/async.h"
#include "vfs/inotify_watch.h"

i32 dnotify_enabled = 1;

static u32 dnotify_mask(u32 arg)
{
	static const struct {
		u32 dn, mask;
	} each[] = {
		{DN_ACCESS, IN_ACCESS},	 {DN_MODIFY, IN_MODIFY},
		{DN_CREATE, IN_CREATE | IN_MOVED_TO}, {DN_DELETE, IN_DELETE | IN_MOVED_FROM},
		{DN_RENAME, WATCH_RENAME}, {DN_ATTRIB, IN_ATTRIB},
	};
	u32 mask = arg & DN_MULTISHOT ? 0 : IN_ONESHOT;

	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		if (arg & each[i].dn)
			mask |= each[i].mask;
	return mask;
}

/* Of this file; fds NULL: of any table. */
static struct inotify_watch *dnotify_of(const struct file *file, const struct fd_table *fds)
	REQUIRES(inotify_lock)
{
	struct inotify_watch *w = file->inode->watches;

	while (w && (w->group || w->file != file || (fds && w->fds != fds)))
		w = w->next;
	return w;
}

void dnotify_closed(struct file *file, const struct fd_table *fds)
{
	struct inotify_watch *w;

	while (atomic_load(&file->inode->watches)) {
		spin_lock(&inotify_lock);
		w = dnotify_of(file, fds);
		if (w) {
			inotify_detach(w);
			(void)ref_put(&file->inode->refs);	/* not the last */
		}
		spin_unlock(&inotify_lock);
		if (!w)
			break;
		kfree(w);
	}
}

int dnotify_set(struct file *file, int fd, const struct fd_table *fds, u32 arg)
{
	struct inotify_watch *w, *there;
	int err;

	if (!atomic_load_relaxed(&dnotify_enabled))
		return -EINVAL;
	if (!(arg & ~DN_MULTISHOT)) {
		dnotify_closed(file, fds);
		return 0;
	}
	if (!S_ISDIR(atomic_load_relaxed(&file->inode->mode)))
		return -ENOTDIR;
	w = kzalloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	err = min(async_ops->adopt(file, fd), 0);
	spin_lock(&inotify_lock);
	there = err ? NULL : dnotify_of(file, fds);
	if (there) {
		/* Many times, if it was or is asked for. */
		there->mask = ((there->mask | dnotify_mask(arg)) & ~(u32)IN_ONESHOT) |
			      (there->mask & dnotify_mask(arg) & IN_ONESHOT);
	} else if (!err) {
		*w = (struct inotify_watch){.file = file, .fds = fds, .mask = dnotify_mask(arg)};
		inotify_attach(w, file->inode);
		w = NULL;
	}
	spin_unlock(&inotify_lock);
	kfree(w);
	return err;
}
