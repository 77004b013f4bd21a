/* core/dev/blk_mount.h -- who mounts a block device: one file system, as often as it likes.
 *
 * Ownership  a device that was claimed is used (blk_use) until it is released.
 */
#ifndef DEV_BLK_MOUNT_H
#define DEV_BLK_MOUNT_H

#include "core/dev/blk.h"
#include "vfs/super.h"

/* Have a device for this mount, as `holder`: 0. Or find that this type of file system is mounted
 * from it already, as ready to be written to: 1, and the mount is made. Waits while somebody else
 * is about to mount it, or the last mount goes; a signal that kills ends that. -EBUSY: it is
 * another type's, the other way of being read-only, or held for too long. */
struct blk_mount_claim {
	struct co_frame co;
	const struct fs_mount *mount;
	struct blk_device *dev;
	void *holder;
	u64 until_ns;
	long err;
};
co_t blk_mount_claim(struct co *co, struct blk_mount_claim *f);

/* It has been unmounted, or was not mounted after all. Not the holder's: nothing happens. */
void blk_mount_release(struct blk_device *dev, const void *holder);

#endif
