/* syscalls/dir.c -- directories: reading them, and where a process stands. */
#include <linux/stat.h>

#include "syscalls/name.h"
#include "vfs/attr.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/inotify.h"

/* --- getdents64 --- */

/* Linux's struct linux_dirent64 (include/linux/dirent.h), not in the UAPI. */
struct dir_record {
	u64 ino;
	i64 off;
	u16 reclen;
	u8 type;
	char name[];
};

/* Collects records in a page; `room` is what the caller's buffer has left. */
struct dir_page {
	struct dir_emit emit;
	char *page;
	size_t used, room;
	bool tight;	/* an entry did not fit in `room` */
};

static bool dir_emit_record(struct dir_emit *emit, const char *name, size_t len, u64 ino, u8 type,
			    u64 next_pos)
{
	struct dir_page *to = container_of(emit, struct dir_page, emit);
	size_t size = round_up(offsetof(struct dir_record, name) + len + 1, sizeof(u64));
	struct dir_record *r = (struct dir_record *)(to->page + to->used);

	if (size > to->room - to->used)
		to->tight = true;
	if (size > min(to->room, PAGE_SIZE) - to->used)
		return false;
	memset(r, 0, size);
	*r = (struct dir_record){.ino = ino, .off = (i64)next_pos, .reclen = (u16)size,
				 .type = type};
	memcpy(r->name, name, len);
	to->used += size;
	return true;
}

/* One page full: entries from the file's position on; bytes copied, 0 at the end. */
struct dir_read_page {
	struct co_frame co;
	struct file *file;
	uptr to;
	size_t room;
	struct dir_page page;
	u64 pos;
	long err;
};
static co_t dir_read_page(struct co *co, struct dir_read_page *f)
{
	CO_BEGIN;
	f->page = (struct dir_page){.emit.emit = dir_emit_record, .room = f->room};
	f->page.page = kmalloc(PAGE_SIZE);
	if (!f->page.page)
		CO_RETURN(-ENOMEM);
	f->pos = (u64)f->file->pos;
	CO_READ_LOCK(&f->file->inode->lock);
	if (f->file->inode->flags & INODE_DEAD)
		f->err = -ENOENT;
	else
		CO_AWAIT_OP(f->err, f->file->inode->ops->readdir, .dir = f->file->inode,
			    .pos = &f->pos, .to = &f->page.emit);
	rwlock_unlock_read(&f->file->inode->lock);
	if (f->page.used) {
		CO_COPY_TO_USER(f->err, f->to, f->page.page, f->page.used);
		if (!f->err)
			f->err = (long)f->page.used;
	} else if (!f->err && f->page.tight) {
		f->err = -EINVAL;
	}
	if (f->err >= 0)
		f->file->pos = (i64)f->pos;
	kfree(f->page.page);
	CO_RETURN(f->err);
	CO_END;
}

struct sys_getdents64 {
	struct co_frame co;
	int fd;
	uptr to;
	u32 size;
	struct file *file;
	size_t done;
	long n;
};
static co_t sys_getdents64(struct co *co, struct sys_getdents64 *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->n = (i32)f->size < 0 ? -EINVAL : -ENOTDIR;
	if (f->n == -EINVAL || !S_ISDIR(f->file->inode->mode) ||
	    !f->file->inode->ops->readdir.step)
		goto out;
	CO_LOCK(&f->file->pos_lock);
	do {
		CO_AWAIT(f->n, dir_read_page, .file = f->file, .to = uptr_add(f->to, f->done),
			 .room = f->size - f->done);
		if (f->n > 0)
			f->done += (size_t)f->n;
		CO_BREATHE;
	} while (f->n > 0);
	mutex_unlock(&f->file->pos_lock);
	attr_accessed(f->file);
	inotify_tell(f->file->path.dentry, IN_ACCESS);
out:
	file_put(f->file);
	CO_RETURN(f->done ? (long)f->done : f->n);
	CO_END;
}
SYSCALL_CO(getdents64, fd, to, size);

/* --- the working directory and the root --- */

struct sys_chdir {
	struct co_frame co;
	uptr path;
	char *name;
	struct walk walk;
	struct path at;
	long err;
};
static co_t sys_chdir(struct co *co, struct sys_chdir *f)
{
	CO_BEGIN;
	NAME_FROM_USER(f->err, f->name, f->path);
	if (f->err)
		goto out;
	f->err = walk_start(&f->walk, co, AT_FDCWD, f->name, WALK_FOLLOW | WALK_DIRECTORY);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		f->err = inode_permission(f->walk.path.dentry->inode, cred_current(co), CRED_EXEC);
	if (!f->err) {
		walk_take(&f->walk, &f->at);
		fs_context_set_cwd(fs_current(co), &f->at);
	}
	walk_finish(&f->walk);
out:
	kfree(f->name);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(chdir, path);

static long sys_fchdir(struct task *t, int fd)
{
	struct file *file = fd_get_any(t->fds, fd);
	struct path at;
	long err = -ENOTDIR;

	if (!file)
		return -EBADF;
	if (S_ISDIR(file->inode->mode))
		err = inode_permission(file->inode, cred_current(&t->co), CRED_EXEC);
	if (!err) {
		at = file->path;
		path_get(&at);
		fs_context_set_cwd(t->fs, &at);
	}
	file_put(file);
	return err;
}
SYSCALL_PLAIN(fchdir, int);

struct sys_chroot {
	struct co_frame co;
	uptr path;
	char *name;
	struct walk walk;
	struct path at;
	long err;
};
static co_t sys_chroot(struct co *co, struct sys_chroot *f)
{
	CO_BEGIN;
	NAME_FROM_USER(f->err, f->name, f->path);
	if (f->err)
		goto out;
	f->err = walk_start(&f->walk, co, AT_FDCWD, f->name, WALK_FOLLOW | WALK_DIRECTORY);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		f->err = inode_permission(f->walk.path.dentry->inode, cred_current(co), CRED_EXEC);
	if (!f->err && !cred_capable_own(cred_current(co), CAP_SYS_CHROOT))
		f->err = -EPERM;
	if (!f->err) {
		walk_take(&f->walk, &f->at);
		fs_context_set_root(fs_current(co), &f->at);
	}
	walk_finish(&f->walk);
out:
	kfree(f->name);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(chroot, path);

#define DIR_UNREACHABLE "(unreachable)"

struct sys_getcwd {
	struct co_frame co;
	uptr to;
	size_t size;
	char *buf, *text;
	long len, err;
};

/* The text of the working directory at the end of buf; its length with the NUL, or an error. */
static long dir_cwd_text(struct co *co, char *buf, char **text)
{
	struct path root, cwd;
	bool outside, gone;
	long len;

	fs_context_root(fs_current(co), &root);
	fs_context_cwd(fs_current(co), &cwd);
	gone = cwd.dentry->inode->flags & INODE_DEAD;
	len = path_text(&cwd, &root, buf, PATH_MAX, false, text, &outside);
	path_put(&root);
	path_put(&cwd);
	if (gone)
		return -ENOENT;
	if (len >= 0 && outside) {
		if (*text - buf < (long)strlen(DIR_UNREACHABLE))
			return -ENAMETOOLONG;
		*text -= strlen(DIR_UNREACHABLE);
		memcpy(*text, DIR_UNREACHABLE, strlen(DIR_UNREACHABLE));
		len += (long)strlen(DIR_UNREACHABLE);
	}
	return len < 0 ? len : len + 1;
}

static co_t sys_getcwd(struct co *co, struct sys_getcwd *f)
{
	CO_BEGIN;
	f->buf = kmalloc(PATH_MAX);
	if (!f->buf)
		CO_RETURN(-ENOMEM);
	f->len = dir_cwd_text(co, f->buf, &f->text);
	f->err = f->len < 0 ? f->len : (size_t)f->len > f->size ? -ERANGE : 0;
	if (!f->err)
		CO_COPY_TO_USER(f->err, f->to, f->text, (size_t)f->len);
	kfree(f->buf);
	CO_RETURN(f->err ? f->err : f->len);
	CO_END;
}
SYSCALL_CO(getcwd, to, size);

static long sys_umask(struct task *t, u32 mask)
{
	return atomic_swap(&t->fs->umask, mask & 0777);
}
SYSCALL_PLAIN(umask, u32);
