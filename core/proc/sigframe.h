/* core/proc/sigframe.h -- the signal frame's other end: sigreturn and sigaltstack. */
#ifndef PROC_SIGFRAME_H
#define PROC_SIGFRAME_H

#include <asm/signal.h>


#include "core/proc/thread.h"

/* rt_sigreturn: load the registers, mask and alternate stack from the frame at sp. Never
 * waits. 0; -EFAULT: memory is missing, fault SIGFRAME_SIZE bytes in at sp and try again;
 * -EINVAL: not a frame. */
int sigframe_read(struct thread *t);

bool sigframe_on_alt_stack(const struct thread *t, u64 sp);

/* sigaltstack; either may be NULL. */
int sigframe_set_alt_stack(struct thread *t, const stack_t *new, stack_t *old);

#endif
