/* core/proc/timerfd.h -- timers that are read as files.
 *
 * Ownership  timerfd_make returns a file with one reference.
 * Locking    its own; reading waits.
 */
#ifndef PROC_TIMERFD_H
#define PROC_TIMERFD_H

#include "core/proc/posix_timer.h"

struct file;

/* flags: TFD_CLOEXEC is the caller's, TFD_NONBLOCK. 0 and *file, or a negative errno. */
int timerfd_make(int clock, u32 flags, const struct cred *cred, struct file **file);
/* -EINVAL if the file is no timer. */
int timerfd_set(struct file *file, bool absolute, const struct posix_timer_setting *new,
		struct posix_timer_setting *old);
int timerfd_get(struct file *file, struct posix_timer_setting *to);

#endif
