/* core/proc/exec_stack.h -- where a new program's stack is and what stands on it. */
#ifndef PROC_EXEC_STACK_H
#define PROC_EXEC_STACK_H

#include "core/proc/exec_image.h"

/* Choose the stack's top and mmap's base, at random. */
void exec_stack_choose(struct exec_image *image);

/* Map the stack and write it; sets image->sp and what /proc shows. The program is mapped. */
struct exec_stack_write {
	struct co_frame co;
	struct exec_image *image;
	u64 at, len;
	long err;
};
co_t exec_stack_write(struct co *co, struct exec_stack_write *f);

#endif
