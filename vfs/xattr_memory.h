/* vfs/xattr_memory.h -- extended attributes of a file system that lives in memory.
 *
 * Ownership  all values belong to the set; xattr_memory_free frees them.
 * Units      the names of one inode fit into one list (XATTR_LIST_MAX), so all loops are short.
 * Locking    the inode's attr_lock around each call: writes drop an attribute without more.
 */
#ifndef VFS_XATTR_MEMORY_H
#define VFS_XATTR_MEMORY_H

#include "core/base/rbtree.h"
#include "vfs/xattr.h"

struct xattr_memory {
	struct rb_tree names;	/* descending, as Linux lists them */
	u32 list_size;		/* of all names with their NULs */
};

/* As the operations of vfs/inode.h; -ENOSPC for too many. */
long xattr_memory_get(const struct xattr_memory *m, const char *name, void *to, size_t size);
/* *bytes: by how much what is kept grew. */
long xattr_memory_set(struct xattr_memory *m, const char *name, const void *value, size_t size,
		      int flags, i64 *bytes);
void xattr_memory_list(const struct xattr_memory *m, struct xattr_names *to);
/* What keeping such an attribute counts for. */
u64 xattr_memory_size(const char *name, size_t size);
void xattr_memory_free(struct xattr_memory *m);
/* How much is kept under "user.". */
u64 xattr_memory_user(const struct xattr_memory *m);

#endif
