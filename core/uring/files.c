/* core/uring/files.c -- registered files: a table of a ring's own. */
#include "core/uring/uring.h"

#include "core/base/string.h"
#include "core/proc/process.h"
#include "mem/phys/slab.h"
#include "vfs/fd.h"
#include "vfs/file.h"

struct file *uring_file(struct uring *u, u32 index)
{
	struct file *file = NULL;

	spin_lock(&u->lock);
	if (index < u->file_count && u->files[index]) {
		file = u->files[index];
		file_get(file);
	}
	spin_unlock(&u->lock);
	return file;
}

/* Put another at index, or none: what was there, and its tag. */
static struct file *files_exchange(struct uring *u, u32 index, struct file *file, u64 *tag)
	REQUIRES(u->lock)
{
	struct file *old = u->files[index];
	u64 old_tag = u->file_tags[index];

	u->files[index] = file;
	u->file_tags[index] = *tag;
	*tag = old ? old_tag : 0;
	return old;
}

/* It is no longer registered: its tag says so. */
static void files_gone(struct uring *u, struct file *old, u64 tag)
{
	if (tag)
		complete_post(u, tag, 0, 0, NULL);
	file_put(old);
}

/* Rings are not registered in rings: they would keep each other. */
static int files_find(i32 fd, u64 tag, struct file **file)
{
	*file = NULL;
	if (fd == -1)
		return tag ? -EINVAL : 0;
	*file = fd_get(task_current()->fds, fd);
	if (!*file)
		return -EBADF;
	if (!uring_of(*file))
		return 0;
	file_put(*file);
	*file = NULL;
	return -EBADF;
}

static void files_put_all(struct file **files, u32 n)
{
	for (u32 i = 0; i < n; i++)
		file_put(files[i]);
	kfree(files);
}

long files_register(struct uring *u, const i32 *fds, const u64 *tags, u32 n)
{
	struct file **files;
	u64 *own;
	int err = 0;

	if (u->files)
		return -EBUSY;
	if (!n)
		return -EINVAL;
	if (n > URING_FILES_MOST || n > rlimit_get(thread_current()->process, RLIMIT_NOFILE))
		return -EMFILE;
	files = kcalloc(n, sizeof(*files));
	own = kcalloc(n, sizeof(*own));
	if (!files || !own)
		err = -ENOMEM;
	for (u32 i = 0; !err && fds && i < n; i++) {
		own[i] = tags ? tags[i] : 0;
		err = files_find(fds[i], own[i], &files[i]);
	}
	if (err) {
		files_put_all(files, files ? n : 0);
		kfree(own);
		return err;
	}
	spin_lock(&u->lock);
	u->files = files;
	u->file_tags = own;
	u->file_count = n;
	u->file_from = u->file_next = 0;
	u->file_to = n;
	spin_unlock(&u->lock);
	return 0;
}

long files_unregister(struct uring *u)
{
	struct file **files = u->files;
	u64 *tags = u->file_tags;
	u32 n = u->file_count;

	if (!files)
		return -ENXIO;
	spin_lock(&u->lock);
	u->files = NULL;
	u->file_tags = NULL;
	u->file_count = 0;
	spin_unlock(&u->lock);
	for (u32 i = 0; i < n; i++)
		if (files[i])
			files_gone(u, files[i], tags[i]);
	kfree(files);
	kfree(tags);
	return 0;
}

long files_update(struct uring *u, u32 offset, const i32 *fds, const u64 *tags, u32 n)
{
	u32 end, done;
	int err = 0;

	if (!u->files)
		return -ENXIO;
	if (add_overflows(offset, n, &end))
		return -EOVERFLOW;
	if (end > u->file_count)
		return -EINVAL;
	for (done = 0; done < n; done++) {
		u64 tag = tags ? tags[done] : 0;
		struct file *file, *old;
		bool there;

		if (fds[done] == IORING_REGISTER_FILES_SKIP) {
			err = tag ? -EINVAL : 0;
			if (err)
				break;
			continue;
		}
		err = files_find(fds[done], tag, &file);
		if (err)
			break;
		spin_lock(&u->lock);
		/* Only who holds submit_lock knows that they are still there. */
		there = offset + done < u->file_count;
		old = there ? files_exchange(u, offset + done, file, &tag) : file;
		spin_unlock(&u->lock);
		if (old)
			files_gone(u, old, there ? tag : 0);
	}
	return done ? (long)done : err;
}

long files_set_range(struct uring *u, const struct io_uring_file_index_range *range)
{
	u32 end;

	if (add_overflows(range->off, range->len, &end))
		return -EOVERFLOW;
	if (range->resv || end > u->file_count)
		return -EINVAL;
	spin_lock(&u->lock);
	u->file_from = u->file_next = range->off;
	u->file_to = end;
	spin_unlock(&u->lock);
	return 0;
}

/* The first free number from the hint on, around; file_to if there is none. */
static u32 files_choose(struct uring *u) REQUIRES(u->lock)
{
	for (u32 i = u->file_next; i < u->file_to; i++)
		if (!u->files[i])
			return i;
	for (u32 i = u->file_from; i < u->file_next; i++)
		if (!u->files[i])
			return i;
	return u->file_to;
}

long uring_install(struct uring *u, struct file *file, u32 file_index)
{
	bool choose = file_index == IORING_FILE_INDEX_ALLOC;
	struct file *old = NULL;
	u64 tag = 0;
	long err = 0;
	u32 at;

	if (uring_of(file)) {
		file_put(file);
		return -EBADF;
	}
	spin_lock(&u->lock);
	if (!u->files) {
		err = choose ? -ENFILE : -ENXIO;
	} else {
		at = choose ? files_choose(u) : file_index - 1;
		if (choose && at >= u->file_to)
			err = -ENFILE;
		else if (at >= u->file_count)
			err = -EINVAL;
		else
			old = files_exchange(u, at, file, &tag);
		if (!err)
			u->file_next = min(max(at + 1, u->file_from), u->file_to);
		if (!err && choose)
			err = at;
	}
	spin_unlock(&u->lock);
	if (err < 0)
		file_put(file);
	if (old)
		files_gone(u, old, tag);
	return err;
}

long uring_uninstall(struct uring *u, u32 index)
{
	struct file *old = NULL;
	u64 tag = 0;
	long err = 0;

	spin_lock(&u->lock);
	if (!u->files)
		err = -ENXIO;
	else if (index >= u->file_count)
		err = -EINVAL;
	else
		old = files_exchange(u, index, NULL, &tag);
	if (old)
		u->file_next = min(max(index, u->file_from), u->file_to);
	spin_unlock(&u->lock);
	if (old)
		files_gone(u, old, tag);
	return old ? 0 : err ? err : -EBADF;
}

void files_free(struct uring *u)
{
	files_put_all(u->files, u->file_count);
	kfree(u->file_tags);
}
