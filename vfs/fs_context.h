/* vfs/fs_context.h -- a task's root, working directory and umask; shared by CLONE_FS.
 *
 * Ownership  fs_context_get/fs_context_put; fs_context_clone makes a private copy with refs 1. Each
 *            task it belongs to is one of its users besides (fs_context_share, _leave).
 * Locking    `lock`; readers copy the path out with references.
 */
#ifndef VFS_FS_CONTEXT_H
#define VFS_FS_CONTEXT_H

#include "coro/task.h"
#include "vfs/path.h"

struct mount_ns;
struct user_ns;

struct fs_context {
	refcount refs;		/* [a] */
	u32 users;		/* [a] tasks */
	spinlock lock;		/* RANK_FILE */
	struct path root, cwd;	/* under lock; owned references */
	struct mount_ns *ns;	/* under lock; owned; what its mounts belong to */
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

/* Another task's too from now on; and no longer (NULL is ignored). */
void fs_context_share(struct fs_context *fs);
void fs_context_leave(struct fs_context *fs);

/* With references. */
struct mount_ns *fs_context_ns(struct fs_context *fs);
void fs_context_root(struct fs_context *fs, struct path *to);
void fs_context_cwd(struct fs_context *fs, struct path *to);
/* A reference of the caller's is taken over. */
void fs_context_set_root(struct fs_context *fs, struct path *p);
void fs_context_set_cwd(struct fs_context *fs, struct path *p);
/* For one that no other task has: a copy of the mounts that belongs to `users`, and the same places
 * there. -ENOMEM, -ENOSPC. */
int fs_context_renew_ns(struct fs_context *fs, struct user_ns *users);
/* Is its root another than its namespace's? */
bool fs_context_is_confined(struct fs_context *fs);
/* The same: into another namespace, at its root. */
void fs_context_enter_ns(struct fs_context *fs, struct mount_ns *ns);
/* Whatever is at `from` moves to `to`: how many references of `from` are the caller's now. */
unsigned fs_context_replace(struct fs_context *fs, const struct path *from, const struct path *to);

#endif
