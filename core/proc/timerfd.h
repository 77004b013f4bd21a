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
/* Flags: TFD_TIMER_*. -EINVAL if the file is no timer; -ECANCELED: it is set, but the clock was
 * set since the last time. */
int timerfd_set(struct file *file, u32 flags, const struct posix_timer_setting *new,
		struct posix_timer_setting *old);
int timerfd_get(struct file *file, struct posix_timer_setting *to);

/* For clock.c: tell those who want to know. */
void timerfd_clock_was_set(void);

#endif
