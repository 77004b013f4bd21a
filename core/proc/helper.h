/* core/proc/helper.h -- a program that the kernel starts by itself.
 *
 * It runs as root with every capability, from init's root and working directory, with an empty
 * environment, the limits of the first process, and one open descriptor. It has no parent and no
 * session: nobody waits for it, and nothing is left when it ends.
 *
 * Ownership  helper_run takes `in` over, whatever becomes of it.
 */
#ifndef PROC_HELPER_H
#define PROC_HELPER_H

#include "core/proc/thread.h"

struct file;

/* Start the program at args[0] and wait until it runs (not for its end): 0, or a negative errno if
 * it does not. `args` are argc strings, one behind the other. It leaves no core file itself. */
struct helper_run {
	struct co_frame co;
	const char *args;
	unsigned argc;
	struct file *in;		/* its descriptor 0 */
	struct process *process;	/* a local */
	long err;
};
co_t helper_run(struct co *co, struct helper_run *f);

#endif
