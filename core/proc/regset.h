/* core/proc/regset.h -- a thread's registers as ptrace and core files lay them out: sets named by
 * the NT_* numbers of ELF notes.
 *
 * Units      bytes.
 * Locking    the thread is the current one and synced, or stopped and its process's sig_lock held.
 */
#ifndef PROC_REGSET_H
#define PROC_REGSET_H

#include "core/proc/thread.h"

#define REGSET_MAX 544	/* bytes of the largest */

struct regset {
	u32 type;		/* NT_* */
	u32 size, unit;		/* bytes in all, and what a transfer is a multiple of */
	void (*get)(struct thread *t, void *to);	/* the whole set */
	/* The first n bytes are new; 0 or a negative errno. */
	int (*set)(struct thread *t, const void *from, size_t n);
};

/* NULL: there is none, of that number or on this machine. */
const struct regset *regset_find(u32 type);
/* The sets a core file holds, in its order; NULL past the last. */
const struct regset *regset_nth(unsigned n);

#endif
