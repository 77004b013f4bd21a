/* mem/space/fault.h -- making a user address accessible.
 *
 * Use: result = fault_try(...); only if that says FAULT_WAIT, await fault_handle. A fault
 * that finds the access already possible is done (another CPU was just changing the entry:
 * the transient fault of break-before-make).
 *
 * Locking  fault_try takes the space's lock without waiting. Neither is called with a lock
 *          of the space, or a spinlock, held.
 */
#ifndef SPACE_FAULT_H
#define SPACE_FAULT_H

#include "hal/trap.h"
#include "mem/space/space.h"

enum fault_result {
	FAULT_DONE,	/* try the access again */
	FAULT_WAIT,	/* fault_try only: it takes fault_handle */
	FAULT_MAPERR,	/* SIGSEGV, SEGV_MAPERR */
	FAULT_ACCERR,	/* SIGSEGV, SEGV_ACCERR */
	FAULT_BUS,	/* SIGBUS, BUS_ADRERR: past the end of the file, or unreadable */
	FAULT_OOM,	/* no memory: kill */
	FAULT_KILLED,	/* a fatal signal ended the wait: the access was not made possible */
	FAULT_SIGNALLED, /* any signal did, of FAULT_USER: try again after it */
	FAULT_POISON,	/* SIGBUS, BUS_MCEERR_AR: its program says that the page is lost */
};

/* A flag beside enum hal_access: a debugger's access. It may read what has no read right,
 * and write to a private mapping without write right, which gets its own copy. */
#define FAULT_FORCE 8
/* The program's own load or store: a wait for who settles its faults ends with any signal. */
#define FAULT_USER  16
/* It does not wait for that, but fails. So does FAULT_FORCE. */
#define FAULT_ALONE 32

enum fault_result fault_try(struct space *s, uptr addr, unsigned access);

/* What a fault lacks before it can go on, and, in `page`, what the pager gave for it. */
struct fault_need {
	enum { FAULT_NEEDS_NOTHING, FAULT_NEEDS_GROWTH, FAULT_NEEDS_PAGE, FAULT_NEEDS_MEMORY,
	       FAULT_NEEDS_PROGRAM } what;
	bool write;
	struct pager *pager;
	u64 index;
	struct page *page;
};

struct fault_handle {
	struct co_frame co;
	struct space *space;
	uptr addr;
	unsigned access;	/* enum hal_access | FAULT_* */
	struct fault_need need;
	struct pager *held;	/* the pager of need.page, referenced */
	long err;
};
co_t fault_handle(struct co *co, struct fault_handle *f);

/* Faults so far, for /proc/vmstat. */
struct fault_stats {
	u64 minor, major;	/* [a] */
};
extern struct fault_stats fault_stats;

#endif
