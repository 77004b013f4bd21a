/* fs/devfs/devfs.h -- the file systems of /dev: devtmpfs and devpts. */
#ifndef DEVFS_DEVFS_H
#define DEVFS_DEVFS_H

/* At boot, after the devices have been registered. */
void devfs_register(void);

#endif
