/* tests/sim/base.h -- what the parts of the simulation's work have in common: numbers, where the
 * programs' own memory is, and small pieces of programs.
 *
 * Registers: 27 who, 26 rounds, 25 choice, 19-24 within one thing.
 */
#ifndef SIM_BASE_H
#define SIM_BASE_H

#define __ARCH_WANT_NEW_STAT
#define __ARCH_WANT_SET_GET_RLIMIT
#define __ARCH_WANT_SYS_CLONE3
#include <asm-generic/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "work.h"

#ifndef __NR_newfstatat
#define __NR_newfstatat __NR3264_fstatat
#endif
/* arm64's value: the build host's means O_DIRECT there. */
#undef O_DIRECTORY
#define O_DIRECTORY 040000
#define NR_MMAP	    __NR3264_mmap
#define NR_LSEEK    __NR3264_lseek
#define NR_FTRUNCATE __NR3264_ftruncate

/* The programs' own memory. */
#define STATUS (PROG_SPACE + 0x0)
#define FDS    (PROG_SPACE + 0x40)
#define WORD   (PROG_SPACE + 0x80)	/* futex */
#define COUNT  (PROG_SPACE + 0xc0)	/* signals handled */
#define TIME   (PROG_SPACE + 0x100)
#define BUFFER (PROG_SPACE + 0x1000)	/* 16 KiB */
#define STACK  (PROG_SPACE + 0x9000)	/* a thread's, its end */

/* A descriptor or an error is in x0; go on to `what` only with a descriptor (in x19). */
#define WITH_FD(p) MOVE(p, 19, 0); \
	for (unsigned skip_ = prog_if_not_negative(p, 19), one_ = 1; one_; \
	     one_ = 0, prog_land(p, skip_))

/* fork(2): what follows is the child; it must end. */
#define CHILD(p) SYS(p, __NR_clone, I(SIGCHLD)); IF(p, 0, EQ, 0)

/* x0 has to be that, but where memory may end and disks fail: there whoever gets something else is
 * done. */
#define WANT(p, value)                                  \
	do {                                            \
		if ((p)->forgetful)                     \
			work_done_unless((p), (value)); \
		else                                    \
			EXPECT((p), 0, (value));        \
	} while (0)
/* It must not be an error. */
#define WANT_OK(p)                                 \
	do {                                       \
		if ((p)->forgetful)                \
			work_done_after_error(p);  \
		else                               \
			EXPECT_OK((p), 0);         \
	} while (0)

void work_done_unless(struct prog *p, i64 value);
void work_done_after_error(struct prog *p);
unsigned prog_if_not_negative(struct prog *p, unsigned reg);
void work_exit(struct prog *p, int status);
void work_hook(struct prog *p, unsigned what);
/* A page of the program's memory that nothing has touched, if its process is young. */
u64 work_fresh(struct prog *p);
/* Wait for one's own child (in x20), its status in x21. */
void work_wait(struct prog *p);
/* A path of one's own, in x[reg]: format_ with who. */
void work_own_path(struct prog *p, unsigned reg, const char *format_);
void work_sleep(struct prog *p);
/* From now on, how much it is to be taken for who has to end (oom_score_adj). */
void work_needs(struct prog *p, const char *score);
/* A handler for `sig` that counts at COUNT. */
void work_handler(struct prog *p, int sig);

/* One thing a process does, by subject; lists end with NULL. */
typedef void work_fn(struct prog *p);
extern work_fn *const work_files[], *const work_tasks[], *const work_devices[],
	*const work_events[], *const work_ipc[];
extern work_fn *const sweep_names[], *const sweep_files[], *const sweep_tasks[],
	*const sweep_memory[], *const sweep_devices[], *const sweep_ipc[], *const sweep_net[],
	*const sweep_trace[], *const sweep_wait[], *const sweep_layers[], *const sweep_cold[], *const sweep_more[], *const sweep_rare[], *const sweep_ends[],
	*const sweep_proc[], *const sweep_refused[], *const sweep_second[], *const sweep_policy[],
	*const sweep_userfault[], *const sweep_userfault_refused[], *const sweep_aio[], *const sweep_uring[],
	*const sweep_loop[], *const sweep_mounting[], *const sweep_written[], *const sweep_fat[], *const sweep_edges[];	/* for one that is alone */

/* A word of the program's own memory; x9 and x10 are used. */
#define WORD_AT(p, at, value)              \
	do {                               \
		SET(p, 9, at);             \
		SET(p, 10, value);         \
		STORE(p, 8, 10, 9, 0);     \
	} while (0)

/* A pipe: its ends are in x21 and x22. */
static inline void pipe_here(struct prog *p)
{
	SYS(p, __NR_pipe2, I(FDS), I(0));
	WANT(p, 0);
	SET(p, 9, FDS);
	LOAD(p, 4, 21, 9, 0);
	LOAD(p, 4, 22, 9, 4);
}

#endif
