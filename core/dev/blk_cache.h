/* core/dev/blk_cache.h -- a block device's page cache and the files through which it is seen.
 *
 * Locking  the mapping's own. blk_file_ops's operations wait.
 */
#ifndef DEV_BLK_CACHE_H
#define DEV_BLK_CACHE_H

#include "core/dev/blk.h"
#include "vfs/file.h"

#define BLK_READ_AHEAD 32	/* pages */

/* At boot: sync(2) writes what was written to devices. */
void blk_cache_start(void);

/* Set up dev->mapping; blk_register's. */
void blk_cache_init(struct blk_device *dev);

/* What /dev/vda and its like open to, for core/dev's device table; open gives -ENXIO if no
 * device has the inode's number. */
extern const struct file_ops blk_file_ops;

/* Everything dirty to the device, and the device's own cache to what lasts. */
struct blk_sync {
	struct co_frame co;
	struct blk_device *dev;
	long err;
};
co_t blk_sync(struct co *co, struct blk_sync *f);

/* blk_ioctl.c */
struct blk_ioctl {
	struct file_ioctl;
	struct blk_device *dev;
	u64 value;
	long err;
};
co_t blk_ioctl(struct co *co, struct blk_ioctl *f);

#endif
