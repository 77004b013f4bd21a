/* tests/sim/inside.h -- the part of the simulation's tests that looks into the kernel: compiled
 * as kernel code, since the kernel's headers and the C library's do not mix.
 */
#ifndef SIM_INSIDE_H
#define SIM_INSIDE_H

#include "hal/types.h"

#define INSIDE_POINTS 8192
#define INSIDE_CALLS  512

/* What runs leave behind, added up over all of them; in shared memory. */
struct findings {
	u32 hits[INSIDE_POINTS];
	u32 high[INSIDE_CALLS];	/* frame stack of each call, bytes at most */
	u32 calls[INSIDE_CALLS];
	u32 fault_hit;
	u64 fail_nth;		/* WORK_FAIL: which allocation */
};
extern struct findings *findings;

struct hal_user;
void inside_finishing(void);
void inside_explain(void);
void inside_left_user(const struct hal_user *u);
void inside_entering_user(const struct hal_user *u);
void inside_hook(struct hal_user *u, i64 what);

/* The figures: frame stacks, awaits never resumed at. */
void inside_print(void);
/* Per cent of the kernel's awaits that a run resumed at. */
unsigned inside_reached(void);
struct _IO_FILE;
int fflush(struct _IO_FILE *stream);
int snprintf(char *to, __SIZE_TYPE__ size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
