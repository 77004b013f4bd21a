/* vfs/open.h -- opening: from a place in the tree to an open file.
 *
 * Ownership  the file has one reference, the caller's.
 */
#ifndef VFS_OPEN_H
#define VFS_OPEN_H

#include "vfs/file.h"
#include "vfs/walk.h"

/* Who drives device numbers: file_ops for an S_IFCHR or S_IFBLK inode, NULL for none (-ENXIO).
 * Must not wait. Set once at boot by core/dev. */
void open_set_devices(const struct file_ops *(*lookup)(u32 mode, u32 rdev));

/* openat2(2): flags O_*, mode already masked to 07777 (umask is applied here); `limits` are the
 * WALK_* that say where the name may lead. */
struct open_at {
	struct co_frame co;
	int dirfd;
	const char *name;
	u32 flags, mode, limits;
	struct file **file;
	struct walk walk;
	struct path dir;	/* O_TMPFILE's */
	bool created;
	long err;
};
co_t open_at(struct co *co, struct open_at *f);

/* Open what lies at path (borrowed): exec, the console, /proc/self/fd's. Permission by cred
 * unless `checked`. */
struct open_path {
	struct co_frame co;
	const struct path *path;
	const struct cred *cred;
	bool checked;		/* just created: no permission check, no truncation */
	u32 flags;
	struct file **file;
	struct file *new;
	long err;
};
co_t open_path(struct co *co, struct open_path *f);

/* By name for the kernel itself (init's console, exec's interpreter): from the task's root and
 * working directory, with its credentials. want: CRED_EXEC asks for a regular file that may be
 * executed (-EACCES otherwise, noexec included). */
struct open_kernel {
	struct co_frame co;
	int dirfd;		/* AT_FDCWD, or where a relative name starts */
	const char *name;
	u32 walk_flags;		/* WALK_*: usually WALK_FOLLOW */
	u32 flags;
	unsigned want;
	struct file **file;
	struct walk walk;
	long err;
};
co_t open_kernel(struct co *co, struct open_kernel *f);

#endif
