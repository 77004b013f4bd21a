/* fs/overlayfs/overlayfs.h -- the overlay file system: a writable layer over read-only ones. */
#ifndef OVERLAYFS_OVERLAYFS_H
#define OVERLAYFS_OVERLAYFS_H

/* Enter "overlay" into the list of file systems; at boot. */
void overlayfs_register(void);

#endif
