/* core/proc/exec.h -- running a new program in the current process. */
#ifndef PROC_EXEC_H
#define PROC_EXEC_H

#include "core/proc/thread.h"

struct exec_args;
struct file;

/* Argument and environment strings, gathered before the old image goes. */
struct exec_args *exec_args_new(u64 limit);	/* bytes in all; NULL without memory */
void exec_args_free(struct exec_args *a);
/* One string from the kernel, with its NUL. 0, -E2BIG, -ENOMEM. */
int exec_args_add(struct exec_args *a, const char *s, bool is_env);

/* Strings from a user array of pointers (argv or envp; 0 is an empty one). */
struct exec_args_read {
	struct co_frame co;
	struct exec_args *args;
	uptr array;
	bool is_env;
	u64 at;
	u64 string;
	long err;
	i64 len;
};
co_t exec_args_read(struct co *co, struct exec_args_read *f);

struct exec_image;

/* Run `file` (opened for execution, borrowed) under the name `name`. 0: the thread is set
 * up to enter the program; a negative errno: nothing changed. Takes over the args. */
struct exec_run {
	struct co_frame co;
	struct file *file;
	const char *name;
	struct exec_args *args;
	struct exec_image *image;
	int tid;		/* the thread's, before it becomes the leader */
	bool counted;
	long err, ignored;
};
co_t exec_run(struct co *co, struct exec_run *f);

#endif
