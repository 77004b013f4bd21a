/* vfs/path.h -- a place in the tree: a dentry seen through a mount.
 *
 * Ownership  path_get/path_put: a path owns a reference on both halves. Neither waits: an
 *            inode whose eviction has to wait is left to the reaper (vfs/inode.h).
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

void path_get(const struct path *p);
/* Drop both and clear *p; harmless on a cleared one. */
void path_put(struct path *p);

static inline bool path_same(const struct path *a, const struct path *b)
{
	return a->mount == b->mount && a->dentry == b->dentry;
}

/* What /proc/self/fd, getcwd and maps show: the text of p as seen from root (NULL: from the
 * root of the whole tree), written at the end of buf[size]; *start points at its first byte, NUL
 * at buf[size-1]. Returns its length, or -ENAMETOOLONG. " (deleted)" is appended for a removed
 * one if `mark`. *outside (may be NULL): p does not lie below root. */
long path_text(const struct path *p, const struct path *root, char *buf, size_t size, bool mark,
	       char **start, bool *outside);

#endif
