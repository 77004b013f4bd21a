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
	if (file)
		slots_take(&u->file_slots, index);
	else
		slots_give(&u->file_slots, index);
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

/* Tables for so many. */
static int files_start(struct files_register *f)
{
	if (f->ring->files)
		return -EBUSY;
	if (!f->n)
		return -EINVAL;
	if (f->n > URING_FILES_MOST ||
	    f->n > rlimit_get(thread_current()->process, RLIMIT_NOFILE))
		return -EMFILE;
	f->files = kcalloc(f->n, sizeof(*f->files));
	f->own = kcalloc(f->n, sizeof(*f->own));
	f->words = kmalloc(slots_size(f->n));
	if (!f->files || !f->own || !f->words)
		return -ENOMEM;
	slots_init(&f->slots, f->words, f->n);
	return 0;
}

/* They are the ring's. */
static void files_set(struct files_register *f)
{
	struct uring *u = f->ring;

	spin_lock(&u->lock);
	u->files = f->files;
	u->file_tags = f->own;
	u->file_slots = f->slots;
	u->file_words = f->words;
	u->file_count = f->n;
	u->file_from = u->file_next = 0;
	u->file_to = f->n;
	spin_unlock(&u->lock);
}

co_t files_register(struct co *co, struct files_register *f)
{
	CO_BEGIN;
	f->err = files_start(f);
	for (; !f->err && f->fds && f->at < f->n; f->at++) {
		f->own[f->at] = f->tags ? f->tags[f->at] : 0;
		f->err = files_find(f->fds[f->at], f->own[f->at], &f->files[f->at]);
		if (f->files[f->at])
			slots_take(&f->slots, f->at);
		CO_BREATHE;
	}
	if (!f->err) {
		files_set(f);
		CO_RETURN(0);
	}
	while (f->at) {
		file_put(f->files[--f->at]);
		CO_BREATHE;
	}
	kfree(f->files);
	kfree(f->own);
	kfree(f->words);
	CO_RETURN(f->err);
	CO_END;
}

/* Nobody finds those from `from` on any more. */
static void files_cut(struct uring *u, u32 from)
{
	spin_lock(&u->lock);
	u->file_count = from;
	u->file_from = min(u->file_from, from);
	u->file_next = min(u->file_next, from);
	u->file_to = min(u->file_to, from);
	if (!from) {
		u->files = NULL;
		u->file_tags = NULL;
		u->file_words = NULL;
	}
	spin_unlock(&u->lock);
}

long files_unregister(struct uring *u)
{
	struct file **files = u->files;
	u64 *tags = u->file_tags, *words = u->file_words;
	u32 n = u->file_count, from = n > URING_FILES_PIECE ? n - URING_FILES_PIECE : 0;

	if (!files)
		return -ENXIO;
	files_cut(u, from);
	/* Tags are for what is replaced. */
	for (u32 i = from; i < n; i++)
		file_put(files[i]);
	if (from)
		return URING_AGAIN;
	kfree(files);
	kfree(tags);
	kfree(words);
	return 0;
}

static int files_check(const struct uring *u, u32 offset, u32 n)
{
	u32 end;

	if (!u->files)
		return -ENXIO;
	if (add_overflows(offset, n, &end))
		return -EOVERFLOW;
	return end > u->file_count ? -EINVAL : 0;
}

long files_update_some(struct uring *u, u32 offset, const i32 *fds, const u64 *tags, u32 n)
{
	int err = files_check(u, offset, n);
	u32 done;

	if (err)
		return err;
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
		if (err == -EINVAL)
			break;
		/* What is there goes, though nothing comes instead. */
		if (err)
			tag = 0;
		spin_lock(&u->lock);
		/* Only who holds submit_lock knows that they are still there. */
		there = offset + done < u->file_count;
		old = there ? files_exchange(u, offset + done, file, &tag) : file;
		spin_unlock(&u->lock);
		if (old)
			files_gone(u, old, there ? tag : 0);
		if (err)
			break;
	}
	return done ? (long)done : err;
}

co_t files_update(struct co *co, struct files_update *f)
{
	CO_BEGIN;
	f->result = files_check(f->ring, f->offset, f->n);
	if (f->result)
		CO_RETURN(f->result);
	do {
		f->want = min(f->n - f->done, URING_FILES_PIECE);
		f->result = files_update_some(f->ring, f->offset + f->done, f->fds + f->done,
					      f->tags ? f->tags + f->done : NULL, f->want);
		f->done += f->result > 0 ? (u32)f->result : 0;
		CO_BREATHE;
	} while (f->done < f->n && f->result == (long)f->want);
	CO_RETURN(f->done ? (long)f->done : f->result);
	CO_END;
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
	u32 at = slots_find(&u->file_slots, u->file_next, u->file_to);

	if (at < u->file_to)
		return at;
	at = slots_find(&u->file_slots, u->file_from, u->file_next);
	return at < u->file_next ? at : u->file_to;
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
		if (!err && !old)
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

bool files_free_more(struct uring *u)
{
	for (u32 n = 0; n < URING_FILES_PIECE && u->file_count; n++)
		file_put(u->files[--u->file_count]);
	if (u->file_count)
		return true;
	kfree(u->files);
	kfree(u->file_tags);
	kfree(u->file_words);
	u->files = NULL;
	u->file_tags = NULL;
	u->file_words = NULL;
	return false;
}
