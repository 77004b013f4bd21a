/* fs/tmpfs/tmpfs.h -- a file system whose only storage is memory: the page cache for bytes, a
 * tree per directory for names.
 *
 * Options: size= (bytes, k, m, g, or % of memory), nr_blocks=, nr_inodes= (0: no limit), mode=
 * (octal), uid=, gid=. Rename in all its forms; extended
 * attributes and access control lists; holes; device nodes, FIFOs and sockets.
 */
#ifndef TMPFS_TMPFS_H
#define TMPFS_TMPFS_H

/* Make the type "tmpfs" known; at boot. */
void tmpfs_register(void);

#endif
