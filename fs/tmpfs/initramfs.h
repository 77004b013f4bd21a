/* fs/tmpfs/initramfs.h -- unpacking the boot loader's archive into the root file system.
 *
 * The format is cpio's "newc" (070701, 070702 without looking at the sums), not compressed.
 * Nothing in it is trusted: every number is checked against what is left of the archive.
 *
 * Ownership  borrows the archive.
 * Units      bytes.
 */
#ifndef TMPFS_INITRAMFS_H
#define TMPFS_INITRAMFS_H

#include "vfs/attr.h"
#include "vfs/file.h"
#include "vfs/walk.h"

/* One header, its name and data inside the archive. */
struct initramfs_item {
	const char *name;	/* NUL-terminated, there */
	const void *data;
	u32 ino, dev, mode, uid, gid, nlink, mtime, rdev;
	u64 size;
	u64 next;		/* offset of the next header */
};

/* Unpack into the task's working directory: 0, -EINVAL for a broken archive, or what making
 * something failed with. *used: where the archive ends (after the trailer). */
struct initramfs_unpack {
	struct co_frame co;
	const void *from;
	u64 size;
	u64 *used;
	u64 at;
	struct initramfs_item item;
	struct initramfs_link *links;
	long err;
};
co_t initramfs_unpack(struct co *co, struct initramfs_unpack *f);

#endif
