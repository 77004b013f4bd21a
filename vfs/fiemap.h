/* vfs/fiemap.h -- FS_IOC_FIEMAP: where on the storage a file lies. */
#ifndef VFS_FIEMAP_H
#define VFS_FIEMAP_H

#include <linux/fiemap.h>

#include "vfs/file.h"

/* struct fiemap but for the extents, which follow it. */
struct fiemap_head {
	u64 fm_start, fm_length;
	u32 fm_flags, fm_mapped_extents, fm_extent_count, fm_reserved;
};
static_assert(sizeof(struct fiemap_head) == sizeof(struct fiemap));

/* The ioctl, for any file: -EOPNOTSUPP where the file system cannot tell. */
struct fiemap_run {
	struct co_frame co;
	struct file *file;
	uptr at;			/* the user's struct fiemap */
	struct inode *inode;
	struct fiemap_head head;
	struct inode_extent found, last;	/* len 0: none */
	u64 from, end;
	struct fiemap_extent out;
	long err, ignored;
};
co_t fiemap_run(struct co *co, struct fiemap_run *f);

#endif
