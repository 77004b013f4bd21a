/* vfs/fd.c */
#include "vfs/fd.h"

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/dnotify.h"
#include "vfs/flock.h"

#define FD_FIRST_SIZE 64u	/* a multiple of 64: one word of bits each */

static bool fd_alloc_arrays(u32 size, struct file ***files, u64 **cloexec)
{
	*files = kcalloc(size, sizeof(**files));
	*cloexec = kcalloc(size / 64, sizeof(**cloexec));
	if (*files && *cloexec)
		return true;
	kfree(*files);
	kfree(*cloexec);
	return false;
}

static struct fd_table *fd_table_alloc(u32 size)
{
	struct fd_table *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	if (!fd_alloc_arrays(size, &t->files, &t->cloexec)) {
		kfree(t);
		return NULL;
	}
	t->size = size;
	ref_init(&t->refs);
	spin_init(&t->lock, RANK_FDS);
	return t;
}

struct fd_table *fd_table_new(void)
{
	return fd_table_alloc(FD_FIRST_SIZE);
}

/* One past the highest open number, rounded up to what a table may have. */
static u32 fd_table_used(const struct fd_table *t) REQUIRES(t->lock)
{
	u32 n = t->size;

	while (n > FD_FIRST_SIZE && !t->files[n - 1])
		n--;
	return round_up(n, 64u);
}

/* What is reserved in the table it is a copy of is free in this one. */
static void fd_table_free_reserved(struct fd_table *t) NO_LOCK_ANALYSIS
{
	for (u32 i = 0; i < t->size; i++)
		if (!t->files[i]) {
			t->cloexec[i / 64] &= ~(1ul << i % 64);
			t->lowest = min(t->lowest, i);
		}
}

struct fd_table *fd_table_clone(struct fd_table *t)
{
	struct fd_table *new;
	u32 size;

	for (;;) {
		spin_lock(&t->lock);
		size = fd_table_used(t);
		spin_unlock(&t->lock);
		new = fd_table_alloc(size);
		if (!new)
			return NULL;
		spin_lock(&t->lock);
		if (fd_table_used(t) <= size)
			break;
		spin_unlock(&t->lock);	/* it grew meanwhile */
		fd_table_put(new);
	}
	memcpy(new->cloexec, t->cloexec, min(size, t->size) / 8);
	new->lowest = t->lowest;
	for (u32 i = 0; i < min(size, t->size); i++) {
		new->files[i] = t->files[i];
		if (new->files[i])
			file_get(new->files[i]);
	}
	if (t->reserved)
		fd_table_free_reserved(new);
	spin_unlock(&t->lock);
	return new;
}

void fd_closed(struct file *file, struct fd_table *t)
{
	flock_closed(file, t);
	if (atomic_load_relaxed(&file->async))
		dnotify_closed(file, t);
	if (file->ops->flush)
		file->ops->flush(file);
}

void fd_table_get(struct fd_table *t)
{
	ref_get(&t->refs);
}

void fd_table_put(struct fd_table *t)
{
	if (!t || !ref_put(&t->refs))
		return;
	for (u32 i = 0; i < t->size; i++)
		if (t->files[i]) {
			fd_closed(t->files[i], t);
			file_put(t->files[i]);
		}
	kfree(t->files);
	kfree(t->cloexec);
	kfree(t);
}

/* --- looking --- */

struct file *(*fd_given)(void);

struct file *fd_get_any(struct fd_table *t, int fd)
{
	struct file *file = NULL;

	if (fd == FD_GIVEN)
		return fd_given ? fd_given() : NULL;
	spin_lock(&t->lock);
	if (fd >= 0 && (u32)fd < t->size)
		file = t->files[fd];
	if (file)
		file_get(file);
	spin_unlock(&t->lock);
	return file;
}

struct file *fd_get(struct fd_table *t, int fd)
{
	struct file *file = fd_get_any(t, fd);

	if (file && (file->mode & FILE_PATH)) {
		file_put(file);
		return NULL;
	}
	return file;
}

struct fd_loan fd_borrow_shared(struct fd_table *t, int fd)
{
	return (struct fd_loan){fd_get(t, fd), true};
}

int fd_next(struct fd_table *t, unsigned from)
{
	int found = -1;

	spin_lock(&t->lock);
	for (; from < t->size; from++)
		if (t->files[from]) {
			found = (int)from;
			break;
		}
	spin_unlock(&t->lock);
	return found;
}

u32 fd_table_size(struct fd_table *t)
{
	u32 size;

	spin_lock(&t->lock);
	size = t->size;
	spin_unlock(&t->lock);
	return size;
}

/* --- entering --- */

/* Make room for number fd, below FD_MAX. */
static int fd_grow(struct fd_table *t, u32 fd)
{
	struct file **files, **old_files;
	u64 *cloexec, *old_cloexec;
	u32 size = max(round_up(fd + 1, 64u), FD_FIRST_SIZE);

	if (fd >= FD_MAX)
		return -EMFILE;
	spin_lock(&t->lock);
	size = max(size, min(2 * t->size, FD_MAX));
	spin_unlock(&t->lock);
	if (!fd_alloc_arrays(size, &files, &cloexec))
		return -ENOMEM;
	spin_lock(&t->lock);
	old_files = t->files;
	old_cloexec = t->cloexec;
	if (t->size < size) {
		memcpy(files, t->files, t->size * sizeof(*files));
		memcpy(cloexec, t->cloexec, t->size / 8);
		t->files = files;
		t->cloexec = cloexec;
		t->size = size;
	} else {			/* another thread was first */
		old_files = files;
		old_cloexec = cloexec;
	}
	spin_unlock(&t->lock);
	kfree(old_files);
	kfree(old_cloexec);
	return 0;
}

static void fd_bit(struct fd_table *t, u32 fd, bool on) REQUIRES(t->lock)
{
	u64 bit = 1ul << fd % 64;

	if (on)
		t->cloexec[fd / 64] |= bit;
	else
		t->cloexec[fd / 64] &= ~bit;
}

static bool fd_is_reserved(const struct fd_table *t, u32 fd) REQUIRES(t->lock)
{
	return !t->files[fd] && t->cloexec[fd / 64] >> fd % 64 & 1;
}

/* The lowest free number >= from; size if all are taken. */
static u32 fd_lowest(struct fd_table *t, u32 from) REQUIRES(t->lock)
{
	u32 fd = max(from, t->lowest);

	while (fd < t->size && (t->files[fd] || fd_is_reserved(t, fd)))
		fd++;
	if (from <= t->lowest)
		t->lowest = fd;
	return fd;
}

int fd_add(struct fd_table *t, struct file *file, unsigned from, u64 limit, bool cloexec)
{
	u32 fd;
	int err;

	limit = min(limit, (u64)FD_MAX);
	for (;;) {
		spin_lock(&t->lock);
		fd = fd_lowest(t, from);
		if (fd < limit && fd < t->size) {
			t->files[fd] = file;
			t->reserved += !file;
			fd_bit(t, fd, cloexec);
			spin_unlock(&t->lock);
			return (int)fd;
		}
		spin_unlock(&t->lock);
		if (fd >= limit)
			return -EMFILE;
		err = fd_grow(t, fd);
		if (err)
			return err;
	}
}

int fd_reserve(struct fd_table *t, u64 limit)
{
	return fd_add(t, NULL, 0, limit, true);
}

void fd_settle(struct fd_table *t, int fd, struct file *file, bool cloexec)
{
	spin_lock(&t->lock);
	t->reserved--;
	t->files[fd] = file;
	fd_bit(t, (u32)fd, file && cloexec);
	if (!file)
		t->lowest = min(t->lowest, (u32)fd);
	spin_unlock(&t->lock);
}

int fd_add_two(struct fd_table *t, struct file *a, struct file *b, u64 limit, bool cloexec,
	       int fds[2])
{
	struct file *back;

	fds[0] = fd_add(t, a, 0, limit, cloexec);
	if (fds[0] < 0)
		return fds[0];
	file_get(a);	/* another thread may close the number at once */
	fds[1] = fd_add(t, b, 0, limit, cloexec);
	if (fds[1] >= 0) {
		file_put(a);
		return 0;
	}
	back = fd_take(t, fds[0]);
	if (back)
		file_put(back);
	return fds[1];
}

int fd_install(struct fd_table *t, int fd, struct file *file, u64 limit, bool cloexec,
	   struct file **old)
{
	*old = NULL;
	if (fd < 0 || (u64)fd >= min(limit, (u64)FD_MAX))
		return -EBADF;
	for (;;) {
		spin_lock(&t->lock);
		if ((u32)fd < t->size)
			break;
		spin_unlock(&t->lock);
		int err = fd_grow(t, (u32)fd);

		if (err)
			return err;
	}
	if (fd_is_reserved(t, (u32)fd)) {
		spin_unlock(&t->lock);
		return -EBUSY;
	}
	*old = t->files[fd];
	t->files[fd] = file;
	fd_bit(t, (u32)fd, cloexec);
	spin_unlock(&t->lock);
	if (*old)
		fd_closed(*old, t);
	return fd;
}

/* --- taking out --- */

static struct file *fd_clear(struct fd_table *t, u32 fd) REQUIRES(t->lock)
{
	struct file *file = t->files[fd];

	t->files[fd] = NULL;
	fd_bit(t, fd, false);
	t->lowest = min(t->lowest, fd);
	return file;
}

struct file *fd_take(struct fd_table *t, int fd)
{
	struct file *file = NULL;

	spin_lock(&t->lock);
	if (fd >= 0 && (u32)fd < t->size && t->files[fd])
		file = fd_clear(t, (u32)fd);
	spin_unlock(&t->lock);
	if (file)
		fd_closed(file, t);
	return file;
}

struct file *fd_take_next(struct fd_table *t, unsigned first, unsigned last, bool cloexec_only,
			  unsigned *fd)
{
	struct file *file = NULL;

	spin_lock(&t->lock);
	for (; first <= last && first < t->size; first++) {
		if (!t->files[first])
			continue;
		if (cloexec_only && !(t->cloexec[first / 64] >> first % 64 & 1))
			continue;
		*fd = first;
		file = fd_clear(t, first);
		break;
	}
	spin_unlock(&t->lock);
	if (file)
		fd_closed(file, t);
	return file;
}

int fd_get_cloexec(struct fd_table *t, int fd)
{
	int on = -EBADF;

	spin_lock(&t->lock);
	if (fd >= 0 && (u32)fd < t->size && t->files[fd])
		on = t->cloexec[fd / 64] >> fd % 64 & 1;
	spin_unlock(&t->lock);
	return on;
}

int fd_set_cloexec(struct fd_table *t, int fd, bool on)
{
	int err = -EBADF;

	spin_lock(&t->lock);
	if (fd >= 0 && (u32)fd < t->size && t->files[fd]) {
		fd_bit(t, (u32)fd, on);
		err = 0;
	}
	spin_unlock(&t->lock);
	return err;
}

void fd_set_cloexec_range(struct fd_table *t, unsigned first, unsigned last)
{
	spin_lock(&t->lock);
	for (; first <= last && first < t->size; first++)
		if (t->files[first])
			fd_bit(t, first, true);
	spin_unlock(&t->lock);
}

co_t fd_close_range(struct co *co, struct fd_close_range *f)
{
	CO_BEGIN;
	for (;;) {
		f->file = fd_take_next(f->table, f->first, f->last, f->cloexec_only, &f->at);
		if (!f->file)
			break;
		CO_AWAIT(f->ignored, file_close, .file = f->file);
		if (f->at == f->last)
			break;
		f->first = f->at + 1;
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}
