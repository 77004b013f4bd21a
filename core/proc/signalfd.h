/* core/proc/signalfd.h -- signals that are read as a file: the reader's own, of a set.
 *
 * Ownership  signalfd_make returns a file with one reference.
 * Locking    its own; reading waits.
 */
#ifndef PROC_SIGNALFD_H
#define PROC_SIGNALFD_H

#include "core/proc/signal.h"

struct cred;
struct file;

/* flags: SFD_CLOEXEC is the caller's, SFD_NONBLOCK. 0 and *file, or a negative errno. */
int signalfd_make(sigmask set, u32 flags, const struct cred *cred, struct file **file);
/* Another set for it; -EINVAL if the file is none of these. */
int signalfd_set(struct file *file, sigmask set);

#endif
