/* syscalls/mount.h -- what the calls about mounts share. */
#ifndef SYSCALLS_MOUNT_H
#define SYSCALLS_MOUNT_H

#include "syscalls/name.h"
#include "vfs/mount.h"

/* A path from user space to a place, without waiting for more than the walk; *to gets
 * references. how: WALK_*. */
struct mount_walk {
	struct co_frame co;
	int dirfd;
	uptr path;
	unsigned how;
	struct path *to;
	char *name;
	struct walk walk;
	long err;
};
co_t mount_walk(struct co *co, struct mount_walk *f);

/* A descriptor for file, which is taken over. */
long mount_give(struct co *co, struct file *file, bool cloexec);
/* A file on a tree that is attached nowhere, whose reference is taken over in any case: 0 or
 * -ENOMEM. */
long mount_open_tree(struct mount *m, const struct cred *cred, struct file **file);
/* MOUNT_ATTR_* as the flags of a new mount; -EINVAL. */
long mount_attr_flags(u64 attr, u32 *flags);

#endif
