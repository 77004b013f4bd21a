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

#endif
