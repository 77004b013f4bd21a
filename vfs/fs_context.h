/* vfs/fs_context.h -- a task's root, working directory and umask; shared by CLONE_FS.
 *
 * Ownership  refs; fs_get/fs_put; fs_clone makes a private copy with refs 1.
 * Locking    `lock`; readers copy the path out with references.
 */
#ifndef VFS_FS_CONTEXT_H
#define VFS_FS_CONTEXT_H

#include "coro/task.h"
#include "vfs/path.h"

struct fs_context {
	refcount refs;		/* [a] */
	spinlock lock;		/* RANK_FILE */
	struct path root, cwd;	/* under lock; owned references */
	u32 umask;		/* [a] */
};

static inline struct fs_context *fs_current(struct co *co)
{
	return co_task(co)->fs;
}

/* Root and working directory at p (references taken), umask 022. NULL without memory. */
struct fs_context *fs_context_new(const struct path *p);
struct fs_context *fs_context_clone(struct fs_context *fs);
void fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);	/* NULL is ignored */

/* With references. */
void fs_context_root(struct fs_context *fs, struct path *to);
void fs_context_cwd(struct fs_context *fs, struct path *to);
/* A reference of the caller's is taken over. */
void fs_context_set_root(struct fs_context *fs, struct path *p);
void fs_context_set_cwd(struct fs_context *fs, struct path *p);
/* pivot_root: whatever is at `from` moves to `to`. */
void fs_context_replace(struct fs_context *fs, const struct path *from, const struct path *to);

#endif
