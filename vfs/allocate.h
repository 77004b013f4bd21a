/* vfs/allocate.h -- fallocate: room for bytes before they are written, and holes after.
 *
 * Where pages are the storage (tmpfs) it is done here; elsewhere by inode_ops.allocate, or
 * -EOPNOTSUPP.
 */
#ifndef VFS_ALLOCATE_H
#define VFS_ALLOCATE_H

#include "vfs/file.h"

/* mode: FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE, FALLOC_FL_COLLAPSE_RANGE,
 * FALLOC_FL_INSERT_RANGE, as Linux combines them.
 * limit_fsize as in file_write. */
struct file_allocate {
	struct co_frame co;
	struct file *file;
	u32 mode;
	i64 offset, len;
	u64 limit_fsize;
	struct inode *inode;
	u64 at, end;
	struct page *page;
	long err, ignored;
};
co_t file_allocate(struct co *co, struct file_allocate *f);

#endif
