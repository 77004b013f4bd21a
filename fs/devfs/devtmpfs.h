/* fs/devfs/devtmpfs.h -- devtmpfs: /dev, a tmpfs that starts with a node for every device; those of
 * disks that come later are made and removed.
 *
 * There is one instance, whoever mounts it and however often.
 */
#ifndef DEVFS_DEVTMPFS_H
#define DEVFS_DEVTMPFS_H

/* Make the type known; tmpfs must be known, too, by the time of the first mount. */
void devtmpfs_register(void);

#endif
