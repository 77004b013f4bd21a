/* syscalls/link.c -- making, linking, renaming and removing names. */
#include <linux/fs.h>
#include <linux/stat.h>

#include "syscalls/name.h"
#include "vfs/entry.h"

struct link_make {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 mode, rdev;
	uptr target;		/* S_IFLNK */
	char *name, *text;
	long err;
};
static co_t link_make(struct co *co, struct link_make *f)
{
	CO_BEGIN;
	if (S_ISLNK(f->mode)) {
		NAME_FROM_USER(f->err, f->text, f->target);
		if (!f->err && !*f->text)
			f->err = -ENOENT;
	}
	if (!f->err)
		NAME_FROM_USER(f->err, f->name, f->path);
	if (!f->err)
		CO_AWAIT(f->err, entry_make, .dirfd = f->dirfd, .name = f->name, .mode = f->mode,
			 .rdev = f->rdev, .target = f->text);
	kfree(f->name);
	kfree(f->text);
	CO_RETURN(f->err);
	CO_END;
}

co_t begin_mkdirat(struct co *co, const u64 *a);
co_t begin_mkdirat(struct co *co, const u64 *a)
{
	return co_begin(co, link_make, .dirfd = (int)a[0], .path = uptr_of(a[1]),
			.mode = S_IFDIR | ((u32)a[2] & 01777));
}

co_t begin_symlinkat(struct co *co, const u64 *a);
co_t begin_symlinkat(struct co *co, const u64 *a)
{
	return co_begin(co, link_make, .target = uptr_of(a[0]), .dirfd = (int)a[1],
			.path = uptr_of(a[2]), .mode = S_IFLNK | 0777);
}

struct sys_mknodat {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 mode, dev;
	long err;
};
static co_t sys_mknodat(struct co *co, struct sys_mknodat *f)
{
	CO_BEGIN;
	if (!(f->mode & S_IFMT))
		f->mode |= S_IFREG;
	if (S_ISDIR(f->mode))
		CO_RETURN(-EPERM);
	if (!S_ISREG(f->mode) && !S_ISCHR(f->mode) && !S_ISBLK(f->mode) && !S_ISFIFO(f->mode) &&
	    !S_ISSOCK(f->mode))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, link_make, .dirfd = f->dirfd, .path = f->path,
		 .mode = f->mode & (S_IFMT | 07777), .rdev = name_dev_in(f->dev));
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(mknodat, dirfd, path, mode, dev);

struct sys_unlinkat {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 flags;
	char *name;
	long err;
};
static co_t sys_unlinkat(struct co *co, struct sys_unlinkat *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)AT_REMOVEDIR)
		CO_RETURN(-EINVAL);
	NAME_FROM_USER(f->err, f->name, f->path);
	if (!f->err)
		CO_AWAIT(f->err, entry_remove, .dirfd = f->dirfd, .name = f->name,
			 .directory = f->flags & AT_REMOVEDIR);
	kfree(f->name);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(unlinkat, dirfd, path, flags);

struct sys_linkat {
	struct co_frame co;
	int old_dirfd;
	uptr old_path;
	int new_dirfd;
	uptr new_path;
	u32 flags;
	char *old_name, *new_name;
	struct walk walk;
	long err;
};
static co_t sys_linkat(struct co *co, struct sys_linkat *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		CO_RETURN(-EINVAL);
	if ((f->flags & AT_EMPTY_PATH) && !cred_capable(cred_current(co), CAP_DAC_READ_SEARCH))
		CO_RETURN(-ENOENT);
	NAME_FROM_USER(f->err, f->old_name, f->old_path);
	if (!f->err)
		NAME_FROM_USER(f->err, f->new_name, f->new_path);
	if (f->err)
		goto out;
	f->err = walk_start(&f->walk, co, f->old_dirfd, f->old_name,
			    (f->flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) |
				    (f->flags & AT_EMPTY_PATH ? WALK_EMPTY : 0));
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		CO_AWAIT(f->err, entry_link, .from = &f->walk.path, .dirfd = f->new_dirfd,
			 .name = f->new_name);
	walk_finish(&f->walk);
out:
	kfree(f->old_name);
	kfree(f->new_name);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(linkat, old_dirfd, old_path, new_dirfd, new_path, flags);

#define LINK_RENAME_FLAGS (RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)

struct sys_renameat2 {
	struct co_frame co;
	int old_dirfd;
	uptr old_path;
	int new_dirfd;
	uptr new_path;
	u32 flags;
	char *old_name, *new_name;
	long err;
};
static co_t sys_renameat2(struct co *co, struct sys_renameat2 *f)
{
	CO_BEGIN;
	if ((f->flags & ~(u32)LINK_RENAME_FLAGS) ||
	    ((f->flags & RENAME_EXCHANGE) && (f->flags & ~(u32)RENAME_EXCHANGE)))
		CO_RETURN(-EINVAL);
	if ((f->flags & RENAME_WHITEOUT) && !cred_capable(cred_current(co), CAP_MKNOD))
		CO_RETURN(-EPERM);
	NAME_FROM_USER(f->err, f->old_name, f->old_path);
	if (!f->err)
		NAME_FROM_USER(f->err, f->new_name, f->new_path);
	if (!f->err)
		CO_AWAIT(f->err, entry_rename, .old_dirfd = f->old_dirfd,
			 .old_name = f->old_name, .new_dirfd = f->new_dirfd,
			 .new_name = f->new_name, .flags = f->flags);
	kfree(f->old_name);
	kfree(f->new_name);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(renameat2, old_dirfd, old_path, new_dirfd, new_path, flags);

co_t begin_renameat(struct co *co, const u64 *a);
co_t begin_renameat(struct co *co, const u64 *a)
{
	return co_begin(co, sys_renameat2, .old_dirfd = (int)a[0], .old_path = uptr_of(a[1]),
			.new_dirfd = (int)a[2], .new_path = uptr_of(a[3]));
}
