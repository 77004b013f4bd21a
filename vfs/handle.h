/* vfs/handle.h -- files by handles: a number that finds a file again without its name.
 *
 * What a handle says is never trusted: its number is looked up, and its generation compared, so
 * that a file's number that has gone to another one leads nowhere (-ESTALE).
 *
 * Ownership  handle_open's dentry is the caller's reference.
 */
#ifndef VFS_HANDLE_H
#define VFS_HANDLE_H

#include "vfs/super.h"

#define HANDLE_MAX 128u	/* bytes a user may give; ours are shorter */

struct handle {
	u32 bytes;
	i32 type;
	u32 words[3];
};

/* The handle of an inode, as Linux's file system of that kind makes it. `fid`: only to compare, and
 * so of any file system. -EOPNOTSUPP: this one finds no file by number. */
int handle_of(struct inode *inode, bool fid, struct handle *to);

/* The file of a super: -ESTALE, -ENOMEM, -EIO... A directory is found in its place; another file
 * under a name that is cached, or in none. */
struct handle_open {
	struct co_frame co;
	struct super *super;
	const struct handle *handle;
	struct dentry **found;
	struct inode *inode;
	u64 ino;
	u32 generation;
	long err;
};
co_t handle_open(struct co *co, struct handle_open *f);

#endif
