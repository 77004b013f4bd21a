/* syscalls/fsopen.c -- fsopen, fsconfig, fsmount, fspick. */
#include <linux/fs.h>
#include <linux/mount.h>

#include "syscalls/mount.h"
#include "vfs/fd.h"
#include "vfs/fs_config.h"

#define FSOPEN_TEXT 256u	/* a key's or value's, the end included */

struct sys_fsopen {
	struct co_frame co;
	uptr from;
	u32 flags;
	char *name;
	struct fs_type *type;
	struct file *file;
	long err;
};
static co_t sys_fsopen(struct co *co, struct sys_fsopen *f)
{
	CO_BEGIN;
	if (!mount_may_change())
		CO_RETURN(-EPERM);
	if (f->flags & ~(u32)FSOPEN_CLOEXEC)
		CO_RETURN(-EINVAL);
	NAME_FROM_USER(f->err, f->name, f->from);
	if (f->err == -ENAMETOOLONG)
		f->err = -EINVAL;
	if (!f->err) {
		f->type = fs_find(f->name);
		f->err = f->type ? 0 : -ENODEV;
	}
	kfree(f->name);
	if (!f->err)
		f->err = fs_config_new(f->type, cred_current(co), &f->file);
	CO_RETURN(f->err ? f->err : mount_give(co, f->file, f->flags & FSOPEN_CLOEXEC));
	CO_END;
}
SYSCALL_CO(fsopen, from, flags);

struct sys_fspick {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 flags;
	struct path at;
	struct file *file;
	long err;
};
static co_t sys_fspick(struct co *co, struct sys_fspick *f)
{
	CO_BEGIN;
	if (!mount_may_change())
		CO_RETURN(-EPERM);
	if (f->flags & ~(u32)(FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT |
			      FSPICK_EMPTY_PATH))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, mount_walk, .dirfd = f->dirfd, .path = f->path, .to = &f->at,
		 .how = (f->flags & FSPICK_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
			(f->flags & FSPICK_EMPTY_PATH ? WALK_EMPTY : 0));
	if (f->err)
		CO_RETURN(f->err);
	f->err = f->at.dentry == f->at.mount->root
			 ? fs_config_pick(f->at.mount, cred_current(co), &f->file) : -EINVAL;
	path_put(&f->at);
	CO_RETURN(f->err ? f->err : mount_give(co, f->file, f->flags & FSPICK_CLOEXEC));
	CO_END;
}
SYSCALL_CO(fspick, dirfd, path, flags);

/* --- fsconfig --- */

struct sys_fsconfig {
	struct co_frame co;
	int fd;
	u32 cmd;
	uptr from_key, from_value;
	int aux;
	char *key, *value;
	struct file *file;
	long err;
};

/* What each command has of the three: 0, -EINVAL, -EOPNOTSUPP. */
static long fsconfig_check(const struct sys_fsconfig *f)
{
	bool key = f->from_key.raw, value = f->from_value.raw, ok;

	if (f->fd < 0)
		return -EINVAL;
	switch (f->cmd) {
	case FSCONFIG_SET_FLAG:
		ok = key && !value && !f->aux;
		break;
	case FSCONFIG_SET_STRING:
		ok = key && value && !f->aux;
		break;
	case FSCONFIG_SET_BINARY:
		ok = key && value && f->aux > 0 && f->aux <= 1024 * 1024;
		break;
	case FSCONFIG_SET_PATH:
	case FSCONFIG_SET_PATH_EMPTY:
		ok = key && value && (f->aux == AT_FDCWD || f->aux >= 0);
		break;
	case FSCONFIG_SET_FD:
		ok = key && !value && f->aux >= 0;
		break;
	case FSCONFIG_CMD_CREATE:
	case FSCONFIG_CMD_CREATE_EXCL:
	case FSCONFIG_CMD_RECONFIGURE:
		ok = !key && !value && !f->aux;
		break;
	default:
		return -EOPNOTSUPP;
	}
	return ok ? 0 : -EINVAL;
}

/* A text of at most 255 bytes into a buffer that is the caller's to free. */
struct fsconfig_text {
	struct co_frame co;
	uptr from;
	char **to;
	long len;
};
static co_t fsconfig_text(struct co *co, struct fsconfig_text *f)
{
	CO_BEGIN;
	*f->to = kmalloc(FSOPEN_TEXT);
	if (!*f->to)
		CO_RETURN(-ENOMEM);
	CO_STRING_FROM_USER(f->len, *f->to, f->from, FSOPEN_TEXT);
	CO_RETURN(f->len < 0 ? f->len : f->len == FSOPEN_TEXT ? -EINVAL : 0);
	CO_END;
}

/* With the file's lock held. */
struct fsconfig_do {
	struct co_frame co;
	struct sys_fsconfig *call;
	long err;
};
static co_t fsconfig_do(struct co *co, struct fsconfig_do *f)
{
	struct fs_config *c = fs_config_of(f->call->file);

	CO_BEGIN;
	if (f->call->cmd == FSCONFIG_CMD_CREATE || f->call->cmd == FSCONFIG_CMD_CREATE_EXCL)
		CO_AWAIT(f->err, fs_config_create, .config = c);
	else if (f->call->cmd == FSCONFIG_CMD_RECONFIGURE)
		CO_AWAIT(f->err, fs_config_change, .config = c);
	else if (f->call->cmd == FSCONFIG_SET_FLAG || f->call->cmd == FSCONFIG_SET_STRING)
		f->err = fs_config_set(c, f->call->key, f->call->value);
	else
		f->err = -EINVAL;	/* no file system has such a parameter */
	CO_RETURN(f->err);
	CO_END;
}

static co_t sys_fsconfig(struct co *co, struct sys_fsconfig *f)
{
	CO_BEGIN;
	f->err = fsconfig_check(f);
	if (f->err)
		CO_RETURN(f->err);
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	if (!fs_config_of(f->file))
		f->err = -EINVAL;
	if (!f->err && f->from_key.raw)
		CO_AWAIT(f->err, fsconfig_text, .from = f->from_key, .to = &f->key);
	if (!f->err && f->cmd == FSCONFIG_SET_STRING)
		CO_AWAIT(f->err, fsconfig_text, .from = f->from_value, .to = &f->value);
	if (!f->err) {
		CO_LOCK(&f->file->pos_lock);
		CO_AWAIT(f->err, fsconfig_do, .call = f);
		mutex_unlock(&f->file->pos_lock);
	}
	kfree(f->key);
	kfree(f->value);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fsconfig, fd, cmd, from_key, from_value, aux);

/* --- fsmount --- */

struct sys_fsmount {
	struct co_frame co;
	int fd;
	u32 flags, attr;
	u32 own;		/* MS_* */
	struct file *file, *tree;
	struct mount *mount;
	long err;
};
static co_t sys_fsmount(struct co *co, struct sys_fsmount *f)
{
	CO_BEGIN;
	if (!mount_may_change())
		CO_RETURN(-EPERM);
	if (f->flags & ~(u32)FSMOUNT_CLOEXEC)
		CO_RETURN(-EINVAL);
	f->err = mount_attr_flags(f->attr, &f->own);
	if (f->err)
		CO_RETURN(f->err);
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->err = -EINVAL;
	if (fs_config_of(f->file)) {
		CO_LOCK(&f->file->pos_lock);
		f->err = fs_config_mount(fs_config_of(f->file), f->own, &f->mount);
		mutex_unlock(&f->file->pos_lock);
	}
	file_put(f->file);
	if (!f->err)
		f->err = mount_open_tree(f->mount, cred_current(co), &f->tree);
	CO_RETURN(f->err ? f->err : mount_give(co, f->tree, f->flags & FSMOUNT_CLOEXEC));
	CO_END;
}
SYSCALL_CO(fsmount, fd, flags, attr);
