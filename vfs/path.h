/* vfs/path.h -- a place in the tree: a dentry seen through a mount. The walk itself is below.
 *
 * Ownership  path_get/path_put: a path owns a reference on both halves. path_put may wait
 *            (the last reference of a removed file), hence PATH_PUT's two halves.
 */
#ifndef VFS_PATH_H
#define VFS_PATH_H

#include "coro/co.h"

struct dentry;
struct mount;

struct path {
	struct mount *mount;
	struct dentry *dentry;
};

#endif
