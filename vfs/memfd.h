/* vfs/memfd.h -- files that have no name in any file system (memfd_create), and seals: what may
 * never again be done to one, whoever has it open.
 *
 * They lie on a tmpfs that nobody mounted. Seals are an inode's, F_SEAL_* of <linux/fcntl.h>;
 * every regular file of a tmpfs has them, most just F_SEAL_SEAL: no others can be added.
 *
 * Units      bytes.
 * Locking    seals are added under the inode's lock held for writing; who writes, resizes or
 *            maps a file that may still get some (memfd_is_open) holds that lock too, so a seal
 *            comes before or after all of it.
 */
#ifndef VFS_MEMFD_H
#define VFS_MEMFD_H

#include <linux/fcntl.h>

#include "vfs/file.h"

#define MEMFD_WRITE_SEALS (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* At boot, once there is a tmpfs. */
struct memfd_setup {
	struct co_frame co;
	struct super *super;
	long err;
};
co_t memfd_setup(struct co *co, struct memfd_setup *f);

/* memfd_create(2): `name` is what is shown, flags are MFD_* that were checked. */
struct memfd_make {
	struct co_frame co;
	const char *name;
	u32 flags;
	const struct cred *cred;
	struct file **file;
	struct inode *inode;
	long err;
};
co_t memfd_make(struct co *co, struct memfd_make *f);

/* F_ADD_SEALS: 0, -EPERM, -EINVAL, or -EBUSY while somebody can store through a mapping. */
struct memfd_add_seals {
	struct co_frame co;
	struct file *file;
	u32 seals;
	long err, ignored;
};
co_t memfd_add_seals(struct co *co, struct memfd_add_seals *f);

/* F_GET_SEALS: the seals, or -EINVAL for a file that has none. */
long memfd_seals(const struct file *file);

/* A regular file of a tmpfs that is being made has its one seal. */
void memfd_seal_new(struct inode *inode);

/* May it get more seals? */
static inline bool memfd_is_open(const struct inode *inode)
{
	return (atomic_load_relaxed(&inode->flags) & INODE_SEALS) &&
	       !(atomic_load_relaxed(&inode->seals) & F_SEAL_SEAL);
}

static inline bool memfd_has(const struct inode *inode, u32 seals)
{
	return atomic_load_relaxed(&inode->seals) & seals;
}

/* What the seals allow; 0 or -EPERM. The first lets *most shrink to what may be written. */
long memfd_may_write(const struct inode *inode, u64 pos, u64 len, u64 *most);
long memfd_may_change(const struct inode *inode, const struct inode_attr *attr);
long memfd_may_allocate(const struct inode *inode, bool hole, u64 end);

#endif
