/* syscalls/xattr.c -- extended attributes: no file system here has any. The object is looked
 * for all the same, so that a wrong path is told from a right one.
 */
#include "syscalls/name.h"
#include "vfs/fd.h"

struct xattr_path {
	struct co_frame co;
	uptr path;
	unsigned flags;
	long answer;
	char *name;
	struct walk walk;
	long err;
};
static co_t xattr_path(struct co *co, struct xattr_path *f)
{
	CO_BEGIN;
	NAME_FROM_USER(f->err, f->name, f->path);
	if (!f->err) {
		f->err = walk_start(&f->walk, co, AT_FDCWD, f->name, f->flags);
		if (!f->err)
			WALK(f->err, &f->walk);
		walk_finish(&f->walk);
	}
	kfree(f->name);
	CO_RETURN(f->err ? f->err : f->answer);
	CO_END;
}

static long xattr_fd(struct task *t, int fd, long answer)
{
	struct file *file = fd_get(t->fds, fd);

	if (!file)
		return -EBADF;
	file_put(file);
	return answer;
}

/* A call by path, with and without following, and one by descriptor. Listing finds none, which
 * is no error. */
#define XATTR_CALL(name, result)                                                   \
	co_t begin_##name(struct co *co, const u64 *a);                            \
	co_t begin_##name(struct co *co, const u64 *a)                             \
	{                                                                          \
		return co_begin(co, xattr_path, .path = uptr_of(a[0]),             \
				.flags = WALK_FOLLOW, .answer = (result));         \
	}                                                                          \
	co_t begin_l##name(struct co *co, const u64 *a);                           \
	co_t begin_l##name(struct co *co, const u64 *a)                            \
	{                                                                          \
		return co_begin(co, xattr_path, .path = uptr_of(a[0]),             \
				.answer = (result));                               \
	}                                                                          \
	long plain_f##name(struct task *t, const u64 *a);                          \
	long plain_f##name(struct task *t, const u64 *a)                           \
	{                                                                          \
		return xattr_fd(t, (int)a[0], (result));                           \
	}                                                                          \
	static_assert(true)

XATTR_CALL(setxattr, -EOPNOTSUPP);
XATTR_CALL(getxattr, -EOPNOTSUPP);
XATTR_CALL(listxattr, 0);
XATTR_CALL(removexattr, -EOPNOTSUPP);
