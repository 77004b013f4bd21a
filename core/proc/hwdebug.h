/* core/proc/hwdebug.h -- the hardware breakpoints and watchpoints of a thread, as its tracer sees
 * them: NT_ARM_HW_BREAK and NT_ARM_HW_WATCH.
 *
 * Ownership  the table is the thread's trace record's, made when a slot is first written.
 * Locking    as regset.h.
 */
#ifndef PROC_HWDEBUG_H
#define PROC_HWDEBUG_H

#include "core/proc/thread.h"

#define HWDEBUG_SIZE (8 + 16 * 16)	/* bytes of either set */

struct hwdebug;
void hwdebug_free(struct hwdebug *h);

/* hal_upcalls.debug. */
struct hal_debug;
const struct hal_debug *hwdebug_of(const struct hal_user *u);

/* Fill in a whole set. */
void hwdebug_get(struct thread *t, bool watch, void *to);
/* Take the first n bytes of one; -EINVAL, -ENOSPC, -ENOMEM: what lies before stays taken. */
int hwdebug_set(struct thread *t, bool watch, const void *from, size_t n);
/* exec: another program's addresses mean nothing. */
void hwdebug_forget(struct thread *t);

#endif
