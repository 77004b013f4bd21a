/* vfs/secretmem.h -- memory that is its programs' alone (memfd_secret(2)): a file that can only be
 * mapped, shared. Its pages are PAGE_SECRET (mem/space/pin.h): no call reads or writes them for
 * anybody, whatever his rights. The kernel's own map does have them.
 *
 * Its size is set once. Linux behaviour (6.12): no read, write or seek, nothing opens it again.
 *
 * Ownership  the object is its open file's; a mapping holds both.
 * Locking    the inode's; nothing here waits.
 */
#ifndef VFS_SECRETMEM_H
#define VFS_SECRETMEM_H

#include "vfs/file.h"

/* 0 and *file, or -ENOMEM. */
int secretmem_make(const struct cred *cred, struct file **file);
void secretmem_init(void);	/* at boot */

#endif
