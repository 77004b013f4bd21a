/* syscalls/xattr.c -- extended attributes, by path, by link and by descriptor. */
#include "syscalls/name.h"
#include "vfs/fd.h"
#include "vfs/xattr.h"

/* A name or a value in transit. The name is copied first, the object looked for after that where
 * something is changed, before it where something is read: as Linux does. */

/* err: 0, -EFAULT, -ERANGE for "" or more than XATTR_NAME_MAX bytes, -ENOMEM. */
#define XATTR_NAME(err, to, from)                                                   \
	do {                                                                        \
		(to) = kmalloc(XATTR_NAME_MAX + 1);                                 \
		(err) = -ENOMEM;                                                    \
		if (to)                                                             \
			CO_STRING_FROM_USER(err, to, from, XATTR_NAME_MAX + 1);     \
		if ((err) >= 0)                                                     \
			(err) = (err) == 0 || (err) > XATTR_NAME_MAX ? -ERANGE : 0; \
	} while (0)

/* What a call is about. */
enum xattr_by { XATTR_BY_PATH, XATTR_BY_LINK, XATTR_BY_FD };

/* Find it: *to with references. */
struct xattr_find {
	struct co_frame co;
	enum xattr_by by;
	u64 what;		/* path or descriptor */
	struct path *to;
	char *name;
	struct walk walk;
	long err;
};
static co_t xattr_find(struct co *co, struct xattr_find *f)
{
	struct file *file;

	CO_BEGIN;
	if (f->by == XATTR_BY_FD) {
		file = fd_get(fd_current(co), (int)f->what);
		if (!file)
			CO_RETURN(-EBADF);
		*f->to = file->path;
		path_get(f->to);
		file_put(file);
		CO_RETURN(0);
	}
	NAME_FROM_USER(f->err, f->name, uptr_of(f->what));
	if (!f->err) {
		f->err = walk_start(&f->walk, co, AT_FDCWD, f->name,
				    f->by == XATTR_BY_PATH ? WALK_FOLLOW : 0);
		if (!f->err)
			WALK(f->err, &f->walk);
		if (!f->err)
			walk_take(&f->walk, f->to);
		walk_finish(&f->walk);
	}
	kfree(f->name);
	CO_RETURN(f->err);
	CO_END;
}

/* A descriptor is looked at before anything else. */
static long xattr_check_fd(struct co *co, enum xattr_by by, u64 what)
{
	struct file *file = by == XATTR_BY_FD ? fd_get(fd_current(co), (int)what) : NULL;

	if (by == XATTR_BY_FD && !file)
		return -EBADF;
	file_put(file);
	return 0;
}

/* --- set and remove --- */

struct xattr_change {
	struct co_frame co;
	enum xattr_by by;
	u64 what;
	uptr name, value;
	size_t size;
	int flags;
	bool remove;
	char *text;
	void *bytes;
	struct path path;
	long err;
};
static co_t xattr_change(struct co *co, struct xattr_change *f)
{
	CO_BEGIN;
	f->err = xattr_check_fd(co, f->by, f->what);
	if (!f->err && (f->flags & ~(XATTR_CREATE | XATTR_REPLACE)))
		f->err = -EINVAL;
	if (f->err)
		CO_RETURN(f->err);
	XATTR_NAME(f->err, f->text, f->name);
	if (!f->err && f->size > XATTR_SIZE_MAX)
		f->err = -E2BIG;
	if (!f->err && !f->remove) {
		f->bytes = kmalloc(max(f->size, 1ul));
		f->err = f->bytes ? 0 : -ENOMEM;
		if (f->bytes)
			CO_COPY_FROM_USER(f->err, f->bytes, f->value, f->size);
	}
	if (!f->err)
		CO_AWAIT(f->err, xattr_find, .by = f->by, .what = f->what, .to = &f->path);
	if (!f->err)
		CO_AWAIT(f->err, xattr_set, .path = &f->path, .cred = cred_current(co),
			 .name = f->text, .value = f->bytes, .size = f->size,
			 .flags = f->flags);
	if (f->path.dentry)
		path_put(&f->path);
	kfree(f->bytes);
	kfree(f->text);
	CO_RETURN(f->err);
	CO_END;
}

/* --- get --- */

struct xattr_fetch {
	struct co_frame co;
	enum xattr_by by;
	u64 what;
	uptr name, to;
	size_t size;
	char *text;
	void *bytes;
	struct path path;
	long n, err;
};
static co_t xattr_fetch(struct co *co, struct xattr_fetch *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, xattr_find, .by = f->by, .what = f->what, .to = &f->path);
	if (f->n)
		CO_RETURN(f->n);
	XATTR_NAME(f->n, f->text, f->name);
	if (f->n)
		goto out;
	f->size = min(f->size, (size_t)XATTR_SIZE_MAX);
	if (f->size) {
		f->bytes = kmalloc(f->size);
		f->n = f->bytes ? 0 : -ENOMEM;
	}
	if (!f->n)
		CO_AWAIT(f->n, xattr_get, .inode = f->path.dentry->inode,
			 .cred = cred_current(co), .name = f->text, .to = f->bytes,
			 .size = f->size);
	if (f->n > 0 && f->size) {
		CO_COPY_TO_USER(f->err, f->to, f->bytes, (size_t)f->n);
		if (f->err)
			f->n = f->err;
	}
out:
	path_put(&f->path);
	kfree(f->bytes);
	kfree(f->text);
	CO_RETURN(f->n);
	CO_END;
}

/* --- list --- */

struct xattr_names_of {
	struct co_frame co;
	enum xattr_by by;
	u64 what;
	uptr to;
	size_t size;
	char *names;
	struct path path;
	long n, err;
};
static co_t xattr_names_of(struct co *co, struct xattr_names_of *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, xattr_find, .by = f->by, .what = f->what, .to = &f->path);
	if (f->n)
		CO_RETURN(f->n);
	f->size = min(f->size, (size_t)XATTR_LIST_MAX);
	if (f->size) {
		f->names = kmalloc(f->size);
		f->n = f->names ? 0 : -ENOMEM;
	}
	if (!f->n)
		CO_AWAIT(f->n, xattr_list, .inode = f->path.dentry->inode,
			 .names = {.to = f->names, .size = f->size,
				   .trusted = cred_capable(cred_current(co), CAP_SYS_ADMIN)});
	if (f->n > 0 && f->size) {
		CO_COPY_TO_USER(f->err, f->to, f->names, (size_t)f->n);
		if (f->err)
			f->n = f->err;
	}
	path_put(&f->path);
	kfree(f->names);
	CO_RETURN(f->n);
	CO_END;
}

/* --- the calls: each by path, by link (l...) and by descriptor (f...) --- */

#define XATTR_BEGIN(name, by_, coroutine, ...)                                      \
	co_t begin_##name(struct co *co, const u64 *a);                             \
	co_t begin_##name(struct co *co, const u64 *a)                              \
	{                                                                           \
		return co_begin(co, coroutine, .by = (by_), .what = a[0], __VA_ARGS__); \
	}                                                                           \
	static_assert(true)
#define XATTR_CALLS(name, ...)                                 \
	XATTR_BEGIN(name, XATTR_BY_PATH, __VA_ARGS__);         \
	XATTR_BEGIN(l##name, XATTR_BY_LINK, __VA_ARGS__);      \
	XATTR_BEGIN(f##name, XATTR_BY_FD, __VA_ARGS__)

XATTR_CALLS(setxattr, xattr_change, .name = uptr_of(a[1]), .value = uptr_of(a[2]),
	    .size = a[3], .flags = (int)a[4]);
XATTR_CALLS(removexattr, xattr_change, .name = uptr_of(a[1]), .remove = true);
XATTR_CALLS(getxattr, xattr_fetch, .name = uptr_of(a[1]), .to = uptr_of(a[2]), .size = a[3]);
XATTR_CALLS(listxattr, xattr_names_of, .to = uptr_of(a[1]), .size = a[2]);
