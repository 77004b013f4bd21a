/* vfs/file.c -- open files: references, positions, and which way a read or write goes: the
 * file's own operation, or the page cache (vfs/file_cache.c).
 */
#include "vfs/file.h"

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/cred/cred.h"
#include "mem/phys/slab.h"
#include "vfs/async.h"
#include "vfs/dentry.h"
#include "vfs/dnotify.h"
#include "vfs/epoll.h"
#include "vfs/fileattr.h"
#include "vfs/file_cache.h"
#include "vfs/flock.h"
#include "vfs/inotify.h"
#include "vfs/mount.h"
#include "vfs/reaper.h"
#include "vfs/super.h"

static const struct file_ops file_no_ops;
const struct async_ops *async_ops;

struct file *file_new(const struct path *path, u32 flags, const struct cred *cred)
{
	struct file *file = kzalloc(sizeof(*file));

	if (!file)
		return NULL;
	ref_init(&file->refs);
	file->path = *path;
	file->inode = path->dentry->inode;
	file->ops = file->inode->file_ops ? file->inode->file_ops : &file_no_ops;
	file->flags = flags & ~(u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	if (flags & O_PATH)
		file->mode = FILE_PATH;
	else
		file->mode = (flags & O_ACCMODE) == O_WRONLY ? FILE_WRITE
			     : (flags & O_ACCMODE) == O_RDWR ? FILE_READ | FILE_WRITE
							     : FILE_READ;
	if (file->mode == FILE_PATH)
		file->ops = &file_no_ops;
	mutex_init(&file->pos_lock, CO_RANK_FILE_POS);
	list_init(&file->reap);
	cred_get(cred);
	file->cred = (struct cred *)cred;
	return file;
}

struct file *file_new_loose(struct inode *inode, const char *name, const struct file_ops *ops,
			    u32 flags, const struct cred *cred)
{
	struct path path = {super_loose_mount(), NULL};
	struct file *file;

	path.dentry = dentry_new_loose(inode->super, inode, name);
	if (!path.dentry)
		return NULL;
	mount_get(path.mount);
	file = file_new(&path, flags, cred);
	if (!file) {
		path_put(&path);
		return NULL;
	}
	file->ops = ops;
	return file;
}

int file_claim(struct file *file, int by)
{
	i32 n = atomic_load(&file->inode->writers);

	if (file->claims || !S_ISREG(file->inode->mode))
		return 0;
	do
		if (by > 0 ? n < 0 : n > 0)
			return -ETXTBSY;
	while (!atomic_cas(&file->inode->writers, &n, n + by));
	file->claims = (i8)by;
	if (by > 0)
		atomic_add(&file->inode->super->writers, 1u);
	return 0;
}

void file_claim_reading(struct file *file)
{
	if (file->reads || !S_ISREG(file->inode->mode))
		return;
	atomic_add(&file->inode->readers, 1u);
	file->reads = true;
}

static void file_free(struct file *file)
{
	if (file->reads)
		atomic_sub(&file->inode->readers, 1u);
	if (file->claims)
		atomic_sub(&file->inode->writers, (i32)file->claims);
	if (file->claims > 0)
		atomic_sub(&file->inode->super->writers, 1u);
	if (file->locks_seen)
		flock_released(file);
	if (file->mode & FILE_TREE)
		mount_dissolve(file->path.mount);
	path_put(&file->path);
	cred_put(file->cred);
	kfree(file);
}

/* The last reference is gone: what needs no waiting. */
static void file_last_put(struct file *file)
{
	if (file->opened)
		inotify_tell(file->path.dentry,
			     file->mode & FILE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (atomic_load(&file->watchers))
		epoll_file_gone(file);
	if (atomic_load(&file->async)) {
		dnotify_closed(file, NULL);
		async_ops->gone(file);
	}
	if (file->ops->closed)
		file->ops->closed(file);
}

void file_put(struct file *file)
{
	if (!file || !ref_put(&file->refs))
		return;
	file_last_put(file);
	if (file->ops->release.step)
		reaper_add_file(file);
	else
		file_free(file);
}

co_t file_release(struct co *co, struct file_release *f)
{
	CO_BEGIN;
	if (f->file->ops->release.step)
		CO_AWAIT_OP(f->ignored, f->file->ops->release, .file = f->file);
	file_free(f->file);
	CO_RETURN(0);
	CO_END;
}

co_t file_close(struct co *co, struct file_close *f)
{
	CO_BEGIN;
	if (!ref_put(&f->file->refs))
		CO_RETURN(0);
	file_last_put(f->file);
	CO_AWAIT(f->ignored, file_release, .file = f->file);
	CO_RETURN(0);
	CO_END;
}

/* --- which way --- */

/* The inode whose page cache holds the file's bytes; NULL if it has none. */
struct inode *file_data(const struct file *file)
{
	struct inode *inode = file->inode;

	if (inode->ops->data)
		inode = inode->ops->data(inode);
	return S_ISREG(inode->mode) && inode->mapping.ops ? inode : NULL;
}

/* May this transfer begin? 0 or an error. */
static long file_check(const struct file *file, const struct uio *uio, i64 pos, bool write)
{
	const struct file_transfer_op *op = write ? &file->ops->write : &file->ops->read;

	if (file->ops->stream && pos != FILE_POS)
		return -ESPIPE;
	if (!(file->mode & (write ? FILE_WRITE : FILE_READ)))
		return -EBADF;
	if (S_ISDIR(file->inode->mode))
		return -EISDIR;
	if (pos != FILE_POS && (pos < 0 || uio->left > (u64)(INT64_MAX - pos)))
		return -EINVAL;
	if (!op->step && !file_data(file))
		return -EINVAL;
	return 0;
}

co_t file_read(struct co *co, struct file_read *f)
{
	i64 pos;

	CO_BEGIN;
	f->n = file_check(f->file, f->uio, f->pos, false);
	if (f->n)
		CO_RETURN(f->n);
	if (f->pos == FILE_POS && !f->file->ops->stream) {
		CO_LOCK(&f->file->pos_lock);
		f->locked = true;
	}
	pos = f->locked ? f->file->pos : f->file->ops->stream ? 0 : f->pos;
	if (f->file->ops->read.step)
		CO_AWAIT_OP(f->n, f->file->ops->read, .file = f->file, .uio = f->uio, .pos = pos);
	else
		CO_AWAIT(f->n, file_cache_read, .file = f->file, .uio = f->uio, .pos = pos);
	if (f->locked) {
		if (f->n > 0)
			f->file->pos += f->n;
		mutex_unlock(&f->file->pos_lock);
	}
	if (f->n > 0)
		inotify_tell(f->file->path.dentry, IN_ACCESS);
	CO_RETURN(f->n);
	CO_END;
}

/* Is what is written waited for? */
static bool file_is_synced(const struct file *file)
{
	return (atomic_load_relaxed(&file->flags) & O_DSYNC) ||
	       (atomic_load_relaxed(&file->inode->flags) & INODE_SYNC) ||
	       (atomic_load_relaxed(&file->inode->super->synced) & (u32)MS_SYNCHRONOUS);
}

co_t file_write(struct co *co, struct file_write *f)
{
	i64 pos;

	CO_BEGIN;
	f->n = file_check(f->file, f->uio, f->pos, true);
	if (f->n)
		CO_RETURN(f->n);
	if (f->pos == FILE_POS && !f->file->ops->stream) {
		CO_LOCK(&f->file->pos_lock);
		f->locked = true;
	}
	f->end = -1;
	pos = f->locked ? f->file->pos : f->file->ops->stream ? 0 : f->pos;
	if (f->file->ops->write.step)
		CO_AWAIT_OP(f->n, f->file->ops->write, .file = f->file, .uio = f->uio, .pos = pos);
	else
		CO_AWAIT(f->n, file_cache_write, .file = f->file, .uio = f->uio, .pos = pos,
			 .limit = f->limit_fsize, .end = &f->end);
	if (f->locked) {
		if (f->n > 0)
			f->file->pos = f->end >= 0 ? f->end : f->file->pos + f->n;
		mutex_unlock(&f->file->pos_lock);
	}
	if (f->n > 0)
		inotify_tell(f->file->path.dentry, IN_MODIFY);
	if (f->n > 0 && file_is_synced(f->file) && file_data(f->file)) {
		CO_AWAIT(f->err, file_sync, .file = f->file, .data_only = true);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(f->n);
	CO_END;
}

static i64 file_try_read_untold(struct file *file, struct uio *uio, i64 pos)
{
	bool own = pos == FILE_POS;
	i64 n = file_check(file, uio, pos, false);

	if (n)
		return n;
	if (file->ops->stream) {
		n = file->ops->try_read ? file->ops->try_read(file, uio) : -EAGAIN;
		return n == -EAGAIN ? FILE_WAITS : n;
	}
	if (file->ops->read.step)
		return FILE_WAITS;
	if (own) {
		if (!mutex_trylock(&file->pos_lock))
			return FILE_WAITS;
		pos = file->pos;
	}
	n = file_cache_try_read(file, uio, pos);
	if (own) {
		if (n > 0)
			file->pos += n;
		mutex_unlock(&file->pos_lock);
	}
	return n;
}

static i64 file_try_write_untold(struct file *file, struct uio *uio, i64 pos, u64 limit_fsize)
{
	bool own = pos == FILE_POS;
	i64 n = file_check(file, uio, pos, true);
	i64 end = -1;

	if (n)
		return n;
	if (file->ops->stream) {
		n = file->ops->try_write ? file->ops->try_write(file, uio) : -EAGAIN;
		return n == -EAGAIN ? FILE_WAITS : n;
	}
	if (file->ops->write.step || file_is_synced(file))
		return FILE_WAITS;
	if (own) {
		if (!mutex_trylock(&file->pos_lock))
			return FILE_WAITS;
		pos = file->pos;
	}
	n = file_cache_try_write(file, uio, pos, limit_fsize, &end);
	if (own) {
		if (n > 0)
			file->pos = end;
		mutex_unlock(&file->pos_lock);
	}
	return n;
}

i64 file_try_read(struct file *file, struct uio *uio, i64 pos)
{
	i64 n = file_try_read_untold(file, uio, pos);

	if (n > 0)
		inotify_tell(file->path.dentry, IN_ACCESS);
	return n;
}

i64 file_try_write(struct file *file, struct uio *uio, i64 pos, u64 limit_fsize)
{
	i64 n = file_try_write_untold(file, uio, pos, limit_fsize);

	if (n > 0)
		inotify_tell(file->path.dentry, IN_MODIFY);
	return n;
}

/* --- positions --- */

/* Where data or a hole begins at or after offset, by the pages that are there. A file system
 * with storage below says: all is data. */
static i64 file_seek_data(struct inode *inode, i64 offset, bool hole)
{
	struct mapping *m = &inode->mapping;
	u64 size = inode_size(inode), index, end = PAGE_UP(size) >> PAGE_SHIFT;
	struct page *page;

	if (offset < 0 || (u64)offset >= size)
		return -ENXIO;
	if (!m->ops || m->ops->readpage.step)
		return hole ? (i64)size : offset;
	for (index = (u64)offset >> PAGE_SHIFT; index < end; index++) {
		u64 at = index;

		page = page_find_next(m, &at, end);
		if (page)
			phys_page_put(page);
		if (!hole)
			return page ? max(offset, (i64)(at << PAGE_SHIFT)) : -ENXIO;
		if (!page || at != index)
			return max(offset, (i64)(index << PAGE_SHIFT));
	}
	return hole ? (i64)size : -ENXIO;
}

static i64 file_seek_to(struct file *file, i64 offset, int whence)
{
	struct inode *inode = file_data(file);
	i64 base = 0;

	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return inode ? file_seek_data(inode, offset, whence == SEEK_HOLE) : -EINVAL;
	if (whence == SEEK_CUR)
		base = file->pos;
	else if (whence == SEEK_END)
		base = S_ISDIR(file->inode->mode) ? -1 : (i64)inode_size(inode ? inode : file->inode);
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (base < 0 || add_overflows(base, offset, &base) || base < 0)
		return -EINVAL;
	if (!S_ISDIR(file->inode->mode) && (u64)base > file->inode->super->max_size)
		return -EINVAL;
	return base;
}

i64 file_seek_nowhere(struct file *file, i64 offset, int whence)
{
	return file->pos;
}

/* With pos_lock, which is let go. */
static i64 file_seek_locked(struct file *file, i64 offset, int whence)
{
	i64 to = file->ops->llseek ? file->ops->llseek(file, offset, whence)
				   : file_seek_to(file, offset, whence);

	if (to >= 0)
		file->pos = to;
	mutex_unlock(&file->pos_lock);
	return to;
}

/* Does the file system have to look where its data is? */
static struct inode *file_seeks_below(struct file *file, int whence)
{
	struct inode *inode = whence == SEEK_DATA || whence == SEEK_HOLE ? file_data(file) : NULL;

	return inode && !file->ops->llseek && inode->ops->seek.step ? inode : NULL;
}

i64 file_try_seek(struct file *file, i64 offset, int whence)
{
	if (file->ops->stream && !file->ops->llseek)
		return -ESPIPE;
	if (file_seeks_below(file, whence))
		return FILE_WAITS;
	if (!mutex_trylock(&file->pos_lock))
		return FILE_WAITS;
	return file_seek_locked(file, offset, whence);
}

/* The lock comes to who waits for it: two that let it go again and tried would take turns for
 * ever. */
co_t file_seek(struct co *co, struct file_seek *f)
{
	CO_BEGIN;
	if (f->file->ops->stream && !f->file->ops->llseek)
		CO_RETURN(-ESPIPE);
	CO_LOCK(&f->file->pos_lock);
	f->inode = file_seeks_below(f->file, f->whence);
	if (!f->inode)
		CO_RETURN(file_seek_locked(f->file, f->offset, f->whence));
	f->to = -ENXIO;
	if (f->offset >= 0 && (u64)f->offset < inode_size(f->inode))
		CO_AWAIT_OP(f->to, f->inode->ops->seek, .inode = f->inode,
			    .offset = (u64)f->offset, .hole = f->whence == SEEK_HOLE);
	/* The end is a hole, but no data. */
	if (f->to >= 0 && f->whence == SEEK_DATA && (u64)f->to >= inode_size(f->inode))
		f->to = -ENXIO;
	if (f->to >= 0)
		f->file->pos = f->to;
	mutex_unlock(&f->file->pos_lock);
	CO_RETURN(f->to);
	CO_END;
}

/* --- the rest --- */

u32 file_poll(struct file *file, struct poller *p)
{
	if (!file->ops->poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return file->ops->poll(file, p);
}

int file_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
	      struct pager **pager)
{
	struct inode *inode;

	if (!(file->mode & FILE_READ))
		return -EACCES;
	if (shared && write && !(file->mode & FILE_WRITE))
		return -EACCES;
	if (shared && (file->mode & FILE_WRITE) && fileattr_append(file->inode))
		return -EACCES;
	if (file->ops->mmap)
		return file->ops->mmap(file, offset, size, shared, write, pager);
	inode = file_data(file);
	if (!inode)
		return -ENODEV;
	*pager = &inode->mapping.pager;
	(*pager)->ops->get(*pager);
	return 0;
}

co_t file_sync(struct co *co, struct file_sync *f)
{
	struct inode *inode;

	CO_BEGIN;
	if (f->file->ops->fsync.step) {
		CO_AWAIT_OP(f->err, f->file->ops->fsync, .file = f->file,
			    .data_only = f->data_only);
		CO_RETURN(f->err);
	}
	if (S_ISDIR(f->file->inode->mode))
		CO_RETURN(0);
	inode = file_data(f->file);
	if (!inode)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, page_write_back, .mapping = &inode->mapping, .last = UINT64_MAX - 1);
	CO_RETURN(f->err);
	CO_END;
}
