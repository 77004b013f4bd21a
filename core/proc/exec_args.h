/* core/proc/exec_args.h -- the inside of struct exec_args, for exec only. */
#ifndef PROC_EXEC_ARGS_H
#define PROC_EXEC_ARGS_H

#include "core/proc/exec.h"
#include "mem/phys/page.h"

#define EXEC_PREFIX_MAX 16

struct exec_args {
	u64 limit, bytes;
	u32 argc, envc;			/* strings in the pages */
	struct page **pages;		/* owned */
	u64 page_count;
	char *prefix[EXEC_PREFIX_MAX];	/* owned: what scripts put before the arguments */
	u32 prefix_count;
	bool skip_first;		/* argv[0] gave way to the prefix */
};

/* Where the next byte goes and how many fit there. */
int exec_args_room(struct exec_args *a, char **to, size_t *room);
/* Put a string before all others. */
int exec_args_prefix(struct exec_args *a, const char *s);
/* Forget the first argument. */
void exec_args_drop_first(struct exec_args *a);

#endif
