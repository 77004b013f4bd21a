/* core/proc/userfaultfd.h -- the descriptor by which a program settles its own page faults
 * (userfaultfd(2)); mem/space/userfault.h has what is behind it.
 *
 * Ownership  userfaultfd_make returns a file with one reference; closing it lets all waits go.
 * Locking    its own; reading and most requests may wait.
 */
#ifndef PROC_USERFAULTFD_H
#define PROC_USERFAULTFD_H

#include "vfs/file.h"

/* May anybody have the kernel's own accesses wait? (/proc/sys/vm) */
extern u32 userfaultfd_unprivileged;	/* [a] */

/* For the current process's space. flags: O_NONBLOCK, UFFD_USER_MODE_ONLY. 0 and *file, -ENOMEM. */
int userfaultfd_make(u32 flags, const struct cred *cred, struct file **file);

#endif
