/* syscalls/mount.c -- mount, umount2, pivot_root. */
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "core/proc/root.h"
#include "syscalls/mount.h"
#include "vfs/fs_context.h"
#include "vfs/mount.h"
#include "vfs/reaper.h"
#include "vfs/super.h"

/* Linux include/linux/fs.h, not in the UAPI. */
#define MNT_FORCE	1
#define MNT_DETACH	2
#define MNT_EXPIRE	4
#define UMOUNT_NOFOLLOW 8

#define MOUNT_PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define MOUNT_KEPT                                                                       \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME |     \
	 MS_RELATIME | MS_NOSYMFOLLOW)

co_t mount_walk(struct co *co, struct mount_walk *f)
{
	CO_BEGIN;
	NAME_FROM_USER(f->err, f->name, f->path);
	if (f->err)
		goto out;
	f->err = walk_start(&f->walk, co, f->dirfd, f->name, f->how);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		walk_take(&f->walk, f->to);
	walk_finish(&f->walk);
out:
	kfree(f->name);
	CO_RETURN(f->err);
	CO_END;
}

/* MS_REMOUNT: the super's read-only state and options, then the mount's flags. */
struct mount_again {
	struct co_frame co;
	const struct path *at;
	u32 kept, synced;
	const char *options;
	long err;
};
static co_t mount_again(struct co *co, struct mount_again *f)
{
	CO_BEGIN;
	if (f->at->dentry != f->at->mount->root || !mount_is_here(f->at->mount))
		CO_RETURN(-EINVAL);
	if (!cred_capable_in(task_current()->cred, f->at->mount->super->users, CAP_SYS_ADMIN))
		CO_RETURN(-EPERM);
	CO_AWAIT(f->err, super_change, .super = f->at->dentry->inode->super,
		 .read_only = f->kept & MS_RDONLY, .synced = f->synced, .options = f->options);
	CO_RETURN(f->err ? f->err : mount_set_flags(f->at, f->kept));
	CO_END;
}

/* One way to share, and no other flag but these. */
static long mount_share(const struct path *at, u64 flags)
{
	u64 share = flags & ~(u64)(MS_REC | MS_SILENT);

	if ((share & ~(u64)MOUNT_PROPAGATION) || (share & (share - 1)))
		return -EINVAL;
	return mount_set_attr(at, 0, 0, (u32)share, flags & MS_REC);
}

struct sys_mount {
	struct co_frame co;
	uptr source, target, type;
	u64 flags;
	uptr data;
	struct path at, from;
	char *source_name, *type_name, *options;
	struct fs_type *fs;
	u32 dev;
	u32 kept;
	long err;
};

/* The texts a mount is asked with; their buffers are the caller's to free, also on errors. */
struct mount_texts {
	struct co_frame co;
	struct sys_mount *of;
	long err;
};
static co_t mount_texts(struct co *co, struct mount_texts *f)
{
	struct sys_mount *of = f->of;

	CO_BEGIN;
	of->options = kzalloc(PAGE_SIZE);
	if (!of->options)
		CO_RETURN(-ENOMEM);
	if (of->type.raw)
		NAME_FROM_USER(f->err, of->type_name, of->type);
	if (!f->err && of->source.raw)
		NAME_FROM_USER(f->err, of->source_name, of->source);
	if (f->err == -ENAMETOOLONG)
		f->err = -EINVAL;	/* these are no paths yet */
	if (!f->err && of->data.raw) {
		CO_STRING_FROM_USER(f->err, of->options, of->data, PAGE_SIZE);
		/* As much as there is, if there is anything: then options are what is wrong. */
		if (f->err == -EFAULT && of->options[0])
			f->err = -EINVAL;
		f->err = f->err < 0 ? f->err : f->err == PAGE_SIZE ? -EINVAL : 0;
	}
	CO_RETURN(f->err);
	CO_END;
}

/* The mount's own flags as kept; relatime is the default, as on Linux. */
static u32 mount_kept(u64 flags)
{
	u32 kept = (u32)flags & MOUNT_KEPT;

	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		kept |= MS_RELATIME;
	return kept;
}

static co_t sys_mount(struct co *co, struct sys_mount *f)
{
	CO_BEGIN;
	/* An old magic number in the upper half means nothing. */
	if ((f->flags & 0xffff0000ul) == MS_MGC_VAL)
		f->flags &= 0xfffful;
	CO_AWAIT(f->err, mount_texts, .of = f);
	if (!f->err)
		CO_AWAIT(f->err, mount_walk, .dirfd = AT_FDCWD,
			 .path = f->target, .how = WALK_FOLLOW, .to = &f->at);
	if (f->err)
		goto out;
	f->err = -EPERM;
	if (!mount_may_change())
		goto out;
	f->err = -EINVAL;
	if (f->flags & MS_NOUSER)
		goto out;
	f->kept = mount_kept(f->flags);
	if ((f->flags & (MS_REMOUNT | MS_BIND)) == (MS_REMOUNT | MS_BIND)) {
		f->err = mount_set_flags(&f->at, f->kept);
	} else if (f->flags & MS_REMOUNT) {
		CO_AWAIT(f->err, mount_again, .at = &f->at, .kept = f->kept,
			 .synced = (u32)f->flags & SUPER_SYNCED, .options = f->options);
	} else if (f->flags & (MS_BIND | MS_MOVE)) {
		f->err = -EINVAL;
		if (f->source.raw)
			CO_AWAIT(f->err, mount_walk, .dirfd = AT_FDCWD,
				 .path = f->source, .how = WALK_FOLLOW,
				 .to = &f->from);
		if (!f->err && (f->flags & MS_BIND))
			f->err = mount_bind(&f->from, &f->at, f->flags & MS_REC);
		else if (!f->err)
			f->err = mount_move(&f->from, &f->at);
	} else if (f->flags & MOUNT_PROPAGATION) {
		f->err = mount_share(&f->at, f->flags);
	} else {
		f->err = f->type_name ? 0 : -EINVAL;
		f->fs = f->err ? NULL : fs_find(f->type_name);
		if (!f->err && !f->fs)
			f->err = -ENODEV;
		if (!f->err && !mount_may_make(f->fs))
			f->err = -EPERM;
		if (!f->err && f->fs->needs_device) {
			f->err = -EINVAL;
			if (f->source.raw)
				CO_AWAIT(f->err, mount_walk, .dirfd = AT_FDCWD,
					 .path = f->source,
					 .how = WALK_FOLLOW, .to = &f->from);
			if (!f->err && !S_ISBLK(f->from.dentry->inode->mode))
				f->err = -ENOTBLK;
			if (!f->err)
				f->dev = f->from.dentry->inode->rdev;
		}
		if (!f->err)
			CO_AWAIT(f->err, mount_fs, .at = &f->at, .type = f->fs, .dev = f->dev,
				 .source = f->source_name ? f->source_name : "none",
				 .options = f->options,
				 .flags = f->kept | ((u32)f->flags & SUPER_SYNCED));
	}
out:
	path_put(&f->from);
	path_put(&f->at);
	kfree(f->source_name);
	kfree(f->type_name);
	kfree(f->options);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(mount, source, target, type, flags, data);

struct sys_umount2 {
	struct co_frame co;
	uptr target;
	u32 flags;
	struct path at;
	long err, ignored;
};
static co_t sys_umount2(struct co *co, struct sys_umount2 *f)
{
	CO_BEGIN;
	if ((f->flags & ~(u32)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) ||
	    ((f->flags & MNT_EXPIRE) && (f->flags & (MNT_FORCE | MNT_DETACH))))
		CO_RETURN(-EINVAL);
	if (!mount_may_change())
		CO_RETURN(-EPERM);
	CO_AWAIT(f->err, mount_walk, .dirfd = AT_FDCWD,
		 .path = f->target, .to = &f->at,
		 .how = f->flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW);
	if (f->err)
		CO_RETURN(f->err);
	f->err = mount_umount(&f->at, f->flags);
	dentry_put(f->at.dentry);
	mount_put_unused(f->at.mount);
	/* If that was its last mount, the file system is on its disk, and gone, afterwards. */
	if (!f->err)
		CO_AWAIT(f->ignored, reaper_wait);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(umount2, target, flags);

/* All who were at the old root are at the new one afterwards. */
static long mount_turn(struct co *co, const struct path *new_root, const struct path *put_old)
{
	struct path root;
	long err;

	fs_context_root(fs_current(co), &root);
	err = mount_pivot(&root, new_root, put_old);
	if (!err)
		root_replace(&root, new_root);
	path_put(&root);
	return err;
}

struct sys_pivot_root {
	struct co_frame co;
	uptr new_root, put_old;
	struct path to, old;
	long err;
};
static co_t sys_pivot_root(struct co *co, struct sys_pivot_root *f)
{
	CO_BEGIN;
	if (!mount_may_change())
		CO_RETURN(-EPERM);
	CO_AWAIT(f->err, mount_walk, .dirfd = AT_FDCWD,
		 .path = f->new_root, .how = WALK_FOLLOW | WALK_DIRECTORY,
		 .to = &f->to);
	if (!f->err)
		CO_AWAIT(f->err, mount_walk, .dirfd = AT_FDCWD,
			 .path = f->put_old,
			 .how = WALK_FOLLOW | WALK_DIRECTORY, .to = &f->old);
	if (!f->err)
		f->err = mount_turn(co, &f->to, &f->old);
	path_put(&f->to);
	path_put(&f->old);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(pivot_root, new_root, put_old);
