/* vfs/mount_list.h -- the mounts in order; for vfs/mount_show.c. */
#ifndef VFS_MOUNT_LIST_H
#define VFS_MOUNT_LIST_H

#include "vfs/mount.h"

/* The n-th attached mount, oldest first, with a reference; NULL past the last. */
struct mount *mount_nth(unsigned n);

#endif
