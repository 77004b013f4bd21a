/* vfs/inotify.h -- who watches a file or directory reads what happened to it (inotify(7)).
 *
 * Ownership  an instance is a file; closing it ends its watches. A watch holds a reference of
 *            its inode, which does not keep the removed file: when only watches hold it they
 *            are told and end (inotify_put).
 * Locking    one spinlock of its own, RANK_INOTIFY. Those that tell do not wait; without any
 *            watch in the machine they cost one load. Reading waits.
 */
#ifndef VFS_INOTIFY_H
#define VFS_INOTIFY_H

#include <linux/inotify.h>

#include "vfs/dentry.h"

struct cred;
struct file;

/* --- what the rest of the vfs says; `mask` is IN_*, the caller holds what it names --- */

/* Something happened to what d names: those who watch it, and its directory, hear of it. */
void inotify_tell(struct dentry *d, u32 mask);
/* To the inode alone. */
void inotify_tell_inode(struct inode *inode, u32 mask);
/* To a name in a directory. */
void inotify_tell_entry(struct inode *dir, const char *name, u32 len, bool is_dir, u32 mask);
/* A name moved, to the directories: both events have the same cookie. */
void inotify_tell_move(struct inode *old_dir, const char *old_name, u32 old_len,
		       struct inode *new_dir, const char *new_name, u32 new_len, bool is_dir);
/* For inode.c: drop a reference of an inode with watches; true if it was the last. */
bool inotify_put(struct inode *inode);
/* The last mount of this file system is gone: one watch in it ends; false: there was none. */
bool inotify_unmounted(struct super *s);

/* --- system calls --- */

/* Events that an instance made from now on keeps to be read; user_limits has the other limits. */
extern u32 inotify_events_max;	/* [a] */

/* flags: IN_NONBLOCK. 0 and *file, or a negative errno. */
int inotify_make(u32 flags, const struct cred *cred, struct file **file);
bool inotify_is(const struct file *file);
/* The watch's number or a negative errno. */
int inotify_add(struct file *file, struct inode *inode, u32 mask);
int inotify_remove(struct file *file, int wd);

#endif
