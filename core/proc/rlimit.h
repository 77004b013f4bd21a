/* core/proc/rlimit.h -- resource limits of a process.
 *
 * Locking  limits under process->sig_lock; one aligned word may be read without it.
 */
#ifndef PROC_RLIMIT_H
#define PROC_RLIMIT_H

#include <linux/resource.h>

#include "core/base/spinlock.h"

#define RLIMIT_COUNT 16

struct rlimits {
	struct rlimit of[RLIMIT_COUNT];
};

struct process;

void rlimit_defaults(struct rlimits *r);	/* init's, as Linux's */
u64 rlimit_get(struct process *p, unsigned which); /* the soft limit, ~0: none */
/* Tell the space and others that keep a copy. */
void rlimit_apply(struct process *p);

#endif
