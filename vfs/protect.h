/* vfs/protect.h -- rules against being led astray in directories that everybody may write:
 * /proc/sys/fs/protected_*.
 *
 * Locking    none: inodes are borrowed, nothing waits; the settings are atomic.
 */
#ifndef VFS_PROTECT_H
#define VFS_PROTECT_H

#include "core/cred/cred.h"
#include "vfs/inode.h"

enum protect_rule { PROTECT_HARDLINKS, PROTECT_SYMLINKS, PROTECT_FIFOS, PROTECT_REGULAR };

/* 0: off; 2 (of FIFOs and files): in directories that a group may write, too. */
unsigned protect_get(enum protect_rule rule);
void protect_set(enum protect_rule rule, unsigned value);

/* A hard link to `inode`: -EPERM unless one owns it, or could as well copy it. */
int protect_link(struct inode *inode, const struct cred *cred);
/* Through a link in the last place, which lies in dir: -EACCES if somebody else planted it. */
int protect_follow(const struct inode *dir, const struct inode *link, const struct cred *cred);
/* O_CREAT finds `inode` in dir: -EACCES if somebody else put it there. */
int protect_create(const struct inode *dir, const struct inode *inode, const struct cred *cred);

#endif
