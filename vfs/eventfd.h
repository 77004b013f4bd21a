/* vfs/eventfd.h -- a number that is added to by writing and taken by reading.
 *
 * Ownership  eventfd_make returns a file with one reference.
 * Locking    its own; reading waits for a number, writing for room.
 */
#ifndef VFS_EVENTFD_H
#define VFS_EVENTFD_H

#include "vfs/file.h"

/* flags: EFD_SEMAPHORE, EFD_NONBLOCK; EFD_CLOEXEC is the caller's. 0 and *file, or -ENOMEM. */
int eventfd_make(u32 count, u32 flags, const struct cred *cred, struct file **file);

/* Is it one? Then add to its number, as far as that goes (it stays below the most there is), from
 * within the kernel: without waiting. */
bool eventfd_is(const struct file *file);
void eventfd_signal(struct file *file, u64 n);

#endif
