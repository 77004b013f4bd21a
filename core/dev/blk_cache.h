/* core/dev/blk_cache.h -- a block device's page cache and the files through which it is seen.
 *
 * Locking  the mapping's own. blk_file_ops's operations wait.
 */
#ifndef DEV_BLK_CACHE_H
#define DEV_BLK_CACHE_H

#include "core/dev/blk.h"
#include "vfs/file.h"

/* At boot: sync(2) writes what was written to devices. */
void blk_cache_start(void);

/* Set up dev->mapping; blk_register's. */
void blk_cache_init(struct blk_device *dev);

/* What /dev/vda and its like open to, for core/dev's device table; open gives -ENXIO if no
 * device has the inode's number. */
extern const struct file_ops blk_file_ops;

#endif
