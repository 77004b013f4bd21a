/* vfs/fs_config.h -- a file system that is being made or changed step by step, behind a
 * descriptor (fsopen, fspick).
 *
 *	PARAMS --create--> CREATED --mount--> CHANGING --change--> CHANGING
 *	                                         ^ fspick
 *	A create or change that fails leaves FAILED: nothing more can be done with it.
 *
 * Ownership  the file owns the record; the record owns a mount of the file system that is
 *            attached nowhere and keeps it alive.
 * Locking    the file's pos_lock, held over all of it. Functions that are no coroutines are
 *            called with it and do not wait.
 */
#ifndef VFS_FS_CONFIG_H
#define VFS_FS_CONFIG_H

#include "vfs/file.h"
#include "vfs/mount.h"

struct fs_config;

/* fsopen, fspick. 0 and *file, or -ENOMEM. */
int fs_config_new(struct fs_type *type, const struct cred *cred, struct file **file);
int fs_config_pick(const struct mount *m, const struct cred *cred, struct file **file);
/* The record of such a file; NULL: it is another kind. */
struct fs_config *fs_config_of(const struct file *file);

/* One parameter; value NULL: a flag. -EBUSY in the wrong state, -EINVAL, -ENOMEM. */
int fs_config_set(struct fs_config *c, const char *key, const char *value);

/* -EBUSY in the wrong state; then what making the file system gives. */
struct fs_config_create {
	struct co_frame co;
	struct fs_config *config;
	u32 dev;
	long err;
};
co_t fs_config_create(struct co *co, struct fs_config_create *f);
struct fs_config_change {
	struct co_frame co;
	struct fs_config *config;
	long err;
};
co_t fs_config_change(struct co *co, struct fs_config_change *f);

/* A mount of it that is attached nowhere, flags MS_*: -EINVAL if it was not created, -EBUSY,
 * -ENOMEM. */
int fs_config_mount(struct fs_config *c, u32 flags, struct mount **m);

#endif
