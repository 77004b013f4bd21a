/* core/proc/async.h -- signals for files: who gets them (F_SETOWN), which one (F_SETSIG), and
 * when: each time the file becomes ready (O_ASYNC), has urgent data, a lease is broken, or
 * something in the directory changes.
 *
 * A file with O_ASYNC has places of its own in the queues that a poll of it would wait in, so no
 * pipe, socket or terminal knows of signals. A wake comes with the queue's lock held, and often
 * others; so it only notes what happened. The thread that caused it sends what was noted on its
 * way to user mode, before it can see that its call is over; should it wait first, a worker does.
 *
 * Ownership  a file's owner is a reference of its struct pid.
 * Locking    async.c's own; nothing here waits.
 */
#ifndef PROC_ASYNC_H
#define PROC_ASYNC_H

#include "vfs/file.h"

struct task;
struct pid;

int async_start(void);	/* at boot: the worker; -ENOMEM */

/* type: F_OWNER_*; nr 0: nobody. 0, -ESRCH, -EINVAL, -ENOMEM. */
int async_set_owner(struct file *file, int type, int nr);
/* The number, 0 if it names nobody any more. */
int async_get_owner(struct file *file, int *type);
/* The same in F_SETOWN's way: a process, or with a minus a group. */
int async_set_number(struct file *file, int nr);
int async_get_number(struct file *file);
/* The ids of who set the owner: uid, euid. */
void async_get_uids(struct file *file, u32 uids[2]);

/* 0: SIGIO, without a record of what happened. */
int async_set_signal(struct file *file, int sig);
int async_get_signal(struct file *file);

/* Switch O_ASYNC; `fd` is what the signal's record names. A file that is always ready does not
 * have it, silently. 0, -ENOMEM. */
int async_switch(struct file *file, int fd, bool on);

/* Urgent data came: SIGURG for the owner. Any lock may be held that keeps the file. */
void async_urgent(struct file *file);

/* Is there something to send? For thread.c, on the way to user mode. */
extern u32 async_pending;	/* [a] files with notes, and the one whose signals are being sent */
void async_deliver(void);

#endif
