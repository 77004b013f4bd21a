/* core/proc/core.h -- core files: what a process leaves behind that dies of a signal like SIGSEGV.
 *
 * The thread that took the signal starts the end of its process and dumps; the others stop where
 * they would end, with their registers in their records, and end when the dump is over. SIGKILL
 * ends a dump; nothing else reaches the process any more.
 *
 *	core_dump	stop the others, name and open the file (core_name.c)
 *	  core_pipe	or start the program that it goes to
 *	  core_areas	choose what of the memory goes into it
 *	  core_notes	registers, signal, mapped files
 *	  core_out	bytes on their way to the file
 *
 * Ownership  the record of a dump belongs to core_dump; `process.core` shows it meanwhile.
 * Locking    [s] sig_lock of the process.
 */
#ifndef PROC_CORE_H
#define PROC_CORE_H

#include "core/proc/thread.h"

/* The current thread dies of sig, and with it its process. Returns 0. */
struct core_dump {
	struct co_frame co;
	int sig;
	const struct signal_info *info;
	struct core *core;
	long err;
};
co_t core_dump(struct co *co, struct core_dump *f);

/* The current thread is to end with its process: it waits for a dump under way. */
struct core_wait {
	struct co_frame co;
};
co_t core_wait(struct co *co, struct core_wait *f);

/* The current thread ends: no dump waits for it any more, nor shows it. */
void core_pass(struct thread *t);
/* t is new, while the others are told to stop. */
void core_add(struct process *p) REQUIRES(p->sig_lock);
/* SIGKILL came: that is what the process dies of, then. */
void core_interrupt(struct process *p) REQUIRES(p->sig_lock);

/* --- settings --- */

#define CORE_PATTERN_MAX 128	/* with its NUL */

void core_pattern(char to[CORE_PATTERN_MAX]);
void core_set_pattern(const char *text, size_t len);

struct core_settings {
	u32 uses_pid;		/* [a] the pid is appended to a name without one */
	u32 pipe_limit;		/* [a] dumps to programs at a time, each waiting for its program's
				 * end; 0: any, and none waits */
	u32 sort_areas;		/* [a] the smallest first */
	u32 suid_dumpable;	/* [a] enum space_dump of who is not who started him */
};
extern struct core_settings core_settings;

#endif
