/* core/proc/pidfd.h -- a process, or one thread, as a file: signalled and waited for without the
 * danger that its number has gone to another.
 *
 * Ownership  pidfd_make returns a file with one reference; it holds the struct pid.
 * Locking    proc_tree_lock. Nothing here waits.
 */
#ifndef PROC_PIDFD_H
#define PROC_PIDFD_H

#include <linux/pidfd.h>

#include "core/proc/pid.h"

struct cred;
struct file;

/* flags: PIDFD_NONBLOCK, PIDFD_THREAD. 0 and *file, or -ENOMEM. The number should be closed
 * by exec. */
int pidfd_make(struct pid *pid, u32 flags, const struct cred *cred, struct file **file);
/* The same of what this number names: -ESRCH nothing, -EINVAL nothing of that kind. */
int pidfd_open(int nr, u32 flags, const struct cred *cred, struct file **file);
/* Whom it stands for, borrowed from it; NULL: the file is none of these. */
struct pid *pidfd_pid(const struct file *file);
bool pidfd_is_thread(const struct file *file);
/* Whom a signal through it goes to: the same, and for a folder /proc/<pid> its process, which
 * fs/procfs, once it is there, tells. */
struct pid *pidfd_receiver(const struct file *file);
void pidfd_set_folders(struct pid *(*pid_of)(const struct file *folder));

/* What pid names has changed: tell who polls. */
void pidfd_changed(struct pid *pid) REQUIRES(proc_tree_lock);
/* For pid.c: the last reference is gone. */
void pidfd_forget(struct pid *pid);

#endif
