/* vfs/dnotify.h -- who has a directory open is told by a signal that something in it changed
 * (F_NOTIFY). It says no more than that; inotify does.
 *
 * Ownership  a watch is the open file's and a table's of descriptors: it ends when any descriptor
 *            of that file is closed in that table.
 * Locking    inotify's; nothing here waits.
 */
#ifndef VFS_DNOTIFY_H
#define VFS_DNOTIFY_H

#include "vfs/file.h"

struct fd_table;

extern i32 dnotify_enabled;	/* [a] */

/* F_NOTIFY: arg is DN_*; nothing but DN_MULTISHOT ends it. fd is what the signal's record names.
 * 0, -ENOTDIR, -EINVAL, -ENOMEM. */
int dnotify_set(struct file *file, int fd, const struct fd_table *fds, u32 arg);
/* A descriptor of file was closed in fds; NULL: its last reference is gone. */
void dnotify_closed(struct file *file, const struct fd_table *fds);

#endif
